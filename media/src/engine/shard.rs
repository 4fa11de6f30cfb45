//! One media thread: its calls, sockets and the 20 ms clock.

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use mio::{Events as Ready, Poll, Token};
use tokio::sync::mpsc::{Receiver, Sender};
use tracing::{debug, warn};

use super::event::{Events, MediaEvent};
use super::sockets::Sockets;
use super::{Act, CallKey, EngineError, EngineLoad, LegConfig, LegId, WAKE};
use crate::FRAME_MS;
use crate::net::RecvBatch;
use crate::record::{Chunk, RecordKey, WriterHandle};
use crate::relay::{CallRelay, LegEvent, LegNo, LegSet, LegSettings, LegStats, MAX_LEGS, Sink};

/// Sockets told ready by one poll.
const READY: usize = 1_024;
/// Commands done before packets get their turn again.
const ACTS_PER_TURN: usize = 256;
/// Decrypted packets taken before sockets get their turn again.
const PACKETS_PER_TURN: usize = 1_024;
/// Batches read of one socket before the others get their turn: a flood on one port costs that
/// port, not the rest.
const BATCHES_PER_TURN: usize = 4;
/// Ticks made up for after a stall; older ones are skipped, since their audio would only pile up
/// in the receivers' buffers.
const MAX_CATCH_UP: u64 = 5;

/// Everything one media thread owns.
pub(super) struct Shard {
    poll: Poll,
    inbox: Receiver<Act>,
    packets: Receiver<(LegId, Bytes)>,
    stop: Arc<AtomicBool>,
    origin: Instant,
    unix_at_zero_ms: u64,
    bind: IpAddr,
    calls: HashMap<CallKey, Call>,
    sockets: Sockets,
    batch: RecvBatch,
    /// Sockets that had more to read than their turn allowed.
    again: Vec<usize>,
    pub(super) events: Events,
    writer: WriterHandle,
    next_tick_ms: u64,
    skipped_ticks: u64,
}

/// What a shard is made of.
pub(super) struct Parts {
    pub(super) poll: Poll,
    pub(super) inbox: Receiver<Act>,
    pub(super) packets: Receiver<(LegId, Bytes)>,
    pub(super) stop: Arc<AtomicBool>,
    pub(super) origin: Instant,
    pub(super) unix_at_zero_ms: u64,
    pub(super) bind: IpAddr,
    pub(super) sockets: Sockets,
    pub(super) events: Events,
    pub(super) writer: WriterHandle,
}

struct Call {
    relay: CallRelay,
    outlets: Outlets,
}

/// Where a call's output goes.
struct Outlets {
    key: CallKey,
    ports: [Option<usize>; MAX_LEGS],
    externals: [Option<Sender<Bytes>>; MAX_LEGS],
    recording: Option<RecordKey>,
    recordings: u32,
    dropping: bool,
}

struct ShardSink<'a> {
    outlets: &'a mut Outlets,
    sockets: &'a Sockets,
    events: &'a mut Events,
    writer: &'a WriterHandle,
}

impl Shard {
    pub(super) fn new(parts: Parts) -> Self {
        Self {
            poll: parts.poll,
            inbox: parts.inbox,
            packets: parts.packets,
            stop: parts.stop,
            origin: parts.origin,
            unix_at_zero_ms: parts.unix_at_zero_ms,
            bind: parts.bind,
            calls: HashMap::new(),
            sockets: parts.sockets,
            batch: RecvBatch::default(),
            again: Vec::new(),
            events: parts.events,
            writer: parts.writer,
            next_tick_ms: 0,
            skipped_ticks: 0,
        }
    }

    /// Runs until stopped; then finishes the recordings.
    pub(super) fn run(mut self) {
        let mut ready = Ready::with_capacity(READY);
        while !self.stop.load(Ordering::Acquire) {
            let wait = self.wait();
            match self.poll.poll(&mut ready, Some(wait)) {
                Err(error) if error.kind() != io::ErrorKind::Interrupted => {
                    warn!(%error, "the media thread cannot poll its sockets and ends");
                    break;
                }
                _ => self.turn(&ready),
            }
        }
        self.finish();
    }

