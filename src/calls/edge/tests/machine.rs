//! The machine on a virtual clock.

use liandong_sip::{Method, Name};

use super::stage::*;
use crate::calls::call::{LegCommand, LegEvent, LegId, Party};
use crate::calls::edge::leg::{LegKey, MediaReply, NoMedia};
use crate::calls::edge::{EdgeEvent, Source};

const PHONE: &str = "127.0.0.1:5090";

#[test]
fn a_registration_is_confirmed_only_when_it_is_stored() {
    let mut stage = Stage::new();
    stage.store = None;
    let text = register(8001, "sip:8001@127.0.0.1:5090", "r1");
    stage.send(udp(PHONE), &text);
    let challenge = stage.response();
    let algorithms: Vec<_> = challenge.headers.all(Name::WwwAuthenticate).map(|f| f.text().into_owned()).collect();
    assert!(algorithms[0].contains("MD5") && algorithms[1].contains("SHA-256"), "{algorithms:?}");
    let again = stage.proved(&text, &challenge, "8001", "8001");
    stage.send(udp(PHONE), &again);
    assert!(stage.wire.is_empty(), "answered before it was stored");
    let ticket = stage.tickets[0];
    stage.core.handle_saved(ticket, true, stage.now);
    stage.turn();
    let ok = stage.response();
    assert_eq!(ok.status, 200);
    assert_eq!(ok.headers.get(Name::Contact).unwrap(), "<sip:8001@127.0.0.1:5090>;expires=600");
}

#[test]
fn a_store_that_fails_gives_503_and_the_phone_can_be_called_all_the_same() {
    let mut stage = Stage::new();
    stage.store = Some(false);
    let text = register(8001, "sip:8001@127.0.0.1:5090", "r1");
    stage.send(udp(PHONE), &text);
    let challenge = stage.response();
    let again = stage.proved(&text, &challenge, "8001", "8001");
    stage.send(udp(PHONE), &again);
    let refused = stage.response();
    assert_eq!(refused.status, 503);
    assert!(!refused.headers.has(Name::RetryAfter) && refused.headers.has(Name::Warning));
    stage.events.clear();
    let (key, _) = stage.up();
    stage.ring(key.call, 1, 8001);
    assert_eq!(stage.request().1.method, Method::Invite);
}

#[test]
fn wrong_passwords_are_counted_and_lock_the_source_only() {
    let mut stage = Stage::new();
    stage.register(udp(PHONE), 8001, "sip:8001@127.0.0.1:5090");
    for round in 0..6 {
        let text = register(8001, "sip:evil@192.0.2.66", &format!("bad{round}"));
        stage.send(udp("192.0.2.66:5060"), &text);
        let challenge = stage.response();
        let again = stage.proved(&text, &challenge, "8001", "guess");
        stage.send(udp("192.0.2.66:5060"), &again);
        let refused = stage.response();
        assert_eq!(refused.status, if round < 5 { 401 } else { 403 });
        assert!(refused.headers.get(Name::Warning).unwrap().contains("wrong"));
    }
    assert_eq!(stage.accounts.failures.lock().unwrap().len(), 5);
    // The agent himself, and even a stranger's failures from his own address, do not lock him out.
    stage.accounts.failures.lock().unwrap().extend((0..9).map(|_| ("8001".to_owned(), [127, 0, 0, 1].into())));
    let text = register(8001, "sip:8001@127.0.0.1:5090", "again");
    stage.send(udp(PHONE), &text);
    let challenge = stage.response();
    let again = stage.proved(&text, &challenge, "8001", "8001");
    stage.send(udp(PHONE), &again);
    assert_eq!(stage.response().status, 200);
}

#[test]
fn an_account_registers_itself_only() {
    let mut stage = Stage::new();
    let text = register(8002, "sip:x@127.0.0.1:5090", "r");
    stage.send(udp(PHONE), &text);
    let challenge = stage.response();
    let again = stage.proved(&text, &challenge, "8001", "8001");
    stage.send(udp(PHONE), &again);
    assert_eq!(stage.response().status, 403);
}

