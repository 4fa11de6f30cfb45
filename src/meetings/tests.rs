//! Meetings on both databases: who may call, join and end one, what a guest link opens, what stands in the log.
#![allow(clippy::unwrap_used)]

use super::link::{Invitation, LinkError};
use super::token::Signer;
use super::*;
use crate::access::{Action, Actor, CommandError, Grant, Scope, Sensitivity, show_whole};
use crate::ids::{MeetingId, OrgPath, Timestamp, UnitId};
use crate::log::{self, Vault};
use crate::store::Store;
use crate::store::testing::{TestStore, stores};

fn city() -> OrgPath {
    OrgPath::root().child("zz")
}

fn actor(path: OrgPath, person: u128, actions: &[Action]) -> Actor {
    let grant = |action: &Action| Grant { action: *action, scope: Scope::Unit, ceiling: Sensitivity::Internal };
    let mut actor = Actor::for_test(path, actions.iter().map(grant).collect());
    actor.person = Some(crate::ids::PersonId(uuid::Uuid::from_u128(person)));
    actor
}

fn host() -> Actor {
    actor(city(), 1, &[Action::MeetingRead, Action::MeetingHold])
}

fn water() -> Actor {
    actor(city().child("water"), 2, &[Action::MeetingRead])
}

fn stranger() -> Actor {
    actor(city().child("erqi"), 3, &[Action::MeetingRead, Action::MeetingHold])
}

fn meetings() -> Meetings {
    Meetings::new(Vault::new([7; 32]), Signer::new("key", "secret"))
}

async fn call(store: &Store) -> MeetingView {
    let unit =
        Invited { id: UnitId(uuid::Uuid::from_u128(9)), name: "水务公司".into(), path: city().child("water") };
    let wish = CallMeeting {
        title: " 爆管会商 ".into(),
        case: None,
        invite: vec![unit.clone(), unit],
        link: "https://hub/meet#".into(),
    };
    store.write(move |tx| Box::pin(async move { meetings().call(tx, &host(), wish).await })).await.unwrap()
}

async fn ticket(store: &Store, actor: Actor, id: MeetingId) -> Result<String, CommandError> {
    store.write(move |tx| Box::pin(async move { meetings().ticket(tx, &actor, id).await })).await
}

async fn record(store: &Store, room: &str, happening: Happening) {
    let room = room.to_owned();
    store.write(move |tx| Box::pin(async move { meetings().record(tx, &room, happening).await })).await.unwrap();
}

fn code(e: CommandError) -> &'static str {
    match e {
        CommandError::Refused(refusal) => refusal.code,
        CommandError::Store(e) => panic!("{e}"),
    }
}

async fn kinds(store: &Store) -> Vec<String> {
    log::after(store.reader(), "zz", 0, 100).await.unwrap().into_iter().map(|r| r.kind).collect()
}

#[tokio::test]
async fn the_host_chairs_the_invited_join_and_strangers_see_nothing() {
    for TestStore { store, .. } in stores(&[log::MIGRATIONS, MIGRATIONS]).await {
        let meeting = call(&store).await;
        assert_eq!((meeting.title.as_str(), meeting.invited.len(), meeting.state), ("爆管会商", 1, "called"));
        let read = |token: &str| meetings().signer().verify(token, Timestamp::now()).unwrap().video.unwrap();
        let chair = read(&ticket(&store, host(), meeting.id).await.unwrap());
        assert!(chair.room_admin && chair.room_join && chair.room == meeting.room);
        let guest = read(&ticket(&store, water(), meeting.id).await.unwrap());
        assert!(!guest.room_admin && guest.room_join);
        assert_eq!(code(ticket(&store, stranger(), meeting.id).await.unwrap_err()), "access.not_found");
        let seen = async |actor: Actor| {
            meetings().meetings(&store, &actor, MeetingFilter { limit: 50, ..Default::default() }).await.unwrap().len()
        };
        assert_eq!((seen(host()).await, seen(water()).await, seen(stranger()).await), (1, 1, 0));
        let id = meeting.id;
        let refused = store.write(move |tx| Box::pin(async move { meetings().end(tx, &water(), id).await })).await;
        assert_eq!(code(refused.unwrap_err()), "access.denied");
    }
}

