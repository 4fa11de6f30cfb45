//! A browser as a telephone: one audio stream both ways, for JsSIP over SIP/WebSocket.
//!
//! Pure (no socket, no clock). It answers the browser's description or offers one, and exchanges decrypted RTP
//! with whoever owns the call. It knows no SIP: descriptions come and go as text.

use super::continuity::Continuity;
use super::packet::RtpPacket;
use super::sdp::{Codec, Description, Direction, Extension, Kind, SdpError, Section, Setup, uri};
use super::transport::{Event, Identity, Transport, TransportError};
use bytes::BytesMut;
use std::net::SocketAddr;
use std::time::Instant;

/// Audio codecs of browser legs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AudioCodec {
    /// Opus, 48 kHz (RFC 7587).
    Opus,
    /// G.711 A-law, the usual one in China and Europe.
    Pcma,
    /// G.711 µ-law.
    Pcmu,
    /// G.722 wideband; its RTP clock is 8 kHz (RFC 3551 §4.5.2).
    G722,
}

impl AudioCodec {
    fn name(self) -> &'static str {
        match self {
            Self::Opus => "opus",
            Self::Pcma => "PCMA",
            Self::Pcmu => "PCMU",
            Self::G722 => "G722",
        }
    }

    /// Our payload type where we offer.
    fn offered(self) -> Codec {
        let (payload_type, clock_rate, channels, fmtp) = match self {
            Self::Opus => (111, 48_000, 2, "minptime=10;useinbandfec=1"),
            Self::Pcma => (8, 8000, 1, ""),
            Self::Pcmu => (0, 8000, 1, ""),
            Self::G722 => (9, 8000, 1, ""),
        };
        let name = self.name().to_owned();
        Codec { payload_type, name, clock_rate, channels, fmtp: fmtp.into(), feedback: Vec::new() }
    }
}

/// What was agreed for the audio stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PhoneMedia {
    /// The codec to send, with the payload type to use.
    pub codec: AudioCodec,
    /// Payload type of [`Self::codec`].
    pub payload_type: u8,
    /// Payload type of key presses (RFC 4733) in the clock of the codec, if agreed.
    pub telephone_event: Option<u8>,
    /// All codecs that the browser may send, by payload type.
    pub receivable: Vec<(u8, AudioCodec)>,
    /// Whether the browser wants our audio now (not on hold by it).
    pub browser_listens: bool,
    /// Whether the browser sends audio now.
    pub browser_speaks: bool,
}

/// What a browser phone reports.
#[derive(Debug)]
pub enum PhoneEvent {
    /// Media can flow.
    Connected,
    /// No sign of life for seconds; it may come back.
    Interrupted,
    /// Gone for good: end the call.
    Closed,
    /// An audio or telephone-event packet, payload types as in [`PhoneMedia`].
    Rtp(RtpPacket),
}

/// One browser phone leg.
pub struct PhonePeer {
    transport: Transport,
    codecs: Vec<AudioCodec>,
    candidates: Vec<String>,
    ssrc: u32,
    out: Continuity<u32>,
    local: Description,
    media: Option<PhoneMedia>,
}

impl PhonePeer {
    /// Answers a browser that calls. `codecs` are those that the hub wants, best first; the answer keeps that
    /// order, and browsers send the first.
    ///
    /// # Errors
    /// [`TransportError::Sdp`] where the description is none of a browser or has no codec in common.
    pub fn answer(
        offer: &str,
        codecs: &[AudioCodec],
        identity: &Identity,
        now: Instant,
    ) -> Result<(Self, String), TransportError> {
        let mut peer = Self::new(codecs, identity, now)?;
        let answer = peer.accept_offer(offer, now)?;
        Ok((peer, answer))
    }

    /// Makes the offer for a browser that is called; give its answer to [`Self::set_answer`].
    ///
    /// # Errors
    /// When the WebRTC crate refuses.
    pub fn offer(codecs: &[AudioCodec], identity: &Identity, now: Instant) -> Result<(Self, String), TransportError> {
        let mut peer = Self::new(codecs, identity, now)?;
        peer.transport.start_offer(&[], now)?;
        let section = peer.offered_section();
        let text = peer.describe(vec![section], Setup::ActPass);
        Ok((peer, text))
    }

