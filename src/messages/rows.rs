//! The SQL of messages.

use sqlx::any::AnyRow;
use sqlx::{AnyPool, Row};

use super::views::MessageFilter;
use crate::access::{Predicate, orgs_column, read_orgs_column};
use crate::ids::{CaseId, MessageId, OrgPath, Timestamp};
use crate::store::{Condition, StoreError, Tx};

/// A stored message.
#[derive(Debug, Clone)]
pub(super) struct MessageRow {
    pub(super) id: MessageId,
    pub(super) direction: String,
    pub(super) peer: String,
    pub(super) number_sealed: String,
    pub(super) text_sealed: String,
    /// What is shown instead, where the text carries a secret.
    pub(super) shown_sealed: Option<String>,
    pub(super) receiver: String,
    pub(super) ext: String,
    pub(super) lane: String,
    pub(super) template: Option<String>,
    pub(super) case: Option<CaseId>,
    pub(super) link: String,
    pub(super) state: String,
    pub(super) reason: Option<String>,
    pub(super) segments: i64,
    pub(super) orgs: Vec<OrgPath>,
    pub(super) created_by: String,
    pub(super) created_at: Timestamp,
}

/// An open question to a receiver.
pub(super) struct QuestionRow {
    pub(super) ext: String,
    pub(super) kind: String,
    pub(super) about: String,
    pub(super) label: String,
    pub(super) answered: bool,
    /// The case of the message that asked.
    pub(super) case: Option<CaseId>,
}

pub(super) async fn insert(tx: &mut Tx, m: &MessageRow) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO messages (id, direction, peer, number_sealed, text_sealed, receiver, ext, lane, template, case_id, link, \
         state, reason, segments, delivered_segments, orgs, created_by, created_at, changed_at, shown_sealed) \
         VALUES ($1,$2,$3,$4,$5,$6,$7,$8,$9,$10,$11,$12,$13,$14,0,$15,$16,$17,$17,$18)",
    )
    .bind(m.id.to_string())
    .bind(&m.direction)
    .bind(&m.peer)
    .bind(&m.number_sealed)
    .bind(&m.text_sealed)
    .bind(&m.receiver)
    .bind(&m.ext)
    .bind(&m.lane)
    .bind(&m.template)
    .bind(m.case.map(|c| c.to_string()))
    .bind(&m.link)
    .bind(&m.state)
    .bind(&m.reason)
    .bind(m.segments)
    .bind(orgs_column(&m.orgs))
    .bind(&m.created_by)
    .bind(m.created_at.0)
    .bind(m.shown_sealed.clone())
    .execute(tx.conn())
    .await?;
    Ok(())
}

const MESSAGE: &str = "SELECT id, direction, peer, number_sealed, text_sealed, receiver, ext, lane, template, case_id, link, \
                       state, reason, segments, orgs, created_by, created_at, shown_sealed FROM messages";

pub(super) async fn message(tx: &mut Tx, id: MessageId) -> Result<Option<MessageRow>, StoreError> {
    let sql = format!("{MESSAGE} WHERE id = $1");
    let row = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(id.to_string()).fetch_optional(tx.conn()).await?;
    row.as_ref().map(read).transpose()
}

pub(super) async fn read_message(pool: &AnyPool, id: MessageId) -> Result<Option<MessageRow>, StoreError> {
    let sql = format!("{MESSAGE} WHERE id = $1");
    let row = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(id.to_string()).fetch_optional(pool).await?;
    row.as_ref().map(read).transpose()
}

pub(super) async fn list(
    pool: &AnyPool,
    visible: Predicate,
    filter: &MessageFilter,
) -> Result<Vec<MessageRow>, StoreError> {
    let mut condition = Condition::from(visible);
    condition
        .and_if("case_id = ?", filter.case.map(|case| case.to_string()))
        .and_if("state = ?", filter.state.clone())
        .and_if("link = ?", filter.link.clone())
        .and_if("id < ?", filter.before.map(|id| id.to_string()));
    let tail = format!("ORDER BY id DESC LIMIT {}", filter.limit);
    condition.query(MESSAGE, &tail).fetch_all(pool).await?.iter().map(read).collect()
}

