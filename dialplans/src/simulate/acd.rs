//! The queue of a simulation: the port, and a simple one (longest idle, longest waiting first).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::AgentScript;
use crate::api::{Priority, QueueName, QueueNotice};
use crate::plan::PlanSet;
use crate::time::Millis;

/// A call of the scenario, by its place in the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CallIndex(pub usize);

/// An agent of the scenario, by its place in the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AgentIndex(pub usize);

/// What an agent chose to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum AgentState {
    /// Takes calls.
    Ready,
    /// Signed in, takes none.
    NotReady,
    /// Not signed in.
    Offline,
}

/// An agent as the queue must know him.
#[derive(Debug, Clone)]
pub struct AgentSetup {
    /// Queues served.
    pub queues: Vec<QueueName>,
    /// State at the beginning.
    pub state: AgentState,
}

impl From<&AgentScript> for AgentSetup {
    fn from(script: &AgentScript) -> Self {
        Self { queues: script.queues.clone(), state: script.state }
    }
}

/// What the simulation tells the queue.
#[derive(Debug, Clone)]
pub enum AcdCommand {
    /// A call enters.
    Enter {
        /// Which.
        call: CallIndex,
        /// Where.
        queue: QueueName,
        /// Its rank.
        priority: Priority,
        /// The start of its wait.
        since: Millis,
    },
    /// A call moves.
    Move {
        /// Which.
        call: CallIndex,
        /// Where to.
        to: QueueName,
        /// Its rank there.
        priority: Priority,
        /// Whether the start is kept.
        keep_since: bool,
    },
    /// A call changes its rank.
    SetPriority {
        /// Which.
        call: CallIndex,
        /// The new rank.
        priority: Priority,
    },
    /// A call leaves (also when its caller hung up).
    Leave(CallIndex),
    /// An agent changes his state.
    Agent(AgentIndex, AgentState),
    /// The rung agent picked up.
    Answered(AgentIndex),
    /// The agent's talk has ended.
    TalkEnded(AgentIndex),
    /// The moment of `poll_timeout` is reached.
    Timer,
}

/// What the queue says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AcdEvent {
    /// To the call's runner.
    Notice(CallIndex, QueueNotice),
    /// Ring this agent for this call.
    Ring(AgentIndex, CallIndex),
    /// Ring him no longer.
    StopRing(AgentIndex),
}

/// The port to a queue.
pub trait Acd {
    /// Takes a command, says what follows.
    fn tell(&mut self, command: AcdCommand, now: Millis) -> Vec<AcdEvent>;

    /// When `AcdCommand::Timer` is due.
    fn poll_timeout(&self) -> Option<Millis>;
}

/// A simple queue, good enough to try a plan; the hub has the real one.
#[derive(Debug)]
pub struct SimpleAcd {
    settings: BTreeMap<QueueName, (Millis, Millis)>,
    agents: Vec<Agent>,
    waiting: Vec<Waiting>,
}

#[derive(Debug)]
struct Agent {
    queues: Vec<QueueName>,
    chosen: AgentState,
    doing: Doing,
    idle_since: Millis,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Doing {
    Nothing,
    Ringing(CallIndex, Millis),
    Talking(Millis),
    WrapUp(Millis),
}

#[derive(Debug)]
struct Waiting {
    call: CallIndex,
    queue: QueueName,
    priority: Priority,
    since: Millis,
    told: Option<u32>,
    told_nobody: bool,
}

impl SimpleAcd {
    /// A queue with the plan set's settings and these agents.
    pub fn new(set: &PlanSet, agents: Vec<AgentSetup>) -> Self {
        let settings = set.queues().map(|(name, queue)| {
            let ring = Millis::from_secs(u64::from(queue.ring_seconds));
            (name.clone(), (ring, Millis::from_secs(u64::from(queue.wrap_up_seconds))))
        });
        let agent = |setup: AgentSetup| Agent {
            queues: setup.queues,
            chosen: setup.state,
            doing: Doing::Nothing,
            idle_since: Millis(0),
        };
        Self { settings: settings.collect(), agents: agents.into_iter().map(agent).collect(), waiting: Vec::new() }
    }

    fn ringing(&self, call: CallIndex) -> Option<usize> {
        let rings = |agent: &Agent| matches!(agent.doing, Doing::Ringing(c, _) if c == call);
        self.agents.iter().position(rings)
    }

    fn stop_ringing(&mut self, call: CallIndex, events: &mut Vec<AcdEvent>) {
        if let Some(agent) = self.ringing(call) {
            self.agents[agent].doing = Doing::Nothing;
            events.push(AcdEvent::StopRing(AgentIndex(agent)));
        }
    }

    fn timers(&mut self, now: Millis, events: &mut Vec<AcdEvent>) {
        for (index, agent) in self.agents.iter_mut().enumerate() {
            match agent.doing {
                Doing::Ringing(call, until) if until <= now => {
                    agent.doing = Doing::Nothing;
                    agent.chosen = AgentState::NotReady; // he is not there
                    events.push(AcdEvent::StopRing(AgentIndex(index)));
                    events.push(AcdEvent::Notice(call, QueueNotice::RingTimeout));
                }
                Doing::WrapUp(until) if until <= now => {
                    agent.doing = Doing::Nothing;
                    agent.idle_since = now;
                }
                _ => {}
            }
        }
    }

