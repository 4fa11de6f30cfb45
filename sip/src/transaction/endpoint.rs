//! The layer as one machine: tables of transactions, matching, timers, and what every user agent
//! does alike.

use std::collections::{BTreeSet, HashMap, VecDeque};

use bytes::Bytes;

use super::{
    Step, Timing,
    client::{InviteClient, InviteClientState, PlainClient, PlainClientState},
    server::{Due, InviteServer, InviteServerState, PlainServer, PlainServerState},
};
use crate::{
    Method,
    flow::{Flow, Millis, Transport},
    header::{NameAddr, Via},
    limits,
    message::{Message, Name, Refusal, Request, Response},
    tokens::Tokens,
};

/// Names a server transaction: a request that came to us.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ServerKey(u64);

/// Names a client transaction: a request that we sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ClientKey(u64);

/// What the layer can be told at the start.
#[derive(Clone, Debug)]
pub struct Config {
    /// Base times.
    pub timing: Timing,
    /// Most server transactions at once.
    pub server_transactions: usize,
    /// Most client transactions at once.
    pub client_transactions: usize,
    /// Sent-by (`host[:port]`) to write into Via instead of the flow's local address, per local
    /// IP address: for hosts behind address translation.
    pub sent_by: HashMap<std::net::IpAddr, String>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            timing: Timing::default(),
            server_transactions: limits::SERVER_TRANSACTIONS,
            client_transactions: limits::CLIENT_TRANSACTIONS,
            sent_by: HashMap::new(),
        }
    }
}

/// What comes out of the layer.
#[derive(Clone, Debug)]
pub enum Output {
    /// Send these bytes. If the flow's connection is gone, drop them and tell
    /// [`Endpoint::handle_transport_error`].
    Send {
        /// The way.
        flow: Flow,
        /// One whole message.
        bytes: Bytes,
    },
    /// A new request; answer it with [`Endpoint::respond`]. Never ACK or CANCEL.
    Request {
        /// For the answer.
        key: ServerKey,
        /// Checked ([`Request::check`]), its Via stamped with the source.
        request: Request,
        /// The way it came.
        flow: Flow,
        /// Our tag for the To header: the one that is there, or a fresh one, which
        /// [`Endpoint::respond`] fills in.
        tag: String,
    },
    /// The ACK for our 2xx came (once, however often it is repeated). It may carry an answer.
    Ack {
        /// The INVITE.
        key: ServerKey,
        /// The ACK.
        request: Request,
    },
    /// Our 2xx was never acknowledged: end the dialog with BYE (RFC 3261 §13.3.1.4).
    NoAck {
        /// The INVITE.
        key: ServerKey,
    },
    /// The caller cancelled the INVITE; 200 and 487 have gone out. Do not answer any more.
    Cancel {
        /// The INVITE.
        key: ServerKey,
        /// The CANCEL, perhaps with a Reason.
        request: Request,
    },
    /// The INVITE waited [`limits::INVITE_WAIT_MS`] for an answer and was refused with 480.
    Unanswered {
        /// The INVITE.
        key: ServerKey,
    },
    /// A 2xx to an INVITE that is none of ours: of an earlier life of this program, or long forgotten. Its sender believes
    /// himself in a call: hang him up ([`crate::Dialog::of_stray`]), or leave him to his session timer.
    Stray {
        /// The answer.
        response: Response,
        /// Where it came from.
        flow: Flow,
    },
    /// An answer to our request. To an INVITE there may be several 2xx with different To tags:
    /// each is acknowledged ([`Endpoint::ack`]). Other final answers have been acknowledged.
    Response {
        /// The request.
        key: ClientKey,
        /// The answer.
        response: Response,
        /// The way it came.
        flow: Flow,
    },
    /// No final answer came in time: as if 408.
    Timeout {
        /// The request.
        key: ClientKey,
    },
    /// The request could not be sent or its connection broke: as if 503.
    TransportFailed {
        /// The request.
        key: ClientKey,
    },
}

/// Why a request is not sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[allow(missing_docs)]
pub enum SendError {
    #[error("too many requests are under way; try again later")]
    Overloaded,
    #[error("ACK and CANCEL are sent with Endpoint::ack and Endpoint::cancel")]
    NoTransaction,
    #[error("the request lacks From, To, Call-ID or CSeq, or its CSeq has another method")]
    Incomplete,
}

