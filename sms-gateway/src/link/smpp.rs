//! The client shell: one task per link that owns the machine, the socket and the clock.

use super::core::{Core, CoreOutput, Prepared};
use super::wire::Wire;
use super::{ConfigError, EVENTS, Link, LinkEvent, LinkStatus, OutMessage, Part, SmppConfig, SubmitError};
use crate::pdu::Status;
use crate::session::client::DeliverHandle;
use futures_util::future::BoxFuture;
use futures_util::stream::{FuturesUnordered, StreamExt};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};
use tokio::net::TcpStream;
use tokio::sync::{Semaphore, mpsc, watch};

/// Commands on their way to the task; it takes them at once.
const COMMANDS: usize = 64;
/// Longest wait for a TCP connection.
const CONNECT: Duration = Duration::from_secs(10);

enum Command {
    Submit(Prepared),
    Restore(Part),
    Recall,
    Stop,
}

/// An SMPP link to a centre: connects, binds as transceiver, comes back for ever.
pub struct SmppLink {
    config: Arc<SmppConfig>,
    commands: mpsc::Sender<Command>,
    room: Arc<[Semaphore; 4]>,
    status: watch::Receiver<LinkStatus>,
}

impl SmppLink {
    /// Starts the link's task in the current runtime. `seed` should be random: it decides jitter and references.
    pub fn start(config: SmppConfig, seed: u64) -> Result<(Self, mpsc::Receiver<LinkEvent>), ConfigError> {
        let bind = config.bind()?;
        let queue = config.effective_queue();
        let config = Arc::new(config);
        let room = Arc::new(std::array::from_fn(|_| Semaphore::new(queue)));
        let (commands, inbox) = mpsc::channel(COMMANDS);
        let (events, receiver) = mpsc::channel(EVENTS);
        let (publish, status) = watch::channel(LinkStatus { rate_scale: 1.0, ..LinkStatus::default() });
        let core = Core::new(config.clone(), bind, seed, Instant::now());
        let task = Task {
            name: config.name.clone(),
            address: config.address.clone(),
            core,
            room: room.clone(),
            wire: None,
            dialing: None,
            answers: FuturesUnordered::new(),
            events,
            publish,
        };
        tokio::spawn(task.run(inbox));
        Ok((Self { config, commands, room, status }, receiver))
    }

    /// Changes of the link's status.
    pub fn watch(&self) -> watch::Receiver<LinkStatus> {
        self.status.clone()
    }

    async fn submit_one(&self, message: OutMessage) -> Result<(), SubmitError> {
        let prepared = Prepared::new(&self.config, message)?;
        let room = self.room[prepared.lane() as usize].acquire().await.map_err(|_| SubmitError::Closed)?;
        self.commands.send(Command::Submit(prepared)).await.map_err(|_| SubmitError::Closed)?;
        room.forget(); // given back when the message is finished
        Ok(())
    }
}

impl Link for SmppLink {
    fn name(&self) -> &str {
        &self.config.name
    }

    fn submit(&self, message: OutMessage) -> BoxFuture<'_, Result<(), SubmitError>> {
        Box::pin(self.submit_one(message))
    }

    fn restore(&self, part: Part) -> BoxFuture<'_, ()> {
        Box::pin(async move {
            let _ = self.commands.send(Command::Restore(part)).await; // closed: nothing to join any more
        })
    }

    fn recall(&self) -> BoxFuture<'_, ()> {
        Box::pin(async move {
            let _ = self.commands.send(Command::Recall).await; // closed: it has given all back
        })
    }

    fn status(&self) -> LinkStatus {
        self.status.borrow().clone()
    }

    fn close(&self) -> BoxFuture<'_, ()> {
        Box::pin(async move {
            if self.commands.send(Command::Stop).await.is_ok() {
                self.commands.closed().await;
            }
        })
    }
}

type Answer = BoxFuture<'static, (DeliverHandle, Status)>;

struct Task {
    name: String,
    address: String,
    core: Core,
    room: Arc<[Semaphore; 4]>,
    wire: Option<Wire>,
    dialing: Option<BoxFuture<'static, Result<TcpStream, String>>>,
    answers: FuturesUnordered<Answer>,
    events: mpsc::Sender<LinkEvent>,
    publish: watch::Sender<LinkStatus>,
}

impl Task {
    async fn run(mut self, mut inbox: mpsc::Receiver<Command>) {
        self.core.handle_timeout(Instant::now(), SystemTime::now());
        loop {
            self.perform();
            self.announce();
            if self.core.is_stopped() {
                break;
            }
            self.turn(&mut inbox).await;
        }
        self.room.iter().for_each(Semaphore::close);
    }

