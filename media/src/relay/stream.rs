//! The one continuous RTP stream that a receiver gets, whatever its sources.

use crate::rtp::Header;

/// After a change of source, packets of the new one that are older than its first are dropped for
/// so many packets: they would take the numbers of the old source.
const SETTLING: u32 = 50;
/// A source whose sequence leaps further is placed anew, as if it were another.
const MAX_LEAP: i16 = 3_000;

/// Who feeds the stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Feed {
    /// Packets of a leg passed on: leg, SSRC.
    Relayed(u8, u32),
    /// Packets made here from a leg's speech.
    Transcoded(u8, u32),
    /// Prompts, tones, mixes.
    Made,
}

/// Numbers of the outgoing stream.
#[derive(Clone, Debug)]
pub(super) struct OutStream {
    ssrc: u32,
    clock: u32,
    /// Greatest sequence number sent.
    sequence: u16,
    /// Greatest timestamp sent, and how long that packet lasts.
    timestamp: u32,
    lasting: u32,
    sent_ms: Option<u64>,
    feed: Option<Feed>,
    sequence_offset: u16,
    timestamp_offset: u32,
    anchor: u16,
    settled: u32,
    packets: u32,
    bytes: u32,
}

impl OutStream {
    /// A stream with random `ssrc`, first sequence number and timestamp taken from `seed`.
    pub(super) fn new(seed: u64, clock: u32) -> Self {
        Self {
            ssrc: (seed >> 32) as u32,
            clock,
            sequence: (seed >> 8) as u16 & 0x7fff,
            timestamp: seed as u32,
            lasting: 0,
            sent_ms: None,
            feed: None,
            sequence_offset: 0,
            timestamp_offset: 0,
            anchor: 0,
            settled: 0,
            packets: 0,
            bytes: 0,
        }
    }

    /// The codec's clock has changed (re-INVITE): the next packet starts a new feed.
    pub(super) fn set_clock(&mut self, clock: u32) {
        if clock != self.clock {
            self.clock = clock;
            self.feed = None;
        }
    }

    /// Numbers for a packet of another stream. `timestamp` is its time in our clock's units,
    /// `lasting` its length in them. `None`: too old, drop it.
    pub(super) fn relay(
        &mut self,
        feed: Feed,
        source: &Header,
        timestamp: u32,
        lasting: u32,
        now_ms: u64,
    ) -> Option<Header> {
        let sequence = source.sequence.wrapping_add(self.sequence_offset);
        let leap = (sequence.wrapping_sub(self.sequence) as i16).unsigned_abs();
        let switched = self.feed != Some(feed) || leap > MAX_LEAP.unsigned_abs();
        if switched {
            self.switch(feed, source.sequence, timestamp, now_ms);
        } else if self.too_old(source.sequence) {
            return None;
        }
        let header = Header {
            marker: source.marker || switched,
            payload_type: 0,
            sequence: source.sequence.wrapping_add(self.sequence_offset),
            timestamp: timestamp.wrapping_add(self.timestamp_offset),
            ssrc: self.ssrc,
        };
        self.note(&header, lasting, now_ms);
        Some(header)
    }

    /// Numbers for a packet made here, of which `skipped` are missing before it. `timestamp` is the
    /// feed's own time in our clock's units.
    pub(super) fn made(&mut self, feed: Feed, timestamp: u32, lasting: u32, skipped: u16, now_ms: u64) -> Header {
        let switched = self.feed != Some(feed);
        let next = self.sequence.wrapping_add(1);
        if switched {
            self.switch(feed, next, timestamp, now_ms);
        }
        let sequence = if switched { next } else { next.wrapping_add(skipped) };
        let header = Header {
            marker: switched,
            payload_type: 0,
            sequence,
            timestamp: timestamp.wrapping_add(self.timestamp_offset),
            ssrc: self.ssrc,
        };
        self.note(&header, lasting, now_ms);
        header
    }

    /// Numbers for a packet put in between (a key that we press): it takes the next sequence number
    /// and those of the feed move up by one.
    pub(super) fn inserted(&mut self, timestamp: u32, marker: bool, now_ms: u64) -> Header {
        self.sequence_offset = self.sequence_offset.wrapping_add(1);
        let sequence = self.sequence.wrapping_add(1);
        let header = Header { marker, payload_type: 0, sequence, timestamp, ssrc: self.ssrc };
        self.note(&header, 0, now_ms);
        header
    }

    /// The timestamp of something that starts now.
    pub(super) fn timestamp_at(&self, now_ms: u64) -> u32 {
        let Some(sent_ms) = self.sent_ms else {
            return self.timestamp;
        };
        let elapsed = now_ms.saturating_sub(sent_ms).saturating_mul(u64::from(self.clock)) / 1_000;
        self.timestamp.wrapping_add(self.lasting.max(elapsed as u32))
    }

    pub(super) fn ssrc(&self) -> u32 {
        self.ssrc
    }

    /// Packets and bytes of payload sent (wrapping, for reports).
    pub(super) fn sent(&self) -> (u32, u32) {
        (self.packets, self.bytes)
    }

