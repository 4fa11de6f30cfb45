//! An agent (话务员) and what happens to him.

use liandong_dialplans::{Millis, QueueName, QueueNotice};
use serde::{Deserialize, Serialize};

use super::line::Waiting;
use super::{Acd, Command, Effect, PHONES_RETURN, QueueEvent, Refusal, Turn, WRAP_UP_EXTENSION_MAX};
use crate::calls::queue::figures::Outcome;
use crate::ids::{CallId, PersonId};

/// What an agent is doing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum AgentState {
    /// Not signed in (离线).
    Offline,
    /// Takes calls (空闲).
    Ready,
    /// Chosen for a call, the phone does not ring yet (预占).
    Reserved {
        /// Which.
        call: CallId,
    },
    /// The phone rings (振铃).
    Ringing {
        /// For which.
        call: CallId,
    },
    /// In a call (通话).
    Talking {
        /// Which.
        call: CallId,
    },
    /// In a call, the caller on hold (保持).
    Hold {
        /// Which.
        call: CallId,
    },
    /// After-call work (话后整理).
    WrapUp {
        /// After which call.
        call: CallId,
    },
    /// Signed in, takes no calls (示忙).
    NotReady {
        /// Why.
        reason: Reason,
    },
}

impl AgentState {
    /// The call that occupies him now.
    pub fn call(&self) -> Option<CallId> {
        match self {
            Self::Reserved { call } | Self::Ringing { call } | Self::Talking { call } | Self::Hold { call } => {
                Some(*call)
            }
            Self::Offline | Self::Ready | Self::WrapUp { .. } | Self::NotReady { .. } => None,
        }
    }

    fn rings_for(&self) -> Option<CallId> {
        match self {
            Self::Reserved { call } | Self::Ringing { call } => Some(*call),
            _ => None,
        }
    }

    fn talks_in(&self) -> Option<CallId> {
        match self {
            Self::Talking { call } | Self::Hold { call } => Some(*call),
            _ => None,
        }
    }
}

/// Why an agent is not ready.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(tag = "code", content = "text", rename_all = "snake_case")]
pub enum Reason {
    /// His own reason: break, meal, training … (小休).
    Chosen(String),
    /// Did not answer in time (久振未接).
    NoAnswer,
    /// Refused the call at the phone, or went off while it rang.
    Declined,
    /// The phone was busy with another call.
    Busy,
    /// The phone could not be reached.
    PhoneLost,
}

/// What an agent asks to be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum Wanted {
    /// Ready for calls.
    Ready,
    /// Signed in, no calls.
    NotReady {
        /// Why.
        reason: String,
    },
    /// Signed out.
    Offline,
}

impl Wanted {
    fn state(self) -> AgentState {
        match self {
            Self::Ready => AgentState::Ready,
            Self::NotReady { reason } => AgentState::NotReady { reason: Reason::Chosen(reason) },
            Self::Offline => AgentState::Offline,
        }
    }
}

/// An agent as the ACD knows him.
#[derive(Debug)]
pub(super) struct Agent {
    queues: Vec<QueueName>,
    pub(super) state: AgentState,
    /// Since when in this state.
    pub(super) since: Millis,
    /// When his last work ended: the order among the free.
    pub(super) idle_since: Millis,
    /// What he becomes when call and after-call work are over.
    pub(super) next: Option<Wanted>,
    /// When the ring or the after-call work ends by itself.
    until: Option<Millis>,
    /// The call he answered, as it waited: it goes back like that if he drops out before he is connected.
    serving: Option<Waiting>,
    /// The queue whose after-call work follows a talk that came to him directly.
    booked: Option<QueueName>,
    /// When the present talk began, holds included.
    talk_since: Millis,
    /// He hears the caller.
    connected: bool,
    reachable: bool,
    /// After a restart: until then his phone may come back.
    phone_back_by: Option<Millis>,
}

impl Agent {
    fn new(now: Millis) -> Self {
        Self {
            queues: Vec::new(),
            state: AgentState::Offline,
            since: now,
            idle_since: now,
            next: None,
            until: None,
            serving: None,
            booked: None,
            talk_since: now,
            connected: false,
            reachable: true,
            phone_back_by: None,
        }
    }

    pub(super) fn serves(&self, queue: &QueueName) -> bool {
        self.queues.contains(queue)
    }

    pub(super) fn queues(&self) -> &[QueueName] {
        &self.queues
    }

    pub(super) fn deadline(&self) -> Option<Millis> {
        self.until.into_iter().chain(self.phone_back_by).min()
    }

