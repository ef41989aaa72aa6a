//! One append: lock the head, read what the plan wants, plan, one statement for each table, commit.

use crate::domain::ids::{OrganisationCode, StreamId};
use crate::domain::time::Timestamp;
use crate::ledger::Frontier;
use crate::patience::{NoAnswer, is_no_answer, within};
use crate::projections::{Row, RowKey};
use crate::store::plan::{Known, Plan, Wanted, plan, wanted};
use crate::store::postgres::follow::CHANNEL;
use crate::store::postgres::{APPEND_LIMIT, BEGIN, PgStore};
use crate::store::stored::{body_of, digest_from, from_position, row_from, to_position};
use crate::store::{Appended, Group, Head, KeptAnswer, OPEN_END, PARTS_PER_EVENT, Rejection, StoreError, raise};
use sqlx::postgres::{PgArguments, PgConnection, PgRow};
use sqlx::query::Query;
use sqlx::{Postgres, Row as _, SqlSafeStr as _, Transaction};
use std::collections::HashMap;
use uuid::Uuid;

const LOCK_HEAD: &str = "SELECT size, recorded_at, generation, frontier FROM log_head WHERE one = 1 FOR UPDATE";
// `generation + 0` here and below: nearly all rows have the same one, so an index must not be chosen for it. In an empty
// database every index looks as good as the next.
const CURRENT_ROWS: &str = "SELECT id, organisation, from_position, version, body FROM row_version \
    WHERE id = ANY($1) AND generation + 0 = $2 AND to_position = 9223372036854775807";
const KEPT_ANSWERS: &str =
    "SELECT digest, fingerprint, position, stream, version, recorded_at FROM idempotency WHERE digest = ANY($1)";
const COUNTERS: &str = "SELECT wanted.code, last.organisation_counter + 1 FROM unnest($1::text[]) AS wanted (code) \
    CROSS JOIN LATERAL (SELECT organisation_counter FROM event WHERE organisation = wanted.code \
        ORDER BY organisation DESC, position DESC LIMIT 1) AS last";
// One look by the whole key for each, in this order and no other: `OFFSET 0` keeps the planner from turning it round.
const HOLDERS: &str = "SELECT held.organisation, held.kind, held.value, held.id \
    FROM unnest($1::text[], $2::text[], $3::text[]) AS wanted (organisation, kind, value) \
    CROSS JOIN LATERAL (SELECT k.organisation, k.kind, k.value, k.id FROM row_key AS k \
        WHERE k.organisation = wanted.organisation AND k.kind = wanted.kind AND k.value = wanted.value AND k.generation = $4 \
            AND (SELECT r.to_position FROM row_version AS r \
                WHERE r.id = k.id AND r.generation + 0 = k.generation AND r.from_position = k.from_position) = 9223372036854775807 \
        OFFSET 0) AS held";
const EVENTS: &str = "INSERT INTO event (position, event_id, stream, version, organisation, organisation_counter, recorded_at, \
        name, schema_version, leaf, leaf_hash) \
    SELECT position, event_id, stream, version, organisation, counter, $10, name, schema_version, leaf, leaf_hash \
    FROM unnest($1::bigint[], $2::uuid[], $3::uuid[], $4::bigint[], $5::text[], $6::bigint[], $7::text[], $8::integer[], \
        $9::bytea[], $11::bytea[]) \
        AS new (position, event_id, stream, version, organisation, counter, name, schema_version, leaf, leaf_hash)";
const PARTS: &str = "INSERT INTO part (part_id, position, name, class, subject, key_id, salt, bytes) \
    SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::text[], $4::text[], $5::uuid[], $6::uuid[], $7::bytea[], $8::bytea[])";
const CLOSE_ROWS: &str = "UPDATE row_version SET to_position = ($2::bigint[])[array_position($1::uuid[], id)] \
    WHERE id = ANY($1) AND generation + 0 = $3 AND to_position = 9223372036854775807";
