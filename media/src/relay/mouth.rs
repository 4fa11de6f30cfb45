//! What a leg is told: speech and packets of any source made into its one outgoing stream.

use super::ear::Heard;
use super::stream::{Feed, OutStream};
use super::types::{EventType, LegNo, Media};
use crate::codec::{Codec, Encoder, Framer, a_to_u, u_to_a};
use crate::rtp::{Header, Packet, TelephoneEvent};
use crate::{FRAME, PcmFrame};

/// Length noted for a relayed Opus packet, whose payload does not say it cheaply: 20 ms.
const OPUS_PACKET: u32 = 960;
/// A step in a source's media time by more than this is a new start, samples (1 s).
const MAX_STEP: i64 = 8_000;

/// The sending half of a leg. Each method that may send returns the packet's header; the payload is
/// then in [`payload`](Self::payload).
pub(super) struct Mouth {
    encoder: Encoder,
    send_type: u8,
    send_event: Option<EventType>,
    pub(super) stream: OutStream,
    framer: Framer,
    /// Media time that the next transcoded packet should have, of which source.
    expected: Option<(Feed, i64)>,
    /// Own media time of prompts and mixes.
    made: u32,
    /// Timestamp of an event's source and what it became.
    event: Option<(Feed, u32, u32)>,
    payload: Vec<u8>,
}

impl Mouth {
    pub(super) fn new(seed: u64) -> Self {
        let codec = Codec::Pcma;
        Self {
            encoder: Encoder::new(codec),
            send_type: 8,
            send_event: None,
            stream: OutStream::new(seed, codec.clock()),
            framer: Framer::default(),
            expected: None,
            made: 0,
            event: None,
            payload: Vec::with_capacity(FRAME),
        }
    }

    pub(super) fn set_media(&mut self, media: &Media) {
        if media.codec != self.encoder.codec() {
            self.encoder = Encoder::new(media.codec);
            self.expected = None;
        }
        self.send_type = media.send_type;
        self.send_event = media.send_event;
        self.stream.set_clock(media.codec.clock());
    }

    /// The payload of the last packet made.
    pub(super) fn payload(&self) -> &[u8] {
        &self.payload
    }

    pub(super) fn send_event(&self) -> Option<EventType> {
        self.send_event
    }

    /// Whether packets of `codec` go through as they are, or by a table, without being decoded.
    pub(super) fn passes(&self, codec: Codec) -> bool {
        codec.clock() == self.encoder.codec().clock()
    }

    /// Passes on a packet; `None` if it is too old.
    pub(super) fn relay(&mut self, from: LegNo, codec: Codec, packet: &Packet<'_>, now_ms: u64) -> Option<Header> {
        let lasting = if codec == Codec::Opus { OPUS_PACKET } else { packet.payload.len() as u32 };
        let feed = Feed::Relayed(from.0, packet.header.ssrc);
        let source = &packet.header;
        let header = self.stream.relay(feed, source, source.timestamp, lasting, now_ms)?;
        self.payload.clear();
        match (codec, self.encoder.codec()) {
            (Codec::Pcma, Codec::Pcmu) => self.payload.extend(packet.payload.iter().map(|&b| a_to_u(b))),
            (Codec::Pcmu, Codec::Pcma) => self.payload.extend(packet.payload.iter().map(|&b| u_to_a(b))),
            _ => self.payload.extend_from_slice(packet.payload),
        }
        Some(Header { payload_type: self.send_type, ..header })
    }

    /// Encodes another codec's speech; calls `send` once per frame of 20 ms.
    pub(super) fn transcode(
        &mut self,
        from: LegNo,
        ssrc: u32,
        heard: Heard<'_>,
        now_ms: u64,
        mut send: impl FnMut(&mut OutStream, Header, &[u8]),
    ) {
        let feed = Feed::Transcoded(from.0, ssrc);
        let Some(mut skipped) = self.line_up(feed, heard) else {
            return;
        };
        let units = self.encoder.codec().units_per_sample();
        let mut media = heard.media - self.framer.held() as i64;
        self.framer.push(heard.pcm);
        while let Some(frame) = self.framer.pop() {
            self.encoder.encode(&frame, &mut self.payload);
            let timestamp = (media as u32).wrapping_mul(units);
            let header = self.stream.made(feed, timestamp, units * FRAME as u32, skipped, now_ms);
            send(&mut self.stream, Header { payload_type: self.send_type, ..header }, &self.payload);
            media += FRAME as i64;
            skipped = 0;
        }
    }

    /// Compares a packet's place with the expected one; `None` if it is to be dropped, else how
    /// many packets the receiver shall see missing.
    fn line_up(&mut self, feed: Feed, heard: Heard<'_>) -> Option<u16> {
        let end = heard.media + heard.pcm.len() as i64;
        let step = match self.expected {
            Some((of, expected)) if of == feed => heard.media - expected,
            _ => MAX_STEP + 1,
        };
        if heard.late && step.abs() <= MAX_STEP {
            return None;
        }
        if step != 0 {
            self.framer.clear();
        }
        self.expected = Some((feed, end));
        Some(heard.lost)
    }

    /// Encodes a frame that we make ourselves: prompt, tone, mix.
    pub(super) fn speak(&mut self, frame: &PcmFrame, now_ms: u64) -> Header {
        self.encoder.encode(frame, &mut self.payload);
        let lasting = self.encoder.codec().units_per_sample() * FRAME as u32;
        let header = self.stream.made(Feed::Made, self.made, lasting, 0, now_ms);
        self.made = self.made.wrapping_add(lasting);
        Header { payload_type: self.send_type, ..header }
    }

    /// Passes on a key press; `None` if the receiver takes no telephone events or it is too old.
    pub(super) fn relay_event(
        &mut self,
        from: LegNo,
        source: &Header,
        event: TelephoneEvent,
        clock: u32,
        passes: bool,
        now_ms: u64,
    ) -> Option<Header> {
        let to = self.send_event?;
        let header = if passes {
            let feed = Feed::Relayed(from.0, source.ssrc);
            self.stream.relay(feed, source, source.timestamp, 0, now_ms)?
        } else {
            let feed = Feed::Transcoded(from.0, source.ssrc);
            let timestamp = match self.event {
                Some((of, before, became)) if of == feed && before == source.timestamp => became,
                _ => self.stream.timestamp_at(now_ms),
            };
            self.event = Some((feed, source.timestamp, timestamp));
            self.stream.inserted(timestamp, source.marker, now_ms)
        };
        let duration = u64::from(event.duration) * u64::from(to.clock) / u64::from(clock.max(1));
        let duration = u16::try_from(duration).unwrap_or(u16::MAX);
        self.set_event(TelephoneEvent { duration, ..event });
        Some(Header { payload_type: to.payload_type, ..header })
    }

    /// Puts an event of our own into the stream.
    pub(super) fn press(
        &mut self,
        event: TelephoneEvent,
        payload_type: u8,
        timestamp: u32,
        marker: bool,
        now_ms: u64,
    ) -> Header {
        self.set_event(event);
        let header = self.stream.inserted(timestamp, marker, now_ms);
        Header { payload_type, ..header }
    }

    fn set_event(&mut self, event: TelephoneEvent) {
        self.payload.clear();
        self.payload.extend_from_slice(&event.to_bytes());
    }
}
