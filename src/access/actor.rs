//! The actor: a person acting under one post, or a part of the hub.

use std::net::IpAddr;
use std::sync::Arc;

use super::rights::Grant;
use crate::events::ActorRef;
use crate::ids::{OrgPath, PersonId, PostId, SessionId, UnitId};

/// From where the actor acts: for the audit.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Origin {
    /// The peer's address.
    pub address: Option<IpAddr>,
    /// The session, where one is open.
    pub session: Option<SessionId>,
    /// By what: `web`, `api`, `sms`, `phone`.
    pub via: &'static str,
}

/// Who asks, under which post, with which rights.
#[derive(Debug, Clone)]
pub struct Actor {
    /// The person; `None` for a part of the hub.
    pub person: Option<PersonId>,
    /// The post he acts under.
    pub post: Option<PostId>,
    /// The post's unit.
    pub unit: Option<UnitId>,
    /// The unit's place in the tree.
    pub unit_path: OrgPath,
    /// The unit's name.
    pub unit_name: String,
    /// The person's name as timelines show it.
    pub name: String,
    /// The account's user name; empty for parts of the hub.
    pub user: String,
    /// The post's rights.
    pub grants: Arc<[Grant]>,
    /// From where.
    pub origin: Origin,
    hub: bool,
}

/// What `orgs` knows of a person under a post, to make an [`Actor`].
#[derive(Debug, Clone)]
pub struct Seat {
    /// The person.
    pub person: PersonId,
    /// The post.
    pub post: PostId,
    /// Its unit.
    pub unit: UnitId,
    /// Its place.
    pub unit_path: OrgPath,
    /// Its name.
    pub unit_name: String,
    /// The person's name.
    pub name: String,
    /// The user name.
    pub user: String,
    /// The rights.
    pub grants: Arc<[Grant]>,
}

impl Actor {
    /// A person in his seat.
    pub fn person(seat: Seat, origin: Origin) -> Self {
        Self {
            person: Some(seat.person),
            post: Some(seat.post),
            unit: Some(seat.unit),
            unit_path: seat.unit_path,
            unit_name: seat.unit_name,
            name: seat.name,
            user: seat.user,
            grants: seat.grants,
            origin,
            hub: false,
        }
    }

    /// A part of the hub that acts by itself under its own rules: reminders, escalation, the phone of a caller.
    pub fn hub(name: &str) -> Self {
        Self {
            person: None,
            post: None,
            unit: None,
            unit_path: OrgPath::root(),
            unit_name: String::new(),
            name: name.to_owned(),
            user: String::new(),
            grants: Arc::from([]),
            origin: Origin::default(),
            hub: true,
        }
    }

    /// Whether this is a part of the hub, which may do what its code says.
    pub fn is_hub(&self) -> bool {
        self.hub
    }

    /// As events name the actor.
    pub fn as_ref(&self) -> ActorRef {
        if self.hub {
            return ActorRef::part("system", &self.name);
        }
        ActorRef {
            kind: "person".into(),
            person: self.person,
            post: self.post,
            name: if self.unit_name.is_empty() {
                self.name.clone()
            } else {
                format!("{}·{}", self.unit_name, self.name)
            },
        }
    }

    /// An actor with these rights in this unit, for tests of other domains.
    #[cfg(test)]
    pub(crate) fn for_test(unit_path: OrgPath, grants: Vec<Grant>) -> Self {
        Self {
            person: Some(PersonId(uuid::Uuid::from_u128(1))),
            post: Some(PostId(uuid::Uuid::from_u128(2))),
            unit: Some(UnitId(uuid::Uuid::from_u128(3))),
            unit_path,
            unit_name: "测试单位".into(),
            name: "测试员".into(),
            user: "test".into(),
            grants: grants.into(),
            origin: Origin::default(),
            hub: false,
        }
    }
}
