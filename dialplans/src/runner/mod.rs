//! The runner: one call through one plan. Pure; see [`crate::api`] for the contract.
//!
//! Must not know: who rings which phone, how a queue chooses, what a prompt sounds like.

mod kept;
mod wait;

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::api::{
    Action, CallStart, Cause, DialResult, Digit, Input, NoteKind, PlanName, PlayId, Priority, PromptRef, QueueName,
    QueueNotice, Repeat,
};
use crate::plan::{Condition, Dial, Menu, Plan, PlanSet, Step, StepIndex};
use crate::time::{Millis, Now};
pub use kept::KeptRunner;
use wait::Waiting;

/// Steps that one call may take. The checker lets a plan circle through its waits; this ends a
/// call that does so for hours.
pub const STEPS_PER_CALL_MAX: u32 = 1_000;

/// A `PlayFinished` is missed after the length of the prompts and this: the plan then goes on by
/// itself, so that a lost message never leaves a caller in silence.
pub const PLAY_GRACE: Millis = Millis(2_000);

/// A dialled leg that says nothing for its ring seconds and this is given up.
const DIAL_GRACE: Millis = Millis(5_000);

/// One call's way through one plan.
#[derive(Debug, Clone)]
pub struct Runner {
    set: Arc<PlanSet>,
    name: PlanName,
    plan: Arc<Plan>,
    call: CallStart,
    state: State,
    /// Where the call waits, also while a `say` or `menu` step runs.
    queue: Option<InQueue>,
    /// When a person was first asked for.
    since: Option<Millis>,
    /// What follows the talk, from the last step that asked for a person.
    after_talk: Option<StepIndex>,
    sound: Sound,
    next_play: u32,
    steps_left: u32,
    variables: BTreeMap<String, String>,
    /// The prompts that must be heard were heard to the end.
    notice_heard: bool,
    recording: bool,
    /// A person was connected.
    served: bool,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
enum State {
    /// Before `Start`.
    Fresh,
    Saying(StepIndex),
    Asking(Asking),
    Waiting(Waiting),
    Dialling(Dialling),
    Talking,
    /// The goodbye is being said.
    Parting(Cause),
    Done,
}

#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
struct Asking {
    step: StepIndex,
    tries_left: u32,
    /// Until when a key is awaited; `None` while the question is still being asked.
    until: Option<Millis>,
}

#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
struct Dialling {
    step: StepIndex,
    /// When a result that did not come is taken as "no answer".
    until: Millis,
}

/// The call's place in the ACD as far as the runner was told.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct InQueue {
    name: QueueName,
    priority: Priority,
    place: Option<(u32, Option<u32>)>,
    /// An agent is being rung.
    offered: bool,
    /// Nobody is signed in.
    nobody: bool,
}

/// What is being played.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Sound {
    id: Option<PlayId>,
    /// What, so that it can be begun again.
    prompts: Vec<PromptRef>,
    repeat: Repeat,
    /// When a `PlayFinished` that did not come is taken as come.
    guard: Option<Millis>,
}

impl Default for Sound {
    fn default() -> Self {
        Self { id: None, prompts: Vec::new(), repeat: Repeat::Once, guard: None }
    }
}

/// One answer in the making.
struct Turn {
    now: Now,
    actions: Vec<Action>,
}

impl Turn {
    fn act(&mut self, action: Action) {
        self.actions.push(action);
    }

    fn note(&mut self, kind: NoteKind, text: impl Into<String>) {
        self.act(Action::Note { kind, text: text.into() });
    }
}

impl Runner {
    /// A runner at the start of a plan; `None` if the set has no such plan.
    pub fn new(set: Arc<PlanSet>, name: &PlanName) -> Option<Self> {
        let plan = Arc::clone(set.plan(name)?);
        Some(Self {
            set,
            name: name.clone(),
            plan,
            call: CallStart { caller: None, area: None, called: String::new() },
            state: State::Fresh,
            queue: None,
            since: None,
            after_talk: None,
            sound: Sound::default(),
            next_play: 0,
            steps_left: STEPS_PER_CALL_MAX,
            variables: BTreeMap::new(),
            notice_heard: false,
            recording: false,
            served: false,
        })
    }

