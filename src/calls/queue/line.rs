//! The waiting calls in the order in which they are served.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use liandong_dialplans::{Millis, Priority, QueueName};

use crate::ids::CallId;

/// A waiting call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Waiting {
    pub(super) call: CallId,
    pub(super) queue: QueueName,
    pub(super) priority: Priority,
    /// When its caller first asked for a person.
    pub(super) since: Millis,
    order: Order,
}

/// Rank, then time, then order of arrival for equal times.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Order(Reverse<Priority>, Millis, u64);

/// All waiting calls, over all queues.
#[derive(Debug, Default)]
pub(super) struct Line {
    calls: BTreeMap<CallId, Waiting>,
    order: BTreeSet<(Order, CallId)>,
    arrivals: u64,
    /// A call that returns keeps its number, so that equal times do not swap.
    numbers: BTreeMap<CallId, u64>,
}

impl Line {
    /// Puts a call in its place by rank and time.
    pub(super) fn insert(&mut self, call: CallId, queue: QueueName, priority: Priority, since: Millis) {
        self.arrivals += 1;
        let number = *self.numbers.entry(call).or_insert(self.arrivals);
        let order = Order(Reverse(priority), since, number);
        self.order.insert((order, call));
        self.calls.insert(call, Waiting { call, queue, priority, since, order });
    }

    /// Takes a call out, its number kept for a return.
    pub(super) fn remove(&mut self, call: CallId) -> Option<Waiting> {
        let waiting = self.calls.remove(&call)?;
        self.order.remove(&(waiting.order, call));
        Some(waiting)
    }

    /// The call will not come back.
    pub(super) fn forget(&mut self, call: CallId) {
        self.numbers.remove(&call);
    }

    /// Arrival numbers kept, for the test that none leaks.
    #[cfg(test)]
    pub(super) fn numbers(&self) -> usize {
        self.numbers.len()
    }

    pub(super) fn get(&self, call: CallId) -> Option<&Waiting> {
        self.calls.get(&call)
    }

    pub(super) fn len(&self) -> usize {
        self.calls.len()
    }

    /// All calls, first to be served first.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Waiting> {
        self.order.iter().filter_map(|(_, call)| self.calls.get(call))
    }
}
