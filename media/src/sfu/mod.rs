//! Selective forwarding: peers publish tracks, others get them, unchanged but for numbers.
//!
//! Pure but for `task`, which puts it on a UDP port. It knows neither rooms nor LiveKit: a signalling side names
//! peers and tracks, carries descriptions to and fro, decides who gets what, and hears events.
//!
//! The way of a meeting: [`Sfu::add_peer`] · [`Sfu::publish`] (the client named a track) · [`Sfu::remote_offer`]
//! (its answer goes back) · [`SfuEvent::Connected`] · [`SfuEvent::TrackArrived`] · [`Sfu::subscribe`] by others ·
//! [`SfuEvent::NeedsOffer`] (ask the client for an offer, or make ours with [`Sfu::create_offer`]) · media flows.

mod forward;
mod keyframe;
mod layers;
mod link;
mod machine;
mod peer;
mod speakers;
mod task;
mod track;
mod vp8;

pub use keyframe::VideoFormat;
pub use layers::{LayerSpec, Quality, Settings};
pub use machine::Sfu;
pub use speakers::Loudness;
pub use task::{SfuHandle, start};
pub use track::TrackSpec;

use crate::rtc::sdp::{Mid, SdpError};
use crate::rtc::transport::{ChannelSpec, TransportError};
use bytes::Bytes;

pub use crate::rtc::sdp::Kind;

/// Most sections on which one connection sends: 100 tiles with sound.
pub const MAX_SECTIONS: usize = 250;
/// Most tracks one peer publishes.
pub const MAX_TRACKS_PER_PEER: usize = 32;

/// A participant's media, named by the signalling side.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PeerId(pub u64);

/// A published track, named by the signalling side.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TrackId(pub u64);

/// How many peer connections a client uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// One, on which the client makes all offers (LiveKit `/rtc/v1`).
    Single,
    /// Two: the client offers for what it publishes, we for what it gets (LiveKit `/rtc`).
    Dual,
}

/// Which of a peer's connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Role {
    /// The one on which the client offers; the only one of [`Shape::Single`].
    Publisher,
    /// The one on which we offer.
    Subscriber,
}

/// Data channels of the LiveKit protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Channel {
    /// In order, nothing lost.
    Reliable,
    /// As it comes.
    Lossy,
    /// Frames of data tracks, as they come.
    DataTrack,
}

impl Channel {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Reliable, Self::Lossy, Self::DataTrack];

    /// Its label on the wire.
    pub fn label(self) -> &'static str {
        match self {
            Self::Reliable => "_reliable",
            Self::Lossy => "_lossy",
            Self::DataTrack => "_data_track",
        }
    }

    fn from_label(label: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|channel| channel.label() == label)
    }

    fn spec(self) -> ChannelSpec {
        let reliable = self == Self::Reliable;
        ChannelSpec { label: self.label().into(), ordered: reliable, max_retransmits: (!reliable).then_some(0) }
    }
}

/// A subscription as the subscriber's description shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SubscriptionSpec {
    /// Media stream id, such as `PA_x|TR_y`.
    pub stream: String,
    /// Track name, such as `TR_y`.
    pub name: String,
    /// What is wanted of it.
    pub settings: Settings,
}

/// Answer to a client's offer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The description.
    pub sdp: String,
    /// Sections on which we send, and what.
    pub sending: Vec<(Mid, TrackId)>,
    /// Sections on which the client sends, and what.
    pub receiving: Vec<(Mid, TrackId)>,
    /// Sections on which the client sends something it has not announced; they are bound when it is published.
    pub unmatched: Vec<Mid>,
}

/// An offer of ours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offer {
    /// The description.
    pub sdp: String,
    /// Sections on which we will send, and what.
    pub sending: Vec<(Mid, TrackId)>,
}

