//! The plan files shipped in `plans/`: the demo city's 12345.

use crate::source::InputFile;

/// The files by name, in the order in which they are read.
pub const FILES: [(&str, &str); 2] = [
    ("plans/tables.yaml", include_str!("../plans/tables.yaml")),
    ("plans/12345.yaml", include_str!("../plans/12345.yaml")),
];

/// The same as input of the checker.
pub fn files() -> Vec<InputFile> {
    FILES.iter().map(|(name, text)| InputFile::new(*name, *text)).collect()
}
