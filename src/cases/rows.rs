//! The SQL of cases: the projection that a step writes, single rows, and lists in `list`.

pub(super) mod list;
pub(super) mod news;

use std::fmt::Write;

use sqlx::any::{Any, AnyArguments, AnyRow};
use sqlx::query::Query;
use sqlx::{AnyConnection, AnyPool, Executor, Row};

use super::clocks::HolidayYear;
use super::engine::sensitivity;
use super::model::{Case, is_open};
use crate::access::orgs_column;
use crate::events::cases::{CaseEvent, Clock, ClockChange, ItemChange, Linked, WorkItem};
use crate::ids::{CaseId, ClockId, Timestamp, WorkItemId};
use crate::store::{Condition, StoreError, Tx};

/// A case as its row has it.
pub(super) struct Stored {
    pub(super) case: Case,
    /// The query code, sealed under the key of the case's owner.
    pub(super) code_sealed: String,
}

/// A party's sealed texts; empty where nothing is known.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct PartyRow {
    pub(super) owner: String,
    pub(super) name: String,
    pub(super) phone: String,
    pub(super) phone_index: String,
}

/// Cases of a telephone number for which a condition (placeholders from `$2`) holds, open ones first, newest first.
pub(super) async fn of_phone(
    pool: &AnyPool,
    index: &str,
    condition: &str,
    binds: Vec<String>,
    limit: i64,
) -> Result<Vec<Case>, StoreError> {
    let of_phone =
        Condition::new(format!("p.phone_index = $1 AND {condition}"), [index.to_owned()].into_iter().chain(binds));
    let tail = format!("ORDER BY c.ended, c.id DESC LIMIT {limit}");
    let head = "SELECT c.doc FROM case_parties p JOIN cases c ON c.id = p.case_id";
    docs(&of_phone.query(head, &tail).fetch_all(pool).await?)
}

fn docs(rows: &[AnyRow]) -> Result<Vec<Case>, StoreError> {
    rows.iter().map(|r| read_doc(&r.try_get::<String, _>(0)?)).collect()
}

/// Reads a case by its id.
pub(super) async fn load(conn: &mut AnyConnection, id: CaseId) -> Result<Option<Stored>, StoreError> {
    let row = sqlx::query("SELECT doc, query_code FROM cases WHERE id = $1")
        .bind(id.to_string())
        .fetch_optional(conn)
        .await?;
    row.as_ref().map(stored).transpose()
}

/// Reads a case by its public number.
pub(super) async fn load_by_no(conn: &mut AnyConnection, public_no: &str) -> Result<Option<Stored>, StoreError> {
    let row = sqlx::query("SELECT doc, query_code FROM cases WHERE public_no = $1")
        .bind(public_no)
        .fetch_optional(conn)
        .await?;
    row.as_ref().map(stored).transpose()
}

/// Reads the case that a client key made.
pub(super) async fn load_by_key(conn: &mut AnyConnection, key: &str) -> Result<Option<Stored>, StoreError> {
    let row =
        sqlx::query("SELECT doc, query_code FROM cases WHERE client_key = $1").bind(key).fetch_optional(conn).await?;
    row.as_ref().map(stored).transpose()
}

fn stored(row: &AnyRow) -> Result<Stored, StoreError> {
    Ok(Stored { case: read_doc(&row.try_get::<String, _>(0)?)?, code_sealed: row.try_get(1)? })
}

/// A state from its JSON.
fn read_doc(doc: &str) -> Result<Case, StoreError> {
    serde_json::from_str(doc).map_err(|e| StoreError::Damaged(format!("a case's document: {e}")))
}

fn write_doc(value: &impl serde::Serialize) -> Result<String, StoreError> {
    serde_json::to_string(value).map_err(|e| StoreError::Damaged(e.to_string()))
}

const COLUMNS: [&str; 26] = [
    "version",
    "node",
    "step",
    "ended",
    "round",
    "channel",
    "nature",
    "class_code",
    "urgency",
    "orgs",
    "owner",
    "secrecy",
    "title",
    "card",
    "overlays",
    "returns",
    "urges",
    "lead_unit",
    "due_at",
    "next_rung_at",
    "reported_at",
    "updated_at",
    "closed_at",
    "doc",
    "id",
    "public_no",
];
/// Columns that an update sets; the two after them never change.
const UPDATED: usize = 24;

