//! Responders and orders.

use axum::Json;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::access::Refusal;
use crate::dispatch::{GiveOrder, OrderAsk, OrderCommand, OrderFilter, OrderView, ResponderView, Target};
use crate::events::Subject;
use crate::events::cases::ContactRole;
use crate::events::dispatch::ResponderState;
use crate::http::{Answer, Api, Ask, Signed, command};
use crate::ids::{CaseId, OrderId, Point, ResponderId};

/// Orders in one page unless asked for fewer.
const PAGE: i64 = 50;

pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(responders))
        .routes(routes!(change_responder))
        .routes(routes!(orders, give))
        .routes(routes!(order))
        .routes(routes!(act))
}

/// From where distances are measured.
#[derive(Debug, Deserialize, IntoParams)]
struct Near {
    /// Longitude, degrees east.
    lon: Option<f64>,
    /// Latitude, degrees north.
    lat: Option<f64>,
}

/// Responders.
#[derive(Serialize, ToSchema)]
struct Responders {
    items: Vec<ResponderView>,
    next: Option<String>,
}

/// Responders that the caller may see; with a place, nearest first and with distances.
#[utoipa::path(get, path = "/responders", tag = "dispatch", params(Near), responses((status = 200, body = Responders)))]
async fn responders(
    State(api): State<Api>,
    Signed(actor): Signed,
    Query(near): Query<Near>,
) -> Answer<Json<Responders>> {
    let near = near.lon.zip(near.lat).map(|(lon, lat)| Point { lon, lat });
    let items = api.dispatch.responders(&api.store, &actor, near).await?;
    Ok(Json(Responders { items, next: None }))
}

/// A responder's new state or place.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct ResponderChange {
    /// `free` or `off_duty`; the others follow from its orders.
    #[schema(value_type = Option<String>)]
    state: Option<ResponderState>,
    /// Where it is: `{lon, lat}`.
    #[schema(value_type = Option<Object>)]
    place: Option<Point>,
}

/// Sets a responder's state or place.
#[utoipa::path(put, path = "/responders/{id}", tag = "dispatch", params(("id" = String, Path)), request_body = ResponderChange, responses((status = 200, body = ResponderView)))]
async fn change_responder(
    State(api): State<Api>,
    Path(id): Path<ResponderId>,
    ask: Ask,
    Json(change): Json<ResponderChange>,
) -> Answer {
    let dispatch = api.dispatch.clone();
    command(&api, ask, StatusCode::OK, move |tx, ask| {
        Box::pin(async move { dispatch.place_responder(tx, &ask.actor, id, change.state, change.place).await })
    })
    .await
}

/// Which orders.
#[derive(Debug, Deserialize, IntoParams)]
struct OrdersQuery {
    /// Of this case.
    #[param(value_type = Option<String>)]
    case_id: Option<CaseId>,
    /// Only those not at their end.
    #[serde(default)]
    open: bool,
    /// The `next` of the page before.
    #[param(value_type = Option<String>)]
    cursor: Option<OrderId>,
    /// At most this many (1–200).
    limit: Option<i64>,
}

/// Orders.
#[derive(Serialize, ToSchema)]
struct Orders {
    items: Vec<OrderView>,
    next: Option<String>,
}

/// Orders that the caller may see, newest first.
#[utoipa::path(get, path = "/orders", tag = "dispatch", params(OrdersQuery), responses((status = 200, body = Orders)))]
async fn orders(
    State(api): State<Api>,
    Signed(actor): Signed,
    Query(query): Query<OrdersQuery>,
) -> Answer<Json<Orders>> {
    let limit = query.limit.unwrap_or(PAGE);
    let filter = OrderFilter { case: query.case_id, open: query.open, before: query.cursor, limit };
    let items = api.dispatch.orders(&api.store, &actor, filter).await?;
    let full = i64::try_from(items.len()).is_ok_and(|n| n >= limit);
    let next = items.last().filter(|_| full).map(|o| o.id.to_string());
    Ok(Json(Orders { items, next }))
}

/// An order to be given.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct OrderBody {
    /// The case it serves.
    #[schema(value_type = Option<String>)]
    case_id: Option<CaseId>,
    /// What is to be done, at most 200 characters.
    text: String,
    /// The responders; one order each.
    #[serde(default)]
    #[schema(value_type = Vec<String>)]
    units: Vec<ResponderId>,
    /// Instead: the nearest free one to this place.
    #[schema(value_type = Option<Object>)]
    near: Option<NearBody>,
}

