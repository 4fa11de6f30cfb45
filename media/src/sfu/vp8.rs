//! VP8 payload descriptors (RFC 7741 §4.2): key frames, and picture ids that go on over a switch of layers.
//!
//! Pure. Decoders order frames by picture id and temporal index; each simulcast layer counts its own.

use bytes::{Bytes, BytesMut};

/// What a descriptor says, with the positions of its counters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Descriptor {
    length: usize,
    start_of_frame: bool,
    picture: Option<Counter>,
    temporal: Option<Counter>,
}

/// A counter in the descriptor: where it stands and how wide it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Counter {
    at: usize,
    bits: u8,
    value: u16,
}

fn parse(payload: &[u8]) -> Option<Descriptor> {
    let first = *payload.first()?;
    let mut descriptor =
        Descriptor { length: 1, start_of_frame: first & 0x10 != 0 && first & 0x0f == 0, ..Descriptor::default() };
    if first & 0x80 == 0 {
        return Some(descriptor);
    }
    let extended = *payload.get(1)?;
    let mut at = 2;
    if extended & 0x80 != 0 {
        let byte = *payload.get(at)?;
        let wide = byte & 0x80 != 0;
        let value = if wide { u16::from(byte & 0x7f) << 8 | u16::from(*payload.get(at + 1)?) } else { u16::from(byte) };
        descriptor.picture = Some(Counter { at, bits: if wide { 15 } else { 7 }, value });
        at += if wide { 2 } else { 1 };
    }
    if extended & 0x40 != 0 {
        descriptor.temporal = Some(Counter { at, bits: 8, value: u16::from(*payload.get(at)?) });
        at += 1;
    }
    if extended & 0x30 != 0 {
        payload.get(at)?;
        at += 1;
    }
    descriptor.length = at;
    Some(descriptor)
}

/// Whether the packet begins a key frame: start of partition 0 and the frame header's inverse key bit is 0.
pub(super) fn begins_key_frame(payload: &[u8]) -> bool {
    parse(payload).is_some_and(|descriptor| {
        descriptor.start_of_frame && payload.get(descriptor.length).is_some_and(|header| header & 1 == 0)
    })
}

/// Continues one counter over sources that each count from a place of their own.
#[derive(Clone, Copy, Debug, Default)]
struct Continued {
    offset: u16,
    newest: Option<u16>,
}

impl Continued {
    fn begin(&mut self, value: u16, mask: u16) {
        let next = self.newest.map_or(value, |newest| newest.wrapping_add(1));
        self.offset = value.wrapping_sub(next) & mask;
    }

    fn map(&mut self, value: u16, mask: u16) -> u16 {
        let out = value.wrapping_sub(self.offset) & mask;
        let ahead = self.newest.is_none_or(|newest| out.wrapping_sub(newest) & mask <= mask / 2);
        if ahead {
            self.newest = Some(out);
        }
        out
    }
}

/// Rewrites picture id and temporal index of one outgoing stream.
#[derive(Debug, Default)]
pub(super) struct PictureIds {
    picture: Continued,
    temporal: Continued,
    begin: bool,
}

impl PictureIds {
    /// The next packet comes from another source.
    pub(super) fn switch(&mut self) {
        self.begin = true;
    }

    /// The payload with its counters continued. Payloads that do not parse pass as they are.
    pub(super) fn rewrite(&mut self, payload: &Bytes) -> Bytes {
        let Some(descriptor) = parse(payload) else {
            return payload.clone();
        };
        let counters = [(&mut self.picture, descriptor.picture), (&mut self.temporal, descriptor.temporal)];
        let mut out: Option<BytesMut> = None;
        for (continued, counter) in counters {
            let Some(counter) = counter else { continue };
            let mask = ((1u32 << counter.bits) - 1) as u16;
            if self.begin {
                continued.begin(counter.value, mask);
            }
            let value = continued.map(counter.value, mask);
            if value != counter.value {
                write(out.get_or_insert_with(|| BytesMut::from(&payload[..])), counter, value);
            }
        }
        self.begin = false;
        out.map_or_else(|| payload.clone(), BytesMut::freeze)
    }
}

fn write(payload: &mut BytesMut, counter: Counter, value: u16) {
    if counter.bits == 15 {
        payload[counter.at] = 0x80 | (value >> 8) as u8;
        payload[counter.at + 1] = value as u8;
    } else {
        payload[counter.at] = value as u8;
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    /// Descriptor as Chromium writes it: 15-bit picture id, temporal index, layer byte.
    fn packet(picture: u16, temporal: u8, start: bool, key: bool) -> Bytes {
        let first = 0x80 | if start { 0x10 } else { 0 };
        let frame = u8::from(!key);
        Bytes::from(vec![first, 0xe0, 0x80 | (picture >> 8) as u8, picture as u8, temporal, 0x20, frame, 1, 2])
    }

    fn counters(payload: &[u8]) -> (u16, u16) {
        let descriptor = parse(payload).unwrap();
        (descriptor.picture.unwrap().value, descriptor.temporal.unwrap().value)
    }

    #[test]
    fn key_frames_are_seen() {
        assert!(begins_key_frame(&packet(1, 1, true, true)));
        assert!(!begins_key_frame(&packet(1, 1, false, true)));
        assert!(!begins_key_frame(&packet(1, 1, true, false)));
        assert!(!begins_key_frame(&[]));
    }

    proptest! {
        /// Over any switches the pictures count on by one, and packets of one picture keep one number.
        #[test]
        fn pictures_count_on(starts in prop::array::uniform2(0u16..0x8000), switches in prop::collection::vec(any::<bool>(), 1..300)) {
            let mut ids = PictureIds::default();
            let (mut next, mut source) = (starts, 0usize);
            let mut before: Option<(u16, u16)> = None;
            for switch in switches {
                if switch { source = 1 - source; ids.switch(); }
                next[source] = (next[source] + 1) & 0x7fff;
                let payload = packet(next[source], next[source] as u8, true, switch);
                let out = counters(&ids.rewrite(&payload));
                let again = counters(&ids.rewrite(&payload));
                prop_assert_eq!(out, again);
                if let Some(before) = before {
                    prop_assert_eq!(out.0, (before.0 + 1) & 0x7fff);
                    prop_assert_eq!(out.1, (before.1 + 1) & 0xff);
                }
                before = Some(out);
            }
        }

        #[test]
        fn no_payload_makes_it_panic(payload: Vec<u8>, switch: bool) {
            let _ = begins_key_frame(&payload);
            let mut ids = PictureIds::default();
            if switch { ids.switch(); }
            prop_assert_eq!(ids.rewrite(&payload.clone().into()).len(), payload.len());
        }
    }
}
