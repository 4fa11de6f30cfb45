//! One call (通话) as a pure machine: a B2BUA of two parties whose media always flow through the hub.
//!
//! It owns its legs, runs the caller's plan, and speaks to the queue in the queue's own inputs. Abstract from SIP: the
//! edge turns messages into [`LegEvent`]s and performs [`LegCommand`]s; media and recorder perform [`MediaCommand`]s.
//!
//! # Contract
//! - Perform the effects of one answer in order, then feed what follows from them. What the queue answers to an
//!   [`Effect::Queue`] is fed after the whole answer was performed.
//! - [`Effect::Ended`] is the last effect ever: forget the call then.
//! - Ask [`Call::poll_timeout`] after each answer; feed [`Input::Timer`] when that moment is reached.
//!
//! # What holds
//! Exactly one [`CallEvent::Ended`]; every leg is hung up, rejected or cancelled by then; a caller who is up and not
//! talking hears something; an agent who answers is either connected or told off. Property tests keep these.
//!
//! Must not know: SIP syntax, RTP, which agent is chosen, what a case is.

mod consult;
mod kept;
mod leg;
mod plan;
mod talk;
#[cfg(test)]
mod tests;
mod words;

use std::collections::{BTreeMap, BTreeSet};

use liandong_dialplans::{CallStart, Cause, Input as PlanInput, Millis, Now, QueueName, Runner};
use serde::{Deserialize, Serialize};

pub use consult::{RINGBACK, ThirdParty};
pub use kept::{Gist, KeptCall};
pub use leg::{LegCommand, LegEvent, LegId, LegState, Party, Role};
pub use words::{CallEvent, Command, Effect, EndedBy, Input, MediaCommand, Origin, Outcome, Refusal};

use crate::calls::queue;
use crate::ids::{CallId, PersonId};
use consult::Consult;
use leg::Leg;
use talk::Transfer;

/// The caller's leg.
pub const CALLER: LegId = LegId(0);

/// A final answer to a cancelled INVITE is awaited so long: 64·T1 (RFC 3261 §9.1).
pub const CANCEL_WAIT: Millis = Millis(32_000);

/// A direct call or a transfer rings so long.
pub const DIRECT_RING: Millis = Millis(30_000);

/// Legs that one call may have in its life: transfers and unanswered rings go round no longer than this.
pub const LEGS_MAX: u32 = 500;

/// The prompt that a party on hold or awaiting a transfer hears.
pub const HOLD_MUSIC: &str = "music";

/// One call.
#[derive(Debug, Serialize, Deserialize)]
pub struct Call {
    id: CallId,
    #[serde(skip)] // beside it, in `KeptCall`
    plan: Option<Runner>,
    /// What the plan must still be told, in order. Empty between two answers.
    #[serde(skip)]
    for_plan: Vec<PlanInput>,
    legs: BTreeMap<LegId, Leg>,
    phase: Phase,
    /// The agent's leg that the queue has rung, until it is connected or gone.
    offered: Option<LegId>,
    /// The leg that the plan (or a direct call) dialled, until it is connected or gone.
    dialled: Option<LegId>,
    /// Whom a direct call leads to, until it is dialled.
    direct_to: Option<Party>,
    /// The side that stays: the caller, until an agent who began the call passes it on.
    anchor: LegId,
    /// The other party of the talk.
    peer: Option<LegId>,
    /// Those who hold the other party.
    holders: BTreeSet<LegId>,
    /// Those who are not to be heard.
    muted: BTreeSet<LegId>,
    transfer: Option<Transfer>,
    consult: Option<Consult>,
    /// The third of three who talk together.
    third: Option<LegId>,
    /// How long the one who stays has been in talk.
    talked: Millis,
    in_queue: bool,
    /// The queue of the last wait: its after-call work applies to whom the call is transferred.
    last_queue: Option<QueueName>,
    started: Millis,
    /// A person was asked for.
    asked: bool,
    /// A person was connected.
    served: bool,
    recording: bool,
    /// A direct call is recorded from its connection on.
    record_direct: bool,
    own_plays: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
enum Phase {
    Live,
    /// Over; cancelled legs are awaited until then.
    Ending(Millis),
    Ended,
}

/// One answer in the making.
struct Turn {
    now: Now,
    effects: Vec<Effect>,
}

impl Turn {
    fn leg(&mut self, leg: LegId, command: LegCommand) {
        self.effects.push(Effect::Leg(leg, command));
    }

