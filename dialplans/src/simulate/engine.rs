//! The loop of a simulation: takes the earliest event, feeds runner or queue, notes what happens.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::sync::Arc;

use super::{Acd, AcdCommand, AcdEvent, AgentIndex, CallIndex, Line, Scenario, Transcript};
use crate::api::{Action, CallStart, Cause, DialResult, Digit, Input, PlayId, PromptRef, Repeat, TargetName};
use crate::plan::PlanSet;
use crate::runner::Runner;
use crate::time::{Millis, Now};

/// More events mean that something circles without time passing.
const EVENTS_MAX: usize = 500_000;

/// What a scenario or the course of things brings about.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Event {
    Arrives(CallIndex),
    Key(CallIndex, Digit),
    HangsUp(CallIndex),
    PlayEnds(CallIndex, PlayId),
    /// The number tells a ring from a later one of the same agent.
    PicksUp(AgentIndex, u32),
    /// The same for dialled legs.
    TargetAnswers(CallIndex, u32, bool),
    /// The other party hangs up.
    TalkEnds(CallIndex, u32),
    Change(usize),
}

#[derive(Default)]
struct Call {
    runner: Option<Runner>,
    playing: Option<PlayId>,
    answered: bool,
    ended: bool,
    /// The agent who answered the queue's offer.
    agent: Option<AgentIndex>,
    talking: bool,
    dialled: Option<TargetName>,
    dials: u32,
    talks: u32,
    silent: bool,
}

pub(super) fn run(set: &Arc<PlanSet>, scenario: &Scenario, acd: &mut dyn Acd) -> Transcript {
    let mut world = World::new(set, scenario, acd);
    world.run();
    let mut transcript = world.transcript;
    super::expect::check(&scenario.expect, &mut transcript);
    transcript
}

struct World<'a> {
    set: &'a Arc<PlanSet>,
    scenario: &'a Scenario,
    acd: &'a mut dyn Acd,
    start: Now,
    now: Millis,
    events: BinaryHeap<Reverse<(Millis, u64, Event)>>,
    count: u64,
    calls: Vec<Call>,
    /// What the queue said and nobody heard yet.
    said: VecDeque<AcdEvent>,
    /// The call each agent is rung for, and the number of that ring.
    rings: Vec<(Option<CallIndex>, u32)>,
    transcript: Transcript,
}

impl<'a> World<'a> {
    fn new(set: &'a Arc<PlanSet>, scenario: &'a Scenario, acd: &'a mut dyn Acd) -> Self {
        let wall = set.offset.to_timestamp(scenario.at).unwrap_or_default();
        let mut world = Self {
            set,
            scenario,
            acd,
            start: Now { mono: Millis(0), wall },
            now: Millis(0),
            events: BinaryHeap::new(),
            count: 0,
            calls: scenario.calls.iter().map(|_| Call::default()).collect(),
            said: VecDeque::new(),
            rings: vec![(None, 0); scenario.agents.len()],
            transcript: Transcript::default(),
        };
        world.script();
        world
    }

    fn script(&mut self) {
        let scenario = self.scenario;
        for (index, change) in scenario.changes.iter().enumerate() {
            self.at(change.at, Event::Change(index));
        }
        for (index, call) in scenario.calls.iter().enumerate() {
            let call_index = CallIndex(index);
            self.at(call.at, Event::Arrives(call_index));
            for key in &call.keys {
                self.at(key.at, Event::Key(call_index, key.key));
            }
            if let Some(at) = call.hangs_up {
                self.at(at, Event::HangsUp(call_index));
            }
        }
    }

    fn at(&mut self, at: Millis, event: Event) {
        self.count += 1;
        self.events.push(Reverse((at, self.count, event)));
    }

    fn run(&mut self) {
        for _ in 0..EVENTS_MAX {
            let Some(next) = self.next_time().filter(|at| *at <= self.scenario.lasts) else {
                return;
            };
            self.now = self.now.max(next);
            self.step();
            self.hear_queue();
            self.listen();
        }
        self.transcript.failures.push(format!("more than {EVENTS_MAX} events: something circles"));
    }

    fn next_time(&self) -> Option<Millis> {
        let runners = self.calls.iter().filter_map(|call| call.runner.as_ref()?.poll_timeout());
        let scripted = self.events.peek().map(|Reverse((at, _, _))| *at);
        runners.chain(scripted).chain(self.acd.poll_timeout()).min()
    }

    /// One event of this moment: scripted ones first, then the queue's and the runners' timers.
    fn step(&mut self) {
        if self.events.peek().is_some_and(|Reverse((at, _, _))| *at <= self.now) {
            if let Some(Reverse((_, _, event))) = self.events.pop() {
                self.happen(event);
            }
        } else if self.acd.poll_timeout().is_some_and(|at| at <= self.now) {
            self.tell(AcdCommand::Timer);
        } else {
            let due =
                |call: &Call| call.runner.as_ref().and_then(Runner::poll_timeout).is_some_and(|at| at <= self.now);
            if let Some(index) = self.calls.iter().position(due) {
                self.feed(CallIndex(index), Input::Timer);
            }
        }
    }

