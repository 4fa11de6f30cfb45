//! The shape of a plan file: sections, steps and their fields.
//!
//! One file may hold any of the sections; all files given together make one plan set.

use schemars::JsonSchema;
use serde::Deserialize;

use super::{At, Named};
use crate::api::{Cause, NoteKind, Priority};

/// One plan file. Durations are written `8s`, `500ms`, `2m`, `1m30s`; times of day and keys in
/// quotes.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct SourceFile {
    /// Offset of local time from UTC, `"+08:00"`; once in the whole set.
    pub utc_offset: Option<At<String>>,
    /// Lists of holidays and make-up working days (调休) by name.
    pub holidays: Named<HolidaysSource>,
    /// Opening hours by name.
    pub hours: Named<HoursSource>,
    /// Queues by name.
    pub queues: Named<QueueSource>,
    /// Areas of callers by name.
    pub areas: Named<AreaSource>,
    /// Numbers to dial out to, by name.
    pub targets: Named<TargetSource>,
    /// Plans by name.
    pub plans: Named<PlanSource>,
}

/// Days that differ from the week.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct HolidaysSource {
    /// Days off, `"2026-10-01"`, or a stretch `"2026-10-01..2026-10-07"`.
    pub off: Vec<At<String>>,
    /// Working days at a weekend (调休); they follow Monday's hours.
    pub work: Vec<At<String>>,
}

/// Opening hours.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct HoursSource {
    /// Day or stretch of days (`mon`, `mon-fri`) to its periods (`"08:30-12:00"`).
    pub week: Named<Vec<At<String>>>,
    /// The list of holidays that applies.
    pub holidays: Option<At<String>>,
    /// Periods on a day off; none = closed.
    pub on_holidays: Vec<At<String>>,
}

/// A queue and what the ACD needs to know of it.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct QueueSource {
    /// Its name for people.
    pub title: Option<String>,
    /// How long one agent is rung (5s to 60s).
    pub ring: Option<At<String>>,
    /// After-call work (话后整理) before the agent is ready again (0s to 10m).
    pub wrap_up: Option<At<String>>,
    /// The prompt that names it to callers.
    pub say: Option<At<String>>,
    /// Its opening hours; without them it is always open.
    pub hours: Option<At<String>>,
}

/// An area of callers.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct AreaSource {
    /// The queue of its sub-centre.
    pub queue: Option<At<String>>,
}

/// A number to dial out to.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct TargetSource {
    /// The number, in quotes.
    pub number: Option<At<String>>,
    /// How long it is rung (5s to 120s).
    pub ring: Option<At<String>>,
}

/// A plan (话务流程).
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct PlanSource {
    /// Its name for people.
    pub title: Option<String>,
    /// The dialled numbers that it serves, in quotes; `"*"` = every other number.
    pub numbers: Vec<At<String>>,
    /// Calls are recorded, from the end of the `must_hear` prompts on.
    pub record: Option<At<bool>>,
    /// What the plan promises; the checker proves it.
    pub promise: Option<PromiseSource>,
    /// The first step.
    pub start: Option<At<String>>,
    /// The steps by name.
    pub steps: Named<At<StepSource>>,
}

/// What a plan promises.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct PromiseSource {
    /// On every path a person is asked for within this time.
    pub person_within: Option<At<String>>,
    /// While waiting the caller hears his place at least this often.
    pub place_every: Option<At<String>>,
}

/// A step: exactly one of these kinds.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum StepSource {
    /// Say prompts, go on.
    Say(SaySource),
    /// Ask for a key.
    Menu(MenuSource),
    /// Open or closed?
    Hours(HoursStepSource),
    /// Choose by what is known of the call.
    Branch(BranchSource),
    /// Wait in a queue for a person.
    Wait(Box<WaitSource>),
    /// Call a number and connect.
    Dial(DialSource),
    /// Set a variable of the call.
    Set(SetSource),
    /// Write a note into the log.
    Note(NoteSource),
    /// Say goodbye and end.
    HangUp(HangUpSource),
}

/// Say prompts, go on.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct SaySource {
    /// Prompts, in order.
    pub prompts: Vec<At<String>>,
    /// The next step.
    pub then: Option<At<String>>,
}

/// Ask for a key.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct MenuSource {
    /// What is asked.
    pub prompts: Vec<At<String>>,
    /// Played while the key is awaited (never silence).
    pub music: Option<At<String>>,
    /// Key (in quotes) to step.
    pub keys: Named<At<String>>,
    /// How long a key is awaited after the prompts (1s to 30s).
    pub wait: Option<At<String>>,
    /// How often it is asked (1 to 5).
    pub tries: Option<At<u32>>,
    /// No key after the last try.
    pub no_key: Option<At<String>>,
    /// A wrong key at the last try.
    pub wrong_key: Option<At<String>>,
}

