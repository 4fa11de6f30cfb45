//! One SMPP session as a client (ESME, transceiver): connecting, binding, window, keep-alive, and what becomes of each request.
//!
//! ```text
//! Waiting ──time──► Connecting ──Connected──► Binding ──ok──► Bound ──stop──► Unbinding ──► Stopped
//!    ▲                  │ lost                   │ refused      │ lost, mute, unbind from the peer
//!    └──────────────────┴────────────────────────┴──────────────┘
//! ```
//! A submit that was written and not answered is *unknown*, never failed: the centre may well have it (facts §0.2).
//! It does not know texts, lanes or receipts.

use super::backoff::{Backoff, BackoffPlan, Failure};
use super::window::{Answered, Window};
use crate::pdu::{BadPdu, Bind, BindMode, Body, COctet, FrameError, MAX_SEQUENCE, Message, Pdu, Status, tag};
use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// `interface_version` of SMPP 3.4.
const VERSION: u8 = 0x34;
/// Unanswered enquire_links until the connection counts as dead.
const MAX_MISSED: u32 = 2;
/// A session that held this long makes the next waits short again.
const GOOD_AFTER: Duration = Duration::from_secs(30);

/// Times of a client session; the defaults are those of the fact sheet.
#[derive(Debug, Clone, Copy)]
pub struct ClientTimers {
    /// From connecting to the bind response. 10 s.
    pub bind: Duration,
    /// Silence of the peer after which we ask whether he lives. 30 s.
    pub enquire: Duration,
    /// Wait for the answer to that. 10 s.
    pub enquire_answer: Duration,
    /// Wait for a submit response; then the submit is unknown. 60 s.
    pub response: Duration,
    /// Wait for the unbind response. 5 s.
    pub unbind: Duration,
    /// Waits between connections.
    pub backoff: BackoffPlan,
}

impl Default for ClientTimers {
    fn default() -> Self {
        Self {
            bind: Duration::from_secs(10),
            enquire: Duration::from_secs(30),
            enquire_answer: Duration::from_secs(10),
            response: Duration::from_secs(60),
            unbind: Duration::from_secs(5),
            backoff: BackoffPlan::default(),
        }
    }
}

/// What a client session needs to know.
#[derive(Debug, Clone)]
pub struct ClientConfig {
    /// The bind request; its `interface_version` is set to 0x34.
    pub bind: Bind,
    /// Unanswered submits at once, 1–1000.
    pub window: usize,
    /// Times.
    pub timers: ClientTimers,
}

/// What the shell or the owner must do. Tokens are the owner's.
#[derive(Debug)]
pub enum Output {
    /// Open a connection; then [`Client::connected`] or [`Client::lost`].
    Connect,
    /// Write a PDU.
    Send(Pdu),
    /// Close the connection after what was written. No [`Client::lost`] is needed.
    Disconnect,
    /// Submits may go.
    Bound {
        /// The centre's version, if it says one.
        version: Option<u8>,
    },
    /// The session ended, or could not begin. Submits in flight follow as [`Output::Unknown`].
    Down {
        /// For people and logs; no personal data.
        reason: String,
    },
    /// Accepted by the centre. May follow [`Output::Unknown`] when the answer came late.
    Accepted {
        /// Which submit.
        token: u64,
        /// The centre's id; empty if it gave none.
        id: String,
    },
    /// Refused by the centre. May follow [`Output::Unknown`].
    Refused {
        /// Which submit.
        token: u64,
        /// Why.
        status: Status,
        /// TLV 001D, if the centre sent one.
        text: Option<String>,
    },
    /// Written and not answered.
    Unknown {
        /// Which submit.
        token: u64,
    },
    /// A message or receipt from the centre, to be answered with [`Client::answer`].
    Deliver {
        /// For the answer.
        handle: DeliverHandle,
        /// `data_sm` comes in the same layout.
        message: Box<Message>,
    },
}

/// Names one incoming message of one connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct DeliverHandle {
    connection: u64,
    sequence: u32,
    data: bool,
}

#[derive(Debug)]
enum State {
    Waiting { until: Instant },
    Connecting,
    Binding { sequence: u32, until: Instant },
    Bound { since: Instant, last_heard: Instant, asked: Option<(u32, Instant)>, missed: u32 },
    Unbinding { sequence: u32, until: Instant },
    Stopped,
}

