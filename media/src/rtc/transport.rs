//! One WebRTC transport (ICE-lite, DTLS-SRTP, SCTP) without IO: the only file, with `tap` and `lite`, that knows
//! the crate.
//!
//! The crate is shown a session of constant shape (one idle audio section, one for data channels), written by
//! us from the real one; the real sections are negotiated by `sdp`, `phone` and the SFU. Decrypted packets come
//! out through the `tap`.
//!
//! Methods are of four kinds: getters; `handle_*` for what happened; `negotiate`, `send_*` for what the caller
//! wants; `poll_*` for what must be done now. After anything but a getter, drain [`Transport::poll_event`], then
//! [`Transport::poll_datagram`], then wait for [`Transport::poll_timeout`].

use super::inbound::{Extensions, Inbound};
use super::lite::{self, Lite, PUPPET, STAGE};
use super::packet::{Received, RtpPacket};
use super::resend::SendHistory;
use super::sdp::{Description, IceCredentials, Kind, SdpError, Setup, uri};
use super::tap::Tap;
use bytes::{Bytes, BytesMut};
use rtc::crypto::{self, SignatureScheme};
use rtc::data_channel::{RTCDataChannelInit, RTCDataChannelMessage};
use rtc::dtls::extension::extension_use_srtp::SrtpProtectionProfile;
use rtc::interceptor::{
    AttributedPacket, Interceptor, Packet, RTPHeaderExtension, ReceiverReportBuilder, Registry, SenderReportBuilder,
    Slot, StreamInfo, TaggedPacket, TwccReceiverBuilder,
};
use rtc::peer_connection::certificate::{CertificateParams, RTCCertificate};
use rtc::peer_connection::configuration::RTCConfigurationBuilder;
use rtc::peer_connection::configuration::media_engine::MediaEngine;
use rtc::peer_connection::configuration::setting_engine::SettingEngineBuilder;
use rtc::peer_connection::event::{RTCDataChannelEvent, RTCPeerConnectionEvent};
use rtc::peer_connection::message::{RTCMessage, TaggedRTCMessage};
use rtc::peer_connection::sdp::RTCSessionDescription;
use rtc::peer_connection::state::RTCPeerConnectionState;
use rtc::peer_connection::transport::{RTCDtlsRole, RTCIceCandidateInit};
use rtc::peer_connection::{RTCPeerConnection, RTCPeerConnectionBuilder};
use rtc::rtcp::payload_feedbacks::full_intra_request::FullIntraRequest;
use rtc::rtcp::payload_feedbacks::picture_loss_indication::PictureLossIndication;
use rtc::rtcp::receiver_report::ReceiverReport;
use rtc::rtcp::transport_feedbacks::transport_layer_nack::{TransportLayerNack, nack_pairs_from_sequence_numbers};
use rtc::rtp_transceiver::rtp_sender::{RTCRtpCodec, RTCRtpCodecParameters, RtpCodecKind};
use rtc::sansio::Protocol;
use rtc::shared::{TaggedBytesMut, TransportContext, TransportProtocol};
use std::collections::{HashMap, HashSet, VecDeque};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// Payload type of the idle section that the crate sees; no browser sends GSM.
const IDLE_PAYLOAD_TYPE: u8 = 3;
/// Interval of transport-wide feedback; browsers expect 50–250 ms.
const TRANSPORT_CC_INTERVAL: Duration = Duration::from_millis(100);
/// Bytes that may wait in one data channel before lossy messages are dropped and reliable ones refused.
pub const MAX_CHANNEL_BACKLOG: usize = 1024 * 1024;
/// Largest data channel message, bytes (LiveKit's packets stay under 64 kB).
pub const MAX_MESSAGE: usize = 65_536;
/// No connectivity check for so long: the peer is shown as lost, then given up. Browsers check every 2.5 to 6 s.
const ICE_DISCONNECTED: Duration = Duration::from_secs(10);
const ICE_FAILED: Duration = Duration::from_secs(25);
const ICE_KEEPALIVE: Duration = Duration::from_secs(2);

