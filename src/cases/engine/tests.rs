//! The engine by stories, and by random legal sequences against the rules that must hold for every flow.
#![allow(clippy::unwrap_used)]

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::access::{Action, Actor, Grant, Scope, Sensitivity};
use crate::cases::classes::Classes;
use crate::cases::clocks::Calendars;
use crate::cases::flow::{CITY, Flow, Verb, check_text};
use crate::cases::model::{Case, Stamp};
use crate::events::cases::{Area, Card, CaseEvent, ClockKind, ItemState, NoticeTo, Outcome, Overlay, UnitRef};
use crate::ids::{CaseId, OrgPath, PersonId, Point, SeededIds, Timestamp, UnitId};
use uuid::Uuid;

/// 1 city hotline, 2 water company, 3 its station, 4 county desk, 5 township, 6 city.
struct Town;

fn unit(n: u128) -> UnitRef {
    let city = OrgPath::root().child("zz");
    let (path, name) = match n {
        1 => (city.child("hotline"), "市热线中心"),
        2 => (city.child("water"), "自来水公司"),
        3 => (city.child("water").child("east"), "东区水站"),
        4 => (city.child("jinshui"), "金水区"),
        5 => (city.child("jinshui").child("wenhualu"), "文化路街道"),
        _ => (city, "郑州市"),
    };
    UnitRef { id: UnitId(Uuid::from_u128(n)), path, name: name.into() }
}

impl Units for Town {
    fn unit(&self, id: UnitId) -> Option<UnitRef> {
        (1..=6).map(unit).find(|u| u.id == id)
    }
    fn superior_of(&self, id: UnitId) -> Option<UnitRef> {
        let path = self.unit(id)?.path.parent()?;
        (1..=6).map(unit).find(|u| u.path == path)
    }
    fn desk_of(&self, id: UnitId) -> Option<UnitRef> {
        Some(match id.0.as_u128() {
            4 | 5 => unit(4),
            _ => unit(1),
        })
    }
    fn front_desk(&self) -> Option<UnitRef> {
        Some(unit(1))
    }
    fn area_of(&self, _: Point) -> Option<Area> {
        Some(Area { grid: Some("g1".into()), unit: unit(5), grids_version: "1".into() })
    }
}

struct Stage {
    flow: Flow,
    classes: Classes,
    calendars: Calendars,
    ids: SeededIds,
    now: Timestamp,
    case: Option<Case>,
    told: Vec<(CaseEvent, Stamp)>,
}

fn person(n: u128, unit_no: u128, actions: &[Action]) -> Actor {
    let grants =
        actions.iter().map(|a| Grant { action: *a, scope: Scope::Subtree, ceiling: Sensitivity::Whistle }).collect();
    let mut actor = Actor::for_test(unit(unit_no).path, grants);
    actor.person = Some(PersonId(Uuid::from_u128(n)));
    actor.unit = Some(unit(unit_no).id);
    actor.unit_name = unit(unit_no).name;
    actor
}

fn dispatcher() -> Actor {
    person(101, 1, &[Action::CaseCapture, Action::CaseDispatch, Action::CaseSupervise])
}

fn handler() -> Actor {
    person(102, 2, &[Action::CaseHandle])
}

impl Stage {
    fn new() -> Self {
        let (classes, calendars) = (Classes::shipped(), Calendars::shipped());
        let flow = check_text(CITY, &classes, &calendars).unwrap();
        let now: Timestamp = "2026-11-24T10:00:00+08:00".parse().unwrap();
        Self { flow, classes, calendars, ids: SeededIds::new(1, now), now, case: None, told: Vec::new() }
    }

