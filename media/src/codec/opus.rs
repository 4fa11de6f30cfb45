//! Opus at the border: 48 kHz mono outside, 8 kHz inside.
//!
//! A decoder that panics on a hostile payload must not take the media thread down: each decode is
//! caught, the state thrown away, the payload counted as lost.

use std::panic::{AssertUnwindSafe, catch_unwind};

use audio_codec::opus::{OpusApplication, OpusEncoder};
use audio_codec::resampler::BoxedResampler;
use opus_rs::OpusDecoder;

use crate::{FRAME, PcmFrame};

const RATE: usize = 48_000;
/// 20 ms at 48 kHz.
const WIDE_FRAME: usize = 960;
/// 120 ms at 48 kHz.
const MAX_WIDE: usize = 5_760;
/// Bits per second: narrow-band speech needs no more.
const BITRATE: i32 = 32_000;
/// 0–10; 5 was measured at 61 µs a frame, beyond that it costs more than it gives at 8 kHz.
const COMPLEXITY: i32 = 5;
/// RFC 6716: a frame has at most 1,275 bytes, with its TOC byte 1,276.
const MAX_PAYLOAD: usize = 1_276;

/// The receiving side.
pub(super) struct OpusIn {
    decoder: Option<OpusDecoder>,
    down: Option<BoxedResampler>,
    wide: Vec<f32>,
    wide_pcm: Vec<i16>,
    broken: bool,
}

impl Default for OpusIn {
    fn default() -> Self {
        Self {
            decoder: OpusDecoder::new(RATE as i32, 1).ok(),
            down: BoxedResampler::new(RATE, 8_000).ok(),
            wide: vec![0.0; MAX_WIDE],
            wide_pcm: Vec::with_capacity(MAX_WIDE),
            broken: false,
        }
    }
}

impl OpusIn {
    pub(super) fn decode(&mut self, payload: &[u8], pcm: &mut Vec<i16>) {
        // One byte or none stands for a frame not sent (DTX): 20 ms are concealed.
        let most = if payload.len() > 1 { MAX_WIDE } else { WIDE_FRAME };
        let samples = self.guarded(|decoder, wide| decoder.decode(payload, most, wide));
        self.narrow(samples, pcm);
    }

    /// 20 ms that stand for the lost packet before `next`.
    pub(super) fn conceal(&mut self, next: &[u8], pcm: &mut Vec<i16>) {
        let samples = self.guarded(|decoder, wide| decoder.decode_fec(next, WIDE_FRAME, wide));
        self.narrow(samples, pcm);
    }

    fn guarded<E>(&mut self, decode: impl FnOnce(&mut OpusDecoder, &mut [f32]) -> Result<usize, E>) -> usize {
        if self.broken {
            self.decoder = OpusDecoder::new(RATE as i32, 1).ok();
            self.broken = false;
        }
        let (Some(decoder), wide) = (&mut self.decoder, &mut self.wide) else {
            return 0;
        };
        match catch_unwind(AssertUnwindSafe(|| decode(decoder, wide).unwrap_or(0))) {
            Ok(samples) => samples.min(MAX_WIDE),
            Err(_) => {
                self.broken = true;
                0
            }
        }
    }

    fn narrow(&mut self, samples: usize, pcm: &mut Vec<i16>) {
        let Some(down) = &mut self.down else { return };
        self.wide_pcm.clear();
        self.wide_pcm.extend(self.wide[..samples].iter().map(|&s| (s * 32_767.0) as i16));
        let start = pcm.len();
        pcm.resize(start + down.max_output_samples(samples), 0);
        let written = down.resample_into(&self.wide_pcm, &mut pcm[start..]).unwrap_or(0);
        pcm.truncate(start + written);
    }
}

/// The sending side.
pub(super) struct OpusOut {
    encoder: OpusEncoder,
    up: Option<BoxedResampler>,
    wide: Vec<i16>,
}

impl Default for OpusOut {
    fn default() -> Self {
        // "VoIP" would choose SILK and cost three to four times as much (facts: 170 against 61 µs).
        let mut encoder = OpusEncoder::new_with_application(RATE as u32, 1, OpusApplication::Audio);
        encoder.set_bitrate(BITRATE);
        encoder.set_complexity(COMPLEXITY);
        encoder.set_cbr(false);
        Self { encoder, up: BoxedResampler::new(8_000, RATE).ok(), wide: vec![0; WIDE_FRAME * 2] }
    }
}

impl OpusOut {
    pub(super) fn encode(&mut self, frame: &PcmFrame, payload: &mut Vec<u8>) {
        let Some(up) = &mut self.up else { return };
        debug_assert_eq!(frame.len(), FRAME);
        let written = up.resample_into(frame, &mut self.wide).unwrap_or(0);
        if written != WIDE_FRAME {
            return;
        }
        payload.resize(MAX_PAYLOAD, 0);
        let length = self.encoder.encode_into_raw(&self.wide[..WIDE_FRAME], payload).unwrap_or(0);
        payload.truncate(length);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::tone::{energy_share, sine};

    #[test]
    fn a_lost_frame_is_concealed_by_a_frame() {
        let (mut out, mut input) = (OpusOut::default(), OpusIn::default());
        let (mut payload, mut pcm) = (Vec::new(), Vec::new());
        for (index, frame) in sine(300.0, 8_000.0, FRAME * 50).chunks_exact(FRAME).enumerate() {
            out.encode(frame.try_into().expect("a frame"), &mut payload);
            match index % 10 {
                4 => continue,
                5 => input.conceal(&payload, &mut pcm),
                _ => {}
            }
            input.decode(&payload, &mut pcm);
        }
        assert_eq!(pcm.len(), FRAME * 50);
        assert!(energy_share(&pcm[FRAME * 10..], 300.0) > 0.8);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn hostile_payloads_do_not_get_out(payloads in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..200), 1..10)) {
            let (mut input, mut pcm) = (OpusIn::default(), Vec::new());
            for payload in payloads {
                pcm.clear();
                input.decode(&payload, &mut pcm);
                prop_assert!(pcm.len() <= super::super::MAX_SAMPLES + 1);
            }
        }
    }
}
