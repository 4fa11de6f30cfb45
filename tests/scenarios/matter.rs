//! One matter from the first word to the last: captured, assigned, told by SMS over a foreign centre, signed by a reply, an
//! order to a crew, fed back, checked, the citizen told, revisited, closed; one timeline holds it all in order.

use serde_json::{Value, json};

use super::harness::{Peer, Place};

/// The handler's and the citizen's numbers.
const CITIZEN: &str = "13812348001";

pub(crate) fn case_body() -> Value {
    json!({
        "channel": "call", "nature": "help", "class_code": "water.supply.pipe_burst", "urgency": "urgent",
        "title": "农业路水管爆裂", "narrative": "路口水管爆裂，积水漫过人行道。",
        "place": { "text": "金水区农业路与文化路口", "lon": 113.667, "lat": 34.786 },
        "requester": { "name": "王先生", "phone": CITIZEN },
    })
}

#[test]
fn from_capture_to_close_with_a_foreign_sms_centre() {
    let mut centre = Peer::start("smsc.py", &["--port", "0"]);
    let port = centre.until("its port", |l| l["event"] == "listening")["port"].as_u64().unwrap();
    let place = Place::new();
    let link = format!(
        "[[sms.links]]\nname = \"centre\"\nprotocol = \"smpp\"\naddress = \"127.0.0.1:{port}\"\n\
         account = \"hub\"\nsecret = \"secret\"\nsource = \"1069037112345\"\nwindow = 16\nrate = 100\n"
    );
    place.config(&link);
    let hub = place.start();
    let (agent, dispatcher, water) = (hub.sign_in("agent1"), hub.sign_in("dispatcher1"), hub.sign_in("water1"));

    let case = agent.post("/cases", &case_body());
    let (id, number) = (case["id"].as_str().unwrap().to_owned(), case["public_no"].as_str().unwrap().to_owned());
    let path = |verb: &str| format!("/cases/{id}/{verb}");
    dispatcher.post(&path("accept"), &json!({}));
    let unit = dispatcher.get(&format!("/cases/{id}"))["proposal"]["unit"]["id"].clone();
    assert_eq!(dispatcher.post(&path("assign"), &json!({ "unit_id": unit }))["node"], "assigned");

    // The reminder goes out by SMPP; the handler answers "１" (full-width) to the number with its extension.
    let submit = centre.until("the reminder", |l| l["text"].as_str().is_some_and(|t| t.contains("回复1签收")));
    assert!(submit["text"].as_str().unwrap().contains(&number), "{submit}");
    centre.tell(&json!({ "mo": { "from": submit["to"], "to": submit["from"], "text": " １ " } }));
    water.until("the signature", |w| (w.get(&format!("/cases/{id}"))["node"] == "handling").then_some(()));

    assert_eq!(
        water.post(
            &path("feed_back"),
            &json!({ "result_code": "resolved", "answer_text": "已关阀抢修，16:00 恢复供水" })
        )["node"],
        "fed_back"
    );
    dispatcher.post(&path("check_pass"), &json!({}));
    let after_check = dispatcher.get(&format!("/cases/{id}"));
    if after_check["verbs"].as_array().unwrap().iter().any(|v| v["verb"] == "reply") {
        dispatcher.post(&path("reply"), &json!({}));
    }
    dispatcher.post(&path("revisit"), &json!({ "solved": "yes", "satisfied_process": 5, "satisfied_result": 5 }));
    let closed = dispatcher.until("the close", |d| {
        let case = d.get(&format!("/cases/{id}"));
        match case["node"].as_str() {
            Some("closed") => Some(case),
            _ => d.call("POST", &path("close"), Some(&json!({})), None).and(None),
        }
    });
    assert_eq!(closed["step"], 6);

    // The citizen follows it with number and code, and sees no names of people.
    let code = case["query_code"].as_str().unwrap(); // told once, to who took the case in
    let view = agent.get(&format!("/track?no={number}&code={code}"));
    assert!(!view.to_string().contains(CITIZEN), "{view}");

    let timeline = dispatcher.get(&format!("/cases/{id}/timeline"));
    let kinds: Vec<&str> = timeline["items"].as_array().unwrap().iter().map(|e| e["kind"].as_str().unwrap()).collect();
    let mut at = 0;
    for kind in [
        "case.captured",
        "case.accepted",
        "case.assigned",
        "message.submitted",
        "case.signed",
        "case.fed_back",
        "case.closed",
    ] {
        at += kinds[at..]
            .iter()
            .position(|k| *k == kind)
            .unwrap_or_else(|| panic!("{kind} is missing after {at}: {kinds:?}"));
    }
    let sequences: Vec<i64> =
        timeline["items"].as_array().unwrap().iter().map(|e| e["seq"].as_i64().unwrap()).collect();
    assert!(sequences.is_sorted(), "the timeline is in the log's order");
    let text = timeline.to_string();
    assert!(!text.contains(CITIZEN), "a citizen's number lies open on the timeline");
}
