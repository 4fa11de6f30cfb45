//! CPU per relayed RTP packet, beside the bare floor of one `recvfrom` and one `sendto`.
//!
//! `cargo run --release -p liandong-media --example relay_bench [-- SECONDS [CALLS]]`
//!
//! Peers and relay share the machine, so what counts is the CPU time of the media thread alone
//! (`/proc/self/task/…/schedstat`), not wall-clock time.
#![allow(clippy::unwrap_used)]

use std::fs;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use liandong_media::codec::Codec;
use liandong_media::engine::{CallKey, EngineConfig, LegConfig, LegId, MediaEngine};
use liandong_media::net::PortRange;
use liandong_media::relay::{LegNo, Media, Remote};
use liandong_media::rtp::Header;

/// The bar of the issue, µs CPU per relayed packet.
const TARGET_US: f64 = 8.0;

fn main() {
    let mut arguments = std::env::args().skip(1);
    let seconds = arguments.next().and_then(|s| s.parse().ok()).unwrap_or(5);
    let calls = arguments.next().and_then(|s| s.parse().ok()).unwrap_or(50);
    let duration = Duration::from_secs(seconds);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
    let runtime = runtime.unwrap();
    let floor = floor(duration);
    println!("floor (recvfrom + sendto):            {floor:6.2} µs per packet");
    for (name, right) in [("PCMA to PCMA", Media::pcma()), ("PCMA to PCMU", Media::pcmu())] {
        for record in [false, true] {
            let (cost, packets) = runtime.block_on(relay(calls, duration, right.clone(), record));
            let recorded = if record { ", recorded" } else { "" };
            let verdict = if cost <= TARGET_US { "within" } else { "ABOVE" };
            println!(
                "{:36}  {cost:6.2} µs per packet, {:.2} × floor, {verdict} the target of {TARGET_US} ({packets} packets, {calls} calls)",
                format!("{name}{recorded}:"),
                cost / floor,
            );
        }
    }
    let recorded = runtime.block_on(memory());
    println!("a running, recorded call of two UDP legs: {recorded:.0} KiB resident");
    let (encode, decode) = opus();
    println!("Opus, one frame: {encode:.1} µs CPU to encode, {decode:.1} µs to decode");
}

/// CPU of a thread in µs.
fn cpu_us(task: &str) -> f64 {
    let text = fs::read_to_string(format!("/proc/self/task/{task}/schedstat")).unwrap();
    text.split(' ').next().unwrap().parse::<f64>().unwrap() / 1_000.0
}

/// The ids of the threads whose name begins like this.
fn tasks(prefix: &str) -> Vec<String> {
    let named = |id: &String| {
        let name = fs::read_to_string(format!("/proc/self/task/{id}/comm")).unwrap_or_default();
        name.starts_with(prefix)
    };
    let entries = fs::read_dir("/proc/self/task").unwrap();
    entries.filter_map(|e| e.ok()?.file_name().into_string().ok()).filter(named).collect()
}

/// A thread that receives and sends and does nothing else.
fn floor(duration: Duration) -> f64 {
    let (left, right) = (socket(), socket());
    let (relay_in, relay_out) = (socket(), socket());
    let to = relay_in.local_addr().unwrap();
    let onward = right.local_addr().unwrap();
    let worker = thread::Builder::new().name("floor".to_owned()).spawn(move || {
        let mut buffer = [0; 2_048];
        let mut packets = 0u64;
        relay_in.set_read_timeout(Some(Duration::from_millis(500))).unwrap();
        while let Ok((length, _)) = relay_in.recv_from(&mut buffer) {
            relay_out.send_to(&buffer[..length], onward).unwrap();
            packets += 1;
        }
        (cpu_us(&tasks("floor")[0]), packets)
    });
    let drain = drain(vec![right]);
    let mut sequence = 0;
    // The same rate as below with 50 calls.
    pace(duration, 100, |_| {
        left.send_to(&packet(sequence), to).unwrap();
        sequence = sequence.wrapping_add(1);
    });
    let (cpu, packets) = worker.unwrap().join().unwrap();
    drain.stop();
    cpu / packets as f64
}

async fn relay(calls: usize, duration: Duration, right: Media, record: bool) -> (f64, u64) {
    let folder = std::env::temp_dir().join(format!("relay-bench-{}", std::process::id()));
    let (engine, _events) = MediaEngine::start(&EngineConfig {
        bind: IpAddr::V4(Ipv4Addr::LOCALHOST),
        ports: PortRange { first: 40_000, last: 59_999 },
        threads: 1,
        prompts: PathBuf::from("."),
    })
    .unwrap();
    let mut lines: Vec<(UdpSocket, SocketAddr)> = Vec::new();
    let mut listeners = Vec::new();
    for call in 0..calls {
        let call = CallKey(call as u128);
        let legs = [0, 1].map(|leg| LegId { call, leg: LegNo(leg) });
        for (leg, media) in legs.into_iter().zip([Media::pcma(), right.clone()]) {
            let socket = socket();
            let to = engine.open_leg(leg, LegConfig::default()).await.unwrap();
            // Both sides send what the left negotiated in its own leg's type.
            let remote = Remote::new(socket.local_addr().unwrap(), media.also_accept(8, Codec::Pcma));
            engine.set_remote(leg, remote).await.unwrap();
            listeners.push(socket.try_clone().unwrap());
            lines.push((socket, to));
        }
        engine.bridge(legs[0], legs[1]).await.unwrap();
        if record {
            let path = folder.join(format!("{}.wav", call.0));
            engine.record_start(call, path, &[LegNo(0)], &[LegNo(1)]).await.unwrap();
        }
    }
    let drain = drain(listeners);
    let media = tasks("media-").remove(0);
    let before = cpu_us(&media);
    let mut sequence = 0u16;
    let count = lines.len();
    tokio::task::block_in_place(|| {
        pace(duration, count, |line| {
            let (socket, to) = &lines[line];
            let _ = socket.send_to(&packet(sequence), to);
            if line + 1 == count {
                sequence = sequence.wrapping_add(1);
            }
        });
        thread::sleep(Duration::from_millis(100));
    });
    let cpu = cpu_us(&media) - before;
    let mut packets = 0;
    for call in 0..calls {
        for leg in 0..2 {
            let leg = LegId { call: CallKey(call as u128), leg: LegNo(leg) };
            packets += engine.stats(leg).await.unwrap().sent;
        }
    }
    engine.shutdown().await;
    drain.stop();
    let _ = fs::remove_dir_all(folder);
    (cpu / packets as f64, packets)
}

