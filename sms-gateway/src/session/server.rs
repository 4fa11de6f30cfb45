//! One SMPP session as the centre's side: a department's program (ESME) binds, submits, and receives receipts and messages.
//!
//! ```text
//! Open ──bind──► Checking ──accept──► Bound ──unbind, mute──► Closed
//!   │ no bind in 10 s      │ refuse
//!   └──────────────────────┴──────────────────────────────► Closed
//! ```
//! A submit is accepted only when the owner says that it is durable; too fast a client is told so at once (0x58), never left waiting.

use super::bucket::Bucket;
use super::window::{Answered, Window};
use crate::pdu::{BadPdu, BindMode, BindResp, Body, COctet, FrameError, MAX_SEQUENCE, Message, Pdu, Status, Tlvs, tag};
use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::time::{Duration, Instant};

/// SMPP 3.4, said in the bind response to clients that are as new.
const VERSION: u8 = 0x34;

/// Times and limits of a server session; the defaults are those of the fact sheet.
#[derive(Debug, Clone, Copy)]
pub struct ServerTimers {
    /// From the connection to the bind. 10 s.
    pub session_init: Duration,
    /// Silence after which the session is closed; must exceed the client's own enquire_link interval. 300 s.
    pub inactivity: Duration,
    /// Silence after which we ask. 60 s: half-open connections are found within 90 s.
    pub enquire: Duration,
    /// Wait for that answer, then close. 30 s.
    pub enquire_answer: Duration,
    /// Wait for a deliver_sm_resp, then the delivery is unknown and to be repeated. 60 s.
    pub response: Duration,
}

impl Default for ServerTimers {
    fn default() -> Self {
        Self {
            session_init: Duration::from_secs(10),
            inactivity: Duration::from_secs(300),
            enquire: Duration::from_secs(60),
            enquire_answer: Duration::from_secs(30),
            response: Duration::from_secs(60),
        }
    }
}

/// What an account may do; comes with the acceptance of a bind.
#[derive(Debug, Clone, Copy)]
pub struct AccountLimits {
    /// Submits of one session that the owner has not yet taken; above it 0x58.
    pub window: usize,
    /// Submits per second; above it 0x58.
    pub rate: u32,
    /// Our deliver_sm unanswered at once.
    pub deliver_window: usize,
}

impl Default for AccountLimits {
    fn default() -> Self {
        Self { window: 64, rate: 100, deliver_window: 16 }
    }
}

/// A bind to be checked. `Debug` hides the password.
#[derive(Clone, PartialEq, Eq)]
pub struct BindRequest {
    /// Which of the three.
    pub mode: BindMode,
    /// The account.
    pub system_id: String,
    /// Eight octets at the most (SMPP 3.4 §5.2.2).
    pub password: String,
}

impl fmt::Debug for BindRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BindRequest")
            .field("mode", &self.mode)
            .field("system_id", &self.system_id)
            .finish_non_exhaustive()
    }
}

/// What the shell or the owner must do.
#[derive(Debug)]
pub enum Output {
    /// Write a PDU.
    Send(Pdu),
    /// Write what is due, then close.
    Disconnect,
    /// Check this; answer with [`Server::bind_checked`].
    Bind(BindRequest),
    /// Bound from now on.
    Bound,
    /// Take this; answer with [`Server::submit_taken`].
    Submit {
        /// For the answer.
        handle: SubmitHandle,
        /// `data_sm` comes in the same layout.
        message: Box<Message>,
    },
    /// The client answered a deliver_sm; status 0 = it has it.
    Delivered {
        /// The owner's token.
        token: u64,
        /// Its answer.
        status: Status,
    },
    /// No answer to a deliver_sm: to be repeated.
    Undelivered {
        /// The owner's token.
        token: u64,
    },
    /// The session is over; nothing follows.
    Closed {
        /// For logs.
        reason: String,
    },
}

/// Names one submit of a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct SubmitHandle {
    sequence: u32,
    data: bool,
}

#[derive(Debug)]
enum State {
    Open { until: Instant },
    Checking { sequence: u32, mode: BindMode, says_version: bool },
    Bound { mode: BindMode, last_heard: Instant, asked: Option<Instant> },
    Closed,
}

