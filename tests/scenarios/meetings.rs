//! Meetings with the unchanged SDKs: livekit-client in Chromium and the Python SDK meet in a room of a case, in both
//! shapes of the protocol, one of them by the link of an SMS. Then the doors: bad tokens, ended meetings, RoomService.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use liandong::ids::Timestamp;
use liandong::meetings::token::{Claims, Signer, VideoGrants};
use serde_json::{Value, json};

use super::harness::{Client, Hub, PASSWORD};

/// How long two peers may take to see a hundred frames of each other on a busy machine.
const SECONDS: u32 = 60;
/// How long a peer stays when it has seen enough: the other must see as much.
pub(crate) const LINGER: u32 = 6;

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn peer(mut command: Command) -> Child {
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command.spawn().expect("the peers are there: tests/setup.sh and npm ci in web/ install them")
}

/// A participant in Chromium.
pub(crate) fn browser(hub: &Hub, ticket: &Value, single: bool, drop: bool) -> Child {
    let ask = json!({
        "url": ticket["url"], "token": ticket["token"], "single": single, "seconds": SECONDS,
        "drop": drop, "page": format!("http://127.0.0.1:{}/healthz", hub.place.http), "modules": root().join("web"),
    });
    let mut command = Command::new("node");
    command.arg(root().join("tests/peers/meet.mjs")).arg(ask.to_string());
    peer(command)
}

/// A participant with the Python SDK.
pub(crate) fn python(ticket: &Value, single: bool, linger: u32) -> Child {
    let own = root().join(".venv/bin/python");
    let mut command = Command::new(if own.exists() { own.as_path() } else { Path::new("python3") });
    command.arg(root().join("tests/peers/meet.py"));
    command.args([ticket["url"].as_str().unwrap(), ticket["token"].as_str().unwrap(), &SECONDS.to_string()]);
    command.args([if single { "single" } else { "dual" }, &linger.to_string()]);
    peer(command)
}

pub(crate) fn outcome(child: Child) -> Value {
    let output = child.wait_with_output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let last = text.lines().last().unwrap_or_default();
    serde_json::from_str(last)
        .unwrap_or_else(|_| panic!("a peer failed:\n{text}\n{}", String::from_utf8_lossy(&output.stderr)))
}

fn kinds(timeline: &Value) -> Vec<String> {
    let items = timeline["items"].as_array().unwrap().iter();
    items.map(|e| e["kind"].as_str().unwrap().to_owned()).filter(|k| k.starts_with("meeting.")).collect()
}

/// Calls a meeting about a new case, to which the water company is invited.
fn call(dispatcher: &Client, water: &Client) -> (String, Value) {
    let case = dispatcher.post(
        "/cases",
        &json!({
            "channel": "call", "nature": "help", "class_code": "water.supply.pipe_burst", "urgency": "urgent",
            "title": "农业路水管爆裂", "narrative": "路口水管爆裂，积水漫过人行道。",
            "place": { "text": "金水区农业路与文化路口", "lon": 113.667, "lat": 34.786 },
            "requester": { "name": "王先生", "phone": "13812348001" },
        }),
    );
    let unit = water.get("/me")["posts"][0]["unit"]["id"].clone();
    let meeting =
        dispatcher.post("/meetings", &json!({ "title": "爆管会商", "case_id": case["id"], "invite": [unit] }));
    (case["id"].as_str().unwrap().to_owned(), meeting)
}

