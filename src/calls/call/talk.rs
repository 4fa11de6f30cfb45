//! The talk: connecting, hold, transfer, leaving. Consultation and three-way talk are in [`super::consult`].

use liandong_dialplans::{Cause, Input as PlanInput, Millis};
use serde::{Deserialize, Serialize};

use super::{
    CALLER, Call, CallEvent, DIRECT_RING, EndedBy, LegId, LegState, MediaCommand, Party, Phase, Refusal, Turn,
};
use crate::calls::queue::{Input as QueueInput, Reason};
use crate::ids::PersonId;

/// A blind transfer under way.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(super) struct Transfer {
    /// The agent who transfers; `None` once he has left.
    pub(super) from: Option<LegId>,
    pub(super) to: LegId,
}

/// What a leg is doing, for the books.
enum Doing {
    Talk,
    Hold,
    Nothing,
}

impl Call {
    /// The one who stays and `leg` hear each other from now on.
    pub(super) fn connect(&mut self, leg: LegId, turn: &mut Turn) {
        let call = self.id;
        for other in [self.offered.take(), self.dialled.take()].into_iter().flatten().filter(|other| *other != leg) {
            self.drop_leg(other, turn);
        }
        (self.in_queue, self.peer) = (false, Some(leg));
        self.holders.clear();
        turn.media(MediaCommand::Bridge(self.anchor, leg));
        self.stage_all(turn.now.mono);
        if let Some(agent) = self.queued_agent(leg) {
            turn.queue(QueueInput::Connected { agent, call });
        }
        let first = !std::mem::replace(&mut self.served, true);
        if first && self.record_direct {
            self.recording = true;
            turn.media(MediaCommand::Record { on: true });
            turn.log(CallEvent::Recording { on: true });
        }
        self.tracks(turn);
        let role = self.legs[&leg].role.clone();
        turn.log(CallEvent::Connected { leg, role });
    }

    /// Everybody in the talk begins a new stage (talk, hold) now.
    pub(super) fn stage_all(&mut self, now: Millis) {
        for id in self.in_talk() {
            if let Some(leg) = self.legs.get_mut(&id) {
                leg.stage_since = now;
            }
        }
    }

    /// The legs that have a part in the talk.
    fn in_talk(&self) -> Vec<LegId> {
        let asked = self.consult.map(|consult| consult.to);
        [Some(self.anchor), self.peer, self.third, asked].into_iter().flatten().collect()
    }

    fn doing(&self, id: LegId) -> Doing {
        if self.peer.is_none() || !self.in_talk().contains(&id) {
            return Doing::Nothing;
        }
        if let Some(consult) = self.consult {
            return match id {
                // The wait of the other side is his doing.
                _ if id == consult.from => Doing::Hold,
                _ if id == consult.to && consult.answered => Doing::Talk,
                _ => Doing::Nothing,
            };
        }
        match self.holders.contains(&id) {
            _ if self.transfer.is_some() => Doing::Nothing,
            true => Doing::Hold,
            false if self.holders.is_empty() || self.third.is_some() => Doing::Talk,
            false => Doing::Nothing,
        }
    }

    /// Adds the stage that ends now to the times of a leg: hold to the one who holds, talk to those who talk.
    pub(super) fn book(&mut self, id: LegId, now: Millis) {
        let doing = self.doing(id);
        let Some(leg) = self.legs.get_mut(&id) else { return };
        let took = now - leg.stage_since;
        leg.stage_since = now;
        match doing {
            Doing::Hold => leg.hold = leg.hold + took,
            Doing::Talk => {
                leg.talk = leg.talk + took;
                if id == self.anchor {
                    self.talked = self.talked + took;
                }
            }
            Doing::Nothing => {}
        }
    }

    pub(super) fn book_all(&mut self, now: Millis) {
        for id in self.in_talk() {
            self.book(id, now);
        }
    }

    /// The other of the two who talk.
    pub(super) fn facing(&self, leg: LegId) -> Option<LegId> {
        if leg == self.anchor { self.peer } else { Some(self.anchor).filter(|_| self.peer == Some(leg)) }
    }

    /// Whom a leg's keys go to: the one it hears.
    pub(super) fn other(&self, leg: LegId) -> Option<LegId> {
        match self.consult.filter(|consult| consult.answered) {
            Some(consult) if leg == consult.from => Some(consult.to),
            Some(consult) if leg == consult.to => Some(consult.from),
            _ if self.third == Some(leg) => Some(self.anchor),
            _ => self.facing(leg),
        }
    }

