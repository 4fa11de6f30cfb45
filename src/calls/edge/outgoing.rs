//! INVITEs that go: to all phones of an agent at once, to a trunk, and to a browser that comes back to its call.
//!
//! Each branch makes its own offer and has its own Call-ID. The first 2xx wins; the others are cancelled, and whatever
//! crosses the CANCEL is acknowledged and hung up.

use liandong_sip::dialog::Dialog;
use liandong_sip::registrar::Binding;
use liandong_sip::session_timer::SessionPolicy;
use liandong_sip::{CSeq, ClientKey, DialogId, Flow, Method, Millis, Name, NameAddr, Request, Response, Uri};

use super::answers;
use super::core::{CallFacts, ClientUse, Core, LEGS_MAX, Purpose};
use super::leg::{Branch, BranchId, BranchState, Described, Leg, LegKey, MediaJob, NoMedia, Phase, Target, is_browser};
use crate::calls::call::{LegEvent, Party};
use crate::config::Trunk;
use crate::ids::PersonId;

/// The others are told so, so that they show no missed call (RFC 3326).
const ELSEWHERE: &str = "SIP;cause=200;text=\"Call completed elsewhere\"";
/// How many of one leg's INVITEs may be out: an agent's contacts.
const BRANCHES_MAX: usize = liandong_sip::limits::CONTACTS_PER_ACCOUNT;

/// Beginning.
impl Core {
    pub(super) fn invite(&mut self, key: LegKey, party: Party, now: Millis) {
        if self.legs.contains_key(&key) {
            return;
        }
        if self.legs.len() >= LEGS_MAX {
            return self.emit(key, LegEvent::Failed { status: 503 });
        }
        let (agent, is_trunk, targets) = match self.targets(party, now) {
            Ok(found) => found,
            Err(status) => return self.emit(key, LegEvent::Failed { status }),
        };
        let mut leg = Leg::new(Phase::Inviting { cancelled: false }, None);
        (leg.agent, leg.is_trunk) = (agent, is_trunk);
        self.calls.entry(key.call).or_default().legs += 1;
        self.legs.insert(key, leg);
        for target in targets {
            self.begin_branch(key, target, false);
        }
    }

    fn begin_branch(&mut self, key: LegKey, target: Target, reattach: bool) {
        let Some(leg) = self.legs.get_mut(&key) else { return };
        let (id, browser) = (leg.next_branch(), is_browser(target.flow));
        let early = bytes::Bytes::new();
        leg.branches.push(Branch { id, target, state: BranchState::Offering, early, reattach });
        self.media(key, Purpose::BranchOffer(id), MediaJob::Offer { branch: id, browser, again: false });
    }

    /// Where somebody can be tried; the status of the failure if nowhere.
    fn targets(&self, party: Party, now: Millis) -> Result<(Option<PersonId>, bool, Vec<Target>), u16> {
        match party {
            Party::Agent(agent) => {
                let targets = self.phones(agent, now);
                if targets.is_empty() { Err(480) } else { Ok((Some(agent), false, targets)) }
            }
            Party::Number(number) => {
                let number = answers::tame(&number);
                if let Some(to) = self.trunk_to(&number) {
                    return Ok((None, true, vec![self.through(to, &number)]));
                }
                // An extension dialled as a number.
                let account = self.credentials.by_extension(&number).ok_or(404u16)?;
                let targets = self.phones(account.person, now);
                if targets.is_empty() { Err(480) } else { Ok((Some(account.person), false, targets)) }
            }
        }
    }

    fn phones(&self, agent: PersonId, now: Millis) -> Vec<Target> {
        let Some(account) = self.credentials.by_person(agent) else { return Vec::new() };
        let aor = self.aor(&account.extension);
        let contacts = self.bindings.contacts(&aor, now);
        contacts.into_iter().filter_map(target).take(BRANCHES_MAX).collect()
    }

    /// The trunk with the longest prefix of the number.
    fn trunk_to(&self, number: &str) -> Option<std::net::SocketAddr> {
        let fits = |trunk: &Trunk| {
            let longest =
                trunk.prefixes.iter().filter(|prefix| number.starts_with(prefix.as_str())).map(String::len).max();
            longest.zip(trunk.to)
        };
        self.config.trunks.values().filter_map(fits).max_by_key(|(length, _)| *length).map(|(_, to)| to)
    }

