//! The console's files, from inside the binary. Unknown paths without a dot get the page itself: the router in the
//! browser knows them.

use axum::http::{StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use rust_embed::RustEmbed;

#[derive(RustEmbed)]
#[folder = "web/dist"]
struct Files;

/// Files with a hash in their name never change.
const FOREVER: &str = "public, max-age=31536000, immutable";

pub(super) async fn file(uri: Uri) -> Response {
    let path = uri.path().trim_start_matches('/');
    if path.starts_with("api/") {
        return StatusCode::NOT_FOUND.into_response();
    }
    if let Some(found) = Files::get(path) {
        let caching = if path.starts_with("assets/") { FOREVER } else { "no-cache" };
        return page(path, found.data.into_owned(), caching);
    }
    let name = if path.starts_with("track") { "track.html" } else { "index.html" };
    match Files::get(name) {
        Some(found) if !path.rsplit('/').next().unwrap_or_default().contains('.') => {
            page(name, found.data.into_owned(), "no-cache")
        }
        Some(_) => StatusCode::NOT_FOUND.into_response(),
        None => (StatusCode::NOT_FOUND, "the console was not built: run `make web`\n").into_response(),
    }
}

fn page(name: &str, data: Vec<u8>, caching: &'static str) -> Response {
    ([(header::CONTENT_TYPE, content_type(name)), (header::CACHE_CONTROL, caching)], data).into_response()
}

fn content_type(name: &str) -> &'static str {
    match name.rsplit('.').next().unwrap_or_default() {
        "html" => "text/html; charset=utf-8",
        "js" | "mjs" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "json" | "map" => "application/json",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "woff2" => "font/woff2",
        "wav" => "audio/wav",
        "wasm" => "application/wasm",
        "webmanifest" => "application/manifest+json",
        _ => "application/octet-stream",
    }
}
