//! One append: lock, read what the plan wants, plan, write, commit.

use crate::domain::ids::{OrganisationCode, StreamId};
use crate::domain::time::Timestamp;
use crate::ledger::Frontier;
use crate::projections::{Row, RowKey};
use crate::store::lawful::{HeldStream, complete, effects, erased_person};
use crate::store::plan::{Known, Plan, Wanted, plan, wanted};
use crate::store::sqlite::SqliteStore;
use crate::store::sqlite::lawful::{read_held, run_effect};
use crate::store::sqlite::script::{Script, Table};
use crate::store::stored::{body_of, digest_from, from_position, row_from, to_position};
use crate::store::{Appended, Group, Head, KeptAnswer, OPEN_END, PARTS_PER_EVENT, Rejection, StoreError, raise};
use sqlx::sqlite::{SqliteConnection, SqliteRow};
use sqlx::{Row as _, SqlSafeStr};
use std::collections::HashMap;
use std::sync::atomic::Ordering;
use uuid::Uuid;

static EVENTS: Table = Table::insert(
    "INSERT INTO event (position, event_id, stream, version, organisation, organisation_counter, recorded_at, name, \
     schema_version, leaf, leaf_hash) SELECT * FROM",
    11,
);
static PARTS: Table =
    Table::insert("INSERT INTO part (part_id, position, name, class, subject, key_id, salt, bytes) SELECT * FROM", 8);
static ROWS: Table = Table::insert(
    "INSERT INTO row_version (generation, id, from_position, to_position, version, organisation, kind, person, outcome, \
     status, perspective, occurred_from, occurred_until, changed_at, body) SELECT * FROM",
    15,
);
static KEYS: Table =
    Table::insert("INSERT INTO row_key (organisation, kind, value, generation, from_position, id) SELECT * FROM", 6);
static ANSWERS: Table = Table::insert(
    "INSERT INTO idempotency (digest, fingerprint, position, stream, version, recorded_at) SELECT * FROM",
    6,
);
static SUBTREES: Table = Table::insert("INSERT INTO log_subtree (tile_level, tree_index, hash) SELECT * FROM", 3);

const LOCKED_HEAD: &str = "SELECT size, recorded_at, generation, frontier FROM log_head WHERE one = 1";
const KEPT_ANSWERS: &str = "SELECT digest, fingerprint, position, stream, version, recorded_at FROM idempotency \
    WHERE digest IN (SELECT unhex(value) FROM json_each(?1))";
// All that nearly every append reads, in one call; the rows of each statement have a number of columns of their own.
const READ: &str = "SELECT size, recorded_at, generation, frontier FROM log_head WHERE one = 1; \
    SELECT digest, fingerprint, position, stream, version, recorded_at FROM idempotency \
        WHERE digest IN (SELECT unhex(value) FROM json_each(?1)); \
    SELECT value AS organisation, (SELECT organisation_counter + 1 FROM event \
        WHERE organisation = wanted.value ORDER BY position DESC LIMIT 1) AS next FROM json_each(?2) AS wanted; \
    SELECT id, organisation, from_position, version, body FROM row_version \
        WHERE id IN (SELECT unhex(value) FROM json_each(?3)) AND generation = (SELECT generation FROM log_head) \
            AND to_position = 9223372036854775807";
const HEAD_COLUMNS: usize = 4;
const ANSWER_COLUMNS: usize = 6;
const COUNTER_COLUMNS: usize = 2;
const HOLDERS: &str = "SELECT k.organisation, k.kind, k.value, k.id FROM json_each(?1) AS wanted \
    JOIN row_key AS k ON k.organisation = wanted.value ->> 0 AND k.kind = wanted.value ->> 1 \
        AND k.value = wanted.value ->> 2 AND k.generation = ?2 \
    JOIN row_version AS r ON r.id = k.id AND r.generation = k.generation AND r.from_position = k.from_position \
        AND r.to_position = 9223372036854775807";
static ENDS: Table = Table::new(
    "UPDATE row_version SET to_position = ended.column2 FROM",
    "AS ended WHERE row_version.id = ended.column1 AND row_version.generation = ended.column3 \
     AND row_version.to_position = 9223372036854775807",
    3,
);
const MOVE_HEAD: &str = "UPDATE log_head SET size = ?, recorded_at = ?, frontier = ? WHERE one = 1";

