//! INVITEs that come and open a leg: from a trunk or an agent, until they are answered, refused or given up.

use liandong_sip::session_timer::SessionPolicy;
use liandong_sip::{Dialog, Flow, Millis, Name, NameAddr, Request, Response, ServerKey};

use super::answers;
use super::core::{CallFacts, Core, LEGS_MAX, Purpose, ServerUse, Who};
use super::leg::{BranchId, Described, Invited, Leg, LegKey, MediaJob, NoMedia, Phase, is_browser};
use super::{EdgeEvent, Source};
use crate::calls::call::{LegEvent, LegId};
use crate::ids::CallId;

/// The name of our offer where their INVITE had none, and of those within the dialog.
pub(super) const OWN_OFFER: BranchId = BranchId(0);

/// They call.
impl Core {
    pub(super) fn invited(&mut self, key: ServerKey, request: Request, flow: Flow, tag: &str, now: Millis) {
        if flow.remote == flow.local {
            return self.refuse(key, &request, 482, "the call comes from this hub itself");
        }
        let who = self.who(&request, flow, now);
        let agent = match who {
            Who::Trunk(_) => None,
            Who::Agent(account) => Some(account),
            Who::Locked => return self.refuse(key, &request, 403, "too many wrong passwords; wait some minutes"),
            Who::Nobody(verdict) => return self.challenge(key, &request, &verdict, now),
        };
        if self.draining || self.overloaded || self.legs.len() >= LEGS_MAX {
            // Without Retry-After: with it a whole trunk would go silent and come back at once (RFC 6357).
            return self.refuse(key, &request, 503, "this hub takes no new calls at present");
        }
        if let Err((status, text)) = readable(&request) {
            let answer = answers::refusal(&request, status, text);
            return self.endpoint.respond_once(key, answer.with(Name::Accept, "application/sdp"));
        }
        let mut probe = Response::to(&request, 200, "");
        if let Err(refusal) = SessionPolicy::default().decide(&request, &mut probe, now) {
            let answer = answers::refusal(&request, refusal.status, "the session timer is too short");
            return self.endpoint.respond_once(key, answer.with(Name::MinSe, SessionPolicy::default().least));
        }
        let dialog = match Dialog::uas(&request, tag, self.contact(flow)) {
            Ok(dialog) => dialog,
            Err(error) => return self.refuse(key, &request, 400, &error.to_string()),
        };
        let leg = LegKey { call: CallId::new(&mut *self.ids), leg: LegId(0) };
        let (caller, display) = match &agent {
            // Whatever From says: this is who he is.
            Some(account) => (account.extension.clone(), display_of(&request)),
            None => (caller_of(&request), display_of(&request)),
        };
        let hops = request.hops_left().ok();
        let from_trunk = agent.is_none();
        self.calls.insert(leg.call, CallFacts { legs: 1, caller, display, hops });
        self.dialogs.insert(dialog.id().clone(), leg);
        self.servers.insert(key, ServerUse::Invite(leg));
        let job = offer_in(&request, flow);
        let is_offer = matches!(job, MediaJob::Offer { .. });
        let invited = Invited { key, request, sdp: String::new(), is_offer };
        let mut new = Leg::new(Phase::Opening(Box::new(invited)), Some(flow));
        new.agent = agent.map(|account| account.person);
        new.is_trunk = from_trunk;
        new.dialog = Some(dialog);
        self.legs.insert(leg, new);
        self.media(leg, Purpose::Invite, job);
    }

    /// The media of a leg that is being opened.
    pub(super) fn invite_media(&mut self, key: LegKey, done: Result<Described, NoMedia>, now: Millis) {
        let Some(leg) = self.legs.get_mut(&key) else { return };
        let Phase::Opening(invited) = &mut leg.phase else { return };
        match done {
            Ok(described) => {
                invited.sdp = described.sdp;
                leg.held = described.held;
                let called = called_of(&invited.request);
                let flow = leg.flow;
                let agent = leg.agent;
                let placeholder = Phase::Inviting { cancelled: false };
                if let Phase::Opening(invited) = std::mem::replace(&mut leg.phase, placeholder) {
                    leg.phase = Phase::Waiting(invited);
                }
                self.announce(key, agent, flow, called);
            }
            Err(error) => {
                let (server, answer) = (invited.key, answers::refusal(&invited.request, error.status, &error.text));
                self.respond(server, answer, now);
                self.remove(key);
            }
        }
    }

    fn announce(&mut self, key: LegKey, agent: Option<crate::ids::PersonId>, flow: Option<Flow>, called: String) {
        let facts = self.calls.get(&key.call).cloned().unwrap_or_default();
        let trunk = || flow.and_then(|flow| self.trunk_from(flow.remote.ip())).unwrap_or_default();
        let source = agent.map_or_else(|| Source::Trunk(trunk()), Source::Agent);
        let (caller, display) = (facts.caller, facts.display);
        self.tell(EdgeEvent::Incoming { call: key.call, caller_leg: key.leg, source, caller, display, called });
    }

    /// Says that it rings.
    pub(super) fn ring(&mut self, key: LegKey, now: Millis) {
        let Some(leg) = self.legs.get_mut(&key) else { return };
        let (Phase::Waiting(invited), Some(dialog)) = (&leg.phase, &mut leg.dialog) else { return };
        let answer = dialog.answer(&invited.request, 180, "").with(Name::Server, answers::AGENT);
        let server = invited.key;
        self.respond(server, answer, now);
    }

