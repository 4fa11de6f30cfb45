//! The ACD by example and by random events.
#![allow(clippy::unwrap_used)]

use std::collections::{BTreeMap, BTreeSet};

use liandong_dialplans::{Millis, Now, Priority, QueueName, QueueNotice};
use proptest::prelude::*;
use uuid::Uuid;

use super::*;

fn call(n: u128) -> CallId {
    CallId(Uuid::from_u128(n))
}

fn agent(n: u128) -> PersonId {
    PersonId(Uuid::from_u128(1_000 + n))
}

fn settings(names: &[&str]) -> BTreeMap<QueueName, QueueSettings> {
    let one = |name: &&str| {
        let settings = QueueSettings { title: (*name).to_owned(), ring: Millis(15_000), wrap_up: Millis(30_000) };
        (QueueName::from(*name), settings)
    };
    names.iter().map(one).collect()
}

/// An ACD, a clock and all that it has said.
struct Desk {
    acd: Acd,
    now: Now,
    rung: Vec<(PersonId, CallId)>,
    notices: Vec<(CallId, QueueNotice)>,
    events: Vec<QueueEvent>,
}

impl Desk {
    fn new(queues: &[&str]) -> Self {
        let now = Now { mono: Millis(1_000_000), wall: "2026-11-24T02:00:00Z".parse().unwrap() };
        let acd = Acd::new(settings(queues));
        Self { acd, now, rung: Vec::new(), notices: Vec::new(), events: Vec::new() }
    }

    fn absorb(&mut self, effects: Vec<Effect>) {
        for effect in effects {
            match effect {
                Effect::Ring { agent, call } => {
                    assert!(!self.rung.iter().any(|(a, c)| *a == agent || *c == call), "rung twice");
                    self.rung.push((agent, call));
                }
                Effect::StopRinging { agent, call } => self.rung.retain(|pair| *pair != (agent, call)),
                Effect::Notice { call, notice } => self.notices.push((call, notice)),
                Effect::Event(event) => self.events.push(event),
            }
        }
    }

    fn tell(&mut self, input: Input) {
        let effects = self.acd.handle(input, self.now);
        self.absorb(effects);
    }

    fn ask(&mut self, command: Command) -> Result<(), Refusal> {
        let effects = self.acd.command(command, self.now)?;
        self.absorb(effects);
        Ok(())
    }

    fn wait(&mut self, ms: u64) {
        let until = self.now.mono + Millis(ms);
        let mut rounds = 0;
        while let Some(at) = self.acd.poll_timeout().filter(|at| *at <= until) {
            self.now = self.now.after(at - self.now.mono);
            self.tell(Input::Timer);
            rounds += 1;
            assert!(rounds < 10_000, "a timer circles");
        }
        self.now = self.now.after(until - self.now.mono);
    }

    fn ready(&mut self, n: u128, queues: &[&str]) {
        let queues = queues.iter().map(|q| QueueName::from(*q)).collect();
        self.tell(Input::Serves { agent: agent(n), queues });
        self.ask(Command::SetState { agent: agent(n), wanted: Wanted::Ready }).unwrap();
    }

    fn enter(&mut self, n: u128, queue: &str) {
        let since = self.now.mono;
        let (queue, priority) = (queue.into(), Priority::Normal);
        self.tell(Input::Enter { call: call(n), queue, priority, since });
    }

    fn answer(&mut self, a: u128, c: u128) {
        self.rung.retain(|pair| *pair != (agent(a), call(c)));
        self.tell(Input::AgentAnswered { agent: agent(a), call: call(c) });
        self.tell(Input::Connected { agent: agent(a), call: call(c) });
    }

    fn state(&self, n: u128) -> AgentState {
        self.acd.agents[&agent(n)].state.clone()
    }

    fn last_place(&self, n: u128) -> Option<u32> {
        self.notices.iter().rev().find_map(|(c, notice)| match notice {
            QueueNotice::Position { place, .. } if *c == call(n) => Some(*place),
            _ => None,
        })
    }
}

#[test]
fn the_longest_idle_agent_is_rung_for_the_longest_waiting_call() {
    let mut desk = Desk::new(&["city"]);
    desk.ready(1, &["city"]);
    desk.wait(1_000);
    desk.ready(2, &["city"]);
    desk.enter(1, "city");
    assert_eq!(desk.rung, [(agent(1), call(1))]);
    desk.enter(2, "city");
    assert_eq!(desk.rung[1], (agent(2), call(2)));
    desk.enter(3, "city");
    assert_eq!(desk.last_place(3), Some(3), "two are being rung for others");
}

