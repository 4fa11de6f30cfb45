//! Offer and answer for one audio stream (RFC 3264), plain, with keys in the description (SDES,
//! RFC 4568) or over DTLS with ICE as browsers have it (RFC 8829).
//!
//! The answer names one speech codec and at most one telephone-event: a peer then cannot change
//! its mind between packets. Other media are refused in their places.

use std::net::{IpAddr, SocketAddr};

use super::{Codec, Direction, Line, Media, Sdp};

/// A speech codec that the media engine has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs)]
pub enum AudioCodec {
    /// G.711 A-law, the rule in China.
    Pcma,
    Pcmu,
    G722,
    Opus,
}

impl AudioCodec {
    /// The encoding name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pcma => "PCMA",
            Self::Pcmu => "PCMU",
            Self::G722 => "G722",
            Self::Opus => "opus",
        }
    }

    /// Clock rate in RTP timestamps per second (8,000 for G.722 by an old mistake of RFC 3551).
    pub fn clock(self) -> u32 {
        if self == Self::Opus { 48_000 } else { 8_000 }
    }

    fn channels(self) -> u8 {
        if self == Self::Opus { 2 } else { 1 }
    }

    fn payload(self) -> u8 {
        match self {
            Self::Pcmu => 0,
            Self::Pcma => 8,
            Self::G722 => 9,
            Self::Opus => 111,
        }
    }

    fn is(self, codec: &Codec) -> bool {
        codec.name.eq_ignore_ascii_case(self.as_str())
            && codec.clock == self.clock()
            && codec.channels == self.channels()
    }
}

/// How packets are protected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Security {
    /// Not at all.
    Plain,
    /// SRTP with the key in the description; only over encrypted signalling.
    Sdes {
        /// Base64 of key and salt (30 bytes) for AES_CM_128_HMAC_SHA1_80.
        key: String,
    },
    /// DTLS-SRTP with ICE.
    Dtls {
        /// Our ICE user name fragment.
        ufrag: String,
        /// Our ICE password.
        pwd: String,
        /// `sha-256 AB:CD:…` of our certificate.
        fingerprint: String,
        /// Values of `candidate` attributes.
        candidates: Vec<String>,
        /// Whether we only answer checks.
        ice_lite: bool,
        /// Whether we begin DTLS if the peer leaves the choice to us.
        active: bool,
    },
}

/// What we bring to a negotiation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ours {
    /// Where we receive.
    pub rtp: SocketAddr,
    /// Codecs, best first.
    pub codecs: Vec<AudioCodec>,
    /// Whether we take keys as RFC 4733 events.
    pub events: bool,
    /// What we want to do.
    pub direction: Direction,
    /// How our packets are protected.
    pub security: Security,
    /// Session id for `o=`: one number per call.
    pub session: u64,
    /// Version for `o=`: counted up with each changed description of the call.
    pub version: u64,
}

/// What was agreed.
#[derive(Clone, Debug, PartialEq)]
pub struct Agreed {
    /// The speech codec.
    pub codec: AudioCodec,
    /// The payload type under which we send it.
    pub payload: u8,
    /// The payload type under which it comes to us. Differs from `payload` only after our offer.
    pub receive_payload: u8,
    /// The payload type of telephone-event, if agreed: as sent by us.
    pub events: Option<u8>,
    /// What we do: send, receive.
    pub direction: Direction,
    /// Where we send RTP; `None` while ICE finds out.
    pub remote: Option<SocketAddr>,
    /// Where we send RTCP.
    pub remote_rtcp: Option<SocketAddr>,
    /// Milliseconds per packet that the peer likes.
    pub ptime: u32,
    /// RTP and RTCP on one port.
    pub rtcp_mux: bool,
    /// The peer's key under SDES, `inline:` cut off.
    pub remote_key: Option<String>,
    /// Whether we begin DTLS.
    pub dtls_active: bool,
    /// Which medium of the description it is.
    pub index: usize,
}

/// Why nothing was agreed; the answer is 488 with a Warning.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[allow(missing_docs)] // each variant's text says it
pub enum Mismatch {
    #[error("no audio is offered")]
    NoAudio,
    #[error("no common codec")]
    NoCodec,
    #[error("packets must be protected in another way than offered")]
    Security,
    #[error("the answer does not fit our offer")]
    BadAnswer,
}

