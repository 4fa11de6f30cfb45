//! The SQL of dispatch.

use sqlx::any::AnyRow;
use sqlx::{AnyPool, Row};

use super::order::{Order, Rung};
use super::views::{OrderFilter, ResponderView};
use crate::access::{Predicate, read_orgs_column};
use crate::events::dispatch::{LadderRole, ResponderState};
use crate::ids::{OrderId, OrgPath, Point, ResponderId, Timestamp};
use crate::store::column::{json, read_id, read_json, read_word, word};
use crate::store::{Condition, StoreError, Tx};

/// Responders in one list: a whole city's crews fit on one map.
const RESPONDERS_MAX: i64 = 5_000;

/// An order with what surrounds it.
pub(super) struct OrderRow {
    pub(super) order: Order,
    pub(super) orgs: Vec<OrgPath>,
    pub(super) given_by: String,
}

pub(super) async fn insert_responder(tx: &mut Tx, r: &ResponderView) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO responders (id, name, skill, org, state, lon, lat, placed_at, answer_seconds) \
         VALUES ($1,$2,$3,$4,$5,$6,$7,$8,$9)",
    )
    .bind(r.id.to_string())
    .bind(&r.name)
    .bind(&r.skill)
    .bind(r.org.as_str())
    .bind(word(&r.state))
    .bind(r.place.map(|p| p.lon))
    .bind(r.place.map(|p| p.lat))
    .bind(r.placed_at.map(|t| t.0))
    .bind(r.answer_seconds)
    .execute(tx.conn())
    .await?;
    Ok(())
}

pub(super) async fn insert_rung(
    tx: &mut Tx,
    responder: ResponderId,
    place: i64,
    rung: &Rung,
    hours: (Option<Timestamp>, Option<Timestamp>),
) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO duty_rota (responder, place, role, name, phone, on_from, on_to) VALUES ($1,$2,$3,$4,$5,$6,$7)",
    )
    .bind(responder.to_string())
    .bind(place)
    .bind(word(&rung.role))
    .bind(&rung.name)
    .bind(&rung.phone)
    .bind(hours.0.map(|t| t.0))
    .bind(hours.1.map(|t| t.0))
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// The ladder as it stands at `at`: those on duty in order, then the chief.
pub(super) async fn ladder(tx: &mut Tx, responder: ResponderId, at: Timestamp) -> Result<Vec<Rung>, StoreError> {
    let rows = sqlx::query(
        "SELECT role, name, phone FROM duty_rota WHERE responder = $1 \
         AND (on_from IS NULL OR on_from <= $2) AND (on_to IS NULL OR on_to > $2) \
         ORDER BY CASE role WHEN 'chief' THEN 1 ELSE 0 END, place",
    )
    .bind(responder.to_string())
    .bind(at.0)
    .fetch_all(tx.conn())
    .await?;
    rows.iter()
        .map(|r| Ok(Rung { role: read_word::<LadderRole>(r.try_get(0)?)?, name: r.try_get(1)?, phone: r.try_get(2)? }))
        .collect()
}

const RESPONDER: &str = "SELECT id, name, skill, org, state, lon, lat, placed_at, answer_seconds FROM responders";

pub(super) async fn responder(tx: &mut Tx, id: ResponderId) -> Result<Option<ResponderView>, StoreError> {
    let sql = format!("{RESPONDER} WHERE id = $1");
    let row = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(id.to_string()).fetch_optional(tx.conn()).await?;
    row.as_ref().map(responder_of).transpose()
}

pub(super) async fn responders(pool: &AnyPool, visible: Predicate) -> Result<Vec<ResponderView>, StoreError> {
    let tail = format!("ORDER BY org, name LIMIT {RESPONDERS_MAX}");
    Condition::from(visible).query(RESPONDER, &tail).fetch_all(pool).await?.iter().map(responder_of).collect()
}

/// Responders who are free, for the choice of the nearest.
pub(super) async fn free_responders(tx: &mut Tx, visible: Predicate) -> Result<Vec<ResponderView>, StoreError> {
    let mut condition = Condition::from(visible);
    condition.and_when(true, "state = 'free'");
    let tail = format!("LIMIT {RESPONDERS_MAX}");
    condition.query(RESPONDER, &tail).fetch_all(tx.conn()).await?.iter().map(responder_of).collect()
}

