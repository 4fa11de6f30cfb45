//! One order as a pure machine: given → accepted → en route → on site → done, with the ladder of people who are alerted
//! one after the other until somebody answers.
//!
//! ```text
//!            alert step 1 ─ no answer ─▶ step 2 ─ … ─▶ chief ─ no answer ─▶ exhausted (a dispatcher must act)
//!  given ──────┬──────────────┬────────────────┬─────────────┘
//!              ▼ accept       ▼ decline        ▼ cancel
//!           accepted        declined        cancelled
//!              │ en_route, on_site (may be skipped)
//!              ▼
//!            done
//! ```

use serde::{Deserialize, Serialize};

use crate::access::Refusal;
use crate::events::Personal;
use crate::events::dispatch::{DispatchEvent, LadderRole};
use crate::ids::{CaseId, OrderId, Point, ResponderId, Timestamp};
use crate::log::Vault;

/// People on one ladder: beyond this an alert that wanders from phone to phone helps nobody.
pub const LADDER_MAX: usize = 8;

/// Where an order stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OrderState {
    /// Waiting for an answer.
    Given,
    /// 已接受.
    Accepted,
    /// 在途.
    EnRoute,
    /// 已到达.
    OnSite,
    /// 已完成.
    Done,
    /// 已拒绝.
    Declined,
    /// 已撤销.
    Cancelled,
}

impl OrderState {
    /// Whether nothing more can happen.
    pub fn is_end(self) -> bool {
        matches!(self, Self::Done | Self::Declined | Self::Cancelled)
    }

    /// What officials call it.
    pub fn zh(self) -> &'static str {
        match self {
            Self::Given => "待接受",
            Self::Accepted => "已接受",
            Self::EnRoute => "在途",
            Self::OnSite => "已到达",
            Self::Done => "已完成",
            Self::Declined => "已拒绝",
            Self::Cancelled => "已撤销",
        }
    }
}

/// Somebody who can be alerted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rung {
    /// Duty or chief.
    pub role: LadderRole,
    /// His name.
    pub name: String,
    /// His number.
    pub phone: String,
}

/// An order.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Order {
    /// Its id.
    pub id: OrderId,
    /// The case it serves.
    pub case: Option<CaseId>,
    /// What is to be done.
    pub text: String,
    /// Who is to do it.
    pub responder: ResponderId,
    /// His name.
    pub responder_name: String,
    /// Where.
    pub place: Option<Point>,
    /// Where it stands.
    pub state: OrderState,
    /// Whom to alert, in order; fixed when the order is given.
    pub ladder: Vec<Rung>,
    /// How many of the ladder were alerted.
    pub alerted: usize,
    /// Whether the whole ladder stayed silent.
    pub exhausted: bool,
    /// How long each may take to answer, in seconds.
    pub answer_seconds: i64,
    /// When it was given.
    pub given_at: Timestamp,
    /// When each state was reached.
    pub reached: Vec<(OrderState, Timestamp)>,
    /// What came of it, or why not.
    pub result: Option<String>,
}

/// What can be done with an order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OrderCommand {
    /// Accept it.
    Accept,
    /// Say that one is on the way.
    EnRoute,
    /// Say that one has arrived.
    OnSite,
    /// Say that it is finished.
    Done {
        /// What came of it.
        result: String,
    },
    /// Decline it.
    Decline {
        /// Why.
        reason: String,
    },
    /// Call it off.
    Cancel {
        /// Why.
        reason: String,
    },
    /// The alerted person's time is over.
    NoAnswer {
        /// Whose: his place on the ladder, from 1. An older alarm changes nothing.
        step: usize,
    },
}

/// What a decision needs from outside.
pub struct Context<'a> {
    /// Who acts, as timelines name him.
    pub by: &'a str,
    /// Now.
    pub now: Timestamp,
    /// Names the key owner of a phone number's sealed form.
    pub vault: &'a Vault,
}

impl Order {
    /// The first alert, right after the order was given.
    pub fn first_alert(&self, context: &Context<'_>) -> Vec<DispatchEvent> {
        self.alert(0, context).into_iter().collect()
    }

