//! Scenario files: who calls, who sits there, what shall come of it.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::api::{AreaName, Digit, NoteKind, QueueName, TargetName};
use crate::diagnostic::{Diagnostic, Severity, did_you_mean};
use crate::duration::parse_duration;
use crate::plan::PlanSet;
use crate::source::{At, InputFile, Named};
use crate::time::Millis;

/// A scenario as written. Times count from its beginning: `0s`, `1m30s`.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ScenarioFile {
    /// What it shows, in a sentence.
    pub scenario: String,
    /// Local day and time of its beginning, `"2026-11-24 10:00"`.
    pub at: At<String>,
    /// Who sits at the queues.
    #[serde(default)]
    pub agents: Vec<AgentFile>,
    /// How dialled targets behave; those not named do not answer.
    #[serde(default)]
    pub targets: Named<TargetFile>,
    /// Who calls.
    pub calls: Vec<CallFile>,
    /// Agents who come and go.
    #[serde(default)]
    pub changes: Vec<ChangeFile>,
    /// How long it is watched.
    pub lasts: At<String>,
    /// What shall come of it.
    pub expect: Vec<ExpectFile>,
}

/// An agent as written.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AgentFile {
    /// Name.
    pub name: String,
    /// Queues served.
    pub queues: Vec<At<String>>,
    /// At the beginning: `ready`, `not_ready`, `offline`.
    #[serde(default = "ready")]
    pub state: super::AgentState,
    /// Picks up after so long; without it never.
    #[serde(default)]
    pub answers_after: Option<At<String>>,
    /// Talks so long, then hangs up; without it until the caller does.
    #[serde(default)]
    pub talks: Option<At<String>>,
}

fn ready() -> super::AgentState {
    super::AgentState::Ready
}

/// A dialled target as written.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct TargetFile {
    /// Picks up after so long; without it never.
    pub answers_after: Option<At<String>>,
    /// Is busy.
    pub busy: bool,
    /// Talks so long.
    pub talks: Option<At<String>>,
}

/// A caller as written.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CallFile {
    /// Name.
    pub name: String,
    /// When he calls (default `0s`).
    #[serde(default)]
    pub at: Option<At<String>>,
    /// The dialled number, in quotes.
    pub to: At<String>,
    /// His number, in quotes.
    #[serde(default)]
    pub from: Option<String>,
    /// His area.
    #[serde(default)]
    pub area: Option<At<String>>,
    /// Keys he presses, times counted from the scenario's beginning.
    #[serde(default)]
    pub keys: Vec<KeyFile>,
    /// When he hangs up, from the scenario's beginning.
    #[serde(default)]
    pub hangs_up: Option<At<String>>,
}

/// A key as written.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct KeyFile {
    /// When.
    pub at: At<String>,
    /// Which, in quotes.
    pub key: At<String>,
}

/// A change of an agent's state as written.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ChangeFile {
    /// When.
    pub at: At<String>,
    /// Whose.
    pub agent: At<String>,
    /// `ready`, `not_ready`, `offline`.
    pub becomes: super::AgentState,
}

/// An expectation as written: `call` and one of the others, or `order` alone.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ExpectFile {
    /// Which call.
    pub call: Option<At<String>>,
    /// Hears this prompt.
    pub hears: Option<String>,
    /// Never hears this prompt.
    pub never_hears: Option<String>,
    /// Waits in this queue.
    pub waits_in: Option<String>,
    /// This agent is rung for it.
    pub rings: Option<String>,
    /// Answered by this agent or target.
    pub answered_by: Option<String>,
    /// Never answered by anyone.
    pub unanswered: bool,
    /// This target is dialled.
    pub dials: Option<String>,
    /// A note of this kind is written.
    pub note: Option<NoteKind>,
    /// Ends with this cause (`normal`, `no_answer` …) or `caller` (hung up himself).
    pub ends: Option<String>,
    /// At the latest then.
    pub by: Option<At<String>>,
    /// Not before then.
    pub not_before: Option<At<String>>,
    /// Calls are answered in this order.
    pub order: Option<Vec<String>>,
}

/// An agent in a scenario.
#[derive(Debug, Clone)]
pub struct AgentScript {
    /// Name.
    pub name: String,
    /// Queues served.
    pub queues: Vec<QueueName>,
    /// State at the beginning.
    pub state: super::AgentState,
    /// Picks up after so long; `None` = never.
    pub answers_after: Option<Millis>,
    /// Talks so long; `None` = until the caller hangs up.
    pub talks: Option<Millis>,
}

/// A dialled target in a scenario.
#[derive(Debug, Clone, Default)]
pub struct TargetScript {
    /// Which.
    pub name: String,
    /// Picks up after so long; `None` = never.
    pub answers_after: Option<Millis>,
    /// Is busy.
    pub busy: bool,
    /// Talks so long; `None` = until the caller hangs up.
    pub talks: Option<Millis>,
}

