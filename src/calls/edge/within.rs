//! Requests in a dialog: BYE, hold and refresh by re-INVITE or UPDATE, keys by INFO; and our own refreshes.

use liandong_dialplans::Digit;
use liandong_sip::session_timer::{SessionDue, SessionPolicy};
use liandong_sip::{Dialog, DialogId, Flow, Method, Millis, Name, Request, ServerKey};

use super::answers;
use super::core::{ClientUse, Core, Purpose, ServerUse};
use super::incoming::{OWN_OFFER, offer_in, readable};
use super::leg::{BranchState, Described, Leg, LegKey, MediaJob, NoMedia, Phase};
use crate::calls::call::LegEvent;

/// They ask.
impl Core {
    pub(super) fn request_within(
        &mut self,
        key: LegKey,
        id: &DialogId,
        server: ServerKey,
        request: Request,
        flow: Flow,
        now: Millis,
    ) {
        let Some(leg) = self.legs.get_mut(&key) else {
            return self.refuse(server, &request, 481, "this call has ended");
        };
        let Some(dialog) = dialog_of(leg, id) else {
            return self.refuse(server, &request, 481, "this call has ended");
        };
        if let Err(refusal) = dialog.receive(&request) {
            let mut answer = answers::refusal(&request, refusal.status, &refusal.reason);
            if refusal.status == 500 && request.method == Method::Invite {
                answer.headers.push(Name::RetryAfter, Dialog::retry_after(self.endpoint.tokens()));
            }
            return self.respond(server, answer, now);
        }
        if request.method == Method::Bye {
            let answer = dialog.answer(&request, 200, "");
            self.respond(server, answer, now);
            return self.bye_came(key, id, now);
        }
        if leg.dialog.as_ref().is_none_or(|dialog| dialog.id() != id) {
            // It took the call, but its media are not set yet.
            return self.refuse_within(key, id, server, &request, 491, "the call is just being set up", now);
        }
        if leg.flow != Some(flow) {
            leg.flow = Some(flow);
            if !leg.media_lost {
                leg.detached_until = None;
            }
            self.settle(key);
        }
        match request.method {
            Method::Invite => self.renew(key, id, server, request, flow, now),
            Method::Update => self.updated(key, id, server, request, flow, now),
            Method::Info => self.info(key, id, server, &request, now),
            Method::Options => {
                let answer = answers::options(&request);
                self.respond(server, answer, now);
            }
            Method::Other(_) => self.refuse_within(key, id, server, &request, 501, "unknown method", now),
            _ => self.refuse_within(key, id, server, &request, 405, "this hub does not do that", now),
        }
    }

    #[allow(clippy::too_many_arguments)] // each is one part of the answer; a struct for one caller would only rename them
    fn refuse_within(
        &mut self,
        key: LegKey,
        id: &DialogId,
        server: ServerKey,
        request: &Request,
        status: u16,
        text: &str,
        now: Millis,
    ) {
        let mut answer = answers::refusal(request, status, text);
        if status == 405 {
            answer.headers.push(Name::Allow, answers::ALLOW);
        }
        if let Some(dialog) = self.legs.get_mut(&key).and_then(|leg| dialog_of(leg, id)) {
            // For its books: a refused INVITE is not under way any more.
            let _ = dialog.answer(request, status, "");
        }
        self.servers.remove(&server);
        self.respond(server, answer, now);
    }

    fn renew(&mut self, key: LegKey, id: &DialogId, server: ServerKey, request: Request, flow: Flow, now: Millis) {
        if !self.legs.get(&key).is_some_and(Leg::is_up) {
            return self.refuse_within(key, id, server, &request, 491, "the call is not up yet", now);
        }
        if let Err((status, text)) = readable(&request) {
            return self.refuse_within(key, id, server, &request, status, text, now);
        }
        let job = match offer_in(&request, flow) {
            MediaJob::Offer { branch, browser, .. } => MediaJob::Offer { branch, browser, again: true },
            job => job,
        };
        self.servers.insert(server, ServerUse::Renew(key));
        self.media(key, Purpose::Renew(server, Box::new(request)), job);
    }

