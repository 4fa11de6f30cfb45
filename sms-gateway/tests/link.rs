//! Our client link against a centre that shares no code with it, over loopback.
#![allow(clippy::unwrap_used)]

mod centre;

use centre::{LONG, centre, centre_on, message, next, send, until, up};
use liandong_sms::link::{Link, LinkEvent, MatchedBy, OutMessage};
use liandong_sms::pdu::{Class, Status};
use liandong_sms::receipt::State;
use liandong_sms::session::lanes::Lane;
use serde_json::json;
use std::collections::{HashMap, HashSet};
use std::time::Duration;

#[tokio::test]
async fn a_short_text_arrives_as_written_and_is_receipted() {
    let Some(mut smsc) = centre().await else {
        return;
    };
    smsc.set(json!({"receipts": true})).await;
    let (link, mut events) = up(smsc.config()).await;
    let bind = smsc.hears("bind").await;
    assert_eq!((bind["mode"].as_str(), bind["version"].as_u64()), (Some("transceiver"), Some(0x34)));
    let text = "【郑州社管】您有1件事项待签收,回复1签收";
    link.submit(OutMessage { validity: Some(Duration::from_secs(7_200)), ..message("m1", text) }).await.unwrap();
    let heard = smsc.hears("submit").await;
    assert_eq!(
        (heard["text"].as_str(), heard["dcs"].as_u64(), heard["octets"].as_u64()),
        (Some(text), Some(8), Some(42))
    );
    assert_eq!((heard["from"].as_str(), heard["to"].as_str()), (Some("106903710001"), Some("8613800138000")));
    assert_eq!((heard["registered"].as_u64(), heard["udh"].is_null()), (Some(1), true));
    let validity = heard["validity"].as_str().unwrap();
    assert!(validity == "000000020000000R" || validity.starts_with("00000001"), "{validity}");
    let LinkEvent::Submitted { key, segment: 1, of: 1, smsc_id } = next(&mut events).await else { panic!() };
    assert_eq!((key.as_str(), smsc_id.as_str()), ("m1", heard["id"].as_str().unwrap()));
    let LinkEvent::Receipt { matched, receiver, state, ack, .. } = next(&mut events).await else { panic!() };
    assert_eq!((matched.unwrap().key.as_str(), receiver.as_str(), state), ("m1", "13800138000", State::Delivered));
    ack.accept();
    assert_eq!(smsc.hears("deliver_resp").await["status"], 0);
    link.close().await;
    smsc.hears("unbind").await;
}

#[tokio::test]
async fn a_long_chinese_text_goes_in_whole_characters_and_joins_to_itself() {
    let Some(mut smsc) = centre().await else {
        return;
    };
    let (link, mut events) = up(smsc.config()).await;
    let text = "汉".repeat(66) + "😀" + &"字".repeat(70);
    send(&link, "long", &text).await;
    let mut joined = String::new();
    let mut references = HashSet::new();
    for index in 1..=3 {
        let heard = smsc.hears("submit").await;
        assert_eq!((heard["udh"]["index"].as_u64(), heard["udh"]["total"].as_u64()), (Some(index), Some(3)));
        assert!(heard["octets"].as_u64().unwrap() <= 140);
        references.insert(heard["udh"]["ref"].as_u64());
        joined += heard["text"].as_str().unwrap();
        let LinkEvent::Submitted { segment, of: 3, .. } = next(&mut events).await else { panic!() };
        assert_eq!(u64::from(segment), index);
    }
    assert_eq!((joined, references.len()), (text, 1));
}

