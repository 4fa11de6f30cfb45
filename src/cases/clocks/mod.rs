//! Clocks 时限: a budget with a ledger on a working calendar. When a clock runs out is a function of its budget, its
//! ledger of running and pausing, and the calendar's version; it can be explained line by line.
//!
//! Must not know: cases, flows, the database, what time it is.

mod calendar;
mod due;
mod lunar;

pub use calendar::{Calendar, CalendarError, Calendars, DayKind, HolidayYear};
pub use due::{Due, Line, Terms, due, next_rung, reach};
