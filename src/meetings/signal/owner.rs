//! The task that owns all rooms and speaks to the SFU, and the doors to it. One owner, one inbox: no lock anywhere.

use std::collections::{HashMap, VecDeque};
use std::net::{IpAddr, SocketAddr};
use std::time::Instant;

use liandong_media::sfu::{self, PeerId, SfuEvent, SfuHandle};
use livekit_protocol as proto;
use proto::signal_response::Message;
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;

use super::Connect;
use crate::ids::Timestamp;
use crate::meetings::Happening;
use crate::meetings::room::{Input, Join, MediaOp, Output, Request, Resume, Room};
use crate::meetings::token::{Claims, VideoGrants};

/// Commands that wait: beyond, sockets wait.
const INBOX: usize = 1_024;
/// Messages that wait for one socket; a client that takes no more is cut and comes back.
const OUTBOX: usize = 512;
/// Reports that wait for the log.
const REPORTS: usize = 4_096;
/// Rooms at a time: far beyond what one machine's network carries.
const ROOMS_MAX: usize = 1_000;

/// The door to all rooms. Cloning shares it.
#[derive(Clone)]
pub struct Rooms {
    inbox: mpsc::Sender<Command>,
}

/// Why nobody can join now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum JoinError {
    /// The room or the hub is full.
    #[error("the room is full")]
    Full,
    /// The hub stops.
    #[error("the server is stopping")]
    Stopped,
}

type Reply<T> = oneshot::Sender<T>;
/// Who joined, the number of his socket, and what is to be sent through it.
type Joined = (PeerId, u64, mpsc::Receiver<Message>);

enum Command {
    Join(Box<(Claims, Connect)>, Reply<Result<Joined, JoinError>>),
    Request(PeerId, Box<Request>),
    Lost(PeerId, u64),
    Close(String),
    List(Reply<Vec<proto::Room>>),
    Participants(String, Reply<Option<Vec<proto::ParticipantInfo>>>),
    Remove(String, String, Reply<bool>),
    Mute(Box<proto::MuteRoomTrackRequest>, Reply<Option<proto::TrackInfo>>),
}

impl Rooms {
    /// Binds the SFU to `address` and starts the owner. The reports of all rooms come back, by the room's name.
    ///
    /// # Errors
    /// Where the port cannot be had.
    pub fn start(
        address: SocketAddr,
        advertised: &[IpAddr],
        stop: CancellationToken,
    ) -> std::io::Result<(Self, mpsc::Receiver<(String, Happening)>)> {
        let (sfu, events) = sfu::start(address, advertised)?;
        let (inbox, commands) = mpsc::channel(INBOX);
        let (reports, outgoing) = mpsc::channel(REPORTS);
        let owner = Owner {
            sfu,
            reports,
            rooms: HashMap::new(),
            names: HashMap::new(),
            sockets: HashMap::new(),
            next_room: 1,
            next_socket: 1,
        };
        tokio::spawn(owner.run(commands, events, stop));
        Ok((Self { inbox }, outgoing))
    }

    /// Joins the room of the token, or takes up a session in it.
    ///
    /// # Errors
    /// [`JoinError`].
    pub async fn join(&self, claims: Claims, connect: Connect) -> Result<Session, JoinError> {
        let joined = self.ask(|reply| Command::Join(Box::new((claims, connect)), reply)).await;
        let (peer, socket, outbox) = joined.ok_or(JoinError::Stopped)??;
        Ok(Session { peer, socket, outbox, rooms: self.clone() })
    }

    /// Ends a room, if it is there.
    pub async fn close(&self, room: &str) {
        let _ = self.inbox.send(Command::Close(room.to_owned())).await;
    }

    /// All rooms.
    pub async fn list(&self) -> Vec<proto::Room> {
        self.ask(Command::List).await.unwrap_or_default()
    }

    /// Who is in a room; `None` if there is no such room.
    pub async fn participants(&self, room: &str) -> Option<Vec<proto::ParticipantInfo>> {
        self.ask(|reply| Command::Participants(room.to_owned(), reply)).await.flatten()
    }

    /// Puts somebody out; whether he was there.
    pub async fn remove(&self, room: &str, identity: &str) -> bool {
        self.ask(|reply| Command::Remove(room.to_owned(), identity.to_owned(), reply)).await.unwrap_or(false)
    }

    /// Mutes a track; `None` if it is not there.
    pub async fn mute(&self, request: proto::MuteRoomTrackRequest) -> Option<proto::TrackInfo> {
        self.ask(|reply| Command::Mute(Box::new(request), reply)).await.flatten()
    }