/// The machine.
#[derive(Debug)]
pub struct Server {
    name: COctet<16>,
    timers: ServerTimers,
    limits: AccountLimits,
    state: State,
    bucket: Bucket,
    /// Submits that the owner has not taken yet, with how often a sequence number is open: clients reuse numbers.
    taking: HashMap<SubmitHandle, u32>,
    open_submits: usize,
    window: Window<u64>,
    sequence: u32,
    outputs: VecDeque<Output>,
}

impl Server {
    /// A new connection. `name` is our system_id in bind responses.
    pub fn new(name: COctet<16>, timers: ServerTimers, now: Instant) -> Self {
        let limits = AccountLimits::default();
        Self {
            name,
            timers,
            limits,
            state: State::Open { until: now + timers.session_init },
            bucket: Bucket::new(limits.rate, limits.rate, now),
            taking: HashMap::new(),
            open_submits: 0,
            window: Window::new(limits.deliver_window, timers.response),
            sequence: 0,
            outputs: VecDeque::new(),
        }
    }

    /// A frame came.
    pub fn received(&mut self, pdu: Result<Pdu, BadPdu>, now: Instant) {
        if let State::Bound { last_heard, asked, .. } = &mut self.state {
            (*last_heard, *asked) = (now, None);
        }
        match pdu {
            _ if matches!(self.state, State::Closed) => {}
            Ok(pdu) => self.handle_pdu(pdu, now),
            Err(bad) if bad.is_response() => self.handle_bad_response(bad),
            Err(bad) => self.outputs.push_back(Output::Send(bad.answer())),
        }
    }

    /// The stream lost its framing.
    pub fn broken(&mut self, error: &FrameError) {
        if let FrameError::Length(_) = error {
            self.respond(0, Status::RINVCMDLEN, Body::GenericNack);
        }
        self.hang_up(error.to_string());
    }

    /// The connection ended.
    pub fn lost(&mut self, reason: impl Into<String>) {
        self.close(reason.into());
    }

    /// The owner's verdict on [`Output::Bind`].
    pub fn bind_checked(&mut self, verdict: Result<AccountLimits, Status>, now: Instant) {
        let State::Checking { sequence, mode, says_version } = &self.state else {
            return;
        };
        let (sequence, mode, says_version) = (*sequence, *mode, *says_version);
        match verdict {
            Ok(limits) => {
                self.limits = limits;
                self.bucket = Bucket::new(limits.rate, limits.rate, now);
                self.window = Window::new(limits.deliver_window, self.timers.response);
                let mut tlvs = Tlvs::default();
                if says_version {
                    tlvs.push(tag::SC_INTERFACE_VERSION, [VERSION]);
                }
                let resp = BindResp { system_id: self.name.clone(), tlvs };
                self.respond(sequence, Status::ROK, Body::BindResp(mode, Some(resp)));
                self.state = State::Bound { mode, last_heard: now, asked: None };
                self.outputs.push_back(Output::Bound);
            }
            Err(status) => {
                self.respond(sequence, status, Body::BindResp(mode, None));
                self.hang_up(format!("bind refused: {status}"));
            }
        }
    }

    /// The owner's verdict on [`Output::Submit`]: durable under this id (at most 64 octets), or refused.
    pub fn submit_taken(&mut self, handle: SubmitHandle, verdict: Result<&str, Status>) {
        let Some(open) = self.taking.get_mut(&handle) else {
            return;
        };
        *open -= 1;
        if *open == 0 {
            self.taking.remove(&handle);
        }
        self.open_submits -= 1;
        if matches!(self.state, State::Closed) {
            return;
        }
        match verdict.map(COctet::new) {
            Ok(Ok(id)) => self.answer_submit(handle, Status::ROK, Some(id)),
            Ok(Err(_)) => self.answer_submit(handle, Status::RSYSERR, None),
            Err(status) => self.answer_submit(handle, status, None),
        }
    }

    /// Whether [`Self::deliver`] may be called.
    pub fn can_deliver(&self) -> bool {
        self.receives() && self.window.has_room()
    }

    /// Whether this session takes deliver_sm at all.
    pub fn receives(&self) -> bool {
        matches!(self.state, State::Bound { mode: BindMode::Receiver | BindMode::Transceiver, .. })
    }

    /// Sends a message or receipt to the client. Returns false, and does nothing, unless [`Self::can_deliver`].
    #[must_use]
    pub fn deliver(&mut self, token: u64, message: Message, now: Instant) -> bool {
        if !self.can_deliver() {
            return false;
        }
        let sequence = self.send(Body::Deliver(Box::new(message)));
        self.window.sent(sequence, token, now);
        true
    }

