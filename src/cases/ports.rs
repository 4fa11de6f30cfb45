//! What cases need from others, named as small ports; `hub.rs` plugs the other domains in.
//!
//! Must not know: who answers.

use crate::events::cases::{Area, UnitRef};
use crate::ids::{Point, UnitId};

/// The organisation tree, as cases see it. Answers come from memory: they are asked in the middle of a transaction.
pub trait Units: Send + Sync + 'static {
    /// A unit of today's tree.
    fn unit(&self, id: UnitId) -> Option<UnitRef>;

    /// The unit above it.
    fn superior_of(&self, id: UnitId) -> Option<UnitRef>;

    /// The desk that dispatches for the tier that `id` belongs to: the city's hotline centre for a city department, the
    /// county's sub-centre for its townships. A unit without one dispatches itself.
    fn desk_of(&self, id: UnitId) -> Option<UnitRef> {
        self.unit(id)
    }

    /// The desk that takes in what comes without an official: SMS, web.
    fn front_desk(&self) -> Option<UnitRef>;

    /// The area that a point lies in.
    fn area_of(&self, point: Point) -> Option<Area>;
}

/// The duty list 责任清单: class × area → the unit that answers for it.
pub trait DutyList: Send + Sync + 'static {
    /// Whom to give a case of this class at this place, with the reason in words.
    fn lead_for(&self, class_code: &str, area: Option<&Area>) -> Option<Proposal>;
}

/// A proposed lead.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Proposal {
    /// The unit.
    pub unit: UnitRef,
    /// Why.
    pub reason: String,
}
