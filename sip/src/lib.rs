//! `liandong-sip`: the Session Initiation Protocol without sockets, clocks or randomness.
//!
//! Everything here is data and pure machines: bytes and the time go in, bytes and events come
//! out. The shell around it (the hub's SIP edge) owns sockets, name resolution and the clock.
//!
//! | module | what it is for | sources |
//! | --- | --- | --- |
//! | [`message`] | requests and responses; bytes kept, headers parsed when asked for | RFC 3261 §7, 3581 |
//! | [`header`] | typed values: `Via`, `NameAddr`, `CSeq`, parameters | RFC 3261 §20 |
//! | [`uri`] | `sip:`, `sips:`, `tel:` and unknown schemes, kept octet for octet | RFC 3261 §19, 3966, 5118 |
//! | [`framing`] | where one message ends: datagram, stream, WebSocket | RFC 3261 §18.3, 5626, 7118 |
//! | [`transaction`] | the transaction layer | RFC 3261 §17, 4320, 6026 |
//! | [`dialog`] | dialogs: routing, order, glare | RFC 3261 §12–15, 3891 |
//! | [`digest`] | authentication, both sides | RFC 3261 §22, 7616, 8760 |
//! | [`registrar`] | bindings of addresses to contacts | RFC 3261 §10, 3327, 5626 |
//! | [`session_timer`] | calls whose other end vanished | RFC 4028 |
//! | [`sdp`] | session descriptions, offer and answer for audio | RFC 3264, 8866, 8839, 8842 |
//! | [`flow`], [`tokens`] | time, ways to peers, unguessable texts | |
//! | [`limits`] | every bound, with its reason | |
//!
//! What this crate must not know: accounts, calls of the hub, media, storage, the wall clock.

pub mod dialog;
pub mod digest;
pub mod flow;
pub mod framing;
pub mod header;
pub mod limits;
pub mod message;
pub mod method;
pub mod registrar;
pub mod sdp;
pub mod session_timer;
pub mod tokens;
pub mod transaction;
pub mod uri;

mod lex;

pub use bytes::Bytes;
pub use dialog::{Dialog, DialogId};
pub use flow::{ConnectionId, Flow, Millis, Transport};
pub use header::{CSeq, NameAddr, Params, Via};
pub use message::{Headers, Message, Name, ParseError, Refusal, Request, Response};
pub use method::Method;
pub use sdp::Sdp;
pub use tokens::Tokens;
pub use transaction::{ClientKey, Endpoint, Output, ServerKey};
pub use uri::{Host, Uri};
