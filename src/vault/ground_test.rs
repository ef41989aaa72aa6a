//! Fresh key stores for tests, one engine each, and the means to damage them.
//!
//! PostgreSQL is at `CAIRN_TEST_POSTGRES_URL`, whose user may create databases. Without it the tests fail, unless
//! `CAIRN_TEST_STORES` is exactly `sqlite`: a store must not go untested by oversight.

use super::{MasterKeys, SystemRandom, Vault, VaultError, VaultSettings};
use sqlx::postgres::{PgConnectOptions, PgPool};
use sqlx::sqlite::SqlitePool;
use sqlx::{AssertSqlSafe, ConnectOptions};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tempfile::TempDir;

/// Makes each statement a test of its own on each store.
macro_rules! on_both_stores {
    ($($name:ident)*) => {
        mod sqlite_store { $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                let ground = crate::vault::ground_test::Ground::sqlite().await.unwrap();
                super::$name(&ground).await;
                ground.remove().await;
            }
        )* }
        mod postgres_store { $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                if let Some(ground) = crate::vault::ground_test::Ground::postgres().await {
                    super::$name(&ground).await;
                    ground.remove().await;
                }
            }
        )* }
    };
}
pub(super) use on_both_stores;

/// A clock that a test moves, in seconds.
#[derive(Clone, Default)]
pub(super) struct TestClock(Arc<AtomicU64>);

impl TestClock {
    pub(super) fn set(&self, seconds: u64) {
        self.0.store(seconds, Ordering::SeqCst);
    }
}

enum Engine {
    Sqlite(TempDir),
    Postgres { admin: PgPool, database: String },
}

/// A place for one key store.
pub(super) struct Ground {
    engine: Engine,
    pub(super) url: String,
    pub(super) clock: TestClock,
}

