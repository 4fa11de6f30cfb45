//! A checked plan set: every name resolved, every branch present. Only the checker makes one
//! ([`crate::compile`]), so the runner has nothing left to doubt.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::civil::DateTime;
use jiff::tz::Offset;
use serde::{Deserialize, Serialize};

use crate::api::{AreaName, Cause, Digit, NoteKind, PlanName, Priority, PromptRef, QueueName, StepName, TargetName};
use crate::hours::Hours;
use crate::prompts::Lengths;
use crate::time::{Millis, Now};

/// Everything the plan files say, checked. Immutable; a running call keeps the set it began with.
#[derive(Debug, Clone)]
pub struct PlanSet {
    pub(crate) version: u64,
    pub(crate) offset: Offset,
    pub(crate) plans: BTreeMap<PlanName, Arc<Plan>>,
    pub(crate) numbers: BTreeMap<String, PlanName>,
    pub(crate) queues: BTreeMap<QueueName, Queue>,
    pub(crate) areas: BTreeMap<AreaName, Area>,
    pub(crate) lengths: Lengths,
}

impl PlanSet {
    /// Changes with every change of the files: the flow version in events.
    pub fn version(&self) -> String {
        format!("{:016x}", self.version)
    }

    /// The plan that serves a dialled number.
    pub fn plan_for_number(&self, number: &str) -> Option<&PlanName> {
        self.numbers.get(number).or_else(|| self.numbers.get("*"))
    }

    /// A plan by name.
    pub fn plan(&self, name: &PlanName) -> Option<&Arc<Plan>> {
        self.plans.get(name)
    }

    /// All plans by name.
    pub fn plans(&self) -> impl Iterator<Item = (&PlanName, &Arc<Plan>)> {
        self.plans.iter()
    }

    /// The queues with what the ACD needs to know of them.
    pub fn queues(&self) -> impl Iterator<Item = (&QueueName, &Queue)> {
        self.queues.iter()
    }

    /// The areas with their queues.
    pub fn areas(&self) -> impl Iterator<Item = (&AreaName, &Area)> {
        self.areas.iter()
    }

    /// The lengths of the prompts that the set was checked with.
    pub fn lengths(&self) -> &Lengths {
        &self.lengths
    }

    /// Local time.
    pub fn local(&self, now: Now) -> DateTime {
        self.offset.to_datetime(now.wall)
    }

    /// The queue of an area, if it is open now.
    pub(crate) fn open_queue_of(&self, area: &AreaName, now: Now) -> Option<&QueueName> {
        let queue = &self.areas.get(area)?.queue;
        let hours = self.queues.get(queue)?.hours.as_ref();
        hours.is_none_or(|hours| hours.is_open(self.local(now))).then_some(queue)
    }
}

/// A queue as the plan files set it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Queue {
    /// Its name for people.
    pub title: String,
    /// Seconds that one agent is rung, 5–60.
    pub ring_seconds: u32,
    /// Seconds of after-call work, 0–600.
    pub wrap_up_seconds: u32,
    /// The prompt that names it.
    pub say: Option<PromptRef>,
    /// When it is open; `None` = always.
    pub hours: Option<Arc<Hours>>,
}

/// An area of callers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Area {
    /// The queue of its sub-centre.
    pub queue: QueueName,
}

/// One plan.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Its name for people.
    pub title: String,
    /// Calls are recorded.
    pub record: bool,
    /// Longest time until a person is asked for, over all paths, proved; `None` if the plan asks
    /// for none or no bound was found.
    pub person_within: Option<Millis>,
    pub(crate) start: StepIndex,
    pub(crate) steps: Vec<(StepName, Step)>,
}

impl Plan {
    pub(crate) fn step(&self, index: StepIndex) -> &Step {
        &self.steps[index.0].1
    }

    pub(crate) fn name(&self, index: StepIndex) -> &StepName {
        &self.steps[index.0].0
    }
}

/// Which step of its plan; made by the checker only, so it always fits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(crate) struct StepIndex(pub(crate) usize);

#[derive(Debug, Clone)]
pub(crate) enum Step {
    Say { prompts: Vec<PromptRef>, then: StepIndex },
    Menu(Menu),
    Hours { table: Arc<Hours>, open: StepIndex, closed: StepIndex },
    Branch { cases: Vec<(Condition, StepIndex)>, otherwise: StepIndex },
    Wait(Box<Wait>),
    Dial(Dial),
    Set { name: String, value: String, then: StepIndex },
    Note { kind: NoteKind, text: String, then: StepIndex },
    HangUp { say: Vec<PromptRef>, cause: Cause, missed_call: bool },
}

