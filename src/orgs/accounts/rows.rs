//! SQL of accounts, sessions and tallies.

use sqlx::any::AnyRow;
use sqlx::{AnyConnection, AssertSqlSafe, Row};

use super::known::changed;
use super::lockout::Tally;
use super::session::{Session, Stage};
use crate::access::{Action, Actor};
use crate::ids::{PersonId, SessionId, Timestamp};
use crate::orgs::rows::id;
use crate::store::{StoreError, Tx};

/// Accounts on one page at most.
const PAGE_MAX: i64 = 200;

/// An account without its secrets' plain texts.
#[derive(Debug, Clone)]
pub struct AccountRow {
    /// The user name.
    pub user: String,
    /// Whose it is.
    pub person: PersonId,
    pub(super) password_hash: String,
    /// When the password was set.
    pub password_set_at: Timestamp,
    /// Whether it was set by somebody else.
    pub must_change: bool,
    /// Since when the account is off.
    pub disabled_at: Option<Timestamp>,
    /// The sealed secret of one-time codes.
    pub(super) totp_secret: Option<String>,
    /// Whether one-time codes are asked for.
    pub totp_active: bool,
    pub(super) totp_last_step: i64,
    /// The telephone's extension.
    pub extension: Option<String>,
    /// The sealed hashes of the telephone.
    pub(super) sip_secret: Option<String>,
    /// When it was last signed in with.
    pub last_sign_in_at: Option<Timestamp>,
    /// When it was made.
    pub created_at: Timestamp,
    /// Grows with each change.
    pub version: i64,
}

#[cfg(test)]
impl AccountRow {
    pub(super) fn sample(user: &str, at: Timestamp) -> Self {
        Self {
            user: user.into(),
            person: PersonId(uuid::Uuid::nil()),
            password_hash: String::new(),
            password_set_at: at,
            must_change: false,
            disabled_at: None,
            totp_secret: None,
            totp_active: false,
            totp_last_step: 0,
            extension: None,
            sip_secret: None,
            last_sign_in_at: None,
            created_at: at,
            version: 1,
        }
    }
}

const ACCOUNT: &str = "a.user_name, a.person, a.password_hash, a.password_set_at, a.must_change, a.disabled_at, a.totp_secret, \
     a.totp_active, a.totp_last_step, a.extension, a.sip_secret, a.last_sign_in_at, a.created_at, a.version";

/// The account with this user name.
pub async fn account(conn: &mut AnyConnection, user: &str) -> Result<Option<AccountRow>, StoreError> {
    one(conn, "a.user_name = $1", user).await
}

/// The account of a person.
pub async fn account_of(conn: &mut AnyConnection, person: PersonId) -> Result<Option<AccountRow>, StoreError> {
    one(conn, "a.person = $1", &person.to_string()).await
}

/// The account whose telephone calls itself so: by extension or by user name.
pub(super) async fn account_of_phone(conn: &mut AnyConnection, name: &str) -> Result<Option<AccountRow>, StoreError> {
    one(conn, "a.extension = $1 OR a.user_name = $1", name).await
}

async fn one(conn: &mut AnyConnection, condition: &str, bind: &str) -> Result<Option<AccountRow>, StoreError> {
    let sql = format!("SELECT {ACCOUNT} FROM accounts a WHERE {condition}");
    let row = sqlx::query(AssertSqlSafe(sql)).bind(bind).fetch_optional(conn).await?;
    row.as_ref().map(read_account).transpose()
}

/// Accounts of people within reach of `actor`'s right to `action`, by user name, after `after`.
pub async fn accounts(
    conn: &mut AnyConnection,
    actor: &Actor,
    action: Action,
    after: &str,
    limit: i64,
) -> Result<Vec<AccountRow>, StoreError> {
    let predicate = actor.predicate(action, "p.orgs", "p.id", "0", 2);
    let sql = format!(
        "SELECT {ACCOUNT} FROM accounts a JOIN people p ON p.id = a.person WHERE a.user_name > $1 AND {} \
         ORDER BY a.user_name LIMIT {}",
        predicate.sql,
        limit.clamp(1, PAGE_MAX)
    );
    let mut query = sqlx::query(AssertSqlSafe(sql)).bind(after);
    for bind in predicate.binds {
        query = query.bind(bind);
    }
    query.fetch_all(conn).await?.iter().map(read_account).collect()
}