const ROWS: &str = "INSERT INTO row_version (generation, id, from_position, to_position, version, organisation, kind, person, \
        outcome, status, perspective, occurred_from, occurred_until, changed_at, body) \
    SELECT $1, new.* FROM unnest($2::uuid[], $3::bigint[], $4::bigint[], $5::bigint[], $6::text[], $7::text[], $8::uuid[], \
        $9::uuid[], $10::text[], $11::text[], $12::bigint[], $13::bigint[], $14::bigint[], $15::text[]) AS new";
const KEYS: &str = "INSERT INTO row_key (organisation, kind, value, generation, from_position, id) \
    SELECT organisation, kind, value, $6, from_position, id \
    FROM unnest($1::text[], $2::text[], $3::text[], $4::bigint[], $5::uuid[]) AS new (organisation, kind, value, from_position, id)";
const ANSWERS: &str = "INSERT INTO idempotency (digest, fingerprint, position, stream, version, recorded_at) \
    SELECT digest, fingerprint, position, stream, version, $6 \
    FROM unnest($1::bytea[], $2::bytea[], $3::bigint[], $4::uuid[], $5::bigint[]) AS new (digest, fingerprint, position, stream, version)";
const SUBTREES: &str = "INSERT INTO log_subtree (tile_level, tree_index, hash) \
    SELECT * FROM unnest($1::integer[], $2::bigint[], $3::bytea[])";
const MOVE_HEAD: &str = "WITH told AS (SELECT pg_notify($4, $5)) \
    UPDATE log_head SET size = $1, recorded_at = $2, frontier = $3 FROM told WHERE one = 1";

impl PgStore {
    pub(super) async fn append_groups(
        &self,
        groups: &[Group],
        now: Timestamp,
    ) -> Result<Vec<Vec<Result<Appended, Rejection>>>, StoreError> {
        match self.append_once(groups, now).await {
            // The connection died before anything was sent to commit: a fresh one may do.
            Err(StoreError::Unavailable { outcome_unknown: false, source, .. }) if is_lost(&source) => {
                self.append_once(groups, now).await
            }
            answer => answer,
        }
    }

    async fn append_once(
        &self,
        groups: &[Group],
        now: Timestamp,
    ) -> Result<Vec<Vec<Result<Appended, Rejection>>>, StoreError> {
        let no_answer = |error: NoAnswer| sqlx::Error::Io(error.into());
        let (transaction, planned) = within(APPEND_LIMIT, self.write_uncommitted(groups, now))
            .await
            .map_err(|error| StoreError::during("an append")(no_answer(error)))??;
        // Without an answer from here on nobody knows whether it happened, and only a repeat can tell.
        let ending =
            async { if planned.events.is_empty() { transaction.rollback().await } else { transaction.commit().await } };
        within(APPEND_LIMIT, ending).await.unwrap_or_else(|error| Err(no_answer(error))).map_err(|error| {
            if planned.events.is_empty() {
                StoreError::during("end an append")(error)
            } else {
                StoreError::during_commit(error)
            }
        })?;
        if !planned.events.is_empty() {
            raise(&self.size, planned.head.size);
        }
        Ok(planned.answers)
    }

    /// All of an append but its commit.
    async fn write_uncommitted<'g>(
        &self,
        groups: &'g [Group],
        now: Timestamp,
    ) -> Result<(Transaction<'static, Postgres>, Plan<'g>), StoreError> {
        let mut transaction =
            self.writing.begin_with(BEGIN.into_sql_str()).await.map_err(StoreError::during("begin an append"))?;
        let head = lock_head(&mut transaction).await?;
        let known = read_known(&mut transaction, &wanted(groups), head.generation).await?;
        let planned = plan(groups, &head, known, now)?;
        if !planned.events.is_empty() {
            write(&mut transaction, &planned).await?;
        }
        Ok((transaction, planned))
    }
}