    fn world(&self) -> World<'_> {
        World { flow: &self.flow, classes: &self.classes, calendars: &self.calendars, units: &Town }
    }

    fn case(&self) -> &Case {
        self.case.as_ref().unwrap()
    }

    fn open(&mut self, body: Value) -> &Case {
        let body: CaptureBody = serde_json::from_value(body).unwrap();
        let actor = dispatcher();
        let captor = Captor {
            id: CaseId::new(&mut self.ids),
            unit: unit(1),
            desk: unit(1),
            person: actor.person,
            phone_owner: Some("phone:x".into()),
            public_no: crate::cases::number::public_no(self.now.civil().date(), 1),
            query_code: "123456".into(),
            subjects: Vec::new(),
        };
        let by = By::actor(&actor);
        let mut ids = self.ids.clone();
        let event = capture(self.world(), &body, captor, by, Meta { now: self.now, key: None }, &mut ids).unwrap();
        self.ids = ids;
        let stamp = Stamp { at: self.now, by: by.actor_ref() };
        self.case = Case::begin(&event, &stamp);
        self.told.push((event, stamp));
        self.case()
    }

    fn burst(&mut self) -> &Case {
        self.open(json!({
            "channel": "call", "class_code": "water.supply.pipe_burst", "title": "水管爆裂", "narrative": "文化路水管爆了",
            "place": { "text": "文化路", "lon": 113.6, "lat": 34.7 }, "requester": { "name": "王明", "phone": "13800138000" }
        }))
    }

    fn act(&mut self, actor: &Actor, verb: Verb, body: Value) -> Result<&CaseEvent, crate::access::Refusal> {
        self.by(By::actor(actor), verb, body)
    }

    fn by(&mut self, by: By<'_>, verb: Verb, body: Value) -> Result<&CaseEvent, crate::access::Refusal> {
        let act = Act::parse(verb, body)?;
        let mut ids = self.ids.clone();
        let event = step(self.world(), self.case(), &act, by, Meta { now: self.now, key: None }, &mut ids)?;
        self.ids = ids;
        self.take(event, Stamp { at: self.now, by: by.actor_ref() });
        Ok(&self.told.last().unwrap().0)
    }

    fn take(&mut self, event: CaseEvent, stamp: Stamp) {
        self.case.as_mut().unwrap().apply(&event, &stamp);
        self.told.push((event, stamp));
    }

    fn pass(&mut self, minutes: i64) {
        self.now = self.now.plus_millis(minutes * 60_000);
        while let Some(event) = rungs(self.world(), self.case(), self.now) {
            let stamp = Stamp { at: self.now, by: crate::events::ActorRef::part("system", "时限") };
            self.take(event, stamp);
        }
    }

    fn clock(&self, kind: ClockKind) -> &crate::events::cases::Clock {
        self.case().clocks.iter().rev().find(|c| c.kind == kind).unwrap()
    }
}

fn told(event: &CaseEvent) -> Vec<(String, String)> {
    let to = |n: &NoticeTo| match n {
        NoticeTo::Unit { unit } => unit.name.clone(),
        NoticeTo::Requester => "诉求人".into(),
    };
    event.change().notices.iter().map(|n| (n.template.clone(), to(&n.to))).collect()
}

#[test]
fn a_case_goes_the_whole_way() {
    let (mut s, d, h) = (Stage::new(), dispatcher(), handler());
    s.burst();
    assert_eq!((s.case().node.as_str(), s.case().step), ("reported", 2));
    assert_eq!(s.case().area.as_ref().unwrap().unit.name, "文化路街道");
    s.pass(3);
    s.act(&d, Verb::Accept, Value::Null).unwrap();
    let given = s.act(&d, Verb::Assign, json!({ "unit_id": unit(2).id, "note": "请速办" })).unwrap().clone();
    assert_eq!(told(&given), [("case.assigned".to_owned(), "自来水公司".to_owned())]);
    assert_eq!(s.case().node, "assigned");
    assert_eq!(s.clock(ClockKind::Sign).due_at, Some(s.now.plus_millis(15 * 60_000)));
    s.pass(3);
    s.act(&h, Verb::Sign, Value::Null).unwrap();
    assert_eq!((s.case().node.as_str(), s.clock(ClockKind::Sign).outcome), ("handling", Some(Outcome::Met)));
    s.act(&Actor::hub("通话"), Verb::Link, json!({ "subject": "call:1", "role": "first_contact" })).unwrap();
    assert_eq!(s.clock(ClockKind::Contact).outcome, Some(Outcome::Met));
    s.pass(60);
    s.act(&h, Verb::FeedBack, json!({ "result_code": "resolved", "answer_text": "已修复" })).unwrap();
    assert_eq!(s.clock(ClockKind::Settle).due_at, None, "paused while it is checked");
    let own = s.act(&handler_who_dispatches(), Verb::CheckPass, Value::Null).unwrap_err();
    assert_eq!(own.code, "case.own_work");
    s.act(&d, Verb::CheckPass, Value::Null).unwrap();
    assert_eq!(s.clock(ClockKind::Settle).outcome, Some(Outcome::Met));
    s.act(&d, Verb::Reply, Value::Null).unwrap();
    let early = s.act(&d, Verb::Close, Value::Null).unwrap_err();
    assert_eq!(early.code, "case.guard", "{early}");
    s.act(&d, Verb::Revisit, json!({ "solved": true, "satisfied_process": 4, "satisfied_result": 5 })).unwrap();
    let closed = s.act(&d, Verb::Close, Value::Null).unwrap().clone();
    assert_eq!(told(&closed), [("case.closed".to_owned(), "诉求人".to_owned())]);
    assert!(s.case().end && s.case().open_clocks().next().is_none() && s.case().open_items().next().is_none());
}

