//! The media engine: threads that own sockets and calls, commanded through an inbox.
//!
//! A thin shell around [`CallRelay`](crate::relay::CallRelay): each call lives on one thread
//! (sharded by its key), with its sockets, its tick and its recording. Commands are `async` and
//! answered by that thread within a turn (well below a tick); events come back on one bounded
//! channel. No command and no event waits for the disk; prompts are decoded on the caller's side.

mod event;
mod shard;
mod sockets;

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use mio::{Poll, Token, Waker};
use thiserror::Error;
use tokio::sync::{Mutex, mpsc, oneshot};

pub use event::MediaEvent;
pub use sockets::SocketError;

use crate::net::{PortPool, PortRange};
use crate::prompt::{PromptError, PromptStore, Repeat, Sound};
use crate::record::Writer;
use crate::relay::{LegNo, LegSet, LegSettings, LegStats, RelayError, Remote, Strictness};
use crate::tone::Tone;
use event::Events;
use shard::{Parts, Shard};
use sockets::Sockets;

/// The poll's token for "look into the inbox"; sockets count up from 0.
const WAKE: Token = Token(usize::MAX);
/// Commands that may wait for one thread; senders wait beyond it.
const INBOX: usize = 4_096;
/// Decrypted packets of WebRTC legs that may wait for one thread; newer ones are lost beyond it.
const PACKETS: usize = 8_192;
/// Packets that may wait for one WebRTC transport: about a second.
const OUTLET: usize = 64;
/// Events that may wait in the channel; more wait in the threads.
const EVENTS: usize = 4_096;

/// Names a call; chosen by the caller (a UUID fits).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CallKey(pub u128);

/// Names a leg. Legs that are ever to hear each other belong to the same call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LegId {
    /// The call.
    pub call: CallKey,
    /// The leg's number in it.
    pub leg: LegNo,
}

/// How the engine is set up.
#[derive(Clone, Debug)]
pub struct EngineConfig {
    /// Address of the RTP sockets, unless a leg says otherwise.
    pub bind: IpAddr,
    /// Ports for RTP and RTCP; two per leg.
    pub ports: PortRange,
    /// Media threads; 0 is one per core.
    pub threads: usize,
    /// Folder of prompts.
    pub prompts: PathBuf,
}

impl Default for EngineConfig {
    fn default() -> Self {
        Self {
            bind: IpAddr::V4(Ipv4Addr::UNSPECIFIED),
            ports: PortRange { first: 10_000, last: 19_999 },
            threads: 0,
            prompts: PathBuf::from("prompts"),
        }
    }
}

/// How a leg is opened.
#[derive(Clone, Copy, Debug)]
pub struct LegConfig {
    /// Address of its socket; `None` is the engine's.
    pub bind: Option<IpAddr>,
    /// Whose packets it may latch on.
    pub strictness: Strictness,
    /// [`MediaEvent::MediaTimeout`] after so many milliseconds without RTP; 0 is never.
    pub timeout_ms: u64,
    /// Listen for keys in the speech.
    pub inband_digits: bool,
    /// The very RTP port: that of a leg taken up after a restart. `None` takes any free one.
    pub port: Option<u16>,
}

impl Default for LegConfig {
    fn default() -> Self {
        let settings = LegSettings::default();
        Self {
            bind: None,
            strictness: settings.strictness,
            timeout_ms: settings.timeout_ms,
            inband_digits: settings.inband_digits,
            port: None,
        }
    }
}

impl LegConfig {
    fn settings(&self, seed: u64) -> LegSettings {
        LegSettings {
            external: false,
            strictness: self.strictness,
            timeout_ms: self.timeout_ms,
            inband_digits: self.inband_digits,
            seed,
        }
    }
}

/// One entry of a play list, by name.
#[derive(Clone, Debug, PartialEq)]
pub enum Play {
    /// A prompt of the folder: `"greeting"`, `"digits/5"`.
    Prompt(String),
    /// A tone for so many milliseconds.
    Tone(Tone, u64),
    /// Silence for so many milliseconds.
    Pause(u64),
}

impl Play {
    /// A prompt by name.
    #[must_use]
    pub fn prompt(name: impl Into<String>) -> Self {
        Self::Prompt(name.into())
    }

    /// One period of ringback (回铃音), to be repeated for ever.
    #[must_use]
    pub fn ringback() -> Self {
        Self::Tone(Tone::Ringback, 5_000)
    }
}

