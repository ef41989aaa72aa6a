//! Reads: rows as they stand or stood, parts, events. Nothing is read beyond the head that the answer names.

use crate::domain::event::{Class, PartRef, Recorded};
use crate::domain::ids::{EventId, StreamId};
use crate::domain::time::Timestamp;
use crate::projections::Row;
use crate::store::sqlite::SqliteStore;
use crate::store::sqlite::append::{hex_list, read_locked_head, row_at, row_of};
use crate::store::sqlite::lawful::read_covered_leaves;
use crate::store::stored::{EventColumns, PartColumns, digest_from, events_from, from_position, in_place, to_position};
use crate::store::{
    EventQuery, Head, PARTS_PER_EVENT, Reach, RowPath, RowQuery, RowWanted, SingleRow, StoreError, StoredPart, raise,
};
use sqlx::Row as _;
use sqlx::sqlite::SqliteRow;
use uuid::Uuid;

// One for each wish [id, as of, organisation], in no order; `key` says which.
const SINGLE_ROWS: &str = "SELECT h.size, \
    COALESCE((SELECT recorded_at FROM event WHERE (w.value ->> 1) < h.size AND position = (w.value ->> 1) - 1), \
        CASE w.value ->> 1 WHEN 0 THEN 0 ELSE h.recorded_at END), h.generation, w.key, \
        r.id, r.organisation, r.from_position, r.version, r.body \
    FROM json_each(?1) AS w CROSS JOIN log_head AS h \
    LEFT JOIN row_version AS r ON r.id = unhex(w.value ->> 0) AND r.generation = h.generation \
        AND r.from_position < MIN(w.value ->> 1, h.size) AND r.to_position >= MIN(w.value ->> 1, h.size) \
        AND (w.value ->> 2 IS NULL OR r.organisation = w.value ->> 2)";
// When the last event before a size was recorded, or the last of all.
const HEAD_AS_OF: &str = "SELECT h.size, \
    COALESCE((SELECT recorded_at FROM event WHERE ?1 < h.size AND position = ?1 - 1), \
        CASE ?1 WHEN 0 THEN 0 ELSE h.recorded_at END), h.generation \
    FROM log_head AS h WHERE h.one = 1";
const ROWS_BY_ID: &str = "SELECT id, organisation, from_position, version, body FROM row_version \
    WHERE id IN (SELECT unhex(value) FROM json_each(?1)) AND generation = (SELECT generation FROM log_head) \
        AND to_position = 9223372036854775807 AND (?2 IS NULL OR organisation = ?2)";
const SIZE_AT: &str = "SELECT COALESCE(MAX(position) + 1, 0) FROM event WHERE recorded_at = \
    (SELECT MAX(recorded_at) FROM event WHERE recorded_at <= ?1)";

macro_rules! list_of_rows {
    ($from:literal, $path:literal) => {
        concat!(
            "SELECT r.id, r.organisation, r.from_position, r.version, r.body FROM ",
            $from,
            " WHERE ",
            $path,
            " AND r.generation = (SELECT generation FROM log_head) AND r.organisation = ?2 AND r.from_position >= ?3 \
             AND r.from_position < ?4 AND r.to_position >= ?4 AND (?5 IS NULL OR r.status = ?5) \
             AND (?6 IS NULL OR r.perspective = ?6) AND (?7 IS NULL OR r.occurred_until > ?7) \
             AND (?8 IS NULL OR r.occurred_from < ?8) AND (?9 IS NULL OR r.changed_at >= ?9) \
             AND (?10 IS NULL OR r.changed_at < ?10) AND (?12 IS NULL OR r.kind = ?12) \
             ORDER BY r.from_position LIMIT ?11"
        )
    };
}
const ROWS_OF_KIND: &str = list_of_rows!("row_version AS r INDEXED BY row_version_list", "r.kind = ?1");
const ROWS_OF_ORGANISATION: &str = list_of_rows!("row_version AS r", "?1 IS NULL");
const ROWS_OF_PERSON: &str = list_of_rows!("row_version AS r INDEXED BY row_version_person", "r.person = ?1");
const ROWS_OF_OUTCOME: &str = list_of_rows!("row_version AS r INDEXED BY row_version_outcome", "r.outcome = ?1");
const ROWS_OF_KEY: &str = list_of_rows!(
    "row_key AS k CROSS JOIN row_version AS r ON r.id = k.id AND r.generation = k.generation AND r.from_position = k.from_position",
    "k.organisation = ?2 AND k.kind = ?13 AND k.value = ?1 AND k.generation = (SELECT generation FROM log_head) \
     AND k.from_position >= ?3"
);