/// A key that a caller presses.
#[derive(Debug, Clone, Copy)]
pub struct KeyPress {
    /// When.
    pub at: Millis,
    /// Which.
    pub key: Digit,
}

/// A caller in a scenario.
#[derive(Debug, Clone)]
pub struct CallScript {
    /// Name.
    pub name: String,
    /// When he calls.
    pub at: Millis,
    /// The dialled number.
    pub to: String,
    /// His number.
    pub from: Option<String>,
    /// His area.
    pub area: Option<AreaName>,
    /// Keys he presses.
    pub keys: Vec<KeyPress>,
    /// When he hangs up.
    pub hangs_up: Option<Millis>,
}

/// A change of an agent's state.
#[derive(Debug, Clone, Copy)]
pub struct Change {
    /// When.
    pub at: Millis,
    /// Index of the agent.
    pub agent: usize,
    /// The new state.
    pub becomes: super::AgentState,
}

/// What shall come of a scenario.
#[derive(Debug, Clone)]
pub enum Expectation {
    /// A line of this call that begins with `what`, between the two times.
    Happens {
        /// The call's name.
        call: String,
        /// As in [`super::Line::what`].
        what: String,
        /// Earliest.
        not_before: Millis,
        /// Latest.
        by: Millis,
    },
    /// No such line.
    Never {
        /// The call's name.
        call: String,
        /// As in [`super::Line::what`].
        what: String,
    },
    /// The calls are answered in this order.
    Order(Vec<String>),
}

/// A scenario, its names resolved.
#[derive(Debug, Clone)]
pub struct Scenario {
    /// What it shows.
    pub title: String,
    /// Local time of its beginning.
    pub at: jiff::civil::DateTime,
    /// Who sits at the queues.
    pub agents: Vec<AgentScript>,
    /// How dialled targets behave.
    pub targets: Vec<TargetScript>,
    /// Who calls.
    pub calls: Vec<CallScript>,
    /// Agents who come and go.
    pub changes: Vec<Change>,
    /// How long it is watched.
    pub lasts: Millis,
    /// What shall come of it.
    pub expect: Vec<Expectation>,
}

impl Scenario {
    /// Reads a scenario for a plan set; the first mistake is told with its place.
    pub fn read(file: &InputFile, set: &PlanSet) -> Result<Self, Diagnostic> {
        let source: ScenarioFile = crate::source::read_as(file)?;
        Resolver { file, set, source: &source }.scenario()
    }
}

/// Longer scenarios are a mistake in a unit.
const LASTS_MAX: Millis = Millis(24 * 3_600_000);

struct Resolver<'a> {
    file: &'a InputFile,
    set: &'a PlanSet,
    source: &'a ScenarioFile,
}

