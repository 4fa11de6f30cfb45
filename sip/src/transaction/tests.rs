//! The layer against itself and against hand-written peers, on a virtual clock.

#![allow(clippy::unwrap_used)]

use bytes::Bytes;
use proptest::prelude::*;

use super::*;
use crate::{
    Method,
    flow::{ConnectionId, Flow, Transport},
    message::{Message, Name, Request, Response},
    tokens::Tokens,
    uri::Uri,
};

fn udp() -> Flow {
    Flow::udp("192.0.2.1:5060".parse().unwrap(), "192.0.2.2:5060".parse().unwrap())
}

fn tcp() -> Flow {
    Flow { transport: Transport::Tcp, connection: ConnectionId(1), ..udp() }
}

fn endpoint() -> Endpoint {
    Endpoint::new(Config::default(), [7; 32])
}

fn request(method: &str, branch: &str) -> Request {
    let text = format!(
        "{method} sip:a@h SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.2;branch=z9hG4bK{branch}\r\nFrom: <sip:b@h>;tag=f{branch}\r\nTo: <sip:a@h>\r\nCall-ID: c{branch}\r\nCSeq: 1 {method}\r\nMax-Forwards: 70\r\nl: 0\r\n\r\n"
    );
    match Message::parse(text.into()).unwrap() {
        Message::Request(request) => request,
        Message::Response(_) => unreachable!(),
    }
}

fn ours(method: Method) -> Request {
    let cseq = format!("1 {method}");
    Request::new(method, &Uri::parse("sip:a@h").unwrap())
        .with(Name::From, "<sip:b@h>;tag=f")
        .with(Name::To, "<sip:a@h>")
        .with(Name::CallId, "c")
        .with(Name::CSeq, cseq)
}

/// All that comes out, sent messages as their start line.
fn drain(endpoint: &mut Endpoint) -> Vec<String> {
    let first = |bytes: &Bytes| String::from_utf8_lossy(bytes).lines().next().unwrap_or_default().to_owned();
    std::iter::from_fn(|| endpoint.poll_output())
        .map(|output| match output {
            Output::Send { bytes, .. } => first(&bytes),
            Output::Request { request, .. } => format!("got {}", request.method),
            Output::Ack { .. } => "got ACK".into(),
            Output::NoAck { .. } => "no ACK".into(),
            Output::Cancel { .. } => "cancelled".into(),
            Output::Unanswered { .. } => "unanswered".into(),
            Output::Stray { response, .. } => format!("stray {}", response.status),
            Output::Response { response, .. } => format!("got {}", response.status),
            Output::Timeout { .. } => "timeout".into(),
            Output::TransportFailed { .. } => "failed".into(),
        })
        .collect()
}

fn receive(endpoint: &mut Endpoint, flow: Flow, request: &Request, now: u64) -> Option<ServerKey> {
    endpoint.handle_message(flow, Message::Request(request.clone()), Millis(now));
    match endpoint.poll_output() {
        Some(Output::Request { key, .. }) => Some(key),
        Some(other) => {
            endpoint.put_back(other);
            None
        }
        None => None,
    }
}

/// Runs the clock until `until`; gives (time, what came out).
fn run(endpoint: &mut Endpoint, until: u64) -> Vec<(u64, String)> {
    let mut seen = Vec::new();
    while let Some(Millis(at)) = endpoint.poll_timeout().filter(|at| at.0 <= until) {
        endpoint.handle_timeout(Millis(at));
        seen.extend(drain(endpoint).into_iter().map(|text| (at, text)));
    }
    seen
}

fn answer_to(sent: &Bytes, status: u16, tag: &str) -> Message {
    let Message::Request(request) = Message::parse(sent.clone()).unwrap() else { panic!("a request") };
    let mut response = Response::to(&request, status, "");
    response.set_to_tag(tag);
    Message::Response(response)
}

fn sent(endpoint: &mut Endpoint) -> Bytes {
    loop {
        match endpoint.poll_output() {
            Some(Output::Send { bytes, .. }) => return bytes,
            Some(_) => {}
            None => panic!("nothing was sent"),
        }
    }
}

