//! Organisations, people and accounts on both databases.
#![allow(clippy::unwrap_used)]

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use proptest::prelude::*;

use super::accounts::{Hasher, NewAccount, Policy, SignIn, SignedIn, Stage};
use super::people::{NewPerson, NewPost, PersonFilter};
use super::*;
use crate::access::{Grant, Origin, Scope, Sensitivity};
use crate::ids::{OrgPath, PostId, SessionId};
use crate::log;
use crate::store::WriteFuture;
use crate::store::testing::{TestStore, stores};

const SETS: &[&[Migration]] = &[log::MIGRATIONS, MIGRATIONS];
const PASSWORD: &str = "Jia-Ming-2026";

/// A hub's organisation on one database, with a clock that the test moves.
struct Town {
    orgs: Orgs,
    test: TestStore,
    clock: Arc<AtomicI64>,
    city: UnitId,
    jinshui: UnitId,
    erqi: UnitId,
    town: UnitId,
}

fn vault() -> Vault {
    Vault::new([7; 32])
}

fn hub() -> Actor {
    Actor::hub("测试")
}

fn grant(action: Action, scope: Scope) -> Grant {
    Grant { action, scope, ceiling: Sensitivity::Internal }
}

fn unit(parent: Option<UnitId>, code: &str, kind: UnitKind) -> NewUnit {
    NewUnit {
        id: None,
        parent,
        code: code.into(),
        kind,
        name: format!("{code}单位"),
        gov_code: None,
        duty_phone: None,
        place: None,
        boundary: None,
        from: None,
    }
}

async fn write<T: Send + 'static>(
    store: &Store,
    work: impl for<'a> FnOnce(&'a mut Tx) -> WriteFuture<'a, T, CommandError> + Send + 'static,
) -> Result<T, CommandError> {
    store.write(work).await
}

/// The code of the refusal in an answer.
fn code<T: std::fmt::Debug>(answer: Result<T, CommandError>) -> &'static str {
    match answer {
        Err(CommandError::Refused(r)) => r.code,
        other => panic!("expected a refusal, got {other:?}"),
    }
}

const ROLES: &[(&str, &[(Action, Scope)])] = &[
    ("agent", &[(Action::CallAgent, Scope::Subtree)]),
    ("clerk", &[(Action::OrgRead, Scope::Subtree), (Action::OrgManage, Scope::Subtree)]),
    ("sysadmin", &[(Action::SystemManage, Scope::Subtree), (Action::OrgRead, Scope::Subtree)]),
    ("secadmin", &[(Action::SecurityManage, Scope::Subtree)]),
    ("auditor", &[(Action::AuditRead, Scope::Subtree)]),
];

impl Town {
    async fn on(test: TestStore, policy: Policy) -> Self {
        let store = test.store.clone();
        let [city, jinshui, erqi, town] = write(&store, |tx| Box::pin(build(tx))).await.unwrap();
        // A minute ahead of the store, whose clock is the system's: what the test enters now holds at once.
        let clock = Arc::new(AtomicI64::new(Timestamp::now().0 + 60_000));
        let hands = clock.clone();
        let now = Arc::new(move || Timestamp(hands.load(Ordering::Relaxed)));
        let orgs = Orgs::with(store, vault(), policy, Hasher::quick(), now).await.unwrap();
        Self { orgs, test, clock, city, jinshui, erqi, town }
    }

    async fn all(policy: fn() -> Policy) -> Vec<Self> {
        let mut towns = Vec::new();
        for test in stores(SETS).await {
            towns.push(Self::on(test, policy()).await);
        }
        towns
    }

    fn store(&self) -> &Store {
        &self.test.store
    }

    fn pass(&self, minutes: i64) {
        self.clock.fetch_add(minutes * 60_000, Ordering::Relaxed);
    }

    /// A person with a post of this role in the unit, and an account.
    async fn hire(&self, user: &'static str, role: &'static str, unit: UnitId) -> PersonId {
        let password = self.orgs.hasher.prepare(PASSWORD).await.unwrap();
        write(self.store(), move |tx| {
            Box::pin(async move {
                let (person, _) = employ(tx, user, role, unit).await?;
                let account = NewAccount {
                    user: user.into(),
                    person,
                    password,
                    must_change: false,
                    extension: None,
                    realm: "liandong".into(),
                };
                accounts::create_account(tx, &vault(), &hub(), account).await?;
                Ok(person)
            })
        })
        .await
        .unwrap()
    }

    async fn sign_in_from(&self, user: &str, password: &str, address: &str) -> Result<SignedIn, CommandError> {
        let address: IpAddr = address.parse().unwrap();
        let ask = SignIn {
            user: user.into(),
            password: password.into(),
            totp: None,
            address: Some(address),
            agent: "test".into(),
        };
        self.orgs.sign_in(ask).await
    }

