//! The owner of all peers and tracks: takes commands, datagrams and time, gives datagrams and events.

use super::layers::{self, Settings};
use super::link::{Label, Slot};
use super::peer::{Cap, Peer, Subscription};
use super::track::{Track, TrackSpec};
use super::{
    Answer, Channel, Kind, MAX_TRACKS_PER_PEER, Offer, PeerId, Role, SfuError, SfuEvent, Shape, SubscriptionSpec,
    TrackId,
};
use crate::rtc::demux::Demux;
use crate::rtc::packet::Received;
use crate::rtc::timers::Timers;
use crate::rtc::transport::{ChannelSpec, Event, Identity};
use bytes::BytesMut;
use std::collections::{BTreeSet, HashMap, VecDeque};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// Interval at which the layers of video tracks are looked after.
const LAYER_CHECK: Duration = Duration::from_millis(500);

/// Events kept for a signalling side that does not keep up. Beyond, messages and loudness are lost (like on a
/// congested network); what changes the state of a meeting is kept in any case, for it is bounded by commands.
const MAX_EVENTS: usize = 65_536;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
enum Timer {
    Link(PeerId, Role),
    Track(TrackId),
    Layers(TrackId),
}

/// The SFU of one port.
pub struct Sfu {
    identity: Identity,
    peers: HashMap<PeerId, Peer>,
    tracks: HashMap<TrackId, Track>,
    wanted: HashMap<TrackId, Option<usize>>,
    demux: Demux<(PeerId, Role)>,
    timers: Timers<Timer>,
    dirty: BTreeSet<(PeerId, Role)>,
    outbox: VecDeque<(SocketAddr, BytesMut)>,
    events: VecDeque<SfuEvent>,
}

impl Sfu {
    /// Nobody there.
    pub fn new(identity: Identity) -> Self {
        Self {
            identity,
            peers: HashMap::new(),
            tracks: HashMap::new(),
            wanted: HashMap::new(),
            demux: Demux::new(),
            timers: Timers::new(),
            dirty: BTreeSet::new(),
            outbox: VecDeque::new(),
            events: VecDeque::new(),
        }
    }

    // ---- commands: peers ----

    /// Admits a participant.
    ///
    /// # Errors
    /// When the name is taken or the WebRTC crate refuses.
    pub fn add_peer(&mut self, peer: PeerId, shape: Shape, now: Instant) -> Result<(), SfuError> {
        if self.peers.contains_key(&peer) {
            return Err(SfuError::PeerExists(peer));
        }
        self.peers.insert(peer, Peer::new(shape, &self.identity, now)?);
        Ok(())
    }

    /// Ends a participant: what it publishes, what it gets, its connections.
    pub fn remove_peer(&mut self, id: PeerId, now: Instant) {
        for track in self.tracks_of(id) {
            self.unpublish(track, now);
        }
        let Some(mut peer) = self.peers.remove(&id) else {
            return;
        };
        for track in peer.subscriptions.keys() {
            if let Some(track) = self.tracks.get_mut(track) {
                track.subscribers.retain(|other| *other != id);
            }
        }
        for role in [Role::Publisher, Role::Subscriber] {
            if let Some(link) = peer.link(role) {
                link.transport.close();
                while let Some(datagram) = link.transport.poll_datagram() {
                    self.outbox.push_back(datagram);
                }
            }
            self.demux.remove((id, role));
            self.timers.set(Timer::Link(id, role), None);
            self.dirty.remove(&(id, role));
        }
        let tracks: Vec<TrackId> = peer.subscriptions.keys().copied().collect();
        tracks.into_iter().for_each(|track| self.retarget(track, now));
    }

    // ---- commands: negotiation ----