/// Answers an offer: the first audio that fits is taken, everything else refused.
///
/// # Errors
/// [`Mismatch`].
pub fn negotiate_audio(offer: &Sdp, ours: &Ours) -> Result<(Sdp, Agreed), Mismatch> {
    let mut error = Mismatch::NoAudio;
    for index in offer.active("audio") {
        match agree(offer, index, ours) {
            Ok(agreed) => return Ok((answer(offer, ours, &agreed), agreed)),
            Err(mismatch) => error = mismatch,
        }
    }
    Err(error)
}

/// Our offer.
pub fn offer_audio(ours: &Ours) -> Sdp {
    let mut media = media(ours, if ours.codecs.is_empty() { vec!["0".into()] } else { Vec::new() });
    for codec in &ours.codecs {
        add_codec(&mut media, *codec, codec.payload());
    }
    if ours.events {
        add_events(&mut media, 101, 8_000);
        if ours.codecs.contains(&AudioCodec::Opus) {
            add_events(&mut media, 110, 48_000);
        }
    }
    let dtls = matches!(ours.security, Security::Dtls { .. });
    finish(&mut media, ours, ours.direction, dtls, if dtls { "actpass" } else { "" }, 1);
    if dtls {
        media.push("mid", "0");
    }
    let mut sdp = session(ours);
    if dtls {
        sdp.session.push(Line::attribute("group", "BUNDLE 0"));
    }
    sdp.media.push(media);
    sdp
}

/// Reads the answer to our offer.
///
/// # Errors
/// [`Mismatch`]; the call is then to be ended with BYE.
pub fn accept_answer(offer: &Sdp, answer: &Sdp, ours: &Ours) -> Result<Agreed, Mismatch> {
    let (Some(asked), Some(media)) = (offer.media.first(), answer.media.first()) else {
        return Err(Mismatch::BadAnswer);
    };
    if media.port == 0 || !media.kind.eq_ignore_ascii_case("audio") {
        return Err(Mismatch::NoAudio);
    }
    let mut agreed = agree(answer, 0, ours)?;
    let receive = asked.codecs().into_iter().find(|c| agreed.codec.is(c));
    agreed.receive_payload = receive.ok_or(Mismatch::BadAnswer)?.payload;
    if matches!(ours.security, Security::Dtls { .. }) {
        agreed.dtls_active = answer.attribute(media, "setup") == Some("passive");
    }
    Ok(agreed)
}

/// What can be agreed with the peer's medium, be it offer or answer.
fn agree(theirs: &Sdp, index: usize, ours: &Ours) -> Result<Agreed, Mismatch> {
    let media = &theirs.media[index];
    let remote_key = check_security(theirs, media, &ours.security)?;
    let offered = media.codecs();
    let pick = |ours: &AudioCodec| offered.iter().find(|c| ours.is(c)).map(|c| (*ours, c.payload));
    let (codec, payload) = ours.codecs.iter().find_map(pick).ok_or(Mismatch::NoCodec)?;
    let dtls = matches!(ours.security, Security::Dtls { .. });
    let dtls_active = match (&ours.security, theirs.attribute(media, "setup")) {
        (Security::Dtls { .. }, Some("passive")) => true,
        (Security::Dtls { active, .. }, Some("actpass") | None) => *active,
        _ => false,
    };
    Ok(Agreed {
        codec,
        payload,
        receive_payload: payload,
        events: ours.events.then(|| events(&offered, codec)).flatten(),
        direction: theirs.direction(media).reversed().and(ours.direction),
        remote: theirs.rtp(media).filter(|to| !dtls && !to.ip().is_unspecified()),
        remote_rtcp: theirs.rtcp(media).filter(|to| !dtls && !to.ip().is_unspecified()),
        ptime: media.ptime().filter(|ms| (10..=60).contains(ms)).unwrap_or(20),
        rtcp_mux: media.has("rtcp-mux"),
        remote_key,
        dtls_active,
        index,
    })
}

/// Whether the peer's protection is ours; gives its key under SDES.
fn check_security(theirs: &Sdp, media: &Media, ours: &Security) -> Result<Option<String>, Mismatch> {
    let dtls = theirs.attribute(media, "fingerprint").is_some() && theirs.attribute(media, "ice-ufrag").is_some();
    match ours {
        Security::Plain if !media.is_secure() => Ok(None),
        Security::Dtls { .. } if media.is_secure() && dtls => Ok(None),
        Security::Sdes { .. } if media.is_secure() && !dtls => {
            crypto(media).map(|(_, key)| Some(key)).ok_or(Mismatch::Security)
        }
        _ => Err(Mismatch::Security),
    }
}