    fn media(&mut self, command: MediaCommand) {
        self.effects.push(Effect::Media(command));
    }

    fn queue(&mut self, input: queue::Input) {
        self.effects.push(Effect::Queue(input));
    }

    fn log(&mut self, event: CallEvent) {
        self.effects.push(Effect::Log(event));
    }
}

impl Call {
    /// A call from a trunk that runs a plan; its INVITE is not answered yet.
    pub fn inbound(id: CallId, plan: Runner, start: CallStart, now: Now) -> (Self, Vec<Effect>) {
        let caller = Leg::new(Role::Caller, LegState::Incoming, None, now.mono);
        let version = plan.version();
        let mut call = Self::new(id, Some(plan), caller, now);
        let mut turn = Turn { now, effects: Vec::new() };
        turn.log(CallEvent::Offered { plan_version: Some(version) });
        call.tell_plan(PlanInput::Start(start), &mut turn);
        (call, turn.effects)
    }

    /// A call between two parties without a plan. `record`: from the connection on.
    pub fn direct(id: CallId, origin: Origin, to: Party, record: bool, now: Now) -> (Self, Vec<Effect>) {
        let mut turn = Turn { now, effects: Vec::new() };
        turn.log(CallEvent::Offered { plan_version: None });
        let (role, state, until) = match origin {
            Origin::Incoming(role) => (role, LegState::Incoming, None),
            Origin::Desk(agent) => (Role::Agent { agent }, LegState::Dialling, Some(now.mono + DIRECT_RING)),
        };
        let mut call = Self::new(id, None, Leg::new(role, state, until, now.mono), now);
        call.record_direct = record;
        call.asked = true;
        if let Some(agent) = call.legs[&CALLER].agent() {
            turn.queue(queue::Input::Took { agent, call: id });
            if state == LegState::Dialling {
                turn.leg(CALLER, LegCommand::Invite(Party::Agent(agent)));
            }
        }
        call.direct_to = Some(to);
        if state == LegState::Incoming {
            call.dial_direct(&mut turn);
        }
        (call, turn.effects)
    }

    fn new(id: CallId, plan: Option<Runner>, caller: Leg, now: Now) -> Self {
        Self {
            id,
            plan,
            for_plan: Vec::new(),
            legs: BTreeMap::from([(CALLER, caller)]),
            phase: Phase::Live,
            offered: None,
            dialled: None,
            direct_to: None,
            anchor: CALLER,
            peer: None,
            holders: BTreeSet::new(),
            muted: BTreeSet::new(),
            transfer: None,
            consult: None,
            third: None,
            talked: Millis(0),
            in_queue: false,
            last_queue: None,
            started: now.mono,
            asked: false,
            served: false,
            recording: false,
            record_direct: false,
            own_plays: 0,
        }
    }

    /// Takes what happened.
    pub fn handle(&mut self, input: Input, now: Now) -> Vec<Effect> {
        let mut turn = Turn { now, effects: Vec::new() };
        if self.phase == Phase::Ended {
            return turn.effects;
        }
        match input {
            Input::Leg(leg, event) => self.leg_event(leg, event, &mut turn),
            Input::Timer => self.timer(&mut turn),
            _ if self.phase != Phase::Live => {}
            Input::Queue(notice) => self.tell_plan(PlanInput::Queue(notice), &mut turn),
            Input::RingAgent(agent) => self.ring_agent(agent, &mut turn),
            Input::StopRingAgent(agent) => self.stop_ringing(agent, &mut turn),
            Input::PlayFinished(id) => self.tell_plan(PlanInput::PlayFinished(id), &mut turn),
        }
        self.finish(&mut turn);
        turn.effects
    }