/// The machine.
#[derive(Debug)]
pub struct Client {
    config: ClientConfig,
    state: State,
    backoff: Backoff,
    window: Window<u64>,
    sequence: u32,
    /// Counts connections, so that an answer given late does not go to the wrong one.
    connection: u64,
    outputs: VecDeque<Output>,
}

impl Client {
    /// Begins by connecting at once. `seed` decides the jitter of reconnections.
    pub fn new(config: ClientConfig, seed: u64, now: Instant) -> Self {
        let window = Window::new(config.window, config.timers.response);
        let backoff = Backoff::new(config.timers.backoff, seed);
        let state = State::Waiting { until: now };
        Self { config, state, backoff, window, sequence: 0, connection: 0, outputs: VecDeque::new() }
    }

    /// The connection that [`Output::Connect`] asked for is open.
    pub fn connected(&mut self, now: Instant) {
        if !matches!(self.state, State::Connecting) {
            self.outputs.push_back(Output::Disconnect);
            return;
        }
        self.connection += 1;
        let bind = Bind { interface_version: VERSION, ..self.config.bind.clone() };
        let sequence = self.send(Body::Bind(BindMode::Transceiver, bind));
        self.state = State::Binding { sequence, until: now + self.config.timers.bind };
    }

    /// The connection could not be opened, or ended.
    pub fn lost(&mut self, reason: impl Into<String>, now: Instant) {
        match self.state {
            State::Unbinding { .. } => self.end(State::Stopped, "unbound".into()),
            State::Waiting { .. } | State::Stopped => {}
            _ => self.fall(Failure::Lost, reason.into(), now),
        }
    }

    /// A frame came.
    pub fn received(&mut self, pdu: Result<Pdu, BadPdu>, now: Instant) {
        if let State::Bound { last_heard, asked, missed, .. } = &mut self.state {
            (*last_heard, *asked, *missed) = (now, None, 0); // any traffic is life
        }
        match pdu {
            Ok(pdu) => self.handle_pdu(pdu, now),
            Err(bad) => self.handle_bad(bad, now),
        }
    }

    /// The stream lost its framing: say so and close.
    pub fn broken(&mut self, error: &FrameError, now: Instant) {
        if let FrameError::Length(_) = error {
            self.respond(0, Status::RINVCMDLEN, Body::GenericNack);
        }
        self.hang_up(Failure::Lost, error.to_string(), now);
    }

    /// Whether [`Self::submit`] may be called: bound and room in the window.
    pub fn can_submit(&self) -> bool {
        matches!(self.state, State::Bound { .. }) && self.window.has_room()
    }

    /// Whether the session is bound.
    pub fn is_bound(&self) -> bool {
        matches!(self.state, State::Bound { .. })
    }

    /// Submits in flight.
    pub fn in_flight(&self) -> usize {
        self.window.in_flight()
    }

    /// Sends a submit. Returns false, and does nothing, unless [`Self::can_submit`].
    #[must_use]
    pub fn submit(&mut self, token: u64, message: Message, now: Instant) -> bool {
        if !self.can_submit() {
            return false;
        }
        let sequence = self.send(Body::Submit(Box::new(message)));
        self.window.sent(sequence, token, now);
        true
    }

    /// The owner has taken (or refused) an incoming message. Nothing is sent if that connection is gone: the centre repeats it.
    pub fn answer(&mut self, handle: DeliverHandle, status: Status) {
        if handle.connection != self.connection || !self.is_bound() {
            return;
        }
        let id = Some(COctet::default());
        let body = match handle.data {
            true => Body::DataResp(id, Default::default()),
            false => Body::DeliverResp(id, Default::default()),
        };
        self.respond(handle.sequence, status, body);
    }

    /// Unbinds and does not come back.
    pub fn stop(&mut self, now: Instant) {
        match self.state {
            State::Bound { .. } => {
                let sequence = self.send(Body::Unbind);
                self.state = State::Unbinding { sequence, until: now + self.config.timers.unbind };
            }
            State::Connecting | State::Binding { .. } => {
                self.outputs.push_back(Output::Disconnect);
                self.end(State::Stopped, "stopped".into());
            }
            State::Waiting { .. } => self.state = State::Stopped,
            State::Unbinding { .. } | State::Stopped => {}
        }
    }

    /// Whether the session has ended for good.
    pub fn is_stopped(&self) -> bool {
        matches!(self.state, State::Stopped)
    }

