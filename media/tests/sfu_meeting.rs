//! Meetings of several clients (the WebRTC crate's own) through the SFU, without sockets, on a virtual clock.
#![allow(clippy::unwrap_used, missing_docs)]

mod rtc_support;

use bytes::{Bytes, BytesMut};
use liandong_media::rtc::transport::Identity;
use liandong_media::sfu::{
    Channel, Kind, PeerId, Settings, Sfu, SfuEvent, Shape, SubscriptionSpec, TrackId, TrackSpec,
};
use rtc::data_channel::RTCDataChannelInit;
use rtc::rtp_transceiver::rtp_sender::RtpCodecKind;
use rtc::rtp_transceiver::{RTCRtpSenderId, RTCRtpTransceiverDirection};
use rtc_support::{Browser, codec};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

struct Client {
    publisher: Browser,
    subscriber: Option<Browser>,
    shape: Shape,
}

impl Client {
    fn receiving(&mut self) -> &mut Browser {
        self.subscriber.as_mut().unwrap_or(&mut self.publisher)
    }
}

struct Meeting {
    sfu: Sfu,
    clients: BTreeMap<PeerId, Client>,
    routes: BTreeMap<SocketAddr, (PeerId, bool)>,
    now: Instant,
    events: Vec<SfuEvent>,
    /// Every n-th media datagram is lost in both directions.
    loss: Option<u32>,
    count: u32,
}

fn server() -> SocketAddr {
    ([127, 0, 0, 1], 7882).into()
}

impl Meeting {
    fn new() -> Self {
        Self {
            sfu: Sfu::new(Identity::new(vec![server()]).unwrap()),
            clients: BTreeMap::new(),
            routes: BTreeMap::new(),
            now: Instant::now(),
            events: Vec::new(),
            loss: None,
            count: 0,
        }
    }

    fn join(&mut self, id: u64, shape: Shape) -> PeerId {
        let peer = PeerId(id);
        self.sfu.add_peer(peer, shape, self.now).unwrap();
        let mut browser = |port: u64, subscriber: bool| {
            let address = SocketAddr::from(([127, 0, 0, 1], 40_000 + port as u16));
            self.routes.insert(address, (peer, subscriber));
            Browser::new(address, server(), self.now)
        };
        let publisher = browser(2 * id, false);
        let subscriber = (shape == Shape::Dual).then(|| browser(2 * id + 1, true));
        self.clients.insert(peer, Client { publisher, subscriber, shape });
        peer
    }

    fn client(&mut self, peer: PeerId) -> &mut Client {
        self.clients.get_mut(&peer).unwrap()
    }

    fn channels(&mut self, peer: PeerId) {
        let client = self.client(peer);
        for channel in Channel::ALL {
            let init = RTCDataChannelInit { ordered: channel == Channel::Reliable, ..Default::default() };
            client.publisher.pc.create_data_channel(channel.label(), Some(init)).unwrap();
        }
    }

    fn negotiate(&mut self, peer: PeerId) {
        let now = self.now;
        let offer = self.client(peer).publisher.offer(now);
        let answer = self.sfu.remote_offer(peer, &offer, now).unwrap();
        self.client(peer).publisher.set_answer(&answer.sdp, now);
    }

    fn publish(&mut self, peer: PeerId, track: u64, kind: Kind) -> RTCRtpSenderId {
        let cid = format!("cid-{track}");
        let spec = TrackSpec { track: TrackId(track), cid: cid.clone(), kind, layers: Vec::new() };
        self.sfu.publish(peer, spec, self.now).unwrap();
        let (of_kind, codec) = match kind {
            Kind::Audio => (RtpCodecKind::Audio, codec("audio/opus", 48_000, 2)),
            _ => (RtpCodecKind::Video, codec("video/VP8", 90_000, 0)),
        };
        let client = self.client(peer);
        client.publisher.add_track(of_kind, &cid, 1000 + track as u32, codec, RTCRtpTransceiverDirection::Sendonly)
    }

    fn subscribe(&mut self, peer: PeerId, track: u64) {
        let spec = SubscriptionSpec {
            stream: format!("PA_1|TR_{track}"),
            name: format!("TR_{track}"),
            settings: Settings::default(),
        };
        self.sfu.subscribe(peer, TrackId(track), spec, self.now).unwrap();
    }

    fn drive(&mut self, time: Duration) {
        let end = self.now + time;
        while self.now < end {
            self.now += Duration::from_millis(5);
            self.exchange();
        }
    }

    fn lost(&mut self, data: &[u8]) -> bool {
        let media = data.first().is_some_and(|byte| (128..192).contains(byte)) && !(192..224).contains(&data[1]);
        self.count += u32::from(media);
        media && self.loss.is_some_and(|every| self.count.is_multiple_of(every))
    }

