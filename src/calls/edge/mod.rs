//! SIP on the wire: sockets, registrar, trunks, guard. The only place of the hub that opens SIP sockets.
//!
//! It maps SIP to [`LegEvent`]s and [`LegCommand`]s to SIP, and opens and closes the media of each leg. What decides
//! is a pure machine ([`core`]: messages, commands and the time in; messages, events and media jobs out); around it
//! are thin shells for UDP, TCP and WebSocket, and one small worker per leg that talks with the media engine.
//!
//! Media: leg `n` of a call is the engine's leg [`media_leg`]`(call, n)`. It is open from [`EdgeEvent::Incoming`] or
//! [`LegEvent::Answered`] on (an invited leg somewhat earlier) until the leg is gone; the switch bridges, plays and
//! records by that id and closes nothing.
//!
//! Must not know: plans, queues, the log, SQL, what a call is for.

mod answers;
mod closing;
mod core;
mod describe;
mod guard;
mod incoming;
mod kept;
mod kept_media;
mod leg;
mod media;
mod outgoing;
mod register;
mod run;
mod sockets;
#[cfg(test)]
mod tests;
mod websocket;
mod within;

use std::collections::{BTreeMap, HashSet};
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;

use liandong_media::engine::{CallKey, LegId as MediaLeg, MediaEngine};
use liandong_media::relay::{LegNo, MAX_LEGS};
use liandong_media::rtc::phones::PhoneEndpoint;
use liandong_sip::Transport;
use tokio::net::{TcpListener, UdpSocket};
use tokio::sync::{mpsc, watch};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;

use self::core::{Core, CoreConfig};
use self::leg::LegKey;
use self::run::Ask;
use self::sockets::{Input, Numbers};
use super::call::{LegCommand, LegEvent, LegId};
use crate::config::{Config, Trunk};
use crate::ids::{CallId, PersonId, SystemIds, Timestamp};

/// What the edge is told at the start.
#[derive(Debug, Clone)]
pub struct EdgeConfig {
    /// UDP address; port 0 takes a free one.
    pub udp: SocketAddr,
    /// TCP address.
    pub tcp: SocketAddr,
    /// TLS, where it is served.
    pub tls: Option<SipTls>,
    /// UDP address of the browsers' media.
    pub webrtc: SocketAddr,
    /// The address that peers reach: put into SDP, and into Via and Contact where a socket is bound to all addresses.
    pub address: IpAddr,
    /// Realm of digest authentication; stored hashes depend on it.
    pub realm: String,
    /// Trunks by name.
    pub trunks: BTreeMap<String, Trunk>,
    /// The number that calls through a trunk show: the hotline's.
    pub shown_number: String,
}

/// SIP over TLS.
#[derive(Debug, Clone)]
pub struct SipTls {
    /// Its address.
    pub address: SocketAddr,
    /// Certificate and key.
    pub config: Arc<rustls::ServerConfig>,
    /// The address was chosen: if it cannot be had, the edge does not start. Else TLS is left out with a warning.
    pub is_asked_for: bool,
}

impl EdgeConfig {
    /// From the hub's configuration.
    #[must_use]
    pub fn new(config: &Config) -> Self {
        Self {
            udp: config.sip.udp,
            tcp: config.sip.tcp,
            tls: None,
            webrtc: config.media.webrtc,
            address: config.media.address,
            realm: config.sip.realm.clone(),
            trunks: config.trunks.clone(),
            shown_number: "12345".into(),
        }
    }
}

/// Why the edge does not start.
#[derive(Debug, thiserror::Error)]
pub enum EdgeError {
    /// A socket cannot be had.
    #[error("{what} {address} cannot be opened: {cause}; choose another address in [sip] or [media]")]
    Bind {
        /// `SIP over UDP` and so on.
        what: &'static str,
        /// Which.
        address: SocketAddr,
        /// What the system said.
        cause: std::io::Error,
    },
    /// The kept registrations cannot be read.
    #[error(transparent)]
    Registry(#[from] RegistryError),
    /// The system gives no randomness.
    #[error("the system's random source gives nothing")]
    Random,
}

/// Who began a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// A trunk, by its name in the configuration.
    Trunk(String),
    /// An agent who proved himself.
    Agent(PersonId),
}

