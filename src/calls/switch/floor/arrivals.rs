//! How calls begin on the floor: from a trunk, from an agent's phone, from a desk.

use std::collections::BTreeMap;

use liandong_dialplans::{AreaName, CallStart, Now, Runner};

use super::refusals::{bad_number, not_an_agent};
use super::{CALLS_MAX, Done, Floor, Live, NUMBER_MAX, OUTSIDE_MIN, Out};
use crate::access::Refusal;
use crate::calls::call::{CALLER, Call, Effect, LegCommand, Origin, Party, Role};
use crate::calls::edge::Source;
use crate::calls::queue;
use crate::calls::switch::County;
use crate::calls::switch::facts::Facts;
use crate::events::ActorRef;
use crate::events::calls::{CallsEvent, Direction};
use crate::ids::{CallId, CaseId, PersonId, PhoneNumber};

impl Floor {
    pub(super) fn incoming(
        &mut self,
        call: CallId,
        source: Source,
        caller: &str,
        display: &str,
        called: &str,
        now: Now,
    ) {
        let refusal = if self.draining || self.live.len() >= CALLS_MAX {
            Some(503)
        } else {
            match source {
                Source::Trunk(trunk) => self.offered_by_trunk(call, trunk, caller, display, called, now).err(),
                Source::Agent(agent) => self.offered_by_agent(call, agent, called, now).err(),
            }
        };
        if let Some(status) = refusal {
            metrics::counter!("liandong_calls_refused_total", "status" => status.to_string()).increment(1);
            self.out.push(Out::Leg(call, CALLER, LegCommand::Reject { status }));
        }
    }

    pub(super) fn offered_by_trunk(
        &mut self,
        call: CallId,
        trunk: String,
        caller: &str,
        display: &str,
        called: &str,
        now: Now,
    ) -> Result<(), u16> {
        let plan = self.plans.plan_for_number(called).cloned().ok_or(404u16)?;
        let runner = Runner::new(self.plans.clone(), &plan).ok_or(404u16)?;
        let number = normal(caller);
        let county = number.as_deref().and_then(|n| self.areas.county_of(n));
        let area = county.as_ref().and_then(|county| self.area_of(county));
        let start = CallStart { caller: number.clone(), area: area.clone(), called: called.to_owned() };
        let facts = Facts::new(Direction::In, self.areas.home(), now.mono.0);
        let offered = CallsEvent::Offered {
            direction: Direction::In,
            from: number.as_deref().map(|n| self.personal(n, n)),
            name: (!display.is_empty()).then(|| self.personal(number.as_deref().unwrap_or("anonymous"), display)),
            line: called.to_owned(),
            trunk: Some(trunk),
            area: county.map(|c| c.name),
            agent: None,
            plan_version: Some(runner.version()),
        };
        let (machine, effects) = Call::inbound(call, runner, start, now);
        self.begin(call, machine, facts, offered, ActorRef::part("phone", "来电人"), effects, now);
        Ok(())
    }

    pub(super) fn offered_by_agent(
        &mut self,
        call: CallId,
        agent: PersonId,
        called: &str,
        now: Now,
    ) -> Result<(), u16> {
        if self.acd.agents().any(|(id, state)| id == agent && state.call().is_some()) {
            return Err(486);
        }
        let (to, direction) = self.route(agent, called).map_err(|refusal| match refusal.kind {
            crate::access::RefusalKind::Forbidden => 403u16,
            _ => 404,
        })?;
        self.reserve(&to, call, None, now).map_err(|_| 486u16)?;
        let origin = Origin::Incoming(Role::Agent { agent });
        self.direct(call, agent, origin, to, called, direction, None, now);
        Ok(())
    }

    /// The plans' area of a county: by its name, else by the queue of its sub-centre.
    pub(super) fn area_of(&self, county: &County) -> Option<AreaName> {
        let by_name = self.plans.areas().find(|(name, _)| name.as_str() == county.name);
        let by_queue = || self.plans.areas().find(|(_, area)| area.queue.as_str().starts_with(&county.code));
        by_name.or_else(by_queue).map(|(name, _)| name.clone())
    }

    pub(super) fn dial(
        &mut self,
        agent: PersonId,
        call: CallId,
        to: &str,
        case: Option<CaseId>,
        now: Now,
    ) -> Result<Done, Refusal> {
        if self.draining {
            return Err(Refusal::new(
                crate::access::RefusalKind::Unavailable,
                "calls.draining",
                "系统正在停机，暂不能外呼",
            ));
        }
        let state = self.acd.agents().find(|(id, _)| *id == agent).map(|(_, state)| state.clone());
        let state = state.ok_or_else(not_an_agent)?;
        if state.call().is_some() {
            return Err(Refusal::conflict("calls.busy", "您正在通话中，请先结束当前通话再外呼"));
        }
        let (party, direction) = self.route(agent, to)?;
        self.reserve(&party, call, None, now)?;
        self.direct(call, agent, Origin::Desk(agent), party, to, direction, case, now);
        Ok(Done { call: Some(call), ..Done::default() })
    }

