//! After-call work 话后整理: what the call was about is written into its record, then the agent is free.

use liandong_dialplans::Millis;

use super::{CallAsk, CallState, profile, seat};
use crate::access::{Action, Actor, CommandError, Refusal};
use crate::calls::Calls;
use crate::calls::commands::{hidden, no_person, see};
use crate::calls::queue::{self, AgentState};
use crate::calls::records::write_one;
use crate::calls::rows::{self, CallRow};
use crate::calls::switch::{Ask, Entry};
use crate::events::calls::CallsEvent;
use crate::events::{Personal, Subject};
use crate::ids::{CallId, PersonId};
use crate::store::Tx;

/// Longest note, characters.
const NOTE_MAX: usize = 500;

impl Calls {
    /// Ends after-call work, or takes more time for it. With a code (and a note) these are written into the call's record,
    /// in this transaction; of an agent who has run out of time meanwhile they are taken all the same.
    ///
    /// # Errors
    /// Not his call, an unknown code, too long a note, no after-call work.
    pub async fn wrap_up(
        &self,
        tx: &mut Tx,
        actor: &Actor,
        call: CallId,
        ask: CallAsk,
    ) -> Result<CallState, CommandError> {
        let agent = actor.person.ok_or_else(no_person)?;
        if let Some(minutes) = ask.more_minutes {
            let by = Millis::from_secs(u64::from(minutes) * 60);
            self.switch.ask(Ask::Queue(queue::Command::ExtendWrapUp { agent, by })).await?;
            return Ok(self.state_of(call).await);
        }
        let written = self.write_wrap_up(tx, actor, call, &ask).await?;
        if self.is_wrapping_up(agent, call).await? || !written {
            self.switch.ask(Ask::Queue(queue::Command::FinishWrapUp { agent })).await?;
        }
        Ok(self.state_of(call).await)
    }

    /// Whether the switch holds the agent in after-call work of this very call.
    async fn is_wrapping_up(&self, agent: PersonId, call: CallId) -> Result<bool, Refusal> {
        let view = self.switch.view(Vec::new()).await?;
        profile(&view, agent)?;
        Ok(seat(&view, agent)?.state == AgentState::WrapUp { call })
    }

    /// Whether there was anything to write.
    async fn write_wrap_up(
        &self,
        tx: &mut Tx,
        actor: &Actor,
        call: CallId,
        ask: &CallAsk,
    ) -> Result<bool, CommandError> {
        let note = ask.note.as_deref().map(str::trim).filter(|note| !note.is_empty());
        let Some(code) = ask.code.as_deref() else {
            return if note.is_none() { Ok(false) } else { Err(missing_code(self).into()) };
        };
        let known = self.wrap_up_codes.iter().find(|known| known.code == code);
        let name = known.ok_or_else(|| missing_code(self))?.name.clone();
        if note.is_some_and(|note| note.chars().count() > NOTE_MAX) {
            let text = format!("话后小结的备注最多 {NOTE_MAX} 字");
            return Err(Refusal::invalid("calls.note_too_long", text).field("/note").into());
        }
        let row = rows::call(tx.conn(), call).await?.ok_or_else(hidden)?;
        see(actor, Action::CallRead, &row)?;
        if !served(&row, actor) {
            let text = "只有接听该通话的坐席可以填写话后小结";
            return Err(Refusal::forbidden("calls.not_in_call", text).who_may("接听该通话的坐席").into());
        }
        let note = note.map(|note| Personal::words(self.note_owner(&row), note));
        let event = CallsEvent::WrappedUp { code: code.to_owned(), name, note };
        let (at, actor) = (tx.now(), actor.as_ref());
        let entry = Entry { at, subject: Subject::from(call), call: Some(call), orgs: row.orgs, actor, event };
        write_one(tx, &self.vault, &entry).await?;
        Ok(true)
    }
}

fn missing_code(calls: &Calls) -> Refusal {
    let codes: Vec<&str> = calls.wrap_up_codes.iter().map(|code| code.code.as_str()).collect();
    Refusal::invalid("calls.unknown_wrap_up_code", format!("话后小结请从这些代码中选择：{}", codes.join("、")))
        .field("/code")
}

fn served(row: &CallRow, actor: &Actor) -> bool {
    actor.person.is_some_and(|person| row.agents.contains(&person.to_string()))
}
