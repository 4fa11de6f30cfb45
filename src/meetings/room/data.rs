//! Data packets on their way from one participant to others: the true sender is written in, the rest is left alone.

use bytes::Bytes;
use liandong_media::sfu::Channel;
use livekit_protocol as proto;
use prost::Message as _;
use proto::data_packet::{Kind, Value};

/// Longest message: SDKs cut theirs into far smaller ones; larger ones would fill the receivers' buffers.
const MESSAGE_MAX: usize = 64 * 1024;

/// Whom a packet comes from, as the receivers are told.
pub(super) struct Sender<'a> {
    pub(super) sid: &'a str,
    pub(super) identity: &'a str,
    pub(super) hidden: bool,
    pub(super) agent: bool,
}

/// A packet ready to go out.
pub(super) struct Parcel {
    pub(super) bytes: Bytes,
    /// Only to these; empty means to all.
    pub(super) identities: Vec<String>,
    /// Only to these sessions; empty means to all.
    pub(super) sids: Vec<String>,
}

impl Parcel {
    /// Reads what a participant sent; `None` if it is no packet or none that is forwarded.
    pub(super) fn of(sender: &Sender<'_>, channel: Channel, bytes: &[u8]) -> Option<Self> {
        if bytes.len() > MESSAGE_MAX || channel == Channel::DataTrack {
            return None;
        }
        let packet = proto::DataPacket::decode(bytes).ok()?;
        #[allow(deprecated)] // speakers are told by us alone
        match &packet.value {
            Some(Value::Metrics(_) | Value::Speaker(_)) => return None,
            Some(Value::Transcription(_)) if !sender.agent => return None,
            _ => {}
        }
        let (identities, sids) = receivers(&packet);
        let kind = if channel == Channel::Reliable { Kind::Reliable } else { Kind::Lossy };
        let bytes = if sender.hidden || matches!(packet.value, Some(Value::User(_))) {
            signed(packet, sender, kind).encode_to_vec()
        } else {
            appended(bytes, sender, kind)
        };
        Some(Self { bytes: bytes.into(), identities, sids })
    }

    /// Whether it goes to this participant.
    pub(super) fn is_for(&self, sid: &str, identity: &str) -> bool {
        let all = self.identities.is_empty() && self.sids.is_empty();
        all || self.identities.iter().any(|i| i == identity) || self.sids.iter().any(|s| s == sid)
    }
}

#[allow(deprecated)] // older clients name their receivers inside the user packet
fn receivers(packet: &proto::DataPacket) -> (Vec<String>, Vec<String>) {
    let mut identities = packet.destination_identities.clone();
    let mut sids = Vec::new();
    if let Some(Value::User(user)) = &packet.value {
        identities.extend(user.destination_identities.iter().cloned());
        sids.extend(user.destination_sids.iter().cloned());
    }
    (identities, sids)
}

/// The packet with the sender written in everywhere.
#[allow(deprecated)]
fn signed(mut packet: proto::DataPacket, sender: &Sender<'_>, kind: Kind) -> proto::DataPacket {
    let (sid, identity) = if sender.hidden { ("", "") } else { (sender.sid, sender.identity) };
    packet.kind = kind.into();
    packet.participant_sid = sid.to_owned();
    packet.participant_identity = identity.to_owned();
    if let Some(Value::User(user)) = &mut packet.value {
        user.participant_sid = sid.to_owned();
        user.participant_identity = identity.to_owned();
    }
    packet
}

/// The packet's own bytes with the sender behind them: of a field that comes twice the last counts, and what we do not
/// know stays as it was.
fn appended(bytes: &[u8], sender: &Sender<'_>, kind: Kind) -> Vec<u8> {
    /// Field 1, a varint: `encode` would leave out a zero, and a claimed 1 would stand.
    const KIND: u8 = 1 << 3;
    let mut whole = bytes.to_vec();
    #[allow(clippy::cast_possible_truncation)] // 0 or 1
    whole.extend_from_slice(&[KIND, kind as u8]);
    let tail = proto::DataPacket {
        participant_sid: sender.sid.to_owned(),
        participant_identity: sender.identity.to_owned(),
        ..proto::DataPacket::default()
    };
    whole.extend_from_slice(&tail.encode_to_vec());
    whole
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, deprecated)]
    use super::*;
    use proptest::prelude::*;

    const BOB: Sender<'static> = Sender { sid: "PA_b", identity: "bob", hidden: false, agent: false };

    fn packet(value: Value) -> Vec<u8> {
        proto::DataPacket {
            kind: Kind::Lossy.into(),
            participant_identity: "mayor".into(),
            participant_sid: "PA_m".into(),
            sequence: 7,
            value: Some(value),
            ..proto::DataPacket::default()
        }
        .encode_to_vec()
    }

    #[test]
    fn nobody_speaks_in_anothers_name() {
        let user = proto::UserPacket { participant_identity: "mayor".into(), payload: vec![1], ..Default::default() };
        let chat = proto::ChatMessage { message: "好".into(), ..Default::default() };
        for value in [Value::User(user), Value::ChatMessage(chat)] {
            let parcel = Parcel::of(&BOB, Channel::Reliable, &packet(value)).unwrap();
            let read = proto::DataPacket::decode(parcel.bytes).unwrap();
            assert_eq!((read.participant_identity.as_str(), read.participant_sid.as_str()), ("bob", "PA_b"));
            assert_eq!((read.kind(), read.sequence), (Kind::Reliable, 7));
            if let Some(Value::User(user)) = read.value {
                assert_eq!(user.participant_identity, "bob");
            }
        }
    }

    #[test]
    fn what_is_not_known_passes_unchanged() {
        // Field 99 of a later version.
        let mut bytes = packet(Value::ChatMessage(proto::ChatMessage::default()));
        bytes.extend_from_slice(&[0x9A, 0x06, 2, 5, 6]);
        let parcel = Parcel::of(&BOB, Channel::Lossy, &bytes).unwrap();
        assert_eq!(parcel.bytes[..bytes.len()], bytes[..]);
    }

    #[test]
    fn a_hidden_sender_has_no_name() {
        let hidden = Sender { hidden: true, ..BOB };
        let parcel = Parcel::of(&hidden, Channel::Lossy, &packet(Value::RpcAck(proto::RpcAck::default()))).unwrap();
        assert_eq!(proto::DataPacket::decode(parcel.bytes).unwrap().participant_identity, "");
    }

    #[test]
    fn a_packet_goes_to_those_it_names() {
        let user = proto::UserPacket { destination_identities: vec!["eve".into()], ..Default::default() };
        let parcel = Parcel::of(&BOB, Channel::Lossy, &packet(Value::User(user))).unwrap();
        assert!(parcel.is_for("PA_e", "eve") && !parcel.is_for("PA_a", "amy"));
        assert!(Parcel::of(&BOB, Channel::Lossy, &packet(Value::Transcription(Default::default()))).is_none());
    }

    proptest! {
        #[test]
        fn no_bytes_break_it(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            if let Some(parcel) = Parcel::of(&BOB, Channel::Lossy, &bytes) {
                let read = proto::DataPacket::decode(parcel.bytes).unwrap();
                prop_assert_eq!(read.participant_identity, "bob");
            }
        }
    }
}