/// Why an answer is not sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[allow(missing_docs)]
pub enum RespondError {
    #[error("the transaction is over")]
    Gone,
    #[error("a final answer has gone out already")]
    AlreadyAnswered,
    #[error("408 must not be sent to a non-INVITE request (RFC 4320)")]
    NoTimeoutAnswer,
}

enum ServerMachine {
    Invite(InviteServer),
    Plain(PlainServer),
}

struct Server {
    machine: ServerMachine,
    flow: Flow,
    /// Where answers go: the flow, with the remote address that the Via asks for.
    answers: Flow,
    /// Until the final answer; afterwards a transaction waits 32 s and should be small.
    request: Option<Request>,
    tag: String,
    last: Option<Bytes>,
    /// Keys in the indexes, to be taken out at the end.
    id: String,
    merge_id: Option<String>,
    ack_id: Option<String>,
    armed: Option<Millis>,
}

enum ClientMachine {
    Invite(InviteClient),
    Plain(PlainClient),
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Cancel {
    No,
    /// Wanted; waits for the first provisional answer. With an optional Reason.
    Wanted(Option<String>),
    Sent,
}

struct Client {
    machine: ClientMachine,
    flow: Flow,
    request: Request,
    wire: Bytes,
    id: String,
    /// Whether the user wants to hear of it: not for CANCEL.
    heard: bool,
    cancel: Cancel,
    /// To tag of each 2xx and the ACK for it, once the user gave it.
    forks: Vec<(String, Option<(Flow, Bytes)>)>,
    armed: Option<Millis>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Key {
    Server(ServerKey),
    Client(ClientKey),
}

/// The transaction layer. See the [module](super) for the order of use.
pub struct Endpoint {
    config: Config,
    tokens: Tokens,
    /// Transactions by name; names are never used twice.
    servers: HashMap<ServerKey, Server>,
    clients: HashMap<ClientKey, Client>,
    last_key: u64,
    /// Server transactions by branch, sent-by and method (RFC 3261 §17.2.3).
    by_request: HashMap<String, ServerKey>,
    /// Requests outside dialogs, to find merged ones (RFC 3261 §8.2.2.2).
    by_merge: HashMap<String, ServerKey>,
    /// Accepted INVITEs by what their ACK will carry.
    by_ack: HashMap<String, ServerKey>,
    /// Client transactions by branch and method (RFC 3261 §17.1.3).
    by_branch: HashMap<String, ClientKey>,
    timers: BTreeSet<(Millis, Key)>,
    output: VecDeque<Output>,
}

/// Things that happened, and wishes.
impl Endpoint {
    /// A layer without transactions. `seed` comes from the system's random source.
    pub fn new(config: Config, seed: [u8; 32]) -> Self {
        Self {
            config,
            tokens: Tokens::new(seed),
            servers: HashMap::new(),
            clients: HashMap::new(),
            last_key: 0,
            by_request: HashMap::new(),
            by_merge: HashMap::new(),
            by_ack: HashMap::new(),
            by_branch: HashMap::new(),
            timers: BTreeSet::new(),
            output: VecDeque::new(),
        }
    }

    /// One framed message came: parses and handles it. What cannot be parsed is answered 400 (or
    /// 505, 513) if it is a request that can be answered, else dropped.
    pub fn handle_bytes(&mut self, flow: Flow, bytes: Bytes, now: Millis) {
        match Message::parse(bytes) {
            Ok(message) => self.handle_message(flow, message, now),
            Err(error) => {
                if let (Some(answer), Some(request)) = (error.answer(), error.request) {
                    self.answer_without_state(flow, *request, answer.status, &answer.reason());
                }
            }
        }
    }

    /// One parsed message came.
    pub fn handle_message(&mut self, flow: Flow, message: Message, now: Millis) {
        match message {
            Message::Request(request) => self.handle_request(flow, request, now),
            Message::Response(response) => self.handle_response(flow, response, now),
        }
    }

    /// The flow broke or could not be opened: its waiting requests fail at once.
    pub fn handle_transport_error(&mut self, flow: Flow) {
        let failed = |client: &Client| client.flow == flow && client.is_waiting();
        let keys: Vec<_> = self.clients.iter().filter(|(_, c)| failed(c)).map(|(key, _)| *key).collect();
        for key in keys {
            if self.drop_client(key).is_some_and(|client| client.heard) {
                self.output.push_back(Output::TransportFailed { key });
            }
        }
    }

