//! Followers: what a domain does when others' events appear. A follower's position moves in the transaction of what it
//! did, so after a kill it goes on exactly where it was: nothing twice, nothing skipped. Past events that it does not want
//! it moves in memory alone: passing them over a second time does nothing, and a commit for each of them would cost more
//! than all that followers do.

use std::time::Duration;

use sqlx::Row;
use tokio_util::sync::CancellationToken;

use super::read::{after, kinds_after};
use crate::events::Record;
use crate::store::{Store, StoreError, Tx, WriteFuture};

/// Events handed over in one transaction.
const BATCH: i64 = 64;
/// Events looked at by their kind at once.
const LOOKED_AT: i64 = 1_000;
/// Unwanted events after which the position is written down all the same: what a start has to look at again.
const UNWRITTEN_MAX: i64 = 10_000;
/// Pause after a failure before the same events are tried again.
const RETRY_PAUSE: Duration = Duration::from_secs(1);

/// Reacts to events.
pub trait Follower: Send + Sync + 'static {
    /// Its name: the key of its position. Never changed once released.
    fn name(&self) -> &'static str;

    /// Whether it wants events of this kind; others are passed over.
    fn wants(&self, kind: &str) -> bool;

    /// Handles one event in the transaction that also moves the position. An error leaves both undone and is retried:
    /// refuse for ever only what can never succeed, by returning `Ok` and appending what went wrong.
    fn handle<'a>(&'a self, tx: &'a mut Tx, event: &'a Record) -> WriteFuture<'a, (), StoreError>;
}

/// How far a follower has come, in memory and on disk.
#[derive(Clone, Copy)]
struct Place {
    seq: i64,
    written: i64,
}

/// Runs `follower` until `stop`.
pub async fn run_follower(store: Store, site: String, follower: std::sync::Arc<dyn Follower>, stop: CancellationToken) {
    let mut news = store.last_seq();
    let mut place = None;
    loop {
        let step = step(&store, &site, &follower, &mut place).await;
        let wait = async {
            match step {
                Ok(true) => {}
                Ok(false) => {
                    let _ = news.changed().await;
                }
                Err(e) => {
                    tracing::warn!(follower = follower.name(), error = %e, "a follower failed; it will try again");
                    tokio::time::sleep(RETRY_PAUSE).await;
                }
            }
        };
        tokio::select! {
            () = stop.cancelled() => return,
            () = wait => {}
        }
    }
}

/// Handles the next wanted events, or passes over those that are not; `false` when there was nothing.
async fn step(
    store: &Store,
    site: &str,
    follower: &std::sync::Arc<dyn Follower>,
    place: &mut Option<Place>,
) -> Result<bool, StoreError> {
    let at = match *place {
        Some(place) => place,
        None => {
            let written = position(store, follower.name()).await?;
            *place.insert(Place { seq: written, written })
        }
    };
    if *store.last_seq().borrow() <= at.seq {
        return Ok(false);
    }
    let kinds = kinds_after(store.reader(), at.seq, LOOKED_AT).await?;
    let Some((last, _)) = kinds.last() else { return Ok(false) };
    let passed = kinds.iter().take_while(|(_, kind)| !follower.wants(kind)).map(|(seq, _)| *seq).last();
    let seq = passed.unwrap_or(at.seq);
    if seq == *last && seq - at.written < UNWRITTEN_MAX {
        *place = Some(Place { seq, ..at });
        return Ok(true);
    }
    let written = handle(store, site, follower, seq).await?;
    *place = Some(Place { seq: written, written });
    Ok(true)
}

/// Handles up to [`BATCH`] events after `seq` in one transaction and returns the position reached.
async fn handle(
    store: &Store,
    site: &str,
    follower: &std::sync::Arc<dyn Follower>,
    seq: i64,
) -> Result<i64, StoreError> {
    let events = after(store.reader(), site, seq, BATCH).await?;
    let last = events.last().map_or(seq, |e| e.seq);
    let follower = follower.clone();
    let done = store.write(move |tx| {
        Box::pin(async move {
            for event in events.iter().filter(|e| follower.wants(&e.kind)) {
                follower.handle(tx, event).await?;
            }
            sqlx::query(
                "INSERT INTO followers (name, seq) VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET seq = excluded.seq",
            )
            .bind(follower.name())
            .bind(last)
            .execute(tx.conn())
            .await?;
            Ok::<_, StoreError>(())
        })
    });
    done.await?;
    Ok(last)
}

async fn position(store: &Store, name: &str) -> Result<i64, StoreError> {
    let row =
        sqlx::query("SELECT seq FROM followers WHERE name = $1").bind(name).fetch_optional(store.reader()).await?;
    Ok(row.map(|r| r.try_get(0)).transpose()?.unwrap_or(0))
}
