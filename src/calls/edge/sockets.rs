//! The shells around the machine for UDP, TCP and TLS: read, frame, hand over; write without waiting for anyone.
//!
//! Each connection has a bounded queue and a writer of its own: a peer that does not read is cut, and nobody else
//! notices. Must not know what the messages say.

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use liandong_sip::flow::ConnectionId;
use liandong_sip::framing::{self, Datagram, Frame, StreamFramer};
use liandong_sip::{Flow, Transport};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::sync::mpsc;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;

/// Messages that may wait for one connection; a call's set-up has about ten.
pub(super) const OUTLET_MAX: usize = 256;
/// A write that takes longer: the peer has stopped reading.
pub(super) const WRITE_PATIENCE: Duration = Duration::from_secs(10);
/// A TLS client that has not finished its handshake by then is let go.
const HANDSHAKE_PATIENCE: Duration = Duration::from_secs(10);
/// A message must be whole after this: half of one holds memory.
const MESSAGE_PATIENCE: Duration = Duration::from_secs(20);
/// A connection on which nothing came for so long is closed. Phones on TCP register or ping at least each minute or
/// two, so this finds half-open links.
const IDLE_PATIENCE: Duration = Duration::from_secs(600);
/// Connections at once; beyond it new ones are closed unseen.
const CONNECTIONS_MAX: usize = 16_384;
/// Of one address: an office behind one, with room.
const CONNECTIONS_PER_SOURCE: usize = 4_096;
/// Largest datagram.
const DATAGRAM: usize = 65_535;

/// What the shells tell the machine's owner.
pub(super) enum Input {
    /// One framed message.
    Message(Flow, Bytes),
    /// A connection; before any message on it.
    Opened(Flow, Outlet),
    /// It ended.
    Lost(Flow),
}

/// The writing end of a connection.
#[derive(Debug, Clone)]
pub(super) struct Outlet {
    messages: mpsc::Sender<Bytes>,
    cut: CancellationToken,
}

impl Outlet {
    pub(super) fn new(messages: mpsc::Sender<Bytes>, cut: CancellationToken) -> Self {
        Self { messages, cut }
    }

    /// Hands a message over; `false` if the connection is gone or so slow that it was cut.
    pub(super) fn send(&self, bytes: Bytes) -> bool {
        let sent = self.messages.try_send(bytes).is_ok();
        if !sent {
            self.cut.cancel();
        }
        sent
    }

    pub(super) fn cut(&self) {
        self.cut.cancel();
    }
}

/// Numbers connections; no number is used twice.
#[derive(Debug, Default)]
pub(super) struct Numbers(AtomicU64);

impl Numbers {
    pub(super) fn next(&self) -> ConnectionId {
        ConnectionId(self.0.fetch_add(1, Ordering::Relaxed) + 1)
    }
}

/// Reads datagrams until `stop`. When the machine is behind, datagrams are lost as on a network: their senders repeat.
pub(super) async fn read_datagrams(
    socket: Arc<UdpSocket>,
    local: SocketAddr,
    inbox: mpsc::Sender<Input>,
    stop: CancellationToken,
) {
    let mut buffer = vec![0; DATAGRAM];
    loop {
        let received = tokio::select! {
            received = socket.recv_from(&mut buffer) => received,
            () = stop.cancelled() => return,
        };
        match received {
            Ok((length, remote)) => {
                if let Datagram::Message(bytes) = framing::datagram(Bytes::copy_from_slice(&buffer[..length])) {
                    let _ = inbox.try_send(Input::Message(Flow::udp(local, remote), bytes));
                }
            }
            // ICMP errors of earlier sends show here; the socket itself goes on.
            Err(error) => tracing::debug!(%error, "SIP over UDP"),
        }
    }
}

/// Accepts connections until `stop`; with an acceptor they are TLS.
pub(super) async fn accept(
    listener: TcpListener,
    tls: Option<TlsAcceptor>,
    numbers: Arc<Numbers>,
    inbox: mpsc::Sender<Input>,
    stop: CancellationToken,
) {
    let (ended, mut ends) = mpsc::unbounded_channel::<IpAddr>(); // at most one per open connection
    let mut open: HashMap<IpAddr, usize> = HashMap::new();
    let mut total = 0usize;
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            Some(source) = ends.recv() => {
                total -= 1;
                if let Some(count) = open.get_mut(&source) {
                    *count -= 1;
                    if *count == 0 {
                        open.remove(&source);
                    }
                }
                continue;
            }
            () = stop.cancelled() => return,
        };
        let (stream, remote) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                // Out of descriptors: the backlog waits a moment.
                tracing::warn!(%error, "a SIP connection cannot be accepted");
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            }
        };
        let count = open.entry(remote.ip()).or_default();
        if total >= CONNECTIONS_MAX || *count >= CONNECTIONS_PER_SOURCE {
            continue;
        }
        *count += 1;
        total += 1;
        let (connection, inbox, ended, stop) = (numbers.next(), inbox.clone(), ended.clone(), stop.clone());
        let tls = tls.clone();
        tokio::spawn(async move {
            if let Err(error) = begin(stream, tls, remote, connection, inbox, stop).await {
                tracing::debug!(%error, "a SIP connection ended");
            }
            let _ = ended.send(remote.ip());
        });
    }
}

