//! Client transactions (RFC 3261 §17.1, RFC 6026 §7.2): states and times, no messages.

use super::{Backoff, Step, Timing, earlier};
use crate::{flow::Millis, limits};

/// An INVITE client transaction.
///
/// ```text
///               INVITE sent, timers A (UDP), B
///                          │
///                     ┌────▼────┐ A: send again, double A
///        ┌────────────┤ Calling ├──────────── B, transport error ──► Terminated
///        │ 2xx        └──┬───┬──┘                                        ▲ ▲ ▲
///        │           1xx │   │ 300–699: ACK                              │ │ │
///        │          ┌────▼───┴───┐ 300–699: ACK  ┌───────────┐  D (32 s) │ │ │
///        │          │ Proceeding ├──────────────►│ Completed ├───────────┘ │ │
///        │          └────┬──────┬┘               └───────────┘             │ │
///        │ 2xx           │ 2xx  │                 300–699: ACK again       │ │
///        │          ┌────▼─────┐└──── too long, or no answer to CANCEL ────┘ │
///        └─────────►│ Accepted ├──────────── M (64·T1) ─────────────────────┘
///                   └──────────┘ 2xx: to the user
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)] // drawn above
pub enum InviteClientState {
    Calling,
    Proceeding,
    Accepted,
    Completed,
    Terminated,
}

/// The machine of [`InviteClientState`].
#[derive(Debug)]
pub(super) struct InviteClient {
    pub(super) state: InviteClientState,
    timing: Timing,
    reliable: bool,
    resend: Option<Backoff>,
    expiry: Option<Millis>,
}

impl InviteClient {
    pub(super) fn start(timing: Timing, reliable: bool, now: Millis) -> Self {
        Self {
            state: InviteClientState::Calling,
            timing,
            reliable,
            resend: (!reliable).then(|| Backoff::start(now, timing.t1, u64::MAX)),
            expiry: Some(now.plus(timing.patience())),
        }
    }

    pub(super) fn on_response(&mut self, status: u16, now: Millis) -> Step {
        use InviteClientState::{Accepted, Calling, Completed, Proceeding, Terminated};
        match (self.state, status) {
            (Calling | Proceeding, ..200) => {
                if self.state == Calling || status > 100 {
                    self.expiry = Some(now.plus(limits::INVITE_WAIT_MS));
                }
                self.enter(Proceeding);
                Step::Deliver
            }
            (Calling | Proceeding, 200..300) => {
                self.enter(Accepted);
                self.expiry = Some(now.plus(self.timing.patience()));
                Step::Deliver
            }
            (Calling | Proceeding, 300..) => {
                self.enter(if self.reliable { Terminated } else { Completed });
                self.expiry = Some(now.plus(self.timing.patience()));
                Step::DeliverAndAck
            }
            (Accepted, 200..300) => Step::Deliver,
            (Completed, 300..) => Step::Ack,
            _ => Step::Absorb,
        }
    }

    /// A CANCEL went out: the final answer must come within 64·T1 (RFC 3261 §9.1).
    pub(super) fn on_cancel(&mut self, now: Millis) {
        if self.state == InviteClientState::Proceeding {
            self.expiry = Some(now.plus(self.timing.patience()));
        }
    }

    pub(super) fn on_timeout(&mut self, now: Millis) -> Step {
        if self.expiry.is_some_and(|at| at <= now) {
            let waiting = self.is_waiting();
            self.enter(InviteClientState::Terminated);
            return if waiting { Step::Expire } else { Step::Absorb };
        }
        resend(&mut self.resend, now)
    }

    pub(super) fn is_waiting(&self) -> bool {
        matches!(self.state, InviteClientState::Calling | InviteClientState::Proceeding)
    }

    pub(super) fn next_timeout(&self) -> Option<Millis> {
        earlier(self.expiry, self.resend.map(|r| r.at))
    }

    fn enter(&mut self, state: InviteClientState) {
        self.state = state;
        self.resend = None;
    }
}

/// A client transaction of any other method (RFC 3261 §17.1.2).
///
/// ```text
///          request sent, timers E (UDP), F
///                     │
///                ┌────▼───┐ E: send again, double E up to T2
///                │ Trying ├──────────── F, transport error ──► Terminated
///                └─┬────┬─┘                                      ▲  ▲
///              1xx │    │ 200–699                                │  │
///          ┌───────▼────┐ 200–699 ┌───────────┐  K (T4 or 0)     │  │
///          │ Proceeding ├────────►│ Completed ├──────────────────┘  │
///          └────────┬───┘         └───────────┘ answers absorbed    │
///     E: send again │ every T2                                      │
///                   └──────────── F, transport error ───────────────┘
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)] // drawn above
pub enum PlainClientState {
    Trying,
    Proceeding,
    Completed,
    Terminated,
}

/// The machine of [`PlainClientState`].
#[derive(Debug)]
pub(super) struct PlainClient {
    pub(super) state: PlainClientState,
    timing: Timing,
    reliable: bool,
    resend: Option<Backoff>,
    expiry: Millis,
}

impl PlainClient {
    pub(super) fn start(timing: Timing, reliable: bool, now: Millis) -> Self {
        Self {
            state: PlainClientState::Trying,
            timing,
            reliable,
            resend: (!reliable).then(|| Backoff::start(now, timing.t1, timing.t2)),
            expiry: now.plus(timing.patience()),
        }
    }

    pub(super) fn on_response(&mut self, status: u16, now: Millis) -> Step {
        if !self.is_waiting() {
            return Step::Absorb;
        }
        if status < 200 {
            self.state = PlainClientState::Proceeding;
            if let Some(resend) = &mut self.resend {
                *resend = Backoff::start(now, self.timing.t2, self.timing.t2);
            }
            return Step::Deliver;
        }
        self.resend = None;
        self.expiry = now.plus(self.timing.t4);
        self.state = if self.reliable { PlainClientState::Terminated } else { PlainClientState::Completed };
        Step::Deliver
    }

    pub(super) fn on_timeout(&mut self, now: Millis) -> Step {
        if self.expiry <= now {
            let waiting = self.is_waiting();
            self.state = PlainClientState::Terminated;
            return if waiting { Step::Expire } else { Step::Absorb };
        }
        resend(&mut self.resend, now)
    }

    pub(super) fn is_waiting(&self) -> bool {
        matches!(self.state, PlainClientState::Trying | PlainClientState::Proceeding)
    }

    pub(super) fn next_timeout(&self) -> Option<Millis> {
        earlier(Some(self.expiry), self.resend.map(|r| r.at))
    }
}

fn resend(resend: &mut Option<Backoff>, now: Millis) -> Step {
    match resend {
        Some(backoff) if backoff.at <= now => {
            backoff.again(now);
            Step::Resend
        }
        _ => Step::Absorb,
    }
}
