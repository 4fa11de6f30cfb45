//! Cases on both databases: commands, projection, replay from the log, lists without leaks, the citizen's view.
#![allow(clippy::unwrap_used)]

use std::sync::Arc;

use serde_json::{Value, json};
use uuid::Uuid;

use super::commands::CLOCK_TIMER;
use super::engine::{Act, CaptureBody};
use super::flow::Verb;
use super::model::{Case, Stamp};
use super::ports::{DutyList, Proposal, Units};
use super::*;
use crate::access::{Action, Actor, CommandError, Grant, Scope, Sensitivity};
use crate::events::cases::{Area, ContactRole, ItemState, UnitRef};
use crate::events::{ActorRef, NewEvent, Record, Subject};
use crate::ids::{CaseId, OrgPath, PersonId, PhoneNumber, Point, Timestamp, UnitId};
use crate::log::{self, Timer, TimerHandler, Vault, of_subjects, verify};
use crate::store::Store;
use crate::store::testing::{TestStore, stores};

const TABLES: &[&[crate::store::Migration]] = &[log::MIGRATIONS, MIGRATIONS];

/// 1 city hotline, 2 water company, 3 金水区, 4 二七区.
struct Town;

fn unit(n: u128) -> UnitRef {
    let city = OrgPath::root().child("zz");
    let (code, name) = match n {
        1 => ("hotline", "市热线中心"),
        2 => ("water", "自来水公司"),
        3 => ("jinshui", "金水区"),
        _ => ("erqi", "二七区"),
    };
    UnitRef { id: UnitId(Uuid::from_u128(n)), path: city.child(code), name: name.into() }
}

impl Units for Town {
    fn unit(&self, id: UnitId) -> Option<UnitRef> {
        (1..=4).map(unit).find(|u| u.id == id)
    }
    fn superior_of(&self, _: UnitId) -> Option<UnitRef> {
        None
    }
    fn front_desk(&self) -> Option<UnitRef> {
        Some(unit(1))
    }
    fn area_of(&self, _: Point) -> Option<Area> {
        None
    }
}

impl DutyList for Town {
    fn lead_for(&self, class: &str, _: Option<&Area>) -> Option<Proposal> {
        class
            .starts_with("water")
            .then(|| Proposal { unit: unit(2), reason: "供水事项由自来水公司承办".into() })
    }
}

fn vault() -> Vault {
    Vault::new([7; 32])
}

async fn open(store: &Store) -> Cases {
    open_block(store, NumberBlock::default()).await
}

async fn open_block(store: &Store, block: NumberBlock) -> Cases {
    let parts = Parts { site: "zz".into(), vault: vault(), units: Arc::new(Town), duty: Arc::new(Town), block };
    Cases::open(store, parts).await.unwrap()
}

fn person(n: u128, unit_no: u128, actions: &[Action]) -> Actor {
    let grant = |a: &Action| Grant { action: *a, scope: Scope::Subtree, ceiling: Sensitivity::Internal };
    let mut actor = Actor::for_test(unit(unit_no).path, actions.iter().map(grant).collect());
    actor.person = Some(PersonId(Uuid::from_u128(n)));
    actor.unit = Some(unit(unit_no).id);
    actor.unit_name = unit(unit_no).name;
    actor
}

fn desk() -> Actor {
    person(
        101,
        1,
        &[Action::CaseRead, Action::CaseCapture, Action::CaseDispatch, Action::CaseSupervise, Action::PersonalRead],
    )
}

fn handler(unit_no: u128) -> Actor {
    person(100 + unit_no, unit_no, &[Action::CaseRead, Action::CaseHandle])
}

fn burst() -> Value {
    json!({
        "channel": "call", "nature": "help", "class_code": "water.supply.pipe_burst", "urgency": "urgent", "title": "文化路水管爆裂",
        "narrative": "路面冒水", "place": { "text": "文化路 1 号" }, "requester": { "name": "王小明", "phone": "138 1234 8001" }
    })
}

async fn capture(
    store: &Store,
    cases: &Cases,
    actor: Actor,
    body: Value,
    key: Option<&'static str>,
) -> Result<Case, CommandError> {
    let (cases, body): (Cases, CaptureBody) = (cases.clone(), serde_json::from_value(body).unwrap());
    store.write(move |tx| Box::pin(async move { cases.capture(tx, &actor, &body, key).await })).await
}

