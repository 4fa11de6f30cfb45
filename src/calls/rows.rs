//! The SQL of calls.

pub(super) mod live;

use std::sync::atomic::{AtomicU64, Ordering};

use liandong_dialplans::QueueName;
use sqlx::any::AnyRow;
use sqlx::{AnyConnection, AnyPool, Row};

use super::edge::{BindingChange, StoredBinding};
use super::queue::figures::{CallFact, Outcome};
use super::switch::{Entry, state_of};
use super::views::CallFilter;
use crate::access::{Predicate, orgs_column};
use crate::events::Personal;
use crate::events::calls::{CallsEvent, Direction};
use crate::ids::{CallId, OrgPath, PersonId, Timestamp};
use crate::log::Vault;
use crate::store::{Condition, StoreError, Tx};

/// Facts in one look at the past: more than the biggest city's day (`facts/calls.md` §3).
const FACTS_MAX: i64 = 200_000;
/// Calls taken up after a kill.
const INTERRUPTED_MAX: i64 = 20_000;

/// A call as it lies in the table.
#[derive(Debug, Clone)]
pub(super) struct CallRow {
    pub(super) id: CallId,
    pub(super) direction: String,
    pub(super) state: String,
    pub(super) peer: Option<String>,
    pub(super) peer_sealed: Option<String>,
    pub(super) name_sealed: Option<String>,
    pub(super) line: String,
    pub(super) area: Option<String>,
    pub(super) queue: Option<String>,
    pub(super) queue_title: Option<String>,
    pub(super) agent: Option<PersonId>,
    pub(super) agent_name: Option<String>,
    pub(super) orgs: Vec<OrgPath>,
    pub(super) cases: Vec<String>,
    pub(super) case_no: Option<String>,
    pub(super) started_at: Timestamp,
    pub(super) queued_at: Option<Timestamp>,
    pub(super) answered_at: Option<Timestamp>,
    pub(super) ended_at: Option<Timestamp>,
    pub(super) changed_at: Timestamp,
    pub(super) wait_ms: Option<i64>,
    pub(super) talk_ms: Option<i64>,
    pub(super) outcome: Option<String>,
    pub(super) ended_by: Option<String>,
    pub(super) cause: Option<String>,
    pub(super) recording_path: Option<String>,
    pub(super) recording_state: Option<String>,
    pub(super) recording_ms: Option<i64>,
    /// All agents who served it.
    pub(super) agents: Vec<String>,
    pub(super) wrap_code: Option<String>,
    pub(super) wrap_name: Option<String>,
    pub(super) wrap_note_sealed: Option<String>,
}

const COLUMNS: &str = "id, direction, state, peer, peer_sealed, name_sealed, line, area, queue, queue_title, agent, agent_name, \
     orgs, cases, case_no, started_at, queued_at, answered_at, ended_at, changed_at, wait_ms, talk_ms, outcome, ended_by, cause, \
     recording_path, recording_state, recording_ms, agents, wrap_code, wrap_name, wrap_note_sealed";

fn read(row: &AnyRow) -> Result<CallRow, StoreError> {
    let text = |n: usize| Ok::<Option<String>, StoreError>(row.try_get(n)?);
    let must = |n: usize| Ok::<String, StoreError>(row.try_get(n)?);
    let time = |n: usize| Ok::<_, StoreError>(row.try_get::<Option<i64>, _>(n)?.map(Timestamp));
    let number = |n: usize| Ok::<Option<i64>, StoreError>(row.try_get(n)?);
    let list = |n: usize| Ok::<Vec<String>, StoreError>(split(&must(n)?));
    Ok(CallRow {
        id: must(0)?.parse().map_err(|_| StoreError::Damaged("a call's id".into()))?,
        direction: must(1)?,
        state: must(2)?,
        peer: text(3)?,
        peer_sealed: text(4)?,
        name_sealed: text(5)?,
        line: must(6)?,
        area: text(7)?,
        queue: text(8)?,
        queue_title: text(9)?,
        agent: text(10)?.and_then(|a| a.parse().ok()),
        agent_name: text(11)?,
        orgs: list(12)?.into_iter().map(OrgPath::from_stored).collect(),
        cases: list(13)?,
        case_no: text(14)?,
        started_at: Timestamp(row.try_get(15)?),
        queued_at: time(16)?,
        answered_at: time(17)?,
        ended_at: time(18)?,
        changed_at: Timestamp(row.try_get(19)?),
        wait_ms: number(20)?,
        talk_ms: number(21)?,
        outcome: text(22)?,
        ended_by: text(23)?,
        cause: text(24)?,
        recording_path: text(25)?,
        recording_state: text(26)?,
        recording_ms: number(27)?,
        agents: list(28)?,
        wrap_code: text(29)?,
        wrap_name: text(30)?,
        wrap_note_sealed: text(31)?,
    })
}

