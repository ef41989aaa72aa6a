//! Erasures in PostgreSQL: what a person has, read under the head's lock; parts, rows and keys that go; keys to destroy.

use crate::domain::event::Class;
use crate::domain::ids::{OrganisationCode, PersonId, StreamId};
use crate::domain::time::Timestamp;
use crate::projections::Row;
use crate::store::lawful::{Effect, HeldStream, KeyDestruction, LawfulStore, Rewriting, SealedAnew};
use crate::store::postgres::PgStore;
use crate::store::postgres::known::row_of;
use crate::store::postgres::read::{again, part_of};
use crate::store::stored::{CoveredLeaves, destruction_from, from_position, held_from, to_position};
use crate::store::{StoreError, StoredPart};
use async_trait::async_trait;
use sqlx::postgres::PgConnection;
use uuid::Uuid;

const HELD: &str = "SELECT id, version, kind FROM row_version WHERE person = $1 \
    AND generation = (SELECT generation FROM log_head) AND organisation = $2 AND to_position = 9223372036854775807";
const VERSIONS: &str = "SELECT id, organisation, from_position, version, body FROM row_version \
    WHERE id = ANY($1) AND generation + 0 = (SELECT generation FROM log_head)";
const COVERS: &str = "INSERT INTO erasure_cover (position, stream, class, through_version) \
    SELECT $1, new.* FROM unnest($2::uuid[], $3::text[], $4::bigint[]) AS new";
const REMOVE_PARTS: &str = "DELETE FROM part WHERE part_id = ANY(ARRAY(SELECT p.part_id FROM erasure_cover AS c \
    JOIN event AS e ON e.stream = c.stream AND e.version <= c.through_version \
    JOIN part AS p ON p.part_id >= e.position * 16 AND p.part_id < e.position * 16 + 16 AND p.class = c.class \
    WHERE c.position = $1))";
// A rebuild under way read what is erased now; it begins again (`rebuild`).
const DROP_OTHER_GENERATIONS: &str =
    "DELETE FROM row_version WHERE id = ANY($1) AND generation <> (SELECT generation FROM log_head)";
const DROP_ROWS: &str = "DELETE FROM row_version WHERE id = ANY($1) AND from_position < $2";
const BODIES: &str = "UPDATE row_version AS r SET body = new.body \
    FROM unnest($1::uuid[], $2::bigint[], $3::text[]) AS new (id, start, body) \
    WHERE r.id = new.id AND r.from_position = new.start";
const DROP_KEYS: &str = "DELETE FROM row_key AS k USING unnest($2::text[], $3::text[], $4::uuid[]) AS gone (kind, value, id) \
    WHERE k.organisation = $1 AND k.kind = gone.kind AND k.value = gone.value AND k.id = gone.id AND k.from_position < $5";
const DESTRUCTIONS: &str = "INSERT INTO key_destruction (position, class, subject, below) \
    SELECT $1, class, $3, below FROM unnest($2::text[], $4::bigint[]) AS new (class, below)";
const NOT_SEALED_WITH: &str = "SELECT p.position, e.event_id, e.stream, e.version, p.name, p.class, p.key_id, p.bytes, p.salt \
    FROM row_version AS r JOIN event AS e ON e.stream = r.id \
    JOIN part AS p ON p.part_id >= e.position * 16 AND p.part_id < e.position * 16 + 16 AND p.class = $2 \
    WHERE r.person = $1 AND r.generation = (SELECT generation FROM log_head) AND r.to_position = 9223372036854775807 \
        AND p.subject = $1 AND p.key_id <> $3 LIMIT $4";
const SEALED_ANEW: &str = "UPDATE part SET key_id = new.new_key, bytes = new.bytes \
    FROM unnest($1::bigint[], $2::text[], $3::uuid[], $4::uuid[], $5::bytea[]) AS new (position, name, old_key, new_key, bytes) \
    WHERE part.part_id >= new.position * 16 AND part.part_id < new.position * 16 + 16 AND part.name = new.name \
        AND part.key_id = new.old_key";
