//! Calls with the real plan and the real queue, by example and by random events: a switch without IO.
#![allow(clippy::unwrap_used)]

use std::collections::VecDeque;
use std::sync::{Arc, OnceLock};

use liandong_dialplans::{Digit, PlanName, PlanSet, PlayId, Repeat, builtin, compile};
use proptest::prelude::*;
use uuid::Uuid;

use super::*;
use crate::calls::queue::{Acd, AgentState, Command as QueueCommand, Effect as QueueEffect, Wanted, settings_of};

fn plans() -> Arc<PlanSet> {
    static SET: OnceLock<Arc<PlanSet>> = OnceLock::new();
    Arc::clone(SET.get_or_init(|| Arc::new(compile(&builtin::files()).unwrap())))
}

fn agent(n: u128) -> PersonId {
    PersonId(Uuid::from_u128(1_000 + n))
}

/// What the edge knows of a leg.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wire {
    Incoming,
    Invited,
    Up,
    Cancelled,
    Gone,
}

/// What edge, media and log saw of a call.
struct Seen {
    wire: BTreeMap<LegId, Wire>,
    playing: BTreeMap<LegId, (PlayId, Repeat)>,
    bridge: Option<(LegId, LegId)>,
    /// Three who hear each other.
    mix: Option<Vec<LegId>>,
    events: Vec<CallEvent>,
    forgotten: bool,
}

enum Message {
    Call(CallId, Input),
    Queue(queue::Input),
}

/// A switch on a virtual clock.
struct Switch {
    acd: Acd,
    calls: BTreeMap<CallId, Call>,
    seen: BTreeMap<CallId, Seen>,
    now: Now,
    messages: VecDeque<Message>,
    next: u128,
}

impl Switch {
    fn new(agents: u128) -> Self {
        let now = Now { mono: Millis(1_000_000), wall: "2026-11-24T02:00:00Z".parse().unwrap() };
        let acd = Acd::new(settings_of(&plans()));
        let (calls, seen, messages) = (BTreeMap::new(), BTreeMap::new(), VecDeque::new());
        let mut switch = Self { acd, calls, seen, now, messages, next: 0 };
        for n in 0..agents {
            let queues = vec!["city_hotline".into(), if n % 2 == 0 { "emergency" } else { "jinshui" }.into()];
            switch.queue(queue::Input::Serves { agent: agent(n), queues });
            switch.wants(n, Wanted::Ready);
        }
        switch
    }

    fn id(&mut self) -> CallId {
        self.next += 1;
        CallId(Uuid::from_u128(self.next))
    }

    fn arrive(&mut self) -> CallId {
        let id = self.id();
        let runner = Runner::new(plans(), &PlanName::from("hotline")).unwrap();
        let start = CallStart { caller: None, area: Some("金水区".into()), called: "12345".to_owned() };
        let (call, effects) = Call::inbound(id, runner, start, self.now);
        self.begin(id, call, Wire::Incoming, effects);
        id
    }

    fn begin(&mut self, id: CallId, call: Call, first: Wire, effects: Vec<Effect>) {
        let wire = BTreeMap::from([(CALLER, first)]);
        let (playing, events) = (BTreeMap::new(), Vec::new());
        self.seen.insert(id, Seen { wire, playing, bridge: None, mix: None, events, forgotten: false });
        self.calls.insert(id, call);
        self.perform(id, effects);
        self.drain();
    }

    fn direct(&mut self, origin: Origin, to: Party) -> Option<CallId> {
        let id = self.id();
        if let Party::Agent(agent) = to {
            let command = QueueCommand::Reserve { agent, call: id, queue: None };
            let effects = self.acd.command(command, self.now).ok()?;
            self.queue_effects(effects);
        }
        let first = if matches!(origin, Origin::Desk(_)) { Wire::Gone } else { Wire::Incoming };
        let (call, effects) = Call::direct(id, origin, to, true, self.now);
        self.begin(id, call, first, effects);
        Some(id)
    }

    fn tell(&mut self, call: CallId, input: Input) {
        self.messages.push_back(Message::Call(call, input));
        self.drain();
    }

    fn queue(&mut self, input: queue::Input) {
        self.messages.push_back(Message::Queue(input));
        self.drain();
    }

    fn wants(&mut self, n: u128, wanted: Wanted) {
        if let Ok(effects) = self.acd.command(QueueCommand::SetState { agent: agent(n), wanted }, self.now) {
            self.queue_effects(effects);
            self.drain();
        }
    }

    fn drain(&mut self) {
        let mut rounds = 0;
        while let Some(message) = self.messages.pop_front() {
            rounds += 1;
            assert!(rounds < 10_000, "call and queue talk without end");
            match message {
                Message::Call(id, input) => {
                    if let Some(call) = self.calls.get_mut(&id) {
                        let effects = call.handle(input, self.now);
                        self.perform(id, effects);
                    }
                }
                Message::Queue(input) => {
                    let effects = self.acd.handle(input, self.now);
                    self.queue_effects(effects);
                }
            }
        }
    }

    fn queue_effects(&mut self, effects: Vec<QueueEffect>) {
        for effect in effects {
            let (call, input) = match effect {
                QueueEffect::Ring { agent, call } => (call, Input::RingAgent(agent)),
                QueueEffect::StopRinging { agent, call } => (call, Input::StopRingAgent(agent)),
                QueueEffect::Notice { call, notice } => (call, Input::Queue(notice)),
                QueueEffect::Event(_) => continue,
            };
            self.messages.push_back(Message::Call(call, input));
        }
    }

