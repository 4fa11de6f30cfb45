//! The steps of one plan: names resolved, branches present.

use super::context::Context;
use super::report::{Place, Report};
use super::tables::{Tables, duration};
use super::{Checker, STEPS_MAX, waits};
use crate::api::{AreaName, PromptRef, StepName, TargetName};
use crate::hours::Hours;
use crate::plan::{Condition, Dial, Menu, Plan, Step};
use crate::source::{
    At, BranchSource, ConditionSource, DialSource, HangUpSource, HoursStepSource, MenuSource, NoteSource, PlanSource,
    SaySource, SetSource, StepSource,
};

/// A key is awaited so long after the question.
const KEY_WAIT: std::ops::RangeInclusive<u64> = 1_000..=30_000;
/// How often one may ask: beyond it callers are being tormented.
const TRIES: std::ops::RangeInclusive<u32> = 1..=5;

/// A compiled plan and where its steps stand.
pub(super) struct Compiled {
    pub(super) plan: Plan,
    pub(super) places: Vec<Place>,
}

/// Compiles one plan; `None` if it has no steps to speak of.
pub(super) fn compile(
    file: usize,
    name: &At<String>,
    source: &PlanSource,
    tables: &Tables,
    checker: &Checker,
    report: &mut Report,
) -> Option<Compiled> {
    let count = source.steps.0.len();
    if count == 0 || count > STEPS_MAX {
        report.error(
            Place::at(file, name),
            "bad-steps",
            format!("plan `{}` has {count} steps", name.value),
            format!("a plan has 1 to {STEPS_MAX} steps under `steps:`"),
        );
        return None;
    }
    let mut context = Context { file, source, tables, checker, report };
    let start = context.next(&source.start, Place::at(file, name), "start", "where a call begins");
    let steps: Vec<(StepName, Step)> = source
        .steps
        .iter()
        .map(|(name, step)| {
            let place = Place::at(file, name);
            (StepName(name.value.clone()), context.step(place, &step.value))
        })
        .collect();
    let places = source.steps.iter().map(|(name, _)| Place::at(file, name)).collect();
    let plan = Plan {
        title: source.title.clone().unwrap_or_else(|| name.value.clone()),
        record: source.record.as_ref().is_some_and(|r| r.value),
        person_within: None,
        start,
        steps,
    };
    Some(Compiled { plan, places })
}

