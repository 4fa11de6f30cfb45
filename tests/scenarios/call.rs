//! A citizen calls 12345 from the trunk; the agent's baresip answers; each hears the other, and both are on the recording.

use std::cell::Cell;
use std::io::Read;
use std::time::{Duration, Instant};

use liandong_media::tone::energy_share;
use serde_json::{Value, json};

use crate::harness::{Client, Hub, Place};
use crate::phone::{Baresip, Phone, samples};

/// The citizen's and the agent's tones, Hz: whole periods in 100 ms, neither a harmonic of the other.
pub(crate) const CITIZEN: f64 = 700.0;
pub(crate) const AGENT: f64 = 440.0;
/// Between two times of listening: recognising prompts costs time.
const EAR: Duration = Duration::from_millis(500);
/// A tone is heard if so much of a second's power lies at its frequency.
pub(crate) const HEARD: f64 = 0.8;

/// An agent whose telephone is registered and who is ready.
pub(crate) fn agent(hub: &Hub, user: &str, extension: &str) -> (Client, Baresip) {
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
pub(crate) fn share(heard: &[i16], tone: f64) -> f64 {
    heard.chunks_exact(8_000).map(|second| energy_share(second, tone)).fold(0.0, f64::max)
}

pub(crate) fn talking(client: &Client) -> Value {
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

/// The two tracks of a call's recording once it is complete: caller, agent.
pub(crate) fn recorded(hub: &Hub, client: &Client, call: &str) -> [Vec<i16>; 2] {
    client.until("the recording is complete", |c| {
        (c.get(&format!("/calls/{call}"))["recording"]["state"] == "complete").then_some(())
    });
    let (status, wav) = recording(hub, client, call, None);
    assert_eq!((status, &wav[..4], &wav[22..24]), (200, &b"RIFF"[..], &[2, 0][..]), "two channels");
    let both = samples(&wav);
    [0, 1].map(|track| both.iter().skip(track).step_by(2).copied().collect())
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
    client.until("the agent hears the citizen", |_| {
        std::thread::sleep(EAR);
        (share(&baresip.heard(), CITIZEN) > HEARD).then_some(())
    });
    citizen.hang_up();
    let done = client.until("the call is over", |c| {
        let call = c.get(&format!("/calls/{id}"));
        (call["state"] == "ended" && call["recording"]["state"] == "complete").then_some(call)
    });
    assert_eq!((&done["result"], &done["ended_by"]), (&json!("answered"), &json!("caller")), "{done}");

    let [caller, callee] = recorded(&hub, &client, &id);
    assert!(share(&caller, CITIZEN) > HEARD, "the citizen is on the left track");
    assert!(share(&callee, AGENT) > HEARD, "the agent is on the right track");
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

/// A caller of the queue test.
struct Caller {
    phone: Phone,
    /// His call's id.
    call: String,
    /// Bounds of his wait, seen from outside, once he was served.
    wait: Option<(Duration, Duration)>,
}

impl Caller {
    /// The places that he was told, in order; one that was told again without a change counts once.
    fn places(&self) -> Vec<u32> {
        let mut places = crate::ear::places(&self.phone.everything());
        places.dedup();
        places
    }

    /// Waits until he was told these places, and no others.
    fn is_told(&self, lead: &Client, places: &[u32]) {
        lead.until(&format!("{} is told {places:?}", self.call), |_| {
            std::thread::sleep(EAR);
            let told = self.places();
            assert!(places.starts_with(&told), "{} was told {told:?}, not {places:?}", self.call);
            (told == places).then_some(())
        });
    }

    fn heard(&self, prompt: &str) -> usize {
        crate::ear::beginnings(&self.phone.everything(), prompt).len()
    }

    /// Waits until the agent talks with him.
    fn served(&mut self, agent: &Client) {
        let (asked, answered) = self.phone.began();
        let not_yet = Cell::new(answered);
        agent.until("the next caller is served", |c| {
            let look = Instant::now();
            let call = c.get("/desk")["call"].clone();
            let talks = call["state"] == "talking" && call["id"] == self.call.as_str();
            if !talks {
                not_yet.set(look);
            }
            talks.then_some(())
        });
        self.wait = Some((not_yet.get().saturating_duration_since(answered), asked.elapsed()));
    }
}

fn call_hotline(hub: &Hub, lead: &Client, number: &str) -> Caller {
    let known = ids(&lead.get("/calls")["items"], "id");
    let phone = Phone::call(hub.place.sip, number, "12345", CITIZEN).expect("the hotline answers");
    let call = lead.until("the caller is known", |l| {
        ids(&l.get("/calls")["items"], "id").into_iter().find(|id| !known.contains(id))
    });
    Caller { phone, call, wait: None }
}

/// Five callers, two agents, one of whom never answers: the order of service, the ring-back to the head, the places as
/// each caller hears them, the states, and the figure of the hub against a count made here.
#[test]
fn the_queue_keeps_its_order_and_its_figures_are_true() {
    let hub = Place::new().start();
    let (client, _first) = agent(&hub, "agent1", "8001");
    let (idle, _second) = with_phone(&hub, "agent2", Baresip::ringing(hub.place.sip, "8002"));
    let lead = hub.sign_in("lead1");
    let numbers = (0..5).map(|n| format!("1380013800{n}"));
    let mut callers: Vec<Caller> = numbers.map(|number| call_hotline(&hub, &lead, &number)).collect();
    let order: Vec<String> = callers.iter().map(|c| c.call.clone()).collect();
    callers[0].served(&client); // the longest idle agent has the first caller

    // The second rings in vain: out with him, his caller at the head again.
    let out = idle.until("agent2 is taken out", |c| {
        let desk = c.get("/desk");
        (desk["state"] == "not_ready").then_some(desk)
    });
    assert_eq!(out["reason"], "no_answer");
    let waiting = city(&lead)["waiting"].clone();
    assert_eq!(ids(&waiting, "call_id"), order[1..], "places by the time of asking");
    assert_eq!(
        waiting.as_array().unwrap().iter().map(|w| w["place"].as_u64().unwrap()).collect::<Vec<_>>(),
        [1, 2, 3, 4]
    );
    let agents = city(&lead)["agents"].clone();
    assert_eq!((&agents["talking"], &agents["not_ready"], &agents["ready"]), (&json!(1), &json!(1), &json!(0)));
    let mut rung = events(&lead, &order[1]);
    rung.retain(|kind| kind.starts_with("queue.") || kind == "call.queued");
    assert_eq!(rung, ["call.queued", "queue.reserved", "queue.alerting", "queue.returned"], "rung in vain, not served");

    // Nobody moves until each was told his place; then one is served, and each of the others moves up by one.
    for (place, caller) in (1u32..).zip(&callers[1..]) {
        caller.is_told(&lead, &[place]);
    }
    callers[0].phone.say_goodbye();
    wrap_up(&client, &order[0]);
    callers[1].served(&client);
    for (place, caller) in (1u32..).zip(&callers[2..]) {
        caller.is_told(&lead, &[place + 1, place]);
    }
    for (n, caller) in callers.iter().enumerate() {
        assert_eq!(caller.heard("recording_notice"), 1, "caller {n} knows that he is recorded");
        assert_eq!(caller.heard("next_agent"), usize::from(n == 1), "only who was rung in vain is told so ({n})");
    }
    for n in 1..5 {
        if n > 1 {
            callers[n].served(&client);
        }
        let number = client.get("/desk")["call"]["from"]["number"].clone();
        assert_eq!(number, format!("138****800{n}"), "who waited longest is served first");
        callers[n].phone.say_goodbye();
        wrap_up(&client, &order[n]);
    }
    the_figure_is_true(&lead, &callers);
    let (_, elsewhere) = hub.sign_in("county1").call("GET", "/queues", None, None).unwrap();
    assert!(!elsewhere.to_string().contains("city_hotline"), "another unit's queue is not there: {elsewhere}");
}

/// The 15-second figure and the calls behind it against the waits seen from outside. A wait whose bounds hold 15 seconds
/// between them may count or not; the others must or must not.
fn the_figure_is_true(lead: &Client, callers: &[Caller]) {
    let in_time = Duration::from_secs(15);
    let level = lead.until("all five are decided", |l| {
        let level = city(l)["service_level"].clone();
        (level["denominator"] == json!(callers.len())).then_some(level)
    });
    let figures = lead.get("/queues/city_hotline/figures");
    let figure = figures["items"].as_array().unwrap().iter().find(|f| f["name"] == "connect_rate_15s").unwrap();
    let counted: Vec<&str> = figure["counted"].as_array().unwrap().iter().map(|id| id.as_str().unwrap()).collect();
    assert_eq!(level["numerator"], json!(counted.len()), "one figure, one list of calls");
    for caller in callers {
        let (least, most) = caller.wait.expect("he was served");
        let counts = counted.contains(&caller.call.as_str());
        assert!(if counts { least <= in_time } else { most > in_time }, "{least:?}–{most:?} counts: {counts}");
    }
}

/// Who gives up while he waits is an abandoned call, at once and after a while, and costs no agent his state.
#[test]
fn who_gives_up_is_counted_as_such() {
    let hub = Place::new().start();
    let (idle, _phone) = with_phone(&hub, "agent1", Baresip::ringing(hub.place.sip, "8001"));
    let lead = hub.sign_in("lead1");
    let at_once = Phone::call(hub.place.sip, "13800138000", "12345", CITIZEN).expect("the hotline answers");
    at_once.hang_up();
    let first = lead.until("the call is over", |l| {
        let calls = l.get("/calls")["items"].clone();
        (calls[0]["state"] == "ended").then(|| calls[0].clone())
    });
    assert_eq!((&first["result"], &first["ended_by"]), (&json!("abandoned"), &json!("caller")), "{first}");
    idle.until("the agent is free again", |c| (c.get("/desk")["state"] == "ready").then_some(()));

    let later = call_hotline(&hub, &lead, "13800138001");
    lead.until("he was told that it is recorded, and hears the greeting", |_| {
        std::thread::sleep(EAR);
        (later.heard("greeting") == 1).then_some(())
    });
    let (_, call) = (later.phone.hang_up(), later.call);
    let second = lead.until("the call is over", |l| {
        let call = l.get(&format!("/calls/{call}"));
        (call["state"] == "ended").then_some(call)
    });
    assert_eq!((&second["result"], &second["answered_at"]), (&json!("abandoned"), &Value::Null), "{second}");

    // With nobody there the plan calls the duty officer: who gives up meanwhile was not served either.
    idle.call("PUT", "/desk/state", Some(&json!({ "state": "offline" })), None).unwrap();
    let nobody = call_hotline(&hub, &lead, "13800138002");
    let (_, nobody) = (nobody.phone.hang_up(), nobody.call);
    lead.until("the call is over", |l| (l.get(&format!("/calls/{nobody}"))["result"] == "abandoned").then_some(()));
    let today = lead.until("all three are decided", |l| {
        let today = city(l)["today"].clone();
        (today["offered"] == 3).then_some(today)
    });
    assert_eq!((&today["answered"], &today["abandoned"]), (&json!(0), &json!(3)), "{today}");
    let figures = lead.get("/queues/city_hotline/figures")["items"].clone();
    let figure = |name: &str| figures.as_array().unwrap().iter().find(|f| f["name"] == name).unwrap().clone();
    assert_eq!(figure("connect_rate_15s")["value"], json!(0.0));
    assert_eq!(figure("abandon_rate")["value"], json!(1.0));
    let listed = figure("connect_rate")["excluded"].clone();
    assert!(ids_of(&listed).contains(&first["id"].as_str().unwrap().to_owned()), "a short abandon is listed: {listed}");
    for call in [first["id"].as_str().unwrap(), &call] {
        let kinds = events(&lead, call);
        let at = |kind: &str| kinds.iter().position(|k| k == kind).unwrap_or_else(|| panic!("{kind} in {kinds:?}"));
        assert!(at("queue.left") < at("call.ended"), "{kinds:?}");
        assert_eq!(kinds.iter().filter(|k| *k == "queue.left").count(), 1, "counted once: {kinds:?}");
    }
}

pub(crate) fn wrap_up(agent: &Client, call: &str) {
    agent.until("after-call work", |c| (c.get("/desk")["state"] == "wrap_up").then_some(()));
    agent.post(&format!("/calls/{call}/wrap_up"), &json!({}));
}

/// The events about a call, in the log's order.
fn events(client: &Client, call: &str) -> Vec<String> {
    let (mut events, mut next) = (Vec::new(), json!("0"));
    while let Some(after) = next.as_str() {
        let page = client.get(&format!("/events?after={after}"));
        events.extend(page["items"].as_array().unwrap().clone());
        next = page["next"].clone();
    }
    let about = events.iter().filter(|e| e["subject"] == format!("call:{call}"));
    about.map(|e| e["kind"].as_str().unwrap().to_owned()).collect()
}

fn ids_of(list: &Value) -> Vec<String> {
    list.as_array().unwrap().iter().map(|id| id.as_str().unwrap().to_owned()).collect()
}

fn ids(list: &Value, key: &str) -> Vec<String> {
    list.as_array().unwrap().iter().map(|item| item[key].as_str().unwrap().to_owned()).collect()
}

fn city(client: &Client) -> Value {
    let queues = client.get("/queues");
    queues["items"].as_array().unwrap().iter().find(|q| q["id"] == "city_hotline").unwrap().clone()
}
