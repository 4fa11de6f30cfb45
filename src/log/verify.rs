//! Walking the chain: recomputes every hash and says where the log was changed.

use sqlx::{AnyPool, Row};

use super::read::stored;
use crate::ids::Timestamp;
use crate::store::{GENESIS, StoreError};

/// Events read at a time while walking.
const STEP: i64 = 2_000;

/// The first place where the log is not what was written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the log is broken at event {seq} of {at}: {why}")]
pub struct Broken {
    /// Its sequence number.
    pub seq: i64,
    /// The time it bears.
    pub at: Timestamp,
    /// A changed field, a missing number or a wrong hash.
    pub why: &'static str,
}

/// Verifies the whole chain. `Ok(Ok(n))`: all `n` events are as they were written.
pub async fn verify(pool: &AnyPool) -> Result<Result<i64, Broken>, StoreError> {
    let (mut seq, mut previous) = (0, GENESIS);
    loop {
        let rows = sqlx::query(
            "SELECT seq, id, at, kind, subject, actor, orgs, body, hash FROM log WHERE seq > $1 ORDER BY seq LIMIT $2",
        )
        .bind(seq)
        .bind(STEP)
        .fetch_all(pool)
        .await?;
        if rows.is_empty() {
            return Ok(Ok(seq));
        }
        for row in rows {
            let event = stored(&row)?;
            let hash: Vec<u8> = row.try_get(8)?;
            let broken = |why| Ok(Err(Broken { seq: event.seq, at: Timestamp(event.at), why }));
            if event.seq != seq + 1 {
                return broken("an event before it is missing");
            }
            let expected = event.hash(&previous);
            if expected[..] != hash[..] {
                return broken("it, or the event before it, was changed");
            }
            (seq, previous) = (event.seq, expected);
        }
    }
}
