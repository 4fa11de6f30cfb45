//! kill -9 at random instants under load: nothing acknowledged is lost or doubled, the chain verifies, recordings play.
//!
//! Calls, case steps, messages, orders and registrations run together; then SIGKILL; then the hub is started again and asked
//! from outside for everything that it had acknowledged. `LIANDONG_KILLS` sets how many times (default 6; the acceptance
//! run uses 200). On SQLite always, on PostgreSQL when `LIANDONG_TEST_POSTGRES` names a server.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::Read;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use liandong_media::codec::decode_alaw;
use serde_json::{Value, json};

use super::harness::{Client, Hub, Peer, Place};
use super::lines::{AGENT_OCTET, AgentPhone, Call, Told};

/// Clients that open and step cases at the same time.
const CASE_CLIENTS: usize = 2;
/// Citizens who call at the same time.
const CALLERS: usize = 3;
/// Agents who answer.
const AGENTS: [(&str, &str); 2] = [("agent1", "8001"), ("agent2", "8002")];
/// Whose telephone registers and unregisters all the time.
const TOGGLED: (&str, &str) = ("agent3", "8003");
/// From so many kills on it is the acceptance run, which measures; fewer only look whether things are there.
const ACCEPTANCE: u32 = 100;
/// From so many frames on a call is looked up for its recording.
const HEARD_FRAMES: usize = 25;
/// What was acknowledged last before a kill is asked for again at once; all of it at the end.
const ASKED_AT_ONCE: usize = 24;
/// Messages handed to the link whose outcome may not be written yet: one batch of the outbox.
const IN_FLIGHT: usize = 32;
/// How long the centre may hear nothing new while acknowledged messages are still to come.
const SILENCE: Duration = Duration::from_secs(180);

fn kills() -> u32 {
    std::env::var("LIANDONG_KILLS").ok().and_then(|k| k.parse().ok()).unwrap_or(6)
}

/// Frames (20 ms) of sound that the kill may take from a recording. A second is promised; the acceptance run allows a busy
/// machine two and shows the worst that it saw, and a machine that runs all tests at once gets five.
fn lost_frames() -> usize {
    if kills() < ACCEPTANCE { 250 } else { 100 }
}

