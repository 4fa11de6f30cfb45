//! Browser phone legs against the WebRTC crate's own client, without sockets and on a virtual clock.
#![allow(clippy::unwrap_used, missing_docs)]

mod rtc_support;

use bytes::Bytes;
use liandong_media::rtc::packet::RtpPacket;
use liandong_media::rtc::phone::{AudioCodec, PhoneEvent, PhonePeer};
use liandong_media::rtc::transport::Identity;
use rtc::rtp_transceiver::RTCRtpTransceiverDirection;
use rtc::rtp_transceiver::rtp_sender::RtpCodecKind;
use rtc_support::{Browser, codec};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

const WANTED: [AudioCodec; 3] = [AudioCodec::Opus, AudioCodec::Pcma, AudioCodec::Pcmu];

struct Call {
    browser: Browser,
    phone: PhonePeer,
    now: Instant,
    connected: bool,
    heard: Vec<RtpPacket>,
}

fn addresses() -> (SocketAddr, SocketAddr) {
    (([127, 0, 0, 1], 40_001).into(), ([127, 0, 0, 1], 7882).into())
}

impl Call {
    fn drive(&mut self, time: Duration) {
        let end = self.now + time;
        while self.now < end {
            self.now += Duration::from_millis(5);
            self.exchange();
        }
    }

    fn exchange(&mut self) {
        for data in self.browser.drain(self.now) {
            self.phone.handle_datagram(self.browser.address, data, self.now);
        }
        if self.phone.poll_timeout().is_some_and(|at| at <= self.now) {
            self.phone.handle_timeout(self.now);
        }
        while let Some(event) = self.phone.poll_event() {
            match event {
                PhoneEvent::Connected => self.connected = true,
                PhoneEvent::Rtp(packet) => self.heard.push(packet),
                PhoneEvent::Interrupted | PhoneEvent::Closed => self.connected = false,
            }
        }
        while let Some((to, data)) = self.phone.poll_datagram() {
            assert_eq!(to, self.browser.address);
            self.browser.handle(data, self.now);
        }
    }
}

fn called(
    mime: &str,
    clock_rate: u32,
    channels: u16,
    wanted: &[AudioCodec],
) -> (Call, rtc::rtp_transceiver::RTCRtpSenderId) {
    let now = Instant::now();
    let (address, server) = addresses();
    let mut browser = Browser::new(address, server, now);
    let sender = browser.add_track(
        RtpCodecKind::Audio,
        "mic",
        4711,
        codec(mime, clock_rate, channels),
        RTCRtpTransceiverDirection::Sendrecv,
    );
    let offer = browser.offer(now);
    let (phone, answer) = PhonePeer::answer(&offer, wanted, &Identity::new(vec![server]).unwrap(), now).unwrap();
    browser.set_answer(&answer, now);
    (Call { browser, phone, now, connected: false, heard: Vec::new() }, sender)
}

fn speech(source: u32, index: u16, payload_type: u8) -> RtpPacket {
    RtpPacket {
        payload_type,
        sequence: index,
        timestamp: u32::from(index) * 160,
        ssrc: source,
        payload: Bytes::from_static(&[0xd5; 160]),
        ..RtpPacket::default()
    }
}

#[test]
fn a_browser_calls_and_both_hear_each_other() {
    let (mut call, sender) = called("audio/PCMA", 8000, 1, &[AudioCodec::Pcma]);
    call.drive(Duration::from_secs(2));
    assert!(call.connected && call.browser.connected);
    let media = call.phone.media().unwrap().clone();
    assert_eq!((media.codec, media.payload_type), (AudioCodec::Pcma, 8));
    for index in 0..50 {
        call.browser.send(sender, 8, index, u32::from(index) * 160, &[0x55; 160], call.now);
        call.phone.write_rtp(speech(1, index, 8), call.now);
        call.drive(Duration::from_millis(20));
    }
    assert_eq!(call.heard.len(), 50);
    assert_eq!(&call.heard[0].payload[..], &[0x55; 160]);
    assert_eq!(call.browser.packets.len(), 50);
    assert_eq!(&call.browser.packets[0].1.payload[..], &[0xd5; 160]);
}