    /// When the ring or the after-call work ends by itself.
    pub(super) fn ends_at(&self) -> Option<Millis> {
        self.until
    }

    /// He answered a queue's call that may still go back to its line.
    #[cfg(test)]
    pub(super) fn may_return(&self) -> bool {
        self.serving.is_some() && !self.connected
    }

    pub(super) fn is_free(&self) -> bool {
        self.state == AgentState::Ready && self.reachable
    }

    /// Signed in, whatever he does.
    pub(super) fn is_there(&self) -> bool {
        self.state != AgentState::Offline
    }

    /// Takes calls now or after the present one.
    pub(super) fn works(&self) -> bool {
        let stays = self.next.as_ref().is_none_or(|next| *next == Wanted::Ready);
        match self.state {
            AgentState::Offline | AgentState::NotReady { .. } => false,
            AgentState::Ready => true,
            _ => stays,
        }
    }
}

impl Acd {
    pub(super) fn serves(&mut self, agent: PersonId, queues: Vec<QueueName>, turn: &mut Turn) {
        let now = turn.now.mono;
        self.agents.entry(agent).or_insert_with(|| Agent::new(now)).queues = queues;
    }

    fn agent(&mut self, agent: PersonId) -> Result<&mut Agent, Refusal> {
        self.agents.get_mut(&agent).ok_or(Refusal::NotAnAgent)
    }

    /// The one place where a state changes.
    fn become_state(&mut self, id: PersonId, state: AgentState, until: Option<Millis>, turn: &mut Turn) {
        let Some(agent) = self.agents.get_mut(&id) else {
            return;
        };
        agent.until = until;
        if agent.state == state {
            return;
        }
        agent.state = state.clone();
        agent.since = turn.now.mono;
        turn.event(QueueEvent::Agent { agent: id, state });
    }

    /// Ready again with his old place among the free: the work that failed was none.
    fn free_as_before(&mut self, id: PersonId, turn: &mut Turn) {
        let next = self.agents.get_mut(&id).and_then(|agent| agent.next.take());
        let state = next.map_or(AgentState::Ready, Wanted::state);
        self.become_state(id, state, None, turn);
    }

    /// Call and after-call work are over.
    fn free(&mut self, id: PersonId, turn: &mut Turn) {
        if let Some(agent) = self.agents.get_mut(&id) {
            agent.idle_since = turn.now.mono;
        }
        self.free_as_before(id, turn);
    }

    pub(super) fn set_state(&mut self, id: PersonId, wanted: Wanted, turn: &mut Turn) -> Result<(), Refusal> {
        let agent = self.agent(id)?;
        if wanted == Wanted::Ready && !agent.reachable {
            return Err(Refusal::NoPhone);
        }
        if agent.state.talks_in().is_some() {
            agent.next = Some(wanted);
            return Ok(());
        }
        if let Some(call) = agent.state.rings_for() {
            if wanted == Wanted::Ready {
                return Ok(());
            }
            self.release_ringing_as(call, wanted.state(), turn);
            self.returned(call, id, Reason::Declined, turn);
            return Ok(());
        }
        (agent.next, agent.phone_back_by) = (None, None);
        if agent.state != AgentState::Ready {
            agent.idle_since = turn.now.mono;
        }
        self.become_state(id, wanted.state(), None, turn);
        Ok(())
    }

    pub(super) fn extend_wrap_up(&mut self, id: PersonId, by: Millis, turn: &mut Turn) -> Result<(), Refusal> {
        if by > WRAP_UP_EXTENSION_MAX {
            return Err(Refusal::TooLong);
        }
        let agent = self.agent(id)?;
        match (&agent.state, agent.until) {
            (AgentState::WrapUp { .. }, Some(until)) => agent.until = Some(until.max(turn.now.mono) + by),
            _ => return Err(Refusal::NotInWrapUp),
        }
        Ok(())
    }

    pub(super) fn finish_wrap_up(&mut self, id: PersonId, turn: &mut Turn) -> Result<(), Refusal> {
        if !matches!(self.agent(id)?.state, AgentState::WrapUp { .. }) {
            return Err(Refusal::NotInWrapUp);
        }
        self.free(id, turn);
        Ok(())
    }

    pub(super) fn reserve(
        &mut self,
        id: PersonId,
        call: CallId,
        queue: Option<QueueName>,
        turn: &mut Turn,
    ) -> Result<(), Refusal> {
        let agent = self.agent(id)?;
        if !agent.reachable {
            return Err(Refusal::NoPhone);
        }
        if !agent.is_free() {
            return Err(Refusal::NotReady);
        }
        (agent.serving, agent.booked, agent.connected) = (None, queue, false);
        // No time-out here: who calls directly says how long it rings.
        self.become_state(id, AgentState::Reserved { call }, None, turn);
        Ok(())
    }

