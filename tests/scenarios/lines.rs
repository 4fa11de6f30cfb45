//! Telephones for a load: small, and not upset when the hub is killed under them. Written without any code of ours for SIP.
//! Each end sends a pattern of its own instead of a voice, so that what was heard and what was recorded can be counted.

use std::collections::HashMap;
use std::net::{SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::time::{Duration, Instant};

use md5::{Digest, Md5};

use crate::harness::PASSWORD;

/// A-law octets of the two ends: constant, and far from each other and from speech.
pub(crate) const CALLER_OCTET: u8 = 0x2a;
pub(crate) const AGENT_OCTET: u8 = 0xaa;
/// Octets in a packet of 20 ms.
const FRAME: usize = 160;
/// Between two looks at the sockets.
const TICK: Duration = Duration::from_millis(5);
/// Between two transmissions of what was not answered (RFC 3261 T1).
const AGAIN: Duration = Duration::from_millis(500);
/// How long an answer may take while the hub lives.
const PATIENCE: Duration = Duration::from_secs(60);
/// Longest wait of a caller for a person before he gives up, in frames sent.
const WAIT_FRAMES: usize = 3_000;

/// A SIP message as far as these telephones look at it.
struct Message(String);

impl Message {
    fn receive(socket: &UdpSocket) -> Option<(Self, SocketAddr)> {
        let mut datagram = [0; 8_192];
        let (length, from) = socket.recv_from(&mut datagram).ok()?;
        Some((Self(String::from_utf8_lossy(&datagram[..length]).into_owned()), from))
    }

    fn headers(&self, name: &'static str) -> impl Iterator<Item = &str> {
        let lines = self.0.lines().take_while(|l| !l.is_empty());
        lines.filter_map(move |l| {
            let (key, value) = l.split_once(':')?;
            key.trim().eq_ignore_ascii_case(name).then_some(value.trim())
        })
    }

    fn header(&self, name: &'static str) -> &str {
        self.headers(name).next().unwrap_or_default()
    }

    /// The status of a response.
    fn status(&self) -> Option<u16> {
        self.0.strip_prefix("SIP/2.0 ")?.get(..3)?.parse().ok()
    }

    fn method(&self) -> &str {
        self.0.split(' ').next().unwrap_or_default()
    }

    fn number(&self) -> &str {
        self.header("CSeq").split(' ').next().unwrap_or_default()
    }

    /// Where the other end wants its sound.
    fn media(&self) -> Option<SocketAddr> {
        let find = |start: &str| self.0.lines().find_map(|l| l.strip_prefix(start));
        let (host, port) = (find("c=IN IP4 ")?, find("m=audio ")?);
        format!("{}:{}", host.trim(), port.split(' ').next()?).parse().ok()
    }

    fn contact(&self) -> String {
        let contact = self.header("Contact");
        contact
            .split_once('<')
            .map_or(contact, |(_, rest)| rest)
            .split(['>', ';'])
            .next()
            .unwrap_or_default()
            .to_owned()
    }

    /// An answer to this request.
    fn answer(&self, status: &str, tag: &str, contact: SocketAddr, sdp: Option<&str>) -> String {
        let mut text = format!("SIP/2.0 {status}\r\n");
        for name in ["Via", "Record-Route"] {
            self.headers(name).for_each(|v| text.push_str(&format!("{name}: {v}\r\n")));
        }
        let to = self.header("To");
        let tag = if to.contains("tag=") { String::new() } else { format!(";tag={tag}") };
        let (from, call_id, cseq) = (self.header("From"), self.header("Call-ID"), self.header("CSeq"));
        text.push_str(&format!("From: {from}\r\nTo: {to}{tag}\r\nCall-ID: {call_id}\r\nCSeq: {cseq}\r\n"));
        text.push_str(&format!("Contact: <sip:phone@{contact}>\r\n"));
        finish(text, sdp)
    }
}

fn finish(mut text: String, sdp: Option<&str>) -> String {
    if let Some(sdp) = sdp {
        text.push_str(&format!("Content-Type: application/sdp\r\nContent-Length: {}\r\n\r\n{sdp}", sdp.len()));
    } else {
        text.push_str("Content-Length: 0\r\n\r\n");
    }
    text
}

fn offer(media: SocketAddr) -> String {
    format!(
        "v=0\r\no=- 1 1 IN IP4 {ip}\r\ns=-\r\nc=IN IP4 {ip}\r\nt=0 0\r\nm=audio {port} RTP/AVP 8\r\n\
         a=rtpmap:8 PCMA/8000\r\na=sendrecv\r\n",
        ip = media.ip(),
        port = media.port()
    )
}

fn socket(ip: &str) -> UdpSocket {
    let socket = UdpSocket::bind((ip, 0)).unwrap();
    socket.set_nonblocking(true).unwrap();
    socket
}

/// A mouth and an ear: a frame is due each 20 ms; frames of the other end's pattern are counted.
struct Voice {
    socket: UdpSocket,
    octet: u8,
    other: u8,
    sent: u32,
    begun: Instant,
}

impl Voice {
    fn new(ip: &str, octet: u8, other: u8) -> Self {
        Self { socket: socket(ip), octet, other, sent: 0, begun: Instant::now() }
    }

    fn speak(&mut self, to: SocketAddr) {
        // After a standstill it goes on from now: a burst would only prove that the machine was busy.
        if self.begun.elapsed() > Duration::from_millis(20) * (self.sent + 50) {
            self.begun = Instant::now() - Duration::from_millis(20) * self.sent;
        }
        while self.begun.elapsed() >= Duration::from_millis(20) * self.sent {
            let mut packet = vec![0x80, 8];
            packet.extend((self.sent as u16).to_be_bytes());
            packet.extend((self.sent * FRAME as u32).to_be_bytes());
            packet.extend(u32::from(self.octet).to_be_bytes());
            packet.extend([self.octet; FRAME]);
            let _ = self.socket.send_to(&packet, to);
            self.sent += 1;
        }
    }

    /// Frames of the other end's pattern that came in.
    fn listen(&self) -> usize {
        let (mut packet, mut heard) = ([0; 2_048], 0);
        while let Ok((length, _)) = self.socket.recv_from(&mut packet) {
            let same = packet[12..length.max(12)].iter().filter(|o| **o == self.other).count();
            heard += usize::from(same > FRAME / 2);
        }
        heard
    }
}

/// A citizen's call: who called, and what he knows of it.
pub(crate) struct Call {
    pub(crate) caller: String,
    /// The hub said 200.
    pub(crate) answered: bool,
    /// Frames of the agent that were heard.
    pub(crate) heard: usize,
    /// It came to its end while the hub lived: by BYE from either side.
    pub(crate) over: bool,
    /// The citizen is hanging up.
    pub(crate) leaving: bool,
    sip: UdpSocket,
    hub: SocketAddr,
    dialog: [String; 4],
    number: u32,
}

/// What callers tell while they talk.
#[derive(Default)]
pub(crate) struct Told {
    /// Frames of agents that callers heard.
    pub(crate) heard: AtomicUsize,
}

impl Call {
    /// Calls 12345 from the trunk's address, talks for `frames` of the agent's voice, hangs up. Returns early when `stop`
    /// is set, with the call as it then was.
    pub(crate) fn make(hub: u16, caller: &str, frames: usize, stop: &AtomicBool, told: &Told) -> Self {
        let hub = SocketAddr::from(([127, 0, 0, 1], hub));
        let sip = socket("127.0.0.2");
        let own = sip.local_addr().unwrap();
        let call_id = format!("load-{caller}");
        let from = format!("<sip:{caller}@127.0.0.2>;tag=c{caller}");
        let (to, target) = (format!("<sip:12345@{hub}>"), format!("sip:12345@{hub}"));
        let dialog = [target, from, to, call_id];
        let mut call = Self {
            caller: caller.to_owned(),
            answered: false,
            heard: 0,
            over: false,
            leaving: false,
            sip,
            hub,
            dialog,
            number: 1,
        };
        let mut voice = Voice::new("127.0.0.2", CALLER_OCTET, AGENT_OCTET);
        let sdp = offer(voice.socket.local_addr().unwrap());
        let extra = format!("Contact: <sip:{caller}@{own}>\r\n");
        call.converse(&mut voice, &sdp, &extra, frames, stop, told);
        call
    }

    fn converse(&mut self, voice: &mut Voice, sdp: &str, extra: &str, frames: usize, stop: &AtomicBool, told: &Told) {
        let (mut media, mut due, mut provisional, mut waited) = (None, Instant::now(), false, 0);
        while !stop.load(Ordering::Relaxed) {
            if due <= Instant::now() {
                due = Instant::now() + AGAIN;
                if self.leaving {
                    self.send("BYE", "", None);
                } else if media.is_none() && !provisional {
                    self.send("INVITE", extra, Some(sdp));
                }
            }
            while let Some((message, _)) = Message::receive(&self.sip) {
                match (message.status(), message.method()) {
                    (Some(100..=199), _) => provisional = true,
                    (Some(200), _) if message.header("CSeq").ends_with("INVITE") => {
                        self.dialog[0] = message.contact();
                        self.dialog[2] = message.header("To").to_owned();
                        media = message.media().or(media);
                        self.answered = true;
                        self.send("ACK", "", None);
                    }
                    (Some(_), _) if self.leaving => {
                        self.over = true;
                        return;
                    }
                    (Some(_), _) => {
                        self.dialog[2] = message.header("To").to_owned();
                        self.send("ACK", "", None);
                        return;
                    }
                    (None, method) => {
                        let body = (method == "INVITE").then_some(sdp);
                        let own = self.sip.local_addr().unwrap();
                        let _ = self.sip.send_to(message.answer("200 OK", "c", own, body).as_bytes(), self.hub);
                        media = message.media().or(media);
                        if method == "BYE" {
                            self.over = true;
                            return;
                        }
                    }
                }
            }
            if let Some(to) = media {
                voice.speak(to);
                waited += 1;
            }
            let heard = voice.listen();
            self.heard += heard;
            told.heard.fetch_add(heard, Ordering::Relaxed);
            if !self.leaving && media.is_some() && (self.heard >= frames || waited > WAIT_FRAMES) {
                (self.leaving, due, self.number) = (true, Instant::now(), 2);
            }
            std::thread::sleep(TICK);
        }
    }

    fn send(&self, method: &str, extra: &str, sdp: Option<&str>) {
        let own = self.sip.local_addr().unwrap();
        let ([target, from, to, call_id], own_number) = (&self.dialog, self.number);
        let number = if method == "BYE" { own_number } else { 1 };
        let text = format!(
            "{method} {target} SIP/2.0\r\nVia: SIP/2.0/UDP {own};branch=z9hG4bK{method}{number}{call_id}\r\n\
             Max-Forwards: 70\r\nFrom: {from}\r\nTo: {to}\r\nCall-ID: {call_id}\r\nCSeq: {number} {method}\r\n{extra}"
        );
        let _ = self.sip.send_to(finish(text, sdp).as_bytes(), self.hub);
    }

    /// The citizen hangs up after the hub was killed and is there again: it knows the call (200) or not (481).
    pub(crate) fn hang_up(mut self) {
        self.number = 3;
        let until = Instant::now() + PATIENCE;
        let mut due = Instant::now();
        loop {
            assert!(Instant::now() < until, "{}: no answer to BYE after the restart", self.caller);
            if due <= Instant::now() {
                due = Instant::now() + AGAIN;
                self.send("BYE", "", None);
            }
            while let Some((message, _)) = Message::receive(&self.sip) {
                match message.status() {
                    Some(status) if message.header("CSeq").ends_with("BYE") => {
                        assert!(matches!(status, 200 | 481), "{}: {status} to BYE after the restart", self.caller);
                        return;
                    }
                    Some(_) => {}
                    None => {
                        let own = self.sip.local_addr().unwrap();
                        let answer = message.answer("481 Call Does Not Exist", "c", own, None);
                        let _ = self.sip.send_to(answer.as_bytes(), self.hub);
                    }
                }
            }
            std::thread::sleep(TICK);
        }
    }
}

/// An agent's telephone at 127.0.0.1: registers with digest, answers at once, speaks and listens. It outlives the hub.
pub(crate) struct AgentPhone {
    extension: String,
    hub: SocketAddr,
    socket: Arc<UdpSocket>,
    responses: Mutex<mpsc::Receiver<Message>>,
    over: Arc<AtomicBool>,
    number: AtomicUsize,
}

impl AgentPhone {
    /// A telephone that is not registered yet.
    pub(crate) fn new(hub: u16, extension: &str) -> Self {
        let phone = Arc::new(socket("127.0.0.1"));
        let (out, responses) = mpsc::channel();
        let over = Arc::new(AtomicBool::new(false));
        let (own, end) = (phone.clone(), over.clone());
        std::thread::spawn(move || serve(&own, &out, &end));
        Self {
            extension: extension.to_owned(),
            hub: SocketAddr::from(([127, 0, 0, 1], hub)),
            socket: phone,
            responses: Mutex::new(responses),
            over,
            number: AtomicUsize::new(0),
        }
    }

    /// Registers for `seconds` (0: not any more). The status of the last answer; `None` if none came before `stop`.
    pub(crate) fn register(&self, seconds: u32, stop: &AtomicBool) -> Option<u16> {
        let challenge = self.ask(seconds, "", stop)?;
        if challenge.status()? != 401 {
            return challenge.status();
        }
        let credentials = self.credentials(challenge.headers("WWW-Authenticate").find(|c| c.contains("MD5"))?);
        self.ask(seconds, &credentials, stop)?.status()
    }

    fn credentials(&self, challenge: &str) -> String {
        let part = |name: &str| {
            let start = format!("{name}=\"");
            challenge.split_once(&start).and_then(|(_, rest)| rest.split('"').next()).unwrap_or_default()
        };
        let hash =
            |text: String| Md5::digest(text.as_bytes()).iter().fold(String::new(), |s, b| s + &format!("{b:02x}"));
        let (realm, nonce, opaque) = (part("realm"), part("nonce"), part("opaque"));
        let uri = format!("sip:{}", self.hub);
        let own = hash(format!("{}:{realm}:{PASSWORD}", self.extension));
        let request = hash(format!("REGISTER:{uri}"));
        let response = hash(format!("{own}:{nonce}:00000001:load:auth:{request}"));
        format!(
            "Authorization: Digest username=\"{}\", realm=\"{realm}\", nonce=\"{nonce}\", uri=\"{uri}\", \
             response=\"{response}\", algorithm=MD5, qop=auth, nc=00000001, cnonce=\"load\", opaque=\"{opaque}\"\r\n",
            self.extension
        )
    }

    fn ask(&self, seconds: u32, credentials: &str, stop: &AtomicBool) -> Option<Message> {
        let (own, extension, hub) = (self.socket.local_addr().unwrap(), &self.extension, self.hub);
        let number = self.number.fetch_add(1, Ordering::Relaxed) + 1;
        let text = format!(
            "REGISTER sip:{hub} SIP/2.0\r\nVia: SIP/2.0/UDP {own};branch=z9hG4bKr{number}{extension}\r\nMax-Forwards: 70\r\n\
             From: <sip:{extension}@{hub}>;tag=r{extension}\r\nTo: <sip:{extension}@{hub}>\r\n\
             Call-ID: register-{extension}-{port}\r\nCSeq: {number} REGISTER\r\n\
             Contact: <sip:{extension}@{own}>\r\nExpires: {seconds}\r\n{credentials}",
            port = own.port()
        );
        let text = finish(text, None);
        let responses = self.responses.lock().unwrap();
        let until = Instant::now() + PATIENCE;
        while !stop.load(Ordering::Relaxed) && Instant::now() < until {
            let _ = self.socket.send_to(text.as_bytes(), hub);
            while let Ok(message) = responses.recv_timeout(AGAIN) {
                if message.number() == number.to_string() && message.status() != Some(100) {
                    return Some(message);
                }
            }
        }
        None
    }
}

impl Drop for AgentPhone {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
    }
}