/// Resident KiB per call once each leg has sent and received.
async fn memory() -> f64 {
    const CALLS: u32 = 400;
    let resident = || {
        let status = fs::read_to_string("/proc/self/status").unwrap();
        let line = status.lines().find(|line| line.starts_with("VmRSS")).unwrap();
        line.split_whitespace().nth(1).unwrap().parse::<f64>().unwrap()
    };
    let folder = std::env::temp_dir().join(format!("relay-bench-memory-{}", std::process::id()));
    let (engine, _events) = MediaEngine::start(&EngineConfig {
        bind: IpAddr::V4(Ipv4Addr::LOCALHOST),
        ports: PortRange { first: 40_000, last: 59_999 },
        threads: 1,
        prompts: PathBuf::from("."),
    })
    .unwrap();
    let far = socket();
    let before = resident();
    for call in 0..CALLS {
        let call = CallKey(u128::from(call));
        let legs = [0, 1].map(|leg| LegId { call, leg: LegNo(leg) });
        let mut ports = Vec::new();
        for leg in legs {
            ports.push(engine.open_leg(leg, LegConfig::default()).await.unwrap());
            let remote = Remote::new(far.local_addr().unwrap(), Media::pcma());
            engine.set_remote(leg, remote).await.unwrap();
        }
        engine.bridge(legs[0], legs[1]).await.unwrap();
        let path = folder.join(format!("{}.wav", call.0));
        engine.record_start(call, path, &[LegNo(0)], &[LegNo(1)]).await.unwrap();
        for port in ports {
            far.send_to(&packet(1), port).unwrap();
        }
    }
    tokio::time::sleep(Duration::from_secs(2)).await;
    let after = resident();
    engine.shutdown().await;
    let _ = fs::remove_dir_all(folder);
    (after - before) / f64::from(CALLS)
}

fn opus() -> (f64, f64) {
    const ROUNDS: u32 = 2_000;
    let mut encoder = liandong_media::codec::Encoder::new(Codec::Opus);
    let mut decoder = liandong_media::codec::Decoder::default();
    let tone = liandong_media::tone::sine(400.0, 8_000.0, liandong_media::FRAME);
    let frame = tone.as_slice().try_into().unwrap();
    let (mut payload, mut pcm) = (Vec::new(), Vec::new());
    let this = std::process::id().to_string(); // the main thread's id is the process's
    let cpu_of = |work: &mut dyn FnMut()| {
        let before = cpu_us(&this);
        (0..ROUNDS).for_each(|_| work());
        (cpu_us(&this) - before) / f64::from(ROUNDS)
    };
    let encode = cpu_of(&mut || encoder.encode(frame, &mut payload));
    let decode = cpu_of(&mut || {
        pcm.clear();
        decoder.decode(Codec::Opus, &payload, &mut pcm);
    });
    (encode, decode)
}

fn socket() -> UdpSocket {
    UdpSocket::bind("127.0.0.1:0").unwrap()
}

fn packet(sequence: u16) -> Vec<u8> {
    let mut packet = Vec::new();
    let timestamp = u32::from(sequence) * 160;
    Header { payload_type: 8, sequence, timestamp, ssrc: 7, ..Header::default() }.write(&[0xd5; 160], &mut packet);
    packet
}

/// Calls `send` for each of `lines` every 20 ms, spread over the 20 ms as telephones are.
fn pace(duration: Duration, lines: usize, mut send: impl FnMut(usize)) {
    let start = Instant::now();
    let mut round = 0u32;
    while start.elapsed() < duration {
        for line in 0..lines {
            if line % 10 == 0 {
                let due =
                    Duration::from_millis(20) * round + Duration::from_micros(20_000 * line as u64 / lines as u64);
                thread::sleep(due.saturating_sub(start.elapsed()));
            }
            send(line);
        }
        round += 1;
    }
}

/// Reads sockets to nowhere, so that their buffers do not fill.
struct Drain {
    stop: Arc<AtomicBool>,
    thread: thread::JoinHandle<()>,
}

fn drain(sockets: Vec<UdpSocket>) -> Drain {
    let stop = Arc::new(AtomicBool::new(false));
    let stopped = Arc::clone(&stop);
    let thread = thread::spawn(move || {
        sockets.iter().for_each(|socket| socket.set_nonblocking(true).unwrap());
        let mut buffer = [0; 2_048];
        while !stopped.load(Ordering::Relaxed) {
            for socket in &sockets {
                while socket.recv(&mut buffer).is_ok() {}
            }
            thread::sleep(Duration::from_millis(20));
        }
    });
    Drain { stop, thread }
}

impl Drain {
    fn stop(self) {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().unwrap();
    }
}
