//! The one writer: takes waiting jobs, runs each in a savepoint, commits them together, then answers them all.
//!
//! It has a thread of its own. Each statement goes to the database's thread and back; a task among the runtime's workers
//! would be woken through their poller each time, which costs more than most statements.

use std::time::Duration;

use sqlx::{AnyConnection, Connection};
use tokio::sync::{mpsc, oneshot, watch};

use super::chain::ChainHead;
use super::{Dialect, StoreError, WriteFuture};
use crate::ids::{IdSource, Timestamp};

/// Jobs in one commit: enough to spread an fsync over a burst, few enough that the first does not wait long.
const GROUP_MAX: usize = 128;
/// Pause before the writer connects again after the database went away.
const RECONNECT_PAUSE: Duration = Duration::from_millis(500);

/// What a job left behind, to be settled when the group's commit is known.
pub(super) struct Settled {
    keep: bool,
    answer: Box<dyn FnOnce(Result<(), StoreError>) + Send>,
}

pub(super) type Job =
    Box<dyn for<'a> FnOnce(&'a mut Tx) -> std::pin::Pin<Box<dyn Future<Output = Settled> + Send + 'a>> + Send>;

/// Wraps typed work into a job whose answer leaves only after the commit.
pub(super) fn job<T, E, F>(work: F, answer: oneshot::Sender<Result<T, E>>) -> Job
where
    T: Send + 'static,
    E: From<StoreError> + Send + 'static,
    F: for<'a> FnOnce(&'a mut Tx) -> WriteFuture<'a, T, E> + Send + 'static,
{
    Box::new(move |tx| {
        Box::pin(async move {
            let result = work(tx).await;
            let keep = result.is_ok();
            Settled {
                keep,
                answer: Box::new(move |committed| {
                    // A caller that went away does not need the answer; what was committed stays committed.
                    let _ = answer.send(match committed {
                        Ok(()) => result,
                        Err(e) if keep => Err(e.into()),
                        Err(_) => result,
                    });
                }),
            }
        })
    })
}

/// A write transaction. All of one job's statements go through it.
pub struct Tx {
    conn: AnyConnection,
    dialect: Dialect,
    now: Timestamp,
    ids: Box<dyn IdSource>,
    /// The log's head as this transaction sees it; restored when the job fails.
    pub(crate) head: ChainHead,
    after_commit: Vec<Box<dyn FnOnce() + Send>>,
    job: u64,
}

/// A place in a transaction; see [`Tx::mark`].
#[must_use = "keep it or undo it"]
pub struct Mark {
    head: ChainHead,
    hooks: usize,
}

impl Tx {
    pub(super) fn new(conn: AnyConnection, dialect: Dialect, head: ChainHead, ids: Box<dyn IdSource>) -> Self {
        Self { conn, dialect, now: Timestamp::now(), ids, head, after_commit: Vec::new(), job: 0 }
    }

    /// The connection for `sqlx::query(…).execute(tx.conn())`.
    pub fn conn(&mut self) -> &mut AnyConnection {
        &mut self.conn
    }

    /// Which database serves.
    pub fn dialect(&self) -> Dialect {
        self.dialect
    }

    /// When this transaction began: the one instant for all that it writes. Never runs backwards.
    pub fn now(&self) -> Timestamp {
        self.now
    }

    /// The source of new ids.
    pub fn ids(&mut self) -> &mut dyn IdSource {
        &mut *self.ids
    }

    /// Does `then` once the commit is on disk, and never if it fails: for caches and wake-ups.
    pub fn after_commit(&mut self, then: impl FnOnce() + Send + 'static) {
        self.after_commit.push(Box::new(then));
    }

    /// Marks a place to which [`Tx::undo`] takes the transaction back: for what must be written before it is known
    /// whether it holds, such as a cause before an effect that may be refused. Settle every mark, the last one first; a
    /// job that fails settles its own.
    ///
    /// # Errors
    /// The database's.
    pub async fn mark(&mut self) -> Result<Mark, StoreError> {
        self.raw("SAVEPOINT part").await?;
        Ok(Mark { head: self.head, hooks: self.after_commit.len() })
    }

    /// What was written since the mark stays.
    ///
    /// # Errors
    /// The database's.
    pub async fn keep(&mut self, _: Mark) -> Result<(), StoreError> {
        self.raw("RELEASE SAVEPOINT part").await
    }

    /// What was written since the mark, events included, never was.
    ///
    /// # Errors
    /// The database's.
    pub async fn undo(&mut self, mark: Mark) -> Result<(), StoreError> {
        self.raw("ROLLBACK TO SAVEPOINT part").await?;
        self.raw("RELEASE SAVEPOINT part").await?;
        self.head = mark.head;
        self.after_commit.truncate(mark.hooks);
        self.job += 1;
        Ok(())
    }

    /// The number of the job that runs: no other has or had it, nor this one before it undid a part of itself. For who
    /// must know whether something not yet committed is there for him.
    pub(crate) fn job(&self) -> u64 {
        self.job
    }

    async fn raw(&mut self, sql: &'static str) -> Result<(), StoreError> {
        sqlx::raw_sql(sql).execute(&mut self.conn).await?;
        Ok(())
    }

