//! Joins the segments of long incoming messages (长短信合并). Pure: time is an argument.
//!
//! Octets are joined before they are decoded, because some peers cut characters in two.

use super::{Concatenation, Decoding, decode};
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::time::{Duration, Instant};

/// After this long the segments that came are shown without the missing ones.
pub const GIVE_UP_AFTER: Duration = Duration::from_secs(600);
/// Most long messages waiting for segments; the oldest is shown partially when one more comes.
pub const MAX_OPEN: usize = 10_000;
/// Most octets held in waiting segments: a hostile sender may open long messages of 255 segments.
const MAX_HELD: usize = 16 << 20;
/// Stands for a segment that never came.
const MISSING: &str = "[…]";

/// Which long message a segment belongs to.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct PartKey {
    /// Sender as it stands in the PDU.
    pub from: String,
    /// Receiver as it stands in the PDU.
    pub to: String,
    /// The sender's reference.
    pub reference: u16,
    /// Number of segments.
    pub total: u8,
}

/// What became of one segment.
#[derive(Clone, PartialEq, Eq)]
pub enum Joined {
    /// Others are still missing.
    Waiting,
    /// This segment was here already.
    Duplicate,
    /// The last one: the whole text.
    Whole(String),
}

/// A long message given up on.
#[derive(Clone, PartialEq, Eq)]
pub struct Whole {
    /// Which.
    pub key: PartKey,
    /// The text with `[…]` where segments are missing.
    pub text: String,
}

struct Group {
    since: Instant,
    parts: BTreeMap<u8, (u8, Vec<u8>)>,
}

/// The long messages that wait for segments.
pub struct Joiner {
    decoding: Decoding,
    open: HashMap<PartKey, Group>,
    /// By age; an entry whose group is gone or younger is stale.
    order: VecDeque<(Instant, PartKey)>,
    held: usize,
}

impl Joiner {
    /// `decoding` of `data_coding` 0, as the link has it.
    pub fn new(decoding: Decoding) -> Self {
        Self { decoding, open: HashMap::new(), order: VecDeque::new(), held: 0 }
    }

    /// Takes in one segment. [`Self::give_up`] is to be called afterwards.
    pub fn push(
        &mut self,
        from: &str,
        to: &str,
        place: Concatenation,
        data_coding: u8,
        octets: &[u8],
        now: Instant,
    ) -> Joined {
        let key = PartKey { from: from.into(), to: to.into(), reference: place.reference, total: place.total };
        let group = self.open.entry(key.clone()).or_insert_with(|| {
            self.order.push_back((now, key.clone()));
            Group { since: now, parts: BTreeMap::new() }
        });
        if group.parts.contains_key(&place.index) {
            return Joined::Duplicate;
        }
        self.held += octets.len();
        group.parts.insert(place.index, (data_coding, octets.to_vec()));
        if group.parts.len() < usize::from(place.total) {
            return Joined::Waiting;
        }
        self.take(key).map_or(Joined::Duplicate, |whole| Joined::Whole(whole.text))
    }

    /// Long messages to be shown as they are: waiting too long, or the oldest of too many.
    pub fn give_up(&mut self, now: Instant) -> Vec<Whole> {
        let mut given = Vec::new();
        while let Some((since, _)) = self.order.front() {
            let full = self.open.len() > MAX_OPEN || self.held > MAX_HELD;
            if !full && now < *since + GIVE_UP_AFTER {
                break;
            }
            let key = self.order.pop_front().map(|(_, key)| key);
            given.extend(key.and_then(|key| self.take(key)));
        }
        given
    }

    /// When [`Self::give_up`] should be called next.
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.order.front().map(|(since, _)| *since + GIVE_UP_AFTER)
    }

    fn take(&mut self, key: PartKey) -> Option<Whole> {
        let group = self.open.remove(&key)?;
        self.held -= group.parts.values().map(|(_, octets)| octets.len()).sum::<usize>();
        while let Some((since, key)) = self.order.front()
            && self.open.get(key).is_none_or(|group| group.since != *since)
        {
            self.order.pop_front();
        }
        let text = text(&group, key.total, self.decoding);
        Some(Whole { key, text })
    }
}

/// Runs of segments with one coding are decoded as one.
fn text(group: &Group, total: u8, decoding: Decoding) -> String {
    let mut out = String::new();
    let mut run: Option<(u8, Vec<u8>)> = None;
    let flush = |run: &mut Option<(u8, Vec<u8>)>, out: &mut String| {
        if let Some((coding, octets)) = run.take() {
            out.push_str(&decode(coding, &octets, decoding));
        }
    };
    for index in 1..=total {
        let Some((coding, octets)) = group.parts.get(&index) else {
            flush(&mut run, &mut out);
            out.push_str(MISSING);
            continue;
        };
        match &mut run {
            Some((running, all)) if running == coding && decoding != Decoding::GsmPacked => {
                all.extend_from_slice(octets)
            }
            _ => {
                flush(&mut run, &mut out);
                run = Some((*coding, octets.clone()));
            }
        }
    }
    flush(&mut run, &mut out);
    out
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn place(index: u8, total: u8) -> Concatenation {
        Concatenation { reference: 0xa5, total, index }
    }

    fn push(joiner: &mut Joiner, index: u8, total: u8, octets: &[u8], now: Instant) -> Joined {
        joiner.push("138", "1069", place(index, total), 8, octets, now)
    }

    #[test]
    fn out_of_order_doubled_and_cut_inside_a_pair() {
        let (mut joiner, now) = (Joiner::new(Decoding::Gsm), Instant::now());
        assert!(push(&mut joiner, 2, 2, &[0xde, 0x00, 0x6c, 0x49], now) == Joined::Waiting);
        assert!(push(&mut joiner, 2, 2, &[0xde, 0x00, 0x6c, 0x49], now) == Joined::Duplicate);
        assert!(push(&mut joiner, 1, 2, &[0xd8, 0x3d], now) == Joined::Whole("😀汉".into()));
        assert!(joiner.poll_timeout().is_none());
    }

    #[test]
    fn given_up_after_ten_minutes_with_what_came() {
        let (mut joiner, now) = (Joiner::new(Decoding::Gsm), Instant::now());
        push(&mut joiner, 3, 3, &[0x6c, 0x49], now);
        push(&mut joiner, 1, 3, &[0x5b, 0x57], now);
        assert_eq!(joiner.poll_timeout(), Some(now + GIVE_UP_AFTER));
        assert!(joiner.give_up(now + GIVE_UP_AFTER - Duration::from_secs(1)).is_empty());
        let given = joiner.give_up(now + GIVE_UP_AFTER);
        assert_eq!(given[0].text, "字[…]汉");
        assert!(joiner.poll_timeout().is_none());
    }

    #[test]
    fn bounded() {
        let (mut joiner, now) = (Joiner::new(Decoding::Gsm), Instant::now());
        for sender in 0..=MAX_OPEN as u64 {
            let at = now + Duration::from_millis(sender);
            joiner.push(&sender.to_string(), "1069", place(1, 2), 0, b"x", at);
        }
        assert_eq!(joiner.give_up(now + Duration::from_secs(11))[0].key.from, "0");
        assert_eq!(joiner.open.len(), MAX_OPEN);
    }
}