    /// The link is at fault (a status of class Link): rebind.
    pub fn rebind(&mut self, reason: &str, now: Instant) {
        if self.is_bound() {
            self.hang_up(Failure::Lost, reason.into(), now);
        }
    }

    /// Next thing to do.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// When [`Self::handle_timeout`] is due.
    pub fn poll_timeout(&self) -> Option<Instant> {
        match &self.state {
            State::Waiting { until } | State::Binding { until, .. } | State::Unbinding { until, .. } => Some(*until),
            State::Bound { last_heard, asked, .. } => {
                let life = asked.map_or(*last_heard + self.config.timers.enquire, |(_, until)| until);
                Some(self.window.poll_timeout().map_or(life, |window| window.min(life)))
            }
            State::Connecting | State::Stopped => None,
        }
    }

    /// Time has passed.
    pub fn handle_timeout(&mut self, now: Instant) {
        match self.state {
            State::Waiting { until } if until <= now => {
                self.state = State::Connecting;
                self.outputs.push_back(Output::Connect);
            }
            State::Binding { until, .. } if until <= now => self.hang_up(Failure::Lost, "no bind response".into(), now),
            State::Unbinding { until, .. } if until <= now => {
                self.outputs.push_back(Output::Disconnect);
                self.end(State::Stopped, "unbound".into());
            }
            State::Bound { .. } => {
                while let Some(token) = self.window.timed_out(now) {
                    self.outputs.push_back(Output::Unknown { token });
                }
                self.keep_alive(now);
            }
            _ => {}
        }
    }

    fn keep_alive(&mut self, now: Instant) {
        let (enquire, answer) = (self.config.timers.enquire, self.config.timers.enquire_answer);
        let State::Bound { last_heard, asked, missed, .. } = &mut self.state else {
            return;
        };
        let ask = match asked {
            Some((_, until)) if *until <= now => {
                *missed += 1;
                true
            }
            Some(_) => false,
            None => *last_heard + enquire <= now,
        };
        if !ask {
            return;
        }
        if *missed >= MAX_MISSED {
            return self.hang_up(Failure::Lost, "no answer to enquire_link".into(), now);
        }
        let sequence = self.send(Body::EnquireLink);
        if let State::Bound { asked, .. } = &mut self.state {
            *asked = Some((sequence, now + answer));
        }
    }

    fn handle_pdu(&mut self, pdu: Pdu, now: Instant) {
        let Pdu { status, sequence, body } = pdu;
        match body {
            Body::BindResp(_, resp) => {
                self.handle_bind_resp(sequence, status, resp.map(|r| r.tlvs.u8(tag::SC_INTERFACE_VERSION)), now)
            }
            Body::SubmitResp(id, tlvs) => {
                let text = tlvs.text(tag::ADDITIONAL_STATUS_INFO);
                self.handle_submit_resp(sequence, status, id.map(|id| id.text()), text);
            }
            Body::GenericNack => self.handle_nack(sequence, status, now),
            Body::Deliver(message) => self.handle_deliver(sequence, false, *message),
            Body::Data(data) => match data.to_message() {
                Ok(message) => self.handle_deliver(sequence, true, message),
                Err(_) => self.respond(
                    sequence,
                    Status::RINVSRCADR,
                    Body::DataResp(Some(COctet::default()), Default::default()),
                ),
            },
            Body::EnquireLink => self.respond(sequence, Status::ROK, Body::EnquireLinkResp),
            Body::Unbind => {
                self.respond(sequence, Status::ROK, Body::UnbindResp);
                self.hang_up(Failure::Lost, "the centre unbound".into(), now);
            }
            Body::UnbindResp => {
                if matches!(self.state, State::Unbinding { sequence: asked, .. } if asked == sequence) {
                    self.outputs.push_back(Output::Disconnect);
                    self.end(State::Stopped, "unbound".into());
                }
            }
            other if other.command() & 0x8000_0000 == 0 && !matches!(other, Body::Alert(_) | Body::Outbind(_)) => {
                self.respond(sequence, Status::RINVCMDID, Body::GenericNack);
            }
            _ => {}
        }
    }