/// Figures of the whole engine.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct EngineLoad {
    /// Calls with at least one leg.
    pub calls: usize,
    /// Open legs.
    pub legs: usize,
    /// Free pairs of RTP ports.
    pub free_ports: usize,
    /// Ticks of the media clock skipped since the start: anything but 0 is an overloaded machine.
    pub skipped_ticks: u64,
}

/// Why a command failed.
#[derive(Debug, Error)]
pub enum EngineError {
    /// No leg of that call is open.
    #[error("call {:032x} has no media here", .0.0)]
    NoCall(CallKey),
    /// The call refused it.
    #[error(transparent)]
    Relay(#[from] RelayError),
    /// No socket.
    #[error(transparent)]
    Socket(#[from] SocketError),
    /// No such prompt.
    #[error(transparent)]
    Prompt(#[from] PromptError),
    /// Legs of two calls cannot hear each other.
    #[error("legs of two calls cannot be bridged; open both under one call key")]
    TwoCalls,
    /// The engine has been shut down.
    #[error("the media engine is not running")]
    Stopped,
    /// It could not be started.
    #[error("the media engine cannot start: {0}")]
    Start(String),
}

/// A command: runs on the call's thread.
type Act = Box<dyn FnOnce(&mut Shard) + Send>;

/// A handle of the engine; clones command the same one.
#[derive(Clone)]
pub struct MediaEngine {
    shared: Arc<Shared>,
}

struct Shared {
    shards: Vec<Handle>,
    stop: Arc<AtomicBool>,
    prompts: PromptStore,
    /// Taken by the first `shutdown`: threads, then the recordings' writer, which must end last.
    running: Mutex<Option<(Vec<JoinHandle<()>>, Writer)>>,
}

struct Handle {
    inbox: mpsc::Sender<Act>,
    packets: mpsc::Sender<(LegId, Bytes)>,
    waker: Arc<Waker>,
}

impl Drop for Shared {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Release);
        for shard in &self.shards {
            let _ = shard.waker.wake();
        }
    }
}

/// Takes decrypted RTP of a WebRTC leg.
#[derive(Clone, Debug)]
pub struct ExternalSender {
    leg: LegId,
    packets: mpsc::Sender<(LegId, Bytes)>,
    waker: Arc<Waker>,
}

impl ExternalSender {
    /// Hands a packet over without waiting; `false` if it was lost (thread overloaded or gone).
    #[must_use]
    pub fn send(&self, packet: Bytes) -> bool {
        self.packets.try_send((self.leg, packet)).is_ok() && self.waker.wake().is_ok()
    }
}

impl MediaEngine {
    /// Starts the threads. Events come on the receiver.
    ///
    /// # Errors
    /// [`EngineError::Start`] if the port range is too small or the system refuses threads.
    pub fn start(config: &EngineConfig) -> Result<(Self, mpsc::Receiver<MediaEvent>), EngineError> {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let threads = if config.threads == 0 { cores } else { config.threads };
        let start = |error: &dyn std::fmt::Display| EngineError::Start(error.to_string());
        let ranges = config.ports.split(threads).map_err(|error| start(&error))?;
        let (owner, events) = mpsc::channel(EVENTS);
        let stop = Arc::new(AtomicBool::new(false));
        let mut links = Vec::new();
        let mut starters = Vec::new();
        for range in ranges {
            let (handle, starter) = prepare(range).map_err(|error| start(&error))?;
            links.push((handle.inbox.clone(), Arc::clone(&handle.waker)));
            starters.push((handle, starter));
        }
        let writer = spawn_writer(links, owner.clone()).map_err(|error| start(&error))?;
        let (origin, unix_at_zero_ms) = (Instant::now(), unix_ms());
        let (mut shards, mut running) = (Vec::new(), Vec::new());
        for (index, (handle, starter)) in starters.into_iter().enumerate() {
            let parts = Parts {
                poll: starter.poll,
                inbox: starter.inbox,
                packets: starter.packets,
                stop: Arc::clone(&stop),
                origin,
                unix_at_zero_ms,
                bind: config.bind,
                sockets: Sockets::new(starter.pool),
                events: Events::new(owner.clone()),
                writer: writer.handle().ok_or(EngineError::Stopped)?,
            };
            let thread = std::thread::Builder::new()
                .name(format!("media-{index}"))
                .spawn(move || Shard::new(parts).run())
                .map_err(|error| start(&error))?;
            shards.push(handle);
            running.push(thread);
        }
        let prompts = PromptStore::new(&config.prompts);
        let running = Mutex::new(Some((running, writer)));
        Ok((Self { shared: Arc::new(Shared { shards, stop, prompts, running }) }, events))
    }

