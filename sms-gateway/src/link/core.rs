//! A client link without its socket: lanes, rate, session, joined long messages and matched receipts as one pure machine.
//!
//! Inputs: messages of the owner, frames, time. Outputs: what to write, what to tell the owner.

use super::{Ack, LinkEvent, LinkStatus, Matched, MatchedBy, OutMessage, Part, SmppConfig, SubmitError};
use crate::pdu::{Address, BadPdu, Class, FrameError, Message, Pdu, Status, canonical_number, esm, relative_time, tag};
use crate::receipt::{self, Book, State};
use crate::session::bucket::Bucket;
use crate::session::client::{Client, ClientConfig, DeliverHandle, Output};
use crate::session::lanes::{Lane, Lanes};
use crate::text::{Concatenation, Joined, Joiner, References, Split, decode, split, split_header};
use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use tokio::sync::oneshot;

/// Events the owner has not fetched; above it nothing new is sent and the centre is told to come again.
const MAX_EVENTS: usize = 1_024;
/// Incoming messages the owner has not answered; above it the centre is told to come again.
const MAX_UNTAKEN: usize = 256;
/// Longest segment that is joined; anything longer is a message of its own, whatever its header says.
const MAX_PART: usize = 254;
/// Repetitions of an incoming message within this time are the same message.
const SAME_WITHIN: Duration = Duration::from_secs(600);
/// Most incoming messages remembered for that.
const MAX_RECENT: usize = 50_000;
/// How long answers are awaited when the link is closed.
const DRAIN: Duration = Duration::from_secs(5);

/// What the shell must do.
pub(super) enum CoreOutput {
    Connect,
    Disconnect,
    Send(Pdu),
    /// A message of this lane is finished: another one may be handed over.
    Freed(Lane),
    /// Wait for the owner's answer, then [`Core::answered`].
    Await(DeliverHandle, oneshot::Receiver<Status>),
}

/// A message checked and cut, ready to queue.
pub(super) struct Prepared {
    message: OutMessage,
    source: Address,
    destination: Address,
    split: Split,
}

impl Prepared {
    pub(super) fn new(config: &SmppConfig, message: OutMessage) -> Result<Self, SubmitError> {
        let digits = |text: &str| text.bytes().all(|octet| octet.is_ascii_digit());
        let number = canonical_number(&message.to);
        if !digits(number) || !(3..=20).contains(&number.len()) {
            return Err(SubmitError::BadReceiver);
        }
        if message.text.is_empty() {
            return Err(SubmitError::EmptyText);
        }
        let quirks = &config.quirks;
        let from = format!("{}{}", config.source, message.from_ext);
        if !digits(&from) || from.len() > 20 {
            return Err(SubmitError::BadExtension);
        }
        let source =
            Address::new(quirks.source_ton, quirks.source_npi, &from).map_err(|_| SubmitError::BadExtension)?;
        let mobile = number.len() == 11 && number.starts_with('1');
        let destination = match mobile && !quirks.country.is_empty() {
            true => Address::new(1, 1, &format!("{}{number}", quirks.country)),
            false => Address::new(0, 1, number),
        };
        let destination = destination.map_err(|_| SubmitError::BadReceiver)?;
        let split = split(&message.text, quirks.repertoire(), quirks.sign_reserve)?;
        Ok(Self { message, source, destination, split })
    }

    pub(super) fn lane(&self) -> Lane {
        self.message.lane
    }

    pub(super) fn segments(&self) -> u8 {
        u8::try_from(self.split.segments.len()).expect("at most ten segments")
    }
}

/// A message in the link's hands.
struct Job {
    id: u64,
    key: String,
    lane: Lane,
    to: String,
    expires: Option<Instant>,
    segments: Vec<Message>,
}

/// One segment of it, from 1.
#[derive(Clone)]
struct Piece {
    job: Arc<Job>,
    segment: u8,
}

impl Piece {
    fn of(&self) -> u8 {
        u8::try_from(self.job.segments.len()).unwrap_or(u8::MAX)
    }
}

