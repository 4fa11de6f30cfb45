//! Lock-out: five failures lock for ten minutes, counted so that a stranger cannot lock out somebody who is in. Pure.
//!
//! Three tallies see each failure: of the account *from this source*, of the account from all strangers, and of the
//! source over all accounts. Where the person is already in (a live session or a registered telephone at this source),
//! only the first counts, so what strangers do elsewhere does not touch him.

use std::collections::HashMap;
use std::net::IpAddr;

use crate::ids::Timestamp;

/// Failures that lock an account (GB/T 22239-2019 8.1.4.1 b).
pub const FAILURES_MAX: u32 = 5;
/// Failures over all accounts that lock a source: a whole call centre may sit behind one address, so more than for one
/// account, and few enough that trying one password on every account gets nowhere.
pub const SOURCE_FAILURES_MAX: u32 = 30;
/// How long a lock lasts, and how far back failures count.
pub const LOCK_MS: i64 = 10 * 60 * 1000;

/// Failures of late.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    /// How many since `since`.
    pub failures: u32,
    /// When the first of them was, epoch ms.
    pub since: i64,
    /// Until when it is locked, epoch ms; 0 if it is not.
    pub locked_until: i64,
}

impl Tally {
    /// Until when it is locked, if it is.
    pub fn locked(&self, now: Timestamp) -> Option<Timestamp> {
        (self.locked_until > now.0).then_some(Timestamp(self.locked_until))
    }

    /// Counts a failure; `true` if this one locks.
    pub fn fail(&mut self, max: u32, now: Timestamp) -> bool {
        if now.0 - self.since >= LOCK_MS || self.failures == 0 {
            *self = Self { failures: 0, since: now.0, locked_until: self.locked_until };
        }
        self.failures += 1;
        if self.failures < max {
            return false;
        }
        *self = Self { failures: 0, since: now.0, locked_until: now.0 + LOCK_MS };
        true
    }

    /// Whether nothing of it matters any more.
    pub fn is_stale(&self, now: Timestamp) -> bool {
        self.locked(now).is_none() && now.0 - self.since >= LOCK_MS
    }
}

/// The tallies that concern one attempt.
#[derive(Debug, Clone, Copy, Default)]
pub struct Attempt {
    /// The account from this source.
    pub pair: Tally,
    /// The account from everywhere.
    pub account: Tally,
    /// The source over all accounts.
    pub source: Tally,
    /// Whether the person is in from this source already.
    pub familiar: bool,
}

impl Attempt {
    /// Until when the attempt is locked out, if it is.
    pub fn locked(&self, now: Timestamp) -> Option<Timestamp> {
        let strangers = [self.account, self.source];
        let strangers = strangers.iter().filter(|_| !self.familiar).filter_map(|t| t.locked(now)).max();
        self.pair.locked(now).max(strangers)
    }

    /// Counts a failure; `true` if it locks the account for this asker.
    pub fn fail(&mut self, now: Timestamp) -> bool {
        let mut locks = self.pair.fail(FAILURES_MAX, now);
        if !self.familiar {
            locks |= self.account.fail(FAILURES_MAX, now);
            self.source.fail(SOURCE_FAILURES_MAX, now);
        }
        locks
    }
}

/// Tallies kept at most: beyond it the stale ones go, and then new strangers are not counted one by one. 64 bytes each.
const TALLIES_MAX: usize = 100_000;

/// The same lock-out for telephones, in memory: the registrar never waits for the disk. `calls` asks it through its port.
#[derive(Debug, Default)]
pub struct SipGuard {
    tallies: HashMap<String, Tally>,
}

impl SipGuard {
    /// Until when an attempt of `user` from `source` is locked out. `registered` says whether the account has a
    /// registration from that source.
    pub fn locked(&self, user: &str, source: IpAddr, registered: bool, now: Timestamp) -> Option<Timestamp> {
        self.attempt(user, source, registered).locked(now)
    }

