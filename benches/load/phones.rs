//! Registrations: thousands of telephones, each an account of its own, on UDP, TCP and WebSocket.

use std::net::SocketAddr;

use futures_util::{SinkExt, StreamExt};
use liandong::access::{Actor, CommandError};
use liandong::config::Config;
use liandong::ids::{PersonId, PhoneNumber};
use liandong::orgs::Orgs;
use liandong::orgs::accounts::{self, NewAccount, Policy, Prepared};
use liandong::orgs::people::{NewPerson, add_person};
use liandong::store::Tx;
use liandong_sip::Method;
use liandong_sip::digest::{Account, Challenge, Secret};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UdpSocket};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;

use super::hub::{Hub, PASSWORD, Place};
use super::sip::{ask, header};
use super::table::Table;

/// Telephones on UDP.
const UDP: u32 = 5_000;
/// Telephones with a TCP connection each.
const TCP: u32 = 1_000;
/// Browsers.
const WEB: u32 = 500;
/// Registering at the same time.
const AT_ONCE: usize = 32;
/// The first extension.
const FIRST: u32 = 200_000;

/// A hub whose city has an account for each telephone.
pub async fn city() -> Hub {
    let place = Place::new();
    let mut config = Config::demo(PASSWORD);
    config.hub.data = place.data();
    let (store, vault) = liandong::hub::open(&config).await.unwrap();
    let realm = config.sip.realm.clone();
    let orgs = Orgs::open(store.clone(), vault.clone(), Policy::demo(&realm, 15)).await.unwrap();
    liandong::demo::seed(&store, &vault, &orgs, PASSWORD).await.unwrap();
    let password = orgs.hasher().prepare(PASSWORD).await.unwrap();
    let keys = vault.clone();
    let made: Result<(), CommandError> = store
        .write(move |tx| {
            Box::pin(async move {
                for n in 0..UDP + TCP + WEB {
                    hire(tx, &keys, n, password.clone(), realm.clone()).await?;
                }
                Ok(())
            })
        })
        .await;
    made.unwrap();
    store.reader().close().await;
    drop((orgs, store));
    place.start().await
}

/// One person without a post and his telephone: what is measured is the registration, not an agent's seat.
async fn hire(
    tx: &mut Tx,
    vault: &liandong::log::Vault,
    n: u32,
    password: Prepared,
    realm: String,
) -> Result<(), CommandError> {
    let (hub, id) = (Actor::hub("负载"), PersonId(uuid::Uuid::from_u128(0x0bec_0000 + u128::from(n))));
    let phone = PhoneNumber::parse(&format!("136{n:08}")).unwrap();
    add_person(tx, vault, &hub, NewPerson { id: Some(id), name: format!("话机{n}"), phone: Some(phone) }).await?;
    let (user, extension) = (format!("phone{n}"), Some((FIRST + n).to_string()));
    let account = NewAccount { user, person: id, password, must_change: false, extension, realm };
    accounts::create_account(tx, vault, &hub, account).await
}

pub async fn measure(hub: &Hub, table: &mut Table) {
    super::quiet(hub).await;
    let (start, from) = (hub.resident(), hub.used());
    udp(hub).await;
    super::quiet(hub).await;
    let (cpu, _) = from.until(hub.used());
    let after_udp = hub.resident();
    let each = cpu.as_secs_f64() * 1e6 / f64::from(UDP);
    let streams = tcp(hub).await;
    super::quiet(hub).await;
    let after_tcp = hub.resident();
    let browsers = web(hub).await;
    super::quiet(hub).await;
    let after_web = hub.resident();
    let kib = |from: f64, to: f64, count: u32| format!("{:.1} KiB", (to - from) / f64::from(count));
    let (a, b, c) = (kib(start, after_udp, UDP), kib(after_udp, after_tcp, TCP), kib(after_tcp, after_web, WEB));
    println!(
        "registered {UDP} by UDP: {a} each, {each:.0} µs CPU each; {TCP} by TCP: {b} each; {WEB} by WebSocket: {c} each \
         ({start:.0} → {after_web:.0} KiB)"
    );
    table.row("memory of a registration: UDP / TCP / WebSocket", "≤ 60 KiB", format!("{a} / {b} / {c}"));
    table.row("  CPU for each, challenge, digest and fsync", "", format!("{each:.0} µs"));
    drop((streams, browsers));
}

