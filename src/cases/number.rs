//! The public number 工单编号: YYMMDD, six serial digits, a check digit; read aloud 6-3-4, typed on a phone's keypad. And the
//! query code 查询码 that opens the citizen's view with it.
//!
//! Must not know: the database, which site hands out which serials.

use jiff::civil::Date;
use uuid::Uuid;

/// Serials of one day: 0..=999,999; each site has a block of them beforehand, so that a hub cut off from the others
/// never makes a number that another has made.
pub const SERIALS: u32 = 1_000_000;
/// Digits of a public number.
const DIGITS: usize = 13;

/// The number of the `serial`-th case of `day`.
pub fn public_no(day: Date, serial: u32) -> String {
    let body = format!("{:02}{:02}{:02}{:06}", day.year().rem_euclid(100), day.month(), day.day(), serial % SERIALS);
    let check = check_digit(&body);
    format!("{body}{check}")
}

/// What somebody typed or read aloud, as a number: spaces and dashes go, full-width digits count. None if it cannot be one,
/// also when its check digit says that a digit was misheard.
pub fn parse_public_no(text: &str) -> Option<String> {
    let digits =
        text.chars().filter(|c| !matches!(c, ' ' | '-' | '\u{3000}')).map(digit).collect::<Option<String>>()?;
    let (body, check) = digits.split_at_checked(DIGITS - 1)?;
    (check == check_digit(body).to_string()).then_some(digits)
}

/// The first public number within a text, such as a citizen's SMS.
pub fn find_public_no(text: &str) -> Option<String> {
    let chars: Vec<Option<char>> = text.chars().map(digit).collect();
    let mut run = String::new();
    for c in chars.into_iter().chain([None]) {
        match c {
            Some(d) => run.push(d),
            None => {
                if let Some(no) = Some(&run).filter(|r| r.len() == DIGITS).and_then(|r| parse_public_no(r)) {
                    return Some(no);
                }
                run.clear();
            }
        }
    }
    None
}

/// Digits of a query code.
pub const CODE_DIGITS: usize = 6;

/// A six-digit query code from fresh random bits (the low half of a UUIDv7 is random).
pub fn query_code(random: Uuid) -> String {
    let low = u32::try_from(random.as_u128() & 0xffff_ffff).unwrap_or(0);
    format!("{:06}", low % 1_000_000)
}

fn digit(c: char) -> Option<char> {
    match c {
        '0'..='9' => Some(c),
        '０'..='９' => char::from_digit(c as u32 - '０' as u32, 10),
        _ => None,
    }
}

/// ISO 7064 MOD 11,10 over decimal digits.
fn check_digit(body: &str) -> u32 {
    let product = body.bytes().fold(10, |p, b| {
        let sum = match (p + u32::from(b - b'0')) % 10 {
            0 => 10,
            s => s,
        };
        sum * 2 % 11
    });
    (11 - product) % 10
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn the_check_digit_is_that_of_the_standard() {
        assert_eq!(check_digit("0794"), 5, "ISO 7064's own example, 0794 5");
        assert_eq!(check_digit("00200667308"), 5, "a German tax number's check digit");
    }

    #[test]
    fn any_single_misheard_digit_is_found() {
        let no = public_no(jiff::civil::date(2026, 11, 24), 123);
        assert_eq!((no.len(), &no[..12]), (13, "261124000123"));
        for place in 0..13 {
            for d in '0'..='9' {
                let mut other: Vec<char> = no.chars().collect();
                other[place] = d;
                let other: String = other.into_iter().collect();
                assert_eq!(parse_public_no(&other).is_some(), other == no, "{other}");
            }
        }
    }

    #[test]
    fn a_number_is_understood_as_people_write_it() {
        let no = public_no(jiff::civil::date(2026, 11, 24), 7);
        let spoken = format!("{} {}-{}", &no[..6], &no[6..9], &no[9..]);
        assert_eq!(parse_public_no(&spoken), Some(no.clone()));
        assert_eq!(find_public_no(&format!("关于工单{no}，水又停了 13800138000")), Some(no));
        assert_eq!(find_public_no("我家停水了"), None);
    }

    #[test]
    fn query_codes_have_six_digits() {
        assert_eq!(query_code(Uuid::from_u128(7)), "000007");
        assert_eq!(query_code(Uuid::from_u128(u128::MAX)).len(), 6);
    }
}
