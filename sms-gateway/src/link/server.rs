//! The SMPP server for departments' programs: a listener, one task per session, and one task that knows who is bound.
//!
//! A submit is answered only when the owner of the events has called [`SubmitAck::accept`]. Receipts and messages for a client
//! that is away are the owner's to keep: [`SmppServer::deliver`] says at once that nobody is bound, [`ServerEvent::Bound`] when to try again.

use super::wire::Wire;
use super::{EVENTS, Part};
use crate::pdu::{Address, COctet, Message, Status, canonical_number, esm, tag};
use crate::receipt::State;
use crate::session::server::{AccountLimits, BindRequest, Output, Server, ServerTimers, SubmitHandle};
use crate::text::{Concatenation, Decoding, Repertoire, decode, split, split_header};
use futures_util::future::BoxFuture;
use futures_util::stream::{FuturesUnordered, StreamExt};
use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, mpsc, oneshot};

/// Deliveries waiting for one session beyond its window; above it [`SmppServer::deliver`] waits.
const DELIVERIES: usize = 64;
/// Commands to the task that knows who is bound.
const COMMANDS: usize = 256;
/// Pause after a failed accept (no descriptors): the backlog keeps the callers.
const ACCEPT_PAUSE: Duration = Duration::from_millis(200);

/// What an operator sets about the server.
#[derive(Debug, Clone, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ServerConfig {
    /// `address:port`; port 2775 is SMPP's.
    pub listen: String,
    /// Our `system_id` in bind responses, at most 15 octets.
    pub name: String,
    /// Most connections at once, bound or not.
    pub max_sessions: usize,
    /// What `data_coding` 0 is for our clients.
    pub default_alphabet: Decoding,
    /// Protocol times; not for operators.
    #[serde(skip)]
    pub timers: ServerTimers,
}

impl Default for ServerConfig {
    fn default() -> Self {
        Self {
            listen: "0.0.0.0:2775".into(),
            name: "liandong".into(),
            max_sessions: 200,
            default_alphabet: Decoding::Gsm,
            timers: ServerTimers::default(),
        }
    }
}

/// The port through which the owner checks binds: account, password, address, number of sessions.
pub trait BindCheck: Send + Sync + 'static {
    /// `Err(Status::RINVPASWD)` for a wrong password *and* for an unknown account; `Err(Status::RALYBND)` for too many sessions.
    fn check(&self, request: BindRequest, peer: IpAddr) -> BoxFuture<'_, Result<AccountLimits, Status>>;
}

/// A submit of a client. `Debug` shows neither numbers nor text.
#[derive(Clone, PartialEq, Eq)]
pub struct ClientSubmit {
    /// The account that bound.
    pub account: String,
    /// Sender as written.
    pub from: String,
    /// Receiver in the form of [`canonical_number`].
    pub to: String,
    /// The text; of one segment only, if `part` is set.
    pub text: String,
    /// A segment of a long message, for [`crate::text::Joiner`].
    pub part: Option<Part>,
    /// The client wants a receipt for this submit.
    pub want_receipt: bool,
    /// `validity_period` as written, mostly empty.
    pub validity: String,
}

impl fmt::Debug for ClientSubmit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientSubmit").field("account", &self.account).finish_non_exhaustive()
    }
}

/// The owner's answer to a submit. Dropped, the client is told 0x08 (system error) and keeps the message.
#[derive(Debug)]
pub struct SubmitAck(oneshot::Sender<Result<String, Status>>);

impl SubmitAck {
    /// It is on disk under this id (at most 64 octets), by which receipts will speak of it.
    pub fn accept(self, id: impl Into<String>) {
        let _ = self.0.send(Ok(id.into())); // the client may be gone: it will submit again
    }

    /// Not taken: 0x0B bad receiver, 0x0A sender not allowed, 0x14 queue full, 0x08 store down.
    pub fn refuse(self, status: Status) {
        let _ = self.0.send(Err(status));
    }
}

/// What the server tells its owner.
#[derive(Debug)]
pub enum ServerEvent {
    /// A client is there; `receives` = receipts may be delivered.
    Bound {
        /// Its account.
        account: String,
        /// Whether it bound as receiver or transceiver.
        receives: bool,
    },
    /// A client is gone.
    Unbound {
        /// Its account.
        account: String,
        /// For logs.
        reason: String,
    },
    /// A message to be sent.
    Submit {
        /// What.
        submit: ClientSubmit,
        /// To be answered after the commit.
        ack: SubmitAck,
    },
}