impl Context<'_> {
    fn step(&mut self, place: Place, step: &StepSource) -> Step {
        match step {
            StepSource::Say(say) => self.say(place, say),
            StepSource::Menu(menu) => self.menu(place, menu),
            StepSource::Hours(hours) => self.hours(place, hours),
            StepSource::Branch(branch) => self.branch(place, branch),
            StepSource::Wait(wait) => waits::wait(self, place, wait),
            StepSource::Dial(dial) => self.dial(place, dial),
            StepSource::Set(set) => self.set(place, set),
            StepSource::Note(note) => self.note(place, note),
            StepSource::HangUp(hang_up) => self.hang_up(hang_up),
        }
    }

    fn said(&mut self, names: &[At<String>], owner: Place) -> Vec<PromptRef> {
        if names.is_empty() {
            self.report.error(owner, "silence", "this step says nothing", "add `prompts: [NAME]`");
        }
        self.prompts(names)
    }

    fn say(&mut self, place: Place, say: &SaySource) -> Step {
        let prompts = self.said(&say.prompts, place);
        Step::Say { prompts, then: self.next(&say.then, place, "then", "what follows") }
    }

    fn menu(&mut self, place: Place, menu: &MenuSource) -> Step {
        if menu.keys.0.is_empty() {
            self.report.error(place, "missing-field", "this menu has no keys", "add `keys: {\"1\": STEP}`");
        }
        let wait = menu.wait.as_ref().map_or(crate::Millis::from_secs(5), |text| {
            duration(Place::at(self.file, text), &text.value, KEY_WAIT, self.report)
        });
        let tries = menu.tries.as_ref().map_or(1, |tries| tries.value);
        if let Some(at) = menu.tries.as_ref().filter(|tries| !TRIES.contains(&tries.value)) {
            let (low, high) = (TRIES.start(), TRIES.end());
            self.report.error(
                Place::at(self.file, at),
                "out-of-range",
                format!("{tries} tries"),
                format!("from {low} to {high}"),
            );
        }
        Step::Menu(Menu {
            prompts: self.said(&menu.prompts, place),
            music: self.music(&menu.music, place),
            keys: self.keys(&menu.keys),
            wait,
            tries,
            no_key: self.next(&menu.no_key, place, "no_key", "what happens without a key"),
            wrong_key: self.next(&menu.wrong_key, place, "wrong_key", "what happens at a wrong key"),
        })
    }

    fn hours(&mut self, place: Place, hours: &HoursStepSource) -> Step {
        let known = &self.tables.hours;
        let table = match &hours.table {
            Some(name) => known.get(&name.value).cloned().or_else(|| {
                let names = known.keys().map(String::as_str);
                let place = Place::at(self.file, name);
                self.report.unknown(place, "unknown-hours", "table of hours", &name.value, names);
                None
            }),
            None => {
                self.report.error(place, "missing-field", "which opening hours?", "add `table: NAME`");
                None
            }
        };
        Step::Hours {
            table: table.unwrap_or_else(|| Hours::default().into()),
            open: self.next(&hours.open, place, "open", "what happens when open"),
            closed: self.next(&hours.closed, place, "closed", "what happens when closed"),
        }
    }

    fn branch(&mut self, place: Place, branch: &BranchSource) -> Step {
        let cases = branch
            .cases
            .iter()
            .map(|case| {
                let when = self.condition(&case.when);
                (when, self.next(&case.then, place, "then", "what follows in one of the cases"))
            })
            .collect();
        let otherwise = self.next(&branch.otherwise, place, "otherwise", "what happens when no case fits");
        Step::Branch { cases, otherwise }
    }

    fn condition(&mut self, condition: &ConditionSource) -> Condition {
        match condition {
            ConditionSource::CallerArea(names) => {
                Condition::CallerArea(names.iter().map(|name| self.area(name)).collect())
            }
            ConditionSource::AreaKnown(known) => Condition::AreaKnown(*known),
            ConditionSource::NumberWithheld(withheld) => Condition::NumberWithheld(*withheld),
            ConditionSource::Called(numbers) => Condition::Called(numbers.iter().map(|n| n.value.clone()).collect()),
            ConditionSource::Variable { name, is } => Condition::Variable { name: name.clone(), is: is.clone() },
        }
    }

    fn area(&mut self, name: &At<String>) -> AreaName {
        let area = AreaName(name.value.clone());
        if !self.tables.areas.contains_key(&area) {
            let known = self.tables.areas.keys().map(AreaName::as_str);
            self.report.unknown(Place::at(self.file, name), "unknown-area", "area", &name.value, known);
        }
        area
    }

    fn dial(&mut self, place: Place, dial: &DialSource) -> Step {
        let (name, number, ring_seconds) = self.target(&dial.target, place);
        Step::Dial(Dial {
            target: name,
            number,
            ring_seconds,
            say: self.prompts(&dial.say),
            music: self.music(&dial.music, place),
            busy: self.next(&dial.busy, place, "busy", "what happens when the target is busy"),
            no_answer: self.next(&dial.no_answer, place, "no_answer", "what happens when nobody answers"),
            failed: self.next(&dial.failed, place, "failed", "what happens when the call out fails"),
            after_talk: self.optional(&dial.after_talk),
        })
    }

    fn target(&mut self, name: &Option<At<String>>, owner: Place) -> (TargetName, String, u32) {
        let Some(name) = name else {
            self.report.error(owner, "missing-field", "whom to dial?", "add `target: NAME`");
            return (TargetName(String::new()), String::new(), 0);
        };
        let target = TargetName(name.value.clone());
        match self.tables.targets.get(&target) {
            Some(found) => (target, found.number.clone(), found.ring_seconds),
            None => {
                let known = self.tables.targets.keys().map(TargetName::as_str);
                let place = Place::at(self.file, name);
                self.report.unknown(place, "unknown-target", "target", &name.value, known);
                (target, String::new(), 0)
            }
        }
    }

    fn set(&mut self, place: Place, set: &SetSource) -> Step {
        let mut text = |text: &Option<At<String>>, field: &str| match text {
            Some(text) => text.value.clone(),
            None => {
                self.report.error(
                    place,
                    "missing-field",
                    format!("`{field}` is missing"),
                    format!("add `{field}: TEXT`"),
                );
                String::new()
            }
        };
        let (name, value) = (text(&set.name, "name"), text(&set.value, "value"));
        Step::Set { name, value, then: self.next(&set.then, place, "then", "what follows") }
    }

    fn note(&mut self, place: Place, note: &NoteSource) -> Step {
        Step::Note {
            kind: note.kind.as_ref().map_or(crate::NoteKind::Remark, |kind| kind.value),
            text: note.text.as_ref().map(|text| text.value.clone()).unwrap_or_default(),
            then: self.next(&note.then, place, "then", "what follows"),
        }
    }

    fn hang_up(&mut self, hang_up: &HangUpSource) -> Step {
        Step::HangUp {
            say: self.prompts(&hang_up.say),
            cause: hang_up.cause.as_ref().map(|cause| cause.value).unwrap_or_default(),
            missed_call: hang_up.missed_call.unwrap_or(false),
        }
    }
}
