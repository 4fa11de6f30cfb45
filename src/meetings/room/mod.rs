//! One room as a pure machine: who is in it, what each publishes and gets. Its language is LiveKit's: requests come in
//! as the protocol's messages, answers go out as such. Beside them go orders to the SFU and reports for the log.
//!
//! Must not know: sockets, clocks, how messages are written on the wire, meetings, the log.

mod data;
mod participant;
mod requests;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, HashMap};
use std::time::{Duration, Instant};

use bytes::Bytes;
use liandong_media::sfu::{
    Answer, Channel, Offer, PeerId, Role, Settings, SfuEvent, Shape, SubscriptionSpec, TrackId, TrackSpec,
};
use livekit_protocol as proto;
use proto::DisconnectReason;
use proto::participant_info::State;
use proto::signal_response::Message;

use self::data::{Parcel, Sender};
use self::participant::{Participant, Published};

pub use proto::signal_request::Message as Request;

/// How long a participant whose socket is gone is kept: browsers wait two seconds and more between attempts.
const AWAY: Duration = Duration::from_secs(30);
/// How long a room stays when everybody has left; then its meeting is over.
const EMPTY: Duration = Duration::from_secs(600);
/// Fewer layers are asked of a publisher only when they have been enough for so long.
const LOWER_AFTER: Duration = Duration::from_secs(5);
/// Participants of one room: what one machine forwards.
pub const PARTICIPANTS_MAX: usize = 500;
/// Leavers kept for who is away.
const MISSED_MAX: usize = PARTICIPANTS_MAX;

/// What goes in.
#[derive(Debug)]
pub enum Input {
    /// A client joins; its token has been verified.
    Join(PeerId, Box<Join>),
    /// A client takes up its session again on another socket.
    Resume(PeerId, Box<Resume>),
    /// A client says something.
    Request(PeerId, Box<Request>),
    /// A socket is gone.
    SocketLost(PeerId, u64),
    /// The SFU answered [`MediaOp::Answer`]; `None` if it could not.
    Answered(PeerId, u32, Option<Answer>),
    /// The SFU made an offer.
    Offered(PeerId, Offer),
    /// The SFU reports.
    Media(SfuEvent),
    /// Puts somebody out.
    Remove(PeerId),
    /// Mutes somebody's track.
    Mute(TrackId, bool),
    /// Ends the room.
    Close,
    /// Time has passed.
    Tick,
}

/// Who joins and how.
#[derive(Debug, Default)]
pub struct Join {
    /// Identity, unique in the room.
    pub identity: String,
    /// Name shown.
    pub name: String,
    /// Free text.
    pub metadata: String,
    /// Free pairs.
    pub attributes: HashMap<String, String>,
    /// Protocol number of his kind.
    pub kind: i32,
    /// What he may do.
    pub permission: proto::ParticipantPermission,
    /// One connection or two.
    pub dual: bool,
    /// Number of the socket that serves him.
    pub socket: u64,
    /// His client.
    pub client: proto::ClientInfo,
    /// Whether he gets everything without asking.
    pub auto_subscribe: bool,
    /// Tracks announced with the join.
    pub add_tracks: Vec<proto::AddTrackRequest>,
    /// The offer that came with the join.
    pub offer: Option<proto::SessionDescription>,
}

/// A session taken up again.
#[derive(Debug, Default)]
pub struct Resume {
    /// Number of the new socket.
    pub socket: u64,
    /// What the client knows, if it came along.
    pub sync: Option<proto::SyncState>,
}

/// What comes out, to be carried out in order.
#[derive(Debug)]
pub enum Output {
    /// To a participant's socket.
    Send(PeerId, Box<Message>),
    /// Close a participant's socket behind what was sent.
    Hang(PeerId),
    /// For the SFU.
    Media(MediaOp),
    /// For the log.
    Fact(super::Happening),
}

