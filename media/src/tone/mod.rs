//! Tones: made (ringback, busy, sine), heard (DTMF keys in the speech) and measured (Goertzel).
//!
//! Pure functions of samples at 8 kHz; knows no packets.

mod dtmf;
mod generate;
mod goertzel;

pub use dtmf::{DtmfDetector, dtmf_tone};
pub use generate::{Tone, ToneGenerator, sine};
pub use goertzel::{energy_share, level_dbm0, power};
