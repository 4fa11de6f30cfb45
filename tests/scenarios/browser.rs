//! The same call with the agent in a browser: headless Chromium at the real console, driven as a person would. The page
//! is reloaded in mid-call, and the call lives.

use std::path::PathBuf;
use std::time::Duration;

use serde_json::{Value, json};

use crate::call::{AGENT, CITIZEN, HEARD, recorded, share};
use crate::harness::{Client, Hub, PASSWORD, Peer};
use crate::phone::{Phone, beeps};

/// The agent's browser.
struct Desk(Peer);

impl Desk {
    fn open(hub: &Hub, user: &str, tone: &std::path::Path) -> Self {
        let modules = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("web");
        assert!(modules.join("dist/index.html").exists(), "the console is not built: make web");
        let ask = json!({
            "url": format!("http://127.0.0.1:{}", hub.place.http), "user": user, "password": PASSWORD, "tone": tone,
            "caller": CITIZEN, "modules": modules,
        });
        Self(Peer::node("desk.mjs", &[&ask.to_string()]))
    }

    /// Does a step and waits until it is done.
    fn step(&mut self, step: &str) -> Value {
        self.0.tell(&json!({ "step": step }));
        let done = self.0.until(step, |line| line["event"] == step || line["event"] == "failed");
        assert_eq!(done["event"], step, "{}\n{}", done["why"], done["screen"].as_str().unwrap_or_default());
        done
    }
}

/// Waits until the citizen hears the agent's tone in what comes from now on.
fn hears_the_agent(client: &Client, citizen: &Phone) {
    citizen.heard();
    client.until("the citizen hears the agent", |_| {
        std::thread::sleep(Duration::from_secs(2));
        (share(&citizen.heard(), AGENT) > HEARD).then_some(())
    });
}

#[test]
fn a_call_outlives_the_page_that_answered_it() {
    let hub = Hub::demo();
    let folder = tempfile::tempdir().unwrap();
    let tone = folder.path().join("tone.wav");
    std::fs::write(&tone, beeps(AGENT)).unwrap();
    let mut desk = Desk::open(&hub, "agent1", &tone);
    desk.step("sign_in");
    let client = hub.sign_in("agent1");
    client.until("the browser's phone is registered", |c| (c.get("/desk")["phone"] == json!(true)).then_some(()));
    desk.step("ready");

    let citizen = Phone::call(hub.place.sip, "13800138000", "12345", CITIZEN).expect("the hotline answers");
    desk.step("answer");
    let call = client.until("the agent talks", |c| {
        let desk = c.get("/desk");
        (desk["call"]["state"] == "talking").then(|| desk["call"]["id"].as_str().unwrap().to_owned())
    });
    desk.step("hear");
    hears_the_agent(&client, &citizen);

    // What was typed is there after the reload, and so is the sound, both ways.
    desk.step("type");
    desk.step("reload");
    let after = client.get(&format!("/calls/{call}"));
    assert_eq!(after["state"], "talking", "the call lives: {after}");
    desk.step("hear");
    hears_the_agent(&client, &citizen);
    assert!(!citizen.is_over());

    let read = desk.step("open_case")["words"].clone();
    let case = client.until("the call is about the case", |c| {
        let case = c.get(&format!("/calls/{call}"))["case"].clone();
        (!case.is_null()).then_some(case)
    });
    let digits: String = read.as_str().unwrap().chars().filter(char::is_ascii_digit).collect();
    assert!(digits.starts_with(case["public_no"].as_str().unwrap()), "{read}: {case}");

    desk.step("hang_up");
    client.until("the citizen's phone is hung up after the thanks", |_| citizen.is_over().then_some(()));
    desk.step("wrap_up");
    let [caller, agent] = recorded(&hub, &client, &call);
    assert!(share(&caller, CITIZEN) > HEARD, "the citizen is on the left track");
    assert!(share(&agent, AGENT) > HEARD, "the agent is on the right track");
    assert_eq!(client.get("/desk")["state"], "ready");
    let call = client.get(&format!("/calls/{call}"));
    assert_eq!((&call["result"], &call["ended_by"]), (&json!("answered"), &json!("plan")), "{call}");
}
