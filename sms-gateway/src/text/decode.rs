//! From `data_coding` and octets to text, as tolerant as phones and centres demand.

use super::gsm7;

/// How a link codes what it calls `data_coding` 0 (SMPP 3.4: "SMSC default alphabet"). Learnt with a test message `@£$_{}€`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Decoding {
    /// GSM 7-bit, one septet to an octet.
    #[default]
    Gsm,
    /// GSM 7-bit, packed.
    GsmPacked,
    /// ISO 8859-1 or plain ASCII.
    Latin1,
}

/// The text of an incoming message. Never fails: what cannot be decoded is shown as U+FFFD or, if binary, as its size.
///
/// `data_coding` 8 and 9 are UTF-16BE (some stacks send 9), 0x10–0x1F and 0xF0–0xFF follow GSM 03.38 §4.
pub fn decode(data_coding: u8, octets: &[u8], default: Decoding) -> String {
    match data_coding {
        0 => decode_default(octets, default),
        1 => decode_latin1_or_utf8(octets),
        3 => octets.iter().map(|octet| char::from(*octet)).collect(),
        8 | 9 => decode_utf16(octets),
        0x10..=0x1F | 0x40..=0x5F => match data_coding >> 2 & 3 {
            0 => decode_default(octets, default),
            2 => decode_utf16(octets),
            _ => binary(octets),
        },
        0xF0..=0xFF if data_coding & 0x04 == 0 => decode_default(octets, default),
        2 | 4 | 0xF4..=0xFF => binary(octets),
        _ => decode_latin1_or_utf8(octets),
    }
}

fn decode_default(octets: &[u8], default: Decoding) -> String {
    match default {
        // The GSM alphabet has no octet above 0x7F: such a text was coded otherwise.
        Decoding::Gsm if octets.iter().any(|octet| *octet > 0x7F) => decode_latin1_or_utf8(octets),
        Decoding::Gsm => gsm7::decode_septets(octets),
        Decoding::GsmPacked => gsm7::decode_septets(&gsm7::unpack(octets, 0, octets.len() * 8 / 7)),
        Decoding::Latin1 => decode_latin1_or_utf8(octets),
    }
}

fn decode_latin1_or_utf8(octets: &[u8]) -> String {
    match std::str::from_utf8(octets) {
        Ok(text) => text.to_owned(),
        Err(_) => octets.iter().map(|octet| char::from(*octet)).collect(),
    }
}

/// UTF-16, big-endian unless a byte order mark says otherwise; half a pair or an odd octet becomes U+FFFD.
fn decode_utf16(octets: &[u8]) -> String {
    let (little, octets) = match octets {
        [0xFF, 0xFE, rest @ ..] => (true, rest),
        [0xFE, 0xFF, rest @ ..] => (false, rest),
        _ => (false, octets),
    };
    let pairs = octets.chunks_exact(2);
    let odd = !pairs.remainder().is_empty();
    let units = pairs.map(|pair| match little {
        true => u16::from_le_bytes([pair[0], pair[1]]),
        false => u16::from_be_bytes([pair[0], pair[1]]),
    });
    let mut text: String = char::decode_utf16(units).map(|c| c.unwrap_or('\u{fffd}')).collect();
    if odd {
        text.push('\u{fffd}');
    }
    text
}

fn binary(octets: &[u8]) -> String {
    format!("[{} octets of data]", octets.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_digit_one_in_every_coding_that_phones_send() {
        for (coding, octets) in
            [(0, &b"1"[..]), (1, b"1"), (3, b"1"), (8, &[0, 0x31]), (9, &[0, 0x31]), (0xF1, b"1"), (0x18, &[0, 0x31])]
        {
            assert_eq!(decode(coding, octets, Decoding::Gsm), "1", "{coding}");
        }
        assert_eq!(decode(8, &[0xff, 0x11], Decoding::Gsm), "１");
    }

    #[test]
    fn quirks() {
        assert_eq!(decode(0, &[0, 0x1b, 0x65], Decoding::Gsm), "@€");
        assert_eq!(decode(0, b"a_b", Decoding::Latin1), "a_b");
        assert_eq!(decode(0, "签收".as_bytes(), Decoding::Gsm), "签收");
        assert_eq!(decode(0, &[0xe9], Decoding::Gsm), "é");
        assert_eq!(decode(0, &[0xe8, 0x32, 0x9b, 0xfd, 0x06], Decoding::GsmPacked), "hello");
        assert_eq!(decode(8, &[0xfe, 0xff, 0x6c, 0x49], Decoding::Gsm), "汉");
        assert_eq!(decode(8, &[0xff, 0xfe, 0x49, 0x6c], Decoding::Gsm), "汉");
        assert_eq!(decode(8, &[0xd8, 0x3d], Decoding::Gsm), "\u{fffd}");
        assert_eq!(decode(8, &[0x6c, 0x49, 0x6c], Decoding::Gsm), "汉\u{fffd}");
        assert_eq!(decode(4, &[1, 2, 3], Decoding::Gsm), "[3 octets of data]");
        assert_eq!(decode(0xF5, &[1], Decoding::Gsm), "[1 octets of data]");
    }

    proptest! {
        #[test]
        fn total(coding in any::<u8>(), octets in prop::collection::vec(any::<u8>(), 0..300)) {
            for default in [Decoding::Gsm, Decoding::GsmPacked, Decoding::Latin1] {
                let _ = decode(coding, &octets, default);
            }
        }
    }
}
