//! The policy that sign-ins and sessions live by. Pure.

use super::rows::AccountRow;
use super::session::Stage;
use crate::ids::Timestamp;

/// What sign-ins and sessions must keep to. Times are in milliseconds.
#[derive(Debug, Clone)]
pub struct Policy {
    /// A session without a request for so long has ended.
    pub idle_ms: i64,
    /// A session ends after so long whatever happens.
    pub absolute_ms: i64,
    /// Sessions per account; a further one ends the oldest.
    pub sessions_max: usize,
    /// A password older than this must be changed; `None`: never.
    pub password_age_ms: Option<i64>,
    /// An account not used for so long is off; `None`: never.
    pub stale_ms: Option<i64>,
    /// Whether a password set by somebody else must be changed at the first sign-in.
    pub first_change: bool,
    /// Whether the three administrators must have one-time codes.
    pub administrators_totp: bool,
    /// The realm of the telephones' digest.
    pub realm: String,
}

const MINUTE: i64 = 60_000;
const DAY: i64 = 24 * 60 * MINUTE;

impl Policy {
    /// What level 3 of GB/T 22239 asks: idle ≤ 15 min, change ≤ 90 days, accounts off after 90 days, two factors for
    /// administrators.
    pub fn strict(realm: &str, idle_minutes: u32) -> Self {
        Self {
            idle_ms: i64::from(idle_minutes.clamp(1, 15)) * MINUTE,
            absolute_ms: 12 * 60 * MINUTE,
            sessions_max: 5,
            password_age_ms: Some(90 * DAY),
            stale_ms: Some(90 * DAY),
            first_change: true,
            administrators_totp: true,
            realm: realm.to_owned(),
        }
    }

    /// The demo: its one password stays as printed, and nobody needs an authenticator; who enrols one is asked for it.
    pub fn demo(realm: &str, idle_minutes: u32) -> Self {
        Self {
            sessions_max: 200, // testers and load tools share an account
            password_age_ms: None,
            stale_ms: None,
            first_change: false,
            administrators_totp: false,
            ..Self::strict(realm, idle_minutes)
        }
    }

    /// What must happen before the session may be used.
    pub fn stage(&self, account: &AccountRow, administrator: bool, now: Timestamp) -> Stage {
        let old = self.password_age_ms.is_some_and(|age| now.0 - account.password_set_at.0 > age);
        if old || (account.must_change && self.first_change) {
            Stage::ChangePassword
        } else if administrator && self.administrators_totp && !account.totp_active {
            Stage::EnrolTotp
        } else {
            Stage::Full
        }
    }

    /// Whether the account has been out of use for too long.
    pub fn is_stale(&self, account: &AccountRow, now: Timestamp) -> bool {
        let last = account.last_sign_in_at.unwrap_or(account.created_at).max(account.password_set_at);
        self.stale_ms.is_some_and(|age| now.0 - last.0 > age)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn account() -> AccountRow {
        AccountRow::sample("sysadmin", Timestamp(0))
    }

    #[test]
    fn what_must_happen_first_is_asked_in_order() {
        let strict = Policy::strict("r", 15);
        let mut row = account();
        row.must_change = true;
        assert_eq!(strict.stage(&row, true, Timestamp(0)), Stage::ChangePassword);
        row.must_change = false;
        assert_eq!(strict.stage(&row, true, Timestamp(0)), Stage::EnrolTotp);
        assert_eq!(strict.stage(&row, false, Timestamp(0)), Stage::Full);
        assert_eq!(strict.stage(&row, false, Timestamp(91 * DAY)), Stage::ChangePassword, "90 days are over");
        assert!(strict.is_stale(&row, Timestamp(91 * DAY)));
        row.totp_active = true;
        assert_eq!(strict.stage(&row, true, Timestamp(0)), Stage::Full);
        assert_eq!(Policy::demo("r", 15).stage(&account(), true, Timestamp(999 * DAY)), Stage::Full);
    }
}