const COVERED_LEAVES: &str = "SELECT e.position, e.leaf FROM unnest($1::bigint[]) AS wanted (position) \
    JOIN event AS e ON e.position = wanted.position WHERE EXISTS \
    (SELECT 1 FROM erasure_cover AS c WHERE c.stream = e.stream AND c.through_version >= e.version)";
const PENDING: &str = "SELECT position, class, subject, below, done_at FROM key_destruction WHERE done_at IS NULL \
    ORDER BY position LIMIT $1";
const DESTRUCTIONS_OF: &str =
    "SELECT position, class, subject, below, done_at FROM key_destruction WHERE position = $1 ORDER BY class";
const DONE: &str = "UPDATE key_destruction SET done_at = $3 WHERE position = $1 AND class = $2 AND done_at IS NULL";
const LAST_CHANGE: &str = "SELECT MAX(position) FROM erasure_cover";

/// Everything that a person of an organisation has.
pub(super) async fn read_held(
    connection: &mut PgConnection,
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

/// Removes what an erasure covers, in its own transaction.
pub(super) async fn run_effect(
    connection: &mut PgConnection,
    effect: &Effect<'_>,
    held: &[HeldStream],
    organisation: &OrganisationCode,
) -> Result<(), StoreError> {
    let failed = StoreError::during("erase");
    let position = from_position(effect.position);
    let rewritten: Vec<Uuid> = effect.rewritten(held).into_iter().map(|stream: StreamId| stream.0).collect();
    let mut versions: Vec<Row> = Vec::new();
    if !rewritten.is_empty() {
        let rows = sqlx::query(VERSIONS).bind(&rewritten).fetch_all(&mut *connection).await.map_err(&failed)?;
        versions = rows.iter().map(row_of).collect::<Result<_, _>>()?;
    }
    let rewriting = effect.rewriting(&versions)?;
    let covers = effect.covers(held);
    sqlx::query(COVERS)
        .bind(position)
        .bind(covers.iter().map(|(stream, ..)| stream.0).collect::<Vec<_>>())
        .bind(covers.iter().map(|(.., class)| class.as_str()).collect::<Vec<_>>())
        .bind(covers.iter().map(|(_, through, _)| from_position(*through)).collect::<Vec<_>>())
        .execute(&mut *connection)
        .await
        .map_err(&failed)?;
    sqlx::query(REMOVE_PARTS).bind(position).execute(&mut *connection).await.map_err(&failed)?;
    sqlx::query(DROP_OTHER_GENERATIONS).bind(&rewritten).execute(&mut *connection).await.map_err(&failed)?;
    rewrite(connection, &rewriting, organisation, position).await.map_err(&failed)?;
    sqlx::query(DESTRUCTIONS)
        .bind(position)
        .bind(effect.destroyed().iter().map(|(class, _)| class.as_str()).collect::<Vec<_>>())
        .bind(effect.executed.subject.0)
        .bind(effect.destroyed().iter().map(|(_, below)| below.map(i64::from)).collect::<Vec<_>>())
        .execute(connection)
        .await
        .map_err(failed)?;
    Ok(())
}

async fn rewrite(
    connection: &mut PgConnection,
    rewriting: &Rewriting,
    organisation: &OrganisationCode,
    position: i64,
) -> Result<(), sqlx::Error> {
    sqlx::query(BODIES)
        .bind(rewriting.bodies.iter().map(|(stream, ..)| stream.0).collect::<Vec<_>>())
        .bind(rewriting.bodies.iter().map(|(_, start, _)| from_position(*start)).collect::<Vec<_>>())
        .bind(rewriting.bodies.iter().map(|(.., body)| body.as_str()).collect::<Vec<_>>())
        .execute(&mut *connection)
        .await?;
    if rewriting.everything {
        let gone: Vec<Uuid> = rewriting.gone.iter().map(|stream| stream.0).collect();
        sqlx::query(DROP_ROWS).bind(gone).bind(position).execute(&mut *connection).await?;
    }
    sqlx::query(DROP_KEYS)
        .bind(organisation.as_str())
        .bind(rewriting.keys.iter().map(|(_, key)| key.kind.as_str()).collect::<Vec<_>>())
        .bind(rewriting.keys.iter().map(|(_, key)| key.value.as_str()).collect::<Vec<_>>())
        .bind(rewriting.keys.iter().map(|(id, _)| id.0).collect::<Vec<_>>())
        .bind(position)
        .execute(connection)
        .await?;
    Ok(())
}

impl PgStore {
    /// The leaves of those positions that an erasure covers.
    pub(super) async fn read_covered_leaves(&self, positions: &[i64]) -> Result<CoveredLeaves, StoreError> {
        let leaves: Vec<(i64, Vec<u8>)> =
            again(&self.pool, async |pool| sqlx::query_as(COVERED_LEAVES).bind(positions).fetch_all(&pool).await)
                .await
                .map_err(StoreError::during("read what is erased"))?;
        Ok(leaves.into_iter().collect())
    }
}

#[async_trait]
impl LawfulStore for PgStore {
    async fn pending_destructions(&self, limit: u32) -> Result<Vec<KeyDestruction>, StoreError> {
        let limit = i64::from(limit);
        let rows = again(&self.pool, async |pool| sqlx::query_as(PENDING).bind(limit).fetch_all(&pool).await)
            .await
            .map_err(StoreError::during("read keys to destroy"))?;
        rows.into_iter().map(destruction_from).collect()
    }
    async fn destructions_of(&self, position: u64) -> Result<Vec<KeyDestruction>, StoreError> {
        let position = from_position(position);
        let rows =
            again(&self.pool, async |pool| sqlx::query_as(DESTRUCTIONS_OF).bind(position).fetch_all(&pool).await)
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
        let rows = again(&self.pool, async |pool| {
            sqlx::query(NOT_SEALED_WITH)
                .bind(person.0)
                .bind(class.as_str())
                .bind(key)
                .bind(i64::from(limit))
                .fetch_all(&pool)
                .await
        })
        .await
        .map_err(StoreError::during("read parts to seal anew"))?;
        rows.iter().map(part_of).collect()
    }
    async fn put_sealed_anew(&self, parts: &[SealedAnew]) -> Result<(), StoreError> {
        again(&self.pool, async |pool| {
            sqlx::query(SEALED_ANEW)
                .bind(parts.iter().map(|part| from_position(part.position)).collect::<Vec<_>>())
                .bind(parts.iter().map(|part| part.name.as_str()).collect::<Vec<_>>())
                .bind(parts.iter().map(|part| part.old_key).collect::<Vec<_>>())
                .bind(parts.iter().map(|part| part.new_key).collect::<Vec<_>>())
                .bind(parts.iter().map(|part| part.bytes.as_slice()).collect::<Vec<_>>())
                .execute(&pool)
                .await
        })
        .await
        .map_err(StoreError::during("seal parts anew"))?;
        Ok(())
    }
    async fn destruction_done(&self, destruction: &KeyDestruction, at: Timestamp) -> Result<(), StoreError> {
        let (position, class) = (from_position(destruction.position), destruction.class.as_str());
        again(&self.pool, async |pool| {
            sqlx::query(DONE).bind(position).bind(class).bind(at.micros()).execute(&pool).await
        })
        .await
        .map_err(StoreError::during("say that keys are destroyed"))?;
        Ok(())
    }
    async fn last_lawful_change(&self) -> Result<Option<u64>, StoreError> {
        let last: Option<i64> = again(&self.pool, async |pool| sqlx::query_scalar(LAST_CHANGE).fetch_one(&pool).await)
            .await
            .map_err(StoreError::during("find the last erasure"))?;
        last.map(to_position).transpose()
    }
}
