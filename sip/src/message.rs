//! Requests and responses: the bytes are kept, headers are parsed when asked for.
//!
//! A header field is a slice of the bytes that came; forwarding writes the same slice. Only the
//! fields that were edited are made anew. [`Message::parse`] checks the structure alone (start
//! line, field names, lengths); [`Request::check`] asks whether a server may act on it.
//!
//! Must not know: sockets, transactions.

use std::{borrow::Cow, fmt, net::SocketAddr, ops::Range};

use bytes::{BufMut, Bytes, BytesMut};

use crate::{
    Method,
    header::{self, CSeq, Contacts, HeaderError, NameAddr, Problem, Via},
    lex, limits,
    uri::{Uri, UriError},
};

mod multipart;
mod name;
mod parse;
#[cfg(test)]
mod torture;

pub use name::{HeaderKey, Name};
pub(crate) use parse::stream_length;
pub use parse::{ParseError, ParseErrorKind};

/// A SIP message.
#[derive(Clone, Debug)]
#[allow(missing_docs)]
pub enum Message {
    Request(Request),
    Response(Response),
}

impl Message {
    /// Parses one whole message. The bytes are shared, not copied. Bytes after the body are
    /// dropped (RFC 3261 §18.3).
    ///
    /// # Errors
    /// [`ParseError`] with the position of the first fault. For a request as much of it as could
    /// be read comes along, so that it can be answered 400.
    pub fn parse(bytes: Bytes) -> Result<Self, ParseError> {
        parse::message(bytes)
    }

    /// The header fields.
    pub fn headers(&self) -> &Headers {
        match self {
            Self::Request(request) => &request.headers,
            Self::Response(response) => &response.headers,
        }
    }

    /// The body.
    pub fn body(&self) -> &Bytes {
        match self {
            Self::Request(request) => &request.body,
            Self::Response(response) => &response.body,
        }
    }

    /// The body of this type, e.g. `application/sdp`; see [`body_of_type`].
    pub fn body_of_type(&self, wanted: &str) -> Option<Bytes> {
        body_of_type(self.headers(), self.body(), wanted)
    }

    /// The bytes for the wire.
    pub fn encode(&self) -> Bytes {
        match self {
            Self::Request(request) => request.encode(),
            Self::Response(response) => response.encode(),
        }
    }
}

/// A request.
#[derive(Clone, Debug)]
pub struct Request {
    /// What is asked.
    pub method: Method,
    target: Bytes,
    /// The header fields in order.
    pub headers: Headers,
    /// The body; its length is written by [`Request::encode`].
    pub body: Bytes,
}

impl Request {
    /// A request without headers.
    pub fn new(method: Method, uri: &Uri) -> Self {
        let target = Bytes::copy_from_slice(uri.as_str().as_bytes());
        Self { method, target, headers: Headers::default(), body: Bytes::new() }
    }

    /// Adds a header field at the end.
    #[must_use]
    pub fn with(mut self, name: impl HeaderKey, value: impl fmt::Display) -> Self {
        self.headers.push(name, value);
        self
    }

    /// Sets body and Content-Type.
    #[must_use]
    pub fn with_body(mut self, content_type: &str, body: impl Into<Bytes>) -> Self {
        self.headers.set(Name::ContentType, content_type);
        self.body = body.into();
        self
    }

    /// The Request-URI.
    ///
    /// # Errors
    /// [`UriError`] if it is none.
    pub fn uri(&self) -> Result<Uri, UriError> {
        Uri::parse(&self.target_text())
    }

    /// The Request-URI as text, whatever it is.
    pub fn target_text(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(&self.target)
    }

    /// Replaces the Request-URI.
    pub fn set_uri(&mut self, uri: &Uri) {
        self.target = Bytes::copy_from_slice(uri.as_str().as_bytes());
    }

    /// Notes in the top Via where the request came from ([`Via::stamp`]).
    ///
    /// # Errors
    /// If the top Via is missing or malformed.
    pub fn stamp_source(&mut self, source: SocketAddr) -> Result<(), HeaderError> {
        let mut via = self.headers.via()?;
        if via.stamp(source) {
            self.headers.replace_first_value(Name::Via, &via.to_string());
        }
        Ok(())
    }

