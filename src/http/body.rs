//! Bodies and query strings of requests, whose mistakes are answered like every other refusal: with a code, the place of
//! the mistake and what was expected.

use axum::extract::rejection::{JsonRejection, QueryRejection};
use axum::extract::{FromRequest, FromRequestParts, Query, Request};
use axum::http::request::Parts;
use serde::de::DeserializeOwned;

use super::Problem;
use crate::access::{Refusal, RefusalKind};

/// A JSON body.
pub struct Body<T>(pub T);

/// The parameters of a query string.
pub struct Params<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Body<T> {
    type Rejection = Problem;
    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        match axum::Json::<T>::from_request(request, state).await {
            Ok(axum::Json(value)) => Ok(Self(value)),
            Err(e) => Err(bad_json(&e).into()),
        }
    }
}

fn bad_json(rejection: &JsonRejection) -> Refusal {
    let said = rejection.body_text();
    match rejection {
        JsonRejection::MissingJsonContentType(_) => {
            Refusal::invalid("http.content_type", "请求体应为 JSON，并带 Content-Type: application/json 请求头")
        }
        JsonRejection::BytesRejection(_) => {
            Refusal::new(RefusalKind::TooLarge, "http.body", format!("请求体没有完整收到或过大：{said}"))
        }
        _ => Refusal::invalid("http.bad_json", format!("请求体不符合要求：{said}")),
    }
}

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Params<T> {
    type Rejection = Problem;
    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        Query::<T>::from_request_parts(parts, state).await.map(|Query(value)| Self(value)).map_err(
            |e: QueryRejection| {
                Refusal::invalid("http.bad_query", format!("查询参数不符合要求：{}", e.body_text())).into()
            },
        )
    }
}
