//! `/healthz` (the process lives), `/readyz` (it can serve), `/metrics` (Prometheus).

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::IntoResponse;

use super::Api;

pub(super) async fn healthz() -> &'static str {
    "ok"
}

/// Ready while the database answers; a draining hub has stopped listening before it gets here.
pub(super) async fn readyz(State(api): State<Api>) -> impl IntoResponse {
    match api.store.reader().acquire().await {
        Ok(_) => (StatusCode::OK, "ready"),
        Err(_) => (StatusCode::SERVICE_UNAVAILABLE, "the database does not answer"),
    }
}

pub(super) async fn metrics(State(api): State<Api>) -> String {
    (api.metrics)()
}