    /// Takes a client's offer on the connection where it makes them, and answers.
    ///
    /// # Errors
    /// See [`SfuError`].
    pub fn remote_offer(&mut self, id: PeerId, sdp: &str, now: Instant) -> Result<Answer, SfuError> {
        let peer = self.peers.get_mut(&id).ok_or(SfuError::NoPeer(id))?;
        peer.publishing().take_offer(sdp, now)?;
        if peer.shape == Shape::Single {
            peer.asked = None;
            peer.assign()?;
        }
        let sdp = peer.publishing().answer()?;
        let unmatched = self.bind_inlets(id);
        self.after_description(id, Role::Publisher, now);
        let peer = self.peers.get_mut(&id).ok_or(SfuError::NoPeer(id))?;
        let sending = if peer.shape == Shape::Single { peer.sending().announced() } else { Vec::new() };
        let receiving = peer.mids.iter().map(|(mid, track)| (mid.clone(), *track)).collect();
        Ok(Answer { sdp, sending, receiving, unmatched })
    }

    /// Our offer on the subscriber connection ([`Shape::Dual`]); `None` while one is under way, in which case
    /// another [`SfuEvent::NeedsOffer`] follows its answer.
    ///
    /// # Errors
    /// See [`SfuError`].
    pub fn create_offer(&mut self, id: PeerId, now: Instant) -> Result<Option<Offer>, SfuError> {
        self.our_offer(id, now, false)
    }

    /// Our offer with new ICE credentials, after the client's network changed ([`Shape::Dual`]).
    ///
    /// # Errors
    /// See [`SfuError`].
    pub fn restart_ice(&mut self, id: PeerId, now: Instant) -> Result<Option<Offer>, SfuError> {
        self.our_offer(id, now, true)
    }

    fn our_offer(&mut self, id: PeerId, now: Instant, restart: bool) -> Result<Option<Offer>, SfuError> {
        let peer = self.peers.get_mut(&id).ok_or(SfuError::NoPeer(id))?;
        peer.asked = None;
        let channels: Vec<ChannelSpec> = Channel::ALL.into_iter().map(Channel::spec).collect();
        let link = peer.link(Role::Subscriber).ok_or(SfuError::ClientOffers)?;
        let sdp = if restart { Some(link.restart(true, now)?) } else { link.offer(&channels, now)? };
        let slot = |slot: &Slot| match slot {
            Slot::Assigned(label) | Slot::Announced(label) => Some(label.track),
            _ => None,
        };
        let sending =
            link.outlets.iter().filter_map(|outlet| Some((outlet.mid.clone(), slot(&outlet.slot)?))).collect();
        self.touch(id, Role::Subscriber);
        Ok(sdp.map(|sdp| Offer { sdp, sending }))
    }

    /// The client's answer to [`Self::create_offer`].
    ///
    /// # Errors
    /// See [`SfuError`].
    pub fn set_answer(&mut self, id: PeerId, sdp: &str, now: Instant) -> Result<(), SfuError> {
        let peer = self.peers.get_mut(&id).ok_or(SfuError::NoPeer(id))?;
        peer.link(Role::Subscriber).ok_or(SfuError::ClientOffers)?.take_answer(sdp, now)?;
        self.after_description(id, Role::Subscriber, now);
        Ok(())
    }

    fn after_description(&mut self, id: PeerId, role: Role, now: Instant) {
        self.touch(id, role);
        let Some(peer) = self.peers.get(&id) else {
            return;
        };
        let tracks: Vec<TrackId> = peer.subscriptions.keys().copied().collect();
        for track in tracks {
            self.attach(id, track);
            self.retarget(track, now);
        }
        self.renegotiate(id);
    }

    // ---- commands: tracks ----

