//! Capturing a case 采集登记: checks what was said and decides where it begins.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::clocking::at_node;
use super::notices::notices;
use super::said::{SHORT_MAX, TEXT_MAX, TITLE_MAX, check_place, text, text_opt, unknown_class};
use super::verbs::RequesterBody;
use super::{By, Meta, World};
use crate::access::Refusal;
use crate::cases::model::{Case, Stamp};
use crate::events::cases::{
    Captured, CaseEvent, Change, Channel, Move, Nature, PersonalText, Place, Secrecy, Stepped, UnitRef, Urgency,
};
use crate::events::{Personal, Subject};
use crate::ids::{CallId, CaseId, IdSource, PersonId, Timestamp};

/// What is said at capture.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CaptureBody {
    /// 来源渠道.
    pub channel: Channel,
    /// 诉求性质；空则按事项分类.
    #[serde(default)]
    pub nature: Option<Nature>,
    /// 事项分类.
    pub class_code: String,
    /// 紧急程度.
    #[serde(default = "normal")]
    pub urgency: Urgency,
    /// 敏感级.
    #[serde(default)]
    pub sensitivity: Secrecy,
    /// 标题，不超过 80 字.
    pub title: String,
    /// 诉求内容，不超过 4000 字.
    #[serde(default)]
    pub narrative: String,
    /// 诉求目的.
    #[serde(default)]
    pub demand: Option<String>,
    /// 事发时间.
    #[serde(default)]
    #[schemars(with = "Option<String>")]
    pub occurred_at: Option<Timestamp>,
    /// 事发地点.
    #[serde(default)]
    pub place: Option<Place>,
    /// 诉求人.
    #[serde(default)]
    pub requester: Option<RequesterBody>,
    /// 来源通话.
    #[serde(default)]
    #[schemars(with = "Option<String>")]
    pub call_id: Option<CallId>,
    /// 被叫热线号码.
    #[serde(default)]
    pub hotline_no: Option<String>,
    /// 是否先存为草稿.
    #[serde(default)]
    pub draft: bool,
}

fn normal() -> Urgency {
    Urgency::Normal
}

/// Who captures, and what was prepared for it.
#[derive(Debug, Clone)]
pub struct Captor {
    /// The new case's id.
    pub id: CaseId,
    /// The unit that captures.
    pub unit: UnitRef,
    /// The desk that will dispatch it.
    pub desk: UnitRef,
    /// The person.
    pub person: Option<PersonId>,
    /// Key owner for the requester's texts, made from his number; none if he gave none.
    pub phone_owner: Option<String>,
    /// The public number.
    pub public_no: String,
    /// The query code.
    pub query_code: String,
    /// Subjects linked from the start.
    pub subjects: Vec<Subject>,
}

/// The event that begins a case.
pub fn capture(
    world: World<'_>,
    body: &CaptureBody,
    captor: Captor,
    by: By<'_>,
    meta: Meta<'_>,
    ids: &mut dyn IdSource,
) -> Result<CaseEvent, Refusal> {
    let id = captor.id;
    let class =
        world.classes.class(&body.class_code).filter(|c| !c.retired).ok_or_else(|| unknown_class(&body.class_code))?;
    check_place(body.place.as_ref())?;
    let requester = body.requester.clone().unwrap_or_default();
    let owner = captor.phone_owner.clone().unwrap_or_else(|| format!("case:{id}"));
    let personal = |t: String| PersonalText::Plain(Personal::new(&owner, t));
    let facts = Captured {
        id,
        query_code: PersonalText::Plain(Personal::secret(&owner, captor.query_code)),
        channel: body.channel,
        hotline_no: text_opt(&body.hotline_no, "/hotline_no", SHORT_MAX)?,
        nature: body.nature.unwrap_or(class.nature),
        class_code: body.class_code.clone(),
        urgency: body.urgency,
        sensitivity: body.sensitivity,
        narrative: text_opt(&Some(body.narrative.clone()), "/narrative", TEXT_MAX)?.unwrap_or_default(),
        demand: text_opt(&body.demand, "/demand", TEXT_MAX)?,
        occurred_at: body.occurred_at,
        area: body.place.as_ref().and_then(Place::point).and_then(|p| world.units.area_of(p)),
        place: body.place.clone(),
        requester_name: text_opt(&requester.name, "/requester/name", SHORT_MAX)?.map(personal),
        requester_phone: requester.phone.map(|p| personal(p.to_string())),
        collector: captor.unit,
        collected_by: captor.person,
        desk: captor.desk,
        subjects: body.call_id.map(Subject::from).into_iter().chain(captor.subjects).collect(),
        flow: world.flow.key.clone(),
        flow_version: world.flow.version.clone(),
        class_version: world.classes.version.clone(),
        owner,
    };
    let event = CaseEvent::Captured(Box::new(Stepped {
        public_no: captor.public_no,
        title: text(&body.title, "/title", TITLE_MAX)?,
        facts,
        change: Change::default(),
        key: meta.key.map(str::to_owned),
    }));
    begin(world, event, body.draft, by, meta, ids)
}

/// Completes the event with the node where the case begins and the clocks that start there.
fn begin(
    world: World<'_>,
    mut event: CaseEvent,
    draft: bool,
    by: By<'_>,
    meta: Meta<'_>,
    ids: &mut dyn IdSource,
) -> Result<CaseEvent, Refusal> {
    let stamp = Stamp { at: meta.now, by: by.actor_ref() };
    let nowhere = || Refusal::conflict("case.no_start", "流程没有为这类工单定义起点，请联系系统管理员检查流程");
    let mut case = Case::begin(&event, &stamp).ok_or_else(nowhere)?;
    case.draft = draft;
    let start = world.flow.starts.iter().find(|s| s.guard.holds(case.view(&[]))).ok_or_else(nowhere)?;
    let node = world.flow.node(&start.node).ok_or_else(nowhere)?;
    let clocks = at_node(world, &case, node, true, meta.now, ids);
    let change = event.change_mut();
    change.moved = Some(Move {
        from: String::new(),
        to: node.key.clone(),
        step: node.step,
        zh: node.zh.clone(),
        end: node.is_end(),
    });
    change.clocks = clocks;
    if let Some(after) = Case::begin(&event, &stamp) {
        event.change_mut().notices = start.notices.iter().flat_map(|n| notices(n, &after)).collect();
    }
    Ok(event)
}