/// The machine.
pub(super) struct Core {
    config: Arc<SmppConfig>,
    client: Client,
    bucket: Bucket,
    lanes: Lanes<Piece>,
    /// Segments written, by token, with their places in the lane. Kept after Unknown, for late answers.
    flights: HashMap<u64, (Piece, u64)>,
    /// Tokens declared unknown, oldest first.
    unknown: VecDeque<u64>,
    /// Segments of each job that have no end yet.
    unfinished: HashMap<u64, usize>,
    /// Next time at which a queued message may expire.
    sweep_at: Option<Instant>,
    counter: u64,
    references: References,
    joiner: Joiner,
    book: Book<(String, u8), EarlyReceipt>,
    recent: HashMap<u128, (SystemTime, String)>,
    untaken: usize,
    stopping: Option<Instant>,
    /// Time of day at the last input that brought it.
    wall: SystemTime,
    last_error: Option<String>,
    peer_version: Option<u8>,
    events: VecDeque<LinkEvent>,
    outputs: VecDeque<CoreOutput>,
}

/// A receipt that came before the answer to its submit; told again when that comes.
struct EarlyReceipt {
    ids: Vec<String>,
    receiver: String,
    state: State,
    error: Option<String>,
    raw: String,
    dedupe_key: String,
}

/// Most unknown submits whose late answers are still told; equals what the session remembers.
const MAX_UNKNOWN: usize = 1_000;

impl Core {
    pub(super) fn new(config: Arc<SmppConfig>, bind: crate::pdu::Bind, seed: u64, now: Instant) -> Self {
        let window = config.effective_window();
        let client = Client::new(ClientConfig { bind, window, timers: config.timers }, seed, now);
        Self {
            bucket: Bucket::paced(config.rate, now),
            joiner: Joiner::new(config.quirks.default_alphabet),
            references: References::new(seed),
            config,
            client,
            lanes: Lanes::default(),
            flights: HashMap::new(),
            unknown: VecDeque::new(),
            unfinished: HashMap::new(),
            sweep_at: None,
            counter: 0,
            book: Book::default(),
            recent: HashMap::new(),
            untaken: 0,
            stopping: None,
            wall: UNIX_EPOCH,
            last_error: None,
            peer_version: None,
            events: VecDeque::new(),
            outputs: VecDeque::new(),
        }
    }

    /// Queues a message and sends what may go.
    pub(super) fn submit(&mut self, prepared: Prepared, now: Instant) {
        let job = self.job(prepared, now);
        self.unfinished.insert(job.id, job.segments.len());
        if let Some(expires) = job.expires {
            self.sweep_at = Some(self.sweep_at.map_or(expires, |at| at.min(expires)));
        }
        let segments = u8::try_from(job.segments.len()).expect("at most ten segments");
        for segment in 1..=segments {
            let piece = Piece { job: job.clone(), segment };
            if self.stopping.is_some() {
                self.refuse(piece, Class::Link, Status::ROK, "the link is closing".into());
            } else {
                self.lanes.push(job.lane, piece);
            }
        }
        self.pump(now);
    }

    pub(super) fn restore(&mut self, part: &Part, now: Instant) {
        self.joiner.push(&part.from, &part.to, part.place, part.data_coding, &part.octets, now);
    }

    pub(super) fn connected(&mut self, now: Instant) {
        self.client.connected(now);
        self.settle(now);
    }

    pub(super) fn lost(&mut self, reason: String, now: Instant) {
        self.client.lost(reason, now);
        self.settle(now);
    }

    pub(super) fn broken(&mut self, error: &FrameError, now: Instant) {
        self.client.broken(error, now);
        self.settle(now);
    }

    pub(super) fn received(&mut self, pdu: Result<Pdu, BadPdu>, now: Instant, wall: SystemTime) {
        self.wall = wall;
        self.client.received(pdu, now);
        self.settle(now);
    }

