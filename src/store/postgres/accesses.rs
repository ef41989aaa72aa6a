//! The log of accesses: appended on a connection of its own, under the lock on its own head, so that reading and recording
//! never wait for one another.

use crate::domain::ids::{OrganisationCode, StreamId};
use crate::domain::time::Timestamp;
use crate::ledger::{Frontier, Hash};
use crate::patience::{NoAnswer, within};
use crate::store::access_plan::{AccessPlan, NextNumbers, plan, trial, wanted};
use crate::store::accesses::{AccessHead, AccessQuery, AccessStore, KnownRecorder, NewAccess, StoredAccess};
use crate::store::postgres::append::is_lost;
use crate::store::postgres::read::again;
use crate::store::postgres::{APPEND_LIMIT, BEGIN, PgStore};
use crate::store::stored::{AccessColumns, access_from, access_head_from, from_position, to_position};
use crate::store::{Reach, StoreError, raise};
use async_trait::async_trait;
use sqlx::postgres::{PgConnection, PgRow};
use sqlx::{Postgres, Row as _, SqlSafeStr as _, Transaction};
use tokio::sync::watch;
use uuid::Uuid;

const HEAD: &str = "SELECT size, recorded_at, frontier FROM access_head WHERE one = 1";
const LOCK_HEAD: &str = "SELECT size, recorded_at, frontier FROM access_head WHERE one = 1 FOR UPDATE";
const COUNTERS: &str = "SELECT wanted.code, last.organisation_counter + 1 FROM unnest($1::text[]) AS wanted (code) \
    CROSS JOIN LATERAL (SELECT organisation_counter FROM access WHERE organisation = wanted.code \
        ORDER BY organisation DESC, position DESC LIMIT 1) AS last";
const VERSIONS: &str = "SELECT wanted.id, last.version + 1 FROM unnest($1::uuid[]) AS wanted (id) \
    CROSS JOIN LATERAL (SELECT version FROM access WHERE stream = wanted.id \
        ORDER BY stream DESC, version DESC LIMIT 1) AS last";
const ACCESSES: &str = "INSERT INTO access (position, access_id, stream, version, organisation, organisation_counter, \
        recorded_at, schema_version, salt, facts, leaf, leaf_hash) \
    SELECT position, id, stream, version, organisation, counter, $7, schema_version, salt, facts, leaf, leaf_hash \
    FROM unnest($1::bigint[], $2::uuid[], $3::uuid[], $4::bigint[], $5::text[], $6::bigint[], $8::integer[], $9::bytea[], \
        $10::text[], $11::bytea[], $12::bytea[]) \
        AS new (position, id, stream, version, organisation, counter, schema_version, salt, facts, leaf, leaf_hash)";
const SUBTREES: &str = "INSERT INTO access_subtree (tile_level, tree_index, hash) \
    SELECT * FROM unnest($1::integer[], $2::bigint[], $3::bytea[])";
const MOVE_HEAD: &str = "UPDATE access_head SET size = $1, recorded_at = $2, frontier = $3 WHERE one = 1";

macro_rules! list_of_accesses {
    ($condition:literal, $order:literal) => {
        concat!(
            "SELECT position, access_id, stream, version, organisation, organisation_counter, recorded_at, \
             schema_version::bigint, facts, salt FROM access WHERE ",
            $condition,
            " AND position >= $1 AND position < $2 AND ($3::text IS NULL OR facts::jsonb ->> 'client' = $3) \
             AND ($4::text IS NULL OR facts::jsonb ->> 'user' = $4) \
             AND ($5::text IS NULL OR facts::jsonb ->> 'purpose' = $5) ORDER BY ",
            $order,
            " LIMIT $6"
        )
    };
}
const OF_STREAM: &str =
    list_of_accesses!("stream = $8::uuid AND ($7::text IS NULL OR organisation = $7)", "stream, version");
const OF_STREAM_NEWEST: &str =
    list_of_accesses!("stream = $8::uuid AND ($7::text IS NULL OR organisation = $7)", "stream DESC, version DESC");
const OF_ORGANISATION: &str =
    list_of_accesses!("organisation = $7::text AND $8::uuid IS NULL", "organisation, position");
const OF_ORGANISATION_NEWEST: &str =
    list_of_accesses!("organisation = $7::text AND $8::uuid IS NULL", "organisation DESC, position DESC");
const OF_ALL: &str = list_of_accesses!("$7::text IS NULL AND $8::uuid IS NULL", "position");
const OF_ALL_NEWEST: &str = list_of_accesses!("$7::text IS NULL AND $8::uuid IS NULL", "position DESC");

