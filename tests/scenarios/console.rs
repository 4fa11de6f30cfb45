//! The console as its users meet it: every page opened in Chromium against the real hub, the main paths pressed, no error in
//! the browser's log, no request that should not have failed, nothing serious for axe. `tests/peers/console.mjs` is the hand
//! on the mouse; pictures of all pages are left in `target/console`.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use super::harness::{Hub, PASSWORD};

#[test]
fn every_page_opens_and_the_main_paths_can_be_pressed() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let hub = Hub::demo();
    let ask = json!({
        "url": format!("http://127.0.0.1:{}", hub.place.http),
        "password": PASSWORD,
        "modules": root.join("web"),
        "pictures": pictures(),
    });
    let mut browser = Command::new("node")
        .arg(root.join("tests/peers/console.mjs"))
        .arg(ask.to_string())
        .stdout(Stdio::piped())
        .spawn()
        .expect("Node is there: the console is built with it");
    let output = BufReader::new(browser.stdout.take().expect("its output is piped"));
    let mut last = Value::Null;
    for line in output.lines().map_while(Result::ok) {
        eprintln!("{line}");
        last = serde_json::from_str(&line).unwrap_or(last);
    }
    browser.wait().unwrap();
    assert_eq!(last["faults"], json!([]), "pictures are in {}; the hub's log:\n{}", pictures().display(), hub.log());
}

/// Beside what was built.
fn pictures() -> PathBuf {
    let program = Path::new(env!("CARGO_BIN_EXE_liandong"));
    program.ancestors().nth(2).expect("target/debug/liandong").join("console")
}