/// The handler's person, who also holds the desk's rights.
fn handler_who_dispatches() -> Actor {
    person(102, 1, &[Action::CaseDispatch])
}

#[test]
fn a_refusal_says_why_and_who_may() {
    let (mut s, d, h) = (Stage::new(), dispatcher(), handler());
    s.burst();
    let r = s.act(&h, Verb::Accept, Value::Null).unwrap_err();
    assert_eq!((r.code, r.who_may.as_deref()), ("case.not_yours", Some("派单席（市热线中心）")));
    let r = s.act(&d, Verb::FeedBack, json!({ "result_code": "resolved", "answer_text": "x" })).unwrap_err();
    assert_eq!(r.code, "case.wrong_node");
    assert!(r.detail.contains("待受理") && r.detail.contains("办理中") && r.detail.contains("受理"), "{}", r.detail);
    s.act(&d, Verb::Accept, Value::Null).unwrap();
    let r = s.act(&d, Verb::Assign, json!({ "unit_id": UnitId(Uuid::from_u128(99)) })).unwrap_err();
    assert_eq!((r.code, r.field.as_deref()), ("case.unknown_unit", Some("/unit_id")));
}

#[test]
fn returns_are_counted_and_the_third_goes_to_a_higher_desk() {
    let (mut s, d, h) = (Stage::new(), dispatcher(), handler());
    s.burst();
    s.act(&d, Verb::Accept, Value::Null).unwrap();
    s.act(&d, Verb::Assign, json!({ "unit_id": unit(2).id })).unwrap();
    let settle = s.clock(ClockKind::Settle).clone();
    for n in 1..=2 {
        s.act(&h, Verb::ReturnRequest, json!({ "reason": "不属于我单位", "right_unit_id": unit(4).id })).unwrap();
        assert_eq!((s.case().node.as_str(), s.case().returns), ("return_requested", n));
        s.act(&d, Verb::ReturnRefuse, json!({ "reason": "首接负责" })).unwrap();
        assert_eq!(s.case().node, "assigned");
    }
    assert_eq!(s.clock(ClockKind::Settle).segments, settle.segments, "the citizen's clock ran on");
    s.act(&h, Verb::ReturnRequest, json!({ "reason": "还是不属于我单位" })).unwrap();
    assert!(s.case().overlays.contains(&Overlay::Disputed));
    s.act(&d, Verb::ReturnGrant, Value::Null).unwrap();
    assert_eq!((s.case().node.as_str(), s.case().items[0].state), ("to_dispatch", ItemState::Returned));
    assert!(!s.case().overlays.contains(&Overlay::Disputed));
}

#[test]
fn what_is_sent_down_comes_back_to_the_one_who_sent_it() {
    let (mut s, d, h) = (Stage::new(), dispatcher(), handler());
    let station = person(103, 3, &[Action::CaseHandle]);
    s.burst();
    s.act(&d, Verb::Accept, Value::Null).unwrap();
    s.act(&d, Verb::Assign, json!({ "unit_id": unit(2).id })).unwrap();
    s.act(&h, Verb::Sign, Value::Null).unwrap();
    let r = s.act(&h, Verb::SendDown, json!({ "unit_id": unit(4).id, "reason": "请办" })).unwrap_err();
    assert_eq!(r.code, "case.not_below");
    s.act(&h, Verb::SendDown, json!({ "unit_id": unit(3).id, "reason": "请办" })).unwrap();
    s.act(&station, Verb::Sign, Value::Null).unwrap();
    s.act(&station, Verb::FeedBack, json!({ "result_code": "resolved", "answer_text": "已抢修" })).unwrap();
    let r = s.act(&d, Verb::CheckPass, Value::Null).unwrap_err();
    assert_eq!(r.who_may.as_deref(), Some("交办单位（自来水公司）"), "{r:?}");
    let above_and_below = person(103, 2, &[Action::CaseHandle]);
    assert_eq!(s.act(&above_and_below, Verb::CheckPass, Value::Null).unwrap_err().code, "case.own_work");
    s.act(&h, Verb::CheckPass, Value::Null).unwrap();
    assert_eq!((s.case().node.as_str(), s.case().lead().unwrap().unit.name.as_str()), ("handling", "自来水公司"));
    s.act(&h, Verb::FeedBack, json!({ "result_code": "resolved", "answer_text": "已修复" })).unwrap();
    s.act(&d, Verb::CheckPass, Value::Null).unwrap();
    assert_eq!(s.case().node, "replying");
}

