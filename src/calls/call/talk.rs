//! The talk: connecting, hold, transfer, leaving.

use liandong_dialplans::{Cause, Input as PlanInput, Millis};

use super::{
    CALLER, Call, CallEvent, DIRECT_RING, EndedBy, LegId, LegState, MediaCommand, Party, Phase, Refusal, Role, Turn,
};
use crate::calls::queue::{Input as QueueInput, Reason};
use crate::ids::PersonId;

/// A blind transfer under way.
#[derive(Debug, Clone, Copy)]
pub(super) struct Transfer {
    /// The agent who transfers; `None` once he has left.
    from: Option<LegId>,
    pub(super) to: LegId,
}

impl Call {
    /// Caller and `leg` hear each other from now on.
    pub(super) fn connect(&mut self, leg: LegId, turn: &mut Turn) {
        let call = self.id;
        for other in [self.offered.take(), self.dialled.take()].into_iter().flatten().filter(|other| *other != leg) {
            self.drop_leg(other, turn);
        }
        (self.in_queue, self.peer) = (false, Some(leg));
        self.holders.clear();
        turn.media(MediaCommand::Bridge(CALLER, leg));
        self.stage(turn.now.mono);
        if let Some(agent) = self.queued_agent(leg) {
            turn.queue(QueueInput::Connected { agent, call });
        }
        let first = !std::mem::replace(&mut self.served, true);
        if first && self.record_direct {
            self.recording = true;
            turn.media(MediaCommand::Record { on: true });
            turn.log(CallEvent::Recording { on: true });
        }
        let role = self.legs[&leg].role.clone();
        turn.log(CallEvent::Connected { leg, role });
    }

    /// The two who talk begin a new stage (talk, hold) now.
    fn stage(&mut self, now: Millis) {
        for id in [Some(CALLER), self.peer].into_iter().flatten() {
            if let Some(leg) = self.legs.get_mut(&id) {
                leg.stage_since = now;
            }
        }
    }

    /// Adds the stage that ends now to the times of a leg: hold to the one who holds, talk to both.
    pub(super) fn book(&mut self, id: LegId, now: Millis) {
        let in_talk = self.peer.is_some() && (id == CALLER || self.peer == Some(id));
        let held = !self.holders.is_empty() || self.transfer.is_some();
        let holds = self.holders.contains(&id);
        let Some(leg) = self.legs.get_mut(&id).filter(|_| in_talk) else { return };
        let took = now - leg.stage_since;
        leg.stage_since = now;
        if holds {
            leg.hold = leg.hold + took;
        } else if !held {
            leg.talk = leg.talk + took;
        }
    }

    fn book_both(&mut self, now: Millis) {
        for id in [Some(CALLER), self.peer].into_iter().flatten() {
            self.book(id, now);
        }
    }

    pub(super) fn other(&self, leg: LegId) -> Option<LegId> {
        if leg == CALLER { self.peer } else { Some(CALLER) }
    }

    /// The leg on which an agent talks in this call.
    pub(super) fn talking_leg(&self, agent: PersonId) -> Result<LegId, Refusal> {
        let his = |leg: &LegId| self.legs.get(leg).and_then(super::Leg::agent) == Some(agent);
        let talks = [self.peer, self.peer.map(|_| CALLER)].into_iter().flatten().find(his);
        talks.ok_or(Refusal::NotInCall)
    }

    pub(super) fn hold_by(&mut self, by: PersonId, on: bool, turn: &mut Turn) -> Result<(), Refusal> {
        let leg = self.talking_leg(by)?;
        if self.transfer.is_some() {
            return Err(Refusal::Transferring);
        }
        if self.holders.contains(&leg) == on {
            return Err(Refusal::Already);
        }
        self.hold(leg, on, turn);
        Ok(())
    }

    /// A party holds the other, or takes it back.
    pub(super) fn hold(&mut self, leg: LegId, on: bool, turn: &mut Turn) {
        let Some(peer) = self.peer.filter(|peer| leg == CALLER || *peer == leg) else { return };
        if self.holders.contains(&leg) == on {
            return;
        }
        self.book_both(turn.now.mono);
        let bridged = self.holders.is_empty() && self.transfer.is_none();
        if on {
            self.holders.insert(leg)
        } else {
            self.holders.remove(&leg)
        };
        turn.log(if on { CallEvent::Held { by: leg } } else { CallEvent::Resumed { by: leg } });
        if let Some(agent) = self.legs.get(&leg).and_then(super::Leg::agent) {
            turn.queue(QueueInput::Held { agent, call: self.id, on });
        }
        if self.transfer.is_some() {
            return; // both hear music already, until the transfer has ended
        }
        if bridged {
            turn.media(MediaCommand::Unbridge(CALLER, peer));
        }
        self.sound(turn);
    }

