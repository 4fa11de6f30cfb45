//! Whose packets a leg takes, and where ours go (symmetric RTP, RFC 4961, without "RTP bleed").

use std::net::{IpAddr, SocketAddr};

/// How far the source may differ from the signalled address.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Strictness {
    /// Only exactly the signalled address and port.
    Exact,
    /// Any port of the signalled host, once; if the signalled address is private, of the host that
    /// the signalling came from too.
    #[default]
    Host,
    /// The first packet from anywhere. Only for trunks known to send from undeclared hosts.
    Any,
}

/// The state of one leg: signalled, then latched.
#[derive(Clone, Debug, Default)]
pub struct Latch {
    strictness: Strictness,
    signalled: Option<SocketAddr>,
    signalling_host: Option<IpAddr>,
    latched: Option<SocketAddr>,
    /// Signalling has allowed one (more) latching.
    open: bool,
}

impl Latch {
    /// A leg whose far end is not known yet: takes nothing.
    #[must_use]
    pub fn new(strictness: Strictness) -> Self {
        Self { strictness, ..Self::default() }
    }

    /// An offer or answer names the far end. The same address again (hold, refresh) keeps sending
    /// to the latched source, but allows it to move once.
    pub fn signal(&mut self, address: SocketAddr, signalling_host: Option<IpAddr>) {
        if self.signalled != Some(address) {
            self.latched = None;
        }
        self.signalled = Some(address);
        self.signalling_host = signalling_host;
        self.open = true;
    }

    /// Whether a packet from `source` belongs to the leg; latches if it may.
    pub fn accept(&mut self, source: SocketAddr) -> bool {
        if self.latched == Some(source) {
            self.open = false;
            return true;
        }
        if !self.open || !self.allowed(source) {
            return false;
        }
        self.latched = Some(source);
        self.open = false;
        true
    }

    /// Where to send: the latched source, before it the signalled address. `None` if unknown or
    /// not a place to send to (port 0, unspecified address: RFC 3264 hold of old).
    #[must_use]
    pub fn target(&self) -> Option<SocketAddr> {
        let signalled = self.signalled.filter(|to| to.port() != 0 && !to.ip().is_unspecified());
        self.latched.or(signalled)
    }

    /// Whether `source` may send RTCP for the leg: the host of the latched or signalled address.
    #[must_use]
    pub fn accepts_rtcp(&self, source: SocketAddr) -> bool {
        self.target().is_some_and(|target| same_host(target.ip(), source.ip()))
    }

    fn allowed(&self, source: SocketAddr) -> bool {
        let Some(signalled) = self.signalled else {
            return false;
        };
        match self.strictness {
            Strictness::Exact => same_host(signalled.ip(), source.ip()) && signalled.port() == source.port(),
            Strictness::Any => true,
            Strictness::Host => {
                // A phone on this machine signals over loopback, may name any of the machine's addresses, and its
                // speech comes from whichever loopback address the system picks.
                let loopback = |ip: IpAddr| ip.to_canonical().is_loopback();
                let behind_nat = |host: IpAddr| is_private(signalled.ip()) && same_host(host, source.ip());
                let from_signalling_host = self
                    .signalling_host
                    .is_some_and(|host| behind_nat(host) || loopback(host) && loopback(source.ip()));
                same_host(signalled.ip(), source.ip()) || from_signalling_host
            }
        }
    }
}

/// Equal, also if one is written as an IPv4-mapped IPv6 address.
fn same_host(a: IpAddr, b: IpAddr) -> bool {
    a.to_canonical() == b.to_canonical()
}