    /// The owner's answer to what [`CoreOutput::Await`] named.
    pub(super) fn answered(&mut self, handle: DeliverHandle, status: Status, now: Instant) {
        self.untaken = self.untaken.saturating_sub(1);
        self.client.answer(handle, status);
        self.settle(now);
    }

    pub(super) fn stop(&mut self, now: Instant) {
        if self.stopping.is_none() {
            self.stopping = Some(now + DRAIN);
            self.recall("the link is closing");
        }
        self.settle(now);
    }

    /// Gives back what was not written yet, refused as `Link`: for another link.
    pub(super) fn recall(&mut self, why: &str) {
        let mut told = None;
        for (_, piece) in self.lanes.remove(|_| true) {
            match told.replace(piece.job.id) == Some(piece.job.id) {
                true => self.count_down(&piece), // one event per message
                false => self.refuse(piece, Class::Link, Status::ROK, why.into()),
            }
        }
    }

    pub(super) fn is_stopped(&self) -> bool {
        self.client.is_stopped() && self.outputs.is_empty() && self.events.is_empty()
    }

    pub(super) fn poll_output(&mut self) -> Option<CoreOutput> {
        self.outputs.pop_front()
    }

    /// Whether an event waits; fetched apart from the outputs, so that a slow owner never delays the session.
    pub(super) fn has_event(&self) -> bool {
        !self.events.is_empty()
    }

    pub(super) fn poll_event(&mut self) -> Option<LinkEvent> {
        self.events.pop_front()
    }

    pub(super) fn poll_timeout(&mut self, now: Instant) -> Option<Instant> {
        let pump = (!self.lanes.is_empty() && self.may_send()).then(|| self.bucket.ready_at(now));
        let times = [self.client.poll_timeout(), self.joiner.poll_timeout(), self.sweep_at, self.stopping, pump];
        times.into_iter().flatten().min()
    }

    pub(super) fn handle_timeout(&mut self, now: Instant, wall: SystemTime) {
        self.wall = wall;
        self.client.handle_timeout(now);
        self.sweep(now);
        self.give_up(now);
        self.settle(now);
    }

    pub(super) fn status(&self) -> LinkStatus {
        LinkStatus {
            up: self.client.is_bound(),
            in_flight: self.client.in_flight(),
            queued: self.lanes.len(),
            rate_scale: self.bucket.scale(),
            last_error: self.last_error.clone(),
            peer_version: self.peer_version,
        }
    }

    fn job(&mut self, prepared: Prepared, now: Instant) -> Arc<Job> {
        let Prepared { message, source, destination, split } = prepared;
        self.counter += 1;
        let total = u8::try_from(split.segments.len()).expect("at most ten segments");
        let reference =
            if total > 1 { self.references.next(&source.number.text(), &destination.number.text()).into() } else { 0 };
        let segment = |(index, octets): (u8, Vec<u8>)| {
            let place = Concatenation { reference, total, index };
            let (esm_class, short_message) = match total {
                1 => (0, octets),
                _ => (esm::UDHI, [&place.header()[..], &octets].concat()),
            };
            Message {
                source: source.clone(),
                destination: destination.clone(),
                esm_class,
                registered_delivery: u8::from(message.want_receipt),
                data_coding: split.alphabet.data_coding(),
                short_message: self.coded(short_message, split.alphabet.data_coding(), total > 1).into(),
                ..Message::default()
            }
        };
        let segments = (1..).zip(split.segments).map(segment).collect();
        let expires = message.validity.and_then(|validity| now.checked_add(validity));
        Arc::new(Job { id: self.counter, key: message.key, lane: message.lane, to: message.to, expires, segments })
    }

    /// Packs septets where the link wants them packed.
    fn coded(&self, octets: Vec<u8>, data_coding: u8, has_header: bool) -> Vec<u8> {
        if data_coding != 0 || self.config.quirks.default_alphabet != crate::text::Decoding::GsmPacked {
            return octets;
        }
        let (header, text) = octets.split_at(if has_header { 6 } else { 0 });
        [header, &crate::text::pack(text, u32::from(has_header))].concat()
    }