/// The parts of `|a|b|`.
fn split(joined: &str) -> Vec<String> {
    joined.split('|').filter(|part| !part.is_empty()).map(str::to_owned).collect()
}

/// Counts commits that changed the table. One for the process: of another hub's (in tests) it is only too careful.
static CHANGES: AtomicU64 = AtomicU64::new(0);

/// How many changes there were: asked before reading what will be remembered.
pub(super) fn changes() -> u64 {
    CHANGES.load(Ordering::Acquire)
}

/// Carries an event into the table.
pub(super) async fn project(tx: &mut Tx, vault: &Vault, entry: &Entry, orgs: &[OrgPath]) -> Result<(), StoreError> {
    if let CallsEvent::AgentState { agent, state, reason, call } = &entry.event {
        if let Some(state) = state_of(state, reason.as_deref(), *call) {
            live::put_agent_state(tx, *agent, &state, entry.at).await?;
        }
        return Ok(());
    }
    let Some(call) = entry.call else { return Ok(()) };
    tx.after_commit(|| {
        CHANGES.fetch_add(1, Ordering::AcqRel);
    });
    if let CallsEvent::Offered { .. } = entry.event {
        return insert(tx, vault, call, entry, orgs).await;
    }
    let mut change = Change::new(entry.at);
    change.fill(&entry.event, entry.at);
    if let CallsEvent::WrappedUp { note, .. } = &entry.event {
        change.set("wrap_note_sealed", Value::Text(seal(tx, vault, note.as_ref()).await?));
    }
    if !orgs.is_empty() {
        change.set("orgs", Value::Text(Some(orgs_column(orgs))));
    }
    change.run(tx, call).await
}

async fn insert(tx: &mut Tx, vault: &Vault, call: CallId, entry: &Entry, orgs: &[OrgPath]) -> Result<(), StoreError> {
    let CallsEvent::Offered { direction, from, name, line, trunk, area, agent, plan_version } = &entry.event else {
        return Ok(());
    };
    let direction = match direction {
        Direction::In => "in",
        Direction::Out => "out",
        Direction::Internal => "internal",
    };
    let peer = from.as_ref().and_then(|f| f.owner.strip_prefix("phone:")).map(str::to_owned);
    let peer_sealed = seal(tx, vault, from.as_ref()).await?;
    let name_sealed = match peer {
        // A name that came without a number has no owner whose key could open it again.
        Some(_) => seal(tx, vault, name.as_ref()).await?,
        None => None,
    };
    let agent = agent.map(|a| a.to_string());
    sqlx::query(
        "INSERT INTO calls (id, direction, state, peer, peer_sealed, name_sealed, line, trunk, area, plan_version, agent, \
         agents, orgs, cases, started_at, changed_at) \
         VALUES ($1,$2,$3,$4,$5,$6,$7,$8,$9,$10,$11,$12,$13,'|',$14,$15) ON CONFLICT (id) DO NOTHING",
    )
    .bind(call.to_string())
    .bind(direction)
    .bind("ringing")
    .bind(peer)
    .bind(peer_sealed)
    .bind(name_sealed)
    .bind(line)
    .bind(trunk.clone())
    .bind(area.clone())
    .bind(plan_version.clone())
    .bind(agent.clone())
    .bind(agent.map_or_else(|| "|".to_owned(), |a| format!("|{a}|")))
    .bind(orgs_column(orgs))
    .bind(entry.at.0)
    .bind(entry.at.0)
    .execute(tx.conn())
    .await?;
    Ok(())
}

async fn seal(tx: &mut Tx, vault: &Vault, text: Option<&Personal>) -> Result<Option<String>, StoreError> {
    match text {
        Some(p) => Ok(Some(vault.seal(tx, &p.owner, &p.text).await?)),
        None => Ok(None),
    }
}

enum Value {
    Text(Option<String>),
    Number(i64),
}

/// One UPDATE in the making. Column names are this file's own.
struct Change {
    sets: Vec<String>,
    values: Vec<Value>,
}

impl Change {
    fn new(at: Timestamp) -> Self {
        let mut change = Self { sets: Vec::new(), values: Vec::new() };
        change.set("changed_at", Value::Number(at.0));
        change
    }

