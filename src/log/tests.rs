//! The log on both databases: order, chain, followers, outbox, timers, vault.
#![allow(clippy::unwrap_used)]

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use super::*;
use crate::access::{show_masked, show_whole};
use crate::events::{ActorRef, NewEvent, Personal, Record, Subject};
use crate::ids::{OrgPath, Timestamp};
use crate::store::testing::{TestStore, stores};
use crate::store::{Store, StoreError, Tx, WriteFuture};

fn vault() -> Vault {
    Vault::new([7; 32])
}

fn event(kind: &str, body: Value) -> NewEvent {
    NewEvent {
        subject: Subject::new("case", "a"),
        orgs: vec![OrgPath::root().child("zz")],
        actor: ActorRef::part("system", "test"),
        kind: kind.into(),
        body,
    }
}

async fn add(store: &Store, kind: &'static str, body: Value) -> Result<i64, StoreError> {
    store.write(move |tx| Box::pin(async move { append(tx, &vault(), event(kind, body)).await })).await
}

#[tokio::test]
async fn events_are_numbered_in_order_and_the_chain_verifies() {
    for TestStore { store, .. } in stores(&[MIGRATIONS]).await {
        let writes = (0..200).map(|i| add(&store, "t.added", json!({ "i": i })));
        let mut numbers: Vec<i64> =
            futures_util::future::join_all(writes).await.into_iter().map(Result::unwrap).collect();
        numbers.sort_unstable();
        assert_eq!(numbers, (1..=200).collect::<Vec<_>>());
        assert_eq!(verify(store.reader()).await.unwrap(), Ok(200));
        let page = after(store.reader(), "zz", 190, 100).await.unwrap();
        assert_eq!(page.iter().map(|r| r.seq).collect::<Vec<_>>(), (191..=200).collect::<Vec<_>>());
    }
}

#[tokio::test]
async fn a_failed_write_leaves_no_event_and_no_gap() {
    for TestStore { store, .. } in stores(&[MIGRATIONS]).await {
        add(&store, "t.one", json!({})).await.unwrap();
        let failed: Result<(), StoreError> = store
            .write(|tx| {
                Box::pin(async move {
                    append(tx, &vault(), event("t.lost", json!({}))).await?;
                    Err(StoreError::Damaged("on purpose".into()))
                })
            })
            .await;
        assert!(failed.is_err());
        assert_eq!(add(&store, "t.two", json!({})).await.unwrap(), 2);
        assert_eq!(verify(store.reader()).await.unwrap(), Ok(2));
    }
}

#[tokio::test]
async fn a_changed_byte_is_found_where_it_is() {
    for test in stores(&[MIGRATIONS]).await {
        for i in 0..5 {
            add(&test.store, "t.added", json!({ "i": i })).await.unwrap();
        }
        test.store
            .write(|tx| {
                Box::pin(async move {
                    sqlx::query("UPDATE log SET body = '{\"i\":9}' WHERE seq = 3").execute(tx.conn()).await?;
                    Ok::<_, StoreError>(())
                })
            })
            .await
            .unwrap();
        assert_eq!(verify(test.store.reader()).await.unwrap().unwrap_err().seq, 3);
    }
}

#[tokio::test]
async fn personal_texts_lie_sealed_and_an_erased_person_is_gone_while_the_chain_holds() {
    for TestStore { store, .. } in stores(&[MIGRATIONS]).await {
        let body = json!({ "caller": Personal::new("phone:x", "13812348001"), "note": "水管爆裂" });
        add(&store, "t.called", body).await.unwrap();
        let mut record = after(store.reader(), "zz", 0, 1).await.unwrap().remove(0);
        assert!(!record.body.to_string().contains("13812348001"), "plain text on disk: {}", record.body);
        let sealed = record.body.clone();
        let mut conn = store.reader().acquire().await.unwrap();
        vault().open_value(&mut conn, &mut record.body, show_whole).await.unwrap();
        assert_eq!(record.body["caller"], "13812348001");
        let mut masked = sealed.clone();
        vault().open_value(&mut conn, &mut masked, show_masked).await.unwrap();
        assert_eq!(masked["caller"], "138****8001");

        let gone = store.write(|tx| Box::pin(async move { vault().erase(tx, "phone:x").await })).await;
        assert!(gone.unwrap());
        let mut after_erasure = sealed;
        vault().open_value(&mut conn, &mut after_erasure, show_whole).await.unwrap();
        assert_eq!(after_erasure["caller"], Value::Null);
        assert_eq!(after_erasure["note"], "水管爆裂");
        assert_eq!(verify(store.reader()).await.unwrap(), Ok(1));
    }
}

