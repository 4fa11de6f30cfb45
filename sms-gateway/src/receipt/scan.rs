//! Reads a receipt: TLVs first, then the text as `key:value` in any order and case (Appendix B is "vendor specific").

use super::state::State;
use crate::pdu::{Message, tag};
use std::fmt;

/// Longest id we believe; the field has 64 octets (SMPP 3.4 §5.2.23).
const MAX_ID: usize = 64;
/// Keys of Appendix B, the longest of a common beginning first.
const KEYS: [&str; 9] = ["id", "sub", "dlvrd", "submit date", "done date", "stat", "err", "text", "status"];

/// What a receipt says. `Debug` hides the raw text, in which the message's first 20 characters stand.
#[derive(Clone, PartialEq, Eq)]
pub struct Receipt {
    /// From TLV 001E, if there.
    pub tlv_id: Option<String>,
    /// From `id:` of the text, if there.
    pub text_id: Option<String>,
    /// TLV 0427 before `stat:`; [`State::Unknown`] if neither is readable.
    pub state: State,
    /// The word of the text as it came, for the page of the message.
    pub word: Option<String>,
    /// `err:` as it came, or TLV 0423 as `net/code`.
    pub error: Option<String>,
    /// `done date:` as it came: centres differ in zone and digits.
    pub done: Option<String>,
    /// The text as it came.
    pub raw: String,
}

impl Receipt {
    /// The ids it speaks of, the more trusted first; one or two, or none if the receipt is useless.
    pub fn ids(&self) -> impl Iterator<Item = &str> {
        let text = self.text_id.as_deref().filter(|id| self.tlv_id.as_deref() != Some(*id));
        self.tlv_id.as_deref().into_iter().chain(text)
    }

    /// Identifies repeated deliveries of the same receipt.
    pub fn dedupe_key(&self) -> String {
        let ids: Vec<&str> = self.ids().collect();
        format!(
            "receipt {} {} {}",
            ids.join("/"),
            self.word.as_deref().unwrap_or(self.state.word()),
            self.done.as_deref().unwrap_or("")
        )
    }
}

impl fmt::Debug for Receipt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Receipt").field("state", &self.state).field("error", &self.error).finish_non_exhaustive()
    }
}

/// Reads the receipt in a `deliver_sm` (or `data_sm` as a message). `None` if it names no message at all.
pub fn scan(message: &Message) -> Option<Receipt> {
    let payload = message.payload();
    let raw = receipt_text(&payload, message.data_coding);
    let fields = Fields(&raw);
    let believed = |id: &str| Some(id.trim()).filter(|id| !id.is_empty() && id.len() <= MAX_ID).map(str::to_owned);
    let tlv_id = message.tlvs.text(tag::RECEIPTED_MESSAGE_ID).as_deref().and_then(believed);
    let text_id = fields.value("id").and_then(believed);
    if tlv_id.is_none() && text_id.is_none() {
        return None;
    }
    let word = fields.value("stat").or_else(|| fields.value("status")).map(str::to_owned);
    let state = match message.tlvs.u8(tag::MESSAGE_STATE) {
        Some(code) => State::from_code(code),
        None => word.as_deref().map_or(State::Unknown, State::from_word),
    };
    let network = match message.tlvs.find(tag::NETWORK_ERROR_CODE) {
        Some([kind, high, low]) => Some(format!("{kind}/{}", u16::from_be_bytes([*high, *low]))),
        _ => None,
    };
    let error = fields.value("err").map(str::to_owned).or(network);
    let done = fields.value("done date").map(str::to_owned);
    Some(Receipt { tlv_id, text_id, state, word, error, done, raw })
}

/// Receipts are ASCII whatever their `data_coding` says, except a few that really are UTF-16.
fn receipt_text(payload: &[u8], data_coding: u8) -> String {
    let utf16 = data_coding == 8 && payload.first() == Some(&0);
    let text = if utf16 {
        crate::text::decode(8, payload, Default::default())
    } else {
        String::from_utf8_lossy(payload).into_owned()
    };
    text.replace('\0', "")
}

/// A receipt's text as fields.
struct Fields<'a>(&'a str);

