//! `GET /events`: a page of events, or a WebSocket that goes on from a position and never skips.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::extract::ws::{CloseFrame, Message, Utf8Bytes, WebSocket, WebSocketUpgrade};
use axum::extract::{Query, State};
use axum::response::{IntoResponse, Response};
use futures_util::SinkExt;
use serde::{Deserialize, Serialize};
use tokio::sync::broadcast;
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::feed::{Shared, may_see, text};
use super::{Answer, Api, Signed};
use crate::access::{Actor, CommandError};
use crate::events::Record;

/// Events in one answer of the GET twin, unless asked for fewer.
const PAGE_MAX: usize = 500;
/// Consoles say nothing here but pongs; the library's 128 KiB would be held, and cleared, for each of them.
const READ_BUFFER: usize = 1_024;
/// A client that does not take an event for this long is cut; it resumes from its position.
const SEND_PATIENCE: Duration = Duration::from_secs(10);
/// Keeps middleboxes from closing a quiet socket, and finds half-open ones.
const PING_EVERY: Duration = Duration::from_secs(20);
/// Close code: come again from your last `seq` (RFC 6455 private range).
const TOO_SLOW: u16 = 4_008;
/// Close code: the session has ended, or its post; coming again needs a sign-in.
const SIGNED_OUT: u16 = 4_401;

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
        let upgrade = upgrade.read_buffer_size(READ_BUFFER);
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

/// Who listens at a socket. His rights are those he has at each event, not those he had when he came.
struct Listener {
    api: Api,
    actor: Actor,
    /// [`crate::orgs::Orgs::changes`] when he was looked at last.
    changes: u64,
}

impl Listener {
    /// Looks at him again if anything has changed since, or `anyway`; the frame to close with if he may listen no longer.
    async fn check(&mut self, anyway: bool) -> Result<(), CloseFrame> {
        let changes = self.api.orgs.changes();
        if changes == self.changes && !anyway {
            return Ok(());
        }
        match self.api.orgs.still(&self.actor).await {
            Ok(actor) => {
                self.actor = actor;
                self.changes = changes;
                Ok(())
            }
            Err(CommandError::Refused(_)) => {
                Err(CloseFrame { code: SIGNED_OUT, reason: "the session or the post has ended: sign in".into() })
            }
            Err(CommandError::Store(e)) => {
                tracing::warn!(error = %e, "an events socket could not look at its session; it will again");
                Ok(())
            }
        }
    }
}

/// Subscribes first and then reads what was missed, so that nothing falls between.
async fn serve(api: Api, actor: Actor, mut socket: WebSocket, after: i64) {
    let mut position = after;
    let mut live = api.feed.subscribe();
    // Counted as never looked at: something may have changed between the request and this.
    let mut who = Listener { api, actor, changes: u64::MAX };
    loop {
        if catch_up(&who.api, &who.actor, &mut socket, &mut position).await.is_err() {
            return;
        }
        match follow(&mut who, &mut socket, &mut live, &mut position).await {
            Next::CatchUp => {}
            Next::End => return,
            Next::Close(frame) => {
                let _ = tokio::time::timeout(SEND_PATIENCE, socket.send(Message::Close(Some(frame)))).await;
                return;
            }
        }
    }
}

enum Next {
    CatchUp,
    End,
    Close(CloseFrame),
}

async fn catch_up(api: &Api, actor: &Actor, socket: &mut WebSocket, position: &mut i64) -> Result<(), ()> {
    loop {
        let (records, reached) = api.feed.page(actor, *position, PAGE_MAX).await.map_err(|e| {
            tracing::warn!(error = %e, "an events socket could not read the log");
        })?;
        for record in &records {
            hand_over(socket, text(record).map_err(drop)?).await?;
        }
        finish(socket).await?;
        if reached == *position {
            return Ok(());
        }
        *position = reached;
    }
}

async fn follow(
    who: &mut Listener,
    socket: &mut WebSocket,
    live: &mut broadcast::Receiver<Arc<Shared>>,
    position: &mut i64,
) -> Next {
    let mut ping = tokio::time::interval(PING_EVERY);
    loop {
        tokio::select! {
            news = live.recv() => match news {
                Ok(first) => {
                    if let Err(frame) = who.check(false).await {
                        return Next::Close(frame);
                    }
                    match share(&who.actor, socket, live, position, first).await {
                        Ok(true) => {}
                        Ok(false) => return Next::CatchUp,
                        Err(()) => return Next::End,
                    }
                }
                Err(broadcast::error::RecvError::Lagged(_)) => return Next::CatchUp,
                Err(broadcast::error::RecvError::Closed) => return Next::End,
            },
            from_client = socket.recv() => match from_client {
                Some(Ok(Message::Close(_)) | Err(_)) | None => return Next::End,
                Some(Ok(_)) => {}
            },
            _ = ping.tick() => {
                // Sessions also end by the clock.
                if let Err(frame) = who.check(true).await {
                    return Next::Close(frame);
                }
                if socket.send(Message::Ping(Default::default())).await.is_err() {
                    return Next::End;
                }
            }
        }
    }
}

/// Sends an event and those that wait behind it in one go, as far as the actor may see them. `false`: some were missed.
async fn share(
    actor: &Actor,
    socket: &mut WebSocket,
    live: &mut broadcast::Receiver<Arc<Shared>>,
    position: &mut i64,
    first: Arc<Shared>,
) -> Result<bool, ()> {
    let (mut event, mut any) = (first, false);
    let whole = loop {
        if event.record.seq > *position {
            *position = event.record.seq;
            if may_see(actor, &event.record) {
                hand_over(socket, event.text.clone()).await?;
                any = true;
            }
        }
        event = match live.try_recv() {
            Ok(next) => next,
            Err(broadcast::error::TryRecvError::Lagged(_)) => break false,
            Err(_) => break true,
        };
    };
    if any {
        finish(socket).await?;
    }
    Ok(whole)
}

/// Gives the socket a message; it may leave with later ones.
async fn hand_over(socket: &mut WebSocket, text: Utf8Bytes) -> Result<(), ()> {
    in_time(socket, async |socket| socket.feed(Message::Text(text)).await).await
}

/// Lets everything leave that was handed over.
async fn finish(socket: &mut WebSocket) -> Result<(), ()> {
    in_time(socket, async |socket| socket.flush().await).await
}

async fn in_time(
    socket: &mut WebSocket,
    step: impl AsyncFnOnce(&mut WebSocket) -> Result<(), axum::Error>,
) -> Result<(), ()> {
    if let Ok(done) = tokio::time::timeout(SEND_PATIENCE, step(socket)).await {
        return done.map_err(drop);
    }
    let frame = CloseFrame { code: TOO_SLOW, reason: "too slow: resume with after=SEQ".into() };
    let _ = tokio::time::timeout(SEND_PATIENCE, socket.send(Message::Close(Some(frame)))).await;
    Err(())
}