    /// The free agent of a queue who has been idle longest, other than `but`.
    pub fn longest_idle(&self, queue: &QueueName, but: PersonId) -> Option<PersonId> {
        let free = self.agents.iter().filter(|(id, agent)| **id != but && agent.is_free() && agent.serves(queue));
        free.min_by_key(|(id, agent)| (agent.idle_since, **id)).map(|(id, _)| *id)
    }

    /// What an agent did before a restart. What needed a call that is not there any more is over.
    pub(super) fn recall_agent(&mut self, id: PersonId, state: AgentState, since: Millis, now: Millis) {
        let wrap_up = |call: &CallId| {
            let queue = self.facts.get(call).map(|fact| &fact.queue);
            queue.and_then(|queue| self.settings.get(queue)).map_or(Millis(0), |settings| settings.wrap_up)
        };
        let (state, until) = match state {
            AgentState::WrapUp { call } if since + wrap_up(&call) > now => {
                let until = since + wrap_up(&call);
                (AgentState::WrapUp { call }, Some(until))
            }
            AgentState::Offline | AgentState::NotReady { .. } => (state, None),
            _ => (AgentState::Ready, None),
        };
        let back_by = (state == AgentState::Ready).then_some(now + PHONES_RETURN);
        let agent = self.agents.entry(id).or_insert_with(|| Agent::new(now));
        (agent.state, agent.until, agent.since, agent.idle_since) = (state, until, since, since);
        (agent.reachable, agent.phone_back_by) = (false, back_by);
    }

    /// A call that he was in was taken up.
    pub(super) fn resumed(
        &mut self,
        id: PersonId,
        call: CallId,
        queue: Option<QueueName>,
        since: Millis,
        held: bool,
        turn: &mut Turn,
    ) {
        let now = turn.now.mono;
        let agent = self.agents.entry(id).or_insert_with(|| Agent::new(now));
        (agent.serving, agent.booked, agent.talk_since, agent.connected) = (None, queue, since, true);
        agent.phone_back_by = None;
        let state = if held { AgentState::Hold { call } } else { AgentState::Talking { call } };
        self.become_state(id, state, None, turn);
    }

    /// Phones that did not come back after a restart.
    fn phones_missing(&mut self, turn: &mut Turn) {
        let now = turn.now.mono;
        let due = |agent: &Agent| agent.phone_back_by.is_some_and(|by| by <= now);
        let due: Vec<PersonId> = self.agents.iter().filter(|(_, agent)| due(agent)).map(|(id, _)| *id).collect();
        for id in due {
            let Some(agent) = self.agents.get_mut(&id) else { continue };
            agent.phone_back_by = None;
            if agent.state == AgentState::Ready && !agent.reachable {
                self.not_ready(id, Reason::PhoneLost, turn);
            }
        }
    }

    /// Rings and after-call work that are over.
    pub(super) fn expire(&mut self, turn: &mut Turn) {
        self.phones_missing(turn);
        let now = turn.now.mono;
        let due: Vec<PersonId> =
            self.agents.iter().filter(|(_, a)| a.until.is_some_and(|until| until <= now)).map(|(id, _)| *id).collect();
        for id in due {
            match self.agents[&id].state.rings_for() {
                Some(call) => self.give_up(id, call, Reason::NoAnswer, turn),
                None => self.free(id, turn),
            }
        }
    }

    /// The rung agent does not come: out with him, the call to the head.
    fn give_up(&mut self, id: PersonId, call: CallId, why: Reason, turn: &mut Turn) {
        turn.effects.push(Effect::StopRinging { agent: id, call });
        self.not_ready(id, why.clone(), turn);
        self.returned(call, id, why, turn);
    }

    fn not_ready(&mut self, id: PersonId, reason: Reason, turn: &mut Turn) {
        let next = self.agents.get_mut(&id).and_then(|agent| agent.next.take());
        let state = match next {
            Some(Wanted::Offline) => AgentState::Offline,
            _ => AgentState::NotReady { reason },
        };
        self.become_state(id, state, None, turn);
    }

    fn returned(&mut self, call: CallId, agent: PersonId, why: Reason, turn: &mut Turn) {
        if self.line.get(call).is_some() {
            turn.event(QueueEvent::Returned { call, agent, why });
            turn.notice(call, QueueNotice::RingTimeout);
        }
    }