    pub(super) fn count(&mut self, payload: usize) {
        self.packets = self.packets.wrapping_add(1);
        self.bytes = self.bytes.wrapping_add(payload as u32);
    }

    fn switch(&mut self, feed: Feed, sequence: u16, timestamp: u32, now_ms: u64) {
        self.sequence_offset = self.sequence.wrapping_add(1).wrapping_sub(sequence);
        self.timestamp_offset = self.timestamp_at(now_ms).wrapping_sub(timestamp);
        (self.feed, self.anchor, self.settled) = (Some(feed), sequence, 0);
    }

    fn too_old(&mut self, sequence: u16) -> bool {
        self.settled = self.settled.saturating_add(1);
        self.settled < SETTLING && (sequence.wrapping_sub(self.anchor) as i16) < 0
    }

    fn note(&mut self, header: &Header, lasting: u32, now_ms: u64) {
        if header.sequence.wrapping_sub(self.sequence) as i16 > 0 || self.sent_ms.is_none() {
            self.sequence = header.sequence;
        }
        if header.timestamp.wrapping_sub(self.timestamp) as i32 >= 0 || self.sent_ms.is_none() {
            (self.timestamp, self.lasting) = (header.timestamp, lasting);
            self.sent_ms = Some(now_ms);
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn header(sequence: u16, timestamp: u32) -> Header {
        Header { sequence, timestamp, ..Header::default() }
    }

    fn relay(stream: &mut OutStream, feed: Feed, sequence: u16, now_ms: u64) -> Option<Header> {
        let timestamp = u32::from(sequence) * 160;
        stream.relay(feed, &header(sequence, timestamp), timestamp, 160, now_ms)
    }

    #[test]
    fn changing_sources_leaves_no_seam() {
        let mut stream = OutStream::new(7 << 40 | 5, 8_000);
        let mut sent = Vec::new();
        for step in 0u16..10 {
            let now = u64::from(step) * 20;
            sent.push(match step {
                0..3 => stream.made(Feed::Made, u32::from(step) * 160, 160, 0, now),
                3..6 => relay(&mut stream, Feed::Relayed(1, 9), 60_000 + step, now).unwrap(),
                _ => stream.made(Feed::Made, u32::from(step) * 160, 160, 0, now),
            });
        }
        for (before, after) in sent.iter().zip(&sent[1..]) {
            assert_eq!(after.sequence.wrapping_sub(before.sequence), 1);
            assert_eq!(after.timestamp.wrapping_sub(before.timestamp), 160);
            assert_eq!(after.ssrc, before.ssrc);
        }
        let marks: Vec<usize> = (0..10).filter(|&at| sent[at].marker).collect();
        assert_eq!(marks, [0, 3, 6], "each change is a new talk spurt");
    }

    #[test]
    fn loss_and_reordering_of_a_source_stay_visible() {
        let mut stream = OutStream::new(1, 8_000);
        let feed = Feed::Relayed(0, 1);
        let first = relay(&mut stream, feed, 100, 0).unwrap().sequence;
        assert_eq!(relay(&mut stream, feed, 103, 60).unwrap().sequence.wrapping_sub(first), 3);
        assert_eq!(relay(&mut stream, feed, 102, 60).unwrap().sequence.wrapping_sub(first), 2);
        assert!(relay(&mut stream, feed, 99, 60).is_none(), "older than the change of source");
    }

    #[test]
    fn silence_between_sources_takes_its_time() {
        let mut stream = OutStream::new(1, 48_000);
        let before = stream.made(Feed::Made, 0, 960, 0, 0).timestamp;
        let after = stream.made(Feed::Transcoded(0, 0), 5, 960, 0, 1_000).timestamp;
        assert_eq!(after.wrapping_sub(before), 48_000);
    }

    #[test]
    fn an_inserted_packet_moves_the_others_up() {
        let mut stream = OutStream::new(1, 8_000);
        let feed = Feed::Relayed(0, 1);
        let first = relay(&mut stream, feed, 10, 0).unwrap().sequence;
        let key = stream.inserted(stream.timestamp_at(10), true, 10);
        let next = relay(&mut stream, feed, 11, 20).unwrap();
        assert_eq!([key.sequence, next.sequence], [first + 1, first + 2]);
    }

    proptest! {
        /// Whatever the order of sources, no sequence number is used twice.
        #[test]
        fn no_number_is_used_twice(steps in prop::collection::vec((0u8..3, 1u16..4), 1..300), seed: u64) {
            let mut stream = OutStream::new(seed, 8_000);
            let mut sources = [1_000u16, 65_000, 30_000];
            let mut used = std::collections::HashSet::new();
            for (step, (source, ahead)) in steps.into_iter().enumerate() {
                let now = step as u64 * 20;
                let header = if source == 2 {
                    stream.made(Feed::Made, step as u32 * 160, 160, 0, now)
                } else {
                    let sequence = &mut sources[usize::from(source)];
                    *sequence = sequence.wrapping_add(ahead);
                    relay(&mut stream, Feed::Relayed(source, 1), *sequence, now).unwrap()
                };
                prop_assert!(used.insert(header.sequence));
            }
        }
    }
}
