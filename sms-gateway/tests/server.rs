//! The departments' SMPP server: against our own client link, and against smpplib, which shares no code with it.
#![allow(clippy::unwrap_used)]

mod centre;

use centre::{LONG, next, send, until, up};
use futures_util::future::BoxFuture;
use liandong_sms::link::{
    BindCheck, ClientSubmit, DeliverError, Link, LinkEvent, Secret, ServerConfig, ServerEvent, SmppConfig, SmppLink,
    SmppServer, ToClient,
};
use liandong_sms::pdu::{Class, Status};
use liandong_sms::receipt::State;
use liandong_sms::session::client::ClientTimers;
use liandong_sms::session::server::{AccountLimits, BindRequest};
use liandong_sms::text::{Decoding, Joined, Joiner};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::sync::mpsc::Receiver;

struct OneAccount(AccountLimits);

impl BindCheck for OneAccount {
    fn check(&self, request: BindRequest, peer: IpAddr) -> BoxFuture<'_, Result<AccountLimits, Status>> {
        assert!(peer.is_loopback());
        let good = request.system_id == "esme1" && request.password == "secret08";
        let limits = self.0;
        Box::pin(async move { if good { Ok(limits) } else { Err(Status::RINVPASWD) } })
    }
}

async fn server(limits: AccountLimits) -> (SmppServer, Receiver<ServerEvent>) {
    let config = ServerConfig { listen: "127.0.0.1:0".into(), ..ServerConfig::default() };
    SmppServer::start(config, Arc::new(OneAccount(limits))).await.unwrap()
}

fn client_of(server: &SmppServer, secret: &str) -> SmppConfig {
    let mut timers = ClientTimers::default();
    timers.backoff.first = Duration::from_millis(20);
    SmppConfig {
        name: "department".into(),
        address: server.address().to_string(),
        account: "esme1".into(),
        secret: Secret(secret.into()),
        source: "106903710009".into(),
        rate: 1_000,
        timers,
        ..SmppConfig::default()
    }
}

async fn heard(events: &mut Receiver<ServerEvent>) -> ServerEvent {
    tokio::time::timeout(LONG, events.recv()).await.expect("the server says nothing").expect("the server ended")
}

async fn submit(events: &mut Receiver<ServerEvent>) -> (ClientSubmit, liandong_sms::link::SubmitAck) {
    loop {
        if let ServerEvent::Submit { submit, ack } = heard(events).await {
            return (submit, ack);
        }
    }
}

fn receipt(id: &str) -> ToClient {
    ToClient::Receipt {
        id: id.into(),
        phone: "8613800138000".into(),
        sender: "10690371000901".into(),
        state: State::Delivered,
        error: 0,
        submitted: SystemTime::UNIX_EPOCH,
        done: SystemTime::UNIX_EPOCH + Duration::from_secs(60),
    }
}

#[tokio::test]
async fn accepted_when_durable_refused_when_not_and_receipted_when_done() {
    let (server, mut events) = server(AccountLimits::default()).await;
    let (link, mut client) = up(client_of(&server, "secret08")).await;
    assert!(matches!(heard(&mut events).await, ServerEvent::Bound { account, receives: true } if account == "esme1"));
    send(&link, "m1", "停水通知").await;
    let (asked, ack) = submit(&mut events).await;
    assert_eq!(
        (asked.text.as_str(), asked.to.as_str(), asked.from.as_str()),
        ("停水通知", "13800138000", "10690371000901")
    );
    assert!(asked.want_receipt && asked.part.is_none());
    ack.accept("ld-1");
    let LinkEvent::Submitted { smsc_id, .. } = next(&mut client).await else { panic!() };
    assert_eq!(smsc_id, "ld-1");
    let (delivered, event) = tokio::join!(server.deliver("esme1", receipt("ld-1")), async {
        let LinkEvent::Receipt { matched, ack, raw, .. } = next(&mut client).await else { panic!() };
        ack.accept();
        (matched.unwrap().key, raw)
    });
    assert_eq!((delivered, event.0.as_str()), (Ok(()), "m1"));
    assert!(event.1.contains("submit date:7001010800 done date:7001010801 stat:DELIVRD err:000"), "{}", event.1);
    send(&link, "m2", "x").await;
    submit(&mut events).await.1.refuse(Status::RMSGQFUL);
    assert!(matches!(next(&mut client).await, LinkEvent::Refused { class: Class::Temporary, .. }));
    send(&link, "m3", "x").await;
    drop(submit(&mut events).await);
    assert!(
        matches!(next(&mut client).await, LinkEvent::Refused { status: 0x08, .. }),
        "a lost answer is no acceptance"
    );
    link.close().await;
    assert!(matches!(heard(&mut events).await, ServerEvent::Unbound { .. }));
    assert_eq!(server.deliver("esme1", receipt("ld-1")).await, Err(DeliverError::NotBound));
}

#[tokio::test]
async fn a_wrong_password_is_refused_and_no_event_is_made() {
    let (server, mut events) = server(AccountLimits::default()).await;
    let (_link, mut client) = SmppLink::start(client_of(&server, "wrong"), 1).unwrap();
    assert!(matches!(next(&mut client).await, LinkEvent::LinkDown { reason } if reason.contains("0x0e")));
    drop(server);
    assert!(events.recv().await.is_none());
}

