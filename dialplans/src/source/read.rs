//! Text to [`SourceFile`], or one diagnostic that says where it stopped and why.

use serde_saphyr::{Error, UserMessageFormatter};

use super::SourceFile;
use crate::diagnostic::{Diagnostic, Severity, did_you_mean};

/// Larger files are refused: a plan is written by people.
pub const FILE_BYTES_MAX: usize = 1 << 20;

/// A file to be read: its name for messages and its text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InputFile {
    /// As it shall appear in diagnostics.
    pub name: String,
    /// Its text.
    pub text: String,
}

impl InputFile {
    /// A file by name and text.
    pub fn new(name: impl Into<String>, text: impl Into<String>) -> Self {
        Self { name: name.into(), text: text.into() }
    }
}

/// Reads one plan file. Never panics, whatever the text.
pub fn read(file: &InputFile) -> Result<SourceFile, Diagnostic> {
    read_as(file)
}

/// Reads any of our YAML shapes; the simulator's scenarios come this way too.
pub(crate) fn read_as<T: serde::de::DeserializeOwned>(file: &InputFile) -> Result<T, Diagnostic> {
    if file.text.len() > FILE_BYTES_MAX {
        return Err(Diagnostic {
            file: file.name.clone(),
            line: 0,
            column: 0,
            severity: Severity::Error,
            code: "file-too-large",
            reason: format!("the file has more than {FILE_BYTES_MAX} bytes"),
            hint: "split it: all files given together make one set".to_owned(),
        });
    }
    let options = serde_saphyr::options! {
        with_snippet: false,
        strict_booleans: true, // `on`, `no`, `y` are words here, not booleans
    };
    serde_saphyr::from_str_with_options(&file.text, options)
        .map_err(|error| from_yaml(&file.name, error.without_snippet()))
}

fn from_yaml(file: &str, error: &Error) -> Diagnostic {
    let place = error.location().unwrap_or(serde_saphyr::Location::UNKNOWN);
    let (code, reason, hint) = words(error);
    Diagnostic {
        file: file.to_owned(),
        line: u32::try_from(place.line()).unwrap_or(0),
        column: u32::try_from(place.column()).unwrap_or(0),
        severity: Severity::Error,
        code,
        reason,
        hint,
    }
}

fn words(error: &Error) -> (&'static str, String, String) {
    match error {
        Error::SerdeUnknownField { field, expected, .. } => {
            ("unknown-field", format!("there is no `{field}` here"), did_you_mean(field, expected.iter().copied()))
        }
        Error::SerdeUnknownVariant { variant, expected, .. } => (
            "unknown-word",
            format!("`{variant}` is not one of the words allowed here"),
            did_you_mean(variant, expected.iter().copied()),
        ),
        Error::SerdeMissingField { field, .. } => ("missing-field", format!("`{field}` is missing"), String::new()),
        Error::DuplicateMappingKey { key, .. } => (
            "duplicate-name",
            match key {
                Some(key) => format!("`{key}` stands here twice"),
                None => "a key stands here twice".to_owned(),
            },
            "rename or remove one of the two".to_owned(),
        ),
        Error::SerdeInvalidType { .. } | Error::InvalidScalar { .. } => (
            "wrong-type",
            first_line(error),
            "write texts, times of day and keys in quotes: \"12345\", \"9\"".to_owned(),
        ),
        _ => ("syntax", first_line(error), "check indentation, colons and quotes".to_owned()),
    }
}

fn first_line(error: &Error) -> String {
    let text = error.render_with_formatter(&UserMessageFormatter);
    text.lines().next().unwrap_or("not readable as YAML").to_owned()
}
