//! Histories on SQLite: events along one index, with what their rows say of them beside, then their parts.

use crate::store::history::{
    HistoryColumns, HistoryPartColumns, HistoryPath, HistoryQuery, HistoryRecord, HistoryStore, history_from,
};
use crate::store::sqlite::SqliteStore;
use crate::store::sqlite::lawful::read_covered_leaves;
use crate::store::sqlite::read::{envelope_of, organisation_of};
use crate::store::stored::from_position;
use crate::store::{Head, StoreError};
use async_trait::async_trait;
use sqlx::Row as _;
use sqlx::sqlite::SqliteRow;

macro_rules! history {
    ($from:literal, $condition:literal) => {
        concat!(
            "SELECT e.position, e.event_id, e.stream, e.version, e.organisation, e.recorded_at, e.name, e.schema_version, \
             e.organisation_counter, e.leaf, e.leaf_hash, r.person, r.body ->> 'occurred_at' FROM ",
            $from,
            " AND r.generation = (SELECT generation FROM log_head) WHERE ",
            $condition,
            " LIMIT ?3"
        )
    };
}
const HISTORY: &str = history!(
    "event AS e LEFT JOIN row_version AS r ON r.id = e.stream AND r.from_position = e.position",
    "e.position >= ?1 AND e.position < ?2 ORDER BY e.position"
);
const HISTORY_OF_ORGANISATION: &str = history!(
    "event AS e INDEXED BY event_organisation LEFT JOIN row_version AS r ON r.id = e.stream AND r.from_position = e.position",
    "e.organisation = ?4 AND e.position >= ?1 AND e.position < ?2 ORDER BY e.position"
);
const HISTORY_OF_STREAM: &str = history!(
    "event AS e INDEXED BY event_stream LEFT JOIN row_version AS r ON r.id = e.stream AND r.from_position = e.position",
    "e.stream = ?5 AND (?4 IS NULL OR e.organisation = ?4) AND e.position >= ?1 AND e.position < ?2 ORDER BY e.position"
);
const HISTORY_OF_PERSON: &str = history!(
    "row_version AS r INDEXED BY row_version_person CROSS JOIN event AS e ON e.position = r.from_position",
    "r.person = ?5 AND (?4 IS NULL OR e.organisation = ?4) AND r.from_position >= ?1 AND r.from_position < ?2 \
     ORDER BY r.from_position"
);
// The order of the tables is said: SQLite would read all parts in the order that is wanted, and look for each in the list.
const HISTORY_PARTS: &str = "SELECT p.position, p.name, p.class, CASE WHEN p.key_id IS NULL THEN p.bytes ELSE X'' END \
    FROM json_each(?1) AS wanted CROSS JOIN part AS p ON p.part_id >= wanted.value * 16 AND p.part_id < wanted.value * 16 + 16 \
    ORDER BY p.part_id";

#[async_trait]
impl HistoryStore for SqliteStore {
    async fn history(&self, query: &HistoryQuery) -> Result<(Head, Vec<HistoryRecord>), StoreError> {
        let failed = StoreError::during("read a history");
        let head = self.read_head_as_of(query.as_of).await?;
        let before = query.before.min(query.as_of.unwrap_or(head.size)).min(head.size);
        let organisation = organisation_of(&query.reach);
        let sql = match (&query.path, &organisation) {
            (HistoryPath::All, None) => HISTORY,
            (HistoryPath::All, Some(_)) => HISTORY_OF_ORGANISATION,
            (HistoryPath::Stream(_), _) => HISTORY_OF_STREAM,
            (HistoryPath::Person(_), _) => HISTORY_OF_PERSON,
        };
        let mut select = sqlx::query(sql).bind(from_position(query.from)).bind(from_position(before)).bind(query.limit);
        if !matches!((&query.path, &organisation), (HistoryPath::All, None)) {
            select = select.bind(organisation);
        }
        let select = match query.path {
            HistoryPath::All => select,
            HistoryPath::Stream(stream) => select.bind(stream.0),
            HistoryPath::Person(person) => select.bind(person.0),
        };
        let rows = select.fetch_all(&self.read).await.map_err(&failed)?;
        let columns: Vec<HistoryColumns> = rows.iter().map(columns_of).collect::<Result<_, _>>()?;
        let positions: Vec<i64> = columns.iter().map(|columns| columns.envelope.position).collect();
        let wanted = serde_json::Value::from(positions.clone()).to_string();
        let parts = sqlx::query(HISTORY_PARTS).bind(wanted).fetch_all(&self.read).await;
        let parts = parts.map_err(&failed)?.iter().map(part_of).collect::<Result<_, _>>()?;
        let covered = read_covered_leaves(&self.read, &positions).await?;
        Ok((head, history_from(columns, parts, &covered)?))
    }
}

fn columns_of(columns: &SqliteRow) -> Result<HistoryColumns, StoreError> {
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

fn part_of(columns: &SqliteRow) -> Result<HistoryPartColumns, StoreError> {
    let failed = StoreError::during("read a history");
    Ok(HistoryPartColumns {
        position: columns.try_get(0).map_err(&failed)?,
        name: columns.try_get(1).map_err(&failed)?,
        class: columns.try_get(2).map_err(&failed)?,
        bytes: columns.try_get(3).map_err(&failed)?,
    })
}
