//! A new call waits for its first event to be on disk before anything of it goes out: no phone rings and nobody is answered
//! for a call that a kill could make unheard of. The wait is one commit. While the store is away nothing waits, and never
//! longer than [`LIMIT`]: speech does not depend on the disk.
//!
//! Pure: it knows how far the writer is by what it is told.
//!
//! Must not know: what is held.

use std::collections::HashMap;

use liandong_dialplans::Millis;

use crate::ids::CallId;

/// Longest wait: one period of the ringing tone (GF 002: 1 s tone, 4 s pause). A commit takes some milliseconds; a disk that
/// hangs must not silence the hotline.
const LIMIT: Millis = Millis(5_000);

/// What is held back, by call, in order.
pub(super) struct Holds<T> {
    calls: HashMap<CallId, Held<T>>,
}

struct Held<T> {
    entry: u64,
    until: Millis,
    things: Vec<T>,
}

impl<T> Holds<T> {
    pub(super) fn new() -> Self {
        Self { calls: HashMap::new() }
    }

    /// From now on things of `call` wait for the writer's entry number `entry`.
    pub(super) fn begin(&mut self, call: CallId, entry: u64, now: Millis) {
        self.calls.insert(call, Held { entry, until: Millis(now.0 + LIMIT.0), things: Vec::new() });
    }

    /// Keeps the thing if its call waits, else gives it back.
    pub(super) fn keep(&mut self, call: CallId, thing: T) -> Option<T> {
        match self.calls.get_mut(&call) {
            Some(held) => {
                held.things.push(thing);
                None
            }
            None => Some(thing),
        }
    }

    /// What need not wait any more, call by call in order: `written` entries are on disk, or the store is `away`.
    pub(super) fn ready(&mut self, written: u64, away: bool, now: Millis) -> Vec<T> {
        let over = |held: &Held<T>| away || held.entry <= written || held.until <= now;
        let calls: Vec<CallId> = self.calls.iter().filter(|(_, held)| over(held)).map(|(call, _)| *call).collect();
        calls.iter().filter_map(|call| self.calls.remove(call)).flat_map(|held| held.things).collect()
    }

    /// When the next wait ends whatever the store does.
    pub(super) fn poll_timeout(&self) -> Option<Millis> {
        self.calls.values().map(|held| held.until).min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(n: u128) -> CallId {
        CallId(uuid::Uuid::from_u128(n))
    }

    #[test]
    fn a_call_goes_on_when_its_first_event_is_written() {
        let mut holds = Holds::new();
        holds.begin(call(1), 7, Millis(0));
        assert_eq!((holds.keep(call(1), "ring"), holds.keep(call(2), "play")), (None, Some("play")));
        assert_eq!(holds.keep(call(1), "answer"), None);
        assert!(holds.ready(6, false, Millis(10)).is_empty());
        assert_eq!(holds.ready(7, false, Millis(11)), ["ring", "answer"], "in order");
        assert_eq!(holds.keep(call(1), "bridge"), Some("bridge"), "and waits no more");
        assert_eq!(holds.poll_timeout(), None);
    }

    #[test]
    fn a_store_that_is_away_or_hangs_silences_nobody() {
        let mut holds = Holds::new();
        holds.begin(call(1), 1, Millis(0));
        holds.keep(call(1), "answer");
        assert_eq!(holds.ready(0, true, Millis(1)), ["answer"]);
        holds.begin(call(2), 2, Millis(5));
        holds.keep(call(2), "answer");
        assert_eq!(holds.poll_timeout(), Some(Millis(5_005)));
        assert!(holds.ready(0, false, Millis(5_004)).is_empty());
        assert_eq!(holds.ready(0, false, Millis(5_005)), ["answer"]);
    }
}