    /// Says goodbye (drain).
    pub fn stop(&mut self) {
        if matches!(self.state, State::Bound { .. }) {
            self.send(Body::Unbind);
        }
        self.hang_up("stopped".into());
    }

    /// Whether the session is over.
    pub fn is_closed(&self) -> bool {
        matches!(self.state, State::Closed)
    }

    /// Next thing to do.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// When [`Self::handle_timeout`] is due.
    pub fn poll_timeout(&self) -> Option<Instant> {
        match &self.state {
            State::Open { until } => Some(*until),
            State::Bound { last_heard, asked, .. } => {
                let life = asked.map_or(*last_heard + self.timers.enquire, |asked| asked + self.timers.enquire_answer);
                let life = life.min(*last_heard + self.timers.inactivity);
                Some(self.window.poll_timeout().map_or(life, |window| window.min(life)))
            }
            State::Checking { .. } | State::Closed => None,
        }
    }

    /// Time has passed.
    pub fn handle_timeout(&mut self, now: Instant) {
        match self.state {
            State::Open { until } if until <= now => self.hang_up("no bind".into()),
            State::Bound { last_heard, asked, mode } => {
                while let Some(token) = self.window.timed_out(now) {
                    self.outputs.push_back(Output::Undelivered { token });
                }
                let mute = asked.is_some_and(|asked| asked + self.timers.enquire_answer <= now);
                if mute || last_heard + self.timers.inactivity <= now {
                    self.hang_up("the client is mute".into());
                } else if asked.is_none() && last_heard + self.timers.enquire <= now {
                    self.send(Body::EnquireLink);
                    self.state = State::Bound { mode, last_heard, asked: Some(now) };
                }
            }
            _ => {}
        }
    }

    fn handle_pdu(&mut self, pdu: Pdu, now: Instant) {
        let Pdu { status, sequence, body } = pdu;
        let transmits = matches!(self.state, State::Bound { mode: BindMode::Transmitter | BindMode::Transceiver, .. });
        let bound = matches!(self.state, State::Bound { .. });
        let no_id = || (None, Tlvs::default());
        match body {
            Body::Bind(mode, bind) => match self.state {
                State::Open { .. } => {
                    let request =
                        BindRequest { mode, system_id: bind.system_id.text(), password: bind.password.text() };
                    let says_version = bind.interface_version >= VERSION;
                    self.state = State::Checking { sequence, mode, says_version };
                    self.outputs.push_back(Output::Bind(request));
                }
                _ => self.respond(sequence, Status::RALYBND, Body::BindResp(mode, None)),
            },
            Body::EnquireLink => self.respond(sequence, Status::ROK, Body::EnquireLinkResp),
            Body::Unbind => {
                self.respond(sequence, Status::ROK, Body::UnbindResp);
                self.hang_up("the client unbound".into());
            }
            Body::Submit(message) if transmits => self.take(sequence, false, *message, now),
            Body::Submit(_) => self.respond(sequence, Status::RINVBNDSTS, Body::SubmitResp(no_id().0, no_id().1)),
            Body::Data(data) if transmits => match data.to_message() {
                Ok(message) => self.take(sequence, true, message, now),
                Err(_) => self.respond(sequence, Status::RINVDSTADR, Body::DataResp(no_id().0, no_id().1)),
            },
            Body::Data(_) => self.respond(sequence, Status::RINVBNDSTS, Body::DataResp(no_id().0, no_id().1)),
            Body::DeliverResp(..) | Body::GenericNack => self.handle_deliver_resp(sequence, status),
            // What we do not offer is refused in its own words (SMPP 3.4 §5.1.3), so that clients go on.
            Body::Query(_) => self.respond(sequence, refusal(bound, Status::RQUERYFAIL), Body::QueryResp(None)),
            Body::Cancel(_) => self.respond(sequence, refusal(bound, Status::RCANCELFAIL), Body::CancelResp),
            Body::Replace(_) => self.respond(sequence, refusal(bound, Status::RREPLACEFAIL), Body::ReplaceResp),
            Body::Multi(_) => self.respond(sequence, refusal(bound, Status::RSUBMITFAIL), Body::MultiResp(None)),
            other if other.command() & 0x8000_0000 == 0 => self.respond(sequence, Status::RINVCMDID, Body::GenericNack),
            _ => {}
        }
    }

