//! When a budget is used up: a function of the budget, the ledger and the calendar, with its explanation.

use jiff::civil::{Date, Time};
use serde::Serialize;

use super::calendar::Calendar;
use crate::events::cases::{Budget, Segment, StartRule, TimeUnit};
use crate::ids::Timestamp;

/// Days that are looked at before a budget counts as endless: ten years.
const DAYS_MAX: usize = 3_660;
/// Lines of an explanation: a year of days; longer ones are cut in the middle of nothing that matters.
const LINES_MAX: usize = 400;
const MINUTE_MS: i64 = 60_000;
/// A day budget is counted in thousandths of a day, so that a rung of 80 % of 2 days is exact.
const DAY_PARTS: i64 = 1_000;

/// What a clock counts by.
#[derive(Debug, Clone, Copy)]
pub struct Terms<'a> {
    /// How much.
    pub budget: Budget,
    /// From when.
    pub start_rule: StartRule,
    /// Which time counts.
    pub calendar: &'a Calendar,
}

/// When something is due and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct Due {
    /// The instant; none while the clock pauses.
    #[schema(value_type = Option<String>)]
    pub due_at: Option<Timestamp>,
    /// Whether a year without a published holiday list was touched: the instant may move.
    pub provisional: bool,
    /// Why it falls there, line by line.
    pub steps: Vec<Line>,
}

/// One line of the explanation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct Line {
    /// The day it speaks of.
    pub date: String,
    /// The how-manieth counted day this is, where it counts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub counted: Option<i64>,
    /// What happens on it.
    pub text: String,
}

/// When a budget that starts at `from` and never pauses is used up.
pub fn due(terms: Terms<'_>, from: Timestamp) -> Due {
    let run = Segment { from, to: None, run: true, reason: "起算".into() };
    reach(terms, std::slice::from_ref(&run), 100)
}

/// The next rung above those in `fired`, and when it is reached.
pub fn next_rung(terms: Terms<'_>, ledger: &[Segment], ladder: &[u16], fired: &[u16]) -> Option<(u16, Timestamp)> {
    let rung = ladder.iter().copied().filter(|r| !fired.contains(r)).min()?;
    Some((rung, reach(terms, ledger, u32::from(rung)).due_at?))
}

/// When `percent` of the budget is used up by the ledger.
pub fn reach(terms: Terms<'_>, ledger: &[Segment], percent: u32) -> Due {
    let Some(first) = ledger.first() else {
        return Due { due_at: None, provisional: false, steps: Vec::new() };
    };
    let mut walk = Walk { terms, ledger, due: Due { due_at: None, provisional: false, steps: Vec::new() } };
    let amount = i64::from(terms.budget.amount) * i64::from(percent);
    let start = first.from;
    match terms.budget.unit {
        TimeUnit::Minutes => walk.millis(start, amount * MINUTE_MS / 100, false),
        TimeUnit::Hours => walk.millis(start, amount * 60 * MINUTE_MS / 100, false),
        TimeUnit::WorkingMinutes => walk.millis(start, amount * MINUTE_MS / 100, true),
        TimeUnit::WorkingDays => walk.days(start, amount * DAY_PARTS / 100, true),
        TimeUnit::NaturalDays => walk.days(start, amount * DAY_PARTS / 100, false),
    }
    walk.due
}

struct Walk<'a> {
    terms: Terms<'a>,
    ledger: &'a [Segment],
    due: Due,
}