    fn may_send(&self) -> bool {
        self.stopping.is_none() && self.client.can_submit() && self.events.len() < MAX_EVENTS
    }

    /// Sends what lanes, rate and window allow.
    fn pump(&mut self, now: Instant) {
        while self.may_send() && !self.lanes.is_empty() && self.bucket.take(now) {
            let Some((_, place, piece)) = self.lanes.pop() else {
                return;
            };
            if piece.job.expires.is_some_and(|expires| expires <= now) {
                self.expire(piece);
                continue;
            }
            let mut message = piece.job.segments[usize::from(piece.segment) - 1].clone();
            if let Some(expires) = piece.job.expires {
                message.validity_period = relative_time(expires - now);
            }
            self.counter += 1;
            if self.config.quirks.send_reference {
                message.tlvs.push(tag::USER_MESSAGE_REFERENCE, reference(self.counter).to_be_bytes());
            }
            if self.client.submit(self.counter, message, now) {
                self.flights.insert(self.counter, (piece, place));
            } else {
                self.lanes.put_back(piece.job.lane, place, piece);
            }
            self.drain_client(now);
        }
    }

    /// Takes what the session says, sends on, and unbinds when closing is due.
    fn settle(&mut self, now: Instant) {
        self.drain_client(now);
        self.pump(now);
        if self.stopping.is_some_and(|until| self.client.in_flight() == 0 || until <= now) {
            self.stopping = Some(now + DRAIN);
            self.client.stop(now);
            self.drain_client(now);
        }
    }

    fn drain_client(&mut self, now: Instant) {
        while let Some(output) = self.client.poll_output() {
            match output {
                Output::Connect => self.outputs.push_back(CoreOutput::Connect),
                Output::Disconnect => self.outputs.push_back(CoreOutput::Disconnect),
                Output::Send(pdu) => self.outputs.push_back(CoreOutput::Send(pdu)),
                Output::Bound { version } => {
                    self.peer_version = version;
                    self.events.push_back(LinkEvent::LinkUp);
                }
                Output::Down { reason } => {
                    self.last_error = Some(reason.clone());
                    self.events.push_back(LinkEvent::LinkDown { reason });
                }
                Output::Accepted { token, id } => self.accepted(token, id),
                Output::Refused { token, status, text } => self.refused(token, status, text, now),
                Output::Unknown { token } => self.unknown(token),
                Output::Deliver { handle, message } => self.deliver(handle, &message, now),
            }
        }
    }

    fn accepted(&mut self, token: u64, smsc_id: String) {
        let Some((piece, _)) = self.flights.remove(&token) else {
            return;
        };
        let (key, segment, of) = (piece.job.key.clone(), piece.segment, piece.of());
        self.events.push_back(LinkEvent::Submitted { key: key.clone(), segment, of, smsc_id: smsc_id.clone() });
        if !smsc_id.is_empty() {
            for early in self.book.submitted(&smsc_id, &piece.job.to, (key.clone(), segment)) {
                let matched = Some(Matched { key: key.clone(), segment, by: MatchedBy::Id });
                self.events.push_back(early.event(matched, Ack::nobody()));
            }
        }
        self.finish(&piece, token);
    }

    /// "Too fast" puts the segment back where it was; anything else is told.
    fn refused(&mut self, token: u64, status: Status, text: Option<String>, now: Instant) {
        let Some((piece, place)) = self.flights.remove(&token) else {
            return;
        };
        let class = self.class(status);
        let was_unknown = self.unknown.contains(&token);
        if class == Class::Rate {
            self.bucket.throttled(now);
            tracing::debug!(link = %self.config.name, "throttled by the centre");
            if !was_unknown && self.stopping.is_none() {
                return self.lanes.put_back(piece.job.lane, place, piece);
            }
        }
        let words = text.unwrap_or_else(|| status.to_string());
        self.tell_refused(&piece, class, status, words);
        self.finish(&piece, token);
        self.drop_rest(&piece);
        if class == Class::Link {
            self.client.rebind(&format!("submit refused: {status}"), now);
        }
    }

