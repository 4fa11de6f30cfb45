//! The database: SQLite or PostgreSQL behind one door, one writer with group commit, readers from a pool, migrations.
//!
//! Must not know: any domain's tables or SQL. A domain's SQL is in its `rows.rs`; it is written once for both databases
//! (`$1` placeholders, TEXT ids and JSON, BIGINT milliseconds and booleans).
//!
//! **Why one writer.** A hub is the only writer of its own log, and the log's hash chain needs one order anyway. All write
//! transactions go through one task that runs each in a savepoint, commits many with one fsync, and only then answers.
//! So there are no lost updates, no lock waits, no retries on conflict, and an answer always means "on disk".

mod backup;
mod chain;
pub mod column;
mod condition;
mod migrate;
#[cfg(test)]
pub(crate) mod testing;
mod writer;

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use sqlx::AnyPool;
use sqlx::any::AnyPoolOptions;
use tokio::sync::{mpsc, oneshot, watch};

pub use backup::{BackupError, backup, restore};
pub use chain::{ChainHead, GENESIS};
pub use condition::{Bind, Condition};
pub use migrate::{Migration, migrate};
pub use writer::Tx;

use crate::ids::IdSource;

/// Writes waiting for the writer: beyond this the hub is overloaded and says so instead of growing.
const WRITE_QUEUE_MAX: usize = 4_096;
/// Connections for reading. SQLite readers do not block the writer; more than this only fights over two cores.
const READERS_MAX: u32 = 8;
/// How long a read may wait for a connection before the store counts as unavailable.
const READER_WAIT: Duration = Duration::from_secs(5);

/// Which database serves the hub.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    /// Embedded, a file.
    Sqlite,
    /// A server.
    Postgres,
}

/// What databases call a full disk: SQLITE_FULL; PostgreSQL's `disk_full`.
const FULL: [&str; 2] = ["13", "53100"];

/// Why the store could not do a thing. Nothing was written.
#[derive(Debug, Clone, thiserror::Error)]
pub enum StoreError {
    /// The database refused or failed a statement.
    #[error("the database failed: {0}")]
    Database(Arc<sqlx::Error>),
    /// The commit failed or the writer is gone: nothing of the transaction is there.
    #[error("the database is not available: {0}")]
    Unavailable(String),
    /// The disk, or the space the database may take, is full: nothing was written; reading goes on.
    #[error("the disk is full: {0}")]
    Full(String),
    /// Too many writes are waiting.
    #[error("too many writes are waiting; try again in a moment")]
    Overloaded,
    /// A stored value cannot be read: the row is damaged or of a newer version.
    #[error("a stored value cannot be read: {0}")]
    Damaged(String),
}

impl From<sqlx::Error> for StoreError {
    fn from(e: sqlx::Error) -> Self {
        let code = e.as_database_error().and_then(|d| d.code()).unwrap_or_default().into_owned();
        if FULL.contains(&code.as_str()) {
            return Self::Full(e.to_string());
        }
        Self::Database(Arc::new(e))
    }
}

impl StoreError {
    /// Whether a UNIQUE or PRIMARY KEY constraint refused the row.
    pub fn is_unique_violation(&self) -> bool {
        matches!(self, Self::Database(e) if e.as_database_error().is_some_and(|d| d.is_unique_violation()))
    }
}

/// The future of one write: it may borrow the transaction and nothing else.
pub type WriteFuture<'a, T, E> = Pin<Box<dyn Future<Output = Result<T, E>> + Send + 'a>>;

/// The door to the database. Cloning shares it.
#[derive(Clone)]
pub struct Store {
    jobs: mpsc::Sender<writer::Job>,
    readers: AnyPool,
    dialect: Dialect,
    last_seq: watch::Receiver<i64>,
}

impl Store {
    /// Opens (and for SQLite creates) the database at `url` (`sqlite:///var/lib/liandong/hub.db` or `postgres://…`),
    /// applies `migrations` and starts the writer. `ids` makes event ids.
    pub async fn open(url: &str, migrations: &[&[Migration]], ids: Box<dyn IdSource>) -> Result<Self, StoreError> {
        sqlx::any::install_default_drivers();
        let dialect = if url.starts_with("postgres") { Dialect::Postgres } else { Dialect::Sqlite };
        let url = match dialect {
            Dialect::Sqlite if !url.contains('?') => format!("{url}?mode=rwc"),
            _ => url.to_owned(),
        };
        let mut conn = writer::connect(&url, dialect).await?;
        migrate(&mut conn, dialect, migrations).await?;
        let head = ChainHead::load(&mut conn).await?;
        let readers = AnyPoolOptions::new()
            .max_connections(READERS_MAX)
            .acquire_timeout(READER_WAIT)
            .after_connect(move |c, _| Box::pin(async move { writer::prepare_reader(c, dialect).await }))
            .connect(&url)
            .await?;
        let (seq_out, last_seq) = watch::channel(head.seq);
        let (jobs, inbox) = mpsc::channel(WRITE_QUEUE_MAX);
        writer::start(url, Tx::new(conn, dialect, head, ids), inbox, seq_out)
            .map_err(|e| StoreError::Unavailable(format!("the writer's thread: {e}")))?;
        Ok(Self { jobs, readers, dialect, last_seq })
    }

    /// Runs `work` in a transaction of its own and answers after it is on disk. If `work` returns an error, nothing
    /// it wrote remains.
    ///
    /// ```ignore
    /// store.write(|tx| Box::pin(async move { rows::insert(tx, &case).await })).await?;
    /// ```
    pub async fn write<T, E, F>(&self, work: F) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
        F: for<'a> FnOnce(&'a mut Tx) -> WriteFuture<'a, T, E> + Send + 'static,
    {
        let (answer, wait) = oneshot::channel();
        let job = writer::job(work, answer);
        self.jobs.try_send(job).map_err(|e| match e {
            mpsc::error::TrySendError::Full(_) => StoreError::Overloaded,
            mpsc::error::TrySendError::Closed(_) => StoreError::Unavailable("the writer has stopped".into()),
        })?;
        wait.await.unwrap_or_else(|_| Err(StoreError::Unavailable("the writer has stopped".into()).into()))
    }

    /// The pool for reading: `sqlx::query(…).fetch_all(store.reader())`.
    pub fn reader(&self) -> &AnyPool {
        &self.readers
    }

    /// Which database serves.
    pub fn dialect(&self) -> Dialect {
        self.dialect
    }

    /// The log's last committed sequence number; changes wake whoever follows.
    pub fn last_seq(&self) -> watch::Receiver<i64> {
        self.last_seq.clone()
    }
}
