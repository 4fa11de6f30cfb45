//! Session descriptions (RFC 8866): parsed into lines that are kept, read by typed questions.
//!
//! Lines that nobody here knows stay where they were. [`negotiate`] holds offer and answer for
//! audio (RFC 3264). Must not know SIP messages or sockets.

use std::{
    fmt,
    net::{IpAddr, SocketAddr},
};

use crate::{lex, limits};

pub mod negotiate;

pub use negotiate::{Agreed, AudioCodec, Mismatch, Ours, Security, accept_answer, negotiate_audio, offer_audio};

/// Why a text is no session description.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[allow(missing_docs)] // each variant's text says it
pub enum SdpError {
    #[error("SDP is longer than {} bytes or {} lines", limits::SDP_BYTES, limits::SDP_LINES)]
    TooLong,
    #[error("SDP must begin with v=0")]
    BadVersion,
    #[error("line {0} is not of the form x=…")]
    BadLine(usize),
    #[error("line {0}: m= needs kind, port, protocol and formats")]
    BadMedia(usize),
    #[error("SDP has more than {} media", limits::SDP_MEDIA)]
    TooManyMedia,
    #[error("o= is missing or malformed")]
    BadOrigin,
}

/// One line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// The letter before `=`.
    pub kind: char,
    /// What follows, without line end.
    pub value: String,
}

impl Line {
    /// A line. Line ends in the value become spaces.
    pub fn new(kind: char, value: impl Into<String>) -> Self {
        let value: String = value.into();
        Self { kind, value: if value.contains(['\r', '\n']) { value.replace(['\r', '\n'], " ") } else { value } }
    }

    /// `a=name` or `a=name:value`.
    pub fn attribute(name: &str, value: &str) -> Self {
        let colon = if value.is_empty() { "" } else { ":" };
        Self::new('a', format!("{name}{colon}{value}"))
    }
}

/// A session description.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sdp {
    /// The lines before the first medium, `v=` included.
    pub session: Vec<Line>,
    /// The media in order.
    pub media: Vec<Media>,
}

/// One medium: its `m=` line and what follows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Media {
    /// `audio`, `video`, `application`, ….
    pub kind: String,
    /// 0: refused or off.
    pub port: u16,
    /// The number of ports, if written.
    pub ports: Option<u16>,
    /// `RTP/AVP`, `UDP/TLS/RTP/SAVPF`, ….
    pub protocol: String,
    /// Payload types, as text.
    pub formats: Vec<String>,
    /// The lines that follow.
    pub lines: Vec<Line>,
}

/// Which way media flow, seen by who wrote it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
#[allow(missing_docs)]
pub enum Direction {
    #[default]
    SendRecv,
    SendOnly,
    RecvOnly,
    Inactive,
}

impl Direction {
    const ALL: [Self; 4] = [Self::SendRecv, Self::SendOnly, Self::RecvOnly, Self::Inactive];

    /// From what is sent and received.
    pub fn new(sends: bool, receives: bool) -> Self {
        match (sends, receives) {
            (true, true) => Self::SendRecv,
            (true, false) => Self::SendOnly,
            (false, true) => Self::RecvOnly,
            (false, false) => Self::Inactive,
        }
    }

    /// The attribute's name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::SendRecv => "sendrecv",
            Self::SendOnly => "sendonly",
            Self::RecvOnly => "recvonly",
            Self::Inactive => "inactive",
        }
    }

    /// Whether who wrote it sends.
    pub fn sends(self) -> bool {
        matches!(self, Self::SendRecv | Self::SendOnly)
    }

    /// Whether who wrote it receives.
    pub fn receives(self) -> bool {
        matches!(self, Self::SendRecv | Self::RecvOnly)
    }

    /// The same seen from the other side.
    #[must_use]
    pub fn reversed(self) -> Self {
        Self::new(self.receives(), self.sends())
    }

    /// What both allow.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self::new(self.sends() && other.sends(), self.receives() && other.receives())
    }
}

/// A payload type and what it means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Codec {
    /// Payload type, 0 to 127.
    pub payload: u8,
    /// Encoding name as it came.
    pub name: String,
    /// Clock rate in Hz.
    pub clock: u32,
    /// Channels; 1 where nothing is said.
    pub channels: u8,
    /// Format parameters.
    pub fmtp: Option<String>,
}

/// The `o=` line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    /// User name, `-` for none.
    pub username: String,
    /// Session id.
    pub id: u64,
    /// Counted up with each change.
    pub version: u64,
    /// Address; only to make it unique.
    pub address: String,
}

