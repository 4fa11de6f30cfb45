//! Browser session descriptions: RFC 8866 as profiled by JSEP (RFC 9429).
//!
//! A parser that keeps what an SFU or a phone leg needs, and a writer whose output browsers accept.
//! It must not know the WebRTC crate: descriptions are negotiated here, by us, and the crate only ever
//! sees a description of constant shape (`transport`). That is what makes reusing, parking and relabelling
//! media sections possible, which the crate's own transceivers cannot do.

use std::fmt::{self, Write as _};
use std::sync::Arc;

/// Longest description accepted, in bytes: 100 video sections of a browser are about 100 kB.
pub const MAX_SDP_BYTES: usize = 512 * 1024;
/// Most media sections accepted in one description: LiveKit clients stay under 250.
pub const MAX_SECTIONS: usize = 512;
/// Most codecs, extensions, SSRCs or rids kept per section; a browser lists about 60.
pub const MAX_ITEMS: usize = 256;

/// Why a description was refused.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum SdpError {
    /// Longer than [`MAX_SDP_BYTES`] or more than [`MAX_SECTIONS`] sections.
    #[error("the session description is too large (limits: {MAX_SDP_BYTES} bytes, {MAX_SECTIONS} sections)")]
    TooLarge,
    /// A line that is not `x=value`, or a media line that does not parse.
    #[error("line {0} of the session description does not parse")]
    Line(usize),
    /// No ICE user name and password: the peer is not a WebRTC client.
    #[error("the session description carries no ice-ufrag and ice-pwd; a browser (WebRTC) description is needed")]
    NoIce,
    /// No DTLS certificate fingerprint.
    #[error("the session description carries no DTLS fingerprint; a browser (WebRTC) description is needed")]
    NoFingerprint,
    /// No section of the wanted kind.
    #[error("the session description has no usable {0} section")]
    NoSection(&'static str),
    /// Nothing in common.
    #[error("no {0} codec in common; offer one of {1}")]
    NoCommonCodec(&'static str, String),
}

/// Media identification tag of a section (RFC 5888).
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Mid(pub Arc<str>);

/// Restriction identifier: the name of a simulcast layer (RFC 8851).
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Rid(pub Arc<str>);

impl fmt::Display for Mid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for Rid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<&str> for Mid {
    fn from(text: &str) -> Self {
        Self(text.into())
    }
}

impl From<&str> for Rid {
    fn from(text: &str) -> Self {
        Self(text.into())
    }
}

/// What a section carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Speech and sound.
    Audio,
    /// Camera or screen.
    Video,
    /// Data channels over SCTP.
    Application,
}

impl Kind {
    /// The word of the media line.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Audio => "audio",
            Self::Video => "video",
            Self::Application => "application",
        }
    }
}

/// Direction attribute, from the view of whoever wrote the description.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Direction {
    /// Both ways (the default of RFC 8866 §6.7).
    #[default]
    SendRecv,
    /// The writer only sends.
    SendOnly,
    /// The writer only receives.
    RecvOnly,
    /// Neither.
    Inactive,
}

impl Direction {
    /// From what the writer does.
    pub fn new(send: bool, recv: bool) -> Self {
        match (send, recv) {
            (true, true) => Self::SendRecv,
            (true, false) => Self::SendOnly,
            (false, true) => Self::RecvOnly,
            (false, false) => Self::Inactive,
        }
    }

    /// Whether the writer sends.
    pub fn sends(self) -> bool {
        matches!(self, Self::SendRecv | Self::SendOnly)
    }

    /// Whether the writer receives.
    pub fn receives(self) -> bool {
        matches!(self, Self::SendRecv | Self::RecvOnly)
    }

    fn as_str(self) -> &'static str {
        match self {
            Self::SendRecv => "sendrecv",
            Self::SendOnly => "sendonly",
            Self::RecvOnly => "recvonly",
            Self::Inactive => "inactive",
        }
    }

    fn parse(name: &str) -> Option<Self> {
        [Self::SendRecv, Self::SendOnly, Self::RecvOnly, Self::Inactive]
            .into_iter()
            .find(|direction| direction.as_str() == name)
    }
}

