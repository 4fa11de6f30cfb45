//! The foreign centre `tests/peers/smsc.py` as a child process, and helpers that read like sentences.
#![allow(clippy::unwrap_used, dead_code, unreachable_pub)]

use liandong_sms::link::{Link, LinkEvent, OutMessage, SmppConfig, SmppLink};
use liandong_sms::session::lanes::Lane;
use serde_json::{Value, json};
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::sync::mpsc::Receiver;

/// A hung test ends here; nothing waits for it otherwise.
pub const LONG: Duration = Duration::from_secs(20);

pub struct Centre {
    child: Child,
    commands: ChildStdin,
    lines: Lines<BufReader<ChildStdout>>,
    pub port: u64,
}

/// `None`, with a line that says so, where there is no python3.
pub async fn centre() -> Option<Centre> {
    centre_on(0).await
}

pub async fn centre_on(port: u64) -> Option<Centre> {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/peers/smsc.py");
    let spawned = Command::new("python3")
        .args([script, "--port", &port.to_string()])
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .kill_on_drop(true)
        .spawn();
    let mut child = match spawned {
        Ok(child) => child,
        Err(error) => {
            eprintln!("skipped: the foreign centre needs python3 ({error})");
            return None;
        }
    };
    let commands = child.stdin.take().unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut centre = Centre { child, commands, lines, port: 0 };
    centre.port = centre.hears("listening").await["port"].as_u64().unwrap();
    Some(centre)
}

impl Centre {
    pub async fn tell(&mut self, command: Value) {
        self.commands.write_all(format!("{command}\n").as_bytes()).await.unwrap();
    }

    pub async fn set(&mut self, knobs: Value) {
        self.tell(json!({ "set": knobs })).await;
    }

    /// The next event of this kind; others are skipped.
    pub async fn hears(&mut self, kind: &str) -> Value {
        loop {
            let line = tokio::time::timeout(LONG, self.lines.next_line()).await;
            let line = line.unwrap_or_else(|_| panic!("the centre heard no {kind}")).unwrap();
            let event: Value = serde_json::from_str(&line.expect("the centre ended")).unwrap();
            assert_ne!(event["event"], "bad", "{event}");
            if event["event"] == kind {
                return event;
            }
        }
    }

    pub fn config(&self) -> SmppConfig {
        let mut config = SmppConfig {
            name: "test".into(),
            address: format!("127.0.0.1:{}", self.port),
            account: "ld01".into(),
            secret: liandong_sms::link::Secret("pw123456".into()),
            source: "1069037100".into(),
            rate: 10_000,
            queue: 1_000,
            ..SmppConfig::default()
        };
        config.timers.backoff.first = Duration::from_millis(20);
        config.timers.backoff.most = Duration::from_millis(100);
        config
    }

    pub async fn end(mut self) {
        self.child.kill().await.unwrap();
    }
}

pub async fn up(config: SmppConfig) -> (SmppLink, Receiver<LinkEvent>) {
    let (link, mut events) = SmppLink::start(config, 1).unwrap();
    until(&mut events, |event| matches!(event, LinkEvent::LinkUp)).await;
    (link, events)
}

pub fn message(key: &str, text: &str) -> OutMessage {
    OutMessage {
        key: key.into(),
        to: "13800138000".into(),
        from_ext: "01".into(),
        text: text.into(),
        lane: Lane::Reminder,
        validity: None,
        want_receipt: true,
    }
}

/// The next event; receipts and messages must be acknowledged by the test.
pub async fn next(events: &mut Receiver<LinkEvent>) -> LinkEvent {
    tokio::time::timeout(LONG, events.recv()).await.expect("no event came").expect("the link ended")
}

pub async fn until(events: &mut Receiver<LinkEvent>, want: impl Fn(&LinkEvent) -> bool) -> LinkEvent {
    loop {
        let event = next(events).await;
        if want(&event) {
            return event;
        }
    }
}

pub async fn send(link: &dyn Link, key: &str, text: &str) {
    link.submit(message(key, text)).await.unwrap();
}
