//! The last day's calls, remembered between the boards that show their figures: with two hundred consoles open, each call
//! would else be read two hundred times for every event of any call.
//!
//! What is remembered holds until anything is committed about a call ([`rows::changes`]).

use std::collections::HashMap;
use std::sync::Arc;

use sqlx::AnyPool;
use tokio::sync::Mutex;

use crate::access::Predicate;
use crate::calls::queue::figures::CallFact;
use crate::calls::rows;
use crate::ids::Timestamp;
use crate::store::StoreError;

/// Different rights at a time; beyond it all are read anew. A hub has one for each unit with a board, and few units.
const RIGHTS_MAX: usize = 64;
/// With no call at all the stretch of time still moves on.
const AGE_MAX_MS: i64 = 10_000;

/// The memory.
#[derive(Default)]
pub(super) struct Day(Mutex<HashMap<(String, Vec<String>), Kept>>);

struct Kept {
    changes: u64,
    at: Timestamp,
    facts: Arc<[CallFact]>,
}

impl Day {
    /// The facts from `from` until `now` that may be seen. Who asks for what another is just reading waits for that.
    pub(super) async fn facts(
        &self,
        pool: &AnyPool,
        visible: &Predicate,
        from: Timestamp,
        now: Timestamp,
    ) -> Result<Arc<[CallFact]>, StoreError> {
        let mut kept = self.0.lock().await;
        let (key, changes) = ((visible.sql.clone(), visible.binds.clone()), rows::changes());
        if let Some(known) = kept.get(&key)
            && known.changes == changes
            && (0..AGE_MAX_MS).contains(&now.since(known.at))
        {
            return Ok(known.facts.clone());
        }
        let facts: Arc<[CallFact]> = rows::facts(pool, visible, from, now.plus_millis(1)).await?.into();
        if kept.len() >= RIGHTS_MAX {
            kept.clear();
        }
        kept.insert(key, Kept { changes, at: now, facts: facts.clone() });
        Ok(facts)
    }
}
