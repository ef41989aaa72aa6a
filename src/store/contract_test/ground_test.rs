//! Fresh databases for the contract, one engine each, and a way in behind the store's back.
//!
//! PostgreSQL is at `CAIRN_TEST_POSTGRES_URL`, whose user may create databases. Without it the tests fail, unless
//! `CAIRN_TEST_STORES` is exactly `sqlite`: a store must not go untested by oversight.

use super::nothing::NothingStore;
use crate::store::Store;
use crate::store::postgres::{PgStore, migrate};
use crate::store::sqlite::SqliteStore;
use crate::transfer::Place;
use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use tempfile::TempDir;

enum Engine {
    Sqlite(TempDir),
    Postgres { admin: String, url: String, database: String },
    Nothing,
}

/// A place for one database.
pub(super) struct Ground(Engine);

static DATABASES: AtomicU32 = AtomicU32::new(0);

impl Ground {
    pub(super) fn sqlite() -> Self {
        Self(Engine::Sqlite(tempfile::tempdir().unwrap()))
    }

    /// `None` only where PostgreSQL was ruled out by name.
    pub(super) async fn postgres() -> Option<Self> {
        if std::env::var("CAIRN_TEST_STORES").as_deref() == Ok("sqlite") {
            println!("not run on PostgreSQL: CAIRN_TEST_STORES is sqlite");
            return None;
        }
        let admin = std::env::var("CAIRN_TEST_POSTGRES_URL")
            .expect("CAIRN_TEST_POSTGRES_URL names the PostgreSQL to test on; CAIRN_TEST_STORES=sqlite leaves it out");
        let number = DATABASES.fetch_add(1, Ordering::SeqCst);
        let database = format!("cairn_store_test_{}_{number}", std::process::id());
        let mut connection = PgConnection::connect(&admin).await.unwrap();
        // A run that was broken off may have left one of this name behind.
        for sql in [format!("DROP DATABASE IF EXISTS {database} WITH (FORCE)"), format!("CREATE DATABASE {database}")] {
            sqlx::query(AssertSqlSafe(sql)).execute(&mut connection).await.unwrap();
        }
        connection.close().await.unwrap();
        let options: PgConnectOptions = admin.parse().unwrap();
        let url = options.database(&database).to_url_lossy().to_string();
        migrate(&url, None).await.unwrap();
        Some(Self(Engine::Postgres { admin, url, database }))
    }

    /// A fresh place with the same engine.
    pub(super) async fn another(&self) -> Self {
        match &self.0 {
            Engine::Sqlite(_) => Self::sqlite(),
            Engine::Postgres { .. } => Self::postgres().await.unwrap(),
            Engine::Nothing => Self::nothing(),
        }
    }

    /// No database at all: what is opened here answers emptily to everything.
    pub(super) const fn nothing() -> Self {
        Self(Engine::Nothing)
    }

    /// Gives the place back.
    pub(super) async fn remove(self) {
        if let Engine::Postgres { admin, database, .. } = self.0 {
            let mut connection = PgConnection::connect(&admin).await.unwrap();
            let sql = format!("DROP DATABASE {database} WITH (FORCE)");
            sqlx::query(AssertSqlSafe(sql)).execute(&mut connection).await.unwrap();
        }
    }

    pub(super) const fn is_postgres(&self) -> bool {
        matches!(self.0, Engine::Postgres { .. })
    }

    fn file(folder: &TempDir) -> PathBuf {
        folder.path().join("cairn.sqlite")
    }

    /// A handle to the store; each call makes another one on the same database.
    pub(super) async fn open(&self) -> Arc<dyn Store> {
        match &self.0 {
            Engine::Sqlite(folder) => Arc::new(SqliteStore::open(&Self::file(folder), true, 2).await.unwrap()),
            Engine::Postgres { url, .. } => Arc::new(PgStore::open(url, 4).await.unwrap()),
            Engine::Nothing => Arc::new(NothingStore::default()),
        }
    }

    /// Where the database is, for what travels.
    pub(super) fn place(&self) -> Place {
        match &self.0 {
            Engine::Sqlite(folder) => Place::Sqlite(Self::file(folder)),
            Engine::Postgres { url, .. } => Place::Postgres(url.clone()),
            Engine::Nothing => Place::Sqlite(PathBuf::new()),
        }
    }

    /// Runs a statement behind the store's back; answers how many rows it changed.
    pub(super) async fn run(&self, sql: &str) -> Result<u64, sqlx::Error> {
        let sql = AssertSqlSafe(sql.to_owned());
        match &self.0 {
            Engine::Sqlite(folder) => {
                let mut connection = Self::beside(folder).await?;
                Ok(sqlx::query(sql).execute(&mut connection).await?.rows_affected())
            }
            Engine::Postgres { url, .. } => {
                let mut connection = PgConnection::connect(url).await?;
                Ok(sqlx::query(sql).execute(&mut connection).await?.rows_affected())
            }
            Engine::Nothing => Ok(0),
        }
    }

    /// The one number that a query gives.
    pub(super) async fn number(&self, sql: &str) -> i64 {
        let sql = AssertSqlSafe(sql.to_owned());
        match &self.0 {
            Engine::Sqlite(folder) => {
                let mut connection = Self::beside(folder).await.unwrap();
                sqlx::query_scalar(sql).fetch_one(&mut connection).await.unwrap()
            }
            Engine::Postgres { url, .. } => {
                let mut connection = PgConnection::connect(url).await.unwrap();
                sqlx::query_scalar(sql).fetch_one(&mut connection).await.unwrap()
            }
            Engine::Nothing => 0,
        }
    }

    /// The one column of bytes that a query gives.
    pub(super) async fn bytes(&self, sql: &str) -> Vec<Vec<u8>> {
        let sql = AssertSqlSafe(sql.to_owned());
        match &self.0 {
            Engine::Sqlite(folder) => {
                let mut connection = Self::beside(folder).await.unwrap();
                sqlx::query_scalar(sql).fetch_all(&mut connection).await.unwrap()
            }
            Engine::Postgres { url, .. } => {
                let mut connection = PgConnection::connect(url).await.unwrap();
                sqlx::query_scalar(sql).fetch_all(&mut connection).await.unwrap()
            }
            Engine::Nothing => Vec::new(),
        }
    }

    async fn beside(folder: &TempDir) -> Result<SqliteConnection, sqlx::Error> {
        SqliteConnectOptions::new().filename(Self::file(folder)).connect().await
    }
}
