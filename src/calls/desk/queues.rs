//! The queues as wallboard and supervisors see them: who waits, who sits there, how good the service is.

use std::collections::BTreeMap;

use liandong_dialplans::QueueName;
use serde::Serialize;
use utoipa::ToSchema;

use crate::access::{Action, Actor, CommandError, Target};
use crate::calls::commands::FIGURES_BACK_MS;
use crate::calls::queue::figures::{ANSWER_TARGET_MS, CallFact, Figure, Outcome, figures};
use crate::calls::queue::{AgentView, QueueView};
use crate::calls::rows;
use crate::calls::switch::{AgentProfile, View, state_words};
use crate::calls::{CallFilter, Calls, FigureView};
use crate::ids::{CallId, CaseId, Timestamp};

/// Waiting calls whose numbers are shown.
const NUMBERS_MAX: i64 = 200;

/// The trend's step.
const SLOT_MS: i64 = 15 * 60_000;
/// Steps of a day; China has no day of 25 hours.
const SLOTS_MAX: usize = 96;

/// A waiting call.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct WaitingCall {
    /// Which.
    pub call_id: String,
    /// Masked; empty where it is withheld or not at hand.
    pub number: String,
    /// The county.
    pub area: Option<String>,
    /// When its caller first asked for a person.
    #[schema(value_type = String, format = DateTime)]
    pub since: Timestamp,
    /// 1 is the next.
    pub place: u32,
    /// Its rank.
    #[schema(value_type = String)]
    pub priority: liandong_dialplans::Priority,
    /// The agent being rung for it.
    pub ringing: Option<String>,
}

/// An agent at a queue.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct SeatView {
    /// Who.
    pub agent_id: String,
    /// His name.
    pub name: String,
    /// His extension.
    pub extension: String,
    /// `offline`, `ready`, `reserved`, `ringing`, `talking`, `hold`, `wrap_up`, `not_ready`.
    pub state: String,
    /// Why he takes no calls.
    pub reason: Option<String>,
    /// Since when.
    #[schema(value_type = String, format = DateTime)]
    pub since: Timestamp,
    /// Whether his phone is registered.
    pub phone: bool,
}

/// How many agents do what.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct AgentCounts {
    /// Not signed in.
    pub offline: usize,
    /// Takes no calls.
    pub not_ready: usize,
    /// Takes calls.
    pub ready: usize,
    /// The phone is about to ring or rings.
    pub reserved: usize,
    /// In a call, on hold included.
    pub talking: usize,
    /// After-call work.
    pub after_call: usize,
}

/// A rate with its definition.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct RateView {
    /// 0–1; none with nothing to divide by.
    pub value: Option<f64>,
    /// Calls above the line.
    pub numerator: usize,
    /// Calls below the line.
    pub denominator: usize,
    /// What is counted over what.
    pub definition: String,
    /// The version of the definition.
    pub version: u32,
    /// For the service level: within so many seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub within_s: Option<u64>,
}

/// Counts of the last 24 hours.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct QueueFigures {
    /// Calls that asked for a person.
    pub offered: usize,
    /// Connected.
    pub answered: usize,
    /// Hung up while waiting.
    pub abandoned: usize,
    /// Mean wait of the connected.
    pub average_wait_ms: i64,
}

/// A quarter of an hour of today.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct TrendSlot {
    /// When it began.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    /// Calls that asked for a person in it, those that still wait included.
    pub offered: usize,
    /// Of these, connected.
    pub answered: usize,
    /// Of these, hung up while waiting.
    pub abandoned: usize,
    /// Of these that wait no more, the share connected within 15 seconds; none where there are none.
    pub service_level: Option<f64>,
}

/// One queue.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct QueueNow {
    /// Its name in plans.
    pub id: String,
    /// Its name for people.
    pub name: String,
    /// First to be served first.
    pub waiting: Vec<WaitingCall>,
    /// The longest of these waits.
    pub longest_wait_ms: u64,
    /// Who does what.
    pub agents: AgentCounts,
    /// The agents.
    pub seats: Vec<SeatView>,
    /// Within 15 seconds 15秒接通率.
    pub service_level: RateView,
    /// Connected 接通率.
    pub connect_rate: RateView,
    /// The last 24 hours.
    pub today: QueueFigures,
    /// Today from midnight to now by quarters of an hour, by when the callers asked for a person.
    pub trend: Vec<TrendSlot>,
    /// All figures with their definitions; the calls behind them at `/queues/{id}/figures`.
    pub figures: Vec<FigureView>,
}

/// All queues that one may see.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct QueuesView {
    /// By name.
    pub items: Vec<QueueNow>,
    /// Always none: there are few.
    pub next: Option<String>,
    /// Over all of these queues together.
    pub figures: Vec<FigureView>,
}

