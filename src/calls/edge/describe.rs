//! Session descriptions of plain RTP legs: what is agreed, in the media engine's words. Pure.

use std::net::{IpAddr, SocketAddr};

use liandong_media::codec::Codec;
use liandong_media::relay::{Direction, Media, Payload, Remote};
use liandong_sip::Sdp;
use liandong_sip::sdp::{
    Agreed, AudioCodec, Direction as SdpDirection, Mismatch, Ours, Security, accept_answer, negotiate_audio,
    offer_audio,
};

/// Our telephone-event payload type in offers ([`offer_audio`]).
const OFFERED_EVENTS: u8 = 101;

/// Our side of one leg's descriptions.
#[derive(Debug, Clone)]
pub(super) struct Describer {
    rtp: SocketAddr,
    session: u64,
    version: u64,
    offer: Option<Sdp>,
}

/// Why nothing was agreed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum Unfit {
    #[error("the session description cannot be read: {0}")]
    Unreadable(String),
    #[error("{0}; this hub takes PCMA and PCMU over RTP/AVP")]
    Mismatch(Mismatch),
}

impl Describer {
    /// For a leg that receives at `rtp`; `session` is any number of the leg.
    pub(super) fn new(rtp: SocketAddr, session: u64) -> Self {
        Self { rtp, session: session >> 1, version: 0, offer: None }
    }

    /// Going on after so many descriptions, in an earlier life of the hub.
    pub(super) fn after(mut self, version: u64) -> Self {
        self.version = version;
        self
    }

    /// Where it receives.
    pub(super) fn port(&self) -> u16 {
        self.rtp.port()
    }

    /// The version of its last description.
    pub(super) fn version(&self) -> u64 {
        self.version
    }

    /// Answers an offer.
    pub(super) fn answer(&mut self, offer: &[u8], from: IpAddr) -> Result<(String, Remote), Unfit> {
        let offer = read(offer)?;
        let (answer, agreed) = negotiate_audio(&offer, &self.ours()).map_err(Unfit::Mismatch)?;
        Ok((answer.to_string(), remote(&agreed, agreed.events, from)))
    }

    /// Makes an offer.
    pub(super) fn offer(&mut self) -> String {
        let offer = offer_audio(&self.ours());
        let text = offer.to_string();
        self.offer = Some(offer);
        text
    }

    /// Takes the answer to the last offer.
    pub(super) fn accept(&mut self, answer: &[u8], from: IpAddr) -> Result<Remote, Unfit> {
        let answer = read(answer)?;
        let offer = self.offer.as_ref().ok_or(Unfit::Mismatch(Mismatch::BadAnswer))?;
        let ours = Ours { version: self.version, ..self.template() };
        let agreed = accept_answer(offer, &answer, &ours).map_err(Unfit::Mismatch)?;
        Ok(remote(&agreed, Some(OFFERED_EVENTS), from))
    }

    fn ours(&mut self) -> Ours {
        self.version += 1;
        Ours { version: self.version, ..self.template() }
    }

    fn template(&self) -> Ours {
        Ours {
            rtp: self.rtp,
            codecs: vec![AudioCodec::Pcma, AudioCodec::Pcmu],
            events: true,
            direction: SdpDirection::SendRecv,
            security: Security::Plain,
            session: self.session,
            version: 0,
        }
    }
}

fn read(bytes: &[u8]) -> Result<Sdp, Unfit> {
    Sdp::parse(bytes).map_err(|error| Unfit::Unreadable(error.to_string()))
}

fn remote(agreed: &Agreed, receive_events: Option<u8>, from: IpAddr) -> Remote {
    let codec = if agreed.codec == AudioCodec::Pcmu { Codec::Pcmu } else { Codec::Pcma };
    let mut media = Media::new(codec, agreed.payload);
    // G.711 has fixed numbers: a peer that changes its mind is understood.
    for (number, other) in [(8, Codec::Pcma), (0, Codec::Pcmu)] {
        if number != agreed.payload {
            media = media.also_accept(number, other);
        }
    }
    if let Some(events) = agreed.events {
        media = media.with_events(events, 8_000);
        if let Some(number) = receive_events.filter(|number| *number != events) {
            media.receive.push((number, Payload::Event(8_000)));
        }
    }
    Remote {
        address: agreed.remote,
        signalling_host: Some(from),
        media,
        direction: Direction { send: agreed.direction.sends(), receive: agreed.direction.receives() },
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const OFFER: &str = "v=0\r\no=- 1 1 IN IP4 192.0.2.9\r\ns=-\r\nc=IN IP4 192.0.2.9\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0 8 96\r\na=rtpmap:96 telephone-event/8000\r\n";

    fn describer() -> Describer {
        Describer::new("192.0.2.1:10000".parse().unwrap(), 7)
    }

    fn from() -> IpAddr {
        IpAddr::from([192, 0, 2, 9])
    }

    #[test]
    fn an_offer_is_answered_with_a_law_and_its_events() {
        let (answer, remote) = describer().answer(OFFER.as_bytes(), from()).unwrap();
        assert!(answer.contains("m=audio 10000 RTP/AVP 8 96\r\n"), "{answer}");
        assert_eq!(remote.address, Some("192.0.2.9:4000".parse().unwrap()));
        assert_eq!(remote.media.codec, Codec::Pcma);
        assert_eq!(remote.media.send_event.unwrap().payload_type, 96);
        assert_eq!(remote.direction, Direction::BOTH);
    }

    #[test]
    fn hold_is_mirrored_in_all_its_dresses() {
        let of_old = OFFER.replace("c=IN IP4 192.0.2.9", "c=IN IP4 0.0.0.0");
        for (offer, direction) in [
            (format!("{OFFER}a=sendonly\r\n"), "a=recvonly"),
            (format!("{OFFER}a=inactive\r\n"), "a=inactive"),
            (of_old, "a=recvonly"),
        ] {
            let (answer, remote) = describer().answer(offer.as_bytes(), from()).unwrap();
            assert!(answer.contains(direction), "{answer}");
            assert!(!remote.direction.send);
        }
    }

    #[test]
    fn an_answer_is_taken_with_both_event_numbers() {
        let mut ours = describer();
        assert!(ours.offer().contains("m=audio 10000 RTP/AVP 8 0 101\r\n"));
        let answer = OFFER.replace("RTP/AVP 0 8 96", "RTP/AVP 8 96");
        let remote = ours.accept(answer.as_bytes(), from()).unwrap();
        assert_eq!(remote.media.send_event.unwrap().payload_type, 96);
        assert!(remote.media.receive.contains(&(101, Payload::Event(8_000))));
        assert!(remote.media.receive.contains(&(96, Payload::Event(8_000))));
    }

    #[test]
    fn what_does_not_fit_is_named() {
        let g729 = OFFER.replace("RTP/AVP 0 8 96", "RTP/AVP 18");
        let error = describer().answer(g729.as_bytes(), from()).unwrap_err().to_string();
        assert!(error.contains("no common codec") && error.contains("PCMA"), "{error}");
        let error = describer().answer(b"v=0\r\ngarbage", from()).unwrap_err().to_string();
        assert!(error.contains("cannot be read"), "{error}");
    }
}
