//! The feed: new events are read from the log once, opened masked, written as JSON once, and shared by all sockets; a
//! socket that falls behind reads the log itself. What is left to do for each console is the look at its rights.

use std::sync::Arc;

use axum::extract::ws::Utf8Bytes;
use tokio::sync::broadcast;
use tokio_util::sync::CancellationToken;

use crate::access::{Action, Actor, show_masked};
use crate::events::Record;
use crate::log::{self, Vault, VaultError};
use crate::store::{Store, StoreError};

/// Events kept for sockets that are a little behind; beyond it they read the log.
const BACKLOG: usize = 4_096;
/// Events read at a time.
const PAGE: i64 = 500;

/// A new event as every socket may send it.
pub struct Shared {
    /// The event, its personal texts masked.
    pub record: Record,
    /// The same as JSON.
    pub text: Utf8Bytes,
}

/// Shares new events. Cloning shares it.
#[derive(Clone)]
pub struct Feed {
    store: Store,
    vault: Vault,
    site: Arc<str>,
    out: broadcast::Sender<Arc<Shared>>,
}

impl Feed {
    /// Starts reading at the log's present end, until `stop`.
    pub fn start(store: Store, vault: Vault, site: &str, stop: CancellationToken) -> Self {
        let (out, _) = broadcast::channel(BACKLOG);
        let feed = Self { store, vault, site: site.into(), out };
        tokio::spawn(feed.clone().run(stop));
        feed
    }

    /// New events from now on.
    pub fn subscribe(&self) -> broadcast::Receiver<Arc<Shared>> {
        self.out.subscribe()
    }

    /// The log's last sequence number.
    pub fn last_seq(&self) -> i64 {
        *self.store.last_seq().borrow()
    }

    /// Up to `limit` events after `seq` that `actor` may see, and the position reached: the twin of the socket.
    pub async fn page(&self, actor: &Actor, seq: i64, limit: usize) -> Result<(Vec<Record>, i64), StoreError> {
        let (mut seen, mut position) = (Vec::new(), seq);
        while seen.len() < limit {
            let page = log::after(self.store.reader(), &self.site, position, PAGE).await?;
            if page.is_empty() {
                break;
            }
            for record in page {
                if seen.len() == limit {
                    break;
                }
                position = record.seq;
                if may_see(actor, &record) {
                    seen.push(self.masked(record).await?);
                }
            }
        }
        Ok((seen, position))
    }

    /// `record` with its personal texts masked: events never carry them whole.
    pub async fn masked(&self, mut record: Record) -> Result<Record, StoreError> {
        let mut conn = self.store.reader().acquire().await?;
        match self.vault.open_value(&mut conn, &mut record.body, show_masked).await {
            Ok(()) | Err(VaultError::Erased) => Ok(record),
            Err(VaultError::Store(e)) => Err(e),
            Err(VaultError::Damaged) => Err(StoreError::Damaged(format!("event {}: a sealed text", record.seq))),
        }
    }

    async fn run(self, stop: CancellationToken) {
        let mut news = self.store.last_seq();
        let mut position = *news.borrow_and_update();
        loop {
            match log::after(self.store.reader(), &self.site, position, PAGE).await {
                Ok(page) if !page.is_empty() => {
                    for record in page {
                        position = record.seq;
                        self.share(record).await;
                    }
                    continue;
                }
                Ok(_) => {}
                Err(e) => tracing::warn!(error = %e, "the feed could not read the log"),
            }
            tokio::select! {
                () = stop.cancelled() => return,
                changed = news.changed() => if changed.is_err() { return },
            }
        }
    }

    async fn share(&self, record: Record) {
        let seq = record.seq;
        match self.masked(record).await {
            // No subscriber is no error: nobody has a console open.
            Ok(record) => match text(&record) {
                Ok(text) => drop(self.out.send(Arc::new(Shared { record, text }))),
                Err(e) => tracing::error!(seq, error = %e, "an event could not be written as JSON"),
            },
            Err(e) => tracing::error!(seq, error = %e, "an event could not be shared"),
        }
    }
}

/// An event as sockets send it.
pub fn text(record: &Record) -> Result<Utf8Bytes, serde_json::Error> {
    serde_json::to_string(record).map(Utf8Bytes::from)
}

/// Whether `actor` may see `record`: his own acts, and what his rights reach. The first part of a kind names the right.
pub fn may_see(actor: &Actor, record: &Record) -> bool {
    let domain = record.kind.split('.').next().unwrap_or_default();
    if domain != "access" && actor.person.is_some() && actor.person == record.actor.person {
        return true;
    }
    let actions: &[Action] = match domain {
        "case" => &[Action::CaseRead],
        "call" | "queue" | "agent" | "recording" | "trunk" => &[Action::CallRead, Action::CallAgent],
        "message" => &[Action::MessageRead],
        "sandbox" => &[Action::SandboxUse],
        "meeting" => &[Action::MeetingRead],
        "order" | "responder" | "duty" => &[Action::DispatchRead, Action::OrderHandle],
        "org" | "person" | "post" | "grid" => &[Action::OrgRead],
        "plan" => &[Action::PlanManage],
        "access" => &[Action::AuditRead],
        _ => &[Action::SystemManage],
    };
    let target = crate::access::Target::of(&record.orgs);
    actions.iter().any(|a| actor.may(*a, target))
}
