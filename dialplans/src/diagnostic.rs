//! What the checker says: where, what is wrong, how to mend it.

use std::fmt;

use serde::Serialize;

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// The plan runs, but someone should look.
    Warning,
    /// The plan is refused.
    Error,
}

/// One finding. Lines and columns count from 1; 0 means "the file as a whole".
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Diagnostic {
    /// The file as the caller named it.
    pub file: String,
    /// Line, from 1.
    pub line: u32,
    /// Column in characters, from 1.
    pub column: u32,
    /// How bad.
    pub severity: Severity,
    /// Stable code, such as `unknown-queue`.
    pub code: &'static str,
    /// What is wrong, in a sentence.
    pub reason: String,
    /// How to mend it; empty when there is nothing to add.
    pub hint: String,
}

impl Diagnostic {
    /// True if the plan is refused because of it.
    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = match self.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
        };
        let Self { file, line, column, code, reason, hint, .. } = self;
        write!(f, "{file}:{line}:{column}: {word}[{code}]: {reason}")?;
        if !hint.is_empty() {
            write!(f, "\n    hint: {hint}")?;
        }
        Ok(())
    }
}

/// The known name nearest to a misspelt one, if it is near enough to be meant.
pub(crate) fn nearest<'a>(wrong: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let allowed = (wrong.chars().count() / 3).max(1);
    known
        .into_iter()
        .map(|name| (distance(wrong, name), name))
        .filter(|(distance, _)| *distance <= allowed)
        .min()
        .map(|(_, name)| name)
}

/// A hint for a misspelt name: the nearest one, or the list of what there is.
pub(crate) fn did_you_mean<'a>(wrong: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    /// More names than this are no help in a message.
    const LISTED_MAX: usize = 12;
    let known: Vec<&str> = known.into_iter().collect();
    match nearest(wrong, known.iter().copied()) {
        Some(name) => format!("did you mean `{name}`?"),
        None if known.is_empty() => "there is none yet".to_owned(),
        None if known.len() <= LISTED_MAX => format!("there are: {}", known.join(", ")),
        None => format!("there are {}, such as: {}", known.len(), known[..LISTED_MAX].join(", ")),
    }
}

/// Edit distance in characters where a swap of two neighbours counts once (optimal alignment).
fn distance(a: &str, b: &str) -> usize {
    /// Names longer than this are compared by their beginning: the work stays bounded.
    const COMPARED_MAX: usize = 80;
    let a: Vec<char> = a.chars().take(COMPARED_MAX).collect();
    let b: Vec<char> = b.chars().take(COMPARED_MAX).collect();
    let mut rows = vec![vec![0; b.len() + 1]; a.len() + 1];
    for (i, row) in rows.iter_mut().enumerate() {
        row[0] = i;
    }
    rows[0] = (0..=b.len()).collect();
    for i in 1..=a.len() {
        for j in 1..=b.len() {
            let change = usize::from(a[i - 1] != b[j - 1]);
            let mut best = (rows[i - 1][j] + 1).min(rows[i][j - 1] + 1).min(rows[i - 1][j - 1] + change);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                best = best.min(rows[i - 2][j - 2] + 1);
            }
            rows[i][j] = best;
        }
    }
    rows[a.len()][b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_is_recognised_and_a_stranger_is_not() {
        let known = ["city_hotline", "jinshui", "emergency"];
        assert_eq!(nearest("city_hotlien", known), Some("city_hotline"));
        assert_eq!(nearest("jinshiu", known), Some("jinshui"));
        assert_eq!(nearest("weather", known), None);
        assert_eq!(did_you_mean("x", []), "there is none yet");
    }
}
