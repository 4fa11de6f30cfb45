//! What became of the cases that somebody took in 我登记的工单动态, and what a handful of cases is about: for the agents'
//! desk and the wall.

use std::collections::BTreeMap;

use super::commands::Cases;
use super::lists::CaseLine;
use super::rows;
use crate::access::Actor;
use crate::ids::{CaseId, Timestamp};
use crate::store::{Store, StoreError};

/// Cases shown.
const NEWS_MAX: u32 = 20;
/// Older changes are no news.
const NEWS_MS: i64 = 7 * 24 * 3_600_000;

impl Cases {
    /// The cases that `actor` took in and that others have moved since he looked last, newest change first.
    ///
    /// # Errors
    /// The store's.
    pub async fn news(&self, store: &Store, actor: &Actor) -> Result<Vec<CaseLine>, StoreError> {
        let Some(person) = actor.person else { return Ok(Vec::new()) };
        let since = Timestamp::now().plus_millis(-NEWS_MS);
        let cases = rows::news::news(store.reader(), actor, person, since, NEWS_MAX).await?;
        Ok(cases.iter().map(|case| self.line(case)).collect())
    }

    /// Notes that `actor` looks at a case, where he took it in and it has changed since he did last.
    ///
    /// # Errors
    /// The store's.
    pub async fn looked(&self, store: &Store, actor: &Actor, id: CaseId) -> Result<(), StoreError> {
        let Some(person) = actor.person else { return Ok(()) };
        if !rows::news::is_news(store.reader(), id, person).await? {
            return Ok(());
        }
        store.write(move |tx| Box::pin(async move { rows::news::put_look(tx, id).await })).await
    }

    /// The names of the classes of these cases. Class names are no secret; whose cases they are is not told.
    ///
    /// # Errors
    /// The store's.
    pub async fn topics(&self, store: &Store, ids: &[CaseId]) -> Result<BTreeMap<CaseId, String>, StoreError> {
        let found = rows::news::classes_of(store.reader(), ids).await?;
        let named = |code: String| self.classes().class(&code).map(|class| class.zh.clone()).unwrap_or(code);
        Ok(found.into_iter().map(|(id, code)| (id, named(code))).collect())
    }
}
