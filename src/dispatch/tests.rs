//! Dispatch on both databases: who is nearest, who is alerted when nobody answers, who may see what.
#![allow(clippy::unwrap_used)]

use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use super::*;
use crate::access::{Action, Actor, CommandError, Grant, Scope, Sensitivity};
use crate::events::DomainEvent;
use crate::events::dispatch::{DispatchEvent, LadderRole, ResponderState};
use crate::ids::{OrgPath, PhoneNumber, Point};
use crate::log::{self, Vault};
use crate::store::Store;
use crate::store::testing::{TestStore, stores};

fn city() -> OrgPath {
    OrgPath::root().child("zz")
}

fn actor(path: OrgPath, actions: &[Action]) -> Actor {
    let grant = |action: &Action| Grant { action: *action, scope: Scope::Subtree, ceiling: Sensitivity::Internal };
    Actor::for_test(path, actions.iter().map(grant).collect())
}

fn dispatcher() -> Actor {
    actor(city(), &[Action::DispatchRead, Action::DispatchOrder])
}

fn dispatch() -> Dispatch {
    Dispatch::new(Vault::new([7; 32]))
}

fn rung(role: LadderRole, name: &str, phone: &str) -> Rung {
    Rung { role, name: name.into(), phone: phone.into() }
}

async fn add(store: &Store, name: &'static str, org: &'static str, lon: f64) -> crate::ids::ResponderId {
    let new = NewResponder {
        name: name.into(),
        skill: "water".into(),
        org: city().child(org),
        place: Some(Point { lon, lat: 34.75 }),
        answer_seconds: 60,
        ladder: vec![
            (rung(LadderRole::Chief, "周队长", "13900000003"), None, None),
            (rung(LadderRole::Duty, "王师傅", "13900000001"), None, None),
            (rung(LadderRole::Duty, "李师傅", "13900000002"), None, None),
        ],
    };
    store
        .write(move |tx| Box::pin(async move { dispatch().add_responder(tx, &dispatcher(), new).await }))
        .await
        .unwrap()
}

async fn give(store: &Store, target: Target) -> Result<OrderView, CommandError> {
    let wish = GiveOrder { case: None, case_orgs: vec![], text: "关阀抢修".into(), target };
    store.write(move |tx| Box::pin(async move { dispatch().give(tx, &dispatcher(), wish).await })).await
}

async fn act(
    store: &Store,
    ask: OrderAsk,
    id: crate::ids::OrderId,
    command: OrderCommand,
) -> Result<OrderView, CommandError> {
    store.write(move |tx| Box::pin(async move { dispatch().act(tx, ask, id, command).await })).await
}

#[tokio::test]
async fn the_nearest_free_one_goes_and_the_next_when_he_is_busy() {
    for TestStore { store, .. } in stores(&[log::MIGRATIONS, MIGRATIONS]).await {
        add(&store, "远队", "erqi", 113.90).await;
        add(&store, "近队", "jinshui", 113.66).await;
        let nearest = || Target::Nearest { to: Point { lon: 113.65, lat: 34.75 }, skill: Some("water".into()) };
        assert_eq!(give(&store, nearest()).await.unwrap().responder, "近队");
        assert_eq!(give(&store, nearest()).await.unwrap().responder, "远队");
        let none = give(&store, nearest()).await.unwrap_err();
        assert!(matches!(none, CommandError::Refused(r) if r.code == "responder.none_free"));
    }
}

