//! What dispatch shows of responders and orders, and which orders a list is asked for.
//!
//! Values only: what makes them is in `commands` and `rows`.

use serde::Serialize;
use utoipa::ToSchema;

use super::order::OrderState;
use crate::events::dispatch::ResponderState;
use crate::ids::{CaseId, OrderId, OrgPath, Point, ResponderId, Timestamp};

/// A responder as lists show it.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct ResponderView {
    /// Its id.
    #[schema(value_type = String)]
    pub id: ResponderId,
    /// Its name.
    pub name: String,
    /// What it can do: `water`, `power`, `gas`, `road`, `rescue`, `patrol`…
    pub skill: String,
    /// Its unit.
    #[schema(value_type = String)]
    pub org: OrgPath,
    /// Whether it can be sent.
    #[schema(value_type = String)]
    pub state: ResponderState,
    /// Where it is.
    #[schema(value_type = Option<Object>)]
    pub place: Option<Point>,
    /// Since when it is known to be there.
    #[schema(value_type = Option<String>)]
    pub placed_at: Option<Timestamp>,
    /// How long each on its ladder may take to answer, in seconds.
    pub answer_seconds: i64,
    /// Metres from the place asked about.
    pub distance_m: Option<i64>,
}

/// An order as answers show it.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct OrderView {
    /// Its id.
    #[schema(value_type = String)]
    pub id: OrderId,
    /// The case it serves.
    #[schema(value_type = Option<String>)]
    pub case_id: Option<CaseId>,
    /// What is to be done.
    pub text: String,
    /// Who is to do it.
    #[schema(value_type = String)]
    pub responder_id: ResponderId,
    /// His name.
    pub responder: String,
    /// Where it stands.
    #[schema(value_type = String)]
    pub state: OrderState,
    /// The state in Chinese.
    pub state_zh: &'static str,
    /// Where.
    #[schema(value_type = Option<Object>)]
    pub place: Option<Point>,
    /// Who gave it.
    pub given_by: String,
    /// When.
    #[schema(value_type = String)]
    pub given_at: Timestamp,
    /// Who is alerted, with masked numbers.
    pub ladder: Vec<LadderView>,
    /// How many of them were alerted.
    pub alerted: usize,
    /// The whole ladder stayed silent: a dispatcher must act.
    pub exhausted: bool,
    /// When each state was reached.
    pub reached: Vec<ReachedView>,
    /// What came of it, or why not.
    pub result: Option<String>,
}

/// Which orders a list shows.
#[derive(Debug, Clone, Default)]
pub struct OrderFilter {
    /// Of this case.
    pub case: Option<CaseId>,
    /// Only those not at their end.
    pub open: bool,
    /// Older than this one.
    pub before: Option<OrderId>,
    /// At most this many.
    pub limit: i64,
}

/// One on the ladder.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct LadderView {
    /// His name.
    pub name: String,
    /// `duty` or `chief`.
    pub role: String,
    /// His masked number.
    pub phone: String,
}

/// A state and when it was reached.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct ReachedView {
    /// The state.
    #[schema(value_type = String)]
    pub state: OrderState,
    /// When.
    #[schema(value_type = String)]
    pub at: Timestamp,
}
