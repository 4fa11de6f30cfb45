//! The sections that plans refer to: holidays, hours, queues, areas, targets.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::sync::Arc;

use jiff::civil::Date;
use jiff::tz::Offset;

use super::report::{self, Place, Report};
use super::{Checker, entries};
use crate::api::{AreaName, QueueName, TargetName};
use crate::duration::{parse_duration, write_duration};
use crate::hours::{Holidays, Hours, Period, parse_dates, parse_days};
use crate::plan::{Area, Queue};
use crate::source::{AreaSource, At, HolidaysSource, HoursSource, QueueSource, SourceFile, TargetSource};
use crate::time::Millis;

/// One agent is rung so long: shorter he cannot reach the key, longer the caller pays for it.
const RING: RangeInclusive<u64> = 5_000..=60_000;
/// After-call work.
const WRAP_UP: RangeInclusive<u64> = 0..=600_000;
/// A number dialled out rings so long; the network gives up at two or three minutes.
const TARGET_RING: RangeInclusive<u64> = 5_000..=120_000;
/// Holiday lists are published about six weeks ahead: warn when the coming month has none.
const HOLIDAYS_AHEAD_DAYS: i64 = 31;

/// A number to dial out to.
#[derive(Debug, Clone)]
pub(super) struct Target {
    pub(super) number: String,
    pub(super) ring_seconds: u32,
}

/// The tables, resolved.
pub(super) struct Tables {
    pub(super) offset: Offset,
    pub(super) hours: BTreeMap<String, Arc<Hours>>,
    pub(super) queues: BTreeMap<QueueName, Queue>,
    pub(super) areas: BTreeMap<AreaName, Area>,
    pub(super) targets: BTreeMap<TargetName, Target>,
}

impl Tables {
    pub(super) fn build(sources: &[SourceFile], checker: &Checker, report: &mut Report) -> Self {
        let holidays = holidays(sources, checker, report);
        let hours = hours(sources, &holidays, report);
        let queues = queues(sources, &hours, checker, report);
        let areas = areas(sources, &queues, report);
        let targets = targets(sources, report);
        Self { offset: offset(sources, report), hours, queues, areas, targets }
    }
}

/// A duration within limits, or zero and a finding.
pub(super) fn duration(place: Place, text: &str, limits: RangeInclusive<u64>, report: &mut Report) -> Millis {
    let Some(duration) = parse_duration(text) else {
        report.error(
            place,
            "bad-duration",
            format!("`{text}` is no duration"),
            "write a number with its unit: 500ms, 8s, 2m, 1m30s, 1h",
        );
        return Millis(*limits.start());
    };
    if !limits.contains(&duration.0) {
        let (low, high) = (Millis(*limits.start()), Millis(*limits.end()));
        report.error(
            place,
            "out-of-range",
            format!("`{text}` is out of range"),
            format!("from {} to {}", write_duration(low), write_duration(high)),
        );
    }
    duration
}

/// Digits with an optional leading `+`, at most 20: what a trunk can dial.
pub(super) fn is_number(text: &str) -> bool {
    let digits = text.strip_prefix('+').unwrap_or(text);
    (1..=20).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit())
}

fn offset(sources: &[SourceFile], report: &mut Report) -> Offset {
    let mut found: Option<Offset> = None;
    for (file, source) in sources.iter().enumerate() {
        let Some(text) = &source.utc_offset else {
            continue;
        };
        let place = Place::at(file, text);
        if found.is_some() {
            report.duplicate(place, "utc_offset", &text.value);
        }
        found = parse_offset(&text.value);
        if found.is_none() {
            report.error(
                place,
                "bad-offset",
                format!("`{}` is no offset from UTC", text.value),
                "write it as \"+08:00\"",
            );
        }
    }
    // China: one zone, no summer time.
    found.unwrap_or_else(|| Offset::constant(8))
}

fn parse_offset(text: &str) -> Option<Offset> {
    let sign = match text.as_bytes().first()? {
        b'+' => 1,
        b'-' => -1,
        _ => return None,
    };
    let (hours, minutes) = text.get(1..)?.split_once(':')?;
    let (hours, minutes): (i32, i32) = (hours.parse().ok()?, minutes.parse().ok()?);
    let fits = (0..=14).contains(&hours) && (0..60).contains(&minutes);
    Offset::from_seconds(sign * (hours * 3_600 + minutes * 60)).ok().filter(|_| fits)
}