#[test]
fn a_reply_from_the_duty_phone_signs_for_the_unit_only() {
    let (mut s, d) = (Stage::new(), dispatcher());
    s.burst();
    s.act(&d, Verb::Accept, Value::Null).unwrap();
    s.act(&d, Verb::Assign, json!({ "unit_id": unit(2).id, "co_units": [unit(4).id] })).unwrap();
    let hub = Actor::hub("短信");
    let (water, county, town) = (unit(2), unit(4), unit(5));
    let by = |u| By { actor: &hub, unit: Some(u), citizen: false, via: "sms" };
    assert_eq!(s.by(by(&town), Verb::Sign, Value::Null).unwrap_err().code, "case.not_yours");
    s.by(by(&county), Verb::Sign, Value::Null).unwrap();
    assert_eq!(s.case().node, "assigned", "a co-handler signs for his own part");
    s.by(by(&water), Verb::Sign, Value::Null).unwrap();
    assert_eq!(s.case().node, "handling");
    assert_eq!(s.by(by(&county), Verb::Sign, Value::Null).unwrap_err().code, "case.signed_already");
}

#[test]
fn a_lead_who_finishes_before_the_others_says_why() {
    let (mut s, d, h) = (Stage::new(), dispatcher(), handler());
    s.burst();
    s.act(&d, Verb::Accept, Value::Null).unwrap();
    s.act(&d, Verb::Assign, json!({ "unit_id": unit(2).id, "co_units": [unit(4).id, unit(4).id] })).unwrap();
    assert_eq!(s.case().co_items().count(), 1);
    s.act(&h, Verb::Sign, Value::Null).unwrap();
    let mut body = json!({ "result_code": "resolved", "answer_text": "已修复" });
    assert_eq!(s.act(&h, Verb::FeedBack, body.clone()).unwrap_err().code, "case.co_open");
    body["without_co"] = "路面恢复另行安排".into();
    s.act(&h, Verb::FeedBack, body).unwrap();
    s.act(&d, Verb::CheckPass, Value::Null).unwrap();
    assert_eq!(s.case().items[1].state, ItemState::Expired);
}

#[test]
fn reopening_begins_a_round_with_halved_limits_and_keeps_the_first_result() {
    let (mut s, d, h) = (Stage::new(), dispatcher(), handler());
    s.open(json!({ "channel": "call", "class_code": "property.service", "title": "物业不管" }));
    let round = |s: &mut Stage| {
        s.act(&d, Verb::Assign, json!({ "unit_id": unit(2).id })).unwrap();
        s.act(&h, Verb::Sign, Value::Null).unwrap();
        s.act(&h, Verb::FeedBack, json!({ "result_code": "explained", "answer_text": "已解释" })).unwrap();
        s.act(&d, Verb::CheckPass, Value::Null).unwrap();
        s.act(&d, Verb::Reply, Value::Null).unwrap();
        s.act(&d, Verb::Revisit, json!({ "solved": "no" })).unwrap();
    };
    s.act(&d, Verb::Accept, Value::Null).unwrap();
    round(&mut s);
    assert_eq!(s.clock(ClockKind::Settle).budget.amount, 15);
    assert_eq!(s.act(&d, Verb::Close, Value::Null).unwrap_err().code, "case.guard", "unsolved in the first round");
    s.act(&d, Verb::Reopen, json!({ "reason": "群众不满意" })).unwrap();
    assert_eq!((s.case().round, s.case().node.as_str(), s.case().returns), (2, "to_dispatch", 0));
    round(&mut s);
    assert_eq!(s.clock(ClockKind::Settle).budget.amount, 8);
    assert_eq!(s.case().results.iter().map(|r| r.round).collect::<Vec<_>>(), [1, 2]);
    s.act(&d, Verb::Close, Value::Null).unwrap();
}

