//! Erasures in SQLite: what a person has, read under the head's lock; parts, rows and keys that go; keys to destroy.

use crate::domain::event::Class;
use crate::domain::ids::{OrganisationCode, PersonId, StreamId};
use crate::domain::time::Timestamp;
use crate::projections::{Row, RowKey};
use crate::store::lawful::{Effect, HeldStream, KeyDestruction, LawfulStore, Rewriting, SealedAnew};
use crate::store::sqlite::SqliteStore;
use crate::store::sqlite::append::{hex_list, row_of};
use crate::store::sqlite::read::part_of;
use crate::store::sqlite::script::{Script, Table};
use crate::store::stored::{CoveredLeaves, destruction_from, from_position, held_from, to_position};
use crate::store::{StoreError, StoredPart};
use async_trait::async_trait;
use sqlx::SqlSafeStr as _;
use sqlx::sqlite::{SqliteConnection, SqlitePool};
use uuid::Uuid;

const HELD: &str = "SELECT id, version, kind FROM row_version INDEXED BY row_version_person \
    WHERE person = ?1 AND generation = (SELECT generation FROM log_head) AND organisation = ?2 \
        AND to_position = 9223372036854775807";
const VERSIONS: &str = "SELECT id, organisation, from_position, version, body FROM row_version \
    WHERE id IN (SELECT unhex(value) FROM json_each(?1)) AND generation = (SELECT generation FROM log_head)";
const REMOVE_PARTS: &str = "DELETE FROM part WHERE part_id IN (SELECT p.part_id FROM erasure_cover AS c \
    CROSS JOIN event AS e ON e.stream = c.stream AND e.version <= c.through_version \
    CROSS JOIN part AS p ON p.part_id >= e.position * 16 AND p.part_id < e.position * 16 + 16 AND p.class = c.class \
    WHERE c.position = ?)";
// A rebuild under way read what is erased now; it begins again (`rebuild`).
const DROP_OTHER_GENERATIONS: &str = "DELETE FROM row_version WHERE id IN (SELECT unhex(value) FROM json_each(?)) \
    AND generation <> (SELECT generation FROM log_head)";
const DROP_ROWS: &str =
    "DELETE FROM row_version WHERE id IN (SELECT unhex(value) FROM json_each(?)) AND from_position < ?";
const DROP_KEYS: &str = "DELETE FROM row_key WHERE (organisation, kind, value, id) IN \
    (SELECT ?, value ->> 0, value ->> 1, unhex(value ->> 2) FROM json_each(?)) AND from_position < ?";
static COVERS: Table =
    Table::insert("INSERT INTO erasure_cover (position, stream, class, through_version) SELECT * FROM", 4);
static DESTRUCTIONS: Table =
    Table::insert("INSERT INTO key_destruction (position, class, subject, below) SELECT * FROM", 4);
static BODIES: Table = Table::new(
    "UPDATE row_version SET body = new.column3 FROM",
    "AS new WHERE row_version.id = new.column1 AND row_version.from_position = new.column2",
    3,
);
const COVERED_LEAVES: &str = "SELECT e.position, e.leaf FROM json_each(?1) AS wanted \
    CROSS JOIN event AS e ON e.position = wanted.value WHERE EXISTS \
    (SELECT 1 FROM erasure_cover AS c WHERE c.stream = e.stream AND c.through_version >= e.version)";
const NOT_SEALED_WITH: &str = "SELECT p.position, e.event_id, e.stream, e.version, p.name, p.class, p.key_id, p.bytes, p.salt \
    FROM row_version AS r INDEXED BY row_version_person CROSS JOIN event AS e ON e.stream = r.id \
    CROSS JOIN part AS p ON p.part_id >= e.position * 16 AND p.part_id < e.position * 16 + 16 AND p.class = ?2 \
    WHERE r.person = ?1 AND r.generation = (SELECT generation FROM log_head) AND r.to_position = 9223372036854775807 \
        AND p.subject = ?1 AND p.key_id <> ?3 LIMIT ?4";
static SEALED_ANEW: Table = Table::new(
    "UPDATE part SET key_id = new.column4, bytes = new.column5 FROM",
    "AS new WHERE part.part_id >= new.column1 * 16 AND part.part_id < new.column1 * 16 + 16 AND part.name = new.column2 \
     AND part.key_id = new.column3",
    5,
);
const PENDING: &str = "SELECT position, class, subject, below, done_at FROM key_destruction WHERE done_at IS NULL \
    ORDER BY position LIMIT ?1";
const DESTRUCTIONS_OF: &str =
    "SELECT position, class, subject, below, done_at FROM key_destruction WHERE position = ?1 ORDER BY class";
const DONE: &str = "UPDATE key_destruction SET done_at = ?3 WHERE position = ?1 AND class = ?2 AND done_at IS NULL";
const LAST_CHANGE: &str = "SELECT MAX(position) FROM erasure_cover";

/// Everything that a person of an organisation has.
pub(super) async fn read_held(
    connection: &mut SqliteConnection,
    organisation: &OrganisationCode,
    person: PersonId,
) -> Result<Vec<HeldStream>, StoreError> {
    let rows: Vec<(Uuid, i64, String)> = sqlx::query_as(HELD)
        .bind(person.0)
        .bind(organisation.as_str())
        .fetch_all(connection)
        .await
        .map_err(StoreError::during("read what a person has"))?;
    rows.into_iter().map(held_from).collect()
}