#[test]
fn a_contact_that_runs_out_is_told() {
    let mut stage = Stage::new();
    stage.register(udp(PHONE), 8001, "sip:8001@127.0.0.1:5090");
    stage.wait(600_001);
    assert_eq!(stage.events.pop_front(), Some(EdgeEvent::Unregistered { agent: agent(8001) }));
    stage.assert_clean();
}

#[test]
fn a_call_from_a_trunk_from_ring_to_bye() {
    let mut stage = Stage::new();
    stage.send(trunk(), &invite("in", SDP));
    let Some(EdgeEvent::Incoming { call, caller_leg, source, caller, display, called }) = stage.events.pop_front()
    else {
        panic!()
    };
    assert_eq!(source, Source::Trunk("demo-in".into()));
    assert_eq!((caller.as_str(), display.as_str(), called.as_str()), ("13800138000", "王", "12345"));
    let key = LegKey { call, leg: caller_leg };
    stage.command(key, LegCommand::Ring);
    assert_eq!(stage.response().status, 180);
    stage.command(key, LegCommand::Answer);
    let ok = stage.response();
    assert_eq!((ok.status, ok.body.as_ref()), (200, SDP.as_bytes()));
    stage.send(trunk(), &within("ACK", 1, &ok, ""));
    // Keys.
    stage.send(trunk(), &within("INFO", 2, &ok, "Signal=7\r\nDuration=160\r\n"));
    assert_eq!(stage.response().status, 200);
    assert!(matches!(stage.leg_event(), LegEvent::Digit(digit) if digit == '7'.try_into().unwrap()));
    // Hold and back.
    stage.media = Ok(described(true));
    stage.send(trunk(), &within("INVITE", 3, &ok, SDP));
    assert_eq!(stage.response().status, 200);
    assert_eq!(stage.leg_event(), LegEvent::HoldRequested);
    stage.send(trunk(), &within("ACK", 3, &ok, ""));
    stage.media = Ok(described(false));
    stage.send(trunk(), &within("UPDATE", 4, &ok, SDP));
    assert_eq!(stage.response().status, 200);
    assert_eq!(stage.leg_event(), LegEvent::ResumeRequested);
    // The end.
    stage.send(trunk(), &within("BYE", 5, &ok, ""));
    assert_eq!(stage.response().status, 200);
    assert_eq!(stage.leg_event(), LegEvent::HungUp);
    stage.send(trunk(), &within("BYE", 6, &ok, ""));
    assert_eq!(stage.response().status, 481);
    stage.assert_clean();
}

#[test]
fn a_session_without_change_is_answered_and_not_told() {
    let mut stage = Stage::new();
    let (key, ok) = stage.up();
    stage.send(trunk(), &within("UPDATE", 2, &ok, ""));
    let answer = stage.response();
    assert_eq!(answer.status, 200);
    assert!(answer.headers.has(Name::SessionExpires));
    stage.send(trunk(), &within("INVITE", 3, &ok, SDP));
    assert_eq!(stage.response().status, 200);
    stage.send(trunk(), &within("ACK", 3, &ok, ""));
    assert!(stage.events.is_empty());
    stage.command(key, LegCommand::HangUp);
    assert_eq!(stage.request().1.method, Method::Bye);
    stage.assert_clean();
}

#[test]
fn strangers_are_challenged_and_scanners_answered_once() {
    let mut stage = Stage::new();
    stage.send(udp("192.0.2.66:5060"), &invite("x", SDP));
    let challenge = stage.response();
    assert_eq!(challenge.status, 407);
    assert!(challenge.headers.has(Name::ProxyAuthenticate) && challenge.headers.has(Name::Warning));
    for round in 0..5 {
        let scan =
            invite(&format!("s{round}"), SDP).replace("Max-Forwards", "User-Agent: friendly-scanner\r\nMax-Forwards");
        stage.send(udp("192.0.2.67:5060"), &scan);
    }
    assert_eq!(stage.wire.len(), 1);
    stage.wire.clear();
    assert!(stage.events.is_empty());
    stage.assert_clean();
}