    fn perform(&mut self, id: CallId, effects: Vec<Effect>) {
        for effect in effects {
            let seen = self.seen.get_mut(&id).unwrap();
            assert!(!seen.forgotten, "{effect:?} after the end");
            match effect {
                Effect::Leg(leg, command) => seen.leg(leg, &command),
                Effect::Media(command) => seen.media(command),
                Effect::Queue(input) => self.messages.push_back(Message::Queue(input)),
                Effect::Log(event) => seen.events.push(event),
                Effect::Ended => {
                    seen.forgotten = true;
                    self.calls.remove(&id);
                }
            }
        }
    }

    fn wait(&mut self, ms: u64) {
        let until = self.now.mono + Millis(ms);
        let mut rounds = 0;
        loop {
            let calls = self.calls.iter().filter_map(|(id, call)| Some((call.poll_timeout()?, Some(*id))));
            let queue = self.acd.poll_timeout().map(|at| (at, None));
            let Some((at, whose)) = calls.chain(queue).min().filter(|(at, _)| *at <= until) else { break };
            self.now = self.now.after(at - self.now.mono);
            match whose {
                Some(id) => self.tell(id, Input::Timer),
                None => self.queue(queue::Input::Timer),
            }
            self.check();
            rounds += 1;
            assert!(rounds < 20_000, "a timer circles");
        }
        self.now = self.now.after(until - self.now.mono);
    }

    /// An event of a leg, if the edge could see it now.
    fn leg(&mut self, id: CallId, leg: LegId, event: LegEvent) -> bool {
        let Some(seen) = self.seen.get_mut(&id).filter(|seen| !seen.forgotten) else { return false };
        let Some(wire) = seen.wire.get_mut(&leg) else { return false };
        let (possible, next) = match (*wire, &event) {
            (Wire::Invited, LegEvent::Ringing) => (true, Wire::Invited),
            (Wire::Invited | Wire::Cancelled, LegEvent::Answered) => (true, Wire::Up),
            (Wire::Invited | Wire::Cancelled, LegEvent::Failed { .. }) => (true, Wire::Gone),
            (Wire::Incoming | Wire::Up, LegEvent::HungUp) => (true, Wire::Gone),
            (Wire::Up, LegEvent::Ringing | LegEvent::Answered | LegEvent::Failed { .. }) => (false, Wire::Up),
            (Wire::Up, _) => (true, Wire::Up),
            (other, _) => (false, other),
        };
        if possible {
            *wire = next;
            if next == Wire::Gone {
                seen.playing.remove(&leg);
            }
            self.tell(id, Input::Leg(leg, event));
        }
        possible
    }

    fn command(&mut self, id: CallId, command: Command) -> Result<(), Refusal> {
        let Some(call) = self.calls.get_mut(&id) else { return Err(Refusal::Ended) };
        let passes_to_agent = match &command {
            Command::Transfer { to: Party::Agent(agent), .. } | Command::Consult { to: Party::Agent(agent), .. } => {
                Some(*agent)
            }
            _ => None,
        };
        let target = if let Some(agent) = passes_to_agent {
            let queue = call.last_queue().cloned();
            let reserve = QueueCommand::Reserve { agent, call: id, queue };
            let Ok(effects) = self.acd.command(reserve, self.now) else { return Err(Refusal::Already) };
            self.queue_effects(effects);
            Some(agent)
        } else {
            None
        };
        let result = self.calls.get_mut(&id).unwrap().command(command, self.now);
        if let (Err(_), Some(agent)) = (&result, target) {
            self.queue(queue::Input::Release { agent, call: id });
        }
        self.perform(id, result?);
        self.drain();
        Ok(())
    }

    /// The leg of an agent that is being rung or up.
    fn leg_of(&self, id: CallId, n: u128) -> Option<LegId> {
        let call = self.calls.get(&id)?;
        let his = call.legs.iter().filter(|(_, leg)| leg.agent() == Some(agent(n)) && leg.state != LegState::Gone);
        his.map(|(id, _)| *id).next_back()
    }

    fn states(&self) -> BTreeMap<PersonId, AgentState> {
        self.acd.agents().map(|(agent, state)| (agent, state.clone())).collect()
    }

    fn check(&self) {
        let states = self.states();
        let mut talking = BTreeSet::new();
        for (id, call) in &self.calls {
            let seen = &self.seen[id];
            seen.check_sound(call);
            for (leg, state) in &seen.wire {
                let ours = call.state(*leg);
                let alive = matches!(ours, LegState::Incoming | LegState::Dialling | LegState::Ringing | LegState::Up);
                assert_eq!(alive, matches!(state, Wire::Incoming | Wire::Invited | Wire::Up), "{id} {leg:?}");
            }
            for (leg, agent) in call.legs.keys().filter_map(|leg| Some((*leg, call.queued_agent(*leg)?))) {
                if call.legs[&leg].is_invited() {
                    assert_eq!(states[&agent].call(), Some(*id), "{agent:?} is rung, the queue knows nothing of it");
                }
            }
            let asked = call.consult.filter(|consult| consult.answered).map(|consult| consult.to);
            let agent_of = |leg: LegId| call.legs[&leg].agent();
            for agent in [call.peer, call.third, asked].into_iter().flatten().filter_map(agent_of) {
                assert!(talking.insert(agent), "{agent:?} in two calls");
                let state = &states[&agent];
                let there = matches!(state, AgentState::Talking { call } | AgentState::Hold { call } if call == id);
                assert!(there, "{agent:?} talks in {id}, the queue says {state:?}");
            }
        }
        for (agent, state) in &states {
            let Some(id) = state.call() else { continue };
            let call = self.calls.get(&id);
            let there = call.is_some_and(|call| {
                let his = |leg: &Leg| leg.agent() == Some(*agent) && (leg.state == LegState::Up || leg.is_invited());
                let to_be_dialled = call.direct_to == Some(Party::Agent(*agent));
                to_be_dialled
                    || call
                        .legs
                        .values()
                        .any(|leg| his(leg) || (leg.agent() == Some(*agent) && leg.state == LegState::Incoming))
            });
            assert!(there, "the queue says {agent:?} is {state:?}, the call knows nothing of it");
        }
    }

