//! The ACD (排队机): which waiting call goes to which agent. One machine for all queues of a hub.
//!
//! - A higher rank first; among equals the longest waiting, over all queues that an agent serves; of several free
//!   agents the longest idle.
//! - A call keeps the time at which its caller first asked for a person through moves, overflow and unanswered rings:
//!   after a ring time-out it stands at the head again by that time.
//! - An agent who does not answer is taken out with a reason, so that the next caller does not pay for it.
//!
//! Pure: [`Acd::handle`] for what happened, [`Acd::command`] for what someone asks (may be refused),
//! [`Acd::poll_timeout`] for when [`Input::Timer`] is due. Effects are performed in order.
//!
//! Must not know: SIP, plans, the log. Calls and people are ids here.

mod agent;
pub mod figures;
mod line;
mod places;
pub mod simulated;
mod snapshot;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use liandong_dialplans::{Millis, Now, PlanSet, Priority, QueueName, QueueNotice};
use serde::{Deserialize, Serialize};

pub use agent::{AgentState, Reason, Wanted};
pub use snapshot::{AgentView, QueueView, Snapshot, WaitingView};

use crate::ids::{CallId, PersonId, Timestamp};
use agent::Agent;
use figures::{CallFact, Outcome};
use line::{Line, Waiting};
use places::Places;

/// Waiting calls beyond this are not taken in: the caller's plan goes on with "removed". A storm day of the biggest
/// city had some 9,600 calls an hour (`facts/calls.md` §3).
pub const WAITING_MAX: usize = 20_000;

/// Facts kept for the live figures; older ones are in the log.
pub const FACTS_MAX: usize = 100_000;

/// The figures cover the last 24 hours, as the connect rate is defined.
const FACTS_KEPT_MS: i64 = 24 * 3_600_000;

/// After a restart a ready agent's phone has so long to register again (browsers come back within seconds, telephones
/// that registered over TCP within their next refresh) before he counts as without one.
pub const PHONES_RETURN: Millis = Millis(60_000);

/// A wrap-up can be extended by at most so much at a time.
pub const WRAP_UP_EXTENSION_MAX: Millis = Millis(600_000);

/// What the ACD needs to know of a queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueueSettings {
    /// Its name for people.
    pub title: String,
    /// How long one agent is rung.
    pub ring: Millis,
    /// After-call work (话后整理).
    pub wrap_up: Millis,
}

/// The queues of a plan set.
pub fn settings_of(set: &PlanSet) -> BTreeMap<QueueName, QueueSettings> {
    let settings = |queue: &liandong_dialplans::Queue| QueueSettings {
        title: queue.title.clone(),
        ring: Millis::from_secs(u64::from(queue.ring_seconds)),
        wrap_up: Millis::from_secs(u64::from(queue.wrap_up_seconds)),
    };
    set.queues().map(|(name, queue)| (name.clone(), settings(queue))).collect()
}