const FIRST_AT: &str = "SELECT COALESCE((SELECT position FROM access WHERE recorded_at >= $1 \
    ORDER BY recorded_at, position LIMIT 1), (SELECT size FROM access_head WHERE one = 1))";
const LEAVES: &str = "SELECT leaf FROM access WHERE position >= $1 ORDER BY position LIMIT $2";
const LEAF_HASHES: &str = "SELECT leaf_hash FROM access WHERE position >= $1 ORDER BY position LIMIT $2";
const SUBTREE_HASHES: &str =
    "SELECT hash FROM access_subtree WHERE tile_level = $3 AND tree_index >= $1 ORDER BY tree_index LIMIT $2";
const KNOWN_RECORDERS: &str = "SELECT found.person, found.client, min(found.changed_at) FROM unnest($1::uuid[]) AS wanted (id) \
    CROSS JOIN LATERAL (SELECT r.person, r.body::jsonb ->> 'changed_by' AS client, r.changed_at FROM row_version AS r \
        WHERE r.person = wanted.id AND r.generation = (SELECT generation FROM log_head WHERE one = 1) \
            AND r.organisation = $2 OFFSET 0) AS found GROUP BY found.person, found.client";

impl PgStore {
    async fn append_accesses_once(&self, items: &[NewAccess], now: Timestamp) -> Result<u64, StoreError> {
        let no_answer = |error: NoAnswer| sqlx::Error::Io(error.into());
        let (transaction, planned) = within(APPEND_LIMIT, self.write_accesses(items, now))
            .await
            .map_err(|error| StoreError::during("an append of accesses")(no_answer(error)))??;
        within(APPEND_LIMIT, transaction.commit())
            .await
            .unwrap_or_else(|error| Err(no_answer(error)))
            .map_err(StoreError::during_commit)?;
        raise(&self.accesses, planned.head.size);
        Ok(planned.head.size - items.len() as u64)
    }

    /// All of an append but its commit.
    async fn write_accesses<'g>(
        &self,
        items: &'g [NewAccess],
        now: Timestamp,
    ) -> Result<(Transaction<'static, Postgres>, AccessPlan<'g>), StoreError> {
        let mut transaction = self
            .writing_accesses
            .begin_with(BEGIN.into_sql_str())
            .await
            .map_err(StoreError::during("begin an append of accesses"))?;
        let head = sqlx::query(LOCK_HEAD)
            .fetch_one(&mut *transaction)
            .await
            .map_err(StoreError::during("lock the head of accesses"))?;
        let next = read_next(&mut transaction, items).await?;
        let planned = plan(items, &head_of(&head)?, next, now)?;
        write(&mut transaction, &planned).await?;
        Ok((transaction, planned))
    }
}

#[async_trait]
impl AccessStore for PgStore {
    async fn append_accesses(&self, accesses: &[NewAccess], now: Timestamp) -> Result<u64, StoreError> {
        match self.append_accesses_once(accesses, now).await {
            // The connection died before anything was sent to commit: a fresh one may do.
            Err(StoreError::Unavailable { outcome_unknown: false, source, .. }) if is_lost(&source) => {
                self.append_accesses_once(accesses, now).await
            }
            answer => answer,
        }
    }
    async fn access_head(&self) -> Result<AccessHead, StoreError> {
        let row = again(&self.pool, async |pool| sqlx::query(HEAD).fetch_one(&pool).await)
            .await
            .map_err(StoreError::during("read the head of accesses"))?;
        let head = head_of(&row)?;
        // Nobody notifies of accesses: reading is how we learn of other processes'.
        raise(&self.accesses, head.size);
        Ok(head)
    }
    fn follow_accesses(&self) -> watch::Receiver<u64> {
        self.accesses.subscribe()
    }
    async fn accesses(&self, query: &AccessQuery) -> Result<Vec<StoredAccess>, StoreError> {
        let organisation = match &query.reach {
            Reach::Organisation(code) => Some(code.as_str()),
            Reach::Operator => None,
        };
        let sql = match (query.stream, organisation, query.newest_first) {
            (Some(_), _, false) => OF_STREAM,
            (Some(_), _, true) => OF_STREAM_NEWEST,
            (None, Some(_), false) => OF_ORGANISATION,
            (None, Some(_), true) => OF_ORGANISATION_NEWEST,
            (None, None, false) => OF_ALL,
            (None, None, true) => OF_ALL_NEWEST,
        };
        let rows: Vec<AccessColumns> = again(&self.pool, async |pool| {
            sqlx::query_as(sql)
                .bind(from_position(query.from))
                .bind(from_position(query.until))
                .bind(&query.client)
                .bind(&query.user)
                .bind(&query.purpose)
                .bind(i64::from(query.limit))
                .bind(organisation)
                .bind(query.stream.map(|stream| stream.0))
                .fetch_all(&pool)
                .await
        })
        .await
        .map_err(StoreError::during("read accesses"))?;
        rows.into_iter().map(access_from).collect()
    }
    async fn first_access_at(&self, instant: Timestamp) -> Result<u64, StoreError> {
        let position: i64 =
            again(&self.pool, async |pool| sqlx::query_scalar(FIRST_AT).bind(instant.micros()).fetch_one(&pool).await)
                .await
                .map_err(StoreError::during("find an instant among accesses"))?;
        to_position(position)
    }
    async fn access_leaves(&self, from: u64, limit: u32) -> Result<Vec<Vec<u8>>, StoreError> {
        again(&self.pool, async |pool| {
            sqlx::query_scalar(LEAVES).bind(from_position(from)).bind(i64::from(limit)).fetch_all(&pool).await
        })
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
        let people: Vec<Uuid> = people.iter().map(|person| person.0).collect();
        let rows: Vec<(Uuid, String, i64)> = again(&self.pool, async |pool| {
            sqlx::query_as(KNOWN_RECORDERS).bind(&people).bind(organisation.as_str()).fetch_all(&pool).await
        })
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
        let trying = async {
            let (transaction, _) = self.write_accesses(&items, Timestamp::from_micros(0)).await?;
            transaction.rollback().await.map_err(&failed)
        };
        within(APPEND_LIMIT, trying).await.unwrap_or_else(|error| Err(failed(sqlx::Error::Io(error.into()))))
    }
}

