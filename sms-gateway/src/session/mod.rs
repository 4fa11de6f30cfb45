//! Protocol sessions as pure machines: `handle_…(input, now)`, then drain `poll_output()`, then wait for `poll_timeout()`.
//!
//! No socket, no clock; randomness is a seed. [`client`] is our side of a link to a centre, [`server`] the centre's side towards
//! departments' programs; [`lanes`], [`bucket`] and [`window`] decide what may go out when.

pub mod backoff;
pub mod bucket;
pub mod client;
pub mod lanes;
pub mod server;
pub mod window;
