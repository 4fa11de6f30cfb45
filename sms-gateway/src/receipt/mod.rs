//! Delivery receipts 状态报告: reading them whatever the centre's grammar, recognising which message they speak of,
//! and never letting a state go backwards.
//!
//! Pure. The owner of the messages keeps receipts on disk; [`Book`] is the fast memory before it.

mod book;
mod id;
mod scan;
mod state;

pub use book::{Book, EARLY_FOR, Match};
pub use id::{IdForms, receipt_keys};
pub use scan::{Receipt, scan};
pub use state::State;
