//! A call on disk, and taken up again after the hub was killed.
//!
//! Kept is what the machine knows; what the edge knows of the legs it keeps itself. Taken up is a call whose caller's leg
//! is still there: a talk goes on where both sides are, who waited stands in line again by his original time, what was
//! played is played again. An invitation that was under way is given up as if its phone had not answered. A call that
//! cannot be taken up is left to the caller of [`Call::take_up`], who hangs its legs up.

use std::collections::BTreeSet;
use std::sync::Arc;

use liandong_dialplans::{DialResult, Input as PlanInput, KeptRunner, PlanSet, QueueName, Runner};
use serde::{Deserialize, Serialize};

use super::consult::RINGBACK;
use super::{Call, CallEvent, Effect, LegId, LegState, MediaCommand, Now, Phase, Turn};
use crate::calls::queue::Input as QueueInput;

/// A call as it lies on the disk.
#[derive(Debug, Serialize, Deserialize)]
pub struct KeptCall {
    call: Call,
    plan: Option<KeptRunner>,
}

/// What of a call is worth a write when it changes: who is there, who talks with whom, where it waits. Announcements and
/// timers are taken along with the next such change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gist {
    up: Vec<LegId>,
    talk: (LegId, Option<LegId>, Option<LegId>),
    held_by: Vec<LegId>,
    passing: (bool, Option<bool>),
    queue: Option<QueueName>,
    recording: bool,
    muted: Vec<LegId>,
}

impl Call {
    /// The present gist; `None` while there is nothing to take up: before the caller was answered, and after the end.
    pub fn gist(&self) -> Option<Gist> {
        if self.phase != Phase::Live || self.state(self.anchor) != LegState::Up {
            return None;
        }
        Some(Gist {
            up: self.legs.iter().filter(|(_, leg)| leg.state == LegState::Up).map(|(id, _)| *id).collect(),
            talk: (self.anchor, self.peer, self.third),
            held_by: self.holders.iter().copied().collect(),
            passing: (self.transfer.is_some(), self.consult.map(|consult| consult.answered)),
            queue: self.last_queue.clone().filter(|_| self.in_queue),
            recording: self.recording,
            muted: self.muted.iter().copied().collect(),
        })
    }

