//! ICE-lite (RFC 8445 §2.7): answers connectivity checks, and knows to which address the peer wants its media.
//!
//! The crate's agent, though called lite, answers a nomination only after a check of its own, drops DTLS until
//! then (over a second with Chromium as the answering side), and never follows a later nomination. So the checks
//! of the peer are answered here, and the crate is shown a peer that never moves ([`PUPPET`]): what it asks is
//! answered here as well, and a nomination is played to it for each check that held good.

use super::demux::stun_attribute;
use super::sdp::IceCredentials;
use bytes::BytesMut;
use rtc::crypto::{self, RTCCryptoProvider};
use rtc::ice::attributes::control::AttrControlling;
use rtc::ice::attributes::priority::PriorityAttr;
use rtc::ice::attributes::use_candidate::UseCandidateAttr;
use rtc::stun::attributes::ATTR_USERNAME;
use rtc::stun::fingerprint::FINGERPRINT;
use rtc::stun::integrity::MessageIntegrity;
use rtc::stun::message::{BINDING_REQUEST, BINDING_SUCCESS, Message, Setter, TransactionId};
use rtc::stun::textattrs::TextAttribute;
use rtc::stun::xoraddr::XorMappedAddress;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;

/// The peer's address as the crate sees it (TEST-NET-1, RFC 5737): it never reaches a network.
pub(super) const PUPPET: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)), 9);
/// Our address as the crate sees it.
pub(super) const STAGE: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::new(192, 0, 2, 2)), 9);
/// Candidate priority of the puppet; any will do.
const PRIORITY: u32 = 1;
/// USE-CANDIDATE (RFC 8445 §16.1).
const USE_CANDIDATE: u16 = 0x0025;

/// A datagram that belongs to STUN (RFC 7983 §7).
pub(super) fn is_stun(data: &[u8]) -> bool {
    data.len() >= 20 && data[0] < 4
}

/// Whether it is a Binding request.
pub(super) fn is_request(data: &[u8]) -> bool {
    is_stun(data) && data[..2] == [0, 1]
}

/// What a check of the peer led to.
pub(super) struct Checked {
    /// For the peer, to where it asked from.
    pub(super) response: BytesMut,
    /// For the crate, from [`PUPPET`].
    pub(super) nomination: BytesMut,
}

/// The agent of one transport.
pub(super) struct Lite {
    crypto: Arc<dyn RTCCryptoProvider>,
    route: Option<SocketAddr>,
}

impl Lite {
    /// No check has come yet.
    ///
    /// # Errors
    /// When there is no crypto provider.
    pub(super) fn new() -> Result<Self, String> {
        let crypto = crypto::default_provider().map_err(|error| error.to_string())?;
        Ok(Self { crypto, route: None })
    }

    /// Where media goes: the address last nominated, or the first that checked.
    pub(super) fn route(&self) -> Option<SocketAddr> {
        self.route
    }

    /// Takes a check of the peer. `None` if it was not made with our password.
    pub(super) fn check(
        &mut self,
        from: SocketAddr,
        data: &[u8],
        local: &IceCredentials,
        remote: &IceCredentials,
    ) -> Option<Checked> {
        let mut request = Message::new();
        request.unmarshal_binary(data).ok()?;
        MessageIntegrity::check(&mut request, local.password.as_bytes(), self.crypto.crypto()).ok()?;
        let nominates = stun_attribute(data, USE_CANDIDATE).is_some();
        if nominates || self.route.is_none() {
            self.route = Some(from);
        }
        let mapped = XorMappedAddress { ip: from.ip(), port: from.port() };
        let response = self.build(&[
            Box::new(BINDING_SUCCESS),
            Box::new(request.transaction_id),
            Box::new(mapped),
            Box::new(self.integrity(local)),
            Box::new(FINGERPRINT),
        ])?;
        let nomination = self.build(&[
            Box::new(BINDING_REQUEST),
            Box::new(TransactionId::new()),
            Box::new(TextAttribute::new(ATTR_USERNAME, format!("{}:{}", local.ufrag, remote.ufrag))),
            Box::new(UseCandidateAttr),
            Box::new(AttrControlling(1)),
            Box::new(PriorityAttr(PRIORITY)),
            Box::new(self.integrity(local)),
            Box::new(FINGERPRINT),
        ])?;
        Some(Checked { response, nomination })
    }

    /// The puppet's answer to a check of the crate.
    pub(super) fn answer(&self, data: &[u8], remote: &IceCredentials) -> Option<BytesMut> {
        let mut request = Message::new();
        request.unmarshal_binary(data).ok()?;
        self.build(&[
            Box::new(BINDING_SUCCESS),
            Box::new(request.transaction_id),
            Box::new(XorMappedAddress { ip: STAGE.ip(), port: STAGE.port() }),
            Box::new(self.integrity(remote)),
            Box::new(FINGERPRINT),
        ])
    }

    fn integrity(&self, credentials: &IceCredentials) -> MessageIntegrity<'_> {
        MessageIntegrity::new_short_term_integrity_with_provider(credentials.password.clone(), self.crypto.crypto())
    }

    fn build(&self, parts: &[Box<dyn Setter + '_>]) -> Option<BytesMut> {
        let mut message = Message::new();
        message.build(parts).ok()?;
        Some(BytesMut::from(&message.raw[..]))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    fn credentials(ufrag: &str) -> IceCredentials {
        IceCredentials { ufrag: ufrag.into(), password: format!("{ufrag}-password-of-22-chars") }
    }

    fn request(nominate: bool, password: &IceCredentials) -> BytesMut {
        let lite = Lite::new().unwrap();
        let mut parts: Vec<Box<dyn Setter + '_>> = vec![Box::new(BINDING_REQUEST), Box::new(TransactionId::new())];
        if nominate {
            parts.push(Box::new(UseCandidateAttr));
        }
        parts.push(Box::new(lite.integrity(password)));
        lite.build(&parts).unwrap()
    }

    #[test]
    fn media_goes_where_the_peer_nominates() {
        let (ours, theirs) = (credentials("ours"), credentials("theirs"));
        let (home, away) = (SocketAddr::from(([10, 0, 0, 1], 9)), SocketAddr::from(([10, 0, 0, 2], 9)));
        let mut lite = Lite::new().unwrap();
        assert!(lite.check(away, &request(true, &theirs), &ours, &theirs).is_none(), "not our password");
        assert_eq!(lite.route(), None);
        assert!(lite.check(home, &request(false, &ours), &ours, &theirs).is_some());
        assert_eq!(lite.route(), Some(home));
        lite.check(away, &request(false, &ours), &ours, &theirs).unwrap();
        assert_eq!(lite.route(), Some(home), "a check alone moves nothing");
        lite.check(away, &request(true, &ours), &ours, &theirs).unwrap();
        assert_eq!(lite.route(), Some(away));
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(mut data: Vec<u8>) {
            let (ours, theirs) = (credentials("ours"), credentials("theirs"));
            let mut lite = Lite::new().unwrap();
            if data.len() >= 8 {
                data[..8].copy_from_slice(&[0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42]);
            }
            let _ = lite.check(PUPPET, &data, &ours, &theirs);
            let _ = lite.answer(&data, &theirs);
        }
    }
}
