//! The checker: what must hold before a flow may be used, each finding with its line, its reason and what would mend it.

use std::collections::BTreeSet;
use std::ops::Range;

use ring::digest::{SHA256, digest};

use super::finding::{Finding, Report, nearest};
use super::parse::{RawFlow, Spans};
use super::{Flow, Guard, Owner, Verb, Way, Who};
use crate::cases::classes::Classes;
use crate::cases::clocks::Calendars;
use crate::events::cases::ClockKind;

/// Reads and checks a flow. `Err` holds every finding, in the order of the file.
pub fn check_text(text: &str, classes: &Classes, calendars: &Calendars) -> Result<Flow, Vec<Finding>> {
    let mut report = Report { text, found: Vec::new() };
    let raw: RawFlow = match toml::from_str(text) {
        Ok(raw) => raw,
        Err(e) => {
            let hint = suggestion(e.message()).unwrap_or_default();
            report.add(e.span().unwrap_or(0..0), "flow.syntax", e.message().trim().to_owned(), &hint);
            return Err(report.found);
        }
    };
    let version = digest(&SHA256, text.as_bytes()).as_ref()[..8].iter().map(|b| format!("{b:02x}")).collect();
    let (flow, spans) = raw.resolve(version, &mut report);
    if report.found.is_empty() {
        let check = Check { flow: &flow, spans: &spans, classes, calendars };
        check.names(&mut report);
        if report.found.is_empty() {
            check.graph(&mut report);
            check.people(&mut report);
            check.leads(&mut report);
            check.clocks(&mut report);
        }
    }
    report.found.sort_by_key(|f| (f.line, f.column));
    if report.found.is_empty() { Ok(flow) } else { Err(report.found) }
}

struct Check<'a> {
    flow: &'a Flow,
    spans: &'a Spans,
    classes: &'a Classes,
    calendars: &'a Calendars,
}