    pub(super) fn ringing_agent(&self, call: CallId) -> Option<PersonId> {
        self.agents.iter().find(|(_, agent)| agent.state.rings_for() == Some(call)).map(|(id, _)| *id)
    }

    /// The call needs its rung agent no longer; he keeps his place among the free.
    pub(super) fn release_ringing(&mut self, call: CallId, turn: &mut Turn) {
        if let Some(agent) = self.ringing_agent(call) {
            turn.effects.push(Effect::StopRinging { agent, call });
            self.free_as_before(agent, turn);
        }
    }

    pub(super) fn release(&mut self, id: PersonId, call: CallId, turn: &mut Turn) {
        if self.agents.get(&id).is_some_and(|agent| agent.state.rings_for() == Some(call)) {
            self.free_as_before(id, turn);
        }
    }

    fn release_ringing_as(&mut self, call: CallId, state: AgentState, turn: &mut Turn) {
        if let Some(agent) = self.ringing_agent(call) {
            turn.effects.push(Effect::StopRinging { agent, call });
            self.become_state(agent, state, None, turn);
        }
    }

    pub(super) fn alerting(&mut self, id: PersonId, call: CallId, turn: &mut Turn) {
        let Some(agent) = self.agents.get(&id) else {
            return;
        };
        if agent.state == (AgentState::Reserved { call }) {
            let until = agent.until;
            self.become_state(id, AgentState::Ringing { call }, until, turn);
            turn.event(QueueEvent::Alerting { call, agent: id });
        }
    }

    pub(super) fn agent_answered(&mut self, id: PersonId, call: CallId, turn: &mut Turn) {
        let rings = self.agents.get(&id).is_some_and(|agent| agent.state.rings_for() == Some(call));
        if !rings {
            turn.effects.push(Effect::StopRinging { agent: id, call });
            return;
        }
        let waiting = self.line.remove(call);
        self.places.forget(call);
        let from_queue = waiting.is_some();
        if let Some(agent) = self.agents.get_mut(&id) {
            agent.serving = waiting;
            agent.talk_since = turn.now.mono;
            agent.connected = false;
        }
        self.become_state(id, AgentState::Talking { call }, None, turn);
        turn.event(QueueEvent::AgentAnswered { call, agent: id });
        if from_queue {
            turn.notice(call, QueueNotice::AgentAnswered);
        }
    }

    pub(super) fn connected(&mut self, id: PersonId, call: CallId, turn: &mut Turn) {
        let Some(agent) = self.agents.get_mut(&id).filter(|a| a.state.talks_in() == Some(call)) else {
            return;
        };
        if std::mem::replace(&mut agent.connected, true) {
            return;
        }
        let Some(waiting) = &agent.serving else {
            return;
        };
        let waited_ms = (turn.now.mono - waiting.since).0;
        let queue = waiting.queue.clone();
        self.line.forget(call); // it comes back no more
        if let Some(fact) = self.facts.get_mut(&call) {
            fact.outcome = Outcome::Answered { after_ms: waited_ms, by: Some(id) };
        }
        turn.event(QueueEvent::Answered { call, agent: id, queue, waited_ms });
    }

    pub(super) fn agent_failed(&mut self, id: PersonId, call: CallId, why: Reason, turn: &mut Turn) {
        let Some(agent) = self.agents.get_mut(&id) else {
            return;
        };
        if agent.state.rings_for() == Some(call) {
            return self.give_up(id, call, why, turn);
        }
        // Picked up and gone again before the caller heard him.
        if agent.state.talks_in() == Some(call) && !agent.connected {
            let serving = agent.serving.take();
            self.not_ready(id, why.clone(), turn);
            if let Some(waiting) = serving {
                self.line.insert(call, waiting.queue, waiting.priority, waiting.since);
                self.returned(call, id, why, turn);
            }
        }
    }

    pub(super) fn talk_ended(&mut self, id: PersonId, call: CallId, turn: &mut Turn) {
        let now = turn.now.mono;
        let Some(agent) = self.agents.get_mut(&id).filter(|a| a.state.talks_in() == Some(call)) else {
            return;
        };
        let (serving, connected) = (agent.serving.take(), std::mem::take(&mut agent.connected));
        let (talked_since, agent_booked) = (agent.talk_since, agent.booked.take());
        let offline = agent.next == Some(Wanted::Offline);
        if let (Some(waiting), false) = (&serving, connected) {
            // The caller hung up in the second between pick-up and connection.
            self.left(waiting, super::Left::Abandoned, turn);
        }
        // After-call work follows a talk, not a pick-up that nobody heard.
        let queue = serving.map(|waiting| waiting.queue).or(agent_booked).filter(|_| connected);
        let wrap_up = queue.as_ref().and_then(|queue| self.settings.get(queue)).map_or(Millis(0), |s| s.wrap_up);
        if let Some(queue) = queue {
            self.places.handled(queue, (now - talked_since) + wrap_up);
        }
        if wrap_up == Millis(0) || offline {
            self.free(id, turn);
        } else {
            self.become_state(id, AgentState::WrapUp { call }, Some(now + wrap_up), turn);
        }
    }