fn holidays(sources: &[SourceFile], checker: &Checker, report: &mut Report) -> BTreeMap<String, Holidays> {
    let mut tables = BTreeMap::new();
    for (file, name, source) in entries(sources, |s| &s.holidays.0) {
        let table = holiday_table(file, source, report);
        warn_of_a_list_that_ends(Place::at(file, name), name, &table, checker.today, report);
        if tables.insert(name.value.clone(), table).is_some() {
            report.duplicate(Place::at(file, name), "list of holidays", &name.value);
        }
    }
    tables
}

fn holiday_table(file: usize, source: &HolidaysSource, report: &mut Report) -> Holidays {
    let mut table = Holidays::default();
    for (texts, days) in [(&source.off, &mut table.off), (&source.work, &mut table.work)] {
        for text in texts {
            let Some(dates) = parse_dates(&text.value) else {
                report.error(
                    Place::at(file, text),
                    "bad-date",
                    format!("`{}` is no day and no stretch of days", text.value),
                    "write \"2026-10-01\" or \"2026-10-01..2026-10-07\" (at most 31 days)",
                );
                continue;
            };
            days.extend(dates);
        }
    }
    if let (Some(day), Some(first)) = (table.off.intersection(&table.work).next(), source.work.first()) {
        report.error(
            Place::at(file, first),
            "bad-date",
            format!("{day} is both a day off and a working day"),
            "remove it from one of the lists",
        );
    }
    table
}

fn warn_of_a_list_that_ends(
    place: Place,
    name: &At<String>,
    table: &Holidays,
    today: Option<Date>,
    report: &mut Report,
) {
    let Some(today) = today else { return };
    let ahead = today.saturating_add(jiff::Span::new().days(HOLIDAYS_AHEAD_DAYS));
    if !table.off.iter().any(|day| day.year() == ahead.year()) {
        report.warning(
            place,
            "holidays-missing",
            format!("`{}` has no day in {}", name.value, ahead.year()),
            "add the State Council's list of that year",
        );
    }
}

fn hours(
    sources: &[SourceFile],
    holidays: &BTreeMap<String, Holidays>,
    report: &mut Report,
) -> BTreeMap<String, Arc<Hours>> {
    let mut tables = BTreeMap::new();
    for (file, name, source) in entries(sources, |s| &s.hours.0) {
        let table = Arc::new(hours_table(file, source, holidays, report));
        if tables.insert(name.value.clone(), table).is_some() {
            report.duplicate(Place::at(file, name), "table of hours", &name.value);
        }
    }
    tables
}

fn hours_table(file: usize, source: &HoursSource, holidays: &BTreeMap<String, Holidays>, report: &mut Report) -> Hours {
    let mut table = Hours { on_holidays: periods(file, &source.on_holidays, report), ..Hours::default() };
    for (days, texts) in source.week.iter() {
        let Some(indices) = parse_days(&days.value) else {
            report.error(
                Place::at(file, days),
                "bad-day",
                format!("`{}` is no day and no stretch of days", days.value),
                "mon, tue, wed, thu, fri, sat, sun, or mon-fri",
            );
            continue;
        };
        let day = periods(file, texts, report);
        for index in indices {
            table.week[index].extend(&day);
        }
    }
    if let Some(name) = &source.holidays {
        match holidays.get(&name.value) {
            Some(found) => table.holidays = found.clone(),
            None => report.unknown(
                Place::at(file, name),
                "unknown-holidays",
                "list of holidays",
                &name.value,
                holidays.keys().map(String::as_str),
            ),
        }
    }
    table
}

fn periods(file: usize, texts: &[At<String>], report: &mut Report) -> Vec<Period> {
    let mut read = |text: &At<String>| {
        let period = Period::parse(&text.value);
        if period.is_none() {
            report.error(
                Place::at(file, text),
                "bad-period",
                format!("`{}` is no period of a day", text.value),
                "write \"08:30-12:00\"; a night is two periods, \"00:00-06:00\" and \"22:00-24:00\"",
            );
        }
        period
    };
    texts.iter().filter_map(&mut read).collect()
}

fn queues(
    sources: &[SourceFile],
    hours: &BTreeMap<String, Arc<Hours>>,
    checker: &Checker,
    report: &mut Report,
) -> BTreeMap<QueueName, Queue> {
    let mut queues = BTreeMap::new();
    for (file, name, source) in entries(sources, |s| &s.queues.0) {
        let queue = queue(file, name, source, hours, checker, report);
        if queues.insert(QueueName(name.value.clone()), queue).is_some() {
            report.duplicate(Place::at(file, name), "queue", &name.value);
        }
    }
    queues
}

