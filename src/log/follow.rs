//! Followers: what a domain does when others' events appear. A follower's position moves in the transaction of what it
//! did, so after a kill it goes on exactly where it was: nothing twice, nothing skipped.

use std::time::Duration;

use sqlx::Row;
use tokio_util::sync::CancellationToken;

use super::read::after_on;
use crate::events::Record;
use crate::store::{Store, StoreError, Tx, WriteFuture};

/// Events handed over in one transaction.
const BATCH: i64 = 64;
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

/// Runs `follower` until `stop`.
pub async fn run_follower(store: Store, site: String, follower: std::sync::Arc<dyn Follower>, stop: CancellationToken) {
    let mut news = store.last_seq();
    loop {
        let step = step(&store, &site, &follower).await;
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

/// Handles the next batch; `false` when there was nothing.
async fn step(store: &Store, site: &str, follower: &std::sync::Arc<dyn Follower>) -> Result<bool, StoreError> {
    let position = position(store, follower.name()).await?;
    if *store.last_seq().borrow() <= position {
        return Ok(false);
    }
    let (follower, site) = (follower.clone(), site.to_owned());
    store
        .write(move |tx| {
            Box::pin(async move {
                let events = after_on(tx.conn(), &site, position, BATCH).await?;
                let Some(last) = events.last().map(|e| e.seq) else { return Ok(false) };
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
                Ok(true)
            })
        })
        .await
}

async fn position(store: &Store, name: &str) -> Result<i64, StoreError> {
    let row =
        sqlx::query("SELECT seq FROM followers WHERE name = $1").bind(name).fetch_optional(store.reader()).await?;
    Ok(row.map(|r| r.try_get(0)).transpose()?.unwrap_or(0))
}