#[test]
fn invite_client_over_udp_retransmits_and_times_out() {
    let mut e = endpoint();
    e.send_request(udp(), ours(Method::Invite), Millis(0)).unwrap();
    drain(&mut e);
    let times: Vec<u64> = run(&mut e, 100_000).iter().map(|(at, _)| *at).collect();
    assert_eq!(times, [500, 1_500, 3_500, 7_500, 15_500, 31_500, 32_000]);
    assert!(e.is_empty() && e.poll_timeout().is_none());
}

#[test]
fn plain_client_over_udp_backs_off_to_t2_and_over_tcp_waits() {
    let mut e = endpoint();
    e.send_request(udp(), ours(Method::Options), Millis(0)).unwrap();
    drain(&mut e);
    let seen = run(&mut e, 100_000);
    assert_eq!(seen.iter().map(|s| s.0).take(5).collect::<Vec<_>>(), [500, 1_500, 3_500, 7_500, 11_500]);
    assert_eq!(seen.last().unwrap(), &(32_000, "timeout".to_owned()));
    e.send_request(tcp(), ours(Method::Options), Millis(0)).unwrap();
    drain(&mut e);
    assert_eq!(run(&mut e, 100_000), [(32_000, "timeout".to_owned())]);
}

#[test]
fn refused_invite_is_acknowledged_each_time_and_delivered_once() {
    let mut e = endpoint();
    e.send_request(udp(), ours(Method::Invite), Millis(0)).unwrap();
    let wire = sent(&mut e);
    let busy = answer_to(&wire, 486, "x");
    e.handle_message(udp(), busy.clone(), Millis(10));
    assert_eq!(drain(&mut e), ["ACK sip:a@h SIP/2.0", "got 486"]);
    e.handle_message(udp(), busy, Millis(20));
    let ack = sent(&mut e);
    let Message::Request(ack) = Message::parse(ack).unwrap() else { panic!() };
    let Message::Request(invite) = Message::parse(wire).unwrap() else { panic!() };
    assert_eq!(ack.headers.via(), invite.headers.via());
    assert_eq!(ack.headers.to().unwrap().tag(), Some("x"));
    assert_eq!(ack.headers.cseq().unwrap().to_string(), "1 ACK");
    run(&mut e, 100_000);
    assert!(e.is_empty());
}

#[test]
fn each_fork_is_delivered_once_and_its_ack_repeated() {
    let mut e = endpoint();
    let key = e.send_request(udp(), ours(Method::Invite), Millis(0)).unwrap();
    let wire = sent(&mut e);
    e.handle_message(udp(), answer_to(&wire, 180, "x"), Millis(5));
    e.handle_message(udp(), answer_to(&wire, 200, "x"), Millis(10));
    assert_eq!(drain(&mut e), ["got 180", "got 200"]);
    // Repeated before the user gave its ACK: nothing to send yet.
    e.handle_message(udp(), answer_to(&wire, 200, "x"), Millis(11));
    assert!(drain(&mut e).is_empty());
    let ack = ours(Method::Ack);
    let mut ack = ack;
    ack.headers.set(Name::To, "<sip:a@h>;tag=x");
    e.ack(key, udp(), ack);
    let first = sent(&mut e);
    e.handle_message(udp(), answer_to(&wire, 200, "x"), Millis(500));
    assert_eq!(sent(&mut e), first);
    e.handle_message(udp(), answer_to(&wire, 200, "y"), Millis(600));
    assert_eq!(drain(&mut e), ["got 200"]);
    run(&mut e, 32_009);
    assert!(!e.is_empty());
    run(&mut e, 32_010);
    assert!(e.is_empty());
    e.handle_message(udp(), answer_to(&wire, 200, "z"), Millis(40_000));
    assert_eq!(drain(&mut e), ["stray 200"], "long forgotten: its sender is to be hung up");
}

