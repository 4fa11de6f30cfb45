//! What the edge keeps of one leg, and what it asks of the leg's media.

use std::net::IpAddr;

use bytes::Bytes;
use liandong_sip::session_timer::SessionTimer;
use liandong_sip::{Dialog, Flow, Millis, Request, ServerKey, Uri};

use super::kept_media::KeptMedia;
use crate::calls::call::LegId;
use crate::ids::{CallId, PersonId};

/// Whoever comes by WebSocket has WebRTC media.
pub(super) fn is_browser(flow: Flow) -> bool {
    matches!(flow.transport, liandong_sip::Transport::Ws | liandong_sip::Transport::Wss)
}

/// Names a leg of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct LegKey {
    pub(super) call: CallId,
    pub(super) leg: LegId,
}

/// One way that a leg is tried: a contact of the agent, or a trunk. Never used twice within a leg.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct BranchId(pub(super) u32);

/// What is asked of a leg's media.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum MediaJob {
    /// Answer the peer's offer, the first or a later one.
    Answer {
        /// Its description.
        offer: Bytes,
        /// Where the message came from.
        from: IpAddr,
    },
    /// Make an offer: to a new peer, or to the present one (a refresh, an INVITE without description).
    Offer {
        /// By this name its answer comes.
        branch: BranchId,
        /// Whether to a browser.
        browser: bool,
        /// Whether to the present peer.
        again: bool,
    },
    /// The peer of this offer answered: it is the leg from now on.
    Accept {
        /// Whose.
        branch: BranchId,
        /// Its description.
        answer: Bytes,
        /// Where the message came from.
        from: IpAddr,
    },
    /// This offer is void.
    Forget {
        /// Which.
        branch: BranchId,
    },
    /// The leg is gone.
    Close,
}

/// What became of a job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Described {
    /// Our description to be sent; empty after [`MediaJob::Accept`].
    pub(super) sdp: String,
    /// The peer takes nothing from us at present: we are on hold.
    pub(super) held: bool,
    /// Codec or address differ from before.
    pub(super) changed: bool,
    /// What is needed to go on after a restart; `None` where nothing of it has changed, and for a browser.
    pub(super) kept: Option<KeptMedia>,
}

/// Why media cannot be had.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct NoMedia {
    /// 488 where the description is to blame, 503 where we are.
    pub(super) status: u16,
    /// What was wrong, for a Warning.
    pub(super) text: String,
}

/// What a worker tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum MediaReply {
    /// The job with this number is done.
    Done(u64, Result<Described, NoMedia>),
    /// The browser's media have ended by themselves.
    Lost,
}

/// How far a leg is.
///
/// ```text
/// Opening ──media──▶ Waiting ──answer──▶ Unacked ──ACK──▶ Up        Inviting ──2xx──▶ Accepting ──media──▶ Up
/// any ──▶ removed from the table
/// ```
#[derive(Debug)]
pub(super) enum Phase {
    /// Their INVITE came; its media are being opened.
    Opening(Box<Invited>),
    /// The switch knows of it.
    Waiting(Box<Invited>),
    /// Our 200 is out.
    Unacked {
        /// BYE as soon as the ACK allows it; nobody hears of this leg any more.
        hang_up: bool,
        /// The ACK must bring their answer to our offer.
        wants_answer: bool,
    },
    /// Our INVITEs are out.
    Inviting {
        /// Given up: whatever answers is hung up.
        cancelled: bool,
    },
    /// One answered; its media are being set.
    Accepting,
    /// Talks.
    Up,
}

/// An INVITE that came.
#[derive(Debug)]
pub(super) struct Invited {
    pub(super) key: ServerKey,
    pub(super) request: Request,
    /// Our description for the 200, once known.
    pub(super) sdp: String,
    /// It is an offer, because the INVITE had none.
    pub(super) is_offer: bool,
}

/// Where an INVITE of ours goes.
#[derive(Debug, Clone)]
pub(super) struct Target {
    pub(super) uri: Uri,
    pub(super) routes: Vec<String>,
    pub(super) flow: Flow,
}

/// How a branch is.
#[derive(Debug)]
pub(super) enum BranchState {
    /// Its offer is being made.
    Offering,
    /// Its INVITE is out.
    Inviting(liandong_sip::ClientKey),
    /// It answered; its media are being set.
    Accepting(Box<Dialog>),
    /// It will not be.
    Failed(u16),
}

/// One of the INVITEs of a leg.
#[derive(Debug)]
pub(super) struct Branch {
    pub(super) id: BranchId,
    pub(super) target: Target,
    pub(super) state: BranchState,
    /// A description in a provisional answer, for those who leave it out of the 200.
    pub(super) early: Bytes,
    /// It is to take over a leg that is up.
    pub(super) reattach: bool,
}

/// One leg.
#[derive(Debug)]
pub(super) struct Leg {
    pub(super) phase: Phase,
    /// Whose phone it is.
    pub(super) agent: Option<PersonId>,
    pub(super) dialog: Option<Dialog>,
    /// The last way its peer was heard on; `None` while a connection is lost.
    pub(super) flow: Option<Flow>,
    /// Through a trunk: requests go where its Contact says, not where they came from.
    pub(super) is_trunk: bool,
    pub(super) branches: Vec<Branch>,
    pub(super) last_branch: u32,
    pub(super) has_rung: bool,
    pub(super) held: bool,
    /// The peer understands UPDATE.
    pub(super) takes_update: bool,
    /// The browser's media have ended.
    pub(super) media_lost: bool,
    /// Taken up after a restart without its media: its browser is invited when it has registered again.
    pub(super) returns: bool,
    /// A plain leg's media, to be kept.
    pub(super) media: Option<KeptMedia>,
    /// The mark of what was kept last.
    pub(super) kept: Option<u64>,
    pub(super) session: Option<SessionTimer>,
    /// Until then a lost browser may come back.
    pub(super) detached_until: Option<Millis>,
    /// When a refresh that met the peer's is tried again.
    pub(super) refresh_at: Option<Millis>,
    pub(super) armed: Option<Millis>,
}

impl Leg {
    pub(super) fn new(phase: Phase, flow: Option<Flow>) -> Self {
        Self {
            phase,
            agent: None,
            dialog: None,
            flow,
            is_trunk: false,
            branches: Vec::new(),
            last_branch: 0,
            has_rung: false,
            held: false,
            takes_update: false,
            media_lost: false,
            returns: false,
            media: None,
            kept: None,
            session: None,
            detached_until: None,
            refresh_at: None,
            armed: None,
        }
    }

    pub(super) fn is_up(&self) -> bool {
        matches!(self.phase, Phase::Up)
    }

    pub(super) fn next_branch(&mut self) -> BranchId {
        self.last_branch += 1;
        BranchId(self.last_branch)
    }

    pub(super) fn branch(&mut self, id: BranchId) -> Option<&mut Branch> {
        self.branches.iter_mut().find(|branch| branch.id == id)
    }

    /// When time does something to it.
    pub(super) fn next_timeout(&self) -> Option<Millis> {
        let session = self.session.filter(|_| self.is_up()).map(|timer| timer.poll_timeout());
        [session, self.detached_until, self.refresh_at].into_iter().flatten().min()
    }
}
