//! Power at one frequency without a Fourier transform (Goertzel 1958).

use std::f64::consts::TAU;

/// Mean power at `frequency` (Hz): a sine of amplitude A gives A²/2 when the span holds whole
/// periods.
#[must_use]
pub fn power(samples: &[i16], frequency: f64) -> f64 {
    if samples.is_empty() {
        return 0.0;
    }
    let coefficient = 2.0 * (TAU * frequency / f64::from(crate::RATE)).cos();
    let (mut s1, mut s2) = (0.0, 0.0);
    for &sample in samples {
        let s0 = coefficient * s1 - s2 + f64::from(sample);
        (s2, s1) = (s1, s0);
    }
    let magnitude = s1 * s1 + s2 * s2 - coefficient * s1 * s2;
    let length = samples.len() as f64;
    2.0 * magnitude / (length * length)
}

/// Part of the whole power that lies at `frequency`, 0–1: "is this that tone?".
///
/// Looked at in spans of 100 ms, so that a break in the phase (a lost packet) does not hide a tone.
#[must_use]
pub fn energy_share(samples: &[i16], frequency: f64) -> f64 {
    const SPAN: usize = 800;
    let (mut at, mut all) = (0.0, 0.0);
    for span in samples.chunks(SPAN) {
        at += power(span, frequency) * span.len() as f64;
        all += span.iter().map(|&s| f64::from(s).powi(2)).sum::<f64>();
    }
    if all == 0.0 { 0.0 } else { (at / all).min(1.0) }
}

/// Level of a full-scale sine in dBm0 (G.711: 3.14 for A-law); no approximation of π.
#[allow(clippy::approx_constant)]
const FULL_SCALE_DBM0: f64 = 3.14;

/// Level in dBm0: 0 for a sine 3.14 dB below full scale (G.711); −∞ becomes −100.
#[must_use]
pub fn level_dbm0(samples: &[i16]) -> f64 {
    let sum: f64 = samples.iter().map(|&s| f64::from(s).powi(2)).sum();
    let mean = sum / samples.len().max(1) as f64;
    let full_sine = 32_768.0f64.powi(2) / 2.0;
    if mean < 1e-9 { -100.0 } else { 10.0 * (mean / full_sine).log10() + FULL_SCALE_DBM0 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tone::sine;

    #[test]
    fn a_sine_has_its_power_at_its_frequency_only() {
        let tone = sine(1_000.0, 10_000.0, 8_000);
        assert!((power(&tone, 1_000.0) / 5e7 - 1.0).abs() < 0.01);
        assert!(energy_share(&tone, 1_000.0) > 0.99);
        assert!(energy_share(&tone, 700.0) < 0.01);
        assert!((level_dbm0(&tone) - (20.0 * (10_000.0f64 / 32_768.0).log10() + FULL_SCALE_DBM0)).abs() < 0.1);
    }

    #[test]
    fn silence_is_no_tone() {
        assert_eq!((energy_share(&[0; 800], 440.0), power(&[], 440.0)), (0.0, 0.0));
        assert_eq!(level_dbm0(&[0; 160]), -100.0);
    }
}
