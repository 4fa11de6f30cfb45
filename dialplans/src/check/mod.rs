//! The checker: plan files in, a [`PlanSet`] or the reasons why not out.
//!
//! Rules: every name exists, every failure has a branch, no path ends in silence or forgets a
//! caller, every loop takes time and ends, promises are proved from the lengths of the prompts
//! (`facts/calls.md` §5, core rules).

mod context;
mod graph;
mod report;
mod steps;
mod tables;
mod waits;

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::civil::Date;

use crate::api::PlanName;
use crate::diagnostic::Diagnostic;
use crate::plan::{Plan, PlanSet};
use crate::prompts::Lengths;
use crate::source::{InputFile, SourceFile, read};
use report::{Place, Report};
use tables::Tables;

/// More steps in one plan are refused: nobody can read it any more.
pub const STEPS_MAX: usize = 300;

/// What the checker found.
#[derive(Debug, Clone)]
pub struct Checked {
    /// Findings in the order of files and lines.
    pub diagnostics: Vec<Diagnostic>,
    /// The set, if no finding is an error.
    pub set: Option<PlanSet>,
}

/// What the files are checked against.
#[derive(Debug, Clone)]
pub struct Checker {
    /// The prompts there are.
    pub lengths: Lengths,
    /// The present day, to warn of holiday lists that end soon; `None` = do not look.
    pub today: Option<Date>,
}

impl Default for Checker {
    fn default() -> Self {
        Self { lengths: Lengths::builtin(), today: None }
    }
}

/// Checks files against the shipped prompts; see [`Checker`].
pub fn check(files: &[InputFile]) -> Vec<Diagnostic> {
    Checker::default().compile(files).diagnostics
}

/// The plan set of these files with the shipped prompts, or what is wrong with them.
pub fn compile(files: &[InputFile]) -> Result<PlanSet, Vec<Diagnostic>> {
    let checked = Checker::default().compile(files);
    checked.set.ok_or(checked.diagnostics)
}

impl Checker {
    /// Checks all files as one set.
    pub fn compile(&self, files: &[InputFile]) -> Checked {
        let mut report = Report::new(files);
        let sources: Vec<SourceFile> = files
            .iter()
            .filter_map(|file| match read(file) {
                Ok(source) => Some(source),
                Err(diagnostic) => {
                    report.push(diagnostic);
                    None
                }
            })
            .collect();
        if report.has_errors() {
            // Names of an unreadable file would all be "unknown": say only what is sure.
            return Checked { diagnostics: report.into_sorted(), set: None };
        }
        let tables = Tables::build(&sources, self, &mut report);
        let plans = plans(&sources, &tables, self, &mut report);
        if plans.is_empty() {
            report.error(Place::file(0), "no-plan", "there is no plan in these files", "add `plans:`");
        }
        let numbers = numbers(&sources, &mut report);
        let set = PlanSet {
            version: fingerprint(files, &self.lengths),
            offset: tables.offset,
            plans,
            numbers,
            queues: tables.queues,
            areas: tables.areas,
            lengths: self.lengths.clone(),
        };
        let good = !report.has_errors();
        Checked { diagnostics: report.into_sorted(), set: good.then_some(set) }
    }
}

fn plans(
    sources: &[SourceFile],
    tables: &Tables,
    checker: &Checker,
    report: &mut Report,
) -> BTreeMap<PlanName, Arc<Plan>> {
    let mut plans = BTreeMap::new();
    for (file, name, source) in entries(sources, |s| &s.plans.0) {
        let place = Place::at(file, name);
        let errors_before = report.errors();
        let Some(compiled) = steps::compile(file, name, source, tables, checker, report) else {
            continue;
        };
        let mut plan = compiled.plan;
        if report.errors() == errors_before {
            plan.person_within = graph::check(&plan, &compiled.places, source, file, checker, report);
        }
        if plans.insert(PlanName(name.value.clone()), Arc::new(plan)).is_some() {
            report.duplicate(place, "plan", &name.value);
        }
    }
    plans
}

fn numbers(sources: &[SourceFile], report: &mut Report) -> BTreeMap<String, PlanName> {
    let mut numbers: BTreeMap<String, PlanName> = BTreeMap::new();
    for (file, name, plan) in entries(sources, |s| &s.plans.0) {
        for number in &plan.numbers {
            check_number(file, number, report);
            let before = numbers.insert(number.value.clone(), PlanName(name.value.clone()));
            if let Some(other) = before {
                report.error(
                    Place::at(file, number),
                    "duplicate-number",
                    format!("`{}` is served by plan `{other}` already", number.value),
                    "a dialled number has one plan",
                );
            }
        }
    }
    numbers
}

fn check_number(file: usize, number: &crate::source::At<String>, report: &mut Report) {
    if number.value != "*" && !tables::is_number(&number.value) {
        report.error(
            Place::at(file, number),
            "bad-number",
            format!("`{}` is no telephone number", number.value),
            "digits only, with or without a leading +, or \"*\" for every other number",
        );
    }
}

/// All entries of one section over all files, with the file's index.
fn entries<'a, T: 'a>(
    sources: &'a [SourceFile],
    section: impl Fn(&'a SourceFile) -> &'a Vec<(crate::source::At<String>, T)> + 'a,
) -> impl Iterator<Item = (usize, &'a crate::source::At<String>, &'a T)> + 'a {
    sources
        .iter()
        .enumerate()
        .flat_map(move |(file, source)| section(source).iter().map(move |(name, value)| (file, name, value)))
}

/// FNV-1a over the texts and the prompts: not a security hash, a version that changes when
/// anything does.
fn fingerprint(files: &[InputFile], lengths: &Lengths) -> u64 {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    let mut eat = |bytes: &[u8]| {
        for byte in bytes {
            hash = (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        }
    };
    for file in files {
        eat(file.text.as_bytes());
        eat(&[0]);
    }
    for name in lengths.names() {
        eat(name.as_bytes());
        eat(&lengths.get(name).unwrap_or_default().0.to_le_bytes());
    }
    hash
}
