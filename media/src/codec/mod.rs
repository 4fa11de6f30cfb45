//! Audio codecs of telephone and browser legs: bytes to 8 kHz speech and back.
//!
//! Knows payloads, not packets: sequence numbers and timestamps are the relay's.

mod g711;
mod opus;

pub use g711::{a_to_u, decode_alaw, decode_ulaw, encode_alaw, encode_ulaw, u_to_a};
use opus::{OpusIn, OpusOut};

use crate::{FRAME, PcmFrame};

/// Longest payload decoded, in 8 kHz samples: 120 ms, the longest Opus packet (RFC 6716 §3.2).
pub const MAX_SAMPLES: usize = 960;

/// An audio coding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Codec {
    /// G.711 A-law, what Chinese trunks speak; static payload type 8.
    Pcma,
    /// G.711 µ-law; static payload type 0.
    Pcmu,
    /// Opus (RFC 7587), 48 kHz clock, sent as mono.
    Opus,
}

impl Codec {
    /// Units of the RTP timestamp per second.
    #[must_use]
    pub fn clock(self) -> u32 {
        match self {
            Self::Pcma | Self::Pcmu => 8_000,
            Self::Opus => 48_000,
        }
    }

    /// The static payload type (RFC 3551 §6), if there is one.
    #[must_use]
    pub fn static_payload_type(self) -> Option<u8> {
        match self {
            Self::Pcma => Some(8),
            Self::Pcmu => Some(0),
            Self::Opus => None,
        }
    }

    /// Timestamp units per 8 kHz sample.
    #[must_use]
    pub fn units_per_sample(self) -> u32 {
        self.clock() / crate::RATE
    }
}

/// Decodes one leg's payloads to 8 kHz speech. Holds state for Opus: feed it in order.
#[derive(Default)]
pub struct Decoder {
    opus: Option<Box<OpusIn>>,
}

impl Decoder {
    /// Appends the speech of `payload` to `pcm`; nothing if it cannot be decoded.
    pub fn decode(&mut self, codec: Codec, payload: &[u8], pcm: &mut Vec<i16>) {
        match codec {
            Codec::Pcma => pcm.extend(payload.iter().take(MAX_SAMPLES).map(|&b| decode_alaw(b))),
            Codec::Pcmu => pcm.extend(payload.iter().take(MAX_SAMPLES).map(|&b| decode_ulaw(b))),
            Codec::Opus => self.opus.get_or_insert_default().decode(payload, pcm),
        }
    }

    /// Appends the concealment of one lost frame before `next` (its payload carries the FEC).
    pub fn conceal_opus(&mut self, next: &[u8], pcm: &mut Vec<i16>) {
        self.opus.get_or_insert_default().conceal(next, pcm);
    }
}

/// Encodes 8 kHz frames of 20 ms to one leg's payloads.
pub struct Encoder {
    codec: Codec,
    opus: Option<Box<OpusOut>>,
}

impl Encoder {
    /// An encoder for `codec`; Opus state is made at the first frame.
    #[must_use]
    pub fn new(codec: Codec) -> Self {
        Self { codec, opus: None }
    }

    /// What it encodes to.
    #[must_use]
    pub fn codec(&self) -> Codec {
        self.codec
    }

    /// Replaces `payload` by the coded `frame`; empty if the encoder failed.
    pub fn encode(&mut self, frame: &PcmFrame, payload: &mut Vec<u8>) {
        payload.clear();
        match self.codec {
            Codec::Pcma => payload.extend(frame.iter().map(|&s| encode_alaw(s))),
            Codec::Pcmu => payload.extend(frame.iter().map(|&s| encode_ulaw(s))),
            Codec::Opus => self.opus.get_or_insert_default().encode(frame, payload),
        }
    }
}

/// Cuts speech of any packet length into frames.
#[derive(Clone, Debug, Default)]
pub struct Framer {
    held: Vec<i16>,
}

impl Framer {
    /// Adds samples; at most [`MAX_SAMPLES`] are taken at a time.
    pub fn push(&mut self, pcm: &[i16]) {
        self.held.extend_from_slice(&pcm[..pcm.len().min(MAX_SAMPLES)]);
    }

    /// The next whole frame.
    pub fn pop(&mut self) -> Option<PcmFrame> {
        let frame = *self.held.first_chunk::<FRAME>()?;
        self.held.drain(..FRAME);
        Some(frame)
    }

    /// Samples that wait for the rest of their frame.
    #[must_use]
    pub fn held(&self) -> usize {
        self.held.len()
    }

    /// Forgets what is held.
    pub fn clear(&mut self) {
        self.held.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tone::{energy_share, sine};

    fn through(codec: Codec) -> Vec<i16> {
        let (mut encoder, mut decoder) = (Encoder::new(codec), Decoder::default());
        let (mut payload, mut pcm, mut heard) = (Vec::new(), Vec::new(), Vec::new());
        for frame in sine(440.0, 8_000.0, FRAME * 50).chunks_exact(FRAME) {
            let frame: &PcmFrame = frame.try_into().expect("chunks are frames");
            encoder.encode(frame, &mut payload);
            pcm.clear();
            decoder.decode(codec, &payload, &mut pcm);
            assert_eq!(pcm.len(), FRAME);
            heard.extend_from_slice(&pcm);
        }
        heard
    }

    #[test]
    fn a_tone_survives_each_codec() {
        for codec in [Codec::Pcma, Codec::Pcmu, Codec::Opus] {
            let heard = through(codec);
            let share = energy_share(&heard[FRAME * 10..], 440.0);
            assert!(share > 0.9, "{codec:?}: {share}");
        }
    }

    #[test]
    fn framer_keeps_the_rest() {
        let mut framer = Framer::default();
        framer.push(&[1; 240]);
        assert_eq!(framer.pop(), Some([1; FRAME]));
        assert_eq!((framer.pop(), framer.held()), (None, 80));
    }
}
