//! The embedded store: SQLite in WAL mode with `synchronous=FULL`, one writing connection, readers on a pool.
//!
//! Every transaction that writes begins with `BEGIN IMMEDIATE`: a deferred one starves when readers are busy.

mod accesses;
mod append;
mod archive;
mod attestation;
mod check;
mod checkpoint;
mod clients;
#[cfg(test)]
mod full_test;
mod history;
mod lawful;
mod read;
mod rebuild;
mod script;
mod snapshot;
mod snapshot_tables;
mod tree;

pub use snapshot::{About, Snapshot};
pub use snapshot_tables::SnapshotRow;

use crate::database_file::DatabaseFile;
use crate::domain::event::{PartRef, Recorded};
use crate::domain::ids::StreamId;
use crate::domain::time::Timestamp;
use crate::ledger::Hash;
use crate::projections::Row;
use crate::store::{
    AccessStore as _, Appended, Client, EventQuery, Group, Head, KeptAnswer, KeptCheckpoint, Reach, Rejection,
    RowQuery, RowWanted, SingleRow, Store, StoreError, StoredPart,
};
use async_trait::async_trait;
use sqlx::Connection as _;
use sqlx::migrate::Migrator;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous};
use std::path::Path;
use std::sync::atomic::AtomicBool;
use std::time::Duration;
use tokio::sync::watch;

static MIGRATIONS: Migrator = sqlx::migrate!("migrations/sqlite");

/// The writer's page cache: negative stands for KiB (SQLite, PRAGMA cache_size).
const WRITER_CACHE_KIB: &str = "-49152";
/// Each reader's, of which there may be many; the operating system keeps the same pages for all of them.
const READER_CACHE_KIB: &str = "-1024";
/// How many pages of 4 KiB gather in the write-ahead log before SQLite copies them into the database by itself, should
/// [`checkpoint`] not have done so long before.
const CHECKPOINT_PAGES: &str = "32000";
/// Readers at most on a machine of few cores: each is a thread with a memory of its own, and more of them read nothing
/// sooner.
const READERS_MAX: u32 = 4;
/// How long a statement waits for another process's lock before it is refused.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// The embedded store.
pub struct SqliteStore {
    write: SqlitePool,
    read: SqlitePool,
    size: watch::Sender<u64>,
    /// The size of the log of accesses.
    accesses: watch::Sender<u64>,
    checkpoints: checkpoint::Checkpoints,
    file: DatabaseFile,
    /// Whether the last append met a disk without space.
    full: AtomicBool,
}