    /// Music to whoever is held, or the bridge when nobody is.
    fn sound(&mut self, turn: &mut Turn) {
        let Some(peer) = self.peer else { return };
        if self.holders.is_empty() {
            turn.media(MediaCommand::Bridge(CALLER, peer));
            return;
        }
        for leg in [CALLER, peer] {
            if self.holders.contains(&leg) {
                turn.media(MediaCommand::StopPlay(leg));
            } else {
                self.play_music(leg, turn);
            }
        }
    }

    /// A codec or address changed: the media look at the pair again.
    pub(super) fn renew_bridge(&mut self, turn: &mut Turn) {
        let bridged = self.holders.is_empty() && self.transfer.is_none();
        if let Some(peer) = self.peer.filter(|_| bridged) {
            turn.media(MediaCommand::Bridge(CALLER, peer));
        }
    }

    pub(super) fn transfer(&mut self, by: PersonId, to: Party, turn: &mut Turn) -> Result<(), Refusal> {
        let from = self.talking_leg(by)?;
        if self.transfer.is_some() {
            return Err(Refusal::Transferring);
        }
        let Some(peer) = self.peer.filter(|peer| *peer == from) else {
            return Err(Refusal::NotInCall); // only the other party of a caller is replaced
        };
        let role = match &to {
            Party::Agent(agent) => Role::Agent { agent: *agent },
            Party::Number(_) => Role::Number,
        };
        self.book_both(turn.now.mono);
        let leg = self.invite(role, to, DIRECT_RING, turn).ok_or(Refusal::TooManyLegs)?;
        if self.holders.is_empty() {
            turn.media(MediaCommand::Unbridge(CALLER, peer));
        }
        self.transfer = Some(Transfer { from: Some(from), to: leg });
        self.play_music(CALLER, turn);
        self.play_music(peer, turn);
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
        self.book_both(turn.now.mono);
        let Some(transfer) = self.transfer.take() else { return };
        if let Some(from) = transfer.from {
            self.agent_free(from, turn);
            self.drop_leg(from, turn);
        }
        self.connect(transfer.to, turn);
    }

    /// The target did not come: back together, or, with the agent gone, on with the plan and a call-back due.
    pub(super) fn transfer_failed(&mut self, transfer: Transfer, turn: &mut Turn) {
        self.transfer = None;
        turn.log(CallEvent::TransferFailed { to: transfer.to });
        if transfer.from.is_some() {
            self.stage(turn.now.mono);
            return self.sound(turn);
        }
        turn.log(CallEvent::TransferLost);
        self.talk_over(EndedBy::Callee, turn);
    }

    /// The agent is free of this call, as far as the queue is concerned.
    fn agent_free(&mut self, leg: LegId, turn: &mut Turn) {
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
        if leg == CALLER {
            return self.caller_left(turn);
        }
        if self.peer == Some(leg) {
            return self.peer_left(leg, turn);
        }
        if self.offered == Some(leg) {
            // Picked up and gone before the caller heard him.
            self.offered = None;
            if let Some(agent) = self.queued_agent(leg) {
                turn.queue(QueueInput::AgentFailed { agent, call: self.id, why: Reason::Declined });
            }
        }
    }

    fn caller_left(&mut self, turn: &mut Turn) {
        self.tell_plan(PlanInput::CallerHungUp, turn);
        self.end(EndedBy::Caller, Cause::Normal, turn);
    }

    fn peer_left(&mut self, leg: LegId, turn: &mut Turn) {
        self.agent_free(leg, turn);
        self.book(CALLER, turn.now.mono);
        match &mut self.transfer {
            Some(transfer) => {
                // A blind transfer in the old way: he does not wait for its end. The caller goes on hearing music.
                transfer.from = None;
                self.peer = None;
                self.holders.clear();
            }
            None => self.talk_over(EndedBy::Callee, turn),
        }
    }

    /// The caller is alone again.
    fn talk_over(&mut self, by: EndedBy, turn: &mut Turn) {
        let peer = self.peer.take();
        if let Some(peer) = peer.filter(|_| self.holders.is_empty()) {
            turn.media(MediaCommand::Unbridge(CALLER, peer));
        }
        self.holders.clear();
        if self.plan.is_some() && self.state(CALLER) == LegState::Up {
            self.tell_plan(PlanInput::TalkEnded, turn);
        } else {
            self.end(by, Cause::Normal, turn);
        }
    }
}
