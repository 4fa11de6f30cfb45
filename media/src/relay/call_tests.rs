//! Who hears whom, by tones, on a virtual clock.
#![allow(clippy::unwrap_used)]

use std::collections::HashMap;

use proptest::prelude::*;

use super::*;
use crate::FRAME;
use crate::codec::{Decoder, Encoder};
use crate::prompt::Clip;
use crate::record::Chunk;
use crate::relay::{Direction, Media, Strictness};
use crate::tone::{energy_share, sine};

const A: LegNo = LegNo(0);
const B: LegNo = LegNo(1);
const C: LegNo = LegNo(2);

/// What left the relay.
#[derive(Default)]
struct Out {
    packets: HashMap<LegNo, Vec<Vec<u8>>>,
    targets: HashMap<LegNo, SocketAddr>,
    reports: Vec<(LegNo, SocketAddr)>,
    events: Vec<(LegNo, LegEvent)>,
    chunks: Vec<Chunk>,
}

impl Sink for Out {
    fn send(&mut self, leg: LegNo, to: SocketAddr, packet: &[u8]) {
        self.targets.insert(leg, to);
        self.external(leg, packet);
    }

    fn send_rtcp(&mut self, leg: LegNo, to: SocketAddr, _packet: &[u8]) {
        self.reports.push((leg, to));
    }

    fn external(&mut self, leg: LegNo, packet: &[u8]) {
        self.packets.entry(leg).or_default().push(packet.to_vec());
    }

    fn event(&mut self, leg: LegNo, event: LegEvent) {
        self.events.push((leg, event));
    }

    fn recorded(&mut self, chunk: Chunk) {
        self.chunks.push(chunk);
    }
}

/// A far end that speaks a tone.
struct Peer {
    no: LegNo,
    source: Option<SocketAddr>,
    tone: Vec<i16>,
    encoder: Encoder,
    header: Header,
    at: usize,
}

fn address(no: LegNo) -> SocketAddr {
    SocketAddr::from(([198, 51, 100, no.0 + 1], 4_000))
}

fn peer(no: LegNo, tone: f64, media: &Media) -> Peer {
    let header = Header {
        payload_type: media.send_type,
        sequence: 65_500,
        timestamp: u32::MAX - 9_000,
        ssrc: 1_000 + u32::from(no.0),
        ..Header::default()
    };
    Peer {
        no,
        source: Some(address(no)),
        tone: sine(tone, 6_000.0, 8_000 * 20),
        encoder: Encoder::new(media.codec),
        header,
        at: 0,
    }
}

impl Peer {
    fn packet(&mut self) -> Vec<u8> {
        let frame = self.tone[self.at..self.at + FRAME].try_into().unwrap();
        let (mut payload, mut packet) = (Vec::new(), Vec::new());
        self.encoder.encode(frame, &mut payload);
        self.header.write(&payload, &mut packet);
        self.skip();
        packet
    }

    fn skip(&mut self) {
        self.at += FRAME;
        self.header.sequence = self.header.sequence.wrapping_add(1);
        let units = self.encoder.codec().units_per_sample() * 160;
        self.header.timestamp = self.header.timestamp.wrapping_add(units);
    }
}

/// A call with its peers and its clock.
struct Scene {
    relay: CallRelay,
    peers: Vec<Peer>,
    out: Out,
    now: u64,
}

impl Scene {
    /// Legs 0, 1, … with these codecs, speaking 300, 500, 800 … Hz.
    fn new(media: &[Media]) -> Self {
        let mut relay = CallRelay::new(1_700_000_000_000);
        let tones = [300.0, 500.0, 800.0, 1_300.0];
        let mut peers = Vec::new();
        for (index, media) in media.iter().enumerate() {
            let no = LegNo(index as u8);
            let settings = LegSettings { seed: 99 + index as u64, ..LegSettings::default() };
            relay.open(no, settings, 0).unwrap();
            relay.set_remote(no, Remote::new(address(no), media.clone()), 0).unwrap();
            peers.push(peer(no, tones[index], media));
        }
        Self { relay, peers, out: Out::default(), now: 0 }
    }