    /// Announces a track of a peer; its media may come before or after.
    ///
    /// # Errors
    /// See [`SfuError`].
    pub fn publish(&mut self, id: PeerId, spec: TrackSpec, now: Instant) -> Result<(), SfuError> {
        if !self.peers.contains_key(&id) {
            return Err(SfuError::NoPeer(id));
        }
        if self.tracks.contains_key(&spec.track) {
            return Err(SfuError::TrackExists(spec.track));
        }
        if self.tracks_of(id).len() >= MAX_TRACKS_PER_PEER {
            return Err(SfuError::TooManyTracks);
        }
        let track = spec.track;
        if spec.kind == Kind::Video {
            self.timers.set(Timer::Layers(track), Some(now + LAYER_CHECK));
        }
        self.tracks.insert(track, Track::new(spec, id));
        self.bind_inlets(id);
        Ok(())
    }

    /// Ends a track.
    pub fn unpublish(&mut self, id: TrackId, now: Instant) {
        let Some(track) = self.tracks.remove(&id) else {
            return;
        };
        self.wanted.remove(&id);
        self.timers.set(Timer::Track(id), None);
        self.timers.set(Timer::Layers(id), None);
        if let Some(peer) = self.peers.get_mut(&track.publisher) {
            peer.mids.retain(|_, other| *other != id);
        }
        for subscriber in track.subscribers {
            self.unsubscribe(subscriber, id, now);
        }
    }

    /// Stops forwarding a track, or begins again.
    ///
    /// # Errors
    /// When there is no such track.
    pub fn set_muted(&mut self, id: TrackId, muted: bool, now: Instant) -> Result<(), SfuError> {
        self.tracks.get_mut(&id).ok_or(SfuError::NoTrack(id))?.muted = muted;
        self.retarget(id, now);
        Ok(())
    }

    /// Sends a track to a peer. Subscribing again changes the settings.
    ///
    /// # Errors
    /// See [`SfuError`].
    pub fn subscribe(
        &mut self,
        id: PeerId,
        track_id: TrackId,
        spec: SubscriptionSpec,
        now: Instant,
    ) -> Result<(), SfuError> {
        let track = self.tracks.get_mut(&track_id).ok_or(SfuError::NoTrack(track_id))?;
        let peer = self.peers.get_mut(&id).ok_or(SfuError::NoPeer(id))?;
        if let Some(known) = peer.subscriptions.get_mut(&track_id) {
            known.settings = spec.settings;
            self.retarget(track_id, now);
            return Ok(());
        }
        let label = Label { track: track_id, stream: spec.stream, name: spec.name };
        let kind = track.spec.kind;
        let settings = spec.settings;
        let subscription = Subscription { label, kind, settings, forwarder: None, cap: Cap::default() };
        peer.subscriptions.insert(track_id, subscription);
        track.subscribers.push(id);
        self.renegotiate(id);
        self.retarget(track_id, now);
        Ok(())
    }

    /// Changes what a subscriber wants of a track.
    ///
    /// # Errors
    /// When there is no such subscription.
    pub fn set_settings(
        &mut self,
        id: PeerId,
        track: TrackId,
        settings: Settings,
        now: Instant,
    ) -> Result<(), SfuError> {
        let peer = self.peers.get_mut(&id).ok_or(SfuError::NoPeer(id))?;
        peer.subscriptions.get_mut(&track).ok_or(SfuError::NoTrack(track))?.settings = settings;
        self.retarget(track, now);
        Ok(())
    }

    /// Stops sending a track to a peer.
    pub fn unsubscribe(&mut self, id: PeerId, track_id: TrackId, now: Instant) {
        if let Some(track) = self.tracks.get_mut(&track_id) {
            track.subscribers.retain(|other| *other != id);
        }
        let Some(peer) = self.peers.get_mut(&id) else {
            return;
        };
        if peer.subscriptions.remove(&track_id).is_some() {
            let link = peer.sending();
            if let Some(ssrc) = link.outlet_of(track_id).map(|outlet| outlet.ssrc) {
                link.transport.close_outbound(ssrc);
            }
            link.release(track_id);
            self.renegotiate(id);
            self.retarget(track_id, now);
        }
    }

