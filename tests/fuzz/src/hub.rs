//! The parsers that live in the hub: LiveKit's signalling and tokens, case flows, telephone numbers.

use std::collections::HashMap;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use liandong::cases::{classes::Classes, clocks::Calendars, flow::check_text, number};
use liandong::ids::{PhoneNumber, Timestamp};
use liandong::meetings::room::{Input, Join, Output, Room};
use liandong::meetings::signal::Connect;
use liandong::meetings::signal::frame::{Encoding, FRAME_MAX, decode};
use liandong::meetings::token::Signer;
use livekit_protocol as proto;
use prost::Message as _;

pub(crate) const SIGNAL_WORDS: &[&str] = &[
    "{\"mute\":{",
    "{\"offer\":{\"sdp\":\"",
    "\"sid\":\"TR_1\"",
    "\"type\":\"offer\"",
    "{\"addTrack\":{",
    "\"muted\":true",
    "}}",
    "null",
    "1e999",
    "\\u0000",
    "18446744073709551616",
    "v=0\r\n",
    "{\"leave\":{}}",
    "{\"trickle\":{",
    "{\"subscription\":{\"trackSids\":[",
    "]",
    ",",
    "\u{feff}",
];
pub(crate) const TOKEN_WORDS: &[&str] =
    &[".", "eyJhbGciOiJub25lIn0", "eyJhbGciOiJIUzI1NiJ9", "=", "-", "_", "{\"video\":", "\"exp\":1e400", "\"nbf\":-1"];
pub(crate) const FLOW_WORDS: &[&str] = &[
    "[[ways]]",
    "[nodes.",
    "verb = \"",
    "from = [",
    "to = \"",
    "guard = \"",
    "clock = \"",
    "\n",
    "=",
    "]",
    "\"",
    "'''",
    "\u{feff}",
    "99999999999999999999",
    "还",
];

/// Any frames of a client in a room: the room goes on, its messages can be written, and it asks nothing without limit.
pub(crate) fn signal(data: &[u8]) {
    let Some((&how, data)) = data.split_first() else { return };
    let start = Instant::now();
    let mut room = Room::new(1, "drill", "salt", 0, start);
    let permission = proto::ParticipantPermission {
        can_subscribe: true,
        can_publish: true,
        can_publish_data: how & 1 == 0,
        can_update_metadata: true,
        ..proto::ParticipantPermission::default()
    };
    let peer = room.next_peer();
    let join = Join { identity: "a".into(), permission, auto_subscribe: true, socket: 1, ..Join::default() };
    let mut sent = written(room.handle(Input::Join(peer, Box::new(join)), start, 0));
    // Frames stand behind each other with two octets of length, as a socket would give them.
    let (mut rest, mut now) = (data, start);
    while let Some((length, tail)) = rest.split_first_chunk::<2>() {
        let length = usize::from(u16::from_be_bytes(*length)).min(tail.len());
        let (frame, tail) = tail.split_at(length);
        rest = tail;
        let encoding = if frame.first() == Some(&b'{') { Encoding::Text } else { Encoding::Binary };
        let Ok(Some(request)) = decode(encoding, frame) else { continue };
        now += Duration::from_millis(100);
        sent += written(room.handle(Input::Request(peer, Box::new(request)), now, 0));
        sent += written(room.handle(Input::Tick, now, 0));
    }
    assert!(room.participants().len() <= 1);
    assert!(sent <= 10 * FRAME_MAX, "answers without end: {sent} octets");
    connect(data);
}

fn written(outputs: Vec<Output>) -> usize {
    let mut octets = 0;
    for output in outputs {
        if let Output::Send(_, message) = output {
            octets += proto::SignalResponse { message: Some(*message) }.encoded_len();
        }
    }
    octets
}

fn connect(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let pairs = text.split('&').filter_map(|pair| pair.split_once('='));
    let query: HashMap<String, String> = pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    let _ = (Connect::dual(&query), Connect::single(&query));
}

/// Any text as an access token: only what was signed with the secret is believed.
pub(crate) fn token(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let signer = Signer::new("key", "a secret that no seed is signed with");
    assert!(signer.verify(text, Timestamp(1_800_000_000_000)).is_err(), "a forged token was believed");
}

/// Any text as a case flow: findings with their places, never a panic.
pub(crate) fn flow(data: &[u8]) {
    static SHIPPED: OnceLock<(Classes, Calendars)> = OnceLock::new();
    let (classes, calendars) = SHIPPED.get_or_init(|| (Classes::shipped(), Calendars::shipped()));
    let Ok(text) = std::str::from_utf8(data) else { return };
    match check_text(text, classes, calendars) {
        Ok(flow) => assert!(!flow.nodes.is_empty()),
        Err(findings) => {
            let lines = text.lines().count() + 1;
            assert!(!findings.is_empty(), "refused without a word");
            assert!(findings.iter().all(|f| (1..=lines).contains(&f.line)), "a place outside the file: {findings:?}");
        }
    }
}

/// Any text as a telephone number or a case's public number: what is taken is short, and reads as the same again.
pub(crate) fn numbers(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    if let Some(found) = number::find_public_no(text) {
        assert_eq!(number::parse_public_no(&found).as_ref(), Some(&found));
    }
    if let Ok(number) = PhoneNumber::parse(text) {
        assert!(number.as_str().len() <= 32, "a number of {} octets", number.as_str().len());
        assert_eq!(PhoneNumber::parse(number.as_str()).as_ref(), Ok(&number));
    }
}