const PARTS: &str = "SELECT p.position, e.event_id, e.stream, e.version, p.name, p.class, p.key_id, p.bytes, p.salt \
    FROM json_each(?1) AS wanted \
    JOIN part AS p ON p.part_id >= (wanted.value ->> 0) * 16 AND p.part_id < (wanted.value ->> 0) * 16 + 16 \
        AND p.class = wanted.value ->> 1 \
    JOIN event AS e ON e.position = p.position";

macro_rules! list_of_events {
    ($condition:literal) => {
        concat!(
            "SELECT position, event_id, stream, version, organisation, recorded_at, name, schema_version FROM event WHERE ",
            $condition,
            " AND position >= ?1 AND position < ?2 ORDER BY position LIMIT ?3"
        )
    };
}
const EVENTS: &str = list_of_events!("(?4 IS NULL OR TRUE) AND ?5 IS NULL");
const EVENTS_OF_ORGANISATION: &str = list_of_events!("organisation = ?5 AND ?4 IS NULL");
const EVENTS_OF_STREAM: &str = list_of_events!("stream = ?4 AND (?5 IS NULL OR organisation = ?5)");
const PARTS_BETWEEN: &str = "SELECT position, class, CASE WHEN key_id IS NULL THEN bytes ELSE X'' END FROM part \
    WHERE part_id >= ?1 AND part_id < ?2 ORDER BY part_id";
// The order of the tables is said: SQLite would read all parts in the order that is wanted, and look for each in the list.
const PARTS_OF_POSITIONS: &str = "SELECT p.position, p.class, CASE WHEN p.key_id IS NULL THEN p.bytes ELSE X'' END \
    FROM json_each(?1) AS wanted CROSS JOIN part AS p ON p.part_id >= wanted.value * 16 AND p.part_id < wanted.value * 16 + 16 \
    ORDER BY p.part_id";
const LEAVES: &str = "SELECT leaf FROM event WHERE position >= ?1 ORDER BY position LIMIT ?2";

pub(super) fn organisation_of(reach: &Reach) -> Option<String> {
    match reach {
        Reach::Organisation(code) => Some(code.as_str().to_owned()),
        Reach::Operator => None,
    }
}

impl SqliteStore {
    pub(super) async fn read_head(&self) -> Result<Head, StoreError> {
        let mut connection = self.read.acquire().await.map_err(StoreError::during("read the head"))?;
        let head = read_locked_head(&mut connection).await?;
        // Nobody wakes us when another process commits: reading is how we learn of it.
        raise(&self.size, head.size);
        Ok(head)
    }

    pub(super) async fn read_head_as_of(&self, size: Option<u64>) -> Result<Head, StoreError> {
        let columns = sqlx::query(HEAD_AS_OF)
            .bind(size.map_or(i64::MAX, from_position))
            .fetch_one(&self.read)
            .await
            .map_err(StoreError::during("read the head"))?;
        let head = head_of(&columns)?;
        raise(&self.size, head.size);
        Ok(head)
    }

    pub(super) async fn read_size_at(&self, instant: Timestamp) -> Result<u64, StoreError> {
        let size: i64 = sqlx::query_scalar(SIZE_AT)
            .bind(instant.micros())
            .fetch_one(&self.read)
            .await
            .map_err(StoreError::during("find an instant"))?;
        to_position(size)
    }

    pub(super) async fn read_single_rows(
        &self,
        wanted: &[RowWanted],
    ) -> Result<Vec<Result<SingleRow, StoreError>>, StoreError> {
        let wishes = wanted.iter().map(|wish| {
            let as_of = wish.as_of.map_or(i64::MAX, from_position);
            serde_json::json!([wish.id.0.simple().to_string(), as_of, organisation_of(&wish.reach)])
        });
        let rows = sqlx::query(SINGLE_ROWS)
            .bind(serde_json::Value::from_iter(wishes).to_string())
            .fetch_all(&self.read)
            .await
            .map_err(StoreError::during("read a row"))?;
        let answers =
            in_place(rows.iter().map(|columns| (columns.try_get(3).unwrap_or(-1), single_row_of(columns))), wanted);
        if let Some((head, _)) = answers.iter().flatten().next() {
            raise(&self.size, head.size);
        }
        Ok(answers)
    }

