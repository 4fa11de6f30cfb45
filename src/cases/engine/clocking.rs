//! Clocks of a case: which start, pause, go on and end when it comes to a node; rungs; re-projection on a new calendar.

use crate::cases::clocks::{Terms, next_rung, reach};
use crate::cases::flow::{ClockSpec, Node, Per};
use crate::cases::model::{Case, outcome, turn};
use crate::events::cases::{
    Budget, CaseEvent, Change, Clock, ClockChange, ClockKind, DeadlineMoved, Nature, Notice, Outcome, RungReached,
    Segment, Stepped, Urgency,
};
use crate::ids::{ClockId, IdSource, Timestamp};

use super::World;
use super::notices::notices;

/// The clocks' changes when the case (as it is after the items' changes) comes to `node` by a move or in a new round.
pub(super) fn at_node(
    world: World<'_>,
    case: &Case,
    node: &Node,
    entered: bool,
    now: Timestamp,
    ids: &mut dyn IdSource,
) -> Vec<ClockChange> {
    let mut changes = Vec::new();
    for clock in case.open_clocks() {
        if is_stale(world, case, clock, entered) {
            changes.push(end(clock, now));
        } else if node.pauses.contains(&clock.kind) {
            changes.extend(runs(clock).then(|| ClockChange::Paused { id: clock.id, reason: node.zh.clone() }));
        } else if node.clocks.contains(&clock.kind) || node.keeps.contains(&clock.kind) {
            changes.extend((!runs(clock)).then(|| resume(world, clock, &node.zh, now)));
        } else {
            changes.push(end(clock, now));
        }
    }
    let ended: Vec<ClockId> =
        changes.iter().filter_map(|c| if let ClockChange::Ended { id, .. } = c { Some(*id) } else { None }).collect();
    for kind in &node.clocks {
        if !is_there(world, case, *kind, &ended) {
            changes.extend(start(world, case, *kind, now, ids).map(|clock| ClockChange::Started { clock }));
        }
    }
    changes
}

/// A clock of an earlier round, of an item that is no longer the lead's, or of an earlier visit.
fn is_stale(world: World<'_>, case: &Case, clock: &Clock, entered: bool) -> bool {
    let per = world.flow.clocks.get(&clock.kind).map(|s| s.per);
    clock.round != case.round
        || (clock.item.is_some() && clock.item != case.lead().map(|l| l.id))
        || (entered && per == Some(Per::Visit))
}

/// Whether a clock of this kind need not start: it runs, or it has done its work for this round or item.
fn is_there(world: World<'_>, case: &Case, kind: ClockKind, ended: &[ClockId]) -> bool {
    let Some(spec) = world.flow.clocks.get(&kind) else { return true };
    let lead = case.lead().map(|l| l.id);
    case.clocks.iter().filter(|c| c.kind == kind && c.round == case.round).any(|c| match spec.per {
        Per::Round => true,
        Per::Item => c.item == lead,
        Per::Visit => c.outcome.is_none() && !ended.contains(&c.id),
    })
}

fn start(world: World<'_>, case: &Case, kind: ClockKind, now: Timestamp, ids: &mut dyn IdSource) -> Option<Clock> {
    let spec = world.flow.clocks.get(&kind)?;
    let budget = budget(world, case, kind, spec)?;
    let calendar = world.calendars.named(&spec.calendar).ok()?;
    let mut clock = Clock {
        id: ClockId::new(ids),
        kind,
        item: if spec.per == Per::Item { case.lead().map(|l| l.id) } else { None },
        round: case.round,
        budget,
        calendar: spec.calendar.clone(),
        calendar_version: calendar.version.clone(),
        start_rule: spec.start_rule,
        ladder: spec.ladder.clone(),
        segments: vec![Segment { from: now, to: None, run: true, reason: "起算".into() }],
        due_at: None,
        provisional: false,
        next_rung_at: None,
        fired: Vec::new(),
        epoch: 0,
        ended_at: None,
        outcome: None,
    };
    project(world, &mut clock);
    Some(clock)
}

/// The budget by the flow or the class tree; halved from the second round on where the class sets it (重办减半).
fn budget(world: World<'_>, case: &Case, kind: ClockKind, spec: &ClockSpec) -> Option<Budget> {
    if let Some(fixed) = spec.budget {
        return Some(fixed);
    }
    let (full, _) = world.classes.limit(kind, &case.class_code, case.nature, case.urgency)?;
    Some(if case.round > 1 { Budget { amount: full.amount.div_ceil(2), ..full } } else { full })
}

/// New budgets for the clocks that the class tree sets, when class, nature or urgency were corrected. The ledger stays.
pub(super) fn rebudget(
    world: World<'_>,
    case: &Case,
    code: &str,
    nature: Nature,
    urgency: Urgency,
) -> Vec<ClockChange> {
    let mut corrected = case.clone();
    (corrected.class_code, corrected.nature, corrected.urgency) = (code.to_owned(), nature, urgency);
    let by_class = |c: &&Clock| world.flow.clocks.get(&c.kind).is_some_and(|s| s.budget.is_none());
    let changes = case.open_clocks().filter(by_class).filter_map(|clock| {
        let spec = world.flow.clocks.get(&clock.kind)?;
        let budget = budget(world, &corrected, clock.kind, spec).filter(|b| *b != clock.budget)?;
        let mut next = clock.clone();
        (next.budget, next.epoch, next.fired) = (budget, clock.epoch + 1, Vec::new());
        project(world, &mut next);
        Some(ClockChange::Rebudgeted {
            id: clock.id,
            budget,
            epoch: next.epoch,
            due_at: next.due_at,
            provisional: next.provisional,
            next_rung_at: next.next_rung_at,
        })
    });
    changes.collect()
}