impl Calls {
    /// The queues of the units that `actor` may see.
    ///
    /// # Errors
    /// The store's.
    pub async fn queues(&self, actor: &Actor) -> Result<QueuesView, CommandError> {
        let now = Timestamp::now();
        let view = self.switch.view(Vec::new()).await?;
        let visible = actor.predicate(Action::CallRead, "orgs", "agent", "0", 1);
        let back = now.plus_millis(-FIGURES_BACK_MS);
        let facts = self.day.facts(self.store.reader(), &visible, back, now).await?;
        let numbers = self.waiting_numbers(actor).await?;
        let board = Board { now, view: &view, facts: &facts, numbers: &numbers };
        let sees = |queue: &QueueName| actor.may(Action::CallRead, Target::of(&[self.areas.home_of(queue)]));
        let items = view.snapshot.queues.iter().filter(|q| sees(&q.queue)).map(|q| board.queue(q)).collect();
        let figures = figures(facts.iter()).into_iter().map(|f| FigureView::new(f, false)).collect();
        Ok(QueuesView { items, next: None, figures })
    }

    /// The cases of today's calls, by the queue that each call entered first: `http` knows what they are about.
    ///
    /// # Errors
    /// The store's.
    pub async fn cases_today(&self, actor: &Actor) -> Result<Vec<(QueueName, Vec<CaseId>)>, CommandError> {
        let visible = actor.predicate(Action::CallRead, "orgs", "agent", "0", 1);
        let calls = rows::cases_by_queue(self.store.reader(), &visible, midnight(Timestamp::now())).await?;
        let ids = |cases: Vec<String>| cases.iter().filter_map(|id| id.parse().ok()).collect();
        Ok(calls.into_iter().map(|(queue, cases)| (queue, ids(cases))).collect())
    }

    /// Masked numbers and counties of the calls that wait.
    async fn waiting_numbers(&self, actor: &Actor) -> Result<BTreeMap<String, (String, Option<String>)>, CommandError> {
        let mut numbers = BTreeMap::new();
        for state in ["queued", "ringing"] {
            let filter = CallFilter { state: Some(state.into()), limit: NUMBERS_MAX, ..CallFilter::default() };
            for call in self.list(actor, &filter).await? {
                numbers.insert(call.id, (call.from.number, call.from.area));
            }
        }
        Ok(numbers)
    }
}

struct Board<'a> {
    now: Timestamp,
    view: &'a View,
    facts: &'a [CallFact],
    numbers: &'a BTreeMap<String, (String, Option<String>)>,
}

impl Board<'_> {
    fn queue(&self, queue: &QueueView) -> QueueNow {
        let facts: Vec<&CallFact> = self.facts.iter().filter(|f| f.queue == queue.queue).collect();
        let all = figures(facts.iter().copied());
        let seats = self.seats(&queue.queue);
        QueueNow {
            id: queue.queue.to_string(),
            name: queue.title.clone(),
            waiting: queue.waiting.iter().map(|w| self.waiting(w.call, w)).collect(),
            longest_wait_ms: queue.longest_wait_ms,
            agents: count(&seats),
            seats,
            service_level: rate(&all, "connect_rate_15s", Some(ANSWER_TARGET_MS / 1_000)),
            connect_rate: rate(&all, "connect_rate", None),
            today: today(&all),
            trend: trend(&facts, self.now),
            figures: all.into_iter().map(|f| FigureView::new(f, false)).collect(),
        }
    }

    fn waiting(&self, call: CallId, w: &crate::calls::queue::WaitingView) -> WaitingCall {
        let id = call.to_string();
        let (number, area) = self.numbers.get(&id).cloned().unwrap_or_default();
        let since = self.now.plus_millis(-i64::try_from(w.waited_ms).unwrap_or(0));
        let ringing = w.ringing.map(|a| a.to_string());
        WaitingCall { call_id: id, number, area, since, place: w.place, priority: w.priority, ringing }
    }

    fn seats(&self, queue: &QueueName) -> Vec<SeatView> {
        let here = self.view.snapshot.agents.iter().filter(|a| a.queues.contains(queue));
        here.filter_map(|a| Some(self.seat(a, self.view.profiles.iter().find(|p| p.person == a.agent)?))).collect()
    }

    fn seat(&self, agent: &AgentView, profile: &AgentProfile) -> SeatView {
        let (state, reason, _) = state_words(&agent.state);
        SeatView {
            agent_id: agent.agent.to_string(),
            name: profile.name.clone(),
            extension: profile.extension.clone(),
            state: state.into(),
            reason,
            since: self.now.plus_millis(-i64::try_from(agent.for_ms).unwrap_or(0)),
            phone: self.view.registered.contains(&agent.agent),
        }
    }
}

