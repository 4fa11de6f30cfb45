//! The edge as one machine: messages, commands, replies and the time go in; messages, events and jobs come out.
//!
//! Pure around [`liandong_sip::Endpoint`]. Order of use: one `handle_…`, then [`Core::poll_output`] until `None`, then
//! wake it at [`Core::poll_timeout`]. The parts of the machine by concern: `register` (who is where), `incoming`
//! (INVITEs that come), `outgoing` (INVITEs that go), `within` (requests in a dialog), `closing` (how legs end).
//!
//! Must not know: sockets, clocks, the media engine.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use bytes::Bytes;
use liandong_sip::digest::{Algorithm, Authenticator, Offer, Secret, Verdict};
use liandong_sip::message::Message;
use liandong_sip::registrar::{Bindings, Registration};
use liandong_sip::transaction::Config as EndpointConfig;
use liandong_sip::{
    ClientKey, DialogId, Endpoint, Flow, Method, Millis, Name, Output, Request, Response, ServerKey, Transport,
};

use super::answers;
use super::guard::{Admission, Guard};
use super::leg::{BranchId, Leg, LegKey, MediaJob, MediaReply};
use super::{Credentials, EdgeEvent, SipAccount, StoredBinding};
use crate::calls::call::{LegCommand, LegEvent};
use crate::config::Trunk;
use crate::ids::{CallId, IdSource, PersonId};

/// Legs at once. The media engine has 5,000 pairs of ports by default; more is not served, only kept from growing.
pub(super) const LEGS_MAX: usize = 20_000;
/// How long a leg waits for a lost browser: a reload takes 2 to 5 s, a change of network up to 10.
pub(super) const DETACHED_MS: u64 = 20_000;
/// How often finished INVITEs of ours are forgotten.
const SWEEP_MS: u64 = 10_000;

/// What the machine is told at the start.
pub(super) struct CoreConfig {
    /// Where UDP is bound.
    pub(super) udp: SocketAddr,
    /// What peers reach.
    pub(super) address: IpAddr,
    pub(super) realm: String,
    pub(super) trunks: BTreeMap<String, Trunk>,
    pub(super) shown_number: String,
    /// From the system's random source.
    pub(super) seed: [u8; 32],
}

/// What comes out.
#[derive(Debug)]
pub(super) enum Out {
    /// Send; if the connection is gone, tell [`Core::handle_flow_lost`].
    Send(Flow, Bytes),
    /// Tell the switch.
    Event(EdgeEvent),
    /// Ask the leg's media worker; the number comes back in its reply.
    Media(LegKey, u64, MediaJob),
    /// Store, then [`Core::handle_saved`] with this ticket.
    Save(u64, Vec<Change>),
}

/// A change of the registrations or running legs; times are relative, because the machine knows no calendar.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Change {
    Put { binding: StoredBinding, lasts_ms: u64 },
    Remove { extension: String, contact: String },
    KeepLeg { key: LegKey, detail: String },
    DropLeg { key: LegKey },
}

/// A REGISTER whose 200 waits for the disk.
#[derive(Debug)]
pub(super) struct PendingSave {
    pub(super) key: ServerKey,
    pub(super) request: Request,
    pub(super) registration: Registration,
}

/// Why a media job was given.
#[derive(Debug)]
pub(super) enum Purpose {
    /// For their INVITE that opens the leg.
    Invite,
    /// For their re-INVITE or UPDATE.
    Renew(ServerKey, Box<Request>),
    /// The answer to our offer came with their ACK.
    AckAnswer,
    /// The offer for an INVITE of ours.
    BranchOffer(BranchId),
    /// The answer to it.
    BranchAccept(BranchId),
    /// Our own refresh.
    RefreshOffer,
    RefreshAccept,
    /// Nobody waits for it.
    Unheard,
}

/// Whose transaction an INVITE is that came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ServerUse {
    Invite(LegKey),
    Renew(LegKey),
}

/// What a request of ours is for.
#[derive(Debug)]
pub(super) enum ClientUse {
    Branch {
        leg: LegKey,
        branch: BranchId,
        request: Box<Request>,
        flow: Flow,
    },
    /// By re-INVITE or by UPDATE.
    Refresh {
        leg: LegKey,
        is_invite: bool,
    },
}

