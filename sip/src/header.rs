//! Typed header values (RFC 3261 §20, §25). Parsed when asked for; what is forwarded stays bytes.

use std::{
    borrow::Cow,
    fmt,
    net::{IpAddr, SocketAddr},
};

use crate::{
    Method, lex, limits,
    uri::{self, Host, Uri, UriError},
};

/// A header value that cannot be read: which header, and what is wrong with it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{name}: {problem}")]
pub struct HeaderError {
    /// The header's long name.
    pub name: &'static str,
    /// What is wrong.
    pub problem: Problem,
}

/// What can be wrong with a header value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[allow(missing_docs)] // each variant's text says it
pub enum Problem {
    #[error("header is missing")]
    Missing,
    #[error("header may stand only once")]
    Repeated,
    #[error("value is malformed")]
    Malformed,
    #[error("quoted string or angle bracket does not end")]
    Unbalanced,
    #[error("display name must be quoted")]
    BadDisplayName,
    #[error("a URI with '?' or ',' must be in angle brackets")]
    NeedsBrackets,
    #[error("parameter is malformed or repeated")]
    BadParameter,
    #[error("list has more than {} values", limits::LIST_ITEMS)]
    TooMany,
    #[error("number is malformed or out of range")]
    BadNumber,
    #[error("'*' must be the only Contact")]
    StarNotAlone,
    #[error(transparent)]
    Uri(#[from] UriError),
}

/// Parameters of a header value, in order; names compare without case, values are as they came
/// (quotes included).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Params(Vec<(Box<str>, Option<Box<str>>)>);

impl Params {
    /// Parses `a=b;c;d="e"`; an empty text gives none.
    pub(crate) fn parse(text: &str) -> Result<Self, Problem> {
        let mut params = Self::default();
        if lex::trim(text).is_empty() {
            return Ok(params);
        }
        for part in lex::split(text, b';').ok_or(Problem::Unbalanced)? {
            let (name, value) = match part.split_once('=') {
                Some((name, value)) => (lex::trim(name), Some(lex::trim(value))),
                None => (part, None),
            };
            let value_is_good = value.is_none_or(is_readable_value);
            if !lex::is_token(name) || !value_is_good || params.has(name) || params.0.len() == limits::PARAMS {
                return Err(Problem::BadParameter);
            }
            params.0.push((name.into(), value.map(Into::into)));
        }
        Ok(params)
    }

    /// Raw value: `Some("")` for a parameter without one.
    pub fn get(&self, name: &str) -> Option<&str> {
        let found = self.0.iter().find(|(key, _)| key.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_deref().unwrap_or_default())
    }

    /// Value with quotes and escapes resolved.
    pub fn plain(&self, name: &str) -> Option<String> {
        self.get(name).map(lex::unquote)
    }

    /// Whether the parameter is there, with a value or not.
    pub fn has(&self, name: &str) -> bool {
        self.get(name).is_some()
    }

    /// Sets or adds; the value is quoted if it is no token.
    pub fn set(&mut self, name: &str, value: Option<&str>) {
        let value = value.map(|v| if is_param_value(v) { v.into() } else { lex::quote(v).into() });
        match self.0.iter_mut().find(|(key, _)| key.eq_ignore_ascii_case(name)) {
            Some(entry) => entry.1 = value,
            None => self.0.push((name.into(), value)),
        }
    }

    /// Takes the parameter out.
    pub fn remove(&mut self, name: &str) {
        self.0.retain(|(key, _)| !key.eq_ignore_ascii_case(name));
    }

    /// All in order, `None` where there is no value.
    pub fn iter(&self) -> impl Iterator<Item = (&str, Option<&str>)> {
        self.0.iter().map(|(name, value)| (&**name, value.as_deref()))
    }
}

impl fmt::Display for Params {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, value) in self.iter() {
            write!(f, ";{name}")?;
            if let Some(value) = value {
                write!(f, "={value}")?;
            }
        }
        Ok(())
    }
}

/// `[display-name] <uri>` with parameters: From, To, Contact, Route, Refer-To and their kin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NameAddr {
    /// Display name, escapes resolved. Hostile text.
    pub display: Option<String>,
    /// The address.
    pub uri: Uri,
    /// Header parameters (`tag`, `expires`, `q`, …), not those of the URI.
    pub params: Params,
}

