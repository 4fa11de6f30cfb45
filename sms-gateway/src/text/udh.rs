//! User data headers (GSM 03.40 §9.2.3.24): where a text begins, which part of a long message it is; and the references of ours.

use std::hash::{DefaultHasher, Hash, Hasher};

/// Place of one segment in a long message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
pub struct Concatenation {
    /// 8-bit or 16-bit reference of the long message.
    pub reference: u16,
    /// Number of segments, 1–255.
    pub total: u8,
    /// This segment, 1–`total`.
    pub index: u8,
}

impl Concatenation {
    /// From loose values; `None` unless 1 ≤ index ≤ total (GSM 03.40 §9.2.3.24.1: else the element is ignored).
    pub fn new(reference: u16, total: u8, index: u8) -> Option<Self> {
        (index >= 1 && index <= total).then_some(Self { reference, total, index })
    }

    /// The 6-octet header `05 00 03 rr tt nn`; only the low octet of the reference goes out.
    pub fn header(self) -> [u8; 6] {
        [5, 0, 3, (self.reference & 0xFF) as u8, self.total, self.index]
    }
}

/// Cuts a payload that begins with a user data header into its place in a long message (if it says one) and the text.
///
/// Other elements are skipped by their lengths. A header longer than the payload is taken for text: better shown than lost.
pub fn split_header(payload: &[u8]) -> (Option<Concatenation>, &[u8]) {
    let Some((len, rest)) = payload.split_first() else {
        return (None, payload);
    };
    let Some((header, text)) = rest.split_at_checked(usize::from(*len)) else {
        return (None, payload);
    };
    (concatenation(header), text)
}

fn concatenation(mut header: &[u8]) -> Option<Concatenation> {
    let mut found = None;
    while let [id, len, rest @ ..] = header {
        let (value, tail) = rest.split_at_checked(usize::from(*len))?;
        found = match (id, value) {
            (0x00, [reference, total, index]) => Concatenation::new((*reference).into(), *total, *index),
            (0x08, [high, low, total, index]) => Concatenation::new(u16::from_be_bytes([*high, *low]), *total, *index),
            _ => None,
        }
        .or(found);
        header = tail;
    }
    found
}

/// Buckets of [`References`].
const BUCKETS: usize = 4_096;

/// Gives references to long messages so that one (from, to) does not see the same twice within 256 long messages of its bucket.
/// Constant memory: with 4,096 buckets a repeat within 10 minutes would need 1,700 long messages a second.
#[derive(Debug)]
pub struct References(Vec<u8>);

impl References {
    /// `seed` should differ from start to start, so that a restart does not repeat the last references.
    pub fn new(seed: u64) -> Self {
        let start = |bucket: usize| (hash(&(seed, bucket)) & 0xFF) as u8;
        Self((0..BUCKETS).map(start).collect())
    }

    /// The next reference towards this receiver.
    pub fn next(&mut self, from: &str, to: &str) -> u8 {
        let bucket = usize::try_from(hash(&(from, to)) % BUCKETS as u64).expect("below 4,096");
        self.0[bucket] = self.0[bucket].wrapping_add(1);
        self.0[bucket]
    }
}

fn hash(value: &impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_are_read_by_their_lengths() {
        let eight = Concatenation { reference: 0xa5, total: 2, index: 1 };
        assert_eq!(split_header(&[5, 0, 3, 0xa5, 2, 1, b'x']), (Some(eight), &b"x"[..]));
        assert_eq!(eight.header(), [5, 0, 3, 0xa5, 2, 1]);
        let sixteen = Concatenation { reference: 0x1a5, total: 3, index: 3 };
        assert_eq!(split_header(&[6, 8, 4, 1, 0xa5, 3, 3]), (Some(sixteen), &b""[..]));
        let behind_ports = [11, 5, 4, 1, 2, 3, 4, 0, 3, 0xa5, 2, 1, b'x'];
        assert_eq!(split_header(&behind_ports), (Some(eight), &b"x"[..]));
    }

    #[test]
    fn wrong_headers_lose_no_text() {
        assert_eq!(split_header(&[200, 1, 2]), (None, &[200, 1, 2][..]));
        assert_eq!(split_header(&[5, 0, 3, 1, 2, 3, b'x']), (None, &b"x"[..]));
        assert_eq!(split_header(&[3, 0, 9, 9, b'x']), (None, &b"x"[..]));
        assert_eq!(split_header(&[]), (None, &[][..]));
    }

    #[test]
    fn references_of_one_receiver_do_not_repeat_soon() {
        let mut references = References::new(7);
        let seen: std::collections::HashSet<u8> = (0..256).map(|_| references.next("1069", "138")).collect();
        assert_eq!(seen.len(), 256);
        assert_ne!(References::new(7).0[..8], References::new(8).0[..8]);
    }
}
