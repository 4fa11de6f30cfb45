//! The one ordered writer of call events and of running calls as they are. The switch hands them over without waiting; while the store is away they are
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
use crate::ids::CallId;
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

/// What is to be written.
#[derive(Clone)]
enum Work {
    Event(Box<Entry>),
    /// A running call as it is, to be taken up after a kill; `None`: it is over.
    Keep(CallId, Option<String>),
}

/// The switch's end of the writer.
pub struct Writer {
    works: mpsc::Sender<Work>,
    pushed: u64,
    progress: watch::Receiver<Progress>,
    finished: tokio::sync::oneshot::Receiver<()>,
}

impl Writer {
    /// Starts the writer.
    pub fn start(store: Store, vault: Vault, tasks: &TaskTracker) -> Self {
        let (works, inbox) = mpsc::channel(LOST_AFTER);
        let (finish, finished) = tokio::sync::oneshot::channel();
        let (told, progress) = watch::channel(Progress::default());
        tasks.spawn(async move {
            run(store, vault, inbox, told).await;
            let _ = finish.send(());
        });
        Self { works, pushed: 0, progress, finished }
    }

    /// Takes an event, in order, without waiting; its number, which [`Progress::written`] reaches once it is on disk.
    pub fn push(&mut self, entry: Entry) -> u64 {
        self.send(Work::Event(Box::new(entry)));
        self.pushed
    }

    /// Keeps a running call, after the events that made it so; with `None` it is over.
    pub fn keep(&mut self, call: CallId, text: Option<String>) {
        self.send(Work::Keep(call, text));
    }

    fn send(&mut self, work: Work) {
        match self.works.try_send(work) {
            Ok(()) => self.pushed += 1,
            Err(TrySendError::Full(_)) => {
                metrics::counter!("liandong_call_events_lost_total").increment(1);
                tracing::error!("the store has been away too long: a call event is lost");
            }
            Err(TrySendError::Closed(_)) => {}
        }
    }

    /// How far the writer is; changes wake whoever waits.
    pub fn progress(&self) -> watch::Receiver<Progress> {
        self.progress.clone()
    }

    /// Returns when everything that was pushed is on disk.
    pub async fn close(self) {
        drop(self.works);
        let _ = self.finished.await;
    }
}

async fn run(store: Store, vault: Vault, mut inbox: mpsc::Receiver<Work>, told: watch::Sender<Progress>) {
    let mut group = Vec::with_capacity(GROUP);
    while inbox.recv_many(&mut group, GROUP).await > 0 {
        let count = group.len() as u64;
        let works: Arc<[Work]> = latest(std::mem::take(&mut group)).into();
        write_until_kept(&store, &vault, &works, &inbox, &told).await;
        told.send_modify(|progress| *progress = Progress { written: progress.written + count, away: false });
    }
}

/// Of several states of one running call in a group only the last is written.
fn latest(group: Vec<Work>) -> Vec<Work> {
    let mut seen = std::collections::HashSet::new();
    let mut works: Vec<Work> = group
        .into_iter()
        .rev()
        .filter(|work| match work {
            Work::Event(_) => true,
            Work::Keep(call, _) => seen.insert(*call),
        })
        .collect();
    works.reverse();
    works
}

async fn write_until_kept(
    store: &Store,
    vault: &Vault,
    works: &Arc<[Work]>,
    inbox: &mpsc::Receiver<Work>,
    told: &watch::Sender<Progress>,
) {
    loop {
        let (keys, kept) = (vault.clone(), works.clone());
        let done = store.write(move |tx| Box::pin(async move { write(tx, &keys, &kept).await })).await;
        match done {
            Ok(()) => return,
            // A value that can never be written must not stop all that follow it.
            Err(StoreError::Damaged(reason)) if works.len() > 1 => {
                tracing::error!(reason, "a group of call events cannot be written; each is tried alone");
                for work in works.iter() {
                    let alone: Arc<[Work]> = Arc::from([work.clone()]);
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

async fn write(tx: &mut Tx, vault: &Vault, works: &[Work]) -> Result<(), StoreError> {
    for work in works {
        match work {
            Work::Event(entry) => write_one(tx, vault, entry).await?,
            Work::Keep(call, text) => rows::live::keep_call(tx, vault, *call, text.as_deref()).await?,
        }
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
