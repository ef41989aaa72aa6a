//! Generations of rows: a new one is written beside the current one and becomes it in one step.

use crate::domain::ids::StreamId;
use crate::projections::Row;
use crate::store::postgres::append::{generation_of, generation_to, lock_head};
use crate::store::postgres::known::row_of;
use crate::store::postgres::read::{again, again_however_long};
use crate::store::postgres::write::write_rebuilt;
use crate::store::postgres::{BEGIN, PgStore};
use crate::store::stored::{from_position, to_position};
use crate::store::{OPEN_END, StoreError};
use sqlx::{Postgres, Row as _, SqlSafeStr as _, Transaction};
use uuid::Uuid;

const NEXT_GENERATION: &str =
    "SELECT GREATEST(1 + (SELECT COALESCE(MAX(generation), 0) FROM row_version), 1 + generation) FROM log_head";
const DROP_OTHER_ROWS: &str = "DELETE FROM row_version WHERE generation <> (SELECT generation FROM log_head)";
const DROP_OTHER_KEYS: &str = "DELETE FROM row_key WHERE generation <> (SELECT generation FROM log_head)";
const GENERATION_ROWS: &str = "SELECT id, organisation, from_position, version, body FROM row_version \
    WHERE id = ANY($1) AND generation + 0 = $2 AND from_position < $3 AND to_position >= $3";
// A rebuild that began meanwhile removed everything that was there; so the first row and the last tell. An event whose facts
// were erased has none.
const MISSING: &str = "SELECT COUNT(*) FROM event AS e WHERE e.position IN (0, $2 - 1) AND NOT EXISTS \
    (SELECT 1 FROM row_version AS r WHERE r.id = e.stream AND r.generation + 0 = $1 AND r.from_position = e.position) \
    AND EXISTS (SELECT 1 FROM part AS p WHERE p.part_id >= e.position * 16 AND p.part_id < e.position * 16 + 16 \
        AND p.class = 'facts')";
// Whoever removes generations or switches between them does so alone: a removal that began before a switch would take
// the rows that have just become current. Appends do not wait for it. The number is "cairn_ge".
const ALONE: &str = "SELECT pg_advisory_xact_lock(x'636169726e5f6765'::bigint)";
const SWITCH: &str = "UPDATE log_head SET generation = $1 WHERE one = 1";
const ROW_VERSIONS: &str = "SELECT r.id, r.organisation, r.from_position, r.version, r.body, r.to_position \
    FROM unnest($1::uuid[], $2::bigint[]) AS wanted (id, from_position) \
    CROSS JOIN LATERAL (SELECT * FROM row_version AS v WHERE v.id = wanted.id AND v.from_position = wanted.from_position \
        AND v.generation + 0 = (SELECT generation FROM log_head) OFFSET 0) AS r";
const ROW_COUNTS: &str = "SELECT COUNT(*), COUNT(*) FILTER (WHERE to_position = 9223372036854775807) FROM row_version \
    WHERE generation = (SELECT generation FROM log_head)";