    fn exchange(&mut self) {
        let now = self.now;
        let mut sent: Vec<(SocketAddr, BytesMut)> = Vec::new();
        for client in self.clients.values_mut() {
            for browser in std::iter::once(&mut client.publisher).chain(client.subscriber.as_mut()) {
                let address = browser.address;
                sent.extend(browser.drain(now).into_iter().map(|data| (address, data)));
            }
        }
        for (from, data) in sent {
            if !self.lost(&data) {
                self.sfu.handle_datagram(from, data, now);
            }
        }
        if self.sfu.poll_timeout().is_some_and(|at| at <= now) {
            self.sfu.handle_timeout(now);
        }
        while let Some(event) = self.sfu.poll_event() {
            self.signal(&event);
            self.events.push(event);
        }
        while let Some((to, data)) = self.sfu.poll_datagram() {
            let Some((peer, subscriber)) = self.routes.get(&to).copied() else {
                continue;
            };
            if self.lost(&data) {
                continue;
            }
            let Some(client) = self.clients.get_mut(&peer) else {
                continue;
            };
            let browser = if subscriber { client.subscriber.as_mut().unwrap() } else { &mut client.publisher };
            browser.handle(data, now);
        }
    }

    /// What the LiveKit layer does about events.
    fn signal(&mut self, event: &SfuEvent) {
        let SfuEvent::NeedsOffer { peer, audio, video } = event else {
            return;
        };
        if self.client(*peer).shape == Shape::Single {
            let client = self.client(*peer);
            (0..*audio).for_each(|_| client.publisher.add_receiver(RtpCodecKind::Audio));
            (0..*video).for_each(|_| client.publisher.add_receiver(RtpCodecKind::Video));
            self.negotiate(*peer);
        } else if let Some(offer) = self.sfu.create_offer(*peer, self.now).unwrap() {
            let now = self.now;
            let answer = self.client(*peer).subscriber.as_mut().unwrap().answer(&offer.sdp, now);
            self.sfu.set_answer(*peer, &answer, now).unwrap();
        }
    }
}

/// One VP8 packet per frame; every 30th is a key frame.
fn frame(index: u16) -> Vec<u8> {
    vec![0x90, 0x80, 0x80 | (index >> 8) as u8, index as u8, u8::from(!index.is_multiple_of(30)), 1, 2, 3]
}

fn meet(shape: Shape) {
    let mut meeting = Meeting::new();
    let (alice, bob) = (meeting.join(1, shape), meeting.join(2, shape));
    for peer in [alice, bob] {
        meeting.channels(peer);
    }
    let microphone = meeting.publish(alice, 1, Kind::Audio);
    let camera = meeting.publish(alice, 2, Kind::Video);
    meeting.negotiate(alice);
    if shape == Shape::Single {
        let client = meeting.client(bob);
        client.publisher.add_receiver(RtpCodecKind::Audio);
    }
    meeting.negotiate(bob);
    if shape == Shape::Dual {
        // The first offer of ours goes out at once and brings the channels.
        for peer in [alice, bob] {
            meeting.signal(&SfuEvent::NeedsOffer { peer, audio: 0, video: 0 });
        }
    }
    meeting.drive(Duration::from_secs(2));
    let up = meeting.events.iter().filter(|event| matches!(event, SfuEvent::Connected { .. })).count();
    assert_eq!(up, if shape == Shape::Single { 2 } else { 4 });

    meeting.subscribe(bob, 1);
    meeting.subscribe(bob, 2);
    meeting.drive(Duration::from_millis(200));
    for index in 0..300u16 {
        let now = meeting.now;
        let alice = meeting.client(alice);
        alice.publisher.send(microphone, 111, index, u32::from(index) * 960, b"opus", now);
        alice.publisher.send(camera, 96, index, u32::from(index) * 1800, &frame(index), now);
        meeting.drive(Duration::from_millis(20));
    }
    let arrived = |track| {
        meeting
            .events
            .iter()
            .any(|event| matches!(event, SfuEvent::TrackArrived { track: TrackId(id), .. } if *id == track))
    };
    assert!(arrived(1) && arrived(2));
    let got = std::mem::take(&mut meeting.client(bob).receiving().packets);
    let video: Vec<_> = got.iter().filter(|(_, packet)| packet.payload.len() > 4).collect();
    let audio = got.len() - video.len();
    assert!(audio >= 299 && video.len() >= 299, "audio {audio}, video {}", video.len());
    assert!(
        video
            .windows(2)
            .all(|pair| pair[1].1.header.sequence_number == pair[0].1.header.sequence_number.wrapping_add(1))
    );

    data_both_ways(&mut meeting, alice, bob);
    meeting.sfu.unsubscribe(bob, TrackId(2), meeting.now);
    meeting.drive(Duration::from_millis(100));
    meeting.client(bob).receiving().packets.clear();
    let now = meeting.now;
    meeting.client(alice).publisher.send(camera, 96, 300, 300 * 1800, &frame(300), now);
    meeting.client(alice).publisher.send(microphone, 111, 300, 300 * 960, b"opus", now);
    meeting.drive(Duration::from_millis(100));
    assert_eq!(meeting.client(bob).receiving().packets.len(), 1, "only the microphone is left");

    // The freed section is used again.
    meeting.subscribe(bob, 2);
    meeting.drive(Duration::from_millis(100));
    for index in 301..340u16 {
        let now = meeting.now;
        meeting.client(alice).publisher.send(camera, 96, index, u32::from(index) * 1800, &frame(index), now);
        meeting.drive(Duration::from_millis(20));
    }
    assert!(meeting.client(bob).receiving().packets.len() >= 10, "from the key frame 330 on");
    meeting.sfu.remove_peer(alice, meeting.now);
    meeting.drive(Duration::from_millis(100));
    assert!(
        meeting
            .sfu
            .subscribe(
                bob,
                TrackId(1),
                SubscriptionSpec { stream: "x".into(), name: "y".into(), settings: Settings::default() },
                meeting.now
            )
            .is_err()
    );
}

