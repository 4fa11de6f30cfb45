//! The story: one matter from the citizen's call to its close, with real peers at every door. A SIP phone calls from the
//! trunk, the agent's telephone is baresip, the SMS centre speaks SMPP without our crate, the meeting is held by
//! livekit-client in Chromium and by the Python SDK. One timeline holds all of it in its true order.

use std::cell::RefCell;
use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::call::{AGENT, CITIZEN as TONE, HEARD, agent, recorded, share, talking, wrap_up};
use crate::harness::{Client, Hub, Peer, Place};
use crate::meetings::{LINGER, ask, browser, outcome, python};
use crate::phone::{Baresip, Phone};

/// The citizen's number.
const CITIZEN: &str = "13812348001";

/// What happens, in this order; between two of these other things may.
const STORY: &[&str] = &[
    "call.offered",
    "call.greeted",
    "call.queued",
    "queue.reserved",
    "queue.alerting",
    "queue.agent_answered",
    "call.recording",
    "call.answered",
    "case.captured",
    "message.submitted", // number and query code to the citizen
    "call.ended",
    "case.accepted",
    "case.assigned",
    "message.queued",
    "message.submitted",
    "message.delivered",
    "message.received", // "1"
    "case.signed",
    "order.given",
    "order.alerted",
    "message.submitted",
    "message.delivered",
    "message.received", // "1"
    "order.accepted",
    "order.en_route",
    "order.on_site",
    "order.done",
    "meeting.created",
    "meeting.invited",
    "message.submitted",
    "meeting.started",
    "meeting.joined",
    "meeting.joined",
    "meeting.left",
    "meeting.left",
    "meeting.ended",
    "case.fed_back",
    "case.check_passed",
    "case.replied",
    "case.revisited",
    "case.closed",
    "message.submitted", // the citizen is told
];

/// The short message centre, with every text that it was given, segments joined.
struct Centre {
    peer: RefCell<Peer>,
    /// Segments by index that wait for the others, by sender, receiver and reference.
    parts: RefCell<BTreeMap<String, BTreeMap<u64, String>>>,
    texts: RefCell<Vec<Text>>,
}

/// A text at the centre.
#[derive(Clone, Debug)]
struct Text {
    from: String,
    to: String,
    words: String,
}

impl Centre {
    /// Starts it and gives its port.
    fn start() -> (Self, u64) {
        let mut peer = Peer::start("smsc.py", &["--port", "0"]);
        let port = peer.until("its port", |l| l["event"] == "listening")["port"].as_u64().unwrap();
        peer.tell(&json!({ "set": { "receipts": true } }));
        (Self { peer: RefCell::new(peer), parts: RefCell::default(), texts: RefCell::default() }, port)
    }

    /// The first text with these words, once all its segments are there; each is given once.
    fn text(&self, what: &str, to: Option<&str>, words: &str) -> Text {
        let wanted = |t: &Text| t.words.contains(words) && to.is_none_or(|to| t.to.ends_with(to));
        loop {
            let found = self.texts.borrow().iter().position(wanted);
            if let Some(at) = found {
                return self.texts.borrow_mut().remove(at);
            }
            let submit = self.peer.borrow().until(what, |l| l["event"] == "submit");
            self.take(&submit);
        }
    }

    fn take(&self, submit: &Value) {
        let word = |name: &str| submit[name].as_str().unwrap_or_default().to_owned();
        let (from, to) = (word("from"), word("to"));
        let (total, index) =
            (submit["udh"]["total"].as_u64().unwrap_or(1), submit["udh"]["index"].as_u64().unwrap_or(1));
        let key = format!("{from} {to} {}", submit["udh"]["ref"]);
        let mut parts = self.parts.borrow_mut();
        let texts = parts.entry(key.clone()).or_default();
        texts.insert(index, word("text"));
        if texts.len() as u64 == total {
            let words = texts.values().cloned().collect();
            self.texts.borrow_mut().push(Text { from, to, words });
            parts.remove(&key);
        }
    }

    /// The receiver of a text answers it.
    fn reply(&self, text: &Text, words: &str) {
        let answer = json!({ "mo": { "from": text.to, "to": text.from, "text": words } });
        self.peer.borrow_mut().tell(&answer);
    }
}

fn items(timeline: &Value) -> Vec<Value> {
    timeline["items"].as_array().unwrap().clone()
}

/// Waits until so many events of a kind stand on the timeline.
fn count(client: &Client, case: &str, kind: &str, count: usize) {
    client.until(&format!("{count} × {kind}"), |c| {
        let timeline = items(&c.get(&format!("/cases/{case}/timeline")));
        (timeline.iter().filter(|e| e["kind"] == kind).count() >= count).then_some(())
    });
}

