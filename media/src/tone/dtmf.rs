//! DTMF keys in the speech (ITU-T Q.23, Q.24), for phones that send no telephone events.

use std::f64::consts::TAU;

use super::generate::sine;
use super::goertzel::power;

const ROWS: [f64; 4] = [697.0, 770.0, 852.0, 941.0];
const COLUMNS: [f64; 4] = [1_209.0, 1_336.0, 1_477.0, 1_633.0];
const KEYS: [[char; 4]; 4] = [['1', '2', '3', 'A'], ['4', '5', '6', 'B'], ['7', '8', '9', 'C'], ['*', '0', '#', 'D']];

/// Samples per decision: 12.75 ms, narrow enough in frequency to tell neighbours apart.
const BLOCK: usize = 102;
/// Blocks in a row that start a key: two whole blocks lie in any tone of 40 ms, Q.24's least.
const HITS: u8 = 2;
/// Blocks without it that end a key: a break shorter than 30 ms is the same press.
const MISSES: u8 = 3;
/// Least power of each of the two tones: −30 dBm0 or so.
const LEAST_POWER: f64 = 250_000.0;
/// Row louder than column by at most 4 dB, column louder than row by at most 8 dB (Q.24).
const ROW_TWIST: f64 = 2.51;
const COLUMN_TWIST: f64 = 6.31;
/// The strongest of a group above the next by 8 dB.
const PEAK: f64 = 6.3;
/// The two tones make up this part of all power, else it is speech.
const SHARE: f64 = 0.63;

/// Hears keys in a stream of 8 kHz samples.
#[derive(Clone, Debug)]
pub struct DtmfDetector {
    block: Vec<i16>,
    candidate: Option<char>,
    hits: u8,
    pressed: Option<char>,
    misses: u8,
}

impl Default for DtmfDetector {
    fn default() -> Self {
        let block = Vec::with_capacity(BLOCK);
        Self { block, candidate: None, hits: 0, pressed: None, misses: 0 }
    }
}

impl DtmfDetector {
    /// Takes samples; calls `pressed` once per key, when it has lasted long enough.
    pub fn push(&mut self, pcm: &[i16], mut pressed: impl FnMut(char)) {
        for &sample in pcm {
            self.block.push(sample);
            if self.block.len() == BLOCK {
                let key = key_of(&self.block);
                self.block.clear();
                if let Some(key) = self.step(key) {
                    pressed(key);
                }
            }
        }
    }

    fn step(&mut self, key: Option<char>) -> Option<char> {
        self.hits = if key.is_some() && key == self.candidate { self.hits + 1 } else { 1 };
        self.hits = self.hits.min(HITS);
        self.candidate = key;
        if key.is_some() && key == self.pressed {
            self.misses = 0;
            return None;
        }
        if self.pressed.is_some() {
            self.misses += 1;
            if self.misses >= MISSES {
                self.pressed = None;
            }
        }
        let new = key.filter(|_| self.hits == HITS && self.pressed.is_none())?;
        (self.pressed, self.misses) = (Some(new), 0);
        Some(new)
    }
}

fn key_of(block: &[i16]) -> Option<char> {
    let (row, row_power) = strongest(block, ROWS)?;
    let (column, column_power) = strongest(block, COLUMNS)?;
    let twisted = row_power > column_power * ROW_TWIST || column_power > row_power * COLUMN_TWIST;
    let all = block.iter().map(|&s| f64::from(s).powi(2)).sum::<f64>() / block.len() as f64;
    let pure = row_power + column_power > all * SHARE;
    (!twisted && pure).then(|| KEYS[row][column])
}

fn strongest(block: &[i16], frequencies: [f64; 4]) -> Option<(usize, f64)> {
    let powers = frequencies.map(|frequency| power(block, frequency));
    let (best, &most) = powers.iter().enumerate().max_by(|a, b| a.1.total_cmp(b.1))?;
    let alone = powers.iter().enumerate().all(|(i, &p)| i == best || p * PEAK < most);
    (most > LEAST_POWER && alone).then_some((best, most))
}

/// `samples` of the tone pair of a key at −9 dBm0 each; `None` if there is no such key.
#[must_use]
pub fn dtmf_tone(key: char, samples: usize) -> Option<Vec<i16>> {
    const AMPLITUDE: f64 = 8_000.0;
    let (row, keys) = KEYS.iter().enumerate().find(|(_, keys)| keys.contains(&key))?;
    let column = keys.iter().position(|&k| k == key)?;
    let low = sine(ROWS[row], AMPLITUDE, samples);
    let step = TAU * COLUMNS[column] / f64::from(crate::RATE);
    let mix = |(at, low): (usize, i16)| low + (AMPLITUDE * (step * at as f64).sin()) as i16;
    Some(low.into_iter().enumerate().map(mix).collect())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn heard(pcm: &[i16]) -> String {
        let (mut detector, mut keys) = (DtmfDetector::default(), String::new());
        for packet in pcm.chunks(160) {
            detector.push(packet, |key| keys.push(key));
        }
        keys
    }

    fn dial(keys: &str, on: usize, off: usize) -> Vec<i16> {
        let press = |key| dtmf_tone(key, on).unwrap().into_iter().chain(vec![0; off]);
        keys.chars().flat_map(press).collect()
    }

    #[test]
    fn every_key_is_heard_once() {
        let keys = "1234567890*#ABCD";
        assert_eq!(heard(&dial(keys, 400, 400)), keys);
        assert_eq!(heard(&dial("1122", 800, 600)), "1122", "the same key twice");
        assert_eq!(heard(&dial("5", 8_000, 0)), "5", "held for a second");
    }

    #[test]
    fn twist_within_the_limits_is_taken_beyond_them_not() {
        let with_gain = |low: f64, high: f64| -> String {
            let (a, b) = (sine(770.0, low, 800), sine(1_336.0, high, 800));
            heard(&a.iter().zip(&b).map(|(a, b)| a + b).collect::<Vec<_>>())
        };
        assert_eq!(with_gain(6_000.0, 4_500.0), "5");
        assert_eq!(with_gain(4_000.0, 8_000.0), "5");
        assert_eq!(with_gain(8_000.0, 3_000.0), "");
        assert_eq!(with_gain(2_000.0, 9_000.0), "");
    }

    #[test]
    fn too_short_too_quiet_or_speech_like_is_no_key() {
        assert_eq!(heard(&dial("5", 150, 800)), "");
        let quiet: Vec<i16> = dial("5", 800, 0).iter().map(|s| s / 100).collect();
        assert_eq!(heard(&quiet), "");
        let mut seed = 1u32;
        let noise: Vec<i16> = (0..80_000)
            .map(|_| {
                seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                (seed >> 17) as i16 - 8_192
            })
            .collect();
        assert_eq!(heard(&noise), "");
    }

    #[test]
    fn a_key_survives_coding_and_noise() {
        let mut seed = 7u32;
        let noisy: Vec<i16> = dial("0", 800, 0)
            .into_iter()
            .map(|s| {
                seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                let s = s.saturating_add(((seed >> 20) as i16) - 2_048);
                crate::codec::decode_alaw(crate::codec::encode_alaw(s))
            })
            .collect();
        assert_eq!(heard(&noisy), "0");
    }
}