async fn act(
    store: &Store,
    cases: &Cases,
    actor: Actor,
    id: CaseId,
    verb: Verb,
    body: Value,
) -> Result<Case, CommandError> {
    act_wish(store, cases, actor, id, verb, body, None, None).await
}

#[allow(clippy::too_many_arguments, reason = "a test's one door")]
async fn act_wish(
    store: &Store,
    cases: &Cases,
    actor: Actor,
    id: CaseId,
    verb: Verb,
    body: Value,
    version: Option<i64>,
    key: Option<&'static str>,
) -> Result<Case, CommandError> {
    let (cases, act) = (cases.clone(), Act::parse(verb, body).unwrap());
    store.write(move |tx| Box::pin(async move { cases.act(tx, &actor, id, act, Wish { version, key }).await })).await
}

fn code(e: CommandError) -> &'static str {
    match e {
        CommandError::Refused(r) => r.code,
        CommandError::Store(e) => panic!("{e}"),
    }
}

async fn assigned(store: &Store, cases: &Cases, to: u128) -> CaseId {
    let id = capture(store, cases, desk(), burst(), None).await.unwrap().id;
    act(store, cases, desk(), id, Verb::Accept, Value::Null).await.unwrap();
    act(store, cases, desk(), id, Verb::Assign, json!({ "unit_id": unit(to).id })).await.unwrap();
    id
}

async fn events_of(store: &Store, id: CaseId) -> Vec<Record> {
    of_subjects(store.reader(), "zz", &[Subject::from(id)], 0).await.unwrap()
}

/// The state that the log's events of the case add up to.
async fn replayed(store: &Store, id: CaseId) -> Case {
    let records = events_of(store, id).await;
    let mut told = records.iter().map(|r| {
        (read_event(r).unwrap_or_else(|| panic!("{} is not read", r.kind)), Stamp { at: r.at, by: r.actor.clone() })
    });
    let (first, stamp) = told.next().unwrap();
    let mut case = Case::begin(&first, &stamp).unwrap();
    told.for_each(|(event, stamp)| case.apply(&event, &stamp));
    case
}

#[tokio::test]
async fn a_case_goes_the_whole_way_and_the_log_replays_to_its_row() {
    for TestStore { store, .. } in stores(TABLES).await {
        let cases = open(&store).await;
        let first = capture(&store, &cases, desk(), burst(), None).await.unwrap();
        assert_eq!((first.node.as_str(), first.version), ("reported", 1));
        assert!(number::parse_public_no(&first.public_no).is_some());
        let id = first.id;
        let d = |verb, body| act(&store, &cases, desk(), id, verb, body);
        let h = |verb, body| act(&store, &cases, handler(2), id, verb, body);
        d(Verb::Accept, Value::Null).await.unwrap();
        assert_eq!(code(h(Verb::Sign, Value::Null).await.unwrap_err()), "access.not_found", "not the company's yet");
        d(Verb::Assign, json!({ "unit_id": unit(2).id, "co_units": [unit(3).id] })).await.unwrap();
        h(Verb::Sign, Value::Null).await.unwrap();
        h(Verb::FeedBack, json!({ "result_code": "resolved", "answer_text": "已修复", "without_co": "无需" }))
            .await
            .unwrap();
        d(Verb::CheckPass, Value::Null).await.unwrap();
        d(Verb::Reply, Value::Null).await.unwrap();
        d(Verb::Revisit, json!({ "solved": true })).await.unwrap();
        let last = d(Verb::Close, Value::Null).await.unwrap();
        assert!(last.end);
        assert_eq!(replayed(&store, id).await, last);
        let kinds: Vec<String> = events_of(&store, id).await.into_iter().map(|r| r.kind).collect();
        assert_eq!(kinds.first().map(String::as_str), Some("case.captured"));
        assert_eq!(kinds.last().map(String::as_str), Some("case.closed"));
        assert_eq!(verify(store.reader()).await.unwrap(), Ok(9));
        let open_timers = sqlx::query("SELECT 1 FROM timers WHERE kind = $1")
            .bind(CLOCK_TIMER)
            .fetch_all(store.reader())
            .await
            .unwrap();
        assert!(open_timers.is_empty(), "an ended case has no clock left to ring");
    }
}

