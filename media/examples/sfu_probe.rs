//! A server to try browser phone legs and the SFU with a real browser: open `http://127.0.0.1:8099/`.
//!
//! Signalling is a handful of POSTs with plain text, for tests by hand only. `/phone/…` answers or calls a
//! browser and echoes its sound; `/sfu/…` mirrors the SFU's commands; `/log` shows what happened. With
//! `PROBE_LOSS=5` meetings lose 5 % of all media packets, both ways.
#![allow(missing_docs)]

use bytes::Bytes;
use liandong_media::rtc::phone::{AudioCodec, PhoneEvent};
use liandong_media::rtc::phones::{PhoneEndpoint, PhoneLeg};
use liandong_media::sfu::{
    self, Kind, LayerSpec, PeerId, Quality, Settings, SfuEvent, SfuHandle, Shape, SubscriptionSpec, TrackId, TrackSpec,
};
use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::sync::Mutex;

type Failure = Box<dyn std::error::Error + Send + Sync>;

struct Probe {
    phones: PhoneEndpoint,
    sfu: SfuHandle,
    lossy: bool,
    log: Mutex<Vec<String>>,
    calls: Mutex<HashMap<u64, PhoneLeg>>,
}

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let loopback = IpAddr::V4(Ipv4Addr::LOCALHOST);
    let phones = PhoneEndpoint::start(SocketAddr::new(loopback, 7883), &[loopback])?;
    let (handle, mut events) = sfu::start(SocketAddr::new(loopback, 7882), &[loopback])?;
    let loss: Option<u64> = std::env::var("PROBE_LOSS").ok().and_then(|value| value.parse().ok());
    let lossy = loss.is_some();
    if let Some(percent) = loss {
        tokio::spawn(lossy_path(percent));
    }
    let probe = Arc::new(Probe { phones, sfu: handle, lossy, log: Mutex::default(), calls: Mutex::default() });
    let teller = Arc::clone(&probe);
    tokio::spawn(async move {
        while let Some(event) = events.recv().await {
            relay_data(&teller, &event).await;
            teller.log.lock().await.push(format!("{event:?}"));
        }
    });
    let listener = TcpListener::bind((loopback, 8099)).await?;
    println!("http://127.0.0.1:8099/");
    loop {
        let (stream, _) = listener.accept().await?;
        let probe = Arc::clone(&probe);
        tokio::spawn(async move {
            if let Err(error) = serve(stream, probe).await {
                eprintln!("{error}");
            }
        });
    }
}

/// Data goes to everybody else: peers are numbered from 1.
async fn relay_data(probe: &Probe, event: &SfuEvent) {
    let SfuEvent::Data { peer, channel, bytes } = event else {
        return;
    };
    for other in (1..=8).map(PeerId).filter(|other| other != peer) {
        let _ = probe.sfu.send_data(other, *channel, bytes.clone()).await;
    }
}

/// A path to the SFU that loses media packets: clients are told port 7890 instead of 7882.
async fn lossy_path(percent: u64) -> std::io::Result<()> {
    let front = Arc::new(UdpSocket::bind("127.0.0.1:7890").await?);
    let mut clients: HashMap<SocketAddr, Arc<UdpSocket>> = HashMap::new();
    let mut buffer = [0; 2048];
    loop {
        let (length, from) = front.recv_from(&mut buffer).await?;
        if let std::collections::hash_map::Entry::Vacant(client) = clients.entry(from) {
            let back = Arc::new(UdpSocket::bind("127.0.0.1:0").await?);
            back.connect("127.0.0.1:7882").await?;
            client.insert(Arc::clone(&back));
            let front = Arc::clone(&front);
            tokio::spawn(async move {
                let mut buffer = [0; 2048];
                while let Ok(length) = back.recv(&mut buffer).await {
                    if !lost(&buffer[..length], percent) {
                        let _ = front.send_to(&buffer[..length], from).await;
                    }
                }
            });
        }
        if !lost(&buffer[..length], percent)
            && let Some(back) = clients.get(&from)
        {
            let _ = back.send(&buffer[..length]).await;
        }
    }
}

/// RTP, not RTCP, so that losses can be counted.
fn lost(data: &[u8], percent: u64) -> bool {
    let media = data.len() > 12 && (128..192).contains(&data[0]) && !(192..224).contains(&data[1]);
    media && rand::random::<u64>() % 100 < percent
}

async fn serve(mut stream: TcpStream, probe: Arc<Probe>) -> Result<(), Failure> {
    let (target, body) = read_request(&mut stream).await?;
    let (path, query) = target.split_once('?').unwrap_or((&target, ""));
    let query: HashMap<&str, &str> = query.split('&').filter_map(|pair| pair.split_once('=')).collect();
    let (status, text) = match route(&probe, path, &query, body).await {
        Ok(text) if probe.lossy => ("200 OK", text.replace(" 7882 typ host", " 7890 typ host")),
        Ok(text) => ("200 OK", text),
        Err(error) => ("400 Bad Request", error.to_string()),
    };
    let kind = if path == "/" { "text/html" } else { "text/plain" };
    let head = format!(
        "HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        text.len()
    );
    stream.write_all(head.as_bytes()).await?;
    stream.write_all(text.as_bytes()).await?;
    Ok(())
}