impl Check<'_> {
    /// Nodes, classes and calendars that are named must be there.
    fn names(&self, report: &mut Report<'_>) {
        let nodes: Vec<&str> = self.flow.nodes.keys().map(String::as_str).collect();
        let named = self.flow.starts.iter().zip(&self.spans.starts).map(|(s, at)| (&s.node, at.clone()));
        let ways = self.flow.ways.iter().zip(&self.spans.ways).flat_map(|(w, s)| {
            let from = w.from.iter().zip(s.from.iter().cloned());
            from.chain(w.to.iter().zip(s.to.iter().cloned()))
        });
        for (name, at) in named.chain(ways).filter(|(n, _)| !self.flow.nodes.contains_key(*n)) {
            report.unknown(at, "node", name, &nodes);
        }
        let guards = self.flow.ways.iter().zip(&self.spans.ways).map(|(w, s)| (&w.guard, s.guard.clone()));
        let starts = self.flow.starts.iter().zip(&self.spans.starts).map(|(s, at)| (&s.guard, at.clone()));
        for (guard, at) in guards.chain(starts) {
            self.guard_classes(guard, at, report);
        }
        let calendars: Vec<&str> = self.calendars.names().collect();
        for (kind, spec) in self.flow.clocks.iter().filter(|(_, s)| self.calendars.named(&s.calendar).is_err()) {
            report.unknown(self.clock_span(*kind), "calendar", &spec.calendar, &calendars);
        }
    }

    fn guard_classes(&self, guard: &Guard, at: Range<usize>, report: &mut Report<'_>) {
        let known: BTreeSet<&str> = self.classes.codes().flat_map(prefixes).collect();
        for code in guard.class_codes().into_iter().filter(|c| !known.contains(c)) {
            report.unknown(at.clone(), "class", code, &known.iter().copied().collect::<Vec<_>>());
        }
    }

    /// Every node is reached, and from every node an end.
    fn graph(&self, report: &mut Report<'_>) {
        if !self.flow.starts.last().is_some_and(|s| s.guard == Guard::Always) {
            let hint = "let the last start have no guard";
            report.add(self.spans.key.clone(), "flow.start", "some cases would begin nowhere".into(), hint);
        }
        let starts: Vec<&str> = self.flow.starts.iter().map(|s| s.node.as_str()).collect();
        let reached = closure(&starts, |n| self.successors(n));
        let ends: Vec<&str> = self.flow.nodes.values().filter(|n| n.is_end()).map(|n| n.key.as_str()).collect();
        let leads_to_end = closure(&ends, |n| self.predecessors(n));
        for key in self.flow.nodes.keys().map(String::as_str) {
            if !reached.contains(key) {
                let hint = "add a way or a start that leads here, or remove the node";
                report.add(self.node_span(key), "flow.unreachable", format!("no way leads to node {key:?}"), hint);
            }
            if !leads_to_end.contains(key) {
                let hint = "add a way that leads on";
                report.add(
                    self.node_span(key),
                    "flow.dead_end",
                    format!("from node {key:?} no end is ever reached"),
                    hint,
                );
            }
        }
        self.shadowed(report);
    }

    /// A way after another of the same verb and node without a guard is never taken, unless others use it.
    fn shadowed(&self, report: &mut Report<'_>) {
        for (i, way) in self.flow.ways.iter().enumerate() {
            let earlier = |node: &String| {
                self.flow.ways[..i].iter().any(|w| {
                    w.verb == way.verb
                        && w.guard == Guard::Always
                        && w.from.contains(node)
                        && way.who.iter().all(|p| w.who.contains(p))
                })
            };
            for (node, at) in way.from.iter().zip(&self.spans.ways[i].from).filter(|(n, _)| earlier(n)) {
                let text = format!(
                    "{:?} at {node:?} is never taken this way: an earlier way without a guard takes it",
                    way.verb.as_str()
                );
                report.add(at.clone(), "flow.shadowed", text, "put it before the other, or give the other a guard");
            }
        }
    }

    /// Whoever holds a node can do something there that leads on; a citizen or nobody cannot be the only one.
    fn people(&self, report: &mut Report<'_>) {
        for (key, node) in &self.flow.nodes {
            let Some(owner) = node.owner else { continue };
            let onward: Vec<&Way> = self.ways_from(key).filter(|w| w.to.as_ref().is_some_and(|t| t != key)).collect();
            if !onward.iter().any(|w| w.who.contains(&Who::from(owner))) {
                let text = format!("node {key:?} is held by {:?}, who has no way to move it on", owner.as_str());
                report.add(self.node_span(key), "flow.holder_stuck", text, "let the holder use a way that leads on");
            }
            let official = |w: &&Way| w.who.iter().any(|p| *p != Who::Citizen);
            if owner == Owner::Citizen && !onward.iter().any(official) {
                let text = format!("node {key:?} waits for the citizen alone");
                report.add(
                    self.node_span(key),
                    "flow.holder_stuck",
                    text,
                    "let an official move it on when the citizen does not answer",
                );
            }
        }
    }

    /// Nodes that a lead or his sender holds are entered only with a lead; verbs that need one are used only there.
    fn leads(&self, report: &mut Report<'_>) {
        let needs = |n: &str| matches!(self.flow.nodes[n].owner, Some(Owner::Lead | Owner::Sender));
        for (way, spans) in self.flow.ways.iter().zip(&self.spans.ways) {
            let Some(to) = way.to.as_deref() else { continue };
            let without = way.from.iter().find(|f| !needs(f));
            if let Some(from) = without.filter(|_| needs(to) && !gives_lead(way.verb)) {
                let text = format!(
                    "{:?} leads from {from:?} to {to:?}, which a lead must hold, but gives it none",
                    way.verb.as_str()
                );
                let at = spans.to.clone().unwrap_or(spans.verb.clone());
                report.add(at, "flow.no_lead", text, "use assign, or lead to a node that the desk holds");
            }
        }
        for (way, spans) in self.flow.ways.iter().zip(&self.spans.ways).filter(|(w, _)| uses_lead(w.verb)) {
            for (node, at) in way.from.iter().zip(&spans.from).filter(|(n, _)| !needs(n)) {
                let text = format!("{:?} needs a lead, and {node:?} has none", way.verb.as_str());
                report.add(at.clone(), "flow.no_lead", text, "use it at nodes that a lead or his sender holds");
            }
        }
        for (way, spans) in
            self.flow.ways.iter().zip(&self.spans.ways).filter(|(w, _)| must_move(w.verb) && w.to.is_none())
        {
            if way.who != [Who::CoHandler] {
                let text = format!("{:?} must lead somewhere", way.verb.as_str());
                report.add(spans.verb.clone(), "flow.no_target", text, "give the way a `to`");
            }
        }
    }

    /// Every node that somebody holds has a clock; clocks that are named are defined; their budgets come from somewhere.
    fn clocks(&self, report: &mut Report<'_>) {
        let defined: Vec<&str> = self.flow.clocks.keys().map(|k| k.as_str()).collect();
        let by_class = [ClockKind::Sign, ClockKind::Contact, ClockKind::Settle];
        for (key, node) in &self.flow.nodes {
            for kind in node.clocks.iter().chain(&node.keeps).chain(&node.pauses) {
                if !self.flow.clocks.contains_key(kind) {
                    report.unknown(self.node_span(key), "clock definition", kind.as_str(), &defined);
                }
            }
            if !node.is_end() && node.clocks.is_empty() {
                let text = format!("at node {key:?} no clock runs: it could lie there for ever");
                report.add(self.node_span(key), "flow.no_clock", text, "name a clock in `clocks`");
            }
            if let Some(kind) = node.clocks.iter().find(|k| node.pauses.contains(k)) {
                let text = format!("at node {key:?} clock {:?} should both run and pause", kind.as_str());
                report.add(self.node_span(key), "flow.clock_both", text, "name it once");
            }
        }
        for (kind, spec) in &self.flow.clocks {
            if spec.budget.is_none() && !by_class.contains(kind) {
                let text = format!("clock {:?} has no budget, and the class tree sets none", kind.as_str());
                report.add(self.clock_span(*kind), "flow.budget", text, "give it a budget");
            }
        }
        self.clock_sum(report);
    }

    /// Fixed budgets must keep sign ≤ contact ≤ settle, also against the class tree's shortest.
    fn clock_sum(&self, report: &mut Report<'_>) {
        let fixed = |k| self.flow.clocks.get(&k).and_then(|s| s.budget).map(crate::cases::classes::minutes);
        let (sign, contact, settle) = (fixed(ClockKind::Sign), fixed(ClockKind::Contact), fixed(ClockKind::Settle));
        for (first, kind, second) in
            [(sign, ClockKind::Sign, contact), (contact, ClockKind::Contact, settle), (sign, ClockKind::Sign, settle)]
        {
            if let (Some(a), Some(b)) = (first, second)
                && a > b
            {
                let text = format!("clock {:?} is longer than the clock that contains it", kind.as_str());
                report.add(self.clock_span(kind), "flow.clock_sum", text, "sign ≤ contact ≤ settle must hold");
            }
        }
    }

    fn ways_from<'b>(&'b self, node: &'b str) -> impl Iterator<Item = &'b Way> + 'b {
        self.flow.ways.iter().filter(move |w| w.from.iter().any(|f| f == node))
    }

    fn successors(&self, node: &str) -> Vec<&str> {
        self.flow.ways.iter().filter(|w| w.from.iter().any(|f| f == node)).filter_map(|w| w.to.as_deref()).collect()
    }

    fn predecessors(&self, node: &str) -> Vec<&str> {
        let into = self.flow.ways.iter().filter(|w| w.to.as_deref() == Some(node));
        into.flat_map(|w| w.from.iter().map(String::as_str)).collect()
    }

    fn node_span(&self, key: &str) -> Range<usize> {
        self.spans.nodes.get(key).cloned().unwrap_or_default()
    }

    fn clock_span(&self, kind: ClockKind) -> Range<usize> {
        self.spans.clocks.get(&kind).cloned().unwrap_or_default()
    }
}