#[test]
fn an_agents_call_is_his_whatever_from_says() {
    let mut stage = Stage::new();
    let text = invite("out", SDP);
    stage.send(udp(PHONE), &text);
    let challenge = stage.response();
    let again = stage.proved(&text, &challenge, "8003", "8003");
    stage.send(udp(PHONE), &again);
    let Some(EdgeEvent::Incoming { call, caller_leg, source, caller, .. }) = stage.events.pop_front() else { panic!() };
    assert_eq!((source, caller.as_str()), (Source::Agent(agent(8003)), "8003"));
    stage.command(LegKey { call, leg: caller_leg }, LegCommand::Reject { status: 404 });
    let refused = stage.response();
    assert_eq!(refused.status, 404);
    assert!(refused.headers.get(Name::Warning).unwrap().contains("nobody has this number"));
    stage.assert_clean();
}

#[test]
fn both_phones_ring_and_the_first_has_the_call() {
    let mut stage = Stage::new();
    stage.register(udp("127.0.0.1:5090"), 8001, "sip:desk@127.0.0.1:5090");
    stage.register(udp("127.0.0.1:5091"), 8001, "sip:soft@127.0.0.1:5091");
    let (caller, _) = stage.up();
    let key = stage.ring(caller.call, 1, 8001);
    let ((_, one), (flow, two)) = (stage.request(), stage.request());
    assert!(one.headers.get(Name::From).unwrap().contains("13800138000"));
    assert_eq!(one.headers.get(Name::MaxForwards).unwrap(), "29");
    assert_eq!(one.headers.get("X-Liandong-Call").unwrap(), caller.call.to_string());
    stage.send(udp("127.0.0.1:5090"), &answer_to(&one, 180, "a"));
    stage.send(udp("127.0.0.1:5091"), &answer_to(&two, 180, "b"));
    assert_eq!(stage.leg_event(), LegEvent::Ringing);
    assert!(stage.events.is_empty(), "it rings once");
    stage.send(flow, &answer_to(&two, 200, "b"));
    assert_eq!(stage.leg_event(), LegEvent::Answered);
    assert_eq!(stage.request().1.method, Method::Ack);
    let (_, cancel) = stage.request();
    assert_eq!(cancel.method, Method::Cancel);
    assert!(cancel.headers.get(Name::Reason).unwrap().contains("elsewhere"));
    // The other's 200 crosses the CANCEL: acknowledged and hung up.
    stage.send(udp("127.0.0.1:5090"), &answer_to(&one, 200, "a"));
    assert_eq!(stage.request().1.method, Method::Ack);
    assert_eq!(stage.request().1.method, Method::Bye);
    assert!(stage.events.is_empty());
    // The winner hangs up.
    stage.send(flow, &from_callee("BYE", 1, &two, "b"));
    assert_eq!(stage.response().status, 200);
    assert_eq!(stage.leg_event(), LegEvent::HungUp);
    stage.command(key, LegCommand::HangUp);
    stage.command(caller, LegCommand::HangUp);
    stage.wire.clear();
    stage.assert_clean();
}

#[test]
fn when_all_phones_refuse_the_leg_has_failed() {
    let mut stage = Stage::new();
    stage.register(udp("127.0.0.1:5090"), 8001, "sip:desk@127.0.0.1:5090");
    stage.register(udp("127.0.0.1:5091"), 8001, "sip:soft@127.0.0.1:5091");
    let (caller, _) = stage.up();
    stage.ring(caller.call, 1, 8001);
    let ((_, one), (_, two)) = (stage.request(), stage.request());
    stage.send(udp("127.0.0.1:5090"), &answer_to(&one, 486, "a"));
    assert!(stage.events.is_empty());
    stage.send(udp("127.0.0.1:5091"), &answer_to(&two, 480, "b"));
    assert_eq!(stage.leg_event(), LegEvent::Failed { status: 486 });
    stage.command(caller, LegCommand::HangUp);
    stage.assert_clean();
}