/// Copies each `t.added` as `t.copied`.
struct Copier;

impl Follower for Copier {
    fn name(&self) -> &'static str {
        "copier"
    }
    fn wants(&self, kind: &str) -> bool {
        kind == "t.added"
    }
    fn handle<'a>(&'a self, tx: &'a mut Tx, record: &'a Record) -> WriteFuture<'a, (), StoreError> {
        Box::pin(async move {
            append(tx, &vault(), event("t.copied", record.body.clone())).await?;
            Ok(())
        })
    }
}

async fn copies(store: &Store) -> usize {
    after(store.reader(), "zz", 0, 1_000).await.unwrap().iter().filter(|r| r.kind == "t.copied").count()
}

async fn until_copied(store: &Store, wanted: usize) {
    let mut news = store.last_seq();
    while copies(store).await < wanted {
        news.changed().await.unwrap();
    }
}

#[tokio::test]
async fn a_follower_does_each_event_once_also_when_it_is_started_anew() {
    for TestStore { store, .. } in stores(&[MIGRATIONS]).await {
        for round in 1..=3 {
            for _ in 0..10 {
                add(&store, "t.added", json!({})).await.unwrap();
            }
            let stop = CancellationToken::new();
            let running = tokio::spawn(run_follower(store.clone(), "zz".into(), Arc::new(Copier), stop.clone()));
            until_copied(&store, round * 10).await;
            stop.cancel();
            running.await.unwrap();
        }
        assert_eq!(copies(&store).await, 30);
    }
}

/// Refuses the first attempt, then takes it.
struct Flaky {
    calls: AtomicU32,
}

impl Courier for Flaky {
    fn name(&self) -> &'static str {
        "flaky"
    }
    fn deliver(&self, item: OutboxItem) -> std::pin::Pin<Box<dyn Future<Output = Delivery> + Send + '_>> {
        Box::pin(async move {
            self.calls.fetch_add(1, Ordering::SeqCst);
            match item.payload.as_str() {
                "never" => Attempt::Dead("the far side refuses it for good".into()).into(),
                _ => Delivery {
                    attempt: Attempt::Done,
                    record: Some(Box::new(|tx| {
                        Box::pin(async move {
                            append(tx, &vault(), event("t.delivered", json!({}))).await?;
                            Ok(())
                        })
                    })),
                },
            }
        })
    }
}

#[tokio::test]
async fn the_outbox_delivers_once_per_key_and_keeps_what_can_never_be() {
    for TestStore { store, .. } in stores(&[MIGRATIONS]).await {
        let put = |key: &'static str, payload: &'static str| {
            store.write(move |tx| Box::pin(async move { put_outbox(tx, "flaky", key, payload, Timestamp(0)).await }))
        };
        assert!(put("a", "ok").await.unwrap());
        assert!(!put("a", "ok").await.unwrap(), "the same key twice is one effect");
        assert!(put("b", "never").await.unwrap());
        let courier = Arc::new(Flaky { calls: AtomicU32::new(0) });
        let stop = CancellationToken::new();
        let running = tokio::spawn(run_courier(store.clone(), courier.clone(), stop.clone()));
        while dead_letters(&store, 10).await.unwrap().is_empty() {
            tokio::task::yield_now().await;
        }
        let mut news = store.last_seq();
        while !after(store.reader(), "zz", 0, 10).await.unwrap().iter().any(|r| r.kind == "t.delivered") {
            news.changed().await.unwrap();
        }
        stop.cancel();
        running.await.unwrap();
        assert_eq!(courier.calls.load(Ordering::SeqCst), 2);
        let dead = dead_letters(&store, 10).await.unwrap();
        assert_eq!(dead.len(), 1);
        assert_eq!(dead[0].last_error.as_deref(), Some("the far side refuses it for good"));
        let id = dead[0].id.clone();
        assert!(store.write(move |tx| Box::pin(async move { retry_dead(tx, &id).await })).await.unwrap());
    }
}

struct Bell;