    async fn sign_in(&self, user: &str) -> SignedIn {
        self.sign_in_from(user, PASSWORD, "10.0.0.1").await.unwrap()
    }

    async fn actor(&self, token: &str) -> Result<Actor, CommandError> {
        self.orgs.authenticate(token, None, Origin::default()).await
    }

    async fn kinds(&self) -> Vec<String> {
        log::after(self.store().reader(), "zz", 0, 1000).await.unwrap().into_iter().map(|r| r.kind).collect()
    }
}

async fn build(tx: &mut Tx) -> Result<[UnitId; 4], CommandError> {
    let (v, a) = (vault(), hub());
    let city = create_unit(tx, &v, &a, unit(None, "zz", UnitKind::City)).await?.id;
    let jinshui = create_unit(tx, &v, &a, unit(Some(city), "jinshui", UnitKind::County)).await?.id;
    let erqi = create_unit(tx, &v, &a, unit(Some(city), "erqi", UnitKind::County)).await?.id;
    let town = create_unit(tx, &v, &a, unit(Some(jinshui), "001", UnitKind::Township)).await?.id;
    for (code, grants) in ROLES {
        let grants = grants.iter().map(|(action, scope)| grant(*action, *scope)).collect();
        set_role(tx, &v, &a, Role { code: (*code).into(), name: (*code).into(), grants }).await?;
    }
    Ok([city, jinshui, erqi, town])
}

async fn employ(tx: &mut Tx, name: &str, role: &str, unit: UnitId) -> Result<(PersonId, PostId), CommandError> {
    let (v, a) = (vault(), hub());
    let person = NewPerson { id: None, name: name.into(), phone: None };
    let person = people::add_person(tx, &v, &a, person).await?;
    let post = NewPost { id: None, unit, title: role.into(), role: role.into(), chief: role == "clerk", from: None };
    let post = people::create_post(tx, &v, &a, post).await?.id;
    people::fill_post(tx, &v, &a, post, person, false, (None, None)).await?;
    Ok((person, post))
}

fn strict() -> Policy {
    Policy::strict("liandong", 15)
}

#[tokio::test]
async fn a_change_leaves_the_past_as_it_was() {
    for town in Town::all(strict).await {
        let before = Timestamp::now();
        tokio::time::sleep(std::time::Duration::from_millis(2)).await; // periods are told apart by the millisecond
        let id = town.town;
        let change = UnitChange {
            name: Some("文化路街道".into()),
            duty_phone: Some("0371-65901234".into()),
            ..UnitChange::default()
        };
        write(town.store(), move |tx| {
            Box::pin(async move { change_unit(tx, &vault(), &hub(), id, change, None).await })
        })
        .await
        .unwrap();
        town.pass(1);
        town.orgs.reload().await.unwrap();
        assert_eq!(town.orgs.directory().tree.unit(id).unwrap().name, "文化路街道");
        assert_eq!(town.orgs.directory().duty_phone(id), Some("037165901234"));
        assert_eq!(town.orgs.tree_at(before).await.unwrap().unit(id).unwrap().name, "001单位");
        assert_eq!(town.orgs.unit_history(id).await.unwrap().len(), 2);
    }
}

#[tokio::test]
async fn a_move_takes_all_below_along_and_people_with_it() {
    for town in Town::all(strict).await {
        let (id, erqi) = (town.town, town.erqi);
        let clerk = write(town.store(), move |tx| Box::pin(employ(tx, "王", "clerk", id))).await.unwrap().0;
        write(town.store(), move |tx| {
            Box::pin(async move {
                create_unit(tx, &vault(), &hub(), unit(Some(id), "v1", UnitKind::Village)).await?;
                move_unit(tx, &vault(), &hub(), id, erqi).await
            })
        })
        .await
        .unwrap();
        town.pass(1);
        town.orgs.reload().await.unwrap();
        let directory = town.orgs.directory();
        let village = directory.tree.at_path(&OrgPath::from_stored("/zz/erqi/001/v1/")).unwrap();
        assert_eq!(directory.tree.county_of(village.id).unwrap().id, erqi);
        let mut conn = town.store().reader().acquire().await.unwrap();
        let (_, paths) = people::person(&mut conn, clerk).await.unwrap().unwrap();
        assert_eq!(paths, [OrgPath::from_stored("/zz/erqi/001/")]);
        let seat = people::seat(&mut conn, clerk, None, Timestamp::now()).await.unwrap().unwrap();
        assert_eq!(seat.unit_path.as_str(), "/zz/erqi/001/");
    }
}