/// What is known of a call beyond its legs.
#[derive(Debug, Clone, Default)]
pub(super) struct CallFacts {
    pub(super) legs: usize,
    pub(super) caller: String,
    pub(super) display: String,
    /// Max-Forwards for what follows from it.
    pub(super) hops: Option<u8>,
}

/// Who sends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Who {
    Trunk(String),
    Agent(SipAccount),
    /// The verdict to challenge with, and the name that was tried.
    Nobody(Verdict),
    /// This account may not try from there at present.
    Locked,
}

/// The machine.
pub(super) struct Core {
    pub(super) config: CoreConfig,
    pub(super) credentials: Arc<dyn Credentials>,
    pub(super) ids: Box<dyn IdSource>,
    pub(super) endpoint: Endpoint,
    pub(super) auth: Authenticator,
    pub(super) guard: Guard,
    pub(super) bindings: Bindings,
    /// Whose address of record each is: accounts may go while they are registered.
    pub(super) owners: HashMap<String, PersonId>,
    pub(super) saves: HashMap<u64, PendingSave>,
    pub(super) legs: HashMap<LegKey, Leg>,
    pub(super) calls: HashMap<CallId, CallFacts>,
    pub(super) dialogs: HashMap<DialogId, LegKey>,
    pub(super) servers: HashMap<ServerKey, ServerUse>,
    pub(super) clients: HashMap<ClientKey, ClientUse>,
    jobs: HashMap<u64, (LegKey, Purpose)>,
    timers: BTreeSet<(Millis, LegKey)>,
    outputs: VecDeque<Out>,
    last_number: u64,
    sweep_at: Millis,
    /// The switch or we ourselves are behind: no new calls.
    pub(super) overloaded: bool,
    /// No new calls because the hub goes down.
    pub(super) draining: bool,
}

/// Things that happen.
impl Core {
    pub(super) fn new(config: CoreConfig, credentials: Arc<dyn Credentials>, ids: Box<dyn IdSource>) -> Self {
        let mut endpoint = EndpointConfig::default();
        if config.udp.ip().is_unspecified() {
            let shown = SocketAddr::new(config.address, config.udp.port());
            endpoint.sent_by.insert(config.udp.ip(), shown.to_string());
        }
        let mut endpoint = Endpoint::new(endpoint, config.seed);
        let secret = endpoint.tokens().bytes();
        let auth = Authenticator::new(&config.realm, &secret);
        Self {
            config,
            credentials,
            ids,
            endpoint,
            auth,
            guard: Guard::default(),
            bindings: Bindings::new(),
            owners: HashMap::new(),
            saves: HashMap::new(),
            legs: HashMap::new(),
            calls: HashMap::new(),
            dialogs: HashMap::new(),
            servers: HashMap::new(),
            clients: HashMap::new(),
            jobs: HashMap::new(),
            timers: BTreeSet::new(),
            outputs: VecDeque::new(),
            last_number: 0,
            sweep_at: Millis(SWEEP_MS),
            overloaded: false,
            draining: false,
        }
    }

    /// One framed message came.
    pub(super) fn handle_bytes(&mut self, flow: Flow, bytes: Bytes, now: Millis) {
        match Message::parse(bytes.clone()) {
            Ok(Message::Request(request)) => self.admit(flow, request, now),
            Ok(response) => self.endpoint.handle_message(flow, response, now),
            Err(_) => {
                // What cannot be read pays like any other request; its 400 is the layer's.
                if self.guard.admit(flow.remote.ip(), self.is_trunk(flow.remote.ip()), "", now) == Admission::Admit {
                    self.endpoint.handle_bytes(flow, bytes, now);
                }
            }
        }
        self.drain(now);
    }

    /// A connection has ended or could not be written to.
    pub(super) fn handle_flow_lost(&mut self, flow: Flow, now: Millis) {
        self.endpoint.handle_transport_error(flow);
        self.drain(now);
        let changes = self.bindings.flow_lost(flow);
        self.registrations_changed(&changes, now);
        let on_it = |(key, leg): (&LegKey, &Leg)| (leg.flow == Some(flow)).then_some(*key);
        let hit: Vec<LegKey> = self.legs.iter().filter_map(on_it).collect();
        for key in hit {
            self.leg_flow_lost(key, flow, now);
        }
        self.drain(now);
    }

