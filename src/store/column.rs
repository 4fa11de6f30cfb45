//! Values as columns hold them: ids and words as TEXT, documents as JSON in TEXT.

use std::str::FromStr;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::StoreError;

/// A unit variant as its snake-case word; what is no unit variant becomes the empty word.
pub fn word(value: &impl Serialize) -> String {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(word)) => word,
        _ => String::new(),
    }
}

/// The variant that a word names.
pub fn read_word<T: DeserializeOwned>(word: String) -> Result<T, StoreError> {
    serde_json::from_value(serde_json::Value::String(word)).map_err(|e| StoreError::Damaged(e.to_string()))
}

/// An id, or another value with a text form; `what` names it should it be damaged.
pub fn read_id<T: FromStr>(text: &str, what: &str) -> Result<T, StoreError> {
    text.parse().map_err(|_| StoreError::Damaged(what.to_owned()))
}

/// A document.
pub fn json(value: &impl Serialize) -> Result<String, StoreError> {
    serde_json::to_string(value).map_err(|e| StoreError::Damaged(e.to_string()))
}

/// What a document says.
pub fn read_json<T: DeserializeOwned>(document: &str) -> Result<T, StoreError> {
    serde_json::from_str(document).map_err(|e| StoreError::Damaged(e.to_string()))
}