#[test]
fn a_ring_time_out_puts_the_agent_out_and_the_call_at_the_head_with_its_time() {
    let mut desk = Desk::new(&["city"]);
    desk.ready(1, &["city"]);
    desk.enter(1, "city");
    desk.wait(5_000);
    desk.enter(2, "city");
    desk.wait(10_000);
    assert_eq!(desk.state(1), AgentState::NotReady { reason: Reason::NoAnswer });
    assert!(desk.notices.contains(&(call(1), QueueNotice::RingTimeout)));
    assert!(desk.rung.is_empty());
    desk.ready(2, &["city"]);
    assert_eq!(desk.rung, [(agent(2), call(1))], "the returned call first");
    desk.answer(2, 1);
    let answered = desk.events.iter().find_map(|e| match e {
        QueueEvent::Answered { waited_ms, .. } => Some(*waited_ms),
        _ => None,
    });
    assert_eq!(answered, Some(15_000), "counted from the first request");
}

#[test]
fn a_shared_agent_takes_the_longest_waiting_over_his_queues() {
    let mut desk = Desk::new(&["city", "jinshui"]);
    desk.enter(1, "jinshui");
    desk.wait(1);
    desk.enter(2, "city");
    desk.ready(1, &["city", "jinshui"]);
    assert_eq!(desk.rung, [(agent(1), call(1))]);
}

#[test]
fn an_emergency_goes_first_and_a_move_keeps_the_time() {
    let mut desk = Desk::new(&["city", "emergency"]);
    for n in 1..=3 {
        desk.enter(n, "city");
        desk.wait(1_000);
    }
    desk.tell(Input::Move { call: call(3), to: "emergency".into(), priority: Priority::Emergency, keep_since: true });
    desk.ready(1, &["city", "emergency"]);
    assert_eq!(desk.rung, [(agent(1), call(3))]);
    desk.answer(1, 3);
    let waited = desk.events.iter().find_map(|e| match e {
        QueueEvent::Answered { waited_ms, .. } => Some(*waited_ms),
        _ => None,
    });
    assert_eq!(waited, Some(1_000));
}

#[test]
fn moving_away_from_a_ringing_agent_frees_him_with_his_place() {
    let mut desk = Desk::new(&["city", "jinshui"]);
    desk.ready(1, &["city"]);
    desk.wait(1_000);
    desk.ready(2, &["city"]);
    desk.enter(1, "city");
    desk.tell(Input::Move { call: call(1), to: "jinshui".into(), priority: Priority::Normal, keep_since: true });
    assert!(desk.rung.is_empty());
    assert_eq!(desk.state(1), AgentState::Ready);
    desk.enter(2, "city");
    assert_eq!(desk.rung, [(agent(1), call(2))], "still the longest idle");
}

#[test]
fn a_break_asked_for_during_the_call_comes_after_the_wrap_up() {
    let mut desk = Desk::new(&["city"]);
    desk.ready(1, &["city"]);
    desk.enter(1, "city");
    desk.answer(1, 1);
    let wanted = Wanted::NotReady { reason: "meal".to_owned() };
    desk.ask(Command::SetState { agent: agent(1), wanted }).unwrap();
    assert_eq!(desk.state(1), AgentState::Talking { call: call(1) });
    desk.tell(Input::TalkEnded { agent: agent(1), call: call(1) });
    assert_eq!(desk.state(1), AgentState::WrapUp { call: call(1) });
    desk.ask(Command::ExtendWrapUp { agent: agent(1), by: Millis(60_000) }).unwrap();
    desk.wait(89_000);
    assert_eq!(desk.state(1), AgentState::WrapUp { call: call(1) });
    desk.wait(1_000);
    assert_eq!(desk.state(1), AgentState::NotReady { reason: Reason::Chosen("meal".to_owned()) });
}

#[test]
fn going_off_while_ringing_gives_the_call_back_at_once() {
    let mut desk = Desk::new(&["city"]);
    desk.ready(1, &["city"]);
    desk.ready(2, &["city"]);
    desk.enter(1, "city");
    let (first, _) = desk.rung[0];
    let other = if first == agent(1) { agent(2) } else { agent(1) };
    desk.ask(Command::SetState { agent: first, wanted: Wanted::Offline }).unwrap();
    assert_eq!(desk.rung, [(other, call(1))]);
}