#[tokio::test]
async fn silence_alerts_the_next_on_the_rota_and_then_the_chief() {
    for TestStore { store, .. } in stores(&[log::MIGRATIONS, MIGRATIONS]).await {
        let id = add(&store, "一队", "jinshui", 113.66).await;
        let order = give(&store, Target::Responder(id)).await.unwrap();
        // Each alert's time is set to be over at once; the timers then climb by themselves.
        let stop = CancellationToken::new();
        let timers = tokio::spawn(log::run_timers(store.clone(), vec![Arc::new(Escalation(dispatch()))], stop.clone()));
        let key = order.id.to_string();
        for step in 1..=3 {
            let (key, mut news) = (key.clone(), store.last_seq());
            let before = *news.borrow();
            store
                .write(move |tx| {
                    Box::pin(async move {
                        log::set_timer(tx, "dispatch.answer", &key, crate::ids::Timestamp(1), &step.to_string()).await
                    })
                })
                .await
                .unwrap();
            news.wait_for(|seq| *seq > before).await.unwrap();
        }
        stop.cancel();
        timers.await.unwrap();
        let names: Vec<String> = log::after(store.reader(), "zz", 0, 100)
            .await
            .unwrap()
            .iter()
            .filter_map(DispatchEvent::from_record_sealed)
            .collect();
        assert_eq!(names, ["王师傅", "李师傅", "周队长"]);
        let now = store
            .write(move |tx| Box::pin(async move { dispatch().order(tx, &dispatcher(), order.id).await }))
            .await
            .unwrap();
        assert!(now.exhausted);
    }
}

impl DispatchEvent {
    /// The alerted person's name; numbers are sealed in the log and do not read as an event.
    fn from_record_sealed(record: &crate::events::Record) -> Option<String> {
        assert!(DispatchEvent::from_record(record).is_none() || record.kind != "order.alerted", "a number lies open");
        (record.kind == "order.alerted").then(|| record.body["name"].as_str().unwrap_or_default().to_owned())
    }
}

#[tokio::test]
async fn the_alerted_phone_accepts_and_a_stranger_cannot() {
    for TestStore { store, .. } in stores(&[log::MIGRATIONS, MIGRATIONS]).await {
        let id = add(&store, "一队", "jinshui", 113.66).await;
        let order = give(&store, Target::Responder(id)).await.unwrap();
        let stranger = OrderAsk::Phone(PhoneNumber::parse("13912345678").unwrap());
        let refused = act(&store, stranger, order.id, OrderCommand::Accept).await.unwrap_err();
        assert!(matches!(refused, CommandError::Refused(r) if r.code == "access.not_found"));
        let phone = PhoneNumber::parse("13900000001").unwrap();
        let accepted = store
            .write(move |tx| Box::pin(async move { dispatch().accept_by_phone(tx, &phone).await }))
            .await
            .unwrap()
            .unwrap();
        assert_eq!(accepted.state, OrderState::Accepted);
        let done = OrderCommand::Done { result: "已修复".into() };
        act(&store, OrderAsk::Actor(dispatcher()), order.id, done).await.unwrap();
        let free = dispatch().responders(&store, &dispatcher(), None).await.unwrap();
        assert_eq!(free[0].state, ResponderState::Free);
    }
}

#[tokio::test]
async fn another_county_sees_neither_the_order_nor_the_responder() {
    for TestStore { store, .. } in stores(&[log::MIGRATIONS, MIGRATIONS]).await {
        let id = add(&store, "一队", "jinshui", 113.66).await;
        let order = give(&store, Target::Responder(id)).await.unwrap();
        let erqi = actor(city().child("erqi"), &[Action::DispatchRead, Action::DispatchOrder, Action::OrderHandle]);
        assert!(dispatch().responders(&store, &erqi, None).await.unwrap().is_empty());
        let filter = OrderFilter { limit: 50, ..Default::default() };
        assert!(dispatch().orders(&store, &erqi, filter.clone()).await.unwrap().is_empty());
        let refused = act(&store, OrderAsk::Actor(erqi), order.id, OrderCommand::Accept).await.unwrap_err();
        assert!(matches!(refused, CommandError::Refused(r) if r.code == "access.not_found"));
        let jinshui = actor(city().child("jinshui"), &[Action::OrderHandle]);
        assert_eq!(dispatch().orders(&store, &jinshui, filter).await.unwrap().len(), 1);
    }
}