    fn handle_bind_resp(&mut self, sequence: u32, status: Status, version: Option<Option<u8>>, now: Instant) {
        if !matches!(self.state, State::Binding { sequence: asked, .. } if asked == sequence) {
            return;
        }
        if status.is_ok() {
            self.state = State::Bound { since: now, last_heard: now, asked: None, missed: 0 };
            return self.outputs.push_back(Output::Bound { version: version.flatten() });
        }
        let failure = if status == Status::RALYBND { Failure::AlreadyBound } else { Failure::Refused };
        self.hang_up(failure, format!("bind refused: {status}"), now);
    }

    fn handle_submit_resp(&mut self, sequence: u32, status: Status, id: Option<String>, text: Option<String>) {
        let Some(Answered::InTime(token) | Answered::Late(token)) = self.window.answered(sequence) else {
            return;
        };
        self.outputs.push_back(match status.is_ok() {
            true => Output::Accepted { token, id: id.unwrap_or_default() },
            false => Output::Refused { token, status, text },
        });
    }

    /// A nack of a submit refuses it; of the bind, refuses the bind; of an unknown number, means that framing is in doubt.
    fn handle_nack(&mut self, sequence: u32, status: Status, now: Instant) {
        if matches!(self.state, State::Binding { sequence: asked, .. } if asked == sequence) {
            return self.hang_up(Failure::Refused, format!("bind refused: generic_nack {status}"), now);
        }
        if let Some(Answered::InTime(token) | Answered::Late(token)) = self.window.answered(sequence) {
            let status = if status.is_ok() { Status::RUNKNOWNERR } else { status };
            self.outputs.push_back(Output::Refused { token, status, text: None });
        } else if status == Status::RINVCMDLEN {
            self.hang_up(Failure::Lost, "the centre lost the framing (generic_nack 0x02)".into(), now);
        }
    }

    fn handle_deliver(&mut self, sequence: u32, data: bool, message: Message) {
        if !self.is_bound() {
            return self.respond(sequence, Status::RINVBNDSTS, Body::GenericNack);
        }
        let handle = DeliverHandle { connection: self.connection, sequence, data };
        self.outputs.push_back(Output::Deliver { handle, message: Box::new(message) });
    }