    /// Whether a server may act on the request (RFC 3261 §8.2, §16.3; RFC 4475 gives the cases):
    /// required headers are there once and readable, method and CSeq agree, the scheme is one of
    /// ours, Max-Forwards is in range.
    ///
    /// # Errors
    /// The answer to give.
    pub fn check(&self) -> Result<(), Refusal> {
        self.headers.check_common()?;
        if self.headers.cseq()?.method != self.method {
            return Err(Refusal::bad_request("CSeq method differs from the request's method"));
        }
        let uri = match self.uri() {
            Ok(uri) => uri,
            Err(UriError::TooLong) => return Err(Refusal::new(414, "Request-URI Too Long")),
            Err(error) => return Err(Refusal::bad_request(format!("Request-URI: {error}"))),
        };
        if uri.headers().is_some() {
            return Err(Refusal::bad_request("Request-URI must not carry headers"));
        }
        if uri.scheme() == crate::uri::Scheme::Other {
            return Err(Refusal::new(416, "Unsupported URI Scheme"));
        }
        Ok(())
    }

    /// Option tags in Require that are not among `known`: the request is to be answered 420 with
    /// them in Unsupported (RFC 3261 §8.2.2.3). Empty if all is well, and for ACK and CANCEL.
    pub fn unknown_extensions(&self, known: &[&str]) -> Vec<String> {
        if matches!(self.method, Method::Ack | Method::Cancel) {
            return Vec::new();
        }
        let is_known = |tag: &String| known.iter().any(|known| tag.eq_ignore_ascii_case(known));
        self.headers.tokens(Name::Require).into_iter().filter(|tag| !is_known(tag)).collect()
    }

    /// Max-Forwards for the request that follows from this one at the other side of a B2BUA; so
    /// that loops end (RFC 5393) it must be carried over. Absent, it begins at 70.
    ///
    /// # Errors
    /// 483 if this was the last hop, 400 if the header is malformed.
    pub fn hops_left(&self) -> Result<u8, Refusal> {
        let now = self.headers.max_forwards()?.unwrap_or(70);
        now.checked_sub(1).ok_or(Refusal::new(483, "Too Many Hops"))
    }

    /// The bytes for the wire. Fields that were not touched are as they came; Content-Length is
    /// made right.
    pub fn encode(&self) -> Bytes {
        let start = [self.method.as_str().as_bytes(), b" ", &self.target, b" SIP/2.0\r\n"];
        encode(&start, &self.headers, &self.body)
    }
}

/// A response.
#[derive(Clone, Debug)]
pub struct Response {
    /// 100 to 699.
    pub status: u16,
    reason: Bytes,
    /// The header fields in order.
    pub headers: Headers,
    /// The body; its length is written by [`Response::encode`].
    pub body: Bytes,
}

impl Response {
    /// A response without headers; an empty `reason` takes the standard phrase.
    pub fn new(status: u16, reason: &str) -> Self {
        let reason = if reason.is_empty() { reason_phrase(status) } else { reason };
        let reason = Bytes::from(clean(reason).into_owned());
        Self { status, reason, headers: Headers::default(), body: Bytes::new() }
    }

    /// The answer to `request` (RFC 3261 §8.2.6): copies Via, From, To, Call-ID and CSeq as they
    /// came, Timestamp into a 100, Record-Route into what may make a dialog. The To tag is
    /// the caller's: [`Response::set_to_tag`].
    pub fn to(request: &Request, status: u16, reason: &str) -> Self {
        let mut response = Self::new(status, reason);
        let makes_dialog = (101..300).contains(&status);
        let mut once = Vec::new();
        for field in request.headers.fields() {
            let copied = match field.name {
                Some(Name::Via) => true,
                Some(Name::RecordRoute) => makes_dialog,
                Some(Name::Timestamp) => status == 100,
                // A malformed request may repeat these; the answer must not.
                Some(name @ (Name::From | Name::To | Name::CallId | Name::CSeq)) => {
                    let first = !once.contains(&name);
                    once.push(name);
                    first
                }
                _ => false,
            };
            if copied {
                response.headers.0.push(field.clone());
            }
        }
        response
    }

    /// Adds a header field at the end.
    #[must_use]
    pub fn with(mut self, name: impl HeaderKey, value: impl fmt::Display) -> Self {
        self.headers.push(name, value);
        self
    }

    /// Sets body and Content-Type.
    #[must_use]
    pub fn with_body(mut self, content_type: &str, body: impl Into<Bytes>) -> Self {
        self.headers.set(Name::ContentType, content_type);
        self.body = body.into();
        self
    }