    /// Counts a failure; `true` if it locks, which is worth an audit event.
    pub fn fail(&mut self, user: &str, source: IpAddr, registered: bool, now: Timestamp) -> bool {
        if self.tallies.len() >= TALLIES_MAX {
            self.tallies.retain(|_, t| !t.is_stale(now));
        }
        let mut attempt = self.attempt(user, source, registered);
        let locks = attempt.fail(now);
        let [pair, account, from] = keys(user, source);
        let updates = [(from, attempt.source), (account, attempt.account), (pair, attempt.pair)];
        for (key, tally) in updates.into_iter().filter(|(_, t)| *t != Tally::default()) {
            if self.tallies.len() < TALLIES_MAX || self.tallies.contains_key(&key) {
                self.tallies.insert(key, tally);
            }
        }
        locks
    }

    /// The telephone proved who it is: its own failures are forgotten.
    pub fn succeed(&mut self, user: &str, source: IpAddr) {
        let [pair, _, _] = keys(user, source);
        self.tallies.remove(&pair);
    }

    fn attempt(&self, user: &str, source: IpAddr, familiar: bool) -> Attempt {
        let [pair, account, source] = keys(user, source).map(|k| self.tallies.get(&k).copied().unwrap_or_default());
        Attempt { pair, account, source, familiar }
    }
}

/// The keys of the tallies: account and source, account, source.
pub(super) fn keys(user: &str, source: IpAddr) -> [String; 3] {
    [format!("pair:{user}@{source}"), format!("account:{user}"), format!("source:{source}")]
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const HOME: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(10, 0, 0, 1));
    const ABROAD: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(203, 0, 113, 9));

    fn at(minutes: i64) -> Timestamp {
        Timestamp(1_700_000_000_000 + minutes * 60_000)
    }

    #[test]
    fn five_failures_lock_for_ten_minutes() {
        let mut guard = SipGuard::default();
        for n in 1..=5 {
            assert_eq!(guard.locked("8001", HOME, false, at(0)), None, "before failure {n}");
            assert_eq!(guard.fail("8001", HOME, false, at(0)), n == 5);
        }
        assert_eq!(guard.locked("8001", HOME, false, at(9)), Some(at(10)));
        assert_eq!(guard.locked("8001", HOME, false, at(10)), None);
    }

    #[test]
    fn a_stranger_does_not_lock_out_who_is_in_elsewhere() {
        let mut guard = SipGuard::default();
        for _ in 0..20 {
            guard.fail("8001", ABROAD, false, at(0));
        }
        assert!(guard.locked("8001", ABROAD, false, at(1)).is_some());
        assert!(guard.locked("8001", HOME, false, at(1)).is_some(), "one who is not in must wait");
        assert_eq!(guard.locked("8001", HOME, true, at(1)), None, "one who is in need not");
    }

    #[test]
    fn own_failures_lock_even_who_is_in() {
        let mut guard = SipGuard::default();
        for _ in 0..5 {
            guard.fail("8001", HOME, true, at(0));
        }
        assert!(guard.locked("8001", HOME, true, at(1)).is_some());
        assert_eq!(guard.locked("8001", ABROAD, false, at(1)), None, "and nobody else");
    }

    #[test]
    fn one_password_tried_on_every_account_locks_the_source() {
        let mut guard = SipGuard::default();
        for n in 0..SOURCE_FAILURES_MAX {
            guard.fail(&format!("{}", 8000 + n), ABROAD, false, at(0));
        }
        assert!(guard.locked("9999", ABROAD, false, at(1)).is_some());
        assert_eq!(guard.locked("9999", HOME, false, at(1)), None);
    }

    #[test]
    fn slow_mistakes_and_a_success_are_forgotten() {
        let mut guard = SipGuard::default();
        for n in 0..20 {
            assert!(!guard.fail("8001", HOME, true, at(n * 3)), "never five within ten minutes");
        }
        let mut guard = SipGuard::default();
        for _ in 0..4 {
            guard.fail("8002", HOME, true, at(0));
        }
        guard.succeed("8002", HOME);
        assert!(!guard.fail("8002", HOME, true, at(0)));
    }
}