/// What the edge tells the switch. Of one leg in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EdgeEvent {
    /// A new call. Its media are open; answer with [`LegCommand::Ring`], [`LegCommand::Answer`] or
    /// [`LegCommand::Reject`] for `caller_leg`.
    Incoming {
        /// A new id.
        call: CallId,
        /// Always 0.
        caller_leg: LegId,
        /// Who sent it.
        source: Source,
        /// The caller's number: user part of From (of P-Asserted-Identity from a trunk); empty if withheld.
        /// At most 64 characters, no control characters; hostile all the same.
        caller: String,
        /// The caller's display name; hostile text of at most 64 characters, no control characters.
        display: String,
        /// The number that was dialled: user part of the Request-URI, at most 64 characters.
        called: String,
    },
    /// Something happened to a leg. After [`LegEvent::Failed`] or [`LegEvent::HungUp`] the leg is gone: its media are
    /// closed, commands for it are ignored.
    Leg {
        /// Of this call.
        call: CallId,
        /// Which.
        leg: LegId,
        /// What.
        event: LegEvent,
    },
    /// A contact of the agent is new (not: refreshed). A reloaded browser shows like this.
    Registered {
        /// Who.
        agent: PersonId,
        /// How the contact is reached.
        transport: Transport,
    },
    /// The agent's last contact has gone.
    Unregistered {
        /// Who.
        agent: PersonId,
    },
}

/// What somebody registers and calls with.
#[derive(Clone, PartialEq, Eq)]
pub struct SipAccount {
    /// Whose.
    pub person: PersonId,
    /// The extension: user name of digest authentication and number of the agent.
    pub extension: String,
    /// MD5 of `extension:realm:password`, 32 hexadecimal digits.
    pub ha1_md5: String,
    /// SHA-256 of the same, 64 hexadecimal digits.
    pub ha1_sha256: String,
}

impl std::fmt::Debug for SipAccount {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The hashes are as good as the password.
        write!(f, "SipAccount({} of {})", self.extension, self.person)
    }
}

/// The port to accounts. Called for each request that must prove itself: answers from memory, never blocks.
pub trait Credentials: Send + Sync {
    /// The account of this extension; `None` if there is none or it may not register.
    fn by_extension(&self, extension: &str) -> Option<SipAccount>;
    /// The account of this person.
    fn by_person(&self, person: PersonId) -> Option<SipAccount>;
    /// A wrong proof came for this extension (which may not exist) from this address.
    fn failed(&self, extension: &str, source: IpAddr);
    /// Whether proofs for this extension from this address are refused unseen at present. The edge does not ask where
    /// the agent has a live registration from that very address: strangers cannot lock him out.
    fn locked(&self, extension: &str, source: IpAddr) -> bool;
}

/// A registration that outlives a restart. Key: (`extension`, `contact`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredBinding {
    /// Whose.
    pub agent: PersonId,
    /// His extension.
    pub extension: String,
    /// The contact's URI.
    pub contact: String,
    /// When it ends.
    pub expires: Timestamp,
    /// The rest as JSON; only the edge reads it.
    pub detail: String,
}

/// A running leg that outlives a restart. Key: (`call`, `leg`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredLeg {
    /// Of this call.
    pub call: CallId,
    /// Which.
    pub leg: LegId,
    /// The rest as JSON; only the edge reads it. Holds numbers: it must lie sealed.
    pub detail: String,
}

/// A change to be stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BindingChange {
    /// New or refreshed.
    Put(StoredBinding),
    /// Gone; perhaps never stored.
    Remove {
        /// Whose.
        extension: String,
        /// The contact's URI.
        contact: String,
    },
    /// A leg was answered, or changed.
    KeepLeg(StoredLeg),
    /// It is over; perhaps never stored.
    DropLeg {
        /// Of this call.
        call: CallId,
        /// Which.
        leg: LegId,
    },
}

/// Registrations cannot be stored or read; the phone is answered 503 and tries again.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("registrations cannot be kept: {0}")]
pub struct RegistryError(pub String);

/// A future of a port.
pub type PortFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// The port to where registrations and running legs are kept.
pub trait RegistryStore: Send + Sync {
    /// Stores the changes, all or none. The 200 to the REGISTER leaves after this.
    fn save(&self, changes: Vec<BindingChange>) -> PortFuture<'_, Result<(), RegistryError>>;
    /// All registrations that are stored, also those that have expired.
    fn load(&self) -> PortFuture<'_, Result<Vec<StoredBinding>, RegistryError>>;
    /// All legs that were running when the hub ended.
    fn load_legs(&self) -> PortFuture<'_, Result<Vec<StoredLeg>, RegistryError>> {
        Box::pin(async { Ok(Vec::new()) })
    }
}

/// A registry that keeps nothing: after a restart each phone registers anew before it can be called.
#[derive(Debug, Clone, Copy, Default)]
pub struct Unstored;

impl RegistryStore for Unstored {
    fn save(&self, _changes: Vec<BindingChange>) -> PortFuture<'_, Result<(), RegistryError>> {
        Box::pin(async { Ok(()) })
    }

    fn load(&self) -> PortFuture<'_, Result<Vec<StoredBinding>, RegistryError>> {
        Box::pin(async { Ok(Vec::new()) })
    }
}

