//! Choosing an alphabet, counting units, cutting into segments: only ever between whole characters.

use super::gsm7;

/// Most segments of one message. Longer texts are refused: phones and aggregators lose them, and people do not read them.
pub const MAX_SEGMENTS: usize = 10;

/// How the octets of a text are coded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Alphabet {
    /// GSM 7-bit, `data_coding` 0; a unit is a septet.
    Gsm7,
    /// ISO 8859-1, `data_coding` 3; a unit is an octet.
    Latin1,
    /// UTF-16BE, `data_coding` 8; a unit is two octets.
    Ucs2,
}

/// What a link can take besides UCS-2, which every link takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Repertoire {
    /// `data_coding` 0 is the GSM alphabet.
    Gsm,
    /// `data_coding` 0 is something near ASCII: only characters whose ASCII and GSM codes agree may use it.
    AsciiOnly,
    /// As `Gsm`, and Latin-1 by `data_coding` 3.
    GsmAndLatin1,
}

/// Size of a text, to be shown before sending.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
pub struct Count {
    /// The alphabet chosen.
    pub alphabet: Alphabet,
    /// Septets, octets or UTF-16 units in all, headers not counted.
    pub units: usize,
    /// Number of segments = what is billed.
    pub segments: usize,
}

/// A text in segments.
#[derive(Clone, PartialEq, Eq)]
pub struct Split {
    /// The alphabet of all segments.
    pub alphabet: Alphabet,
    /// Octets of each segment without user data header; septets stand unpacked.
    pub segments: Vec<Vec<u8>>,
}

/// A text that needs more than [`MAX_SEGMENTS`] segments.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the text needs {segments} segments, at most {MAX_SEGMENTS} are sent: shorten it")]
pub struct TooLong {
    /// How many it would need.
    pub segments: usize,
}

impl Alphabet {
    /// The `data_coding` on SMPP.
    pub fn data_coding(self) -> u8 {
        match self {
            Self::Gsm7 => 0,
            Self::Latin1 => 3,
            Self::Ucs2 => 8,
        }
    }

    /// Units of a single message, and of a segment behind a header with an 8-bit or a 16-bit reference.
    fn limits(self, wide_reference: bool) -> (usize, usize) {
        match (self, wide_reference) {
            (Self::Gsm7, false) => (160, 153),
            (Self::Gsm7, true) => (160, 152),
            (Self::Latin1, false) => (140, 134),
            (Self::Latin1, true) => (140, 133),
            (Self::Ucs2, false) => (70, 67),
            (Self::Ucs2, true) => (70, 66),
        }
    }

    fn units(self, c: char) -> Option<usize> {
        match self {
            Self::Gsm7 => gsm7::septets(c).map(|(_, second)| 1 + usize::from(second.is_some())),
            Self::Latin1 => (u32::from(c) < 0x100).then_some(1),
            Self::Ucs2 => Some(c.len_utf16()),
        }
    }

    fn push(self, c: char, out: &mut Vec<u8>) {
        match self {
            Self::Gsm7 => {
                if let Some((first, second)) = gsm7::septets(c) {
                    out.push(first);
                    out.extend(second);
                }
            }
            Self::Latin1 => out.push((u32::from(c) & 0xFF) as u8),
            Self::Ucs2 => out.extend(c.encode_utf16(&mut [0; 2]).iter().flat_map(|unit| unit.to_be_bytes())),
        }
    }

    /// The smallest alphabet of the link that holds the whole text: a character is never replaced.
    fn choose(text: &str, repertoire: Repertoire) -> Self {
        let agrees = |c: char| c.is_ascii() && gsm7::septets(c) == Some((c as u8, None));
        let gsm = match repertoire {
            Repertoire::AsciiOnly => text.chars().all(agrees),
            Repertoire::Gsm | Repertoire::GsmAndLatin1 => gsm7::is_gsm(text),
        };
        if gsm {
            return Self::Gsm7;
        }
        let latin1 = repertoire == Repertoire::GsmAndLatin1 && text.chars().all(|c| u32::from(c) < 0x100);
        if latin1 { Self::Latin1 } else { Self::Ucs2 }
    }
}

/// Alphabet, units and segments of a text on a link that takes GSM 7-bit and UCS-2.
pub fn count(text: &str) -> Count {
    let alphabet = Alphabet::choose(text, Repertoire::Gsm);
    let units = text.chars().filter_map(|c| alphabet.units(c)).sum();
    Count { alphabet, units, segments: cut(text, alphabet, false, 0).len() }
}

/// Cuts a text for a link. `reserve` units stay free in the first segment for a signature that the gateway itself adds.
pub fn split(text: &str, repertoire: Repertoire, reserve: usize) -> Result<Split, TooLong> {
    split_in(text, Alphabet::choose(text, repertoire), false, reserve)
}