    /// Time went by; call at or after [`Endpoint::poll_timeout`].
    pub fn handle_timeout(&mut self, now: Millis) {
        while let Some((_, key)) = self.timers.first().copied().filter(|(at, _)| *at <= now) {
            match key {
                Key::Server(key) => self.server_timeout(key, now),
                Key::Client(key) => self.client_timeout(key, now),
            }
        }
    }

    /// Sends a request. It carries From, To, Call-ID, CSeq, routes and so on; Via, and Max-Forwards
    /// where it lacks, are put in here.
    ///
    /// # Errors
    /// [`SendError`]; nothing has been sent then.
    pub fn send_request(&mut self, flow: Flow, mut request: Request, now: Millis) -> Result<ClientKey, SendError> {
        if matches!(request.method, Method::Ack | Method::Cancel) {
            return Err(SendError::NoTransaction);
        }
        let h = &request.headers;
        let whole = h.cseq().is_ok_and(|c| c.method == request.method)
            && h.from().is_ok()
            && h.to().is_ok()
            && h.call_id().is_ok();
        if !whole {
            return Err(SendError::Incomplete);
        }
        if self.clients.len() >= self.config.client_transactions {
            return Err(SendError::Overloaded);
        }
        let branch = self.add_via(flow, &mut request);
        Ok(self.start_client(flow, request, &branch, true, now))
    }

    /// Acknowledges a 2xx to the INVITE `key`. The ACK is sent again by itself for each repetition
    /// of that 2xx. Its way may differ from the INVITE's (RFC 3261 §13.2.2.4).
    pub fn ack(&mut self, key: ClientKey, flow: Flow, mut ack: Request) {
        self.add_via(flow, &mut ack);
        let bytes = ack.encode();
        let tag = ack.headers.to().ok().and_then(|to| to.tag().map(str::to_owned)).unwrap_or_default();
        if let Some(client) = self.clients.get_mut(&key)
            && let Some(fork) = client.forks.iter_mut().find(|(fork, _)| *fork == tag)
        {
            fork.1 = Some((flow, bytes.clone()));
        }
        self.send(flow, bytes);
    }

    /// Cancels an INVITE of ours. The CANCEL leaves with or after the first provisional answer
    /// (RFC 3261 §9.1). The end still comes as a final answer, 487 or, in a race, 2xx, or as
    /// [`Output::Timeout`]. `reason` is the value of a Reason header (RFC 3326). Returns whether
    /// there was something to cancel.
    pub fn cancel(&mut self, key: ClientKey, reason: Option<&str>, now: Millis) -> bool {
        let Some(client) = self.clients.get_mut(&key) else {
            return false;
        };
        let ClientMachine::Invite(machine) = &client.machine else {
            return false;
        };
        if !machine.is_waiting() || client.cancel != Cancel::No {
            return false;
        }
        client.cancel = Cancel::Wanted(reason.map(str::to_owned));
        self.send_wanted_cancel(key, now);
        true
    }

    /// Answers a request. The To tag is filled in if `response` has none.
    ///
    /// # Errors
    /// [`RespondError`]; nothing has been sent then.
    pub fn respond(&mut self, key: ServerKey, mut response: Response, now: Millis) -> Result<(), RespondError> {
        let server = self.servers.get_mut(&key).ok_or(RespondError::Gone)?;
        let status = response.status;
        let accepted = match &mut server.machine {
            ServerMachine::Invite(machine) => machine.on_answer(status, now),
            ServerMachine::Plain(_) if status == 408 => return Err(RespondError::NoTimeoutAnswer),
            ServerMachine::Plain(machine) => machine.on_answer(status, now),
        };
        if !accepted {
            return Err(RespondError::AlreadyAnswered);
        }
        if status > 100 {
            response.set_to_tag(&server.tag);
        }
        let bytes = response.encode();
        server.last = Some(bytes.clone());
        let answers = server.answers;
        if status >= 200 {
            self.finish_answer(key, &response);
        }
        self.send(answers, bytes);
        self.settle_server(key);
        Ok(())
    }
}

/// Answering strangers.
impl Endpoint {
    /// Answers a request once and forgets it: for challenges and refusals to those who have not
    /// proved themselves. Over UDP their source address may be forged, and a refusal that is
    /// repeated until its ACK comes would make us an amplifier (RFC 3261 §26.3.2.4). Does nothing
    /// if the request was answered finally already.
    pub fn respond_once(&mut self, key: ServerKey, mut response: Response) {
        if !self.is_unanswered(key) {
            return;
        }
        let Some(server) = self.drop_server(key) else { return };
        response.set_to_tag(&server.tag);
        self.send(server.answers, response.encode());
    }
}

/// What to do now, in this order.
impl Endpoint {
    /// The next thing to do; ask until `None`.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.output.pop_front()
    }

