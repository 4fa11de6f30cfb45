//! Calls: list, record, recording, dialling out, commands about a running call.

use std::io::SeekFrom;
use std::sync::{Arc, OnceLock};

use axum::Json;
use axum::body::{Body, Bytes};
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncReadExt, AsyncSeekExt};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::id;
use crate::access::Refusal;
use crate::calls::desk::{CallAsk, CallState};
use crate::calls::{CallFilter, CallView, EndView, Recording};
use crate::cases::{CaseLine, PhoneHistory};
use crate::events::Subject;
use crate::events::cases::ContactRole;
use crate::http::{Answer, Api, Ask, Problem, Signed, command};
use crate::ids::{CallId, CaseId, PersonId, PhoneNumber, Timestamp};

/// Calls in one page unless asked for fewer.
const PAGE: i64 = 50;
/// Calls of a caller that are counted.
const COUNTED: i64 = 200;
/// Calls of a caller that are shown.
const LAST_CALLS: usize = 10;
const YEAR_MS: i64 = 365 * 24 * 3_600_000;
/// Bytes of a recording read at a time.
const CHUNK: usize = 64 * 1024;

pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(list, dial))
        .routes(routes!(one))
        .routes(routes!(caller))
        .routes(routes!(recording))
        .routes(routes!(number))
        .routes(routes!(act))
}

/// Which calls.
#[derive(Debug, Deserialize, IntoParams)]
struct CallsQuery {
    /// `all`, `mine`, `missed`, `recorded`.
    scope: Option<String>,
    /// A number, exactly.
    q: Option<String>,
    /// `in`, `out`, `internal`.
    direction: Option<String>,
    /// `queued`, `ringing`, `talking`, `held`, `ended`.
    state: Option<String>,
    /// `answered`, `abandoned`, `no_answer`, `informed`, `left_early`, `failed`.
    result: Option<String>,
    /// That waited in this queue.
    queue_id: Option<String>,
    /// That this agent served.
    #[param(value_type = Option<String>)]
    agent_id: Option<PersonId>,
    /// About this case.
    #[param(value_type = Option<String>)]
    case_id: Option<CaseId>,
    /// Begun at or after.
    #[param(value_type = Option<String>)]
    from: Option<Timestamp>,
    /// Begun before.
    #[param(value_type = Option<String>)]
    to: Option<Timestamp>,
    /// The `next` of the page before.
    #[param(value_type = Option<String>)]
    cursor: Option<CallId>,
    /// At most this many (1–200).
    limit: Option<i64>,
}

/// Calls.
#[derive(Serialize, ToSchema)]
struct CallsPage {
    items: Vec<CallView>,
    next: Option<String>,
}

/// Calls that one may see, newest first; numbers masked.
#[utoipa::path(get, path = "/calls", tag = "calls", params(CallsQuery), responses((status = 200, body = CallsPage)))]
async fn list(
    State(api): State<Api>,
    Signed(actor): Signed,
    Query(query): Query<CallsQuery>,
) -> Answer<Json<CallsPage>> {
    let limit = query.limit.unwrap_or(PAGE).clamp(1, 200);
    let mut filter = CallFilter {
        direction: query.direction,
        state: query.state,
        outcome: query.result.map(|r| if r == "no_answer" { "missed".to_owned() } else { r }),
        queue: query.queue_id,
        agent: query.agent_id,
        case: query.case_id,
        number: None,
        from: query.from,
        to: query.to,
        recorded: false,
        before: query.cursor,
        limit,
    };
    if let Some(text) = query.q.filter(|t| !t.trim().is_empty()) {
        let bad =
            |_| Refusal::invalid("calls.bad_number", "请输入完整的电话号码：号码加密存放，不能按片段查找").field("/q");
        filter.number = Some(PhoneNumber::parse(&text).map_err(bad)?);
    }
    match query.scope.as_deref() {
        Some("mine") => filter.agent = actor.person,
        Some("missed") => filter.outcome = Some("missed".into()),
        Some("recorded") => filter.recorded = true,
        _ => {}
    }
    let items = api.calls.list(&actor, &filter).await?;
    let full = i64::try_from(items.len()).is_ok_and(|n| n >= limit);
    let next = items.last().filter(|_| full).map(|c| c.id.clone());
    Ok(Json(CallsPage { items, next }))
}

