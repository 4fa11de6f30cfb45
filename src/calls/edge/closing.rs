//! How legs end: hung up by either side, given up, lost. After this the switch hears nothing of a leg any more.

use liandong_sip::{DialogId, Flow, Method, Millis};

use super::answers;
use super::core::{Change, Core, DETACHED_MS, Purpose, ServerUse};
use super::leg::{BranchState, Described, Leg, LegKey, MediaJob, NoMedia, Phase, is_browser};
use super::within::is_announced;
use crate::calls::call::LegEvent;

/// By the switch.
impl Core {
    /// Cancel (`answered` is told as 487) or hang up (nothing is told).
    pub(super) fn give_up(&mut self, key: LegKey, tell: bool, now: Millis) {
        let Some(leg) = self.legs.get_mut(&key) else { return };
        match &mut leg.phase {
            Phase::Waiting(_) | Phase::Opening(_) => self.reject(key, 480, now),
            Phase::Unacked { hang_up, .. } => {
                // RFC 3261 §15: no BYE before the ACK.
                *hang_up = true;
                self.media(key, Purpose::Unheard, MediaJob::Close);
            }
            Phase::Inviting { cancelled } => {
                *cancelled = true;
                let branches: Vec<_> = leg.branches.iter().map(|branch| branch.id).collect();
                for id in branches {
                    self.cancel_branch(key, id, "SIP;cause=487;text=\"Call given up\"", now);
                }
            }
            Phase::Accepting => {
                self.say_bye(key, now);
                if tell {
                    self.emit(key, LegEvent::Failed { status: 487 });
                }
                self.remove(key);
            }
            Phase::Up => {
                self.say_bye(key, now);
                self.remove(key);
            }
        }
    }

    /// The hub goes down: every call is ended.
    pub(super) fn shut_down(&mut self, now: Millis) {
        self.draining = true;
        let keys: Vec<LegKey> = self.legs.keys().copied().collect();
        keys.into_iter().for_each(|key| self.give_up(key, false, now));
        self.drain(now);
    }
}

/// By the other side, or by accident.
impl Core {
    /// BYE came, and was answered.
    pub(super) fn bye_came(&mut self, key: LegKey, id: &DialogId, now: Millis) {
        let Some(leg) = self.legs.get_mut(&key) else { return };
        if let Phase::Waiting(invited) | Phase::Opening(invited) = &leg.phase {
            let answer = answers::refusal(&invited.request, 487, "the caller hung up");
            let server = invited.key;
            self.respond(server, answer, now);
            return self.hung_up(key);
        }
        if leg.dialog.as_ref().is_some_and(|dialog| dialog.id() == id) {
            self.cancel_branches(key, now);
            return self.hung_up(key);
        }
        // Of a branch whose media were being set.
        self.dialogs.remove(id);
        let Some(leg) = self.legs.get_mut(&key) else { return };
        let is_it = |branch: &super::leg::Branch| matches!(&branch.state, BranchState::Accepting(d) if d.id() == id);
        let reattach = leg.branches.iter().any(|branch| is_it(branch) && branch.reattach);
        leg.branches.retain(|branch| !is_it(branch));
        if !reattach {
            self.fail(key, 480);
        }
    }

    /// The leg cannot go on: BYE, and the switch is told.
    pub(super) fn lose(&mut self, key: LegKey, now: Millis) {
        self.cancel_branches(key, now);
        self.say_bye(key, now);
        self.hung_up(key);
    }

    fn cancel_branches(&mut self, key: LegKey, now: Millis) {
        let Some(leg) = self.legs.get(&key) else { return };
        let branches: Vec<_> = leg.branches.iter().map(|branch| branch.id).collect();
        for id in branches {
            self.cancel_branch(key, id, "SIP;cause=487;text=\"Call ended\"", now);
        }
    }

    fn hung_up(&mut self, key: LegKey) {
        if self.legs.get(&key).is_some_and(|leg| is_announced(&leg.phase)) {
            self.emit(key, LegEvent::HungUp);
        }
        self.remove(key);
    }

    /// An invited leg will not be.
    pub(super) fn fail(&mut self, key: LegKey, status: u16) {
        self.emit(key, LegEvent::Failed { status });
        self.remove(key);
    }

    /// Sends BYE in the leg's dialogs, if there is a way.
    pub(super) fn say_bye(&mut self, key: LegKey, now: Millis) {
        let way = self.way(key);
        let Some(leg) = self.legs.get_mut(&key) else { return };
        let mut byes = Vec::new();
        if let (Some(flow), Some(Ok(bye))) = (way, leg.dialog.as_mut().map(|dialog| dialog.request(Method::Bye))) {
            byes.push((flow, bye));
        }
        for branch in &mut leg.branches {
            if let BranchState::Accepting(dialog) = &mut branch.state
                && let Ok(bye) = dialog.request(Method::Bye)
            {
                byes.push((branch.target.flow, bye));
            }
        }
        for (flow, bye) in byes {
            // Nothing waits for the answer; overloaded, the peer's session timer ends it.
            let _ = self.endpoint.send_request(flow, bye, now);
        }
    }

