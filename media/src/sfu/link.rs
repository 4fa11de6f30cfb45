//! One peer connection of a participant: its media sections and their negotiation.
//!
//! Pure. Sections on which we send form a pool: a section idles, gets a track, is announced by a description,
//! and is emptied by another description before it may carry the next track. Browsers fire their track events
//! on these steps and on no others.

use super::{MAX_SECTIONS, SfuError, TrackId};
use crate::rtc::sdp::{Codec, Description, Direction, Extension, Kind, Mid, Rid, Section, Setup, uri};
use crate::rtc::transport::{ChannelSpec, Identity, Transport};
use std::time::Instant;

/// Header extensions that we take from publishers.
const RECEIVED_EXTENSIONS: [&str; 5] = [uri::MID, uri::RID, uri::REPAIRED_RID, uri::AUDIO_LEVEL, uri::TRANSPORT_CC];

/// State of a section on which we send.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub(super) enum Slot {
    /// Free.
    #[default]
    Idle,
    /// A track will be on it with the next description.
    Assigned(Label),
    /// A track is on it.
    Announced(Label),
    /// The track is gone, the peer has not been told yet.
    Draining,
}

/// A track as a subscriber sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Label {
    /// The track.
    pub(super) track: TrackId,
    /// Media stream id in the description, such as `PA_x|TR_y`.
    pub(super) stream: String,
    /// Track name in the description, such as `TR_y`.
    pub(super) name: String,
}

/// Sending half of a section.
#[derive(Clone, Debug)]
pub(super) struct Outlet {
    /// Section.
    pub(super) mid: Mid,
    /// Audio or video.
    pub(super) kind: Kind,
    /// Formats negotiated with the subscriber.
    pub(super) codecs: Vec<Codec>,
    /// SSRC of the media.
    pub(super) ssrc: u32,
    /// SSRC of retransmissions.
    pub(super) repair_ssrc: u32,
    /// What is on it.
    pub(super) slot: Slot,
}

impl Outlet {
    /// The subscriber's payload type and clock for a format.
    pub(super) fn format(&self, codec: &Codec) -> Option<&Codec> {
        self.codecs.iter().find(|own| own.same_format(codec))
    }
}

/// Receiving half of a section.
#[derive(Clone, Debug)]
pub(super) struct Inlet {
    /// Section.
    pub(super) mid: Mid,
    /// Audio or video.
    pub(super) kind: Kind,
    /// The client's name of the track.
    pub(super) cid: String,
    /// Formats negotiated.
    pub(super) codecs: Vec<Codec>,
    /// Layers.
    pub(super) rids: Vec<Rid>,
}

/// One peer connection.
pub(super) struct Link {
    /// Transport.
    pub(super) transport: Transport,
    /// Sections on which we send.
    pub(super) outlets: Vec<Outlet>,
    /// Sections on which the peer sends.
    pub(super) inlets: Vec<Inlet>,
    candidates: Vec<String>,
    local: Description,
    remote: Option<Description>,
    offering: bool,
    changed_while_offering: bool,
}

impl Link {
    /// Not negotiated yet.
    ///
    /// # Errors
    /// When the WebRTC crate refuses.
    pub(super) fn new(identity: &Identity, now: Instant) -> Result<Self, SfuError> {
        Ok(Self {
            transport: Transport::new(identity, now)?,
            outlets: Vec::new(),
            inlets: Vec::new(),
            candidates: identity.candidates(),
            local: Description { session_id: rand::random::<u64>() >> 2, ..Description::default() },
            remote: None,
            offering: false,
            changed_while_offering: false,
        })
    }

    /// Gives a track a free section of its kind; `false` if none is free.
    pub(super) fn assign(&mut self, kind: Kind, label: &Label) -> bool {
        let free = self.outlets.iter_mut().find(|outlet| outlet.kind == kind && outlet.slot == Slot::Idle);
        let Some(outlet) = free else { return false };
        outlet.slot = Slot::Assigned(label.clone());
        // A new stream: under an old SSRC its numbers would look like a replay to SRTP.
        self.transport.close_outbound(outlet.ssrc);
        outlet.ssrc = rand::random();
        outlet.repair_ssrc = rand::random();
        self.changed_while_offering |= self.offering;
        true
    }

