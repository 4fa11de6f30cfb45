//! Working calendars: when something falls due and why, and the import of a year's holiday list.

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::cases::read;
use crate::access::Refusal;
use crate::cases::clocks::{Due, HolidayYear, Terms, due};
use crate::events::cases::{Budget, StartRule, TimeUnit};
use crate::http::{Answer, Api, Ask, Signed, command};
use crate::ids::Timestamp;

/// The largest budget that is computed: ten years of days, as minutes a year.
const AMOUNT_MAX: u32 = 10_000;

pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(list)).routes(routes!(due_of)).routes(routes!(import))
}

/// A calendar.
#[derive(Serialize, ToSchema)]
struct CalendarLine {
    /// Its name.
    name: String,
    /// Its title.
    title: String,
    /// Its version.
    version: String,
}

/// The calendars and the years whose holiday lists are known.
#[derive(Serialize, ToSchema)]
struct CalendarList {
    items: Vec<CalendarLine>,
    next: Option<String>,
    /// Years with a published list, with its source.
    #[schema(value_type = Vec<Object>)]
    years: Vec<Value>,
}

/// The calendars.
#[utoipa::path(get, path = "/calendars", tag = "calendars", responses((status = 200, body = CalendarList)))]
async fn list(State(api): State<Api>, _signed: Signed) -> Json<CalendarList> {
    let calendars = api.cases.calendars();
    let named = calendars.names().filter_map(|n| calendars.named(n).ok());
    let items = named
        .map(|c| CalendarLine { name: c.name.clone(), title: c.title.clone(), version: c.version.clone() })
        .collect();
    let years =
        calendars.years().map(|y| json!({ "year": y.year, "source": y.source, "days": y.days.len() })).collect();
    Json(CalendarList { items, next: None, years })
}

/// From when, and how much.
#[derive(Deserialize, IntoParams)]
struct DueQuery {
    /// RFC 3339, or a date (then its noon).
    from: String,
    /// Working days; the day of `from` is not counted.
    days: Option<u32>,
    /// Minutes that count by this calendar.
    minutes: Option<u32>,
}

/// When a budget runs out and why, line by line.
#[utoipa::path(get, path = "/calendars/{name}/due", tag = "calendars", params(("name" = String, Path), DueQuery), responses((status = 200, body = Due)))]
async fn due_of(
    State(api): State<Api>,
    _signed: Signed,
    Path(name): Path<String>,
    Query(q): Query<DueQuery>,
) -> Answer<Json<Due>> {
    let calendars = api.cases.calendars();
    let calendar = calendars.named(&name).map_err(|_| {
        let known = calendars.names().collect::<Vec<_>>().join("、");
        Refusal::not_found("calendar.unknown", format!("没有这个日历，可用的有：{known}"))
    })?;
    let (amount, unit, start_rule) = match (q.days, q.minutes) {
        (Some(n), None) => (n, TimeUnit::WorkingDays, StartRule::NextDay),
        (None, Some(n)) => (n, TimeUnit::WorkingMinutes, StartRule::AtOnce),
        _ => {
            return Err(Refusal::invalid("calendar.days_or_minutes", "请给出 days 或 minutes 之一")
                .field("days")
                .into());
        }
    };
    if !(1..=AMOUNT_MAX).contains(&amount) {
        return Err(Refusal::invalid("calendar.amount", format!("数量应为 1 至 {AMOUNT_MAX}")).field("days").into());
    }
    Ok(Json(due(Terms { budget: Budget { amount, unit }, start_rule, calendar }, instant(&q.from)?)))
}

/// An unencoded `+` of the zone arrives as a space.
fn instant(text: &str) -> Result<Timestamp, Refusal> {
    let text = text.replace(' ', "+");
    let noon = |d: jiff::civil::Date| Timestamp::from_civil(d.at(12, 0, 0, 0));
    text.parse().ok().or_else(|| text.parse().ok().map(noon)).ok_or_else(|| {
        Refusal::invalid("calendar.from", "from 应为 RFC 3339 时间或日期，如 2026-02-13T10:00:00+08:00 或 2026-02-13")
            .field("from")
    })
}

/// Imports a year's holiday list `{year, source, days: [{date, kind: off|work, name}]}`; open clocks are re-projected.
#[utoipa::path(post, path = "/calendars/holidays", tag = "calendars", request_body = Object, responses((status = 200, body = Object)))]
async fn import(State(api): State<Api>, ask: Ask, body: Bytes) -> Answer {
    let (cases, year): (_, HolidayYear) = (api.cases.clone(), read(&body)?);
    command(&api, ask, StatusCode::OK, move |tx, ask| {
        Box::pin(async move {
            let number = year.year;
            let moved = cases.import_holidays(tx, &ask.actor, year).await?;
            Ok(json!({ "year": number, "clocks_moved": moved }))
        })
    })
    .await
}
