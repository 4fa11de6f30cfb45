//! LiveKit signalling: reads what clients send, owns all rooms and the SFU, carries out what rooms say.
//!
//! [`frame`] is the wire, [`connect`] the parameters of a connection, [`Rooms`] the door to the task that owns the rooms.
//! The socket itself is pumped by whoever holds it.
//!
//! Must not know: HTTP, meetings' rows, who may call a meeting.

pub mod connect;
pub mod frame;
mod owner;

pub use connect::{BadConnect, Connect};
pub use owner::{JoinError, Rooms, Session};
