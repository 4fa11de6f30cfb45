//! The task that owns the machine: feeds it from sockets, commands, media workers, the store and the clock, and
//! performs what comes out. Nothing in here waits for anybody.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use liandong_sip::flow::ConnectionId;
use liandong_sip::{Flow, Millis, Transport};
use tokio::net::UdpSocket;
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::core::{Change, Core, Out};
use super::leg::{LegKey, MediaJob, MediaReply};
use super::media::{self, Shared};
use super::sockets::{Input, Outlet};
use super::{BindingChange, EdgeEvent, RegistryStore, StoredBinding, StoredLeg};
use crate::calls::call::{LegCommand, LegEvent};
use crate::ids::{PersonId, Timestamp};

/// Messages from the sockets that may wait: about a second's work. Beyond it datagrams are lost and streams wait.
pub(super) const INBOX_MAX: usize = 8_192;
/// Commands that may wait. The switch gives a handful per call and event.
pub(super) const COMMANDS_MAX: usize = 16_384;
/// Replies of media workers that may wait; the workers wait beyond it.
pub(super) const REPLIES_MAX: usize = 4_096;
/// Events that wait for the switch before new calls are refused.
const BACKLOG_BUSY: usize = 1_000;
/// Registrations that wait for the store; beyond it phones are answered 503 and try again.
const SAVES_MAX: usize = 16_384;
/// Registrations stored in one transaction.
const SAVES_AT_ONCE: usize = 512;
/// How long the end waits for the answers to its BYEs.
const FAREWELL: Duration = Duration::from_millis(500);
/// Longest sleep; also how soon anything that set no timer is noticed.
const NAP: Duration = Duration::from_secs(1);

/// What is asked of the edge.
pub(super) enum Ask {
    Leg(LegKey, LegCommand),
    Reattach(LegKey),
    Drain,
}

/// Who is registered, as the task tells it.
pub(super) type Present = watch::Sender<HashSet<PersonId>>;

/// What the task is made of.
pub(super) struct Parts {
    pub(super) core: Core,
    pub(super) udp: Arc<UdpSocket>,
    pub(super) inbox: mpsc::Receiver<Input>,
    pub(super) asks: mpsc::Receiver<Ask>,
    pub(super) events: mpsc::Sender<EdgeEvent>,
    pub(super) present: Present,
    pub(super) registry: Arc<dyn RegistryStore>,
    pub(super) shared: Shared,
    pub(super) media_replies: mpsc::Receiver<(LegKey, MediaReply)>,
    /// Those of legs that were taken up.
    pub(super) workers: HashMap<LegKey, mpsc::Sender<(u64, MediaJob)>>,
    pub(super) stop: CancellationToken,
    pub(super) start: Instant,
}

struct Driver {
    core: Core,
    udp: Arc<UdpSocket>,
    connections: HashMap<ConnectionId, (Flow, Outlet)>,
    workers: HashMap<LegKey, mpsc::Sender<(u64, MediaJob)>>,
    shared: Shared,
    events: mpsc::Sender<EdgeEvent>,
    backlog: VecDeque<EdgeEvent>,
    saves: mpsc::Sender<(u64, Vec<BindingChange>)>,
    present: Present,
    start: Instant,
    lost: Vec<Flow>,
    failed_saves: Vec<u64>,
}