/// A transport address of ICE (RFC 8839 §5.1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// Equal for candidates of one kind and base.
    pub foundation: String,
    /// 1 RTP, 2 RTCP.
    pub component: u16,
    /// `udp` or `tcp`, lower-cased.
    pub transport: String,
    /// Higher is better.
    pub priority: u32,
    /// An IP address, or a `.local` name of a browser that hides it.
    pub host: String,
    /// Port.
    pub port: u16,
    /// `host`, `srflx`, `prflx` or `relay`.
    pub kind: String,
}

impl Sdp {
    /// Parses. Lines may end in CR LF or LF; bytes that are no UTF-8 (session names in GBK) are
    /// replaced.
    ///
    /// # Errors
    /// [`SdpError`].
    pub fn parse(bytes: &[u8]) -> Result<Self, SdpError> {
        if bytes.len() > limits::SDP_BYTES {
            return Err(SdpError::TooLong);
        }
        let text = String::from_utf8_lossy(bytes);
        let mut sdp = Self { session: Vec::new(), media: Vec::new() };
        for (index, line) in text.lines().enumerate() {
            if index == limits::SDP_LINES {
                return Err(SdpError::TooLong);
            }
            let line = line.trim_end_matches(['\r', ' ', '\0']);
            if !line.is_empty() {
                sdp.add(line, index + 1)?;
            }
        }
        let first = sdp.session.first().ok_or(SdpError::BadVersion)?;
        if (first.kind, first.value.as_str()) != ('v', "0") {
            return Err(SdpError::BadVersion);
        }
        sdp.origin().ok_or(SdpError::BadOrigin)?;
        Ok(sdp)
    }

    /// `o=`; `None` only if the lines were edited.
    pub fn origin(&self) -> Option<Origin> {
        let value = &self.session.iter().find(|line| line.kind == 'o')?.value;
        let parts: Vec<&str> = value.split_ascii_whitespace().collect();
        let [username, id, version, _, _, address] = parts[..] else {
            return None;
        };
        // Longer numbers than 64 bits are met; only equality matters.
        let number = |text: &str| text.bytes().all(|b| b.is_ascii_digit()).then(|| text.parse().unwrap_or(u64::MAX));
        Some(Origin { username: username.into(), id: number(id)?, version: number(version)?, address: address.into() })
    }

    /// Where the medium is to be sent: its own `c=`, else the session's. A multicast suffix is
    /// cut off; a name gives `None`.
    pub fn address(&self, media: &Media) -> Option<IpAddr> {
        let line = media.lines.iter().chain(&self.session).find(|line| line.kind == 'c')?;
        let address = line.value.split_ascii_whitespace().nth(2)?;
        address.split('/').next()?.parse().ok()
    }

    /// Where the medium's RTP is to be sent; `None` if refused or by a name.
    pub fn rtp(&self, media: &Media) -> Option<SocketAddr> {
        let address = self.address(media)?;
        (media.port != 0).then(|| SocketAddr::new(address, media.port))
    }

    /// Where the medium's RTCP is to be sent: `a=rtcp`, the RTP port with `a=rtcp-mux`, else the
    /// port above it.
    pub fn rtcp(&self, media: &Media) -> Option<SocketAddr> {
        let rtp = self.rtp(media)?;
        if media.has("rtcp-mux") {
            return Some(rtp);
        }
        let Some(value) = media.attribute_value("rtcp") else {
            return rtp.port().checked_add(1).map(|port| SocketAddr::new(rtp.ip(), port));
        };
        let mut parts = value.split_ascii_whitespace();
        let port = lex::number(parts.next()?)?;
        let ip = parts.nth(2).and_then(|ip| ip.parse().ok()).unwrap_or(rtp.ip());
        Some(SocketAddr::new(ip, port))
    }

    /// The medium's direction: its own attribute, else the session's, else both ways. An address
    /// of zeros, the old way to hold, means that nothing is received.
    pub fn direction(&self, media: &Media) -> Direction {
        let of = |lines: &[Line]| {
            let named = |line: &Line| Direction::ALL.into_iter().find(|d| line.kind == 'a' && d.as_str() == line.value);
            lines.iter().find_map(named)
        };
        let written = of(&media.lines).or_else(|| of(&self.session)).unwrap_or_default();
        let zero = self.address(media).is_some_and(|ip| ip.is_unspecified());
        // A browser's placeholder address, with ICE, is no hold.
        let held = zero && self.attribute(media, "ice-ufrag").is_none();
        if held { written.and(Direction::SendOnly) } else { written }
    }