/// One payload format: `a=rtpmap`, its `a=fmtp` and its `a=rtcp-fb` lines.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Codec {
    /// RTP payload type, 0–127.
    pub payload_type: u8,
    /// Encoding name as written, such as `opus` or `VP8`; compared without case.
    pub name: String,
    /// RTP clock, Hz.
    pub clock_rate: u32,
    /// Audio channels, 1 where the map line names none.
    pub channels: u8,
    /// Format parameters as written, empty where there are none.
    pub fmtp: String,
    /// Feedback kinds, such as `nack pli`.
    pub feedback: Vec<String>,
}

impl Codec {
    /// Whether this is the named encoding, in any case of letters.
    pub fn is(&self, name: &str) -> bool {
        self.name.eq_ignore_ascii_case(name)
    }

    /// Value of one format parameter.
    pub fn parameter(&self, key: &str) -> Option<&str> {
        self.fmtp.split(';').find_map(|pair| {
            let (name, value) = pair.trim().split_once('=')?;
            name.eq_ignore_ascii_case(key).then_some(value)
        })
    }

    /// For `rtx`: the payload type that it repairs (RFC 4588 §8.6).
    pub fn repaired(&self) -> Option<u8> {
        self.is("rtx").then(|| self.parameter("apt")?.parse().ok()).flatten()
    }

    /// Whether receiver and sender mean the same stream format (profile and packetization included).
    pub fn same_format(&self, other: &Self) -> bool {
        if !self.is(&other.name) || self.clock_rate != other.clock_rate || self.channels != other.channels {
            return false;
        }
        let same = |key: &str, default: &str| {
            self.parameter(key).unwrap_or(default).eq_ignore_ascii_case(other.parameter(key).unwrap_or(default))
        };
        match self.name.to_ascii_lowercase().as_str() {
            "h264" => same("packetization-mode", "0") && h264_profile(self) == h264_profile(other),
            "vp9" => same("profile-id", "0"),
            "av1" => same("profile", "0"),
            _ => true,
        }
    }
}

/// Profile part of `profile-level-id`; the level may differ between the two sides (RFC 6184 §8.2.2).
fn h264_profile(codec: &Codec) -> String {
    let id = codec.parameter("profile-level-id").unwrap_or("42000a").to_ascii_lowercase();
    // Baseline with constraint_set1 is constrained baseline, whichever way it is written.
    match id.get(..4) {
        Some("42e0" | "42c0") => "42e0".into(),
        Some(profile) => profile.into(),
        None => id,
    }
}

/// A header extension: its number on the wire and its name (RFC 8285).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Extension {
    /// Number, 1–255; browsers use 1–14.
    pub id: u8,
    /// Name.
    pub uri: String,
}

/// Names of the header extensions that the transport understands.
pub mod uri {
    /// Media identification (RFC 9143).
    pub const MID: &str = "urn:ietf:params:rtp-hdrext:sdes:mid";
    /// Layer name (RFC 8852).
    pub const RID: &str = "urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id";
    /// Layer repaired by this retransmission stream (RFC 8852).
    pub const REPAIRED_RID: &str = "urn:ietf:params:rtp-hdrext:sdes:repaired-rtp-stream-id";
    /// Loudness of the packet (RFC 6464).
    pub const AUDIO_LEVEL: &str = "urn:ietf:params:rtp-hdrext:ssrc-audio-level";
    /// Transport-wide sequence number (draft-holmer-rmcat-transport-wide-cc-extensions-01).
    pub const TRANSPORT_CC: &str = "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01";
    /// Absolute send time.
    pub const ABS_SEND_TIME: &str = "http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time";
}

/// One media section.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Section {
    /// What it carries.
    pub kind: Kind,
    /// Its tag.
    pub mid: Mid,
    /// Direction from the writer's view.
    pub direction: Direction,
    /// Port 0: refused or stopped.
    pub rejected: bool,
    /// Formats, most wanted first.
    pub codecs: Vec<Codec>,
    /// Header extensions.
    pub extensions: Vec<Extension>,
    /// Media stream and track name (`a=msid`).
    pub msid: Option<(String, String)>,
    /// Declared SSRCs, in order.
    pub ssrcs: Vec<u32>,
    /// Media and retransmission SSRC pairs (`a=ssrc-group:FID`).
    pub repair_pairs: Vec<(u32, u32)>,
    /// Layers that the writer sends (`a=rid:… send` in an offer) or accepts (`recv` in an answer).
    pub rids: Vec<Rid>,
    /// SCTP port of an application section.
    pub sctp_port: u16,
    /// Largest data channel message that the writer takes, bytes.
    pub max_message_size: u32,
}

