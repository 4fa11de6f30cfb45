//! Server transactions (RFC 3261 §17.2, RFC 6026 §7.1, RFC 4320): states and times, no messages.

use super::{Backoff, Step, Timing, earlier};
use crate::{flow::Millis, limits};

/// An INVITE server transaction. The repetition of a 2xx until its ACK comes, which RFC 3261
/// §13.3.1.4 gives to the user above, is done here too.
///
/// ```text
///               INVITE came; 100 after 200 ms
///                       │
///                ┌──────▼─────┐ INVITE again: last 1xx again
///                │ Proceeding │ user's 1xx: send; each minute again
///                └──┬──────┬──┘──── too long ──► 480, Completed
///     user's 300–699│      │user's 2xx: send
///   timers G (UDP),H│      │timer L, 2xx again T1, 2·T1, … T2
///            ┌──────▼────┐ └─►┌──────────┐ INVITE again: absorbed
///  G, INVITE │ Completed │    │ Accepted │ ACK: stop repeating, first to the user
///  again:    └──┬─────┬──┘    └────┬─────┘
///  send     ACK │     │ H          │ L (64·T1); without ACK tell the user
///        ┌──────▼────┐└──────────┐ │
///        │ Confirmed ├─ I (T4) ─►▼ ▼
///        └───────────┘         Terminated
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)] // drawn above
pub enum InviteServerState {
    Proceeding,
    Accepted,
    Completed,
    Confirmed,
    Terminated,
}

/// The machine of [`InviteServerState`].
#[derive(Debug)]
pub(super) struct InviteServer {
    pub(super) state: InviteServerState,
    timing: Timing,
    reliable: bool,
    /// 100 Trying is due.
    trying: Option<Millis>,
    resend: Option<Backoff>,
    expiry: Millis,
    acknowledged: bool,
}

/// What an INVITE server transaction does when its time comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Due {
    Nothing,
    Trying,
    Resend,
    /// The user never answered.
    Unanswered,
    /// The 2xx was never acknowledged.
    NoAck,
}

impl InviteServer {
    pub(super) fn start(timing: Timing, reliable: bool, now: Millis) -> Self {
        Self {
            state: InviteServerState::Proceeding,
            timing,
            reliable,
            trying: Some(now.plus(limits::TRYING_AFTER_MS)),
            resend: None,
            expiry: now.plus(limits::INVITE_WAIT_MS),
            acknowledged: false,
        }
    }

    pub(super) fn on_invite_again(&self) -> Step {
        match self.state {
            InviteServerState::Proceeding | InviteServerState::Completed => Step::Resend,
            _ => Step::Absorb,
        }
    }

    /// The user answers; `false` if a final answer has gone out already.
    pub(super) fn on_answer(&mut self, status: u16, now: Millis) -> bool {
        if self.state != InviteServerState::Proceeding {
            return false;
        }
        self.trying = None;
        let Timing { t1, t2, .. } = self.timing;
        match status {
            ..=100 => {}
            101..200 => {
                let refresh = limits::PROVISIONAL_REFRESH_MS;
                self.resend = Some(Backoff::start(now, refresh, refresh));
            }
            200..300 => {
                self.state = InviteServerState::Accepted;
                // Over any transport: the ACK comes from beyond the next hop.
                self.resend = Some(Backoff::start(now, t1, t2));
                self.expiry = now.plus(self.timing.patience());
            }
            _ => {
                self.state = InviteServerState::Completed;
                self.resend = (!self.reliable).then(|| Backoff::start(now, t1, t2));
                self.expiry = now.plus(self.timing.patience());
            }
        }
        true
    }

    /// An ACK for this transaction's answer. `Deliver` for the first ACK to a 2xx.
    pub(super) fn on_ack(&mut self, now: Millis) -> Step {
        match self.state {
            InviteServerState::Completed => {
                self.resend = None;
                self.expiry = now.plus(self.timing.t4);
                self.state = if self.reliable { InviteServerState::Terminated } else { InviteServerState::Confirmed };
                Step::Absorb
            }
            InviteServerState::Accepted if !self.acknowledged => {
                self.acknowledged = true;
                self.resend = None;
                Step::Deliver
            }
            _ => Step::Absorb,
        }
    }

    pub(super) fn on_timeout(&mut self, now: Millis) -> Due {
        if self.expiry <= now {
            return match self.state {
                InviteServerState::Proceeding => Due::Unanswered,
                state => {
                    self.state = InviteServerState::Terminated;
                    let missed = state == InviteServerState::Accepted && !self.acknowledged;
                    if missed { Due::NoAck } else { Due::Nothing }
                }
            };
        }
        if self.trying.is_some_and(|at| at <= now) {
            self.trying = None;
            return Due::Trying;
        }
        match &mut self.resend {
            Some(backoff) if backoff.at <= now => {
                backoff.again(now);
                Due::Resend
            }
            _ => Due::Nothing,
        }
    }

    pub(super) fn next_timeout(&self) -> Option<Millis> {
        earlier(Some(self.expiry), earlier(self.trying, self.resend.map(|r| r.at)))
    }
}

/// A server transaction of any other method. A user that does not answer within 64·T1 is too
/// late: the client has given up, and a 408 would only hurt (RFC 4320).
///
/// ```text
///      request came
///           │
///      ┌────▼───┐ 1xx   ┌────────────┐
///      │ Trying ├──────►│ Proceeding │ request again: last 1xx again
///      └──┬─┬───┘       └──┬───┬─────┘
///         │ │ 200–699      │   │ 64·T1 without answer
///         │ └─►┌───────────▼┐  │
///         │    │ Completed  │  │     request again: answer again
///         │    └───────┬────┘  │
///         │   J (64·T1 │ or 0) │
///         └────────────┴───────┴──► Terminated
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)] // drawn above
pub enum PlainServerState {
    Trying,
    Proceeding,
    Completed,
    Terminated,
}

/// The machine of [`PlainServerState`].
#[derive(Debug)]
pub(super) struct PlainServer {
    pub(super) state: PlainServerState,
    timing: Timing,
    reliable: bool,
    expiry: Millis,
}

impl PlainServer {
    pub(super) fn start(timing: Timing, reliable: bool, now: Millis) -> Self {
        let expiry = now.plus(timing.patience());
        Self { state: PlainServerState::Trying, timing, reliable, expiry }
    }

    pub(super) fn on_request_again(&self) -> Step {
        match self.state {
            PlainServerState::Proceeding | PlainServerState::Completed => Step::Resend,
            _ => Step::Absorb,
        }
    }

    /// The user answers; `false` if a final answer has gone out already.
    pub(super) fn on_answer(&mut self, status: u16, now: Millis) -> bool {
        if !matches!(self.state, PlainServerState::Trying | PlainServerState::Proceeding) {
            return false;
        }
        if status < 200 {
            self.state = PlainServerState::Proceeding;
            return true;
        }
        self.state = if self.reliable { PlainServerState::Terminated } else { PlainServerState::Completed };
        self.expiry = now.plus(self.timing.patience());
        true
    }

    pub(super) fn on_timeout(&mut self, now: Millis) {
        if self.expiry <= now {
            self.state = PlainServerState::Terminated;
        }
    }

    pub(super) fn next_timeout(&self) -> Option<Millis> {
        Some(self.expiry)
    }
}
