//! The floor on a virtual clock with a fake edge and fake media, and what it writes read back from the databases.
#![allow(clippy::unwrap_used)]

use std::sync::Arc;

use liandong_dialplans::{Millis, Now, PlanSet, QueueName, builtin, compile};

use super::*;
use crate::access::{Action, Actor, Grant, Scope, Sensitivity};
use crate::calls::call::{CALLER, Command, LegCommand, LegEvent, LegId};
use crate::calls::edge::{EdgeEvent, Source};
use crate::calls::queue::{self, Wanted};
use crate::calls::records::write_one;
use crate::events::calls::CallsEvent;
use crate::events::{DomainEvent, Personal};
use crate::ids::{CallId, IdSource, OrgPath, PersonId, SeededIds, Timestamp};
use crate::log::Vault;
use crate::store::StoreError;
use crate::store::testing::stores;

struct City;

fn city() -> OrgPath {
    OrgPath::root().child("zz")
}

impl Areas for City {
    fn county_of(&self, number: &str) -> Option<County> {
        number.starts_with("037165").then(|| County { code: "jinshui".into(), name: "金水区".into() })
    }

    fn home_of(&self, queue: &QueueName) -> OrgPath {
        if queue.as_str() == "jinshui" { city().child("jinshui") } else { city() }
    }

    fn home(&self) -> OrgPath {
        city()
    }
}

fn agent(n: u128) -> PersonId {
    PersonId(uuid::Uuid::from_u128(n))
}

fn plans() -> Arc<PlanSet> {
    Arc::new(compile(&builtin::files()).unwrap())
}

/// A floor with its clock and everything that came out of it.
struct Hall {
    floor: Floor,
    now: Now,
    ids: SeededIds,
    out: Vec<Out>,
}

impl Hall {
    /// Agents 8001 … are ready at the city's queue.
    fn new(agents: u128) -> Self {
        let now = Now { mono: Millis(1_000_000), wall: "2026-11-24T02:00:00Z".parse().unwrap() };
        let vault = Vault::new([7; 32]);
        let mut hall = Self {
            floor: Floor::new(plans(), Arc::new(City), vault, vec!["9".into()], "12345".into()),
            now,
            ids: SeededIds::new(1, Timestamp(1_795_000_000_000)),
            out: Vec::new(),
        };
        let members = (1..=agents).map(|n| AgentProfile {
            person: agent(n),
            extension: format!("800{n}"),
            name: format!("坐席{n}"),
            queues: vec!["city_hotline".into(), "emergency".into()],
            unit_path: city(),
            may_dial: n == 1,
        });
        let out = hall.floor.agents(members.collect(), &|_| true, now);
        hall.out.extend(out);
        for n in 1..=agents {
            hall.ask(Ask::Queue(queue::Command::SetState { agent: agent(n), wanted: Wanted::Ready })).unwrap();
        }
        hall
    }

    fn ask(&mut self, ask: Ask) -> Result<Done, crate::access::Refusal> {
        let (done, out) = self.floor.ask(ask, self.now);
        self.out.extend(out);
        done
    }

    fn edge(&mut self, event: EdgeEvent) {
        let out = self.floor.edge(event, self.now);
        self.out.extend(out);
    }

    fn arrive(&mut self, source: Source, called: &str) -> CallId {
        let call = CallId(self.ids.uuid());
        let (caller, display) = ("037165123456".to_owned(), "王小明".to_owned());
        self.edge(EdgeEvent::Incoming { call, caller_leg: CALLER, source, caller, display, called: called.into() });
        call
    }

    fn citizen(&mut self) -> CallId {
        self.arrive(Source::Trunk("demo-in".into()), "12345")
    }

    fn leg(&mut self, call: CallId, leg: u32, event: LegEvent) {
        self.edge(EdgeEvent::Leg { call, leg: LegId(leg), event });
    }

