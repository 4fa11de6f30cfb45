//! Proofs over the graph of one plan: what is reachable, what loops, how calls end, how long it
//! takes until a person is asked for.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::Checker;
use super::report::{Place, Report};
use crate::duration::parse_duration;
use crate::plan::{Plan, Step, StepIndex};
use crate::prompts::Lengths;
use crate::source::{At, PlanSource};
use crate::time::Millis;

/// Runs all proofs; gives the longest time until a person is asked for, if there is a bound.
pub(super) fn check(
    plan: &Plan,
    places: &[Place],
    source: &PlanSource,
    file: usize,
    checker: &Checker,
    report: &mut Report,
) -> Option<Millis> {
    let graph = Graph { plan, places };
    graph.unreachable(report);
    let loops = graph.loops(report);
    graph.endings(report);
    if loops {
        return None; // without ends no longest way
    }
    let longest = graph.longest_to_person(&checker.lengths);
    if let Some(promise) = &source.promise {
        if let Some(text) = &promise.person_within {
            graph.person_within(file, text, &longest, report);
        }
        if let Some(text) = &promise.place_every {
            graph.place_every(file, text, report);
        }
    }
    match longest {
        Longest::Bounded(bound, _) => Some(bound),
        Longest::Unbounded(_) | Longest::NoPerson => None,
    }
}

/// How a way out of a step relates to loops.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Edge {
    /// Taken at once: a circle of these never lets time pass.
    AtOnce,
    /// Taken after something was said: a circle of these never ends by itself.
    Timed,
    /// Taken after a person could have come, or because the caller pressed a key: may circle.
    Human,
}

/// What has happened to the caller so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Phase {
    Fresh,
    /// Asked for a person, got none.
    Asked,
    Talked,
}

/// The longest time until a person is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Longest {
    /// With the steps on the way.
    Bounded(Millis, Vec<StepIndex>),
    /// A caller may circle by keys at this step.
    Unbounded(StepIndex),
    NoPerson,
}

struct Graph<'a> {
    plan: &'a Plan,
    places: &'a [Place],
}