impl Resolver<'_> {
    fn scenario(&self) -> Result<Scenario, Diagnostic> {
        let source = self.source;
        Ok(Scenario {
            title: source.scenario.clone(),
            at: self.local_time(&source.at)?,
            agents: source.agents.iter().map(|a| self.agent(a)).collect::<Result<_, _>>()?,
            targets: source.targets.iter().map(|t| self.target(t)).collect::<Result<_, _>>()?,
            calls: source.calls.iter().map(|c| self.call(c)).collect::<Result<_, _>>()?,
            changes: source.changes.iter().map(|c| self.change(c)).collect::<Result<_, _>>()?,
            lasts: self.time(&source.lasts)?,
            expect: source.expect.iter().map(|e| self.expectation(e)).collect::<Result<_, _>>()?,
        })
    }

    fn wrong<T>(&self, at: &At<T>, code: &'static str, reason: String, hint: String) -> Diagnostic {
        let (file, line, column) = (self.file.name.clone(), at.line, at.column);
        Diagnostic { file, line, column, severity: Severity::Error, code, reason, hint }
    }

    fn time(&self, text: &At<String>) -> Result<Millis, Diagnostic> {
        parse_duration(&text.value).filter(|time| *time <= LASTS_MAX).ok_or_else(|| {
            let reason = format!("`{}` is no time of a scenario", text.value);
            self.wrong(text, "bad-duration", reason, "from 0s to 24h, such as 1m30s".to_owned())
        })
    }

    fn maybe(&self, text: &Option<At<String>>) -> Result<Option<Millis>, Diagnostic> {
        text.as_ref().map(|text| self.time(text)).transpose()
    }

    fn local_time(&self, text: &At<String>) -> Result<jiff::civil::DateTime, Diagnostic> {
        text.value.parse().map_err(|_| {
            let reason = format!("`{}` is no day and time", text.value);
            self.wrong(text, "bad-date", reason, "write \"2026-11-24 10:00\"".to_owned())
        })
    }

    fn known<'n>(
        &self,
        name: &At<String>,
        code: &'static str,
        kind: &str,
        names: impl Iterator<Item = &'n str>,
    ) -> Result<String, Diagnostic> {
        let names: Vec<&str> = names.collect();
        if names.contains(&name.value.as_str()) {
            return Ok(name.value.clone());
        }
        let reason = format!("there is no {kind} `{}`", name.value);
        Err(self.wrong(name, code, reason, did_you_mean(&name.value, names)))
    }

    fn agent(&self, agent: &AgentFile) -> Result<AgentScript, Diagnostic> {
        let queue = |name: &At<String>| {
            let names = self.set.queues().map(|(name, _)| name.as_str());
            self.known(name, "unknown-queue", "queue", names).map(QueueName)
        };
        Ok(AgentScript {
            name: agent.name.clone(),
            queues: agent.queues.iter().map(queue).collect::<Result<_, _>>()?,
            state: agent.state,
            answers_after: self.maybe(&agent.answers_after)?,
            talks: self.maybe(&agent.talks)?,
        })
    }

    fn target(&self, (name, target): &(At<String>, TargetFile)) -> Result<TargetScript, Diagnostic> {
        Ok(TargetScript {
            name: TargetName(name.value.clone()).0,
            answers_after: self.maybe(&target.answers_after)?,
            busy: target.busy,
            talks: self.maybe(&target.talks)?,
        })
    }

    fn call(&self, call: &CallFile) -> Result<CallScript, Diagnostic> {
        if self.set.plan_for_number(&call.to.value).is_none() {
            let reason = format!("no plan serves `{}`", call.to.value);
            let hint = "see `numbers:` of the plans".to_owned();
            return Err(self.wrong(&call.to, "unknown-number", reason, hint));
        }
        let area = call.area.as_ref().map(|area| {
            let names = self.set.areas().map(|(name, _)| name.as_str());
            self.known(area, "unknown-area", "area", names).map(AreaName)
        });
        Ok(CallScript {
            name: call.name.clone(),
            at: self.maybe(&call.at)?.unwrap_or_default(),
            to: call.to.value.clone(),
            from: call.from.clone(),
            area: area.transpose()?,
            keys: call.keys.iter().map(|key| self.key(key)).collect::<Result<_, _>>()?,
            hangs_up: self.maybe(&call.hangs_up)?,
        })
    }

    fn key(&self, key: &KeyFile) -> Result<KeyPress, Diagnostic> {
        let mut chars = key.key.value.chars();
        let digit = match (chars.next().map(Digit::try_from), chars.next()) {
            (Some(Ok(digit)), None) => digit,
            _ => {
                let reason = format!("`{}` is no telephone key", key.key.value);
                return Err(self.wrong(&key.key, "bad-key", reason, "one of 0-9, *, #".to_owned()));
            }
        };
        Ok(KeyPress { at: self.time(&key.at)?, key: digit })
    }

    fn change(&self, change: &ChangeFile) -> Result<Change, Diagnostic> {
        let names = || self.source.agents.iter().map(|agent| agent.name.as_str());
        let name = self.known(&change.agent, "unknown-agent", "agent", names())?;
        let agent = names().position(|known| known == name).unwrap_or(0);
        Ok(Change { at: self.time(&change.at)?, agent, becomes: change.becomes })
    }

    fn expectation(&self, expect: &ExpectFile) -> Result<Expectation, Diagnostic> {
        if let Some(order) = &expect.order {
            return Ok(Expectation::Order(order.clone()));
        }
        let nowhere = At { value: (), line: 0, column: 0 };
        let Some(call) = &expect.call else {
            let reason = "an expectation names a `call`, or an `order`".to_owned();
            return Err(self.wrong(&nowhere, "bad-expectation", reason, String::new()));
        };
        let names = self.source.calls.iter().map(|call| call.name.as_str());
        let name = self.known(call, "unknown-call", "call", names)?;
        if let Some(what) = never(expect) {
            return Ok(Expectation::Never { call: name, what });
        }
        let Some(what) = happens(expect) else {
            let reason = "nothing is expected of this call".to_owned();
            let hint = "add `hears:`, `waits_in:`, `rings:`, `answered_by:`, `ends:` …".to_owned();
            return Err(self.wrong(call, "bad-expectation", reason, hint));
        };
        let not_before = self.maybe(&expect.not_before)?.unwrap_or_default();
        let by = self.maybe(&expect.by)?.unwrap_or(LASTS_MAX);
        Ok(Expectation::Happens { call: name, what, not_before, by })
    }
}

fn never(expect: &ExpectFile) -> Option<String> {
    let unheard = expect.never_hears.as_ref().map(|prompt| format!("hears {prompt}"));
    unheard.or_else(|| expect.unanswered.then(|| "answered by".to_owned()))
}

fn happens(expect: &ExpectFile) -> Option<String> {
    let with = |word: &str, name: &Option<String>| name.as_ref().map(|name| format!("{word} {name}"));
    with("hears", &expect.hears)
        .or_else(|| with("waits in", &expect.waits_in))
        .or_else(|| with("rings", &expect.rings))
        .or_else(|| with("answered by", &expect.answered_by))
        .or_else(|| with("dials", &expect.dials))
        .or_else(|| with("ends", &expect.ends))
        .or_else(|| expect.note.map(|kind| format!("note {}", super::expect::kind_word(kind))))
}
