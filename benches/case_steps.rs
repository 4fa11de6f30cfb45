//! Acknowledged case steps per second: 64 clients capture and accept cases on SQLite with fsync; each step is answered
//! after its commit. Beside it, the floor: empty commits of the same store one after the other.
#![allow(clippy::unwrap_used)]

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use liandong::access::{Action, Actor, CommandError};
use liandong::cases::engine::{Act, CaptureBody};
use liandong::cases::ports::{DutyList, Proposal, Units};
use liandong::cases::{Cases, NumberBlock, Parts, Wish};
use liandong::events::cases::{Area, UnitRef};
use liandong::ids::{OrgPath, Point, SystemIds, UnitId};
use liandong::log::{self, Vault};
use liandong::store::{Store, StoreError};

const CLIENTS: usize = 64;

struct OneUnit;

fn unit() -> UnitRef {
    UnitRef { id: UnitId(uuid::Uuid::from_u128(1)), path: OrgPath::root().child("zz"), name: "市热线".into() }
}

impl Units for OneUnit {
    fn unit(&self, _: UnitId) -> Option<UnitRef> {
        Some(unit())
    }
    fn superior_of(&self, _: UnitId) -> Option<UnitRef> {
        None
    }
    fn front_desk(&self) -> Option<UnitRef> {
        Some(unit())
    }
    fn area_of(&self, _: Point) -> Option<Area> {
        None
    }
}

impl DutyList for OneUnit {
    fn lead_for(&self, _: &str, _: Option<&Area>) -> Option<Proposal> {
        None
    }
}

fn actor() -> Actor {
    use liandong::access::{Grant, Origin, Scope, Seat, Sensitivity};
    let grants =
        Action::ALL.iter().map(|a| Grant { action: *a, scope: Scope::Subtree, ceiling: Sensitivity::Internal });
    let seat = Seat {
        person: liandong::ids::PersonId(uuid::Uuid::from_u128(2)),
        post: liandong::ids::PostId(uuid::Uuid::from_u128(3)),
        unit: unit().id,
        unit_path: unit().path,
        unit_name: unit().name,
        name: "负载".into(),
        user: "load".into(),
        grants: grants.collect(),
    };
    Actor::person(seat, Origin::default())
}

/// CPU time of this process, user and system.
fn cpu() -> Duration {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
    let ticks: u64 = fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap();
    Duration::from_millis(ticks * 10) // USER_HZ is 100 on Linux
}

#[tokio::main]
async fn main() {
    let seconds = std::env::args().filter_map(|a| a.parse().ok()).next().unwrap_or(10);
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite://{}", folder.path().join("hub.db").display());
    let store = Store::open(&url, &[log::MIGRATIONS, liandong::cases::MIGRATIONS], Box::new(SystemIds)).await.unwrap();
    let vault = Vault::new([7; 32]);
    let (units, duty) = (Arc::new(OneUnit), Arc::new(OneUnit));
    let parts = Parts { site: "zz".into(), vault, units, duty, block: NumberBlock::default() };
    let cases = Cases::open(&store, parts).await.unwrap();

    let floor = floor(&store).await;
    let done = Arc::new(AtomicU64::new(0));
    let (began, cpu_before) = (Instant::now(), cpu());
    let until = began + Duration::from_secs(seconds);
    let clients = (0..CLIENTS).map(|_| tokio::spawn(client(store.clone(), cases.clone(), until, done.clone())));
    futures_util::future::join_all(clients).await;
    let (wall, used) = (began.elapsed(), cpu() - cpu_before);
    let steps = done.load(Ordering::Relaxed);
    println!(
        "{steps} steps in {wall:.1?}: {:.0}/s, {:.0} µs CPU each; floor: {floor:.0} empty commits/s one at a time",
        steps as f64 / wall.as_secs_f64(),
        used.as_micros() as f64 / steps as f64,
    );
}

async fn floor(store: &Store) -> f64 {
    let (began, mut commits) = (Instant::now(), 0);
    while began.elapsed() < Duration::from_secs(1) {
        let written: Result<(), StoreError> = store
            .write(|tx| {
                Box::pin(async move { log::set_timer(tx, "bench", "floor", liandong::ids::Timestamp(0), "").await })
            })
            .await;
        written.unwrap();
        commits += 1;
    }
    f64::from(commits) / began.elapsed().as_secs_f64()
}

async fn client(store: Store, cases: Cases, until: Instant, done: Arc<AtomicU64>) {
    let actor = actor();
    while Instant::now() < until {
        let body: CaptureBody = serde_json::from_value(serde_json::json!({
            "channel": "call", "nature": "help", "class_code": "other.other", "urgency": "normal",
            "title": "路灯不亮", "narrative": "路口东侧路灯三天不亮", "requester": { "name": "王先生", "phone": "13812348001" },
        }))
        .unwrap();
        let (captures, by) = (cases.clone(), actor.clone());
        let case =
            store.write(move |tx| Box::pin(async move { captures.capture(tx, &by, &body, None).await })).await.unwrap();
        let (steps, by) = (cases.clone(), actor.clone());
        let stepped: Result<_, CommandError> = store
            .write(move |tx| {
                Box::pin(
                    async move { steps.act(tx, &by, case.id, Act::Accept(Default::default()), Wish::default()).await },
                )
            })
            .await;
        stepped.unwrap();
        done.fetch_add(2, Ordering::Relaxed);
    }
}