/// One call.
#[utoipa::path(get, path = "/calls/{id}", tag = "calls", params(("id" = String, Path)), responses((status = 200, body = CallView)))]
async fn one(State(api): State<Api>, Signed(actor): Signed, Path(call): Path<String>) -> Answer<Json<CallView>> {
    Ok(Json(api.calls.call(&actor, id(&call)?).await?))
}

/// Who is at the far end, as far as the hub knows him: for the agent's screen when it rings.
#[derive(Serialize, ToSchema)]
struct CallerBody {
    /// Masked; empty if withheld.
    number: String,
    /// Masked.
    name: Option<String>,
    /// The county.
    area: Option<String>,
    /// Calls with this number in the last year, this one included; at most 200 are counted.
    calls_year: usize,
    /// His cases that are not at an end, newest first.
    open: Vec<CaseLine>,
    /// The last ones that are.
    closed: Vec<CaseLine>,
    /// His last calls before this one, newest first.
    calls: Vec<CallView>,
}

/// Who calls: his open cases, his last calls. The number itself stays in the hub.
#[utoipa::path(get, path = "/calls/{id}/caller", tag = "calls", params(("id" = String, Path)), responses((status = 200, body = CallerBody)))]
async fn caller(State(api): State<Api>, Signed(actor): Signed, Path(call): Path<String>) -> Answer<Json<CallerBody>> {
    let call = api.calls.call(&actor, id(&call)?).await?;
    let far = if call.direction == "out" { call.to } else { call.from };
    let number = api.calls.far_number(&actor, id(&call.id)?).await?.and_then(|n| PhoneNumber::parse(&n).ok());
    let (cases, mut calls) = match &number {
        Some(number) => {
            let from = Some(Timestamp::now().plus_millis(-YEAR_MS));
            let filter = CallFilter { number: Some(number.clone()), from, limit: COUNTED, ..CallFilter::default() };
            (api.cases.of_phone(&api.store, &actor, number).await?, api.calls.list(&actor, &filter).await?)
        }
        None => (PhoneHistory { open: Vec::new(), closed: Vec::new() }, Vec::new()),
    };
    let calls_year = calls.len();
    calls.retain(|c| c.id != call.id);
    calls.truncate(LAST_CALLS);
    let EndView { number, name, area } = far;
    Ok(Json(CallerBody { number, name, area, calls_year, open: cases.open, closed: cases.closed, calls }))
}

/// A call to be made.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct DialAsk {
    /// An extension, a number, or a name for one that stays in the hub: `requester`, the citizen of the case; `caller`, the
    /// far end of the earlier call.
    to: String,
    /// The earlier call, for `caller`.
    #[schema(value_type = Option<String>)]
    call_id: Option<CallId>,
    /// What it is about.
    #[schema(value_type = Option<String>)]
    case_id: Option<CaseId>,
}

/// Dials out: one's own phone rings first.
#[utoipa::path(post, path = "/calls", tag = "calls", request_body = DialAsk, responses((status = 201, body = CallState)))]
async fn dial(State(api): State<Api>, ask: Ask, Json(body): Json<DialAsk>) -> Answer {
    let (inner, dialled) = (api.clone(), Arc::new(OnceLock::new()));
    let told = dialled.clone();
    let answer = command(&api, ask, StatusCode::CREATED, move |tx, ask| {
        Box::pin(async move {
            if let Some(case) = body.case_id {
                inner.cases.visible(tx, &ask.actor, case).await?;
            }
            let to = match (body.to.as_str(), body.case_id) {
                ("requester", Some(case)) => {
                    let none = || Refusal::conflict("calls.no_requester", "该工单没有诉求人的电话");
                    inner.cases.requester_phone(tx, case).await?.ok_or_else(none)?.to_string()
                }
                ("requester", None) => {
                    return Err(Refusal::invalid("calls.missing", "请给出工单").field("/case_id").into());
                }
                ("caller", _) => {
                    let none = || Refusal::invalid("calls.missing", "请给出要回拨的通话").field("/call_id");
                    let hidden = || Refusal::conflict("calls.no_number", "该来电没有显示号码，不能回拨");
                    let earlier = body.call_id.ok_or_else(none)?;
                    inner.calls.far_number(&ask.actor, earlier).await?.ok_or_else(hidden)?
                }
                (number, _) => number.to_owned(),
            };
            let call = inner.calls.dial(&ask.actor, &to, body.case_id).await?;
            if let Ok(id) = call.id.parse::<CallId>() {
                let _ = told.set(id); // once: each request has its own
                if let Some(case) = body.case_id {
                    let (subject, by) = (Subject::from(id), ask.actor.as_ref());
                    inner.cases.link_subject(tx, case, subject, ContactRole::Related, by).await?;
                }
            }
            Ok(call)
        })
    })
    .await?;
    if let Some(call) = dialled.get() {
        api.calls.switch().settled(*call).await;
    }
    Ok(answer)
}

