//! Access tokens: LiveKit's JWT, HMAC-SHA-256, minted here and by any program that holds the key.
//!
//! Must not know: rooms, sockets, HTTP.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::hmac;
use serde::{Deserialize, Serialize};

use crate::ids::Timestamp;

/// How far the clocks of token makers may be off.
const SKEW_SECONDS: i64 = 60;
/// Largest token read: room for metadata and attributes, not for a flood.
const TOKEN_MAX: usize = 32 * 1024;

/// What the bearer may do with rooms (`video` of the token). What is absent keeps LiveKit's default.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct VideoGrants {
    /// Make rooms.
    #[serde(skip_serializing_if = "is_false")]
    pub room_create: bool,
    /// List rooms.
    #[serde(skip_serializing_if = "is_false")]
    pub room_list: bool,
    /// Moderate `room`.
    #[serde(skip_serializing_if = "is_false")]
    pub room_admin: bool,
    /// Join `room`.
    #[serde(skip_serializing_if = "is_false")]
    pub room_join: bool,
    /// The room's name.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub room: String,
    /// Publish; absent means yes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub can_publish: Option<bool>,
    /// Subscribe; absent means yes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub can_subscribe: Option<bool>,
    /// Send data; absent means as `can_publish`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub can_publish_data: Option<bool>,
    /// Only these sources: `camera`, `microphone`, `screen_share`, `screen_share_audio`; absent or empty means all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub can_publish_sources: Option<Vec<String>>,
    /// Change one's own name, metadata, attributes; absent means no.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub can_update_own_metadata: Option<bool>,
    /// Not shown to others.
    #[serde(skip_serializing_if = "is_false")]
    pub hidden: bool,
    /// A recorder.
    #[serde(skip_serializing_if = "is_false")]
    pub recorder: bool,
    /// A program that takes part.
    #[serde(skip_serializing_if = "is_false")]
    pub agent: bool,
}

#[allow(clippy::trivially_copy_pass_by_ref)] // serde's signature
fn is_false(value: &bool) -> bool {
    !*value
}

/// The claims of a token.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Claims {
    /// The API key.
    pub iss: String,
    /// The identity in the room.
    pub sub: String,
    /// Not before, seconds since 1970.
    pub nbf: i64,
    /// Expires, seconds since 1970.
    pub exp: i64,
    /// The name that others see.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// Free text about the participant.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub metadata: String,
    /// Free pairs about the participant.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub attributes: BTreeMap<String, String>,
    /// `standard`, `agent`, `ingress`, `egress`, `sip`; empty means standard.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub kind: String,
    /// What may be done.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub video: Option<VideoGrants>,
}

/// Why a token is not accepted. The words reach its bearer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// There is none.
    #[error("no permissions to access the room: send the token as Authorization: Bearer or access_token")]
    Missing,
    /// Not a JWT.
    #[error("invalid authorization token: it is not a JWT of three parts")]
    Malformed,
    /// An algorithm other than HS256.
    #[error("invalid authorization token: sign with HS256")]
    Algorithm,
    /// The key is not ours.
    #[error("invalid API key: the token's iss is not the key of this server")]
    UnknownKey,
    /// The signature does not verify.
    #[error("invalid authorization token: its signature does not verify with the key's secret")]
    Forged,
    /// Too old.
    #[error("invalid authorization token: it has expired (exp); ask for a new ticket")]
    Expired,
    /// Too young.
    #[error("invalid authorization token: it is not valid yet (nbf); check the clocks")]
    NotYet,
}

/// The API key with its secret.
#[derive(Clone)]
pub struct Signer {
    key: String,
    secret: hmac::Key,
}

