//! The shell: one task with one UDP port and a clock, around a machine that owns all peers.
//!
//! It decides nothing. Commands, datagrams and time go in; datagrams come out.

use bytes::BytesMut;
use std::io;
use std::net::SocketAddr;
use std::time::Instant;
use tokio::net::UdpSocket;
use tokio::sync::mpsc;

/// Datagrams read before timers and commands get their turn.
const READ_BATCH: usize = 64;
/// Commands handled before the socket gets its turn.
const COMMAND_BATCH: usize = 64;
/// Largest datagram: WebRTC peers stay under the Ethernet MTU.
const MAX_DATAGRAM: usize = 2048;
/// Kernel buffers asked for, bytes: 50 ms of a 600 Mbit/s burst (key frames to all at once).
const SOCKET_BUFFER: usize = 4 * 1024 * 1024;
/// Commands that may wait.
pub const MAX_COMMANDS: usize = 4096;

/// A machine that owns the peers of a port.
pub trait Driven: Send + 'static {
    /// What others may ask of it.
    type Command: Send + 'static;
    /// Does what was asked.
    fn handle_command(&mut self, command: Self::Command, now: Instant);
    /// Takes a datagram from the port.
    fn handle_datagram(&mut self, from: SocketAddr, data: BytesMut, now: Instant);
    /// Time passes.
    fn handle_timeout(&mut self, now: Instant);
    /// When [`Self::handle_timeout`] is next needed.
    fn poll_timeout(&mut self) -> Option<Instant>;
    /// Next datagram to send.
    fn poll_datagram(&mut self) -> Option<(SocketAddr, BytesMut)>;
    /// Says goodbye to all peers; their last datagrams are sent.
    fn close(&mut self);
}

/// Opens the port of an endpoint with large kernel buffers.
///
/// # Errors
/// Where the port is taken or not permitted.
pub fn bind(address: SocketAddr) -> io::Result<UdpSocket> {
    use socket2::{Domain, Protocol, Socket, Type};
    let socket = Socket::new(Domain::for_address(address), Type::DGRAM, Some(Protocol::UDP))?;
    socket.set_nonblocking(true)?;
    // The kernel may grant less; that is no error.
    let _ = socket.set_recv_buffer_size(SOCKET_BUFFER);
    let _ = socket.set_send_buffer_size(SOCKET_BUFFER);
    socket.bind(&address.into())?;
    UdpSocket::from_std(socket.into())
}

/// Runs a machine until all its command senders are gone.
pub async fn run<M: Driven>(socket: UdpSocket, mut machine: M, mut commands: mpsc::Receiver<M::Command>) {
    let mut buffer = vec![0; MAX_DATAGRAM];
    loop {
        let deadline = machine.poll_timeout();
        tokio::select! {
            ready = socket.readable() => {
                if ready.is_ok() {
                    read_batch(&socket, &mut machine, &mut buffer);
                }
            }
            command = commands.recv() => {
                let Some(command) = command else { break };
                let now = Instant::now();
                machine.handle_command(command, now);
                for _ in 1..COMMAND_BATCH {
                    let Ok(command) = commands.try_recv() else { break };
                    machine.handle_command(command, now);
                }
            }
            () = sleep_until(deadline) => {}
        }
        let now = Instant::now();
        if machine.poll_timeout().is_some_and(|deadline| deadline <= now) {
            machine.handle_timeout(now);
        }
        flush(&socket, &mut machine).await;
    }
    machine.close();
    flush(&socket, &mut machine).await;
}

async fn sleep_until(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => tokio::time::sleep_until(deadline.into()).await,
        None => std::future::pending().await,
    }
}

fn read_batch<M: Driven>(socket: &UdpSocket, machine: &mut M, buffer: &mut [u8]) {
    let now = Instant::now();
    for _ in 0..READ_BATCH {
        match socket.try_recv_from(buffer) {
            Ok((length, from)) => machine.handle_datagram(from, BytesMut::from(&buffer[..length]), now),
            // Including a peer's "port unreachable", which concerns no other peer.
            Err(_) => break,
        }
    }
}

async fn flush<M: Driven>(socket: &UdpSocket, machine: &mut M) {
    while let Some((to, data)) = machine.poll_datagram() {
        match socket.try_send_to(&data, to) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                if let Err(error) = socket.send_to(&data, to).await {
                    tracing::debug!(%error, "datagram not sent");
                }
            }
            Err(error) => tracing::debug!(%error, "datagram not sent"),
            Ok(_) => {}
        }
    }
}