    fn wait(&self) -> Duration {
        if self.again.is_empty() {
            Duration::from_millis(self.next_tick_ms.saturating_sub(self.now_ms()))
        } else {
            Duration::ZERO
        }
    }

    fn turn(&mut self, ready: &Ready) {
        for index in std::mem::take(&mut self.again) {
            self.read_rtp(index);
        }
        for Token(token) in ready.iter().map(|event| event.token()).filter(|&t| t != WAKE) {
            if token % 2 == 0 { self.read_rtp(token / 2) } else { self.read_rtcp(token / 2) }
        }
        self.read_externals();
        for _ in 0..ACTS_PER_TURN {
            let Ok(act) = self.inbox.try_recv() else {
                break;
            };
            act(self);
        }
        self.tick();
        self.events.flush();
    }

    fn now_ms(&self) -> u64 {
        self.origin.elapsed().as_millis() as u64
    }

    fn read_rtp(&mut self, index: usize) {
        let now_ms = self.now_ms();
        let Self { sockets, batch, calls, events, writer, again, .. } = self;
        let Some(port) = sockets.get(index) else {
            return;
        };
        let Some(call) = calls.get_mut(&port.leg.call) else {
            return;
        };
        let outlets = &mut call.outlets;
        let mut sink = ShardSink { outlets, sockets, events, writer };
        for _ in 0..BATCHES_PER_TURN {
            let Ok(count) = batch.receive(&port.rtp) else {
                return;
            };
            for (source, data) in batch.iter() {
                call.relay.handle_rtp(port.leg.leg, Some(source), data, now_ms, &mut sink);
            }
            if count < crate::net::BATCH {
                return;
            }
        }
        again.push(index);
    }

    fn read_rtcp(&mut self, index: usize) {
        let Self { sockets, batch, calls, .. } = self;
        let Some(port) = sockets.get(index) else {
            return;
        };
        let Some(call) = calls.get_mut(&port.leg.call) else {
            return;
        };
        // One batch a turn and no "again": reports come every few seconds, more is a flood.
        while let Ok(count) = batch.receive(&port.rtcp) {
            for (source, data) in batch.iter() {
                call.relay.handle_rtcp(port.leg.leg, source, data);
            }
            if count < crate::net::BATCH {
                return;
            }
        }
    }

    fn read_externals(&mut self) {
        let now_ms = self.now_ms();
        let Self { packets, sockets, calls, events, writer, .. } = self;
        for _ in 0..PACKETS_PER_TURN {
            let Ok((leg, packet)) = packets.try_recv() else {
                break;
            };
            let Some(call) = calls.get_mut(&leg.call) else {
                continue;
            };
            let mut sink = ShardSink { outlets: &mut call.outlets, sockets, events, writer };
            call.relay.handle_rtp(leg.leg, None, &packet, now_ms, &mut sink);
        }
    }

    fn tick(&mut self) {
        let now_ms = self.now_ms();
        let behind = now_ms.saturating_sub(self.next_tick_ms) / FRAME_MS;
        if behind > MAX_CATCH_UP {
            let skipped = behind - MAX_CATCH_UP;
            self.next_tick_ms += skipped * FRAME_MS;
            self.skipped_ticks += skipped;
            debug!(skipped, "the media clock stalled");
        }
        while self.next_tick_ms <= now_ms {
            let tick_ms = self.next_tick_ms;
            let Self { sockets, calls, events, writer, .. } = self;
            for call in calls.values_mut() {
                let mut sink = ShardSink { outlets: &mut call.outlets, sockets, events, writer };
                call.relay.tick(tick_ms, &mut sink);
            }
            self.next_tick_ms += FRAME_MS;
        }
    }

