//! The SFU on a UDP port: a task that owns it, and the handle by which the signalling side uses it.

use super::{
    Answer, Channel, Offer, PeerId, Settings, Sfu, SfuError, SfuEvent, Shape, SubscriptionSpec, TrackId, TrackSpec,
};
use crate::rtc::endpoint::{self, Driven};
use crate::rtc::transport::Identity;
use bytes::{Bytes, BytesMut};
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};
use tokio::sync::{mpsc, oneshot};

/// Events that wait for the signalling side; beyond, they stay inside the machine.
const MAX_EVENTS: usize = 4096;
/// When the signalling side does not keep up, its queue is tried again after this.
const RETRY: Duration = Duration::from_millis(10);

type Work = Box<dyn FnOnce(&mut Sfu, Instant) + Send>;

/// Something to do for the owner task.
struct Command(Work);

/// Binds `address` and starts the task; gives the handle and the events. `advertised` are the addresses that
/// clients are told, best first. The task ends with the last handle.
///
/// # Errors
/// Where the port cannot be had, or no certificate can be made.
pub fn start(address: SocketAddr, advertised: &[IpAddr]) -> io::Result<(SfuHandle, mpsc::Receiver<SfuEvent>)> {
    let socket = endpoint::bind(address)?;
    let port = socket.local_addr()?.port();
    let candidates = advertised.iter().map(|ip| SocketAddr::new(*ip, port)).collect();
    let identity = Identity::new(candidates).map_err(io::Error::other)?.gcm_only();
    let (commands, inbox) = mpsc::channel(endpoint::MAX_COMMANDS);
    let (events, outbox) = mpsc::channel(MAX_EVENTS);
    let driver = Driver { sfu: Sfu::new(identity), events, held: None };
    tokio::spawn(endpoint::run(socket, driver, inbox));
    Ok((SfuHandle { commands, port }, outbox))
}

/// Asks things of the SFU; cheap to clone. Methods are those of [`Sfu`].
#[derive(Clone)]
pub struct SfuHandle {
    commands: mpsc::Sender<Command>,
    port: u16,
}

impl SfuHandle {
    /// The UDP port.
    pub fn port(&self) -> u16 {
        self.port
    }

