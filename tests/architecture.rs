//! Keeps the arrows of ARCHITECTURE.md: reads the `use` lines and paths of the sources and refuses what points the wrong
//! way. A new folder or a wanted arrow is a line in the tables here, and a sentence in ARCHITECTURE.md.
#![allow(clippy::unwrap_used)]

use std::collections::{BTreeMap, BTreeSet};
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

/// The files of one crate by their module path (`["cases", "flow", "check"]`), and what each names by `use`.
fn uses_of_files(folder: &str) -> BTreeMap<Vec<String>, BTreeSet<Vec<String>>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    let sources = sources(folder);
    let named = |path: &Path| -> Vec<String> {
        let relative = path.strip_prefix(&root).unwrap().with_extension("");
        let names = relative.components().map(|c| c.as_os_str().to_string_lossy().into_owned());
        names.filter(|name| name != "mod" && name != "lib").collect()
    };
    let files: BTreeSet<Vec<String>> = sources.iter().map(|s| named(&s.path)).collect();
    // A path names the deepest file on it; the rest is a name inside that file.
    let file_of = |path: &[String]| (1..=path.len()).rev().map(|n| path[..n].to_vec()).find(|p| files.contains(p));
    let of = |source: &Source| {
        let me = named(&source.path);
        let folder =
            if source.path.ends_with("mod.rs") { me.clone() } else { me[..me.len().saturating_sub(1)].to_vec() };
        let found = use_paths(&source.code).into_iter().filter_map(|path| {
            let mut at = match path.first()?.as_str() {
                "crate" => Vec::new(),
                "super" if source.path.ends_with("mod.rs") => folder[..folder.len().checked_sub(1)?].to_vec(),
                "super" => folder.clone(),
                _ => return None,
            };
            for name in &path[1..] {
                match name.as_str() {
                    "super" => drop(at.pop()?),
                    name => at.push(name.to_owned()),
                }
            }
            // What a folder's own mod.rs hands to its files is no arrow: it stands for the folder.
            file_of(&at).filter(|to| *to != me && !me.starts_with(to))
        });
        (me.clone(), found.collect())
    };
    sources.iter().map(of).collect()
}

/// Every path of the `use` items, groups spread out.
fn use_paths(code: &str) -> Vec<Vec<String>> {
    let items = code.lines().enumerate().filter(|(_, line)| {
        let line = line.trim_start();
        let line = line.strip_prefix("pub ").unwrap_or(line);
        line.starts_with("use ")
    });
    let lines: Vec<&str> = code.lines().collect();
    let mut paths = Vec::new();
    for (at, _) in items {
        let text = lines[at..].join(" ");
        let item = text.split(';').next().unwrap_or_default();
        let item = item.split("use ").nth(1).unwrap_or_default();
        spread(item.trim(), &[], &mut paths);
    }
    paths
}

fn spread(item: &str, before: &[String], paths: &mut Vec<Vec<String>>) {
    let (head, group) = match item.split_once('{') {
        Some((head, group)) => (head, Some(group.trim_end().trim_end_matches('}'))),
        None => (item, None),
    };
    let mut path = before.to_vec();
    let names = head.split("::").map(|name| name.split(" as ").next().unwrap_or_default().trim());
    path.extend(names.filter(|name| !name.is_empty() && *name != "self").map(str::to_owned));
    let Some(group) = group else { return paths.push(path) };
    let (mut depth, mut start) = (0, 0);
    for (at, c) in group.char_indices().chain([(group.len(), ',')]) {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => {
                let member = group[start..at].trim();
                if !member.is_empty() {
                    spread(member, &path, paths);
                }
                start = at + 1;
            }
            _ => {}
        }
    }
}

/// A way from `from` back to itself, if there is one.
fn circle(arrows: &BTreeMap<Vec<String>, BTreeSet<Vec<String>>>, from: &Vec<String>) -> Option<Vec<Vec<String>>> {
    let mut ways = vec![vec![from.clone()]];
    let mut seen = BTreeSet::new();
    while let Some(way) = ways.pop() {
        for to in arrows.get(way.last()?)? {
            let longer = || way.iter().chain([to]).cloned().collect::<Vec<_>>();
            if to == from {
                return Some(longer());
            }
            if seen.insert(to.clone()) {
                ways.push(longer());
            }
        }
    }
    None
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
fn no_files_import_each_other_in_a_circle() {
    let mut wrong = Vec::new();
    for folder in ["src", "sip/src", "media/src", "dialplans/src", "sms-gateway/src"] {
        let arrows = uses_of_files(folder);
        let circles = arrows.keys().filter_map(|file| circle(&arrows, file));
        wrong.extend(circles.map(|way| way.iter().map(|file| file.join("::")).collect::<Vec<_>>().join(" -> ")));
    }
    assert!(wrong.is_empty(), "circles of imports:\n{}", wrong.join("\n"));
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
        let is_sql = ["sqlx::query", "sqlx::raw_sql", "SELECT ", "INSERT INTO ", "DELETE FROM ", " SET "]
            .iter()
            .any(|sign| source.code.contains(sign));
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
    let paths: Vec<String> =
        use_paths("pub use super::{a::{B, c::D}, e};\nuse crate::f::{self, G as H};\nlet use_ = 1;")
            .iter()
            .map(|path| path.join("::"))
            .collect();
    assert_eq!(paths, ["super::a::B", "super::a::c::D", "super::e", "crate::f", "crate::f::G"]);
    let arrows = BTreeMap::from(
        [("a", "b"), ("b", "c"), ("c", "a"), ("d", "a")]
            .map(|(from, to)| (vec![from.to_owned()], BTreeSet::from([vec![to.to_owned()]]))),
    );
    assert_eq!(circle(&arrows, &vec!["a".to_owned()]).map(|way| way.len()), Some(4));
    assert_eq!(circle(&arrows, &vec!["d".to_owned()]), None);
}