/// What is accepted; the DTLS client's order decides. The first is that of [`Identity::gcm_only`].
const SRTP_PROFILES: [SrtpProtectionProfile; 3] = [
    SrtpProtectionProfile::Srtp_Aead_Aes_128_Gcm,
    SrtpProtectionProfile::Srtp_Aead_Aes_256_Gcm,
    SrtpProtectionProfile::Srtp_Aes128_Cm_Hmac_Sha1_80,
];
/// Datagrams kept that come before the peer's answer: its first connectivity checks. Answered late they still
/// count, which saves the second or two that a browser waits before it checks again.
const MAX_EARLY: usize = 16;

/// Why a transport could not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum TransportError {
    /// The description is no good.
    #[error(transparent)]
    Sdp(#[from] SdpError),
    /// The crate refused; the text is its own.
    #[error("WebRTC: {0}")]
    Webrtc(String),
    /// A message larger than [`MAX_MESSAGE`].
    #[error("a data channel message of {0} bytes is too large (limit {MAX_MESSAGE})")]
    MessageTooLarge(usize),
    /// The receiver does not keep up.
    #[error("the data channel is congested: {MAX_CHANNEL_BACKLOG} bytes wait")]
    Congested,
    /// No such channel, or it is not open yet.
    #[error("the data channel {0:?} is not open")]
    NoChannel(String),
    /// The browser asked for the DTLS role that only we can have here.
    #[error("the peer offers setup:passive; actpass or active is needed")]
    DtlsRole,
}

impl From<rtc::shared::error::Error> for TransportError {
    fn from(error: rtc::shared::error::Error) -> Self {
        Self::Webrtc(error.to_string())
    }
}

/// What all transports of an endpoint share: the certificate and the address that candidates name.
#[derive(Clone)]
pub struct Identity {
    certificate: RTCCertificate,
    addresses: Vec<SocketAddr>,
    profiles: Vec<SrtpProtectionProfile>,
}

impl Identity {
    /// A fresh self-signed certificate (ECDSA P-256). `addresses` are the host candidates, best first; the
    /// port is that of the shared UDP socket.
    ///
    /// # Errors
    /// When the crypto provider cannot make a key.
    pub fn new(addresses: Vec<SocketAddr>) -> Result<Self, TransportError> {
        let failed = |error: &dyn std::fmt::Display| TransportError::Webrtc(error.to_string());
        let provider = crypto::default_provider().map_err(|error| failed(&error))?;
        let params = CertificateParams::new(vec!["liandong".to_owned()]).map_err(|error| failed(&error))?;
        let certificate = RTCCertificate::generate(provider.crypto(), SignatureScheme::EcdsaP256Sha256, params)?;
        Ok(Self { certificate, addresses, profiles: SRTP_PROFILES.to_vec() })
    }

    /// Only AES-128-GCM, a third cheaper per packet. Browsers know it but choose it only where the other side has
    /// nothing else (libwebrtc prefers the shorter tag of counter mode with SHA-1, then 256-bit keys).
    #[must_use]
    pub fn gcm_only(mut self) -> Self {
        self.profiles.truncate(1);
        self
    }

    /// Host candidates as they stand in descriptions (RFC 8839 §5.1).
    pub fn candidates(&self) -> Vec<String> {
        let line = |(index, address): (usize, &SocketAddr)| {
            // RFC 8445 §5.1.2.1: type preference 126 for host, component 1.
            let priority = (126u32 << 24) + (((65_535 - index as u32) & 0xffff) << 8) + 255;
            format!("{} 1 udp {priority} {} {} typ host", index + 1, address.ip(), address.port())
        };
        self.addresses.iter().enumerate().map(line).collect()
    }
}

/// A data channel that we open ourselves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChannelSpec {
    /// Label.
    pub label: String,
    /// In order, or as messages come.
    pub ordered: bool,
    /// Retransmissions of a message; `None` is reliable.
    pub max_retransmits: Option<u16>,
}

