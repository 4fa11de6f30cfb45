//! A runner on disk: a call outlives the program that runs its plan.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{InQueue, PLAY_GRACE, Runner, Sound, State, Turn};
use crate::api::{Action, CallStart, PlanName, Repeat};
use crate::plan::{PlanSet, StepIndex};
use crate::time::{Millis, Now};

/// All of a runner but the plans themselves. Times are on the caller's monotonic clock, which must go on where it was.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct KeptRunner {
    version: String,
    plan: PlanName,
    call: CallStart,
    state: State,
    queue: Option<InQueue>,
    since: Option<Millis>,
    after_talk: Option<StepIndex>,
    sound: Sound,
    next_play: u32,
    steps_left: u32,
    variables: BTreeMap<String, String>,
    notice_heard: bool,
    recording: bool,
    served: bool,
}

impl Runner {
    /// What is to be kept.
    pub fn keep(&self) -> KeptRunner {
        KeptRunner {
            version: self.set.version(),
            plan: self.name.clone(),
            call: self.call.clone(),
            state: self.state.clone(),
            queue: self.queue.clone(),
            since: self.since,
            after_talk: self.after_talk,
            sound: self.sound.clone(),
            next_play: self.next_play,
            steps_left: self.steps_left,
            variables: self.variables.clone(),
            notice_heard: self.notice_heard,
            recording: self.recording,
            served: self.served,
        }
    }

    /// The runner as it was kept; `None` if the plans are others now, in which its steps mean nothing.
    pub fn restore(set: Arc<PlanSet>, kept: KeptRunner) -> Option<Self> {
        let plan = Arc::clone(set.plan(&kept.plan)?);
        if set.version() != kept.version {
            return None;
        }
        Some(Self {
            set,
            name: kept.plan,
            plan,
            call: kept.call,
            state: kept.state,
            queue: kept.queue,
            since: kept.since,
            after_talk: kept.after_talk,
            sound: kept.sound,
            next_play: kept.next_play,
            steps_left: kept.steps_left,
            variables: kept.variables,
            notice_heard: kept.notice_heard,
            recording: kept.recording,
            served: kept.served,
        })
    }

    /// After [`Runner::restore`]: what was under way is begun again. A call that waited enters its queue again, by the time
    /// at which it first asked for a person; whoever was rung for it meanwhile is forgotten. What was being played begins
    /// anew.
    pub fn resume(&mut self, now: Now) -> Vec<Action> {
        let mut turn = Turn { now, actions: Vec::new() };
        if let State::Waiting(waiting) = &mut self.state {
            waiting.answered = false;
        }
        if let Some(queue) = &mut self.queue {
            (queue.place, queue.offered, queue.nobody) = (None, false, false);
            let since = self.since.unwrap_or(now.mono);
            turn.act(Action::EnterQueue { queue: queue.name.clone(), priority: queue.priority, since });
        }
        let Sound { id: Some(id), prompts, repeat, guard } = &mut self.sound else { return turn.actions };
        if *repeat == Repeat::Once {
            *guard = Some(now.mono + self.set.lengths.total(prompts) + PLAY_GRACE);
        }
        turn.act(Action::Play { id: *id, prompts: prompts.clone(), repeat: *repeat });
        turn.actions
    }
}
