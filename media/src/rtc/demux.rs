//! One UDP port for all peers: whose is this datagram?
//!
//! Pure. A peer is first known by the user name of its STUN checks (`ours:theirs`, RFC 8445 §7.2.2), and from
//! then on by its address. STUN is always looked at, so a peer that moves (another network, ICE restart) is
//! found again.

use std::collections::HashMap;
use std::hash::Hash;
use std::net::SocketAddr;

/// Most addresses remembered per peer: a phone that roams leaves old ones behind.
const MAX_ADDRESSES: usize = 8;
/// User names remembered per peer: the one in force and those of restarts that are still under way.
const MAX_NAMES: usize = 4;
/// STUN magic cookie (RFC 8489 §5).
const MAGIC: [u8; 4] = [0x21, 0x12, 0xa4, 0x42];
/// USERNAME attribute (RFC 8489 §14.3).
const USERNAME: u16 = 0x0006;

/// Table of peers by user name and by address.
pub struct Demux<K> {
    by_ufrag: HashMap<String, K>,
    by_address: HashMap<SocketAddr, K>,
    addresses: HashMap<K, Vec<SocketAddr>>,
    names: HashMap<K, Vec<String>>,
}

impl<K: Copy + Eq + Hash> Demux<K> {
    /// Empty.
    pub fn new() -> Self {
        Self { by_ufrag: HashMap::new(), by_address: HashMap::new(), addresses: HashMap::new(), names: HashMap::new() }
    }

    /// Adds a user name of ours; a peer may have several while ICE restarts. Cheap when it is known already.
    pub fn register(&mut self, ufrag: &str, key: K) {
        if ufrag.is_empty() || self.by_ufrag.get(ufrag) == Some(&key) {
            return;
        }
        self.by_ufrag.insert(ufrag.to_owned(), key);
        let names = self.names.entry(key).or_default();
        names.push(ufrag.to_owned());
        if names.len() > MAX_NAMES {
            self.by_ufrag.remove(&names.remove(0));
        }
    }

    /// Forgets a peer.
    pub fn remove(&mut self, key: K) {
        for name in self.names.remove(&key).unwrap_or_default() {
            self.by_ufrag.remove(&name);
        }
        for address in self.addresses.remove(&key).unwrap_or_default() {
            self.by_address.remove(&address);
        }
    }

    /// The peer of a datagram; `None` if nobody's.
    pub fn route(&mut self, from: SocketAddr, data: &[u8]) -> Option<K> {
        if let Some(ufrag) = stun_local_ufrag(data)
            && let Some(key) = self.by_ufrag.get(ufrag).copied()
        {
            self.learn(from, key);
            return Some(key);
        }
        self.by_address.get(&from).copied()
    }

    fn learn(&mut self, from: SocketAddr, key: K) {
        if self.by_address.get(&from) == Some(&key) {
            return;
        }
        if let Some(before) = self.by_address.insert(from, key)
            && let Some(known) = self.addresses.get_mut(&before)
        {
            known.retain(|address| *address != from);
        }
        let known = self.addresses.entry(key).or_default();
        known.push(from);
        if known.len() > MAX_ADDRESSES {
            self.by_address.remove(&known.remove(0));
        }
    }
}

impl<K: Copy + Eq + Hash> Default for Demux<K> {
    fn default() -> Self {
        Self::new()
    }
}

/// Our user name fragment in a STUN request.
fn stun_local_ufrag(data: &[u8]) -> Option<&str> {
    std::str::from_utf8(stun_attribute(data, USERNAME)?).ok()?.split(':').next()
}

/// An attribute of a STUN message (RFC 8489 §14).
pub(super) fn stun_attribute(data: &[u8], wanted: u16) -> Option<&[u8]> {
    if data.len() < 20 || data[0] & 0xc0 != 0 || data[4..8] != MAGIC {
        return None;
    }
    let mut rest = &data[20..];
    while rest.len() >= 4 {
        let kind = u16::from_be_bytes([rest[0], rest[1]]);
        let length = usize::from(u16::from_be_bytes([rest[2], rest[3]]));
        let value = rest.get(4..4 + length)?;
        if kind == wanted {
            return Some(value);
        }
        rest = rest.get(4 + length.next_multiple_of(4)..)?;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn request(username: &str) -> Vec<u8> {
        let mut data = vec![0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        data.extend([0x80, 0x22, 0, 2, b'x', b'y', 0, 0, 0, 6, 0, username.len() as u8]);
        data.extend(username.as_bytes());
        data.resize(data.len().next_multiple_of(4), 0);
        data
    }

    #[test]
    fn a_peer_is_found_by_name_then_by_address_and_after_moving() {
        let (first, second) = (SocketAddr::from(([10, 0, 0, 1], 9)), SocketAddr::from(([10, 0, 0, 2], 9)));
        let mut demux = Demux::new();
        demux.register("ours", 7);
        assert_eq!(demux.route(first, &[0x80, 0]), None);
        assert_eq!(demux.route(first, &request("ours:theirs")), Some(7));
        assert_eq!(demux.route(first, &[0x80, 0]), Some(7));
        assert_eq!(demux.route(second, &request("ours:theirs")), Some(7));
        assert_eq!(demux.route(second, &[0x80, 0]), Some(7));
        demux.remove(7);
        assert_eq!(demux.route(second, &[0x80, 0]), None);
        assert_eq!(demux.route(second, &request("ours:theirs")), None);
    }

    #[test]
    fn endless_restarts_fill_no_table() {
        let mut demux = Demux::new();
        (0..100).for_each(|restart| demux.register(&format!("name{restart}"), 7));
        assert_eq!(demux.by_ufrag.len(), MAX_NAMES);
        let address = SocketAddr::from(([10, 0, 0, 1], 9));
        assert_eq!(demux.route(address, &request("name99:theirs")), Some(7));
        demux.remove(7);
        assert!(demux.by_ufrag.is_empty());
    }

    #[test]
    fn an_address_taken_over_by_another_peer_stays_with_it() {
        let address = SocketAddr::from(([10, 0, 0, 1], 9));
        let mut demux = Demux::new();
        demux.register("a", 1);
        demux.register("b", 2);
        demux.route(address, &request("a:x"));
        demux.route(address, &request("b:x"));
        demux.remove(1);
        assert_eq!(demux.route(address, &[0x80, 0]), Some(2));
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(mut data: Vec<u8>, stun: bool) {
            if stun && data.len() >= 20 {
                data[0] = 0;
                data[4..8].copy_from_slice(&MAGIC);
            }
            let _ = stun_local_ufrag(&data);
        }
    }
}
