//! The plan's side of a call: its actions performed, its inputs told; agents rung for it, targets dialled for it.

use liandong_dialplans::{Action, DialResult, Input as PlanInput, Millis, PlayId, PromptRef, Repeat, TargetName};

use super::{
    CALLER, Call, CallEvent, DIRECT_RING, Effect, EndedBy, LegCommand, LegId, LegState, MediaCommand, Party, Phase,
    Role, Turn,
};
use crate::calls::queue::{Input as QueueInput, Left, Reason};
use crate::ids::PersonId;

/// The machine's own plays carry ids from here on; the plan's begin at 0.
const OWN_PLAYS: u32 = 1 << 31;

impl Call {
    /// Tells the plan, performs what it asks, until it asks no more. Never nested: what arises meanwhile waits.
    pub(super) fn tell_plan(&mut self, input: PlanInput, turn: &mut Turn) {
        self.for_plan.push(input);
        if self.for_plan.len() > 1 {
            return; // a tell_plan further up takes it
        }
        while let Some(input) = self.for_plan.first().cloned() {
            let actions = self.plan.as_mut().map(|plan| plan.handle(input, turn.now)).unwrap_or_default();
            for action in actions {
                self.perform(action, turn);
            }
            self.for_plan.remove(0);
        }
    }

    pub(super) fn perform(&mut self, action: Action, turn: &mut Turn) {
        if self.phase != Phase::Live && !matches!(action, Action::Note { .. }) {
            return;
        }
        let call = self.id;
        match action {
            Action::Answer => self.answer_caller(turn),
            Action::Play { id, prompts, repeat } => {
                turn.media(MediaCommand::Play { leg: CALLER, id, prompts, repeat });
            }
            Action::StopPlay => turn.media(MediaCommand::StopPlay(CALLER)),
            Action::EnterQueue { queue, priority, since } => {
                (self.in_queue, self.asked) = (true, true);
                self.last_queue = Some(queue.clone());
                turn.queue(QueueInput::Enter { call, queue, priority, since });
            }
            Action::MoveQueue { to, priority, keep_since } => {
                self.last_queue = Some(to.clone());
                turn.queue(QueueInput::Move { call, to, priority, keep_since });
            }
            Action::SetPriority { priority, reason } => {
                turn.queue(QueueInput::SetPriority { call, priority, reason });
            }
            Action::LeaveQueue => self.leave_queue(turn),
            Action::Connect => self.connect_plan(turn),
            Action::Dial { target, number, ring_seconds } => self.dial_target(target, number, ring_seconds, turn),
            Action::CancelDial => {
                if let Some(leg) = self.dialled.take() {
                    self.drop_leg(leg, turn);
                }
            }
            Action::SetVariable { name, value } => turn.log(CallEvent::Variable { name, value }),
            Action::Record { on } => {
                self.recording = on;
                turn.media(MediaCommand::Record { on });
                turn.log(CallEvent::Recording { on });
            }
            Action::HangUp { cause } => self.end(EndedBy::Plan, cause, turn),
            Action::Note { kind, text } => turn.log(CallEvent::Note { about: kind, text }),
        }
    }

    fn answer_caller(&mut self, turn: &mut Turn) {
        if self.state(CALLER) == LegState::Incoming {
            turn.leg(CALLER, LegCommand::Answer);
            self.set(CALLER, LegState::Up);
            turn.log(CallEvent::PlanAnswered);
        }
    }

    fn leave_queue(&mut self, turn: &mut Turn) {
        if std::mem::take(&mut self.in_queue) {
            turn.queue(QueueInput::Leave { call: self.id, why: Left::Plan });
        }
        // The queue says StopRinging for an agent's phone; one who had answered is hung up here.
        if let Some(leg) = self.offered.filter(|leg| self.state(*leg) == LegState::Up) {
            self.offered = None;
            if let Some(agent) = self.queued_agent(leg) {
                turn.queue(QueueInput::TalkEnded { agent, call: self.id });
            }
            self.drop_leg(leg, turn);
        }
    }

    /// The plan says: caller and whoever answered belong together.
    fn connect_plan(&mut self, turn: &mut Turn) {
        let up = |leg: &LegId| self.state(*leg) == LegState::Up;
        let answered = self.offered.filter(up).or(self.dialled.filter(up));
        match answered {
            Some(leg) => self.connect(leg, turn),
            None => self.for_plan.push(PlanInput::TalkEnded), // gone in this very moment
        }
    }

    /// The queue chose an agent.
    pub(super) fn ring_agent(&mut self, agent: PersonId, turn: &mut Turn) {
        let call = self.id;
        if !self.in_queue || self.offered.is_some() {
            turn.queue(QueueInput::Leave { call, why: Left::Plan });
            return;
        }
        // The queue says how long he is rung; this limit only guards against a lost word.
        let ring = Millis::from_secs(120);
        self.offered = self.invite(Role::Agent { agent }, Party::Agent(agent), ring, turn);
        if self.offered.is_none() {
            self.end(EndedBy::System, liandong_dialplans::Cause::Failed, turn);
        }
    }