/// Number of a data channel within its transport.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ChannelId(usize);

/// What a transport reports.
#[derive(Debug)]
pub enum Event {
    /// ICE and DTLS are up.
    Connected,
    /// No connectivity check for a while; it may come back.
    Interrupted,
    /// Closed by the peer or given up; nothing more will come.
    Closed,
    /// A media packet.
    Rtp(Received),
    /// The peer needs a key frame of what we send on this SSRC.
    KeyFrameWanted {
        /// Our SSRC.
        ssrc: u32,
    },
    /// The peer's receiver report on one of our streams.
    Reception {
        /// Our SSRC.
        ssrc: u32,
        /// Share of packets lost since the last report, 0–255 for 0–100 %.
        fraction_lost: u8,
    },
    /// A data channel is usable.
    ChannelOpen {
        /// Its number.
        channel: ChannelId,
        /// Its label.
        label: String,
    },
    /// A data channel ended.
    ChannelClosed {
        /// Its number.
        channel: ChannelId,
    },
    /// A data channel message.
    Data {
        /// Where it came.
        channel: ChannelId,
        /// Text rather than bytes.
        text: bool,
        /// The message.
        bytes: Bytes,
    },
}

/// One transport.
pub struct Transport {
    connection: RTCPeerConnection,
    tap: Tap,
    lite: Lite,
    outbox: VecDeque<(SocketAddr, BytesMut)>,
    reports: Box<dyn Interceptor>,
    inbound: Inbound,
    outbound: HashSet<u32>,
    histories: HashMap<u32, SendHistory>,
    repair_types: HashMap<u8, u8>,
    events: VecDeque<Event>,
    channels: HashMap<usize, String>,
    remote_ice: Option<IceCredentials>,
    local: LocalParameters,
    shape_with_data: bool,
    started: bool,
    early: Vec<(SocketAddr, BytesMut)>,
    feedback_ssrc: u32,
    closed: bool,
}

/// Our side of the transport, as descriptions name it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LocalParameters {
    /// ICE credentials.
    pub ice: IceCredentials,
    /// Certificate fingerprint.
    pub fingerprint: (String, String),
}

impl Transport {
    /// A transport that waits for an offer or makes one. Random numbers come from the crate.
    ///
    /// # Errors
    /// When the crate refuses its configuration.
    pub fn new(identity: &Identity, now: Instant) -> Result<Self, TransportError> {
        let tap = Tap::default();
        let registry = Registry::new().with(Slot::from(1), tap.interceptor());
        let mut connection = RTCPeerConnectionBuilder::new()
            .with_configuration(
                RTCConfigurationBuilder::new().with_certificates(vec![identity.certificate.clone()]).build(),
            )
            .with_media_engine(idle_media_engine()?)
            .with_setting_engine(
                SettingEngineBuilder::new()
                    .with_lite(true)
                    .with_answering_dtls_role(RTCDtlsRole::Server)
                    .with_srtp_protection_profiles(identity.profiles.clone())
                    .with_ice_timeouts(Some(ICE_DISCONNECTED), Some(ICE_FAILED), Some(ICE_KEEPALIVE))
                    .build(),
            )
            .with_interceptor_registry(registry)
            .build(now)?;
        let candidate = format!("candidate:1 1 udp 2130706431 {} {} typ host", STAGE.ip(), STAGE.port());
        connection.add_local_candidate(RTCIceCandidateInit { candidate, ..Default::default() })?;
        let reports = Registry::new()
            .with(Slot::TwccReceiver, TwccReceiverBuilder::new().with_interval(TRANSPORT_CC_INTERVAL).build())
            .with(Slot::ReceiverReport, ReceiverReportBuilder::new().build())
            .with(Slot::SenderReport, SenderReportBuilder::new().build())
            .build();
        Ok(Self {
            connection,
            tap,
            lite: Lite::new().map_err(TransportError::Webrtc)?,
            outbox: VecDeque::new(),
            reports: Box::new(reports),
            inbound: Inbound::default(),
            outbound: HashSet::new(),
            histories: HashMap::new(),
            repair_types: HashMap::new(),
            events: VecDeque::new(),
            channels: HashMap::new(),
            remote_ice: None,
            local: LocalParameters::default(),
            shape_with_data: false,
            started: false,
            early: Vec::new(),
            feedback_ssrc: rand::random(),
            closed: false,
        })
    }