async fn begin(
    stream: TcpStream,
    tls: Option<TlsAcceptor>,
    remote: SocketAddr,
    connection: ConnectionId,
    inbox: mpsc::Sender<Input>,
    stop: CancellationToken,
) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let transport = if tls.is_some() { Transport::Tls } else { Transport::Tcp };
    let flow = Flow { transport, local: stream.local_addr()?, remote, connection };
    match tls {
        None => {
            let (reader, writer) = stream.into_split();
            serve(reader, writer, flow, inbox, stop).await
        }
        Some(tls) => {
            let (reader, writer) =
                tokio::io::split(tokio::time::timeout(HANDSHAKE_PATIENCE, tls.accept(stream)).await??);
            serve(reader, writer, flow, inbox, stop).await
        }
    }
}

async fn serve<R, W>(
    reader: R,
    writer: W,
    flow: Flow,
    inbox: mpsc::Sender<Input>,
    stop: CancellationToken,
) -> io::Result<()>
where
    R: AsyncRead + Unpin,
    W: AsyncWrite + Unpin + Send + 'static,
{
    let (messages, queue) = mpsc::channel(OUTLET_MAX);
    let cut = stop.child_token();
    let outlet = Outlet::new(messages, cut.clone());
    let writing = tokio::spawn(write(writer, queue, cut.clone()));
    if inbox.send(Input::Opened(flow, outlet.clone())).await.is_ok() {
        let done = tokio::select! {
            done = read(reader, flow, &outlet, &inbox) => done,
            () = cut.cancelled() => Ok(()),
        };
        let _ = inbox.send(Input::Lost(flow)).await;
        if let Err(error) = done {
            tracing::debug!(%error, "a SIP connection cannot be read on");
        }
    }
    drop(outlet);
    // What is queued still leaves (the answer to a broken message); a peer that does not read is cut by the writer.
    let _ = writing.await;
    Ok(())
}

async fn read(
    mut reader: impl AsyncRead + Unpin,
    flow: Flow,
    outlet: &Outlet,
    inbox: &mpsc::Sender<Input>,
) -> io::Result<()> {
    let mut framer = StreamFramer::new();
    let mut buffer = vec![0; 8_192];
    let mut whole_by = None;
    loop {
        let deadline = whole_by.unwrap_or_else(|| tokio::time::Instant::now() + IDLE_PATIENCE);
        let length = tokio::time::timeout_at(deadline, reader.read(&mut buffer)).await??;
        if length == 0 {
            return Ok(());
        }
        framer.push(&buffer[..length]);
        loop {
            match framer.next() {
                Ok(None) => break,
                Ok(Some(Frame::Message(bytes))) => {
                    whole_by = None;
                    // Waits when the machine is behind: this peer's next bytes then wait in its own socket.
                    inbox.send(Input::Message(flow, bytes)).await.map_err(io::Error::other)?;
                }
                Ok(Some(Frame::Ping)) => {
                    outlet.send(Bytes::from_static(framing::PONG));
                }
                Ok(Some(Frame::Pong)) => {}
                Err(error) => {
                    if let Some(answer) = &error.answer {
                        outlet.send(answer.encode());
                    }
                    return Err(io::Error::other(error.to_string()));
                }
            }
        }
        whole_by = if framer.is_mid_message() {
            whole_by.or_else(|| Some(tokio::time::Instant::now() + MESSAGE_PATIENCE))
        } else {
            None
        };
    }
}

async fn write(mut writer: impl AsyncWrite + Unpin, mut queue: mpsc::Receiver<Bytes>, cut: CancellationToken) {
    while let Some(bytes) = queue.recv().await {
        let written = tokio::select! {
            written = tokio::time::timeout(WRITE_PATIENCE, writer.write_all(&bytes)) => written,
            () = cut.cancelled() => break,
        };
        if !matches!(written, Ok(Ok(()))) {
            break;
        }
    }
    cut.cancel();
    let _ = writer.shutdown().await;
}
