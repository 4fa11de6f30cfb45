//! The one log: append with a hash chain, read and follow from a position, outbox, durable timers, and the vault that
//! seals personal texts.
//!
//! Must not know: what any event means, who may see it (that is `access`), HTTP.

mod append;
mod follow;
mod keys;
mod outbox;
mod read;
#[cfg(test)]
mod tests;
mod timers;
mod vault;
mod verify;

pub use append::{append, append_all};
pub use follow::{Follower, run_follower};
pub use outbox::{
    Attempt, Courier, Delivery, OutboxItem, dead_letters, discard_dead, put_outbox, release_leases, retry_dead,
    run_courier,
};
pub use read::{after, kinds_after, of_kind_before, of_subjects};
pub use timers::{Timer, TimerHandler, cancel_timer, run_timers, set_timer};
pub(crate) use vault::write_secret;
pub use vault::{HIDDEN, Vault, VaultError};
pub use verify::{Broken, verify};

use crate::store::Migration;

/// The log's tables.
pub const MIGRATIONS: &[Migration] = &[Migration { name: "log/001_log", sql: include_str!("schema/001_log.sql") }];