#[test]
fn an_agent_who_picks_up_and_drops_before_the_caller_hears_him_is_no_answer() {
    let mut desk = Desk::new(&["city"]);
    desk.ready(1, &["city"]);
    desk.enter(1, "city");
    desk.rung.clear();
    desk.tell(Input::AgentAnswered { agent: agent(1), call: call(1) });
    desk.tell(Input::AgentFailed { agent: agent(1), call: call(1), why: Reason::Declined });
    assert!(desk.notices.contains(&(call(1), QueueNotice::RingTimeout)));
    desk.ready(2, &["city"]);
    assert_eq!(desk.rung, [(agent(2), call(1))]);
    assert!(!desk.events.iter().any(|e| matches!(e, QueueEvent::Answered { .. })));
}

#[test]
fn places_move_up_when_somebody_gives_up() {
    let mut desk = Desk::new(&["city"]);
    for n in 1..=5 {
        desk.enter(n, "city");
        desk.wait(100);
    }
    assert_eq!(desk.last_place(3), Some(3));
    desk.tell(Input::Leave { call: call(1), why: Left::Abandoned });
    desk.wait(1_000);
    assert_eq!((desk.last_place(2), desk.last_place(3), desk.last_place(5)), (Some(1), Some(2), Some(4)));
    let snapshot = desk.acd.snapshot(desk.now);
    assert_eq!(snapshot.queues[0].waiting.len(), 4);
    assert_eq!(snapshot.queues[0].waiting[0].place, 1);
    let figures = desk.acd.figures(Some(&"city".into()));
    let abandon = figures.iter().find(|f| f.name == "abandon_rate").unwrap();
    assert_eq!(abandon.counted, [call(1)]);
}

#[test]
fn nobody_there_is_told_on_entry_and_on_change() {
    let mut desk = Desk::new(&["city"]);
    desk.enter(1, "city");
    assert_eq!(desk.notices[1], (call(1), QueueNotice::NoAgents));
    desk.wait(2_000);
    let queues = vec!["city".into()];
    desk.tell(Input::Serves { agent: agent(1), queues });
    let wanted = Wanted::NotReady { reason: "break".to_owned() };
    desk.ask(Command::SetState { agent: agent(1), wanted }).unwrap();
    desk.wait(1_000);
    assert_eq!(desk.notices.last(), Some(&(call(1), QueueNotice::AgentsBack)));
    desk.ask(Command::SetState { agent: agent(1), wanted: Wanted::Offline }).unwrap();
    desk.wait(1_000);
    assert_eq!(desk.notices.last(), Some(&(call(1), QueueNotice::NoAgents)));
}

#[test]
fn an_estimate_is_given_only_with_ground() {
    let mut desk = Desk::new(&["city"]);
    desk.ready(1, &["city"]);
    for n in 1..=5 {
        desk.enter(n, "city");
        desk.answer(1, n);
        desk.wait(60_000);
        desk.tell(Input::TalkEnded { agent: agent(1), call: call(n) });
        desk.ask(Command::FinishWrapUp { agent: agent(1) }).unwrap();
    }
    desk.enter(6, "city");
    desk.answer(1, 6);
    desk.enter(7, "city");
    desk.enter(8, "city");
    let (_, notice) = desk.notices.last().unwrap();
    // Two calls, 60 s of talk and 30 s of after-call work each, one agent.
    assert_eq!(*notice, QueueNotice::Position { place: 2, eta_seconds: Some(180) });
}

#[test]
fn refusals_say_what_would_mend_them() {
    let mut desk = Desk::new(&["city"]);
    let ready = Command::SetState { agent: agent(1), wanted: Wanted::Ready };
    assert_eq!(desk.ask(ready.clone()), Err(Refusal::NotAnAgent));
    desk.ready(1, &["city"]);
    desk.tell(Input::Phone { agent: agent(1), reachable: false });
    assert_eq!(desk.state(1), AgentState::NotReady { reason: Reason::PhoneLost });
    assert_eq!(desk.ask(ready), Err(Refusal::NoPhone));
    assert_eq!(desk.ask(Command::Reserve { agent: agent(1), call: call(1), queue: None }), Err(Refusal::NoPhone));
    let raise = |reason: &str| Command::Raise { call: call(1), priority: Priority::High, reason: reason.to_owned() };
    assert_eq!(desk.ask(raise("")), Err(Refusal::NoReason));
    assert_eq!(desk.ask(raise("ill")), Err(Refusal::NotWaiting));
    assert_eq!(desk.ask(Command::FinishWrapUp { agent: agent(1) }), Err(Refusal::NotInWrapUp));
    let too_long = Command::ExtendWrapUp { agent: agent(1), by: Millis(600_001) };
    assert_eq!(desk.ask(too_long), Err(Refusal::TooLong));
}