/// Inserts a new case.
pub(super) async fn insert(
    tx: &mut Tx,
    case: &Case,
    code_sealed: &str,
    client_key: Option<&str>,
) -> Result<(), StoreError> {
    static SQL: std::sync::LazyLock<String> = std::sync::LazyLock::new(|| {
        let marks = (1..=COLUMNS.len() + 2).map(|i| format!("${i}")).collect::<Vec<_>>().join(",");
        format!("INSERT INTO cases ({}, query_code, client_key) VALUES ({marks})", COLUMNS.join(","))
    });
    bind_case(&SQL, case)?.bind(code_sealed.to_owned()).bind(client_key.map(str::to_owned)).execute(tx.conn()).await?;
    Ok(())
}

/// Writes a case back.
pub(super) async fn update(tx: &mut Tx, case: &Case) -> Result<(), StoreError> {
    static SQL: std::sync::LazyLock<String> = std::sync::LazyLock::new(|| {
        let sets = COLUMNS[..UPDATED]
            .iter()
            .enumerate()
            .map(|(i, c)| format!("{c} = ${}", i + 1))
            .collect::<Vec<_>>()
            .join(",");
        format!("UPDATE cases SET {sets} WHERE id = ${} AND public_no = ${}", UPDATED + 1, UPDATED + 2)
    });
    bind_case(&SQL, case)?.execute(tx.conn()).await?;
    Ok(())
}

fn bind_case<'q>(sql: &'q str, case: &Case) -> Result<Query<'q, Any, AnyArguments>, StoreError> {
    let overlays: String = case.overlays.iter().fold("|".into(), |s: String, o| s + o.as_str() + "|");
    Ok(sqlx::query(sqlx::AssertSqlSafe(sql))
        .bind(case.version)
        .bind(case.node.clone())
        .bind(i64::from(case.step))
        .bind(i64::from(case.end))
        .bind(i64::from(case.round))
        .bind(case.channel.as_str())
        .bind(case.nature.as_str())
        .bind(case.class_code.clone())
        .bind(case.urgency.as_str())
        .bind(orgs_column(&case.orgs()))
        .bind(case.collected_by.map(|p| p.to_string()).unwrap_or_default())
        .bind(sensitivity(case.secrecy).rank())
        .bind(case.title.clone())
        .bind(case.card().as_str())
        .bind(overlays)
        .bind(i64::from(case.returns))
        .bind(i64::from(case.urges))
        .bind(case.lead().map(|l| l.unit.id.to_string()).unwrap_or_default())
        .bind(case.due_at().map(|t| t.0))
        .bind(case.next_rung_at().map(|t| t.0))
        .bind(case.reported_at.0)
        .bind(case.updated_at.0)
        .bind(case.closed_at.map(|t| t.0))
        .bind(write_doc(case)?)
        .bind(case.id.to_string())
        .bind(case.public_no.clone()))
}

/// Writes the rows that `event` touched, `case` being the state after it. At most one statement for each table.
pub(super) async fn project(tx: &mut Tx, case: &Case, event: &CaseEvent) -> Result<(), StoreError> {
    let change = event.change();
    let items: Vec<WorkItemId> = change
        .items
        .iter()
        .map(|c| match c {
            ItemChange::Opened { item } => item.id,
            ItemChange::Became { id, .. } => *id,
        })
        .collect();
    let mut clocks: Vec<ClockId> = change.clocks.iter().map(clock_of).collect();
    match event {
        CaseEvent::RungReached(s) => clocks.push(s.facts.clock),
        CaseEvent::DeadlineMoved(s) => clocks.push(s.facts.clock),
        _ => {}
    }
    let items: Vec<&WorkItem> = case.items.iter().filter(|i| items.contains(&i.id)).collect();
    let clocks: Vec<&Clock> = case.clocks.iter().filter(|c| clocks.contains(&c.id)).collect();
    upsert_items(tx, case.id, &items).await?;
    upsert_clocks(tx, case.id, &clocks).await?;
    match event {
        CaseEvent::Captured(_) => insert_subjects(tx, case).await,
        CaseEvent::Linked(s) => insert_link(tx, case, &s.facts).await,
        CaseEvent::Supplemented(_) | CaseEvent::FedBack(_) | CaseEvent::CoFedBack(_) => {
            insert_attachments(tx, case).await
        }
        _ => Ok(()),
    }
}

fn clock_of(change: &ClockChange) -> ClockId {
    match change {
        ClockChange::Started { clock } => clock.id,
        ClockChange::Paused { id, .. }
        | ClockChange::Resumed { id, .. }
        | ClockChange::Rebudgeted { id, .. }
        | ClockChange::Ended { id, .. } => *id,
    }
}