#[tokio::test]
async fn long_submits_come_in_parts_that_join() {
    let (server, mut events) = server(AccountLimits::default()).await;
    let (link, _client) = up(client_of(&server, "secret08")).await;
    let text = "全市防汛应急响应提升至二级。".repeat(12);
    send(&link, "long", &text).await;
    let mut joiner = Joiner::new(Decoding::Gsm);
    for number in 1.. {
        let (asked, ack) = submit(&mut events).await;
        ack.accept(format!("ld-{number}"));
        let part = asked.part.unwrap();
        if let Joined::Whole(joined) =
            joiner.push(&part.from, &part.to, part.place, part.data_coding, &part.octets, Instant::now())
        {
            assert_eq!((joined, number), (text, 3));
            break;
        }
    }
}

#[tokio::test]
async fn long_messages_of_phones_reach_the_client_whole() {
    let (server, _events) = server(AccountLimits::default()).await;
    let (_link, mut client) = up(client_of(&server, "secret08")).await;
    let text = "井盖破损".repeat(40);
    let what = ToClient::Message { from: "8613800138000".into(), to: "10690371000901".into(), text: text.clone() };
    let (delivered, joined) = tokio::join!(server.deliver("esme1", what), async {
        loop {
            match next(&mut client).await {
                LinkEvent::Part { ack, .. } => ack.accept(),
                LinkEvent::Incoming { text, ack, .. } => {
                    ack.accept();
                    return text;
                }
                other => panic!("{other:?}"),
            }
        }
    });
    assert_eq!((delivered, joined), (Ok(()), text));
}

/// A client over its rate gets 0x58 at once and slows down by itself; nothing is lost and nothing comes twice.
#[tokio::test]
async fn too_fast_a_client_is_throttled_and_loses_nothing() {
    let (server, mut events) = server(AccountLimits { window: 4, rate: 200, deliver_window: 4 }).await;
    let (link, mut client) = up(SmppConfig { queue: 100, ..client_of(&server, "secret08") }).await;
    for number in 0..100 {
        send(&link, &format!("m{number}"), &number.to_string()).await;
    }
    let owner = async {
        let mut texts = std::collections::HashSet::new();
        while texts.len() < 100 {
            let (asked, ack) = submit(&mut events).await;
            assert!(texts.insert(asked.text.clone()), "twice");
            ack.accept(asked.text);
        }
    };
    let sender = async {
        for _ in 0..100 {
            until(&mut client, |event| matches!(event, LinkEvent::Submitted { .. })).await;
        }
    };
    tokio::join!(owner, sender);
}

#[tokio::test]
async fn garbage_and_half_frames_end_only_their_own_connection() {
    let (server, mut events) = server(AccountLimits::default()).await;
    let (link, _client) = up(client_of(&server, "secret08")).await;
    for garbage in [&b"GET / HTTP/1.1\r\n\r\n"[..], &[0, 0, 0, 15], &[0xff; 64], &[0, 0, 0, 0x40, 0, 0, 0, 9]] {
        let mut stream = tokio::net::TcpStream::connect(server.address()).await.unwrap();
        tokio::io::AsyncWriteExt::write_all(&mut stream, garbage).await.unwrap();
        drop(stream);
    }
    send(&link, "m1", "still here").await;
    assert_eq!(submit(&mut events).await.0.text, "still here");
}

/// A python that has smpplib: `LIANDONG_SMPPLIB`, the repository's `.venv`, or the system's.
async fn python() -> Option<String> {
    let venv = concat!(env!("CARGO_MANIFEST_DIR"), "/../.venv/bin/python");
    let candidates = [std::env::var("LIANDONG_SMPPLIB").ok(), Some(venv.into()), Some("python3".into())];
    for candidate in candidates.into_iter().flatten() {
        let asked = tokio::process::Command::new(&candidate).args(["-c", "import smpplib"]).output().await;
        if asked.is_ok_and(|output| output.status.success()) {
            return Some(candidate);
        }
    }
    eprintln!("skipped: needs python3 with smpplib (python3 -m venv .venv && .venv/bin/pip install smpplib==2.2.4)");
    None
}

#[tokio::test]
async fn smpplib_binds_submits_and_takes_receipts() {
    let Some(python) = python().await else { return };
    let (server, mut events) = server(AccountLimits::default()).await;
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/peers/esme_smpplib.py");
    let mut child = tokio::process::Command::new(python)
        .args([script, &server.address().port().to_string(), "esme1", "secret08"])
        .stdout(std::process::Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut texts = Vec::new();
    let mut joiner = Joiner::new(Decoding::Gsm);
    while texts.len() < 3 {
        let (asked, ack) = submit(&mut events).await;
        let id = format!("ld-{}", texts.len());
        ack.accept(&id);
        let whole = match asked.part {
            None => Some(asked.text),
            Some(part) => {
                match joiner.push(&part.from, &part.to, part.place, part.data_coding, &part.octets, Instant::now()) {
                    Joined::Whole(text) => Some(text),
                    _ => None,
                }
            }
        };
        if let Some(text) = whole {
            assert_eq!(server.deliver("esme1", receipt(&id)).await, Ok(()));
            texts.push(text);
        }
    }
    assert_eq!(texts, ["hello {€}".to_owned(), "停水通知".to_owned(), "汉".repeat(100) + "😀"]);
    let said = tokio::time::timeout(LONG, lines.next_line()).await.unwrap().unwrap().unwrap();
    let said: serde_json::Value = serde_json::from_str(&said).unwrap();
    assert_eq!(said["receipted"], serde_json::json!(["ld-0", "ld-1", "ld-2"]));
    assert!(child.wait().await.unwrap().success());
}