#[test]
fn a_queue_that_is_gone_gives_its_calls_up() {
    let mut desk = Desk::new(&["city", "jinshui"]);
    desk.enter(1, "jinshui");
    desk.tell(Input::Configure(settings(&["city"])));
    assert!(desk.notices.contains(&(call(1), QueueNotice::Removed)));
    desk.enter(2, "jinshui");
    assert!(desk.notices.contains(&(call(2), QueueNotice::Removed)));
    assert_eq!(desk.acd.line.len(), 0);
}

/// Random events over three queues, four agents, eight calls.
#[derive(Debug, Clone)]
enum Step {
    Wait(u64),
    Enter(u128, usize, Priority),
    Leave(u128),
    Move(u128, usize, bool),
    Rank(u128, Priority),
    State(u128, Wanted),
    Answer(usize, bool),
    Fail(usize),
    EndTalk(u128),
    Drop(u128),
    Hold(u128, bool),
    Took(u128, u128),
    Phone(u128, bool),
    Reserve(u128, u128),
    Serves(u128, Vec<usize>),
}

const QUEUES: [&str; 3] = ["a", "b", "c"];

fn wanted() -> impl Strategy<Value = Wanted> {
    prop_oneof![
        3 => Just(Wanted::Ready),
        1 => Just(Wanted::NotReady { reason: "x".to_owned() }),
        1 => Just(Wanted::Offline)
    ]
}

fn rank() -> impl Strategy<Value = Priority> {
    prop_oneof![1 => Just(Priority::Low), 4 => Just(Priority::Normal), 1 => Just(Priority::Emergency)]
}

fn step() -> impl Strategy<Value = Step> {
    let (c, a, q) = (0_u128..8, 0_u128..4, 0_usize..3);
    prop_oneof![
        3 => (0_u64..20_000).prop_map(Step::Wait),
        5 => (c.clone(), q.clone(), rank()).prop_map(|(c, q, p)| Step::Enter(c, q, p)),
        1 => c.clone().prop_map(Step::Leave),
        1 => (c.clone(), q.clone(), any::<bool>()).prop_map(|(c, q, k)| Step::Move(c, q, k)),
        1 => (c.clone(), rank()).prop_map(|(c, p)| Step::Rank(c, p)),
        4 => (a.clone(), wanted()).prop_map(|(a, w)| Step::State(a, w)),
        4 => (0_usize..4, any::<bool>()).prop_map(|(i, connect)| Step::Answer(i, connect)),
        1 => (0_usize..4).prop_map(Step::Fail),
        3 => a.clone().prop_map(Step::EndTalk),
        1 => a.clone().prop_map(Step::Drop),
        1 => (a.clone(), any::<bool>()).prop_map(|(a, on)| Step::Hold(a, on)),
        1 => (a.clone(), 20_u128..24).prop_map(|(a, c)| Step::Took(a, c)),
        1 => (a.clone(), any::<bool>()).prop_map(|(a, r)| Step::Phone(a, r)),
        1 => (a.clone(), 30_u128..34).prop_map(|(a, c)| Step::Reserve(a, c)),
        1 => (a, proptest::collection::vec(q, 0..3)).prop_map(|(a, q)| Step::Serves(a, q)),
    ]
}

impl Desk {
    fn play(&mut self, step: Step) {
        match step {
            Step::Wait(ms) => self.wait(ms),
            Step::Enter(c, q, priority) => {
                let since = self.now.mono;
                self.tell(Input::Enter { call: call(c), queue: QUEUES[q].into(), priority, since });
            }
            Step::Leave(c) => self.tell(Input::Leave { call: call(c), why: Left::Abandoned }),
            Step::Move(c, q, keep_since) => {
                let (to, priority) = (QUEUES[q].into(), Priority::Normal);
                self.tell(Input::Move { call: call(c), to, priority, keep_since });
            }
            Step::Rank(c, priority) => {
                let _ = self.ask(Command::Raise { call: call(c), priority, reason: "test".to_owned() });
            }
            Step::State(a, wanted) => {
                let _ = self.ask(Command::SetState { agent: agent(a), wanted });
            }
            Step::Answer(i, connect) => {
                if let Some((agent, call)) = self.rung.get(i).copied() {
                    self.rung.remove(i);
                    self.tell(Input::Alerting { agent, call });
                    self.tell(Input::AgentAnswered { agent, call });
                    if connect {
                        self.tell(Input::Connected { agent, call });
                    }
                }
            }
            Step::Fail(i) => {
                if let Some((agent, call)) = self.rung.get(i).copied() {
                    self.tell(Input::AgentFailed { agent, call, why: Reason::Declined });
                }
            }
            Step::EndTalk(a) => {
                let call = self.acd.agents.get(&agent(a)).and_then(|x| x.state.call()).unwrap_or(call(99));
                self.tell(Input::TalkEnded { agent: agent(a), call });
            }
            Step::Drop(a) => {
                let call = self.acd.agents.get(&agent(a)).and_then(|x| x.state.call()).unwrap_or(call(99));
                self.tell(Input::AgentFailed { agent: agent(a), call, why: Reason::Declined });
            }
            Step::Hold(a, on) => {
                let call = self.acd.agents.get(&agent(a)).and_then(|x| x.state.call()).unwrap_or(call(99));
                self.tell(Input::Held { agent: agent(a), call, on });
            }
            Step::Took(a, c) => self.tell(Input::Took { agent: agent(a), call: call(c) }),
            Step::Phone(a, reachable) => self.tell(Input::Phone { agent: agent(a), reachable }),
            Step::Reserve(a, c) => {
                let _ = self.ask(Command::Reserve { agent: agent(a), call: call(c), queue: None });
            }
            Step::Serves(a, queues) => {
                let queues = queues.into_iter().map(|q| QUEUES[q].into()).collect();
                self.tell(Input::Serves { agent: agent(a), queues });
            }
        }
    }

