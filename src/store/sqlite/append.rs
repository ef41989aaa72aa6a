//! One append: lock, read what the plan wants, plan, write, commit.

use crate::domain::ids::{OrganisationCode, StreamId};
use crate::domain::time::Timestamp;
use crate::ledger::Frontier;
use crate::projections::{Row, RowKey};
use crate::store::plan::{Known, Plan, Wanted, plan, wanted};
use crate::store::sqlite::SqliteStore;
use crate::store::sqlite::insert::{Table, insert};
use crate::store::stored::{body_of, digest_from, from_position, row_from, to_position};
use crate::store::{Appended, Group, Head, KeptAnswer, OPEN_END, PARTS_PER_EVENT, Rejection, StoreError};
use sqlx::sqlite::{SqliteConnection, SqliteRow};
use sqlx::{Row as _, SqlSafeStr};
use std::collections::HashMap;
use uuid::Uuid;

static EVENTS: Table = Table::new(
    "INSERT INTO event (position, event_id, stream, version, organisation, organisation_counter, recorded_at, name, \
     schema_version, leaf, leaf_hash)",
    11,
);
static PARTS: Table = Table::new("INSERT INTO part (part_id, position, name, class, subject, key_id, salt, bytes)", 8);
static ROWS: Table = Table::new(
    "INSERT INTO row_version (generation, id, from_position, to_position, version, organisation, kind, person, outcome, \
     status, perspective, occurred_from, occurred_until, changed_at, body)",
    15,
);
static KEYS: Table = Table::new("INSERT INTO row_key (organisation, kind, value, generation, from_position, id)", 6);
static ANSWERS: Table =
    Table::new("INSERT INTO idempotency (digest, fingerprint, position, stream, version, recorded_at)", 6);
static SUBTREES: Table = Table::new("INSERT INTO log_subtree (tile_level, tree_index, hash)", 3);

const LOCKED_HEAD: &str = "SELECT size, recorded_at, generation, frontier FROM log_head WHERE one = 1";
const CURRENT_ROWS: &str = "SELECT id, organisation, from_position, version, body FROM row_version \
    WHERE id IN (SELECT unhex(value) FROM json_each(?1)) AND generation = ?2 AND to_position = 9223372036854775807";
const KEPT_ANSWERS: &str = "SELECT digest, fingerprint, position, stream, version, recorded_at FROM idempotency \
    WHERE digest IN (SELECT unhex(value) FROM json_each(?1))";
const COUNTERS: &str = "SELECT value AS organisation, (SELECT organisation_counter + 1 FROM event \
    WHERE organisation = wanted.value ORDER BY position DESC LIMIT 1) AS next FROM json_each(?1) AS wanted";
const HOLDERS: &str = "SELECT k.organisation, k.kind, k.value, k.id FROM json_each(?1) AS wanted \
    JOIN row_key AS k ON k.organisation = wanted.value ->> 0 AND k.kind = wanted.value ->> 1 \
        AND k.value = wanted.value ->> 2 AND k.generation = ?2 \
    JOIN row_version AS r ON r.id = k.id AND r.generation = k.generation AND r.from_position = k.from_position \
        AND r.to_position = 9223372036854775807";
const CLOSE_ROW: &str = "UPDATE row_version SET to_position = ?3 \
    WHERE id = ?1 AND generation = ?2 AND to_position = 9223372036854775807";
const MOVE_HEAD: &str = "UPDATE log_head SET size = ?1, recorded_at = ?2, frontier = ?3 WHERE one = 1";