    fn run(&mut self, ms: u64) {
        for _ in 0..ms / 20 {
            for peer in &mut self.peers {
                let packet = peer.packet();
                self.relay.handle_rtp(peer.no, peer.source, &packet, self.now, &mut self.out);
            }
            self.relay.tick(self.now, &mut self.out);
            self.now += 20;
        }
    }

    /// What a leg has heard since the last call of this.
    fn heard(&mut self, no: LegNo, codec: Codec) -> Vec<i16> {
        let (mut decoder, mut pcm) = (Decoder::default(), Vec::new());
        for packet in self.out.packets.remove(&no).unwrap_or_default() {
            let packet = Packet::parse(&packet).unwrap();
            if packet.payload.len() > 4 {
                decoder.decode(codec, packet.payload, &mut pcm);
            }
        }
        pcm
    }

    /// One stream, no number twice, none missing, time in step with the numbers.
    fn assert_seamless(&self, no: LegNo) {
        let packets = &self.out.packets[&no];
        let packets: Vec<_> = packets.iter().map(|p| Packet::parse(p).unwrap()).collect();
        for pair in packets.windows(2) {
            assert_eq!(pair[1].header.sequence.wrapping_sub(pair[0].header.sequence), 1);
            assert_eq!(pair[1].header.ssrc, pair[0].header.ssrc);
        }
        // Events keep the time of their start while speech goes on (RFC 4733 §2.2).
        let speech: Vec<_> = packets.iter().filter(|p| p.payload.len() > 4).collect();
        for pair in speech.windows(2) {
            let step = pair[1].header.timestamp.wrapping_sub(pair[0].header.timestamp) as i32;
            assert!(step >= 0);
        }
    }
}

fn opus() -> Media {
    Media::new(Codec::Opus, 111).with_events(110, 48_000)
}

#[test]
fn two_legs_hear_each_other_whatever_their_codecs() {
    let kinds = [Media::pcma(), Media::pcmu(), opus()];
    for (left, right) in (0..9).map(|n| (&kinds[n / 3], &kinds[n % 3])) {
        let mut scene = Scene::new(&[left.clone(), right.clone()]);
        scene.relay.bridge(A, B).unwrap();
        scene.run(1_000);
        scene.assert_seamless(A);
        scene.assert_seamless(B);
        let (a, b) = (scene.heard(A, left.codec), scene.heard(B, right.codec));
        assert!(a.len() >= 7_800, "{left:?} {right:?} {}", a.len());
        assert!(energy_share(&a[1_600..], 500.0) > 0.8, "{left:?} from {right:?}");
        assert!(energy_share(&b[1_600..], 300.0) > 0.8, "{right:?} from {left:?}");
    }
}

#[test]
fn a_stranger_is_neither_heard_nor_recorded_nor_answered() {
    let mut scene = Scene::new(&[Media::pcma(), Media::pcma()]);
    scene.relay.bridge(A, B).unwrap();
    scene.relay.record(LegSet::EMPTY.with(A), LegSet::EMPTY.with(B), 0).unwrap();
    let mut stranger = peer(A, 1_300.0, &Media::pcma());
    stranger.source = Some("203.0.113.66:4000".parse().unwrap());
    scene.peers.push(stranger);
    let mut other_port = peer(A, 1_900.0, &Media::pcma());
    other_port.source = Some(SocketAddr::new(address(A).ip(), 4_002));
    scene.peers.push(other_port);
    scene.run(2_000);
    assert_eq!(scene.relay.stats(A).unwrap().strangers, 200);
    assert_eq!(scene.out.targets[&A], address(A));
    let heard = scene.heard(B, Codec::Pcma);
    assert!(energy_share(&heard, 300.0) > 0.95);
    assert!(energy_share(&heard, 1_300.0) < 0.01 && energy_share(&heard, 1_900.0) < 0.01);
    let left: Vec<i16> = scene.out.chunks.iter().flat_map(|c| c.stereo.iter().step_by(2)).copied().collect();
    assert!(left.len() > 11_000);
    assert!(energy_share(&left, 300.0) > 0.95 && energy_share(&left, 1_300.0) < 0.01);
}

