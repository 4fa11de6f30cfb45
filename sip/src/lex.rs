//! The small lexer under all header grammars of RFC 3261 §25: tokens, quoted strings, white
//! space, lists that respect quotes and angle brackets. Knows no header.

/// Whether `text` is a non-empty `token`.
pub(crate) fn is_token(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(is_token_byte)
}

/// `alphanum / "-" / "." / "!" / "%" / "*" / "_" / "+" / "`" / "'" / "~"`.
pub(crate) fn is_token_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-.!%*_+`'~".contains(&byte)
}

/// A decimal number without sign, spaces or overflow.
pub(crate) fn number<T: std::str::FromStr>(text: &str) -> Option<T> {
    let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    if digits { text.parse().ok() } else { None }
}

/// Trims the white space that may surround a value (`LWS` once unfolded).
pub(crate) fn trim(text: &str) -> &str {
    text.trim_matches([' ', '\t'])
}

/// Length in bytes of the quoted string at the start of `text`, both quotes included; `None` if
/// it does not end. A backslash makes the next byte plain.
pub(crate) fn quoted_len(text: &str) -> Option<usize> {
    let bytes = text.as_bytes();
    debug_assert_eq!(bytes.first(), Some(&b'"'));
    let mut at = 1;
    while let Some(&byte) = bytes.get(at) {
        match byte {
            b'\\' => at += 2,
            b'"' => return Some(at + 1),
            _ => at += 1,
        }
    }
    None
}

/// The content of a quoted string, escapes resolved; a text without quotes as it is.
pub(crate) fn unquote(text: &str) -> String {
    let inner = text.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
    let Some(inner) = inner else {
        return text.to_owned();
    };
    let mut plain = String::with_capacity(inner.len());
    let mut chars = inner.chars();
    while let Some(c) = chars.next() {
        plain.push(if c == '\\' { chars.next().unwrap_or('\\') } else { c });
    }
    plain
}

/// `text` as a quoted string. Line ends and NUL become spaces: nothing may break out of a value.
pub(crate) fn quote(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            '\r' | '\n' | '\0' => quoted.push(' '),
            _ => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

/// Splits at `separator` outside quotes and angle brackets, and trims the parts. `None` when a
/// quote or a bracket does not end. Empty parts are kept for the caller to judge.
pub(crate) fn split(text: &str, separator: u8) -> Option<Vec<&str>> {
    let mut parts = Vec::new();
    let mut rest = text;
    while let Some(end) = find(rest, separator)? {
        parts.push(trim(&rest[..end]));
        rest = &rest[end + 1..];
    }
    parts.push(trim(rest));
    Some(parts)
}

/// Position of the first `wanted` byte outside quotes and angle brackets: `None` when a quote or
/// bracket does not end, `Some(None)` when there is no such byte.
pub(crate) fn find(text: &str, wanted: u8) -> Option<Option<usize>> {
    let bytes = text.as_bytes();
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        match byte {
            b'"' => at += quoted_len(&text[at..])?,
            // The wanted byte wins over its role as a bracket: find(text, b'<') is a question.
            _ if byte == wanted => return Some(Some(at)),
            b'<' => at += memchr::memchr(b'>', &bytes[at..])? + 1,
            _ => at += 1,
        }
    }
    Some(None)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn lists_respect_quotes_and_brackets() {
        let parts = split(r#""a, \" b" <sip:x,y@h> , c;p="1,2",d"#, b',').unwrap();
        assert_eq!(parts, [r#""a, \" b" <sip:x,y@h>"#, r#"c;p="1,2""#, "d"]);
    }

    #[test]
    fn what_does_not_end_is_refused() {
        assert_eq!(split("\"abc", b','), None);
        assert_eq!(split("\"abc\\\"", b','), None);
        assert_eq!(split("<sip:a", b','), None);
    }

    #[test]
    fn quoting_goes_round_and_lets_no_line_end_through() {
        assert_eq!(unquote(&quote(r#"a "b" \c"#)), r#"a "b" \c"#);
        assert_eq!(quote("x\r\nEvil: 1"), "\"x  Evil: 1\"");
    }

    #[test]
    fn numbers_have_no_sign_and_no_overflow() {
        assert_eq!(number::<u8>("255"), Some(255));
        for bad in ["256", "+1", "-1", "", " 1", "1e1", "0x1"] {
            assert_eq!(number::<u8>(bad), None, "{bad}");
        }
    }
}