/// Where the edge listens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bound {
    /// SIP over UDP.
    pub udp: SocketAddr,
    /// SIP over TCP.
    pub tcp: SocketAddr,
    /// SIP over TLS.
    pub tls: Option<SocketAddr>,
}

/// One WebSocket message, whatever library carries it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Frame {
    /// A SIP message, as text.
    Text(String),
    /// A SIP message, as bytes.
    Binary(bytes::Bytes),
    /// Are you there?
    Ping(bytes::Bytes),
    /// Yes.
    Pong(bytes::Bytes),
    /// The end.
    Close,
}

/// The media engine's name of a leg. A call has more legs in its life (each agent rung is one) than the engine's
/// [`MAX_LEGS`] at a time, so numbers come round: 0 is the caller's for ever, the others share 1 to 15.
#[must_use]
pub fn media_leg(call: CallId, leg: LegId) -> MediaLeg {
    let round = (MAX_LEGS - 1) as u32;
    let number = leg.0.checked_sub(1).map_or(0, |n| n % round + 1);
    MediaLeg { call: CallKey(call.0.as_u128()), leg: LegNo(number as u8) }
}

/// The handle of the edge; clones command the same one.
#[derive(Clone)]
pub struct Edge {
    asks: mpsc::Sender<Ask>,
    events: mpsc::Sender<EdgeEvent>,
    inbox: mpsc::Sender<Input>,
    numbers: Arc<Numbers>,
    present: watch::Receiver<HashSet<PersonId>>,
    bound: Bound,
    /// What browsers reach, for their Contact.
    shown: SocketAddr,
    taken_up: Arc<[(CallId, LegId)]>,
    stop: CancellationToken,
}

impl Edge {
    /// Opens the sockets, takes up the kept registrations and legs and starts. Ends when `stop` is cancelled; then running
    /// calls are hung up.
    ///
    /// # Errors
    /// [`EdgeError`].
    pub async fn start(
        config: EdgeConfig,
        media: Arc<MediaEngine>,
        credentials: Arc<dyn Credentials>,
        registry: Arc<dyn RegistryStore>,
        events: mpsc::Sender<EdgeEvent>,
        stop: CancellationToken,
    ) -> Result<Self, EdgeError> {
        let udp = Arc::new(UdpSocket::bind(config.udp).await.map_err(bind("SIP over UDP", config.udp))?);
        let bound_udp = udp.local_addr().map_err(bind("SIP over UDP", config.udp))?;
        let tcp = TcpListener::bind(config.tcp).await.map_err(bind("SIP over TCP", config.tcp))?;
        let bound_tcp = tcp.local_addr().map_err(bind("SIP over TCP", config.tcp))?;
        let tls = listen_tls(config.tls).await?;
        let phones = PhoneEndpoint::start(config.webrtc, &[config.address]);
        let phones = phones.map_err(bind("the browsers' media over UDP", config.webrtc))?;
        let mut seed = [0; 32];
        ring::rand::SecureRandom::fill(&ring::rand::SystemRandom::new(), &mut seed).map_err(|_| EdgeError::Random)?;
        let core_config = CoreConfig {
            udp: bound_udp,
            address: config.address,
            realm: config.realm,
            trunks: config.trunks,
            shown_number: config.shown_number,
            seed,
        };
        let mut core = Core::new(core_config, credentials, Box::new(SystemIds));
        for stored in registry.load().await? {
            let lasts_ms = u64::try_from(stored.expires.since(Timestamp::now())).unwrap_or(0);
            core.restore(&stored, lasts_ms, liandong_sip::Millis(0));
        }
        let (replies, media_replies) = mpsc::channel(run::REPLIES_MAX);
        let shared = media::Shared { engine: media, phones, address: config.address, replies };
        let (workers, taken_up) = take_up(&mut core, &*registry, &shared).await?;
        let (inbox, inputs) = mpsc::channel(run::INBOX_MAX);
        let (asks, asked) = mpsc::channel(run::COMMANDS_MAX);
        let (numbers, (told, present)) = (Arc::new(Numbers::default()), watch::channel(HashSet::new()));
        tokio::spawn(sockets::read_datagrams(udp.clone(), bound_udp, inbox.clone(), stop.clone()));
        tokio::spawn(sockets::accept(tcp, None, numbers.clone(), inbox.clone(), stop.clone()));
        let bound_tls = tls.as_ref().map(|(_, address, _)| *address);
        if let Some((listener, _, acceptor)) = tls {
            tokio::spawn(sockets::accept(listener, Some(acceptor), numbers.clone(), inbox.clone(), stop.clone()));
        }
        tokio::spawn(run::run(run::Parts {
            core,
            udp,
            inbox: inputs,
            asks: asked,
            events: events.clone(),
            present: told,
            registry,
            shared,
            media_replies,
            workers,
            stop: stop.clone(),
            start: tokio::time::Instant::now(),
        }));
        let shown = SocketAddr::new(config.address, bound_tcp.port());
        let bound = Bound { udp: bound_udp, tcp: bound_tcp, tls: bound_tls };
        Ok(Self { asks, events, inbox, numbers, present, bound, shown, taken_up: taken_up.into(), stop })
    }

