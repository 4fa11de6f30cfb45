//! Refusals in the audit: whoever is signed in and asks for what he may not is noted, with what he asked for and why it
//! was refused (GB/T 22239-2019 8.1.4.3). The query string is left out: it may hold personal data.

use std::sync::{Arc, OnceLock};

use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::middleware::Next;
use axum::response::Response;

use super::Api;
use crate::access::{Actor, audit};
use crate::events::access::AccessEvent;
use crate::store::StoreError;

/// Longest kept path of a refused request.
const WHAT_MAX: usize = 200;

/// Filled by the extractor that finds out who asks.
#[derive(Clone, Default)]
pub(super) struct Who(Arc<OnceLock<Actor>>);

impl Who {
    pub(super) fn is(&self, actor: &Actor) {
        // A request has one actor; a second extractor finds the same.
        let _ = self.0.set(actor.clone());
    }
}

/// The code of a refusal, beside the answer that carries it.
#[derive(Clone, Copy)]
pub(super) struct Code(pub(super) &'static str);

/// Notes refusals of signed-in people. The answer waits for it, as for every write.
pub(super) async fn note_refusals(State(api): State<Api>, mut request: Request, next: Next) -> Response {
    let who = Who::default();
    let what: String = format!("{} {}", request.method(), request.uri().path()).chars().take(WHAT_MAX).collect();
    request.extensions_mut().insert(who.clone());
    let response = next.run(request).await;
    let code = response.extensions().get::<Code>().copied();
    if let (StatusCode::FORBIDDEN, Some(actor), Some(Code(code))) = (response.status(), who.0.get(), code) {
        note(&api, actor.clone(), what, code).await;
    }
    response
}

async fn note(api: &Api, actor: Actor, what: String, code: &'static str) {
    let vault = api.vault.clone();
    let address = actor.origin.address.map(|a| a.to_string());
    let event = AccessEvent::Refused { what, code: code.to_owned(), address };
    let done: Result<(), StoreError> =
        api.store.write(move |tx| Box::pin(async move { audit(tx, &vault, &actor, &event).await })).await;
    if let Err(e) = done {
        tracing::error!(error = %e, "a refusal could not be put into the audit");
    }
}
