//! Calls (通话): the hotline's telephony, from the trunk to the agent's ear.
//!
//! Pure cores: [`queue`] (ACD: who serves whom) and [`call`] (one call: legs, plan, hold, transfer). [`switch`] owns the
//! live machines, feeds them and performs their effects through [`edge`] (SIP) and the media engine; [`records`] writes
//! what happened, in order, into log and table; [`desk`] is what agents and supervisors ask. Nothing in the two pure
//! folders touches a socket or a clock.
//!
//! Public commands: those of [`Calls`] (desk, dialling, a running call, lists, recordings, drafts, links to cases).
//! Events: [`crate::events::calls::CallsEvent`].
//!
//! Must not know: cases (a call holds their ids, `http` composes), messages, meetings, HTTP.

pub mod call;
mod commands;
mod day;
pub mod desk;
pub mod edge;
mod follow;
pub mod queue;
pub mod records;
mod registry;
mod rows;
pub mod switch;
mod views;

pub use commands::Calls;
pub use follow::{Past, close_interrupted, past, running};
pub use registry::StoredRegistry;
pub use views::{CallFilter, CallView, CodeView, EndView, FigureView, Recording, ThirdView, WrapUpView};

use crate::store::Migration;

/// The tables of calls.
pub const MIGRATIONS: &[Migration] = &[
    Migration { name: "calls/001_calls", sql: include_str!("schema/001_calls.sql") },
    Migration { name: "calls/002_wrap_up", sql: include_str!("schema/002_wrap_up.sql") },
    Migration { name: "calls/003_live", sql: include_str!("schema/003_live.sql") },
];
