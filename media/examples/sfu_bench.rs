//! What forwarding costs: processor time per forwarded packet, beside the floor below which no SFU of this kind
//! can go (one encryption and one `sendto` per packet).
//!
//! `cargo run --release -p liandong-media --example sfu_bench`. One thread; real DTLS and SRTP keys; clients in
//! memory; datagrams go to a loopback socket that nobody reads. Time is the thread's own, from
//! `/proc/thread-self/schedstat`, so that a busy machine disturbs little.
#![allow(missing_docs, clippy::unwrap_used)]

#[path = "../tests/rtc_support/mod.rs"]
mod rtc_support;

use bytes::BytesMut;
use liandong_media::rtc::transport::Identity;
use liandong_media::sfu::{Kind, PeerId, Settings, Sfu, SfuEvent, Shape, SubscriptionSpec, TrackId, TrackSpec};
use rtc::rtp_transceiver::rtp_sender::RtpCodecKind;
use rtc::rtp_transceiver::{RTCRtpSenderId, RTCRtpTransceiverDirection};
use rtc_support::{Browser, codec};
use std::collections::HashMap;
use std::net::{SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

/// Packets of one measurement.
const PACKETS: u16 = 4000;

struct Bench {
    sfu: Sfu,
    publisher: Browser,
    sender: RTCRtpSenderId,
    subscribers: HashMap<SocketAddr, (PeerId, Browser)>,
    now: Instant,
}

fn main() {
    println!("{:<34} {:>9} {:>9} {:>9}", "µs of processor per forwarded packet", "machine", "+ sendto", "floor");
    for (name, kind, size, subscribers) in [
        ("video 1100 B, 1 subscriber", Kind::Video, 1100, 1),
        ("video 1100 B, 8 subscribers", Kind::Video, 1100, 8),
        ("video 1100 B, 50 subscribers", Kind::Video, 1100, 50),
        ("audio 80 B, 50 subscribers", Kind::Audio, 80, 50),
        ("audio 80 B, 230 subscribers", Kind::Audio, 80, 230),
    ] {
        let mut bench = Bench::new(kind, subscribers);
        bench.connect();
        let sink = UdpSocket::bind("127.0.0.1:0").unwrap();
        let packets = if subscribers > 10 { PACKETS / 10 } else { PACKETS };
        let machine = bench.measure(kind, size, packets, None);
        let whole = bench.measure(kind, size, packets, Some(sink.local_addr().unwrap()));
        let floor = floor(size + 30, sink.local_addr().unwrap());
        println!("{name:<34} {machine:>9.2} {whole:>9.2} {floor:>9.2}");
    }
}

impl Bench {
    fn new(kind: Kind, subscribers: u64) -> Self {
        let (now, server) = (Instant::now(), SocketAddr::from(([127, 0, 0, 1], 7882)));
        let mut sfu = Sfu::new(Identity::new(vec![server]).unwrap().gcm_only());
        let mut publisher = Browser::new(([127, 0, 0, 1], 20_000).into(), server, now);
        let (of_kind, format) = match kind {
            Kind::Audio => (RtpCodecKind::Audio, codec("audio/opus", 48_000, 2)),
            _ => (RtpCodecKind::Video, codec("video/VP8", 90_000, 0)),
        };
        let sender = publisher.add_track(of_kind, "t", 77, format, RTCRtpTransceiverDirection::Sendonly);
        sfu.add_peer(PeerId(0), Shape::Dual, now).unwrap();
        let spec = TrackSpec { track: TrackId(1), cid: "t".into(), kind, layers: Vec::new() };
        sfu.publish(PeerId(0), spec, now).unwrap();
        let answer = sfu.remote_offer(PeerId(0), &publisher.offer(now), now).unwrap();
        publisher.set_answer(&answer.sdp, now);
        let mut all = HashMap::new();
        for id in 1..=subscribers {
            let address = SocketAddr::from(([127, 0, 0, 1], 20_000 + id as u16));
            let mut browser = Browser::new(address, server, now);
            sfu.add_peer(PeerId(id), Shape::Dual, now).unwrap();
            let spec = SubscriptionSpec { stream: "s".into(), name: "t".into(), settings: Settings::default() };
            sfu.subscribe(PeerId(id), TrackId(1), spec, now).unwrap();
            let offer = sfu.create_offer(PeerId(id), now).unwrap().unwrap();
            sfu.set_answer(PeerId(id), &browser.answer(&offer.sdp, now), now).unwrap();
            all.insert(address, (PeerId(id), browser));
        }
        Self { sfu, publisher, sender, subscribers: all, now }
    }

    fn connect(&mut self) {
        let mut up = 0;
        for _ in 0..400 {
            self.now += Duration::from_millis(10);
            let now = self.now;
            for data in self.publisher.drain(now) {
                self.sfu.handle_datagram(self.publisher.address, data, now);
            }
            for (address, (_, browser)) in &mut self.subscribers {
                for data in browser.drain(now) {
                    self.sfu.handle_datagram(*address, data, now);
                }
            }
            self.sfu.handle_timeout(now);
            while let Some(event) = self.sfu.poll_event() {
                up += usize::from(matches!(event, SfuEvent::Connected { .. }));
            }
            while let Some((to, data)) = self.sfu.poll_datagram() {
                match self.subscribers.get_mut(&to) {
                    Some((_, browser)) => browser.handle(data, now),
                    None => self.publisher.handle(data, now),
                }
            }
        }
        assert_eq!(up, self.subscribers.len() + 1, "not all connected");
    }

    /// Makes the publisher's datagrams beforehand, then feeds them.
    fn measure(&mut self, kind: Kind, size: usize, packets: u16, sink: Option<SocketAddr>) -> f64 {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        let mut payload = vec![0u8; size];
        payload[..5].copy_from_slice(&[0x90, 0x80, 0x80, 0, 0]);
        let payload_type = if kind == Kind::Audio { 111 } else { 96 };
        static NEXT: std::sync::atomic::AtomicU16 = std::sync::atomic::AtomicU16::new(0);
        let mut datagrams: Vec<BytesMut> = Vec::new();
        for _ in 0..packets {
            let sequence = NEXT.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            self.publisher.send(self.sender, payload_type, sequence, u32::from(sequence) * 3000, &payload, self.now);
            datagrams.extend(self.publisher.drain(self.now).into_iter().filter(|data| data[0] >= 128));
        }
        let (before, mut forwarded) = (processor(), 0u64);
        for data in datagrams {
            self.now += Duration::from_micros(500);
            self.sfu.handle_datagram(self.publisher.address, data, self.now);
            if self.sfu.poll_timeout().is_some_and(|at| at <= self.now) {
                self.sfu.handle_timeout(self.now);
            }
            while let Some((_, data)) = self.sfu.poll_datagram() {
                forwarded += u64::from(data.len() >= size);
                if let Some(sink) = sink {
                    let _ = socket.send_to(&data, sink);
                }
            }
        }
        let spent = processor() - before;
        let expected = u64::from(packets) * self.subscribers.len() as u64;
        assert!(forwarded >= expected * 9 / 10, "{forwarded} of {expected} forwarded");
        spent as f64 / forwarded as f64 / 1000.0
    }
}

/// One AES-128-GCM encryption and one `sendto`.
fn floor(size: usize, sink: SocketAddr) -> f64 {
    let key = ring::aead::LessSafeKey::new(ring::aead::UnboundKey::new(&ring::aead::AES_128_GCM, &[7; 16]).unwrap());
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let mut data = vec![1u8; size];
    let rounds = 20_000u32;
    let before = processor();
    for round in 0..rounds {
        let mut nonce = [0; 12];
        nonce[..4].copy_from_slice(&round.to_be_bytes());
        let nonce = ring::aead::Nonce::assume_unique_for_key(nonce);
        let tag = key.seal_in_place_separate_tag(nonce, ring::aead::Aad::empty(), &mut data[12..]).unwrap();
        let _ = std::hint::black_box(tag);
        let _ = socket.send_to(&data, sink);
    }
    (processor() - before) as f64 / f64::from(rounds) / 1000.0
}

/// Nanoseconds that this thread has run.
fn processor() -> u64 {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    text.split(' ').next().and_then(|word| word.parse().ok()).unwrap()
}