#[tokio::test]
async fn the_log_tells_the_meeting_in_order_and_its_end_closes_every_door() {
    for TestStore { store, .. } in stores(&[log::MIGRATIONS, MIGRATIONS]).await {
        let meeting = call(&store).await;
        let joined = |sid: &str| Happening::Joined { sid: sid.into(), identity: "p".into(), name: "王工".into() };
        record(&store, &meeting.room, joined("PA_1")).await;
        record(&store, &meeting.room, Happening::Left { sid: "PA_1".into(), reason: "left" }).await;
        record(&store, &meeting.room, Happening::Left { sid: "PA_1".into(), reason: "left" }).await;
        record(&store, &meeting.room, joined("PA_2")).await;
        let id = meeting.id;
        let ended =
            store.write(move |tx| Box::pin(async move { meetings().end(tx, &host(), id).await })).await.unwrap();
        assert_eq!((ended.state, ended.participants.len()), ("ended", 2));
        assert!(ended.participants.iter().all(|p| p.left_at.is_some()));
        // What comes late from the room changes nothing.
        record(&store, &meeting.room, Happening::Left { sid: "PA_2".into(), reason: "ended" }).await;
        record(&store, &meeting.room, joined("PA_3")).await;
        record(&store, &meeting.room, Happening::Emptied).await;
        record(&store, "a room of somebody else", joined("PA_4")).await;
        let told = ["created", "invited", "started", "joined", "left", "joined", "left", "ended"];
        assert_eq!(kinds(&store).await, told.map(|k| format!("meeting.{k}")));
        assert!(!meetings().may_enter(&store, &meeting.room).await.unwrap());
        assert!(meetings().may_enter(&store, "drill").await.unwrap());
        assert_eq!(code(ticket(&store, host(), id).await.unwrap_err()), "meeting.ended");
    }
}

#[tokio::test]
async fn a_guest_comes_by_the_link_of_his_sms_and_by_no_other() {
    for TestStore { store, .. } in stores(&[log::MIGRATIONS, MIGRATIONS]).await {
        let meeting = call(&store).await;
        let mut events = log::after(store.reader(), "zz", 0, 100).await.unwrap();
        let mut conn = store.reader().acquire().await.unwrap();
        let (vault, mut shown) = (Vault::new([7; 32]), events[1].body.clone());
        vault.open_value(&mut conn, &mut shown, show_whole).await.unwrap();
        assert_eq!(shown["url"], "******", "whoever reads the log does not come in by it");
        vault.open_secrets(&mut conn, &mut events[1].body).await.unwrap();
        drop(conn);
        let url = events[1].body["url"].as_str().unwrap().to_owned();
        let link = url.strip_prefix("https://hub/meet#").unwrap().to_owned();
        let enter = async |link: String, name: &'static str| {
            store.write(move |tx| Box::pin(async move { meetings().guest_ticket(tx, &link, name).await })).await
        };
        let token = enter(link.clone(), "李师傅").await.unwrap();
        let claims = meetings().signer().verify(&token, Timestamp::now()).unwrap();
        assert_eq!(claims.name, "水务公司·李师傅（访客）");
        let video = claims.video.unwrap();
        assert!(video.room == meeting.room && !video.room_admin && !video.room_list);
        assert_eq!(code(enter(link.clone(), "\n").await.unwrap_err()), "meeting.guest_name");
        assert_eq!(code(enter(format!("{link}A"), "李").await.unwrap_err()), "meeting.bad_link");
        let foreign =
            Invitation { meeting: meeting.id, invited: 0 }.seal(&Signer::new("key", "other"), Timestamp(i64::MAX / 2));
        assert_eq!(Invitation::open(meetings().signer(), &foreign, Timestamp::now()), Err(LinkError::Forged));
        assert_eq!(code(enter(foreign, "李").await.unwrap_err()), "meeting.bad_link");
    }
}

#[tokio::test]
async fn after_a_restart_nobody_is_there() {
    for TestStore { store, .. } in stores(&[log::MIGRATIONS, MIGRATIONS]).await {
        let meeting = call(&store).await;
        let joined = Happening::Joined { sid: "PA_1".into(), identity: "p".into(), name: "王工".into() };
        record(&store, &meeting.room, joined).await;
        meetings().recover(&store).await.unwrap();
        meetings().recover(&store).await.unwrap();
        let last = log::after(store.reader(), "zz", 0, 100).await.unwrap().pop().unwrap();
        assert_eq!((last.kind.as_str(), last.body["reason"].as_str()), ("meeting.left", Some("restart")));
        assert_eq!(kinds(&store).await.iter().filter(|k| *k == "meeting.left").count(), 1);
    }
}