fn head_of(row: &PgRow) -> Result<AccessHead, StoreError> {
    let failed = StoreError::during("read the head of accesses");
    access_head_from(
        row.try_get(0).map_err(&failed)?,
        row.try_get(1).map_err(&failed)?,
        row.try_get(2).map_err(&failed)?,
    )
}

async fn read_next(connection: &mut PgConnection, items: &[NewAccess]) -> Result<NextNumbers, StoreError> {
    let failed = StoreError::during("read the numbers of accesses");
    let (streams, organisations) = wanted(items);
    let codes: Vec<&str> = organisations.iter().map(OrganisationCode::as_str).collect();
    let counters: Vec<(String, i64)> =
        sqlx::query_as(COUNTERS).bind(codes).fetch_all(&mut *connection).await.map_err(&failed)?;
    let mut next = NextNumbers::default();
    for (code, number) in counters {
        if let Some(organisation) = organisations.iter().find(|known| known.as_str() == code) {
            next.counters.insert(organisation.clone(), to_position(number)?);
        }
    }
    let streams: Vec<Uuid> = streams.iter().map(|stream| stream.0).collect();
    let versions: Vec<(Uuid, i64)> =
        sqlx::query_as(VERSIONS).bind(streams).fetch_all(connection).await.map_err(&failed)?;
    for (stream, number) in versions {
        next.versions.insert(StreamId(stream), to_position(number)?);
    }
    Ok(next)
}

async fn write(connection: &mut PgConnection, plan: &AccessPlan<'_>) -> Result<(), StoreError> {
    let failed = StoreError::during("write accesses");
    let accesses = &plan.accesses;
    sqlx::query(ACCESSES)
        .bind(accesses.iter().map(|access| from_position(access.position)).collect::<Vec<_>>())
        .bind(accesses.iter().map(|access| access.item.id.0).collect::<Vec<_>>())
        .bind(accesses.iter().map(|access| access.item.stream.0).collect::<Vec<_>>())
        .bind(accesses.iter().map(|access| from_position(access.version)).collect::<Vec<_>>())
        .bind(accesses.iter().map(|access| access.item.organisation.as_str()).collect::<Vec<_>>())
        .bind(accesses.iter().map(|access| from_position(access.organisation_counter)).collect::<Vec<_>>())
        .bind(plan.head.recorded_at.micros())
        .bind(accesses.iter().map(|access| i32::try_from(access.item.schema).unwrap_or(i32::MAX)).collect::<Vec<_>>())
        .bind(accesses.iter().map(|access| access.item.salt.as_slice()).collect::<Vec<_>>())
        .bind(accesses.iter().map(|access| access.item.facts.as_str()).collect::<Vec<_>>())
        .bind(accesses.iter().map(|access| access.leaf.as_slice()).collect::<Vec<_>>())
        .bind(accesses.iter().map(|access| access.leaf_hash.as_bytes().as_slice()).collect::<Vec<_>>())
        .execute(&mut *connection)
        .await
        .map_err(&failed)?;
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
        .bind(Frontier::to_bytes(&plan.head.frontier))
        .execute(connection)
        .await
        .map_err(&failed)?;
    Ok(())
}