    /// Everybody hangs up; nothing may stay behind.
    fn close(&mut self) {
        for id in self.calls.keys().copied().collect::<Vec<_>>() {
            let anchor = self.calls[&id].anchor;
            self.leg(id, anchor, LegEvent::HungUp);
            self.check();
            // Of three, or while another is asked, the others may go on without an agent.
            let _ = self.command(id, Command::Release);
            self.check();
        }
        self.wait(CANCEL_WAIT.0 + 1);
        assert!(self.calls.is_empty(), "a call does not end");
        for (id, seen) in &self.seen {
            let ends = seen.events.iter().filter(|e| matches!(e, CallEvent::Ended { .. })).count();
            assert_eq!(ends, 1, "{id}: {:?}", seen.events);
            assert!(matches!(seen.events.last(), Some(CallEvent::Ended { .. })), "{id}: {:?}", seen.events);
            let alive = seen.wire.values().filter(|w| matches!(w, Wire::Incoming | Wire::Invited | Wire::Up)).count();
            assert_eq!(alive, 0, "{id}: a leg is left alive");
            let started = seen.events.iter().filter(|e| matches!(e, CallEvent::Invited { .. })).count();
            let ended = seen.events.iter().filter(|e| matches!(e, CallEvent::LegEnded { .. })).count();
            assert_eq!(started + 1, ended, "{id}: each leg ends once: {:?}", seen.events);
        }
        assert!(self.states().values().all(|state| state.call().is_none()), "{:?}", self.states());
        assert!(self.acd.snapshot(self.now).queues.iter().all(|queue| queue.waiting.is_empty()));
    }

    fn outcome(&self, id: CallId) -> Option<Outcome> {
        self.seen[&id].events.iter().find_map(|event| match event {
            CallEvent::Ended { outcome, .. } => Some(*outcome),
            _ => None,
        })
    }

    /// Lets the play to the caller run out.
    fn play_out(&mut self, id: CallId) {
        let playing = self.seen.get(&id).and_then(|seen| seen.playing.get(&CALLER).copied());
        if let Some((play, Repeat::Once)) = playing {
            self.seen.get_mut(&id).unwrap().playing.remove(&CALLER);
            self.tell(id, Input::PlayFinished(play));
        }
    }
}

impl Seen {
    fn leg(&mut self, leg: LegId, command: &LegCommand) {
        let was = self.wire.get(&leg).copied();
        let (allowed, next) = match command {
            LegCommand::Invite(_) => (was.is_none() || was == Some(Wire::Gone) && leg == CALLER, Wire::Invited),
            LegCommand::Ring => (was == Some(Wire::Incoming), Wire::Incoming),
            LegCommand::Answer => (was == Some(Wire::Incoming), Wire::Up),
            LegCommand::Reject { .. } => (was == Some(Wire::Incoming), Wire::Gone),
            LegCommand::Cancel => (was == Some(Wire::Invited), Wire::Cancelled),
            LegCommand::HangUp => (was == Some(Wire::Up), Wire::Gone),
        };
        assert!(allowed, "{command:?} to {leg:?}, which is {was:?}");
        self.wire.insert(leg, next);
        if next == Wire::Gone {
            self.playing.remove(&leg);
        }
    }

    fn media(&mut self, command: MediaCommand) {
        match command {
            MediaCommand::Bridge(a, b) => {
                assert!([a, b].iter().all(|leg| self.wire[leg] == Wire::Up), "bridge of {:?}", self.wire);
                self.playing.remove(&a);
                self.playing.remove(&b);
                self.bridge = Some((a, b));
                self.mix = None;
            }
            MediaCommand::Conference(legs) => {
                assert!(legs.iter().all(|leg| self.wire[leg] == Wire::Up), "a mix of {:?}", self.wire);
                self.playing.retain(|leg, _| !legs.contains(leg));
                (self.bridge, self.mix) = (None, Some(legs));
            }
            MediaCommand::Unbridge(..) => self.bridge = None,
            MediaCommand::Play { leg, id, prompts, repeat } => {
                assert!(!prompts.is_empty());
                assert_eq!(self.wire[&leg], Wire::Up, "plays to nobody");
                self.playing.insert(leg, (id, repeat));
            }
            MediaCommand::StopPlay(leg) => {
                self.playing.remove(&leg);
            }
            MediaCommand::Record { .. }
            | MediaCommand::RecordAgain
            | MediaCommand::Tracks { .. }
            | MediaCommand::Digit(..)
            | MediaCommand::Mute(..) => {}
        }
    }

    /// Who is up and neither talks nor holds hears something: the caller always, the other party while it waits.
    fn check_sound(&self, call: &Call) {
        let anchor = call.anchor;
        if call.phase != Phase::Live || self.wire[&anchor] != Wire::Up {
            return;
        }
        let Some(peer) = call.peer else {
            assert!(self.playing.contains_key(&anchor), "silence: {:?}", self.events);
            return;
        };
        let waits = |leg: LegId| {
            assert!(
                self.playing.contains_key(&leg) || call.holders.contains(&leg),
                "{leg:?} in silence: {:?}",
                self.events
            );
        };
        match (call.consult, call.third) {
            (Some(consult), _) => {
                waits(call.facing(consult.from).unwrap());
                if consult.answered {
                    assert_eq!(self.bridge, Some((consult.from, consult.to)), "asks, but nobody hears");
                } else {
                    waits(consult.from);
                }
            }
            (None, Some(third)) if call.holders.is_empty() => {
                let mut mix = self.mix.clone().expect("three hear each other");
                let mut three = vec![anchor, peer, third];
                mix.sort_unstable();
                three.sort_unstable();
                assert_eq!(mix, three);
            }
            (None, Some(_)) => {}
            (None, None) if call.transfer.is_some() || !call.holders.is_empty() => waits(anchor),
            (None, None) => assert_eq!(self.bridge, Some((anchor, peer)), "talks, but nobody hears"),
        }
    }
}

