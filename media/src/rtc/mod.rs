//! WebRTC transports: browser phone legs, and what the SFU stands on.
//!
//! `transport`, `tap` and `lite` are the only files that know the WebRTC crate. Everything else here is pure: session
//! descriptions (`sdp`), attribution (`inbound`), loss repair both ways (`repair`, `resend`), continuity of a
//! stream over changing sources (`continuity`), the shared port (`demux`). `endpoint` is the thin shell with the
//! socket and the clock. Nothing here knows SIP, rooms or HTTP.

pub mod continuity;
pub mod demux;
pub mod endpoint;
pub mod inbound;
mod lite;
pub mod packet;
pub mod phone;
pub mod phones;
pub mod repair;
pub mod resend;
pub mod sdp;
mod tap;
pub mod timers;
pub mod transport;