#[test]
fn who_is_not_registered_or_has_no_trunk_fails_at_once() {
    let mut stage = Stage::new();
    let (caller, _) = stage.up();
    stage.ring(caller.call, 1, 8001);
    assert_eq!(stage.leg_event(), LegEvent::Failed { status: 480 });
    let key = LegKey { call: caller.call, leg: LegId(2) };
    stage.command(key, LegCommand::Invite(Party::Number("0371".into())));
    assert_eq!(stage.leg_event(), LegEvent::Failed { status: 404 });
    stage.command(caller, LegCommand::HangUp);
    stage.assert_clean();
}

#[test]
fn a_number_goes_out_by_its_trunk_with_the_hotlines_number() {
    let mut stage = Stage::new();
    let (caller, _) = stage.up();
    let key = LegKey { call: caller.call, leg: LegId(1) };
    stage.command(key, LegCommand::Invite(Party::Number("913900001111".into())));
    let (flow, invite) = stage.request();
    assert_eq!(flow.remote.to_string(), "127.0.0.3:7190");
    assert_eq!(invite.target_text(), "sip:913900001111@127.0.0.3:7190");
    let from = invite.headers.get(Name::From).unwrap().into_owned();
    assert!(from.contains("sip:12345@") && !from.contains("138"), "{from}");
    stage.wait(33_000);
    assert_eq!(stage.leg_event(), LegEvent::Failed { status: 408 });
    stage.command(caller, LegCommand::HangUp);
    stage.assert_clean();
}

#[test]
fn given_up_before_and_after_it_rings() {
    let mut stage = Stage::new();
    stage.register(udp(PHONE), 8001, "sip:8001@127.0.0.1:5090");
    let (caller, _) = stage.up();
    let key = stage.ring(caller.call, 1, 8001);
    let (flow, invite) = stage.request();
    stage.command(key, LegCommand::Cancel);
    assert!(stage.wire.is_empty(), "no CANCEL before a provisional answer");
    stage.send(flow, &answer_to(&invite, 180, "a"));
    assert_eq!(stage.request().1.method, Method::Cancel);
    assert!(stage.events.is_empty(), "a leg that was given up does not ring any more");
    stage.send(flow, &answer_to(&invite, 487, "a"));
    assert_eq!(stage.leg_event(), LegEvent::Failed { status: 487 });
    // The same, and the 200 crosses.
    let key = stage.ring(caller.call, 2, 8001);
    stage.wire.retain(|(_, message)| message.headers().cseq().unwrap().method == Method::Invite);
    let (flow, invite) = stage.request();
    stage.send(flow, &answer_to(&invite, 180, "b"));
    assert_eq!(stage.leg_event(), LegEvent::Ringing);
    stage.command(key, LegCommand::Cancel);
    stage.wire.clear();
    stage.send(flow, &answer_to(&invite, 200, "b"));
    assert_eq!((stage.request().1.method, stage.request().1.method), (Method::Ack, Method::Bye));
    assert_eq!(stage.leg_event(), LegEvent::Failed { status: 487 });
    stage.command(caller, LegCommand::HangUp);
    stage.assert_clean();
}

#[test]
fn a_caller_who_cancels_is_gone() {
    let mut stage = Stage::new();
    let key = stage.incoming();
    stage.command(key, LegCommand::Ring);
    stage.wire.clear();
    let cancel = invite("in", "").replace("INVITE sip", "CANCEL sip").replace("1 INVITE", "1 CANCEL");
    stage.send(trunk(), &cancel);
    assert_eq!((stage.response().status, stage.response().status), (200, 487));
    assert_eq!(stage.leg_event(), LegEvent::HungUp);
    stage.command(key, LegCommand::Answer);
    assert!(stage.wire.is_empty());
    stage.assert_clean();
}

#[test]
fn an_answer_without_ack_is_repeated_and_then_ended() {
    let mut stage = Stage::new();
    let key = stage.incoming();
    stage.command(key, LegCommand::Answer);
    stage.wait(33_000);
    let answers = stage.wire.iter().filter(|(_, m)| m.headers().cseq().unwrap().method == Method::Invite).count();
    assert!(answers > 5, "{answers} times 200");
    assert!(stage.wire.iter().any(|(_, m)| m.headers().cseq().unwrap().method == Method::Bye));
    assert_eq!(stage.leg_event(), LegEvent::HungUp);
    stage.assert_clean();
}

