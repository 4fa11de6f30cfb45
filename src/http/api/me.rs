//! Who one is: the person, his posts, what the chosen post may do, and the credentials of the browser's telephone.

use axum::Json;
use axum::extract::State;
use axum::http::header;
use axum::response::IntoResponse;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::access::{Action, Refusal, Target};
use crate::http::{Answer, Api, Problem, Signed, Token};
use crate::ids::{PersonId, Timestamp};
use crate::orgs::{accounts, people};

pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(me)).routes(routes!(sip))
}

/// A person, as much as everybody may know.
#[derive(Serialize, ToSchema)]
pub(super) struct PersonBody {
    id: String,
    name: String,
}

/// A unit by name.
#[derive(Serialize, ToSchema)]
pub(super) struct UnitRefBody {
    id: String,
    name: String,
    path: String,
}

/// A post that one may act under.
#[derive(Serialize, ToSchema)]
pub(super) struct PostBody {
    id: String,
    title: String,
    unit: UnitRefBody,
    /// Whether only in another's place.
    stand_in: bool,
}

/// Who one is.
#[derive(Serialize, ToSchema)]
struct Me {
    person: PersonBody,
    user: String,
    /// The post acted under: the one that `X-Post` names, or the first.
    post: Option<String>,
    posts: Vec<PostBody>,
    /// What that post may do somewhere; for showing, not for deciding.
    actions: Vec<&'static str>,
    extension: Option<String>,
}

/// Credentials for the browser's telephone; they end with the session.
#[derive(Serialize, ToSchema)]
struct SipBody {
    extension: String,
    /// For the digest.
    user: String,
    password: String,
    realm: String,
    /// Path of the WebSocket.
    websocket: &'static str,
}

/// Who one is and what one may do.
#[utoipa::path(get, path = "/me", tag = "session", responses((status = 200, body = Me)))]
async fn me(State(api): State<Api>, Signed(actor): Signed) -> Answer<Json<Me>> {
    let id = actor.person.ok_or_else(no_person)?;
    let (person, posts) = posts_of(&api, id).await?;
    let mut conn = api.store.reader().acquire().await?;
    let extension = accounts::account_of(&mut conn, id).await?.and_then(|a| a.extension);
    let may = Action::ALL.iter().copied().filter(|a| actor.may_somewhere(*a));
    Ok(Json(Me {
        person,
        user: actor.user.clone(),
        post: actor.post.map(|p| p.to_string()),
        posts,
        actions: may.map(Action::as_str).collect(),
        extension,
    }))
}

/// What the browser's telephone registers with.
#[utoipa::path(get, path = "/me/sip", tag = "session", responses((status = 200, body = SipBody)))]
async fn sip(State(api): State<Api>, Signed(actor): Signed, Token(token): Token) -> Answer {
    actor.check(Action::CallDial, Target::of(std::slice::from_ref(&actor.unit_path)))?;
    let ticket = api.orgs.sip_ticket(&token).await?;
    // The registrar answers from memory: it knows the name before the browser does.
    api.sip_names.expect(&ticket.user).await?;
    let body = SipBody {
        extension: ticket.extension,
        user: ticket.user,
        password: ticket.password,
        realm: ticket.realm,
        websocket: "/sip",
    };
    Ok(([(header::CACHE_CONTROL, "no-store")], Json(body)).into_response())
}

/// A person and all posts he may act under now.
pub(super) async fn posts_of(api: &Api, person: PersonId) -> Result<(PersonBody, Vec<PostBody>), Problem> {
    let mut conn = api.store.reader().acquire().await?;
    let name = people::person(&mut conn, person).await?.map(|(p, _)| p.name).unwrap_or_default();
    let seats = people::seats(&mut conn, person, Timestamp::now()).await?;
    let post = |s: people::SeatRow| PostBody {
        id: s.seat.post.to_string(),
        title: s.title,
        unit: UnitRefBody { id: s.seat.unit.to_string(), name: s.seat.unit_name, path: s.seat.unit_path.to_string() },
        stand_in: s.stand_in,
    };
    Ok((PersonBody { id: person.to_string(), name }, seats.into_iter().map(post).collect()))
}

fn no_person() -> Refusal {
    Refusal::forbidden("access.no_person", "该请求不是由人员发起的")
}
