//! What must hold before serving.

use crate::store::StoreError;
use crate::store::postgres::PgStore;
use crate::store::postgres::read::again;

/// Triggers without which the log would not be append-only.
const TRIGGERS: [&str; 21] = [
    "access_has_no_gaps",
    "access_head_is_never_removed",
    "access_head_never_shrinks",
    "access_is_append_only",
    "access_subtree_is_append_only",
    "checkpoint_is_append_only",
    "cosignature_is_append_only",
    "erasure_cover_comes_with_its_erasure",
    "erasure_cover_is_append_only",
    "event_has_no_gaps",
    "event_is_append_only",
    "key_destruction_comes_with_its_erasure",
    "key_destruction_is_done_once",
    "key_destruction_is_never_removed",
    "log_head_is_never_removed",
    "log_head_never_shrinks",
    "log_subtree_is_append_only",
    "part_is_never_changed",
    "part_is_never_emptied",
    "part_is_removed_by_erasures_alone",
    "statement_is_append_only",
];
const SETTINGS: &str = "SELECT current_setting('fsync'), current_setting('synchronous_commit'), current_setting('full_page_writes'), \
    current_setting('server_version_num')::integer, current_setting('session_replication_role')";
const ENABLED: &str = "SELECT tgname::text FROM pg_trigger WHERE NOT tgisinternal AND tgenabled IN ('O', 'A') \
    AND tgrelid IN \
        ('event'::regclass, 'part'::regclass, 'log_subtree'::regclass, 'log_head'::regclass, 'checkpoint'::regclass, \
         'access'::regclass, 'access_subtree'::regclass, 'access_head'::regclass, \
         'cosignature'::regclass, 'statement'::regclass, 'erasure_cover'::regclass, 'key_destruction'::regclass)";
// In one statement, so that no append comes in between.
const AGREE: &str = "SELECT l.size = (SELECT COALESCE(MAX(position) + 1, 0) FROM event) \
        AND a.size = (SELECT COALESCE(MAX(position) + 1, 0) FROM access) \
    FROM log_head AS l CROSS JOIN access_head AS a WHERE l.one = 1 AND a.one = 1";
// A member of the owning role can do whatever the owner can.
const OWNS: &str = "SELECT (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) \
    OR EXISTS (SELECT 1 FROM pg_class WHERE pg_has_role(current_user, relowner, 'MEMBER') AND oid IN \
        ('event'::regclass, 'part'::regclass, 'log_subtree'::regclass, 'log_head'::regclass, 'checkpoint'::regclass, \
         'access'::regclass, 'access_subtree'::regclass, 'access_head'::regclass, \
         'cosignature'::regclass, 'statement'::regclass, 'erasure_cover'::regclass, 'key_destruction'::regclass)) \
    OR has_table_privilege('event', 'UPDATE, DELETE, TRUNCATE') OR has_table_privilege('log_subtree', 'UPDATE, DELETE, TRUNCATE') \
    OR has_table_privilege('access', 'UPDATE, DELETE, TRUNCATE') OR has_table_privilege('access_subtree', 'UPDATE, DELETE, TRUNCATE')";

// As a restoration leaves it that was broken off: all rows are made at once, so those of the first event tell. Which other events
// make rows is their own business.
const WITHOUT_ROWS: &str = "SELECT size > 0 AND NOT EXISTS (SELECT 1 FROM row_version AS r \
    WHERE r.id = (SELECT stream FROM event WHERE position = 0) AND r.generation + 0 = h.generation) FROM log_head AS h WHERE one = 1";

impl PgStore {
    pub(super) async fn check_settings(&self) -> Result<(), StoreError> {
        let failed = StoreError::during("check settings");
        let (fsync, commit, pages, version, triggers): (String, String, String, i32, String) =
            again(&self.pool, async |pool| sqlx::query_as(SETTINGS).fetch_one(&pool).await).await.map_err(&failed)?;
        if fsync != "on" || matches!(commit.as_str(), "off" | "local") || pages != "on" {
            return Err(StoreError::NotReady {
                problem: format!(
                    "PostgreSQL runs with fsync={fsync}, synchronous_commit={commit}, full_page_writes={pages}, which can lose recordings"
                ),
                remedy: "set all three to on".to_owned(),
            });
        }
        if version < 150_000 {
            return Err(StoreError::NotReady {
                problem: "PostgreSQL is older than 15".to_owned(),
                remedy: "use PostgreSQL 15 or newer".to_owned(),
            });
        }
        if triggers == "replica" {
            return Err(StoreError::NotReady {
                problem: "PostgreSQL runs with session_replication_role=replica, which silences the triggers that keep the log \
                          append-only"
                    .to_owned(),
                remedy: "reset session_replication_role for the role and the database".to_owned(),
            });
        }
        let enabled: Vec<String> = again(&self.pool, async |pool| sqlx::query_scalar(ENABLED).fetch_all(&pool).await)
            .await
            .map_err(&failed)?;
        if let Some(missing) = TRIGGERS.iter().find(|name| !enabled.iter().any(|there| there == *name)) {
            return Err(StoreError::NotReady {
                problem: format!("the trigger {missing}, which keeps the log append-only, is missing or disabled"),
                remedy: "somebody changed the database by hand: restore it from a backup and verify".to_owned(),
            });
        }
        let head = self.read_head().await?;
        let agree: bool =
            again(&self.pool, async |pool| sqlx::query_scalar(AGREE).fetch_one(&pool).await).await.map_err(&failed)?;
        if !agree {
            return Err(StoreError::Corrupt {
                position: head.size,
                detail: "the head and the last event, or those of the log of accesses, differ".to_owned(),
            });
        }
        let without_rows: bool =
            again(&self.pool, async |pool| sqlx::query_scalar(WITHOUT_ROWS).fetch_one(&pool).await)
                .await
                .map_err(&failed)?;
        if without_rows {
            return Err(StoreError::without_rows());
        }
        Ok(())
    }

    /// Whether the connected role owns the tables, could act as their owner, is a superuser, or was given the right to
    /// change the log, none of which it should: then the database does not hold it to append-only. For `cairn doctor`.
    ///
    /// # Errors
    /// As the database says.
    pub async fn owns_the_log(&self) -> Result<bool, StoreError> {
        sqlx::query_scalar(OWNS).fetch_one(&self.pool).await.map_err(StoreError::during("check privileges"))
    }
}
