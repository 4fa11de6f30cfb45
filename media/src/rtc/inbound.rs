//! Which stream an arriving packet belongs to: section, simulcast layer, original or retransmission.
//!
//! Pure. Knowledge comes from the negotiated sections (declared SSRCs, payload types) and from header
//! extensions of the first packets. The crate's own attribution forgets layers at each renegotiation and does
//! not read `repaired-rtp-stream-id`; this one keeps what it learned.

use super::packet::{AudioLevel, Received, RtpPacket};
use super::repair::{Arrival, ReceiveLog};
use super::sdp::{Description, Kind, Mid, Rid, uri};
use bytes::Bytes;
use std::collections::HashMap;
use std::time::Instant;

/// Most streams (SSRCs) kept for one peer: 30 sections of three layers with their repair streams.
const MAX_STREAMS: usize = 192;

/// Header extension values that matter here, as read from one packet.
#[derive(Clone, Debug, Default)]
pub struct Extensions {
    /// Section tag.
    pub mid: Option<Bytes>,
    /// Layer.
    pub rid: Option<Bytes>,
    /// Layer that this retransmission repairs.
    pub repaired_rid: Option<Bytes>,
    /// Loudness.
    pub level: Option<Bytes>,
}

/// Numbers of the header extensions on this transport.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ExtensionIds {
    /// [`uri::MID`].
    pub mid: Option<u8>,
    /// [`uri::RID`].
    pub rid: Option<u8>,
    /// [`uri::REPAIRED_RID`].
    pub repaired_rid: Option<u8>,
    /// [`uri::AUDIO_LEVEL`].
    pub level: Option<u8>,
    /// [`uri::TRANSPORT_CC`].
    pub transport_cc: Option<u8>,
}

struct Format {
    clock_rate: u32,
    repairs: Option<u8>,
    nack: bool,
}

struct Stream {
    mid: Mid,
    rid: Option<Rid>,
    payload_type: u8,
    log: ReceiveLog,
}

/// A new stream, for the report generators.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NewStream {
    /// Its SSRC.
    pub ssrc: u32,
    /// Its payload type.
    pub payload_type: u8,
    /// Its clock, Hz.
    pub clock_rate: u32,
}

/// Attribution and repair of everything that one transport receives.
#[derive(Default)]
pub struct Inbound {
    ids: ExtensionIds,
    formats: HashMap<u8, Format>,
    declared: HashMap<u32, Mid>,
    repair_of: HashMap<u32, u32>,
    sole_section: HashMap<u8, Option<Mid>>,
    streams: HashMap<u32, Stream>,
    opened: Vec<NewStream>,
}

impl Inbound {
    /// Takes what was negotiated: the peer's description (SSRCs) and ours (formats and extensions).
    pub fn negotiated(&mut self, remote: &Description, local: &Description) {
        self.declared.clear();
        self.formats.clear();
        self.sole_section.clear();
        for section in local.sections.iter().filter(|section| section.kind != Kind::Application) {
            self.learn_extensions(section);
            for codec in &section.codecs {
                self.formats.insert(
                    codec.payload_type,
                    Format {
                        clock_rate: codec.clock_rate,
                        repairs: codec.repaired(),
                        nack: codec.feedback.iter().any(|feedback| feedback == "nack"),
                    },
                );
            }
        }
        for section in remote.sections.iter().filter(|section| section.direction.sends() && !section.rejected) {
            for codec in &section.codecs {
                let mid = Some(section.mid.clone());
                let sole = self.sole_section.entry(codec.payload_type).or_insert_with(|| mid.clone());
                if *sole != mid {
                    *sole = None;
                }
            }
            for ssrc in &section.ssrcs {
                self.declared.insert(*ssrc, section.mid.clone());
            }
            self.repair_of.extend(section.repair_pairs.iter().map(|(media, repair)| (*repair, *media)));
        }
        // What the peer no longer sends is forgotten, so that its SSRCs cannot fill the table.
        self.streams.retain(|_, stream| remote.section(&stream.mid).is_some_and(|section| section.direction.sends()));
    }

