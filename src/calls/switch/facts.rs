//! What is known of a live call beside its machine, and the machines' events in the log's words.

use std::path::PathBuf;

use liandong_dialplans::{PlanSet, QueueName};
use serde::{Deserialize, Serialize};

use super::ports::{AgentProfile, Areas};
use crate::calls::call::{CallEvent, EndedBy, LegId, Role};
use crate::calls::queue::{AgentState, Left, QueueEvent, Reason};
use crate::events::calls::{CallsEvent, Direction, LegParty};
use crate::events::{ActorRef, Subject};
use crate::ids::{CallId, CaseId, OrgPath, PersonId, Timestamp};

/// One event on its way to the writer.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// When it happened.
    pub at: Timestamp,
    /// What it is about.
    pub subject: Subject,
    /// The call, if it is about one.
    pub call: Option<CallId>,
    /// Who may see it; empty: as the call's row says (the call is over).
    pub orgs: Vec<OrgPath>,
    /// Who did it.
    pub actor: ActorRef,
    /// What happened.
    pub event: CallsEvent,
}

/// What is known of a live call.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Facts {
    pub(super) direction: Direction,
    pub(super) orgs: Vec<OrgPath>,
    pub(super) started: u64,
    /// When a person was first asked for, on the monotonic clock.
    pub(super) asked: Option<u64>,
    pub(super) wait_ms: Option<u64>,
    pub(super) recording: Option<PathBuf>,
    /// When it began, on the monotonic clock.
    pub(super) recording_since: u64,
    /// The leg that a transfer leads to.
    pub(super) transfer_to: Option<LegId>,
    pub(super) cases: Vec<CaseId>,
}

impl Facts {
    pub(super) fn new(direction: Direction, home: OrgPath, started: u64) -> Self {
        Self {
            direction,
            orgs: vec![home],
            started,
            asked: None,
            wait_ms: None,
            recording: None,
            recording_since: 0,
            transfer_to: None,
            cases: Vec::new(),
        }
    }

    /// Whoever sees `path` sees the call from now on.
    pub(super) fn concern(&mut self, path: &OrgPath) {
        if !self.orgs.iter().any(|known| known == path) {
            self.orgs.push(path.clone());
        }
    }
}

/// The words for events: names of agents and queues, and whose the queues are.
pub(super) struct Words<'a> {
    pub(super) plans: &'a PlanSet,
    pub(super) areas: &'a dyn Areas,
    pub(super) agent: &'a dyn Fn(PersonId) -> Option<&'a AgentProfile>,
}

