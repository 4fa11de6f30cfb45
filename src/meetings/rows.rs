//! The SQL of meetings.

use sqlx::any::AnyRow;
use sqlx::{AnyPool, Row};

use super::views::{Invited, MeetingFilter, StayView};
use crate::access::{Predicate, orgs_column, read_orgs_column};
use crate::ids::{CaseId, MeetingId, OrgPath, PersonId, Timestamp};
use crate::store::column::{json, read_id, read_json};
use crate::store::{Condition, StoreError, Tx};

/// Stays shown of one meeting: reconnecting clients make many short ones.
const STAYS_MAX: i64 = 1_000;

/// A meeting as it is stored.
pub(super) struct MeetingRow {
    pub(super) id: MeetingId,
    pub(super) title: String,
    pub(super) case: Option<CaseId>,
    /// The unit that holds it.
    pub(super) host: OrgPath,
    /// The host and the invited units.
    pub(super) orgs: Vec<OrgPath>,
    pub(super) held_by: Option<PersonId>,
    pub(super) held_by_name: String,
    pub(super) created_at: Timestamp,
    pub(super) started_at: Option<Timestamp>,
    pub(super) ended_at: Option<Timestamp>,
    pub(super) invited: Vec<Invited>,
}

const MEETING: &str = "SELECT id, title, case_id, host, orgs, held_by, held_by_name, created_at, started_at, ended_at, document \
                       FROM meetings";

pub(super) async fn insert(tx: &mut Tx, row: &MeetingRow) -> Result<(), StoreError> {
    let document = json(&row.invited)?;
    sqlx::query(
        "INSERT INTO meetings (id, title, case_id, host, orgs, held_by, held_by_name, created_at, document) \
         VALUES ($1,$2,$3,$4,$5,$6,$7,$8,$9)",
    )
    .bind(row.id.to_string())
    .bind(&row.title)
    .bind(row.case.map(|c| c.to_string()))
    .bind(row.host.as_str())
    .bind(orgs_column(&row.orgs))
    .bind(row.held_by.map(|p| p.to_string()))
    .bind(&row.held_by_name)
    .bind(row.created_at.0)
    .bind(document)
    .execute(tx.conn())
    .await?;
    Ok(())
}

pub(super) async fn update(tx: &mut Tx, row: &MeetingRow) -> Result<(), StoreError> {
    sqlx::query("UPDATE meetings SET started_at = $2, ended_at = $3 WHERE id = $1")
        .bind(row.id.to_string())
        .bind(row.started_at.map(|t| t.0))
        .bind(row.ended_at.map(|t| t.0))
        .execute(tx.conn())
        .await?;
    Ok(())
}

pub(super) async fn load(tx: &mut Tx, id: MeetingId) -> Result<Option<MeetingRow>, StoreError> {
    let sql = format!("{MEETING} WHERE id = $1");
    let row = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(id.to_string()).fetch_optional(tx.conn()).await?;
    row.as_ref().map(meeting_of).transpose()
}

/// Whether a meeting has ended; `None` if there is none.
pub(super) async fn has_ended(pool: &AnyPool, id: MeetingId) -> Result<Option<bool>, StoreError> {
    let row =
        sqlx::query("SELECT ended_at FROM meetings WHERE id = $1").bind(id.to_string()).fetch_optional(pool).await?;
    row.map(|r| Ok(r.try_get::<Option<i64>, _>(0)?.is_some())).transpose()
}

pub(super) async fn list(
    pool: &AnyPool,
    visible: Predicate,
    filter: &MeetingFilter,
) -> Result<Vec<MeetingRow>, StoreError> {
    let mut condition = Condition::from(visible);
    condition
        .and_if("case_id = ?", filter.case.map(|case| case.to_string()))
        .and_when(filter.open, "ended_at IS NULL")
        .and_if("id < ?", filter.before.map(|id| id.to_string()));
    let tail = format!("ORDER BY id DESC LIMIT {}", filter.limit);
    condition.query(MEETING, &tail).fetch_all(pool).await?.iter().map(meeting_of).collect()
}

