//! kill -9 in the middle of calls, and the hub started again: who talked goes on talking, who waited goes on waiting.

use std::io::Read;
use std::time::{Duration, Instant};

use liandong_media::tone::energy_share;
use serde_json::{Value, json};

use crate::harness::{Client, Hub, Place};
use crate::phone::{Baresip, Phone, samples};

const CITIZEN: f64 = 700.0;
const AGENT: f64 = 440.0;
/// A tone is heard if so much of a second's power lies at its frequency.
const HEARD: f64 = 0.8;

fn has(heard: &[i16], tone: f64) -> bool {
    heard.chunks_exact(8_000).any(|second| energy_share(second, tone) > HEARD)
}

fn ready(hub: &Hub, user: &str, extension: &str) -> (Client, Baresip) {
    let phone = Baresip::start(hub.place.sip, extension, AGENT as u32);
    let client = hub.sign_in(user);
    client.until("the phone is registered", |c| (c.get("/desk")["phone"] == json!(true)).then_some(()));
    client.call("PUT", "/desk/state", Some(&json!({ "state": "ready" })), None).unwrap();
    (client, phone)
}

fn talks(client: &Client) -> Option<String> {
    let desk = client.get("/desk");
    (desk["state"] == "talking" && desk["call"]["state"] == "talking")
        .then(|| desk["call"]["id"].as_str().unwrap().to_owned())
}

fn hears(client: &Client, what: &str, heard: impl Fn() -> Vec<i16>, tone: f64) {
    client.until(what, |_| {
        std::thread::sleep(Duration::from_secs(2)); // what is listened to, not a wait for anything
        has(&heard(), tone).then_some(())
    });
}

fn recording(hub: &Hub, client: &Client, call: &str) -> Vec<i16> {
    let url = format!("http://127.0.0.1:{}/api/v1/calls/{call}/recording", hub.place.http);
    let mut answer = ureq::get(url).header("authorization", format!("Bearer {}", client.token)).call().unwrap();
    let mut bytes = Vec::new();
    answer.body_mut().as_reader().read_to_end(&mut bytes).unwrap();
    samples(&bytes)
}

/// The kinds of a call's events, in order.
fn events(client: &Client, call: &str) -> Vec<String> {
    let (mut kinds, mut after) = (Vec::new(), "0".to_owned());
    loop {
        let page = client.get(&format!("/events?after={after}&limit=500"));
        let of_call = |event: &&Value| event["subject"].as_str().is_some_and(|subject| subject.ends_with(call));
        let items = page["items"].as_array().unwrap();
        kinds.extend(items.iter().filter(of_call).map(|event| event["kind"].as_str().unwrap().to_owned()));
        match page["next"].as_str() {
            Some(next) => after = next.to_owned(),
            None => return kinds,
        }
    }
}

fn count(kinds: &[String], kind: &str) -> usize {
    kinds.iter().filter(|k| *k == kind).count()
}

