//! What desks ask of the floor.

use liandong_dialplans::{Now, QueueName};

use super::refusals::{call_refusal, gone, nobody_free, queue_refusal};
use super::{Do, Done, Floor};
use crate::access::Refusal;
use crate::calls::call::{self, LegState, Party, Role};
use crate::calls::queue;
use crate::ids::{CallId, PersonId};

impl Floor {
    pub(super) fn queue_command(&mut self, command: queue::Command, now: Now) -> Result<(), Refusal> {
        let effects = self.acd.command(command, now).map_err(queue_refusal)?;
        self.queue_effects(effects, now);
        self.work(now);
        Ok(())
    }

    pub(super) fn call_command(&mut self, call: CallId, command: Do, now: Now) -> Result<Done, Refusal> {
        match command {
            Do::Plain(command) => self.plain(call, command, now)?,
            Do::Transfer { by, to } => {
                self.pass_on(call, by, &to, |by, to| call::Command::Transfer { by, to }, now)?;
            }
            Do::Consult { by, to } => {
                self.pass_on(call, by, &to, |by, to| call::Command::Consult { by, to }, now)?;
            }
        }
        Ok(Done { call: Some(call), ..Done::default() })
    }

    pub(super) fn plain(&mut self, id: CallId, command: call::Command, now: Now) -> Result<(), Refusal> {
        let live = self.live.get_mut(&id).ok_or_else(gone)?;
        let effects = live.call.command(command, now).map_err(call_refusal)?;
        self.perform(id, effects, now);
        self.work(now);
        Ok(())
    }

    /// Transfer or consultation: an agent as target is reserved first, and given back where the call refuses.
    pub(super) fn pass_on(
        &mut self,
        id: CallId,
        by: PersonId,
        to: &str,
        command: fn(PersonId, Party) -> call::Command,
        now: Now,
    ) -> Result<(), Refusal> {
        let queue = self.live.get(&id).ok_or_else(gone)?.call.last_queue().cloned();
        let party = match self.queue_named(to) {
            Some(queue) => Party::Agent(self.acd.longest_idle(&queue, by).ok_or_else(nobody_free)?),
            None => self.route(by, to)?.0,
        };
        self.reserve(&party, id, queue, now)?;
        let done = self.plain(id, command(by, party.clone()), now);
        if let (Err(_), Party::Agent(agent)) = (&done, party) {
            self.acd(queue::Input::Release { agent, call: id }, now);
        }
        done
    }

    /// A queue by its name in plans or the one that people use.
    pub(super) fn queue_named(&self, text: &str) -> Option<QueueName> {
        let named =
            |(name, queue): &(&QueueName, &liandong_dialplans::Queue)| name.as_str() == text || queue.title == text;
        self.plans.queues().find(named).map(|(name, _)| name.clone())
    }

    pub(super) fn reattach(&self, agent: PersonId) -> Result<Done, Refusal> {
        let his = |role: &Role| matches!(role, Role::Agent { agent: a } if *a == agent);
        let found = self.live.iter().find_map(|(id, live)| {
            live.call.legs().find(|(_, role, state)| his(role) && *state == LegState::Up).map(|(leg, ..)| (*id, leg))
        });
        let leg = found.ok_or_else(|| Refusal::conflict("calls.nothing_to_reattach", "您当前没有进行中的通话"))?;
        Ok(Done { call: Some(leg.0), reattach: Some(leg) })
    }
}
