//! The wait step: sounds, announcements, keys, overflow and back.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{InQueue, Runner, State, Turn};
use crate::api::{Action, Digit, NoteKind, Priority, PromptRef, QueueName, Repeat};
use crate::plan::{Overflow, OverflowTo, OverflowWhen, Step, StepIndex, Wait};
use crate::prompts::place_in_words;
use crate::time::Millis;

/// Between two place announcements the music is heard at least so long, however fast the line
/// moves.
const ANNOUNCE_GAP: Millis = Millis(10_000);

/// A wait in progress.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Waiting {
    step: StepIndex,
    entered: Millis,
    heard: Heard,
    /// When the place is said next.
    announce_at: Option<Millis>,
    /// The place said last, and when its announcement ended.
    told: Option<(u32, Millis)>,
    /// Rules of overflow that had their turn.
    used: Vec<bool>,
    lent: Option<Lent>,
    /// An agent answered while the caller still had to hear something.
    pub(super) answered: bool,
}

/// What the waiting caller hears.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
enum Heard {
    MustHear,
    Words,
    Music,
}

/// The call waits in another queue than the step's own.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
struct Lent {
    rule: usize,
    back_at: Option<Millis>,
}

impl Waiting {
    /// True while nobody may be connected yet.
    pub(super) fn must_finish(&self) -> bool {
        self.heard == Heard::MustHear
    }
}

impl Runner {
    /// Begins a wait; gives the next step if nobody is there at all.
    pub(super) fn start_waiting(&mut self, step: StepIndex, wait: &Wait, turn: &mut Turn) -> Option<StepIndex> {
        let now = turn.now.mono;
        self.after_talk = wait.after_talk;
        self.join(&wait.queue, wait.priority, turn);
        self.state = State::Waiting(Waiting {
            step,
            entered: now,
            heard: Heard::Music,
            announce_at: wait.announce.as_ref().map(|announce| now + announce.first),
            told: None,
            used: vec![false; wait.overflow.len()],
            lent: None,
            answered: false,
        });
        if self.notice_heard || wait.must_hear.is_empty() {
            self.say_or_music(wait.welcome.clone(), wait, turn);
        } else {
            self.hear(Heard::MustHear, wait.must_hear.clone(), Repeat::Once, turn);
        }
        // The queue told us before, on the way through this step: it will not say so again.
        if self.queue.as_ref().is_some_and(|queue| queue.nobody) { self.without_agents(turn) } else { None }
    }

    /// Enters the queue, or moves there with place and start time kept.
    fn join(&mut self, to: &QueueName, priority: Priority, turn: &mut Turn) {
        let since = *self.since.get_or_insert(turn.now.mono);
        match &mut self.queue {
            None => {
                turn.act(Action::EnterQueue { queue: to.clone(), priority, since });
            }
            Some(queue) if queue.name == *to => {
                if queue.priority != priority {
                    queue.priority = priority;
                    turn.act(Action::SetPriority { priority, reason: "the plan".to_owned() });
                }
                return;
            }
            Some(_) => turn.act(Action::MoveQueue { to: to.clone(), priority, keep_since: true }),
        }
        if priority == Priority::Emergency {
            turn.note(NoteKind::Emergency, to.as_str());
        }
        self.queue = Some(InQueue { name: to.clone(), priority, place: None, offered: false, nobody: false });
    }

    fn waiting(&mut self) -> Option<&mut Waiting> {
        match &mut self.state {
            State::Waiting(waiting) => Some(waiting),
            _ => None,
        }
    }

    /// Runs `then` with the wait step that is under way.
    fn with_wait(&mut self, turn: &mut Turn, then: impl FnOnce(&mut Self, &Wait, &mut Turn)) {
        let Some(step) = self.waiting().map(|waiting| waiting.step) else {
            return;
        };
        let plan = Arc::clone(&self.plan);
        if let Step::Wait(wait) = plan.step(step) {
            then(self, wait, turn);
        }
    }

    fn hear(&mut self, heard: Heard, prompts: Vec<PromptRef>, repeat: Repeat, turn: &mut Turn) {
        if let Some(waiting) = self.waiting() {
            waiting.heard = heard;
        }
        self.play(prompts, repeat, turn);
    }

    /// What was heard is over, and nothing has taken its place yet.
    fn hear_nothing(&mut self) {
        if let Some(waiting) = self.waiting() {
            waiting.heard = Heard::Music;
        }
    }

    fn say_or_music(&mut self, prompts: Vec<PromptRef>, wait: &Wait, turn: &mut Turn) {
        if prompts.is_empty() {
            self.hear(Heard::Music, vec![wait.music.clone()], Repeat::Forever, turn);
        } else {
            self.hear(Heard::Words, prompts, Repeat::Once, turn);
        }
    }

