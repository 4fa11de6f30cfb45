//! SIP over WebSocket (RFC 7118): the browser's telephone. The upgrade is HTTP's, all else the edge's.

use std::future::{Future, ready};
use std::net::SocketAddr;
use std::pin::Pin;

use axum::extract::ws::{Message, WebSocket};
use axum::extract::{ConnectInfo, State, WebSocketUpgrade};
use axum::response::{IntoResponse, Response};
use futures_util::{SinkExt, StreamExt};

use super::{Api, Problem};
use crate::access::Refusal;
use crate::calls::edge::Frame;
use crate::store::StoreError;

/// The subprotocol of RFC 7118 §4.
const PROTOCOL: &str = "sip";
/// Longest SIP message on a WebSocket.
const MESSAGE_MAX: usize = 64 * 1024;
/// Most messages fit; the library's 128 KiB would be held for each browser, and cleared at each read.
const READ_BUFFER: usize = 4 * 1024;

/// The registrar's memory of names: a browser's credentials are known to it before the browser has them.
pub trait SipNames: Send + Sync + 'static {
    /// Reads the account of this digest name now.
    fn expect<'a>(&'a self, name: &'a str) -> Pin<Box<dyn Future<Output = Result<(), StoreError>> + Send + 'a>>;
}

/// `GET /sip`. Whoever connects proves himself by digest, as any telephone.
pub(super) async fn websocket(
    State(api): State<Api>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    upgrade: WebSocketUpgrade,
) -> Response {
    let upgrade = upgrade.protocols([PROTOCOL]).max_message_size(MESSAGE_MAX).max_frame_size(MESSAGE_MAX);
    let upgrade = upgrade.read_buffer_size(READ_BUFFER);
    if upgrade.selected_protocol().is_none() {
        let detail = "该地址只用于SIP：请在 Sec-WebSocket-Protocol 中给出 sip（RFC 7118）";
        return Problem(Refusal::invalid("sip.no_subprotocol", detail)).into_response();
    }
    upgrade.on_upgrade(move |socket| serve(api, socket, peer))
}

async fn serve(api: Api, socket: WebSocket, peer: SocketAddr) {
    let frames = socket.with(|frame| ready(Ok::<_, axum::Error>(message(frame)))).map(|got| got.map(frame));
    api.edge.websocket(frames, peer).await;
}

fn frame(message: Message) -> Frame {
    match message {
        Message::Text(text) => Frame::Text(text.to_string()),
        Message::Binary(bytes) => Frame::Binary(bytes),
        Message::Ping(bytes) => Frame::Ping(bytes),
        Message::Pong(bytes) => Frame::Pong(bytes),
        Message::Close(_) => Frame::Close,
    }
}

fn message(frame: Frame) -> Message {
    match frame {
        Frame::Text(text) => Message::Text(text.into()),
        Frame::Binary(bytes) => Message::Binary(bytes),
        Frame::Ping(bytes) => Message::Ping(bytes),
        Frame::Pong(bytes) => Message::Pong(bytes),
        Frame::Close => Message::Close(None),
    }
}