    /// Answers with 200.
    pub(super) fn answer(&mut self, key: LegKey, now: Millis) {
        let Some(leg) = self.legs.get_mut(&key) else { return };
        let (Phase::Waiting(invited), Some(dialog)) = (&leg.phase, &mut leg.dialog) else { return };
        let answer = dialog.answer(&invited.request, 200, "").with_body("application/sdp", invited.sdp.clone());
        let mut answer = answers::capabilities(answer);
        // Refused values were refused when the INVITE came.
        leg.session = SessionPolicy::default().decide(&invited.request, &mut answer, now).ok();
        leg.takes_update = invited.request.headers.has_token(Name::Allow, "UPDATE");
        let (server, wants_answer) = (invited.key, invited.is_offer);
        leg.phase = Phase::Unacked { hang_up: false, wants_answer };
        self.respond(server, answer, now);
        self.settle(key);
    }

    /// Refuses.
    pub(super) fn reject(&mut self, key: LegKey, status: u16, now: Millis) {
        let Some(leg) = self.legs.get_mut(&key) else { return };
        let Phase::Waiting(invited) = &leg.phase else { return };
        let status = if (300..700).contains(&status) { status } else { 480 };
        let answer = answers::refusal(&invited.request, status, answers::meaning(status));
        let server = invited.key;
        self.respond(server, answer, now);
        self.remove(key);
    }

    /// CANCEL came, or nothing was said for too long: answered already by the transaction layer.
    pub(super) fn caller_gave_up(&mut self, server: ServerKey) {
        match self.servers.remove(&server) {
            Some(ServerUse::Invite(key)) => {
                let announced = matches!(self.legs.get(&key).map(|leg| &leg.phase), Some(Phase::Waiting(_)));
                if announced {
                    self.emit(key, LegEvent::HungUp);
                }
                self.remove(key);
            }
            Some(ServerUse::Renew(_)) | None => {}
        }
    }

    /// The ACK to our 200 came.
    pub(super) fn acknowledged(&mut self, server: ServerKey, ack: &Request, now: Millis) {
        let (key, first) = match self.servers.remove(&server) {
            Some(ServerUse::Invite(key)) => (key, true),
            Some(ServerUse::Renew(key)) => (key, false),
            None => return,
        };
        let Some(leg) = self.legs.get_mut(&key) else { return };
        let from = leg.flow.map(|flow| flow.remote.ip());
        let mut wants = false;
        if first && let Phase::Unacked { hang_up, wants_answer } = leg.phase {
            if hang_up {
                self.say_bye(key, now);
                return self.remove(key);
            }
            leg.phase = Phase::Up;
            wants = wants_answer;
        }
        // An ACK with a body answers the offer that we made in the 200.
        if (wants || !first)
            && let Some(from) = from
            && (wants || !ack.body.is_empty())
        {
            let job = MediaJob::Accept { branch: OWN_OFFER, answer: ack.body.clone(), from };
            self.media(key, Purpose::AckAnswer, job);
        }
        self.settle(key);
    }

    /// It never came.
    pub(super) fn not_acknowledged(&mut self, server: ServerKey, now: Millis) {
        let Some(ServerUse::Invite(key) | ServerUse::Renew(key)) = self.servers.remove(&server) else { return };
        self.lose(key, now);
    }
}

/// Whether the body is one that we read.
pub(super) fn readable(request: &Request) -> Result<(), (u16, &'static str)> {
    if request.body.is_empty() {
        return Ok(());
    }
    match request.headers.content_type().as_deref() {
        Some("application/sdp") | None => Ok(()),
        Some(_) => Err((415, "the body must be application/sdp")),
    }
}

/// What a request asks of the media: to answer its offer, or to make one.
pub(super) fn offer_in(request: &Request, flow: Flow) -> MediaJob {
    if request.body.is_empty() {
        MediaJob::Offer { branch: OWN_OFFER, browser: is_browser(flow), again: false }
    } else {
        MediaJob::Answer { offer: request.body.clone(), from: flow.remote.ip() }
    }
}

/// Who calls, as a trunk says it; empty if withheld.
fn caller_of(request: &Request) -> String {
    let asserted = request.headers.addresses(Name::PAssertedIdentity).ok().and_then(|list| list.into_iter().next());
    let private = request.headers.tokens(Name::Privacy).iter().any(|p| p.to_ascii_lowercase().contains("id"));
    let address = asserted.filter(|_| !private).or_else(|| request.headers.from().ok());
    let user = address.and_then(|address| user_of(&address)).unwrap_or_default();
    if user.eq_ignore_ascii_case("anonymous") { String::new() } else { user }
}

fn display_of(request: &Request) -> String {
    let from = request.headers.from().ok().and_then(|from| from.display);
    answers::tame(&from.unwrap_or_default())
}

fn user_of(address: &NameAddr) -> Option<String> {
    address.uri.user_plain().map(|user| answers::tame(&user))
}

fn called_of(request: &Request) -> String {
    let uri = request.uri().ok();
    answers::tame(&uri.as_ref().and_then(|uri| uri.user_plain()).unwrap_or_default())
}
