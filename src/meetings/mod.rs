//! Meetings 会议: calling them, tickets and guest links, and rooms that any LiveKit client enters.
//!
//! Public commands ([`Meetings`]): call, ticket, guest ticket, end, list, one. Live rooms ([`signal::Rooms`]): join,
//! requests of a client, list, remove, mute. Events: `meeting.*`, of which `messages` follows `meeting.invited`.
//!
//! `room` is the pure machine of one room; `signal` owns all rooms and the SFU and translates; `token` and `link` sign.
//!
//! Must not know: cases (a meeting carries a case's id and nothing else), how an invitation reaches its unit, HTTP.

mod commands;
pub mod link;
mod presence;
pub mod room;
mod rows;
pub mod signal;
#[cfg(test)]
mod tests;
pub mod token;
mod views;

pub use commands::{CallMeeting, Happening, Meetings};
pub use presence::record_presence;
pub use views::{Invited, MeetingFilter, MeetingView, StayView};

use crate::store::Migration;

/// The tables of meetings.
pub const MIGRATIONS: &[Migration] =
    &[Migration { name: "meetings/001_meetings", sql: include_str!("schema/001_meetings.sql") }];