/// Verbs after which the case has an open lead item.
fn gives_lead(verb: Verb) -> bool {
    matches!(verb, Verb::Assign | Verb::Reassign | Verb::Transfer | Verb::SendDown | Verb::Accept)
}

/// Verbs that act on the open lead item.
fn uses_lead(verb: Verb) -> bool {
    use Verb::*;
    matches!(
        verb,
        Sign | Reassign
            | ReturnRequest
            | ReturnGrant
            | ReturnRefuse
            | Transfer
            | SendDown
            | FeedBack
            | CheckPass
            | CheckFail
    )
}

/// Verbs whose whole meaning is a move.
fn must_move(verb: Verb) -> bool {
    !matches!(verb, Verb::Supplement | Verb::Urge | Verb::Link | Verb::Revisit)
}

/// `from` and all that `next` leads to.
fn closure<'a>(from: &[&'a str], next: impl Fn(&str) -> Vec<&'a str>) -> BTreeSet<&'a str> {
    let mut seen = BTreeSet::new();
    let mut open: Vec<&str> = from.to_vec();
    while let Some(node) = open.pop() {
        if seen.insert(node) {
            open.extend(next(node));
        }
    }
    seen
}

fn prefixes(code: &str) -> impl Iterator<Item = &str> {
    code.match_indices('.').map(|(i, _)| &code[..i]).chain([code])
}

