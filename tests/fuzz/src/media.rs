//! RTP, RTCP, browsers' descriptions and datagrams: what strangers send to media ports.

use std::sync::OnceLock;
use std::time::Instant;

use liandong_media::FRAME;
use liandong_media::record::Chunk;
use liandong_media::relay::{CallRelay, LegEvent, LegNo, LegSet, LegSettings, Media, Remote, Sink};
use liandong_media::rtc::packet::RtpPacket;
use liandong_media::rtc::sdp::Description;
use liandong_media::rtc::transport::Identity;
use liandong_media::rtp::{
    DtmfReceiver, Frame, JitterBuffer, MAX_PACKET, Packet, ReceptionStats, Rtcp, RtcpPacket, TelephoneEvent,
    looks_like_rtcp, write_report,
};
use liandong_media::sfu::{PeerId, Sfu, Shape, VideoFormat};

/// Any text as a browser's description: it is refused, or what is written of it reads back as the same.
pub(crate) fn rtc_sdp(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let Ok(description) = Description::parse(text) else { return };
    if description.sections.is_empty() {
        return; // nothing to write: transport attributes stand in sections
    }
    let written = description.to_string();
    let again = Description::parse(&written).expect("written by us").to_string();
    // A section left without codecs is written with `0`, which in an audio section names one: from then on it stays.
    assert_eq!(Description::parse(&again).expect("written by us").to_string(), again);
}

/// Any datagrams against an SFU with one peer, and any payloads against the key frame finders.
pub(crate) fn rtc_datagram(data: &[u8]) {
    static IDENTITY: OnceLock<Identity> = OnceLock::new();
    let server = ([127, 0, 0, 1], 7882).into();
    let identity = IDENTITY.get_or_init(|| Identity::new(vec![server]).expect("a certificate can be made"));
    let now = Instant::now();
    let mut sfu = Sfu::new(identity.clone());
    sfu.add_peer(PeerId(1), Shape::Dual, now).expect("the first peer is admitted");
    if let Ok(text) = std::str::from_utf8(data) {
        let _ = sfu.remote_offer(PeerId(1), text, now);
    }
    for datagram in data.chunks(64) {
        sfu.handle_datagram(([127, 0, 0, 2], 9).into(), datagram.into(), now);
        for format in [VideoFormat::Vp8, VideoFormat::H264, VideoFormat::Vp9, VideoFormat::Av1] {
            let _ = format.begins_key_frame(datagram);
        }
    }
    while sfu.poll_datagram().is_some() {}
}

/// Datagrams taken of one input: more only repeat themselves.
const DATAGRAMS_MAX: usize = 100;

/// Datagrams in one input: two octets of length before each.
fn datagrams(mut data: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut left = DATAGRAMS_MAX;
    std::iter::from_fn(move || {
        left = left.checked_sub(1)?;
        let (length, rest) = data.split_first_chunk::<2>()?;
        let length = usize::from(u16::from_be_bytes(*length)).min(rest.len()).min(MAX_PACKET);
        let (datagram, rest) = rest.split_at(length);
        data = rest;
        Some(datagram)
    })
}

/// Any datagrams as RTP, RTCP and keys: what parses is written so that it parses again; the jitter buffer plays on.
pub(crate) fn rtp(data: &[u8]) {
    let (mut jitter, mut keys, mut stats) =
        (JitterBuffer::default(), DtmfReceiver::default(), ReceptionStats::default());
    for (datagram, now_ms) in datagrams(data).zip((0..).step_by(20)) {
        report(datagram);
        let borrowed = Packet::parse(datagram);
        let owned = RtpPacket::parse(&datagram.to_vec().into());
        let Ok(packet) = borrowed else { continue };
        let mut written = Vec::new();
        packet.header.write(packet.payload, &mut written);
        let again = Packet::parse(&written).expect("written by us");
        assert_eq!((again.header, again.payload), (packet.header, packet.payload));
        // The two readers (relay and SFU) mean the same packet by the same octets.
        let owned = owned.expect("what the relay reads the SFU reads too");
        assert_eq!(owned.to_bytes(), written);
        if let Some(event) = TelephoneEvent::parse(packet.payload) {
            assert_eq!(TelephoneEvent::parse(&event.to_bytes()), Some(event));
            let _ = keys.handle(packet.header.timestamp, event);
        }
        stats.record(packet.header.ssrc, packet.header.sequence, packet.header.timestamp, 8_000, now_ms);
        let _ = (stats.lost(), stats.jitter(), stats.report());
        jitter.push(i64::from(packet.header.timestamp), &[1; FRAME]);
        if let Frame::Audio(samples) = jitter.pop() {
            assert!(samples.iter().all(|s| *s == 0 || *s == 1), "only what was put in comes out");
        }
    }
}

fn report(datagram: &[u8]) {
    let _ = looks_like_rtcp(datagram);
    for packet in Rtcp::parse(datagram).packets {
        let RtcpPacket::Report { ssrc, sender, blocks } = packet else { continue };
        let mut written = Vec::new();
        write_report(ssrc, sender, &blocks, "l", &mut written);
        assert_eq!(Rtcp::parse(&written).packets.first(), Some(&RtcpPacket::Report { ssrc, sender, blocks }));
    }
}

/// Counts what leaves a relay.
#[derive(Default)]
struct Counter {
    sent: usize,
}

impl Sink for Counter {
    fn send(&mut self, _: LegNo, to: std::net::SocketAddr, packet: &[u8]) {
        assert!(packet.len() <= MAX_PACKET);
        assert_eq!(to.ip(), std::net::IpAddr::from([192, 0, 2, 1]), "speech goes only where it was signalled");
        self.sent += 1;
    }
    fn send_rtcp(&mut self, _: LegNo, _: std::net::SocketAddr, _: &[u8]) {}
    fn external(&mut self, _: LegNo, _: &[u8]) {}
    fn event(&mut self, _: LegNo, _: LegEvent) {}
    fn recorded(&mut self, _: Chunk) {}
}

/// Any datagrams into a recorded call of two: nothing is sent to a stranger, and one packet makes at most one.
pub(crate) fn relay(data: &[u8]) {
    let (a, b) = (LegNo(0), LegNo(1));
    let mut call = CallRelay::new(0);
    let mut out = Counter::default();
    for leg in [a, b] {
        call.open(leg, LegSettings::default(), 0).expect("two legs fit");
        let media = Media::pcma().with_events(101, 8_000);
        call.set_remote(leg, Remote::new(([192, 0, 2, 1], 4_000 + u16::from(leg.0)).into(), media), 0)
            .expect("it is open");
    }
    call.bridge(a, b).expect("both are open");
    call.record(LegSet::default().with(a), LegSet::default().with(b), 0).expect("nothing is recorded yet");
    for (datagram, now_ms) in datagrams(data).zip((0..).step_by(20)) {
        let Some((&how, packet)) = datagram.split_first() else { continue };
        let leg = LegNo(how & 1);
        let host = if how & 2 == 0 { [192, 0, 2, 1] } else { [198, 51, 100, 7] };
        let source = (host, 4_000 + u16::from(leg.0)).into();
        let before = out.sent;
        match how & 4 {
            0 => call.handle_rtp(leg, Some(source), packet, now_ms, &mut out),
            _ => call.handle_rtcp(leg, source, packet),
        }
        assert!(out.sent <= before + 1, "no amplifier");
        if how & 8 != 0 {
            call.tick(now_ms, &mut out);
        }
    }
    call.record_stop(20 * DATAGRAMS_MAX as u64, &mut out).expect("it was recorded");
}