/// Does `one` for each number, some at a time: each waits for the disk, and they share its turns.
async fn each<T, F: Future<Output = T>>(numbers: std::ops::Range<u32>, one: impl Fn(u32) -> F) -> Vec<T> {
    futures_util::stream::iter(numbers.map(one)).buffer_unordered(AT_ONCE).collect().await
}

/// The ports alone are enough: nobody calls these telephones.
async fn udp(hub: &Hub) {
    let sip = hub.place.sip;
    each(0..UDP, |n| async move {
        let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let own = socket.local_addr().unwrap();
        let challenged = ask(&socket, sip, &register("UDP", sip, own, n, 1, ""), "REGISTER").await.unwrap();
        let again = register("UDP", sip, own, n, 2, &proof(&challenged, sip, n));
        let answer = ask(&socket, sip, &again, "REGISTER").await.unwrap();
        assert!(answer.starts_with("SIP/2.0 200"), "{answer}");
    })
    .await;
}

async fn tcp(hub: &Hub) -> Vec<TcpStream> {
    let sip = hub.place.sip_tcp;
    each(UDP..UDP + TCP, |n| async move {
        let mut stream = TcpStream::connect(sip).await.unwrap();
        let own = stream.local_addr().unwrap();
        let challenged = exchange(&mut stream, &register("TCP", sip, own, n, 1, "")).await;
        let again = register("TCP", sip, own, n, 2, &proof(&challenged, sip, n));
        let answer = exchange(&mut stream, &again).await;
        assert!(answer.starts_with("SIP/2.0 200"), "{answer}");
        stream
    })
    .await
}

async fn exchange(stream: &mut TcpStream, request: &str) -> String {
    stream.write_all(request.as_bytes()).await.unwrap();
    let (mut text, mut buffer) = (String::new(), [0; 4_096]);
    while !text.contains("\r\n\r\n") {
        let length = stream.read(&mut buffer).await.unwrap();
        assert!(length > 0, "the hub closed the connection");
        text += &String::from_utf8_lossy(&buffer[..length]);
    }
    text
}

type Browser = tokio_tungstenite::WebSocketStream<tokio_tungstenite::MaybeTlsStream<TcpStream>>;

async fn web(hub: &Hub) -> Vec<Browser> {
    let (http, sip, own) = (hub.place.http, hub.place.sip, SocketAddr::from(([127, 0, 0, 1], 9)));
    each(UDP + TCP..UDP + TCP + WEB, |n| async move {
        let mut request = format!("ws://127.0.0.1:{http}/sip").into_client_request().unwrap();
        request.headers_mut().insert("Sec-WebSocket-Protocol", "sip".parse().unwrap());
        let (mut socket, _) = tokio_tungstenite::connect_async(request).await.unwrap();
        let challenged = turn(&mut socket, register("WS", sip, own, n, 1, "")).await;
        let again = register("WS", sip, own, n, 2, &proof(&challenged, sip, n));
        let answer = turn(&mut socket, again).await;
        assert!(answer.starts_with("SIP/2.0 200"), "{answer}");
        socket
    })
    .await
}

async fn turn(socket: &mut Browser, request: String) -> String {
    socket.send(Message::Text(request.into())).await.unwrap();
    loop {
        if let Message::Text(text) = socket.next().await.unwrap().unwrap() {
            return text.to_string();
        }
    }
}

fn register(by: &str, hub: SocketAddr, own: SocketAddr, n: u32, number: u32, proof: &str) -> String {
    let name = FIRST + n;
    format!(
        "REGISTER sip:{hub} SIP/2.0\r\nVia: SIP/2.0/{by} {own};branch=z9hG4bKr{n}x{number};rport\r\nMax-Forwards: 70\r\n\
         From: <sip:{name}@{hub}>;tag=p{n}\r\nTo: <sip:{name}@{hub}>\r\nCall-ID: phone-{n}\r\nCSeq: {number} REGISTER\r\n\
         Contact: <sip:{name}@{own};transport={}>;expires=3600\r\nUser-Agent: bench\r\n{proof}Content-Length: 0\r\n\r\n",
        by.to_lowercase()
    )
}

/// The answer to a challenge, as a header.
fn proof(challenged: &str, hub: SocketAddr, n: u32) -> String {
    let challenge = header(challenged, "WWW-Authenticate").and_then(Challenge::parse).expect("a challenge");
    let account = Account { username: (FIRST + n).to_string(), secret: Secret::Password(PASSWORD.to_owned()) };
    let value = challenge.answer(&account, &Method::Register, &format!("sip:{hub}"), "bench", 1);
    format!("Authorization: {value}\r\n")
}