impl NameAddr {
    /// An address without display name and parameters.
    pub fn new(uri: Uri) -> Self {
        Self { display: None, uri, params: Params::default() }
    }

    /// The same with a display name.
    #[must_use]
    pub fn with_display(mut self, display: &str) -> Self {
        self.display = (!display.is_empty()).then(|| display.to_owned());
        self
    }

    /// The same with a parameter set.
    #[must_use]
    pub fn with_param(mut self, name: &str, value: &str) -> Self {
        self.params.set(name, (!value.is_empty()).then_some(value));
        self
    }

    /// Parses one value.
    ///
    /// # Errors
    /// The [`Problem`]; nothing is repaired.
    pub fn parse(text: &str) -> Result<Self, Problem> {
        let text = lex::trim(text);
        match lex::find(text, b'<').ok_or(Problem::Unbalanced)? {
            Some(open) => Self::bracketed(text, open),
            None => Self::bare(text),
        }
    }

    /// The `tag` parameter.
    pub fn tag(&self) -> Option<&str> {
        self.params.get("tag").filter(|tag| !tag.is_empty())
    }

    fn bracketed(text: &str, open: usize) -> Result<Self, Problem> {
        let close = open + text[open..].find('>').ok_or(Problem::Unbalanced)?;
        let display = display_name(lex::trim(&text[..open]))?;
        let rest = lex::trim(&text[close + 1..]);
        let params = match rest.strip_prefix(';') {
            Some(params) => Params::parse_some(params)?,
            None if rest.is_empty() => Params::default(),
            None => return Err(Problem::Malformed),
        };
        Ok(Self { display, uri: Uri::parse(&text[open + 1..close])?, params })
    }

    /// `addr-spec` without brackets: what follows a `;` belongs to the header (RFC 3261 §20.10).
    fn bare(text: &str) -> Result<Self, Problem> {
        let (addr, params) = match text.split_once(';') {
            Some((addr, params)) => (lex::trim(addr), Params::parse_some(params)?),
            None => (text, Params::default()),
        };
        if addr.contains(['?', ',']) {
            return Err(Problem::NeedsBrackets);
        }
        Ok(Self { display: None, uri: Uri::parse(addr)?, params })
    }
}

impl Params {
    /// As [`Params::parse`], but after a `;` there must be something.
    fn parse_some(text: &str) -> Result<Self, Problem> {
        if lex::trim(text).is_empty() {
            return Err(Problem::BadParameter);
        }
        Self::parse(text)
    }
}

impl fmt::Display for NameAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(display) = &self.display {
            write!(f, "{} ", lex::quote(display))?;
        }
        write!(f, "<{}>{}", self.uri, self.params)
    }
}

/// One Via value (RFC 3261 §20.42).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Via {
    /// `UDP`, `TCP`, `TLS`, `WS`, `WSS` or another token, as it came.
    pub transport: Box<str>,
    /// The sent-by host.
    pub host: Host,
    /// The sent-by port, if written.
    pub port: Option<u16>,
    /// `branch`, `received`, `rport`, …
    pub params: Params,
}

impl Via {
    /// What every branch since RFC 3261 begins with.
    pub const MAGIC_COOKIE: &str = "z9hG4bK";

    /// Parses one value; white space around the slashes and the colon is allowed by the grammar.
    ///
    /// # Errors
    /// The [`Problem`].
    pub fn parse(text: &str) -> Result<Self, Problem> {
        let (head, params) = match text.split_once(';') {
            Some((head, params)) => (head, Params::parse_some(params)?),
            None => (text, Params::default()),
        };
        let mut parts = head.splitn(3, '/').map(lex::trim);
        let (Some(protocol), Some(version), Some(rest)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(Problem::Malformed);
        };
        let (transport, sent_by) = rest.split_once([' ', '\t']).ok_or(Problem::Malformed)?;
        if !protocol.eq_ignore_ascii_case("SIP") || version != "2.0" || !lex::is_token(transport) {
            return Err(Problem::Malformed);
        }
        // `host : port` may have spaces around the colon, and nowhere else.
        let sent_by: String = match sent_by.rsplit_once(':') {
            Some((host, port)) if !port.contains(']') => {
                format!("{}:{}", lex::trim(host), lex::trim(port))
            }
            _ => lex::trim(sent_by).to_owned(),
        };
        let (host, port) = uri::host_port(&sent_by)?;
        Ok(Self { transport: transport.into(), host, port, params })
    }