    /// As it is to be kept; read again as [`KeptCall`].
    pub fn keep(&self) -> impl Serialize {
        #[derive(Serialize)]
        struct Keeping<'a> {
            call: &'a Call,
            plan: Option<KeptRunner>,
        }
        Keeping { call: self, plan: self.plan.as_ref().map(Runner::keep) }
    }

    /// Takes a call up with the legs that are still there. `None`: its caller is gone, or its plan is another now and it
    /// had not come to a talk.
    pub fn take_up(
        kept: KeptCall,
        plans: &Arc<PlanSet>,
        there: &BTreeSet<LegId>,
        now: Now,
    ) -> Option<(Self, Vec<Effect>)> {
        let KeptCall { mut call, plan } = kept;
        let had_plan = plan.is_some();
        call.plan = plan.and_then(|plan| Runner::restore(plans.clone(), plan));
        let talks = call.peer.is_some_and(|peer| there.contains(&peer));
        if call.phase != Phase::Live || !there.contains(&call.anchor) || had_plan && call.plan.is_none() && !talks {
            return None;
        }
        let mut turn = Turn { now, effects: Vec::new() };
        let lost = call.lose_all_but(there, &mut turn);
        call.begin_again(&mut turn);
        call.go_on_without(&lost, &mut turn);
        call.finish(&mut turn);
        Some((call, turn.effects))
    }

    /// Legs that are not there any more are over; those that had come to something.
    fn lose_all_but(&mut self, there: &BTreeSet<LegId>, turn: &mut Turn) -> BTreeSet<LegId> {
        let gone = |id: &LegId, leg: &super::Leg| leg.state != LegState::Gone && !there.contains(id);
        let lost: BTreeSet<LegId> = self.legs.iter().filter(|(id, leg)| gone(id, leg)).map(|(id, _)| *id).collect();
        for leg in &lost {
            self.leg_over(*leg, turn);
            self.muted.remove(leg);
        }
        lost
    }

    /// Media and queue as they were, as far as the legs are there.
    fn begin_again(&mut self, turn: &mut Turn) {
        if self.recording {
            turn.media(MediaCommand::RecordAgain);
        }
        for leg in &self.muted {
            turn.media(MediaCommand::Mute(*leg, true));
        }
        self.agents_resume(turn);
        if let Some(plan) = &mut self.plan {
            let actions = plan.resume(turn.now);
            self.in_queue = false; // the plan enters it again, or does not
            for action in actions {
                self.perform(action, turn);
            }
        }
        // An agent who had picked up but was not connected: the caller is in line again, and the agent free of him.
        if let Some(leg) = self.offered.take() {
            self.drop_leg(leg, turn);
        }
    }

    /// The queue learns again who is in this talk.
    fn agents_resume(&mut self, turn: &mut Turn) {
        let in_talk = |id: &LegId| [Some(self.anchor), self.peer, self.third].contains(&Some(*id));
        let asked = self.consult.filter(|consult| consult.answered).map(|consult| consult.to);
        let agents =
            self.legs.iter().filter(|(id, leg)| leg.state == LegState::Up && (in_talk(id) || asked == Some(**id)));
        let inputs: Vec<QueueInput> = agents
            .filter_map(|(id, leg)| {
                let held = self.holders.contains(id);
                let queue = self.last_queue.clone().filter(|_| *id != super::CALLER && asked != Some(*id));
                let (call, since) = (self.id, leg.stage_since);
                Some(QueueInput::Resumed { agent: leg.agent()?, call, queue, since, held })
            })
            .collect();
        inputs.into_iter().for_each(|input| turn.queue(input));
    }

    /// What follows from the loss of legs, in the order of their weight; then everybody hears what he should.
    fn go_on_without(&mut self, lost: &BTreeSet<LegId>, turn: &mut Turn) {
        let is_lost = |leg: LegId| lost.contains(&leg);
        if let Some(transfer) = self.transfer.filter(|transfer| is_lost(transfer.to)) {
            if transfer.from.is_some_and(is_lost) {
                self.transfer = None;
                turn.log(CallEvent::TransferLost);
            } else {
                self.transfer_failed(transfer, turn);
            }
        }
        if let Some(consult) = self.consult {
            match (is_lost(consult.from), is_lost(consult.to)) {
                (true, _) if self.peer == Some(consult.from) && consult.answered && !is_lost(consult.to) => {
                    return self.asker_left(consult, turn);
                }
                (_, true) => {
                    self.consult = None;
                    turn.log(CallEvent::ConsultEnded { to: consult.to });
                }
                _ => {}
            }
        }
        if let Some(third) = self.third.filter(|third| is_lost(*third)) {
            self.left_conference(third, turn);
        }
        if let Some(peer) = self.peer.filter(|peer| is_lost(*peer)) {
            return self.left(peer, turn);
        }
        if let Some(leg) = self.dialled.filter(|leg| is_lost(*leg)) {
            self.dialled = None;
            return match self.plan {
                Some(_) => self.tell_plan(PlanInput::Dial(DialResult::NoAnswer), turn),
                None => self.end_direct(leg, turn),
            };
        }
        if self.peer.is_some() {
            self.hear_again(turn);
        } else if self.plan.is_none() && self.transfer.is_none() {
            self.end_direct(self.anchor, turn);
        }
    }

    fn end_direct(&mut self, _: LegId, turn: &mut Turn) {
        self.end(super::EndedBy::System, liandong_dialplans::Cause::Failed, turn);
    }

    /// Bridge, music, mix: as the state says.
    fn hear_again(&mut self, turn: &mut Turn) {
        match (self.consult, self.third, self.peer) {
            (Some(consult), ..) => {
                if let Some(waits) = self.facing(consult.from) {
                    self.play_music(waits, turn);
                }
                if consult.answered {
                    turn.media(MediaCommand::Bridge(consult.from, consult.to));
                } else {
                    self.play_own(consult.from, RINGBACK, turn);
                }
            }
            (None, Some(third), Some(peer)) => turn.media(MediaCommand::Conference(vec![self.anchor, peer, third])),
            _ => self.sound(turn),
        }
        self.tracks(turn);
    }
}