    /// Where an extension or number leads to.
    pub(super) fn route(&self, agent: PersonId, to: &str) -> Result<(Party, Direction), Refusal> {
        let digits = PhoneNumber::parse(to).map_err(|_| bad_number())?;
        let digits = digits.as_str();
        if digits.len() > NUMBER_MAX {
            return Err(bad_number());
        }
        if let Some(other) = self.extensions.get(digits) {
            if *other == agent {
                return Err(Refusal::conflict("calls.self", "不能呼叫自己的分机").field("/to"));
            }
            return Ok((Party::Agent(*other), Direction::Internal));
        }
        if !self.agents.get(&agent).is_some_and(|a| a.may_dial) {
            return Err(
                Refusal::forbidden("access.denied", "当前岗位没有「外呼」的权限").who_may("持有「外呼」权限的岗位")
            );
        }
        let outward = |number: &str| self.prefixes.iter().any(|p| number.starts_with(p.as_str()));
        // Who leaves the digit for an outside line away means the number all the same.
        let whole = digits.len() >= OUTSIDE_MIN;
        let with_digit = self.prefixes.iter().filter(|p| whole && !p.is_empty()).map(|p| format!("{p}{digits}"));
        let number = Some(digits.to_owned()).filter(|n| outward(n)).or_else(|| with_digit.into_iter().next());
        let number = number.ok_or_else(|| {
            Refusal::invalid("calls.no_way_out", "没有可拨出该号码的中继，请检查号码或请管理员配置 [trunks]")
                .field("/to")
        })?;
        Ok((Party::Number(number), Direction::Out))
    }

    /// An agent who is called directly is reserved, so that the queue does not ring him meanwhile.
    pub(super) fn reserve(
        &mut self,
        to: &Party,
        call: CallId,
        queue: Option<liandong_dialplans::QueueName>,
        now: Now,
    ) -> Result<(), Refusal> {
        match to {
            Party::Agent(agent) => self.queue_command(queue::Command::Reserve { agent: *agent, call, queue }, now),
            Party::Number(_) => Ok(()),
        }
    }

    #[allow(clippy::too_many_arguments)] // what a direct call consists of; used in two places
    pub(super) fn direct(
        &mut self,
        call: CallId,
        agent: PersonId,
        origin: Origin,
        to: Party,
        dialled: &str,
        direction: Direction,
        case: Option<CaseId>,
        now: Now,
    ) {
        let (home, extension) = self
            .agents
            .get(&agent)
            .map_or_else(|| (self.areas.home(), String::new()), |a| (a.unit_path.clone(), a.extension.clone()));
        let mut facts = Facts::new(direction, home, now.mono.0);
        facts.cases.extend(case);
        let number = normal(dialled).unwrap_or_else(|| dialled.to_owned());
        let name = match &to {
            Party::Agent(other) => self.agents.get(other).map(|a| self.personal(&number, &a.name)),
            Party::Number(_) => None,
        };
        let offered = CallsEvent::Offered {
            direction,
            from: Some(self.personal(&number, &number)),
            name,
            line: if direction == Direction::Out { self.shown.clone() } else { extension },
            trunk: None,
            area: None,
            agent: Some(agent),
            plan_version: None,
        };
        let record = direction == Direction::Out;
        let (machine, effects) = Call::direct(call, origin, to, record, now);
        let actor = self.words(|w| w.agent_ref(agent));
        self.begin(call, machine, facts, offered, actor.clone(), effects, now);
        if let Some(case_id) = case {
            self.log(Some(call), CallsEvent::Linked { case_id, public_no: None }, actor, now);
        }
    }

    #[allow(clippy::too_many_arguments)] // a new call and its first steps
    pub(super) fn begin(
        &mut self,
        id: CallId,
        call: Call,
        facts: Facts,
        offered: CallsEvent,
        actor: ActorRef,
        effects: Vec<Effect>,
        now: Now,
    ) {
        metrics::counter!("liandong_calls_total", "direction" => direction_word(facts.direction)).increment(1);
        self.live.insert(id, Live { call, facts, plays: BTreeMap::new(), due: None, kept: None });
        self.log(Some(id), offered, actor, now);
        self.perform(id, effects, now);
        self.work(now);
    }
}

/// A number in the form that we keep; the digits as they came where they are none of ours; `None` if withheld.
fn normal(number: &str) -> Option<String> {
    if number.is_empty() || number.eq_ignore_ascii_case("anonymous") {
        return None;
    }
    Some(PhoneNumber::parse(number).map_or_else(|_| number.to_owned(), |n| n.as_str().to_owned()))
}

fn direction_word(direction: Direction) -> &'static str {
    match direction {
        Direction::In => "in",
        Direction::Out => "out",
        Direction::Internal => "internal",
    }
}
