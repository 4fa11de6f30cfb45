//! What cases do by themselves: when a clock's next rung is due, it speaks.

use super::commands::{CLOCK_TIMER, Cases};
use crate::log::{Timer, TimerHandler};
use crate::store::{StoreError, Tx, WriteFuture};

/// Rings when a case's next rung is due.
pub struct ClockBell(pub Cases);

impl TimerHandler for ClockBell {
    fn kind(&self) -> &'static str {
        CLOCK_TIMER
    }

    fn fire<'a>(&'a self, tx: &'a mut Tx, timer: &'a Timer) -> WriteFuture<'a, (), StoreError> {
        Box::pin(async move {
            let Ok(id) = timer.key.parse() else { return Ok(()) };
            self.0.ring(tx, id).await
        })
    }
}
