//! What the tests share: accounts, a registry, and the machine with a played network, store and media engine.

use std::collections::{BTreeMap, VecDeque};
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use liandong_media::relay::{Media, Remote};
use liandong_sip::digest::{Account, Algorithm, Secret, answer_challenge};
use liandong_sip::flow::ConnectionId;
use liandong_sip::{Flow, Message, Millis, Name, Request, Response, Tokens, Transport};
use uuid::Uuid;

use crate::calls::call::{LegCommand, LegEvent, LegId, Party};
use crate::calls::edge::core::{Change, Core, CoreConfig, Out};
use crate::calls::edge::kept_media::KeptMedia;
use crate::calls::edge::leg::{BranchId, Described, LegKey, MediaJob, MediaReply, NoMedia};
use crate::calls::edge::{Credentials, EdgeEvent, SipAccount, StoredLeg};
use crate::config::Config;
use crate::ids::{CallId, PersonId, SeededIds, Timestamp};

pub(super) const REALM: &str = "liandong";
pub(super) const SDP: &str = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 4000 RTP/AVP 8 101\r\na=rtpmap:101 telephone-event/8000\r\n";

pub(super) fn agent(extension: u32) -> PersonId {
    PersonId(Uuid::from_u128(u128::from(extension)))
}

/// Extensions 8001 to 8009; each one's password is its extension.
#[derive(Default)]
pub(super) struct Accounts {
    pub(super) failures: Mutex<Vec<(String, IpAddr)>>,
}

impl Credentials for Accounts {
    fn by_extension(&self, extension: &str) -> Option<SipAccount> {
        let number: u32 = extension.parse().ok().filter(|n| (8001..8010).contains(n))?;
        Some(SipAccount {
            person: agent(number),
            extension: extension.to_owned(),
            ha1_md5: Algorithm::Md5.ha1(extension, REALM, extension),
            ha1_sha256: Algorithm::Sha256.ha1(extension, REALM, extension),
        })
    }

    fn by_person(&self, person: PersonId) -> Option<SipAccount> {
        self.by_extension(&person.0.as_u128().to_string())
    }

    fn failed(&self, extension: &str, source: IpAddr) {
        self.failures.lock().unwrap().push((extension.to_owned(), source));
    }

    fn locked(&self, extension: &str, source: IpAddr) -> bool {
        let failures = self.failures.lock().unwrap();
        failures.iter().filter(|(name, from)| name == extension && *from == source).count() >= 5
    }
}

/// The machine and everybody around it.
pub(super) struct Stage {
    pub(super) core: Core,
    pub(super) accounts: Arc<Accounts>,
    pub(super) now: Millis,
    /// What was sent and not looked at yet.
    pub(super) wire: VecDeque<(Flow, Message)>,
    pub(super) events: VecDeque<EdgeEvent>,
    pub(super) jobs: Vec<(LegKey, MediaJob)>,
    /// Whether jobs are answered at once, and how.
    pub(super) media: Result<Described, NoMedia>,
    /// Whether the store answers at once, and how.
    pub(super) store: Option<bool>,
    pub(super) tickets: Vec<u64>,
    /// Legs on the disk.
    pub(super) kept: BTreeMap<LegKey, String>,
    tokens: Tokens,
}

impl Stage {
    pub(super) fn new() -> Self {
        let accounts = Arc::new(Accounts::default());
        let config = CoreConfig {
            udp: "127.0.0.1:5060".parse().unwrap(),
            address: IpAddr::from([127, 0, 0, 1]),
            realm: REALM.into(),
            trunks: Config::demo("x").trunks,
            shown_number: "12345".into(),
            seed: [7; 32],
        };
        let ids = Box::new(SeededIds::new(1, Timestamp(1_700_000_000_000)));
        Self {
            core: Core::new(config, accounts.clone(), ids),
            accounts,
            now: Millis(1_000),
            wire: VecDeque::new(),
            events: VecDeque::new(),
            jobs: Vec::new(),
            media: Ok(described(false)),
            store: Some(true),
            tickets: Vec::new(),
            kept: BTreeMap::new(),
            tokens: Tokens::new([9; 32]),
        }
    }

    pub(super) fn send(&mut self, flow: Flow, text: &str) {
        self.core.handle_bytes(flow, Bytes::from(text.to_owned()), self.now);
        self.turn();
    }

    pub(super) fn command(&mut self, key: LegKey, command: LegCommand) {
        self.core.handle_command(key, command, self.now);
        self.turn();
    }

    /// Time goes by, timer by timer.
    pub(super) fn wait(&mut self, ms: u64) {
        let end = self.now.plus(ms);
        while let Some(at) = self.core.poll_timeout().filter(|at| *at <= end) {
            self.now = self.now.max(at);
            self.core.handle_timeout(self.now);
            self.turn();
        }
        self.now = end;
    }