#[tokio::test]
async fn a_change_entered_ahead_of_time_comes_by_itself() {
    for town in Town::all(strict).await {
        let (id, later) = (town.town, Timestamp::now().plus_millis(3_600_000));
        let change = UnitChange { name: Some("新名".into()), ..UnitChange::default() };
        write(town.store(), move |tx| {
            Box::pin(async move { change_unit(tx, &vault(), &hub(), id, change, Some(later)).await })
        })
        .await
        .unwrap();
        town.orgs.reload().await.unwrap();
        assert_eq!(town.orgs.directory().tree.unit(id).unwrap().name, "001单位");
        assert_eq!(town.orgs.directory().next_change(), Some(later));
        town.pass(61);
        town.orgs.reload().await.unwrap();
        assert_eq!(town.orgs.directory().tree.unit(id).unwrap().name, "新名");
        let again = UnitChange { name: Some("又名".into()), ..UnitChange::default() };
        let refused = write(town.store(), move |tx| {
            Box::pin(async move { change_unit(tx, &vault(), &hub(), id, again, None).await })
        });
        assert_eq!(code(refused.await), "orgs.change_planned");
    }
}

#[tokio::test]
async fn units_are_founded_where_they_belong_and_by_whom_may() {
    for town in Town::all(strict).await {
        let (jinshui, erqi) = (town.jinshui, town.erqi);
        let clerk =
            || Actor::for_test(OrgPath::from_stored("/zz/jinshui/"), vec![grant(Action::OrgManage, Scope::Subtree)]);
        for (actor, new, expected) in [
            (hub(), unit(Some(jinshui), "001", UnitKind::Township), "orgs.code_taken"),
            (hub(), unit(Some(jinshui), "a/b", UnitKind::Township), "orgs.code"),
            (hub(), unit(Some(jinshui), "v", UnitKind::Village), "orgs.misplaced"),
            (hub(), unit(None, "x", UnitKind::County), "orgs.misplaced"),
            (clerk(), unit(Some(erqi), "t", UnitKind::Township), "access.not_found"),
        ] {
            let refused =
                write(town.store(), move |tx| Box::pin(async move { create_unit(tx, &vault(), &actor, new).await }))
                    .await;
            assert_eq!(code(refused), expected);
        }
        write(town.store(), move |tx| {
            Box::pin(async move {
                create_unit(tx, &vault(), &clerk(), unit(Some(jinshui), "002", UnitKind::Township)).await
            })
        })
        .await
        .unwrap();
        let jinshui_close =
            write(town.store(), move |tx| Box::pin(async move { close_unit(tx, &vault(), &hub(), jinshui).await }))
                .await;
        assert_eq!(code(jinshui_close), "orgs.has_units");
    }
}

#[tokio::test]
async fn a_person_has_several_posts_and_stands_in_for_a_time() {
    for town in Town::all(strict).await {
        let (jinshui, erqi) = (town.jinshui, town.erqi);
        let until = Timestamp::now().plus_millis(3_600_000);
        let (li, wang) = write(town.store(), move |tx| {
            Box::pin(async move {
                let (li, post) = employ(tx, "李", "clerk", jinshui).await?;
                let (wang, _) = employ(tx, "王", "clerk", erqi).await?;
                people::fill_post(tx, &vault(), &hub(), post, wang, true, (None, Some(until))).await?;
                Ok((li, wang))
            })
        })
        .await
        .unwrap();
        let mut conn = town.store().reader().acquire().await.unwrap();
        let titles = |seats: Vec<people::SeatRow>| seats.iter().map(|s| (s.seat.unit, s.stand_in)).collect::<Vec<_>>();
        let now = Timestamp::now();
        assert_eq!(titles(people::seats(&mut conn, wang, now).await.unwrap()), [(erqi, false), (jinshui, true)]);
        assert_eq!(titles(people::seats(&mut conn, wang, until).await.unwrap()), [(erqi, false)]);
        let chief = people::chief(&mut conn, &vault(), jinshui, now).await.unwrap().unwrap();
        assert_eq!(chief.person, wang, "while a stand-in is there he is the one to reach");
        let chief = people::chief(&mut conn, &vault(), jinshui, until).await.unwrap().unwrap();
        assert_eq!(chief.person, li);
        let foreign = people::seat(&mut conn, li, Some(PostId(uuid::Uuid::nil())), now).await.unwrap();
        assert!(foreign.is_none());
    }
}