impl PgStore {
    /// Begins a transaction on a connection that answers.
    async fn begin(&self) -> Result<Transaction<'static, Postgres>, sqlx::Error> {
        again(&self.pool, async |pool| pool.begin_with(BEGIN.into_sql_str()).await).await
    }

    /// The same, while nobody else removes generations or switches between them.
    async fn begin_alone(&self) -> Result<Transaction<'static, Postgres>, sqlx::Error> {
        let mut transaction = self.begin().await?;
        sqlx::query(ALONE).execute(&mut *transaction).await?;
        Ok(transaction)
    }

    pub(super) async fn new_generation(&self) -> Result<u32, StoreError> {
        let failed = StoreError::during("begin a rebuild");
        let mut transaction = self.begin_alone().await.map_err(&failed)?;
        let next: i32 = sqlx::query_scalar(NEXT_GENERATION).fetch_one(&mut *transaction).await.map_err(&failed)?;
        // What an abandoned rebuild left behind.
        sqlx::query(DROP_OTHER_ROWS).execute(&mut *transaction).await.map_err(&failed)?;
        sqlx::query(DROP_OTHER_KEYS).execute(&mut *transaction).await.map_err(&failed)?;
        transaction.commit().await.map_err(&failed)?;
        generation_of(next)
    }

    pub(super) async fn write_generation(
        &self,
        generation: u32,
        rows: &[(Row, u64)],
        closed: &[(StreamId, u64)],
    ) -> Result<(), StoreError> {
        let failed = StoreError::during("write rebuilt rows");
        let mut transaction = self.begin().await.map_err(&failed)?;
        write_rebuilt(&mut transaction, generation, rows, closed).await?;
        transaction.commit().await.map_err(&failed)
    }

    pub(super) async fn read_generation(
        &self,
        generation: u32,
        ids: &[StreamId],
        as_of: u64,
    ) -> Result<Vec<Row>, StoreError> {
        let ids: Vec<Uuid> = ids.iter().map(|id| id.0).collect();
        let rows = again(&self.pool, async |pool| {
            sqlx::query(GENERATION_ROWS)
                .bind(&ids)
                .bind(generation_to(generation))
                .bind(from_position(as_of))
                .fetch_all(&pool)
                .await
        })
        .await
        .map_err(StoreError::during("read rebuilt rows"))?;
        rows.iter().map(row_of).collect()
    }

    pub(super) async fn make_current(&self, generation: u32, size: u64) -> Result<bool, StoreError> {
        let failed = StoreError::during("switch to rebuilt rows");
        let mut transaction = self.begin_alone().await.map_err(&failed)?;
        if lock_head(&mut transaction).await?.size != size {
            return Ok(false);
        }
        let missing: i64 = sqlx::query_scalar(MISSING)
            .bind(generation_to(generation))
            .bind(from_position(size))
            .fetch_one(&mut *transaction)
            .await
            .map_err(&failed)?;
        if missing > 0 {
            return Err(StoreError::swept_away());
        }
        sqlx::query(SWITCH).bind(generation_to(generation)).execute(&mut *transaction).await.map_err(&failed)?;
        transaction.commit().await.map_err(&failed)?;
        // The old rows go after the switch, so that appends wait for the switch alone.
        let mut transaction = self.begin_alone().await.map_err(&failed)?;
        sqlx::query(DROP_OTHER_ROWS).execute(&mut *transaction).await.map_err(&failed)?;
        sqlx::query(DROP_OTHER_KEYS).execute(&mut *transaction).await.map_err(&failed)?;
        transaction.commit().await.map_err(&failed)?;
        Ok(true)
    }

    pub(super) async fn count_rows(&self) -> Result<(u64, u64), StoreError> {
        let (versions, open): (i64, i64) =
            again_however_long(&self.pool, async |pool| sqlx::query_as(ROW_COUNTS).fetch_one(&pool).await)
                .await
                .map_err(StoreError::during("count rows"))?;
        Ok((to_position(versions)?, to_position(open)?))
    }

    pub(super) async fn read_row_versions(&self, places: &[(StreamId, u64)]) -> Result<Vec<(Row, u64)>, StoreError> {
        let failed = StoreError::during("read row versions");
        let streams: Vec<Uuid> = places.iter().map(|(stream, _)| stream.0).collect();
        let starts: Vec<i64> = places.iter().map(|(_, start)| from_position(*start)).collect();
        let rows = again(&self.pool, async |pool| {
            sqlx::query(ROW_VERSIONS).bind(&streams).bind(&starts).fetch_all(&pool).await
        })
        .await
        .map_err(&failed)?;
        rows.iter()
            .map(|columns| {
                let end: i64 = columns.try_get(5).map_err(&failed)?;
                let end = if end == i64::MAX { OPEN_END } else { to_position(end)? };
                Ok((row_of(columns)?, end))
            })
            .collect()
    }
}
