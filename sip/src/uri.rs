//! URIs kept octet for octet: parsing notes where the parts are and never rewrites them.
//!
//! An escaped `b%23ob` goes out as it came in. Escapes are resolved only for those who ask
//! ([`Uri::user_plain`]). Unknown schemes parse as opaque, so that they can be answered 416.

use std::{
    borrow::Cow,
    fmt,
    hash::{Hash, Hasher},
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    ops::Range,
};

use crate::{lex, limits};

/// Why a text is no URI.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[allow(missing_docs)] // each variant's text says it
pub enum UriError {
    #[error("URI is longer than {} bytes", limits::URI_BYTES)]
    TooLong,
    #[error("URI has no scheme")]
    NoScheme,
    #[error("URI holds white space, quotes or control characters")]
    ForbiddenCharacter,
    #[error("'%' in a URI must be followed by two hexadecimal digits")]
    BadEscape,
    #[error("URI has no host, or a host that is neither a name nor an IP address")]
    BadHost,
    #[error("URI port must be 0 to 65535")]
    BadPort,
    #[error("URI parameter is empty or malformed")]
    BadParameter,
    #[error("telephone number in a tel URI is malformed")]
    BadNumber,
}

/// The kind of a URI, from its scheme (compared without case).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Scheme {
    /// `sip:`
    Sip,
    /// `sips:`: only over TLS.
    Sips,
    /// `tel:` (RFC 3966).
    Tel,
    /// Anything else; kept, not looked into.
    Other,
}

/// A host: name or address. Names compare without case.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Host {
    /// A domain name, lower-cased.
    Name(Box<str>),
    /// An IPv4 address, or an IPv6 one, which is written in brackets.
    Ip(IpAddr),
}

/// A URI: its text unchanged, and where its parts are.
#[derive(Clone)]
pub struct Uri {
    text: Box<str>,
    scheme: Scheme,
    /// End of the scheme, without the colon.
    scheme_end: u16,
    user: Option<Range<u16>>,
    password: Option<Range<u16>>,
    host: Option<Host>,
    port: Option<u16>,
    /// Between the first `;` and `?` or the end, without the `;`.
    params: Option<Range<u16>>,
    /// After the `?`.
    headers: Option<Range<u16>>,
}

impl Uri {
    /// Parses any absolute URI; looks into `sip`, `sips` and `tel`.
    ///
    /// # Errors
    /// Those of [`UriError`]; nothing is repaired.
    pub fn parse(text: &str) -> Result<Self, UriError> {
        if text.len() > limits::URI_BYTES {
            return Err(UriError::TooLong);
        }
        if text.bytes().any(|b| b <= b' ' || b == 0x7f || b"<>\"".contains(&b)) {
            return Err(UriError::ForbiddenCharacter);
        }
        let colon = text.find(':').ok_or(UriError::NoScheme)?;
        let scheme = scheme_of(&text[..colon]).ok_or(UriError::NoScheme)?;
        let mut uri = Self {
            text: text.into(),
            scheme,
            scheme_end: narrow(colon),
            user: None,
            password: None,
            host: None,
            port: None,
            params: None,
            headers: None,
        };
        match scheme {
            Scheme::Sip | Scheme::Sips => uri.cut_sip(colon + 1)?,
            Scheme::Tel => uri.cut_tel(colon + 1)?,
            Scheme::Other if text.len() == colon + 1 => return Err(UriError::BadHost),
            Scheme::Other => {}
        }
        Ok(uri)
    }

    /// `sip:user@host[:port]`, the user escaped as needed. For URIs that we make ourselves.
    ///
    /// # Errors
    /// If `host` (with optional port) is none.
    pub fn sip(user: &str, host: &str) -> Result<Self, UriError> {
        let at = if user.is_empty() { "" } else { "@" };
        Self::parse(&format!("sip:{}{at}{host}", escape_user(user)))
    }

