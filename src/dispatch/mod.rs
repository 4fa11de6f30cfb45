//! Dispatch 调度: responders on a map, duty rotas, orders with acknowledgement and escalation.
//!
//! Public commands ([`Dispatch`]): give an order, accept, en route, on site, done, decline, cancel; set a responder's state
//! and place. Events: `order.*`, `responder.changed`.
//!
//! Must not know: cases (an order carries a case's id and nothing else), how an alert reaches its person (`messages` follows
//! `order.alerted`), HTTP.

mod commands;
mod escalation;
mod order;
mod rows;
#[cfg(test)]
mod tests;
mod views;

pub use commands::{Dispatch, GiveOrder, NewResponder, OrderAsk, Target};
pub use escalation::Escalation;
pub use order::{LADDER_MAX, Order, OrderCommand, OrderState, Rung};
pub use views::{OrderFilter, OrderView, ResponderView};

use crate::store::Migration;

/// The tables of dispatch.
pub const MIGRATIONS: &[Migration] =
    &[Migration { name: "dispatch/001_dispatch", sql: include_str!("schema/001_dispatch.sql") }];