    /// When [`Endpoint::handle_timeout`] wants to be called; `None` if nothing is under way.
    pub fn poll_timeout(&self) -> Option<Millis> {
        self.timers.first().map(|(at, _)| *at)
    }
}

/// Looking in.
impl Endpoint {
    /// Transactions at present: those of requests that came, those of requests that were sent.
    pub fn len(&self) -> (usize, usize) {
        (self.servers.len(), self.clients.len())
    }

    /// Whether no transaction is under way.
    pub fn is_empty(&self) -> bool {
        self.servers.is_empty() && self.clients.is_empty()
    }

    /// Source of tags and Call-IDs for the user of the layer.
    pub fn tokens(&mut self) -> &mut Tokens {
        &mut self.tokens
    }

    /// State of an INVITE that we sent; `None` if it is over or no INVITE.
    pub fn invite_state(&self, key: ClientKey) -> Option<InviteClientState> {
        match &self.clients.get(&key)?.machine {
            ClientMachine::Invite(machine) => Some(machine.state),
            ClientMachine::Plain(_) => None,
        }
    }

    /// Whether a request that came still waits for its final answer.
    pub fn is_unanswered(&self, key: ServerKey) -> bool {
        self.servers.get(&key).is_some_and(|server| match &server.machine {
            ServerMachine::Invite(machine) => machine.state == InviteServerState::Proceeding,
            ServerMachine::Plain(machine) => {
                matches!(machine.state, PlainServerState::Trying | PlainServerState::Proceeding)
            }
        })
    }

    /// The request as it came, until its final answer has gone out.
    pub fn request(&self, key: ServerKey) -> Option<&Request> {
        self.servers.get(&key).and_then(|server| server.request.as_ref())
    }
}

/// Requests that come.
impl Endpoint {
    fn handle_request(&mut self, flow: Flow, mut request: Request, now: Millis) {
        // A Via that cannot be read is answered at the source: 400, not silence.
        let stamped = request.stamp_source(flow.remote).map_err(Refusal::from);
        let checked = stamped.and_then(|()| request.check());
        if request.method == Method::Ack {
            if checked.is_ok() {
                self.handle_ack(request, now);
            }
            return;
        }
        if let Err(refusal) = checked {
            return self.answer_without_state(flow, request, refusal.status, &refusal.reason);
        }
        let Some(ids) = Ids::of(&request) else { return };
        if let Some(key) = self.by_request.get(&ids.request).copied() {
            return self.request_again(key, flow);
        }
        if request.method == Method::Cancel {
            return self.handle_cancel(flow, request, &ids, now);
        }
        if ids.merge.as_ref().is_some_and(|id| self.by_merge.contains_key(id)) {
            return self.answer_without_state(flow, request, 482, "Loop Detected");
        }
        if self.servers.len() >= self.config.server_transactions {
            // Without Retry-After: with it a whole trunk would go silent and come back at once.
            return self.answer_without_state(flow, request, 503, "Service Unavailable");
        }
        let (key, tag) = self.start_server(flow, request.clone(), ids, now);
        self.output.push_back(Output::Request { key, request, flow, tag });
    }

    fn handle_ack(&mut self, request: Request, now: Millis) {
        let Some(ids) = Ids::of(&request) else { return };
        let accepted = self.by_ack.get(&ids.ack).copied();
        let Some(key) = self.by_request.get(&ids.request).copied().or(accepted) else {
            return;
        };
        let Some(server) = self.servers.get_mut(&key) else {
            return;
        };
        let ServerMachine::Invite(machine) = &mut server.machine else {
            return;
        };
        // An ACK in the INVITE's own transaction is for a refusal, one of its own for a 2xx; old
        // clients use one branch for both.
        if machine.on_ack(now) == Step::Deliver {
            self.output.push_back(Output::Ack { key, request });
        }
        self.settle_server(key);
    }