    fn through(&self, to: std::net::SocketAddr, number: &str) -> Target {
        let user = liandong_sip::uri::escape_user(number);
        let uri = Uri::sip(&user, &to.to_string()).or_else(|_| Uri::sip("", &to.to_string()));
        let uri = uri.expect("a socket address makes a SIP URI");
        Target { uri, routes: Vec::new(), flow: Flow::udp(self.config.udp, to) }
    }

    /// Our offer is there: the INVITE leaves.
    pub(super) fn branch_offered(&mut self, key: LegKey, id: BranchId, done: Result<Described, NoMedia>, now: Millis) {
        let Some(branch) = self.legs.get_mut(&key).and_then(|leg| leg.branch(id)) else { return };
        let (target, reattach) = (branch.target.clone(), branch.reattach);
        let described = match done {
            Ok(described) => described,
            Err(error) => return self.branch_failed(key, id, error.status, now),
        };
        let request = self.make_invite(key, &target, &described.sdp, reattach);
        self.send_invite(key, id, request, target.flow, now);
    }

    fn send_invite(&mut self, key: LegKey, id: BranchId, request: Request, flow: Flow, now: Millis) {
        match self.endpoint.send_request(flow, request.clone(), now) {
            Ok(client) => {
                if let Some(branch) = self.legs.get_mut(&key).and_then(|leg| leg.branch(id)) {
                    branch.state = BranchState::Inviting(client);
                }
                let request = Box::new(request);
                self.clients.insert(client, ClientUse::Branch { leg: key, branch: id, request, flow });
            }
            Err(_) => self.branch_failed(key, id, 503, now),
        }
    }

    fn make_invite(&mut self, key: LegKey, target: &Target, sdp: &str, reattach: bool) -> Request {
        let facts = self.calls.get(&key.call).cloned().unwrap_or_default();
        let is_trunk = self.legs.get(&key).is_some_and(|leg| leg.is_trunk);
        let (tag, call_id) = (self.endpoint.tokens().tag(), self.endpoint.tokens().call_id());
        let from = self.from(&facts, is_trunk, target.flow).with_param("tag", &tag);
        let mut request = Request::new(Method::Invite, &target.uri.without_headers());
        target.routes.iter().for_each(|route| request.headers.push(Name::Route, route));
        request.headers.push(Name::From, from);
        request.headers.push(Name::To, NameAddr::new(target.uri.without_headers()));
        request.headers.push(Name::CallId, call_id);
        request.headers.push(Name::CSeq, CSeq { number: 1, method: Method::Invite });
        request.headers.push(Name::Contact, self.contact(target.flow));
        request.headers.push(Name::MaxForwards, facts.hops.unwrap_or(70));
        request.headers.push(Name::Allow, answers::ALLOW);
        request.headers.push(Name::UserAgent, answers::AGENT);
        if !is_trunk {
            // For the console: which call of the hub this is.
            request.headers.push("X-Liandong-Call", key.call);
            request.headers.push("X-Liandong-Leg", key.leg.0);
        }
        if reattach {
            self.mark_reattach(key, &mut request);
        }
        SessionPolicy::default().ask(&mut request);
        request.with_body("application/sdp", sdp.to_owned())
    }

    /// Who calls, as the other side is shown it: agents see the citizen, citizens see the hotline.
    fn from(&self, facts: &CallFacts, is_trunk: bool, flow: Flow) -> NameAddr {
        let local = flow.local.ip();
        let host = if local.is_unspecified() { self.config.address } else { local };
        let user = if is_trunk { &self.config.shown_number } else { &facts.caller };
        let user = liandong_sip::uri::escape_user(if user.is_empty() { "anonymous" } else { user });
        let uri = Uri::sip(&user, &bracketed(host)).expect("an escaped user at an address makes a SIP URI");
        let address = NameAddr::new(uri);
        if is_trunk || facts.display.is_empty() { address } else { address.with_display(&facts.display) }
    }