    /// Rings the longest idle agents for the longest waiting calls, then tells the places.
    fn settle(&mut self, now: Millis, events: &mut Vec<AcdEvent>) {
        self.waiting.sort_by_key(|w| (std::cmp::Reverse(w.priority), w.since, w.call));
        for index in 0..self.waiting.len() {
            let (call, queue) = (self.waiting[index].call, self.waiting[index].queue.clone());
            if self.ringing(call).is_some() {
                continue;
            }
            let free = |agent: &&(usize, &Agent)| {
                agent.1.chosen == AgentState::Ready
                    && agent.1.doing == Doing::Nothing
                    && agent.1.queues.contains(&queue)
            };
            let agents = self.agents.iter().enumerate().collect::<Vec<_>>();
            let longest_idle = agents.iter().filter(free).min_by_key(|(_, a)| a.idle_since);
            let Some(agent) = longest_idle.map(|(index, _)| *index) else {
                continue;
            };
            let ring = self.settings.get(&queue).map_or(Millis(15_000), |s| s.0);
            self.agents[agent].doing = Doing::Ringing(call, now + ring);
            events.push(AcdEvent::Notice(call, QueueNotice::Offered));
            events.push(AcdEvent::Ring(AgentIndex(agent), call));
        }
        self.tell_places(events);
    }

    fn tell_places(&mut self, events: &mut Vec<AcdEvent>) {
        let mut places: BTreeMap<QueueName, u32> = BTreeMap::new();
        for waiting in &mut self.waiting {
            let place = places.entry(waiting.queue.clone()).or_default();
            *place += 1;
            if waiting.told != Some(*place) {
                waiting.told = Some(*place);
                let notice = QueueNotice::Position { place: *place, eta_seconds: None };
                events.push(AcdEvent::Notice(waiting.call, notice));
            }
            let there = |a: &Agent| a.chosen != AgentState::Offline && a.queues.contains(&waiting.queue);
            let nobody = !self.agents.iter().any(there);
            if nobody != waiting.told_nobody {
                waiting.told_nobody = nobody;
                let notice = if nobody { QueueNotice::NoAgents } else { QueueNotice::AgentsBack };
                events.push(AcdEvent::Notice(waiting.call, notice));
            }
        }
    }

    fn take(&mut self, command: AcdCommand, now: Millis, events: &mut Vec<AcdEvent>) {
        match command {
            AcdCommand::Enter { call, queue, priority, since } => {
                let (told, told_nobody) = (None, false);
                self.waiting.push(Waiting { call, queue, priority, since, told, told_nobody });
            }
            AcdCommand::Move { call, to, priority, keep_since } => {
                self.stop_ringing(call, events);
                if let Some(waiting) = self.waiting.iter_mut().find(|w| w.call == call) {
                    let since = if keep_since { waiting.since } else { now };
                    let (told, told_nobody) = (None, false);
                    *waiting = Waiting { call, queue: to, priority, since, told, told_nobody };
                }
            }
            AcdCommand::SetPriority { call, priority } => {
                if let Some(waiting) = self.waiting.iter_mut().find(|w| w.call == call) {
                    waiting.priority = priority;
                }
            }
            AcdCommand::Leave(call) => {
                self.stop_ringing(call, events);
                self.waiting.retain(|w| w.call != call);
            }
            AcdCommand::Agent(agent, state) => self.change(agent, state, now, events),
            AcdCommand::Answered(agent) => self.answered(agent, events),
            AcdCommand::TalkEnded(agent) => self.talk_ended(agent, now),
            AcdCommand::Timer => {}
        }
    }

    fn change(&mut self, agent: AgentIndex, state: AgentState, now: Millis, events: &mut Vec<AcdEvent>) {
        let Some(agent_ref) = self.agents.get_mut(agent.0) else {
            return;
        };
        agent_ref.chosen = state;
        agent_ref.idle_since = now;
        if let (Doing::Ringing(call, _), true) = (agent_ref.doing, state != AgentState::Ready) {
            agent_ref.doing = Doing::Nothing;
            events.push(AcdEvent::StopRing(agent));
            events.push(AcdEvent::Notice(call, QueueNotice::RingTimeout));
        }
    }

    fn answered(&mut self, agent: AgentIndex, events: &mut Vec<AcdEvent>) {
        let Some(found) = self.agents.get_mut(agent.0) else {
            return;
        };
        let Doing::Ringing(call, _) = found.doing else {
            return;
        };
        let waiting = self.waiting.iter().find(|w| w.call == call);
        let wrap_up = waiting.and_then(|w| self.settings.get(&w.queue)).map_or(Millis(0), |s| s.1);
        found.doing = Doing::Talking(wrap_up);
        self.waiting.retain(|w| w.call != call);
        events.push(AcdEvent::Notice(call, QueueNotice::AgentAnswered));
    }

    fn talk_ended(&mut self, agent: AgentIndex, now: Millis) {
        if let Some(Agent { doing, idle_since, .. }) = self.agents.get_mut(agent.0)
            && let Doing::Talking(wrap_up) = *doing
        {
            *doing = Doing::WrapUp(now + wrap_up);
            *idle_since = now;
        }
    }
}

impl Acd for SimpleAcd {
    fn tell(&mut self, command: AcdCommand, now: Millis) -> Vec<AcdEvent> {
        let mut events = Vec::new();
        self.timers(now, &mut events);
        self.take(command, now, &mut events);
        self.timers(now, &mut events);
        self.settle(now, &mut events);
        events
    }

    fn poll_timeout(&self) -> Option<Millis> {
        let until = |agent: &Agent| match agent.doing {
            Doing::Ringing(_, until) | Doing::WrapUp(until) => Some(until),
            Doing::Nothing | Doing::Talking(_) => None,
        };
        self.agents.iter().filter_map(until).min()
    }
}