#[test]
fn prompt_agent_music_agent_is_one_stream() {
    let mut scene = Scene::new(&[Media::pcma(), opus()]);
    let prompt = Sound::Clip(Clip::new(sine(1_000.0, 8_000.0, 8_000)));
    scene.relay.bridge(A, B).unwrap();
    scene.relay.play(A, vec![prompt], Repeat::Once).unwrap();
    scene.run(1_000);
    assert!(energy_share(&scene.out.clone_heard(A), 1_000.0) > 0.9, "the prompt covers the agent");
    scene.run(1_000);
    assert!(scene.out.events.contains(&(A, LegEvent::PlayFinished)));
    let music = Sound::Clip(Clip::new(sine(1_500.0, 8_000.0, 1_600)));
    scene.relay.play(A, vec![music], Repeat::Forever).unwrap();
    scene.run(1_000);
    scene.relay.stop_play(A).unwrap();
    scene.run(1_000);
    scene.assert_seamless(A);
    let heard = scene.heard(A, Codec::Pcma);
    let seconds: Vec<&[i16]> = heard.chunks(8_000).collect();
    for (second, tone) in [1_000.0, 500.0, 1_500.0, 500.0].into_iter().enumerate() {
        let share = energy_share(&seconds[second][800..7_000], tone);
        assert!(share > 0.8, "second {second}: {share}");
    }
    let finished = scene.out.events.iter().filter(|e| e.1 == LegEvent::PlayFinished).count();
    assert_eq!(finished, 1, "stopped music does not report an end");
}

impl Out {
    fn clone_heard(&self, no: LegNo) -> Vec<i16> {
        let packets = self.packets[&no].iter();
        packets.flat_map(|p| p[12..].iter().map(|&b| crate::codec::decode_alaw(b))).collect()
    }
}

#[test]
fn on_hold_nothing_passes_and_the_held_hears_music() {
    let mut scene = Scene::new(&[Media::pcma(), Media::pcma()]);
    scene.relay.bridge(A, B).unwrap();
    scene.run(200);
    // The agent's phone puts us on hold: a=sendonly or inactive there.
    let mut held = Remote::new(address(B), Media::pcma());
    held.direction = Direction::INACTIVE;
    scene.relay.set_remote(B, held, scene.now).unwrap();
    let music = Sound::Clip(Clip::new(sine(1_500.0, 8_000.0, 1_600)));
    scene.relay.play(A, vec![music], Repeat::Forever).unwrap();
    scene.out.packets.clear();
    scene.run(1_000);
    assert!(!scene.out.packets.contains_key(&B), "the holder gets nothing");
    assert!(energy_share(&scene.heard(A, Codec::Pcma), 1_500.0) > 0.9);
    scene.relay.set_remote(B, Remote::new(address(B), Media::pcma()), scene.now).unwrap();
    scene.relay.stop_play(A).unwrap();
    scene.run(1_000);
    assert!(energy_share(&scene.heard(A, Codec::Pcma), 500.0) > 0.9);
    assert!(energy_share(&scene.heard(B, Codec::Pcma), 300.0) > 0.9);
}

#[test]
fn three_in_conference_hear_the_two_others() {
    let mut scene = Scene::new(&[Media::pcma(), opus(), Media::pcmu()]);
    scene.relay.conference([A, B, C].into_iter().collect()).unwrap();
    scene.run(2_000);
    for (no, codec, own) in [(A, Codec::Pcma, 300.0), (B, Codec::Opus, 500.0), (C, Codec::Pcmu, 800.0)] {
        scene.assert_seamless(no);
        let heard = scene.heard(no, codec);
        for tone in [300.0, 500.0, 800.0] {
            let share = energy_share(&heard[4_000..], tone);
            assert_eq!(share > 0.25, tone != own, "{no:?} {tone} {share}");
        }
    }
    scene.relay.close(C).unwrap();
    scene.peers.pop();
    scene.run(1_000);
    assert!(energy_share(&scene.heard(A, Codec::Pcma)[800..], 500.0) > 0.8, "two again: relayed");
}

#[test]
fn lost_packets_leave_no_hole_in_a_mix() {
    let mut scene = Scene::new(&[Media::pcma(), Media::pcma(), Media::pcma()]);
    scene.relay.conference([A, B, C].into_iter().collect()).unwrap();
    scene.relay.mute(B, true).unwrap();
    for round in 0..100 {
        if round % 20 == 0 {
            scene.peers[0].skip(); // 5 % loss
        }
        scene.run(20);
    }
    let heard = scene.heard(C, Codec::Pcma);
    let silent = |span: &[i16]| span.iter().all(|s| s.abs() < 50);
    assert!(!heard[1_600..].windows(FRAME).any(silent));
    scene.peers[0].source = None; // gone for good: silence follows, not an endless echo
    scene.run(400);
    assert!(silent(&scene.heard(C, Codec::Pcma)[2_400..]));
}