    /// Takes what happened, says what to do, in order.
    pub fn handle(&mut self, input: Input, now: Now) -> Vec<Action> {
        let mut turn = Turn { now, actions: Vec::new() };
        match (&self.state, input) {
            (State::Done, _) => {}
            (State::Fresh, Input::Start(call)) => self.start(call, &mut turn),
            (State::Fresh, _) | (_, Input::Start(_)) => {}
            (_, Input::CallerHungUp) => self.caller_left(&mut turn),
            (_, Input::PlayFinished(id)) => {
                if self.sound.id == Some(id) {
                    self.played(&mut turn);
                }
            }
            (_, Input::Digit(digit)) => self.digit(digit, &mut turn),
            (_, Input::Queue(notice)) => self.queue_notice(notice, &mut turn),
            (_, Input::Dial(result)) => self.dial_result(result, &mut turn),
            (_, Input::TalkEnded) => self.talk_ended(&mut turn),
            (_, Input::Timer) => self.timer(&mut turn),
        }
        turn.actions
    }

    /// When `Input::Timer` is due at the latest.
    pub fn poll_timeout(&self) -> Option<Millis> {
        let own = match &self.state {
            State::Asking(asking) => asking.until,
            State::Waiting(waiting) => self.wait_deadline(waiting),
            State::Dialling(dialling) => Some(dialling.until),
            _ => None,
        };
        own.into_iter().chain(self.sound.guard).min()
    }

    /// True once nothing will come any more.
    pub fn is_done(&self) -> bool {
        matches!(self.state, State::Done)
    }

    /// The version of the plan set that this call keeps to its end.
    pub fn version(&self) -> String {
        self.set.version()
    }

    fn start(&mut self, call: CallStart, turn: &mut Turn) {
        self.call = call;
        turn.act(Action::Answer);
        self.enter(self.plan.start, turn);
    }

    fn caller_left(&mut self, turn: &mut Turn) {
        if self.since.is_some() && !self.served {
            turn.note(NoteKind::MissedCall, "hung up while waiting");
        }
        self.finish();
    }

    fn finish(&mut self) {
        self.state = State::Done;
        self.sound = Sound::default();
        self.queue = None;
    }

    /// Enters a step and those that follow without time, until one lasts.
    fn enter(&mut self, first: StepIndex, turn: &mut Turn) {
        let mut next = Some(first);
        while let Some(step) = next {
            let Some(left) = self.steps_left.checked_sub(1) else {
                turn.note(NoteKind::Trouble, format!("more than {STEPS_PER_CALL_MAX} steps"));
                self.forget_or_miss(true, turn);
                self.hang_up(Cause::Failed, turn);
                return;
            };
            self.steps_left = left;
            turn.note(NoteKind::Step, self.plan.name(step).as_str());
            next = self.run(step, turn);
        }
    }

    /// Runs one step; gives the next one if this one took no time.
    fn run(&mut self, index: StepIndex, turn: &mut Turn) -> Option<StepIndex> {
        let plan = Arc::clone(&self.plan);
        match plan.step(index) {
            Step::Say { prompts, .. } => {
                self.state = State::Saying(index);
                self.play(prompts.clone(), Repeat::Once, turn);
            }
            Step::Menu(menu) => self.ask(index, menu, menu.tries, turn),
            Step::Hours { table, open, closed } => {
                let is_open = table.is_open(self.set.local(turn.now));
                return Some(if is_open { *open } else { *closed });
            }
            Step::Branch { cases, otherwise } => {
                let fitting = cases.iter().find(|(when, _)| self.fits(when));
                return Some(fitting.map_or(*otherwise, |(_, then)| *then));
            }
            Step::Wait(wait) => return self.start_waiting(index, wait, turn),
            Step::Dial(dial) => self.dial(index, dial, turn),
            Step::Set { name, value, then } => {
                self.variables.insert(name.clone(), value.clone());
                turn.act(Action::SetVariable { name: name.clone(), value: value.clone() });
                return Some(*then);
            }
            Step::Note { kind, text, then } => {
                turn.note(*kind, text);
                return Some(*then);
            }
            Step::HangUp { say, cause, missed_call } => {
                self.part(say, *cause, *missed_call, turn);
            }
        }
        None
    }