    /// Does what the machine asks for.
    fn perform(&mut self) {
        while let Some(output) = self.core.poll_output() {
            match output {
                CoreOutput::Connect => self.dialing = Some(dial(self.address.clone())),
                CoreOutput::Disconnect => {
                    self.dialing = None;
                    if let Some(wire) = self.wire.take() {
                        wire.close();
                    }
                }
                CoreOutput::Send(pdu) => self.send(&pdu),
                CoreOutput::Freed(lane) => self.room[lane as usize].add_permits(1),
                CoreOutput::Await(handle, answer) => {
                    let answer = async move { (handle, answer.await.unwrap_or(Status::RX_T_APPN)) };
                    self.answers.push(Box::pin(answer));
                }
            }
        }
    }

    fn send(&mut self, pdu: &crate::pdu::Pdu) {
        let Some(wire) = &mut self.wire else { return };
        if let Err(reason) = wire.send(pdu) {
            self.wire = None;
            self.core.lost(reason, Instant::now());
        }
    }

    fn announce(&self) {
        let status = self.core.status();
        self.publish.send_if_modified(|shown| {
            if shown.up != status.up {
                tracing::info!(link = %self.name, up = status.up, reason = status.last_error.as_deref().unwrap_or(""), "SMS link");
            }
            let changed = *shown != status;
            *shown = status;
            changed
        });
    }

    /// Waits for one thing to happen and tells the machine.
    async fn turn(&mut self, inbox: &mut mpsc::Receiver<Command>) {
        let due = self.core.poll_timeout(Instant::now());
        let sleep = tokio::time::sleep_until(due.unwrap_or_else(|| Instant::now() + Duration::from_secs(3_600)).into());
        tokio::select! {
            command = inbox.recv() => self.command(command),
            done = progress(&mut self.wire), if self.wire.is_some() => self.progressed(done),
            dialed = connect(&mut self.dialing), if self.dialing.is_some() => self.dialed(dialed),
            slot = self.events.clone().reserve_owned(), if self.core.has_event() => match slot {
                Ok(slot) => if let Some(event) = self.core.poll_event() { slot.send(event); },
                Err(_) => { // the owner is gone: nobody could take responsibility for anything
                    self.core.poll_event();
                    self.core.stop(Instant::now());
                }
            },
            Some((handle, status)) = self.answers.next(), if !self.answers.is_empty() => self.core.answered(handle, status, Instant::now()),
            () = sleep => self.core.handle_timeout(Instant::now(), SystemTime::now()),
        }
    }

    fn command(&mut self, command: Option<Command>) {
        let now = Instant::now();
        match command {
            Some(Command::Submit(prepared)) => self.core.submit(prepared, now),
            Some(Command::Restore(part)) => self.core.restore(&part, now),
            Some(Command::Recall) => self.core.recall("recalled before sending"),
            Some(Command::Stop) | None => self.core.stop(now),
        }
    }

    fn dialed(&mut self, dialed: Result<TcpStream, String>) {
        self.dialing = None;
        match dialed {
            Ok(stream) => {
                self.wire = Some(Wire::new(stream));
                self.core.connected(Instant::now());
            }
            Err(reason) => self.core.lost(reason, Instant::now()),
        }
    }

    fn progressed(&mut self, done: Result<(), String>) {
        let now = Instant::now();
        while let Some(wire) = &mut self.wire {
            match wire.next() {
                Ok(Some(pdu)) => self.core.received(pdu, now, SystemTime::now()),
                Ok(None) => break,
                Err(error) => return self.core.broken(&error, now),
            }
            self.perform(); // the machine may have closed the connection
        }
        if let Err(reason) = done
            && self.wire.take().is_some()
        {
            self.core.lost(reason, now);
        }
    }
}

async fn progress(wire: &mut Option<Wire>) -> Result<(), String> {
    match wire {
        Some(wire) => wire.progress().await,
        None => std::future::pending().await,
    }
}

async fn connect(dialing: &mut Option<BoxFuture<'static, Result<TcpStream, String>>>) -> Result<TcpStream, String> {
    match dialing {
        Some(dialing) => dialing.await,
        None => std::future::pending().await,
    }
}

fn dial(address: String) -> BoxFuture<'static, Result<TcpStream, String>> {
    Box::pin(async move {
        match tokio::time::timeout(CONNECT, TcpStream::connect(address)).await {
            Ok(Ok(stream)) => Ok(stream),
            Ok(Err(error)) => Err(format!("cannot connect: {error}")),
            Err(_) => Err("cannot connect: no answer".into()),
        }
    })
}
