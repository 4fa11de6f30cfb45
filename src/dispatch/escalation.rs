//! Escalation 升级: when the alerted person has not answered in time, the next is alerted.

use super::Dispatch;
use super::commands::TIMER;
use crate::log::{Timer, TimerHandler};
use crate::store::{StoreError, Tx, WriteFuture};

/// Fires when an alert's time is over.
pub struct Escalation(pub Dispatch);

impl TimerHandler for Escalation {
    fn kind(&self) -> &'static str {
        TIMER
    }

    fn fire<'a>(&'a self, tx: &'a mut Tx, timer: &'a Timer) -> WriteFuture<'a, (), StoreError> {
        Box::pin(async move {
            let damaged = |_| StoreError::Damaged("a dispatch timer".into());
            let order = timer.key.parse().map_err(|_| StoreError::Damaged("a dispatch timer's order".into()))?;
            let step = timer.payload.parse().map_err(damaged)?;
            self.0.no_answer(tx, order, step).await
        })
    }
}