/// A call at an agent's telephone.
struct Taken {
    /// The last answer to an INVITE, until its ACK, and how often it was sent.
    answer: Option<(String, u32)>,
    hub: SocketAddr,
    /// Where the sound goes.
    media: Option<SocketAddr>,
}

/// After so many transmissions an answer without ACK is given up (64·T1).
const TRIES: u32 = 64;

/// Answers whatever the hub asks of a telephone, until `over`.
fn serve(socket: &UdpSocket, responses: &mpsc::Sender<Message>, over: &AtomicBool) {
    let mut voice = Voice::new("127.0.0.1", AGENT_OCTET, CALLER_OCTET);
    let sdp = offer(voice.socket.local_addr().unwrap());
    let mut calls: HashMap<String, Taken> = HashMap::new();
    let (mut talk, mut due) = (String::new(), Instant::now());
    while !over.load(Ordering::Relaxed) {
        while let Some((message, from)) = Message::receive(socket) {
            if message.status().is_some() {
                let _ = responses.send(message);
            } else if let Some(id) = request(socket, &message, from, &mut calls, &sdp) {
                (talk, due) = (id, Instant::now() + AGAIN);
            }
        }
        if due <= Instant::now() {
            due = Instant::now() + AGAIN;
            calls.values_mut().for_each(|call| call.again(socket));
        }
        if let Some(to) = calls.get(&talk).and_then(|call| call.media) {
            voice.speak(to);
        }
        voice.listen();
        std::thread::sleep(TICK);
    }
}

