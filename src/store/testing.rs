//! Stores for tests: SQLite in a temporary folder, and PostgreSQL in a schema of its own when `LIANDONG_TEST_POSTGRES`
//! holds the URL of a server (`make test` starts one).
#![allow(clippy::unwrap_used)]

use std::sync::atomic::{AtomicU32, Ordering};

use super::{Migration, Store};
use crate::ids::SystemIds;

/// A store that lives as long as its folder.
pub(crate) struct TestStore {
    pub(crate) store: Store,
    _folder: tempfile::TempDir,
}

static SCHEMA: AtomicU32 = AtomicU32::new(0);

/// One fresh store per database that is there, with these migrations.
pub(crate) async fn stores(migrations: &[&[Migration]]) -> Vec<TestStore> {
    let mut stores = vec![open(migrations, sqlite_url()).await];
    if let Some(server) = std::env::var("LIANDONG_TEST_POSTGRES").ok().filter(|s| !s.is_empty()) {
        stores.push(open(migrations, (postgres_url(&server).await, tempfile::tempdir().unwrap())).await);
    }
    stores
}

async fn open(migrations: &[&[Migration]], (url, folder): (String, tempfile::TempDir)) -> TestStore {
    let store = Store::open(&url, migrations, Box::new(SystemIds)).await.unwrap();
    TestStore { store, _folder: folder }
}

fn sqlite_url() -> (String, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    (format!("sqlite://{}", folder.path().join("hub.db").display()), folder)
}

async fn postgres_url(server: &str) -> String {
    use sqlx::Connection;
    sqlx::any::install_default_drivers();
    let schema = format!("t{}_{}", std::process::id(), SCHEMA.fetch_add(1, Ordering::Relaxed));
    let mut conn = sqlx::AnyConnection::connect(server).await.unwrap();
    sqlx::raw_sql(sqlx::AssertSqlSafe(format!("CREATE SCHEMA {schema}"))).execute(&mut conn).await.unwrap();
    let join = if server.contains('?') { '&' } else { '?' };
    format!("{server}{join}options=-c%20search_path%3D{schema}")
}