fn queue(
    file: usize,
    name: &At<String>,
    source: &QueueSource,
    hours: &BTreeMap<String, Arc<Hours>>,
    checker: &Checker,
    report: &mut Report,
) -> Queue {
    let ring = required_duration(file, name, &source.ring, "ring", RING, report);
    let wrap_up =
        source.wrap_up.as_ref().map_or(Millis(0), |text| duration(Place::at(file, text), &text.value, WRAP_UP, report));
    if let Some(table) = source.hours.as_ref().filter(|t| !hours.contains_key(&t.value)) {
        let known = hours.keys().map(String::as_str);
        report.unknown(Place::at(file, table), "unknown-hours", "table of hours", &table.value, known);
    }
    let say = source.say.as_slice();
    Queue {
        title: source.title.clone().unwrap_or_else(|| name.value.clone()),
        ring_seconds: seconds(ring),
        wrap_up_seconds: seconds(wrap_up),
        say: report::prompts(file, say, &checker.lengths, report).pop(),
        hours: source.hours.as_ref().and_then(|table| hours.get(&table.value).cloned()),
    }
}

fn required_duration(
    file: usize,
    owner: &At<String>,
    text: &Option<At<String>>,
    field: &str,
    limits: RangeInclusive<u64>,
    report: &mut Report,
) -> Millis {
    match text {
        Some(text) => duration(Place::at(file, text), &text.value, limits, report),
        None => {
            let reason = format!("`{}` has no `{field}` time", owner.value);
            let example = write_duration(Millis((*limits.start()).max(15_000)));
            report.error(Place::at(file, owner), "missing-field", reason, format!("add `{field}: {example}`"));
            Millis(*limits.start())
        }
    }
}

fn seconds(duration: Millis) -> u32 {
    u32::try_from(duration.0 / 1_000).unwrap_or(u32::MAX)
}

fn areas(sources: &[SourceFile], queues: &BTreeMap<QueueName, Queue>, report: &mut Report) -> BTreeMap<AreaName, Area> {
    let mut areas = BTreeMap::new();
    for (file, name, source) in entries(sources, |s| &s.areas.0) {
        let queue = area_queue(file, name, source, queues, report);
        if areas.insert(AreaName(name.value.clone()), Area { queue }).is_some() {
            report.duplicate(Place::at(file, name), "area", &name.value);
        }
    }
    areas
}

fn area_queue(
    file: usize,
    name: &At<String>,
    source: &AreaSource,
    queues: &BTreeMap<QueueName, Queue>,
    report: &mut Report,
) -> QueueName {
    let Some(queue) = &source.queue else {
        report.error(
            Place::at(file, name),
            "missing-field",
            format!("area `{}` has no queue", name.value),
            "add `queue: NAME`",
        );
        return QueueName(String::new());
    };
    known_queue(file, queue, queues, report)
}

/// The name of a queue, reported if there is none.
pub(super) fn known_queue(
    file: usize,
    name: &At<String>,
    queues: &BTreeMap<QueueName, Queue>,
    report: &mut Report,
) -> QueueName {
    let queue = QueueName(name.value.clone());
    if !queues.contains_key(&queue) {
        let known = queues.keys().map(QueueName::as_str);
        report.unknown(Place::at(file, name), "unknown-queue", "queue", &name.value, known);
    }
    queue
}

fn targets(sources: &[SourceFile], report: &mut Report) -> BTreeMap<TargetName, Target> {
    let mut targets = BTreeMap::new();
    for (file, name, source) in entries(sources, |s| &s.targets.0) {
        let target = target(file, name, source, report);
        if targets.insert(TargetName(name.value.clone()), target).is_some() {
            report.duplicate(Place::at(file, name), "target", &name.value);
        }
    }
    targets
}

fn target(file: usize, name: &At<String>, source: &TargetSource, report: &mut Report) -> Target {
    let ring = required_duration(file, name, &source.ring, "ring", TARGET_RING, report);
    let number = source.number.as_ref();
    if number.is_none_or(|n| !is_number(&n.value)) {
        let place = number.map_or(Place::at(file, name), |n| Place::at(file, n));
        report.error(
            place,
            "bad-number",
            format!("target `{}` has no number that can be dialled", name.value),
            "add `number: \"9110\"`, digits in quotes",
        );
    }
    Target { number: number.map(|n| n.value.clone()).unwrap_or_default(), ring_seconds: seconds(ring) }
}