    fn place(&mut self, value: Value) -> String {
        self.values.push(value);
        format!("${}", self.values.len() + 1)
    }

    fn set(&mut self, column: &str, value: Value) {
        let place = self.place(value);
        self.sets.push(format!("{column} = {place}"));
    }

    fn text(&mut self, column: &str, value: impl Into<String>) {
        self.set(column, Value::Text(Some(value.into())));
    }

    /// Sets a column that keeps its first value.
    fn first(&mut self, column: &str, value: Value) {
        let place = self.place(value);
        self.sets.push(format!("{column} = COALESCE({column}, {place})"));
    }

    fn number(&mut self, column: &str, value: u64) {
        self.set(column, Value::Number(i64::try_from(value).unwrap_or(i64::MAX)));
    }

    /// Adds to a list `|a|b|`, once.
    fn add(&mut self, column: &str, item: &str) {
        let mark = format!("|{item}|");
        let (like, tail) =
            (self.place(Value::Text(Some(format!("%{mark}%")))), self.place(Value::Text(Some(format!("{item}|")))));
        self.sets.push(format!("{column} = CASE WHEN {column} LIKE {like} THEN {column} ELSE {column} || {tail} END"));
    }

    /// The state of a call that has ended stays so.
    fn state(&mut self, state: &str) {
        let place = self.place(Value::Text(Some(state.to_owned())));
        self.sets.push(format!("state = CASE WHEN state = 'ended' THEN state ELSE {place} END"));
    }

    fn fact(&mut self, fact: &str, after_ms: u64, by: Option<PersonId>) {
        self.text("fact", fact);
        self.number("fact_ms", after_ms);
        self.set("fact_by", Value::Text(by.map(|p| p.to_string())));
    }

    /// What became of a caller whom the plan had led out of the queue: he asked for a person all the same, so who answered
    /// him or that he gave up counts as in the queue.
    fn found_elsewhere(&mut self, fact: &str, at: Timestamp) {
        let (fact, at) = (self.place(Value::Text(Some(fact.to_owned()))), self.place(Value::Number(at.0)));
        let old = "fact = 'elsewhere'";
        self.sets.push(format!("fact_ms = CASE WHEN {old} THEN {at} - queued_at ELSE fact_ms END"));
        self.sets.push(format!("fact = CASE WHEN {old} THEN {fact} ELSE fact END"));
    }

    fn fill(&mut self, event: &CallsEvent, at: Timestamp) {
        match event {
            CallsEvent::Queued { queue, title, waited_ms, .. } => {
                self.state("queued");
                self.text("queue", queue);
                self.text("queue_title", title);
                self.first("first_queue", Value::Text(Some(queue.clone())));
                let asked = at.0.saturating_sub(i64::try_from(*waited_ms).unwrap_or(0));
                self.first("queued_at", Value::Number(asked));
                self.text("fact", "waiting");
            }
            CallsEvent::QueueMoved { to, title, .. } => {
                self.text("queue", to);
                self.text("queue_title", title);
            }
            CallsEvent::QueueAlerting { .. } => self.state("ringing"),
            CallsEvent::QueueReturned { .. } => self.state("queued"),
            CallsEvent::QueueAnswered { agent, waited_ms, .. } => self.fact("answered", *waited_ms, Some(*agent)),
            CallsEvent::QueueLeft { why, waited_ms, .. } => {
                let fact = if why == "abandoned" { "abandoned" } else { "elsewhere" };
                self.fact(fact, *waited_ms, None);
            }
            CallsEvent::Answered { party, wait_ms, .. } => {
                self.state("talking");
                self.first("answered_at", Value::Number(at.0));
                self.first("wait_ms", Value::Number(i64::try_from(*wait_ms).unwrap_or(i64::MAX)));
                if let Some(agent) = party.agent {
                    self.text("agent", agent.to_string());
                    self.set("agent_name", Value::Text(party.agent_name.clone()));
                    self.add("agents", &agent.to_string());
                }
                self.found_elsewhere("answered", at);
            }
            CallsEvent::Held(_) => self.state("held"),
            CallsEvent::Resumed(_) => self.state("talking"),
            CallsEvent::Recording { on: true, path } => {
                self.set("recording_path", Value::Text(path.clone()));
                self.text("recording_state", "running");
            }
            CallsEvent::Recorded { path, length_ms, gaps } => {
                self.text("recording_path", path);
                self.text("recording_state", if gaps.is_empty() { "complete" } else { "gaps" });
                self.number("recording_ms", *length_ms);
            }
            CallsEvent::RecordingFailed { .. } => self.text("recording_state", "failed"),
            CallsEvent::Linked { case_id, public_no } => {
                self.add("cases", &case_id.to_string());
                if public_no.is_some() {
                    self.set("case_no", Value::Text(public_no.clone()));
                }
            }
            CallsEvent::WrappedUp { code, name, .. } => {
                self.text("wrap_code", code);
                self.text("wrap_name", name);
            }
            CallsEvent::Ended { outcome, by, cause, talk_ms, .. } => {
                self.text("state", "ended");
                self.set("ended_at", Value::Number(at.0));
                self.text("outcome", outcome);
                self.text("ended_by", by);
                self.text("cause", cause);
                self.number("talk_ms", *talk_ms);
                if outcome == "abandoned" {
                    self.found_elsewhere("abandoned", at);
                }
            }
            _ => {}
        }
    }