#[tokio::test]
async fn nobody_is_two_administrators() {
    for town in Town::all(strict).await {
        let city = town.city;
        let refused = write(town.store(), move |tx| {
            Box::pin(async move {
                let (person, _) = employ(tx, "赵", "sysadmin", city).await?;
                let post = NewPost {
                    id: None,
                    unit: city,
                    title: "安全".into(),
                    role: "secadmin".into(),
                    chief: false,
                    from: None,
                };
                let post = people::create_post(tx, &vault(), &hub(), post).await?;
                people::fill_post(tx, &vault(), &hub(), post.id, person, false, (None, None)).await
            })
        });
        assert_eq!(code(refused.await), "orgs.administrators_exclude");
        // Nor by turning a role that he holds beside into another administrator's.
        let refused = write(town.store(), move |tx| {
            Box::pin(async move {
                let (person, _) = employ(tx, "钱", "sysadmin", city).await?;
                let post =
                    NewPost { id: None, unit: city, title: "x".into(), role: "agent".into(), chief: false, from: None };
                let post = people::create_post(tx, &vault(), &hub(), post).await?;
                people::fill_post(tx, &vault(), &hub(), post.id, person, true, (None, None)).await?;
                let role = Role {
                    code: "agent".into(),
                    name: "x".into(),
                    grants: vec![grant(Action::AuditRead, Scope::Subtree)],
                };
                set_role(tx, &vault(), &hub(), role).await
            })
        });
        assert_eq!(code(refused.await), "orgs.administrators_exclude");
    }
}

#[tokio::test]
async fn nobody_gives_rights_that_he_has_not() {
    for town in Town::all(strict).await {
        let town_id = town.town;
        let refused = write(town.store(), move |tx| {
            Box::pin(async move {
                let grants = [Action::OrgRead, Action::OrgManage].map(|a| grant(a, Scope::Subtree)).to_vec();
                let clerk = Actor::for_test(OrgPath::from_stored("/zz/jinshui/"), grants);
                let new = |role: &str| NewPost {
                    id: None,
                    unit: town_id,
                    title: "x".into(),
                    role: role.into(),
                    chief: false,
                    from: None,
                };
                people::create_post(tx, &vault(), &clerk, new("clerk")).await?;
                people::create_post(tx, &vault(), &clerk, new("secadmin")).await
            })
        });
        assert_eq!(code(refused.await), "orgs.beyond_own_rights");
    }
}

#[tokio::test]
async fn a_phone_is_found_by_its_index_and_lies_sealed() {
    for town in Town::all(strict).await {
        let phone = PhoneNumber::parse("13812348001").unwrap();
        let kept = phone.clone();
        let person = write(town.store(), move |tx| {
            Box::pin(async move {
                let person = NewPerson { id: None, name: "李".into(), phone: Some(kept) };
                people::add_person(tx, &vault(), &hub(), person).await
            })
        })
        .await
        .unwrap();
        let mut conn = town.store().reader().acquire().await.unwrap();
        assert_eq!(people::person_by_phone(&mut conn, &vault(), &phone).await.unwrap(), [person]);
        assert_eq!(people::phone_of(&mut conn, &vault(), person).await.unwrap(), Some(phone));
        let records = log::after(town.store().reader(), "zz", 0, 1000).await.unwrap();
        assert!(records.iter().all(|r| !r.body.to_string().contains("13812348001")), "in clear in the log");
    }
}

#[tokio::test]
async fn reading_a_phone_needs_the_right_and_a_purpose_and_is_audited() {
    for town in Town::all(strict).await {
        let (jinshui, erqi) = (town.jinshui, town.erqi);
        let (mine, other) = write(town.store(), move |tx| {
            Box::pin(async move {
                Ok((employ(tx, "李", "clerk", jinshui).await?.0, employ(tx, "王", "clerk", erqi).await?.0))
            })
        })
        .await
        .unwrap();
        let reader = |rights: &[Action]| {
            Actor::for_test(
                OrgPath::from_stored("/zz/jinshui/"),
                rights.iter().map(|a| grant(*a, Scope::Subtree)).collect(),
            )
        };
        for (actor, person, purpose, expected) in [
            (reader(&[Action::OrgRead]), mine, "回访", "access.denied"),
            (reader(&[Action::OrgRead, Action::PersonalRead]), other, "回访", "access.not_found"),
            (reader(&[Action::OrgRead, Action::PersonalRead]), mine, " ", "access.purpose"),
        ] {
            let asked = write(town.store(), move |tx| {
                Box::pin(async move { read_phone(tx, &vault(), &actor, person, purpose).await })
            });
            assert_eq!(code(asked.await), expected);
        }
        let actor = reader(&[Action::OrgRead, Action::PersonalRead]);
        write(town.store(), move |tx| Box::pin(async move { read_phone(tx, &vault(), &actor, mine, "回访").await }))
            .await
            .unwrap();
        assert_eq!(town.kinds().await.last().unwrap(), "access.personal_read");
    }
}