/// A call answered by agent 0.
fn talking() -> (Switch, CallId, LegId) {
    let mut switch = Switch::new(3);
    let id = switch.arrive();
    let n = (0..3).find(|n| switch.leg_of(id, *n).is_some()).unwrap();
    assert_eq!(n, 0, "all are equally idle: the first");
    let leg = switch.leg_of(id, 0).unwrap();
    switch.leg(id, leg, LegEvent::Ringing);
    switch.wait(4_000);
    switch.play_out(id);
    switch.leg(id, leg, LegEvent::Answered);
    switch.check();
    assert_eq!(switch.calls[&id].peer(), Some(leg));
    (switch, id, leg)
}

fn talk_and_hold(switch: &Switch, id: CallId, wanted: LegId) -> (u64, u64) {
    let ended = |event: &CallEvent| match event {
        CallEvent::LegEnded { leg, talk_ms, hold_ms, .. } if *leg == wanted => Some((*talk_ms, *hold_ms)),
        _ => None,
    };
    switch.seen[&id].events.iter().find_map(ended).unwrap()
}

#[test]
fn a_call_is_answered_held_taken_back_and_ended_by_the_agent() {
    let (mut switch, id, leg) = talking();
    switch.wait(10_000);
    switch.leg(id, leg, LegEvent::HoldRequested);
    switch.check();
    assert!(switch.seen[&id].playing.contains_key(&CALLER), "hold music");
    assert_eq!(switch.states()[&agent(0)], AgentState::Hold { call: id });
    switch.wait(5_000);
    switch.command(id, Command::Resume { by: agent(0) }).unwrap();
    switch.wait(10_000);
    switch.leg(id, leg, LegEvent::HungUp);
    switch.check();
    assert_eq!(talk_and_hold(&switch, id, leg), (20_000, 5_000));
    assert!(switch.seen[&id].playing.contains_key(&CALLER), "thanks");
    switch.play_out(id);
    assert_eq!(switch.outcome(id), Some(Outcome::Answered));
    assert_eq!(switch.states()[&agent(0)], AgentState::WrapUp { call: id });
    switch.close();
}

#[test]
fn an_agent_who_answers_during_the_notice_is_connected_when_it_ends() {
    let mut switch = Switch::new(1);
    let id = switch.arrive();
    let leg = switch.leg_of(id, 0).unwrap();
    switch.wait(1_000);
    switch.leg(id, leg, LegEvent::Answered);
    switch.check();
    assert_eq!(switch.calls[&id].peer(), None);
    switch.wait(2_278);
    switch.play_out(id);
    assert_eq!(switch.calls[&id].peer(), Some(leg));
    let recording = switch.seen[&id].events.iter().position(|e| *e == CallEvent::Recording { on: true });
    let connected = switch.seen[&id].events.iter().position(|e| matches!(e, CallEvent::Connected { .. }));
    assert!(recording < connected, "recording begins after the notice, before the talk");
    switch.close();
}

#[test]
fn an_agent_gone_before_the_notice_ends_leaves_the_caller_in_line() {
    let mut switch = Switch::new(2);
    let id = switch.arrive();
    let leg = switch.leg_of(id, 0).unwrap();
    switch.leg(id, leg, LegEvent::Answered);
    switch.leg(id, leg, LegEvent::HungUp);
    switch.check();
    assert!(switch.leg_of(id, 1).is_some(), "the next agent is rung at once");
    switch.close();
    assert_eq!(switch.outcome(id), Some(Outcome::Abandoned));
}

#[test]
fn a_200_that_crosses_the_cancel_is_hung_up() {
    let mut switch = Switch::new(1);
    let id = switch.arrive();
    let leg = switch.leg_of(id, 0).unwrap();
    switch.leg(id, leg, LegEvent::Ringing);
    switch.leg(id, CALLER, LegEvent::HungUp);
    assert_eq!(switch.outcome(id), Some(Outcome::Abandoned));
    assert!(!switch.seen[&id].forgotten, "the final answer is awaited");
    switch.leg(id, leg, LegEvent::Answered);
    assert!(switch.seen[&id].forgotten);
    assert_eq!(switch.seen[&id].wire[&leg], Wire::Gone);
    assert_eq!(switch.states()[&agent(0)], AgentState::Ready);
}

#[test]
fn an_unanswered_agent_is_out_and_the_next_is_rung() {
    let mut switch = Switch::new(2);
    let id = switch.arrive();
    let leg = switch.leg_of(id, 0).unwrap();
    switch.leg(id, leg, LegEvent::Ringing);
    switch.wait(15_000);
    let reason = queue::Reason::NoAnswer;
    assert_eq!(switch.states()[&agent(0)], AgentState::NotReady { reason });
    assert_eq!(switch.seen[&id].wire[&leg], Wire::Cancelled);
    assert!(switch.leg_of(id, 1).is_some());
    switch.close();
}

