//! What is shown of messages, and which of them a list is asked for.
//!
//! Values only: what makes them is in `commands` and `rows`.

use serde::Serialize;
use utoipa::ToSchema;

use crate::ids::{CaseId, MessageId, Timestamp};

/// A message as answers show it.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct MessageView {
    /// Its id.
    #[schema(value_type = String)]
    pub id: MessageId,
    /// `out` or `in`.
    pub direction: String,
    /// The other side's masked number.
    pub number: Option<String>,
    /// Who he is.
    pub receiver: String,
    /// The text; `null` once the person was erased.
    pub text: Option<String>,
    /// `queued`, `submitted`, `delivered`, `failed`, `expired`, `unknown`, `received`.
    pub state: String,
    /// Why it failed.
    pub reason: Option<String>,
    /// Segments it takes.
    pub segments: i64,
    /// The link that carries it.
    pub link: String,
    /// Number and extension to which an answer goes.
    pub ext: String,
    /// The template it was made from.
    pub template: Option<String>,
    /// The case it is about.
    #[schema(value_type = Option<String>)]
    pub case_id: Option<CaseId>,
    /// When it was written.
    #[schema(value_type = String)]
    pub created_at: Timestamp,
}

/// Which messages a list shows.
#[derive(Debug, Clone, Default)]
pub struct MessageFilter {
    /// About this case.
    pub case: Option<CaseId>,
    /// In this state.
    pub state: Option<String>,
    /// Of this link.
    pub link: Option<String>,
    /// Older than this one.
    pub before: Option<MessageId>,
    /// At most this many.
    pub limit: i64,
}
