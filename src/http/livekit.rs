//! LiveKit's own addresses: the signal socket in both shapes with its validation, and the RoomService by Twirp. The
//! token is the only boundary, so these answer pages of every origin.

use std::collections::HashMap;
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::extract::ws::{CloseFrame, Message as Frame, WebSocket, WebSocketUpgrade, close_code};
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use livekit_protocol as proto;
use proto::signal_response::Message;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tower_http::cors::CorsLayer;

use super::Api;
use crate::ids::Timestamp;
use crate::meetings::room::Request;
use crate::meetings::signal::frame::{self, Encoding};
use crate::meetings::signal::{Connect, JoinError, Session};
use crate::meetings::token::{Claims, Signer, TokenError, VideoGrants};

/// A client pings every five seconds; one that says nothing for so long is gone.
const SILENCE: Duration = Duration::from_secs(45);
/// A client that does not take a message for so long is cut; it takes its session up again.
const SEND_PATIENCE: Duration = Duration::from_secs(10);
/// How often a joined client gets a fresh token, with which it may come back.
const REFRESH: Duration = Duration::from_secs(300);
/// Life of a fresh token in seconds, unless the first had longer.
const FRESH_SECONDS: i64 = 3_600;

type Query_ = Query<HashMap<String, String>>;

pub(super) fn routes() -> Router<Api> {
    let mut router = Router::new().route("/twirp/livekit.RoomService/{method}", post(twirp));
    // Some clients join an address that ends in a slash with the path.
    for base in ["", "/"] {
        router = router
            .route(&format!("{base}/rtc"), get(dual))
            .route(&format!("{base}/rtc/v1"), get(single))
            .route(&format!("{base}/rtc/validate"), get(validate_dual))
            .route(&format!("{base}/rtc/v1/validate"), get(validate_single));
    }
    router.layer(CorsLayer::permissive())
}

/// An answer other than 101 or 200: clients read its status and show its words.
type Refused = (StatusCode, String);

async fn dual(
    State(api): State<Api>,
    Query(query): Query_,
    headers: HeaderMap,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Result<Response, Refused> {
    let connect = Connect::dual(&query).map_err(bad_request);
    signal(api, &query, &headers, connect, upgrade).await
}

async fn single(
    State(api): State<Api>,
    Query(query): Query_,
    headers: HeaderMap,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Result<Response, Refused> {
    let connect = Connect::single(&query).map_err(bad_request);
    signal(api, &query, &headers, connect, upgrade).await
}

async fn validate_dual(
    State(api): State<Api>,
    Query(query): Query_,
    headers: HeaderMap,
) -> Result<&'static str, Refused> {
    admitted(&api, &query, &headers).await?;
    Connect::dual(&query).map_err(bad_request).map(|_| "success")
}

async fn validate_single(
    State(api): State<Api>,
    Query(query): Query_,
    headers: HeaderMap,
) -> Result<&'static str, Refused> {
    admitted(&api, &query, &headers).await?;
    Connect::single(&query).map_err(bad_request).map(|_| "success")
}

fn bad_request(error: impl ToString) -> Refused {
    (StatusCode::BAD_REQUEST, error.to_string())
}

fn unauthorized(words: impl ToString) -> Refused {
    (StatusCode::UNAUTHORIZED, words.to_string())
}

/// The token's claims, if they open the room that is asked for.
async fn admitted(api: &Api, query: &HashMap<String, String>, headers: &HeaderMap) -> Result<Claims, Refused> {
    let token = bearer(headers).or_else(|| query.get("access_token").map(String::as_str)).unwrap_or_default();
    let claims = api.meetings.signer().verify(token, Timestamp::now()).map_err(unauthorized)?;
    let grants = claims.video.clone().unwrap_or_default();
    if !grants.room_join {
        return Err(unauthorized("no permissions to access the room: the token lacks roomJoin"));
    }
    if query.get("room").is_some_and(|room| *room != grants.room) {
        return Err(unauthorized("no permissions to access the room: the token is for another room"));
    }
    if claims.sub.is_empty() {
        return Err(bad_request("identity cannot be empty: set the token's sub"));
    }
    if grants.room.is_empty() {
        return Err(bad_request("room name cannot be empty: set the token's video.room"));
    }
    match api.meetings.may_enter(&api.store, &grants.room).await {
        Ok(true) => Ok(claims),
        Ok(false) => Err((StatusCode::NOT_FOUND, "requested room does not exist: the meeting has ended".into())),
        Err(error) => {
            tracing::error!(%error, "a room could not be looked up");
            Err((StatusCode::SERVICE_UNAVAILABLE, "the server cannot look up the room now; try again".into()))
        }
    }
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    headers.get(header::AUTHORIZATION)?.to_str().ok()?.strip_prefix("Bearer ").map(str::trim)
}