#[test]
fn a_blind_transfer_books_each_talk_to_its_agent() {
    let (mut switch, id, leg) = talking();
    switch.wait(10_000);
    switch.command(id, Command::Transfer { by: agent(0), to: Party::Agent(agent(1)) }).unwrap();
    switch.check();
    let target = switch.leg_of(id, 1).unwrap();
    let again = Command::Transfer { by: agent(0), to: Party::Number("91".to_owned()) };
    assert_eq!(switch.command(id, again), Err(Refusal::Transferring));
    switch.leg(id, target, LegEvent::Ringing);
    switch.wait(3_000);
    switch.leg(id, target, LegEvent::Answered);
    switch.check();
    assert_eq!(switch.states()[&agent(0)], AgentState::WrapUp { call: id });
    switch.wait(7_000);
    switch.leg(id, CALLER, LegEvent::HungUp);
    assert_eq!(talk_and_hold(&switch, id, leg), (10_000, 0));
    assert_eq!(talk_and_hold(&switch, id, target), (7_000, 0));
    assert_eq!(switch.states()[&agent(1)], AgentState::WrapUp { call: id }, "after-call work is not lost");
    switch.close();
}

#[test]
fn a_transfer_that_nobody_takes_gives_the_caller_back() {
    let (mut switch, id, leg) = talking();
    switch.command(id, Command::Transfer { by: agent(0), to: Party::Number("9110".to_owned()) }).unwrap();
    let target = LegId(2);
    switch.leg(id, target, LegEvent::Failed { status: 486 });
    switch.check();
    assert_eq!(switch.seen[&id].bridge, Some((CALLER, leg)));
    // And when the agent did not wait for it, a call-back is due.
    switch.command(id, Command::Transfer { by: agent(0), to: Party::Number("9110".to_owned()) }).unwrap();
    switch.leg(id, leg, LegEvent::HungUp);
    switch.check();
    switch.wait(30_000);
    switch.check();
    assert!(switch.seen[&id].events.contains(&CallEvent::TransferLost));
    switch.close();
}

#[test]
fn a_direct_call_rings_connects_and_ends() {
    let mut switch = Switch::new(2);
    let origin = Origin::Incoming(Role::Agent { agent: agent(0) });
    let id = switch.direct(origin.clone(), Party::Number("913800000001".to_owned())).unwrap();
    assert_eq!(switch.states()[&agent(0)], AgentState::Talking { call: id });
    switch.leg(id, LegId(1), LegEvent::Ringing);
    switch.leg(id, LegId(1), LegEvent::Answered);
    switch.check();
    assert!(switch.seen[&id].events.contains(&CallEvent::Recording { on: true }));
    switch.leg(id, LegId(1), LegEvent::HungUp);
    assert_eq!((switch.outcome(id), switch.seen[&id].forgotten), (Some(Outcome::Answered), true));
    assert_eq!(switch.states()[&agent(0)], AgentState::Ready);
    let busy = switch.direct(origin, Party::Agent(agent(1))).unwrap();
    switch.leg(busy, LegId(1), LegEvent::Failed { status: 486 });
    assert_eq!(switch.outcome(busy), Some(Outcome::Failed));
    switch.close();
}

#[test]
fn a_call_from_the_desk_rings_the_agents_own_phone_first() {
    let mut switch = Switch::new(1);
    let id = switch.direct(Origin::Desk(agent(0)), Party::Number("91".to_owned())).unwrap();
    assert_eq!(switch.seen[&id].wire[&CALLER], Wire::Invited);
    switch.leg(id, CALLER, LegEvent::Answered);
    assert!(switch.seen[&id].playing.contains_key(&CALLER));
    switch.leg(id, LegId(1), LegEvent::Answered);
    switch.check();
    switch.command(id, Command::HangUp { by: agent(0) }).unwrap();
    switch.close();
    let unanswered = switch.direct(Origin::Desk(agent(0)), Party::Number("91".to_owned())).unwrap();
    switch.wait(DIRECT_RING.0);
    assert_eq!(switch.outcome(unanswered), Some(Outcome::Failed));
    switch.close();
}

#[test]
fn a_caller_who_cancels_before_anything_is_counted_once() {
    let mut switch = Switch::new(0);
    let id = switch.arrive();
    switch.leg(id, CALLER, LegEvent::HungUp);
    switch.wait(CANCEL_WAIT.0);
    assert_eq!(switch.outcome(id), Some(Outcome::Abandoned));
    switch.close();
}

/// The call of [`talking`], agent 0 asking agent 1, who has picked up.
fn asking() -> (Switch, CallId, LegId, LegId) {
    let (mut switch, id, leg) = talking();
    switch.wait(10_000);
    switch.command(id, Command::Consult { by: agent(0), to: Party::Agent(agent(1)) }).unwrap();
    switch.check();
    let third = switch.leg_of(id, 1).unwrap();
    assert_eq!(switch.calls[&id].third_party(), Some((third, ThirdParty::Ringing)));
    assert!(switch.seen[&id].playing.contains_key(&CALLER), "the caller hears music");
    assert_eq!(switch.command(id, Command::Complete { by: agent(0) }), Err(Refusal::NotAnswered));
    switch.leg(id, third, LegEvent::Ringing);
    switch.wait(2_000);
    switch.leg(id, third, LegEvent::Answered);
    switch.check();
    assert_eq!(switch.seen[&id].bridge, Some((leg, third)), "the two hear each other, the caller does not");
    assert_eq!(switch.states()[&agent(1)], AgentState::Talking { call: id });
    switch.wait(5_000);
    (switch, id, leg, third)
}