/// Whether a connection was found dead, or the database said that it is going away.
pub(super) fn is_lost(error: &sqlx::Error) -> bool {
    match error {
        // One that says nothing is not known to be dead, and asking another would take as long again.
        sqlx::Error::Io(error) => !is_no_answer(error),
        // 57P01 admin_shutdown, 57P02 crash_shutdown, 57P05 and 25P03: idle for too long, also within a transaction;
        // 40001, 40P01: serialisation, deadlock.
        sqlx::Error::Database(error) => {
            matches!(error.code().as_deref(), Some("57P01" | "57P02" | "57P05" | "25P03" | "40001" | "40P01"))
        }
        _ => false,
    }
}

pub(super) async fn lock_head(connection: &mut PgConnection) -> Result<Head, StoreError> {
    let row = sqlx::query(LOCK_HEAD).fetch_one(connection).await.map_err(StoreError::during("lock the head"))?;
    full_head(&row)
}

pub(super) fn full_head(row: &PgRow) -> Result<Head, StoreError> {
    let failed = StoreError::during("read the head");
    let frontier: Vec<u8> = row.try_get(3).map_err(&failed)?;
    let size = to_position(row.try_get(0).map_err(&failed)?)?;
    let frontier = Frontier::from_bytes(&frontier).map_err(|error| StoreError::Corrupt {
        position: size,
        detail: format!("the tree's edge cannot be read: {error}"),
    })?;
    if frontier.size() != size {
        return Err(StoreError::Corrupt { position: size, detail: "the tree and the log differ in size".to_owned() });
    }
    Ok(Head {
        size,
        recorded_at: Timestamp::from_micros(row.try_get(1).map_err(&failed)?),
        generation: generation_of(row.try_get(2).map_err(&failed)?)?,
        frontier: Some(frontier),
    })
}

pub(super) fn generation_of(stored: i32) -> Result<u32, StoreError> {
    u32::try_from(stored)
        .map_err(|_| StoreError::Corrupt { position: 0, detail: "the rows' generation is negative".to_owned() })
}

pub(super) fn generation_to(generation: u32) -> i32 {
    i32::try_from(generation).unwrap_or(i32::MAX)
}

async fn read_known(connection: &mut PgConnection, wanted: &Wanted, generation: u32) -> Result<Known, StoreError> {
    let mut known = Known::default();
    if !wanted.streams.is_empty() {
        let streams: Vec<Uuid> = wanted.streams.iter().map(|stream| stream.0).collect();
        let rows = sqlx::query(CURRENT_ROWS)
            .bind(streams)
            .bind(generation_to(generation))
            .fetch_all(&mut *connection)
            .await
            .map_err(StoreError::during("read rows"))?;
        known.rows = rows.iter().map(row_of).map(|row| row.map(|row| (row.id, row))).collect::<Result<_, _>>()?;
    }
    if !wanted.digests.is_empty() {
        let rows = select_kept_answers(&wanted.digests)
            .fetch_all(&mut *connection)
            .await
            .map_err(StoreError::during("read idempotency keys"))?;
        known.answers = rows.iter().map(kept_answer_of).collect::<Result<_, _>>()?;
    }
    let failed = StoreError::during("read counters");
    let codes: Vec<&str> = wanted.organisations.iter().map(OrganisationCode::as_str).collect();
    let counters: Vec<(String, i64)> =
        sqlx::query_as(COUNTERS).bind(codes).fetch_all(&mut *connection).await.map_err(&failed)?;
    for (code, next) in counters {
        if let Some(organisation) = wanted.organisations.iter().find(|known| known.as_str() == code) {
            known.counters.insert(organisation.clone(), to_position(next)?);
        }
    }
    if !wanted.keys.is_empty() {
        known.holders = read_holders(connection, &wanted.keys, generation).await?;
    }
    Ok(known)
}

