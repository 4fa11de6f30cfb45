//! SIP and SDP: what strangers send to ports 5060.

use liandong_sip::digest::{Challenge, Credentials};
use liandong_sip::framing::{Frame, StreamFramer, datagram};
use liandong_sip::sdp::{AudioCodec, Direction, Ours, Security, negotiate_audio};
use liandong_sip::transaction::Config;
use liandong_sip::{Bytes, Endpoint, Flow, Message, Millis, Name, NameAddr, Output, Response, Sdp, Uri, Via};

pub(crate) const WORDS: &[&str] = &[
    "\r\n",
    "\r\n\r\n",
    "\n",
    "\r\n ",
    "SIP/2.0",
    "INVITE",
    "ACK",
    "CANCEL",
    "REGISTER",
    "Via: SIP/2.0/UDP h;branch=z9hG4bK",
    ";branch=",
    ";tag=",
    ";rport",
    ";received=",
    "Content-Length: ",
    "l: 4294967296",
    "Content-Length: -1",
    "CSeq: ",
    "Max-Forwards: 0",
    "Contact: *",
    "Expires: 99999999999",
    "Require: 100rel",
    "Route: <sip:h;lr>",
    "Content-Type: multipart/mixed;boundary=x",
    "Authorization: Digest ",
    "username=\"",
    "algorithm=SHA-256",
    "nc=00000001",
    "qop=auth",
    "sip:",
    "sips:",
    "tel:",
    "<",
    ">",
    "\"",
    "\\\"",
    "%00",
    "%",
    "@",
    "[::1]",
    "[",
    "]",
    ";",
    "?",
    "&",
    "=",
    ",",
    "\0",
    "\u{1b}[2J",
    "\u{feff}",
    "郑州",
    "\u{c3}\u{28}",
    "16777216",
];
pub(crate) const SDP_WORDS: &[&str] = &[
    "\r\n",
    "v=0",
    "o=- 1 1 IN IP4 h",
    "m=audio 0 RTP/AVP",
    "m=video 9 UDP/TLS/RTP/SAVPF 96",
    "c=IN IP4 0.0.0.0",
    "c=IN IP6 ::",
    "a=rtpmap:8 PCMA/8000",
    "a=rtpmap:111 opus/48000/2",
    "a=fmtp:",
    "a=candidate:1 1 udp 1 h 1 typ host",
    "a=fingerprint:sha-256 01",
    "a=setup:active",
    "a=ice-ufrag:",
    "a=ice-pwd:",
    "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:",
    "a=group:BUNDLE",
    "a=mid:",
    "a=simulcast:send ",
    "a=rid:",
    "a=ssrc:",
    "a=ssrc-group:FID ",
    "a=extmap:1 ",
    "a=rtcp:9",
    "a=ptime:99999",
    "a=sendonly",
    "65536",
    "4294967296",
    "-1",
    ";~",
    "\0",
    "郑",
];

/// Any bytes as a message: every accessor gives a value or an error, and what parses is written so that it parses again.
pub(crate) fn message(data: &[u8]) {
    let message = match Message::parse(Bytes::copy_from_slice(data)) {
        Ok(message) => message,
        Err(error) => {
            if let Some(answer) = error.answer() {
                assert!(Message::parse(answer.encode()).is_ok(), "the answer to a bad message is a good one");
            }
            return;
        }
    };
    let once = message.encode();
    assert_eq!(Message::parse(once.clone()).expect("written by us").encode(), once);
    let h = message.headers();
    let _ = (h.vias(), h.from(), h.to(), h.call_id(), h.cseq(), h.contacts(), h.max_forwards());
    let _ = (h.expires(), h.content_type(), h.tokens(Name::Require), h.addresses(Name::Route));
    if let Message::Request(mut request) = message {
        let _ = (request.check(), request.hops_left(), request.unknown_extensions(&["timer"]));
        let _ = request.stamp_source(([192, 0, 2, 1], 5060).into());
        let mut answer = Response::to(&request, 200, "");
        answer.set_to_tag("tag");
        assert!(Message::parse(answer.encode()).is_ok());
        request.headers.remove_first_value(Name::Via);
        assert!(Message::parse(request.encode()).is_ok());
    }
}