#[tokio::test]
async fn signing_in_opens_a_session_that_survives_and_can_be_cut() {
    for town in Town::all(strict).await {
        let person = town.hire("agent1", "agent", town.jinshui).await;
        let signed = town.sign_in("Agent1").await;
        assert_eq!((signed.person, signed.stage), (person, Stage::Full));
        let actor = town.actor(&signed.token).await.unwrap();
        assert_eq!((actor.user.as_str(), actor.unit), ("agent1", Some(town.jinshui)));
        // Another process on the same database knows it: a restart ends no session.
        let hands = town.clock.clone();
        let now = Arc::new(move || Timestamp(hands.load(Ordering::Relaxed)));
        let again = Orgs::with(town.store().clone(), vault(), strict(), Hasher::quick(), now).await.unwrap();
        again.authenticate(&signed.token, None, Origin::default()).await.unwrap();
        assert_eq!(again.sessions_of("agent1").await.unwrap().len(), 1);
        let (session, listener) = (signed.session, actor.clone());
        assert_eq!(town.orgs.still(&listener).await.unwrap().user, "agent1");
        write(town.store(), move |tx| {
            Box::pin(async move { accounts::cut_session(tx, &vault(), &actor, session).await })
        })
        .await
        .unwrap();
        // Refused at the very next request, whatever was remembered of it, and told to whoever listens with it.
        assert_eq!(code(town.actor(&signed.token).await), "access.unauthenticated");
        assert_eq!(code(town.orgs.still(&listener).await), "access.unauthenticated");
        assert_eq!(code(town.actor("made up").await), "access.unauthenticated");
        assert!(town.kinds().await.ends_with(&["access.signed_in".into(), "access.signed_out".into()]));
    }
}

#[tokio::test]
async fn a_session_of_another_is_not_there_for_who_may_not_cut_it() {
    for town in Town::all(strict).await {
        town.hire("agent1", "agent", town.jinshui).await;
        let signed = town.sign_in("agent1").await;
        let cut = |actor: Actor, session: SessionId| {
            write(town.store(), move |tx| {
                Box::pin(async move { accounts::cut_session(tx, &vault(), &actor, session).await })
            })
        };
        let mut stranger =
            Actor::for_test(OrgPath::from_stored("/zz/erqi/"), vec![grant(Action::SecurityManage, Scope::Subtree)]);
        stranger.person = Some(PersonId(uuid::Uuid::from_u128(77)));
        assert_eq!(code(cut(stranger.clone(), signed.session).await), "access.not_found");
        stranger.unit_path = OrgPath::from_stored("/zz/");
        cut(stranger, signed.session).await.unwrap();
    }
}

#[tokio::test]
async fn an_idle_session_ends_and_a_used_one_ends_in_the_evening() {
    for town in Town::all(strict).await {
        town.hire("agent1", "agent", town.jinshui).await;
        let idle = town.sign_in("agent1").await;
        town.pass(16);
        assert_eq!(code(town.actor(&idle.token).await), "access.unauthenticated");
        assert_eq!(town.kinds().await.last().unwrap(), "access.signed_out");
        let used = town.sign_in("agent1").await;
        for _ in 0..71 {
            town.pass(10);
            town.actor(&used.token).await.unwrap();
        }
        town.pass(10);
        assert_eq!(code(town.actor(&used.token).await), "access.unauthenticated", "twelve hours are over");
    }
}

#[tokio::test]
async fn five_wrong_passwords_lock_and_a_stranger_locks_out_nobody_who_is_in() {
    for town in Town::all(strict).await {
        town.hire("agent1", "agent", town.jinshui).await;
        let signed = town.sign_in_from("agent1", PASSWORD, "10.0.0.1").await.unwrap();
        for _ in 0..5 {
            assert_eq!(code(town.sign_in_from("agent1", "wrong", "203.0.113.9").await), "session.wrong");
        }
        assert!(town.kinds().await.ends_with(&["access.sign_in_refused".into(), "access.locked".into()]));
        assert_eq!(code(town.sign_in_from("agent1", PASSWORD, "203.0.113.9").await), "session.locked");
        assert_eq!(code(town.sign_in_from("agent1", PASSWORD, "198.51.100.1").await), "session.locked");
        town.actor(&signed.token).await.unwrap();
        town.sign_in_from("agent1", PASSWORD, "10.0.0.1").await.unwrap();
        town.pass(11);
        town.sign_in_from("agent1", PASSWORD, "203.0.113.9").await.unwrap();
    }
}