    async fn run(self, tx: &mut Tx, call: CallId) -> Result<(), StoreError> {
        let sql = format!("UPDATE calls SET {} WHERE id = $1", self.sets.join(", "));
        let mut query = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(call.to_string());
        for value in self.values {
            query = match value {
                Value::Text(text) => query.bind(text),
                Value::Number(number) => query.bind(number),
            };
        }
        query.execute(tx.conn()).await?;
        Ok(())
    }
}

/// Who may see a call that has ended.
pub(super) async fn orgs_of(tx: &mut Tx, call: CallId) -> Result<Vec<OrgPath>, StoreError> {
    let row =
        sqlx::query("SELECT orgs FROM calls WHERE id = $1").bind(call.to_string()).fetch_optional(tx.conn()).await?;
    let joined: String = row.map(|r| r.try_get(0)).transpose()?.unwrap_or_default();
    Ok(split(&joined).into_iter().map(OrgPath::from_stored).collect())
}

/// One call.
pub(super) async fn call(conn: &mut AnyConnection, id: CallId) -> Result<Option<CallRow>, StoreError> {
    let sql = format!("SELECT {COLUMNS} FROM calls WHERE id = $1");
    let row = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(id.to_string()).fetch_optional(conn).await?;
    row.as_ref().map(read).transpose()
}

/// Calls that were up when the hub was killed.
pub(super) async fn interrupted(conn: &mut AnyConnection) -> Result<Vec<CallRow>, StoreError> {
    let sql = format!("SELECT {COLUMNS} FROM calls WHERE state <> 'ended' ORDER BY started_at LIMIT {INTERRUPTED_MAX}");
    sqlx::query(sqlx::AssertSqlSafe(sql)).fetch_all(conn).await?.iter().map(read).collect()
}

/// A list's conditions in the making.
struct Conditions {
    sql: Vec<String>,
    binds: Vec<String>,
}

impl Conditions {
    fn of(visible: &Predicate) -> Self {
        Self { sql: vec![visible.sql.clone()], binds: visible.binds.clone() }
    }

    /// `condition` with `{}` for the place of `bind`.
    fn and(&mut self, condition: &str, bind: Option<String>) {
        let Some(bind) = bind else { return };
        self.binds.push(bind);
        self.sql.push(condition.replace("{}", &format!("${}", self.binds.len())));
    }
}

/// Calls that match, newest first.
pub(super) async fn list(
    pool: &AnyPool,
    visible: &Predicate,
    filter: &CallFilter,
    peer: Option<String>,
    limit: i64,
) -> Result<Vec<CallRow>, StoreError> {
    let mut c = Conditions::of(visible);
    c.and("direction = {}", filter.direction.clone());
    c.and("state = {}", filter.state.clone());
    c.and("outcome = {}", filter.outcome.clone());
    c.and("(queue = {} OR first_queue = {})", filter.queue.clone());
    c.and("agents LIKE {}", filter.agent.map(|a| format!("%|{a}|%")));
    c.and("cases LIKE {}", filter.case.map(|a| format!("%|{a}|%")));
    c.and("peer = {}", peer);
    c.and("started_at >= CAST({} AS BIGINT)", filter.from.map(|t| t.0.to_string()));
    c.and("started_at < CAST({} AS BIGINT)", filter.to.map(|t| t.0.to_string()));
    c.and("id < {}", filter.before.map(|id| id.to_string()));
    if filter.recorded {
        c.sql.push("recording_path IS NOT NULL".into());
    }
    let sql = format!("SELECT {COLUMNS} FROM calls WHERE {} ORDER BY id DESC LIMIT {limit}", c.sql.join(" AND "));
    let mut query = sqlx::query(sqlx::AssertSqlSafe(sql));
    for bind in c.binds {
        query = query.bind(bind);
    }
    query.fetch_all(pool).await?.iter().map(read).collect()
}

