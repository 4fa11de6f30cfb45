//! Answers and the fields that all our messages share. Pure.

use liandong_sip::{Name, Request, Response};

/// The methods that we take.
pub(super) const ALLOW: &str = "INVITE, ACK, CANCEL, BYE, OPTIONS, INFO, UPDATE, REGISTER";
/// The extensions that may be required of us.
pub(super) const EXTENSIONS: &[&str] = &["timer", "replaces", "path", "outbound"];
/// What we offer.
pub(super) const SUPPORTED: &str = "timer, replaces, path";
/// How we call ourselves.
pub(super) const AGENT: &str = "liandong";
/// Longest name or number taken from a message, in characters.
const TEXT_MAX: usize = 64;

/// A refusal whose Warning says what was wrong (RFC 3261 §20.43; 399 is "miscellaneous").
pub(super) fn refusal(request: &Request, status: u16, text: &str) -> Response {
    let quoted = text.replace(['"', '\\', '\r', '\n'], "'");
    Response::to(request, status, "").with(Name::Warning, format_args!("399 {AGENT} \"{quoted}\""))
}

/// What the status of a refusal by the switch means to the caller.
pub(super) fn meaning(status: u16) -> &'static str {
    match status {
        403 => "this call is not permitted",
        404 => "nobody has this number",
        408 | 480 => "nobody answered",
        486 | 600 => "all are busy",
        487 => "the call was given up",
        488 => "no common media",
        503 => "this hub cannot take the call at present",
        603 => "the call was declined",
        _ => "the call was not put through",
    }
}

/// 200 to OPTIONS.
pub(super) fn options(request: &Request) -> Response {
    capabilities(Response::to(request, 200, "").with(Name::Accept, "application/sdp"))
}

/// With what we can do.
pub(super) fn capabilities(response: Response) -> Response {
    response.with(Name::Allow, ALLOW).with(Name::Supported, SUPPORTED).with(Name::Server, AGENT)
}

/// Hostile text made fit to be shown: no control characters, not long.
pub(super) fn tame(text: &str) -> String {
    let shown = text.chars().filter(|c| !c.is_control() && !is_bidi(*c));
    shown.take(TEXT_MAX).collect::<String>().trim().to_owned()
}

/// Marks that turn the writing direction could make one number look like another.
fn is_bidi(c: char) -> bool {
    matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// The key in the body of an INFO (`application/dtmf-relay`, `application/dtmf`).
pub(super) fn info_key(content_type: &str, body: &[u8]) -> Option<char> {
    let text = std::str::from_utf8(body).ok()?;
    let key = match content_type {
        "application/dtmf-relay" => {
            let signal = text.lines().find_map(|line| {
                let (name, value) = line.split_once('=')?;
                name.trim().eq_ignore_ascii_case("signal").then(|| value.trim())
            });
            signal?
        }
        "application/dtmf" => text.trim(),
        _ => return None,
    };
    // RFC 2833 numbers are in use too: 10 is *, 11 is #.
    match key {
        "10" => Some('*'),
        "11" => Some('#'),
        _ => {
            let mut chars = key.chars();
            chars.next().filter(|_| chars.next().is_none())
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use liandong_sip::{Method, Uri};

    use super::*;

    #[test]
    fn keys_are_read_in_the_dresses_that_phones_use() {
        for (kind, body, key) in [
            ("application/dtmf-relay", "Signal=5\r\nDuration=160\r\n", Some('5')),
            ("application/dtmf-relay", "Signal= #\nDuration= 250", Some('#')),
            ("application/dtmf-relay", "signal=10", Some('*')),
            ("application/dtmf", "7", Some('7')),
            ("application/dtmf-relay", "Duration=160", None),
            ("text/plain", "5", None),
            ("application/dtmf", "55", None),
        ] {
            assert_eq!(info_key(kind, body.as_bytes()), key, "{kind} {body}");
        }
    }

    #[test]
    fn hostile_names_are_tamed() {
        assert_eq!(tame("\u{1b}[31m138\u{202e}00\r\n"), "[31m13800");
        assert_eq!(tame(&"王".repeat(1_000)).chars().count(), TEXT_MAX);
    }

    #[test]
    fn a_warning_cannot_be_broken_out_of() {
        let request = Request::new(Method::Invite, &Uri::parse("sip:a@h").unwrap());
        let answer = refusal(&request, 488, "bad \"line\"\r\nX: y");
        assert_eq!(answer.headers.get(Name::Warning).unwrap(), "399 liandong \"bad 'line'''X: y\"");
    }
}