    fn new(codecs: &[AudioCodec], identity: &Identity, now: Instant) -> Result<Self, TransportError> {
        Ok(Self {
            transport: Transport::new(identity, now)?,
            codecs: codecs.to_vec(),
            candidates: identity.candidates(),
            ssrc: rand::random(),
            out: Continuity::new(),
            local: Description { session_id: rand::random::<u64>() >> 2, ..Description::default() },
            media: None,
        })
    }

    /// Takes a later offer of the browser (hold, resume, ICE restart) and gives the answer.
    ///
    /// # Errors
    /// As [`Self::answer`].
    pub fn accept_offer(&mut self, offer: &str, now: Instant) -> Result<String, TransportError> {
        let offer = Description::parse(offer)?;
        let audio = audio_section(&offer)?;
        let (codecs, media) = self.choose(audio)?;
        self.transport.accept_offer(&offer, now)?;
        let sections = offer.sections.iter().map(|section| {
            if section.mid == audio.mid { self.answered_section(audio, codecs.clone()) } else { refused(section) }
        });
        let sections = sections.collect();
        let text = self.describe(sections, Setup::Passive);
        self.apply(&offer, media);
        Ok(text)
    }

    /// Takes the browser's answer to our offer.
    ///
    /// # Errors
    /// As [`Self::answer`].
    pub fn set_answer(&mut self, answer: &str, now: Instant) -> Result<PhoneMedia, TransportError> {
        let answer = Description::parse(answer)?;
        let audio = audio_section(&answer)?;
        let (_, media) = self.choose(audio)?;
        self.transport.accept_answer(&answer, now)?;
        self.apply(&answer, media.clone());
        Ok(media)
    }

    /// A later offer of ours: `hold` asks the browser to be silent and sends it nothing.
    pub fn reoffer(&mut self, hold: bool) -> String {
        let mut section = self.local.sections.first().cloned().unwrap_or_else(|| self.offered_section());
        section.direction = if hold { Direction::Inactive } else { Direction::SendRecv };
        self.describe(vec![section], Setup::ActPass)
    }

    /// What was agreed; `None` before the answer.
    pub fn media(&self) -> Option<&PhoneMedia> {
        self.media.as_ref()
    }

    /// ICE user name that datagrams of this leg carry first.
    pub fn ufrag(&self) -> &str {
        &self.transport.local().ice.ufrag
    }

    /// Sends an audio packet to the browser. Payload types are those of [`PhoneMedia`]. SSRC, sequence and
    /// timestamp are made continuous: each SSRC of the caller counts as one source.
    pub fn write_rtp(&mut self, packet: RtpPacket, now: Instant) {
        let Some(media) = &self.media else { return };
        if !media.browser_listens {
            return;
        }
        let clock_rate = if media.codec == AudioCodec::Opus { 48_000 } else { 8000 };
        if let Some((sequence, timestamp)) =
            self.out.map(packet.ssrc, packet.sequence, packet.timestamp, clock_rate, now)
        {
            self.transport.send_rtp(RtpPacket { sequence, timestamp, ssrc: self.ssrc, ..packet }, now);
        }
    }

    /// Takes a datagram of this leg.
    pub fn handle_datagram(&mut self, from: SocketAddr, data: BytesMut, now: Instant) {
        self.transport.handle_datagram(from, data, now);
    }

