//! The floor: all live calls and the queue machine, wired to each other. Pure: what happened and the time in, what is to
//! be done out. The task around it ([`super::run`]) owns the one floor of a hub.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::path::PathBuf;
use std::sync::Arc;

use liandong_dialplans::{AreaName, CallStart, Digit, Millis, Now, PlanSet, PlayId, PromptRef, Repeat, Runner};

use super::facts::{Entry, Facts, Words, call_of};
use super::ports::{AgentProfile, Areas};
use crate::access::Refusal;
use crate::calls::call::{
    self, CALLER, Call, Effect, Input, LegCommand, LegEvent, LegId, LegState, MediaCommand, Origin, Party, Role,
};
use crate::calls::edge::{EdgeEvent, Source, media_leg};
use crate::calls::queue::{self, Acd};
use crate::events::calls::{CallsEvent, Direction};
use crate::events::{ActorRef, Personal, Subject};
use crate::ids::{CallId, CaseId, PersonId, PhoneNumber, Timestamp};
use crate::log::Vault;

/// Calls at a time; more are answered 503. A city's storm (`facts/calls.md` §3) has some thousands waiting.
pub const CALLS_MAX: usize = 20_000;
/// Numbers with fewer digits are mistyped extensions, not numbers whose digit for an outside line was left away.
const OUTSIDE_MIN: usize = 7;
/// Longest number that may be dialled.
const NUMBER_MAX: usize = 24;

/// What is to be done, in order.
#[derive(Debug, Clone, PartialEq)]
pub enum Out {
    /// Of a leg, at the edge.
    Leg(CallId, LegId, LegCommand),
    /// Of the media.
    Media(CallId, MediaWork),
    /// Written down.
    Log(Box<Entry>),
}

/// What is asked of the media engine, about one call.
#[derive(Debug, Clone, PartialEq)]
pub enum MediaWork {
    /// They hear each other.
    Bridge(LegId, LegId),
    /// They do not any more.
    Unbridge(LegId, LegId),
    /// Played to a leg.
    Play {
        /// To whom.
        leg: LegId,
        /// Which play.
        id: PlayId,
        /// What.
        prompts: Vec<PromptRef>,
        /// How often.
        repeat: Repeat,
    },
    /// Nothing played to it.
    StopPlay(LegId),
    /// The recording begins: the caller on the left track, whoever talks with him on the right one.
    RecordStart(PathBuf, Option<LegId>),
    /// Another one talks with the caller.
    RecordTracks(LegId),
    /// The recording ends.
    RecordStop,
    /// A key towards a leg.
    Digit(LegId, Digit),
    /// Silence from a leg, or no longer.
    Mute(LegId, bool),
}

/// What a desk asks of the switch.
#[derive(Debug, Clone, PartialEq)]
pub enum Ask {
    /// Of the queue machine: states, after-call work, a supervisor's changes.
    Queue(queue::Command),
    /// Dial out: the agent's own phone is rung first.
    Dial {
        /// Who.
        agent: PersonId,
        /// The new call's id.
        call: CallId,
        /// Extension or number.
        to: String,
        /// About which case.
        case: Option<CaseId>,
    },
    /// Of a running call.
    Call {
        /// Which.
        call: CallId,
        /// What.
        command: Do,
    },
    /// The agent's newest browser takes his leg over.
    Reattach {
        /// Who.
        agent: PersonId,
    },
}

/// What can be asked of a running call.
#[derive(Debug, Clone, PartialEq)]
pub enum Do {
    /// As it stands.
    Plain(call::Command),
    /// Blind transfer to an extension or number.
    Transfer {
        /// The agent who asks.
        by: PersonId,
        /// Extension or number.
        to: String,
    },
}

/// The answer to an [`Ask`].
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Done {
    /// The call it was about.
    pub call: Option<CallId>,
    /// The leg to be reattached.
    pub reattach: Option<(CallId, LegId)>,
}

/// A live call as screens show it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LiveCall {
    /// Which.
    pub call: CallId,
    /// `queued`, `ringing`, `talking`, `held`.
    pub state: &'static str,
    /// The agent's voice is off.
    pub muted: bool,
}

