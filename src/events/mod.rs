//! The log's vocabulary: what can happen, one file per domain. Followers, consoles and other hubs read this language;
//! changing a kind or a field here changes a contract.
//!
//! Must not know: how events are stored, who may see them, what any domain does with them.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::Value;

use crate::ids::{CallId, CaseId, EventId, MeetingId, MessageId, OrderId, OrgPath, PersonId, PostId, Timestamp};

pub mod access;
pub mod calls;
pub mod cases;
pub mod dispatch;
pub mod meetings;
pub mod messages;
pub mod orgs;

/// What an event is about. The text form is `case:018f…`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Subject {
    /// The kind of thing: `case`, `call`, `message`, `meeting`, `order`, `agent`, `unit`, `person`, `session`, `plan`…
    pub kind: String,
    /// Its id within the kind.
    pub id: String,
}

impl Subject {
    /// A subject of any kind; the kind must not contain `:`.
    pub fn new(kind: &str, id: impl fmt::Display) -> Self {
        Self { kind: kind.to_owned(), id: id.to_string() }
    }
}

macro_rules! subject_from {
    ($($id:ty => $kind:literal),*) => {$(
        impl From<$id> for Subject {
            fn from(id: $id) -> Self {
                Self::new($kind, id)
            }
        }
    )*};
}
subject_from! { CaseId => "case", CallId => "call", MessageId => "message", MeetingId => "meeting", OrderId => "order", PersonId => "person" }

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.kind, self.id)
    }
}

impl FromStr for Subject {
    type Err = BadSubject;
    fn from_str(s: &str) -> Result<Self, BadSubject> {
        match s.split_once(':') {
            Some((kind, id)) if !kind.is_empty() && !id.is_empty() => Ok(Self::new(kind, id)),
            _ => Err(BadSubject),
        }
    }
}

impl Serialize for Subject {
    fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Subject {
    fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        String::deserialize(d)?.parse().map_err(serde::de::Error::custom)
    }
}

/// Text that is not a subject.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a subject: expected kind:id, such as case:018f6b0e-7c1a-7000-8000-000000000000")]
pub struct BadSubject;

/// Who made an event happen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ActorRef {
    /// What acted: `person`, or a part of the hub: `system`, `citizen`, `phone`, `sms`.
    pub kind: String,
    /// The person, where one acted.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub person: Option<PersonId>,
    /// The post he acted under.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub post: Option<PostId>,
    /// The name shown in timelines: an official's name and unit, or what the part is called.
    pub name: String,
}

impl ActorRef {
    /// A part of the hub that acts by itself, such as the reminder or the caller's telephone.
    pub fn part(kind: &str, name: &str) -> Self {
        Self { kind: kind.to_owned(), person: None, post: None, name: name.to_owned() }
    }
}

/// A personal text (a citizen's name, number, address) inside an event. It is stored encrypted under its owner's key,
/// so that destroying the key erases the person while the chain still verifies (`design.md` §7).
///
/// `Serialize` writes the marked plain form that the log seals at append; it never reaches the disk unsealed.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Personal {
    /// Whose key: `phone:<index>` or `case:<id>` for persons known only from one case.
    #[serde(rename = "$personal")]
    pub owner: String,
    /// The plain text.
    pub text: String,
    /// `words` for what somebody said or was told: it is sealed like all else, but whoever may see the event reads it;
    /// `secret` for what opens a door (a query code, a guest link), which no reader sees at all; nothing for what names a
    /// person (name, number, address), which is masked.
    #[serde(rename = "as", default, skip_serializing_if = "Option::is_none")]
    pub form: Option<String>,
}

impl Personal {
    /// What names a person: a name, a number, an address. It belongs to `owner` and is masked for readers.
    pub fn new(owner: impl Into<String>, text: impl Into<String>) -> Self {
        Self { owner: owner.into(), text: text.into(), form: None }
    }