/// Runs until stopped.
pub(super) async fn run(parts: Parts) {
    let mut media_replies = parts.media_replies;
    let (saves, queue) = mpsc::channel(SAVES_MAX);
    let (done, mut saved) = mpsc::channel(SAVES_MAX);
    tokio::spawn(keep(parts.registry, queue, done));
    let (mut inbox, mut asks, stop) = (parts.inbox, parts.asks, parts.stop);
    let mut driver = Driver {
        core: parts.core,
        udp: parts.udp,
        connections: HashMap::new(),
        workers: parts.workers,
        shared: parts.shared,
        events: parts.events,
        backlog: VecDeque::new(),
        saves,
        present: parts.present,
        start: parts.start,
        lost: Vec::new(),
        failed_saves: Vec::new(),
    };
    driver.perform();
    loop {
        let wake = driver.wake();
        let events = driver.events.clone();
        tokio::select! {
            Some(input) = inbox.recv() => driver.input(input),
            Some(ask) = asks.recv() => driver.ask(ask),
            Some((key, reply)) = media_replies.recv() => driver.core.handle_media(key, reply, driver.now()),
            Some((ticket, stored)) = saved.recv() => driver.core.handle_saved(ticket, stored, driver.now()),
            Ok(permit) = events.reserve(), if !driver.backlog.is_empty() => {
                if let Some(event) = driver.backlog.pop_front() {
                    permit.send(event);
                }
            }
            () = tokio::time::sleep_until(wake) => {}
            () = stop.cancelled() => break,
        }
        driver.turn();
    }
    driver.core.shut_down(driver.now());
    driver.perform();
    let end = Instant::now() + FAREWELL;
    while let Ok(Some(input)) = tokio::time::timeout_at(end, inbox.recv()).await {
        driver.input(input);
        driver.turn();
    }
    driver.connections.values().for_each(|(_, outlet)| outlet.cut());
}

impl Driver {
    fn now(&self) -> Millis {
        Millis(self.start.elapsed().as_millis() as u64)
    }

    fn wake(&self) -> Instant {
        let nap = Instant::now() + NAP;
        self.core.poll_timeout().map_or(nap, |at| (self.start + Duration::from_millis(at.0)).min(nap))
    }

    fn input(&mut self, input: Input) {
        match input {
            Input::Message(flow, bytes) => self.core.handle_bytes(flow, bytes, self.now()),
            Input::Opened(flow, outlet) => {
                self.connections.insert(flow.connection, (flow, outlet));
            }
            Input::Lost(flow) => {
                if self.connections.remove(&flow.connection).is_some() {
                    self.core.handle_flow_lost(flow, self.now());
                }
            }
        }
    }

    fn ask(&mut self, ask: Ask) {
        match ask {
            Ask::Leg(key, command) => self.core.handle_command(key, command, self.now()),
            Ask::Reattach(key) => self.core.handle_reattach(key, self.now()),
            Ask::Drain => self.core.draining = true,
        }
    }

    /// Timers, outputs, and what performing them brought up.
    fn turn(&mut self) {
        let now = self.now();
        if self.core.poll_timeout().is_some_and(|at| at <= now) {
            self.core.handle_timeout(now);
        }
        self.perform();
    }

    fn perform(&mut self) {
        loop {
            while let Some(out) = self.core.poll_output() {
                match out {
                    Out::Send(flow, bytes) => self.send(flow, bytes),
                    Out::Event(event) => self.tell(event),
                    Out::Media(key, number, job) => self.media(key, number, job),
                    Out::Save(ticket, changes) => self.save(ticket, changes),
                }
            }
            let (lost, failed) = (std::mem::take(&mut self.lost), std::mem::take(&mut self.failed_saves));
            if lost.is_empty() && failed.is_empty() {
                break;
            }
            lost.into_iter().for_each(|flow| self.core.handle_flow_lost(flow, self.now()));
            failed.into_iter().for_each(|ticket| self.core.handle_saved(ticket, false, self.now()));
        }
        self.core.overloaded = self.backlog.len() > BACKLOG_BUSY;
    }

    fn send(&mut self, flow: Flow, bytes: bytes::Bytes) {
        if flow.transport == Transport::Udp {
            // A full socket buffer loses it as the network would; the transaction sends it again.
            if let Err(error) = self.udp.try_send_to(&bytes, flow.remote) {
                tracing::debug!(%error, "a SIP datagram was not sent");
            }
            return;
        }
        let sent = self.connections.get(&flow.connection).is_some_and(|(_, outlet)| outlet.send(bytes));
        if !sent {
            self.connections.remove(&flow.connection);
            self.lost.push(flow);
        }
    }