    /// The prompts, to preload them or to add synthesised ones.
    #[must_use]
    pub fn prompts(&self) -> &PromptStore {
        &self.shared.prompts
    }

    /// Opens a UDP leg; its local RTP address (with the bound host, which may be unspecified).
    ///
    /// # Errors
    /// [`EngineError::Relay`] if the number is used, [`EngineError::Socket`] if no port is free.
    pub async fn open_leg(&self, leg: LegId, config: LegConfig) -> Result<SocketAddr, EngineError> {
        let seed = rand::random();
        self.ask(leg.call, move |shard| shard.open(leg, &config, seed)).await?
    }

    /// Opens a leg whose RTP a WebRTC transport carries: decrypted packets in by the sender, out by
    /// the receiver. Follow it by [`set_remote`](Self::set_remote) with [`Remote::external`].
    ///
    /// # Errors
    /// [`EngineError::Relay`] if the number is used.
    pub async fn open_external_leg(
        &self,
        leg: LegId,
        config: LegConfig,
    ) -> Result<(ExternalSender, mpsc::Receiver<Bytes>), EngineError> {
        let (outlet, packets_out) = mpsc::channel(OUTLET);
        let seed = rand::random();
        self.ask(leg.call, move |shard| shard.open_external(leg, &config, seed, outlet)).await??;
        let handle = self.handle(leg.call);
        let (packets, waker) = (handle.packets.clone(), Arc::clone(&handle.waker));
        Ok((ExternalSender { leg, packets, waker }, packets_out))
    }

    /// What signalling says about a leg's far end; again at each re-INVITE.
    ///
    /// # Errors
    /// [`EngineError::NoCall`], [`EngineError::Relay`].
    pub async fn set_remote(&self, leg: LegId, remote: Remote) -> Result<(), EngineError> {
        self.relay(leg.call, move |relay, now_ms| relay.set_remote(leg.leg, remote, now_ms)).await
    }

    /// Two legs hear each other and nobody else.
    ///
    /// # Errors
    /// [`EngineError::TwoCalls`], [`EngineError::NoCall`], [`EngineError::Relay`].
    pub async fn bridge(&self, a: LegId, b: LegId) -> Result<(), EngineError> {
        if a.call != b.call {
            return Err(EngineError::TwoCalls);
        }
        self.relay(a.call, move |relay, _| relay.bridge(a.leg, b.leg)).await
    }

    /// Each of the legs hears all others.
    ///
    /// # Errors
    /// [`EngineError::NoCall`], [`EngineError::Relay`].
    pub async fn conference(&self, call: CallKey, legs: &[LegNo]) -> Result<(), EngineError> {
        let legs: LegSet = legs.iter().copied().collect();
        self.relay(call, move |relay, _| relay.conference(legs)).await
    }

    /// Sets whom a leg hears (listening, whispering).
    ///
    /// # Errors
    /// [`EngineError::NoCall`], [`EngineError::Relay`].
    pub async fn hear(&self, leg: LegId, hears: &[LegNo]) -> Result<(), EngineError> {
        let hears: LegSet = hears.iter().copied().collect();
        self.relay(leg.call, move |relay, _| relay.hear(leg.leg, hears)).await
    }

    /// A leg hears nobody and is heard by nobody.
    ///
    /// # Errors
    /// [`EngineError::NoCall`], [`EngineError::Relay`].
    pub async fn unbridge(&self, leg: LegId) -> Result<(), EngineError> {
        self.relay(leg.call, move |relay, _| relay.unbridge(leg.leg)).await
    }

    /// Plays to a leg, over whatever it hears; [`MediaEvent::PlayFinished`] at the end.
    ///
    /// # Errors
    /// [`EngineError::Prompt`] if one is missing (nothing is played then), [`EngineError::NoCall`],
    /// [`EngineError::Relay`].
    pub async fn play(&self, leg: LegId, list: Vec<Play>, repeat: Repeat) -> Result<(), EngineError> {
        let sounds = self.resolve(list).await?;
        self.relay(leg.call, move |relay, _| relay.play(leg.leg, sounds, repeat)).await
    }

    /// Stops playing; the leg hears again whom it hears.
    ///
    /// # Errors
    /// [`EngineError::NoCall`], [`EngineError::Relay`].
    pub async fn stop_play(&self, leg: LegId) -> Result<(), EngineError> {
        self.relay(leg.call, move |relay, _| relay.stop_play(leg.leg)).await
    }