    /// The switch asks something of a leg.
    pub(super) fn handle_command(&mut self, key: LegKey, command: LegCommand, now: Millis) {
        match command {
            LegCommand::Invite(party) => self.invite(key, party, now),
            LegCommand::Ring => self.ring(key, now),
            LegCommand::Answer => self.answer(key, now),
            LegCommand::Reject { status } => self.reject(key, status, now),
            LegCommand::Cancel => self.give_up(key, true, now),
            LegCommand::HangUp => self.give_up(key, false, now),
        }
        self.drain(now);
    }

    /// A media worker tells.
    pub(super) fn handle_media(&mut self, key: LegKey, reply: MediaReply, now: Millis) {
        match reply {
            MediaReply::Lost => self.media_lost(key, now),
            MediaReply::Done(number, done) => {
                let Some((key, purpose)) = self.jobs.remove(&number) else { return };
                self.media_done(key, purpose, done, now);
            }
        }
        self.drain(now);
    }

    /// Time went by.
    pub(super) fn handle_timeout(&mut self, now: Millis) {
        self.endpoint.handle_timeout(now);
        self.drain(now);
        let changes = self.bindings.expire(now);
        self.registrations_changed(&changes, now);
        while let Some((at, key)) = self.timers.first().copied().filter(|(at, _)| *at <= now) {
            self.timers.remove(&(at, key));
            self.legs.get_mut(&key).map(|leg| leg.armed.take());
            self.leg_timeout(key, now);
            self.settle(key);
        }
        if self.sweep_at <= now {
            self.sweep_at = now.plus(SWEEP_MS);
            let endpoint = &self.endpoint;
            let lives = |key: &ClientKey, use_: &ClientUse| match use_ {
                ClientUse::Branch { .. } => endpoint.invite_state(*key).is_some(),
                ClientUse::Refresh { .. } => true, // taken out by its one answer
            };
            self.clients.retain(|key, use_| lives(key, use_));
        }
        self.drain(now);
    }
}

/// What to do now.
impl Core {
    pub(super) fn poll_output(&mut self) -> Option<Out> {
        self.outputs.pop_front()
    }

    /// When [`Core::handle_timeout`] wants to be called.
    pub(super) fn poll_timeout(&self) -> Option<Millis> {
        let leg = self.timers.first().map(|(at, _)| *at);
        let sweep = (!self.clients.is_empty()).then_some(self.sweep_at);
        [self.endpoint.poll_timeout(), self.bindings.poll_timeout(), leg, sweep].into_iter().flatten().min()
    }
}

/// Between the layers.
impl Core {
    /// What comes out of the transaction layer goes on.
    pub(super) fn drain(&mut self, now: Millis) {
        while let Some(output) = self.endpoint.poll_output() {
            match output {
                Output::Send { flow, bytes } => self.outputs.push_back(Out::Send(flow, bytes)),
                Output::Request { key, request, flow, tag } => self.request(key, request, flow, &tag, now),
                Output::Ack { key, request } => self.acknowledged(key, &request, now),
                Output::NoAck { key } => self.not_acknowledged(key, now),
                Output::Cancel { key, .. } | Output::Unanswered { key } => self.caller_gave_up(key),
                Output::Response { key, response, flow } => self.response(key, &response, flow, now),
                Output::Stray { response, flow } => self.hang_up_unknown(&response, flow, now),
                Output::Timeout { key } => self.no_response(key, 408, now),
                Output::TransportFailed { key } => self.no_response(key, 503, now),
            }
        }
    }