    /// Our credentials and fingerprint; empty before the first negotiation.
    pub fn local(&self) -> &LocalParameters {
        &self.local
    }

    /// Takes the peer's offer at transport level. Later offers change the transport only where ICE restarts or
    /// data channels are new.
    ///
    /// # Errors
    /// See [`TransportError`].
    pub fn accept_offer(&mut self, offer: &Description, now: Instant) -> Result<(), TransportError> {
        if offer.setup == Setup::Passive {
            return Err(TransportError::DtlsRole);
        }
        let with_data = offer.application().is_some();
        let same = self.remote_ice.as_ref() == Some(&offer.ice) && (self.shape_with_data || !with_data);
        if same {
            return Ok(());
        }
        self.shape_with_data |= with_data;
        let mids: &[(&str, Kind)] = &[("0", Kind::Audio), ("1", Kind::Application)];
        let shape = idle_description(offer, Setup::ActPass, &mids[..1 + usize::from(self.shape_with_data)]);
        self.connection.set_remote_description(now, RTCSessionDescription::offer(shape)?)?;
        let answer = self.connection.create_answer(None)?;
        self.connection.set_local_description(now, answer.clone())?;
        self.remote_ice = Some(offer.ice.clone());
        self.started = true;
        self.read_local(&answer.sdp)
    }

    /// Starts as the offering side, with data channels of our own.
    ///
    /// # Errors
    /// When the crate refuses.
    pub fn start_offer(&mut self, channels: &[ChannelSpec], now: Instant) -> Result<(), TransportError> {
        self.connection.add_transceiver_from_kind(RtpCodecKind::Audio, None)?;
        for spec in channels {
            let init = RTCDataChannelInit {
                ordered: spec.ordered,
                max_retransmits: spec.max_retransmits,
                ..RTCDataChannelInit::default()
            };
            let id = self.connection.create_data_channel(&spec.label, Some(init))?.id();
            self.channels.insert(id, spec.label.clone());
        }
        self.shape_with_data = !channels.is_empty();
        self.propose(now)
    }

    /// Makes new ICE credentials for the next offer of ours.
    ///
    /// # Errors
    /// When the crate refuses.
    pub fn restart_offer(&mut self, now: Instant) -> Result<(), TransportError> {
        self.connection.restart_ice();
        self.remote_ice = None;
        self.propose(now)
    }

    fn propose(&mut self, now: Instant) -> Result<(), TransportError> {
        let offer = self.connection.create_offer(None)?;
        self.connection.set_local_description(now, offer.clone())?;
        self.read_local(&offer.sdp)
    }

    /// Takes the answer to our offer; later answers change nothing here unless we restarted ICE.
    ///
    /// # Errors
    /// See [`TransportError`].
    pub fn accept_answer(&mut self, answer: &Description, now: Instant) -> Result<(), TransportError> {
        if self.remote_ice.as_ref() == Some(&answer.ice) {
            return Ok(());
        }
        let Some(local) = self.connection.local_description() else {
            return Err(TransportError::Webrtc("an answer came before an offer was made".into()));
        };
        let local = Description::parse(&local.sdp)?;
        let mids: Vec<(&str, Kind)> = local.sections.iter().map(|section| (&*section.mid.0, section.kind)).collect();
        let shape = idle_description(answer, answer.setup, &mids);
        self.connection.set_remote_description(now, RTCSessionDescription::answer(shape)?)?;
        self.remote_ice = Some(answer.ice.clone());
        self.started = true;
        for (from, data) in std::mem::take(&mut self.early) {
            self.handle_datagram(from, data, now);
        }
        Ok(())
    }

