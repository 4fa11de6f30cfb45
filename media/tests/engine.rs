//! The engine with real peers: UDP sockets on 127.0.0.1 that speak tones and listen for them.
#![allow(clippy::unwrap_used, missing_docs)]

use std::io::{BufRead, BufReader};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use bytes::Bytes;
use liandong_media::FRAME;
use liandong_media::codec::{Codec, Decoder, Encoder};
use liandong_media::engine::{CallKey, EngineConfig, EngineError, LegConfig, LegId, MediaEngine, MediaEvent, Play};
use liandong_media::net::PortRange;
use liandong_media::prompt::{Clip, Repeat};
use liandong_media::record::wav;
use liandong_media::relay::{LegNo, Media, RelayError, Remote};
use liandong_media::rtp::{Header, Packet};
use liandong_media::tone::{energy_share, sine};
use tokio::net::UdpSocket;
use tokio::sync::mpsc::Receiver;
use tokio::time::{MissedTickBehavior, interval, timeout};

const CALL: CallKey = CallKey(0x0193_0000_0000_7000_8000_0000_0000_0001);
const PATIENCE: Duration = Duration::from_secs(10);

fn leg(no: u8) -> LegId {
    LegId { call: CALL, leg: LegNo(no) }
}

/// An engine on loopback; each test takes its own part of the ports.
fn engine(first: u16, pairs: u16, prompts: &Path) -> (MediaEngine, Receiver<MediaEvent>) {
    MediaEngine::start(&EngineConfig {
        bind: IpAddr::V4(Ipv4Addr::LOCALHOST),
        ports: PortRange { first, last: first + pairs * 2 - 1 },
        threads: 1,
        prompts: prompts.to_owned(),
    })
    .unwrap()
}

async fn event(events: &mut Receiver<MediaEvent>) -> MediaEvent {
    timeout(PATIENCE, events.recv()).await.unwrap().unwrap()
}

/// A telephone: one codec, one tone.
struct Peer {
    socket: UdpSocket,
    speech: Speech,
}

struct Speech {
    tone: Vec<i16>,
    encoder: Encoder,
    header: Header,
    at: usize,
}

impl Speech {
    fn new(tone: f64, media: &Media) -> Self {
        let header = Header { payload_type: media.send_type, ssrc: tone as u32, ..Header::default() };
        let tone = sine(tone, 8_000.0, 8_000 * 30);
        Self { tone, encoder: Encoder::new(media.codec), header, at: 0 }
    }

    fn packet(&mut self) -> Vec<u8> {
        let (mut payload, mut packet) = (Vec::new(), Vec::new());
        self.encoder.encode(self.tone[self.at..self.at + FRAME].try_into().unwrap(), &mut payload);
        self.header.write(&payload, &mut packet);
        self.at += FRAME;
        self.header.sequence += 1;
        self.header.timestamp += self.encoder.codec().units_per_sample() * 160;
        packet
    }
}

fn decode(codec: Codec, packets: &[Vec<u8>]) -> Vec<i16> {
    let (mut decoder, mut pcm) = (Decoder::default(), Vec::new());
    for packet in packets {
        decoder.decode(codec, Packet::parse(packet).unwrap().payload, &mut pcm);
    }
    pcm
}

impl Peer {
    async fn new(tone: f64, media: &Media) -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        Self { socket, speech: Speech::new(tone, media) }
    }

    fn remote(&self, media: &Media) -> Remote {
        Remote::new(self.socket.local_addr().unwrap(), media.clone())
    }

    /// Speaks so many frames to `to` in real time, and gives back what came meanwhile.
    async fn talk(&mut self, to: SocketAddr, frames: usize) -> Vec<Vec<u8>> {
        let mut clock = interval(Duration::from_millis(20));
        clock.set_missed_tick_behavior(MissedTickBehavior::Burst);
        let (mut heard, mut sent, mut buffer) = (Vec::new(), 0, [0; 2_048]);
        while sent < frames {
            tokio::select! {
                _ = clock.tick() => {
                    self.socket.send_to(&self.speech.packet(), to).await.unwrap();
                    sent += 1;
                }
                Ok((length, from)) = self.socket.recv_from(&mut buffer) => {
                    assert_eq!(from, to, "answers come from the port that was told");
                    heard.push(buffer[..length].to_vec());
                }
            }
        }
        heard
    }
}

