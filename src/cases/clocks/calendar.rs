//! Working calendars: which days and hours count. National holiday notices are data, laid over the week; a year without
//! a notice is computed from the law and is provisional.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::civil::{Date, Time, Weekday};
use ring::digest::{SHA256, digest};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::lunar::statutory;
use crate::ids::Timestamp;

/// Minutes of a day.
const DAY_MINUTES: i64 = 24 * 60;
/// Days in one imported list: a year's worth, no more.
const DAYS_MAX: usize = 366;

/// Whether a listed day is off or worked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum DayKind {
    /// A day off 休.
    Off,
    /// A working day 班, also on a weekend (调休).
    Work,
}

/// A listed day.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ListedDay {
    /// `2026-02-14`.
    #[schemars(with = "String")]
    pub date: Date,
    /// Off or worked.
    pub kind: DayKind,
    /// What for.
    pub name: String,
}

/// The holiday list of one year, as the State Council's office publishes it each autumn.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct HolidayYear {
    /// The year.
    pub year: i16,
    /// The notice's title or number.
    pub source: String,
    /// Its days; days that are not listed follow the week.
    pub days: Vec<ListedDay>,
}

/// Why calendar data cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CalendarError {
    /// Not the expected shape.
    #[error("the calendar data cannot be read: {0}")]
    Shape(String),
    /// A day of another year, or twice.
    #[error("{year}: the list has {date} {what}")]
    Day {
        /// The list's year.
        year: i16,
        /// The day.
        date: Date,
        /// What is wrong with it.
        what: &'static str,
    },
    /// No such calendar.
    #[error("there is no calendar {0:?}; known are {1}")]
    Unknown(String, String),
}

impl HolidayYear {
    /// Checks that each day belongs to the year and is there once.
    pub fn check(&self) -> Result<(), CalendarError> {
        let mut seen = std::collections::BTreeSet::new();
        if self.days.is_empty() || self.days.len() > DAYS_MAX {
            return Err(CalendarError::Shape(format!("{}: expected 1 to {DAYS_MAX} days", self.year)));
        }
        for day in &self.days {
            let what = match () {
                () if day.date.year() != self.year => "of another year",
                () if !seen.insert(day.date) => "twice",
                () => continue,
            };
            return Err(CalendarError::Day { year: self.year, date: day.date, what });
        }
        Ok(())
    }
}

/// All calendars with the holiday lists that are known.
#[derive(Debug, Clone)]
pub struct Calendars {
    by_name: BTreeMap<String, Calendar>,
    years: BTreeMap<i16, HolidayYear>,
}

impl Calendars {
    /// The calendars and holiday lists that come with the program.
    pub fn shipped() -> Self {
        let lists = [
            include_str!("../data/holidays_2024.toml"),
            include_str!("../data/holidays_2025.toml"),
            include_str!("../data/holidays_2026.toml"),
        ];
        let years = lists.map(|t| toml::from_str(t).expect("a shipped list is checked by the tests")).into();
        Self::new(include_str!("../data/calendars.toml"), years)
            .expect("the shipped calendars are checked by the tests")
    }

    /// Calendars from their TOML text and holiday lists.
    pub fn new(text: &str, years: Vec<HolidayYear>) -> Result<Self, CalendarError> {
        let file: File = toml::from_str(text).map_err(|e| CalendarError::Shape(e.to_string()))?;
        years.iter().try_for_each(HolidayYear::check)?;
        let years: BTreeMap<i16, HolidayYear> = years.into_iter().map(|y| (y.year, y)).collect();
        let by_name = file.calendars.into_iter().map(|c| (c.name.clone(), c.build(text, &years))).collect();
        Ok(Self { by_name, years })
    }

    /// The same calendars with another year's list: a new version of each that follows the national holidays.
    pub fn with_year(&self, year: HolidayYear) -> Result<Self, CalendarError> {
        year.check()?;
        let mut next = self.clone();
        next.years.insert(year.year, year);
        for calendar in next.by_name.values_mut() {
            calendar.lay_holidays(&next.years);
        }
        Ok(next)
    }

    /// A calendar by its name.
    pub fn named(&self, name: &str) -> Result<&Calendar, CalendarError> {
        self.by_name.get(name).ok_or_else(|| {
            let known = self.by_name.keys().cloned().collect::<Vec<_>>().join(", ");
            CalendarError::Unknown(name.to_owned(), known)
        })
    }

    /// All names.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.by_name.keys().map(String::as_str)
    }

    /// The known lists, by year.
    pub fn years(&self) -> impl Iterator<Item = &HolidayYear> {
        self.years.values()
    }
}

