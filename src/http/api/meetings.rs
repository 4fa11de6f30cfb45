//! Meetings, their tickets, and guests by the link of an SMS.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, header};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::access::{Actor, Refusal};
use crate::events::Subject;
use crate::events::cases::ContactRole;
use crate::http::{Answer, Api, Ask, Body, Params, Signed, command};
use crate::ids::{CaseId, MeetingId, UnitId};
use crate::meetings::{CallMeeting, Invited, MeetingFilter, MeetingView};
use crate::orgs::may_see_unit;

/// Meetings in one page unless asked for fewer.
const PAGE: i64 = 50;
/// Where the console shows the lobby to who holds a link; the code stands in the fragment, which no server logs.
const LOBBY: &str = "/meet#";

pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(list, call))
        .routes(routes!(one))
        .routes(routes!(ticket))
        .routes(routes!(end))
        .routes(routes!(guest_ticket))
}

/// Which meetings.
#[derive(Debug, Deserialize, IntoParams)]
struct MeetingsQuery {
    /// About this case.
    #[param(value_type = Option<String>)]
    case_id: Option<CaseId>,
    /// Only those that have not ended.
    #[serde(default)]
    open: bool,
    /// The `next` of the page before.
    #[param(value_type = Option<String>)]
    cursor: Option<MeetingId>,
    /// At most this many (1–200).
    limit: Option<i64>,
}

/// Meetings.
#[derive(Serialize, ToSchema)]
struct MeetingList {
    items: Vec<MeetingView>,
    next: Option<String>,
}

/// Meetings that the caller may see, newest first.
#[utoipa::path(get, path = "/meetings", tag = "meetings", params(MeetingsQuery), responses((status = 200, body = MeetingList)))]
async fn list(
    State(api): State<Api>,
    Signed(actor): Signed,
    Params(query): Params<MeetingsQuery>,
) -> Answer<Json<MeetingList>> {
    let limit = query.limit.unwrap_or(PAGE);
    let filter = MeetingFilter { case: query.case_id, open: query.open, before: query.cursor, limit };
    let items = api.meetings.meetings(&api.store, &actor, filter).await?;
    let full = i64::try_from(items.len()).is_ok_and(|n| n >= limit);
    let next = items.last().filter(|_| full).map(|m| m.id.to_string());
    Ok(Json(MeetingList { items, next }))
}

/// A meeting to be called.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct MeetingBody {
    /// What it is about, at most 60 characters.
    title: String,
    /// The case it is about.
    #[schema(value_type = Option<String>)]
    case_id: Option<CaseId>,
    /// The units to invite; their duty officers get an SMS with a link.
    #[serde(default)]
    #[schema(value_type = Vec<String>)]
    invite: Vec<UnitId>,
}

/// Calls a meeting, invites units by SMS and puts it on the case's timeline.
#[utoipa::path(post, path = "/meetings", tag = "meetings", request_body = MeetingBody, responses((status = 201, body = MeetingView)))]
async fn call(State(api): State<Api>, ask: Ask, Body(body): Body<MeetingBody>) -> Answer {
    let invite = invited(&api, &ask.actor, &body.invite)?;
    let link = format!("{}{LOBBY}", api.config.hub.public_url.trim_end_matches('/'));
    let wish = CallMeeting { title: body.title, case: body.case_id, invite, link };
    let (meetings, cases) = (api.meetings.clone(), api.cases.clone());
    command(&api, ask, StatusCode::CREATED, move |tx, ask| {
        Box::pin(async move {
            if let Some(case) = wish.case {
                cases.visible(tx, &ask.actor, case).await?;
            }
            let case = wish.case;
            let meeting = meetings.call(tx, &ask.actor, wish).await?;
            if let Some(case) = case {
                let by = ask.actor.as_ref();
                cases.link_subject(tx, case, Subject::from(meeting.id), ContactRole::Related, by).await?;
            }
            Ok(meeting)
        })
    })
    .await
}