/// What happened, told to the ACD. Cannot be refused; what does not fit any more is ignored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Input {
    /// The queues as they are from now on; calls in a queue that is gone are removed from it.
    Configure(BTreeMap<QueueName, QueueSettings>),
    /// An agent's memberships, at sign-in and on change. His state stays (at first: offline).
    Serves {
        /// Who.
        agent: PersonId,
        /// The queues that he serves.
        queues: Vec<QueueName>,
    },
    /// A call enters a queue.
    Enter {
        /// Which.
        call: CallId,
        /// Where.
        queue: QueueName,
        /// Its rank.
        priority: Priority,
        /// When its caller first asked for a person.
        since: Millis,
    },
    /// A call moves to another queue.
    Move {
        /// Which.
        call: CallId,
        /// Where to.
        to: QueueName,
        /// Its rank there.
        priority: Priority,
        /// Whether the start of its wait is kept.
        keep_since: bool,
    },
    /// The plan changes a call's rank.
    SetPriority {
        /// Which.
        call: CallId,
        /// The new rank.
        priority: Priority,
        /// Why.
        reason: String,
    },
    /// A call leaves its queue.
    Leave {
        /// Which.
        call: CallId,
        /// Why.
        why: Left,
    },
    /// The agent's phone rings.
    Alerting {
        /// Who.
        agent: PersonId,
        /// For which call.
        call: CallId,
    },
    /// The agent picked up.
    AgentAnswered {
        /// Who.
        agent: PersonId,
        /// Which call.
        call: CallId,
    },
    /// Caller and agent hear each other: from here on the call counts as answered by a human.
    Connected {
        /// Who.
        agent: PersonId,
        /// Which call.
        call: CallId,
    },
    /// The call no longer needs an agent who was reserved for it directly; he is free as before.
    Release {
        /// Who.
        agent: PersonId,
        /// Which call.
        call: CallId,
    },
    /// The rung agent will not come: the call stands at the head again.
    AgentFailed {
        /// Who.
        agent: PersonId,
        /// Which call.
        call: CallId,
        /// Why.
        why: Reason,
    },
    /// The agent has left the call (or it ended).
    TalkEnded {
        /// Who.
        agent: PersonId,
        /// Which call.
        call: CallId,
    },
    /// The agent holds the call, or takes it back.
    Held {
        /// Who.
        agent: PersonId,
        /// Which call.
        call: CallId,
        /// True: on hold.
        on: bool,
    },
    /// The agent is in a call that no queue gave him (dialled out).
    Took {
        /// Who.
        agent: PersonId,
        /// Which call.
        call: CallId,
    },
    /// The agent is in a call that was taken up after a restart.
    Resumed {
        /// Who.
        agent: PersonId,
        /// Which call.
        call: CallId,
        /// Whose after-call work follows.
        queue: Option<QueueName>,
        /// When his talk began.
        since: Millis,
        /// He holds the other side.
        held: bool,
    },
    /// The agent's phone is gone (`false`: unregistered, socket closed) or back.
    Phone {
        /// Whose.
        agent: PersonId,
        /// Whether it can be rung.
        reachable: bool,
    },
    /// The moment of `poll_timeout` is reached.
    Timer,
}

/// Why a call left its queue without having been answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Left {
    /// The caller hung up (弃呼).
    Abandoned,
    /// The plan led it elsewhere: a dialled target, a message, the end of a long wait.
    Plan,
    /// A supervisor took it out.
    TakenOut,
    /// Its queue exists no more, or too many wait.
    Closed,
}

/// What someone asks of the ACD. May be refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// The agent's state. During a call it is kept for its end ("break after this call"); while his phone rings the
    /// call goes back to the head at once.
    SetState {
        /// Whose.
        agent: PersonId,
        /// What he wants to be.
        wanted: Wanted,
    },
    /// More time for after-call work.
    ExtendWrapUp {
        /// Whose.
        agent: PersonId,
        /// How much more, at most [`WRAP_UP_EXTENSION_MAX`].
        by: Millis,
    },
    /// After-call work is done.
    FinishWrapUp {
        /// Whose.
        agent: PersonId,
    },
    /// A supervisor changes a waiting call's rank.
    Raise {
        /// Which.
        call: CallId,
        /// The new rank.
        priority: Priority,
        /// Why; must not be empty.
        reason: String,
    },
    /// A supervisor takes a waiting call out; its plan goes on with "removed".
    TakeOut {
        /// Which.
        call: CallId,
    },
    /// A ready agent is reserved for a call that comes to him directly (transfer, internal call). Where the call then
    /// refuses to be transferred, give him back with [`Input::Release`].
    Reserve {
        /// Whom.
        agent: PersonId,
        /// For which call.
        call: CallId,
        /// Whose after-call work follows the talk (the queue that the call came from).
        queue: Option<QueueName>,
    },
}

/// Why a command was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Not an agent.
    #[error("this person serves no queue: sign in at an agent's desk first")]
    NotAnAgent,
    /// No after-call work under way.
    #[error("there is no after-call work to end or extend")]
    NotInWrapUp,
    /// Asked for too much time.
    #[error("after-call work can be extended by at most ten minutes at a time")]
    TooLong,
    /// The call does not wait.
    #[error("this call is not waiting in a queue any more")]
    NotWaiting,
    /// A reason is asked for.
    #[error("a change of rank needs a reason")]
    NoReason,
    /// The agent is not ready.
    #[error("this agent is not free: choose one who is ready")]
    NotReady,
    /// The phone is not registered.
    #[error("the agent's phone is not reachable: register it first")]
    NoPhone,
}

