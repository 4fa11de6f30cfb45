//! Lists of cases: filters, boxes, keyset pages, counts. Every query carries the rights' predicate, so that neither rows nor
//! counts tell of anything hidden.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::commands::Cases;
use super::model::Case;
use super::number::parse_public_no;
use super::rows;
use crate::access::{Action, Actor, CommandError, Refusal};
use crate::events::cases::{Card, Urgency};
use crate::ids::{PhoneNumber, Timestamp, UnitId};
use crate::store::{Bind, Condition, Store};

/// Cases on one page at most.
pub(super) const PAGE_MAX: u32 = 200;
/// Cases on one page by default.
const PAGE: u32 = 50;
/// An open work item `i` of the case.
const OPEN_ITEM: &str = "EXISTS (SELECT 1 FROM case_work_items i WHERE i.case_id = c.id AND i.is_open = 1 AND";
/// Longest text searched for, characters.
const SEARCH_MAX: usize = 50;

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

    /// The right by which the box is seen, and its condition. `{item} …)` asks for an open work item of
    /// the case, `{held}` that the actor's units hold it, `{me}` is his person.
    fn condition(self) -> (Action, &'static str) {
        match self {
            Self::ToSign => (Action::CaseHandle, "{item} i.state = 'offered' AND {held})"),
            Self::Handling => (Action::CaseHandle, "{item} i.state = 'signed' AND {held})"),
            Self::DueSoon => (Action::CaseHandle, "c.card = 'yellow' AND {item} {held})"),
            Self::Overdue => (Action::CaseHandle, "c.card = 'red' AND {item} {held})"),
            Self::Returned => {
                (Action::CaseRead, "(c.node = 'return_requested' OR (c.node = 'to_dispatch' AND c.returns > 0))")
            }
            Self::ToDispatch => (
                Action::CaseDispatch,
                "c.node IN ('draft', 'collected', 'reported', 'awaiting_citizen', 'to_dispatch')",
            ),
            Self::ToCheck => (Action::CaseDispatch, "c.node IN ('fed_back', 'replying', 'revisiting')"),
            Self::Supervision => {
                (Action::CaseSupervise, "c.ended = 0 AND (c.card = 'red' OR c.urges > 0 OR c.overlays <> '|')")
            }
            Self::Mine => (Action::CaseRead, "c.owner = {me}"),
        }
    }
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

/// A case in a list.
#[derive(Debug, Clone, PartialEq, Serialize, utoipa::ToSchema)]
pub struct CaseLine {
    /// Its id.
    pub id: String,
    /// Its public number.
    pub public_no: String,
    /// Title.
    pub title: String,
    /// Node and its word.
    pub node: String,
    /// The node's word.
    pub node_zh: String,
    /// Step.
    pub step: u8,
    /// Whether at an end.
    pub ended: bool,
    /// Round.
    pub round: u32,
    /// Channel.
    pub channel: &'static str,
    /// Nature.
    pub nature: &'static str,
    /// Class.
    pub class_code: String,
    /// The class's word.
    pub class_zh: Option<String>,
    /// Urgency.
    pub urgency: &'static str,
    /// Card.
    pub card: &'static str,
    /// Overlays.
    pub overlays: Vec<&'static str>,
    /// Where.
    pub place: Option<String>,
    /// Lead unit's id.
    pub lead_unit_id: Option<String>,
    /// Lead unit's name.
    pub lead_unit: Option<String>,
    /// The earliest end of a clock.
    #[schema(value_type = Option<String>)]
    pub due_at: Option<Timestamp>,
    /// Which clock that is.
    pub due_kind: Option<&'static str>,
    /// When captured.
    #[schema(value_type = String)]
    pub reported_at: Timestamp,
    /// When anything last happened.
    #[schema(value_type = String)]
    pub updated_at: Timestamp,
    /// When it ended.
    #[schema(value_type = Option<String>)]
    pub closed_at: Option<Timestamp>,
    /// What `If-Match` compares.
    pub version: i64,
}