    /// Lets time pass in steps as the shell would.
    fn wait(&mut self, ms: u64) {
        let end = self.now.mono + Millis(ms);
        while let Some(due) = self.floor.poll_timeout().filter(|due| *due <= end) {
            self.now = self.now.after(due - self.now.mono);
            let out = self.floor.timer(self.now);
            self.out.extend(out);
        }
        self.now = self.now.after(end - self.now.mono);
    }

    /// What plays to the caller ends, until nothing does.
    fn prompts_end(&mut self, call: CallId) {
        for _ in 0..20 {
            let playing = self.out.iter().rev().find_map(|o| match o {
                Out::Media(c, MediaWork::Play { leg, id, .. }) if *c == call => Some((*leg, *id)),
                _ => None,
            });
            let Some((leg, id)) = playing else { return };
            self.floor.play_begun(call, leg, id);
            let out = self.floor.play_finished(call, 0, self.now);
            if out.is_empty() {
                return;
            }
            self.out.extend(out);
        }
    }

    fn legs(&self, call: CallId) -> Vec<(u32, LegCommand)> {
        let mine = |o: &Out| match o {
            Out::Leg(c, leg, command) if *c == call => Some((leg.0, command.clone())),
            _ => None,
        };
        self.out.iter().filter_map(mine).collect()
    }

    fn media(&self) -> Vec<&MediaWork> {
        self.out.iter().filter_map(|o| if let Out::Media(_, work) = o { Some(work) } else { None }).collect()
    }

    fn entries(&self) -> Vec<&Entry> {
        self.out.iter().filter_map(|o| if let Out::Log(entry) = o { Some(&**entry) } else { None }).collect()
    }

    fn kinds(&self) -> Vec<String> {
        self.entries().iter().map(|e| e.event.parts().0).collect()
    }

    /// A citizen's call up to the talk with agent 1.
    fn talk(&mut self) -> CallId {
        let call = self.citizen();
        self.leg(call, 1, LegEvent::Ringing);
        self.wait(4_000);
        self.leg(call, 1, LegEvent::Answered);
        self.prompts_end(call);
        call
    }
}

#[test]
fn a_citizen_reaches_an_agent_and_all_of_it_is_written() {
    let mut hall = Hall::new(1);
    let call = hall.talk();
    let legs = hall.legs(call);
    assert_eq!(legs[0], (0, LegCommand::Answer), "a person hears the hub at once: {legs:?}");
    assert!(matches!(legs[1], (1, LegCommand::Invite(_))), "{legs:?}");
    assert!(hall.media().contains(&&MediaWork::Bridge(CALLER, LegId(1))));
    assert_eq!(hall.floor.live_call(call).unwrap().state, "talking");
    hall.wait(60_000);
    hall.leg(call, 0, LegEvent::HungUp);
    assert_eq!(hall.floor.live_count(), 0);
    assert!(hall.legs(call).contains(&(1, LegCommand::HangUp)));
    let kinds = hall.kinds();
    let at = |kind: &str| kinds.iter().position(|k| k == kind).unwrap_or_else(|| panic!("{kind} in {kinds:?}"));
    let order = [
        "call.offered",
        "call.greeted",
        "call.queued",
        "queue.reserved",
        "call.alerting",
        "call.answered",
        "call.ended",
    ];
    assert!(order.windows(2).all(|w| at(w[0]) < at(w[1])), "{kinds:?}");
    assert_eq!(kinds.iter().filter(|k| *k == "call.ended").count(), 1);
    let record =
        hall.media().iter().any(|m| matches!(m, MediaWork::RecordStart(p, ..) if p.starts_with("recordings/2026")));
    assert!(record, "{:?}", hall.media());
}

#[test]
fn who_gives_up_leaves_the_queue_before_his_call_ends() {
    let mut hall = Hall::new(1);
    let call = hall.citizen();
    hall.leg(call, 0, LegEvent::HungUp);
    hall.leg(call, 1, LegEvent::Failed { status: 487 });
    assert_eq!(hall.floor.live_count(), 0);
    let kinds = hall.kinds();
    let at = |kind: &str| kinds.iter().position(|k| k == kind).unwrap_or_else(|| panic!("{kind} in {kinds:?}"));
    assert!(at("queue.left") < at("call.ended"), "{kinds:?}");
}