    /// The text as it came.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The kind of URI.
    pub fn scheme(&self) -> Scheme {
        self.scheme
    }

    /// The scheme's text as it came, without the colon.
    pub fn scheme_str(&self) -> &str {
        &self.text[..usize::from(self.scheme_end)]
    }

    /// Whether `sip` or `sips`.
    pub fn is_sip(&self) -> bool {
        matches!(self.scheme, Scheme::Sip | Scheme::Sips)
    }

    /// The user part as it came (escapes kept, its own parameters included, without password);
    /// of a `tel` URI, the number.
    pub fn user(&self) -> Option<&str> {
        self.part(&self.user)
    }

    /// The user part with escapes resolved; bytes that make no UTF-8 are replaced. Hostile text:
    /// it may hold anything, NUL and control characters included.
    pub fn user_plain(&self) -> Option<Cow<'_, str>> {
        self.user().map(unescape)
    }

    /// The password in the userinfo, as it came. RFC 3261 advises against using it.
    pub fn password(&self) -> Option<&str> {
        self.part(&self.password)
    }

    /// The host of a `sip` or `sips` URI.
    pub fn host(&self) -> Option<&Host> {
        self.host.as_ref()
    }

    /// The port, if written.
    pub fn port(&self) -> Option<u16> {
        self.port
    }

    /// Raw value of a URI parameter, name compared without case: `Some("")` for a flag such as
    /// `lr`. Of repeated ones the first.
    pub fn param(&self, name: &str) -> Option<&str> {
        self.params().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }

    /// All URI parameters in order, `""` where there is no value.
    pub fn params(&self) -> impl Iterator<Item = (&str, &str)> {
        let list = self.part(&self.params).unwrap_or_default();
        list.split(';').filter(|part| !part.is_empty()).map(|part| part.split_once('=').unwrap_or((part, "")))
    }

    /// The headers part after `?`, as it came.
    pub fn headers(&self) -> Option<&str> {
        self.part(&self.headers)
    }

    /// The headers part cut into names and values with escapes resolved.
    pub fn header_pairs(&self) -> impl Iterator<Item = (Cow<'_, str>, Cow<'_, str>)> {
        let list = self.headers().unwrap_or_default();
        let pairs = list.split('&').filter(|pair| !pair.is_empty());
        pairs.map(|pair| pair.split_once('=').unwrap_or((pair, ""))).map(|(n, v)| (unescape(n), unescape(v)))
    }

    /// The URI without its headers part: what may stand as Request-URI.
    pub fn without_headers(&self) -> Self {
        let mut uri = self.clone();
        if let Some(range) = uri.headers.take() {
            uri.text = self.text[..usize::from(range.start) - 1].into();
        }
        uri
    }

    /// Equivalence of RFC 3261 §19.1.4: scheme, host and parameter names without case, the user
    /// with case and escapes resolved; `user`, `ttl`, `method`, `maddr` and `transport` must be on
    /// both sides or none, other parameters only agree where both have them.
    pub fn equivalent(&self, other: &Self) -> bool {
        if self.scheme != other.scheme {
            return false;
        }
        match self.scheme {
            Scheme::Other => self.text == other.text,
            Scheme::Tel => tel_digits(self) == tel_digits(other) && self.params_agree(other),
            Scheme::Sip | Scheme::Sips => {
                self.user().map(unescape) == other.user().map(unescape)
                    && self.password().map(unescape) == other.password().map(unescape)
                    && self.host == other.host
                    && self.port == other.port
                    && self.params_agree(other)
                    && sorted_headers(self) == sorted_headers(other)
            }
        }
    }

    fn params_agree(&self, other: &Self) -> bool {
        const MUST_BE_ON_BOTH: [&str; 5] = ["user", "ttl", "method", "maddr", "transport"];
        // A name must not stand twice (§19.1.1); where it does, its first value counts.
        let one_way = |a: &Self, b: &Self| {
            a.params().all(|(name, _)| match (a.param(name), b.param(name)) {
                (Some(ours), Some(theirs)) => unescape(ours).eq_ignore_ascii_case(&unescape(theirs)),
                _ => !MUST_BE_ON_BOTH.iter().any(|must| name.eq_ignore_ascii_case(must)),
            })
        };
        one_way(self, other) && one_way(other, self)
    }

    fn part(&self, range: &Option<Range<u16>>) -> Option<&str> {
        range.as_ref().map(|r| &self.text[usize::from(r.start)..usize::from(r.end)])
    }

    /// `[userinfo@]hostport[;params][?headers]` from `start` on.
    fn cut_sip(&mut self, start: usize) -> Result<(), UriError> {
        let text: &str = &self.text;
        check_escapes(&text[start..])?;
        let mut at = start;
        if let Some(mark) = text[start..].find('@') {
            let info = &text[start..start + mark];
            let user_end = start + info.find(':').unwrap_or(mark);
            if user_end == start || !info.bytes().all(is_userinfo) {
                return Err(UriError::ForbiddenCharacter);
            }
            self.user = Some(span(start, user_end));
            if user_end < start + mark {
                self.password = Some(span(user_end + 1, start + mark));
            }
            at = start + mark + 1;
        }
        let host_end = at + text[at..].find([';', '?']).unwrap_or(text.len() - at);
        let (host, port) = host_port(&text[at..host_end])?;
        let mut end = text.len();
        if let Some(mark) = text[host_end..].find('?') {
            end = host_end + mark;
            self.headers = Some(span(end + 1, text.len()));
        }
        if end > host_end {
            check_params(&text[host_end + 1..end])?;
            self.params = Some(span(host_end + 1, end));
        }
        (self.host, self.port) = (Some(host), port);
        Ok(())
    }

    fn cut_tel(&mut self, start: usize) -> Result<(), UriError> {
        let text: &str = &self.text;
        let end = start + text[start..].find(';').unwrap_or(text.len() - start);
        let number = &text[start..end];
        let digits = number.strip_prefix('+').unwrap_or(number);
        let good = |b: u8| b.is_ascii_hexdigit() || b"-.()*#".contains(&b);
        if digits.is_empty() || !digits.bytes().all(good) {
            return Err(UriError::BadNumber);
        }
        check_escapes(&text[end..])?;
        if end < text.len() {
            check_params(&text[end + 1..])?;
            self.params = Some(span(end + 1, text.len()));
        }
        self.user = Some(span(start, end));
        Ok(())
    }
}

