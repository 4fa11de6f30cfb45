//! A WebRTC client of the tests: the crate's own full-ICE peer connection, and a lossless or lossy wire between
//! it and the machine under test, on a virtual clock.
#![allow(clippy::unwrap_used, dead_code, missing_docs, unreachable_pub)]

use bytes::{Bytes, BytesMut};
use rtc::data_channel::RTCDataChannelId;
use rtc::media_stream::MediaStreamTrack;
use rtc::peer_connection::configuration::interceptor_registry::{Registry, register_default_interceptors};
use rtc::peer_connection::configuration::media_engine::MediaEngine;
use rtc::peer_connection::configuration::setting_engine::SettingEngineBuilder;
use rtc::peer_connection::event::{RTCDataChannelEvent, RTCPeerConnectionEvent};
use rtc::peer_connection::message::RTCMessage;
use rtc::peer_connection::sdp::RTCSessionDescription;
use rtc::peer_connection::state::RTCPeerConnectionState;
use rtc::peer_connection::transport::RTCIceCandidateInit;
use rtc::peer_connection::{RTCPeerConnection, RTCPeerConnectionBuilder};
use rtc::rtp_transceiver::rtp_sender::{
    RTCRtpCodec, RTCRtpCodecParameters, RTCRtpCodingParameters, RTCRtpEncodingParameters, RtpCodecKind,
};
use rtc::rtp_transceiver::{RTCRtpSenderId, RTCRtpTransceiverDirection, RTCRtpTransceiverInit};
use rtc::sansio::Protocol;
use rtc::shared::{TaggedBytesMut, TransportContext, TransportProtocol};
use std::net::SocketAddr;
use std::time::Instant;

/// One client.
pub struct Browser {
    pub pc: RTCPeerConnection,
    pub address: SocketAddr,
    pub server: SocketAddr,
    pub connected: bool,
    pub packets: Vec<(String, rtc::rtp::Packet)>,
    pub rtcp: Vec<Box<dyn rtc::rtcp::Packet>>,
    pub open_channels: Vec<RTCDataChannelId>,
    pub data: Vec<(RTCDataChannelId, Bytes)>,
}

pub fn codec(mime: &str, clock_rate: u32, channels: u16) -> RTCRtpCodec {
    RTCRtpCodec { mime_type: mime.into(), clock_rate, channels, ..Default::default() }
}

impl Browser {
    pub fn new(address: SocketAddr, server: SocketAddr, now: Instant) -> Self {
        let mut engine = MediaEngine::default();
        engine.register_default_codecs().unwrap();
        for (payload_type, clock_rate) in [(110, 48_000), (126, 8000)] {
            let rtp_codec = codec("audio/telephone-event", clock_rate, 0);
            engine.register_codec(RTCRtpCodecParameters { rtp_codec, payload_type }, RtpCodecKind::Audio).unwrap();
        }
        let registry = register_default_interceptors(Registry::new(), &mut engine).unwrap();
        let mut pc = RTCPeerConnectionBuilder::new()
            .with_media_engine(engine)
            .with_interceptor_registry(registry)
            .with_setting_engine(SettingEngineBuilder::new().with_include_loopback_candidate(true).build())
            .build(now)
            .unwrap();
        let candidate = format!("candidate:1 1 udp 2130706431 {} {} typ host", address.ip(), address.port());
        pc.add_local_candidate(RTCIceCandidateInit { candidate, ..Default::default() }).unwrap();
        Self {
            pc,
            address,
            server,
            connected: false,
            packets: Vec::new(),
            rtcp: Vec::new(),
            open_channels: Vec::new(),
            data: Vec::new(),
        }
    }

    /// Adds a track that is sent; gives its sender.
    pub fn add_track(
        &mut self,
        kind: RtpCodecKind,
        id: &str,
        ssrc: u32,
        codec: RTCRtpCodec,
        direction: RTCRtpTransceiverDirection,
    ) -> RTCRtpSenderId {
        let encoding = RTCRtpEncodingParameters {
            rtp_coding_parameters: RTCRtpCodingParameters { ssrc: Some(ssrc), ..Default::default() },
            codec,
            ..Default::default()
        };
        let track = MediaStreamTrack::new("stream".into(), id.into(), id.into(), kind, vec![encoding.clone()]);
        let init = RTCRtpTransceiverInit { direction, streams: vec![], send_encodings: vec![encoding] };
        RTCRtpSenderId::from(self.pc.add_transceiver_from_track(track, Some(init)).unwrap())
    }

    pub fn add_receiver(&mut self, kind: RtpCodecKind) {
        self.pc.add_transceiver_from_kind(kind, None).unwrap();
    }

    pub fn offer(&mut self, now: Instant) -> String {
        let offer = self.pc.create_offer(None).unwrap();
        self.pc.set_local_description(now, offer).unwrap();
        self.pc.local_description().unwrap().sdp
    }

    pub fn set_answer(&mut self, answer: &str, now: Instant) {
        self.pc.set_remote_description(now, RTCSessionDescription::answer(answer.into()).unwrap()).unwrap();
    }

    pub fn answer(&mut self, offer: &str, now: Instant) -> String {
        self.pc.set_remote_description(now, RTCSessionDescription::offer(offer.into()).unwrap()).unwrap();
        let answer = self.pc.create_answer(None).unwrap();
        self.pc.set_local_description(now, answer).unwrap();
        self.pc.local_description().unwrap().sdp
    }

    pub fn send(
        &mut self,
        sender: RTCRtpSenderId,
        payload_type: u8,
        sequence: u16,
        timestamp: u32,
        payload: &[u8],
        now: Instant,
    ) {
        let mut sender = self.pc.rtp_sender(sender).unwrap();
        let ssrc = sender.track().ssrcs().next().unwrap();
        let header = rtc::rtp::Header {
            version: 2,
            payload_type,
            sequence_number: sequence,
            timestamp,
            ssrc,
            ..Default::default()
        };
        sender.write_rtp(now, rtc::rtp::Packet { header, payload: Bytes::copy_from_slice(payload) }).unwrap();
    }

    pub fn handle(&mut self, data: BytesMut, now: Instant) {
        let transport = TransportContext {
            local_addr: self.address,
            peer_addr: self.server,
            transport_protocol: TransportProtocol::UDP,
            ecn: None,
        };
        self.pc.handle_read(TaggedBytesMut { now, transport, message: data }).unwrap();
    }

    /// Takes events and messages; gives the datagrams to send.
    pub fn drain(&mut self, now: Instant) -> Vec<BytesMut> {
        if self.pc.poll_timeout().is_some_and(|at| at <= now) {
            self.pc.handle_timeout(now).unwrap();
        }
        while let Some(event) = self.pc.poll_event() {
            match event {
                RTCPeerConnectionEvent::OnConnectionStateChangeEvent(state) => {
                    self.connected = state == RTCPeerConnectionState::Connected;
                }
                RTCPeerConnectionEvent::OnDataChannel(RTCDataChannelEvent::OnOpen(id)) => self.open_channels.push(id),
                _ => {}
            }
        }
        while let Some(message) = self.pc.poll_read() {
            match message.message {
                RTCMessage::RtpPacket(track, packet) => self.packets.push((track, packet)),
                RTCMessage::RtcpPacket(_, packets) => self.rtcp.extend(packets),
                RTCMessage::DataChannelMessage(id, message) => self.data.push((id, message.data.freeze())),
                _ => {}
            }
        }
        let mut out = Vec::new();
        while let Some(datagram) = self.pc.poll_write() {
            out.push(datagram.message);
        }
        out
    }
}