    /// The branch; `None` if absent or empty.
    pub fn branch(&self) -> Option<&str> {
        self.params.get("branch").filter(|branch| !branch.is_empty())
    }

    /// Whether the branch is one of RFC 3261, with something after the magic cookie.
    pub fn has_magic_cookie(&self) -> bool {
        let cookie = Self::MAGIC_COOKIE.as_bytes();
        let branch = self.branch().unwrap_or_default().as_bytes();
        branch.len() > cookie.len() && branch[..cookie.len()].eq_ignore_ascii_case(cookie)
    }

    /// Sent-by as a comparable text, the port only if written.
    pub fn sent_by(&self) -> String {
        let port = self.port.map(|port| format!(":{port}")).unwrap_or_default();
        format!("{}{port}", self.host)
    }

    /// Notes the address from which the request came (RFC 3261 §18.2.1, RFC 3581 §4). What the
    /// sender claimed about itself is replaced. Returns whether anything changed.
    pub fn stamp(&mut self, source: SocketAddr) -> bool {
        let before = self.params.clone();
        let source_ip = source.ip().to_canonical();
        self.params.remove("received");
        let has_rport = self.params.has("rport");
        if has_rport {
            self.params.set("rport", Some(&source.port().to_string()));
        }
        if has_rport || self.host.ip().map(|ip| ip.to_canonical()) != Some(source_ip) {
            self.params.set("received", Some(&source_ip.to_string()));
        }
        self.params != before
    }

    /// Where the answer to a datagram request goes: the source port if the client asked for it
    /// with `rport`, else the Via's port, in both cases at the source's address. `maddr` is not
    /// obeyed: it would aim our answers at third parties.
    pub fn answer_address(&self, source: SocketAddr) -> SocketAddr {
        if self.params.has("rport") {
            return source;
        }
        SocketAddr::new(source.ip(), self.port.unwrap_or(5060))
    }

    /// The `received` address, with or without brackets (RFC 5118 §4.5).
    pub fn received(&self) -> Option<IpAddr> {
        self.params.get("received")?.trim_matches(['[', ']']).parse().ok()
    }
}

impl fmt::Display for Via {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SIP/2.0/{} {}{}", self.transport, self.sent_by(), self.params)
    }
}

/// Sequence number and method of a transaction (RFC 3261 §20.16).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct CSeq {
    /// 0 to 2³¹−1.
    pub number: u32,
    /// Must be the request's method.
    pub method: Method,
}

impl CSeq {
    /// Largest sequence number (RFC 3261 §8.1.1.5).
    pub const MAX: u32 = (1 << 31) - 1;

    /// Parses `number LWS method`.
    ///
    /// # Errors
    /// The [`Problem`].
    pub fn parse(text: &str) -> Result<Self, Problem> {
        let (number, method) = lex::trim(text).split_once([' ', '\t']).ok_or(Problem::Malformed)?;
        let number = lex::number(number).filter(|n| *n <= Self::MAX).ok_or(Problem::BadNumber)?;
        let method = Method::parse(lex::trim(method)).ok_or(Problem::Malformed)?;
        Ok(Self { number, method })
    }
}

impl fmt::Display for CSeq {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.number, self.method)
    }
}

/// The Contact headers of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Contacts {
    /// `Contact: *`, only in a REGISTER that removes everything.
    Star,
    /// The addresses, possibly none.
    List(Vec<NameAddr>),
}

/// A delay in seconds as in Expires: too large becomes the largest (RFC 3261 §20.19).
pub(crate) fn delta_seconds(text: &str) -> Option<u32> {
    let text = lex::trim(text);
    let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    digits.then(|| text.parse().unwrap_or(u32::MAX))
}