/// Orders to the SFU.
#[derive(Debug, PartialEq)]
pub enum MediaOp {
    /// Admit.
    Add(PeerId, Shape),
    /// Put out.
    Remove(PeerId),
    /// Answer an offer with this id; the answer comes back as [`Input::Answered`].
    Answer(PeerId, u32, String),
    /// Make an offer; it comes back as [`Input::Offered`].
    Offer(PeerId),
    /// Make an offer with new ICE credentials.
    Restart(PeerId),
    /// Take an answer.
    TakeAnswer(PeerId, String),
    /// A track is announced.
    Publish(PeerId, TrackSpec),
    /// A track has ended.
    Unpublish(TrackId),
    /// A track is forwarded or not.
    Mute(TrackId, bool),
    /// Somebody gets a track.
    Subscribe(PeerId, TrackId, SubscriptionSpec),
    /// He no longer does.
    Unsubscribe(PeerId, TrackId),
    /// How he wants it.
    Settings(PeerId, TrackId, Settings),
    /// A message.
    Data(PeerId, Channel, Bytes),
}

/// A room.
pub struct Room {
    number: u32,
    sid: String,
    name: String,
    created_at: i64,
    participants: BTreeMap<PeerId, Participant>,
    next: u32,
    empty_since: Option<Instant>,
    over: bool,
    out: Vec<Output>,
}

impl Room {
    /// An empty room. `number` is part of its peers' and tracks' numbers, which are then unique on the SFU; `salt` makes
    /// the names of its sessions unlike those of other rooms and days.
    pub fn new(number: u32, name: &str, salt: &str, created_at: i64, now: Instant) -> Self {
        Self {
            number,
            sid: format!("RM_{salt}"),
            name: name.to_owned(),
            created_at,
            participants: BTreeMap::new(),
            next: 1,
            empty_since: Some(now),
            over: false,
            out: Vec::new(),
        }
    }

    /// The room's number inside one of its peers' or tracks' numbers.
    pub fn number_in(id: u64) -> u32 {
        u32::try_from(id >> 32).unwrap_or(u32::MAX)
    }

    /// A number for somebody about to join.
    pub fn next_peer(&mut self) -> PeerId {
        PeerId(self.number())
    }

    fn number(&mut self) -> u64 {
        let id = u64::from(self.number) << 32 | u64::from(self.next);
        self.next += 1;
        id
    }

    /// Takes something in; `unix_ms` is the wall clock, for what clients show.
    pub fn handle(&mut self, input: Input, now: Instant, unix_ms: i64) -> Vec<Output> {
        match input {
            Input::Join(peer, join) => self.join(peer, *join, unix_ms),
            Input::Resume(peer, resume) => self.resume(peer, *resume, now),
            Input::Request(peer, request) => self.request(peer, *request, now),
            Input::SocketLost(peer, socket) => self.socket_lost(peer, socket, now),
            Input::Answered(peer, id, answer) => self.answered(peer, id, answer, now),
            Input::Offered(peer, offer) => self.offered(peer, offer),
            Input::Media(event) => self.media(event, now),
            Input::Remove(peer) => self.put_out(peer, DisconnectReason::ParticipantRemoved, "removed", now),
            Input::Mute(track, muted) => self.force_mute(track, muted),
            Input::Close => self.close(now),
            Input::Tick => self.tick(now),
        }
        if !self.participants.is_empty() {
            self.empty_since = None;
        }
        std::mem::take(&mut self.out)
    }

    /// When [`Input::Tick`] is next needed.
    pub fn poll_timeout(&self) -> Option<Instant> {
        let away = self.participants.values().filter_map(|p| p.away_until);
        let lower = self.participants.values().flat_map(|p| &p.tracks).filter_map(|t| Some(t.lower?.1));
        let empty = self.empty_since.map(|since| since + EMPTY);
        away.chain(lower).chain(empty).min()
    }

    /// Whether it may be forgotten.
    pub fn is_over(&self) -> bool {
        self.over
    }

