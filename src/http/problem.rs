//! Refusals as `application/problem+json` (RFC 9457): the one table from kinds of refusal to HTTP.

use axum::Json;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

use crate::access::{CommandError, Refusal, RefusalKind};
use crate::store::StoreError;

/// What a handler returns.
pub type Answer<T = Response> = Result<T, Problem>;

/// An error answer.
#[derive(Debug, Clone)]
pub struct Problem(pub Refusal);

/// The body of an error answer.
#[derive(Serialize, ToSchema)]
pub struct ProblemBody {
    /// Always `about:blank`: the code tells more.
    r#type: &'static str,
    /// The status in words.
    title: &'static str,
    /// The HTTP status.
    status: u16,
    /// Stable code for programs, such as `case.not_holder`.
    code: &'static str,
    /// What was wrong and what would mend it.
    detail: String,
    /// Who may do it.
    #[serde(skip_serializing_if = "Option::is_none")]
    who_may: Option<String>,
    /// The wrong field, a JSON pointer.
    #[serde(skip_serializing_if = "Option::is_none")]
    field: Option<String>,
}

fn status(kind: RefusalKind) -> StatusCode {
    match kind {
        RefusalKind::Invalid => StatusCode::UNPROCESSABLE_ENTITY,
        RefusalKind::Unauthenticated => StatusCode::UNAUTHORIZED,
        RefusalKind::Forbidden => StatusCode::FORBIDDEN,
        RefusalKind::NotFound => StatusCode::NOT_FOUND,
        RefusalKind::Conflict => StatusCode::CONFLICT,
        RefusalKind::Outdated => StatusCode::PRECONDITION_FAILED,
        RefusalKind::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
        RefusalKind::TooMany => StatusCode::TOO_MANY_REQUESTS,
        RefusalKind::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = status(self.0.kind);
        let body = ProblemBody {
            r#type: "about:blank",
            title: status.canonical_reason().unwrap_or("Error"),
            status: status.as_u16(),
            code: self.0.code,
            detail: self.0.detail,
            who_may: self.0.who_may,
            field: self.0.field,
        };
        let mut response = (status, Json(body)).into_response();
        let kind = header::HeaderValue::from_static("application/problem+json");
        response.headers_mut().insert(header::CONTENT_TYPE, kind);
        response.extensions_mut().insert(super::refused::Code(self.0.code));
        response
    }
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        Self(refusal)
    }
}

impl From<StoreError> for Problem {
    fn from(e: StoreError) -> Self {
        // The cause is for the operator; the asker learns only that it was not written.
        tracing::error!(error = %e, "the store could not serve a request");
        if matches!(e, StoreError::Full(_)) {
            let detail =
                "服务器磁盘已满，操作没有保存；查询和进行中的通话不受影响。请联系系统管理员清理磁盘，之后即可继续";
            return Self(Refusal::new(RefusalKind::Unavailable, "store.disk_full", detail).who_may("系统管理员"));
        }
        Self(Refusal::new(RefusalKind::Unavailable, "store.unavailable", "数据库暂时不可用，操作没有保存，请稍后重试"))
    }
}

impl From<CommandError> for Problem {
    fn from(e: CommandError) -> Self {
        match e {
            CommandError::Refused(refusal) => refusal.into(),
            CommandError::Store(e) => e.into(),
        }
    }
}

impl From<sqlx::Error> for Problem {
    fn from(e: sqlx::Error) -> Self {
        StoreError::from(e).into()
    }
}