/// A command about a running call: `hold`, `resume`, `mute`, `unmute`, `transfer`, `cancel_transfer`, `consult`, `complete`,
/// `cancel_consult`, `conference`, `hang_up`, `dtmf`, `wrap_up`; of supervisors `release`, `take_out`, `raise`.
#[utoipa::path(post, path = "/calls/{id}/{verb}", tag = "calls", params(("id" = String, Path), ("verb" = String, Path)), request_body = CallAsk, responses((status = 200, body = CallState)))]
async fn act(State(api): State<Api>, Path((call, verb)): Path<(String, String)>, ask: Ask, body: Bytes) -> Answer {
    let call: CallId = id(&call)?;
    let body = match body.is_empty() {
        true => CallAsk::default(),
        false => serde_json::from_slice(&body).map_err(|e| Refusal::invalid("http.bad_json", e.to_string()))?,
    };
    let calls = api.calls.clone();
    if verb == "wrap_up" {
        return command(&api, ask, StatusCode::OK, move |tx, ask| {
            Box::pin(async move { calls.wrap_up(tx, &ask.actor, call, body).await })
        })
        .await;
    }
    if ask.key.is_none() {
        // Nothing to remember: the call does not wait for the disk.
        return Ok(Json(api.calls.act(&ask.actor, call, &verb, body).await?).into_response());
    }
    command(&api, ask, StatusCode::OK, move |_, ask| {
        Box::pin(async move { calls.act(&ask.actor, call, &verb, body).await })
    })
    .await
}

/// Why a whole number is read.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NumberAsk {
    /// Kept in the audit.
    purpose: String,
}

/// A number.
#[derive(Serialize, ToSchema)]
struct NumberBody {
    number: Option<String>,
}

/// The whole number at the far end; audited.
#[utoipa::path(post, path = "/calls/{id}/number", tag = "calls", params(("id" = String, Path)), request_body = NumberAsk, responses((status = 200, body = NumberBody)))]
async fn number(State(api): State<Api>, Path(call): Path<String>, ask: Ask, Json(body): Json<NumberAsk>) -> Answer {
    let (calls, call) = (api.calls.clone(), id::<CallId>(&call)?);
    // Without the idempotency key: the answer would lie in the table of first answers.
    let ask = Ask { key: None, ..ask };
    command(&api, ask, StatusCode::OK, move |tx, ask| {
        Box::pin(
            async move { Ok(NumberBody { number: calls.read_number(tx, &ask.actor, call, &body.purpose).await? }) },
        )
    })
    .await
}

/// The recording: WAV, 16 bit, 8 kHz, two channels (caller, agent); up to its last second also while it is written.
/// Parts by `Range`. Each playing from the beginning is audited.
#[utoipa::path(get, path = "/calls/{id}/recording", tag = "calls", params(("id" = String, Path)), responses((status = 200, content_type = "audio/wav"), (status = 206, content_type = "audio/wav")))]
async fn recording(
    State(api): State<Api>,
    Signed(actor): Signed,
    Path(call): Path<String>,
    headers: HeaderMap,
) -> Answer {
    let (calls, call) = (api.calls.clone(), id::<CallId>(&call)?);
    let found = api.store.write(move |tx| Box::pin(async move { calls.recording(tx, &actor, call).await })).await?;
    serve(found, headers.get(header::RANGE)).await
}