    // ---- what is asked from outside ----

    /// As the protocol shows the room.
    pub fn info(&self) -> proto::Room {
        let count = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        let publishes = |p: &&Participant| p.tracks.iter().any(|t| t.announced);
        proto::Room {
            sid: self.sid.clone(),
            name: self.name.clone(),
            empty_timeout: u32::try_from(EMPTY.as_secs()).unwrap_or(0),
            departure_timeout: u32::try_from(AWAY.as_secs()).unwrap_or(0),
            max_participants: count(PARTICIPANTS_MAX),
            creation_time: self.created_at / 1_000,
            creation_time_ms: self.created_at,
            enabled_codecs: codecs(),
            num_participants: count(self.participants.values().filter(|p| !p.permission.hidden).count()),
            num_publishers: count(self.participants.values().filter(publishes).count()),
            ..proto::Room::default()
        }
    }

    /// Everybody, the hidden too.
    pub fn participants(&self) -> Vec<proto::ParticipantInfo> {
        self.participants.values().map(Participant::info).collect()
    }

    /// Whether nobody more fits in.
    pub fn is_full(&self) -> bool {
        self.participants.len() >= PARTICIPANTS_MAX
    }

    /// Who has this identity.
    pub fn by_identity(&self, identity: &str) -> Option<(PeerId, proto::ParticipantInfo)> {
        self.participants.values().find(|p| p.identity == identity).map(|p| (p.peer, p.info()))
    }

    /// A track by its sid.
    pub fn track(&self, identity: &str, sid: &str) -> Option<(TrackId, proto::TrackInfo)> {
        let participant = self.participants.values().find(|p| p.identity == identity)?;
        participant.track(sid).map(|t| (t.id, t.info.clone()))
    }

    // ---- coming and going ----

    fn join(&mut self, peer: PeerId, join: Join, unix_ms: i64) {
        let twin = self.participants.values().find(|p| p.identity == join.identity).map(|p| p.peer);
        if let Some(twin) = twin {
            self.leave_word(twin, DisconnectReason::DuplicateIdentity, proto::leave_request::Action::Disconnect);
            self.remove(twin, DisconnectReason::DuplicateIdentity, "replaced");
        }
        let shape = if join.dual { Shape::Dual } else { Shape::Single };
        let sid = format!("PA_{}{:x}", &self.sid[3..], peer.0 & u64::from(u32::MAX));
        let participant = Participant {
            peer,
            sid,
            identity: join.identity,
            name: join.name,
            metadata: join.metadata,
            attributes: join.attributes,
            kind: join.kind,
            permission: join.permission,
            client: join.client,
            shape,
            state: State::Joined,
            version: 1,
            joined_at: unix_ms,
            socket: Some(join.socket),
            away_until: None,
            missed: Vec::new(),
            auto_subscribe: join.auto_subscribe,
            choices: BTreeMap::new(),
            settings: BTreeMap::new(),
            subscribed: Default::default(),
            audience: None,
            tracks: Vec::new(),
            offers: 0,
        };
        self.participants.insert(peer, participant);
        self.out.push(Output::Media(MediaOp::Add(peer, shape)));
        self.send(peer, Message::Join(self.join_response(peer)));
        self.broadcast(peer, false);
        for request in join.add_tracks {
            self.add_track(peer, &request);
        }
        self.reconcile_subscriber(peer);
        if let Some(offer) = join.offer {
            self.out.push(Output::Media(MediaOp::Answer(peer, offer.id, offer.sdp)));
        }
        if shape == Shape::Dual {
            self.out.push(Output::Media(MediaOp::Offer(peer)));
        }
    }