    fn updated(&mut self, key: LegKey, id: &DialogId, server: ServerKey, request: Request, flow: Flow, now: Millis) {
        if !request.body.is_empty() {
            let (up, readable) = (self.legs.get(&key).is_some_and(Leg::is_up), readable(&request));
            return match readable {
                Err((status, text)) => self.refuse_within(key, id, server, &request, status, text, now),
                Ok(()) if !up => self.refuse_within(key, id, server, &request, 491, "the call is not up yet", now),
                Ok(()) => {
                    let job = offer_in(&request, flow);
                    self.media(key, Purpose::Renew(server, Box::new(request)), job);
                }
            };
        }
        self.accept_renewal(key, server, &request, None, now);
    }

    /// The media for a re-INVITE or an UPDATE with description are there, or not.
    pub(super) fn renewed(
        &mut self,
        key: LegKey,
        server: ServerKey,
        request: &Request,
        done: Result<Described, NoMedia>,
        now: Millis,
    ) {
        match done {
            Ok(described) => {
                let is_answer = !request.body.is_empty();
                self.accept_renewal(key, server, request, Some(&described.sdp), now);
                if is_answer {
                    self.note_media(key, &described);
                }
            }
            Err(error) => {
                let Some(id) = DialogId::of_request(request) else { return };
                self.refuse_within(key, &id, server, request, error.status, &error.text, now);
            }
        }
    }

    fn accept_renewal(&mut self, key: LegKey, server: ServerKey, request: &Request, sdp: Option<&str>, now: Millis) {
        let Some(leg) = self.legs.get_mut(&key) else { return };
        let Some(dialog) = &mut leg.dialog else { return };
        let mut answer = answers::capabilities(dialog.answer(request, 200, ""));
        match SessionPolicy::default().decide(request, &mut answer, now) {
            Ok(timer) => leg.session = Some(timer),
            Err(refusal) => {
                let least = SessionPolicy::default().least;
                answer = answers::refusal(request, refusal.status, "the session timer is too short");
                answer.headers.push(Name::MinSe, least);
                self.servers.remove(&server);
                return self.respond(server, answer, now);
            }
        }
        if let Some(sdp) = sdp {
            answer = answer.with_body("application/sdp", sdp.to_owned());
        }
        self.respond(server, answer, now);
        self.settle(key);
    }

    /// Tells what changed: hold, resume, codec or address.
    pub(super) fn note_media(&mut self, key: LegKey, described: &Described) {
        let Some(leg) = self.legs.get_mut(&key) else { return };
        let was_held = std::mem::replace(&mut leg.held, described.held);
        match (was_held, described.held) {
            (false, true) => self.emit(key, LegEvent::HoldRequested),
            (true, false) => self.emit(key, LegEvent::ResumeRequested),
            _ if described.changed => self.emit(key, LegEvent::MediaChanged),
            _ => {}
        }
    }

    fn info(&mut self, key: LegKey, id: &DialogId, server: ServerKey, request: &Request, now: Millis) {
        let kind = request.headers.content_type().unwrap_or_default();
        let pressed = answers::info_key(&kind, &request.body);
        let digit = pressed.and_then(|pressed| Digit::try_from(pressed).ok());
        if digit.is_none() && !request.body.is_empty() {
            let text = "INFO is understood as application/dtmf-relay with Signal=0-9, *, #, A-D";
            return self.refuse_within(key, id, server, request, 415, text, now);
        }
        let Some(dialog) = self.legs.get_mut(&key).and_then(|leg| leg.dialog.as_mut()) else { return };
        let answer = dialog.answer(request, 200, "");
        self.respond(server, answer, now);
        if let Some(digit) = digit {
            self.emit(key, LegEvent::Digit(digit));
        }
    }
}

/// We ask.
impl Core {
    /// A time of this leg has come.
    pub(super) fn leg_timeout(&mut self, key: LegKey, now: Millis) {
        let Some(leg) = self.legs.get_mut(&key) else { return };
        if leg.detached_until.is_some_and(|at| at <= now) {
            leg.detached_until = None;
            return self.lose(key, now);
        }
        let again = leg.refresh_at.take_if(|at| *at <= now).is_some();
        let due = leg.session.as_mut().map_or(SessionDue::Nothing, |timer| timer.handle_timeout(now));
        match due {
            SessionDue::Expired => self.lose(key, now),
            SessionDue::Refresh => self.refresh(key, now),
            SessionDue::Nothing if again => self.refresh(key, now),
            SessionDue::Nothing => {}
        }
    }