    fn class(&self, status: Status) -> Class {
        let own = self.config.quirks.classes.iter().find(|(code, _)| *code == status.0).map(|(_, class)| *class);
        own.or(status.class()).unwrap_or(Class::Temporary)
    }

    fn unknown(&mut self, token: u64) {
        let Some((piece, _)) = self.flights.get(&token) else {
            return;
        };
        let piece = piece.clone();
        self.events.push_back(LinkEvent::Unknown {
            key: piece.job.key.clone(),
            segment: piece.segment,
            of: piece.of(),
        });
        self.count_down(&piece);
        self.unknown.push_back(token);
        if self.unknown.len() > MAX_UNKNOWN {
            self.unknown.pop_front().and_then(|token| self.flights.remove(&token));
        }
    }

    /// A segment has its end; one that was unknown had it before.
    fn finish(&mut self, piece: &Piece, token: u64) {
        match self.unknown.iter().position(|unknown| *unknown == token) {
            Some(at) => drop(self.unknown.remove(at)),
            None => self.count_down(piece),
        }
    }

    fn count_down(&mut self, piece: &Piece) {
        let Some(left) = self.unfinished.get_mut(&piece.job.id) else {
            return;
        };
        *left -= 1;
        if *left == 0 {
            self.unfinished.remove(&piece.job.id);
            self.outputs.push_back(CoreOutput::Freed(piece.job.lane));
        }
    }

    /// The segments behind a refused one are not sent: nobody could read them.
    fn drop_rest(&mut self, refused: &Piece) {
        for (_, piece) in self.lanes.remove(|piece| piece.job.id == refused.job.id) {
            self.count_down(&piece);
        }
    }

    fn refuse(&mut self, piece: Piece, class: Class, status: Status, text: String) {
        self.tell_refused(&piece, class, status, text);
        self.count_down(&piece);
    }

    fn tell_refused(&mut self, piece: &Piece, class: Class, status: Status, text: String) {
        let (key, segment, of) = (piece.job.key.clone(), piece.segment, piece.of());
        self.events.push_back(LinkEvent::Refused { key, segment, of, class, status: status.0, text });
    }

    fn expire(&mut self, piece: Piece) {
        self.refuse(piece.clone(), Class::Link, Status::ROK, "its validity ended before the link could send it".into());
        self.drop_rest(&piece);
    }

    fn sweep(&mut self, now: Instant) {
        if self.sweep_at.is_none_or(|at| at > now) {
            return;
        }
        let mut next: Option<Instant> = None;
        let expired = self.lanes.remove(|piece| match piece.job.expires {
            Some(expires) if expires <= now => true,
            Some(expires) => {
                next = Some(next.map_or(expires, |at| at.min(expires)));
                false
            }
            None => false,
        });
        self.sweep_at = next;
        let mut told = None;
        for (_, piece) in expired {
            if told.replace(piece.job.id) == Some(piece.job.id) {
                self.count_down(&piece); // one event per message
            } else {
                self.expire(piece);
            }
        }
    }

    fn deliver(&mut self, handle: DeliverHandle, message: &Message, now: Instant) {
        if self.untaken >= MAX_UNTAKEN || self.events.len() >= MAX_EVENTS {
            return self.client.answer(handle, Status::RX_T_APPN);
        }
        let kind = message.esm_class & esm::TYPE_MASK;
        let flagged = kind & (esm::RECEIPT | esm::INTERMEDIATE) != 0;
        let by_tlv = message.tlvs.find(tag::RECEIPTED_MESSAGE_ID).is_some();
        let by_text = self.config.quirks.receipts_without_flag
            && message.payload().get(..3).is_some_and(|head| head.eq_ignore_ascii_case(b"id:"));
        if !(flagged || by_tlv || by_text) {
            return self.incoming(handle, message, now);
        }
        match receipt::scan(message) {
            Some(receipt) => self.receipt(handle, message, receipt, now),
            None => {
                tracing::warn!(link = %self.config.name, "a receipt names no message: dropped");
                self.client.answer(handle, Status::ROK);
            }
        }
    }