    /// Takes what someone asks; refused, nothing has changed.
    pub fn command(&mut self, command: Command, now: Now) -> Result<Vec<Effect>, Refusal> {
        if self.phase != Phase::Live {
            return Err(Refusal::Ended);
        }
        let mut turn = Turn { now, effects: Vec::new() };
        match command {
            Command::Hold { by } => self.hold_by(by, true, &mut turn)?,
            Command::Resume { by } => self.hold_by(by, false, &mut turn)?,
            Command::Mute { by, on } => {
                let leg = self.talking_leg(by)?;
                if on {
                    self.muted.insert(leg)
                } else {
                    self.muted.remove(&leg)
                };
                turn.media(MediaCommand::Mute(leg, on));
            }
            Command::Transfer { by, to } => self.transfer(by, to, &mut turn)?,
            Command::CancelTransfer { by } => self.cancel_transfer(by, &mut turn)?,
            Command::Consult { by, to } => self.begin_consult(by, to, &mut turn)?,
            Command::Complete { by } => self.complete(by, &mut turn)?,
            Command::CancelConsult { by } => self.cancel_consult(by, &mut turn)?,
            Command::Conference { by } => self.join_all(by, &mut turn)?,
            Command::Digit { by, digit } => {
                let other = self.other(self.talking_leg(by)?).ok_or(Refusal::NotInCall)?;
                turn.media(MediaCommand::Digit(other, digit));
            }
            Command::HangUp { by } => self.agent_hangs_up(by, &mut turn)?,
            Command::Release => self.end(EndedBy::System, Cause::Normal, &mut turn),
        }
        self.finish(&mut turn);
        Ok(turn.effects)
    }

    /// When [`Input::Timer`] is due.
    pub fn poll_timeout(&self) -> Option<Millis> {
        match self.phase {
            Phase::Live => {
                let legs = self.legs.values().filter_map(|leg| leg.until);
                legs.chain(self.plan.as_ref().and_then(Runner::poll_timeout)).min()
            }
            Phase::Ending(until) => Some(until),
            Phase::Ended => None,
        }
    }

    /// Its id.
    pub fn id(&self) -> CallId {
        self.id
    }

    /// The queue in which it waited last.
    pub fn last_queue(&self) -> Option<&QueueName> {
        self.last_queue.as_ref()
    }

    /// Legs with role and state, for screens and records.
    pub fn legs(&self) -> impl Iterator<Item = (LegId, &Role, LegState)> {
        self.legs.iter().map(|(id, leg)| (*id, &leg.role, leg.state))
    }

    /// The side that stays: the caller's, as a rule.
    pub fn anchor(&self) -> LegId {
        self.anchor
    }

    /// The leg that talks with it now.
    pub fn peer(&self) -> Option<LegId> {
        self.peer
    }

    /// Somebody waits with music: on hold, or while another is asked.
    pub fn is_held(&self) -> bool {
        !self.holders.is_empty() || self.consult.is_some()
    }

    /// Who is not to be heard.
    pub fn is_muted(&self) -> bool {
        !self.muted.is_empty()
    }

    /// A person was connected.
    pub fn was_answered(&self) -> bool {
        self.served
    }

    /// True once [`Effect::Ended`] was given.
    pub fn is_ended(&self) -> bool {
        self.phase == Phase::Ended
    }

    fn state(&self, leg: LegId) -> LegState {
        self.legs.get(&leg).map_or(LegState::Gone, |leg| leg.state)
    }

    fn set(&mut self, leg: LegId, state: LegState) {
        if let Some(leg) = self.legs.get_mut(&leg) {
            leg.state = state;
            if !leg.is_invited() {
                leg.until = None;
            }
        }
    }

    fn invite(&mut self, role: Role, to: Party, ring: Millis, turn: &mut Turn) -> Option<LegId> {
        let leg = LegId(u32::try_from(self.legs.len()).ok().filter(|count| *count < LEGS_MAX)?);
        let until = Some(turn.now.mono + ring);
        self.legs.insert(leg, Leg::new(role.clone(), LegState::Dialling, until, turn.now.mono));
        turn.log(CallEvent::Invited { leg, role });
        turn.leg(leg, LegCommand::Invite(to));
        Some(leg)
    }