fn count(seats: &[SeatView]) -> AgentCounts {
    let of = |words: &[&str]| seats.iter().filter(|s| words.contains(&s.state.as_str())).count();
    AgentCounts {
        offline: of(&["offline"]),
        not_ready: of(&["not_ready"]),
        ready: of(&["ready"]),
        reserved: of(&["reserved", "ringing"]),
        talking: of(&["talking", "hold"]),
        after_call: of(&["wrap_up"]),
    }
}

fn find<'a>(all: &'a [Figure], name: &str) -> Option<&'a Figure> {
    all.iter().find(|f| f.name == name)
}

fn rate(all: &[Figure], name: &str, within_s: Option<u64>) -> RateView {
    let figure = find(all, name);
    RateView {
        value: figure.and_then(|f| f.value),
        numerator: figure.map_or(0, |f| f.counted.len()),
        denominator: figure.map_or(0, |f| f.over.len()),
        definition: figure.map_or_else(String::new, |f| f.definition.to_owned()),
        version: figure.map_or(0, |f| f.version),
        within_s,
    }
}

/// The facts since midnight by quarters of an hour; quarters without calls are there too, so that a line is a line.
fn trend(facts: &[&CallFact], now: Timestamp) -> Vec<TrendSlot> {
    let midnight = midnight(now).0;
    let slots = usize::try_from((now.0 - midnight) / SLOT_MS + 1).unwrap_or(1).min(SLOTS_MAX);
    let mut by_slot: Vec<Vec<&CallFact>> = vec![Vec::new(); slots];
    for fact in facts {
        let slot = usize::try_from((fact.asked_at.0 - midnight).div_euclid(SLOT_MS)).ok();
        if let Some(slot) = slot.and_then(|slot| by_slot.get_mut(slot)) {
            slot.push(fact);
        }
    }
    let start = |slot: usize| Timestamp(midnight + i64::try_from(slot).unwrap_or(0) * SLOT_MS);
    by_slot.into_iter().enumerate().map(|(slot, facts)| of_slot(start(slot), &facts)).collect()
}

fn of_slot(at: Timestamp, facts: &[&CallFact]) -> TrendSlot {
    let count = |which: fn(&Outcome) -> bool| facts.iter().filter(|fact| which(&fact.outcome)).count();
    let all = figures(facts.iter().copied());
    TrendSlot {
        at,
        offered: facts.len(),
        answered: count(|o| matches!(o, Outcome::Answered { .. })),
        abandoned: count(|o| matches!(o, Outcome::Abandoned { .. })),
        service_level: find(&all, "connect_rate_15s").and_then(|f| f.value),
    }
}

/// The beginning of the day of `at`.
pub(super) fn midnight(at: Timestamp) -> Timestamp {
    Timestamp::from_civil(at.civil().date().at(0, 0, 0, 0))
}

fn today(all: &[Figure]) -> QueueFigures {
    let counted = |name: &str| find(all, name).map_or(0, |f| f.counted.len());
    let wait = find(all, "average_speed_of_answer").and_then(|f| f.value).unwrap_or(0.0);
    QueueFigures {
        offered: find(all, "connect_rate_15s").map_or(0, |f| f.over.len()),
        answered: counted("average_speed_of_answer"),
        abandoned: counted("abandon_rate"),
        average_wait_ms: (wait * 1_000.0) as i64,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn the_trend_has_each_quarter_from_midnight_to_now() {
        let now: Timestamp = "2026-11-24T10:40:00+08:00".parse().unwrap();
        let fact = |minutes_ago: i64, outcome| CallFact {
            call: CallId(uuid::Uuid::from_u128(u128::from(minutes_ago.unsigned_abs()))),
            queue: "city_hotline".into(),
            asked_at: now.plus_millis(-minutes_ago * 60_000),
            outcome,
        };
        let by = Some(crate::ids::PersonId(uuid::Uuid::from_u128(9)));
        let facts = [
            fact(1, Outcome::Waiting),
            fact(5, Outcome::Answered { after_ms: 15_001, by }),
            fact(9, Outcome::Answered { after_ms: 1, by }),
            fact(30, Outcome::Abandoned { after_ms: 1_000 }),
            fact(11 * 60, Outcome::Abandoned { after_ms: 1_000 }), // yesterday
        ];
        let trend = trend(&facts.iter().collect::<Vec<_>>(), now);
        assert_eq!(trend.len(), 10 * 4 + 3);
        let slot = |n: usize| (trend[n].offered, trend[n].answered, trend[n].abandoned, trend[n].service_level);
        assert_eq!(slot(42), (3, 2, 0, Some(0.5)), "the present quarter");
        assert_eq!(slot(40), (1, 0, 1, Some(0.0)));
        assert_eq!(slot(0), (0, 0, 0, None));
        assert_eq!(trend[0].at, "2026-11-24T00:00:00+08:00".parse().unwrap());
        assert_eq!(trend.iter().map(|s| s.offered).sum::<usize>(), 4);
    }
}