async fn read_request(stream: &mut TcpStream) -> Result<(String, String), Failure> {
    let mut data = Vec::new();
    let mut buffer = [0; 16_384];
    loop {
        let length = stream.read(&mut buffer).await?;
        data.extend_from_slice(&buffer[..length]);
        let text = String::from_utf8_lossy(&data).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let wanted = head
                .lines()
                .find_map(|line| line.to_ascii_lowercase().strip_prefix("content-length:")?.trim().parse().ok())
                .unwrap_or(0);
            if body.len() >= wanted {
                let target = head.split(' ').nth(1).unwrap_or("/").to_owned();
                return Ok((target, body.to_owned()));
            }
        }
        if length == 0 {
            return Err("incomplete request".into());
        }
    }
}

async fn route(probe: &Arc<Probe>, path: &str, query: &HashMap<&str, &str>, body: String) -> Result<String, Failure> {
    let number = |key: &str| query.get(key).and_then(|value| value.parse::<u64>().ok()).unwrap_or(0);
    let (peer, track, sfu) = (PeerId(number("peer")), TrackId(number("track")), &probe.sfu);
    Ok(match path {
        "/" => "<!doctype html><title>probe</title><video id=v autoplay muted playsinline></video>".into(),
        "/log" => probe.log.lock().await.join("\n"),
        "/phone/answer" => {
            let (leg, answer) = probe.phones.answer(&body, &codecs(query)).await?;
            tokio::spawn(echo(leg, Arc::clone(probe)));
            answer
        }
        "/phone/offer" => {
            let (leg, offer) = probe.phones.offer(&codecs(query)).await?;
            probe.calls.lock().await.insert(number("call"), leg);
            offer
        }
        "/phone/set_answer" => {
            let mut leg = probe.calls.lock().await.remove(&number("call")).ok_or("no such call")?;
            leg.set_answer(&body).await?;
            tokio::spawn(echo(leg, Arc::clone(probe)));
            String::new()
        }
        "/sfu/join" => {
            let shape = if query.get("shape") == Some(&"dual") { Shape::Dual } else { Shape::Single };
            sfu.add_peer(peer, shape).await?;
            String::new()
        }
        "/sfu/leave" => {
            sfu.remove_peer(peer).await?;
            String::new()
        }
        "/sfu/publish" => {
            let kind = if query.get("kind") == Some(&"audio") { Kind::Audio } else { Kind::Video };
            let layer = |quality, width, height| LayerSpec { quality, width, height };
            let layers = match kind {
                Kind::Video => vec![
                    layer(Quality::Low, 320, 180),
                    layer(Quality::Medium, 640, 360),
                    layer(Quality::High, 1280, 720),
                ],
                _ => Vec::new(),
            };
            sfu.publish(peer, TrackSpec { track, cid: body, kind, layers }).await?;
            String::new()
        }
        "/sfu/offer" => sfu.remote_offer(peer, body).await?.sdp,
        "/sfu/create_offer" => sfu.create_offer(peer).await?.map(|offer| offer.sdp).unwrap_or_default(),
        "/sfu/answer" => {
            sfu.set_answer(peer, body).await?;
            String::new()
        }
        "/sfu/subscribe" => {
            let (stream, name) = (format!("PA_x|TR_{}", track.0), format!("TR_{}", track.0));
            sfu.subscribe(peer, track, SubscriptionSpec { stream, name, settings: settings(query) }).await?;
            String::new()
        }
        "/sfu/unsubscribe" => {
            sfu.unsubscribe(peer, track).await?;
            String::new()
        }
        "/sfu/settings" => {
            sfu.set_settings(peer, track, settings(query)).await?;
            String::new()
        }
        "/sfu/mute" => {
            sfu.set_muted(track, query.get("muted") == Some(&"1")).await?;
            String::new()
        }
        "/sfu/data" => {
            sfu.send_data(peer, sfu::Channel::Reliable, Bytes::from(body)).await?;
            String::new()
        }
        _ => return Err("no such page".into()),
    })
}

fn codecs(query: &HashMap<&str, &str>) -> Vec<AudioCodec> {
    match query.get("codec") {
        Some(&"opus") => vec![AudioCodec::Opus],
        Some(&"pcmu") => vec![AudioCodec::Pcmu],
        Some(&"g722") => vec![AudioCodec::G722],
        Some(&"pcma") => vec![AudioCodec::Pcma],
        _ => vec![AudioCodec::Opus, AudioCodec::Pcma, AudioCodec::Pcmu],
    }
}

fn settings(query: &HashMap<&str, &str>) -> Settings {
    let quality = match query.get("quality") {
        Some(&"low") => Quality::Low,
        Some(&"medium") => Quality::Medium,
        _ => Quality::High,
    };
    Settings { enabled: query.get("off").is_none(), quality, size: None }
}

/// Sends the browser's own sound back.
async fn echo(mut leg: PhoneLeg, probe: Arc<Probe>) {
    probe.log.lock().await.push(format!("phone media {:?}", leg.media()));
    let mut packets = 0u32;
    while let Some(event) = leg.recv().await {
        match event {
            PhoneEvent::Rtp(packet) => {
                packets += 1;
                leg.write_rtp(packet);
            }
            other => probe.log.lock().await.push(format!("phone {other:?}")),
        }
        if packets == 100 {
            probe.log.lock().await.push("phone heard 100 packets".into());
        }
    }
    probe.log.lock().await.push(format!("phone ended after {packets} packets"));
}
