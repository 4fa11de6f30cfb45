//! One participant: its connections, what it publishes and what it gets.

use super::forward::Forwarder;
use super::keyframe::VideoFormat;
use super::layers::{self, Settings};
use super::link::{Label, Link, Slot};
use super::track::Track;
use super::{Channel, Kind, Role, SfuError, Shape, TrackId};
use crate::rtc::sdp::{Codec, Mid};
use crate::rtc::transport::{ChannelId, Identity};
use std::collections::HashMap;
use std::time::{Duration, Instant};

/// Loss above which a subscriber's layer is lowered, of 255 (10 %).
const LOSS_HIGH: u8 = 26;
/// Reports in a row that must show it: a report covers some 40 packets, so that two in a row above 10 % come by
/// chance on a link that loses 5 % and is not congested.
const LOSS_REPORTS: u8 = 3;
/// Loss below which a larger layer is tried again, of 255 (2 %).
const LOSS_LOW: u8 = 5;
/// Time without loss before a larger layer is tried; doubles after each failure.
const RETRY: Duration = Duration::from_secs(8);
/// Longest such time.
const MAX_RETRY: Duration = Duration::from_secs(120);

/// Layers that the link of a subscriber carries, learned from its loss reports. A stand-in for bandwidth
/// estimation: it lowers what a congested link gets by a layer, and tries again ever more seldom.
#[derive(Debug)]
pub(super) struct Cap {
    rank: usize,
    bad: u8,
    good_since: Option<Instant>,
    wait: Duration,
}

impl Default for Cap {
    fn default() -> Self {
        Self { rank: usize::MAX, bad: 0, good_since: None, wait: RETRY }
    }
}

impl Cap {
    /// Takes a report about the layer `current`; `true` if the cap changed.
    pub(super) fn report(&mut self, fraction_lost: u8, current: usize, now: Instant) -> bool {
        if fraction_lost >= LOSS_HIGH {
            self.good_since = None;
            self.bad += 1;
            if self.bad >= LOSS_REPORTS && current > 0 {
                self.bad = 0;
                self.rank = current - 1;
                self.wait = (self.wait * 2).min(MAX_RETRY);
                return true;
            }
            return false;
        }
        self.bad = 0;
        if fraction_lost > LOSS_LOW || self.rank == usize::MAX {
            self.good_since = None;
            return false;
        }
        let since = *self.good_since.get_or_insert(now);
        if now.saturating_duration_since(since) < self.wait {
            return false;
        }
        self.good_since = None;
        self.rank += 1;
        if self.rank > 3 {
            self.rank = usize::MAX;
        }
        true
    }
}

/// A subscription.
pub(super) struct Subscription {
    /// Its name in the subscriber's descriptions.
    pub(super) label: Label,
    /// Audio or video.
    pub(super) kind: Kind,
    /// What is wanted.
    pub(super) settings: Settings,
    /// Sends, once the section is announced and the format known.
    pub(super) forwarder: Option<Forwarder>,
    /// Limit by the link.
    pub(super) cap: Cap,
}

impl Subscription {
    /// Aims at the layer that should be sent now; gives the layer that needs a key frame for it.
    pub(super) fn retarget(&mut self, track: &Track, now: Instant) -> Option<usize> {
        let forwarder = self.forwarder.as_mut()?;
        let target = match (self.kind, track.muted) {
            (_, true) => None,
            (Kind::Video, _) => layers::wanted(&track.layer_specs(), &self.settings)
                .and_then(|wanted| layers::possible(wanted, self.cap.rank, &track.alive(now))),
            _ => self.settings.enabled.then_some(0),
        };
        forwarder.aim(target);
        forwarder.awaits_key_frame()
    }
}

/// A participant.
pub(super) struct Peer {
    /// One connection or two.
    pub(super) shape: Shape,
    publisher: Link,
    subscriber: Option<Link>,
    /// What it gets.
    pub(super) subscriptions: HashMap<TrackId, Subscription>,
    /// Its sections and what arrives on them.
    pub(super) mids: HashMap<Mid, TrackId>,
    /// Open data channels.
    pub(super) channels: Vec<(Role, ChannelId, Channel)>,
    /// Sections asked of the client since its last offer.
    pub(super) asked: Option<(u32, u32)>,
}

