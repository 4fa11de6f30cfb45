//! The audit is the log: sign-ins, refusals and reads of personal data are events, chained like all others.

use super::Actor;
use crate::events::access::AccessEvent;
use crate::events::{NewEvent, Subject};
use crate::ids::OrgPath;
use crate::log::{Vault, append};
use crate::store::{StoreError, Tx};

/// Appends an audit event of `actor`. Only holders of `audit.read` see it (its subject is of the kind `audit`).
pub async fn audit(tx: &mut Tx, vault: &Vault, actor: &Actor, event: &AccessEvent) -> Result<(), StoreError> {
    let who = actor.person.map_or_else(|| actor.name.clone(), |p| p.to_string());
    let orgs: Vec<OrgPath> = vec![actor.unit_path.clone()];
    append(tx, vault, NewEvent::of(Subject::new("audit", who), orgs, actor.as_ref(), event)).await?;
    Ok(())
}
