//! Message ids as centres write them: hexadecimal in the response and decimal in the receipt, zeros dropped or added, case changed.

/// Longest id that can be read as a number of 128 bits.
const MAX_DIGITS: usize = 39;

/// The forms under which receipts may speak of one submitted message. Store [`IdForms::keys`] and look receipts up by
/// [`receipt_keys`], always within (link, receiver, five days).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdForms {
    raw: String,
    others: Vec<String>,
}

impl IdForms {
    /// From the `message_id` of a submit response.
    pub fn new(raw: &str) -> Self {
        let mut others: Vec<String> = Vec::new();
        let plain = plain(raw);
        let decimal =
            Some(&plain).filter(|id| id.bytes().all(|b| b.is_ascii_digit())).and_then(|id| id.parse::<u128>().ok());
        let hexadecimal = u128::from_str_radix(&plain, 16).ok();
        let forms = [Some(plain.clone()), decimal.map(|n| format!("{n:x}")), hexadecimal.map(|n| n.to_string())];
        for form in forms.into_iter().flatten() {
            if form != raw && !others.contains(&form) {
                others.push(form);
            }
        }
        Self { raw: raw.to_owned(), others }
    }

    /// As the centre wrote it.
    pub fn raw(&self) -> &str {
        &self.raw
    }

    /// Every key to store, the raw one first; at most four.
    pub fn keys(&self) -> impl Iterator<Item = &str> {
        std::iter::once(self.raw.as_str()).chain(self.others.iter().map(String::as_str))
    }

    /// How well a receipt's id fits: 2 exactly, 1 by another form, 0 not at all.
    pub fn fit(&self, receipt_id: &str) -> u8 {
        if self.raw == receipt_id {
            return 2;
        }
        u8::from(receipt_keys(receipt_id).iter().any(|key| self.keys().any(|form| form == key)))
    }
}

/// The keys under which a receipt's id is looked up: raw, then lower case without dashes and leading zeros.
///
/// Fewer forms than a submit has: were both sides read as hexadecimal and decimal, `10` would meet `22`.
pub fn receipt_keys(id: &str) -> Vec<String> {
    let plain = plain(id);
    if plain == id { vec![plain] } else { vec![id.to_owned(), plain] }
}

/// Lower case, no dashes, no leading zeros, no `0x`.
fn plain(id: &str) -> String {
    let lower = id.trim().to_ascii_lowercase().replace('-', "");
    let bare = lower.strip_prefix("0x").unwrap_or(&lower).trim_start_matches('0');
    if bare.is_empty() { "0".into() } else { bare.chars().take(64.max(MAX_DIGITS)).collect() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn pairs_seen_in_the_wild() {
        for (response, receipt) in [
            ("3f2a9c01", "1059757057"),
            ("3F2A9C01", "3f2a9c01"),
            ("00B8BE19", "B8BE19"),
            ("00B8BE19", "12107289"),
            ("0221067780", "221067780"),
            ("221067780", "0221067780"),
            ("1059757057", "3F2A9C01"),
            ("f47ac10b-58cc", "F47AC10B58CC"),
            ("FFFFFFFFFFFFFFFF", "18446744073709551615"),
        ] {
            assert!(IdForms::new(response).fit(receipt) >= 1, "{response} {receipt}");
        }
        assert_eq!(IdForms::new("10").fit("10"), 2);
    }

    #[test]
    fn strangers_do_not_meet() {
        for (response, receipt) in [("10", "22"), ("msg-1", "msg-2"), ("", "1"), ("xyz", "0")] {
            assert_eq!(IdForms::new(response).fit(receipt), 0, "{response} {receipt}");
        }
    }

    proptest! {
        #[test]
        fn any_number_meets_itself_in_the_other_base(n in any::<u64>(), zeros in 0_usize..5) {
            let zeros = "0".repeat(zeros);
            let (hex, decimal) = (format!("{zeros}{n:X}"), format!("{zeros}{n}"));
            prop_assert!(IdForms::new(&hex).fit(&n.to_string()) >= 1);
            let lower = format!("{n:x}");
            prop_assert!(IdForms::new(&decimal).fit(&lower) >= 1);
            prop_assert!(IdForms::new(&decimal).fit(&n.to_string()) >= 1);
        }

        #[test]
        fn total(id in "\\PC{0,80}", other in "\\PC{0,80}") {
            let _ = IdForms::new(&id).fit(&other);
        }
    }
}