impl PartialEq for Uri {
    /// Octet for octet; see [`Uri::equivalent`] for the protocol's comparison.
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for Uri {}

impl Hash for Uri {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.text.hash(state);
    }
}

impl fmt::Display for Uri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for Uri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.text, f)
    }
}

impl std::str::FromStr for Uri {
    type Err = UriError;

    fn from_str(text: &str) -> Result<Self, UriError> {
        Self::parse(text)
    }
}

impl Host {
    /// A name, an IPv4 address, or an IPv6 address in brackets.
    ///
    /// # Errors
    /// [`UriError::BadHost`] for anything else.
    pub fn parse(text: &str) -> Result<Self, UriError> {
        if let Some(inner) = text.strip_prefix('[') {
            let inner = inner.strip_suffix(']').ok_or(UriError::BadHost)?;
            let ip: Ipv6Addr = inner.parse().map_err(|_| UriError::BadHost)?;
            return Ok(Self::Ip(ip.into()));
        }
        if let Ok(ip) = text.parse::<Ipv4Addr>() {
            return Ok(Self::Ip(ip.into()));
        }
        // '_' is no host character by the book, but Windows and container names have it.
        let good = |b: u8| b.is_ascii_alphanumeric() || b"-._".contains(&b);
        if text.is_empty() || text.len() > 253 || text.starts_with(['.', '-']) || !text.bytes().all(good) {
            return Err(UriError::BadHost);
        }
        Ok(Self::Name(text.to_ascii_lowercase().into()))
    }

