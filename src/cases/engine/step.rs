//! One verb carried out: find the way, check who, decide what changes, complete it with clocks and notices.

use serde::Serialize;
use serde_json::Value;

use super::clocking::{at_node, cancel_all, meet, rebudget, stepped};
use super::notices::notices;
use super::said::{SHORT_MAX, TEXT_MAX, TITLE_MAX, check_place, text, text_opt, unknown_class};
use super::verbs::{
    Act, AssignBody, FeedBackBody, GiveBody, LinkBody, ReplyBody, ReturnBody, RevisitBody, SupplementBody, schema,
};
use super::who::{self, By};
use super::{Meta, World};
use crate::access::Refusal;
use crate::cases::flow::{Owner, Verb, Way, Who};
use crate::cases::model::{Case, Stamp};
use crate::events::Personal;
use crate::events::cases::{
    Attachment, CaseEvent, Change, Channel, ClockKind, ContactRole, Given, ItemChange, ItemKind, ItemState, LinkKind,
    Linked, Move, Noted, Overlay, PersonalText, Place, Replied, Resulted, ReturnRequested, Revisited, SignedFor,
    Supplemented, UnitRef, Urged, WorkItem,
};
use crate::ids::{IdSource, Timestamp, UnitId, WorkItemId};

/// Co-handlers of one assignment: a matter for more is a joint meeting.
const CO_UNITS_MAX: usize = 20;
/// Files with one verb.
const ATTACHMENTS_MAX: usize = 20;
/// Supplements of one case: more is a new matter.
const SUPPLEMENTS_MAX: usize = 200;
/// Links of one case to other cases or subjects.
const LINKS_MAX: usize = 500;
/// How long after the end the citizen may have it reopened himself; later the desk decides.
const APPEAL_WINDOW_MS: i64 = 30 * 24 * 3_600_000;

/// A verb that may be used now.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Offer {
    /// Its name.
    pub verb: Verb,
    /// What officials call it.
    pub zh: &'static str,
    /// The JSON schema of its body.
    pub schema: &'static Value,
}

/// The verbs that `by` may use now.
pub fn offers(world: World<'_>, case: &Case, by: By<'_>) -> Vec<Offer> {
    let verbs = world.flow.verbs_at(&case.node).into_iter().filter(|v| way(world, case, *v, by).is_ok());
    verbs.map(|verb| Offer { verb, zh: verb.zh(), schema: schema(verb) }).collect()
}

/// Carries one verb out.
pub fn step(
    world: World<'_>,
    case: &Case,
    act: &Act,
    by: By<'_>,
    meta: Meta<'_>,
    ids: &mut dyn IdSource,
) -> Result<CaseEvent, Refusal> {
    let way = way(world, case, act.verb(), by)?;
    let mut plan = Plan { world, case, way, by, now: meta.now, ids, change: Change::default() };
    let mut event = plan.decide(act)?;
    let Plan { change, ids, .. } = plan;
    *event.change_mut() = change;
    set_key(&mut event, meta.key);
    complete(world, case, way, &mut event, &Stamp { at: meta.now, by: by.actor_ref() }, ids);
    Ok(event)
}

/// The way that this verb takes now, or why there is none.
fn way<'a>(world: World<'a>, case: &Case, verb: Verb, by: By<'_>) -> Result<&'a Way, Refusal> {
    let ways: Vec<&Way> = world.flow.ways.iter().filter(|w| w.verb == verb && w.from.contains(&case.node)).collect();
    if ways.is_empty() {
        return Err(wrong_node(world, case, verb, by));
    }
    let overlays: Vec<Overlay> = case.overlays.iter().copied().collect();
    let view = case.view(&overlays);
    let mut refusal = None;
    for way in &ways {
        if !way.guard.holds(view) {
            let detail = format!("「{}」尚不能进行，须{}", verb.zh(), way.guard.zh());
            refusal.get_or_insert(Refusal::conflict("case.guard", detail));
            continue;
        }
        match who::check(way, case, by) {
            Ok(()) => return Ok(way),
            // Who may is the better answer, if some way is open to others.
            Err(r) => refusal = Some(r),
        }
    }
    Err(refusal.expect("there was at least one way, and each that was not taken left its reason"))
}