impl SqliteStore {
    pub(super) async fn append_groups(
        &self,
        groups: &[Group],
        now: Timestamp,
    ) -> Result<Vec<Vec<Result<Appended, Rejection>>>, StoreError> {
        let mut transaction = self
            .write
            .begin_with("BEGIN IMMEDIATE".into_sql_str())
            .await
            .map_err(StoreError::during("begin an append"))?;
        let head = read_locked_head(&mut transaction).await?;
        let known = read_known(&mut transaction, &wanted(groups), head.generation).await?;
        let planned = plan(groups, &head, known, now)?;
        if planned.events.is_empty() {
            return Ok(planned.answers);
        }
        write(&mut transaction, &planned).await?;
        transaction.commit().await.map_err(StoreError::during_commit)?;
        self.size.send_replace(planned.head.size);
        Ok(planned.answers)
    }
}

pub(super) async fn read_locked_head(connection: &mut SqliteConnection) -> Result<Head, StoreError> {
    let row = sqlx::query(LOCKED_HEAD).fetch_one(connection).await.map_err(StoreError::during("read the head"))?;
    let column = |error| StoreError::during("read the head")(error);
    let frontier: Vec<u8> = row.try_get(3).map_err(column)?;
    let size = to_position(row.try_get(0).map_err(column)?)?;
    let frontier = Frontier::from_bytes(&frontier).map_err(|error| StoreError::Corrupt {
        position: size,
        detail: format!("the tree's edge cannot be read: {error}"),
    })?;
    if frontier.size() != size {
        return Err(StoreError::Corrupt { position: size, detail: "the tree and the log differ in size".to_owned() });
    }
    Ok(Head {
        size,
        recorded_at: Timestamp::from_micros(row.try_get(1).map_err(column)?),
        generation: row.try_get(2).map_err(column)?,
        frontier: Some(frontier),
    })
}

async fn read_known(connection: &mut SqliteConnection, wanted: &Wanted, generation: u32) -> Result<Known, StoreError> {
    let mut known = Known::default();
    if !wanted.streams.is_empty() {
        let rows = sqlx::query(CURRENT_ROWS)
            .bind(hex_list(wanted.streams.iter().map(|stream| stream.0.as_bytes().as_slice())))
            .bind(generation)
            .fetch_all(&mut *connection)
            .await
            .map_err(StoreError::during("read rows"))?;
        known.rows = rows.iter().map(row_of).map(|row| row.map(|row| (row.id, row))).collect::<Result<_, _>>()?;
    }
    known.answers = read_kept_answers(connection, &wanted.digests).await?.into_iter().collect();
    known.counters = read_counters(connection, &wanted.organisations).await?;
    if !wanted.keys.is_empty() {
        known.holders = read_holders(connection, &wanted.keys, generation).await?;
    }
    Ok(known)
}

pub(super) async fn read_kept_answers(
    connection: &mut SqliteConnection,
    digests: &[[u8; 32]],
) -> Result<Vec<([u8; 32], KeptAnswer)>, StoreError> {
    if digests.is_empty() {
        return Ok(Vec::new());
    }
    let failed = StoreError::during("read idempotency keys");
    let rows = sqlx::query(KEPT_ANSWERS)
        .bind(hex_list(digests.iter().map(<[u8; 32]>::as_slice)))
        .fetch_all(connection)
        .await
        .map_err(&failed)?;
    rows.iter()
        .map(|row| {
            let digest: Vec<u8> = row.try_get(0).map_err(&failed)?;
            let fingerprint: Vec<u8> = row.try_get(1).map_err(&failed)?;
            let kept = KeptAnswer {
                fingerprint: digest_from(&fingerprint)?,
                position: to_position(row.try_get(2).map_err(&failed)?)?,
                stream: StreamId(row.try_get::<Uuid, _>(3).map_err(&failed)?),
                version: to_position(row.try_get(4).map_err(&failed)?)?,
                recorded_at: Timestamp::from_micros(row.try_get(5).map_err(&failed)?),
            };
            Ok((digest_from(&digest)?, kept))
        })
        .collect()
}