/// `INSERT … VALUES (…),(…) ON CONFLICT (id) DO UPDATE` for `rows` rows of `columns`, the first of which is the id.
fn upsert_sql(table: &str, columns: &[&str], rows: usize) -> String {
    let mut sql = format!("INSERT INTO {table} ({}) VALUES ", columns.join(","));
    for row in 0..rows {
        let marks = (1..=columns.len()).map(|c| format!("${}", row * columns.len() + c)).collect::<Vec<_>>().join(",");
        let _ = write!(sql, "{}({marks})", if row == 0 { "" } else { "," });
    }
    let sets = columns[1..].iter().map(|c| format!("{c} = excluded.{c}")).collect::<Vec<_>>().join(",");
    let _ = write!(sql, " ON CONFLICT (id) DO UPDATE SET {sets}");
    sql
}

async fn upsert_items(tx: &mut Tx, case: CaseId, items: &[&WorkItem]) -> Result<(), StoreError> {
    const COLUMNS: [&str; 14] = [
        "id",
        "case_id",
        "kind",
        "state",
        "is_open",
        "unit_id",
        "orgs",
        "sender_id",
        "parent",
        "round",
        "offered_at",
        "signed_at",
        "signed_by",
        "ended_at",
    ];
    if items.is_empty() {
        return Ok(());
    }
    let sql = upsert_sql("case_work_items", &COLUMNS, items.len());
    let mut query = sqlx::query(sqlx::AssertSqlSafe(sql));
    for item in items {
        query = query
            .bind(item.id.to_string())
            .bind(case.to_string())
            .bind(item.kind.as_str())
            .bind(item.state.as_str())
            .bind(i64::from(is_open(item)))
            .bind(item.unit.id.to_string())
            .bind(orgs_column(std::slice::from_ref(&item.unit.path)))
            .bind(item.sender.id.to_string())
            .bind(item.parent.map(|p| p.to_string()).unwrap_or_default())
            .bind(i64::from(item.round))
            .bind(item.offered_at.0)
            .bind(item.signed_at.map(|t| t.0))
            .bind(item.signed_by.as_ref().and_then(|b| b.person).map(|p| p.to_string()).unwrap_or_default())
            .bind(item.ended_at.map(|t| t.0));
    }
    query.execute(tx.conn()).await?;
    Ok(())
}

async fn upsert_clocks(tx: &mut Tx, case: CaseId, clocks: &[&Clock]) -> Result<(), StoreError> {
    const COLUMNS: [&str; 18] = [
        "id",
        "case_id",
        "kind",
        "item",
        "round",
        "amount",
        "unit",
        "start_rule",
        "calendar",
        "calendar_version",
        "segments",
        "due_at",
        "provisional",
        "next_rung_at",
        "epoch",
        "started_at",
        "ended_at",
        "outcome",
    ];
    if clocks.is_empty() {
        return Ok(());
    }
    let sql = upsert_sql("case_clocks", &COLUMNS, clocks.len());
    let mut query = sqlx::query(sqlx::AssertSqlSafe(sql));
    for clock in clocks {
        query = query
            .bind(clock.id.to_string())
            .bind(case.to_string())
            .bind(clock.kind.as_str())
            .bind(clock.item.map(|i| i.to_string()).unwrap_or_default())
            .bind(i64::from(clock.round))
            .bind(i64::from(clock.budget.amount))
            .bind(clock.budget.unit.as_str())
            .bind(clock.start_rule.as_str())
            .bind(clock.calendar.clone())
            .bind(clock.calendar_version.clone())
            .bind(write_doc(&clock.segments)?)
            .bind(clock.due_at.map(|t| t.0))
            .bind(i64::from(clock.provisional))
            .bind(clock.next_rung_at.map(|t| t.0))
            .bind(i64::from(clock.epoch))
            .bind(clock.segments.first().map_or(0, |s| s.from.0))
            .bind(clock.ended_at.map(|t| t.0))
            .bind(clock.outcome.map_or("", |o| o.as_str()));
    }
    query.execute(tx.conn()).await?;
    Ok(())
}

async fn insert_subjects(tx: &mut Tx, case: &Case) -> Result<(), StoreError> {
    for contact in &case.subjects {
        insert_subject(tx, case.id, &contact.subject.to_string(), contact.role.as_str(), contact.at).await?;
    }
    Ok(())
}

