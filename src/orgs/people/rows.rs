//! SQL of people, posts and who holds them.

use sqlx::any::AnyRow;
use sqlx::{AnyConnection, AssertSqlSafe, Row};

use super::{SeatRow, shared};
use crate::access::{Action, Actor, Seat, orgs_column, read_orgs_column};
use crate::ids::{OrgPath, PersonId, PostId, Timestamp, UnitId};
use crate::orgs::accounts::changed;
use crate::orgs::roles::Role;
use crate::orgs::rows::id;
use crate::store::{Condition, StoreError, Tx};

/// People on one page at most.
pub const PAGE_MAX: i64 = 200;

/// A person as lists show him. The number is sealed; [`super::phone_of`] opens it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PersonRow {
    /// The person.
    pub id: PersonId,
    /// The name.
    pub name: String,
    /// Whether a number is known.
    pub has_phone: bool,
    /// Grows with each change.
    pub version: i64,
}

/// A post.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PostRow {
    /// The post.
    pub id: PostId,
    /// Its unit.
    pub unit: UnitId,
    /// Its title.
    pub title: String,
    /// Its role's code.
    pub role: String,
    /// Whether its holder is the unit's chief.
    pub chief: bool,
    /// Since when.
    pub valid_from: Timestamp,
    /// Until when.
    pub valid_to: Option<Timestamp>,
}

/// Which people to list.
#[derive(Debug, Clone, Default)]
pub struct PersonFilter {
    /// Those with a post in this unit or below.
    pub within: Option<OrgPath>,
    /// Those whose name contains this.
    pub name: Option<String>,
    /// After this name and id: the last of the page before.
    pub after: Option<(String, PersonId)>,
    /// Up to so many; at most 200.
    pub limit: i64,
}

/// Somebody who holds a post in a unit.
pub(super) struct Holder {
    pub(super) person: PersonId,
    pub(super) name: String,
    pub(super) unit: UnitId,
    pub(super) unit_path: OrgPath,
}

/// A holding of a post.
#[derive(Debug, Clone)]
pub(super) struct Holding {
    pub(super) post: PostId,
    pub(super) person: PersonId,
    pub(super) stand_in: bool,
    pub(super) from: Timestamp,
    pub(super) until: Option<Timestamp>,
}

/// People whom `actor` may see, by name.
pub async fn list(
    conn: &mut AnyConnection,
    actor: &Actor,
    filter: &PersonFilter,
) -> Result<Vec<PersonRow>, StoreError> {
    let predicate = actor.predicate(Action::OrgRead, "p.orgs", "p.id", "0", 1);
    let mut condition = Condition::from(predicate);
    condition
        .and_if("p.orgs LIKE ?", filter.within.as_ref().map(|within| format!("%|{within}%")))
        .and_if("p.name LIKE ? ESCAPE '\\'", filter.name.as_ref().map(|name| format!("%{}%", escape_like(name))));
    if let Some((name, id)) = &filter.after {
        condition.and("(p.name > ? OR (p.name = ? AND p.id > ?))", [name.clone(), name.clone(), id.to_string()]);
    }
    let head = "SELECT p.id, p.name, CASE WHEN p.phone_sealed IS NULL THEN 0 ELSE 1 END, p.version FROM people p";
    let tail = format!("ORDER BY p.name, p.id LIMIT {}", filter.limit.clamp(1, PAGE_MAX));
    condition.query(head, &tail).fetch_all(conn).await?.iter().map(read_person).collect()
}

fn escape_like(text: &str) -> String {
    text.replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_")
}

/// One person and the paths of his units.
pub async fn person(conn: &mut AnyConnection, id: PersonId) -> Result<Option<(PersonRow, Vec<OrgPath>)>, StoreError> {
    let sql =
        "SELECT id, name, CASE WHEN phone_sealed IS NULL THEN 0 ELSE 1 END, version, orgs FROM people WHERE id = $1";
    let Some(row) = sqlx::query(sql).bind(id.to_string()).fetch_optional(conn).await? else { return Ok(None) };
    let orgs: String = row.try_get(4)?;
    let paths = read_orgs_column(&orgs);
    Ok(Some((read_person(&row)?, paths)))
}