/// What is to be done, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    /// Ring this agent for this call.
    Ring {
        /// Whom.
        agent: PersonId,
        /// For which call.
        call: CallId,
    },
    /// Ring him no longer; if he just answered, hang him up.
    StopRinging {
        /// Whom.
        agent: PersonId,
        /// For which call.
        call: CallId,
    },
    /// Tell the call's plan.
    Notice {
        /// Which call.
        call: CallId,
        /// What.
        notice: QueueNotice,
    },
    /// For the log.
    Event(QueueEvent),
}

/// The base events of all figures (`facts/calls.md` §3).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum QueueEvent {
    /// A call entered a queue.
    Entered {
        /// Which call.
        call: CallId,
        /// Where.
        queue: QueueName,
        /// Its rank.
        priority: Priority,
        /// Milliseconds since its caller asked for a person.
        waited_ms: u64,
    },
    /// A call moved, its start kept or not.
    Moved {
        /// Which call.
        call: CallId,
        /// From.
        from: QueueName,
        /// To.
        to: QueueName,
        /// Whether the start was kept.
        kept_since: bool,
    },
    /// A call's rank changed.
    Ranked {
        /// Which call.
        call: CallId,
        /// The new rank.
        priority: Priority,
        /// Why.
        reason: String,
    },
    /// An agent was reserved and is being rung.
    Reserved {
        /// Which call.
        call: CallId,
        /// Who.
        agent: PersonId,
        /// From which queue.
        queue: QueueName,
    },
    /// The agent's phone rings.
    Alerting {
        /// Which call.
        call: CallId,
        /// Who.
        agent: PersonId,
    },
    /// The agent picked up.
    AgentAnswered {
        /// Which call.
        call: CallId,
        /// Who.
        agent: PersonId,
    },
    /// Caller and agent are connected: answered by a human.
    Answered {
        /// Which call.
        call: CallId,
        /// By whom.
        agent: PersonId,
        /// From which queue.
        queue: QueueName,
        /// Milliseconds since the caller asked for a person.
        waited_ms: u64,
    },
    /// The agent did not come; the call is at the head again.
    Returned {
        /// Which call.
        call: CallId,
        /// Who did not come.
        agent: PersonId,
        /// Why.
        why: Reason,
    },
    /// The call left without an answer.
    Left {
        /// Which call.
        call: CallId,
        /// From which queue.
        queue: QueueName,
        /// Why.
        why: Left,
        /// Milliseconds since the caller asked for a person.
        waited_ms: u64,
    },
    /// The agent's state changed.
    Agent {
        /// Who.
        agent: PersonId,
        /// To what.
        state: AgentState,
    },
}

/// The queues, the agents and the waiting calls of a hub.
#[derive(Debug)]
pub struct Acd {
    settings: BTreeMap<QueueName, QueueSettings>,
    agents: BTreeMap<PersonId, Agent>,
    line: Line,
    places: Places,
    facts: BTreeMap<CallId, CallFact>,
}

/// One answer in the making.
struct Turn {
    now: Now,
    effects: Vec<Effect>,
}

impl Turn {
    fn event(&mut self, event: QueueEvent) {
        self.effects.push(Effect::Event(event));
    }

    fn notice(&mut self, call: CallId, notice: QueueNotice) {
        self.effects.push(Effect::Notice { call, notice });
    }

    fn wall(&self) -> Timestamp {
        Timestamp(self.now.wall.as_millisecond())
    }
}

impl Acd {
    /// Empty queues.
    pub fn new(settings: BTreeMap<QueueName, QueueSettings>) -> Self {
        Self {
            settings,
            agents: BTreeMap::new(),
            line: Line::default(),
            places: Places::default(),
            facts: BTreeMap::new(),
        }
    }

    /// What was known before a restart: facts of the last day, talks of queues in milliseconds, oldest first, and what the
    /// agents did. Whoever took calls takes them again as soon as his phone is back, within [`PHONES_RETURN`].
    pub fn recall(
        &mut self,
        facts: Vec<CallFact>,
        talks: Vec<(QueueName, u64)>,
        agents: Vec<(PersonId, AgentState, Millis)>,
        now: Now,
    ) {
        self.facts = facts.into_iter().take(FACTS_MAX).map(|fact| (fact.call, fact)).collect();
        for (queue, talk_ms) in talks {
            let wrap_up = self.settings.get(&queue).map_or(0, |settings| settings.wrap_up.0);
            self.places.handled(queue, Millis(talk_ms + wrap_up));
        }
        for (agent, state, since) in agents {
            self.recall_agent(agent, state, since, now.mono);
        }
    }