#[test]
fn hung_up_before_the_ack_bye_waits_for_it() {
    let mut stage = Stage::new();
    let key = stage.incoming();
    stage.command(key, LegCommand::Answer);
    let ok = stage.response();
    stage.command(key, LegCommand::HangUp);
    assert!(stage.wire.is_empty());
    stage.send(trunk(), &within("ACK", 1, &ok, ""));
    assert_eq!(stage.request().1.method, Method::Bye);
    assert!(stage.events.is_empty());
    stage.assert_clean();
}

#[test]
fn an_invite_without_description_is_offered_one() {
    let mut stage = Stage::new();
    stage.send(trunk(), &invite("in", ""));
    let Some(EdgeEvent::Incoming { call, caller_leg, .. }) = stage.events.pop_front() else { panic!() };
    let key = LegKey { call, leg: caller_leg };
    stage.command(key, LegCommand::Answer);
    let ok = stage.response();
    assert!(!ok.body.is_empty());
    stage.media = Err(NoMedia { status: 488, text: "no".into() });
    stage.send(trunk(), &within("ACK", 1, &ok, SDP));
    assert_eq!(stage.request().1.method, Method::Bye);
    assert_eq!(stage.leg_event(), LegEvent::HungUp);
    stage.assert_clean();
}

#[test]
fn what_does_not_fit_is_refused_with_its_reason() {
    let mut stage = Stage::new();
    stage.media = Err(NoMedia { status: 488, text: "no common codec".into() });
    stage.send(trunk(), &invite("a", SDP));
    let refused = stage.response();
    assert_eq!(refused.status, 488);
    assert!(refused.headers.get(Name::Warning).unwrap().contains("no common codec"));
    for (text, status) in [
        (invite("b", SDP).replace("application/sdp", "text/plain"), 415),
        (invite("c", SDP).replace("Max-Forwards: 30", "Max-Forwards: 0"), 483),
        (invite("d", SDP).replace("Max-Forwards", "Require: 100rel\r\nMax-Forwards"), 420),
        (invite("e", SDP).replace("Contact:", "X-Contact:"), 400),
        (invite("f", "").replace("INVITE", "SUBSCRIBE"), 405),
        (invite("g", "").replace("INVITE", "DANCE"), 501),
        (invite("h", "").replace("INVITE", "OPTIONS"), 200),
        (invite("i", SDP).replace("Max-Forwards", "Session-Expires: 10\r\nSupported: timer\r\nMax-Forwards"), 422),
    ] {
        stage.send(trunk(), &text);
        let answer = stage.response();
        assert_eq!(answer.status, status, "{text}");
        assert!(status == 200 || answer.headers.has(Name::Warning), "{status} says nothing");
    }
    assert!(stage.events.is_empty());
    stage.assert_clean();
}

#[test]
fn overloaded_new_calls_get_503_without_retry_after_and_running_ones_go_on() {
    let mut stage = Stage::new();
    let (_, ok) = stage.up();
    stage.core.overloaded = true;
    stage.send(trunk(), &invite("more", SDP));
    let refused = stage.response();
    assert_eq!(refused.status, 503);
    assert!(!refused.headers.has(Name::RetryAfter));
    stage.send(trunk(), &within("BYE", 2, &ok, ""));
    assert_eq!(stage.response().status, 200);
    stage.assert_clean();
}

/// A caller at the trunk and an agent's browser that answered; the browser's leg and its INVITE.
fn talk_with_browser(stage: &mut Stage) -> (LegKey, LegKey, liandong_sip::Request) {
    stage.register(browser(1), 8001, "sip:abc@x.invalid;transport=ws");
    let (caller, _) = stage.up();
    let key = stage.ring(caller.call, 1, 8001);
    let (flow, invite) = stage.request();
    assert_eq!(flow, browser(1));
    let ok = answer_to(&invite, 200, "b").replace("sip:b@127.0.0.1:5090", "sip:abc@x.invalid;transport=ws");
    stage.send(flow, &ok);
    assert_eq!(stage.leg_event(), LegEvent::Answered);
    stage.wire.clear();
    (caller, key, invite)
}

