//! Who acts, and which of a way's roles that makes him.

use crate::access::{Action, Actor, Refusal, Target};
use crate::cases::flow::{Way, Who};
use crate::cases::model::Case;
use crate::events::ActorRef;
use crate::events::cases::{Secrecy, UnitRef, WorkItem};
use crate::ids::OrgPath;

/// Who acts.
#[derive(Debug, Clone, Copy)]
pub struct By<'a> {
    /// The person under his post, or a part of the hub.
    pub actor: &'a Actor,
    /// The unit for which an unnamed reply came (from its duty phone): it may do what that unit may as a holder.
    pub unit: Option<&'a UnitRef>,
    /// Whether it is the citizen, known by his number or his query code.
    pub citizen: bool,
    /// By what: `web`, `api`, `sms`, `phone`.
    pub via: &'a str,
}

impl<'a> By<'a> {
    /// A person, or a part of the hub.
    pub fn actor(actor: &'a Actor) -> Self {
        Self {
            actor,
            unit: None,
            citizen: false,
            via: if actor.origin.via.is_empty() { "hub" } else { actor.origin.via },
        }
    }

    /// As events name him.
    pub fn actor_ref(&self) -> ActorRef {
        match self.unit {
            Some(unit) => ActorRef::part(self.via, &unit.name),
            None if self.citizen => ActorRef::part("citizen", "诉求人"),
            None => self.actor.as_ref(),
        }
    }
}

/// A case's secrecy as rights know it.
pub(in crate::cases) fn sensitivity(secrecy: Secrecy) -> crate::access::Sensitivity {
    match secrecy {
        Secrecy::Open => crate::access::Sensitivity::Open,
        Secrecy::Internal => crate::access::Sensitivity::Internal,
        Secrecy::Confidential => crate::access::Sensitivity::Confidential,
        Secrecy::Whistle => crate::access::Sensitivity::Whistle,
    }
}

/// Whether `by` is one of those who may use `way`, and independent where it asks for that.
pub(super) fn check(way: &Way, case: &Case, by: By<'_>) -> Result<(), Refusal> {
    let ruling = case.overlays.contains(&crate::events::cases::Overlay::Disputed);
    let roles = way.who.iter().filter(|w| !(ruling && **w == Who::Sender && judges(way)));
    if !roles.clone().any(|w| is(*w, case, by)) {
        let names = way.who.iter().filter_map(|w| name(*w, case)).collect::<Vec<_>>().join("；");
        let detail = format!("「{}」在「{}」环节不由当前岗位操作", way.verb.zh(), case.node_zh);
        return Err(Refusal::forbidden("case.not_yours", detail).who_may(names));
    }
    if way.independent && by.actor.person.is_some_and(|p| case.is_work_of(p)) {
        let detail = format!("「{}」不能由本轮的承办人自己操作，以保证独立核查", way.verb.zh());
        return Err(Refusal::forbidden("case.own_work", detail).who_may("同一单位中未参与办理的其他人员，或派单席"));
    }
    Ok(())
}

/// A dispute is judged by the higher desk, not by the sender who is a party to it.
fn judges(way: &Way) -> bool {
    matches!(way.verb, crate::cases::flow::Verb::ReturnGrant | crate::cases::flow::Verb::ReturnRefuse)
}

/// Whether `by` is `who` in this case.
pub(super) fn is(who: Who, case: &Case, by: By<'_>) -> bool {
    if by.citizen {
        return who == Who::Citizen;
    }
    if let Some(unit) = by.unit {
        return match who {
            Who::Lead => case.lead().is_some_and(|l| l.unit.id == unit.id),
            Who::CoHandler => case.co_items().any(|i| i.unit.id == unit.id),
            _ => false,
        };
    }
    match who {
        Who::Collector => may(case, by, Action::CaseCapture, &case.collector.path),
        Who::Desk => may(case, by, Action::CaseDispatch, &case.desk.path),
        Who::Lead => case.lead().is_some_and(|l| may(case, by, Action::CaseHandle, &l.unit.path)),
        Who::CoHandler => co_item(case, by).is_some(),
        Who::Sender => case.lead().is_some_and(|l| {
            may(case, by, Action::CaseDispatch, &l.sender.path)
                || (l.parent.is_some() && may(case, by, Action::CaseHandle, &l.sender.path))
        }),
        Who::Supervisor => by.actor.may(
            Action::CaseSupervise,
            Target { orgs: &case.orgs(), owner: None, sensitivity: sensitivity(case.secrecy) },
        ),
        Who::Citizen => by.actor.is_hub(),
    }
}

/// The open co-handling item that `by` holds.
pub(super) fn co_item<'c>(case: &'c Case, by: By<'_>) -> Option<&'c WorkItem> {
    case.co_items().find(|i| match by.unit {
        Some(unit) => i.unit.id == unit.id,
        None => !by.citizen && may(case, by, Action::CaseHandle, &i.unit.path),
    })
}

fn may(case: &Case, by: By<'_>, action: Action, org: &OrgPath) -> bool {
    let target =
        Target { orgs: std::slice::from_ref(org), owner: case.collected_by, sensitivity: sensitivity(case.secrecy) };
    by.actor.may(action, target)
}

/// Who that is at present, in words.
fn name(who: Who, case: &Case) -> Option<String> {
    let unit = match who {
        Who::Collector => &case.collector.name,
        Who::Desk => &case.desk.name,
        Who::Lead => &case.lead()?.unit.name,
        Who::CoHandler => &case.co_items().next()?.unit.name,
        Who::Sender => &case.lead()?.sender.name,
        Who::Supervisor | Who::Citizen => return Some(who.zh().to_owned()),
    };
    Some(format!("{}（{unit}）", who.zh()))
}
