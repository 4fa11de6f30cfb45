//! Call records 话单: what happened, written in order into log and table, and read again.
//!
//! Must not know: the machines that made the events, HTTP.

mod writer;

pub(super) use writer::write_one;
pub use writer::{LOST_AFTER, Progress, Writer};