    /// The leg on which an agent talks in this call.
    pub(super) fn talking_leg(&self, agent: PersonId) -> Result<LegId, Refusal> {
        let his = |leg: &LegId| self.legs.get(leg).and_then(super::Leg::agent) == Some(agent);
        let asked = self.consult.filter(|consult| consult.answered).map(|consult| consult.to);
        let talks = [self.peer, self.peer.map(|_| self.anchor), self.third, asked];
        talks.into_iter().flatten().find(his).ok_or(Refusal::NotInCall)
    }

    pub(super) fn hold_by(&mut self, by: PersonId, on: bool, turn: &mut Turn) -> Result<(), Refusal> {
        let leg = self.talking_leg(by)?;
        if self.transfer.is_some() {
            return Err(Refusal::Transferring);
        }
        if self.consult.is_some() {
            return Err(Refusal::Consulting);
        }
        if self.third.is_some() {
            return Err(Refusal::InConference);
        }
        if self.holders.contains(&leg) == on {
            return Err(Refusal::Already);
        }
        self.hold(leg, on, turn);
        Ok(())
    }

    /// A party holds the other, or takes it back.
    pub(super) fn hold(&mut self, leg: LegId, on: bool, turn: &mut Turn) {
        if self.facing(leg).is_none() || self.holders.contains(&leg) == on {
            return;
        }
        self.book_all(turn.now.mono);
        // With a third party about, others hear something else already; a hold shows when it has gone.
        let two = self.transfer.is_none() && self.consult.is_none() && self.third.is_none();
        if two {
            self.part_bridge(turn);
        }
        if on {
            self.holders.insert(leg)
        } else {
            self.holders.remove(&leg)
        };
        turn.log(if on { CallEvent::Held { by: leg } } else { CallEvent::Resumed { by: leg } });
        if let Some(agent) = self.legs.get(&leg).and_then(super::Leg::agent) {
            turn.queue(QueueInput::Held { agent, call: self.id, on });
        }
        if two {
            self.sound(turn);
        }
    }

    /// The two who hear each other hear each other no longer.
    pub(super) fn part_bridge(&self, turn: &mut Turn) {
        if let Some(peer) = self.peer.filter(|_| self.holders.is_empty()) {
            turn.media(MediaCommand::Unbridge(self.anchor, peer));
        }
    }

    /// Music to whoever is held, or the bridge when nobody is.
    pub(super) fn sound(&mut self, turn: &mut Turn) {
        let Some(peer) = self.peer else { return };
        if self.holders.is_empty() {
            turn.media(MediaCommand::Bridge(self.anchor, peer));
            return;
        }
        for leg in [self.anchor, peer] {
            if self.holders.contains(&leg) {
                turn.media(MediaCommand::StopPlay(leg));
            } else {
                self.play_music(leg, turn);
            }
        }
    }

    /// A codec or address changed: the media look at those who hear each other again.
    pub(super) fn renew_bridge(&mut self, turn: &mut Turn) {
        match (self.consult, self.third, self.peer) {
            (Some(consult), ..) if consult.answered => turn.media(MediaCommand::Bridge(consult.from, consult.to)),
            (None, Some(third), Some(peer)) => turn.media(MediaCommand::Conference(vec![self.anchor, peer, third])),
            (None, None, Some(peer)) if self.holders.is_empty() && self.transfer.is_none() => {
                turn.media(MediaCommand::Bridge(self.anchor, peer));
            }
            _ => {}
        }
    }

    pub(super) fn transfer(&mut self, by: PersonId, to: Party, turn: &mut Turn) -> Result<(), Refusal> {
        let from = self.passing_leg(by)?;
        self.book_all(turn.now.mono);
        let leg = self.invite(to.role(), to, DIRECT_RING, turn).ok_or(Refusal::TooManyLegs)?;
        self.part_bridge(turn);
        self.transfer = Some(Transfer { from: Some(from), to: leg });
        for waits in [Some(self.anchor), self.peer].into_iter().flatten() {
            self.play_music(waits, turn);
        }
        turn.log(CallEvent::TransferStarted { from, to: leg });
        Ok(())
    }

    pub(super) fn cancel_transfer(&mut self, by: PersonId, turn: &mut Turn) -> Result<(), Refusal> {
        self.talking_leg(by)?;
        let transfer = self.transfer.ok_or(Refusal::NoTransfer)?;
        self.release_target(transfer, turn);
        self.drop_leg(transfer.to, turn);
        self.transfer_failed(transfer, turn);
        Ok(())
    }

