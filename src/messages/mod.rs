//! Messages 短信: what to say to whom and when, and what came back.
//!
//! Public commands ([`Messages`]): send, list, answer in the sandbox. Events: `message.*`. It follows `case.*` (the notices in
//! their change), `order.alerted` and `meeting.invited`.
//!
//! Must not know: SMPP octets (that is the crate `liandong-sms`), cases and orders beyond their ids (the port [`Matters`]),
//! who works where (the port [`Contacts`]), HTTP.

mod commands;
mod follow;
mod gateway;
mod incoming;
mod ports;
mod reply;
mod rows;
mod templates;
#[cfg(test)]
mod tests;
mod views;

pub use commands::{Messages, NewMessage};
pub use follow::Reminders;
pub use gateway::{Gateway, LinkInfo};
pub use ports::{CitizenText, Contact, Contacts, Matters};
pub use templates::{Question, TemplateError, Templates};
pub use views::{MessageFilter, MessageView};

pub use liandong_sms::session::lanes::Lane;

use crate::store::Migration;

/// The tables of messages.
pub const MIGRATIONS: &[Migration] = &[
    Migration { name: "messages/001_messages", sql: include_str!("schema/001_messages.sql") },
    Migration { name: "messages/002_shown", sql: include_str!("schema/002_shown.sql") },
];
