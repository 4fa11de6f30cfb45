//! Messages on both databases, over the sandbox link: reminders once, receipts, replies that sign, replies that do not.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::sync::Arc;

use liandong_sms::link::SandboxLink;
use serde_json::json;
use tokio_util::sync::CancellationToken;

use super::*;
use crate::access::Refusal;
use crate::events::{ActorRef, NewEvent, Record, Subject};
use crate::ids::{CaseId, OrderId, OrgPath, PhoneNumber, UnitId};
use crate::log::{self, Vault};
use crate::store::testing::{TestStore, stores};
use crate::store::{Store, StoreError, Tx, WriteFuture};

const WATER: &str = "13900000001";
const CITIZEN: &str = "13812348001";

/// This case takes no signature.
const REFUSED: CaseId = CaseId(uuid::Uuid::from_u128(7));

fn vault() -> Vault {
    Vault::new([7; 32])
}

fn case(n: u128) -> CaseId {
    CaseId(uuid::Uuid::from_u128(n))
}

/// Appends what was asked of it, so that a test sees it in the log.
struct Port;

async fn note(tx: &mut Tx, kind: &str, case: CaseId, body: serde_json::Value) -> Result<(), StoreError> {
    let event = NewEvent {
        subject: case.into(),
        orgs: vec![],
        actor: ActorRef::part("system", "port"),
        kind: kind.into(),
        body,
    };
    log::append(tx, &vault(), event).await.map(|_| ())
}

impl Contacts for Port {
    fn duty_phones<'a>(&'a self, _: &'a mut Tx, _: UnitId) -> WriteFuture<'a, Vec<Contact>, StoreError> {
        Box::pin(async { Ok(vec![Contact { name: "水务值班".into(), phone: PhoneNumber::parse(WATER).unwrap() }]) })
    }
}

impl Matters for Port {
    fn sign<'a>(
        &'a self,
        tx: &'a mut Tx,
        case: CaseId,
        _phone: &'a PhoneNumber,
    ) -> WriteFuture<'a, Result<(), Refusal>, StoreError> {
        Box::pin(async move {
            note(tx, "port.signed", case, json!({})).await?;
            Ok(if case == REFUSED { Err(Refusal::conflict("case.signed", "已签收")) } else { Ok(()) })
        })
    }
    fn accept<'a>(
        &'a self,
        _tx: &'a mut Tx,
        _order: OrderId,
        _phone: &'a PhoneNumber,
    ) -> WriteFuture<'a, Result<(), Refusal>, StoreError> {
        Box::pin(async { Ok(Ok(())) })
    }
    fn citizens_case<'a>(
        &'a self,
        _: &'a mut Tx,
        _: &'a PhoneNumber,
        text: &'a str,
    ) -> WriteFuture<'a, Option<CaseId>, StoreError> {
        Box::pin(async move { Ok(text.contains("2611240000091").then_some(case(9))) })
    }
    fn supplement<'a>(&'a self, tx: &'a mut Tx, case: CaseId, text: CitizenText) -> WriteFuture<'a, (), StoreError> {
        Box::pin(async move { note(tx, "port.supplemented", case, json!({ "text": text.text })).await })
    }
    fn open_draft<'a>(&'a self, tx: &'a mut Tx, case: CaseId, text: CitizenText) -> WriteFuture<'a, (), StoreError> {
        Box::pin(async move { note(tx, "port.citizen", case, json!({ "text": text.text })).await })
    }
    fn requester_phone<'a>(&'a self, _: &'a mut Tx, _: CaseId) -> WriteFuture<'a, Option<PhoneNumber>, StoreError> {
        Box::pin(async { Ok(PhoneNumber::parse(CITIZEN).ok()) })
    }
    fn words<'a>(&'a self, _: &'a mut Tx, _: CaseId, _: bool) -> WriteFuture<'a, Vec<(String, String)>, StoreError> {
        Box::pin(async { Ok(vec![("query_code".into(), "4821".into())]) })
    }
    fn link<'a>(&'a self, _: &'a mut Tx, _: CaseId, _: Subject) -> WriteFuture<'a, Vec<OrgPath>, StoreError> {
        Box::pin(async { Ok(vec![OrgPath::root().child("zz")]) })
    }
}

