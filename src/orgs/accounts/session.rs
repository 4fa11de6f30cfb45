//! Sessions: how far they have come, how long they live, what is kept of their tokens. Pure.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::digest::{SHA256, digest};
use ring::rand::{SecureRandom, SystemRandom};

use crate::ids::{PersonId, SessionId, Timestamp};

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
    /// Whether it may still be used. `idle_ms` is how long it may rest ([`super::Policy`]).
    pub fn is_live(&self, idle_ms: i64, now: Timestamp) -> bool {
        // The stored last use may be half a minute old.
        now < self.expires_at && now.0 - self.last_seen_at.0 < idle_ms + SEEN_EVERY_MS
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

    #[test]
    fn a_session_ends_by_idleness_and_by_age() {
        const MINUTE: i64 = 60_000;
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
        assert!(session(10 * MINUTE, 60 * MINUTE).is_live(15 * MINUTE, now));
        assert!(!session(4 * MINUTE, 60 * MINUTE).is_live(15 * MINUTE, now), "idle for 16 minutes");
        assert!(!session(19 * MINUTE, 20 * MINUTE).is_live(15 * MINUTE, now), "its time is up");
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