fn meet(single: bool) {
    let hub = Hub::demo();
    let (dispatcher, water) = (hub.sign_in("dispatcher1"), hub.sign_in("water1"));
    let (case, meeting) = call(&dispatcher, &water);
    let id = meeting["id"].as_str().unwrap();

    // The invited unit's SMS carries a link by which its duty officer comes in without an account.
    // The sandbox is that phone; the log and the case's timeline do not tell the link.
    let code = dispatcher.until("the invitation", |d| {
        let messages = d.get(&format!("/messages?link=sandbox&case_id={case}"));
        let texts = messages["items"].as_array()?.iter().filter_map(|m| m["text"].as_str());
        texts.filter_map(|text| text.split_once("/meet#")).map(|(_, code)| code.trim().to_owned()).next()
    });
    let timeline = dispatcher.get(&format!("/cases/{case}/timeline")).to_string();
    assert!(timeline.contains("meeting.invited") && !timeline.contains(&code), "{timeline}");
    let (status, guest) = ask(&hub, "POST", "/api/v1/guest_tickets", "", &json!({ "token": code, "name": "胡师傅" }));
    assert_eq!(status, 201, "{guest}");
    let guest: Value = serde_json::from_str(&guest).unwrap();
    let ticket = dispatcher.post(&format!("/meetings/{id}/ticket"), &json!({}));

    let (web, snake) = (browser(&hub, &ticket, single, false), python(&guest, single, LINGER));
    let (web, snake) = (outcome(web), outcome(snake));
    assert!(web["frames"].as_u64().unwrap() > 100, "the browser saw too little: {web}");
    assert!(web["energy"].as_f64().unwrap() > 0.001, "the browser heard nothing: {web}");
    assert!(snake["frames"].as_u64().unwrap() > 100, "Python saw too little: {snake}");
    assert!(snake["loudest"].as_u64().unwrap() > 500, "Python heard nothing: {snake}");
    assert!(web["data"][0][0].as_str().unwrap().starts_with("guest:"), "the true sender: {}", web["data"][0]);
    assert_eq!(web["data"][0][2], "早上好");
    assert!(web["speakers"].as_u64().unwrap() > 0, "nobody was shown to speak: {web}");
    assert_eq!((&snake["data"][0][0], &snake["data"][0][2]), (&web["identity"], &json!("你好")));

    dispatcher.until("both have left", |d| {
        let there = d.get(&format!("/meetings/{id}"));
        let stays = there["participants"].as_array()?;
        (stays.len() == 2 && stays.iter().all(|s| !s["left_at"].is_null())).then_some(())
    });
    dispatcher.post(&format!("/meetings/{id}/end"), &json!({}));
    let told = kinds(&dispatcher.get(&format!("/cases/{case}/timeline")));
    let expected = ["created", "invited", "started", "joined", "joined", "left", "left", "ended"];
    assert_eq!(told, expected.map(|k| format!("meeting.{k}")));
}

#[test]
fn a_browser_and_python_meet_on_one_connection_each() {
    meet(true);
}

#[test]
fn a_browser_and_python_meet_on_two_connections_each() {
    meet(false);
}

#[test]
fn a_browser_comes_back_after_its_socket_and_after_everything_was_cut() {
    let hub = Hub::demo();
    let (dispatcher, water) = (hub.sign_in("dispatcher1"), hub.sign_in("water1"));
    let (_, meeting) = call(&dispatcher, &water);
    let id = meeting["id"].as_str().unwrap();
    let ticket = |client: &Client| client.post(&format!("/meetings/{id}/ticket"), &json!({}));
    let web = browser(&hub, &ticket(&dispatcher), true, true);
    let snake = python(&ticket(&water), true, SECONDS);
    let web = outcome(web);
    assert_eq!(web["events"], json!(["signal", "reconnected", "reconnecting", "reconnected"]), "{web}");
    assert!(web["frames"].as_u64().unwrap() > 100, "no picture after it came back: {web}");
    outcome(snake);
}

fn token(video: VideoGrants, life: i64, secret: &str) -> String {
    let now = Timestamp::now().0 / 1_000;
    let claims = Claims { sub: "tester".into(), exp: now + life, video: Some(video), ..Claims::default() };
    Signer::new("demo", secret).mint(&claims)
}

fn joining(room: &str) -> VideoGrants {
    VideoGrants { room_join: true, room: room.into(), ..VideoGrants::default() }
}

/// Status and words.
pub(crate) fn ask(hub: &Hub, method: &str, path: &str, token: &str, body: &Value) -> (u16, String) {
    let url = format!("http://127.0.0.1:{}{path}", hub.place.http);
    let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
    let request = ureq::http::Request::builder().method(method).uri(url);
    let request = request.header("authorization", format!("Bearer {token}")).header("content-type", "application/json");
    let mut response = agent.run(request.body(body.to_string()).unwrap()).unwrap();
    (response.status().as_u16(), response.body_mut().read_to_string().unwrap())
}

#[test]
fn every_wrong_door_says_why_it_stays_shut() {
    let hub = Hub::demo();
    let (dispatcher, water) = (hub.sign_in("dispatcher1"), hub.sign_in("water1"));
    let (_, meeting) = call(&dispatcher, &water);
    let room = meeting["room"].as_str().unwrap();
    let validate = |token: &str| ask(&hub, "GET", "/rtc/validate", token, &json!({}));

    assert_eq!(validate(&token(joining(room), 60, PASSWORD)), (200, "success".into()));
    for (token, word) in [
        (String::new(), "no permissions"),
        ("not.a.token".into(), "invalid authorization token"),
        (token(joining(room), -3_600, PASSWORD), "expired"),
        (token(joining(room), 60, "forged"), "signature"),
        (token(VideoGrants { room: room.into(), ..VideoGrants::default() }, 60, PASSWORD), "roomJoin"),
    ] {
        let (status, words) = validate(&token);
        assert!(status == 401 && words.contains(word), "{status} {words}");
    }
    let other =
        ask(&hub, "GET", &format!("/rtc/validate?room={room}"), &token(joining("other"), 60, PASSWORD), &json!({}));
    assert!(other.0 == 401 && other.1.contains("another room"), "{other:?}");
    let garbage =
        ask(&hub, "GET", "/rtc/v1/validate?join_request=%21", &token(joining(room), 60, PASSWORD), &json!({}));
    assert_eq!(garbage.0, 400, "{garbage:?}");
    assert_eq!(ask(&hub, "GET", "/rtc", &token(joining(room), 60, PASSWORD), &json!({})).0, 404, "no upgrade");

    dispatcher.post(&format!("/meetings/{}/end", meeting["id"].as_str().unwrap()), &json!({}));
    let ended = validate(&token(joining(room), 60, PASSWORD));
    assert!(ended.0 == 404 && ended.1.contains("requested room does not exist"), "{ended:?}");
}