    /// Sends a data channel message to a peer.
    ///
    /// # Errors
    /// When the channel is not open, or congested: then a lossy message is lost, and a reliable one is the
    /// caller's to keep or to drop with its receiver.
    pub fn send_data(&mut self, id: PeerId, channel: Channel, bytes: &[u8], now: Instant) -> Result<(), SfuError> {
        let peer = self.peers.get_mut(&id).ok_or(SfuError::NoPeer(id))?;
        let open = peer.channel(channel).ok_or(SfuError::NoChannel(channel))?;
        peer.sending().transport.send_data(open, false, bytes, now)?;
        let role = peer.sending_role();
        self.touch(id, role);
        Ok(())
    }

    // ---- inputs ----

    /// Takes a datagram from the port.
    pub fn handle_datagram(&mut self, from: SocketAddr, data: BytesMut, now: Instant) {
        let Some((peer, role)) = self.demux.route(from, &data) else {
            return;
        };
        if let Some(link) = self.peers.get_mut(&peer).and_then(|peer| peer.link(role)) {
            link.transport.handle_datagram(from, data, now);
        }
        self.process(peer, role, now);
    }

    /// Time passes.
    pub fn handle_timeout(&mut self, now: Instant) {
        while let Some(timer) = self.timers.pop_due(now) {
            match timer {
                Timer::Link(peer, role) => {
                    if let Some(link) = self.peers.get_mut(&peer).and_then(|peer| peer.link(role)) {
                        link.transport.handle_timeout(now);
                    }
                    self.process(peer, role, now);
                }
                Timer::Track(track) => {
                    self.request_key_frames(track, now);
                    self.report_speaker(track, now);
                }
                Timer::Layers(track) => {
                    self.timers.set(timer, Some(now + LAYER_CHECK));
                    self.retarget(track, now);
                }
            }
        }
    }

    // ---- outputs ----

    /// When [`Self::handle_timeout`] is next needed.
    pub fn poll_timeout(&mut self) -> Option<Instant> {
        self.settle();
        self.timers.next()
    }

    /// Next datagram to send. Those of one peer come together.
    pub fn poll_datagram(&mut self) -> Option<(SocketAddr, BytesMut)> {
        if self.outbox.is_empty() {
            self.settle();
        }
        self.outbox.pop_front()
    }

    /// What happened.
    pub fn poll_event(&mut self) -> Option<SfuEvent> {
        self.events.pop_front()
    }

    /// Ends all peers.
    pub fn close(&mut self, now: Instant) {
        let all: Vec<PeerId> = self.peers.keys().copied().collect();
        all.into_iter().for_each(|peer| self.remove_peer(peer, now));
    }

    // ---- inside ----

    fn tell(&mut self, event: SfuEvent) {
        let droppable = matches!(event, SfuEvent::Data { .. } | SfuEvent::Speaker { .. });
        if !droppable || self.events.len() < MAX_EVENTS {
            self.events.push_back(event);
        }
    }

    fn touch(&mut self, peer: PeerId, role: Role) {
        self.dirty.insert((peer, role));
    }

    /// Collects datagrams, names and deadlines of the connections that something happened to.
    fn settle(&mut self) {
        while let Some((id, role)) = self.dirty.pop_first() {
            let Some(link) = self.peers.get_mut(&id).and_then(|peer| peer.link(role)) else {
                continue;
            };
            while let Some(datagram) = link.transport.poll_datagram() {
                self.outbox.push_back(datagram);
            }
            self.demux.register(&link.transport.local().ice.ufrag, (id, role));
            self.timers.set(Timer::Link(id, role), link.transport.poll_timeout());
        }
    }