#[tokio::test]
async fn a_resent_request_makes_no_second_act() {
    for TestStore { store, .. } in stores(TABLES).await {
        let cases = open(&store).await;
        let a = capture(&store, &cases, desk(), burst(), Some("k1")).await.unwrap();
        let b = capture(&store, &cases, desk(), burst(), Some("k1")).await.unwrap();
        assert_eq!(a.id, b.id);
        let once = act_wish(&store, &cases, desk(), a.id, Verb::Accept, Value::Null, None, Some("k2")).await.unwrap();
        let twice = act_wish(&store, &cases, desk(), a.id, Verb::Accept, Value::Null, None, Some("k2")).await.unwrap();
        assert_eq!(once, twice);
        let stale =
            act_wish(&store, &cases, desk(), a.id, Verb::Supplement, json!({ "text": "x" }), Some(1), None).await;
        assert_eq!(code(stale.unwrap_err()), "case.outdated");
        act_wish(&store, &cases, desk(), a.id, Verb::Supplement, json!({ "text": "x" }), Some(2), None).await.unwrap();
        assert_eq!(events_of(&store, a.id).await.len(), 3);
    }
}

#[tokio::test]
async fn the_citizen_is_masked_until_somebody_with_the_right_says_why() {
    for TestStore { store, .. } in stores(TABLES).await {
        let cases = open(&store).await;
        let id = assigned(&store, &cases, 2).await;
        let seen = cases.detail(&store, &handler(2), id).await.unwrap();
        assert_eq!(
            (seen.requester.name.as_deref(), seen.requester.phone.as_deref()),
            (Some("王**"), Some("138****8001"))
        );
        assert!(!seen.requester.may_unmask && seen.query_code.is_none());
        assert!(cases.detail(&store, &desk(), id).await.unwrap().query_code.is_none(), "it is told once");
        let unmask = |actor: Actor| {
            let cases = cases.clone();
            store.write(move |tx| Box::pin(async move { cases.unmask(tx, &actor, id, "核实地址").await }))
        };
        assert_eq!(code(unmask(handler(2)).await.unwrap_err()), "access.denied");
        assert_eq!(unmask(desk()).await.unwrap().phone.as_deref(), Some("13812348001"));
        let all = log::after(store.reader(), "zz", 0, 1_000).await.unwrap();
        assert!(all.iter().any(|r| r.kind == "access.personal_read" && r.body["purpose"] == "核实地址"));
        let whole: String = all.iter().map(|r| r.body.to_string()).collect();
        assert!(!whole.contains("13812348001") && !whole.contains("王小明"), "personal text lies open in the log");
        let timeline = cases.timeline(&store, &handler(2), id, 0).await.unwrap();
        assert_eq!(timeline[0].body["requester_phone"], "138****8001");
    }
}

#[tokio::test]
async fn another_county_neither_sees_nor_counts() {
    for TestStore { store, .. } in stores(TABLES).await {
        let cases = open(&store).await;
        let id = assigned(&store, &cases, 3).await;
        let (jinshui, erqi) = (handler(3), handler(4));
        assert_eq!(code(cases.detail(&store, &erqi, id).await.unwrap_err()), "access.not_found");
        assert_eq!(code(cases.timeline(&store, &erqi, id, 0).await.unwrap_err()), "access.not_found");
        assert_eq!(
            code(act(&store, &cases, handler(4), id, Verb::Sign, Value::Null).await.unwrap_err()),
            "access.not_found"
        );
        let mine = cases.counts(&store, &jinshui).await.unwrap();
        assert_eq!((mine.boxes["to_sign"], mine.boxes["handling"], mine.boxes["to_dispatch"]), (1, 0, 0));
        assert!(cases.counts(&store, &erqi).await.unwrap().boxes.values().all(|n| *n == 0));
        for q in ["水管", "13812348001"] {
            let filter = CaseFilter { q: Some(q.into()), ..CaseFilter::default() };
            assert_eq!(cases.list(&store, &jinshui, &filter).await.unwrap().items.len(), 1, "{q}");
            assert!(cases.list(&store, &erqi, &filter).await.unwrap().items.is_empty(), "{q}");
            assert_eq!(cases.count(&store, &erqi, &filter).await.unwrap(), 0);
        }
        let phone = PhoneNumber::parse("13812348001").unwrap();
        assert_eq!(cases.of_phone(&store, &desk(), &phone).await.unwrap().open.len(), 1);
        assert!(cases.of_phone(&store, &erqi, &phone).await.unwrap().open.is_empty());
    }
}