    fn learn_extensions(&mut self, section: &super::sdp::Section) {
        let ids = &mut self.ids;
        for (slot, name) in [
            (&mut ids.mid, uri::MID),
            (&mut ids.rid, uri::RID),
            (&mut ids.repaired_rid, uri::REPAIRED_RID),
            (&mut ids.level, uri::AUDIO_LEVEL),
            (&mut ids.transport_cc, uri::TRANSPORT_CC),
        ] {
            if let Some(id) = section.extension(name) {
                *slot = Some(id);
            }
        }
    }

    /// Numbers of the extensions to read from each packet.
    pub fn extension_ids(&self) -> ExtensionIds {
        self.ids
    }

    /// Streams seen for the first time since the last call.
    pub fn drain_opened(&mut self) -> impl Iterator<Item = NewStream> + '_ {
        self.opened.drain(..)
    }

    /// Takes one packet; gives it back with its stream, or nothing if it is a duplicate, padding or unknown.
    pub fn receive(&mut self, mut packet: RtpPacket, extensions: &Extensions, at: Instant) -> Option<Received> {
        let format = self.formats.get(&packet.payload_type)?;
        let repaired = format.repairs.is_some();
        if let Some(original) = format.repairs {
            let primary = self.primary_of(packet.ssrc, extensions)?;
            packet = unwrap_repair(packet, primary, original)?;
        } else if !self.streams.contains_key(&packet.ssrc) {
            self.open(&packet, extensions)?;
        }
        let stream = self.streams.get_mut(&packet.ssrc)?;
        stream.payload_type = packet.payload_type;
        if stream.log.arrived(packet.sequence, repaired, at) != Arrival::New {
            return None;
        }
        Some(Received {
            packet,
            mid: stream.mid.clone(),
            rid: stream.rid.clone(),
            audio_level: extensions.level.as_ref().and_then(audio_level),
            at,
        })
    }

    /// Sequence numbers to ask the sender for again, by SSRC.
    pub fn requests(&mut self, now: Instant) -> Vec<(u32, Vec<u16>)> {
        let due = self.streams.iter_mut().map(|(ssrc, stream)| (*ssrc, stream.log.due(now)));
        due.filter(|(_, sequences)| !sequences.is_empty()).collect()
    }

    /// When [`Self::requests`] will next have something.
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.streams.values().filter_map(|stream| stream.log.poll_timeout()).min()
    }

    fn open(&mut self, packet: &RtpPacket, extensions: &Extensions) -> Option<()> {
        if self.streams.len() >= MAX_STREAMS {
            return None;
        }
        let mid = match text(&extensions.mid) {
            Some(mid) => Mid::from(mid),
            None => self.section_without_tag(packet)?,
        };
        let rid = text(&extensions.rid).map(Rid::from);
        let format = self.formats.get(&packet.payload_type)?;
        let opened = NewStream { ssrc: packet.ssrc, payload_type: packet.payload_type, clock_rate: format.clock_rate };
        self.opened.push(opened);
        let log = ReceiveLog::new(format.nack);
        self.streams.insert(packet.ssrc, Stream { mid, rid, payload_type: packet.payload_type, log });
        Some(())
    }

    /// A declared SSRC, or the only section that may send this payload type (RFC 9143 §10.2).
    fn section_without_tag(&self, packet: &RtpPacket) -> Option<Mid> {
        let declared = self.declared.get(&packet.ssrc);
        declared.or_else(|| self.sole_section.get(&packet.payload_type)?.as_ref()).cloned()
    }

    fn primary_of(&mut self, repair: u32, extensions: &Extensions) -> Option<u32> {
        if let Some(primary) = self.repair_of.get(&repair) {
            return Some(*primary);
        }
        let rid = text(&extensions.repaired_rid)?;
        let mid = text(&extensions.mid)?;
        let named = |stream: &Stream| &*stream.mid.0 == mid && stream.rid.as_ref().is_some_and(|own| &*own.0 == rid);
        let primary = self.streams.iter().find_map(|(ssrc, stream)| named(stream).then_some(*ssrc))?;
        if self.repair_of.len() < 2 * MAX_STREAMS {
            self.repair_of.insert(repair, primary);
        }
        Some(primary)
    }
}

