//! The days off that the law itself sets (《全国年节及纪念日放假办法》, 2024: 13 days), for years without a published notice.
//! Lunar dates come from a table of month lengths; outside of it only the fixed days are known.
//!
//! Must not know: 调休 (only the yearly notice makes it), calendars.

use jiff::civil::{Date, date};

/// First lunar year of [`LUNAR`].
const FIRST_YEAR: i16 = 2000;
/// New year's day of the first lunar year.
const FIRST_NEW_YEAR: Date = date(2000, 2, 5);

/// Lunar years 2000–2049: bits 15..4 say which of months 1–12 have 30 days, bits 3..0 which month is repeated (0: none),
/// bit 16 whether the repeated month has 30 days. From the Hong Kong Observatory's conversion tables.
const LUNAR: [u32; 50] = [
    0x0c960, 0x0d954, 0x0d4a0, 0x0da50, 0x07552, 0x056a0, 0x0abb7, 0x025d0, 0x092d0, 0x0cab5, //
    0x0a950, 0x0b4a0, 0x0baa4, 0x0ad50, 0x055d9, 0x04ba0, 0x0a5b0, 0x15176, 0x052b0, 0x0a930, //
    0x07954, 0x06aa0, 0x0ad50, 0x05b52, 0x04b60, 0x0a6e6, 0x0a4e0, 0x0d260, 0x0ea65, 0x0d530, //
    0x05aa0, 0x076a3, 0x096d0, 0x04afb, 0x04ad0, 0x0a4d0, 0x1d0b6, 0x0d250, 0x0d520, 0x0dd45, //
    0x0b5a0, 0x056d0, 0x055b2, 0x049b0, 0x0a577, 0x0a4b0, 0x0aa50, 0x1b255, 0x06d20, 0x0ada0,
];

/// The statutory days off of `year` with their names.
pub(super) fn statutory(year: i16) -> Vec<(Date, &'static str)> {
    let mut days = vec![(date(year, 1, 1), "元旦"), (date(year, 5, 1), "劳动节"), (date(year, 5, 2), "劳动节")];
    days.extend((1..=3).map(|d| (date(year, 10, d), "国庆节")));
    days.push((date(year, 4, qingming(year)), "清明节"));
    if let Some(new_year) = lunar(year, 1, 1) {
        days.extend((-1..=2).filter_map(|d| plus(new_year, d)).map(|d| (d, "春节")));
    }
    days.extend(lunar(year, 5, 5).map(|d| (d, "端午节")));
    days.extend(lunar(year, 8, 15).map(|d| (d, "中秋节")));
    days
}

/// Day in April of 清明, by the common formula for the twenty-first century.
fn qingming(year: i16) -> i8 {
    let y = i32::from(year.rem_euclid(100));
    let day = (y * 2422 + 48_100) / 10_000 - y / 4;
    i8::try_from(day.clamp(4, 6)).unwrap_or(5)
}

/// The civil date of a day in the lunar year that begins in `year`; the first of two months of the same number.
fn lunar(year: i16, month: u32, day: i32) -> Option<Date> {
    let index = usize::try_from(year - FIRST_YEAR).ok().filter(|i| *i < LUNAR.len())?;
    let before: i32 = LUNAR[..index].iter().map(|y| year_days(*y)).sum();
    let months: i32 = (1..month).map(|m| month_days(LUNAR[index], m) + repeated_days(LUNAR[index], m)).sum();
    plus(FIRST_NEW_YEAR, before + months + day - 1)
}

fn year_days(year: u32) -> i32 {
    (1..=12).map(|m| month_days(year, m) + repeated_days(year, m)).sum()
}

fn month_days(year: u32, month: u32) -> i32 {
    if year & (0x10000 >> month) != 0 { 30 } else { 29 }
}

/// Days of the month repeated after `month`, 0 if it is not repeated.
fn repeated_days(year: u32, month: u32) -> i32 {
    match year & 0xf {
        leap if leap != month => 0,
        _ if year & 0x10000 != 0 => 30,
        _ => 29,
    }
}

fn plus(day: Date, days: i32) -> Option<Date> {
    day.checked_add(jiff::Span::new().days(days)).ok()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn lunar_days_fall_where_the_almanac_says() {
        for (year, new_year) in [
            (2020, date(2020, 1, 25)),
            (2023, date(2023, 1, 22)),
            (2024, date(2024, 2, 10)),
            (2025, date(2025, 1, 29)),
            (2026, date(2026, 2, 17)),
            (2027, date(2027, 2, 6)),
            (2028, date(2028, 1, 26)),
            (2029, date(2029, 2, 13)),
            (2030, date(2030, 2, 3)),
            (2033, date(2033, 1, 31)),
        ] {
            assert_eq!(lunar(year, 1, 1), Some(new_year), "{year}");
        }
        assert_eq!(lunar(2025, 8, 15), Some(date(2025, 10, 6)), "after the repeated sixth month");
        assert_eq!(lunar(2026, 5, 5), Some(date(2026, 6, 19)));
        assert_eq!(lunar(2026, 8, 15), Some(date(2026, 9, 25)));
        assert_eq!(lunar(2027, 5, 5), Some(date(2027, 6, 9)));
        assert_eq!(lunar(2027, 8, 15), Some(date(2027, 9, 15)));
        assert_eq!(lunar(2099, 1, 1), None);
    }

    #[test]
    fn qingming_is_the_fourth_or_fifth() {
        assert_eq!([2024, 2025, 2026, 2027, 2028].map(qingming), [4, 4, 5, 5, 4]);
    }

    #[test]
    fn the_law_sets_thirteen_days() {
        for year in 2025..2049 {
            assert_eq!(statutory(year).len(), 13, "{year}");
        }
    }
}