/// "did you mean" for serde's own message: ``unknown variant `chanel`, expected one of `channel`, `nature` ``.
fn suggestion(message: &str) -> Option<String> {
    let quoted: Vec<&str> = message.split('`').skip(1).step_by(2).collect();
    let (name, known) = quoted.split_first()?;
    if !message.starts_with("unknown") {
        return None;
    }
    nearest(name, known).map(|n| format!("did you mean {n:?}?"))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::CITY;
    use super::*;

    fn check(text: &str) -> Result<Flow, Vec<Finding>> {
        check_text(text, &Classes::shipped(), &Calendars::shipped())
    }

    /// Changes one place of the city's flow and returns the one finding, with the text that its position points at.
    fn broken(old: &str, new: &str) -> (Finding, String) {
        assert!(CITY.contains(old), "{old:?} is no longer in the flow");
        let text = CITY.replacen(old, new, 1);
        let found = check(&text).unwrap_err();
        let first = found[0].clone();
        let rest: String = text.lines().nth(first.line - 1).unwrap().chars().skip(first.column - 1).collect();
        (first, rest)
    }

    #[test]
    fn the_shipped_flow_is_sound() {
        let flow = check(CITY)
            .unwrap_or_else(|f| panic!("{}", f.iter().map(Finding::to_string).collect::<Vec<_>>().join("\n")));
        assert_eq!(flow.nodes.len(), 15);
        assert!(flow.verbs_at("handling").contains(&Verb::FeedBack));
    }

    #[test]
    fn a_misspelt_name_is_found_where_it_stands() {
        let (f, at) = broken("verb = \"feed_back\"\nto", "verb = \"feed_bakc\"\nto");
        assert!(at.starts_with("\"feed_bakc\"") && f.hint.contains("feed_back"), "{f} at {at}");
        let (f, at) = broken("to = \"fed_back\"", "to = \"fedback\"");
        assert!(at.starts_with("\"fedback\"") && f.hint.contains("fed_back"), "{f} at {at}");
        let (f, at) = broken("pauses = [\"settle\"]", "pauses = [\"setle\"]");
        assert!(at.starts_with("\"setle\"") && f.hint.contains("settle"), "{f}");
        let (f, _) = broken("guard = { channel = [\"grid\", \"patrol\"] }", "guard = { chanel = [\"grid\"] }");
        assert!(f.hint.contains("channel") && f.code == "flow.syntax", "{f}");
        let (f, _) = broken("calendar = \"gov_office\"", "calendar = \"gov_ofice\"");
        assert!(f.hint.contains("gov_office"), "{f}");
        let (f, _) = broken("guard = \"draft\"", "guard = { class_within = [\"watr\"] }");
        assert!(f.hint.contains("water"), "{f}");
    }

    #[test]
    fn unreachable_nodes_and_dead_ends_are_found() {
        let lost = format!(
            "{CITY}\n[[nodes]]\nkey = \"lost\"\nstep = 4\nzh = \"会办\"\npublic = \"办理中\"\nowner = \"desk\"\nclocks = [\"check\"]\n"
        );
        let found = check(&lost).unwrap_err();
        let codes: BTreeSet<&str> = found.iter().map(|f| f.code).collect();
        assert_eq!(codes, BTreeSet::from(["flow.unreachable", "flow.dead_end", "flow.holder_stuck"]));
        assert_eq!(found[0].line, lost.lines().position(|l| l == "key = \"lost\"").unwrap() + 1);
    }

    #[test]
    fn a_node_without_clock_holder_or_lead_is_found() {
        assert_eq!(broken("clocks = [\"judge\"]\n", "").0.code, "flow.no_clock");
        assert_eq!(
            broken(
                "verb = \"feed_back\"\nto = \"fed_back\"\nwho = [\"lead\"]",
                "verb = \"feed_back\"\nto = \"fed_back\"\nwho = []"
            )
            .0
            .code,
            "flow.nobody"
        );
        let leadless = CITY.replacen(
            "verb = \"ask_more\"\nto = \"awaiting_citizen\"",
            "verb = \"ask_more\"\nto = \"handling\"",
            1,
        );
        let found = check(&leadless).unwrap_err();
        let lines: Vec<&str> = leadless.lines().collect();
        let no_lead = found.iter().find(|f| f.code == "flow.no_lead").unwrap();
        assert_eq!(lines[no_lead.line - 1], "to = \"handling\"", "{no_lead}");
        let (f, _) = broken(
            "from = [\"replying\"]\nverb = \"reply\"\nto = \"revisiting\"\nwho = [\"desk\", \"lead\"]",
            "from = [\"replying\"]\nverb = \"reply\"\nto = \"revisiting\"\nwho = [\"lead\"]",
        );
        assert_eq!(f.code, "flow.holder_stuck", "{f}");
    }

    #[test]
    fn ladders_budgets_and_starts_are_checked() {
        assert_eq!(broken("ladder = [50, 80, 100]", "ladder = [80, 50, 100]").0.code, "flow.ladder");
        assert_eq!(
            broken("budget = { amount = 2, unit = \"hours\" }", "budget = { amount = 0, unit = \"hours\" }").0.code,
            "flow.budget"
        );
        assert_eq!(
            broken(
                "[[starts]]\nnode = \"reported\"\nnotices = [{ template = \"case.captured\", to = \"citizen\" }]\n",
                ""
            )
            .0
            .code,
            "flow.start"
        );
        assert_eq!(broken("{ at = 50, template", "{ at = 51, template").0.code, "flow.rung");
        assert_eq!(
            broken(
                "guard = \"sent_down\"\nto = \"handling\"\nwho = [\"sender\"]\nindependent",
                "to = \"handling\"\nwho = [\"sender\", \"desk\"]\nindependent"
            )
            .0
            .code,
            "flow.shadowed"
        );
    }

    proptest::proptest! {
        #![proptest_config(proptest::prelude::ProptestConfig { cases: 200, ..Default::default() })]

        /// A flow with pieces cut out, doubled or overwritten never panics the checker, and its findings lie in the file.
        #[test]
        fn a_mangled_flow_gets_findings_and_no_panic(
            from in 0usize..20_000,
            length in 0usize..400,
            filling in "[ -~\u{4e00}-\u{4e10}\n]{0,12}",
        ) {
            let chars: Vec<char> = CITY.chars().collect();
            let from = from % chars.len();
            let to = (from + length).min(chars.len());
            let text: String = chars[..from].iter().copied().chain(filling.chars()).chain(chars[to..].iter().copied()).collect();
            let lines = text.lines().count() + 1;
            for finding in check(&text).err().unwrap_or_default() {
                proptest::prop_assert!((1..=lines).contains(&finding.line) && finding.column >= 1, "{}", finding);
            }
        }
    }

    #[test]
    fn a_file_that_is_no_toml_is_told_where() {
        let found = check("key = \"x\"\ntitle = ").unwrap_err();
        assert_eq!((found.len(), found[0].line, found[0].code), (1, 2, "flow.syntax"));
        assert_eq!(check("").unwrap_err()[0].code, "flow.syntax");
    }
}