    /// Whether a request may enter the transaction layer.
    fn admit(&mut self, flow: Flow, request: Request, now: Millis) {
        let ours = DialogId::of_request(&request).is_some_and(|id| self.dialogs.contains_key(&id));
        let admission = if ours || matches!(request.method, Method::Ack | Method::Cancel) {
            Admission::Admit
        } else {
            let agent = request.headers.get(Name::UserAgent).unwrap_or_default();
            let source = flow.remote.ip();
            self.guard.admit(source, self.is_trunk(source), &agent, now)
        };
        match admission {
            Admission::Admit => self.endpoint.handle_message(flow, Message::Request(request), now),
            Admission::Busy if flow.transport.is_reliable() || self.is_trunk(flow.remote.ip()) => {
                let mut answer = answers::refusal(&request, 503, "too many requests from this address");
                let parts = [request.headers.call_id().unwrap_or_default()];
                answer.set_to_tag(&self.endpoint.tokens().derived(&[&parts[0]]));
                self.outputs.push_back(Out::Send(flow, answer.encode()));
            }
            Admission::Busy | Admission::Silence => {}
        }
    }

    fn request(&mut self, key: ServerKey, request: Request, flow: Flow, tag: &str, now: Millis) {
        if let Some(id) = DialogId::of_request(&request) {
            return match self.dialogs.get(&id).copied() {
                Some(leg) => self.request_within(leg, &id, key, request, flow, now),
                None => self.refuse(key, &request, 481, "no such dialog here (any more)"),
            };
        }
        let unknown = request.unknown_extensions(answers::EXTENSIONS);
        if !unknown.is_empty() {
            let answer = answers::refusal(&request, 420, "an extension is required that this hub does not have");
            return self.endpoint.respond_once(key, answer.with(Name::Unsupported, unknown.join(", ")));
        }
        if let Err(refusal) = request.hops_left() {
            return self.refuse(key, &request, refusal.status, "Max-Forwards has run out: the call goes in a circle");
        }
        match request.method {
            Method::Register => self.register(key, &request, flow, now),
            Method::Invite => self.invited(key, request, flow, tag, now),
            Method::Options => {
                let answer = answers::options(&request);
                self.endpoint.respond_once(key, answer);
            }
            Method::Other(_) => self.refuse(key, &request, 501, "unknown method"),
            _ => {
                let answer = answers::refusal(&request, 405, "not outside of a call");
                self.endpoint.respond_once(key, answer.with(Name::Allow, answers::ALLOW));
            }
        }
    }

    /// Who sends this, by address or proof.
    pub(super) fn who(&mut self, request: &Request, flow: Flow, now: Millis) -> Who {
        let source = flow.remote.ip();
        if request.method != Method::Register
            && let Some(name) = self.trunk_from(source)
        {
            return Who::Trunk(name);
        }
        let tried = tried_name(request, &self.config.realm);
        let locked = |name: &String| !self.lives_at(name, source, now) && self.credentials.locked(name, source);
        if tried.as_ref().is_some_and(locked) {
            return Who::Locked;
        }
        let credentials = &self.credentials;
        let secret = |name: &str, algorithm: Algorithm| {
            let account = credentials.by_extension(name)?;
            match algorithm {
                Algorithm::Md5 => Some(Secret::Ha1(account.ha1_md5)),
                Algorithm::Sha256 => Some(Secret::Ha1(account.ha1_sha256)),
                Algorithm::Sha512_256 => None,
            }
        };
        let verdict = self.auth.verify(request, secret, now);
        if let Verdict::Wrong(name) = &verdict {
            self.credentials.failed(name, source);
        }
        match verdict.account().and_then(|name| self.credentials.by_extension(name)) {
            Some(account) => {
                self.guard.proved(source, now);
                Who::Agent(account)
            }
            None => Who::Nobody(verdict),
        }
    }

    /// 401 or 407 to somebody who has not proved himself.
    pub(super) fn challenge(&mut self, key: ServerKey, request: &Request, verdict: &Verdict, now: Millis) {
        let (status, text) = match verdict {
            Verdict::Missing => (401, "prove who you are"),
            Verdict::Wrong(_) => (401, "user name or password is wrong"),
            _ => (401, "this nonce is old or was used; prove it again with the new one"),
        };
        let status = if request.method == Method::Register { status } else { 407 };
        let mut answer = answers::refusal(request, status, text);
        let agent = request.headers.get(Name::UserAgent);
        self.auth.challenge(&mut answer, Offer::for_client(agent.as_deref()), verdict.is_stale(), now);
        self.endpoint.respond_once(key, answer);
    }