fn read_account(row: &AnyRow) -> Result<AccountRow, StoreError> {
    let time = |n: usize| Ok::<_, StoreError>(row.try_get::<Option<i64>, _>(n)?.map(Timestamp));
    Ok(AccountRow {
        user: row.try_get(0)?,
        person: id(row, 1)?,
        password_hash: row.try_get(2)?,
        password_set_at: Timestamp(row.try_get(3)?),
        must_change: row.try_get::<i64, _>(4)? != 0,
        disabled_at: time(5)?,
        totp_secret: row.try_get(6)?,
        totp_active: row.try_get::<i64, _>(7)? != 0,
        totp_last_step: row.try_get(8)?,
        extension: row.try_get(9)?,
        sip_secret: row.try_get(10)?,
        last_sign_in_at: time(11)?,
        created_at: Timestamp(row.try_get(12)?),
        version: row.try_get(13)?,
    })
}

pub(super) async fn insert_account(tx: &mut Tx, row: &AccountRow) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO accounts (user_name, person, password_hash, password_set_at, must_change, totp_active, totp_last_step, \
         extension, sip_secret, created_at, version) VALUES ($1,$2,$3,$4,$5,0,0,$6,$7,$8,1)",
    )
    .bind(row.user.clone())
    .bind(row.person.to_string())
    .bind(row.password_hash.clone())
    .bind(row.password_set_at.0)
    .bind(i64::from(row.must_change))
    .bind(row.extension.clone())
    .bind(row.sip_secret.clone())
    .bind(row.created_at.0)
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Stores a new password, keeping the old one's hash, and the telephone's hashes made from it.
pub(super) async fn set_password(
    tx: &mut Tx,
    row: &AccountRow,
    hash: &str,
    sip_secret: &str,
    must_change: bool,
    now: Timestamp,
) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO old_passwords (user_name, set_at, password_hash) VALUES ($1, $2, $3) \
         ON CONFLICT (user_name, set_at) DO NOTHING",
    )
    .bind(row.user.clone())
    .bind(row.password_set_at.0)
    .bind(row.password_hash.clone())
    .execute(tx.conn())
    .await?;
    sqlx::query(
        "UPDATE accounts SET password_hash = $2, password_set_at = $3, must_change = $4, sip_secret = $5, \
         version = version + 1 WHERE user_name = $1",
    )
    .bind(row.user.clone())
    .bind(hash)
    .bind(now.0)
    .bind(i64::from(must_change))
    .bind(sip_secret)
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// The hashes of former passwords, the latest first.
pub(super) async fn old_passwords(
    conn: &mut AnyConnection,
    user: &str,
    count: usize,
) -> Result<Vec<String>, StoreError> {
    let sql =
        format!("SELECT password_hash FROM old_passwords WHERE user_name = $1 ORDER BY set_at DESC LIMIT {count}");
    let rows = sqlx::query(AssertSqlSafe(sql)).bind(user).fetch_all(conn).await?;
    rows.iter().map(|r| Ok(r.try_get(0)?)).collect()
}

pub(super) async fn set_disabled(tx: &mut Tx, user: &str, at: Option<Timestamp>) -> Result<(), StoreError> {
    changed(tx);
    sqlx::query("UPDATE accounts SET disabled_at = $2, version = version + 1 WHERE user_name = $1")
        .bind(user)
        .bind(at.map(|t| t.0))
        .execute(tx.conn())
        .await?;
    Ok(())
}

/// An account that was off for disuse is used from now on again.
pub(super) async fn set_signed_in(tx: &mut Tx, user: &str, at: Timestamp) -> Result<(), StoreError> {
    sqlx::query("UPDATE accounts SET last_sign_in_at = $2 WHERE user_name = $1")
        .bind(user)
        .bind(at.0)
        .execute(tx.conn())
        .await?;
    Ok(())
}