#[derive(Debug, Clone)]
pub(crate) struct Menu {
    pub(crate) prompts: Vec<PromptRef>,
    pub(crate) music: PromptRef,
    pub(crate) keys: BTreeMap<Digit, StepIndex>,
    pub(crate) wait: Millis,
    pub(crate) tries: u32,
    pub(crate) no_key: StepIndex,
    pub(crate) wrong_key: StepIndex,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Condition {
    CallerArea(Vec<AreaName>),
    AreaKnown(bool),
    NumberWithheld(bool),
    Called(Vec<String>),
    Variable { name: String, is: String },
}

#[derive(Debug, Clone)]
pub(crate) struct Wait {
    pub(crate) queue: QueueName,
    pub(crate) priority: Priority,
    pub(crate) must_hear: Vec<PromptRef>,
    pub(crate) welcome: Vec<PromptRef>,
    pub(crate) music: PromptRef,
    pub(crate) announce: Option<Announce>,
    pub(crate) ring_timeout: Vec<PromptRef>,
    pub(crate) keys: BTreeMap<Digit, StepIndex>,
    pub(crate) overflow: Vec<Overflow>,
    pub(crate) nobody: StepIndex,
    pub(crate) longest: Millis,
    pub(crate) too_long: StepIndex,
    pub(crate) removed: StepIndex,
    pub(crate) after_talk: Option<StepIndex>,
}

#[derive(Debug, Clone)]
pub(crate) struct Announce {
    pub(crate) first: Millis,
    pub(crate) every: Millis,
    pub(crate) estimate: bool,
    pub(crate) also: Vec<PromptRef>,
}

#[derive(Debug, Clone)]
pub(crate) struct Overflow {
    pub(crate) when: OverflowWhen,
    pub(crate) to: OverflowTo,
    pub(crate) say: Vec<PromptRef>,
    pub(crate) back_after: Option<Millis>,
    pub(crate) back_say: Vec<PromptRef>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum OverflowWhen {
    After(Millis),
    Nobody,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum OverflowTo {
    Queue(QueueName),
    CallerArea,
}

#[derive(Debug, Clone)]
pub(crate) struct Dial {
    pub(crate) target: TargetName,
    pub(crate) number: String,
    pub(crate) ring_seconds: u32,
    pub(crate) say: Vec<PromptRef>,
    pub(crate) music: PromptRef,
    pub(crate) busy: StepIndex,
    pub(crate) no_answer: StepIndex,
    pub(crate) failed: StepIndex,
    pub(crate) after_talk: Option<StepIndex>,
}

impl Step {
    /// Every way out of the step, with the word that names it.
    pub(crate) fn ways_out(&self) -> Vec<(String, StepIndex)> {
        match self {
            Self::Say { then, .. } | Self::Set { then, .. } | Self::Note { then, .. } => {
                vec![("then".to_owned(), *then)]
            }
            Self::Menu(menu) => {
                let mut ways = keys_out(&menu.keys);
                ways.push(("no key".to_owned(), menu.no_key));
                ways.push(("wrong key".to_owned(), menu.wrong_key));
                ways
            }
            Self::Hours { open, closed, .. } => {
                vec![("open".to_owned(), *open), ("closed".to_owned(), *closed)]
            }
            Self::Branch { cases, otherwise } => {
                let mut ways: Vec<_> = cases.iter().map(|(when, to)| (when.to_string(), *to)).collect();
                ways.push(("otherwise".to_owned(), *otherwise));
                ways
            }
            Self::Wait(wait) => {
                let mut ways = keys_out(&wait.keys);
                ways.push(("nobody".to_owned(), wait.nobody));
                ways.push(("too long".to_owned(), wait.too_long));
                ways.push(("removed".to_owned(), wait.removed));
                ways.extend(wait.after_talk.map(|to| ("after talk".to_owned(), to)));
                ways
            }
            Self::Dial(dial) => {
                let mut ways = vec![
                    ("busy".to_owned(), dial.busy),
                    ("no answer".to_owned(), dial.no_answer),
                    ("failed".to_owned(), dial.failed),
                ];
                ways.extend(dial.after_talk.map(|to| ("after talk".to_owned(), to)));
                ways
            }
            Self::HangUp { .. } => Vec::new(),
        }
    }
}

fn keys_out(keys: &BTreeMap<Digit, StepIndex>) -> Vec<(String, StepIndex)> {
    keys.iter().map(|(key, to)| (format!("key {key}"), *to)).collect()
}

impl std::fmt::Display for Condition {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::CallerArea(areas) => {
                let names: Vec<&str> = areas.iter().map(AreaName::as_str).collect();
                write!(f, "area {}", names.join(", "))
            }
            Self::AreaKnown(true) => f.write_str("area known"),
            Self::AreaKnown(false) => f.write_str("area unknown"),
            Self::NumberWithheld(true) => f.write_str("number withheld"),
            Self::NumberWithheld(false) => f.write_str("number shown"),
            Self::Called(numbers) => write!(f, "called {}", numbers.join(", ")),
            Self::Variable { name, is } => write!(f, "{name} is {is}"),
        }
    }
}