/// A centre that answers in one base, reports in another, before it answers, and everything three times.
#[tokio::test]
async fn receipts_with_every_quirk_find_their_message() {
    for (resp, receipt, width, early, tlv) in [
        ("hex", "dec", 0, false, false),
        ("HEX", "hex", 10, false, true),
        ("dec", "HEX", 12, true, false),
        ("hex", "dec", 8, true, false),
    ] {
        let Some(mut smsc) = centre().await else {
            return;
        };
        smsc.set(json!({"receipts": true, "resp_id": resp, "receipt_id": receipt, "width": width, "early": early, "tlv": tlv, "repeat": 3})).await;
        let (link, mut events) = up(smsc.config()).await;
        let total = 50;
        for number in 0..total {
            send(&link, &format!("m{number}"), "hello").await;
        }
        let mut delivered = HashSet::new();
        let mut keys = HashMap::<String, usize>::new();
        while delivered.len() < total || keys.values().sum::<usize>() < total * 3 {
            match next(&mut events).await {
                LinkEvent::Receipt { matched, dedupe_key, ack, state, .. } => {
                    assert_eq!(state, State::Delivered);
                    if let Some(matched) = matched {
                        assert_eq!(matched.by, MatchedBy::Id);
                        delivered.insert(matched.key);
                    }
                    *keys.entry(dedupe_key).or_default() += 1;
                    ack.accept();
                }
                LinkEvent::Submitted { .. } => {}
                other => panic!("{other:?}"),
            }
        }
        assert_eq!(keys.len(), total, "repetitions have one key");
    }
}

#[tokio::test]
async fn the_reply_of_a_phone_is_answered_only_after_the_owner_has_it() {
    let Some(mut smsc) = centre().await else {
        return;
    };
    let (_link, mut events) = up(smsc.config()).await;
    let mo = json!({"mo": {"from": "8613800138000", "to": "106903710001", "text": "１"}});
    smsc.tell(mo.clone()).await;
    let LinkEvent::Incoming { from, ext, text, complete: true, ack, dedupe_key, .. } = next(&mut events).await else {
        panic!()
    };
    assert_eq!((from.as_str(), ext.as_deref(), text.as_str()), ("13800138000", Some("01"), "１"));
    ack.refuse(Status::RX_T_APPN);
    assert_eq!(smsc.hears("deliver_resp").await["status"], 0x64);
    smsc.tell(mo.clone()).await;
    let LinkEvent::Incoming { dedupe_key: again, ack, .. } = next(&mut events).await else { panic!() };
    assert_eq!(dedupe_key, again, "the repetition is known by its key");
    drop(ack);
    assert_eq!(smsc.hears("deliver_resp").await["status"], 0x64, "forgotten means later");
    smsc.tell(mo).await;
    let LinkEvent::Incoming { ack, .. } = next(&mut events).await else { panic!() };
    ack.accept();
    assert_eq!(smsc.hears("deliver_resp").await["status"], 0);
}

#[tokio::test]
async fn long_messages_of_phones_are_joined_whatever_their_order() {
    let Some(mut smsc) = centre().await else {
        return;
    };
    let (_link, mut events) = up(smsc.config()).await;
    let text = "中州大道与农业路交叉口东北角井盖破损，已有两人绊倒，请尽快处理。".repeat(4);
    for sar in [false, true] {
        smsc.tell(json!({"mo": {"from": "8613800138000", "to": "1069037100", "text": text, "parts": 3, "order": [3, 1, 1, 2], "sar": sar, "ref": 9}}))
            .await;
        for index in [3, 1, 1] {
            let LinkEvent::Part { part, ack } = next(&mut events).await else { panic!() };
            assert_eq!(part.place.index, index);
            ack.accept();
            assert_eq!(smsc.hears("deliver_resp").await["status"], 0);
        }
        let LinkEvent::Incoming { text: joined, ext, complete: true, ack, .. } = next(&mut events).await else {
            panic!()
        };
        assert_eq!((joined.as_str(), ext.as_deref()), (text.as_str(), Some("")));
        ack.accept();
    }
}

#[tokio::test]
async fn stored_parts_are_joined_after_a_restart() {
    let Some(mut smsc) = centre().await else {
        return;
    };
    let mo = |order: &[u8]| json!({"mo": {"from": "8613800138000", "to": "1069037100", "text": "甲乙丙丁", "parts": 2, "order": order}});
    let (link, mut events) = up(smsc.config()).await;
    smsc.tell(mo(&[1])).await;
    let LinkEvent::Part { part, ack } = next(&mut events).await else { panic!() };
    ack.accept();
    link.close().await;
    let (link, mut events) = up(smsc.config()).await;
    link.restore(part).await;
    smsc.tell(mo(&[2])).await;
    let event = until(&mut events, |event| matches!(event, LinkEvent::Incoming { .. })).await;
    let LinkEvent::Incoming { text, .. } = event else { unreachable!() };
    assert_eq!(text, "甲乙丙丁");
}

