//! Reads a flow file into the checked types, keeping the position of every name for the checker's findings.

use std::collections::BTreeMap;
use std::ops::Range;

use serde::Deserialize;
use toml::Spanned;

use super::finding::Report;
use super::{ClockSpec, Flow, Guard, Node, NoticeSpec, Owner, Per, Start, Verb, Way, Who};
use crate::events::cases::{Budget, ClockKind, Overlay, StartRule};

/// Rungs of one ladder: more would be a reminder every day.
const RUNGS_MAX: usize = 8;
/// The largest budget: longer than any term of law, small enough that counting ends.
pub(super) const BUDGET_MAX: u32 = 10_000;
const CLOCK_WHAT: &str = "clock";
const OVERLAY_WHAT: &str = "overlay";

/// The positions that the checker still needs once the flow is built.
#[derive(Debug, Default)]
pub(super) struct Spans {
    pub(super) key: Range<usize>,
    pub(super) nodes: BTreeMap<String, Range<usize>>,
    /// Per way: its verb, its target, each of its sources, its guard.
    pub(super) ways: Vec<WaySpans>,
    pub(super) starts: Vec<Range<usize>>,
    pub(super) clocks: BTreeMap<ClockKind, Range<usize>>,
}

#[derive(Debug)]
pub(super) struct WaySpans {
    pub(super) verb: Range<usize>,
    pub(super) to: Option<Range<usize>>,
    pub(super) from: Vec<Range<usize>>,
    pub(super) guard: Range<usize>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawFlow {
    key: Spanned<String>,
    title: String,
    #[serde(default = "two")]
    returns_max: u32,
    starts: Vec<RawStart>,
    nodes: Vec<RawNode>,
    #[serde(default)]
    clocks: Vec<RawClock>,
    ways: Vec<RawWay>,
}

fn two() -> u32 {
    2
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawStart {
    node: Spanned<String>,
    #[serde(default = "always")]
    guard: Guard,
    #[serde(default)]
    notices: Vec<RawNotice>,
}

fn always() -> Guard {
    Guard::Always
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawNode {
    key: Spanned<String>,
    step: Spanned<u8>,
    zh: String,
    public: String,
    owner: Option<Spanned<String>>,
    #[serde(default)]
    clocks: Vec<Spanned<String>>,
    #[serde(default)]
    keeps: Vec<Spanned<String>>,
    #[serde(default)]
    pauses: Vec<Spanned<String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawClock {
    kind: Spanned<String>,
    calendar: String,
    #[serde(default = "at_once")]
    start_rule: StartRule,
    budget: Option<Spanned<Budget>>,
    per: Per,
    ladder: Spanned<Vec<u16>>,
    #[serde(default)]
    notices: Vec<RawRungNotice>,
}

fn at_once() -> StartRule {
    StartRule::AtOnce
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawRungNotice {
    at: Spanned<u16>,
    template: String,
    to: Spanned<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawWay {
    from: Vec<Spanned<String>>,
    verb: Spanned<String>,
    guard: Option<Guard>,
    to: Option<Spanned<String>>,
    who: Vec<Spanned<String>>,
    #[serde(default)]
    independent: bool,
    #[serde(default)]
    overlays_on: Vec<Spanned<String>>,
    #[serde(default)]
    overlays_off: Vec<Spanned<String>>,
    #[serde(default)]
    notices: Vec<RawNotice>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawNotice {
    template: String,
    to: Spanned<String>,
}

impl RawFlow {
    /// Resolves every name; unknown ones go into the report.
    pub(super) fn resolve(self, version: String, report: &mut Report) -> (Flow, Spans) {
        let mut spans = Spans { key: self.key.span(), ..Spans::default() };
        let nodes = self.nodes.into_iter().filter_map(|n| node(n, &mut spans, report)).collect();
        let clocks = self.clocks.into_iter().filter_map(|c| clock(c, &mut spans, report)).collect();
        let starts = self.starts.into_iter().map(|s| {
            spans.starts.push(s.node.span());
            let notices = s.notices.iter().filter_map(|n| notice(n, report)).collect();
            Start { node: s.node.into_inner(), guard: s.guard, notices }
        });
        let starts = starts.collect();
        let ways = self.ways.into_iter().filter_map(|w| way(w, &mut spans, report)).collect();
        let flow = Flow {
            key: self.key.into_inner(),
            title: self.title,
            version,
            returns_max: self.returns_max,
            starts,
            nodes,
            ways,
            clocks,
        };
        (flow, spans)
    }
}

fn node(raw: RawNode, spans: &mut Spans, report: &mut Report) -> Option<(String, Node)> {
    let key = raw.key.get_ref().clone();
    if spans.nodes.insert(key.clone(), raw.key.span()).is_some() {
        report.add(
            raw.key.span(),
            "flow.node_twice",
            format!("node {key:?} is there twice"),
            "give each node its own key",
        );
    }
    if !(1..=6).contains(raw.step.get_ref()) {
        report.add(
            raw.step.span(),
            "flow.step",
            format!("step {} does not exist", raw.step.get_ref()),
            "the six steps are 1 to 6",
        );
    }
    let owner = match &raw.owner {
        Some(o) => Some(name(o, Owner::WHAT, Owner::named, &texts(Owner::ALL, Owner::as_str), report)?),
        None => None,
    };
    let node = Node {
        key: key.clone(),
        step: *raw.step.get_ref(),
        zh: raw.zh,
        public: raw.public,
        owner,
        clocks: kinds(&raw.clocks, report),
        keeps: kinds(&raw.keeps, report),
        pauses: kinds(&raw.pauses, report),
    };
    Some((key, node))
}

fn clock(raw: RawClock, spans: &mut Spans, report: &mut Report) -> Option<(ClockKind, ClockSpec)> {
    let kind = clock_kind(&raw.kind, report)?;
    if spans.clocks.insert(kind, raw.kind.span()).is_some() {
        report.add(
            raw.kind.span(),
            "flow.clock_twice",
            format!("clock {:?} is there twice", kind.as_str()),
            "define each clock once",
        );
    }
    let ladder = raw.ladder.get_ref();
    if ladder.is_empty() || ladder.len() > RUNGS_MAX || !ladder.windows(2).all(|w| w[0] < w[1]) || ladder[0] == 0 {
        let hint = format!("1 to {RUNGS_MAX} percentages in rising order, such as [50, 80, 100]");
        report.add(raw.ladder.span(), "flow.ladder", "the ladder does not rise".into(), &hint);
    }
    if !ladder.contains(&100) {
        report.add(
            raw.ladder.span(),
            "flow.ladder",
            "the ladder lacks 100".into(),
            "the end of the budget must be a rung",
        );
    }
    if let Some(b) = raw.budget.as_ref().filter(|b| !(1..=BUDGET_MAX).contains(&b.get_ref().amount)) {
        report.add(
            b.span(),
            "flow.budget",
            format!("a budget of {} is no budget", b.get_ref().amount),
            &format!("1 to {BUDGET_MAX}"),
        );
    }
    for notice in raw.notices.iter().filter(|n| !ladder.contains(n.at.get_ref())) {
        let text = format!("there is no rung {}", notice.at.get_ref());
        report.add(notice.at.span(), "flow.rung", text, &format!("the ladder has {ladder:?}"));
    }
    let notices = raw.notices.iter().filter_map(|n| {
        let to = who(&n.to, report)?;
        Some((*n.at.get_ref(), NoticeSpec { template: n.template.clone(), to }))
    });
    let notices = notices.collect();
    let spec = ClockSpec {
        calendar: raw.calendar,
        start_rule: raw.start_rule,
        budget: raw.budget.map(Spanned::into_inner),
        per: raw.per,
        ladder: raw.ladder.into_inner(),
        notices,
    };
    Some((kind, spec))
}

fn way(raw: RawWay, spans: &mut Spans, report: &mut Report) -> Option<Way> {
    let verb = name(&raw.verb, Verb::WHAT, Verb::named, &texts(Verb::ALL, Verb::as_str), report);
    let who: Vec<Who> = raw.who.iter().filter_map(|w| who(w, report)).collect();
    let overlays_on = overlays(&raw.overlays_on, report);
    let overlays_off = overlays(&raw.overlays_off, report);
    let notices = raw.notices.iter().filter_map(|n| notice(n, report)).collect();
    if raw.who.is_empty() {
        report.add(
            raw.verb.span(),
            "flow.nobody",
            "nobody may use this way".into(),
            "name who may, such as who = [\"desk\"]",
        );
    }
    let verb = verb?;
    spans.ways.push(WaySpans {
        verb: raw.verb.span(),
        to: raw.to.as_ref().map(Spanned::span),
        from: raw.from.iter().map(Spanned::span).collect(),
        guard: raw.verb.span(),
    });
    Some(Way {
        from: raw.from.into_iter().map(Spanned::into_inner).collect(),
        verb,
        guard: raw.guard.unwrap_or(Guard::Always),
        to: raw.to.map(Spanned::into_inner),
        who,
        independent: raw.independent,
        overlays_on,
        overlays_off,
        notices,
    })
}

fn notice(raw: &RawNotice, report: &mut Report) -> Option<NoticeSpec> {
    Some(NoticeSpec { template: raw.template.clone(), to: who(&raw.to, report)? })
}

fn who(raw: &Spanned<String>, report: &mut Report) -> Option<Who> {
    name(raw, Who::WHAT, Who::named, &texts(Who::ALL, Who::as_str), report)
}

fn clock_kind(raw: &Spanned<String>, report: &mut Report) -> Option<ClockKind> {
    name(raw, CLOCK_WHAT, ClockKind::from_code, &texts(ClockKind::ALL, ClockKind::as_str), report)
}

fn kinds(raw: &[Spanned<String>], report: &mut Report) -> Vec<ClockKind> {
    raw.iter().filter_map(|k| clock_kind(k, report)).collect()
}

fn overlays(raw: &[Spanned<String>], report: &mut Report) -> Vec<Overlay> {
    let known = texts(Overlay::ALL, Overlay::as_str);
    raw.iter().filter_map(|o| name(o, OVERLAY_WHAT, Overlay::from_code, &known, report)).collect()
}

fn name<T>(
    raw: &Spanned<String>,
    what: &str,
    named: fn(&str) -> Option<T>,
    known: &[&str],
    report: &mut Report,
) -> Option<T> {
    let found = named(raw.get_ref());
    if found.is_none() {
        report.unknown(raw.span(), what, raw.get_ref(), known);
    }
    found
}

fn texts<T: Copy>(all: &[T], text: fn(T) -> &'static str) -> Vec<&'static str> {
    all.iter().map(|t| text(*t)).collect()
}