    /// Gives the To header this tag if it has none. A To that cannot be read is left alone.
    pub fn set_to_tag(&mut self, tag: &str) {
        let Some(field) = self.headers.0.iter_mut().find(|f| f.name == Some(Name::To)) else {
            return;
        };
        let has_none = NameAddr::parse(&field.text()).is_ok_and(|to| to.tag().is_none());
        if has_none {
            // Appended to the text that came, so that the rest stays octet for octet.
            *field = Field::from_bytes(Name::To, &[field.raw(), b";tag=", tag.as_bytes()].concat());
        }
    }

    /// The reason phrase.
    pub fn reason(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(&self.reason)
    }

    /// Whether provisional (1xx).
    pub fn is_provisional(&self) -> bool {
        self.status < 200
    }

    /// Whether success (2xx).
    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// The bytes for the wire; see [`Request::encode`].
    pub fn encode(&self) -> Bytes {
        let status = self.status.to_string();
        encode(&[b"SIP/2.0 ", status.as_bytes(), b" ", &self.reason, b"\r\n"], &self.headers, &self.body)
    }
}

/// Why a request is not acted on, and with what it is answered.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{status} {reason}")]
pub struct Refusal {
    /// Status code of the answer.
    pub status: u16,
    /// Reason phrase of the answer; says what was wrong.
    pub reason: Cow<'static, str>,
}

impl Refusal {
    /// An answer with this status and phrase.
    pub fn new(status: u16, reason: impl Into<Cow<'static, str>>) -> Self {
        Self { status, reason: reason.into() }
    }

    /// A 400 whose phrase says what was wrong.
    pub fn bad_request(what: impl Into<Cow<'static, str>>) -> Self {
        Self::new(400, what)
    }
}

impl From<HeaderError> for Refusal {
    fn from(error: HeaderError) -> Self {
        Self::bad_request(error.to_string())
    }
}

/// One header field: the line as it came (folds included, without the last line end).
#[derive(Clone)]
pub struct Field {
    line: Bytes,
    name: Option<Name>,
    name_len: usize,
    value: Range<usize>,
}

impl Field {
    /// A field of our own making. Line ends and NUL in the value become spaces: whatever a caller
    /// passes on from strangers, it cannot start another header.
    pub fn new(name: impl HeaderKey, value: impl fmt::Display) -> Self {
        Self::from_bytes(name, clean(&value.to_string()).as_bytes())
    }

    fn from_bytes(name: impl HeaderKey, value: &[u8]) -> Self {
        let (text, known) = (name.text(), name.known());
        let line = [text.as_bytes(), b": ", value].concat();
        let value = text.len() + 2..line.len();
        Self { line: line.into(), name: known, name_len: text.len(), value }
    }

    /// The well-known name, if it is one.
    pub fn name(&self) -> Option<Name> {
        self.name
    }

    /// The name as it came, perhaps compact or in odd case.
    pub fn name_text(&self) -> &str {
        std::str::from_utf8(&self.line[..self.name_len]).unwrap_or_default()
    }

    /// The value's bytes as they came.
    pub fn raw(&self) -> &[u8] {
        &self.line[self.value.clone()]
    }

    /// The value as text, unfolded and trimmed; wrong UTF-8 is replaced.
    pub fn text(&self) -> Cow<'_, str> {
        header::unfold(self.raw())
    }
}

impl fmt::Debug for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&String::from_utf8_lossy(&self.line), f)
    }
}

/// The header fields of a message, in order. Raw access, typed access, edits.
#[derive(Clone, Debug, Default)]
pub struct Headers(Vec<Field>);

/// Raw access and edits.
impl Headers {
    /// All fields in order.
    pub fn fields(&self) -> impl Iterator<Item = &Field> {
        self.0.iter()
    }