fn wrong_node(world: World<'_>, case: &Case, verb: Verb, by: By<'_>) -> Refusal {
    let possible: Vec<&str> = offers(world, case, by).iter().map(|o| o.zh).collect();
    let nodes: Vec<&str> = world
        .flow
        .nodes
        .values()
        .filter(|n| world.flow.ways(&n.key, verb).next().is_some())
        .map(|n| n.zh.as_str())
        .collect();
    let now = if possible.is_empty() {
        "当前岗位在此环节没有可用操作".to_owned()
    } else {
        format!("现在可以：{}", possible.join("、"))
    };
    let detail =
        format!("工单处于「{}」环节，不能「{}」；该操作用于：{}。{now}", case.node_zh, verb.zh(), nodes.join("、"));
    Refusal::conflict("case.wrong_node", detail)
}

/// Adds to the event what the flow says: the move, overlays, clocks, notices.
fn complete(world: World<'_>, case: &Case, way: &Way, event: &mut CaseEvent, stamp: &Stamp, ids: &mut dyn IdSource) {
    let change = event.change_mut();
    let on: Vec<Overlay> = way.overlays_on.iter().copied().filter(|o| !case.overlays.contains(o)).collect();
    change.overlays_on.extend(on);
    change.overlays_off.extend(way.overlays_off.iter().copied().filter(|o| case.overlays.contains(o)));
    let target = way.to.as_ref().and_then(|t| world.flow.node(t));
    if let Some(node) = target {
        change.moved = Some(Move {
            from: case.node.clone(),
            to: node.key.clone(),
            step: node.step,
            zh: node.zh.clone(),
            end: node.is_end(),
        });
    }
    let mut after = case.clone();
    after.apply(event, stamp);
    if let Some(node) = target {
        let clocks =
            if cancels(way.verb) { cancel_all(&after) } else { at_node(world, &after, node, true, stamp.at, ids) };
        event.change_mut().clocks.extend(clocks);
        after = case.clone();
        after.apply(event, stamp);
    }
    let mut told = way.notices.iter().flat_map(|n| notices(n, &after)).collect::<Vec<_>>();
    let said = [("reason", event.said().map(str::to_owned)), ("answer", after.result().map(|r| r.answer.clone()))];
    for (name, text) in said.into_iter().filter_map(|(n, t)| Some((n, t?))) {
        told.iter_mut().for_each(|n| drop(n.params.insert(name.to_owned(), text.clone())));
    }
    event.change_mut().notices.extend(told);
}

/// Ends that judge no clock.
fn cancels(verb: Verb) -> bool {
    matches!(verb, Verb::Void | Verb::Refuse)
}

struct Plan<'a, 'i> {
    world: World<'a>,
    case: &'a Case,
    way: &'a Way,
    by: By<'a>,
    now: Timestamp,
    ids: &'i mut dyn IdSource,
    change: Change,
}