impl Peer {
    /// Not negotiated yet.
    ///
    /// # Errors
    /// When the WebRTC crate refuses.
    pub(super) fn new(shape: Shape, identity: &Identity, now: Instant) -> Result<Self, SfuError> {
        let subscriber = match shape {
            Shape::Single => None,
            Shape::Dual => Some(Link::new(identity, now)?),
        };
        Ok(Self {
            shape,
            publisher: Link::new(identity, now)?,
            subscriber,
            subscriptions: HashMap::new(),
            mids: HashMap::new(),
            channels: Vec::new(),
            asked: None,
        })
    }

    /// A connection of it.
    pub(super) fn link(&mut self, role: Role) -> Option<&mut Link> {
        match role {
            Role::Publisher => Some(&mut self.publisher),
            Role::Subscriber => self.subscriber.as_mut(),
        }
    }

    /// The role of the connection on which we send.
    pub(super) fn sending_role(&self) -> Role {
        match self.shape {
            Shape::Single => Role::Publisher,
            Shape::Dual => Role::Subscriber,
        }
    }

    /// The connection on which we send.
    pub(super) fn sending(&mut self) -> &mut Link {
        self.subscriber.as_mut().unwrap_or(&mut self.publisher)
    }

    /// The connection on which the client sends.
    pub(super) fn publishing(&mut self) -> &mut Link {
        &mut self.publisher
    }

    /// The channel on which messages of a kind go to the client.
    pub(super) fn channel(&self, wanted: Channel) -> Option<ChannelId> {
        let role = self.sending_role();
        let open = self.channels.iter().find(|(on, _, channel)| *on == role && *channel == wanted);
        open.map(|(_, id, _)| *id)
    }

    /// Puts subscriptions that have no section onto free ones; how many of each kind found none.
    pub(super) fn assign(&mut self) -> Result<(u32, u32), SfuError> {
        let dual = self.shape == Shape::Dual;
        let link = self.subscriber.as_mut().unwrap_or(&mut self.publisher);
        let mut missing = (0u32, 0u32);
        for subscription in self.subscriptions.values() {
            let track = subscription.label.track;
            let held =
                |slot: &Slot| matches!(slot, Slot::Assigned(label) | Slot::Announced(label) if label.track == track);
            if link.outlets.iter().any(|outlet| held(&outlet.slot))
                || link.assign(subscription.kind, &subscription.label)
            {
                continue;
            }
            if dual {
                link.add_outlet(subscription.kind)?;
                link.assign(subscription.kind, &subscription.label);
                continue;
            }
            match subscription.kind {
                Kind::Audio => missing.0 += 1,
                _ => missing.1 += 1,
            }
        }
        let draining = |kind| {
            link.outlets.iter().filter(|outlet| outlet.kind == kind && outlet.slot == Slot::Draining).count() as u32
        };
        Ok((missing.0.saturating_sub(draining(Kind::Audio)), missing.1.saturating_sub(draining(Kind::Video))))
    }

    /// Gives a subscription its forwarder once section and format are known; `Err` if the client lacks the format.
    pub(super) fn attach(&mut self, track: TrackId, codec: Option<&Codec>) -> Result<(), ()> {
        let link = self.subscriber.as_mut().unwrap_or(&mut self.publisher);
        let Some(subscription) = self.subscriptions.get_mut(&track) else {
            return Ok(());
        };
        let Some(outlet) = link.outlet_of(track) else {
            subscription.forwarder = None;
            return Ok(());
        };
        let Some(codec) = codec else { return Ok(()) };
        if subscription.forwarder.is_some() {
            return Ok(());
        }
        let own = outlet.format(codec).ok_or(())?;
        let format = VideoFormat::from_name(&codec.name);
        subscription.forwarder = Some(Forwarder::new(outlet.ssrc, own.payload_type, own.clock_rate, format));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lossy_link_gets_a_smaller_layer_and_another_chance() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut cap = Cap::default();
        assert!(!cap.report(60, 2, at(0)));
        assert!(!cap.report(60, 2, at(0)));
        assert!(cap.report(60, 2, at(1)));
        assert_eq!(cap.rank, 1);
        assert!(!cap.report(0, 1, at(2)));
        assert!(!cap.report(0, 1, at(10)));
        assert!(cap.report(0, 1, at(18)));
        assert_eq!(cap.rank, 2);
    }
}
