//! Dial plans (话务流程): what a caller hears and where the call goes, written as data.
//!
//! Plan files are YAML ; the checker refuses broken ones with line, column, reason and
//! hint; the runner drives one call through one plan and is pure; the simulator runs scenarios on
//! a virtual clock. The data of the demo city lie beside the code: `plans/`, `prompts/`,
//! `scenarios/`.
//!
//! Must not know: SIP, RTP, sockets, clocks, the database, the hub. The switch feeds
//! [`Input`]s and performs [`Action`]s.

pub mod api;
pub mod time;

pub use api::{
    Action, AreaName, CallStart, Cause, DialResult, Digit, Input, NoteKind, PlanName, PlayId,
    Priority, PromptRef, QueueName, QueueNotice, Repeat, StepName, TargetName,
};
pub use time::{Millis, Now};