    fn receipt(&mut self, handle: DeliverHandle, message: &Message, receipt: receipt::Receipt, now: Instant) {
        let (source, destination) = (message.source.number.text(), message.destination.number.text());
        // The phone is the source; some centres leave the addresses as in the submit.
        let ours = |number: &str| !self.config.source.is_empty() && number.starts_with(&self.config.source);
        let receiver = if ours(&source) && !ours(&destination) { destination } else { source };
        let dedupe_key = receipt.dedupe_key();
        let ids: Vec<String> = receipt.ids().map(str::to_owned).collect();
        let receiver = canonical_number(&receiver).to_owned();
        let told = |receipt: receipt::Receipt| EarlyReceipt {
            ids: ids.clone(),
            receiver: receiver.clone(),
            state: receipt.state,
            error: receipt.error,
            raw: receipt.raw,
            dedupe_key: dedupe_key.clone(),
        };
        let found = self.book.receipt(ids.iter().map(String::as_str), &receiver, told(receipt.clone()), now);
        let by_id = found.map(|found| {
            let by = if found.ambiguous { MatchedBy::AmbiguousId } else { MatchedBy::Id };
            Matched { key: found.key.0, segment: found.key.1, by }
        });
        let matched = by_id.or_else(|| self.resolve_unknown(&receiver, message.tlvs.u16(tag::USER_MESSAGE_REFERENCE)));
        let ack = self.await_ack(handle);
        self.events.push_back(told(receipt).event(matched, ack));
    }

    /// A receipt with a new id may speak of a submit whose response was lost: by our echoed reference, or because no other can be meant.
    fn resolve_unknown(&mut self, receiver: &str, echoed: Option<u16>) -> Option<Matched> {
        let to_receiver = |token: &&u64| {
            let flight = self.flights.get(*token);
            flight.is_some_and(|(piece, _)| canonical_number(&piece.job.to) == receiver)
        };
        let mut candidates: Vec<u64> = self.unknown.iter().filter(to_receiver).copied().collect();
        let by = match echoed.filter(|_| self.config.quirks.send_reference) {
            Some(echoed) => {
                candidates.retain(|token| reference(*token) == echoed);
                MatchedBy::Reference
            }
            None => MatchedBy::OnlyUnknown,
        };
        let [token] = candidates[..] else { return None };
        let (piece, _) = self.flights.remove(&token)?;
        self.unknown.retain(|unknown| *unknown != token);
        Some(Matched { key: piece.job.key.clone(), segment: piece.segment, by })
    }

    fn incoming(&mut self, handle: DeliverHandle, message: &Message, now: Instant) {
        let payload = message.payload();
        let (in_header, text) = match message.esm_class & esm::UDHI {
            0 => (None, &payload[..]),
            _ => split_header(&payload),
        };
        let place = in_header.or_else(|| sar(message)).filter(|place| place.total > 1 && text.len() <= MAX_PART);
        let from = canonical_number(&message.source.number.text()).to_owned();
        let to = message.destination.number.text();
        let reference = place
            .map(|place| (place.reference, place.index))
            .or(message.tlvs.u16(tag::USER_MESSAGE_REFERENCE).map(|r| (r, 0)));
        let dedupe_key =
            self.dedupe_key(fingerprint(&[from.as_bytes(), to.as_bytes(), format!("{reference:?}").as_bytes(), text]));
        let Some(place) = place else {
            let text = decode(message.data_coding, text, self.config.quirks.default_alphabet);
            let ack = self.await_ack(handle);
            return self.tell_incoming(from, to, text, dedupe_key, true, ack);
        };
        let part = Part { from, to, place, data_coding: message.data_coding, octets: text.to_vec(), dedupe_key };
        self.part(handle, part, now);
    }

