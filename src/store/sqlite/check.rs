//! What must hold before serving.

use crate::store::StoreError;
use crate::store::sqlite::SqliteStore;
use std::sync::atomic::Ordering;

/// Triggers without which the log would not be append-only.
const TRIGGERS: [&str; 44] = [
    "access_has_no_gaps",
    "access_head_changes_with_the_log",
    "access_head_is_behind_the_last_access",
    "access_head_is_never_removed",
    "access_head_is_never_replaced",
    "access_head_never_shrinks",
    "access_is_append_only_delete",
    "access_is_append_only_update",
    "access_is_never_replaced",
    "access_subtree_is_append_only_delete",
    "access_subtree_is_append_only_update",
    "access_subtree_is_never_replaced",
    "checkpoint_is_append_only_delete",
    "checkpoint_is_append_only_update",
    "checkpoint_is_never_replaced",
    "cosignature_is_append_only_delete",
    "cosignature_is_append_only_update",
    "cosignature_is_never_replaced",
    "erasure_cover_comes_with_its_erasure",
    "erasure_cover_is_append_only_delete",
    "erasure_cover_is_append_only_update",
    "erasure_cover_is_never_replaced",
    "event_has_no_gaps",
    "event_is_append_only_delete",
    "event_is_append_only_update",
    "event_is_never_replaced",
    "key_destruction_comes_with_its_erasure",
    "key_destruction_is_done_once",
    "key_destruction_is_never_removed",
    "key_destruction_is_never_replaced",
    "log_head_changes_with_the_log",
    "log_head_is_behind_the_last_event",
    "log_head_is_never_removed",
    "log_head_is_never_replaced",
    "log_head_never_shrinks",
    "log_subtree_is_append_only_delete",
    "log_subtree_is_append_only_update",
    "log_subtree_is_never_replaced",
    "part_is_never_changed",
    "part_is_never_replaced",
    "part_is_removed_by_erasures_alone",
    "statement_is_append_only_delete",
    "statement_is_append_only_update",
    "statement_is_never_replaced",
];

// As a restoration leaves it that was broken off: all rows are made at once, so those of the first event tell. Which other events
// make rows is their own business.
const WITHOUT_ROWS: &str = "SELECT size > 0 AND NOT EXISTS (SELECT 1 FROM row_version AS r \
    WHERE r.id = (SELECT stream FROM event WHERE position = 0) AND r.generation = h.generation) FROM log_head AS h WHERE one = 1";

impl SqliteStore {
    pub(super) async fn check_settings(&self) -> Result<(), StoreError> {
        let failed = StoreError::during("check settings");
        if !self.file.is_there() {
            return Err(StoreError::moved());
        }
        // Only once an append failed for it, and until there is space: who is told that the service is not ready may send
        // nothing more, so that no append would ever show that it is ready again.
        if self.full.load(Ordering::Relaxed) {
            let full = |error| StoreError::Full { operation: "a check", source: sqlx::Error::Io(error) };
            self.file.prove_room().await.map_err(full)?;
            self.full.store(false, Ordering::Relaxed);
        }
        let mode: String = sqlx::query_scalar("PRAGMA journal_mode").fetch_one(&self.write).await.map_err(&failed)?;
        let synchronous: i64 =
            sqlx::query_scalar("PRAGMA synchronous").fetch_one(&self.write).await.map_err(&failed)?;
        if mode != "wal" || synchronous < 2 {
            return Err(StoreError::NotReady {
                problem: format!(
                    "SQLite runs with journal_mode={mode} and synchronous={synchronous}, which can lose recordings"
                ),
                remedy: "put the database on a file system that supports WAL with synchronous=FULL".to_owned(),
            });
        }
        let triggers: Vec<String> =
            sqlx::query_scalar("SELECT name FROM sqlite_master WHERE type = 'trigger' ORDER BY name")
                .fetch_all(&self.read)
                .await
                .map_err(&failed)?;
        if let Some(missing) = TRIGGERS.iter().find(|name| !triggers.iter().any(|there| there == *name)) {
            return Err(StoreError::NotReady {
                problem: format!("the trigger {missing}, which keeps the log append-only, is missing"),
                remedy: "somebody changed the database by hand: restore it from a backup and verify".to_owned(),
            });
        }
        let head = self.read_head().await?;
        let counted: Option<i64> =
            sqlx::query_scalar("SELECT MAX(position) + 1 FROM event").fetch_one(&self.read).await.map_err(&failed)?;
        if counted.unwrap_or(0) != crate::store::stored::from_position(head.size) {
            return Err(StoreError::Corrupt {
                position: head.size,
                detail: "the head and the last event differ".to_owned(),
            });
        }
        let (size, counted): (i64, i64) = sqlx::query_as(
            "SELECT size, (SELECT COALESCE(MAX(position) + 1, 0) FROM access) FROM access_head WHERE one = 1",
        )
        .fetch_one(&self.read)
        .await
        .map_err(&failed)?;
        if size != counted {
            return Err(StoreError::Corrupt {
                position: head.size,
                detail: "the head of the log of accesses and the last access differ".to_owned(),
            });
        }
        let without_rows: bool = sqlx::query_scalar(WITHOUT_ROWS).fetch_one(&self.read).await.map_err(&failed)?;
        if without_rows {
            return Err(StoreError::without_rows());
        }
        // The connections have just read, so the write-ahead log is open.
        if self.file.is_there_in_transaction() { Ok(()) } else { Err(StoreError::moved()) }
    }
}