    /// Takes a track off; whether the peer must be told.
    pub(super) fn release(&mut self, track: TrackId) -> bool {
        let holds =
            |slot: &Slot| matches!(slot, Slot::Assigned(label) | Slot::Announced(label) if label.track == track);
        let Some(outlet) = self.outlets.iter_mut().find(|outlet| holds(&outlet.slot)) else {
            return false;
        };
        let told = matches!(outlet.slot, Slot::Announced(_)) || self.offering;
        outlet.slot = if told { Slot::Draining } else { Slot::Idle };
        self.changed_while_offering |= self.offering;
        told
    }

    /// The section on which a track goes out, once announced.
    pub(super) fn outlet_of(&self, track: TrackId) -> Option<&Outlet> {
        let carries = |slot: &Slot| matches!(slot, Slot::Announced(label) if label.track == track);
        self.outlets.iter().find(|outlet| carries(&outlet.slot))
    }

    /// Section tags of the tracks that go out.
    pub(super) fn announced(&self) -> Vec<(Mid, TrackId)> {
        let label = |outlet: &Outlet| match &outlet.slot {
            Slot::Announced(label) => Some((outlet.mid.clone(), label.track)),
            _ => None,
        };
        self.outlets.iter().filter_map(label).collect()
    }

    /// Whether a description is due: something assigned or draining.
    pub(super) fn needs_description(&self) -> bool {
        self.outlets.iter().any(|outlet| matches!(outlet.slot, Slot::Assigned(_) | Slot::Draining))
    }

    /// First half of taking the client's offer: learns its sections. Assign tracks, then [`Self::answer`].
    ///
    /// # Errors
    /// See [`SfuError`].
    pub(super) fn take_offer(&mut self, sdp: &str, now: Instant) -> Result<(), SfuError> {
        let offer = Description::parse(sdp)?;
        if offer.sections.len() > MAX_SECTIONS {
            return Err(SfuError::TooManySections);
        }
        self.transport.accept_offer(&offer, now)?;
        for section in &offer.sections {
            self.learn_outlet(section);
        }
        let sends =
            |section: &&Section| section.kind != Kind::Application && !section.rejected && section.direction.sends();
        self.inlets = offer.sections.iter().filter(sends).map(inlet).collect();
        self.remote = Some(offer);
        Ok(())
    }

    fn learn_outlet(&mut self, section: &Section) {
        let known = self.outlets.iter_mut().find(|outlet| outlet.mid == section.mid);
        let usable = section.kind != Kind::Application && !section.rejected && section.direction.receives();
        match known {
            Some(outlet) if usable => outlet.codecs = accepted(section.kind, &section.codecs),
            // The client closed the section; what was on it must find another.
            Some(outlet) => outlet.slot = Slot::Idle,
            None if usable => {
                let codecs = accepted(section.kind, &section.codecs);
                let outlet = new_outlet(section.mid.clone(), section.kind, codecs);
                self.outlets.push(outlet);
            }
            None => {}
        }
    }

    /// Second half: the answer, in which assigned tracks are announced and drained sections idle.
    ///
    /// # Errors
    /// When no offer was taken.
    pub(super) fn answer(&mut self) -> Result<String, SfuError> {
        let Some(offer) = self.remote.take() else {
            return Err(SfuError::NoOffer);
        };
        self.settle_slots();
        let sections = offer.sections.iter().map(|section| self.answered(section)).collect();
        let text = self.describe(sections, Setup::Passive);
        self.transport.negotiated(&offer, &self.local);
        self.open_outlets();
        self.remote = Some(offer);
        Ok(text)
    }

    fn settle_slots(&mut self) {
        for outlet in &mut self.outlets {
            outlet.slot = match std::mem::take(&mut outlet.slot) {
                Slot::Assigned(label) => Slot::Announced(label),
                Slot::Draining => Slot::Idle,
                other => other,
            };
        }
    }

    fn open_outlets(&mut self) {
        for outlet in self.outlets.iter().filter(|outlet| matches!(outlet.slot, Slot::Announced(_))) {
            let repair = (outlet.kind == Kind::Video).then_some(outlet.repair_ssrc);
            let clock_rate = if outlet.kind == Kind::Video { 90_000 } else { 48_000 };
            self.transport.open_outbound(outlet.ssrc, clock_rate, repair);
        }
    }

