//! One leg: whom it hears, what it says, its figures and time-outs.

use std::collections::VecDeque;
use std::net::SocketAddr;

use super::ear::Ear;
use super::latch::{Latch, Strictness};
use super::mouth::Mouth;
use super::types::{Direction, EventType, LegEvent, LegNo, LegSet, Media, RelayError, Remote, Sink};
use crate::prompt::{Clip, Player, Repeat, Sound};
use crate::rtp::{
    DtmfReceiver, Frame, Header, JitterBuffer, ReceptionStats, ReportBlock, Rtcp, RtcpPacket, SenderInfo,
    TelephoneEvent, event_of, ntp_of_unix_ms, write_report,
};
use crate::tone::{DtmfDetector, dtmf_tone};
use crate::{PcmFrame, SILENCE};

/// Keys that may wait to be sent: a phone number and some menus.
const MAX_KEYS: usize = 64;
/// A pressed key lasts five frames (100 ms) and is followed by four of silence (Q.24: 40 ms each).
const KEY_FRAMES: u16 = 5;
const KEY_PAUSE: u16 = 4;
/// RFC 4733 §2.5.1.4: the end of an event is sent three times.
const KEY_ENDS: usize = 3;
/// Missing frames in a row that are covered by the last one heard.
const MAX_REPEATS: u8 = 3;
/// RFC 3550 §6.2: the least interval between reports, milliseconds.
const REPORT_MS: u64 = 5_000;

/// How a leg is opened.
#[derive(Clone, Copy, Debug)]
pub struct LegSettings {
    /// A WebRTC leg: decrypted RTP is handed in and out instead of sent over UDP.
    pub external: bool,
    /// How far the source may differ from the signalled address (UDP legs).
    pub strictness: Strictness,
    /// [`LegEvent::MediaTimeout`] after so many milliseconds without RTP; 0 is never.
    pub timeout_ms: u64,
    /// Listen for keys in the speech (the other side sends no telephone events).
    pub inband_digits: bool,
    /// Randomness for SSRC, first sequence number and timestamp.
    pub seed: u64,
}

impl Default for LegSettings {
    fn default() -> Self {
        Self { external: false, strictness: Strictness::Host, timeout_ms: 30_000, inband_digits: false, seed: 0 }
    }
}

/// A leg's figures, for call records and quality reports.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LegStats {
    /// RTP packets accepted.
    pub received: u64,
    /// Packets of the present source that never came.
    pub lost: u64,
    /// Interarrival jitter of the present source, milliseconds.
    pub jitter_ms: u32,
    /// RTP packets sent.
    pub sent: u64,
    /// Loss that the far end last reported, 1/256.
    pub far_fraction_lost: u8,
    /// Packets refused because they came from elsewhere.
    pub strangers: u64,
    /// Datagrams that were no RTP.
    pub malformed: u64,
    /// Packets of a payload type that was not negotiated, or against the direction.
    pub unwanted: u64,
}

/// How packets reach the far end.
pub(super) enum Transport {
    Udp(Latch),
    External,
}

/// A key being pressed.
#[derive(Default)]
struct Keys {
    waiting: VecDeque<u8>,
    /// Event, its timestamp, frames so far.
    pressed: Option<(u8, u32, u16)>,
}

pub(super) struct Leg {
    pub(super) no: LegNo,
    pub(super) transport: Transport,
    pub(super) media: Option<Media>,
    pub(super) direction: Direction,
    pub(super) muted: bool,
    pub(super) hears: LegSet,
    pub(super) ear: Ear,
    pub(super) mouth: Mouth,
    pub(super) player: Option<Player>,
    /// Present while somebody hears this leg in a mix.
    pub(super) jitter: Option<Box<JitterBuffer>>,
    /// The last frame heard in a mix, and how often it has stood for a missing one.
    last: (PcmFrame, u8),
    pub(super) detector: Option<DtmfDetector>,
    pub(super) receiver: DtmfReceiver,
    keys: Keys,
    pub(super) reception: ReceptionStats,
    pub(super) stats: LegStats,
    timeout_ms: u64,
    heard_ms: u64,
    timed_out: bool,
    reported_ms: u64,
    packet: Vec<u8>,
}

impl Leg {
    pub(super) fn new(no: LegNo, settings: &LegSettings, now_ms: u64) -> Self {
        let transport =
            if settings.external { Transport::External } else { Transport::Udp(Latch::new(settings.strictness)) };
        Self {
            no,
            transport,
            media: None,
            direction: Direction::INACTIVE,
            muted: false,
            hears: LegSet::EMPTY,
            ear: Ear::default(),
            mouth: Mouth::new(settings.seed),
            player: None,
            jitter: None,
            last: (SILENCE, MAX_REPEATS),
            detector: settings.inband_digits.then(DtmfDetector::default),
            receiver: DtmfReceiver::default(),
            keys: Keys::default(),
            reception: ReceptionStats::default(),
            stats: LegStats::default(),
            timeout_ms: settings.timeout_ms,
            heard_ms: now_ms,
            timed_out: false,
            reported_ms: now_ms,
            packet: Vec::with_capacity(256),
        }
    }