impl Section {
    /// An empty section.
    pub fn new(kind: Kind, mid: Mid) -> Self {
        Self {
            kind,
            mid,
            direction: Direction::default(),
            rejected: false,
            codecs: Vec::new(),
            extensions: Vec::new(),
            msid: None,
            ssrcs: Vec::new(),
            repair_pairs: Vec::new(),
            rids: Vec::new(),
            sctp_port: 5000,
            max_message_size: 65_536,
        }
    }

    /// Number of a header extension in this section.
    pub fn extension(&self, uri: &str) -> Option<u8> {
        self.extensions.iter().find(|extension| extension.uri == uri).map(|extension| extension.id)
    }

    /// Retransmission payload type for a media payload type.
    pub fn repair_type(&self, payload_type: u8) -> Option<u8> {
        self.codecs.iter().find(|codec| codec.repaired() == Some(payload_type)).map(|codec| codec.payload_type)
    }
}

/// DTLS role offered or chosen (RFC 8842).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Setup {
    /// Either (offers only).
    #[default]
    ActPass,
    /// The writer starts the handshake.
    Active,
    /// The writer waits for it.
    Passive,
}

impl Setup {
    /// The word of the attribute.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ActPass => "actpass",
            Self::Active => "active",
            Self::Passive => "passive",
        }
    }
}

/// ICE user name fragment and password (RFC 8445 §5.3).
#[derive(Clone, PartialEq, Eq, Default)]
pub struct IceCredentials {
    /// User name fragment.
    pub ufrag: String,
    /// Password; never logged.
    pub password: String,
}

impl fmt::Debug for IceCredentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "IceCredentials({}, …)", self.ufrag)
    }
}

/// One side's description of a session in which everything is bundled on one transport.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Description {
    /// Session id of the origin line.
    pub session_id: u64,
    /// Version of the origin line; grows with each description of a session.
    pub version: u64,
    /// ICE credentials of the bundle.
    pub ice: IceCredentials,
    /// Whether the writer is an ICE-lite agent.
    pub ice_lite: bool,
    /// Hash name and value of the DTLS certificate, such as (`sha-256`, `AB:CD:…`).
    pub fingerprint: (String, String),
    /// DTLS role.
    pub setup: Setup,
    /// Candidate lines without `a=candidate:`.
    pub candidates: Vec<String>,
    /// Media sections in order.
    pub sections: Vec<Section>,
}

impl Description {
    /// Reads a browser's description.
    ///
    /// # Errors
    /// See [`SdpError`]. Unknown lines are passed over, as RFC 8866 §5.14 asks.
    pub fn parse(text: &str) -> Result<Self, SdpError> {
        if text.len() > MAX_SDP_BYTES {
            return Err(SdpError::TooLarge);
        }
        let mut parser = Parser::default();
        for (index, line) in text.lines().enumerate() {
            let line = line.trim_end();
            if !line.is_empty() {
                parser.line(line).map_err(|error| error.unwrap_or(SdpError::Line(index + 1)))?;
            }
        }
        parser.finish()
    }

    /// The section with that tag.
    pub fn section(&self, mid: &Mid) -> Option<&Section> {
        self.sections.iter().find(|section| section.mid == *mid)
    }

    /// The data channel section that was not refused.
    pub fn application(&self) -> Option<&Section> {
        self.sections.iter().find(|section| section.kind == Kind::Application && !section.rejected)
    }
}

#[derive(Default)]
struct Parser {
    description: Description,
    current: Option<Section>,
    setup: Option<Setup>,
}

