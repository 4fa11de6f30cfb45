//! Links as the hub uses them: one trait for commands, one bounded channel of events; and the shells that hold sockets and clocks.
//!
//! **Durability.** [`LinkEvent::Incoming`], [`LinkEvent::Part`] and [`LinkEvent::Receipt`] carry an [`Ack`]; the peer is
//! answered only when the owner calls [`Ack::accept`] after his commit. Towards the peer every message handed to
//! [`Link::submit`] ends, per segment, in exactly one of `Submitted`, `Refused`, `Unknown`; only `Unknown` may be followed by a
//! late `Submitted` or `Refused`. What was handed over and had no such event when the process died is *unknown* to the owner; their
//! number is bounded by [`SmppConfig::queue`] per lane.
//!
//! ```no_run
//! # async fn owner(config: liandong_sms::link::SmppConfig) -> Result<(), Box<dyn std::error::Error>> {
//! use liandong_sms::link::{Link, LinkEvent, OutMessage, SmppLink};
//! use liandong_sms::session::lanes::Lane;
//!
//! let (link, mut events) = SmppLink::start(config, 42)?; // the seed should be random
//! link.submit(OutMessage {
//!     key: "outbox row".into(),
//!     to: "13800138000".into(),
//!     from_ext: "01".into(),
//!     text: "您有1件事项待签收,回复1签收".into(),
//!     lane: Lane::Reminder,
//!     validity: None,
//!     want_receipt: true,
//! })
//! .await?;
//! while let Some(event) = events.recv().await {
//!     match event {
//!         LinkEvent::Submitted { .. } | LinkEvent::Refused { .. } | LinkEvent::Unknown { .. } => { /* store */ }
//!         LinkEvent::Receipt { ack, .. } | LinkEvent::Incoming { ack, .. } | LinkEvent::Part { ack, .. } => {
//!             /* store, commit, and only then: */
//!             ack.accept();
//!         }
//!         LinkEvent::LinkUp | LinkEvent::LinkDown { .. } => { /* show */ }
//!     }
//! }
//! # Ok(())
//! # }
//! ```

mod config;
mod core;
mod sandbox;
mod server;
mod smpp;
mod wire;

pub use config::{ConfigError, Quirks, Secret, SmppConfig};
pub use sandbox::SandboxLink;
pub use server::{BindCheck, ClientSubmit, DeliverError, ServerConfig, ServerEvent, SmppServer, SubmitAck, ToClient};
pub use smpp::SmppLink;

use crate::pdu::{Class, Status};
use crate::receipt::State;
use crate::session::lanes::Lane;
use crate::text::{Concatenation, TooLong};
use futures_util::future::BoxFuture;
use std::fmt;
use std::time::{Duration, SystemTime};
use tokio::sync::oneshot;

/// Room of an event channel. The owner's slowness stops sending and makes the centre wait, it never fills memory.
pub const EVENTS: usize = 256;

/// A message to a phone. `Debug` shows neither number nor text.
#[derive(Clone, PartialEq, Eq)]
pub struct OutMessage {
    /// The owner's key: comes back in every event.
    pub key: String,
    /// Receiver: digits, with or without `+86`.
    pub to: String,
    /// Extension behind the link's source number, so that the reply finds its matter; may be empty. At most 20 digits in all.
    pub from_ext: String,
    /// Any characters; 670 Chinese or 1,530 Latin ones at the most.
    pub text: String,
    /// Urgency.
    pub lane: Lane,
    /// From now; queued longer, it is refused as `Link`. The rest is told to the centre.
    pub validity: Option<Duration>,
    /// Ask for a receipt (on every segment).
    pub want_receipt: bool,
}

impl fmt::Debug for OutMessage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OutMessage").field("key", &self.key).field("lane", &self.lane).finish_non_exhaustive()
    }
}