async fn signal(
    api: Api,
    query: &HashMap<String, String>,
    headers: &HeaderMap,
    connect: Result<Connect, Refused>,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Result<Response, Refused> {
    let Ok(upgrade) = upgrade else {
        return Err((StatusCode::NOT_FOUND, "this address speaks WebSocket only".into()));
    };
    let claims = admitted(&api, query, headers).await?;
    let session = api
        .rooms
        .join(claims.clone(), connect?)
        .await
        .map_err(|error: JoinError| (StatusCode::SERVICE_UNAVAILABLE, error.to_string()))?;
    let signer = api.meetings.signer().clone();
    let upgrade = upgrade.max_message_size(frame::FRAME_MAX).max_frame_size(frame::FRAME_MAX);
    Ok(upgrade.on_upgrade(move |socket| async move {
        let session = pump(socket, session, &claims, &signer).await;
        session.end().await;
    }))
}

/// Carries messages both ways until either side ends; gives the session back.
async fn pump(mut socket: WebSocket, mut session: Session, claims: &Claims, signer: &Signer) -> Session {
    let mut encoding = Encoding::Binary;
    let mut refresh = tokio::time::interval_at(tokio::time::Instant::now() + REFRESH, REFRESH);
    loop {
        let messages = tokio::select! {
            message = session.next() => match message {
                Some(message) => vec![message],
                None => break,
            },
            frame = tokio::time::timeout(SILENCE, socket.recv()) => match frame {
                Ok(Some(Ok(frame))) => match heard(frame, &mut encoding, &session).await {
                    Some(answers) => answers,
                    None => break,
                },
                _ => break,
            },
            _ = refresh.tick() => vec![Message::RefreshToken(fresh(claims, signer))],
        };
        if !send(&mut socket, encoding, messages).await {
            break;
        }
    }
    // With a code: a client that is told none takes the end for a failure and says so to whoever reads its log.
    let end = Frame::Close(Some(CloseFrame { code: close_code::NORMAL, reason: "".into() }));
    let _ = tokio::time::timeout(SEND_PATIENCE, socket.send(end)).await;
    session
}

/// Takes a frame; what is to be answered at once comes back, `None` ends the socket.
async fn heard(received: Frame, encoding: &mut Encoding, session: &Session) -> Option<Vec<Message>> {
    let decoded = match &received {
        Frame::Binary(bytes) => {
            *encoding = Encoding::Binary;
            frame::decode(Encoding::Binary, bytes)
        }
        Frame::Text(text) => {
            *encoding = Encoding::Text;
            frame::decode(Encoding::Text, text.as_bytes())
        }
        Frame::Close(_) => return None,
        Frame::Ping(_) | Frame::Pong(_) => return Some(Vec::new()),
    };
    match decoded {
        Ok(Some(request)) => Some(respond(request, session).await),
        Ok(None) => Some(Vec::new()),
        // What cannot be read is left out: the rest of the session is sound.
        Err(error) => {
            tracing::debug!(%error, "an unreadable signal frame");
            Some(Vec::new())
        }
    }
}

/// Pings are answered here, never behind the rooms; the rest is theirs.
async fn respond(request: Request, session: &Session) -> Vec<Message> {
    let now = Timestamp::now().0;
    match request {
        Request::Ping(_) => vec![Message::Pong(now)],
        Request::PingReq(ping) => {
            vec![Message::PongResp(proto::Pong { last_ping_timestamp: ping.timestamp, timestamp: now })]
        }
        other => {
            session.request(other).await;
            Vec::new()
        }
    }
}

async fn send(socket: &mut WebSocket, encoding: Encoding, messages: Vec<Message>) -> bool {
    for message in messages {
        let bytes = frame::encode(encoding, message);
        let frame = match encoding {
            Encoding::Binary => Frame::Binary(bytes.into()),
            Encoding::Text => match String::from_utf8(bytes) {
                Ok(text) => Frame::Text(text.into()),
                Err(_) => return false,
            },
        };
        if !matches!(tokio::time::timeout(SEND_PATIENCE, socket.send(frame)).await, Ok(Ok(()))) {
            return false;
        }
    }
    true
}

fn fresh(claims: &Claims, signer: &Signer) -> String {
    let now = Timestamp::now().0.div_euclid(1_000);
    signer.mint(&Claims { nbf: now, exp: claims.exp.max(now + FRESH_SECONDS), ..claims.clone() })
}

// ---- RoomService ----

/// A refusal in Twirp's form.
struct TwirpError {
    status: StatusCode,
    code: &'static str,
    msg: String,
}

impl IntoResponse for TwirpError {
    fn into_response(self) -> Response {
        let body = serde_json::json!({ "code": self.code, "msg": self.msg });
        (self.status, axum::Json(body)).into_response()
    }
}

impl From<TokenError> for TwirpError {
    fn from(error: TokenError) -> Self {
        unauthenticated(error)
    }
}

fn unauthenticated(words: impl ToString) -> TwirpError {
    TwirpError { status: StatusCode::UNAUTHORIZED, code: "unauthenticated", msg: words.to_string() }
}

fn not_found(words: &str) -> TwirpError {
    TwirpError { status: StatusCode::NOT_FOUND, code: "not_found", msg: words.into() }
}

fn malformed(words: impl ToString) -> TwirpError {
    TwirpError { status: StatusCode::BAD_REQUEST, code: "malformed", msg: words.to_string() }
}

/// A call of the RoomService: who calls, and his body in either encoding.
struct Call {
    api: Api,
    grants: VideoGrants,
    json: bool,
    body: Bytes,
}

async fn twirp(
    State(api): State<Api>,
    Path(method): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, TwirpError> {
    let claims = api.meetings.signer().verify(bearer(&headers).unwrap_or_default(), Timestamp::now())?;
    let kind = headers.get(header::CONTENT_TYPE).and_then(|v| v.to_str().ok()).unwrap_or_default();
    let json = kind.starts_with("application/json");
    if !json && !kind.starts_with("application/protobuf") {
        return Err(malformed(format!(
            "unexpected Content-Type {kind:?}: use application/json or application/protobuf"
        )));
    }
    let call = Call { api, grants: claims.video.unwrap_or_default(), json, body };
    match method.as_str() {
        "ListRooms" => call.list_rooms().await,
        "ListParticipants" => call.list_participants().await,
        "GetParticipant" => call.get_participant().await,
        "RemoveParticipant" => call.remove_participant().await,
        "MutePublishedTrack" => call.mute_track().await,
        _ => Err(TwirpError {
            status: StatusCode::NOT_FOUND,
            code: "bad_route",
            msg: format!("no handler for method {method:?} of livekit.RoomService"),
        }),
    }
}

impl Call {
    fn read<T: DeserializeOwned + prost::Message + Default>(&self) -> Result<T, TwirpError> {
        if self.json {
            serde_json::from_slice(&self.body).map_err(malformed)
        } else {
            T::decode(self.body.clone()).map_err(malformed)
        }
    }

    fn write<T: Serialize + prost::Message>(&self, value: &T) -> Response {
        if self.json {
            axum::Json(value).into_response()
        } else {
            ([(header::CONTENT_TYPE, "application/protobuf")], value.encode_to_vec()).into_response()
        }
    }

    fn check_admin(&self, room: &str) -> Result<(), TwirpError> {
        if self.grants.room_admin && self.grants.room == room {
            return Ok(());
        }
        Err(unauthenticated("permissions denied: the token needs roomAdmin for this room"))
    }

    async fn list_rooms(&self) -> Result<Response, TwirpError> {
        if !self.grants.room_list {
            return Err(unauthenticated("permissions denied: the token needs roomList"));
        }
        let request: proto::ListRoomsRequest = self.read()?;
        let mut rooms = self.api.rooms.list().await;
        rooms.retain(|r| request.names.is_empty() || request.names.contains(&r.name));
        Ok(self.write(&proto::ListRoomsResponse { rooms }))
    }

    async fn list_participants(&self) -> Result<Response, TwirpError> {
        let request: proto::ListParticipantsRequest = self.read()?;
        self.check_admin(&request.room)?;
        let participants = self.api.rooms.participants(&request.room).await.unwrap_or_default();
        Ok(self.write(&proto::ListParticipantsResponse { participants }))
    }

    async fn get_participant(&self) -> Result<Response, TwirpError> {
        let request: proto::RoomParticipantIdentity = self.read()?;
        self.check_admin(&request.room)?;
        let participants = self.api.rooms.participants(&request.room).await.unwrap_or_default();
        let found = participants.into_iter().find(|p| p.identity == request.identity);
        found.map(|p| self.write(&p)).ok_or_else(|| not_found("participant does not exist"))
    }

    async fn remove_participant(&self) -> Result<Response, TwirpError> {
        let request: proto::RoomParticipantIdentity = self.read()?;
        self.check_admin(&request.room)?;
        if !self.api.rooms.remove(&request.room, &request.identity).await {
            return Err(not_found("participant does not exist"));
        }
        Ok(self.write(&proto::RemoveParticipantResponse {}))
    }

    async fn mute_track(&self) -> Result<Response, TwirpError> {
        let request: proto::MuteRoomTrackRequest = self.read()?;
        self.check_admin(&request.room)?;
        if !request.muted {
            // Nobody's microphone is opened from afar: the person is asked and does it himself.
            let msg = "remote unmute not enabled: ask the participant to unmute".into();
            return Err(TwirpError { status: StatusCode::PRECONDITION_FAILED, code: "failed_precondition", msg });
        }
        let track = self.api.rooms.mute(request).await.ok_or_else(|| not_found("track not found"))?;
        Ok(self.write(&proto::MuteRoomTrackResponse { track: Some(track) }))
    }
}
