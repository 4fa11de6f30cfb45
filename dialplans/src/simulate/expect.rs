//! Holds what happened against what was expected.

use super::{Expectation, Line, Transcript};
use crate::api::NoteKind;
use crate::time::Millis;

/// The word for a kind of note, as in scenario files.
pub(super) fn kind_word(kind: NoteKind) -> &'static str {
    match kind {
        NoteKind::Step => "step",
        NoteKind::MissedCall => "missed_call",
        NoteKind::Emergency => "emergency",
        NoteKind::Overflow => "overflow",
        NoteKind::Remark => "remark",
        NoteKind::Trouble => "trouble",
    }
}

/// Adds a failure for each expectation that was not met.
pub(super) fn check(expectations: &[Expectation], transcript: &mut Transcript) {
    let failures: Vec<String> = expectations.iter().filter_map(|e| failure(e, &transcript.lines)).collect();
    transcript.failures.extend(failures);
}

fn failure(expectation: &Expectation, lines: &[Line]) -> Option<String> {
    match expectation {
        Expectation::Happens { call, what, not_before, by } => {
            let times: Vec<Millis> = times(lines, call, what).collect();
            if times.iter().any(|at| at >= not_before && at <= by) {
                return None;
            }
            let seen = match times.first() {
                None => "it never happened".to_owned(),
                Some(first) => format!("it happened at {first}"),
            };
            Some(format!("{call}: `{what}` was expected from {not_before} to {by}, but {seen}"))
        }
        Expectation::Never { call, what } => {
            times(lines, call, what).next().map(|at| format!("{call}: `{what}` was not expected, but happened at {at}"))
        }
        Expectation::Order(order) => {
            let answered = lines.iter().filter(|line| line.what.starts_with("answered by"));
            let was: Vec<&str> = answered.map(|line| line.call.as_str()).collect();
            (was != *order).then(|| format!("answered in the order {was:?}, expected {order:?}"))
        }
    }
}

/// When the call's lines say `what`, as whole words.
fn times<'a>(lines: &'a [Line], call: &'a str, what: &'a str) -> impl Iterator<Item = Millis> + 'a {
    let says = move |line: &&Line| {
        line.call == call && line.what.strip_prefix(what).is_some_and(|rest| rest.is_empty() || rest.starts_with(' '))
    };
    lines.iter().filter(says).map(|line| line.at)
}
