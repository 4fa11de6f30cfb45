//! Calls through the B2BUA: from the trunk by the plan of 12345 to the duty officer behind the other trunk (nobody is
//! signed in), media anchored, recorded, each fact in the log.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use liandong_sip::{Bytes, Message};
use tokio::net::UdpSocket;

use super::hub::Hub;
use super::sip::{Call, Seen, TRUNK, Targets, far_end};
use super::table::Table;

/// Calls begun each second: below what the machine can do, so that nothing waits and nothing is lost.
const RATE: u64 = 50;
/// How long each call lives: the recording notice is heard to its end before the far end is rung.
const LIFE: Duration = Duration::from_secs(5);
/// Running calls whose memory is measured.
const RUNNING: u64 = 500;
/// How long they talk before the memory is read: past the notice, so that each is recorded.
const TALK: Duration = Duration::from_secs(15);
/// One RTP packet of 20 ms.
const PACKET: usize = 172;

/// Both ends and their voices.
pub struct Ends {
    voice: Arc<UdpSocket>,
    far_voice: Arc<UdpSocket>,
    targets: Targets,
    seen: Arc<Seen>,
}

impl Ends {
    pub async fn open(outside: SocketAddr) -> Self {
        let voice = Arc::new(UdpSocket::bind(TRUNK).await.unwrap());
        let far_voice = Arc::new(UdpSocket::bind("127.0.0.3:0").await.unwrap());
        let (targets, seen) = (Targets::default(), Arc::new(Seen::default()));
        let socket = UdpSocket::bind(outside).await.unwrap();
        tokio::spawn(far_end(socket, far_voice.local_addr().unwrap(), targets.clone(), seen.clone()));
        tokio::spawn(deaf(voice.clone()));
        tokio::spawn(deaf(far_voice.clone()));
        Self { voice, far_voice, targets, seen }
    }
}

/// Throws away what is heard.
async fn deaf(socket: Arc<UdpSocket>) {
    let mut buffer = [0; 2_048];
    while socket.recv_from(&mut buffer).await.is_ok() {}
}

/// CPU for each call that is set up and ended.
pub async fn set_ups(hub: &Hub, ends: &Ends, seconds: u64, table: &mut Table) {
    let good = Arc::new(AtomicU64::new(0));
    let idle = idle(hub).await;
    let (calls, from) = (seconds * RATE, hub.used());
    let acknowledged = ends.seen.acknowledged.load(Ordering::Relaxed);
    let media = ends.voice.local_addr().unwrap();
    let mut running = Vec::new();
    let mut beat = tokio::time::interval(Duration::from_nanos(1_000_000_000 / RATE));
    for n in 0..calls {
        beat.tick().await;
        let (sip, good) = (hub.place.sip, good.clone());
        running.push(tokio::spawn(async move {
            let Some(call) = Call::start(sip, n, "12345", media).await else { return };
            tokio::time::sleep(LIFE).await;
            if call.hang_up().await {
                good.fetch_add(1, Ordering::Relaxed);
            }
        }));
    }
    for each in running {
        each.await.unwrap();
    }
    super::quiet(hub).await;
    let (cpu, wall) = from.until(hub.used());
    let (good, far) = (good.load(Ordering::Relaxed), ends.seen.acknowledged.load(Ordering::Relaxed) - acknowledged);
    let cpu = cpu.as_secs_f64() - idle * wall.as_secs_f64();
    let (each, floor) = (cpu * 1e6 / good as f64, floor());
    println!(
        "{good} of {calls} calls set up and ended ({far} acknowledged at the far end) in {wall:.1?}: {each:.0} µs CPU each, \
         {:.0} for each CPU second; floor (their 13 datagrams received, parsed, written, sent): {floor:.0} µs",
        1e6 / each
    );
    table.row(
        "call set-ups through the B2BUA, media anchored, log on",
        "≥ 500 / CPU s",
        format!("{:.0} / CPU s", 1e6 / each),
    );
    table.row("  CPU for each; floor: its 13 datagrams alone", "", format!("{each:.0} µs; {floor:.0} µs"));
}

/// CPU seconds of the hub for each second in which nothing is asked of it.
async fn idle(hub: &Hub) -> f64 {
    let from = hub.used();
    tokio::time::sleep(Duration::from_secs(2)).await;
    let (cpu, wall) = from.until(hub.used());
    cpu.as_secs_f64() / wall.as_secs_f64()
}