    fn join_response(&self, peer: PeerId) -> proto::JoinResponse {
        let me = self.participants.get(&peer);
        let dual = me.is_some_and(|p| p.shape == Shape::Dual);
        let others = self.participants.values().filter(|p| p.peer != peer && !p.permission.hidden);
        proto::JoinResponse {
            room: Some(self.info()),
            participant: me.map(Participant::info),
            other_participants: others.map(Participant::info).collect(),
            server_version: env!("CARGO_PKG_VERSION").into(),
            subscriber_primary: dual && me.is_some_and(|p| p.permission.can_subscribe),
            ping_interval: PING_INTERVAL,
            ping_timeout: PING_TIMEOUT,
            server_info: Some(server_info()),
            enabled_publish_codecs: codecs(),
            fast_publish: me.is_some_and(|p| p.permission.can_publish),
            ..proto::JoinResponse::default()
        }
    }

    fn resume(&mut self, peer: PeerId, resume: Resume, now: Instant) {
        let Some(participant) = self.participants.get_mut(&peer) else { return };
        participant.socket = Some(resume.socket);
        participant.away_until = None;
        let missed = std::mem::take(&mut participant.missed);
        let dual = participant.shape == Shape::Dual;
        let others = self.participants.values().filter(|p| p.peer == peer || !p.permission.hidden);
        let participants: Vec<_> = others.map(Participant::info).chain(missed).collect();
        let reconnect = proto::ReconnectResponse { server_info: Some(server_info()), ..Default::default() };
        self.send(peer, Message::Reconnect(reconnect));
        self.send(peer, Message::Update(proto::ParticipantUpdate { participants }));
        self.send(peer, Message::RoomUpdate(proto::RoomUpdate { room: Some(self.info()) }));
        self.tell_speakers(peer);
        if let Some(sync) = resume.sync {
            self.request(peer, Request::SyncState(sync), now);
        }
        if dual && self.participants.contains_key(&peer) {
            self.out.push(Output::Media(MediaOp::Restart(peer)));
        }
    }

    fn socket_lost(&mut self, peer: PeerId, socket: u64, now: Instant) {
        let Some(participant) = self.participants.get_mut(&peer) else { return };
        if participant.socket == Some(socket) {
            participant.socket = None;
            participant.away_until = Some(now + AWAY);
        }
    }

    /// Puts somebody out with a last word.
    fn put_out(&mut self, peer: PeerId, reason: DisconnectReason, word: &'static str, now: Instant) {
        self.leave_word(peer, reason, proto::leave_request::Action::Disconnect);
        self.remove(peer, reason, word);
        self.note_empty(now);
    }

    /// He is no longer there.
    fn remove(&mut self, peer: PeerId, reason: DisconnectReason, word: &'static str) {
        let Some(mut gone) = self.participants.remove(&peer) else { return };
        self.out.push(Output::Media(MediaOp::Remove(peer)));
        self.out.push(Output::Hang(peer));
        if gone.state == State::Active {
            self.out.push(Output::Fact(super::Happening::Left { sid: gone.sid.clone(), reason: word }));
        }
        for other in self.participants.values_mut() {
            for track in &gone.tracks {
                other.forget(track.id);
            }
        }
        gone.state = State::Disconnected;
        gone.version += 1;
        if gone.permission.hidden {
            return;
        }
        let info = proto::ParticipantInfo { disconnect_reason: reason.into(), tracks: Vec::new(), ..gone.info() };
        for other in self.participants.values_mut().filter(|p| p.socket.is_none() && p.missed.len() < MISSED_MAX) {
            other.missed.push(info.clone());
        }
        self.send_all(None, &Message::Update(proto::ParticipantUpdate { participants: vec![info] }));
    }

    fn note_empty(&mut self, now: Instant) {
        if self.participants.is_empty() {
            self.empty_since.get_or_insert(now);
        }
    }

    fn close(&mut self, now: Instant) {
        let peers: Vec<PeerId> = self.participants.keys().copied().collect();
        for peer in peers {
            self.put_out(peer, DisconnectReason::RoomDeleted, "ended", now);
        }
        self.over = true;
    }

