//! Migrations: each domain brings its own numbered SQL files, and the store applies what is missing, in order, once.
//!
//! A file is written for both databases. Where they must differ, a line that begins with `--sqlite ` or `--postgres ` is
//! taken (without the mark) on that database only.

use ring::digest::{SHA256, digest};
use sqlx::{AnyConnection, Row};

use super::{Dialect, StoreError};

/// One step of the schema. Never edited after it was released: a changed text is refused at start.
#[derive(Debug, Clone, Copy)]
pub struct Migration {
    /// `domain/NNN_what`, unique for ever.
    pub name: &'static str,
    /// The SQL text.
    pub sql: &'static str,
}

/// Applies the migrations that are missing; each in a transaction of its own, so that a kill half way is taken up again.
pub async fn migrate(conn: &mut AnyConnection, dialect: Dialect, sets: &[&[Migration]]) -> Result<(), StoreError> {
    sqlx::raw_sql(
        "CREATE TABLE IF NOT EXISTS migrations (name TEXT PRIMARY KEY, checksum TEXT NOT NULL, applied_at BIGINT NOT NULL)",
    )
    .execute(&mut *conn)
    .await?;
    for migration in sets.iter().copied().flatten() {
        apply(conn, dialect, migration).await?;
    }
    Ok(())
}

async fn apply(conn: &mut AnyConnection, dialect: Dialect, migration: &Migration) -> Result<(), StoreError> {
    let checksum = hex(digest(&SHA256, migration.sql.as_bytes()).as_ref());
    let known = sqlx::query("SELECT checksum FROM migrations WHERE name = $1")
        .bind(migration.name)
        .fetch_optional(&mut *conn)
        .await?;
    if let Some(row) = known {
        let stored: String = row.try_get(0)?;
        return if stored == checksum {
            Ok(())
        } else {
            Err(StoreError::Damaged(format!("migration {} was changed after it was applied", migration.name)))
        };
    }
    sqlx::raw_sql("BEGIN").execute(&mut *conn).await?;
    let done = async {
        sqlx::raw_sql(sqlx::AssertSqlSafe(for_dialect(migration.sql, dialect))).execute(&mut *conn).await?;
        sqlx::query("INSERT INTO migrations (name, checksum, applied_at) VALUES ($1, $2, $3)")
            .bind(migration.name)
            .bind(checksum)
            .bind(crate::ids::Timestamp::now().0)
            .execute(&mut *conn)
            .await?;
        Ok::<_, sqlx::Error>(())
    }
    .await;
    match done {
        Ok(()) => {
            sqlx::raw_sql("COMMIT").execute(conn).await?;
            Ok(())
        }
        Err(e) => {
            let _ = sqlx::raw_sql("ROLLBACK").execute(conn).await;
            tracing::error!(migration = migration.name, error = %e, "migration failed");
            Err(e.into())
        }
    }
}

/// The text for one database.
fn for_dialect(sql: &str, dialect: Dialect) -> String {
    let (ours, theirs) = match dialect {
        Dialect::Sqlite => ("--sqlite ", "--postgres "),
        Dialect::Postgres => ("--postgres ", "--sqlite "),
    };
    sql.lines()
        .map(str::trim_start)
        .filter(|l| !l.starts_with(theirs))
        .map(|l| l.strip_prefix(ours).unwrap_or(l))
        .collect::<Vec<_>>()
        .join("\n")
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut s, b| {
        let _ = write!(s, "{b:02x}");
        s
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marked_lines_belong_to_one_database() {
        let sql = "CREATE TABLE a (x TEXT);\n--sqlite CREATE INDEX s ON a (x);\n--postgres CREATE INDEX p ON a (x);";
        assert_eq!(for_dialect(sql, Dialect::Sqlite), "CREATE TABLE a (x TEXT);\nCREATE INDEX s ON a (x);");
        assert_eq!(for_dialect(sql, Dialect::Postgres), "CREATE TABLE a (x TEXT);\nCREATE INDEX p ON a (x);");
    }
}