    fn handle_cancel(&mut self, flow: Flow, request: Request, ids: &Ids, now: Millis) {
        let invite = self.by_request.get(&ids.invite).copied();
        // Whoever learns a branch must not be able to end the call from elsewhere.
        let same_source =
            |key: &ServerKey| self.servers.get(key).is_some_and(|server| server.flow.remote.ip() == flow.remote.ip());
        let Some(key) = invite.filter(same_source) else {
            return self.answer_without_state(flow, request, 481, "");
        };
        self.answer_without_state(flow, request.clone(), 200, "");
        // Answered finally, it is past cancelling.
        let Some(invite) = self.request(key) else { return };
        let answer = Response::to(invite, 487, "");
        if self.respond(key, answer, now).is_ok() {
            self.output.push_back(Output::Cancel { key, request });
        }
    }

    fn request_again(&mut self, key: ServerKey, flow: Flow) {
        let Some(server) = self.servers.get_mut(&key) else {
            return;
        };
        let step = match &server.machine {
            ServerMachine::Invite(machine) => machine.on_invite_again(),
            ServerMachine::Plain(machine) => machine.on_request_again(),
        };
        // A client that lost its connection asks again on a new one.
        if flow.transport.is_reliable() && flow.remote.ip() == server.flow.remote.ip() {
            (server.flow, server.answers) = (flow, flow);
        }
        if let (Step::Resend, Some(bytes)) = (step, server.last.clone()) {
            let answers = server.answers;
            self.send(answers, bytes);
        }
    }

    fn start_server(&mut self, flow: Flow, request: Request, ids: Ids, now: Millis) -> (ServerKey, String) {
        let (timing, reliable) = (self.config.timing, flow.transport.is_reliable());
        let machine = match request.method {
            Method::Invite => ServerMachine::Invite(InviteServer::start(timing, reliable, now)),
            _ => ServerMachine::Plain(PlainServer::start(timing, reliable, now)),
        };
        let key = ServerKey(self.next_key());
        let to_tag = request.headers.to().ok().and_then(|to| to.tag().map(str::to_owned));
        let tag = to_tag.unwrap_or_else(|| self.tokens.tag());
        self.by_request.insert(ids.request.clone(), key);
        if let Some(id) = &ids.merge {
            self.by_merge.insert(id.clone(), key);
        }
        let answers = answer_flow(flow, &request);
        let server = Server {
            machine,
            flow,
            answers,
            request: Some(request),
            tag: tag.clone(),
            last: None,
            id: ids.request,
            merge_id: ids.merge,
            ack_id: None,
            armed: None,
        };
        self.servers.insert(key, server);
        self.settle_server(key);
        (key, tag)
    }

    /// A final answer goes out: after a challenge the same request may come again (some clients do
    /// not count CSeq up), and the ACK to a 2xx is expected.
    fn finish_answer(&mut self, key: ServerKey, response: &Response) {
        let Some(server) = self.servers.get_mut(&key) else {
            return;
        };
        let challenge = matches!(response.status, 401 | 407);
        if let Some(id) = server.merge_id.take_if(|_| challenge) {
            self.by_merge.remove(&id);
        }
        let request = server.request.take();
        let accepted = response.is_success() && matches!(server.machine, ServerMachine::Invite(_));
        if let Some(invite) = request.filter(|_| accepted) {
            let id = ack_id(&invite, &server.tag);
            self.by_ack.insert(id.clone(), key);
            server.ack_id = Some(id);
        }
    }

    fn server_timeout(&mut self, key: ServerKey, now: Millis) {
        let Some(server) = self.servers.get_mut(&key) else {
            return;
        };
        let due = match &mut server.machine {
            ServerMachine::Invite(machine) => machine.on_timeout(now),
            ServerMachine::Plain(machine) => {
                machine.on_timeout(now);
                Due::Nothing
            }
        };
        let (answers, last) = (server.answers, server.last.clone());
        match (due, &server.request) {
            (Due::Trying, Some(request)) => {
                let bytes = Response::to(request, 100, "").encode();
                server.last = Some(bytes.clone());
                self.send(answers, bytes);
            }
            (Due::Unanswered, Some(request)) => {
                let answer = Response::to(request, 480, "");
                // It was in Proceeding, so this is its first final answer.
                if self.respond(key, answer, now).is_ok() {
                    self.output.push_back(Output::Unanswered { key });
                }
            }
            (Due::Resend, _) => last.into_iter().for_each(|bytes| self.send(answers, bytes)),
            (Due::NoAck, _) => self.output.push_back(Output::NoAck { key }),
            // The first two only come before the final answer, when the request is there.
            (Due::Nothing | Due::Trying | Due::Unanswered, _) => {}
        }
        self.settle_server(key);
    }