    fn mark_reattach(&self, key: LegKey, request: &mut Request) {
        request.headers.push("X-Liandong-Reattach", "1");
        request.headers.push("Answer-Mode", "Auto");
        if let Some(dialog) = self.legs.get(&key).and_then(|leg| leg.dialog.as_ref()) {
            let id = dialog.id();
            // Its own local tag is our remote one.
            let value = format!("{};to-tag={};from-tag={}", id.call_id, id.remote_tag, id.local_tag);
            request.headers.push(Name::Replaces, value);
        }
    }
}

/// Answers.
impl Core {
    pub(super) fn response(&mut self, client: ClientKey, response: &Response, flow: Flow, now: Millis) {
        let (key, id) = match self.clients.get(&client) {
            Some(ClientUse::Branch { leg, branch, .. }) => (*leg, *branch),
            Some(ClientUse::Refresh { leg, is_invite }) => {
                let (key, is_invite) = (*leg, *is_invite);
                if !response.is_provisional() {
                    self.clients.remove(&client);
                    self.refreshed(key, is_invite, client, response, flow, now);
                }
                return;
            }
            None => return,
        };
        if response.is_provisional() {
            return self.branch_rings(key, id, response);
        }
        if response.is_success() {
            return self.branch_answered(client, key, id, response, flow, now);
        }
        if response.status == 422 && self.ask_longer(client, key, id, response, now) {
            return;
        }
        self.clients.remove(&client);
        self.branch_failed(key, id, response.status, now);
    }

    /// No answer came.
    pub(super) fn no_response(&mut self, client: ClientKey, status: u16, now: Millis) {
        match self.clients.remove(&client) {
            Some(ClientUse::Branch { leg, branch, .. }) => self.branch_failed(leg, branch, status, now),
            Some(ClientUse::Refresh { leg, .. }) if status == 408 => self.lose(leg, now),
            // The connection broke; the phone may come back on another before the session timer ends.
            Some(ClientUse::Refresh { .. }) | None => {}
        }
    }

    fn branch_rings(&mut self, key: LegKey, id: BranchId, response: &Response) {
        let Some(leg) = self.legs.get_mut(&key) else { return };
        if let Some(branch) = leg.branch(id)
            && !response.body.is_empty()
        {
            branch.early = response.body.clone();
        }
        let rings = response.status >= 180 && matches!(leg.phase, Phase::Inviting { cancelled: false });
        if rings && !std::mem::replace(&mut leg.has_rung, true) {
            self.emit(key, LegEvent::Ringing);
        }
    }

    fn branch_answered(
        &mut self,
        client: ClientKey,
        key: LegKey,
        id: BranchId,
        response: &Response,
        flow: Flow,
        now: Millis,
    ) {
        let Some(ClientUse::Branch { request, flow: sent_on, .. }) = self.clients.get(&client) else { return };
        let sent_on = *sent_on;
        let Ok(dialog) = Dialog::uac(request, response) else {
            // Without Contact it can be neither acknowledged nor hung up.
            return self.branch_failed(key, id, 502, now);
        };
        let number = request.headers.cseq().map(|cseq| cseq.number).unwrap_or(1);
        let ack = dialog.ack(number);
        self.endpoint.ack(client, sent_on, ack);
        let wins = self.legs.get_mut(&key).is_some_and(|leg| is_awaited(leg, id));
        if !wins {
            self.hang_up_stray(dialog, sent_on, now);
            return self.branch_failed(key, id, 487, now);
        }
        self.win(key, id, dialog, response, flow, now);
    }