    /// Handles what a connection has to say.
    fn process(&mut self, id: PeerId, role: Role, now: Instant) {
        self.touch(id, role);
        loop {
            let link = self.peers.get_mut(&id).and_then(|peer| peer.link(role));
            let Some(event) = link.and_then(|link| link.transport.poll_event()) else {
                return;
            };
            match event {
                Event::Rtp(received) => self.media(id, &received, now),
                Event::KeyFrameWanted { ssrc } => self.key_frame_wanted(id, ssrc, now),
                Event::Reception { ssrc, fraction_lost } => self.reception(id, ssrc, fraction_lost, now),
                other => self.connection_event(id, role, other),
            }
        }
    }

    fn connection_event(&mut self, peer: PeerId, role: Role, event: Event) {
        let told = match event {
            Event::Connected => SfuEvent::Connected { peer, role },
            Event::Interrupted => SfuEvent::Interrupted { peer, role },
            Event::Closed => SfuEvent::Disconnected { peer, role },
            Event::ChannelOpen { channel: id, label } => {
                let (Some(channel), Some(state)) = (Channel::from_label(&label), self.peers.get_mut(&peer)) else {
                    return;
                };
                state.channels.retain(|(on, _, other)| (*on, *other) != (role, channel));
                state.channels.push((role, id, channel));
                if role != state.sending_role() {
                    return;
                }
                SfuEvent::ChannelOpen { peer, channel }
            }
            Event::ChannelClosed { channel } => {
                if let Some(state) = self.peers.get_mut(&peer) {
                    state.channels.retain(|(on, id, _)| (*on, *id) != (role, channel));
                }
                return;
            }
            Event::Data { channel: id, bytes, .. } => {
                let channels = self.peers.get(&peer).map(|state| &state.channels);
                let known = channels.and_then(|all| all.iter().find(|(on, other, _)| (*on, *other) == (role, id)));
                let Some((_, _, channel)) = known.copied() else {
                    return;
                };
                SfuEvent::Data { peer, channel, bytes }
            }
            Event::Rtp(_) | Event::KeyFrameWanted { .. } | Event::Reception { .. } => return,
        };
        self.tell(told);
    }

    /// The hot path: one packet to all who get it.
    fn media(&mut self, id: PeerId, received: &Received, now: Instant) {
        let Some(track_id) = self.peers.get(&id).and_then(|peer| peer.mids.get(&received.mid)).copied() else {
            return;
        };
        let Some(track) = self.tracks.get_mut(&track_id) else {
            return;
        };
        let Some(placed) = track.place(received) else {
            return;
        };
        if let Some(level) = received.audio_level.filter(|_| !track.muted) {
            let idle = track.speaker.poll_timeout().is_none();
            track.speaker.hear(level, now);
            if idle {
                self.set_track_timer(track_id);
            }
        }
        if placed.first {
            self.layer_arrived(id, track_id, placed.rank, now);
        }
        let Some(track) = self.tracks.get(&track_id).filter(|track| !track.muted) else {
            return;
        };
        for subscriber in &track.subscribers {
            let Some(peer) = self.peers.get_mut(subscriber) else {
                continue;
            };
            let role = peer.sending_role();
            let subscription = peer.subscriptions.get_mut(&track_id);
            let Some(forwarder) = subscription.and_then(|subscription| subscription.forwarder.as_mut()) else {
                continue;
            };
            if let Some(packet) = forwarder.forward(placed.rank, &received.packet, now) {
                peer.sending().transport.send_rtp(packet, now);
                self.dirty.insert((*subscriber, role));
            }
        }
    }

    fn layer_arrived(&mut self, peer: PeerId, track_id: TrackId, layer: usize, now: Instant) {
        let Some(track) = self.tracks.get(&track_id) else {
            return;
        };
        let name = track.codec.as_ref().map(|codec| codec.name.clone()).unwrap_or_default();
        let mime = format!("{}/{name}", track.spec.kind.as_str());
        let Some(mid) = track.mid.clone() else { return };
        let subscribers = track.subscribers.clone();
        self.tell(SfuEvent::TrackArrived { peer, track: track_id, mid, mime, layer });
        for subscriber in subscribers {
            self.attach(subscriber, track_id);
        }
        self.retarget(track_id, now);
    }