/// Cuts a text in a given alphabet, which must hold it; `wide_reference` for headers with a 16-bit reference.
pub fn split_in(text: &str, alphabet: Alphabet, wide_reference: bool, reserve: usize) -> Result<Split, TooLong> {
    let segments = cut(text, alphabet, wide_reference, reserve);
    if segments.len() > MAX_SEGMENTS {
        return Err(TooLong { segments: segments.len() });
    }
    Ok(Split { alphabet, segments })
}

fn cut(text: &str, alphabet: Alphabet, wide_reference: bool, reserve: usize) -> Vec<Vec<u8>> {
    let (single, each) = alphabet.limits(wide_reference);
    let units: usize = text.chars().filter_map(|c| alphabet.units(c)).sum();
    let limit = if units + reserve <= single { single } else { each };
    // A reserve that leaves no room would never end; half a segment is more than any signature takes.
    let reserve = reserve.min(each / 2);
    let mut segments = vec![Vec::new()];
    let mut room = limit - reserve;
    for cluster in clusters(text) {
        let need: usize = cluster.chars().filter_map(|c| alphabet.units(c)).sum();
        let whole = need > room && need <= each;
        if whole {
            segments.push(Vec::new());
            room = limit;
        }
        for c in cluster.chars() {
            let need = alphabet.units(c).unwrap_or(0);
            if need > room {
                segments.push(Vec::new());
                room = limit;
            }
            room -= need;
            let last = segments.last_mut().expect("never empty");
            alphabet.push(c, last);
        }
    }
    segments
}

/// What people see as one character, as far as emoji and marks go (a small part of UAX #29): kept in one segment where it fits.
fn clusters(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let mut chars = rest.char_indices();
        let (_, mut previous) = chars.next()?;
        let mut flags = usize::from(is_flag(previous));
        let mut end = rest.len();
        for (at, c) in chars {
            let pairs_flag = is_flag(c) && flags % 2 == 1;
            if !(extends(c) || previous == '\u{200d}' || pairs_flag) {
                end = at;
                break;
            }
            flags = if is_flag(c) { flags + 1 } else { 0 };
            previous = c;
        }
        let (cluster, tail) = rest.split_at(end);
        rest = tail;
        Some(cluster)
    })
}

fn is_flag(c: char) -> bool {
    ('\u{1f1e6}'..='\u{1f1ff}').contains(&c)
}