struct Live {
    call: Call,
    facts: Facts,
    /// What plays to each leg, and whether the engine has begun it.
    plays: BTreeMap<LegId, (PlayId, bool)>,
    due: Option<Millis>,
}

/// All live calls and the queues.
pub struct Floor {
    plans: Arc<PlanSet>,
    areas: Arc<dyn Areas>,
    vault: Vault,
    /// Prefixes of numbers that have a way out.
    prefixes: Vec<String>,
    /// The number that we show.
    shown: String,
    acd: Acd,
    live: BTreeMap<CallId, Live>,
    due: BTreeSet<(Millis, CallId)>,
    agents: BTreeMap<PersonId, AgentProfile>,
    extensions: BTreeMap<String, PersonId>,
    todo: VecDeque<(CallId, Input)>,
    out: Vec<Out>,
    draining: bool,
}

impl Floor {
    /// An empty floor.
    pub fn new(plans: Arc<PlanSet>, areas: Arc<dyn Areas>, vault: Vault, prefixes: Vec<String>, shown: String) -> Self {
        let acd = Acd::new(queue::settings_of(&plans));
        Self {
            plans,
            areas,
            vault,
            prefixes,
            shown,
            acd,
            live: BTreeMap::new(),
            due: BTreeSet::new(),
            agents: BTreeMap::new(),
            extensions: BTreeMap::new(),
            todo: VecDeque::new(),
            out: Vec::new(),
            draining: false,
        }
    }

    /// Takes what the edge says.
    pub fn edge(&mut self, event: EdgeEvent, now: Now) -> Vec<Out> {
        match event {
            EdgeEvent::Incoming { call, caller_leg: _, source, caller, display, called } => {
                self.incoming(call, source, &caller, &display, &called, now);
            }
            EdgeEvent::Leg { call, leg, event } => self.tell(call, Input::Leg(leg, event), now),
            EdgeEvent::Registered { agent, .. } => self.acd(queue::Input::Phone { agent, reachable: true }, now),
            EdgeEvent::Unregistered { agent } => self.acd(queue::Input::Phone { agent, reachable: false }, now),
        }
        self.take()
    }

    /// The agents as they are from now on, and who has a phone.
    pub fn agents(&mut self, members: Vec<AgentProfile>, registered: &dyn Fn(PersonId) -> bool, now: Now) -> Vec<Out> {
        let gone: Vec<PersonId> =
            self.agents.keys().copied().filter(|known| !members.iter().any(|m| m.person == *known)).collect();
        for agent in gone {
            self.acd(queue::Input::Serves { agent, queues: Vec::new() }, now);
            self.agents.remove(&agent);
        }
        self.extensions = members.iter().map(|m| (m.extension.clone(), m.person)).collect();
        for member in members {
            let (agent, queues) = (member.person, member.queues.clone());
            let new = self.agents.insert(agent, member.clone()).is_none_or(|known| known.queues != queues);
            if new {
                self.acd(queue::Input::Serves { agent, queues }, now);
                self.acd(queue::Input::Phone { agent, reachable: registered(agent) }, now);
            }
        }
        self.take()
    }

    /// The engine has begun a play.
    pub fn play_begun(&mut self, call: CallId, leg: LegId, id: PlayId) {
        if let Some(play) = self.live.get_mut(&call).and_then(|live| live.plays.get_mut(&leg))
            && play.0 == id
        {
            play.1 = true;
        }
    }

    /// A play on the engine's leg `number` ended by itself. Of one that was replaced meanwhile nobody is told.
    pub fn play_finished(&mut self, call: CallId, number: u8, now: Now) -> Vec<Out> {
        if let Some(leg) = self.leg_of(call, number)
            && let Some((id, true)) = self.live.get(&call).and_then(|live| live.plays.get(&leg)).copied()
        {
            self.tell(call, Input::PlayFinished(id), now);
        }
        self.take()
    }

