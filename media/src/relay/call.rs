//! The call: its legs, who hears whom, its recording.

use std::net::SocketAddr;

use super::ear::Heard;
use super::leg::{Leg, LegSettings, LegStats};
use super::types::{LegEvent, LegNo, LegSet, MAX_LEGS, Payload, RelayError, Remote, Sink};
use crate::codec::Codec;
use crate::mix::Mixer;
use crate::prompt::{Player, Repeat, Sound};
use crate::record::{Timeline, Track};
use crate::rtp::{Header, JitterBuffer, Packet, TelephoneEvent, looks_like_rtcp};
use crate::{PcmFrame, SILENCE};

/// One call in the media path. All times are milliseconds of one monotonic clock.
pub struct CallRelay {
    legs: [Option<Box<Leg>>; MAX_LEGS],
    recording: Option<Recording>,
    mixer: Mixer,
    /// Unix time at the clock's zero, for RTCP.
    unix_at_zero_ms: u64,
}

struct Recording {
    timeline: Timeline,
    left: LegSet,
    right: LegSet,
    paused: bool,
}

/// Who speaks in a packet.
#[derive(Clone, Copy)]
struct Speaker {
    no: LegNo,
    codec: Codec,
}

/// Commands.
impl CallRelay {
    /// A call without legs.
    #[must_use]
    pub fn new(unix_at_zero_ms: u64) -> Self {
        Self { legs: [const { None }; MAX_LEGS], recording: None, mixer: Mixer::default(), unix_at_zero_ms }
    }

    /// Adds a leg; it takes and gets nothing until [`set_remote`](Self::set_remote).
    ///
    /// # Errors
    /// [`RelayError::LegOpen`], [`RelayError::LegRange`].
    pub fn open(&mut self, no: LegNo, settings: LegSettings, now_ms: u64) -> Result<(), RelayError> {
        let slot = self.legs.get_mut(no.index()).ok_or(RelayError::LegRange(no))?;
        if slot.is_some() {
            return Err(RelayError::LegOpen(no));
        }
        *slot = Some(Box::new(Leg::new(no, &settings, now_ms)));
        Ok(())
    }

    /// Removes a leg; nobody hears it any more.
    ///
    /// # Errors
    /// [`RelayError::NoLeg`].
    pub fn close(&mut self, no: LegNo) -> Result<LegStats, RelayError> {
        let leg = self.legs.get_mut(no.index()).and_then(Option::take);
        let leg = leg.ok_or(RelayError::NoLeg(no))?;
        for other in self.legs.iter_mut().flatten() {
            other.hears = other.hears.without(no);
        }
        self.set_mixing();
        Ok(leg.stats())
    }

