//! A leg's media worker: opens the leg in the media engine, makes and reads descriptions, and carries a browser's
//! packets between its transport and the engine. One task per leg, ended by [`MediaJob::Close`].
//!
//! Must not know: SIP messages, what the call is for.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use bytes::Bytes;
use liandong_media::codec::Codec;
use liandong_media::engine::{EngineError, ExternalSender, LegConfig, LegId as MediaLeg, MediaEngine};
use liandong_media::relay::{Direction, Media, Payload, Remote};
use liandong_media::rtc::packet::RtpPacket;
use liandong_media::rtc::phone::{AudioCodec, PhoneEvent, PhoneMedia};
use liandong_media::rtc::phones::{PhoneEndpoint, PhoneError, PhoneLeg};
use tokio::sync::mpsc;

use super::describe::{Describer, Unfit};
use super::kept_media::KeptMedia;
use super::leg::{BranchId, Described, LegKey, MediaJob, MediaReply, NoMedia};

/// Jobs that may wait for one worker: a leg has at most its branches' offers and two more under way.
pub(super) const JOBS_MAX: usize = 64;
/// What browsers are offered, best first: A-law passes from the trunk to the agent without being recoded.
const BROWSER_CODECS: [AudioCodec; 3] = [AudioCodec::Pcma, AudioCodec::Pcmu, AudioCodec::Opus];

/// What all workers share.
#[derive(Clone)]
pub(super) struct Shared {
    pub(super) engine: Arc<MediaEngine>,
    pub(super) phones: PhoneEndpoint,
    /// Put into descriptions.
    pub(super) address: IpAddr,
    pub(super) replies: mpsc::Sender<(LegKey, MediaReply)>,
}

/// The ends of a leg that a browser carries.
struct External {
    to_engine: ExternalSender,
    from_engine: mpsc::Receiver<Bytes>,
}

struct Worker {
    shared: Shared,
    key: LegKey,
    leg: MediaLeg,
    /// The plain leg, while it is open.
    plain: Option<Describer>,
    external: Option<External>,
    /// The browser that is the leg.
    browser: Option<PhoneLeg>,
    /// Browsers that were offered something.
    offered: Vec<(BranchId, PhoneLeg)>,
    /// The engine's present idea of the far end.
    remote: Option<Remote>,
}

/// Starts a worker; its inbox.
pub(super) fn spawn(shared: Shared, key: LegKey) -> mpsc::Sender<(u64, MediaJob)> {
    let (jobs, inbox) = mpsc::channel(JOBS_MAX);
    tokio::spawn(Worker::new(shared, key).run(inbox));
    jobs
}

/// A worker for a plain leg that was taken up after a restart: the same port, the same far end. `None` if they cannot be
/// had.
pub(super) async fn take_up(shared: Shared, key: LegKey, kept: &KeptMedia) -> Option<mpsc::Sender<(u64, MediaJob)>> {
    let (jobs, inbox) = mpsc::channel(JOBS_MAX);
    let mut worker = Worker::new(shared, key);
    if let Err(error) = worker.open_again(kept).await {
        tracing::warn!(call = %key.call, leg = key.leg.0, error = error.text, "a leg's media cannot be taken up");
        return None;
    }
    tokio::spawn(worker.run(inbox));
    Some(jobs)
}

enum Turn {
    Job(Option<(u64, MediaJob)>),
    FromBrowser(Option<PhoneEvent>),
    FromEngine(Option<Bytes>),
}

impl Worker {
    fn new(shared: Shared, key: LegKey) -> Self {
        let leg = super::media_leg(key.call, key.leg);
        Self { shared, key, leg, plain: None, external: None, browser: None, offered: Vec::new(), remote: None }
    }

    async fn open_again(&mut self, kept: &KeptMedia) -> Result<(), NoMedia> {
        let remote = kept.remote().ok_or_else(|| NoMedia { status: 488, text: "an unknown codec".into() })?;
        self.open_plain(Some(kept.port), kept.version).await?;
        let done = self.set_remote(remote).await;
        if done.is_err() {
            let _ = self.shared.engine.close(self.leg).await;
        }
        done.map(|_| ())
    }