#[test]
fn a_play_that_was_replaced_does_not_end_its_successor() {
    let mut hall = Hall::new(0);
    let call = hall.citizen();
    let before = hall.out.len();
    // The engine's word on an older play comes before it has begun the present one.
    let out = hall.floor.play_finished(call, 0, hall.now);
    assert!(out.is_empty(), "{out:?}");
    assert_eq!(hall.out.len(), before);
}

#[test]
fn who_is_not_answered_goes_to_the_next_agent() {
    let mut hall = Hall::new(2);
    let call = hall.citizen();
    hall.leg(call, 1, LegEvent::Ringing);
    hall.wait(16_000);
    let legs = hall.legs(call);
    assert!(legs.contains(&(1, LegCommand::Cancel)), "{legs:?}");
    assert!(legs.iter().any(|(leg, c)| *leg == 2 && matches!(c, LegCommand::Invite(_))), "{legs:?}");
    assert!(hall.kinds().contains(&"queue.returned".to_owned()));
}

#[test]
fn a_desk_dials_out_only_with_the_right_and_a_way_out() {
    let mut hall = Hall::new(2);
    let dial = |hall: &mut Hall, n: u128, to: &str| {
        let call = CallId(hall.ids.uuid());
        hall.ask(Ask::Dial { agent: agent(n), call, to: to.into(), case: None }).map(|_| call)
    };
    assert_eq!(dial(&mut hall, 2, "13800138000").unwrap_err().code, "access.denied");
    assert_eq!(dial(&mut hall, 1, "8001").unwrap_err().code, "calls.self");
    assert_eq!(dial(&mut hall, 1, "abc").unwrap_err().code, "calls.bad_number");
    let call = dial(&mut hall, 1, "13800138000").unwrap();
    assert!(
        matches!(&hall.legs(call)[..], [(0, LegCommand::Invite(crate::calls::call::Party::Agent(a)))] if *a == agent(1))
    );
    hall.leg(call, 0, LegEvent::Answered);
    let number = crate::calls::call::Party::Number("913800138000".into());
    assert!(hall.legs(call).contains(&(1, LegCommand::Invite(number))), "{:?}", hall.legs(call));
    hall.leg(call, 1, LegEvent::Answered);
    assert_eq!(hall.floor.live_call(call).unwrap().state, "talking");
    assert_eq!(dial(&mut hall, 1, "13900139000").unwrap_err().code, "calls.busy");
    assert!(hall.media().iter().any(|m| matches!(m, MediaWork::RecordStart(_, CALLER, right) if right == &[LegId(1)])));
}

#[test]
fn a_blind_transfer_by_extension_reserves_the_colleague() {
    let mut hall = Hall::new(2);
    let call = hall.talk();
    let by = agent(1);
    let transfer = |to: &str| Ask::Call { call, command: Do::Transfer { by, to: to.into() } };
    assert_eq!(hall.ask(transfer("8009")).unwrap_err().code, "calls.no_way_out");
    hall.ask(transfer("8002")).unwrap();
    let target = hall.legs(call).iter().filter_map(|(leg, c)| matches!(c, LegCommand::Invite(_)).then_some(*leg)).max();
    hall.leg(call, target.unwrap(), LegEvent::Answered);
    assert!(hall.kinds().contains(&"call.transferred".to_owned()), "{:?}", hall.kinds());
    assert!(hall.legs(call).contains(&(1, LegCommand::HangUp)), "the first agent is free");
}