/// SplitMix64 over the kill's number: the instants differ, and are the same at every run.
fn random(kill: u32, salt: u64) -> u64 {
    let mut z = u64::from(kill).wrapping_add(1).wrapping_add(salt << 32).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

fn pause(kill: u32, salt: u64, least: u64, span: u64) -> Duration {
    Duration::from_millis(least + random(kill, salt) % span)
}

/// One acknowledged POST: asked again with its key it must give the same answer.
#[derive(Clone)]
struct Kept {
    who: usize,
    path: String,
    body: Value,
    key: String,
    /// The hash of status and answer.
    answer: u64,
    /// What it made or moved.
    id: String,
    version: i64,
}

/// What the outside was told.
#[derive(Default)]
struct Ledger {
    kept: Vec<Kept>,
    /// This round's calls.
    calls: Vec<Call>,
    /// Text and id of each acknowledged message.
    messages: BTreeMap<String, String>,
    orders: BTreeMap<String, String>,
    /// Whether the toggled telephone is registered; unknown while an answer is out.
    toggled: Option<bool>,
}

/// Figures for the report.
#[derive(Default, Debug)]
#[allow(dead_code)] // read by their Debug
struct Figures {
    kills: u32,
    answered: usize,
    cut: usize,
    taken_up: usize,
    recordings: usize,
    shortest: i64,
    slowest_start: Duration,
    submits: usize,
    twice: usize,
    /// Length of the log at the end.
    events: usize,
}

/// Everything that outlives a hub.
struct City {
    ledger: Mutex<Ledger>,
    counter: AtomicU32,
    told: Told,
    /// Agents who were ready since the hub's last start.
    ready: AtomicUsize,
    /// dispatcher1 and water1.
    people: Vec<Client>,
    desks: Vec<Client>,
    /// They answer as long as they are kept.
    _phones: Vec<AgentPhone>,
    toggled: AgentPhone,
    water: Value,
    crews: Vec<String>,
    sip: u16,
}

fn fingerprint(status: u16, answer: &Value) -> u64 {
    let mut hasher = DefaultHasher::new();
    (status, answer.to_string()).hash(&mut hasher);
    hasher.finish()
}

impl City {
    fn new(hub: &Hub) -> Self {
        let people = vec![hub.sign_in("dispatcher1"), hub.sign_in("water1")];
        let desks = AGENTS.iter().chain([&TOGGLED]).map(|(user, _)| hub.sign_in(user)).collect();
        let sip = hub.place.sip;
        let never = AtomicBool::new(false);
        let phones: Vec<AgentPhone> = AGENTS.iter().map(|(_, extension)| AgentPhone::new(sip, extension)).collect();
        for phone in &phones {
            assert_eq!(phone.register(3_600, &never), Some(200), "an agent's telephone registers");
        }
        let water = people[1].get("/me")["posts"][0]["unit"]["id"].clone();
        let crews = people[0].get("/responders")["items"].as_array().unwrap().clone();
        let crews = crews.iter().map(|c| c["id"].as_str().unwrap().to_owned()).collect();
        let ledger = Mutex::new(Ledger { toggled: Some(false), ..Ledger::default() });
        let toggled = AgentPhone::new(sip, TOGGLED.1);
        let (counter, told, ready) = (AtomicU32::new(0), Told::default(), AtomicUsize::new(0));
        Self { ledger, counter, told, ready, people, desks, _phones: phones, toggled, water, crews, sip }
    }

    fn number(&self) -> u32 {
        self.counter.fetch_add(1, Ordering::Relaxed)
    }

    /// A POST whose acknowledgement is written down. `None`: the hub is gone.
    fn post(&self, who: usize, path: &str, body: Value, key: &str) -> Option<Value> {
        let (status, answer) = self.people[who].call("POST", path, Some(&body), Some(key))?;
        if status == 503 {
            return None; // it said so: nothing was acknowledged
        }
        assert!((200..300).contains(&status), "POST {path} {body}: {status} {answer}");
        let id = answer["id"].as_str().or(answer["items"][0]["id"].as_str()).unwrap().to_owned();
        let version = answer["version"].as_i64().unwrap_or(0);
        let (path, key) = (path.to_owned(), key.to_owned());
        let kept = Kept { who, path, body, key, answer: fingerprint(status, &answer), id, version };
        self.ledger.lock().unwrap().kept.push(kept);
        Some(answer)
    }

    /// A case from capture to the check of what was fed back.
    fn case(&self, stop: &AtomicBool) -> Option<()> {
        while !stop.load(Ordering::Relaxed) {
            let key = format!("case-{}", self.number());
            let case = self.post(0, "/cases", new_case(&key), &key)?;
            let id = case["id"].as_str().unwrap();
            let assign = json!({ "unit_id": self.water });
            let done = json!({ "result_code": "resolved", "answer_text": "已修复" });
            let steps =
                [(0, "accept", json!({})), (0, "assign", assign), (1, "sign", json!({})), (1, "feed_back", done)];
            for (who, verb, body) in steps {
                self.post(who, &format!("/cases/{id}/{verb}"), body, &format!("{key}-{verb}"))?;
            }
        }
        None
    }

    fn order(&self, stop: &AtomicBool) -> Option<()> {
        while !stop.load(Ordering::Relaxed) {
            let number = self.number();
            let (key, crew) = (format!("order-{number}"), &self.crews[number as usize % self.crews.len()]);
            let given = self.post(0, "/orders", json!({ "text": key, "units": [crew] }), &key)?;
            let id = given["items"][0]["id"].as_str().unwrap();
            self.ledger.lock().unwrap().orders.insert(key.clone(), id.to_owned());
            for verb in ["accept", "en_route", "on_site", "done"] {
                self.post(0, &format!("/orders/{id}/{verb}"), json!({ "result": "完成" }), &format!("{key}-{verb}"))?;
            }
        }
        None
    }

    fn message(&self, stop: &AtomicBool) -> Option<()> {
        while !stop.load(Ordering::Relaxed) {
            let number = self.number();
            let key = format!("message-{number}");
            let body = json!({ "to": format!("137{number:08}"), "text": key });
            let taken = self.post(0, "/messages", body, &key)?;
            self.ledger.lock().unwrap().messages.insert(key, taken["id"].as_str().unwrap().to_owned());
            std::thread::sleep(Duration::from_millis(100)); // the link's rate is not what is tried here
        }
        None
    }

    /// An agent at his desk: ready whenever there is no call.
    fn desk(&self, agent: usize, stop: &AtomicBool) -> Option<()> {
        let mut seen = false;
        while !stop.load(Ordering::Relaxed) {
            let (status, desk) = self.desks[agent].call("GET", "/desk", None, None)?;
            if status == 200 {
                let call = desk["call"]["id"].as_str().unwrap_or_default();
                match desk["state"].as_str().unwrap() {
                    "wrap_up" => drop(self.desks[agent].call(
                        "POST",
                        &format!("/calls/{call}/wrap_up"),
                        Some(&json!({})),
                        None,
                    )?),
                    "offline" | "not_ready" => {
                        self.desks[agent].call("PUT", "/desk/state", Some(&json!({ "state": "ready" })), None)?;
                    }
                    "ready" if !seen => {
                        seen = true;
                        self.ready.fetch_add(1, Ordering::Relaxed);
                    }
                    _ => {}
                }
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        None
    }

    /// Citizens call once the agents are at their desks: with nobody there the plan rings the duty officer and says goodbye.
    fn caller(&self, stop: &AtomicBool) -> Option<()> {
        while self.ready.load(Ordering::Relaxed) < AGENTS.len() && !stop.load(Ordering::Relaxed) {
            std::thread::sleep(Duration::from_millis(5));
        }
        while !stop.load(Ordering::Relaxed) {
            let number = self.number();
            let frames = 25 + (random(number, 1) % 200) as usize;
            let call = Call::make(self.sip, &format!("138{number:08}"), frames, stop, &self.told);
            self.ledger.lock().unwrap().calls.push(call);
        }
        None
    }

    /// Registers and unregisters; the last answer of 200 counts.
    fn registrar(&self, stop: &AtomicBool) -> Option<()> {
        let mut registered = self.ledger.lock().unwrap().toggled.unwrap_or(false);
        while !stop.load(Ordering::Relaxed) {
            self.ledger.lock().unwrap().toggled = None;
            match self.toggled.register(if registered { 0 } else { 3_600 }, stop)? {
                200 => registered = !registered,
                503 => continue,
                status => panic!("{status} to REGISTER"),
            }
            self.ledger.lock().unwrap().toggled = Some(registered);
            std::thread::sleep(Duration::from_millis(50));
        }
        None
    }
}

fn new_case(title: &str) -> Value {
    json!({
        "channel": "call", "nature": "help", "class_code": "water.supply.pipe_burst", "urgency": "normal",
        "title": title, "narrative": "压力下的工单", "requester": { "phone": "13812348001" },
    })
}

type Work = fn(&City, &AtomicBool) -> Option<()>;

/// Runs the load until `kill`.
fn under_load(city: &Arc<City>, kill: impl FnOnce(&City) -> Place) -> Place {
    let stop = Arc::new(AtomicBool::new(false));
    city.ready.store(0, Ordering::Relaxed);
    let mut work: Vec<Work> = vec![City::order, City::message, City::registrar];
    work.extend([City::case as Work; CASE_CLIENTS]);
    work.extend([City::caller as Work; CALLERS]);
    work.extend([|c: &City, s: &AtomicBool| c.desk(0, s), |c: &City, s: &AtomicBool| c.desk(1, s)] as [Work; 2]);
    let workers: Vec<_> = work
        .into_iter()
        .map(|work| {
            let (city, stop) = (city.clone(), stop.clone());
            std::thread::spawn(move || work(&city, &stop))
        })
        .collect();
    let place = kill(city);
    stop.store(true, Ordering::Relaxed);
    for worker in workers {
        worker.join().unwrap();
    }
    place
}

/// Two of three kills come soon after the load began; the third while people talk with each other.
fn wait_for_instant(city: &City, kill: u32) {
    if kill % 3 == 2 {
        let (before, until) = (city.told.heard.load(Ordering::Relaxed), Instant::now() + Duration::from_secs(60));
        while city.told.heard.load(Ordering::Relaxed) == before {
            assert!(Instant::now() < until, "no caller ever hears an agent");
            std::thread::sleep(Duration::from_millis(5));
        }
        std::thread::sleep(pause(kill, 2, 0, 4_000));
    } else {
        std::thread::sleep(pause(kill, 2, 50, 1_400)); // the instant of the kill, not a wait for anything
    }
}

fn killed_and_killed_again(place: Place) {
    let mut centre = Peer::start("smsc.py", &["--port", "0"]);
    let port = centre.until("its port", |l| l["event"] == "listening")["port"].as_u64().unwrap();
    centre.tell(&json!({ "set": { "receipts": true } }));
    place.config(&format!(
        "[[sms.links]]\nname = \"centre\"\nprotocol = \"smpp\"\naddress = \"127.0.0.1:{port}\"\naccount = \"hub\"\n\
         secret = \"secret\"\nsource = \"1069037112345\"\nwindow = 16\nrate = 1000\n"
    ));
    let mut figures = Figures { kills: kills(), shortest: i64::MAX, ..Figures::default() };
    let mut heard_from = Vec::new();
    let mut hub = place.start();
    let city = Arc::new(City::new(&hub));
    for kill in 0..kills() {
        let begun = city.ledger.lock().unwrap().kept.len();
        let mut place = under_load(&city, |city| {
            wait_for_instant(city, kill);
            hub.kill()
        });
        if kill % 5 == 4 {
            place = place.start_and_kill(pause(kill, 3, 0, 1_500)); // in the middle of taking up what the kill left
        }
        let starting = Instant::now();
        hub = place.start();
        figures.slowest_start = figures.slowest_start.max(starting.elapsed());
        after_the_kill(&hub, &city, begun, &mut figures);
        heard_from.extend(centre.heard());
        if kill % 20 == 19 {
            eprintln!("{} kills: {figures:?}", kill + 1);
        }
    }
    everything_is_there(&city, &mut figures);
    all_messages_went(&city, &centre, heard_from, &mut figures);
    assert!(!hub.log().contains("panicked"), "a task of the hub panicked:\n{}", hub.log());
    let place = hub.kill();
    let (sound, text) = place.run(&["db", "verify"]);
    assert!(sound, "{text}");
    let ledger = city.ledger.lock().unwrap();
    let (kept, messages, orders) = (ledger.kept.len(), ledger.messages.len(), ledger.orders.len());
    eprintln!("{kept} acknowledged POSTs, {messages} messages and {orders} orders among them; {figures:#?}\n{text}");
}

/// Right after the restart: the calls, the registrations, and the last things that were acknowledged.
fn after_the_kill(hub: &Hub, city: &City, begun: usize, figures: &mut Figures) {
    let calls = std::mem::take(&mut city.ledger.lock().unwrap().calls);
    for call in calls {
        check_call(hub, city, &call, figures);
        if call.answered && !call.over {
            call.hang_up(); // whoever was cut off or is still in the call
        }
    }
    let toggled = city.ledger.lock().unwrap().toggled;
    let expected = [Some(true), Some(true), toggled];
    for (desk, phone) in city.desks.iter().zip(expected).filter_map(|(d, p)| Some((d, p?))) {
        desk.until("a registration that was acknowledged is there", |d| {
            let (status, desk) = d.call("GET", "/desk", None, None)?;
            (status == 200 && desk["phone"] == json!(phone)).then_some(())
        });
    }
    let kept = city.ledger.lock().unwrap().kept[begun..].to_vec();
    for one in kept.iter().rev().take(ASKED_AT_ONCE) {
        asked_again(city, one);
    }
}

/// The same key again gives the first answer: it is there, and nothing is doubled.
fn asked_again(city: &City, one: &Kept) {
    let (status, answer) = city.people[one.who].call("POST", &one.path, Some(&one.body), Some(&one.key)).unwrap();
    assert_eq!(
        fingerprint(status, &answer),
        one.answer,
        "{} {}: lost or another: {status} {answer}",
        one.path,
        one.key
    );
}

fn check_call(hub: &Hub, city: &City, call: &Call, figures: &mut Figures) {
    let found = city.people[0].get(&format!("/calls?q={}", call.caller));
    let found = found["items"].as_array().unwrap();
    assert!(found.len() <= 1, "{} called once: {found:?}", call.caller);
    if !call.answered {
        return;
    }
    figures.answered += 1;
    assert_eq!(found.len(), 1, "the call of {} was answered with 200 and is not there", call.caller);
    let view = city.people[0].get(&format!("/calls/{}", found[0]["id"].as_str().unwrap()));
    let is_ended = view["state"] == "ended";
    if !call.over {
        figures.cut += 1;
        figures.taken_up += usize::from(!is_ended);
        // Unless its end was on the way already, it goes on, or was ended by the kill.
        let by_kill = view["cause"] == "hub_restarted" && !view["ended_at"].is_null();
        assert!(!is_ended || by_kill || call.leaving, "{}: {view}", call.caller);
    }
    if call.heard > HEARD_FRAMES {
        let played = recording(hub, &city.people[0], &view);
        figures.recordings += 1;
        let spare = played as i64 - call.heard as i64;
        figures.shortest = figures.shortest.min(spare);
        assert!(
            played + lost_frames() >= call.heard,
            "{}: {} frames heard, {played} recorded",
            call.caller,
            call.heard
        );
    }
}

/// Plays a recording: frames of the agent on its right track.
fn recording(hub: &Hub, client: &Client, call: &Value) -> usize {
    let url = format!("http://127.0.0.1:{}/api/v1/calls/{}/recording", hub.place.http, call["id"].as_str().unwrap());
    let mut answer = ureq::get(url)
        .header("authorization", format!("Bearer {}", client.token))
        .config()
        .http_status_as_error(false)
        .build()
        .call()
        .unwrap();
    if answer.status().as_u16() != 200 {
        let subject = format!("call:{}", call["id"].as_str().unwrap());
        let told: Vec<String> =
            events(client).iter().filter(|e| e["subject"] == subject.as_str()).map(|e| format!("\n  {e}")).collect();
        panic!("a call in which people talked has no recording: {call}{}", told.concat());
    }
    let mut wav = Vec::new();
    answer.body_mut().as_reader().read_to_end(&mut wav).unwrap();
    let number = |at: usize| u32::from_le_bytes(wav[at..at + 4].try_into().unwrap()) as usize;
    assert_eq!((&wav[..4], &wav[8..16], &wav[36..40]), (&b"RIFF"[..], &b"WAVEfmt "[..], &b"data"[..]), "{call}");
    assert_eq!((number(4), number(40)), (wav.len() - 8, wav.len() - 44), "the header tells the length: {call}");
    assert_eq!((wav[22], number(24), wav[34], (wav.len() - 44) % 4), (2, 8_000, 16, 0), "two channels: {call}");
    let agent = decode_alaw(AGENT_OCTET).to_le_bytes();
    wav[44..].chunks_exact(4).filter(|sample| sample[2..] == agent).count() / 160
}

/// At the end: all that was ever acknowledged is there, once.
fn everything_is_there(city: &City, figures: &mut Figures) {
    let ledger = city.ledger.lock().unwrap();
    assert!(ledger.kept.len() > 10 && figures.answered > 0, "too little was acknowledged: the test proves nothing");
    let mut versions: BTreeMap<&str, i64> = BTreeMap::new();
    for one in &ledger.kept {
        asked_again(city, one);
        let version = versions.entry(&one.id).or_default();
        *version = one.version.max(*version);
    }
    for (id, version) in versions.into_iter().filter(|(_, version)| *version > 0) {
        let case = city.people[0].get(&format!("/cases/{id}"));
        assert!(case["version"].as_i64().unwrap() >= version, "an acknowledged step is lost: {case}");
    }
    once(&city.people[0], "/orders", "text", &ledger.orders);
    once(&city.people[0], "/messages", "text", &ledger.messages);
    let events = events(&city.people[0]);
    figures.events = events.len();
    let only_once =
        ["captured", "accepted", "assigned", "signed", "fed_back", "given", "queued", "offered", "ended", "done"];
    let mut seen = BTreeSet::new();
    for event in &events {
        let kind = event["kind"].as_str().unwrap();
        if kind == "call.taken_up" {
            // Who waited at the kill stands in the queue anew, at his old place.
            seen.remove(&("call.queued", event["subject"].to_string()));
        }
        if kind.split_once('.').is_some_and(|(domain, word)| domain != "queue" && only_once.contains(&word)) {
            let subject = event["subject"].to_string();
            assert!(seen.insert((kind, subject.clone())), "{kind} of {subject} is there twice");
        }
    }
    let sequence: Vec<i64> = events.iter().map(|e| e["seq"].as_i64().unwrap()).collect();
    assert!(sequence.is_sorted_by(|a, b| a < b), "the log's numbers grow");
}

/// Each text is in the list once, under the id that was told.
fn once(client: &Client, path: &str, field: &str, acknowledged: &BTreeMap<String, String>) {
    let (mut found, mut cursor) = (BTreeMap::<String, Vec<String>>::new(), String::new());
    loop {
        let page = client.get(&format!("{path}?limit=200{cursor}"));
        for item in page["items"].as_array().unwrap() {
            let text = item[field].as_str().unwrap_or_default().to_owned();
            found.entry(text).or_default().push(item["id"].as_str().unwrap().to_owned());
        }
        match page["next"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    for (text, id) in acknowledged {
        assert_eq!(found.get(text), Some(&vec![id.clone()]), "{path}: {text}");
    }
}

fn events(client: &Client) -> Vec<Value> {
    let (mut all, mut after) = (Vec::new(), "0".to_owned());
    loop {
        let page = client.get(&format!("/events?after={after}&limit=500"));
        all.extend(page["items"].as_array().unwrap().iter().cloned());
        match page["next"].as_str() {
            Some(next) => after = next.to_owned(),
            None => return all,
        }
    }
}

/// Each acknowledged message reaches the centre; a second time only if the kill fell between its submission and the
/// moment when the centre's answer was on disk.
fn all_messages_went(city: &City, centre: &Peer, mut heard: Vec<Value>, figures: &mut Figures) {
    let messages = city.ledger.lock().unwrap().messages.clone();
    let (mut missing, mut until): (BTreeSet<&String>, _) = (messages.keys().collect(), Instant::now() + SILENCE);
    let mut seen = 0;
    loop {
        if heard.len() > seen {
            until = Instant::now() + SILENCE;
            for text in heard[seen..].iter().filter_map(|l| l["text"].as_str()) {
                missing.remove(&text.to_owned());
            }
            seen = heard.len();
        }
        if missing.is_empty() {
            break;
        }
        assert!(Instant::now() < until, "{} acknowledged messages never went out: {missing:?}", missing.len());
        std::thread::sleep(Duration::from_millis(500));
        heard.extend(centre.heard());
    }
    // Messages by session, a long one by its first segment; the last of each may have been on their way.
    let begins = |l: &&Value| l["event"] == "submit" && (l["udh"].is_null() || l["udh"]["index"] == 1);
    let sessions: Vec<Vec<&str>> = heard
        .split(|l| l["event"] == "bind")
        .map(|s| s.iter().filter(begins).filter_map(|l| l["text"].as_str()).collect())
        .collect();
    figures.submits = sessions.iter().map(Vec::len).sum();
    let (mut first, mut twice): (BTreeMap<&str, (usize, usize)>, _) = (BTreeMap::new(), BTreeSet::new());
    for (session, texts) in sessions.iter().enumerate() {
        for (place, text) in texts.iter().enumerate().filter(|(_, text)| messages.contains_key(**text)) {
            if let Some((before, at)) = first.insert(text, (session, place)) {
                figures.twice += 1;
                twice.insert(*text);
                assert_ne!(before, session, "{text} was submitted twice by one hub");
                let after = sessions[before].len() - at;
                assert!(after <= IN_FLIGHT, "{text} was submitted again, {after} submits before the kill");
            }
        }
    }
    let marked: BTreeSet<String> = (events(&city.people[0]).iter())
        .filter(|e| e["kind"] == "message.submitted" && e["body"]["again"] == true)
        .filter_map(|e| e["body"]["message"].as_str().map(str::to_owned))
        .collect();
    for text in twice {
        assert!(marked.contains(&messages[text]), "{text} went out twice and nothing says so");
    }
    for id in messages.values() {
        city.people[0].until("a message has its outcome", |c| {
            matches!(c.get(&format!("/messages/{id}"))["state"].as_str(), Some("submitted" | "delivered")).then_some(())
        });
    }
}

#[test]
fn nothing_acknowledged_is_lost_on_sqlite() {
    killed_and_killed_again(Place::new());
}

#[test]
fn nothing_acknowledged_is_lost_on_postgres() {
    let Some(server) = std::env::var("LIANDONG_TEST_POSTGRES").ok().filter(|s| !s.is_empty()) else {
        eprintln!("skipped: LIANDONG_TEST_POSTGRES names no server (make test starts one)");
        return;
    };
    let schema = format!("kills{}", std::process::id());
    let made = std::process::Command::new("psql").args([&server, "-qc", &format!("CREATE SCHEMA {schema}")]).status();
    assert!(made.unwrap().success(), "psql is there with the server's package");
    let url = format!("{server}?options=-c%20search_path%3D{schema}");
    killed_and_killed_again(Place::new().with("LIANDONG_STORE__URL", url));
}
