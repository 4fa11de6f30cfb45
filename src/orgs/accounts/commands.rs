//! Commands of administrators about accounts and sessions. The system administrator makes and unmakes accounts; the
//! security administrator unlocks, takes authenticators away and cuts sessions.

use super::check_user;
use super::password::Prepared;
use super::rows::{self, AccountRow};
use super::sip::StoredHa1;
use crate::access::{Action, Actor, CommandError, Refusal, Target, audit};
use crate::events::Subject;
use crate::events::access::AccessEvent;
use crate::events::orgs::OrgEvent;
use crate::ids::{OrgPath, PersonId, SessionId};
use crate::log::Vault;
use crate::orgs::commands::{not_there, tell};
use crate::orgs::people;
use crate::store::{StoreError, Tx};

/// What is needed for an account.
#[derive(Debug, Clone)]
pub struct NewAccount {
    /// The user name.
    pub user: String,
    /// Whose.
    pub person: PersonId,
    /// The first password, made ready by [`super::Hasher::prepare`].
    pub password: Prepared,
    /// Whether it must be changed at the first sign-in.
    pub must_change: bool,
    /// The telephone's extension.
    pub extension: Option<String>,
    /// The realm of the telephone's digest.
    pub realm: String,
}

/// Makes an account. The password's rules were checked by whoever made it ready.
pub async fn create_account(tx: &mut Tx, vault: &Vault, actor: &Actor, new: NewAccount) -> Result<(), CommandError> {
    let user = check_user(&new.user)?;
    let extension = new.extension.as_deref().map(check_extension).transpose()?;
    let paths = person_paths(tx, new.person).await?;
    check(actor, Action::SystemManage, &paths)?;
    if rows::account(tx.conn(), &user).await?.is_some() {
        return Err(Refusal::conflict("accounts.user_taken", "该用户名已被使用").field("/user").into());
    }
    if rows::account_of(tx.conn(), new.person).await?.is_some() {
        return Err(Refusal::conflict("accounts.has_account", "该人员已有账号").field("/person_id").into());
    }
    check_extension_free(tx, extension.as_deref(), &user).await?;
    let sip = seal_sip(tx, vault, &user, extension.as_deref(), &new.realm, &new.password).await?;
    let now = tx.now();
    let row = AccountRow {
        user: user.clone(),
        person: new.person,
        password_hash: new.password.hash,
        password_set_at: now,
        must_change: new.must_change,
        disabled_at: None,
        totp_secret: None,
        totp_active: false,
        totp_last_step: 0,
        extension: extension.clone(),
        sip_secret: Some(sip),
        last_sign_in_at: None,
        created_at: now,
        version: 1,
    };
    rows::insert_account(tx, &row).await?;
    changed(tx, vault, actor, "account.created", &user).await?;
    if extension.is_some() {
        tell_extension(tx, vault, actor, new.person, extension, &paths).await?;
    }
    Ok(())
}

/// Sets a new password for somebody else, who must change it at his next sign-in. His sessions end.
pub async fn reset_password(
    tx: &mut Tx,
    vault: &Vault,
    actor: &Actor,
    user: &str,
    password: Prepared,
    realm: &str,
) -> Result<(), CommandError> {
    let row = managed(tx, actor, Action::SystemManage, user).await?;
    store_password(tx, vault, &row, password, realm, true).await?;
    end_all(tx, vault, actor, user, None).await?;
    changed(tx, vault, actor, "password.reset", user).await
}

/// Turns an account off, which ends its sessions, or on again.
pub async fn set_disabled(
    tx: &mut Tx,
    vault: &Vault,
    actor: &Actor,
    user: &str,
    disabled: bool,
) -> Result<(), CommandError> {
    let row = managed(tx, actor, Action::SystemManage, user).await?;
    if disabled && actor.person == Some(row.person) {
        return Err(Refusal::conflict("accounts.own", "不能停用自己的账号").into());
    }
    let now = tx.now();
    rows::set_disabled(tx, user, disabled.then_some(now)).await?;
    if disabled {
        end_all(tx, vault, actor, user, None).await?;
    } else {
        // An account that went off for disuse would otherwise be off again at once.
        rows::set_signed_in(tx, user, now).await?;
    }
    changed(tx, vault, actor, if disabled { "account.disabled" } else { "account.enabled" }, user).await
}

/// Ends a lock-out before its time.
pub async fn unlock(tx: &mut Tx, vault: &Vault, actor: &Actor, user: &str) -> Result<(), CommandError> {
    managed(tx, actor, Action::SecurityManage, user).await?;
    rows::clear_tallies_of(tx, user).await?;
    changed(tx, vault, actor, "account.unlocked", user).await
}

/// Takes a lost authenticator away; where the policy asks for one, the next sign-in enrols a new one.
pub async fn reset_totp(tx: &mut Tx, vault: &Vault, actor: &Actor, user: &str) -> Result<(), CommandError> {
    managed(tx, actor, Action::SecurityManage, user).await?;
    rows::set_totp(tx, user, None, false).await?;
    end_all(tx, vault, actor, user, None).await?;
    changed(tx, vault, actor, "totp.removed", user).await
}

/// Gives the account's telephone another extension. A telephone that calls itself by the extension needs a new password
/// afterwards; one that calls itself by the user name does not.
pub async fn set_extension(
    tx: &mut Tx,
    vault: &Vault,
    actor: &Actor,
    user: &str,
    extension: Option<&str>,
) -> Result<(), CommandError> {
    let row = managed(tx, actor, Action::SystemManage, user).await?;
    let extension = extension.map(check_extension).transpose()?;
    check_extension_free(tx, extension.as_deref(), user).await?;
    rows::set_extension(tx, user, extension.as_deref()).await?;
    let paths = person_paths(tx, row.person).await?;
    tell_extension(tx, vault, actor, row.person, extension, &paths).await
}