#[test]
fn the_chair_sees_mutes_and_puts_out() {
    let hub = Hub::demo();
    let (dispatcher, water) = (hub.sign_in("dispatcher1"), hub.sign_in("water1"));
    let (_, meeting) = call(&dispatcher, &water);
    let (id, room) = (meeting["id"].as_str().unwrap(), meeting["room"].as_str().unwrap());
    let ticket = |client: &Client| client.post(&format!("/meetings/{id}/ticket"), &json!({}));
    let (chair, guest) = (ticket(&dispatcher), ticket(&water));
    let call = |ticket: &Value, method: &str, body: Value| {
        let path = format!("/twirp/livekit.RoomService/{method}");
        let (status, text) = ask(&hub, "POST", &path, ticket["token"].as_str().unwrap(), &body);
        (status, serde_json::from_str::<Value>(&text).unwrap())
    };
    let snake = python(&guest, true, LINGER);
    let there = dispatcher.until("the guest with both tracks", |_| {
        let listed = call(&chair, "ListParticipants", json!({ "room": room })).1;
        let guest = listed["participants"].as_array()?.first()?.clone();
        (guest["tracks"].as_array()?.len() == 2).then_some(guest)
    });
    let identity = &there["identity"];
    assert_eq!(call(&guest, "ListParticipants", json!({ "room": room })).0, 401, "guests do not moderate");
    let tone = there["tracks"].as_array().unwrap().iter().find(|t| t["source"] == "MICROPHONE").unwrap();
    let mute = json!({ "room": room, "identity": identity, "trackSid": tone["sid"], "muted": true });
    let (status, muted) = call(&chair, "MutePublishedTrack", mute);
    assert!(status == 200 && muted["track"]["muted"] == true, "{muted}");
    assert_eq!(call(&chair, "RemoveParticipant", json!({ "room": room, "identity": identity })).0, 200);
    let outcome = outcome(snake);
    assert_ne!(outcome["left"], "", "he was told: {outcome}");
    let stays = dispatcher.until("his leave", |d| {
        let stays = d.get(&format!("/meetings/{id}"))["participants"].clone();
        (!stays[0]["left_at"].is_null()).then_some(stays)
    });
    assert_eq!(stays.as_array().unwrap().len(), 1);
}

#[test]
fn room_service_asks_for_the_right_grant() {
    let hub = Hub::demo();
    let admin = VideoGrants { room_admin: true, room_list: true, room: "drill".into(), ..VideoGrants::default() };
    let call = |grants: &VideoGrants, method: &str, body: Value| {
        let path = format!("/twirp/livekit.RoomService/{method}");
        let (status, text) = ask(&hub, "POST", &path, &token(grants.clone(), 60, PASSWORD), &body);
        (status, serde_json::from_str::<Value>(&text).unwrap())
    };
    assert_eq!(call(&admin, "ListRooms", json!({})).0, 200);
    assert_eq!(call(&admin, "ListParticipants", json!({ "room": "drill" })).0, 200);
    for (method, body) in [
        ("ListParticipants", json!({ "room": "other" })),
        ("RemoveParticipant", json!({ "room": "other", "identity": "x" })),
        ("MutePublishedTrack", json!({ "room": "other", "identity": "x", "trackSid": "TR_x", "muted": true })),
    ] {
        let (status, answer) = call(&admin, method, body);
        assert!(status == 401 && answer["code"] == "unauthenticated", "{method}: {status} {answer}");
    }
    let (status, answer) = call(&admin, "RemoveParticipant", json!({ "room": "drill", "identity": "x" }));
    assert!(status == 404 && answer["code"] == "not_found", "{answer}");
    let (status, answer) = call(&admin, "Dance", json!({}));
    assert!(status == 404 && answer["code"] == "bad_route", "{answer}");
    let unmute = json!({ "room": "drill", "identity": "x", "trackSid": "TR_x", "muted": false });
    assert_eq!(call(&admin, "MutePublishedTrack", unmute).0, 412);
    assert_eq!(call(&joining("drill"), "ListRooms", json!({})).0, 401);
}
