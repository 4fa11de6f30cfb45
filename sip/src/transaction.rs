//! The transaction layer: RFC 3261 §17 with the corrections of RFC 6026 (accepted states) and
//! RFC 4320 (no 408 to non-INVITE).
//!
//! [`Endpoint`] is the whole layer as one machine: messages, timeouts and wishes go in, [`Output`]
//! comes out. The four transaction machines beneath it hold no messages, only states and times.
//!
//! Order of use: call one `handle_…` or wish, then [`Endpoint::poll_output`] until `None`, then
//! arrange to be woken at [`Endpoint::poll_timeout`].
//!
//! Beyond the bare transactions it does for its user what every user agent must do the same way:
//! 100 Trying after 200 ms, 2xx to INVITE repeated until the ACK comes, the ACK repeated for each
//! repeated 2xx, CANCEL held back until the first provisional answer, 487 to a cancelled INVITE,
//! 481 to a CANCEL without INVITE, 482 to merged requests, 503 in overload. It never answers an
//! ACK or a response. Must not know: sockets, name resolution, dialogs.

mod client;
mod endpoint;
mod server;
#[cfg(test)]
mod tests;

pub use client::{InviteClientState, PlainClientState};
pub use endpoint::{ClientKey, Config, Endpoint, Output, RespondError, SendError, ServerKey};
pub use server::{InviteServerState, PlainServerState};

use crate::flow::Millis;

/// The base times of RFC 3261 §17.1.1.1 in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timing {
    /// Round-trip estimate.
    pub t1: u64,
    /// Longest interval between retransmissions.
    pub t2: u64,
    /// Longest life of a message in the network.
    pub t4: u64,
}

impl Timing {
    /// 64·T1: how long one waits for an answer or an ACK.
    pub fn patience(&self) -> u64 {
        self.t1.saturating_mul(64)
    }
}

impl Default for Timing {
    fn default() -> Self {
        Self { t1: 500, t2: 4_000, t4: 5_000 }
    }
}

/// A retransmission that backs off: doubled each time, up to a bound.
#[derive(Clone, Copy, Debug)]
struct Backoff {
    at: Millis,
    interval: u64,
    most: u64,
}

impl Backoff {
    fn start(now: Millis, interval: u64, most: u64) -> Self {
        Self { at: now.plus(interval), interval, most }
    }

    fn again(&mut self, now: Millis) {
        self.interval = self.interval.saturating_mul(2).min(self.most);
        self.at = now.plus(self.interval);
    }
}

/// What a machine wants done after an input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    /// Nothing: absorbed.
    Absorb,
    /// Send the last message again.
    Resend,
    /// Give the message to the user.
    Deliver,
    /// Give the message to the user and acknowledge it.
    DeliverAndAck,
    /// Acknowledge again.
    Ack,
    /// Tell the user that time ran out.
    Expire,
}

/// The earlier of two times that may not be set.
fn earlier(a: Option<Millis>, b: Option<Millis>) -> Option<Millis> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (a, b) => a.or(b),
    }
}