/// What happened.
#[derive(Clone, Debug, PartialEq)]
pub enum SfuEvent {
    /// A connection is up.
    Connected {
        /// Whose.
        peer: PeerId,
        /// Which.
        role: Role,
    },
    /// No sign of life for seconds; ICE may recover.
    Interrupted {
        /// Whose.
        peer: PeerId,
        /// Which.
        role: Role,
    },
    /// A connection is gone for good; remove the peer or let it join again.
    Disconnected {
        /// Whose.
        peer: PeerId,
        /// Which.
        role: Role,
    },
    /// The first packet of a track's layer came.
    TrackArrived {
        /// Publisher.
        peer: PeerId,
        /// Track.
        track: TrackId,
        /// Section.
        mid: Mid,
        /// Such as `video/VP8`.
        mime: String,
        /// Rank of the layer, 0 the smallest.
        layer: usize,
    },
    /// The client's description no longer carries the track.
    TrackStopped {
        /// Publisher.
        peer: PeerId,
        /// Track.
        track: TrackId,
    },
    /// A subscriber's client cannot decode the track's format.
    Unsupported {
        /// Subscriber.
        peer: PeerId,
        /// Track.
        track: TrackId,
    },
    /// The layers of a video track that anybody wants changed: tell the publisher to encode no more.
    LayersWanted {
        /// Publisher.
        peer: PeerId,
        /// Track.
        track: TrackId,
        /// Largest rank wanted; `None` if nobody wants any.
        highest: Option<usize>,
    },
    /// A description is due. [`Shape::Single`]: ask the client for an offer with so many more sections (0 and 0
    /// is right where sections suffice). [`Shape::Dual`]: call [`Sfu::create_offer`].
    NeedsOffer {
        /// Whose.
        peer: PeerId,
        /// Audio sections to add.
        audio: u32,
        /// Video sections to add.
        video: u32,
    },
    /// A data channel can be written.
    ChannelOpen {
        /// Whose.
        peer: PeerId,
        /// Which.
        channel: Channel,
    },
    /// A data channel message.
    Data {
        /// Sender.
        peer: PeerId,
        /// Channel.
        channel: Channel,
        /// Message.
        bytes: Bytes,
    },
    /// Somebody speaks, speaks differently or has fallen silent.
    Speaker {
        /// Publisher.
        peer: PeerId,
        /// Track.
        track: TrackId,
        /// How loud.
        loudness: Loudness,
    },
}

/// Why something asked of the SFU was not done.
#[derive(Debug, thiserror::Error)]
pub enum SfuError {
    /// No such peer.
    #[error("peer {0:?} is not known")]
    NoPeer(PeerId),
    /// No such track.
    #[error("track {0:?} is not known")]
    NoTrack(TrackId),
    /// The name is taken.
    #[error("peer {0:?} exists already; remove it first")]
    PeerExists(PeerId),
    /// The name is taken.
    #[error("track {0:?} exists already; unpublish it first")]
    TrackExists(TrackId),
    /// More than [`MAX_TRACKS_PER_PEER`].
    #[error("a peer publishes at most {MAX_TRACKS_PER_PEER} tracks")]
    TooManyTracks,
    /// More than [`MAX_SECTIONS`].
    #[error("a connection has at most {MAX_SECTIONS} media sections")]
    TooManySections,
    /// An answer without an offer, or the other way round.
    #[error("there is no offer to answer on this connection")]
    NoOffer,
    /// Clients of one connection make the offers themselves.
    #[error("this peer uses one connection, on which it makes the offers")]
    ClientOffers,
    /// The channel is not open yet, or has ended.
    #[error("data channel {0:?} of the peer is not open")]
    NoChannel(Channel),
    /// Description trouble.
    #[error(transparent)]
    Sdp(#[from] SdpError),
    /// WebRTC trouble.
    #[error(transparent)]
    Transport(#[from] TransportError),
    /// The task has ended.
    #[error("the SFU has stopped")]
    Stopped,
}