    fn read_local(&mut self, sdp: &str) -> Result<(), TransportError> {
        let description = Description::parse(sdp)?;
        self.local = LocalParameters { ice: description.ice, fingerprint: description.fingerprint };
        Ok(())
    }

    /// Takes what was negotiated for media: formats and extensions of both sides' sections.
    pub fn negotiated(&mut self, remote: &Description, local: &Description) {
        self.inbound.negotiated(remote, local);
        let codecs = local.sections.iter().flat_map(|section| &section.codecs);
        let pairs = codecs.filter_map(|codec| Some((codec.repaired()?, codec.payload_type)));
        self.repair_types = pairs.collect();
    }

    /// Announces a stream that we will send: sender reports need its clock, repair its second SSRC. Announcing it
    /// again changes nothing: a history begun anew would number its retransmissions like a replay.
    pub fn open_outbound(&mut self, ssrc: u32, clock_rate: u32, repair_ssrc: Option<u32>) {
        if !self.outbound.insert(ssrc) {
            return;
        }
        self.reports.bind_local_stream(&StreamInfo { ssrc, clock_rate, ..StreamInfo::default() });
        if let Some(repair) = repair_ssrc {
            self.histories.insert(ssrc, SendHistory::new(repair));
        }
    }

    /// Ends a stream of ours.
    pub fn close_outbound(&mut self, ssrc: u32) {
        if self.outbound.remove(&ssrc) {
            self.reports.unbind_local_stream(&StreamInfo { ssrc, ..StreamInfo::default() });
            self.histories.remove(&ssrc);
        }
    }

    /// Takes a datagram of this peer.
    pub fn handle_datagram(&mut self, from: SocketAddr, data: BytesMut, now: Instant) {
        if !self.started {
            if self.early.len() < MAX_EARLY {
                self.early.push((from, data));
            }
            return;
        }
        if lite::is_request(&data) {
            self.check(from, &data, now);
        } else if !lite::is_stun(&data) {
            // SRTP and DTLS prove by themselves whose they are.
            self.feed(data, now);
        }
        self.collect(now);
    }

    /// A connectivity check: answered at once; the crate is shown a nomination from its unmoving peer.
    fn check(&mut self, from: SocketAddr, data: &[u8], now: Instant) {
        let Some(remote) = self.remote_ice.clone() else {
            return;
        };
        let Some(checked) = self.lite.check(from, data, &self.local.ice, &remote) else {
            return;
        };
        self.outbox.push_back((from, checked.response));
        // The first time, the crate checks back and takes the nomination only after the answer.
        for _ in 0..2 {
            self.feed(checked.nomination.clone(), now);
            while let Some(datagram) = self.connection.poll_write() {
                self.sort(datagram.message, &remote, now);
            }
        }
    }

    /// Sends what is for the network, answers what the crate asks of its peer, drops what it answers.
    fn sort(&mut self, data: BytesMut, remote: &IceCredentials, now: Instant) {
        if lite::is_request(&data) {
            if let Some(answer) = self.lite.answer(&data, remote) {
                self.feed(answer, now);
            }
        } else if !lite::is_stun(&data)
            && let Some(route) = self.lite.route()
        {
            self.outbox.push_back((route, data));
        }
    }

    fn feed(&mut self, message: BytesMut, now: Instant) {
        let transport = TransportContext {
            local_addr: STAGE,
            peer_addr: PUPPET,
            transport_protocol: TransportProtocol::UDP,
            ecn: None,
        };
        if let Err(error) = self.connection.handle_read(TaggedBytesMut { now, transport, message }) {
            tracing::debug!(%error, "datagram refused");
        }
    }