fn frames(data: &[u8], step: usize) -> (Vec<Bytes>, bool) {
    let (mut framer, mut found) = (StreamFramer::new(), Vec::new());
    for piece in data.chunks(step) {
        framer.push(piece);
        loop {
            match framer.next() {
                Ok(Some(Frame::Message(bytes))) => found.push(bytes),
                Ok(Some(_)) => {}
                Ok(None) => break,
                Err(_) => return (found, true),
            }
        }
    }
    (found, false)
}

/// Any bytes as a stream: cut in whatever pieces, the same frames come out. The first octet says how it is cut.
pub(crate) fn stream(data: &[u8]) {
    let Some((&step, data)) = data.split_first() else { return };
    let _ = datagram(Bytes::copy_from_slice(data));
    assert_eq!(frames(data, usize::from(step).max(1)), frames(data, data.len().max(1)));
}

/// Any text as URI, address, Via or credentials: what parses is written so that it parses again.
pub(crate) fn values(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    if let Ok(uri) = Uri::parse(text) {
        assert_eq!(uri.as_str(), text);
        assert!(uri.equivalent(&uri));
        let _ = (uri.user_plain(), uri.params().count(), uri.header_pairs().count(), uri.without_headers());
    }
    if let Ok(address) = NameAddr::parse(text) {
        // Control characters of a display name are not written: the second reading is what stays.
        let tame = NameAddr::parse(&address.to_string()).expect("written by us");
        assert_eq!(tame.uri, address.uri);
        assert_eq!(NameAddr::parse(&tame.to_string()).as_ref(), Ok(&tame));
    }
    if let Ok(via) = Via::parse(text) {
        assert_eq!(Via::parse(&via.to_string()).as_ref(), Ok(&via));
    }
    let _ = Credentials::parse(text);
    if let Some(challenge) = Challenge::parse(text) {
        let _ = challenge.to_string();
    }
}

/// Any datagrams at any times against the transaction layer: tables stay bounded and empty themselves, and nothing that it
/// sends is more than one answer to one request.
pub(crate) fn endpoint(data: &[u8]) {
    const TABLE: usize = 8;
    let config = Config { server_transactions: TABLE, client_transactions: TABLE, ..Config::default() };
    let mut endpoint = Endpoint::new(config, [1; 32]);
    let flow = Flow::udp(([192, 0, 2, 1], 5060).into(), ([192, 0, 2, 2], 5060).into());
    let mut now = Millis(0);
    // 0xff cannot stand in a good message: it parts datagrams; the octet behind it is their time.
    for piece in data.split(|octet| *octet == 0xff) {
        let Some((&wait, bytes)) = piece.split_first() else { continue };
        now = now.plus(u64::from(wait) * 50);
        endpoint.handle_timeout(now);
        endpoint.handle_bytes(flow, Bytes::copy_from_slice(bytes), now);
        while let Some(output) = endpoint.poll_output() {
            match output {
                Output::Send { bytes, .. } => assert!(Message::parse(bytes).is_ok()),
                Output::Request { key, request, .. } if wait % 2 == 0 => {
                    let status = 100 + u16::from(wait) * 2;
                    let _ = endpoint.respond(key, Response::to(&request, status, ""), now);
                }
                _ => {}
            }
        }
        assert!(endpoint.len().0 <= TABLE);
    }
    for _ in 0..1_000 {
        let Some(at) = endpoint.poll_timeout() else { break };
        endpoint.handle_timeout(at);
    }
    assert!(endpoint.is_empty());
}

/// Any bytes as a session description: it is kept, and whatever is agreed is written as one.
pub(crate) fn sdp(data: &[u8]) {
    let Ok(sdp) = Sdp::parse(data) else { return };
    assert_eq!(Sdp::parse(sdp.to_string().as_bytes()).as_ref(), Ok(&sdp));
    for media in &sdp.media {
        let _ = (media.codecs(), media.candidates(), media.ptime(), sdp.rtcp(media), sdp.direction(media));
    }
    let ours = Ours {
        rtp: ([192, 0, 2, 1], 10_000).into(),
        codecs: vec![AudioCodec::Pcma, AudioCodec::Opus],
        events: true,
        direction: Direction::SendRecv,
        security: Security::Plain,
        session: 1,
        version: 1,
    };
    if let Ok((answer, _)) = negotiate_audio(&sdp, &ours) {
        assert_eq!(answer.media.len(), sdp.media.len());
        assert!(Sdp::parse(answer.to_string().as_bytes()).is_ok());
    }
}
