//! A small jitter buffer of decoded audio for mixing: sample positions in, 20 ms frames out.

use crate::{FRAME, PcmFrame};

/// Frames held back before the first is played: 40 ms, what a LAN or a leased line needs.
const TARGET_FRAMES: usize = 2;
/// Most frames held; beyond it (drift, a burst) the oldest are skipped to the target.
const MAX_FRAMES: usize = 10;
/// After so many empty frames in a row the next packet starts the buffer anew.
const STARVED_FRAMES: u32 = 10;

/// What one tick of the media clock plays.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(clippy::large_enum_variant)] // a box would cost an allocation per tick and speaker
pub enum Frame {
    /// Received audio; parts that did not arrive are silent.
    Audio(PcmFrame),
    /// Nothing arrived for this frame (loss, silence suppression, not started).
    Gap,
}

/// Sorts packets of any length by media time; gives one frame of 20 ms per tick.
#[derive(Clone, Debug)]
pub struct JitterBuffer {
    samples: [i16; FRAME * MAX_FRAMES],
    filled: [u16; MAX_FRAMES],
    /// Media time of the first packet: frames are counted from it, so that packets of 20 ms fill
    /// whole frames and a lost one is a gap, not two halves.
    base: i64,
    /// Place of the next frame to play, samples from `base`; `None` until the first packet.
    next: Option<i64>,
    starved: u32,
    late: u64,
    skipped: u64,
}

impl Default for JitterBuffer {
    fn default() -> Self {
        Self {
            samples: [0; FRAME * MAX_FRAMES],
            filled: [0; MAX_FRAMES],
            base: 0,
            next: None,
            starved: 0,
            late: 0,
            skipped: 0,
        }
    }
}

impl JitterBuffer {
    /// Stores `pcm` (8 kHz) whose first sample has media time `at`, in samples.
    pub fn push(&mut self, at: i64, pcm: &[i16]) {
        let span = (MAX_FRAMES * FRAME) as i64;
        let place = at.wrapping_sub(self.base);
        let (at, start) = match self.next {
            Some(next) if place.abs_diff(next) < 4 * span as u64 => (place, next),
            _ => (0, self.restart(at)),
        };
        if at + (pcm.len() as i64) <= start {
            self.late += 1;
            return;
        }
        let end = at + pcm.len() as i64;
        if end > start + span {
            self.skip_to(align(end) - (TARGET_FRAMES * FRAME) as i64);
        }
        self.store(at, pcm);
    }

    /// The frame of this tick (20 ms).
    pub fn pop(&mut self) -> Frame {
        let Some(next) = self.next else {
            return Frame::Gap;
        };
        let slot = slot_of(next);
        let mut frame = [0; FRAME];
        frame.copy_from_slice(self.slot(slot));
        let filled = self.clear(slot);
        self.next = Some(next + FRAME as i64);
        if filled > 0 {
            self.starved = 0;
            return Frame::Audio(frame);
        }
        self.starved += 1;
        if self.starved >= STARVED_FRAMES {
            self.next = None;
        }
        Frame::Gap
    }

    /// Packets that came after their frame had been played.
    #[must_use]
    pub fn late(&self) -> u64 {
        self.late
    }

    /// Frames skipped because the buffer was full.
    #[must_use]
    pub fn skipped(&self) -> u64 {
        self.skipped
    }

    fn restart(&mut self, at: i64) -> i64 {
        self.samples.fill(0);
        self.filled.fill(0);
        self.starved = 0;
        self.base = at;
        let next = -((TARGET_FRAMES * FRAME) as i64);
        self.next = Some(next);
        next
    }

    fn skip_to(&mut self, target: i64) {
        let Some(mut next) = self.next else { return };
        while next < target {
            self.clear(slot_of(next));
            next += FRAME as i64;
            self.skipped += 1;
        }
        self.next = Some(next);
    }

    fn store(&mut self, at: i64, pcm: &[i16]) {
        let Some(next) = self.next else { return };
        let end = next + (MAX_FRAMES * FRAME) as i64;
        for (position, &sample) in (at..).zip(pcm) {
            if position < next || position >= end {
                continue;
            }
            let slot = slot_of(position);
            self.samples[slot * FRAME + position.rem_euclid(FRAME as i64) as usize] = sample;
            self.filled[slot] += 1;
        }
    }

    fn slot(&self, slot: usize) -> &[i16] {
        &self.samples[slot * FRAME..(slot + 1) * FRAME]
    }

    fn clear(&mut self, slot: usize) -> u16 {
        self.samples[slot * FRAME..(slot + 1) * FRAME].fill(0);
        std::mem::take(&mut self.filled[slot])
    }
}

fn align(position: i64) -> i64 {
    position.div_euclid(FRAME as i64) * FRAME as i64
}

fn slot_of(position: i64) -> usize {
    position.div_euclid(FRAME as i64).rem_euclid(MAX_FRAMES as i64) as usize
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn audio(value: i16) -> Frame {
        Frame::Audio([value; FRAME])
    }

    #[test]
    fn plays_in_order_after_the_target_delay_and_marks_gaps() {
        let mut buffer = JitterBuffer::default();
        assert_eq!(buffer.pop(), Frame::Gap);
        buffer.push(1_600, &[1; FRAME]);
        buffer.push(1_920, &[3; FRAME]);
        assert_eq!((buffer.pop(), buffer.pop()), (Frame::Gap, Frame::Gap));
        assert_eq!(buffer.pop(), audio(1));
        assert_eq!(buffer.pop(), Frame::Gap, "160 samples are missing");
        assert_eq!(buffer.pop(), audio(3));
    }

    #[test]
    fn reordered_packets_are_sorted_and_late_ones_counted() {
        let mut buffer = JitterBuffer::default();
        buffer.push(320, &[2; FRAME]);
        buffer.push(160, &[1; FRAME]);
        buffer.pop();
        assert_eq!((buffer.pop(), buffer.pop()), (audio(1), audio(2)));
        buffer.push(160, &[9; FRAME]);
        assert_eq!(buffer.late(), 1);
    }

    #[test]
    fn a_burst_is_cut_and_a_jump_restarts() {
        let mut buffer = JitterBuffer::default();
        for frame in 0..30 {
            buffer.push(frame * 160, &[frame as i16 + 1; FRAME]);
        }
        assert!(buffer.skipped() > 0);
        buffer.push(10_000_000, &[7; FRAME]);
        buffer.pop();
        buffer.pop();
        assert_eq!(buffer.pop(), audio(7));
    }

    proptest! {
        #[test]
        fn any_order_and_length_is_taken(pushes in prop::collection::vec((any::<i32>(), 0usize..1000), 0..60)) {
            let mut buffer = JitterBuffer::default();
            for (at, len) in pushes {
                buffer.push(i64::from(at), &vec![1; len]);
                buffer.pop();
            }
        }
    }
}