    /// A response whose body cannot be read still says by its status what became of the request.
    fn handle_bad(&mut self, bad: BadPdu, now: Instant) {
        match bad.command {
            0x8000_0004 => self.handle_submit_resp(bad.sequence, bad.status, None, None),
            0x8000_0009 => self.handle_bind_resp(bad.sequence, bad.status, None, now),
            _ if bad.is_response() => {}
            _ => self.outputs.push_back(Output::Send(bad.answer())),
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

    fn hang_up(&mut self, failure: Failure, reason: String, now: Instant) {
        self.outputs.push_back(Output::Disconnect);
        self.fall(failure, reason, now);
    }

    fn fall(&mut self, failure: Failure, reason: String, now: Instant) {
        if matches!(self.state, State::Bound { since, .. } if now >= since + GOOD_AFTER) {
            self.backoff.reset();
        }
        let until = now + self.backoff.next(failure);
        self.end(State::Waiting { until }, reason);
    }

    fn end(&mut self, state: State, reason: String) {
        self.state = state;
        self.outputs.push_back(Output::Down { reason });
        for token in self.window.lost() {
            self.outputs.push_back(Output::Unknown { token });
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::pdu::Tlvs;
    use proptest::prelude::*;

    fn client(window: usize, now: Instant) -> Client {
        let bind = Bind { system_id: COctet::new("ld01").unwrap(), ..Bind::default() };
        Client::new(ClientConfig { bind, window, timers: ClientTimers::default() }, 1, now)
    }

    fn outputs(client: &mut Client) -> Vec<Output> {
        std::iter::from_fn(|| client.poll_output()).collect()
    }

    fn bound(window: usize, now: Instant) -> Client {
        let mut client = client(window, now);
        client.handle_timeout(now);
        assert!(matches!(outputs(&mut client)[..], [Output::Connect]));
        client.connected(now);
        let out = outputs(&mut client);
        let [Output::Send(Pdu { sequence, body: Body::Bind(BindMode::Transceiver, bind), .. })] = &out[..] else {
            panic!("{out:?}")
        };
        assert_eq!(bind.interface_version, VERSION);
        client.received(Ok(Pdu::response(*sequence, Status::ROK, Body::BindResp(BindMode::Transceiver, None))), now);
        assert!(matches!(outputs(&mut client)[..], [Output::Bound { version: None }]));
        client
    }

    fn secs(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn submit_resp(sequence: u32, status: Status, id: &str) -> Result<Pdu, BadPdu> {
        Ok(Pdu::response(sequence, status, Body::SubmitResp(Some(COctet::new(id).unwrap()), Tlvs::default())))
    }

    #[test]
    fn a_lost_response_is_unknown_and_a_late_one_still_counts() {
        let now = Instant::now();
        let mut client = bound(2, now);
        assert!(client.submit(7, Message::default(), now));
        assert!(client.submit(8, Message::default(), now));
        assert!(!client.submit(9, Message::default(), now), "window of two");
        outputs(&mut client);
        client.received(submit_resp(3, Status::ROK, "b"), now + secs(20));
        client.handle_timeout(now + secs(60));
        let out = outputs(&mut client);
        assert!(
            matches!(&out[..], [Output::Accepted { token: 8, id }, Output::Unknown { token: 7 }, Output::Send(_)] if id == "b"),
            "{out:?}"
        );
        assert!(client.can_submit());
        client.received(submit_resp(2, Status::ROK, "a"), now + secs(61));
        assert!(matches!(&outputs(&mut client)[..], [Output::Accepted { token: 7, id }] if id == "a"));
    }

    #[test]
    fn loss_makes_everything_in_flight_unknown_and_comes_back() {
        let now = Instant::now();
        let mut client = bound(16, now);
        (0..3).for_each(|token| assert!(client.submit(token, Message::default(), now)));
        outputs(&mut client);
        client.lost("reset", now);
        let out = outputs(&mut client);
        assert!(matches!(
            out[..],
            [
                Output::Down { .. },
                Output::Unknown { token: 0 },
                Output::Unknown { token: 1 },
                Output::Unknown { token: 2 }
            ]
        ));
        let again = client.poll_timeout().unwrap();
        assert!(again >= now + secs(1) && again < now + secs(2));
        client.handle_timeout(again);
        assert!(matches!(outputs(&mut client)[..], [Output::Connect]));
    }

    #[test]
    fn a_mute_peer_is_asked_twice_and_left() {
        let now = Instant::now();
        let mut client = bound(16, now);
        assert_eq!(client.poll_timeout(), Some(now + secs(30)));
        client.handle_timeout(now + secs(30));
        assert!(matches!(outputs(&mut client)[..], [Output::Send(Pdu { body: Body::EnquireLink, .. })]));
        client.handle_timeout(now + secs(40));
        assert!(matches!(outputs(&mut client)[..], [Output::Send(_)]));
        client.handle_timeout(now + secs(50));
        assert!(matches!(outputs(&mut client)[..], [Output::Disconnect, Output::Down { .. }]));
    }

    #[test]
    fn a_wrong_password_is_not_tried_again_at_once() {
        let now = Instant::now();
        let mut client = client(16, now);
        client.handle_timeout(now);
        client.connected(now);
        outputs(&mut client);
        client.received(Ok(Pdu::response(1, Status::RINVPASWD, Body::BindResp(BindMode::Transceiver, None))), now);
        assert!(matches!(outputs(&mut client)[..], [Output::Disconnect, Output::Down { .. }]));
        assert!(client.poll_timeout().unwrap() >= now + secs(30));
    }

    #[test]
    fn delivers_are_answered_only_by_the_owner_and_only_on_their_connection() {
        let now = Instant::now();
        let mut client = bound(16, now);
        client.received(Ok(Pdu::request(77, Body::Deliver(Box::default()))), now);
        let out = outputs(&mut client);
        let [Output::Deliver { handle, .. }] = out[..] else { panic!("{out:?}") };
        client.answer(handle, Status::ROK);
        let out = outputs(&mut client);
        assert!(
            matches!(&out[..], [Output::Send(Pdu { sequence: 77, body: Body::DeliverResp(Some(id), _), .. })] if id.is_empty())
        );
        client.lost("reset", now);
        outputs(&mut client);
        client.answer(handle, Status::ROK);
        assert!(outputs(&mut client).is_empty());
    }

    #[test]
    fn unbinds_politely() {
        let now = Instant::now();
        let mut client = bound(16, now);
        client.stop(now);
        let out = outputs(&mut client);
        let [Output::Send(Pdu { sequence, body: Body::Unbind, .. })] = out[..] else { panic!("{out:?}") };
        client.received(Ok(Pdu::response(sequence, Status::ROK, Body::UnbindResp)), now);
        assert!(matches!(outputs(&mut client)[..], [Output::Disconnect, Output::Down { .. }]));
        assert!(client.is_stopped() && client.poll_timeout().is_none());
    }

    #[test]
    fn nacks_and_unreadable_answers_are_answers() {
        let now = Instant::now();
        let mut client = bound(16, now);
        (0..2).for_each(|token| assert!(client.submit(token, Message::default(), now)));
        outputs(&mut client);
        client.received(Ok(Pdu::response(2, Status::RINVCMDID, Body::GenericNack)), now);
        client.received(Err(BadPdu { command: 0x8000_0004, status: Status::ROK, sequence: 3, fault: None }), now);
        client.received(Err(BadPdu { command: 0x42, status: Status::ROK, sequence: 9, fault: None }), now);
        let out = outputs(&mut client);
        assert!(
            matches!(&out[..], [
            Output::Refused { token: 0, status: Status::RINVCMDID, .. },
            Output::Accepted { token: 1, id },
            Output::Send(Pdu { body: Body::GenericNack, sequence: 9, .. }),
        ] if id.is_empty()),
            "{out:?}"
        );
    }

    #[derive(Debug, Clone)]
    enum Act {
        Submit,
        Answer(usize, bool),
        Lose,
        Connect,
        Wait(u64),
        Garbage(u32, u32),
    }

    fn act() -> impl Strategy<Value = Act> {
        prop_oneof![
            6 => Just(Act::Submit),
            4 => (any::<usize>(), any::<bool>()).prop_map(|(which, ok)| Act::Answer(which, ok)),
            1 => Just(Act::Lose),
            2 => Just(Act::Connect),
            2 => (1_u64..40).prop_map(Act::Wait),
            1 => (any::<u32>(), 0_u32..50).prop_map(|(command, sequence)| Act::Garbage(command, sequence)),
        ]
    }

    proptest! {
        /// Whatever happens: the window is never exceeded, and each submit ends in exactly one of accepted, refused, unknown,
        /// where only unknown may be followed by one late answer.
        #[test]
        fn every_submit_has_one_end(acts in prop::collection::vec(act(), 1..120)) {
            let mut now = Instant::now();
            let mut client = bound(4, now);
            let (mut token, mut open) = (0_u64, Vec::<u32>::new());
            let mut ends = std::collections::HashMap::<u64, Vec<char>>::new();
            for act in acts {
                match act {
                    Act::Submit => {
                        if client.submit(token, Message::default(), now) {
                            ends.insert(token, vec![]);
                            token += 1;
                        }
                    }
                    Act::Answer(which, ok) if !open.is_empty() => {
                        let sequence = open.swap_remove(which % open.len());
                        client.received(submit_resp(sequence, if ok { Status::ROK } else { Status::RSYSERR }, "x"), now);
                    }
                    Act::Answer(..) => {}
                    Act::Lose => { open.clear(); client.lost("lost", now) }
                    Act::Connect => {
                        client.handle_timeout(now);
                        client.connected(now);
                    }
                    Act::Wait(seconds) => { now += secs(seconds); client.handle_timeout(now) }
                    Act::Garbage(command, sequence) => client.received(Err(BadPdu { command: command | 0x42, status: Status::ROK, sequence, fault: None }), now),
                }
                while let Some(output) = client.poll_output() {
                    match output {
                        Output::Send(Pdu { sequence, body: Body::Submit(_), .. }) => { open.push(sequence) }
                        Output::Send(Pdu { sequence, body: Body::Bind(mode, _), .. }) => {
                            client.received(Ok(Pdu::response(sequence, Status::ROK, Body::BindResp(mode, None))), now);
                        }
                        Output::Accepted { token, .. } => ends.get_mut(&token).unwrap().push('a'),
                        Output::Refused { token, .. } => ends.get_mut(&token).unwrap().push('r'),
                        Output::Unknown { token } => ends.get_mut(&token).unwrap().push('u'),
                        _ => {}
                    }
                }
                prop_assert!(client.in_flight() <= 4);
            }
            client.lost("end", now);
            while let Some(output) = client.poll_output() {
                if let Output::Unknown { token } = output { ends.get_mut(&token).unwrap().push('u') }
            }
            for (token, end) in ends {
                prop_assert!(matches!(end[..], ['a'] | ['r'] | ['u'] | ['u', 'a'] | ['u', 'r']), "{token}: {end:?}");
            }
        }
    }
}