    async fn ask<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Sfu, Instant) -> Result<T, SfuError> + Send + 'static,
    ) -> Result<T, SfuError> {
        let (reply, answer) = oneshot::channel();
        let work: Work = Box::new(move |sfu, now| {
            let _ = reply.send(work(sfu, now));
        });
        self.commands.send(Command(work)).await.map_err(|_| SfuError::Stopped)?;
        answer.await.map_err(|_| SfuError::Stopped)?
    }

    /// See [`Sfu::add_peer`].
    ///
    /// # Errors
    /// As there.
    pub async fn add_peer(&self, peer: PeerId, shape: Shape) -> Result<(), SfuError> {
        self.ask(move |sfu, now| sfu.add_peer(peer, shape, now)).await
    }

    /// See [`Sfu::remove_peer`].
    ///
    /// # Errors
    /// When the SFU has stopped.
    pub async fn remove_peer(&self, peer: PeerId) -> Result<(), SfuError> {
        self.ask(move |sfu, now| {
            sfu.remove_peer(peer, now);
            Ok(())
        })
        .await
    }

    /// See [`Sfu::remote_offer`].
    ///
    /// # Errors
    /// As there.
    pub async fn remote_offer(&self, peer: PeerId, sdp: String) -> Result<Answer, SfuError> {
        self.ask(move |sfu, now| sfu.remote_offer(peer, &sdp, now)).await
    }

    /// See [`Sfu::create_offer`].
    ///
    /// # Errors
    /// As there.
    pub async fn create_offer(&self, peer: PeerId) -> Result<Option<Offer>, SfuError> {
        self.ask(move |sfu, now| sfu.create_offer(peer, now)).await
    }

    /// See [`Sfu::restart_ice`].
    ///
    /// # Errors
    /// As there.
    pub async fn restart_ice(&self, peer: PeerId) -> Result<Option<Offer>, SfuError> {
        self.ask(move |sfu, now| sfu.restart_ice(peer, now)).await
    }

    /// See [`Sfu::set_answer`].
    ///
    /// # Errors
    /// As there.
    pub async fn set_answer(&self, peer: PeerId, sdp: String) -> Result<(), SfuError> {
        self.ask(move |sfu, now| sfu.set_answer(peer, &sdp, now)).await
    }

    /// See [`Sfu::publish`].
    ///
    /// # Errors
    /// As there.
    pub async fn publish(&self, peer: PeerId, spec: TrackSpec) -> Result<(), SfuError> {
        self.ask(move |sfu, now| sfu.publish(peer, spec, now)).await
    }

    /// See [`Sfu::unpublish`].
    ///
    /// # Errors
    /// When the SFU has stopped.
    pub async fn unpublish(&self, track: TrackId) -> Result<(), SfuError> {
        self.ask(move |sfu, now| {
            sfu.unpublish(track, now);
            Ok(())
        })
        .await
    }

    /// See [`Sfu::set_muted`].
    ///
    /// # Errors
    /// As there.
    pub async fn set_muted(&self, track: TrackId, muted: bool) -> Result<(), SfuError> {
        self.ask(move |sfu, now| sfu.set_muted(track, muted, now)).await
    }

    /// See [`Sfu::subscribe`].
    ///
    /// # Errors
    /// As there.
    pub async fn subscribe(&self, peer: PeerId, track: TrackId, spec: SubscriptionSpec) -> Result<(), SfuError> {
        self.ask(move |sfu, now| sfu.subscribe(peer, track, spec, now)).await
    }

    /// See [`Sfu::set_settings`].
    ///
    /// # Errors
    /// As there.
    pub async fn set_settings(&self, peer: PeerId, track: TrackId, settings: Settings) -> Result<(), SfuError> {
        self.ask(move |sfu, now| sfu.set_settings(peer, track, settings, now)).await
    }

    /// See [`Sfu::unsubscribe`].
    ///
    /// # Errors
    /// When the SFU has stopped.
    pub async fn unsubscribe(&self, peer: PeerId, track: TrackId) -> Result<(), SfuError> {
        self.ask(move |sfu, now| {
            sfu.unsubscribe(peer, track, now);
            Ok(())
        })
        .await
    }

    /// See [`Sfu::send_data`].
    ///
    /// # Errors
    /// As there.
    pub async fn send_data(&self, peer: PeerId, channel: Channel, bytes: Bytes) -> Result<(), SfuError> {
        self.ask(move |sfu, now| sfu.send_data(peer, channel, &bytes, now)).await
    }
}

struct Driver {
    sfu: Sfu,
    events: mpsc::Sender<SfuEvent>,
    held: Option<(SfuEvent, Instant)>,
}

impl Driver {
    /// Hands events over; one that finds the queue full is held, and all behind it wait.
    fn tell(&mut self, now: Instant) {
        if self.held.as_ref().is_some_and(|(_, retry)| now < *retry) {
            return;
        }
        let held = self.held.take().map(|(event, _)| event);
        let mut next = held.or_else(|| self.sfu.poll_event());
        while let Some(event) = next {
            if let Err(mpsc::error::TrySendError::Full(event)) = self.events.try_send(event) {
                self.held = Some((event, now + RETRY));
                return;
            }
            next = self.sfu.poll_event();
        }
    }
}

impl Driven for Driver {
    type Command = Command;

    fn handle_command(&mut self, command: Command, now: Instant) {
        (command.0)(&mut self.sfu, now);
        self.tell(now);
    }

    fn handle_datagram(&mut self, from: SocketAddr, data: BytesMut, now: Instant) {
        self.sfu.handle_datagram(from, data, now);
        self.tell(now);
    }

    fn handle_timeout(&mut self, now: Instant) {
        self.sfu.handle_timeout(now);
        self.tell(now);
    }

    fn poll_timeout(&mut self) -> Option<Instant> {
        let retry = self.held.as_ref().map(|(_, retry)| *retry);
        [self.sfu.poll_timeout(), retry].into_iter().flatten().min()
    }

    fn poll_datagram(&mut self) -> Option<(SocketAddr, BytesMut)> {
        self.sfu.poll_datagram()
    }

    fn close(&mut self) {
        self.sfu.close(Instant::now());
    }
}