    fn part(&mut self, handle: DeliverHandle, part: Part, now: Instant) {
        let ack = self.await_ack(handle);
        match self.joiner.push(&part.from, &part.to, part.place, part.data_coding, &part.octets, now) {
            Joined::Waiting | Joined::Duplicate => self.events.push_back(LinkEvent::Part { part, ack }),
            Joined::Whole(text) => self.tell_incoming(part.from, part.to, text, part.dedupe_key, true, ack),
        }
        self.give_up(now);
    }

    fn give_up(&mut self, now: Instant) {
        for given in self.joiner.give_up(now) {
            let key = &given.key;
            let print = fingerprint(&[
                key.from.as_bytes(),
                key.to.as_bytes(),
                &key.reference.to_be_bytes(),
                given.text.as_bytes(),
            ]);
            let dedupe_key = self.dedupe_key(print);
            self.tell_incoming(given.key.from, given.key.to, given.text, dedupe_key, false, Ack::nobody());
        }
    }

    fn tell_incoming(&mut self, from: String, to: String, text: String, dedupe_key: String, complete: bool, ack: Ack) {
        let ext = to.strip_prefix(&self.config.source).map(str::to_owned);
        let at = self.wall;
        self.events.push_back(LinkEvent::Incoming { from, to, ext, text, at, dedupe_key, complete, ack });
    }

    fn await_ack(&mut self, handle: DeliverHandle) -> Ack {
        let (ack, answer) = Ack::channel();
        self.untaken += 1;
        self.outputs.push_back(CoreOutput::Await(handle, answer));
        ack
    }

    /// A key that stays the same for ten minutes, and after a restart within the same ten minutes of the clock.
    fn dedupe_key(&mut self, print: u128) -> String {
        let wall = self.wall;
        if let Some((since, key)) = self.recent.get(&print)
            && wall.duration_since(*since).is_ok_and(|age| age < SAME_WITHIN)
        {
            return key.clone();
        }
        if self.recent.len() >= MAX_RECENT {
            self.recent.retain(|_, (since, _)| wall.duration_since(*since).is_ok_and(|age| age < SAME_WITHIN));
        }
        if self.recent.len() >= MAX_RECENT {
            self.recent.clear(); // a flood: the clock's ten minutes alone must do
        }
        let slot = wall.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs() / SAME_WITHIN.as_secs();
        let key = format!("mo {print:032x} {slot}");
        self.recent.insert(print, (wall, key.clone()));
        key
    }
}

impl EarlyReceipt {
    fn event(self, matched: Option<Matched>, ack: Ack) -> LinkEvent {
        let Self { ids, receiver, state, error, raw, dedupe_key } = self;
        LinkEvent::Receipt { matched, ids, receiver, state, error, raw, dedupe_key, ack }
    }
}

/// `user_message_reference` of a submit: repeats after 65,536 submits, long after the unknown ones are forgotten.
fn reference(token: u64) -> u16 {
    (token & 0xFFFF) as u16
}

/// Concatenation by TLVs: all three or none (facts §1.5).
pub(super) fn sar(message: &Message) -> Option<Concatenation> {
    let tlvs = &message.tlvs;
    let reference = tlvs.u16(tag::SAR_MSG_REF_NUM)?;
    Concatenation::new(reference, tlvs.u8(tag::SAR_TOTAL_SEGMENTS)?, tlvs.u8(tag::SAR_SEGMENT_SEQNUM)?)
}

/// FNV-1a of 128 bits with separators: the same in every version of the program, which the standard hasher does not promise.
fn fingerprint(parts: &[&[u8]]) -> u128 {
    let mut hash: u128 = 0x6c62_272e_07bb_0142_62b8_2175_6295_c58d;
    for part in parts {
        for octet in part.iter().chain(&[0xFF]) {
            hash = (hash ^ u128::from(*octet)).wrapping_mul(0x0000_0000_0100_0000_0000_0000_0000_013b);
        }
    }
    hash
}

#[cfg(test)]
mod tests;