    /// Sets the timer of a server transaction anew, or takes it out if it is over.
    fn settle_server(&mut self, key: ServerKey) {
        let Some(server) = self.servers.get_mut(&key) else {
            return;
        };
        let (over, next) = match &server.machine {
            ServerMachine::Invite(m) => (m.state == InviteServerState::Terminated, m.next_timeout()),
            ServerMachine::Plain(m) => (m.state == PlainServerState::Terminated, m.next_timeout()),
        };
        if over {
            self.drop_server(key);
        } else {
            rearm(&mut self.timers, Key::Server(key), &mut server.armed, next);
        }
    }

    fn drop_server(&mut self, key: ServerKey) -> Option<Server> {
        let mut server = self.servers.remove(&key)?;
        rearm(&mut self.timers, Key::Server(key), &mut server.armed, None);
        self.by_request.remove(&server.id);
        server.merge_id.take().map(|id| self.by_merge.remove(&id));
        server.ack_id.take().map(|id| self.by_ack.remove(&id));
        Some(server)
    }

    /// Answers and forgets. The tag follows from the request, so repetitions get the same.
    fn answer_without_state(&mut self, flow: Flow, mut request: Request, status: u16, reason: &str) {
        // Without any Via there is nobody to answer.
        if request.method == Method::Ack || !request.headers.has(Name::Via) {
            return;
        }
        let _ = request.stamp_source(flow.remote);
        let text = |name| request.headers.get(name).unwrap_or_default().into_owned();
        let parts = [text(Name::Via), text(Name::From), text(Name::CallId), text(Name::CSeq)];
        let mut response = Response::to(&request, status, reason);
        response.set_to_tag(&self.tokens.derived(&parts.each_ref().map(String::as_str)));
        self.send(answer_flow(flow, &request), response.encode());
    }
}

/// Requests that we sent.
impl Endpoint {
    fn handle_response(&mut self, flow: Flow, response: Response, now: Millis) {
        // Ours carry exactly one Via (RFC 3261 §8.1.3.3).
        let Ok(vias) = response.headers.vias() else {
            return;
        };
        let ([via], Ok(cseq)) = (vias.as_slice(), response.headers.cseq()) else {
            return;
        };
        let id = branch_id(via.branch().unwrap_or_default(), &cseq.method);
        let Some(key) = self.by_branch.get(&id).copied() else {
            if response.is_success()
                && cseq.method == Method::Invite
                && response.headers.to().is_ok_and(|to| to.tag().is_some())
            {
                self.output.push_back(Output::Stray { response, flow });
            }
            return;
        };
        let Some(client) = self.clients.get_mut(&key) else {
            return;
        };
        let step = match &mut client.machine {
            ClientMachine::Invite(machine) => machine.on_response(response.status, now),
            ClientMachine::Plain(machine) => machine.on_response(response.status, now),
        };
        match step {
            Step::Ack => self.ack_refusal(key, &response),
            Step::DeliverAndAck => {
                self.ack_refusal(key, &response);
                self.deliver(key, flow, response);
            }
            Step::Deliver if response.is_success() => self.deliver_success(key, flow, response),
            Step::Deliver => self.deliver(key, flow, response),
            Step::Absorb | Step::Resend | Step::Expire => {}
        }
        self.send_wanted_cancel(key, now);
        self.settle_client(key);
    }

    /// A 2xx: new To tags go to the user, known ones are acknowledged again.
    fn deliver_success(&mut self, key: ClientKey, flow: Flow, response: Response) {
        let Some(client) = self.clients.get_mut(&key) else {
            return;
        };
        if matches!(client.machine, ClientMachine::Invite(_)) {
            let tag = response.headers.to().ok().and_then(|to| to.tag().map(str::to_owned));
            let tag = tag.unwrap_or_default();
            if let Some((_, ack)) = client.forks.iter().find(|(fork, _)| *fork == tag) {
                if let Some((flow, bytes)) = ack.clone() {
                    self.send(flow, bytes);
                }
                return;
            }
            if client.forks.len() == limits::FORKS {
                return;
            }
            client.forks.push((tag, None));
        }
        self.deliver(key, flow, response);
    }

    fn deliver(&mut self, key: ClientKey, flow: Flow, response: Response) {
        if self.clients.get(&key).is_some_and(|client| client.heard) {
            self.output.push_back(Output::Response { key, response, flow });
        }
    }

