//! The whole hub under load: the release binary with the demo city, worked on from outside over its own sockets, and the
//! processor time and memory that it uses, as the kernel counts them.
//!
//! `cargo bench --bench load [-- steps|calls|memory|consoles|phones …]`: all parts without a name. Nothing is asserted
//! about speed.
#![allow(clippy::unwrap_used)]

mod calls;
mod consoles;
mod http;
mod hub;
mod phones;
mod sip;
mod steps;
mod table;

use std::time::{Duration, Instant};

use hub::{Hub, Place};
use table::Table;

/// How long each counted load lasts, seconds.
const SECONDS: u64 = 10;

#[tokio::main]
async fn main() {
    let asked: Vec<String> = std::env::args().skip(1).filter(|a| !a.starts_with('-')).collect();
    if asked == ["table"] {
        return table::print();
    }
    let wants = |part: &str| asked.is_empty() || asked.iter().any(|a| a == part);
    let mut table = Table::default();
    let begun = Instant::now();
    let hub = Place::new().start().await;
    let used = hub.used().cpu;
    let took = begun.elapsed();
    println!("demo city made and served after {took:.1?}, {used:.1?} CPU, {:.0} MiB resident", hub.resident() / 1024.0);
    table.row(
        "demo city made and served",
        "< 10 s",
        format!("{:.1} s ({:.1} s CPU)", took.as_secs_f64(), used.as_secs_f64()),
    );
    if std::env::var_os("BENCH_PID").is_some() {
        println!("process {}", hub.id());
    }
    let ends = calls::Ends::open(hub.place.outside).await;
    if wants("calls") {
        calls::set_ups(&hub, &ends, SECONDS, &mut table).await;
    }
    if wants("memory") {
        calls::memory(&hub, &ends, &mut table).await;
    }
    if wants("consoles") {
        consoles::measure(&hub, 2 * SECONDS, &mut table).await;
    }
    if wants("steps") {
        steps::measure(&hub, SECONDS, &mut table).await;
    }
    drop(hub);
    if wants("phones") {
        phones::measure(&phones::city().await, &mut table).await;
    }
    table.keep();
}

/// Waits until the hub rests: what was asked of it is done, followers and outbox included.
async fn quiet(hub: &Hub) {
    const REST: Duration = Duration::from_millis(500);
    const PATIENCE: u32 = 60;
    for _ in 0..PATIENCE {
        let from = hub.used();
        tokio::time::sleep(REST).await;
        if from.until(hub.used()).0 < REST / 20 {
            return;
        }
    }
}

/// The sum of a counter in `/metrics`.
async fn metric(hub: &Hub, name: &str) -> f64 {
    let (_, page) = hub.client("").await.ask("GET", "/metrics", "", None).await.unwrap();
    let page = String::from_utf8_lossy(&page).into_owned();
    let values = page.lines().filter(|l| l.starts_with(name)).filter_map(|l| l.rsplit(' ').next()?.parse::<f64>().ok());
    values.sum()
}
