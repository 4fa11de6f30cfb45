//! Legs on disk, and taken up again after the hub was killed: the dialog, the way to the peer, the media's addresses and
//! codecs. Kept is a leg that was answered; its peer notices nothing of a restart but a second's silence.
//!
//! A browser's media do not outlive us (their keys are of one association): its leg waits, as after a lost connection,
//! until the page has registered again, and is then invited anew.
//!
//! Must not know: where it is kept, what the call is for.

use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};
use std::net::SocketAddr;

use liandong_sip::dialog::SavedDialog;
use liandong_sip::session_timer::SessionTimer;
use liandong_sip::{Dialog, Flow, Millis, Transport};
use serde::{Deserialize, Serialize};

use super::StoredLeg;
use super::core::{CallFacts, Change, Core, DETACHED_MS};
use super::kept_media::KeptMedia;
use super::leg::{Leg, LegKey, Phase, is_browser};
use crate::ids::PersonId;

/// A leg as it is kept.
#[derive(Debug, Serialize, Deserialize)]
struct KeptLeg {
    dialog: KeptDialog,
    agent: Option<PersonId>,
    is_trunk: bool,
    held: bool,
    takes_update: bool,
    /// Seconds, and whether we refresh.
    session: Option<(u32, bool)>,
    transport: String,
    local: SocketAddr,
    remote: SocketAddr,
    /// None for a browser.
    media: Option<KeptMedia>,
    caller: String,
    display: String,
    hops: Option<u8>,
}

/// [`SavedDialog`] for the disk.
#[derive(Debug, Serialize, Deserialize)]
struct KeptDialog {
    call_id: String,
    is_caller: bool,
    local: String,
    remote: String,
    contact: String,
    target: String,
    routes: Vec<String>,
    local_cseq: u32,
    remote_cseq: Option<u32>,
}

impl KeptDialog {
    fn of(dialog: &Dialog) -> Self {
        let saved = dialog.save();
        let SavedDialog { call_id, is_caller, local, remote, contact, target, routes, local_cseq, remote_cseq, .. } =
            saved;
        Self { call_id, is_caller, local, remote, contact, target, routes, local_cseq, remote_cseq }
    }

    fn restore(self) -> Option<Dialog> {
        let Self { call_id, is_caller, local, remote, contact, target, routes, local_cseq, remote_cseq } = self;
        let is_confirmed = true; // its 200 had left
        let saved = SavedDialog {
            call_id,
            is_caller,
            is_confirmed,
            local,
            remote,
            contact,
            target,
            routes,
            local_cseq,
            remote_cseq,
        };
        Dialog::restore(&saved).ok()
    }
}

/// Keeping.
impl Core {
    /// Keeps a leg where it has changed since it was kept last. One that is not answered is not kept.
    pub(super) fn keep(&mut self, key: LegKey) {
        let Some(detail) = self.legs.get(&key).and_then(|leg| self.kept_form(key, leg)) else { return };
        let mut hasher = DefaultHasher::new();
        detail.hash(&mut hasher);
        let mark = Some(hasher.finish());
        let Some(leg) = self.legs.get_mut(&key).filter(|leg| leg.kept != mark) else { return };
        leg.kept = mark;
        self.save(vec![Change::KeepLeg { key, detail }]);
    }

    fn kept_form(&self, key: LegKey, leg: &Leg) -> Option<String> {
        if !matches!(leg.phase, Phase::Up | Phase::Unacked { hang_up: false, .. }) {
            return None;
        }
        let (dialog, flow) = (leg.dialog.as_ref()?, leg.flow?);
        let facts = self.calls.get(&key.call).cloned().unwrap_or_default();
        let form = KeptLeg {
            dialog: KeptDialog::of(dialog),
            agent: leg.agent,
            is_trunk: leg.is_trunk,
            held: leg.held,
            takes_update: leg.takes_update,
            session: leg.session.map(|timer| (timer.interval, timer.is_ours)),
            transport: flow.transport.as_str().to_owned(),
            local: flow.local,
            remote: flow.remote,
            media: leg.media.clone(),
            caller: facts.caller,
            display: facts.display,
            hops: facts.hops,
        };
        serde_json::to_string(&form).ok()
    }

    /// Takes a kept leg up at the start; its media, where it is a plain one's. `None` if nothing can be made of it.
    pub(super) fn restore_leg(&mut self, stored: &StoredLeg, now: Millis) -> Option<(LegKey, Option<KeptMedia>)> {
        let key = LegKey { call: stored.call, leg: stored.leg };
        let kept: KeptLeg = serde_json::from_str(&stored.detail).ok()?;
        let transport = Transport::parse(&kept.transport)?;
        let dialog = kept.dialog.restore()?;
        let flow = Flow::udp(kept.local, kept.remote);
        let browser = is_browser(Flow { transport, ..flow });
        if self.legs.contains_key(&key) || !browser && kept.media.is_none() {
            return None;
        }
        // A connection does not outlive us; over UDP there was none.
        let mut leg = Leg::new(Phase::Up, (transport == Transport::Udp).then_some(flow));
        leg.agent = kept.agent;
        leg.is_trunk = kept.is_trunk;
        leg.held = kept.held;
        leg.takes_update = kept.takes_update;
        leg.session = kept.session.map(|(interval, is_ours)| SessionTimer::again(interval, is_ours, now));
        leg.media = kept.media.clone().filter(|_| !browser);
        (leg.media_lost, leg.returns) = (browser, browser);
        leg.detached_until = browser.then(|| now.plus(DETACHED_MS));
        self.dialogs.insert(dialog.id().clone(), key);
        leg.dialog = Some(dialog);
        let facts = self.calls.entry(key.call).or_insert_with(|| CallFacts {
            legs: 0,
            caller: kept.caller,
            display: kept.display,
            hops: kept.hops,
        });
        facts.legs += 1;
        self.legs.insert(key, leg);
        self.settle(key);
        Some((key, kept.media.filter(|_| !browser)))
    }

    /// The agent's browser has registered again after a restart: it is invited to the legs that wait for it.
    pub(super) fn invite_returned(&mut self, agent: PersonId, now: Millis) {
        let waits = |leg: &Leg| leg.agent == Some(agent) && leg.returns && leg.media_lost;
        let legs: Vec<LegKey> = self.legs.iter().filter(|(_, leg)| waits(leg)).map(|(key, _)| *key).collect();
        for key in legs {
            self.reattach(key, true, now);
        }
    }
}