    fn fits(&self, condition: &Condition) -> bool {
        match condition {
            Condition::CallerArea(areas) => self.call.area.as_ref().is_some_and(|area| areas.contains(area)),
            Condition::AreaKnown(known) => self.call.area.is_some() == *known,
            Condition::NumberWithheld(withheld) => self.call.caller.is_none() == *withheld,
            Condition::Called(numbers) => numbers.contains(&self.call.called),
            Condition::Variable { name, is } => self.variables.get(name) == Some(is),
        }
    }

    fn play(&mut self, prompts: Vec<PromptRef>, repeat: Repeat, turn: &mut Turn) {
        let id = PlayId(self.next_play);
        self.next_play = self.next_play.wrapping_add(1);
        let guard = match repeat {
            Repeat::Once => Some(turn.now.mono + self.set.lengths.total(&prompts) + PLAY_GRACE),
            Repeat::Forever => None,
        };
        self.sound = Sound { id: Some(id), prompts: prompts.clone(), repeat, guard };
        turn.act(Action::Play { id, prompts, repeat });
    }

    /// What was being played has ended.
    fn played(&mut self, turn: &mut Turn) {
        self.sound = Sound::default();
        match self.state.clone() {
            State::Saying(index) => {
                if let Step::Say { then, .. } = self.plan.step(index) {
                    self.enter(*then, turn);
                }
            }
            State::Asking(asking) => self.await_key(asking, turn),
            State::Waiting(_) => self.wait_played(turn),
            State::Dialling(dialling) => self.dial_music(dialling.step, turn),
            State::Parting(cause) => self.hang_up(cause, turn),
            State::Fresh | State::Talking | State::Done => {}
        }
    }

    fn timer(&mut self, turn: &mut Turn) {
        let now = turn.now.mono;
        if self.sound.guard.is_some_and(|guard| guard <= now) {
            return self.played(turn);
        }
        match self.state.clone() {
            State::Asking(asking) if asking.until.is_some_and(|until| until <= now) => {
                self.no_key(asking, turn);
            }
            State::Waiting(_) => self.wait_due(turn),
            State::Dialling(dialling) if dialling.until <= now => {
                turn.act(Action::CancelDial);
                self.dial_result(DialResult::NoAnswer, turn);
            }
            _ => {}
        }
    }

    fn digit(&mut self, digit: Digit, turn: &mut Turn) {
        match self.state.clone() {
            State::Asking(asking) => self.key(asking, digit, turn),
            State::Waiting(waiting) => self.wait_key(&waiting, digit, turn),
            _ => {}
        }
    }

    fn ask(&mut self, step: StepIndex, menu: &Menu, tries_left: u32, turn: &mut Turn) {
        self.state = State::Asking(Asking { step, tries_left, until: None });
        self.play(menu.prompts.clone(), Repeat::Once, turn);
    }

    fn await_key(&mut self, asking: Asking, turn: &mut Turn) {
        let plan = Arc::clone(&self.plan);
        if let Step::Menu(menu) = plan.step(asking.step) {
            let until = Some(turn.now.mono + menu.wait);
            self.state = State::Asking(Asking { until, ..asking });
            self.play(vec![menu.music.clone()], Repeat::Forever, turn);
        }
    }

    fn key(&mut self, asking: Asking, digit: Digit, turn: &mut Turn) {
        let plan = Arc::clone(&self.plan);
        let Step::Menu(menu) = plan.step(asking.step) else {
            return;
        };
        match menu.keys.get(&digit) {
            Some(to) => self.enter(*to, turn),
            None => self.ask_again(asking, menu, menu.wrong_key, turn),
        }
    }

    fn no_key(&mut self, asking: Asking, turn: &mut Turn) {
        let plan = Arc::clone(&self.plan);
        if let Step::Menu(menu) = plan.step(asking.step) {
            self.ask_again(asking, menu, menu.no_key, turn);
        }
    }

    fn ask_again(&mut self, asking: Asking, menu: &Menu, at_last: StepIndex, turn: &mut Turn) {
        match asking.tries_left.saturating_sub(1) {
            0 => self.enter(at_last, turn),
            left => self.ask(asking.step, menu, left, turn),
        }
    }

