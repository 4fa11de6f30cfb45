//! Case steps over the whole way: HTTP, rights, idempotency, decision, log, commit with fsync, answer.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::hub::Hub;
use super::table::Table;

/// Clients that work at the same time.
const CLIENTS: usize = 64;
/// Steps before the counting, so that caches and statements are warm.
const WARM: Duration = Duration::from_secs(1);

/// A citizen's matter; each has another caller, as in life.
pub fn new_case(n: u64) -> Value {
    json!({
        "channel": "call", "nature": "help", "class_code": "other.other", "urgency": "normal",
        "title": "路灯不亮", "narrative": "路口东侧路灯三天不亮",
        "requester": { "name": "王先生", "phone": format!("138{n:08}") },
    })
}

pub async fn measure(hub: &Hub, seconds: u64, table: &mut Table) {
    let token = hub.sign_in("dispatcher1").await;
    let counted = Arc::new(AtomicU64::new(0));
    let until = Instant::now() + WARM + Duration::from_secs(seconds);
    let clients: Vec<_> = (0..CLIENTS as u64)
        .map(|n| (hub.place.http, token.clone(), n, until, counted.clone()))
        .map(|(http, token, n, until, counted)| tokio::spawn(client(http, token, n, until, counted)))
        .collect();
    tokio::time::sleep(WARM).await;
    let (before, from, commits) = (counted.load(Ordering::Relaxed), hub.used(), commits(hub).await);
    tokio::time::sleep_until(until.into()).await;
    let (after, to, committed) = (counted.load(Ordering::Relaxed), hub.used(), self::commits(hub).await);
    for client in clients {
        client.await.unwrap();
    }
    let steps = (after - before) as f64;
    let (cpu, wall) = from.until(to);
    let (rate, each) = (steps / wall.as_secs_f64(), cpu.as_secs_f64() * 1e6 / steps);
    let groups = committed - commits;
    println!(
        "{steps} steps in {wall:.1?} at {CLIENTS} clients: {rate:.0}/s; {each:.0} µs CPU of the hub each; {groups} commits, \
         {:.0}/s, {:.1} steps in each",
        groups / wall.as_secs_f64(),
        steps / groups.max(1.0),
    );
    table.row("case steps over HTTP, 64 clients, SQLite with fsync", "≥ 2000/s", format!("{rate:.0}/s"));
    table.row("  CPU for each", "", format!("{each:.0} µs ({:.0}/s for each CPU second)", 1e6 / each));
    table.row(
        "  fsync groups",
        "",
        format!("{:.0}/s of {:.1} steps", groups / wall.as_secs_f64(), steps / groups.max(1.0)),
    );
}

async fn commits(hub: &Hub) -> f64 {
    super::metric(hub, "liandong_store_commits_total").await
}

async fn client(http: u16, token: String, n: u64, until: Instant, counted: Arc<AtomicU64>) {
    let mut http = super::http::Http::connect(http).await.unwrap().with(&token);
    let mut case = n * 100_000;
    while Instant::now() < until {
        case += 1;
        let key = format!("bench-{case}");
        let (status, answer) = http.call("POST", "/cases", Some(&new_case(case)), Some(&key)).await.unwrap();
        assert_eq!(status, 201, "{answer}");
        counted.fetch_add(1, Ordering::Relaxed);
        let path = format!("/cases/{}/accept", answer["id"].as_str().unwrap());
        let (status, answer) = http.call("POST", &path, Some(&json!({})), Some(&format!("{key}-a"))).await.unwrap();
        assert_eq!(status, 200, "{answer}");
        counted.fetch_add(1, Ordering::Relaxed);
    }
}
