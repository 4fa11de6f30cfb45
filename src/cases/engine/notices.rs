//! Who is to be told of a step, and the facts that the text may use. The words are `messages`'.

use std::collections::BTreeMap;

use crate::cases::flow::{NoticeSpec, Who};
use crate::cases::model::Case;
use crate::events::cases::{ClockKind, Notice, NoticeTo};

/// The notices of a specification, as the case stands.
pub(super) fn notices(spec: &NoticeSpec, case: &Case) -> Vec<Notice> {
    let lead = case.lead();
    let to: Vec<NoticeTo> = match spec.to {
        Who::Citizen => case.has_phone.then_some(NoticeTo::Requester).into_iter().collect(),
        Who::CoHandler => case.co_items().map(|i| NoticeTo::Unit { unit: i.unit.clone() }).collect(),
        Who::Supervisor => Vec::new(),
        Who::Collector => vec![NoticeTo::Unit { unit: case.collector.clone() }],
        Who::Desk => vec![NoticeTo::Unit { unit: case.desk.clone() }],
        Who::Lead => vec![NoticeTo::Unit { unit: lead.map_or(&case.desk, |l| &l.unit).clone() }],
        Who::Sender => vec![NoticeTo::Unit { unit: lead.map_or(&case.desk, |l| &l.sender).clone() }],
    };
    // Times go as RFC 3339: whoever writes the words chooses their form.
    let due = |k: ClockKind| case.open_clock(k).and_then(|c| c.due_at).map(|at| at.to_string());
    let named =
        [("due", due(ClockKind::Sign).or_else(|| due(ClockKind::Settle))), ("settle_due", due(ClockKind::Settle))];
    let params: BTreeMap<String, String> = named.into_iter().filter_map(|(n, v)| Some((n.to_owned(), v?))).collect();
    to.into_iter().map(|to| Notice { template: spec.template.clone(), to, params: params.clone() }).collect()
}