    /// Runs one job in the savepoint that is open; a job that fails leaves nothing. The savepoint stays open, for the
    /// group to end. The job is among the `settled` even if the savepoint then cannot be rolled back (SQLite rolls
    /// everything back when the disk is full): its asker learns why.
    async fn run(&mut self, job: Job, settled: &mut Vec<Settled>) -> Result<(), StoreError> {
        self.now = self.now.max(Timestamp::now());
        self.job += 1;
        let (head, hooks) = (self.head, self.after_commit.len());
        let done = job(self).await;
        let keep = done.keep;
        settled.push(done);
        if !keep {
            self.raw("ROLLBACK TO SAVEPOINT job").await?;
            self.head = head;
            self.after_commit.truncate(hooks);
        }
        Ok(())
    }
}

/// Opens the writer's connection with the durability the design demands.
pub(super) async fn connect(url: &str, dialect: Dialect) -> Result<AnyConnection, StoreError> {
    let mut conn = AnyConnection::connect(url).await?;
    let setup = match dialect {
        // FULL: a commit is answered after its fsync, also through a power loss (facts: SQLite WAL).
        Dialect::Sqlite => {
            "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON; PRAGMA busy_timeout = 5000; \
             PRAGMA cache_size = -65536; PRAGMA journal_size_limit = 67108864;"
        }
        Dialect::Postgres => "SET synchronous_commit = on; SET statement_timeout = '30s';",
    };
    sqlx::raw_sql(setup).execute(&mut conn).await?;
    Ok(conn)
}

/// Sets a reader's connection up: it can never write.
pub(super) async fn prepare_reader(conn: &mut AnyConnection, dialect: Dialect) -> Result<(), sqlx::Error> {
    let setup = match dialect {
        Dialect::Sqlite => "PRAGMA query_only = ON; PRAGMA busy_timeout = 5000;",
        Dialect::Postgres => "SET default_transaction_read_only = on; SET statement_timeout = '30s';",
    };
    sqlx::raw_sql(setup).execute(conn).await.map(|_| ())
}

/// Starts the writer's thread. It ends when every [`super::Store`] is dropped.
pub(super) fn start(
    url: String,
    tx: Tx,
    inbox: mpsc::Receiver<Job>,
    seq_out: watch::Sender<i64>,
) -> std::io::Result<()> {
    let runtime = tokio::runtime::Handle::current(); // jobs may use its clock, and PostgreSQL its sockets
    let thread = std::thread::Builder::new().name("store-writer".into());
    thread.spawn(move || runtime.block_on(run(url, tx, inbox, seq_out))).map(drop)
}

async fn run(url: String, mut tx: Tx, mut inbox: mpsc::Receiver<Job>, seq_out: watch::Sender<i64>) {
    let mut group = Vec::with_capacity(GROUP_MAX);
    while !group.is_empty() || inbox.recv_many(&mut group, GROUP_MAX).await > 0 {
        let before = tx.head;
        let mut settled = Vec::with_capacity(group.len());
        let mut jobs = std::mem::take(&mut group).into_iter();
        match commit_group(&mut tx, &mut jobs, &mut settled).await {
            Ok(()) => {
                metrics::counter!("liandong_store_commits_total").increment(1);
                metrics::counter!("liandong_store_writes_total").increment(settled.len() as u64);
                for hook in std::mem::take(&mut tx.after_commit) {
                    hook();
                }
                if tx.head.seq != before.seq {
                    seq_out.send_replace(tx.head.seq);
                }
                settled.into_iter().for_each(|s| (s.answer)(Ok(())));
            }
            Err(e) => {
                tracing::error!(error = %e, jobs = settled.len(), "group commit failed; nothing of it was kept");
                tx.after_commit.clear();
                let told = match e {
                    StoreError::Full(_) => e,
                    other => StoreError::Unavailable(other.to_string()),
                };
                if !settled.is_empty() {
                    group.extend(jobs); // what had not begun has not failed: it is tried anew
                }
                settled.into_iter().for_each(|s| (s.answer)(Err(told.clone())));
                reconnect(&url, &mut tx, &mut inbox, &mut group).await;
            }
        }
    }
}

/// Each job has a savepoint of its own. Ending one and beginning the next go to the database together: every way there
/// and back costs more than the statement.
async fn commit_group(
    tx: &mut Tx,
    jobs: &mut impl ExactSizeIterator<Item = Job>,
    settled: &mut Vec<Settled>,
) -> Result<(), StoreError> {
    tx.raw(match tx.dialect {
        Dialect::Sqlite => "BEGIN IMMEDIATE; SAVEPOINT job",
        Dialect::Postgres => "BEGIN; SAVEPOINT job",
    })
    .await?;
    while let Some(job) = jobs.next() {
        tx.run(job, settled).await?;
        if jobs.len() > 0 {
            tx.raw("RELEASE SAVEPOINT job; SAVEPOINT job").await?;
        }
    }
    tx.raw("RELEASE SAVEPOINT job; COMMIT").await
}

/// After a failed commit the connection's state is unknown: a fresh one, and the head as the database has it.
/// Jobs that arrive meanwhile are let go, which tells their callers at once that the store is away (503).
async fn reconnect(url: &str, tx: &mut Tx, inbox: &mut mpsc::Receiver<Job>, group: &mut Vec<Job>) {
    loop {
        let fresh = async {
            let mut conn = connect(url, tx.dialect).await?;
            let head = ChainHead::load(&mut conn).await?;
            Ok::<_, StoreError>((conn, head))
        };
        match fresh.await {
            Ok((conn, head)) => {
                tx.conn = conn;
                tx.head = head;
                return;
            }
            Err(e) => {
                tracing::warn!(error = %e, "the database is away; trying again");
                group.clear();
                while inbox.try_recv().is_ok() {}
                tokio::time::sleep(RECONNECT_PAUSE).await;
            }
        }
    }
}
