//! A token bucket that yields when the other side says "too fast".

use std::time::{Duration, Instant};

/// After a throttling answer the rate stays halved for this long.
const PENALTY: Duration = Duration::from_secs(1);
/// Then this share of the full rate comes back each second.
const RECOVERY_PER_SECOND: f64 = 0.1;
/// The rate is never cut below this share: with a stubborn centre we still learn when it has recovered.
const LEAST: f64 = 1.0 / 32.0;

/// Tokens are segments. The burst is one second's worth, at most [`Bucket::new`]'s `burst`.
#[derive(Debug)]
pub struct Bucket {
    rate: f64,
    burst: f64,
    tokens: f64,
    scale: f64,
    penalty_until: Instant,
    at: Instant,
}

impl Bucket {
    /// `rate` segments per second (≥ 1) with a burst of at most one second, which is how operators count.
    pub fn new(rate: u32, burst: u32, now: Instant) -> Self {
        let rate = f64::from(rate.max(1));
        let burst = f64::from(burst.max(1)).min(rate);
        Self { rate, burst, tokens: burst, scale: 1.0, penalty_until: now, at: now }
    }

    /// For a sender who must not exceed `rate` in *any* second: a burst of a twentieth of a second, and so much less afterwards.
    pub fn paced(rate: u32, now: Instant) -> Self {
        let burst = (rate / 20).max(1);
        let mut bucket = Self::new(rate, burst, now);
        bucket.rate -= f64::from(burst - 1);
        bucket
    }

    /// Takes one token if there is one.
    pub fn take(&mut self, now: Instant) -> bool {
        self.refill(now);
        let there = self.tokens >= 1.0 - 1e-9;
        if there {
            self.tokens -= 1.0;
        }
        there
    }

    /// When the next token will be there.
    pub fn ready_at(&mut self, now: Instant) -> Instant {
        self.refill(now);
        let missing = (1.0 - self.tokens).max(0.0);
        now + Duration::from_secs_f64(missing / (self.rate * self.scale))
    }

    /// The other side said "too fast": half the rate, once per burst of such answers.
    pub fn throttled(&mut self, now: Instant) {
        self.refill(now);
        if now >= self.penalty_until {
            self.scale = (self.scale / 2.0).max(LEAST);
        }
        self.penalty_until = now + PENALTY;
        self.tokens = 0.0;
    }

    /// Present rate as a share of the agreed one, 1/32–1.
    pub fn scale(&self) -> f64 {
        self.scale
    }

    fn refill(&mut self, now: Instant) {
        let elapsed = now.saturating_duration_since(self.at).as_secs_f64();
        self.tokens = (self.tokens + elapsed * self.rate * self.scale).min(self.burst);
        let free = now.saturating_duration_since(self.at.max(self.penalty_until));
        self.scale = (self.scale + free.as_secs_f64() * RECOVERY_PER_SECOND).min(1.0);
        self.at = self.at.max(now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(bucket: &mut Bucket, from: Instant, span: Duration) -> usize {
        (0..span.as_millis() as u64).filter(|ms| bucket.take(from + Duration::from_millis(*ms))).count()
    }

    #[test]
    fn never_more_than_the_rate_after_the_burst() {
        let now = Instant::now();
        let mut bucket = Bucket::new(50, 10, now);
        assert_eq!((0..20).filter(|_| bucket.take(now)).count(), 10);
        assert_eq!(bucket.ready_at(now), now + Duration::from_millis(20));
        let second = taken(&mut bucket, now, Duration::from_secs(1));
        assert!((49..=50).contains(&second), "{second}");
    }

    #[test]
    fn paced_never_exceeds_the_rate_in_any_second() {
        for rate in [1, 7, 50, 400] {
            let now = Instant::now();
            let mut bucket = Bucket::paced(rate, now);
            let sent: Vec<u64> = (0..5_000).filter(|ms| bucket.take(now + Duration::from_millis(*ms))).collect();
            let most =
                sent.iter().map(|from| sent.iter().filter(|at| (*from..from + 1_000).contains(*at)).count()).max();
            assert!(most <= Some(rate as usize), "{most:?} at {rate}");
            assert!(sent.len() >= rate as usize * 5 * 93 / 100, "{} at {rate}", sent.len());
        }
    }

    #[test]
    fn throttling_halves_once_and_recovers_in_five_seconds() {
        let now = Instant::now();
        let mut bucket = Bucket::new(100, 100, now);
        for _ in 0..16 {
            bucket.throttled(now);
        }
        assert!((bucket.scale() - 0.5).abs() < 1e-9);
        assert!(!bucket.take(now));
        let first = taken(&mut bucket, now, Duration::from_secs(1));
        assert!((48..=51).contains(&first), "{first}");
        taken(&mut bucket, now + Duration::from_secs(1), Duration::from_secs(6));
        assert!((bucket.scale() - 1.0).abs() < 1e-9);
    }

    #[test]
    fn never_stops_wholly() {
        let mut now = Instant::now();
        let mut bucket = Bucket::new(1, 1, now);
        for _ in 0..50 {
            now += PENALTY;
            bucket.throttled(now);
        }
        assert!(bucket.ready_at(now) <= now + Duration::from_secs(33));
    }
}