struct Running {
    store: Store,
    link: Arc<SandboxLink>,
    stop: CancellationToken,
}

impl Running {
    fn start(store: &Store) -> Self {
        let _ = tracing_subscriber::fmt().with_test_writer().try_init();
        let home = OrgPath::root().child("zz");
        let messages = Messages::new(
            vault(),
            Templates::shipped().unwrap(),
            Arc::new(Port),
            Arc::new(Port),
            home,
            "http://x".into(),
        );
        let stop = CancellationToken::new();
        let (link, events) = SandboxLink::start("sandbox", "10690371", true);
        let link = Arc::new(link);
        let gateway = Gateway::start(messages.clone(), store.clone(), link.clone(), events, stop.clone());
        tokio::spawn(log::run_courier(store.clone(), gateway, stop.clone()));
        tokio::spawn(log::run_follower(store.clone(), "zz".into(), Arc::new(Reminders(messages)), stop.clone()));
        Self { store: store.clone(), link, stop }
    }

    /// Waits until the log holds `count` events of `kind`, and returns them.
    async fn events(&self, kind: &str, count: usize) -> Vec<Record> {
        let mut news = self.store.last_seq();
        loop {
            let all = log::after(self.store.reader(), "zz", 0, 1_000).await.unwrap();
            let found: Vec<Record> = all.into_iter().filter(|r| r.kind == kind).collect();
            if found.len() >= count {
                return found;
            }
            news.changed().await.unwrap();
        }
    }

