//! A published track: its layers as they arrive, and key frame requests to its publisher.
//!
//! Pure. It knows nothing of subscribers but their number.

use super::layers::{LayerSpec, Quality};
use super::speakers::Speaker;
use super::{Kind, PeerId, TrackId};
use crate::rtc::packet::Received;
use crate::rtc::sdp::{Codec, Mid, Rid};
use std::time::{Duration, Instant};

/// A layer without packets for so long is not being sent (the browser's encoder adapts).
const ALIVE: Duration = Duration::from_millis(1200);
/// Key frame requests of the lowest layer are at least so far apart…
const REQUEST_INTERVAL_LOW: Duration = Duration::from_millis(500);
/// …and of the others, whose key frames are large.
const REQUEST_INTERVAL: Duration = Duration::from_secs(1);
/// Most layers of a track.
const MAX_LAYERS: usize = 4;

/// What the publisher announces.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrackSpec {
    /// Chosen by the signalling side.
    pub track: TrackId,
    /// The client's name of the track, which stands in its description (`msid`).
    pub cid: String,
    /// Audio or video.
    pub kind: Kind,
    /// Sizes by quality, as announced; may be empty.
    pub layers: Vec<LayerSpec>,
}

/// One layer as it arrives.
#[derive(Debug)]
pub(super) struct Layer {
    /// Its name; `None` without simulcast.
    pub(super) rid: Option<Rid>,
    /// Where it stands among the layers, ascending: 0 is the smallest.
    pub(super) rank: usize,
    ssrc: Option<u32>,
    last_packet: Option<Instant>,
    requested: Option<Instant>,
    wanted: bool,
}

/// A published track.
#[derive(Debug)]
pub(super) struct Track {
    /// What was announced.
    pub(super) spec: TrackSpec,
    /// Whose it is.
    pub(super) publisher: PeerId,
    /// The section that carries it.
    pub(super) mid: Option<Mid>,
    /// Negotiated formats of that section.
    pub(super) codecs: Vec<Codec>,
    /// The format that arrives.
    pub(super) codec: Option<Codec>,
    /// Nothing is forwarded.
    pub(super) muted: bool,
    /// Loudness.
    pub(super) speaker: Speaker,
    /// Who gets it.
    pub(super) subscribers: Vec<PeerId>,
    layers: Vec<Layer>,
}

/// What a packet turned out to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Placed {
    /// Rank of its layer.
    pub(super) rank: usize,
    /// First packet of that layer.
    pub(super) first: bool,
}

impl Track {
    /// Not bound to a section yet.
    pub(super) fn new(spec: TrackSpec, publisher: PeerId) -> Self {
        Self {
            spec,
            publisher,
            mid: None,
            codecs: Vec::new(),
            codec: None,
            muted: false,
            speaker: Speaker::default(),
            subscribers: Vec::new(),
            layers: Vec::new(),
        }
    }

    /// Binds it to a section; `rids` are the layers of the offer in its order.
    pub(super) fn bind(&mut self, mid: Mid, codecs: Vec<Codec>, rids: &[Rid]) {
        self.mid = Some(mid);
        self.codecs = codecs;
        let same = self.layers.iter().filter_map(|layer| layer.rid.as_ref()).eq(ascending(rids));
        if !self.layers.is_empty() && same {
            return;
        }
        let layer = |(rank, rid)| Layer { rid, rank, ssrc: None, last_packet: None, requested: None, wanted: false };
        self.layers = if rids.is_empty() {
            vec![layer((0, None))]
        } else {
            ascending(rids).into_iter().take(MAX_LAYERS).map(|rid| Some(rid.clone())).enumerate().map(layer).collect()
        };
    }

    /// Finds the layer of a packet and notes that it lives.
    pub(super) fn place(&mut self, received: &Received) -> Option<Placed> {
        let codec = self.codec.as_ref().map(|codec| codec.payload_type);
        if codec != Some(received.packet.payload_type) {
            let arrived = self.codecs.iter().find(|codec| codec.payload_type == received.packet.payload_type)?;
            self.codec = Some(arrived.clone());
        }
        let simulcast = self.layers.len() > 1;
        let layer = self.layers.iter_mut().find(|layer| !simulcast || layer.rid == received.rid)?;
        let first = layer.last_packet.is_none();
        layer.last_packet = Some(received.at);
        layer.ssrc = Some(received.packet.ssrc);
        Some(Placed { rank: layer.rank, first })
    }

