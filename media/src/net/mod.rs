//! Sockets and ports: the only place in the crate that touches the operating system's network.
//!
//! Knows datagrams, not RTP.

mod ports;
// Batched system calls and segmentation offload have no safe interface in std or in the crates we
// use; this module is the one place of the workspace that may call them.
#[allow(unsafe_code)]
mod udp;

pub use ports::{PortLease, PortPool, PortRange};
pub use udp::{BATCH, RecvBatch, send_batch, send_segments, set_buffers};
