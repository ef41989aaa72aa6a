//! The log of accesses: appended on the one writing connection, between two appends of events; read on the readers'.

use crate::domain::ids::{EventId, OrganisationCode, StreamId};
use crate::domain::time::Timestamp;
use crate::ledger::{Frontier, Hash};
use crate::store::access_plan::{AccessPlan, NextNumbers, plan, trial, wanted};
use crate::store::accesses::{AccessHead, AccessQuery, AccessStore, KnownRecorder, NewAccess, StoredAccess};
use crate::store::sqlite::SqliteStore;
use crate::store::sqlite::append::hex_list;
use crate::store::sqlite::script::{Script, Table};
use crate::store::stored::{AccessColumns, access_from, access_head_from, from_position, to_position};
use crate::store::{Reach, StoreError, raise};
use async_trait::async_trait;
use sqlx::sqlite::{SqliteConnection, SqliteRow};
use sqlx::{Row as _, SqlSafeStr};
use std::sync::atomic::Ordering;
use tokio::sync::watch;
use uuid::Uuid;

static ACCESSES: Table = Table::insert(
    "INSERT INTO access (position, access_id, stream, version, organisation, organisation_counter, recorded_at, \
     schema_version, salt, facts, leaf, leaf_hash) SELECT * FROM",
    12,
);
static SUBTREES: Table = Table::insert("INSERT INTO access_subtree (tile_level, tree_index, hash) SELECT * FROM", 3);
const MOVE_HEAD: &str = "UPDATE access_head SET size = ?, recorded_at = ?, frontier = ? WHERE one = 1";
const HEAD: &str = "SELECT size, recorded_at, frontier FROM access_head WHERE one = 1";
// All that an append reads, in one call; the rows of each statement have a number of columns of their own.
const READ: &str = "SELECT size, recorded_at, frontier FROM access_head WHERE one = 1; \
    SELECT value AS organisation, (SELECT organisation_counter + 1 FROM access \
        WHERE organisation = wanted.value ORDER BY position DESC LIMIT 1) AS next FROM json_each(?1) AS wanted; \
    SELECT unhex(value) AS stream, (SELECT version + 1 FROM access \
        WHERE stream = unhex(wanted.value) ORDER BY version DESC LIMIT 1) AS next, 0, 0 FROM json_each(?2) AS wanted";
const HEAD_COLUMNS: usize = 3;
const COUNTER_COLUMNS: usize = 2;

macro_rules! list_of_accesses {
    ($condition:literal, $order:literal) => {
        concat!(
            "SELECT position, access_id, stream, version, organisation, organisation_counter, recorded_at, schema_version, \
             facts, salt FROM access WHERE ",
            $condition,
            " AND position >= ?1 AND position < ?2 AND (?3 IS NULL OR facts ->> 'client' = ?3) \
             AND (?4 IS NULL OR facts ->> 'user' = ?4) AND (?5 IS NULL OR facts ->> 'purpose' = ?5) ORDER BY ",
            $order,
            " LIMIT ?6"
        )
    };
}
const OF_STREAM: &str = list_of_accesses!("stream = ?8 AND (?7 IS NULL OR organisation = ?7)", "version");
const OF_STREAM_NEWEST: &str = list_of_accesses!("stream = ?8 AND (?7 IS NULL OR organisation = ?7)", "version DESC");
const OF_ORGANISATION: &str = list_of_accesses!("organisation = ?7 AND ?8 IS NULL", "position");
const OF_ORGANISATION_NEWEST: &str = list_of_accesses!("organisation = ?7 AND ?8 IS NULL", "position DESC");
const OF_ALL: &str = list_of_accesses!("?7 IS NULL AND ?8 IS NULL", "position");
const OF_ALL_NEWEST: &str = list_of_accesses!("?7 IS NULL AND ?8 IS NULL", "position DESC");

const FIRST_AT: &str = "SELECT COALESCE((SELECT position FROM access WHERE recorded_at >= ?1 \
    ORDER BY recorded_at, position LIMIT 1), (SELECT size FROM access_head WHERE one = 1))";
const LEAVES: &str = "SELECT leaf FROM access WHERE position >= ?1 ORDER BY position LIMIT ?2";
const LEAF_HASHES: &str = "SELECT leaf_hash FROM access WHERE position >= ?1 ORDER BY position LIMIT ?2";
const SUBTREE_HASHES: &str =
    "SELECT hash FROM access_subtree WHERE tile_level = ?3 AND tree_index >= ?1 ORDER BY tree_index LIMIT ?2";
