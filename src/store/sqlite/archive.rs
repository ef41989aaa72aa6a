//! The tables as they are. SQLite keeps any value in any column, so each is read as what it should be, and whether it was
//! is said beside it.

use crate::domain::ids::{PersonId, StreamId};
use crate::ledger::archive::LogName;
use crate::store::sqlite::SqliteStore;
use crate::store::stored::from_position;
use crate::store::{Archive, Extent, PARTS_PER_EVENT, RawEvent, RawPart, StoreError};
use async_trait::async_trait;
use sqlx::Row as _;
use sqlx::sqlite::SqliteRow;
use uuid::Uuid;

/// How one log's tables are read.
struct Tables {
    extent: &'static str,
    events: &'static str,
    parts: &'static str,
    subtrees: &'static str,
}

const OF_OUTCOMES: Tables = Tables {
    extent: "SELECT CAST(h.size AS INTEGER), CAST(h.recorded_at AS INTEGER), CAST(h.frontier AS BLOB), \
    (SELECT MIN(position) FROM event), (SELECT MAX(position) FROM event), \
    (SELECT MIN(part_id) FROM part), (SELECT MAX(part_id) FROM part), (SELECT COUNT(*) FROM log_subtree) \
    FROM log_head AS h WHERE h.one = 1",
    events: "SELECT position, CAST(event_id AS BLOB), CAST(stream AS BLOB), CAST(version AS INTEGER), \
    CAST(organisation AS BLOB), CAST(organisation_counter AS INTEGER), CAST(recorded_at AS INTEGER), CAST(name AS BLOB), \
    CAST(schema_version AS INTEGER), CAST(leaf AS BLOB), CAST(leaf_hash AS BLOB), \
    typeof(event_id) = 'blob' AND typeof(stream) = 'blob' AND typeof(version) = 'integer' \
        AND typeof(organisation) = 'text' AND typeof(organisation_counter) = 'integer' AND typeof(recorded_at) = 'integer' \
        AND typeof(name) = 'text' AND typeof(schema_version) = 'integer' AND typeof(leaf) = 'blob' AND typeof(leaf_hash) = 'blob' \
    FROM event WHERE position >= ?1 AND position < ?2 ORDER BY position",
    parts: "SELECT part_id, CAST(position AS INTEGER), CAST(name AS BLOB), CAST(class AS BLOB), \
    CAST(subject AS BLOB), CAST(key_id AS BLOB), CAST(salt AS BLOB), CAST(bytes AS BLOB), \
    typeof(position) = 'integer' AND typeof(name) = 'text' AND typeof(class) = 'text' AND typeof(bytes) = 'blob' \
        AND typeof(subject) IN ('blob', 'null') AND typeof(key_id) IN ('blob', 'null') AND typeof(salt) IN ('blob', 'null') \
    FROM part WHERE part_id >= ?1 AND part_id < ?2 ORDER BY part_id",
    subtrees: "SELECT tree_index, CAST(hash AS BLOB) FROM log_subtree \
    WHERE tile_level = ?1 AND tree_index >= ?2 ORDER BY tree_index LIMIT ?3",
};
/// An access has one part, its facts; sixteen is `PARTS_PER_EVENT`.
const OF_ACCESSES: Tables = Tables {
    extent: "SELECT CAST(h.size AS INTEGER), CAST(h.recorded_at AS INTEGER), CAST(h.frontier AS BLOB), \
        (SELECT MIN(position) FROM access), (SELECT MAX(position) FROM access), NULL, NULL, \
        (SELECT COUNT(*) FROM access_subtree) FROM access_head AS h WHERE h.one = 1",
    events: "SELECT position, CAST(access_id AS BLOB), CAST(stream AS BLOB), CAST(version AS INTEGER), \
        CAST(organisation AS BLOB), CAST(organisation_counter AS INTEGER), CAST(recorded_at AS INTEGER), \
        CAST('DataRead' AS BLOB), CAST(schema_version AS INTEGER), CAST(leaf AS BLOB), CAST(leaf_hash AS BLOB), \
        typeof(access_id) = 'blob' AND typeof(stream) = 'blob' AND typeof(version) = 'integer' \
            AND typeof(organisation) = 'text' AND typeof(organisation_counter) = 'integer' AND typeof(recorded_at) = 'integer' \
            AND typeof(schema_version) = 'integer' AND typeof(leaf) = 'blob' AND typeof(leaf_hash) = 'blob' \
        FROM access WHERE position >= ?1 AND position < ?2 ORDER BY position",
    parts: "SELECT position * 16, position, CAST('facts' AS BLOB), CAST('facts' AS BLOB), NULL, NULL, CAST(salt AS BLOB), \
        CAST(facts AS BLOB), typeof(salt) = 'blob' AND typeof(facts) = 'text' \
        FROM access WHERE position >= ?1 / 16 AND position < ?2 / 16 ORDER BY position",
    subtrees: "SELECT tree_index, CAST(hash AS BLOB) FROM access_subtree \
        WHERE tile_level = ?1 AND tree_index >= ?2 ORDER BY tree_index LIMIT ?3",
};