    /// Refuses a request for good and forgets it: it has made nothing.
    pub(super) fn refuse(&mut self, key: ServerKey, request: &Request, status: u16, text: &str) {
        self.endpoint.respond_once(key, answers::refusal(request, status, text));
    }

    pub(super) fn trunk_from(&self, source: IpAddr) -> Option<String> {
        self.config.trunks.iter().find(|(_, trunk)| trunk.from == Some(source)).map(|(name, _)| name.clone())
    }

    pub(super) fn is_trunk(&self, source: IpAddr) -> bool {
        let is = |trunk: &Trunk| trunk.from == Some(source) || trunk.to.is_some_and(|to| to.ip() == source);
        self.config.trunks.values().any(is)
    }

    /// Our Contact on this flow.
    pub(super) fn contact(&self, flow: Flow) -> liandong_sip::NameAddr {
        let local = flow.local;
        let shown =
            if local.ip().is_unspecified() { SocketAddr::new(self.config.address, local.port()) } else { local };
        let parameter = match flow.transport {
            Transport::Udp => "",
            Transport::Tcp => ";transport=tcp",
            Transport::Tls => ";transport=tls",
            Transport::Ws | Transport::Wss => ";transport=ws",
        };
        let text = format!("sip:hub@{shown}{parameter}");
        let uri = liandong_sip::Uri::parse(&text).expect("a socket address makes a SIP URI");
        liandong_sip::NameAddr::new(uri)
    }

    pub(super) fn emit(&mut self, key: LegKey, event: LegEvent) {
        self.tell(EdgeEvent::Leg { call: key.call, leg: key.leg, event });
    }

    pub(super) fn tell(&mut self, event: EdgeEvent) {
        self.outputs.push_back(Out::Event(event));
    }

    pub(super) fn save(&mut self, changes: Vec<Change>) -> u64 {
        let ticket = self.next_number();
        self.outputs.push_back(Out::Save(ticket, changes));
        ticket
    }

    pub(super) fn media(&mut self, key: LegKey, purpose: Purpose, job: MediaJob) {
        let number = self.next_number();
        if !matches!(purpose, Purpose::Unheard) {
            self.jobs.insert(number, (key, purpose));
        }
        self.outputs.push_back(Out::Media(key, number, job));
    }

    /// No reply to this leg's jobs is waited for any more.
    pub(super) fn forget_jobs(&mut self, key: LegKey) {
        if !self.jobs.is_empty() {
            self.jobs.retain(|_, (leg, _)| *leg != key);
        }
    }

    /// Something of the leg has changed: its timer is set anew, and it is kept as it is.
    pub(super) fn settle(&mut self, key: LegKey) {
        self.keep(key);
        let Some(leg) = self.legs.get_mut(&key) else { return };
        let next = leg.next_timeout();
        if leg.armed == next {
            return;
        }
        if let Some(at) = leg.armed.take() {
            self.timers.remove(&(at, key));
        }
        if let Some(at) = next {
            self.timers.insert((at, key));
        }
        leg.armed = next;
    }

    pub(super) fn disarm(&mut self, key: LegKey, armed: Option<Millis>) {
        if let Some(at) = armed {
            self.timers.remove(&(at, key));
        }
    }

    fn next_number(&mut self) -> u64 {
        self.last_number += 1;
        self.last_number
    }

    /// Sends an answer that keeps its transaction.
    pub(super) fn respond(&mut self, key: ServerKey, answer: Response, now: Millis) {
        // Refused only if the transaction ended meanwhile (CANCEL crossed): then there is nobody to answer.
        let _ = self.endpoint.respond(key, answer, now);
    }
}

/// The name that a request tries to prove.
fn tried_name(request: &Request, realm: &str) -> Option<String> {
    let fields = request.headers.all(Name::Authorization).chain(request.headers.all(Name::ProxyAuthorization));
    let parsed = fields.filter_map(|field| liandong_sip::digest::Credentials::parse(&field.text()));
    parsed.into_iter().find(|credentials| credentials.realm == realm).map(|credentials| credentials.username)
}