#[tokio::test]
async fn comes_back_after_the_centre_is_killed_and_sends_what_waited() {
    let Some(smsc) = centre().await else { return };
    let (config, port) = (smsc.config(), smsc.port);
    let (link, mut events) = up(config).await;
    smsc.end().await;
    until(&mut events, |event| matches!(event, LinkEvent::LinkDown { .. })).await;
    send(&link, "waits", "hello").await;
    let short = OutMessage { validity: Some(Duration::from_millis(1)), ..message("expires", "hello") };
    link.submit(short).await.unwrap();
    let event = until(&mut events, |event| matches!(event, LinkEvent::Refused { .. })).await;
    assert!(matches!(event, LinkEvent::Refused { key, class: Class::Link, .. } if key == "expires"));
    let mut again = centre_on(port).await.unwrap();
    until(&mut events, |event| matches!(event, LinkEvent::LinkUp)).await;
    until(&mut events, |event| matches!(event, LinkEvent::Submitted { key, .. } if key == "waits")).await;
    assert_eq!(again.hears("submit").await["text"], "hello");
    assert!(link.status().up);
}

#[tokio::test]
async fn the_window_is_never_exceeded() {
    let Some(mut smsc) = centre().await else {
        return;
    };
    smsc.set(json!({"hold": true})).await;
    let (link, mut events) = up(liandong_sms::link::SmppConfig { window: 5, ..smsc.config() }).await;
    for number in 0..23 {
        send(&link, &number.to_string(), "hello").await;
    }
    let (mut heard, mut submitted) = (0, 0);
    while heard < 23 {
        let batch = 5.min(23 - heard);
        for _ in 0..batch {
            assert!(smsc.hears("submit").await["in_flight"].as_u64().unwrap() <= 5);
        }
        heard += batch;
        assert_eq!(link.status().in_flight, batch, "nothing more is under way");
        smsc.tell(json!({"release": true})).await;
        for _ in 0..batch {
            until(&mut events, |event| matches!(event, LinkEvent::Submitted { .. })).await;
            submitted += 1;
        }
    }
    assert_eq!(submitted, 23);
}

#[tokio::test]
async fn a_lost_response_is_unknown_and_nothing_is_sent_twice() {
    let Some(mut smsc) = centre().await else {
        return;
    };
    smsc.set(json!({"swallow": 1, "receipts": true})).await;
    let mut config = smsc.config();
    config.timers.response = Duration::from_millis(100);
    let (link, mut events) = up(config).await;
    send(&link, "lost", "hello").await;
    let event =
        until(&mut events, |event| matches!(event, LinkEvent::Unknown { .. } | LinkEvent::Submitted { .. })).await;
    assert!(matches!(event, LinkEvent::Unknown { key, segment: 1, of: 1 } if key == "lost"));
    send(&link, "next", "second").await;
    until(&mut events, |event| matches!(event, LinkEvent::Submitted { key, .. } if key == "next")).await;
    let heard = [smsc.hears("submit").await, smsc.hears("submit").await];
    assert_eq!((&heard[0]["text"], &heard[0]["answered"]), (&json!("hello"), &json!(false)));
    assert_eq!((&heard[1]["text"], &heard[1]["answered"]), (&json!("second"), &json!(true)));
}

/// The centre took it and its answer was lost; its receipt says so.
#[tokio::test]
async fn a_receipt_resolves_an_unknown_submit() {
    let Some(mut smsc) = centre().await else { return };
    smsc.set(json!({"swallow": 1})).await;
    let mut config = smsc.config();
    config.timers.response = Duration::from_millis(100);
    let (link, mut events) = up(config).await;
    send(&link, "lost", "hello").await;
    let heard = smsc.hears("submit").await;
    until(&mut events, |event| matches!(event, LinkEvent::Unknown { .. })).await;
    smsc.tell(json!({"receipt": {"id": heard["id"], "phone": "8613800138000", "sender": "106903710001"}})).await;
    let LinkEvent::Receipt { matched, state: State::Delivered, ack, .. } = next(&mut events).await else { panic!() };
    let matched = matched.unwrap();
    assert_eq!((matched.key.as_str(), matched.segment, matched.by), ("lost", 1, MatchedBy::OnlyUnknown));
    ack.accept();
}

