//! Signing in and out, the steps forced after it, and one's own sessions.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::id;
use super::me::{PersonBody, PostBody, posts_of};
use crate::http::{Answer, Api, Ask, Body, COOKIE, Https, Peer, Signed, Token, command};
use crate::ids::SessionId;
use crate::orgs::accounts::{Session, SignIn, Stage, cut_session};

pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(sign_in, sign_out))
        .routes(routes!(change_password))
        .routes(routes!(begin_totp))
        .routes(routes!(confirm_totp))
        .routes(routes!(sessions))
        .routes(routes!(cut))
}

/// User name and password.
#[derive(Deserialize, ToSchema)]
struct SignInBody {
    user: String,
    password: String,
    /// The one-time code, for who has an authenticator.
    totp: Option<String>,
}

/// What signing in gives.
#[derive(Serialize, ToSchema)]
struct SignedInBody {
    /// For `Authorization: Bearer`; browsers get it as a cookie.
    token: String,
    /// `full`, or what must happen first: `change_password`, `enrol_totp`.
    stage: String,
    /// When the session ends whatever happens.
    expires_at: String,
    person: PersonBody,
    posts: Vec<PostBody>,
}

/// A password and the one to put in its place.
#[derive(Deserialize, ToSchema)]
struct PasswordBody {
    password: String,
    new_password: String,
}

/// How far the session has come.
#[derive(Serialize, ToSchema)]
struct StageBody {
    stage: String,
}

/// A secret for an authenticator.
#[derive(Serialize, ToSchema)]
struct TotpBody {
    /// Base32, to be typed.
    secret: String,
    /// `otpauth:` URL, to be shown as a QR code.
    url: String,
}

/// A one-time code.
#[derive(Deserialize, ToSchema)]
struct CodeBody {
    code: String,
}

/// An open session.
#[derive(Serialize, ToSchema)]
pub(super) struct SessionBody {
    id: String,
    user: String,
    address: Option<String>,
    /// The program, as it called itself.
    agent: String,
    created_at: String,
    last_seen_at: String,
    expires_at: String,
    /// Whether it is the asker's own.
    current: bool,
}

/// Open sessions.
#[derive(Serialize, ToSchema)]
pub(super) struct Sessions {
    items: Vec<SessionBody>,
    next: Option<String>,
}

impl Sessions {
    pub(super) fn of(sessions: Vec<Session>, current: Option<SessionId>) -> Self {
        let body = |s: Session| SessionBody {
            id: s.id.to_string(),
            user: s.user,
            address: s.address,
            agent: s.agent,
            created_at: s.created_at.to_string(),
            last_seen_at: s.last_seen_at.to_string(),
            expires_at: s.expires_at.to_string(),
            current: Some(s.id) == current,
        };
        Self { items: sessions.into_iter().map(body).collect(), next: None }
    }
}

/// Signs in.
#[utoipa::path(post, path = "/session", tag = "session", request_body = SignInBody,
    responses((status = 201, body = SignedInBody), (status = 401), (status = 429, description = "locked for a while")))]
async fn sign_in(
    State(api): State<Api>,
    Peer(address): Peer,
    Https(secure): Https,
    headers: HeaderMap,
    Body(body): Body<SignInBody>,
) -> Answer {
    let agent = headers.get(header::USER_AGENT).and_then(|v| v.to_str().ok()).unwrap_or_default().to_owned();
    let ask = SignIn { user: body.user, password: body.password, totp: body.totp, address, agent };
    let signed = api.orgs.sign_in(ask).await?;
    let (person, posts) = posts_of(&api, signed.person).await?;
    let cookie = cookie(&signed.token, secure, "");
    let body = SignedInBody {
        token: signed.token,
        stage: stage_text(signed.stage),
        expires_at: signed.expires_at.to_string(),
        person,
        posts,
    };
    // The token must lie in no cache on the way.
    let headers = [(header::SET_COOKIE, cookie), (header::CACHE_CONTROL, "no-store".into())];
    Ok((StatusCode::CREATED, headers, Json(body)).into_response())
}

/// Signs out. A session that is over already is no error.
#[utoipa::path(delete, path = "/session", tag = "session", responses((status = 204)))]
async fn sign_out(State(api): State<Api>, Https(secure): Https, Token(token): Token) -> Answer {
    api.orgs.sign_out(&token).await?;
    let cookie = cookie("", secure, "; Max-Age=0");
    Ok((StatusCode::NO_CONTENT, [(header::SET_COOKIE, cookie)]).into_response())
}

/// Changes one's own password; other sessions end.
#[utoipa::path(post, path = "/session/password", tag = "session", request_body = PasswordBody,
    responses((status = 200, body = StageBody)))]
async fn change_password(
    State(api): State<Api>,
    Token(token): Token,
    Body(body): Body<PasswordBody>,
) -> Answer<Json<StageBody>> {
    let stage = api.orgs.change_password(&token, &body.password, &body.new_password).await?;
    Ok(Json(StageBody { stage: stage_text(stage) }))
}

/// Begins to enrol an authenticator.
#[utoipa::path(post, path = "/session/totp", tag = "session", responses((status = 200, body = TotpBody)))]
async fn begin_totp(State(api): State<Api>, Token(token): Token) -> Answer {
    let secret = api.orgs.begin_totp(&token).await?;
    let body = TotpBody { secret: secret.secret, url: secret.url };
    Ok(([(header::CACHE_CONTROL, "no-store")], Json(body)).into_response())
}

/// Finishes enrolling with a code of the authenticator.
#[utoipa::path(post, path = "/session/totp/confirm", tag = "session", request_body = CodeBody,
    responses((status = 200, body = StageBody)))]
async fn confirm_totp(
    State(api): State<Api>,
    Token(token): Token,
    Body(body): Body<CodeBody>,
) -> Answer<Json<StageBody>> {
    let stage = api.orgs.confirm_totp(&token, &body.code).await?;
    Ok(Json(StageBody { stage: stage_text(stage) }))
}

/// One's own open sessions.
#[utoipa::path(get, path = "/sessions", tag = "session", responses((status = 200, body = Sessions)))]
async fn sessions(State(api): State<Api>, Signed(actor): Signed) -> Answer<Json<Sessions>> {
    let open = api.orgs.sessions_of(&actor.user).await?;
    Ok(Json(Sessions::of(open, actor.origin.session)))
}

/// Ends a session: one's own, or as security administrator anybody's.
#[utoipa::path(delete, path = "/sessions/{id}", tag = "session", params(("id" = String, Path)), responses((status = 200)))]
async fn cut(State(api): State<Api>, Path(session): Path<String>, ask: Ask) -> Answer<Response> {
    let session: SessionId = id(&session)?;
    let vault = api.vault.clone();
    command(&api, ask, StatusCode::OK, move |tx, ask| {
        Box::pin(async move {
            cut_session(tx, &vault, &ask.actor, session).await?;
            Ok(serde_json::json!({ "id": session.to_string() }))
        })
    })
    .await
}

/// The session's cookie. Over HTTPS a browser must never send it in the clear; over plain HTTP (this machine, a trial) it
/// could not be kept at all if it were marked so.
fn cookie(token: &str, secure: bool, more: &str) -> String {
    let secure = if secure { "; Secure" } else { "" };
    format!("{COOKIE}={token}; Path=/; HttpOnly; SameSite=Strict{secure}{more}")
}

fn stage_text(stage: Stage) -> String {
    serde_json::to_value(stage).ok().and_then(|v| v.as_str().map(str::to_owned)).unwrap_or_default()
}