#[test]
fn the_citizen_may_reopen_within_the_window_only() {
    let (mut s, d) = (Stage::new(), dispatcher());
    s.open(json!({ "channel": "call", "class_code": "consult.policy", "title": "政策" }));
    s.act(&d, Verb::Answer, json!({ "answer_text": "答复" })).unwrap();
    let hub = Actor::hub("群众");
    let citizen = By { actor: &hub, unit: None, citizen: true, via: "web" };
    assert_eq!(s.by(citizen, Verb::Void, json!({ "reason": "x" })).unwrap_err().code, "case.wrong_node");
    s.now = s.now.plus_millis(31 * 24 * 3_600_000);
    assert_eq!(s.by(citizen, Verb::Reopen, json!({ "reason": "x" })).unwrap_err().code, "case.window_over");
    s.now = s.now.plus_millis(-2 * 24 * 3_600_000);
    s.by(citizen, Verb::Reopen, json!({ "reason": "未解决" })).unwrap();
}

#[test]
fn clocks_speak_at_their_rungs_once_and_show_the_card() {
    let (mut s, d) = (Stage::new(), dispatcher());
    s.burst();
    assert_eq!(s.case().card(), Card::Green);
    s.act(&d, Verb::Accept, Value::Null).unwrap();
    s.act(&d, Verb::Assign, json!({ "unit_id": unit(2).id })).unwrap();
    s.pass(8);
    assert_eq!(s.case().card(), Card::Green);
    s.pass(5);
    assert_eq!(s.case().card(), Card::Yellow);
    s.pass(10);
    assert_eq!((s.case().card(), s.clock(ClockKind::Sign).fired.clone()), (Card::Red, vec![50, 80, 100]));
    let late = &s.told.last().unwrap().0;
    assert_eq!(
        told(late),
        [("case.overdue".to_owned(), "自来水公司".to_owned()), ("case.overdue".to_owned(), "市热线中心".to_owned())]
    );
    let before = s.told.len();
    s.pass(0);
    assert_eq!(s.told.len(), before);
    s.act(&handler(), Verb::Sign, Value::Null).unwrap();
    assert_eq!((s.clock(ClockKind::Sign).outcome, s.case().card()), (Some(Outcome::Late), Card::Green));
}

#[test]
fn waiting_for_the_citizen_stops_the_clock_and_his_word_starts_it_again() {
    let (mut s, d, h) = (Stage::new(), dispatcher(), handler());
    s.burst();
    s.act(&d, Verb::Accept, Value::Null).unwrap();
    s.act(&d, Verb::Assign, json!({ "unit_id": unit(2).id })).unwrap();
    s.act(&h, Verb::ReturnRequest, json!({ "reason": "地址不清" })).unwrap();
    s.act(&d, Verb::ReturnGrant, Value::Null).unwrap();
    let running = s.clock(ClockKind::Settle).due_at.unwrap();
    s.act(&d, Verb::AskMore, json!({ "reason": "请补充地址" })).unwrap();
    assert_eq!(s.clock(ClockKind::Settle).due_at, None);
    s.pass(3 * 24 * 60);
    let hub = Actor::hub("群众");
    let citizen = By { actor: &hub, unit: None, citizen: true, via: "sms" };
    assert_eq!(s.by(citizen, Verb::Supplement, json!({ "title": "x" })).unwrap_err().code, "case.citizen_words_only");
    s.by(citizen, Verb::Supplement, json!({ "text": "文化路 1 号" })).unwrap();
    assert_eq!(s.case().node, "reported");
    assert!(s.clock(ClockKind::Settle).due_at.unwrap() > running);
    assert_eq!(s.case().clocks.iter().filter(|c| c.kind == ClockKind::Settle).count(), 1, "it never restarts");
}

#[test]
fn a_corrected_class_gets_its_own_limits_with_the_ledger_kept() {
    let (mut s, d) = (Stage::new(), dispatcher());
    s.burst();
    s.act(&d, Verb::Accept, Value::Null).unwrap();
    s.act(&d, Verb::Assign, json!({ "unit_id": unit(2).id })).unwrap();
    let began = s.clock(ClockKind::Settle).segments.clone();
    s.pass(60);
    s.act(&d, Verb::Supplement, json!({ "class_code": "water.supply.meter" })).unwrap();
    let settle = s.clock(ClockKind::Settle);
    assert_eq!((settle.budget.amount, &settle.segments, settle.epoch), (10, &began, 1));
    assert_eq!(s.clock(ClockKind::Sign).fired, Vec::<u16>::new(), "the sign clock has four hours now");
}