/// A page.
#[derive(Debug, Clone, PartialEq, Serialize, utoipa::ToSchema)]
pub struct CasePage {
    /// The cases.
    pub items: Vec<CaseLine>,
    /// Where the next page begins; none at the end.
    pub next: Option<String>,
}

/// How many cases each box holds for the asker.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct Counts {
    /// Box and number.
    pub boxes: std::collections::BTreeMap<String, i64>,
}

impl Cases {
    /// A page of the cases that the actor may see.
    pub async fn list(&self, store: &Store, actor: &Actor, filter: &CaseFilter) -> Result<CasePage, CommandError> {
        let limit = filter.limit.unwrap_or(PAGE).clamp(1, PAGE_MAX);
        let mut condition = self.condition(actor, filter)?;
        cursor(&mut condition, filter)?;
        let order = match filter.sort {
            Sort::Newest => "c.id DESC",
            Sort::Due => "c.due_at, c.id",
        };
        let mut cases = rows::find(store.reader(), condition, order, limit + 1).await?;
        let more = cases.len() > limit as usize;
        cases.truncate(limit as usize);
        let next = cases.last().filter(|_| more).map(|c| match filter.sort {
            Sort::Newest => c.id.to_string(),
            Sort::Due => format!("{}|{}", c.due_at().map_or(0, |t| t.0), c.id),
        });
        Ok(CasePage { items: cases.iter().map(|c| self.line(c)).collect(), next })
    }

    /// How many cases each box holds.
    pub async fn counts(&self, store: &Store, actor: &Actor) -> Result<Counts, CommandError> {
        let mut boxes = std::collections::BTreeMap::new();
        for box_ in CaseBox::ALL {
            let name = serde_json::to_value(box_).ok().and_then(|v| v.as_str().map(str::to_owned)).unwrap_or_default();
            boxes.insert(
                name,
                self.count(store, actor, &CaseFilter { box_: Some(*box_), ..CaseFilter::default() }).await?,
            );
        }
        Ok(Counts { boxes })
    }

    /// How many cases a filter finds for the actor.
    pub async fn count(&self, store: &Store, actor: &Actor, filter: &CaseFilter) -> Result<i64, CommandError> {
        let condition = self.condition(actor, filter)?;
        Ok(rows::count(store.reader(), condition).await?)
    }

    fn condition(&self, actor: &Actor, filter: &CaseFilter) -> Result<Condition, Refusal> {
        // Whatever the box asks for: what the actor may not read, he does not count either.
        let mut condition = Condition::from(actor.predicate(Action::CaseRead, "c.orgs", "c.owner", "c.secrecy", 1));
        if let Some(box_) = filter.box_ {
            in_box(&mut condition, actor, box_);
        }
        condition
            .and_if("c.node = ?", filter.node.clone())
            .and_if("c.step = ?", filter.step.map(i64::from))
            .and_if("c.card = ?", filter.card.map(|card| card.as_str().to_owned()))
            .and_if("c.lead_unit = ?", filter.unit.map(|unit| unit.to_string()))
            .and_if("c.urgency = ?", filter.urgency.map(|urgency| urgency.as_str().to_owned()))
            .and_if("c.ended = ?", filter.ended.map(i64::from));
        if let Some(class) = &filter.class_code {
            let below = format!("{}.%", escape(class));
            condition.and("(c.class_code = ? OR c.class_code LIKE ? ESCAPE '!')", [class.clone(), below]);
        }
        if let Some(q) = filter.q.as_deref().map(str::trim).filter(|q| !q.is_empty()) {
            self.search(&mut condition, q)?;
        }
        Ok(condition)
    }