    /// A key on the engine's leg `number`.
    pub fn digit(&mut self, call: CallId, number: u8, key: char, now: Now) -> Vec<Out> {
        if let (Some(leg), Ok(digit)) = (self.leg_of(call, number), Digit::try_from(key)) {
            self.tell(call, Input::Leg(leg, LegEvent::Digit(digit)), now);
        }
        self.take()
    }

    /// Something about the media worth a line in the log.
    pub fn media_note(&mut self, call: CallId, event: CallsEvent, now: Now) -> Vec<Out> {
        self.log(Some(call), event, ActorRef::part("system", "媒体"), now);
        self.take()
    }

    /// Time has passed.
    pub fn timer(&mut self, now: Now) -> Vec<Out> {
        let due: Vec<CallId> = self.due.iter().take_while(|(at, _)| *at <= now.mono).map(|(_, call)| *call).collect();
        for call in due {
            self.tell(call, Input::Timer, now);
        }
        if self.acd.poll_timeout().is_some_and(|at| at <= now.mono) {
            self.acd(queue::Input::Timer, now);
        }
        self.take()
    }

    /// When [`Floor::timer`] is due.
    pub fn poll_timeout(&self) -> Option<Millis> {
        self.due.first().map(|(at, _)| *at).into_iter().chain(self.acd.poll_timeout()).min()
    }

    /// Takes what a desk asks; refused, nothing has changed.
    pub fn ask(&mut self, ask: Ask, now: Now) -> (Result<Done, Refusal>, Vec<Out>) {
        let done = match ask {
            Ask::Queue(command) => self.queue_command(command, now).map(|()| Done::default()),
            Ask::Dial { agent, call, to, case } => self.dial(agent, call, &to, case, now),
            Ask::Call { call, command } => self.call_command(call, command, now),
            Ask::Reattach { agent } => self.reattach(agent),
        };
        (done, self.take())
    }

    /// No new calls from now on.
    pub fn drain(&mut self) {
        self.draining = true;
    }

    /// Ends every call.
    pub fn release_all(&mut self, now: Now) -> Vec<Out> {
        let calls: Vec<CallId> = self.live.keys().copied().collect();
        for call in calls {
            let _ = self.plain(call, call::Command::Release, now);
        }
        self.take()
    }

    /// How many calls there are.
    pub fn live_count(&self) -> usize {
        self.live.len()
    }

    /// The queues, agents and figures.
    pub fn snapshot(&self, now: Now) -> queue::Snapshot {
        self.acd.snapshot(now)
    }

    /// The agents.
    pub fn profiles(&self) -> impl Iterator<Item = &AgentProfile> {
        self.agents.values()
    }

    /// A live call as screens show it.
    pub fn live_call(&self, id: CallId) -> Option<LiveCall> {
        let live = self.live.get(&id)?;
        let rings = live.call.legs().any(|(leg, role, state)| {
            leg != CALLER && matches!(role, Role::Agent { .. } | Role::Number) && state == LegState::Ringing
        });
        let state = match live.call.peer() {
            Some(_) if live.call.is_held() => "held",
            Some(_) => "talking",
            None if rings || live.facts.direction != Direction::In => "ringing",
            None => "queued",
        };
        Some(LiveCall { call: id, state, muted: live.facts.muted })
    }

    /// The units that may see a live call.
    pub fn orgs_of(&self, id: CallId) -> Option<Vec<crate::ids::OrgPath>> {
        self.live.get(&id).map(|live| live.facts.orgs.clone())
    }

    // ---- calls that come in

    fn incoming(&mut self, call: CallId, source: Source, caller: &str, display: &str, called: &str, now: Now) {
        let refusal = if self.draining || self.live.len() >= CALLS_MAX {
            Some(503)
        } else {
            match source {
                Source::Trunk(trunk) => self.offered_by_trunk(call, trunk, caller, display, called, now).err(),
                Source::Agent(agent) => self.offered_by_agent(call, agent, called, now).err(),
            }
        };
        if let Some(status) = refusal {
            metrics::counter!("liandong_calls_refused_total", "status" => status.to_string()).increment(1);
            self.out.push(Out::Leg(call, CALLER, LegCommand::Reject { status }));
        }
    }

