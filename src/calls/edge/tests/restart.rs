//! Legs over a kill of the hub: the dialogs go on, from either side, with whatever carries them.

use liandong_sip::{Method, Name};

use super::stage::*;
use crate::calls::call::{LegCommand, LegEvent, LegId};
use crate::calls::edge::EdgeEvent;
use crate::calls::edge::leg::LegKey;

const PHONE: &str = "127.0.0.1:5090";

/// A trunk's call talking with agent 8001: both legs, the 200 to the caller, the INVITE to the agent.
fn talk(stage: &mut Stage) -> (LegKey, LegKey, liandong_sip::Response, liandong_sip::Request) {
    stage.register(udp(PHONE), 8001, "sip:8001@127.0.0.1:5090");
    let (caller, ok) = stage.up();
    let agent = stage.ring(caller.call, 1, 8001);
    let (flow, invite) = stage.request();
    stage.send(flow, &answer_to(&invite, 200, "a"));
    assert_eq!(stage.leg_event(), LegEvent::Answered);
    assert_eq!(stage.request().1.method, Method::Ack);
    (caller, agent, ok, invite)
}

#[test]
fn both_dialogs_go_on_after_a_restart() {
    let mut stage = Stage::new();
    let (caller, agent, ok, invite) = talk(&mut stage);
    assert_eq!(stage.kept.keys().copied().collect::<Vec<_>>(), [caller, agent]);
    let mut stage = stage.restarted();
    // They ask: hold and back, then a key.
    stage.media = Ok(described(true));
    stage.send(trunk(), &within("INVITE", 2, &ok, SDP));
    assert_eq!(stage.response().status, 200);
    assert_eq!(stage.leg_event(), LegEvent::HoldRequested);
    stage.send(trunk(), &within("ACK", 2, &ok, ""));
    stage.send(trunk(), &within("INFO", 3, &ok, "Signal=7\r\nDuration=160\r\n"));
    assert_eq!(stage.response().status, 200);
    assert!(matches!(stage.leg_event(), LegEvent::Digit(_)));
    // The caller hangs up; we hang the agent up, with a number that he has not seen.
    stage.send(trunk(), &within("BYE", 4, &ok, ""));
    assert_eq!(stage.response().status, 200);
    assert_eq!(stage.leg_event(), LegEvent::HungUp);
    stage.command(agent, LegCommand::HangUp);
    let (flow, bye) = stage.request();
    assert_eq!((bye.method.clone(), flow.remote.to_string().as_str()), (Method::Bye, PHONE));
    assert!(bye.headers.cseq().unwrap().number > invite.headers.cseq().unwrap().number);
    assert_eq!(bye.headers.call_id().unwrap(), invite.headers.call_id().unwrap());
    assert_eq!(bye.headers.to().unwrap().tag(), Some("a"));
    stage.send(flow, &answer_to(&bye, 200, "a"));
    assert!(stage.kept.is_empty(), "nothing is kept of what is over");
    stage.assert_clean();
}

#[test]
fn the_agent_may_hang_up_after_a_restart() {
    let mut stage = Stage::new();
    let (_, agent, _, invite) = talk(&mut stage);
    let mut stage = stage.restarted();
    stage.send(udp(PHONE), &from_callee("BYE", 1, &invite, "a"));
    assert_eq!(stage.response().status, 200);
    assert!(matches!(stage.events.pop_front(), Some(EdgeEvent::Leg { leg: LegId(1), event: LegEvent::HungUp, .. })));
    assert!(!stage.kept.contains_key(&agent));
}

#[test]
fn what_is_not_answered_is_not_kept() {
    let mut stage = Stage::new();
    let caller = stage.incoming();
    stage.register(udp(PHONE), 8001, "sip:8001@127.0.0.1:5090");
    stage.ring(caller.call, 1, 8001);
    assert!(stage.kept.is_empty());
    stage.command(caller, LegCommand::Answer);
    assert_eq!(stage.kept.len(), 1, "from the 200 on: its ACK may be lost in the restart");
}

#[test]
fn a_phone_that_rang_over_the_restart_and_is_picked_up_is_hung_up() {
    let mut stage = Stage::new();
    let caller = stage.incoming();
    stage.register(udp(PHONE), 8001, "sip:8001@127.0.0.1:5090");
    stage.ring(caller.call, 1, 8001);
    let (_, invite) = stage.request();
    let mut stage = stage.restarted();
    stage.send(udp(PHONE), &answer_to(&invite, 200, "a"));
    let (flow, bye) = stage.request();
    assert_eq!((bye.method.clone(), flow.remote.to_string().as_str()), (Method::Bye, PHONE));
    assert_eq!(bye.headers.call_id().unwrap(), invite.headers.call_id().unwrap());
    assert!(stage.events.is_empty(), "the switch knows nothing of it");
}

#[test]
fn a_peer_that_is_silent_after_a_restart_is_given_up() {
    let mut stage = Stage::new();
    talk(&mut stage);
    let mut stage = stage.restarted();
    stage.wait(2_000_000);
    let ends = stage.events.iter().filter(|e| matches!(e, EdgeEvent::Leg { event: LegEvent::HungUp, .. })).count();
    assert_eq!(ends, 2, "{:?}", stage.events);
}

#[test]
fn a_browser_is_invited_again_when_it_has_registered() {
    let mut stage = Stage::new();
    stage.register(browser(1), 8001, "sip:8001@127.0.0.1:5090;transport=ws");
    let (caller, _) = stage.up();
    let agent = stage.ring(caller.call, 1, 8001);
    let (flow, invite) = stage.request();
    stage.send(flow, &answer_to(&invite, 200, "a"));
    assert_eq!(stage.leg_event(), LegEvent::Answered);
    let mut stage = stage.restarted();
    let text = register(8001, "sip:8001@127.0.0.1:5090;transport=ws", "again");
    stage.send(browser(2), &text);
    let challenge = stage.response();
    let proved = stage.proved(&text, &challenge, "8001", "8001");
    stage.send(browser(2), &proved);
    let (flow, again) = stage.request();
    assert_eq!(stage.response().status, 200, "to the REGISTER");
    assert!(matches!(stage.events.pop_front(), Some(EdgeEvent::Registered { .. })));
    assert_eq!((again.method.clone(), flow), (Method::Invite, browser(2)));
    assert!(again.headers.has(Name::Replaces) && again.headers.has("X-Liandong-Reattach"));
    stage.send(flow, &answer_to(&again, 200, "b"));
    assert_eq!(stage.leg_event(), LegEvent::MediaChanged, "the same leg, with new media");
    assert!(stage.kept[&agent].contains(&again.headers.call_id().unwrap()), "kept with its new dialog");
}

#[test]
fn a_browser_that_does_not_come_back_after_a_restart_has_hung_up() {
    let mut stage = Stage::new();
    stage.register(browser(1), 8001, "sip:8001@127.0.0.1:5090;transport=ws");
    let (caller, _) = stage.up();
    stage.ring(caller.call, 1, 8001);
    let (flow, invite) = stage.request();
    stage.send(flow, &answer_to(&invite, 200, "a"));
    let mut stage = stage.restarted();
    stage.wait(20_001);
    assert_eq!(stage.leg_event(), LegEvent::HungUp);
}