    /// The address, if it is one.
    pub fn ip(&self) -> Option<IpAddr> {
        match self {
            Self::Ip(ip) => Some(*ip),
            Self::Name(_) => None,
        }
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => f.write_str(name),
            Self::Ip(IpAddr::V4(ip)) => write!(f, "{ip}"),
            Self::Ip(IpAddr::V6(ip)) => write!(f, "[{ip}]"),
        }
    }
}

/// `host [":" port]`; no spaces.
pub(crate) fn host_port(text: &str) -> Result<(Host, Option<u16>), UriError> {
    let after_host = if text.starts_with('[') {
        text.find(']').ok_or(UriError::BadHost)? + 1
    } else {
        text.find(':').unwrap_or(text.len())
    };
    let host = Host::parse(&text[..after_host])?;
    let port = match text[after_host..].strip_prefix(':') {
        Some(port) => Some(lex::number(port).ok_or(UriError::BadPort)?),
        None if after_host == text.len() => None,
        None => return Err(UriError::BadHost),
    };
    Ok((host, port))
}

/// Resolves `%xx`; bytes that make no UTF-8 are replaced by U+FFFD.
pub fn unescape(text: &str) -> Cow<'_, str> {
    if !text.contains('%') {
        return Cow::Borrowed(text);
    }
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, tail)) = rest.split_first() {
        let escaped = if byte == b'%' { tail.get(..2).and_then(hex_pair) } else { None };
        bytes.push(escaped.unwrap_or(byte));
        rest = if escaped.is_some() { &tail[2..] } else { tail };
    }
    Cow::Owned(String::from_utf8_lossy(&bytes).into_owned())
}

/// Escapes what may not stand in a user part.
pub fn escape_user(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for byte in text.bytes() {
        if is_userinfo(byte) && byte.is_ascii() && !b"%:".contains(&byte) {
            escaped.push(char::from(byte));
        } else {
            escaped.push_str(&format!("%{byte:02X}"));
        }
    }
    escaped
}

fn scheme_of(text: &str) -> Option<Scheme> {
    let letters = |b: u8| b.is_ascii_alphanumeric() || b"+-.".contains(&b);
    let first = text.bytes().next()?;
    if !first.is_ascii_alphabetic() || !text.bytes().all(letters) {
        return None;
    }
    Some(match text {
        _ if text.eq_ignore_ascii_case("sip") => Scheme::Sip,
        _ if text.eq_ignore_ascii_case("sips") => Scheme::Sips,
        _ if text.eq_ignore_ascii_case("tel") => Scheme::Tel,
        _ => Scheme::Other,
    })
}

/// `unreserved / escaped / user-unreserved / password characters`; raw UTF-8 is let through since
/// some phones write it, and `#`, which dial pads send for feature codes.
fn is_userinfo(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-_.!~*'()%&=+$,;?/:#".contains(&byte) || byte >= 0x80
}

fn check_params(list: &str) -> Result<(), UriError> {
    if list.split(';').count() > limits::PARAMS {
        return Err(UriError::BadParameter);
    }
    let good = |b: u8| b.is_ascii_alphanumeric() || b"-_.!~*'()%[]/:&+$@,".contains(&b) || b >= 0x80;
    for part in list.split(';') {
        let (name, value) = part.split_once('=').unwrap_or((part, ""));
        if name.is_empty() || !name.bytes().all(good) || !value.bytes().all(|b| good(b) || b == b'=') {
            return Err(UriError::BadParameter);
        }
    }
    Ok(())
}