    /// Refuses further commands, then ends what runs. Commands that were accepted are still done.
    fn finish(&mut self) {
        self.inbox.close();
        while let Ok(act) = self.inbox.try_recv() {
            act(self);
        }
        let calls: Vec<CallKey> = self.calls.keys().copied().collect();
        calls.into_iter().for_each(|call| self.close_call(call));
        self.events.flush();
    }
}

/// Commands.
impl Shard {
    pub(super) fn open(&mut self, leg: LegId, config: &LegConfig, seed: u64) -> Result<SocketAddr, EngineError> {
        self.open_relay(leg, LegSettings { external: false, ..config.settings(seed) })?;
        let bind = config.bind.unwrap_or(self.bind);
        match self.sockets.open(leg, bind, config.port, self.poll.registry()) {
            Ok((index, address)) => {
                if let Some(call) = self.calls.get_mut(&leg.call) {
                    call.outlets.ports[usize::from(leg.leg.0)] = Some(index);
                }
                Ok(address)
            }
            Err(error) => {
                self.close(leg)?;
                Err(error.into())
            }
        }
    }

    pub(super) fn open_external(
        &mut self,
        leg: LegId,
        config: &LegConfig,
        seed: u64,
        outlet: Sender<Bytes>,
    ) -> Result<(), EngineError> {
        self.open_relay(leg, LegSettings { external: true, ..config.settings(seed) })?;
        if let Some(call) = self.calls.get_mut(&leg.call) {
            call.outlets.externals[usize::from(leg.leg.0)] = Some(outlet);
        }
        Ok(())
    }

    fn open_relay(&mut self, leg: LegId, settings: LegSettings) -> Result<(), EngineError> {
        let now_ms = self.now_ms();
        let unix = self.unix_at_zero_ms;
        let call = self.calls.entry(leg.call).or_insert_with(|| Call::new(leg.call, unix));
        let opened = call.relay.open(leg.leg, settings, now_ms);
        if call.relay.is_empty() {
            self.calls.remove(&leg.call);
        }
        Ok(opened?)
    }

    pub(super) fn close(&mut self, leg: LegId) -> Result<LegStats, EngineError> {
        let call = self.calls.get_mut(&leg.call).ok_or(EngineError::NoCall(leg.call))?;
        let stats = call.relay.close(leg.leg)?;
        let at = usize::from(leg.leg.0);
        call.outlets.externals[at] = None;
        if let Some(index) = call.outlets.ports[at].take() {
            self.sockets.close(index, self.poll.registry());
        }
        if call.relay.is_empty() {
            self.stop_recording(leg.call);
            self.calls.remove(&leg.call);
        }
        Ok(stats)
    }

    pub(super) fn close_call(&mut self, call: CallKey) {
        for leg in (0..MAX_LEGS as u8).map(LegNo) {
            // Numbers that are not open are refused; that is what is wanted.
            let _ = self.close(LegId { call, leg });
        }
    }

    /// A command that only concerns the call's relay.
    pub(super) fn relay<T, E: Into<EngineError>>(
        &mut self,
        call: CallKey,
        act: impl FnOnce(&mut CallRelay, u64) -> Result<T, E>,
    ) -> Result<T, EngineError> {
        let now_ms = self.now_ms();
        let call = self.calls.get_mut(&call).ok_or(EngineError::NoCall(call))?;
        act(&mut call.relay, now_ms).map_err(Into::into)
    }

    /// `at_ms`: where in an existing recording this one begins.
    pub(super) fn record(
        &mut self,
        key: CallKey,
        path: PathBuf,
        at_ms: Option<u64>,
        left: LegSet,
        right: LegSet,
    ) -> Result<(), EngineError> {
        // The recording's time is the tick's, so that prompts and packets share one clock.
        let now_ms = self.next_tick_ms;
        let call = self.calls.get_mut(&key).ok_or(EngineError::NoCall(key))?;
        call.relay.record(left, right, now_ms)?;
        let record = RecordKey { call: key.0, serial: call.outlets.recordings };
        call.outlets.recordings += 1;
        call.outlets.recording = Some(record);
        match at_ms {
            None => self.writer.open(record, path),
            Some(at_ms) => self.writer.reopen(record, path, at_ms),
        }
        Ok(())
    }

