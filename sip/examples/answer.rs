//! A user agent that answers every call: shows how a shell drives the crate, and is what SIPp is
//! let loose on. One owner of all state; threads only read sockets.
//!
//! `cargo run --release -p liandong-sip --example answer -- 127.0.0.1:5060 [PASSWORD]`: with
//! a password, REGISTER must prove it.

use std::{
    collections::HashMap,
    error::Error,
    io::{Read, Write},
    net::{SocketAddr, TcpListener, TcpStream, UdpSocket},
    sync::mpsc::{self, Receiver, RecvTimeoutError, Sender},
    thread,
    time::{Duration, Instant},
};

use liandong_sip::{
    Bytes, Dialog, DialogId, Endpoint, Flow, Method, Millis, Name, NameAddr, Output, Request, Response, Sdp, ServerKey,
    Transport, Uri,
    digest::{Authenticator, Offer, Secret},
    flow::ConnectionId,
    framing::{self, Datagram, Frame, StreamFramer},
    registrar::{Bindings, Lifetimes, Registration},
    sdp::{AudioCodec, Direction, Ours, Security, negotiate_audio},
    transaction::Config,
};

/// What the reading threads tell.
enum Input {
    Message(Flow, Bytes),
    Opened(Flow, TcpStream),
    Closed(Flow),
}

struct Agent {
    endpoint: Endpoint,
    udp: UdpSocket,
    streams: HashMap<ConnectionId, TcpStream>,
    dialogs: HashMap<DialogId, Dialog>,
    bindings: Bindings,
    guard: Authenticator,
    password: Option<String>,
    contact: NameAddr,
    local: SocketAddr,
}

fn main() -> Result<(), Box<dyn Error>> {
    let local: SocketAddr = std::env::args().nth(1).unwrap_or("127.0.0.1:5060".into()).parse()?;
    let udp = UdpSocket::bind(local)?;
    let (sender, inputs) = mpsc::channel();
    read_datagrams(udp.try_clone()?, local, sender.clone());
    accept(TcpListener::bind(local)?, local, sender);
    let contact = NameAddr::new(Uri::parse(&format!("sip:answer@{local}"))?);
    // An example may be guessed; a server takes its seed from the system's random source.
    let endpoint = Endpoint::new(Config::default(), [1; 32]);
    let agent = Agent {
        endpoint,
        udp,
        streams: HashMap::new(),
        dialogs: HashMap::new(),
        bindings: Bindings::new(),
        guard: Authenticator::new("answer", &[2; 32]),
        password: std::env::args().nth(2),
        contact,
        local,
    };
    agent.run(&inputs);
    Ok(())
}

