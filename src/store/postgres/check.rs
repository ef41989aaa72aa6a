//! What must hold before serving.

use crate::store::StoreError;
use crate::store::postgres::PgStore;

/// Triggers without which the log would not be append-only.
const TRIGGERS: [&str; 7] = [
    "event_has_no_gaps",
    "event_is_append_only",
    "log_head_is_never_removed",
    "log_head_never_shrinks",
    "log_subtree_is_append_only",
    "part_is_never_changed",
    "part_is_never_emptied",
];
const SETTINGS: &str = "SELECT current_setting('fsync'), current_setting('synchronous_commit'), current_setting('full_page_writes'), \
    current_setting('server_version_num')::integer";
const ENABLED: &str = "SELECT tgname::text FROM pg_trigger WHERE NOT tgisinternal AND tgenabled IN ('O', 'A')";
const OWNS: &str = "SELECT (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) \
    OR EXISTS (SELECT 1 FROM pg_class WHERE oid = to_regclass('event') AND pg_get_userbyid(relowner) = current_user)";

impl PgStore {
    pub(super) async fn check_settings(&self) -> Result<(), StoreError> {
        let failed = StoreError::during("check settings");
        let (fsync, commit, pages, version): (String, String, String, i32) =
            sqlx::query_as(SETTINGS).fetch_one(&self.pool).await.map_err(&failed)?;
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
        let enabled: Vec<String> = sqlx::query_scalar(ENABLED).fetch_all(&self.pool).await.map_err(&failed)?;
        if let Some(missing) = TRIGGERS.iter().find(|name| !enabled.iter().any(|there| there == *name)) {
            return Err(StoreError::NotReady {
                problem: format!("the trigger {missing}, which keeps the log append-only, is missing or disabled"),
                remedy: "somebody changed the database by hand: restore it from a backup and verify".to_owned(),
            });
        }
        let head = self.read_head().await?;
        let counted: Option<i64> =
            sqlx::query_scalar("SELECT MAX(position) + 1 FROM event").fetch_one(&self.pool).await.map_err(&failed)?;
        if crate::store::stored::to_position(counted.unwrap_or(0))? < head.size {
            return Err(StoreError::Corrupt {
                position: head.size,
                detail: "the head is beyond the last event".to_owned(),
            });
        }
        Ok(())
    }

    /// Whether the connected role owns the tables or is a superuser, which it should not: then the database does not
    /// hold it to append-only. For `cairn doctor`.
    ///
    /// # Errors
    /// As the database says.
    pub async fn owns_the_log(&self) -> Result<bool, StoreError> {
        sqlx::query_scalar(OWNS).fetch_one(&self.pool).await.map_err(StoreError::during("check privileges"))
    }
}