impl<'a> Fields<'a> {
    /// The value behind `key:` up to the next key. `text:` ends the search: behind it stands what the sender wrote.
    fn value(&self, key: &str) -> Option<&'a str> {
        let (mut at, mut found) = self.next_key(0)?;
        while found != "text" {
            let from = at + found.len() + 1;
            let next = self.next_key(from);
            if found == key {
                let value = &self.0[from..next.map_or(self.0.len(), |(end, _)| end)];
                return value.trim().split([' ', ',', ';']).next();
            }
            (at, found) = next?;
        }
        None
    }

    /// The first `key:` at or after `at` that begins a word.
    fn next_key(&self, at: usize) -> Option<(usize, &'static str)> {
        let bytes = self.0.as_bytes();
        let starts_word = |at: usize| at == 0 || !bytes[at - 1].is_ascii_alphanumeric();
        let key_at = |at: usize| {
            let is = |key: &&&str| {
                let end = at + key.len();
                bytes.get(end) == Some(&b':') && bytes[at..end].eq_ignore_ascii_case(key.as_bytes())
            };
            KEYS.iter().find(is).copied()
        };
        (at..bytes.len()).filter(|at| starts_word(*at)).find_map(|at| key_at(at).map(|key| (at, key)))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::pdu::{Octets, Tlvs};
    use proptest::prelude::*;

    fn receipt(text: &str) -> Option<Receipt> {
        scan(&Message { short_message: text.as_bytes().to_vec().into(), ..Message::default() })
    }

    const FULL: &str = "id:1059757057 sub:001 dlvrd:001 submit date:2611241502 done date:2611241502 stat:DELIVRD err:000 text:id:7 stat:EXPIRED";

    #[test]
    fn appendix_b() {
        let read = receipt(FULL).unwrap();
        assert_eq!(read.ids().collect::<Vec<_>>(), ["1059757057"]);
        assert_eq!(
            (read.state, read.error.as_deref(), read.done.as_deref()),
            (State::Delivered, Some("000"), Some("2611241502"))
        );
    }

    #[test]
    fn other_orders_cases_and_zones() {
        let read = receipt("STAT:failed ERR:12 Done Date:180711070003912+ ID:00B8BE19").unwrap();
        assert_eq!((read.state, read.text_id.as_deref()), (State::Undeliverable, Some("00B8BE19")));
        assert_eq!(read.done.as_deref(), Some("180711070003912+"));
        let odd = receipt("id:a-1,stat:MK:0001").unwrap();
        assert_eq!((odd.state, odd.word.as_deref()), (State::Unknown, Some("MK:0001")));
        assert_eq!(receipt("id:7 text:stat:DELIVRD").unwrap().state, State::Unknown);
        assert!(receipt("paid:7 thanks").is_none());
        assert!(receipt("").is_none());
        assert!(receipt(&format!("id:{}", "7".repeat(65))).is_none());
    }

    #[test]
    fn tlvs_win_and_may_stand_alone() {
        let mut tlvs = Tlvs::default();
        tlvs.push(tag::RECEIPTED_MESSAGE_ID, *b"3f2a9c01"); // without NUL
        tlvs.push(tag::MESSAGE_STATE, [5]);
        tlvs.push(tag::NETWORK_ERROR_CODE, [3, 0, 27]);
        let alone = scan(&Message { tlvs: tlvs.clone(), ..Message::default() }).unwrap();
        assert_eq!((alone.state, alone.error.as_deref()), (State::Undeliverable, Some("3/27")));
        let short_message: Octets = FULL.as_bytes().to_vec().into();
        let both = scan(&Message { tlvs, short_message, ..Message::default() }).unwrap();
        assert_eq!(both.ids().collect::<Vec<_>>(), ["3f2a9c01", "1059757057"]);
        assert_eq!(both.state, State::Undeliverable);
    }

    #[test]
    fn ascii_under_ucs2_and_real_ucs2() {
        let ascii = Message { data_coding: 8, short_message: FULL.as_bytes().to_vec().into(), ..Message::default() };
        assert_eq!(scan(&ascii).unwrap().state, State::Delivered);
        let wide: Vec<u8> = FULL.encode_utf16().flat_map(u16::to_be_bytes).collect();
        let mut tlvs = Tlvs::default();
        tlvs.push(tag::MESSAGE_PAYLOAD, wide);
        assert_eq!(scan(&Message { data_coding: 8, tlvs, ..Message::default() }).unwrap().state, State::Delivered);
    }

    proptest! {
        #[test]
        fn total(text in "(id:|stat:|text:|done date:|[a-z0-9 :汉]){0,20}", coding in any::<u8>()) {
            let _ = scan(&Message { data_coding: coding, short_message: text.into_bytes().into_iter().take(254).collect::<Vec<_>>().into(), ..Message::default() });
        }

        #[test]
        fn order_does_not_matter(mut parts in Just(vec!["id:42", "sub:001", "stat:EXPIRED", "err:009", "done date:2611241502"]).prop_shuffle()) {
            parts.push("text:hello");
            let read = receipt(&parts.join(" ")).unwrap();
            prop_assert_eq!((read.text_id.as_deref(), read.state, read.error.as_deref()), (Some("42"), State::Expired, Some("009")));
        }
    }
}