pub(super) async fn update_responder(
    tx: &mut Tx,
    id: ResponderId,
    state: ResponderState,
    place: Option<Point>,
) -> Result<(), StoreError> {
    let now = tx.now().0;
    sqlx::query("UPDATE responders SET state = $2 WHERE id = $1")
        .bind(id.to_string())
        .bind(word(&state))
        .execute(tx.conn())
        .await?;
    if let Some(place) = place {
        sqlx::query("UPDATE responders SET lon = $2, lat = $3, placed_at = $4 WHERE id = $1")
            .bind(id.to_string())
            .bind(place.lon)
            .bind(place.lat)
            .bind(now)
            .execute(tx.conn())
            .await?;
    }
    Ok(())
}

pub(super) async fn insert_order(tx: &mut Tx, row: &OrderRow) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO orders (id, case_id, responder, state, orgs, given_by, given_at, document) \
         VALUES ($1,$2,$3,$4,$5,$6,$7,$8)",
    )
    .bind(row.order.id.to_string())
    .bind(row.order.case.map(|c| c.to_string()))
    .bind(row.order.responder.to_string())
    .bind(word(&row.order.state))
    .bind(crate::access::orgs_column(&row.orgs))
    .bind(&row.given_by)
    .bind(row.order.given_at.0)
    .bind(json(&row.order)?)
    .execute(tx.conn())
    .await?;
    Ok(())
}

pub(super) async fn update_order(tx: &mut Tx, order: &Order) -> Result<(), StoreError> {
    sqlx::query("UPDATE orders SET state = $2, document = $3 WHERE id = $1")
        .bind(order.id.to_string())
        .bind(word(&order.state))
        .bind(json(order)?)
        .execute(tx.conn())
        .await?;
    Ok(())
}

const ORDER: &str = "SELECT document, orgs, given_by FROM orders";

pub(super) async fn order(tx: &mut Tx, id: OrderId) -> Result<Option<OrderRow>, StoreError> {
    let sql = format!("{ORDER} WHERE id = $1");
    let row = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(id.to_string()).fetch_optional(tx.conn()).await?;
    row.as_ref().map(order_of).transpose()
}

/// Whether the responder has another order that is not at its end.
pub(super) async fn has_open_order(tx: &mut Tx, responder: ResponderId) -> Result<bool, StoreError> {
    let row = sqlx::query(
        "SELECT 1 FROM orders WHERE responder = $1 AND state NOT IN ('done', 'declined', 'cancelled') LIMIT 1",
    )
    .bind(responder.to_string())
    .fetch_optional(tx.conn())
    .await?;
    Ok(row.is_some())
}

/// The newest order that waits for an answer from this number.
pub(super) async fn waiting_for_phone(tx: &mut Tx, phone: &str) -> Result<Vec<OrderRow>, StoreError> {
    let rows = sqlx::query(
        "SELECT o.document, o.orgs, o.given_by FROM orders o WHERE o.state = 'given' AND o.responder IN \
         (SELECT responder FROM duty_rota WHERE phone = $1) ORDER BY o.given_at DESC LIMIT 10",
    )
    .bind(phone)
    .fetch_all(tx.conn())
    .await?;
    rows.iter().map(order_of).collect()
}

pub(super) async fn orders(
    pool: &AnyPool,
    visible: Predicate,
    filter: &OrderFilter,
) -> Result<Vec<OrderRow>, StoreError> {
    let mut condition = Condition::from(visible);
    condition
        .and_if("case_id = ?", filter.case.map(|case| case.to_string()))
        .and_when(filter.open, "state NOT IN ('done', 'declined', 'cancelled')")
        .and_if("id < ?", filter.before.map(|id| id.to_string()));
    let tail = format!("ORDER BY id DESC LIMIT {}", filter.limit);
    condition.query(ORDER, &tail).fetch_all(pool).await?.iter().map(order_of).collect()
}

fn order_of(row: &AnyRow) -> Result<OrderRow, StoreError> {
    let (document, orgs): (String, String) = (row.try_get(0)?, row.try_get(1)?);
    Ok(OrderRow { order: read_json(&document)?, orgs: read_orgs_column(&orgs), given_by: row.try_get(2)? })
}

fn responder_of(row: &AnyRow) -> Result<ResponderView, StoreError> {
    let id: String = row.try_get(0)?;
    let (lon, lat): (Option<f64>, Option<f64>) = (row.try_get(5)?, row.try_get(6)?);
    Ok(ResponderView {
        id: read_id(&id, "a responder's id")?,
        name: row.try_get(1)?,
        skill: row.try_get(2)?,
        org: OrgPath::from_stored(row.try_get::<String, _>(3)?),
        state: read_word(row.try_get(4)?)?,
        place: lon.zip(lat).map(|(lon, lat)| Point { lon, lat }),
        placed_at: row.try_get::<Option<i64>, _>(7)?.map(Timestamp),
        answer_seconds: row.try_get(8)?,
        distance_m: None,
    })
}