    /// All fields of this name in order.
    pub fn all<'a>(&'a self, name: impl HeaderKey + 'a) -> impl Iterator<Item = &'a Field> + 'a {
        self.0.iter().filter(move |field| name.is(field.name, field.name_text()))
    }

    /// The first field of this name as text.
    pub fn get(&self, name: impl HeaderKey) -> Option<Cow<'_, str>> {
        self.0.iter().find(|field| name.is(field.name, field.name_text())).map(Field::text)
    }

    /// Whether a field of this name is there.
    pub fn has(&self, name: impl HeaderKey) -> bool {
        self.0.iter().any(|field| name.is(field.name, field.name_text()))
    }

    /// Adds a field at the end.
    pub fn push(&mut self, name: impl HeaderKey, value: impl fmt::Display) {
        self.0.push(Field::new(name, value));
    }

    /// Adds a field as it is, with its bytes.
    pub fn push_field(&mut self, field: Field) {
        self.0.push(field);
    }

    /// Adds a field before all others (Via, Record-Route).
    pub fn push_front(&mut self, name: impl HeaderKey, value: impl fmt::Display) {
        self.0.insert(0, Field::new(name, value));
    }

    /// Replaces the first field of this name and removes its repetitions, or adds one at the end.
    pub fn set(&mut self, name: impl HeaderKey, value: impl fmt::Display) {
        let field = Field::new(&name, value);
        let at = self.0.iter().position(|f| name.is(f.name, f.name_text()));
        self.remove(&name);
        self.0.insert(at.unwrap_or(self.0.len()), field);
    }

    /// Removes all fields of this name.
    pub fn remove(&mut self, name: impl HeaderKey) {
        self.0.retain(|field| !name.is(field.name, field.name_text()));
    }

    /// Copies all fields of this name from another message, as they came.
    pub fn copy(&mut self, from: &Self, name: impl HeaderKey) {
        let copied = from.0.iter().filter(|field| name.is(field.name, field.name_text()));
        self.0.extend(copied.cloned());
    }

    /// Removes the first value of a list header, be it a field of its own or the first of a
    /// comma-separated one.
    pub fn remove_first_value(&mut self, name: Name) {
        self.edit_first_value(name, None);
    }

    /// Replaces the first value of a list header; the values behind it stay.
    pub fn replace_first_value(&mut self, name: Name, value: &str) {
        self.edit_first_value(name, Some(value));
    }

    fn edit_first_value(&mut self, name: Name, value: Option<&str>) {
        let Some(at) = self.0.iter().position(|field| field.name == Some(name)) else {
            return;
        };
        let text = self.0[at].text();
        let rest = match lex::find(&text, b',') {
            Some(Some(comma)) => Some(lex::trim(&text[comma + 1..]).to_owned()),
            _ => None,
        };
        let parts: Vec<&str> = value.into_iter().chain(rest.as_deref()).collect();
        if parts.is_empty() {
            self.0.remove(at);
        } else {
            self.0[at] = Field::new(name, parts.join(", "));
        }
    }
}

/// Typed access. Each call parses; keep the result.
impl Headers {
    /// The top Via.
    ///
    /// # Errors
    /// If missing or malformed.
    pub fn via(&self) -> Result<Via, HeaderError> {
        let error = |problem| HeaderError { name: Name::Via.as_str(), problem };
        let text = self.get(Name::Via).ok_or(error(Problem::Missing))?;
        let end = lex::find(&text, b',').ok_or(error(Problem::Unbalanced))?;
        Via::parse(&text[..end.unwrap_or(text.len())]).map_err(error)
    }

    /// All Via values, top first.
    ///
    /// # Errors
    /// If any is malformed.
    pub fn vias(&self) -> Result<Vec<Via>, HeaderError> {
        self.list(Name::Via, Via::parse)
    }

    /// From.
    ///
    /// # Errors
    /// If missing, repeated or malformed.
    pub fn from(&self) -> Result<NameAddr, HeaderError> {
        self.single(Name::From, NameAddr::parse)
    }

    /// To.
    ///
    /// # Errors
    /// If missing, repeated or malformed.
    pub fn to(&self) -> Result<NameAddr, HeaderError> {
        self.single(Name::To, NameAddr::parse)
    }

    /// Call-ID.
    ///
    /// # Errors
    /// If missing, repeated, empty or with spaces.
    pub fn call_id(&self) -> Result<String, HeaderError> {
        self.single(Name::CallId, |text| {
            let good = !text.is_empty() && text.bytes().all(|b| b.is_ascii_graphic() || b >= 0x80);
            if good { Ok(text.to_owned()) } else { Err(Problem::Malformed) }
        })
    }

    /// CSeq.
    ///
    /// # Errors
    /// If missing, repeated or malformed.
    pub fn cseq(&self) -> Result<CSeq, HeaderError> {
        self.single(Name::CSeq, CSeq::parse)
    }

