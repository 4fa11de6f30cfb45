//! Durable timers: deadlines, escalations, reminders. A due timer fires once: its row goes in the transaction of what it
//! causes, so a kill in between fires it again and a kill afterwards does not.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use sqlx::Row;
use tokio_util::sync::CancellationToken;

use crate::ids::Timestamp;
use crate::store::{Store, StoreError, Tx, WriteFuture};

/// Timers taken in one round.
const BATCH: i64 = 64;
/// How often due timers are looked for: the accuracy of every durable deadline.
const LOOK: Duration = Duration::from_millis(500);

/// A timer that is due.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Timer {
    /// Its id.
    pub id: String,
    /// Which handler it belongs to.
    pub kind: String,
    /// Its key within the kind.
    pub key: String,
    /// When it was to fire.
    pub due_at: Timestamp,
    /// The handler's own data.
    pub payload: String,
}

/// Acts when a timer of its kind is due.
pub trait TimerHandler: Send + Sync + 'static {
    /// The kind of its timers.
    fn kind(&self) -> &'static str;

    /// Acts, in the transaction that removes the timer. An error leaves the timer to fire again.
    fn fire<'a>(&'a self, tx: &'a mut Tx, timer: &'a Timer) -> WriteFuture<'a, (), StoreError>;
}

/// Sets (or moves) the timer `kind`/`key` to `due_at`.
pub async fn set_timer(tx: &mut Tx, kind: &str, key: &str, due_at: Timestamp, payload: &str) -> Result<(), StoreError> {
    let id = tx.ids().uuid().to_string();
    sqlx::query(
        "INSERT INTO timers (id, kind, timer_key, due_at, payload) VALUES ($1, $2, $3, $4, $5) \
         ON CONFLICT (kind, timer_key) DO UPDATE SET due_at = excluded.due_at, payload = excluded.payload",
    )
    .bind(id)
    .bind(kind)
    .bind(key)
    .bind(due_at.0)
    .bind(payload)
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Removes the timer `kind`/`key`, if it is there.
pub async fn cancel_timer(tx: &mut Tx, kind: &str, key: &str) -> Result<(), StoreError> {
    sqlx::query("DELETE FROM timers WHERE kind = $1 AND timer_key = $2")
        .bind(kind)
        .bind(key)
        .execute(tx.conn())
        .await?;
    Ok(())
}

/// Fires due timers until `stop`.
pub async fn run_timers(store: Store, handlers: Vec<Arc<dyn TimerHandler>>, stop: CancellationToken) {
    let handlers: Arc<HashMap<&'static str, Arc<dyn TimerHandler>>> =
        Arc::new(handlers.into_iter().map(|h| (h.kind(), h)).collect());
    loop {
        if let Err(e) = round(&store, &handlers).await {
            tracing::warn!(error = %e, "timers could not be read");
        }
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(LOOK) => {}
        }
    }
}

async fn round(store: &Store, handlers: &Arc<HashMap<&'static str, Arc<dyn TimerHandler>>>) -> Result<(), StoreError> {
    for timer in due(store).await? {
        let Some(handler) = handlers.get(timer.kind.as_str()).cloned() else { continue };
        let name = handler.kind();
        let fired = store.write(move |tx| Box::pin(async move { fire(tx, &*handler, timer).await })).await;
        if let Err(e) = fired {
            tracing::warn!(timer = name, error = %e, "a timer's act failed; it will fire again");
        }
    }
    Ok(())
}

async fn fire(tx: &mut Tx, handler: &dyn TimerHandler, timer: Timer) -> Result<(), StoreError> {
    // Claimed by deleting: if it was moved or cancelled since it was read, nothing happens.
    let claimed = sqlx::query("DELETE FROM timers WHERE id = $1 AND due_at = $2")
        .bind(&timer.id)
        .bind(timer.due_at.0)
        .execute(tx.conn())
        .await?;
    if claimed.rows_affected() == 1 {
        handler.fire(tx, &timer).await?;
    }
    Ok(())
}

async fn due(store: &Store) -> Result<Vec<Timer>, StoreError> {
    let rows = sqlx::query(
        "SELECT id, kind, timer_key, due_at, payload FROM timers WHERE due_at <= $1 ORDER BY due_at, id LIMIT $2",
    )
    .bind(Timestamp::now().0)
    .bind(BATCH)
    .fetch_all(store.reader())
    .await?;
    rows.iter()
        .map(|r| {
            Ok(Timer {
                id: r.try_get(0)?,
                kind: r.try_get(1)?,
                key: r.try_get(2)?,
                due_at: Timestamp(r.try_get(3)?),
                payload: r.try_get(4)?,
            })
        })
        .collect()
}