fn check_escapes(text: &str) -> Result<(), UriError> {
    let bytes = text.as_bytes();
    for at in memchr::memchr_iter(b'%', bytes) {
        bytes.get(at + 1..at + 3).and_then(hex_pair).ok_or(UriError::BadEscape)?;
    }
    Ok(())
}

fn hex_pair(pair: &[u8]) -> Option<u8> {
    let digit = |b: u8| char::from(b).to_digit(16);
    let value = digit(*pair.first()?)? * 16 + digit(*pair.get(1)?)?;
    u8::try_from(value).ok()
}

/// The number without visual separators (RFC 3966 §3).
fn tel_digits(uri: &Uri) -> String {
    let number = uri.user().unwrap_or_default();
    number.chars().filter(|c| !"-.()".contains(*c)).map(|c| c.to_ascii_lowercase()).collect()
}

fn sorted_headers(uri: &Uri) -> Vec<(String, String)> {
    let lower = |(n, v): (Cow<'_, str>, Cow<'_, str>)| (n.to_ascii_lowercase(), v.into_owned());
    let mut pairs: Vec<_> = uri.header_pairs().map(lower).collect();
    pairs.sort();
    pairs
}

fn narrow(at: usize) -> u16 {
    u16::try_from(at).expect("URI_BYTES is below 65,536 and was checked first")
}