    /// Max-Forwards, 0 to 255; `None` if absent.
    ///
    /// # Errors
    /// If repeated or out of range.
    pub fn max_forwards(&self) -> Result<Option<u8>, HeaderError> {
        self.optional(Name::MaxForwards, |text| lex::number(text).ok_or(Problem::BadNumber))
    }

    /// Contact.
    ///
    /// # Errors
    /// If any value is malformed, or `*` is not alone.
    pub fn contacts(&self) -> Result<Contacts, HeaderError> {
        let mut fields = self.all(Name::Contact);
        let star = |field: &Field| &*field.text() == "*";
        if self.all(Name::Contact).any(star) {
            let alone = fields.next().is_some() && fields.next().is_none();
            let error = HeaderError { name: Name::Contact.as_str(), problem: Problem::StarNotAlone };
            return if alone { Ok(Contacts::Star) } else { Err(error) };
        }
        self.addresses(Name::Contact).map(Contacts::List)
    }

    /// The one Contact of a dialog-forming message, `None` if absent.
    ///
    /// # Errors
    /// If malformed, `*`, or more than one.
    pub fn contact(&self) -> Result<Option<NameAddr>, HeaderError> {
        let error = |problem| HeaderError { name: Name::Contact.as_str(), problem };
        match self.contacts()? {
            Contacts::Star => Err(error(Problem::Malformed)),
            Contacts::List(list) if list.len() > 1 => Err(error(Problem::Repeated)),
            Contacts::List(list) => Ok(list.into_iter().next()),
        }
    }

    /// Addresses of a list header: Route, Record-Route, Path, P-Asserted-Identity, ….
    ///
    /// # Errors
    /// If any value is malformed.
    pub fn addresses(&self, name: Name) -> Result<Vec<NameAddr>, HeaderError> {
        self.list(name, NameAddr::parse)
    }

    /// Expires in seconds. Absent and malformed are both `None`: RFC 3261 §20.19 gives malformed
    /// values the default; too large ones become the largest.
    pub fn expires(&self) -> Option<u32> {
        self.get(Name::Expires).and_then(|text| header::delta_seconds(&text))
    }

    /// Tokens of a list header (Require, Supported, Allow, …) in all its fields.
    pub fn tokens(&self, name: Name) -> Vec<String> {
        let fields = self.all(name).map(|field| field.text().into_owned());
        let parts = fields.flat_map(|text| text.split(',').map(|t| lex::trim(t).to_owned()).collect::<Vec<_>>());
        parts.filter(|token| !token.is_empty()).take(limits::LIST_ITEMS).collect()
    }

    /// Whether a list header names this token, compared without case.
    pub fn has_token(&self, name: Name, token: &str) -> bool {
        self.tokens(name).iter().any(|t| t.eq_ignore_ascii_case(token))
    }

    /// Content-Type without parameters, lower-cased; `None` if absent.
    pub fn content_type(&self) -> Option<String> {
        let text = self.get(Name::ContentType)?;
        let kind = text.split(';').next().unwrap_or_default();
        let parts: Vec<&str> = kind.split('/').map(lex::trim).collect();
        Some(parts.join("/").to_ascii_lowercase())
    }

    /// What every request must have, once and readable (RFC 3261 §8.1.1).
    fn check_common(&self) -> Result<(), HeaderError> {
        self.vias()?;
        self.from()?;
        self.to()?;
        self.call_id()?;
        self.cseq()?;
        self.max_forwards()?;
        self.contacts()?;
        for name in [Name::Route, Name::RecordRoute] {
            self.addresses(name)?;
        }
        for name in [Name::ContentType, Name::Expires, Name::Date] {
            self.optional(name, |_| Ok(()))?;
        }
        Ok(())
    }

    fn single<T>(&self, name: Name, parse: impl Fn(&str) -> Result<T, Problem>) -> Result<T, HeaderError> {
        self.optional(name, parse)?.ok_or(HeaderError { name: name.as_str(), problem: Problem::Missing })
    }

    fn optional<T>(&self, name: Name, parse: impl Fn(&str) -> Result<T, Problem>) -> Result<Option<T>, HeaderError> {
        let error = |problem| HeaderError { name: name.as_str(), problem };
        let mut fields = self.all(name);
        let Some(field) = fields.next() else {
            return Ok(None);
        };
        if fields.next().is_some() {
            return Err(error(Problem::Repeated));
        }
        parse(&field.text()).map(Some).map_err(error)
    }