impl Plan<'_, '_> {
    fn decide(&mut self, act: &Act) -> Result<CaseEvent, Refusal> {
        let case = self.case;
        Ok(match act {
            Act::Supplement(b) => {
                CaseEvent::Supplemented(Box::new(stepped(case, self.supplement(b)?, Change::default())))
            }
            Act::Accept(b) => {
                self.accept()?;
                CaseEvent::Accepted(self.noted(&b.note)?)
            }
            Act::AskMore(b) => CaseEvent::AskedMore(self.reasoned(&b.reason)?),
            Act::Refuse(b) => {
                self.end_items(ItemState::Withdrawn);
                CaseEvent::Refused(self.reasoned(&b.reason)?)
            }
            Act::Answer(b) => {
                self.end_items(ItemState::Withdrawn);
                let answer_text = text(&b.answer_text, "/answer_text", TEXT_MAX)?;
                let facts =
                    Resulted { result_code: b.result_code, answer_text, without_co: None, attachments: Vec::new() };
                CaseEvent::Answered(stepped(case, facts, Change::default()))
            }
            Act::Assign(b) => CaseEvent::Assigned(stepped(case, self.assign(b)?, Change::default())),
            Act::Reassign(b) => {
                CaseEvent::Reassigned(stepped(case, self.give_instead(b, ItemState::Withdrawn)?, Change::default()))
            }
            Act::Transfer(b) => {
                CaseEvent::Transferred(stepped(case, self.give_instead(b, ItemState::Transferred)?, Change::default()))
            }
            Act::SendDown(b) => CaseEvent::SentDown(stepped(case, self.send_down(b)?, Change::default())),
            Act::SendUp(b) => CaseEvent::SentUp(stepped(case, self.send_up(&b.reason)?, Change::default())),
            Act::Sign(b) => CaseEvent::Signed(stepped(case, self.sign(&b.note)?, Change::default())),
            Act::ReturnRequest(b) => {
                CaseEvent::ReturnRequested(stepped(case, self.return_request(b)?, Change::default()))
            }
            Act::ReturnGrant(b) => {
                self.end_lead(ItemState::Returned)?;
                CaseEvent::ReturnGranted(self.noted(&b.note)?)
            }
            Act::ReturnRefuse(b) => CaseEvent::ReturnRefused(self.reasoned(&b.reason)?),
            Act::FeedBack(b) => self.feed_back(b)?,
            Act::CheckPass(b) => {
                self.end_lead(ItemState::Done)?;
                if self.way.to.as_deref() != Some("handling") {
                    self.end_co(ItemState::Expired);
                }
                CaseEvent::CheckPassed(self.noted(&b.note)?)
            }
            Act::CheckFail(b) => CaseEvent::CheckFailed(self.reasoned(&b.reason)?),
            Act::Reply(b) => CaseEvent::Replied(stepped(case, self.reply(b)?, Change::default())),
            Act::Revisit(b) => CaseEvent::Revisited(stepped(case, self.revisit(b)?, Change::default())),
            Act::Close(b) => {
                self.end_items(ItemState::Done);
                CaseEvent::Closed(self.noted(&b.note)?)
            }
            Act::Reopen(b) => {
                self.reopen()?;
                CaseEvent::Reopened(self.reasoned(&b.reason)?)
            }
            Act::Urge(b) => {
                let said = text_opt(&b.text, "/text", TEXT_MAX)?.unwrap_or_else(|| "请尽快办理".into());
                let facts = Urged { text: said, by_citizen: self.by.citizen, count: case.urges + 1 };
                CaseEvent::Urged(stepped(case, facts, Change::default()))
            }
            Act::Link(b) => CaseEvent::Linked(stepped(case, self.link(b)?, Change::default())),
            Act::Void(b) => {
                self.end_items(ItemState::Withdrawn);
                CaseEvent::Voided(self.reasoned(&b.reason)?)
            }
        })
    }