    /// Time passes.
    pub fn handle_timeout(&mut self, now: Instant) {
        if let Err(error) = self.connection.handle_timeout(now) {
            tracing::debug!(%error, "WebRTC timeout");
        }
        let _ = self.reports.handle_timeout(now);
        self.flush_reports(now);
        for (ssrc, sequences) in self.inbound.requests(now) {
            let nack = TransportLayerNack {
                sender_ssrc: self.feedback_ssrc,
                media_ssrc: ssrc,
                nacks: nack_pairs_from_sequence_numbers(&sequences),
            };
            self.write(Packet::Rtcp(vec![Box::new(nack)]), now);
        }
        self.collect(now);
    }

    /// When [`Self::handle_timeout`] is next needed.
    pub fn poll_timeout(&mut self) -> Option<Instant> {
        let times = [self.connection.poll_timeout(), self.reports.poll_timeout(), self.inbound.poll_timeout()];
        times.into_iter().flatten().min()
    }

    /// Sends a media packet on a stream announced with [`Self::open_outbound`].
    pub fn send_rtp(&mut self, packet: RtpPacket, now: Instant) {
        if let Some(history) = self.histories.get_mut(&packet.ssrc) {
            history.push(packet.clone());
        }
        let message = AttributedPacket::new(Packet::Rtp(encode(packet)));
        let _ = self.reports.handle_write(TaggedPacket { now, transport: TransportContext::default(), message });
        self.flush_reports(now);
    }

    /// Asks the sender of an SSRC for a key frame (RFC 4585 §6.3.1). Throttling is the caller's.
    pub fn send_key_frame_request(&mut self, ssrc: u32, now: Instant) {
        let request = PictureLossIndication { sender_ssrc: self.feedback_ssrc, media_ssrc: ssrc };
        self.write(Packet::Rtcp(vec![Box::new(request)]), now);
    }

    /// Sends a data channel message.
    ///
    /// # Errors
    /// When it is too large, the channel is not open, or the peer does not keep up.
    pub fn send_data(
        &mut self,
        channel: ChannelId,
        text: bool,
        bytes: &[u8],
        now: Instant,
    ) -> Result<(), TransportError> {
        if bytes.len() > MAX_MESSAGE {
            return Err(TransportError::MessageTooLarge(bytes.len()));
        }
        let label = self.channels.get(&channel.0).cloned().unwrap_or_default();
        let Some(mut open) = self.connection.data_channel(channel.0) else {
            return Err(TransportError::NoChannel(label));
        };
        if open.outstanding_bytes() > MAX_CHANNEL_BACKLOG {
            return Err(TransportError::Congested);
        }
        if text {
            open.send_text(now, String::from_utf8_lossy(bytes))?;
        } else {
            open.send(now, BytesMut::from(bytes))?;
        }
        Ok(())
    }

    /// What happened since the last call.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// Next datagram to send.
    pub fn poll_datagram(&mut self) -> Option<(SocketAddr, BytesMut)> {
        if let Some(datagram) = self.outbox.pop_front() {
            return Some(datagram);
        }
        let route = self.lite.route();
        while let Some(datagram) = self.connection.poll_write() {
            // STUN of the crate is for its puppet; between the peer's checks there is nothing to answer.
            if let (Some(route), false) = (route, lite::is_stun(&datagram.message)) {
                return Some((route, datagram.message));
            }
        }
        None
    }

    /// Says goodbye; drain [`Self::poll_datagram`] once more.
    pub fn close(&mut self) {
        if let Err(error) = self.connection.close() {
            tracing::debug!(%error, "close");
        }
        self.closed = true;
    }

    fn write(&mut self, packet: Packet, now: Instant) {
        let message = match packet {
            Packet::Rtp(packet) => RTCMessage::RtpPacket(String::new(), packet),
            Packet::Rtcp(packets) => RTCMessage::RtcpPacket(String::new(), packets),
            _ => return,
        };
        if let Err(error) = self.connection.handle_write(TaggedRTCMessage { now, message }) {
            tracing::debug!(%error, "packet not sent");
        }
    }

    fn flush_reports(&mut self, now: Instant) {
        while let Some(packet) = self.reports.poll_write() {
            self.write(packet.message.packet, now);
        }
    }

