//! SQL of units, grids, duties, phone areas and roles.

use std::collections::BTreeMap;

use sqlx::any::AnyRow;
use sqlx::{AnyConnection, AssertSqlSafe, Row};

use super::accounts::changed;
use super::directory::Directory;
use super::duty::{Duty, DutyList};
use super::geometry::Area;
use super::roles::Role;
use super::unit::{Grid, Unit};
use crate::ids::{GridId, OrgPath, Point, Timestamp, UnitId};
use crate::store::{StoreError, Tx};

const UNIT: &str = "id, valid_from, valid_to, parent, path, code, kind, name, gov_code, duty_phone, lon, lat, boundary";
const GRID: &str = "id, valid_from, valid_to, code, name, kind, unit, leader, boundary";
/// Rows valid at `$1`.
const VALID: &str = "valid_from <= $1 AND (valid_to IS NULL OR valid_to > $1)";

/// The directory as it is at `at`.
pub(super) async fn directory(conn: &mut AnyConnection, at: Timestamp) -> Result<Directory, StoreError> {
    let units = units_at(conn, at).await?;
    let grids = grids_at(conn, at).await?;
    let duties = DutyList::new(duties_at(conn, at).await?);
    let areas = phone_areas(conn).await?;
    let next = next_change(conn, at).await?;
    Ok(Directory::new(units, grids, duties, areas, next))
}

/// All units as they are at `at`.
pub(super) async fn units_at(conn: &mut AnyConnection, at: Timestamp) -> Result<Vec<Unit>, StoreError> {
    let sql = format!("SELECT {UNIT} FROM units WHERE {VALID} ORDER BY path");
    sqlx::query(AssertSqlSafe(sql)).bind(at.0).fetch_all(conn).await?.iter().map(read_unit).collect()
}

/// One unit as it is at `at`.
pub(super) async fn unit_at(conn: &mut AnyConnection, id: UnitId, at: Timestamp) -> Result<Option<Unit>, StoreError> {
    let sql = format!("SELECT {UNIT} FROM units WHERE {VALID} AND id = $2");
    let row = sqlx::query(AssertSqlSafe(sql)).bind(at.0).bind(id.to_string()).fetch_optional(conn).await?;
    row.as_ref().map(read_unit).transpose()
}

/// All periods of a unit, oldest first.
pub(super) async fn unit_history(conn: &mut AnyConnection, id: UnitId) -> Result<Vec<Unit>, StoreError> {
    let sql = format!("SELECT {UNIT} FROM units WHERE id = $1 ORDER BY valid_from");
    sqlx::query(AssertSqlSafe(sql)).bind(id.to_string()).fetch_all(conn).await?.iter().map(read_unit).collect()
}

/// The unit and all below it at `at`.
pub(super) async fn subtree_at(
    conn: &mut AnyConnection,
    top: &OrgPath,
    at: Timestamp,
) -> Result<Vec<Unit>, StoreError> {
    let sql = format!("SELECT {UNIT} FROM units WHERE {VALID} AND path LIKE $2 ORDER BY path");
    let rows = sqlx::query(AssertSqlSafe(sql)).bind(at.0).bind(format!("{top}%")).fetch_all(conn).await?;
    rows.iter().map(read_unit).collect()
}

/// Whether a unit stands at `path` at `from` or will later.
pub(super) async fn path_taken(conn: &mut AnyConnection, path: &OrgPath, from: Timestamp) -> Result<bool, StoreError> {
    let row = sqlx::query("SELECT 1 FROM units WHERE path = $1 AND (valid_to IS NULL OR valid_to > $2) LIMIT 1")
        .bind(path.as_str())
        .bind(from.0)
        .fetch_optional(conn)
        .await?;
    Ok(row.is_some())
}

