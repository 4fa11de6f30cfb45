//! Telephones as texts: a citizen's at the trunk's address and the far end of the outgoing trunk. No code of ours for SIP,
//! so that a mistake of ours does not meet itself.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::net::UdpSocket;
use tokio::time::timeout;

/// Where the demo's incoming trunk calls from.
pub const TRUNK: &str = "127.0.0.2:0";
/// An answer that takes longer is counted as a call that failed.
const PATIENCE: Duration = Duration::from_secs(20);
/// T1 of RFC 3261: after so long a request is sent again.
const AGAIN: Duration = Duration::from_millis(500);
const LARGEST: usize = 4_096;

/// Where the hub wants the media of a leg.
pub type Targets = Arc<Mutex<HashMap<String, SocketAddr>>>;

/// A citizen in a call.
pub struct Call {
    socket: UdpSocket,
    hub: SocketAddr,
    id: String,
    from: String,
    to: String,
    target: String,
    pub media: SocketAddr,
}

impl Call {
    /// Calls `number`; `None` if it was refused or not answered.
    pub async fn start(hub: SocketAddr, n: u64, number: &str, media: SocketAddr) -> Option<Self> {
        let socket = UdpSocket::bind(TRUNK).await.ok()?;
        let own = socket.local_addr().ok()?;
        let (id, caller) = (format!("bench-{n}@{own}"), format!("137{n:08}"));
        let from = format!("<sip:{caller}@127.0.0.2>;tag=c{n}");
        let (uri, sdp) = (format!("sip:{number}@{hub}"), sdp(media));
        let invite = format!(
            "INVITE {uri} SIP/2.0\r\nVia: SIP/2.0/UDP {own};branch=z9hG4bKi{n}\r\nMax-Forwards: 70\r\nFrom: {from}\r\n\
             To: <{uri}>\r\nCall-ID: {id}\r\nCSeq: 1 INVITE\r\nContact: <sip:{caller}@{own}>\r\n\
             Content-Type: application/sdp\r\nContent-Length: {}\r\n\r\n{sdp}",
            sdp.len()
        );
        let answer = ask(&socket, hub, &invite, "INVITE").await?;
        if !answer.starts_with("SIP/2.0 200") {
            return None;
        }
        let target = header(&answer, "Contact")?.trim_start_matches('<').split(['>', ';']).next()?.to_owned();
        let (to, media) = (header(&answer, "To")?.to_owned(), media_address(&answer)?);
        let call = Self { socket, hub, id, from, to, target, media };
        let ack = call.request("ACK", 1);
        call.socket.send_to(ack.as_bytes(), hub).await.ok()?;
        Some(call)
    }

    /// Hangs up; whether the hub said yes.
    pub async fn hang_up(self) -> bool {
        let bye = self.request("BYE", 2);
        ask(&self.socket, self.hub, &bye, "BYE").await.is_some_and(|a| a.starts_with("SIP/2.0 200"))
    }

    fn request(&self, method: &str, number: u32) -> String {
        let own = self.socket.local_addr().unwrap();
        let Self { target, from, to, id, .. } = self;
        format!(
            "{method} {target} SIP/2.0\r\nVia: SIP/2.0/UDP {own};branch=z9hG4bK{method}{id}\r\nMax-Forwards: 70\r\n\
             From: {from}\r\nTo: {to}\r\nCall-ID: {id}\r\nCSeq: {number} {method}\r\nContent-Length: 0\r\n\r\n"
        )
    }
}

/// Sends a request until something final comes.
pub async fn ask(socket: &UdpSocket, hub: SocketAddr, request: &str, method: &str) -> Option<String> {
    timeout(PATIENCE, async {
        let (mut buffer, mut heard) = ([0; LARGEST], false);
        loop {
            if !heard {
                socket.send_to(request.as_bytes(), hub).await.ok()?;
            }
            let Ok(got) = timeout(AGAIN, socket.recv_from(&mut buffer)).await else { continue };
            let text = String::from_utf8_lossy(&buffer[..got.ok()?.0]);
            if text.starts_with("SIP/2.0 ") && header(&text, "CSeq").is_some_and(|c| c.ends_with(method)) {
                heard = true;
                if !text.starts_with("SIP/2.0 1") {
                    return Some(text.into_owned());
                }
            }
        }
    })
    .await
    .ok()?
}

/// What the far end has seen.
#[derive(Default)]
pub struct Seen {
    pub invited: AtomicU64,
    pub acknowledged: AtomicU64,
}

/// The far end of the outgoing trunk: answers each call at once and remembers where its media goes.
pub async fn far_end(socket: UdpSocket, media: SocketAddr, targets: Targets, seen: Arc<Seen>) {
    let own = socket.local_addr().unwrap();
    let mut buffer = [0; LARGEST];
    while let Ok((length, hub)) = socket.recv_from(&mut buffer).await {
        let text = String::from_utf8_lossy(&buffer[..length]);
        let method = text.split(' ').next().unwrap_or_default();
        match method {
            "INVITE" => {
                seen.invited.fetch_add(1, Ordering::Relaxed);
                if let (Some(id), Some(media)) = (header(&text, "Call-ID"), media_address(&text)) {
                    targets.lock().unwrap().insert(id.to_owned(), media);
                }
                let sdp = sdp(media);
                let more = format!(
                    "Contact: <sip:duty@{own}>\r\nContent-Type: application/sdp\r\nContent-Length: {}\r\n\r\n{sdp}",
                    sdp.len()
                );
                let _ = socket.send_to(answer(&text, &more).as_bytes(), hub).await;
            }
            "ACK" => drop(seen.acknowledged.fetch_add(1, Ordering::Relaxed)),
            "SIP/2.0" => {}
            _ => {
                if let Some(id) = header(&text, "Call-ID") {
                    targets.lock().unwrap().remove(id);
                }
                let _ = socket.send_to(answer(&text, "Content-Length: 0\r\n\r\n").as_bytes(), hub).await;
            }
        }
    }
}

fn answer(request: &str, more: &str) -> String {
    let mut text = "SIP/2.0 200 OK\r\n".to_owned();
    for line in request.lines().take_while(|l| !l.is_empty()) {
        let name = line.split(':').next().unwrap_or_default();
        match name {
            "Via" | "From" | "Call-ID" | "CSeq" | "Record-Route" => text += &format!("{line}\r\n"),
            "To" if line.contains("tag=") => text += &format!("{line}\r\n"),
            "To" => text += &format!("{line};tag=far\r\n"),
            _ => {}
        }
    }
    text + more
}

fn sdp(media: SocketAddr) -> String {
    let (ip, port) = (media.ip(), media.port());
    format!(
        "v=0\r\no=- 1 1 IN IP4 {ip}\r\ns=-\r\nc=IN IP4 {ip}\r\nt=0 0\r\nm=audio {port} RTP/AVP 8 101\r\n\
         a=rtpmap:8 PCMA/8000\r\na=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\na=sendrecv\r\n"
    )
}

/// The first value of a header.
pub fn header<'a>(message: &'a str, name: &str) -> Option<&'a str> {
    let line = message.lines().find(|l| {
        l.len() > name.len() && l.as_bytes()[name.len()] == b':' && l[..name.len()].eq_ignore_ascii_case(name)
    })?;
    Some(line[name.len() + 1..].trim())
}

fn media_address(message: &str) -> Option<SocketAddr> {
    let line = |start: &str| message.lines().find_map(|l| l.strip_prefix(start));
    let (host, port) = (line("c=IN IP4 ")?, line("m=audio ")?);
    format!("{}:{}", host.trim(), port.split(' ').next()?).parse().ok()
}
