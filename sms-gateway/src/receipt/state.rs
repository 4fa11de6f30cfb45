//! States of a message as receipts tell them, and which may replace which.

/// `message_state` (SMPP 3.4 §5.2.28) and the words of the receipt text (Appendix B).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// On its way; not final.
    Enroute,
    /// Arrived 已送达.
    Delivered,
    /// Validity ended.
    Expired,
    /// Removed by somebody.
    Deleted,
    /// Cannot be delivered 失败.
    Undeliverable,
    /// Read by an operator of the centre; treated as on its way.
    Accepted,
    /// The centre does not know, or said a word that nobody knows.
    Unknown,
    /// Refused by the network.
    Rejected,
}

impl State {
    /// From TLV `message_state`; any other value is [`State::Unknown`].
    pub fn from_code(code: u8) -> Self {
        match code {
            1 => Self::Enroute,
            2 => Self::Delivered,
            3 => Self::Expired,
            4 => Self::Deleted,
            5 => Self::Undeliverable,
            6 => Self::Accepted,
            8 => Self::Rejected,
            _ => Self::Unknown,
        }
    }

    /// The `message_state` code.
    pub fn code(self) -> u8 {
        match self {
            Self::Enroute => 1,
            Self::Delivered => 2,
            Self::Expired => 3,
            Self::Deleted => 4,
            Self::Undeliverable => 5,
            Self::Accepted => 6,
            Self::Unknown => 7,
            Self::Rejected => 8,
        }
    }

    /// From the word behind `stat:`, in any case and the spellings seen in the wild.
    pub fn from_word(word: &str) -> Self {
        match word.to_ascii_uppercase().as_str() {
            "DELIVRD" | "DELIVERED" | "DELIVRED" | "0" => Self::Delivered,
            "EXPIRED" => Self::Expired,
            "DELETED" => Self::Deleted,
            "UNDELIV" | "UNDELIVERABLE" | "FAILED" => Self::Undeliverable,
            "ACCEPTD" | "ACCEPTED" => Self::Accepted,
            "REJECTD" | "REJECTED" => Self::Rejected,
            "ENROUTE" => Self::Enroute,
            _ => Self::Unknown,
        }
    }

    /// The word of Appendix B, for receipts that we send.
    pub fn word(self) -> &'static str {
        match self {
            Self::Enroute => "ENROUTE",
            Self::Delivered => "DELIVRD",
            Self::Expired => "EXPIRED",
            Self::Deleted => "DELETED",
            Self::Undeliverable => "UNDELIV",
            Self::Accepted => "ACCEPTD",
            Self::Unknown => "UNKNOWN",
            Self::Rejected => "REJECTD",
        }
    }

    /// Whether nothing more is expected.
    pub fn is_final(self) -> bool {
        !matches!(self, Self::Enroute | Self::Accepted)
    }

    /// delivered > failed > expired > unknown > on its way. Only a higher rank replaces a state, whatever the order of arrival.
    pub fn rank(self) -> u8 {
        match self {
            Self::Enroute | Self::Accepted => 0,
            Self::Unknown => 1,
            Self::Expired => 2,
            Self::Deleted | Self::Undeliverable | Self::Rejected => 3,
            Self::Delivered => 4,
        }
    }

    /// Whether a receipt with `self` changes a message that has `present`.
    pub fn replaces(self, present: Self) -> bool {
        self.rank() > present.rank()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_and_words_go_both_ways() {
        for code in 1..=8 {
            let state = State::from_code(code);
            assert_eq!((state.code(), State::from_word(state.word())), (code, state));
        }
        assert_eq!(State::from_code(99), State::Unknown);
        assert_eq!(State::from_word("failed"), State::Undeliverable);
        assert_eq!(State::from_word("MK:0001"), State::Unknown);
    }

    #[test]
    fn a_state_never_goes_backwards() {
        assert!(State::Delivered.replaces(State::Undeliverable));
        assert!(!State::Expired.replaces(State::Delivered));
        assert!(!State::Delivered.replaces(State::Delivered));
        assert!(State::Undeliverable.replaces(State::Expired));
        assert!(State::Unknown.replaces(State::Enroute));
    }
}
