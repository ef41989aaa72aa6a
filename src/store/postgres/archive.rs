//! The tables as they are.

use crate::domain::ids::{PersonId, StreamId};
use crate::ledger::archive::LogName;
use crate::store::postgres::PgStore;
use crate::store::postgres::read::again_however_long;
use crate::store::stored::from_position;
use crate::store::{Archive, Extent, PARTS_PER_EVENT, RawEvent, RawPart, StoreError};
use async_trait::async_trait;
use sqlx::Row as _;
use sqlx::postgres::PgRow;
use uuid::Uuid;

/// How one log's tables are read.
struct Tables {
    extent: &'static str,
    events: &'static str,
    parts: &'static str,
    subtrees: &'static str,
}

const OF_OUTCOMES: Tables = Tables {
    extent: "SELECT h.size, h.recorded_at, h.frontier, \
    (SELECT MIN(position) FROM event), (SELECT MAX(position) FROM event), \
    (SELECT MIN(part_id) FROM part), (SELECT MAX(part_id) FROM part), (SELECT COUNT(*) FROM log_subtree) \
    FROM log_head AS h WHERE h.one = 1",
    events: "SELECT position, event_id, stream, version, organisation, organisation_counter, recorded_at, name, \
    schema_version, leaf, leaf_hash FROM event WHERE position >= $1 AND position < $2 ORDER BY position",
    parts: "SELECT part_id, position, name, class, subject, key_id, salt, bytes FROM part \
    WHERE part_id >= $1 AND part_id < $2 ORDER BY part_id",
    subtrees: "SELECT tree_index, hash FROM log_subtree \
    WHERE tile_level = $1 AND tree_index >= $2 ORDER BY tree_index LIMIT $3",
};
/// An access has one part, its facts; sixteen is `PARTS_PER_EVENT`.
const OF_ACCESSES: Tables = Tables {
    extent: "SELECT h.size, h.recorded_at, h.frontier, (SELECT MIN(position) FROM access), \
        (SELECT MAX(position) FROM access), NULL::bigint, NULL::bigint, (SELECT COUNT(*) FROM access_subtree) \
        FROM access_head AS h WHERE h.one = 1",
    events: "SELECT position, access_id, stream, version, organisation, organisation_counter, recorded_at, 'DataRead', \
        schema_version, leaf, leaf_hash FROM access WHERE position >= $1 AND position < $2 ORDER BY position",
    parts: "SELECT position * 16, position, 'facts', 'facts', NULL::uuid, NULL::uuid, salt, convert_to(facts, 'UTF8') \
        FROM access WHERE position >= $1 / 16 AND position < $2 / 16 ORDER BY position",
    subtrees: "SELECT tree_index, hash FROM access_subtree \
        WHERE tile_level = $1 AND tree_index >= $2 ORDER BY tree_index LIMIT $3",
};

const fn tables(log: LogName) -> &'static Tables {
    match log {
        LogName::Outcomes => &OF_OUTCOMES,
        LogName::Accesses => &OF_ACCESSES,
    }
}

const STREAMS: &str = "SELECT id FROM row_version \
    WHERE person = $1 AND generation = (SELECT generation FROM log_head) AND to_position = 9223372036854775807";

fn event_of(row: &PgRow) -> Result<RawEvent, sqlx::Error> {
    let id = |at: usize| row.try_get::<Uuid, _>(at).map(|id| id.as_bytes().to_vec());
    Ok(RawEvent {
        position: row.try_get(0)?,
        event_id: id(1)?,
        stream: id(2)?,
        version: row.try_get(3)?,
        organisation: row.try_get::<String, _>(4)?.into_bytes(),
        organisation_counter: row.try_get(5)?,
        recorded_at: row.try_get(6)?,
        name: row.try_get::<String, _>(7)?.into_bytes(),
        schema_version: row.try_get::<i32, _>(8)?.into(),
        leaf: row.try_get(9)?,
        leaf_hash: row.try_get(10)?,
        typed: true,
    })
}

fn part_of(row: &PgRow) -> Result<RawPart, sqlx::Error> {
    let id = |at: usize| row.try_get::<Option<Uuid>, _>(at).map(|id| id.map(|id| id.as_bytes().to_vec()));
    Ok(RawPart {
        part_id: row.try_get(0)?,
        position: row.try_get(1)?,
        name: row.try_get::<String, _>(2)?.into_bytes(),
        class: row.try_get::<String, _>(3)?.into_bytes(),
        subject: id(4)?,
        key_id: id(5)?,
        salt: row.try_get(6)?,
        bytes: row.try_get(7)?,
        typed: true,
    })
}

fn extent_of(row: &PgRow) -> Result<Extent, sqlx::Error> {
    let range = |from: usize| -> Result<Option<(i64, i64)>, sqlx::Error> {
        Ok(row.try_get::<Option<i64>, _>(from)?.zip(row.try_get(from + 1)?))
    };
    Ok(Extent {
        size: row.try_get(0)?,
        recorded_at: row.try_get(1)?,
        frontier: row.try_get(2)?,
        events: range(3)?,
        parts: range(5)?,
        subtrees: row.try_get(7)?,
    })
}

#[async_trait]
impl Archive for PgStore {
    async fn extent(&self, log: LogName) -> Result<Option<Extent>, StoreError> {
        let failed = StoreError::during("read how far the log goes");
        let read =
            again_however_long(&self.pool, async |pool| sqlx::query(tables(log).extent).fetch_optional(&pool).await);
        read.await.and_then(|row| row.map(|row| extent_of(&row)).transpose()).map_err(failed)
    }

    async fn raw_events(&self, log: LogName, from: u64, until: u64) -> Result<Vec<RawEvent>, StoreError> {
        let failed = StoreError::during("read events as they are");
        let rows = again_however_long(&self.pool, async |pool| {
            sqlx::query(tables(log).events).bind(from_position(from)).bind(from_position(until)).fetch_all(&pool).await
        });
        rows.await.and_then(|rows| rows.iter().map(event_of).collect()).map_err(failed)
    }

    async fn raw_parts(&self, log: LogName, from: u64, until: u64) -> Result<Vec<RawPart>, StoreError> {
        let failed = StoreError::during("read parts as they are");
        let id = |position: u64| from_position(position.saturating_mul(PARTS_PER_EVENT));
        let rows = again_however_long(&self.pool, async |pool| {
            sqlx::query(tables(log).parts).bind(id(from)).bind(id(until)).fetch_all(&pool).await
        });
        rows.await.and_then(|rows| rows.iter().map(part_of).collect()).map_err(failed)
    }

    async fn raw_subtrees(
        &self,
        log: LogName,
        tile_level: u8,
        from: u64,
        limit: u32,
    ) -> Result<Vec<(i64, Vec<u8>)>, StoreError> {
        again_however_long(&self.pool, async |pool| {
            sqlx::query_as(tables(log).subtrees)
                .bind(i32::from(tile_level))
                .bind(from_position(from))
                .bind(i64::from(limit))
                .fetch_all(&pool)
                .await
        })
        .await
        .map_err(StoreError::during("read the tree as it is"))
    }

    async fn streams_of_person(&self, person: PersonId) -> Result<Vec<StreamId>, StoreError> {
        let ids: Vec<Uuid> = again_however_long(&self.pool, async |pool| {
            sqlx::query_scalar(STREAMS).bind(person.0).fetch_all(&pool).await
        })
        .await
        .map_err(StoreError::during("find a person's record"))?;
        Ok(ids.into_iter().map(StreamId).collect())
    }
}