    fn supplement(&mut self, b: &SupplementBody) -> Result<Supplemented, Refusal> {
        let case = self.case;
        if case.supplements.len() >= SUPPLEMENTS_MAX {
            return Err(Refusal::conflict("case.too_many_supplements", "补充次数已达上限，请另立工单并关联"));
        }
        if self.by.citizen && (b.title.is_some() || b.class_code.is_some() || b.nature.is_some() || b.urgency.is_some())
        {
            return Err(Refusal::forbidden("case.citizen_words_only", "诉求人只能补充内容、地点和附件"));
        }
        if let Some(code) = b.class_code.as_ref().filter(|c| self.world.classes.class(c).is_none_or(|c| c.retired)) {
            return Err(unknown_class(code));
        }
        check_place(b.place.as_ref())?;
        check_attachments(&b.attachments)?;
        let requester = b.requester.clone().unwrap_or_default();
        // The owner of a number's key is made from its index, which only the vault knows: the command puts it there.
        let personal = |t: String| PersonalText::Plain(Personal::new(&case.owner, t));
        let facts = Supplemented {
            text: text_opt(&b.text, "/text", TEXT_MAX)?,
            new_title: text_opt(&b.title, "/title", TITLE_MAX)?,
            class_code: b.class_code.clone(),
            nature: b.nature,
            urgency: b.urgency,
            area: b.place.as_ref().and_then(Place::point).and_then(|p| self.world.units.area_of(p)),
            place: b.place.clone(),
            owner: None,
            requester_name: text_opt(&requester.name, "/requester/name", SHORT_MAX)?.map(personal),
            requester_phone: requester.phone.map(|p| personal(p.to_string())),
            attachments: b.attachments.clone(),
        };
        if facts == Supplemented::default() {
            return Err(Refusal::invalid("case.nothing_said", "补充内容为空").field("/text"));
        }
        let code = b.class_code.as_deref().unwrap_or(&case.class_code);
        let (nature, urgency) = (b.nature.unwrap_or(case.nature), b.urgency.unwrap_or(case.urgency));
        if code != case.class_code || nature != case.nature || urgency != case.urgency {
            self.change.clocks.extend(rebudget(self.world, case, code, nature, urgency));
        }
        Ok(facts)
    }

    /// A small matter that the collector settles himself begins with a lead item already signed.
    fn accept(&mut self) -> Result<(), Refusal> {
        let lead_holds = self.target_owner() == Some(Owner::Lead);
        if lead_holds {
            let unit = self.case.collector.clone();
            let mut item = self.item(ItemKind::Lead, unit.clone(), unit, None, None);
            item.state = ItemState::Signed;
            item.signed_at = Some(self.now);
            item.signed_by = Some(self.by.actor_ref());
            self.change.items.push(ItemChange::Opened { item });
        }
        Ok(())
    }

    fn assign(&mut self, b: &AssignBody) -> Result<Given, Refusal> {
        let unit = self.unit(b.unit_id, "/unit_id")?;
        if b.co_units.len() > CO_UNITS_MAX {
            return Err(Refusal::invalid(
                "case.too_many_units",
                format!("协办单位最多 {CO_UNITS_MAX} 个，更多请召开会商"),
            )
            .field("/co_units"));
        }
        let mut co_units: Vec<UnitRef> = Vec::new();
        for id in &b.co_units {
            let co = self.unit(*id, "/co_units")?;
            if co.id == unit.id {
                return Err(Refusal::invalid("case.lead_is_co", "主办单位不能同时是协办单位").field("/co_units"));
            }
            if !co_units.iter().any(|u| u.id == co.id) {
                co_units.push(co);
            }
        }
        let note = text_opt(&b.note, "/note", TEXT_MAX)?;
        self.end_items(ItemState::Withdrawn);
        let sender = self.case.desk.clone();
        self.open(ItemKind::Lead, unit.clone(), sender.clone(), None, note.clone());
        for co in &co_units {
            self.open(ItemKind::CoHandle, co.clone(), sender.clone(), None, note.clone());
        }
        Ok(Given { unit, co_units, note })
    }

    /// Another unit instead of the lead, by the same sender and under the same parent.
    fn give_instead(&mut self, b: &GiveBody, old: ItemState) -> Result<Given, Refusal> {
        let unit = self.unit(b.unit_id, "/unit_id")?;
        let lead = self.lead()?.clone();
        if lead.unit.id == unit.id {
            return Err(Refusal::invalid("case.same_unit", format!("「{}」已是主办单位", unit.name)).field("/unit_id"));
        }
        let note = Some(text(&b.reason, "/reason", TEXT_MAX)?);
        self.become_(lead.id, old);
        self.open(ItemKind::Lead, unit.clone(), lead.sender, lead.parent, note.clone());
        Ok(Given { unit, co_units: Vec::new(), note })
    }