/// Sets the state; `reason` is kept when none is given.
pub(super) async fn set_state(
    tx: &mut Tx,
    id: MessageId,
    state: &str,
    reason: Option<&str>,
    link: Option<&str>,
) -> Result<(), StoreError> {
    let now = tx.now().0;
    sqlx::query(
        "UPDATE messages SET state = $2, reason = COALESCE($3, reason), link = COALESCE($4, link), changed_at = $5 WHERE id = $1",
    )
    .bind(id.to_string())
    .bind(state)
    .bind(reason)
    .bind(link)
    .bind(now)
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Keeps the forms in which a receipt may name a segment. Keys that exist keep their first owner.
pub(super) async fn insert_receipt_keys(
    tx: &mut Tx,
    link: &str,
    message: MessageId,
    segment: i64,
    keys: &[String],
) -> Result<(), StoreError> {
    let now = tx.now().0;
    for key in keys {
        sqlx::query(
            "INSERT INTO message_receipts (link, receipt_key, message, segment, created_at) VALUES ($1,$2,$3,$4,$5) \
             ON CONFLICT (link, receipt_key) DO UPDATE SET message = excluded.message, segment = excluded.segment, \
             created_at = excluded.created_at",
        )
        .bind(link)
        .bind(key)
        .bind(message.to_string())
        .bind(segment)
        .bind(now)
        .execute(tx.conn())
        .await?;
    }
    Ok(())
}

/// Which segment a receipt's key names.
pub(super) async fn receipt_owner(tx: &mut Tx, link: &str, key: &str) -> Result<Option<(MessageId, i64)>, StoreError> {
    let row = sqlx::query("SELECT message, segment FROM message_receipts WHERE link = $1 AND receipt_key = $2")
        .bind(link)
        .bind(key)
        .fetch_optional(tx.conn())
        .await?;
    row.map(|r| Ok((parse_id(r.try_get(0)?)?, r.try_get(1)?))).transpose()
}

pub(super) async fn keep_early(tx: &mut Tx, link: &str, key: &str, state: &str) -> Result<(), StoreError> {
    let now = tx.now().0;
    sqlx::query(
        "INSERT INTO early_receipts (link, receipt_key, state, created_at) VALUES ($1,$2,$3,$4) \
         ON CONFLICT (link, receipt_key) DO UPDATE SET state = excluded.state",
    )
    .bind(link)
    .bind(key)
    .bind(state)
    .bind(now)
    .execute(tx.conn())
    .await?;
    Ok(())
}

pub(super) async fn take_early(tx: &mut Tx, link: &str, key: &str) -> Result<Option<String>, StoreError> {
    let row = sqlx::query("DELETE FROM early_receipts WHERE link = $1 AND receipt_key = $2 RETURNING state")
        .bind(link)
        .bind(key)
        .fetch_optional(tx.conn())
        .await?;
    Ok(row.map(|r| r.try_get(0)).transpose()?)
}

pub(super) async fn segment_state(tx: &mut Tx, message: MessageId, segment: i64) -> Result<Option<String>, StoreError> {
    let row = sqlx::query("SELECT state FROM message_segments WHERE message = $1 AND segment = $2")
        .bind(message.to_string())
        .bind(segment)
        .fetch_optional(tx.conn())
        .await?;
    Ok(row.map(|r| r.try_get(0)).transpose()?)
}

pub(super) async fn set_segment_state(
    tx: &mut Tx,
    message: MessageId,
    segment: i64,
    state: &str,
) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO message_segments (message, segment, state) VALUES ($1,$2,$3) \
         ON CONFLICT (message, segment) DO UPDATE SET state = excluded.state",
    )
    .bind(message.to_string())
    .bind(segment)
    .bind(state)
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// How many segments stand in `state`.
pub(super) async fn segments_in(tx: &mut Tx, message: MessageId, state: &str) -> Result<i64, StoreError> {
    let row = sqlx::query("SELECT COUNT(*) FROM message_segments WHERE message = $1 AND state = $2")
        .bind(message.to_string())
        .bind(state)
        .fetch_one(tx.conn())
        .await?;
    Ok(row.try_get(0)?)
}

/// Whether this incoming thing is new; remembers it.
pub(super) async fn first_seen(tx: &mut Tx, link: &str, dedupe_key: &str) -> Result<bool, StoreError> {
    let now = tx.now().0;
    let done = sqlx::query(
        "INSERT INTO message_seen (link, dedupe_key, at) VALUES ($1,$2,$3) ON CONFLICT (link, dedupe_key) DO NOTHING",
    )
    .bind(link)
    .bind(dedupe_key)
    .bind(now)
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected() == 1)
}

pub(super) async fn keep_part(tx: &mut Tx, link: &str, dedupe_key: &str, part: &str) -> Result<(), StoreError> {
    let now = tx.now().0;
    sqlx::query("INSERT INTO message_parts (link, dedupe_key, part, at) VALUES ($1,$2,$3,$4) ON CONFLICT (link, dedupe_key) DO NOTHING")
        .bind(link)
        .bind(dedupe_key)
        .bind(part)
        .bind(now)
        .execute(tx.conn())
        .await?;
    Ok(())
}

