//! From live rooms to the log: one bounded, ordered writer. Rooms never wait for the disk; the writer waits for the disk
//! as long as it takes.

use std::time::Duration;

use tokio::sync::mpsc;

use super::Happening;
use super::commands::Meetings;
use crate::store::{Store, StoreError};

/// Pause before the store is tried again.
const RETRY: Duration = Duration::from_millis(500);
/// Attempts at one report: over half a minute of a store that is away. Then the next report gets its turn; an open stay
/// is ended at the next start.
const ATTEMPTS: u32 = 60;

/// Writes what rooms report until they are gone.
pub async fn record_presence(meetings: Meetings, store: Store, mut reports: mpsc::Receiver<(String, Happening)>) {
    while let Some((room, happening)) = reports.recv().await {
        for attempt in 1..=ATTEMPTS {
            match record(&meetings, &store, &room, &happening).await {
                Ok(()) => break,
                Err(e) if attempt == ATTEMPTS => tracing::error!(error = %e, "a presence in a meeting is lost"),
                Err(e) => {
                    tracing::warn!(error = %e, "a presence in a meeting waits for the store");
                    tokio::time::sleep(RETRY).await;
                }
            }
        }
    }
}

async fn record(meetings: &Meetings, store: &Store, room: &str, happening: &Happening) -> Result<(), StoreError> {
    let (meetings, room, happening) = (meetings.clone(), room.to_owned(), happening.clone());
    store.write(move |tx| Box::pin(async move { meetings.record(tx, &room, happening).await })).await
}
