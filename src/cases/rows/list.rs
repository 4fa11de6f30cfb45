//! The SQL of lists of cases. Every condition begins with what the asker may read: rows and counts tell of nothing else.

use sqlx::{AnyPool, Row};

use super::docs;
use crate::access::{Action, Actor};
use crate::cases::filter::{After, CaseBox, CaseFilter, Search, Sort};
use crate::cases::model::Case;
use crate::store::{Bind, Condition, StoreError};

/// An open work item `i` of the case.
const OPEN_ITEM: &str = "EXISTS (SELECT 1 FROM case_work_items i WHERE i.case_id = c.id AND i.is_open = 1 AND";

/// A page of cases `c` for which a condition holds.
pub(in crate::cases) async fn page(
    pool: &AnyPool,
    mut condition: Condition,
    sort: Sort,
    after: Option<After>,
    limit: u32,
) -> Result<Vec<Case>, StoreError> {
    let order = match sort {
        Sort::Newest => "c.id DESC",
        Sort::Due => "c.due_at, c.id",
    };
    condition.and_when(sort == Sort::Due, "c.ended = 0 AND c.due_at IS NOT NULL");
    match after {
        None => {}
        Some(After::Newest(id)) => drop(condition.and("c.id < ?", [id.to_string()])),
        Some(After::Due(due, id)) => {
            let after = [Bind::Number(due), Bind::Number(due), Bind::Text(id.to_string())];
            condition.and("(c.due_at > ? OR (c.due_at = ? AND c.id > ?))", after);
        }
    }
    let tail = format!("ORDER BY {order} LIMIT {limit}");
    docs(&condition.query("SELECT c.doc FROM cases c", &tail).fetch_all(pool).await?)
}

/// How many there are.
pub(in crate::cases) async fn count(pool: &AnyPool, condition: Condition) -> Result<i64, StoreError> {
    let query = condition.query("SELECT CAST(COUNT(*) AS BIGINT) FROM cases c", "");
    Ok(query.fetch_one(pool).await?.try_get(0)?)
}

/// What a filter asks for, of what the actor may read.
pub(in crate::cases) fn condition(actor: &Actor, filter: &CaseFilter, search: Option<Search>) -> Condition {
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
    match search {
        None => {}
        Some(Search::PublicNo(no)) => drop(condition.and("c.public_no = ?", [no])),
        Some(Search::Phone(index)) => {
            let has_phone = "EXISTS (SELECT 1 FROM case_parties p WHERE p.case_id = c.id AND p.phone_index = ?)";
            condition.and(has_phone, [index]);
        }
        Some(Search::Words(words)) => {
            condition.and("c.title LIKE ? ESCAPE '!'", [format!("%{}%", escape(&words))]);
        }
    }
    condition
}

/// Adds a box's condition with the right by which it is seen.
fn in_box(condition: &mut Condition, actor: &Actor, box_: CaseBox) {
    let (action, piece) = of_box(box_);
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

/// The right by which the box is seen, and its condition. `{item} …)` asks for an open work item of
/// the case, `{held}` that the actor's units hold it, `{me}` is his person.
fn of_box(box_: CaseBox) -> (Action, &'static str) {
    match box_ {
        CaseBox::ToSign => (Action::CaseHandle, "{item} i.state = 'offered' AND {held})"),
        CaseBox::Handling => (Action::CaseHandle, "{item} i.state = 'signed' AND {held})"),
        CaseBox::DueSoon => (Action::CaseHandle, "c.card = 'yellow' AND {item} {held})"),
        CaseBox::Overdue => (Action::CaseHandle, "c.card = 'red' AND {item} {held})"),
        CaseBox::Returned => {
            (Action::CaseRead, "(c.node = 'return_requested' OR (c.node = 'to_dispatch' AND c.returns > 0))")
        }
        CaseBox::ToDispatch => {
            (Action::CaseDispatch, "c.node IN ('draft', 'collected', 'reported', 'awaiting_citizen', 'to_dispatch')")
        }
        CaseBox::ToCheck => (Action::CaseDispatch, "c.node IN ('fed_back', 'replying', 'revisiting')"),
        CaseBox::Supervision => {
            (Action::CaseSupervise, "c.ended = 0 AND (c.card = 'red' OR c.urges > 0 OR c.overlays <> '|')")
        }
        CaseBox::Mine => (Action::CaseRead, "c.owner = {me}"),
    }
}

/// `%`, `_` and the escape itself are meant as they stand.
fn escape(text: &str) -> String {
    text.replace('!', "!!").replace('%', "!%").replace('_', "!_")
}