#[tokio::test]
async fn an_unknown_name_is_answered_like_a_wrong_password_and_is_locked_alike() {
    for town in Town::all(strict).await {
        for _ in 0..5 {
            assert_eq!(code(town.sign_in_from("nobody", "x", "203.0.113.9").await), "session.wrong");
        }
        assert_eq!(code(town.sign_in_from("nobody", "x", "203.0.113.9").await), "session.locked");
    }
}

#[tokio::test]
async fn an_unlock_ends_a_lock_before_its_time() {
    for town in Town::all(strict).await {
        town.hire("agent1", "agent", town.jinshui).await;
        for _ in 0..5 {
            let _ = town.sign_in_from("agent1", "wrong", "10.0.0.1").await;
        }
        assert_eq!(code(town.sign_in_from("agent1", PASSWORD, "10.0.0.1").await), "session.locked");
        write(town.store(), |tx| Box::pin(async move { accounts::unlock(tx, &vault(), &hub(), "agent1").await }))
            .await
            .unwrap();
        town.sign_in("agent1").await;
    }
}

#[tokio::test]
async fn a_password_set_by_another_must_be_changed_and_old_ones_do_not_come_back() {
    for town in Town::all(strict).await {
        town.hire("agent1", "agent", town.jinshui).await;
        let password = town.orgs.hasher.prepare("Neu-Gesetzt-26").await.unwrap();
        write(town.store(), move |tx| {
            Box::pin(
                async move { accounts::reset_password(tx, &vault(), &hub(), "agent1", password, "liandong").await },
            )
        })
        .await
        .unwrap();
        let signed = town.sign_in_from("agent1", "Neu-Gesetzt-26", "10.0.0.1").await.unwrap();
        assert_eq!(signed.stage, Stage::ChangePassword);
        assert_eq!(code(town.actor(&signed.token).await), "session.password_change_required");
        let change = |old, new| town.orgs.change_password(&signed.token, old, new);
        assert_eq!(code(change("wrong", "Ganz-Anders-27").await), "session.wrong");
        assert_eq!(code(change("Neu-Gesetzt-26", "short").await), "accounts.weak_password");
        assert_eq!(code(change("Neu-Gesetzt-26", "Neu-Gesetzt-26").await), "accounts.password_reused");
        assert_eq!(code(change("Neu-Gesetzt-26", PASSWORD).await), "accounts.password_reused");
        assert_eq!(change("Neu-Gesetzt-26", "Ganz-Anders-27").await.unwrap(), Stage::Full);
        town.actor(&signed.token).await.unwrap();
        town.sign_in_from("agent1", "Ganz-Anders-27", "10.0.0.1").await.unwrap();
        town.pass(91 * 24 * 60);
        assert_eq!(code(town.sign_in_from("agent1", "Ganz-Anders-27", "10.0.0.1").await), "session.disabled", "unused");
    }
}

#[tokio::test]
async fn an_administrator_enrols_an_authenticator_and_each_code_is_good_once() {
    for town in Town::all(strict).await {
        town.hire("sysadmin", "sysadmin", town.city).await;
        let signed = town.sign_in("sysadmin").await;
        assert_eq!(signed.stage, Stage::EnrolTotp);
        assert_eq!(code(town.actor(&signed.token).await), "session.totp_enrolment_required");
        let secret = town.orgs.begin_totp(&signed.token).await.unwrap();
        assert!(secret.url.contains(&secret.secret));
        assert_eq!(code(town.orgs.confirm_totp(&signed.token, "000000").await), "session.wrong_totp");
        let now = town.orgs.now();
        let shown = accounts::code_at(&secret.secret, now);
        assert_eq!(town.orgs.confirm_totp(&signed.token, &shown).await.unwrap(), Stage::Full);
        town.actor(&signed.token).await.unwrap();
        let with = |totp: Option<String>| {
            town.orgs.sign_in(SignIn {
                user: "sysadmin".into(),
                password: PASSWORD.into(),
                totp,
                address: Some("10.0.0.1".parse().unwrap()),
                agent: String::new(),
            })
        };
        assert_eq!(code(with(None).await), "session.totp_required");
        assert_eq!(code(with(Some(shown)).await), "session.wrong_totp", "used at enrolment");
        town.pass(1);
        let next = accounts::code_at(&secret.secret, town.orgs.now());
        with(Some(next)).await.unwrap();
        assert_eq!(code(town.orgs.begin_totp(&signed.token).await), "session.totp_active");
    }
}

