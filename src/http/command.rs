//! Running a command: one transaction that holds the domains' changes and the answer to the request's idempotency key,
//! so that a client that lost the answer (or whose hub was killed) asks again and gets the same one.

use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use super::{Answer, Api, Ask, rows};
use crate::access::{CommandError, Refusal};
use crate::log::Vault;
use crate::store::{Migration, StoreError, Tx, WriteFuture};

/// The tables of HTTP.
pub const MIGRATIONS: &[Migration] =
    &[Migration { name: "http/001_idempotency", sql: include_str!("schema/001_idempotency.sql") }];

/// Whose key seals the kept answers: some hold what is told only once, such as a query code or a ticket.
const ANSWERS: &str = "http:answers";

/// Carries out `work` and answers with `status` and its JSON. The same `Idempotency-Key` gives the first answer again;
/// on another path it is refused.
pub async fn command<T, F>(api: &Api, ask: Ask, status: StatusCode, work: F) -> Answer
where
    T: Serialize + Send + 'static,
    F: for<'a> FnOnce(&'a mut Tx, &'a Ask) -> WriteFuture<'a, T, CommandError> + Send + 'static,
{
    let vault = api.vault.clone();
    let done = api.store.write(move |tx| {
        Box::pin(async move {
            if let Some(first) = earlier(tx, &vault, &ask).await? {
                return Ok(first);
            }
            let value = work(tx, &ask).await?;
            let answer = serde_json::to_string(&value).map_err(|e| StoreError::Damaged(e.to_string()))?;
            let first = rows::FirstAnswer { what: ask.what.clone(), status: status.as_u16(), answer };
            if let Some(key) = &ask.key {
                let sealed = vault.seal(tx, ANSWERS, &first.answer).await?;
                rows::insert_answer(tx, &owner(&ask), key, &first, &sealed).await?;
            }
            Ok::<_, CommandError>(first)
        })
    });
    let first = done.await?;
    let status = StatusCode::from_u16(first.status).unwrap_or(status);
    Ok(json(status, first.answer))
}

async fn earlier(tx: &mut Tx, vault: &Vault, ask: &Ask) -> Result<Option<rows::FirstAnswer>, CommandError> {
    let Some(key) = &ask.key else { return Ok(None) };
    let mut found = rows::find_answer(tx, &owner(ask), key).await?;
    if found.as_ref().is_some_and(|f| f.what != ask.what) {
        let detail = "该 Idempotency-Key 已用于另一个请求，请为每个新操作生成新的键";
        return Err(Refusal::conflict("http.key_reused", detail).field("Idempotency-Key").into());
    }
    // A database from before the answers were sealed has them as they are.
    if let Some(first) = found.as_mut().filter(|f| !f.answer.starts_with(['{', '[', '"'])) {
        let opened = vault.open_text(tx.conn(), ANSWERS, &first.answer).await;
        first.answer = opened.map_err(|e| StoreError::Damaged(e.to_string()))?;
    }
    Ok(found)
}

fn owner(ask: &Ask) -> String {
    ask.actor.person.map_or_else(|| ask.actor.name.clone(), |p| p.to_string())
}

fn json(status: StatusCode, body: String) -> Response {
    (status, [(header::CONTENT_TYPE, "application/json")], body).into_response()
}
