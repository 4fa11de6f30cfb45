//! The SQL of HTTP: first answers to idempotency keys.

use sqlx::Row;

use crate::store::{StoreError, Tx};

/// The answer that was given first.
pub(super) struct FirstAnswer {
    pub(super) what: String,
    pub(super) status: u16,
    pub(super) answer: String,
}

pub(super) async fn find_answer(tx: &mut Tx, actor: &str, key: &str) -> Result<Option<FirstAnswer>, StoreError> {
    let row = sqlx::query("SELECT what, status, answer FROM idempotency WHERE actor = $1 AND idempotency_key = $2")
        .bind(actor)
        .bind(key)
        .fetch_optional(tx.conn())
        .await?;
    row.map(|r| {
        let status: i64 = r.try_get(1)?;
        Ok(FirstAnswer { what: r.try_get(0)?, status: u16::try_from(status).unwrap_or(200), answer: r.try_get(2)? })
    })
    .transpose()
}

/// Keeps an answer, whose text comes sealed.
pub(super) async fn insert_answer(
    tx: &mut Tx,
    actor: &str,
    key: &str,
    first: &FirstAnswer,
    sealed: &str,
) -> Result<(), StoreError> {
    let now = tx.now().0;
    sqlx::query(
        "INSERT INTO idempotency (actor, idempotency_key, what, status, answer, created_at) VALUES ($1,$2,$3,$4,$5,$6)",
    )
    .bind(actor)
    .bind(key)
    .bind(&first.what)
    .bind(i64::from(first.status))
    .bind(sealed)
    .bind(now)
    .execute(tx.conn())
    .await?;
    Ok(())
}