#[test]
fn while_draining_new_calls_are_refused_and_old_ones_go_on() {
    let mut hall = Hall::new(1);
    let old = hall.talk();
    hall.floor.drain();
    let new = hall.citizen();
    assert_eq!(hall.legs(new), [(0, LegCommand::Reject { status: 503 })]);
    assert_eq!(hall.floor.live_call(old).unwrap().state, "talking");
    let out = hall.floor.release_all(hall.now);
    hall.out.extend(out);
    assert!(hall.legs(old).contains(&(0, LegCommand::HangUp)));
    assert_eq!(hall.floor.live_count(), 0);
}

#[test]
fn a_queue_is_asked_by_its_name_and_its_idle_agent_takes_over() {
    let mut hall = Hall::new(2);
    let call = hall.talk();
    let by = agent(1);
    let consult = |to: &str| Ask::Call { call, command: Do::Consult { by, to: to.into() } };
    hall.ask(consult("市热线")).unwrap();
    let invited = LegCommand::Invite(crate::calls::call::Party::Agent(agent(2)));
    assert!(hall.legs(call).contains(&(2, invited)), "{:?}", hall.legs(call));
    let third = hall.floor.live_call(call).unwrap().third.unwrap();
    assert_eq!((third.state, third.name.as_deref()), ("ringing", Some("坐席2")));
    assert_eq!(hall.ask(consult("市热线")).unwrap_err().code, "calls.nobody_free");
    hall.leg(call, 2, LegEvent::Answered);
    assert_eq!(hall.floor.live_call(call).unwrap().state, "held");
    assert!(hall.media().contains(&&MediaWork::Bridge(LegId(1), LegId(2))));
    assert!(hall.media().contains(&&MediaWork::RecordTracks(CALLER, Vec::new())), "asking is not the caller's to hear");
    hall.ask(Ask::Call { call, command: Do::Plain(Command::Complete { by }) }).unwrap();
    assert!(hall.media().contains(&&MediaWork::Bridge(CALLER, LegId(2))));
    assert!(hall.media().contains(&&MediaWork::RecordTracks(CALLER, vec![LegId(2)])));
    let kinds = hall.kinds();
    for kind in ["call.consult_started", "call.transferred"] {
        assert!(kinds.contains(&kind.to_owned()), "{kind} in {kinds:?}");
    }
    hall.wait(5_000);
    hall.leg(call, 0, LegEvent::HungUp);
    assert_eq!(hall.floor.live_count(), 0);
}

/// What the floor keeps of a call is enough for another floor to go on with it.
#[test]
fn a_killed_floor_is_taken_up_by_the_next() {
    let mut hall = Hall::new(2);
    let call = hall.talk();
    let begun = hall.now;
    let kept = |hall: &Hall| {
        hall.out.iter().rev().find_map(|o| match o {
            Out::Keep(id, text) if *id == call => Some(text.clone()),
            _ => None,
        })
    };
    let text = kept(&hall).flatten().expect("a talk is kept");
    let mut next = Hall::new(2);
    next.now = begun.after(Millis(5_000));
    let stray = (CallId(next.ids.uuid()), LegId(3));
    let legs = [(call, CALLER), (call, LegId(1)), stray];
    let (taken, out) = next.floor.take_up(vec![(call, text.clone())], &legs, next.now);
    next.out = out;
    assert_eq!(taken, [call]);
    assert_eq!(next.floor.live_call(call).unwrap().state, "talking");
    assert!(next.media().contains(&&MediaWork::Bridge(CALLER, LegId(1))), "{:?}", next.media());
    let resumed = |m: &&MediaWork| matches!(m, MediaWork::RecordResume(_, after, CALLER, right) if *after >= 5_000 && right == &[LegId(1)]);
    assert!(next.media().into_iter().any(|m| resumed(&m)), "{:?}", next.media());
    assert_eq!(next.legs(stray.0), [(3, LegCommand::HangUp)], "what belongs to nothing is hung up");
    assert_eq!(next.kinds().iter().filter(|k| *k == "call.taken_up").count(), 1);
    assert!(kept(&next).is_some(), "and is kept again");
    next.leg(call, 0, LegEvent::HungUp);
    assert!(next.legs(call).contains(&(1, LegCommand::HangUp)));
    assert_eq!(kept(&next), Some(None), "nothing is kept of what is over");

    let mut alone = Hall::new(2);
    let (taken, out) = alone.floor.take_up(vec![(call, text)], &[(call, LegId(1))], alone.now);
    alone.out = out;
    assert_eq!((taken.len(), alone.legs(call)), (0, vec![(1, LegCommand::HangUp)]), "its caller is gone");
    let (taken, _) = alone.floor.take_up(vec![(call, "{}".into())], &[], alone.now);
    assert!(taken.is_empty(), "what cannot be read is not taken up");
}

