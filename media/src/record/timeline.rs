//! Two tracks laid out in time: packets in by RTP timestamp, chunks of stereo out by the clock.
//! Pure; knows neither files nor sockets.

use crate::RATE;
use crate::mix::add_onto;

/// How long a packet may be on its way before its place in the file is written, milliseconds.
const WINDOW_MS: u64 = 300;
/// Samples of one chunk: 200 ms, so that a killed process loses the window and one chunk at most
/// (half a second), and the writer's queue is not flooded.
pub const CHUNK: usize = 1_600;
/// Samples of the ring: the window, a chunk, and 120 ms of a packet that came early.
const RING: usize = 8_000;
/// A source whose timestamps drift away from the clock by so much is placed anew.
const MAX_DRIFT: u64 = (RATE / 5) as u64;
/// Sources whose clocks are remembered: both tracks with a few participants over a call.
const MAX_SOURCES: usize = 16;

/// Which of the two.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Track {
    /// The caller.
    Left,
    /// The agent; what the hub says to the caller.
    Right,
}

/// A finished part of the recording.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chunk {
    /// First sample frame since the start of the recording.
    pub at: u64,
    /// Interleaved left, right.
    pub stereo: Vec<i16>,
}

/// Where a source's media clock lies on ours.
#[derive(Clone, Copy, Debug)]
struct Clock {
    source: u64,
    /// `None` until its first packet.
    offset: Option<i64>,
    used_ms: u64,
}

/// The recording in memory: about a second of both tracks.
#[derive(Debug)]
pub struct Timeline {
    started_ms: u64,
    left: Vec<i16>,
    right: Vec<i16>,
    /// Sample frames already given out.
    written: u64,
    clocks: Vec<Clock>,
    late: u64,
}

impl Timeline {
    /// A recording that starts at `now_ms`.
    #[must_use]
    pub fn new(now_ms: u64) -> Self {
        Self { started_ms: now_ms, left: vec![0; RING], right: vec![0; RING], written: 0, clocks: Vec::new(), late: 0 }
    }

    /// Places speech of a source by its unwrapped RTP timestamp `media`, counted at 8 kHz. `source`
    /// tells streams apart (leg and SSRC): each has a clock, tied to ours by its first packet.
    pub fn push(&mut self, track: Track, source: u64, media: i64, pcm: &[i16], now_ms: u64) {
        let arrived = self.position(now_ms) - pcm.len() as i64;
        let clock = self.clock(source, now_ms);
        let by_clock = clock.offset.map(|offset| media.saturating_add(offset));
        let at = by_clock.filter(|at| at.abs_diff(arrived) <= MAX_DRIFT).unwrap_or(arrived);
        clock.offset = Some(at.saturating_sub(media));
        self.place(track, at, pcm);
    }

    /// Places speech that the hub itself makes, in the frame that ends now (prompts, mixes).
    pub fn push_now(&mut self, track: Track, pcm: &[i16], now_ms: u64) {
        self.place(track, self.position(now_ms) - pcm.len() as i64, pcm);
    }

    /// Gives out what can no longer change; call at each tick.
    pub fn poll(&mut self, now_ms: u64) -> Option<Chunk> {
        let settled = self.position(now_ms.saturating_sub(WINDOW_MS));
        (settled - self.written as i64 >= CHUNK as i64).then(|| self.take(CHUNK))
    }

    /// Gives out the rest, up to `now_ms`; call until it returns `None`.
    pub fn finish(&mut self, now_ms: u64) -> Option<Chunk> {
        let rest = self.position(now_ms) - self.written as i64;
        (rest > 0).then(|| self.take((rest as usize).min(CHUNK)))
    }

    /// Packets that came after their place had been given out.
    #[must_use]
    pub fn late(&self) -> u64 {
        self.late
    }

    fn position(&self, now_ms: u64) -> i64 {
        (now_ms.saturating_sub(self.started_ms) * u64::from(RATE) / 1_000) as i64
    }

    fn clock(&mut self, source: u64, now_ms: u64) -> &mut Clock {
        let index = match self.clocks.iter().position(|clock| clock.source == source) {
            Some(index) => index,
            None => self.new_clock(source),
        };
        let clock = &mut self.clocks[index];
        clock.used_ms = now_ms;
        clock
    }

    fn new_clock(&mut self, source: u64) -> usize {
        let clock = Clock { source, offset: None, used_ms: 0 };
        if self.clocks.len() < MAX_SOURCES {
            self.clocks.push(clock);
            return self.clocks.len() - 1;
        }
        let stale = self.clocks.iter().enumerate().min_by_key(|(_, clock)| clock.used_ms);
        let index = stale.map_or(0, |(index, _)| index);
        self.clocks[index] = clock;
        index
    }