impl Taken {
    fn again(&mut self, socket: &UdpSocket) {
        if let Some((answer, tries)) = &mut self.answer {
            let _ = socket.send_to(answer.as_bytes(), self.hub);
            *tries += 1;
        }
        self.answer.take_if(|(_, tries)| *tries >= TRIES);
    }
}

/// Answers a request of the hub; the call's id if it is talked in from now on.
fn request(
    socket: &UdpSocket,
    message: &Message,
    from: SocketAddr,
    calls: &mut HashMap<String, Taken>,
    sdp: &str,
) -> Option<String> {
    let (own, id) = (socket.local_addr().unwrap(), message.header("Call-ID").to_owned());
    let say = |status: &str, sdp: Option<&str>| {
        let answer = message.answer(status, "a", own, sdp);
        let _ = socket.send_to(answer.as_bytes(), from);
        answer
    };
    let is_known = calls.contains_key(&id);
    match message.method() {
        "INVITE" if !is_known && message.header("To").contains("tag=") => drop(say("481 Call Does Not Exist", None)),
        "INVITE" => {
            say("180 Ringing", None);
            let answer = Some((say("200 OK", Some(sdp)), 0));
            let media = message.media().or(calls.get(&id).and_then(|call| call.media));
            calls.insert(id.clone(), Taken { answer, hub: from, media });
            return Some(id);
        }
        "ACK" => {
            if let Some(call) = calls.get_mut(&id) {
                call.answer = None;
                call.media = message.media().or(call.media);
            }
        }
        "BYE" if !is_known => drop(say("481 Call Does Not Exist", None)),
        method => {
            say("200 OK", None);
            if method == "BYE" {
                calls.remove(&id);
            }
        }
    }
    None
}
