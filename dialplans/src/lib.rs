//! Dial plans (话务流程): what a caller hears and where the call goes, written as data.
//!
//! - [`source`]: plan files in YAML, as written, with positions.
//! - [`check`], [`compile`]: refuse broken plans with line, column, reason, hint; prove promises.
//! - [`Runner`]: drives one call through one plan; pure ([`api`] holds the contract).
//! - [`simulate`]: runs scenario files on a virtual clock.
//! - [`schema`], [`draw()`]: JSON schema for editors, mermaid drawing for people.
//!
//! The data of the demo city lie beside the code: `plans/`, `prompts/`, `scenarios/`;
//! [`builtin`] holds the plan files.
//!
//! Must not know: SIP, RTP, sockets, clocks, the database, the hub. The switch feeds [`Input`]s
//! and performs [`Action`]s.

pub mod api;
pub mod builtin;
mod check;
mod diagnostic;
mod draw;
mod duration;
mod hours;
mod plan;
mod prompts;
mod runner;
pub mod schema;
pub mod simulate;
pub mod source;
pub mod time;

pub use api::{
    Action, AreaName, CallStart, Cause, DialResult, Digit, Input, NoteKind, PlanName, PlayId, Priority, PromptRef,
    QueueName, QueueNotice, Repeat, StepName, TargetName,
};
pub use check::{Checked, Checker, STEPS_MAX, check, compile};
pub use diagnostic::{Diagnostic, Severity};
pub use draw::draw;
pub use hours::{Holidays, Hours, Period};
pub use plan::{Area, Plan, PlanSet, Queue};
pub use prompts::{Lengths, wav_length};
pub use runner::{KeptRunner, PLAY_GRACE, Runner, STEPS_PER_CALL_MAX};
pub use source::InputFile;
pub use time::{Millis, Now};