#[tokio::test]
async fn each_hears_the_other_both_are_recorded_and_a_stranger_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let (engine, mut events) = engine(21_000, 10, folder.path());
    let (alaw, ulaw) = (Media::pcma(), Media::pcmu());
    let mut caller = Peer::new(400.0, &alaw).await;
    let mut agent = Peer::new(700.0, &ulaw).await;
    let mut stranger = Peer::new(1_300.0, &alaw).await;
    let to_caller = engine.open_leg(leg(0), LegConfig::default()).await.unwrap();
    let to_agent = engine.open_leg(leg(1), LegConfig::default()).await.unwrap();
    // Both signalled hosts are 127.0.0.1, where the stranger sits too: only exactness tells.
    let first = caller.speech.packet();
    engine.set_remote(leg(0), caller.remote(&alaw)).await.unwrap();
    engine.set_remote(leg(1), agent.remote(&ulaw)).await.unwrap();
    caller.socket.send_to(&first, to_caller).await.unwrap();
    assert_eq!(event(&mut events).await, MediaEvent::FirstPacket { leg: leg(0) });
    engine.bridge(leg(0), leg(1)).await.unwrap();
    let path = folder.path().join("r/call.wav");
    engine.record_start(CALL, path.clone(), &[LegNo(0)], &[LegNo(1)]).await.unwrap();
    let (at_caller, at_agent, at_stranger) =
        tokio::join!(caller.talk(to_caller, 100), agent.talk(to_agent, 100), stranger.talk(to_caller, 100),);
    engine.record_stop(CALL).await.unwrap();
    let finished = loop {
        if let MediaEvent::RecordingFinished { summary, .. } = event(&mut events).await {
            break summary;
        }
    };
    assert!(at_stranger.is_empty(), "a stranger's packet is never answered");
    let (at_caller, at_agent) = (decode(Codec::Pcma, &at_caller), decode(Codec::Pcmu, &at_agent));
    assert!(at_caller.len() > 90 * FRAME && at_agent.len() > 90 * FRAME);
    assert!(energy_share(&at_caller, 700.0) > 0.95);
    assert!(energy_share(&at_agent, 400.0) > 0.95 && energy_share(&at_agent, 1_300.0) < 0.01);
    assert!(finished.gaps.is_empty());
    let (left, right) = tracks(&path);
    assert!(left.len() > 13_600, "{}", left.len());
    assert!(energy_share(&left, 400.0) > 0.9 && energy_share(&left, 1_300.0) < 0.01);
    assert!(energy_share(&right, 700.0) > 0.9);
    let stats = engine.close(leg(0)).await.unwrap();
    assert_eq!((stats.received, stats.strangers, stats.lost), (101, 100, 0));
    engine.shutdown().await;
}

/// Both tracks of a recording, read as any program would.
fn tracks(path: &Path) -> (Vec<i16>, Vec<i16>) {
    let bytes = std::fs::read(path).unwrap();
    let data = u32::from_le_bytes(bytes[40..44].try_into().unwrap()) as usize;
    assert!(bytes.len() >= wav::HEADER + data, "the header promises no more than there is");
    let pcm: Vec<i16> =
        bytes[wav::HEADER..wav::HEADER + data].chunks_exact(2).map(|s| i16::from_le_bytes([s[0], s[1]])).collect();
    (pcm.iter().step_by(2).copied().collect(), pcm.iter().skip(1).step_by(2).copied().collect())
}

#[tokio::test]
async fn a_browser_leg_and_a_phone_hear_each_other() {
    let folder = tempfile::tempdir().unwrap();
    let (engine, _events) = engine(21_100, 10, folder.path());
    let (alaw, opus) = (Media::pcma(), Media::new(Codec::Opus, 111));
    let mut phone = Peer::new(400.0, &alaw).await;
    let to_phone = engine.open_leg(leg(0), LegConfig::default()).await.unwrap();
    let (input, mut output) = engine.open_external_leg(leg(1), LegConfig::default()).await.unwrap();
    engine.set_remote(leg(0), phone.remote(&alaw)).await.unwrap();
    engine.set_remote(leg(1), Remote::external(opus.clone())).await.unwrap();
    engine.bridge(leg(0), leg(1)).await.unwrap();
    let mut speech = Speech::new(700.0, &opus);
    let browser = async {
        let mut clock = interval(Duration::from_millis(20));
        let mut heard = Vec::new();
        for _ in 0..100 {
            clock.tick().await;
            assert!(input.send(Bytes::from(speech.packet())));
            while let Ok(packet) = output.try_recv() {
                heard.push(packet.to_vec());
            }
        }
        heard
    };
    let (at_phone, at_browser) = tokio::join!(phone.talk(to_phone, 100), browser);
    assert!(energy_share(&decode(Codec::Pcma, &at_phone)[1_600..], 700.0) > 0.8);
    assert!(energy_share(&decode(Codec::Opus, &at_browser)[1_600..], 400.0) > 0.8);
    engine.close_call(CALL).await.unwrap();
    // What was on its way is still there; then the outlet has closed.
    while timeout(PATIENCE, output.recv()).await.unwrap().is_some() {}
    let _ = input.send(Bytes::from_static(b"too late, and harmless"));
    assert_eq!(engine.load().await.unwrap().calls, 0);
    engine.shutdown().await;
}