#[test]
fn a_consultation_ends_with_the_caller_back() {
    let (mut switch, id, leg, third) = asking();
    for refused in [
        Command::Hold { by: agent(0) },
        Command::Transfer { by: agent(0), to: Party::Number("91".to_owned()) },
        Command::Consult { by: agent(0), to: Party::Number("91".to_owned()) },
    ] {
        assert_eq!(switch.command(id, refused), Err(Refusal::Consulting));
    }
    assert_eq!(
        switch.command(id, Command::Complete { by: agent(1) }),
        Err(Refusal::NoConsult),
        "who is asked asks nothing"
    );
    switch.command(id, Command::CancelConsult { by: agent(0) }).unwrap();
    switch.check();
    assert_eq!(switch.seen[&id].bridge, Some((CALLER, leg)));
    assert_eq!(switch.states()[&agent(1)], AgentState::Ready, "asked, not served: no after-call work");
    switch.wait(3_000);
    switch.leg(id, CALLER, LegEvent::HungUp);
    assert_eq!(talk_and_hold(&switch, id, leg), (13_000, 7_000), "the caller's wait is booked to who asked");
    assert_eq!(talk_and_hold(&switch, id, third), (5_000, 0));
    assert_eq!(talk_and_hold(&switch, id, CALLER).0, 13_000);
    switch.close();
}

#[test]
fn a_consultation_hands_the_caller_over() {
    let (mut switch, id, leg, third) = asking();
    switch.command(id, Command::Complete { by: agent(0) }).unwrap();
    switch.check();
    assert_eq!(switch.seen[&id].bridge, Some((CALLER, third)));
    assert_eq!(switch.seen[&id].wire[&leg], Wire::Gone);
    assert_eq!(switch.states()[&agent(0)], AgentState::WrapUp { call: id });
    switch.wait(4_000);
    switch.leg(id, third, LegEvent::HungUp);
    assert_eq!(switch.states()[&agent(1)], AgentState::WrapUp { call: id });
    assert_eq!(talk_and_hold(&switch, id, third), (9_000, 0));
    switch.close();
}

#[test]
fn who_hangs_up_while_asking_loses_nobody() {
    // Whom he asked is there: he takes over. While it still rings: it is waited for.
    let (mut switch, id, leg, third) = asking();
    switch.leg(id, leg, LegEvent::HungUp);
    switch.check();
    assert_eq!(switch.seen[&id].bridge, Some((CALLER, third)));
    switch.close();
    let (mut switch, id, leg) = talking();
    switch.command(id, Command::Consult { by: agent(0), to: Party::Agent(agent(1)) }).unwrap();
    let third = switch.leg_of(id, 1).unwrap();
    switch.leg(id, leg, LegEvent::HungUp);
    switch.check();
    assert!(switch.seen[&id].playing.contains_key(&CALLER));
    switch.leg(id, third, LegEvent::Answered);
    switch.check();
    assert_eq!(switch.seen[&id].bridge, Some((CALLER, third)));
    switch.close();
}

#[test]
fn who_does_not_come_to_a_consultation_gives_the_agent_back() {
    let (mut switch, id, leg) = talking();
    switch.command(id, Command::Consult { by: agent(0), to: Party::Number("9110".to_owned()) }).unwrap();
    let third = LegId(2);
    switch.leg(id, third, LegEvent::Failed { status: 486 });
    switch.check();
    assert_eq!(switch.seen[&id].bridge, Some((CALLER, leg)));
    assert_eq!(switch.calls[&id].third_party(), None);
    switch.command(id, Command::Consult { by: agent(0), to: Party::Agent(agent(1)) }).unwrap();
    switch.wait(DIRECT_RING.0);
    switch.check();
    assert_eq!(switch.seen[&id].bridge, Some((CALLER, leg)));
    switch.close();
}

#[test]
fn three_talk_and_each_may_go() {
    for first in 0..3 {
        let (mut switch, id, leg, third) = asking();
        switch.command(id, Command::Conference { by: agent(0) }).unwrap();
        switch.check();
        assert_eq!(switch.seen[&id].mix, Some(vec![CALLER, leg, third]));
        assert_eq!(switch.command(id, Command::Hold { by: agent(1) }), Err(Refusal::InConference));
        switch.wait(6_000);
        switch.leg(id, [CALLER, leg, third][first], LegEvent::HungUp);
        switch.check();
        match first {
            0 => assert_eq!(switch.outcome(id), Some(Outcome::Answered), "without the citizen there is no call"),
            1 => {
                assert_eq!(switch.seen[&id].bridge, Some((CALLER, third)));
                assert_eq!(switch.states()[&agent(0)], AgentState::WrapUp { call: id });
            }
            _ => {
                assert_eq!(switch.seen[&id].bridge, Some((CALLER, leg)));
                assert_eq!(switch.states()[&agent(1)], AgentState::WrapUp { call: id });
            }
        }
        switch.close();
        assert_eq!(talk_and_hold(&switch, id, CALLER).0, 16_000, "asking is no talk of the caller's");
    }
}

#[test]
fn an_agent_who_called_out_may_pass_the_citizen_on() {
    let mut switch = Switch::new(2);
    let id = switch.direct(Origin::Desk(agent(0)), Party::Number("913800000001".to_owned())).unwrap();
    switch.leg(id, CALLER, LegEvent::Answered);
    let citizen = LegId(1);
    switch.leg(id, citizen, LegEvent::Answered);
    switch.command(id, Command::Consult { by: agent(0), to: Party::Agent(agent(1)) }).unwrap();
    let third = switch.leg_of(id, 1).unwrap();
    switch.leg(id, third, LegEvent::Answered);
    switch.check();
    assert_eq!(switch.seen[&id].bridge, Some((CALLER, third)));
    assert!(switch.seen[&id].playing.contains_key(&citizen));
    switch.command(id, Command::Complete { by: agent(0) }).unwrap();
    switch.check();
    assert_eq!(switch.seen[&id].bridge, Some((citizen, third)), "the citizen stays, the agent has gone");
    assert_eq!(switch.states()[&agent(0)], AgentState::Ready);
    switch.leg(id, citizen, LegEvent::HungUp);
    assert_eq!(switch.outcome(id), Some(Outcome::Answered));
    switch.close();
}

