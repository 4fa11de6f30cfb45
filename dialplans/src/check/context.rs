//! What the steps of one plan are compiled with: the names that they may use, and how a name is found.

use std::collections::BTreeMap;

use super::Checker;
use super::report::{self, Place, Report};
use super::tables::Tables;
use crate::api::{Digit, PromptRef};
use crate::plan::StepIndex;
use crate::source::{At, Named, PlanSource};

/// What is needed to compile the steps of one plan.
pub(super) struct Context<'a> {
    pub(super) file: usize,
    pub(super) source: &'a PlanSource,
    pub(super) tables: &'a Tables,
    pub(super) checker: &'a Checker,
    pub(super) report: &'a mut Report,
}

impl Context<'_> {
    /// The step that a field names. `when` says when it is taken, for the message.
    pub(super) fn next(&mut self, name: &Option<At<String>>, owner: Place, field: &str, when: &str) -> StepIndex {
        let Some(name) = name else {
            let code = if field == "then" { "dead-end" } else { "missing-branch" };
            self.report.error(owner, code, format!("nothing says {when}"), format!("add `{field}: STEP`"));
            return StepIndex(0);
        };
        self.known_step(name)
    }

    fn known_step(&mut self, name: &At<String>) -> StepIndex {
        let steps = &self.source.steps.0;
        match steps.iter().position(|(known, _)| known.value == name.value) {
            Some(index) => StepIndex(index),
            None => {
                let known = steps.iter().map(|(known, _)| known.value.as_str());
                let place = Place::at(self.file, name);
                self.report.unknown(place, "unknown-step", "step", &name.value, known);
                StepIndex(0)
            }
        }
    }

    /// A step that may be left out.
    pub(super) fn optional(&mut self, name: &Option<At<String>>) -> Option<StepIndex> {
        name.as_ref().map(|name| self.known_step(name))
    }

    pub(super) fn prompts(&mut self, names: &[At<String>]) -> Vec<PromptRef> {
        report::prompts(self.file, names, &self.checker.lengths, self.report)
    }

    /// Music is what keeps a wait from being silent: it must be there.
    pub(super) fn music(&mut self, name: &Option<At<String>>, owner: Place) -> PromptRef {
        let Some(name) = name else {
            self.report.error(
                owner,
                "silence",
                "the caller would wait in silence",
                "add `music: music` (any prompt; it is repeated)",
            );
            return PromptRef(String::new());
        };
        self.prompts(std::slice::from_ref(name)).pop().unwrap_or(PromptRef(String::new()))
    }

    pub(super) fn keys(&mut self, keys: &Named<At<String>>) -> BTreeMap<Digit, StepIndex> {
        let mut map = BTreeMap::new();
        for (key, to) in keys.iter() {
            let to = self.known_step(to);
            let mut chars = key.value.chars();
            match (chars.next().map(Digit::try_from), chars.next()) {
                (Some(Ok(digit)), None) => {
                    map.insert(digit, to);
                }
                _ => self.report.error(
                    Place::at(self.file, key),
                    "bad-key",
                    format!("`{}` is no telephone key", key.value),
                    "one of 0-9, *, #, in quotes",
                ),
            }
        }
        map
    }
}