    /// Whether no leg is left.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.legs.iter().all(Option::is_none)
    }

    /// Takes an offer's or answer's word on the far end; also for hold and moves (re-INVITE).
    ///
    /// # Errors
    /// [`RelayError::NoLeg`].
    pub fn set_remote(&mut self, no: LegNo, remote: Remote, now_ms: u64) -> Result<(), RelayError> {
        self.leg(no)?.set_remote(remote, now_ms);
        Ok(())
    }

    /// Sets whom a leg hears. Legs of the set that are not open are silent until they are.
    ///
    /// # Errors
    /// [`RelayError::NoLeg`].
    pub fn hear(&mut self, no: LegNo, hears: LegSet) -> Result<(), RelayError> {
        self.leg(no)?.hears = hears.without(no);
        self.set_mixing();
        Ok(())
    }

    /// Two legs hear each other and nobody else.
    ///
    /// # Errors
    /// [`RelayError::NoLeg`]; nothing is changed then.
    pub fn bridge(&mut self, a: LegNo, b: LegNo) -> Result<(), RelayError> {
        self.conference(LegSet::EMPTY.with(a).with(b))
    }

    /// Each of the legs hears all others (two: relayed; more: mixed).
    ///
    /// # Errors
    /// [`RelayError::NoLeg`]; nothing is changed then.
    pub fn conference(&mut self, legs: LegSet) -> Result<(), RelayError> {
        for no in legs.iter() {
            self.leg(no)?;
        }
        for no in legs.iter() {
            self.leg(no)?.hears = legs.without(no);
        }
        self.set_mixing();
        Ok(())
    }

    /// A leg hears nobody and is heard by nobody.
    ///
    /// # Errors
    /// [`RelayError::NoLeg`].
    pub fn unbridge(&mut self, no: LegNo) -> Result<(), RelayError> {
        self.leg(no)?.hears = LegSet::EMPTY;
        for other in self.legs.iter_mut().flatten() {
            other.hears = other.hears.without(no);
        }
        self.set_mixing();
        Ok(())
    }

    /// Plays to a leg instead of what it hears, from the next tick on; replaces what is playing
    /// (which then does not report its end).
    ///
    /// # Errors
    /// [`RelayError::NoLeg`].
    pub fn play(&mut self, no: LegNo, sounds: Vec<Sound>, repeat: Repeat) -> Result<(), RelayError> {
        self.leg(no)?.player = Some(Player::new(sounds, repeat));
        Ok(())
    }

    /// Stops playing; the leg hears again whom it hears.
    ///
    /// # Errors
    /// [`RelayError::NoLeg`].
    pub fn stop_play(&mut self, no: LegNo) -> Result<(), RelayError> {
        self.leg(no)?.player = None;
        Ok(())
    }

    /// Nobody hears (or records) a muted leg; its keys still count.
    ///
    /// # Errors
    /// [`RelayError::NoLeg`].
    pub fn mute(&mut self, no: LegNo, muted: bool) -> Result<(), RelayError> {
        self.leg(no)?.muted = muted;
        Ok(())
    }

    /// Presses keys towards a leg's far end.
    ///
    /// # Errors
    /// [`RelayError::NoLeg`], [`RelayError::Key`].
    pub fn press(&mut self, no: LegNo, keys: &str) -> Result<(), RelayError> {
        self.leg(no)?.press(keys)
    }

    /// Starts recording: what `left` say on the left track, what `right` say and what the hub plays
    /// to `left` on the right.
    ///
    /// # Errors
    /// [`RelayError::Recording`].
    pub fn record(&mut self, left: LegSet, right: LegSet, now_ms: u64) -> Result<(), RelayError> {
        if self.recording.is_some() {
            return Err(RelayError::Recording);
        }
        let timeline = Timeline::new(now_ms);
        self.recording = Some(Recording { timeline, left, right, paused: false });
        Ok(())
    }

    /// Changes who is on the tracks (transfer, conference).
    ///
    /// # Errors
    /// [`RelayError::NotRecording`].
    pub fn record_tracks(&mut self, left: LegSet, right: LegSet) -> Result<(), RelayError> {
        let recording = self.recording.as_mut().ok_or(RelayError::NotRecording)?;
        (recording.left, recording.right) = (left, right);
        Ok(())
    }

    /// Records silence while secrets are spoken, and goes on after them.
    ///
    /// # Errors
    /// [`RelayError::NotRecording`].
    pub fn record_pause(&mut self, paused: bool) -> Result<(), RelayError> {
        self.recording.as_mut().ok_or(RelayError::NotRecording)?.paused = paused;
        Ok(())
    }

    /// Ends the recording; its last chunks go to the sink.
    ///
    /// # Errors
    /// [`RelayError::NotRecording`].
    pub fn record_stop(&mut self, now_ms: u64, sink: &mut impl Sink) -> Result<(), RelayError> {
        let mut recording = self.recording.take().ok_or(RelayError::NotRecording)?;
        while let Some(chunk) = recording.timeline.finish(now_ms) {
            sink.recorded(chunk);
        }
        Ok(())
    }

    /// Whether a recording runs.
    #[must_use]
    pub fn is_recording(&self) -> bool {
        self.recording.is_some()
    }

    /// A leg's figures.
    ///
    /// # Errors
    /// [`RelayError::NoLeg`].
    pub fn stats(&self, no: LegNo) -> Result<LegStats, RelayError> {
        let leg = self.legs.get(no.index()).and_then(Option::as_ref);
        leg.map(|leg| leg.stats()).ok_or(RelayError::NoLeg(no))
    }

    fn leg(&mut self, no: LegNo) -> Result<&mut Leg, RelayError> {
        let leg = self.legs.get_mut(no.index()).and_then(Option::as_deref_mut);
        leg.ok_or(RelayError::NoLeg(no))
    }

    /// Gives a jitter buffer to every leg that somebody hears in a mix.
    fn set_mixing(&mut self) {
        let mixed = self.legs.iter().flatten().filter(|leg| leg.mixes());
        let mixed: LegSet = mixed.flat_map(|leg| leg.hears.iter()).collect();
        for leg in self.legs.iter_mut().flatten() {
            match (mixed.contains(leg.no), &leg.jitter) {
                (true, None) => leg.jitter = Some(Box::new(JitterBuffer::default())),
                (false, Some(_)) => leg.jitter = None,
                _ => {}
            }
        }
    }
}