#[test]
fn cancel_waits_for_a_provisional_answer() {
    let mut e = endpoint();
    let key = e.send_request(udp(), ours(Method::Invite), Millis(0)).unwrap();
    let wire = sent(&mut e);
    assert!(e.cancel(key, Some("SIP;cause=200"), Millis(1)));
    assert!(!e.cancel(key, None, Millis(1)));
    assert!(drain(&mut e).is_empty());
    e.handle_message(udp(), answer_to(&wire, 100, ""), Millis(2));
    assert_eq!(drain(&mut e), ["got 100", "CANCEL sip:a@h SIP/2.0"]);
    e.handle_message(udp(), answer_to(&wire, 487, "x"), Millis(3));
    assert_eq!(drain(&mut e), ["ACK sip:a@h SIP/2.0", "got 487"]);
    run(&mut e, 100_000);
    assert!(e.is_empty());
}

#[test]
fn a_cancelled_invite_without_answer_ends() {
    let mut e = endpoint();
    let key = e.send_request(tcp(), ours(Method::Invite), Millis(0)).unwrap();
    let wire = sent(&mut e);
    e.handle_message(tcp(), answer_to(&wire, 180, "x"), Millis(2));
    drain(&mut e);
    assert!(e.cancel(key, None, Millis(1_000)));
    let cancel = sent(&mut e);
    e.handle_message(tcp(), answer_to(&cancel, 200, "x"), Millis(1_001));
    assert!(drain(&mut e).is_empty());
    assert_eq!(run(&mut e, 100_000), [(33_000, "timeout".to_owned())]);
    assert!(!e.cancel(key, None, Millis(50_000)));
}

#[test]
fn an_unanswered_invite_gets_100_and_repetitions_never_ring_twice() {
    let mut e = endpoint();
    let invite = request("INVITE", "1");
    let key = receive(&mut e, udp(), &invite, 0).unwrap();
    assert!(receive(&mut e, udp(), &invite, 100).is_none());
    assert_eq!(run(&mut e, 300), [(200, "SIP/2.0 100 Trying".to_owned())]);
    e.respond(key, Response::to(&invite, 180, ""), Millis(400)).unwrap();
    assert_eq!(drain(&mut e), ["SIP/2.0 180 Ringing"]);
    assert!(receive(&mut e, udp(), &invite, 500).is_none());
    assert_eq!(drain(&mut e), ["SIP/2.0 180 Ringing"]);
    assert_eq!(run(&mut e, 60_400), [(60_400, "SIP/2.0 180 Ringing".to_owned())]);
    e.respond(key, Response::to(&invite, 200, ""), Millis(61_000)).unwrap();
    drain(&mut e);
    // RFC 6026: absorbed for 64·T1 past the 2xx, also after the ACK.
    assert!(receive(&mut e, udp(), &invite, 61_100).is_none());
    assert!(drain(&mut e).is_empty());
    assert_eq!(e.respond(key, Response::to(&invite, 486, ""), Millis(61_200)), Err(RespondError::AlreadyAnswered));
}

fn tag_sent(endpoint: &mut Endpoint) -> String {
    let bytes = sent(endpoint);
    Message::parse(bytes).unwrap().headers().to().unwrap().tag().unwrap().to_owned()
}

fn ack_for(invite: &Request, tag: &str, branch: &str) -> Request {
    let mut ack = request("ACK", branch);
    for name in [Name::From, Name::CallId] {
        ack.headers.remove(name);
        ack.headers.copy(&invite.headers, name);
    }
    ack.headers.set(Name::To, format!("<sip:a@h>;tag={tag}"));
    ack
}

#[test]
fn success_is_repeated_until_its_ack_on_any_transport() {
    for flow in [udp(), tcp()] {
        let mut e = endpoint();
        let invite = request("INVITE", "1");
        let key = receive(&mut e, flow, &invite, 0).unwrap();
        e.respond(key, Response::to(&invite, 200, ""), Millis(10)).unwrap();
        let tag = tag_sent(&mut e);
        let times: Vec<u64> = run(&mut e, 12_000).iter().map(|s| s.0).collect();
        assert_eq!(times, [510, 1_510, 3_510, 7_510, 11_510]);
        let ack = ack_for(&invite, &tag, "other");
        e.handle_message(flow, Message::Request(ack.clone()), Millis(12_000));
        e.handle_message(flow, Message::Request(ack), Millis(12_001));
        assert_eq!(drain(&mut e), ["got ACK"]);
        assert!(run(&mut e, 100_000).is_empty());
        assert!(e.is_empty() && e.poll_timeout().is_none());
    }
}

