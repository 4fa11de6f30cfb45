//! Keeps the arrows of ARCHITECTURE.md: reads the `use` lines and paths of the sources and refuses what points the wrong
//! way. A new folder or a wanted arrow is a line in the tables here, and a sentence in ARCHITECTURE.md.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// Layers from the bottom up: a module may use its own layer's listed friends and everything below.
const LAYERS: &[&[&str]] = &[
    &["ids"],
    &["events"],
    &["store"],
    &["log"],
    &["access"],
    &["orgs", "calls", "messages", "meetings", "dispatch", "cases", "links"],
    &["http"],
    &["demo"],
    &["hub"],
];
/// Modules outside the layers that anybody may read: typed values only.
const VALUES: &[&str] = &["config"];
/// The crates of the workspace, and the domains that may use each.
const CRATES: &[(&str, &[&str])] = &[
    ("liandong_sip", &["calls", "http"]),
    ("liandong_media", &["calls", "meetings", "hub"]),
    ("liandong_dialplans", &["calls", "http", "hub"]),
    ("liandong_sms", &["messages", "http", "hub"]),
];

struct Source {
    path: PathBuf,
    /// The code without comments and without what follows `#[cfg(test)]` at the file's foot.
    code: String,
}

fn sources(folder: &str) -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    let (mut found, mut folders) = (Vec::new(), vec![root]);
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|e| e == "rs") && !path.ends_with("tests.rs") {
                let text = fs::read_to_string(&path).unwrap();
                let text = text.split("\n#[cfg(test)]\nmod tests {").next().unwrap_or_default();
                let code = text.lines().filter(|l| !l.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n");
                found.push(Source { path, code });
            }
        }
    }
    assert!(!found.is_empty(), "no sources in {folder}");
    found
}

/// The module of `src` that a file belongs to.
fn module(path: &Path) -> String {
    let relative = path.strip_prefix(Path::new(env!("CARGO_MANIFEST_DIR")).join("src")).unwrap();
    let first = relative.components().next().unwrap().as_os_str().to_string_lossy();
    first.trim_end_matches(".rs").to_owned()
}

/// Names after `prefix` in the code: `crate::cases::…` gives `cases`; groups `crate::{a, b::c}` give each.
fn named_after(code: &str, prefix: &str) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for (at, _) in code.match_indices(prefix) {
        let rest = &code[at + prefix.len()..];
        match rest.strip_prefix('{') {
            Some(group) => names.extend(group_heads(group)),
            None => names.extend(head(rest)),
        }
    }
    names
}

fn group_heads(group: &str) -> Vec<String> {
    let (mut depth, mut start, mut heads) = (0, 0, Vec::new());
    for (at, c) in group.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth == 0 => {
                heads.extend(head(group[start..at].trim_start()));
                break;
            }
            '}' => depth -= 1,
            ',' if depth == 0 => {
                heads.extend(head(group[start..at].trim_start()));
                start = at + 1;
            }
            _ => {}
        }
    }
    heads
}

fn head(text: &str) -> Option<String> {
    let name: String = text.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
    (!name.is_empty()).then_some(name)
}

fn layer(module: &str) -> Option<usize> {
    LAYERS.iter().position(|l| l.contains(&module))
}

#[test]
fn arrows_point_down() {
    let mut wrong = Vec::new();
    for source in sources("src") {
        let from = module(&source.path);
        if from == "main" || from == "lib" {
            continue;
        }
        let Some(mine) = layer(&from).or_else(|| VALUES.contains(&from.as_str()).then_some(0)) else {
            wrong.push(format!("{}: the module `{from}` has no layer in this test", source.path.display()));
            continue;
        };
        for to in named_after(&source.code, "crate::") {
            let fine = to == from || VALUES.contains(&to.as_str()) || layer(&to).is_none_or(|theirs| theirs < mine);
            if !fine {
                wrong.push(format!("{}: `{from}` uses `{to}`", source.path.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "arrows against ARCHITECTURE.md:\n{}", wrong.join("\n"));
}

#[test]
fn crates_are_used_only_where_they_belong() {
    let mut wrong = Vec::new();
    for source in sources("src") {
        let from = module(&source.path);
        for (name, users) in CRATES {
            if source.code.contains(name) && !users.contains(&from.as_str()) && from != "main" {
                wrong.push(format!("{}: `{from}` uses `{name}`", source.path.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_crates_know_nothing_of_the_hub_or_of_each_other() {
    let mut wrong = Vec::new();
    for (folder, own) in [
        ("sip", "liandong_sip"),
        ("media", "liandong_media"),
        ("dialplans", "liandong_dialplans"),
        ("sms-gateway", "liandong_sms"),
    ] {
        for source in sources(&format!("{folder}/src")) {
            for (other, _) in CRATES.iter().filter(|(name, _)| *name != own) {
                if source.code.contains(other) {
                    wrong.push(format!("{} uses {other}", source.path.display()));
                }
            }
            if source.code.contains("use liandong::") {
                wrong.push(format!("{} uses the hub", source.path.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn sql_is_written_in_rows_and_store_only() {
    let mut wrong = Vec::new();
    for source in sources("src") {
        let from = module(&source.path);
        let in_rows = source.path.components().any(|c| c.as_os_str().to_string_lossy().starts_with("rows"));
        let is_sql = source.code.contains("sqlx::query") || source.code.contains("sqlx::raw_sql");
        if is_sql && !in_rows && from != "store" && from != "log" {
            wrong.push(source.path.display().to_string());
        }
    }
    assert!(wrong.is_empty(), "SQL outside rows.rs, store and log:\n{}", wrong.join("\n"));
}

#[test]
fn only_media_rtc_knows_the_webrtc_crate_and_only_the_edge_opens_sip_sockets() {
    for source in sources("media/src") {
        let path = source.path.display().to_string();
        assert!(path.contains("/rtc/") || !source.code.contains("use rtc::"), "{path} uses the WebRTC crate");
    }
    for source in sources("src") {
        let path = source.path.display().to_string();
        let opens = source.code.contains("UdpSocket::bind");
        assert!(!opens || path.contains("/calls/edge/"), "{path} opens a datagram socket");
    }
}

#[test]
fn every_module_says_what_it_is_for() {
    for source in sources("src") {
        let text = fs::read_to_string(&source.path).unwrap();
        assert!(text.trim_start().starts_with("//!"), "{} does not open with //!", source.path.display());
    }
}

#[test]
fn the_reader_of_use_lines_reads_groups() {
    let code = "use crate::{ids::Id, log::{a, b}, store};\nuse crate::access::Actor;";
    let names: Vec<String> = named_after(code, "crate::").into_iter().collect();
    assert_eq!(names, ["access", "ids", "log", "store"]);
}