    fn tick(&mut self, now: Instant) {
        let gone = self.participants.values().filter(|p| p.away_until.is_some_and(|at| at <= now));
        let gone: Vec<PeerId> = gone.map(|p| p.peer).collect();
        for peer in gone {
            self.remove(peer, DisconnectReason::SignalClose, "lost");
        }
        self.note_empty(now);
        let mut lower = Vec::new();
        for participant in self.participants.values_mut() {
            for track in &mut participant.tracks {
                if let Some((steps, _)) = track.lower.take_if(|(_, at)| *at <= now) {
                    track.told = Some(steps);
                    lower.push((participant.peer, track.quality_update(steps)));
                }
            }
        }
        lower.into_iter().for_each(|(peer, update)| self.send(peer, Message::SubscribedQualityUpdate(update)));
        if !self.over && self.empty_since.is_some_and(|since| since + EMPTY <= now) {
            self.over = true;
            self.out.push(Output::Fact(super::Happening::Emptied));
        }
    }

    // ---- descriptions ----

    fn answered(&mut self, peer: PeerId, id: u32, answer: Option<Answer>, now: Instant) {
        let Some(answer) = answer else {
            // A description that cannot be answered leaves the client nothing but to begin anew.
            self.leave_word(peer, DisconnectReason::JoinFailure, proto::leave_request::Action::Reconnect);
            self.remove(peer, DisconnectReason::JoinFailure, "lost");
            self.note_empty(now);
            return;
        };
        let mid_to_track_id = self.named(&answer.sending);
        let description = proto::SessionDescription { r#type: "answer".into(), sdp: answer.sdp, id, mid_to_track_id };
        self.send(peer, Message::Answer(description));
        for (mid, track) in answer.receiving {
            self.announce(track, &mid.to_string(), None);
        }
    }

    fn offered(&mut self, peer: PeerId, offer: Offer) {
        let mid_to_track_id = self.named(&offer.sending);
        let Some(participant) = self.participants.get_mut(&peer) else { return };
        participant.offers += 1;
        let id = participant.offers;
        let description = proto::SessionDescription { r#type: "offer".into(), sdp: offer.sdp, id, mid_to_track_id };
        self.send(peer, Message::Offer(description));
    }

    fn named(&self, sending: &[(impl ToString, TrackId)]) -> HashMap<String, String> {
        let sid = |track: TrackId| self.find(track).map(|(_, t)| t.info.sid.clone());
        sending.iter().filter_map(|(mid, track)| Some((mid.to_string(), sid(*track)?))).collect()
    }

    // ---- the SFU's reports ----

    fn media(&mut self, event: SfuEvent, now: Instant) {
        match event {
            SfuEvent::Connected { peer, role } => self.connected(peer, role),
            SfuEvent::Disconnected { peer, role } => self.disconnected(peer, role, now),
            SfuEvent::TrackArrived { track, mid, mime, .. } => self.announce(track, &mid.to_string(), Some(&mime)),
            SfuEvent::TrackStopped { track, .. } => self.unpublish(track),
            SfuEvent::Unsupported { peer, track } => self.unsupported(peer, track),
            SfuEvent::LayersWanted { track, highest, .. } => self.layers_wanted(track, highest, now),
            SfuEvent::NeedsOffer { peer, audio, video } => self.needs_offer(peer, audio, video),
            SfuEvent::Data { peer, channel, bytes } => self.forward(peer, channel, &bytes),
            SfuEvent::Speaker { peer, track, loudness } => self.speaker(peer, track, loudness.level, loudness.active),
            SfuEvent::Interrupted { .. } | SfuEvent::ChannelOpen { .. } => {}
        }
    }

    fn connected(&mut self, peer: PeerId, role: Role) {
        let Some(participant) = self.participants.get_mut(&peer) else { return };
        let by_subscriber = participant.shape == Shape::Dual && participant.permission.can_subscribe;
        let primary = if by_subscriber { Role::Subscriber } else { Role::Publisher };
        if role != primary || participant.state == State::Active {
            return;
        }
        participant.state = State::Active;
        let (sid, identity, name) = (participant.sid.clone(), participant.identity.clone(), participant.shown_name());
        self.broadcast(peer, true);
        self.out.push(Output::Fact(super::Happening::Joined { sid, identity, name }));
        self.tell_speakers(peer);
    }

    /// Who speaks now of those whom he gets. Clients that are still joining would not know whom it is about.
    fn tell_speakers(&mut self, peer: PeerId) {
        let Some(subscribed) = self.participants.get(&peer).map(|p| p.subscribed.clone()) else { return };
        let heard = |t: &&Published| t.level > 0.0 && subscribed.contains(&t.id);
        let others = self.participants.values();
        let words: Vec<Message> =
            others.flat_map(|p| p.tracks.iter().filter(heard).map(|t| speaks(&p.sid, t.level, true))).collect();
        words.into_iter().for_each(|word| self.send(peer, word));
    }

    fn disconnected(&mut self, peer: PeerId, role: Role, now: Instant) {
        let Some(participant) = self.participants.get(&peer) else { return };
        if participant.shape == Shape::Dual && role == Role::Publisher && participant.tracks.is_empty() {
            return;
        }
        self.leave_word(peer, DisconnectReason::ConnectionTimeout, proto::leave_request::Action::Reconnect);
        self.remove(peer, DisconnectReason::ConnectionTimeout, "lost");
        self.note_empty(now);
    }

    fn needs_offer(&mut self, peer: PeerId, audio: u32, video: u32) {
        let Some(participant) = self.participants.get(&peer) else { return };
        match participant.shape {
            Shape::Dual => self.out.push(Output::Media(MediaOp::Offer(peer))),
            Shape::Single => {
                let more = proto::MediaSectionsRequirement { num_audios: audio, num_videos: video };
                self.send(peer, Message::MediaSectionsRequirement(more));
            }
        }
    }

    /// A track's section is answered, or its media has come: the others learn of it and get it.
    fn announce(&mut self, id: TrackId, mid: &str, mime: Option<&str>) {
        let Some((peer, track)) = self.find_mut(id) else { return };
        if track.arrived(mid, mime) {
            self.broadcast(peer, false);
            self.reconcile_track(peer, id);
        }
    }

    /// A track has ended.
    fn unpublish(&mut self, id: TrackId) {
        let Some((peer, _)) = self.find(id) else { return };
        for participant in self.participants.values_mut() {
            participant.forget(id);
            participant.tracks.retain(|t| t.id != id);
        }
        self.out.push(Output::Media(MediaOp::Unpublish(id)));
        self.broadcast(peer, false);
    }

    fn unsupported(&mut self, peer: PeerId, track: TrackId) {
        let Some((_, found)) = self.find(track) else { return };
        let response = proto::SubscriptionResponse {
            track_sid: found.info.sid.clone(),
            err: proto::SubscriptionError::SeCodecUnsupported.into(),
        };
        self.send(peer, Message::SubscriptionResponse(response));
    }

    /// More layers are asked for at once, fewer only after a while: tiles are hidden and shown again.
    fn layers_wanted(&mut self, id: TrackId, highest: Option<usize>, now: Instant) {
        let steps = highest.map_or(0, |rank| rank + 1);
        let Some((peer, track)) = self.find_mut(id) else { return };
        if track.told.is_some_and(|told| steps < told) || (track.told.is_none() && steps == 0) {
            track.lower = Some((steps, now + LOWER_AFTER));
            return;
        }
        track.lower = None;
        if track.told != Some(steps) {
            track.told = Some(steps);
            let update = track.quality_update(steps);
            self.send(peer, Message::SubscribedQualityUpdate(update));
        }
    }

    fn speaker(&mut self, peer: PeerId, track: TrackId, level: f32, active: bool) {
        let Some(speaker) = self.participants.get(&peer) else { return };
        if speaker.permission.hidden {
            return;
        }
        let message = speaks(&speaker.sid, level, active);
        if let Some((_, track)) = self.find_mut(track) {
            track.level = if active { level } else { 0.0 };
        }
        let hear = self.participants.values().filter(|p| p.peer == peer || p.subscribed.contains(&track));
        let hear: Vec<PeerId> = hear.map(|p| p.peer).collect();
        hear.into_iter().for_each(|p| self.send(p, message.clone()));
    }

    #[allow(deprecated)] // `agent`: what tokens still say
    fn forward(&mut self, peer: PeerId, channel: Channel, bytes: &[u8]) {
        let Some(from) = self.participants.get(&peer).filter(|p| p.permission.can_publish_data) else { return };
        let sender = Sender {
            sid: &from.sid,
            identity: &from.identity,
            hidden: from.permission.hidden,
            agent: from.permission.agent,
        };
        let Some(parcel) = Parcel::of(&sender, channel, bytes) else { return };
        let others = self.participants.values().filter(|p| p.peer != peer && p.state == State::Active);
        for other in others.filter(|p| parcel.is_for(&p.sid, &p.identity)) {
            self.out.push(Output::Media(MediaOp::Data(other.peer, channel, parcel.bytes.clone())));
        }
    }

    fn force_mute(&mut self, id: TrackId, muted: bool) {
        let Some((peer, track)) = self.find_mut(id) else { return };
        track.info.muted = muted;
        let order = proto::MuteTrackRequest { sid: track.info.sid.clone(), muted };
        self.out.push(Output::Media(MediaOp::Mute(id, muted)));
        self.send(peer, Message::Mute(order));
        self.broadcast(peer, false);
    }

    // ---- who gets what ----

    fn reconcile_subscriber(&mut self, peer: PeerId) {
        let tracks: Vec<(PeerId, TrackId)> =
            self.participants.values().flat_map(|p| p.tracks.iter().map(|t| (p.peer, t.id))).collect();
        tracks.into_iter().for_each(|(publisher, track)| self.reconcile(peer, publisher, track));
    }

    fn reconcile_track(&mut self, publisher: PeerId, track: TrackId) {
        let peers: Vec<PeerId> = self.participants.keys().copied().collect();
        peers.into_iter().for_each(|peer| self.reconcile(peer, publisher, track));
    }

    /// Makes a subscription so as it should be.
    fn reconcile(&mut self, peer: PeerId, publisher: PeerId, id: TrackId) {
        let (Some(subscriber), Some(source)) = (self.participants.get(&peer), self.participants.get(&publisher)) else {
            return;
        };
        let Some(track) = source.tracks.iter().find(|t| t.id == id) else { return };
        match (subscriber.wants(source, track), subscriber.subscribed.contains(&id)) {
            (true, false) => {
                let spec = SubscriptionSpec {
                    stream: subscriber.stream_of(source, track),
                    name: track.info.sid.clone(),
                    settings: subscriber.settings.get(&id).copied().unwrap_or_default(),
                };
                self.out.push(Output::Media(MediaOp::Subscribe(peer, id, spec)));
                self.subscribed(peer, id);
            }
            (false, true) => {
                self.out.push(Output::Media(MediaOp::Unsubscribe(peer, id)));
                if let Some(subscriber) = self.participants.get_mut(&peer) {
                    subscriber.subscribed.remove(&id);
                }
            }
            _ => {}
        }
    }

    fn subscribed(&mut self, peer: PeerId, id: TrackId) {
        if let Some(subscriber) = self.participants.get_mut(&peer) {
            subscriber.subscribed.insert(id);
        }
        let Some((publisher, track)) = self.find_mut(id) else { return };
        let (first, level) = (!track.subscribed, track.level);
        track.subscribed = true;
        let (track_sid, speaker) = (track.info.sid.clone(), self.participants.get(&publisher).map(|p| p.sid.clone()));
        // Only changes are told while somebody speaks: who gets the track later has to hear of it now.
        let active = self.participants.get(&peer).is_some_and(|p| p.state == State::Active);
        if let Some(speaker) = speaker.filter(|_| active && level > 0.0) {
            self.send(peer, speaks(&speaker, level, true));
        }
        if first {
            self.send(publisher, Message::TrackSubscribed(proto::TrackSubscribed { track_sid }));
        }
    }

    // ---- inside ----

    fn find(&self, id: TrackId) -> Option<(PeerId, &Published)> {
        self.participants.values().find_map(|p| Some((p.peer, p.tracks.iter().find(|t| t.id == id)?)))
    }

    fn find_mut(&mut self, id: TrackId) -> Option<(PeerId, &mut Published)> {
        self.participants.values_mut().find_map(|p| Some((p.peer, p.tracks.iter_mut().find(|t| t.id == id)?)))
    }

    fn find_sid(&self, sid: &str) -> Option<(PeerId, TrackId)> {
        self.participants.values().find_map(|p| Some((p.peer, p.track(sid)?.id)))
    }

    fn leave_word(&mut self, peer: PeerId, reason: DisconnectReason, action: proto::leave_request::Action) {
        let again = action != proto::leave_request::Action::Disconnect;
        let leave =
            proto::LeaveRequest { can_reconnect: again, reason: reason.into(), action: action.into(), regions: None };
        self.send(peer, Message::Leave(leave));
    }

    /// Tells the others how somebody is now; `to_himself` too where he has not caused it.
    fn broadcast(&mut self, peer: PeerId, to_himself: bool) {
        let Some(participant) = self.participants.get_mut(&peer) else { return };
        participant.version += 1;
        let (info, hidden) = (participant.info(), participant.permission.hidden);
        let message = Message::Update(proto::ParticipantUpdate { participants: vec![info] });
        if hidden {
            if to_himself {
                self.send(peer, message);
            }
            return;
        }
        self.send_all(Some(peer).filter(|_| !to_himself), &message);
    }

    fn send_all(&mut self, but: Option<PeerId>, message: &Message) {
        let peers: Vec<PeerId> = self.participants.keys().copied().filter(|p| Some(*p) != but).collect();
        peers.into_iter().for_each(|peer| self.send(peer, message.clone()));
    }

    fn send(&mut self, peer: PeerId, message: Message) {
        if self.participants.get(&peer).is_some_and(|p| p.socket.is_some()) {
            self.out.push(Output::Send(peer, Box::new(message)));
        }
    }
}

impl Participant {
    /// A track is gone.
    fn forget(&mut self, track: TrackId) {
        self.subscribed.remove(&track);
        self.settings.remove(&track);
        self.choices.remove(&track);
    }
}

/// Seconds between a client's pings.
const PING_INTERVAL: i32 = 5;
/// Seconds without an answer after which a client gives its socket up.
const PING_TIMEOUT: i32 = 15;
/// The protocol version that we speak.
const PROTOCOL: i32 = 16;

fn speaks(sid: &str, level: f32, active: bool) -> Message {
    let info = proto::SpeakerInfo { sid: sid.to_owned(), level, active };
    Message::SpeakersChanged(proto::SpeakersChanged { speakers: vec![info] })
}

fn server_info() -> proto::ServerInfo {
    proto::ServerInfo {
        edition: proto::server_info::Edition::Standard.into(),
        version: env!("CARGO_PKG_VERSION").into(),
        protocol: PROTOCOL,
        region: String::new(),
        node_id: "liandong".into(),
        ..proto::ServerInfo::default()
    }
}

/// What may be published.
fn codecs() -> Vec<proto::Codec> {
    ["audio/opus", "video/VP8", "video/H264", "video/rtx"]
        .map(|mime| proto::Codec { mime: mime.into(), fmtp_line: String::new() })
        .into()
}