fn span(start: usize, end: usize) -> Range<u16> {
    narrow(start)..narrow(end)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use proptest::prelude::*;

    use super::*;

    fn uri(text: &str) -> Uri {
        Uri::parse(text).unwrap_or_else(|e| panic!("{text}: {e}"))
    }

    #[test]
    fn parts_are_found_and_text_is_kept() {
        let u = uri("SIP:b%23ob;x=1:pw@Example.COM:5070;LR;maddr=1.2.3.4?Subject=a%20b&X=");
        assert_eq!(u.as_str(), "SIP:b%23ob;x=1:pw@Example.COM:5070;LR;maddr=1.2.3.4?Subject=a%20b&X=");
        assert_eq!(u.scheme(), Scheme::Sip);
        assert_eq!(u.user(), Some("b%23ob;x=1"));
        assert_eq!(u.user_plain().as_deref(), Some("b#ob;x=1"));
        assert_eq!(u.password(), Some("pw"));
        assert_eq!(u.host().unwrap().to_string(), "example.com");
        assert_eq!(u.port(), Some(5070));
        assert_eq!(u.param("lr"), Some(""));
        assert_eq!(u.param("MADDR"), Some("1.2.3.4"));
        assert_eq!(u.header_pairs().next().unwrap().1, "a b");
        assert!(!u.without_headers().as_str().contains('?'));
    }

    #[test]
    fn crazy_user_of_rfc_4475_parses() {
        let u = uri(
            "sip:1_unusual.URI~(to-be!sure)&isn't+it$/crazy?,/;;*:&it+has=1,weird!*pas$wo~d_too.(doesn't-it)@example.com",
        );
        assert_eq!(u.user(), Some("1_unusual.URI~(to-be!sure)&isn't+it$/crazy?,/;;*"));
        assert_eq!(u.password(), Some("&it+has=1,weird!*pas$wo~d_too.(doesn't-it)"));
    }

    #[test]
    fn addresses() {
        assert_eq!(uri("sip:[2001:db8::10]:5070").port(), Some(5070));
        assert_eq!(uri("sip:a@[::ffff:192.0.2.10]").host().unwrap().ip(), Some("::ffff:192.0.2.10".parse().unwrap()));
        assert_eq!(uri("sip:192.0.2.1").host().unwrap().ip(), Some("192.0.2.1".parse().unwrap()));
        for bad in
            ["sip:2001:db8::10", "sip:[2001:db8::10", "sip:[2001:db8::10]x", "sip:[fe80::1%25eth0]", "sip:[1.2.3.4]"]
        {
            assert!(Uri::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn the_bad_ones_are_refused() {
        for bad in [
            "",
            "sip",
            "sip:",
            ":a",
            "1sip:a",
            "sip:@h",
            "sip:a@",
            "sip:a b@h",
            "sip:a@h:99999",
            "sip:a@h:-1",
            "sip:a@h:",
            "sip:a%2@h",
            "sip:a%zz@h",
            "sip:a@h;",
            "sip:a@h;;x",
            "sip:a@h;=x",
            "<sip:a@h>",
            "sip:a\0@h",
            "sip:a@b@c",
            "sip:a@h\r\nX: y",
            "tel:",
            "tel:+",
            "tel:12x",
            "isbn:",
        ] {
            assert!(Uri::parse(bad).is_err(), "{bad:?}");
        }
        assert_eq!(Uri::parse(&format!("sip:{}@h", "a".repeat(5000))), Err(UriError::TooLong));
    }

    #[test]
    fn unknown_schemes_are_opaque() {
        let u = uri("soap.beep://192.0.2.103:3002");
        assert_eq!((u.scheme(), u.scheme_str(), u.host()), (Scheme::Other, "soap.beep", None));
        assert_eq!(uri("tel:+86-371-12345;phone-context=x").user(), Some("+86-371-12345"));
    }

    #[test]
    fn equivalence_table_of_rfc_3261() {
        let same = [
            ("sip:%61lice@atlanta.com;transport=TCP", "sip:alice@AtLanTa.CoM;Transport=tcp"),
            ("sip:carol@chicago.com", "sip:carol@chicago.com;newparam=5"),
            (
                "sip:biloxi.com;transport=tcp;method=REGISTER?to=sip:bob%40biloxi.com",
                "sip:biloxi.com;method=REGISTER;transport=tcp?to=sip:bob%40biloxi.com",
            ),
            (
                "sip:alice@atlanta.com?subject=project%20x&priority=urgent",
                "sip:alice@atlanta.com?priority=urgent&subject=project%20x",
            ),
            ("tel:+86-371-1", "tel:+863711"),
        ];
        for (a, b) in same {
            assert!(uri(a).equivalent(&uri(b)), "{a} {b}");
        }
        let different = [
            ("SIP:ALICE@AtLanTa.CoM;Transport=udp", "sip:alice@AtLanTa.CoM;Transport=UDP"),
            ("sip:bob@biloxi.com", "sip:bob@biloxi.com:5060"),
            ("sip:bob@biloxi.com", "sip:bob@biloxi.com;transport=udp"),
            ("sip:carol@chicago.com;security=on", "sip:carol@chicago.com;security=off"),
            ("sip:carol@chicago.com", "sip:carol@chicago.com?Subject=next%20meeting"),
            ("sip:a@h", "sips:a@h"),
        ];
        for (a, b) in different {
            assert!(!uri(a).equivalent(&uri(b)), "{a} {b}");
        }
    }

    #[test]
    fn made_uris_escape_their_user() {
        assert_eq!(Uri::sip("a b@c:%\r\n", "h:5060").unwrap().as_str(), "sip:a%20b%40c%3A%25%0D%0A@h:5060");
        assert_eq!(Uri::sip("", "h").unwrap().as_str(), "sip:h");
    }

    proptest! {
        #[test]
        fn any_text_is_kept_or_refused(text in "(sip:|sips:|tel:|)[ -~é]{0,40}") {
            if let Ok(u) = Uri::parse(&text) {
                prop_assert_eq!(u.as_str(), &text);
                prop_assert!(u.equivalent(&u));
                let _ = (u.user_plain(), u.headers(), u.without_headers(), u.params().count());
            }
        }

        #[test]
        fn any_user_goes_round(user in any::<String>()) {
            prop_assume!(!user.is_empty() && user.len() < 400);
            let made = Uri::sip(&user, "h").unwrap();
            let plain = made.user_plain();
            prop_assert_eq!(plain.as_deref(), Some(user.as_str()));
        }
    }
}