/// The statement that asks for what was answered under keys.
pub(super) fn select_kept_answers(digests: &[[u8; 32]]) -> Query<'static, Postgres, PgArguments> {
    sqlx::query(KEPT_ANSWERS).bind(digests.iter().map(<[u8; 32]>::as_slice).collect::<Vec<_>>())
}

/// A kept answer with its digest.
pub(super) fn kept_answer_of(row: &PgRow) -> Result<([u8; 32], KeptAnswer), StoreError> {
    let failed = StoreError::during("read idempotency keys");
    let kept = KeptAnswer {
        fingerprint: digest_from(row.try_get(1).map_err(&failed)?)?,
        position: to_position(row.try_get(2).map_err(&failed)?)?,
        stream: StreamId(row.try_get(3).map_err(&failed)?),
        version: to_position(row.try_get(4).map_err(&failed)?)?,
        recorded_at: Timestamp::from_micros(row.try_get(5).map_err(&failed)?),
    };
    Ok((digest_from(row.try_get(0).map_err(&failed)?)?, kept))
}

async fn read_holders(
    connection: &mut PgConnection,
    keys: &[(OrganisationCode, RowKey)],
    generation: u32,
) -> Result<HashMap<(OrganisationCode, RowKey), StreamId>, StoreError> {
    let organisations: Vec<&str> = keys.iter().map(|(organisation, _)| organisation.as_str()).collect();
    let kinds: Vec<&str> = keys.iter().map(|(_, key)| key.kind.as_str()).collect();
    let values: Vec<&str> = keys.iter().map(|(_, key)| key.value.as_str()).collect();
    let rows: Vec<(String, String, String, Uuid)> = sqlx::query_as(HOLDERS)
        .bind(organisations)
        .bind(kinds)
        .bind(values)
        .bind(generation_to(generation))
        .fetch_all(connection)
        .await
        .map_err(StoreError::during("read keys"))?;
    let mut holders = HashMap::new();
    for (organisation, kind, value, id) in rows {
        let wanted = keys
            .iter()
            .find(|(owner, key)| owner.as_str() == organisation && key.kind.as_str() == kind && key.value == value);
        if let Some(wanted) = wanted {
            holders.insert(wanted.clone(), StreamId(id));
        }
    }
    Ok(holders)
}

async fn write(connection: &mut PgConnection, plan: &Plan<'_>) -> Result<(), StoreError> {
    let failed = StoreError::during("write events");
    let events = &plan.events;
    sqlx::query(EVENTS)
        .bind(events.iter().map(|event| from_position(event.position)).collect::<Vec<_>>())
        .bind(events.iter().map(|event| event.item.event.id.0).collect::<Vec<_>>())
        .bind(events.iter().map(|event| event.item.stream.0).collect::<Vec<_>>())
        .bind(events.iter().map(|event| from_position(event.version)).collect::<Vec<_>>())
        .bind(events.iter().map(|event| event.item.organisation.as_str()).collect::<Vec<_>>())
        .bind(events.iter().map(|event| from_position(event.organisation_counter)).collect::<Vec<_>>())
        .bind(events.iter().map(|event| event.item.event.facts.name()).collect::<Vec<_>>())
        .bind(
            events
                .iter()
                .map(|event| i32::try_from(event.item.event.facts.schema()).unwrap_or(i32::MAX))
                .collect::<Vec<_>>(),
        )
        .bind(events.iter().map(|event| event.leaf.as_slice()).collect::<Vec<_>>())
        .bind(plan.recorded_at.micros())
        .bind(events.iter().map(|event| event.leaf_hash.as_bytes().as_slice()).collect::<Vec<_>>())
        .execute(&mut *connection)
        .await
        .map_err(&failed)?;
    write_parts(connection, plan).await?;
    if !plan.closed.is_empty() {
        close_rows(connection, plan.head.generation, &plan.closed).await?;
    }
    insert_rows(connection, plan.head.generation, &plan.rows).await?;
    write_answers(connection, plan).await?;
    if !plan.subtrees.is_empty() {
        sqlx::query(SUBTREES)
            .bind(plan.subtrees.iter().map(|subtree| i32::from(subtree.tile_level)).collect::<Vec<_>>())
            .bind(plan.subtrees.iter().map(|subtree| from_position(subtree.index)).collect::<Vec<_>>())
            .bind(plan.subtrees.iter().map(|subtree| subtree.hash.as_bytes().as_slice()).collect::<Vec<_>>())
            .execute(&mut *connection)
            .await
            .map_err(&failed)?;
    }
    sqlx::query(MOVE_HEAD)
        .bind(from_position(plan.head.size))
        .bind(plan.head.recorded_at.micros())
        .bind(plan.head.frontier.as_ref().map(Frontier::to_bytes).unwrap_or_default())
        .bind(CHANNEL)
        .bind(plan.head.size.to_string())
        .execute(connection)
        .await
        .map_err(&failed)?;
    Ok(())
}