/// Joiners, variation signs, combining marks, skin tones, tags: belong to the character before them.
fn extends(c: char) -> bool {
    matches!(c, '\u{200d}' | '\u{fe00}'..='\u{fe0f}' | '\u{300}'..='\u{36f}' | '\u{20d0}'..='\u{20ff}'
        | '\u{1f3fb}'..='\u{1f3ff}' | '\u{e0020}'..='\u{e007f}' | '\u{e0100}'..='\u{e01ef}')
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    const T7: &str = "您有1件事项待签收,回复1签收";

    fn sizes(text: &str) -> Vec<usize> {
        split(text, Repertoire::Gsm, 0).unwrap().segments.iter().map(Vec::len).collect()
    }

    fn hex(octets: &[u8]) -> String {
        octets.iter().map(|octet| format!("{octet:02x}")).collect()
    }

    #[test]
    fn the_vectors_t1_to_t14() {
        let a = |n: usize| "a".repeat(n);
        let t8 = format!("【郑州社管】{T7}");
        for (text, alphabet, units, octets) in [
            ("hello".into(), Alphabet::Gsm7, 5, vec![5]),
            ("Hello @ £1 {€}".into(), Alphabet::Gsm7, 17, vec![17]),
            (a(160), Alphabet::Gsm7, 160, vec![160]),
            (a(161), Alphabet::Gsm7, 161, vec![153, 8]),
            (a(159) + "€", Alphabet::Gsm7, 161, vec![153, 8]),
            (a(152) + "€" + &"b".repeat(10), Alphabet::Gsm7, 164, vec![152, 12]),
            (T7.into(), Alphabet::Ucs2, 15, vec![30]),
            (t8, Alphabet::Ucs2, 21, vec![42]),
            ("汉".repeat(70), Alphabet::Ucs2, 70, vec![140]),
            ("汉".repeat(71), Alphabet::Ucs2, 71, vec![134, 8]),
            ("汉".repeat(66) + "😀" + &"字".repeat(5), Alphabet::Ucs2, 73, vec![132, 14]),
            ("😀".repeat(35), Alphabet::Ucs2, 70, vec![140]),
            ("😀".repeat(36), Alphabet::Ucs2, 72, vec![132, 12]),
        ] {
            assert_eq!(count(&text), Count { alphabet, units, segments: octets.len() }, "{text}");
            assert_eq!(sizes(&text), octets, "{text}");
        }
    }

    #[test]
    fn octets_of_the_vectors() {
        let segments = |text: &str| split(text, Repertoire::Gsm, 0).unwrap().segments;
        assert_eq!(hex(&segments("Hello @ £1 {€}")[0]), "48656c6c6f2000200131201b281b651b29");
        assert_eq!(hex(&segments(&("a".repeat(159) + "€"))[1]), "6161616161611b65");
        assert!(hex(&segments(&("a".repeat(152) + "€" + &"b".repeat(10)))[1]).starts_with("1b6562626262"));
        assert!(hex(&segments(T7)[0]).starts_with("60a8670900314ef6"));
        let t8 = hex(&segments(&format!("【郑州社管】{T7}"))[0]);
        assert!(t8.starts_with("301090d15dde793e7ba1301160a8") && t8.ends_with("7b7e6536"));
        assert!(hex(&segments(&("汉".repeat(66) + "😀字字字字字"))[1]).starts_with("d83dde005b57"));
    }

    #[test]
    fn t15_t17_and_t20_other_limits() {
        let wide = |text: &str, alphabet| -> Vec<usize> {
            split_in(text, alphabet, true, 0).unwrap().segments.iter().map(Vec::len).collect()
        };
        assert_eq!(wide(&"汉".repeat(71), Alphabet::Ucs2), [132, 10]);
        assert_eq!(wide(&"汉".repeat(133), Alphabet::Ucs2), [132, 132, 2]);
        assert_eq!(wide(&"a".repeat(161), Alphabet::Gsm7), [152, 9]);
        let t17 = split("naïve café", Repertoire::GsmAndLatin1, 0).unwrap();
        assert_eq!((t17.alphabet, hex(&t17.segments[0])), (Alphabet::Latin1, "6e61ef766520636166e9".into()));
        assert_eq!(split("naïve café", Repertoire::Gsm, 0).unwrap().alphabet, Alphabet::Ucs2);
        assert_eq!(split("a@b", Repertoire::AsciiOnly, 0).unwrap().alphabet, Alphabet::Ucs2);
        assert_eq!(split("a_b", Repertoire::AsciiOnly, 0).unwrap().alphabet, Alphabet::Ucs2);
        assert_eq!(split("a.b", Repertoire::AsciiOnly, 0).unwrap().alphabet, Alphabet::Gsm7);
    }

    #[test]
    fn a_family_of_emoji_is_not_torn() {
        let family = "👨\u{200d}👩\u{200d}👧";
        assert_eq!(sizes(&("汉".repeat(65) + family + "汉汉汉汉")), [130, 24]);
        let flags = "🇨🇳🇨🇳";
        assert_eq!(clusters(flags).count(), 2);
        let endless = "a\u{301}".to_owned() + &"\u{301}".repeat(200);
        assert_eq!(sizes(&endless).iter().sum::<usize>(), 404);
    }

    #[test]
    fn a_reserve_shortens_only_the_first_segment() {
        let lens = |n: usize, reserve| -> Vec<usize> {
            split(&"汉".repeat(n), Repertoire::Gsm, reserve).unwrap().segments.iter().map(|s| s.len() / 2).collect()
        };
        assert_eq!(lens(64, 6), [64]);
        assert_eq!(lens(65, 6), [61, 4]);
        assert_eq!(lens(70, 1_000), [34, 36]);
    }

    #[test]
    fn ten_segments_and_no_more() {
        assert_eq!(sizes(&"汉".repeat(670)).len(), MAX_SEGMENTS);
        assert_eq!(split(&"汉".repeat(671), Repertoire::Gsm, 0).err(), Some(TooLong { segments: 11 }));
        assert_eq!(sizes(""), [0]);
    }

    proptest! {
        #[test]
        fn nothing_is_lost_and_every_segment_stands_alone(text in "[a€{}汉😀é\u{200d}１ 𬱖]{0,300}") {
            let Ok(split) = split(&text, Repertoire::Gsm, 0) else { return Ok(()) };
            let decode = |octets: &[u8]| match split.alphabet {
                Alphabet::Gsm7 => gsm7::decode_septets(octets),
                _ => {
                    let units: Vec<u16> = octets.chunks(2).map(|c| u16::from_be_bytes([c[0], c[1]])).collect();
                    String::from_utf16(&units).unwrap()
                }
            };
            let joined: String = split.segments.iter().map(|octets| decode(octets)).collect();
            prop_assert_eq!(joined, text);
            let limit = if split.alphabet == Alphabet::Gsm7 { 153 } else { 134 };
            prop_assert!(split.segments.len() == 1 || split.segments.iter().all(|s| s.len() <= limit && !s.is_empty()));
        }
    }
}