#[test]
fn success_without_ack_is_told() {
    let mut e = endpoint();
    let invite = request("INVITE", "1");
    let key = receive(&mut e, udp(), &invite, 0).unwrap();
    e.respond(key, Response::to(&invite, 200, ""), Millis(0)).unwrap();
    let tag = tag_sent(&mut e);
    // An ACK of another dialog or number is not ours.
    e.handle_message(udp(), Message::Request(ack_for(&invite, "wrong", "o")), Millis(1));
    assert!(drain(&mut e).is_empty());
    assert_ne!(tag, "wrong");
    assert_eq!(run(&mut e, 100_000).last().unwrap(), &(32_000, "no ACK".to_owned()));
    assert!(e.is_empty());
}

#[test]
fn a_refusal_is_repeated_over_udp_until_its_ack() {
    let mut e = endpoint();
    let invite = request("INVITE", "1");
    let key = receive(&mut e, udp(), &invite, 0).unwrap();
    e.respond(key, Response::to(&invite, 486, ""), Millis(0)).unwrap();
    let tag = tag_sent(&mut e);
    assert_eq!(run(&mut e, 1_600).iter().map(|s| s.0).collect::<Vec<_>>(), [500, 1_500]);
    e.handle_message(udp(), Message::Request(ack_for(&invite, &tag, "1")), Millis(1_700));
    assert!(run(&mut e, 100_000).is_empty());
    assert!(e.is_empty());
}

#[test]
fn cancel_is_answered_and_the_invite_ended() {
    let mut e = endpoint();
    let invite = request("INVITE", "1");
    receive(&mut e, udp(), &invite, 0).unwrap();
    let mut cancel = request("CANCEL", "1");
    e.handle_message(udp().to("198.51.100.1:5060".parse().unwrap()), Message::Request(cancel.clone()), Millis(5));
    assert_eq!(drain(&mut e), ["SIP/2.0 481 Call/Transaction Does Not Exist"], "from elsewhere");
    e.handle_message(udp(), Message::Request(cancel.clone()), Millis(10));
    assert_eq!(drain(&mut e), ["SIP/2.0 200 OK", "SIP/2.0 487 Request Terminated", "cancelled"]);
    e.handle_message(udp(), Message::Request(cancel.clone()), Millis(11));
    assert_eq!(drain(&mut e), ["SIP/2.0 200 OK"]);
    cancel = request("CANCEL", "unknown");
    e.handle_message(udp(), Message::Request(cancel), Millis(12));
    assert_eq!(drain(&mut e), ["SIP/2.0 481 Call/Transaction Does Not Exist"]);
}

#[test]
fn cancel_after_the_answer_changes_nothing() {
    let mut e = endpoint();
    let invite = request("INVITE", "1");
    let key = receive(&mut e, udp(), &invite, 0).unwrap();
    e.respond(key, Response::to(&invite, 200, ""), Millis(0)).unwrap();
    drain(&mut e);
    e.handle_message(udp(), Message::Request(request("CANCEL", "1")), Millis(1));
    assert_eq!(drain(&mut e), ["SIP/2.0 200 OK"]);
}

#[test]
fn non_invite_is_never_answered_408_and_forgotten_in_time() {
    let mut e = endpoint();
    let options = request("OPTIONS", "1");
    let key = receive(&mut e, udp(), &options, 0).unwrap();
    assert_eq!(e.respond(key, Response::to(&options, 408, ""), Millis(1)), Err(RespondError::NoTimeoutAnswer));
    assert!(receive(&mut e, udp(), &options, 500).is_none());
    assert!(run(&mut e, 100_000).is_empty());
    assert!(e.is_empty());
    assert_eq!(e.respond(key, Response::to(&options, 200, ""), Millis(50_000)), Err(RespondError::Gone));
    // Answered ones repeat their answer for 32 s.
    let key = receive(&mut e, udp(), &options, 100_000).unwrap();
    e.respond(key, Response::to(&options, 200, ""), Millis(100_001)).unwrap();
    drain(&mut e);
    assert!(receive(&mut e, udp(), &options, 101_000).is_none());
    assert_eq!(drain(&mut e), ["SIP/2.0 200 OK"]);
}

