//! Events of dispatch: orders and those who carry them out.

use serde::{Deserialize, Serialize};

use super::{DomainEvent, Personal};
use crate::ids::{CaseId, OrderId, Point, ResponderId, Timestamp};

/// What happens to orders and responders.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", content = "body")]
pub enum DispatchEvent {
    /// An order was given 下达.
    #[serde(rename = "order.given")]
    Given {
        /// The order.
        order: OrderId,
        /// The case it serves.
        case: Option<CaseId>,
        /// What is to be done.
        text: String,
        /// Who is to do it.
        responder: ResponderId,
        /// His name.
        responder_name: String,
        /// Where.
        place: Option<Point>,
        /// Metres between the responder and the place, where both are known.
        distance_m: Option<i64>,
        /// How many people can be alerted, the chief included.
        ladder: i64,
    },
    /// Somebody of the responder was alerted 通知; `messages` sends him the SMS.
    #[serde(rename = "order.alerted")]
    Alerted {
        /// The order.
        order: OrderId,
        /// The case it serves.
        case: Option<CaseId>,
        /// His place on the ladder, from 1.
        step: i64,
        /// Duty rota or chief.
        role: LadderRole,
        /// His name.
        name: String,
        /// His number.
        phone: Personal,
        /// What is to be done.
        text: String,
        /// Until when he is to answer.
        answer_by: Timestamp,
    },
    /// Nobody answered in time; the next was alerted, or there is none left.
    #[serde(rename = "order.unanswered")]
    Unanswered {
        /// The order.
        order: OrderId,
        /// Who did not answer.
        name: String,
        /// Whether the ladder is at its end: a dispatcher must act.
        exhausted: bool,
    },
    /// Accepted 接受.
    #[serde(rename = "order.accepted")]
    Accepted {
        /// The order.
        order: OrderId,
        /// Who accepted.
        by: String,
    },
    /// On the way 出发.
    #[serde(rename = "order.en_route")]
    EnRoute {
        /// The order.
        order: OrderId,
        /// Who says so.
        by: String,
    },
    /// Arrived 到达.
    #[serde(rename = "order.on_site")]
    OnSite {
        /// The order.
        order: OrderId,
        /// Who says so.
        by: String,
    },
    /// Finished 完成.
    #[serde(rename = "order.done")]
    Done {
        /// The order.
        order: OrderId,
        /// Who says so.
        by: String,
        /// What came of it.
        result: String,
    },
    /// Declined 拒绝, with the reason.
    #[serde(rename = "order.declined")]
    Declined {
        /// The order.
        order: OrderId,
        /// Who declined.
        by: String,
        /// Why.
        reason: String,
    },
    /// Called off 撤销 by the giver.
    #[serde(rename = "order.cancelled")]
    Cancelled {
        /// The order.
        order: OrderId,
        /// Why.
        reason: String,
    },
    /// A responder's state or place changed.
    #[serde(rename = "responder.changed")]
    ResponderChanged {
        /// Which.
        responder: ResponderId,
        /// Its name.
        name: String,
        /// Its state.
        state: ResponderState,
        /// Its place.
        place: Option<Point>,
    },
}

impl DomainEvent for DispatchEvent {}

/// In which part of the ladder an alerted person stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum LadderRole {
    /// On the duty rota 值班.
    Duty,
    /// The chief 负责人.
    Chief,
}

/// Whether a responder can be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ResponderState {
    /// 待命.
    Free,
    /// 已派.
    Assigned,
    /// 在途.
    EnRoute,
    /// 现场.
    OnSite,
    /// 停用.
    OffDuty,
}