    /// The queue's hold on an agent who was the target of a transfer.
    fn release_target(&mut self, transfer: Transfer, turn: &mut Turn) {
        if let Some(agent) = self.queued_agent(transfer.to) {
            turn.queue(QueueInput::Release { agent, call: self.id });
        }
    }

    /// The target answered: it takes the agent's place.
    pub(super) fn transfer_answered(&mut self, turn: &mut Turn) {
        self.book_all(turn.now.mono);
        let Some(transfer) = self.transfer.take() else { return };
        if let Some(from) = transfer.from {
            self.agent_free(from, turn);
            self.drop_leg(from, turn);
            self.step_out(from);
        }
        self.connect(transfer.to, turn);
    }

    /// The target did not come: back together, or, with the agent gone, on with the plan and a call-back due.
    pub(super) fn transfer_failed(&mut self, transfer: Transfer, turn: &mut Turn) {
        self.transfer = None;
        turn.log(CallEvent::TransferFailed { to: transfer.to });
        if transfer.from.is_some() {
            self.stage_all(turn.now.mono);
            return self.sound(turn);
        }
        turn.log(CallEvent::TransferLost);
        self.talk_over(EndedBy::Callee, turn);
    }

    /// The agent is free of this call, as far as the queue is concerned.
    pub(super) fn agent_free(&mut self, leg: LegId, turn: &mut Turn) {
        if let Some(agent) = self.legs.get(&leg).and_then(super::Leg::agent) {
            turn.queue(QueueInput::TalkEnded { agent, call: self.id });
        }
    }

    pub(super) fn agent_hangs_up(&mut self, by: PersonId, turn: &mut Turn) -> Result<(), Refusal> {
        let leg = self.talking_leg(by)?;
        self.drop_leg(leg, turn);
        self.left(leg, turn);
        Ok(())
    }

    /// A leg that was up (or not yet answered by us) is gone.
    pub(super) fn left(&mut self, leg: LegId, turn: &mut Turn) {
        if self.phase != Phase::Live {
            return;
        }
        self.book_all(turn.now.mono);
        self.muted.remove(&leg);
        if self.left_conference(leg, turn) || self.left_in_passing(leg, turn) {
            return;
        }
        if leg == self.anchor {
            self.caller_left(turn);
        } else if self.peer == Some(leg) {
            self.peer_left(leg, turn);
        } else if self.offered == Some(leg) {
            // Picked up and gone before the caller heard him.
            self.offered = None;
            if let Some(agent) = self.queued_agent(leg) {
                turn.queue(QueueInput::AgentFailed { agent, call: self.id, why: Reason::Declined });
            }
        }
    }

    /// A leg left while the talk was being passed on, or a third party asked.
    fn left_in_passing(&mut self, leg: LegId, turn: &mut Turn) -> bool {
        if let Some(consult) = self.consult {
            if leg == consult.to {
                self.agent_free(leg, turn);
                self.consult_over(leg, turn);
            } else if leg == consult.from {
                self.asker_left(consult, turn);
            } else if self.peer == Some(leg) {
                self.waiting_side_left(turn);
            } else {
                return false; // the caller: everything ends
            }
            return true;
        }
        match self.transfer {
            // A blind transfer in the old way: he does not wait for its end. Who stays goes on hearing music.
            Some(Transfer { from: Some(from), to }) if from == leg => {
                self.agent_free(leg, turn);
                self.step_out(leg);
                self.transfer = Some(Transfer { from: None, to });
                true
            }
            Some(_) if self.peer == Some(leg) => {
                self.waiting_side_left(turn);
                true
            }
            _ => false,
        }
    }

    fn caller_left(&mut self, turn: &mut Turn) {
        self.tell_plan(PlanInput::CallerHungUp, turn);
        let by = if self.anchor == CALLER { EndedBy::Caller } else { EndedBy::Callee };
        self.end(by, Cause::Normal, turn);
    }

    fn peer_left(&mut self, leg: LegId, turn: &mut Turn) {
        self.agent_free(leg, turn);
        self.talk_over(EndedBy::Callee, turn);
    }

    /// The caller is alone again.
    fn talk_over(&mut self, by: EndedBy, turn: &mut Turn) {
        let peer = self.peer.take();
        if let Some(peer) = peer.filter(|_| self.holders.is_empty()) {
            turn.media(MediaCommand::Unbridge(self.anchor, peer));
        }
        self.holders.clear();
        if self.plan.is_some() && self.state(self.anchor) == LegState::Up {
            self.tell_plan(PlanInput::TalkEnded, turn);
        } else {
            self.end(by, Cause::Normal, turn);
        }
    }
}
