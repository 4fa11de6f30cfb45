//! A citizen calls 12345 from the trunk; the agent's baresip answers; each hears the other, and both are on the recording.

use std::io::Read;
use std::time::{Duration, Instant};

use liandong_media::tone::energy_share;
use serde_json::{Value, json};

use crate::harness::{Client, Hub, Place};
use crate::phone::{Baresip, Phone, samples};

/// The citizen's and the agent's tones, Hz: whole periods in 100 ms, neither a harmonic of the other.
const CITIZEN: f64 = 700.0;
const AGENT: f64 = 440.0;
/// A tone is heard if so much of a second's power lies at its frequency.
const HEARD: f64 = 0.8;

/// An agent whose telephone is registered and who is ready.
fn agent(hub: &Hub, user: &str, extension: &str) -> (Client, Baresip) {
    with_phone(hub, user, Baresip::start(hub.place.sip, extension, AGENT as u32))
}

fn with_phone(hub: &Hub, user: &str, phone: Baresip) -> (Client, Baresip) {
    let client = hub.sign_in(user);
    client.until("the phone is registered", |c| (c.get("/desk")["phone"] == json!(true)).then_some(()));
    let ready = json!({ "state": "ready" });
    let (status, desk) = client.call("PUT", "/desk/state", Some(&ready), None).unwrap();
    assert_eq!((status, &desk["state"]), (200, &json!("ready")), "{desk}");
    (client, phone)
}

/// The best second of what was heard.
fn share(heard: &[i16], tone: f64) -> f64 {
    heard.chunks_exact(8_000).map(|second| energy_share(second, tone)).fold(0.0, f64::max)
}

fn talking(client: &Client) -> Value {
    client.until("the agent talks", |c| {
        let desk = c.get("/desk");
        (desk["state"] == "talking" && desk["call"]["state"] == "talking").then(|| desk["call"].clone())
    })
}

fn recording(hub: &Hub, client: &Client, call: &str, range: Option<&str>) -> (u16, Vec<u8>) {
    let url = format!("http://127.0.0.1:{}/api/v1/calls/{call}/recording", hub.place.http);
    let mut request = ureq::get(url).header("authorization", format!("Bearer {}", client.token));
    if let Some(range) = range {
        request = request.header("range", range);
    }
    let mut answer = request.config().http_status_as_error(false).build().call().unwrap();
    let mut bytes = Vec::new();
    answer.body_mut().as_reader().read_to_end(&mut bytes).unwrap();
    (answer.status().as_u16(), bytes)
}

#[test]
fn each_hears_the_other_and_both_are_on_the_recording() {
    let hub = Place::new().start();
    let (client, baresip) = agent(&hub, "agent1", "8001");
    let citizen = Phone::call(hub.place.sip, "13800138000", "12345", CITIZEN).expect("the hotline answers");
    let call = talking(&client);
    let id = call["id"].as_str().unwrap().to_owned();
    assert_eq!(call["from"]["number"], "138****8000", "masked on the desk");
    citizen.heard();
    let heard = client.until("the citizen hears the agent", |_| {
        std::thread::sleep(Duration::from_secs(2));
        let heard = citizen.heard();
        (share(&heard, AGENT) > HEARD).then_some(heard)
    });
    assert!(heard.len() >= 8_000);
    let held = client.post(&format!("/calls/{id}/hold"), &json!({}));
    assert_eq!(held["state"], "held");
    let resumed = client.post(&format!("/calls/{id}/resume"), &json!({}));
    assert_eq!(resumed["state"], "talking");
    let draft = json!({ "form": { "title": "路灯不亮" } });
    client.call("PUT", &format!("/desk/drafts/{id}"), Some(&draft), None).unwrap();
    assert_eq!(client.get(&format!("/desk/drafts/{id}"))["form"]["title"], "路灯不亮");
    let mut body = crate::matter::case_body();
    body["call_id"] = json!(id);
    let case = client.post("/cases", &body);
    let about = client.get(&format!("/calls/{id}"))["case"].clone();
    assert_eq!((&about["id"], &about["public_no"]), (&case["id"], &case["public_no"]), "the call is about the case");
    let timeline = client.get(&format!("/cases/{}/timeline", case["id"].as_str().unwrap()));
    assert!(timeline.to_string().contains("call.answered"), "the call stands on the case's timeline: {timeline}");
    std::thread::sleep(Duration::from_secs(2));
    citizen.hang_up();
    let done = client.until("the call is over", |c| {
        let call = c.get(&format!("/calls/{id}"));
        (call["state"] == "ended" && call["recording"]["state"] == "complete").then_some(call)
    });
    assert_eq!((&done["result"], &done["ended_by"]), (&json!("answered"), &json!("caller")), "{done}");
    assert!(share(&baresip.heard(), CITIZEN) > HEARD, "the agent hears the citizen");

    let (status, wav) = recording(&hub, &client, &id, None);
    assert_eq!((status, &wav[..4], &wav[22..24]), (200, &b"RIFF"[..], &[2, 0][..]), "two channels");
    let both = samples(&wav);
    let track = |n: usize| both.iter().skip(n).step_by(2).copied().collect::<Vec<i16>>();
    assert!(share(&track(0), CITIZEN) > HEARD, "the citizen is on the left track");
    assert!(share(&track(1), AGENT) > HEARD, "the agent is on the right track");
    let (status, part) = recording(&hub, &client, &id, Some("bytes=0-3"));
    assert_eq!((status, &part[..]), (206, &b"RIFF"[..]));
    let (status, _) = recording(&hub, &hub.sign_in("agent2"), &id, None);
    assert_eq!(status, 403, "another agent does not play it");

    let queues = hub.sign_in("lead1").get("/queues");
    let city = queues["items"].as_array().unwrap().iter().find(|q| q["id"] == "city_hotline").unwrap();
    assert_eq!(
        (&city["service_level"]["numerator"], &city["service_level"]["denominator"]),
        (&json!(1), &json!(1)),
        "{city}"
    );
}

