//! Passwords: the rules (GB/T 22239-2019 8.1.4.1 a) and the hashing, which runs beside the writer, never in it.

use std::sync::Arc;

use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use argon2::{Algorithm, Argon2, Params, Version};
use tokio::sync::Semaphore;

use crate::access::{Refusal, RefusalKind};

/// Shortest password.
const LENGTH_MIN: usize = 10;
/// Longest: bounds the work of one sign-in.
const LENGTH_MAX: usize = 128;
/// Kinds of characters that a password needs, of four.
const KINDS_MIN: usize = 3;
/// Former passwords that may not come back.
pub(super) const HISTORY: usize = 5;
/// Parts that make a password guessable whatever surrounds them.
const COMMON: &[&str] = &[
    "password",
    "passw0rd",
    "qwerty",
    "asdfgh",
    "admin",
    "welcome",
    "letmein",
    "123456",
    "112233",
    "zhengzhou",
    "liandong",
    "12345678",
];
/// Hashes computed at once: each takes 19 MiB and a core for some 20 ms.
const HASHING_MAX: usize = 2;
/// Sign-ins that may wait for their turn; more are told to come back.
const WAITING_MAX: usize = 64;

/// Checks a new password against the rules; not against former ones, which takes hashing.
pub fn check_password(user: &str, password: &str) -> Result<(), Refusal> {
    let weak = |detail: &str| Err(Refusal::invalid("accounts.weak_password", detail).field("/new_password"));
    let length = password.chars().count();
    if !(LENGTH_MIN..=LENGTH_MAX).contains(&length) {
        return weak("密码长度应为10至128个字符");
    }
    let kinds: [fn(char) -> bool; 4] = [
        |c| c.is_lowercase(),
        |c| c.is_uppercase(),
        |c| c.is_ascii_digit(),
        |c| !c.is_lowercase() && !c.is_uppercase() && !c.is_ascii_digit(),
    ];
    if kinds.iter().filter(|kind| password.chars().any(kind)).count() < KINDS_MIN {
        return weak("密码应包含小写字母、大写字母、数字、其他字符中的至少三种");
    }
    let lower = password.to_lowercase();
    let backwards: String = user.chars().rev().collect();
    if user.len() >= 3 && (lower.contains(user) || lower.contains(&backwards)) {
        return weak("密码不得包含用户名（含倒写）");
    }
    if COMMON.iter().any(|word| lower.contains(word)) {
        return weak("密码含有常见的词或数字串，容易被猜到");
    }
    Ok(())
}

/// A password made ready outside the transaction that stores it.
#[derive(Clone)]
pub struct Prepared {
    /// The argon2id hash in PHC form.
    pub(super) hash: String,
    /// The plain text, from which the telephone's hashes are made.
    pub(super) plain: String,
}

impl std::fmt::Debug for Prepared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Prepared(…)")
    }
}

/// Computes and verifies password hashes, few at a time. Cloning shares the turns.
#[derive(Clone)]
pub struct Hasher {
    params: Params,
    turns: Arc<Semaphore>,
    waiting: Arc<Semaphore>,
    nobody: Arc<str>,
}

impl Hasher {
    /// The strength that accounts are kept with: argon2id, 19 MiB, two passes (OWASP's first choice for its memory).
    pub fn strong() -> Self {
        Self::with(Params::DEFAULT)
    }

    /// The weakest there is, for tests that sign in often.
    pub fn quick() -> Self {
        Self::with(Params::new(Params::MIN_M_COST, Params::MIN_T_COST, 1, None).expect("the least values are allowed"))
    }

    fn with(params: Params) -> Self {
        // What a guess at an unknown name is verified against: it takes as long as a known one.
        let nobody = hash(&params, "nobody has this password").unwrap_or_default().into();
        Self {
            params,
            turns: Arc::new(Semaphore::new(HASHING_MAX)),
            waiting: Arc::new(Semaphore::new(WAITING_MAX)),
            nobody,
        }
    }

    /// Hashes a password under a salt of its own.
    pub async fn prepare(&self, password: &str) -> Result<Prepared, Refusal> {
        let (params, plain) = (self.params.clone(), password.to_owned());
        let hash = self.turn({
            let plain = plain.clone();
            move || hash(&params, &plain)
        });
        let hash = hash.await?.ok_or_else(busy)?;
        Ok(Prepared { hash, plain })
    }

    /// Whether the password is the one that was hashed; `None` for a user who is not there.
    pub async fn verify(&self, password: &str, hash: Option<&str>) -> Result<bool, Refusal> {
        let known = hash.is_some();
        let (password, hash) = (password.to_owned(), hash.unwrap_or(&self.nobody).to_owned());
        let matched = self.turn(move || matches(&password, &hash)).await?;
        Ok(matched && known)
    }

    async fn turn<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T, Refusal> {
        let _place = self.waiting.try_acquire().map_err(|_| busy())?;
        let _turn = self.turns.acquire().await.map_err(|_| busy())?;
        tokio::task::spawn_blocking(work).await.map_err(|_| busy())
    }
}

fn hash(params: &Params, password: &str) -> Option<String> {
    let argon = Argon2::new(Algorithm::Argon2id, Version::V0x13, params.clone());
    let hash: PasswordHash = argon.hash_password(password.as_bytes()).ok()?;
    Some(hash.to_string())
}

fn matches(password: &str, hash: &str) -> bool {
    // The parameters are those in the hash.
    PasswordHash::new(hash).is_ok_and(|h| Argon2::default().verify_password(password.as_bytes(), &h).is_ok())
}

fn busy() -> Refusal {
    Refusal::new(RefusalKind::Unavailable, "session.busy", "同时登录的人过多，请稍后重试")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn weak_passwords_are_refused_with_the_rule_they_break() {
        check_password("agent1", "Jia-Ming-2026").unwrap();
        check_password("agent1", "热线坐席Abc2026").unwrap();
        for (bad, rule) in [
            ("Ab1-xyz", "10至128"),
            ("abcdefghijkl", "三种"),
            ("ABCdefghijkl", "三种"),
            ("xAgent1-2026", "用户名"),
            ("x1tnegA-2026", "用户名"),
            ("My-Password-26", "常见"),
        ] {
            let refusal = check_password("agent1", bad).unwrap_err();
            assert!(refusal.detail.contains(rule), "{bad}: {}", refusal.detail);
        }
    }

    #[tokio::test]
    async fn only_the_right_password_of_a_known_user_matches() {
        let hasher = Hasher::quick();
        let (a, b) = (hasher.prepare("Jia-Ming-2026").await.unwrap(), hasher.prepare("Jia-Ming-2026").await.unwrap());
        assert_ne!(a.hash, b.hash, "each hash has a salt of its own");
        assert!(a.hash.starts_with("$argon2id$v=19$"));
        assert!(hasher.verify("Jia-Ming-2026", Some(&a.hash)).await.unwrap());
        assert!(!hasher.verify("jia-ming-2026", Some(&a.hash)).await.unwrap());
        assert!(!hasher.verify("nobody has this password", None).await.unwrap());
        assert!(!hasher.verify("x", Some("not a hash")).await.unwrap());
        assert!(!format!("{a:?}").contains("2026"));
    }
}
