//! What the engine tells its owner, over a bounded channel that a media thread never waits for.

use std::collections::VecDeque;

use tokio::sync::mpsc::Sender;
use tokio::sync::mpsc::error::TrySendError;
use tracing::warn;

use super::{CallKey, LegId};
use crate::record::{RecordEvent, RecordSummary};
use crate::relay::LegEvent;

/// Events kept while the owner is slow: an hour of a busy hub. Beyond it the newest are dropped
/// with a warning, because an owner that far behind is dead.
const MAX_PENDING: usize = 65_536;

/// Something happened in the media path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MediaEvent {
    /// The first RTP packet of a leg was accepted.
    FirstPacket {
        /// Which leg.
        leg: LegId,
    },
    /// A play list has ended by itself (not by `stop_play` or another `play`).
    PlayFinished {
        /// Which leg.
        leg: LegId,
    },
    /// The far end of a leg pressed a key.
    Digit {
        /// Which leg.
        leg: LegId,
        /// `0`–`9`, `*`, `#`, `A`–`D`.
        digit: char,
    },
    /// A leg that should send has been silent for its time-out.
    MediaTimeout {
        /// Which leg.
        leg: LegId,
    },
    /// It sends again.
    MediaResumed {
        /// Which leg.
        leg: LegId,
    },
    /// The recording cannot be written at present; it is tried again by itself.
    RecordingFailed {
        /// Whose.
        call: CallKey,
        /// What the system said.
        reason: String,
    },
    /// It is written again; what was missed is silent and listed in the summary.
    RecordingResumed {
        /// Whose.
        call: CallKey,
    },
    /// The recording is complete and on the disk.
    RecordingFinished {
        /// Whose.
        call: CallKey,
        /// File, length, gaps.
        summary: RecordSummary,
    },
}

impl MediaEvent {
    pub(super) fn of_leg(leg: LegId, event: LegEvent) -> Self {
        match event {
            LegEvent::FirstPacket => Self::FirstPacket { leg },
            LegEvent::PlayFinished => Self::PlayFinished { leg },
            LegEvent::Digit(digit) => Self::Digit { leg, digit },
            LegEvent::MediaTimeout => Self::MediaTimeout { leg },
            LegEvent::MediaResumed => Self::MediaResumed { leg },
        }
    }

    pub(super) fn of_recording(event: RecordEvent) -> Self {
        match event {
            RecordEvent::Failed { key, reason } => Self::RecordingFailed { call: CallKey(key.call), reason },
            RecordEvent::Resumed { key } => Self::RecordingResumed { call: CallKey(key.call) },
            RecordEvent::Finished { key, summary } => Self::RecordingFinished { call: CallKey(key.call), summary },
        }
    }
}

/// The sending end of one media thread.
pub(super) struct Events {
    owner: Sender<MediaEvent>,
    pending: VecDeque<MediaEvent>,
}

impl Events {
    pub(super) fn new(owner: Sender<MediaEvent>) -> Self {
        Self { owner, pending: VecDeque::new() }
    }

    pub(super) fn push(&mut self, event: MediaEvent) {
        if self.pending.len() >= MAX_PENDING {
            warn!("media events are not being read; one was dropped");
            return;
        }
        self.pending.push_back(event);
        self.flush();
    }

    /// Hands over as many as the channel takes, in order.
    pub(super) fn flush(&mut self) {
        while let Some(event) = self.pending.pop_front() {
            match self.owner.try_send(event) {
                Ok(()) => {}
                Err(TrySendError::Full(event)) => {
                    self.pending.push_front(event);
                    return;
                }
                Err(TrySendError::Closed(_)) => self.pending.clear(),
            }
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::relay::LegNo;

    #[test]
    fn a_slow_owner_gets_everything_in_order() {
        let (owner, mut reader) = tokio::sync::mpsc::channel(2);
        let mut events = Events::new(owner);
        let leg = LegId { call: CallKey(1), leg: LegNo(0) };
        for digit in "123456".chars() {
            events.push(MediaEvent::Digit { leg, digit });
        }
        let mut read = String::new();
        while let Ok(MediaEvent::Digit { digit, .. }) = reader.try_recv() {
            read.push(digit);
            events.flush();
        }
        assert_eq!(read, "123456");
    }
}