#[test]
fn an_extension_that_nobody_has_is_404_and_a_busy_colleague_486() {
    let mut hall = Hall::new(2);
    let nobody = hall.arrive(Source::Agent(agent(2)), "8009");
    assert_eq!(hall.legs(nobody), [(0, LegCommand::Reject { status: 403 })], "no right to dial out either");
    let nobody = hall.arrive(Source::Agent(agent(1)), "x");
    assert_eq!(hall.legs(nobody), [(0, LegCommand::Reject { status: 404 })]);
    hall.ask(Ask::Queue(queue::Command::SetState { agent: agent(2), wanted: Wanted::Offline })).unwrap();
    let busy = hall.arrive(Source::Agent(agent(1)), "8002");
    assert_eq!(hall.legs(busy), [(0, LegCommand::Reject { status: 486 })]);
}

#[test]
fn hold_and_release_are_commands_of_those_in_the_call() {
    let mut hall = Hall::new(2);
    let call = hall.talk();
    let plain = |command| Ask::Call { call, command: Do::Plain(command) };
    assert_eq!(hall.ask(plain(Command::Hold { by: agent(2) })).unwrap_err().code, "calls.not_in_call");
    hall.ask(plain(Command::Hold { by: agent(1) })).unwrap();
    assert_eq!(hall.floor.live_call(call).unwrap().state, "held");
    hall.ask(plain(Command::Mute { by: agent(1), on: true })).unwrap();
    assert!(hall.floor.live_call(call).unwrap().muted);
    assert_eq!(hall.ask(Ask::Reattach { agent: agent(1) }).unwrap().reattach, Some((call, LegId(1))));
}

fn reader(path: OrgPath, actions: &[Action]) -> Actor {
    let grant = |action: &Action| Grant { action: *action, scope: Scope::Subtree, ceiling: Sensitivity::Internal };
    Actor::for_test(path, actions.iter().map(grant).collect())
}

