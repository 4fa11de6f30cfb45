//! liandong-media: everything that touches RTP. No SIP, no HTTP, no SQL.
//!
//! Pure cores, each with a virtual clock (`now_ms: u64`, any monotonic origin): [`rtp`] (packets,
//! jitter), [`codec`] (G.711, Opus), [`tone`] (making and hearing tones), [`mix`] (N−1), [`relay`]
//! (one call: who hears whom), [`record::timeline`] (two tracks in time). Shells: [`net`] (ports,
//! batched UDP), [`prompt`] (files decoded once), [`record`] (the writer of WAV files) and
//! [`engine`] (media threads, commanded through an inbox).
//!
//! All speech inside is 8 kHz, 16 bit, mono, in frames of 20 ms: what the telephone network
//! carries. Opus legs are resampled at the border.

pub mod codec;
pub mod mix;
pub mod net;
pub mod prompt;
pub mod record;
pub mod relay;
pub mod rtc;
pub mod rtp;
pub mod sfu;
pub mod tone;

pub mod engine;

/// Samples per second of all speech inside.
pub const RATE: u32 = 8_000;
/// Samples in one frame.
pub const FRAME: usize = 160;
/// Length of one frame in milliseconds; the tick of the media clock.
pub const FRAME_MS: u64 = 20;
/// One frame of speech.
pub type PcmFrame = [i16; FRAME];
/// The frame of silence.
pub const SILENCE: PcmFrame = [0; FRAME];
