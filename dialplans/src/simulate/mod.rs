//! Runs scenarios on a virtual clock: the same runner as in service, a queue, and callers and
//! agents who do what the scenario says. Thousands a second; nothing sleeps.
//!
//! Must not know: which ACD decides. [`Acd`] is the port; [`SimpleAcd`] serves where the hub's
//! own queue is not at hand (the hub plugs that in, so a plan is tried on the code in service).

mod acd;
mod engine;
mod expect;
mod scenario;

use std::sync::Arc;

pub use acd::{Acd, AcdCommand, AcdEvent, AgentIndex, AgentSetup, AgentState, CallIndex, SimpleAcd};
pub use scenario::{AgentScript, CallScript, Change, Expectation, KeyPress, Scenario, ScenarioFile, TargetScript};

use crate::plan::PlanSet;
use crate::time::Millis;

/// One thing that happened, for people to read.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Line {
    /// Time from the scenario's beginning, in milliseconds.
    pub at: Millis,
    /// The call's name in the scenario.
    pub call: String,
    /// What happened: `hears recording_notice`, `waits in city_hotline`, `answered by a1` …
    pub what: String,
}

/// What a scenario did, and what it should have done.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize)]
pub struct Transcript {
    /// In the order of time.
    pub lines: Vec<Line>,
    /// Expectations that were not met; empty = passed.
    pub failures: Vec<String>,
}

impl Transcript {
    /// True if every expectation was met.
    pub fn passed(&self) -> bool {
        self.failures.is_empty()
    }
}

impl std::fmt::Display for Transcript {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for Line { at, call, what } in &self.lines {
            writeln!(f, "{:>8}.{:03}  {call:<8} {what}", at.0 / 1_000, at.0 % 1_000)?;
        }
        for failure in &self.failures {
            writeln!(f, "FAILED: {failure}")?;
        }
        Ok(())
    }
}

/// Runs a scenario with the built-in queue.
pub fn simulate(set: &Arc<PlanSet>, scenario: &Scenario) -> Transcript {
    let agents = scenario.agents.iter().map(AgentSetup::from).collect();
    simulate_with(set, scenario, &mut SimpleAcd::new(set, agents))
}

/// Runs a scenario with a queue of the caller's choice, set up with the scenario's agents.
pub fn simulate_with(set: &Arc<PlanSet>, scenario: &Scenario, acd: &mut dyn Acd) -> Transcript {
    engine::run(set, scenario, acd)
}