impl Words<'_> {
    pub(super) fn party(&self, leg: LegId, role: &Role) -> LegParty {
        let (word, agent, target) = match role {
            Role::Caller => ("caller", None, None),
            Role::Agent { agent } => ("agent", Some(*agent), None),
            Role::Target { target } => ("target", None, Some(target.to_string())),
            Role::Number => ("number", None, None),
        };
        let agent_name = agent.and_then(|a| (self.agent)(a)).map(|a| a.name.clone());
        LegParty { leg: leg.0, role: word.into(), agent, agent_name, target }
    }

    /// Who acted, by the leg: an agent by his name, else what stands there.
    pub(super) fn actor(&self, role: &Role) -> ActorRef {
        match role {
            Role::Agent { agent } => self.agent_ref(*agent),
            Role::Caller => ActorRef::part("phone", "来电人"),
            Role::Target { target } => ActorRef::part("phone", target.as_str()),
            Role::Number => ActorRef::part("phone", "外线"),
        }
    }

    pub(super) fn agent_ref(&self, agent: PersonId) -> ActorRef {
        let name = (self.agent)(agent).map(|a| a.name.clone()).unwrap_or_default();
        ActorRef { kind: "person".into(), person: Some(agent), post: None, name }
    }

    pub(super) fn title(&self, queue: &QueueName) -> String {
        self.plans.queues().find(|(name, _)| *name == queue).map_or_else(|| queue.to_string(), |(_, q)| q.title.clone())
    }

    /// A call's event, with what the facts add; changes the facts.
    pub(super) fn call_event(
        &self,
        event: CallEvent,
        facts: &mut Facts,
        role_of: &dyn Fn(LegId) -> Role,
        now: u64,
    ) -> Vec<(CallsEvent, ActorRef)> {
        let part = |leg: LegId| (self.party(leg, &role_of(leg)), self.actor(&role_of(leg)));
        let plan = || ActorRef::part("system", "话务流程");
        let one = |event, actor| vec![(event, actor)];
        match event {
            CallEvent::Offered { .. } => Vec::new(), // told with what came in the INVITE
            CallEvent::PlanAnswered => one(CallsEvent::Greeted {}, plan()),
            CallEvent::Invited { leg, role } => one(CallsEvent::Invited(self.party(leg, &role)), plan()),
            CallEvent::Alerting { leg } => {
                let (party, actor) = part(leg);
                one(CallsEvent::Alerting(party), actor)
            }
            CallEvent::Connected { leg, role } => self.connected(leg, &role, facts, now),
            CallEvent::Held { by } => {
                let (party, actor) = part(by);
                one(CallsEvent::Held(party), actor)
            }
            CallEvent::Resumed { by } => {
                let (party, actor) = part(by);
                one(CallsEvent::Resumed(party), actor)
            }
            CallEvent::TransferStarted { from, to } => {
                facts.transfer_to = Some(to);
                one(CallsEvent::TransferStarted(part(to).0), self.actor(&role_of(from)))
            }
            CallEvent::TransferFailed { to } => {
                facts.transfer_to = None;
                one(CallsEvent::TransferFailed(part(to).0), plan())
            }
            CallEvent::ConsultStarted { from, to } => {
                one(CallsEvent::ConsultStarted(part(to).0), self.actor(&role_of(from)))
            }
            CallEvent::ConsultEnded { to } => one(CallsEvent::ConsultEnded(part(to).0), plan()),
            CallEvent::HandedOver { to } => {
                facts.transfer_to = Some(to); // told when it is connected
                Vec::new()
            }
            CallEvent::Conference { with } => {
                let (party, actor) = part(with);
                one(CallsEvent::Conference(party), actor)
            }
            CallEvent::TransferLost => one(CallsEvent::TransferLost {}, plan()),
            CallEvent::Recording { on } => {
                let path = facts.recording.as_ref().filter(|_| on).map(|p| p.display().to_string());
                one(CallsEvent::Recording { on, path }, plan())
            }
            CallEvent::Variable { name, value } => one(CallsEvent::Variable { name, value }, plan()),
            CallEvent::Note { about, text } => one(CallsEvent::Noted { about: word(&about), text }, plan()),
            CallEvent::LegEnded { leg, role, talk_ms, hold_ms } => {
                one(CallsEvent::LegEnded { party: self.party(leg, &role), talk_ms, hold_ms }, self.actor(&role))
            }
            CallEvent::Ended { outcome, by, cause, duration_ms, talk_ms } => {
                let actor = match by {
                    EndedBy::Caller => self.actor(&role_of(crate::calls::call::CALLER)),
                    EndedBy::Callee => ActorRef::part("phone", "对方"),
                    EndedBy::Plan => plan(),
                    EndedBy::System => ActorRef::part("system", "话务交换"),
                };
                let ended = CallsEvent::Ended {
                    direction: facts.direction,
                    outcome: word(&outcome),
                    by: word(&by),
                    cause: word(&cause),
                    duration_ms,
                    talk_ms,
                    wait_ms: facts.wait_ms,
                    recording: facts.recording.is_some(),
                };
                one(ended, actor)
            }
        }
    }

    fn connected(&self, leg: LegId, role: &Role, facts: &mut Facts, now: u64) -> Vec<(CallsEvent, ActorRef)> {
        if let Role::Agent { agent } = role
            && let Some(profile) = (self.agent)(*agent)
        {
            facts.concern(&profile.unit_path);
        }
        let wait_ms = *facts.wait_ms.get_or_insert(now.saturating_sub(facts.asked.unwrap_or(facts.started)));
        let (party, actor) = (self.party(leg, role), self.actor(role));
        let mut events = Vec::new();
        if facts.transfer_to.take() == Some(leg) {
            events.push((CallsEvent::Transferred(party.clone()), actor.clone()));
        }
        events.push((CallsEvent::Answered { party, direction: facts.direction, wait_ms }, actor));
        events
    }

    /// A queue's event about a call, in the log's words; the county whose queue it enters sees the call from now on.
    pub(super) fn queue_event(&self, event: QueueEvent, facts: Option<&mut Facts>, now: u64) -> (CallsEvent, ActorRef) {
        let acd = || ActorRef::part("system", "排队机");
        match event {
            QueueEvent::Entered { queue, priority, waited_ms, .. } => {
                if let Some(facts) = facts {
                    facts.concern(&self.areas.home_of(&queue));
                    facts.asked.get_or_insert(now.saturating_sub(waited_ms));
                }
                let (title, priority) = (self.title(&queue), word(&priority));
                (CallsEvent::Queued { queue: queue.0, title, priority, waited_ms }, acd())
            }
            QueueEvent::Moved { from, to, kept_since, .. } => {
                if let Some(facts) = facts {
                    facts.concern(&self.areas.home_of(&to));
                }
                let title = self.title(&to);
                (CallsEvent::QueueMoved { from: from.0, to: to.0, title, kept_since }, acd())
            }
            QueueEvent::Ranked { priority, reason, .. } => {
                (CallsEvent::QueueRanked { priority: word(&priority), reason }, acd())
            }
            QueueEvent::Reserved { agent, queue, .. } => (CallsEvent::QueueReserved { agent, queue: queue.0 }, acd()),
            QueueEvent::Alerting { agent, .. } => (CallsEvent::QueueAlerting { agent }, acd()),
            QueueEvent::AgentAnswered { agent, .. } => {
                (CallsEvent::QueueAgentAnswered { agent }, self.agent_ref(agent))
            }
            QueueEvent::Answered { agent, queue, waited_ms, .. } => {
                (CallsEvent::QueueAnswered { agent, queue: queue.0, waited_ms }, self.agent_ref(agent))
            }
            QueueEvent::Returned { agent, why, .. } => {
                (CallsEvent::QueueReturned { agent, why: reason_code(&why).into() }, acd())
            }
            QueueEvent::Left { queue, why, waited_ms, .. } => {
                let actor = if why == Left::Abandoned { ActorRef::part("phone", "来电人") } else { acd() };
                (CallsEvent::QueueLeft { queue: queue.0, why: word(&why), waited_ms }, actor)
            }
            QueueEvent::Agent { agent, state } => {
                let (word, reason, call) = state_words(&state);
                (CallsEvent::AgentState { agent, state: word.into(), reason, call }, self.agent_ref(agent))
            }
        }
    }
}

