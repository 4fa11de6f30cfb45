//! SMPP and the texts inside: what operators' centres and departments' programs send.

use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use liandong_sms::pdu::{Bind, Body, COctet, Codec, MAX_PDU_LEN, MAX_TLVS, Message, Pdu, Status, canonical_number};
use liandong_sms::receipt::scan;
use liandong_sms::session::client::{self, Client, ClientConfig, ClientTimers};
use liandong_sms::session::server::{self, AccountLimits, Server, ServerTimers};
use liandong_sms::text::{Decoding, Joiner, MAX_SEGMENTS, Repertoire, decode, encode_septets, split, split_header};
use tokio_util::codec::Decoder;

pub(crate) const WORDS: &[&str] = &[
    "id:",
    " stat:DELIVRD",
    " done date:",
    " err:",
    " text:",
    "\0",
    "\u{5}\0\u{3}\u{1}\u{2}\u{1}",
    "1",
    "１",
    "【",
    "】",
    "13613800138",
    "8613613800138",
    "+86",
    "\u{1b}e",
    "郑州",
    "👩‍👩‍👧",
    "签收",
    "ＴＤ",
    "261124000731",
    "\u{200b}",
    "\u{202e}",
];

/// Any bytes as a stream of PDUs: whatever is read is written so that it reads as the same; texts and receipts in it are read
/// whatever they say.
pub(crate) fn pdu(data: &[u8]) {
    let mut stream = BytesMut::from(data);
    let mut joiner = Joiner::new(Decoding::Gsm);
    while let Ok(Some(item)) = Codec.decode(&mut stream) {
        match item {
            Ok(pdu) => {
                round_trip(&pdu);
                if let Body::Deliver(message) | Body::Submit(message) = &pdu.body {
                    read(message, &mut joiner);
                }
            }
            Err(bad) => {
                let answer = bad.answer();
                round_trip(&answer);
            }
        }
    }
    assert!(stream.len() <= data.len());
    let _ = Pdu::decode(Bytes::copy_from_slice(data));
}

fn round_trip(pdu: &Pdu) {
    let mut out = BytesMut::new();
    pdu.encode(&mut out).expect("what was read fits a frame");
    assert!(out.len() <= MAX_PDU_LEN);
    let again = Pdu::decode(out.freeze()).expect("written by us");
    assert_eq!(&again, pdu);
}

fn read(message: &Message, joiner: &mut Joiner) {
    assert!(message.tlvs.0.len() <= MAX_TLVS);
    let _ = (scan(message).map(|r| (r.dedupe_key(), r.ids().count())), message.has_two_texts());
    let payload = message.payload();
    let (place, octets) = split_header(&payload);
    let text = decode(message.data_coding, octets, Decoding::Gsm);
    assert!(text.len() <= 4 * octets.len() + 64, "a text grows with its octets only");
    if let Some(place) = place {
        let now = Instant::now();
        joiner.push("1", "2", place, message.data_coding, octets, now);
        let _ = joiner.give_up(now + Duration::from_secs(u64::from(message.priority_flag)));
    }
    let _ = (canonical_number(&message.source.number.text()).len(), message.destination.number.text());
}

/// Any text through the splitter: no segment too long, and the segments decoded again are the text.
pub(crate) fn text(data: &[u8]) {
    let Some((&reserve, data)) = data.split_first() else { return };
    let text = String::from_utf8_lossy(data);
    let reserve = usize::from(reserve % 32);
    for (repertoire, limit) in [(Repertoire::Gsm, 160), (Repertoire::GsmAndLatin1, 160), (Repertoire::AsciiOnly, 160)] {
        let Ok(split) = split(&text, repertoire, reserve) else { continue };
        assert!(split.segments.len() <= MAX_SEGMENTS);
        let coding = split.alphabet.data_coding();
        let joined: String = split
            .segments
            .iter()
            .map(|octets| {
                assert!(octets.len() <= limit);
                let default =
                    if matches!(repertoire, Repertoire::AsciiOnly) { Decoding::Latin1 } else { Decoding::Gsm };
                decode(coding, octets, default)
            })
            .collect();
        assert_eq!(joined, text, "in {coding}");
    }
    for coding in [0, 1, 3, 4, 8, 9, 0x18, 0xf1] {
        for default in [Decoding::Gsm, Decoding::GsmPacked, Decoding::Latin1] {
            let _ = decode(coding, data, default);
        }
    }
    let _ = encode_septets(&text);
}

/// Any bytes against both session machines, with time passing: the answers are PDUs, windows hold, timers are in the future.
pub(crate) fn session(data: &[u8]) {
    let Some((&how, data)) = data.split_first() else { return };
    let start = Instant::now();
    serve(how, data, start);
    submit(how, data, start);
}

fn serve(how: u8, data: &[u8], start: Instant) {
    let limits = AccountLimits { window: 4, rate: 8, deliver_window: 2 };
    let mut server = Server::new(COctet::new("hub").expect("three octets"), ServerTimers::default(), start);
    let (mut stream, mut now, mut taking) = (BytesMut::from(data), start, Vec::new());
    loop {
        match Codec.decode(&mut stream) {
            Ok(Some(pdu)) => server.received(pdu, now),
            Ok(None) => break server.lost("end"),
            Err(error) => break server.broken(&error),
        }
        while let Some(output) = server.poll_output() {
            match output {
                server::Output::Send(pdu) => round_trip(&pdu),
                server::Output::Bind(_) if how & 1 == 0 => server.bind_checked(Ok(limits), now),
                server::Output::Bind(_) => server.bind_checked(Err(Status::RINVPASWD), now),
                server::Output::Submit { handle, .. } if how & 2 == 0 => taking.push(handle),
                server::Output::Submit { handle, .. } => server.submit_taken(handle, Ok("id")),
                _ => {}
            }
        }
        assert!(taking.len() <= limits.window, "the window holds");
        if how & 4 != 0 {
            now += Duration::from_secs(u64::from(how));
            server.handle_timeout(now);
        }
        if how & 8 != 0
            && let Some(handle) = taking.pop()
        {
            server.submit_taken(handle, Err(Status::RTHROTTLED));
        }
    }
    while server.poll_output().is_some() {}
    assert!(server.is_closed());
}

fn submit(how: u8, data: &[u8], start: Instant) {
    let config = ClientConfig { bind: Bind::default(), window: 2, timers: ClientTimers::default() };
    let (mut client, mut now) = (Client::new(config, 7, start), start);
    client.handle_timeout(now);
    client.connected(now);
    let mut stream = BytesMut::from(data);
    let mut token = 0;
    loop {
        match Codec.decode(&mut stream) {
            Ok(Some(pdu)) => client.received(pdu, now),
            Ok(None) => break client.lost("end", now),
            Err(error) => break client.broken(&error, now),
        }
        while client.can_submit() {
            token += 1;
            assert!(client.submit(token, Message::default(), now));
        }
        assert!(client.in_flight() <= 2, "the window holds");
        while let Some(output) = client.poll_output() {
            match output {
                client::Output::Send(pdu) => round_trip(&pdu),
                client::Output::Deliver { handle, .. } => client.answer(handle, Status::ROK),
                _ => {}
            }
        }
        if how & 4 != 0 {
            now += Duration::from_secs(u64::from(how));
            client.handle_timeout(now);
        }
    }
    while client.poll_output().is_some() {}
}
