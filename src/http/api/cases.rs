//! Cases: capture, lists, one case with the verbs that the caller may use, the verbs, the timeline.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderValue, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::access::Refusal;
use crate::cases::engine::{Act, CaptureBody, schema};
use crate::cases::flow::Verb;
use crate::cases::{CaseDetail, CaseFilter, CasePage, Counts, PhoneHistory, RequesterView, Wish};
use crate::events::{Record, Subject};
use crate::http::{Answer, Api, Ask, Problem, Signed, command};
use crate::ids::{CaseId, PhoneNumber};

pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(list, capture))
        .routes(routes!(counts))
        .routes(routes!(schemas))
        .routes(routes!(history))
        .routes(routes!(one))
        .routes(routes!(requester))
        .routes(routes!(timeline))
        .routes(routes!(act))
}

/// Opens a case. Schema of the body: `GET /cases/schema`, `capture`.
#[utoipa::path(post, path = "/cases", tag = "cases", request_body = Object, responses((status = 201, body = CaseDetail)))]
async fn capture(State(api): State<Api>, ask: Ask, body: Bytes) -> Answer {
    let mut body: CaptureBody = read(&body)?;
    if let Some(call) = body.call_id {
        api.cases.may_link(&api.store, &ask.actor, &Subject::from(call)).await?;
        let requester = body.requester.get_or_insert_default();
        if requester.phone.is_none() {
            // The agent sees it masked and cannot type it: whoever rang is who asks, unless the form says otherwise.
            let number = api.calls.far_number(&ask.actor, call).await?;
            requester.phone = number.and_then(|n| PhoneNumber::parse(&n).ok());
        }
    }
    let (cases, calls) = (api.cases.clone(), api.calls.clone());
    command(&api, ask, StatusCode::CREATED, move |tx, ask| {
        Box::pin(async move {
            let case = cases.capture(tx, &ask.actor, &body, ask.key.as_deref()).await?;
            if let Some(call) = body.call_id {
                calls.link(tx, &ask.actor, call, case.id, Some(case.public_no.clone())).await?;
            }
            let mut answer = cases.answer(tx, &ask.actor, &case).await?;
            // Whoever took it in reads the code aloud, even if he may not read the case afterwards.
            if answer.query_code.is_none() {
                answer.query_code = cases.query_code(tx, case.id).await?;
            }
            Ok(answer)
        })
    })
    .await
}

/// Cases that the caller may see.
#[utoipa::path(
    get,
    path = "/cases",
    tag = "cases",
    params(
        ("box" = Option<String>, Query, description = "A working list: `to_sign`, `handling`, `due_soon`, `overdue`, `returned`, `to_dispatch`, `to_check`, `supervision`, `mine`."),
        ("node" = Option<String>, Query, description = "Node of the flow."),
        ("step" = Option<u8>, Query, description = "Step, 1–6."),
        ("card" = Option<String>, Query, description = "`green`, `yellow`, `red`."),
        ("unit" = Option<String>, Query, description = "Lead unit."),
        ("class_code" = Option<String>, Query, description = "Class, or the top of a part of the class tree."),
        ("urgency" = Option<String>, Query, description = "`normal`, `urgent`, `extra_urgent`."),
        ("ended" = Option<bool>, Query, description = "Whether at an end."),
        ("q" = Option<String>, Query, description = "Words of the title, a public number, or a telephone number."),
        ("sort" = Option<String>, Query, description = "`newest` or `due`."),
        ("limit" = Option<u32>, Query, description = "How many."),
        ("cursor" = Option<String>, Query, description = "The `next` of the page before."),
    ),
    responses((status = 200, body = CasePage))
)]
async fn list(State(api): State<Api>, Signed(actor): Signed, uri: Uri) -> Answer<Json<CasePage>> {
    let Query(filter) = Query::<CaseFilter>::try_from_uri(&uri).map_err(|e| bad_query(&e.body_text()))?;
    Ok(Json(api.cases.list(&api.store, &actor, &filter).await?))
}

/// How many cases each working list holds for the caller.
#[utoipa::path(get, path = "/cases/counts", tag = "cases", responses((status = 200, body = Counts)))]
async fn counts(State(api): State<Api>, Signed(actor): Signed) -> Answer<Json<Counts>> {
    Ok(Json(api.cases.counts(&api.store, &actor).await?))
}

/// The JSON schemas of a capture and of each verb, and the nodes of the flow.
#[utoipa::path(get, path = "/cases/schema", tag = "cases", responses((status = 200, body = Object)))]
async fn schemas(State(api): State<Api>, _signed: Signed) -> Json<Value> {
    let verbs: serde_json::Map<String, Value> =
        Verb::ALL.iter().map(|v| (v.as_str().to_owned(), json!({ "zh": v.zh(), "schema": schema(*v) }))).collect();
    Json(json!({ "capture": schemars::schema_for!(CaptureBody), "verbs": verbs, "nodes": api.cases.nodes() }))
}

/// Whose cases.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct HistoryBody {
    /// The telephone number; in the body, because addresses end up in logs.
    #[schema(value_type = String)]
    phone: PhoneNumber,
}

/// Open and last cases behind a telephone number, for the agent's screen when it rings.
#[utoipa::path(post, path = "/cases/history", tag = "cases", request_body = HistoryBody, responses((status = 200, body = PhoneHistory)))]
async fn history(State(api): State<Api>, Signed(actor): Signed, body: Bytes) -> Answer<Json<PhoneHistory>> {
    let body: HistoryBody = read(&body)?;
    Ok(Json(api.cases.of_phone(&api.store, &actor, &body.phone).await?))
}