const KNOWN_RECORDERS: &str = "SELECT r.person, r.body ->> 'changed_by' AS client, MIN(r.changed_at) \
    FROM json_each(?1) AS wanted CROSS JOIN row_version AS r INDEXED BY row_version_person ON r.person = unhex(wanted.value) \
    WHERE r.generation = (SELECT generation FROM log_head) AND r.organisation = ?2 GROUP BY r.person, client";

impl SqliteStore {
    async fn append_accesses_once(&self, items: &[NewAccess], now: Timestamp) -> Result<u64, StoreError> {
        let mut transaction = self
            .write
            .begin_with("BEGIN IMMEDIATE".into_sql_str())
            .await
            .map_err(StoreError::during("begin an append of accesses"))?;
        let (head, next) = read(&mut transaction, items).await?;
        let planned = plan(items, &head, next, now)?;
        write(&mut transaction, &planned).await?;
        if !self.file.is_there_in_transaction() {
            return Err(StoreError::moved());
        }
        transaction.commit().await.map_err(StoreError::during_commit)?;
        self.full.store(false, Ordering::Relaxed);
        raise(&self.accesses, planned.head.size);
        self.checkpoints.count(items.len());
        Ok(head.size)
    }
}

#[async_trait]
impl AccessStore for SqliteStore {
    async fn append_accesses(&self, accesses: &[NewAccess], now: Timestamp) -> Result<u64, StoreError> {
        let answer = self.append_accesses_once(accesses, now).await;
        if let Err(StoreError::Full { .. }) = answer {
            self.full.store(true, Ordering::Relaxed);
        }
        answer
    }
    async fn access_head(&self) -> Result<AccessHead, StoreError> {
        let row =
            sqlx::query(HEAD).fetch_one(&self.read).await.map_err(StoreError::during("read the head of accesses"))?;
        let head = head_of(&row)?;
        // Nobody wakes us when another process commits: reading is how we learn of it.
        raise(&self.accesses, head.size);
        Ok(head)
    }
    fn follow_accesses(&self) -> watch::Receiver<u64> {
        self.accesses.subscribe()
    }
    async fn accesses(&self, query: &AccessQuery) -> Result<Vec<StoredAccess>, StoreError> {
        let organisation = match &query.reach {
            Reach::Organisation(code) => Some(code.as_str().to_owned()),
            Reach::Operator => None,
        };
        let sql = match (query.stream, &organisation, query.newest_first) {
            (Some(_), _, false) => OF_STREAM,
            (Some(_), _, true) => OF_STREAM_NEWEST,
            (None, Some(_), false) => OF_ORGANISATION,
            (None, Some(_), true) => OF_ORGANISATION_NEWEST,
            (None, None, false) => OF_ALL,
            (None, None, true) => OF_ALL_NEWEST,
        };
        let rows: Vec<AccessColumns> = sqlx::query_as(sql)
            .bind(from_position(query.from))
            .bind(from_position(query.until))
            .bind(&query.client)
            .bind(&query.user)
            .bind(&query.purpose)
            .bind(query.limit)
            .bind(organisation)
            .bind(query.stream.map(|stream| stream.0))
            .fetch_all(&self.read)
            .await
            .map_err(StoreError::during("read accesses"))?;
        rows.into_iter().map(access_from).collect()
    }
    async fn first_access_at(&self, instant: Timestamp) -> Result<u64, StoreError> {
        let position: i64 = sqlx::query_scalar(FIRST_AT)
            .bind(instant.micros())
            .fetch_one(&self.read)
            .await
            .map_err(StoreError::during("find an instant among accesses"))?;
        to_position(position)
    }
    async fn access_leaves(&self, from: u64, limit: u32) -> Result<Vec<Vec<u8>>, StoreError> {
        sqlx::query_scalar(LEAVES)
            .bind(from_position(from))
            .bind(limit)
            .fetch_all(&self.read)
            .await
            .map_err(StoreError::during("read leaves of accesses"))
    }
    async fn access_hashes(&self, tile_level: u8, from: u64, limit: u32) -> Result<Vec<Hash>, StoreError> {
        let doing = "read the tree of accesses";
        self.hashes_by([LEAF_HASHES, SUBTREE_HASHES], doing, tile_level, from, limit).await
    }
    async fn known_recorders(
        &self,
        organisation: &OrganisationCode,
        people: &[StreamId],
    ) -> Result<Vec<KnownRecorder>, StoreError> {
        let rows: Vec<(Uuid, String, i64)> = sqlx::query_as(KNOWN_RECORDERS)
            .bind(hex_list(people.iter().map(|person| person.0.as_bytes().as_slice())))
            .bind(organisation.as_str())
            .fetch_all(&self.read)
            .await
            .map_err(StoreError::during("read who recorded"))?;
        let known = |(person, client, since)| KnownRecorder {
            person: StreamId(person),
            client,
            since: Timestamp::from_micros(since),
        };
        Ok(rows.into_iter().map(known).collect())
    }
    async fn check_access_writing(&self) -> Result<(), StoreError> {
        let failed = StoreError::during("try the log of accesses");
        let items = [trial()];
        let mut transaction = self.write.begin_with("BEGIN IMMEDIATE".into_sql_str()).await.map_err(&failed)?;
        let (head, next) = read(&mut transaction, &items).await?;
        let planned = plan(&items, &head, next, head.recorded_at)?;
        write(&mut transaction, &planned).await?;
        transaction.rollback().await.map_err(&failed)
    }
}