    fn search(&self, condition: &mut Condition, q: &str) -> Result<(), Refusal> {
        if q.chars().count() > SEARCH_MAX {
            return Err(Refusal::invalid("case.long_search", format!("检索词最多 {SEARCH_MAX} 字")).field("q"));
        }
        if let Some(no) = parse_public_no(q) {
            condition.and("c.public_no = ?", [no]);
        } else if let Some(phone) = PhoneNumber::parse(q).ok().filter(|p| p.as_str().len() >= 7) {
            let index = self.0.parts.vault.index(phone.as_str());
            condition
                .and("EXISTS (SELECT 1 FROM case_parties p WHERE p.case_id = c.id AND p.phone_index = ?)", [index]);
        } else {
            condition.and("c.title LIKE ? ESCAPE '!'", [format!("%{}%", escape(q))]);
        }
        Ok(())
    }

    pub(super) fn line(&self, case: &Case) -> CaseLine {
        let due = case.open_clocks().filter(|c| c.due_at.is_some()).min_by_key(|c| c.due_at);
        let lead = case.lead();
        CaseLine {
            id: case.id.to_string(),
            public_no: case.public_no.clone(),
            title: case.title.clone(),
            node: case.node.clone(),
            node_zh: case.node_zh.clone(),
            step: case.step,
            ended: case.end,
            round: case.round,
            channel: case.channel.as_str(),
            nature: case.nature.as_str(),
            class_code: case.class_code.clone(),
            class_zh: self.0.classes.class(&case.class_code).map(|c| c.zh.clone()),
            urgency: case.urgency.as_str(),
            card: case.card().as_str(),
            overlays: case.overlays.iter().map(|o| o.as_str()).collect(),
            place: case.place.as_ref().map(|p| p.text.clone()),
            lead_unit_id: lead.map(|l| l.unit.id.to_string()),
            lead_unit: lead.map(|l| l.unit.name.clone()),
            due_at: due.and_then(|c| c.due_at),
            due_kind: due.map(|c| c.kind.as_str()),
            reported_at: case.reported_at,
            updated_at: case.updated_at,
            closed_at: case.closed_at,
            version: case.version,
        }
    }
}

/// Adds a box's condition with the right by which it is seen.
fn in_box(condition: &mut Condition, actor: &Actor, box_: CaseBox) {
    let (action, piece) = box_.condition();
    if piece.contains("{held}") {
        let held = actor.predicate(action, "i.orgs", "i.signed_by", "c.secrecy", condition.next_place());
        condition.and_numbered(&piece.replace("{item}", OPEN_ITEM).replace("{held}", &held.sql), held.binds);
        return;
    }
    if piece.contains("{me}") {
        let me = actor.person.map(|p| p.to_string()).unwrap_or_default();
        condition.and(&piece.replace("{me}", "?"), [me]);
        return;
    }
    condition.and_when(true, piece);
    let may = actor.predicate(action, "c.orgs", "c.owner", "c.secrecy", condition.next_place());
    condition.and_numbered(&may.sql, may.binds);
}

fn cursor(condition: &mut Condition, filter: &CaseFilter) -> Result<(), Refusal> {
    condition.and_when(filter.sort == Sort::Due, "c.ended = 0 AND c.due_at IS NOT NULL");
    let Some(cursor) = &filter.cursor else { return Ok(()) };
    let bad = || Refusal::invalid("case.bad_cursor", "翻页标记无效，请从第一页重新查询").field("cursor");
    let is_id = |id: &str| id.parse::<crate::ids::CaseId>().is_ok();
    match filter.sort {
        Sort::Newest if is_id(cursor) => condition.and("c.id < ?", [cursor.clone()]),
        Sort::Newest => return Err(bad()),
        Sort::Due => {
            let (due, id) = cursor.split_once('|').filter(|(_, id)| is_id(id)).ok_or_else(bad)?;
            let due: i64 = due.parse().map_err(|_| bad())?;
            let after = [Bind::Number(due), Bind::Number(due), Bind::Text(id.to_owned())];
            condition.and("(c.due_at > ? OR (c.due_at = ? AND c.id > ?))", after)
        }
    };
    Ok(())
}

/// `%`, `_` and the escape itself are meant as they stand.
fn escape(text: &str) -> String {
    text.replace('!', "!!").replace('%', "!%").replace('_', "!_")
}