/// What a client gets. `Debug` hides numbers and texts.
#[derive(Clone, PartialEq, Eq)]
pub enum ToClient {
    /// A receipt of Appendix B with TLVs.
    Receipt {
        /// The id given with [`SubmitAck::accept`].
        id: String,
        /// The phone.
        phone: String,
        /// The sender of the submit.
        sender: String,
        /// How it went.
        state: State,
        /// `err:`, three digits.
        error: u16,
        /// When the submit was taken.
        submitted: SystemTime,
        /// When this state was reached.
        done: SystemTime,
    },
    /// A message of a phone.
    Message {
        /// The phone.
        from: String,
        /// The number written to.
        to: String,
        /// The text; long ones go in segments.
        text: String,
    },
}

impl fmt::Debug for ToClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Receipt { id, state, .. } => write!(f, "Receipt({id} {state:?})"),
            Self::Message { .. } => f.write_str("Message"),
        }
    }
}

/// A delivery that did not succeed. Keep it and try again, unless the client refused it for good.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DeliverError {
    /// No receiving session of the account: wait for [`ServerEvent::Bound`].
    #[error("the client is not bound as a receiver")]
    NotBound,
    /// The client's answer: 0x64 or 0x08 = later, anything else = never.
    #[error("the client refused it: {0}")]
    Refused(Status),
    /// No answer: the client may have it.
    #[error("the client did not answer")]
    NoAnswer,
    /// An address or a text that SMPP cannot carry.
    #[error("cannot be written as SMPP: {0}")]
    Unwritable(String),
}

type Verdict = Result<(), DeliverError>;

struct Delivery {
    message: Message,
    done: oneshot::Sender<Verdict>,
}

enum Command {
    Bound { session: u64, account: String, inbox: mpsc::Sender<Delivery> },
    Gone { session: u64, account: String },
    Find { account: String, found: oneshot::Sender<mpsc::Sender<Delivery>> },
}

/// The listener and its sessions. Dropped, it stops accepting and unbinds all clients.
pub struct SmppServer {
    address: SocketAddr,
    commands: mpsc::Sender<Command>,
    accepting: tokio::task::JoinHandle<()>,
    stop: tokio::sync::watch::Sender<bool>,
    references: std::sync::atomic::AtomicU16,
}

impl SmppServer {
    /// Binds the listener and starts. Errors: the address is taken or wrong, or the name too long.
    pub async fn start(
        config: ServerConfig,
        check: Arc<dyn BindCheck>,
    ) -> std::io::Result<(Self, mpsc::Receiver<ServerEvent>)> {
        let too_long = |_| std::io::Error::other("[sms.server] name must be at most 15 octets");
        let name = COctet::new(&config.name).map_err(too_long)?;
        let listener = TcpListener::bind(&config.listen).await?;
        let address = listener.local_addr()?;
        let (events, receiver) = mpsc::channel(EVENTS);
        let (commands, inbox) = mpsc::channel(COMMANDS);
        let (stop, stopped) = tokio::sync::watch::channel(false);
        tokio::spawn(keep_register(inbox));
        let seats = Arc::new(Semaphore::new(config.max_sessions));
        let common = Common { name, config: Arc::new(config), check, events, commands: commands.clone(), stopped };
        let accepting = tokio::spawn(accept(listener, common, seats));
        let references = std::sync::atomic::AtomicU16::new(0);
        Ok((Self { address, commands, accepting, stop, references }, receiver))
    }

    /// Where it listens (port 0 in the configuration chooses a free one).
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Delivers to one bound session of the account; returns when the client has answered (for a long text: all segments).
    /// Waits while the client is slow, so give each account tasks of its own: then nobody waits for somebody else's client.
    pub async fn deliver(&self, account: &str, what: ToClient) -> Result<(), DeliverError> {
        let reference = self.references.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        for message in what.messages(reference).map_err(DeliverError::Unwritable)? {
            let (found, session) = oneshot::channel();
            let find = Command::Find { account: account.into(), found };
            self.commands.send(find).await.map_err(|_| DeliverError::NotBound)?;
            let session = session.await.map_err(|_| DeliverError::NotBound)?;
            let (done, verdict) = oneshot::channel();
            session.send(Delivery { message, done }).await.map_err(|_| DeliverError::NotBound)?;
            verdict.await.unwrap_or(Err(DeliverError::NoAnswer))?;
        }
        Ok(())
    }