    async fn run(mut self, mut jobs: mpsc::Receiver<(u64, MediaJob)>) {
        loop {
            let turn = tokio::select! {
                job = jobs.recv() => Turn::Job(job),
                event = hear(&mut self.browser) => Turn::FromBrowser(event),
                packet = take(&mut self.external) => Turn::FromEngine(packet),
            };
            match turn {
                Turn::Job(None | Some((_, MediaJob::Close))) => return self.close().await,
                Turn::Job(Some((number, job))) => self.job(number, job).await,
                Turn::FromBrowser(Some(PhoneEvent::Rtp(packet))) => {
                    if let Some(external) = &self.external {
                        // A packet that is lost here is lost as on a network.
                        let _ = external.to_engine.send(packet.to_bytes());
                    }
                }
                Turn::FromBrowser(Some(PhoneEvent::Connected | PhoneEvent::Interrupted)) => {}
                Turn::FromBrowser(Some(PhoneEvent::Closed) | None) => {
                    self.browser = None;
                    let _ = self.shared.replies.send((self.key, MediaReply::Lost)).await;
                }
                Turn::FromEngine(Some(packet)) => {
                    if let (Some(browser), Some(packet)) = (&self.browser, RtpPacket::parse(&packet)) {
                        let _ = browser.write_rtp(packet);
                    }
                }
                Turn::FromEngine(None) => self.external = None,
            }
        }
    }

    async fn job(&mut self, number: u64, job: MediaJob) {
        let done = match job {
            MediaJob::Answer { offer, from } if is_webrtc(&offer) => {
                self.answer_browser(&offer).await.map(|d| (d, from))
            }
            MediaJob::Answer { offer, from } => self.answer_plain(&offer, from).await.map(|d| (d, from)),
            MediaJob::Offer { branch, browser, again } => {
                let sdp = if browser { self.offer_browser(branch, again).await } else { self.offer_plain().await };
                sdp.map(|sdp| (Described { sdp, held: false, changed: false, kept: None }, self.shared.address))
            }
            MediaJob::Accept { branch, answer, from } => self.accept(branch, &answer, from).await.map(|d| (d, from)),
            MediaJob::Forget { branch } => return self.offered.retain(|(id, _)| *id != branch),
            MediaJob::Close => return,
        };
        let reply = MediaReply::Done(number, done.map(|(described, _)| described));
        let _ = self.shared.replies.send((self.key, reply)).await;
    }

    async fn answer_plain(&mut self, offer: &[u8], from: IpAddr) -> Result<Described, NoMedia> {
        let (sdp, remote) = self.plain().await?.answer(offer, from).map_err(unfit)?;
        let described = self.set_remote(remote).await?;
        Ok(Described { sdp, ..described })
    }

    async fn offer_plain(&mut self) -> Result<String, NoMedia> {
        Ok(self.plain().await?.offer())
    }

    async fn accept(&mut self, branch: BranchId, answer: &[u8], from: IpAddr) -> Result<Described, NoMedia> {
        let text = String::from_utf8_lossy(answer).into_owned();
        if let Some(at) = self.offered.iter().position(|(id, _)| *id == branch) {
            let (_, mut browser) = self.offered.swap_remove(at);
            browser.set_answer(&text).await.map_err(phone)?;
            return self.become_browser(browser).await;
        }
        if let Some(browser) = &mut self.browser {
            browser.set_answer(&text).await.map_err(phone)?;
            return self.set_browser_remote().await;
        }
        let remote = self.plain().await?.accept(answer, from).map_err(unfit)?;
        self.offered.clear();
        self.set_remote(remote).await
    }

    /// The plain leg, opened if it is not.
    async fn plain(&mut self) -> Result<&mut Describer, NoMedia> {
        if self.plain.is_none() {
            self.open_plain(None, 0).await?;
        }
        self.plain.as_mut().ok_or_else(|| engine(EngineError::Stopped))
    }

    async fn open_plain(&mut self, port: Option<u16>, version: u64) -> Result<(), NoMedia> {
        let config = LegConfig { port, ..LegConfig::default() };
        let bound = self.shared.engine.open_leg(self.leg, config).await.map_err(engine)?;
        let shown =
            if bound.ip().is_unspecified() { SocketAddr::new(self.shared.address, bound.port()) } else { bound };
        self.plain = Some(Describer::new(shown, self.session()).after(version));
        Ok(())
    }

    fn session(&self) -> u64 {
        (self.leg.call.0 as u64).wrapping_add(u64::from(self.key.leg.0))
    }

    async fn set_remote(&mut self, mut remote: Remote) -> Result<Described, NoMedia> {
        // On hold with an address of zeros the peer stays where it was.
        remote.address = remote.address.or_else(|| self.remote.as_ref().and_then(|old| old.address));
        let held = !remote.direction.send;
        let same = |old: &Remote| old.address == remote.address && old.media == remote.media;
        let changed = self.remote.as_ref().is_some_and(|old| !same(old));
        self.shared.engine.set_remote(self.leg, remote.clone()).await.map_err(engine)?;
        let kept = self.plain.as_ref().map(|ours| KeptMedia::new(ours.port(), ours.version(), &remote));
        self.remote = Some(remote);
        Ok(Described { sdp: String::new(), held, changed, kept })
    }