/// Begins a period of a unit.
pub(super) async fn insert_unit(tx: &mut Tx, unit: &Unit) -> Result<(), StoreError> {
    changed(tx);
    let sql = format!("INSERT INTO units ({UNIT}) VALUES ($1,$2,$3,$4,$5,$6,$7,$8,$9,$10,$11,$12,$13)");
    sqlx::query(AssertSqlSafe(sql))
        .bind(unit.id.to_string())
        .bind(unit.valid_from.0)
        .bind(unit.valid_to.map(|t| t.0))
        .bind(unit.parent.map(|p| p.to_string()))
        .bind(unit.path.as_str().to_owned())
        .bind(unit.code.clone())
        .bind(unit.kind.as_str())
        .bind(unit.name.clone())
        .bind(unit.gov_code.clone())
        .bind(unit.duty_phone.clone())
        .bind(unit.place.map(|p| p.lon))
        .bind(unit.place.map(|p| p.lat))
        .bind(unit.boundary.as_ref().map(|b| b.to_geojson().to_string()))
        .execute(tx.conn())
        .await?;
    Ok(())
}

/// Ends the running period of a unit; one that begins at the same instant is replaced, so it goes altogether.
pub(super) async fn end_unit(tx: &mut Tx, id: UnitId, at: Timestamp) -> Result<(), StoreError> {
    end(tx, "units", &id.to_string(), at).await
}

/// Ends the running period of a grid.
pub(super) async fn end_grid(tx: &mut Tx, id: GridId, at: Timestamp) -> Result<(), StoreError> {
    end(tx, "grids", &id.to_string(), at).await
}

async fn end(tx: &mut Tx, table: &'static str, id: &str, at: Timestamp) -> Result<(), StoreError> {
    changed(tx);
    let gone = format!("DELETE FROM {table} WHERE id = $1 AND valid_from >= $2");
    sqlx::query(AssertSqlSafe(gone)).bind(id.to_owned()).bind(at.0).execute(tx.conn()).await?;
    let ended = format!("UPDATE {table} SET valid_to = $2 WHERE id = $1 AND (valid_to IS NULL OR valid_to > $2)");
    sqlx::query(AssertSqlSafe(ended)).bind(id.to_owned()).bind(at.0).execute(tx.conn()).await?;
    Ok(())
}

/// Begins a period of a grid.
pub(super) async fn insert_grid(tx: &mut Tx, grid: &Grid) -> Result<(), StoreError> {
    let sql = format!("INSERT INTO grids ({GRID}) VALUES ($1,$2,$3,$4,$5,$6,$7,$8,$9)");
    sqlx::query(AssertSqlSafe(sql))
        .bind(grid.id.to_string())
        .bind(grid.valid_from.0)
        .bind(grid.valid_to.map(|t| t.0))
        .bind(grid.code.clone())
        .bind(grid.name.clone())
        .bind(grid.kind.clone())
        .bind(grid.unit.to_string())
        .bind(grid.leader.map(|l| l.to_string()))
        .bind(grid.area.to_geojson().to_string())
        .execute(tx.conn())
        .await?;
    Ok(())
}

/// All grids as they are at `at`.
pub(super) async fn grids_at(conn: &mut AnyConnection, at: Timestamp) -> Result<Vec<Grid>, StoreError> {
    let sql = format!("SELECT {GRID} FROM grids WHERE {VALID} ORDER BY code");
    sqlx::query(AssertSqlSafe(sql)).bind(at.0).fetch_all(conn).await?.iter().map(read_grid).collect()
}

/// One grid as it is at `at`.
pub(super) async fn grid_at(conn: &mut AnyConnection, id: GridId, at: Timestamp) -> Result<Option<Grid>, StoreError> {
    let sql = format!("SELECT {GRID} FROM grids WHERE {VALID} AND id = $2");
    let row = sqlx::query(AssertSqlSafe(sql)).bind(at.0).bind(id.to_string()).fetch_optional(conn).await?;
    row.as_ref().map(read_grid).transpose()
}

/// Whether another grid with this code is there at `from` or later.
pub(super) async fn grid_code_taken(
    conn: &mut AnyConnection,
    code: &str,
    id: GridId,
    from: Timestamp,
) -> Result<bool, StoreError> {
    let sql = "SELECT 1 FROM grids WHERE code = $1 AND id <> $2 AND (valid_to IS NULL OR valid_to > $3) LIMIT 1";
    let row = sqlx::query(sql).bind(code).bind(id.to_string()).bind(from.0).fetch_optional(conn).await?;
    Ok(row.is_some())
}