async fn serve(recording: Recording, range: Option<&HeaderValue>) -> Answer {
    let whole = recording.header.len() as u64 + recording.data;
    let asked = range.and_then(|r| r.to_str().ok()).and_then(|r| r.strip_prefix("bytes="));
    let Some(asked) = asked else { return body(recording, 0, whole, StatusCode::OK, None).await };
    let Some((first, last)) = part(asked, whole) else {
        let range = format!("bytes */{whole}");
        return Ok((StatusCode::RANGE_NOT_SATISFIABLE, [(header::CONTENT_RANGE, range)]).into_response());
    };
    let content_range = format!("bytes {first}-{last}/{whole}");
    body(recording, first, last + 1 - first, StatusCode::PARTIAL_CONTENT, Some(content_range)).await
}

/// `first-last`, `first-` or `-count` within `whole`; several parts are served as their first.
fn part(asked: &str, whole: u64) -> Option<(u64, u64)> {
    let (first, last) = asked.split(',').next()?.trim().split_once('-')?;
    let (first, last) = match (first.parse::<u64>().ok(), last.parse::<u64>().ok()) {
        (Some(first), Some(last)) => (first, last.min(whole.checked_sub(1)?)),
        (Some(first), None) if last.is_empty() => (first, whole.checked_sub(1)?),
        (None, Some(count)) if first.is_empty() && count > 0 => (whole.saturating_sub(count), whole.checked_sub(1)?),
        _ => return None,
    };
    (first <= last).then_some((first, last))
}

async fn body(recording: Recording, first: u64, length: u64, status: StatusCode, range: Option<String>) -> Answer {
    let header_length = recording.header.len() as u64;
    let gone = |_| Problem(Refusal::not_found("calls.no_recording", "录音文件已不在磁盘上"));
    let mut file = tokio::fs::File::open(&recording.path).await.map_err(gone)?;
    file.seek(SeekFrom::Start(first.max(header_length))).await.map_err(gone)?;
    let from = usize::try_from(first.min(header_length)).unwrap_or(0);
    let to = usize::try_from((first + length).min(header_length)).unwrap_or(0);
    let head = Bytes::copy_from_slice(&recording.header[from..to.max(from)]);
    let rest = length - head.len() as u64;
    let chunks = futures_util::stream::try_unfold((Some(head), file, rest), |(head, mut file, rest)| async move {
        if let Some(head) = head.filter(|h| !h.is_empty()) {
            return Ok(Some((head, (None, file, rest))));
        }
        if rest == 0 {
            return Ok::<_, std::io::Error>(None);
        }
        let mut chunk = vec![0; CHUNK.min(usize::try_from(rest).unwrap_or(CHUNK))];
        let read = file.read(&mut chunk).await?;
        if read == 0 {
            return Ok(None); // shorter than it was a moment ago
        }
        chunk.truncate(read);
        Ok(Some((Bytes::from(chunk), (None, file, rest - read as u64))))
    });
    let mut response = Response::new(Body::from_stream(chunks));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("audio/wav"));
    headers.insert(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    // Already small in information; the compressor would also drop the length.
    headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("identity"));
    headers.insert(header::CONTENT_LENGTH, HeaderValue::from(length));
    if let Some(range) = range.and_then(|r| HeaderValue::from_str(&r).ok()) {
        headers.insert(header::CONTENT_RANGE, range);
    }
    Ok(response)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_of_a_recording_are_those_of_rfc_9110() {
        for (asked, expected) in [
            ("0-99", Some((0, 99))),
            ("900-", Some((900, 999))),
            ("-100", Some((900, 999))),
            ("0-5000", Some((0, 999))),
            ("1000-", None),
            ("5-2", None),
            ("-0", None),
            ("x", None),
        ] {
            assert_eq!(part(asked, 1_000), expected, "{asked}");
        }
        assert_eq!(part("0-", 0), None);
    }
}