/// Tag and key of the first crypto line with our suite.
fn crypto(media: &Media) -> Option<(String, String)> {
    media.attribute_values("crypto").find_map(|value| {
        let mut parts = value.split_ascii_whitespace();
        let (tag, suite, key) = (parts.next()?, parts.next()?, parts.next()?);
        let key = key.strip_prefix("inline:")?.split('|').next()?;
        suite.eq_ignore_ascii_case(SUITE).then(|| (tag.to_owned(), key.to_owned()))
    })
}

/// telephone-event at the codec's clock, else at any (phones often offer only 8,000).
fn events(offered: &[Codec], codec: AudioCodec) -> Option<u8> {
    let mut all = offered.iter().filter(|c| c.name.eq_ignore_ascii_case("telephone-event"));
    let fitting = all.clone().find(|c| c.clock == codec.clock());
    fitting.or_else(|| all.next()).map(|c| c.payload)
}

fn answer(offer: &Sdp, ours: &Ours, agreed: &Agreed) -> Sdp {
    let mut sdp = session(ours);
    for (index, theirs) in offer.media.iter().enumerate() {
        if index == agreed.index {
            sdp.media.push(accepted(offer, theirs, ours, agreed));
        } else {
            let (kind, protocol, formats) = (theirs.kind.clone(), theirs.protocol.clone(), theirs.formats.clone());
            let mut refused = Media { kind, port: 0, ports: None, protocol, formats, lines: Vec::new() };
            if let Some(mid) = theirs.attribute_value("mid") {
                refused.push("mid", mid);
            }
            sdp.media.push(refused);
        }
    }
    let bundle = offer.session.iter().any(|line| line.kind == 'a' && line.value.starts_with("group:BUNDLE"));
    if let (true, Some(mid)) = (bundle, offer.media[agreed.index].attribute_value("mid")) {
        sdp.session.push(Line::attribute("group", &format!("BUNDLE {mid}")));
    }
    sdp
}

fn accepted(offer: &Sdp, theirs: &Media, ours: &Ours, agreed: &Agreed) -> Media {
    let mut media = media(ours, Vec::new());
    media.protocol.clone_from(&theirs.protocol);
    add_codec(&mut media, agreed.codec, agreed.payload);
    let event = theirs.codecs().into_iter().find(|c| Some(c.payload) == agreed.events);
    if let Some(event) = event {
        add_events(&mut media, event.payload, event.clock);
    }
    let setup = match (&ours.security, offer.attribute(theirs, "setup")) {
        (Security::Dtls { .. }, _) if agreed.dtls_active => "active",
        (Security::Dtls { .. }, _) => "passive",
        _ => "",
    };
    let tag = crypto(theirs).and_then(|(tag, _)| tag.parse().ok()).unwrap_or(1);
    finish(&mut media, ours, agreed.direction, theirs.has("rtcp-mux"), setup, tag);
    if let Some(mid) = theirs.attribute_value("mid") {
        media.push("mid", mid);
    }
    media
}

fn session(ours: &Ours) -> Sdp {
    let (family, ip) = (family(ours.rtp.ip()), ours.rtp.ip());
    let Ours { session, version, .. } = ours;
    let mut lines = vec![
        Line::new('v', "0"),
        Line::new('o', format!("- {session} {version} IN {family} {ip}")),
        Line::new('s', "-"),
        Line::new('c', format!("IN {family} {ip}")),
        Line::new('t', "0 0"),
    ];
    if matches!(ours.security, Security::Dtls { ice_lite: true, .. }) {
        lines.push(Line::attribute("ice-lite", ""));
    }
    Sdp { session: lines, media: Vec::new() }
}

fn media(ours: &Ours, formats: Vec<String>) -> Media {
    let protocol = match ours.security {
        Security::Plain => "RTP/AVP",
        Security::Sdes { .. } => "RTP/SAVP",
        Security::Dtls { .. } => "UDP/TLS/RTP/SAVPF",
    };
    let (kind, protocol) = ("audio".to_owned(), protocol.to_owned());
    Media { kind, port: ours.rtp.port(), ports: None, protocol, formats, lines: Vec::new() }
}