#[test]
fn rtcp_on_the_rtp_port_is_no_speech() {
    let mut scene = Scene::new(&[Media::pcma()]);
    let mut report = Vec::new();
    let block = crate::rtp::ReportBlock { fraction_lost: 12, ..Default::default() };
    crate::rtp::write_report(5, None, &[block], "x", &mut report);
    let other_port = SocketAddr::new(address(A).ip(), 4_444);
    scene.relay.handle_rtp(A, Some(other_port), &report, 0, &mut scene.out);
    scene.run(40);
    assert_eq!(scene.out.events, [(A, LegEvent::FirstPacket)], "the report did not latch");
    assert_eq!(scene.relay.stats(A).unwrap().received, 2);
}

#[test]
fn a_supervisor_listens_and_whispers_unheard_by_the_caller() {
    let mut scene = Scene::new(&[Media::pcma(), Media::pcma(), Media::pcma()]);
    let set = |legs: &[LegNo]| legs.iter().copied().collect::<LegSet>();
    scene.relay.hear(A, set(&[B])).unwrap();
    scene.relay.hear(B, set(&[A, C])).unwrap();
    scene.relay.hear(C, set(&[A, B])).unwrap();
    scene.run(2_000);
    let shares = |heard: Vec<i16>| [300.0, 500.0, 800.0].map(|t| energy_share(&heard[4_000..], t));
    let [own, agent, whisper] = shares(scene.heard(A, Codec::Pcma));
    assert!(own < 0.01 && agent > 0.9 && whisper < 0.01);
    let [caller, own, whisper] = shares(scene.heard(B, Codec::Pcma));
    assert!(caller > 0.3 && own < 0.01 && whisper > 0.3);
    let [caller, agent, own] = shares(scene.heard(C, Codec::Pcma));
    assert!(caller > 0.3 && agent > 0.3 && own < 0.01);
}

#[test]
fn both_tracks_hold_their_speaker_and_prompts_are_on_the_hubs_side() {
    let mut scene = Scene::new(&[Media::pcma(), opus()]);
    scene.relay.record(LegSet::EMPTY.with(A), LegSet::EMPTY.with(B), 0).unwrap();
    let notice = Sound::Clip(Clip::new(sine(1_000.0, 8_000.0, 8_000)));
    scene.relay.play(A, vec![notice], Repeat::Once).unwrap();
    scene.relay.mute(B, true).unwrap();
    scene.run(1_000);
    scene.relay.mute(B, false).unwrap();
    scene.relay.bridge(A, B).unwrap();
    scene.run(2_000);
    scene.relay.record_pause(true).unwrap();
    scene.run(1_000);
    let now = scene.now;
    scene.relay.record_stop(now, &mut scene.out).unwrap();
    assert_eq!(scene.relay.record_pause(true), Err(RelayError::NotRecording));
    let stereo: Vec<i16> = scene.out.chunks.iter().flat_map(|c| c.stereo.clone()).collect();
    let track = |n: usize| stereo.iter().skip(n).step_by(2).copied().collect::<Vec<i16>>();
    let (left, right) = (track(0), track(1));
    assert_eq!(left.len(), 32_000);
    assert!(energy_share(&left[..24_000], 300.0) > 0.95);
    assert!(energy_share(&right[800..7_200], 1_000.0) > 0.9);
    assert!(energy_share(&right[9_600..23_000], 500.0) > 0.8);
    assert!(left[24_800..].iter().chain(&right[24_800..]).all(|&s| s == 0), "paused");
}