fn data_both_ways(meeting: &mut Meeting, alice: PeerId, bob: PeerId) {
    let now = meeting.now;
    let channel = *meeting.client(alice).publisher.open_channels.first().unwrap();
    meeting.client(alice).publisher.pc.data_channel(channel).unwrap().send(now, BytesMut::from(&b"hello"[..])).unwrap();
    meeting.drive(Duration::from_millis(50));
    let (from, bytes) = meeting
        .events
        .iter()
        .find_map(|event| match event {
            SfuEvent::Data { peer, bytes, .. } => Some((*peer, bytes.clone())),
            _ => None,
        })
        .unwrap();
    assert_eq!((from, &bytes[..]), (alice, &b"hello"[..]));
    for sent in [Channel::Reliable, Channel::Lossy, Channel::DataTrack] {
        meeting.sfu.send_data(bob, sent, b"there", meeting.now).unwrap();
    }
    meeting.drive(Duration::from_millis(50));
    let got = &meeting.client(bob).receiving().data;
    assert_eq!(got.len(), 3);
    assert!(got.iter().all(|(_, bytes)| bytes == &Bytes::from_static(b"there")));
}

#[test]
fn two_clients_with_one_connection_each() {
    meet(Shape::Single);
}

#[test]
fn two_clients_with_two_connections_each() {
    meet(Shape::Dual);
}

#[test]
fn mute_stops_and_unmute_resumes_without_a_gap() {
    let mut meeting = Meeting::new();
    let (alice, bob) = (meeting.join(1, Shape::Dual), meeting.join(2, Shape::Dual));
    let microphone = meeting.publish(alice, 1, Kind::Audio);
    meeting.negotiate(alice);
    meeting.signal(&SfuEvent::NeedsOffer { peer: bob, audio: 0, video: 0 });
    meeting.subscribe(bob, 1);
    meeting.drive(Duration::from_secs(2));
    for (muted, from) in [(false, 0u16), (true, 50), (false, 100)] {
        meeting.sfu.set_muted(TrackId(1), muted, meeting.now).unwrap();
        for index in from..from + 50 {
            let now = meeting.now;
            meeting.client(alice).publisher.send(microphone, 111, index, u32::from(index) * 960, b"opus", now);
            meeting.drive(Duration::from_millis(20));
        }
    }
    let got = &meeting.client(bob).receiving().packets;
    assert_eq!(got.len(), 100);
    assert!(
        got.windows(2).all(|pair| pair[1].1.header.sequence_number == pair[0].1.header.sequence_number.wrapping_add(1))
    );
}

#[test]
fn losses_on_both_legs_are_repaired() {
    let mut meeting = Meeting::new();
    let (alice, bob) = (meeting.join(1, Shape::Dual), meeting.join(2, Shape::Dual));
    let camera = meeting.publish(alice, 2, Kind::Video);
    meeting.negotiate(alice);
    meeting.signal(&SfuEvent::NeedsOffer { peer: bob, audio: 0, video: 0 });
    meeting.subscribe(bob, 2);
    meeting.drive(Duration::from_secs(2));
    meeting.loss = Some(17);
    for index in 0..600u16 {
        if index == 200 || index == 300 {
            // A description in between must not disturb the numbers of retransmissions.
            meeting.signal(&SfuEvent::NeedsOffer { peer: bob, audio: 0, video: 0 });
        }
        let now = meeting.now;
        meeting.client(alice).publisher.send(camera, 96, index, u32::from(index) * 1800, &frame(index), now);
        meeting.drive(Duration::from_millis(20));
    }
    meeting.loss = None;
    meeting.drive(Duration::from_secs(1));
    let got = &meeting.client(bob).receiving().packets;
    let numbers: std::collections::BTreeSet<u16> =
        got.iter().map(|(_, packet)| packet.header.sequence_number).collect();
    assert!(numbers.len() >= 595, "{} of 600 arrived, {} with duplicates", numbers.len(), got.len());
}
