//! What a leg says: its packets in order, as speech with a place in media time.

use crate::codec::{Codec, Decoder};
use crate::rtp::{Header, Unwrapper};

/// More packets missing than this is a pause of the sender's numbering, not loss.
const MAX_LOST: i64 = 50;

/// Decodes one leg's stream.
#[derive(Default)]
pub(super) struct Ear {
    decoder: Decoder,
    ssrc: Option<u32>,
    time: Unwrapper<32>,
    sequence: Unwrapper<16>,
    pcm: Vec<i16>,
}

/// Speech of one packet.
#[derive(Clone, Copy, Debug)]
pub(super) struct Heard<'a> {
    /// Place of the first sample in media time, 8 kHz samples.
    pub(super) media: i64,
    /// 8 kHz samples.
    pub(super) pcm: &'a [i16],
    /// Packets missing before this one.
    pub(super) lost: u16,
    /// It came after a later one.
    pub(super) late: bool,
}

impl Ear {
    /// Counts a packet that carries no speech (a telephone event), so that it is not missed.
    pub(super) fn pass(&mut self, header: &Header) {
        if self.ssrc == Some(header.ssrc) {
            self.sequence.unwrap(u32::from(header.sequence));
        }
    }

    /// Decodes a packet; `None` if nothing can be heard of it (Opus out of order, undecodable).
    pub(super) fn hear(&mut self, header: &Header, codec: Codec, payload: &[u8]) -> Option<Heard<'_>> {
        if self.ssrc != Some(header.ssrc) {
            self.ssrc = Some(header.ssrc);
            (self.time, self.sequence) = (Unwrapper::default(), Unwrapper::default());
        }
        let before = self.sequence.last();
        let sequence = self.sequence.unwrap(u32::from(header.sequence));
        let step = before.map_or(1, |before| sequence - before);
        let late = step <= 0;
        if late && codec == Codec::Opus {
            return None;
        }
        let mut lost = if (1..=MAX_LOST).contains(&step) { (step - 1) as u16 } else { 0 };
        let units = i64::from(codec.units_per_sample());
        let mut media = self.time.unwrap(header.timestamp) / units;
        self.pcm.clear();
        if lost > 0 && codec == Codec::Opus {
            self.decoder.conceal_opus(payload, &mut self.pcm);
            media -= self.pcm.len() as i64;
            lost -= u16::from(!self.pcm.is_empty());
        }
        self.decoder.decode(codec, payload, &mut self.pcm);
        let pcm = &self.pcm[..];
        (!pcm.is_empty()).then_some(Heard { media, pcm, lost, late })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::FRAME;
    use crate::codec::Encoder;

    fn header(sequence: u16, timestamp: u32) -> Header {
        Header { sequence, timestamp, ssrc: 1, ..Header::default() }
    }

    #[test]
    fn loss_and_lateness_are_told() {
        let mut ear = Ear::default();
        let first = ear.hear(&header(65_535, u32::MAX - 159), Codec::Pcma, &[0xd5; 160]).unwrap();
        let start = first.media;
        let third = ear.hear(&header(1, 160), Codec::Pcma, &[0xd5; 160]).unwrap();
        assert_eq!((third.media - start, third.lost, third.late), (320, 1, false));
        let second = ear.hear(&header(0, 0), Codec::Pcma, &[0xd5; 160]).unwrap();
        assert_eq!((second.media - start, second.late), (160, true));
    }

    #[test]
    fn a_lost_opus_packet_is_filled() {
        let (mut ear, mut encoder) = (Ear::default(), Encoder::new(Codec::Opus));
        let mut payload = Vec::new();
        encoder.encode(&[100; FRAME], &mut payload);
        assert_eq!(ear.hear(&header(1, 0), Codec::Opus, &payload).unwrap().pcm.len(), FRAME);
        let heard = ear.hear(&header(3, 1_920), Codec::Opus, &payload).unwrap();
        assert_eq!((heard.media, heard.pcm.len(), heard.lost), (160, 2 * FRAME, 0));
        assert!(ear.hear(&header(2, 960), Codec::Opus, &payload).is_none());
    }
}