    fn place(&mut self, track: Track, at: i64, pcm: &[i16]) {
        let written = self.written as i64;
        let skip = (written - at).clamp(0, pcm.len() as i64) as usize;
        if skip > 0 && written > 0 {
            self.late += 1;
        }
        let ring = match track {
            Track::Left => &mut self.left,
            Track::Right => &mut self.right,
        };
        let first = (at - written).max(0) as usize;
        let pcm = &pcm[skip..];
        let room = RING.saturating_sub(first).min(pcm.len());
        if room > 0 {
            add_onto(&mut ring[first..first + room], &pcm[..room]);
        }
    }

    fn take(&mut self, samples: usize) -> Chunk {
        let pairs = self.left[..samples].iter().zip(&self.right[..samples]);
        let chunk = Chunk { at: self.written, stereo: pairs.flat_map(|(&l, &r)| [l, r]).collect() };
        for track in [&mut self.left, &mut self.right] {
            track.copy_within(samples.., 0);
            track[RING - samples..].fill(0);
        }
        self.written += samples as u64;
        chunk
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::FRAME;

    /// Both tracks of what a timeline gives between 0 and `end_ms`.
    fn run(end_ms: u64, mut each: impl FnMut(&mut Timeline, u64)) -> (Vec<i16>, Vec<i16>, Timeline) {
        let mut timeline = Timeline::new(0);
        let mut stereo = Vec::new();
        let take = |chunk: Chunk, stereo: &mut Vec<i16>| {
            assert_eq!(chunk.at as usize, stereo.len() / 2, "chunks follow each other");
            stereo.extend(chunk.stereo);
        };
        for now in (0..=end_ms).step_by(20) {
            each(&mut timeline, now);
            while let Some(chunk) = timeline.poll(now) {
                take(chunk, &mut stereo);
            }
        }
        while let Some(chunk) = timeline.finish(end_ms) {
            take(chunk, &mut stereo);
        }
        let left = stereo.iter().step_by(2).copied().collect();
        (left, stereo.iter().skip(1).step_by(2).copied().collect(), timeline)
    }

    #[test]
    fn tracks_stay_apart_and_gaps_are_silent() {
        let (left, right, _) = run(2_000, |timeline, now| {
            let media = now as i64 * 8;
            if !(500..1_000).contains(&now) {
                timeline.push(Track::Left, 1, media + 123_456, &[7; FRAME], now);
            }
            timeline.push(Track::Right, 2, media, &[9; FRAME], now);
        });
        assert_eq!((left.len(), right.len()), (16_000, 16_000));
        assert!(right.iter().all(|&s| s == 9));
        assert!(left[..3_840].iter().all(|&s| s == 7));
        assert!(left[3_840..7_840].iter().all(|&s| s == 0), "the gap has its true length");
        assert!(left[7_840..].iter().all(|&s| s == 7));
    }

    #[test]
    fn jitter_and_reordering_do_not_show() {
        let (left, _, timeline) = run(3_000, |timeline, now| {
            // Pairs of packets come swapped and 20 ms late.
            let frame = now / 20;
            let frame = if frame < 2 { frame } else { frame ^ 1 };
            timeline.push(Track::Left, 1, (frame * 160) as i64, &[frame as i16 + 1; FRAME], now);
        });
        assert_eq!(timeline.late(), 0);
        let frames: Vec<i16> = left[1_600..16_000].iter().step_by(FRAME).copied().collect();
        assert!(frames.windows(2).all(|w| w[1] == w[0] + 1), "{frames:?}");
    }

    #[test]
    fn a_jump_of_the_senders_clock_is_placed_anew() {
        let (left, _, _) = run(2_000, |timeline, now| {
            let jump = if now >= 1_000 { 123_456_789 } else { 0 };
            timeline.push(Track::Left, 1, (now * 8) as i64 + jump, &[5; FRAME], now);
        });
        assert!(left.iter().all(|&s| s == 5));
    }

    #[test]
    fn two_sources_on_one_track_are_summed() {
        let (_, right, _) = run(1_000, |timeline, now| {
            timeline.push(Track::Right, 1, (now * 8) as i64, &[5; FRAME], now);
            timeline.push_now(Track::Right, &[3; FRAME], now);
        });
        assert!(right.iter().all(|&s| s == 8));
    }

    proptest! {
        #[test]
        fn any_timestamps_keep_the_length(
            pushes in prop::collection::vec((any::<u64>(), any::<i64>(), 0usize..960), 100),
        ) {
            let mut pushes = pushes.into_iter();
            let (left, right, _) = run(1_500, |timeline, now| {
                if let Some((source, media, samples)) = pushes.next() {
                    timeline.push(Track::Left, source % 40, media, &vec![1; samples], now);
                }
            });
            prop_assert_eq!((left.len(), right.len()), (12_000, 12_000));
        }
    }
}