    /// The first that answers is the leg; the others are cancelled.
    fn win(&mut self, key: LegKey, id: BranchId, dialog: Dialog, response: &Response, flow: Flow, now: Millis) {
        self.dialogs.insert(dialog.id().clone(), key);
        let Some(leg) = self.legs.get_mut(&key) else { return };
        if !leg.is_up() {
            leg.phase = Phase::Accepting;
            leg.session = Some(SessionPolicy::default().accept(response, now));
            leg.takes_update = response.headers.has_token(Name::Allow, "UPDATE");
        }
        let mut answer = response.body.clone();
        let mut losers = Vec::new();
        for branch in &mut leg.branches {
            if branch.id != id {
                losers.push(branch.id);
                continue;
            }
            branch.state = BranchState::Accepting(Box::new(dialog.clone()));
            if answer.is_empty() {
                answer = branch.early.clone();
            }
        }
        losers.into_iter().for_each(|loser| self.cancel_branch(key, loser, ELSEWHERE, now));
        let job = MediaJob::Accept { branch: id, answer, from: flow.remote.ip() };
        self.media(key, Purpose::BranchAccept(id), job);
    }

    /// The media with the peer that answered are set, or cannot be.
    pub(super) fn branch_accepted(&mut self, key: LegKey, id: BranchId, done: Result<Described, NoMedia>, now: Millis) {
        let Some(leg) = self.legs.get_mut(&key) else { return };
        let Some(at) = leg.branches.iter().position(|branch| branch.id == id) else { return };
        let branch = leg.branches.remove(at);
        let BranchState::Accepting(dialog) = branch.state else { return };
        let described = match done {
            Ok(described) => described,
            Err(error) => {
                self.dialogs.remove(dialog.id());
                self.hang_up_stray(*dialog, branch.target.flow, now);
                if !branch.reattach {
                    self.fail(key, error.status);
                }
                return;
            }
        };
        let old = leg.dialog.replace(*dialog);
        let old_flow = leg.flow.replace(branch.target.flow);
        (leg.phase, leg.media_lost, leg.detached_until, leg.returns) = (Phase::Up, false, None, false);
        leg.is_trunk &= !branch.reattach;
        if branch.reattach {
            if let Some(old) = old {
                self.dialogs.remove(old.id());
                old_flow.into_iter().for_each(|flow| self.hang_up_stray(old.clone(), flow, now));
            }
            self.note_media(key, &Described { changed: true, ..described });
        } else {
            leg.held = described.held;
            self.emit(key, LegEvent::Answered);
        }
        self.settle(key);
    }

    /// 422: once more, with the time that the other side wants.
    fn ask_longer(&mut self, client: ClientKey, key: LegKey, id: BranchId, response: &Response, now: Millis) -> bool {
        let Some(policy) = SessionPolicy::default().after_422(response) else { return false };
        let Some(ClientUse::Branch { request, flow, .. }) = self.clients.get(&client) else { return false };
        let number = request.headers.cseq().map_or(1, |cseq| cseq.number);
        let awaited = self.legs.get_mut(&key).is_some_and(|leg| is_awaited(leg, id));
        if number > 1 || !awaited {
            return false;
        }
        let (mut again, flow) = ((**request).clone(), *flow);
        again.headers.set(Name::CSeq, CSeq { number: number + 1, method: Method::Invite });
        policy.ask(&mut again);
        self.clients.remove(&client);
        self.send_invite(key, id, again, flow, now);
        true
    }

    /// This way leads nowhere; when none is left, the leg has failed.
    pub(super) fn branch_failed(&mut self, key: LegKey, id: BranchId, status: u16, _now: Millis) {
        let Some(leg) = self.legs.get_mut(&key) else { return };
        let Some(branch) = leg.branch(id) else { return };
        branch.state = BranchState::Failed(status);
        let reattach = branch.reattach;
        self.media(key, Purpose::Unheard, MediaJob::Forget { branch: id });
        let Some(leg) = self.legs.get_mut(&key) else { return };
        if reattach {
            leg.branches.retain(|branch| branch.id != id);
            return;
        }
        let Phase::Inviting { cancelled } = leg.phase else { return };
        if let Some(status) = outcome(&leg.branches) {
            self.fail(key, if cancelled { 487 } else { status });
        }
    }

    pub(super) fn cancel_branch(&mut self, key: LegKey, id: BranchId, reason: &str, now: Millis) {
        let Some(branch) = self.legs.get_mut(&key).and_then(|leg| leg.branch(id)) else { return };
        match branch.state {
            BranchState::Offering => self.branch_failed(key, id, 487, now),
            BranchState::Inviting(client) => {
                self.endpoint.cancel(client, Some(reason), now);
            }
            BranchState::Accepting(_) | BranchState::Failed(_) => {}
        }
    }

