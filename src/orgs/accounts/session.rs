//! Sessions and the policy they live by. Pure.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::digest::{SHA256, digest};
use ring::rand::{SecureRandom, SystemRandom};

use super::rows::AccountRow;
use crate::ids::{PersonId, SessionId, Timestamp};

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

/// How far a session has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// Only the password may be changed.
    ChangePassword,
    /// Only an authenticator may be enrolled.
    EnrolTotp,
    /// Everything that the posts allow.
    Full,
}

impl Stage {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::ChangePassword => "change_password",
            Self::EnrolTotp => "enrol_totp",
            Self::Full => "full",
        }
    }

    pub(super) fn from_stored(text: &str) -> Self {
        match text {
            "full" => Self::Full,
            "enrol_totp" => Self::EnrolTotp,
            _ => Self::ChangePassword,
        }
    }
}

/// A session as it is stored; the token itself is only with its holder.
#[derive(Debug, Clone)]
pub struct Session {
    /// Its id.
    pub id: SessionId,
    /// The account.
    pub user: String,
    /// The person.
    pub person: PersonId,
    /// How far it has come.
    pub stage: Stage,
    /// From which address it was opened.
    pub address: Option<String>,
    /// By which program, as it called itself.
    pub agent: String,
    /// When it was opened.
    pub created_at: Timestamp,
    /// When it was last used, to half a minute.
    pub last_seen_at: Timestamp,
    /// When it ends whatever happens.
    pub expires_at: Timestamp,
    pub(super) token_hash: String,
}

/// How exactly the last use is stored: fewer writes for a precision that nobody needs.
const SEEN_EVERY_MS: i64 = 30_000;

impl Session {
    /// Whether it may still be used.
    pub fn is_live(&self, policy: &Policy, now: Timestamp) -> bool {
        // The stored last use may be half a minute old.
        now < self.expires_at && now.0 - self.last_seen_at.0 < policy.idle_ms + SEEN_EVERY_MS
    }

    /// Whether its last use should be stored anew.
    pub(super) fn needs_touch(&self, now: Timestamp) -> bool {
        now.0 - self.last_seen_at.0 >= SEEN_EVERY_MS
    }
}

/// A new token: 256 random bits.
pub(super) fn new_token() -> String {
    let mut bytes = [0; 32];
    SystemRandom::new().fill(&mut bytes).expect("without the system's randomness nothing here is safe");
    URL_SAFE_NO_PAD.encode(bytes)
}

/// What is stored of a token: it is random enough that a plain hash cannot be turned back.
pub(super) fn token_hash(token: &str) -> String {
    URL_SAFE_NO_PAD.encode(digest(&SHA256, token.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn account() -> AccountRow {
        AccountRow::sample("sysadmin", Timestamp(0))
    }

    #[test]
    fn a_session_ends_by_idleness_and_by_age() {
        let policy = Policy::strict("r", 15);
        let session = |seen: i64, expires: i64| Session {
            id: SessionId(uuid::Uuid::nil()),
            user: "a".into(),
            person: PersonId(uuid::Uuid::nil()),
            stage: Stage::Full,
            address: None,
            agent: String::new(),
            created_at: Timestamp(0),
            last_seen_at: Timestamp(seen),
            expires_at: Timestamp(expires),
            token_hash: String::new(),
        };
        let now = Timestamp(20 * MINUTE);
        assert!(session(10 * MINUTE, 60 * MINUTE).is_live(&policy, now));
        assert!(!session(4 * MINUTE, 60 * MINUTE).is_live(&policy, now), "idle for 16 minutes");
        assert!(!session(19 * MINUTE, 20 * MINUTE).is_live(&policy, now), "its time is up");
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

    #[test]
    fn tokens_do_not_repeat_and_are_stored_hashed() {
        let (a, b) = (new_token(), new_token());
        assert_ne!(a, b);
        assert_eq!(a.len(), 43);
        assert_ne!(token_hash(&a), a);
        assert_eq!(token_hash(&a), token_hash(&a));
    }
}
