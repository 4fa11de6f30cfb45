//! Backup and restore of the embedded database. PostgreSQL brings its own tools, and is told so.

use std::path::{Path, PathBuf};

use sqlx::{AnyConnection, Connection};

use super::StoreError;

/// Why a backup or a restore was refused. Nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// It would overwrite something.
    #[error("{0} is there already; nothing is overwritten")]
    Exists(PathBuf),
    /// There is nothing to copy.
    #[error("{0}: no such file")]
    Missing(PathBuf),
    /// A server has its own way.
    #[error("this hub keeps its data in PostgreSQL: use pg_dump and pg_restore, or the server's archive")]
    Server,
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The file system.
    #[error("{0}")]
    Io(#[from] std::io::Error),
}

/// Copies the SQLite database at `url` into the new file `to`: consistent also while the hub runs, and on disk before this
/// returns.
pub async fn backup(url: &str, to: &Path) -> Result<(), BackupError> {
    let from = file_of(url)?;
    if !from.exists() {
        return Err(BackupError::Missing(from));
    }
    if to.exists() {
        return Err(BackupError::Exists(to.to_owned()));
    }
    sqlx::any::install_default_drivers();
    let mut conn = AnyConnection::connect(url).await.map_err(StoreError::from)?;
    sqlx::query("VACUUM INTO $1").bind(to.display().to_string()).execute(&mut conn).await.map_err(StoreError::from)?;
    std::fs::File::open(to)?.sync_all()?;
    Ok(())
}

/// Puts the backup `from` where `url` points; refused if a database is there.
pub fn restore(from: &Path, url: &str) -> Result<(), BackupError> {
    let to = file_of(url)?;
    if !from.exists() {
        return Err(BackupError::Missing(from.to_owned()));
    }
    if to.exists() {
        return Err(BackupError::Exists(to));
    }
    if let Some(folder) = to.parent() {
        std::fs::create_dir_all(folder)?;
    }
    std::fs::copy(from, &to)?;
    std::fs::File::open(&to)?.sync_all()?;
    Ok(())
}

fn file_of(url: &str) -> Result<PathBuf, BackupError> {
    let path = url.strip_prefix("sqlite://").ok_or(BackupError::Server)?;
    Ok(PathBuf::from(path.split('?').next().unwrap_or(path)))
}