#[test]
fn a_call_an_sms_a_meeting_and_an_order_become_one_case() {
    let (centre, port) = Centre::start();
    let place = Place::new();
    place.config(&format!(
        "[[sms.links]]\nname = \"centre\"\nprotocol = \"smpp\"\naddress = \"127.0.0.1:{port}\"\n\
         account = \"hub\"\nsecret = \"secret\"\nsource = \"1069037112345\"\nwindow = 16\nrate = 100\n"
    ));
    let hub = place.start();
    let (dispatcher, water) = (hub.sign_in("dispatcher1"), hub.sign_in("water1"));

    let (id, number, code) = the_call(&hub, &centre);
    the_signature(&centre, &dispatcher, &water, &id, &number);
    the_order(&centre, &dispatcher, &water, &id);
    the_meeting(&hub, &centre, &dispatcher, &water, &id);
    the_end(&centre, &dispatcher, &water, &id);
    the_citizen_sees_the_way(&water, &number, &code);
    the_timeline_is_true(&dispatcher, &id);

    let (whole, said) = hub.kill().run(&["db", "verify"]);
    assert!(whole, "the chain of the log: {said}");
}

/// The citizen calls, baresip answers, each hears the other, the case is opened while they talk.
fn the_call(hub: &Hub, centre: &Centre) -> (String, String, String) {
    let (client, baresip): (Client, Baresip) = agent(hub, "agent1", "8001");
    let citizen = Phone::call(hub.place.sip, CITIZEN, "12345", TONE).expect("the hotline answers");
    let call = talking(&client)["id"].as_str().unwrap().to_owned();
    let mut body = crate::matter::case_body();
    body["call_id"] = json!(call);
    let case = client.post("/cases", &body);
    let desk = client.get("/desk");
    assert_eq!((&desk["state"], &desk["call"]["id"]), (&json!("talking"), &json!(call)), "opened while they talk");
    let (id, number) = (case["id"].as_str().unwrap().to_owned(), case["public_no"].as_str().unwrap().to_owned());
    let code = case["query_code"].as_str().expect("the agent reads it to the citizen").to_owned();
    let told = centre.text("the citizen's number and code", Some(CITIZEN), &number);
    assert!(told.words.contains(&code), "{told:?}");
    count(&client, &id, "message.submitted", 1);

    client.until("the citizen hears the agent, and the agent the citizen", |_| {
        std::thread::sleep(std::time::Duration::from_secs(1));
        let both = share(&citizen.everything(), AGENT) > HEARD && share(&baresip.heard(), TONE) > HEARD;
        both.then_some(())
    });
    citizen.hang_up();
    wrap_up(&client, &call);
    let [caller, callee] = recorded(hub, &client, &call);
    assert!(share(&caller, TONE) > HEARD, "the citizen is on the left track");
    assert!(share(&callee, AGENT) > HEARD, "the agent is on the right track");
    (id, number, code)
}

/// Assigned to the water company; its handler signs by answering "1".
fn the_signature(centre: &Centre, dispatcher: &Client, water: &Client, id: &str, number: &str) {
    dispatcher.post(&format!("/cases/{id}/accept"), &json!({}));
    let unit = water.get("/me")["posts"][0]["unit"]["id"].clone();
    let assigned = dispatcher.post(&format!("/cases/{id}/assign"), &json!({ "unit_id": unit }));
    assert_eq!(assigned["node"], "assigned");
    let reminder = centre.text("the reminder", None, "回复1签收");
    assert!(reminder.words.contains(number), "{reminder:?}");
    count(dispatcher, id, "message.delivered", 2);
    centre.reply(&reminder, "1");
    let signed = water.until("the signature", |w| {
        let case = w.get(&format!("/cases/{id}"));
        (case["node"] == "handling").then_some(case)
    });
    assert_eq!(signed["step"], json!(4), "{signed}");
}

/// A crew is sent; it accepts by answering "1" and reports on its way.
fn the_order(centre: &Centre, dispatcher: &Client, water: &Client, id: &str) {
    let crew = dispatcher.get("/responders?lon=113.667&lat=34.786");
    let crew = items(&crew).into_iter().find(|r| r["skill"] == "water").expect("the water company's crews");
    assert!(crew["distance_m"].as_i64().unwrap() < 1_000, "the nearest: {crew}");
    let given = dispatcher
        .post("/orders", &json!({ "case_id": id, "text": "农业路文化路口爆管，携阀门抢修", "units": [crew["id"]] }));
    let order = given["items"][0]["id"].as_str().unwrap().to_owned();
    let alert = centre.text("the alert", None, "回复1接受");
    count(dispatcher, id, "message.delivered", 3);
    centre.reply(&alert, "1");
    dispatcher
        .until("the crew has accepted", |d| (d.get(&format!("/orders/{order}"))["state"] == "accepted").then_some(()));
    water.post(&format!("/orders/{order}/en_route"), &json!({}));
    water.post(&format!("/orders/{order}/on_site"), &json!({}));
    let done = water.post(&format!("/orders/{order}/done"), &json!({ "result": "阀门已更换" }));
    assert_eq!((&done["state"], &done["result"]), (&json!("done"), &json!("阀门已更换")));
}

