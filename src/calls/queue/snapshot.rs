//! The state of the queues at one moment, for wallboard and desk.

use std::collections::BTreeMap;

use liandong_dialplans::{Now, Priority, QueueName};
use serde::Serialize;

use super::figures::{CallFact, FigureView, figures};
use super::{Acd, AgentState, QueueSettings, Wanted};
use crate::ids::{CallId, PersonId};

/// All queues and agents.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Snapshot {
    /// By name.
    pub queues: Vec<QueueView>,
    /// By id.
    pub agents: Vec<AgentView>,
    /// Over all queues, last 24 hours.
    pub figures: Vec<FigureView>,
}

/// One queue.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct QueueView {
    /// Its name in plans.
    pub queue: QueueName,
    /// Its name for people.
    pub title: String,
    /// First to be served first.
    pub waiting: Vec<WaitingView>,
    /// The longest of these waits, milliseconds.
    pub longest_wait_ms: u64,
    /// Agents signed in.
    pub agents_there: usize,
    /// Agents ready.
    pub agents_ready: usize,
    /// Agents in a call with a caller, on hold included.
    pub agents_talking: usize,
    /// Calls that entered it first, last 24 hours.
    pub figures: Vec<FigureView>,
}

/// One waiting call.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct WaitingView {
    /// Which.
    pub call: CallId,
    /// 1 is the next.
    pub place: u32,
    /// Its rank.
    pub priority: Priority,
    /// Milliseconds since its caller asked for a person.
    pub waited_ms: u64,
    /// The agent being rung for it.
    pub ringing: Option<PersonId>,
}

/// One agent.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct AgentView {
    /// Who.
    pub agent: PersonId,
    /// The queues that he serves.
    pub queues: Vec<QueueName>,
    /// What he does.
    #[serde(flatten)]
    pub state: AgentState,
    /// For how long, milliseconds.
    pub for_ms: u64,
    /// What he becomes afterwards, if he asked for it.
    pub next: Option<Wanted>,
    /// In how many milliseconds the ring or the after-call work ends by itself.
    pub ends_in_ms: Option<u64>,
}

pub(super) fn take(acd: &Acd, now: Now) -> Snapshot {
    let agents = acd.agents.iter().map(|(id, agent)| AgentView {
        agent: *id,
        queues: agent.queues().to_vec(),
        state: agent.state.clone(),
        for_ms: (now.mono - agent.since).0,
        next: agent.next.clone(),
        ends_in_ms: agent.ends_at().map(|until| (until - now.mono).0),
    });
    let mut facts: BTreeMap<&QueueName, Vec<&CallFact>> = BTreeMap::new();
    for fact in acd.facts.values() {
        facts.entry(&fact.queue).or_default().push(fact);
    }
    let mut lines = lines(acd, now);
    let queue = |(name, settings): (&QueueName, &QueueSettings)| {
        let figures = views(facts.remove(name).unwrap_or_default());
        queue(acd, name, &settings.title, lines.remove(name).unwrap_or_default(), figures)
    };
    Snapshot {
        queues: acd.settings.iter().map(queue).collect(),
        agents: agents.collect(),
        figures: views(acd.facts.values()),
    }
}

fn views<'a>(facts: impl IntoIterator<Item = &'a CallFact>) -> Vec<FigureView> {
    figures(facts).into_iter().map(FigureView::from).collect()
}

/// The waiting calls by queue, in one pass over line and agents.
fn lines(acd: &Acd, now: Now) -> BTreeMap<&QueueName, Vec<WaitingView>> {
    let rung = acd.agents.iter().filter_map(|(id, agent)| Some((agent.state.call()?, *id)));
    let rung: BTreeMap<CallId, PersonId> = rung.collect();
    let mut lines: BTreeMap<&QueueName, Vec<WaitingView>> = BTreeMap::new();
    for waiting in acd.line.iter() {
        let line = lines.entry(&waiting.queue).or_default();
        line.push(WaitingView {
            call: waiting.call,
            place: u32::try_from(line.len() + 1).unwrap_or(u32::MAX),
            priority: waiting.priority,
            waited_ms: (now.mono - waiting.since).0,
            ringing: rung.get(&waiting.call).copied(),
        });
    }
    lines
}

fn queue(acd: &Acd, name: &QueueName, title: &str, waiting: Vec<WaitingView>, figures: Vec<FigureView>) -> QueueView {
    let agents = || acd.agents.values().filter(|agent| agent.serves(name));
    let talks = |state: &AgentState| matches!(state, AgentState::Talking { .. } | AgentState::Hold { .. });
    QueueView {
        queue: name.clone(),
        title: title.to_owned(),
        longest_wait_ms: waiting.iter().map(|w| w.waited_ms).max().unwrap_or(0),
        waiting,
        agents_there: agents().filter(|agent| agent.is_there()).count(),
        agents_ready: agents().filter(|agent| agent.is_free()).count(),
        agents_talking: agents().filter(|agent| talks(&agent.state)).count(),
        figures,
    }
}