impl Walk<'_> {
    /// Budgets in minutes and hours.
    fn millis(&mut self, start: Timestamp, mut left: i64, working: bool) {
        let start = self.started(start, working);
        for segment in self.ledger {
            let from = segment.from.max(start);
            if !segment.run {
                self.pause_line(segment);
                continue;
            }
            let until = segment.to.unwrap_or(Timestamp(i64::MAX));
            let end = if working { self.spend_working(from, until, &mut left) } else { spend(from, until, &mut left) };
            if let Some(at) = end {
                self.line(at, None, format!("{} 用完", self.budget_text()));
                self.due.due_at = Some(at);
                return;
            }
        }
    }

    /// Where counting begins by the start rule.
    fn started(&mut self, start: Timestamp, working: bool) -> Timestamp {
        let day = start.civil().date();
        let at = match self.terms.start_rule {
            StartRule::AtOnce => start,
            StartRule::NextWorkingMoment => self.next_opening(day, start),
            StartRule::NextDay => {
                let next = tomorrow(day);
                if working { self.next_opening(next, midnight(next)) } else { midnight(next) }
            }
        };
        self.line(at, None, format!("{}，{}", self.terms.start_rule.zh(), clock_text(at)));
        at
    }

    /// The first working moment at or after `at`, looked for from `day` on.
    fn next_opening(&mut self, day: Date, at: Timestamp) -> Timestamp {
        let mut day = day;
        for _ in 0..DAYS_MAX {
            for (open, close) in self.periods(day) {
                if at < close {
                    return at.max(open);
                }
            }
            day = tomorrow(day);
        }
        at
    }

    /// Spends working time within `from..until`; where it ran out, if it did.
    fn spend_working(&mut self, from: Timestamp, until: Timestamp, left: &mut i64) -> Option<Timestamp> {
        let mut day = from.civil().date();
        for _ in 0..DAYS_MAX {
            for (open, close) in self.periods(day) {
                if let Some(at) = spend(open.max(from), close.min(until), left) {
                    return Some(at);
                }
            }
            day = tomorrow(day);
            if midnight(day) >= until {
                return None;
            }
        }
        None
    }

    /// The periods of a day, noting why it has none and whether it is provisional.
    fn periods(&mut self, day: Date) -> Vec<(Timestamp, Timestamp)> {
        let info = self.terms.calendar.day(day);
        self.due.provisional |= info.provisional;
        if !info.works {
            self.day_line(day, None, format!("{} 不计", info.name.as_deref().unwrap_or("休息日")));
        }
        self.terms.calendar.periods(day)
    }

    /// Budgets in days: a day counts when the clock runs at its close.
    fn days(&mut self, start: Timestamp, parts: i64, working: bool) {
        let (whole, rest) = (parts / DAY_PARTS, parts % DAY_PARTS);
        let mut day = start.civil().date();
        if self.terms.start_rule == StartRule::NextDay {
            self.day_line(day, None, "当日不计，次日起算".into());
            day = tomorrow(day);
        }
        let mut counted = 0;
        for _ in 0..DAYS_MAX {
            let Some((open, close)) = self.span(day, working) else {
                day = tomorrow(day);
                continue;
            };
            if counted == whole {
                let at = open.plus_millis(close.since(open).saturating_mul(rest) / DAY_PARTS);
                self.due.due_at = Some(at.max(start));
                return;
            }
            match self.runs_at(close) {
                Some(true) if close > start => {
                    counted += 1;
                    self.count_line(day, counted, working);
                    if counted == whole && rest == 0 {
                        self.due.due_at = Some(close);
                        return;
                    }
                }
                Some(true) => self.day_line(day, None, "起算时已下班，不计".into()),
                Some(false) => self.day_line(day, None, "暂停，不计".into()),
                None => return,
            }
            day = tomorrow(day);
        }
    }

    /// First opening and last close of a day; none if it does not count.
    fn span(&mut self, day: Date, working: bool) -> Option<(Timestamp, Timestamp)> {
        if !working {
            return Some((midnight(day), midnight(tomorrow(day))));
        }
        let periods = self.periods(day);
        Some((periods.first()?.0, periods.last()?.1))
    }

    /// Whether the clock runs just before `at`; none once it pauses without an end.
    fn runs_at(&self, at: Timestamp) -> Option<bool> {
        let segment = self.ledger.iter().rev().find(|s| s.from < at);
        match segment {
            Some(s) if !s.run && s.to.is_none() => None,
            Some(s) => Some(s.run),
            None => Some(true),
        }
    }

    fn count_line(&mut self, day: Date, counted: i64, working: bool) {
        let name = if working { self.terms.calendar.day(day).name } else { None };
        let why = name.map_or_else(String::new, |n| format!("（{n}，上班）"));
        self.day_line(day, Some(counted), format!("第 {counted} {}{why}", self.terms.budget.unit.zh()));
    }

    fn pause_line(&mut self, segment: &Segment) {
        let until = segment.to.map_or_else(|| "至今".to_owned(), |t| format!("至 {}", clock_text(t)));
        self.line(segment.from, None, format!("暂停{until}（{}），不计", segment.reason));
    }

    fn budget_text(&self) -> String {
        format!("{} {}", self.terms.budget.amount, self.terms.budget.unit.zh())
    }

    fn line(&mut self, at: Timestamp, counted: Option<i64>, text: String) {
        self.day_line(at.civil().date(), counted, text);
    }

    fn day_line(&mut self, day: Date, counted: Option<i64>, text: String) {
        let line = Line { date: day.to_string(), counted, text };
        // The same day may be looked at twice (once for the rung, once for its hours): it is told once.
        if self.due.steps.len() < LINES_MAX && self.due.steps.last() != Some(&line) {
            self.due.steps.push(line);
        }
    }
}

