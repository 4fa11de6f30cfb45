//! What a list of cases is asked for: working lists, filters, order, and where the last page ended.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::events::cases::{Card, Urgency};
use crate::ids::{CaseId, UnitId};

/// A working list, from the asker's point of view.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum CaseBox {
    /// 待签收: given to my units and not signed for.
    ToSign,
    /// 办理中: signed for by my units.
    Handling,
    /// 即将到期: mine, and yellow.
    DueSoon,
    /// 已超期: mine, and red.
    Overdue,
    /// 退回: returns to judge, and what was returned to my desk.
    Returned,
    /// 待受理、待派单: what my desk has to dispatch.
    ToDispatch,
    /// 待核查、待答复、待回访: what my desk has to check, answer or ask about.
    ToCheck,
    /// 督办: red, disputed, supervised or urged, of all units that I supervise.
    Supervision,
    /// 我登记的: what I captured.
    Mine,
}

impl CaseBox {
    /// All boxes, in the order of a case's way.
    pub const ALL: &[Self] = &[
        Self::ToDispatch,
        Self::ToSign,
        Self::Handling,
        Self::DueSoon,
        Self::Overdue,
        Self::Returned,
        Self::ToCheck,
        Self::Supervision,
        Self::Mine,
    ];
}

/// In which order.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Sort {
    /// Newest first.
    #[default]
    Newest,
    /// What is due first, first; only open cases with a running clock.
    Due,
}

/// What to list.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CaseFilter {
    /// A working list.
    #[serde(default, rename = "box")]
    pub box_: Option<CaseBox>,
    /// Node.
    #[serde(default)]
    pub node: Option<String>,
    /// Step, 1..=6.
    #[serde(default)]
    pub step: Option<u8>,
    /// Card.
    #[serde(default)]
    pub card: Option<Card>,
    /// Lead unit.
    #[serde(default)]
    #[schemars(with = "Option<String>")]
    pub unit: Option<UnitId>,
    /// Class, or the top of a part of the class tree.
    #[serde(default, alias = "class")]
    pub class_code: Option<String>,
    /// Urgency.
    #[serde(default)]
    pub urgency: Option<Urgency>,
    /// Whether at an end.
    #[serde(default)]
    pub ended: Option<bool>,
    /// Words of the title, a public number, or a telephone number.
    #[serde(default, alias = "text")]
    pub q: Option<String>,
    /// Order.
    #[serde(default)]
    pub sort: Sort,
    /// How many.
    #[serde(default)]
    pub limit: Option<u32>,
    /// Where the last page ended.
    #[serde(default)]
    pub cursor: Option<String>,
}

/// What the words of [`CaseFilter::q`] turned out to be.
pub(super) enum Search {
    /// A public number.
    PublicNo(String),
    /// A telephone number, as it is indexed.
    Phone(String),
    /// Words of the title.
    Words(String),
}

/// Where the last page ended.
pub(super) enum After {
    /// At this case, newest first.
    Newest(CaseId),
    /// At this due time (milliseconds) and case, what is due first, first.
    Due(i64, CaseId),
}
