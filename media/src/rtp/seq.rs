//! Counters that wrap (16 or 32 bits) made into ones that do not.

/// Extends wrapping numbers to `i64` by taking the nearest one to the last seen.
///
/// `BITS` is 16 for sequence numbers, 32 for timestamps.
#[derive(Clone, Copy, Debug, Default)]
pub struct Unwrapper<const BITS: u32> {
    last: Option<i64>,
}

impl<const BITS: u32> Unwrapper<BITS> {
    /// The extended value. A step back by less than half the range is a late packet and gives a
    /// smaller value; only steps forward move the reference.
    pub fn unwrap(&mut self, value: u32) -> i64 {
        let extended = self.peek(value);
        if self.last.is_none_or(|last| extended > last) {
            self.last = Some(extended);
        }
        extended
    }

    /// What [`unwrap`](Self::unwrap) would give, without remembering it.
    #[must_use]
    pub fn peek(&self, value: u32) -> i64 {
        let range = 1i64 << BITS;
        let value = i64::from(value) & (range - 1);
        let Some(last) = self.last else { return value };
        let step = (value - last).rem_euclid(range);
        if step < range / 2 { last + step } else { last + step - range }
    }

    /// The greatest value so far.
    #[must_use]
    pub fn last(&self) -> Option<i64> {
        self.last
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn wraps_forward_and_tolerates_late_ones() {
        let mut seq = Unwrapper::<16>::default();
        assert_eq!(seq.unwrap(65_534), 65_534);
        assert_eq!(seq.unwrap(1), 65_537);
        assert_eq!(seq.unwrap(65_535), 65_535);
        assert_eq!(seq.unwrap(2), 65_538);
    }

    proptest! {
        #[test]
        fn follows_any_small_steps(start: u32, steps in prop::collection::vec(-30i64..300, 1..200)) {
            let mut unwrapper = Unwrapper::<32>::default();
            let base = unwrapper.unwrap(start);
            let (mut at, mut high) = (0i64, 0i64);
            for step in steps {
                at = (high + step).max(at - 1_000);
                high = high.max(at);
                let wire = (i64::from(start) + at).rem_euclid(1 << 32) as u32;
                prop_assert_eq!(unwrapper.unwrap(wire) - base, at);
            }
        }
    }
}