    /// Never silence: between answer and talk something must be playing at every moment.
    fn listen(&mut self) {
        let mut silent = Vec::new();
        for (index, call) in self.calls.iter_mut().enumerate() {
            let waits = call.answered && !call.talking && !call.ended;
            if waits && call.playing.is_none() && !call.silent {
                call.silent = true;
                silent.push(index);
            }
        }
        for index in silent {
            let name = &self.scenario.calls[index].name;
            self.transcript.failures.push(format!("{name}: silence at {}", self.now));
        }
    }

    fn happen(&mut self, event: Event) {
        match event {
            Event::Arrives(call) => self.arrives(call),
            Event::Key(call, digit) => {
                if !self.calls[call.0].ended {
                    self.say(call, format!("presses {digit}"));
                    self.feed(call, Input::Digit(digit));
                }
            }
            Event::HangsUp(call) => self.caller_hangs_up(call),
            Event::PlayEnds(call, id) => {
                if self.calls[call.0].playing == Some(id) {
                    self.calls[call.0].playing = None;
                    self.feed(call, Input::PlayFinished(id));
                }
            }
            Event::PicksUp(agent, ring) => self.picks_up(agent, ring),
            Event::TargetAnswers(call, dial, busy) => self.target_answers(call, dial, busy),
            Event::TalkEnds(call, talk) => {
                if self.calls[call.0].talks == talk && self.calls[call.0].talking {
                    self.say(call, "other party hangs up".to_owned());
                    self.end_talk(call);
                    self.feed(call, Input::TalkEnded);
                }
            }
            Event::Change(index) => {
                let change = self.scenario.changes[index];
                self.tell(AcdCommand::Agent(AgentIndex(change.agent), change.becomes));
            }
        }
    }

    fn arrives(&mut self, call: CallIndex) {
        let script = &self.scenario.calls[call.0];
        let plan = self.set.plan_for_number(&script.to);
        let Some(runner) = plan.and_then(|plan| Runner::new(Arc::clone(self.set), plan)) else {
            self.transcript.failures.push(format!("{}: no plan serves {}", script.name, script.to));
            return;
        };
        self.calls[call.0].runner = Some(runner);
        let start = CallStart { caller: script.from.clone(), area: script.area.clone(), called: script.to.clone() };
        self.say(call, format!("calls {}", script.to));
        self.feed(call, Input::Start(start));
    }

    fn caller_hangs_up(&mut self, call: CallIndex) {
        if self.calls[call.0].ended || self.calls[call.0].runner.is_none() {
            return;
        }
        self.feed(call, Input::CallerHungUp);
        self.say(call, "ends caller".to_owned());
        self.clear(call);
    }

    /// The call is over: leaves queue, agent and dialled leg.
    fn clear(&mut self, call: CallIndex) {
        self.calls[call.0].ended = true;
        self.calls[call.0].playing = None;
        self.calls[call.0].dialled = None;
        self.calls[call.0].dials += 1;
        self.end_talk(call);
        self.tell(AcdCommand::Leave(call));
    }

    fn end_talk(&mut self, call: CallIndex) {
        self.calls[call.0].talking = false;
        self.calls[call.0].talks += 1;
        if let Some(agent) = self.calls[call.0].agent.take() {
            self.tell(AcdCommand::TalkEnded(agent));
        }
    }

    fn picks_up(&mut self, agent: AgentIndex, ring: u32) {
        let (call, current) = self.rings[agent.0];
        let Some(call) = call.filter(|_| current == ring) else {
            return;
        };
        self.rings[agent.0].0 = None;
        self.calls[call.0].agent = Some(agent);
        self.say(call, format!("answered by {}", self.scenario.agents[agent.0].name));
        self.tell(AcdCommand::Answered(agent));
    }

    fn target_answers(&mut self, call: CallIndex, dial: u32, busy: bool) {
        if self.calls[call.0].dials != dial {
            return;
        }
        let Some(target) = self.calls[call.0].dialled.clone() else {
            return;
        };
        if busy {
            self.calls[call.0].dialled = None;
            return self.feed(call, Input::Dial(DialResult::Busy));
        }
        let script = self.scenario.targets.iter().find(|t| t.name == target.0);
        if script.and_then(|script| script.answers_after).is_none() {
            self.calls[call.0].dialled = None;
            return self.feed(call, Input::Dial(DialResult::NoAnswer));
        }
        self.say(call, format!("answered by {target}"));
        self.feed(call, Input::Dial(DialResult::Answered));
    }

    fn feed(&mut self, call: CallIndex, input: Input) {
        let now = self.start.after(self.now);
        let Some(runner) = self.calls[call.0].runner.as_mut() else {
            return;
        };
        for action in runner.handle(input, now) {
            self.perform(call, action);
        }
    }

