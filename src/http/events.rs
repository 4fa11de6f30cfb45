//! `GET /events`: a page of events, or a WebSocket that goes on from a position and never skips.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::extract::ws::{CloseFrame, Message, WebSocket, WebSocketUpgrade};
use axum::extract::{Query, State};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use tokio::sync::broadcast;
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::feed::may_see;
use super::{Answer, Api, Signed};
use crate::access::Actor;
use crate::events::Record;

/// Events in one answer of the GET twin, unless asked for fewer.
const PAGE_MAX: usize = 500;
/// A client that does not take an event for this long is cut; it resumes from its position.
const SEND_PATIENCE: Duration = Duration::from_secs(10);
/// Keeps middleboxes from closing a quiet socket, and finds half-open ones.
const PING_EVERY: Duration = Duration::from_secs(20);
/// Close code: come again from your last `seq` (RFC 6455 private range).
const TOO_SLOW: u16 = 4_008;

/// Where to go on.
#[derive(Debug, Deserialize, IntoParams)]
pub struct EventsQuery {
    /// The last `seq` already known; without it the socket begins with the present and the page at the beginning.
    after: Option<i64>,
    /// At most this many events (1–500).
    limit: Option<usize>,
}

/// A page of events.
#[derive(Serialize)]
struct EventsPage {
    items: Vec<Record>,
    /// The position to ask on from; `null` at the log's end.
    next: Option<String>,
}

pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(events))
}

/// Events that the caller may see, in order; with `Upgrade: websocket` a socket that goes on living.
#[utoipa::path(get, path = "/events", tag = "events", params(EventsQuery), responses((status = 200, description = "events after a position, or 101 with a WebSocket")))]
async fn events(
    State(api): State<Api>,
    Signed(actor): Signed,
    Query(query): Query<EventsQuery>,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Answer {
    if let Ok(upgrade) = upgrade {
        let after = query.after.unwrap_or_else(|| api.feed.last_seq());
        return Ok(upgrade.on_upgrade(move |socket| serve(api, actor, socket, after)));
    }
    page(&api, &actor, query).await
}

async fn page(api: &Api, actor: &Actor, query: EventsQuery) -> Answer<Response> {
    let limit = query.limit.unwrap_or(PAGE_MAX).clamp(1, PAGE_MAX);
    let (items, position) = api.feed.page(actor, query.after.unwrap_or(0), limit).await?;
    let next = (position < api.feed.last_seq()).then(|| position.to_string());
    Ok(Json(EventsPage { items, next }).into_response())
}

/// Subscribes first and then reads what was missed, so that nothing falls between.
async fn serve(api: Api, actor: Actor, mut socket: WebSocket, after: i64) {
    let mut position = after;
    let mut live = api.feed.subscribe();
    loop {
        if catch_up(&api, &actor, &mut socket, &mut position).await.is_err() {
            return;
        }
        match follow(&actor, &mut socket, &mut live, &mut position).await {
            Next::CatchUp => {}
            Next::End => return,
        }
    }
}

enum Next {
    CatchUp,
    End,
}

async fn catch_up(api: &Api, actor: &Actor, socket: &mut WebSocket, position: &mut i64) -> Result<(), ()> {
    loop {
        let (records, reached) = api.feed.page(actor, *position, PAGE_MAX).await.map_err(|e| {
            tracing::warn!(error = %e, "an events socket could not read the log");
        })?;
        for record in &records {
            send(socket, record).await?;
        }
        if reached == *position {
            return Ok(());
        }
        *position = reached;
    }
}

async fn follow(
    actor: &Actor,
    socket: &mut WebSocket,
    live: &mut broadcast::Receiver<Arc<Record>>,
    position: &mut i64,
) -> Next {
    let mut ping = tokio::time::interval(PING_EVERY);
    loop {
        tokio::select! {
            news = live.recv() => match news {
                Ok(record) if record.seq <= *position => {}
                Ok(record) => {
                    *position = record.seq;
                    if may_see(actor, &record) && send(socket, &record).await.is_err() {
                        return Next::End;
                    }
                }
                Err(broadcast::error::RecvError::Lagged(_)) => return Next::CatchUp,
                Err(broadcast::error::RecvError::Closed) => return Next::End,
            },
            from_client = socket.recv() => match from_client {
                Some(Ok(Message::Close(_)) | Err(_)) | None => return Next::End,
                Some(Ok(_)) => {}
            },
            _ = ping.tick() => if socket.send(Message::Ping(Default::default())).await.is_err() { return Next::End },
        }
    }
}

async fn send(socket: &mut WebSocket, record: &Record) -> Result<(), ()> {
    let text = serde_json::to_string(record).map_err(|_| ())?;
    match tokio::time::timeout(SEND_PATIENCE, socket.send(Message::Text(text.into()))).await {
        Ok(sent) => sent.map_err(|_| ()),
        Err(_) => {
            let frame = CloseFrame { code: TOO_SLOW, reason: "too slow: resume with after=SEQ".into() };
            let _ = tokio::time::timeout(SEND_PATIENCE, socket.send(Message::Close(Some(frame)))).await;
            Err(())
        }
    }
}
