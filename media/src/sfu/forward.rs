//! One track on its way to one subscriber: layer switching and rewriting.
//!
//! Pure. A subscriber sees one stream without gaps, whatever the publisher's layers do: numbers and times go on
//! (`rtc::continuity`), VP8 picture ids go on (`vp8`), switches happen at key frames.

use super::keyframe::VideoFormat;
use super::vp8::PictureIds;
use crate::rtc::continuity::Continuity;
use crate::rtc::packet::RtpPacket;
use std::time::Instant;

/// Outgoing stream of one subscription.
pub(super) struct Forwarder {
    ssrc: u32,
    payload_type: u8,
    clock_rate: u32,
    format: Option<VideoFormat>,
    numbers: Continuity<usize>,
    pictures: PictureIds,
    current: Option<usize>,
    target: Option<usize>,
}

impl Forwarder {
    /// `ssrc` and `payload_type` are those negotiated with the subscriber; `format` is `None` for audio.
    pub(super) fn new(ssrc: u32, payload_type: u8, clock_rate: u32, format: Option<VideoFormat>) -> Self {
        Self {
            ssrc,
            payload_type,
            clock_rate,
            format,
            numbers: Continuity::new(),
            pictures: PictureIds::default(),
            current: None,
            target: None,
        }
    }

    /// Chooses the layer to come to; `None` stops at once.
    pub(super) fn aim(&mut self, target: Option<usize>) {
        self.target = target;
        if target.is_none() {
            self.stop();
        }
    }

    /// Stops sending; resuming needs a key frame.
    pub(super) fn stop(&mut self) {
        self.current = None;
        self.numbers.interrupt();
    }

    /// The layer that is sent.
    pub(super) fn current(&self) -> Option<usize> {
        self.current
    }

    /// The layer that a key frame is needed of, if a switch is waiting for one.
    pub(super) fn awaits_key_frame(&self) -> Option<usize> {
        self.target.filter(|target| self.format.is_some() && self.current != Some(*target))
    }

    /// The packet as the subscriber gets it; `None` if it gets none.
    pub(super) fn forward(&mut self, layer: usize, packet: &RtpPacket, now: Instant) -> Option<RtpPacket> {
        let target = self.target?;
        if self.current != Some(layer) {
            let switch = layer == target && self.may_begin(packet);
            if !switch {
                return None;
            }
            self.current = Some(layer);
            self.numbers.interrupt();
            self.pictures.switch();
        }
        let (sequence, timestamp) = self.numbers.map(layer, packet.sequence, packet.timestamp, self.clock_rate, now)?;
        let payload = match self.format {
            Some(VideoFormat::Vp8) => self.pictures.rewrite(&packet.payload),
            _ => packet.payload.clone(),
        };
        Some(RtpPacket {
            payload_type: self.payload_type,
            marker: packet.marker,
            sequence,
            timestamp,
            ssrc: self.ssrc,
            payload,
        })
    }

    fn may_begin(&self, packet: &RtpPacket) -> bool {
        self.format.is_none_or(|format| format.begins_key_frame(&packet.payload))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;
    use proptest::prelude::*;
    use std::time::Duration;

    /// One VP8 packet per frame, 15-bit picture id.
    fn frame(sequence: u16, timestamp: u32, picture: u16, key: bool) -> RtpPacket {
        let payload = vec![0x90, 0x80, 0x80 | (picture >> 8 & 0x7f) as u8, picture as u8, u8::from(!key), 7];
        RtpPacket { payload_type: 96, marker: true, sequence, timestamp, ssrc: 1, payload: Bytes::from(payload) }
    }

    fn picture(packet: &RtpPacket) -> u16 {
        u16::from(packet.payload[2] & 0x7f) << 8 | u16::from(packet.payload[3])
    }

    #[derive(Clone, Copy, Debug)]
    enum Step {
        Frame { layer: usize, key: bool, lost: bool },
        Aim(usize),
        Pause,
    }

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        let step = prop_oneof![
            12 => (0usize..3, prop::bool::weighted(0.2), prop::bool::weighted(0.1))
                .prop_map(|(layer, key, lost)| Step::Frame { layer, key, lost }),
            1 => (0usize..3).prop_map(Step::Aim),
            1 => Just(Step::Pause),
        ];
        prop::collection::vec(step, 1..500)
    }

    proptest! {
        /// Under random switching, pausing and loss: sequence gaps are exactly the losses of the current layer,
        /// pictures count on by as much, time never goes back, and after each switch the first is a key frame.
        #[test]
        fn the_subscriber_sees_one_stream(steps in steps(), starts in prop::array::uniform3(any::<u16>())) {
            let begin = Instant::now();
            let mut forwarder = Forwarder::new(9, 100, 90_000, Some(VideoFormat::Vp8));
            forwarder.aim(Some(0));
            // A publisher's clock has 32 bits: it does not wrap with the 16 bits of its numbers.
            let mut next = starts.map(u32::from);
            let mut lost_since: u16 = 0;
            let mut last: Option<RtpPacket> = None;
            for (index, step) in steps.into_iter().enumerate() {
                let now = begin + Duration::from_millis(33 * index as u64);
                match step {
                    Step::Aim(layer) => forwarder.aim(Some(layer)),
                    Step::Pause => { forwarder.aim(None); lost_since = 0; forwarder.aim(Some(1)); }
                    Step::Frame { layer, key, lost } => {
                        next[layer] = next[layer].wrapping_add(1);
                        let number = next[layer] as u16;
                        if lost {
                            if forwarder.current() == Some(layer) { lost_since += 1; }
                            continue;
                        }
                        let before = forwarder.current();
                        let time = next[layer].wrapping_mul(3000);
                        let Some(out) = forwarder.forward(layer, &frame(number, time, number, key), now) else { continue };
                        if before != Some(layer) {
                            prop_assert!(key, "switched at a frame that needs others");
                            lost_since = 0;
                        }
                        prop_assert_eq!((out.ssrc, out.payload_type), (9, 100));
                        if let Some(last) = &last {
                            prop_assert_eq!(out.sequence.wrapping_sub(last.sequence), 1 + lost_since);
                            prop_assert_eq!(picture(&out).wrapping_sub(picture(last)) & 0x7fff, 1 + lost_since);
                            prop_assert!((out.timestamp.wrapping_sub(last.timestamp) as i32) > 0);
                        }
                        lost_since = 0;
                        last = Some(out);
                    }
                }
            }
        }
    }

    #[test]
    fn audio_needs_no_key_frame() {
        let mut forwarder = Forwarder::new(9, 111, 48_000, None);
        forwarder.aim(Some(0));
        assert_eq!(forwarder.awaits_key_frame(), None);
        assert!(forwarder.forward(0, &frame(1, 1, 1, false), Instant::now()).is_some());
    }
}