    pub(super) fn set_remote(&mut self, remote: Remote, now_ms: u64) {
        if let (Transport::Udp(latch), Some(address)) = (&mut self.transport, remote.address) {
            latch.signal(address, remote.signalling_host);
        }
        self.mouth.set_media(&remote.media);
        self.media = Some(remote.media);
        self.direction = remote.direction;
        (self.heard_ms, self.timed_out) = (now_ms, false);
    }

    /// Whether a packet from `source` (`None`: from the WebRTC transport) belongs to this leg.
    pub(super) fn accepts(&mut self, source: Option<SocketAddr>) -> bool {
        match (&mut self.transport, source) {
            (Transport::Udp(latch), Some(source)) => latch.accept(source),
            (Transport::External, None) => true,
            _ => false,
        }
    }

    /// Notes an accepted packet.
    pub(super) fn note_packet(&mut self, header: &Header, now_ms: u64, sink: &mut impl Sink) {
        self.stats.received += 1;
        if self.stats.received == 1 {
            sink.event(self.no, LegEvent::FirstPacket);
        }
        self.heard_ms = now_ms;
        if std::mem::take(&mut self.timed_out) {
            sink.event(self.no, LegEvent::MediaResumed);
        }
        let clock = self.media.as_ref().map_or(crate::RATE, |media| media.codec.clock());
        self.reception.record(header.ssrc, header.sequence, header.timestamp, clock, now_ms);
    }

    /// Sends the packet whose payload the mouth has just made.
    pub(super) fn send(&mut self, header: Header, sink: &mut impl Sink) {
        header.write(self.mouth.payload(), &mut self.packet);
        self.mouth.stream.count(self.packet.len() - 12);
        self.stats.sent += 1;
        emit(&self.transport, self.no, &self.packet, sink);
    }

    /// Passes speech of another codec on, re-encoded.
    pub(super) fn send_transcoded(
        &mut self,
        from: LegNo,
        ssrc: u32,
        heard: super::ear::Heard<'_>,
        now_ms: u64,
        sink: &mut impl Sink,
    ) {
        let Self { mouth, packet, transport, stats, no, .. } = self;
        mouth.transcode(from, ssrc, heard, now_ms, |stream, header, payload| {
            header.write(payload, packet);
            stream.count(payload.len());
            stats.sent += 1;
            emit(transport, *no, packet, sink);
        });
    }

    /// Whether anything may be sent now.
    pub(super) fn can_send(&self) -> bool {
        let reachable = match &self.transport {
            Transport::Udp(latch) => latch.target().is_some(),
            Transport::External => true,
        };
        reachable && self.direction.send && self.media.is_some()
    }

    /// Whether this leg is fed by the packets of `from` alone.
    pub(super) fn follows(&self, from: LegNo) -> bool {
        self.player.is_none() && self.hears == LegSet::EMPTY.with(from) && self.can_send()
    }

    /// Whether this leg gets a mix.
    pub(super) fn mixes(&self) -> bool {
        self.hears.len() > 1
    }

    /// What this leg says to a mix in this tick. A missing frame is the last one again, fading
    /// (G.711 appendix I in its simplest form), for at most 60 ms.
    pub(super) fn mix_frame(&mut self) -> Option<PcmFrame> {
        match self.jitter.as_mut()?.pop() {
            Frame::Audio(frame) => self.last = (frame, 0),
            Frame::Gap if self.last.1 < MAX_REPEATS => {
                self.last.0.iter_mut().for_each(|sample| *sample /= 2);
                self.last.1 += 1;
            }
            Frame::Gap => return None,
        }
        (!self.muted).then_some(self.last.0)
    }

    /// Queues keys to be sent to the far end, as events or, if it takes none, as tones.
    pub(super) fn press(&mut self, keys: &str) -> Result<(), RelayError> {
        let events: Vec<u8> = keys
            .chars()
            .take(MAX_KEYS)
            .map(|key| event_of(key).ok_or(RelayError::Key(key)))
            .collect::<Result<_, _>>()?;
        if self.mouth.send_event().is_some() {
            self.keys.waiting.extend(events);
            self.keys.waiting.truncate(MAX_KEYS);
        } else {
            let tone = |key: char| dtmf_tone(key.to_ascii_uppercase(), 800).map(Clip::new);
            let press = |clip| [Sound::Clip(clip), Sound::Pause(80)];
            let sounds = keys.chars().take(MAX_KEYS).filter_map(tone).flat_map(press).collect();
            self.player = Some(Player::new(sounds, Repeat::Once));
        }
        Ok(())
    }

