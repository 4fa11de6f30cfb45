//! One TCP connection of PDUs: buffers with bounds, no protocol. Shared by the client and the server shell.

use crate::pdu::{BadPdu, Codec, FrameError, MAX_PDU_LEN, Pdu};
use bytes::BytesMut;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio_util::codec::Decoder;

/// Octets read at once.
const READ: usize = 16 << 10;
/// Most octets waiting to be written: a window of 1,000 long messages, ten times over. A peer that does not read is cut off.
const MAX_OUT: usize = 4 << 20;
/// How long the last octets may take when we close.
const LINGER: Duration = Duration::from_secs(2);

/// The connection.
pub(super) struct Wire {
    read: OwnedReadHalf,
    write: OwnedWriteHalf,
    incoming: BytesMut,
    outgoing: BytesMut,
}

impl Wire {
    pub(super) fn new(stream: TcpStream) -> Self {
        let _ = stream.set_nodelay(true); // only a matter of speed
        let (read, write) = stream.into_split();
        Self { read, write, incoming: BytesMut::new(), outgoing: BytesMut::new() }
    }

    /// Queues a PDU. Fails if the peer does not read.
    pub(super) fn send(&mut self, pdu: &Pdu) -> Result<(), String> {
        pdu.encode(&mut self.outgoing).map_err(|error| error.to_string())?;
        if self.outgoing.len() > MAX_OUT { Err("the peer does not read".into()) } else { Ok(()) }
    }

    /// Reads or writes some octets. Cancel-safe.
    pub(super) async fn progress(&mut self) -> Result<(), String> {
        self.incoming.reserve(READ.min(MAX_PDU_LEN));
        let waiting = !self.outgoing.is_empty();
        tokio::select! {
            read = self.read.read_buf(&mut self.incoming) => match read {
                Ok(0) => Err("closed by the peer".into()),
                Ok(_) => Ok(()),
                Err(error) => Err(error.to_string()),
            },
            written = self.write.write_buf(&mut self.outgoing), if waiting => written.map(|_| ()).map_err(|error| error.to_string()),
        }
    }

    /// The next whole PDU of what was read.
    pub(super) fn next(&mut self) -> Result<Option<Result<Pdu, BadPdu>>, FrameError> {
        Codec.decode(&mut self.incoming)
    }

    /// Writes what is queued and closes, on its own.
    pub(super) fn close(mut self) {
        tokio::spawn(async move {
            let rest = async {
                self.write.write_all(&self.outgoing).await?;
                self.write.shutdown().await
            };
            let _ = tokio::time::timeout(LINGER, rest).await; // the peer may be gone: nothing is left to do
        });
    }
}
