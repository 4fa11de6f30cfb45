//! All routes on one page.

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::{HeaderName, HeaderValue};
use axum::middleware::from_fn_with_state;
use axum::routing::get;
use tower_http::compression::CompressionLayer;
use tower_http::set_header::SetResponseHeaderLayer;
use utoipa::openapi::{InfoBuilder, OpenApi, OpenApiBuilder, PathItem, Server};
use utoipa_axum::router::OpenApiRouter;

use super::refused::note_refusals;
use super::{Api, api, console, events, health, livekit, sip};

/// Largest request body: a case's narrative with room; files have a route of their own.
const BODY_MAX: usize = 1024 * 1024;

/// The whole HTTP surface.
pub fn router(state: Api) -> Router {
    let (rest, document) = rest().split_for_parts();
    let document = openapi(document);
    Router::new()
        .route("/healthz", get(health::healthz))
        .route("/readyz", get(health::readyz))
        .route("/metrics", get(health::metrics))
        .route("/api/openapi.json", get(move || async move { axum::Json(document) }))
        .nest("/api/v1", rest.layer(from_fn_with_state(state.clone(), note_refusals)))
        .route("/sip", get(sip::websocket))
        .merge(livekit::routes())
        .fallback(console::file)
        .layer(DefaultBodyLimit::max(BODY_MAX))
        .layer(CompressionLayer::new().gzip(true))
        .layer(header("x-content-type-options", "nosniff"))
        .layer(header("referrer-policy", "no-referrer"))
        .layer(header("x-frame-options", "DENY"))
        // Styles are allowed inline because the component library writes them at run time; scripts are not.
        .layer(header(
            "content-security-policy",
            "default-src 'self'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; \
             media-src 'self' blob:; connect-src 'self' ws: wss:; worker-src 'self' blob:; frame-ancestors 'none'",
        ))
        .with_state(state)
}

/// The REST API: one line per resource.
fn rest() -> OpenApiRouter<Api> {
    OpenApiRouter::new().merge(events::routes()).merge(api::routes())
}

/// The OpenAPI 3.1 document, which a test keeps equal to `docs/openapi.json`.
pub fn document() -> OpenApi {
    openapi(rest().split_for_parts().1)
}

fn openapi(document: OpenApi) -> OpenApi {
    let info = InfoBuilder::new()
        .title("Liandong 联动")
        .version(env!("CARGO_PKG_VERSION"))
        .description(Some(
            "REST API of the hub, under /api/v1. Errors are application/problem+json with a stable code.",
        ))
        .build();
    let mut document = OpenApiBuilder::from(document).info(info).servers(Some([Server::new("/api/v1")])).build();
    for (path, item) in &mut document.paths.paths {
        name_operations(path, item);
    }
    document
}

/// Handlers of several resources share their names; an operation's id is one in the whole document (OpenAPI 3.1, 4.8.10).
fn name_operations(path: &str, item: &mut PathItem) {
    let words: Vec<&str> = path.split(['/', '{', '}']).filter(|word| !word.is_empty()).collect();
    let methods = [
        ("get", &mut item.get),
        ("put", &mut item.put),
        ("post", &mut item.post),
        ("delete", &mut item.delete),
        ("patch", &mut item.patch),
    ];
    for (method, operation) in methods {
        if let Some(operation) = operation {
            operation.operation_id = Some(format!("{method}_{}", words.join("_")));
        }
    }
}

fn header(name: &'static str, value: &'static str) -> SetResponseHeaderLayer<HeaderValue> {
    SetResponseHeaderLayer::if_not_present(HeaderName::from_static(name), HeaderValue::from_static(value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_operation_has_an_id_of_its_own() {
        let document = serde_json::to_value(document()).expect("the document serialises");
        let paths = document["paths"].as_object().expect("paths").values().filter_map(|item| item.as_object());
        let mut ids: Vec<String> =
            paths.flat_map(|item| item.values()).map(|op| op["operationId"].to_string()).collect();
        let all = ids.len();
        ids.sort();
        ids.dedup();
        assert_eq!(ids.len(), all);
    }

    #[test]
    fn the_committed_document_is_what_the_hub_serves() {
        let committed: serde_json::Value =
            serde_json::from_str(include_str!("../../docs/openapi.json")).expect("docs/openapi.json is JSON");
        let served = serde_json::to_value(document()).expect("the document serialises");
        assert!(committed == served, "docs/openapi.json is out of date: run `make docs` and commit it");
    }
}