    fn check(&self) {
        let acd = &self.acd;
        let rung: BTreeSet<_> = self.rung.iter().copied().collect();
        let mut busy = BTreeSet::new();
        for (id, agent) in &acd.agents {
            let Some(call) = agent.state.call() else {
                continue;
            };
            let rings = matches!(agent.state, AgentState::Reserved { .. } | AgentState::Ringing { .. });
            let direct = rings && acd.line.get(call).is_none();
            assert!(direct || busy.insert(call) || call.0.as_u128() >= 20, "two agents in one call");
            if rings && !direct {
                assert!(rung.contains(&(*id, call)), "reserved, but nobody rings him");
            }
            if !rings {
                assert!(acd.line.get(call).is_none(), "talks and waits at once");
            }
        }
        for (id, call) in &rung {
            let state = &acd.agents[id].state;
            assert_eq!(state.call(), Some(*call), "rings without being reserved");
        }
        let unconnected = acd.agents.values().filter(|agent| agent.may_return()).count();
        assert_eq!(acd.line.numbers(), acd.line.len() + unconnected, "arrival numbers leak");
        // No free agent while a call that he serves waits unoffered.
        for waiting in acd.line.iter().filter(|w| acd.ringing_agent(w.call).is_none()) {
            let free = acd.agents.values().find(|a| a.is_free() && a.serves(&waiting.queue));
            assert!(free.is_none(), "{:?} waits beside a free agent", waiting.call);
        }
        assert!(acd.poll_timeout().is_none_or(|at| at <= self.now.mono + Millis(2_000_000)), "an unbounded timer");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn whatever_happens_agents_and_calls_stay_in_order(steps in proptest::collection::vec(step(), 0..120)) {
        let mut desk = Desk::new(&QUEUES);
        for n in 0..4 {
            desk.ready(n, &QUEUES[..1 + (n as usize % 3)]);
        }
        for step in steps {
            desk.play(step);
            desk.check();
        }
        // Whoever hangs up is counted once, and nothing stays behind.
        for n in 0..8 {
            desk.tell(Input::Leave { call: call(n), why: Left::Abandoned });
        }
        desk.check();
        prop_assert_eq!(desk.acd.line.len(), 0);
        prop_assert!(desk.acd.places.deadline().is_none());
        for fact in desk.acd.facts() {
            let talks = desk.acd.agents.values().any(|a| a.state.call() == Some(fact.call));
            prop_assert!(fact.outcome != Outcome::Waiting || talks, "a waiting fact without a call");
        }
    }

    #[test]
    fn the_line_is_served_by_rank_and_time(ranks in proptest::collection::vec(rank(), 1..30)) {
        let mut desk = Desk::new(&["city"]);
        for (n, priority) in ranks.iter().enumerate() {
            let since = desk.now.mono;
            let queue = QueueName::from("city");
            desk.tell(Input::Enter { call: call(n as u128), queue, priority: *priority, since });
            desk.wait(10);
        }
        let mut expected: Vec<usize> = (0..ranks.len()).collect();
        expected.sort_by_key(|n| (std::cmp::Reverse(ranks[*n]), *n));
        desk.ready(0, &["city"]);
        for n in expected {
            prop_assert_eq!(desk.rung.clone(), vec![(agent(0), call(n as u128))]);
            desk.answer(0, n as u128);
            desk.tell(Input::TalkEnded { agent: agent(0), call: call(n as u128) });
            desk.wait(30_000);
        }
    }
}
