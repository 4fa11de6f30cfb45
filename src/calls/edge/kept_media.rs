//! The media of a plain leg as they lie on the disk: our port, the far end's address and codecs.

use std::net::{IpAddr, SocketAddr};

use liandong_media::codec::Codec;
use liandong_media::relay::{Direction, EventType, Media, Payload, Remote};
use serde::{Deserialize, Serialize};

/// The media of a plain leg.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct KeptMedia {
    /// Our RTP port.
    pub(super) port: u16,
    /// The version of our last description.
    pub(super) version: u64,
    address: Option<SocketAddr>,
    host: Option<IpAddr>,
    /// The codec that we send, and its payload type.
    codec: (u8, u8),
    /// Payload types that we take: of a codec, or of events with a clock.
    receive: Vec<(u8, Result<u8, u32>)>,
    events: Option<(u8, u32)>,
    sends: bool,
    receives: bool,
}

/// Codecs by number; the numbers lie on disks.
const CODECS: [Codec; 3] = [Codec::Pcma, Codec::Pcmu, Codec::Opus];

fn number(codec: Codec) -> u8 {
    CODECS.iter().position(|known| *known == codec).map_or(0, |at| at as u8)
}

fn codec(number: u8) -> Option<Codec> {
    CODECS.get(usize::from(number)).copied()
}

impl KeptMedia {
    pub(super) fn new(port: u16, version: u64, remote: &Remote) -> Self {
        let media = &remote.media;
        let receive = media.receive.iter().map(|(kind, payload)| match payload {
            Payload::Audio(codec) => (*kind, Ok(number(*codec))),
            Payload::Event(clock) => (*kind, Err(*clock)),
        });
        Self {
            port,
            version,
            address: remote.address,
            host: remote.signalling_host,
            codec: (number(media.codec), media.send_type),
            receive: receive.collect(),
            events: media.send_event.map(|event| (event.payload_type, event.clock)),
            sends: remote.direction.send,
            receives: remote.direction.receive,
        }
    }

    /// The far end as the engine knows it; `None` if a codec is none of ours.
    pub(super) fn remote(&self) -> Option<Remote> {
        let receive = self.receive.iter().map(|(kind, payload)| {
            let payload = match payload {
                Ok(number) => Payload::Audio(codec(*number)?),
                Err(clock) => Payload::Event(*clock),
            };
            Some((*kind, payload))
        });
        let media = Media {
            codec: codec(self.codec.0)?,
            send_type: self.codec.1,
            receive: receive.collect::<Option<_>>()?,
            send_event: self.events.map(|(payload_type, clock)| EventType { payload_type, clock }),
        };
        let direction = Direction { send: self.sends, receive: self.receives };
        Some(Remote { address: self.address, signalling_host: self.host, media, direction })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn the_far_end_comes_back_as_it_was() {
        let mut media = Media::pcmu().also_accept(8, Codec::Pcma).with_events(96, 8_000);
        media.receive.push((101, Payload::Event(8_000)));
        let remote = Remote {
            signalling_host: Some(IpAddr::from([192, 0, 2, 1])),
            direction: Direction::RECEIVE_ONLY,
            ..Remote::new("192.0.2.9:4000".parse().unwrap(), media)
        };
        let kept = KeptMedia::new(10_002, 3, &remote);
        let text = serde_json::to_string(&kept).unwrap();
        let back: KeptMedia = serde_json::from_str(&text).unwrap();
        assert_eq!((back.remote(), back.port, back.version), (Some(remote), 10_002, 3));
    }
}