#[test]
fn strays_get_no_answer() {
    let mut e = endpoint();
    e.handle_message(udp(), Message::Request(request("ACK", "1")), Millis(0));
    for status in [100, 200, 404] {
        e.handle_message(udp(), Message::Response(Response::to(&request("INVITE", "1"), status, "")), Millis(0));
        e.handle_message(udp(), Message::Response(Response::new(status, "")), Millis(0));
    }
    for bytes in [
        "",
        "\r\n\r\n",
        "SIP/2.0 999 x\r\n\r\n",
        "ACK x SIP/2.0\r\nVia: SIP/2.0/UDP h\r\n\r\n",
        "OPTIONS sip:a SIP/2.0\r\n\r\n",
    ] {
        e.handle_bytes(udp(), Bytes::from_static(bytes.as_bytes()), Millis(0));
    }
    assert!(drain(&mut e).is_empty() && e.is_empty());
}

#[test]
fn a_200_to_an_invite_of_an_earlier_life_is_told_and_can_be_hung_up() {
    let mut e = endpoint();
    let invite = request("INVITE", "9");
    let mut ok = Response::to(&invite, 200, "").with(Name::Contact, "<sip:b@192.0.2.9>");
    ok.set_to_tag("b");
    e.handle_message(udp(), Message::Response(ok.clone()), Millis(0));
    assert_eq!(drain(&mut e), ["stray 200"]);
    let contact = crate::NameAddr::parse("<sip:hub@192.0.2.1>").unwrap();
    let bye = crate::Dialog::of_stray(&ok, contact).unwrap().request(Method::Bye).unwrap();
    assert_eq!(bye.target_text(), "sip:b@192.0.2.9");
    assert_eq!(bye.headers.to().unwrap().tag(), Some("b"));
    assert!(bye.headers.cseq().unwrap().number > ok.headers.cseq().unwrap().number);
}

#[test]
fn bad_requests_are_answered_without_state_and_always_with_the_same_tag() {
    let mut e = endpoint();
    let mut bad = request("INVITE", "1");
    bad.headers.set(Name::CSeq, "1 OPTIONS");
    let mut tags = Vec::new();
    for now in [0, 500] {
        e.handle_message(udp(), Message::Request(bad.clone()), Millis(now));
        tags.push(tag_sent(&mut e));
    }
    assert_eq!(tags[0], tags[1]);
    assert!(e.is_empty());
}

#[test]
fn strangers_are_answered_once() {
    let mut e = endpoint();
    let invite = request("INVITE", "1");
    let key = receive(&mut e, udp(), &invite, 0).unwrap();
    e.respond_once(key, Response::to(&invite, 401, ""));
    let tag = tag_sent(&mut e);
    assert!(e.is_empty() && e.tables_are_empty() && e.poll_timeout().is_none());
    e.handle_message(udp(), Message::Request(ack_for(&invite, &tag, "1")), Millis(1));
    assert!(drain(&mut e).is_empty());
    e.respond_once(key, Response::to(&invite, 401, ""));
    assert!(drain(&mut e).is_empty());
}

#[test]
fn a_via_that_cannot_be_read_is_answered_at_the_source() {
    let mut e = endpoint();
    let mut bad = request("INVITE", "1");
    bad.headers.set(Name::Via, "SIP/2.0/UDP 192.0.2.15;;,;,,");
    e.handle_message(udp(), Message::Request(bad), Millis(0));
    let Some(Output::Send { flow, bytes }) = e.poll_output() else { panic!("an answer") };
    assert_eq!(flow, udp());
    assert!(bytes.starts_with(b"SIP/2.0 400 "));
}

