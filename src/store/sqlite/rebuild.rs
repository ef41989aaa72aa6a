//! Generations of rows: a new one is written beside the current one and becomes it in one step.

use crate::domain::ids::StreamId;
use crate::projections::Row;
use crate::store::sqlite::SqliteStore;
use crate::store::sqlite::append::{add_closed, add_rows, hex_list, read_locked_head, row_of};
use crate::store::sqlite::script::Script;
use crate::store::stored::{from_position, to_position};
use crate::store::{OPEN_END, StoreError};
use sqlx::{Row as _, SqlSafeStr};

const NEXT_GENERATION: &str =
    "SELECT MAX(1 + (SELECT COALESCE(MAX(generation), 0) FROM row_version), 1 + generation) FROM log_head";
const DROP_OTHER_ROWS: &str = "DELETE FROM row_version WHERE generation <> (SELECT generation FROM log_head)";
const DROP_OTHER_KEYS: &str = "DELETE FROM row_key WHERE generation <> (SELECT generation FROM log_head)";
const GENERATION_ROWS: &str = "SELECT id, organisation, from_position, version, body FROM row_version \
    WHERE id IN (SELECT unhex(value) FROM json_each(?1)) AND generation = ?2 AND from_position < ?3 AND to_position >= ?3";
// A rebuild that began meanwhile removed everything that was there; so the first row and the last tell. An event whose facts
// were erased has none.
const MISSING: &str = "SELECT COUNT(*) FROM event AS e WHERE e.position IN (0, ?2 - 1) AND NOT EXISTS \
    (SELECT 1 FROM row_version AS r WHERE r.id = e.stream AND r.generation = ?1 AND r.from_position = e.position) \
    AND EXISTS (SELECT 1 FROM part AS p WHERE p.part_id >= e.position * 16 AND p.part_id < e.position * 16 + 16 \
        AND p.class = 'facts')";
const SWITCH: &str = "UPDATE log_head SET generation = ?1 WHERE one = 1";
const ROW_VERSIONS: &str = "SELECT r.id, r.organisation, r.from_position, r.version, r.body, r.to_position \
    FROM json_each(?1) AS wanted CROSS JOIN row_version AS r ON r.id = unhex(wanted.value ->> 0) \
        AND r.generation = (SELECT generation FROM log_head) AND r.from_position = wanted.value ->> 1";
const ROW_COUNTS: &str = "SELECT COUNT(*), COALESCE(SUM(to_position = 9223372036854775807), 0) FROM row_version \
    WHERE generation = (SELECT generation FROM log_head)";

impl SqliteStore {
    pub(super) async fn new_generation(&self) -> Result<u32, StoreError> {
        let failed = StoreError::during("begin a rebuild");
        let mut transaction = self.write.begin_with("BEGIN IMMEDIATE".into_sql_str()).await.map_err(&failed)?;
        let next: u32 = sqlx::query_scalar(NEXT_GENERATION).fetch_one(&mut *transaction).await.map_err(&failed)?;
        // What an abandoned rebuild left behind.
        sqlx::query(DROP_OTHER_ROWS).execute(&mut *transaction).await.map_err(&failed)?;
        sqlx::query(DROP_OTHER_KEYS).execute(&mut *transaction).await.map_err(&failed)?;
        transaction.commit().await.map_err(&failed)?;
        Ok(next)
    }

    pub(super) async fn write_generation(
        &self,
        generation: u32,
        rows: &[(Row, u64)],
        closed: &[(StreamId, u64)],
    ) -> Result<(), StoreError> {
        let failed = StoreError::during("write rebuilt rows");
        let mut transaction = self.write.begin_with("BEGIN IMMEDIATE".into_sql_str()).await.map_err(&failed)?;
        let mut script = Script::default();
        add_closed(&mut script, generation, closed);
        add_rows(&mut script, generation, rows)?;
        script.run(&mut transaction).await.map_err(&failed)?;
        transaction.commit().await.map_err(&failed)
    }

    pub(super) async fn read_generation(
        &self,
        generation: u32,
        ids: &[StreamId],
        as_of: u64,
    ) -> Result<Vec<Row>, StoreError> {
        let rows = sqlx::query(GENERATION_ROWS)
            .bind(hex_list(ids.iter().map(|id| id.0.as_bytes().as_slice())))
            .bind(generation)
            .bind(from_position(as_of))
            .fetch_all(&self.read)
            .await
            .map_err(StoreError::during("read rebuilt rows"))?;
        rows.iter().map(row_of).collect()
    }

    pub(super) async fn make_current(&self, generation: u32, size: u64) -> Result<bool, StoreError> {
        let failed = StoreError::during("switch to rebuilt rows");
        let mut transaction = self.write.begin_with("BEGIN IMMEDIATE".into_sql_str()).await.map_err(&failed)?;
        if read_locked_head(&mut transaction).await?.size != size {
            return Ok(false);
        }
        let missing: i64 = sqlx::query_scalar(MISSING)
            .bind(generation)
            .bind(from_position(size))
            .fetch_one(&mut *transaction)
            .await
            .map_err(&failed)?;
        if missing > 0 {
            return Err(StoreError::swept_away());
        }
        sqlx::query(SWITCH).bind(generation).execute(&mut *transaction).await.map_err(&failed)?;
        sqlx::query(DROP_OTHER_ROWS).execute(&mut *transaction).await.map_err(&failed)?;
        sqlx::query(DROP_OTHER_KEYS).execute(&mut *transaction).await.map_err(&failed)?;
        transaction.commit().await.map_err(&failed)?;
        Ok(true)
    }

    pub(super) async fn count_rows(&self) -> Result<(u64, u64), StoreError> {
        let failed = StoreError::during("count rows");
        let (versions, open): (i64, i64) = sqlx::query_as(ROW_COUNTS).fetch_one(&self.read).await.map_err(&failed)?;
        Ok((to_position(versions)?, to_position(open)?))
    }

    pub(super) async fn read_row_versions(&self, places: &[(StreamId, u64)]) -> Result<Vec<(Row, u64)>, StoreError> {
        let failed = StoreError::during("read row versions");
        let wanted = serde_json::Value::from_iter(
            places.iter().map(|(stream, start)| serde_json::json!([hex::encode(stream.0.as_bytes()), start])),
        );
        let rows = sqlx::query(ROW_VERSIONS).bind(wanted.to_string()).fetch_all(&self.read).await.map_err(&failed)?;
        rows.iter()
            .map(|columns| {
                let end: i64 = columns.try_get(5).map_err(&failed)?;
                let end = if end == i64::MAX { OPEN_END } else { to_position(end)? };
                Ok((row_of(columns)?, end))
            })
            .collect()
    }
}