    /// Decides a command: the events that carry it out, or why not.
    pub fn decide(&self, command: &OrderCommand, context: &Context<'_>) -> Result<Vec<DispatchEvent>, Refusal> {
        let (order, by) = (self.id, context.by.to_owned());
        use OrderState as S;
        match command {
            OrderCommand::Accept if self.state == S::Given => Ok(vec![DispatchEvent::Accepted { order, by }]),
            OrderCommand::EnRoute if matches!(self.state, S::Given | S::Accepted) => {
                let mut events = self.accepted_by_the_way(&by);
                events.push(DispatchEvent::EnRoute { order, by });
                Ok(events)
            }
            OrderCommand::OnSite if matches!(self.state, S::Given | S::Accepted | S::EnRoute) => {
                let mut events = self.accepted_by_the_way(&by);
                events.push(DispatchEvent::OnSite { order, by });
                Ok(events)
            }
            OrderCommand::Done { result } if !self.state.is_end() && self.state != S::Given => {
                let result = said(result, "order.no_result", "请填写完成情况")?;
                Ok(vec![DispatchEvent::Done { order, by, result }])
            }
            OrderCommand::Decline { reason } if self.state == S::Given => {
                let reason = said(reason, "order.no_reason", "请说明不能执行的原因，以便改派")?;
                Ok(vec![DispatchEvent::Declined { order, by, reason }])
            }
            OrderCommand::Cancel { reason } if !self.state.is_end() => {
                let reason = said(reason, "order.no_reason", "请说明撤销的原因")?;
                Ok(vec![DispatchEvent::Cancelled { order, reason }])
            }
            OrderCommand::NoAnswer { step } => Ok(self.no_answer(*step, context)),
            _ => Err(self.wrong_state(command)),
        }
    }

    /// Changes the state as an event says. Total: every event of this order can be applied in every state.
    pub fn apply(&mut self, event: &DispatchEvent, at: Timestamp) {
        match event {
            DispatchEvent::Alerted { step, .. } => self.alerted = usize::try_from(*step).unwrap_or(0),
            DispatchEvent::Unanswered { exhausted, .. } => self.exhausted = *exhausted,
            DispatchEvent::Accepted { .. } => self.reach(OrderState::Accepted, at, None),
            DispatchEvent::EnRoute { .. } => self.reach(OrderState::EnRoute, at, None),
            DispatchEvent::OnSite { .. } => self.reach(OrderState::OnSite, at, None),
            DispatchEvent::Done { result, .. } => self.reach(OrderState::Done, at, Some(result)),
            DispatchEvent::Declined { reason, .. } => self.reach(OrderState::Declined, at, Some(reason)),
            DispatchEvent::Cancelled { reason, .. } => self.reach(OrderState::Cancelled, at, Some(reason)),
            DispatchEvent::Given { .. } | DispatchEvent::ResponderChanged { .. } => {}
        }
    }

    /// The step that waits for an answer, if one does.
    pub fn waiting_step(&self) -> Option<usize> {
        (self.state == OrderState::Given && !self.exhausted && self.alerted > 0).then_some(self.alerted)
    }

    fn reach(&mut self, state: OrderState, at: Timestamp, result: Option<&String>) {
        self.state = state;
        self.reached.push((state, at));
        if result.is_some() {
            self.result = result.cloned();
        }
    }

    /// Who drives off without pressing "accept" first has accepted.
    fn accepted_by_the_way(&self, by: &str) -> Vec<DispatchEvent> {
        if self.state != OrderState::Given {
            return Vec::new();
        }
        vec![DispatchEvent::Accepted { order: self.id, by: by.to_owned() }]
    }

    fn no_answer(&self, step: usize, context: &Context<'_>) -> Vec<DispatchEvent> {
        if self.waiting_step() != Some(step) {
            return Vec::new();
        }
        let name = self.ladder.get(step - 1).map(|r| r.name.clone()).unwrap_or_default();
        let next = self.alert(step, context);
        let mut events = vec![DispatchEvent::Unanswered { order: self.id, name, exhausted: next.is_none() }];
        events.extend(next);
        events
    }

    fn alert(&self, index: usize, context: &Context<'_>) -> Option<DispatchEvent> {
        let rung = self.ladder.get(index)?;
        Some(DispatchEvent::Alerted {
            order: self.id,
            case: self.case,
            step: i64::try_from(index + 1).unwrap_or(i64::MAX),
            role: rung.role,
            name: rung.name.clone(),
            phone: Personal::new(context.vault.phone_owner(&rung.phone), rung.phone.clone()),
            text: self.text.clone(),
            answer_by: context.now.plus_millis(self.answer_seconds * 1_000),
        })
    }

    fn wrong_state(&self, command: &OrderCommand) -> Refusal {
        let wish = match command {
            OrderCommand::Accept => "接受",
            OrderCommand::EnRoute => "报告出发",
            OrderCommand::OnSite => "报告到达",
            OrderCommand::Done { .. } => "报告完成",
            OrderCommand::Decline { .. } => "拒绝",
            OrderCommand::Cancel { .. } => "撤销",
            OrderCommand::NoAnswer { .. } => "升级",
        };
        let hint = match (self.state, command) {
            (OrderState::Given, OrderCommand::Done { .. }) => "请先接受指令",
            (s, _) if s.is_end() => "如仍需出动，请下达新的指令",
            _ => "请刷新后按当前状态操作",
        };
        Refusal::conflict("order.wrong_state", format!("指令当前为「{}」，不能{wish}；{hint}", self.state.zh()))
    }
}