/// Ends a session: one's own, or as security administrator anybody's.
pub async fn cut_session(tx: &mut Tx, vault: &Vault, actor: &Actor, session: SessionId) -> Result<(), CommandError> {
    let now = tx.now();
    let row = rows::session(tx.conn(), session).await?.ok_or_else(|| not_there("会话"))?;
    let own = actor.person == Some(row.person);
    if !own {
        let paths = person_paths(tx, row.person).await?;
        if !actor.may(Action::SecurityManage, Target::of(&paths)) {
            return Err(not_there("会话").into());
        }
    }
    rows::end_session(tx, session, now).await?;
    let by = if own { "self".to_owned() } else { actor.user.clone() };
    audit(tx, vault, actor, &AccessEvent::SignedOut { session: session.to_string(), by }).await?;
    Ok(())
}

/// Stores a password and the telephone's hashes made from it.
pub(super) async fn store_password(
    tx: &mut Tx,
    vault: &Vault,
    row: &AccountRow,
    password: Prepared,
    realm: &str,
    must_change: bool,
) -> Result<(), CommandError> {
    let now = tx.now();
    let sip = seal_sip(tx, vault, &row.user, row.extension.as_deref(), realm, &password).await?;
    rows::set_password(tx, row, &password.hash, &sip, must_change, now).await?;
    Ok(())
}

/// Ends all sessions of an account but one.
pub(super) async fn end_all(
    tx: &mut Tx,
    vault: &Vault,
    actor: &Actor,
    user: &str,
    except: Option<SessionId>,
) -> Result<(), CommandError> {
    let now = tx.now();
    for session in rows::sessions_of(tx.conn(), user).await? {
        if Some(session.id) != except && rows::end_session(tx, session.id, now).await? {
            let by = actor.user.clone();
            audit(tx, vault, actor, &AccessEvent::SignedOut { session: session.id.to_string(), by }).await?;
        }
    }
    Ok(())
}

/// Whose key seals an account's secrets.
pub(super) fn owner(user: &str) -> String {
    format!("account:{user}")
}

async fn seal_sip(
    tx: &mut Tx,
    vault: &Vault,
    user: &str,
    extension: Option<&str>,
    realm: &str,
    password: &Prepared,
) -> Result<String, CommandError> {
    let stored = StoredHa1::new(user, extension, realm, &password.plain);
    let text = serde_json::to_string(&stored).map_err(|e| StoreError::Damaged(e.to_string()))?;
    Ok(vault.seal(tx, &owner(user), &text).await?)
}

async fn managed(tx: &mut Tx, actor: &Actor, action: Action, user: &str) -> Result<AccountRow, CommandError> {
    // Who is no administrator at all learns not even whether there is such an account.
    if !actor.may_somewhere(action) {
        actor.check(action, Target::of(&[]))?;
    }
    let row = rows::account(tx.conn(), user).await?.ok_or_else(|| not_there("账号"))?;
    let paths = person_paths(tx, row.person).await?;
    check(actor, action, &paths).map_err(|_| not_there("账号"))?;
    Ok(row)
}

/// A person without a post is within everybody's reach who has the right at all: somebody must give him his first.
fn check(actor: &Actor, action: Action, paths: &[OrgPath]) -> Result<(), Refusal> {
    if paths.is_empty() && actor.may_somewhere(action) {
        return Ok(());
    }
    actor.check(action, Target::of(paths))
}

async fn person_paths(tx: &mut Tx, person: PersonId) -> Result<Vec<OrgPath>, CommandError> {
    let (_, paths) = people::person(tx.conn(), person).await?.ok_or_else(|| not_there("人员"))?;
    Ok(paths)
}

async fn changed(tx: &mut Tx, vault: &Vault, actor: &Actor, what: &str, user: &str) -> Result<(), CommandError> {
    let event = AccessEvent::Changed { what: what.to_owned(), subject: format!("account:{user}") };
    audit(tx, vault, actor, &event).await?;
    Ok(())
}

async fn tell_extension(
    tx: &mut Tx,
    vault: &Vault,
    actor: &Actor,
    person: PersonId,
    extension: Option<String>,
    paths: &[OrgPath],
) -> Result<(), CommandError> {
    let path = paths.first().cloned().unwrap_or_else(|| actor.unit_path.clone());
    tell(tx, vault, actor, Subject::from(person), path, &OrgEvent::ExtensionSet { person, extension }).await
}

/// An extension: 3 to 8 digits; shorter ones collide with emergency and service numbers.
fn check_extension(text: &str) -> Result<String, Refusal> {
    if (3..=8).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit()) {
        return Ok(text.to_owned());
    }
    Err(Refusal::invalid("accounts.extension", "分机号应为3至8位数字").field("/extension"))
}

async fn check_extension_free(tx: &mut Tx, extension: Option<&str>, user: &str) -> Result<(), CommandError> {
    let Some(extension) = extension else { return Ok(()) };
    match rows::account_of_phone(tx.conn(), extension).await? {
        Some(other) if other.user != user => {
            Err(Refusal::conflict("accounts.extension_taken", "该分机号已分配给他人").field("/extension").into())
        }
        _ => Ok(()),
    }
}