    async fn close(self) {
        if self.plain.is_some() || self.external.is_some() {
            // An engine that has stopped has closed it.
            let _ = self.shared.engine.close(self.leg).await;
        }
    }
}

/// Browsers.
impl Worker {
    async fn answer_browser(&mut self, offer: &[u8]) -> Result<Described, NoMedia> {
        let offer = String::from_utf8_lossy(offer).into_owned();
        if let Some(browser) = &mut self.browser {
            let sdp = browser.accept_offer(&offer).await.map_err(phone)?;
            return Ok(Described { sdp, ..self.set_browser_remote().await? });
        }
        let (browser, sdp) = self.shared.phones.answer(&offer, &BROWSER_CODECS).await.map_err(phone)?;
        Ok(Described { sdp, ..self.become_browser(browser).await? })
    }

    async fn offer_browser(&mut self, branch: BranchId, again: bool) -> Result<String, NoMedia> {
        if let (true, Some(browser)) = (again, &self.browser) {
            return browser.reoffer(false).await.map_err(phone);
        }
        let (browser, sdp) = self.shared.phones.offer(&BROWSER_CODECS).await.map_err(phone)?;
        self.offered.push((branch, browser));
        Ok(sdp)
    }

    /// This browser is the leg from now on, in place of whatever was.
    async fn become_browser(&mut self, browser: PhoneLeg) -> Result<Described, NoMedia> {
        if self.plain.take().is_some() {
            let _ = self.shared.engine.close(self.leg).await;
            self.remote = None;
        }
        if self.external.is_none() {
            let opened = self.shared.engine.open_external_leg(self.leg, LegConfig::default()).await;
            let (to_engine, from_engine) = opened.map_err(engine)?;
            self.external = Some(External { to_engine, from_engine });
        }
        self.browser = Some(browser);
        self.offered.clear();
        self.set_browser_remote().await
    }

    async fn set_browser_remote(&mut self) -> Result<Described, NoMedia> {
        let media = self.browser.as_ref().and_then(PhoneLeg::media).map(browser_remote);
        let remote = media.ok_or_else(|| NoMedia { status: 488, text: "the browser agreed to nothing".into() })?;
        self.set_remote(remote).await
    }
}

/// The browser's next event; never, while there is none.
async fn hear(browser: &mut Option<PhoneLeg>) -> Option<PhoneEvent> {
    match browser {
        Some(browser) => browser.recv().await,
        None => std::future::pending().await,
    }
}

async fn take(external: &mut Option<External>) -> Option<Bytes> {
    match external {
        Some(external) => external.from_engine.recv().await,
        None => std::future::pending().await,
    }
}

fn browser_remote(agreed: &PhoneMedia) -> Remote {
    let codec = |codec: AudioCodec| match codec {
        AudioCodec::Pcma => Some(Codec::Pcma),
        AudioCodec::Pcmu => Some(Codec::Pcmu),
        AudioCodec::Opus => Some(Codec::Opus),
        AudioCodec::G722 => None, // not among those that we offer
    };
    let sent = codec(agreed.codec).unwrap_or(Codec::Pcma);
    let mut media = Media::new(sent, agreed.payload_type);
    for (number, other) in &agreed.receivable {
        if let Some(other) = codec(*other).filter(|_| *number != agreed.payload_type) {
            media.receive.push((*number, Payload::Audio(other)));
        }
    }
    if let Some(events) = agreed.telephone_event {
        media = media.with_events(events, sent.clock());
    }
    let direction = Direction { send: agreed.browser_listens, receive: agreed.browser_speaks };
    Remote { direction, ..Remote::external(media) }
}

/// Whether a description is a browser's: keys by DTLS, addresses by ICE.
fn is_webrtc(sdp: &[u8]) -> bool {
    String::from_utf8_lossy(sdp).contains("UDP/TLS/RTP/SAVP")
}

fn unfit(error: Unfit) -> NoMedia {
    NoMedia { status: 488, text: error.to_string() }
}

fn phone(error: PhoneError) -> NoMedia {
    let status = if matches!(error, PhoneError::Transport(_)) { 488 } else { 503 };
    NoMedia { status, text: error.to_string() }
}

fn engine(error: EngineError) -> NoMedia {
    NoMedia { status: 503, text: error.to_string() }
}
