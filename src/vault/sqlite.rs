//! The key store in a SQLite file of its own, readable by its owner only.
//!
//! Native SQL, no clock, no key that is not wrapped. One writing connection (`BEGIN IMMEDIATE`) and a few that read.

mod epochs;

use super::error::VaultError;
use super::key::{KeyClass, KeyId};
use super::store::{DeploymentRecord, KeyRecord, KeyStore, NewKey, deployment_records, key_records};
use crate::database_file::DatabaseFile;
use crate::domain::ids::PersonId;
use async_trait::async_trait;
use sqlx::Connection as _;
use sqlx::migrate::Migrator;
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous, SqliteTransaction,
};
use std::fs::{File, OpenOptions};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;
use uuid::Uuid;

static MIGRATIONS: Migrator = sqlx::migrate!("migrations/keys-sqlite");

/// How long a writer waits for another process's transaction.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
const READERS: u32 = 4;

// Lists travel as one JSON array of hexadecimal identifiers: SQLite has no array parameter.
const FIND: &str = "\
    SELECT key_id, subject, class, generation, epoch, wrapped FROM person_key \
    WHERE key_id IN (SELECT unhex(value) FROM json_each(?1)) \
    UNION ALL \
    SELECT key_id, subject, class, generation, NULL, NULL FROM destroyed_key \
    WHERE key_id IN (SELECT unhex(value) FROM json_each(?1))";
const FIND_OF_SUBJECTS: &str = "\
    SELECT key_id, subject, class, generation, epoch, wrapped FROM person_key \
    WHERE subject IN (SELECT unhex(value) FROM json_each(?1)) \
    UNION ALL \
    SELECT key_id, subject, class, generation, NULL, NULL FROM destroyed_key \
    WHERE subject IN (SELECT unhex(value) FROM json_each(?1))";
const INSERT_MISSING: &str = "\
    INSERT INTO person_key (key_id, subject, class, generation, epoch, wrapped, created_at_micros) \
    SELECT unhex(new.value ->> 0), unhex(new.value ->> 1), new.value ->> 2, new.value ->> 3, new.value ->> 4, \
           unhex(new.value ->> 5), new.value ->> 6 \
    FROM json_each(?1) AS new \
    WHERE NOT EXISTS (SELECT 1 FROM person_key AS old \
                      WHERE old.subject = unhex(new.value ->> 1) AND old.class = new.value ->> 2) \
      AND NOT EXISTS (SELECT 1 FROM destroyed_key AS old \
                      WHERE old.subject = unhex(new.value ->> 1) AND old.class = new.value ->> 2)";
const BURY: &str = "\
    INSERT INTO destroyed_key (key_id, subject, class, generation, destroyed_at_micros, reason) \
    SELECT key_id, subject, class, generation, ?4, ?5 FROM person_key WHERE subject = ?1 AND class = ?2 AND generation < ?3";
const DELETE: &str = "DELETE FROM person_key WHERE subject = ?1 AND class = ?2 AND generation < ?3";
const INSERT_GENERATION: &str = "\
    INSERT INTO person_key (key_id, subject, class, generation, epoch, wrapped, created_at_micros) \
    SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7 \
    WHERE EXISTS (SELECT 1 FROM person_key WHERE subject = ?2 AND class = ?3) \
      AND NOT EXISTS (SELECT 1 FROM person_key WHERE subject = ?2 AND class = ?3 AND generation >= ?4) \
      AND NOT EXISTS (SELECT 1 FROM destroyed_key WHERE subject = ?2 AND class = ?3 AND generation >= ?4)";
const DEPLOYMENT_KEYS: &str = "SELECT name, epoch, wrapped FROM deployment_key ORDER BY name";
const INSERT_DEPLOYMENT_KEY: &str = "\
    INSERT INTO deployment_key (name, epoch, wrapped) SELECT ?1, ?2, ?3 \
    WHERE NOT EXISTS (SELECT 1 FROM person_key) AND NOT EXISTS (SELECT 1 FROM destroyed_key) \
    ON CONFLICT (name) DO NOTHING";
const TABLES: &str = "\
    SELECT (SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name = 'deployment_key'), \
           (SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name = 'event')";

/// Keys in one SQLite file.
pub(super) struct SqliteKeys {
    write: SqlitePool,
    read: SqlitePool,
    file: DatabaseFile,
}