    /// Something said during the wait has ended.
    pub(super) fn wait_played(&mut self, turn: &mut Turn) {
        self.with_wait(turn, |runner, wait, turn| {
            let Some(waiting) = runner.waiting() else {
                return;
            };
            let (heard, answered) = (waiting.heard, waiting.answered);
            if heard == Heard::MustHear {
                runner.notice_heard = true;
                runner.start_recording(turn);
                if answered {
                    return runner.connect(turn);
                }
                if runner.queue.as_ref().is_some_and(|queue| queue.nobody) {
                    runner.hear_nothing();
                    if let Some(step) = runner.without_agents(turn) {
                        return runner.enter(step, turn);
                    }
                }
                return runner.say_or_music(wait.welcome.clone(), wait, turn);
            }
            runner.say_or_music(Vec::new(), wait, turn);
        });
    }

    fn start_recording(&mut self, turn: &mut Turn) {
        if self.plan.record && !self.recording {
            self.recording = true;
            turn.act(Action::Record { on: true });
        }
    }

    pub(super) fn wait_key(&mut self, waiting: &Waiting, digit: Digit, turn: &mut Turn) {
        if waiting.answered {
            return;
        }
        let plan = Arc::clone(&self.plan);
        let Step::Wait(wait) = plan.step(waiting.step) else {
            return;
        };
        if let Some(to) = wait.keys.get(&digit) {
            self.enter(*to, turn);
        }
    }

    /// The line moved: say so soon, if it moved forward.
    pub(super) fn place_changed(&mut self, place: u32, turn: &mut Turn) {
        let now = turn.now.mono;
        let Some(waiting) = self.waiting() else {
            return;
        };
        if let (Some((told, when)), Some(at)) = (waiting.told, waiting.announce_at)
            && place < told
        {
            waiting.announce_at = Some(at.min(now.max(when + ANNOUNCE_GAP)));
        }
    }

    pub(super) fn ring_timed_out(&mut self, turn: &mut Turn) {
        self.with_wait(turn, |runner, wait, turn| {
            let Some(waiting) = runner.waiting() else {
                return;
            };
            waiting.answered = false;
            if waiting.heard != Heard::MustHear && !wait.ring_timeout.is_empty() {
                runner.say_or_music(wait.ring_timeout.clone(), wait, turn);
            }
        });
        self.wait_due(turn); // what was put off while an agent was rung
    }

    pub(super) fn nobody_there(&mut self, turn: &mut Turn) {
        if let Some(step) = self.without_agents(turn) {
            self.enter(step, turn);
        }
    }

    /// Nobody is signed in where the call waits: back home, or to where somebody may be, or on.
    fn without_agents(&mut self, turn: &mut Turn) -> Option<StepIndex> {
        let waiting = self.waiting()?;
        let (step, lent) = (waiting.step, waiting.lent);
        if waiting.answered {
            return None;
        }
        let plan = Arc::clone(&self.plan);
        let Step::Wait(wait) = plan.step(step) else {
            return None;
        };
        if let Some(lent) = lent {
            self.go_home(lent, wait, turn);
            return None;
        }
        while let Some(rule) = self.unused_rule(wait, |when| when == OverflowWhen::Nobody) {
            if self.lend(rule, wait, turn) {
                return None;
            }
        }
        // What must be heard is heard to the end, wherever the call goes then: whoever picks up there finds a caller who
        // knows that he is recorded, and is recorded.
        let must_finish = self.waiting().is_some_and(|waiting| waiting.must_finish());
        (!must_finish).then_some(wait.nobody)
    }

    pub(super) fn removed(&mut self, turn: &mut Turn) {
        self.with_wait(turn, |runner, wait, turn| runner.enter(wait.removed, turn));
    }

    fn unused_rule(&mut self, wait: &Wait, fits: impl Fn(OverflowWhen) -> bool) -> Option<usize> {
        let waiting = self.waiting()?;
        let mut rules = wait.overflow.iter().zip(&waiting.used);
        rules.position(|(rule, used)| !used && fits(rule.when))
    }

    /// Uses a rule of overflow; false if it leads nowhere (area unknown, its centre closed).
    fn lend(&mut self, index: usize, wait: &Wait, turn: &mut Turn) -> bool {
        let rule = &wait.overflow[index];
        if let Some(waiting) = self.waiting() {
            waiting.used[index] = true;
        }
        let Some(to) = self.overflow_queue(rule, turn).filter(|to| *to != wait.queue) else {
            return false;
        };
        turn.note(NoteKind::Overflow, format!("{} to {to}", wait.queue));
        self.join(&to, wait.priority, turn);
        let back_at = rule.back_after.map(|after| turn.now.mono + after);
        if let Some(waiting) = self.waiting() {
            waiting.lent = Some(Lent { rule: index, back_at });
        }
        let mut words = rule.say.clone();
        words.extend(self.set.queues.get(&to).and_then(|queue| queue.say.clone()));
        self.say_unless_must_hear(words, wait, turn);
        true
    }

