//! The REST API, one file per resource.

use utoipa_axum::router::OpenApiRouter;

use super::Api;

mod dead_letters;
mod dispatch;
mod messages;

/// Every resource: one line each.
pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new().merge(dead_letters::routes()).merge(dispatch::routes()).merge(messages::routes())
}