async fn write_parts(connection: &mut PgConnection, plan: &Plan<'_>) -> Result<(), StoreError> {
    let parts: Vec<_> = plan
        .events
        .iter()
        .flat_map(|event| Plan::parts(event).map(move |(ordinal, part)| (event.position, ordinal, part)))
        .collect();
    sqlx::query(PARTS)
        .bind(
            parts
                .iter()
                .map(|(position, ordinal, _)| from_position(position * PARTS_PER_EVENT + ordinal))
                .collect::<Vec<_>>(),
        )
        .bind(parts.iter().map(|(position, ..)| from_position(*position)).collect::<Vec<_>>())
        .bind(parts.iter().map(|(.., part)| part.name.as_str()).collect::<Vec<_>>())
        .bind(parts.iter().map(|(.., part)| part.class.as_str()).collect::<Vec<_>>())
        .bind(parts.iter().map(|(.., part)| part.subject.map(|subject| subject.0)).collect::<Vec<_>>())
        .bind(parts.iter().map(|(.., part)| part.key).collect::<Vec<_>>())
        .bind(parts.iter().map(|(.., part)| part.salt.as_ref().map(<[u8; 32]>::as_slice)).collect::<Vec<_>>())
        .bind(parts.iter().map(|(.., part)| part.bytes.as_slice()).collect::<Vec<_>>())
        .execute(connection)
        .await
        .map_err(StoreError::during("write parts"))?;
    Ok(())
}

async fn write_answers(connection: &mut PgConnection, plan: &Plan<'_>) -> Result<(), StoreError> {
    let answers: Vec<_> = plan.events.iter().filter_map(|event| event.item.key.map(|key| (key, event))).collect();
    if answers.is_empty() {
        return Ok(());
    }
    sqlx::query(ANSWERS)
        .bind(answers.iter().map(|(key, _)| key.digest.as_slice()).collect::<Vec<_>>())
        .bind(answers.iter().map(|(key, _)| key.fingerprint.as_slice()).collect::<Vec<_>>())
        .bind(answers.iter().map(|(_, event)| from_position(event.position)).collect::<Vec<_>>())
        .bind(answers.iter().map(|(_, event)| event.item.stream.0).collect::<Vec<_>>())
        .bind(answers.iter().map(|(_, event)| from_position(event.version)).collect::<Vec<_>>())
        .bind(plan.recorded_at.micros())
        .execute(connection)
        .await
        .map_err(StoreError::during("write idempotency keys"))?;
    Ok(())
}

/// Ends current rows of a generation.
pub(super) async fn close_rows(
    connection: &mut PgConnection,
    generation: u32,
    closed: &[(StreamId, u64)],
) -> Result<(), StoreError> {
    sqlx::query(CLOSE_ROWS)
        .bind(closed.iter().map(|(id, _)| id.0).collect::<Vec<_>>())
        .bind(closed.iter().map(|(_, end)| from_position(*end)).collect::<Vec<_>>())
        .bind(generation_to(generation))
        .execute(connection)
        .await
        .map_err(StoreError::during("end rows"))?;
    Ok(())
}

