//! Collects findings while the checker goes on.

use crate::api::PromptRef;
use crate::diagnostic::{Diagnostic, Severity, did_you_mean};
use crate::source::{At, InputFile};

/// After so many findings the rest would only bury the first ones.
const DIAGNOSTICS_MAX: usize = 200;

/// Where something stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    file: usize,
    line: u32,
    column: u32,
}

impl Place {
    pub(super) fn at<T>(file: usize, at: &At<T>) -> Self {
        Self { file, line: at.line, column: at.column }
    }

    pub(super) fn file(file: usize) -> Self {
        Self { file, line: 0, column: 0 }
    }
}

pub(super) struct Report {
    names: Vec<String>,
    found: Vec<(usize, Diagnostic)>,
    errors: usize,
}

impl Report {
    pub(super) fn new(files: &[InputFile]) -> Self {
        Self { names: files.iter().map(|f| f.name.clone()).collect(), found: Vec::new(), errors: 0 }
    }

    /// Takes a finding made elsewhere.
    pub(super) fn push(&mut self, diagnostic: Diagnostic) {
        self.errors += usize::from(diagnostic.is_error());
        let file = self.names.iter().position(|n| *n == diagnostic.file).unwrap_or(0);
        if self.found.len() < DIAGNOSTICS_MAX {
            self.found.push((file, diagnostic));
        }
    }

    fn add(&mut self, place: Place, severity: Severity, code: &'static str, reason: String, hint: String) {
        let file = self.names.get(place.file).cloned().unwrap_or_default();
        let Place { line, column, .. } = place;
        self.push(Diagnostic { file, line, column, severity, code, reason, hint });
    }

    pub(super) fn error(
        &mut self,
        place: Place,
        code: &'static str,
        reason: impl Into<String>,
        hint: impl Into<String>,
    ) {
        self.add(place, Severity::Error, code, reason.into(), hint.into());
    }

    pub(super) fn warning(
        &mut self,
        place: Place,
        code: &'static str,
        reason: impl Into<String>,
        hint: impl Into<String>,
    ) {
        self.add(place, Severity::Warning, code, reason.into(), hint.into());
    }

    pub(super) fn duplicate(&mut self, place: Place, kind: &str, name: &str) {
        self.error(
            place,
            "duplicate-name",
            format!("there is a {kind} `{name}` already"),
            "all files together make one set: rename or remove one",
        );
    }

    pub(super) fn unknown<'a>(
        &mut self,
        place: Place,
        code: &'static str,
        kind: &str,
        name: &str,
        known: impl IntoIterator<Item = &'a str>,
    ) {
        let hint = did_you_mean(name, known);
        self.error(place, code, format!("there is no {kind} `{name}`"), hint);
    }

    pub(super) fn errors(&self) -> usize {
        self.errors
    }

    pub(super) fn has_errors(&self) -> bool {
        self.errors > 0
    }

    pub(super) fn into_sorted(mut self) -> Vec<Diagnostic> {
        self.found.sort_by_key(|(file, d)| (*file, d.line, d.column));
        self.found.into_iter().map(|(_, diagnostic)| diagnostic).collect()
    }
}

/// Names of prompts as the plan uses them, unknown ones reported.
pub(super) fn prompts(
    file: usize,
    names: &[At<String>],
    lengths: &crate::prompts::Lengths,
    report: &mut Report,
) -> Vec<PromptRef> {
    names
        .iter()
        .map(|name| {
            if lengths.get(&name.value).is_none() {
                report.unknown(Place::at(file, name), "unknown-prompt", "prompt", &name.value, lengths.names());
            }
            PromptRef(name.value.clone())
        })
        .collect()
}
