//! Reading the log: from a position, or all about some subjects in order.

use sqlx::any::AnyRow;
use sqlx::{AnyConnection, AnyPool, Row};

use super::append::Stored;
use crate::events::{Record, Subject};
use crate::store::StoreError;

/// The most events that one call returns: bounds memory, not what can be read (page on with the last `seq`).
pub const PAGE_MAX: i64 = 1_000;

const COLUMNS: &str = "SELECT seq, id, at, kind, subject, actor, orgs, body FROM log";

/// Up to `limit` events after `seq`, in order.
pub async fn after(pool: &AnyPool, site: &str, seq: i64, limit: i64) -> Result<Vec<Record>, StoreError> {
    let mut conn = pool.acquire().await?;
    after_on(&mut conn, site, seq, limit).await
}

async fn after_on(conn: &mut AnyConnection, site: &str, seq: i64, limit: i64) -> Result<Vec<Record>, StoreError> {
    let sql = format!("{COLUMNS} WHERE seq > $1 ORDER BY seq LIMIT $2");
    let rows = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(seq).bind(limit.clamp(1, PAGE_MAX)).fetch_all(conn).await?;
    rows.iter().map(|r| stored(r)?.record(site)).collect()
}

/// Number and kind of up to `limit` events after `seq`, in order: for who mostly passes them over.
pub async fn kinds_after(pool: &AnyPool, seq: i64, limit: i64) -> Result<Vec<(i64, String)>, StoreError> {
    let rows = sqlx::query("SELECT seq, kind FROM log WHERE seq > $1 ORDER BY seq LIMIT $2")
        .bind(seq)
        .bind(limit.clamp(1, PAGE_MAX))
        .fetch_all(pool)
        .await?;
    rows.iter().map(|r| Ok((r.try_get(0)?, r.try_get(1)?))).collect()
}

/// All events about any of `subjects` after `seq`, in order, at most [`PAGE_MAX`]: a timeline.
pub async fn of_subjects(
    pool: &AnyPool,
    site: &str,
    subjects: &[Subject],
    seq: i64,
) -> Result<Vec<Record>, StoreError> {
    if subjects.is_empty() {
        return Ok(Vec::new());
    }
    let marks = (0..subjects.len()).map(|i| format!("${}", i + 2)).collect::<Vec<_>>().join(",");
    let sql = format!("{COLUMNS} WHERE seq > $1 AND subject IN ({marks}) ORDER BY seq LIMIT {PAGE_MAX}");
    let mut query = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(seq);
    for subject in subjects {
        query = query.bind(subject.to_string());
    }
    query.fetch_all(pool).await?.iter().map(|r| stored(r)?.record(site)).collect()
}

/// Up to `limit` events before `seq` whose kind is `kind`, or begins with it where it ends in a dot; the latest first.
pub async fn of_kind_before(
    pool: &AnyPool,
    site: &str,
    kind: &str,
    seq: i64,
    limit: i64,
) -> Result<Vec<Record>, StoreError> {
    // LIKE, not a range: a range would depend on the database's collation.
    let (condition, kind) = match kind.ends_with('.') {
        true => ("kind LIKE $1", format!("{kind}%")),
        false => ("kind = $1", kind.to_owned()),
    };
    let sql = format!("{COLUMNS} WHERE {condition} AND seq < $2 ORDER BY seq DESC LIMIT $3");
    let query = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(kind).bind(seq).bind(limit.clamp(1, PAGE_MAX));
    query.fetch_all(pool).await?.iter().map(|r| stored(r)?.record(site)).collect()
}

pub(super) fn stored(row: &AnyRow) -> Result<Stored, StoreError> {
    Ok(Stored {
        seq: row.try_get(0)?,
        id: row.try_get(1)?,
        at: row.try_get(2)?,
        kind: row.try_get(3)?,
        subject: row.try_get(4)?,
        actor: row.try_get(5)?,
        orgs: row.try_get(6)?,
        body: row.try_get(7)?,
    })
}