/// Inserts row versions with their keys.
pub(super) async fn insert_rows(
    connection: &mut PgConnection,
    generation: u32,
    rows: &[(Row, u64)],
) -> Result<(), StoreError> {
    let bodies: Vec<String> = rows.iter().map(|(row, _)| body_of(row)).collect::<Result<_, _>>()?;
    let end = |end: u64| if end >= OPEN_END { i64::MAX } else { from_position(end) };
    sqlx::query(ROWS)
        .bind(generation_to(generation))
        .bind(rows.iter().map(|(row, _)| row.id.0).collect::<Vec<_>>())
        .bind(rows.iter().map(|(row, _)| from_position(row.from_position)).collect::<Vec<_>>())
        .bind(rows.iter().map(|(_, until)| end(*until)).collect::<Vec<_>>())
        .bind(rows.iter().map(|(row, _)| from_position(row.version)).collect::<Vec<_>>())
        .bind(rows.iter().map(|(row, _)| row.organisation.as_str()).collect::<Vec<_>>())
        .bind(rows.iter().map(|(row, _)| row.kind().as_str()).collect::<Vec<_>>())
        .bind(rows.iter().map(|(row, _)| row.person().map(|person| person.0)).collect::<Vec<_>>())
        .bind(rows.iter().map(|(row, _)| row.outcome().map(|outcome| outcome.0)).collect::<Vec<_>>())
        .bind(rows.iter().map(|(row, _)| row.status()).collect::<Vec<_>>())
        .bind(rows.iter().map(|(row, _)| row.perspective()).collect::<Vec<_>>())
        .bind(rows.iter().map(|(row, _)| row.occurred_at.earliest().micros()).collect::<Vec<_>>())
        .bind(rows.iter().map(|(row, _)| row.occurred_at.until().micros()).collect::<Vec<_>>())
        .bind(rows.iter().map(|(row, _)| row.changed_at.micros()).collect::<Vec<_>>())
        .bind(bodies)
        .execute(&mut *connection)
        .await
        .map_err(StoreError::during("write rows"))?;
    let keys: Vec<(&Row, RowKey)> =
        rows.iter().flat_map(|(row, _)| row.keys().into_iter().map(move |key| (row, key))).collect();
    if keys.is_empty() {
        return Ok(());
    }
    sqlx::query(KEYS)
        .bind(keys.iter().map(|(row, _)| row.organisation.as_str()).collect::<Vec<_>>())
        .bind(keys.iter().map(|(_, key)| key.kind.as_str()).collect::<Vec<_>>())
        .bind(keys.iter().map(|(_, key)| key.value.as_str()).collect::<Vec<_>>())
        .bind(keys.iter().map(|(row, _)| from_position(row.from_position)).collect::<Vec<_>>())
        .bind(keys.iter().map(|(row, _)| row.id.0).collect::<Vec<_>>())
        .bind(generation_to(generation))
        .execute(connection)
        .await
        .map_err(StoreError::during("write row keys"))?;
    Ok(())
}

/// Reads a row from the columns id, organisation, from_position, version, body.
pub(super) fn row_of(columns: &PgRow) -> Result<Row, StoreError> {
    row_at(columns, 0)
}

/// The same from the column `first` on.
pub(super) fn row_at(columns: &PgRow, first: usize) -> Result<Row, StoreError> {
    let failed = StoreError::during("read a row");
    row_from(
        columns.try_get(first).map_err(&failed)?,
        columns.try_get(first + 1).map_err(&failed)?,
        columns.try_get(first + 2).map_err(&failed)?,
        columns.try_get(first + 3).map_err(&failed)?,
        columns.try_get(first + 4).map_err(&failed)?,
    )
}
