//! The only thing of ours inside the WebRTC crate's packet chain: it takes every decrypted packet out.
//!
//! Attribution, repair and reports happen outside (`transport`), where they can be tested without the crate.
//! The queue is shared because the crate owns its interceptors; it is filled and emptied by the same task,
//! within one call, so the lock is never contended.

use rtc::interceptor::{Interceptor, Packet, StreamInfo, TaggedPacket};
use rtc::sansio::Protocol;
use rtc::shared::error::Error;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

/// Packets that wait between arrival and collection; one datagram holds one, so this is never reached.
const MAX_QUEUE: usize = 4096;

/// Reading end.
#[derive(Clone, Default)]
pub(super) struct Tap(Arc<Mutex<VecDeque<(Instant, Packet)>>>);

impl Tap {
    /// Next decrypted RTP packet or RTCP compound.
    pub(super) fn pop(&self) -> Option<(Instant, Packet)> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).pop_front()
    }

    fn push(&self, at: Instant, packet: Packet) {
        let mut queue = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if queue.len() < MAX_QUEUE {
            queue.push_back((at, packet));
        }
    }

    /// The end that goes into the crate's chain.
    pub(super) fn interceptor(&self) -> TapInterceptor {
        TapInterceptor { tap: self.clone(), writes: VecDeque::new() }
    }
}

/// Inbound packets go to the tap, outbound ones pass.
pub(super) struct TapInterceptor {
    tap: Tap,
    writes: VecDeque<TaggedPacket>,
}

impl Protocol<TaggedPacket, TaggedPacket, ()> for TapInterceptor {
    type Rout = TaggedPacket;
    type Wout = TaggedPacket;
    type Eout = ();
    type Error = Error;
    type Time = Instant;

    fn handle_read(&mut self, message: TaggedPacket) -> Result<(), Error> {
        self.tap.push(message.now, message.message.packet);
        Ok(())
    }

    fn poll_read(&mut self) -> Option<TaggedPacket> {
        None
    }

    fn handle_write(&mut self, message: TaggedPacket) -> Result<(), Error> {
        self.writes.push_back(message);
        Ok(())
    }

    fn poll_write(&mut self) -> Option<TaggedPacket> {
        self.writes.pop_front()
    }

    fn handle_timeout(&mut self, _now: Instant) -> Result<(), Error> {
        Ok(())
    }

    fn poll_timeout(&mut self) -> Option<Instant> {
        None
    }
}

impl Interceptor for TapInterceptor {
    fn bind_local_stream(&mut self, _info: &StreamInfo) {}
    fn unbind_local_stream(&mut self, _info: &StreamInfo) {}
    fn bind_remote_stream(&mut self, _info: &StreamInfo) {}
    fn unbind_remote_stream(&mut self, _info: &StreamInfo) {}
}
