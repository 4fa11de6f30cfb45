//! Whatever happens in whatever order: never silence, one end, timers that lead somewhere.
#![allow(clippy::unwrap_used)]

use std::sync::Arc;

use liandong_dialplans::{
    Action, CallStart, DialResult, Digit, Input, Millis, Now, PlanName, PlanSet, PlayId, QueueNotice, Runner, builtin,
    compile,
};
use proptest::prelude::*;

/// What the world may do next.
#[derive(Debug, Clone)]
enum Step {
    Tell(Input),
    PlayEnds,
    Wait(u64),
    /// The program is killed and started again: the runner goes to the disk and comes back, so much later.
    Restart(u64),
}

fn notice() -> impl Strategy<Value = QueueNotice> {
    prop_oneof![
        (1_u32..200, proptest::option::of(0_u32..4_000))
            .prop_map(|(place, eta_seconds)| QueueNotice::Position { place, eta_seconds }),
        Just(QueueNotice::Offered),
        Just(QueueNotice::RingTimeout),
        Just(QueueNotice::NoAgents),
        Just(QueueNotice::AgentsBack),
        Just(QueueNotice::Removed),
        Just(QueueNotice::AgentAnswered),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (0_u64..40_000).prop_map(Step::Wait),
        4 => Just(Step::PlayEnds),
        1 => (0_u64..90_000).prop_map(Step::Restart),
        4 => notice().prop_map(|n| Step::Tell(Input::Queue(n))),
        1 => "[0-9*#]".prop_map(|k| Step::Tell(Input::Digit(Digit::try_from(k.chars().next().unwrap()).unwrap()))),
        1 => prop_oneof![Just(DialResult::Busy), Just(DialResult::NoAnswer), Just(DialResult::Answered), Just(DialResult::Failed { status: 503 })]
            .prop_map(|r| Step::Tell(Input::Dial(r))),
        1 => Just(Step::Tell(Input::TalkEnded)),
        1 => Just(Step::Tell(Input::PlayFinished(PlayId(3)))),
        1 => Just(Step::Tell(Input::Timer)),
    ]
}

struct Watch {
    runner: Runner,
    now: Now,
    playing: Option<PlayId>,
    in_queue: bool,
    connected: bool,
    hung_up: bool,
}

impl Watch {
    fn feed(&mut self, input: Input) {
        let was_over = self.hung_up;
        let actions = self.runner.handle(input, self.now);
        assert!(!was_over || actions.is_empty(), "after the end: {actions:?}");
        self.see(actions);
    }

    fn restart(&mut self, set: &Arc<PlanSet>, down_ms: u64) {
        let disk = serde_json::to_string(&self.runner.keep()).unwrap();
        self.now = self.now.after(Millis(down_ms));
        self.runner = Runner::restore(Arc::clone(set), serde_json::from_str(&disk).unwrap()).unwrap();
        assert_eq!(serde_json::to_string(&self.runner.keep()).unwrap(), disk, "nothing is forgotten");
        let waited = std::mem::take(&mut self.in_queue);
        if !self.hung_up {
            self.playing = None;
        }
        let actions = self.runner.resume(self.now);
        assert!(!self.hung_up || actions.is_empty(), "after the end: {actions:?}");
        self.see(actions);
        assert_eq!(self.in_queue, waited, "who waited waits again, and nobody else");
    }

    fn see(&mut self, actions: Vec<Action>) {
        for action in actions {
            assert!(!self.hung_up, "after the end: {action:?}");
            match action {
                Action::Play { id, prompts, .. } => {
                    assert!(!prompts.is_empty());
                    self.playing = Some(id);
                    self.connected = false;
                }
                Action::EnterQueue { .. } => assert!(!std::mem::replace(&mut self.in_queue, true)),
                Action::MoveQueue { .. } | Action::SetPriority { .. } => assert!(self.in_queue),
                Action::LeaveQueue => assert!(std::mem::replace(&mut self.in_queue, false)),
                Action::Connect => {
                    self.connected = true;
                    self.playing = None;
                    self.in_queue = false;
                }
                Action::HangUp { .. } => self.hung_up = true,
                _ => {}
            }
        }
        assert!(self.hung_up || self.connected || self.playing.is_some(), "silence");
    }

    fn wait(&mut self, ms: u64) {
        let until = self.now.mono + Millis(ms);
        let mut rounds = 0;
        while let Some(at) = self.runner.poll_timeout().filter(|at| *at <= until) {
            self.now = self.now.after(at - self.now.mono);
            self.feed(Input::Timer);
            rounds += 1;
            assert!(rounds < 1_000, "a timer circles at {}", at);
        }
        self.now = self.now.after(until - self.now.mono);
    }

    /// Tells a notice only where a queue could send it.
    fn possible(&self, input: &Input) -> bool {
        !matches!(input, Input::Queue(_)) || self.in_queue
    }
}

fn watch(set: &Arc<PlanSet>, wall: &str, area: bool) -> Watch {
    let runner = Runner::new(Arc::clone(set), &PlanName::from("hotline")).unwrap();
    let now = Now { mono: Millis(1_000), wall: wall.parse().unwrap() };
    let (playing, in_queue, connected, hung_up) = (None, false, false, false);
    let mut watch = Watch { runner, now, playing, in_queue, connected, hung_up };
    let area = area.then(|| "金水区".into());
    watch.feed(Input::Start(CallStart { caller: None, area, called: "12345".to_owned() }));
    watch
}

proptest! {
    #[test]
    fn never_silence_and_one_end(steps in prop::collection::vec(step(), 0..80), night: bool, area: bool) {
        let set = Arc::new(compile(&builtin::files()).unwrap());
        let wall = if night { "2026-11-23T19:00:00Z" } else { "2026-11-24T02:00:00Z" };
        let mut watch = watch(&set, wall, area);
        for step in steps {
            match step {
                Step::Wait(ms) => watch.wait(ms),
                Step::Restart(ms) => watch.restart(&set, ms),
                Step::PlayEnds => {
                    if let Some(id) = watch.playing {
                        // A looping play never ends; telling so must do no harm.
                        watch.feed(Input::PlayFinished(id));
                    }
                }
                Step::Tell(input) if watch.possible(&input) => {
                    let removed = input == Input::Queue(QueueNotice::Removed);
                    if removed { watch.in_queue = false; }
                    watch.feed(input);
                }
                Step::Tell(_) => {}
            }
        }
        watch.feed(Input::CallerHungUp);
    }
}

#[test]
fn with_nobody_ever_coming_the_wait_is_bounded_by_the_plan() {
    let set = Arc::new(compile(&builtin::files()).unwrap());
    let mut watch = watch(&set, "2026-11-23T19:00:00Z", false);
    watch.feed(Input::Queue(QueueNotice::Position { place: 1, eta_seconds: None }));
    for _ in 0..4_000 {
        watch.wait(1_000);
        if watch.hung_up {
            return;
        }
    }
    panic!("the night plan does not end");
}