    fn dial(&mut self, index: StepIndex, dial: &Dial, turn: &mut Turn) {
        let ring = Millis::from_secs(u64::from(dial.ring_seconds));
        let until = turn.now.mono + ring + DIAL_GRACE;
        self.state = State::Dialling(Dialling { step: index, until });
        self.since.get_or_insert(turn.now.mono);
        self.after_talk = dial.after_talk;
        turn.act(Action::Dial {
            target: dial.target.clone(),
            number: dial.number.clone(),
            ring_seconds: dial.ring_seconds,
        });
        if dial.say.is_empty() {
            self.dial_music(index, turn);
        } else {
            self.play(dial.say.clone(), Repeat::Once, turn);
        }
    }

    fn dial_music(&mut self, index: StepIndex, turn: &mut Turn) {
        let plan = Arc::clone(&self.plan);
        if let Step::Dial(dial) = plan.step(index) {
            self.play(vec![dial.music.clone()], Repeat::Forever, turn);
        }
    }

    fn dial_result(&mut self, result: DialResult, turn: &mut Turn) {
        let State::Dialling(dialling) = self.state else {
            return;
        };
        let plan = Arc::clone(&self.plan);
        let Step::Dial(dial) = plan.step(dialling.step) else {
            return;
        };
        match result {
            DialResult::Ringing => {}
            DialResult::Answered => {
                self.leave_queue(turn);
                self.after_talk = dial.after_talk;
                self.connect(turn);
            }
            DialResult::Busy => self.enter(dial.busy, turn),
            DialResult::NoAnswer => self.enter(dial.no_answer, turn),
            DialResult::Failed { .. } => self.enter(dial.failed, turn),
        }
    }

    fn queue_notice(&mut self, notice: QueueNotice, turn: &mut Turn) {
        let Some(queue) = &mut self.queue else { return };
        match notice {
            QueueNotice::Position { place, eta_seconds } => {
                queue.place = Some((place, eta_seconds));
                self.place_changed(place, turn);
            }
            QueueNotice::Offered => queue.offered = true,
            QueueNotice::AgentAnswered => self.agent_answered(turn),
            QueueNotice::RingTimeout => {
                queue.offered = false;
                self.ring_timed_out(turn);
            }
            QueueNotice::NoAgents => {
                queue.nobody = true;
                queue.offered = false;
                self.nobody_there(turn);
            }
            QueueNotice::AgentsBack => queue.nobody = false,
            QueueNotice::Removed => {
                self.queue = None;
                self.removed(turn);
            }
        }
    }

    fn agent_answered(&mut self, turn: &mut Turn) {
        if let State::Waiting(waiting) = &mut self.state
            && waiting.must_finish()
        {
            waiting.answered = true;
            return;
        }
        if matches!(self.state, State::Dialling(_)) {
            turn.act(Action::CancelDial);
        }
        self.connect(turn);
    }

    fn connect(&mut self, turn: &mut Turn) {
        self.state = State::Talking;
        self.sound = Sound::default();
        self.queue = None;
        self.served = true;
        turn.act(Action::Connect);
    }

    fn talk_ended(&mut self, turn: &mut Turn) {
        if !matches!(self.state, State::Talking) {
            return;
        }
        match self.after_talk.take() {
            Some(step) => self.enter(step, turn),
            None => self.hang_up(Cause::Normal, turn),
        }
    }

    fn leave_queue(&mut self, turn: &mut Turn) {
        if self.queue.take().is_some() {
            turn.act(Action::LeaveQueue);
        }
    }

    fn part(&mut self, say: &[PromptRef], cause: Cause, missed_call: bool, turn: &mut Turn) {
        self.leave_queue(turn);
        self.forget_or_miss(missed_call, turn);
        if say.is_empty() {
            self.hang_up(cause, turn);
        } else {
            self.state = State::Parting(cause);
            self.play(say.to_vec(), Repeat::Once, turn);
        }
    }

    /// The task for a caller who got no person is noted once, at the latest moment.
    fn forget_or_miss(&mut self, missed_call: bool, turn: &mut Turn) {
        if missed_call && !self.served && self.since.take().is_some() {
            turn.note(NoteKind::MissedCall, "got no person");
        }
    }

    fn hang_up(&mut self, cause: Cause, turn: &mut Turn) {
        turn.act(Action::HangUp { cause });
        self.finish();
    }
}