    async fn assign(&self, n: u128) {
        let unit = json!({ "id": UnitId(uuid::Uuid::from_u128(5)), "path": "/zz/water/", "name": "市自来水公司" });
        let notice = json!({ "template": "case.assigned", "to": "unit", "unit": unit,
                             "params": { "due": "2026-11-24T10:24:00+08:00" } });
        let body =
            json!({ "public_no": format!("26112400000{n}"), "title": "水管爆裂", "change": { "notices": [notice] } });
        self.store
            .write(move |tx| Box::pin(async move { note(tx, "case.assigned", case(n), body).await }))
            .await
            .unwrap();
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

async fn plain(store: &Store, record: &Record) -> serde_json::Value {
    let mut body = record.body.clone();
    let mut conn = store.reader().acquire().await.unwrap();
    vault().open_value(&mut conn, &mut body, crate::access::show_whole).await.unwrap();
    body
}

#[tokio::test]
async fn an_assignment_is_sent_once_delivered_and_signed_by_a_full_width_one() {
    for TestStore { store, .. } in &stores(&[log::MIGRATIONS, MIGRATIONS]).await {
        let hub = Running::start(store);
        hub.assign(1).await;
        let delivered = hub.events("message.delivered", 1).await;
        let queued = hub.events("message.queued", 1).await;
        let submitted = hub.events("message.submitted", 1).await;
        assert!(queued[0].seq < submitted[0].seq && submitted[0].seq < delivered[0].seq, "the true order");
        let body = plain(store, &queued[0]).await;
        assert_eq!(body["to"], WATER);
        let text = body["text"].as_str().unwrap();
        assert!(
            text.contains("261124000001") && text.contains("11月24日10:24") && text.contains("回复1签收"),
            "{text}"
        );
        assert!(hub.link.answer(WATER, "1069037101", " １ ").await, "the owner took it");
        let signed = hub.events("port.signed", 1).await;
        let received = hub.events("message.received", 1).await;
        assert_eq!(received[0].body["taken_as"], "signature");
        assert!(received[0].seq < signed[0].seq, "the cause stands before its effect");
        assert!(!received[0].body.to_string().contains(WATER), "a number lies open");
        // The same answer again: told that it was done, nothing signed twice.
        assert!(hub.link.answer(WATER, "1069037101", "1").await);
        hub.events("message.received", 2).await;
        hub.events("message.queued", 2).await;
        assert_eq!(hub.events("port.signed", 1).await.len(), 1);
    }
}

#[tokio::test]
async fn with_two_matters_open_a_bare_one_asks_back_and_an_extension_tells() {
    for TestStore { store, .. } in &stores(&[log::MIGRATIONS, MIGRATIONS]).await {
        let hub = Running::start(store);
        hub.assign(1).await;
        hub.assign(2).await;
        hub.events("message.delivered", 2).await;
        hub.link.answer(WATER, "10690371", "1").await;
        let received = hub.events("message.received", 1).await;
        assert_eq!(received[0].body["taken_as"], "ambiguous");
        let asked = hub.events("message.queued", 3).await;
        let text = plain(store, &asked[2]).await["text"].as_str().unwrap().to_owned();
        assert!(text.contains("261124000001") && text.contains("261124000002"), "{text}");
        hub.link.answer(WATER, "1069037102", "1").await;
        let signed = hub.events("port.signed", 1).await;
        assert_eq!(signed[0].subject, case(2).into());
    }
}

#[tokio::test]
async fn a_citizens_text_becomes_a_draft_and_other_words_of_a_handler_stay_on_the_case() {
    for TestStore { store, .. } in &stores(&[log::MIGRATIONS, MIGRATIONS]).await {
        let hub = Running::start(store);
        hub.link.answer(CITIZEN, "10690371", "路灯\u{0}不亮\u{1b}[31m").await;
        let drafted = hub.events("port.citizen", 1).await;
        let received = hub.events("message.received", 1).await;
        assert!(received[0].seq < drafted[0].seq, "the cause stands before its effect");
        assert_eq!(received[0].body["about"], drafted[0].subject.to_string());
        assert_eq!(drafted[0].body["text"], "路灯不亮[31m", "control characters are taken out");
        hub.assign(1).await;
        hub.events("message.delivered", 1).await;
        hub.link.answer(WATER, "1069037101", "正在路上").await;
        let received = hub.events("message.received", 2).await;
        assert_eq!(received[1].body["taken_as"], "remark");
        assert_eq!(received[1].body["about"], Subject::from(case(1)).to_string());
    }
}

#[tokio::test]
async fn a_refused_one_was_a_remark_and_leaves_no_trace_of_a_signature() {
    for TestStore { store, .. } in &stores(&[log::MIGRATIONS, MIGRATIONS]).await {
        let hub = Running::start(store);
        hub.assign(7).await;
        hub.events("message.delivered", 1).await;
        hub.link.answer(WATER, "1069037101", "1").await;
        let received = hub.events("message.received", 1).await;
        assert_eq!(received[0].body["taken_as"], "remark");
        let told = hub.events("message.queued", 2).await;
        assert!(plain(store, &told[1]).await["text"].as_str().unwrap().contains("已签收"));
        let all = log::after(store.reader(), "zz", 0, 1_000).await.unwrap();
        assert!(all.iter().all(|r| r.kind != "port.signed"), "what was refused was not written");
        assert!(log::verify(store.reader()).await.unwrap().is_ok(), "the chain is whole");
    }
}

#[tokio::test]
async fn a_restarted_hub_sends_what_was_queued_and_nothing_twice() {
    for TestStore { store, .. } in &stores(&[log::MIGRATIONS, MIGRATIONS]).await {
        let words = BTreeMap::new();
        let queue = |key: &'static str| {
            let words = words.clone();
            store.write(move |tx| {
                Box::pin(async move {
                    let home = OrgPath::root().child("zz");
                    let templates = Templates::shipped().unwrap();
                    let messages = Messages::new(
                        vault(),
                        templates,
                        Arc::new(Port),
                        Arc::new(Port),
                        home.clone(),
                        "http://x".into(),
                    );
                    let frame = commands::Frame {
                        to: PhoneNumber::parse(CITIZEN).unwrap(),
                        receiver: "市民".into(),
                        to_citizen: true,
                        case: None,
                        about: None,
                        label: String::new(),
                        orgs: vec![home],
                        key: key.into(),
                    };
                    let actor = ActorRef::part("system", "test");
                    messages.queue_template(tx, actor, "case.closed", &words, frame).await
                })
            })
        };
        queue("a").await.unwrap();
        queue("a").await.unwrap();
        queue("b").await.unwrap();
        let hub = Running::start(store);
        assert_eq!(hub.events("message.delivered", 2).await.len(), 2);
        drop(hub);
        let again = Running::start(store);
        queue("c").await.unwrap();
        assert_eq!(again.events("message.delivered", 3).await.len(), 3);
        assert_eq!(again.events("message.submitted", 3).await.len(), 3);
    }
}