#[tokio::test]
async fn prompts_are_played_on_time_and_their_end_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let mut file = wav::header(8_000, 1, 8_000).to_vec();
    file.extend(sine(1_000.0, 8_000.0, 4_000).iter().flat_map(|s| s.to_le_bytes()));
    std::fs::write(folder.path().join("greeting.wav"), file).unwrap();
    let (engine, mut events) = engine(21_200, 10, folder.path());
    engine.prompts().insert("spoken/five", Clip::new(sine(600.0, 8_000.0, 2_000)));
    let alaw = Media::pcma();
    let phone = Peer::new(400.0, &alaw).await;
    engine.open_leg(leg(0), LegConfig::default()).await.unwrap();
    engine.set_remote(leg(0), phone.remote(&alaw)).await.unwrap();
    let missing = engine.play(leg(0), vec![Play::prompt("no-such")], Repeat::Once).await;
    assert!(missing.unwrap_err().to_string().contains("no prompt \"no-such\""));
    let list = vec![Play::prompt("greeting"), Play::Pause(100), Play::prompt("spoken/five")];
    engine.play(leg(0), list, Repeat::Once).await.unwrap();
    assert_eq!(event(&mut events).await, MediaEvent::PlayFinished { leg: leg(0) });
    engine.play(leg(0), vec![Play::ringback()], Repeat::Forever).await.unwrap();
    let (mut packets, mut buffer) = (Vec::new(), [0; 2_048]);
    while packets.len() < 43 + 25 {
        let length = timeout(PATIENCE, phone.socket.recv(&mut buffer)).await.unwrap().unwrap();
        packets.push(buffer[..length].to_vec());
    }
    let pcm = decode(Codec::Pcma, &packets);
    assert!(energy_share(&pcm[..4_000], 1_000.0) > 0.95);
    assert!(energy_share(&pcm[4_800..6_800], 600.0) > 0.95);
    assert!(energy_share(&pcm[43 * FRAME..], 450.0) > 0.95);
    let sequence = |packet: &Vec<u8>| Packet::parse(packet).unwrap().header.sequence;
    assert!(packets.windows(2).all(|p| sequence(&p[1]).wrapping_sub(sequence(&p[0])) == 1));
    engine.shutdown().await;
}

#[tokio::test]
async fn ports_come_back_and_their_lack_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let (engine, _events) = engine(21_300, 2, folder.path());
    let first = engine.open_leg(leg(0), LegConfig::default()).await.unwrap();
    assert_eq!(first.port() % 2, 0);
    engine.open_leg(leg(1), LegConfig::default()).await.unwrap();
    let refused = engine.open_leg(leg(2), LegConfig::default()).await.unwrap_err();
    assert!(refused.to_string().starts_with("no free RTP port"), "{refused}");
    let refused = engine.open_leg(leg(1), LegConfig::default()).await.unwrap_err();
    assert!(matches!(refused, EngineError::Relay(RelayError::LegOpen(LegNo(1)))));
    let load = engine.load().await.unwrap();
    assert_eq!((load.calls, load.legs, load.free_ports), (1, 2, 0));
    engine.close_call(CALL).await.unwrap();
    let load = engine.load().await.unwrap();
    assert_eq!((load.calls, load.legs, load.free_ports), (0, 0, 2));
    let gone = engine.stop_play(leg(0)).await.unwrap_err();
    assert!(matches!(gone, EngineError::NoCall(CALL)));
    engine.shutdown().await;
    assert!(matches!(engine.load().await, Err(EngineError::Stopped)));
}