    pub(super) async fn read_rows_by_id(&self, reach: &Reach, ids: &[StreamId]) -> Result<Vec<Row>, StoreError> {
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let rows = sqlx::query(ROWS_BY_ID)
            .bind(hex_list(ids.iter().map(|id| id.0.as_bytes().as_slice())))
            .bind(organisation_of(reach))
            .fetch_all(&self.read)
            .await
            .map_err(StoreError::during("read rows"))?;
        rows.iter().map(row_of).collect()
    }

    pub(super) async fn read_rows(&self, query: &RowQuery) -> Result<(Head, Vec<Row>), StoreError> {
        let head = self.read_head_as_of(query.as_of).await?;
        let as_of = query.as_of.unwrap_or(head.size).min(head.size);
        let sql = match (&query.path, query.kind) {
            (RowPath::All, Some(_)) => ROWS_OF_KIND,
            (RowPath::All, None) => ROWS_OF_ORGANISATION,
            (RowPath::Person(_), _) => ROWS_OF_PERSON,
            (RowPath::Outcome(_), _) => ROWS_OF_OUTCOME,
            (RowPath::Key(_), _) => ROWS_OF_KEY,
        };
        let kind = query.kind.map(crate::domain::event::Kind::as_str);
        let select = sqlx::query(sql);
        let select = match &query.path {
            RowPath::All => select.bind(kind),
            RowPath::Person(person) => select.bind(person.0),
            RowPath::Outcome(outcome) => select.bind(outcome.0),
            RowPath::Key(key) => select.bind(key.value.as_str()),
        };
        let select = select
            .bind(query.organisation.as_str())
            .bind(from_position(query.from_position))
            .bind(from_position(as_of))
            .bind(query.status.as_deref())
            .bind(query.perspective.as_deref())
            .bind(query.occurred_from.map(Timestamp::micros))
            .bind(query.occurred_until.map(Timestamp::micros))
            .bind(query.recorded_from.map(Timestamp::micros))
            .bind(query.recorded_until.map(Timestamp::micros))
            .bind(query.limit)
            .bind(kind);
        let select = match &query.path {
            RowPath::Key(key) => select.bind(key.kind.as_str()),
            _ => select,
        };
        let rows = select.fetch_all(&self.read).await.map_err(StoreError::during("list rows"))?;
        Ok((head, rows.iter().map(row_of).collect::<Result<_, _>>()?))
    }

    pub(super) async fn read_parts(&self, places: &[PartRef]) -> Result<Vec<StoredPart>, StoreError> {
        if places.is_empty() {
            return Ok(Vec::new());
        }
        let wanted = serde_json::Value::from_iter(
            places.iter().map(|place| serde_json::json!([place.position, place.class.as_str()])),
        );
        let rows = sqlx::query(PARTS)
            .bind(wanted.to_string())
            .fetch_all(&self.read)
            .await
            .map_err(StoreError::during("read parts"))?;
        rows.iter().map(part_of).collect()
    }