    /// Layers as announced, one per layer that was negotiated, ascending.
    pub(super) fn layer_specs(&self) -> Vec<LayerSpec> {
        let count = self.layers.len();
        let mut announced = self.spec.layers.clone();
        announced.sort_by_key(|layer| (layer.quality, layer.width));
        let default = [Quality::Low, Quality::Medium, Quality::High];
        let unknown = |rank: usize| LayerSpec { quality: default[rank.min(2)], width: 0, height: 0 };
        match announced.len() {
            announced_count if announced_count == count => announced,
            // One stream of a track announced with several sizes is the largest.
            announced_count if count == 1 && announced_count > 0 => {
                announced.last().map(|layer| LayerSpec { quality: Quality::Low, ..*layer }).into_iter().collect()
            }
            _ => (0..count).map(|rank| announced.get(rank).copied().unwrap_or_else(|| unknown(rank))).collect(),
        }
    }

    /// Which layers live.
    pub(super) fn alive(&self, now: Instant) -> Vec<bool> {
        let recent = |at: Instant| now.saturating_duration_since(at) < ALIVE;
        self.layers.iter().map(|layer| layer.last_packet.is_some_and(recent)).collect()
    }

    /// Notes that a key frame of a layer is needed.
    pub(super) fn want_key_frame(&mut self, rank: usize) {
        if let Some(layer) = self.layers.get_mut(rank) {
            layer.wanted = true;
        }
    }

    /// SSRCs to ask for a key frame now, throttled per layer.
    pub(super) fn key_frame_requests(&mut self, now: Instant) -> Vec<u32> {
        let mut requests = Vec::new();
        for layer in self.layers.iter_mut().filter(|layer| layer.wanted) {
            let (Some(ssrc), interval) = (layer.ssrc, request_interval(layer.rank)) else {
                continue;
            };
            if layer.requested.is_some_and(|at| now.saturating_duration_since(at) < interval) {
                continue;
            }
            layer.requested = Some(now);
            layer.wanted = false;
            requests.push(ssrc);
        }
        requests
    }

    /// When a request held back by the throttle may go.
    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        let waiting = self.layers.iter().filter(|layer| layer.wanted && layer.ssrc.is_some());
        waiting.filter_map(|layer| Some(layer.requested? + request_interval(layer.rank))).min()
    }
}

fn request_interval(rank: usize) -> Duration {
    if rank == 0 { REQUEST_INTERVAL_LOW } else { REQUEST_INTERVAL }
}

/// Layers from small to large. LiveKit clients call them q, h, f; others list them in ascending order.
fn ascending(rids: &[Rid]) -> Vec<&Rid> {
    let known = |rid: &Rid| ["q", "h", "f"].iter().position(|name| *name == &*rid.0);
    let mut sorted: Vec<&Rid> = rids.iter().collect();
    if sorted.iter().all(|rid| known(rid).is_some()) {
        sorted.sort_by_key(|rid| known(rid));
    }
    sorted
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::rtc::packet::RtpPacket;

    fn camera() -> Track {
        let layer = |quality, width, height| LayerSpec { quality, width, height };
        let layers =
            vec![layer(Quality::High, 1280, 720), layer(Quality::Low, 320, 180), layer(Quality::Medium, 640, 360)];
        let spec = TrackSpec { track: TrackId(1), cid: "cam".into(), kind: Kind::Video, layers };
        let mut track = Track::new(spec, PeerId(1));
        let codec = Codec { payload_type: 96, name: "VP8".into(), clock_rate: 90_000, channels: 1, ..Codec::default() };
        track.bind("0".into(), vec![codec], &["f".into(), "q".into(), "h".into()]);
        track
    }

    fn received(rid: &str, ssrc: u32, at: Instant) -> Received {
        let packet = RtpPacket { payload_type: 96, ssrc, ..RtpPacket::default() };
        Received { packet, mid: "0".into(), rid: Some(rid.into()), audio_level: None, at }
    }

    #[test]
    fn layers_are_ranked_by_size() {
        let now = Instant::now();
        let mut track = camera();
        assert_eq!(track.place(&received("h", 5, now)), Some(Placed { rank: 1, first: true }));
        assert_eq!(track.place(&received("h", 5, now)), Some(Placed { rank: 1, first: false }));
        assert_eq!(track.alive(now), [false, true, false]);
        assert_eq!(track.alive(now + ALIVE), [false; 3]);
        assert_eq!(track.layer_specs()[2].width, 1280);
        assert_eq!(track.codec.unwrap().name, "VP8");
    }

    #[test]
    fn key_frame_requests_are_throttled_but_not_lost() {
        let now = Instant::now();
        let mut track = camera();
        track.place(&received("q", 5, now));
        track.want_key_frame(0);
        assert_eq!(track.key_frame_requests(now), [5]);
        track.want_key_frame(0);
        assert!(track.key_frame_requests(now + Duration::from_millis(100)).is_empty());
        assert_eq!(track.poll_timeout(), Some(now + REQUEST_INTERVAL_LOW));
        assert_eq!(track.key_frame_requests(now + REQUEST_INTERVAL_LOW), [5]);
        assert_eq!(track.poll_timeout(), None);
    }
}