    /// Nobody hears a muted leg.
    ///
    /// # Errors
    /// [`EngineError::NoCall`], [`EngineError::Relay`].
    pub async fn mute(&self, leg: LegId, muted: bool) -> Result<(), EngineError> {
        self.relay(leg.call, move |relay, _| relay.mute(leg.leg, muted)).await
    }

    /// Presses keys towards a leg's far end.
    ///
    /// # Errors
    /// [`EngineError::NoCall`], [`EngineError::Relay`] with [`RelayError::Key`].
    pub async fn press(&self, leg: LegId, keys: &str) -> Result<(), EngineError> {
        let keys = keys.to_owned();
        self.relay(leg.call, move |relay, _| relay.press(leg.leg, &keys)).await
    }

    /// Records a call into a new WAV file (folders are made): `left` on the left track, `right` and
    /// what is played to `left` on the right one.
    ///
    /// # Errors
    /// [`EngineError::NoCall`], [`EngineError::Relay`]. Failures of the disk come as
    /// [`MediaEvent::RecordingFailed`].
    pub async fn record_start(
        &self,
        call: CallKey,
        path: PathBuf,
        left: &[LegNo],
        right: &[LegNo],
    ) -> Result<(), EngineError> {
        let [left, right] = [left, right].map(|legs| legs.iter().copied().collect::<LegSet>());
        self.ask(call, move |shard| shard.record(call, path, None, left, right)).await?
    }

    /// Goes on with the recording of a call that was taken up after a restart: into the same file, `at_ms` after its
    /// beginning (at least behind what it holds); what lies between is silent. A file that is missing is made.
    ///
    /// # Errors
    /// As [`record_start`](Self::record_start).
    pub async fn record_resume(
        &self,
        call: CallKey,
        path: PathBuf,
        at_ms: u64,
        left: &[LegNo],
        right: &[LegNo],
    ) -> Result<(), EngineError> {
        let [left, right] = [left, right].map(|legs| legs.iter().copied().collect::<LegSet>());
        self.ask(call, move |shard| shard.record(call, path, Some(at_ms), left, right)).await?
    }

    /// Changes who is on the tracks of the running recording.
    ///
    /// # Errors
    /// [`EngineError::NoCall`], [`EngineError::Relay`].
    pub async fn record_tracks(&self, call: CallKey, left: &[LegNo], right: &[LegNo]) -> Result<(), EngineError> {
        let [left, right] = [left, right].map(|legs| legs.iter().copied().collect::<LegSet>());
        self.relay(call, move |relay, _| relay.record_tracks(left, right)).await
    }

    /// Records silence while secrets are spoken.
    ///
    /// # Errors
    /// [`EngineError::NoCall`], [`EngineError::Relay`].
    pub async fn record_pause(&self, call: CallKey, paused: bool) -> Result<(), EngineError> {
        self.relay(call, move |relay, _| relay.record_pause(paused)).await
    }

    /// Ends the recording; [`MediaEvent::RecordingFinished`] follows. Closing a call's last leg
    /// does the same.
    ///
    /// # Errors
    /// [`EngineError::NoCall`], [`EngineError::Relay`].
    pub async fn record_stop(&self, call: CallKey) -> Result<(), EngineError> {
        self.ask(call, move |shard| shard.record_stop(call)).await?
    }

    /// Closes a leg and frees its ports; its figures.
    ///
    /// # Errors
    /// [`EngineError::NoCall`], [`EngineError::Relay`].
    pub async fn close(&self, leg: LegId) -> Result<LegStats, EngineError> {
        self.ask(leg.call, move |shard| shard.close(leg)).await?
    }

    /// Closes all legs of a call; not an error if there are none.
    ///
    /// # Errors
    /// [`EngineError::Stopped`].
    pub async fn close_call(&self, call: CallKey) -> Result<(), EngineError> {
        self.ask(call, move |shard| shard.close_call(call)).await
    }

    /// A leg's figures.
    ///
    /// # Errors
    /// [`EngineError::NoCall`], [`EngineError::Relay`].
    pub async fn stats(&self, leg: LegId) -> Result<LegStats, EngineError> {
        self.relay(leg.call, move |relay, _| relay.stats(leg.leg)).await
    }

    /// Figures of the whole engine.
    ///
    /// # Errors
    /// [`EngineError::Stopped`].
    pub async fn load(&self) -> Result<EngineLoad, EngineError> {
        let mut load = EngineLoad::default();
        for shard in &self.shared.shards {
            let part = ask(shard, Shard::load).await?;
            load.calls += part.calls;
            load.legs += part.legs;
            load.free_ports += part.free_ports;
            load.skipped_ticks += part.skipped_ticks;
        }
        Ok(load)
    }