    /// An attribute of the medium or, if it has none, of the session: for `ice-ufrag`, `ice-pwd`,
    /// `fingerprint`, `setup` and others that may stand at both.
    pub fn attribute<'a>(&'a self, media: &'a Media, name: &str) -> Option<&'a str> {
        media.attribute_value(name).or_else(|| values(&self.session, name).next()).map(str::trim)
    }

    /// Indices of media of this kind that are not refused.
    pub fn active(&self, kind: &str) -> impl Iterator<Item = usize> {
        let live = move |m: &Media| m.kind.eq_ignore_ascii_case(kind) && m.port != 0;
        self.media.iter().enumerate().filter(move |(_, m)| live(m)).map(|(index, _)| index)
    }

    /// Sets id and version in `o=`: the same session keeps its id and counts the version up.
    pub fn set_origin(&mut self, id: u64, version: u64) {
        if let (Some(origin), Some(line)) = (self.origin(), self.session.iter_mut().find(|l| l.kind == 'o')) {
            let family = if origin.address.contains(':') { "IP6" } else { "IP4" };
            line.value = format!("{} {id} {version} IN {family} {}", origin.username, origin.address);
        }
    }

    fn add(&mut self, line: &str, number: usize) -> Result<(), SdpError> {
        let mut chars = line.chars();
        let (Some(kind), Some('=')) = (chars.next(), chars.next()) else {
            return Err(SdpError::BadLine(number));
        };
        if !kind.is_ascii_alphabetic() {
            return Err(SdpError::BadLine(number));
        }
        let value = chars.as_str();
        if kind == 'm' {
            if self.media.len() == limits::SDP_MEDIA {
                return Err(SdpError::TooManyMedia);
            }
            self.media.push(Media::parse(value).ok_or(SdpError::BadMedia(number))?);
            return Ok(());
        }
        let lines = self.media.last_mut().map_or(&mut self.session, |media| &mut media.lines);
        lines.push(Line { kind, value: value.to_owned() });
        Ok(())
    }
}

impl fmt::Display for Sdp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lines = |f: &mut fmt::Formatter<'_>, lines: &[Line]| {
            lines.iter().try_for_each(|line| write!(f, "{}={}\r\n", line.kind, line.value))
        };
        lines(f, &self.session)?;
        for media in &self.media {
            let ports = media.ports.map(|ports| format!("/{ports}")).unwrap_or_default();
            write!(f, "m={} {}{ports} {}", media.kind, media.port, media.protocol)?;
            media.formats.iter().try_for_each(|format| write!(f, " {format}"))?;
            f.write_str("\r\n")?;
            lines(f, &media.lines)?;
        }
        Ok(())
    }
}

impl Media {
    /// The value of this attribute; `Some("")` for one without value.
    pub fn attribute_value(&self, name: &str) -> Option<&str> {
        values(&self.lines, name).next()
    }

