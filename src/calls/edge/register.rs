//! Who is where: REGISTER, and what is kept of it over a restart.

use liandong_sip::digest::Verdict;
use liandong_sip::registrar::{Binding, Change as Changed, Lifetimes, Registration};
use liandong_sip::{Flow, Method, Millis, Name, Request, ServerKey, Transport, Uri};
use serde::{Deserialize, Serialize};

use super::answers;
use super::core::{Change, Core, PendingSave, Who};
use super::leg::LegKey;
use super::{EdgeEvent, SipAccount, StoredBinding};
use crate::ids::{PersonId, Timestamp};

/// [`StoredBinding::detail`].
#[derive(Debug, Serialize, Deserialize)]
struct Detail {
    q: u16,
    instance: Option<String>,
    reg_id: Option<u32>,
    call_id: String,
    cseq: u32,
    path: Vec<String>,
    user_agent: String,
    /// Our and its address, on UDP. A connection does not outlive us.
    udp: Option<(std::net::SocketAddr, std::net::SocketAddr)>,
}

/// REGISTER.
impl Core {
    pub(super) fn register(&mut self, key: ServerKey, request: &Request, flow: Flow, now: Millis) {
        let account = match self.who(request, flow, now) {
            Who::Agent(account) => account,
            Who::Locked => return self.refuse(key, request, 403, "too many wrong passwords; wait some minutes"),
            Who::Nobody(verdict) => return self.challenge(key, request, &verdict, now),
            Who::Trunk(_) => return self.challenge(key, request, &Verdict::Missing, now),
        };
        let lifetimes = Lifetimes::default();
        let mut registration = match Registration::read(request, &lifetimes) {
            Ok(registration) => registration,
            Err(refusal) => {
                let mut answer = answers::refusal(request, refusal.status, &refusal.reason);
                if refusal.status == 423 {
                    answer.headers.push(Name::MinExpires, lifetimes.least);
                }
                return self.endpoint.respond_once(key, answer);
            }
        };
        if !names(request, &account.extension) {
            return self.refuse(key, request, 403, "To must be the account that proves itself");
        }
        registration.aor = self.aor(&account.extension);
        match self.bindings.apply(&registration, flow, now) {
            Err(refusal) => self.refuse(key, request, refusal.status, &refusal.reason),
            Ok(changes) => self.registered(key, request, registration, &account, &changes, now),
        }
    }

    fn registered(
        &mut self,
        key: ServerKey,
        request: &Request,
        registration: Registration,
        account: &SipAccount,
        changes: &[Changed],
        now: Millis,
    ) {
        self.owners.insert(registration.aor.clone(), account.person);
        let pending = PendingSave { key, request: request.clone(), registration };
        if changes.is_empty() {
            return self.finish_register(pending, now);
        }
        let ticket = self.registrations_changed(changes, now);
        if let Some(ticket) = ticket {
            self.saves.insert(ticket, pending);
        }
    }

    /// The store answered.
    pub(super) fn handle_saved(&mut self, ticket: u64, is_stored: bool, now: Millis) {
        let Some(pending) = self.saves.remove(&ticket) else { return };
        if is_stored {
            self.finish_register(pending, now);
        } else {
            // The contact can be called meanwhile; but nothing is confirmed that a restart would lose.
            let answer =
                answers::refusal(&pending.request, 503, "registrations cannot be stored at present; try again");
            self.respond(pending.key, answer, now);
        }
        self.drain(now);
    }

    fn finish_register(&mut self, pending: PendingSave, now: Millis) {
        let answer = self.bindings.answer(&pending.request, &pending.registration, now);
        self.respond(pending.key, answer.with(Name::Server, answers::AGENT), now);
    }

    /// Tells the store and the switch; the ticket of the save.
    pub(super) fn registrations_changed(&mut self, changes: &[Changed], now: Millis) -> Option<u64> {
        let stored: Vec<Change> = changes.iter().filter_map(|change| self.stored(change, now)).collect();
        for change in changes {
            match change {
                Changed::Added(binding) => self.contact_came(binding, true, now),
                Changed::Refreshed(binding) => self.contact_came(binding, false, now),
                Changed::Removed(binding) => self.contact_went(binding, now),
            }
        }
        (!stored.is_empty()).then(|| self.save(stored))
    }

    fn contact_came(&mut self, binding: &Binding, is_new: bool, now: Millis) {
        let (Some(agent), Some(flow)) = (self.owners.get(&binding.aor).copied(), binding.flow) else { return };
        self.come_home(agent, binding, flow);
        if super::leg::is_browser(flow) {
            self.invite_returned(agent, now);
        }
        if is_new {
            self.tell(EdgeEvent::Registered { agent, transport: flow.transport });
        }
    }