#[tokio::test]
async fn a_recording_that_cannot_be_written_is_told_and_speech_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let (engine, mut events) = engine(21_400, 10, folder.path());
    let blocked = folder.path().join("month");
    std::fs::write(&blocked, b"a file where a folder must be").unwrap();
    let alaw = Media::pcma();
    let (mut a, mut b) = (Peer::new(400.0, &alaw).await, Peer::new(700.0, &alaw).await);
    let to_a = engine.open_leg(leg(0), LegConfig::default()).await.unwrap();
    let to_b = engine.open_leg(leg(1), LegConfig::default()).await.unwrap();
    engine.set_remote(leg(0), a.remote(&alaw)).await.unwrap();
    engine.set_remote(leg(1), b.remote(&alaw)).await.unwrap();
    engine.bridge(leg(0), leg(1)).await.unwrap();
    engine.record_start(CALL, blocked.join("x.wav"), &[LegNo(0)], &[LegNo(1)]).await.unwrap();
    let failed = loop {
        if let MediaEvent::RecordingFailed { call, reason } = event(&mut events).await {
            break (call, reason);
        }
    };
    assert!(failed.0 == CALL && failed.1.contains("cannot be written"), "{failed:?}");
    let (at_a, at_b) = tokio::join!(a.talk(to_a, 25), b.talk(to_b, 25));
    assert!(at_a.len() >= 22 && at_b.len() >= 22);
    engine.shutdown().await;
}

#[tokio::test]
async fn shutting_down_finishes_recordings() {
    let folder = tempfile::tempdir().unwrap();
    let (engine, mut events) = engine(21_500, 10, folder.path());
    engine.open_leg(leg(0), LegConfig::default()).await.unwrap();
    let path = folder.path().join("a.wav");
    engine.record_start(CALL, path.clone(), &[LegNo(0)], &[]).await.unwrap();
    engine.shutdown().await;
    assert!(matches!(event(&mut events).await, MediaEvent::RecordingFinished { .. }));
    assert!(!wav::repair(&path).unwrap(), "the header is right already");
}

const CHILD_FILE: &str = "LIANDONG_TEST_RECORDING";

/// The process that is killed by the test below; not a test of its own.
#[tokio::test]
#[ignore = "started by killed_while_recording_plays"]
async fn child_that_records() {
    let Ok(path) = std::env::var(CHILD_FILE) else {
        return;
    };
    let path = Path::new(&path);
    let (engine, _events) = engine(21_600, 10, Path::new("."));
    let alaw = Media::pcma();
    let port = engine.open_leg(leg(0), LegConfig::default()).await.unwrap();
    // The parent's address comes by standard input, as signalling would bring it.
    let mut line = String::new();
    std::io::stdin().read_line(&mut line).unwrap();
    let remote = Remote::new(line.trim().parse().unwrap(), alaw);
    engine.set_remote(leg(0), remote).await.unwrap();
    engine.record_start(CALL, path.to_owned(), &[LegNo(0)], &[]).await.unwrap();
    println!("\nPORT {port}");
    std::future::pending::<()>().await;
}

#[tokio::test]
async fn killed_while_recording_plays() {
    use std::io::Write;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("killed.wav");
    let alaw = Media::pcma();
    let mut caller = Peer::new(400.0, &alaw).await;
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "child_that_records", "--ignored", "--nocapture"])
        .env(CHILD_FILE, &path)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    writeln!(child.stdin.as_mut().unwrap(), "{}", caller.socket.local_addr().unwrap()).unwrap();
    let stdout = BufReader::new(child.stdout.take().unwrap());
    let port = stdout.lines().find_map(|line| line.unwrap().strip_prefix("PORT ")?.parse().ok());
    caller.talk(port.unwrap(), 100).await;
    child.kill().unwrap();
    child.wait().unwrap();
    let (left, right) = tracks(&path);
    let spoken = 100 * FRAME;
    assert!(left.len() + 8_000 > spoken, "at most a second is missing: {} samples", left.len());
    assert!(energy_share(&left, 400.0) > 0.9);
    assert!(right.iter().all(|&s| s == 0));
    wav::repair(&path).unwrap();
    let clip = liandong_media::prompt::decode_file(&path).unwrap();
    assert!(clip.samples().len() >= left.len(), "and rodio plays it");
}
