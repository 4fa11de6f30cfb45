//! The outbox: effects on the outside world (SMS, call-outs, webhooks). A row is written in the transaction of its cause,
//! retried with backoff until the courier says it is done, or dead-lettered where a person sees it.

use std::sync::Arc;
use std::time::Duration;

use sqlx::Row;
use sqlx::any::AnyRow;
use tokio_util::sync::CancellationToken;

use crate::ids::Timestamp;
use crate::store::{Store, StoreError, Tx, WriteFuture};

/// Items that one courier handles at a time.
const BATCH: i64 = 32;
/// A leased item whose courier was killed comes back after this.
const LEASE_MS: i64 = 60_000;
/// Waits before the next attempts; after the last the item is dead (facts/messages.md §6.4, shortened at its tail).
const BACKOFF_MS: [i64; 8] = [1_000, 5_000, 10_000, 30_000, 120_000, 600_000, 1_800_000, 3_600_000];
/// How often a courier looks for items that have become due.
const LOOK: Duration = Duration::from_millis(500);

/// An effect to be carried out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutboxItem {
    /// Its id.
    pub id: String,
    /// Which courier carries it.
    pub courier: String,
    /// The key under which the far side may see it twice and act once.
    pub idempotency_key: String,
    /// What to do, as JSON of the courier's own shape.
    pub payload: String,
    /// Attempts already made.
    pub attempts: i64,
    /// When it was written.
    pub created_at: Timestamp,
    /// What went wrong last.
    pub last_error: Option<String>,
    /// An attempt was cut off by a kill: the far side may have it already.
    pub interrupted: bool,
}

/// How an attempt ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Attempt {
    /// The far side has it: the row goes.
    Done,
    /// It may work later.
    Retry(String),
    /// It can never work: a person must see it.
    Dead(String),
}

/// What a courier did: the outcome, and what else must be written in the same transaction as the row's end.
pub struct Delivery {
    /// How the attempt ended.
    pub attempt: Attempt,
    /// Written together with the outcome (such as the event that the message was submitted).
    pub record: Option<Recording>,
}

/// What is written together with an outcome.
pub type Recording = Box<dyn for<'a> FnOnce(&'a mut Tx) -> WriteFuture<'a, (), StoreError> + Send>;

impl From<Attempt> for Delivery {
    fn from(attempt: Attempt) -> Self {
        Self { attempt, record: None }
    }
}

/// Carries items of one kind to the outside.
pub trait Courier: Send + Sync + 'static {
    /// Its name, stored with each item.
    fn name(&self) -> &'static str;

    /// Tries one item.
    fn deliver(&self, item: OutboxItem) -> std::pin::Pin<Box<dyn Future<Output = Delivery> + Send + '_>>;
}

