//! The vocabulary of the relay.

use std::net::{IpAddr, SocketAddr};

use thiserror::Error;

use crate::codec::Codec;
use crate::record::Chunk;

/// Legs of one call: two who talk, a consulted third, a supervisor, and room for an emergency
/// desk's conference. Larger rounds are meetings.
pub const MAX_LEGS: usize = 16;

/// A leg's number within its call, 0 to [`MAX_LEGS`] − 1; chosen by the caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LegNo(pub u8);

impl LegNo {
    pub(super) fn index(self) -> usize {
        usize::from(self.0)
    }
}

/// A set of legs of one call.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LegSet(u16);

impl LegSet {
    /// No leg.
    pub const EMPTY: Self = Self(0);

    /// Whether `leg` is in it.
    #[must_use]
    pub fn contains(self, leg: LegNo) -> bool {
        leg.index() < MAX_LEGS && self.0 & 1 << leg.0 != 0
    }

    /// With `leg`; a number out of range changes nothing.
    #[must_use]
    pub fn with(self, leg: LegNo) -> Self {
        if leg.index() < MAX_LEGS { Self(self.0 | 1 << leg.0) } else { self }
    }

    /// Without `leg`.
    #[must_use]
    pub fn without(self, leg: LegNo) -> Self {
        if leg.index() < MAX_LEGS { Self(self.0 & !(1 << leg.0)) } else { self }
    }

    /// How many.
    #[must_use]
    pub fn len(self) -> usize {
        self.0.count_ones() as usize
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Its members in order.
    pub fn iter(self) -> impl Iterator<Item = LegNo> {
        (0..MAX_LEGS as u8).map(LegNo).filter(move |&leg| self.contains(leg))
    }
}

impl FromIterator<LegNo> for LegSet {
    fn from_iter<I: IntoIterator<Item = LegNo>>(legs: I) -> Self {
        legs.into_iter().fold(Self::EMPTY, Self::with)
    }
}

/// Which way media flows, seen from us (an SDP `sendonly` from the other side is our
/// [`RECEIVE_ONLY`](Self::RECEIVE_ONLY)).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Direction {
    /// We send to the leg.
    pub send: bool,
    /// We take what the leg sends.
    pub receive: bool,
}

impl Direction {
    /// Both ways.
    pub const BOTH: Self = Self { send: true, receive: true };
    /// We only send: the leg listens.
    pub const SEND_ONLY: Self = Self { send: true, receive: false };
    /// We only receive: the leg has us on hold with its own music.
    pub const RECEIVE_ONLY: Self = Self { send: false, receive: true };
    /// Neither.
    pub const INACTIVE: Self = Self { send: false, receive: false };
}

/// What a received payload type means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Payload {
    /// Speech.
    Audio(Codec),
    /// Telephone events with this clock, Hz.
    Event(u32),
}

/// How telephone events are sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EventType {
    /// Payload type, 96–127.
    pub payload_type: u8,
    /// Clock in Hz: 8,000, or 48,000 beside Opus.
    pub clock: u32,
}

/// What was negotiated for a leg.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Media {
    /// Codec that we send.
    pub codec: Codec,
    /// Its payload type as the other side wants it.
    pub send_type: u8,
    /// Payload types that the other side may send us.
    pub receive: Vec<(u8, Payload)>,
    /// How we send keys; `None` if the other side takes no events (keys are then sent as tones).
    pub send_event: Option<EventType>,
}

impl Media {
    /// One codec under the same payload type both ways, no telephone events.
    #[must_use]
    pub fn new(codec: Codec, payload_type: u8) -> Self {
        let receive = vec![(payload_type, Payload::Audio(codec))];
        Self { codec, send_type: payload_type, receive, send_event: None }
    }

    /// G.711 A-law as trunks offer it.
    #[must_use]
    pub fn pcma() -> Self {
        Self::new(Codec::Pcma, 8)
    }

    /// G.711 µ-law.
    #[must_use]
    pub fn pcmu() -> Self {
        Self::new(Codec::Pcmu, 0)
    }

    /// Adds telephone events under the same payload type both ways.
    #[must_use]
    pub fn with_events(mut self, payload_type: u8, clock: u32) -> Self {
        self.receive.push((payload_type, Payload::Event(clock)));
        self.send_event = Some(EventType { payload_type, clock });
        self
    }

    /// Adds a codec that the other side may send as well.
    #[must_use]
    pub fn also_accept(mut self, payload_type: u8, codec: Codec) -> Self {
        self.receive.push((payload_type, Payload::Audio(codec)));
        self
    }

    pub(super) fn payload(&self, payload_type: u8) -> Option<Payload> {
        self.receive.iter().find(|(number, _)| *number == payload_type).map(|&(_, payload)| payload)
    }
}

/// What signalling says about the far end of a leg.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remote {
    /// Where the SDP wants RTP; `None` for a WebRTC leg.
    pub address: Option<SocketAddr>,
    /// Where the SIP message came from: the host to latch on if `address` is private (NAT).
    pub signalling_host: Option<IpAddr>,
    /// Codecs and payload types.
    pub media: Media,
    /// Which way media flows.
    pub direction: Direction,
}

impl Remote {
    /// Both ways with a peer that says its true address.
    #[must_use]
    pub fn new(address: SocketAddr, media: Media) -> Self {
        Self { address: Some(address), signalling_host: None, media, direction: Direction::BOTH }
    }

    /// Both ways with a WebRTC peer.
    #[must_use]
    pub fn external(media: Media) -> Self {
        Self { address: None, signalling_host: None, media, direction: Direction::BOTH }
    }
}

/// What happened on a leg.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LegEvent {
    /// The first accepted RTP packet.
    FirstPacket,
    /// The play list has ended by itself.
    PlayFinished,
    /// A key was pressed: `0`–`9`, `*`, `#`, `A`–`D`.
    Digit(char),
    /// No accepted RTP for the leg's time-out though it should send.
    MediaTimeout,
    /// RTP again after a time-out.
    MediaResumed,
}

/// Where the relay puts what it produces. Called while packets are handled: must not block.
pub trait Sink {
    /// Send RTP to a UDP leg's far end.
    fn send(&mut self, leg: LegNo, to: SocketAddr, packet: &[u8]);
    /// Send RTCP from the odd port.
    fn send_rtcp(&mut self, leg: LegNo, to: SocketAddr, packet: &[u8]);
    /// Hand RTP to a WebRTC leg.
    fn external(&mut self, leg: LegNo, packet: &[u8]);
    /// Tell the owner of the call.
    fn event(&mut self, leg: LegNo, event: LegEvent);
    /// Hand a part of the recording to its writer.
    fn recorded(&mut self, chunk: Chunk);
}

/// Why a command was refused.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum RelayError {
    /// No such leg in this call.
    #[error("leg {} is not open in this call", .0.0)]
    NoLeg(LegNo),
    /// The number is used already.
    #[error("leg {} is open already; close it first or choose another number", .0.0)]
    LegOpen(LegNo),
    /// The number is out of range.
    #[error("leg number {} is out of range: a call has at most {MAX_LEGS} legs", .0.0)]
    LegRange(LegNo),
    /// There is no recording to stop or change.
    #[error("this call is not being recorded")]
    NotRecording,
    /// There is one already.
    #[error("this call is being recorded already; change its tracks, or stop it first")]
    Recording,
    /// Not one of the sixteen keys.
    #[error("{0:?} is no telephone key: use 0-9, *, #, A-D")]
    Key(char),
}
