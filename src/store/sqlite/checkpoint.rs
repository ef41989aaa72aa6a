//! Copying the write-ahead log into the database beside the appends.
//!
//! SQLite by itself copies within the commit that finds the log long enough, and everybody who waits for that commit waits
//! for the copying too. Here a connection of its own copies while appends go on, until little is left; the rest is
//! copied between two appends, because the log starts anew only when all of it has been copied. What SQLite would do by
//! itself stays switched on far behind, for whoever writes without appending.

use crate::store::StoreError;
use sqlx::sqlite::{SqliteConnectOptions, SqlitePool, SqlitePoolOptions};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::sync::Notify;
use tokio::task::JoinHandle;

/// After so many events the log is copied: some 8,000 pages of 4 KiB.
const EVENTS_BETWEEN: u64 = 1_024;
/// Passes beside the appends. A pass copies what was there when it began, so each has less to do than the one before,
/// and the last one, between two appends, a few milliseconds' worth.
const PASSES: usize = 3;
/// `PASSIVE` waits for nobody and keeps nobody waiting. Answers busy, pages in the log, pages of them copied.
const CHECKPOINT: &str = "PRAGMA wal_checkpoint(PASSIVE)";

/// Copies whenever enough was appended.
pub(super) struct Checkpoints {
    appended: AtomicU64,
    due: Arc<Notify>,
    own: SqlitePool,
    task: JoinHandle<()>,
}

impl Checkpoints {
    /// Starts the task on the current runtime; `write` is the writer's connection.
    pub(super) async fn start(options: SqliteConnectOptions, write: SqlitePool) -> Result<Self, StoreError> {
        // Opened once: by a later opening, another file may stand at the path, which this log is not of.
        let own = SqlitePoolOptions::new()
            .max_connections(1)
            .max_lifetime(None)
            .idle_timeout(None)
            .connect_with(options)
            .await
            .map_err(StoreError::during("open"))?;
        let due = Arc::new(Notify::new());
        let task = tokio::spawn(run(Arc::clone(&due), own.clone(), write));
        Ok(Self { appended: AtomicU64::new(0), due, own, task })
    }

    /// Takes note of an append.
    pub(super) fn count(&self, events: usize) {
        let events = events as u64;
        if self.appended.fetch_add(events, Ordering::Relaxed) + events >= EVENTS_BETWEEN {
            self.appended.store(0, Ordering::Relaxed);
            self.due.notify_one();
        }
    }

    /// Ends the task; a pass that is under way can be broken off anywhere.
    pub(super) async fn close(&self) {
        self.task.abort();
        self.own.close().await;
    }
}

impl Drop for Checkpoints {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn run(due: Arc<Notify>, own: SqlitePool, write: SqlitePool) {
    loop {
        due.notified().await;
        if let Err(error) = copy(&own, &write).await {
            // Nothing is lost: it is tried again after the next appends, and at last by SQLite itself.
            tracing::warn!(%error, "the write-ahead log could not be copied into the database");
        }
    }
}

async fn copy(own: &SqlitePool, write: &SqlitePool) -> Result<(), StoreError> {
    let failed = StoreError::during("copy the write-ahead log");
    for _ in 0..PASSES {
        sqlx::query(CHECKPOINT).execute(own).await.map_err(&failed)?;
    }
    sqlx::query(CHECKPOINT).execute(write).await.map_err(&failed)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::store::Store as _;
    use crate::store::sqlite::SqliteStore;

    /// How long the write-ahead log becomes by two equal writes, with or without copying between them.
    async fn two_writes(copied: bool) -> (u64, u64) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("cairn.db");
        let store = SqliteStore::open(&path, true, 1).await.unwrap();
        let write = async |name: &str| {
            let large = "INSERT INTO client (id, body) VALUES (?1, printf('%.*c', 1000000, 'x'))";
            sqlx::query(large).bind(name).execute(&store.write).await.unwrap();
            std::fs::metadata(path.with_extension("db-wal")).unwrap().len()
        };
        let first = write("first").await;
        if copied {
            super::copy(&store.checkpoints.own, &store.write).await.unwrap();
        }
        let lengths = (first, write("second").await);
        store.close().await;
        lengths
    }

    #[tokio::test]
    async fn a_copied_log_starts_anew() {
        let (first, second) = two_writes(true).await;
        assert!(second < first + first / 4, "the log has begun anew: {first}, then {second}");
        let (first, second) = two_writes(false).await;
        assert!(second > first + first / 2, "one that was not copied has grown: {first}, then {second}");
    }
}
