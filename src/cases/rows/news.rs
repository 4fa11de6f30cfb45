//! The SQL of what became of the cases that somebody took in.

use sqlx::{AnyPool, Row};

use super::docs;
use crate::access::{Action, Actor};
use crate::cases::model::Case;
use crate::ids::{CaseId, PersonId, Timestamp};
use crate::store::{Condition, StoreError, Tx};

/// Cases that `person` took in, changed since `since` and since he looked last; newest change first.
pub(in crate::cases) async fn news(
    pool: &AnyPool,
    actor: &Actor,
    person: PersonId,
    since: Timestamp,
    limit: u32,
) -> Result<Vec<Case>, StoreError> {
    let mut condition = Condition::from(actor.predicate(Action::CaseRead, "c.orgs", "c.owner", "c.secrecy", 1));
    condition.and("c.owner = ?", [person.to_string()]).and("c.updated_at >= ?", [since.0]).and_when(
        true,
        "NOT EXISTS (SELECT 1 FROM case_looks l WHERE l.case_id = c.id AND l.looked_at >= c.updated_at)",
    );
    let tail = format!("ORDER BY c.updated_at DESC LIMIT {limit}");
    docs(&condition.query("SELECT c.doc FROM cases c", &tail).fetch_all(pool).await?)
}

/// Whether `person` took the case in and has not looked at it since it changed last.
pub(in crate::cases) async fn is_news(pool: &AnyPool, id: CaseId, person: PersonId) -> Result<bool, StoreError> {
    let row = sqlx::query(
        "SELECT 1 FROM cases c WHERE c.id = $1 AND c.owner = $2 AND NOT EXISTS \
         (SELECT 1 FROM case_looks l WHERE l.case_id = c.id AND l.looked_at >= c.updated_at)",
    )
    .bind(id.to_string())
    .bind(person.to_string())
    .fetch_optional(pool)
    .await?;
    Ok(row.is_some())
}

/// Who took the case in looks at it now, or has just changed it himself.
pub(in crate::cases) async fn put_look(tx: &mut Tx, id: CaseId) -> Result<(), StoreError> {
    let now = tx.now().0;
    sqlx::query(
        "INSERT INTO case_looks (case_id, looked_at) VALUES ($1, $2) \
         ON CONFLICT (case_id) DO UPDATE SET looked_at = excluded.looked_at",
    )
    .bind(id.to_string())
    .bind(now)
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// The classes of some cases.
pub(in crate::cases) async fn classes_of(pool: &AnyPool, ids: &[CaseId]) -> Result<Vec<(CaseId, String)>, StoreError> {
    /// Below the least limit of placeholders of either database.
    const AT_ONCE: usize = 500;
    let mut found = Vec::with_capacity(ids.len());
    for part in ids.chunks(AT_ONCE) {
        let marks = (1..=part.len()).map(|n| format!("${n}")).collect::<Vec<_>>().join(",");
        let sql = format!("SELECT id, class_code FROM cases WHERE id IN ({marks})");
        let mut query = sqlx::query(sqlx::AssertSqlSafe(sql));
        for id in part {
            query = query.bind(id.to_string());
        }
        for row in query.fetch_all(pool).await? {
            let id: String = row.try_get(0)?;
            found.extend(id.parse().ok().map(|id| Ok::<_, StoreError>((id, row.try_get(1)?))).transpose()?);
        }
    }
    Ok(found)
}