    fn take(&mut self, sequence: u32, data: bool, message: Message, now: Instant) {
        let handle = SubmitHandle { sequence, data };
        if message.has_two_texts() {
            return self.answer_submit(handle, Status::RINVMSGLEN, None);
        }
        if message.destination.number.is_empty() {
            return self.answer_submit(handle, Status::RINVDSTADR, None);
        }
        if self.open_submits >= self.limits.window || !self.bucket.take(now) {
            return self.answer_submit(handle, Status::RTHROTTLED, None);
        }
        *self.taking.entry(handle).or_default() += 1;
        self.open_submits += 1;
        self.outputs.push_back(Output::Submit { handle, message: Box::new(message) });
    }

    fn answer_submit(&mut self, handle: SubmitHandle, status: Status, id: Option<COctet<65>>) {
        let body = match handle.data {
            true => Body::DataResp(id, Tlvs::default()),
            false => Body::SubmitResp(id, Tlvs::default()),
        };
        self.respond(handle.sequence, status, body);
    }

    fn handle_deliver_resp(&mut self, sequence: u32, status: Status) {
        let Some(Answered::InTime(token)) = self.window.answered(sequence) else {
            return;
        };
        self.outputs.push_back(Output::Delivered { token, status });
    }

    fn handle_bad_response(&mut self, bad: BadPdu) {
        if bad.command == 0x8000_0005 {
            self.handle_deliver_resp(bad.sequence, bad.status);
        }
    }

    fn send(&mut self, body: Body) -> u32 {
        self.sequence = if self.sequence >= MAX_SEQUENCE { 1 } else { self.sequence + 1 };
        self.outputs.push_back(Output::Send(Pdu::request(self.sequence, body)));
        self.sequence
    }

    fn respond(&mut self, sequence: u32, status: Status, body: Body) {
        self.outputs.push_back(Output::Send(Pdu::response(sequence, status, body)));
    }

    fn hang_up(&mut self, reason: String) {
        if !self.is_closed() {
            self.outputs.push_back(Output::Disconnect);
            self.close(reason);
        }
    }

    fn close(&mut self, reason: String) {
        if self.is_closed() {
            return;
        }
        self.state = State::Closed;
        for token in self.window.lost() {
            self.outputs.push_back(Output::Undelivered { token });
        }
        self.outputs.push_back(Output::Closed { reason });
    }
}