/// The duty list as it is at `at`.
pub(super) async fn duties_at(conn: &mut AnyConnection, at: Timestamp) -> Result<Vec<Duty>, StoreError> {
    let sql = format!("SELECT id, class, area, lead, co FROM duties WHERE {VALID} ORDER BY id");
    sqlx::query(AssertSqlSafe(sql)).bind(at.0).fetch_all(conn).await?.iter().map(read_duty).collect()
}

/// Writes a line of the duty list.
pub(super) async fn insert_duty(tx: &mut Tx, duty: &Duty, from: Timestamp) -> Result<(), StoreError> {
    let co: Vec<String> = duty.co.iter().map(ToString::to_string).collect();
    sqlx::query("INSERT INTO duties (id, class, area, lead, co, valid_from) VALUES ($1,$2,$3,$4,$5,$6)")
        .bind(duty.id.clone())
        .bind(duty.class.clone())
        .bind(duty.area.to_string())
        .bind(duty.lead.to_string())
        .bind(serde_json::Value::from(co).to_string())
        .bind(from.0)
        .execute(tx.conn())
        .await?;
    Ok(())
}

/// Strikes out a line of the duty list; `false` if there is no such running line.
pub(super) async fn end_duty(tx: &mut Tx, id: &str, at: Timestamp) -> Result<bool, StoreError> {
    let done = sqlx::query("UPDATE duties SET valid_to = $2 WHERE id = $1 AND (valid_to IS NULL OR valid_to > $2)")
        .bind(id)
        .bind(at.0)
        .execute(tx.conn())
        .await?;
    Ok(done.rows_affected() == 1)
}

async fn phone_areas(conn: &mut AnyConnection) -> Result<BTreeMap<String, UnitId>, StoreError> {
    let rows = sqlx::query("SELECT prefix, unit FROM phone_areas").fetch_all(conn).await?;
    rows.iter().map(|r| Ok((r.try_get(0)?, id(r, 1)?))).collect()
}

/// Sets or forgets the area of numbers that begin so.
pub(super) async fn set_phone_area(tx: &mut Tx, prefix: &str, unit: Option<UnitId>) -> Result<(), StoreError> {
    let query = match unit {
        Some(unit) => sqlx::query(
            "INSERT INTO phone_areas (prefix, unit) VALUES ($1, $2) ON CONFLICT (prefix) DO UPDATE SET unit = excluded.unit",
        )
        .bind(prefix)
        .bind(unit.to_string()),
        None => sqlx::query("DELETE FROM phone_areas WHERE prefix = $1").bind(prefix),
    };
    query.execute(tx.conn()).await?;
    Ok(())
}

/// The next instant at which a period begins or ends by itself.
async fn next_change(conn: &mut AnyConnection, at: Timestamp) -> Result<Option<Timestamp>, StoreError> {
    let mut next: Option<i64> = None;
    for table in ["units", "grids", "duties"] {
        for column in ["valid_from", "valid_to"] {
            let sql = format!("SELECT CAST(MIN({column}) AS BIGINT) FROM {table} WHERE {column} > $1");
            let row = sqlx::query(AssertSqlSafe(sql)).bind(at.0).fetch_one(&mut *conn).await?;
            let found: Option<i64> = row.try_get(0)?;
            next = [next, found].into_iter().flatten().min();
        }
    }
    Ok(next.map(Timestamp))
}

/// All roles.
pub(super) async fn roles(conn: &mut AnyConnection) -> Result<Vec<Role>, StoreError> {
    let rows = sqlx::query("SELECT code, name, grants FROM roles ORDER BY code").fetch_all(conn).await?;
    rows.iter().map(read_role).collect()
}

/// One role.
pub(super) async fn role(conn: &mut AnyConnection, code: &str) -> Result<Option<Role>, StoreError> {
    let row =
        sqlx::query("SELECT code, name, grants FROM roles WHERE code = $1").bind(code).fetch_optional(conn).await?;
    row.as_ref().map(read_role).transpose()
}

