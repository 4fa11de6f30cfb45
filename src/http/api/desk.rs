//! The agent's desk: state, running call, intake drafts.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::IntoResponse;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::id;
use crate::access::Actor;
use crate::calls::desk::{CallState, DeskView, StateAsk};
use crate::cases::CaseLine;
use crate::http::{Answer, Api, Ask, Signed, command};
use crate::ids::{CallId, PersonId, Timestamp};

pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(desk))
        .routes(routes!(set_state))
        .routes(routes!(set_state_of))
        .routes(routes!(reattach))
        .routes(routes!(draft, put_draft))
}

/// A desk with what became of the agent's cases.
#[derive(Serialize, ToSchema)]
struct DeskBody {
    #[serde(flatten)]
    desk: DeskView,
    /// Cases that the agent took in and that others have moved since he looked at them last; of the last seven days, at
    /// most twenty, newest change first.
    changed: Vec<CaseLine>,
}

impl DeskBody {
    async fn of(api: &Api, actor: &Actor, desk: DeskView) -> Answer<Json<Self>> {
        let changed = api.cases.news(&api.store, actor).await?;
        Ok(Json(Self { desk, changed }))
    }
}

/// One's own desk.
#[utoipa::path(get, path = "/desk", tag = "calls", responses((status = 200, body = DeskBody)))]
async fn desk(State(api): State<Api>, Signed(actor): Signed) -> Answer<Json<DeskBody>> {
    let desk = api.calls.desk(&actor).await?;
    DeskBody::of(&api, &actor, desk).await
}

/// Sets one's own state. During a call it is kept for its end.
#[utoipa::path(put, path = "/desk/state", tag = "calls", request_body = StateAsk, responses((status = 200, body = DeskBody)))]
async fn set_state(State(api): State<Api>, ask: Ask, Json(body): Json<StateAsk>) -> Answer<Json<DeskBody>> {
    let desk = api.calls.set_state(&ask.actor, body).await?;
    DeskBody::of(&api, &ask.actor, desk).await
}

/// Sets another agent's state: for supervisors.
#[utoipa::path(put, path = "/agents/{id}/state", tag = "calls", params(("id" = String, Path)), request_body = StateAsk, responses((status = 204)))]
async fn set_state_of(
    State(api): State<Api>,
    Path(person): Path<String>,
    ask: Ask,
    Json(body): Json<StateAsk>,
) -> Answer<StatusCode> {
    api.calls.set_state_of(&ask.actor, id::<PersonId>(&person)?, body).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// After a reload of the page: the newest browser takes over the running call.
#[utoipa::path(post, path = "/desk/reattach", tag = "calls", responses((status = 200, body = CallState)))]
async fn reattach(State(api): State<Api>, ask: Ask) -> Answer<Json<CallState>> {
    Ok(Json(api.calls.reattach(&ask.actor).await?))
}

/// An intake form as it was typed.
#[derive(Serialize, ToSchema)]
struct DraftBody {
    call_id: String,
    #[schema(value_type = Object)]
    form: serde_json::Value,
    #[schema(value_type = String, format = DateTime)]
    saved_at: Timestamp,
}

/// An intake form to be kept.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct DraftAsk {
    /// Whatever the form holds; at most 64 KiB.
    #[schema(value_type = Object)]
    form: serde_json::Value,
}

/// The kept intake form of a call.
#[utoipa::path(get, path = "/desk/drafts/{call_id}", tag = "calls", params(("call_id" = String, Path)), responses((status = 200, body = DraftBody)))]
async fn draft(State(api): State<Api>, Signed(actor): Signed, Path(call): Path<String>) -> Answer<Json<DraftBody>> {
    let (form, saved_at) = api.calls.draft(&actor, id::<CallId>(&call)?).await?;
    Ok(Json(DraftBody { call_id: call, form, saved_at }))
}

/// Keeps the intake form of a call while it is typed.
#[utoipa::path(put, path = "/desk/drafts/{call_id}", tag = "calls", params(("call_id" = String, Path)), request_body = DraftAsk, responses((status = 200, body = DraftBody)))]
async fn put_draft(State(api): State<Api>, Path(call): Path<String>, ask: Ask, Json(body): Json<DraftAsk>) -> Answer {
    let (calls, call) = (api.calls.clone(), id::<CallId>(&call)?);
    let kept = command(&api, ask, StatusCode::OK, move |tx, ask| {
        Box::pin(async move {
            let saved_at = calls.put_draft(tx, &ask.actor, call, &body.form).await?;
            Ok(DraftBody { call_id: call.to_string(), form: body.form, saved_at })
        })
    });
    Ok(kept.await?.into_response())
}
