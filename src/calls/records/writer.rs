//! The one ordered writer of call events. The switch hands them over without waiting; while the store is away they are
//! kept up to a bound, in order, and calls go on.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{mpsc, watch};
use tokio_util::task::TaskTracker;

use super::super::rows;
use crate::calls::switch::Entry;
use crate::events::NewEvent;
use crate::events::calls::CallsEvent;
use crate::log::{Vault, append};
use crate::store::{Store, StoreError, Tx};

/// Events kept while the store is away: about 3,000 calls with all their events, some 60 MiB. Later ones are lost and
/// counted in `liandong_call_events_lost_total`.
pub const LOST_AFTER: usize = 65_536;
/// Events in one transaction.
const GROUP: usize = 128;
/// Pause before a group that the store refused is tried again.
const RETRY: Duration = Duration::from_millis(500);

/// How far the writer is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Progress {
    /// Entries that are on disk, of those that were pushed.
    pub written: u64,
    /// The store refuses at present.
    pub away: bool,
}

/// The switch's end of the writer.
pub struct Writer {
    entries: mpsc::Sender<Entry>,
    pushed: u64,
    progress: watch::Receiver<Progress>,
    finished: tokio::sync::oneshot::Receiver<()>,
}

impl Writer {
    /// Starts the writer.
    pub fn start(store: Store, vault: Vault, tasks: &TaskTracker) -> Self {
        let (entries, inbox) = mpsc::channel(LOST_AFTER);
        let (finish, finished) = tokio::sync::oneshot::channel();
        let (told, progress) = watch::channel(Progress::default());
        tasks.spawn(async move {
            run(store, vault, inbox, told).await;
            let _ = finish.send(());
        });
        Self { entries, pushed: 0, progress, finished }
    }

    /// Takes an event, in order, without waiting; its number, which [`Progress::written`] reaches once it is on disk.
    pub fn push(&mut self, entry: Entry) -> u64 {
        match self.entries.try_send(entry) {
            Ok(()) => self.pushed += 1,
            Err(TrySendError::Full(_)) => {
                metrics::counter!("liandong_call_events_lost_total").increment(1);
                tracing::error!("the store has been away too long: a call event is lost");
            }
            Err(TrySendError::Closed(_)) => {}
        }
        self.pushed
    }

    /// How far the writer is; changes wake whoever waits.
    pub fn progress(&self) -> watch::Receiver<Progress> {
        self.progress.clone()
    }

    /// Returns when everything that was pushed is on disk.
    pub async fn close(self) {
        drop(self.entries);
        let _ = self.finished.await;
    }
}

async fn run(store: Store, vault: Vault, mut inbox: mpsc::Receiver<Entry>, told: watch::Sender<Progress>) {
    let mut group = Vec::with_capacity(GROUP);
    while inbox.recv_many(&mut group, GROUP).await > 0 {
        let entries: Arc<[Entry]> = std::mem::take(&mut group).into();
        write_until_kept(&store, &vault, &entries, &inbox, &told).await;
        let count = entries.len() as u64;
        told.send_modify(|progress| *progress = Progress { written: progress.written + count, away: false });
    }
}

async fn write_until_kept(
    store: &Store,
    vault: &Vault,
    entries: &Arc<[Entry]>,
    inbox: &mpsc::Receiver<Entry>,
    told: &watch::Sender<Progress>,
) {
    loop {
        let (keys, kept) = (vault.clone(), entries.clone());
        let done = store.write(move |tx| Box::pin(async move { write(tx, &keys, &kept).await })).await;
        match done {
            Ok(()) => return,
            // A value that can never be written must not stop all that follow it.
            Err(StoreError::Damaged(reason)) if entries.len() > 1 => {
                tracing::error!(reason, "a group of call events cannot be written; each is tried alone");
                for entry in entries.iter() {
                    let alone: Arc<[Entry]> = Arc::from([entry.clone()]);
                    Box::pin(write_until_kept(store, vault, &alone, inbox, told)).await;
                }
                return;
            }
            Err(StoreError::Damaged(reason)) => {
                metrics::counter!("liandong_call_events_lost_total").increment(1);
                tracing::error!(reason, "a call event cannot be written");
                return;
            }
            Err(error) => {
                told.send_modify(|progress| progress.away = true);
                tracing::warn!(%error, waiting = inbox.len(), "call events wait for the store");
                tokio::time::sleep(RETRY).await;
            }
        }
    }
}

async fn write(tx: &mut Tx, vault: &Vault, entries: &[Entry]) -> Result<(), StoreError> {
    for entry in entries {
        write_one(tx, vault, entry).await?;
    }
    Ok(())
}

/// One event into the log and the table of calls.
pub(in crate::calls) async fn write_one(tx: &mut Tx, vault: &Vault, entry: &Entry) -> Result<(), StoreError> {
    let mut orgs = entry.orgs.clone();
    if let (Some(call), true) = (entry.call, orgs.is_empty()) {
        orgs = rows::orgs_of(tx, call).await?;
    }
    let entry = &openable(tx, vault, entry).await?;
    rows::project(tx, vault, entry, &orgs).await?;
    let mut event = NewEvent::of(entry.subject.clone(), orgs, entry.actor.clone(), &entry.event);
    if let Some(body) = event.body.as_object_mut() {
        body.insert("at".into(), entry.at.to_string().into());
    }
    append(tx, vault, event).await?;
    Ok(())
}

/// A number whose owner was erased is not written again: his call is kept without it.
async fn openable(tx: &mut Tx, vault: &Vault, entry: &Entry) -> Result<Entry, StoreError> {
    let mut entry = entry.clone();
    if let CallsEvent::Offered { from, name, .. } = &mut entry.event
        && let Some(text) = from.as_ref().or(name.as_ref())
        && let Err(StoreError::Damaged(_)) = vault.seal(tx, &text.owner, "").await
    {
        (*from, *name) = (None, None);
    }
    Ok(entry)
}