    /// Takes what happened.
    pub fn handle(&mut self, input: Input, now: Now) -> Vec<Effect> {
        let mut turn = Turn { now, effects: Vec::new() };
        self.expire(&mut turn);
        self.take(input, &mut turn);
        self.settle(&mut turn);
        turn.effects
    }

    /// Takes what someone asks; refused, nothing has changed.
    pub fn command(&mut self, command: Command, now: Now) -> Result<Vec<Effect>, Refusal> {
        let mut turn = Turn { now, effects: Vec::new() };
        match command {
            Command::SetState { agent, wanted } => self.set_state(agent, wanted, &mut turn)?,
            Command::ExtendWrapUp { agent, by } => self.extend_wrap_up(agent, by, &mut turn)?,
            Command::FinishWrapUp { agent } => self.finish_wrap_up(agent, &mut turn)?,
            Command::Raise { call, priority, reason } => self.raise(call, priority, reason, &mut turn)?,
            Command::TakeOut { call } => self.take_out(call, &mut turn)?,
            Command::Reserve { agent, call, queue } => self.reserve(agent, call, queue, &mut turn)?,
        }
        self.settle(&mut turn);
        Ok(turn.effects)
    }

    /// When [`Input::Timer`] is due.
    pub fn poll_timeout(&self) -> Option<Millis> {
        let agents = self.agents.values().filter_map(Agent::deadline);
        agents.chain(self.places.deadline()).min()
    }

    /// The waiting calls, the agents and the figures (without their calls), for the wallboard.
    pub fn snapshot(&self, now: Now) -> Snapshot {
        snapshot::take(self, now)
    }

    /// The figures of the last 24 hours with the calls behind them, of one queue (by the queue that a call entered
    /// first) or of all.
    pub fn figures(&self, queue: Option<&QueueName>) -> Vec<figures::Figure> {
        figures::figures(self.facts.values().filter(|fact| queue.is_none_or(|queue| fact.queue == *queue)))
    }

    /// Every agent's state.
    pub fn agents(&self) -> impl Iterator<Item = (PersonId, &AgentState)> {
        self.agents.iter().map(|(id, agent)| (*id, &agent.state))
    }

    /// The facts behind the figures of the last 24 hours.
    pub fn facts(&self) -> impl Iterator<Item = &CallFact> {
        self.facts.values()
    }

    fn take(&mut self, input: Input, turn: &mut Turn) {
        match input {
            Input::Configure(settings) => self.configure(settings, turn),
            Input::Serves { agent, queues } => self.serves(agent, queues, turn),
            Input::Enter { call, queue, priority, since } => self.enter(call, queue, priority, since, turn),
            Input::Move { call, to, priority, keep_since } => self.move_call(call, to, priority, keep_since, turn),
            Input::SetPriority { call, priority, reason } => self.rank(call, priority, reason, turn),
            Input::Leave { call, why } => self.leave(call, why, turn),
            Input::Alerting { agent, call } => self.alerting(agent, call, turn),
            Input::AgentAnswered { agent, call } => self.agent_answered(agent, call, turn),
            Input::Connected { agent, call } => self.connected(agent, call, turn),
            Input::Release { agent, call } => self.release(agent, call, turn),
            Input::AgentFailed { agent, call, why } => self.agent_failed(agent, call, why, turn),
            Input::TalkEnded { agent, call } => self.talk_ended(agent, call, turn),
            Input::Held { agent, call, on } => self.held(agent, call, on, turn),
            Input::Took { agent, call } => self.took(agent, call, turn),
            Input::Resumed { agent, call, queue, since, held } => self.resumed(agent, call, queue, since, held, turn),
            Input::Phone { agent, reachable } => self.phone(agent, reachable, turn),
            Input::Timer => {}
        }
    }

    /// Rings whom it can, then tells the places.
    fn settle(&mut self, turn: &mut Turn) {
        self.places.stale(turn.now.mono);
        self.match_calls(turn);
        self.tell_places(turn);
    }

    fn configure(&mut self, settings: BTreeMap<QueueName, QueueSettings>, turn: &mut Turn) {
        self.settings = settings;
        let orphaned: Vec<CallId> =
            self.line.iter().filter(|w| !self.settings.contains_key(&w.queue)).map(|w| w.call).collect();
        for call in orphaned {
            self.leave(call, Left::Closed, turn);
            turn.notice(call, QueueNotice::Removed);
        }
    }