/// Spends time within `from..until`; where it ran out, if it did.
fn spend(from: Timestamp, until: Timestamp, left: &mut i64) -> Option<Timestamp> {
    let span = until.since(from).max(0);
    if span >= *left {
        return Some(from.plus_millis(*left));
    }
    *left -= span;
    None
}

fn tomorrow(day: Date) -> Date {
    day.tomorrow().unwrap_or(Date::MAX)
}

fn midnight(day: Date) -> Timestamp {
    Timestamp::from_civil(day.to_datetime(Time::midnight()))
}

fn clock_text(at: Timestamp) -> String {
    at.civil().strftime("%m-%d %H:%M").to_string()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::{Calendars, HolidayYear};
    use super::*;

    fn at(text: &str) -> Timestamp {
        format!("{text}+08:00").parse().unwrap()
    }

    fn days(amount: u32) -> Budget {
        Budget { amount, unit: TimeUnit::WorkingDays }
    }

    fn office(c: &Calendars) -> &Calendar {
        c.named("gov_office").unwrap()
    }

    fn next_day<'a>(calendar: &'a Calendar, budget: Budget) -> Terms<'a> {
        Terms { budget, start_rule: StartRule::NextDay, calendar }
    }

    #[test]
    fn working_days_end_where_the_notices_say() {
        let calendars = Calendars::shipped();
        for (from, amount, date, provisional) in [
            ("2026-02-13", 1, "2026-02-14", false),
            ("2026-02-13", 5, "2026-02-27", false),
            ("2026-02-14", 1, "2026-02-24", false),
            ("2026-01-03", 1, "2026-01-04", false),
            ("2026-04-30", 2, "2026-05-07", false),
            ("2026-05-08", 2, "2026-05-11", false),
            ("2026-09-18", 10, "2026-10-09", false),
            ("2026-09-30", 3, "2026-10-10", false),
            ("2025-09-26", 7, "2025-10-13", false),
            ("2026-12-21", 15, "2027-01-12", true),
        ] {
            let due = due(next_day(office(&calendars), days(amount)), at(&format!("{from}T10:00:00")));
            assert_eq!(due.due_at.unwrap().civil().date().to_string(), date, "{from} + {amount}");
            assert_eq!(due.provisional, provisional, "{from} + {amount}");
            assert_eq!(due.steps.iter().filter(|l| l.counted.is_some()).count(), amount as usize);
        }
    }

    #[test]
    fn the_explanation_names_what_moved_the_end() {
        let calendars = Calendars::shipped();
        let due = due(next_day(office(&calendars), days(1)), at("2026-02-14T10:00:00"));
        let texts: Vec<_> = due.steps.iter().map(|l| format!("{} {}", l.date, l.text)).collect();
        assert_eq!(texts[0], "2026-02-14 当日不计，次日起算");
        assert_eq!(texts[1], "2026-02-15 春节 不计");
        assert_eq!(texts.last().unwrap(), "2026-02-24 第 1 个工作日");
        assert_eq!(due.due_at, Some(at("2026-02-24T18:00:00")));
    }

    #[test]
    fn an_imported_list_moves_a_provisional_end() {
        let old = Calendars::shipped();
        let list: HolidayYear = serde_json::from_value(serde_json::json!({
            "year": 2027, "source": "试", "days": [
                { "date": "2027-01-01", "kind": "off", "name": "元旦" },
                { "date": "2027-01-09", "kind": "work", "name": "元旦调休" }
            ]
        }))
        .unwrap();
        let new = old.with_year(list).unwrap();
        let due = due(next_day(office(&new), days(15)), at("2026-12-21T10:00:00"));
        assert_eq!(due.due_at, Some(at("2027-01-11T18:00:00")));
        assert!(!due.provisional);
    }

    #[test]
    fn minutes_run_through_the_night_unless_they_are_working_minutes() {
        let calendars = Calendars::shipped();
        let terms =
            |unit, start_rule| Terms { budget: Budget { amount: 90, unit }, start_rule, calendar: office(&calendars) };
        let friday = at("2026-11-20T17:30:00");
        assert_eq!(due(terms(TimeUnit::Minutes, StartRule::AtOnce), friday).due_at, Some(at("2026-11-20T19:00:00")));
        let working = due(terms(TimeUnit::WorkingMinutes, StartRule::AtOnce), friday);
        assert_eq!(working.due_at, Some(at("2026-11-23T09:30:00")));
        assert!(working.steps.iter().any(|l| l.text == "周末 不计"));
        let sunday = at("2026-11-22T03:00:00");
        let opening = due(terms(TimeUnit::Minutes, StartRule::NextWorkingMoment), sunday);
        assert_eq!(opening.due_at, Some(at("2026-11-23T10:00:00")));
        let lunch = due(terms(TimeUnit::WorkingMinutes, StartRule::AtOnce), at("2026-11-23T11:30:00"));
        assert_eq!(lunch.due_at, Some(at("2026-11-23T15:00:00")), "lunch does not count");
    }

    #[test]
    fn a_pause_is_not_counted_in_the_unit_of_the_budget() {
        let calendars = Calendars::shipped();
        let run =
            |from: &str, to: Option<&str>| Segment {
                from: at(from), to: to.map(at), run: true, reason: "办理".into()
            };
        let pause = |from: &str, to: Option<&str>| Segment {
            from: at(from),
            to: to.map(at),
            run: false,
            reason: "待补充".into(),
        };
        let ledger = [
            run("2026-11-23T09:00:00", Some("2026-11-24T10:00:00")),
            pause("2026-11-24T10:00:00", Some("2026-11-26T11:00:00")),
            run("2026-11-26T11:00:00", None),
        ];
        let by_days = reach(next_day(office(&calendars), days(2)), &ledger, 100);
        assert_eq!(by_days.due_at, Some(at("2026-11-27T18:00:00")), "the 24th and 25th were paused at their close");
        let minutes = Terms {
            budget: Budget { amount: 120, unit: TimeUnit::WorkingMinutes },
            start_rule: StartRule::AtOnce,
            calendar: office(&calendars),
        };
        let short = [
            run("2026-11-23T17:00:00", Some("2026-11-23T17:30:00")),
            pause("2026-11-23T17:30:00", Some("2026-11-24T09:00:00")),
            run("2026-11-24T09:00:00", None),
        ];
        assert_eq!(reach(minutes, &short, 100).due_at, Some(at("2026-11-24T10:30:00")));
        assert_eq!(reach(minutes, &short[..1], 100).due_at, None, "the ledger ends before the budget does");
    }

    #[test]
    fn an_open_pause_has_no_end() {
        let calendars = Calendars::shipped();
        let ledger = [
            Segment {
                from: at("2026-11-23T09:00:00"),
                to: Some(at("2026-11-23T10:00:00")),
                run: true,
                reason: String::new(),
            },
            Segment { from: at("2026-11-23T10:00:00"), to: None, run: false, reason: "待补充".into() },
        ];
        assert_eq!(reach(next_day(office(&calendars), days(3)), &ledger, 100).due_at, None);
    }

    #[test]
    fn rungs_come_in_order_and_never_after_the_end() {
        let calendars = Calendars::shipped();
        let from = at("2026-11-23T09:00:00");
        let ledger = [Segment { from, to: None, run: true, reason: String::new() }];
        for unit in TimeUnit::ALL {
            for amount in [1, 2, 3, 10] {
                let terms = next_day(office(&calendars), Budget { amount, unit: *unit });
                let ends: Vec<_> = [50, 80, 100].iter().map(|p| reach(terms, &ledger, *p).due_at.unwrap()).collect();
                assert!(ends[0] <= ends[1] && ends[1] <= ends[2], "{unit:?} {amount}: {ends:?}");
                assert_eq!(next_rung(terms, &ledger, &[50, 80, 100], &[50]), Some((80, ends[1])));
            }
        }
        assert_eq!(next_rung(next_day(office(&calendars), days(1)), &ledger, &[50], &[50]), None);
    }

    #[test]
    fn the_edges_of_time_are_no_cliff() {
        let calendars = Calendars::shipped();
        for from in [Timestamp(i64::MIN), Timestamp(0), at("9999-12-30T10:00:00"), Timestamp(i64::MAX)] {
            for unit in TimeUnit::ALL {
                for name in ["gov_office", "natural_24x7", "night_market_team"] {
                    let terms = next_day(calendars.named(name).unwrap(), Budget { amount: 10_000, unit: *unit });
                    let run = [Segment { from, to: None, run: true, reason: String::new() }];
                    for percent in [1, 80, 100] {
                        let _ = reach(terms, &run, percent);
                    }
                }
            }
        }
    }

    #[test]
    fn the_end_of_two_days_at_80_per_cent_lies_in_the_second() {
        let calendars = Calendars::shipped();
        let ledger = [Segment { from: at("2026-11-23T09:00:00"), to: None, run: true, reason: String::new() }];
        let due = reach(next_day(office(&calendars), days(2)), &ledger, 80);
        assert_eq!(due.due_at.unwrap().civil().date().to_string(), "2026-11-25");
    }
}
