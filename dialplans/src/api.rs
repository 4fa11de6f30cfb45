//! The runner's interface towards the switch: what it is told ([`Input`]) and what it asks for
//! ([`Action`]).
//!
//! One `Runner` drives one caller through one plan, from the INVITE to the end.
//!
//! # Contract
//! 1. Feed [`Input::Start`] once, first. Then every input in the order in which it happened.
//! 2. Perform the actions of one answer in their order before the next input is fed.
//! 3. After each answer ask `poll_timeout()`; when that moment is reached feed [`Input::Timer`].
//!    A timer that comes early or twice is harmless.
//! 4. The answer to [`Input::CallerHungUp`] holds notes only: the switch itself leaves the queue and
//!    drops dialled legs. After it, or after [`Action::HangUp`], the runner answers nothing.
//! 5. An agent who answered and left again before `Connect` is told as
//!    [`QueueNotice::RingTimeout`]: the call is waiting again.
//!
//! # What the switch can rely on
//! - The first action is always [`Action::Answer`]; a [`Action::Play`] follows in the same answer.
//! - From then on something is playing until [`Action::Connect`] or [`Action::HangUp`]: never
//!   silence. A `Play` replaces what plays; the switch need not stop it first.
//! - A call is in at most one queue. `EnterQueue` comes once; later `MoveQueue`, `SetPriority`,
//!   `LeaveQueue`. `HangUp` implies leaving the queue, and dropping a dialled leg.
//! - `Connect` comes only after [`QueueNotice::AgentAnswered`] or [`DialResult::Answered`]. It may
//!   come some seconds later, when a prompt that must be heard (the recording notice) is still
//!   playing: keep the answered agent's leg up and unbridged until then.
//! - Digits that nobody listens for are ignored.
//!
//! Must not know: SIP, RTP, sockets, SQL, agents' sessions.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::time::Millis;

/// Makes a newtype over a name; names are compared byte for byte.
macro_rules! name {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub String);

        impl $name {
            /// The name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl From<&str> for $name {
            fn from(name: &str) -> Self {
                Self(name.to_owned())
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

name! {
    /// A plan (话务流程), by the key under `plans:`.
    PlanName
}
name! {
    /// A step of a plan, by the key under `steps:`.
    StepName
}
name! {
    /// A queue (队列), by the key under `queues:`; the ACD uses the same name.
    QueueName
}
name! {
    /// An area (区县) of callers, by the key under `areas:`.
    AreaName
}
name! {
    /// A number to dial out to (a duty desk, 110), by the key under `targets:`.
    TargetName
}
name! {
    /// A prompt (语音提示): the file `prompts/NAME.wav`.
    PromptRef
}

/// Which `Play` finished; grows by one with each `Play` of a runner.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct PlayId(pub u32);

/// A telephone key: `0`–`9`, `*`, `#`, `A`–`D` (RFC 4733 §3.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "char", into = "char")]
pub struct Digit(char);

/// A character that is no telephone key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no telephone key: use 0-9, *, # or A-D")]
pub struct NotADigit(pub char);

impl TryFrom<char> for Digit {
    type Error = NotADigit;

    fn try_from(key: char) -> Result<Self, NotADigit> {
        match key {
            '0'..='9' | '*' | '#' | 'A'..='D' => Ok(Self(key)),
            _ => Err(NotADigit(key)),
        }
    }
}

impl From<Digit> for char {
    fn from(digit: Digit) -> Self {
        digit.0
    }
}

impl fmt::Display for Digit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// Rank of a waiting call; a higher one is served first, equals by their start time.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Priority {
    /// Served last (a caller under nuisance care).
    Low,
    /// The ordinary caller.
    #[default]
    Normal,
    /// Before the ordinary ones.
    High,
    /// To the head, above all (key 9, danger words).
    Emergency,
}

/// What a new call brings.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallStart {
    /// The caller's number as the trunk gave it; `None` if withheld.
    pub caller: Option<String>,
    /// The caller's area where the number or the trunk tells it; `None` if unknown.
    pub area: Option<AreaName>,
    /// The dialled number.
    pub called: String,
}

/// What happened, told to the runner.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Input {
    /// The call is here (not yet answered). Once, first.
    Start(CallStart),
    /// A `Play` with `Repeat::Once` reached its end by itself. Others' ids are ignored.
    PlayFinished(PlayId),
    /// The caller pressed a key.
    Digit(Digit),
    /// The queue speaks about this call.
    Queue(QueueNotice),
    /// The leg of [`Action::Dial`] speaks.
    Dial(DialResult),
    /// The connected party (agent or dialled target) left, the caller is still there.
    TalkEnded,
    /// The caller is gone. The runner ends.
    CallerHungUp,
    /// The moment of `poll_timeout` is reached.
    Timer,
}