/// Segments that were stored and whose whole has not come, of the last ten minutes.
pub(super) async fn parts(pool: &AnyPool, link: &str, since: Timestamp) -> Result<Vec<String>, StoreError> {
    let rows = sqlx::query("SELECT part FROM message_parts WHERE link = $1 AND at >= $2 ORDER BY at")
        .bind(link)
        .bind(since.0)
        .fetch_all(pool)
        .await?;
    rows.iter().map(|r| Ok(r.try_get(0)?)).collect()
}

pub(super) async fn questions(tx: &mut Tx, peer: &str) -> Result<Vec<QuestionRow>, StoreError> {
    let rows = sqlx::query(
        "SELECT q.ext, q.kind, q.about, q.label, q.answered_at, (SELECT m.case_id FROM messages m WHERE m.peer = q.peer AND \
         m.ext = q.ext AND m.direction = 'out' ORDER BY m.created_at DESC, m.id DESC LIMIT 1) FROM questions q \
         WHERE q.peer = $1 ORDER BY q.asked_at DESC",
    )
    .bind(peer)
    .fetch_all(tx.conn())
    .await?;
    rows.iter()
        .map(|r| {
            let (answered, case): (Option<i64>, Option<String>) = (r.try_get(4)?, r.try_get(5)?);
            Ok(QuestionRow {
                ext: r.try_get(0)?,
                kind: r.try_get(1)?,
                about: r.try_get(2)?,
                label: r.try_get(3)?,
                answered: answered.is_some(),
                case: case.and_then(|id| id.parse().ok()),
            })
        })
        .collect()
}

/// Asks anew under an extension: what was asked there before is forgotten.
pub(super) async fn ask(
    tx: &mut Tx,
    peer: &str,
    ext: &str,
    kind: &str,
    about: &str,
    label: &str,
) -> Result<(), StoreError> {
    let now = tx.now().0;
    sqlx::query(
        "INSERT INTO questions (peer, ext, kind, about, label, asked_at) VALUES ($1,$2,$3,$4,$5,$6) \
         ON CONFLICT (peer, ext) DO UPDATE SET kind = excluded.kind, about = excluded.about, label = excluded.label, \
         asked_at = excluded.asked_at, answered_at = NULL",
    )
    .bind(peer)
    .bind(ext)
    .bind(kind)
    .bind(about)
    .bind(label)
    .bind(now)
    .execute(tx.conn())
    .await?;
    Ok(())
}

pub(super) async fn answered(tx: &mut Tx, peer: &str, ext: &str) -> Result<(), StoreError> {
    let now = tx.now().0;
    sqlx::query("UPDATE questions SET answered_at = $3 WHERE peer = $1 AND ext = $2")
        .bind(peer)
        .bind(ext)
        .bind(now)
        .execute(tx.conn())
        .await?;
    Ok(())
}

/// Closes every open question about a matter: it was signed for or accepted another way.
pub(super) async fn close_questions(tx: &mut Tx, about: &str) -> Result<(), StoreError> {
    let now = tx.now().0;
    sqlx::query("UPDATE questions SET answered_at = $2 WHERE about = $1 AND answered_at IS NULL")
        .bind(about)
        .bind(now)
        .execute(tx.conn())
        .await?;
    Ok(())
}

fn read(row: &AnyRow) -> Result<MessageRow, StoreError> {
    let case: Option<String> = row.try_get(9)?;
    let orgs: String = row.try_get(14)?;
    Ok(MessageRow {
        id: parse_id(row.try_get(0)?)?,
        direction: row.try_get(1)?,
        peer: row.try_get(2)?,
        number_sealed: row.try_get(3)?,
        text_sealed: row.try_get(4)?,
        receiver: row.try_get(5)?,
        ext: row.try_get(6)?,
        lane: row.try_get(7)?,
        template: row.try_get(8)?,
        case: case.and_then(|c| c.parse().ok()),
        link: row.try_get(10)?,
        state: row.try_get(11)?,
        reason: row.try_get(12)?,
        segments: row.try_get(13)?,
        orgs: read_orgs_column(&orgs),
        created_by: row.try_get(15)?,
        created_at: Timestamp(row.try_get(16)?),
        shown_sealed: row.try_get(17)?,
    })
}

fn parse_id(text: String) -> Result<MessageId, StoreError> {
    text.parse().map_err(|_| StoreError::Damaged("a message's id".into()))
}
