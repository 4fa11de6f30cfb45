//! The queue in service, plugged into the simulator of plans: a plan is tried on the same code that will run it.

use std::sync::Arc;

use liandong_dialplans::simulate::{
    Acd as Port, AcdCommand, AcdEvent, AgentIndex, AgentSetup, AgentState as Chosen, CallIndex, Scenario, Transcript,
    simulate_with,
};
use liandong_dialplans::{Millis, Now, PlanSet};
use uuid::Uuid;

use super::{Acd, Command, Effect, Input, Left, Wanted, settings_of};
use crate::ids::{CallId, PersonId};

/// Runs a scenario with the real queue.
pub fn simulate(set: &Arc<PlanSet>, scenario: &Scenario) -> Transcript {
    let agents: Vec<AgentSetup> = scenario.agents.iter().map(AgentSetup::from).collect();
    simulate_with(set, scenario, &mut SimulatedAcd::new(set, &agents))
}

/// The real queue behind the simulator's port; indices of the scenario stand for ids.
#[derive(Debug)]
struct SimulatedAcd {
    acd: Acd,
}

fn call_id(call: CallIndex) -> CallId {
    CallId(Uuid::from_u128(call.0 as u128))
}

fn person(agent: AgentIndex) -> PersonId {
    PersonId(Uuid::from_u128(agent.0 as u128))
}

fn call_index(call: CallId) -> CallIndex {
    CallIndex(usize::try_from(call.0.as_u128()).unwrap_or(usize::MAX))
}

fn agent_index(agent: PersonId) -> AgentIndex {
    AgentIndex(usize::try_from(agent.0.as_u128()).unwrap_or(usize::MAX))
}

fn wanted(state: Chosen) -> Wanted {
    match state {
        Chosen::Ready => Wanted::Ready,
        Chosen::NotReady => Wanted::NotReady { reason: "scenario".to_owned() },
        Chosen::Offline => Wanted::Offline,
    }
}

/// The queue reads the wall clock for its facts only; none are read here.
fn at(mono: Millis) -> Now {
    Now { mono, wall: Default::default() }
}

impl SimulatedAcd {
    fn new(set: &PlanSet, agents: &[AgentSetup]) -> Self {
        let mut acd = Acd::new(settings_of(set));
        for (index, setup) in agents.iter().enumerate() {
            let agent = person(AgentIndex(index));
            acd.handle(Input::Serves { agent, queues: setup.queues.clone() }, at(Millis(0)));
            // Nobody waits yet, and he serves queues: neither effects nor a refusal.
            let _ = acd.command(Command::SetState { agent, wanted: wanted(setup.state) }, at(Millis(0)));
        }
        Self { acd }
    }

    /// The inputs that a command of the simulator stands for.
    fn inputs(&self, command: AcdCommand) -> Vec<Input> {
        let with_call = |agent: AgentIndex, input: fn(PersonId, CallId) -> Vec<Input>| {
            let state = self.acd.agents().find(|(id, _)| *id == person(agent)).map(|(_, state)| state);
            state.and_then(|state| state.call()).map(|call| input(person(agent), call)).unwrap_or_default()
        };
        match command {
            AcdCommand::Enter { call, queue, priority, since } => {
                vec![Input::Enter { call: call_id(call), queue, priority, since }]
            }
            AcdCommand::Move { call, to, priority, keep_since } => {
                vec![Input::Move { call: call_id(call), to, priority, keep_since }]
            }
            AcdCommand::SetPriority { call, priority } => {
                vec![Input::SetPriority { call: call_id(call), priority, reason: "plan".to_owned() }]
            }
            AcdCommand::Leave(call) => vec![Input::Leave { call: call_id(call), why: Left::Plan }],
            AcdCommand::Answered(agent) => with_call(agent, |agent, call| {
                vec![Input::AgentAnswered { agent, call }, Input::Connected { agent, call }]
            }),
            AcdCommand::TalkEnded(agent) => with_call(agent, |agent, call| vec![Input::TalkEnded { agent, call }]),
            AcdCommand::Agent(..) | AcdCommand::Timer => vec![Input::Timer],
        }
    }
}

impl Port for SimulatedAcd {
    fn tell(&mut self, command: AcdCommand, now: Millis) -> Vec<AcdEvent> {
        let mut effects = Vec::new();
        if let AcdCommand::Agent(agent, state) = &command {
            let command = Command::SetState { agent: person(*agent), wanted: wanted(*state) };
            effects.extend(self.acd.command(command, at(now)).unwrap_or_default());
        }
        for input in self.inputs(command) {
            effects.extend(self.acd.handle(input, at(now)));
        }
        let event = |effect| match effect {
            Effect::Ring { agent, call } => Some(AcdEvent::Ring(agent_index(agent), call_index(call))),
            Effect::StopRinging { agent, .. } => Some(AcdEvent::StopRing(agent_index(agent))),
            Effect::Notice { call, notice } => Some(AcdEvent::Notice(call_index(call), notice)),
            Effect::Event(_) => None,
        };
        effects.into_iter().filter_map(event).collect()
    }

    fn poll_timeout(&self) -> Option<Millis> {
        self.acd.poll_timeout()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use liandong_dialplans::{InputFile, builtin, compile};

    #[test]
    fn every_shipped_scenario_holds_on_the_queue_in_service() {
        let set = Arc::new(compile(&builtin::files()).unwrap());
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/dialplans/scenarios");
        let mut failed = String::new();
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let text = std::fs::read_to_string(&path).unwrap();
            let scenario = Scenario::read(&InputFile::new(path.display().to_string(), text), &set).unwrap();
            let transcript = simulate(&set, &scenario);
            if !transcript.passed() {
                failed.push_str(&format!("\n{}\n{transcript}", path.display()));
            }
        }
        assert!(failed.is_empty(), "{failed}");
    }
}