/// Memory of running, recorded calls with speech both ways.
pub async fn memory(hub: &Hub, ends: &Ends, table: &mut Table) {
    super::quiet(hub).await;
    let before = hub.resident();
    let media = ends.voice.local_addr().unwrap();
    let mut calls = Vec::new();
    let mut beat = tokio::time::interval(Duration::from_millis(15));
    for n in 0..RUNNING {
        beat.tick().await;
        let sip = hub.place.sip;
        calls.push(tokio::spawn(async move { Call::start(sip, 1_000_000 + n, "12345", media).await }));
    }
    let calls: Vec<Call> =
        futures_util::future::join_all(calls).await.into_iter().filter_map(|c| c.ok().flatten()).collect();
    tokio::time::sleep(LIFE).await; // the last of them, too, is connected by then
    let targets: Vec<SocketAddr> = calls.iter().map(|c| c.media).collect();
    let far: Vec<SocketAddr> = ends.targets.lock().unwrap().values().copied().collect();
    let from = hub.used();
    tokio::join!(speak(&ends.voice, &targets), speak(&ends.far_voice, &far));
    let (cpu, wall) = from.until(hub.used());
    let after = hub.resident();
    let recorded = recordings(&hub.place.data().join("recordings"));
    let each = (after - before) / calls.len() as f64;
    let load = cpu.as_secs_f64() / wall.as_secs_f64() / calls.len() as f64 * 100.0;
    println!(
        "{} calls run ({} at the far end, {recorded} recordings in all) with speech both ways: {each:.0} KiB each \
         ({before:.0} → {after:.0} KiB); {load:.2} % of a core each",
        calls.len(),
        far.len(),
    );
    table.row("memory of a running, recorded call", "≤ 250 KiB", format!("{each:.0} KiB"));
    table.row("  its processor time while it runs", "", format!("{load:.2} % of a core"));
    futures_util::future::join_all(calls.into_iter().map(Call::hang_up)).await;
    super::quiet(hub).await;
    let left = hub.resident();
    println!("after their end: {left:.0} KiB");
}

/// 50 packets a second to each of `targets`, for [`TALK`].
async fn speak(socket: &UdpSocket, targets: &[SocketAddr]) {
    let (mut packet, began) = ([0xd5; PACKET], Instant::now());
    packet[..12].copy_from_slice(&[0x80, 8, 0, 0, 0, 0, 0, 0, 0x12, 0x34, 0x56, 0x78]);
    let mut beat = tokio::time::interval(Duration::from_millis(20));
    for n in 0u32.. {
        beat.tick().await;
        if began.elapsed() > TALK {
            return;
        }
        packet[2..4].copy_from_slice(&(n as u16).to_be_bytes());
        packet[4..8].copy_from_slice(&(n * 160).to_be_bytes());
        for target in targets {
            let _ = socket.send_to(&packet, target).await;
        }
    }
}

fn recordings(folder: &std::path::Path) -> usize {
    let Ok(entries) = std::fs::read_dir(folder) else { return 0 };
    entries.flatten().map(|e| if e.path().is_dir() { recordings(&e.path()) } else { 1 }).sum()
}

/// The datagrams of one call, received, parsed, written and sent, and nothing else: µs CPU of this thread.
fn floor() -> f64 {
    const ROUNDS: u32 = 5_000;
    let (a, b) = (std::net::UdpSocket::bind(TRUNK).unwrap(), std::net::UdpSocket::bind(TRUNK).unwrap());
    let to = b.local_addr().unwrap();
    let messages: Vec<Bytes> = datagrams().into_iter().map(Bytes::from).collect();
    let mut buffer = [0; 4_096];
    let before = thread_cpu();
    for _ in 0..ROUNDS {
        for message in &messages {
            a.send_to(message, to).unwrap();
            let length = b.recv(&mut buffer).unwrap();
            let parsed = Message::parse(Bytes::copy_from_slice(&buffer[..length])).unwrap();
            std::hint::black_box(parsed.encode());
        }
    }
    (thread_cpu() - before) / f64::from(ROUNDS)
}

/// INVITE, 100, 200, ACK, BYE, 200 on the one leg, and the same with a 180 on the other.
fn datagrams() -> Vec<String> {
    let head = "Via: SIP/2.0/UDP 127.0.0.2:40000;branch=z9hG4bKi1\r\nMax-Forwards: 70\r\nFrom: <sip:13700000001@127.0.0.2>;tag=c1\r\n\
                To: <sip:12345@127.0.0.1:5060>;tag=s1\r\nCall-ID: bench-1@127.0.0.2:40000\r\nContact: <sip:1@127.0.0.2:40000>\r\n";
    let sdp = "v=0\r\no=- 1 1 IN IP4 127.0.0.2\r\ns=-\r\nc=IN IP4 127.0.0.2\r\nt=0 0\r\nm=audio 40002 RTP/AVP 8 101\r\n\
               a=rtpmap:8 PCMA/8000\r\na=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\na=sendrecv\r\n";
    let message = |first: &str, cseq: &str, body: &str| {
        let kind = if body.is_empty() { "" } else { "Content-Type: application/sdp\r\n" };
        format!("{first}\r\n{head}CSeq: {cseq}\r\n{kind}Content-Length: {}\r\n\r\n{body}", body.len())
    };
    let leg = [
        message("INVITE sip:12345@127.0.0.1:5060 SIP/2.0", "1 INVITE", sdp),
        message("SIP/2.0 100 Trying", "1 INVITE", ""),
        message("SIP/2.0 200 OK", "1 INVITE", sdp),
        message("ACK sip:12345@127.0.0.1:5060 SIP/2.0", "1 ACK", ""),
        message("BYE sip:12345@127.0.0.1:5060 SIP/2.0", "2 BYE", ""),
        message("SIP/2.0 200 OK", "2 BYE", ""),
    ];
    let ringing = message("SIP/2.0 180 Ringing", "1 INVITE", "");
    leg.iter().chain(&leg).chain([&ringing]).cloned().collect()
}

/// µs of processor time of this thread.
fn thread_cpu() -> f64 {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    text.split(' ').next().unwrap().parse::<f64>().unwrap() / 1_000.0
}