impl Parser {
    /// Takes one line; `Err(None)` stands for "this line does not parse".
    fn line(&mut self, line: &str) -> Result<(), Option<SdpError>> {
        let (kind, value) = line.split_once('=').ok_or(None)?;
        match kind {
            "o" => self.origin(value),
            "m" => return self.media(value),
            "a" => {
                let (name, value) = value.split_once(':').unwrap_or((value, ""));
                self.session_attribute(name, value);
                if let Some(section) = &mut self.current {
                    section_attribute(section, name, value);
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn origin(&mut self, value: &str) {
        let mut words = value.split_ascii_whitespace().skip(1);
        self.description.session_id = words.next().and_then(|word| word.parse().ok()).unwrap_or(0);
        self.description.version = words.next().and_then(|word| word.parse().ok()).unwrap_or(0);
    }

    fn media(&mut self, value: &str) -> Result<(), Option<SdpError>> {
        self.push_section();
        if self.description.sections.len() >= MAX_SECTIONS {
            return Err(Some(SdpError::TooLarge));
        }
        let mut words = value.split_ascii_whitespace();
        let kind = match words.next() {
            Some("audio") => Kind::Audio,
            Some("video") => Kind::Video,
            Some("application") => Kind::Application,
            _ => return Err(None),
        };
        let port: u16 = words.next().and_then(|word| word.split('/').next()?.parse().ok()).ok_or(None)?;
        let _protocol = words.next().ok_or(None)?;
        // Until `a=mid` says otherwise the tag is the section's number, as in descriptions without BUNDLE.
        let mut section = Section::new(kind, self.description.sections.len().to_string().as_str().into());
        section.rejected = port == 0;
        if kind != Kind::Application {
            let types = words.filter_map(|word| word.parse().ok()).filter(|pt: &u8| *pt < 128);
            section.codecs = types.take(MAX_ITEMS).map(|pt| static_codec(kind, pt)).collect();
        }
        self.current = Some(section);
        Ok(())
    }

    /// Transport attributes: bundled, so the first section's stand for all.
    fn session_attribute(&mut self, name: &str, value: &str) {
        let description = &mut self.description;
        match name {
            "ice-ufrag" if description.ice.ufrag.is_empty() => description.ice.ufrag = value.into(),
            "ice-pwd" if description.ice.password.is_empty() => description.ice.password = value.into(),
            "ice-lite" => description.ice_lite = true,
            "fingerprint" if description.fingerprint.1.is_empty() => {
                if let Some((hash, print)) = value.split_once(' ') {
                    description.fingerprint = (hash.to_ascii_lowercase(), print.trim().into());
                }
            }
            "setup" if self.setup.is_none() => {
                self.setup =
                    [Setup::ActPass, Setup::Active, Setup::Passive].into_iter().find(|setup| setup.as_str() == value);
            }
            "candidate" if description.candidates.len() < MAX_ITEMS => description.candidates.push(value.into()),
            _ => {}
        }
    }

    fn push_section(&mut self) {
        if let Some(section) = self.current.take() {
            self.description.sections.push(section);
        }
    }

    fn finish(mut self) -> Result<Description, SdpError> {
        self.push_section();
        let mut description = self.description;
        description.setup = self.setup.unwrap_or_default();
        let ice = &description.ice;
        // RFC 8839 §5.4: ice-char only, ufrag of at least 4 and pwd of at least 22 characters. This also keeps
        // what a stranger wrote out of the lines that we write for the crate.
        let clean = |text: &str| text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+/=-_".contains(&byte));
        if ice.ufrag.is_empty() || ice.password.is_empty() || !clean(&ice.ufrag) || !clean(&ice.password) {
            return Err(SdpError::NoIce);
        }
        let (hash, print) = &description.fingerprint;
        let hexadecimal = |byte: u8| byte.is_ascii_hexdigit() || byte == b':';
        if print.is_empty()
            || !print.bytes().all(hexadecimal)
            || !hash.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
        {
            return Err(SdpError::NoFingerprint);
        }
        Ok(description)
    }
}

/// Static payload types that browsers may list without a map line (RFC 3551 §6). They are audio's: a refused camera's `0` names
/// no codec.
fn static_codec(kind: Kind, payload_type: u8) -> Codec {
    let name = match payload_type {
        0 if kind == Kind::Audio => "PCMU",
        8 if kind == Kind::Audio => "PCMA",
        9 if kind == Kind::Audio => "G722",
        13 if kind == Kind::Audio => "CN",
        _ => "",
    };
    Codec { payload_type, name: name.into(), clock_rate: 8000, channels: 1, ..Codec::default() }
}

fn section_attribute(section: &mut Section, name: &str, value: &str) {
    if let Some(direction) = Direction::parse(name) {
        section.direction = direction;
        return;
    }
    match name {
        "mid" => section.mid = value.into(),
        "rtpmap" => rtpmap(section, value),
        "fmtp" => {
            if let Some((codec, value)) = codec_line(section, value) {
                codec.fmtp = value.into();
            }
        }
        "rtcp-fb" => feedback(section, value),
        "extmap" => extmap(section, value),
        "msid" => {
            let mut words = value.split_ascii_whitespace();
            let (stream, track) = (words.next().unwrap_or("-"), words.next().unwrap_or(""));
            section.msid = Some((stream.into(), track.into()));
        }
        "ssrc" => {
            if let Some(ssrc) = value.split_ascii_whitespace().next().and_then(|word| word.parse().ok())
                && !section.ssrcs.contains(&ssrc)
                && section.ssrcs.len() < MAX_ITEMS
            {
                section.ssrcs.push(ssrc);
            }
        }
        "ssrc-group" => repair_pair(section, value),
        "rid" => {
            if let Some(rid) = value.split_ascii_whitespace().next()
                && section.rids.len() < MAX_ITEMS
                && !rid.is_empty()
                && rid.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
            {
                section.rids.push(rid.into());
            }
        }
        "sctp-port" => section.sctp_port = value.parse().unwrap_or(5000),
        "max-message-size" => section.max_message_size = value.parse().unwrap_or(65_536),
        _ => {}
    }
}

fn codec_line<'a, 'b>(section: &'a mut Section, value: &'b str) -> Option<(&'a mut Codec, &'b str)> {
    let (payload_type, rest) = value.split_once(' ')?;
    let payload_type: u8 = payload_type.parse().ok()?;
    let codec = section.codecs.iter_mut().find(|codec| codec.payload_type == payload_type)?;
    Some((codec, rest.trim()))
}

fn rtpmap(section: &mut Section, value: &str) {
    if let Some((codec, map)) = codec_line(section, value) {
        let mut parts = map.split('/');
        codec.name = parts.next().unwrap_or("").into();
        codec.clock_rate = parts.next().and_then(|part| part.parse().ok()).unwrap_or(8000);
        codec.channels = parts.next().and_then(|part| part.parse().ok()).unwrap_or(1);
    }
}

fn feedback(section: &mut Section, value: &str) {
    if let Some(all) = value.strip_prefix("* ") {
        for codec in &mut section.codecs {
            codec.feedback.push(all.trim().into());
        }
    } else if let Some((codec, kind)) = codec_line(section, value)
        && codec.feedback.len() < MAX_ITEMS
    {
        codec.feedback.push(kind.into());
    }
}

fn extmap(section: &mut Section, value: &str) {
    let mut words = value.split_ascii_whitespace();
    let id = words.next().and_then(|word| word.split('/').next()?.parse().ok());
    if let (Some(id), Some(uri)) = (id, words.next())
        && id != 0
        && section.extensions.len() < MAX_ITEMS
    {
        section.extensions.push(Extension { id, uri: uri.into() });
    }
}

fn repair_pair(section: &mut Section, value: &str) {
    let mut words = value.split_ascii_whitespace();
    if words.next() != Some("FID") {
        return;
    }
    let mut ssrcs = words.filter_map(|word| word.parse().ok());
    if let (Some(media), Some(repair)) = (ssrcs.next(), ssrcs.next())
        && section.repair_pairs.len() < MAX_ITEMS
    {
        section.repair_pairs.push((media, repair));
    }
}

/// Which half of offer/answer a description is; rids are written `send` or `recv` by it.
impl fmt::Display for Description {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = String::with_capacity(1024 + 900 * self.sections.len());
        self.write_session(&mut out)?;
        // Candidates belong to the bundle's first section; some clients skip it while it is inactive.
        let live = self.sections.iter().position(|section| section.direction != Direction::Inactive);
        for (index, section) in self.sections.iter().enumerate() {
            self.write_section(&mut out, section, index == 0 || Some(index) == live)?;
        }
        f.write_str(&out)
    }
}

impl Description {
    fn write_session(&self, out: &mut String) -> fmt::Result {
        write!(out, "v=0\r\no=- {} {} IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\n", self.session_id, self.version)?;
        let accepted = self.sections.iter().filter(|section| !section.rejected);
        let mids: Vec<&str> = accepted.map(|section| &*section.mid.0).collect();
        if !mids.is_empty() {
            write!(out, "a=group:BUNDLE {}\r\n", mids.join(" "))?;
        }
        if self.ice_lite {
            out.push_str("a=ice-lite\r\n");
        }
        out.push_str("a=extmap-allow-mixed\r\na=msid-semantic: WMS *\r\n");
        Ok(())
    }

    fn write_section(&self, out: &mut String, section: &Section, candidates: bool) -> fmt::Result {
        let port = if section.rejected { 0 } else { 9 };
        if section.kind == Kind::Application {
            write!(out, "m=application {port} UDP/DTLS/SCTP webrtc-datachannel\r\n")?;
        } else {
            write!(out, "m={} {port} UDP/TLS/RTP/SAVPF", section.kind.as_str())?;
            for codec in &section.codecs {
                write!(out, " {}", codec.payload_type)?;
            }
            if section.codecs.is_empty() {
                out.push_str(" 0");
            }
            out.push_str("\r\n");
        }
        write!(out, "c=IN IP4 0.0.0.0\r\na=mid:{}\r\n", section.mid)?;
        if section.rejected {
            out.push_str("a=inactive\r\n");
            return Ok(());
        }
        self.write_transport(out, candidates)?;
        match section.kind {
            Kind::Application => {
                write!(out, "a=sctp-port:{}\r\na=max-message-size:{}\r\n", section.sctp_port, section.max_message_size)
            }
            Kind::Audio | Kind::Video => write_media(out, section),
        }
    }

    fn write_transport(&self, out: &mut String, candidates: bool) -> fmt::Result {
        write!(
            out,
            "a=ice-ufrag:{}\r\na=ice-pwd:{}\r\na=fingerprint:{} {}\r\na=setup:{}\r\n",
            self.ice.ufrag,
            self.ice.password,
            self.fingerprint.0,
            self.fingerprint.1,
            self.setup.as_str()
        )?;
        if candidates {
            for candidate in &self.candidates {
                write!(out, "a=candidate:{candidate}\r\n")?;
            }
            if !self.candidates.is_empty() {
                out.push_str("a=end-of-candidates\r\n");
            }
        }
        Ok(())
    }
}

fn write_media(out: &mut String, section: &Section) -> fmt::Result {
    write!(out, "a={}\r\na=rtcp-mux\r\na=rtcp-rsize\r\n", section.direction.as_str())?;
    for extension in &section.extensions {
        write!(out, "a=extmap:{} {}\r\n", extension.id, extension.uri)?;
    }
    for codec in &section.codecs {
        write_codec(out, codec)?;
    }
    if let Some((stream, track)) = &section.msid {
        write!(out, "a=msid:{stream} {track}\r\n")?;
    }
    for (media, repair) in &section.repair_pairs {
        write!(out, "a=ssrc-group:FID {media} {repair}\r\n")?;
    }
    for ssrc in &section.ssrcs {
        write!(out, "a=ssrc:{ssrc} cname:liandong\r\n")?;
    }
    // Layers appear only in our answers to a publisher: we receive them.
    for rid in &section.rids {
        write!(out, "a=rid:{rid} recv\r\n")?;
    }
    if !section.rids.is_empty() {
        let rids: Vec<&str> = section.rids.iter().map(|rid| &*rid.0).collect();
        write!(out, "a=simulcast:recv {}\r\n", rids.join(";"))?;
    }
    Ok(())
}

fn write_codec(out: &mut String, codec: &Codec) -> fmt::Result {
    let payload_type = codec.payload_type;
    write!(out, "a=rtpmap:{payload_type} {}/{}", codec.name, codec.clock_rate)?;
    if codec.channels > 1 {
        write!(out, "/{}", codec.channels)?;
    }
    out.push_str("\r\n");
    if !codec.fmtp.is_empty() {
        write!(out, "a=fmtp:{payload_type} {}\r\n", codec.fmtp)?;
    }
    for feedback in &codec.feedback {
        write!(out, "a=rtcp-fb:{payload_type} {feedback}\r\n")?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    /// What Chromium 156 writes for a camera with three layers, shortened.
    const OFFER: &str = "v=0\r\no=- 42 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0 1\r\n\
        m=video 9 UDP/TLS/RTP/SAVPF 96 97\r\nc=IN IP4 0.0.0.0\r\na=ice-ufrag:abcd\r\n\
        a=ice-pwd:0123456789012345678901\r\na=fingerprint:sha-256 AB:CD\r\na=setup:actpass\r\na=mid:0\r\n\
        a=extmap:4 urn:ietf:params:rtp-hdrext:sdes:mid\r\na=sendonly\r\na=msid:- cam\r\na=rtcp-mux\r\n\
        a=rtpmap:96 VP8/90000\r\na=rtcp-fb:96 nack pli\r\na=rtpmap:97 rtx/90000\r\na=fmtp:97 apt=96\r\n\
        a=rid:q send\r\na=rid:h send\r\na=rid:f send\r\na=simulcast:send q;h;f\r\n\
        m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\na=mid:1\r\na=sctp-port:5000\r\n";

    #[test]
    fn an_offer_is_read() {
        let offer = Description::parse(OFFER).unwrap();
        assert_eq!(offer.ice.ufrag, "abcd");
        assert_eq!(offer.sections.len(), 2);
        let video = offer.section(&"0".into()).unwrap();
        assert_eq!(video.direction, Direction::SendOnly);
        assert_eq!(video.repair_type(96), Some(97));
        assert_eq!(video.rids.len(), 3);
        assert_eq!(video.extension(uri::MID), Some(4));
        assert_eq!(video.msid.as_ref().unwrap().1, "cam");
        assert!(offer.application().is_some());
    }

    #[test]
    fn what_is_written_reads_back() {
        let offer = Description::parse(OFFER).unwrap();
        let again = Description::parse(&offer.to_string()).unwrap();
        assert_eq!(offer, again);
    }

    #[test]
    fn a_camera_without_codecs_does_not_come_back_as_a_telephone() {
        let offer = Description::parse(&OFFER.replace("96 97", "0").replace("a=rtpmap:9", "a=x-gone:9")).unwrap();
        assert!(offer.section(&"0".into()).unwrap().codecs.iter().all(|codec| codec.name.is_empty()));
    }

    #[test]
    fn a_sip_description_is_refused_with_the_reason() {
        let plain = "v=0\r\no=- 1 1 IN IP4 10.0.0.1\r\ns=-\r\nt=0 0\r\nm=audio 4000 RTP/AVP 8\r\n";
        assert_eq!(Description::parse(plain), Err(SdpError::NoIce));
    }

    #[test]
    fn credentials_cannot_smuggle_lines() {
        let bad = OFFER.replace("abcd", "ab cd");
        assert_eq!(Description::parse(&bad), Err(SdpError::NoIce));
    }

    #[test]
    fn h264_profiles_are_compared_and_levels_are_not() {
        let codec = |fmtp: &str| Codec {
            name: "H264".into(),
            clock_rate: 90_000,
            channels: 1,
            fmtp: fmtp.into(),
            ..Codec::default()
        };
        let a = codec("level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f");
        assert!(a.same_format(&codec("packetization-mode=1;profile-level-id=42e034")));
        assert!(!a.same_format(&codec("packetization-mode=0;profile-level-id=42e01f")));
        assert!(!a.same_format(&codec("packetization-mode=1;profile-level-id=64001f")));
    }

    proptest! {
        #[test]
        fn no_text_makes_the_parser_panic(text in "(?s).{0,400}") {
            let _ = Description::parse(&text);
        }

        #[test]
        fn no_mutilated_offer_makes_it_panic(cut in 0usize..OFFER.len(), junk in "[ -~]{0,20}") {
            let text = format!("{}{junk}{}", &OFFER[..cut], &OFFER[cut..]);
            if let Ok(description) = Description::parse(&text) {
                let _ = Description::parse(&description.to_string());
            }
        }
    }
}