#[test]
fn keys_are_reported_once_and_relayed_with_their_own_type() {
    let a = Media::pcma().with_events(101, 8_000);
    for (b, key_type) in [(Media::pcmu().with_events(96, 8_000), 96), (opus(), 110)] {
        let mut scene = Scene::new(&[a.clone(), b]);
        scene.relay.bridge(A, B).unwrap();
        scene.run(200);
        let mut header = Header { payload_type: 101, ..scene.peers[0].header };
        for duration in [160, 320, 480] {
            let event = TelephoneEvent { event: 7, end: duration == 480, volume: 10, duration };
            let mut packet = Vec::new();
            header.write(&event.to_bytes(), &mut packet);
            scene.relay.handle_rtp(A, Some(address(A)), &packet, scene.now, &mut scene.out);
            header.sequence = header.sequence.wrapping_add(1);
            scene.peers[0].skip();
            scene.now += 20;
        }
        scene.peers[1].at = 0;
        scene.run(200);
        scene.assert_seamless(B);
        let digits: Vec<_> = scene.out.events.iter().filter(|e| matches!(e.1, LegEvent::Digit(_))).collect();
        assert_eq!(digits, [&(A, LegEvent::Digit('7'))]);
        let packets = &scene.out.packets[&B];
        let events: Vec<_> =
            packets.iter().map(|p| Packet::parse(p).unwrap()).filter(|p| p.header.payload_type == key_type).collect();
        assert_eq!(events.len(), 3);
        assert!(events.iter().all(|e| e.header.timestamp == events[0].header.timestamp));
        let last = TelephoneEvent::parse(events[2].payload).unwrap();
        let scale = if key_type == 110 { 6 } else { 1 };
        assert_eq!((last.event, last.end, last.duration), (7, true, 480 * scale));
    }
}

#[test]
fn our_keys_reach_the_far_end_as_events_or_tones() {
    let with_events = Media::pcma().with_events(101, 8_000);
    let mut scene = Scene::new(&[with_events, Media::pcma()]);
    assert_eq!(scene.relay.press(A, "1x"), Err(RelayError::Key('x')));
    scene.relay.bridge(A, B).unwrap();
    scene.relay.press(A, "12#").unwrap();
    scene.relay.press(B, "45").unwrap();
    scene.run(1_000);
    scene.assert_seamless(A);
    let mut receiver = crate::rtp::DtmfReceiver::default();
    let mut events = String::new();
    for packet in &scene.out.packets[&A] {
        let packet = Packet::parse(packet).unwrap();
        if packet.header.payload_type == 101 {
            let event = TelephoneEvent::parse(packet.payload).unwrap();
            events.extend(receiver.handle(packet.header.timestamp, event));
        }
    }
    assert_eq!(events, "12#");
    let (mut detector, mut tones) = (crate::tone::DtmfDetector::default(), String::new());
    detector.push(&scene.heard(B, Codec::Pcma), |key| tones.push(key));
    assert_eq!(tones, "45");
}

#[test]
fn keys_in_the_speech_are_heard_where_asked_for() {
    let mut scene = Scene::new(&[]);
    let settings = LegSettings { inband_digits: true, ..LegSettings::default() };
    scene.relay.open(A, settings, 0).unwrap();
    scene.relay.set_remote(A, Remote::new(address(A), Media::pcma()), 0).unwrap();
    let mut caller = peer(A, 300.0, &Media::pcma());
    caller.tone = crate::tone::dtmf_tone('9', 1_600).unwrap();
    caller.tone.resize(16_000, 0);
    scene.peers.push(caller);
    scene.run(1_000);
    let keys = scene.out.events.iter().filter(|e| e.1 == LegEvent::Digit('9')).count();
    assert_eq!(keys, 1);
}

#[test]
fn silence_of_a_leg_is_told_once_and_its_return_too() {
    let mut scene = Scene::new(&[Media::pcma()]);
    scene.run(100);
    let talker = scene.peers.pop().unwrap();
    scene.run(31_000);
    scene.peers.push(talker);
    scene.run(100);
    let told: Vec<_> = scene.out.events.iter().map(|e| e.1).collect();
    assert_eq!(told, [LegEvent::FirstPacket, LegEvent::MediaTimeout, LegEvent::MediaResumed]);
    let (leg, to) = scene.out.reports[0];
    assert_eq!((leg, to.port(), scene.out.reports.len()), (A, 4_001, 6), "RTCP every 5 s");
}