    fn send_down(&mut self, b: &GiveBody) -> Result<Given, Refusal> {
        let unit = self.unit(b.unit_id, "/unit_id")?;
        let lead = self.lead()?.clone();
        if unit.id == lead.unit.id || !unit.path.is_within(&lead.unit.path) {
            let detail = format!("只能下派给「{}」的下级单位；交给其他单位请用转办", lead.unit.name);
            return Err(Refusal::invalid("case.not_below", detail).field("/unit_id"));
        }
        let note = Some(text(&b.reason, "/reason", TEXT_MAX)?);
        self.open(ItemKind::Lead, unit.clone(), lead.unit, Some(lead.id), note.clone());
        Ok(Given { unit, co_units: Vec::new(), note })
    }

    fn send_up(&mut self, reason: &str) -> Result<Given, Refusal> {
        let units = self.world.units;
        let above = |id: UnitId| units.superior_of(id).and_then(|u| units.desk_of(u.id));
        let desk = match self.case.lead() {
            Some(lead) if lead.parent.is_some() => {
                return Err(Refusal::conflict("case.sent_down", "该任务由上级主办单位下派，请反馈办理情况或申请退单"));
            }
            Some(lead) => above(lead.unit.id).ok_or_else(|| {
                Refusal::conflict("case.no_superior", format!("「{}」没有上级单位，不能上报", lead.unit.name))
            })?,
            None => above(self.case.collector.id).unwrap_or_else(|| self.case.desk.clone()),
        };
        let note = Some(text(reason, "/reason", TEXT_MAX)?);
        self.end_items(ItemState::Transferred);
        if desk.id != self.case.desk.id {
            self.change.desk = Some(desk.clone());
        }
        Ok(Given { unit: desk, co_units: Vec::new(), note })
    }

    fn sign(&mut self, note: &Option<String>) -> Result<SignedFor, Refusal> {
        let co = self.way.who == [Who::CoHandler];
        let item = if co { who::co_item(self.case, self.by) } else { self.case.lead() }.ok_or_else(no_lead)?.clone();
        if item.state == ItemState::Signed {
            return Err(Refusal::conflict("case.signed_already", format!("「{}」已经签收", item.unit.name)));
        }
        self.become_(item.id, ItemState::Signed);
        Ok(SignedFor {
            unit: item.unit,
            role: item.kind,
            via: self.by.via.to_owned(),
            note: text_opt(note, "/note", TEXT_MAX)?,
        })
    }

    fn return_request(&mut self, b: &ReturnBody) -> Result<ReturnRequested, Refusal> {
        let lead = self.lead()?.unit.clone();
        let right_unit = b.right_unit_id.map(|id| self.unit(id, "/right_unit_id")).transpose()?;
        if right_unit.as_ref().is_some_and(|u| u.id == lead.id) {
            return Err(Refusal::invalid("case.same_unit", "应承办单位不能是本单位").field("/right_unit_id"));
        }
        let count = self.case.returns + 1;
        if count > self.world.flow.returns_max {
            self.dispute();
        }
        let (reason, basis) = (text(&b.reason, "/reason", TEXT_MAX)?, text_opt(&b.basis, "/basis", TEXT_MAX)?);
        Ok(ReturnRequested { unit: lead, reason, right_unit, basis, count })
    }

    /// 首接负责: returned too often, the higher desk rules.
    fn dispute(&mut self) {
        let units = self.world.units;
        self.change.overlays_on.extend((!self.case.overlays.contains(&Overlay::Disputed)).then_some(Overlay::Disputed));
        let desk = units.superior_of(self.case.desk.id).and_then(|u| units.desk_of(u.id));
        self.change.desk = desk.filter(|d| d.id != self.case.desk.id);
    }