    pub(super) fn held(&mut self, id: PersonId, call: CallId, on: bool, turn: &mut Turn) {
        let talks = self.agents.get(&id).is_some_and(|agent| agent.state.talks_in() == Some(call));
        if talks {
            let state = if on { AgentState::Hold { call } } else { AgentState::Talking { call } };
            self.become_state(id, state, None, turn);
        }
    }

    pub(super) fn took(&mut self, id: PersonId, call: CallId, turn: &mut Turn) {
        let Some(agent) = self.agents.get(&id) else {
            return;
        };
        if agent.state.talks_in().is_some() {
            return;
        }
        if let Some(ringing) = agent.state.rings_for().filter(|ringing| *ringing != call) {
            self.release_ringing(ringing, turn);
            self.returned(ringing, id, Reason::Busy, turn);
        }
        if let Some(agent) = self.agents.get_mut(&id) {
            (agent.serving, agent.booked) = (None, None);
            agent.talk_since = turn.now.mono;
        }
        self.become_state(id, AgentState::Talking { call }, None, turn);
    }

    pub(super) fn phone(&mut self, id: PersonId, reachable: bool, turn: &mut Turn) {
        let now = turn.now.mono;
        let agent = self.agents.entry(id).or_insert_with(|| Agent::new(now));
        agent.reachable = reachable;
        if reachable {
            agent.phone_back_by = None;
            return;
        }
        if agent.phone_back_by.is_some() {
            return; // not yet back after a restart
        }
        if let Some(call) = agent.state.rings_for() {
            return self.give_up(id, call, Reason::PhoneLost, turn);
        }
        if agent.state == AgentState::Ready {
            self.not_ready(id, Reason::PhoneLost, turn);
        }
    }

    /// Rings the longest idle free agents for the waiting calls, in the order of the line.
    pub(super) fn match_calls(&mut self, turn: &mut Turn) {
        let mut free: Vec<(Millis, PersonId)> = self
            .agents
            .iter()
            .filter(|(_, agent)| agent.is_free())
            .map(|(id, agent)| (agent.idle_since, *id))
            .collect();
        if free.is_empty() || self.line.len() == 0 {
            return;
        }
        free.sort_unstable();
        let ringing: Vec<CallId> = self.agents.values().filter_map(|agent| agent.state.rings_for()).collect();
        let mut pairs = Vec::new();
        let mut dry: Vec<&QueueName> = Vec::new(); // queues without a free agent in this round
        for waiting in self.line.iter() {
            if free.is_empty() {
                break;
            }
            if ringing.contains(&waiting.call) || dry.contains(&&waiting.queue) {
                continue;
            }
            match free.iter().position(|(_, id)| self.agents[id].serves(&waiting.queue)) {
                Some(at) => pairs.push((free.remove(at).1, waiting.clone())),
                None => dry.push(&waiting.queue),
            }
        }
        for (agent, waiting) in pairs {
            self.ring(agent, &waiting, turn);
        }
    }

    fn ring(&mut self, id: PersonId, waiting: &Waiting, turn: &mut Turn) {
        let call = waiting.call;
        let ring = self.settings.get(&waiting.queue).map_or(Millis(0), |settings| settings.ring);
        if let Some(agent) = self.agents.get_mut(&id) {
            (agent.serving, agent.booked, agent.connected) = (None, None, false);
        }
        self.become_state(id, AgentState::Reserved { call }, Some(turn.now.mono + ring), turn);
        turn.event(QueueEvent::Reserved { call, agent: id, queue: waiting.queue.clone() });
        turn.notice(call, QueueNotice::Offered);
        turn.effects.push(Effect::Ring { agent: id, call });
    }
}

impl Command {
    /// The agent whom the command is about, for the check of rights.
    pub fn agent(&self) -> Option<PersonId> {
        match self {
            Self::SetState { agent, .. }
            | Self::ExtendWrapUp { agent, .. }
            | Self::FinishWrapUp { agent }
            | Self::Reserve { agent, .. } => Some(*agent),
            Self::Raise { .. } | Self::TakeOut { .. } => None,
        }
    }
}