impl TimerHandler for Bell {
    fn kind(&self) -> &'static str {
        "bell"
    }
    fn fire<'a>(&'a self, tx: &'a mut Tx, timer: &'a Timer) -> WriteFuture<'a, (), StoreError> {
        Box::pin(async move {
            append(tx, &vault(), event("t.rang", json!({ "key": timer.key }))).await?;
            Ok(())
        })
    }
}

#[tokio::test]
async fn a_due_timer_fires_once_and_a_cancelled_one_never() {
    for TestStore { store, .. } in stores(&[MIGRATIONS]).await {
        store
            .write(|tx| {
                Box::pin(async move {
                    set_timer(tx, "bell", "due", Timestamp(1), "").await?;
                    set_timer(tx, "bell", "cancelled", Timestamp(1), "").await?;
                    set_timer(tx, "bell", "far", Timestamp(i64::MAX), "").await?;
                    cancel_timer(tx, "bell", "cancelled").await
                })
            })
            .await
            .unwrap();
        let stop = CancellationToken::new();
        let running = tokio::spawn(run_timers(store.clone(), vec![Arc::new(Bell)], stop.clone()));
        store.last_seq().wait_for(|seq| *seq >= 1).await.unwrap();
        stop.cancel();
        running.await.unwrap();
        let rang = after(store.reader(), "zz", 0, 10).await.unwrap();
        assert_eq!(rang.len(), 1);
        assert_eq!(rang[0].body["key"], "due");
    }
}

/// Never comes to an end with the item, as a courier that is killed in the middle; the second knows of the first.
struct Slow {
    interrupted: tokio::sync::mpsc::UnboundedSender<bool>,
    ends: bool,
}

impl Courier for Slow {
    fn name(&self) -> &'static str {
        "slow"
    }
    fn deliver(&self, item: OutboxItem) -> std::pin::Pin<Box<dyn Future<Output = Delivery> + Send + '_>> {
        Box::pin(async move {
            self.interrupted.send(item.interrupted).unwrap();
            if !self.ends {
                std::future::pending::<()>().await;
            }
            Attempt::Done.into()
        })
    }
}

#[tokio::test]
async fn what_a_killed_courier_had_is_taken_up_at_once_and_known_as_interrupted() {
    for TestStore { store, .. } in stores(&[MIGRATIONS]).await {
        store.write(|tx| Box::pin(async move { put_outbox(tx, "slow", "a", "ok", Timestamp(0)).await })).await.unwrap();
        let (interrupted, mut told) = tokio::sync::mpsc::unbounded_channel();
        let slow = |ends| Arc::new(Slow { interrupted: interrupted.clone(), ends });
        let killed = tokio::spawn(run_courier(store.clone(), slow(false), CancellationToken::new()));
        assert_eq!(told.recv().await, Some(false));
        killed.abort();
        release_leases(&store).await.unwrap();
        let stop = CancellationToken::new();
        let running = tokio::spawn(run_courier(store.clone(), slow(true), stop.clone()));
        assert_eq!(told.recv().await, Some(true), "without waiting for the lease to run out");
        stop.cancel();
        running.await.unwrap();
    }
}

#[tokio::test]
async fn a_full_disk_is_named_reading_goes_on_and_so_does_writing_once_there_is_space() {
    async fn pages(store: &Store, most: &'static str) {
        let done: Result<(), StoreError> = store
            .write(move |tx| {
                Box::pin(async move {
                    sqlx::raw_sql(most).execute(tx.conn()).await?;
                    Ok(())
                })
            })
            .await;
        done.unwrap();
    }
    for TestStore { store, .. } in stores(&[MIGRATIONS]).await {
        if store.dialect() != crate::store::Dialect::Sqlite {
            continue; // a server's disk is not ours to fill
        }
        add(&store, "t.small", json!({})).await.unwrap();
        pages(&store, "PRAGMA max_page_count = 1").await; // the least it takes is its present size
        let big = json!({ "text": "满".repeat(200_000) });
        let full = add(&store, "t.big", big.clone()).await.unwrap_err();
        assert!(matches!(full, StoreError::Full(_)), "{full:?}");
        assert_eq!(after(store.reader(), "zz", 0, 10).await.unwrap().len(), 1, "nothing of it is there");
        pages(&store, "PRAGMA max_page_count = 1073741823").await;
        add(&store, "t.big", big).await.unwrap();
        assert_eq!(verify(store.reader()).await.unwrap().unwrap(), 2, "the chain holds");
    }
}
