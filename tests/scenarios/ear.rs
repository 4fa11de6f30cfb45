//! What a waiting caller hears: recognises the hub's prompts in received speech, by their normalised correlation with
//! the sound files as they lie in `dialplans/prompts` (8 kHz, 16 bit), without any code of ours.
//!
//! A list of prompts begins with a frame of 20 ms; the prompts in it follow each other without a gap. So a beginning is
//! sought at frames only, and what follows it at one place only: with a hundred numbers to tell apart, that is quick
//! enough without a Fourier transform.

use std::path::Path;

use crate::phone::samples;

/// Samples of a frame.
const FRAME: usize = 160;
/// The first samples of a prompt, by which most places are dismissed.
const HEAD: usize = 800;
/// The same sound through G.711 correlates above 0.99; another prompt of the same voice stays below 0.3.
const SAME: f64 = 0.8;
/// Numbers that are told apart in places.
const NUMBERS: u32 = 20;

/// A prompt as it should sound.
struct Prompt(Vec<i16>);

impl Prompt {
    fn read(name: &str) -> Self {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("dialplans/prompts/{name}.wav"));
        Self(samples(&std::fs::read(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))))
    }

    fn sounds_at(&self, heard: &[i16], at: usize) -> bool {
        self.likeness(heard, at, HEAD) > SAME && self.likeness(heard, at, self.0.len()) > SAME
    }

    /// The normalised correlation of the first `length` samples with what was heard from `at` on; 0 where that is not all
    /// there.
    fn likeness(&self, heard: &[i16], at: usize, length: usize) -> f64 {
        let own = &self.0[..length.min(self.0.len())];
        let Some(heard) = heard.get(at..at + own.len()) else { return 0.0 };
        let (mut both, mut a, mut b) = (0i64, 0i64, 0i64);
        for (x, y) in heard.iter().zip(own) {
            let (x, y) = (i64::from(*x), i64::from(*y));
            both += x * y;
            a += x * x;
            b += y * y;
        }
        both as f64 / ((a as f64).sqrt() * (b as f64).sqrt()).max(1.0)
    }
}

/// Where a prompt begins, in samples. Only prompts that begin a list are found for certain.
pub(crate) fn beginnings(heard: &[i16], name: &str) -> Vec<usize> {
    let prompt = Prompt::read(name);
    (0..heard.len()).step_by(FRAME).filter(|at| prompt.sounds_at(heard, *at)).collect()
}

/// The places in line that were announced, in order: 1 is the next.
pub(crate) fn places(heard: &[i16]) -> Vec<u32> {
    let before = Prompt::read("place_before");
    let numbers = beginnings(heard, "place_before").into_iter().filter_map(|at| {
        let at = at + before.0.len();
        Some((at, number(heard, at)? + 1))
    });
    let mut said: Vec<(usize, u32)> = numbers.collect();
    said.extend(beginnings(heard, "place_next").into_iter().map(|at| (at, 1)));
    said.sort_unstable();
    said.into_iter().map(|(_, place)| place).collect()
}

/// The number said at this very place and followed by "calls ahead of you": the likest one. `None` while it is still
/// being said.
fn number(heard: &[i16], at: usize) -> Option<u32> {
    let after = Prompt::read("place_after");
    let prompts = (0..=NUMBERS).map(|n| (n, Prompt::read(&format!("num_{n}"))));
    let likeness = prompts.map(|(n, prompt)| (n, prompt.likeness(heard, at, prompt.0.len()), prompt.0.len()));
    let (number, likest, length) = likeness.max_by(|a, b| a.1.total_cmp(&b.1))?;
    (likest > SAME && after.sounds_at(heard, at + length)).then_some(number)
}

#[test]
fn a_place_is_told_from_all_others_through_g711() {
    use liandong_media::codec::{decode_alaw, encode_alaw};
    let line = |names: &[&str]| -> Vec<i16> {
        let whole = names.iter().flat_map(|name| Prompt::read(name).0);
        whole.map(|s| decode_alaw(encode_alaw(s))).collect()
    };
    let music = line(&["music"])[..FRAME * 97].to_vec();
    for n in [1, 2, 11, 12, 20] {
        let said = line(&["place_before", &format!("num_{n}"), "place_after", "place_wait"]);
        let heard =
            [music.clone(), said.clone(), vec![0; FRAME - said.len() % FRAME], music.clone(), line(&["place_next"])];
        assert_eq!(places(&heard.concat()), [n + 1, 1]);
        assert_eq!(places(&said[..said.len() / 2]), [] as [u32; 0], "half a number is none");
    }
    assert_eq!(places(&music), [] as [u32; 0]);
}