    fn offered_by_trunk(
        &mut self,
        call: CallId,
        trunk: String,
        caller: &str,
        display: &str,
        called: &str,
        now: Now,
    ) -> Result<(), u16> {
        let plan = self.plans.plan_for_number(called).cloned().ok_or(404u16)?;
        let runner = Runner::new(self.plans.clone(), &plan).ok_or(404u16)?;
        let number = normal(caller);
        let county = number.as_deref().and_then(|n| self.areas.county_of(n));
        let area = county.as_ref().and_then(|county| self.area_of(county));
        let start = CallStart { caller: number.clone(), area: area.clone(), called: called.to_owned() };
        let facts = Facts::new(Direction::In, self.areas.home(), now.mono.0);
        let offered = CallsEvent::Offered {
            direction: Direction::In,
            from: number.as_deref().map(|n| self.personal(n, n)),
            name: (!display.is_empty()).then(|| self.personal(number.as_deref().unwrap_or("anonymous"), display)),
            line: called.to_owned(),
            trunk: Some(trunk),
            area: county.map(|c| c.name),
            agent: None,
            plan_version: Some(runner.version()),
        };
        let (machine, effects) = Call::inbound(call, runner, start, now);
        self.begin(call, machine, facts, offered, ActorRef::part("phone", "来电人"), effects, now);
        Ok(())
    }

    fn offered_by_agent(&mut self, call: CallId, agent: PersonId, called: &str, now: Now) -> Result<(), u16> {
        if self.acd.agents().any(|(id, state)| id == agent && state.call().is_some()) {
            return Err(486);
        }
        let (to, direction) = self.route(agent, called).map_err(|refusal| match refusal.kind {
            crate::access::RefusalKind::Forbidden => 403u16,
            _ => 404,
        })?;
        self.reserve(&to, call, None, now).map_err(|_| 486u16)?;
        let origin = Origin::Incoming(Role::Agent { agent });
        self.direct(call, agent, origin, to, called, direction, None, now);
        Ok(())
    }

    /// The plans' area of a county: by its name, else by the queue of its sub-centre.
    fn area_of(&self, county: &super::ports::County) -> Option<AreaName> {
        let by_name = self.plans.areas().find(|(name, _)| name.as_str() == county.name);
        let by_queue = || self.plans.areas().find(|(_, area)| area.queue.as_str().starts_with(&county.code));
        by_name.or_else(by_queue).map(|(name, _)| name.clone())
    }

    // ---- calls that an agent begins

    fn dial(
        &mut self,
        agent: PersonId,
        call: CallId,
        to: &str,
        case: Option<CaseId>,
        now: Now,
    ) -> Result<Done, Refusal> {
        if self.draining {
            return Err(Refusal::new(
                crate::access::RefusalKind::Unavailable,
                "calls.draining",
                "系统正在停机，暂不能外呼",
            ));
        }
        let state = self.acd.agents().find(|(id, _)| *id == agent).map(|(_, state)| state.clone());
        let state = state.ok_or_else(not_an_agent)?;
        if state.call().is_some() {
            return Err(Refusal::conflict("calls.busy", "您正在通话中，请先结束当前通话再外呼"));
        }
        let (party, direction) = self.route(agent, to)?;
        self.reserve(&party, call, None, now)?;
        self.direct(call, agent, Origin::Desk(agent), party, to, direction, case, now);
        Ok(Done { call: Some(call), ..Done::default() })
    }

