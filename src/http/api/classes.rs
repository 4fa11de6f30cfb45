//! The class tree.

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::http::{Api, Signed};

pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(list))
}

/// The class tree.
#[derive(Serialize, ToSchema)]
struct ClassTree {
    /// Its version.
    version: String,
    /// Groups `{code, zh, classes: [{code, zh, nature, limits?}]}`.
    #[schema(value_type = Vec<Object>)]
    items: Vec<Value>,
    next: Option<String>,
}

/// The class tree, with default natures and time limits and where they come from.
#[utoipa::path(get, path = "/classes", tag = "cases", responses((status = 200, body = ClassTree)))]
async fn list(State(api): State<Api>, _signed: Signed) -> Json<ClassTree> {
    let classes = api.cases.classes();
    let items = classes.groups().iter().map(|g| serde_json::to_value(g).unwrap_or_default()).collect();
    Json(ClassTree { version: classes.version.clone(), items, next: None })
}
