//! What is shown of meetings, and which of them a list is asked for.
//!
//! Values only: what makes them is in `commands` and `rows`.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::ids::{CaseId, MeetingId, OrgPath, Timestamp, UnitId};

/// An invited unit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Invited {
    /// Its id.
    #[schema(value_type = String)]
    pub id: UnitId,
    /// Its name.
    pub name: String,
    /// Its place in the tree.
    #[schema(value_type = String)]
    pub path: OrgPath,
}

/// A meeting as answers show it.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct MeetingView {
    /// Its id.
    #[schema(value_type = String)]
    pub id: MeetingId,
    /// Its room for LiveKit clients.
    pub room: String,
    /// What it is about.
    pub title: String,
    /// The case it is about.
    #[schema(value_type = Option<String>)]
    pub case_id: Option<CaseId>,
    /// `called`, `running` or `ended`.
    pub state: &'static str,
    /// Who called it.
    pub held_by: String,
    /// The invited units.
    pub invited: Vec<Invited>,
    /// When it was called.
    #[schema(value_type = String)]
    pub created_at: Timestamp,
    /// When the first came.
    #[schema(value_type = Option<String>)]
    pub started_at: Option<Timestamp>,
    /// When it was over.
    #[schema(value_type = Option<String>)]
    pub ended_at: Option<Timestamp>,
    /// Who was or is there; empty in lists.
    pub participants: Vec<StayView>,
}

/// Somebody's stay in a meeting.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct StayView {
    /// His identity in the room.
    pub identity: String,
    /// His name as the others see it.
    pub name: String,
    /// When he came.
    #[schema(value_type = String)]
    pub joined_at: Timestamp,
    /// When he left; `null` while he is there.
    #[schema(value_type = Option<String>)]
    pub left_at: Option<Timestamp>,
}

/// Which meetings a list shows.
#[derive(Debug, Clone, Default)]
pub struct MeetingFilter {
    /// About this case.
    pub case: Option<CaseId>,
    /// Only those that have not ended.
    pub open: bool,
    /// Older than this one.
    pub before: Option<MeetingId>,
    /// At most this many.
    pub limit: i64,
}