    /// Where an extension or number leads to.
    fn route(&self, agent: PersonId, to: &str) -> Result<(Party, Direction), Refusal> {
        let digits = PhoneNumber::parse(to).map_err(|_| bad_number())?;
        let digits = digits.as_str();
        if digits.len() > NUMBER_MAX {
            return Err(bad_number());
        }
        if let Some(other) = self.extensions.get(digits) {
            if *other == agent {
                return Err(Refusal::conflict("calls.self", "不能呼叫自己的分机").field("/to"));
            }
            return Ok((Party::Agent(*other), Direction::Internal));
        }
        if !self.agents.get(&agent).is_some_and(|a| a.may_dial) {
            return Err(
                Refusal::forbidden("access.denied", "当前岗位没有「外呼」的权限").who_may("持有「外呼」权限的岗位")
            );
        }
        let outward = |number: &str| self.prefixes.iter().any(|p| number.starts_with(p.as_str()));
        // Who leaves the digit for an outside line away means the number all the same.
        let whole = digits.len() >= OUTSIDE_MIN;
        let with_digit = self.prefixes.iter().filter(|p| whole && !p.is_empty()).map(|p| format!("{p}{digits}"));
        let number = Some(digits.to_owned()).filter(|n| outward(n)).or_else(|| with_digit.into_iter().next());
        let number = number.ok_or_else(|| {
            Refusal::invalid("calls.no_way_out", "没有可拨出该号码的中继，请检查号码或请管理员配置 [trunks]")
                .field("/to")
        })?;
        Ok((Party::Number(number), Direction::Out))
    }

    /// An agent who is called directly is reserved, so that the queue does not ring him meanwhile.
    fn reserve(
        &mut self,
        to: &Party,
        call: CallId,
        queue: Option<liandong_dialplans::QueueName>,
        now: Now,
    ) -> Result<(), Refusal> {
        match to {
            Party::Agent(agent) => self.queue_command(queue::Command::Reserve { agent: *agent, call, queue }, now),
            Party::Number(_) => Ok(()),
        }
    }

    #[allow(clippy::too_many_arguments)] // what a direct call consists of; used in two places
    fn direct(
        &mut self,
        call: CallId,
        agent: PersonId,
        origin: Origin,
        to: Party,
        dialled: &str,
        direction: Direction,
        case: Option<CaseId>,
        now: Now,
    ) {
        let (home, extension) = self
            .agents
            .get(&agent)
            .map_or_else(|| (self.areas.home(), String::new()), |a| (a.unit_path.clone(), a.extension.clone()));
        let mut facts = Facts::new(direction, home, now.mono.0);
        facts.cases.extend(case);
        let number = normal(dialled).unwrap_or_else(|| dialled.to_owned());
        let name = match &to {
            Party::Agent(other) => self.agents.get(other).map(|a| self.personal(&number, &a.name)),
            Party::Number(_) => None,
        };
        let offered = CallsEvent::Offered {
            direction,
            from: Some(self.personal(&number, &number)),
            name,
            line: if direction == Direction::Out { self.shown.clone() } else { extension },
            trunk: None,
            area: None,
            agent: Some(agent),
            plan_version: None,
        };
        let record = direction == Direction::Out;
        let (machine, effects) = Call::direct(call, origin, to, record, now);
        let actor = self.words(|w| w.agent_ref(agent));
        self.begin(call, machine, facts, offered, actor.clone(), effects, now);
        if let Some(case_id) = case {
            self.log(Some(call), CallsEvent::Linked { case_id, public_no: None }, actor, now);
        }
    }

    #[allow(clippy::too_many_arguments)] // a new call and its first steps
    fn begin(
        &mut self,
        id: CallId,
        call: Call,
        facts: Facts,
        offered: CallsEvent,
        actor: ActorRef,
        effects: Vec<Effect>,
        now: Now,
    ) {
        metrics::counter!("liandong_calls_total", "direction" => direction_word(facts.direction)).increment(1);
        self.live.insert(id, Live { call, facts, plays: BTreeMap::new(), due: None });
        self.log(Some(id), offered, actor, now);
        self.perform(id, effects, now);
        self.work(now);
    }

    // ---- what desks ask

    fn queue_command(&mut self, command: queue::Command, now: Now) -> Result<(), Refusal> {
        let effects = self.acd.command(command, now).map_err(queue_refusal)?;
        self.queue_effects(effects, now);
        self.work(now);
        Ok(())
    }

    fn call_command(&mut self, call: CallId, command: Do, now: Now) -> Result<Done, Refusal> {
        match command {
            Do::Plain(command) => self.plain(call, command, now)?,
            Do::Transfer { by, to } => self.transfer(call, by, &to, now)?,
        }
        Ok(Done { call: Some(call), ..Done::default() })
    }