    fn tell(&mut self, event: EdgeEvent) {
        match &event {
            EdgeEvent::Registered { agent, .. } => self.note_present(*agent, true),
            EdgeEvent::Unregistered { agent } => self.note_present(*agent, false),
            EdgeEvent::Incoming { .. } | EdgeEvent::Leg { .. } => {}
        }
        if !self.backlog.is_empty() {
            return self.backlog.push_back(event);
        }
        match self.events.try_send(event) {
            Ok(()) => {}
            // Bounded by the running calls: beyond `BACKLOG_BUSY` no new ones begin.
            Err(mpsc::error::TrySendError::Full(event)) => self.backlog.push_back(event),
            Err(mpsc::error::TrySendError::Closed(_)) => {}
        }
    }

    fn note_present(&self, agent: PersonId, is_present: bool) {
        self.present
            .send_if_modified(|present| if is_present { present.insert(agent) } else { present.remove(&agent) });
    }

    fn media(&mut self, key: LegKey, number: u64, job: MediaJob) {
        if job == MediaJob::Close {
            if let Some(worker) = self.workers.remove(&key) {
                // Dropping the inbox closes as well, should it be full.
                let _ = worker.try_send((number, MediaJob::Close));
            }
            return;
        }
        let shared = &self.shared;
        let worker = self.workers.entry(key).or_insert_with(|| media::spawn(shared.clone(), key));
        if worker.try_send((number, job)).is_err() {
            tracing::warn!(call = %key.call, leg = key.leg.0, "the leg's media worker does not follow");
            let text = "the media of this leg do not answer".to_owned();
            let failed = Err(super::leg::NoMedia { status: 503, text });
            self.core.handle_media(key, MediaReply::Done(number, failed), self.now());
        }
    }

    fn save(&mut self, ticket: u64, changes: Vec<Change>) {
        let wall = Timestamp::now();
        let changes = changes.into_iter().map(|change| match change {
            Change::Put { binding, lasts_ms } => {
                let expires = wall.plus_millis(i64::try_from(lasts_ms).unwrap_or(i64::MAX));
                BindingChange::Put(StoredBinding { expires, ..binding })
            }
            Change::Remove { extension, contact } => BindingChange::Remove { extension, contact },
            Change::KeepLeg { key, detail } => {
                BindingChange::KeepLeg(StoredLeg { call: key.call, leg: key.leg, detail })
            }
            Change::DropLeg { key } => BindingChange::DropLeg { call: key.call, leg: key.leg },
        });
        if self.saves.try_send((ticket, changes.collect())).is_err() {
            self.failed_saves.push(ticket);
        }
    }
}

/// Stores changes in their order, many in one transaction.
async fn keep(
    registry: Arc<dyn RegistryStore>,
    mut queue: mpsc::Receiver<(u64, Vec<BindingChange>)>,
    done: mpsc::Sender<(u64, bool)>,
) {
    let mut batch = Vec::new();
    while queue.recv_many(&mut batch, SAVES_AT_ONCE).await > 0 {
        let (tickets, changes): (Vec<u64>, Vec<Vec<BindingChange>>) = batch.drain(..).unzip();
        let stored = registry.save(changes.concat()).await;
        if let Err(error) = &stored {
            tracing::warn!(%error, "registrations");
        }
        for ticket in tickets {
            if done.send((ticket, stored.is_ok())).await.is_err() {
                return;
            }
        }
    }
}

/// What comes back when a command cannot even be queued.
pub(super) fn refused(key: LegKey) -> EdgeEvent {
    EdgeEvent::Leg { call: key.call, leg: key.leg, event: LegEvent::Failed { status: 503 } }
}
