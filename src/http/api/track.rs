//! The citizen's way to his case: public number and query code, no account.

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, Query, State};
use serde::Deserialize;
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::cases::read;
use crate::access::Refusal;
use crate::cases::engine::Act;
use crate::cases::flow::Verb;
use crate::cases::{Knock, PublicView};
use crate::http::{Answer, Api, Peer};

/// What a citizen may do himself.
const VERBS: [Verb; 4] = [Verb::Supplement, Verb::Urge, Verb::Revisit, Verb::Reopen];

pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(track)).routes(routes!(act))
}

/// Which case.
#[derive(Deserialize, IntoParams)]
struct TrackQuery {
    /// The public number, 13 digits.
    no: String,
    /// The query code, 6 digits.
    code: String,
}

/// How far a case is, in plain words.
#[utoipa::path(get, path = "/track", tag = "citizen", params(TrackQuery), responses((status = 200, body = PublicView)))]
async fn track(State(api): State<Api>, Peer(from): Peer, Query(q): Query<TrackQuery>) -> Answer<Json<PublicView>> {
    Ok(Json(api.cases.track(&api.store, Knock { no: &q.no, code: &q.code, from }).await?))
}

/// A citizen's act on his case.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct CitizenAct {
    /// The public number.
    no: String,
    /// The query code.
    code: String,
    /// The verb's body.
    #[serde(default)]
    #[schema(value_type = Object)]
    body: Value,
}

/// Supplement, urge, rate (`revisit`) or ask for it to be done again (`reopen`).
#[utoipa::path(post, path = "/track/{verb}", tag = "citizen", params(("verb" = String, Path)), request_body = CitizenAct, responses((status = 200, body = PublicView)))]
async fn act(
    State(api): State<Api>,
    Peer(from): Peer,
    Path(verb): Path<String>,
    body: Bytes,
) -> Answer<Json<PublicView>> {
    let verb = Verb::named(&verb).filter(|v| VERBS.contains(v)).ok_or_else(|| {
        Refusal::not_found(
            "track.unknown_verb",
            "可以进行的操作：supplement 补充、urge 催办、revisit 评价、reopen 要求重办",
        )
    })?;
    let said: CitizenAct = read(&body)?;
    let act = Act::parse(verb, said.body)?;
    Ok(Json(api.cases.by_citizen(&api.store, Knock { no: &said.no, code: &said.code, from }, act).await?))
}