    fn enter(&mut self, call: CallId, queue: QueueName, priority: Priority, since: Millis, turn: &mut Turn) {
        let known = self.line.get(call).is_some() || self.agents.values().any(|a| a.state.call() == Some(call));
        if known {
            return;
        }
        if !self.settings.contains_key(&queue) || self.line.len() >= WAITING_MAX {
            turn.notice(call, QueueNotice::Removed);
            return;
        }
        let waited_ms = (turn.now.mono - since).0;
        turn.event(QueueEvent::Entered { call, queue: queue.clone(), priority, waited_ms });
        let asked_at = turn.wall().plus_millis(-i64::try_from(waited_ms).unwrap_or(0));
        self.remember(CallFact { call, queue: queue.clone(), asked_at, outcome: Outcome::Waiting }, turn);
        self.places.new_call(call);
        self.line.insert(call, queue, priority, since);
    }

    /// The fact of a call; of one that waits again (moved, overflowed) the first queue and time are kept.
    fn remember(&mut self, fact: CallFact, turn: &Turn) {
        let oldest = turn.wall().plus_millis(-FACTS_KEPT_MS);
        if self.facts.len() >= FACTS_MAX {
            self.facts.retain(|_, fact| fact.asked_at >= oldest);
        }
        if self.facts.len() < FACTS_MAX {
            self.facts.entry(fact.call).or_insert(fact).outcome = Outcome::Waiting;
        }
    }

    fn move_call(&mut self, call: CallId, to: QueueName, priority: Priority, keep: bool, turn: &mut Turn) {
        let Some(waiting) = self.line.remove(call) else {
            return;
        };
        self.places.forget(call);
        if !self.settings.contains_key(&to) {
            self.release_ringing(call, turn);
            self.left(&waiting, Left::Closed, turn);
            turn.notice(call, QueueNotice::Removed);
            return;
        }
        let stays = self.ringing_agent(call).is_some_and(|agent| self.agents[&agent].serves(&to));
        if !stays {
            self.release_ringing(call, turn);
        }
        let since = if keep { waiting.since } else { turn.now.mono };
        turn.event(QueueEvent::Moved { call, from: waiting.queue, to: to.clone(), kept_since: keep });
        self.places.new_call(call);
        self.line.insert(call, to, priority, since);
        if stays {
            turn.notice(call, QueueNotice::Offered);
        }
    }

    fn rank(&mut self, call: CallId, priority: Priority, reason: String, turn: &mut Turn) {
        let Some(waiting) = self.line.remove(call) else {
            return;
        };
        self.line.insert(call, waiting.queue, priority, waiting.since);
        turn.event(QueueEvent::Ranked { call, priority, reason });
    }

    fn raise(&mut self, call: CallId, priority: Priority, reason: String, turn: &mut Turn) -> Result<(), Refusal> {
        if reason.trim().is_empty() {
            return Err(Refusal::NoReason);
        }
        self.line.get(call).ok_or(Refusal::NotWaiting)?;
        self.rank(call, priority, reason, turn);
        Ok(())
    }

    fn take_out(&mut self, call: CallId, turn: &mut Turn) -> Result<(), Refusal> {
        self.line.get(call).ok_or(Refusal::NotWaiting)?;
        self.leave(call, Left::TakenOut, turn);
        turn.notice(call, QueueNotice::Removed);
        Ok(())
    }

    fn leave(&mut self, call: CallId, why: Left, turn: &mut Turn) {
        self.release_ringing(call, turn);
        self.places.forget(call);
        if let Some(waiting) = self.line.remove(call) {
            self.left(&waiting, why, turn);
        }
    }

    fn left(&mut self, waiting: &Waiting, why: Left, turn: &mut Turn) {
        self.line.forget(waiting.call);
        let waited_ms = (turn.now.mono - waiting.since).0;
        let (call, queue) = (waiting.call, waiting.queue.clone());
        if let Some(fact) = self.facts.get_mut(&call) {
            fact.outcome = match why {
                Left::Abandoned => Outcome::Abandoned { after_ms: waited_ms },
                Left::Plan | Left::TakenOut | Left::Closed => Outcome::Elsewhere { after_ms: waited_ms },
            };
        }
        turn.event(QueueEvent::Left { call, queue, why, waited_ms });
    }
}