impl Ground {
    pub(super) async fn sqlite() -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite:{}", folder.path().join("keys.sqlite").display());
        Some(Self { engine: Engine::Sqlite(folder), url, clock: TestClock::default() })
    }

    /// `None` only where PostgreSQL was ruled out by name.
    pub(super) async fn postgres() -> Option<Self> {
        let Ok(url) = std::env::var("CAIRN_TEST_POSTGRES_URL") else {
            let stores = std::env::var("CAIRN_TEST_STORES");
            assert_eq!(stores.as_deref(), Ok("sqlite"), "set CAIRN_TEST_POSTGRES_URL, or CAIRN_TEST_STORES=sqlite");
            return None;
        };
        let admin = PgPool::connect(&url).await.unwrap();
        let database = format!("cairn_keys_test_{}", uuid::Uuid::new_v4().simple());
        sqlx::query(AssertSqlSafe(format!("CREATE DATABASE {database}"))).execute(&admin).await.unwrap();
        let options: PgConnectOptions = url.parse().unwrap();
        let url = options.database(&database).to_url_lossy().to_string();
        Some(Self { engine: Engine::Postgres { admin, database }, url, clock: TestClock::default() })
    }

    /// A copy of the store as it is, as a backup's: vaults on this one must be closed.
    pub(super) async fn copy(&self) -> Self {
        let mut copy = match &self.engine {
            Engine::Sqlite(_) => Self::sqlite().await.unwrap(),
            Engine::Postgres { .. } => Self::postgres().await.unwrap(),
        };
        copy.clock = self.clock.clone();
        match (&self.engine, &copy.engine) {
            (Engine::Postgres { admin, database }, Engine::Postgres { database: new, .. }) => {
                for sql in [format!("DROP DATABASE {new}"), format!("CREATE DATABASE {new} TEMPLATE {database}")] {
                    sqlx::query(AssertSqlSafe(sql)).execute(admin).await.unwrap();
                }
            }
            _ => drop(std::fs::copy(self.file().unwrap(), copy.file().unwrap()).unwrap()),
        }
        copy
    }

    /// Gives the place back.
    pub(super) async fn remove(self) {
        if let Engine::Postgres { admin, database } = self.engine {
            let sql = format!("DROP DATABASE {database} WITH (FORCE)");
            sqlx::query(AssertSqlSafe(sql)).execute(&admin).await.unwrap();
        }
    }

    /// The SQLite file, where it is one.
    pub(super) fn file(&self) -> Option<PathBuf> {
        match &self.engine {
            Engine::Sqlite(folder) => Some(folder.path().join("keys.sqlite")),
            Engine::Postgres { .. } => None,
        }
    }

    /// Runs a statement behind the vault's back; answers the rows that it changed.
    pub(super) async fn run(&self, sql: &'static str) -> u64 {
        match &self.engine {
            Engine::Sqlite(_) => {
                let pool = SqlitePool::connect(&self.url).await.unwrap();
                let changed = sqlx::query(sql).execute(&pool).await.unwrap().rows_affected();
                pool.close().await;
                changed
            }
            Engine::Postgres { .. } => {
                let pool = PgPool::connect(&self.url).await.unwrap();
                let changed = sqlx::query(sql).execute(&pool).await.unwrap().rows_affected();
                pool.close().await;
                changed
            }
        }
    }

    /// Tries a statement behind the vault's back; answers the rows that it changed.
    pub(super) async fn try_run(&self, sql: &str) -> Result<u64, sqlx::Error> {
        let sql = AssertSqlSafe(sql.to_owned());
        match &self.engine {
            Engine::Sqlite(_) => {
                let pool = SqlitePool::connect(&self.url).await.unwrap();
                let answer = sqlx::raw_sql(sql).execute(&pool).await;
                pool.close().await;
                Ok(answer?.rows_affected())
            }
            Engine::Postgres { .. } => {
                let pool = PgPool::connect(&self.url).await.unwrap();
                let answer = sqlx::raw_sql(sql).execute(&pool).await;
                pool.close().await;
                Ok(answer?.rows_affected())
            }
        }
    }

    /// A fresh place with the same engine.
    pub(super) async fn bare_other(&self) -> Self {
        match &self.engine {
            Engine::Sqlite(_) => Self::sqlite().await.unwrap(),
            Engine::Postgres { .. } => Self::postgres().await.unwrap(),
        }
    }

    /// Every column of every table but the migrations', as `table.column`, sorted.
    pub(super) async fn columns(&self) -> Vec<String> {
        let mut columns: Vec<String> = match &self.engine {
            Engine::Sqlite(_) => {
                let sql = "SELECT m.name || '.' || c.name FROM sqlite_schema AS m JOIN pragma_table_info(m.name) AS c \
                           WHERE m.type = 'table' AND m.name <> '_sqlx_migrations'";
                let pool = SqlitePool::connect(&self.url).await.unwrap();
                sqlx::query_scalar(sql).fetch_all(&pool).await.unwrap()
            }
            Engine::Postgres { .. } => {
                let sql = "SELECT table_name || '.' || column_name FROM information_schema.columns \
                           WHERE table_schema = 'public' AND table_name <> '_sqlx_migrations'";
                let pool = PgPool::connect(&self.url).await.unwrap();
                sqlx::query_scalar(sql).fetch_all(&pool).await.unwrap()
            }
        };
        columns.sort();
        columns
    }

    /// How an id is written in a statement.
    pub(super) fn id(&self, id: uuid::Uuid) -> String {
        match &self.engine {
            Engine::Sqlite(_) => format!("x'{}'", id.simple()),
            Engine::Postgres { .. } => format!("'{id}'"),
        }
    }

    /// Makes the store what a version from before the mark of epochs left, once migrated.
    pub(super) async fn unmark(&self) {
        let forget = "UPDATE key_epoch SET probe = NULL";
        let sql = match &self.engine {
            Engine::Sqlite(_) => {
                let pool = SqlitePool::connect(&self.url).await.unwrap();
                let trigger = "SELECT sql FROM sqlite_schema WHERE name = 'key_epoch_never_goes_back'";
                let trigger: String = sqlx::query_scalar(trigger).fetch_one(&pool).await.unwrap();
                pool.close().await;
                format!("DROP TRIGGER key_epoch_never_goes_back; {forget}; {trigger}")
            }
            Engine::Postgres { .. } => {
                format!(
                    "ALTER TABLE key_epoch DISABLE TRIGGER USER; {forget}; ALTER TABLE key_epoch ENABLE TRIGGER USER"
                )
            }
        };
        self.try_run(&sql).await.unwrap();
    }

    /// The one number that a query behind the vault's back gives.
    pub(super) async fn count(&self, sql: &'static str) -> i64 {
        match &self.engine {
            Engine::Sqlite(_) => {
                let pool = SqlitePool::connect(&self.url).await.unwrap();
                let count = sqlx::query_scalar(sql).fetch_one(&pool).await.unwrap();
                pool.close().await;
                count
            }
            Engine::Postgres { .. } => {
                let pool = PgPool::connect(&self.url).await.unwrap();
                let count = sqlx::query_scalar(sql).fetch_one(&pool).await.unwrap();
                pool.close().await;
                count
            }
        }
    }

    /// Switches off what keeps acknowledged writes, where the engine's owner could.
    pub(super) async fn weaken(&self) -> bool {
        if let Engine::Postgres { admin, database } = &self.engine {
            let sql = format!("ALTER DATABASE {database} SET synchronous_commit = off");
            sqlx::query(AssertSqlSafe(sql)).execute(admin).await.unwrap();
            return true;
        }
        false
    }

    /// Settings with a clock of the ground's.
    pub(super) fn settings(&self, create: bool, cache_seconds: u64) -> VaultSettings {
        let clock = self.clock.clone();
        VaultSettings {
            url: self.url.clone(),
            create,
            master_file: None,
            cache_ttl: Duration::from_secs(cache_seconds),
            monotonic: Arc::new(move || Duration::from_secs(clock.0.load(Ordering::SeqCst))),
        }
    }

    /// A vault that remembers nothing, with these master keys.
    pub(super) async fn open_with(&self, create: bool, keys: MasterKeys) -> Result<Vault, VaultError> {
        Vault::open(self.settings(create, 0), keys, Arc::new(SystemRandom)).await
    }

    /// A vault that remembers nothing and reads its master keys from a file.
    pub(super) async fn open_from(&self, file: &std::path::Path) -> Vault {
        let settings = VaultSettings { master_file: Some(file.to_owned()), ..self.settings(true, 0) };
        Vault::open(settings, MasterKeys::load(file).unwrap(), Arc::new(SystemRandom)).await.unwrap()
    }

    /// A vault that remembers nothing, with the first master key.
    pub(super) async fn open(&self) -> Vault {
        self.open_with(true, master(&[(1, "a")])).await.unwrap()
    }

    /// A vault that remembers keys for the longest time.
    pub(super) async fn open_caching(&self) -> Vault {
        Vault::open(self.settings(true, 60), master(&[(1, "a")]), Arc::new(SystemRandom)).await.unwrap()
    }
}

/// Master keys, each of an epoch and a repeated digit.
pub(super) fn master(keys: &[(u32, &str)]) -> MasterKeys {
    let lines = keys.iter().map(|(epoch, digit)| format!("cairn-master-key/v1 {epoch} {}\n", digit.repeat(64)));
    MasterKeys::parse(&lines.collect::<String>()).unwrap()
}