#[tokio::test]
async fn the_table_says_what_the_events_said_on_both_databases() {
    for test in stores(&[crate::log::MIGRATIONS, crate::calls::MIGRATIONS]).await {
        let mut hall = Hall::new(1);
        let answered = hall.talk();
        hall.wait(30_000);
        hall.leg(answered, 1, LegEvent::HungUp);
        hall.wait(20_000);
        hall.leg(answered, 0, LegEvent::HungUp);
        hall.ask(Ask::Queue(queue::Command::SetState { agent: agent(1), wanted: Wanted::Offline })).unwrap();
        let gave_up = hall.citizen();
        let relieved = hall.citizen();
        hall.prompts_end(relieved); // the notice first
        assert!(matches!(hall.legs(relieved)[..], [_, (1, LegCommand::Invite(_))]), "the duty officer is called");
        hall.wait(2_000);
        hall.leg(gave_up, 0, LegEvent::HungUp);
        hall.leg(relieved, 1, LegEvent::Answered);
        hall.wait(5_000);
        hall.leg(relieved, 0, LegEvent::HungUp);
        let interrupted = hall.citizen();
        let vault = Vault::new([7; 32]);
        let entries: Vec<Entry> = hall.entries().into_iter().cloned().collect();
        let keys = vault.clone();
        let write = test.store.write(move |tx| {
            Box::pin(async move {
                for entry in &entries {
                    write_one(tx, &keys, entry).await?;
                }
                Ok::<_, StoreError>(())
            })
        });
        write.await.unwrap();
        let folder = tempfile::tempdir().unwrap();
        let closed = crate::calls::close_interrupted(&test.store, &vault, folder.path(), &[]).await.unwrap();
        assert_eq!(closed, 1, "the call that was up got its end");

        let calls = crate::calls::Calls::new(
            test.store.clone(),
            vault,
            Switch::dangling(),
            plans(),
            Arc::new(City),
            folder.path().to_owned(),
            Arc::from([]),
        );
        let lead = reader(city(), &[Action::CallRead]);
        let filter = crate::calls::CallFilter { limit: 10, ..Default::default() };
        let list = calls.list(&lead, &filter).await.unwrap();
        assert_eq!(
            list.iter().map(|c| c.id.clone()).collect::<Vec<_>>(),
            [interrupted, relieved, gave_up, answered].map(|id| id.to_string())
        );
        let call = &list[3];
        assert_eq!((call.state.as_str(), call.result.as_deref()), ("ended", Some("answered")));
        assert_eq!(call.from.number, "037****3456", "masked");
        assert_eq!(call.from.area.as_deref(), Some("金水区"));
        assert_eq!(call.queue.as_ref().unwrap().name, "市热线");
        assert_eq!(call.agent.as_ref().unwrap().name, "坐席1");
        assert!(call.talk_ms.unwrap() >= 30_000 && call.wait_ms.unwrap() >= 4_000, "{call:?}");
        assert_eq!(list[0].cause.as_deref(), Some("hub_restarted"));

        let wall = Timestamp(hall.now.wall.as_millisecond());
        let back = calls.callbacks(&lead, wall).await.unwrap();
        assert_eq!(back.iter().map(|c| c.id.clone()).collect::<Vec<_>>(), [interrupted.to_string()]);
        assert_eq!((back[0].number.as_str(), back[0].why.as_str()), ("037****3456", "no_answer"));
        let note = Personal::words(format!("call:{answered}"), "已向王先生说明办理时限");
        let note = Some(Personal { owner: Vault::new([7; 32]).phone_owner("037165123456"), ..note });
        let event = CallsEvent::WrappedUp { code: "answered".into(), name: "直接答复".into(), note };
        let (subject, actor) =
            (crate::events::Subject::from(answered), crate::events::ActorRef::part("person", "坐席1"));
        let wrapped = Entry { at: wall, subject, call: Some(answered), orgs: Vec::new(), actor, event };
        hall.leg(interrupted, 0, LegEvent::HungUp);
        hall.wait(1_000);
        hall.out.clear();
        hall.ask(Ask::Queue(queue::Command::SetState { agent: agent(1), wanted: Wanted::Ready })).unwrap();
        let again = hall.talk();
        let later: Vec<Entry> = hall.entries().into_iter().cloned().chain([wrapped]).collect();
        let keys = Vault::new([7; 32]);
        let write = test.store.write(move |tx| {
            Box::pin(async move {
                for entry in &later {
                    write_one(tx, &keys, entry).await?;
                }
                Ok::<_, StoreError>(())
            })
        });
        write.await.unwrap();
        assert!(calls.callbacks(&lead, wall).await.unwrap().is_empty(), "he has called again and was answered");
        let wrap_up = calls.call(&lead, answered).await.unwrap().wrap_up.unwrap();
        assert_eq!((wrap_up.name.as_str(), wrap_up.note.as_deref()), ("直接答复", Some("已向王先生说明办理时限")));

        let by_number = crate::calls::CallFilter {
            number: crate::ids::PhoneNumber::parse("0371-65123456").ok(),
            limit: 10,
            ..Default::default()
        };
        assert_eq!(calls.list(&lead, &by_number).await.unwrap().len(), 5);
        let other = reader(city().child("erqi"), &[Action::CallRead]);
        assert!(calls.list(&other, &filter).await.unwrap().is_empty(), "another county sees nothing");

        let far = (Timestamp(0), Timestamp(i64::MAX));
        let figures = calls.figures(&lead, Some("city_hotline"), far.0, far.1).await.unwrap();
        let fifteen = figures.iter().find(|f| f.name == "connect_rate_15s").unwrap();
        let served = [answered, relieved, again].map(|id| id.to_string());
        assert_eq!(fifteen.counted, served, "the duty officer is a person too");
        assert_eq!(fifteen.denominator, 5, "{fifteen:?}");
        let abandoned = figures.iter().find(|f| f.name == "abandon_rate").unwrap();
        assert_eq!(abandoned.counted, [gave_up.to_string()], "wherever the plan had led him");
        let none = calls.figures(&other, None, far.0, far.1).await.unwrap();
        assert!(none.iter().all(|f| f.denominator == 0), "counts do not leak");
    }
}