/// The nearest to a place.
#[derive(Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NearBody {
    /// Longitude, degrees east.
    lon: f64,
    /// Latitude, degrees north.
    lat: f64,
    /// Only with this skill: `water`, `power`, `gas`, `road`…
    skill: Option<String>,
}

/// Given orders.
#[derive(Serialize, ToSchema)]
struct Given {
    items: Vec<OrderView>,
}

/// Gives an order to each named responder, or to the nearest free one, and puts it on the case's timeline.
#[utoipa::path(post, path = "/orders", tag = "dispatch", request_body = OrderBody, responses((status = 201, body = Given)))]
async fn give(State(api): State<Api>, ask: Ask, Json(body): Json<OrderBody>) -> Answer {
    let targets = targets(&body)?;
    let (dispatch, cases) = (api.dispatch.clone(), api.cases.clone());
    command(&api, ask, StatusCode::CREATED, move |tx, ask| {
        Box::pin(async move {
            let case_orgs = match body.case_id {
                Some(case) => cases.visible(tx, &ask.actor, case).await?.orgs(),
                None => Vec::new(),
            };
            let mut items = Vec::new();
            for target in targets {
                let wish =
                    GiveOrder { case: body.case_id, case_orgs: case_orgs.clone(), text: body.text.clone(), target };
                let order = dispatch.give(tx, &ask.actor, wish).await?;
                if let Some(case) = body.case_id {
                    let by = ask.actor.as_ref();
                    cases.link_subject(tx, case, Subject::from(order.id), ContactRole::Related, by).await?;
                }
                items.push(order);
            }
            Ok(Given { items })
        })
    })
    .await
}

fn targets(body: &OrderBody) -> Result<Vec<Target>, Refusal> {
    match (&body.near, &body.units[..]) {
        (None, []) => Err(Refusal::invalid("order.no_target", "请选择力量，或给出地点由系统就近指派").field("/units")),
        (Some(near), []) => {
            Ok(vec![Target::Nearest { to: Point { lon: near.lon, lat: near.lat }, skill: near.skill.clone() }])
        }
        (_, units) => Ok(units.iter().copied().map(Target::Responder).collect()),
    }
}

/// One order.
#[utoipa::path(get, path = "/orders/{id}", tag = "dispatch", params(("id" = String, Path)), responses((status = 200, body = OrderView)))]
async fn order(State(api): State<Api>, Signed(actor): Signed, Path(id): Path<OrderId>) -> Answer<Json<OrderView>> {
    let dispatch = api.dispatch.clone();
    Ok(Json(api.store.write(move |tx| Box::pin(async move { dispatch.order(tx, &actor, id).await })).await?))
}

/// What is said with it.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
struct Said {
    /// With `done`: what came of it.
    result: Option<String>,
    /// With `decline` and `cancel`: why.
    reason: Option<String>,
}

/// Accepts, drives off, arrives, finishes, declines, calls off: `accept`, `en_route`, `on_site`, `done`, `decline`, `cancel`.
#[utoipa::path(post, path = "/orders/{id}/{verb}", tag = "dispatch", params(("id" = String, Path), ("verb" = String, Path)), request_body = Option<Said>, responses((status = 200, body = OrderView)))]
async fn act(
    State(api): State<Api>,
    Path((id, verb)): Path<(OrderId, String)>,
    ask: Ask,
    body: Option<Json<Said>>,
) -> Answer {
    let said = body.map(|Json(said)| said).unwrap_or_default();
    let (result, reason) = (said.result.unwrap_or_default(), said.reason.unwrap_or_default());
    let wish = match verb.as_str() {
        "accept" => OrderCommand::Accept,
        "en_route" => OrderCommand::EnRoute,
        "on_site" => OrderCommand::OnSite,
        "done" => OrderCommand::Done { result },
        "decline" => OrderCommand::Decline { reason },
        "cancel" => OrderCommand::Cancel { reason },
        _ => {
            let text = format!("没有「{verb}」这个操作：可用 accept、en_route、on_site、done、decline、cancel");
            return Err(Refusal::not_found("order.unknown_verb", text).into());
        }
    };
    let dispatch = api.dispatch.clone();
    command(&api, ask, StatusCode::OK, move |tx, ask| {
        Box::pin(async move { dispatch.act(tx, OrderAsk::Actor(ask.actor.clone()), id, wish).await })
    })
    .await
}
