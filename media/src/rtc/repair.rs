//! Loss repair on the uplink: which packets of one stream are missing and when to ask for them.
//!
//! Pure. Measured policy (facts of the crate evaluation): ask 5 ms after the gap shows, again after
//! 1.25 · round trip + 10 ms, at most ten times within 1.5 s. It must not know RTCP or the network.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// A gap younger than this is taken for reordering.
const FIRST_ASK: Duration = Duration::from_millis(5);
/// Part of the retry interval that does not depend on the round trip: pacing and scheduling of the sender.
const RETRY_SLACK: Duration = Duration::from_millis(10);
/// Round trip until one was measured.
const INITIAL_ROUND_TRIP: Duration = Duration::from_millis(80);
/// Times a packet is asked for; after that the picture is better repaired by a key frame.
const MAX_ASKS: u8 = 10;
/// Age at which a lost packet is given up: later than any jitter buffer would wait.
const MAX_AGE: Duration = Duration::from_millis(1500);
/// Window of the duplicate bitmap, packets: about 4 s of a 5 Mbit/s stream.
const WINDOW: u64 = 2048;
/// Most packets missed at once; a larger hole is an outage, and a key frame mends it cheaper.
const MAX_MISSING: usize = 256;

/// Room below the first extended number, so that reordering cannot underflow; a multiple of 2¹⁶.
pub(super) const BASE: u64 = 1 << 32;

/// What a packet's arrival meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arrival {
    /// Not seen before: hand it on.
    New,
    /// Seen before: drop it.
    Duplicate,
    /// Older than the window: drop it.
    TooOld,
}

struct Missing {
    sequence: u64,
    since: Instant,
    asked: Option<Instant>,
    asks: u8,
    due: Instant,
}

/// Receive log of one RTP stream.
pub struct ReceiveLog {
    highest: Option<u64>,
    seen: [u64; (WINDOW / 64) as usize],
    missing: VecDeque<Missing>,
    round_trip: Duration,
    ask: bool,
}

impl ReceiveLog {
    /// `ask` says whether retransmission was negotiated; without it only duplicates are found.
    pub fn new(ask: bool) -> Self {
        Self {
            highest: None,
            seen: [0; (WINDOW / 64) as usize],
            missing: VecDeque::new(),
            round_trip: INITIAL_ROUND_TRIP,
            ask,
        }
    }

    /// Records a packet. `repaired` tells that it came as a retransmission.
    pub fn arrived(&mut self, sequence: u16, repaired: bool, now: Instant) -> Arrival {
        let Some(highest) = self.highest else {
            let first = BASE + u64::from(sequence);
            self.highest = Some(first);
            self.mark(first);
            return Arrival::New;
        };
        let extended = extend(sequence, highest);
        if extended > highest {
            self.advance(highest, extended, now);
            return Arrival::New;
        }
        if highest - extended >= WINDOW {
            return Arrival::TooOld;
        }
        if self.is_marked(extended) {
            return Arrival::Duplicate;
        }
        self.mark(extended);
        self.found(extended, repaired, now);
        Arrival::New
    }

    /// Sequence numbers to ask for now.
    pub fn due(&mut self, now: Instant) -> Vec<u16> {
        let retry = self.round_trip.mul_f32(1.25) + RETRY_SLACK;
        self.missing
            .retain(|missing| missing.asks < MAX_ASKS && now.saturating_duration_since(missing.since) < MAX_AGE);
        let due = self.missing.iter_mut().filter(|missing| missing.due <= now);
        due.map(|missing| {
            missing.asks += 1;
            missing.asked = Some(now);
            missing.due = now + retry;
            missing.sequence as u16
        })
        .collect()
    }