/// An agent's answered calls since `from`: how many, and their talk together in milliseconds.
pub(super) async fn served_by(pool: &AnyPool, agent: PersonId, from: Timestamp) -> Result<(i64, i64), StoreError> {
    let row = sqlx::query(
        "SELECT COUNT(*), CAST(COALESCE(SUM(talk_ms), 0) AS BIGINT) FROM calls \
         WHERE agents LIKE $1 AND started_at >= $2 AND answered_at IS NOT NULL",
    )
    .bind(format!("%|{agent}|%"))
    .bind(from.0)
    .fetch_one(pool)
    .await?;
    Ok((row.try_get(0)?, row.try_get(1)?))
}

/// Callers who reached nobody since `from`, newest first, but not those who were spoken with later, or have called again
/// and wait, or whose later call stands in this list itself. Withheld numbers cannot be called back.
pub(super) async fn to_call_back(
    pool: &AnyPool,
    visible: &Predicate,
    from: Timestamp,
    limit: i64,
) -> Result<Vec<CallRow>, StoreError> {
    let mut condition = Condition::from(visible.clone());
    condition
        .and_when(true, "outcome IN ('missed', 'abandoned') AND direction = 'in' AND peer IS NOT NULL")
        .and("started_at >= ?", [from.0])
        .and_when(
            true,
            "NOT EXISTS (SELECT 1 FROM calls later WHERE later.peer = calls.peer AND later.started_at > calls.started_at \
             AND (later.answered_at IS NOT NULL \
             OR later.direction = 'in' AND (later.outcome IS NULL OR later.outcome IN ('missed', 'abandoned'))))",
        );
    let query =
        condition.query(&format!("SELECT {COLUMNS} FROM calls"), &format!("ORDER BY started_at DESC LIMIT {limit}"));
    query.fetch_all(pool).await?.iter().map(read).collect()
}

/// The cases of the calls begun since `from`, with the queue that each call entered first.
pub(super) async fn cases_by_queue(
    pool: &AnyPool,
    visible: &Predicate,
    from: Timestamp,
) -> Result<Vec<(QueueName, Vec<String>)>, StoreError> {
    let mut condition = Condition::from(visible.clone());
    condition.and_when(true, "first_queue IS NOT NULL AND cases <> '|'").and("started_at >= ?", [from.0]);
    let tail = format!("ORDER BY started_at DESC LIMIT {FACTS_MAX}");
    let rows = condition.query("SELECT first_queue, cases FROM calls", &tail).fetch_all(pool).await?;
    let line = |r: &AnyRow| {
        let (queue, cases): (String, String) = (r.try_get(0)?, r.try_get(1)?);
        Ok((QueueName(queue), split(&cases)))
    };
    rows.iter().map(line).collect()
}

/// The last talks of the queues, oldest first: queue and length in milliseconds. From them waits are estimated.
pub(super) async fn talks(pool: &AnyPool, from: Timestamp, limit: i64) -> Result<Vec<(QueueName, u64)>, StoreError> {
    let sql = format!(
        "SELECT queue, talk_ms FROM calls WHERE started_at >= $1 AND fact = 'answered' AND queue IS NOT NULL \
         AND talk_ms IS NOT NULL ORDER BY started_at DESC LIMIT {limit}"
    );
    let rows = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(from.0).fetch_all(pool).await?;
    let line = |r: &AnyRow| Ok((QueueName(r.try_get(0)?), u64::try_from(r.try_get::<i64, _>(1)?).unwrap_or(0)));
    rows.iter().rev().map(line).collect()
}

/// The facts of the calls whose callers asked for a person in a stretch of time: what the figures are made from.
pub(super) async fn facts(
    pool: &AnyPool,
    visible: &Predicate,
    from: Timestamp,
    to: Timestamp,
) -> Result<Vec<CallFact>, StoreError> {
    let n = visible.binds.len();
    let sql = format!(
        "SELECT id, first_queue, queued_at, fact, fact_ms, fact_by FROM calls WHERE {} AND fact IS NOT NULL \
         AND queued_at >= CAST(${} AS BIGINT) AND queued_at < CAST(${} AS BIGINT) ORDER BY queued_at LIMIT {FACTS_MAX}",
        visible.sql,
        n + 1,
        n + 2
    );
    let mut query = sqlx::query(sqlx::AssertSqlSafe(sql));
    for bind in &visible.binds {
        query = query.bind(bind);
    }
    query = query.bind(from.0.to_string()).bind(to.0.to_string());
    query.fetch_all(pool).await?.iter().map(fact).collect()
}