fn add_codec(media: &mut Media, codec: AudioCodec, payload: u8) {
    media.formats.push(payload.to_string());
    let channels = if codec.channels() > 1 { "/2" } else { "" };
    media.push("rtpmap", &format!("{payload} {}/{}{channels}", codec.as_str(), codec.clock()));
    if codec == AudioCodec::Opus {
        // Speech: in-band repair on, one channel of sound whatever the rtpmap must say (RFC 7587).
        media.push("fmtp", &format!("{payload} useinbandfec=1;stereo=0"));
    }
}

fn add_events(media: &mut Media, payload: u8, clock: u32) {
    media.formats.push(payload.to_string());
    media.push("rtpmap", &format!("{payload} telephone-event/{clock}"));
    media.push("fmtp", &format!("{payload} 0-15"));
}

fn finish(media: &mut Media, ours: &Ours, direction: Direction, mux: bool, setup: &str, tag: u32) {
    media.push("ptime", "20");
    media.push(direction.as_str(), "");
    if mux {
        media.push("rtcp-mux", "");
    }
    match &ours.security {
        Security::Plain => {}
        Security::Sdes { key } => media.push("crypto", &format!("{tag} {SUITE} inline:{key}")),
        Security::Dtls { ufrag, pwd, fingerprint, candidates, .. } => {
            media.push("ice-ufrag", ufrag);
            media.push("ice-pwd", pwd);
            media.push("fingerprint", fingerprint);
            media.push("setup", setup);
            candidates.iter().for_each(|candidate| media.push("candidate", candidate));
            media.push("end-of-candidates", "");
        }
    }
}

fn family(ip: IpAddr) -> &'static str {
    if ip.is_ipv4() { "IP4" } else { "IP6" }
}

