//! The audit: sign-ins, refusals, reads of personal data and changes of accounts, the latest first.

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::access::{Action, Refusal, Target};
use crate::events::Record;
use crate::http::{Answer, Api, Params, Signed};
use crate::log;

/// Entries on a page unless told otherwise.
const PAGE: usize = 100;
/// Entries on a page at most.
const PAGE_MAX: usize = 500;
/// Pages of the log looked through for one answer: bounds the work when an auditor sees few of many.
const READS_MAX: usize = 20;

pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(list))
}

/// An entry.
#[derive(Serialize, ToSchema)]
struct Entry {
    seq: i64,
    at: String,
    /// `access.signed_in`, `access.sign_in_refused`, `access.personal_read`, …
    kind: String,
    subject: String,
    actor: String,
    person_id: Option<String>,
    #[schema(value_type = Object)]
    body: Value,
}

/// A page of entries.
#[derive(Serialize, ToSchema)]
struct Entries {
    items: Vec<Entry>,
    next: Option<String>,
}

/// Which entries.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct Which {
    /// The `next` of the page before.
    cursor: Option<i64>,
    limit: Option<usize>,
    /// Only this kind.
    kind: Option<String>,
    /// Only what this person did.
    person: Option<String>,
}

/// The audit, the latest first.
#[utoipa::path(get, path = "/audit", tag = "accounts", params(Which), responses((status = 200, body = Entries), (status = 403)))]
async fn list(State(api): State<Api>, Signed(actor): Signed, Params(which): Params<Which>) -> Answer<Json<Entries>> {
    actor.check(Action::AuditRead, Target::of(std::slice::from_ref(&actor.unit_path)))?;
    let kind = match which.kind.as_deref() {
        Some(kind) if !kind.starts_with("access.") => {
            let text = "审计只含 access. 开头的事件，如 access.signed_in";
            return Err(Refusal::invalid("audit.kind", text).field("/kind").into());
        }
        other => other.unwrap_or("access.").to_owned(),
    };
    let limit = which.limit.unwrap_or(PAGE).clamp(1, PAGE_MAX);
    let site = &api.config.hub.site;
    let (mut before, mut items, mut next) = (which.cursor.unwrap_or(i64::MAX), Vec::new(), None);
    'pages: for _ in 0..READS_MAX {
        let page = log::of_kind_before(api.store.reader(), site, &kind, before, PAGE_MAX as i64).await?;
        next = page.last().map(|r| r.seq.to_string());
        for record in page {
            before = record.seq;
            let by = record.actor.person.map(|p| p.to_string());
            let wanted = which.person.is_none() || by == which.person;
            if wanted && actor.may(Action::AuditRead, Target::of(&record.orgs)) {
                items.push(Entry::from(record));
            }
            if items.len() == limit {
                next = Some(before.to_string());
                break 'pages;
            }
        }
        if next.is_none() {
            break;
        }
    }
    Ok(Json(Entries { items, next }))
}

impl From<Record> for Entry {
    fn from(record: Record) -> Self {
        Self {
            seq: record.seq,
            at: record.at.to_string(),
            kind: record.kind,
            subject: record.subject.to_string(),
            actor: record.actor.name,
            person_id: record.actor.person.map(|p| p.to_string()),
            body: record.body,
        }
    }
}