impl SqliteStore {
    /// Opens the database file and brings its tables up to date. `create` says whether a missing file is made.
    ///
    /// # Errors
    /// [`StoreError::NotReady`] where the file is missing or newer than this program, else as the database says.
    pub async fn open(path: &Path, create: bool, readers: u32) -> Result<Self, StoreError> {
        if !create && !path.exists() {
            return Err(StoreError::NotReady {
                problem: format!("the database {} does not exist", path.display()),
                remedy: "check --data-dir or --database-url".to_owned(),
            });
        }
        let options = SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(create)
            .foreign_keys(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .busy_timeout(BUSY_TIMEOUT)
            .statement_cache_capacity(200)
            .pragma("secure_delete", "ON")
            .pragma("cell_size_check", "ON");
        // Ids and digests are random, so a batch touches pages all over its indexes: the writer keeps more of them than
        // SQLite's 2 MB, and gathers changes for longer before each page is copied back into the database.
        let writing =
            options.clone().pragma("cache_size", WRITER_CACHE_KIB).pragma("wal_autocheckpoint", CHECKPOINT_PAGES);
        let write = SqlitePoolOptions::new()
            .max_connections(1)
            .test_before_acquire(false)
            // On a full disk SQLite ends the transaction by itself, and the driver, whose own rollback then fails, would
            // refuse every later one on this connection: it is replaced.
            .before_acquire(|connection, _| Box::pin(async move { Ok(!connection.is_in_transaction()) }))
            .connect_with(writing)
            .await
            .map_err(StoreError::during("open"))?;
        MIGRATIONS.run(&write).await.map_err(|error| StoreError::NotReady {
            problem: format!("the tables cannot be brought up to date: {error}"),
            remedy: "use the version of cairn that last wrote this database, or a newer one".to_owned(),
        })?;
        let checkpoints =
            checkpoint::Checkpoints::start(options.clone().create_if_missing(false), write.clone()).await?;
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let cores = u32::try_from(cores).unwrap_or(u32::MAX / 2);
        let read = SqlitePoolOptions::new()
            .max_connections(readers.clamp(1, READERS_MAX.max(2 * cores)))
            .test_before_acquire(false)
            .connect_with(
                options
                    .create_if_missing(false)
                    .read_only(true)
                    .pragma("query_only", "ON")
                    .pragma("cache_size", READER_CACHE_KIB),
            )
            .await
            .map_err(StoreError::during("open"))?;
        let file = DatabaseFile::at(path).map_err(|_| StoreError::moved())?;
        let full = AtomicBool::new(false);
        let (size, accesses) = (watch::Sender::new(0), watch::Sender::new(0));
        let store = Self { write, read, size, accesses, checkpoints, file, full };
        // A head that cannot be right is for whoever needs it to refuse; an audit must be able to look.
        for looked_at in [store.read_head().await.map(drop), store.access_head().await.map(drop)] {
            match looked_at {
                Err(error) if !error.is_about_the_head() => return Err(error),
                _ => {}
            }
        }
        Ok(store)
    }
}

#[async_trait]
impl Store for SqliteStore {
    async fn append(
        &self,
        groups: &[Group],
        now: Timestamp,
    ) -> Result<Vec<Vec<Result<Appended, Rejection>>>, StoreError> {
        self.append_groups(groups, now).await
    }
    async fn head(&self) -> Result<Head, StoreError> {
        self.read_head().await
    }
    fn follow(&self) -> watch::Receiver<u64> {
        self.size.subscribe()
    }
    async fn size_at(&self, instant: Timestamp) -> Result<u64, StoreError> {
        self.read_size_at(instant).await
    }
    async fn single_rows(&self, wanted: &[RowWanted]) -> Result<Vec<Result<SingleRow, StoreError>>, StoreError> {
        self.read_single_rows(wanted).await
    }
    async fn rows_by_id(&self, reach: &Reach, ids: &[StreamId]) -> Result<Vec<Row>, StoreError> {
        self.read_rows_by_id(reach, ids).await
    }
    async fn rows(&self, query: &RowQuery) -> Result<(Head, Vec<Row>), StoreError> {
        self.read_rows(query).await
    }
    async fn parts(&self, places: &[PartRef]) -> Result<Vec<StoredPart>, StoreError> {
        self.read_parts(places).await
    }
    async fn events(&self, query: &EventQuery) -> Result<(Head, Vec<Recorded>), StoreError> {
        self.read_events(query).await
    }
    async fn leaves(&self, from: u64, limit: u32) -> Result<Vec<Vec<u8>>, StoreError> {
        self.read_leaves(from, limit).await
    }
    async fn kept_answers(&self, digests: &[[u8; 32]]) -> Result<Vec<([u8; 32], KeptAnswer)>, StoreError> {
        let mut connection = self.read.acquire().await.map_err(StoreError::during("read"))?;
        append::read_kept_answers(&mut connection, digests).await
    }
    async fn begin_rebuild(&self) -> Result<u32, StoreError> {
        self.new_generation().await
    }
    async fn write_rebuilt(
        &self,
        generation: u32,
        rows: &[(Row, u64)],
        closed: &[(StreamId, u64)],
    ) -> Result<(), StoreError> {
        self.write_generation(generation, rows, closed).await
    }
    async fn rebuilt_rows(&self, generation: u32, ids: &[StreamId], as_of: u64) -> Result<Vec<Row>, StoreError> {
        self.read_generation(generation, ids, as_of).await
    }
    async fn switch_generation(&self, generation: u32, size: u64) -> Result<bool, StoreError> {
        self.make_current(generation, size).await
    }
    async fn row_versions(&self, places: &[(StreamId, u64)]) -> Result<Vec<(Row, u64)>, StoreError> {
        self.read_row_versions(places).await
    }
    async fn row_counts(&self) -> Result<(u64, u64), StoreError> {
        self.count_rows().await
    }
    async fn add_client(&self, client: &Client) -> Result<bool, StoreError> {
        self.insert_client(client).await
    }
    async fn put_client(&self, client: &Client) -> Result<(), StoreError> {
        self.write_client(client).await
    }
    async fn client(&self, id: &str) -> Result<Option<Client>, StoreError> {
        self.read_client(id).await
    }
    async fn clients(&self) -> Result<Vec<Client>, StoreError> {
        self.read_clients().await
    }
    async fn use_assertion(
        &self,
        client: &str,
        jti_digest: &[u8; 32],
        expires_at: Timestamp,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        self.write_assertion(client, jti_digest, expires_at, now).await
    }
    async fn tree_hashes(&self, tile_level: u8, from: u64, limit: u32) -> Result<Vec<Hash>, StoreError> {
        self.read_tree_hashes(tile_level, from, limit).await
    }
    async fn put_checkpoint(&self, checkpoint: &KeptCheckpoint) -> Result<(), StoreError> {
        self.write_checkpoint(checkpoint).await
    }
    async fn checkpoints(&self, origin: &str, from: u64, limit: u32) -> Result<Vec<KeptCheckpoint>, StoreError> {
        self.read_checkpoints(origin, from, limit).await
    }
    async fn last_checkpoint(&self, origin: &str) -> Result<Option<KeptCheckpoint>, StoreError> {
        self.read_last_checkpoint(origin).await
    }
    async fn check(&self) -> Result<(), StoreError> {
        self.check_settings().await
    }
    async fn close(&self) {
        self.checkpoints.close().await;
        self.read.close().await;
        self.write.close().await;
    }
}