#[test]
fn a_small_matter_is_settled_on_the_short_way() {
    let (mut s, d) = (Stage::new(), dispatcher());
    let both = person(101, 1, &[Action::CaseCapture, Action::CaseHandle]);
    s.open(json!({ "channel": "grid", "class_code": "env.garbage", "title": "楼道杂物" }));
    assert_eq!(s.case().node, "collected");
    s.act(&both, Verb::Accept, Value::Null).unwrap();
    assert_eq!(s.case().node, "handling");
    s.act(&both, Verb::Close, json!({ "note": "已清理" })).unwrap();
    assert!(s.case().end);
    drop(d);
}

#[test]
fn a_new_calendar_moves_open_clocks_and_only_those() {
    let (mut s, d) = (Stage::new(), dispatcher());
    s.now = "2026-12-21T10:00:00+08:00".parse().unwrap();
    s.open(json!({ "channel": "call", "class_code": "property.service", "title": "物业" }));
    s.act(&d, Verb::Accept, Value::Null).unwrap();
    s.act(&d, Verb::Assign, json!({ "unit_id": unit(2).id })).unwrap();
    let settle = s.clock(ClockKind::Settle).clone();
    assert!(settle.provisional && settle.due_at == Some("2027-01-12T18:00:00+08:00".parse().unwrap()));
    let list = json!({ "year": 2027, "source": "试", "days": [{ "date": "2027-01-09", "kind": "work", "name": "元旦调休" },
        { "date": "2027-01-01", "kind": "off", "name": "元旦" }] });
    s.calendars = s.calendars.with_year(serde_json::from_value(list).unwrap()).unwrap();
    let sign = s.clock(ClockKind::Sign).id;
    assert_eq!(reproject(s.world(), s.case(), sign), None, "natural time does not follow the holidays");
    let moved = reproject(s.world(), s.case(), settle.id).unwrap();
    s.take(moved, Stamp { at: s.now, by: crate::events::ActorRef::part("system", "日历") });
    let after = s.clock(ClockKind::Settle).clone();
    assert_eq!((after.due_at, after.provisional), (Some("2027-01-11T18:00:00+08:00".parse().unwrap()), false));
    assert_eq!(reproject(s.world(), s.case(), settle.id), None, "once");
}

#[test]
fn hostile_texts_are_cleaned_or_refused() {
    let (mut s, d) = (Stage::new(), dispatcher());
    s.burst();
    s.act(&d, Verb::Supplement, json!({ "text": "a\u{202e}b\u{0}c\n d" })).unwrap();
    assert_eq!(s.case().supplements[0].text, "abc\n d");
    let long = "长".repeat(4_001);
    assert_eq!(s.act(&d, Verb::Supplement, json!({ "text": long })).unwrap_err().code, "case.too_long");
    assert_eq!(s.act(&d, Verb::Supplement, json!({ "text": "  " })).unwrap_err().code, "case.nothing_said");
    let bad = json!({ "place": { "text": "x", "lon": 200.0, "lat": 1.0 } });
    assert_eq!(s.act(&d, Verb::Supplement, bad).unwrap_err().field.as_deref(), Some("/place/lon"));
}

/// A body that suits the verb, with `n` choosing the unit.
fn body_for(verb: Verb, n: u128) -> Value {
    let id = unit(2 + n % 4).id;
    match verb {
        Verb::Assign => {
            json!({ "unit_id": id, "co_units": if n.is_multiple_of(3) { vec![unit(2 + (n + 1) % 4).id] } else { vec![] } })
        }
        Verb::Reassign | Verb::Transfer | Verb::SendDown => json!({ "unit_id": id, "reason": "理由" }),
        Verb::ReturnRequest => json!({ "reason": "非职责" }),
        Verb::FeedBack => json!({ "result_code": "resolved", "answer_text": "已办", "without_co": "先行反馈" }),
        Verb::Answer => json!({ "answer_text": "答复" }),
        Verb::Supplement => json!({ "text": "补充" }),
        Verb::Revisit => json!({ "solved": if n.is_multiple_of(2) { "yes" } else { "no" } }),
        Verb::Link => json!({ "subject": format!("call:{n}") }),
        Verb::AskMore
        | Verb::Refuse
        | Verb::ReturnRefuse
        | Verb::SendUp
        | Verb::CheckFail
        | Verb::Reopen
        | Verb::Void => json!({ "reason": "理由" }),
        _ => Value::Null,
    }
}