async fn insert_subject(tx: &mut Tx, case: CaseId, subject: &str, role: &str, at: Timestamp) -> Result<(), StoreError> {
    sqlx::query("INSERT INTO case_subjects (case_id, subject, role, at) VALUES ($1,$2,$3,$4) ON CONFLICT (case_id, subject) DO NOTHING")
        .bind(case.to_string())
        .bind(subject.to_owned())
        .bind(role.to_owned())
        .bind(at.0)
        .execute(tx.conn())
        .await?;
    Ok(())
}

async fn insert_link(tx: &mut Tx, case: &Case, linked: &Linked) -> Result<(), StoreError> {
    match linked {
        Linked::Subject { subject, role } => {
            insert_subject(tx, case.id, &subject.to_string(), role.as_str(), case.updated_at).await
        }
        Linked::Case { case_id, relation, .. } => {
            sqlx::query("INSERT INTO case_links (case_id, other, relation, at) VALUES ($1,$2,$3,$4) ON CONFLICT (case_id, other) DO NOTHING")
                .bind(case.id.to_string())
                .bind(case_id.to_string())
                .bind(relation.as_str())
                .bind(case.updated_at.0)
                .execute(tx.conn())
                .await?;
            Ok(())
        }
    }
}

async fn insert_attachments(tx: &mut Tx, case: &Case) -> Result<(), StoreError> {
    for file in &case.attachments {
        sqlx::query(
            "INSERT INTO case_attachments (case_id, sha256, name, media_type, bytes, visible_to, at) VALUES ($1,$2,$3,$4,$5,$6,$7) \
             ON CONFLICT (case_id, sha256) DO NOTHING",
        )
        .bind(case.id.to_string())
        .bind(file.sha256.clone())
        .bind(file.name.clone())
        .bind(file.media_type.clone())
        .bind(i64::try_from(file.bytes).unwrap_or(i64::MAX))
        .bind(file.visible_to.as_str())
        .bind(case.updated_at.0)
        .execute(tx.conn())
        .await?;
    }
    Ok(())
}

/// Claims a rung; `false` if it was told before.
pub(super) async fn claim_rung(
    tx: &mut Tx,
    case: CaseId,
    clock: ClockId,
    rung: u16,
    epoch: u32,
    at: Timestamp,
) -> Result<bool, StoreError> {
    let now = tx.now().0;
    let done = sqlx::query(
        "INSERT INTO case_rungs (clock_id, rung, epoch, case_id, reached_at, told_at) VALUES ($1,$2,$3,$4,$5,$6) \
         ON CONFLICT (clock_id, rung, epoch) DO NOTHING",
    )
    .bind(clock.to_string())
    .bind(i64::from(rung))
    .bind(i64::from(epoch))
    .bind(case.to_string())
    .bind(at.0)
    .bind(now)
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Writes the requester's sealed texts; empty ones leave what is there.
pub(super) async fn put_requester(tx: &mut Tx, case: CaseId, party: &PartyRow) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO case_parties (case_id, role, owner, name, phone, phone_index) VALUES ($1,'requester',$2,$3,$4,$5) \
         ON CONFLICT (case_id, role) DO UPDATE SET owner = excluded.owner, name = excluded.name, phone = excluded.phone, \
         phone_index = excluded.phone_index",
    )
    .bind(case.to_string())
    .bind(party.owner.clone())
    .bind(party.name.clone())
    .bind(party.phone.clone())
    .bind(party.phone_index.clone())
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// The requester's sealed texts.
pub(super) async fn requester(conn: &mut AnyConnection, case: CaseId) -> Result<Option<PartyRow>, StoreError> {
    let row = sqlx::query(
        "SELECT owner, name, phone, phone_index FROM case_parties WHERE case_id = $1 AND role = 'requester'",
    )
    .bind(case.to_string())
    .fetch_optional(conn)
    .await?;
    row.map(|r| {
        Ok(PartyRow { owner: r.try_get(0)?, name: r.try_get(1)?, phone: r.try_get(2)?, phone_index: r.try_get(3)? })
    })
    .transpose()
}

/// Takes the next serial of `day`, beginning at `first`.
pub(super) async fn next_serial(tx: &mut Tx, day: &str, first: u32) -> Result<i64, StoreError> {
    let row = sqlx::query(
        "INSERT INTO case_numbers (day, next) VALUES ($1, $2) ON CONFLICT (day) DO UPDATE SET next = case_numbers.next + 1 RETURNING next",
    )
    .bind(day.to_owned())
    .bind(i64::from(first) + 1)
    .fetch_one(tx.conn())
    .await?;
    Ok(row.try_get::<i64, _>(0)? - 1)
}