#[tokio::test]
async fn secret_cases_are_hidden_from_those_below_the_ceiling() {
    for TestStore { store, .. } in stores(TABLES).await {
        let cases = open(&store).await;
        let mut body = burst();
        body["sensitivity"] = "whistle".into();
        // The desk's own ceiling is `internal`: it may not take in what it may not read.
        let taken = capture(&store, &cases, desk(), body.clone(), None).await.unwrap();
        assert_eq!(code(cases.detail(&store, &desk(), taken.id).await.unwrap_err()), "access.not_found");
        assert_eq!(cases.count(&store, &desk(), &CaseFilter::default()).await.unwrap(), 0);
    }
}

#[tokio::test]
async fn pages_follow_each_other_without_gap_or_double() {
    for TestStore { store, .. } in stores(TABLES).await {
        let cases = open(&store).await;
        for i in 0..7 {
            let mut body = burst();
            body["title"] = format!("第 {i} 件 100%").into();
            capture(&store, &cases, desk(), body, None).await.unwrap();
        }
        for sort in [Sort::Newest, Sort::Due] {
            let mut filter = CaseFilter { sort, limit: Some(3), q: Some("100%".into()), ..CaseFilter::default() };
            let mut seen = Vec::new();
            loop {
                let page = cases.list(&store, &desk(), &filter).await.unwrap();
                seen.extend(page.items.into_iter().map(|l| l.public_no));
                filter.cursor = page.next;
                if filter.cursor.is_none() {
                    break;
                }
            }
            let mut unique = seen.clone();
            unique.sort();
            unique.dedup();
            assert_eq!((seen.len(), unique.len()), (7, 7), "{sort:?}");
        }
        let bad = CaseFilter { cursor: Some("' OR 1=1".into()), ..CaseFilter::default() };
        assert_eq!(code(cases.list(&store, &desk(), &bad).await.unwrap_err()), "case.bad_cursor");
        let class = CaseFilter { class_code: Some("water".into()), ..CaseFilter::default() };
        assert_eq!(cases.count(&store, &desk(), &class).await.unwrap(), 7);
        let wild = CaseFilter { q: Some("第_件".into()), ..CaseFilter::default() };
        assert_eq!(cases.count(&store, &desk(), &wild).await.unwrap(), 0, "_ is meant as it stands");
    }
}

#[tokio::test]
async fn an_sms_becomes_a_draft_and_with_the_number_a_supplement() {
    for TestStore { store, .. } in stores(TABLES).await {
        let cases = open(&store).await;
        let phone = PhoneNumber::parse("13812348001").unwrap();
        let write = |text: &'static str, id: &'static str| {
            let (cases, phone) = (cases.clone(), phone.clone());
            store.write(move |tx| {
                Box::pin(async move {
                    let (case, message) = (CaseId::new(tx.ids()), Subject::new("message", id));
                    cases.open_draft_from_sms(tx, case, &phone, text, message).await
                })
            })
        };
        let draft = write("我家停水了，文化路一号院", "m1").await.unwrap();
        assert_eq!((draft.node.as_str(), draft.channel.as_str()), ("draft", "sms"));
        assert_eq!(write("我家停水了，文化路一号院", "m1").await.unwrap().id, draft.id, "the same message once");
        let whose = |from: &str| {
            let (cases, phone, no) =
                (cases.clone(), PhoneNumber::parse(from).unwrap(), format!("我的 {} 呢？", draft.public_no));
            store.write(move |tx| Box::pin(async move { cases.of_citizen(tx, &phone, &no).await }))
        };
        assert_eq!(whose("13900000000").await.unwrap(), None, "a stranger's number");
        assert_eq!(whose("13812348001").await.unwrap(), Some(draft.id));
        let (writer, id) = (cases.clone(), draft.id);
        let more = store.write(move |tx| {
            let message = Subject::new("message", "m2");
            Box::pin(async move { writer.supplement_by_citizen(tx, id, "水来了又停", message).await })
        });
        let after = more.await.unwrap();
        assert_eq!((after.supplements.len(), after.subjects.len()), (1, 2));
        assert_eq!(replayed(&store, draft.id).await, after);
        let subject = Subject::new("message", "m2");
        let found = cases.clone();
        let ids = store.write(move |tx| Box::pin(async move { found.of_subject(tx, &subject).await })).await.unwrap();
        assert_eq!(ids, [draft.id]);
    }
}

