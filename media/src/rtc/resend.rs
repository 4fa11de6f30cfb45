//! Loss repair on the downlink: what was sent lately on one stream, to send it again when asked.
//!
//! Pure. Payloads are reference-counted, so the history of a hundred subscribers of one camera holds the
//! camera's bytes once.

use super::packet::RtpPacket;
use bytes::{BufMut, Bytes, BytesMut};
use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// Packets kept: two seconds of a 2 Mbit/s camera.
const CAPACITY: usize = 512;
/// A packet is not repeated faster than this: two receivers' reports of one loss cross on the way.
const MIN_INTERVAL: Duration = Duration::from_millis(15);
/// Times one packet is repeated.
const MAX_REPEATS: u8 = 6;

struct Sent {
    packet: RtpPacket,
    repeated: Option<Instant>,
    repeats: u8,
}

/// Send history of one RTP stream.
pub struct SendHistory {
    sent: VecDeque<Sent>,
    repair_ssrc: u32,
    repair_sequence: u16,
}

impl SendHistory {
    /// `repair_ssrc` is the SSRC of the retransmission stream.
    pub fn new(repair_ssrc: u32) -> Self {
        Self { sent: VecDeque::new(), repair_ssrc, repair_sequence: 0 }
    }

    /// Remembers a packet that goes out now.
    pub fn push(&mut self, packet: RtpPacket) {
        if self.sent.len() == CAPACITY {
            self.sent.pop_front();
        }
        self.sent.push_back(Sent { packet, repeated: None, repeats: 0 });
    }

    /// The retransmission packet (RFC 4588 §4) for a sequence number, if it may be repeated.
    /// `repair_type` maps a media payload type to its retransmission type.
    pub fn repeat(&mut self, sequence: u16, now: Instant, repair_type: impl Fn(u8) -> Option<u8>) -> Option<RtpPacket> {
        // Newest first: losses are asked for while they are young.
        let sent = self.sent.iter_mut().rev().find(|sent| sent.packet.sequence == sequence)?;
        let recent = sent.repeated.is_some_and(|at| now.saturating_duration_since(at) < MIN_INTERVAL);
        if recent || sent.repeats >= MAX_REPEATS {
            return None;
        }
        let payload_type = repair_type(sent.packet.payload_type)?;
        sent.repeated = Some(now);
        sent.repeats += 1;
        self.repair_sequence = self.repair_sequence.wrapping_add(1);
        Some(RtpPacket {
            payload_type,
            ssrc: self.repair_ssrc,
            sequence: self.repair_sequence,
            payload: wrap(&sent.packet),
            ..sent.packet.clone()
        })
    }
}

fn wrap(packet: &RtpPacket) -> Bytes {
    let mut payload = BytesMut::with_capacity(2 + packet.payload.len());
    payload.put_u16(packet.sequence);
    payload.put_slice(&packet.payload);
    payload.freeze()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_packet_is_wrapped_and_not_repeated_at_once() {
        let now = Instant::now();
        let mut history = SendHistory::new(9);
        for sequence in 0..600u16 {
            history.push(RtpPacket {
                payload_type: 96,
                sequence,
                ssrc: 1,
                payload: Bytes::from_static(b"x"),
                ..RtpPacket::default()
            });
        }
        let repair = |_| Some(97);
        assert!(history.repeat(0, now, repair).is_none(), "too old");
        let again = history.repeat(599, now, repair).unwrap();
        assert_eq!((again.ssrc, again.payload_type, &again.payload[..]), (9, 97, &[2, 87, b'x'][..]));
        assert!(history.repeat(599, now, repair).is_none());
        assert!(history.repeat(599, now + MIN_INTERVAL, repair).is_some());
    }
}