#[test]
fn a_call_that_a_kill_ended_has_its_end_and_its_recording() {
    let hub = Place::new().start();
    let (client, baresip) = agent(&hub, "agent1", "8001");
    let citizen = Phone::call(hub.place.sip, "13800138000", "12345", CITIZEN).expect("the hotline answers");
    let id = talking(&client)["id"].as_str().unwrap().to_owned();
    client.until("the recording runs", |c| {
        (c.get(&format!("/calls/{id}"))["recording"]["state"] == "running").then_some(())
    });
    client.until("the talk has gone on for a while", |_| {
        std::thread::sleep(Duration::from_secs(2));
        (share(&citizen.heard(), AGENT) > HEARD).then_some(())
    });
    let hub = hub.kill().start();
    drop((citizen, baresip));
    let client = hub.sign_in("agent1");
    let call = client.get(&format!("/calls/{id}"));
    assert_eq!((&call["state"], &call["cause"]), (&json!("ended"), &json!("hub_restarted")), "{call}");
    let (status, wav) = recording(&hub, &client, &id, None);
    assert_eq!(status, 200);
    let caller: Vec<i16> = samples(&wav).into_iter().step_by(2).collect();
    assert!(share(&caller, CITIZEN) > HEARD, "the recording plays up to the kill");
}

/// Five callers, two agents, one of whom never answers: the order of service, the ring-back to the head, the states, and
/// the figure of the hub against a count made here.
#[test]
fn the_queue_keeps_its_order_and_its_figures_are_true() {
    let hub = Place::new().start();
    let (client, _first) = agent(&hub, "agent1", "8001");
    let (idle, _second) = with_phone(&hub, "agent2", Baresip::ringing(hub.place.sip, "8002"));
    let lead = hub.sign_in("lead1");
    let mut callers = Vec::new();
    for n in 0..5 {
        let begun = Instant::now();
        let phone =
            Phone::call(hub.place.sip, &format!("1380013800{n}"), "12345", CITIZEN).expect("the hotline answers");
        callers.push((phone, begun));
        lead.until("the caller is known", |l| {
            (l.get("/calls")["items"].as_array().unwrap().len() == n + 1).then_some(())
        });
    }
    let mut order: Vec<String> = ids(&lead.get("/calls")["items"], "id");
    order.reverse(); // lists are newest first
    assert_eq!(talking(&client)["id"], order[0].as_str(), "the longest idle agent has the first caller");
    let mut waits = vec![callers[0].1.elapsed()];

    // The second rings in vain: out with him, his caller at the head again.
    idle.until("agent2 is taken out", |c| {
        let desk = c.get("/desk");
        (desk["state"] == "not_ready" && desk["reason"] == "no_answer").then_some(())
    });
    assert_eq!(ids(&city(&lead)["waiting"], "call_id"), order[1..], "places by the time of asking");
    for (n, (phone, begun)) in callers.into_iter().enumerate() {
        if n > 0 {
            let call = client.until("the next caller is served", |c| {
                let call = c.get("/desk")["call"].clone();
                (call["state"] == "talking" && call["id"] == order[n].as_str()).then_some(call)
            });
            waits.push(begun.elapsed());
            assert_eq!(call["from"]["number"], "138****800".to_owned() + &n.to_string());
        }
        phone.hang_up();
        client.until("after-call work", |c| (c.get("/desk")["state"] == "wrap_up").then_some(()));
        client.post(&format!("/calls/{}/wrap_up", order[n]), &json!({}));
    }
    let in_time = waits.iter().filter(|w| **w <= Duration::from_secs(15)).count();
    lead.until("the figure equals the count from outside", |l| {
        let level = city(l)["service_level"].clone();
        (level["numerator"] == json!(in_time) && level["denominator"] == json!(5)).then_some(())
    });
    let figures = lead.get("/queues/city_hotline/figures");
    let level = figures["items"].as_array().unwrap().iter().find(|f| f["name"] == "connect_rate_15s").unwrap();
    assert_eq!(level["counted"], json!(order[..in_time]), "the calls behind it");
    let (_, elsewhere) = hub.sign_in("county1").call("GET", "/queues", None, None).unwrap();
    assert!(!elsewhere.to_string().contains("city_hotline"), "another unit's queue is not there: {elsewhere}");
}

fn ids(list: &Value, key: &str) -> Vec<String> {
    list.as_array().unwrap().iter().map(|item| item[key].as_str().unwrap().to_owned()).collect()
}

fn city(client: &Client) -> Value {
    let queues = client.get("/queues");
    queues["items"].as_array().unwrap().iter().find(|q| q["id"] == "city_hotline").unwrap().clone()
}