/// Writes a role.
pub(super) async fn put_role(tx: &mut Tx, role: &Role) -> Result<(), StoreError> {
    changed(tx);
    let grants = serde_json::to_string(&role.grants).map_err(|e| StoreError::Damaged(e.to_string()))?;
    sqlx::query(
        "INSERT INTO roles (code, name, grants, version) VALUES ($1, $2, $3, 1) \
         ON CONFLICT (code) DO UPDATE SET name = excluded.name, grants = excluded.grants, version = roles.version + 1",
    )
    .bind(role.code.clone())
    .bind(role.name.clone())
    .bind(grants)
    .execute(tx.conn())
    .await?;
    Ok(())
}

fn read_role(row: &AnyRow) -> Result<Role, StoreError> {
    let grants: String = row.try_get(2)?;
    let grants = serde_json::from_str(&grants).map_err(|e| StoreError::Damaged(format!("a role's rights: {e}")))?;
    Ok(Role { code: row.try_get(0)?, name: row.try_get(1)?, grants })
}

fn read_unit(row: &AnyRow) -> Result<Unit, StoreError> {
    let kind: String = row.try_get(6)?;
    let parent: Option<String> = row.try_get(3)?;
    let (lon, lat): (Option<f64>, Option<f64>) = (row.try_get(10)?, row.try_get(11)?);
    let boundary: Option<String> = row.try_get(12)?;
    let valid_to: Option<i64> = row.try_get(2)?;
    Ok(Unit {
        id: id(row, 0)?,
        valid_from: Timestamp(row.try_get(1)?),
        valid_to: valid_to.map(Timestamp),
        parent: parent.map(|p| parse(&p)).transpose()?,
        path: OrgPath::from_stored(row.try_get::<String, _>(4)?),
        code: row.try_get(5)?,
        kind: kind.parse().map_err(|_| StoreError::Damaged(format!("a unit's kind is {kind}")))?,
        name: row.try_get(7)?,
        gov_code: row.try_get(8)?,
        duty_phone: row.try_get(9)?,
        place: lon.zip(lat).map(|(lon, lat)| Point { lon, lat }),
        boundary: boundary.map(|b| read_area(&b)).transpose()?,
    })
}

fn read_grid(row: &AnyRow) -> Result<Grid, StoreError> {
    let valid_to: Option<i64> = row.try_get(2)?;
    let leader: Option<String> = row.try_get(7)?;
    Ok(Grid {
        id: id(row, 0)?,
        valid_from: Timestamp(row.try_get(1)?),
        valid_to: valid_to.map(Timestamp),
        code: row.try_get(3)?,
        name: row.try_get(4)?,
        kind: row.try_get(5)?,
        unit: id(row, 6)?,
        leader: leader.map(|l| parse(&l)).transpose()?,
        area: read_area(&row.try_get::<String, _>(8)?)?,
    })
}

fn read_duty(row: &AnyRow) -> Result<Duty, StoreError> {
    let (lead, co): (String, String) = (row.try_get(3)?, row.try_get(4)?);
    Ok(Duty {
        id: row.try_get(0)?,
        class: row.try_get(1)?,
        area: id(row, 2)?,
        lead: lead.parse().map_err(|_| StoreError::Damaged(format!("a duty's lead is {lead}")))?,
        co: serde_json::from_str(&co).map_err(|e| StoreError::Damaged(format!("a duty's helpers: {e}")))?,
    })
}

fn read_area(text: &str) -> Result<Area, StoreError> {
    let value = serde_json::from_str(text).map_err(|e| StoreError::Damaged(format!("a boundary: {e}")))?;
    Area::from_geojson(&value).map_err(|e| StoreError::Damaged(format!("a boundary: {e}")))
}

/// The id in column `n`.
pub(super) fn id<T: std::str::FromStr<Err = crate::ids::BadId>>(row: &AnyRow, n: usize) -> Result<T, StoreError> {
    parse(&row.try_get::<String, _>(n)?)
}

/// A stored id.
pub(super) fn parse<T: std::str::FromStr<Err = crate::ids::BadId>>(text: &str) -> Result<T, StoreError> {
    text.parse().map_err(|e: crate::ids::BadId| StoreError::Damaged(e.to_string()))
}
