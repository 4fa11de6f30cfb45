//! Dead letters: outside effects that can never succeed by themselves. A system administrator retries or gives them up.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::access::{Action, Actor, Refusal, Target};
use crate::events::{NewEvent, Subject};
use crate::http::{Answer, Api, Ask, Signed, command};
use crate::ids::Timestamp;
use crate::log::{OutboxItem, append, dead_letters, discard_dead, retry_dead};

/// Dead letters shown at a time.
const SHOWN_MAX: i64 = 200;

pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(list)).routes(routes!(retry)).routes(routes!(discard))
}

/// An effect that failed for good.
#[derive(Serialize, ToSchema)]
struct DeadLetter {
    id: String,
    /// Which courier carried it, such as `sms`.
    courier: String,
    /// Attempts made.
    attempts: i64,
    /// When it was written.
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    /// What went wrong last.
    last_error: Option<String>,
}

/// A page of dead letters.
#[derive(Serialize, ToSchema)]
struct DeadLetters {
    items: Vec<DeadLetter>,
    next: Option<String>,
}

/// What was asked to be given up, and why.
#[derive(Deserialize, ToSchema)]
struct Discard {
    /// Why; kept in the log.
    reason: String,
}

/// Dead letters, oldest first.
#[utoipa::path(get, path = "/dead_letters", tag = "operation", responses((status = 200, body = DeadLetters)))]
async fn list(State(api): State<Api>, Signed(actor): Signed) -> Answer<Json<DeadLetters>> {
    check(&actor)?;
    let items = dead_letters(&api.store, SHOWN_MAX).await?.into_iter().map(DeadLetter::from).collect();
    Ok(Json(DeadLetters { items, next: None }))
}

/// Gives a dead letter another round of attempts.
#[utoipa::path(post, path = "/dead_letters/{id}/retry", tag = "operation", params(("id" = String, Path)), responses((status = 200)))]
async fn retry(State(api): State<Api>, Path(id): Path<String>, ask: Ask) -> Answer {
    check(&ask.actor)?;
    let vault = api.vault.clone();
    command(&api, ask, StatusCode::OK, move |tx, ask| {
        Box::pin(async move {
            if !retry_dead(tx, &id).await? {
                return Err(gone().into());
            }
            append(tx, &vault, decided(&ask.actor, &id, "outbox.retried", serde_json::json!({}))).await?;
            Ok(serde_json::json!({ "id": id }))
        })
    })
    .await
}

/// Gives a dead letter up for good.
#[utoipa::path(post, path = "/dead_letters/{id}/discard", tag = "operation", params(("id" = String, Path)), request_body = Discard, responses((status = 200)))]
async fn discard(State(api): State<Api>, Path(id): Path<String>, ask: Ask, Json(body): Json<Discard>) -> Answer {
    check(&ask.actor)?;
    let vault = api.vault.clone();
    command(&api, ask, StatusCode::OK, move |tx, ask| {
        Box::pin(async move {
            if !discard_dead(tx, &id).await? {
                return Err(gone().into());
            }
            let why = serde_json::json!({ "reason": body.reason });
            append(tx, &vault, decided(&ask.actor, &id, "outbox.discarded", why)).await?;
            Ok(serde_json::json!({ "id": id }))
        })
    })
    .await
}

fn decided(actor: &Actor, id: &str, kind: &str, body: serde_json::Value) -> NewEvent {
    NewEvent {
        subject: Subject::new("outbox", id),
        orgs: vec![actor.unit_path.clone()],
        actor: actor.as_ref(),
        kind: kind.to_owned(),
        body,
    }
}

fn check(actor: &Actor) -> Result<(), Refusal> {
    actor.check(Action::SystemManage, Target::of(std::slice::from_ref(&actor.unit_path)))
}

fn gone() -> Refusal {
    Refusal::not_found("outbox.gone", "该死信已不存在：可能已被重试成功或由他人处理")
}

impl From<OutboxItem> for DeadLetter {
    fn from(item: OutboxItem) -> Self {
        Self {
            id: item.id,
            courier: item.courier,
            attempts: item.attempts,
            created_at: item.created_at,
            last_error: item.last_error,
        }
    }
}