/// One working calendar.
#[derive(Debug, Clone)]
pub struct Calendar {
    /// Its name.
    pub name: String,
    /// What officials call it.
    pub title: String,
    /// Hash of everything that decides which time counts.
    pub version: String,
    natural: bool,
    every_day: bool,
    holidays: bool,
    seasons: Arc<[Season]>,
    /// Listed days: national, and the calendar's own over them.
    listed: Arc<BTreeMap<Date, (DayKind, String)>>,
    own: Arc<[ListedDay]>,
    /// Years with a published list.
    published: Arc<[i16]>,
    base_version: String,
}

/// What a day is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Day {
    /// Whether it counts.
    pub(super) works: bool,
    /// The name of what moved it off the plain week.
    pub(super) name: Option<String>,
    /// Whether the year's list is not published, so that it may change.
    pub(super) provisional: bool,
}

impl Calendar {
    /// What `date` is.
    pub(super) fn day(&self, date: Date) -> Day {
        if self.natural {
            return Day { works: true, name: None, provisional: false };
        }
        if let Some((kind, name)) = self.listed.get(&date) {
            return Day { works: *kind == DayKind::Work, name: Some(name.clone()), provisional: false };
        }
        let provisional = self.holidays && !self.published.contains(&date.year());
        let statutory = if provisional { statutory(date.year()).into_iter().find(|(d, _)| *d == date) } else { None };
        if let Some((_, name)) = statutory {
            return Day { works: false, name: Some(name.to_owned()), provisional };
        }
        let weekend = !self.every_day && matches!(date.weekday(), Weekday::Saturday | Weekday::Sunday);
        Day { works: !weekend, name: weekend.then(|| "周末".to_owned()), provisional }
    }

    /// The working periods of `date` as instants, in order; none on a day off.
    pub(super) fn periods(&self, date: Date) -> Vec<(Timestamp, Timestamp)> {
        if !self.day(date).works {
            return Vec::new();
        }
        let midnight = Timestamp::from_civil(date.to_datetime(Time::midnight()));
        let at = |minute: i64| midnight.plus_millis(minute * 60_000);
        if self.natural {
            return vec![(at(0), at(DAY_MINUTES))];
        }
        let month_day = (date.month(), date.day());
        let season = self.seasons.iter().find(|s| s.contains(month_day));
        season.map(|s| s.periods.iter().map(|(a, b)| (at(*a), at(*b))).collect()).unwrap_or_default()
    }

    /// The number of days that count in a year.
    pub fn working_days(&self, year: i16) -> usize {
        let first = jiff::civil::date(year, 1, 1);
        first.series(jiff::Span::new().days(1)).take_while(|d| d.year() == year).filter(|d| self.day(*d).works).count()
    }

    fn lay_holidays(&mut self, years: &BTreeMap<i16, HolidayYear>) {
        let mut listed = BTreeMap::new();
        if self.holidays {
            let national = years.values().flat_map(|y| &y.days);
            listed.extend(national.map(|d| (d.date, (d.kind, d.name.clone()))));
            self.published = years.keys().copied().collect();
        }
        listed.extend(self.own.iter().map(|d| (d.date, (d.kind, d.name.clone()))));
        self.version = version_of(&self.base_version, &listed);
        self.listed = Arc::new(listed);
    }
}

fn version_of(base: &str, listed: &BTreeMap<Date, (DayKind, String)>) -> String {
    let text = listed.iter().fold(base.to_owned(), |mut s, (d, (k, _))| {
        s.push_str(&format!("{d}{k:?};"));
        s
    });
    digest(&SHA256, text.as_bytes()).as_ref()[..6].iter().map(|b| format!("{b:02x}")).collect()
}

/// A stretch of the year with the same hours; may wrap over new year.
#[derive(Debug, Clone)]
struct Season {
    from: (i8, i8),
    to: (i8, i8),
    periods: Vec<(i64, i64)>,
}