const fn tables(log: LogName) -> &'static Tables {
    match log {
        LogName::Outcomes => &OF_OUTCOMES,
        LogName::Accesses => &OF_ACCESSES,
    }
}

const STREAMS: &str = "SELECT id FROM row_version INDEXED BY row_version_person \
    WHERE person = ?1 AND generation = (SELECT generation FROM log_head) AND to_position = 9223372036854775807";

fn event_of(row: &SqliteRow) -> Result<RawEvent, sqlx::Error> {
    Ok(RawEvent {
        position: row.try_get(0)?,
        event_id: row.try_get(1)?,
        stream: row.try_get(2)?,
        version: row.try_get(3)?,
        organisation: row.try_get(4)?,
        organisation_counter: row.try_get(5)?,
        recorded_at: row.try_get(6)?,
        name: row.try_get(7)?,
        schema_version: row.try_get(8)?,
        leaf: row.try_get(9)?,
        leaf_hash: row.try_get(10)?,
        typed: row.try_get(11)?,
    })
}

fn part_of(row: &SqliteRow) -> Result<RawPart, sqlx::Error> {
    Ok(RawPart {
        part_id: row.try_get(0)?,
        position: row.try_get(1)?,
        name: row.try_get(2)?,
        class: row.try_get(3)?,
        subject: row.try_get(4)?,
        key_id: row.try_get(5)?,
        salt: row.try_get(6)?,
        bytes: row.try_get(7)?,
        typed: row.try_get(8)?,
    })
}

fn extent_of(row: &SqliteRow) -> Result<Extent, sqlx::Error> {
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
impl Archive for SqliteStore {
    async fn extent(&self, log: LogName) -> Result<Option<Extent>, StoreError> {
        let failed = StoreError::during("read how far the log goes");
        let row = sqlx::query(tables(log).extent).fetch_optional(&self.read).await.map_err(&failed)?;
        row.map(|row| extent_of(&row)).transpose().map_err(failed)
    }

    async fn raw_events(&self, log: LogName, from: u64, until: u64) -> Result<Vec<RawEvent>, StoreError> {
        let failed = StoreError::during("read events as they are");
        let select = sqlx::query(tables(log).events).bind(from_position(from)).bind(from_position(until));
        let rows = select.fetch_all(&self.read).await.map_err(&failed)?;
        rows.iter().map(event_of).collect::<Result<_, _>>().map_err(failed)
    }

    async fn raw_parts(&self, log: LogName, from: u64, until: u64) -> Result<Vec<RawPart>, StoreError> {
        let failed = StoreError::during("read parts as they are");
        let id = |position: u64| from_position(position.saturating_mul(PARTS_PER_EVENT));
        let rows = sqlx::query(tables(log).parts)
            .bind(id(from))
            .bind(id(until))
            .fetch_all(&self.read)
            .await
            .map_err(&failed)?;
        rows.iter().map(part_of).collect::<Result<_, _>>().map_err(failed)
    }

    async fn raw_subtrees(
        &self,
        log: LogName,
        tile_level: u8,
        from: u64,
        limit: u32,
    ) -> Result<Vec<(i64, Vec<u8>)>, StoreError> {
        sqlx::query_as(tables(log).subtrees)
            .bind(i64::from(tile_level))
            .bind(from_position(from))
            .bind(limit)
            .fetch_all(&self.read)
            .await
            .map_err(StoreError::during("read the tree as it is"))
    }

    async fn streams_of_person(&self, person: PersonId) -> Result<Vec<StreamId>, StoreError> {
        let ids: Vec<Uuid> = sqlx::query_scalar(STREAMS)
            .bind(person.0)
            .fetch_all(&self.read)
            .await
            .map_err(StoreError::during("find a person's record"))?;
        Ok(ids.into_iter().map(StreamId).collect())
    }
}
