//! What calls do when the hub starts: what was running is read for the switch to take up; calls that cannot be get their
//! end, and their recordings a right header.

use std::path::Path;

use liandong_dialplans::QueueName;

use super::commands::FIGURES_BACK_MS;
use super::queue::AgentState;
use super::queue::figures::CallFact;
use super::records::write_one;
use super::rows::{self, CallRow};
use super::switch::{Entry, recording_path};
use crate::access::{Action, Actor};
use crate::events::calls::{CallsEvent, Direction};
use crate::events::{ActorRef, Subject};
use crate::ids::{CallId, PersonId, Timestamp};
use crate::log::Vault;
use crate::store::{Store, StoreError};

/// Talks that estimates are made from: the mean of each queue forgets older ones.
const TALKS_MAX: i64 = 2_000;
/// What an agent did longer ago belongs to an earlier shift: he signs in again.
const STATES_KEPT_MS: i64 = 10 * 3_600_000;

/// Ends in the log what a kill ended on the line: every call that was up but those taken up. Run before the switch
/// starts; returns how many there were.
///
/// # Errors
/// The store's.
pub async fn close_interrupted(
    store: &Store,
    vault: &Vault,
    data: &Path,
    taken_up: &[CallId],
) -> Result<usize, StoreError> {
    let mut conn = store.reader().acquire().await?;
    let mut rows = rows::interrupted(&mut conn).await?;
    drop(conn);
    rows.retain(|row| !taken_up.contains(&row.id));
    let going_on = taken_up.to_vec();
    store.write(move |tx| Box::pin(async move { rows::live::forget_calls(tx, &going_on).await })).await?;
    let count = rows.len();
    for row in rows {
        let entries = endings(&row, data);
        let vault = vault.clone();
        store
            .write(move |tx| {
                Box::pin(async move {
                    for entry in &entries {
                        write_one(tx, &vault, entry).await?;
                    }
                    Ok::<_, StoreError>(())
                })
            })
            .await?;
    }
    Ok(count)
}

/// What the queues knew of the last day when the hub ended: without it the live figures and estimates would begin anew.
#[derive(Debug, Clone, Default)]
pub struct Past {
    /// Calls that asked for a person.
    pub facts: Vec<CallFact>,
    /// Talks, oldest first: queue and length in milliseconds.
    pub talks: Vec<(QueueName, u64)>,
    /// What the agents did last, and since when.
    pub agents: Vec<(PersonId, AgentState, Timestamp)>,
}

/// The calls that ran when the hub ended, as the switch wrote them.
///
/// # Errors
/// The store's.
pub async fn running(store: &Store, vault: &Vault) -> Result<Vec<(CallId, String)>, StoreError> {
    rows::live::calls(store.reader(), vault).await
}

/// Reads it from the records.
///
/// # Errors
/// The store's.
pub async fn past(store: &Store) -> Result<Past, StoreError> {
    let now = Timestamp::now();
    let from = now.plus_millis(-FIGURES_BACK_MS);
    let all = Actor::hub("话务交换").predicate(Action::CallRead, "orgs", "agent", "0", 1);
    let facts = rows::facts(store.reader(), &all, from, now.plus_millis(1)).await?;
    let talks = rows::talks(store.reader(), from, TALKS_MAX).await?;
    let agents = rows::live::agent_states(store.reader(), now.plus_millis(-STATES_KEPT_MS)).await?;
    Ok(Past { facts, talks, agents })
}

fn endings(row: &CallRow, data: &Path) -> Vec<Entry> {
    // The file may be there before the event that tells of it was on disk.
    let path = row.recording_path.clone().unwrap_or_else(|| recording_path(row.id).display().to_string());
    let recorded = repair(&data.join(&path)).map(|r| (path, r));
    // It lasted at least until the last event and the last sample on the disk.
    let ended = recorded.as_ref().map_or(row.changed_at, |(_, (_, written))| row.changed_at.max(*written));
    let span = |from: Timestamp| u64::try_from(ended.since(from)).unwrap_or(0);
    let outcome = match (row.answered_at, row.queued_at) {
        (Some(_), _) => "answered",
        (None, Some(_)) => "missed",
        (None, None) => "failed",
    };
    let end = CallsEvent::Ended {
        direction: match row.direction.as_str() {
            "out" => Direction::Out,
            "internal" => Direction::Internal,
            _ => Direction::In,
        },
        outcome: outcome.into(),
        by: "system".into(),
        cause: "hub_restarted".into(),
        duration_ms: span(row.started_at),
        talk_ms: row.answered_at.map_or(0, span),
        wait_ms: row.wait_ms.and_then(|w| u64::try_from(w).ok()),
        recording: recorded.is_some(),
    };
    let mut events = Vec::new();
    if row.queued_at.is_some() && row.answered_at.is_none() {
        let (queue, asked) = (row.queue.clone().unwrap_or_default(), row.queued_at.unwrap_or(row.started_at));
        events.push(CallsEvent::QueueLeft { queue, why: "closed".into(), waited_ms: span(asked) });
    }
    if let Some((path, (length_ms, _))) = recorded {
        events.push(CallsEvent::Recorded { path, length_ms, gaps: Vec::new() });
    }
    events.push(end);
    let entry = |event| Entry {
        at: ended,
        subject: Subject::from(row.id),
        call: Some(row.id),
        orgs: row.orgs.clone(),
        actor: ActorRef::part("system", "话务交换"),
        event,
    };
    events.into_iter().map(entry).collect()
}

/// Puts the header of a recording right; its length in milliseconds, and when it was written last.
fn repair(path: &Path) -> Option<(u64, Timestamp)> {
    /// Two channels of 16 bit at 8 kHz.
    const BYTES_PER_MS: u64 = 32;
    if !path.exists() {
        return None; // it had not begun
    }
    if let Err(error) = liandong_media::record::wav::repair(path) {
        tracing::warn!(path = %path.display(), %error, "a recording cannot be put right");
        return None;
    }
    let (_, data) = liandong_media::record::wav::served(path).ok()?;
    let written = std::fs::metadata(path).ok()?.modified().ok()?;
    let since = written.duration_since(std::time::UNIX_EPOCH).ok()?;
    Some((data / BYTES_PER_MS, Timestamp(i64::try_from(since.as_millis()).ok()?)))
}