/// Whoever asked for a person and hung up has given up, however quickly: before anybody rang, while it rang, and in the
/// seconds in which an agent has picked up but the notice is still being said.
#[test]
fn a_quick_hang_up_is_a_caller_who_gave_up() {
    for step in 0..3 {
        let mut hall = Hall::new(if step == 0 { 0 } else { 1 });
        let call = hall.citizen();
        if step > 0 {
            hall.leg(call, 1, LegEvent::Ringing);
        }
        if step > 1 {
            hall.leg(call, 1, LegEvent::Answered);
        }
        hall.wait(300);
        hall.leg(call, 0, LegEvent::HungUp);
        let of = |find: fn(&CallsEvent) -> Option<String>| hall.entries().iter().find_map(|e| find(&e.event));
        let why = of(|e| if let CallsEvent::QueueLeft { why, .. } = e { Some(why.clone()) } else { None });
        let outcome = of(|e| if let CallsEvent::Ended { outcome, .. } = e { Some(outcome.clone()) } else { None });
        assert_eq!((why.as_deref(), outcome.as_deref()), (Some("abandoned"), Some("abandoned")), "step {step}");
        let all = hall.floor.snapshot(hall.now).figures;
        let counted =
            |name: &str| all.iter().find(|f| f.name == name).map(|f| (f.counted, f.over, f.excluded)).unwrap();
        assert_eq!(counted("abandon_rate"), (1, 1, 0), "step {step}");
        assert_eq!(counted("connect_rate"), (0, 0, 1), "left out and listed: he waited less than five seconds");
    }
}

/// After a restart the live figures begin with what the records say of the last day.
#[test]
fn figures_go_on_after_a_restart() {
    let mut before = Hall::new(1);
    let call = before.talk();
    before.leg(call, 0, LegEvent::HungUp);
    let mut after = Hall::new(1);
    let asked_at = Timestamp(after.now.wall.as_millisecond() - 60_000);
    let outcome = queue::figures::Outcome::Answered { after_ms: 4_000, by: Some(agent(1)) };
    let facts = vec![queue::figures::CallFact { call, queue: "city_hotline".into(), asked_at, outcome }];
    let past = crate::calls::Past { facts, talks: vec![("city_hotline".into(), 60_000); 5], ..Default::default() };
    after.floor.recall(past, after.now);
    let figures = |hall: &Hall| hall.floor.snapshot(hall.now).figures;
    assert_eq!(figures(&after), figures(&before));
}

#[test]
fn events_name_no_number_in_clear() {
    let mut hall = Hall::new(1);
    hall.talk();
    for entry in hall.entries() {
        let CallsEvent::Offered { from, .. } = &entry.event else { continue };
        assert!(from.as_ref().unwrap().owner.starts_with("phone:"));
    }
    let plain: Vec<String> = hall
        .entries()
        .iter()
        .filter(|e| !matches!(e.event, CallsEvent::Offered { .. }))
        .map(|e| format!("{:?}", e.event))
        .filter(|text| text.contains("65123456"))
        .collect();
    assert!(plain.is_empty(), "{plain:?}");
}
