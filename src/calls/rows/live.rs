//! The SQL of what goes on after a kill: agents' states, running calls, their legs.

use sqlx::any::AnyRow;
use sqlx::{AnyPool, Row};

use crate::calls::call::LegId;
use crate::calls::edge::StoredLeg;
use crate::calls::queue::AgentState;
use crate::ids::{CallId, PersonId, Timestamp};
use crate::log::{Vault, VaultError};
use crate::store::{StoreError, Tx};

/// Whose key seals running calls: they hold numbers of many, for minutes.
const OWNER: &str = "calls:live";

pub(super) async fn put_agent_state(
    tx: &mut Tx,
    agent: PersonId,
    state: &AgentState,
    since: Timestamp,
) -> Result<(), StoreError> {
    let state = serde_json::to_string(state).map_err(|e| StoreError::Damaged(e.to_string()))?;
    sqlx::query(
        "INSERT INTO agent_states (agent, state, since) VALUES ($1, $2, $3) \
         ON CONFLICT (agent) DO UPDATE SET state = excluded.state, since = excluded.since",
    )
    .bind(agent.to_string())
    .bind(state)
    .bind(since.0)
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// What the agents did last, where that was after `from`.
pub(in crate::calls) async fn agent_states(
    pool: &AnyPool,
    from: Timestamp,
) -> Result<Vec<(PersonId, AgentState, Timestamp)>, StoreError> {
    let rows = sqlx::query("SELECT agent, state, since FROM agent_states WHERE since >= $1")
        .bind(from.0)
        .fetch_all(pool)
        .await?;
    let read = |row: &AnyRow| {
        let (agent, state): (String, String) = (row.try_get(0)?, row.try_get(1)?);
        let agent = agent.parse().map_err(|_| StoreError::Damaged("an agent's id".into()))?;
        let state = serde_json::from_str(&state).map_err(|e| StoreError::Damaged(e.to_string()))?;
        Ok((agent, state, Timestamp(row.try_get(2)?)))
    };
    rows.iter().map(read).collect()
}

/// Keeps a running call; with `None` it is over.
pub(in crate::calls) async fn keep_call(
    tx: &mut Tx,
    vault: &Vault,
    call: CallId,
    text: Option<&str>,
) -> Result<(), StoreError> {
    let Some(text) = text else {
        sqlx::query("DELETE FROM live_calls WHERE call_id = $1").bind(call.to_string()).execute(tx.conn()).await?;
        return Ok(());
    };
    let sealed = vault.seal(tx, OWNER, text).await?;
    sqlx::query(
        "INSERT INTO live_calls (call_id, sealed) VALUES ($1, $2) \
         ON CONFLICT (call_id) DO UPDATE SET sealed = excluded.sealed",
    )
    .bind(call.to_string())
    .bind(sealed)
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// The calls that ran. What cannot be opened or read is left out: its call is closed.
pub(in crate::calls) async fn calls(pool: &AnyPool, vault: &Vault) -> Result<Vec<(CallId, String)>, StoreError> {
    let rows = sqlx::query("SELECT call_id, sealed FROM live_calls ORDER BY call_id").fetch_all(pool).await?;
    let mut conn = pool.acquire().await?;
    let mut found = Vec::with_capacity(rows.len());
    for row in rows {
        let (call, sealed): (String, String) = (row.try_get(0)?, row.try_get(1)?);
        let text = opened(vault.open_text(&mut conn, OWNER, &sealed).await)?;
        found.extend(call.parse().ok().zip(text));
    }
    Ok(found)
}

/// Forgets the calls that ran but were not taken up.
pub(in crate::calls) async fn forget_calls(tx: &mut Tx, but: &[CallId]) -> Result<(), StoreError> {
    let rows = sqlx::query("SELECT call_id FROM live_calls").fetch_all(tx.conn()).await?;
    for row in rows {
        let call: String = row.try_get(0)?;
        if !but.iter().any(|kept| kept.to_string() == call) {
            sqlx::query("DELETE FROM live_calls WHERE call_id = $1").bind(call).execute(tx.conn()).await?;
        }
    }
    Ok(())
}

/// Keeps a leg.
pub(in crate::calls) async fn keep_leg(tx: &mut Tx, vault: &Vault, leg: &StoredLeg) -> Result<(), StoreError> {
    let sealed = vault.seal(tx, OWNER, &leg.detail).await?;
    sqlx::query(
        "INSERT INTO live_legs (call_id, leg, sealed) VALUES ($1, $2, $3) \
         ON CONFLICT (call_id, leg) DO UPDATE SET sealed = excluded.sealed",
    )
    .bind(leg.call.to_string())
    .bind(i64::from(leg.leg.0))
    .bind(sealed)
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// A leg is over.
pub(in crate::calls) async fn drop_leg(tx: &mut Tx, call: CallId, leg: LegId) -> Result<(), StoreError> {
    sqlx::query("DELETE FROM live_legs WHERE call_id = $1 AND leg = $2")
        .bind(call.to_string())
        .bind(i64::from(leg.0))
        .execute(tx.conn())
        .await?;
    Ok(())
}

/// The legs that were up. What cannot be opened has no detail: nothing can be made of it.
pub(in crate::calls) async fn legs(pool: &AnyPool, vault: &Vault) -> Result<Vec<StoredLeg>, StoreError> {
    let rows = sqlx::query("SELECT call_id, leg, sealed FROM live_legs ORDER BY call_id, leg").fetch_all(pool).await?;
    let mut conn = pool.acquire().await?;
    let mut found = Vec::with_capacity(rows.len());
    for row in rows {
        let (call, sealed): (String, String) = (row.try_get(0)?, row.try_get(2)?);
        let call = call.parse().map_err(|_| StoreError::Damaged("a leg's call".into()))?;
        let leg = LegId(u32::try_from(row.try_get::<i64, _>(1)?).unwrap_or(0));
        let detail = opened(vault.open_text(&mut conn, OWNER, &sealed).await)?.unwrap_or_default();
        found.push(StoredLeg { call, leg, detail });
    }
    Ok(found)
}

fn opened(text: Result<String, VaultError>) -> Result<Option<String>, StoreError> {
    match text {
        Ok(text) => Ok(Some(text)),
        Err(VaultError::Store(error)) => Err(error),
        Err(VaultError::Erased | VaultError::Damaged) => Ok(None),
    }
}