    /// When [`Self::due`] will next have something.
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.missing.iter().map(|missing| missing.due).min()
    }

    fn advance(&mut self, highest: u64, extended: u64, now: Instant) {
        let gap = extended - highest - 1;
        for lost in highest + 1..extended.min(highest + 1 + WINDOW) {
            self.clear(lost);
        }
        if extended - highest > WINDOW {
            self.seen.fill(0);
        }
        if self.ask && gap as usize <= MAX_MISSING {
            for sequence in highest + 1..extended {
                self.missing.push_back(Missing { sequence, since: now, asked: None, asks: 0, due: now + FIRST_ASK });
            }
            while self.missing.len() > MAX_MISSING {
                self.missing.pop_front();
            }
        } else if gap > 0 {
            self.missing.clear();
        }
        self.mark(extended);
        self.highest = Some(extended);
    }

    fn found(&mut self, sequence: u64, repaired: bool, now: Instant) {
        let Some(index) = self.missing.iter().position(|missing| missing.sequence == sequence) else {
            return;
        };
        let Some(missing) = self.missing.remove(index) else {
            return;
        };
        if let (true, 1, Some(asked)) = (repaired, missing.asks, missing.asked) {
            let sample = now.saturating_duration_since(asked);
            self.round_trip = self.round_trip.mul_f32(0.875) + sample.mul_f32(0.125);
        }
    }

    fn mark(&mut self, sequence: u64) {
        let bit = sequence % WINDOW;
        self.seen[(bit / 64) as usize] |= 1 << (bit % 64);
    }

    fn clear(&mut self, sequence: u64) {
        let bit = sequence % WINDOW;
        self.seen[(bit / 64) as usize] &= !(1 << (bit % 64));
    }

    fn is_marked(&self, sequence: u64) -> bool {
        let bit = sequence % WINDOW;
        self.seen[(bit / 64) as usize] & 1 << (bit % 64) != 0
    }
}

/// The 64-bit number nearest to `highest` that ends in `sequence` (RFC 3711 §3.3.1).
pub fn extend(sequence: u16, highest: u64) -> u64 {
    let difference = sequence.wrapping_sub(highest as u16) as i16;
    highest.saturating_add_signed(i64::from(difference))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;
    use std::collections::HashSet;

    #[test]
    fn a_gap_is_asked_for_after_five_milliseconds_and_then_found() {
        let start = Instant::now();
        let mut log = ReceiveLog::new(true);
        assert_eq!(log.arrived(65_534, false, start), Arrival::New);
        assert_eq!(log.arrived(1, false, start), Arrival::New);
        assert!(log.due(start).is_empty());
        assert_eq!(log.due(start + Duration::from_millis(5)), vec![65_535, 0]);
        assert!(log.due(start + Duration::from_millis(6)).is_empty());
        assert_eq!(log.arrived(0, true, start + Duration::from_millis(25)), Arrival::New);
        assert_eq!(log.arrived(0, true, start + Duration::from_millis(26)), Arrival::Duplicate);
        assert_eq!(log.due(start + Duration::from_millis(200)), vec![65_535]);
    }

    #[test]
    fn asking_ends() {
        let start = Instant::now();
        let mut log = ReceiveLog::new(true);
        log.arrived(1, false, start);
        log.arrived(3, false, start);
        let asks: usize = (0..5_000).map(|ms| log.due(start + Duration::from_millis(ms)).len()).sum();
        assert!((1..=usize::from(MAX_ASKS)).contains(&asks), "{asks} asks");
        assert_eq!(log.poll_timeout(), None);
    }

    proptest! {
        /// Each packet is handed on exactly once whatever the order, loss and duplication within the window.
        #[test]
        fn every_packet_once(start: u16, order in prop::collection::vec(0u16..300, 1..600)) {
            let now = Instant::now();
            let mut log = ReceiveLog::new(true);
            let mut handed = HashSet::new();
            for offset in order {
                let sequence = start.wrapping_add(offset);
                let first = handed.insert(sequence);
                let arrival = log.arrived(sequence, false, now);
                prop_assert_eq!(arrival == Arrival::New, first);
            }
        }
    }
}