/// The case ids that a subject is linked to, newest first.
pub(super) async fn cases_of_subject(conn: &mut AnyConnection, subject: &str) -> Result<Vec<String>, StoreError> {
    let rows = sqlx::query("SELECT case_id FROM case_subjects WHERE subject = $1 ORDER BY case_id DESC LIMIT 20")
        .bind(subject.to_owned())
        .fetch_all(conn)
        .await?;
    rows.iter().map(|r| Ok(r.try_get(0)?)).collect()
}

/// Ids of cases whose clocks were projected by another version of `calendar`, after `after`, in order.
pub(super) async fn outdated(
    tx: &mut Tx,
    calendar: &str,
    version: &str,
    after: &str,
    limit: i64,
) -> Result<Vec<String>, StoreError> {
    let rows = sqlx::query(
        "SELECT DISTINCT case_id FROM case_clocks WHERE outcome = '' AND calendar = $1 AND calendar_version <> $2 AND case_id > $3 \
         ORDER BY case_id LIMIT $4",
    )
    .bind(calendar.to_owned())
    .bind(version.to_owned())
    .bind(after.to_owned())
    .bind(limit)
    .fetch_all(tx.conn())
    .await?;
    rows.iter().map(|r| Ok(r.try_get(0)?)).collect()
}

/// Keeps a flow's text under its version.
pub(super) async fn put_flow(tx: &mut Tx, version: &str, flow: &str, text: &str) -> Result<(), StoreError> {
    let now = tx.now().0;
    sqlx::query(
        "INSERT INTO case_flows (version, flow, text, stored_at) VALUES ($1,$2,$3,$4) ON CONFLICT (version) DO NOTHING",
    )
    .bind(version.to_owned())
    .bind(flow.to_owned())
    .bind(text.to_owned())
    .bind(now)
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Every flow text that is kept.
pub(super) async fn flows<'e>(on: impl Executor<'e, Database = Any>) -> Result<Vec<String>, StoreError> {
    let rows = sqlx::query("SELECT text FROM case_flows ORDER BY stored_at").fetch_all(on).await?;
    rows.iter().map(|r| Ok(r.try_get(0)?)).collect()
}

/// Keeps an imported holiday list.
pub(super) async fn put_holidays(tx: &mut Tx, year: &HolidayYear) -> Result<(), StoreError> {
    let now = tx.now().0;
    sqlx::query(
        "INSERT INTO case_holidays (year, doc, imported_at) VALUES ($1,$2,$3) \
         ON CONFLICT (year) DO UPDATE SET doc = excluded.doc, imported_at = excluded.imported_at",
    )
    .bind(i64::from(year.year))
    .bind(write_doc(year)?)
    .bind(now)
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Every imported holiday list.
pub(super) async fn holidays<'e>(on: impl Executor<'e, Database = Any>) -> Result<Vec<HolidayYear>, StoreError> {
    let rows = sqlx::query("SELECT doc FROM case_holidays ORDER BY year").fetch_all(on).await?;
    let read =
        |doc: String| serde_json::from_str(&doc).map_err(|e| StoreError::Damaged(format!("a holiday list: {e}")));
    rows.iter().map(|r| read(r.try_get(0)?)).collect()
}

/// Wrong query codes so far, and until when the number answers nobody.
pub(super) async fn track(conn: &mut AnyConnection, public_no: &str) -> Result<(i64, Timestamp), StoreError> {
    let row = sqlx::query("SELECT fails, until_at FROM case_track WHERE public_no = $1")
        .bind(public_no)
        .fetch_optional(conn)
        .await?;
    row.map_or(Ok((0, Timestamp(0))), |r| Ok((r.try_get(0)?, Timestamp(r.try_get(1)?))))
}

/// Writes both.
pub(super) async fn put_track(tx: &mut Tx, public_no: &str, fails: i64, until: Timestamp) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO case_track (public_no, fails, until_at) VALUES ($1,$2,$3) \
         ON CONFLICT (public_no) DO UPDATE SET fails = excluded.fails, until_at = excluded.until_at",
    )
    .bind(public_no.to_owned())
    .bind(fails)
    .bind(until.0)
    .execute(tx.conn())
    .await?;
    Ok(())
}
