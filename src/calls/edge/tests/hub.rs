//! A whole edge with a media engine and a switch of the simplest kind: the caller is answered and given to agent 8001,
//! an agent's call to whomever he dialled; who is left alone is hung up.

use std::sync::Arc;
use std::time::Duration;

use liandong_media::engine::{EngineConfig, MediaEngine};
use liandong_media::net::PortRange;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::stage::{Accounts, agent};
use crate::calls::call::{LegCommand, LegEvent, LegId, Party};
use crate::calls::edge::{Edge, EdgeConfig, EdgeEvent, SipTls, Source, Unstored, media_leg};
use crate::config::Config;

pub(super) struct Hub {
    pub(super) edge: Edge,
    pub(super) engine: Arc<MediaEngine>,
    pub(super) events: mpsc::Receiver<EdgeEvent>,
    pub(super) stop: CancellationToken,
}

impl Drop for Hub {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

/// A certificate of its own: what the edge is told, and what a client is to trust.
pub(super) fn certificate() -> (SipTls, rustls::pki_types::CertificateDer<'static>) {
    let made = rcgen::generate_simple_self_signed(vec!["localhost".into()]).unwrap();
    let key = rustls::pki_types::PrivatePkcs8KeyDer::from(made.signing_key.serialize_der());
    let ring = Arc::new(rustls::crypto::ring::default_provider());
    let builder = rustls::ServerConfig::builder_with_provider(ring).with_safe_default_protocol_versions().unwrap();
    let der = made.cert.der().clone();
    let config = builder.with_no_client_auth().with_single_cert(vec![der.clone()], key.into()).unwrap();
    let address = "127.0.0.1:0".parse().unwrap();
    (SipTls { address, config: Arc::new(config), is_asked_for: true }, der)
}

impl Hub {
    /// On free ports; `sip` 0 for any.
    pub(super) async fn start(sip: u16, first_rtp: u16) -> Self {
        Self::start_with(sip, first_rtp, None).await
    }

    pub(super) async fn start_with(sip: u16, first_rtp: u16, tls: Option<SipTls>) -> Self {
        let mut config = EdgeConfig { tls, ..EdgeConfig::new(&Config::demo("x")) };
        config.udp.set_port(sip);
        config.tcp.set_port(sip);
        config.webrtc.set_port(0);
        let ports = PortRange { first: first_rtp, last: first_rtp + 399 };
        let engine = EngineConfig { bind: config.address, ports, threads: 1, prompts: "prompts".into() };
        let (engine, media) = MediaEngine::start(&engine).unwrap();
        // Nobody listens to the media's events here; the engine keeps what it cannot hand over.
        std::mem::forget(media);
        let (engine, stop) = (Arc::new(engine), CancellationToken::new());
        let (sender, events) = mpsc::channel(1_024);
        let accounts = Arc::new(Accounts::default());
        let edge = Edge::start(config, engine.clone(), accounts, Arc::new(Unstored), sender, stop.clone());
        Self { edge: edge.await.unwrap(), engine, events, stop }
    }

    pub(super) async fn event(&mut self) -> EdgeEvent {
        let event = tokio::time::timeout(Duration::from_secs(10), self.events.recv()).await;
        event.expect("an event").expect("the edge runs")
    }

    /// The event of this leg that comes next; others are passed over.
    pub(super) async fn leg_event(&mut self, wanted: LegId) -> LegEvent {
        loop {
            if let EdgeEvent::Leg { leg, event, .. } = self.event().await
                && leg == wanted
            {
                return event;
            }
        }
    }

    /// Connects whoever calls, until `end`.
    pub(super) async fn connect_all(&mut self, end: tokio::time::Instant, mut said: impl FnMut(&EdgeEvent)) {
        while let Ok(Some(event)) = tokio::time::timeout_at(end, self.events.recv()).await {
            said(&event);
            match event {
                EdgeEvent::Incoming { call, caller_leg, source, called, .. } => {
                    self.edge.command(call, caller_leg, LegCommand::Ring);
                    let party = match source {
                        Source::Trunk(_) => Party::Agent(agent(8001)),
                        Source::Agent(_) => Party::Number(called),
                    };
                    self.edge.command(call, LegId(1), LegCommand::Invite(party));
                }
                EdgeEvent::Leg { call, leg: LegId(1), event: LegEvent::Answered } => {
                    self.edge.command(call, LegId(0), LegCommand::Answer);
                    let _ = self.engine.bridge(media_leg(call, LegId(0)), media_leg(call, LegId(1))).await;
                }
                EdgeEvent::Leg { call, leg: LegId(1), event: LegEvent::Failed { status } } => {
                    self.edge.command(call, LegId(0), LegCommand::Reject { status });
                }
                EdgeEvent::Leg { call, leg, event: LegEvent::HungUp } => {
                    let other = if leg == LegId(0) { LegId(1) } else { LegId(0) };
                    self.edge.command(call, other, LegCommand::HangUp);
                }
                _ => {}
            }
        }
    }
}
