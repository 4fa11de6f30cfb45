//! The N−1 mixer: each hears the sum of those it is meant to hear, never itself. Pure.

use crate::{FRAME, PcmFrame};

/// One tick's frames of all speakers, summed on demand.
#[derive(Clone, Debug, Default)]
pub struct Mixer {
    frames: Vec<(usize, PcmFrame)>,
}

impl Mixer {
    /// Starts a new tick.
    pub fn clear(&mut self) {
        self.frames.clear();
    }

    /// Adds what `speaker` says in this tick; a silent speaker need not be added.
    pub fn add(&mut self, speaker: usize, frame: PcmFrame) {
        self.frames.push((speaker, frame));
    }

    /// The sum of all speakers for whom `heard` is true; `None` if all of them are silent.
    ///
    /// Summed in 32 bits and limited at the end, so that the order of speakers does not matter.
    #[must_use]
    pub fn sum(&self, heard: impl Fn(usize) -> bool) -> Option<PcmFrame> {
        let mut sum = [0i32; FRAME];
        let mut any = false;
        for (_, frame) in self.frames.iter().filter(|(speaker, _)| heard(*speaker)) {
            any = true;
            for (sum, &sample) in sum.iter_mut().zip(frame) {
                *sum += i32::from(sample);
            }
        }
        any.then(|| sum.map(limit))
    }
}

fn limit(sample: i32) -> i16 {
    sample.clamp(i32::from(i16::MIN), i32::from(i16::MAX)) as i16
}

/// Adds `pcm` onto `track`, limited to 16 bits.
pub fn add_onto(track: &mut [i16], pcm: &[i16]) {
    for (sum, &sample) in track.iter_mut().zip(pcm) {
        *sum = sum.saturating_add(sample);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tone::{energy_share, sine};

    #[test]
    fn each_hears_the_others_and_not_himself() {
        let tones = [300.0, 500.0, 800.0];
        let mut heard = [const { Vec::new() }; 3];
        let voices = tones.map(|tone| sine(tone, 6_000.0, 8_000));
        let mut mixer = Mixer::default();
        for at in (0..8_000).step_by(FRAME) {
            mixer.clear();
            for (speaker, voice) in voices.iter().enumerate() {
                mixer.add(speaker, voice[at..at + FRAME].try_into().expect("a frame"));
            }
            for (listener, heard) in heard.iter_mut().enumerate() {
                heard.extend(mixer.sum(|speaker| speaker != listener).expect("two speak"));
            }
        }
        for (listener, heard) in heard.iter().enumerate() {
            for (speaker, tone) in tones.into_iter().enumerate() {
                let share = energy_share(heard, tone);
                assert_eq!(share > 0.4, speaker != listener, "{listener} {tone} {share}");
            }
        }
    }

    #[test]
    fn sums_are_limited_not_wrapped() {
        let mut mixer = Mixer::default();
        mixer.add(0, [30_000; FRAME]);
        mixer.add(1, [30_000; FRAME]);
        assert_eq!(mixer.sum(|_| true), Some([i16::MAX; FRAME]));
        assert_eq!(mixer.sum(|_| false), None);
        let mut track = [-30_000; 2];
        add_onto(&mut track, &[-30_000, 10]);
        assert_eq!(track, [i16::MIN, -29_990]);
    }
}
