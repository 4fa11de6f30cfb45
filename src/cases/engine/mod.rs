//! The engine: what the verbs mean. [`capture`] begins a case, [`step`] carries a verb out, [`rungs`] tells what the clocks
//! have reached; each answers with the event, or with a refusal that says why and who may. All pure.
//!
//! Must not know: the database, HTTP, how units and people are stored.

mod capture;
mod clocking;
mod notices;
mod said;
mod step;
mod verbs;
mod who;

#[cfg(test)]
mod tests;

pub use capture::{Captor, CaptureBody, capture};
pub use clocking::{reproject, rungs};
pub use step::{Offer, offers, step};
pub use verbs::{Act, LinkBody, RequesterBody, SupplementBody, schema};
pub use who::By;
pub(in crate::cases) use who::sensitivity;

use super::classes::Classes;
use super::clocks::Calendars;
use super::flow::Flow;
use super::ports::Units;
use crate::ids::Timestamp;

/// What decisions are made by, beside the case itself.
#[derive(Clone, Copy)]
pub struct World<'a> {
    /// The flow version that the case keeps.
    pub flow: &'a Flow,
    /// The class tree.
    pub classes: &'a Classes,
    /// The calendars.
    pub calendars: &'a Calendars,
    /// The organisation tree.
    pub units: &'a dyn Units,
}

/// The circumstances of one act.
#[derive(Debug, Clone, Copy)]
pub struct Meta<'a> {
    /// Now.
    pub now: Timestamp,
    /// The client's key.
    pub key: Option<&'a str>,
}
