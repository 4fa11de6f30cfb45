//! A list of sounds played frame by frame, once or again and again.

use super::store::Clip;
use crate::tone::{Tone, ToneGenerator};
use crate::{FRAME, PcmFrame, RATE};

/// One entry of a play list.
#[derive(Clone, Debug)]
pub enum Sound {
    /// A decoded prompt.
    Clip(Clip),
    /// A tone for so many milliseconds.
    Tone(Tone, u64),
    /// Silence for so many milliseconds (between announcements).
    Pause(u64),
}

/// How often a play list is played.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Repeat {
    /// Once.
    Once,
    /// So many times; 0 plays nothing.
    Times(u32),
    /// Until stopped: music on hold, ringback.
    Forever,
}

/// Gives a play list as frames. Pure: one frame per call, the caller is the clock.
#[derive(Clone, Debug)]
pub struct Player {
    sounds: Vec<Sound>,
    left: Option<u32>,
    at: usize,
    /// Samples played of the sound at `at`.
    offset: usize,
    tone: Option<ToneGenerator>,
}

impl Player {
    /// Plays `sounds` in order, `repeat` times.
    #[must_use]
    pub fn new(sounds: Vec<Sound>, repeat: Repeat) -> Self {
        let audible = sounds.iter().any(|sound| length(sound) > 0);
        let left = match repeat {
            _ if !audible => Some(0),
            Repeat::Once => Some(1),
            Repeat::Times(times) => Some(times),
            Repeat::Forever => None,
        };
        Self { sounds, left, at: 0, offset: 0, tone: None }
    }

    /// The next 20 ms; `None` when the list has ended. The last frame is filled with silence.
    pub fn frame(&mut self) -> Option<PcmFrame> {
        let mut frame = [0; FRAME];
        let mut filled = 0;
        while filled < FRAME && self.left != Some(0) {
            filled += self.fill(&mut frame[filled..]);
        }
        (filled > 0).then_some(frame)
    }

    /// Whether the list has ended.
    #[must_use]
    pub fn finished(&self) -> bool {
        self.left == Some(0)
    }

    fn fill(&mut self, out: &mut [i16]) -> usize {
        let sound = &self.sounds[self.at];
        let take = (length(sound) - self.offset).min(out.len());
        match sound {
            Sound::Clip(clip) => {
                out[..take].copy_from_slice(&clip.samples()[self.offset..self.offset + take]);
            }
            Sound::Tone(tone, _) => {
                let tone = self.tone.get_or_insert_with(|| ToneGenerator::new(*tone));
                out[..take].fill_with(|| tone.sample());
            }
            Sound::Pause(_) => out[..take].fill(0),
        }
        self.offset += take;
        if self.offset == length(&self.sounds[self.at]) {
            self.advance();
        }
        take
    }

    fn advance(&mut self) {
        (self.offset, self.tone) = (0, None);
        self.at += 1;
        if self.at == self.sounds.len() {
            self.at = 0;
            self.left = self.left.map(|left| left - 1);
        }
    }
}

fn length(sound: &Sound) -> usize {
    let samples = |ms: u64| ms.saturating_mul(u64::from(RATE) / 1_000) as usize;
    match sound {
        Sound::Clip(clip) => clip.samples().len(),
        Sound::Tone(_, ms) | Sound::Pause(ms) => samples(*ms),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn clip(value: i16, samples: usize) -> Sound {
        Sound::Clip(Clip::new(vec![value; samples]))
    }

    fn all(mut player: Player) -> Vec<i16> {
        std::iter::from_fn(|| player.frame()).flatten().collect()
    }

    #[test]
    fn a_list_plays_without_seams_and_ends_once() {
        let pcm = all(Player::new(vec![clip(1, 100), Sound::Pause(5), clip(2, 150)], Repeat::Once));
        assert_eq!(pcm.len(), 320);
        assert!(pcm[..100].iter().all(|&s| s == 1) && pcm[100..140].iter().all(|&s| s == 0));
        assert!(pcm[140..290].iter().all(|&s| s == 2) && pcm[290..].iter().all(|&s| s == 0));
    }

    #[test]
    fn a_loop_goes_on_and_an_empty_one_ends() {
        let mut music = Player::new(vec![clip(3, 30)], Repeat::Forever);
        assert!((0..1_000).all(|_| music.frame() == Some([3; FRAME])));
        assert_eq!(Player::new(vec![], Repeat::Forever).frame(), None);
        assert_eq!(Player::new(vec![clip(1, 0), Sound::Pause(0)], Repeat::Forever).frame(), None);
        assert_eq!(Player::new(vec![clip(1, 9)], Repeat::Times(0)).frame(), None);
    }

    proptest! {
        #[test]
        fn plays_exactly_what_was_asked(lengths in prop::collection::vec(0usize..500, 0..8), times in 0u32..5) {
            let sounds = lengths.iter().map(|&samples| clip(1, samples)).collect();
            let pcm = all(Player::new(sounds, Repeat::Times(times)));
            let wanted = lengths.iter().sum::<usize>() * times as usize;
            prop_assert_eq!(pcm.iter().filter(|&&s| s == 1).count(), wanted);
            prop_assert_eq!(pcm.len(), wanted.next_multiple_of(FRAME));
        }
    }
}
