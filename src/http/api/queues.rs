//! Queues and the figures of the hotline's service.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::{Path, Query, State};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::access::Actor;
use crate::calls::FigureView;
use crate::calls::desk::QueueNow;
use crate::http::{Answer, Api, Problem, Signed};
use crate::ids::{CaseId, Timestamp};

/// Topics of a queue; the wall shows six.
const TOPICS_MAX: usize = 10;
/// Without `from` and `to` the figures cover this much.
const BACK_MS: i64 = 24 * 3_600_000;

pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(queues)).routes(routes!(figures))
}

/// What callers ask about.
#[derive(Serialize, ToSchema)]
struct Topic {
    /// The class of the cases.
    name: String,
    /// How many.
    count: usize,
}

/// One queue, with what its callers ask about.
#[derive(Serialize, ToSchema)]
struct QueueBody {
    #[serde(flatten)]
    queue: QueueNow,
    /// Classes of the cases that today's calls of this queue are about, most frequent first; at most ten.
    topics: Vec<Topic>,
}

/// All queues that one may see.
#[derive(Serialize, ToSchema)]
struct QueuesBody {
    /// By name.
    items: Vec<QueueBody>,
    /// Always none: there are few.
    next: Option<String>,
    /// Over all of these queues together.
    figures: Vec<FigureView>,
}

/// Waiting calls, agents, service level of the queues that one may see.
#[utoipa::path(get, path = "/queues", tag = "calls", responses((status = 200, body = QueuesBody)))]
async fn queues(State(api): State<Api>, Signed(actor): Signed) -> Answer<Json<QueuesBody>> {
    let view = api.calls.queues(&actor).await?;
    let mut topics = topics(&api, &actor).await?;
    let with = |queue: QueueNow| QueueBody { topics: topics.remove(&queue.id).unwrap_or_default(), queue };
    Ok(Json(QueuesBody { items: view.items.into_iter().map(with).collect(), next: view.next, figures: view.figures }))
}

/// By queue: which calls are about which cases, calls know; which classes these have, cases know.
async fn topics(api: &Api, actor: &Actor) -> Result<BTreeMap<String, Vec<Topic>>, Problem> {
    let calls = api.calls.cases_today(actor).await?;
    let ids: Vec<CaseId> = calls.iter().flat_map(|(_, cases)| cases.iter().copied()).collect();
    let classes = api.cases.topics(&api.store, &ids).await?;
    let mut counts: BTreeMap<String, BTreeMap<&str, usize>> = BTreeMap::new();
    for (queue, cases) in &calls {
        for class in cases.iter().filter_map(|case| classes.get(case)) {
            *counts.entry(queue.to_string()).or_default().entry(class).or_default() += 1;
        }
    }
    let most_first = |counts: BTreeMap<&str, usize>| {
        let mut topics: Vec<Topic> =
            counts.into_iter().map(|(name, count)| Topic { name: name.to_owned(), count }).collect();
        topics.sort_by_key(|topic| std::cmp::Reverse(topic.count));
        topics.truncate(TOPICS_MAX);
        topics
    };
    Ok(counts.into_iter().map(|(queue, counts)| (queue, most_first(counts))).collect())
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
