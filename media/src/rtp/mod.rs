//! RTP and RTCP as bytes (RFC 3550), telephone events (RFC 4733), sequence arithmetic and a small
//! jitter buffer. Pure: no sockets, no clock, no codecs. Nothing here may panic on foreign bytes.

mod dtmf;
mod jitter;
mod packet;
mod rtcp;
mod seq;
mod stats;

pub use dtmf::{DtmfReceiver, TelephoneEvent, digit_of, event_of};
pub use jitter::{Frame, JitterBuffer};
pub use packet::{Extension, Header, MAX_PACKET, Packet, RtpError, looks_like_rtcp};
pub use rtcp::{ReportBlock, Rtcp, RtcpPacket, SenderInfo, write_bye, write_report};
pub use seq::Unwrapper;
pub use stats::{ReceptionStats, ntp_of_unix_ms};
