//! Plan files: what an administrator types.

use std::sync::{Arc, OnceLock};

use liandong_dialplans::simulate::{Scenario, simulate};
use liandong_dialplans::{Checker, InputFile, PlanSet, builtin};

pub(crate) const WORDS: &[&str] = &[
    "\n",
    "  ",
    ": ",
    "- ",
    "[",
    "]",
    "{",
    "}",
    "&a ",
    "*a",
    "!!",
    "|",
    ">",
    "\"",
    "'",
    "#",
    "\t",
    "\u{feff}",
    "queue:",
    "goto:",
    "play:",
    "hours:",
    "steps:",
    "menu:",
    "ring:",
    "hang_up",
    "9s",
    "-1s",
    "99999999h",
    "12345",
    "null",
    "~",
    "true",
    "1e999",
    "<<: *a",
    "---\n",
    "郑州",
];
const SCENARIO: &str = "scenario: any\nat: \"2026-11-24 10:00\"\ncalls: [{name: a, to: \"12345\", keys: [{at: 9s, key: \
                        \"9\"}]}]\nlasts: 20m\nexpect: []\n";

/// The shipped set, compiled once.
fn shipped() -> &'static Arc<PlanSet> {
    static SET: OnceLock<Arc<PlanSet>> = OnceLock::new();
    SET.get_or_init(|| {
        Arc::new(Checker::default().compile(&builtin::files()).set.expect("the shipped plans are clean"))
    })
}

/// Any text as a plan file (beside the shipped tables) and as a scenario: findings with a place in the file, never a panic; a
/// set that passes the checker is one that the runner and the simulator can run, without silence.
pub(crate) fn plan(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let mut files = builtin::files();
    if let Ok(scenario) = Scenario::read(&InputFile::new("fuzz.yaml", text), shipped()) {
        let _ = simulate(shipped(), &scenario);
    }
    files[1] = InputFile::new("fuzz.yaml", text);
    let checked = Checker::default().compile(&files);
    let Some(set) = checked.set else {
        assert!(!checked.diagnostics.is_empty(), "refused without a word");
        return;
    };
    if let Ok(scenario) = Scenario::read(&InputFile::new("scenario.yaml", SCENARIO), &set) {
        let transcript = simulate(&Arc::new(set), &scenario);
        assert!(!transcript.failures.iter().any(|f| f.contains("silence")), "{transcript}");
    }
}