    fn overflow_queue(&self, rule: &Overflow, turn: &Turn) -> Option<QueueName> {
        match &rule.to {
            OverflowTo::Queue(queue) => Some(queue.clone()),
            OverflowTo::CallerArea => {
                let area = self.call.area.as_ref()?;
                self.set.open_queue_of(area, turn.now).cloned()
            }
        }
    }

    fn go_home(&mut self, lent: Lent, wait: &Wait, turn: &mut Turn) {
        let from = self.queue.as_ref().map(|queue| queue.name.clone());
        let from = from.as_ref().map_or("elsewhere", QueueName::as_str);
        turn.note(NoteKind::Overflow, format!("{from} back to {}", wait.queue));
        if let Some(waiting) = self.waiting() {
            waiting.lent = None;
        }
        self.join(&wait.queue, wait.priority, turn);
        self.say_unless_must_hear(wait.overflow[lent.rule].back_say.clone(), wait, turn);
    }

    fn say_unless_must_hear(&mut self, words: Vec<PromptRef>, wait: &Wait, turn: &mut Turn) {
        let must_hear = self.waiting().is_some_and(|waiting| waiting.must_finish());
        if !must_hear && !words.is_empty() {
            self.say_or_music(words, wait, turn);
        }
    }

    /// While an agent is rung or has answered, nothing moves the call.
    fn settled(&self, waiting: &Waiting) -> bool {
        waiting.answered || self.queue.as_ref().is_some_and(|queue| queue.offered)
    }

    /// The earliest moment at which something is due in this wait.
    pub(super) fn wait_deadline(&self, waiting: &Waiting) -> Option<Millis> {
        if self.settled(waiting) {
            return None;
        }
        let Step::Wait(wait) = self.plan.step(waiting.step) else {
            return None;
        };
        let too_long = Some(waiting.entered + wait.longest);
        let moves = match waiting.lent {
            Some(lent) => lent.back_at,
            None => self.next_overflow(waiting, wait).map(|(at, _)| at),
        };
        [too_long, moves, self.announce_at(waiting)].into_iter().flatten().min()
    }

    /// The next overflow by time: when, and which rule.
    fn next_overflow(&self, waiting: &Waiting, wait: &Wait) -> Option<(Millis, usize)> {
        let rules = wait.overflow.iter().enumerate();
        let open = rules.filter(|(index, _)| !waiting.used[*index]);
        open.filter_map(|(index, rule)| match rule.when {
            OverflowWhen::After(after) => Some((waiting.entered + after, index)),
            OverflowWhen::Nobody => None,
        })
        .min()
    }

    /// The place is said only over music, and only when it is known.
    fn announce_at(&self, waiting: &Waiting) -> Option<Millis> {
        let known = self.queue.as_ref().is_some_and(|queue| queue.place.is_some());
        waiting.announce_at.filter(|_| known && waiting.heard == Heard::Music)
    }

    /// Does what is due in this wait.
    pub(super) fn wait_due(&mut self, turn: &mut Turn) {
        let State::Waiting(waiting) = self.state.clone() else {
            return;
        };
        if self.settled(&waiting) {
            return;
        }
        let now = turn.now.mono;
        let plan = Arc::clone(&self.plan);
        let Step::Wait(wait) = plan.step(waiting.step) else {
            return;
        };
        if waiting.entered + wait.longest <= now {
            return self.enter(wait.too_long, turn);
        }
        if let Some(lent) = waiting.lent.filter(|l| l.back_at.is_some_and(|at| at <= now)) {
            return self.go_home(lent, wait, turn);
        }
        if waiting.lent.is_none()
            && let Some((_, rule)) = self.next_overflow(&waiting, wait).filter(|(at, _)| *at <= now)
            && self.lend(rule, wait, turn)
        {
            return;
        }
        if self.announce_at(&waiting).is_some_and(|at| at <= now) {
            self.announce(wait, turn);
        }
    }

    fn announce(&mut self, wait: &Wait, turn: &mut Turn) {
        let Some(announce) = &wait.announce else {
            return;
        };
        let Some((place, eta)) = self.queue.as_ref().and_then(|queue| queue.place) else {
            return;
        };
        let mut words = place_in_words(place, eta, announce.estimate);
        words.extend(announce.also.iter().cloned());
        let ends = turn.now.mono + self.set.lengths.total(&words);
        if let Some(waiting) = self.waiting() {
            waiting.told = Some((place, ends));
            waiting.announce_at = Some(turn.now.mono + announce.every);
        }
        self.hear(Heard::Words, words, Repeat::Once, turn);
    }
}
