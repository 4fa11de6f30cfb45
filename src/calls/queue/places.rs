//! Places in line and honest estimates, told to the plans.
//!
//! A new call is told at once. The others are told when theirs changes, at most once a second for all: in a storm each
//! answer moves thousands.

use std::collections::{BTreeMap, BTreeSet};

use liandong_dialplans::{Millis, QueueName, QueueNotice};

use super::line::Waiting;
use super::{Acd, Turn};
use crate::ids::CallId;

/// All places are told at most so often.
const TELL_EVERY: Millis = Millis(1_000);

/// With fewer handled calls than this there is no ground for an estimate.
const ETA_SAMPLES_MIN: u32 = 5;

/// Weight of the newest handled call in the mean: about the last twenty count.
const MEAN_WEIGHT: f64 = 0.1;

/// What a call was told last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Told {
    place: u32,
    eta_minutes: Option<u32>,
    nobody: bool,
}

/// How long calls of a queue occupy an agent.
#[derive(Debug, Clone, Copy)]
struct Handling {
    samples: u32,
    mean_ms: f64,
}

#[derive(Debug, Default)]
pub(super) struct Places {
    told: BTreeMap<CallId, Told>,
    /// Calls not told anything in their present queue.
    new: BTreeSet<CallId>,
    handling: BTreeMap<QueueName, Handling>,
    /// When all are to be told.
    due: Option<Millis>,
    last: Option<Millis>,
}

impl Places {
    pub(super) fn new_call(&mut self, call: CallId) {
        self.told.remove(&call);
        self.new.insert(call);
    }

    pub(super) fn forget(&mut self, call: CallId) {
        self.told.remove(&call);
        self.new.remove(&call);
    }

    /// Something may have moved the line.
    pub(super) fn stale(&mut self, now: Millis) {
        let earliest = self.last.map_or(now, |last| now.max(last + TELL_EVERY));
        self.due.get_or_insert(earliest);
    }

    /// A call occupied an agent for so long, after-call work included.
    pub(super) fn handled(&mut self, queue: QueueName, took: Millis) {
        let took = took.0 as f64;
        let handling = self.handling.entry(queue).or_insert(Handling { samples: 0, mean_ms: took });
        handling.samples = handling.samples.saturating_add(1);
        handling.mean_ms += (took - handling.mean_ms) * MEAN_WEIGHT.max(1.0 / f64::from(handling.samples));
    }

    pub(super) fn deadline(&self) -> Option<Millis> {
        self.due.filter(|_| !self.told.is_empty() || !self.new.is_empty())
    }
}

impl Acd {
    pub(super) fn tell_places(&mut self, turn: &mut Turn) {
        let now = turn.now.mono;
        let all = self.places.due.is_some_and(|due| due <= now);
        if all {
            self.places.due = None;
            self.places.last = Some(now);
        } else if self.places.new.is_empty() {
            return;
        }
        let capacity = self.capacities();
        let there = self.agents.values().filter(|agent| agent.is_there());
        let staffed: BTreeSet<&QueueName> = there.flat_map(|agent| agent.queues()).collect();
        let mut counts: BTreeMap<&QueueName, u32> = BTreeMap::new();
        let mut news = Vec::new();
        for waiting in self.line.iter() {
            let place = counts.entry(&waiting.queue).or_default();
            *place += 1;
            if all || self.places.new.contains(&waiting.call) {
                news.extend(self.news_for(waiting, *place, &capacity, &staffed));
            }
        }
        for (call, told, notices) in news {
            self.places.told.insert(call, told);
            turn.effects.extend(notices);
        }
        self.places.new.clear();
    }

    fn news_for(
        &self,
        waiting: &Waiting,
        place: u32,
        capacity: &BTreeMap<QueueName, f64>,
        staffed: &BTreeSet<&QueueName>,
    ) -> Option<(CallId, Told, Vec<super::Effect>)> {
        let call = waiting.call;
        let eta_seconds = self.eta_seconds(&waiting.queue, place, capacity);
        let nobody = !staffed.contains(&waiting.queue);
        let told = Told { place, eta_minutes: eta_seconds.map(|s| s.div_ceil(60)), nobody };
        let before = self.places.told.get(&call).copied();
        if before == Some(told) {
            return None;
        }
        let mut notices = Vec::new();
        let mut tell = |notice| notices.push(super::Effect::Notice { call, notice });
        let moved = before.is_none_or(|b| (b.place, b.eta_minutes) != (told.place, told.eta_minutes));
        if moved {
            tell(QueueNotice::Position { place, eta_seconds });
        }
        if nobody != before.is_some_and(|before| before.nobody) {
            tell(if nobody { QueueNotice::NoAgents } else { QueueNotice::AgentsBack });
        }
        Some((call, told, notices))
    }

    /// How many agents each queue has, one who serves several waiting queues counted in parts.
    fn capacities(&self) -> BTreeMap<QueueName, f64> {
        let waiting: BTreeSet<&QueueName> = self.line.iter().map(|w| &w.queue).collect();
        let mut capacity = BTreeMap::new();
        for agent in self.agents.values().filter(|agent| agent.works()) {
            let shared: Vec<&QueueName> = agent.queues().iter().filter(|q| waiting.contains(q)).collect();
            for queue in &shared {
                *capacity.entry((*queue).clone()).or_insert(0.0) += 1.0 / shared.len() as f64;
            }
        }
        capacity
    }

    /// The calls up to this one, each occupying an agent for the mean time, over the agents there are.
    pub(super) fn eta_seconds(
        &self,
        queue: &QueueName,
        place: u32,
        capacity: &BTreeMap<QueueName, f64>,
    ) -> Option<u32> {
        let handling = self.places.handling.get(queue).filter(|h| h.samples >= ETA_SAMPLES_MIN)?;
        let agents = capacity.get(queue).copied().filter(|agents| *agents > 0.0)?;
        let seconds = f64::from(place) * handling.mean_ms / agents / 1_000.0;
        Some(seconds.ceil().min(f64::from(u32::MAX)) as u32)
    }
}