/// Computes the end and the next rung of a clock from its ledger.
fn project(world: World<'_>, clock: &mut Clock) {
    let Ok(calendar) = world.calendars.named(&clock.calendar) else { return };
    let terms = Terms { budget: clock.budget, start_rule: clock.start_rule, calendar };
    let due = reach(terms, &clock.segments, 100);
    clock.due_at = due.due_at;
    clock.provisional = due.provisional;
    clock.next_rung_at = next_rung(terms, &clock.segments, &clock.ladder, &clock.fired).map(|(_, at)| at);
    clock.calendar_version = calendar.version.clone();
}

fn resume(world: World<'_>, clock: &Clock, reason: &str, now: Timestamp) -> ClockChange {
    let mut next = clock.clone();
    turn(&mut next, now, Some((true, reason)));
    project(world, &mut next);
    ClockChange::Resumed {
        id: clock.id,
        reason: reason.to_owned(),
        due_at: next.due_at,
        provisional: next.provisional,
        next_rung_at: next.next_rung_at,
    }
}

fn end(clock: &Clock, now: Timestamp) -> ClockChange {
    ClockChange::Ended { id: clock.id, outcome: outcome(clock, now) }
}

/// Ends the open clock of a kind as met or late, as when the citizen was reached.
pub(super) fn meet(case: &Case, kind: ClockKind, now: Timestamp) -> Option<ClockChange> {
    case.open_clock(kind).map(|c| end(c, now))
}

/// Ends every open clock without judging it: the case was voided or taken back.
pub(super) fn cancel_all(case: &Case) -> Vec<ClockChange> {
    case.open_clocks().map(|c| ClockChange::Ended { id: c.id, outcome: Outcome::Cancelled }).collect()
}

fn runs(clock: &Clock) -> bool {
    clock.segments.last().is_some_and(|s| s.run)
}

/// The first rung that is due by `now`, as the event that tells it. Called again after it was applied, until none is left.
pub fn rungs(world: World<'_>, case: &Case, now: Timestamp) -> Option<CaseEvent> {
    let clock =
        case.open_clocks().filter(|c| c.next_rung_at.is_some_and(|at| at <= now)).min_by_key(|c| c.next_rung_at)?;
    let calendar = world.calendars.named(&clock.calendar).ok()?;
    let terms = Terms { budget: clock.budget, start_rule: clock.start_rule, calendar };
    let percent = clock.ladder.iter().copied().filter(|r| !clock.fired.contains(r)).min()?;
    let fired: Vec<u16> = clock.fired.iter().copied().chain([percent]).collect();
    let facts = RungReached {
        clock: clock.id,
        limit: clock.kind,
        percent,
        reached_at: clock.next_rung_at?,
        due_at: clock.due_at,
        next_rung_at: next_rung(terms, &clock.segments, &clock.ladder, &fired).map(|(_, at)| at),
        epoch: clock.epoch,
    };
    let change = Change { notices: rung_notices(world, case, clock, percent), ..Change::default() };
    Some(CaseEvent::RungReached(stepped(case, facts, change)))
}

fn rung_notices(world: World<'_>, case: &Case, clock: &Clock, percent: u16) -> Vec<Notice> {
    let Some(spec) = world.flow.clocks.get(&clock.kind) else { return Vec::new() };
    let params = [
        Some(("clock".to_owned(), clock.kind.zh().to_owned())),
        clock.due_at.map(|at| ("due".to_owned(), at.to_string())),
    ];
    let of_rung = spec.notices.iter().filter(|(at, _)| *at == percent);
    let mut told: Vec<Notice> = of_rung.flat_map(|(_, n)| notices(n, case)).collect();
    told.iter_mut().for_each(|n| n.params.extend(params.iter().flatten().cloned()));
    told.dedup();
    told
}

/// What a new calendar does to a clock that was projected by another version, or `None`.
pub fn reproject(world: World<'_>, case: &Case, clock: ClockId) -> Option<CaseEvent> {
    let old = case.open_clocks().find(|c| c.id == clock)?;
    let calendar = world.calendars.named(&old.calendar).ok()?;
    if old.calendar_version == calendar.version {
        return None;
    }
    let mut new = old.clone();
    project(world, &mut new);
    let facts = DeadlineMoved {
        clock: old.id,
        limit: old.kind,
        from: old.due_at,
        due_at: new.due_at,
        provisional: new.provisional,
        next_rung_at: new.next_rung_at,
        calendar: old.calendar.clone(),
        calendar_version: calendar.version.clone(),
    };
    let mut event = CaseEvent::DeadlineMoved(stepped(case, facts, Change::default()));
    if new.due_at != old.due_at {
        let spec = crate::cases::flow::NoticeSpec {
            template: "case.deadline_moved".into(),
            to: crate::cases::flow::Who::Lead,
        };
        let mut told = notices(&spec, case);
        for notice in &mut told {
            notice.params.insert("clock".into(), new.kind.zh().into());
            notice.params.extend(new.due_at.map(|at| ("due".to_owned(), at.to_string())));
        }
        event.change_mut().notices.extend(told);
    }
    Some(event)
}

pub(super) fn stepped<F>(case: &Case, facts: F, change: Change) -> Stepped<F> {
    Stepped { public_no: case.public_no.clone(), title: case.title.clone(), facts, change, key: None }
}