    fn answered(&self, theirs: &Section) -> Section {
        let mut section = Section::new(theirs.kind, theirs.mid.clone());
        if theirs.kind == Kind::Application {
            section.rejected = theirs.rejected;
            return section;
        }
        section.codecs = accepted(theirs.kind, &theirs.codecs);
        if theirs.rejected || section.codecs.is_empty() {
            section.rejected = true;
            section.codecs = theirs.codecs.iter().take(1).cloned().collect();
            return section;
        }
        let known = |extension: &&Extension| RECEIVED_EXTENSIONS.contains(&extension.uri.as_str());
        section.extensions = theirs.extensions.iter().filter(known).cloned().collect();
        let outlet = self.outlets.iter().find(|outlet| outlet.mid == theirs.mid);
        let sends = outlet.is_some_and(|outlet| fill(&mut section, outlet)) && theirs.direction.receives();
        section.direction = Direction::new(sends, theirs.direction.sends());
        if theirs.direction.sends() {
            section.rids = theirs.rids.clone();
        }
        section
    }

    /// Our offer on a connection of our own; `None` while one is under way (another follows its answer).
    ///
    /// # Errors
    /// When the WebRTC crate refuses.
    pub(super) fn offer(&mut self, channels: &[ChannelSpec], now: Instant) -> Result<Option<String>, SfuError> {
        if self.offering {
            self.changed_while_offering = true;
            return Ok(None);
        }
        if self.remote.is_none() {
            self.transport.start_offer(channels, now)?;
        }
        self.offering = true;
        self.changed_while_offering = false;
        Ok(Some(self.write_offer(!channels.is_empty())))
    }

    /// Our offer with new ICE credentials, whatever is under way.
    ///
    /// # Errors
    /// When the WebRTC crate refuses.
    pub(super) fn restart(&mut self, with_data: bool, now: Instant) -> Result<String, SfuError> {
        self.transport.restart_offer(now)?;
        self.offering = true;
        Ok(self.write_offer(with_data))
    }

    fn write_offer(&mut self, with_data: bool) -> String {
        let mut sections = Vec::new();
        if with_data {
            sections.push(Section::new(Kind::Application, "data".into()));
        }
        sections.extend(self.outlets.iter().map(offered));
        self.describe(sections, Setup::ActPass)
    }

    /// Adds a section of ours for a kind; for connections on which we offer.
    ///
    /// # Errors
    /// When there are too many.
    pub(super) fn add_outlet(&mut self, kind: Kind) -> Result<(), SfuError> {
        if self.outlets.len() >= MAX_SECTIONS {
            return Err(SfuError::TooManySections);
        }
        let mid = format!("{}{}", &kind.as_str()[..1], self.outlets.len());
        let outlet = new_outlet(mid.as_str().into(), kind, offered_codecs(kind));
        self.outlets.push(outlet);
        Ok(())
    }