    /// Stops accepting and unbinds all clients.
    pub fn stop(&self) {
        self.accepting.abort();
        let _ = self.stop.send(true); // no session is left
    }
}

impl Drop for SmppServer {
    fn drop(&mut self) {
        self.stop();
    }
}

impl ToClient {
    fn messages(self, reference: u16) -> Result<Vec<Message>, String> {
        match self {
            Self::Receipt { .. } => self.receipt().map(|message| vec![message]),
            Self::Message { from, to, text } => segments(&from, &to, &text, reference),
        }
    }

    fn receipt(self) -> Result<Message, String> {
        let Self::Receipt { id, phone, sender, state, error, submitted, done } = self else {
            return Err("not a receipt".into());
        };
        let delivered = u8::from(state == State::Delivered);
        let text = format!(
            "id:{id} sub:001 dlvrd:{delivered:03} submit date:{} done date:{} stat:{} err:{:03} text:",
            date(submitted),
            date(done),
            state.word(),
            error.min(999),
        );
        let mut message = addressed(&phone, &sender)?;
        message.esm_class = if state.is_final() { esm::RECEIPT } else { esm::INTERMEDIATE };
        message.short_message = text.into_bytes().into();
        message.tlvs.push(tag::RECEIPTED_MESSAGE_ID, [id.as_bytes(), &[0]].concat());
        message.tlvs.push(tag::MESSAGE_STATE, [state.code()]);
        Ok(message)
    }
}

fn addressed(from: &str, to: &str) -> Result<Message, String> {
    let source = Address::new(1, 1, from).map_err(|fault| fault.to_string())?;
    let destination = Address::new(0, 0, to).map_err(|fault| fault.to_string())?;
    Ok(Message { source, destination, ..Message::default() })
}

fn segments(from: &str, to: &str, text: &str, reference: u16) -> Result<Vec<Message>, String> {
    let whole = addressed(from, to)?;
    let split = split(text, Repertoire::Gsm, 0).map_err(|error| error.to_string())?;
    let total = u8::try_from(split.segments.len()).map_err(|error| error.to_string())?;
    let one = |(index, octets): (u8, Vec<u8>)| {
        let header = Concatenation { reference, total, index }.header();
        let (esm_class, short_message) =
            if total == 1 { (0, octets) } else { (esm::UDHI, [&header[..], &octets].concat()) };
        Message {
            esm_class,
            data_coding: split.alphabet.data_coding(),
            short_message: short_message.into(),
            ..whole.clone()
        }
    };
    Ok((1..).zip(split.segments.clone()).map(one).collect())
}

/// `YYMMDDhhmm` in China's time, which has no summer time.
fn date(at: SystemTime) -> String {
    let china = jiff::tz::TimeZone::fixed(jiff::tz::offset(8));
    match jiff::Timestamp::try_from(at) {
        Ok(at) => at.to_zoned(china).strftime("%y%m%d%H%M").to_string(),
        Err(_) => "0001010000".into(),
    }
}

/// Knows which sessions can receive for which account; takes turns among several.
async fn keep_register(mut inbox: mpsc::Receiver<Command>) {
    let mut bound: HashMap<String, VecDeque<(u64, mpsc::Sender<Delivery>)>> = HashMap::new();
    while let Some(command) = inbox.recv().await {
        match command {
            Command::Bound { session, account, inbox } => bound.entry(account).or_default().push_back((session, inbox)),
            Command::Gone { session, account } => {
                if let Some(sessions) = bound.get_mut(&account) {
                    sessions.retain(|(id, _)| *id != session);
                    if sessions.is_empty() {
                        bound.remove(&account);
                    }
                }
            }
            Command::Find { account, found } => {
                let Some(sessions) = bound.get_mut(&account) else { continue };
                sessions.rotate_left(1);
                if let Some((_, inbox)) = sessions.back() {
                    let _ = found.send(inbox.clone()); // the caller may have given up
                }
            }
        }
    }
}

