//! The whole edge over real sockets, against user agents played here.

use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use futures_util::{Sink, Stream};
use liandong_sip::{Message, Method, Name, Request, Response};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UdpSocket};
use tokio::sync::mpsc;

use super::hub::{Hub, certificate};
use super::stage::{Stage, agent, answer_to, from_callee, invite, register, within};
use crate::calls::call::{LegCommand, LegEvent, LegId, Party};
use crate::calls::edge::{EdgeEvent, Frame, Source, media_leg};

const PATIENCE: Duration = Duration::from_secs(10);

/// A user agent on UDP.
struct Agent {
    socket: UdpSocket,
    hub: SocketAddr,
}

impl Agent {
    async fn new(ip: &str, hub: &Hub) -> Self {
        Self { socket: UdpSocket::bind((ip, 0)).await.unwrap(), hub: hub.edge.addresses().udp }
    }

    async fn send(&self, text: &str) {
        // The Contact of the played messages, at where this one really is.
        let text = text.replace("gw@127.0.0.2:5060", &format!("gw@{}", self.socket.local_addr().unwrap()));
        self.socket.send_to(text.as_bytes(), self.hub).await.unwrap();
    }

    async fn message(&self) -> Message {
        let mut buffer = vec![0; 65_535];
        let length = tokio::time::timeout(PATIENCE, self.socket.recv(&mut buffer)).await.unwrap().unwrap();
        Message::parse(Bytes::copy_from_slice(&buffer[..length])).unwrap()
    }

    /// The next answer that is no 100.
    async fn response(&self) -> Response {
        loop {
            if let Message::Response(response) = self.message().await
                && response.status > 100
            {
                return response;
            }
        }
    }

    async fn request(&self, method: Method) -> Request {
        loop {
            if let Message::Request(request) = self.message().await
                && request.method == method
            {
                return request;
            }
        }
    }

    async fn register(&self, extension: u32) {
        let contact = format!("sip:{extension}@{}", self.socket.local_addr().unwrap());
        let text = register(extension, &contact, &contact);
        self.send(&text).await;
        let challenge = self.response().await;
        let again = Stage::new().proved(&text, &challenge, &extension.to_string(), &extension.to_string());
        self.send(&again).await;
        assert_eq!(self.response().await.status, 200);
    }
}

/// A description with a real port.
fn sdp(media: &UdpSocket) -> String {
    let address = media.local_addr().unwrap();
    super::stage::SDP.replace("127.0.0.1", &address.ip().to_string()).replace("4000", &address.port().to_string())
}

fn rtp_port(sdp: &Bytes) -> u16 {
    let sdp = liandong_sip::Sdp::parse(sdp).unwrap();
    sdp.media[0].port
}