    /// Moves everything that the crate has for us into `events`.
    fn collect(&mut self, now: Instant) {
        while let Some(event) = self.connection.poll_event() {
            self.connection_event(event);
        }
        while let Some((at, packet)) = self.tap.pop() {
            match packet {
                Packet::Rtp(packet) => self.media(packet, at),
                Packet::Rtcp(packets) => self.feedback(packets, at),
                _ => {}
            }
        }
        while let Some(message) = self.connection.poll_data_read() {
            if let RTCMessage::DataChannelMessage(channel, RTCDataChannelMessage { is_string, data }) = message.message
            {
                self.events.push_back(Event::Data {
                    channel: ChannelId(channel),
                    text: is_string,
                    bytes: data.freeze(),
                });
            }
        }
        self.flush_reports(now);
    }

    fn connection_event(&mut self, event: RTCPeerConnectionEvent) {
        match event {
            RTCPeerConnectionEvent::OnConnectionStateChangeEvent(state) => match state {
                RTCPeerConnectionState::Connected => self.events.push_back(Event::Connected),
                RTCPeerConnectionState::Disconnected => self.events.push_back(Event::Interrupted),
                RTCPeerConnectionState::Failed | RTCPeerConnectionState::Closed if !self.closed => {
                    self.closed = true;
                    self.events.push_back(Event::Closed);
                }
                _ => {}
            },
            RTCPeerConnectionEvent::OnDataChannel(RTCDataChannelEvent::OnOpen(id)) => {
                let label = self.connection.data_channel(id).map(|channel| channel.label().to_owned());
                let label = label.unwrap_or_default();
                self.channels.insert(id, label.clone());
                self.events.push_back(Event::ChannelOpen { channel: ChannelId(id), label });
            }
            RTCPeerConnectionEvent::OnDataChannel(RTCDataChannelEvent::OnClose(id)) => {
                self.channels.remove(&id);
                self.events.push_back(Event::ChannelClosed { channel: ChannelId(id) });
            }
            _ => {}
        }
    }

    fn media(&mut self, packet: rtc::rtp::Packet, at: Instant) {
        let ids = self.inbound.extension_ids();
        let value = |id: Option<u8>| id.and_then(|id| packet.header.get_extension(id));
        let extensions = Extensions {
            mid: value(ids.mid),
            rid: value(ids.rid),
            repaired_rid: value(ids.repaired_rid),
            level: value(ids.level),
        };
        let received = self.inbound.receive(decode(&packet), &extensions, at);
        for stream in self.inbound.drain_opened() {
            let transport_cc =
                ids.transport_cc.map(|id| RTPHeaderExtension { uri: uri::TRANSPORT_CC.into(), id: id.into() });
            self.reports.bind_remote_stream(&StreamInfo {
                ssrc: stream.ssrc,
                payload_type: stream.payload_type,
                clock_rate: stream.clock_rate,
                rtp_header_extensions: transport_cc.into_iter().collect(),
                ..StreamInfo::default()
            });
        }
        // Reports count every packet that came, padding and duplicates included, so that they stay honest.
        let message = AttributedPacket::new(Packet::Rtp(packet));
        self.report_read(message, at);
        if let Some(received) = received {
            self.events.push_back(Event::Rtp(received));
        }
    }

    fn feedback(&mut self, packets: Vec<Box<dyn rtc::rtcp::Packet>>, at: Instant) {
        for packet in &packets {
            let packet = packet.as_any();
            if let Some(pli) = packet.downcast_ref::<PictureLossIndication>() {
                self.events.push_back(Event::KeyFrameWanted { ssrc: pli.media_ssrc });
            } else if let Some(fir) = packet.downcast_ref::<FullIntraRequest>() {
                let wanted = fir.fir.iter().map(|entry| Event::KeyFrameWanted { ssrc: entry.ssrc });
                self.events.extend(wanted);
            } else if let Some(report) = packet.downcast_ref::<ReceiverReport>() {
                let blocks = report.reports.iter();
                self.events.extend(
                    blocks.map(|block| Event::Reception { ssrc: block.ssrc, fraction_lost: block.fraction_lost }),
                );
            } else if let Some(nack) = packet.downcast_ref::<TransportLayerNack>() {
                self.repeat(nack, at);
            }
        }
        self.report_read(AttributedPacket::new(Packet::Rtcp(packets)), at);
    }

