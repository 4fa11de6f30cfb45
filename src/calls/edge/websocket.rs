//! The shell for SIP over WebSocket (RFC 7118): whatever library carries the frames.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use futures_util::{Sink, SinkExt, Stream, StreamExt};
use liandong_sip::framing::{self, Datagram};
use liandong_sip::{Flow, Transport};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::Frame;
use super::sockets::{Input, OUTLET_MAX, Outlet, WRITE_PATIENCE};

/// How often a silent browser is asked whether it is there; after two questions without an answer it is gone, so a
/// half-open link is found within 75 s.
const PING_EVERY: Duration = Duration::from_secs(25);

/// Serves one connection until it ends.
pub(super) async fn serve<S, E>(mut socket: S, flow: Flow, inbox: mpsc::Sender<Input>, stop: CancellationToken)
where
    S: Stream<Item = Result<Frame, E>> + Sink<Frame> + Unpin + Send,
    E: Send,
{
    let (messages, mut queue) = mpsc::channel(OUTLET_MAX);
    let cut = stop.child_token();
    if inbox.send(Input::Opened(flow, Outlet::new(messages, cut.clone()))).await.is_err() {
        return;
    }
    let mut silent = 0u8;
    let mut ping = tokio::time::interval(PING_EVERY);
    ping.reset();
    loop {
        let going_on = tokio::select! {
            frame = socket.next() => {
                silent = 0;
                match frame {
                    Some(Ok(frame)) => receive(&mut socket, flow, &inbox, frame).await,
                    Some(Err(_)) | None => false,
                }
            }
            Some(bytes) = queue.recv() => write(&mut socket, frame_of(bytes)).await,
            _ = ping.tick() => {
                silent += 1;
                silent <= 2 && write(&mut socket, Frame::Ping(Bytes::new())).await
            }
            () = cut.cancelled() => false,
        };
        if !going_on {
            break;
        }
    }
    let _ = inbox.send(Input::Lost(flow)).await;
    let _ = write(&mut socket, Frame::Close).await;
}

/// The flow of a connection from `peer`; `local` is what the browser reaches.
pub(super) fn flow(local: SocketAddr, peer: SocketAddr, connection: liandong_sip::ConnectionId) -> Flow {
    Flow { transport: Transport::Ws, local, remote: peer, connection }
}

async fn receive<S>(socket: &mut S, flow: Flow, inbox: &mpsc::Sender<Input>, frame: Frame) -> bool
where
    S: Sink<Frame> + Unpin + Send,
{
    let bytes = match frame {
        Frame::Text(text) => Bytes::from(text),
        Frame::Binary(bytes) => bytes,
        Frame::Ping(_) | Frame::Pong(_) => return true, // the library answers pings
        Frame::Close => return false,
    };
    match framing::websocket(bytes.clone()) {
        Datagram::Message(bytes) => inbox.send(Input::Message(flow, bytes)).await.is_ok(),
        Datagram::KeepAlive if bytes.as_ref() == framing::PING => write(socket, Frame::Text("\r\n".into())).await,
        Datagram::KeepAlive => true,
        Datagram::Stun(_) | Datagram::Foreign => false,
    }
}

/// Browsers' libraries read SIP as text; what is no UTF-8 goes as bytes.
fn frame_of(bytes: Bytes) -> Frame {
    match String::from_utf8(bytes.to_vec()) {
        Ok(text) => Frame::Text(text),
        Err(_) => Frame::Binary(bytes),
    }
}

async fn write<S>(socket: &mut S, frame: Frame) -> bool
where
    S: Sink<Frame> + Unpin + Send,
{
    matches!(tokio::time::timeout(WRITE_PATIENCE, socket.send(frame)).await, Ok(Ok(())))
}