#[test]
fn a_reloaded_page_takes_its_call_up_again() {
    let mut stage = Stage::new();
    let (caller, key, first) = talk_with_browser(&mut stage);
    stage.core.handle_flow_lost(browser(1), stage.now);
    stage.core.handle_media(key, MediaReply::Lost, stage.now);
    stage.turn();
    assert_eq!(stage.events.pop_front(), Some(EdgeEvent::Unregistered { agent: agent(8001) }));
    stage.wait(3_000);
    stage.register(browser(2), 8001, "sip:def@y.invalid;transport=ws");
    stage.core.handle_reattach(key, stage.now);
    stage.turn();
    let (flow, again) = stage.request();
    assert_eq!(flow, browser(2));
    let replaces = again.headers.get(Name::Replaces).unwrap().into_owned();
    assert!(replaces.starts_with(&first.headers.call_id().unwrap()) && replaces.contains("to-tag=b"), "{replaces}");
    assert!(again.headers.has("X-Liandong-Reattach"));
    stage.send(flow, &answer_to(&again, 200, "n").replace("sip:n@127.0.0.1:5090", "sip:def@y.invalid;transport=ws"));
    assert_eq!(stage.request().1.method, Method::Ack);
    stage.wait(60_000);
    assert!(!stage.events.contains(&EdgeEvent::Leg { call: key.call, leg: key.leg, event: LegEvent::HungUp }));
    stage.events.clear();
    stage.command(key, LegCommand::HangUp);
    let (flow, bye) = stage.request();
    assert_eq!((flow, bye.method), (browser(2), Method::Bye));
    stage.command(caller, LegCommand::HangUp);
    stage.assert_clean();
}

#[test]
fn a_browser_that_does_not_come_back_has_hung_up() {
    let mut stage = Stage::new();
    let (caller, key, _) = talk_with_browser(&mut stage);
    stage.core.handle_flow_lost(browser(1), stage.now);
    stage.turn();
    stage.events.clear();
    stage.wait(19_000);
    assert!(stage.events.is_empty());
    stage.wait(2_000);
    assert_eq!(
        stage.events.pop_front(),
        Some(EdgeEvent::Leg { call: key.call, leg: key.leg, event: LegEvent::HungUp })
    );
    stage.command(caller, LegCommand::HangUp);
    stage.assert_clean();
}

#[test]
fn a_browser_whose_connection_broke_but_whose_page_lives_goes_on() {
    let mut stage = Stage::new();
    let (caller, key, _) = talk_with_browser(&mut stage);
    stage.core.handle_flow_lost(browser(1), stage.now);
    stage.turn();
    stage.events.clear();
    // The same page: the same contact on a new connection.
    let text = register(8001, "sip:abc@x.invalid;transport=ws", "again");
    stage.send(browser(2), &text);
    let challenge = stage.response();
    let again = stage.proved(&text, &challenge, "8001", "8001");
    stage.send(browser(2), &again);
    stage.wire.clear();
    stage.events.clear();
    stage.wait(60_000);
    assert!(stage.events.is_empty());
    stage.command(key, LegCommand::HangUp);
    assert_eq!(stage.request().0, browser(2));
    stage.command(caller, LegCommand::HangUp);
    stage.assert_clean();
}

#[test]
fn sessions_are_refreshed_and_a_silent_peer_is_given_up() {
    let mut stage = Stage::new();
    let (_, ok) = stage.up();
    assert!(ok.headers.get(Name::SessionExpires).unwrap().starts_with("1800"));
    stage.wait(901_000);
    let (_, update) = stage.request();
    assert_eq!(update.method, Method::Update);
    stage.wait(40_000);
    assert_eq!(stage.leg_event(), LegEvent::HungUp);
    stage.assert_clean();
}