    pub(super) fn record_stop(&mut self, key: CallKey) -> Result<(), EngineError> {
        self.relay(key, |relay, _| {
            let running = relay.is_recording();
            running.then_some(()).ok_or(crate::relay::RelayError::NotRecording)
        })?;
        self.stop_recording(key);
        Ok(())
    }

    fn stop_recording(&mut self, key: CallKey) {
        let now_ms = self.now_ms();
        let Self { sockets, calls, events, writer, .. } = self;
        let Some(call) = calls.get_mut(&key) else {
            return;
        };
        let mut sink = ShardSink { outlets: &mut call.outlets, sockets, events, writer };
        if call.relay.record_stop(now_ms, &mut sink).is_ok()
            && let Some(record) = call.outlets.recording.take()
        {
            self.writer.close(record);
        }
    }

    pub(super) fn load(&mut self) -> EngineLoad {
        let legs = |call: &Call| {
            let outlets = &call.outlets;
            outlets.ports.iter().flatten().count() + outlets.externals.iter().flatten().count()
        };
        EngineLoad {
            calls: self.calls.len(),
            legs: self.calls.values().map(legs).sum(),
            free_ports: self.sockets.free_ports(),
            skipped_ticks: self.skipped_ticks,
        }
    }
}

impl Call {
    fn new(key: CallKey, unix_at_zero_ms: u64) -> Self {
        let outlets = Outlets {
            key,
            ports: [None; MAX_LEGS],
            externals: [const { None }; MAX_LEGS],
            recording: None,
            recordings: 0,
            dropping: false,
        };
        Self { relay: CallRelay::new(unix_at_zero_ms), outlets }
    }
}

impl ShardSink<'_> {
    fn port(&self, leg: LegNo) -> Option<&super::sockets::Port> {
        self.sockets.get((*self.outlets.ports.get(usize::from(leg.0))?)?)
    }
}

impl Sink for ShardSink<'_> {
    fn send(&mut self, leg: LegNo, to: SocketAddr, packet: &[u8]) {
        if let Some(port) = self.port(leg) {
            // A full buffer or an unreachable peer loses a packet, as the network would.
            let _ = port.rtp.send_to(packet, to);
        }
    }

    fn send_rtcp(&mut self, leg: LegNo, to: SocketAddr, packet: &[u8]) {
        if let Some(port) = self.port(leg) {
            let _ = port.rtcp.send_to(packet, to);
        }
    }

    fn external(&mut self, leg: LegNo, packet: &[u8]) {
        let outlet = self.outlets.externals.get(usize::from(leg.0));
        if let Some(Some(outlet)) = outlet {
            // A transport that does not keep up loses packets; it must not hold the clock.
            let _ = outlet.try_send(Bytes::copy_from_slice(packet));
        }
    }

    fn event(&mut self, leg: LegNo, event: LegEvent) {
        let leg = LegId { call: self.outlets.key, leg };
        self.events.push(MediaEvent::of_leg(leg, event));
    }

    fn recorded(&mut self, chunk: Chunk) {
        let Some(key) = self.outlets.recording else {
            return;
        };
        let dropped = !self.writer.chunk(key, chunk);
        if dropped == self.outlets.dropping {
            return;
        }
        self.outlets.dropping = dropped;
        let call = self.outlets.key;
        self.events.push(if dropped {
            let reason = "the disk does not keep up; parts of the recording will be silent";
            MediaEvent::RecordingFailed { call, reason: reason.to_owned() }
        } else {
            MediaEvent::RecordingResumed { call }
        });
    }
}