/// Removes what an erasure covers; before the head is moved.
pub(super) async fn run_effect(
    connection: &mut SqliteConnection,
    effect: &Effect<'_>,
    held: &[HeldStream],
    organisation: &OrganisationCode,
) -> Result<(), StoreError> {
    let failed = StoreError::during("erase");
    let hex = |streams: &[StreamId]| hex_list(streams.iter().map(|stream| stream.0.as_bytes().as_slice()));
    let position = from_position(effect.position);
    let rewritten = effect.rewritten(held);
    let mut versions: Vec<Row> = Vec::new();
    if !rewritten.is_empty() {
        let rows = sqlx::query(VERSIONS).bind(hex(&rewritten)).fetch_all(&mut *connection).await.map_err(&failed)?;
        versions = rows.iter().map(row_of).collect::<Result<_, _>>()?;
    }
    let rewriting = effect.rewriting(&versions)?;
    let mut script = Script::default();
    script.rows(&COVERS, &effect.covers(held), |script, (stream, through, class)| {
        script.add(position).add(stream.0).add(class.as_str()).add(from_position(*through));
    });
    script.statement(REMOVE_PARTS).add(position);
    script.statement(DROP_OTHER_GENERATIONS).add(hex(&rewritten));
    add_rewriting(&mut script, &rewriting, organisation, position);
    script.rows(&DESTRUCTIONS, &effect.destroyed(), |script, (class, below)| {
        script.add(position).add(class.as_str()).add(effect.executed.subject.0).add(*below);
    });
    script.run(connection).await.map_err(failed)
}

fn add_rewriting(script: &mut Script, rewriting: &Rewriting, organisation: &OrganisationCode, position: i64) {
    script.rows(&BODIES, &rewriting.bodies, |script, (stream, start, body)| {
        script.add(stream.0).add(from_position(*start)).add(body.clone());
    });
    if rewriting.everything {
        let gone = hex_list(rewriting.gone.iter().map(|stream| stream.0.as_bytes().as_slice()));
        script.statement(DROP_ROWS).add(gone).add(position);
    }
    let keys = rewriting
        .keys
        .iter()
        .map(|(id, RowKey { kind, value })| serde_json::json!([kind.as_str(), value, hex::encode(id.0.as_bytes())]));
    script
        .statement(DROP_KEYS)
        .add(organisation.as_str().to_owned())
        .add(serde_json::Value::from_iter(keys).to_string())
        .add(position);
}

impl SqliteStore {
    /// Empties the write-ahead log, which still holds the pages that something was erased from. Readers may hold this back; then
    /// it happens at a later copying of the log.
    pub(super) async fn forget_write_ahead_log(&self) {
        if let Err(error) = sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)").execute(&self.write).await {
            tracing::warn!(%error, "the write-ahead log could not be emptied after an erasure");
        }
    }
}

/// The leaves of those positions that an erasure covers.
pub(super) async fn read_covered_leaves(pool: &SqlitePool, positions: &[i64]) -> Result<CoveredLeaves, StoreError> {
    let wanted = serde_json::Value::from_iter(positions.iter().copied()).to_string();
    let leaves: Vec<(i64, Vec<u8>)> = sqlx::query_as(COVERED_LEAVES)
        .bind(wanted)
        .fetch_all(pool)
        .await
        .map_err(StoreError::during("read what is erased"))?;
    Ok(leaves.into_iter().collect())
}

#[async_trait]
impl LawfulStore for SqliteStore {
    async fn pending_destructions(&self, limit: u32) -> Result<Vec<KeyDestruction>, StoreError> {
        let rows = sqlx::query_as(PENDING)
            .bind(limit)
            .fetch_all(&self.read)
            .await
            .map_err(StoreError::during("read keys to destroy"))?;
        rows.into_iter().map(destruction_from).collect()
    }
    async fn destructions_of(&self, position: u64) -> Result<Vec<KeyDestruction>, StoreError> {
        let rows = sqlx::query_as(DESTRUCTIONS_OF)
            .bind(from_position(position))
            .fetch_all(&self.read)
            .await
            .map_err(StoreError::during("read keys to destroy"))?;
        rows.into_iter().map(destruction_from).collect()
    }
    async fn parts_not_sealed_with(
        &self,
        person: PersonId,
        class: Class,
        key: Uuid,
        limit: u32,
    ) -> Result<Vec<StoredPart>, StoreError> {
        let rows = sqlx::query(NOT_SEALED_WITH)
            .bind(person.0)
            .bind(class.as_str())
            .bind(key)
            .bind(limit)
            .fetch_all(&self.read)
            .await
            .map_err(StoreError::during("read parts to seal anew"))?;
        rows.iter().map(part_of).collect()
    }
    async fn put_sealed_anew(&self, parts: &[SealedAnew]) -> Result<(), StoreError> {
        let failed = StoreError::during("seal parts anew");
        let mut transaction = self.write.begin_with("BEGIN IMMEDIATE".into_sql_str()).await.map_err(&failed)?;
        let mut script = Script::default();
        script.rows(&SEALED_ANEW, parts, |script, part| {
            script
                .add(from_position(part.position))
                .add(part.name.clone())
                .add(part.old_key)
                .add(part.new_key)
                .add(part.bytes.clone());
        });
        script.run(&mut transaction).await.map_err(&failed)?;
        transaction.commit().await.map_err(failed)
    }
    async fn destruction_done(&self, destruction: &KeyDestruction, at: Timestamp) -> Result<(), StoreError> {
        sqlx::query(DONE)
            .bind(from_position(destruction.position))
            .bind(destruction.class.as_str())
            .bind(at.micros())
            .execute(&self.write)
            .await
            .map_err(StoreError::during("say that keys are destroyed"))?;
        Ok(())
    }
    async fn last_lawful_change(&self) -> Result<Option<u64>, StoreError> {
        let last: Option<i64> = sqlx::query_scalar(LAST_CHANGE)
            .fetch_one(&self.read)
            .await
            .map_err(StoreError::during("find the last erasure"))?;
        last.map(to_position).transpose()
    }
}