#[tokio::test]
async fn a_disabled_account_is_out_at_once() {
    for town in Town::all(strict).await {
        town.hire("agent1", "agent", town.jinshui).await;
        let signed = town.sign_in("agent1").await;
        let set = |disabled| {
            write(town.store(), move |tx| {
                Box::pin(async move { accounts::set_disabled(tx, &vault(), &hub(), "agent1", disabled).await })
            })
        };
        set(true).await.unwrap();
        assert_eq!(code(town.actor(&signed.token).await), "access.unauthenticated");
        assert_eq!(code(town.sign_in_from("agent1", PASSWORD, "10.0.0.1").await), "session.disabled");
        assert!(town.orgs.sip_account("agent1").await.unwrap().is_none());
        set(false).await.unwrap();
        town.sign_in("agent1").await;
    }
}

#[tokio::test]
async fn a_telephone_is_known_by_extension_user_name_or_ticket() {
    for town in Town::all(strict).await {
        let password = town.orgs.hasher.prepare(PASSWORD).await.unwrap();
        let jinshui = town.jinshui;
        write(town.store(), move |tx| {
            Box::pin(async move {
                let (person, _) = employ(tx, "李", "agent", jinshui).await?;
                let account = NewAccount {
                    user: "agent1".into(),
                    person,
                    password,
                    must_change: false,
                    extension: Some("8001".into()),
                    realm: "liandong".into(),
                };
                accounts::create_account(tx, &vault(), &hub(), account).await
            })
        })
        .await
        .unwrap();
        for name in ["8001", "agent1"] {
            let found = town.orgs.sip_account(name).await.unwrap().unwrap();
            assert_eq!(found.ha1, accounts::Ha1::new(name, "liandong", PASSWORD));
            assert_eq!(found.extension.as_deref(), Some("8001"));
        }
        assert!(town.orgs.sip_account("8002").await.unwrap().is_none());
        let signed = town.sign_in("agent1").await;
        let ticket = town.orgs.sip_ticket(&signed.token).await.unwrap();
        let found = town.orgs.sip_account(&ticket.user).await.unwrap().unwrap();
        assert_eq!(found.ha1, accounts::Ha1::new(&ticket.user, "liandong", &ticket.password));
        town.orgs.sign_out(&signed.token).await.unwrap();
        assert!(town.orgs.sip_account(&ticket.user).await.unwrap().is_none(), "the ticket dies with the session");
    }
}

#[tokio::test]
async fn the_command_line_adds_a_user() {
    for town in Town::all(strict).await {
        let new = |unit: &str, role: &str| NewUser {
            user: "wang".into(),
            name: "王芳".into(),
            password: PASSWORD.into(),
            role: role.into(),
            unit: unit.into(),
            title: None,
            phone: None,
            extension: Some("8123".into()),
        };
        assert_eq!(code(add_user(&town.orgs, new("/zz/nowhere/", "agent")).await), "orgs.no_unit");
        assert_eq!(code(add_user(&town.orgs, new("/zz/jinshui/", "king")).await), "orgs.no_role");
        add_user(&town.orgs, new("/zz/jinshui/", "agent")).await.unwrap();
        assert_eq!(town.sign_in("wang").await.stage, Stage::ChangePassword);
        assert_eq!(code(add_user(&town.orgs, new("/zz/jinshui/", "agent")).await), "accounts.user_taken");
    }
}

#[tokio::test]
async fn lists_of_people_show_what_the_oracle_says_and_count_nothing_else() {
    for town in Town::all(strict).await {
        check_lists(&town).await;
    }
}