    /// Time passes.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.transport.handle_timeout(now);
    }

    /// When [`Self::handle_timeout`] is next needed.
    pub fn poll_timeout(&mut self) -> Option<Instant> {
        self.transport.poll_timeout()
    }

    /// Next datagram to send.
    pub fn poll_datagram(&mut self) -> Option<(SocketAddr, BytesMut)> {
        self.transport.poll_datagram()
    }

    /// What happened.
    pub fn poll_event(&mut self) -> Option<PhoneEvent> {
        loop {
            return Some(match self.transport.poll_event()? {
                Event::Connected => PhoneEvent::Connected,
                Event::Interrupted => PhoneEvent::Interrupted,
                Event::Closed => PhoneEvent::Closed,
                Event::Rtp(received) => PhoneEvent::Rtp(received.packet),
                _ => continue,
            });
        }
    }

    /// Says goodbye; drain [`Self::poll_datagram`] once more.
    pub fn close(&mut self) {
        self.transport.close();
    }

    fn apply(&mut self, remote: &Description, media: PhoneMedia) {
        self.transport.negotiated(remote, &self.local);
        let clock_rate = if media.codec == AudioCodec::Opus { 48_000 } else { 8000 };
        self.transport.open_outbound(self.ssrc, clock_rate, None);
        self.media = Some(media);
    }

    /// Codecs in common, in our order, with key presses for the clocks in use.
    fn choose(&self, theirs: &Section) -> Result<(Vec<Codec>, PhoneMedia), SdpError> {
        let find =
            |codec: &AudioCodec| theirs.codecs.iter().find(|other| other.is(codec.name())).map(|other| (*codec, other));
        let common: Vec<(AudioCodec, &Codec)> = self.codecs.iter().filter_map(find).collect();
        let Some((codec, first)) = common.first().copied() else {
            let names: Vec<&str> = self.codecs.iter().map(|codec| codec.name()).collect();
            return Err(SdpError::NoCommonCodec("audio", names.join(", ")));
        };
        let events = theirs.codecs.iter().filter(|other| {
            other.is("telephone-event") && common.iter().any(|(_, codec)| codec.clock_rate == other.clock_rate)
        });
        let mut codecs: Vec<Codec> = common.iter().map(|(_, codec)| (*codec).clone()).collect();
        let telephone_event = events.clone().find(|event| event.clock_rate == first.clock_rate);
        codecs.extend(events.cloned());
        let media = PhoneMedia {
            codec,
            payload_type: first.payload_type,
            telephone_event: telephone_event.map(|event| event.payload_type),
            receivable: common.iter().map(|(codec, other)| (other.payload_type, *codec)).collect(),
            browser_listens: theirs.direction.receives(),
            browser_speaks: theirs.direction.sends(),
        };
        Ok((codecs, media))
    }

    fn answered_section(&self, theirs: &Section, codecs: Vec<Codec>) -> Section {
        let mut section = Section::new(Kind::Audio, theirs.mid.clone());
        section.direction = Direction::new(theirs.direction.receives(), theirs.direction.sends());
        section.codecs = codecs;
        for codec in &mut section.codecs {
            codec.feedback.clear();
        }
        section.extensions = theirs.extensions.iter().filter(|extension| extension.uri == uri::MID).cloned().collect();
        self.name_stream(&mut section);
        section
    }

    fn offered_section(&self) -> Section {
        let mut section = Section::new(Kind::Audio, "0".into());
        section.codecs = self.codecs.iter().map(|codec| codec.offered()).collect();
        for (payload_type, clock_rate) in [(110, 48_000), (126, 8000)] {
            if section.codecs.iter().any(|codec| codec.clock_rate == clock_rate) {
                let name = "telephone-event".to_owned();
                section.codecs.push(Codec {
                    payload_type,
                    name,
                    clock_rate,
                    channels: 1,
                    fmtp: "0-16".into(),
                    ..Codec::default()
                });
            }
        }
        section.extensions.push(Extension { id: 1, uri: uri::MID.into() });
        self.name_stream(&mut section);
        section
    }

    fn name_stream(&self, section: &mut Section) {
        section.msid = Some(("call".into(), "audio".into()));
        section.ssrcs = vec![self.ssrc];
    }

    fn describe(&mut self, sections: Vec<Section>, setup: Setup) -> String {
        let parameters = self.transport.local().clone();
        self.local = Description {
            session_id: self.local.session_id,
            version: self.local.version + 1,
            ice: parameters.ice,
            ice_lite: true,
            fingerprint: parameters.fingerprint,
            setup,
            candidates: self.candidates.clone(),
            sections,
        };
        self.local.to_string()
    }
}

fn audio_section(description: &Description) -> Result<&Section, SdpError> {
    let mut audio = description.sections.iter().filter(|section| section.kind == Kind::Audio && !section.rejected);
    audio.next().ok_or(SdpError::NoSection("audio"))
}

/// A section that a phone does not take (video, data).
fn refused(theirs: &Section) -> Section {
    let mut section = Section::new(theirs.kind, theirs.mid.clone());
    section.rejected = true;
    section.direction = Direction::Inactive;
    section.codecs = theirs.codecs.iter().take(1).cloned().collect();
    section
}
