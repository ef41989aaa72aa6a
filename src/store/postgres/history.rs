//! Histories on PostgreSQL: events along one index, with what their rows say of them beside, then their parts.

use crate::store::history::{
    HistoryColumns, HistoryPartColumns, HistoryPath, HistoryQuery, HistoryRecord, HistoryStore, history_from,
};
use crate::store::postgres::PgStore;
use crate::store::postgres::read::{again, envelope_of, organisation_of};
use crate::store::stored::from_position;
use crate::store::{Head, StoreError};
use async_trait::async_trait;
use sqlx::Row as _;
use sqlx::postgres::{PgPool, PgRow};

macro_rules! history {
    ($from:literal, $condition:literal) => {
        concat!(
            "SELECT e.position, e.event_id, e.stream, e.version, e.organisation, e.recorded_at, e.name, e.schema_version, \
             e.organisation_counter, e.leaf, e.leaf_hash, r.person, r.body::json ->> 'occurred_at' FROM ",
            $from,
            " WHERE ",
            $condition,
            " LIMIT $3"
        )
    };
}
const HISTORY: &str = history!(
    "event AS e LEFT JOIN row_version AS r ON r.id = e.stream AND r.from_position = e.position \
        AND r.generation + 0 = (SELECT generation FROM log_head)",
    "e.position >= $1 AND e.position < $2 ORDER BY e.position"
);
const HISTORY_OF_ORGANISATION: &str = history!(
    "event AS e LEFT JOIN row_version AS r ON r.id = e.stream AND r.from_position = e.position \
        AND r.generation + 0 = (SELECT generation FROM log_head)",
    "e.organisation = $4 AND e.position >= $1 AND e.position < $2 ORDER BY e.position"
);
// The zero keeps the primary key from being walked through for one stream's events.
const HISTORY_OF_STREAM: &str = history!(
    "event AS e LEFT JOIN row_version AS r ON r.id = e.stream AND r.from_position = e.position \
        AND r.generation + 0 = (SELECT generation FROM log_head)",
    "e.stream = $5 AND ($4::text IS NULL OR e.organisation = $4) AND e.position + 0 >= $1 AND e.position + 0 < $2 \
     ORDER BY e.position"
);
const HISTORY_OF_PERSON: &str = history!(
    "row_version AS r JOIN event AS e ON e.position = r.from_position",
    "r.person = $5 AND r.generation = (SELECT generation FROM log_head) AND ($4::text IS NULL OR e.organisation = $4) \
     AND r.from_position >= $1 AND r.from_position < $2 ORDER BY r.from_position"
);
const HISTORY_PARTS: &str = "SELECT p.position, p.name, p.class, \
        CASE WHEN p.key_id IS NULL THEN p.bytes ELSE ''::bytea END \
    FROM unnest($1::bigint[]) AS wanted (position) \
    JOIN part AS p ON p.part_id >= wanted.position * 16 AND p.part_id < wanted.position * 16 + 16 ORDER BY p.part_id";

#[async_trait]
impl HistoryStore for PgStore {
    async fn history(&self, query: &HistoryQuery) -> Result<(Head, Vec<HistoryRecord>), StoreError> {
        let failed = StoreError::during("read a history");
        let head = self.read_head_as_of(query.as_of).await?;
        let before = query.before.min(query.as_of.unwrap_or(head.size)).min(head.size);
        let rows = again(&self.pool, async |pool| fetch(&pool, query, before).await).await.map_err(&failed)?;
        let columns: Vec<HistoryColumns> = rows.iter().map(columns_of).collect::<Result<_, _>>()?;
        let positions: Vec<i64> = columns.iter().map(|columns| columns.envelope.position).collect();
        let parts =
            again(&self.pool, async |pool| sqlx::query(HISTORY_PARTS).bind(&positions).fetch_all(&pool).await).await;
        let parts = parts.map_err(&failed)?.iter().map(part_of).collect::<Result<_, _>>()?;
        let covered = self.read_covered_leaves(&positions).await?;
        Ok((head, history_from(columns, parts, &covered)?))
    }
}

async fn fetch(pool: &PgPool, query: &HistoryQuery, before: u64) -> Result<Vec<PgRow>, sqlx::Error> {
    let organisation = organisation_of(&query.reach);
    let sql = match (&query.path, organisation) {
        (HistoryPath::All, None) => HISTORY,
        (HistoryPath::All, Some(_)) => HISTORY_OF_ORGANISATION,
        (HistoryPath::Stream(_), _) => HISTORY_OF_STREAM,
        (HistoryPath::Person(_), _) => HISTORY_OF_PERSON,
    };
    let mut select =
        sqlx::query(sql).bind(from_position(query.from)).bind(from_position(before)).bind(i64::from(query.limit));
    if !matches!((&query.path, organisation), (HistoryPath::All, None)) {
        select = select.bind(organisation);
    }
    let select = match query.path {
        HistoryPath::All => select,
        HistoryPath::Stream(stream) => select.bind(stream.0),
        HistoryPath::Person(person) => select.bind(person.0),
    };
    select.fetch_all(pool).await
}

fn columns_of(columns: &PgRow) -> Result<HistoryColumns, StoreError> {
    let failed = StoreError::during("read a history");
    Ok(HistoryColumns {
        envelope: envelope_of(columns)?,
        organisation_counter: columns.try_get(8).map_err(&failed)?,
        leaf: columns.try_get(9).map_err(&failed)?,
        leaf_hash: columns.try_get(10).map_err(&failed)?,
        person: columns.try_get(11).map_err(&failed)?,
        shown_at: columns.try_get(12).map_err(&failed)?,
    })
}

fn part_of(columns: &PgRow) -> Result<HistoryPartColumns, StoreError> {
    let failed = StoreError::during("read a history");
    Ok(HistoryPartColumns {
        position: columns.try_get(0).map_err(&failed)?,
        name: columns.try_get(1).map_err(&failed)?,
        class: columns.try_get(2).map_err(&failed)?,
        bytes: columns.try_get(3).map_err(&failed)?,
    })
}