#[test]
fn an_invite_behind_its_ack_stays_behind_it() {
    let mut e = endpoint();
    let invite = request("INVITE", "1");
    let key = receive(&mut e, tcp(), &invite, 0).unwrap();
    e.respond(key, Response::to(&invite, 200, ""), Millis(0)).unwrap();
    let tag = tag_sent(&mut e);
    let mut again = ack_for(&invite, &tag, "3");
    again.method = Method::Invite;
    again.headers.set(Name::CSeq, "2 INVITE");
    e.handle_message(tcp(), Message::Request(ack_for(&invite, &tag, "2")), Millis(1));
    e.handle_message(tcp(), Message::Request(again), Millis(1));
    assert_eq!(drain(&mut e), ["got ACK", "got INVITE"]);
}

#[test]
fn answers_go_where_the_via_says_but_only_to_the_source() {
    let mut e = endpoint();
    let source = udp().to("203.0.113.5:40000".parse().unwrap());
    for (via, expected) in [
        ("SIP/2.0/UDP 10.0.0.1:5066;branch=z9hG4bKa", "203.0.113.5:5066"),
        ("SIP/2.0/UDP 10.0.0.1;branch=z9hG4bKb", "203.0.113.5:5060"),
        ("SIP/2.0/UDP 10.0.0.1;rport;branch=z9hG4bKc", "203.0.113.5:40000"),
        ("SIP/2.0/UDP 10.0.0.1;maddr=9.9.9.9;received=9.9.9.9;branch=z9hG4bKd", "203.0.113.5:5060"),
    ] {
        let mut options = request("OPTIONS", via);
        options.headers.set(Name::Via, via);
        options.headers.set(Name::From, "<sip:b@h>;tag=1");
        options.headers.set(Name::CallId, via.len());
        let key = receive(&mut e, source, &options, 0).unwrap();
        e.respond(key, Response::to(e.request(key).unwrap(), 200, ""), Millis(1)).unwrap();
        let Some(Output::Send { flow, .. }) = e.poll_output() else { panic!("an answer") };
        assert_eq!(flow.remote.to_string(), expected, "{via}");
    }
}

#[test]
fn merged_requests_are_refused_and_new_ones_not() {
    let mut e = endpoint();
    let one = request("INVITE", "1");
    let key = receive(&mut e, udp(), &one, 0).unwrap();
    let mut two = one.clone();
    two.headers.set(Name::Via, "SIP/2.0/UDP 192.0.2.9;branch=z9hG4bKother");
    assert!(receive(&mut e, udp(), &two, 1).is_none());
    assert_eq!(drain(&mut e), ["SIP/2.0 482 Loop Detected"]);
    e.respond(key, Response::to(&one, 401, ""), Millis(2)).unwrap();
    drain(&mut e);
    assert!(receive(&mut e, udp(), &two, 3).is_some());
}

#[test]
fn overload_is_503_without_retry_after_and_memory_stays() {
    let config = Config { server_transactions: 2, client_transactions: 1, ..Config::default() };
    let mut e = Endpoint::new(config, [1; 32]);
    for branch in ["1", "2"] {
        receive(&mut e, udp(), &request("INVITE", branch), 0).unwrap();
    }
    assert!(receive(&mut e, udp(), &request("INVITE", "3"), 0).is_none());
    let answer = Message::parse(sent(&mut e)).unwrap();
    assert!(!answer.headers().has(Name::RetryAfter));
    assert!(matches!(answer, Message::Response(r) if r.status == 503));
    assert_eq!(e.len().0, 2);
    e.send_request(udp(), ours(Method::Options), Millis(0)).unwrap();
    assert_eq!(e.send_request(udp(), ours(Method::Options), Millis(0)), Err(SendError::Overloaded));
}

#[test]
fn a_broken_connection_fails_what_waits_on_it() {
    let mut e = endpoint();
    e.send_request(tcp(), ours(Method::Options), Millis(0)).unwrap();
    e.send_request(udp(), ours(Method::Options), Millis(0)).unwrap();
    drain(&mut e);
    e.handle_transport_error(tcp());
    assert_eq!(drain(&mut e), ["failed"]);
    assert_eq!(e.len(), (0, 1));
}