impl SqliteKeys {
    /// Opens the file (creates it, mode 0600, when `create`), brings its tables up to date.
    pub(super) async fn open(path: &Path, create: bool) -> Result<Self, VaultError> {
        if create {
            create_private(path).map_err(|error| VaultError::store("create its file", error))?;
        } else if !path.try_exists().map_err(|error| VaultError::store("look for its file", error))? {
            return Err(VaultError::Missing);
        }
        let options = SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(false)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .busy_timeout(BUSY_TIMEOUT)
            // A deleted key is overwritten in the file, not just unlinked.
            .pragma("secure_delete", "ON");
        let failed = |error| VaultError::store("be opened", error);
        let lock = lock_opening(path).await?;
        let file = DatabaseFile::at(path).map_err(|error| VaultError::store("look at its file", error))?;
        let write = SqlitePoolOptions::new()
            .max_connections(1)
            // On a full disk SQLite ends the transaction by itself, and the driver, whose own rollback then fails, would
            // refuse every later one on this connection: it is replaced.
            .before_acquire(|connection, _| Box::pin(async move { Ok(!connection.is_in_transaction()) }))
            .connect_with(options.clone())
            .await
            .map_err(failed)?;
        let (ours, events): (i64, i64) = sqlx::query_as(TABLES).fetch_one(&write).await.map_err(failed)?;
        if events > 0 {
            return Err(VaultError::SharedWithEvents);
        }
        if ours == 0 && !create {
            return Err(VaultError::Missing);
        }
        MIGRATIONS.run(&write).await.map_err(|error| VaultError::store("be brought up to date", error))?;
        drop(lock);
        let read = SqlitePoolOptions::new()
            .max_connections(READERS)
            .connect_with(options.read_only(true))
            .await
            .map_err(failed)?;
        Ok(Self { write, read, file })
    }

    async fn begin(&self, operation: &'static str) -> Result<SqliteTransaction<'static>, VaultError> {
        self.write.begin_with("BEGIN IMMEDIATE").await.map_err(|error| VaultError::store(operation, error))
    }

    /// Commits what will be found at the next start; into a file that is gone nothing is.
    async fn commit(&self, transaction: SqliteTransaction<'static>, operation: &'static str) -> Result<(), VaultError> {
        if !self.file.is_there_in_transaction() {
            return Err(VaultError::Moved);
        }
        transaction.commit().await.map_err(|error| VaultError::store(operation, error))
    }
}

/// The file, empty, for its owner alone; SQLite gives its write-ahead log the same mode.
fn create_private(path: &Path) -> std::io::Result<()> {
    OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(path).map(drop)
}

/// Lets one process at a time open the store: SQLite's migrations do not lock each other out, nor does the change to
/// write-ahead logging. A file of its own (`<path>.opening`), because closing any handle of the database's file would drop
/// SQLite's locks on it.
async fn lock_opening(path: &Path) -> Result<File, VaultError> {
    let failed = |error| VaultError::store("be locked while it is opened", error);
    let mut name = path.as_os_str().to_owned();
    name.push(".opening");
    let file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(PathBuf::from(name))
        .map_err(failed)?;
    let locked = tokio::task::spawn_blocking(move || file.lock().map(|()| file)).await;
    locked.map_err(|error| VaultError::store("be locked while it is opened", error))?.map_err(failed)
}

fn hex_list(ids: impl Iterator<Item = Uuid>) -> String {
    serde_json::Value::from_iter(ids.map(|id| id.simple().to_string())).to_string()
}

#[async_trait]
impl KeyStore for SqliteKeys {
    async fn find(&self, keys: &[KeyId]) -> Result<Vec<KeyRecord>, VaultError> {
        let rows = sqlx::query_as(FIND)
            .bind(hex_list(keys.iter().map(|key| key.0)))
            .fetch_all(&self.read)
            .await
            .map_err(|error| VaultError::store("find keys", error))?;
        key_records(rows)
    }

    async fn find_of_subjects(&self, subjects: &[PersonId]) -> Result<Vec<KeyRecord>, VaultError> {
        let rows = sqlx::query_as(FIND_OF_SUBJECTS)
            .bind(hex_list(subjects.iter().map(|subject| subject.0)))
            .fetch_all(&self.read)
            .await
            .map_err(|error| VaultError::store("find people's keys", error))?;
        key_records(rows)
    }

    async fn insert_missing(&self, keys: &[NewKey]) -> Result<Vec<KeyRecord>, VaultError> {
        const OPERATION: &str = "keep new keys";
        let failed = |error| VaultError::store(OPERATION, error);
        let rows = keys.iter().map(|NewKey { key, created_at_micros }| {
            serde_json::json!([
                key.name.id.0.simple().to_string(),
                key.name.subject.0.simple().to_string(),
                key.name.class.code(),
                key.name.generation,
                key.wrapped.epoch,
                hex::encode(&key.wrapped.bytes),
                created_at_micros,
            ])
        });
        let list = serde_json::Value::from_iter(rows).to_string();
        let mut transaction = self.begin(OPERATION).await?;
        sqlx::query(INSERT_MISSING).bind(list).execute(&mut *transaction).await.map_err(failed)?;
        let records = sqlx::query_as(FIND_OF_SUBJECTS)
            .bind(hex_list(keys.iter().map(|new| new.key.name.subject.0)))
            .fetch_all(&mut *transaction)
            .await
            .map_err(failed)?;
        self.commit(transaction, OPERATION).await?;
        key_records(records)
    }