#[test]
fn a_talk_goes_on_after_a_restart() {
    let (mut switch, id, leg) = talking();
    switch.wait(10_000);
    switch.restart(u32::MAX, 4_000);
    switch.check();
    assert_eq!(switch.seen[&id].bridge, Some((CALLER, leg)));
    assert_eq!(switch.states()[&agent(0)], AgentState::Talking { call: id });
    switch.wait(6_000);
    switch.leg(id, leg, LegEvent::HungUp);
    switch.check();
    assert_eq!(talk_and_hold(&switch, id, leg), (20_000, 0), "the time in which nobody looked counts too");
    assert_eq!(switch.states()[&agent(0)], AgentState::WrapUp { call: id });
    assert!(switch.seen[&id].playing.contains_key(&CALLER), "the plan goes on: thanks");
    switch.close();
}

#[test]
fn who_waited_waits_again_after_a_restart_and_in_the_same_order() {
    let mut switch = Switch::new(1);
    let busy = switch.arrive();
    let leg = switch.leg_of(busy, 0).unwrap();
    switch.wait(4_000);
    switch.play_out(busy);
    switch.leg(busy, leg, LegEvent::Answered);
    let ids: Vec<CallId> = (0..3)
        .map(|_| {
            switch.wait(1_000);
            switch.arrive()
        })
        .collect();
    switch.restart(u32::MAX, 3_000);
    switch.check();
    let snapshot = switch.acd.snapshot(switch.now);
    let waiting: Vec<CallId> = snapshot.queues.iter().flat_map(|q| q.waiting.iter().map(|w| w.call)).collect();
    assert_eq!(waiting, ids);
    assert!(snapshot.queues.iter().flat_map(|q| &q.waiting).all(|w| w.waited_ms >= 3_000), "by the original time");
    switch.close();
}

#[test]
fn a_call_whose_agent_is_gone_after_a_restart_goes_on_with_its_plan() {
    let (mut switch, id, _) = talking();
    switch.restart(0b1, 1_000); // only the caller's leg
    switch.check();
    assert!(switch.seen[&id].playing.contains_key(&CALLER), "thanks");
    switch.play_out(id);
    assert_eq!(switch.outcome(id), Some(Outcome::Answered));
    switch.close();
}

#[derive(Debug, Clone)]
enum Step {
    Arrive,
    Direct(u128, Option<u128>, bool),
    Leg(usize, usize, LegEvent),
    PlayOut(usize),
    Wait(u64),
    State(u128, Wanted),
    Phone(u128, bool),
    Command(usize, Asked, u128, u128),
    /// The hub is killed and started again; of the legs that were up these are there again (bits), so much later.
    Restart(u32, u64),
}

#[derive(Debug, Clone, Copy)]
enum Asked {
    Hold,
    Resume,
    Mute,
    ToAgent,
    ToNumber,
    Cancel,
    AskAgent,
    AskNumber,
    Complete,
    CancelConsult,
    Conference,
    HangUp,
    Release,
}

fn event() -> impl Strategy<Value = LegEvent> {
    prop_oneof![
        2 => Just(LegEvent::Ringing),
        6 => Just(LegEvent::Answered),
        1 => prop_oneof![Just(486_u16), Just(480), Just(408), Just(503), Just(487)].prop_map(|status| LegEvent::Failed { status }),
        2 => Just(LegEvent::HungUp),
        1 => Just(LegEvent::HoldRequested),
        1 => Just(LegEvent::ResumeRequested),
        1 => Just(LegEvent::MediaChanged),
        1 => prop_oneof![Just('9'), Just('1')].prop_map(|key| LegEvent::Digit(Digit::try_from(key).unwrap())),
    ]
}