/// Why a message was not taken. All but `Closed` are permanent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SubmitError {
    /// Not 3–20 digits.
    #[error("the receiver is not a phone number of 3 to 20 digits")]
    BadReceiver,
    /// The extension is not digits, or too long for the link's number.
    #[error("source number and extension must be digits, at most 20 in all")]
    BadExtension,
    /// Nothing to send.
    #[error("the text is empty")]
    EmptyText,
    /// Too many segments.
    #[error(transparent)]
    TooLong(#[from] TooLong),
    /// The link was closed; hand the message to another one.
    #[error("the link is closed")]
    Closed,
}

/// The owner's answer to something that came in. Dropped without an answer, the peer is told to send it again later.
#[derive(Debug)]
pub struct Ack(Option<oneshot::Sender<Status>>);

impl Ack {
    pub(crate) fn channel() -> (Self, oneshot::Receiver<Status>) {
        let (sender, receiver) = oneshot::channel();
        (Self(Some(sender)), receiver)
    }

    /// For events that nobody waits for.
    pub(crate) fn nobody() -> Self {
        Self(None)
    }

    /// It is on disk: never send it again.
    pub fn accept(self) {
        self.refuse(Status::ROK);
    }

    /// Not taken: [`Status::RX_T_APPN`] = send again later, [`Status::RX_P_APPN`] = never.
    pub fn refuse(self, status: Status) {
        if let Some(sender) = self.0 {
            let _ = sender.send(status); // the connection may be gone: then the peer repeats by itself
        }
    }
}

/// Which submitted segment a receipt speaks of, as far as the link itself remembers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Matched {
    /// The owner's key.
    pub key: String,
    /// The segment, from 1.
    pub segment: u8,
    /// How sure that is.
    pub by: MatchedBy,
}

/// By what a receipt was matched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MatchedBy {
    /// The centre's id, for this receiver.
    Id,
    /// As `Id`, but other messages fit as well: the link's id base is ambiguous; alarm.
    AmbiguousId,
    /// Our own reference, echoed: sure, and it resolves an *unknown* submit.
    Reference,
    /// The id is new and exactly one submit to this receiver is unknown. A guess: look the ids up in your own table first.
    OnlyUnknown,
}

/// A segment of a long incoming message, to be stored as it is until the whole comes.
#[derive(Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Part {
    /// Sender.
    pub from: String,
    /// Our number with extension.
    pub to: String,
    /// Its place.
    pub place: Concatenation,
    /// Coding of the octets.
    pub data_coding: u8,
    /// The text's octets without header.
    pub octets: Vec<u8>,
    /// The same for each repetition of the same segment.
    pub dedupe_key: String,
}