    /// The values of all attributes of this name.
    pub fn attribute_values<'a, 'n>(&'a self, name: &'n str) -> impl Iterator<Item = &'a str> + use<'a, 'n> {
        values(&self.lines, name)
    }

    /// Whether the attribute is there.
    pub fn has(&self, name: &str) -> bool {
        self.attribute_value(name).is_some()
    }

    /// Adds an attribute.
    pub fn push(&mut self, name: &str, value: &str) {
        self.lines.push(Line::attribute(name, value));
    }

    /// Replaces the direction.
    pub fn set_direction(&mut self, direction: Direction) {
        self.lines.retain(|line| line.kind != 'a' || Direction::ALL.iter().all(|d| d.as_str() != line.value));
        self.push(direction.as_str(), "");
    }

    /// The payload types in the order offered, with their meaning; those without any are left out.
    pub fn codecs(&self) -> Vec<Codec> {
        let payloads = self.formats.iter().filter_map(|format| lex::number(format).filter(|p| *p < 128));
        payloads.filter_map(|payload| self.codec(payload)).collect()
    }

    /// The candidates that can be read.
    pub fn candidates(&self) -> Vec<Candidate> {
        self.attribute_values("candidate").filter_map(Candidate::parse).collect()
    }

    /// Packet time in milliseconds, if written.
    pub fn ptime(&self) -> Option<u32> {
        self.attribute_value("ptime").and_then(|value| lex::number(value.trim()))
    }

    /// Whether its packets are encrypted.
    pub fn is_secure(&self) -> bool {
        self.protocol.to_ascii_uppercase().contains("SAVP")
    }

    fn parse(value: &str) -> Option<Self> {
        let mut parts = value.split_ascii_whitespace();
        let (kind, port, protocol) = (parts.next()?, parts.next()?, parts.next()?);
        let (port, ports) = match port.split_once('/') {
            Some((port, ports)) => (port, Some(lex::number(ports)?)),
            None => (port, None),
        };
        let formats: Vec<String> = parts.map(str::to_owned).collect();
        let (kind, protocol) = (kind.to_owned(), protocol.to_owned());
        let media = Self { kind, port: lex::number(port)?, ports, protocol, formats, lines: Vec::new() };
        (!media.formats.is_empty()).then_some(media)
    }

    fn codec(&self, payload: u8) -> Option<Codec> {
        let of = |value: &'_ str| -> Option<String> {
            let (number, rest) = value.split_once([' ', '\t'])?;
            (lex::number(number) == Some(payload)).then(|| rest.trim().to_owned())
        };
        let fmtp = self.attribute_values("fmtp").find_map(of);
        let Some(map) = self.attribute_values("rtpmap").find_map(of) else {
            let (name, clock) = static_payload(payload)?;
            return Some(Codec { payload, name: name.to_owned(), clock, channels: 1, fmtp });
        };
        let mut parts = map.split('/');
        let (name, clock) = (parts.next()?.to_owned(), lex::number(parts.next()?)?);
        let channels = parts.next().and_then(lex::number).unwrap_or(1);
        Some(Codec { payload, name, clock, channels, fmtp })
    }
}

impl Candidate {
    /// Parses the value of a `candidate` attribute.
    pub fn parse(value: &str) -> Option<Self> {
        let value = value.strip_prefix("candidate:").unwrap_or(value);
        let parts: Vec<&str> = value.split_ascii_whitespace().collect();
        let [foundation, component, transport, priority, host, port, "typ", kind, ..] = parts[..] else {
            return None;
        };
        Some(Self {
            foundation: foundation.to_owned(),
            component: lex::number(component)?,
            transport: transport.to_ascii_lowercase(),
            priority: lex::number(priority)?,
            host: host.to_owned(),
            port: lex::number(port)?,
            kind: kind.to_owned(),
        })
    }
}

impl fmt::Display for Candidate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { foundation, component, transport, priority, host, port, kind } = self;
        write!(f, "{foundation} {component} {transport} {priority} {host} {port} typ {kind}")
    }
}

fn values<'a, 'n>(lines: &'a [Line], name: &'n str) -> impl Iterator<Item = &'a str> + use<'a, 'n> {
    lines.iter().filter(|line| line.kind == 'a').filter_map(move |line| {
        let (key, value) = line.value.split_once(':').unwrap_or((&line.value, ""));
        (key == name).then_some(value)
    })
}