fn head_of(row: &SqliteRow) -> Result<AccessHead, StoreError> {
    let failed = StoreError::during("read the head of accesses");
    access_head_from(
        row.try_get(0).map_err(&failed)?,
        row.try_get(1).map_err(&failed)?,
        row.try_get(2).map_err(&failed)?,
    )
}

async fn read(connection: &mut SqliteConnection, items: &[NewAccess]) -> Result<(AccessHead, NextNumbers), StoreError> {
    let failed = StoreError::during("read for an append of accesses");
    let (streams, organisations) = wanted(items);
    let rows = sqlx::query(READ)
        .bind(serde_json::Value::from_iter(organisations.iter().map(OrganisationCode::as_str)).to_string())
        .bind(hex_list(streams.iter().map(|stream| stream.0.as_bytes().as_slice())))
        .fetch_all(connection)
        .await
        .map_err(&failed)?;
    let (mut head, mut next) = (None, NextNumbers::default());
    for row in &rows {
        match row.len() {
            HEAD_COLUMNS => head = Some(head_of(row)?),
            COUNTER_COLUMNS => {
                let code: &str = row.try_get(0).map_err(&failed)?;
                let number: Option<i64> = row.try_get(1).map_err(&failed)?;
                if let Some(organisation) = organisations.iter().find(|known| known.as_str() == code) {
                    next.counters.insert(organisation.clone(), to_position(number.unwrap_or(0))?);
                }
            }
            _ => {
                let stream: Uuid = row.try_get(0).map_err(&failed)?;
                let number: Option<i64> = row.try_get(1).map_err(&failed)?;
                next.versions.insert(StreamId(stream), to_position(number.unwrap_or(0))?);
            }
        }
    }
    let missing = || StoreError::Corrupt { position: 0, detail: "the log of accesses has no head".to_owned() };
    Ok((head.ok_or_else(missing)?, next))
}

async fn write(connection: &mut SqliteConnection, plan: &AccessPlan<'_>) -> Result<(), StoreError> {
    let mut script = Script::default();
    let recorded_at = plan.head.recorded_at.micros();
    script.rows(&ACCESSES, &plan.accesses, |script, access| {
        let EventId(id) = access.item.id;
        script
            .add(from_position(access.position))
            .add(id)
            .add(access.item.stream.0)
            .add(from_position(access.version))
            .add(access.item.organisation.as_str().to_owned())
            .add(from_position(access.organisation_counter))
            .add(recorded_at)
            .add(i64::from(access.item.schema))
            .add(access.item.salt.to_vec())
            .add(access.item.facts.clone())
            .add(access.leaf.clone())
            .add(access.leaf_hash.as_bytes().to_vec());
    });
    script.rows(&SUBTREES, &plan.subtrees, |script, subtree| {
        script
            .add(i64::from(subtree.tile_level))
            .add(from_position(subtree.index))
            .add(subtree.hash.as_bytes().to_vec());
    });
    script
        .statement(MOVE_HEAD)
        .add(from_position(plan.head.size))
        .add(recorded_at)
        .add(Frontier::to_bytes(&plan.head.frontier));
    script.run(connection).await.map_err(StoreError::during("write accesses"))
}