    fn report_read(&mut self, message: AttributedPacket, now: Instant) {
        let _ = self.reports.handle_read(TaggedPacket { now, transport: TransportContext::default(), message });
        while self.reports.poll_read().is_some() {}
    }

    fn repeat(&mut self, nack: &TransportLayerNack, now: Instant) {
        let Some(history) = self.histories.get_mut(&nack.media_ssrc) else {
            return;
        };
        let sequences = nack.nacks.iter().flat_map(|pair| pair.packet_list());
        let types = &self.repair_types;
        let repeated: Vec<RtpPacket> =
            sequences.filter_map(|sequence| history.repeat(sequence, now, |pt| types.get(&pt).copied())).collect();
        for packet in repeated {
            self.write(Packet::Rtp(encode(packet)), now);
        }
    }
}

/// The one codec that the crate knows of; it is never sent.
fn idle_media_engine() -> Result<MediaEngine, TransportError> {
    let mut engine = MediaEngine::default();
    let rtp_codec = RTCRtpCodec { mime_type: "audio/GSM".into(), clock_rate: 8000, channels: 1, ..Default::default() };
    engine.register_codec(RTCRtpCodecParameters { rtp_codec, payload_type: IDLE_PAYLOAD_TYPE }, RtpCodecKind::Audio)?;
    Ok(engine)
}

/// The session as the crate is shown it: the peer's transport, idle sections.
fn idle_description(peer: &Description, setup: Setup, mids: &[(&str, Kind)]) -> String {
    let mut text = String::from("v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE");
    for (mid, _) in mids {
        text.push(' ');
        text.push_str(mid);
    }
    text.push_str("\r\n");
    for (mid, kind) in mids {
        let media = match kind {
            Kind::Application => "m=application 9 UDP/DTLS/SCTP webrtc-datachannel".to_owned(),
            _ => format!("m=audio 9 UDP/TLS/RTP/SAVPF {IDLE_PAYLOAD_TYPE}"),
        };
        text.push_str(&format!(
            "{media}\r\nc=IN IP4 0.0.0.0\r\na=mid:{mid}\r\na=ice-ufrag:{}\r\na=ice-pwd:{}\r\na=fingerprint:{} {}\r\na=setup:{}\r\n",
            peer.ice.ufrag, peer.ice.password, peer.fingerprint.0, peer.fingerprint.1, setup.as_str()
        ));
        text.push_str(match kind {
            Kind::Application => "a=sctp-port:5000\r\na=max-message-size:262144\r\n",
            _ => "a=rtcp-mux\r\na=rtpmap:3 GSM/8000\r\na=sendonly\r\n",
        });
    }
    text
}

/// A header of our own making: one cleared of foreign extensions is refused by the crate without an error.
fn encode(packet: RtpPacket) -> rtc::rtp::Packet {
    rtc::rtp::Packet {
        header: rtc::rtp::Header {
            version: 2,
            marker: packet.marker,
            payload_type: packet.payload_type,
            sequence_number: packet.sequence,
            timestamp: packet.timestamp,
            ssrc: packet.ssrc,
            ..Default::default()
        },
        payload: packet.payload,
    }
}

fn decode(packet: &rtc::rtp::Packet) -> RtpPacket {
    RtpPacket {
        payload_type: packet.header.payload_type,
        marker: packet.header.marker,
        sequence: packet.header.sequence_number,
        timestamp: packet.header.timestamp,
        ssrc: packet.header.ssrc,
        payload: packet.payload.clone(),
    }
}
