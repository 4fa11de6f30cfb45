//! Cases 工单: what citizens ask, who has to do what about it, by when, and what came of it.
//!
//! Public commands ([`Cases`]): `capture`, `act` (every verb of [`flow::Verb`]), `open_draft_from_sms`, `supplement_by_citizen`,
//! `sign_by_unit`, `sign_by_person`, `link_subject`, `import_holidays`; reading: `detail`, `list`, `counts`, `timeline`,
//! `of_phone`, `track`. Events: `events::cases`, one per verb, each with the change it made and the notices it asks for
//! (`messages` sends them). Ports: [`ports`].
//!
//! Must not know: how units and people are stored (`orgs`), how anything is said to anybody (`messages`), calls, meetings,
//! orders as such: they are subjects that a case is linked to.

pub mod classes;
pub mod clocks;
mod commands;
pub mod engine;
mod filter;
pub mod flow;
mod follow;
mod lists;
pub mod model;
mod news;
pub mod number;
pub mod ports;
mod queries;
mod rows;
#[cfg(test)]
mod tests;
mod track;

pub use commands::{Cases, NumberBlock, OpenError, Parts, Wish, read_event};
pub use filter::{CaseBox, CaseFilter, Sort};
pub use follow::ClockBell;
pub use lists::{CaseLine, CasePage, Counts};
pub use queries::{CaseDetail, PhoneHistory, RequesterView};
pub use track::{Knock, PublicStep, PublicView};

use crate::store::Migration;

/// The tables of cases.
pub const MIGRATIONS: &[Migration] = &[
    Migration { name: "cases/001_cases", sql: include_str!("schema/001_cases.sql") },
    Migration { name: "cases/002_looks", sql: include_str!("schema/002_looks.sql") },
];