    /// Tells the queue; what it says waits until the actions under way are done.
    fn tell(&mut self, command: AcdCommand) {
        self.said.extend(self.acd.tell(command, self.now));
    }

    fn hear_queue(&mut self) {
        while let Some(event) = self.said.pop_front() {
            match event {
                AcdEvent::Notice(call, notice) => self.feed(call, Input::Queue(notice)),
                AcdEvent::Ring(agent, call) => self.ring(agent, call),
                AcdEvent::StopRing(agent) => self.rings[agent.0].0 = None,
            }
        }
    }

    fn ring(&mut self, agent: AgentIndex, call: CallIndex) {
        let script = &self.scenario.agents[agent.0];
        let ring = self.rings[agent.0].1 + 1;
        self.rings[agent.0] = (Some(call), ring);
        self.say(call, format!("rings {}", script.name));
        if let Some(after) = script.answers_after {
            self.at(self.now + after, Event::PicksUp(agent, ring));
        }
    }

    fn say(&mut self, call: CallIndex, what: String) {
        let name = self.scenario.calls[call.0].name.clone();
        self.transcript.lines.push(Line { at: self.now, call: name, what });
    }

    fn perform(&mut self, call: CallIndex, action: Action) {
        match action {
            Action::Answer => self.calls[call.0].answered = true,
            Action::Play { id, prompts, repeat } => self.play(call, id, &prompts, repeat),
            Action::StopPlay => self.calls[call.0].playing = None,
            Action::EnterQueue { queue, priority, since } => {
                self.say(call, format!("waits in {queue}"));
                self.tell(AcdCommand::Enter { call, queue, priority, since });
            }
            Action::MoveQueue { to, priority, keep_since } => {
                self.say(call, format!("waits in {to}"));
                self.tell(AcdCommand::Move { call, to, priority, keep_since });
            }
            Action::SetPriority { priority, .. } => {
                self.tell(AcdCommand::SetPriority { call, priority });
            }
            Action::LeaveQueue => self.tell(AcdCommand::Leave(call)),
            Action::Connect => self.connect(call),
            Action::Dial { target, ring_seconds, .. } => self.dial(call, target, ring_seconds),
            Action::CancelDial => {
                self.calls[call.0].dialled = None;
                self.calls[call.0].dials += 1;
            }
            Action::SetVariable { name, value } => self.say(call, format!("sets {name} {value}")),
            Action::Record { on } => self.say(call, format!("records {on}")),
            Action::HangUp { cause } => {
                self.say(call, format!("ends {}", cause_word(cause)));
                self.clear(call);
            }
            Action::Note { kind, text } => {
                self.say(call, format!("note {} {text}", super::expect::kind_word(kind)));
            }
        }
    }

    fn play(&mut self, call: CallIndex, id: PlayId, prompts: &[PromptRef], repeat: Repeat) {
        self.calls[call.0].playing = Some(id);
        for prompt in prompts {
            self.say(call, format!("hears {prompt}"));
        }
        if repeat == Repeat::Once {
            self.at(self.now + self.set.lengths.total(prompts), Event::PlayEnds(call, id));
        }
    }

    fn connect(&mut self, call: CallIndex) {
        let state = &mut self.calls[call.0];
        state.playing = None;
        state.talking = true;
        let talk = state.talks;
        let agent = state.agent.and_then(|agent| self.scenario.agents.get(agent.0));
        let target = state.dialled.take();
        let target = self.scenario.targets.iter().find(|t| target.as_ref().is_some_and(|n| n.0 == t.name));
        let talks = agent.map_or_else(|| target.and_then(|t| t.talks), |agent| agent.talks);
        self.say(call, "connected".to_owned());
        if let Some(talks) = talks {
            self.at(self.now + talks, Event::TalkEnds(call, talk));
        }
    }

    fn dial(&mut self, call: CallIndex, target: TargetName, ring_seconds: u32) {
        self.say(call, format!("dials {target}"));
        let script = self.scenario.targets.iter().find(|script| script.name == target.0);
        let gives_up = Millis::from_secs(u64::from(ring_seconds));
        let busy = script.is_some_and(|script| script.busy);
        let answers = script.and_then(|script| script.answers_after).filter(|after| *after < gives_up);
        let at = self.now + if busy { Millis(300) } else { answers.unwrap_or(gives_up) };
        self.calls[call.0].dialled = Some(target);
        self.calls[call.0].dials += 1;
        self.at(at, Event::TargetAnswers(call, self.calls[call.0].dials, busy));
    }
}

fn cause_word(cause: Cause) -> &'static str {
    match cause {
        Cause::Normal => "normal",
        Cause::NoAnswer => "no_answer",
        Cause::Busy => "busy",
        Cause::Failed => "failed",
    }
}