/// A second of A-law packets whose every byte is `tone`; what the other side heard last.
async fn speak(from: &UdpSocket, to: SocketAddr, tone: u8, other: &UdpSocket) -> Vec<u8> {
    let mut heard = vec![0; 2_000];
    for sequence in 0..250u16 {
        let mut packet = vec![0x80, 8];
        packet.extend(sequence.to_be_bytes());
        packet.extend((u32::from(sequence) * 160).to_be_bytes());
        packet.extend(u32::from(tone).to_be_bytes());
        packet.extend([tone; 160]);
        from.send_to(&packet, to).await.unwrap();
        let wait = tokio::time::timeout(Duration::from_millis(20), other.recv(&mut heard)).await;
        if let Ok(Ok(length)) = wait
            && length == 172
            && heard[12..length].iter().all(|byte| *byte == tone)
        {
            return heard[..length].to_vec();
        }
    }
    panic!("nothing of {tone:#x} was heard");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_from_the_trunk_reaches_the_phone_and_both_hear_each_other() {
    let mut hub = Hub::start(0, 31_000).await;
    let phone = Agent::new("127.0.0.1", &hub).await;
    phone.register(8001).await;
    assert!(matches!(hub.event().await, EdgeEvent::Registered { agent: who, .. } if who == agent(8001)));
    assert!(hub.edge.is_registered(agent(8001)) && !hub.edge.is_registered(agent(8002)));

    let caller = Agent::new("127.0.0.2", &hub).await;
    let (caller_media, phone_media) =
        (UdpSocket::bind("127.0.0.2:0").await.unwrap(), UdpSocket::bind("127.0.0.1:0").await.unwrap());
    caller.send(&invite("loop", &sdp(&caller_media))).await;
    let EdgeEvent::Incoming { call, caller_leg, source, .. } = hub.event().await else { panic!() };
    assert_eq!(source, Source::Trunk("demo-in".into()));
    hub.edge.command(call, caller_leg, LegCommand::Ring);
    assert_eq!(caller.response().await.status, 180);
    hub.edge.command(call, caller_leg, LegCommand::Answer);
    let ok = caller.response().await;
    caller.send(&within("ACK", 1, &ok, "")).await;

    hub.edge.command(call, LegId(1), LegCommand::Invite(Party::Agent(agent(8001))));
    let ring = phone.request(Method::Invite).await;
    phone.send(&answer_to(&ring, 180, "p")).await;
    assert_eq!(hub.leg_event(LegId(1)).await, LegEvent::Ringing);
    phone.send(&answer_with(&ring, &sdp(&phone_media))).await;
    assert_eq!(hub.leg_event(LegId(1)).await, LegEvent::Answered);
    phone.request(Method::Ack).await;
    hub.engine.bridge(media_leg(call, LegId(0)), media_leg(call, LegId(1))).await.unwrap();

    let to_hub = |sdp: &Bytes| SocketAddr::from(([127, 0, 0, 1], rtp_port(sdp)));
    speak(&caller_media, to_hub(&ok.body), 0x55, &phone_media).await;
    speak(&phone_media, to_hub(&ring.body), 0x2a, &caller_media).await;

    // Hold as phones do it, and the end.
    let held = sdp(&caller_media).replace("m=audio", "a=sendonly\r\nm=audio");
    caller.send(&within("INVITE", 2, &ok, &held)).await;
    let answer = caller.response().await;
    assert!(String::from_utf8_lossy(&answer.body).contains("a=recvonly"));
    caller.send(&within("ACK", 2, &ok, "")).await;
    assert_eq!(hub.leg_event(caller_leg).await, LegEvent::HoldRequested);
    phone.send(&from_callee("BYE", 1, &ring, "p")).await;
    assert_eq!(phone.response().await.status, 200);
    assert_eq!(hub.leg_event(LegId(1)).await, LegEvent::HungUp);
    hub.edge.command(call, caller_leg, LegCommand::HangUp);
    caller.request(Method::Bye).await;
    while hub.engine.load().await.unwrap().legs > 0 {
        tokio::task::yield_now().await;
    }
}

fn answer_with(invite: &Request, sdp: &str) -> String {
    let answer = answer_to(invite, 200, "p");
    let Ok(Message::Response(mut response)) = Message::parse(Bytes::from(answer)) else { panic!() };
    response.body = Bytes::from(sdp.to_owned());
    String::from_utf8(response.encode().to_vec()).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_description_that_does_not_fit_is_refused_by_name() {
    let mut hub = Hub::start(0, 31_400).await;
    let caller = Agent::new("127.0.0.2", &hub).await;
    caller.send(&invite("g729", &super::stage::SDP.replace("RTP/AVP 8 101", "RTP/AVP 18"))).await;
    let refused = caller.response().await;
    assert_eq!(refused.status, 488);
    let warning = refused.headers.get(Name::Warning).unwrap().into_owned();
    assert!(warning.contains("no common codec") && warning.contains("PCMA"), "{warning}");
    caller.send(&invite("junk", "v=0\r\njunk")).await;
    // The ACK for the first has not come, so its 488 may come once more.
    let unreadable = loop {
        let response = caller.response().await;
        if response.headers.call_id().unwrap() == "junk" {
            break response;
        }
    };
    assert!(unreadable.headers.get(Name::Warning).unwrap().contains("cannot be read"));
    assert!(hub.events.try_recv().is_err());
    // The refusal does not wait for the media to be given back.
    tokio::time::timeout(std::time::Duration::from_secs(30), async {
        while hub.engine.load().await.unwrap().calls > 0 {
            tokio::task::yield_now().await;
        }
    })
    .await
    .expect("the refused call's media is given back");
}

fn options(number: usize) -> String {
    format!(
        "OPTIONS sip:hub SIP/2.0\r\nVia: SIP/2.0/TCP h;branch=z9hG4bKo{number}\r\nMax-Forwards: 70\r\nFrom: <sip:a@h>;tag=1\r\n\
         To: <sip:hub>\r\nCall-ID: o{number}\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n"
    )
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_peer_that_does_not_read_is_cut_and_nobody_else_waits() {
    let hub = Hub::start(0, 31_800).await;
    let tcp = hub.edge.addresses().tcp;
    let mut slow = TcpStream::connect(tcp).await.unwrap();
    let flood: String = (0..400).map(options).collect();
    // It sends and never reads, until it is cut: its socket then gives an error.
    let stuck = tokio::spawn(async move {
        loop {
            if slow.write_all(flood.as_bytes()).await.is_err() {
                return;
            }
        }
    });
    let mut quick = TcpStream::connect(tcp).await.unwrap();
    let mut buffer = vec![0; 4_096];
    quick.write_all(b"\r\n\r\n").await.unwrap();
    let length = tokio::time::timeout(PATIENCE, quick.read(&mut buffer)).await.unwrap().unwrap();
    assert_eq!(&buffer[..length], b"\r\n", "a ping is answered");
    quick.write_all(options(999_999).as_bytes()).await.unwrap();
    let length = tokio::time::timeout(PATIENCE, quick.read(&mut buffer)).await.unwrap().unwrap();
    assert!(buffer[..length].starts_with(b"SIP/2.0 "));
    tokio::time::timeout(Duration::from_secs(60), stuck).await.expect("the slow peer was never cut").unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn foreign_bytes_on_a_stream_end_it() {
    let hub = Hub::start(0, 32_200).await;
    for junk in [
        &b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"[..],
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
        b"OPTIONS sip:a SIP/2.0\r\nVia: SIP/2.0/TCP h;branch=z9hG4bK1\r\nContent-Length: -1\r\n\r\n",
    ] {
        let mut stream = TcpStream::connect(hub.edge.addresses().tcp).await.unwrap();
        stream.write_all(junk).await.unwrap();
        let mut rest = Vec::new();
        // It may end with a reset, because not all was read.
        let _ = tokio::time::timeout(PATIENCE, stream.read_to_end(&mut rest)).await.expect("the stream was not ended");
    }
}

/// A page's end of a WebSocket without a library.
struct Page {
    to_hub: mpsc::Sender<Frame>,
    from_hub: mpsc::Receiver<Frame>,
}

impl Page {
    async fn send(&mut self, text: &str) {
        self.to_hub.send(Frame::Text(text.to_owned())).await.unwrap();
    }

    async fn response(&mut self) -> Response {
        let frame = tokio::time::timeout(PATIENCE, self.from_hub.recv()).await.unwrap().unwrap();
        let Frame::Text(text) = frame else { panic!("{frame:?}") };
        let Ok(Message::Response(response)) = Message::parse(Bytes::from(text)) else { panic!() };
        response
    }
}

/// The hub's end, and the page's.
fn websocket() -> (impl Stream<Item = Result<Frame, ()>> + Sink<Frame> + Unpin + Send, Page) {
    let (to_hub, from_page) = mpsc::channel(16);
    let (to_page, from_hub) = mpsc::channel::<Frame>(16);
    let stream = futures_util::stream::unfold(from_page, |mut from_page: mpsc::Receiver<Frame>| async {
        from_page.recv().await.map(|frame| (Ok::<Frame, ()>(frame), from_page))
    });
    let sink = futures_util::sink::unfold(to_page, |to_page, frame: Frame| async {
        to_page.send(frame).await.map_err(|_| ())?;
        Ok::<_, ()>(to_page)
    });
    (Both(Box::pin(stream), Box::pin(sink)), Page { to_hub, from_hub })
}

/// A stream and a sink as one.
struct Both<A, B>(Pin<Box<A>>, Pin<Box<B>>);

impl<A: Stream, B> Stream for Both<A, B> {
    type Item = A::Item;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.0.as_mut().poll_next(cx)
    }
}

impl<A, B: Sink<Frame>> Sink<Frame> for Both<A, B> {
    type Error = B::Error;

    fn poll_ready(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), B::Error>> {
        self.1.as_mut().poll_ready(cx)
    }

    fn start_send(mut self: Pin<&mut Self>, frame: Frame) -> Result<(), B::Error> {
        self.1.as_mut().start_send(frame)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), B::Error>> {
        self.1.as_mut().poll_flush(cx)
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), B::Error>> {
        self.1.as_mut().poll_close(cx)
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_browser_registers_and_is_gone_with_its_socket() {
    let mut hub = Hub::start(0, 32_600).await;
    let (socket, mut page) = websocket();
    let edge = hub.edge.clone();
    let serving = tokio::spawn(async move { edge.websocket(socket, "127.0.0.1:9".parse().unwrap()).await });
    let text = register(8002, "sip:abc@x.invalid;transport=ws", "ws").replace("UDP 127.0.0.1:5080", "WS x.invalid");
    page.send(&text).await;
    let challenge = page.response().await;
    page.send(&Stage::new().proved(&text, &challenge, "8002", "8002")).await;
    assert_eq!(page.response().await.status, 200);
    assert!(matches!(hub.event().await, EdgeEvent::Registered { .. }));
    drop(page);
    assert_eq!(hub.event().await, EdgeEvent::Unregistered { agent: agent(8002) });
    assert!(!hub.edge.is_registered(agent(8002)));
    tokio::time::timeout(PATIENCE, serving).await.unwrap().unwrap();
}

/// What Chromium says, with `setup` as given.
fn chromium(setup: &str) -> String {
    let fingerprint = (0..32).map(|n| format!("{n:02X}")).collect::<Vec<_>>().join(":");
    format!(
        "v=0\r\no=- 4611 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0\r\na=msid-semantic: WMS s\r\n\
         m=audio 9 UDP/TLS/RTP/SAVPF 111 8 0 126\r\nc=IN IP4 0.0.0.0\r\na=rtcp:9 IN IP4 0.0.0.0\r\n\
         a=ice-ufrag:abcd\r\na=ice-pwd:abcdefghijklmnopqrstuvwx\r\na=ice-options:trickle\r\n\
         a=fingerprint:sha-256 {fingerprint}\r\na=setup:{setup}\r\na=mid:0\r\na=sendrecv\r\na=rtcp-mux\r\n\
         a=rtpmap:111 opus/48000/2\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:0 PCMU/8000\r\n\
         a=rtpmap:126 telephone-event/8000\r\na=ssrc:1234 cname:x\r\n"
    )
}

async fn open_page(hub: &Hub, contact: &str) -> Page {
    let (socket, mut page) = websocket();
    let edge = hub.edge.clone();
    tokio::spawn(async move { edge.websocket(socket, "127.0.0.1:9".parse().unwrap()).await });
    let text = register(8001, contact, contact).replace("UDP 127.0.0.1:5080", "WS x.invalid");
    page.send(&text).await;
    let challenge = page.response().await;
    page.send(&Stage::new().proved(&text, &challenge, "8001", "8001")).await;
    assert_eq!(page.response().await.status, 200);
    page
}

impl Page {
    async fn request(&mut self, method: Method) -> Request {
        loop {
            let frame = tokio::time::timeout(PATIENCE, self.from_hub.recv()).await.unwrap().unwrap();
            let Frame::Text(text) = frame else { continue };
            if let Ok(Message::Request(request)) = Message::parse(Bytes::from(text))
                && request.method == method
            {
                return request;
            }
        }
    }

    /// Answers the INVITE as the page with this contact does.
    async fn take(&mut self, invite: &Request, contact: &str) {
        let answer = answer_to(invite, 200, "p").replace("sip:p@127.0.0.1:5090", contact);
        let Ok(Message::Response(mut response)) = Message::parse(Bytes::from(answer)) else { panic!() };
        response.body = Bytes::from(chromium("active"));
        self.send(std::str::from_utf8(&response.encode()).unwrap()).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_browser_takes_a_call_and_takes_it_up_again_after_a_reload() {
    let mut hub = Hub::start(0, 33_000).await;
    let (first, second) = ("sip:abc@x.invalid;transport=ws", "sip:def@y.invalid;transport=ws");
    let mut page = open_page(&hub, first).await;
    assert!(matches!(hub.event().await, EdgeEvent::Registered { .. }));
    let caller = Agent::new("127.0.0.2", &hub).await;
    caller.send(&invite("web", super::stage::SDP)).await;
    let EdgeEvent::Incoming { call, caller_leg, .. } = hub.event().await else { panic!() };
    hub.edge.command(call, caller_leg, LegCommand::Answer);
    let ok = caller.response().await;
    caller.send(&within("ACK", 1, &ok, "")).await;
    hub.edge.command(call, LegId(1), LegCommand::Invite(Party::Agent(agent(8001))));
    let ring = page.request(Method::Invite).await;
    let offer = String::from_utf8_lossy(&ring.body).into_owned();
    assert!(offer.contains("UDP/TLS/RTP/SAVPF") && offer.contains("a=ice-lite") && offer.contains("PCMA"), "{offer}");
    page.take(&ring, first).await;
    page.request(Method::Ack).await;
    assert_eq!(hub.leg_event(LegId(1)).await, LegEvent::Answered);
    hub.engine.bridge(media_leg(call, LegId(0)), media_leg(call, LegId(1))).await.unwrap();

    drop(page);
    assert_eq!(hub.event().await, EdgeEvent::Unregistered { agent: agent(8001) });
    let mut page = open_page(&hub, second).await;
    assert!(matches!(hub.event().await, EdgeEvent::Registered { .. }));
    hub.edge.reattach(call, LegId(1));
    let again = page.request(Method::Invite).await;
    assert!(again.headers.has("X-Liandong-Reattach") && again.headers.has(Name::Replaces));
    page.take(&again, second).await;
    page.request(Method::Ack).await;
    assert_eq!(hub.leg_event(LegId(1)).await, LegEvent::MediaChanged);
    assert_eq!(hub.engine.load().await.unwrap().legs, 2, "the same two legs");
    hub.edge.command(call, LegId(1), LegCommand::HangUp);
    assert_eq!(page.request(Method::Bye).await.headers.call_id(), again.headers.call_id());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_browser_calls_and_is_answered_in_its_own_kind() {
    let mut hub = Hub::start(0, 33_400).await;
    let contact = "sip:abc@x.invalid;transport=ws";
    let mut page = open_page(&hub, contact).await;
    assert!(matches!(hub.event().await, EdgeEvent::Registered { .. }));
    let text = invite("webout", &chromium("actpass")).replace("UDP 127.0.0.2:5060", "WS x.invalid");
    let text = text.replace("sip:gw@127.0.0.2:5060", contact);
    page.send(&text).await;
    let challenge = page.response().await;
    assert_eq!(challenge.status, 407);
    page.send(&Stage::new().proved(&text, &challenge, "8001", "8001")).await;
    let EdgeEvent::Incoming { call, caller_leg, source, .. } = hub.event().await else { panic!() };
    assert_eq!(source, Source::Agent(agent(8001)));
    hub.edge.command(call, caller_leg, LegCommand::Answer);
    let ok = loop {
        let answer = page.response().await;
        if answer.status == 200 {
            break answer;
        }
    };
    let answer = String::from_utf8_lossy(&ok.body).into_owned();
    assert!(answer.contains("UDP/TLS/RTP/SAVPF") && answer.contains("a=setup:passive"), "{answer}");
    assert!(ok.headers.get(Name::Contact).unwrap().contains("transport=ws"));
}

#[tokio::test]
async fn a_telephone_may_come_over_tls() {
    let (tls, trusted) = certificate();
    let hub = Hub::start_with(0, 41_000, Some(tls)).await;
    let address = hub.edge.addresses().tls.unwrap();
    let mut roots = rustls::RootCertStore::empty();
    roots.add(trusted).unwrap();
    let ring = Arc::new(rustls::crypto::ring::default_provider());
    let client = rustls::ClientConfig::builder_with_provider(ring).with_safe_default_protocol_versions().unwrap();
    let client = client.with_root_certificates(roots).with_no_client_auth();
    let connector = tokio_rustls::TlsConnector::from(Arc::new(client));
    let stream = TcpStream::connect(address).await.unwrap();
    let mut stream = connector.connect("localhost".try_into().unwrap(), stream).await.unwrap();
    let options = "OPTIONS sip:hub SIP/2.0\r\nVia: SIP/2.0/TLS 127.0.0.1;branch=z9hG4bKt\r\nMax-Forwards: 70\r\n\
                   From: <sip:a@hub>;tag=t\r\nTo: <sip:hub>\r\nCall-ID: tls\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n";
    stream.write_all(options.as_bytes()).await.unwrap();
    let mut answer = vec![0; 4_096];
    let length = stream.read(&mut answer).await.unwrap();
    let answer = String::from_utf8_lossy(&answer[..length]).into_owned();
    assert!(answer.starts_with("SIP/2.0 200") && answer.contains("SIP/2.0/TLS"), "{answer}");
    // Plain text at that door is no SIP.
    let mut plain = TcpStream::connect(address).await.unwrap();
    plain.write_all(options.as_bytes()).await.unwrap();
    let mut rest = Vec::new();
    let _ = plain.read_to_end(&mut rest).await;
    assert!(!rest.starts_with(b"SIP"));
}