/// The units to invite: those that the caller may see. Another county is invited by the level above both.
fn invited(api: &Api, actor: &Actor, units: &[UnitId]) -> Result<Vec<Invited>, Refusal> {
    let directory = api.orgs.directory();
    let visible = |id: &UnitId| directory.tree.unit(*id).filter(|u| may_see_unit(actor, &directory.tree, u));
    let found = units.iter().enumerate().map(|(place, id)| match visible(id) {
        Some(unit) => Ok(Invited { id: unit.id, name: unit.name.clone(), path: unit.path.clone() }),
        None => {
            let text = "邀请的单位不存在、已撤销或不在当前岗位可见范围内，请重新选择；跨区县的会议由上级召集";
            Err(Refusal::invalid("meeting.unknown_unit", text).field(format!("/invite/{place}")))
        }
    });
    found.collect()
}

/// One meeting with who was and is there.
#[utoipa::path(get, path = "/meetings/{id}", tag = "meetings", params(("id" = String, Path)), responses((status = 200, body = MeetingView)))]
async fn one(State(api): State<Api>, Signed(actor): Signed, Path(id): Path<String>) -> Answer<Json<MeetingView>> {
    let (id, meetings) = (super::id(&id)?, api.meetings.clone());
    Ok(Json(api.store.write(move |tx| Box::pin(async move { meetings.meeting(tx, &actor, id).await })).await?))
}

/// What a LiveKit client connects with.
#[derive(Serialize, ToSchema)]
struct Ticket {
    /// The server's address, `ws://` or `wss://`.
    url: String,
    /// The access token: good for an hour to join, renewed while joined.
    token: String,
}

/// A ticket for the caller: for people of the unit that holds the meeting (who chair it) and of invited units.
#[utoipa::path(post, path = "/meetings/{id}/ticket", tag = "meetings", params(("id" = String, Path)), responses((status = 201, body = Ticket)))]
async fn ticket(State(api): State<Api>, Path(id): Path<String>, headers: HeaderMap, ask: Ask) -> Answer {
    let (id, url, meetings) = (super::id(&id)?, socket_url(&api, &headers), api.meetings.clone());
    command(&api, ask, StatusCode::CREATED, move |tx, ask| {
        Box::pin(async move { Ok(Ticket { url, token: meetings.ticket(tx, &ask.actor, id).await? }) })
    })
    .await
}

/// Closes a meeting for everybody.
#[utoipa::path(post, path = "/meetings/{id}/end", tag = "meetings", params(("id" = String, Path)), responses((status = 200, body = MeetingView)))]
async fn end(State(api): State<Api>, Path(id): Path<String>, ask: Ask) -> Answer {
    let id: MeetingId = super::id(&id)?;
    let meetings = api.meetings.clone();
    let answer = command(&api, ask, StatusCode::OK, move |tx, ask| {
        Box::pin(async move { meetings.end(tx, &ask.actor, id).await })
    })
    .await?;
    api.rooms.close(&id.to_string()).await;
    Ok(answer)
}

/// The link of an SMS and who opens it.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct GuestBody {
    /// The code after `#` of the link.
    token: String,
    /// His name, at most 30 characters.
    name: String,
}

/// A ticket for who holds the link of an SMS; no account is needed. Limited to the meeting's room, until it ends.
#[utoipa::path(post, path = "/guest_tickets", tag = "meetings", request_body = GuestBody, responses((status = 201, body = Ticket)), security(()))]
async fn guest_ticket(
    State(api): State<Api>,
    headers: HeaderMap,
    Body(body): Body<GuestBody>,
) -> Answer<(StatusCode, Json<Ticket>)> {
    let meetings = api.meetings.clone();
    let work =
        api.store.write(move |tx| Box::pin(async move { meetings.guest_ticket(tx, &body.token, &body.name).await }));
    let token = work.await?;
    Ok((StatusCode::CREATED, Json(Ticket { url: socket_url(&api, &headers), token })))
}

/// Where the client that asked reaches us: the host it used, else the configured public address.
fn socket_url(api: &Api, headers: &HeaderMap) -> String {
    let text = |name: &str| headers.get(name).and_then(|v| v.to_str().ok()).unwrap_or_default();
    let host = text(header::HOST.as_str());
    if host.is_empty() {
        return api.config.hub.public_url.replacen("http", "ws", 1);
    }
    let tls_port = format!(":{}", api.config.http.listen_tls.port());
    let secure = text("x-forwarded-proto") == "https"
        || text(header::ORIGIN.as_str()).starts_with("https://")
        || host.ends_with(&tls_port);
    format!("{}://{host}", if secure { "wss" } else { "ws" })
}