/// What a link tells its owner, in order. `Debug` shows kinds and keys, never numbers or texts.
pub enum LinkEvent {
    /// The centre has the segment. *Not* delivered.
    Submitted {
        /// The owner's key.
        key: String,
        /// From 1.
        segment: u8,
        /// Number of segments.
        of: u8,
        /// The centre's id as written; [`crate::receipt::IdForms`] makes the keys to store. May be empty.
        smsc_id: String,
    },
    /// The centre (or the link itself) refused the segment; later segments of the message are not sent.
    Refused {
        /// The owner's key.
        key: String,
        /// From 1.
        segment: u8,
        /// Number of segments.
        of: u8,
        /// What to do about it.
        class: Class,
        /// The centre's status; 0 if the link itself refused.
        status: u32,
        /// In words.
        text: String,
    },
    /// Written and not answered: the centre may have it (facts §6.3).
    Unknown {
        /// The owner's key.
        key: String,
        /// From 1.
        segment: u8,
        /// Number of segments.
        of: u8,
    },
    /// A delivery receipt.
    Receipt {
        /// The segment, if the link remembers it; otherwise look [`crate::receipt::receipt_keys`] of each id up.
        matched: Option<Matched>,
        /// One or two ids as written, the more trusted first.
        ids: Vec<String>,
        /// The phone, in the form of [`crate::pdu::canonical_number`].
        receiver: String,
        /// See [`State::replaces`].
        state: State,
        /// Error code as written.
        error: Option<String>,
        /// The receipt's text as written.
        raw: String,
        /// The same for each repetition.
        dedupe_key: String,
        /// To be accepted after the commit.
        ack: Ack,
    },
    /// A message from a phone, long ones joined.
    Incoming {
        /// The phone, in the form of [`crate::pdu::canonical_number`].
        from: String,
        /// Our number with extension.
        to: String,
        /// The extension: `to` without the link's source number; `None` if it does not begin with it.
        ext: Option<String>,
        /// As written, control characters and all: hostile.
        text: String,
        /// When it came.
        at: SystemTime,
        /// The same for each repetition within ten minutes: a unique column is enough.
        dedupe_key: String,
        /// False: segments are missing (`[…]`), given up after ten minutes.
        complete: bool,
        /// To be accepted after the commit.
        ack: Ack,
    },
    /// A segment of a long message: store it; [`Link::restore`] it after a restart. The whole follows as `Incoming`.
    Part {
        /// The segment.
        part: Part,
        /// To be accepted after the commit.
        ack: Ack,
    },
    /// Bound.
    LinkUp,
    /// Not bound any more, or not yet.
    LinkDown {
        /// For people.
        reason: String,
    },
}

impl fmt::Debug for LinkEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Submitted { key, segment, of, smsc_id } => write!(f, "Submitted({key} {segment}/{of} {smsc_id})"),
            Self::Refused { key, segment, of, class, status, text } => {
                write!(f, "Refused({key} {segment}/{of} {class:?} 0x{status:x} {text})")
            }
            Self::Unknown { key, segment, of } => write!(f, "Unknown({key} {segment}/{of})"),
            Self::Receipt { matched, ids, state, .. } => write!(f, "Receipt({matched:?} {ids:?} {state:?})"),
            Self::Incoming { dedupe_key, complete, .. } => write!(f, "Incoming({dedupe_key} complete={complete})"),
            Self::Part { part, .. } => write!(f, "Part({})", part.dedupe_key),
            Self::LinkUp => f.write_str("LinkUp"),
            Self::LinkDown { reason } => write!(f, "LinkDown({reason})"),
        }
    }
}

/// How a link is, for its page and for routing.
#[derive(Debug, Clone, PartialEq, Default, serde::Serialize)]
pub struct LinkStatus {
    /// Bound.
    pub up: bool,
    /// Segments written and not answered.
    pub in_flight: usize,
    /// Segments waiting.
    pub queued: usize,
    /// Present rate as a share of the agreed one; below 1 the centre is throttling us.
    pub rate_scale: f64,
    /// Why it was last down.
    pub last_error: Option<String>,
    /// The centre's interface version, if it says one.
    pub peer_version: Option<u8>,
}

/// A link of any protocol.
pub trait Link: Send + Sync {
    /// Its name in the configuration.
    fn name(&self) -> &str;
    /// Hands a message over; waits while [`SmppConfig::queue`] messages of its lane are unfinished. Errors are final.
    fn submit(&self, message: OutMessage) -> BoxFuture<'_, Result<(), SubmitError>>;
    /// After a restart: a stored [`LinkEvent::Part`] whose whole has not come. Needs no ack; give them before anything else.
    fn restore(&self, part: Part) -> BoxFuture<'_, ()>;
    /// Gives back what has not been written yet, refused as `Link`: for another link, when this one is down too long.
    fn recall(&self) -> BoxFuture<'_, ()>;
    /// How it is.
    fn status(&self) -> LinkStatus;
    /// Stops: what waits is refused as `Link`, what is in flight gets five seconds, then unbind. Returns when all events are out.
    fn close(&self) -> BoxFuture<'_, ()>;
}
