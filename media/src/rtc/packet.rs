//! An RTP packet after decryption, and what its header extensions said.

use super::sdp::{Mid, Rid};
use bytes::{BufMut, Bytes, BytesMut};
use std::time::Instant;

/// RTP packet (RFC 3550 §5.1) without padding, CSRCs and extensions.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct RtpPacket {
    /// Payload type, 0–127, in the numbering of the peer it belongs to.
    pub payload_type: u8,
    /// Marker bit: end of a video frame, start of a talk spurt.
    pub marker: bool,
    /// Sequence number.
    pub sequence: u16,
    /// Timestamp in units of the codec's clock.
    pub timestamp: u32,
    /// Synchronization source.
    pub ssrc: u32,
    /// Payload; reference-counted, so cloning a packet copies no media.
    pub payload: Bytes,
}

impl RtpPacket {
    /// The packet as it stands on the wire of a plain RTP leg.
    pub fn to_bytes(&self) -> Bytes {
        let mut out = BytesMut::with_capacity(12 + self.payload.len());
        out.put_u8(0x80);
        out.put_u8(u8::from(self.marker) << 7 | self.payload_type & 0x7f);
        out.put_u16(self.sequence);
        out.put_u32(self.timestamp);
        out.put_u32(self.ssrc);
        out.put_slice(&self.payload);
        out.freeze()
    }

    /// Reads a plain RTP packet; extensions and padding are dropped. `None` if it is no RTP.
    pub fn parse(bytes: &Bytes) -> Option<Self> {
        let first = *bytes.first()?;
        if bytes.len() < 12 || first >> 6 != 2 {
            return None;
        }
        let mut start = 12 + 4 * usize::from(first & 0x0f);
        if first & 0x10 != 0 {
            let length = bytes.get(start + 2..start + 4)?;
            start += 4 + 4 * usize::from(u16::from_be_bytes([length[0], length[1]]));
        }
        let padding = if first & 0x20 != 0 { usize::from(*bytes.last()?) } else { 0 };
        let end = bytes.len().checked_sub(padding).filter(|end| *end >= start)?;
        Some(Self {
            payload_type: bytes[1] & 0x7f,
            marker: bytes[1] & 0x80 != 0,
            sequence: u16::from_be_bytes([bytes[2], bytes[3]]),
            timestamp: u32::from_be_bytes([bytes[4], bytes[5], bytes[6], bytes[7]]),
            ssrc: u32::from_be_bytes([bytes[8], bytes[9], bytes[10], bytes[11]]),
            payload: bytes.slice(start..end),
        })
    }
}

/// Loudness of one packet (RFC 6464).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AudioLevel {
    /// Level below overload, −dBov: 0 is the loudest, 127 silence.
    pub below_overload: u8,
    /// Whether the sender believes that it is speech.
    pub voice: bool,
}

/// A packet that arrived, with the stream that it belongs to.
#[derive(Clone, Debug)]
pub struct Received {
    /// The packet, already unwrapped from a retransmission where it was one.
    pub packet: RtpPacket,
    /// Its media section.
    pub mid: Mid,
    /// Its simulcast layer.
    pub rid: Option<Rid>,
    /// Its loudness, where the sender says so.
    pub audio_level: Option<AudioLevel>,
    /// When the datagram was read.
    pub at: Instant,
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_packet_reads_back(pt in 0u8..128, marker: bool, sequence: u16, timestamp: u32, ssrc: u32, payload: Vec<u8>) {
            let packet = RtpPacket { payload_type: pt, marker, sequence, timestamp, ssrc, payload: payload.into() };
            prop_assert_eq!(RtpPacket::parse(&packet.to_bytes()).unwrap(), packet);
        }

        #[test]
        fn no_bytes_make_it_panic(bytes: Vec<u8>) {
            let _ = RtpPacket::parse(&bytes.into());
        }
    }
}