impl Agent {
    fn run(mut self, inputs: &Receiver<Input>) {
        let start = Instant::now();
        let clock = || Millis(start.elapsed().as_millis() as u64);
        let mut shown = 0;
        loop {
            let wait = self.endpoint.poll_timeout().map_or(1_000, |at| at.since(clock()).min(1_000));
            match inputs.recv_timeout(Duration::from_millis(wait)) {
                Ok(Input::Message(flow, bytes)) => self.endpoint.handle_bytes(flow, bytes, clock()),
                Ok(Input::Opened(flow, stream)) => drop(self.streams.insert(flow.connection, stream)),
                Ok(Input::Closed(flow)) => {
                    self.streams.remove(&flow.connection);
                    self.endpoint.handle_transport_error(flow);
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return,
            }
            self.endpoint.handle_timeout(clock());
            while let Some(output) = self.endpoint.poll_output() {
                self.perform(output, clock());
            }
            if clock().0 / 10_000 > shown {
                shown = clock().0 / 10_000;
                eprintln!("{:?} transactions, {} dialogs", self.endpoint.len(), self.dialogs.len());
            }
        }
    }

    fn perform(&mut self, output: Output, now: Millis) {
        match output {
            Output::Send { flow, bytes } if flow.transport == Transport::Udp => {
                let _ = self.udp.send_to(&bytes, flow.remote);
            }
            Output::Send { flow, bytes } => {
                let sent = self.streams.get(&flow.connection).map(|mut stream| stream.write_all(&bytes));
                if !matches!(sent, Some(Ok(()))) {
                    self.streams.remove(&flow.connection);
                }
            }
            Output::Request { key, request, flow, .. } if request.method == Method::Register => {
                self.register(key, &request, flow, now);
            }
            Output::Request { key, request, tag, .. } => self.answer(key, &request, &tag, now),
            _ => {}
        }
    }

    fn answer(&mut self, key: ServerKey, request: &Request, tag: &str, now: Millis) {
        let dialog = DialogId::of_request(request);
        if let Some(dialog) = dialog.as_ref().and_then(|id| self.dialogs.get_mut(id)) {
            let answer = match dialog.receive(request) {
                Ok(()) => dialog.answer(request, 200, ""),
                Err(refusal) => Response::to(request, refusal.status, &refusal.reason),
            };
            if request.method == Method::Bye {
                let id = dialog.id().clone();
                self.dialogs.remove(&id);
            }
            let _ = self.endpoint.respond(key, answer, now);
            return;
        }
        let answer = match request.method {
            _ if dialog.is_some() => Response::to(request, 481, ""),
            Method::Invite => return self.take_call(key, request, tag, now),
            Method::Options | Method::Message => Response::to(request, 200, ""),
            _ => Response::to(request, 501, ""),
        };
        let _ = self.endpoint.respond(key, answer, now);
    }

    fn register(&mut self, key: ServerKey, request: &Request, flow: Flow, now: Millis) {
        if let Some(password) = &self.password {
            let verdict = self.guard.verify(request, |_, _| Some(Secret::Password(password.clone())), now);
            if verdict.account().is_none() {
                let mut challenge = Response::to(request, 401, "");
                let agent = request.headers.get(Name::UserAgent);
                let offer = Offer::for_client(agent.as_deref());
                self.guard.challenge(&mut challenge, offer, verdict.is_stale(), now);
                return self.endpoint.respond_once(key, challenge);
            }
        }
        let read = Registration::read(request, &Lifetimes::default());
        let done = read.and_then(|wanted| self.bindings.apply(&wanted, flow, now).map(|changes| (wanted, changes)));
        let answer = match done {
            Ok((wanted, changes)) => {
                eprintln!("{} changes for {}", changes.len(), wanted.aor);
                self.bindings.answer(request, &wanted, now)
            }
            Err(refusal) => Response::to(request, refusal.status, &refusal.reason),
        };
        let _ = self.endpoint.respond(key, answer, now);
    }

    fn take_call(&mut self, key: ServerKey, request: &Request, tag: &str, now: Millis) {
        let ours = Ours {
            rtp: SocketAddr::new(self.local.ip(), 10_000),
            codecs: vec![AudioCodec::Pcma, AudioCodec::Pcmu],
            events: true,
            direction: Direction::SendRecv,
            security: Security::Plain,
            session: now.0,
            version: 1,
        };
        let agreed = Sdp::parse(&request.body).ok().and_then(|offer| negotiate_audio(&offer, &ours).ok());
        let dialog = Dialog::uas(request, tag, self.contact.clone());
        let (Some((sdp, _)), Ok(mut dialog)) = (agreed, dialog) else {
            let _ = self.endpoint.respond(key, Response::to(request, 488, ""), now);
            return;
        };
        let ringing = dialog.answer(request, 180, "");
        let ok = dialog.answer(request, 200, "").with_body("application/sdp", sdp.to_string());
        self.dialogs.insert(dialog.id().clone(), dialog);
        let _ = self.endpoint.respond(key, ringing, now);
        let _ = self.endpoint.respond(key, ok, now);
    }
}

fn read_datagrams(udp: UdpSocket, local: SocketAddr, sender: Sender<Input>) {
    thread::spawn(move || {
        let mut buffer = vec![0; 65_535];
        while let Ok((length, remote)) = udp.recv_from(&mut buffer) {
            if let Datagram::Message(bytes) = framing::datagram(Bytes::copy_from_slice(&buffer[..length])) {
                let _ = sender.send(Input::Message(Flow::udp(local, remote), bytes));
            }
        }
    });
}

fn accept(listener: TcpListener, local: SocketAddr, sender: Sender<Input>) {
    thread::spawn(move || {
        for (number, stream) in listener.incoming().flatten().enumerate() {
            let Ok(remote) = stream.peer_addr() else { continue };
            let connection = ConnectionId(number as u64 + 1);
            let flow = Flow { transport: Transport::Tcp, local, remote, connection };
            let sender = sender.clone();
            thread::spawn(move || {
                let _ = read_stream(stream, flow, &sender);
                let _ = sender.send(Input::Closed(flow));
            });
        }
    });
}

fn read_stream(mut stream: TcpStream, flow: Flow, sender: &Sender<Input>) -> Result<(), Box<dyn Error>> {
    sender.send(Input::Opened(flow, stream.try_clone()?))?;
    let (mut framer, mut buffer) = (StreamFramer::new(), vec![0; 16_384]);
    loop {
        let length = stream.read(&mut buffer)?;
        if length == 0 {
            return Ok(());
        }
        framer.push(&buffer[..length]);
        loop {
            match framer.next() {
                Ok(None) => break,
                Ok(Some(Frame::Message(bytes))) => sender.send(Input::Message(flow, bytes))?,
                Ok(Some(Frame::Ping)) => stream.write_all(framing::PONG)?,
                Ok(Some(Frame::Pong)) => {}
                Err(error) => {
                    if let Some(answer) = error.answer {
                        stream.write_all(&answer.encode())?;
                    }
                    return Ok(());
                }
            }
        }
    }
}
