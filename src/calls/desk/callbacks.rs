//! Who is to be called back 回呼: callers who reached nobody.

use serde::Serialize;
use utoipa::ToSchema;

use crate::access::{Action, Actor, CommandError};
use crate::calls::commands::FIGURES_BACK_MS;
use crate::calls::{Calls, rows};
use crate::ids::Timestamp;

/// Missed calls shown on a desk.
const CALLBACKS_MAX: i64 = 20;
/// A missed caller is called back within two hours.
const DUE_MS: i64 = 2 * 3_600_000;

/// A caller to be called back 回呼.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct CallbackView {
    /// The missed call.
    pub id: String,
    /// The same, for links.
    pub call_id: String,
    /// Masked.
    pub number: String,
    /// By when: two hours after the call.
    #[schema(value_type = String, format = DateTime)]
    pub due_at: Timestamp,
    /// `abandoned` or `no_answer`.
    pub why: String,
}

impl Calls {
    /// Who called in the last day and reached nobody, oldest first. He is taken off once somebody has spoken with him, he
    /// to us or we to him; of several calls in vain the last one stands here.
    pub(in crate::calls) async fn callbacks(
        &self,
        actor: &Actor,
        now: Timestamp,
    ) -> Result<Vec<CallbackView>, CommandError> {
        let visible = actor.predicate(Action::CallRead, "orgs", "agent", "0", 1);
        let from = now.plus_millis(-FIGURES_BACK_MS);
        let mut found = Vec::new();
        for row in rows::to_call_back(self.store.reader(), &visible, from, CALLBACKS_MAX).await? {
            let call = self.view(row, None).await?;
            let (due_at, why) = (call.started_at.plus_millis(DUE_MS), call.result.unwrap_or_default());
            found.push(CallbackView { id: call.id.clone(), call_id: call.id, number: call.from.number, due_at, why });
        }
        found.reverse();
        Ok(found)
    }
}