impl Season {
    fn contains(&self, day: (i8, i8)) -> bool {
        if self.from <= self.to { self.from <= day && day <= self.to } else { day >= self.from || day <= self.to }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    calendars: Vec<CalendarFile>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CalendarFile {
    name: String,
    title: String,
    kind: Kind,
    #[serde(default)]
    holidays: bool,
    #[serde(default)]
    every_day: bool,
    #[serde(default)]
    seasons: Vec<SeasonFile>,
    #[serde(default)]
    days: Vec<ListedDay>,
}

#[derive(Deserialize, PartialEq)]
#[serde(rename_all = "snake_case")]
enum Kind {
    Natural,
    Office,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, try_from = "SeasonText")]
struct SeasonFile(Season);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SeasonText {
    from: String,
    to: String,
    periods: Vec<String>,
}

impl TryFrom<SeasonText> for SeasonFile {
    type Error = String;
    fn try_from(t: SeasonText) -> Result<Self, String> {
        let periods = t.periods.iter().map(|p| period(p)).collect::<Result<Vec<_>, _>>()?;
        let ordered = periods.windows(2).all(|w| w[0].1 <= w[1].0) && periods.iter().all(|(a, b)| a < b);
        if periods.is_empty() || !ordered {
            return Err("a season needs periods in order that do not overlap".into());
        }
        Ok(Self(Season { from: month_day(&t.from)?, to: month_day(&t.to)?, periods }))
    }
}

fn month_day(text: &str) -> Result<(i8, i8), String> {
    let parsed = text.split_once('-').and_then(|(m, d)| Some((m.parse().ok()?, d.parse().ok()?)));
    parsed
        .filter(|(m, d)| Date::new(2024, *m, *d).is_ok())
        .ok_or_else(|| format!("{text:?} is not a month and day such as 06-01"))
}

fn period(text: &str) -> Result<(i64, i64), String> {
    let minutes = |t: &str| -> Option<i64> {
        let (h, m) = t.split_once(':')?;
        let (h, m): (i64, i64) = (h.parse().ok()?, m.parse().ok()?);
        (m < 60 && h * 60 + m <= DAY_MINUTES).then_some(h * 60 + m)
    };
    text.split_once('-')
        .and_then(|(a, b)| Some((minutes(a)?, minutes(b)?)))
        .ok_or_else(|| format!("{text:?} is not a period such as 08:30-12:00"))
}

impl CalendarFile {
    fn build(self, text: &str, years: &BTreeMap<i16, HolidayYear>) -> Calendar {
        let mut calendar = Calendar {
            base_version: format!("{}{}", self.name, text),
            name: self.name,
            title: self.title,
            version: String::new(),
            natural: self.kind == Kind::Natural,
            every_day: self.every_day,
            holidays: self.holidays,
            seasons: self.seasons.into_iter().map(|s| s.0).collect(),
            listed: Arc::default(),
            own: self.days.into(),
            published: Arc::from([]),
        };
        calendar.lay_holidays(years);
        calendar
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn the_years_have_as_many_working_days_as_the_notices_leave() {
        let calendars = Calendars::shipped();
        let office = calendars.named("gov_office").unwrap();
        assert_eq!([2024, 2025, 2026].map(|y| office.working_days(y)), [251, 248, 248]);
        assert_eq!(calendars.named("natural_24x7").unwrap().working_days(2026), 365);
    }

    #[test]
    fn a_list_with_a_stray_or_doubled_day_is_refused() {
        let day = |d: &str| ListedDay { date: d.parse().unwrap(), kind: DayKind::Off, name: "x".into() };
        let list = |days| HolidayYear { year: 2027, source: "x".into(), days };
        assert!(list(vec![day("2027-01-01"), day("2027-01-01")]).check().unwrap_err().to_string().contains("twice"));
        assert!(list(vec![day("2026-01-01")]).check().unwrap_err().to_string().contains("another year"));
        assert!(list(vec![]).check().is_err());
    }

    #[test]
    fn an_import_makes_a_new_version_of_those_that_follow_the_holidays() {
        let old = Calendars::shipped();
        let day = ListedDay { date: "2027-01-02".parse().unwrap(), kind: DayKind::Work, name: "元旦调休".into() };
        let new = old.with_year(HolidayYear { year: 2027, source: "试".into(), days: vec![day] }).unwrap();
        let version = |c: &Calendars, n: &str| c.named(n).unwrap().version.clone();
        assert_ne!(version(&old, "gov_office"), version(&new, "gov_office"));
        assert_eq!(version(&old, "natural_24x7"), version(&new, "natural_24x7"));
        assert!(new.named("gov_office").unwrap().day("2027-01-02".parse().unwrap()).works);
        assert!(!new.named("gov_office").unwrap().day("2027-01-02".parse().unwrap()).provisional);
    }

    #[test]
    fn an_unknown_calendar_is_told_with_those_that_are_there() {
        let e = Calendars::shipped().named("gov").unwrap_err().to_string();
        assert!(e.contains("gov_office"), "{e}");
    }
}