#[test]
fn garbage_does_nothing() {
    let mut stage = Stage::new();
    let whole = invite("g", SDP);
    for at in (0..whole.len()).filter(|at| whole.is_char_boundary(*at)) {
        stage.send(udp("192.0.2.9:5060"), &whole[..at]);
    }
    for text in ["\0\0\0", "INVITE", "GET / HTTP/1.1\r\n\r\n", "SIP/2.0 200 OK\r\n\r\n", "ACK sip:a SIP/2.0\r\n\r\n"] {
        stage.send(udp("192.0.2.9:5060"), text);
    }
    assert!(stage.events.is_empty());
    stage.assert_clean();
}

mod any_order {
    use proptest::prelude::*;

    use super::*;

    /// One thing that may happen, in any order.
    #[derive(Debug, Clone)]
    enum Step {
        Command(u32, u8),
        FromCaller(&'static str),
        FromPhone(u16),
        LosePhone,
        Wait(u64),
        Media(bool),
        Reattach,
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            (0..4u32, 0..6u8).prop_map(|(leg, command)| Step::Command(leg, command)),
            prop_oneof![Just("BYE"), Just("INVITE"), Just("UPDATE"), Just("ACK"), Just("CANCEL"), Just("INFO")]
                .prop_map(Step::FromCaller),
            prop_oneof![Just(100), Just(180), Just(200), Just(404), Just(487), Just(603)].prop_map(Step::FromPhone),
            Just(Step::LosePhone),
            (0..40_000u64).prop_map(Step::Wait),
            any::<bool>().prop_map(Step::Media),
            Just(Step::Reattach),
        ]
    }

    fn command(number: u8) -> LegCommand {
        match number {
            0 => LegCommand::Ring,
            1 => LegCommand::Answer,
            2 => LegCommand::Reject { status: 486 },
            3 => LegCommand::Cancel,
            4 => LegCommand::HangUp,
            _ => LegCommand::Invite(Party::Agent(agent(8001))),
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(200))]
        /// Whatever happens in whatever order: no panic, a leg ends at most once, and nothing is left behind.
        #[test]
        fn nothing_leaks(steps in proptest::collection::vec(step(), 1..40)) {
            let mut stage = Stage::new();
            stage.register(udp(PHONE), 8001, "sip:8001@127.0.0.1:5090");
            stage.register(browser(1), 8001, "sip:abc@x.invalid;transport=ws");
            let caller = stage.incoming();
            let (mut answer, mut cseq, mut out) = (None, 1, Vec::new());
            for step in steps {
                match step {
                    Step::Command(leg, number) => stage.command(LegKey { leg: LegId(leg), ..caller }, command(number)),
                    Step::FromCaller(method) => {
                        if let Some(ok) = &answer {
                            let number = if method == "ACK" { cseq } else { cseq + 1 };
                            let body = if method == "INFO" { "Signal=1" } else { SDP };
                            let text = within(method, number, ok, body);
                            cseq = number;
                            stage.send(trunk(), &text);
                        }
                    }
                    Step::FromPhone(status) => {
                        if let Some((flow, invite)) = out.pop() {
                            stage.send(flow, &answer_to(&invite, status, "p"));
                        }
                    }
                    Step::LosePhone => {
                        stage.core.handle_flow_lost(browser(1), stage.now);
                        stage.turn();
                    }
                    Step::Wait(ms) => stage.wait(ms),
                    Step::Media(good) => {
                        let bad = NoMedia { status: 488, text: "no".into() };
                        stage.media = if good { Ok(described(false)) } else { Err(bad) };
                    }
                    Step::Reattach => {
                        stage.core.handle_reattach(LegKey { leg: LegId(1), ..caller }, stage.now);
                        stage.turn();
                    }
                }
                while let Some((flow, message)) = stage.wire.pop_front() {
                    match message {
                        liandong_sip::Message::Request(request) if request.method == Method::Invite => {
                            out.push((flow, request));
                        }
                        liandong_sip::Message::Response(ok) if ok.status == 200 && answer.is_none() => answer = Some(ok),
                        _ => {}
                    }
                }
            }
            for leg in 0..4 {
                stage.command(LegKey { leg: LegId(leg), ..caller }, LegCommand::HangUp);
            }
            stage.media = Ok(described(false));
            stage.assert_clean();
        }
    }
}
