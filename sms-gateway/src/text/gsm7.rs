//! The GSM 7-bit default alphabet with its extension table (GSM 03.38 §6.2.1), septets one to an octet, and the packing of septets.

/// The basic table; position = code. Code 0x1B is ESC and never a character.
const BASIC: [char; 128] = [
    '@', '£', '$', '¥', 'è', 'é', 'ù', 'ì', 'ò', 'Ç', '\n', 'Ø', 'ø', '\r', 'Å', 'å', //
    'Δ', '_', 'Φ', 'Γ', 'Λ', 'Ω', 'Π', 'Ψ', 'Σ', 'Θ', 'Ξ', '\u{1b}', 'Æ', 'æ', 'ß', 'É', //
    ' ', '!', '"', '#', '¤', '%', '&', '\'', '(', ')', '*', '+', ',', '-', '.', '/', //
    '0', '1', '2', '3', '4', '5', '6', '7', '8', '9', ':', ';', '<', '=', '>', '?', //
    '¡', 'A', 'B', 'C', 'D', 'E', 'F', 'G', 'H', 'I', 'J', 'K', 'L', 'M', 'N', 'O', //
    'P', 'Q', 'R', 'S', 'T', 'U', 'V', 'W', 'X', 'Y', 'Z', 'Ä', 'Ö', 'Ñ', 'Ü', '§', //
    '¿', 'a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i', 'j', 'k', 'l', 'm', 'n', 'o', //
    'p', 'q', 'r', 's', 't', 'u', 'v', 'w', 'x', 'y', 'z', 'ä', 'ö', 'ñ', 'ü', 'à',
];
/// After ESC: two septets each.
const EXTENSION: [(u8, char); 10] = [
    (0x0A, '\u{0c}'),
    (0x14, '^'),
    (0x28, '{'),
    (0x29, '}'),
    (0x2F, '\\'),
    (0x3C, '['),
    (0x3D, '~'),
    (0x3E, ']'),
    (0x40, '|'),
    (0x65, '€'),
];
const ESC: u8 = 0x1B;

/// The septets of one character, `(ESC, code)` or `(code, none)`; `None` if it is not in the alphabet.
pub(super) fn septets(c: char) -> Option<(u8, Option<u8>)> {
    if c == '\u{1b}' {
        return None;
    }
    if c.is_ascii_alphanumeric() || c == ' ' {
        return u8::try_from(u32::from(c)).ok().map(|code| (code, None));
    }
    if let Some((code, _)) = EXTENSION.iter().find(|(_, in_table)| *in_table == c) {
        return Some((ESC, Some(*code)));
    }
    let code = BASIC.iter().position(|in_table| *in_table == c)?;
    u8::try_from(code).ok().map(|code| (code, None))
}

/// Whether the whole text is in the alphabet.
pub fn is_gsm(text: &str) -> bool {
    text.chars().all(|c| septets(c).is_some())
}

/// One septet to an octet, as on the SMPP wire. `None` if a character is not in the alphabet.
pub fn encode_septets(text: &str) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(text.len());
    for c in text.chars() {
        let (first, second) = septets(c)?;
        out.push(first);
        out.extend(second);
    }
    Some(out)
}

/// Septets to text. An unknown ESC pair becomes the second septet's basic character (GSM 03.38), a value above 0x7F U+FFFD.
pub fn decode_septets(octets: &[u8]) -> String {
    let mut out = String::with_capacity(octets.len());
    let mut escaped = false;
    for octet in octets {
        let basic = BASIC.get(usize::from(*octet)).copied().unwrap_or('\u{fffd}');
        if !escaped && *octet == ESC {
            escaped = true;
            continue;
        }
        let extended = EXTENSION.iter().find(|(code, _)| escaped && code == octet).map(|(_, c)| *c);
        escaped = false;
        out.push(extended.unwrap_or(if basic == '\u{1b}' { ' ' } else { basic }));
    }
    out
}

/// Packs septets, least bit first, after `fill` zero bits (1 after a 6-octet header, so that septets start on a septet boundary).
pub fn pack(septets: &[u8], fill: u32) -> Vec<u8> {
    let mut out = Vec::with_capacity(septets.len() * 7 / 8 + 1);
    let (mut held, mut bits) = (0_u32, fill);
    for septet in septets {
        held |= u32::from(septet & 0x7F) << bits;
        bits += 7;
        while bits >= 8 {
            out.push((held & 0xFF) as u8);
            held >>= 8;
            bits -= 8;
        }
    }
    if bits > 0 {
        out.push((held & 0xFF) as u8);
    }
    out
}

/// Takes `count` septets out of packed octets; fewer if the octets end before.
pub fn unpack(octets: &[u8], fill: u32, count: usize) -> Vec<u8> {
    let septet = |index: usize| -> Option<u8> {
        let bit = index * 7 + fill as usize;
        let low = u16::from(*octets.get(bit / 8)?);
        let high = octets.get(bit / 8 + 1).map_or(0, |octet| u16::from(*octet));
        let available = octets.len() * 8 - bit;
        (available >= 7).then_some((((low | high << 8) >> (bit % 8)) & 0x7F) as u8)
    };
    (0..count).map_while(septet).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn t1_t2_and_t3_pack_as_the_vectors() {
        let hello = encode_septets("hello").unwrap();
        assert_eq!(pack(&hello, 0), [0xe8, 0x32, 0x9b, 0xfd, 0x06]);
        let t2 = encode_septets("Hello @ £1 {€}").unwrap();
        assert_eq!(t2, *b"Hello \x00 \x011 \x1b\x28\x1b\x65\x1b\x29");
        let t3 = pack(&[b'a'; 160], 0);
        assert_eq!((t3.len(), &t3[..7]), (140, &[0xe1, 0x70, 0x38, 0x1c, 0x0e, 0x87, 0xc3][..]));
    }

    #[test]
    fn t19_and_t20_pack_behind_their_headers() {
        let first = pack(&[b'a'; 153], 1);
        assert_eq!((first.len(), &first[..5]), (134, &[0xc2, 0xe1, 0x70, 0x38, 0x1c][..]));
        assert_eq!(pack(&[b'a'; 8], 1), [0xc2, 0xe1, 0x70, 0x38, 0x1c, 0x0e, 0x87, 0x01]);
        assert_eq!(pack(&[b'a'; 152], 0).len(), 133);
        assert_eq!(unpack(&first, 1, 153), [b'a'; 153]);
    }

    #[test]
    fn the_whole_table_goes_both_ways() {
        let all: String = BASIC.iter().filter(|c| **c != '\u{1b}').chain(EXTENSION.iter().map(|(_, c)| c)).collect();
        let octets = encode_septets(&all).unwrap();
        assert_eq!(octets.len(), 127 + 20);
        assert_eq!(decode_septets(&octets), all);
        assert_eq!(unpack(&pack(&octets, 0), 0, octets.len()), octets);
    }

    #[test]
    fn what_is_not_in_the_table() {
        for c in ['`', 'ç', 'ï', '“', '１', '汉', '\u{1b}'] {
            assert!(!is_gsm(&c.to_string()), "{c}");
        }
        assert_eq!(decode_septets(&[0x1b, b'x', 0x80, 0x1b]), "x\u{fffd}");
    }
}