    async fn ask<T>(&self, command: impl FnOnce(Reply<T>) -> Command) -> Option<T> {
        let (reply, answer) = oneshot::channel();
        self.inbox.send(command(reply)).await.ok()?;
        answer.await.ok()
    }
}

/// A client's place in a room, held by the task of its socket.
pub struct Session {
    peer: PeerId,
    socket: u64,
    outbox: mpsc::Receiver<Message>,
    rooms: Rooms,
}

impl Session {
    /// The next message for the client; `None` when its socket is to be closed.
    pub async fn next(&mut self) -> Option<Message> {
        self.outbox.recv().await
    }

    /// What the client says.
    pub async fn request(&self, request: Request) {
        let _ = self.rooms.inbox.send(Command::Request(self.peer, Box::new(request))).await;
    }

    /// The socket is gone; the client may come back on another.
    pub async fn end(self) {
        let _ = self.rooms.inbox.send(Command::Lost(self.peer, self.socket)).await;
    }
}

struct Socket {
    number: u64,
    outbox: mpsc::Sender<Message>,
}

struct Owner {
    sfu: SfuHandle,
    reports: mpsc::Sender<(String, Happening)>,
    rooms: HashMap<u32, Room>,
    names: HashMap<String, u32>,
    sockets: HashMap<PeerId, Socket>,
    next_room: u32,
    next_socket: u64,
}

