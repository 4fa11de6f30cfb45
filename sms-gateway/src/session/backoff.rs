//! How long to wait before the next connection: doubling, capped, with jitter from a seed.

use rand::{Rng, SeedableRng, rngs::StdRng};
use std::time::Duration;

/// Limits of the waiting times.
#[derive(Debug, Clone, Copy)]
pub struct BackoffPlan {
    /// After the first loss. Default 1 s.
    pub first: Duration,
    /// Longest after losses. Default 60 s.
    pub most: Duration,
    /// After a refused bind (0D, 0E, 0F, 53): never hammer a centre with a wrong password. Default 30 s, doubling.
    pub refused_first: Duration,
    /// Longest after refused binds. Default 10 min.
    pub refused_most: Duration,
    /// After 05 (already bound): the centre must first notice that our old connection is dead. Default 60 s.
    pub already_bound: Duration,
}

impl Default for BackoffPlan {
    fn default() -> Self {
        Self {
            first: Duration::from_secs(1),
            most: Duration::from_secs(60),
            refused_first: Duration::from_secs(30),
            refused_most: Duration::from_secs(600),
            already_bound: Duration::from_secs(60),
        }
    }
}

/// Why the last connection ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failure {
    /// Not connected, or connection lost.
    Lost,
    /// The centre refused the bind.
    Refused,
    /// The centre says that we are bound already.
    AlreadyBound,
}

/// Counts failures in a row.
#[derive(Debug)]
pub struct Backoff {
    plan: BackoffPlan,
    lost: u32,
    refused: u32,
    rng: StdRng,
}

impl Backoff {
    /// `seed` decides the jitter, so that a hundred links do not come back in one second.
    pub fn new(plan: BackoffPlan, seed: u64) -> Self {
        Self { plan, lost: 0, refused: 0, rng: StdRng::seed_from_u64(seed) }
    }

    /// The waiting time after a failure: the plan's, plus up to a quarter.
    pub fn next(&mut self, failure: Failure) -> Duration {
        let base = match failure {
            Failure::Lost => doubled(self.plan.first, self.plan.most, &mut self.lost),
            Failure::Refused => doubled(self.plan.refused_first, self.plan.refused_most, &mut self.refused),
            Failure::AlreadyBound => self.plan.already_bound,
        };
        base + base.mul_f64(self.rng.random_range(0.0..0.25))
    }

    /// The session was good: begin again with short waits.
    pub fn reset(&mut self) {
        (self.lost, self.refused) = (0, 0);
    }
}

fn doubled(first: Duration, most: Duration, count: &mut u32) -> Duration {
    let wait = first.saturating_mul(1 << (*count).min(16)).min(most);
    *count += 1;
    wait
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn doubles_to_its_cap_with_jitter_and_begins_again() {
        let mut backoff = Backoff::new(BackoffPlan::default(), 1);
        for seconds in [1, 2, 4, 8, 16, 32, 60, 60] {
            let (wait, base) = (backoff.next(Failure::Lost), Duration::from_secs(seconds));
            assert!(wait >= base && wait < base.mul_f64(1.25), "{wait:?}");
        }
        assert!(backoff.next(Failure::Refused) >= Duration::from_secs(30));
        assert!(backoff.next(Failure::Refused) >= Duration::from_secs(60));
        backoff.reset();
        assert!(backoff.next(Failure::Lost) < Duration::from_secs(2));
        let jitter = |seed| Backoff::new(BackoffPlan::default(), seed).next(Failure::Lost);
        assert_ne!(jitter(1), jitter(2));
    }
}
