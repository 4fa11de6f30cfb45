//! What `orgs` does when something changed: the directory in memory is read anew, also at an instant that a change was
//! entered for ahead of time.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::Orgs;
use crate::log::kinds_after;
use crate::store::StoreError;

/// Events looked through at a time.
const PAGE: i64 = 500;
/// Pause after the database failed.
const RETRY_PAUSE: Duration = Duration::from_secs(1);
/// Longest sleep before looking at the clock again: a clock that was set does not make a change late by more.
const NAP_MAX: Duration = Duration::from_secs(60);

/// Keeps the directory up to date until `stop`.
pub async fn follow_directory(orgs: Orgs, stop: CancellationToken) {
    let mut news = orgs.store.last_seq();
    let mut position = *news.borrow_and_update();
    loop {
        let nap = nap(&orgs);
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(nap) => {}
            changed = news.changed() => if changed.is_err() { return },
        }
        if let Err(e) = catch_up(&orgs, &mut position).await {
            tracing::warn!(error = %e, "the directory could not be read; it stays as it was");
            tokio::time::sleep(RETRY_PAUSE).await;
        }
    }
}

async fn catch_up(orgs: &Orgs, position: &mut i64) -> Result<(), StoreError> {
    let mut changed = orgs.directory().next_change().is_some_and(|at| at <= orgs.now());
    let mut reached = *position;
    loop {
        let page = kinds_after(orgs.store.reader(), reached, PAGE).await?;
        let Some((last, _)) = page.last() else { break };
        reached = *last;
        changed |= page.iter().any(|(_, kind)| matters(kind));
    }
    if changed {
        orgs.reload().await?;
    }
    *position = reached;
    Ok(())
}

/// Whether the directory holds something of it.
fn matters(kind: &str) -> bool {
    ["org.unit_", "org.grid_", "org.duty_", "org.phone_area_"].iter().any(|p| kind.starts_with(p))
}

fn nap(orgs: &Orgs) -> Duration {
    let next = orgs.directory().next_change().map_or(i64::MAX, |at| at.since(orgs.now()).max(0));
    Duration::from_millis(u64::try_from(next).unwrap_or(0)).min(NAP_MAX)
}
