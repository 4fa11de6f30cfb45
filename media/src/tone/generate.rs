//! Call progress tones with the cadences of the Chinese network (GB/T 3380: one 450 Hz tone).

use std::f64::consts::TAU;

use crate::{FRAME, PcmFrame, RATE};

/// −10 dBm0 ± 5 is what the standard asks for; the amplitude of a sine at −10 dBm0.
const PROGRESS_AMPLITUDE: f64 = 7_217.0;

/// A tone that a leg can be played.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Tone {
    /// 回铃音: 450 Hz, 1 s on, 4 s off.
    Ringback,
    /// 忙音: 450 Hz, 350 ms on, 350 ms off.
    Busy,
    /// 拨号音: 450 Hz without a break.
    Dial,
    /// Any continuous sine, for tests and line checks.
    Sine {
        /// Hz, below 4,000.
        frequency: f64,
        /// 0–32,767.
        amplitude: f64,
    },
}

impl Tone {
    /// Frequency (Hz), amplitude, samples on, samples off.
    fn shape(self) -> (f64, f64, u64, u64) {
        let ms = |ms: u64| ms * u64::from(RATE) / 1_000;
        match self {
            Self::Ringback => (450.0, PROGRESS_AMPLITUDE, ms(1_000), ms(4_000)),
            Self::Busy => (450.0, PROGRESS_AMPLITUDE, ms(350), ms(350)),
            Self::Dial => (450.0, PROGRESS_AMPLITUDE, 1, 0),
            Self::Sine { frequency, amplitude } => (frequency, amplitude, 1, 0),
        }
    }
}

/// Endless frames of one tone.
#[derive(Clone, Debug)]
pub struct ToneGenerator {
    frequency: f64,
    amplitude: f64,
    on: u64,
    period: u64,
    at: u64,
}

impl ToneGenerator {
    /// Starts with the tone's "on".
    #[must_use]
    pub fn new(tone: Tone) -> Self {
        let (frequency, amplitude, on, off) = tone.shape();
        Self { frequency, amplitude, on, period: on + off, at: 0 }
    }

    /// The next 20 ms.
    pub fn frame(&mut self) -> PcmFrame {
        let mut frame = [0; FRAME];
        for sample in &mut frame {
            *sample = self.sample();
        }
        frame
    }

    /// The next sample.
    pub fn sample(&mut self) -> i16 {
        let at = self.at;
        self.at += 1;
        if at % self.period >= self.on {
            return 0;
        }
        // The phase is taken modulo one second, so that it stays exact for days.
        let phase = TAU * self.frequency * ((at % u64::from(RATE)) as f64) / f64::from(RATE);
        let whole = TAU * self.frequency.fract() * ((at / u64::from(RATE)) as f64);
        (self.amplitude * (phase + whole).sin()) as i16
    }
}

/// `samples` of a sine at 8 kHz.
#[must_use]
pub fn sine(frequency: f64, amplitude: f64, samples: usize) -> Vec<i16> {
    let mut generator = ToneGenerator::new(Tone::Sine { frequency, amplitude });
    (0..samples).map(|_| generator.sample()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tone::{energy_share, level_dbm0};

    fn seconds(tone: Tone, seconds: usize) -> Vec<i16> {
        let mut generator = ToneGenerator::new(tone);
        (0..seconds * 50).flat_map(|_| generator.frame()).collect()
    }

    #[test]
    fn ringback_is_one_second_on_four_off() {
        let tone = seconds(Tone::Ringback, 6);
        assert!(energy_share(&tone[..8_000], 450.0) > 0.99);
        assert!(tone[8_000..40_000].iter().all(|&s| s == 0));
        assert!(energy_share(&tone[40_000..], 450.0) > 0.99);
        assert!((level_dbm0(&tone[..8_000]) + 10.0).abs() < 0.2);
    }

    #[test]
    fn busy_alternates_every_350_ms() {
        let tone = seconds(Tone::Busy, 1);
        assert!(energy_share(&tone[..2_800], 450.0) > 0.98);
        assert!(tone[2_800..5_600].iter().all(|&s| s == 0));
    }

    #[test]
    fn a_fractional_frequency_has_no_break_at_the_second() {
        let tone = sine(440.5, 10_000.0, 16_000);
        let steepest = tone.windows(2).map(|w| (w[1] - w[0]).abs()).max();
        assert!(steepest < Some(3_500), "{steepest:?}");
    }
}