pub(super) async fn set_totp(tx: &mut Tx, user: &str, secret: Option<&str>, active: bool) -> Result<(), StoreError> {
    sqlx::query(
        "UPDATE accounts SET totp_secret = $2, totp_active = $3, totp_last_step = 0, version = version + 1 WHERE user_name = $1",
    )
    .bind(user)
    .bind(secret.map(str::to_owned))
    .bind(i64::from(active))
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Uses a time step of one-time codes; `false` if it or a later one was used before.
pub(super) async fn use_totp_step(tx: &mut Tx, user: &str, step: i64) -> Result<bool, StoreError> {
    let done = sqlx::query("UPDATE accounts SET totp_last_step = $2 WHERE user_name = $1 AND totp_last_step < $2")
        .bind(user)
        .bind(step)
        .execute(tx.conn())
        .await?;
    Ok(done.rows_affected() == 1)
}

pub(super) async fn set_extension(tx: &mut Tx, user: &str, extension: Option<&str>) -> Result<(), StoreError> {
    sqlx::query("UPDATE accounts SET extension = $2, version = version + 1 WHERE user_name = $1")
        .bind(user)
        .bind(extension.map(str::to_owned))
        .execute(tx.conn())
        .await?;
    Ok(())
}

const SESSION: &str = "id, user_name, person, stage, address, agent, created_at, last_seen_at, expires_at, token_hash";

pub(super) async fn insert_session(tx: &mut Tx, session: &Session) -> Result<(), StoreError> {
    let sql = format!("INSERT INTO sessions ({SESSION}) VALUES ($1,$2,$3,$4,$5,$6,$7,$8,$9,$10)");
    sqlx::query(AssertSqlSafe(sql))
        .bind(session.id.to_string())
        .bind(session.user.clone())
        .bind(session.person.to_string())
        .bind(session.stage.as_str())
        .bind(session.address.clone())
        .bind(session.agent.clone())
        .bind(session.created_at.0)
        .bind(session.last_seen_at.0)
        .bind(session.expires_at.0)
        .bind(session.token_hash.clone())
        .execute(tx.conn())
        .await?;
    Ok(())
}

/// The session of a token that was not ended.
pub(super) async fn session_of_token(
    conn: &mut AnyConnection,
    token_hash: &str,
) -> Result<Option<Session>, StoreError> {
    one_session(conn, "token_hash = $1 AND ended_at IS NULL", token_hash).await
}

/// A session that was not ended.
pub(super) async fn session(conn: &mut AnyConnection, session: SessionId) -> Result<Option<Session>, StoreError> {
    one_session(conn, "id = $1 AND ended_at IS NULL", &session.to_string()).await
}

async fn one_session(conn: &mut AnyConnection, condition: &str, bind: &str) -> Result<Option<Session>, StoreError> {
    let sql = format!("SELECT {SESSION} FROM sessions WHERE {condition}");
    let row = sqlx::query(AssertSqlSafe(sql)).bind(bind).fetch_optional(conn).await?;
    row.as_ref().map(read_session).transpose()
}

/// The sessions of an account that were not ended, the oldest first. Some may have run out of time.
pub(in crate::orgs) async fn sessions_of(conn: &mut AnyConnection, user: &str) -> Result<Vec<Session>, StoreError> {
    let sql =
        format!("SELECT {SESSION} FROM sessions WHERE user_name = $1 AND ended_at IS NULL ORDER BY created_at, id");
    sqlx::query(AssertSqlSafe(sql)).bind(user).fetch_all(conn).await?.iter().map(read_session).collect()
}

fn read_session(row: &AnyRow) -> Result<Session, StoreError> {
    let stage: String = row.try_get(3)?;
    Ok(Session {
        id: id(row, 0)?,
        user: row.try_get(1)?,
        person: id(row, 2)?,
        stage: Stage::from_stored(&stage),
        address: row.try_get(4)?,
        agent: row.try_get(5)?,
        created_at: Timestamp(row.try_get(6)?),
        last_seen_at: Timestamp(row.try_get(7)?),
        expires_at: Timestamp(row.try_get(8)?),
        token_hash: row.try_get(9)?,
    })
}

/// Ends a session; `false` if it had ended.
pub(super) async fn end_session(tx: &mut Tx, session: SessionId, at: Timestamp) -> Result<bool, StoreError> {
    changed(tx);
    let done = sqlx::query("UPDATE sessions SET ended_at = $2 WHERE id = $1 AND ended_at IS NULL")
        .bind(session.to_string())
        .bind(at.0)
        .execute(tx.conn())
        .await?;
    Ok(done.rows_affected() == 1)
}

pub(super) async fn touch_session(tx: &mut Tx, session: SessionId, at: Timestamp) -> Result<(), StoreError> {
    sqlx::query("UPDATE sessions SET last_seen_at = $2 WHERE id = $1 AND last_seen_at < $2")
        .bind(session.to_string())
        .bind(at.0)
        .execute(tx.conn())
        .await?;
    Ok(())
}

pub(super) async fn set_stage(tx: &mut Tx, session: SessionId, stage: Stage) -> Result<(), StoreError> {
    changed(tx);
    sqlx::query("UPDATE sessions SET stage = $2 WHERE id = $1")
        .bind(session.to_string())
        .bind(stage.as_str())
        .execute(tx.conn())
        .await?;
    Ok(())
}

pub(super) async fn tally(conn: &mut AnyConnection, key: &str) -> Result<Tally, StoreError> {
    let row = sqlx::query("SELECT failures, since, locked_until FROM sign_in_tallies WHERE tally_key = $1")
        .bind(key)
        .fetch_optional(conn)
        .await?;
    let Some(row) = row else { return Ok(Tally::default()) };
    let failures: i64 = row.try_get(0)?;
    Ok(Tally {
        failures: u32::try_from(failures).unwrap_or(u32::MAX),
        since: row.try_get(1)?,
        locked_until: row.try_get(2)?,
    })
}

pub(super) async fn put_tally(tx: &mut Tx, key: &str, tally: &Tally) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO sign_in_tallies (tally_key, failures, since, locked_until) VALUES ($1,$2,$3,$4) \
         ON CONFLICT (tally_key) DO UPDATE SET failures = excluded.failures, since = excluded.since, \
         locked_until = excluded.locked_until",
    )
    .bind(key)
    .bind(i64::from(tally.failures))
    .bind(tally.since)
    .bind(tally.locked_until)
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Forgets the failures of a tally.
pub(super) async fn clear_tally(tx: &mut Tx, key: &str) -> Result<(), StoreError> {
    sqlx::query("DELETE FROM sign_in_tallies WHERE tally_key = $1").bind(key).execute(tx.conn()).await?;
    Ok(())
}

/// Forgets every tally of an account, from whatever source.
pub(super) async fn clear_tallies_of(tx: &mut Tx, user: &str) -> Result<(), StoreError> {
    sqlx::query("DELETE FROM sign_in_tallies WHERE tally_key = $1 OR tally_key LIKE $2 ESCAPE '\\'")
        .bind(format!("account:{user}"))
        .bind(format!("pair:{}@%", user.replace('_', "\\_")))
        .execute(tx.conn())
        .await?;
    Ok(())
}

/// Forgets tallies in which nothing happened since `before`: they would pile up under attack.
pub(super) async fn prune_tallies(tx: &mut Tx, before: Timestamp) -> Result<(), StoreError> {
    sqlx::query("DELETE FROM sign_in_tallies WHERE since < $1 AND locked_until < $1")
        .bind(before.0)
        .execute(tx.conn())
        .await?;
    Ok(())
}

/// From now on one-time codes are asked for; the step just used stays used.
pub(super) async fn activate_totp(tx: &mut Tx, user: &str) -> Result<(), StoreError> {
    sqlx::query("UPDATE accounts SET totp_active = 1, version = version + 1 WHERE user_name = $1")
        .bind(user)
        .execute(tx.conn())
        .await?;
    Ok(())
}