/// One case with `verbs`: those that the caller may use now, each with the schema of its body. `ETag` is its version.
#[utoipa::path(get, path = "/cases/{id}", tag = "cases", params(("id" = String, Path)), responses((status = 200, body = CaseDetail)))]
async fn one(State(api): State<Api>, Signed(actor): Signed, Path(id): Path<CaseId>) -> Answer {
    let detail = api.cases.detail(&api.store, &actor, id).await?;
    if let Err(error) = api.cases.looked(&api.store, &actor, id).await {
        tracing::debug!(%error, "that a case was looked at could not be noted");
    }
    let version = detail.line.version;
    Ok(with_etag(Json(detail).into_response(), version))
}

/// Why personal data is wanted whole.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Purpose {
    /// The purpose, kept in the audit.
    purpose: String,
}

/// The requester unmasked; each reading is audited with its purpose.
#[utoipa::path(post, path = "/cases/{id}/requester", tag = "cases", params(("id" = String, Path)), request_body = Purpose, responses((status = 200, body = RequesterView)))]
async fn requester(
    State(api): State<Api>,
    Path(id): Path<CaseId>,
    Signed(actor): Signed,
    body: Bytes,
) -> Answer<Json<RequesterView>> {
    // Not through `command`: its kept answers would hold the number in the open.
    let (cases, body): (_, Purpose) = (api.cases.clone(), read(&body)?);
    let read = api.store.write(move |tx| Box::pin(async move { cases.unmask(tx, &actor, id, &body.purpose).await }));
    Ok(Json(read.await?))
}

/// From where.
#[derive(Deserialize, IntoParams)]
struct After {
    /// Only events after this sequence number.
    #[serde(default)]
    after: i64,
}

/// A timeline.
#[derive(Serialize, ToSchema)]
struct Timeline {
    /// Events of the case and of everything linked to it, in the log's order.
    #[schema(value_type = Vec<Object>)]
    items: Vec<Record>,
    /// Always null: the timeline ends here; ask again with `after`.
    next: Option<String>,
}

/// Events of every kind about the case, in order.
#[utoipa::path(get, path = "/cases/{id}/timeline", tag = "cases", params(("id" = String, Path), After), responses((status = 200, body = Timeline)))]
async fn timeline(
    State(api): State<Api>,
    Signed(actor): Signed,
    Path(id): Path<CaseId>,
    Query(from): Query<After>,
) -> Answer<Json<Timeline>> {
    let items = api.cases.timeline(&api.store, &actor, id, from.after).await?;
    Ok(Json(Timeline { items, next: None }))
}

/// Carries a verb out; the answer is the case as it then is. `If-Match` with its `ETag` refuses a lost update with 412.
#[utoipa::path(post, path = "/cases/{id}/{verb}", tag = "cases", params(("id" = String, Path), ("verb" = String, Path)), request_body = Option<Object>, responses((status = 200, body = CaseDetail)))]
async fn act(State(api): State<Api>, Path((id, verb)): Path<(CaseId, String)>, ask: Ask, body: Bytes) -> Answer {
    let verb = Verb::named(&verb).ok_or_else(|| unknown_verb(&verb))?;
    let body: Value = if body.is_empty() { Value::Null } else { read(&body)? };
    let act = Act::parse(verb, body)?;
    if let Act::Link(link) = &act
        && let Some(subject) = &link.subject
    {
        api.cases.may_link(&api.store, &ask.actor, subject).await?;
    }
    let version = wanted(&ask)?;
    let (cases, seen) = (api.cases.clone(), Arc::new(AtomicI64::new(0)));
    let written = seen.clone();
    let answer = command(&api, ask, StatusCode::OK, move |tx, ask| {
        Box::pin(async move {
            if let Act::Link(link) = &act
                && let Some(other) = link.case_id
            {
                cases.visible(tx, &ask.actor, other).await?;
            }
            let wish = Wish { version, key: ask.key.as_deref() };
            let case = cases.act(tx, &ask.actor, id, act, wish).await?;
            written.store(case.version, Ordering::Relaxed);
            cases.answer(tx, &ask.actor, &case).await
        })
    })
    .await?;
    Ok(with_etag(answer, seen.load(Ordering::Relaxed)))
}

fn wanted(ask: &Ask) -> Result<Option<i64>, Refusal> {
    match ask.if_match.as_deref() {
        None | Some("*") => Ok(None),
        Some(tag) => tag
            .parse()
            .map(Some)
            .map_err(|_| Refusal::invalid("http.bad_if_match", "If-Match 应为工单的 ETag，如 \"3\"").field("If-Match")),
    }
}

/// A version of 0 is none: an answer that was kept from the first time carries no tag.
fn with_etag(mut response: Response, version: i64) -> Response {
    if let Some(tag) = HeaderValue::from_str(&format!("\"{version}\"")).ok().filter(|_| version > 0) {
        response.headers_mut().insert(header::ETAG, tag);
    }
    response
}

/// Reads a JSON body; what does not fit is told with its field.
pub(super) fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, Problem> {
    serde_json::from_slice(body).map_err(|e| {
        let text = e.to_string();
        let refusal = Refusal::invalid("http.bad_body", format!("请求内容不是所要求的 JSON：{text}"));
        match text.split('`').nth(1) {
            Some(field) => refusal.field(format!("/{field}")).into(),
            None => refusal.into(),
        }
    })
}

fn bad_query(text: &str) -> Refusal {
    Refusal::invalid("http.bad_query", format!("查询参数不符合要求：{text}"))
}

fn unknown_verb(verb: &str) -> Refusal {
    let known = Verb::ALL.iter().map(|v| v.as_str()).collect::<Vec<_>>().join("、");
    let shown: String = verb.chars().take(40).collect();
    Refusal::not_found("case.unknown_verb", format!("没有「{shown}」这个操作，可用的有：{known}"))
}