    async fn insert_generation(&self, new: &NewKey) -> Result<Vec<KeyRecord>, VaultError> {
        const OPERATION: &str = "keep a key of a new generation";
        let failed = |error| VaultError::store(OPERATION, error);
        let NewKey { key, created_at_micros } = new;
        let mut transaction = self.begin(OPERATION).await?;
        sqlx::query(INSERT_GENERATION)
            .bind(key.name.id.0)
            .bind(key.name.subject.0)
            .bind(key.name.class.code())
            .bind(key.name.generation)
            .bind(key.wrapped.epoch)
            .bind(&key.wrapped.bytes)
            .bind(created_at_micros)
            .execute(&mut *transaction)
            .await
            .map_err(failed)?;
        let records = sqlx::query_as(FIND_OF_SUBJECTS)
            .bind(hex_list(std::iter::once(key.name.subject.0)))
            .fetch_all(&mut *transaction)
            .await
            .map_err(failed)?;
        self.commit(transaction, OPERATION).await?;
        key_records(records)
    }

    async fn destroy(
        &self,
        subject: PersonId,
        class: KeyClass,
        below: u64,
        reason: &str,
        now_micros: i64,
    ) -> Result<u64, VaultError> {
        const OPERATION: &str = "destroy a key";
        let failed = |error| VaultError::store(OPERATION, error);
        let mut transaction = self.begin(OPERATION).await?;
        let buried = sqlx::query(BURY)
            .bind(subject.0)
            .bind(class.code())
            .bind(below.cast_signed())
            .bind(now_micros)
            .bind(reason)
            .execute(&mut *transaction)
            .await
            .map_err(failed)?;
        sqlx::query(DELETE)
            .bind(subject.0)
            .bind(class.code())
            .bind(below.cast_signed())
            .execute(&mut *transaction)
            .await
            .map_err(failed)?;
        self.commit(transaction, OPERATION).await?;
        // The write-ahead log still holds the page with the key. A reader may hold this back; then it happens at a
        // later checkpoint, and the epoch's end covers what is left.
        sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)").execute(&self.write).await.map_err(failed)?;
        Ok(buried.rows_affected())
    }

    async fn deployment_keys(&self) -> Result<Vec<DeploymentRecord>, VaultError> {
        let rows = sqlx::query_as(DEPLOYMENT_KEYS)
            .fetch_all(&self.read)
            .await
            .map_err(|error| VaultError::store("find the deployment's keys", error))?;
        deployment_records(rows)
    }

    async fn insert_deployment_keys(&self, keys: &[DeploymentRecord]) -> Result<Vec<DeploymentRecord>, VaultError> {
        const OPERATION: &str = "keep the deployment's keys";
        let failed = |error| VaultError::store(OPERATION, error);
        let mut transaction = self.begin(OPERATION).await?;
        for key in keys {
            sqlx::query(INSERT_DEPLOYMENT_KEY)
                .bind(&key.name)
                .bind(i64::from(key.wrapped.epoch))
                .bind(&key.wrapped.bytes)
                .execute(&mut *transaction)
                .await
                .map_err(failed)?;
        }
        let rows = sqlx::query_as(DEPLOYMENT_KEYS).fetch_all(&mut *transaction).await.map_err(failed)?;
        self.commit(transaction, OPERATION).await?;
        deployment_records(rows)
    }

    fn still_there(&self) -> Result<(), VaultError> {
        if self.file.is_there() { Ok(()) } else { Err(VaultError::Moved) }
    }

    async fn check(&self) -> Result<(), VaultError> {
        self.still_there()?;
        let failed = |error| VaultError::store("answer for its settings", error);
        let (_, events): (i64, i64) = sqlx::query_as(TABLES).fetch_one(&self.write).await.map_err(failed)?;
        if events > 0 {
            return Err(VaultError::SharedWithEvents);
        }
        let journal: String = sqlx::query_scalar("PRAGMA journal_mode").fetch_one(&self.write).await.map_err(failed)?;
        if journal != "wal" {
            return Err(VaultError::NotDurable { setting: "journal_mode", found: journal, expected: "wal" });
        }
        // 2 is FULL, 3 is EXTRA.
        let synchronous: i64 = sqlx::query_scalar("PRAGMA synchronous").fetch_one(&self.write).await.map_err(failed)?;
        if synchronous < 2 {
            let found = synchronous.to_string();
            return Err(VaultError::NotDurable { setting: "synchronous", found, expected: "2 (FULL) or more" });
        }
        let overwrite: i64 = sqlx::query_scalar("PRAGMA secure_delete").fetch_one(&self.write).await.map_err(failed)?;
        if overwrite != 1 {
            return Err(VaultError::Damaged("secure_delete is off, so a destroyed key would stay in the file"));
        }
        if self.file.is_there_in_transaction() { Ok(()) } else { Err(VaultError::Moved) }
    }

    async fn close(&self) {
        self.read.close().await;
        self.write.close().await;
    }
}
