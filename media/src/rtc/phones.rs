//! All browser phone legs of one port, and the handles by which the hub makes and uses them.
//!
//! [`PhoneEndpoint`] makes legs, [`PhoneLeg`] is one of them; the legs themselves live in the endpoint's task
//! ([`Phones`]), so that a packet crosses one queue only.

use super::demux::Demux;
use super::endpoint::{self, Driven};
use super::packet::RtpPacket;
use super::phone::{AudioCodec, PhoneEvent, PhoneMedia, PhonePeer};
use super::timers::Timers;
use super::transport::{Identity, TransportError};
use bytes::BytesMut;
use std::collections::{HashMap, VecDeque};
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Instant;
use tokio::sync::{mpsc, oneshot};

/// Most legs on one port; the next call is refused.
const MAX_LEGS: usize = 2000;
/// Events that wait for the owner of a leg: 2.5 s of speech. When full, packets are dropped, like on a network.
const MAX_EVENTS: usize = 128;

/// Why a phone leg was not made.
#[derive(Debug, thiserror::Error)]
pub enum PhoneError {
    /// Description or WebRTC trouble.
    #[error(transparent)]
    Transport(#[from] TransportError),
    /// More than 2000 legs.
    #[error("all {MAX_LEGS} browser phone legs of this port are in use")]
    Full,
    /// The endpoint has stopped.
    #[error("the browser phone endpoint has stopped")]
    Stopped,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
struct LegId(u64);

struct Opened {
    leg: LegId,
    description: String,
    media: Option<PhoneMedia>,
    events: mpsc::Receiver<PhoneEvent>,
}

type Reply<T> = oneshot::Sender<Result<T, PhoneError>>;

/// What the handles ask of the task.
pub struct PhoneCommand(Command);

enum Command {
    Answer { offer: String, codecs: Vec<AudioCodec>, reply: Reply<Opened> },
    Offer { codecs: Vec<AudioCodec>, reply: Reply<Opened> },
    SetAnswer { leg: LegId, answer: String, reply: Reply<PhoneMedia> },
    AcceptOffer { leg: LegId, offer: String, reply: Reply<(String, Option<PhoneMedia>)> },
    Reoffer { leg: LegId, hold: bool, reply: Reply<String> },
    Write { leg: LegId, packet: RtpPacket },
    Close { leg: LegId },
}

/// Makes browser phone legs on one UDP port. Cloning gives another handle to the same port; the task ends with
/// the last handle and leg.
#[derive(Clone)]
pub struct PhoneEndpoint {
    commands: mpsc::Sender<PhoneCommand>,
}

impl PhoneEndpoint {
    /// Binds `address` and starts the task. `advertised` are the addresses that browsers are told, best first.
    ///
    /// # Errors
    /// Where the port cannot be had, or no certificate can be made.
    pub fn start(address: SocketAddr, advertised: &[IpAddr]) -> io::Result<Self> {
        let socket = endpoint::bind(address)?;
        let port = socket.local_addr()?.port();
        let candidates = advertised.iter().map(|ip| SocketAddr::new(*ip, port)).collect();
        let identity = Identity::new(candidates).map_err(io::Error::other)?;
        let (commands, inbox) = mpsc::channel(endpoint::MAX_COMMANDS);
        tokio::spawn(endpoint::run(socket, Phones::new(identity), inbox));
        Ok(Self { commands })
    }

    /// Answers a browser that calls: the leg and the description for the 200 OK.
    ///
    /// # Errors
    /// See [`PhoneError`]; a description without a common codec is a 488 to the browser.
    pub async fn answer(&self, offer: &str, codecs: &[AudioCodec]) -> Result<(PhoneLeg, String), PhoneError> {
        let (offer, codecs) = (offer.to_owned(), codecs.to_vec());
        let opened = ask(&self.commands, |reply| Command::Answer { offer, codecs, reply }).await?;
        Ok(self.leg(opened))
    }

    /// Calls a browser: the leg and the description for the INVITE; then [`PhoneLeg::set_answer`].
    ///
    /// # Errors
    /// See [`PhoneError`].
    pub async fn offer(&self, codecs: &[AudioCodec]) -> Result<(PhoneLeg, String), PhoneError> {
        let codecs = codecs.to_vec();
        let opened = ask(&self.commands, |reply| Command::Offer { codecs, reply }).await?;
        Ok(self.leg(opened))
    }

    fn leg(&self, opened: Opened) -> (PhoneLeg, String) {
        let sender = PhoneSender { leg: opened.leg, commands: self.commands.clone() };
        (PhoneLeg { sender, events: opened.events, media: opened.media }, opened.description)
    }
}

async fn ask<T>(
    commands: &mpsc::Sender<PhoneCommand>,
    make: impl FnOnce(Reply<T>) -> Command,
) -> Result<T, PhoneError> {
    let (reply, answer) = oneshot::channel();
    commands.send(PhoneCommand(make(reply))).await.map_err(|_| PhoneError::Stopped)?;
    answer.await.map_err(|_| PhoneError::Stopped)?
}

/// Sends audio to one leg; cheap to clone.
#[derive(Clone)]
pub struct PhoneSender {
    leg: LegId,
    commands: mpsc::Sender<PhoneCommand>,
}

impl PhoneSender {
    /// Sends a packet to the browser, payload types as in [`PhoneMedia`]. Never waits: when the endpoint is
    /// behind, the packet is lost as on a network, and `false` comes back.
    pub fn write_rtp(&self, packet: RtpPacket) -> bool {
        self.commands.try_send(PhoneCommand(Command::Write { leg: self.leg, packet })).is_ok()
    }
}

/// One browser phone leg; dropping it ends the leg.
pub struct PhoneLeg {
    sender: PhoneSender,
    events: mpsc::Receiver<PhoneEvent>,
    media: Option<PhoneMedia>,
}

impl PhoneLeg {
    /// Takes the browser's answer to [`PhoneEndpoint::offer`] or [`Self::reoffer`].
    ///
    /// # Errors
    /// See [`PhoneError`].
    pub async fn set_answer(&mut self, answer: &str) -> Result<(), PhoneError> {
        let (leg, answer) = (self.sender.leg, answer.to_owned());
        self.media = Some(ask(&self.sender.commands, |reply| Command::SetAnswer { leg, answer, reply }).await?);
        Ok(())
    }

    /// Answers a later offer of the browser (hold, resume, ICE restart).
    ///
    /// # Errors
    /// See [`PhoneError`].
    pub async fn accept_offer(&mut self, offer: &str) -> Result<String, PhoneError> {
        let (leg, offer) = (self.sender.leg, offer.to_owned());
        let (answer, media) = ask(&self.sender.commands, |reply| Command::AcceptOffer { leg, offer, reply }).await?;
        self.media = media;
        Ok(answer)
    }

    /// A later offer of ours: hold or resume.
    ///
    /// # Errors
    /// See [`PhoneError`].
    pub async fn reoffer(&self, hold: bool) -> Result<String, PhoneError> {
        let leg = self.sender.leg;
        ask(&self.sender.commands, |reply| Command::Reoffer { leg, hold, reply }).await
    }

    /// What was agreed; `None` until the browser answered.
    pub fn media(&self) -> Option<&PhoneMedia> {
        self.media.as_ref()
    }

    /// A handle that only sends.
    pub fn sender(&self) -> PhoneSender {
        self.sender.clone()
    }

    /// Sends a packet; see [`PhoneSender::write_rtp`].
    pub fn write_rtp(&self, packet: RtpPacket) -> bool {
        self.sender.write_rtp(packet)
    }

    /// Next event; `None` when the leg has ended. Cancel-safe.
    pub async fn recv(&mut self) -> Option<PhoneEvent> {
        self.events.recv().await
    }
}

impl Drop for PhoneLeg {
    fn drop(&mut self) {
        let (leg, commands) = (self.sender.leg, self.sender.commands.clone());
        let close = PhoneCommand(Command::Close { leg });
        if let Err(mpsc::error::TrySendError::Full(close)) = commands.try_send(close)
            && let Ok(runtime) = tokio::runtime::Handle::try_current()
        {
            runtime.spawn(async move { commands.send(close).await });
        }
    }
}

struct Leg {
    peer: PhonePeer,
    events: mpsc::Sender<PhoneEvent>,
}

/// The machine: all legs of the port.
pub struct Phones {
    identity: Identity,
    demux: Demux<LegId>,
    timers: Timers<LegId>,
    legs: HashMap<LegId, Leg>,
    outbox: VecDeque<(SocketAddr, BytesMut)>,
    last: u64,
}

impl Phones {
    /// No legs yet.
    pub fn new(identity: Identity) -> Self {
        Self {
            identity,
            demux: Demux::new(),
            timers: Timers::new(),
            legs: HashMap::new(),
            outbox: VecDeque::new(),
            last: 0,
        }
    }

    fn open(&mut self, made: Result<(PhonePeer, String), TransportError>) -> Result<Opened, PhoneError> {
        if self.legs.len() >= MAX_LEGS {
            return Err(PhoneError::Full);
        }
        let (peer, description) = made?;
        self.last += 1;
        let leg = LegId(self.last);
        let (events, receiver) = mpsc::channel(MAX_EVENTS);
        let media = peer.media().cloned();
        self.legs.insert(leg, Leg { peer, events });
        Ok(Opened { leg, description, media, events: receiver })
    }

    fn peer(&mut self, leg: LegId) -> Result<&mut PhonePeer, PhoneError> {
        self.legs.get_mut(&leg).map(|leg| &mut leg.peer).ok_or(PhoneError::Stopped)
    }

    /// After anything happened to a leg: its events, datagrams, names and deadline.
    fn settle(&mut self, id: LegId) {
        let Some(leg) = self.legs.get_mut(&id) else {
            return;
        };
        let mut gone = false;
        while let Some(event) = leg.peer.poll_event() {
            gone |= matches!(event, PhoneEvent::Closed);
            // A full queue loses the packet; a closed one is ended by the leg's own drop.
            let _ = leg.events.try_send(event);
        }
        while let Some(datagram) = leg.peer.poll_datagram() {
            self.outbox.push_back(datagram);
        }
        self.demux.register(leg.peer.ufrag(), id);
        let deadline = leg.peer.poll_timeout();
        self.timers.set(id, deadline);
        if gone {
            self.remove(id);
        }
    }

    fn remove(&mut self, id: LegId) {
        if let Some(mut leg) = self.legs.remove(&id) {
            leg.peer.close();
            while let Some(datagram) = leg.peer.poll_datagram() {
                self.outbox.push_back(datagram);
            }
        }
        self.demux.remove(id);
        self.timers.set(id, None);
    }

    fn reply_opened(&mut self, opened: Result<Opened, PhoneError>, reply: Reply<Opened>) {
        let leg = opened.as_ref().ok().map(|opened| opened.leg);
        let unheard = reply.send(opened).is_err();
        match leg {
            Some(leg) if unheard => self.remove(leg),
            Some(leg) => self.settle(leg),
            None => {}
        }
    }
}

impl Driven for Phones {
    type Command = PhoneCommand;

    fn handle_command(&mut self, command: PhoneCommand, now: Instant) {
        match command.0 {
            Command::Answer { offer, codecs, reply } => {
                let made = PhonePeer::answer(&offer, &codecs, &self.identity, now);
                let opened = self.open(made);
                self.reply_opened(opened, reply);
            }
            Command::Offer { codecs, reply } => {
                let made = PhonePeer::offer(&codecs, &self.identity, now);
                let opened = self.open(made);
                self.reply_opened(opened, reply);
            }
            Command::SetAnswer { leg, answer, reply } => {
                let media = self.peer(leg).and_then(|peer| Ok(peer.set_answer(&answer, now)?));
                let _ = reply.send(media);
                self.settle(leg);
            }
            Command::AcceptOffer { leg, offer, reply } => {
                let answer = self.peer(leg).and_then(|peer| {
                    let answer = peer.accept_offer(&offer, now)?;
                    Ok((answer, peer.media().cloned()))
                });
                let _ = reply.send(answer);
                self.settle(leg);
            }
            Command::Reoffer { leg, hold, reply } => {
                let _ = reply.send(self.peer(leg).map(|peer| peer.reoffer(hold)));
            }
            Command::Write { leg, packet } => {
                if let Ok(peer) = self.peer(leg) {
                    peer.write_rtp(packet, now);
                }
                self.settle(leg);
            }
            Command::Close { leg } => self.remove(leg),
        }
    }

    fn handle_datagram(&mut self, from: SocketAddr, data: BytesMut, now: Instant) {
        let Some(id) = self.demux.route(from, &data) else {
            return;
        };
        if let Some(leg) = self.legs.get_mut(&id) {
            leg.peer.handle_datagram(from, data, now);
        }
        self.settle(id);
    }

    fn handle_timeout(&mut self, now: Instant) {
        while let Some(id) = self.timers.pop_due(now) {
            if let Some(leg) = self.legs.get_mut(&id) {
                leg.peer.handle_timeout(now);
            }
            self.settle(id);
        }
    }

    fn poll_timeout(&mut self) -> Option<Instant> {
        self.timers.next()
    }

    fn poll_datagram(&mut self) -> Option<(SocketAddr, BytesMut)> {
        self.outbox.pop_front()
    }

    fn close(&mut self) {
        let all: Vec<LegId> = self.legs.keys().copied().collect();
        for id in all {
            self.remove(id);
        }
    }
}
