//! One leg of a call: its states, what can happen to it, what can be asked of it. No SIP syntax here; the edge maps.

use liandong_dialplans::{Digit, Millis, TargetName};
use serde::{Deserialize, Serialize};

use crate::ids::PersonId;

/// A leg of one call; 0 is the caller's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct LegId(pub u32);

/// Whom a leg leads to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "role", rename_all = "snake_case")]
pub enum Role {
    /// The citizen who called (or whoever began a direct call from a trunk).
    Caller,
    /// An agent, at any of his phones.
    Agent {
        /// Who.
        agent: PersonId,
    },
    /// A number that the plan dials.
    Target {
        /// Its name in the plan.
        target: TargetName,
    },
    /// A number that an agent dialled or transferred to.
    Number,
}

/// Whom to invite.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Party {
    /// An agent: the edge knows where his phones are registered.
    Agent(PersonId),
    /// A number: the edge knows the trunk.
    Number(String),
}

impl Party {
    /// The role of the leg that leads to it.
    pub(super) fn role(&self) -> Role {
        match self {
            Self::Agent(agent) => Role::Agent { agent: *agent },
            Self::Number(_) => Role::Number,
        }
    }
}

/// The states of a leg.
///
/// ```text
/// Incoming ──answer──▶ Up ──hang up, either side──▶ Gone
///    └──reject, caller's CANCEL──▶ Gone
/// Dialling ──180──▶ Ringing ──200──▶ Up        Dialling, Ringing ──final failure──▶ Gone
///    └──────cancel──────┴──▶ Cancelling ──any final answer (a 200 is hung up)──▶ Gone
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LegState {
    /// Invited us, not answered yet.
    Incoming,
    /// Invited by us, no sign yet.
    Dialling,
    /// Invited by us, rings.
    Ringing,
    /// Answered.
    Up,
    /// Given up before its final answer, which may still be a 200 that crossed the CANCEL.
    Cancelling,
    /// Over; nothing will be asked of it any more.
    Gone,
}

/// What happened to a leg.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LegEvent {
    /// It rings (180, 183).
    Ringing,
    /// It answered (200); the edge has sent the ACK and knows the media.
    Answered,
    /// It will not be (any final answer from 300 on; 408 when none came; 487 after our CANCEL).
    Failed {
        /// The SIP status.
        status: u16,
    },
    /// It hung up (BYE), was cancelled by its caller (CANCEL, already answered), or is lost (transport, session timer).
    HungUp,
    /// It put us on hold by re-INVITE, which the edge has accepted.
    HoldRequested,
    /// It took us back.
    ResumeRequested,
    /// Its media changed otherwise (codec, address); the edge has accepted.
    MediaChanged,
    /// It pressed a key.
    Digit(Digit),
}

/// What is asked of a leg. Media flow through the hub, so hold needs no signalling towards the held side.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LegCommand {
    /// Invite.
    Invite(Party),
    /// Say that it rings (180).
    Ring,
    /// Answer (200).
    Answer,
    /// Refuse with this status.
    Reject {
        /// 4xx–6xx.
        status: u16,
    },
    /// Give the invitation up (CANCEL).
    Cancel,
    /// Hang up (BYE); from here on the edge finishes alone.
    HangUp,
}

/// A leg with its times.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Leg {
    pub(super) role: Role,
    pub(super) state: LegState,
    /// When the invitation is given up.
    pub(super) until: Option<Millis>,
    /// Since when it is in the present talk or hold.
    pub(super) stage_since: Millis,
    pub(super) talk: Millis,
    pub(super) hold: Millis,
}

impl Leg {
    pub(super) fn new(role: Role, state: LegState, until: Option<Millis>, now: Millis) -> Self {
        Self { role, state, until, stage_since: now, talk: Millis(0), hold: Millis(0) }
    }

    pub(super) fn agent(&self) -> Option<PersonId> {
        match self.role {
            Role::Agent { agent } => Some(agent),
            Role::Caller | Role::Target { .. } | Role::Number => None,
        }
    }

    pub(super) fn is_invited(&self) -> bool {
        matches!(self.state, LegState::Dialling | LegState::Ringing)
    }
}
