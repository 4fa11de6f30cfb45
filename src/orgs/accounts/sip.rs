//! Credentials of telephones: the digest hashes HA1 (RFC 8760: MD5 and SHA-256) per account, sealed by the vault; and
//! tickets for browsers, which hold no password: a secret that is derived from the session and dies with it.

use md5::{Digest, Md5};
use ring::digest::{SHA256, digest};
use serde::{Deserialize, Serialize};

use crate::ids::{PersonId, SessionId};

/// HA1 = H(user:realm:password), in lower-case hex.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ha1 {
    /// By MD5, for old telephones.
    pub md5: String,
    /// By SHA-256.
    pub sha256: String,
}

impl Ha1 {
    /// The hashes of `user`'s password in `realm`.
    pub fn new(user: &str, realm: &str, password: &str) -> Self {
        let text = format!("{user}:{realm}:{password}");
        Self { md5: hex(&Md5::digest(text.as_bytes())), sha256: hex(digest(&SHA256, text.as_bytes()).as_ref()) }
    }
}

impl std::fmt::Debug for Ha1 {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Ha1(…)")
    }
}

/// What is sealed per account: telephones may call themselves by the extension or by the user name.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct StoredHa1 {
    pub(super) user: Ha1,
    /// With the extension that it was made for.
    pub(super) extension: Option<(String, Ha1)>,
}

impl StoredHa1 {
    pub(super) fn new(user: &str, extension: Option<&str>, realm: &str, password: &str) -> Self {
        Self {
            user: Ha1::new(user, realm, password),
            extension: extension.map(|e| (e.to_owned(), Ha1::new(e, realm, password))),
        }
    }

    /// The hashes for the name that a telephone gave.
    pub(super) fn of(self, name: &str) -> Option<Ha1> {
        match self.extension {
            Some((extension, ha1)) if extension == name => Some(ha1),
            _ => Some(self.user),
        }
    }
}

/// An account as the registrar needs it.
#[derive(Debug, Clone)]
pub struct SipAccount {
    /// The account's user name.
    pub user: String,
    /// The person.
    pub person: PersonId,
    /// The person's name.
    pub name: String,
    /// The extension that the telephone may register; none: it may register nothing.
    pub extension: Option<String>,
    /// The hashes for the user name in the request.
    pub ha1: Ha1,
    /// The session that the credential belongs to, for browsers.
    pub session: Option<SessionId>,
}

/// What a browser registers with.
#[derive(Clone, Serialize)]
pub struct SipTicket {
    /// The extension: the address of record.
    pub extension: String,
    /// The name for the digest.
    pub user: String,
    /// The secret for the digest.
    pub password: String,
    /// The realm.
    pub realm: String,
}

/// The digest name of a session's telephone.
pub(super) fn ticket_user(extension: &str, session: SessionId) -> String {
    format!("{extension}.{session}")
}

/// The extension and session in such a name.
pub(super) fn parse_ticket_user(name: &str) -> Option<(&str, SessionId)> {
    let (extension, session) = name.split_once('.')?;
    Some((extension, session.parse().ok()?))
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut s, b| {
        let _ = write!(s, "{b:02x}");
        s
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn the_hashes_are_those_of_the_standard() {
        // RFC 7616 §3.9.1: user "Mufasa", realm "http-auth@example.org", password "Circle of Life".
        let ha1 = Ha1::new("Mufasa", "http-auth@example.org", "Circle of Life");
        assert_eq!(ha1.md5, "3d78807defe7de2157e2b0b6573a855f");
        assert_eq!(ha1.sha256, "7987c64c30e25f1b74be53f966b49b90f2808aa92faf9a00262392d7b4794232");
    }

    #[test]
    fn a_telephone_may_use_extension_or_user_name() {
        let stored = || StoredHa1::new("agent1", Some("8001"), "liandong", "secret");
        assert_eq!(stored().of("8001").unwrap(), Ha1::new("8001", "liandong", "secret"));
        assert_eq!(stored().of("agent1").unwrap(), Ha1::new("agent1", "liandong", "secret"));
    }

    #[test]
    fn a_ticket_names_its_session() {
        let session = SessionId(uuid::Uuid::from_u128(7));
        assert_eq!(parse_ticket_user(&ticket_user("8001", session)), Some(("8001", session)));
        assert_eq!(parse_ticket_user("8001"), None);
        assert_eq!(parse_ticket_user("8001.x"), None);
    }
}