    pub(super) fn turn(&mut self) {
        while let Some(out) = self.core.poll_output() {
            match out {
                Out::Send(flow, bytes) => self.wire.push_back((flow, Message::parse(bytes).unwrap())),
                Out::Event(event) => self.events.push_back(event),
                Out::Media(key, number, job) => {
                    let heard = !matches!(job, MediaJob::Close | MediaJob::Forget { .. });
                    self.jobs.push((key, job));
                    if heard {
                        self.core.handle_media(key, MediaReply::Done(number, self.media.clone()), self.now);
                    }
                }
                Out::Save(ticket, changes) => {
                    changes.into_iter().for_each(|change| self.store_leg(change));
                    match self.store {
                        Some(stored) => self.core.handle_saved(ticket, stored, self.now),
                        None => self.tickets.push(ticket),
                    }
                }
            }
        }
    }

    fn store_leg(&mut self, change: Change) {
        match change {
            Change::KeepLeg { key, detail } => drop(self.kept.insert(key, detail)),
            Change::DropLeg { key } => drop(self.kept.remove(&key)),
            Change::Put { .. } | Change::Remove { .. } => {}
        }
    }

    /// The hub is killed and started again: only what lay on the disk is there.
    pub(super) fn restarted(self) -> Self {
        let mut stage = Self::new();
        for (key, detail) in self.kept {
            let stored = StoredLeg { call: key.call, leg: key.leg, detail };
            let (taken, media) = stage.core.restore_leg(&stored, stage.now).expect("what was kept is taken up");
            assert_eq!(taken, key);
            stage
                .jobs
                .extend(media.map(|_| (key, MediaJob::Offer { branch: BranchId(0), browser: false, again: true })));
        }
        stage.turn();
        stage
    }

    pub(super) fn response(&mut self) -> Response {
        match self.wire.pop_front() {
            Some((_, Message::Response(response))) => response,
            other => panic!("a response was expected, not {other:?}"),
        }
    }

    pub(super) fn request(&mut self) -> (Flow, Request) {
        match self.wire.pop_front() {
            Some((flow, Message::Request(request))) => (flow, request),
            other => panic!("a request was expected, not {other:?}"),
        }
    }

    pub(super) fn leg_event(&mut self) -> LegEvent {
        match self.events.pop_front() {
            Some(EdgeEvent::Leg { event, .. }) => event,
            other => panic!("a leg's event was expected, not {other:?}"),
        }
    }

    /// The same request with the proof that the answer asks for.
    pub(super) fn proved(&mut self, text: &str, challenge: &Response, user: &str, password: &str) -> String {
        let Ok(Message::Request(request)) = Message::parse(Bytes::from(text.to_owned())) else { panic!("{text}") };
        let account = Account { username: user.into(), secret: Secret::Password(password.into()) };
        let mut again = answer_challenge(&request, challenge, &account, &mut self.tokens).unwrap();
        let via = again.headers.get(Name::Via).unwrap().replace("branch=z9hG4bK", "branch=z9hG4bKx");
        again.headers.set(Name::Via, via);
        String::from_utf8(again.encode().to_vec()).unwrap()
    }

    /// Registers a contact of the extension.
    pub(super) fn register(&mut self, flow: Flow, extension: u32, contact: &str) {
        let text = register(extension, contact, &format!("reg-{contact}"));
        self.send(flow, &text);
        let challenge = self.response();
        assert_eq!(challenge.status, 401);
        let again = self.proved(&text, &challenge, &extension.to_string(), &extension.to_string());
        self.send(flow, &again);
        assert_eq!(self.response().status, 200);
        assert!(matches!(self.events.pop_front(), Some(EdgeEvent::Registered { .. })));
    }

    /// A trunk's call that the switch knows of.
    pub(super) fn incoming(&mut self) -> LegKey {
        self.send(trunk(), &invite("in", SDP));
        match self.events.pop_front() {
            Some(EdgeEvent::Incoming { call, caller_leg, .. }) => LegKey { call, leg: caller_leg },
            other => panic!("{other:?}"),
        }
    }

    /// A trunk's call that is up; its 200.
    pub(super) fn up(&mut self) -> (LegKey, Response) {
        let key = self.incoming();
        self.command(key, LegCommand::Answer);
        let ok = self.response();
        assert_eq!(ok.status, 200);
        self.send(trunk(), &within("ACK", 1, &ok, ""));
        (key, ok)
    }

    /// Invites an agent as a further leg.
    pub(super) fn ring(&mut self, call: CallId, number: u32, extension: u32) -> LegKey {
        let key = LegKey { call, leg: LegId(number) };
        self.command(key, LegCommand::Invite(Party::Agent(agent(extension))));
        key
    }