/// A value as text: folds become one space, bytes that are no UTF-8 become U+FFFD.
pub(crate) fn unfold(raw: &[u8]) -> Cow<'_, str> {
    if memchr::memchr(b'\r', raw).is_none() {
        let text = String::from_utf8_lossy(raw);
        return match text {
            Cow::Borrowed(text) => Cow::Borrowed(lex::trim(text)),
            Cow::Owned(text) => Cow::Owned(lex::trim(&text).to_owned()),
        };
    }
    let text = String::from_utf8_lossy(raw);
    let lines = text.split("\r\n").map(lex::trim).filter(|line| !line.is_empty());
    Cow::Owned(lines.collect::<Vec<_>>().join(" "))
}

/// `token / host / quoted-string`, as we write it.
fn is_param_value(text: &str) -> bool {
    if text.starts_with('"') {
        return lex::quoted_len(text) == Some(text.len());
    }
    let good = |b: u8| lex::is_token_byte(b) || b"[]:@/&$?#=".contains(&b);
    !text.is_empty() && text.bytes().all(good)
}

/// A value as we read it: whatever leaves the structure alone. Phones put all sorts into
/// parameters of their own.
fn is_readable_value(text: &str) -> bool {
    let good = |b: u8| b >= 0x80 || (b.is_ascii_graphic() && !b"\";,<>\\".contains(&b));
    is_param_value(text) || (!text.is_empty() && text.bytes().all(good))
}