    pub(super) async fn read_events(&self, query: &EventQuery) -> Result<(Head, Vec<Recorded>), StoreError> {
        let failed = StoreError::during("read events");
        let head = self.read_head_as_of(Some(query.until)).await?;
        let until = query.until.min(head.size);
        let organisation = organisation_of(&query.reach);
        let sql = match (&query.stream, &organisation) {
            (Some(_), _) => EVENTS_OF_STREAM,
            (None, Some(_)) => EVENTS_OF_ORGANISATION,
            (None, None) => EVENTS,
        };
        let envelopes: Vec<EventColumns> = sqlx::query(sql)
            .bind(from_position(query.from))
            .bind(from_position(until))
            .bind(query.limit)
            .bind(query.stream.map(|stream| stream.0))
            .bind(organisation)
            .fetch_all(&self.read)
            .await
            .map_err(&failed)?
            .iter()
            .map(envelope_of)
            .collect::<Result<_, _>>()?;
        let (Some(first), Some(last)) = (envelopes.first(), envelopes.last()) else {
            return Ok((head, Vec::new()));
        };
        let span = last.position - first.position + 1;
        let together = i64::try_from(envelopes.len()).is_ok_and(|count| count == span);
        let positions: Vec<i64> = envelopes.iter().map(|envelope| envelope.position).collect();
        let ordinals = i64::try_from(PARTS_PER_EVENT).unwrap_or(16);
        let select = if together {
            sqlx::query(PARTS_BETWEEN).bind(first.position * ordinals).bind((last.position + 1) * ordinals)
        } else {
            let positions = serde_json::Value::from_iter(positions.iter().copied());
            sqlx::query(PARTS_OF_POSITIONS).bind(positions.to_string())
        };
        let parts = select
            .fetch_all(&self.read)
            .await
            .map_err(&failed)?
            .iter()
            .map(|row| {
                Ok(PartColumns {
                    position: row.try_get(0).map_err(&failed)?,
                    class: row.try_get(1).map_err(&failed)?,
                    bytes: row.try_get(2).map_err(&failed)?,
                })
            })
            .collect::<Result<_, StoreError>>()?;
        let covered = read_covered_leaves(&self.read, &positions).await?;
        Ok((head, events_from(envelopes, parts, &covered)?))
    }

    pub(super) async fn read_leaves(&self, from: u64, limit: u32) -> Result<Vec<Vec<u8>>, StoreError> {
        sqlx::query_scalar(LEAVES)
            .bind(from_position(from))
            .bind(limit)
            .fetch_all(&self.read)
            .await
            .map_err(StoreError::during("read leaves"))
    }
}

fn single_row_of(columns: &SqliteRow) -> Result<SingleRow, StoreError> {
    let head = head_of(columns)?;
    let found: Option<Uuid> = columns.try_get(4).map_err(StoreError::during("read a row"))?;
    Ok((head, found.map(|_| row_at(columns, 4)).transpose()?))
}

fn head_of(columns: &SqliteRow) -> Result<Head, StoreError> {
    let failed = StoreError::during("read the head");
    Ok(Head {
        size: to_position(columns.try_get(0).map_err(&failed)?)?,
        recorded_at: Timestamp::from_micros(columns.try_get(1).map_err(&failed)?),
        generation: columns.try_get(2).map_err(&failed)?,
        frontier: None,
    })
}

pub(super) fn envelope_of(columns: &SqliteRow) -> Result<EventColumns, StoreError> {
    let failed = StoreError::during("read an event");
    Ok(EventColumns {
        position: columns.try_get(0).map_err(&failed)?,
        event: columns.try_get(1).map_err(&failed)?,
        stream: columns.try_get(2).map_err(&failed)?,
        version: columns.try_get(3).map_err(&failed)?,
        organisation: columns.try_get(4).map_err(&failed)?,
        recorded_at: columns.try_get(5).map_err(&failed)?,
        name: columns.try_get(6).map_err(&failed)?,
        schema: columns.try_get(7).map_err(&failed)?,
    })
}

/// Reads a part from the columns position, event, stream, version, name, class, key, bytes, salt.
pub(super) fn part_of(columns: &SqliteRow) -> Result<StoredPart, StoreError> {
    let failed = StoreError::during("read a part");
    let position = to_position(columns.try_get(0).map_err(&failed)?)?;
    let class: String = columns.try_get(5).map_err(&failed)?;
    let salt: Option<Vec<u8>> = columns.try_get(8).map_err(&failed)?;
    Ok(StoredPart {
        position,
        event: EventId(columns.try_get(1).map_err(&failed)?),
        stream: StreamId(columns.try_get(2).map_err(&failed)?),
        version: to_position(columns.try_get(3).map_err(&failed)?)?,
        name: columns.try_get(4).map_err(&failed)?,
        class: Class::from_stored(&class)
            .ok_or_else(|| StoreError::Corrupt { position, detail: "a part is of no known class".to_owned() })?,
        key: columns.try_get(6).map_err(&failed)?,
        bytes: columns.try_get(7).map_err(&failed)?,
        salt: salt.map(|salt| digest_from(&salt)).transpose()?,
    })
}
