//! One-time codes (RFC 6238): SHA-1, six digits, 30 s, one step of clock skew; each code is good once.

use totp_rs::{Builder, Secret, Totp};

use crate::ids::Timestamp;

/// The authenticator behind a secret in base32.
fn totp(base32: &str) -> Option<Totp> {
    Builder::new().with_secret(Secret::try_from_base32(base32).ok()?).build().ok()
}

/// A new secret in base32: 160 bits (RFC 4226 §4 R6).
pub(super) fn new_secret() -> String {
    Secret::generate().to_base32()
}

/// The time step that `code` belongs to, if it is right now and later than `last_step`, the last one used.
pub(super) fn check(base32: &str, code: &str, last_step: i64, now: Timestamp) -> Option<i64> {
    let seconds = u64::try_from(now.0 / 1000).ok()?;
    let code: String = code.chars().filter(|c| !c.is_whitespace()).collect();
    let step = totp(base32)?.check(&code, seconds)?;
    i64::try_from(step).ok().filter(|s| *s > last_step)
}

/// The address that authenticator apps read from a QR code (Key URI Format).
pub(super) fn url(user: &str, base32: &str) -> String {
    format!("otpauth://totp/liandong:{user}?secret={base32}&issuer=liandong&algorithm=SHA1&digits=6&period=30")
}

/// The code that an authenticator shows at `now`: for tests and for the command line.
#[cfg(test)]
pub(crate) fn code(base32: &str, now: Timestamp) -> String {
    totp(base32).map(|t| t.generate(u64::try_from(now.0 / 1000).unwrap_or(0)).to_string()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    /// RFC 6238 appendix B, SHA-1: the secret "12345678901234567890"; the last six digits of its eight.
    const RFC: &str = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";

    #[test]
    fn the_vectors_of_the_standard_hold() {
        for (seconds, expected) in
            [(59, "287082"), (1_111_111_109, "081804"), (1_234_567_890, "005924"), (2_000_000_000, "279037")]
        {
            assert_eq!(code(RFC, Timestamp(seconds * 1000)), expected);
        }
    }

    #[test]
    fn a_code_is_good_once_and_not_for_long() {
        let now = Timestamp(1_700_000_000_000);
        let secret = new_secret();
        let step = check(&secret, &code(&secret, now), 0, now).unwrap();
        assert_eq!(check(&secret, &code(&secret, now), step, now), None, "used before");
        assert_eq!(check(&secret, &code(&secret, now), 0, now.plus_millis(90_000)), None, "too old");
        assert!(check(&secret, &code(&secret, now), 0, now.plus_millis(30_000)).is_some(), "one step of skew");
        for bad in ["", "12345", "abcdef", "1234567", "١٢٣٤٥٦"] {
            assert_eq!(check(&secret, bad, 0, now), None, "{bad}");
        }
    }
}