#[test]
fn an_invite_that_nobody_answers_ends() {
    let mut e = endpoint();
    receive(&mut e, tcp(), &request("INVITE", "1"), 0).unwrap();
    let seen = run(&mut e, 10_000_000);
    let texts: Vec<&str> = seen.iter().map(|s| &*s.1).collect();
    assert_eq!(texts, ["SIP/2.0 100 Trying", "SIP/2.0 480 Temporarily Unavailable", "unanswered"]);
    assert!(e.is_empty());
}

#[test]
fn requests_of_rfc_2543_are_matched_by_their_identity() {
    let mut e = endpoint();
    let mut invite = request("INVITE", "1");
    invite.headers.set(Name::Via, "SIP/2.0/UDP 192.0.2.2");
    let key = receive(&mut e, udp(), &invite, 0).unwrap();
    assert!(receive(&mut e, udp(), &invite, 100).is_none());
    e.respond(key, Response::to(&invite, 404, ""), Millis(200)).unwrap();
    let tag = tag_sent(&mut e);
    let mut ack = ack_for(&invite, &tag, "1");
    ack.headers.set(Name::Via, "SIP/2.0/UDP 192.0.2.2");
    e.handle_message(udp(), Message::Request(ack), Millis(300));
    assert!(run(&mut e, 100_000).is_empty());
    assert!(e.is_empty());
}

#[test]
fn wishes_that_make_no_sense_are_refused() {
    let mut e = endpoint();
    assert_eq!(e.send_request(udp(), ours(Method::Ack), Millis(0)), Err(SendError::NoTransaction));
    let mut lame = ours(Method::Options);
    lame.headers.set(Name::CSeq, "1 INVITE");
    assert_eq!(e.send_request(udp(), lame, Millis(0)), Err(SendError::Incomplete));
}

/// Two layers on a line that loses and doubles datagrams. The callee answers every INVITE with
/// 180 and `answer`, every other request with 200.
struct Line {
    sides: [Endpoint; 2],
    dice: Tokens,
    loss: u64,
    now: u64,
    /// (arrival, receiver, bytes)
    wire: Vec<(u64, usize, Bytes)>,
    finals: Vec<u16>,
    rung: usize,
    answer: u16,
}

impl Line {
    fn drain(&mut self, side: usize) {
        while let Some(output) = self.sides[side].poll_output() {
            match output {
                Output::Send { bytes, .. } => {
                    for _ in 0..1 + u64::from(self.dice.below(100) < 10) {
                        if self.dice.below(100) >= self.loss {
                            let arrival = self.now + 5 + self.dice.below(80);
                            self.wire.push((arrival, 1 - side, bytes.clone()));
                        }
                    }
                }
                Output::Request { key, request, .. } => {
                    self.rung += 1;
                    let now = Millis(self.now);
                    if request.method == Method::Invite {
                        self.sides[side].respond(key, Response::to(&request, 180, ""), now).unwrap();
                        self.sides[side].respond(key, Response::to(&request, self.answer, ""), now).unwrap();
                    } else {
                        self.sides[side].respond(key, Response::to(&request, 200, ""), now).unwrap();
                    }
                }
                Output::Response { key, response, .. } if response.status >= 200 => {
                    self.finals.push(response.status);
                    if response.is_success() && response.headers.cseq().unwrap().method == Method::Invite {
                        let mut ack = ours(Method::Ack);
                        ack.headers.remove(Name::To);
                        ack.headers.copy(&response.headers, Name::To);
                        self.sides[side].ack(key, udp(), ack);
                    }
                }
                Output::Timeout { .. } => self.finals.push(408),
                _ => {}
            }
        }
    }