/// Packets.
impl CallRelay {
    /// Takes a datagram that arrived at a leg's RTP socket from `source`, or (`None`) a decrypted
    /// RTP packet of a WebRTC leg.
    pub fn handle_rtp(
        &mut self,
        no: LegNo,
        source: Option<SocketAddr>,
        data: &[u8],
        now_ms: u64,
        sink: &mut impl Sink,
    ) {
        // The leg is taken out, so that it can speak while the others listen.
        let Some(mut leg) = self.legs.get_mut(no.index()).and_then(Option::take) else {
            return;
        };
        self.take_packet(&mut leg, source, data, now_ms, sink);
        self.legs[no.index()] = Some(leg);
    }

    /// Takes a datagram of a leg's RTCP socket.
    pub fn handle_rtcp(&mut self, no: LegNo, source: SocketAddr, data: &[u8]) {
        if let Ok(leg) = self.leg(no) {
            leg.take_report(source, data);
        }
    }

    fn take_packet(
        &mut self,
        leg: &mut Leg,
        source: Option<SocketAddr>,
        data: &[u8],
        now_ms: u64,
        sink: &mut impl Sink,
    ) {
        if looks_like_rtcp(data) {
            // RTCP on the RTP port (RFC 5761): read, but it neither latches nor counts as speech.
            if let Some(source) = source {
                leg.take_report(source, data);
            }
            return;
        }
        // Parsed before it can latch: garbage from the right host must not take the place of RTP.
        let Ok(packet) = Packet::parse(data) else {
            leg.stats.malformed += 1;
            return;
        };
        let Some(payload) = leg.media.as_ref().map(|media| media.payload(packet.header.payload_type)) else {
            leg.stats.unwanted += 1;
            return;
        };
        if !leg.accepts(source) {
            leg.stats.strangers += 1;
            return;
        }
        leg.note_packet(&packet.header, now_ms, sink);
        match payload.filter(|_| leg.direction.receive) {
            Some(Payload::Audio(codec)) => self.take_audio(leg, codec, &packet, now_ms, sink),
            Some(Payload::Event(clock)) => self.take_event(leg, clock, &packet, now_ms, sink),
            None => leg.stats.unwanted += 1,
        }
    }

    fn take_audio(&mut self, leg: &mut Leg, codec: Codec, packet: &Packet<'_>, now_ms: u64, sink: &mut impl Sink) {
        if leg.muted && leg.detector.is_none() {
            return;
        }
        let speaker = Speaker { no: leg.no, codec };
        let heard =
            if self.needs_speech(leg, codec) { leg.ear.hear(&packet.header, codec, packet.payload) } else { None };
        if let (Some(detector), Some(heard)) = (&mut leg.detector, heard) {
            detector.push(heard.pcm, |key| sink.event(speaker.no, LegEvent::Digit(key)));
        }
        if leg.muted {
            return;
        }
        if let (Some(jitter), Some(heard)) = (&mut leg.jitter, heard) {
            jitter.push(heard.media, heard.pcm);
        }
        if let (Some(recording), Some(heard)) = (&mut self.recording, heard) {
            recording.take(speaker.no, packet.header.ssrc, heard, now_ms);
        }
        for listener in self.legs.iter_mut().flatten().filter(|other| other.follows(speaker.no)) {
            pass_on(listener, speaker, packet, heard, now_ms, sink);
        }
    }

    /// Whether a leg's packets must be decoded, or can just be passed on.
    fn needs_speech(&self, leg: &Leg, codec: Codec) -> bool {
        let recorded = self.recording.as_ref().is_some_and(|r| r.has(leg.no));
        let transcoded = |other: &Leg| other.follows(leg.no) && !other.mouth.passes(codec);
        recorded
            || leg.jitter.is_some()
            || leg.detector.is_some()
            || self.legs.iter().flatten().any(|other| transcoded(other))
    }

