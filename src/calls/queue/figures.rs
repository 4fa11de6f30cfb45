//! Service figures (服务指标), each with its definition, its version and the calls behind it.
//!
//! Computed from facts alone, so that the wallboard and a report from the log come to the same number
//! (`facts/calls.md` §3). Must not know: the machine that made the facts.

use liandong_dialplans::QueueName;
use serde::{Deserialize, Serialize};

use crate::ids::{CallId, PersonId, Timestamp};

/// GB/T 33358: a person answers within 15 seconds.
pub const ANSWER_TARGET_MS: u64 = 15_000;

/// A caller who gave up within so short a time is listed apart, not counted as unserved.
pub const SHORT_ABANDON_MS: u64 = 5_000;

/// Counted up with each change of a definition.
pub const DEFINITIONS_VERSION: u32 = 2;

/// One call that asked for a person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallFact {
    /// Which.
    pub call: CallId,
    /// The queue that it entered first.
    pub queue: QueueName,
    /// When its caller first could expect a person: the start of every wait.
    pub asked_at: Timestamp,
    /// What became of it.
    pub outcome: Outcome,
}

/// What became of a call that asked for a person. Times count from `asked_at`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Still waiting.
    Waiting,
    /// Caller and agent were connected.
    Answered {
        /// After so long.
        after_ms: u64,
        /// By whom; `None` where it was no agent of ours, such as the duty officer whom the plan called.
        by: Option<PersonId>,
    },
    /// The caller hung up before anybody was connected, in the queue or where the plan had led him from there.
    Abandoned {
        /// After so long.
        after_ms: u64,
    },
    /// The plan led it elsewhere, and it ended there without the caller's giving up: a message, a call-back.
    Elsewhere {
        /// After so long.
        after_ms: u64,
    },
}

impl Outcome {
    fn answered_ms(self) -> Option<u64> {
        match self {
            Self::Answered { after_ms, .. } => Some(after_ms),
            _ => None,
        }
    }

    fn abandoned_ms(self) -> Option<u64> {
        match self {
            Self::Abandoned { after_ms } => Some(after_ms),
            _ => None,
        }
    }
}

/// A figure that can be opened.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Figure {
    /// Stable name.
    pub name: &'static str,
    /// For people.
    pub title: &'static str,
    /// What is counted over what.
    pub definition: &'static str,
    /// The version of the definitions.
    pub version: u32,
    /// The unit: `ratio` (0–1) or `seconds`.
    pub unit: &'static str,
    /// The figure; `None` with nothing to divide by.
    pub value: Option<f64>,
    /// The calls counted above the line.
    pub counted: Vec<CallId>,
    /// The calls below the line.
    pub over: Vec<CallId>,
    /// The calls left out, where the definition leaves any out.
    pub excluded: Vec<CallId>,
}

/// A figure without its calls, for screens that are refreshed every second.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct FigureView {
    /// Stable name; opens the figure with its calls.
    pub name: &'static str,
    /// For people.
    pub title: &'static str,
    /// What is counted over what.
    pub definition: &'static str,
    /// `ratio` (0–1) or `seconds`.
    pub unit: &'static str,
    /// The figure; `None` with nothing to divide by.
    pub value: Option<f64>,
    /// How many calls are counted above the line.
    pub counted: usize,
    /// How many stand below it.
    pub over: usize,
    /// How many are left out.
    pub excluded: usize,
}

impl From<Figure> for FigureView {
    fn from(figure: Figure) -> Self {
        let Figure { name, title, definition, unit, value, counted, over, excluded, version: _ } = figure;
        let (counted, over, excluded) = (counted.len(), over.len(), excluded.len());
        Self { name, title, definition, unit, value, counted, over, excluded }
    }
}

struct Definition {
    name: &'static str,
    title: &'static str,
    text: &'static str,
    counted: fn(Outcome) -> bool,
    over: fn(Outcome) -> bool,
    excluded: fn(Outcome) -> bool,
}

fn nothing(_: Outcome) -> bool {
    false
}

fn decided(outcome: Outcome) -> bool {
    outcome.answered_ms().is_some() || outcome.abandoned_ms().is_some()
}

fn finished(outcome: Outcome) -> bool {
    outcome != Outcome::Waiting
}

fn in_time(outcome: Outcome) -> bool {
    outcome.answered_ms().is_some_and(|ms| ms <= ANSWER_TARGET_MS)
}

fn short_abandon(outcome: Outcome) -> bool {
    outcome.abandoned_ms().is_some_and(|ms| ms < SHORT_ABANDON_MS)
}