    /// Ends a leg from our side, whatever its state.
    fn drop_leg(&mut self, leg: LegId, turn: &mut Turn) {
        match self.state(leg) {
            LegState::Incoming => {
                turn.leg(leg, LegCommand::Reject { status: 480 });
                self.leg_over(leg, turn);
            }
            LegState::Dialling | LegState::Ringing => {
                turn.leg(leg, LegCommand::Cancel);
                self.leg_over(leg, turn);
                self.set(leg, LegState::Cancelling); // until its final answer
            }
            LegState::Up => {
                turn.leg(leg, LegCommand::HangUp);
                self.leg_over(leg, turn);
            }
            LegState::Cancelling | LegState::Gone => {}
        }
    }

    /// A leg is over: once per leg.
    fn leg_over(&mut self, id: LegId, turn: &mut Turn) {
        self.book(id, turn.now.mono);
        let Some(leg) = self.legs.get(&id) else { return };
        let was = leg.state;
        let (role, talk_ms, hold_ms) = (leg.role.clone(), leg.talk.0, leg.hold.0);
        self.set(id, LegState::Gone);
        if matches!(was, LegState::Cancelling | LegState::Gone) {
            return; // told before
        }
        turn.log(CallEvent::LegEnded { leg: id, role, talk_ms, hold_ms });
    }

    fn timer(&mut self, turn: &mut Turn) {
        let now = turn.now.mono;
        if let Phase::Ending(until) = self.phase {
            if until <= now {
                // The far side never answered the CANCEL: the edge's transactions are over by now as well.
                let rest: Vec<LegId> = self.legs.keys().copied().collect();
                rest.into_iter().for_each(|leg| self.leg_over(leg, turn));
            }
            return;
        }
        let due = |leg: &Leg| leg.until.is_some_and(|until| until <= now);
        let overdue: Vec<LegId> = self.legs.iter().filter(|(_, leg)| due(leg)).map(|(id, _)| *id).collect();
        for leg in overdue {
            self.ring_ended(leg, turn);
        }
        if self.plan.as_ref().and_then(Runner::poll_timeout).is_some_and(|at| at <= now) {
            self.tell_plan(PlanInput::Timer, turn);
        }
    }

    /// A leg of ours rang to the end of its time.
    fn ring_ended(&mut self, leg: LegId, turn: &mut Turn) {
        if self.phase != Phase::Live {
            return;
        }
        self.drop_leg(leg, turn);
        self.leg_failed(leg, 408, turn);
    }

    fn leg_event(&mut self, leg: LegId, event: LegEvent, turn: &mut Turn) {
        match (self.state(leg), event) {
            (LegState::Gone, _) => {}
            (LegState::Cancelling, event) => self.cancelled(leg, &event, turn),
            (LegState::Dialling, LegEvent::Ringing) => self.rings(leg, turn),
            (LegState::Dialling | LegState::Ringing, LegEvent::Answered) => self.answered(leg, turn),
            (LegState::Dialling | LegState::Ringing, LegEvent::Failed { status }) => {
                self.leg_over(leg, turn);
                self.leg_failed(leg, status, turn);
            }
            (LegState::Dialling | LegState::Ringing, LegEvent::HungUp) => {
                self.leg_over(leg, turn);
                self.leg_failed(leg, 500, turn);
            }
            (LegState::Incoming | LegState::Up, LegEvent::HungUp | LegEvent::Failed { .. }) => {
                self.leg_over(leg, turn);
                self.left(leg, turn);
            }
            (LegState::Up, LegEvent::HoldRequested) => self.hold(leg, true, turn),
            (LegState::Up, LegEvent::ResumeRequested) => self.hold(leg, false, turn),
            (LegState::Up, LegEvent::MediaChanged) => self.renew_bridge(turn),
            (LegState::Up, LegEvent::Digit(digit)) if leg == CALLER && self.plan.is_some() && self.peer.is_none() => {
                self.tell_plan(PlanInput::Digit(digit), turn);
            }
            _ => {}
        }
    }

