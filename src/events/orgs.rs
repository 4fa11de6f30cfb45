//! Events of `orgs`: the organisation tree, grids, duties, people and posts. Accounts are audited in `events::access`.

use serde::{Deserialize, Serialize};

use super::{DomainEvent, Personal};
use crate::ids::{GridId, OrgPath, PersonId, PostId, Timestamp, UnitId};

/// What changed in the organisation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", content = "body")]
pub enum OrgEvent {
    /// A unit was founded.
    #[serde(rename = "org.unit_created")]
    UnitCreated {
        /// The unit.
        unit: UnitId,
        /// Its place.
        path: OrgPath,
        /// What it is: `city`, `county`, `township`, `village`, `department`, `company`.
        unit_kind: String,
        /// Its name.
        name: String,
        /// From when it exists.
        from: Timestamp,
    },
    /// A unit's name, phone or place on the map changed.
    #[serde(rename = "org.unit_changed")]
    UnitChanged {
        /// The unit.
        unit: UnitId,
        /// Its place.
        path: OrgPath,
        /// Its name from then on.
        name: String,
        /// From when.
        from: Timestamp,
    },
    /// A unit went under another parent, with all below it: whoever stores paths moves them.
    #[serde(rename = "org.unit_moved")]
    UnitMoved {
        /// The unit.
        unit: UnitId,
        /// Where it was.
        old_path: OrgPath,
        /// Where it is.
        path: OrgPath,
        /// From when.
        from: Timestamp,
    },
    /// A unit was dissolved.
    #[serde(rename = "org.unit_closed")]
    UnitClosed {
        /// The unit.
        unit: UnitId,
        /// Where it was.
        path: OrgPath,
        /// From when it is no more.
        from: Timestamp,
    },
    /// A grid was drawn or drawn anew.
    #[serde(rename = "org.grid_drawn")]
    GridDrawn {
        /// The grid.
        grid: GridId,
        /// Its code.
        code: String,
        /// The unit that it belongs to.
        unit: UnitId,
        /// Who leads it.
        leader: Option<PersonId>,
        /// From when.
        from: Timestamp,
    },
    /// A grid was given up.
    #[serde(rename = "org.grid_closed")]
    GridClosed {
        /// The grid.
        grid: GridId,
        /// From when.
        from: Timestamp,
    },
    /// A line of the duty list 职责清单 was written.
    #[serde(rename = "org.duty_set")]
    DutySet {
        /// The line.
        duty: String,
        /// Class code, such as `water.supply`.
        class: String,
        /// The area it holds in.
        area: OrgPath,
        /// Who leads: `unit:<id>` or `local:<kind>`.
        lead: String,
        /// Units that help.
        co: Vec<UnitId>,
        /// From when.
        from: Timestamp,
    },
    /// A line of the duty list was struck out.
    #[serde(rename = "org.duty_ended")]
    DutyEnded {
        /// The line.
        duty: String,
        /// From when.
        from: Timestamp,
    },
    /// A person became known.
    #[serde(rename = "org.person_added")]
    PersonAdded {
        /// The person.
        person: PersonId,
        /// The name as timelines show it.
        name: String,
        /// The mobile number.
        phone: Option<Personal>,
    },
    /// A person's name or number changed.
    #[serde(rename = "org.person_changed")]
    PersonChanged {
        /// The person.
        person: PersonId,
        /// The name from now on.
        name: String,
        /// The number from now on.
        phone: Option<Personal>,
    },
    /// A post was founded.
    #[serde(rename = "org.post_created")]
    PostCreated {
        /// The post.
        post: PostId,
        /// Its unit.
        unit: UnitId,
        /// Its title.
        title: String,
        /// Its role's code.
        role: String,
    },
    /// A post was given up.
    #[serde(rename = "org.post_closed")]
    PostClosed {
        /// The post.
        post: PostId,
    },
    /// A person took a post, as its holder or as a stand-in 代班.
    #[serde(rename = "org.post_filled")]
    PostFilled {
        /// The post.
        post: PostId,
        /// The person.
        person: PersonId,
        /// Whether only for another.
        stand_in: bool,
        /// From when.
        from: Timestamp,
        /// Until when, if that is known.
        until: Option<Timestamp>,
    },
    /// A person left a post.
    #[serde(rename = "org.post_vacated")]
    PostVacated {
        /// The post.
        post: PostId,
        /// The person.
        person: PersonId,
    },
    /// A role's rights were written.
    #[serde(rename = "org.role_set")]
    RoleSet {
        /// Its code.
        role: String,
        /// Its name.
        name: String,
        /// Its rights, each as `action scope ceiling`.
        grants: Vec<String>,
    },
    /// Callers whose number begins so are taken to call from a unit's area.
    #[serde(rename = "org.phone_area_set")]
    PhoneAreaSet {
        /// The number's beginning, area code included.
        prefix: String,
        /// The unit; none to forget it.
        unit: Option<UnitId>,
    },
    /// A person's extension on the hub's telephone system changed.
    #[serde(rename = "org.extension_set")]
    ExtensionSet {
        /// The person.
        person: PersonId,
        /// The extension; none if it was taken away.
        extension: Option<String>,
    },
}

impl DomainEvent for OrgEvent {}
