//! Who a token belongs to, remembered between requests: each request asks, and nearly always nothing has changed.
//!
//! What is remembered holds until anything is committed that could change the answer ([`changed`]), and for a few seconds
//! at most. So a session that was cut, or a post that was taken away, is refused at the next request.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use super::session::Session;
use crate::access::Seat;
use crate::ids::{PostId, Timestamp};
use crate::store::Tx;

/// Sessions remembered, some 10 MiB; with more than a big city has at once, all are read anew.
const KNOWN_MAX: usize = 16_384;
/// Posts also begin and end by the calendar, without anything being committed.
const AGE_MAX_MS: i64 = 5_000;

/// Counts commits that change sessions or seats. One for the process: of another hub's (in tests) it is only too careful.
static CHANGES: AtomicU64 = AtomicU64::new(0);

/// Called by all that writes sessions, people, posts, roles or units: from the commit on, everybody is read anew.
pub(in crate::orgs) fn changed(tx: &mut Tx) {
    tx.after_commit(|| {
        CHANGES.fetch_add(1, Ordering::AcqRel);
    });
}

/// How many changes there were: asked before reading what will be remembered.
pub(super) fn changes() -> u64 {
    CHANGES.load(Ordering::Acquire)
}

/// The memory.
#[derive(Default)]
pub(in crate::orgs) struct Known(Mutex<HashMap<Key, Entry>>);

/// Hash of the token, and the post that was chosen.
type Key = (String, Option<PostId>);

struct Entry {
    changes: u64,
    read_at: Timestamp,
    session: Session,
    seat: Seat,
}

impl Known {
    /// The session and seat of a token, if they are known and nothing has changed.
    pub(super) fn get(&self, token: &str, post: Option<PostId>, now: Timestamp) -> Option<(Session, Seat)> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let entry = known.get(&(token.to_owned(), post))?;
        let age = now.since(entry.read_at);
        let holds = entry.changes == changes() && (0..AGE_MAX_MS).contains(&age);
        holds.then(|| (entry.session.clone(), entry.seat.clone()))
    }

    /// Remembers what was read after `changes` changes.
    pub(super) fn put(&self, post: Option<PostId>, session: Session, seat: Seat, changes: u64, read_at: Timestamp) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= KNOWN_MAX {
            known.clear();
        }
        known.insert((session.token_hash.clone(), post), Entry { changes, read_at, session, seat });
    }
}
