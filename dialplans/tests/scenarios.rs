//! The shipped plans are clean, and every scenario beside them holds.
#![allow(clippy::unwrap_used)]

use std::path::Path;
use std::sync::Arc;

use liandong_dialplans::simulate::{Scenario, simulate};
use liandong_dialplans::{InputFile, PlanName, builtin, check, compile, draw};

fn folder(name: &str) -> Vec<InputFile> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(name);
    let mut paths: Vec<_> = std::fs::read_dir(path).unwrap().map(|e| e.unwrap().path()).collect();
    paths.sort();
    let read = |path: &std::path::PathBuf| {
        InputFile::new(path.file_name().unwrap().to_str().unwrap(), std::fs::read_to_string(path).unwrap())
    };
    paths.iter().map(read).collect()
}

#[test]
fn the_shipped_plans_have_no_findings() {
    let findings: Vec<String> = check(&builtin::files()).iter().map(ToString::to_string).collect();
    assert_eq!(findings, Vec::<String>::new());
    assert_eq!(folder("plans").len(), builtin::FILES.len(), "every plan file is built in");
}

#[test]
fn a_person_is_asked_for_at_once() {
    let set = compile(&builtin::files()).unwrap();
    let hotline = set.plan(&PlanName::from("hotline")).unwrap();
    assert_eq!(hotline.person_within.map(|bound| bound.0), Some(0));
    assert_eq!(set.areas().count(), 16);
}

#[test]
fn every_shipped_scenario_holds() {
    let set = Arc::new(compile(&builtin::files()).unwrap());
    let mut failed = String::new();
    let files = folder("scenarios");
    assert!(files.len() >= 12);
    for file in &files {
        match Scenario::read(file, &set) {
            Ok(scenario) => {
                let transcript = simulate(&set, &scenario);
                if !transcript.passed() {
                    failed.push_str(&format!("\n{}\n{transcript}", file.name));
                }
            }
            Err(diagnostic) => failed.push_str(&format!("\n{diagnostic}")),
        }
    }
    assert!(failed.is_empty(), "{failed}");
}

#[test]
fn a_failing_expectation_is_told() {
    let set = Arc::new(compile(&builtin::files()).unwrap());
    let text = "scenario: x\nat: \"2026-11-24 10:00\"\ncalls: [{name: c1, to: \"1\"}]\nlasts: 1m\n\
                expect: [{call: c1, hears: music}, {call: c1, ends: normal, by: 1s}]";
    let scenario = Scenario::read(&InputFile::new("x", text), &set).unwrap();
    assert_eq!(simulate(&set, &scenario).failures.len(), 2);
}

#[test]
fn a_misspelt_area_in_a_scenario_is_told_with_its_place() {
    let set = compile(&builtin::files()).unwrap();
    let text = "scenario: x\nat: \"2026-11-24 10:00\"\ncalls:\n  - {name: c1, to: \"12345\", area: 金水}\nlasts: 1m\nexpect: []";
    let wrong = Scenario::read(&InputFile::new("x.yaml", text), &set).unwrap_err();
    assert_eq!((wrong.line, wrong.code), (4, "unknown-area"));
    assert_eq!(wrong.hint, "did you mean `金水区`?");
}

#[test]
fn the_drawing_names_every_way() {
    let set = compile(&builtin::files()).unwrap();
    let text = draw(set.plan(&PlanName::from("hotline")).unwrap());
    assert!(text.starts_with("flowchart TD\n"));
    for word in ["key 9", "nobody", "too long", "after talk", "closed", "wait in city_hotline"] {
        assert!(text.contains(word), "{word}\n{text}");
    }
}
