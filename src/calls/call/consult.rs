//! Consultation 咨询 and three-way talk 三方通话: an agent asks a third party while the other side waits with music, then
//! hands over, comes back, or brings all together.
//!
//! ```text
//! talk ──consult──▶ asking ──answers──▶ asked ──complete, or the agent hangs up──▶ talk without the agent
//!   ▲                 │ │                │  └──conference──▶ three ──one leaves──▶ talk of the other two
//!   └──cancel, fails──┘ └─hangs up─▶ blind transfer    ▲
//!   └────────cancel, the third leaves──┴───────────────┘ (the third leaves)
//! ```

use serde::{Deserialize, Serialize};

use super::talk::Transfer;
use super::{Call, CallEvent, DIRECT_RING, EndedBy, LegId, LegState, MediaCommand, Party, Refusal, Turn};
use crate::calls::queue::Input as QueueInput;
use crate::ids::PersonId;

/// What the agent who asks hears until the third party answers.
pub const RINGBACK: &str = "ringback";

/// A consultation under way.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(super) struct Consult {
    /// Whose it is.
    pub(super) from: LegId,
    pub(super) to: LegId,
    /// The two hear each other.
    pub(super) answered: bool,
}

/// How far a consultation is, for screens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ThirdParty {
    /// Being called.
    Ringing,
    /// Talks with the agent; the other side hears music.
    Asked,
    /// All three hear each other.
    Together,
}

impl Call {
    /// The third party's leg and how far it is.
    pub fn third_party(&self) -> Option<(LegId, ThirdParty)> {
        let asked = self.consult.map(|consult| {
            let how = if consult.answered { ThirdParty::Asked } else { ThirdParty::Ringing };
            (consult.to, how)
        });
        asked.or(self.third.map(|leg| (leg, ThirdParty::Together)))
    }

    /// The leg of the agent who may pass the talk on or bring in a third: either side of a call without a plan, else the
    /// one who is not the caller.
    pub(super) fn passing_leg(&self, by: PersonId) -> Result<LegId, Refusal> {
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
        let replaceable = self.peer == Some(leg) || leg == self.anchor && self.plan.is_none() && self.peer.is_some();
        if replaceable { Ok(leg) } else { Err(Refusal::NotInCall) }
    }

    pub(super) fn begin_consult(&mut self, by: PersonId, to: Party, turn: &mut Turn) -> Result<(), Refusal> {
        let from = self.passing_leg(by)?;
        self.book_all(turn.now.mono);
        let leg = self.invite(to.role(), to, DIRECT_RING, turn).ok_or(Refusal::TooManyLegs)?;
        self.part_bridge(turn);
        self.consult = Some(Consult { from, to: leg, answered: false });
        if let Some(waits) = self.facing(from) {
            self.play_music(waits, turn);
        }
        self.play_own(from, RINGBACK, turn);
        turn.log(CallEvent::ConsultStarted { from, to: leg });
        Ok(())
    }

    /// The third party picked up: it talks with the agent.
    pub(super) fn consult_answered(&mut self, turn: &mut Turn) {
        self.book_all(turn.now.mono);
        let Some(consult) = &mut self.consult else { return };
        consult.answered = true;
        let (from, to) = (consult.from, consult.to);
        turn.media(MediaCommand::Bridge(from, to));
        self.tracks(turn);
    }

    /// The third party takes the agent's place.
    pub(super) fn complete(&mut self, by: PersonId, turn: &mut Turn) -> Result<(), Refusal> {
        let consult = self.consult_of(by)?;
        if !consult.answered {
            return Err(Refusal::NotAnswered);
        }
        self.book_all(turn.now.mono);
        self.consult = None;
        self.hand_over(consult.from, consult.to, turn);
        Ok(())
    }

    /// The agent comes back to the one who waits.
    pub(super) fn cancel_consult(&mut self, by: PersonId, turn: &mut Turn) -> Result<(), Refusal> {
        let consult = self.consult_of(by)?;
        self.book_all(turn.now.mono);
        self.release_third(consult, turn);
        self.drop_leg(consult.to, turn);
        self.consult_over(consult.to, turn);
        Ok(())
    }

    /// All three together.
    pub(super) fn join_all(&mut self, by: PersonId, turn: &mut Turn) -> Result<(), Refusal> {
        let consult = self.consult_of(by)?;
        if !consult.answered {
            return Err(Refusal::NotAnswered);
        }
        let Some(peer) = self.peer else { return Err(Refusal::NotInCall) };
        self.book_all(turn.now.mono);
        (self.consult, self.third) = (None, Some(consult.to));
        turn.media(MediaCommand::Conference(vec![self.anchor, peer, consult.to]));
        self.tracks(turn);
        if let Some(agent) = self.queued_agent(consult.to) {
            turn.queue(QueueInput::Connected { agent, call: self.id });
        }
        turn.log(CallEvent::Conference { with: consult.to });
        Ok(())
    }