fn text(value: &Option<Bytes>) -> Option<&str> {
    std::str::from_utf8(value.as_ref()?).ok().filter(|text| !text.is_empty() && text.len() <= 32)
}

fn audio_level(value: &Bytes) -> Option<AudioLevel> {
    let byte = *value.first()?;
    Some(AudioLevel { below_overload: byte & 0x7f, voice: byte & 0x80 != 0 })
}

/// RFC 4588 §4: the first two payload bytes are the original sequence number. Shorter ones are probes.
fn unwrap_repair(packet: RtpPacket, primary: u32, original_type: u8) -> Option<RtpPacket> {
    let sequence = packet.payload.get(..2)?;
    Some(RtpPacket {
        payload_type: original_type,
        sequence: u16::from_be_bytes([sequence[0], sequence[1]]),
        ssrc: primary,
        payload: packet.payload.slice(2..),
        ..packet
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::rtc::sdp::{Codec, Direction, Extension, Section};

    fn description(direction: Direction) -> Description {
        let mut section = Section::new(Kind::Video, "v".into());
        section.direction = direction;
        let codec = |payload_type, name: &str, fmtp: &str| Codec {
            payload_type,
            name: name.into(),
            clock_rate: 90_000,
            channels: 1,
            fmtp: fmtp.into(),
            feedback: vec!["nack".into()],
        };
        section.codecs = vec![codec(96, "VP8", ""), codec(97, "rtx", "apt=96")];
        for (id, name) in [(1, uri::MID), (2, uri::RID), (3, uri::REPAIRED_RID)] {
            section.extensions.push(Extension { id, uri: name.into() });
        }
        Description { sections: vec![section], ..Description::default() }
    }

    fn packet(payload_type: u8, ssrc: u32, sequence: u16, payload: &'static [u8]) -> RtpPacket {
        RtpPacket { payload_type, ssrc, sequence, payload: Bytes::from_static(payload), ..RtpPacket::default() }
    }

    fn named(rid: &'static str, repaired: bool) -> Extensions {
        let value = Some(Bytes::from_static(rid.as_bytes()));
        let mid = Some(Bytes::from_static(b"v"));
        if repaired {
            Extensions { mid, repaired_rid: value, ..Extensions::default() }
        } else {
            Extensions { mid, rid: value, ..Extensions::default() }
        }
    }

    #[test]
    fn layers_survive_renegotiation_and_repairs_find_their_layer() {
        let now = Instant::now();
        let mut inbound = Inbound::default();
        let (remote, local) = (description(Direction::SendOnly), description(Direction::RecvOnly));
        inbound.negotiated(&remote, &local);
        assert!(inbound.receive(packet(96, 11, 1, b"a"), &named("q", false), now).is_some());
        assert!(inbound.receive(packet(96, 12, 1, b"a"), &named("h", false), now).is_some());
        assert_eq!(inbound.drain_opened().count(), 2);
        inbound.negotiated(&remote, &local);
        // The browser names layers only at the beginning.
        let later = inbound.receive(packet(96, 12, 3, b"a"), &Extensions::default(), now).unwrap();
        assert_eq!(later.rid.unwrap(), Rid::from("h"));
        let repaired = inbound.receive(packet(97, 99, 7, b"\x00\x02b"), &named("h", true), now).unwrap();
        assert_eq!((repaired.packet.ssrc, repaired.packet.sequence, repaired.packet.payload_type), (12, 2, 96));
        assert!(inbound.receive(packet(97, 99, 8, b"\x00\x02b"), &Extensions::default(), now).is_none(), "duplicate");
        assert!(inbound.receive(packet(97, 99, 9, b""), &Extensions::default(), now).is_none(), "probe");
    }

    #[test]
    fn a_stranger_is_not_attributed() {
        let mut inbound = Inbound::default();
        inbound.negotiated(&description(Direction::RecvOnly), &description(Direction::SendOnly));
        assert!(inbound.receive(packet(96, 11, 1, b"a"), &Extensions::default(), Instant::now()).is_none());
    }
}