    fn feed_back(&mut self, b: &FeedBackBody) -> Result<CaseEvent, Refusal> {
        check_attachments(&b.attachments)?;
        let co = self.way.who == [Who::CoHandler];
        let facts = Resulted {
            result_code: b.result_code,
            answer_text: text(&b.answer_text, "/answer_text", TEXT_MAX)?,
            without_co: text_opt(&b.without_co, "/without_co", TEXT_MAX)?,
            attachments: b.attachments.clone(),
        };
        if co {
            let item = who::co_item(self.case, self.by).ok_or_else(no_lead)?.id;
            self.become_(item, ItemState::Done);
            return Ok(CaseEvent::CoFedBack(stepped(self.case, facts, Change::default())));
        }
        let open: Vec<&str> = self.case.co_items().map(|i| i.unit.name.as_str()).collect();
        if !open.is_empty() && facts.without_co.is_none() {
            let detail = format!("协办单位{}尚未完成；如先行反馈，请在 without_co 写明理由", open.join("、"));
            return Err(Refusal::conflict("case.co_open", detail).field("/without_co"));
        }
        Ok(CaseEvent::FedBack(stepped(self.case, facts, Change::default())))
    }

    fn reply(&mut self, b: &ReplyBody) -> Result<Replied, Refusal> {
        let said = text_opt(&b.answer_text, "/answer_text", TEXT_MAX)?;
        let answer_text = said.or_else(|| self.case.result().map(|r| r.answer.clone()));
        let answer_text =
            answer_text.ok_or_else(|| Refusal::invalid("case.no_answer", "没有可答复的内容").field("/answer_text"))?;
        Ok(Replied { channel: b.channel.unwrap_or(Channel::Call), answer_text, subject: b.subject.clone() })
    }

    fn revisit(&mut self, b: &RevisitBody) -> Result<Revisited, Refusal> {
        let tries = self.case.revisits.iter().filter(|r| r.round == self.case.round).count() + 1;
        Ok(Revisited {
            solved: b.solved,
            satisfied_process: b.satisfied_process,
            satisfied_result: b.satisfied_result,
            note: text_opt(&b.note, "/note", TEXT_MAX)?,
            tries: u32::try_from(tries).unwrap_or(u32::MAX),
        })
    }

    fn reopen(&mut self) -> Result<(), Refusal> {
        let late = self.case.closed_at.is_some_and(|at| self.now.since(at) > APPEAL_WINDOW_MS);
        if self.by.citizen && late {
            return Err(Refusal::conflict("case.window_over", "办结已超过 30 天，请致电 12345 由话务员重新登记")
                .who_may(Who::Desk.zh()));
        }
        self.end_items(ItemState::Expired);
        self.change.round = Some(self.case.round + 1);
        Ok(())
    }

    fn link(&mut self, b: &LinkBody) -> Result<Linked, Refusal> {
        let case = self.case;
        if case.links.len() + case.subjects.len() >= LINKS_MAX {
            return Err(Refusal::conflict("case.too_many_links", "关联数量已达上限"));
        }
        match (&b.case_id, &b.subject) {
            (Some(other), None) if *other == case.id => {
                Err(Refusal::invalid("case.link_itself", "工单不能关联自己").field("/case_id"))
            }
            (Some(other), None) if case.links.iter().any(|l| l.case_id == *other) => {
                Err(Refusal::conflict("case.linked_already", "两件工单已经关联").field("/case_id"))
            }
            (Some(other), None) => {
                let relation = b.relation.unwrap_or(LinkKind::SameMatter);
                Ok(Linked::Case { case_id: *other, relation, note: text_opt(&b.note, "/note", TEXT_MAX)? })
            }
            (None, Some(s)) if case.subjects.iter().any(|c| c.subject == *s) => {
                Err(Refusal::conflict("case.linked_already", "该通话、短信、会议或指令已经关联").field("/subject"))
            }
            (None, Some(subject)) if !matches!(subject.kind.as_str(), "call" | "message" | "meeting" | "order") => {
                Err(Refusal::invalid("case.bad_subject", "只能关联 call、message、meeting、order").field("/subject"))
            }
            (None, Some(subject)) => {
                let role = b.role.unwrap_or(ContactRole::Related);
                if role == ContactRole::FirstContact {
                    self.change.clocks.extend(meet(case, ClockKind::Contact, self.now));
                }
                Ok(Linked::Subject { subject: subject.clone(), role })
            }
            _ => Err(Refusal::invalid("case.link_one", "请给出 case_id 或 subject 之一").field("/case_id")),
        }
    }

