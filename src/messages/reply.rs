//! Reading a reply: what a person's short answer means (facts of the trade: full-width digits, circled digits, "回复1", a
//! trailing stop, a quoted text behind). Pure: text in, meaning out.
//!
//! Anything that is not surely an answer is free text and goes to the case unread.

/// Longest text looked at: a reply is short, the rest is kept as it is elsewhere.
const LOOKED_AT: usize = 64;
/// Words that mean "yes, signed for" without a number.
const SIGN_WORDS: &[&str] = &["签收", "收到", "已签收", "已收到", "接受", "同意"];
/// Words that mean "send me no more of these".
const STOP_WORDS: &[&str] = &["t", "td", "r", "n", "退订", "拒收"];

/// What a text says, as far as a program may take it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reply {
    /// The answer "1": sign, accept, solved.
    One,
    /// Another single digit, 0–9 without 1.
    Digit(u8),
    /// A wish to receive no more notices.
    Stop,
    /// A public case number (13 digits, its check digit right), with the text behind it.
    CaseNumber {
        /// The 13 digits.
        number: String,
        /// What follows.
        rest: String,
    },
    /// Anything else.
    Text,
}

/// Reads a text.
pub fn read(text: &str) -> Reply {
    let plain = normalise(text);
    if let Some((number, rest)) = leading_case_number(&plain) {
        return Reply::CaseNumber { number, rest };
    }
    let word = strip_frame(&plain);
    let first = word.split([' ', '\n', ',', '，', '。', '.', '、', ':', '：']).next().unwrap_or_default();
    match first {
        "1" | "一" | "壹" => Reply::One,
        w if SIGN_WORDS.contains(&w) => Reply::One,
        w if STOP_WORDS.contains(&w.to_lowercase().as_str()) && word.len() == w.len() => Reply::Stop,
        w if w.len() == 1 => w.parse().map_or(Reply::Text, Reply::Digit),
        _ => Reply::Text,
    }
}

/// Full-width and circled forms to ASCII, invisible characters away. Deliberately not the whole of NFKC: it is the digits
/// and spaces that phones vary, and 一 or 1️⃣ are handled by name.
fn normalise(text: &str) -> String {
    text.chars()
        .take(LOOKED_AT)
        .filter_map(|c| match c {
            '\u{200B}'..='\u{200F}' | '\u{2060}' | '\u{FE00}'..='\u{FE0F}' | '\u{FEFF}' | '\u{20E3}' => None,
            '\u{3000}' | '\u{00A0}' | '\t' | '\r' => Some(' '),
            '０'..='９' => shift(c, '０', '0'),
            'Ａ'..='Ｚ' => shift(c, 'Ａ', 'A'),
            'ａ'..='ｚ' => shift(c, 'ａ', 'a'),
            '①'..='⑨' => shift(c, '①', '1'),
            '⑴'..='⑼' => shift(c, '⑴', '1'),
            '＃' => Some('#'),
            '！' => Some('!'),
            c if c.is_control() && c != '\n' => None,
            c => Some(c),
        })
        .collect::<String>()
        .trim()
        .to_owned()
}

fn shift(c: char, from: char, to: char) -> Option<char> {
    char::from_u32(c as u32 - from as u32 + to as u32)
}

/// Takes a signature 【…】, "回复", quotes and closing marks away.
fn strip_frame(text: &str) -> &str {
    let mut rest = text.trim();
    if let Some(after) = rest.strip_prefix('【').and_then(|r| r.split_once('】')).map(|(_, after)| after.trim()) {
        rest = after;
    }
    for prefix in ["回复", "回覆", "回"] {
        if let Some(after) = rest.strip_prefix(prefix).filter(|a| !a.is_empty()) {
            rest = after.trim_start_matches([':', '：', ' ']);
            break;
        }
    }
    rest.trim_matches(|c: char| matches!(c, '"' | '“' | '”' | '「' | '」' | '\'' | '(' | ')' | '（' | '）' | ' ' | '#'))
        .trim_end_matches(['。', '.', '!', '~', '～', '，', ','])
}

/// A case number at the beginning (spaces and dashes between its groups are allowed).
fn leading_case_number(text: &str) -> Option<(String, String)> {
    let mut digits = String::new();
    for (at, c) in text.char_indices() {
        match c {
            '0'..='9' => digits.push(c),
            ' ' | '-' if !digits.is_empty() => {}
            _ => return (digits.len() == 13).then(|| (digits.clone(), text[at..].trim().to_owned())).filter(checked),
        }
        if digits.len() == 13 {
            let rest = &text[at + 1..];
            if rest.starts_with(|c: char| c.is_ascii_digit()) {
                return None;
            }
            return Some((digits, rest.trim_start_matches([' ', ',', '，', ':', '：']).to_owned())).filter(checked);
        }
    }
    None
}

/// ISO 7064 MOD 11,10 over 13 digits.
fn checked((digits, _): &(String, String)) -> bool {
    let mut product = 10;
    let mut numbers = digits.bytes().map(|b| u32::from(b - b'0'));
    let head: Vec<u32> = numbers.by_ref().take(12).collect();
    for digit in head {
        let sum = (digit + product) % 10;
        product = (if sum == 0 { 10 } else { sum }) * 2 % 11;
    }
    numbers.next().is_some_and(|check| (check + product) % 10 == 1)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn one_has_many_dresses() {
        for text in [
            "1",
            "１",
            " 1 ",
            "1。",
            "回复1",
            "回复：１",
            "①",
            "1️⃣",
            "一",
            "签收",
            "收到",
            "1 马上到",
            "“1”",
            "【郑州12345】1",
            "1,已安排",
        ] {
            assert_eq!(read(text), Reply::One, "{text:?}");
        }
    }

    #[test]
    fn what_only_looks_like_one_is_text() {
        for text in ["l", "I", "11", "1号楼漏水了怎么办啊", "10点到", "", "不签收", "收到了但是不归我们管", "|"]
        {
            assert_eq!(read(text), Reply::Text, "{text:?}");
        }
        assert_eq!(read("2"), Reply::Digit(2));
        assert_eq!(read("ＴＤ"), Reply::Stop);
        assert_eq!(read("退订"), Reply::Stop);
    }

    #[test]
    fn a_case_number_is_recognised_by_its_check_digit() {
        let number = with_check("261124000731");
        let spaced = format!("{} {} {} 又漏了", &number[..6], &number[6..9], &number[9..]);
        assert_eq!(read(&spaced), Reply::CaseNumber { number: number.clone(), rest: "又漏了".into() });
        assert_eq!(read(&number), Reply::CaseNumber { number: number.clone(), rest: String::new() });
        let wrong = format!("{}{}", &number[..12], (number[12..].parse::<u32>().unwrap_or(0) + 1) % 10);
        assert_eq!(read(&wrong), Reply::Text);
    }

    fn with_check(head: &str) -> String {
        (0..10).map(|c| format!("{head}{c}")).find(|n| checked(&(n.clone(), String::new()))).unwrap_or_default()
    }

    proptest! {
        #[test]
        fn no_text_breaks_it(text in ".{0,200}") {
            read(&text);
        }
    }
}