fn said(text: &str, code: &'static str, missing: &str) -> Result<String, Refusal> {
    let text = text.trim();
    if text.is_empty() {
        return Err(Refusal::invalid(code, missing));
    }
    Ok(text.to_owned())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use proptest::prelude::*;
    use uuid::Uuid;

    use super::*;

    fn order(people: usize) -> Order {
        let rung = |i| Rung {
            role: if i + 1 == people { LadderRole::Chief } else { LadderRole::Duty },
            name: format!("甲{i}"),
            phone: format!("1380000000{i}"),
        };
        Order {
            id: OrderId(Uuid::from_u128(1)),
            case: None,
            text: "关阀抢修".into(),
            responder: ResponderId(Uuid::from_u128(2)),
            responder_name: "抢修一队".into(),
            place: None,
            state: OrderState::Given,
            ladder: (0..people).map(rung).collect(),
            alerted: 0,
            exhausted: false,
            answer_seconds: 60,
            given_at: Timestamp(0),
            reached: vec![],
            result: None,
        }
    }

    fn act(order: &mut Order, command: OrderCommand) -> Result<Vec<DispatchEvent>, Refusal> {
        let vault = Vault::new([7; 32]);
        let context = Context { by: "李队", now: Timestamp(1_000), vault: &vault };
        let events = order.decide(&command, &context)?;
        events.iter().for_each(|e| order.apply(e, Timestamp(1_000)));
        Ok(events)
    }

    fn alert_first(order: &mut Order) {
        let vault = Vault::new([7; 32]);
        let context = Context { by: "系统", now: Timestamp(0), vault: &vault };
        order.first_alert(&context).iter().for_each(|e| order.apply(e, Timestamp(0)));
    }

    #[test]
    fn silence_climbs_the_ladder_to_the_chief_and_then_calls_the_dispatcher() {
        let mut order = order(3);
        alert_first(&mut order);
        for step in 1..3 {
            let events = act(&mut order, OrderCommand::NoAnswer { step }).unwrap();
            assert!(matches!(events[0], DispatchEvent::Unanswered { exhausted: false, .. }));
            assert!(matches!(&events[1], DispatchEvent::Alerted { step: s, .. } if *s == step as i64 + 1));
        }
        let last = act(&mut order, OrderCommand::NoAnswer { step: 3 }).unwrap();
        assert!(matches!(last[..], [DispatchEvent::Unanswered { exhausted: true, .. }]));
        assert!(act(&mut order, OrderCommand::Accept).is_ok(), "a late yes is still a yes");
    }

    #[test]
    fn an_alarm_that_was_overtaken_changes_nothing() {
        let mut order = order(2);
        alert_first(&mut order);
        act(&mut order, OrderCommand::Accept).unwrap();
        assert_eq!(act(&mut order, OrderCommand::NoAnswer { step: 1 }).unwrap(), vec![]);
    }

    #[test]
    fn driving_off_accepts_and_finishing_needs_words() {
        let mut order = order(1);
        alert_first(&mut order);
        assert_eq!(act(&mut order, OrderCommand::Done { result: "x".into() }).unwrap_err().code, "order.wrong_state");
        assert_eq!(act(&mut order, OrderCommand::EnRoute).unwrap().len(), 2);
        assert_eq!(act(&mut order, OrderCommand::Done { result: " ".into() }).unwrap_err().code, "order.no_result");
        act(&mut order, OrderCommand::Done { result: "已修复".into() }).unwrap();
        assert_eq!(order.state, OrderState::Done);
        assert!(act(&mut order, OrderCommand::Accept).is_err());
    }

    fn any_command() -> impl Strategy<Value = OrderCommand> {
        prop_oneof![
            Just(OrderCommand::Accept),
            Just(OrderCommand::EnRoute),
            Just(OrderCommand::OnSite),
            Just(OrderCommand::Done { result: "好".into() }),
            Just(OrderCommand::Decline { reason: "远".into() }),
            Just(OrderCommand::Cancel { reason: "误派".into() }),
            (1usize..5).prop_map(|step| OrderCommand::NoAnswer { step }),
        ]
    }

    proptest! {
        /// Whatever happens in whatever order: replay equals the live state, an end is an end, nobody is alerted twice.
        #[test]
        fn any_sequence_keeps_the_rules(commands in proptest::collection::vec(any_command(), 0..30), people in 1usize..5) {
            let mut live = order(people);
            let mut replayed = live.clone();
            alert_first(&mut live);
            alert_first(&mut replayed);
            let (mut ends, mut alerts) = (0, 1);
            for command in commands {
                let was_end = live.state.is_end();
                if let Ok(events) = act(&mut live, command) {
                    prop_assert!(events.is_empty() || !was_end, "something happened after the end");
                    for event in &events {
                        replayed.apply(event, Timestamp(1_000));
                        alerts += usize::from(matches!(event, DispatchEvent::Alerted { .. }));
                    }
                    ends += usize::from(!was_end && live.state.is_end());
                }
            }
            prop_assert_eq!(&live, &replayed);
            prop_assert!(ends <= 1 && alerts <= people);
        }
    }
}