impl Graph<'_> {
    fn edges(&self, from: StepIndex) -> Vec<(Edge, StepIndex)> {
        match self.plan.step(from) {
            Step::Say { then, .. } => vec![(Edge::Timed, *then)],
            Step::Set { then, .. } | Step::Note { then, .. } => vec![(Edge::AtOnce, *then)],
            Step::Hours { open, closed, .. } => {
                vec![(Edge::AtOnce, *open), (Edge::AtOnce, *closed)]
            }
            Step::Branch { cases, otherwise } => {
                cases.iter().map(|(_, to)| *to).chain([*otherwise]).map(|to| (Edge::AtOnce, to)).collect()
            }
            Step::Menu(menu) => {
                let keys = menu.keys.values().map(|to| (Edge::Human, *to));
                keys.chain([(Edge::Timed, menu.no_key), (Edge::Timed, menu.wrong_key)]).collect()
            }
            Step::Wait(wait) => {
                let keys = wait.keys.values().copied().chain(wait.after_talk).chain([wait.too_long]);
                let human = keys.map(|to| (Edge::Human, to));
                human.chain([(Edge::AtOnce, wait.nobody), (Edge::AtOnce, wait.removed)]).collect()
            }
            Step::Dial(dial) => {
                let human = [dial.no_answer].into_iter().chain(dial.after_talk);
                let failing = [(Edge::AtOnce, dial.busy), (Edge::AtOnce, dial.failed)];
                human.map(|to| (Edge::Human, to)).chain(failing).collect()
            }
            Step::HangUp { .. } => Vec::new(),
        }
    }

    fn all(&self) -> impl Iterator<Item = StepIndex> + use<> {
        (0..self.plan.steps.len()).map(StepIndex)
    }

    fn place(&self, step: StepIndex) -> Place {
        self.places[step.0]
    }

    fn unreachable(&self, report: &mut Report) {
        let mut seen = BTreeSet::from([self.plan.start]);
        let mut todo = vec![self.plan.start];
        while let Some(step) = todo.pop() {
            for (_, to) in self.edges(step) {
                if seen.insert(to) {
                    todo.push(to);
                }
            }
        }
        for step in self.all().filter(|step| !seen.contains(step)) {
            report.warning(
                self.place(step),
                "unreachable-step",
                format!("no call ever comes to `{}`", self.plan.name(step)),
                "lead a way there, or remove it",
            );
        }
    }

    /// Circles that must not be; true if there was one.
    fn loops(&self, report: &mut Report) -> bool {
        if let Some(circle) = self.circle(|edge| edge == Edge::AtOnce) {
            report.error(
                self.place(circle[0]),
                "loop-without-time",
                format!("these steps follow each other without any time passing: {}", self.words(&circle)),
                "say something on the way, or end the circle",
            );
            return true;
        }
        if let Some(circle) = self.circle(|edge| edge != Edge::Human) {
            report.error(
                self.place(circle[0]),
                "endless-loop",
                format!("a caller could go round here for ever: {}", self.words(&circle)),
                "every loop has a count (`tries`) or leads through a wait where a person may come",
            );
            return true;
        }
        false
    }

    fn words(&self, steps: &[StepIndex]) -> String {
        let names: Vec<&str> = steps.iter().map(|step| self.plan.name(*step).as_str()).collect();
        names.join(" → ")
    }

    /// A circle over the edges that `allowed` lets through, closed by its first step again.
    fn circle(&self, allowed: impl Fn(Edge) -> bool) -> Option<Vec<StepIndex>> {
        let mut done = BTreeSet::new();
        self.all().find_map(|start| self.circle_from(start, &allowed, &mut Vec::new(), &mut done))
    }

    fn circle_from(
        &self,
        step: StepIndex,
        allowed: &impl Fn(Edge) -> bool,
        path: &mut Vec<StepIndex>,
        done: &mut BTreeSet<StepIndex>,
    ) -> Option<Vec<StepIndex>> {
        if let Some(at) = path.iter().position(|seen| *seen == step) {
            let mut circle = path[at..].to_vec();
            circle.push(step);
            return Some(circle);
        }
        if done.contains(&step) {
            return None;
        }
        path.push(step);
        let ways = self.edges(step).into_iter().filter(|(edge, _)| allowed(*edge));
        let found = ways.map(|(_, to)| to).find_map(|to| self.circle_from(to, allowed, path, done));
        path.pop();
        done.insert(step);
        found
    }

    /// No path ends in silence, and nobody who asked for a person is forgotten.
    fn endings(&self, report: &mut Report) {
        let mut blamed = BTreeSet::new();
        for (step, phase) in self.phases() {
            let Step::HangUp { say, missed_call, .. } = self.plan.step(step) else {
                continue;
            };
            if phase != Phase::Talked && say.is_empty() && blamed.insert((step, "ends-in-silence")) {
                report.error(
                    self.place(step),
                    "ends-in-silence",
                    "a call can end here without a word and without a talk before",
                    "add `say: [PROMPT]`",
                );
            }
            if phase == Phase::Asked && !missed_call && blamed.insert((step, "forgotten-caller")) {
                report.error(
                    self.place(step),
                    "forgotten-caller",
                    "a caller who asked for a person and got none ends here, and nothing is due",
                    "add `missed_call: true`: he is called back",
                );
            }
        }
    }

    /// Every step with every phase in which it can be reached.
    fn phases(&self) -> BTreeSet<(StepIndex, Phase)> {
        let first = (self.plan.start, Phase::Fresh);
        let mut seen = BTreeSet::from([first]);
        let mut todo = VecDeque::from([first]);
        while let Some((step, phase)) = todo.pop_front() {
            for (to, after) in self.phases_after(step, phase) {
                if seen.insert((to, after)) {
                    todo.push_back((to, after));
                }
            }
        }
        seen
    }

    fn phases_after(&self, step: StepIndex, phase: Phase) -> Vec<(StepIndex, Phase)> {
        let (asks, after_talk) = match self.plan.step(step) {
            Step::Wait(wait) => (true, wait.after_talk),
            Step::Dial(dial) => (true, dial.after_talk),
            _ => (false, None),
        };
        let through = if asks { Phase::Asked } else { phase };
        let mut ways: Vec<(StepIndex, Phase)> = self
            .plan
            .step(step)
            .ways_out()
            .into_iter()
            .filter(|(word, _)| word != "after talk")
            .map(|(_, to)| (to, through))
            .collect();
        ways.extend(after_talk.map(|to| (to, Phase::Talked)));
        ways
    }

    fn longest_to_person(&self, lengths: &Lengths) -> Longest {
        self.longest_from(self.plan.start, lengths, &mut Vec::new(), &mut BTreeMap::new())
    }

    fn longest_from(
        &self,
        step: StepIndex,
        lengths: &Lengths,
        path: &mut Vec<StepIndex>,
        known: &mut BTreeMap<StepIndex, Longest>,
    ) -> Longest {
        if path.contains(&step) {
            return Longest::Unbounded(step);
        }
        if let Some(known) = known.get(&step) {
            return known.clone();
        }
        if matches!(self.plan.step(step), Step::Wait(_) | Step::Dial(_)) {
            return Longest::Bounded(Millis(0), vec![step]);
        }
        path.push(step);
        let ways = self.edges(step).into_iter().map(|(_, to)| self.longest_from(to, lengths, path, known));
        let longest = ways.fold(Longest::NoPerson, longer);
        path.pop();
        let longest = match longest {
            Longest::Bounded(rest, mut way) => {
                way.insert(0, step);
                Longest::Bounded(self.lasts(step, lengths) + rest, way)
            }
            other => other,
        };
        known.insert(step, longest.clone());
        longest
    }

    fn lasts(&self, step: StepIndex, lengths: &Lengths) -> Millis {
        match self.plan.step(step) {
            Step::Say { prompts, .. } => lengths.total(prompts),
            Step::Menu(menu) => {
                let once = lengths.total(&menu.prompts) + menu.wait;
                Millis(once.0.saturating_mul(u64::from(menu.tries)))
            }
            _ => Millis(0),
        }
    }

    fn person_within(&self, file: usize, text: &At<String>, longest: &Longest, report: &mut Report) {
        let place = Place::at(file, text);
        let Some(promised) = parse_duration(&text.value) else {
            report.error(place, "bad-duration", format!("`{}` is no duration", text.value), "write 8s");
            return;
        };
        match longest {
            Longest::Bounded(bound, way) if *bound > promised => report.error(
                place,
                "promise-broken",
                format!("a person is promised within {promised}, the longest way takes {bound}: {}", self.words(way)),
                "shorten the prompts on that way, or promise less",
            ),
            Longest::Bounded(..) => {}
            Longest::Unbounded(step) => report.error(
                place,
                "promise-unprovable",
                format!("a caller may go round `{}` by keys as long as he likes", self.plan.name(*step)),
                "lead to a person after the first round",
            ),
            Longest::NoPerson => report.error(
                place,
                "promise-broken",
                "no path leads to a person at all",
                "add a `wait` or `dial` step, or remove the promise",
            ),
        }
    }

    fn place_every(&self, file: usize, text: &At<String>, report: &mut Report) {
        let place = Place::at(file, text);
        let Some(promised) = parse_duration(&text.value) else {
            report.error(place, "bad-duration", format!("`{}` is no duration", text.value), "write 60s");
            return;
        };
        for step in self.all() {
            let Step::Wait(wait) = self.plan.step(step) else {
                continue;
            };
            let kept = wait.announce.as_ref().is_some_and(|a| a.every <= promised && a.first <= promised);
            if !kept {
                report.error(
                    self.place(step),
                    "promise-broken",
                    format!("the place is promised every {promised}, `{}` does not keep it", self.plan.name(step)),
                    "add `announce:` with `every:` within the promise",
                );
            }
        }
    }
}

fn longer(a: Longest, b: Longest) -> Longest {
    match (a, b) {
        (Longest::Unbounded(step), _) | (_, Longest::Unbounded(step)) => Longest::Unbounded(step),
        (Longest::NoPerson, other) | (other, Longest::NoPerson) => other,
        (Longest::Bounded(x, way), Longest::Bounded(y, _)) if x >= y => Longest::Bounded(x, way),
        (_, other) => other,
    }
}