    /// The legs that were running when the hub ended and are there again. What belongs to no call any more is to be hung up.
    #[must_use]
    pub fn taken_up(&self) -> &[(CallId, LegId)] {
        &self.taken_up
    }

    /// Asks something of a leg. Never blocks: if the edge is hopelessly behind, [`LegEvent::Failed`] with 503 comes
    /// back.
    pub fn command(&self, call: CallId, leg: LegId, command: LegCommand) {
        let key = LegKey { call, leg };
        if self.asks.try_send(Ask::Leg(key, command)).is_err() {
            // If the switch is as far behind, its own clock ends the leg.
            let _ = self.events.try_send(run::refused(key));
        }
    }

    /// Whether the agent has a contact at present.
    #[must_use]
    pub fn is_registered(&self, agent: PersonId) -> bool {
        self.present.borrow().contains(&agent)
    }

    /// Where it listens.
    #[must_use]
    pub fn addresses(&self) -> Bound {
        self.bound
    }

    /// Serves one WebSocket (RFC 7118, subprotocol `sip`) until it ends. The library below answers pings.
    pub async fn websocket<S, E>(&self, socket: S, peer: SocketAddr)
    where
        S: futures_util::Stream<Item = Result<Frame, E>> + futures_util::Sink<Frame> + Unpin + Send,
        E: Send,
    {
        let flow = websocket::flow(self.shown, peer, self.numbers.next());
        websocket::serve(socket, flow, self.inbox.clone(), self.stop.clone()).await;
    }

    /// The agent of this leg has reloaded his page ([`EdgeEvent::Registered`] while his leg is up): his newest browser
    /// is invited, with `Replaces` of the old dialog, `X-Liandong-Reattach` and `Answer-Mode: Auto`, and becomes the
    /// same leg. The old dialog is dropped without ending the leg. A leg whose browser has gone waits some 20 s for
    /// this, then [`LegEvent::HungUp`] comes.
    pub fn reattach(&self, call: CallId, leg: LegId) {
        // Beside a full queue the agent's next registration gives another chance.
        let _ = self.asks.try_send(Ask::Reattach(LegKey { call, leg }));
    }

    /// From now on new calls are refused with 503; running ones go on.
    pub fn drain(&self) {
        let _ = self.asks.try_send(Ask::Drain);
    }
}

/// The TLS listener with its address.
async fn listen_tls(tls: Option<SipTls>) -> Result<Option<(TcpListener, SocketAddr, TlsAcceptor)>, EdgeError> {
    let Some(SipTls { address, config, is_asked_for }) = tls else { return Ok(None) };
    let bound = async {
        let listener = TcpListener::bind(address).await?;
        let address = listener.local_addr()?;
        Ok((listener, address, TlsAcceptor::from(config)))
    };
    match bound.await.map_err(bind("SIP over TLS", address)) {
        Ok(listening) => Ok(Some(listening)),
        Err(error) if is_asked_for => Err(error),
        Err(error) => {
            tracing::warn!(%error, "SIP over TLS is left out");
            Ok(None)
        }
    }
}

/// Media workers of legs that were taken up.
type Workers = std::collections::HashMap<LegKey, mpsc::Sender<(u64, leg::MediaJob)>>;

/// The legs of before: their dialogs into the machine, their ports opened again. What cannot be had any more is hung up.
async fn take_up(
    core: &mut Core,
    registry: &dyn RegistryStore,
    shared: &media::Shared,
) -> Result<(Workers, Vec<(CallId, LegId)>), EdgeError> {
    let (mut workers, mut taken_up, mut void) = (Workers::new(), Vec::new(), Vec::new());
    let now = liandong_sip::Millis(0);
    for stored in registry.load_legs().await? {
        let name = (stored.call, stored.leg);
        match core.restore_leg(&stored, now) {
            None => void.push(BindingChange::DropLeg { call: stored.call, leg: stored.leg }),
            Some((_, None)) => taken_up.push(name),
            Some((key, Some(kept))) => match media::take_up(shared.clone(), key, &kept).await {
                Some(worker) => {
                    workers.insert(key, worker);
                    taken_up.push(name);
                }
                None => core.handle_command(key, LegCommand::HangUp, now),
            },
        }
    }
    if !void.is_empty() {
        registry.save(void).await?;
    }
    Ok((workers, taken_up))
}

fn bind(what: &'static str, address: SocketAddr) -> impl Fn(std::io::Error) -> EdgeError {
    move |cause| EdgeError::Bind { what, address, cause }
}
