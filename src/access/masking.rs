//! Masking: how personal texts look to those without the right to read them whole.

use crate::ids::PhoneNumber;

/// `138****8001`; a text that is no number keeps its last two characters.
pub fn mask_phone(text: &str) -> String {
    PhoneNumber::parse(text).map_or_else(|_| mask_tail(text, 2), |p| p.masked())
}

/// `张*`, `欧*`: the first character stays.
pub fn mask_name(text: &str) -> String {
    let mut chars = text.chars();
    match chars.next() {
        Some(first) => format!("{first}{}", "*".repeat(chars.count().clamp(1, 3))),
        None => String::new(),
    }
}

/// For the vault: a sealed text as one without the right sees it.
pub fn show_masked(text: &str) -> String {
    match PhoneNumber::parse(text) {
        Ok(phone) => phone.masked(),
        Err(_) => mask_name(text),
    }
}

/// For the vault: a sealed text as one with the right sees it.
pub fn show_whole(text: &str) -> String {
    text.to_owned()
}

fn mask_tail(text: &str, keep: usize) -> String {
    let count = text.chars().count();
    let tail: String = text.chars().skip(count.saturating_sub(keep)).collect();
    format!("{}{tail}", "*".repeat(count.saturating_sub(keep).min(8)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_numbers_keep_just_enough_to_be_told_apart() {
        assert_eq!(show_masked("13812348001"), "138****8001");
        assert_eq!(show_masked("王小明"), "王**");
        assert_eq!(mask_name("李"), "李*");
        assert_eq!(mask_phone("anonymous"), "*******us");
    }
}
