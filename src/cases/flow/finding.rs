//! What the checker says of a flow: findings with their lines, and the names that were meant.

use std::fmt;
use std::ops::Range;

use serde::Serialize;

/// Something that is wrong with a flow.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
    /// Stable code.
    pub code: &'static str,
    /// What is wrong.
    pub message: String,
    /// What would mend it.
    pub hint: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {} [{}]", self.line, self.column, self.message, self.code)?;
        if !self.hint.is_empty() {
            write!(f, "\n    {}", self.hint)?;
        }
        Ok(())
    }
}

/// Findings while they are gathered.
pub(super) struct Report<'t> {
    pub(super) text: &'t str,
    pub(super) found: Vec<Finding>,
}

impl Report<'_> {
    pub(super) fn add(&mut self, at: Range<usize>, code: &'static str, message: String, hint: &str) {
        let before = self.text.get(..at.start.min(self.text.len())).unwrap_or(self.text);
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
        self.found.push(Finding { line, column, code, message, hint: hint.to_owned() });
    }

    pub(super) fn unknown(&mut self, at: Range<usize>, what: &str, name: &str, known: &[&str]) {
        let hint = match nearest(name, known) {
            Some(near) => format!("did you mean {near:?}?"),
            None => format!("known are {}", known.join(", ")),
        };
        self.add(at, "flow.unknown_name", format!("there is no {what} {name:?}"), &hint);
    }
}

/// The known name that differs least, if it is near enough to be meant.
pub(super) fn nearest<'a>(name: &str, known: &[&'a str]) -> Option<&'a str> {
    let limit = (name.chars().count() / 3).max(2);
    let near = known.iter().map(|k| (distance(name, k), *k)).min()?;
    (near.0 <= limit).then_some(near.1)
}

/// Levenshtein's distance.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut corner = std::mem::replace(&mut row[0], i + 1);
        for (j, y) in b.iter().enumerate() {
            let change = corner + usize::from(x != *y);
            corner = row[j + 1];
            row[j + 1] = change.min(row[j] + 1).min(corner + 1);
        }
    }
    row[b.len()]
}
