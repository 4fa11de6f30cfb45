//! Who may take our time: a budget per source, and silence for scanners.
//!
//! Pure. Must not know accounts or SIP syntax beyond a User-Agent.

use std::collections::HashMap;
use std::net::IpAddr;

use liandong_sip::Millis;

/// Sources remembered in one generation; when there are more, a flood from forged addresses is under way and the
/// oldest are forgotten.
const SOURCES_MAX: usize = 65_536;
/// How long a source is remembered at least.
const GENERATION_MS: u64 = 10 * 60_000;

/// Requests of a source before it has proved anything: an office of phones that all come back after a power cut,
/// each needing one challenge, fits; what is proved is given back.
const STRANGER: Budget = Budget { burst: 500, per_second: 50 };
/// Of a source that proved itself within the last generations: an office behind one address.
const KNOWN: Budget = Budget { burst: 2_000, per_second: 500 };
/// Of a trunk: more than 2,000 calls a second is an attack or a loop.
const TRUNK: Budget = Budget { burst: 8_000, per_second: 4_000 };

/// What scanners call themselves.
const SCANNERS: [&str; 10] = [
    "friendly-scanner",
    "sipvicious",
    "sipcli",
    "sip-scan",
    "sipsak",
    "sundayddr",
    "iwar",
    "vaxsipuseragent",
    "pplsip",
    "siparmyknife",
];

#[derive(Debug, Clone, Copy)]
struct Budget {
    burst: u32,
    per_second: u32,
}

/// What is done with a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Admission {
    /// Look at it.
    Admit,
    /// Over budget: say so where that costs nothing (not over UDP to strangers).
    Busy,
    /// Say nothing.
    Silence,
}

#[derive(Debug, Clone, Copy)]
struct SourceState {
    /// Thousandths of requests left.
    credit: u64,
    at: Millis,
    is_known: bool,
    is_scanner: bool,
}

/// The guard.
#[derive(Debug, Default)]
pub(super) struct Guard {
    young: HashMap<IpAddr, SourceState>,
    old: HashMap<IpAddr, SourceState>,
    turned: Millis,
}

impl Guard {
    /// Judges a request that opens something (not: in a dialog of ours).
    pub(super) fn admit(&mut self, source: IpAddr, is_trunk: bool, user_agent: &str, now: Millis) -> Admission {
        let is_scanner = is_scanner(user_agent);
        let state = self.state(source, now);
        if is_scanner && !is_trunk {
            let answered = std::mem::replace(&mut state.is_scanner, true);
            return if answered { Admission::Silence } else { Admission::Admit };
        }
        if state.is_scanner && !state.is_known {
            return Admission::Silence;
        }
        let budget = if is_trunk {
            TRUNK
        } else if state.is_known {
            KNOWN
        } else {
            STRANGER
        };
        let earned = now.since(state.at).saturating_mul(u64::from(budget.per_second));
        state.credit = state.credit.saturating_add(earned).min(u64::from(budget.burst) * 1_000);
        state.at = now;
        match state.credit.checked_sub(1_000) {
            Some(left) => {
                state.credit = left;
                Admission::Admit
            }
            None => Admission::Busy,
        }
    }

    /// The source has proved an account: what its challenge cost is given back.
    pub(super) fn proved(&mut self, source: IpAddr, now: Millis) {
        let state = self.state(source, now);
        state.is_known = true;
        state.credit = state.credit.saturating_add(2_000);
    }

    fn state(&mut self, source: IpAddr, now: Millis) -> &mut SourceState {
        if now.since(self.turned) >= GENERATION_MS || self.young.len() >= SOURCES_MAX {
            self.old = std::mem::take(&mut self.young);
            self.turned = now;
        }
        let old = self.old.remove(&source);
        self.young.entry(source).or_insert_with(|| {
            let credit = u64::from(STRANGER.burst) * 1_000;
            old.unwrap_or(SourceState { credit, at: now, is_known: false, is_scanner: false })
        })
    }
}

fn is_scanner(user_agent: &str) -> bool {
    let agent = user_agent.to_ascii_lowercase();
    SCANNERS.iter().any(|scanner| agent.contains(scanner))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(last: u8) -> IpAddr {
        IpAddr::from([192, 0, 2, last])
    }

    #[test]
    fn a_stranger_runs_out_and_recovers_and_harms_nobody_else() {
        let mut guard = Guard::default();
        let admitted = (0..2_000).filter(|_| guard.admit(ip(1), false, "", Millis(0)) == Admission::Admit).count();
        assert_eq!(admitted, 500);
        assert_eq!(guard.admit(ip(2), false, "", Millis(0)), Admission::Admit);
        assert_eq!(guard.admit(ip(1), false, "", Millis(20)), Admission::Admit);
        assert_eq!(guard.admit(ip(1), false, "", Millis(20)), Admission::Busy);
    }

    #[test]
    fn proofs_pay_for_challenges() {
        let mut guard = Guard::default();
        for _ in 0..10_000 {
            assert_eq!(guard.admit(ip(1), false, "", Millis(0)), Admission::Admit);
            assert_eq!(guard.admit(ip(1), false, "", Millis(0)), Admission::Admit);
            guard.proved(ip(1), Millis(0));
        }
    }

    #[test]
    fn a_scanner_is_answered_once_whatever_it_calls_itself_later() {
        let mut guard = Guard::default();
        assert_eq!(guard.admit(ip(1), false, "friendly-scanner", Millis(0)), Admission::Admit);
        assert_eq!(guard.admit(ip(1), false, "friendly-scanner", Millis(1)), Admission::Silence);
        assert_eq!(guard.admit(ip(1), false, "Yealink", Millis(2)), Admission::Silence);
    }

    #[test]
    fn memory_is_bounded() {
        let mut guard = Guard::default();
        for n in 0..300_000u32 {
            guard.admit(IpAddr::from(n.to_be_bytes()), false, "", Millis(0));
        }
        assert!(guard.young.len() + guard.old.len() <= 2 * SOURCES_MAX);
    }
}