#[tokio::test]
async fn a_units_reply_signs_and_linked_calls_stand_on_the_timeline_in_order() {
    for TestStore { store, .. } in stores(TABLES).await {
        let cases = open(&store).await;
        let id = assigned(&store, &cases, 2).await;
        let call = Subject::new("call", "c1");
        let (c, linked) = (cases.clone(), call.clone());
        store
            .write(move |tx| {
                Box::pin(async move {
                    let ring = NewEvent {
                        subject: linked.clone(),
                        orgs: vec![unit(2).path],
                        actor: ActorRef::part("phone", "来电"),
                        kind: "call.answered".into(),
                        body: json!({}),
                    };
                    log::append(tx, &vault(), ring).await?;
                    c.link_subject(tx, id, linked.clone(), ContactRole::FirstContact, ActorRef::part("system", "通话"))
                        .await?;
                    c.link_subject(tx, id, linked, ContactRole::FirstContact, ActorRef::part("system", "通话")).await?;
                    c.sign_by_unit(tx, &unit(2), id, "sms").await
                })
            })
            .await
            .unwrap();
        let kinds: Vec<String> =
            cases.timeline(&store, &desk(), id, 0).await.unwrap().into_iter().map(|r| r.kind).collect();
        assert_eq!(
            kinds,
            ["case.captured", "case.accepted", "case.assigned", "call.answered", "case.linked", "case.signed"]
        );
        let case = replayed(&store, id).await;
        assert_eq!(case.items[0].state, ItemState::Signed);
        assert_eq!(case.items[0].signed_by.as_ref().unwrap().name, "自来水公司");
        assert!(cases.may_link(&store, &handler(2), &call).await.is_err(), "without a right to calls");
        let listener = person(9, 2, &[Action::CallRead]);
        assert!(cases.may_link(&store, &listener, &call).await.is_ok());
        let unknown = Subject::new("call", "new");
        assert!(cases.may_link(&store, &listener, &unknown).await.is_err(), "what is not there looks the same");
    }
}

/// Puts the clocks of a case into the past, as if `hours` had gone by.
async fn let_pass(store: &Store, id: CaseId, hours: i64) {
    store
        .write(move |tx| {
            Box::pin(async move {
                let mut case = rows::load(tx.conn(), id).await?.unwrap().case;
                let back = |t: &mut Option<Timestamp>| *t = t.map(|t| t.plus_millis(-hours * 3_600_000));
                for clock in &mut case.clocks {
                    back(&mut clock.due_at);
                    back(&mut clock.next_rung_at);
                    clock.segments.iter_mut().for_each(|s| s.from = s.from.plus_millis(-hours * 3_600_000));
                }
                rows::update(tx, &case).await
            })
        })
        .await
        .unwrap();
}

#[tokio::test]
async fn a_rung_is_told_once_however_often_the_timer_fires() {
    for TestStore { store, .. } in stores(TABLES).await {
        let cases = open(&store).await;
        let id = assigned(&store, &cases, 2).await;
        let_pass(&store, id, 1).await;
        let bell = Arc::new(ClockBell(cases.clone()));
        let timer = Timer {
            id: "t".into(),
            kind: CLOCK_TIMER.into(),
            key: id.to_string(),
            due_at: Timestamp(0),
            payload: String::new(),
        };
        for _ in 0..2 {
            let (bell, timer) = (bell.clone(), timer.clone());
            store.write(move |tx| Box::pin(async move { bell.fire(tx, &timer).await })).await.unwrap();
        }
        let rungs: Vec<i64> = events_of(&store, id)
            .await
            .iter()
            .filter(|r| r.kind == "case.rung_reached" && r.body["limit"] == "sign")
            .map(|r| r.body["percent"].as_i64().unwrap())
            .collect();
        assert_eq!(rungs, [50, 80, 100]);
        let line = cases
            .list(&store, &desk(), &CaseFilter { box_: Some(CaseBox::Supervision), ..CaseFilter::default() })
            .await
            .unwrap();
        assert_eq!(line.items[0].card, "red");
        assert_eq!(cases.counts(&store, &handler(2)).await.unwrap().boxes["overdue"], 1);
        let signed = act(&store, &cases, handler(2), id, Verb::Sign, Value::Null).await.unwrap();
        assert_eq!(signed.clocks.iter().filter(|c| c.outcome == Some(crate::events::cases::Outcome::Late)).count(), 1);
    }
}

