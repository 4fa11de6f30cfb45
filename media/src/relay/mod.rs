//! One call in the media path, pure: packets, ticks and commands in; packets and events out.
//!
//! A call has legs. Each leg *hears* a set of other legs: one (packets are relayed, transcoded only
//! if the codecs differ), several (mixed, N−1), or none; a play list put on a leg covers what it
//! hears until it ends. Whatever the sources, each receiver gets one continuous RTP stream.
//!
//! Rules that must hold (facts on RTP bleed): a leg is fed only by packets from where signalling
//! says; the source is latched once and never again without signalling; a packet from elsewhere is
//! neither forwarded, recorded nor answered. Knows no sockets, no clock, no files.

mod call;
mod ear;
mod latch;
mod leg;
mod mouth;
mod stream;
mod types;

pub use call::CallRelay;
pub use latch::{Latch, Strictness};
pub use leg::{LegSettings, LegStats};
pub use types::{Direction, EventType, LegEvent, LegNo, LegSet, MAX_LEGS, Media, Payload, RelayError, Remote, Sink};