impl Owner {
    async fn run(
        mut self,
        mut inbox: mpsc::Receiver<Command>,
        mut events: mpsc::Receiver<SfuEvent>,
        stop: CancellationToken,
    ) {
        loop {
            let due = self.rooms.values().filter_map(Room::poll_timeout).min();
            let alarm = async {
                match due {
                    Some(at) => tokio::time::sleep_until(at.into()).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                biased;
                () = stop.cancelled() => break,
                command = inbox.recv() => match command {
                    Some(command) => self.obey(command).await,
                    None => break,
                },
                event = events.recv() => match event {
                    Some(event) => self.hear(event).await,
                    None => break,
                },
                () = alarm => self.tick().await,
            }
        }
        self.say_farewell();
    }

    /// Clients are told to come again: to this hub when it is back, or to another.
    fn say_farewell(&self) {
        let leave = proto::LeaveRequest {
            can_reconnect: true,
            reason: proto::DisconnectReason::ServerShutdown.into(),
            action: proto::leave_request::Action::Reconnect.into(),
            regions: None,
        };
        for socket in self.sockets.values() {
            let _ = socket.outbox.try_send(Message::Leave(leave.clone()));
        }
    }

    async fn obey(&mut self, command: Command) {
        match command {
            Command::Join(wish, reply) => {
                let (claims, connect) = *wish;
                let joined = self.join(claims, connect).await;
                let _ = reply.send(joined);
            }
            Command::Request(peer, request) => self.of_peer(peer, Input::Request(peer, request)).await,
            Command::Lost(peer, socket) => {
                if self.sockets.get(&peer).is_some_and(|s| s.number == socket) {
                    self.sockets.remove(&peer);
                }
                self.of_peer(peer, Input::SocketLost(peer, socket)).await;
            }
            Command::Close(name) => {
                if let Some(number) = self.names.get(&name).copied() {
                    self.feed(number, Input::Close).await;
                }
            }
            Command::List(reply) => {
                let _ = reply.send(self.rooms.values().map(Room::info).collect());
            }
            Command::Participants(name, reply) => {
                let _ = reply.send(self.named(&name).map(Room::participants));
            }
            Command::Remove(name, identity, reply) => {
                let found = self.named(&name).and_then(|r| r.by_identity(&identity));
                if let Some((peer, _)) = &found {
                    self.of_peer(*peer, Input::Remove(*peer)).await;
                }
                let _ = reply.send(found.is_some());
            }
            Command::Mute(request, reply) => {
                let found = self.named(&request.room).and_then(|r| r.track(&request.identity, &request.track_sid));
                if let (Some((track, _)), Some(number)) = (&found, self.names.get(&request.room).copied()) {
                    self.feed(number, Input::Mute(*track, request.muted)).await;
                }
                let after = self.named(&request.room).and_then(|r| r.track(&request.identity, &request.track_sid));
                let _ = reply.send(after.map(|(_, info)| info));
            }
        }
    }

    fn named(&self, name: &str) -> Option<&Room> {
        self.rooms.get(self.names.get(name)?)
    }

    async fn join(&mut self, claims: Claims, connect: Connect) -> Result<Joined, JoinError> {
        let grants = claims.video.clone().unwrap_or_default();
        let (outbox, messages) = mpsc::channel(OUTBOX);
        let number = self.next_socket;
        self.next_socket += 1;
        if connect.reconnect {
            let known = self.named(&grants.room).and_then(|r| r.by_identity(&claims.sub));
            let known = known.filter(|(_, info)| connect.sid.is_empty() || connect.sid == info.sid);
            let Some((peer, _)) = known else {
                let _ = outbox.try_send(Message::Leave(unknown_session()));
                return Ok((PeerId(0), number, messages));
            };
            self.sockets.insert(peer, Socket { number, outbox });
            self.of_peer(peer, Input::Resume(peer, Box::new(Resume { socket: number, sync: connect.sync }))).await;
            return Ok((peer, number, messages));
        }
        let room = self.room(&grants.room)?;
        let peer = room.next_peer();
        self.sockets.insert(peer, Socket { number, outbox });
        let join = joining(claims, &grants, connect, number);
        self.of_peer(peer, Input::Join(peer, Box::new(join))).await;
        Ok((peer, number, messages))
    }

    /// The room of this name, made if it is not there.
    fn room(&mut self, name: &str) -> Result<&mut Room, JoinError> {
        let number = match self.names.get(name) {
            Some(number) => *number,
            None if self.rooms.len() >= ROOMS_MAX => return Err(JoinError::Full),
            None => self.open_room(name),
        };
        self.rooms.get_mut(&number).filter(|room| !room.is_full()).ok_or(JoinError::Full)
    }

    fn open_room(&mut self, name: &str) -> u32 {
        let number = self.next_room;
        self.next_room += 1;
        // The random end of a UUIDv7, so that no two rooms' sessions are ever named alike.
        let id = uuid::Uuid::now_v7().simple().to_string();
        let salt = id.get(20..).unwrap_or_default();
        self.rooms.insert(number, Room::new(number, name, salt, Timestamp::now().0, Instant::now()));
        self.names.insert(name.to_owned(), number);
        number
    }

    async fn hear(&mut self, event: SfuEvent) {
        let peer = match &event {
            SfuEvent::Connected { peer, .. }
            | SfuEvent::Interrupted { peer, .. }
            | SfuEvent::Disconnected { peer, .. }
            | SfuEvent::TrackArrived { peer, .. }
            | SfuEvent::TrackStopped { peer, .. }
            | SfuEvent::Unsupported { peer, .. }
            | SfuEvent::LayersWanted { peer, .. }
            | SfuEvent::NeedsOffer { peer, .. }
            | SfuEvent::ChannelOpen { peer, .. }
            | SfuEvent::Data { peer, .. }
            | SfuEvent::Speaker { peer, .. } => *peer,
        };
        self.of_peer(peer, Input::Media(event)).await;
    }

    async fn tick(&mut self) {
        let now = Instant::now();
        let due = self.rooms.iter().filter(|(_, r)| r.poll_timeout().is_some_and(|at| at <= now));
        let due: Vec<u32> = due.map(|(number, _)| *number).collect();
        for number in due {
            self.feed(number, Input::Tick).await;
        }
    }

    async fn of_peer(&mut self, peer: PeerId, input: Input) {
        self.feed(Room::number_in(peer.0), input).await;
    }

    /// Gives a room its input and carries out what it says, in order.
    async fn feed(&mut self, number: u32, input: Input) {
        let Some(room) = self.rooms.get_mut(&number) else { return };
        let mut outputs = VecDeque::from(room.handle(input, Instant::now(), Timestamp::now().0));
        while let Some(output) = outputs.pop_front() {
            let Some(next) = self.carry_out(number, output).await else { continue };
            let Some(room) = self.rooms.get_mut(&number) else { return };
            outputs.extend(room.handle(next, Instant::now(), Timestamp::now().0));
        }
        self.forget_if_over(number);
    }

    fn forget_if_over(&mut self, number: u32) {
        if self.rooms.get(&number).is_some_and(Room::is_over) {
            self.rooms.remove(&number);
            self.names.retain(|_, n| *n != number);
        }
    }

    async fn carry_out(&mut self, number: u32, output: Output) -> Option<Input> {
        match output {
            Output::Send(peer, message) => self.send(peer, *message),
            Output::Hang(peer) => {
                self.sockets.remove(&peer);
                None
            }
            Output::Media(op) => self.media(op).await,
            Output::Fact(happening) => {
                let name = self.rooms.get(&number).map(|r| r.info().name).unwrap_or_default();
                if self.reports.try_send((name, happening)).is_err() {
                    tracing::error!("the log is too far behind: a presence in a meeting is lost");
                }
                None
            }
        }
    }

    /// A socket that takes no more is cut: its client comes back and is told everything anew.
    fn send(&mut self, peer: PeerId, message: Message) -> Option<Input> {
        let socket = self.sockets.get(&peer)?;
        if socket.outbox.try_send(message).is_ok() {
            return None;
        }
        let number = socket.number;
        self.sockets.remove(&peer);
        Some(Input::SocketLost(peer, number))
    }

    async fn media(&mut self, op: MediaOp) -> Option<Input> {
        let sfu = &self.sfu;
        let done = match op {
            MediaOp::Answer(peer, id, sdp) => {
                let answer = sfu.remote_offer(peer, sdp).await;
                let answer = answer.inspect_err(|error| tracing::warn!(%error, "an offer cannot be answered")).ok();
                return Some(Input::Answered(peer, id, answer));
            }
            MediaOp::Offer(peer) => match sfu.create_offer(peer).await {
                Ok(offer) => return offer.map(|offer| Input::Offered(peer, offer)),
                Err(error) => Err(error),
            },
            MediaOp::Restart(peer) => match sfu.restart_ice(peer).await {
                Ok(offer) => return offer.map(|offer| Input::Offered(peer, offer)),
                Err(error) => Err(error),
            },
            MediaOp::Add(peer, shape) => sfu.add_peer(peer, shape).await,
            MediaOp::Remove(peer) => sfu.remove_peer(peer).await,
            MediaOp::TakeAnswer(peer, sdp) => sfu.set_answer(peer, sdp).await,
            MediaOp::Publish(peer, spec) => sfu.publish(peer, spec).await,
            MediaOp::Unpublish(track) => sfu.unpublish(track).await,
            MediaOp::Mute(track, muted) => sfu.set_muted(track, muted).await,
            MediaOp::Subscribe(peer, track, spec) => sfu.subscribe(peer, track, spec).await,
            MediaOp::Unsubscribe(peer, track) => sfu.unsubscribe(peer, track).await,
            MediaOp::Settings(peer, track, settings) => sfu.set_settings(peer, track, settings).await,
            MediaOp::Data(peer, channel, bytes) => {
                // A receiver without an open channel yet, or congested: SDKs repeat what must arrive.
                let _ = sfu.send_data(peer, channel, bytes).await;
                Ok(())
            }
        };
        if let Err(error) = done {
            tracing::warn!(%error, "the SFU refused an order");
        }
        None
    }
}

fn unknown_session() -> proto::LeaveRequest {
    proto::LeaveRequest {
        can_reconnect: true,
        reason: proto::DisconnectReason::StateMismatch.into(),
        action: proto::leave_request::Action::Reconnect.into(),
        regions: None,
    }
}

fn joining(claims: Claims, grants: &VideoGrants, connect: Connect, socket: u64) -> Join {
    let mut attributes: HashMap<String, String> = claims.attributes.into_iter().collect();
    let mut metadata = claims.metadata;
    if grants.can_update_own_metadata == Some(true) {
        attributes.extend(connect.attributes);
        if !connect.metadata.is_empty() {
            metadata = connect.metadata;
        }
    }
    let kind = proto::participant_info::Kind::from_str_name(&claims.kind.to_ascii_uppercase());
    Join {
        identity: claims.sub,
        name: claims.name,
        metadata,
        attributes,
        kind: kind.unwrap_or(proto::participant_info::Kind::Standard).into(),
        permission: permission(grants),
        dual: connect.dual,
        socket,
        client: connect.client,
        auto_subscribe: connect.auto_subscribe,
        add_tracks: connect.add_tracks,
        offer: connect.offer,
    }
}

#[allow(deprecated)] // `agent`: what clients still read
fn permission(grants: &VideoGrants) -> proto::ParticipantPermission {
    let can_publish = grants.can_publish.unwrap_or(true);
    let sources = grants.can_publish_sources.iter().flatten();
    proto::ParticipantPermission {
        can_subscribe: grants.can_subscribe.unwrap_or(true),
        can_publish,
        can_publish_data: grants.can_publish_data.unwrap_or(can_publish),
        can_publish_sources: sources
            .filter_map(|s| proto::TrackSource::from_str_name(&s.to_ascii_uppercase()))
            .map(Into::into)
            .collect(),
        hidden: grants.hidden,
        can_update_metadata: grants.can_update_own_metadata.unwrap_or(false),
        agent: grants.agent,
        ..proto::ParticipantPermission::default()
    }
}
