//! From bytes to a [`Message`]: start line, fields, lengths. Goes on behind a fault, so that a
//! request with one bad line can still be answered.

use bytes::Bytes;

use super::{Field, Headers, Message, Name, Refusal, Request, Response};
use crate::{Method, lex, limits};

/// Why bytes are no message: the first fault and where it is.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{kind} at byte {position}")]
pub struct ParseError {
    /// What is wrong.
    pub kind: ParseErrorKind,
    /// Offset in bytes of the line that is wrong.
    pub position: usize,
    /// For a request whose start line named a method: what could be read of it. Only good for an
    /// answer.
    pub request: Option<Box<Request>>,
}

/// What can be wrong with a message's structure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[allow(missing_docs)] // each variant's text says it
pub enum ParseErrorKind {
    #[error("message is empty")]
    Empty,
    #[error("message is longer than {} bytes", limits::MESSAGE_BYTES)]
    TooLong,
    #[error("start line is neither a request's nor a response's")]
    BadStartLine,
    #[error("SIP version is not 2.0")]
    BadVersion,
    #[error("status code must be 100 to 699")]
    BadStatus,
    #[error("line ends must be CR LF")]
    BareLineEnd,
    #[error("head does not end with an empty line")]
    NoEndOfHead,
    #[error("header field has no name or no colon")]
    BadField,
    #[error("header field is longer than {} bytes", limits::FIELD_BYTES)]
    FieldTooLong,
    #[error("more than {} header fields", limits::FIELDS)]
    TooManyFields,
    #[error("Content-Length is required on a stream")]
    NoContentLength,
    #[error("Content-Length is not a number")]
    BadContentLength,
    #[error("Content-Length stands more than once")]
    RepeatedContentLength,
    #[error("body is shorter than Content-Length says")]
    ShortBody,
}

impl ParseError {
    /// The answer to what could be read, if an answer may and can be given: to a request that is
    /// no ACK and has the headers that an answer needs (RFC 3261 §8.2.6). Never to a response.
    pub fn answer(&self) -> Option<Response> {
        let request = self.request.as_deref()?;
        let needed = [Name::Via, Name::From, Name::To, Name::CallId, Name::CSeq];
        let answerable = request.method != Method::Ack && needed.iter().all(|name| request.headers.has(name));
        if !answerable {
            return None;
        }
        let refusal = self.refusal();
        Some(Response::to(request, refusal.status, &refusal.reason))
    }

    /// Status and phrase of the answer.
    pub fn refusal(&self) -> Refusal {
        match self.kind {
            ParseErrorKind::BadVersion => Refusal::new(505, "Version Not Supported"),
            ParseErrorKind::TooLong => Refusal::new(513, "Message Too Large"),
            kind => Refusal::bad_request(kind.to_string()),
        }
    }
}

/// The first fault so far.
#[derive(Default)]
struct Fault(Option<(ParseErrorKind, usize)>);

impl Fault {
    fn note(&mut self, kind: ParseErrorKind, position: usize) {
        self.0.get_or_insert((kind, position));
    }
}

pub(super) fn message(bytes: Bytes) -> Result<Message, ParseError> {
    let refuse = |kind, position| Err(ParseError { kind, position, request: None });
    if bytes.len() > limits::MESSAGE_BYTES {
        return refuse(ParseErrorKind::TooLong, 0);
    }
    // Empty lines before the start line are allowed (RFC 3261 §7.5).
    let mut start = 0;
    while bytes[start..].starts_with(b"\r\n") {
        start += 2;
    }
    if start == bytes.len() {
        return refuse(ParseErrorKind::Empty, 0);
    }
    let mut fault = Fault::default();
    let line = Lines { bytes: &bytes, at: start }.next_line(&mut fault);
    let (line_end, headers_at) = line.unwrap_or((bytes.len(), bytes.len()));
    let (headers, body_at) = fields(&bytes, headers_at, &mut fault);
    let body = body(&bytes, &headers, body_at, &mut fault);
    let line = bytes.slice(start..line_end);
    if line.len() >= 4 && line[..4].eq_ignore_ascii_case(b"SIP/") {
        return response(&line, start, headers, body, fault);
    }
    request(&line, start, headers, body, fault)
}