#[tokio::test]
async fn in_flight_when_the_connection_breaks_is_unknown() {
    let Some(mut smsc) = centre().await else {
        return;
    };
    smsc.set(json!({"hold": true})).await;
    let (link, mut events) = up(smsc.config()).await;
    send(&link, "a", "hello").await;
    smsc.hears("submit").await;
    smsc.tell(json!({"kill": true})).await;
    until(&mut events, |event| matches!(event, LinkEvent::Unknown { key, .. } if key == "a")).await;
    until(&mut events, |event| matches!(event, LinkEvent::LinkUp)).await;
}

#[tokio::test]
async fn throttled_segments_go_again_and_refusals_have_their_class() {
    let Some(mut smsc) = centre().await else {
        return;
    };
    smsc.set(json!({"throttle": 3})).await;
    let (link, mut events) = up(smsc.config()).await;
    for key in ["a", "b", "c", "d"] {
        send(&link, key, "hello").await;
    }
    let mut done = HashSet::new();
    while done.len() < 4 {
        let LinkEvent::Submitted { key, .. } = next(&mut events).await else { panic!("throttling is not told") };
        done.insert(key);
    }
    for (status, class) in [(0x0B, Class::Permanent), (0x14, Class::Temporary), (0x04, Class::Link)] {
        smsc.set(json!({"refuse": [status, 1]})).await;
        send(&link, "refused", &"汉".repeat(200)).await;
        let event = until(&mut events, |event| matches!(event, LinkEvent::Refused { .. })).await;
        let LinkEvent::Refused { class: found, status: code, .. } = event else { unreachable!() };
        assert_eq!((code, found), (status, class));
    }
    until(&mut events, |event| matches!(event, LinkEvent::LinkUp)).await;
}

#[tokio::test]
async fn an_emergency_overtakes_queued_notices() {
    let Some(smsc) = centre().await else { return };
    let config = liandong_sms::link::SmppConfig { rate: 50, window: 10, ..smsc.config() };
    let (link, mut events) = up(config).await;
    for number in 0..60 {
        link.submit(OutMessage { lane: Lane::Notice, ..message(&format!("n{number}"), "hello") }).await.unwrap();
    }
    link.submit(OutMessage { lane: Lane::Emergency, ..message("alarm", "alarm") }).await.unwrap();
    let mut before = 0;
    loop {
        let LinkEvent::Submitted { key, .. } = next(&mut events).await else { panic!() };
        if key == "alarm" {
            break;
        }
        before += 1;
    }
    assert!(before < 30, "{before} notices went first");
}

#[tokio::test]
async fn a_refused_bind_is_not_hammered_and_closing_gives_back_what_waits() {
    let Some(mut smsc) = centre().await else {
        return;
    };
    smsc.set(json!({"bind_status": 0x0E})).await;
    let (link, mut events) = liandong_sms::link::SmppLink::start(smsc.config(), 1).unwrap();
    let LinkEvent::LinkDown { reason } = next(&mut events).await else { panic!() };
    assert!(reason.contains("0x0e"), "{reason}");
    send(&link, "waits", "hello").await;
    tokio::time::timeout(LONG, link.close()).await.unwrap();
    assert!(matches!(next(&mut events).await, LinkEvent::Refused { key, class: Class::Link, .. } if key == "waits"));
    assert!(link.submit(message("late", "hello")).await.is_err());
}

#[tokio::test]
async fn a_mute_centre_is_left_and_tried_again() {
    let Some(mut smsc) = centre().await else {
        return;
    };
    let mut config = smsc.config();
    config.timers.enquire = Duration::from_millis(50);
    config.timers.enquire_answer = Duration::from_millis(50);
    let (_link, mut events) = up(config).await;
    smsc.hears("enquire_link").await;
    smsc.set(json!({"mute": true})).await;
    until(&mut events, |event| matches!(event, LinkEvent::LinkDown { .. })).await;
    smsc.set(json!({"mute": false})).await;
    until(&mut events, |event| matches!(event, LinkEvent::LinkUp)).await;
}