const SUITE: &str = "AES_CM_128_HMAC_SHA1_80";

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn ours() -> Ours {
        Ours {
            rtp: "198.51.100.1:10000".parse().unwrap(),
            codecs: vec![AudioCodec::Pcma, AudioCodec::Pcmu],
            events: true,
            direction: Direction::SendRecv,
            security: Security::Plain,
            session: 5,
            version: 1,
        }
    }

    fn dtls() -> Ours {
        let security = Security::Dtls {
            ufrag: "uf".into(),
            pwd: "pw".into(),
            fingerprint: "sha-256 AA:BB".into(),
            candidates: vec!["1 1 udp 1 198.51.100.1 10000 typ host".into()],
            ice_lite: true,
            active: false,
        };
        Ours { security, codecs: vec![AudioCodec::Opus, AudioCodec::Pcma], ..ours() }
    }

    const BROWSER: &str = "v=0\r\no=- 8 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE a1 v1\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111 63 9 0 8 13 110 126\r\nc=IN IP4 0.0.0.0\r\na=rtcp:9 IN IP4 0.0.0.0\r\na=ice-ufrag:xyzw\r\na=ice-pwd:abcdefghijklmnopqrstuvwx\r\na=ice-options:trickle\r\na=fingerprint:sha-256 01:02\r\na=setup:actpass\r\na=mid:a1\r\na=sendrecv\r\na=rtcp-mux\r\na=rtpmap:111 opus/48000/2\r\na=fmtp:111 minptime=10;useinbandfec=1\r\na=rtpmap:63 red/48000/2\r\na=rtpmap:110 telephone-event/48000\r\na=rtpmap:126 telephone-event/8000\r\nm=video 9 UDP/TLS/RTP/SAVPF 96\r\na=mid:v1\r\na=rtpmap:96 VP8/90000\r\n";

    fn parse(text: &str) -> Sdp {
        Sdp::parse(text.as_bytes()).unwrap()
    }

    #[test]
    fn a_phone_is_answered() {
        let offer = parse(super::super::tests::PHONE);
        let (answer, agreed) = negotiate_audio(&offer, &ours()).unwrap();
        assert_eq!((agreed.codec, agreed.payload, agreed.events), (AudioCodec::Pcma, 8, Some(101)));
        assert_eq!(agreed.remote, Some("192.0.2.4:49170".parse().unwrap()));
        let text = answer.to_string();
        assert!(text.contains("m=audio 10000 RTP/AVP 8 101\r\n"), "{text}");
        assert!(text.contains("m=video 0 RTP/AVP 31\r\n"), "{text}");
        assert!(text.contains("o=- 5 1 IN IP4 198.51.100.1\r\n"), "{text}");
        assert_eq!(parse(&text), answer);
    }

    #[test]
    fn a_browser_is_answered() {
        let (answer, agreed) = negotiate_audio(&parse(BROWSER), &dtls()).unwrap();
        assert_eq!((agreed.codec, agreed.payload, agreed.events), (AudioCodec::Opus, 111, Some(110)));
        assert!(agreed.remote.is_none() && agreed.rtcp_mux && !agreed.dtls_active);
        let text = answer.to_string();
        for line in [
            "a=group:BUNDLE a1\r\n",
            "a=setup:passive\r\n",
            "a=mid:a1\r\n",
            "a=rtcp-mux\r\n",
            "a=ice-ufrag:uf\r\n",
            "a=ice-lite\r\n",
            "m=video 0 UDP/TLS/RTP/SAVPF 96\r\na=mid:v1\r\n",
            "m=audio 10000 UDP/TLS/RTP/SAVPF 111 110\r\n",
        ] {
            assert!(text.contains(line), "{line} in {text}");
        }
        assert_eq!(negotiate_audio(&parse(BROWSER), &ours()), Err(Mismatch::Security));
        let pcma = Ours { codecs: vec![AudioCodec::Pcma], ..dtls() };
        assert_eq!(negotiate_audio(&parse(BROWSER), &pcma).unwrap().1.events, Some(126));
    }

    #[test]
    fn hold_is_answered_and_taken_back() {
        let phone = super::super::tests::PHONE;
        for (held, expected) in [
            (phone.replace("a=ptime:20", "a=sendonly"), Direction::RecvOnly),
            (phone.replace("a=ptime:20", "a=inactive"), Direction::Inactive),
            (phone.replace("c=IN IP4 192.0.2.4", "c=IN IP4 0.0.0.0"), Direction::RecvOnly),
            (phone.replace("a=ptime:20", "a=recvonly"), Direction::SendOnly),
            (phone.to_owned(), Direction::SendRecv),
        ] {
            let (answer, agreed) = negotiate_audio(&parse(&held), &ours()).unwrap();
            assert_eq!(agreed.direction, expected);
            assert_eq!(answer.direction(&answer.media[0]), expected);
        }
        let quiet = Ours { direction: Direction::SendOnly, ..ours() };
        assert_eq!(negotiate_audio(&parse(phone), &quiet).unwrap().1.direction, Direction::SendOnly);
    }

    #[test]
    fn our_offer_meets_our_answer() {
        for side in [ours(), dtls(), Ours { security: Security::Sdes { key: "QUJD".into() }, ..ours() }] {
            let offer = offer_audio(&side);
            assert_eq!(parse(&offer.to_string()), offer);
            let (answer, theirs) = negotiate_audio(&offer, &side).unwrap();
            let agreed = accept_answer(&offer, &answer, &side).unwrap();
            assert_eq!((agreed.codec, agreed.payload, agreed.events), (theirs.codec, theirs.payload, theirs.events));
            assert_eq!(agreed.remote_key, theirs.remote_key);
            let dtls = matches!(side.security, Security::Dtls { .. });
            assert_eq!(agreed.dtls_active != theirs.dtls_active, dtls);
        }
    }

    #[test]
    fn payload_numbers_may_differ_by_direction() {
        let side = Ours { codecs: vec![AudioCodec::Opus], ..ours() };
        let offer = offer_audio(&side);
        let answer = parse(&offer.to_string().replace("111", "96"));
        let agreed = accept_answer(&offer, &answer, &side).unwrap();
        assert_eq!((agreed.payload, agreed.receive_payload), (96, 111));
    }

    #[test]
    fn mismatches() {
        let phone = super::super::tests::PHONE;
        assert_eq!(
            negotiate_audio(&parse(&phone.replace("m=audio 49170/2", "m=audio 0")), &ours()).unwrap_err(),
            Mismatch::NoAudio
        );
        assert_eq!(
            negotiate_audio(&parse(&phone.replace("18 8 0 101", "18 101")), &ours()).unwrap_err(),
            Mismatch::NoCodec
        );
        assert_eq!(negotiate_audio(&parse(phone), &dtls()).unwrap_err(), Mismatch::Security);
        let offer = offer_audio(&ours());
        let refused = parse(&offer.to_string().replace("audio 10000", "audio 0"));
        assert_eq!(accept_answer(&offer, &refused, &ours()), Err(Mismatch::NoAudio));
    }
}