/// A meeting about the case: the dispatcher in a browser, the invited unit by its SMS's link with the Python SDK. Each
/// decodes the other's picture.
fn the_meeting(hub: &Hub, centre: &Centre, dispatcher: &Client, water: &Client, id: &str) {
    let unit = water.get("/me")["posts"][0]["unit"]["id"].clone();
    let meeting = dispatcher.post("/meetings", &json!({ "title": "爆管会商", "case_id": id, "invite": [unit] }));
    let meeting = meeting["id"].as_str().unwrap();
    let invitation = centre.text("the invitation", None, "爆管会商");
    let code = invitation.words.split_once('#').expect("a link with its code").1.trim();
    let (status, guest) = ask(hub, "POST", "/api/v1/guest_tickets", "", &json!({ "token": code, "name": "胡师傅" }));
    assert_eq!(status, 201, "{guest}");
    count(dispatcher, id, "message.submitted", 4);
    let guest: Value = serde_json::from_str(&guest).unwrap();
    let ticket = dispatcher.post(&format!("/meetings/{meeting}/ticket"), &json!({}));
    let (web, snake) = (browser(hub, &ticket, true, false), python(&guest, true, LINGER));
    let (web, snake) = (outcome(web), outcome(snake));
    assert!(web["frames"].as_u64().unwrap() > 100, "the browser saw too little: {web}");
    assert!(snake["frames"].as_u64().unwrap() > 100, "Python saw too little: {snake}");
    count(dispatcher, id, "meeting.left", 2);
    dispatcher.post(&format!("/meetings/{meeting}/end"), &json!({}));
}

/// Fed back, checked, the citizen told, revisited, closed.
fn the_end(centre: &Centre, dispatcher: &Client, water: &Client, id: &str) {
    let path = |verb: &str| format!("/cases/{id}/{verb}");
    let answer = json!({ "result_code": "resolved", "answer_text": "已关阀抢修，16:00 恢复供水" });
    assert_eq!(water.post(&path("feed_back"), &answer)["node"], "fed_back");
    dispatcher.post(&path("check_pass"), &json!({}));
    dispatcher.post(&path("reply"), &json!({}));
    dispatcher.post(&path("revisit"), &json!({ "solved": "yes", "satisfied_process": 5, "satisfied_result": 5 }));
    let closed = dispatcher.post(&path("close"), &json!({}));
    assert_eq!((&closed["node"], &closed["step"]), (&json!("closed"), &json!(6)));
    let told = centre.text("the citizen is told of the end", Some(CITIZEN), "已办结");
    assert!(told.words.contains("恢复供水"), "{told:?}");
    let messages = items(&dispatcher.get(&format!("/cases/{id}/timeline")));
    let before = messages.iter().filter(|e| e["kind"] == "message.submitted").count();
    let queued = messages.iter().filter(|e| e["kind"] == "message.queued").count();
    count(dispatcher, id, "message.submitted", before.max(queued));
}

/// Number and code show the way without an account and without a name.
fn the_citizen_sees_the_way(client: &Client, number: &str, code: &str) {
    let view = client.get(&format!("/track?no={number}&code={code}"));
    assert_eq!((&view["step"], &view["ended"]), (&json!(6), &json!(true)), "{view}");
    assert!(view["steps"].as_array().unwrap().len() >= 5, "{view}");
    assert!(view["answer"].as_str().unwrap().contains("恢复供水"), "{view}");
    let (status, _) = client.call("GET", &format!("/track?no={number}&code=000000"), None, None).unwrap();
    assert!(status >= 400 || code == "000000", "a wrong code opens nothing");
    assert!(!view.to_string().contains(CITIZEN), "{view}");
}

fn the_timeline_is_true(client: &Client, id: &str) {
    let timeline = client.get(&format!("/cases/{id}/timeline"));
    assert!(!timeline.to_string().contains(CITIZEN), "a citizen's number lies open on the timeline");
    let events = items(&timeline);
    let kinds: Vec<&str> = events.iter().map(|e| e["kind"].as_str().unwrap()).collect();
    let mut at = 0;
    for kind in STORY {
        let found = kinds[at..].iter().position(|k| k == kind);
        at += found.unwrap_or_else(|| panic!("{kind} is missing after {at}: {kinds:#?}")) + 1;
    }
    let sequences: Vec<i64> = events.iter().map(|e| e["seq"].as_i64().unwrap()).collect();
    assert!(sequences.windows(2).all(|pair| pair[0] < pair[1]), "the numbers grow: {sequences:?}");
    let times: Vec<&str> = events.iter().map(|e| e["at"].as_str().unwrap()).collect();
    assert!(times.is_sorted(), "so does the time: {times:?}");
}