    /// Sends what is due of the keys at this tick.
    pub(super) fn press_on(&mut self, now_ms: u64, sink: &mut impl Sink) {
        let Some(to) = self.mouth.send_event() else {
            return;
        };
        if !self.can_send() {
            return;
        }
        if self.keys.pressed.is_none() {
            let Some(event) = self.keys.waiting.pop_front() else {
                return;
            };
            self.keys.pressed = Some((event, self.mouth.stream.timestamp_at(now_ms), 0));
        }
        let Some((event, timestamp, frame)) = self.keys.pressed else {
            return;
        };
        let frame = frame + 1;
        self.keys.pressed = (frame < KEY_FRAMES + KEY_PAUSE).then_some((event, timestamp, frame));
        if frame > KEY_FRAMES {
            return;
        }
        let end = frame == KEY_FRAMES;
        let duration = (u32::from(frame) * to.clock / 50) as u16;
        let payload = TelephoneEvent { event, end, volume: 10, duration };
        for _ in 0..if end { KEY_ENDS } else { 1 } {
            self.send_key(payload, to, timestamp, frame == 1, now_ms, sink);
        }
    }

    fn send_key(
        &mut self,
        payload: TelephoneEvent,
        to: EventType,
        timestamp: u32,
        marker: bool,
        now_ms: u64,
        sink: &mut impl Sink,
    ) {
        let header = self.mouth.press(payload, to.payload_type, timestamp, marker, now_ms);
        self.send(header, sink);
    }

    /// Tells of silence that lasts too long.
    pub(super) fn watch(&mut self, now_ms: u64, sink: &mut impl Sink) {
        let expected = self.media.is_some() && self.direction.receive && self.timeout_ms > 0;
        if !expected {
            self.heard_ms = now_ms;
        } else if !self.timed_out && now_ms.saturating_sub(self.heard_ms) >= self.timeout_ms {
            self.timed_out = true;
            sink.event(self.no, LegEvent::MediaTimeout);
        }
    }

    /// Sends a report when one is due.
    pub(super) fn report(&mut self, now_ms: u64, unix_ms: u64, sink: &mut impl Sink) {
        if now_ms.saturating_sub(self.reported_ms) < REPORT_MS {
            return;
        }
        self.reported_ms = now_ms;
        let Transport::Udp(latch) = &self.transport else {
            return;
        };
        let Some(mut to) = latch.target().filter(|_| self.media.is_some()) else {
            return;
        };
        to.set_port(to.port().saturating_add(1));
        let block: Option<ReportBlock> = self.reception.report();
        let (packets, bytes) = self.mouth.stream.sent();
        let sender = (packets > 0).then(|| SenderInfo {
            ntp: ntp_of_unix_ms(unix_ms),
            rtp_timestamp: self.mouth.stream.timestamp_at(now_ms),
            packets,
            bytes,
        });
        self.packet.clear();
        let ssrc = self.mouth.stream.ssrc();
        write_report(ssrc, sender, block.as_slice(), "hub", &mut self.packet);
        sink.send_rtcp(self.no, to, &self.packet);
    }

    /// Takes the far end's report on our stream.
    pub(super) fn take_report(&mut self, source: SocketAddr, data: &[u8]) {
        let Transport::Udp(latch) = &self.transport else {
            return;
        };
        if !latch.accepts_rtcp(source) {
            self.stats.strangers += 1;
            return;
        }
        let ours = self.mouth.stream.ssrc();
        for packet in Rtcp::parse(data).packets {
            if let RtcpPacket::Report { blocks, .. } = packet
                && let Some(block) = blocks.iter().find(|block| block.ssrc == ours)
            {
                self.stats.far_fraction_lost = block.fraction_lost;
            }
        }
    }

    pub(super) fn stats(&self) -> LegStats {
        let clock = self.media.as_ref().map_or(crate::RATE, |media| media.codec.clock());
        LegStats { lost: self.reception.lost(), jitter_ms: self.reception.jitter() / (clock / 1_000), ..self.stats }
    }
}

fn emit(transport: &Transport, no: LegNo, packet: &[u8], sink: &mut impl Sink) {
    match transport {
        Transport::Udp(latch) => {
            if let Some(to) = latch.target() {
                sink.send(no, to, packet);
            }
        }
        Transport::External => sink.external(no, packet),
    }
}
