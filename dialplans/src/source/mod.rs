//! The YAML of plan files as written, each value with its place.
//!
//! Everything that may be missing is an `Option` here, so that the checker can say in its own
//! words what is missing and why it matters. The checked form is [`crate::plan`].
//! Must not know: what a name refers to; nothing is resolved here.

mod at;
mod file;
mod read;

pub use at::{At, Named};
pub use file::{
    AnnounceSource, AreaSource, BranchCaseSource, BranchSource, ConditionSource, DialSource, HangUpSource,
    HolidaysSource, HoursSource, HoursStepSource, MenuSource, NoteSource, OverflowSource, PlanSource, PromiseSource,
    QueueSource, SaySource, SetSource, SourceFile, StepSource, TargetSource, WaitSource,
};
pub(crate) use read::read_as;
pub use read::{FILE_BYTES_MAX, InputFile, read};