    /// Closes every leg, finishes every recording and ends the threads. Idempotent.
    pub async fn shutdown(&self) {
        self.shared.stop.store(true, Ordering::Release);
        for shard in &self.shared.shards {
            let _ = shard.waker.wake();
        }
        let Some((threads, writer)) = self.shared.running.lock().await.take() else {
            return;
        };
        let joined = tokio::task::spawn_blocking(move || {
            for thread in threads {
                let _ = thread.join();
            }
            drop(writer);
        });
        let _ = joined.await;
    }

    async fn resolve(&self, list: Vec<Play>) -> Result<Vec<Sound>, EngineError> {
        let mut sounds = Vec::with_capacity(list.len());
        for play in list {
            sounds.push(match play {
                Play::Tone(tone, ms) => Sound::Tone(tone, ms),
                Play::Pause(ms) => Sound::Pause(ms),
                Play::Prompt(name) => match self.shared.prompts.cached(&name) {
                    Some(clip) => Sound::Clip(clip),
                    None => self.decode(name).await?,
                },
            });
        }
        Ok(sounds)
    }

    /// Reads a prompt for the first time, off the async threads.
    async fn decode(&self, name: String) -> Result<Sound, EngineError> {
        let prompts = self.shared.prompts.clone();
        let clip = tokio::task::spawn_blocking(move || prompts.get(&name)).await;
        Ok(Sound::Clip(clip.map_err(|_| EngineError::Stopped)??))
    }

    async fn relay<T: Send + 'static>(
        &self,
        call: CallKey,
        act: impl FnOnce(&mut crate::relay::CallRelay, u64) -> Result<T, RelayError> + Send + 'static,
    ) -> Result<T, EngineError> {
        self.ask(call, move |shard| shard.relay(call, act)).await?
    }

    async fn ask<T: Send + 'static>(
        &self,
        call: CallKey,
        act: impl FnOnce(&mut Shard) -> T + Send + 'static,
    ) -> Result<T, EngineError> {
        ask(self.handle(call), act).await
    }

    fn handle(&self, call: CallKey) -> &Handle {
        &self.shared.shards[shard_of(call, self.shared.shards.len())]
    }
}

async fn ask<T: Send + 'static>(
    handle: &Handle,
    act: impl FnOnce(&mut Shard) -> T + Send + 'static,
) -> Result<T, EngineError> {
    let (answer, answered) = oneshot::channel();
    // The asker may have gone meanwhile; the command is done all the same.
    let act: Act = Box::new(move |shard| drop(answer.send(act(shard))));
    handle.inbox.send(act).await.map_err(|_| EngineError::Stopped)?;
    handle.waker.wake().map_err(|_| EngineError::Stopped)?;
    answered.await.map_err(|_| EngineError::Stopped)
}

/// Spreads calls evenly whatever their keys look like (a UUIDv7 counts in its upper half).
fn shard_of(call: CallKey, shards: usize) -> usize {
    let folded = (call.0 >> 64) as u64 ^ call.0 as u64;
    (folded.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32) as usize % shards.max(1)
}

/// What a thread will own, before it runs.
struct Starter {
    poll: Poll,
    inbox: mpsc::Receiver<Act>,
    packets: mpsc::Receiver<(LegId, Bytes)>,
    pool: PortPool,
}

fn prepare(range: PortRange) -> io::Result<(Handle, Starter)> {
    let poll = Poll::new()?;
    let waker = Arc::new(Waker::new(poll.registry(), WAKE)?);
    let (inbox, acts) = mpsc::channel(INBOX);
    let (packets, incoming) = mpsc::channel(PACKETS);
    let starter = Starter { poll, inbox: acts, packets: incoming, pool: PortPool::new(range) };
    Ok((Handle { inbox, packets, waker }, starter))
}

/// The writer reports through the threads, whose inboxes are always read; when those have ended
/// (shutdown), straight to the owner as far as there is room.
fn spawn_writer(links: Vec<(mpsc::Sender<Act>, Arc<Waker>)>, owner: mpsc::Sender<MediaEvent>) -> io::Result<Writer> {
    Writer::spawn(move |event| {
        let event = MediaEvent::of_recording(event);
        let Some((inbox, waker)) = links.first() else {
            return;
        };
        let kept = event.clone();
        let act: Act = Box::new(move |shard| shard.events.push(kept));
        if inbox.blocking_send(act).is_err() {
            let _ = owner.try_send(event);
        } else {
            let _ = waker.wake();
        }
    })
}

fn unix_ms() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as u64)
}
