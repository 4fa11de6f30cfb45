//! Rights, tried from outside at every endpoint of the API document: ids of another county and of the city, asked for by
//! users of 金水区. Never data; what is hidden looks exactly like what is not there; no list, count or event tells of it.
//!
//! [`RECIPES`] says for each endpoint how to try it. An endpoint of `docs/openapi.json` without a recipe makes
//! [`every_endpoint_has_a_recipe`] fail, so that a new one cannot be forgotten.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use serde_json::{Value, json};
use tokio_tungstenite::tungstenite;

use super::harness::{Client, Hub};
use super::lines::{AgentPhone, Call, Told};

/// Stands in every text that was written in 二七区 or by the city; nobody of 金水区 may ever read it.
const SECRET: &str = "暗号七三一";
/// The citizen's number there, whole and masked.
const PHONE: &str = "13700007731";
const MASKED: &str = "137****7731";
/// Who tries: a county, a township, a grid, a department of the city, the county's agent.
const USERS: [&str; 5] = ["county1", "township1", "grid1", "water1", "agent11"];
/// An id that nobody has.
const NOBODY: &str = "01920000-0000-7000-8000-00000000dead";

/// How an endpoint is tried.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum How {
    /// Ids in its path are hidden: refused as an id that nobody has is refused. The words name the kinds of the path's
    /// parameters, in order; the text is the body (`@verb`: an example of the verb's own schema).
    Hidden(&'static [&'static str], &'static str),
    /// The same, but it answers with 200, and exactly as for an id that nobody has.
    Empty(&'static [&'static str]),
    /// A list: nothing hidden in it, whichever of these queries is asked. Its first query's answer is the same before and
    /// after the hidden things were made.
    List(&'static [&'static str]),
    /// A list that tells the time or what oneself did: as `List`, but not compared.
    Moving(&'static [&'static str]),
    /// A foreign id in the body (`$kind`): refused as an id that nobody has. Several bodies, one a line.
    Body(&'static str),
    /// The same, at a path of the county's own (`$own_…`).
    Within(&'static str, &'static str),
    /// None of these users may: 403 whatever the body.
    Refused(&'static str),
    /// Says nothing about anybody, or only about who asks; there is no id to try.
    Own,
    /// Needs no sign-in; its secrets are tried in tests of their own.
    Public,
}

use How::{Body, Empty, Hidden, List, Moving, Own, Public, Refused, Within};

const HOLIDAYS: &str = r#"{"year":2027,"source":"x","days":[]}"#;

/// One line for each endpoint.
const RECIPES: &[(&str, How)] = &[
    ("GET /accounts", Refused("")),
    ("POST /accounts", Refused(r#"{"user":"mole1","person_id":"$person","password":"Scenario-2026-mole"}"#)),
    ("POST /accounts/{user}/disable", Hidden(&["user"], "")),
    ("POST /accounts/{user}/enable", Hidden(&["user"], "")),
    ("PUT /accounts/{user}/extension", Hidden(&["user"], r#"{"extension":"8999"}"#)),
    ("POST /accounts/{user}/reset_password", Hidden(&["user"], r#"{"new_password":"Scenario-2026-mole"}"#)),
    ("POST /accounts/{user}/reset_totp", Hidden(&["user"], "")),
    ("GET /accounts/{user}/sessions", Hidden(&["user"], "")),
    ("POST /accounts/{user}/unlock", Hidden(&["user"], "")),
    ("PUT /agents/{id}/state", Hidden(&["agent"], r#"{"state":"not_ready","reason":"break"}"#)),
    ("GET /audit", Refused("")),
    ("GET /calendars", Own),
    ("POST /calendars/holidays", Refused(HOLIDAYS)),
    ("GET /calendars/{name}/due", Own),
    (
        "GET /calls",
        List(&["?limit=200", "?q=$phone", "?case_id=$case", "?agent_id=$agent", "?queue_id=$queue", "?scope=missed"]),
    ),
    (
        "POST /calls",
        Body("{\"to\":\"913800000001\",\"case_id\":\"$case\"}\n{\"to\":\"913800000001\",\"call_id\":\"$call\"}"),
    ),
    ("GET /calls/{id}", Hidden(&["call"], "")),
    ("GET /calls/{id}/caller", Hidden(&["call"], "")),
    ("POST /calls/{id}/number", Hidden(&["call"], r#"{"purpose":"核实"}"#)),
    ("GET /calls/{id}/recording", Hidden(&["call"], "")),
    (
        "POST /calls/{id}/{verb}",
        Hidden(&["call", "call_verb"], r#"{"to":"8101","digit":"1","priority":"high","reason":"x"}"#),
    ),
    (
        "GET /cases",
        List(&["?limit=200", "?q=$secret", "?unit=$unit", "?class_code=env.garbage", "?ended=false&limit=200"]),
    ),
    (
        "POST /cases",
        Body(
            r#"{"channel":"grid","nature":"help","class_code":"env.garbage","urgency":"normal","title":"借号","narrative":"x","call_id":"$call"}"#,
        ),
    ),
    ("GET /cases/counts", List(&[""])),
    ("POST /cases/history", Body(r#"{"phone":"$phone"}"#)),
    ("GET /cases/schema", Own),
    ("GET /cases/{id}", Hidden(&["case"], "")),
    ("POST /cases/{id}/requester", Hidden(&["case"], r#"{"purpose":"核实"}"#)),
    ("GET /cases/{id}/timeline", Hidden(&["case"], "")),
    ("POST /cases/{id}/{verb}", Hidden(&["case", "case_verb"], "@verb")),
    (
        "POST /cases/{id}/{verb}",
        Within(
            "/cases/$own_case/link",
            "{\"case_id\":\"$case\"}\n{\"subject\":\"call:$call\"}\n{\"subject\":\"message:$message\"}",
        ),
    ),
    ("POST /cases/{id}/{verb}", Within("/cases/$own_case/assign", r#"{"unit_id":"$unit"}"#)),
    ("POST /cases/{id}/{verb}", Within("/cases/$own_case/assign", r#"{"unit_id":"$own_unit","co_units":["$unit"]}"#)),
    ("GET /classes", Own),
    ("GET /dead_letters", Refused("")),
    ("POST /dead_letters/{id}/discard", Hidden(&["dead_letter"], r#"{"reason":"x"}"#)),
    ("POST /dead_letters/{id}/retry", Hidden(&["dead_letter"], "")),
    ("GET /desk", Moving(&[""])),
    ("GET /desk/drafts/{call_id}", Hidden(&["call"], "")),
    ("PUT /desk/drafts/{call_id}", Hidden(&["call"], r#"{"form":{}}"#)),
    ("POST /desk/reattach", Own),
    ("PUT /desk/state", Own),
    ("GET /duties", List(&[""])),
    (
        "POST /duties",
        Body(
            "{\"class\":\"env.garbage\",\"area_id\":\"$unit\",\"lead\":\"$own_unit\"}\n{\"class\":\"env.garbage\",\"area_id\":\"$own_unit\",\"lead\":\"$unit\"}",
        ),
    ),
    ("DELETE /duties/{id}", Hidden(&["duty"], "")),
    ("GET /events", List(&["?after=0&limit=500", "?after=$seq"])),
    ("POST /guest_tickets", Public),
    ("GET /me", Own),
    ("GET /me/sip", Own),
    ("GET /meetings", List(&["?limit=200", "?case_id=$case", "?open=true"])),
    ("POST /meetings", Body("{\"title\":\"借会\",\"case_id\":\"$case\"}\n{\"title\":\"借会\",\"invite\":[\"$unit\"]}")),
    ("GET /meetings/{id}", Hidden(&["meeting"], "")),
    ("POST /meetings/{id}/end", Hidden(&["meeting"], "")),
    ("POST /meetings/{id}/ticket", Hidden(&["meeting"], "")),
    ("GET /messages", List(&["?limit=200", "?case_id=$case", "?state=queued", "?link=sandbox"])),
    ("POST /messages", Body(r#"{"to":"13900000001","text":"借信","case_id":"$case"}"#)),
    ("GET /messages/{id}", Hidden(&["message"], "")),
    ("POST /messages/{id}/answer", Hidden(&["message"], r#"{"text":"1"}"#)),
    ("GET /orders", List(&["?limit=200", "?case_id=$case", "?open=true"])),
    (
        "POST /orders",
        Body(
            "{\"text\":\"借令\",\"case_id\":\"$case\",\"near\":{\"lon\":113.64,\"lat\":34.72}}\n{\"text\":\"借令\",\"units\":[\"$responder\"]}",
        ),
    ),
    ("GET /orders/{id}", Hidden(&["order"], "")),
    ("POST /orders/{id}/{verb}", Hidden(&["order", "order_verb"], r#"{"result":"x","reason":"x"}"#)),
    ("GET /orgs", List(&["?limit=200", "?parent=$unit", "?q=二七", "?parent=$township"])),
    ("POST /orgs", Body(r#"{"parent":"$unit","code":"mole","kind":"department","name":"借科"}"#)),
    ("GET /orgs/locate", List(&["?lon=113.667&lat=34.786", "?lon=113.64&lat=34.72&class=env.garbage"])),
    ("GET /orgs/{id}", Hidden(&["unit"], "")),
    ("DELETE /orgs/{id}", Hidden(&["unit"], "")),
    ("PATCH /orgs/{id}", Hidden(&["unit"], r#"{"name":"改名"}"#)),
    ("GET /orgs/{id}/grids", Hidden(&["unit"], "")),
    ("POST /orgs/{id}/grids", Hidden(&["unit"], "@grid")),
    ("GET /orgs/{id}/history", Hidden(&["unit"], "")),
    ("POST /orgs/{id}/move", Hidden(&["unit"], r#"{"parent":"$own_unit"}"#)),
    ("POST /orgs/{id}/move", Within("/orgs/$own_township/move", r#"{"parent":"$unit"}"#)),
    ("GET /people", List(&["?limit=200", "?unit=$unit", "?q=$secret"])),
    ("POST /people", Own),
    ("GET /people/{id}", Hidden(&["person"], "")),
    ("PATCH /people/{id}", Hidden(&["person"], r#"{"name":"改名"}"#)),
    ("POST /people/{id}/phone", Hidden(&["person"], r#"{"purpose":"核实"}"#)),
    ("GET /plans", Refused("")),
    ("POST /plans/check", Refused("{}")),
    ("POST /plans/simulate", Refused(r#"{"scenario":"x"}"#)),
    ("GET /posts", List(&["", "?unit=$unit"])),
    ("POST /posts", Body(r#"{"unit_id":"$unit","title":"借岗","role":"grid_worker"}"#)),
    ("DELETE /posts/{id}", Hidden(&["post"], "")),
    ("POST /posts/{id}/holders", Hidden(&["post"], r#"{"person_id":"$person"}"#)),
    ("POST /posts/{id}/holders", Within("/posts/$own_post/holders", r#"{"person_id":"$person"}"#)),
    ("DELETE /posts/{id}/holders/{person}", Hidden(&["post", "person"], "")),
    ("GET /queues", Moving(&[""])),
    ("GET /queues/{id}/figures", Empty(&["queue"])),
    ("GET /responders", List(&["", "?lon=113.64&lat=34.72"])),
    ("PUT /responders/{id}", Hidden(&["responder"], r#"{"state":"off_duty"}"#)),
    ("GET /roles", Own),
    ("PUT /roles/{code}", Refused(r#"{"name":"x","grants":[]}"#)),
    ("POST /sandbox/messages", Refused(r#"{"from":"13900000001","text":"1"}"#)),
    ("POST /session", Public),
    ("DELETE /session", Public),
    ("POST /session/password", Own),
    ("POST /session/totp", Own),
    ("POST /session/totp/confirm", Own),
    ("GET /sessions", Moving(&[""])),
    ("DELETE /sessions/{id}", Hidden(&["session"], "")),
    ("GET /sms_links", Own),
    ("GET /track", Public),
    ("POST /track/{verb}", Public),
];

/// Verbs of calls and orders; those of cases are asked of the hub.
const CALL_VERBS: &[&str] = &[
    "hold",
    "resume",
    "mute",
    "unmute",
    "cancel_transfer",
    "hang_up",
    "dtmf",
    "transfer",
    "release",
    "take_out",
    "raise",
    "consult",
    "complete",
    "cancel_consult",
    "conference",
];
const ORDER_VERBS: &[&str] = &["accept", "en_route", "on_site", "done", "decline", "cancel"];

/// Method and path of each endpoint of the committed document; a test of the hub keeps it equal to the served one.
fn endpoints() -> Vec<String> {
    let document: Value = serde_json::from_str(include_str!("../../docs/openapi.json")).unwrap();
    let methods = ["get", "post", "put", "patch", "delete"];
    let paths = document["paths"].as_object().unwrap();
    let of = |(path, item): (&String, &Value)| -> Vec<String> {
        let item = item.as_object().unwrap();
        item.keys().filter(|m| methods.contains(&m.as_str())).map(|m| format!("{} {path}", m.to_uppercase())).collect()
    };
    paths.iter().flat_map(of).collect()
}

#[test]
fn every_endpoint_has_a_recipe() {
    let known: BTreeSet<&str> = RECIPES.iter().map(|(endpoint, _)| *endpoint).collect();
    let served = endpoints();
    let missing: Vec<_> = served.iter().filter(|e| !known.contains(e.as_str())).collect();
    assert!(
        missing.is_empty(),
        "nobody has said how to try the rights of {missing:?}: add a line to RECIPES in tests/scenarios/rights.rs, such as \
         (\"GET /things/{{id}}\", Hidden(&[\"thing\"], \"\")), and for a new kind of thing make one of another county in `Things::make`"
    );
    let gone: Vec<_> = known.iter().filter(|k| !served.iter().any(|s| s == *k)).collect();
    assert!(gone.is_empty(), "these endpoints are gone: take their lines out of RECIPES: {gone:?}");
}

/// Ids by kind of things of another county and of the city.
struct Things {
    ids: BTreeMap<&'static str, Vec<String>>,
    bodies: BTreeMap<String, Value>,
    /// Keeps the telephone and its call's recording real.
    _phone: AgentPhone,
}

fn id(value: &Value) -> String {
    value["id"].as_str().unwrap_or_else(|| panic!("no id: {value}")).to_owned()
}

impl Things {
    /// What the county has of its own, before anything else is made.
    fn of_the_county(hub: &Hub) -> BTreeMap<&'static str, Vec<String>> {
        let (city, sys, sec) = (hub.sign_in("dispatcher1"), hub.sign_in("sysadmin"), hub.sign_in("secadmin"));
        let jinshui = unit(&sys, "金水区");
        let post = sec.post("/posts", &json!({ "unit_id": jinshui, "title": "网格员", "role": "grid_worker" }));
        let case = city.post(
            "/cases",
            &json!({
                "channel": "call", "nature": "help", "class_code": "env.garbage", "urgency": "normal", "title": "本区工单",
                "narrative": "x", "place": { "text": "路口", "lon": 113.667, "lat": 34.786 },
            }),
        );
        let case = id(&case);
        city.post(&format!("/cases/{case}/accept"), &json!({}));
        city.post(&format!("/cases/{case}/assign"), &json!({ "unit_id": jinshui }));
        // The reminders have come to rest: from here on nothing of the county moves by itself.
        city.until("the county's reminder is delivered", |c| {
            let messages = c.get(&format!("/messages?case_id={case}"));
            let messages = messages["items"].as_array()?;
            (!messages.is_empty() && messages.iter().all(|m| m["state"] == "delivered")).then_some(())
        });
        let township = id(&sys.get(&format!("/orgs?parent={jinshui}"))["items"][0]);
        let own = [("own_unit", jinshui), ("own_post", id(&post)), ("own_case", case), ("own_township", township)];
        own.into_iter().map(|(kind, id)| (kind, vec![id])).collect()
    }

    fn make(hub: &Hub, mut ids: BTreeMap<&'static str, Vec<String>>) -> Self {
        let (city, agent, sys, sec) =
            (hub.sign_in("dispatcher1"), hub.sign_in("agent1"), hub.sign_in("sysadmin"), hub.sign_in("secadmin"));
        let mut add = |kind, id: String| ids.entry(kind).or_default().push(id);

        let erqi = unit(&sys, "二七区");
        let township = id(&sys.get(&format!("/orgs?parent={erqi}"))["items"][0]);
        let person = id(&sys.post("/people", &json!({ "name": format!("王{SECRET}"), "phone": PHONE })));
        let post = id(&sec.post("/posts", &json!({ "unit_id": erqi, "title": SECRET, "role": "county_operator" })));
        sec.post(&format!("/posts/{post}/holders"), &json!({ "person_id": person }));
        sys.post("/accounts", &json!({ "user": "erqi1", "person_id": person, "password": "Scenario-2026-erqi" }));
        let duties = sys.get("/duties");
        let duty = duties["items"].as_array().unwrap().iter().find(|d| d["area_id"] == erqi.as_str());

        // Cases: one at a place in 二七区 that was assigned there, one that stays with the city.
        let place = json!({ "text": SECRET, "lon": 113.64, "lat": 34.72 });
        let case = |place: Value| {
            json!({
                "channel": "call", "nature": "help", "class_code": "env.garbage", "urgency": "normal", "title": SECRET,
                "narrative": SECRET, "place": place, "requester": { "name": format!("赵{SECRET}"), "phone": PHONE },
            })
        };
        let there = city.post("/cases", &case(place));
        let there_id = id(&there);
        city.post(&format!("/cases/{there_id}/accept"), &json!({}));
        city.post(&format!("/cases/{there_id}/assign"), &json!({ "unit_id": erqi, "note": SECRET }));
        let own = city.post("/cases", &case(json!({ "text": SECRET })));

        let (phone, call) = a_call(hub, &agent);
        agent.call("PUT", &format!("/desk/drafts/{call}"), Some(&json!({ "form": { "title": SECRET } })), None);

        let responders = city.get("/responders");
        let responders = responders["items"].as_array().unwrap();
        let team = id(responders.iter().find(|r| r["name"].as_str().unwrap().contains("二七")).unwrap());
        let order = city.post("/orders", &json!({ "text": SECRET, "case_id": there_id, "units": [team] }));
        let message = city.post("/messages", &json!({ "to": PHONE, "text": SECRET, "case_id": there_id }));
        let lone = city.post("/messages", &json!({ "to": PHONE, "text": SECRET }));
        let invite = json!({ "title": SECRET, "case_id": there_id, "invite": [erqi] });
        let meeting = city.post("/meetings", &invite);
        let agent_id = agent.get("/desk")["person"].as_str().unwrap().to_owned();

        add("case", there_id);
        add("case", id(&own));
        add("call", call);
        add("order", id(&order["items"][0]));
        add("message", id(&message));
        add("message", id(&lone));
        add("meeting", id(&meeting));
        add("responder", team);
        add("unit", erqi);
        add("unit", township.clone());
        add("township", township);
        add("person", person);
        add("person", agent_id.clone());
        add("agent", agent_id);
        add("post", post);
        add("user", "erqi1".into());
        add("user", "agent1".into());
        add("queue", "city_hotline".into());
        add("dead_letter", NOBODY.replace("dead", "beef"));
        add("duty", duty.map_or_else(|| "none".into(), id));
        add("session", id(&agent.get("/sessions")["items"][0]));

        let schemas = city.get("/cases/schema");
        let verbs = schemas["verbs"].as_object().unwrap();
        let bodies = verbs.iter().map(|(verb, v)| (verb.clone(), example(&v["schema"], &v["schema"], ""))).collect();
        Self { ids, bodies, _phone: phone }
    }

    fn of(&self, kind: &str) -> Vec<String> {
        match kind {
            "case_verb" => self.bodies.keys().cloned().collect(),
            "call_verb" => CALL_VERBS.iter().map(|v| (*v).to_owned()).collect(),
            "order_verb" => ORDER_VERBS.iter().map(|v| (*v).to_owned()).collect(),
            "secret" => vec![SECRET.into()],
            "phone" => vec![PHONE.into()],
            "seq" => vec!["0".into()],
            _ => self.ids.get(kind).cloned().unwrap_or_else(|| panic!("no thing of the kind {kind}: make one")),
        }
    }

    /// The text with each `$kind` filled in; `nobody` puts ids there that nobody has.
    fn fill(&self, text: &str, nobody: bool) -> String {
        let kinds = [
            "own_unit",
            "own_post",
            "own_case",
            "own_township",
            "responder",
            "township",
            "person",
            "meeting",
            "secret",
            "phone",
            "agent",
            "queue",
            "case",
            "call",
            "unit",
            "seq",
            "message",
        ];
        kinds.iter().fold(text.to_owned(), |text, kind| {
            let mark = format!("${kind}");
            if !text.contains(&mark) {
                return text;
            }
            let one = if nobody && !kind.starts_with("own_") { stranger(kind) } else { self.of(kind)[0].clone() };
            text.replace(&mark, &one)
        })
    }

    /// Whether a text tells of a hidden thing, by its words or by its id.
    fn told(&self, text: &str) -> Option<String> {
        let public = ["user", "queue", "dead_letter", "duty"];
        let ids = self
            .ids
            .iter()
            .filter(|(kind, _)| !public.contains(kind) && !kind.starts_with("own_"))
            .flat_map(|(_, ids)| ids);
        let words = [SECRET.to_owned(), PHONE.to_owned(), MASKED.to_owned()];
        words.into_iter().chain(ids.cloned()).find(|word| text.contains(word))
    }
}

/// What nobody has, of a kind.
fn stranger(kind: &str) -> String {
    match kind {
        "phone" => "13700009999".into(),
        "secret" => "从未写过的词".into(),
        "user" => "nobody9".into(),
        "queue" => "nowhere".into(),
        "duty" => "none".into(),
        _ => NOBODY.into(),
    }
}

fn unit(client: &Client, name: &str) -> String {
    let found = client.get(&format!("/orgs?q={name}"));
    let found = found["items"].as_array().unwrap().iter().find(|u| u["name"] == name);
    id(found.unwrap_or_else(|| panic!("{name} is in the demo")))
}

/// A call that agent1 answers, so that it has a recording.
fn a_call(hub: &Hub, agent: &Client) -> (AgentPhone, String) {
    let (phone, never) = (AgentPhone::new(hub.place.sip, "8001"), AtomicBool::new(false));
    assert_eq!(phone.register(3_600, &never), Some(200));
    agent.until("the phone is registered", |c| (c.get("/desk")["phone"] == json!(true)).then_some(()));
    agent.call("PUT", "/desk/state", Some(&json!({ "state": "ready" })), None).unwrap();
    let call = Call::make(hub.place.sip, PHONE, 50, &never, &Told::default());
    assert!(call.over && call.heard >= 50);
    let id = agent.until("the call is over", |c| {
        let calls = c.get("/calls");
        let call = calls["items"].as_array()?.iter().find(|c| c["state"] == "ended")?;
        (call["recording"]["state"] == "complete").then(|| id(call))
    });
    (phone, id)
}

/// The smallest value that a JSON schema takes, as far as the schemas of the verbs go.
fn example(schema: &Value, root: &Value, name: &str) -> Value {
    if let Some(reference) = schema["$ref"].as_str() {
        let target = root.pointer(reference.trim_start_matches('#')).unwrap_or(&Value::Null);
        return example(target, root, name);
    }
    if let Some(first) = schema["enum"].get(0).or(schema.get("const")) {
        return first.clone();
    }
    for choice in ["anyOf", "oneOf", "allOf"] {
        if let Some(first) = schema[choice].get(0) {
            return example(first, root, name);
        }
    }
    let kind = schema["type"].as_str().or(schema["type"].get(0).and_then(Value::as_str)).unwrap_or("object");
    match kind {
        "string" if schema["format"] == "uuid" || name.ends_with("_id") => json!(NOBODY),
        "string" if schema["format"] == "date-time" || name.ends_with("_at") => json!("2027-01-04T09:00:00+08:00"),
        "string" => json!("例"),
        "integer" | "number" => schema["minimum"].as_i64().map_or(json!(1), |m| json!(m.max(1))),
        "boolean" => json!(true),
        "array" => json!([]),
        "null" => Value::Null,
        _ => {
            let required = schema["required"].as_array().cloned().unwrap_or_default();
            let required = required.iter().filter_map(Value::as_str);
            required.map(|n| (n.to_owned(), example(&schema["properties"][n], root, n))).collect()
        }
    }
}

/// One request of a user, as far as it can be compared: status, code, text.
struct Said {
    status: u16,
    code: String,
    text: String,
}

fn ask(client: &Client, method: &str, path: &str, body: &str) -> Said {
    let body = (!body.is_empty()).then(|| serde_json::from_str(body).unwrap_or_else(|e| panic!("{path}: {body}: {e}")));
    let (status, answer) = client.call(method, path, body.as_ref(), None).expect("the hub is there");
    let code = answer["code"].as_str().unwrap_or_default().to_owned();
    Said { status, code, text: answer.to_string() }
}

/// Every way to fill the path's parameters with foreign ids, and with ids that nobody has.
fn paths(things: &Things, path: &str, kinds: &[&'static str]) -> Vec<(String, String, String)> {
    let mut found = vec![(path.to_owned(), path.to_owned(), String::new())];
    for kind in kinds {
        let mut next = Vec::new();
        for (foreign, nobody, _) in &found {
            let (start, rest) = foreign.split_once('{').unwrap();
            let (nobody_start, nobody_rest) = nobody.split_once('{').unwrap();
            let (rest, nobody_rest) = (rest.split_once('}').unwrap().1, nobody_rest.split_once('}').unwrap().1);
            for one in things.of(kind) {
                let other = if kind.ends_with("_verb") { one.clone() } else { stranger(kind) };
                next.push((format!("{start}{one}{rest}"), format!("{nobody_start}{other}{nobody_rest}"), one));
            }
        }
        found = next;
    }
    found
}

const GRID: &str = r#"{"code":"mole","name":"借格","kind":"community","area":{"type":"Polygon","coordinates":[[[113.6,34.7],[113.61,34.7],[113.61,34.71],[113.6,34.7]]]}}"#;

/// What is wrong with how an endpoint answered one user; empty if nothing is.
fn try_endpoint(things: &Things, user: &str, client: &Client, endpoint: &str, how: How) -> Vec<String> {
    let (method, path) = endpoint.split_once(' ').unwrap();
    let mut wrong = Vec::new();
    let mut fault = |what: String| wrong.push(format!("{user}: {what}"));
    match how {
        Hidden(kinds, body) => {
            for (foreign, nobody, last) in paths(things, path, kinds) {
                let body = match body {
                    "@verb" => things.bodies[&last].to_string(),
                    "@grid" => GRID.to_owned(),
                    text => things.fill(text, false),
                };
                let (said, twin) = (ask(client, method, &foreign, &body), ask(client, method, &nobody, &body));
                if let Some(word) = things.told(&said.text) {
                    fault(format!("{method} {foreign}: {} tells {word}: {}", said.status, said.text));
                }
                if !matches!(said.status, 403 | 404) || (said.status, &said.code) != (twin.status, &twin.code) {
                    let (a, b) = (format!("{} {}", said.status, said.text), format!("{} {}", twin.status, twin.text));
                    fault(format!("{method} {foreign} {body}: {a}\n      and for an id that nobody has: {b}"));
                }
            }
        }
        Empty(kinds) => {
            for (foreign, nobody, last) in paths(things, path, kinds) {
                let (said, twin) = (ask(client, method, &foreign, ""), ask(client, method, &nobody, ""));
                if timeless(&said.text.replace(&last, "")) != timeless(&twin.text.replace(&stranger(kinds[0]), "")) {
                    fault(format!("{method} {foreign}: {} is not {}", said.text, twin.text));
                }
            }
        }
        List(queries) | Moving(queries) => {
            for query in queries {
                let query = things.fill(query, false);
                for text in all_pages(client, path, &query) {
                    if let Some(word) = things.told(&text) {
                        fault(format!("{method} {path}{query} tells {word}: {text}"));
                    }
                }
            }
        }
        Body(bodies) | Within(_, bodies) => {
            let path = &if let Within(path, _) = how { things.fill(path, false) } else { path.to_owned() };
            for body in bodies.lines() {
                let (foreign, nobody) = (things.fill(body, false), things.fill(body, true));
                let (said, twin) = (ask(client, method, path, &foreign), ask(client, method, path, &nobody));
                if (said.status, &said.code) != (twin.status, &twin.code) {
                    let (a, b) = (format!("{} {}", said.status, said.text), format!("{} {}", twin.status, twin.text));
                    fault(format!("{method} {path} {foreign}: {a}\n      and for an id that nobody has: {b}"));
                }
                if things.told(&said.text).is_some() {
                    fault(format!("{method} {path} {foreign}: {}", said.text));
                }
            }
        }
        Refused(body) => {
            let path = path.replace("{code}", "agent");
            let said = ask(client, method, &path, &things.fill(body, false));
            if said.status != 403 {
                fault(format!("{method} {path}: {} {}", said.status, said.text));
            }
        }
        Own | Public => {}
    }
    wrong
}

/// An answer without the stretch of time that it is about.
fn timeless(text: &str) -> Value {
    let mut value: Value = serde_json::from_str(text).unwrap();
    for name in ["from", "to"] {
        value.as_object_mut().map(|v| v.remove(name));
    }
    value
}

/// The answers of a list, page by page; a refusal is an answer too.
fn all_pages(client: &Client, path: &str, query: &str) -> Vec<String> {
    let (mut texts, mut query) = (Vec::new(), query.to_owned());
    loop {
        let (status, answer) = client.call("GET", &format!("{path}{query}"), None, None).unwrap();
        assert!(status < 500, "GET {path}{query}: {answer}");
        texts.push(answer["items"].as_array().map_or_else(|| answer.to_string(), |items| json!(items).to_string()));
        let Some(next) = answer["next"].as_str().filter(|_| texts.len() < 100) else { return texts };
        let join = if query.is_empty() { "?" } else { "&" };
        query = match path {
            "/events" => format!("?after={next}&limit=500"),
            _ => format!("{}{join}cursor={next}", query.split("&cursor").next().unwrap_or_default()),
        };
    }
}

/// The first query of each list that can be compared.
fn lists(client: &Client) -> BTreeMap<&'static str, Vec<String>> {
    let lists = RECIPES.iter().filter_map(|(endpoint, how)| match how {
        List(queries) => Some((endpoint.split_once(' ')?.1, queries[0])),
        _ => None,
    });
    lists.map(|(path, query)| (path, all_pages(client, path, query))).collect()
}

/// What those who may see the hidden things see of them.
fn witness(officer: &Client, sysadmin: &Client, things: &Things) -> Vec<(String, Value)> {
    let paths = [
        ("case", "/cases/"),
        ("call", "/calls/"),
        ("order", "/orders/"),
        ("message", "/messages/"),
        ("meeting", "/meetings/"),
    ];
    let mut seen: Vec<(String, Value)> = Vec::new();
    let mut look = |client: &Client, path: String| {
        let mut value = client.get(&path);
        // Sending goes on by itself.
        for moving in ["state", "link", "version", "links", "reminded_at"] {
            if path.starts_with("/messages") || path.starts_with("/cases") && moving != "state" {
                value.as_object_mut().map(|v| v.remove(moving));
            }
        }
        seen.push((path, value));
    };
    for (kind, path) in paths {
        things.of(kind).iter().for_each(|id| look(officer, format!("{path}{id}")));
    }
    things.of("unit").iter().for_each(|id| look(sysadmin, format!("/orgs/{id}")));
    things.of("person").iter().for_each(|id| look(sysadmin, format!("/people/{id}")));
    look(officer, "/responders".into());
    look(sysadmin, "/accounts?limit=200".into());
    look(sysadmin, "/duties".into());
    seen
}

#[test]
fn nobody_of_a_county_learns_anything_of_another() {
    let hub = Hub::demo();
    let users: Vec<(&str, Client)> = USERS.iter().map(|u| (*u, hub.sign_in(u))).collect();
    let (officer, sysadmin) = (hub.sign_in("officer1"), hub.sign_in("sysadmin"));
    let own = Things::of_the_county(&hub);
    let before: Vec<_> = users.iter().map(|(_, client)| lists(client)).collect();
    let mut socket = events_socket(&hub, &users[0].1);
    let things = Things::make(&hub, own);
    let mut wrong = Vec::new();

    for ((user, client), before) in users.iter().zip(&before) {
        let after = lists(client);
        let different = before.iter().filter(|(path, texts)| after.get(*path) != Some(*texts));
        wrong.extend(
            different.map(|(path, texts)| format!("{user}: GET {path} changed:\n  {texts:?}\n  {:?}", after[path])),
        );
    }
    let state = witness(&officer, &sysadmin, &things);
    for (user, client) in &users {
        for (endpoint, how) in RECIPES {
            wrong.extend(try_endpoint(&things, user, client, endpoint, *how));
        }
    }
    for ((path, was), (_, is)) in state.iter().zip(witness(&officer, &sysadmin, &things)) {
        if *was != is {
            wrong.push(format!("{path} was changed:\n  {was}\n  {is}"));
        }
    }
    wrong.extend(overheard(&mut socket, &users[0].1, &things));
    assert!(wrong.is_empty(), "{} leaks:\n{}", wrong.len(), wrong.join("\n"));
}

type Socket = tungstenite::WebSocket<TcpStream>;

fn events_socket(hub: &Hub, client: &Client) -> Socket {
    let address = format!("127.0.0.1:{}", hub.place.http);
    let stream = TcpStream::connect(&address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    let request = tungstenite::http::Request::builder()
        .uri(format!("ws://{address}/api/v1/events?after=0"))
        .header("host", &address)
        .header("authorization", format!("Bearer {}", client.token))
        .header("connection", "Upgrade")
        .header("upgrade", "websocket")
        .header("sec-websocket-version", "13")
        .header("sec-websocket-key", tungstenite::handshake::client::generate_key())
        .body(())
        .unwrap();
    tungstenite::client(request, stream).unwrap().0
}

/// What the county's socket told of hidden things up to an event of its own.
fn overheard(socket: &mut Socket, county: &Client, things: &Things) -> Vec<String> {
    let fence = "自己的工单七三二";
    let own = county.post(
        "/cases",
        &json!({
            "channel": "grid", "nature": "help", "class_code": "env.garbage", "urgency": "normal", "title": fence,
            "narrative": "x", "place": { "text": "路口", "lon": 113.667, "lat": 34.786 },
        }),
    );
    let mut wrong = Vec::new();
    loop {
        match socket.read().unwrap() {
            tungstenite::Message::Text(text) => {
                wrong.extend(things.told(&text).map(|word| format!("the events socket tells {word}: {text}")));
                if text.contains("case.captured") && text.contains(own["id"].as_str().unwrap()) {
                    return wrong;
                }
            }
            tungstenite::Message::Close(_) => panic!("the events socket was closed"),
            _ => {}
        }
    }
}

/// Endpoints that need no session.
const WITHOUT_SESSION: &[&str] =
    &["POST /session", "DELETE /session", "GET /track", "POST /track/{verb}", "POST /guest_tickets"];

#[test]
fn without_a_living_session_there_is_nothing() {
    let hub = Hub::demo();
    let mut client = hub.sign_in("agent1");
    let over = hub.sign_in("agent1");
    over.call("DELETE", "/session", None, None);
    let forged = format!("{}x", &client.token[..client.token.len() - 1]);
    for token in [String::new(), "forged".into(), NOBODY.into(), forged, over.token] {
        client.token = token;
        for endpoint in endpoints().iter().filter(|e| !WITHOUT_SESSION.contains(&e.as_str())) {
            let (method, path) = endpoint.split_once(' ').unwrap();
            let path = ["{id}", "{call_id}", "{person}", "{user}", "{code}", "{name}"]
                .iter()
                .fold(path.replace("{verb}", "accept"), |path, mark| path.replace(mark, NOBODY));
            let query = if path.ends_with("/locate") || path.ends_with("/due") { "?lon=1&lat=1&from=x" } else { "" };
            let body = (method != "GET").then(|| match path.as_str() {
                "/session/password" => json!({ "password": "x", "new_password": "y" }),
                "/session/totp/confirm" => json!({ "code": "000000" }),
                _ => json!({}),
            });
            let (status, answer) = client.call(method, &format!("{path}{query}"), body.as_ref(), None).unwrap();
            assert_eq!(status, 401, "{endpoint} with {:?}: {answer}", client.token);
        }
    }
}

#[test]
fn a_cookie_is_good_only_from_our_own_pages_and_secure_over_https() {
    let hub = Hub::demo();
    let client = hub.sign_in("county1");
    let send = |method: &str, path: &str, headers: &[(&str, &str)]| {
        let url = format!("http://127.0.0.1:{}/api/v1{path}", hub.place.http);
        let mut request =
            ureq::http::Request::builder().method(method).uri(url).header("content-type", "application/json");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let body = json!({ "user": "county1", "password": super::harness::PASSWORD }).to_string();
        let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
        let answer = agent.run(request.body(if method == "GET" { String::new() } else { body }).unwrap()).unwrap();
        let cookie = answer.headers().get("set-cookie").map(|v| v.to_str().unwrap().to_owned()).unwrap_or_default();
        (answer.status().as_u16(), cookie)
    };
    let own = format!("liandong_session={}", client.token);
    assert_eq!(send("GET", "/me", &[("cookie", &own)]).0, 200);
    assert_eq!(send("GET", "/me", &[("cookie", "liandong_session=forged")]).0, 401);
    assert_eq!(send("POST", "/orders", &[("cookie", &own)]).0, 403, "another site's form cannot act");
    let (status, plain) = send("POST", "/session", &[]);
    assert_eq!(status, 201);
    assert!(plain.contains("HttpOnly") && plain.contains("SameSite=Strict") && !plain.contains("Secure"), "{plain}");
    // A proxy on this machine that speaks HTTPS with the browser says so.
    let (_, secure) = send("POST", "/session", &[("x-forwarded-proto", "https")]);
    assert!(secure.contains("; Secure"), "{secure}");
    let own = over_https(&hub).to_lowercase();
    assert!(own.contains("set-cookie: liandong_session=") && own.contains("; secure"), "{own}");
}

/// The answer to a sign-in over the hub's own HTTPS, whose certificate is the only one believed.
fn over_https(hub: &Hub) -> String {
    use rustls::pki_types::{CertificateDer, ServerName, pem::PemObject};
    let mut roots = rustls::RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(hub.place.data().join("tls.crt")).unwrap()).unwrap();
    let provider = std::sync::Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let config = std::sync::Arc::new(config.with_root_certificates(roots).with_no_client_auth());
    let address = hub.place.variable("LIANDONG_HTTP__LISTEN_TLS");
    let session = rustls::ClientConnection::new(config, ServerName::try_from("127.0.0.1").unwrap()).unwrap();
    let mut stream = rustls::StreamOwned::new(session, TcpStream::connect(&address).unwrap());
    let body = json!({ "user": "county1", "password": super::harness::PASSWORD }).to_string();
    let request = format!(
        "POST /api/v1/session HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\nContent-Type: application/json\r\n\
         Content-Length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer); // a close without close_notify is no matter here
    String::from_utf8_lossy(&answer).into_owned()
}

/// What each administrator may not: the others' work, and everybody's cases and calls.
#[test]
fn the_three_administrators_exclude_each_other() {
    let hub = Hub::demo();
    let [sys, sec, audit] = ["sysadmin", "secadmin", "auditor"].map(|u| hub.sign_in(u));
    let role = json!({ "name": "x", "grants": [] });
    let holidays: Value = serde_json::from_str(HOLIDAYS).unwrap();
    let refused = |client: &Client, who: &str, method: &str, path: &str, body: Option<&Value>| {
        let (status, answer) = client.call(method, path, body, None).unwrap();
        assert!(matches!(status, 403 | 404), "{who}: {method} {path}: {status} {answer}");
    };
    for (who, client) in [("sysadmin", &sys), ("secadmin", &sec), ("auditor", &audit)] {
        for path in ["/cases", "/calls", "/messages", "/orders", "/meetings"] {
            let (status, answer) = client.call("GET", path, None, None).unwrap();
            let empty = answer["items"].as_array().is_some_and(Vec::is_empty);
            assert!(empty || status == 403, "{who}: GET {path}: {status} {answer}");
        }
    }
    refused(&sys, "sysadmin", "GET", "/audit", None);
    refused(&sys, "sysadmin", "PUT", "/roles/agent", Some(&role));
    refused(&sys, "sysadmin", "GET", "/accounts/agent1/sessions", None);
    refused(&sys, "sysadmin", "POST", "/accounts/agent1/unlock", None);
    refused(&sec, "secadmin", "GET", "/audit", None);
    refused(&sec, "secadmin", "GET", "/dead_letters", None);
    refused(&sec, "secadmin", "POST", "/accounts/agent1/disable", None);
    refused(&sec, "secadmin", "POST", "/calendars/holidays", Some(&holidays));
    refused(&audit, "auditor", "GET", "/dead_letters", None);
    refused(&audit, "auditor", "PUT", "/roles/agent", Some(&role));
    refused(&audit, "auditor", "POST", "/accounts/agent1/disable", None);

    // Nobody becomes a second administrator, whoever gives him the post.
    let people = sys.get("/people?limit=200&q=高远");
    let auditor = id(&people["items"][0]);
    let city = unit(&sys, "郑州市");
    let post = sec.call(
        "POST",
        "/posts",
        Some(&json!({ "unit_id": city, "title": "系统管理员乙", "role": "sysadmin" })),
        None,
    );
    let (status, post) = post.unwrap();
    assert_eq!(status, 201, "{post}");
    let fill = json!({ "person_id": auditor });
    let (status, answer) = sec.call("POST", &format!("/posts/{}/holders", id(&post)), Some(&fill), None).unwrap();
    assert_eq!((status, &answer["code"]), (409, &json!("orgs.administrators_exclude")), "{answer}");
}

/// `/track` answers a wrong code as it answers an unknown number, and tires of both, by number and by address.
#[test]
fn the_citizens_door_cannot_be_forced() {
    let hub = Hub::demo();
    let city = hub.sign_in("dispatcher1");
    let body = json!({
        "channel": "call", "nature": "help", "class_code": "env.garbage", "urgency": "normal", "title": SECRET,
        "narrative": SECRET, "requester": { "phone": PHONE },
    });
    let case = city.post("/cases", &body);
    let (number, code) = (case["public_no"].as_str().unwrap(), case["query_code"].as_str().unwrap());
    assert_eq!(city.get(&format!("/track?no={number}&code={code}"))["public_no"], number);
    // Whoever reads the case afterwards does not learn the code: it is told once.
    let id = case["id"].as_str().unwrap();
    city.until("the citizen's SMS", |c| {
        c.get(&format!("/cases/{id}/timeline")).to_string().contains("message.submitted").then_some(())
    });
    for who in ["dispatcher1", "agent1", "officer1", "lead1"] {
        let client = hub.sign_in(who);
        let mut paths = vec![format!("/cases/{id}"), format!("/cases/{id}/timeline"), "/events".into()];
        if who == "agent1" {
            paths.push("/messages".into()); // to the others the sandbox is the citizen's phone
        }
        for path in paths {
            for text in all_pages(&client, &path, "") {
                assert!(!text.contains(code), "{who}: {path} tells the query code: {text}");
            }
        }
    }
    // Five wrong codes close a number, and its right code with it; an address that tries many numbers is closed to all.
    let try_with = |case: &Value, code: &str| {
        let path = format!("/track?no={}&code={code}", case["public_no"].as_str().unwrap());
        let (status, answer) = city.call("GET", &path, None, None).unwrap();
        (status, answer["code"].as_str().unwrap_or_default().to_owned())
    };
    let wrong = |case: &Value| if case["query_code"] == "111111" { "222222" } else { "111111" };
    let others: Vec<Value> = (0..6).map(|_| city.post("/cases", &body)).collect();
    for case in &others[..5] {
        for _ in 0..5 {
            assert_eq!(try_with(case, wrong(case)), (404, "track.not_found".into()));
        }
        assert_eq!(try_with(case, case["query_code"].as_str().unwrap()), (429, "track.locked".into()));
    }
    let untouched = &others[5];
    assert_eq!(
        try_with(untouched, untouched["query_code"].as_str().unwrap()).0,
        200,
        "others are not locked out by it"
    );
    let unknown = json!({ "public_no": "2001010000002" });
    for _ in 0..5 {
        let (status, _) = try_with(&unknown, "111111");
        assert!(matches!(status, 404 | 422), "{status}");
        try_with(&case, wrong(&case));
    }
    assert_eq!(try_with(untouched, untouched["query_code"].as_str().unwrap()), (429, "track.locked".into()));
}
