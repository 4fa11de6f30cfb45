//! kill -9 at random instants under load: nothing acknowledged is lost or doubled, and the chain verifies.
//!
//! `LIANDONG_KILLS` sets how many times (default 6; the acceptance run uses 200). On SQLite always, on PostgreSQL when
//! `LIANDONG_TEST_POSTGRES` names a server.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};

use super::harness::{Client, Hub, Place};

/// Clients that work at the same time.
const CLIENTS: usize = 4;

fn kills() -> u32 {
    std::env::var("LIANDONG_KILLS").ok().and_then(|k| k.parse().ok()).unwrap_or(6)
}

/// What was acknowledged: the client's key and the id that it got.
type Ledger = Arc<Mutex<BTreeMap<String, String>>>;

fn new_case(title: &str) -> Value {
    json!({
        "channel": "call", "nature": "help", "class_code": "other.other", "urgency": "normal",
        "title": title, "narrative": "压力下的工单", "requester": { "phone": "13812348001" },
    })
}

/// Opens cases and steps them on until the hub is gone; writes down what was acknowledged.
fn work(client: Client, prefix: String, counter: Arc<AtomicU32>, stop: Arc<AtomicBool>, ledger: Ledger) {
    while !stop.load(Ordering::Relaxed) {
        let key = format!("{prefix}-{}", counter.fetch_add(1, Ordering::Relaxed));
        let Some((status, answer)) = client.call("POST", "/cases", Some(&new_case(&key)), Some(&key)) else { return };
        if status == 503 {
            return;
        }
        assert_eq!(status, 201, "{answer}");
        let id = answer["id"].as_str().unwrap().to_owned();
        ledger.lock().unwrap().insert(key.clone(), id.clone());
        let accepted = format!("{key}/accept");
        match client.call("POST", &format!("/cases/{id}/accept"), Some(&json!({})), Some(&accepted)) {
            Some((200, _)) => drop(ledger.lock().unwrap().insert(accepted, id)),
            Some((503, _)) | None => return,
            Some((status, answer)) => panic!("{status} {answer}"),
        }
    }
}

/// SplitMix64 over the kill's number: the instants differ, and are the same at every run.
fn pause(kill: u32) -> Duration {
    let mut z = u64::from(kill).wrapping_add(1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    Duration::from_millis(50 + (z >> 40) % 700)
}

fn killed_and_killed_again(mut place: Place) {
    let ledger: Ledger = Arc::default();
    let counter = Arc::new(AtomicU32::new(0));
    for kill in 0..kills() {
        let hub = place.start();
        let client = hub.sign_in("dispatcher1");
        let stop = Arc::new(AtomicBool::new(false));
        let workers: Vec<_> = (0..CLIENTS)
            .map(|n| {
                let (client, counter, stop, ledger) = (client.clone(), counter.clone(), stop.clone(), ledger.clone());
                std::thread::spawn(move || work(client, format!("k{kill}c{n}"), counter, stop, ledger))
            })
            .collect();
        std::thread::sleep(pause(kill)); // the instant of the kill, not a wait for anything
        place = hub.kill();
        stop.store(true, Ordering::Relaxed);
        workers.into_iter().for_each(|w| w.join().unwrap());
    }
    let hub = place.start();
    verify(&hub, &ledger.lock().unwrap());
    let place = hub.kill();
    let (sound, text) = place.run(&["db", "verify"]);
    assert!(sound, "{text}");
}

fn verify(hub: &Hub, ledger: &BTreeMap<String, String>) {
    assert!(!ledger.is_empty(), "nothing was acknowledged: the test proves nothing");
    let client = hub.sign_in("dispatcher1");
    for (key, id) in ledger {
        let case = client.get(&format!("/cases/{id}"));
        let node = case["node"].as_str().unwrap();
        if key.ends_with("/accept") {
            assert_eq!(node, "to_dispatch", "{key}: an acknowledged step is lost");
            continue;
        }
        assert_eq!(case["title"], key.as_str());
        // The same key again is the same case: nothing is doubled.
        let (status, again) = client.call("POST", "/cases", Some(&new_case(key)), Some(key)).unwrap();
        assert_eq!((status, &again["id"]), (201, &Value::String(id.clone())), "{key}");
    }
    let created = client_events(&client).into_iter().filter(|e| e["kind"] == "case.captured").count();
    let acknowledged = ledger.keys().filter(|k| !k.ends_with("/accept")).count();
    assert!(created >= acknowledged, "{created} captured events for {acknowledged} acknowledged cases");
    assert!(created <= acknowledged + CLIENTS * kills() as usize, "a case was made twice");
}

fn client_events(client: &Client) -> Vec<Value> {
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