    fn consult_of(&self, by: PersonId) -> Result<Consult, Refusal> {
        let leg = self.talking_leg(by)?;
        self.consult.filter(|consult| consult.from == leg).ok_or(Refusal::NoConsult)
    }

    /// The queue's hold on an agent who was asked.
    fn release_third(&mut self, consult: Consult, turn: &mut Turn) {
        let Some(agent) = self.queued_agent(consult.to) else { return };
        let call = self.id;
        turn.queue(if self.state(consult.to) == LegState::Up {
            QueueInput::TalkEnded { agent, call }
        } else {
            QueueInput::Release { agent, call }
        });
    }

    /// The third party is gone or was sent away: back to the one who waits.
    pub(super) fn consult_over(&mut self, to: LegId, turn: &mut Turn) {
        self.consult = None;
        turn.log(CallEvent::ConsultEnded { to });
        self.stage_all(turn.now.mono);
        self.sound(turn);
        self.tracks(turn);
    }

    /// The agent who asked is gone (his leg is over, or is dropped by this). Who waits is not lost: whoever was asked takes
    /// him, or, where it still rings, is waited for.
    pub(super) fn asker_left(&mut self, consult: Consult, turn: &mut Turn) {
        self.consult = None;
        if consult.answered {
            return self.hand_over(consult.from, consult.to, turn);
        }
        self.agent_free(consult.from, turn);
        self.step_out(consult.from);
        self.transfer = Some(Transfer { from: None, to: consult.to });
        turn.log(CallEvent::TransferStarted { from: consult.from, to: consult.to });
    }

    /// `to` takes the place of `from` in the talk.
    pub(super) fn hand_over(&mut self, from: LegId, to: LegId, turn: &mut Turn) {
        self.agent_free(from, turn);
        self.drop_leg(from, turn);
        self.step_out(from);
        turn.log(CallEvent::HandedOver { to });
        self.connect(to, turn);
    }

    /// Takes a leg out of the two who talk; the other is the one who stays.
    pub(super) fn step_out(&mut self, leg: LegId) {
        if leg == self.anchor
            && let Some(peer) = self.peer
        {
            self.anchor = peer;
        }
        self.peer = None;
        self.holders.clear();
    }

    /// One of three has left: the other two go on. False if he was none of three whom the others can do without.
    pub(super) fn left_conference(&mut self, leg: LegId, turn: &mut Turn) -> bool {
        let (Some(third), Some(peer)) = (self.third, self.peer) else { return false };
        let citizen_left = leg == self.anchor && self.legs.get(&leg).and_then(super::Leg::agent).is_none();
        if citizen_left || ![self.anchor, peer, third].contains(&leg) {
            return false;
        }
        self.agent_free(leg, turn);
        self.holders.remove(&leg);
        self.third = None;
        if leg == self.anchor {
            (self.anchor, self.peer) = (peer, Some(third));
        } else if leg == peer {
            self.peer = Some(third);
        }
        self.stage_all(turn.now.mono);
        self.sound(turn);
        self.tracks(turn);
        if leg != third
            && let Some(role) = self.legs.get(&third).map(|leg| leg.role.clone())
        {
            turn.log(CallEvent::Connected { leg: third, role });
        }
        true
    }

    /// Whose speech lies on which track of the recording: on the left the one who stays, on the right whoever talks with
    /// him. What an agent and the third party say to each other is not for the caller's recording.
    pub(super) fn tracks(&self, turn: &mut Turn) {
        if !self.recording {
            return;
        }
        let right = match self.consult {
            Some(_) => Vec::new(),
            None => self.peer.into_iter().chain(self.third).collect(),
        };
        turn.media(MediaCommand::Tracks { left: self.anchor, right });
    }

    /// The call ends: nobody is asked any more.
    pub(super) fn give_up_third(&mut self) {
        (self.consult, self.third) = (None, None);
    }

    /// The one who waits is gone while the agent asks: nothing is left to ask about.
    pub(super) fn waiting_side_left(&mut self, turn: &mut Turn) {
        let by = if self.anchor == super::CALLER { EndedBy::Callee } else { EndedBy::Caller };
        self.end(by, liandong_dialplans::Cause::Normal, turn);
    }
}