    fn take_event(&mut self, leg: &mut Leg, clock: u32, packet: &Packet<'_>, now_ms: u64, sink: &mut impl Sink) {
        leg.ear.pass(&packet.header);
        let Some(event) = TelephoneEvent::parse(packet.payload) else {
            leg.stats.malformed += 1;
            return;
        };
        if let Some(digit) = leg.receiver.handle(packet.header.timestamp, event) {
            sink.event(leg.no, LegEvent::Digit(digit));
        }
        let codec = leg.media.as_ref().map_or(Codec::Pcma, |media| media.codec);
        for listener in self.legs.iter_mut().flatten().filter(|other| other.follows(leg.no)) {
            let passes = listener.mouth.passes(codec);
            let header = &packet.header;
            let event = listener.mouth.relay_event(leg.no, header, event, clock, passes, now_ms);
            if let Some(header) = event {
                listener.send(header, sink);
            }
        }
    }
}

fn pass_on(
    listener: &mut Leg,
    speaker: Speaker,
    packet: &Packet<'_>,
    heard: Option<Heard<'_>>,
    now_ms: u64,
    sink: &mut impl Sink,
) {
    if listener.mouth.passes(speaker.codec) {
        let header = listener.mouth.relay(speaker.no, speaker.codec, packet, now_ms);
        if let Some(header) = header {
            listener.send(header, sink);
        }
    } else if let Some(heard) = heard {
        listener.send_transcoded(speaker.no, packet.header.ssrc, heard, now_ms, sink);
    }
}

/// The clock.
impl CallRelay {
    /// The tick of the media clock: call it every 20 ms of `now_ms`.
    pub fn tick(&mut self, now_ms: u64, sink: &mut impl Sink) {
        self.collect_mix();
        let unix_ms = self.unix_at_zero_ms.saturating_add(now_ms);
        for leg in self.legs.iter_mut().flatten() {
            if let Some(frame) = frame_for(leg, &self.mixer, sink) {
                if let Some(recording) = self.recording.as_mut().filter(|_| leg.player.is_some()) {
                    recording.take_played(leg.no, &frame, now_ms);
                }
                if leg.can_send() {
                    let header: Header = leg.mouth.speak(&frame, now_ms);
                    leg.send(header, sink);
                }
            }
            leg.press_on(now_ms, sink);
            leg.watch(now_ms, sink);
            leg.report(now_ms, unix_ms, sink);
        }
        if let Some(recording) = &mut self.recording {
            while let Some(chunk) = recording.timeline.poll(now_ms) {
                sink.recorded(chunk);
            }
        }
    }

    fn collect_mix(&mut self) {
        self.mixer.clear();
        for leg in self.legs.iter_mut().flatten() {
            if let Some(frame) = leg.mix_frame() {
                self.mixer.add(leg.no.index(), frame);
            }
        }
    }
}

/// What a leg is told by ourselves in this tick: its play list, else its mix.
fn frame_for(leg: &mut Leg, mixer: &Mixer, sink: &mut impl Sink) -> Option<PcmFrame> {
    if let Some(player) = &mut leg.player {
        let frame = player.frame();
        if frame.is_some() {
            return frame;
        }
        leg.player = None;
        sink.event(leg.no, LegEvent::PlayFinished);
    }
    if !leg.mixes() {
        return None;
    }
    let hears = leg.hears;
    let mix = mixer.sum(|speaker| hears.contains(LegNo(speaker as u8)));
    Some(mix.unwrap_or(SILENCE))
}

impl Recording {
    fn has(&self, no: LegNo) -> bool {
        !self.paused && (self.left.contains(no) || self.right.contains(no))
    }

    fn take(&mut self, no: LegNo, ssrc: u32, heard: Heard<'_>, now_ms: u64) {
        if self.paused {
            return;
        }
        let source = u64::from(no.0) << 32 | u64::from(ssrc);
        for (track, legs) in [(Track::Left, self.left), (Track::Right, self.right)] {
            if legs.contains(no) {
                self.timeline.push(track, source, heard.media, heard.pcm, now_ms);
            }
        }
    }

    fn take_played(&mut self, no: LegNo, frame: &PcmFrame, now_ms: u64) {
        if !self.paused && self.left.contains(no) {
            self.timeline.push_now(Track::Right, frame, now_ms);
        }
    }
}

#[cfg(test)]
#[path = "call_tests.rs"]
mod tests;