fn request(
    line: &Bytes,
    at: usize,
    headers: Headers,
    body: Bytes,
    mut line_fault: Fault,
) -> Result<Message, ParseError> {
    let mut fault = Fault::default();
    let spaces: Vec<usize> = memchr::memchr_iter(b' ', line).collect();
    let method_end = spaces.first().copied().unwrap_or(line.len());
    let method = std::str::from_utf8(&line[..method_end]).ok().and_then(Method::parse);
    let (Some(method), Some(&first), Some(&last)) = (method, spaces.first(), spaces.last()) else {
        return Err(ParseError { kind: ParseErrorKind::BadStartLine, position: at, request: None });
    };
    let version = &line[last + 1..];
    if spaces.len() != 2 || last == first + 1 {
        fault.note(ParseErrorKind::BadStartLine, at);
    } else if !version.eq_ignore_ascii_case(b"SIP/2.0") {
        let sip = version.len() > 4 && version[..4].eq_ignore_ascii_case(b"SIP/");
        fault.note(if sip { ParseErrorKind::BadVersion } else { ParseErrorKind::BadStartLine }, at);
    }
    let target = if last > first { line.slice(first + 1..last) } else { Bytes::new() };
    let request = Request { method, target, headers, body };
    if let Some((kind, position)) = fault.0.or(line_fault.0.take()) {
        // What is not even near SIP (another protocol's line) is not worth an answer.
        let sip = request.headers.has(Name::Via);
        return Err(ParseError { kind, position, request: sip.then(|| Box::new(request)) });
    }
    Ok(Message::Request(request))
}

fn response(line: &Bytes, at: usize, headers: Headers, body: Bytes, mut fault: Fault) -> Result<Message, ParseError> {
    let mut parts = line.splitn(3, |b| *b == b' ');
    let version = parts.next().unwrap_or_default();
    let code = parts.next().and_then(|code| std::str::from_utf8(code).ok());
    let status: Option<u16> = code.filter(|code| code.len() == 3).and_then(lex::number);
    if !version.eq_ignore_ascii_case(b"SIP/2.0") {
        fault.0 = Some((ParseErrorKind::BadVersion, at));
    } else if !status.is_some_and(|status| (100..700).contains(&status)) {
        fault.0 = Some((ParseErrorKind::BadStatus, at));
    }
    if let Some((kind, position)) = fault.0 {
        return Err(ParseError { kind, position, request: None });
    }
    let reason_len = parts.next().map_or(0, <[u8]>::len);
    let reason = line.slice(line.len() - reason_len..);
    Ok(Message::Response(Response { status: status.unwrap_or_default(), reason, headers, body }))
}

/// The Content-Length of a head that came on a stream. What would leave the end of the message in
/// doubt is an error.
pub(crate) fn stream_length(head: Bytes) -> Result<usize, ParseError> {
    let mut fault = Fault::default();
    let (line_end, headers_at) = Lines { bytes: &head, at: 0 }.next_line(&mut fault).unwrap_or_default();
    let (headers, _) = fields(&head, headers_at, &mut fault);
    let number = headers.get(Name::ContentLength).map(|length| lex::number::<usize>(&length));
    if headers.all(Name::ContentLength).count() > 1 {
        fault.note(ParseErrorKind::RepeatedContentLength, headers_at);
    } else if number == Some(None) {
        fault.note(ParseErrorKind::BadContentLength, headers_at);
    }
    if let (None, Some(Some(number))) = (&fault.0, number) {
        return Ok(number);
    }
    fault.note(ParseErrorKind::NoContentLength, headers_at);
    let (kind, position) = fault.0.unwrap_or((ParseErrorKind::NoContentLength, headers_at));
    // The answer is that of a request with this fault; an unread body does not matter to it.
    let fault = Fault(Some((kind, position)));
    let refused = request(&head.slice(..line_end), 0, headers, Bytes::new(), fault);
    let request = refused.err().and_then(|error| error.request);
    Err(ParseError { kind, position, request })
}

