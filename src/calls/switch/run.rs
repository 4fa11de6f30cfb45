//! The task that owns the floor: reads phones, media, desks and the clock, performs what comes out.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use liandong_dialplans::{Millis, Now, PlanSet};
use liandong_media::engine::{MediaEngine, MediaEvent};
use tokio::sync::{Notify, mpsc, oneshot, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::floor::{Ask, Done, Floor, LiveCall, Out};
use super::hold::Holds;
use super::media::{Begun, Engine, Lanes, Sound};
use super::ports::{AgentProfile, Agents, Areas, Phones};
use crate::access::{Refusal, RefusalKind};
use crate::calls::call::LegId;
use crate::calls::edge::EdgeEvent;
use crate::calls::queue::Snapshot;
use crate::calls::records::{Progress, Writer};
use crate::events::calls::CallsEvent;
use crate::ids::{CallId, PersonId};
use crate::log::Vault;

/// Asks of desks that may wait for the switch.
const INBOX: usize = 1_024;
/// How often the agents are read again without being told: posts begin and end by the calendar.
const AGENTS_EVERY: Duration = Duration::from_secs(60);
/// With nothing due the switch looks up all the same, for the figures' sake.
const IDLE: Duration = Duration::from_secs(1);
/// After the drain's limit every call is ended; its goodbyes have so long.
const GOODBYE: Duration = Duration::from_secs(2);

/// What the switch is made of.
pub struct Setup {
    /// The plans.
    pub plans: Arc<PlanSet>,
    /// The phones; its events come on `edge_events`.
    pub phones: Arc<dyn Phones>,
    /// What the phones say.
    pub edge_events: mpsc::Receiver<EdgeEvent>,
    /// The media engine.
    pub engine: Arc<MediaEngine>,
    /// What the engine says.
    pub media_events: mpsc::Receiver<MediaEvent>,
    /// Who the agents are.
    pub agents: Arc<dyn Agents>,
    /// Where callers and queues belong.
    pub areas: Arc<dyn Areas>,
    /// Writes events down.
    pub writer: Writer,
    /// For the owners of personal texts.
    pub vault: Vault,
    /// Recordings lie below it.
    pub data: PathBuf,
    /// Prefixes of numbers that a trunk takes.
    pub prefixes: Vec<String>,
    /// The number that we show.
    pub shown: String,
    /// What the queues knew before the hub was started.
    pub past: crate::calls::Past,
    /// The calls that ran then, as the writer kept them.
    pub running: Vec<(CallId, String)>,
    /// Their legs that are there again.
    pub legs: Vec<(CallId, LegId)>,
}

/// A switch that has taken up what ran before, and does nothing yet.
pub struct Ready {
    setup: Started,
    taken_up: Vec<CallId>,
}

struct Started {
    task: Task,
    edge: mpsc::Receiver<EdgeEvent>,
    media: mpsc::Receiver<MediaEvent>,
    begun: mpsc::Receiver<Begun>,
    progress: watch::Receiver<Progress>,
    agents: Arc<dyn Agents>,
}

/// The state of the floor at one moment.
#[derive(Debug, Clone)]
pub struct View {
    /// Queues, agents, figures.
    pub snapshot: Snapshot,
    /// The agents' names and extensions.
    pub profiles: Vec<AgentProfile>,
    /// The calls that occupy agents, or that were asked for.
    pub calls: Vec<LiveCall>,
    /// Which agents have a phone.
    pub registered: Vec<PersonId>,
}

enum Message {
    Ask(Ask, oneshot::Sender<Result<Done, Refusal>>),
    View(Vec<CallId>, oneshot::Sender<View>),
    Settled(CallId, oneshot::Sender<()>),
    Members(Vec<AgentProfile>),
    Drain(Duration, oneshot::Sender<()>),
}

/// The handle of the switch; clones ask the same one.
#[derive(Clone)]
pub struct Switch {
    inbox: mpsc::Sender<Message>,
    agents_changed: Arc<Notify>,
}

impl Ready {
    /// Takes up what ran before. Whatever is not among [`Ready::taken_up`] is to get its end before the start.
    pub fn new(setup: Setup) -> Self {
        let sound: Arc<dyn Sound> = Arc::new(Engine { engine: setup.engine, data: setup.data });
        let (lanes, begun) = Lanes::start(sound);
        let mut floor = Floor::new(setup.plans, setup.areas, setup.vault, setup.prefixes, setup.shown);
        let clock = Clock::start();
        floor.recall(setup.past, clock.now());
        let (taken_up, first) = floor.take_up(setup.running, &setup.legs, clock.now());
        let progress = setup.writer.progress();
        let task = Task {
            floor,
            phones: setup.phones,
            lanes,
            writer: setup.writer,
            holds: Holds::new(),
            clock,
            first,
            draining: None,
        };
        let (edge, media, agents) = (setup.edge_events, setup.media_events, setup.agents);
        Self { setup: Started { task, edge, media, begun, progress, agents }, taken_up }
    }

    /// The calls that go on.
    pub fn taken_up(&self) -> &[CallId] {
        &self.taken_up
    }

    /// Starts the switch. It ends after [`Switch::drain`], or when `stop` is cancelled.
    pub fn start(self, tasks: &TaskTracker, stop: CancellationToken) -> Switch {
        let (inbox, asked) = mpsc::channel(INBOX);
        let agents_changed = Arc::new(Notify::new());
        let Started { task, edge, media, begun, progress, agents } = self.setup;
        tasks.spawn(task.run(Sources { edge, media, begun, asked, progress }, stop.clone()));
        tasks.spawn(read_agents(agents, inbox.clone(), agents_changed.clone(), stop));
        Switch { inbox, agents_changed }
    }
}

impl Switch {
    /// A handle whose switch has ended, for tests of what needs none.
    #[cfg(test)]
    pub(crate) fn dangling() -> Self {
        Self { inbox: mpsc::channel(1).0, agents_changed: Arc::default() }
    }

    /// Asks something. Refused, nothing has changed.
    ///
    /// # Errors
    /// The refusal; `calls.switch_gone` if the switch has ended.
    pub async fn ask(&self, ask: Ask) -> Result<Done, Refusal> {
        let (answer, told) = oneshot::channel();
        self.inbox.send(Message::Ask(ask, answer)).await.map_err(|_| gone())?;
        told.await.map_err(|_| gone())?
    }

    /// The state of the floor, with what is said of these calls.
    ///
    /// # Errors
    /// `calls.switch_gone` if the switch has ended.
    pub async fn view(&self, calls: Vec<CallId>) -> Result<View, Refusal> {
        let (answer, told) = oneshot::channel();
        self.inbox.send(Message::View(calls, answer)).await.map_err(|_| gone())?;
        told.await.map_err(|_| gone())
    }

    /// Returns once a new call is in the log (or need not wait for it): before its id is given away. Never asked from
    /// inside a transaction: the one writer would wait for itself.
    pub async fn settled(&self, call: CallId) {
        let (told, settled) = oneshot::channel();
        if self.inbox.send(Message::Settled(call, told)).await.is_ok() {
            let _ = settled.await;
        }
    }

    /// Accounts or posts have changed: the agents are read again.
    pub fn agents_changed(&self) {
        self.agents_changed.notify_one();
    }

    /// Takes no new calls, lets those that run go on for at most `limit`, then ends them. Returns when all is written.
    pub async fn drain(&self, limit: Duration) {
        let (done, finished) = oneshot::channel();
        if self.inbox.send(Message::Drain(limit, done)).await.is_ok() {
            let _ = finished.await;
        }
    }
}

fn gone() -> Refusal {
    Refusal::new(RefusalKind::Unavailable, "calls.switch_gone", "话务交换正在停机，请稍后重试")
}

/// Reads the agents at the start, when told, and now and then.
async fn read_agents(
    agents: Arc<dyn Agents>,
    inbox: mpsc::Sender<Message>,
    changed: Arc<Notify>,
    stop: CancellationToken,
) {
    loop {
        match agents.members().await {
            Ok(members) => {
                if inbox.send(Message::Members(members)).await.is_err() {
                    return;
                }
            }
            // The agents stay as they were; a later look mends it.
            Err(error) => tracing::warn!(%error, "the agents could not be read"),
        }
        tokio::select! {
            () = stop.cancelled() => return,
            () = inbox.closed() => return,
            () = changed.notified() => {}
            () = tokio::time::sleep(AGENTS_EVERY) => {}
        }
    }
}

/// The switch's monotonic clock. Its zero is that of the calendar, as it was at the start: times that were kept on disk
/// go on meaning what they meant after the hub was started again.
struct Clock {
    origin: Instant,
    zero_ms: u64,
}

impl Clock {
    fn start() -> Self {
        let zero_ms = u64::try_from(jiff::Timestamp::now().as_millisecond()).unwrap_or(0);
        Self { origin: Instant::now(), zero_ms }
    }

    fn now(&self) -> Now {
        let elapsed = u64::try_from(self.origin.elapsed().as_millis()).unwrap_or(u64::MAX);
        Now { mono: Millis(self.zero_ms.saturating_add(elapsed)), wall: jiff::Timestamp::now() }
    }

    fn at(&self, moment: Millis) -> Instant {
        self.origin + Duration::from_millis(moment.0.saturating_sub(self.zero_ms))
    }
}

struct Sources {
    edge: mpsc::Receiver<EdgeEvent>,
    media: mpsc::Receiver<MediaEvent>,
    begun: mpsc::Receiver<Begun>,
    asked: mpsc::Receiver<Message>,
    progress: watch::Receiver<Progress>,
}

/// What waits for a new call's first event to be on disk.
enum Late {
    Out(Out),
    Settled(oneshot::Sender<()>),
}

struct Draining {
    until: Instant,
    released: bool,
    done: oneshot::Sender<()>,
}

struct Task {
    floor: Floor,
    phones: Arc<dyn Phones>,
    lanes: Lanes,
    writer: Writer,
    holds: Holds<Late>,
    clock: Clock,
    /// What taking up brought.
    first: Vec<Out>,
    draining: Option<Draining>,
}

impl Task {
    async fn run(mut self, mut sources: Sources, stop: CancellationToken) {
        let first = std::mem::take(&mut self.first);
        self.perform(first).await;
        loop {
            let wake = self.wake_at();
            tokio::select! {
                () = stop.cancelled() => break,
                Some(event) = sources.edge.recv() => { let now = self.now(); let out = self.floor.edge(event, now); self.perform(out).await; }
                Some(event) = sources.media.recv() => self.media(event).await,
                Some((call, leg, id)) = sources.begun.recv() => {
                    // Ends told before this play began belong to the one before it.
                    while let Ok(event) = sources.media.try_recv() {
                        self.media(event).await;
                    }
                    self.floor.play_begun(call, leg, id);
                }
                Some(message) = sources.asked.recv() => self.message(message).await,
                Ok(()) = sources.progress.changed() => {}
                () = tokio::time::sleep_until(wake.into()) => {}
            }
            let now = self.now();
            if self.floor.poll_timeout().is_some_and(|due| due <= now.mono) {
                let out = self.floor.timer(now);
                self.perform(out).await;
            }
            let Progress { written, away } = *sources.progress.borrow();
            for late in self.holds.ready(written, away, now.mono) {
                self.late(late).await;
            }
            metrics::gauge!("liandong_calls_live").set(self.floor.live_count() as f64);
            if self.drained().await {
                break;
            }
        }
        // The writer ends when the last of its senders does: with this task.
        let done = self.draining.take().map(|d| d.done);
        let Self { writer, .. } = self;
        writer.close().await;
        if let Some(done) = done {
            let _ = done.send(());
        }
    }

    fn now(&self) -> Now {
        self.clock.now()
    }

    fn wake_at(&self) -> Instant {
        let idle = Instant::now() + IDLE;
        let due = self.floor.poll_timeout().into_iter().chain(self.holds.poll_timeout()).min();
        let due = due.map(|due| self.clock.at(due));
        due.map_or(idle, |due| due.min(idle))
    }

    async fn media(&mut self, event: MediaEvent) {
        let now = self.now();
        let call = |key: liandong_media::engine::CallKey| CallId(uuid::Uuid::from_u128(key.0));
        let out = match event {
            MediaEvent::PlayFinished { leg } => self.floor.play_finished(call(leg.call), leg.leg.0, now),
            MediaEvent::Digit { leg, digit } => self.floor.digit(call(leg.call), leg.leg.0, digit, now),
            MediaEvent::MediaTimeout { leg } => {
                let text = format!("leg {}", leg.leg.0);
                self.floor.media_note(call(leg.call), CallsEvent::Noted { about: "media_timeout".into(), text }, now)
            }
            MediaEvent::RecordingFailed { call: key, reason } => {
                metrics::counter!("liandong_recordings_failed_total").increment(1);
                self.floor.media_note(call(key), CallsEvent::RecordingFailed { reason }, now)
            }
            MediaEvent::RecordingFinished { call: key, summary } => {
                let path = super::facts_path(&summary.path);
                let (length_ms, gaps) = (summary.duration_ms, summary.gaps);
                self.floor.media_note(call(key), CallsEvent::Recorded { path, length_ms, gaps }, now)
            }
            MediaEvent::FirstPacket { .. } | MediaEvent::MediaResumed { .. } | MediaEvent::RecordingResumed { .. } => {
                Vec::new()
            }
        };
        self.perform(out).await;
    }

    async fn message(&mut self, message: Message) {
        let now = self.now();
        match message {
            Message::Ask(ask, answer) => {
                let (done, out) = self.floor.ask(ask, now);
                self.perform(out).await;
                if let Ok(Done { reattach: Some((call, leg)), .. }) = &done {
                    self.phones.reattach(*call, *leg);
                }
                let _ = answer.send(done);
            }
            Message::Settled(call, told) => {
                if let Some(late) = self.holds.keep(call, Late::Settled(told)) {
                    self.late(late).await;
                }
            }
            Message::View(calls, answer) => {
                let _ = answer.send(self.view(&calls, now));
            }
            Message::Members(members) => {
                let phones = self.phones.clone();
                let out = self.floor.agents(members, &|agent| phones.is_registered(agent), now);
                self.perform(out).await;
            }
            Message::Drain(limit, done) => {
                self.floor.drain();
                self.draining = Some(Draining { until: Instant::now() + limit, released: false, done });
            }
        }
    }

    fn view(&self, calls: &[CallId], now: Now) -> View {
        let snapshot = self.floor.snapshot(now);
        let occupied = snapshot.agents.iter().filter_map(|agent| agent.state.call());
        let wanted: std::collections::BTreeSet<CallId> = occupied.chain(calls.iter().copied()).collect();
        let registered =
            self.floor.profiles().map(|p| p.person).filter(|person| self.phones.is_registered(*person)).collect();
        View {
            calls: wanted.into_iter().filter_map(|id| self.floor.live_call(id)).collect(),
            profiles: self.floor.profiles().cloned().collect(),
            registered,
            snapshot,
        }
    }

    /// Performs what comes out. Of a new call only its events: the rest waits until the first of them is on disk.
    async fn perform(&mut self, out: Vec<Out>) {
        let now = self.now().mono;
        for each in &out {
            match each {
                Out::Log(entry) => {
                    let number = self.writer.push((**entry).clone());
                    if let (Some(call), CallsEvent::Offered { .. }) = (entry.call, &entry.event) {
                        self.holds.begin(call, number, now);
                    }
                }
                Out::Keep(call, text) => self.writer.keep(*call, text.clone()),
                Out::Leg(..) | Out::Media(..) => {}
            }
        }
        for each in out {
            let (Out::Leg(call, ..) | Out::Media(call, _)) = each else { continue };
            if let Some(late) = self.holds.keep(call, Late::Out(each)) {
                self.late(late).await;
            }
        }
    }

    async fn late(&mut self, late: Late) {
        match late {
            Late::Out(Out::Leg(call, leg, command)) => self.phones.command(call, leg, command),
            Late::Out(Out::Media(call, work)) => self.lanes.send(call, work).await,
            Late::Out(Out::Log(_) | Out::Keep(..)) => {} // written at once, never late
            Late::Settled(told) => drop(told.send(())),
        }
    }

    /// Whether the drain is over; ends the calls that outlast its limit.
    async fn drained(&mut self) -> bool {
        let Some(draining) = &mut self.draining else { return false };
        if self.floor.live_count() == 0 {
            return true;
        }
        if Instant::now() < draining.until {
            return false;
        }
        if draining.released {
            return true;
        }
        draining.released = true;
        draining.until = Instant::now() + GOODBYE;
        let now = self.now();
        let out = self.floor.release_all(now);
        self.perform(out).await;
        false
    }
}