fn refusal(bound: bool, status: Status) -> Status {
    if bound { status } else { Status::RINVBNDSTS }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::pdu::{Address, Bind};

    fn secs(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn outputs(server: &mut Server) -> Vec<Output> {
        std::iter::from_fn(|| server.poll_output()).collect()
    }

    fn bind(mode: BindMode) -> Result<Pdu, BadPdu> {
        let bind = Bind { system_id: COctet::new("esme1").unwrap(), interface_version: 0x34, ..Bind::default() };
        Ok(Pdu::request(1, Body::Bind(mode, bind)))
    }

    fn bound(mode: BindMode, limits: AccountLimits, now: Instant) -> Server {
        let mut server = Server::new(COctet::new("liandong").unwrap(), ServerTimers::default(), now);
        server.received(bind(mode), now);
        assert!(matches!(&outputs(&mut server)[..], [Output::Bind(request)] if request.system_id == "esme1"));
        server.bind_checked(Ok(limits), now);
        assert!(matches!(&outputs(&mut server)[..], [Output::Send(Pdu { status: Status::ROK, .. }), Output::Bound]));
        server
    }

    fn submit(sequence: u32) -> Result<Pdu, BadPdu> {
        let destination = Address::new(1, 1, "8613800138000").unwrap();
        Ok(Pdu::request(sequence, Body::Submit(Box::new(Message { destination, ..Message::default() }))))
    }

    fn statuses(server: &mut Server) -> Vec<Status> {
        let sent = outputs(server).into_iter().filter_map(|output| match output {
            Output::Send(pdu) => Some(pdu.status),
            _ => None,
        });
        sent.collect()
    }

    #[test]
    fn accepted_only_after_the_owner_has_it() {
        let now = Instant::now();
        let mut server = bound(BindMode::Transceiver, AccountLimits::default(), now);
        server.received(submit(5), now);
        let out = outputs(&mut server);
        let [Output::Submit { handle, .. }] = out[..] else { panic!("{out:?}") };
        server.submit_taken(handle, Ok("m-1"));
        let out = outputs(&mut server);
        assert!(
            matches!(&out[..], [Output::Send(Pdu { sequence: 5, status: Status::ROK, body: Body::SubmitResp(Some(id), _) })] if id.text() == "m-1")
        );
        server.submit_taken(handle, Ok("m-1"));
        assert!(outputs(&mut server).is_empty(), "once");
    }

    #[test]
    fn too_many_or_too_fast_is_said_at_once() {
        let now = Instant::now();
        let limits = AccountLimits { window: 2, rate: 3, deliver_window: 1 };
        let mut server = bound(BindMode::Transmitter, limits, now);
        (2..5).for_each(|sequence| server.received(submit(sequence), now));
        let out = outputs(&mut server);
        let [
            Output::Submit { handle, .. },
            Output::Submit { .. },
            Output::Send(Pdu { status: Status::RTHROTTLED, sequence: 4, .. }),
        ] = out[..]
        else {
            panic!("{out:?}")
        };
        server.submit_taken(handle, Err(Status::RSYSERR));
        assert_eq!(statuses(&mut server), [Status::RSYSERR]);
        server.received(submit(5), now);
        server.received(submit(6), now);
        assert_eq!(statuses(&mut server), [Status::RTHROTTLED], "the window of two");
        assert!(!server.can_deliver(), "a transmitter receives nothing");
    }

    #[test]
    fn wrong_states_are_refused() {
        let now = Instant::now();
        let mut server = Server::new(COctet::default(), ServerTimers::default(), now);
        server.received(submit(1), now);
        assert_eq!(statuses(&mut server), [Status::RINVBNDSTS]);
        server.received(bind(BindMode::Receiver), now);
        server.received(bind(BindMode::Receiver), now);
        assert_eq!(statuses(&mut server), [Status::RALYBND]);
        server.bind_checked(Err(Status::RINVPASWD), now);
        let out = outputs(&mut server);
        assert!(
            matches!(
                out[..],
                [Output::Send(Pdu { status: Status::RINVPASWD, .. }), Output::Disconnect, Output::Closed { .. }]
            ),
            "{out:?}"
        );
        let mut receiver = bound(BindMode::Receiver, AccountLimits::default(), now);
        receiver.received(submit(9), now);
        assert_eq!(statuses(&mut receiver), [Status::RINVBNDSTS]);
        receiver.received(Ok(Pdu::request(10, Body::Cancel(Box::default()))), now);
        assert_eq!(statuses(&mut receiver), [Status::RCANCELFAIL]);
    }

    #[test]
    fn deliveries_are_done_when_answered_and_otherwise_to_be_repeated() {
        let now = Instant::now();
        let limits = AccountLimits { deliver_window: 2, ..AccountLimits::default() };
        let mut server = bound(BindMode::Receiver, limits, now);
        assert!(server.deliver(1, Message::default(), now) && server.deliver(2, Message::default(), now));
        assert!(!server.deliver(3, Message::default(), now));
        outputs(&mut server);
        server.received(Ok(Pdu::response(1, Status::ROK, Body::DeliverResp(None, Tlvs::default()))), now);
        assert!(matches!(outputs(&mut server)[..], [Output::Delivered { token: 1, status: Status::ROK }]));
        server.lost("reset");
        assert!(matches!(outputs(&mut server)[..], [Output::Undelivered { token: 2 }, Output::Closed { .. }]));
    }

    #[test]
    fn half_open_connections_are_found_within_ninety_seconds() {
        let now = Instant::now();
        let mut server = bound(BindMode::Transceiver, AccountLimits::default(), now);
        server.handle_timeout(server.poll_timeout().unwrap());
        assert!(matches!(outputs(&mut server)[..], [Output::Send(Pdu { body: Body::EnquireLink, .. })]));
        let end = server.poll_timeout().unwrap();
        assert!(end <= now + secs(90));
        server.handle_timeout(end);
        assert!(matches!(outputs(&mut server)[..], [Output::Disconnect, Output::Closed { .. }]));
        let mut idle = Server::new(COctet::default(), ServerTimers::default(), now);
        idle.handle_timeout(now + secs(10));
        assert!(matches!(outputs(&mut idle)[..], [Output::Disconnect, Output::Closed { .. }]));
    }
}