    fn attach(&mut self, subscriber: PeerId, track_id: TrackId) {
        let Some(track) = self.tracks.get(&track_id) else {
            return;
        };
        let Some(peer) = self.peers.get_mut(&subscriber) else {
            return;
        };
        if peer.attach(track_id, track.codec.as_ref()).is_err() {
            self.tell(SfuEvent::Unsupported { peer: subscriber, track: track_id });
        }
    }

    /// Chooses each subscriber's layer anew, and asks for the key frames that this needs.
    fn retarget(&mut self, track_id: TrackId, now: Instant) {
        let Some(track) = self.tracks.get_mut(&track_id) else {
            return;
        };
        let mut needed = Vec::new();
        let mut highest = None;
        let specs = track.layer_specs();
        for subscriber in &track.subscribers {
            let subscription = self.peers.get_mut(subscriber).and_then(|peer| peer.subscriptions.get_mut(&track_id));
            let Some(subscription) = subscription else {
                continue;
            };
            highest = highest.max(layers::wanted(&specs, &subscription.settings));
            needed.extend(subscription.retarget(track, now));
        }
        needed.into_iter().for_each(|rank| track.want_key_frame(rank));
        if track.spec.kind == Kind::Video && self.wanted.insert(track_id, highest) != Some(highest) {
            let peer = track.publisher;
            self.tell(SfuEvent::LayersWanted { peer, track: track_id, highest });
        }
        self.request_key_frames(track_id, now);
    }

    fn key_frame_wanted(&mut self, id: PeerId, ssrc: u32, now: Instant) {
        let Some(track_id) = self.track_on(id, ssrc) else {
            return;
        };
        let subscription = self.peers.get(&id).and_then(|peer| peer.subscriptions.get(&track_id));
        let current = subscription.and_then(|subscription| subscription.forwarder.as_ref()?.current());
        if let (Some(rank), Some(track)) = (current, self.tracks.get_mut(&track_id)) {
            track.want_key_frame(rank);
            self.request_key_frames(track_id, now);
        }
    }

    fn reception(&mut self, id: PeerId, ssrc: u32, fraction_lost: u8, now: Instant) {
        let Some(track_id) = self.track_on(id, ssrc) else {
            return;
        };
        let subscription = self.peers.get_mut(&id).and_then(|peer| peer.subscriptions.get_mut(&track_id));
        let Some(subscription) = subscription.filter(|subscription| subscription.kind == Kind::Video) else {
            return;
        };
        let Some(current) = subscription.forwarder.as_ref().and_then(|forwarder| forwarder.current()) else {
            return;
        };
        if subscription.cap.report(fraction_lost, current, now) {
            self.retarget(track_id, now);
        }
    }

    /// The track that goes to a peer on an SSRC.
    fn track_on(&mut self, id: PeerId, ssrc: u32) -> Option<TrackId> {
        let outlets = &self.peers.get_mut(&id)?.sending().outlets;
        match &outlets.iter().find(|outlet| outlet.ssrc == ssrc)?.slot {
            Slot::Announced(label) => Some(label.track),
            _ => None,
        }
    }

    fn request_key_frames(&mut self, track_id: TrackId, now: Instant) {
        let Some(track) = self.tracks.get_mut(&track_id) else {
            return;
        };
        let requests = track.key_frame_requests(now);
        let publisher = track.publisher;
        if let Some(peer) = self.peers.get_mut(&publisher).filter(|_| !requests.is_empty()) {
            let transport = &mut peer.publishing().transport;
            requests.into_iter().for_each(|ssrc| transport.send_key_frame_request(ssrc, now));
            self.touch(publisher, Role::Publisher);
        }
        self.set_track_timer(track_id);
    }