    /// The queue gave its agent up.
    pub(super) fn stop_ringing(&mut self, agent: PersonId, turn: &mut Turn) {
        let is_his = |leg: &LegId| self.queued_agent(*leg) == Some(agent);
        if let Some(leg) = self.offered.filter(is_his) {
            self.offered = None;
            self.drop_leg(leg, turn);
        } else if let Some(transfer) = self.transfer.filter(|transfer| is_his(&transfer.to)) {
            self.drop_leg(transfer.to, turn);
            self.transfer_failed(transfer, turn);
        } else if let Some(consult) = self.consult.filter(|consult| is_his(&consult.to)) {
            self.book_all(turn.now.mono);
            self.drop_leg(consult.to, turn);
            self.consult_over(consult.to, turn);
        } else if let Some(leg) = self.third.filter(is_his) {
            self.drop_leg(leg, turn);
            self.left(leg, turn);
        } else if let Some(leg) = self.dialled.filter(is_his) {
            self.dialled = None;
            self.drop_leg(leg, turn);
            self.direct_failed(480, turn);
        } else if self.direct_to == Some(Party::Agent(agent)) {
            self.direct_to = None; // gone before he was even dialled
            self.direct_failed(480, turn);
        } else if let Some(leg) = self.peer.filter(is_his) {
            // The queue knows nothing of his answer (his phone was taken for lost): he must not talk unseen.
            self.drop_leg(leg, turn);
            self.left(leg, turn);
        }
    }

    fn dial_target(&mut self, target: TargetName, number: String, ring_seconds: u32, turn: &mut Turn) {
        self.asked = true;
        let ring = Millis::from_secs(u64::from(ring_seconds));
        self.dialled = self.invite(Role::Target { target }, Party::Number(number), ring, turn);
        if self.dialled.is_none() {
            self.for_plan.push(PlanInput::Dial(DialResult::Failed { status: 500 }));
        }
    }

    /// Invites the other party of a direct call.
    pub(super) fn dial_direct(&mut self, turn: &mut Turn) {
        let Some(to) = self.direct_to.take() else { return };
        self.dialled = self.invite(to.role(), to, DIRECT_RING, turn);
    }

    /// A leg that we invited answered.
    pub(super) fn answered(&mut self, leg: LegId, turn: &mut Turn) {
        self.set(leg, LegState::Up);
        if leg == CALLER {
            self.play_music(CALLER, turn);
            return self.dial_direct(turn);
        }
        if let Some(agent) = self.queued_agent(leg) {
            turn.queue(QueueInput::AgentAnswered { agent, call: self.id });
        }
        if self.transfer.is_some_and(|transfer| transfer.to == leg) {
            return self.transfer_answered(turn);
        }
        if self.consult.is_some_and(|consult| consult.to == leg) {
            return self.consult_answered(turn);
        }
        if self.dialled == Some(leg) {
            match self.plan {
                Some(_) => self.tell_plan(PlanInput::Dial(DialResult::Answered), turn),
                None => {
                    self.answer_caller(turn);
                    self.connect(leg, turn);
                }
            }
        }
    }

    /// A leg that we invited will not be.
    pub(super) fn leg_failed(&mut self, leg: LegId, status: u16, turn: &mut Turn) {
        if leg == CALLER {
            return self.end(EndedBy::Callee, liandong_dialplans::Cause::NoAnswer, turn);
        }
        if let Some(agent) = self.queued_agent(leg) {
            turn.queue(QueueInput::AgentFailed { agent, call: self.id, why: reason(status) });
        }
        if self.offered == Some(leg) {
            self.offered = None;
        } else if let Some(transfer) = self.transfer.filter(|transfer| transfer.to == leg) {
            self.transfer_failed(transfer, turn);
        } else if let Some(consult) = self.consult.filter(|consult| consult.to == leg) {
            self.book_all(turn.now.mono);
            self.consult_over(consult.to, turn);
        } else if self.dialled == Some(leg) {
            self.dialled = None;
            match self.plan {
                Some(_) => self.tell_plan(PlanInput::Dial(result(status)), turn),
                None => self.direct_failed(status, turn),
            }
        }
    }

    fn direct_failed(&mut self, status: u16, turn: &mut Turn) {
        if self.state(CALLER) == LegState::Incoming {
            turn.leg(CALLER, LegCommand::Reject { status: status.clamp(400, 699) });
            self.leg_over(CALLER, turn);
        }
        self.end(EndedBy::Callee, liandong_dialplans::Cause::NoAnswer, turn);
    }

    /// Hold music to a leg, from the machine itself.
    pub(super) fn play_music(&mut self, leg: LegId, turn: &mut Turn) {
        self.play_own(leg, super::HOLD_MUSIC, turn);
    }

    /// Something without end to a leg, from the machine itself.
    pub(super) fn play_own(&mut self, leg: LegId, prompt: &str, turn: &mut Turn) {
        let id = PlayId(OWN_PLAYS | self.own_plays);
        self.own_plays = (self.own_plays + 1) % OWN_PLAYS;
        let prompts = vec![PromptRef::from(prompt)];
        turn.effects.push(Effect::Media(MediaCommand::Play { leg, id, prompts, repeat: Repeat::Forever }));
    }
}

/// Why an agent did not come, by the final SIP status.
fn reason(status: u16) -> Reason {
    match status {
        486 | 600 => Reason::Busy,
        408 | 487 => Reason::NoAnswer,
        480 | 603 => Reason::Declined,
        _ => Reason::PhoneLost,
    }
}

fn result(status: u16) -> DialResult {
    match status {
        486 | 600 => DialResult::Busy,
        408 | 480 | 487 => DialResult::NoAnswer,
        status => DialResult::Failed { status },
    }
}