/// Addresses that do not work across a NAT (RFC 1918, 6598, 4193, link-local, unspecified).
fn is_private(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(v4) => {
            let [a, b, ..] = v4.octets();
            let shared = a == 100 && (64..128).contains(&b);
            v4.is_private() || v4.is_link_local() || v4.is_unspecified() || shared
        }
        IpAddr::V6(v6) => v6.is_unique_local() || v6.is_unicast_link_local() || v6.is_unspecified(),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(text: &str) -> SocketAddr {
        text.parse().unwrap()
    }

    fn latch(address: &str, host: Option<&str>) -> Latch {
        let mut latch = Latch::new(Strictness::Host);
        latch.signal(at(address), host.map(|host| host.parse().unwrap()));
        latch
    }

    #[test]
    fn nothing_is_taken_before_signalling() {
        assert!(!Latch::default().accept(at("127.0.0.1:1")));
        assert!(!Latch::new(Strictness::Any).accept(at("127.0.0.1:1")));
    }

    #[test]
    fn latches_once_and_never_again_without_signalling() {
        let mut latch = latch("198.51.100.7:4000", None);
        assert_eq!(latch.target(), Some(at("198.51.100.7:4000")));
        assert!(!latch.accept(at("203.0.113.1:4000")), "a stranger");
        assert!(latch.accept(at("198.51.100.7:4444")));
        assert_eq!(latch.target(), Some(at("198.51.100.7:4444")));
        assert!(!latch.accept(at("198.51.100.7:4000")), "the same host, another port");
        latch.signal(at("198.51.100.7:4000"), None);
        assert_eq!(latch.target(), Some(at("198.51.100.7:4444")), "a refresh breaks nothing");
        assert!(!latch.accept(at("203.0.113.1:4000")));
        assert!(latch.accept(at("198.51.100.7:4000")), "and allows one move");
        assert!(!latch.accept(at("198.51.100.7:4444")));
        latch.signal(at("198.51.100.9:5000"), None);
        assert!(!latch.accept(at("198.51.100.7:4000")), "the old place after a move");
        assert_eq!(latch.target(), Some(at("198.51.100.9:5000")));
    }

    #[test]
    fn a_phone_on_this_machine_may_name_another_of_its_addresses() {
        let mut local = latch("198.51.100.2:4000", Some("127.0.0.1"));
        assert!(local.accept(at("127.0.0.1:4000")));
        let mut trunk = latch("198.51.100.2:4000", Some("127.0.0.2"));
        assert!(!trunk.accept(at("198.51.100.3:4000")));
        assert!(trunk.accept(at("127.0.0.1:4000")));
        let mut remote = latch("198.51.100.2:4000", Some("203.0.113.9"));
        assert!(!remote.accept(at("203.0.113.9:4000")), "a public address is meant as it is written");
    }

    #[test]
    fn behind_nat_the_signalling_host_is_taken() {
        let mut behind = latch("192.168.1.5:4000", Some("203.0.113.7"));
        assert!(!behind.accept(at("203.0.113.8:9")));
        assert!(behind.accept(at("203.0.113.7:61000")));
        let mut public = latch("198.51.100.7:4000", Some("203.0.113.7"));
        assert!(!public.accept(at("203.0.113.7:61000")), "a public address means itself");
    }

    #[test]
    fn exact_and_mapped_addresses() {
        let mut exact = Latch::new(Strictness::Exact);
        exact.signal(at("198.51.100.7:4000"), None);
        assert!(!exact.accept(at("198.51.100.7:4001")));
        assert!(exact.accept(at("[::ffff:198.51.100.7]:4000")));
        assert_eq!(latch("0.0.0.0:4000", None).target(), None);
    }

    proptest! {
        #[test]
        fn between_signals_at_most_one_source_is_ever_taken(
            strictness in 0u8..3, sources in prop::collection::vec((0u8..4, 1u16..5), 1..60),
        ) {
            let strictness =
                [Strictness::Exact, Strictness::Host, Strictness::Any][usize::from(strictness)];
            let mut latch = Latch::new(strictness);
            latch.signal(at("10.0.0.1:2"), Some(at("10.0.0.2:1").ip()));
            let mut taken: Vec<SocketAddr> = Vec::new();
            for (host, port) in sources {
                let source = SocketAddr::from(([10, 0, 0, host], port));
                if latch.accept(source) && !taken.contains(&source) {
                    taken.push(source);
                }
            }
            prop_assert!(taken.len() <= 1);
        }
    }
}