/// The queue's notices about one waiting call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum QueueNotice {
    /// Place in line (1 = next) and an honest estimate, `None` when there is no ground for one.
    /// Sent on entry and whenever either changes.
    Position {
        /// 1 is the next to be served.
        place: u32,
        /// Estimated seconds until an agent answers.
        eta_seconds: Option<u32>,
    },
    /// An agent is being rung for this call.
    Offered,
    /// That agent took the call; the runner answers with `Connect`, at once or when a prompt that
    /// must be heard has ended.
    AgentAnswered,
    /// The agent did not answer in time; the call is back at the head with its start time.
    RingTimeout,
    /// Nobody is signed in to this queue (not merely busy). Sent on entry, after the position, and
    /// when the last one signs out.
    NoAgents,
    /// Somebody signed in again after `NoAgents`.
    AgentsBack,
    /// The queue gave the call up (a supervisor took it out, the queue was closed).
    Removed,
}

/// What became of a dialled leg.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DialResult {
    /// It rings there.
    Ringing,
    /// Answered; the runner says `Connect`.
    Answered,
    /// Busy here (486, 600).
    Busy,
    /// Nobody answered within the ring seconds (or 408, 480).
    NoAnswer,
    /// Any other final failure, by SIP status.
    Failed {
        /// 300–699; 0 when no answer came at all.
        status: u16,
    },
}

/// How often a `Play` runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Repeat {
    /// Once, then `PlayFinished`.
    Once,
    /// Until replaced or stopped; never `PlayFinished`.
    Forever,
}

/// Why the plan ends a call; the edge maps it to SIP (RFC 3326 `Reason` too).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// Everything was said (Q.850 16).
    #[default]
    Normal,
    /// Nobody came (Q.850 19).
    NoAnswer,
    /// Busy (Q.850 17).
    Busy,
    /// The plan itself failed; never from a checked plan (Q.850 41).
    Failed,
}

/// What a note is about; the switch writes it to the log, followers act on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum NoteKind {
    /// The plan entered a step; the text is its name.
    Step,
    /// The caller asked for a person and got none: a missed-call task is due.
    MissedCall,
    /// The caller raised an emergency (紧急).
    Emergency,
    /// The call overflowed or came back; the text says from where to where.
    Overflow,
    /// Free text of the plan's author.
    Remark,
    /// The plan could not go on as written (a limit was hit); the text says which.
    Trouble,
}

/// What the runner asks the switch to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Answer the caller's leg (200).
    Answer,
    /// Play to the caller, one prompt after the other without gaps; replaces what plays.
    Play {
        /// Comes back in `PlayFinished`.
        id: PlayId,
        /// Never empty.
        prompts: Vec<PromptRef>,
        /// Once, or until replaced.
        repeat: Repeat,
    },
    /// Be silent (only just before `Connect`).
    StopPlay,
    /// Put the call into a queue.
    EnterQueue {
        /// Where.
        queue: QueueName,
        /// Its rank there.
        priority: Priority,
        /// When the caller first asked for a person: the start of every wait figure.
        since: Millis,
    },
    /// Move the waiting call to another queue. An agent ringing for it is released unless he
    /// serves the new queue too.
    MoveQueue {
        /// Where to.
        to: QueueName,
        /// Its rank there.
        priority: Priority,
        /// True: the start time and so the place by time is kept.
        keep_since: bool,
    },
    /// Change the rank where the call waits.
    SetPriority {
        /// The new rank.
        priority: Priority,
        /// Why, for the log and the supervisor.
        reason: String,
    },
    /// Take the call out of its queue; an agent ringing for it is released.
    LeaveQueue,
    /// Bridge the caller with whoever answered, and stop playing.
    Connect,
    /// Call out for this caller.
    Dial {
        /// The name in the plan, for the log.
        target: TargetName,
        /// The number to dial.
        number: String,
        /// Give up after this many seconds with `DialResult::NoAnswer`.
        ring_seconds: u32,
    },
    /// Give the dialled leg up.
    CancelDial,
    /// A variable of the call (shown to the agent, kept in the record).
    SetVariable {
        /// Its name.
        name: String,
        /// Its value.
        value: String,
    },
    /// Start or stop the recording of the call.
    Record {
        /// True starts.
        on: bool,
    },
    /// End the call: the last action ever.
    HangUp {
        /// Why.
        cause: Cause,
    },
    /// For the log.
    Note {
        /// What it is about.
        kind: NoteKind,
        /// Details; holds no personal data.
        text: String,
    },
}