    fn run(&mut self) {
        for _ in 0..10_000 {
            self.drain(0);
            self.drain(1);
            let arrivals = self.wire.iter().map(|w| w.0).min();
            let timers = self.sides.iter().filter_map(|s| s.poll_timeout()).map(|t| t.0).min();
            let Some(next) = arrivals.into_iter().chain(timers).min() else {
                return;
            };
            self.now = self.now.max(next);
            let now = self.now;
            let (due, later) = std::mem::take(&mut self.wire).into_iter().partition(|w| w.0 <= now);
            self.wire = later;
            let due: Vec<(u64, usize, Bytes)> = due;
            for (_, side, bytes) in due {
                self.sides[side].handle_bytes(udp(), bytes, Millis(now));
            }
            self.sides.iter_mut().for_each(|s| s.handle_timeout(Millis(now)));
        }
        panic!("the two never settle");
    }
}

proptest! {
    /// Whatever is lost or doubled: exactly one final answer, rung at most once, nothing left.
    #[test]
    fn one_final_answer_on_a_bad_line(seed in any::<[u8; 32]>(), loss in 0u64..60, answer in prop::sample::select(vec![200u16, 486]), invite in any::<bool>()) {
        let sides = [Endpoint::new(Config::default(), seed), Endpoint::new(Config::default(), [9; 32])];
        let mut line = Line { sides, dice: Tokens::new(seed), loss, now: 0, wire: vec![], finals: vec![], rung: 0, answer };
        let method = if invite { Method::Invite } else { Method::Options };
        line.sides[0].send_request(udp(), ours(method), Millis(0)).unwrap();
        line.run();
        prop_assert_eq!(line.finals.len(), 1, "{:?}", line.finals);
        prop_assert!(line.rung <= 1);
        prop_assert!(line.sides.iter().all(Endpoint::is_empty));
        prop_assert!(line.sides.iter().all(|s| s.poll_timeout().is_none()));
    }

    /// Random messages, answers and times: the tables stay bounded and empty themselves.
    #[test]
    fn random_events_leave_nothing_behind(events in prop::collection::vec((0u8..7, 0u8..4, 100u16..700, 0u64..20_000), 1..60)) {
        let mut e = Endpoint::new(Config { server_transactions: 3, client_transactions: 3, ..Config::default() }, [3; 32]);
        let (mut now, mut servers, mut clients, mut wires) = (0, Vec::new(), Vec::new(), Vec::new());
        for (event, which, status, wait) in events {
            now += wait;
            e.handle_timeout(Millis(now));
            let flow = if which % 2 == 0 { udp() } else { tcp() };
            let branch = which.to_string();
            match event {
                0 => e.handle_message(flow, Message::Request(request("INVITE", &branch)), Millis(now)),
                1 => e.handle_message(flow, Message::Request(request("OPTIONS", &branch)), Millis(now)),
                2 => e.handle_message(flow, Message::Request(request("CANCEL", &branch)), Millis(now)),
                3 => e.handle_message(flow, Message::Request(request("ACK", &branch)), Millis(now)),
                4 => { let _ = e.send_request(flow, ours(if which > 1 { Method::Invite } else { Method::Bye }), Millis(now)).map(|key| clients.push(key)); }
                5 => { if let Some((key, request)) = servers.last() { let _ = e.respond(*key, Response::to(request, status, ""), Millis(now)); } }
                _ => {
                    if let Some(wire) = wires.last() { e.handle_message(flow, answer_to(wire, status, &branch), Millis(now)); }
                    if let Some(key) = clients.last() { e.cancel(*key, None, Millis(now)); }
                }
            }
            while let Some(output) = e.poll_output() {
                match output {
                    Output::Request { key, request, .. } => servers.push((key, request)),
                    Output::Send { bytes, .. } if !bytes.starts_with(b"SIP") && !bytes.starts_with(b"ACK") => wires.push(bytes),
                    _ => {}
                }
            }
            // One CANCEL per INVITE may stand beside the counted ones.
            prop_assert!(e.len().0 <= 3 && e.len().1 <= 6);
        }
        for _ in 0..2_000 {
            let Some(at) = e.poll_timeout() else { break };
            e.handle_timeout(at);
        }
        prop_assert!(e.is_empty());
        prop_assert!(e.tables_are_empty());
    }
}