    /// After everything has ended and been forgotten, nothing is left.
    pub(super) fn assert_clean(&mut self) {
        self.wait(700_000);
        let core = &self.core;
        assert!(core.legs.is_empty(), "{:?}", core.legs);
        assert!(core.dialogs.is_empty() && core.servers.is_empty() && core.clients.is_empty());
        assert!(core.calls.is_empty() && core.endpoint.is_empty() && core.saves.is_empty());
        let mut open = BTreeMap::new();
        for (key, job) in &self.jobs {
            if matches!(job, MediaJob::Close) {
                open.remove(key)
            } else {
                open.insert(*key, job)
            };
        }
        open.retain(|_, job| !matches!(job, MediaJob::Forget { .. }));
        assert!(open.is_empty(), "media left open: {open:?}");
    }
}

pub(super) fn described(held: bool) -> Described {
    let remote = Remote::new("127.0.0.1:4000".parse().unwrap(), Media::pcma());
    Described { sdp: SDP.into(), held, changed: false, kept: Some(KeptMedia::new(10_000, 1, &remote)) }
}

pub(super) fn udp(from: &str) -> Flow {
    Flow::udp("127.0.0.1:5060".parse().unwrap(), from.parse().unwrap())
}

pub(super) fn trunk() -> Flow {
    udp("127.0.0.2:5060")
}

pub(super) fn browser(connection: u64) -> Flow {
    let remote: SocketAddr = format!("127.0.0.1:{}", 40_000 + connection).parse().unwrap();
    Flow {
        transport: Transport::Ws,
        local: "127.0.0.1:5060".parse().unwrap(),
        remote,
        connection: ConnectionId(connection),
    }
}

pub(super) fn register(extension: u32, contact: &str, call_id: &str) -> String {
    format!(
        "REGISTER sip:hub SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:5080;branch=z9hG4bK{call_id};rport\r\nMax-Forwards: 70\r\n\
         From: <sip:{extension}@hub>;tag=r\r\nTo: <sip:{extension}@hub>\r\nCall-ID: {call_id}\r\nCSeq: 1 REGISTER\r\n\
         Contact: <{contact}>\r\nExpires: 600\r\nContent-Length: 0\r\n\r\n"
    )
}

pub(super) fn invite(call_id: &str, sdp: &str) -> String {
    format!(
        "INVITE sip:12345@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.2:5060;branch=z9hG4bK{call_id};rport\r\nMax-Forwards: 30\r\n\
         From: \"王\" <sip:13800138000@127.0.0.2>;tag=c\r\nTo: <sip:12345@127.0.0.1>\r\nCall-ID: {call_id}\r\nCSeq: 1 INVITE\r\n\
         Contact: <sip:gw@127.0.0.2:5060>\r\nAllow: INVITE, ACK, BYE, UPDATE\r\nContent-Type: application/sdp\r\nContent-Length: {}\r\n\r\n{sdp}",
        sdp.len()
    )
}

/// A request of the caller in the dialog that `ok` (an answer to his INVITE) made.
pub(super) fn within(method: &str, cseq: u32, ok: &Response, body: &str) -> String {
    let (from, to, call_id) =
        (ok.headers.get(Name::From).unwrap(), ok.headers.get(Name::To).unwrap(), ok.headers.call_id().unwrap());
    let kind = if method == "INFO" { "application/dtmf-relay" } else { "application/sdp" };
    format!(
        "{method} sip:hub@127.0.0.1:5060 SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.2:5060;branch=z9hG4bK{method}{cseq}{call_id};rport\r\n\
         Max-Forwards: 70\r\nFrom: {from}\r\nTo: {to}\r\nCall-ID: {call_id}\r\nCSeq: {cseq} {method}\r\n\
         Contact: <sip:gw@127.0.0.2:5060>\r\nContent-Type: {kind}\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

/// A called phone's answer.
pub(super) fn answer_to(request: &Request, status: u16, tag: &str) -> String {
    let mut response = Response::to(request, status, "");
    response.set_to_tag(tag);
    if (200..300).contains(&status) {
        response.headers.push(Name::Contact, format!("<sip:{tag}@127.0.0.1:5090>"));
        response = response.with_body("application/sdp", SDP);
    }
    String::from_utf8(response.encode().to_vec()).unwrap()
}

/// A request of the called phone in the dialog that its 200 to `invite` made.
pub(super) fn from_callee(method: &str, cseq: u32, invite: &Request, tag: &str) -> String {
    let h = &invite.headers;
    format!(
        "{method} sip:hub@127.0.0.1:5060 SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:5090;branch=z9hG4bK{method}{cseq}{tag};rport\r\n\
         Max-Forwards: 70\r\nFrom: {};tag={tag}\r\nTo: {}\r\nCall-ID: {}\r\nCSeq: {cseq} {method}\r\nContent-Length: 0\r\n\r\n",
        h.get(Name::To).unwrap(),
        h.get(Name::From).unwrap(),
        h.call_id().unwrap()
    )
}