    fn list<T>(&self, name: Name, parse: impl Fn(&str) -> Result<T, Problem>) -> Result<Vec<T>, HeaderError> {
        let error = |problem| HeaderError { name: name.as_str(), problem };
        let mut values = Vec::new();
        for field in self.all(name) {
            let text = field.text();
            for part in lex::split(&text, b',').ok_or(error(Problem::Unbalanced))? {
                if values.len() == limits::LIST_ITEMS {
                    return Err(error(Problem::TooMany));
                }
                values.push(parse(part).map_err(error)?);
            }
        }
        if values.is_empty() && name == Name::Via { Err(error(Problem::Missing)) } else { Ok(values) }
    }
}

/// The body of this type (lower-case, e.g. `application/sdp`): the whole body, or the first such
/// part of a multipart body. `None` if there is none; a body without Content-Type counts as SDP.
pub fn body_of_type(headers: &Headers, body: &Bytes, wanted: &str) -> Option<Bytes> {
    multipart::part(headers, body, wanted)
}

/// The standard phrase of a status code.
pub fn reason_phrase(status: u16) -> &'static str {
    match status {
        100 => "Trying",
        180 => "Ringing",
        181 => "Call Is Being Forwarded",
        182 => "Queued",
        183 => "Session Progress",
        200 => "OK",
        202 => "Accepted",
        204 => "No Notification",
        300 => "Multiple Choices",
        301 => "Moved Permanently",
        302 => "Moved Temporarily",
        305 => "Use Proxy",
        380 => "Alternative Service",
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        406 => "Not Acceptable",
        407 => "Proxy Authentication Required",
        408 => "Request Timeout",
        410 => "Gone",
        412 => "Conditional Request Failed",
        413 => "Request Entity Too Large",
        414 => "Request-URI Too Long",
        415 => "Unsupported Media Type",
        416 => "Unsupported URI Scheme",
        420 => "Bad Extension",
        421 => "Extension Required",
        422 => "Session Interval Too Small",
        423 => "Interval Too Brief",
        430 => "Flow Failed",
        439 => "First Hop Lacks Outbound Support",
        440 => "Max-Breadth Exceeded",
        480 => "Temporarily Unavailable",
        481 => "Call/Transaction Does Not Exist",
        482 => "Loop Detected",
        483 => "Too Many Hops",
        484 => "Address Incomplete",
        485 => "Ambiguous",
        486 => "Busy Here",
        487 => "Request Terminated",
        488 => "Not Acceptable Here",
        489 => "Bad Event",
        491 => "Request Pending",
        493 => "Undecipherable",
        500 => "Server Internal Error",
        501 => "Not Implemented",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        504 => "Server Time-out",
        505 => "Version Not Supported",
        513 => "Message Too Large",
        580 => "Precondition Failure",
        600 => "Busy Everywhere",
        603 => "Decline",
        604 => "Does Not Exist Anywhere",
        606 => "Not Acceptable",
        607 => "Unwanted",
        608 => "Rejected",
        _ => "Unknown",
    }
}

fn encode(start: &[&[u8]], headers: &Headers, body: &Bytes) -> Bytes {
    let size: usize = headers.0.iter().map(|f| f.line.len() + 2).sum();
    let mut out = BytesMut::with_capacity(size + body.len() + 256);
    start.iter().for_each(|part| out.put_slice(part));
    let mut has_length = false;
    for field in &headers.0 {
        if field.name == Some(Name::ContentLength) {
            // One, and right: a length that fits is sent as it came.
            let fits = lex::number(&field.text()) == Some(body.len());
            if has_length || !fits {
                continue;
            }
            has_length = true;
        }
        out.put_slice(&field.line);
        out.put_slice(b"\r\n");
    }
    if !has_length {
        out.put_slice(format!("Content-Length: {}\r\n", body.len()).as_bytes());
    }
    out.put_slice(b"\r\n");
    out.put_slice(body);
    out.freeze()
}

/// A value that cannot leave its line.
fn clean(value: &str) -> Cow<'_, str> {
    if !value.contains(['\r', '\n', '\0']) {
        return Cow::Borrowed(value);
    }
    Cow::Owned(value.replace(['\r', '\n', '\0'], " "))
}
