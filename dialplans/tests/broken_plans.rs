//! Broken plans are refused at the right line and column, with a reason and a hint.
#![allow(clippy::unwrap_used)]

use liandong_dialplans::{Checker, InputFile, Lengths, builtin, check};

/// The shipped plan with one thing replaced; (line, column) of the first difference.
fn broken(from: &str, to: &str) -> Vec<InputFile> {
    let mut files = builtin::files();
    let mut replaced = false;
    for file in &mut files {
        if !replaced && file.text.contains(from) {
            file.text = file.text.replacen(from, to, 1);
            replaced = true;
        }
    }
    assert!(replaced, "`{from}` is not in the shipped plan");
    files
}

/// The place of `text` in the files: (file, line, column).
fn place(files: &[InputFile], text: &str) -> (String, u32, u32) {
    for file in files {
        if let Some(at) = file.text.find(text) {
            let before = &file.text[..at];
            let line = before.matches('\n').count() + 1;
            let column = before.rsplit('\n').next().unwrap().chars().count() + 1;
            return (file.name.clone(), line as u32, column as u32);
        }
    }
    panic!("`{text}` is not there");
}

#[track_caller]
fn expect(from: &str, to: &str, marked: &str, code: &str, hint: &str) {
    let files = broken(from, to);
    let found = check(&files);
    let first = found.iter().find(|d| d.code == code);
    let Some(first) = first else { panic!("no {code} in {found:#?}") };
    assert_eq!((first.file.clone(), first.line, first.column), place(&files, marked), "{first}");
    assert!(first.hint.contains(hint), "{first}");
    assert!(!first.reason.is_empty());
}

#[test]
fn misspelt_names_are_found_where_they_stand() {
    expect(
        "          queue: city_hotline",
        "          queue: city_hotlien",
        "city_hotlien",
        "unknown-queue",
        "did you mean `city_hotline`?",
    );
    expect("[greeting, key_nine]", "[greting, key_nine]", "greting", "unknown-prompt", "did you mean `greeting`?");
    expect("too_long: sorry", "too_long: sory", "sory", "unknown-step", "did you mean `sorry`?");
    expect("table: city_day", "table: city_days", "city_days", "unknown-hours", "did you mean `city_day`?");
    expect(
        "target: duty_officer",
        "target: duty_oficer",
        "duty_oficer",
        "unknown-target",
        "did you mean `duty_officer`?",
    );
    expect("holidays: china", "holidays: chian", "chian", "unknown-holidays", "did you mean `china`?");
    expect("{queue: jinshui}", "{queue: jinshiu}", "jinshiu", "unknown-queue", "did you mean `jinshui`?");
}

#[test]
fn misspelt_fields_and_kinds_are_found() {
    expect("          must_hear:", "          must_here:", "must_here", "unknown-field", "did you mean `must_hear`?");
    expect(
        "        wait:\n          queue: city",
        "        wiat:\n          queue: city",
        "wiat",
        "unknown-word",
        "did you mean `wait`?",
    );
    expect("priority: emergency", "priority: urgent", "urgent", "unknown-word", "emergency");
}

#[test]
fn missing_branches_and_dead_ends_are_found() {
    expect(
        "          nobody: duty_officer\n          longest: 8m",
        "          longest: 8m",
        "city:\n        wait",
        "missing-branch",
        "add `nobody: STEP`",
    );
    expect(
        "{prompts: [apology], then: city}",
        "{prompts: [apology]}",
        "sorry:\n        say",
        "dead-end",
        "add `then: STEP`",
    );
    expect(
        "          music: music\n          announce: {first: 20s, every: 45s, estimate: true}\n          ring_timeout: [next_agent]\n          keys: {\"9\": emergency}\n          overflow",
        "          overflow",
        "city:\n        wait",
        "silence",
        "music",
    );
    expect(
        "missed_call], cause: no_answer, missed_call: true}",
        "missed_call], cause: no_answer}",
        "missed:\n",
        "forgotten-caller",
        "missed_call: true",
    );
    expect("hang_up: {say: [number_unknown]}", "hang_up: {}", "sorry:\n        hang_up: {}", "ends-in-silence", "say");
}

#[test]
fn circles_are_found() {
    expect(
        "          nobody: missed\n          longest: 30m\n          too_long: missed\n          removed: missed\n          after_talk: thanks\n\n      # Key 9",
        "          nobody: turn\n          longest: 30m\n          too_long: missed\n          removed: missed\n          after_talk: thanks\n\n      turn:\n        note: {text: round, then: night_on}\n\n      # Key 9",
        "night_on:\n",
        "loop-without-time",
        "say something",
    );
    expect(
        "nobody: duty_officer\n          longest: 8m",
        "nobody: sorry\n          longest: 8m",
        "city:\n        wait",
        "endless-loop",
        "count",
    );
}

