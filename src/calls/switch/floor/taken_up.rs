//! Running calls on the disk, and taken up again after the hub was killed.

use std::collections::{BTreeMap, BTreeSet};

use liandong_dialplans::Now;
use serde::{Deserialize, Serialize};

use super::{Floor, Live, Out};
use crate::calls::call::{Call, KeptCall, LegCommand, LegId, LegState};
use crate::calls::switch::facts::Facts;
use crate::events::ActorRef;
use crate::events::calls::CallsEvent;
use crate::ids::CallId;

/// A running call as it lies on the disk.
#[derive(Deserialize)]
struct Kept {
    call: KeptCall,
    facts: Facts,
}

impl Floor {
    /// Writes a call where its gist has changed.
    pub(super) fn keep(&mut self, id: CallId) {
        #[derive(Serialize)]
        struct Keeping<'a, C> {
            call: C,
            facts: &'a Facts,
        }
        let Some(live) = self.live.get_mut(&id) else { return };
        let gist = live.call.gist();
        if live.kept == gist {
            return;
        }
        let text =
            gist.as_ref().map(|_| serde_json::to_string(&Keeping { call: live.call.keep(), facts: &live.facts }));
        match text.transpose() {
            Ok(text) => {
                live.kept = gist;
                self.out.push(Out::Keep(id, text));
            }
            // Not reached: all of it has a JSON form. The call goes on all the same.
            Err(error) => tracing::error!(call = %id, %error, "a running call cannot be kept"),
        }
    }

    /// Takes up what ran before, with the legs that the edge has again. Legs that belong to nothing are hung up. Answers
    /// with the calls that go on.
    pub fn take_up(
        &mut self,
        kept: Vec<(CallId, String)>,
        legs: &[(CallId, LegId)],
        now: Now,
    ) -> (Vec<CallId>, Vec<Out>) {
        let mut there: BTreeMap<CallId, BTreeSet<LegId>> = BTreeMap::new();
        for (call, leg) in legs {
            there.entry(*call).or_default().insert(*leg);
        }
        let mut taken = Vec::new();
        for (id, text) in kept {
            let legs = there.get(&id).cloned().unwrap_or_default();
            if self.take_up_one(id, &text, &legs, now) {
                taken.push(id);
            }
        }
        for (call, leg) in legs {
            let up = |live: &Live| live.call.legs().any(|(id, _, state)| id == *leg && state == LegState::Up);
            if !self.live.get(call).is_some_and(up) {
                self.out.push(Out::Leg(*call, *leg, LegCommand::HangUp));
            }
        }
        (taken, self.take())
    }

    fn take_up_one(&mut self, id: CallId, text: &str, there: &BTreeSet<LegId>, now: Now) -> bool {
        let kept: Kept = match serde_json::from_str(text) {
            Ok(kept) => kept,
            Err(error) => {
                tracing::warn!(call = %id, %error, "a running call was written by another version and is not taken up");
                return false;
            }
        };
        let Some((call, effects)) = Call::take_up(kept.call, &self.plans, there, now) else { return false };
        self.live.insert(id, Live { call, facts: kept.facts, plays: BTreeMap::new(), due: None, kept: None });
        self.log(Some(id), CallsEvent::TakenUp {}, ActorRef::part("system", "话务交换"), now);
        self.perform(id, effects, now);
        self.work(now);
        true
    }
}