#[tokio::test]
async fn a_verb_after_the_end_finds_the_clock_late_even_before_the_timer_fires() {
    for TestStore { store, .. } in stores(TABLES).await {
        let cases = open(&store).await;
        let id = assigned(&store, &cases, 2).await;
        let_pass(&store, id, 1).await;
        act(&store, &cases, handler(2), id, Verb::Sign, Value::Null).await.unwrap();
        let kinds: Vec<String> = events_of(&store, id).await.into_iter().map(|r| r.kind).collect();
        assert_eq!(kinds.last().map(String::as_str), Some("case.signed"));
        assert!(kinds.iter().filter(|k| *k == "case.rung_reached").count() >= 3);
    }
}

#[tokio::test]
async fn an_imported_calendar_moves_open_clocks_now_and_after_a_restart() {
    for TestStore { store, .. } in stores(TABLES).await {
        let cases = open(&store).await;
        let mut body = burst();
        (body["class_code"], body["nature"], body["urgency"]) =
            ("property.service".into(), "complain".into(), "normal".into());
        let id = capture(&store, &cases, desk(), body, None).await.unwrap().id;
        act(&store, &cases, desk(), id, Verb::Accept, Value::Null).await.unwrap();
        let before = act(&store, &cases, desk(), id, Verb::Assign, json!({ "unit_id": unit(2).id })).await.unwrap();
        let settle = |c: &Case| c.open_clock(crate::events::cases::ClockKind::Settle).unwrap().clone();
        // Every day of the due week becomes a day off, whatever today is.
        let due = settle(&before).due_at.unwrap().civil().date();
        let days: Vec<Value> =
            (0..1).map(|_| json!({ "date": due.to_string(), "kind": "off", "name": "临时放假" })).collect();
        let list = serde_json::from_value(json!({ "year": due.year(), "source": "试", "days": days })).unwrap();
        let (c, admin) = (cases.clone(), person(1, 1, &[Action::SystemManage]));
        let moved =
            store.write(move |tx| Box::pin(async move { c.import_holidays(tx, &admin, list).await })).await.unwrap();
        assert!(moved >= 1);
        let after = replayed(&store, id).await;
        assert!(settle(&after).due_at > settle(&before).due_at);
        let again = open(&store).await;
        let version = |c: &Cases| c.calendars().named("gov_office").unwrap().version.clone();
        assert_eq!(version(&again), version(&cases));
        assert_eq!(settle(&after).calendar_version, version(&cases));
    }
}

#[tokio::test]
async fn the_citizen_tracks_his_case_and_guesses_are_stopped() {
    for TestStore { store, .. } in stores(TABLES).await {
        let cases = open(&store).await;
        let id = assigned(&store, &cases, 2).await;
        let detail = cases.detail(&store, &desk(), id).await.unwrap();
        let (no, known) = (detail.line.public_no.clone(), cases.clone());
        let query_code = store.write(move |tx| Box::pin(async move { known.query_code(tx, id).await })).await;
        let query_code = query_code.unwrap().unwrap();
        let track = |no: &str, code: &str| {
            let (cases, store, no, code) = (cases.clone(), store.clone(), no.to_owned(), code.to_owned());
            async move { cases.track(&store, Knock { no: &no, code: &code, from: None }).await }
        };
        let knock = Knock { no: &no, code: &query_code, from: None };
        let view = track(&no, &query_code).await.unwrap();
        assert_eq!((view.status.as_str(), view.unit.as_deref(), view.steps.len()), ("已交办", Some("自来水公司"), 3));
        let urged =
            cases.by_citizen(&store, knock, Act::parse(Verb::Urge, json!({ "text": "还没修好" })).unwrap()).await;
        assert_eq!(urged.unwrap().public_no, no);
        assert!(view.promised_at.is_some() && !serde_json::to_string(&view).unwrap().contains("测试员"));
        let wrong = if query_code == "000000" { "000001" } else { "000000" };
        let unknown = number::public_no(jiff::civil::date(2020, 1, 1), 5);
        let (a, b) = (track(&no, wrong).await.unwrap_err(), track(&unknown, wrong).await.unwrap_err());
        assert_eq!(a.to_string(), b.to_string(), "an unknown number answers as a wrong code does");
        for _ in 0..4 {
            track(&no, wrong).await.unwrap_err();
        }
        assert_eq!(code(track(&no, &query_code).await.unwrap_err()), "track.locked");
        assert_eq!(code(track("123", "1").await.unwrap_err()), "track.bad_number");
        let urge = Act::parse(Verb::Urge, Value::Null).unwrap();
        assert_eq!(code(cases.by_citizen(&store, knock, urge).await.unwrap_err()), "track.locked");
    }
}

