//! The UDP sockets of one media thread.

use std::io;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::os::fd::AsRawFd;

use mio::unix::SourceFd;
use mio::{Interest, Registry, Token};
use thiserror::Error;

use super::LegId;
use crate::net::{PortLease, PortPool};

/// Ports tried when others hold some of our range.
const MAX_TRIES: usize = 64;

/// Why a leg got no socket.
#[derive(Debug, Error)]
pub enum SocketError {
    /// Every port pair is in use.
    #[error("no free RTP port: all {0} pairs of this media thread are in use; widen the range or end calls")]
    NoPort(usize),
    /// Other programs hold the ports.
    #[error("no RTP port could be bound in {MAX_TRIES} tries, the last said: {0}; is another program using the range?")]
    Bind(io::Error),
    /// The poll refused it.
    #[error("the socket cannot be polled: {0}")]
    Poll(io::Error),
}

/// RTP and RTCP socket of one leg. Dropping it frees both ports.
pub(super) struct Port {
    pub(super) leg: LegId,
    pub(super) rtp: UdpSocket,
    pub(super) rtcp: UdpSocket,
    /// None for a port taken up from before a restart that lies outside of this thread's range.
    _lease: Option<PortLease>,
}

/// All of them by number; the number is the poll's token, halved.
pub(super) struct Sockets {
    ports: Vec<Option<Port>>,
    free: Vec<usize>,
    pool: PortPool,
}

impl Sockets {
    pub(super) fn new(pool: PortPool) -> Self {
        Self { ports: Vec::new(), free: Vec::new(), pool }
    }

    /// Binds a pair for a leg, `wanted` or any free one; its number and the RTP address.
    pub(super) fn open(
        &mut self,
        leg: LegId,
        bind: IpAddr,
        wanted: Option<u16>,
        registry: &Registry,
    ) -> Result<(usize, SocketAddr), SocketError> {
        let port = match wanted {
            Some(port) => self.bind_again(leg, bind, port)?,
            None => self.bind(leg, bind)?,
        };
        let address = port.rtp.local_addr().map_err(SocketError::Bind)?;
        let index = self.free.pop().unwrap_or(self.ports.len());
        for (socket, token) in [(&port.rtp, index * 2), (&port.rtcp, index * 2 + 1)] {
            let fd = socket.as_raw_fd();
            let added = registry.register(&mut SourceFd(&fd), Token(token), Interest::READABLE);
            if let Err(error) = added {
                self.free.push(index);
                return Err(SocketError::Poll(error));
            }
        }
        if index == self.ports.len() {
            self.ports.push(None);
        }
        self.ports[index] = Some(port);
        Ok((index, address))
    }

    pub(super) fn close(&mut self, index: usize, registry: &Registry) {
        let Some(port) = self.ports.get_mut(index).and_then(Option::take) else {
            return;
        };
        for socket in [&port.rtp, &port.rtcp] {
            let fd = socket.as_raw_fd();
            // Closing the descriptor removes it too; this only keeps the poll's books.
            let _ = registry.deregister(&mut SourceFd(&fd));
        }
        self.free.push(index);
    }

    pub(super) fn get(&self, index: usize) -> Option<&Port> {
        self.ports.get(index)?.as_ref()
    }

    pub(super) fn free_ports(&mut self) -> usize {
        self.pool.free()
    }

    /// The pair that a leg had before a restart: its peer sends there.
    fn bind_again(&mut self, leg: LegId, bind: IpAddr, port: u16) -> Result<Port, SocketError> {
        let lease = self.pool.take_port(port);
        let (rtp, rtcp) = bind_pair(bind, port).map_err(SocketError::Bind)?;
        Ok(Port { leg, rtp, rtcp, _lease: lease })
    }

    fn bind(&mut self, leg: LegId, bind: IpAddr) -> Result<Port, SocketError> {
        // Leases of ports that others hold go back together, so that each is tried once.
        let mut held = Vec::new();
        let mut last = None;
        for _ in 0..MAX_TRIES {
            let Some(lease) = self.pool.take() else { break };
            match bind_pair(bind, lease.port()) {
                Ok((rtp, rtcp)) => {
                    return Ok(Port { leg, rtp, rtcp, _lease: Some(lease) });
                }
                Err(error) => last = Some(error),
            }
            held.push(lease);
        }
        Err(last.map_or(SocketError::NoPort(self.pool.total()), SocketError::Bind))
    }
}

fn bind_pair(bind: IpAddr, port: u16) -> io::Result<(UdpSocket, UdpSocket)> {
    let rtp = UdpSocket::bind((bind, port))?;
    let rtcp = UdpSocket::bind((bind, port + 1))?;
    rtp.set_nonblocking(true)?;
    rtcp.set_nonblocking(true)?;
    Ok((rtp, rtcp))
}