async fn read_counters(
    connection: &mut SqliteConnection,
    organisations: &[OrganisationCode],
) -> Result<HashMap<OrganisationCode, u64>, StoreError> {
    let failed = StoreError::during("read counters");
    let list = serde_json::Value::from_iter(organisations.iter().map(OrganisationCode::as_str)).to_string();
    let rows = sqlx::query(COUNTERS).bind(list).fetch_all(connection).await.map_err(&failed)?;
    let mut counters = HashMap::with_capacity(rows.len());
    for (row, organisation) in rows.iter().zip(organisations) {
        let next: Option<i64> = row.try_get(1).map_err(&failed)?;
        counters.insert(organisation.clone(), to_position(next.unwrap_or(0))?);
    }
    Ok(counters)
}

async fn read_holders(
    connection: &mut SqliteConnection,
    keys: &[(OrganisationCode, RowKey)],
    generation: u32,
) -> Result<HashMap<(OrganisationCode, RowKey), StreamId>, StoreError> {
    let failed = StoreError::during("read keys");
    let list = serde_json::Value::from_iter(
        keys.iter().map(|(organisation, key)| serde_json::json!([organisation.as_str(), key.kind.as_str(), key.value])),
    )
    .to_string();
    let rows = sqlx::query(HOLDERS).bind(list).bind(generation).fetch_all(connection).await.map_err(&failed)?;
    let mut holders = HashMap::new();
    for row in &rows {
        let (organisation, kind, value): (String, String, String) =
            (row.try_get(0).map_err(&failed)?, row.try_get(1).map_err(&failed)?, row.try_get(2).map_err(&failed)?);
        let wanted = keys
            .iter()
            .find(|(owner, key)| owner.as_str() == organisation && key.kind.as_str() == kind && key.value == value);
        if let Some(wanted) = wanted {
            holders.insert(wanted.clone(), StreamId(row.try_get::<Uuid, _>(3).map_err(&failed)?));
        }
    }
    Ok(holders)
}

async fn write(connection: &mut SqliteConnection, plan: &Plan<'_>) -> Result<(), StoreError> {
    let failed = StoreError::during("write events");
    let recorded_at = plan.recorded_at.micros();
    insert(connection, &EVENTS, &plan.events, |values, event| {
        let item = event.item;
        values
            .add(from_position(event.position))
            .add(item.event.id.0)
            .add(item.stream.0)
            .add(from_position(event.version))
            .add(item.organisation.as_str().to_owned())
            .add(from_position(event.organisation_counter))
            .add(recorded_at)
            .add(item.event.facts.name())
            .add(i64::from(item.event.facts.schema()))
            .add(event.leaf.clone())
            .add(event.leaf_hash.as_bytes().to_vec());
    })
    .await
    .map_err(&failed)?;
    let parts: Vec<_> = plan
        .events
        .iter()
        .flat_map(|event| Plan::parts(event).map(move |(ordinal, part)| (event.position, ordinal, part)))
        .collect();
    insert(connection, &PARTS, &parts, |values, (position, ordinal, part)| {
        values
            .add(from_position(position * PARTS_PER_EVENT + ordinal))
            .add(from_position(*position))
            .add(part.name.as_str().to_owned())
            .add(part.class.as_str())
            .add(part.subject.map(|subject| subject.0))
            .add(part.key)
            .add(part.salt.map(|salt| salt.to_vec()))
            .add(part.bytes.clone());
    })
    .await
    .map_err(&failed)?;
    for (id, end) in &plan.closed {
        sqlx::query(CLOSE_ROW)
            .bind(id.0)
            .bind(plan.head.generation)
            .bind(from_position(*end))
            .execute(&mut *connection)
            .await
            .map_err(&failed)?;
    }
    insert_rows(connection, plan.head.generation, &plan.rows).await?;
    write_answers(connection, plan).await?;
    insert(connection, &SUBTREES, &plan.subtrees, |values, subtree| {
        values
            .add(i64::from(subtree.tile_level))
            .add(from_position(subtree.index))
            .add(subtree.hash.as_bytes().to_vec());
    })
    .await
    .map_err(&failed)?;
    let frontier = plan.head.frontier.as_ref().map(Frontier::to_bytes).unwrap_or_default();
    sqlx::query(MOVE_HEAD)
        .bind(from_position(plan.head.size))
        .bind(plan.head.recorded_at.micros())
        .bind(frontier)
        .execute(connection)
        .await
        .map_err(&failed)?;
    Ok(())
}

