//! A refusal: a value with a stable code and a text that says what was wrong and who may, or what would mend it.

use serde::Serialize;

use crate::store::StoreError;

/// What kind of "no" it is; HTTP and SIP map it to their own numbers in one table each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum RefusalKind {
    /// The input is wrong.
    Invalid,
    /// Nobody is signed in, or the proof is wrong.
    Unauthenticated,
    /// Signed in, but not allowed.
    Forbidden,
    /// It is not there, or the asker may not know that it is.
    NotFound,
    /// It does not fit the present state.
    Conflict,
    /// The thing was changed since the asker read it.
    Outdated,
    /// Too large.
    TooLarge,
    /// Too often.
    TooMany,
    /// A needed part is away; the same may work later.
    Unavailable,
}

/// Why a command was not carried out. Nothing was changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, thiserror::Error)]
#[error("{detail}")]
pub struct Refusal {
    /// What kind.
    pub kind: RefusalKind,
    /// Stable code, such as `case.not_holder`: programs and translations go by it.
    pub code: &'static str,
    /// What was wrong and what would mend it, in Chinese, for the person.
    pub detail: String,
    /// Who may do it, where that is what would help.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub who_may: Option<String>,
    /// The field that is wrong, as a JSON pointer such as `/place/lon`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
}

impl Refusal {
    /// A refusal of any kind.
    pub fn new(kind: RefusalKind, code: &'static str, detail: impl Into<String>) -> Self {
        Self { kind, code, detail: detail.into(), who_may: None, field: None }
    }

    /// The input is wrong.
    pub fn invalid(code: &'static str, detail: impl Into<String>) -> Self {
        Self::new(RefusalKind::Invalid, code, detail)
    }

    /// The asker may not.
    pub fn forbidden(code: &'static str, detail: impl Into<String>) -> Self {
        Self::new(RefusalKind::Forbidden, code, detail)
    }

    /// It is not there for the asker.
    pub fn not_found(code: &'static str, detail: impl Into<String>) -> Self {
        Self::new(RefusalKind::NotFound, code, detail)
    }

    /// It does not fit the present state.
    pub fn conflict(code: &'static str, detail: impl Into<String>) -> Self {
        Self::new(RefusalKind::Conflict, code, detail)
    }

    /// Names who may.
    #[must_use]
    pub fn who_may(mut self, who: impl Into<String>) -> Self {
        self.who_may = Some(who.into());
        self
    }

    /// Names the wrong field.
    #[must_use]
    pub fn field(mut self, pointer: impl Into<String>) -> Self {
        self.field = Some(pointer.into());
        self
    }
}

/// Why a command failed: refused by a rule, or the store could not.
#[derive(Debug, Clone, thiserror::Error)]
pub enum CommandError {
    /// A rule refused it.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The store could not; nothing was written.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<sqlx::Error> for CommandError {
    fn from(e: sqlx::Error) -> Self {
        Self::Store(e.into())
    }
}