pub(super) async fn insert_stay(tx: &mut Tx, meeting: MeetingId, sid: &str, stay: &StayView) -> Result<(), StoreError> {
    sqlx::query("INSERT INTO meeting_stays (meeting, sid, identity, name, joined_at) VALUES ($1,$2,$3,$4,$5)")
        .bind(meeting.to_string())
        .bind(sid)
        .bind(&stay.identity)
        .bind(&stay.name)
        .bind(stay.joined_at.0)
        .execute(tx.conn())
        .await?;
    Ok(())
}

/// Ends an open stay and gives it; `None` if it is not open.
pub(super) async fn end_stay(tx: &mut Tx, meeting: MeetingId, sid: &str) -> Result<Option<StayView>, StoreError> {
    let now = tx.now().0;
    let row = sqlx::query(
        "SELECT identity, name, joined_at, left_at FROM meeting_stays WHERE meeting = $1 AND sid = $2 AND left_at IS NULL",
    )
    .bind(meeting.to_string())
    .bind(sid)
    .fetch_optional(tx.conn())
    .await?;
    let Some(stay) = row.as_ref().map(stay_of).transpose()? else { return Ok(None) };
    sqlx::query("UPDATE meeting_stays SET left_at = $3 WHERE meeting = $1 AND sid = $2")
        .bind(meeting.to_string())
        .bind(sid)
        .bind(now)
        .execute(tx.conn())
        .await?;
    Ok(Some(stay))
}

pub(super) async fn stays(tx: &mut Tx, meeting: MeetingId) -> Result<Vec<StayView>, StoreError> {
    let sql = format!(
        "SELECT identity, name, joined_at, left_at FROM meeting_stays WHERE meeting = $1 ORDER BY joined_at LIMIT {STAYS_MAX}"
    );
    let rows = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(meeting.to_string()).fetch_all(tx.conn()).await?;
    rows.iter().map(stay_of).collect()
}

/// Meetings and sessions that are open.
pub(super) async fn open_stays(tx: &mut Tx) -> Result<Vec<(MeetingId, String)>, StoreError> {
    let rows = sqlx::query("SELECT meeting, sid FROM meeting_stays WHERE left_at IS NULL").fetch_all(tx.conn()).await?;
    rows.iter().map(|r| Ok((read(&r.try_get::<String, _>(0)?)?, r.try_get(1)?))).collect()
}

fn meeting_of(row: &AnyRow) -> Result<MeetingRow, StoreError> {
    let orgs: String = row.try_get(4)?;
    let document: String = row.try_get(10)?;
    Ok(MeetingRow {
        id: read(&row.try_get::<String, _>(0)?)?,
        title: row.try_get(1)?,
        case: row.try_get::<Option<String>, _>(2)?.as_deref().map(read).transpose()?,
        host: OrgPath::from_stored(row.try_get::<String, _>(3)?),
        orgs: read_orgs_column(&orgs),
        held_by: row.try_get::<Option<String>, _>(5)?.as_deref().map(read).transpose()?,
        held_by_name: row.try_get(6)?,
        created_at: Timestamp(row.try_get(7)?),
        started_at: row.try_get::<Option<i64>, _>(8)?.map(Timestamp),
        ended_at: row.try_get::<Option<i64>, _>(9)?.map(Timestamp),
        invited: read_json(&document)?,
    })
}

fn stay_of(row: &AnyRow) -> Result<StayView, StoreError> {
    Ok(StayView {
        identity: row.try_get(0)?,
        name: row.try_get(1)?,
        joined_at: Timestamp(row.try_get(2)?),
        left_at: row.try_get::<Option<i64>, _>(3)?.map(Timestamp),
    })
}

fn read<T: std::str::FromStr>(text: &str) -> Result<T, StoreError> {
    read_id(text, "an id of a meeting")
}