fn fact(row: &AnyRow) -> Result<CallFact, StoreError> {
    let id: String = row.try_get(0)?;
    let (queue, kind): (Option<String>, String) = (row.try_get(1)?, row.try_get(3)?);
    let after = u64::try_from(row.try_get::<Option<i64>, _>(4)?.unwrap_or(0)).unwrap_or(0);
    let by: Option<String> = row.try_get(5)?;
    let outcome = match kind.as_str() {
        "answered" => Outcome::Answered { after_ms: after, by: by.and_then(|p| p.parse().ok()) },
        "abandoned" => Outcome::Abandoned { after_ms: after },
        "waiting" => Outcome::Waiting,
        _ => Outcome::Elsewhere { after_ms: after },
    };
    Ok(CallFact {
        call: id.parse().map_err(|_| StoreError::Damaged("a call's id".into()))?,
        queue: QueueName(queue.unwrap_or_default()),
        asked_at: Timestamp(row.try_get::<Option<i64>, _>(2)?.unwrap_or(0)),
        outcome,
    })
}

/// Keeps an intake form as it was typed.
pub(super) async fn put_draft(tx: &mut Tx, call: CallId, person: PersonId, form: &str) -> Result<(), StoreError> {
    let now = tx.now().0;
    sqlx::query(
        "INSERT INTO call_drafts (call_id, person, form, saved_at) VALUES ($1,$2,$3,$4) \
         ON CONFLICT (call_id, person) DO UPDATE SET form = excluded.form, saved_at = excluded.saved_at",
    )
    .bind(call.to_string())
    .bind(person.to_string())
    .bind(form)
    .bind(now)
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// A kept intake form, sealed, and when it was kept.
pub(super) async fn draft(
    conn: &mut AnyConnection,
    call: CallId,
    person: PersonId,
) -> Result<Option<(String, Timestamp)>, StoreError> {
    let row = sqlx::query("SELECT form, saved_at FROM call_drafts WHERE call_id = $1 AND person = $2")
        .bind(call.to_string())
        .bind(person.to_string())
        .fetch_optional(conn)
        .await?;
    row.map(|r| Ok((r.try_get(0)?, Timestamp(r.try_get(1)?)))).transpose()
}

/// Keeps or forgets a registration.
pub(super) async fn change_binding(tx: &mut Tx, change: &BindingChange) -> Result<(), StoreError> {
    match change {
        BindingChange::Put(b) => {
            sqlx::query(
                "INSERT INTO sip_bindings (extension, contact, agent, expires_at, detail) VALUES ($1,$2,$3,$4,$5) \
                 ON CONFLICT (extension, contact) DO UPDATE SET agent = excluded.agent, expires_at = excluded.expires_at, \
                 detail = excluded.detail",
            )
            .bind(&b.extension)
            .bind(&b.contact)
            .bind(b.agent.to_string())
            .bind(b.expires.0)
            .bind(&b.detail)
            .execute(tx.conn())
            .await?;
        }
        BindingChange::Remove { extension, contact } => {
            sqlx::query("DELETE FROM sip_bindings WHERE extension = $1 AND contact = $2")
                .bind(extension)
                .bind(contact)
                .execute(tx.conn())
                .await?;
        }
        BindingChange::KeepLeg(_) | BindingChange::DropLeg { .. } => {} // in `live`
    }
    Ok(())
}

/// All kept registrations.
pub(super) async fn bindings(pool: &AnyPool) -> Result<Vec<StoredBinding>, StoreError> {
    let rows =
        sqlx::query("SELECT extension, contact, agent, expires_at, detail FROM sip_bindings").fetch_all(pool).await?;
    rows.iter()
        .map(|r| {
            let agent: String = r.try_get(2)?;
            Ok(StoredBinding {
                agent: agent.parse().map_err(|_| StoreError::Damaged("a registration's person".into()))?,
                extension: r.try_get(0)?,
                contact: r.try_get(1)?,
                expires: Timestamp(r.try_get(3)?),
                detail: r.try_get(4)?,
            })
        })
        .collect()
}