#[test]
fn a_talk_outlives_kill_9() {
    let hub = Place::new().start();
    let (client, baresip) = ready(&hub, "agent1", "8001");
    let citizen = Phone::call(hub.place.sip, "13800138000", "12345", CITIZEN).expect("the hotline answers");
    let id = client.until("the agent talks", talks);
    client.until("the recording runs", |c| {
        (c.get(&format!("/calls/{id}"))["recording"]["state"] == "running").then_some(())
    });
    hears(&client, "the citizen hears the agent", || citizen.heard(), AGENT);
    hears(&client, "the agent hears the citizen", || baresip.heard(), CITIZEN);
    let (before, begun) = (baresip.heard().len(), Instant::now());

    let hub = hub.kill().start();
    citizen.heard();
    let client = hub.sign_in("agent1");
    assert_eq!(client.until("the agent still talks", talks), id);
    hears(&client, "the citizen hears the agent again", || citizen.heard(), AGENT);
    hears(&client, "the agent hears the citizen again", || baresip.heard().split_off(before), CITIZEN);
    let held = client.post(&format!("/calls/{id}/hold"), &json!({}));
    assert_eq!(held["state"], "held", "the call obeys as before");
    client.post(&format!("/calls/{id}/resume"), &json!({}));
    let talked = begun.elapsed();
    std::thread::sleep(Duration::from_secs(2)); // a last stretch of talk for the recording

    citizen.hang_up();
    let call = client.until("the call is over", |c| {
        let call = c.get(&format!("/calls/{id}"));
        (call["state"] == "ended" && call["recording"]["duration_ms"].is_number()).then_some(call)
    });
    assert_eq!(
        (&call["result"], &call["ended_by"], &call["cause"]),
        (&json!("answered"), &json!("caller"), &json!("normal"))
    );
    let talk = Duration::from_millis(call["talk_ms"].as_u64().unwrap());
    assert!(talk + Duration::from_secs(1) >= talked, "the talk spans the restart: {talk:?} of {talked:?}");
    client.until("the agent's telephone was hung up", |c| (c.get("/desk")["state"] == "wrap_up").then_some(()));
    let calls = client.get("/calls");
    assert_eq!(calls["items"].as_array().unwrap().len(), 1, "one record: {calls}");
    let kinds = events(&hub.sign_in("lead1"), &id);
    for once in ["call.offered", "call.taken_up", "call.recorded", "call.ended"] {
        assert_eq!(count(&kinds, once), 1, "{once} in {kinds:?}");
    }

    let both = recording(&hub, &client, &id);
    let track = |n: usize| both.iter().skip(n).step_by(2).copied().collect::<Vec<i16>>();
    for (track, tone) in [(track(0), CITIZEN), (track(1), AGENT)] {
        let (first, last) = track.split_at(track.len() / 2);
        assert!(has(first, tone) && has(last, tone), "{tone} Hz is on the recording before and after");
    }
}

#[test]
fn who_waits_keeps_his_place_over_kill_9() {
    let hub = Place::new().start();
    let (client, _baresip) = ready(&hub, "agent1", "8001");
    let first = Phone::call(hub.place.sip, "13800138000", "12345", CITIZEN).expect("the hotline answers");
    let talking = client.until("the agent talks", talks);
    let lead = hub.sign_in("lead1");
    let waiting = |lead: &Client| -> Vec<(String, Value)> {
        let queues = lead.get("/queues");
        let city = queues["items"].as_array().unwrap().iter().find(|q| q["id"] == "city_hotline").unwrap().clone();
        let line = city["waiting"].as_array().unwrap().clone();
        line.iter().map(|w| (w["call_id"].as_str().unwrap().to_owned(), w["since"].clone())).collect()
    };
    let mut phones = Vec::new();
    for n in 1..=2 {
        let number = format!("1380013800{n}");
        phones.push(Phone::call(hub.place.sip, &number, "12345", CITIZEN).expect("the hotline answers"));
        lead.until("he waits", |l| (waiting(l).len() == n).then_some(()));
    }
    let before = waiting(&lead);
    lead.until("that they wait is on the disk", |l| {
        before.iter().all(|(call, _)| count(&events(l, call), "call.queued") == 1).then_some(())
    });

    let hub = hub.kill().start();
    let (client, lead) = (hub.sign_in("agent1"), hub.sign_in("lead1"));
    let after = lead.until("they wait again", |l| Some(waiting(l)).filter(|line| line.len() == 2));
    let ids = |line: &[(String, Value)]| line.iter().map(|(call, _)| call.clone()).collect::<Vec<_>>();
    assert_eq!(ids(&after), ids(&before), "in the same order");
    assert_eq!(client.until("the agent still talks", talks), talking);
    first.hang_up();
    client.until("after-call work", |c| (c.get("/desk")["state"] == "wrap_up").then_some(()));
    client.post(&format!("/calls/{talking}/wrap_up"), &json!({ "code": "answered", "note": "已说明" }));
    assert_eq!(client.until("the next is served", talks), before[0].0, "the first in line");
    let done = client.get(&format!("/calls/{talking}"));
    assert_eq!((&done["wrap_up"]["name"], &done["wrap_up"]["note"]), (&json!("直接答复"), &json!("已说明")), "{done}");
    for phone in phones {
        phone.hang_up();
    }
}