/// Writes an item; the same key a second time changes nothing. Returns whether it is new.
pub async fn put_outbox(
    tx: &mut Tx,
    courier: &str,
    idempotency_key: &str,
    payload: &str,
    due_at: Timestamp,
) -> Result<bool, StoreError> {
    let (id, now) = (tx.ids().uuid().to_string(), tx.now());
    let done = sqlx::query(
        "INSERT INTO outbox (id, courier, idempotency_key, payload, state, attempts, due_at, created_at) \
         VALUES ($1, $2, $3, $4, 'ready', 0, $5, $6) ON CONFLICT (courier, idempotency_key) DO NOTHING",
    )
    .bind(id)
    .bind(courier)
    .bind(idempotency_key)
    .bind(payload)
    .bind(due_at.0)
    .bind(now.0)
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Makes what a killed hub had leased due at once: run before any courier is. Whoever leased it is gone, for a hub is the
/// only one that works on its database.
pub async fn release_leases(store: &Store) -> Result<(), StoreError> {
    store
        .write(|tx| {
            Box::pin(async move {
                let now = tx.now().0;
                sqlx::query("UPDATE outbox SET due_at = $1 WHERE state = 'leased' AND due_at > $1")
                    .bind(now)
                    .execute(tx.conn())
                    .await?;
                Ok(())
            })
        })
        .await
}

/// Runs `courier` until `stop`.
pub async fn run_courier(store: Store, courier: Arc<dyn Courier>, stop: CancellationToken) {
    let mut news = store.last_seq();
    loop {
        match round(&store, &courier).await {
            Ok(true) => continue,
            Ok(false) => {}
            Err(e) => tracing::warn!(courier = courier.name(), error = %e, "the outbox could not be read"),
        }
        tokio::select! {
            () = stop.cancelled() => return,
            _ = news.changed() => {}
            () = tokio::time::sleep(LOOK) => {}
        }
    }
}

/// Takes and carries what is due; `false` when nothing was.
async fn round(store: &Store, courier: &Arc<dyn Courier>) -> Result<bool, StoreError> {
    let name = courier.name();
    if !any_due(store, name).await? {
        return Ok(false);
    }
    let items = store.write(move |tx| Box::pin(lease(tx, name))).await?;
    let worked = !items.is_empty();
    let attempts = items.into_iter().map(|item| {
        let (store, courier) = (store.clone(), courier.clone());
        async move {
            let (id, attempts) = (item.id.clone(), item.attempts + 1);
            let delivery = courier.deliver(item).await;
            store.write(move |tx| Box::pin(settle(tx, id, attempts, delivery))).await
        }
    });
    for done in futures_util::future::join_all(attempts).await {
        done?;
    }
    Ok(worked)
}

async fn any_due(store: &Store, courier: &str) -> Result<bool, StoreError> {
    let row = sqlx::query("SELECT 1 FROM outbox WHERE courier = $1 AND state <> 'dead' AND due_at <= $2 LIMIT 1")
        .bind(courier)
        .bind(Timestamp::now().0)
        .fetch_optional(store.reader())
        .await?;
    Ok(row.is_some())
}

/// Leased rows that were not settled in time (the hub was killed) are due again: their lease is their due time.
async fn lease(tx: &mut Tx, courier: &'static str) -> Result<Vec<OutboxItem>, StoreError> {
    let now = tx.now().0;
    let rows = sqlx::query(
        "SELECT id, courier, idempotency_key, payload, attempts, created_at, last_error, state FROM outbox \
         WHERE courier = $1 AND state <> 'dead' AND due_at <= $2 ORDER BY due_at, id LIMIT $3",
    )
    .bind(courier)
    .bind(now)
    .bind(BATCH)
    .fetch_all(tx.conn())
    .await?;
    let items = rows.iter().map(item).collect::<Result<Vec<_>, _>>()?;
    for item in &items {
        sqlx::query("UPDATE outbox SET state = 'leased', due_at = $2 WHERE id = $1")
            .bind(&item.id)
            .bind(now + LEASE_MS)
            .execute(tx.conn())
            .await?;
    }
    Ok(items)
}

async fn settle(tx: &mut Tx, id: String, attempts: i64, delivery: Delivery) -> Result<(), StoreError> {
    if let Some(record) = delivery.record {
        record(tx).await?;
    }
    let now = tx.now().0;
    match delivery.attempt {
        Attempt::Done => {
            sqlx::query("DELETE FROM outbox WHERE id = $1").bind(id).execute(tx.conn()).await?;
        }
        Attempt::Retry(why) => {
            let wait = usize::try_from(attempts - 1).ok().and_then(|i| BACKOFF_MS.get(i));
            let (state, due) = wait.map_or(("dead", now), |w| ("ready", now + w));
            mark(tx, &id, state, attempts, due, &why).await?;
        }
        Attempt::Dead(why) => mark(tx, &id, "dead", attempts, now, &why).await?,
    }
    Ok(())
}

async fn mark(tx: &mut Tx, id: &str, state: &str, attempts: i64, due: i64, why: &str) -> Result<(), StoreError> {
    sqlx::query("UPDATE outbox SET state = $2, attempts = $3, due_at = $4, last_error = $5 WHERE id = $1")
        .bind(id)
        .bind(state)
        .bind(attempts)
        .bind(due)
        .bind(why)
        .execute(tx.conn())
        .await?;
    Ok(())
}

/// Dead items, oldest first: what the console's page shows.
pub async fn dead_letters(store: &Store, limit: i64) -> Result<Vec<OutboxItem>, StoreError> {
    let rows = sqlx::query(
        "SELECT id, courier, idempotency_key, payload, attempts, created_at, last_error, state FROM outbox \
         WHERE state = 'dead' ORDER BY created_at, id LIMIT $1",
    )
    .bind(limit)
    .fetch_all(store.reader())
    .await?;
    rows.iter().map(item).collect()
}

/// Gives a dead item another round of attempts. `false` if there is no such dead item.
pub async fn retry_dead(tx: &mut Tx, id: &str) -> Result<bool, StoreError> {
    let now = tx.now().0;
    let done =
        sqlx::query("UPDATE outbox SET state = 'ready', attempts = 0, due_at = $2 WHERE id = $1 AND state = 'dead'")
            .bind(id)
            .bind(now)
            .execute(tx.conn())
            .await?;
    Ok(done.rows_affected() == 1)
}

/// Gives a dead item up for good; the caller appends the event that says who decided it.
pub async fn discard_dead(tx: &mut Tx, id: &str) -> Result<bool, StoreError> {
    let done = sqlx::query("DELETE FROM outbox WHERE id = $1 AND state = 'dead'").bind(id).execute(tx.conn()).await?;
    Ok(done.rows_affected() == 1)
}

fn item(row: &AnyRow) -> Result<OutboxItem, StoreError> {
    Ok(OutboxItem {
        id: row.try_get(0)?,
        courier: row.try_get(1)?,
        idempotency_key: row.try_get(2)?,
        payload: row.try_get(3)?,
        attempts: row.try_get(4)?,
        created_at: Timestamp(row.try_get(5)?),
        last_error: row.try_get(6)?,
        interrupted: row.try_get::<String, _>(7)? == "leased",
    })
}
