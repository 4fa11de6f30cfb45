//! Deadlines of many peers: who is due, and when is the next one.
//!
//! Pure. One peer's deadline changes with each of its packets; a scan over all peers per packet would cost more
//! than the packet.

use std::collections::{BTreeSet, HashMap};
use std::hash::Hash;
use std::time::Instant;

/// One deadline per key.
pub struct Timers<K> {
    at: HashMap<K, Instant>,
    order: BTreeSet<(Instant, K)>,
}

impl<K: Copy + Eq + Hash + Ord> Timers<K> {
    /// Empty.
    pub fn new() -> Self {
        Self { at: HashMap::new(), order: BTreeSet::new() }
    }

    /// Sets or clears a deadline.
    pub fn set(&mut self, key: K, deadline: Option<Instant>) {
        if self.at.get(&key).copied() == deadline {
            return;
        }
        if let Some(before) = self.at.remove(&key) {
            self.order.remove(&(before, key));
        }
        if let Some(deadline) = deadline {
            self.at.insert(key, deadline);
            self.order.insert((deadline, key));
        }
    }

    /// Takes one key that is due.
    pub fn pop_due(&mut self, now: Instant) -> Option<K> {
        let (at, key) = *self.order.first()?;
        if at > now {
            return None;
        }
        self.set(key, None);
        Some(key)
    }

    /// The earliest deadline.
    pub fn next(&self) -> Option<Instant> {
        self.order.first().map(|(at, _)| *at)
    }
}

impl<K: Copy + Eq + Hash + Ord> Default for Timers<K> {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn the_earliest_comes_first_and_changes_count() {
        let now = Instant::now();
        let at = |ms| now + Duration::from_millis(ms);
        let mut timers = Timers::new();
        timers.set('a', Some(at(10)));
        timers.set('b', Some(at(5)));
        timers.set('a', Some(at(3)));
        assert_eq!(timers.next(), Some(at(3)));
        assert_eq!(timers.pop_due(at(2)), None);
        assert_eq!((timers.pop_due(at(9)), timers.pop_due(at(9)), timers.pop_due(at(9))), (Some('a'), Some('b'), None));
    }
}