    /// ACK for a final answer that is no 2xx: part of the INVITE's transaction (§17.1.1.3).
    fn ack_refusal(&mut self, key: ClientKey, response: &Response) {
        let Some(client) = self.clients.get(&key) else {
            return;
        };
        let mut ack = in_transaction(&client.request, Method::Ack);
        ack.headers.remove(Name::To);
        ack.headers.copy(&response.headers, Name::To);
        let (flow, bytes) = (client.flow, ack.encode());
        self.send(flow, bytes);
    }

    fn send_wanted_cancel(&mut self, key: ClientKey, now: Millis) {
        let Some(client) = self.clients.get_mut(&key) else {
            return;
        };
        let (ClientMachine::Invite(machine), Cancel::Wanted(reason)) = (&mut client.machine, &client.cancel) else {
            return;
        };
        if machine.state != InviteClientState::Proceeding {
            return;
        }
        machine.on_cancel(now);
        let mut cancel = in_transaction(&client.request, Method::Cancel);
        if let Some(reason) = reason {
            cancel.headers.push(Name::Reason, reason);
        }
        client.cancel = Cancel::Sent;
        let flow = client.flow;
        let branch = cancel.headers.via().ok().and_then(|via| via.branch().map(str::to_owned));
        self.start_client(flow, cancel, &branch.unwrap_or_default(), false, now);
        self.settle_client(key);
    }

    /// Puts our Via on top; returns its branch.
    fn add_via(&mut self, flow: Flow, request: &mut Request) -> String {
        let branch = self.tokens.branch();
        let advertised = self.config.sent_by.get(&flow.local.ip()).cloned();
        let sent_by = advertised.unwrap_or_else(|| flow.local.to_string());
        let via = format!("SIP/2.0/{} {sent_by};branch={branch};rport", flow.transport);
        request.headers.push_front(Name::Via, via);
        if !request.headers.has(Name::MaxForwards) {
            request.headers.push(Name::MaxForwards, 70);
        }
        branch
    }

    fn start_client(&mut self, flow: Flow, request: Request, branch: &str, heard: bool, now: Millis) -> ClientKey {
        let (timing, reliable) = (self.config.timing, flow.transport.is_reliable());
        let machine = match request.method {
            Method::Invite => ClientMachine::Invite(InviteClient::start(timing, reliable, now)),
            _ => ClientMachine::Plain(PlainClient::start(timing, reliable, now)),
        };
        let key = ClientKey(self.next_key());
        let (id, wire) = (branch_id(branch, &request.method), request.encode());
        self.by_branch.insert(id.clone(), key);
        let (cancel, forks) = (Cancel::No, Vec::new());
        let client = Client { machine, flow, request, wire: wire.clone(), id, heard, cancel, forks, armed: None };
        self.clients.insert(key, client);
        self.send(flow, wire);
        self.settle_client(key);
        key
    }

    fn client_timeout(&mut self, key: ClientKey, now: Millis) {
        let Some(client) = self.clients.get_mut(&key) else {
            return;
        };
        let step = match &mut client.machine {
            ClientMachine::Invite(machine) => machine.on_timeout(now),
            ClientMachine::Plain(machine) => machine.on_timeout(now),
        };
        let (flow, bytes, heard) = (client.flow, client.wire.clone(), client.heard);
        match step {
            Step::Resend => self.send(flow, bytes),
            Step::Expire if heard => self.output.push_back(Output::Timeout { key }),
            _ => {}
        }
        self.settle_client(key);
    }

    fn settle_client(&mut self, key: ClientKey) {
        let Some(client) = self.clients.get_mut(&key) else {
            return;
        };
        let (over, next) = match &client.machine {
            ClientMachine::Invite(m) => (m.state == InviteClientState::Terminated, m.next_timeout()),
            ClientMachine::Plain(m) => (m.state == PlainClientState::Terminated, m.next_timeout()),
        };
        if over {
            self.drop_client(key);
        } else {
            rearm(&mut self.timers, Key::Client(key), &mut client.armed, next);
        }
    }

    fn drop_client(&mut self, key: ClientKey) -> Option<Client> {
        let mut client = self.clients.remove(&key)?;
        rearm(&mut self.timers, Key::Client(key), &mut client.armed, None);
        self.by_branch.remove(&client.id);
        Some(client)
    }
}

impl Endpoint {
    fn send(&mut self, flow: Flow, bytes: Bytes) {
        self.output.push_back(Output::Send { flow, bytes });
    }