/// The fields of a part of a multipart body, faulty ones left out, and where its content begins.
pub(super) fn part_fields(part: &Bytes) -> (Headers, usize) {
    fields(part, 0, &mut Fault::default())
}

/// Reads fields up to the empty line; returns them and where the body begins.
fn fields(bytes: &Bytes, start: usize, fault: &mut Fault) -> (Headers, usize) {
    let mut fields = Vec::new();
    let mut lines = Lines { bytes, at: start };
    loop {
        let at = lines.at;
        let Some((mut end, mut next)) = lines.next_line(fault) else {
            fault.note(ParseErrorKind::NoEndOfHead, at);
            return (Headers(fields), bytes.len());
        };
        if end == at {
            return (Headers(fields), next);
        }
        // Folded lines belong to the field before them.
        while matches!(bytes.get(next), Some(b' ' | b'\t')) {
            let Some(folded) = lines.next_line(fault) else {
                break;
            };
            (end, next) = folded;
        }
        if fields.len() == limits::FIELDS {
            fault.note(ParseErrorKind::TooManyFields, at);
            continue;
        }
        match field(&bytes.slice(at..end)) {
            Ok(field) => fields.push(field),
            Err(kind) => fault.note(kind, at),
        }
    }
}

fn field(line: &Bytes) -> Result<Field, ParseErrorKind> {
    if line.len() > limits::FIELD_BYTES {
        return Err(ParseErrorKind::FieldTooLong);
    }
    // The message is refused for it already; the field must not stand in the answer either.
    let lone = |at: usize| match line[at] {
        b'\r' => line.get(at + 1) != Some(&b'\n'),
        _ => at == 0 || line[at - 1] != b'\r',
    };
    if memchr::memchr2_iter(b'\r', b'\n', line).any(lone) {
        return Err(ParseErrorKind::BareLineEnd);
    }
    let colon = memchr::memchr(b':', line).ok_or(ParseErrorKind::BadField)?;
    let name = std::str::from_utf8(&line[..colon]).map_err(|_| ParseErrorKind::BadField)?;
    let name = name.trim_end_matches([' ', '\t']);
    if !lex::is_token(name) {
        return Err(ParseErrorKind::BadField);
    }
    let blank = |b: &u8| matches!(b, b' ' | b'\t' | b'\r' | b'\n');
    let value = &line[colon + 1..];
    let lead = value.iter().take_while(|b| blank(b)).count();
    let tail = value[lead..].iter().rev().take_while(|b| blank(b)).count();
    let value = colon + 1 + lead..line.len() - tail;
    Ok(Field { line: line.clone(), name: Name::parse(name), name_len: name.len(), value })
}

fn body(bytes: &Bytes, headers: &Headers, start: usize, fault: &mut Fault) -> Bytes {
    let rest = bytes.slice(start.min(bytes.len())..);
    let mut lengths = headers.all(Name::ContentLength);
    let Some(length) = lengths.next() else {
        return rest;
    };
    if lengths.next().is_some() {
        fault.note(ParseErrorKind::RepeatedContentLength, start);
        return Bytes::new();
    }
    match lex::number::<usize>(&length.text()) {
        Some(length) if length <= rest.len() => rest.slice(..length),
        Some(_) => {
            fault.note(ParseErrorKind::ShortBody, start);
            Bytes::new()
        }
        None => {
            fault.note(ParseErrorKind::BadContentLength, start);
            Bytes::new()
        }
    }
}

