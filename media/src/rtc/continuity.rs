//! One continuous outgoing stream made of several incoming ones.
//!
//! Pure. When the source changes (another simulcast layer, a prompt after the queue's music, another agent),
//! sequence numbers go on without a gap and the timestamp goes on by the time that passed. Packets of an old
//! source that come late are refused: their numbers have been given away.

use super::repair::{BASE, extend};
use std::time::Instant;

struct Epoch<S> {
    source: S,
    first: u64,
    highest: u64,
    sequence_offset: u16,
    timestamp_offset: u32,
}

#[derive(Clone, Copy)]
struct Last {
    sequence: u16,
    timestamp: u32,
    at: Instant,
}

/// Rewrites sequence numbers and timestamps; `S` names a source.
pub struct Continuity<S> {
    epoch: Option<Epoch<S>>,
    last: Option<Last>,
}

impl<S: PartialEq> Continuity<S> {
    /// Nothing sent yet.
    pub fn new() -> Self {
        Self { epoch: None, last: None }
    }

    /// The source that is being sent.
    pub fn source(&self) -> Option<&S> {
        self.epoch.as_ref().map(|epoch| &epoch.source)
    }

    /// Ends the current source: the next packet begins a new one, even of the same name (after a pause).
    pub fn interrupt(&mut self) {
        self.epoch = None;
    }

    /// Outgoing sequence number and timestamp of a packet; `None` if it is older than the switch to its source.
    /// `clock_rate` in Hz must be that of the codec.
    pub fn map(
        &mut self,
        source: S,
        sequence: u16,
        timestamp: u32,
        clock_rate: u32,
        now: Instant,
    ) -> Option<(u16, u32)> {
        if self.epoch.as_ref().is_none_or(|epoch| epoch.source != source) {
            self.begin(source, sequence, timestamp, clock_rate, now);
        }
        let epoch = self.epoch.as_mut()?;
        let extended = extend(sequence, epoch.highest);
        if extended < epoch.first {
            return None;
        }
        let out = (sequence.wrapping_sub(epoch.sequence_offset), timestamp.wrapping_sub(epoch.timestamp_offset));
        if extended >= epoch.highest {
            epoch.highest = extended;
            self.last = Some(Last { sequence: out.0, timestamp: out.1, at: now });
        }
        Some(out)
    }

    fn begin(&mut self, source: S, sequence: u16, timestamp: u32, clock_rate: u32, now: Instant) {
        let (next, time) = match self.last {
            None => (sequence, timestamp),
            Some(last) => {
                let passed = now.saturating_duration_since(last.at).as_micros() * u128::from(clock_rate) / 1_000_000;
                (last.sequence.wrapping_add(1), last.timestamp.wrapping_add((passed as u32).max(1)))
            }
        };
        let first = BASE + u64::from(sequence);
        self.epoch = Some(Epoch {
            source,
            first,
            highest: first,
            sequence_offset: sequence.wrapping_sub(next),
            timestamp_offset: timestamp.wrapping_sub(time),
        });
    }
}

impl<S: PartialEq> Default for Continuity<S> {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::time::Duration;

    proptest! {
        /// Without loss there is no gap whatever the switches; with loss the gaps are exactly the losses.
        #[test]
        fn numbers_go_on(starts in prop::array::uniform3(any::<u16>()), steps in prop::collection::vec((0usize..3, 0u16..3, any::<bool>()), 1..400)) {
            let begin = Instant::now();
            let mut continuity = Continuity::new();
            let mut next = starts;
            let mut last: Option<(usize, u16, u32)> = None;
            for (index, (source, lost, pause)) in steps.into_iter().enumerate() {
                let now = begin + Duration::from_millis(20 * index as u64);
                if pause { continuity.interrupt(); }
                let same = !pause && last.is_some_and(|(before, ..)| before == source);
                next[source] = next[source].wrapping_add(1 + lost);
                let timestamp = u32::from(next[source]).wrapping_mul(160).wrapping_add(source as u32 * 77_777);
                let Some((sequence, time)) = continuity.map(source, next[source], timestamp, 8000, now) else {
                    return Err(TestCaseError::fail("a newer packet was refused"));
                };
                if let Some((_, before, then)) = last {
                    let expected = if same { 1 + lost } else { 1 };
                    prop_assert_eq!(sequence.wrapping_sub(before), expected);
                    if !same { prop_assert_eq!(time.wrapping_sub(then), 160); }
                }
                last = Some((source, sequence, time));
            }
        }

        /// Within one source, reordering gives each packet its own number.
        #[test]
        fn no_number_twice(start: u16, offsets in prop::collection::vec(0u16..200, 1..200)) {
            let now = Instant::now();
            let mut continuity = Continuity::new();
            let mut given = std::collections::HashMap::new();
            for offset in offsets {
                let sequence = start.wrapping_add(offset);
                if let Some((out, _)) = continuity.map((), sequence, 0, 90_000, now) {
                    prop_assert_eq!(*given.entry(out).or_insert(sequence), sequence);
                }
            }
        }
    }

    #[test]
    fn late_packets_of_the_old_layer_are_refused() {
        let now = Instant::now();
        let mut continuity = Continuity::new();
        assert_eq!(continuity.map('a', 100, 0, 90_000, now), Some((100, 0)));
        assert_eq!(continuity.map('b', 7, 0, 90_000, now), Some((101, 1)));
        assert_eq!(continuity.map('b', 6, 0, 90_000, now), None);
        assert_eq!(continuity.map('b', 8, 0, 90_000, now).map(|out| out.0), Some(102));
    }
}