    /// Shows that we are still there: by UPDATE, else by a re-INVITE with our description.
    pub(super) fn refresh(&mut self, key: LegKey, now: Millis) {
        let Some(leg) = self.legs.get_mut(&key).filter(|leg| leg.is_up()) else { return };
        if !leg.takes_update {
            let browser = leg.flow.is_some_and(super::leg::is_browser);
            let job = MediaJob::Offer { branch: OWN_OFFER, browser, again: true };
            return self.media(key, Purpose::RefreshOffer, job);
        }
        let Some(Ok(mut request)) = leg.dialog.as_mut().map(|dialog| dialog.request(Method::Update)) else { return };
        SessionPolicy::default().ask(&mut request);
        self.send_within(key, request, ClientUse::Refresh { leg: key, is_invite: false }, now);
    }

    pub(super) fn refresh_by_invite(&mut self, key: LegKey, sdp: String, now: Millis) {
        let Some(leg) = self.legs.get_mut(&key).filter(|leg| leg.is_up()) else { return };
        // While their INVITE is under way it refreshes as well as ours would.
        let Some(Ok(request)) = leg.dialog.as_mut().map(|dialog| dialog.request(Method::Invite)) else { return };
        let mut request = request.with_body("application/sdp", sdp).with(Name::Allow, answers::ALLOW);
        SessionPolicy::default().ask(&mut request);
        self.send_within(key, request, ClientUse::Refresh { leg: key, is_invite: true }, now);
    }

    fn send_within(&mut self, key: LegKey, request: Request, use_: ClientUse, now: Millis) {
        let Some(flow) = self.way(key) else { return };
        if let Ok(client) = self.endpoint.send_request(flow, request, now) {
            self.clients.insert(client, use_);
        }
    }

    /// The answer to our refresh.
    pub(super) fn refreshed(
        &mut self,
        key: LegKey,
        is_invite: bool,
        client: liandong_sip::ClientKey,
        response: &liandong_sip::Response,
        flow: Flow,
        now: Millis,
    ) {
        let Some(leg) = self.legs.get_mut(&key) else { return };
        let Some(dialog) = &mut leg.dialog else { return };
        let outcome = dialog.receive_response(response);
        if response.is_success() {
            leg.session = Some(SessionPolicy::default().accept(response, now));
            if is_invite {
                let number = response.headers.cseq().map(|cseq| cseq.number).unwrap_or_default();
                let ack = dialog.ack(number);
                self.endpoint.ack(client, flow, ack);
                let job = MediaJob::Accept { branch: OWN_OFFER, answer: response.body.clone(), from: flow.remote.ip() };
                self.media(key, Purpose::RefreshAccept, job);
            }
            return self.settle(key);
        }
        match outcome {
            liandong_sip::dialog::Outcome::Ended => self.lose(key, now),
            liandong_sip::dialog::Outcome::Glare => {
                let wait = dialog.glare_wait(self.endpoint.tokens());
                leg.refresh_at = Some(now.plus(wait));
            }
            liandong_sip::dialog::Outcome::Fine if matches!(response.status, 405 | 501) && !is_invite => {
                leg.takes_update = false;
                leg.refresh_at = Some(now);
            }
            // The session timer's end decides.
            liandong_sip::dialog::Outcome::Fine => {}
        }
        self.settle(key);
    }
}

/// The dialog of this name: the leg's own, or that of a branch that just answered.
pub(super) fn dialog_of<'a>(leg: &'a mut Leg, id: &DialogId) -> Option<&'a mut Dialog> {
    if leg.dialog.as_ref().is_some_and(|dialog| dialog.id() == id) {
        return leg.dialog.as_mut();
    }
    leg.branches.iter_mut().find_map(|branch| match &mut branch.state {
        BranchState::Accepting(dialog) if dialog.id() == id => Some(&mut **dialog),
        _ => None,
    })
}

/// Whether the switch counts on this leg.
pub(super) fn is_announced(phase: &Phase) -> bool {
    match phase {
        Phase::Opening(_) | Phase::Unacked { hang_up: true, .. } | Phase::Inviting { cancelled: true } => false,
        Phase::Waiting(_)
        | Phase::Unacked { hang_up: false, .. }
        | Phase::Inviting { cancelled: false }
        | Phase::Accepting
        | Phase::Up => true,
    }
}