    fn target_owner(&self) -> Option<Owner> {
        self.way.to.as_ref().and_then(|t| self.world.flow.node(t)).and_then(|n| n.owner)
    }

    fn lead(&self) -> Result<&WorkItem, Refusal> {
        self.case.lead().ok_or_else(no_lead)
    }

    fn unit(&self, id: UnitId, field: &str) -> Result<UnitRef, Refusal> {
        self.world
            .units
            .unit(id)
            .ok_or_else(|| Refusal::invalid("case.unknown_unit", "没有这个单位，或它已撤销").field(field))
    }

    fn item(
        &mut self,
        kind: ItemKind,
        unit: UnitRef,
        sender: UnitRef,
        parent: Option<WorkItemId>,
        note: Option<String>,
    ) -> WorkItem {
        WorkItem {
            id: WorkItemId::new(self.ids),
            kind,
            unit,
            state: ItemState::Offered,
            sender,
            parent,
            round: self.case.round,
            note,
            offered_at: self.now,
            signed_at: None,
            signed_by: None,
            ended_at: None,
            ended_by: None,
        }
    }

    fn open(
        &mut self,
        kind: ItemKind,
        unit: UnitRef,
        sender: UnitRef,
        parent: Option<WorkItemId>,
        note: Option<String>,
    ) {
        let item = self.item(kind, unit, sender, parent, note);
        self.change.items.push(ItemChange::Opened { item });
    }

    fn become_(&mut self, id: WorkItemId, state: ItemState) {
        self.change.items.push(ItemChange::Became { id, state });
    }

    fn end_lead(&mut self, state: ItemState) -> Result<(), Refusal> {
        let id = self.lead()?.id;
        self.become_(id, state);
        Ok(())
    }

    fn end_items(&mut self, state: ItemState) {
        let ended = self.case.open_items().map(|i| ItemChange::Became { id: i.id, state });
        self.change.items.extend(ended);
    }

    fn end_co(&mut self, state: ItemState) {
        let ended = self.case.co_items().map(|i| ItemChange::Became { id: i.id, state });
        self.change.items.extend(ended);
    }

    fn noted(&self, note: &Option<String>) -> Result<crate::events::cases::Stepped<Noted>, Refusal> {
        Ok(stepped(self.case, Noted { note: text_opt(note, "/note", TEXT_MAX)? }, Change::default()))
    }

    fn reasoned(&self, reason: &str) -> Result<crate::events::cases::Stepped<Noted>, Refusal> {
        Ok(stepped(self.case, Noted { note: Some(text(reason, "/reason", TEXT_MAX)?) }, Change::default()))
    }
}

fn set_key(event: &mut CaseEvent, key: Option<&str>) {
    if let Some(key) = key {
        event.set_key(key.to_owned());
    }
}

fn no_lead() -> Refusal {
    Refusal::conflict("case.no_lead", "工单当前没有主办单位，请先派单")
}

fn check_attachments(list: &[Attachment]) -> Result<(), Refusal> {
    if list.len() > ATTACHMENTS_MAX {
        return Err(
            Refusal::invalid("case.too_many_files", format!("一次最多 {ATTACHMENTS_MAX} 个附件")).field("/attachments")
        );
    }
    for file in list {
        text(&file.name, "/attachments", SHORT_MAX)?;
        let hex = file.sha256.len() == 64 && file.sha256.bytes().all(|b| b.is_ascii_hexdigit());
        if !hex {
            return Err(Refusal::invalid("case.bad_file", "附件的 sha256 须为 64 位十六进制").field("/attachments"));
        }
    }
    Ok(())
}