    /// What opens a door: only the part of the hub that sends it on reads it.
    pub fn secret(owner: impl Into<String>, text: impl Into<String>) -> Self {
        Self { owner: owner.into(), text: text.into(), form: Some(SECRET.into()) }
    }

    /// What a person said or was told. It belongs to `owner`.
    pub fn words(owner: impl Into<String>, text: impl Into<String>) -> Self {
        Self { owner: owner.into(), text: text.into(), form: Some(WORDS.into()) }
    }
}

/// The form of [`Personal::words`].
pub const WORDS: &str = "words";
/// The form of [`Personal::secret`].
pub const SECRET: &str = "secret";

impl fmt::Debug for Personal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Personal(…)")
    }
}

/// A domain's event type: an enum tagged `kind`, with its fields in `body`
/// (`#[serde(tag = "kind", content = "body")]`).
pub trait DomainEvent: Serialize + DeserializeOwned {
    /// Splits the event into its kind and body.
    fn parts(&self) -> (String, Value) {
        let mut value = serde_json::to_value(self).unwrap_or(Value::Null);
        let kind = value.get("kind").and_then(Value::as_str).unwrap_or_default().to_owned();
        let body = value.get_mut("body").map_or(Value::Null, Value::take);
        debug_assert!(!kind.is_empty(), "a domain event is tagged with kind and body");
        (kind, body)
    }

    /// Reads an event of this domain; `None` if the kind is another domain's or the body does not fit.
    fn from_record(record: &Record) -> Option<Self> {
        serde_json::from_value(serde_json::json!({ "kind": record.kind, "body": record.body })).ok()
    }
}

/// An event to be appended.
#[derive(Debug, Clone)]
pub struct NewEvent {
    /// What it is about.
    pub subject: Subject,
    /// The units it concerns, the owner first: who may see it is decided by these.
    pub orgs: Vec<OrgPath>,
    /// Who did it.
    pub actor: ActorRef,
    /// Its kind, `domain.what_happened`.
    pub kind: String,
    /// Its facts.
    pub body: Value,
}

impl NewEvent {
    /// An event of a domain about `subject`.
    pub fn of(subject: impl Into<Subject>, orgs: Vec<OrgPath>, actor: ActorRef, event: &impl DomainEvent) -> Self {
        let (kind, body) = event.parts();
        Self { subject: subject.into(), orgs, actor, kind, body }
    }
}

/// An event as it stands in the log.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// The hub that recorded it.
    pub site: String,
    /// Its place in that hub's log, from 1 without gaps.
    pub seq: i64,
    /// When it was recorded.
    pub at: Timestamp,
    /// Its id.
    pub id: EventId,
    /// Its kind.
    pub kind: String,
    /// What it is about.
    pub subject: Subject,
    /// Who did it.
    pub actor: ActorRef,
    /// The units it concerns, the owner first.
    pub orgs: Vec<OrgPath>,
    /// Its facts; personal texts are sealed until the reader's right opens them.
    pub body: Value,
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    #[serde(tag = "kind", content = "body")]
    enum Sample {
        #[serde(rename = "sample.happened")]
        Happened { what: String },
    }
    impl DomainEvent for Sample {}

    #[test]
    fn an_event_survives_the_way_through_the_log() {
        let event = Sample::Happened { what: "水管爆裂".into() };
        let (kind, body) = event.parts();
        assert_eq!(kind, "sample.happened");
        let record = Record {
            site: "zz".into(),
            seq: 1,
            at: Timestamp(0),
            id: EventId(uuid::Uuid::nil()),
            kind,
            subject: "case:x".parse().unwrap(),
            actor: ActorRef::part("system", "test"),
            orgs: vec![],
            body,
        };
        assert_eq!(Sample::from_record(&record), Some(event));
        let other = Record { kind: "other.kind".into(), ..record };
        assert_eq!(Sample::from_record(&other), None);
    }
}