#[test]
fn a_leg_takes_nothing_before_signalling_and_follows_a_move() {
    let mut scene = Scene::new(&[Media::pcma(), Media::pcma()]);
    scene.relay.close(A).unwrap();
    scene.relay.open(A, LegSettings::default(), 0).unwrap();
    scene.relay.bridge(A, B).unwrap();
    scene.run(200);
    assert!(scene.heard(B, Codec::Pcma).is_empty());
    let moved: SocketAddr = "192.0.2.1:9000".parse().unwrap();
    scene.relay.set_remote(A, Remote::new(moved, Media::pcma()), scene.now).unwrap();
    scene.run(200);
    assert!(scene.heard(B, Codec::Pcma).is_empty(), "still from the old place");
    assert_eq!(scene.out.targets[&A], moved);
    scene.peers[0].source = Some("192.0.2.1:9010".parse().unwrap());
    scene.run(200);
    assert_eq!(scene.out.targets[&A].port(), 9_010, "symmetric RTP");
    assert!(energy_share(&scene.heard(B, Codec::Pcma), 300.0) > 0.9);
}

#[test]
fn an_external_leg_takes_no_datagrams_and_a_udp_leg_no_decrypted_packets() {
    let mut scene = Scene::new(&[Media::pcma(), Media::pcma()]);
    scene.relay.close(A).unwrap();
    let settings = LegSettings { external: true, ..LegSettings::default() };
    scene.relay.open(A, settings, 0).unwrap();
    scene.relay.set_remote(A, Remote::external(Media::pcma()), 0).unwrap();
    scene.relay.bridge(A, B).unwrap();
    scene.run(100);
    assert_eq!(scene.relay.stats(A).unwrap().strangers, 5);
    scene.peers[0].source = None;
    scene.peers[1].source = None;
    scene.run(100);
    assert_eq!(scene.relay.stats(A).unwrap().received, 5);
    assert_eq!(scene.relay.stats(B).unwrap().strangers, 5);
}

#[test]
fn wrong_commands_are_refused_by_name() {
    let mut relay = CallRelay::new(0);
    assert_eq!(relay.open(LegNo(16), LegSettings::default(), 0), Err(RelayError::LegRange(LegNo(16))));
    relay.open(A, LegSettings::default(), 0).unwrap();
    assert_eq!(relay.open(A, LegSettings::default(), 0), Err(RelayError::LegOpen(A)));
    assert_eq!(relay.bridge(A, B), Err(RelayError::NoLeg(B)));
    assert_eq!(relay.close(LegNo(200)), Err(RelayError::NoLeg(LegNo(200))));
    relay.record(LegSet::EMPTY, LegSet::EMPTY, 0).unwrap();
    assert_eq!(relay.record(LegSet::EMPTY, LegSet::EMPTY, 0), Err(RelayError::Recording));
    assert_eq!(Strictness::default(), Strictness::Host);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(80))]
    /// Whatever datagrams and commands come: no panic, and B hears one SSRC only.
    #[test]
    fn any_input_is_survived(
        steps in prop::collection::vec((0u8..8, 0u8..4, prop::collection::vec(any::<u8>(), 0..60)), 0..80),
    ) {
        let mut scene = Scene::new(&[Media::pcma().with_events(101, 8_000), opus(), Media::pcmu()]);
        for (what, no, data) in steps {
            let (no, now) = (LegNo(no), scene.now);
            let _ = match what {
                0 => { scene.relay.handle_rtp(no, Some(address(no)), &data, now, &mut scene.out); Ok(()) }
                1 => { scene.run(20); Ok(()) }
                2 => scene.relay.conference(data.iter().map(|b| LegNo(b % 4)).collect()),
                3 => scene.relay.play(no, vec![Sound::Pause(u64::from(no.0) * 30)], Repeat::Times(2)),
                4 => scene.relay.record(LegSet::EMPTY.with(no), LegSet::EMPTY, now),
                5 => scene.relay.press(no, "1"),
                6 => scene.relay.unbridge(no),
                _ => { scene.relay.handle_rtcp(no, address(no), &data); Ok(()) }
            };
        }
        for packets in scene.out.packets.values() {
            let ssrcs: std::collections::HashSet<_> =
                packets.iter().map(|p| Packet::parse(p).unwrap().header.ssrc).collect();
            prop_assert_eq!(ssrcs.len(), 1);
        }
    }
}