#[test]
fn a_changed_source_goes_on_without_a_gap() {
    let (mut call, _) = called("audio/PCMA", 8000, 1, &[AudioCodec::Pcma]);
    call.drive(Duration::from_secs(2));
    for (source, start) in [(1u32, 60_000u16), (2, 5), (1, 900)] {
        for index in 0..10 {
            call.phone.write_rtp(speech(source, start + index, 8), call.now);
            call.drive(Duration::from_millis(20));
        }
    }
    let numbers: Vec<u16> = call.browser.packets.iter().map(|(_, packet)| packet.header.sequence_number).collect();
    let expected: Vec<u16> = (0..30).map(|index| 60_000 + index).collect();
    assert_eq!(numbers, expected);
}

#[test]
fn the_hub_calls_a_browser() {
    let now = Instant::now();
    let (address, server) = addresses();
    let (mut phone, offer) = PhonePeer::offer(&WANTED, &Identity::new(vec![server]).unwrap(), now).unwrap();
    let mut browser = Browser::new(address, server, now);
    let sender = browser.add_track(
        RtpCodecKind::Audio,
        "mic",
        4711,
        codec("audio/opus", 48_000, 2),
        RTCRtpTransceiverDirection::Sendrecv,
    );
    let answer = browser.answer(&offer, now);
    let media = phone.set_answer(&answer, now).unwrap();
    assert_eq!((media.codec, media.payload_type), (AudioCodec::Opus, 111));
    let mut call = Call { browser, phone, now, connected: false, heard: Vec::new() };
    call.drive(Duration::from_secs(2));
    assert!(call.connected && call.browser.connected);
    for index in 0..20 {
        call.browser.send(sender, 111, index, u32::from(index) * 960, b"opus", call.now);
        call.phone.write_rtp(RtpPacket { payload: Bytes::from_static(b"back"), ..speech(1, index, 111) }, call.now);
        call.drive(Duration::from_millis(20));
    }
    assert_eq!((call.heard.len(), call.browser.packets.len()), (20, 20));
}

#[test]
fn hold_and_resume_by_the_browser() {
    let (mut call, _) = called("audio/PCMA", 8000, 1, &[AudioCodec::Pcma]);
    call.drive(Duration::from_secs(2));
    let offer = call.browser.offer(call.now);
    let held = call.phone.accept_offer(&offer.replace("a=sendrecv", "a=inactive"), call.now).unwrap();
    assert!(held.contains("a=inactive"));
    assert!(!call.phone.media().unwrap().browser_listens);
    call.phone.write_rtp(speech(1, 1, 8), call.now);
    call.drive(Duration::from_millis(40));
    assert!(call.browser.packets.is_empty());
    let resumed = call.phone.accept_offer(&offer, call.now).unwrap();
    call.browser.set_answer(&resumed, call.now);
    call.phone.write_rtp(speech(1, 2, 8), call.now);
    call.drive(Duration::from_millis(40));
    assert_eq!(call.browser.packets.len(), 1);
}

#[test]
fn the_browser_hangs_up_or_disappears() {
    let (mut call, _) = called("audio/PCMA", 8000, 1, &[AudioCodec::Pcma]);
    call.drive(Duration::from_secs(2));
    assert!(call.connected);
    let mut closed = false;
    for _ in 0..40 {
        call.now += Duration::from_secs(1);
        call.phone.handle_timeout(call.now);
        while let Some(event) = call.phone.poll_event() {
            closed |= matches!(event, PhoneEvent::Closed);
        }
        while call.phone.poll_datagram().is_some() {}
    }
    assert!(closed, "a vanished browser is noticed");
}

#[test]
fn no_common_codec_is_refused_with_the_reason() {
    let now = Instant::now();
    let (address, server) = addresses();
    let mut browser = Browser::new(address, server, now);
    browser.add_track(
        RtpCodecKind::Audio,
        "mic",
        1,
        codec("audio/PCMA", 8000, 1),
        RTCRtpTransceiverDirection::Sendrecv,
    );
    let offer = browser.offer(now);
    let refused = PhonePeer::answer(&offer, &[AudioCodec::Opus], &Identity::new(vec![server]).unwrap(), now);
    assert!(refused.err().unwrap().to_string().contains("no audio codec in common"));
}