#[tokio::test]
async fn a_site_keeps_to_its_block_of_numbers() {
    for TestStore { store, .. } in stores(TABLES).await {
        let cases = open_block(&store, NumberBlock { first: 500_000, last: 500_001 }).await;
        let no = |c: Case| c.public_no[6..12].to_owned();
        assert_eq!(no(capture(&store, &cases, desk(), burst(), None).await.unwrap()), "500000");
        assert_eq!(no(capture(&store, &cases, desk(), burst(), None).await.unwrap()), "500001");
        assert_eq!(code(capture(&store, &cases, desk(), burst(), None).await.unwrap_err()), "case.numbers_used_up");
    }
}

#[tokio::test]
async fn the_page_of_a_case_offers_what_the_asker_may_do_and_whom_the_duty_list_names() {
    let test = stores(TABLES).await.remove(0);
    let store = test.store.clone();
    let cases = open(&store).await;
    let id = capture(&store, &cases, desk(), burst(), None).await.unwrap().id;
    let seen = cases.detail(&store, &desk(), id).await.unwrap();
    let verbs: Vec<&str> = seen.verbs.iter().map(|o| o.verb.as_str()).collect();
    assert_eq!(verbs, ["supplement", "accept", "ask_more", "refuse", "answer", "urge", "link", "void"]);
    assert_eq!(seen.proposal.unwrap().unit.name, "自来水公司");
    assert_eq!(seen.verbs[1].schema["type"], "object");
}

fn water() -> Actor {
    handler(2)
}

/// `cargo test --release … -- --ignored steps_per_second`: acknowledged steps at 64 clients, SQLite, fsync on.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a measurement, not a test"]
async fn steps_per_second() {
    let test = stores(TABLES).await.remove(0);
    let store = test.store.clone();
    let cases = open(&store).await;
    const ROUNDS: usize = 10;
    let way = |unit_id: UnitId| {
        vec![
            (Verb::Accept, Value::Null, desk as fn() -> Actor),
            (Verb::Assign, json!({ "unit_id": unit_id }), desk),
            (Verb::Sign, Value::Null, water),
            (Verb::FeedBack, json!({ "result_code": "resolved", "answer_text": "已修复" }), water),
            (Verb::CheckPass, Value::Null, desk),
            (Verb::Reply, Value::Null, desk),
            (Verb::Revisit, json!({ "solved": true }), desk),
            (Verb::Close, Value::Null, desk),
        ]
    };
    let began = std::time::Instant::now();
    let clients = (0..64).map(|_| {
        let (store, cases, way) = (store.clone(), cases.clone(), way(unit(2).id));
        tokio::spawn(async move {
            for _ in 0..ROUNDS {
                let id = capture(&store, &cases, desk(), burst(), None).await.unwrap().id;
                for (verb, body, who) in &way {
                    act(&store, &cases, who(), id, *verb, body.clone()).await.unwrap();
                }
            }
        })
    });
    for done in futures_util::future::join_all(clients).await {
        done.unwrap();
    }
    let steps = 64 * ROUNDS * 9;
    let seconds = began.elapsed().as_secs_f64();
    println!("{steps} steps in {seconds:.2} s: {:.0} per second", f64::from(u32::try_from(steps).unwrap()) / seconds);
}