    fn plain(&mut self, id: CallId, command: call::Command, now: Now) -> Result<(), Refusal> {
        let live = self.live.get_mut(&id).ok_or_else(gone)?;
        let muted = match &command {
            call::Command::Mute { on, .. } => Some(*on),
            _ => None,
        };
        let effects = live.call.command(command, now).map_err(call_refusal)?;
        if let Some(on) = muted {
            live.facts.muted = on;
        }
        self.perform(id, effects, now);
        self.work(now);
        Ok(())
    }

    fn transfer(&mut self, id: CallId, by: PersonId, to: &str, now: Now) -> Result<(), Refusal> {
        let queue = self.live.get(&id).ok_or_else(gone)?.call.last_queue().cloned();
        let (party, _) = self.route(by, to)?;
        self.reserve(&party, id, queue, now)?;
        let done = self.plain(id, call::Command::Transfer { by, to: party.clone() }, now);
        if let (Err(_), Party::Agent(agent)) = (&done, party) {
            self.acd(queue::Input::Release { agent, call: id }, now);
        }
        done
    }

    fn reattach(&self, agent: PersonId) -> Result<Done, Refusal> {
        let his = |role: &Role| matches!(role, Role::Agent { agent: a } if *a == agent);
        let found = self.live.iter().find_map(|(id, live)| {
            live.call.legs().find(|(_, role, state)| his(role) && *state == LegState::Up).map(|(leg, ..)| (*id, leg))
        });
        let leg = found.ok_or_else(|| Refusal::conflict("calls.nothing_to_reattach", "您当前没有进行中的通话"))?;
        Ok(Done { call: Some(leg.0), reattach: Some(leg) })
    }

    // ---- the machines

    fn tell(&mut self, call: CallId, input: Input, now: Now) {
        self.todo.push_back((call, input));
        self.work(now);
    }

    fn acd(&mut self, input: queue::Input, now: Now) {
        let effects = self.acd.handle(input, now);
        self.queue_effects(effects, now);
        self.work(now);
    }

    /// Feeds the calls what is waiting for them until nothing is.
    fn work(&mut self, now: Now) {
        while let Some((id, input)) = self.todo.pop_front() {
            let Some(live) = self.live.get_mut(&id) else { continue };
            let effects = live.call.handle(input, now);
            self.perform(id, effects, now);
        }
    }

    /// Performs one answer of a call. What the queue says to it is fed after the whole answer; what the queue tells the
    /// log stands there at once, in its true place.
    fn perform(&mut self, id: CallId, effects: Vec<Effect>, now: Now) {
        let mut said = Vec::new();
        for effect in effects {
            match effect {
                Effect::Leg(leg, command) => self.out.push(Out::Leg(id, leg, command)),
                Effect::Media(command) => self.media(id, command),
                Effect::Queue(input) => {
                    for effect in self.acd.handle(input, now) {
                        match effect {
                            queue::Effect::Event(event) => self.log_queue(event, now),
                            effect => said.push(effect),
                        }
                    }
                }
                Effect::Log(event) => self.log_call(id, event, now),
                Effect::Ended => self.forget(id),
            }
        }
        self.queue_effects(said, now);
        self.schedule(id);
    }

    fn queue_effects(&mut self, effects: Vec<queue::Effect>, now: Now) {
        for effect in effects {
            match effect {
                queue::Effect::Ring { agent, call } => self.todo.push_back((call, Input::RingAgent(agent))),
                queue::Effect::StopRinging { agent, call } => self.todo.push_back((call, Input::StopRingAgent(agent))),
                queue::Effect::Notice { call, notice } => self.todo.push_back((call, Input::Queue(notice))),
                queue::Effect::Event(event) => self.log_queue(event, now),
            }
        }
    }