/// Payload types that need no rtpmap (RFC 3551 §6).
fn static_payload(payload: u8) -> Option<(&'static str, u32)> {
    Some(match payload {
        0 => ("PCMU", 8_000),
        3 => ("GSM", 8_000),
        4 => ("G723", 8_000),
        8 => ("PCMA", 8_000),
        9 => ("G722", 8_000),
        13 => ("CN", 8_000),
        18 => ("G729", 8_000),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use proptest::prelude::*;

    use super::*;

    pub(super) const PHONE: &str = "v=0\r\no=- 1 2 IN IP4 192.0.2.4\r\ns=\u{901a}\u{8bdd}\r\nz=odd 1\r\nc=IN IP4 192.0.2.4\r\nt=0 0\r\nm=audio 49170/2 RTP/AVP 18 8 0 101\r\na=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-16\r\na=ptime:20\r\nk=odd\r\na=x-own:1\r\nm=video 51372 RTP/AVP 31\r\na=inactive\r\n";

    #[test]
    fn lines_are_kept() {
        let sdp = Sdp::parse(PHONE.as_bytes()).unwrap();
        assert_eq!(sdp.to_string(), PHONE);
        assert_eq!(Sdp::parse(PHONE.replace("\r\n", "\n").as_bytes()).unwrap(), sdp);
    }

    #[test]
    fn questions() {
        let sdp = Sdp::parse(PHONE.as_bytes()).unwrap();
        let (audio, video) = (&sdp.media[0], &sdp.media[1]);
        assert_eq!(sdp.rtp(audio), Some("192.0.2.4:49170".parse().unwrap()));
        assert_eq!(sdp.rtcp(audio), Some("192.0.2.4:49171".parse().unwrap()));
        let names: Vec<_> = audio.codecs().into_iter().map(|c| (c.payload, c.name, c.clock)).collect();
        assert_eq!(names[1], (8, "PCMA".into(), 8_000));
        assert_eq!(names[3], (101, "telephone-event".into(), 8_000));
        assert_eq!(audio.codecs()[3].fmtp.as_deref(), Some("0-16"));
        assert_eq!(
            (audio.ptime(), sdp.direction(audio), sdp.direction(video)),
            (Some(20), Direction::SendRecv, Direction::Inactive)
        );
        assert_eq!(sdp.origin().unwrap().version, 2);
        assert_eq!(sdp.active("audio").collect::<Vec<_>>(), [0]);
    }

    #[test]
    fn holds_old_and_new() {
        let direction = |text: &str| {
            let sdp = Sdp::parse(text.as_bytes()).unwrap();
            sdp.direction(&sdp.media[0])
        };
        assert_eq!(direction(&PHONE.replace("c=IN IP4 192.0.2.4", "c=IN IP4 0.0.0.0")), Direction::SendOnly);
        assert_eq!(direction(&PHONE.replace("t=0 0", "t=0 0\r\na=sendonly")), Direction::SendOnly);
        assert_eq!(direction(&PHONE.replace("a=ptime:20", "c=IN IP6 ::\r\na=inactive")), Direction::Inactive);
        assert_eq!(direction(&PHONE.replace("a=ptime:20", "c=IN IP4 0.0.0.0\r\na=ice-ufrag:x")), Direction::SendRecv);
    }

    #[test]
    fn rtcp_and_candidates() {
        let text = PHONE.replace("a=ptime:20", "a=rtcp:9 IN IP4 192.0.2.5\r\na=candidate:1 1 UDP 2130706431 192.0.2.6 7000 typ host generation 0\r\na=candidate:bad");
        let sdp = Sdp::parse(text.as_bytes()).unwrap();
        assert_eq!(sdp.rtcp(&sdp.media[0]), Some("192.0.2.5:9".parse().unwrap()));
        let candidates = sdp.media[0].candidates();
        assert_eq!(candidates.len(), 1);
        assert_eq!(candidates[0].to_string(), "1 1 udp 2130706431 192.0.2.6 7000 typ host");
    }

    #[test]
    fn refusals() {
        for (text, error) in [
            ("", SdpError::BadVersion),
            ("v=1\r\n", SdpError::BadVersion),
            ("v=0\r\nnonsense\r\n", SdpError::BadLine(2)),
            ("v=0\r\n", SdpError::BadOrigin),
            ("v=0\r\no=- x 1 IN IP4 h\r\n", SdpError::BadOrigin),
            ("v=0\r\nm=audio 70000 RTP/AVP 0\r\n", SdpError::BadMedia(2)),
            ("v=0\r\nm=audio 1 RTP/AVP\r\n", SdpError::BadMedia(2)),
        ] {
            assert_eq!(Sdp::parse(text.as_bytes()), Err(error), "{text}");
        }
        assert_eq!(Sdp::parse(&vec![b'\n'; 2_000]), Err(SdpError::TooLong));
        let gbk = [PHONE.as_bytes(), b"i=\xb5\xe7\xbb\xb0\r\n"].concat();
        assert!(Sdp::parse(&gbk).is_ok());
    }

    #[test]
    fn directions_are_an_algebra() {
        for a in Direction::ALL {
            assert_eq!(a.reversed().reversed(), a);
            assert_eq!(a.and(a), a);
            assert_eq!(a.and(Direction::Inactive), Direction::Inactive);
        }
    }

    proptest! {
        #[test]
        fn no_bytes_panic(edits in prop::collection::vec((any::<u16>(), any::<u8>()), 0..8)) {
            let mut bytes = PHONE.as_bytes().to_vec();
            for (at, byte) in edits {
                let at = usize::from(at) % bytes.len();
                bytes[at] = byte;
            }
            if let Ok(sdp) = Sdp::parse(&bytes) {
                for media in &sdp.media {
                    let _ = (media.codecs(), media.candidates(), sdp.rtp(media), sdp.rtcp(media), sdp.direction(media));
                }
                prop_assert_eq!(&Sdp::parse(sdp.to_string().as_bytes()).unwrap(), &sdp);
            }
        }
    }
}
