//! Event to screen: open consoles that follow the events socket and ask again what an event touches, as the web console
//! does, while cases are worked on.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use futures_util::StreamExt;
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;

use super::hub::Hub;
use super::steps::new_case;
use super::table::{Table, quantile};

/// Consoles open.
const CONSOLES: usize = 200;
/// Accounts behind them, in turn.
const USERS: [&str; 8] = ["agent1", "agent2", "agent3", "lead1", "dispatcher1", "officer1", "county1", "water1"];
/// The page a console shows: what it asks anew when a case has changed (`web/src/live/patch.ts`).
const PAGES: [&[&str]; 2] = [&["/desk", "/cases/counts"], &["/cases?limit=50", "/cases/counts"]];
/// The console's gathering time, `GATHER_MS` of the same file; its lists' rest is shorter than the time between two steps.
const GATHER: Duration = Duration::from_millis(60);
/// Case steps a second: two hundred people who finish a case of three steps every two minutes.
const STEPS: u64 = 5;
/// Cases that are there before, so that lists and counts have something to go through.
const CASES: u64 = 3_000;
/// Clients that make them.
const FILLERS: u64 = 16;

/// When each case's event was asked for and answered.
#[derive(Default)]
struct Clock {
    sent: HashMap<String, Instant>,
    answered: HashMap<String, Instant>,
}

#[derive(Default)]
struct Heard {
    /// ms from the request that caused it until it was at a console.
    socket: Vec<f64>,
    /// ms from its answer until it was at a console.
    answer: Vec<f64>,
    /// ms from the request until a console had asked again and had the answers.
    screen: Vec<f64>,
}

pub async fn measure(hub: &Hub, seconds: u64, table: &mut Table) {
    let token = hub.sign_in("dispatcher1").await;
    let mut poster = hub.client(&token).await;
    fill(hub, &token).await;
    let mut tokens = Vec::new();
    for user in USERS {
        tokens.push(hub.sign_in(user).await);
    }
    super::quiet(hub).await;
    let before = hub.resident();
    let (clock, heard) = (Arc::new(Mutex::new(Clock::default())), Arc::new(Mutex::new(Heard::default())));
    let (asked, got) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
    let mut consoles = Vec::new();
    for n in 0..CONSOLES {
        let console = Console {
            http: hub.place.http,
            token: tokens[n % USERS.len()].clone(),
            page: PAGES[n % PAGES.len()],
            clock: clock.clone(),
            heard: heard.clone(),
            asked: asked.clone(),
            got: got.clone(),
        };
        consoles.push(tokio::spawn(console.open().await));
    }
    super::quiet(hub).await;
    let memory = (hub.resident() - before) / CONSOLES as f64;
    let from = hub.used();
    let mut beat = tokio::time::interval(Duration::from_nanos(1_000_000_000 / STEPS));
    let steps = seconds * STEPS;
    let mut open: Vec<String> = Vec::new();
    for n in 0..steps {
        beat.tick().await;
        let sent = Instant::now();
        let (path, body) = match open.pop() {
            Some(case) => (format!("/cases/{case}/accept"), json!({})),
            None => ("/cases".to_owned(), new_case(60_000_000 + n)),
        };
        let (status, answer) = poster.call("POST", &path, Some(&body), None).await.unwrap();
        assert!(status < 300, "{answer}");
        let case = answer["id"].as_str().unwrap().to_owned();
        let key = if path == "/cases" { format!("{case} case.captured") } else { format!("{case} case.accepted") };
        if path == "/cases" {
            open.push(case);
        }
        let mut clock = clock.lock().unwrap();
        clock.sent.insert(key.clone(), sent);
        clock.answered.insert(key, Instant::now());
    }
    tokio::time::sleep(Duration::from_secs(1)).await;
    let (cpu, wall) = from.until(hub.used());
    consoles.iter().for_each(tokio::task::JoinHandle::abort);
    let mut heard = std::mem::take(&mut *heard.lock().unwrap());
    let (asked, got) = (asked.load(Ordering::Relaxed) as f64, got.load(Ordering::Relaxed) as f64);
    let three = |values: &mut Vec<f64>| {
        format!("{:.0} / {:.0} / {:.0} ms", quantile(values, 0.5), quantile(values, 0.95), quantile(values, 1.0))
    };
    let (socket, answer, screen) = (three(&mut heard.socket), three(&mut heard.answer), three(&mut heard.screen));
    let load = cpu.as_secs_f64() / wall.as_secs_f64();
    println!(
        "{CONSOLES} consoles, {STEPS} case steps/s: {got} events received ({} timed), {asked} questions asked again; \
         from the request to the console {socket}, from its answer {answer}, to the answered screen {screen} \
         (median / 95 % / greatest); the hub used {:.0} % of a core, {:.0} µs for each event at each console with all it \
         asked; {memory:.0} KiB for each console",
        heard.socket.len(),
        load * 100.0,
        cpu.as_secs_f64() * 1e6 / got,
    );
    table.row("event at 200 consoles, from the request that caused it", "", socket);
    table.row("event on screen at 200 consoles (60 ms gathering, asked again)", "≤ 100 ms", screen);
    table.row(
        "  the hub meanwhile; for each event at each console",
        "",
        format!("{:.0} % of a core; {:.0} µs", load * 100.0, cpu.as_secs_f64() * 1e6 / got),
    );
    table.row("  memory of a console", "", format!("{memory:.0} KiB"));
}

