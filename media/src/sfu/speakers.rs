//! Who speaks, from the loudness that senders put into packet headers (RFC 6464).
//!
//! Pure. Figures as LiveKit's, so that its clients behave alike: louder than −35 dBov during 40 % of 400 ms,
//! smoothed over two windows, level in eighths.

use crate::rtc::packet::AudioLevel;
use std::time::{Duration, Instant};

/// Window of observation, and interval of reports.
pub(super) const WINDOW: Duration = Duration::from_millis(400);
/// Louder than this (−dBov) counts as sound.
const THRESHOLD: u8 = 35;
/// Share of the window that must have sound.
const SHARE: f32 = 0.4;
/// Weight of the newest window: 2 / (2 + 1) for smoothing over two.
const SMOOTHING: f32 = 2.0 / 3.0;
/// Steps of the reported level.
const STEPS: f32 = 8.0;
/// Time one packet stands for; browsers send 20 ms.
const PACKET: Duration = Duration::from_millis(20);

/// Loudness of one track.
#[derive(Debug, Default)]
pub(super) struct Speaker {
    sound: Duration,
    loudest: Option<u8>,
    smoothed: f32,
    reported: u8,
    window: Option<Instant>,
}

/// A change worth telling.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Loudness {
    /// 0 to 1, in eighths.
    pub level: f32,
    /// Whether it speaks now.
    pub active: bool,
}

impl Speaker {
    /// Takes the loudness of a packet.
    pub(super) fn hear(&mut self, level: AudioLevel, now: Instant) {
        self.window.get_or_insert(now + WINDOW);
        if level.below_overload <= THRESHOLD {
            self.sound += PACKET;
            self.loudest = Some(self.loudest.map_or(level.below_overload, |loudest| loudest.min(level.below_overload)));
        }
    }

    /// When [`Self::report`] should be asked.
    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        self.window
    }

    /// Ends the window if it is over; a change comes back.
    pub(super) fn report(&mut self, now: Instant) -> Option<Loudness> {
        if self.window.is_none_or(|end| now < end) {
            return None;
        }
        let share = self.sound.as_secs_f32() / WINDOW.as_secs_f32();
        let target = match self.loudest {
            Some(loudest) if share >= SHARE => linear(loudest, share.min(1.0)),
            _ => 0.0,
        };
        self.smoothed += (target - self.smoothed) * SMOOTHING;
        self.sound = Duration::ZERO;
        self.loudest = None;
        let step = (self.smoothed * STEPS).ceil().min(STEPS) as u8;
        let step = if self.smoothed < 0.02 { 0 } else { step };
        // Silence needs no clock: the next sound begins a window.
        self.window = (step > 0).then_some(now + WINDOW);
        if step == self.reported {
            return None;
        }
        self.reported = step;
        Some(Loudness { level: f32::from(step) / STEPS, active: step > 0 })
    }
}

/// Linear loudness: the loudest packet, reduced by the share of silence in the window.
fn linear(loudest: u8, share: f32) -> f32 {
    let adjusted = f32::from(loudest) - 20.0 * share.log10();
    10f32.powf(-adjusted / 20.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(speaker: &mut Speaker, start: Instant, level: u8, packets: u32) -> (Vec<Loudness>, Instant) {
        let mut reports = Vec::new();
        let mut now = start;
        for _ in 0..packets {
            speaker.hear(AudioLevel { below_overload: level, voice: true }, now);
            now += PACKET;
            reports.extend(speaker.report(now));
        }
        (reports, now)
    }

    #[test]
    fn speech_is_reported_within_half_a_second_and_silence_ends_it() {
        let mut speaker = Speaker::default();
        let (loud, now) = run(&mut speaker, Instant::now(), 10, 25);
        assert_eq!(loud.len(), 1);
        assert!(loud[0].active && loud[0].level > 0.2);
        let (quiet, _) = run(&mut speaker, now, 100, 150);
        assert!(quiet.last().is_some_and(|last| !last.active));
    }

    #[test]
    fn a_cough_is_no_speech() {
        let mut speaker = Speaker::default();
        let (_, now) = run(&mut speaker, Instant::now(), 10, 5);
        let (reports, _) = run(&mut speaker, now, 100, 40);
        assert!(reports.is_empty());
    }

    #[test]
    fn a_sender_that_falls_silent_is_ended_by_the_clock() {
        let mut speaker = Speaker::default();
        run(&mut speaker, Instant::now(), 10, 25);
        let mut last = None;
        while let Some(at) = speaker.poll_timeout() {
            last = speaker.report(at).or(last);
        }
        assert_eq!(last, Some(Loudness { level: 0.0, active: false }));
    }
}
