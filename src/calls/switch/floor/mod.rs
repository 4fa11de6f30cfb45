//! The floor: all live calls and the queue machine, wired to each other. Pure: what happened and the time in, what is to
//! be done out. The task around it ([`super::run`]) owns the one floor of a hub.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::path::PathBuf;
use std::sync::Arc;

use liandong_dialplans::{Digit, Millis, Now, PlanSet, PlayId, PromptRef, Repeat};

mod arrivals;
mod asks;
mod refusals;
mod taken_up;

use super::facts::{Entry, Facts, Words, call_of};
use super::ports::{AgentProfile, Areas};
use crate::access::Refusal;
use crate::calls::call::{
    self, CALLER, Call, Effect, Gist, Input, LegCommand, LegEvent, LegId, LegState, MediaCommand, Role, ThirdParty,
};
use crate::calls::edge::{EdgeEvent, media_leg};
use crate::calls::queue::{self, Acd};
use crate::events::calls::{CallsEvent, Direction};
use crate::events::{ActorRef, Personal, Subject};
use crate::ids::{CallId, CaseId, PersonId, Timestamp};
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
    /// Kept as it is, so that it can be taken up after a kill; `None`: it is over.
    Keep(CallId, Option<String>),
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
    /// Each of them hears all others.
    Conference(Vec<LegId>),
    /// The recording begins: left track, right track.
    RecordStart(PathBuf, LegId, Vec<LegId>),
    /// It goes on in its file after a restart, so many milliseconds after its beginning.
    RecordResume(PathBuf, u64, LegId, Vec<LegId>),
    /// Others are on the tracks.
    RecordTracks(LegId, Vec<LegId>),
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
    /// Blind transfer.
    Transfer {
        /// The agent who asks.
        by: PersonId,
        /// Extension, number, or a queue for the one of its agents who has been free longest.
        to: String,
    },
    /// Ask a third party while the other waits.
    Consult {
        /// The agent who asks.
        by: PersonId,
        /// As for a transfer.
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
    /// A third party.
    pub third: Option<Third>,
}

/// A third party in a call, as screens show it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Third {
    /// `ringing`, `talking` with the agent while the other side waits, `together`.
    pub state: &'static str,
    /// The agent's name, where it is one.
    pub name: Option<String>,
}

struct Live {
    call: Call,
    facts: Facts,
    /// What plays to each leg, and whether the engine has begun it.
    plays: BTreeMap<LegId, (PlayId, bool)>,
    due: Option<Millis>,
    /// What of it lies on the disk.
    kept: Option<Gist>,
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
    /// Calls that may have changed so that it is to be written.
    changed: BTreeSet<CallId>,
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
            changed: BTreeSet::new(),
            draining: false,
        }
    }

    /// What the queues knew before the hub was started.
    pub fn recall(&mut self, past: crate::calls::Past, now: Now) {
        let agents = past.agents.into_iter();
        let agents = agents.map(|(agent, state, since)| (agent, state, Millis(u64::try_from(since.0).unwrap_or(0))));
        self.acd.recall(past.facts, past.talks, agents.collect(), now);
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
        Some(LiveCall { call: id, state, muted: live.call.is_muted(), third: self.third(&live.call) })
    }

    fn third(&self, call: &Call) -> Option<Third> {
        let (leg, how) = call.third_party()?;
        let role = call.legs().find(|(id, ..)| *id == leg).map(|(_, role, _)| role.clone());
        let name = match role {
            Some(Role::Agent { agent }) => self.agents.get(&agent).map(|profile| profile.name.clone()),
            _ => None,
        };
        let state = match how {
            ThirdParty::Ringing => "ringing",
            ThirdParty::Asked => "talking",
            ThirdParty::Together => "together",
        };
        Some(Third { state, name })
    }

    /// The units that may see a live call.
    pub fn orgs_of(&self, id: CallId) -> Option<Vec<crate::ids::OrgPath>> {
        self.live.get(&id).map(|live| live.facts.orgs.clone())
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
                Effect::Media(command) => self.media(id, command, now),
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
        self.changed.insert(id);
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
        let Some(live) = self.live.remove(&id) else { return };
        if let Some(due) = live.due {
            self.due.remove(&(due, id));
        }
        if live.kept.is_some() {
            self.out.push(Out::Keep(id, None));
        }
    }

    fn media(&mut self, id: CallId, command: MediaCommand, now: Now) {
        let Some(live) = self.live.get_mut(&id) else { return };
        let out = &mut self.out;
        let mut ask = |work| out.push(Out::Media(id, work));
        match command {
            MediaCommand::Bridge(a, b) => {
                live.plays.remove(&a);
                live.plays.remove(&b);
                ask(MediaWork::Bridge(a, b));
            }
            MediaCommand::Conference(legs) => {
                for leg in &legs {
                    live.plays.remove(leg);
                }
                ask(MediaWork::Conference(legs));
            }
            MediaCommand::Tracks { left, right } => ask(MediaWork::RecordTracks(left, right)),
            MediaCommand::RecordAgain => {
                if let Some(path) = live.facts.recording.clone() {
                    let after_ms = now.mono.0.saturating_sub(live.facts.recording_since);
                    let right = live.call.peer().into_iter().collect();
                    ask(MediaWork::RecordResume(path, after_ms, live.call.anchor(), right));
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
                (live.facts.recording, live.facts.recording_since) = (Some(path.clone()), now.mono.0);
                let right = live.call.peer().into_iter().collect();
                ask(MediaWork::RecordStart(path, live.call.anchor(), right));
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
        for id in std::mem::take(&mut self.changed) {
            self.keep(id);
        }
        std::mem::take(&mut self.out)
    }
}

/// Below the data folder: `recordings/YYYY/MM/DD/ID.wav`, by the day on which the call began (its id holds the time).
pub(in crate::calls) fn recording_path(call: CallId) -> PathBuf {
    let seconds = call.0.get_timestamp().map_or(0, |t| i64::try_from(t.to_unix().0).unwrap_or(0));
    let day = Timestamp(seconds.saturating_mul(1_000)).civil();
    PathBuf::from(format!("recordings/{:04}/{:02}/{:02}/{call}.wav", day.year(), day.month(), day.day()))
}