/// Cases of nobody: their citizens are not told, so that only what is measured goes on.
async fn fill(hub: &Hub, token: &str) {
    let clients = (0..FILLERS).map(|client| async move {
        let mut http = hub.client(token).await;
        for n in 0..CASES / FILLERS {
            let mut case = new_case(50_000_000 + client * CASES + n);
            case["requester"] = Value::Null;
            let (status, answer) = http.call("POST", "/cases", Some(&case), None).await.unwrap();
            assert_eq!(status, 201, "{answer}");
        }
    });
    futures_util::future::join_all(clients).await;
}

struct Console {
    http: u16,
    token: String,
    page: &'static [&'static str],
    clock: Arc<Mutex<Clock>>,
    heard: Arc<Mutex<Heard>>,
    asked: Arc<AtomicU64>,
    got: Arc<AtomicU64>,
}

impl Console {
    /// Opens the socket and returns what then follows it.
    async fn open(self) -> impl Future<Output = ()> + Send + 'static {
        let mut request = format!("ws://127.0.0.1:{}/api/v1/events", self.http).into_client_request().unwrap();
        request.headers_mut().insert("Authorization", format!("Bearer {}", self.token).parse().unwrap());
        let (mut socket, _) = tokio_tungstenite::connect_async(request).await.unwrap();
        let (touched, touches) = mpsc::unbounded_channel();
        let console = Arc::new(self);
        tokio::spawn(console.clone().ask_again(touches));
        async move {
            while let Some(Ok(message)) = socket.next().await {
                if let Message::Text(text) = message {
                    console.see(&text, Instant::now(), &touched);
                }
            }
        }
    }

    fn see(self: &Arc<Self>, text: &str, at: Instant, touched: &mpsc::UnboundedSender<(String, Instant)>) {
        self.got.fetch_add(1, Ordering::Relaxed);
        let event: Value = serde_json::from_str(text).unwrap();
        let kind = event["kind"].as_str().unwrap_or_default();
        if kind == "case.captured" || kind == "case.accepted" {
            let case = event["subject"].as_str().unwrap_or_default().rsplit(':').next().unwrap_or_default();
            let _ = touched.send((format!("{case} {kind}"), at));
        }
    }

    /// Gathers, asks again, and notes how long it took.
    async fn ask_again(self: Arc<Self>, mut touches: mpsc::UnboundedReceiver<(String, Instant)>) {
        let mut http = super::http::Http::connect(self.http).await.unwrap().with(&self.token);
        while let Some(first) = touches.recv().await {
            tokio::time::sleep_until((first.1 + GATHER).into()).await;
            let mut gathered = vec![first];
            while let Ok(more) = touches.try_recv() {
                gathered.push(more);
            }
            for path in self.page {
                let (status, _) = http.ask("GET", &format!("/api/v1{path}"), "", None).await.unwrap();
                assert!(status == 200 || status == 403, "{path}: {status}");
                self.asked.fetch_add(1, Ordering::Relaxed);
            }
            self.note(&gathered, Instant::now());
        }
    }

    fn note(&self, gathered: &[(String, Instant)], shown: Instant) {
        let (clock, mut heard) = (self.clock.lock().unwrap(), self.heard.lock().unwrap());
        for (key, at) in gathered {
            let (Some(sent), Some(answered)) = (clock.sent.get(key), clock.answered.get(key)) else { continue };
            heard.socket.push((*at - *sent).as_secs_f64() * 1e3);
            heard.answer.push(at.saturating_duration_since(*answered).as_secs_f64() * 1e3);
            heard.screen.push((shown - *sent).as_secs_f64() * 1e3);
        }
    }
}
