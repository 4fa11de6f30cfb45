//! The edge against played peers: the machine on a virtual clock, the whole over loopback.
#![allow(clippy::unwrap_used)]

mod by_hand;
mod hub;
mod loopback;
mod machine;
mod restart;
mod stage;