fn read_person(row: &AnyRow) -> Result<PersonRow, StoreError> {
    // PostgreSQL answers CASE with INTEGER, SQLite with its one integer type.
    let has_phone = row.try_get::<i64, _>(2).or_else(|_| row.try_get::<i32, _>(2).map(i64::from))?;
    Ok(PersonRow { id: id(row, 0)?, name: row.try_get(1)?, has_phone: has_phone != 0, version: row.try_get(3)? })
}

/// Writes a new person.
pub(super) async fn insert_person(
    tx: &mut Tx,
    id: PersonId,
    name: &str,
    phone: Option<(String, String)>,
) -> Result<(), StoreError> {
    let now = tx.now().0;
    let (sealed, index) = phone.unzip();
    sqlx::query(
        "INSERT INTO people (id, name, phone_sealed, phone_index, orgs, created_at, version) VALUES ($1,$2,$3,$4,'|',$5,1)",
    )
    .bind(id.to_string())
    .bind(name)
    .bind(sealed)
    .bind(index)
    .bind(now)
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Changes a person; the phone only if given.
pub(super) async fn update_person(
    tx: &mut Tx,
    id: PersonId,
    name: &str,
    phone: Option<Option<(String, String)>>,
) -> Result<(), StoreError> {
    changed(tx);
    sqlx::query("UPDATE people SET name = $2, version = version + 1 WHERE id = $1")
        .bind(id.to_string())
        .bind(name)
        .execute(tx.conn())
        .await?;
    if let Some(phone) = phone {
        let (sealed, index) = phone.unzip();
        sqlx::query("UPDATE people SET phone_sealed = $2, phone_index = $3 WHERE id = $1")
            .bind(id.to_string())
            .bind(sealed)
            .bind(index)
            .execute(tx.conn())
            .await?;
    }
    Ok(())
}

pub(super) async fn phone_sealed(conn: &mut AnyConnection, person: PersonId) -> Result<Option<String>, StoreError> {
    let row = sqlx::query("SELECT phone_sealed FROM people WHERE id = $1")
        .bind(person.to_string())
        .fetch_optional(conn)
        .await?;
    Ok(row.map(|r| r.try_get(0)).transpose()?.flatten())
}

pub(super) async fn by_phone_index(conn: &mut AnyConnection, index: &str) -> Result<Vec<PersonId>, StoreError> {
    let rows = sqlx::query("SELECT id FROM people WHERE phone_index = $1 ORDER BY created_at, id")
        .bind(index)
        .fetch_all(conn)
        .await?;
    rows.iter().map(|r| id(r, 0)).collect()
}

const POST: &str = "id, unit, title, role, chief, valid_from, valid_to";

/// One post.
pub async fn post(conn: &mut AnyConnection, id: PostId) -> Result<Option<PostRow>, StoreError> {
    let sql = format!("SELECT {POST} FROM posts WHERE id = $1");
    let row = sqlx::query(AssertSqlSafe(sql)).bind(id.to_string()).fetch_optional(conn).await?;
    row.as_ref().map(read_post).transpose()
}

/// The posts of a unit at `at`, chiefs first.
pub async fn posts_of_unit(conn: &mut AnyConnection, unit: UnitId, at: Timestamp) -> Result<Vec<PostRow>, StoreError> {
    let sql = format!(
        "SELECT {POST} FROM posts WHERE unit = $1 AND valid_from <= $2 AND (valid_to IS NULL OR valid_to > $2) \
         ORDER BY chief DESC, title, id"
    );
    let rows = sqlx::query(AssertSqlSafe(sql)).bind(unit.to_string()).bind(at.0).fetch_all(conn).await?;
    rows.iter().map(read_post).collect()
}

fn read_post(row: &AnyRow) -> Result<PostRow, StoreError> {
    let until: Option<i64> = row.try_get(6)?;
    Ok(PostRow {
        id: id(row, 0)?,
        unit: id(row, 1)?,
        title: row.try_get(2)?,
        role: row.try_get(3)?,
        chief: row.try_get::<i64, _>(4)? != 0,
        valid_from: Timestamp(row.try_get(5)?),
        valid_to: until.map(Timestamp),
    })
}

pub(super) async fn insert_post(tx: &mut Tx, post: &PostRow) -> Result<(), StoreError> {
    changed(tx);
    sqlx::query("INSERT INTO posts (id, unit, title, role, chief, valid_from) VALUES ($1,$2,$3,$4,$5,$6)")
        .bind(post.id.to_string())
        .bind(post.unit.to_string())
        .bind(post.title.clone())
        .bind(post.role.clone())
        .bind(i64::from(post.chief))
        .bind(post.valid_from.0)
        .execute(tx.conn())
        .await?;
    Ok(())
}

pub(super) async fn end_post(tx: &mut Tx, post: PostId) -> Result<(), StoreError> {
    changed(tx);
    let now = tx.now().0;
    sqlx::query("UPDATE posts SET valid_to = $2 WHERE id = $1 AND (valid_to IS NULL OR valid_to > $2)")
        .bind(post.to_string())
        .bind(now)
        .execute(tx.conn())
        .await?;
    Ok(())
}

pub(super) async fn insert_holding(tx: &mut Tx, holding: &Holding) -> Result<(), StoreError> {
    changed(tx);
    let id = tx.ids().uuid().to_string();
    sqlx::query(
        "INSERT INTO post_holders (id, post, person, stand_in, valid_from, valid_to) VALUES ($1,$2,$3,$4,$5,$6)",
    )
    .bind(id)
    .bind(holding.post.to_string())
    .bind(holding.person.to_string())
    .bind(i64::from(holding.stand_in))
    .bind(holding.from.0)
    .bind(holding.until.map(|t| t.0))
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Ends who holds a post now; with a person, only him. Returns whom it was.
pub(super) async fn end_holdings(
    tx: &mut Tx,
    post: PostId,
    person: Option<PersonId>,
) -> Result<Vec<PersonId>, StoreError> {
    changed(tx);
    let now = tx.now().0;
    let only = person.map(|p| p.to_string()).unwrap_or_default();
    let running = "post = $1 AND ($2 = '' OR person = $2) AND (valid_to IS NULL OR valid_to > $3)";
    let rows = sqlx::query(AssertSqlSafe(format!("SELECT DISTINCT person FROM post_holders WHERE {running}")))
        .bind(post.to_string())
        .bind(only.clone())
        .bind(now)
        .fetch_all(tx.conn())
        .await?;
    sqlx::query(AssertSqlSafe(format!("UPDATE post_holders SET valid_to = $3 WHERE {running}")))
        .bind(post.to_string())
        .bind(only)
        .bind(now)
        .execute(tx.conn())
        .await?;
    rows.iter().map(|r| id(r, 0)).collect()
}

/// The roles of all posts that a person holds at `at` or will hold.
pub(super) async fn roles_of(
    conn: &mut AnyConnection,
    person: PersonId,
    at: Timestamp,
) -> Result<Vec<Role>, StoreError> {
    let rows = sqlx::query(
        "SELECT DISTINCT r.code, r.name, r.grants FROM post_holders h JOIN posts p ON p.id = h.post \
         JOIN roles r ON r.code = p.role WHERE h.person = $1 AND (h.valid_to IS NULL OR h.valid_to > $2) \
         AND (p.valid_to IS NULL OR p.valid_to > $2)",
    )
    .bind(person.to_string())
    .bind(at.0)
    .fetch_all(conn)
    .await?;
    rows.iter().map(|r| Ok(Role { code: r.try_get(0)?, name: r.try_get(1)?, grants: grants(r, 2)? })).collect()
}

/// Everybody who holds a post with this role at `at` or will.
pub(super) async fn people_with_role(
    conn: &mut AnyConnection,
    role: &str,
    at: Timestamp,
) -> Result<Vec<PersonId>, StoreError> {
    let rows = sqlx::query(
        "SELECT DISTINCT h.person FROM post_holders h JOIN posts p ON p.id = h.post WHERE p.role = $1 \
         AND (h.valid_to IS NULL OR h.valid_to > $2) AND (p.valid_to IS NULL OR p.valid_to > $2)",
    )
    .bind(role)
    .bind(at.0)
    .fetch_all(conn)
    .await?;
    rows.iter().map(|r| id(r, 0)).collect()
}

/// What a holding, its post and its unit must be at `$2` to count.
const LIVE: &str = "h.valid_from <= $2 AND (h.valid_to IS NULL OR h.valid_to > $2) \
     AND p.valid_from <= $2 AND (p.valid_to IS NULL OR p.valid_to > $2) \
     AND u.valid_from <= $2 AND (u.valid_to IS NULL OR u.valid_to > $2)";
const JOINED: &str = "post_holders h JOIN posts p ON p.id = h.post JOIN units u ON u.id = p.unit \
     JOIN people pe ON pe.id = h.person";

pub(super) async fn seats(
    conn: &mut AnyConnection,
    person: PersonId,
    at: Timestamp,
) -> Result<Vec<SeatRow>, StoreError> {
    let sql = format!(
        "SELECT h.person, h.post, p.unit, u.path, u.name, pe.name, COALESCE(a.user_name, ''), r.grants, p.title, h.stand_in \
         FROM {JOINED} JOIN roles r ON r.code = p.role LEFT JOIN accounts a ON a.person = h.person \
         WHERE h.person = $1 AND {LIVE} ORDER BY h.stand_in, h.valid_from, h.post"
    );
    let rows = sqlx::query(AssertSqlSafe(sql)).bind(person.to_string()).bind(at.0).fetch_all(conn).await?;
    rows.iter().map(read_seat).collect()
}

fn read_seat(row: &AnyRow) -> Result<SeatRow, StoreError> {
    let seat = Seat {
        person: id(row, 0)?,
        post: id(row, 1)?,
        unit: id(row, 2)?,
        unit_path: OrgPath::from_stored(row.try_get::<String, _>(3)?),
        unit_name: row.try_get(4)?,
        name: row.try_get(5)?,
        user: row.try_get(6)?,
        grants: shared(grants(row, 7)?),
    };
    Ok(SeatRow { seat, title: row.try_get(8)?, stand_in: row.try_get::<i64, _>(9)? != 0 })
}

fn grants(row: &AnyRow, n: usize) -> Result<Vec<crate::access::Grant>, StoreError> {
    let text: String = row.try_get(n)?;
    serde_json::from_str(&text).map_err(|e| StoreError::Damaged(format!("a role's rights: {e}")))
}

/// Who holds the unit's chief posts at `at`: stand-ins first, they are the ones who can be reached.
pub(super) async fn chiefs(conn: &mut AnyConnection, unit: UnitId, at: Timestamp) -> Result<Vec<Holder>, StoreError> {
    let sql = format!(
        "SELECT h.person, pe.name, p.unit, u.path FROM {JOINED} \
         WHERE p.unit = $1 AND p.chief = 1 AND {LIVE} ORDER BY h.stand_in DESC, h.valid_from, h.post"
    );
    read_holders(sqlx::query(AssertSqlSafe(sql)).bind(unit.to_string()).bind(at.0).fetch_all(conn).await?)
}

/// Who holds a post in the unit at `at`, with this role or any.
pub(super) async fn holders(
    conn: &mut AnyConnection,
    unit: UnitId,
    role: Option<&str>,
    at: Timestamp,
) -> Result<Vec<Holder>, StoreError> {
    let sql = format!(
        "SELECT DISTINCT h.person, pe.name, p.unit, u.path FROM {JOINED} \
         WHERE p.unit = $1 AND ($3 = '' OR p.role = $3) AND {LIVE} ORDER BY pe.name, h.person"
    );
    let query =
        sqlx::query(AssertSqlSafe(sql)).bind(unit.to_string()).bind(at.0).bind(role.unwrap_or_default().to_owned());
    read_holders(query.fetch_all(conn).await?)
}

fn read_holders(rows: Vec<AnyRow>) -> Result<Vec<Holder>, StoreError> {
    rows.iter()
        .map(|r| {
            let unit_path = OrgPath::from_stored(r.try_get::<String, _>(3)?);
            Ok(Holder { person: id(r, 0)?, name: r.try_get(1)?, unit: id(r, 2)?, unit_path })
        })
        .collect()
}

/// Whether anybody holds a post of the unit at `at` or will.
pub(in crate::orgs) async fn unit_has_holders(
    conn: &mut AnyConnection,
    unit: UnitId,
    at: Timestamp,
) -> Result<bool, StoreError> {
    let row = sqlx::query(
        "SELECT 1 FROM post_holders h JOIN posts p ON p.id = h.post WHERE p.unit = $1 \
         AND (h.valid_to IS NULL OR h.valid_to > $2) AND (p.valid_to IS NULL OR p.valid_to > $2) LIMIT 1",
    )
    .bind(unit.to_string())
    .bind(at.0)
    .fetch_optional(conn)
    .await?;
    Ok(row.is_some())
}

/// Writes anew the paths of all who hold posts in the unit: its place changed.
pub(in crate::orgs) async fn refresh_holders_of(tx: &mut Tx, unit: UnitId) -> Result<(), StoreError> {
    let rows =
        sqlx::query("SELECT DISTINCT h.person FROM post_holders h JOIN posts p ON p.id = h.post WHERE p.unit = $1")
            .bind(unit.to_string())
            .fetch_all(tx.conn())
            .await?;
    for row in &rows {
        refresh(tx, id(row, 0)?).await?;
    }
    Ok(())
}

/// Writes anew the paths of the units in which a person holds or will hold posts.
pub(super) async fn refresh(tx: &mut Tx, person: PersonId) -> Result<(), StoreError> {
    let now = tx.now().0;
    let rows = sqlx::query(
        "SELECT DISTINCT u.path FROM post_holders h JOIN posts p ON p.id = h.post JOIN units u ON u.id = p.unit \
         WHERE h.person = $1 AND (h.valid_to IS NULL OR h.valid_to > $2) AND (p.valid_to IS NULL OR p.valid_to > $2) \
         AND u.valid_from <= $2 AND (u.valid_to IS NULL OR u.valid_to > $2) ORDER BY u.path",
    )
    .bind(person.to_string())
    .bind(now)
    .fetch_all(tx.conn())
    .await?;
    let paths = rows
        .iter()
        .map(|r| Ok(OrgPath::from_stored(r.try_get::<String, _>(0)?)))
        .collect::<Result<Vec<_>, StoreError>>()?;
    sqlx::query("UPDATE people SET orgs = $2 WHERE id = $1")
        .bind(person.to_string())
        .bind(orgs_column(&paths))
        .execute(tx.conn())
        .await?;
    Ok(())
}

/// Who holds the post for himself, not as a stand-in, at `at` or later.
pub(super) async fn own_holders(
    conn: &mut AnyConnection,
    post: PostId,
    at: Timestamp,
) -> Result<Vec<PersonId>, StoreError> {
    let rows = sqlx::query(
        "SELECT DISTINCT person FROM post_holders WHERE post = $1 AND stand_in = 0 AND (valid_to IS NULL OR valid_to > $2)",
    )
    .bind(post.to_string())
    .bind(at.0)
    .fetch_all(conn)
    .await?;
    rows.iter().map(|r| id(r, 0)).collect()
}