fn cast() -> Vec<Actor> {
    let all = [Action::CaseCapture, Action::CaseDispatch, Action::CaseHandle, Action::CaseSupervise];
    let seats = [(101, 1), (102, 2), (103, 3), (104, 4), (105, 5), (106, 6), (107, 1), (108, 2)];
    seats.map(|(p, u)| person(p, u, &all)).into()
}

/// The rules of `facts/cases.md` §2.4 that concern the verbs here.
fn rules_hold(s: &Stage, actors: &[Actor]) -> Result<(), TestCaseError> {
    let case = s.case();
    // 4: clocks keep a gapless ledger; 3: one settle clock per round.
    for clock in &case.clocks {
        prop_assert!(clock.segments.windows(2).all(|w| w[0].to == Some(w[1].from)), "a gap in the ledger");
    }
    for round in 1..=case.round {
        prop_assert!(case.clocks.iter().filter(|c| c.kind == ClockKind::Settle && c.round == round).count() <= 1);
    }
    if case.end {
        prop_assert!(
            case.open_items().next().is_none() && case.open_clocks().next().is_none(),
            "an end keeps nothing open"
        );
        return Ok(());
    }
    // 1: a holder, a clock, and a next verb for somebody who exists.
    let node = s.flow.node(&case.node).unwrap();
    let needs_lead = matches!(node.owner, Some(crate::cases::flow::Owner::Lead | crate::cases::flow::Owner::Sender));
    prop_assert!(!needs_lead || case.lead().is_some(), "{} without a lead", case.node);
    prop_assert!(case.open_clocks().next().is_some(), "{} without a clock", case.node);
    let onward = actors.iter().any(|a| {
        offers(s.world(), case, By::actor(a)).iter().any(|o| s.flow.ways(&case.node, o.verb).any(|w| w.to.is_some()))
    });
    prop_assert!(onward, "nobody can move the case on at {}", case.node);
    // 2: returns beyond the limit raise a dispute.
    prop_assert!(
        case.returns <= s.flow.returns_max
            || case.node != "return_requested"
            || case.overlays.contains(&Overlay::Disputed)
    );
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn random_legal_sequences_keep_the_rules_and_replay_to_the_same_state(
        channel in prop::sample::select(vec!["call", "grid", "web"]),
        draft in any::<bool>(),
        acts in prop::collection::vec((any::<prop::sample::Index>(), any::<prop::sample::Index>(), 0u128..64, 0i64..3_000), 1..60),
    ) {
        let (mut s, actors) = (Stage::new(), cast());
        s.open(json!({ "channel": channel, "class_code": "road.damage", "title": "道路破损", "draft": draft }));
        for (who, which, n, minutes) in acts {
            s.pass(minutes);
            let actor = who.get(&actors).clone();
            let offers = offers(s.world(), s.case(), By::actor(&actor));
            if offers.is_empty() {
                continue;
            }
            let verb = which.get(&offers).verb;
            // Reopening for ever and voiding at once would starve the long ways.
            if verb == Verb::Void && n > 4 {
                continue;
            }
            let (before, node) = (s.told.len(), s.case().node.clone());
            match s.act(&actor, verb, body_for(verb, n)) {
                Ok(_) => prop_assert_eq!(s.told.len(), before + 1),
                Err(r) => prop_assert!(!r.detail.is_empty() && r.code.starts_with("case."), "{:?} at {}", r, node),
            }
            rules_hold(&s, &actors)?;
        }
        let replayed = replay(&s.told);
        prop_assert_eq!(&replayed, s.case());
        let wire: Vec<(CaseEvent, Stamp)> = s.told.iter().map(|(e, st)| (through_json(e), st.clone())).collect();
        prop_assert_eq!(&replay(&wire), s.case(), "also after the log's JSON");
    }
}

fn replay(told: &[(CaseEvent, Stamp)]) -> Case {
    let mut case = Case::begin(&told[0].0, &told[0].1).unwrap();
    told[1..].iter().for_each(|(event, stamp)| case.apply(event, stamp));
    case
}

fn through_json(event: &CaseEvent) -> CaseEvent {
    serde_json::from_str(&serde_json::to_string(event).unwrap()).unwrap()
}