impl SqliteStore {
    pub(super) async fn append_groups(
        &self,
        groups: &[Group],
        now: Timestamp,
    ) -> Result<Vec<Vec<Result<Appended, Rejection>>>, StoreError> {
        let answer = self.append_once(groups, now).await;
        if let Err(StoreError::Full { .. }) = answer {
            self.full.store(true, Ordering::Relaxed);
        }
        answer
    }

    async fn append_once(
        &self,
        groups: &[Group],
        now: Timestamp,
    ) -> Result<Vec<Vec<Result<Appended, Rejection>>>, StoreError> {
        let mut transaction = self
            .write
            .begin_with("BEGIN IMMEDIATE".into_sql_str())
            .await
            .map_err(StoreError::during("begin an append"))?;
        let (head, known) = read(&mut transaction, &wanted(groups)).await?;
        let held = match erased_person(groups) {
            Some((organisation, person)) => read_held(&mut transaction, organisation, person).await?,
            None => Vec::new(),
        };
        let groups = complete(groups, &held)?;
        let planned = plan(&groups, &head, known, now)?;
        if planned.events.is_empty() {
            return Ok(planned.answers);
        }
        write(&mut transaction, &planned, &held).await?;
        if !self.file.is_there_in_transaction() {
            return Err(StoreError::moved());
        }
        transaction.commit().await.map_err(StoreError::during_commit)?;
        self.full.store(false, Ordering::Relaxed);
        raise(&self.size, planned.head.size);
        self.checkpoints.count(planned.events.len());
        if effects(&planned).next().is_some() {
            self.forget_write_ahead_log().await;
        }
        Ok(planned.answers)
    }
}

pub(super) async fn read_locked_head(connection: &mut SqliteConnection) -> Result<Head, StoreError> {
    let row = sqlx::query(LOCKED_HEAD).fetch_one(connection).await.map_err(StoreError::during("read the head"))?;
    head_of(&row)
}

fn head_of(row: &SqliteRow) -> Result<Head, StoreError> {
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
        generation: row.try_get(2).map_err(&failed)?,
        frontier: Some(frontier),
    })
}

async fn read(connection: &mut SqliteConnection, wanted: &Wanted) -> Result<(Head, Known), StoreError> {
    let failed = StoreError::during("read for an append");
    let rows = sqlx::query(READ)
        .bind(hex_list(wanted.digests.iter().map(<[u8; 32]>::as_slice)))
        .bind(serde_json::Value::from_iter(wanted.organisations.iter().map(OrganisationCode::as_str)).to_string())
        .bind(hex_list(wanted.streams.iter().map(|stream| stream.0.as_bytes().as_slice())))
        .fetch_all(&mut *connection)
        .await
        .map_err(&failed)?;
    let (mut head, mut known) = (None, Known::default());
    for row in &rows {
        match row.len() {
            HEAD_COLUMNS => head = Some(head_of(row)?),
            ANSWER_COLUMNS => {
                let (digest, kept) = kept_answer_of(row)?;
                known.answers.insert(digest, kept);
            }
            COUNTER_COLUMNS => {
                let code: &str = row.try_get(0).map_err(&failed)?;
                let next: Option<i64> = row.try_get(1).map_err(&failed)?;
                if let Some(organisation) = wanted.organisations.iter().find(|known| known.as_str() == code) {
                    known.counters.insert(organisation.clone(), to_position(next.unwrap_or(0))?);
                }
            }
            _ => {
                let row = row_of(row)?;
                known.rows.insert(row.id, row);
            }
        }
    }
    let missing = || StoreError::Corrupt { position: 0, detail: "the log has no head".to_owned() };
    let head = head.ok_or_else(missing)?;
    if !wanted.keys.is_empty() {
        known.holders = read_holders(connection, &wanted.keys, head.generation).await?;
    }
    Ok((head, known))
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
    rows.iter().map(kept_answer_of).collect()
}