async fn write_answers(connection: &mut SqliteConnection, plan: &Plan<'_>) -> Result<(), StoreError> {
    let answers: Vec<_> = plan.events.iter().filter_map(|event| event.item.key.map(|key| (key, event))).collect();
    insert(connection, &ANSWERS, &answers, |values, (key, event)| {
        values
            .add(key.digest.to_vec())
            .add(key.fingerprint.to_vec())
            .add(from_position(event.position))
            .add(event.item.stream.0)
            .add(from_position(event.version))
            .add(plan.recorded_at.micros());
    })
    .await
    .map_err(StoreError::during("write idempotency keys"))
}

/// Inserts row versions with their keys.
pub(super) async fn insert_rows(
    connection: &mut SqliteConnection,
    generation: u32,
    rows: &[(Row, u64)],
) -> Result<(), StoreError> {
    let bodies: Vec<(&(Row, u64), String)> =
        rows.iter().map(|row| Ok((row, body_of(&row.0)?))).collect::<Result<_, StoreError>>()?;
    insert(connection, &ROWS, &bodies, |values, ((row, end), body)| {
        let end = if *end >= OPEN_END { i64::MAX } else { from_position(*end) };
        values
            .add(generation)
            .add(row.id.0)
            .add(from_position(row.from_position))
            .add(end)
            .add(from_position(row.version))
            .add(row.organisation.as_str().to_owned())
            .add(row.kind().as_str())
            .add(row.person().map(|person| person.0))
            .add(row.outcome().map(|outcome| outcome.0))
            .add(row.status().map(str::to_owned))
            .add(row.perspective())
            .add(row.occurred_at.earliest().micros())
            .add(row.occurred_at.until().micros())
            .add(row.changed_at.micros())
            .add(body.clone());
    })
    .await
    .map_err(StoreError::during("write rows"))?;
    let keys: Vec<(&Row, RowKey)> =
        rows.iter().flat_map(|(row, _)| row.keys().into_iter().map(move |key| (row, key))).collect();
    insert(connection, &KEYS, &keys, |values, (row, key)| {
        values
            .add(row.organisation.as_str().to_owned())
            .add(key.kind.as_str())
            .add(key.value.clone())
            .add(generation)
            .add(from_position(row.from_position))
            .add(row.id.0);
    })
    .await
    .map_err(StoreError::during("write row keys"))
}

/// Reads a row from the columns id, organisation, from_position, version, body.
pub(super) fn row_of(columns: &SqliteRow) -> Result<Row, StoreError> {
    row_at(columns, 0)
}

/// The same from the column `first` on.
pub(super) fn row_at(columns: &SqliteRow, first: usize) -> Result<Row, StoreError> {
    let failed = StoreError::during("read a row");
    row_from(
        columns.try_get(first).map_err(&failed)?,
        columns.try_get(first + 1).map_err(&failed)?,
        columns.try_get(first + 2).map_err(&failed)?,
        columns.try_get(first + 3).map_err(&failed)?,
        columns.try_get(first + 4).map_err(&failed)?,
    )
}

/// A JSON array of hexadecimal texts, for `json_each`.
pub(super) fn hex_list<'a>(values: impl Iterator<Item = &'a [u8]>) -> String {
    let mut list = String::from("[");
    for (at, value) in values.enumerate() {
        if at > 0 {
            list.push(',');
        }
        list.push('"');
        list.push_str(&hex::encode(value));
        list.push('"');
    }
    list.push(']');
    list
}