#[test]
fn times_are_held_within_sense() {
    expect("every: 45s", "every: 5s", "5s, estimate", "out-of-range", "from 15s to 3m");
    expect("longest: 8m", "longest: 8", "8\n          too_long: sorry", "bad-duration", "1m30s");
    expect("{title: 市热线, ring: 15s", "{title: 市热线, ring: 3s", "3s, wrap", "out-of-range", "from 5s to 1m");
    expect("\"08:30-12:00\"", "\"12:00-08:30\"", "\"12:00-08:30\"", "bad-period", "two periods");
    expect("\"2027-01-01\"", "\"2027-02-30\"", "\"2027-02-30\"", "bad-date", "2026-10-01");
    expect("\"9\": emergency", "\"99\": emergency", "\"99\"", "bad-key", "0-9");
    expect(
        "every: 45s, estimate: true}",
        "every: 15s, estimate: true, also: [music]}",
        "15s, estimate: true, also",
        "announcement-too-long",
        "less often",
    );
}

#[test]
fn promises_are_proved_from_the_prompts() {
    let from = "start: shift\n";
    let to = "start: menu\n";
    let mut files = broken(from, to);
    files[1].text = files[1].text.replacen(
        "    steps:\n",
        "    steps:\n      menu:\n        menu: {prompts: [greeting], music: music, keys: {\"1\": shift}, wait: 5s, tries: 2, no_key: shift, wrong_key: shift}\n",
        1,
    );
    let found = check(&files);
    let promise = found.iter().find(|d| d.code == "promise-broken").unwrap();
    let greeting = Lengths::builtin().get("greeting").unwrap().0;
    let bound = liandong_dialplans::Millis(2 * (greeting + 5_000));
    assert!(promise.reason.contains(&format!("takes {bound}: menu → shift → ")), "{promise}");
    assert_eq!(place(&files, "1s # a person"), (promise.file.clone(), promise.line, promise.column));
}

#[test]
fn recording_without_notice_and_doubled_numbers_are_refused() {
    expect(
        "must_hear: [recording_notice]",
        "must_hear: []",
        "city:\n        wait",
        "recording-without-notice",
        "recording_notice",
    );
    expect("numbers: [\"*\"]", "numbers: [\"12345\"]", "\"12345\"]\n    start: sorry", "duplicate-number", "one plan");
}

#[test]
fn an_unreachable_step_is_a_warning() {
    let files = broken("too_long: sorry", "too_long: duty_officer");
    let found = check(&files);
    assert_eq!(found.len(), 1, "{found:#?}");
    assert_eq!((found[0].code, found[0].is_error()), ("unreachable-step", false));
}

#[test]
fn a_holiday_list_that_ends_soon_is_a_warning() {
    let files = broken("      - \"2027-01-01\"\n", "");
    let checker = Checker { today: Some("2026-12-01".parse().unwrap()), ..Checker::default() };
    let checked = checker.compile(&files);
    assert_eq!(checked.diagnostics[0].code, "holidays-missing");
    assert!(checked.set.is_some());
}

#[test]
fn what_is_no_yaml_is_told_with_its_line() {
    let found = check(&[InputFile::new("x.yaml", "plans:\n  a:\n    start: [\n")]);
    assert_eq!((found.len(), found[0].code), (1, "syntax"));
    assert!(found[0].line >= 3, "{}", found[0]);
    assert_eq!(check(&[InputFile::new("x.yaml", "plans: {}")])[0].code, "no-plan");
    assert_eq!(check(&[InputFile::new("x.yaml", " ".repeat(2 << 20))])[0].code, "file-too-large");
    let twice = "plans:\n  a: {}\n  a: {}\n";
    assert_eq!(check(&[InputFile::new("x.yaml", twice)])[0].code, "duplicate-name");
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(300))]

    #[test]
    fn no_text_makes_the_checker_panic(text in "[ -~\n\u{4e00}-\u{4e20}]{0,200}") {
        let _ = check(&[InputFile::new("x.yaml", text)]);
    }

    /// The shipped plan with a piece cut out or doubled: closer to what people do.
    #[test]
    fn no_slip_makes_the_checker_panic(from in 0_usize..6_000, length in 0_usize..60, twice: bool) {
        let mut files = builtin::files();
        let text: Vec<char> = files[1].text.chars().collect();
        let (from, to) = (from.min(text.len()), (from + length).min(text.len()));
        let piece: String = text[from..to].iter().collect();
        let (head, tail): (String, String) = (text[..from].iter().collect(), text[to..].iter().collect());
        let middle = if twice { format!("{piece}{piece}") } else { String::new() };
        files[1].text = format!("{head}{middle}{tail}");
        let _ = check(&files);
    }
}