async fn check_lists(town: &Town) {
    let (city, jinshui, erqi, street) = (town.city, town.jinshui, town.erqi, town.town);
    write(town.store(), move |tx| {
        Box::pin(async move {
            for n in 0..30 {
                employ(tx, &format!("人{n:02}"), "clerk", [city, jinshui, erqi, street][n % 4]).await?;
            }
            Ok(())
        })
    })
    .await
    .unwrap();
    let mut conn = town.store().reader().acquire().await.unwrap();
    for path in ["/zz/", "/zz/jinshui/", "/zz/erqi/", "/zz/jinshui/001/"] {
        for scope in [Scope::Unit, Scope::Subtree] {
            let actor = Actor::for_test(OrgPath::from_stored(path), vec![grant(Action::OrgRead, scope)]);
            let seen =
                people::list(&mut conn, &actor, &PersonFilter { limit: 200, ..PersonFilter::default() }).await.unwrap();
            for row in &seen {
                let (_, paths) = people::person(&mut conn, row.id).await.unwrap().unwrap();
                assert!(actor.may(Action::OrgRead, Target::of(&paths)), "{path} {scope:?} sees {}", row.name);
            }
            let expected = match (path, scope) {
                ("/zz/", Scope::Subtree) => 30,
                ("/zz/jinshui/", Scope::Subtree) => 15,
                ("/zz/", _) | ("/zz/jinshui/", _) => 8,
                _ => 7,
            };
            assert_eq!(seen.len(), expected, "{path} {scope:?}");
            // A page is full of what may be seen: hidden rows take no places and no cursor points at them.
            let page =
                people::list(&mut conn, &actor, &PersonFilter { limit: 5, ..PersonFilter::default() }).await.unwrap();
            assert_eq!(page.len(), 5.min(expected));
            let pattern = PersonFilter { name: Some("%".into()), limit: 200, ..PersonFilter::default() };
            assert!(people::list(&mut conn, &actor, &pattern).await.unwrap().is_empty(), "% is a character here");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// The predicate as SQL agrees with the check in memory, which agrees with a naive walk of the tree.
    #[test]
    fn the_predicate_is_the_check_on_random_trees(
        parents in proptest::collection::vec(0usize..100, 1..25),
        seats in proptest::collection::vec((0usize..100, 0u8..3, 0i64..4), 1..4),
        things in proptest::collection::vec((0usize..100, 0usize..100, 0i64..4, any::<bool>()), 1..30),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(check_predicate(&parents, &seats, &things));
    }
}

/// Sensitivities by their rank.
const RANKS: [Sensitivity; 4] =
    [Sensitivity::Open, Sensitivity::Internal, Sensitivity::Confidential, Sensitivity::Whistle];

async fn check_predicate(parents: &[usize], seats: &[(usize, u8, i64)], things: &[(usize, usize, i64, bool)]) {
    use sqlx::{Connection, Row};
    // Unit 0 is the top; unit n hangs under one before it. Codes are chosen so that some are prefixes of others.
    let mut above = vec![None];
    let mut paths = vec![OrgPath::root().child("1")];
    for (n, parent) in parents.iter().enumerate() {
        let parent = parent % paths.len();
        paths.push(paths[parent].child(&"1".repeat(n + 1)));
        above.push(Some(parent));
    }
    let units = paths.len();
    let mut grants = Vec::new();
    let home = seats[0].0 % units;
    for (_, scope, rank) in seats {
        let scope = [Scope::Own, Scope::Unit, Scope::Subtree][usize::from(*scope)];
        grants.push(Grant { action: Action::CaseRead, scope, ceiling: RANKS[usize::try_from(*rank).unwrap()] });
    }
    let actor = Actor::for_test(paths[home].clone(), grants.clone());
    let me = actor.person.unwrap();
    sqlx::any::install_default_drivers();
    let mut conn = sqlx::AnyConnection::connect("sqlite::memory:").await.unwrap();
    sqlx::raw_sql("CREATE TABLE things (n BIGINT, orgs TEXT, owner TEXT, rank BIGINT)")
        .execute(&mut conn)
        .await
        .unwrap();
    let mut expected = Vec::new();
    for (n, (a, b, rank, mine)) in things.iter().enumerate() {
        let (a, b) = (a % units, b % units);
        let orgs = [paths[a].clone(), paths[b].clone()];
        let owner = mine.then_some(me);
        let target = Target { orgs: &orgs, owner, sensitivity: RANKS[usize::try_from(*rank).unwrap()] };
        let naive = grants.iter().any(|g| {
            g.ceiling.rank() >= *rank
                && match g.scope {
                    Scope::Own => *mine,
                    Scope::Unit => a == home || b == home,
                    Scope::Subtree => {
                        [a, b].iter().any(|u| std::iter::successors(Some(*u), |u| above[*u]).any(|u| u == home))
                    }
                }
        });
        assert_eq!(actor.may(Action::CaseRead, target), naive, "thing {n}");
        if naive {
            expected.push(i64::try_from(n).unwrap());
        }
        sqlx::query("INSERT INTO things (n, orgs, owner, rank) VALUES ($1, $2, $3, $4)")
            .bind(i64::try_from(n).unwrap())
            .bind(crate::access::orgs_column(&orgs))
            .bind(owner.map(|o| o.to_string()))
            .bind(*rank)
            .execute(&mut conn)
            .await
            .unwrap();
    }
    let predicate = actor.predicate(Action::CaseRead, "orgs", "owner", "rank", 1);
    let mut query =
        sqlx::query(sqlx::AssertSqlSafe(format!("SELECT n FROM things WHERE {} ORDER BY n", predicate.sql)));
    for bind in &predicate.binds {
        query = query.bind(bind.clone());
    }
    let seen: Vec<i64> = query.fetch_all(&mut conn).await.unwrap().iter().map(|r| r.try_get(0).unwrap()).collect();
    assert_eq!(seen, expected);
}