fn kept_answer_of(row: &SqliteRow) -> Result<([u8; 32], KeptAnswer), StoreError> {
    let failed = StoreError::during("read idempotency keys");
    let kept = KeptAnswer {
        fingerprint: digest_from(row.try_get(1).map_err(&failed)?)?,
        position: to_position(row.try_get(2).map_err(&failed)?)?,
        stream: StreamId(row.try_get::<Uuid, _>(3).map_err(&failed)?),
        version: to_position(row.try_get(4).map_err(&failed)?)?,
        recorded_at: Timestamp::from_micros(row.try_get(5).map_err(&failed)?),
    };
    Ok((digest_from(row.try_get(0).map_err(&failed)?)?, kept))
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

async fn write(connection: &mut SqliteConnection, plan: &Plan<'_>, held: &[HeldStream]) -> Result<(), StoreError> {
    let mut script = Script::default();
    let recorded_at = plan.recorded_at.micros();
    script.rows(&EVENTS, &plan.events, |script, event| {
        let item = event.item;
        script
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
    });
    let parts: Vec<_> = plan
        .events
        .iter()
        .flat_map(|event| Plan::parts(event).map(move |(ordinal, part)| (event.position, ordinal, part)))
        .collect();
    script.rows(&PARTS, &parts, |script, (position, ordinal, part)| {
        script
            .add(from_position(position * PARTS_PER_EVENT + ordinal))
            .add(from_position(*position))
            .add(part.name.as_str().to_owned())
            .add(part.class.as_str())
            .add(part.subject.map(|subject| subject.0))
            .add(part.key)
            .add(part.salt.map(|salt| salt.to_vec()))
            .add(part.bytes.clone());
    });
    add_closed(&mut script, plan.head.generation, &plan.closed);
    add_rows(&mut script, plan.head.generation, &plan.rows)?;
    let answers: Vec<_> = plan.events.iter().filter_map(|event| event.item.key.map(|key| (key, event))).collect();
    script.rows(&ANSWERS, &answers, |script, (key, event)| {
        script
            .add(key.digest.to_vec())
            .add(key.fingerprint.to_vec())
            .add(from_position(event.position))
            .add(event.item.stream.0)
            .add(from_position(event.version))
            .add(recorded_at);
    });
    script.rows(&SUBTREES, &plan.subtrees, |script, subtree| {
        script
            .add(i64::from(subtree.tile_level))
            .add(from_position(subtree.index))
            .add(subtree.hash.as_bytes().to_vec());
    });
    for (effect, organisation) in effects(plan) {
        script.run(connection).await.map_err(StoreError::during("write events"))?;
        run_effect(connection, &effect, held, organisation).await?;
        script = Script::default();
    }
    script
        .statement(MOVE_HEAD)
        .add(from_position(plan.head.size))
        .add(plan.head.recorded_at.micros())
        .add(plan.head.frontier.as_ref().map(Frontier::to_bytes).unwrap_or_default());
    script.run(connection).await.map_err(StoreError::during("write events"))
}

/// Adds the ends of rows that cease to be true.
pub(super) fn add_closed(script: &mut Script, generation: u32, closed: &[(StreamId, u64)]) {
    script.rows(&ENDS, closed, |script, (id, end)| {
        script.add(id.0).add(from_position(*end)).add(generation);
    });
}

/// Adds row versions with their keys.
pub(super) fn add_rows(script: &mut Script, generation: u32, rows: &[(Row, u64)]) -> Result<(), StoreError> {
    let bodies: Vec<(&(Row, u64), String)> =
        rows.iter().map(|row| Ok((row, body_of(&row.0)?))).collect::<Result<_, StoreError>>()?;
    script.rows(&ROWS, &bodies, |script, ((row, end), body)| {
        let end = if *end >= OPEN_END { i64::MAX } else { from_position(*end) };
        script
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
    });
    let keys: Vec<(&Row, RowKey)> =
        rows.iter().flat_map(|(row, _)| row.keys().into_iter().map(move |key| (row, key))).collect();
    script.rows(&KEYS, &keys, |script, (row, key)| {
        script
            .add(row.organisation.as_str().to_owned())
            .add(key.kind.as_str())
            .add(key.value.clone())
            .add(generation)
            .add(from_position(row.from_position))
            .add(row.id.0);
    });
    Ok(())
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
