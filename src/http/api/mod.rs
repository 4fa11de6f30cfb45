//! The REST API, one file per resource.

use utoipa_axum::router::OpenApiRouter;

use super::Api;
use crate::access::Refusal;

mod accounts;
mod audit;
mod calendars;
mod calls;
mod cases;
mod classes;
mod dead_letters;
mod desk;
mod dispatch;
mod me;
mod meetings;
mod messages;
mod orgs;
mod people;
mod plans;
mod queues;
mod session;
mod track;

/// Every resource: one line each.
pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .merge(session::routes())
        .merge(me::routes())
        .merge(orgs::routes())
        .merge(people::routes())
        .merge(accounts::routes())
        .merge(audit::routes())
        .merge(cases::routes())
        .merge(classes::routes())
        .merge(calendars::routes())
        .merge(track::routes())
        .merge(desk::routes())
        .merge(calls::routes())
        .merge(queues::routes())
        .merge(plans::routes())
        .merge(dispatch::routes())
        .merge(messages::routes())
        .merge(meetings::routes())
        .merge(dead_letters::routes())
}

/// The id in a path or a body. One that cannot be an id is not there either, and says what an id looks like.
fn id<T: std::str::FromStr<Err = crate::ids::BadId>>(text: &str) -> Result<T, Refusal> {
    text.parse().map_err(|e: crate::ids::BadId| Refusal::invalid("http.bad_id", e.to_string()))
}

/// The answer for what is not there, or not there for the asker: the two look the same.
fn hidden(what: &str) -> Refusal {
    Refusal::not_found("access.not_found", format!("没有找到该{what}，或当前岗位无权查看"))
}