    fn report_speaker(&mut self, track_id: TrackId, now: Instant) {
        let Some(track) = self.tracks.get_mut(&track_id) else {
            return;
        };
        if let Some(loudness) = track.speaker.report(now) {
            let peer = track.publisher;
            self.tell(SfuEvent::Speaker { peer, track: track_id, loudness });
        }
        self.set_track_timer(track_id);
    }

    fn set_track_timer(&mut self, track_id: TrackId) {
        let Some(track) = self.tracks.get(&track_id) else {
            return;
        };
        let times = [track.poll_timeout(), track.speaker.poll_timeout()];
        self.timers.set(Timer::Track(track_id), times.into_iter().flatten().min());
    }

    fn tracks_of(&self, id: PeerId) -> Vec<TrackId> {
        self.tracks.iter().filter(|(_, track)| track.publisher == id).map(|(id, _)| *id).collect()
    }

    /// Joins the client's sections with its announced tracks; sections without one come back.
    fn bind_inlets(&mut self, id: PeerId) -> Vec<crate::rtc::sdp::Mid> {
        let Some(peer) = self.peers.get_mut(&id) else {
            return Vec::new();
        };
        let inlets = peer.publishing().inlets.clone();
        let previous = std::mem::take(&mut peer.mids);
        let mut own: Vec<(&TrackId, &mut Track)> =
            self.tracks.iter_mut().filter(|(_, track)| track.publisher == id).collect();
        let mut left = Vec::new();
        for inlet in &inlets {
            let by_name =
                own.iter().position(|(_, track)| track.spec.cid == inlet.cid && track.spec.kind == inlet.kind);
            match by_name {
                Some(index) => {
                    let (track_id, track) = &mut own[index];
                    track.bind(inlet.mid.clone(), inlet.codecs.clone(), &inlet.rids);
                    peer.mids.insert(inlet.mid.clone(), **track_id);
                }
                None => left.push(inlet),
            }
        }
        let mut unmatched = Vec::new();
        for inlet in left {
            // Some browsers name tracks otherwise in descriptions: keep what was bound, else the only candidate.
            let bound: Vec<TrackId> = peer.mids.values().copied().collect();
            let free = |(track_id, track): &&mut (&TrackId, &mut Track)| {
                track.spec.kind == inlet.kind && !bound.contains(track_id)
            };
            let candidates = own.iter_mut().filter(|entry| free(entry)).count();
            let before = previous.get(&inlet.mid);
            let chosen = own
                .iter_mut()
                .filter(free)
                .find(|(track_id, track)| before == Some(*track_id) || (candidates == 1 && track.mid.is_none()));
            match chosen {
                Some((track_id, track)) => {
                    track.bind(inlet.mid.clone(), inlet.codecs.clone(), &inlet.rids);
                    peer.mids.insert(inlet.mid.clone(), **track_id);
                }
                None => unmatched.push(inlet.mid.clone()),
            }
        }
        for (track_id, track) in own {
            let bound = peer.mids.values().any(|bound| bound == track_id);
            if !bound && track.mid.take().is_some() {
                self.events.push_back(SfuEvent::TrackStopped { peer: id, track: *track_id });
            }
        }
        unmatched
    }

    /// Finds sections for subscriptions and says when a description is due.
    fn renegotiate(&mut self, id: PeerId) {
        let Some(peer) = self.peers.get_mut(&id) else {
            return;
        };
        let missing = match peer.assign() {
            Ok(missing) => missing,
            Err(error) => {
                tracing::warn!(%error, peer = id.0, "no section for a subscription");
                (0, 0)
            }
        };
        let asked = peer.asked.unwrap_or_default();
        let more = (missing.0.saturating_sub(asked.0), missing.1.saturating_sub(asked.1));
        let due = peer.sending().needs_description() && peer.asked.is_none();
        if due || more != (0, 0) {
            peer.asked = Some((asked.0 + more.0, asked.1 + more.1));
            self.tell(SfuEvent::NeedsOffer { peer: id, audio: more.0, video: more.1 });
        }
    }
}