    /// A phone that we rang before the hub was killed picks up: nobody is there any more. Paid like a new request, so that
    /// nobody makes us send at will.
    pub(super) fn hang_up_unknown(&mut self, response: &Response, flow: Flow, now: Millis) {
        let source = flow.remote.ip();
        let ours = DialogId::of_response(response).is_some_and(|id| self.dialogs.contains_key(&id));
        // One of a running dialog was only very late.
        if ours || self.guard.admit(source, self.is_trunk(source), "", now) != super::guard::Admission::Admit {
            return;
        }
        if let Ok(dialog) = Dialog::of_stray(response, self.contact(flow)) {
            self.hang_up_stray(dialog, flow, now);
        }
    }

    /// BYE in a dialog that is nobody's leg (any more).
    pub(super) fn hang_up_stray(&mut self, mut dialog: Dialog, flow: Flow, now: Millis) {
        if let Ok(bye) = dialog.request(Method::Bye) {
            // Nothing waits for the answer; overloaded, the peer's session timer ends it.
            let _ = self.endpoint.send_request(flow, bye, now);
        }
    }
}

/// Coming back.
impl Core {
    /// The agent's newest browser is to become this leg.
    pub(super) fn handle_reattach(&mut self, key: LegKey, now: Millis) {
        self.reattach(key, false, now);
        self.drain(now);
    }

    /// `also_same`: even where it is the very contact that the leg had.
    pub(super) fn reattach(&mut self, key: LegKey, also_same: bool, now: Millis) {
        let Some(leg) = self.legs.get(&key).filter(|leg| leg.is_up()) else { return };
        let Some(account) = leg.agent.and_then(|agent| self.credentials.by_person(agent)) else { return };
        let present = leg.dialog.as_ref().map(|dialog| dialog.target().clone());
        let aor = self.aor(&account.extension);
        let mut contacts = self.bindings.contacts(&aor, now);
        contacts.sort_by_key(|binding| std::cmp::Reverse(binding.expires));
        let other =
            |binding: &&&Binding| also_same || !present.as_ref().is_some_and(|uri| uri.equivalent(&binding.uri));
        let browsers = contacts.iter().filter(|binding| binding.flow.is_some_and(is_browser)).filter(other);
        let Some(target) = browsers.copied().find_map(target) else { return };
        let earlier: Vec<BranchId> = leg.branches.iter().map(|branch| branch.id).collect();
        for id in earlier {
            self.cancel_branch(key, id, ELSEWHERE, now);
        }
        self.begin_branch(key, target, true);
    }
}

/// Where a contact is reached.
fn target(binding: &Binding) -> Option<Target> {
    Some(Target { uri: binding.uri.clone(), routes: binding.path.clone(), flow: binding.flow? })
}

/// Whether an answer on this branch makes the leg.
fn is_awaited(leg: &mut Leg, id: BranchId) -> bool {
    let inviting = matches!(leg.phase, Phase::Inviting { cancelled: false });
    let up = leg.is_up();
    let branch = leg.branch(id);
    branch.is_some_and(|branch| {
        matches!(branch.state, BranchState::Inviting(_)) && if branch.reattach { up } else { inviting }
    })
}

/// What the leg's failure is, once all its branches have failed: a refusal for all (6xx), else what says most.
fn outcome(branches: &[Branch]) -> Option<u16> {
    let statuses = branches.iter().map(|branch| match branch.state {
        BranchState::Failed(status) => Some(status),
        _ => None,
    });
    let statuses: Vec<u16> = statuses.collect::<Option<_>>()?;
    let weight = |status: &u16| match status {
        600..=699 => 5,
        486 => 4,
        300..=407 | 409..=479 | 481..=499 => 3,
        480 => 2,
        408 => 1,
        _ => 0,
    };
    statuses.into_iter().max_by_key(weight)
}

fn bracketed(ip: std::net::IpAddr) -> String {
    if ip.is_ipv6() { format!("[{ip}]") } else { ip.to_string() }
}