    fn next_key(&mut self) -> u64 {
        self.last_key += 1;
        self.last_key
    }
}

impl Client {
    fn is_waiting(&self) -> bool {
        match &self.machine {
            ClientMachine::Invite(machine) => machine.is_waiting(),
            ClientMachine::Plain(machine) => machine.is_waiting(),
        }
    }
}

/// By what a request is matched.
struct Ids {
    /// Its own transaction; for an ACK, that of its INVITE.
    request: String,
    /// The INVITE that it would cancel or acknowledge.
    invite: String,
    /// Equal for copies of one request that came by different ways; only outside dialogs.
    merge: Option<String>,
    /// The accepted INVITE that an ACK is for.
    ack: String,
}

impl Ids {
    fn of(request: &Request) -> Option<Self> {
        let h = &request.headers;
        let (via, from, to, call_id, cseq) =
            (h.via().ok()?, h.from().ok()?, h.to().ok()?, h.call_id().ok()?, h.cseq().ok()?);
        let of_method = |method: &Method| {
            if via.has_magic_cookie() {
                return format!("{}\n{}\n{method}", via.branch().unwrap_or_default(), via.sent_by());
            }
            // RFC 2543 (§17.2.3): what stays the same in a request's repetitions and its ACK.
            let (uri, from) = (request.target_text(), from.tag().unwrap_or_default());
            format!("{uri}\n{from}\n{call_id}\n{}\n{via}\n{method}", cseq.number)
        };
        let invite = of_method(&Method::Invite);
        let own = if request.method == Method::Ack { invite.clone() } else { of_method(&request.method) };
        let from_tag = from.tag().unwrap_or_default();
        let merge =
            (to.tag().is_none() && request.method != Method::Cancel).then(|| format!("{call_id}\n{from_tag}\n{cseq}"));
        let ack = format!("{call_id}\n{from_tag}\n{}\n{}", to.tag().unwrap_or_default(), cseq.number);
        Some(Self { request: own, invite, merge, ack })
    }
}

/// What the ACK for our 2xx to this INVITE will be matched by; see [`Ids::ack`].
fn ack_id(invite: &Request, tag: &str) -> String {
    let h = &invite.headers;
    let from = h.from().ok().and_then(|from: NameAddr| from.tag().map(str::to_owned)).unwrap_or_default();
    let number = h.cseq().map(|cseq| cseq.number).unwrap_or_default();
    format!("{}\n{from}\n{tag}\n{number}", h.call_id().unwrap_or_default())
}

fn branch_id(branch: &str, method: &Method) -> String {
    format!("{branch}\n{method}")
}

/// CANCEL, or ACK to a refusal: the INVITE's target, Via, routes and identity (§9.1, §17.1.1.3).
fn in_transaction(invite: &Request, method: Method) -> Request {
    let mut request = invite.clone();
    request.body = Bytes::new();
    request.headers = Default::default();
    for name in [Name::Via, Name::Route, Name::From, Name::To, Name::CallId] {
        request.headers.copy(&invite.headers, name);
    }
    let number = invite.headers.cseq().map(|cseq| cseq.number).unwrap_or_default();
    request.headers.push(Name::CSeq, format!("{number} {method}"));
    request.headers.push(Name::MaxForwards, 70);
    request.method = method;
    request
}

/// Where the answer to a request goes: on a stream its connection, on UDP the Via's say.
fn answer_flow(flow: Flow, request: &Request) -> Flow {
    match request.headers.via() {
        Ok(via) if flow.transport == Transport::Udp => flow.to(Via::answer_address(&via, flow.remote)),
        _ => flow,
    }
}

fn rearm(timers: &mut BTreeSet<(Millis, Key)>, key: Key, armed: &mut Option<Millis>, next: Option<Millis>) {
    if *armed == next {
        return;
    }
    if let Some(at) = armed.take() {
        timers.remove(&(at, key));
    }
    if let Some(at) = next {
        timers.insert((at, key));
    }
    *armed = next;
}

#[cfg(test)]
impl Endpoint {
    pub(super) fn put_back(&mut self, output: Output) {
        self.output.push_front(output);
    }

    pub(super) fn tables_are_empty(&self) -> bool {
        self.by_request.is_empty() && self.by_merge.is_empty() && self.by_ack.is_empty() && self.by_branch.is_empty()
    }
}
