//! What is known of the prompts: their lengths, and how a place in line is put into words.
//!
//! Must not know: samples, codecs, who plays them.

use std::collections::BTreeMap;

use crate::api::PromptRef;
use crate::time::Millis;

/// Lengths of the prompts by name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Lengths(BTreeMap<PromptRef, Millis>);

impl Lengths {
    /// The prompts shipped in `prompts/`.
    pub fn builtin() -> Self {
        Self::from_index(include_str!("../prompts/index.tsv"))
    }

    /// From lines `name TAB milliseconds`; lines that are none are skipped.
    pub fn from_index(text: &str) -> Self {
        let line = |line: &str| {
            let (name, ms) = line.split_once('\t')?;
            Some((PromptRef(name.to_owned()), Millis(ms.trim().parse().ok()?)))
        };
        Self(text.lines().filter_map(line).collect())
    }

    /// From names and lengths.
    pub fn from_pairs(pairs: impl IntoIterator<Item = (PromptRef, Millis)>) -> Self {
        Self(pairs.into_iter().collect())
    }

    /// Adds or replaces one.
    pub fn insert(&mut self, prompt: PromptRef, length: Millis) {
        self.0.insert(prompt, length);
    }

    /// The length of one prompt; `None` if there is no such prompt.
    pub fn get(&self, prompt: &str) -> Option<Millis> {
        self.0.get(&PromptRef(prompt.to_owned())).copied()
    }

    /// The length of several in a row, unknown ones counted as nothing.
    pub fn total(&self, prompts: &[PromptRef]) -> Millis {
        let ms = prompts.iter().filter_map(|p| self.0.get(p)).map(|l| l.0);
        Millis(ms.fold(0, u64::saturating_add))
    }

    /// All names in order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(PromptRef::as_str)
    }
}

/// The length of a PCM WAV file (RIFF), from its header and the size of its data; `None` if the
/// bytes are none. Never panics.
pub fn wav_length(bytes: &[u8]) -> Option<Millis> {
    if bytes.get(..4)? != b"RIFF" || bytes.get(8..12)? != b"WAVE" {
        return None;
    }
    let word = |at: usize| {
        let four: [u8; 4] = bytes.get(at..at.checked_add(4)?)?.try_into().ok()?;
        Some(u32::from_le_bytes(four))
    };
    let mut at = 12_usize;
    let mut bytes_a_second = None;
    loop {
        let id = bytes.get(at..at.checked_add(4)?)?;
        let size = word(at + 4)?;
        match id {
            b"fmt " => bytes_a_second = Some(word(at + 16)?),
            b"data" => {
                let present = u64::from(size).min((bytes.len() - at - 8) as u64);
                return present
                    .checked_mul(1_000)?
                    .checked_add(u64::from(bytes_a_second?) / 2)?
                    .checked_div(u64::from(bytes_a_second?))
                    .map(Millis);
            }
            _ => {}
        }
        let padded = usize::try_from(size).ok()?.checked_add(size as usize & 1)?;
        at = at.checked_add(8)?.checked_add(padded)?;
    }
}

/// The highest number there is a prompt for.
pub(crate) const NUMBER_MAX: u32 = 100;

fn number(n: u32) -> PromptRef {
    PromptRef(format!("num_{}", n.min(NUMBER_MAX)))
}

/// "您前面还有 N 位来电, 预计等待大约 M 分钟": the place in line, and the estimate if wanted and known.
/// An estimate beyond half an hour is said as "may be long": a number would be no honest one.
pub(crate) fn place_in_words(place: u32, eta: Option<u32>, estimate: bool) -> Vec<PromptRef> {
    /// From here on the estimate is not told as a number.
    const ETA_TOLD_MAX_SECONDS: u32 = 30 * 60;
    let mut words: Vec<PromptRef> = match place.saturating_sub(1) {
        0 => vec!["place_next".into()],
        ahead if ahead <= NUMBER_MAX => {
            vec!["place_before".into(), number(ahead), "place_after".into()]
        }
        _ => vec!["place_many".into()],
    };
    match eta.filter(|_| estimate) {
        None if place > 1 => words.push("place_wait".into()),
        None => {}
        Some(s) if s < 60 => words.push("eta_under_minute".into()),
        Some(s) if s <= ETA_TOLD_MAX_SECONDS => {
            words.extend(["eta_about".into(), number(s.div_ceil(60)), "eta_minutes".into()]);
        }
        Some(_) => words.push("eta_long".into()),
    }
    words
}

/// Every prompt that [`place_in_words`] may use.
pub(crate) fn place_prompts() -> Vec<PromptRef> {
    const FIXED: [&str; 9] = [
        "place_next",
        "place_before",
        "place_after",
        "place_many",
        "place_wait",
        "eta_under_minute",
        "eta_about",
        "eta_minutes",
        "eta_long",
    ];
    FIXED.iter().map(|name| PromptRef::from(*name)).chain((0..=NUMBER_MAX).map(number)).collect()
}

/// The longest announcement there can be with these prompts.
pub(crate) fn place_longest(lengths: &Lengths, estimate: bool) -> Millis {
    let etas: &[Option<u32>] = if estimate { &[None, Some(1), Some(29 * 60), Some(9_999)] } else { &[None] };
    let places = (1..=NUMBER_MAX + 2).step_by(1);
    places
        .flat_map(|place| etas.iter().map(move |eta| (place, *eta)))
        .map(|(place, eta)| lengths.total(&place_in_words(place, eta, estimate)))
        .max()
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn said(place: u32, eta: Option<u32>) -> String {
        let words = place_in_words(place, eta, true);
        words.iter().map(PromptRef::as_str).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn places_and_estimates_are_said_honestly() {
        assert_eq!(said(1, None), "place_next");
        assert_eq!(said(3, None), "place_before num_2 place_after place_wait");
        assert_eq!(said(3, Some(59)), "place_before num_2 place_after eta_under_minute");
        assert_eq!(said(3, Some(61)), "place_before num_2 place_after eta_about num_2 eta_minutes");
        assert_eq!(said(102, Some(5_000)), "place_many eta_long");
    }

    #[test]
    fn the_shipped_prompts_match_their_index() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/prompts");
        let lengths = Lengths::builtin();
        let mut seen = 0;
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_some_and(|e| e == "wav") {
                let name = path.file_stem().unwrap().to_str().unwrap();
                let bytes = std::fs::read(&path).unwrap();
                assert_eq!(&bytes[20..28], [1, 0, 1, 0, 0x40, 0x1f, 0, 0], "{name}: PCM mono 8 kHz");
                assert_eq!(wav_length(&bytes), lengths.get(name), "{name}");
                seen += 1;
            }
        }
        assert_eq!(seen, lengths.names().count());
        assert!(place_prompts().iter().all(|p| lengths.get(p.as_str()).is_some()));
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_make_the_wav_reader_panic(mut bytes: Vec<u8>) {
            let _ = wav_length(&bytes);
            bytes.splice(0..0, *b"RIFF\0\0\0\0WAVEfmt \x10\0\0\0");
            let _ = wav_length(&bytes);
        }
    }
}