    fn schedule(&mut self, id: CallId) {
        let Some(live) = self.live.get_mut(&id) else { return };
        let due = live.call.poll_timeout();
        if live.due != due {
            if let Some(old) = live.due {
                self.due.remove(&(old, id));
            }
            if let Some(new) = due {
                self.due.insert((new, id));
            }
            live.due = due;
        }
    }

    fn forget(&mut self, id: CallId) {
        if let Some(due) = self.live.remove(&id).and_then(|live| live.due) {
            self.due.remove(&(due, id));
        }
    }

    fn media(&mut self, id: CallId, command: MediaCommand) {
        let Some(live) = self.live.get_mut(&id) else { return };
        let out = &mut self.out;
        let mut ask = |work| out.push(Out::Media(id, work));
        match command {
            MediaCommand::Bridge(a, b) => {
                live.plays.remove(&a);
                live.plays.remove(&b);
                ask(MediaWork::Bridge(a, b));
                if live.facts.recording.is_some() {
                    ask(MediaWork::RecordTracks(b));
                }
            }
            MediaCommand::Unbridge(a, b) => ask(MediaWork::Unbridge(a, b)),
            MediaCommand::Play { leg, id, prompts, repeat } => {
                live.plays.insert(leg, (id, false));
                ask(MediaWork::Play { leg, id, prompts, repeat });
            }
            MediaCommand::StopPlay(leg) => {
                live.plays.remove(&leg);
                ask(MediaWork::StopPlay(leg));
            }
            MediaCommand::Record { on: true } => {
                let path = recording_path(id);
                live.facts.recording = Some(path.clone());
                ask(MediaWork::RecordStart(path, live.call.peer()));
            }
            MediaCommand::Record { on: false } => ask(MediaWork::RecordStop),
            MediaCommand::Digit(leg, digit) => ask(MediaWork::Digit(leg, digit)),
            MediaCommand::Mute(leg, on) => ask(MediaWork::Mute(leg, on)),
        }
    }

    /// The call's leg behind an engine's number: the newest that is not gone.
    fn leg_of(&self, call: CallId, number: u8) -> Option<LegId> {
        let live = self.live.get(&call)?;
        let his = |leg: LegId| media_leg(call, leg).leg.0 == number;
        live.call.legs().filter(|(leg, _, state)| his(*leg) && *state != LegState::Gone).map(|(leg, ..)| leg).max()
    }

    // ---- the log

    fn log_call(&mut self, id: CallId, event: call::CallEvent, now: Now) {
        if let call::CallEvent::Ended { outcome, .. } = &event {
            let outcome = format!("{outcome:?}").to_lowercase();
            metrics::counter!("liandong_calls_ended_total", "outcome" => outcome).increment(1);
        }
        let Some(live) = self.live.get(&id) else { return };
        let mut facts = live.facts.clone();
        let roles: BTreeMap<LegId, Role> = live.call.legs().map(|(leg, role, _)| (leg, role.clone())).collect();
        let role_of = |leg: LegId| roles.get(&leg).cloned().unwrap_or(Role::Number);
        let events = self.words(|w| w.call_event(event, &mut facts, &role_of, now.mono.0));
        if let Some(live) = self.live.get_mut(&id) {
            live.facts = facts;
        }
        for (event, actor) in events {
            self.log(Some(id), event, actor, now);
        }
    }

    fn log_queue(&mut self, event: queue::QueueEvent, now: Now) {
        let call = call_of(&event);
        let mut facts = call.and_then(|id| self.live.get(&id)).map(|live| live.facts.clone());
        let (event, actor) = self.words(|w| w.queue_event(event, facts.as_mut(), now.mono.0));
        if let (Some(live), Some(facts)) = (call.and_then(|id| self.live.get_mut(&id)), facts) {
            live.facts = facts;
        }
        self.log(call, event, actor, now);
    }

    fn log(&mut self, call: Option<CallId>, event: CallsEvent, actor: ActorRef, now: Now) {
        let (subject, orgs) = match (call, &event) {
            (Some(id), _) => (Subject::from(id), self.orgs_of(id).unwrap_or_default()),
            (None, CallsEvent::AgentState { agent, .. }) => {
                let unit = self.agents.get(agent).map_or_else(|| self.areas.home(), |a| a.unit_path.clone());
                (Subject::new("agent", agent), vec![unit])
            }
            (None, _) => (Subject::new("queue", "hub"), vec![self.areas.home()]),
        };
        let at = Timestamp(now.wall.as_millisecond());
        self.out.push(Out::Log(Box::new(Entry { at, subject, call, orgs, actor, event })));
    }