/// Open or closed?
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct HoursStepSource {
    /// The opening hours.
    pub table: Option<At<String>>,
    /// When open.
    pub open: Option<At<String>>,
    /// When closed.
    pub closed: Option<At<String>>,
}

/// Choose by what is known of the call; the first case that fits wins.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct BranchSource {
    /// The cases, in order.
    pub cases: Vec<BranchCaseSource>,
    /// When none fits.
    pub otherwise: Option<At<String>>,
}

/// One case of a branch.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BranchCaseSource {
    /// When.
    pub when: ConditionSource,
    /// The next step.
    #[serde(default)]
    pub then: Option<At<String>>,
}

/// A typed condition: exactly one of these.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ConditionSource {
    /// The caller's area is one of these.
    CallerArea(Vec<At<String>>),
    /// The caller's area is known (or not).
    AreaKnown(bool),
    /// The caller's number is withheld (or not).
    NumberWithheld(bool),
    /// The dialled number is one of these.
    Called(Vec<At<String>>),
    /// A variable has this value.
    Variable {
        /// Its name.
        name: String,
        /// The value.
        is: String,
    },
}

/// Wait in a queue for a person.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct WaitSource {
    /// The queue.
    pub queue: Option<At<String>>,
    /// The rank there.
    pub priority: Option<At<Priority>>,
    /// Heard to the end before anyone is connected (the recording notice); once per call.
    pub must_hear: Vec<At<String>>,
    /// Then heard while agents are rung; cut off by an answer.
    pub welcome: Vec<At<String>>,
    /// Then heard over and over.
    pub music: Option<At<String>>,
    /// Place and estimate.
    pub announce: Option<AnnounceSource>,
    /// Said when a rung agent did not answer.
    pub ring_timeout: Vec<At<String>>,
    /// Key (in quotes) to step, at any moment of the wait.
    pub keys: Named<At<String>>,
    /// Where else the call may wait; each rule once, in order.
    pub overflow: Vec<OverflowSource>,
    /// When nobody is signed in, here and where it could overflow to.
    pub nobody: Option<At<String>>,
    /// The longest wait in this step (10s to 60m).
    pub longest: Option<At<String>>,
    /// After the longest wait.
    pub too_long: Option<At<String>>,
    /// When the queue gave the call up.
    pub removed: Option<At<String>>,
    /// When the talk has ended and the caller is still there; without it: hang up.
    pub after_talk: Option<At<String>>,
}

/// Place and estimate while waiting.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct AnnounceSource {
    /// The first time after entry (default: `every`).
    pub first: Option<At<String>>,
    /// Then at least so often, sooner when the place improves (15s to 3m).
    pub every: Option<At<String>>,
    /// Say the estimated wait too.
    pub estimate: Option<bool>,
    /// Said after it.
    pub also: Vec<At<String>>,
}

/// One rule of overflow.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct OverflowSource {
    /// After this long in the step …
    pub after: Option<At<String>>,
    /// … or (`true`) as soon as nobody is signed in.
    pub when_nobody: Option<At<bool>>,
    /// To this queue …
    pub to: Option<At<String>>,
    /// … or (`true`) to the queue of the caller's area, if known and open.
    pub to_caller_area: Option<At<bool>>,
    /// Said then; the queue's own `say` follows.
    pub say: Vec<At<String>>,
    /// Back home after this long without an answer; without it the call stays there.
    pub back_after: Option<At<String>>,
    /// Said on the way back.
    pub back_say: Vec<At<String>>,
}

/// Call a number and connect. A place in a queue is kept meanwhile: who answers first wins.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct DialSource {
    /// Which.
    pub target: Option<At<String>>,
    /// Said first, while it is already dialled.
    pub say: Vec<At<String>>,
    /// Then heard over and over.
    pub music: Option<At<String>>,
    /// When busy.
    pub busy: Option<At<String>>,
    /// When nobody answers in time.
    pub no_answer: Option<At<String>>,
    /// When it fails otherwise.
    pub failed: Option<At<String>>,
    /// When the talk has ended and the caller is still there; without it: hang up.
    pub after_talk: Option<At<String>>,
}

/// Set a variable of the call.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct SetSource {
    /// Its name.
    pub name: Option<At<String>>,
    /// Its value.
    pub value: Option<At<String>>,
    /// The next step.
    pub then: Option<At<String>>,
}

/// Write a note into the log.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct NoteSource {
    /// What it is about (default: a remark).
    pub kind: Option<At<NoteKind>>,
    /// The text; no personal data.
    pub text: Option<At<String>>,
    /// The next step.
    pub then: Option<At<String>>,
}

/// Say goodbye and end.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct HangUpSource {
    /// The goodbye. May be empty only after a talk.
    pub say: Vec<At<String>>,
    /// The cause towards the caller.
    pub cause: Option<At<Cause>>,
    /// The caller got no person: a call-back task is due.
    pub missed_call: Option<bool>,
}
