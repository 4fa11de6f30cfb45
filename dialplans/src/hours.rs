//! Opening hours (工作时间): a week of periods, holidays, make-up working days (调休).

use std::collections::BTreeSet;

use jiff::civil::{Date, DateTime, Weekday};

/// A period of one day in minutes from midnight, the end not included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Period {
    /// First minute, 0–1439.
    pub from: u16,
    /// Minute after the last, 1–1440.
    pub to: u16,
}

impl Period {
    /// Reads `08:30-12:00`; `24:00` is the end of the day. `None` if it is no such period or ends
    /// before it begins (a night is written as two periods).
    pub fn parse(text: &str) -> Option<Self> {
        let (from, to) = text.split_once('-')?;
        let (from, to) = (minute(from.trim())?, minute(to.trim())?);
        (from < to).then_some(Self { from, to })
    }
}

fn minute(text: &str) -> Option<u16> {
    let (hour, minute) = text.split_once(':')?;
    if hour.len() > 2 || minute.len() != 2 {
        return None;
    }
    let (hour, minute): (u16, u16) = (hour.parse().ok()?, minute.parse().ok()?);
    let total = hour.checked_mul(60)?.checked_add(minute)?;
    (minute < 60 && total <= 1_440).then_some(total)
}

/// Days that differ from the week.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Holidays {
    /// Days off.
    pub off: BTreeSet<Date>,
    /// Working days at a weekend; they follow Monday's hours.
    pub work: BTreeSet<Date>,
}

/// Opening hours.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Hours {
    /// Periods of Monday (0) to Sunday (6).
    pub week: [Vec<Period>; 7],
    /// The days that differ.
    pub holidays: Holidays,
    /// Periods of a day off.
    pub on_holidays: Vec<Period>,
}

impl Hours {
    /// Open at this local time?
    pub fn is_open(&self, local: DateTime) -> bool {
        let minute = u16::from(local.hour().unsigned_abs()) * 60 + u16::from(local.minute().unsigned_abs());
        self.periods(local.date()).iter().any(|p| (p.from..p.to).contains(&minute))
    }

    fn periods(&self, day: Date) -> &[Period] {
        if self.holidays.off.contains(&day) {
            &self.on_holidays
        } else if self.holidays.work.contains(&day) {
            &self.week[weekday_index(Weekday::Monday)]
        } else {
            &self.week[weekday_index(day.weekday())]
        }
    }
}

/// Monday = 0 … Sunday = 6.
fn weekday_index(day: Weekday) -> usize {
    usize::from(day.to_monday_zero_offset().unsigned_abs())
}

/// Reads `mon` or `mon-fri` (may wrap: `sat-mon`) into indices.
pub(crate) fn parse_days(text: &str) -> Option<Vec<usize>> {
    const NAMES: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
    let index = |name: &str| NAMES.iter().position(|known| *known == name.trim());
    let (from, to) = match text.split_once('-') {
        Some((from, to)) => (index(from)?, index(to)?),
        None => (index(text)?, index(text)?),
    };
    let count = (to + 7 - from) % 7 + 1;
    Some((0..count).map(|i| (from + i) % 7).collect())
}

/// Reads `2026-10-01` or `2026-10-01..2026-10-07` (at most a month) into days.
pub(crate) fn parse_dates(text: &str) -> Option<Vec<Date>> {
    /// No official holiday is longer; a slip in the year is.
    const STRETCH_DAYS_MAX: usize = 31;
    let (from, to) = text.split_once("..").unwrap_or((text, text));
    let (from, to): (Date, Date) = (from.trim().parse().ok()?, to.trim().parse().ok()?);
    let days: Vec<Date> =
        from.series(jiff::Span::new().days(1)).take_while(|d| *d <= to).take(STRETCH_DAYS_MAX + 1).collect();
    (!days.is_empty() && days.len() <= STRETCH_DAYS_MAX).then_some(days)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn office() -> Hours {
        let day: Vec<Period> = ["08:30-12:00", "14:00-18:00"].iter().map(|p| Period::parse(p).unwrap()).collect();
        let mut hours = Hours::default();
        for i in parse_days("mon-fri").unwrap() {
            hours.week[i] = day.clone();
        }
        hours.holidays.off.extend(parse_dates("2026-10-01..2026-10-07").unwrap());
        hours.holidays.work.extend(parse_dates("2026-10-10").unwrap());
        hours
    }

    #[test]
    fn lunch_holidays_and_make_up_days_are_kept() {
        let hours = office();
        for (time, open) in [
            ("2026-11-24T08:29:59", false),
            ("2026-11-24T08:30:00", true),
            ("2026-11-24T12:00:00", false), // lunch
            ("2026-11-24T17:59:59", true),
            ("2026-11-28T10:00:00", false), // Saturday
            ("2026-10-01T10:00:00", false), // holiday on a Thursday
            ("2026-10-10T10:00:00", true),  // make-up Saturday
        ] {
            assert_eq!(hours.is_open(time.parse().unwrap()), open, "{time}");
        }
    }

    #[test]
    fn what_is_no_period_or_date_is_refused() {
        for wrong in ["", "8-9", "08:30", "12:00-08:00", "08:60-09:00", "23:00-24:01", "-1:00-02:00"] {
            assert_eq!(Period::parse(wrong), None, "{wrong}");
        }
        assert_eq!(Period::parse("00:00-24:00"), Some(Period { from: 0, to: 1_440 }));
        assert_eq!(parse_days("sat-mon"), Some(vec![5, 6, 0]));
        assert_eq!(parse_days("funday"), None);
        for wrong in ["2026-02-30", "2026-10-07..2026-10-01", "2026-01-01..2027-01-01"] {
            assert_eq!(parse_dates(wrong), None, "{wrong}");
        }
    }
}