    fn words<T>(&self, say: impl FnOnce(&Words<'_>) -> T) -> T {
        let agent = |id: PersonId| self.agents.get(&id);
        say(&Words { plans: &self.plans, areas: &*self.areas, agent: &agent })
    }

    fn personal(&self, number: &str, text: &str) -> Personal {
        Personal::new(self.vault.phone_owner(number), text)
    }

    fn take(&mut self) -> Vec<Out> {
        std::mem::take(&mut self.out)
    }
}

/// A number in the form that we keep; the digits as they came where they are none of ours; `None` if withheld.
fn normal(number: &str) -> Option<String> {
    if number.is_empty() || number.eq_ignore_ascii_case("anonymous") {
        return None;
    }
    Some(PhoneNumber::parse(number).map_or_else(|_| number.to_owned(), |n| n.as_str().to_owned()))
}

/// Below the data folder: `recordings/YYYY/MM/DD/ID.wav`, by the day on which the call began (its id holds the time).
pub(in crate::calls) fn recording_path(call: CallId) -> PathBuf {
    let seconds = call.0.get_timestamp().map_or(0, |t| i64::try_from(t.to_unix().0).unwrap_or(0));
    let day = Timestamp(seconds.saturating_mul(1_000)).civil();
    PathBuf::from(format!("recordings/{:04}/{:02}/{:02}/{call}.wav", day.year(), day.month(), day.day()))
}

fn direction_word(direction: Direction) -> &'static str {
    match direction {
        Direction::In => "in",
        Direction::Out => "out",
        Direction::Internal => "internal",
    }
}

fn gone() -> Refusal {
    Refusal::conflict("calls.ended", "该通话已结束")
}

fn not_an_agent() -> Refusal {
    Refusal::conflict("calls.not_an_agent", "当前人员不是坐席：请由管理员分配坐席岗位和分机")
}

fn bad_number() -> Refusal {
    Refusal::invalid("calls.bad_number", "请填写分机号或电话号码").field("/to")
}

/// The queue machine's refusals in the words of the hub.
fn queue_refusal(refusal: queue::Refusal) -> Refusal {
    use queue::Refusal as R;
    match refusal {
        R::NotAnAgent => not_an_agent(),
        R::NotInWrapUp => Refusal::conflict("calls.not_in_wrap_up", "当前不在话后整理中"),
        R::TooLong => Refusal::invalid("calls.wrap_up_too_long", "每次最多延长十分钟").field("/minutes"),
        R::NotWaiting => Refusal::conflict("calls.not_waiting", "该来电已不在排队"),
        R::NoReason => Refusal::invalid("calls.no_reason", "请说明调整排队次序的理由").field("/reason"),
        R::NotReady => Refusal::conflict("calls.agent_not_ready", "对方坐席当前不空闲，请选择空闲的坐席"),
        R::NoPhone => Refusal::conflict("calls.no_phone", "话机未注册：请先登录话机或软电话，再示闲"),
    }
}

/// A call's refusals in the words of the hub.
fn call_refusal(refusal: call::Refusal) -> Refusal {
    use call::Refusal as R;
    match refusal {
        R::NotInCall => Refusal::forbidden("calls.not_in_call", "您不在该通话中").who_may("正在通话的坐席"),
        R::Transferring => Refusal::conflict("calls.transferring", "正在转接：请取消或等待转接结束"),
        R::NoTransfer => Refusal::conflict("calls.no_transfer", "没有可取消的转接"),
        R::Already => Refusal::conflict("calls.already", "通话已处于该状态"),
        R::TooManyLegs => Refusal::conflict("calls.too_many_legs", "该通话转接次数过多"),
        R::Ended => gone(),
    }
}
