//! Time as an argument: nothing in this crate asks a clock.
//!
//! Must not know: tokio, `Instant::now`, time zones beyond the fixed offset of a plan set.

use std::fmt;
use std::ops::{Add, Sub};

use serde::{Deserialize, Serialize};

/// Milliseconds on a monotonic clock whose zero is the caller's choice.
///
/// Never wall time: the hub's wall clock may jump (`facts/safety.md` §3), waits must not.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Millis(pub u64);

impl Millis {
    /// `seconds` as milliseconds, saturating.
    pub const fn from_secs(seconds: u64) -> Self {
        Self(seconds.saturating_mul(1_000))
    }

    /// Time since `earlier`, zero if `earlier` lies ahead.
    pub const fn since(self, earlier: Self) -> Self {
        Self(self.0.saturating_sub(earlier.0))
    }
}

impl Add for Millis {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

impl Sub for Millis {
    type Output = Self;

    fn sub(self, other: Self) -> Self {
        self.since(other)
    }
}

impl fmt::Display for Millis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            ms if ms % 1_000 == 0 => write!(f, "{} s", ms / 1_000),
            ms => write!(f, "{}.{} s", ms / 1_000, ms % 1_000 / 100),
        }
    }
}

/// The present, on both clocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Now {
    /// For every wait and time-out.
    pub mono: Millis,
    /// For opening hours, holidays and what people read.
    pub wall: jiff::Timestamp,
}

impl Now {
    /// The same moment moved on by `by` on both clocks.
    #[must_use]
    pub fn after(self, by: Millis) -> Self {
        let step = jiff::SignedDuration::from_millis(i64::try_from(by.0).unwrap_or(i64::MAX));
        Self { mono: self.mono + by, wall: self.wall.saturating_add(step).unwrap_or(self.wall) }
    }
}