    /// The connection of this leg's phone is gone.
    pub(super) fn leg_flow_lost(&mut self, key: LegKey, flow: Flow, now: Millis) {
        let Some(leg) = self.legs.get_mut(&key) else { return };
        leg.flow = None;
        if !is_browser(flow) {
            // A telephone's speech does not run over it, and it comes back on another.
            return;
        }
        if let Phase::Opening(invited) | Phase::Waiting(invited) = &leg.phase {
            let answer = answers::refusal(&invited.request, 487, "the connection is gone");
            let server = invited.key;
            self.respond(server, answer, now);
            return self.hung_up(key);
        }
        self.detach(key, now);
    }

    pub(super) fn media_lost(&mut self, key: LegKey, now: Millis) {
        if let Some(leg) = self.legs.get_mut(&key) {
            leg.media_lost = true;
            self.detach(key, now);
        }
    }

    fn detach(&mut self, key: LegKey, now: Millis) {
        if let Some(leg) = self.legs.get_mut(&key)
            && leg.detached_until.is_none()
        {
            leg.detached_until = Some(now.plus(DETACHED_MS));
        }
        self.settle(key);
    }

    /// The way to the leg's peer: where it was last heard; a trunk also where its Contact or Route says.
    pub(super) fn way(&self, key: LegKey) -> Option<Flow> {
        let leg = self.legs.get(&key)?;
        let heard = leg.flow?;
        match &leg.dialog {
            Some(dialog) if leg.is_trunk && !heard.transport.is_reliable() => Some(next_hop(dialog, heard)),
            _ => Some(heard),
        }
    }

    /// The leg is no more: tables, timers, media.
    pub(super) fn remove(&mut self, key: LegKey) {
        let Some(leg) = self.legs.remove(&key) else { return };
        if leg.kept.is_some() {
            self.save(vec![Change::DropLeg { key }]);
        }
        self.disarm(key, leg.armed);
        self.forget_dialogs(&leg);
        if let Phase::Opening(invited) | Phase::Waiting(invited) = &leg.phase
            && self.servers.get(&invited.key) == Some(&ServerUse::Invite(key))
        {
            self.servers.remove(&invited.key);
        }
        self.forget_jobs(key);
        self.media(key, Purpose::Unheard, MediaJob::Close);
        if let Some(facts) = self.calls.get_mut(&key.call) {
            facts.legs -= 1;
            if facts.legs == 0 {
                self.calls.remove(&key.call);
            }
        }
    }

    fn forget_dialogs(&mut self, leg: &Leg) {
        if let Some(dialog) = &leg.dialog {
            self.dialogs.remove(dialog.id());
        }
        for branch in &leg.branches {
            if let BranchState::Accepting(dialog) = &branch.state {
                self.dialogs.remove(dialog.id());
            }
        }
    }

    /// A job is done: on with what it was for.
    pub(super) fn media_done(&mut self, key: LegKey, purpose: Purpose, done: Result<Described, NoMedia>, now: Millis) {
        let kept = done.as_ref().ok().and_then(|described| described.kept.clone());
        if let (Some(kept), Some(leg)) = (kept, self.legs.get_mut(&key)) {
            leg.media = Some(kept);
        }
        self.go_on(key, purpose, done, now);
        self.keep(key);
    }

    fn go_on(&mut self, key: LegKey, purpose: Purpose, done: Result<Described, NoMedia>, now: Millis) {
        match purpose {
            Purpose::Invite => self.invite_media(key, done, now),
            Purpose::Renew(server, request) => self.renewed(key, server, &request, done, now),
            Purpose::BranchOffer(id) => self.branch_offered(key, id, done, now),
            Purpose::BranchAccept(id) => self.branch_accepted(key, id, done, now),
            Purpose::RefreshOffer => {
                if let Ok(described) = done {
                    self.refresh_by_invite(key, described.sdp, now);
                }
            }
            Purpose::AckAnswer | Purpose::RefreshAccept => match done {
                Ok(described) => self.note_media(key, &described),
                // Nothing was agreed: there is no call (RFC 3261 §13.3.1.4).
                Err(_) => self.lose(key, now),
            },
            Purpose::Unheard => {}
        }
    }
}

/// Where a dialog's requests go by its own words; only addresses, no names.
fn next_hop(dialog: &liandong_sip::Dialog, heard: Flow) -> Flow {
    let uri = dialog.next_hop();
    let ip = uri.host().and_then(liandong_sip::Host::ip);
    match ip {
        // A private address, told from a public one, is not where the peer is.
        Some(ip) if !ip.is_unspecified() && (!is_private(ip) || is_private(heard.remote.ip())) => {
            heard.to(std::net::SocketAddr::new(ip, uri.port().unwrap_or(5060)))
        }
        _ => heard,
    }
}

fn is_private(ip: std::net::IpAddr) -> bool {
    match ip {
        std::net::IpAddr::V4(ip) => ip.is_private() || ip.is_loopback() || ip.is_link_local(),
        std::net::IpAddr::V6(ip) => ip.is_loopback() || ip.is_unique_local() || ip.is_unicast_link_local(),
    }
}