impl Signer {
    /// A key with its secret.
    pub fn new(key: &str, secret: &str) -> Self {
        Self { key: key.to_owned(), secret: hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes()) }
    }

    /// Signs `claims` in this key's name.
    pub fn mint(&self, claims: &Claims) -> String {
        let claims = Claims { iss: self.key.clone(), ..claims.clone() };
        let body = serde_json::to_vec(&claims).unwrap_or_default();
        let signed =
            format!("{}.{}", URL_SAFE_NO_PAD.encode(r#"{"alg":"HS256","typ":"JWT"}"#), URL_SAFE_NO_PAD.encode(body));
        let tag = hmac::sign(&self.secret, signed.as_bytes());
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(tag.as_ref()))
    }

    /// Reads a token that is good at `now`.
    ///
    /// # Errors
    /// [`TokenError`] says in words what is wrong with it.
    pub fn verify(&self, token: &str, now: Timestamp) -> Result<Claims, TokenError> {
        if token.is_empty() {
            return Err(TokenError::Missing);
        }
        if token.len() > TOKEN_MAX {
            return Err(TokenError::Malformed);
        }
        let (signed, tag) = token.rsplit_once('.').ok_or(TokenError::Malformed)?;
        let (head, body) = signed.split_once('.').ok_or(TokenError::Malformed)?;
        let head: Head = decode(head)?;
        if head.alg != "HS256" {
            return Err(TokenError::Algorithm);
        }
        let claims: Claims = decode(body)?;
        if claims.iss != self.key {
            return Err(TokenError::UnknownKey);
        }
        let tag = URL_SAFE_NO_PAD.decode(tag.trim_end_matches('=')).map_err(|_| TokenError::Malformed)?;
        hmac::verify(&self.secret, signed.as_bytes(), &tag).map_err(|_| TokenError::Forged)?;
        let seconds = now.0.div_euclid(1_000);
        if claims.exp.saturating_add(SKEW_SECONDS) < seconds {
            return Err(TokenError::Expired);
        }
        if claims.nbf.saturating_sub(SKEW_SECONDS) > seconds {
            return Err(TokenError::NotYet);
        }
        Ok(claims)
    }

    /// Signs other bytes of ours, for links.
    pub(super) fn tag(&self, bytes: &[u8]) -> hmac::Tag {
        hmac::sign(&self.secret, bytes)
    }
}

#[derive(Deserialize)]
struct Head {
    alg: String,
}

fn decode<T: serde::de::DeserializeOwned>(part: &str) -> Result<T, TokenError> {
    let bytes = URL_SAFE_NO_PAD.decode(part.trim_end_matches('=')).map_err(|_| TokenError::Malformed)?;
    serde_json::from_slice(&bytes).map_err(|_| TokenError::Malformed)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    const NOW: Timestamp = Timestamp(1_800_000_000_000);

    fn claims() -> Claims {
        let video =
            VideoGrants { room_join: true, room: "r".into(), can_publish: Some(false), ..VideoGrants::default() };
        Claims { sub: "p".into(), exp: 1_800_000_100, video: Some(video), ..Claims::default() }
    }

    #[test]
    fn what_is_minted_is_read_again() {
        let signer = Signer::new("key", "secret");
        let read = signer.verify(&signer.mint(&claims()), NOW).unwrap();
        assert_eq!(read, Claims { iss: "key".into(), ..claims() });
    }

    #[test]
    fn a_token_of_another_maker_is_read() {
        // The example of LiveKit's documentation, signed with "secret".
        let head = URL_SAFE_NO_PAD.encode(r#"{"typ":"JWT","alg":"HS256"}"#);
        let body = URL_SAFE_NO_PAD
            .encode(r#"{"iss":"key","sub":"bob","exp":1800000100,"video":{"roomJoin":true,"room":"r","canPublishSources":null}}"#);
        let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, b"secret"), format!("{head}.{body}").as_bytes());
        let token = format!("{head}.{body}.{}", URL_SAFE_NO_PAD.encode(tag.as_ref()));
        assert_eq!(Signer::new("key", "secret").verify(&token, NOW).unwrap().sub, "bob");
    }

    #[test]
    fn each_wrong_token_is_told_what_is_wrong() {
        let signer = Signer::new("key", "secret");
        let good = signer.mint(&claims());
        let at = |seconds: i64| Timestamp(seconds * 1_000);
        assert_eq!(signer.verify("", NOW), Err(TokenError::Missing));
        assert_eq!(signer.verify("a.b", NOW), Err(TokenError::Malformed));
        assert_eq!(Signer::new("key", "other").verify(&good, NOW), Err(TokenError::Forged));
        assert_eq!(Signer::new("other", "secret").verify(&good, NOW), Err(TokenError::UnknownKey));
        assert_eq!(signer.verify(&good, at(1_800_000_161)), Err(TokenError::Expired));
        assert!(signer.verify(&good, at(1_800_000_159)).is_ok(), "within the skew");
        let early = signer.mint(&Claims { nbf: 1_800_000_061, ..claims() });
        assert_eq!(signer.verify(&early, NOW), Err(TokenError::NotYet));
        let none = format!("{}.{}.", URL_SAFE_NO_PAD.encode(r#"{"alg":"none"}"#), good.split('.').nth(1).unwrap());
        assert_eq!(signer.verify(&none, NOW), Err(TokenError::Algorithm));
    }

    proptest! {
        #[test]
        fn any_text_is_refused_without_panic(text in "\\PC{0,200}", a in "[A-Za-z0-9_.=-]{0,200}") {
            let signer = Signer::new("key", "secret");
            prop_assert!(signer.verify(&text, NOW).is_err());
            prop_assert!(signer.verify(&a, NOW).is_err());
        }
    }
}