#[derive(Clone)]
struct Common {
    name: COctet<16>,
    config: Arc<ServerConfig>,
    check: Arc<dyn BindCheck>,
    events: mpsc::Sender<ServerEvent>,
    commands: mpsc::Sender<Command>,
    stopped: tokio::sync::watch::Receiver<bool>,
}

async fn accept(listener: TcpListener, common: Common, seats: Arc<Semaphore>) {
    let mut counter = 0;
    loop {
        let (stream, peer) = match listener.accept().await {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::warn!(%error, "SMPP server cannot accept");
                tokio::time::sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        let Ok(seat) = seats.clone().try_acquire_owned() else {
            tracing::warn!("SMPP server is full: connection closed");
            continue;
        };
        counter += 1;
        let session = Session::new(counter, common.clone(), stream, peer.ip());
        tokio::spawn(async move {
            session.run().await;
            drop(seat);
        });
    }
}

enum Answer {
    Bind(Result<AccountLimits, Status>),
    Submit(SubmitHandle, Result<String, Status>),
}

struct Session {
    id: u64,
    common: Common,
    machine: Server,
    wire: Option<Wire>,
    peer: IpAddr,
    account: Option<String>,
    bound: bool,
    /// For the register while bound.
    sender: mpsc::Sender<Delivery>,
    deliveries: mpsc::Receiver<Delivery>,
    /// Deliveries whose answers are awaited.
    waiting: HashMap<u64, oneshot::Sender<Verdict>>,
    counter: u64,
    answers: FuturesUnordered<BoxFuture<'static, Answer>>,
    backlog: VecDeque<ServerEvent>,
}

impl Session {
    fn new(id: u64, common: Common, stream: TcpStream, peer: IpAddr) -> Self {
        let machine = Server::new(common.name.clone(), common.config.timers, Instant::now());
        let (sender, deliveries) = mpsc::channel(DELIVERIES);
        Self {
            id,
            common,
            machine,
            wire: Some(Wire::new(stream)),
            peer,
            account: None,
            bound: false,
            sender,
            deliveries,
            waiting: HashMap::new(),
            counter: 0,
            answers: FuturesUnordered::new(),
            backlog: VecDeque::new(),
        }
    }

    async fn run(mut self) {
        loop {
            self.perform().await;
            if self.machine.is_closed() {
                break;
            }
            self.turn().await;
        }
        // What the client submitted is answered by the owner into the void; it still has to hear of it.
        for event in std::mem::take(&mut self.backlog) {
            if self.common.events.send(event).await.is_err() {
                break;
            }
        }
    }

    async fn turn(&mut self) {
        let due = self.machine.poll_timeout().unwrap_or_else(|| Instant::now() + Duration::from_secs(3_600));
        let can_deliver = self.machine.can_deliver();
        // In this order: a receipt must not overtake the answer to its submit. All but the last are bounded by windows.
        tokio::select! {
            biased;
            () = tokio::time::sleep_until(due.into()) => self.machine.handle_timeout(Instant::now()),
            _ = self.common.stopped.changed() => self.machine.stop(),
            Some(answer) = self.answers.next(), if !self.answers.is_empty() => self.answered(answer),
            slot = self.common.events.clone().reserve_owned(), if !self.backlog.is_empty() => match slot {
                Ok(slot) => if let Some(event) = self.backlog.pop_front() { slot.send(event); },
                Err(_) => self.machine.stop(), // the owner is gone
            },
            Some(delivery) = self.deliveries.recv(), if can_deliver => self.deliver(delivery),
            done = progress(&mut self.wire) => self.progressed(done),
        }
    }

    async fn perform(&mut self) {
        while let Some(output) = self.machine.poll_output() {
            match output {
                Output::Send(pdu) => self.send(&pdu),
                Output::Disconnect => {
                    if let Some(wire) = self.wire.take() {
                        wire.close();
                    }
                }
                Output::Bind(request) => self.check(request),
                Output::Bound => self.bound().await,
                Output::Submit { handle, message } => self.submit(handle, &message),
                Output::Delivered { token, status } => {
                    let verdict = if status.is_ok() { Ok(()) } else { Err(DeliverError::Refused(status)) };
                    self.settle(token, verdict);
                }
                Output::Undelivered { token } => self.settle(token, Err(DeliverError::NoAnswer)),
                Output::Closed { reason } => self.closed(reason).await,
            }
        }
    }

    fn send(&mut self, pdu: &crate::pdu::Pdu) {
        let Some(wire) = &mut self.wire else { return };
        if let Err(reason) = wire.send(pdu) {
            self.wire = None;
            self.machine.lost(reason);
        }
    }

    fn check(&mut self, request: BindRequest) {
        self.account = Some(request.system_id.clone());
        let (check, peer) = (self.common.check.clone(), self.peer);
        self.answers.push(Box::pin(async move { Answer::Bind(check.check(request, peer).await) }));
    }

    async fn bound(&mut self) {
        let (account, receives) = (self.account.clone().unwrap_or_default(), self.machine.receives());
        tracing::info!(account, receives, "SMPP client bound");
        self.bound = true;
        if receives {
            let command = Command::Bound { session: self.id, account: account.clone(), inbox: self.sender.clone() };
            let _ = self.common.commands.send(command).await; // the server is stopping
        }
        self.backlog.push_back(ServerEvent::Bound { account, receives });
    }

    async fn closed(&mut self, reason: String) {
        let account = self.account.take().unwrap_or_default();
        tracing::info!(account, reason, "SMPP client gone");
        if !std::mem::take(&mut self.bound) {
            return;
        }
        let _ = self.common.commands.send(Command::Gone { session: self.id, account: account.clone() }).await;
        self.deliveries.close(); // what waits is dropped: its owner hears NoAnswer
        self.backlog.push_back(ServerEvent::Unbound { account, reason });
    }

    fn submit(&mut self, handle: SubmitHandle, message: &Message) {
        let submit = self.read(message);
        let (sender, answer) = oneshot::channel();
        self.backlog.push_back(ServerEvent::Submit { submit, ack: SubmitAck(sender) });
        let answer = async move { Answer::Submit(handle, answer.await.unwrap_or(Err(Status::RSYSERR))) };
        self.answers.push(Box::pin(answer));
    }

    fn read(&self, message: &Message) -> ClientSubmit {
        let payload = message.payload();
        let (place, octets) =
            if message.esm_class & esm::UDHI == 0 { (None, &payload[..]) } else { split_header(&payload) };
        let from = message.source.number.text();
        let to = canonical_number(&message.destination.number.text()).to_owned();
        let part = place.or_else(|| super::core::sar(message)).filter(|place| place.total > 1).map(|place| Part {
            from: from.clone(),
            to: to.clone(),
            place,
            data_coding: message.data_coding,
            octets: octets.to_vec(),
            dedupe_key: String::new(), // a client that repeats itself means it
        });
        ClientSubmit {
            account: self.account.clone().unwrap_or_default(),
            text: decode(message.data_coding, octets, self.common.config.default_alphabet),
            from,
            to,
            part,
            want_receipt: message.registered_delivery & 0x03 != 0,
            validity: message.validity_period.text(),
        }
    }

    fn answered(&mut self, answer: Answer) {
        match answer {
            Answer::Bind(verdict) => self.machine.bind_checked(verdict, Instant::now()),
            Answer::Submit(handle, verdict) => {
                self.machine.submit_taken(handle, verdict.as_deref().map_err(|status| *status))
            }
        }
    }

    fn deliver(&mut self, delivery: Delivery) {
        self.counter += 1;
        if self.machine.deliver(self.counter, delivery.message, Instant::now()) {
            self.waiting.insert(self.counter, delivery.done);
        }
    }

    fn settle(&mut self, token: u64, verdict: Verdict) {
        if let Some(done) = self.waiting.remove(&token) {
            let _ = done.send(verdict); // the caller may have given up
        }
    }

    fn progressed(&mut self, done: Result<(), String>) {
        let now = Instant::now();
        while let Some(wire) = &mut self.wire {
            match wire.next() {
                Ok(Some(pdu)) => self.machine.received(pdu, now),
                Ok(None) => break,
                Err(error) => return self.machine.broken(&error),
            }
        }
        if let Err(reason) = done
            && self.wire.take().is_some()
        {
            self.machine.lost(reason);
        }
    }
}

async fn progress(wire: &mut Option<Wire>) -> Result<(), String> {
    match wire {
        Some(wire) => wire.progress().await,
        None => std::future::pending().await,
    }
}