    /// The final answer to an INVITE that was given up; a 200 that crossed is hung up.
    fn cancelled(&mut self, leg: LegId, event: &LegEvent, turn: &mut Turn) {
        match event {
            LegEvent::Answered => {
                turn.leg(leg, LegCommand::HangUp);
                self.leg_over(leg, turn);
            }
            LegEvent::Failed { .. } | LegEvent::HungUp => self.leg_over(leg, turn),
            _ => {}
        }
    }

    fn rings(&mut self, leg: LegId, turn: &mut Turn) {
        if let Some(leg) = self.legs.get_mut(&leg) {
            leg.state = LegState::Ringing;
        }
        turn.log(CallEvent::Alerting { leg });
        if let Some(agent) = self.queued_agent(leg) {
            turn.queue(queue::Input::Alerting { agent, call: self.id });
        }
        if self.dialled == Some(leg) {
            self.tell_plan(PlanInput::Dial(liandong_dialplans::DialResult::Ringing), turn);
            if self.state(CALLER) == LegState::Incoming {
                turn.leg(CALLER, LegCommand::Ring);
            }
        }
    }

    /// The agent of a leg that the queue has reserved for this call.
    fn queued_agent(&self, leg: LegId) -> Option<PersonId> {
        self.legs.get(&leg).and_then(Leg::agent).filter(|_| leg != CALLER)
    }

    /// Ends the call for everyone. The first end counts.
    fn end(&mut self, by: EndedBy, cause: Cause, turn: &mut Turn) {
        if self.phase != Phase::Live {
            return;
        }
        self.phase = Phase::Ending(turn.now.mono + CANCEL_WAIT);
        self.release_agents(by, turn);
        if std::mem::take(&mut self.recording) {
            turn.media(MediaCommand::Record { on: false });
        }
        let legs: Vec<LegId> = self.legs.keys().copied().collect();
        legs.into_iter().for_each(|leg| self.drop_leg(leg, turn));
        self.peer = None;
        self.holders.clear();
        let (duration_ms, talk_ms) = ((turn.now.mono - self.started).0, self.talked.0);
        turn.log(CallEvent::Ended { outcome: self.outcome(by), by, cause, duration_ms, talk_ms });
    }

    /// The queue's agents are free of this call, whatever they did in it.
    fn release_agents(&mut self, by: EndedBy, turn: &mut Turn) {
        let call = self.id;
        let rung = self.legs.iter().filter(|(id, leg)| leg.is_invited() && self.offered != Some(**id));
        for agent in rung.filter_map(|(id, _)| self.queued_agent(*id)) {
            turn.queue(queue::Input::Release { agent, call });
        }
        if let Some(Party::Agent(agent)) = self.direct_to.take() {
            turn.queue(queue::Input::Release { agent, call }); // reserved, not yet dialled
        }
        if std::mem::take(&mut self.in_queue) {
            let why = if by == EndedBy::Caller { queue::Left::Abandoned } else { queue::Left::Plan };
            turn.queue(queue::Input::Leave { call, why });
        }
        let there = |id: &LegId, leg: &Leg| *id == CALLER || leg.state == LegState::Up;
        let agents: BTreeSet<PersonId> =
            self.legs.iter().filter(|(id, leg)| there(id, leg)).filter_map(|(_, leg)| leg.agent()).collect();
        for agent in agents {
            turn.queue(queue::Input::TalkEnded { agent, call });
        }
        (self.offered, self.dialled, self.transfer) = (None, None, None);
        self.give_up_third();
    }

    fn outcome(&self, by: EndedBy) -> Outcome {
        match (self.served, self.asked, by) {
            (true, _, _) => Outcome::Answered,
            (_, true, EndedBy::Caller) => Outcome::Abandoned,
            (_, true, _) if self.plan.is_none() => Outcome::Failed,
            (_, true, _) => Outcome::Missed,
            (_, false, EndedBy::Caller) => Outcome::LeftEarly,
            (_, false, _) => Outcome::Informed,
        }
    }

    /// The machine is done once every leg is.
    fn finish(&mut self, turn: &mut Turn) {
        let ending = matches!(self.phase, Phase::Ending(_));
        if ending && self.legs.values().all(|leg| leg.state == LegState::Gone) {
            self.phase = Phase::Ended;
            turn.effects.push(Effect::Ended);
        }
    }
}