/// The call that a queue's event is about.
pub(super) fn call_of(event: &QueueEvent) -> Option<CallId> {
    match event {
        QueueEvent::Entered { call, .. }
        | QueueEvent::Moved { call, .. }
        | QueueEvent::Ranked { call, .. }
        | QueueEvent::Reserved { call, .. }
        | QueueEvent::Alerting { call, .. }
        | QueueEvent::AgentAnswered { call, .. }
        | QueueEvent::Answered { call, .. }
        | QueueEvent::Returned { call, .. }
        | QueueEvent::Left { call, .. } => Some(*call),
        QueueEvent::Agent { .. } => None,
    }
}

/// An agent's state as events and screens name it: the word, why, the call.
pub(in crate::calls) fn state_words(state: &AgentState) -> (&'static str, Option<String>, Option<CallId>) {
    match state {
        AgentState::Offline => ("offline", None, None),
        AgentState::Ready => ("ready", None, None),
        AgentState::Reserved { call } => ("reserved", None, Some(*call)),
        AgentState::Ringing { call } => ("ringing", None, Some(*call)),
        AgentState::Talking { call } => ("talking", None, Some(*call)),
        AgentState::Hold { call } => ("hold", None, Some(*call)),
        AgentState::WrapUp { call } => ("wrap_up", None, Some(*call)),
        AgentState::NotReady { reason } => ("not_ready", Some(reason_text(reason)), None),
    }
}

/// The state that these words name; `None` for unknown ones.
pub(in crate::calls) fn state_of(word: &str, reason: Option<&str>, call: Option<CallId>) -> Option<AgentState> {
    Some(match (word, call) {
        ("offline", _) => AgentState::Offline,
        ("ready", _) => AgentState::Ready,
        ("reserved", Some(call)) => AgentState::Reserved { call },
        ("ringing", Some(call)) => AgentState::Ringing { call },
        ("talking", Some(call)) => AgentState::Talking { call },
        ("hold", Some(call)) => AgentState::Hold { call },
        ("wrap_up", Some(call)) => AgentState::WrapUp { call },
        ("not_ready", _) => AgentState::NotReady { reason: reason_of(reason.unwrap_or_default()) },
        _ => return None,
    })
}

fn reason_of(text: &str) -> Reason {
    let named = [Reason::NoAnswer, Reason::Declined, Reason::Busy, Reason::PhoneLost];
    named.into_iter().find(|reason| reason_code(reason) == text).unwrap_or_else(|| Reason::Chosen(text.to_owned()))
}

fn reason_code(reason: &Reason) -> &'static str {
    match reason {
        Reason::Chosen(_) => "chosen",
        Reason::NoAnswer => "no_answer",
        Reason::Declined => "declined",
        Reason::Busy => "busy",
        Reason::PhoneLost => "phone_lost",
    }
}

fn reason_text(reason: &Reason) -> String {
    match reason {
        Reason::Chosen(text) => text.clone(),
        other => reason_code(other).to_owned(),
    }
}

/// The serialised word of an enum without fields.
fn word(value: &impl Serialize) -> String {
    serde_json::to_value(value).ok().and_then(|v| v.as_str().map(str::to_owned)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn states_come_back_from_their_words() {
        let call = CallId(uuid::Uuid::from_u128(7));
        for state in [
            AgentState::Offline,
            AgentState::Ready,
            AgentState::Reserved { call },
            AgentState::Ringing { call },
            AgentState::Talking { call },
            AgentState::Hold { call },
            AgentState::WrapUp { call },
            AgentState::NotReady { reason: Reason::Chosen("小休".into()) },
            AgentState::NotReady { reason: Reason::NoAnswer },
            AgentState::NotReady { reason: Reason::PhoneLost },
        ] {
            let (word, reason, call) = state_words(&state);
            assert_eq!(state_of(word, reason.as_deref(), call), Some(state));
        }
        assert_eq!(state_of("talking", None, None), None);
    }
}
