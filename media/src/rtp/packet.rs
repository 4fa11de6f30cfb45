//! One RTP packet: fixed header, CSRC list, header extension, padding (RFC 3550 §5.1).

use thiserror::Error;

/// Largest datagram that we read or write, bytes. An Ethernet frame carries 1,472; 2,048 leaves
/// room for jumbo senders without letting one datagram cost 64 KiB.
pub const MAX_PACKET: usize = 2_048;

const FIXED_HEADER: usize = 12;

/// Why bytes are not an RTP packet.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum RtpError {
    /// Shorter than its header says.
    #[error("RTP packet of {0} bytes is cut short")]
    Short(usize),
    /// Version bits other than 2: STUN, DTLS, garbage.
    #[error("RTP version is {0}, not 2")]
    Version(u8),
    /// The padding count is 0 or longer than the payload.
    #[error("RTP padding of {0} bytes does not fit the payload")]
    Padding(u8),
}

/// The fields of the fixed header that a relay rewrites.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Header {
    /// First packet of a talk spurt (audio) or of an event.
    pub marker: bool,
    /// Payload type, 0–127.
    pub payload_type: u8,
    /// Sequence number, wraps at 65,536.
    pub sequence: u16,
    /// Media time in units of the payload's clock, wraps.
    pub timestamp: u32,
    /// Synchronisation source.
    pub ssrc: u32,
}

impl Header {
    /// Replaces `out` by this header and `payload`.
    pub fn write(&self, payload: &[u8], out: &mut Vec<u8>) {
        out.clear();
        out.push(0x80);
        out.push(u8::from(self.marker) << 7 | self.payload_type & 0x7f);
        out.extend_from_slice(&self.sequence.to_be_bytes());
        out.extend_from_slice(&self.timestamp.to_be_bytes());
        out.extend_from_slice(&self.ssrc.to_be_bytes());
        out.extend_from_slice(payload);
    }
}

/// A header extension (RFC 3550 §5.3.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Extension<'a> {
    /// "Defined by profile": 0xBEDE for one-byte headers (RFC 8285).
    pub profile: u16,
    /// The words after the length.
    pub data: &'a [u8],
}

/// A parsed packet that borrows its datagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Packet<'a> {
    /// The fixed header.
    pub header: Header,
    /// The header extension, if any.
    pub extension: Option<Extension<'a>>,
    /// The payload without padding.
    pub payload: &'a [u8],
}

impl<'a> Packet<'a> {
    /// Reads a packet.
    ///
    /// # Errors
    /// [`RtpError`] if the bytes are no RTP packet; never panics.
    pub fn parse(data: &'a [u8]) -> Result<Self, RtpError> {
        let short = RtpError::Short(data.len());
        let (fixed, rest) = data.split_first_chunk::<FIXED_HEADER>().ok_or(short)?;
        if fixed[0] >> 6 != 2 {
            return Err(RtpError::Version(fixed[0] >> 6));
        }
        let csrcs = usize::from(fixed[0] & 0x0f) * 4;
        let rest = rest.get(csrcs..).ok_or(short)?;
        let (extension, rest) = if fixed[0] & 0x10 == 0 {
            (None, rest)
        } else {
            let (extension, rest) = parse_extension(rest).ok_or(short)?;
            (Some(extension), rest)
        };
        let payload = if fixed[0] & 0x20 == 0 { rest } else { strip_padding(rest)? };
        Ok(Self { header: parse_header(fixed), extension, payload })
    }
}

fn parse_header(fixed: &[u8; FIXED_HEADER]) -> Header {
    Header {
        marker: fixed[1] & 0x80 != 0,
        payload_type: fixed[1] & 0x7f,
        sequence: u16::from_be_bytes([fixed[2], fixed[3]]),
        timestamp: u32::from_be_bytes([fixed[4], fixed[5], fixed[6], fixed[7]]),
        ssrc: u32::from_be_bytes([fixed[8], fixed[9], fixed[10], fixed[11]]),
    }
}

fn parse_extension(data: &[u8]) -> Option<(Extension<'_>, &[u8])> {
    let (head, rest) = data.split_first_chunk::<4>()?;
    let words = usize::from(u16::from_be_bytes([head[2], head[3]]));
    let (data, rest) = rest.split_at_checked(words * 4)?;
    Some((Extension { profile: u16::from_be_bytes([head[0], head[1]]), data }, rest))
}

fn strip_padding(data: &[u8]) -> Result<&[u8], RtpError> {
    let count = data.last().copied().unwrap_or(0);
    match data.len().checked_sub(usize::from(count)) {
        Some(end) if count > 0 => Ok(&data[..end]),
        _ => Err(RtpError::Padding(count)),
    }
}

/// Whether a datagram on a shared port is RTCP and not RTP (RFC 5761 §4: types 192–223).
#[must_use]
pub fn looks_like_rtcp(data: &[u8]) -> bool {
    data.len() >= 8 && data[0] >> 6 == 2 && (192..=223).contains(&data[1])
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn csrc_extension_and_padding_are_skipped() {
        let mut bytes = vec![0b1011_0001, 0x88, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3];
        bytes.extend([9; 4]); // one CSRC
        bytes.extend([0xbe, 0xde, 0, 1, 1, 2, 3, 4]); // one extension word
        bytes.extend([0xd5, 0xd5, 0, 2]); // two bytes of payload, two of padding
        let packet = Packet::parse(&bytes).unwrap();
        assert_eq!(packet.payload, [0xd5, 0xd5]);
        assert_eq!(packet.extension.unwrap().data, [1, 2, 3, 4]);
        assert!(packet.header.marker);
        assert_eq!(packet.header.payload_type, 8);
    }

    #[test]
    fn what_is_not_rtp_is_named() {
        assert_eq!(Packet::parse(&[]), Err(RtpError::Short(0)));
        assert_eq!(Packet::parse(&[0; 20]), Err(RtpError::Version(0)));
        let mut padded = [0u8; 12];
        padded[0] = 0xa0;
        assert_eq!(Packet::parse(&padded), Err(RtpError::Padding(0)));
        let mut long_extension = [0xffu8; 16];
        long_extension[0] = 0x90;
        assert_eq!(Packet::parse(&long_extension), Err(RtpError::Short(16)));
    }

    proptest! {
        #[test]
        fn any_bytes_are_taken_without_panic(data: Vec<u8>) {
            let _ = Packet::parse(&data);
            let _ = looks_like_rtcp(&data);
        }

        #[test]
        fn written_packets_read_back(
            marker: bool, payload_type in 0u8..128, sequence: u16, timestamp: u32, ssrc: u32,
            payload in prop::collection::vec(any::<u8>(), 0..200),
        ) {
            let header = Header { marker, payload_type, sequence, timestamp, ssrc };
            let mut bytes = Vec::new();
            header.write(&payload, &mut bytes);
            let packet = Packet::parse(&bytes).unwrap();
            prop_assert_eq!(packet.header, header);
            prop_assert_eq!(packet.payload, &payload[..]);
        }
    }
}