/// Walks over lines that end in CR LF. A lone CR or LF is a fault: two readers who see different
/// lines are how a message is smuggled past one of them.
struct Lines<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Lines<'_> {
    /// End of the line without its line end, and start of the next; `None` at the end of bytes.
    fn next_line(&mut self, fault: &mut Fault) -> Option<(usize, usize)> {
        let start = self.at;
        let rest = self.bytes.get(start..)?;
        let Some(feed) = memchr::memchr(b'\n', rest) else {
            self.at = self.bytes.len();
            return None;
        };
        let line = &rest[..feed];
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if line.len() == feed || memchr::memchr(b'\r', line).is_some() {
            fault.note(ParseErrorKind::BareLineEnd, start);
        }
        self.at = start + feed + 1;
        Some((start + line.len(), self.at))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use proptest::prelude::*;

    use super::*;

    const GOOD: &str = "OPTIONS sip:a@h SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bK1\r\nFrom: <sip:b@h>;tag=1\r\nTo: <sip:a@h>\r\nCall-ID: x\r\nCSeq: 1 OPTIONS\r\nMax-Forwards: 70\r\nContent-Length: 2\r\n\r\nab";

    fn parse(text: impl Into<Vec<u8>>) -> Result<Message, ParseError> {
        Message::parse(Bytes::from(text.into()))
    }

    fn kind(text: impl Into<Vec<u8>>) -> ParseErrorKind {
        parse(text).unwrap_err().kind
    }

    #[test]
    fn what_came_goes_out() {
        let message = parse(GOOD).unwrap();
        assert_eq!(message.encode(), GOOD);
        let odd = "SIP/2.0 200 \u{e2}\u{98}\u{8e} = ok\r\nv :SIP/2.0/UDP h;branch=z9hG4bK1\r\nX-Gbk: \u{d5}\u{c5}\r\nfRom:\r\n  <sip:a@h>\r\n\t;tag=1\r\nl: 0\r\n\r\n";
        let odd: Vec<u8> = odd.chars().map(|c| c as u8).collect();
        let message = parse(odd.clone()).unwrap();
        assert_eq!(message.encode(), odd);
        assert_eq!(message.headers().from().unwrap().tag(), Some("1"));
    }

    #[test]
    fn a_header_that_is_no_utf_8_hides_no_later_header() {
        let text = [&GOOD.as_bytes()[..25], b"Subject: \xff\xfe\r\n", &GOOD.as_bytes()[25..]].concat();
        let message = parse(text).unwrap();
        assert_eq!(message.headers().cseq().unwrap().number, 1);
        assert_eq!(message.headers().get(Name::Subject).unwrap(), "\u{fffd}\u{fffd}");
    }

    #[test]
    fn faults_are_named_and_placed() {
        assert_eq!(kind(""), ParseErrorKind::Empty);
        assert_eq!(kind("\r\n\r\n"), ParseErrorKind::Empty);
        assert_eq!(kind("GET / HTTP/1.1\r\nHost: h\r\n\r\n"), ParseErrorKind::BadStartLine);
        assert_eq!(kind(GOOD.replace("SIP/2.0\r", "SIP/7.0\r")), ParseErrorKind::BadVersion);
        assert_eq!(kind(GOOD.replace("OPTIONS sip", "OPTIONS  sip")), ParseErrorKind::BadStartLine);
        assert_eq!(kind(GOOD.replace("SIP/2.0\r", "SIP/2.0 \r")), ParseErrorKind::BadStartLine);
        assert_eq!(kind(GOOD.replace("Max-F", "Max F")), ParseErrorKind::BadField);
        assert_eq!(kind(GOOD.replace("Max-Forwards: 70", "nothing")), ParseErrorKind::BadField);
        assert_eq!(kind(GOOD.replace("x\r\nCSeq", "x\nCSeq")), ParseErrorKind::BareLineEnd);
        assert_eq!(kind(GOOD.replace("x\r\nCSeq", "x\rCSeq")), ParseErrorKind::BareLineEnd);
        assert_eq!(kind(&GOOD[..60]), ParseErrorKind::NoEndOfHead);
        assert_eq!(kind(GOOD.replace("Length: 2", "Length: 3")), ParseErrorKind::ShortBody);
        for bad in ["-2", "+2", "2,2", "0x2", "", "18446744073709551616"] {
            assert_eq!(
                kind(GOOD.replace("Length: 2", &format!("Length: {bad}"))),
                ParseErrorKind::BadContentLength,
                "{bad}"
            );
        }
        assert_eq!(kind(GOOD.replace("Length: 2", "Length: 18446744073709551615")), ParseErrorKind::ShortBody);
        assert_eq!(kind(GOOD.replace("Max-Forwards: 70", "l: 2")), ParseErrorKind::RepeatedContentLength);
        assert_eq!(kind(GOOD.replace("Max-Forwards: 70", &["X: y"; 300].join("\r\n"))), ParseErrorKind::TooManyFields);
        assert_eq!(kind(GOOD.replace("x\r", &format!("{}\r", "x".repeat(20_000)))), ParseErrorKind::FieldTooLong);
        let error = parse(GOOD.replace("Max-Forwards: 70", "nothing")).unwrap_err();
        assert_eq!(error.position, GOOD.find("Max-F").unwrap());
    }

    #[test]
    fn a_faulty_request_can_be_answered_and_a_response_or_ack_never() {
        let answer = parse(GOOD.replace("Max-Forwards: 70", "nothing")).unwrap_err().answer().unwrap();
        assert_eq!(answer.status, 400);
        assert!(answer.headers.has(Name::Via) && answer.headers.has(Name::CSeq));
        assert!(
            parse(GOOD.replace("OPTIONS", "ACK").replace("Max-Forwards: 70", "nothing"))
                .unwrap_err()
                .answer()
                .is_none()
        );
        assert!(
            parse(GOOD.replace("OPTIONS sip:a@h SIP/2.0", "SIP/2.0 4294967301 better").replace("70", "x"))
                .unwrap_err()
                .answer()
                .is_none()
        );
        assert!(parse(GOOD.replace("Call-ID: x", "nothing")).unwrap_err().answer().is_none());
    }

    /// Found by the fuzzer: the field stood in the 400 as it came.
    #[test]
    fn a_lone_line_end_does_not_come_back_in_the_answer() {
        for evil in ["x\rEvil: 1", "x\n Evil: 1", "x\r Evil: 1", "x\n\tEvil: 1\r"] {
            let text = GOOD.replace("Call-ID: x", &format!("Call-ID: {evil}\r\nCall-ID: y"));
            let error = parse(text).unwrap_err();
            assert_eq!(error.kind, ParseErrorKind::BareLineEnd, "{evil:?}");
            let answer = error.answer().unwrap().encode();
            assert!(!String::from_utf8_lossy(&answer).contains("Evil"), "{evil:?}");
            assert!(Message::parse(answer).is_ok());
        }
    }

    #[test]
    fn bytes_behind_the_body_are_dropped() {
        assert_eq!(parse(format!("\r\n{GOOD}trailing")).unwrap().body().as_ref(), b"ab");
    }

    #[test]
    fn made_fields_cannot_break_their_line() {
        let uri = crate::Uri::parse("sip:a@h").unwrap();
        let request = Request::new(Method::Options, &uri).with("X-Note", "a\r\nEvil: 1\r\n\r\nBYE");
        let Message::Request(back) = parse(request.encode()).unwrap() else { panic!("a request") };
        assert_eq!(back.headers.get("x-note").unwrap(), "a  Evil: 1    BYE");
        assert!(!back.headers.has("Evil"));
    }

    proptest! {
        #[test]
        fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            let _ = parse(bytes);
        }

        #[test]
        fn what_parses_encodes_to_what_parses_the_same(at in 0..GOOD.len(), byte in any::<u8>()) {
            let mut text = GOOD.as_bytes().to_vec();
            text[at] = byte;
            if let Ok(message) = parse(text) {
                let once = message.encode();
                prop_assert_eq!(Message::parse(once.clone()).unwrap().encode(), once);
            }
        }
    }
}