    fn contact_went(&mut self, binding: &Binding, now: Millis) {
        if !self.bindings.contacts(&binding.aor, now).is_empty() {
            return;
        }
        if let Some(agent) = self.owners.remove(&binding.aor) {
            self.tell(EdgeEvent::Unregistered { agent });
        }
    }

    /// A phone whose connection was lost is back on another: its calls go on there.
    fn come_home(&mut self, agent: PersonId, binding: &Binding, flow: Flow) {
        let mut back: Vec<LegKey> = Vec::new();
        for (key, leg) in &mut self.legs {
            let same = leg.dialog.as_ref().is_some_and(|dialog| dialog.target().equivalent(&binding.uri));
            if leg.agent == Some(agent) && leg.flow.is_none() && same {
                leg.flow = Some(flow);
                if !leg.media_lost {
                    leg.detached_until = None;
                }
                back.push(*key);
            }
        }
        back.into_iter().for_each(|key| self.settle(key));
    }

    fn stored(&self, change: &Changed, now: Millis) -> Option<Change> {
        match change {
            Changed::Removed(binding) => {
                let extension = extension_of(&binding.aor);
                Some(Change::Remove { extension, contact: binding.uri.to_string() })
            }
            Changed::Added(binding) | Changed::Refreshed(binding) => {
                let agent = self.owners.get(&binding.aor).copied()?;
                let udp = binding.flow.filter(|flow| flow.transport == Transport::Udp);
                let detail = Detail {
                    q: binding.q,
                    instance: binding.instance.clone(),
                    reg_id: binding.reg_id,
                    call_id: binding.call_id.clone(),
                    cseq: binding.cseq,
                    path: binding.path.clone(),
                    user_agent: binding.user_agent.clone(),
                    udp: udp.map(|flow| (flow.local, flow.remote)),
                };
                let stored = StoredBinding {
                    agent,
                    extension: extension_of(&binding.aor),
                    contact: binding.uri.to_string(),
                    expires: Timestamp(0), // the shell knows the calendar
                    detail: serde_json::to_string(&detail).unwrap_or_default(),
                };
                Some(Change::Put { binding: stored, lasts_ms: binding.expires.since(now) })
            }
        }
    }

    /// Takes up a kept registration at the start. What cannot be called any more is left out.
    pub(super) fn restore(&mut self, stored: &StoredBinding, lasts_ms: u64, now: Millis) {
        let detail = serde_json::from_str::<Detail>(&stored.detail);
        let (Ok(detail), Ok(uri)) = (detail, Uri::parse(&stored.contact)) else { return };
        let Some((local, remote)) = detail.udp.filter(|_| lasts_ms > 0) else { return };
        let aor = self.aor(&stored.extension);
        self.owners.insert(aor.clone(), stored.agent);
        self.bindings.restore(Binding {
            aor,
            uri,
            q: detail.q,
            instance: detail.instance,
            reg_id: detail.reg_id,
            call_id: detail.call_id,
            cseq: detail.cseq,
            path: detail.path,
            user_agent: detail.user_agent,
            expires: now.plus(lasts_ms),
            flow: Some(Flow::udp(local, remote)),
        });
        self.tell(EdgeEvent::Registered { agent: stored.agent, transport: Transport::Udp });
    }

    /// The address of record of an extension. Phones write the hub's name or address there as they were set up; that
    /// is not looked at.
    pub(super) fn aor(&self, extension: &str) -> String {
        format!("sip:{}@{}", liandong_sip::uri::escape_user(extension), self.config.realm)
    }

    /// Whether this account has a contact that came from this address.
    pub(super) fn lives_at(&self, extension: &str, source: std::net::IpAddr, now: Millis) -> bool {
        let contacts = self.bindings.contacts(&self.aor(extension), now);
        contacts.iter().any(|binding| binding.flow.is_some_and(|flow| flow.remote.ip() == source))
    }
}

fn extension_of(aor: &str) -> String {
    Uri::parse(aor).ok().and_then(|uri| uri.user_plain().map(std::borrow::Cow::into_owned)).unwrap_or_default()
}

/// Whether the request is about this account.
fn names(request: &Request, extension: &str) -> bool {
    debug_assert_eq!(request.method, Method::Register);
    request.headers.to().is_ok_and(|to| to.uri.user_plain().as_deref() == Some(extension))
}