const RATIOS: [Definition; 6] = [
    Definition {
        name: "connect_rate_15s",
        title: "15秒接通率",
        text: "calls connected to a person within 15 s of asking for one / calls that asked for one and wait no more",
        counted: in_time,
        over: finished,
        excluded: nothing,
    },
    Definition {
        name: "connect_rate",
        title: "接通率",
        text: "calls connected to a person / calls that asked for one and wait no more; callers who gave up within 5 s \
               are left out and listed",
        counted: |o| o.answered_ms().is_some(),
        over: |o| finished(o) && !short_abandon(o),
        excluded: short_abandon,
    },
    Definition {
        name: "service_level_strict",
        title: "服务水平(严格)",
        text: "connected within 15 s / (connected + abandoned)",
        counted: in_time,
        over: decided,
        excluded: |o| finished(o) && !decided(o),
    },
    Definition {
        name: "service_level_answered",
        title: "服务水平(仅接通)",
        text: "connected within 15 s / connected; flattering: those who gave up do not count",
        counted: in_time,
        over: |o| o.answered_ms().is_some(),
        excluded: |o| finished(o) && o.answered_ms().is_none(),
    },
    Definition {
        name: "service_level_lenient",
        title: "服务水平(含早弃)",
        text: "(connected within 15 s + abandoned within 15 s) / (connected + abandoned)",
        counted: |o| in_time(o) || o.abandoned_ms().is_some_and(|ms| ms <= ANSWER_TARGET_MS),
        over: decided,
        excluded: |o| finished(o) && !decided(o),
    },
    Definition {
        name: "abandon_rate",
        title: "弃呼率",
        text: "callers who hung up before a person was connected / calls that asked for one and wait no more",
        counted: |o| o.abandoned_ms().is_some(),
        over: finished,
        excluded: nothing,
    },
];

/// All figures over these facts. Calls still waiting are in none of them.
pub fn figures<'a>(facts: impl IntoIterator<Item = &'a CallFact>) -> Vec<Figure> {
    let facts: Vec<&CallFact> = facts.into_iter().collect();
    let mut all: Vec<Figure> = RATIOS.iter().map(|definition| ratio(definition, &facts)).collect();
    all.push(average_speed_of_answer(&facts));
    all
}

fn calls(facts: &[&CallFact], which: impl Fn(Outcome) -> bool) -> Vec<CallId> {
    facts.iter().filter(|fact| which(fact.outcome)).map(|fact| fact.call).collect()
}

fn divide(above: f64, below: usize) -> Option<f64> {
    (below > 0).then(|| above / below as f64)
}

fn ratio(definition: &Definition, facts: &[&CallFact]) -> Figure {
    let counted = calls(facts, definition.counted);
    let over = calls(facts, definition.over);
    Figure {
        name: definition.name,
        title: definition.title,
        definition: definition.text,
        version: DEFINITIONS_VERSION,
        unit: "ratio",
        value: divide(counted.len() as f64, over.len()),
        counted,
        over,
        excluded: calls(facts, definition.excluded),
    }
}

fn average_speed_of_answer(facts: &[&CallFact]) -> Figure {
    let answered = calls(facts, |o| o.answered_ms().is_some());
    let sum: u64 = facts.iter().filter_map(|fact| fact.outcome.answered_ms()).sum();
    Figure {
        name: "average_speed_of_answer",
        title: "平均应答时长",
        definition: "sum of the waits of connected calls / connected calls",
        version: DEFINITIONS_VERSION,
        unit: "seconds",
        value: divide(sum as f64 / 1_000.0, answered.len()),
        counted: answered.clone(),
        over: answered,
        excluded: calls(facts, |o| finished(o) && o.answered_ms().is_none()),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn fact(n: u128, outcome: Outcome) -> CallFact {
        let call = CallId(uuid::Uuid::from_u128(n));
        CallFact { call, queue: "city".into(), asked_at: Timestamp(0), outcome }
    }

    #[test]
    fn each_figure_keeps_to_its_definition_and_names_its_calls() {
        let by = Some(PersonId(uuid::Uuid::from_u128(9)));
        let facts = [
            fact(1, Outcome::Answered { after_ms: 15_000, by }),
            fact(2, Outcome::Answered { after_ms: 15_001, by }),
            fact(3, Outcome::Abandoned { after_ms: 4_999 }),
            fact(4, Outcome::Abandoned { after_ms: 20_000 }),
            fact(5, Outcome::Elsewhere { after_ms: 9_000 }),
            fact(6, Outcome::Waiting),
        ];
        let all = figures(&facts);
        let value = |name: &str| all.iter().find(|f| f.name == name).unwrap().value.unwrap();
        for (name, expected) in [
            ("connect_rate_15s", 1.0 / 5.0),
            ("connect_rate", 2.0 / 4.0),
            ("service_level_strict", 1.0 / 4.0),
            ("service_level_answered", 1.0 / 2.0),
            ("service_level_lenient", 2.0 / 4.0),
            ("abandon_rate", 2.0 / 5.0),
            ("average_speed_of_answer", 15.0005),
        ] {
            assert!((value(name) - expected).abs() < 1e-9, "{name}: {}", value(name));
        }
        let connect = all.iter().find(|f| f.name == "connect_rate").unwrap();
        assert_eq!(connect.excluded, [facts[2].call]);
        assert_eq!(connect.counted, [facts[0].call, facts[1].call]);
        assert_eq!(figures(&[]).iter().filter_map(|f| f.value).count(), 0);
    }
}
