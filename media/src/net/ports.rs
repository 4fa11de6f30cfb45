//! Which RTP ports are free. Even ports for RTP, the odd one above for RTCP (RFC 3550 §11).

use std::collections::VecDeque;
use std::sync::mpsc::{Receiver, Sender, channel};

use thiserror::Error;

/// A range of ports, both ends included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PortRange {
    /// First port; an odd one is skipped.
    pub first: u16,
    /// Last port; of an even last one the pair would not fit, so it is skipped.
    pub last: u16,
}

/// The range holds no pair.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[error(
    "RTP port range {first}-{last} holds no pair of an even port and the odd one above it; at least two ports are needed"
)]
pub struct EmptyRange {
    first: u16,
    last: u16,
}

impl PortRange {
    /// The even ports whose pair lies in the range.
    fn evens(self) -> impl Iterator<Item = u16> {
        let first = u32::from(self.first).next_multiple_of(2);
        (first..=u32::from(self.last)).step_by(2).filter(move |&p| p < u32::from(self.last)).map(|p| p as u16)
    }

    /// The parts for `count` media threads, as equal as may be; each with at least one pair.
    ///
    /// # Errors
    /// [`EmptyRange`] if there are fewer pairs than parts.
    pub fn split(self, count: usize) -> Result<Vec<Self>, EmptyRange> {
        let evens: Vec<u16> = self.evens().collect();
        let empty = EmptyRange { first: self.first, last: self.last };
        if count == 0 || evens.len() < count {
            return Err(empty);
        }
        let share = evens.len().div_ceil(count);
        let part = |evens: &[u16]| Some(Self { first: *evens.first()?, last: evens.last()? + 1 });
        let mut parts: Vec<Self> = evens.chunks(share).filter_map(part).collect();
        // Rounding up may leave the last threads without a part: halve the biggest until it fits.
        while parts.len() < count {
            parts.sort_by_key(|p| p.last - p.first);
            let big = parts.pop().ok_or(empty)?;
            let middle = big.first + ((big.last - big.first) / 4) * 2;
            parts.push(Self { first: big.first, last: middle + 1 });
            parts.push(Self { first: middle + 2, last: big.last });
        }
        Ok(parts)
    }
}

/// The free ports of one media thread.
///
/// The port idle for longest is given first, so that late packets of an ended call do not meet a
/// new one. Leases return when dropped: a port cannot leak.
#[derive(Debug)]
pub struct PortPool {
    free: VecDeque<u16>,
    back: Receiver<u16>,
    give_back: Sender<u16>,
    total: usize,
}

/// The right to use one even port and the odd one above it.
#[derive(Debug)]
pub struct PortLease {
    port: u16,
    give_back: Sender<u16>,
}

impl PortPool {
    /// A pool of the pairs in `range`.
    #[must_use]
    pub fn new(range: PortRange) -> Self {
        let free: VecDeque<u16> = range.evens().collect();
        let (give_back, back) = channel();
        Self { total: free.len(), free, back, give_back }
    }

    /// A free pair; `None` when all are in use.
    pub fn take(&mut self) -> Option<PortLease> {
        self.collect();
        let port = self.free.pop_front()?;
        Some(PortLease { port, give_back: self.give_back.clone() })
    }

    /// This very pair, if it is one of ours and free.
    pub fn take_port(&mut self, port: u16) -> Option<PortLease> {
        self.collect();
        let at = self.free.iter().position(|free| *free == port)?;
        self.free.remove(at);
        Some(PortLease { port, give_back: self.give_back.clone() })
    }

    /// Pairs free now.
    pub fn free(&mut self) -> usize {
        self.collect();
        self.free.len()
    }

    /// Pairs in all.
    #[must_use]
    pub fn total(&self) -> usize {
        self.total
    }

    fn collect(&mut self) {
        self.free.extend(self.back.try_iter());
    }
}

impl PortLease {
    /// The RTP port; RTCP is on the next.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }
}

impl Drop for PortLease {
    fn drop(&mut self) {
        // Fails only when the pool is gone, i.e. its media thread has ended.
        let _ = self.give_back.send(self.port);
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn gives_even_ports_and_takes_them_back_last() {
        let mut pool = PortPool::new(PortRange { first: 10_001, last: 10_007 });
        assert_eq!(pool.total(), 3);
        let (a, b, c) = (pool.take().unwrap(), pool.take().unwrap(), pool.take().unwrap());
        assert_eq!((a.port(), b.port(), c.port()), (10_002, 10_004, 10_006));
        assert!(pool.take().is_none());
        drop(b);
        drop(a);
        assert_eq!(pool.take().unwrap().port(), 10_004);
        assert_eq!(pool.free(), 2);
    }

    #[test]
    fn a_certain_pair_is_given_once() {
        let mut pool = PortPool::new(PortRange { first: 10_000, last: 10_007 });
        let lease = pool.take_port(10_004).unwrap();
        assert!(
            pool.take_port(10_004).is_none() && pool.take_port(10_005).is_none() && pool.take_port(9_998).is_none()
        );
        assert_eq!((lease.port(), pool.free()), (10_004, 3));
        drop(lease);
        assert_eq!(pool.free(), 4);
    }

    #[test]
    fn a_range_without_a_pair_is_refused() {
        assert!(PortRange { first: 10_001, last: 10_002 }.split(1).is_err());
        assert!(PortRange { first: 9, last: 3 }.split(1).is_err());
        assert!(PortRange { first: 10_000, last: 10_003 }.split(3).is_err());
    }

    proptest! {
        #[test]
        fn parts_are_disjoint_and_cover(first: u16, length in 2u16..300, count in 1usize..12) {
            let range = PortRange { first, last: first.saturating_add(length) };
            let whole: Vec<u16> = range.evens().collect();
            if let Ok(parts) = range.split(count) {
                prop_assert_eq!(parts.len(), count);
                let mut all: Vec<u16> = parts.iter().flat_map(|p| p.evens()).collect();
                all.sort_unstable();
                prop_assert_eq!(all, whole);
            }
        }

        #[test]
        fn no_port_leaks(takes in prop::collection::vec(any::<bool>(), 0..200)) {
            let mut pool = PortPool::new(PortRange { first: 20_000, last: 20_019 });
            let mut held = Vec::new();
            for take in takes {
                if take { held.extend(pool.take()); } else { held.pop(); }
                prop_assert_eq!(pool.free() + held.len(), pool.total());
            }
        }
    }
}
