//! Queues and the figures of the hotline's service.

use axum::Json;
use axum::extract::{Path, Query, State};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::calls::FigureView;
use crate::calls::desk::QueuesView;
use crate::http::{Answer, Api, Signed};
use crate::ids::Timestamp;

/// Without `from` and `to` the figures cover this much.
const BACK_MS: i64 = 24 * 3_600_000;

pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(queues)).routes(routes!(figures))
}

/// Waiting calls, agents, service level of the queues that one may see.
#[utoipa::path(get, path = "/queues", tag = "calls", responses((status = 200, body = QueuesView)))]
async fn queues(State(api): State<Api>, Signed(actor): Signed) -> Answer<Json<QueuesView>> {
    Ok(Json(api.calls.queues(&actor).await?))
}

/// Which stretch of time.
#[derive(Debug, Deserialize, IntoParams)]
struct Stretch {
    /// Callers who asked for a person at or after; by default a day ago.
    #[param(value_type = Option<String>)]
    from: Option<Timestamp>,
    /// And before; by default now.
    #[param(value_type = Option<String>)]
    to: Option<Timestamp>,
}

/// Figures with the calls behind them.
#[derive(Serialize, ToSchema)]
struct Figures {
    items: Vec<FigureView>,
    next: Option<String>,
    #[schema(value_type = String, format = DateTime)]
    from: Timestamp,
    #[schema(value_type = String, format = DateTime)]
    to: Timestamp,
}

/// The figures of a queue (`all`: of every queue that one may see), each with definition, version and calls.
#[utoipa::path(get, path = "/queues/{id}/figures", tag = "calls", params(("id" = String, Path), Stretch), responses((status = 200, body = Figures)))]
async fn figures(
    State(api): State<Api>,
    Signed(actor): Signed,
    Path(queue): Path<String>,
    Query(stretch): Query<Stretch>,
) -> Answer<Json<Figures>> {
    let to = stretch.to.unwrap_or_else(|| Timestamp::now().plus_millis(1));
    let from = stretch.from.unwrap_or_else(|| to.plus_millis(-BACK_MS));
    let queue = Some(queue.as_str()).filter(|q| *q != "all");
    let items = api.calls.figures(&actor, queue, from, to).await?;
    Ok(Json(Figures { items, next: None, from, to }))
}
