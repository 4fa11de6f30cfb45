//! Events of access: sign-ins, refusals, reads of personal data. Together they are the audit.

use serde::{Deserialize, Serialize};

use super::DomainEvent;

/// What is audited.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", content = "body")]
pub enum AccessEvent {
    /// Somebody signed in.
    #[serde(rename = "access.signed_in")]
    SignedIn {
        /// User name.
        user: String,
        /// From which address.
        address: Option<String>,
        /// The session.
        session: String,
    },
    /// A sign-in was refused.
    #[serde(rename = "access.sign_in_refused")]
    SignInRefused {
        /// User name as given; cut to 64 characters.
        user: String,
        /// From which address.
        address: Option<String>,
        /// Stable code of the reason.
        code: String,
    },
    /// A session ended.
    #[serde(rename = "access.signed_out")]
    SignedOut {
        /// The session.
        session: String,
        /// `self`, `expired`, or the administrator's user name.
        by: String,
    },
    /// An account was locked after repeated failures.
    #[serde(rename = "access.locked")]
    Locked {
        /// User name.
        user: String,
        /// Until when, RFC 3339.
        until: String,
    },
    /// A request was refused for want of a right.
    #[serde(rename = "access.refused")]
    Refused {
        /// What was asked: an action or `METHOD /path`.
        what: String,
        /// Stable code.
        code: String,
        /// From which address.
        address: Option<String>,
    },
    /// Personal data was read whole.
    #[serde(rename = "access.personal_read")]
    PersonalRead {
        /// Of which thing: `case:…`, `call:…`.
        subject: String,
        /// Which fields.
        fields: Vec<String>,
        /// Why, as given.
        purpose: Option<String>,
    },
    /// A recording was played or downloaded.
    #[serde(rename = "access.recording_played")]
    RecordingPlayed {
        /// Of which call.
        subject: String,
    },
    /// Somebody changed an account, a post or a right.
    #[serde(rename = "access.changed")]
    Changed {
        /// What was done, such as `account.created`, `password.changed`, `totp.enrolled`, `post.granted`.
        what: String,
        /// To whom or what.
        subject: String,
    },
}

impl DomainEvent for AccessEvent {}