fn asked() -> impl Strategy<Value = Asked> {
    prop_oneof![
        2 => Just(Asked::Hold), 2 => Just(Asked::Resume), 1 => Just(Asked::Mute), 3 => Just(Asked::ToAgent),
        3 => Just(Asked::ToNumber), 1 => Just(Asked::Cancel), 4 => Just(Asked::AskAgent), 4 => Just(Asked::AskNumber),
        3 => Just(Asked::Complete), 2 => Just(Asked::CancelConsult), 4 => Just(Asked::Conference), 1 => Just(Asked::HangUp), 1 => Just(Asked::Release),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    let (c, a) = (0_usize..4, 0_u128..4);
    let wanted = prop_oneof![
        4 => Just(Wanted::Ready),
        1 => Just(Wanted::NotReady { reason: "x".to_owned() }),
        1 => Just(Wanted::Offline)
    ];
    prop_oneof![
        3 => Just(Step::Arrive),
        1 => (a.clone(), prop::option::of(0_u128..4), any::<bool>()).prop_map(|(a, b, desk)| Step::Direct(a, b, desk)),
        12 => (c.clone(), 0_usize..5, event()).prop_map(|(c, leg, event)| Step::Leg(c, leg, event)),
        4 => c.clone().prop_map(Step::PlayOut),
        4 => (0_u64..25_000).prop_map(Step::Wait),
        3 => (a.clone(), wanted).prop_map(|(a, wanted)| Step::State(a, wanted)),
        1 => (a.clone(), any::<bool>()).prop_map(|(a, reachable)| Step::Phone(a, reachable)),
        6 => (c, asked(), a.clone(), a).prop_map(|(c, asked, by, to)| Step::Command(c, asked, by, to)),
        1 => (prop_oneof![2 => Just(u32::MAX), 1 => any::<u32>()], 0_u64..100_000).prop_map(|(legs, ms)| Step::Restart(legs, ms)),
    ]
}

impl Switch {
    /// Everything in memory is gone; what was kept is taken up. Of the legs that were up those in `legs` are there again.
    fn restart(&mut self, legs: u32, down_ms: u64) {
        let before = std::mem::take(&mut self.calls);
        let agents: Vec<(PersonId, AgentState, Millis)> =
            self.acd.agents().map(|(agent, state)| (agent, state.clone(), self.now.mono)).collect();
        let facts = self.acd.facts().cloned().collect();
        self.now = self.now.after(Millis(down_ms));
        self.messages.clear();
        self.acd = Acd::new(settings_of(&plans()));
        self.acd.recall(facts, Vec::new(), agents, self.now);
        let mut taken = Vec::new();
        for (id, call) in before {
            let seen = self.seen.get_mut(&id).unwrap();
            (seen.bridge, seen.mix) = (None, None);
            seen.playing.clear();
            let up = |leg: &LegId, wire: &Wire| *wire == Wire::Up && legs & 1 << (leg.0 % 32) != 0;
            let there: BTreeSet<LegId> =
                seen.wire.iter().filter(|(leg, wire)| up(leg, wire)).map(|(leg, _)| *leg).collect();
            // Whoever was being rung or rang us finds nobody any more; whoever is not there is gone.
            for (leg, wire) in &mut seen.wire {
                if !there.contains(leg) {
                    *wire = Wire::Gone;
                }
            }
            let kept = call.gist().map(|_| serde_json::to_string(&call.keep()).unwrap());
            let again =
                kept.and_then(|kept| Call::take_up(serde_json::from_str(&kept).unwrap(), &plans(), &there, self.now));
            match again {
                Some((call, effects)) => {
                    self.calls.insert(id, call);
                    taken.push((id, effects));
                }
                None => {
                    // The hub hangs the legs up and closes the record.
                    self.seen.remove(&id);
                }
            }
        }
        for (id, effects) in taken {
            self.perform(id, effects);
            self.drain();
        }
        // The phones are back.
        for n in 0..4 {
            let queues = vec!["city_hotline".into(), if n % 2 == 0 { "emergency" } else { "jinshui" }.into()];
            if self.states().contains_key(&agent(n)) {
                self.queue(queue::Input::Serves { agent: agent(n), queues });
                self.queue(queue::Input::Phone { agent: agent(n), reachable: true });
            }
        }
    }

    fn nth(&self, n: usize) -> Option<CallId> {
        self.calls.keys().nth(n).copied()
    }

    /// The agent in whose name a command is asked: the one who talks, where there is one.
    fn asker(&self, id: CallId, by: u128) -> PersonId {
        let peer = self.calls[&id].peer.and_then(|peer| self.calls[&id].legs[&peer].agent());
        peer.or(self.calls[&id].legs[&CALLER].agent()).unwrap_or(agent(by))
    }

    fn play(&mut self, step: Step) {
        match step {
            Step::Arrive => {
                self.arrive();
            }
            Step::Direct(from, to, desk) => self.play_direct(from, to, desk),
            Step::Leg(n, leg, event) => {
                let Some(id) = self.nth(n) else { return };
                // The newest legs are where things happen.
                let newest = self.seen[&id].wire.keys().rev().nth(leg).copied();
                self.leg(id, newest.unwrap_or(CALLER), event);
            }
            Step::PlayOut(n) => {
                if let Some(id) = self.nth(n) {
                    self.play_out(id);
                }
            }
            Step::Wait(ms) => self.wait(ms),
            Step::State(n, wanted) => self.wants(n, wanted),
            Step::Phone(n, reachable) => self.queue(queue::Input::Phone { agent: agent(n), reachable }),
            Step::Command(n, asked, by, to) => self.play_command(n, asked, by, to),
            Step::Restart(legs, ms) => self.restart(legs, ms),
        }
    }

    fn play_direct(&mut self, from: u128, to: Option<u128>, desk: bool) {
        // The desk and the registrar let an agent begin a call only while he is in none.
        let busy = self.states()[&agent(from)].call().is_some();
        if busy || to == Some(from) {
            return;
        }
        let role = Role::Agent { agent: agent(from) };
        let origin = if desk { Origin::Desk(agent(from)) } else { Origin::Incoming(role) };
        let to = to.map_or(Party::Number("91".to_owned()), |n| Party::Agent(agent(n)));
        self.direct(origin, to);
    }

    fn play_command(&mut self, n: usize, asked: Asked, by: u128, to: u128) {
        let Some(id) = self.nth(n) else { return };
        let by = self.asker(id, by);
        let command = match asked {
            Asked::Hold => Command::Hold { by },
            Asked::Resume => Command::Resume { by },
            Asked::Mute => Command::Mute { by, on: true },
            Asked::ToAgent => Command::Transfer { by, to: Party::Agent(agent(to)) },
            Asked::ToNumber => Command::Transfer { by, to: Party::Number("92".to_owned()) },
            Asked::Cancel => Command::CancelTransfer { by },
            Asked::AskAgent => Command::Consult { by, to: Party::Agent(agent(to)) },
            Asked::AskNumber => Command::Consult { by, to: Party::Number("93".to_owned()) },
            Asked::Complete => Command::Complete { by },
            Asked::CancelConsult => Command::CancelConsult { by },
            Asked::Conference => Command::Conference { by },
            Asked::HangUp => Command::HangUp { by },
            Asked::Release => Command::Release,
        };
        let _ = self.command(id, command);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn whatever_happens_every_call_ends_once_and_nobody_is_left_over(steps in prop::collection::vec(step(), 0..120)) {
        let mut switch = Switch::new(4);
        for step in steps {
            switch.play(step);
            switch.check();
        }
        switch.close();
    }
}