/// Nothing, a quoted string, or words. Unquoted letters outside ASCII and signs are let through:
/// phones send names so; what would change the structure is not.
fn display_name(text: &str) -> Result<Option<String>, Problem> {
    if text.is_empty() {
        return Ok(None);
    }
    if text.starts_with('"') {
        let whole = lex::quoted_len(text) == Some(text.len());
        let name = lex::unquote(text);
        return if whole { Ok((!name.is_empty()).then_some(name)) } else { Err(Problem::Malformed) };
    }
    let good = |b: u8| b >= 0x80 || b == b'\t' || (b' '..0x7f).contains(&b) && !b"\";,<>\\".contains(&b);
    if text.bytes().all(good) { Ok(Some(text.to_owned())) } else { Err(Problem::BadDisplayName) }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn name_addr_forms() {
        let a = NameAddr::parse(r#""J \"R\" \\" <sip:a@h;lr?x=y>;tag=1;q = 0.33"#).unwrap();
        assert_eq!(a.display.as_deref(), Some(r#"J "R" \"#));
        assert_eq!((a.tag(), a.params.get("q"), a.uri.param("lr")), (Some("1"), Some("0.33"), Some("")));
        assert_eq!(NameAddr::parse(&a.to_string()).unwrap(), a);
        let bare = NameAddr::parse("sip:vivekg@example.com ;   tag    = 1918181833n").unwrap();
        assert_eq!((bare.tag(), bare.uri.as_str()), (Some("1918181833n"), "sip:vivekg@example.com"));
        let words = NameAddr::parse("token1~` token2'+_ token3*%!.- <sip:mundane@example.com>").unwrap();
        assert_eq!(words.display.as_deref(), Some("token1~` token2'+_ token3*%!.-"));
        assert_eq!(NameAddr::parse("张三 <sip:a@h>").unwrap().display.as_deref(), Some("张三"));
        assert_eq!(NameAddr::parse(r#""" <sip:a@h>"#).unwrap().display, None);
    }

    #[test]
    fn name_addr_refusals() {
        for bad in [
            "",
            "<sip:a@h",
            "\"open <sip:a@h>",
            "Bell, Alexander <sip:a@h>",
            "\"W\" < sip:a@h >",
            "sip:a@h?Route=x",
            "<sip:a@h>x",
            "<sip:a@h>;",
            "<sip:a@h>;;tag=1",
            "<sip:a@h>;tag=1;TAG=2",
            "<sip:a@h>;tag=\"x",
            "<sip:a@h>;tag=a b",
            "a\"b\" <sip:a@h>",
        ] {
            assert!(NameAddr::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn via_with_spaces_and_ipv6() {
        let v = Via::parse("SIP  /   2.0  /UDP    192.0.2.2;rport;branch=390skdjuw").unwrap();
        assert_eq!((&*v.transport, v.sent_by().as_str(), v.has_magic_cookie()), ("UDP", "192.0.2.2", false));
        let v = Via::parse("SIP/2.0/TLS [2001:db8::9:1]:5061;received=[2001:db8::9:255];branch=z9hG4bKas3").unwrap();
        assert_eq!((v.port, v.received()), (Some(5061), Some("2001:db8::9:255".parse().unwrap())));
        assert!(v.has_magic_cookie());
        assert_eq!(Via::parse("SIP/2.0/UDP first.example.com : 4000;ttl=16").unwrap().port, Some(4000));
        assert_eq!(
            Via::parse("SIP/2.0/UDP [::1];received=::2;branch=x").unwrap().received(),
            Some("::2".parse().unwrap())
        );
        for bad in [
            "",
            "SIP/2.0/UDP",
            "SIP/2.0/UDP ;branch=x",
            "SIP/3.0/UDP h",
            "HTTP/2.0/UDP h",
            "SIP/2.0/UDP h;;,;,,",
            "SIP/2.0/UDP h:99999",
            "SIP/2.0/UDP a b",
        ] {
            assert!(Via::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_lone_cookie_is_no_branch_of_3261() {
        assert!(!Via::parse("SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK").unwrap().has_magic_cookie());
    }

    #[test]
    fn source_is_stamped_and_claims_are_replaced() {
        let source: SocketAddr = "203.0.113.9:40000".parse().unwrap();
        let mut v = Via::parse("SIP/2.0/UDP 10.0.0.1:5062;rport;branch=z9hG4bKa;received=1.1.1.1").unwrap();
        assert!(v.stamp(source));
        assert_eq!((v.params.get("received"), v.params.get("rport")), (Some("203.0.113.9"), Some("40000")));
        assert_eq!(v.answer_address(source), source);
        let mut v = Via::parse("SIP/2.0/UDP 10.0.0.1:5062;branch=z9hG4bKa").unwrap();
        assert!(v.stamp(source));
        assert_eq!(v.answer_address(source), "203.0.113.9:5062".parse().unwrap());
        let mut v = Via::parse("SIP/2.0/UDP 203.0.113.9;branch=z9hG4bKa;maddr=9.9.9.9").unwrap();
        assert!(!v.stamp(source));
        assert_eq!(v.answer_address(source), "203.0.113.9:5060".parse().unwrap());
    }

    #[test]
    fn cseq_bounds() {
        assert_eq!(CSeq::parse("0009   INVITE").unwrap().number, 9);
        assert_eq!(CSeq::parse("2147483647 X").unwrap().method, Method::Other("X".into()));
        for bad in ["", "1", "1INVITE", "-1 INVITE", "2147483648 INVITE", "36893488147419103232 REGISTER", "1 IN VITE"]
        {
            assert!(CSeq::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn folds_become_spaces_and_wrong_bytes_are_replaced() {
        assert_eq!(unfold(b" a\r\n  b\r\n\t c "), "a b c");
        assert_eq!(unfold(b"\xd5\xc5"), "\u{fffd}\u{fffd}");
        assert_eq!(delta_seconds("99999999999999999999"), Some(u32::MAX));
        assert_eq!(delta_seconds("-1"), None);
    }

    proptest! {
        #[test]
        fn no_text_panics_and_what_parses_prints_and_parses(text in "[ -~é\t]{0,60}") {
            if let Ok(a) = NameAddr::parse(&text) {
                prop_assert_eq!(NameAddr::parse(&a.to_string()).unwrap(), a);
            }
            if let Ok(v) = Via::parse(&text) {
                prop_assert_eq!(Via::parse(&v.to_string()).unwrap(), v);
            }
            let _ = CSeq::parse(&text);
        }

        #[test]
        fn any_display_name_is_contained(display in any::<String>()) {
            let a = NameAddr::new(Uri::parse("sip:a@h").unwrap()).with_display(&display).with_param("p", &display);
            let text = a.to_string();
            prop_assert!(!text.contains(['\r', '\n', '\0']));
            prop_assert_eq!(NameAddr::parse(&text).unwrap().uri, a.uri);
        }
    }
}