    /// The answer to [`Self::offer`]; `true` if another offer is due.
    ///
    /// # Errors
    /// See [`SfuError`].
    pub(super) fn take_answer(&mut self, sdp: &str, now: Instant) -> Result<bool, SfuError> {
        let answer = Description::parse(sdp)?;
        if !self.offering {
            return Err(SfuError::NoOffer);
        }
        self.transport.accept_answer(&answer, now)?;
        self.transport.negotiated(&answer, &self.local);
        self.offering = false;
        for outlet in &mut self.outlets {
            let ours = self.local.section(&outlet.mid);
            let offered = ours.is_some_and(|section| section.direction.sends());
            let theirs = answer.section(&outlet.mid).filter(|section| !section.rejected);
            if let Some(section) = theirs {
                outlet.codecs = accepted(outlet.kind, &section.codecs);
            }
            let accepted = theirs.is_some_and(|section| section.direction.receives());
            outlet.slot = match std::mem::take(&mut outlet.slot) {
                Slot::Assigned(label) if offered && accepted => Slot::Announced(label),
                Slot::Draining if ours.is_some() && !offered => Slot::Idle,
                other => other,
            };
        }
        self.open_outlets();
        self.remote = Some(answer);
        Ok(std::mem::take(&mut self.changed_while_offering))
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

fn inlet(section: &Section) -> Inlet {
    Inlet {
        mid: section.mid.clone(),
        kind: section.kind,
        cid: section.msid.as_ref().map(|(_, track)| track.clone()).unwrap_or_default(),
        codecs: accepted(section.kind, &section.codecs),
        rids: section.rids.clone(),
    }
}

fn new_outlet(mid: Mid, kind: Kind, codecs: Vec<Codec>) -> Outlet {
    Outlet { mid, kind, codecs, ssrc: rand::random(), repair_ssrc: rand::random(), slot: Slot::Idle }
}

/// Writes what is on an outlet into a section; whether anything is sent.
fn fill(section: &mut Section, outlet: &Outlet) -> bool {
    let (Slot::Assigned(label) | Slot::Announced(label)) = &outlet.slot else {
        return false;
    };
    section.msid = Some((label.stream.clone(), label.name.clone()));
    section.ssrcs = vec![outlet.ssrc];
    if outlet.kind == Kind::Video && outlet.codecs.iter().any(|codec| codec.is("rtx")) {
        section.ssrcs.push(outlet.repair_ssrc);
        section.repair_pairs = vec![(outlet.ssrc, outlet.repair_ssrc)];
    }
    true
}

fn offered(outlet: &Outlet) -> Section {
    let mut section = Section::new(outlet.kind, outlet.mid.clone());
    section.codecs = outlet.codecs.clone();
    section.extensions = vec![Extension { id: 1, uri: uri::MID.into() }];
    let sends = fill(&mut section, outlet);
    section.direction = Direction::new(sends, false);
    section
}

/// Formats in common, in the client's order, with the feedback that we understand.
fn accepted(kind: Kind, theirs: &[Codec]) -> Vec<Codec> {
    let names: &[&str] = if kind == Kind::Audio { &["opus"] } else { &["VP8", "H264", "VP9", "AV1"] };
    let media: Vec<&Codec> = theirs.iter().filter(|codec| names.iter().any(|name| codec.is(name))).collect();
    let repairs_one =
        |codec: &Codec| codec.repaired().is_some_and(|pt| media.iter().any(|media| media.payload_type == pt));
    let kept = theirs
        .iter()
        .filter(|codec| media.iter().any(|media| media.payload_type == codec.payload_type) || repairs_one(codec));
    kept.map(|codec| Codec { feedback: common_feedback(codec), ..codec.clone() }).collect()
}

fn common_feedback(codec: &Codec) -> Vec<String> {
    let known = ["transport-cc", "ccm fir", "nack", "nack pli"];
    codec.feedback.iter().filter(|feedback| known.contains(&feedback.as_str())).cloned().collect()
}

/// Formats of our own offers; numbers as Chromium's.
fn offered_codecs(kind: Kind) -> Vec<Codec> {
    let feedback = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
    if kind == Kind::Audio {
        let fmtp = "minptime=10;useinbandfec=1;usedtx=1".to_owned();
        return vec![Codec {
            payload_type: 111,
            name: "opus".into(),
            clock_rate: 48_000,
            channels: 2,
            fmtp,
            feedback: vec![],
        }];
    }
    let formats: [(u8, &str, &str); 6] = [
        (96, "VP8", ""),
        (106, "H264", "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f"),
        (102, "H264", "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42001f"),
        (127, "H264", "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=64001f"),
        (98, "VP9", "profile-id=0"),
        (45, "AV1", ""),
    ];
    let both = |(payload_type, name, fmtp): (u8, &str, &str)| {
        let video = |payload_type, name: &str, fmtp: String, feedback| Codec {
            payload_type,
            name: name.into(),
            clock_rate: 90_000,
            channels: 1,
            fmtp,
            feedback,
        };
        // 127 has no neighbour below 128; its repair type is 125.
        let repair = if payload_type == 127 { 125 } else { payload_type + 1 };
        [
            video(payload_type, name, fmtp.to_owned(), feedback(&["ccm fir", "nack", "nack pli"])),
            video(repair, "rtx", format!("apt={payload_type}"), Vec::new()),
        ]
    };
    formats.into_iter().flat_map(both).collect()
}
