//! Reads: rows as they stand or stood, parts, events. Nothing is read beyond the head that the answer names.

use crate::domain::event::{Class, PartRef, Recorded};
use crate::domain::ids::{EventId, StreamId};
use crate::domain::time::Timestamp;
use crate::patience::within;
use crate::projections::Row;
use crate::store::postgres::append::{full_head, generation_of, is_lost};
use crate::store::postgres::known::{kept_answer_of, row_at, row_of, select_kept_answers};
use crate::store::postgres::{PgStore, READ_LIMIT};
use crate::store::stored::{EventColumns, PartColumns, digest_from, events_from, from_position, in_place, to_position};
use crate::store::{
    EventQuery, Head, KeptAnswer, PARTS_PER_EVENT, Reach, RowPath, RowQuery, RowWanted, SingleRow, StoreError,
    StoredPart,
};
use sqlx::Row as _;
use sqlx::postgres::{PgPool, PgRow};
use std::future::Future;
use uuid::Uuid;

const HEAD: &str = "SELECT size, recorded_at, generation, frontier FROM log_head WHERE one = 1";
// One for each wish, in no order; the fourth column says which.
const SINGLE_ROWS: &str = "SELECT h.size, \
    COALESCE((SELECT recorded_at FROM event WHERE w.as_of < h.size AND position = w.as_of - 1), \
        CASE w.as_of WHEN 0 THEN 0 ELSE h.recorded_at END), h.generation, w.place - 1, \
        r.id, r.organisation, r.from_position, r.version, r.body \
    FROM unnest($1::uuid[], $2::bigint[], $3::text[]) WITH ORDINALITY AS w (id, as_of, organisation, place) \
    JOIN log_head AS h ON h.one = 1 \
    LEFT JOIN LATERAL (SELECT v.id, v.organisation, v.from_position, v.version, v.body FROM row_version AS v \
        WHERE v.id = w.id AND v.generation + 0 = h.generation \
            AND v.from_position < LEAST(w.as_of, h.size) AND v.to_position >= LEAST(w.as_of, h.size) \
            AND (w.organisation IS NULL OR v.organisation = w.organisation) OFFSET 0) AS r ON TRUE";
// When the last event before a size was recorded, or the last of all.
const HEAD_AS_OF: &str = "SELECT h.size, \
    COALESCE((SELECT recorded_at FROM event WHERE $1::bigint < h.size AND position = $1 - 1), \
        CASE $1 WHEN 0 THEN 0 ELSE h.recorded_at END), h.generation \
    FROM log_head AS h WHERE h.one = 1";
const ROWS_BY_ID: &str = "SELECT id, organisation, from_position, version, body FROM row_version \
    WHERE id = ANY($1) AND generation + 0 = (SELECT generation FROM log_head) AND to_position = 9223372036854775807 \
        AND ($2::text IS NULL OR organisation = $2)";
const SIZE_AT: &str = "SELECT COALESCE(MAX(position) + 1, 0) FROM event WHERE recorded_at = \
    (SELECT MAX(recorded_at) FROM event WHERE recorded_at <= $1)";

macro_rules! list_of_rows {
    ($from:literal, $generation:literal, $path:literal) => {
        concat!(
            "SELECT r.id, r.organisation, r.from_position, r.version, r.body FROM ",
            $from,
            " WHERE ",
            $path,
            " AND ",
            $generation,
            " = (SELECT generation FROM log_head) AND r.organisation = $2 AND r.from_position >= $3 \
             AND r.from_position < $4 AND r.to_position >= $4 AND ($5::text IS NULL OR r.status = $5) \
             AND ($6::text IS NULL OR r.perspective = $6) AND ($7::bigint IS NULL OR r.occurred_until > $7) \
             AND ($8::bigint IS NULL OR r.occurred_from < $8) AND ($9::bigint IS NULL OR r.changed_at >= $9) \
             AND ($10::bigint IS NULL OR r.changed_at < $10) AND ($12::text IS NULL OR r.kind = $12) \
             ORDER BY r.from_position LIMIT $11"
        )
    };
}
const ROWS_OF_KIND: &str = list_of_rows!("row_version AS r", "r.generation", "r.kind = $1::text");
const ROWS_OF_ORGANISATION: &str = list_of_rows!("row_version AS r", "r.generation", "$1::text IS NULL");
const ROWS_OF_PERSON: &str = list_of_rows!("row_version AS r", "r.generation", "r.person = $1::uuid");
const ROWS_OF_OUTCOME: &str = list_of_rows!("row_version AS r", "r.generation", "r.outcome = $1::uuid");
const ROWS_OF_KEY: &str = list_of_rows!(
    "row_key AS k JOIN row_version AS r ON r.id = k.id AND r.from_position = k.from_position",
    "r.generation + 0",
    "k.organisation = $2 AND k.kind = $13 AND k.value = $1 AND k.generation = (SELECT generation FROM log_head) \
     AND k.from_position >= $3"
);

const PARTS: &str = "SELECT p.position, e.event_id, e.stream, e.version, p.name, p.class, p.key_id, p.bytes, p.salt \
    FROM unnest($1::bigint[], $2::text[]) AS wanted (position, class) \
    JOIN part AS p ON p.part_id >= wanted.position * 16 AND p.part_id < wanted.position * 16 + 16 AND p.class = wanted.class \
    JOIN event AS e ON e.position = p.position";

macro_rules! list_of_events {
    ($position:literal, $condition:literal) => {
        concat!(
            "SELECT position, event_id, stream, version, organisation, recorded_at, name, schema_version FROM event WHERE ",
            $condition,
            " AND ",
            $position,
            " >= $1 AND ",
            $position,
            " < $2 ORDER BY position LIMIT $3"
        )
    };
}
const EVENTS: &str = list_of_events!("position", "$4::uuid IS NULL AND $5::text IS NULL");
const EVENTS_OF_ORGANISATION: &str = list_of_events!("position", "organisation = $5 AND $4::uuid IS NULL");
const EVENTS_OF_STREAM: &str =
    list_of_events!("position + 0", "stream = $4 AND ($5::text IS NULL OR organisation = $5)");
const PARTS_BETWEEN: &str = "SELECT position, class, CASE WHEN key_id IS NULL THEN bytes ELSE ''::bytea END FROM part \
    WHERE part_id >= $1 AND part_id < $2 ORDER BY part_id";
const PARTS_OF_POSITIONS: &str = "SELECT p.position, p.class, CASE WHEN p.key_id IS NULL THEN p.bytes ELSE ''::bytea END \
    FROM unnest($1::bigint[]) AS wanted (position) \
    JOIN part AS p ON p.part_id >= wanted.position * 16 AND p.part_id < wanted.position * 16 + 16 ORDER BY p.part_id";
const LEAVES: &str = "SELECT leaf FROM event WHERE position >= $1 ORDER BY position LIMIT $2";

pub(super) fn organisation_of(reach: &Reach) -> Option<&str> {
    match reach {
        Reach::Organisation(code) => Some(code.as_str()),
        Reach::Operator => None,
    }
}

/// Runs something that may be repeated once more where its pooled connection turned out to be dead, and gives up after a
/// while where there is no answer.
pub(super) async fn again<T, F, Reading>(pool: &PgPool, read: F) -> Result<T, sqlx::Error>
where
    F: Fn(PgPool) -> Reading,
    Reading: Future<Output = Result<T, sqlx::Error>>,
{
    within(READ_LIMIT, again_however_long(pool, read)).await.unwrap_or_else(|error| Err(sqlx::Error::Io(error.into())))
}

/// The same for what reads a whole table, which takes its time.
pub(super) async fn again_however_long<T, F, Reading>(pool: &PgPool, read: F) -> Result<T, sqlx::Error>
where
    F: Fn(PgPool) -> Reading,
    Reading: Future<Output = Result<T, sqlx::Error>>,
{
    let mut left = pool.size().saturating_add(1);
    loop {
        match read(pool.clone()).await {
            Err(error) if is_lost(&error) && left > 0 => left -= 1,
            answer => return answer,
        }
    }
}

impl PgStore {
    pub(super) async fn read_head(&self) -> Result<Head, StoreError> {
        let row = again(&self.pool, async |pool| sqlx::query(HEAD).fetch_one(&pool).await)
            .await
            .map_err(StoreError::during("read the head"))?;
        full_head(&row)
    }

    pub(super) async fn read_head_as_of(&self, size: Option<u64>) -> Result<Head, StoreError> {
        let size = size.map_or(i64::MAX, from_position);
        let columns = again(&self.pool, async |pool| sqlx::query(HEAD_AS_OF).bind(size).fetch_one(&pool).await)
            .await
            .map_err(StoreError::during("read the head"))?;
        head_of(&columns)
    }

    pub(super) async fn fetch_kept_answers(
        &self,
        digests: &[[u8; 32]],
    ) -> Result<Vec<([u8; 32], KeptAnswer)>, StoreError> {
        if digests.is_empty() {
            return Ok(Vec::new());
        }
        let rows = again(&self.pool, async |pool| select_kept_answers(digests).fetch_all(&pool).await)
            .await
            .map_err(StoreError::during("read idempotency keys"))?;
        rows.iter().map(kept_answer_of).collect()
    }

    pub(super) async fn read_size_at(&self, instant: Timestamp) -> Result<u64, StoreError> {
        let size: i64 =
            again(&self.pool, async |pool| sqlx::query_scalar(SIZE_AT).bind(instant.micros()).fetch_one(&pool).await)
                .await
                .map_err(StoreError::during("find an instant"))?;
        to_position(size)
    }

    pub(super) async fn read_single_rows(
        &self,
        wanted: &[RowWanted],
    ) -> Result<Vec<Result<SingleRow, StoreError>>, StoreError> {
        let ids: Vec<Uuid> = wanted.iter().map(|wish| wish.id.0).collect();
        let sizes: Vec<i64> = wanted.iter().map(|wish| wish.as_of.map_or(i64::MAX, from_position)).collect();
        let organisations: Vec<Option<&str>> = wanted.iter().map(|wish| organisation_of(&wish.reach)).collect();
        let rows = again(&self.pool, async |pool| {
            sqlx::query(SINGLE_ROWS).bind(&ids).bind(&sizes).bind(&organisations).fetch_all(&pool).await
        })
        .await
        .map_err(StoreError::during("read a row"))?;
        Ok(in_place(rows.iter().map(|columns| (columns.try_get(3).unwrap_or(-1), single_row_of(columns))), wanted))
    }

    pub(super) async fn read_rows_by_id(&self, reach: &Reach, ids: &[StreamId]) -> Result<Vec<Row>, StoreError> {
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let wanted: Vec<Uuid> = ids.iter().map(|id| id.0).collect();
        let rows = again(&self.pool, async |pool| {
            sqlx::query(ROWS_BY_ID).bind(&wanted).bind(organisation_of(reach)).fetch_all(&pool).await
        })
        .await
        .map_err(StoreError::during("read rows"))?;
        rows.iter().map(row_of).collect()
    }

    pub(super) async fn read_rows(&self, query: &RowQuery) -> Result<(Head, Vec<Row>), StoreError> {
        let head = self.read_head_as_of(query.as_of).await?;
        let as_of = query.as_of.unwrap_or(head.size).min(head.size);
        let rows = again(&self.pool, async |pool| fetch_rows(&pool, query, as_of).await)
            .await
            .map_err(StoreError::during("list rows"))?;
        Ok((head, rows.iter().map(row_of).collect::<Result<_, _>>()?))
    }

    pub(super) async fn read_parts(&self, places: &[PartRef]) -> Result<Vec<StoredPart>, StoreError> {
        if places.is_empty() {
            return Ok(Vec::new());
        }
        let positions: Vec<i64> = places.iter().map(|place| from_position(place.position)).collect();
        let classes: Vec<&str> = places.iter().map(|place| place.class.as_str()).collect();
        let rows =
            again(&self.pool, async |pool| sqlx::query(PARTS).bind(&positions).bind(&classes).fetch_all(&pool).await)
                .await
                .map_err(StoreError::during("read parts"))?;
        rows.iter().map(part_of).collect()
    }

    pub(super) async fn read_events(&self, query: &EventQuery) -> Result<(Head, Vec<Recorded>), StoreError> {
        let failed = StoreError::during("read events");
        let head = self.read_head_as_of(Some(query.until)).await?;
        let until = query.until.min(head.size);
        let organisation = organisation_of(&query.reach);
        let sql = match (&query.stream, organisation) {
            (Some(_), _) => EVENTS_OF_STREAM,
            (None, Some(_)) => EVENTS_OF_ORGANISATION,
            (None, None) => EVENTS,
        };
        let rows = again(&self.pool, async |pool| {
            sqlx::query(sql)
                .bind(from_position(query.from))
                .bind(from_position(until))
                .bind(i64::from(query.limit))
                .bind(query.stream.map(|stream| stream.0))
                .bind(organisation)
                .fetch_all(&pool)
                .await
        })
        .await
        .map_err(&failed)?;
        let envelopes: Vec<EventColumns> = rows.iter().map(envelope_of).collect::<Result<_, _>>()?;
        let (Some(first), Some(last)) = (envelopes.first(), envelopes.last()) else {
            return Ok((head, Vec::new()));
        };
        let (first, last) = (first.position, last.position);
        let together = i64::try_from(envelopes.len()).is_ok_and(|count| count == last - first + 1);
        let ordinals = i64::try_from(PARTS_PER_EVENT).unwrap_or(16);
        let positions: Vec<i64> = envelopes.iter().map(|envelope| envelope.position).collect();
        let rows = again(&self.pool, async |pool| {
            if together {
                sqlx::query(PARTS_BETWEEN).bind(first * ordinals).bind((last + 1) * ordinals).fetch_all(&pool).await
            } else {
                sqlx::query(PARTS_OF_POSITIONS).bind(&positions).fetch_all(&pool).await
            }
        })
        .await
        .map_err(&failed)?;
        let parts = rows
            .iter()
            .map(|row| {
                Ok(PartColumns {
                    position: row.try_get(0).map_err(&failed)?,
                    class: row.try_get(1).map_err(&failed)?,
                    bytes: row.try_get(2).map_err(&failed)?,
                })
            })
            .collect::<Result<_, StoreError>>()?;
        let covered = self.read_covered_leaves(&positions).await?;
        Ok((head, events_from(envelopes, parts, &covered)?))
    }

    pub(super) async fn read_leaves(&self, from: u64, limit: u32) -> Result<Vec<Vec<u8>>, StoreError> {
        again(&self.pool, async |pool| {
            sqlx::query_scalar(LEAVES).bind(from_position(from)).bind(i64::from(limit)).fetch_all(&pool).await
        })
        .await
        .map_err(StoreError::during("read leaves"))
    }
}

async fn fetch_rows(pool: &PgPool, query: &RowQuery, as_of: u64) -> Result<Vec<PgRow>, sqlx::Error> {
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
        .bind(i64::from(query.limit))
        .bind(kind);
    let select = match &query.path {
        RowPath::Key(key) => select.bind(key.kind.as_str()),
        _ => select,
    };
    select.fetch_all(pool).await
}

fn single_row_of(columns: &PgRow) -> Result<SingleRow, StoreError> {
    let head = head_of(columns)?;
    let found: Option<Uuid> = columns.try_get(4).map_err(StoreError::during("read a row"))?;
    Ok((head, found.map(|_| row_at(columns, 4)).transpose()?))
}

fn head_of(columns: &PgRow) -> Result<Head, StoreError> {
    let failed = StoreError::during("read the head");
    Ok(Head {
        size: to_position(columns.try_get(0).map_err(&failed)?)?,
        recorded_at: Timestamp::from_micros(columns.try_get(1).map_err(&failed)?),
        generation: generation_of(columns.try_get(2).map_err(&failed)?)?,
        frontier: None,
    })
}

pub(super) fn envelope_of(columns: &PgRow) -> Result<EventColumns, StoreError> {
    let failed = StoreError::during("read an event");
    Ok(EventColumns {
        position: columns.try_get(0).map_err(&failed)?,
        event: columns.try_get(1).map_err(&failed)?,
        stream: columns.try_get(2).map_err(&failed)?,
        version: columns.try_get(3).map_err(&failed)?,
        organisation: columns.try_get(4).map_err(&failed)?,
        recorded_at: columns.try_get(5).map_err(&failed)?,
        name: columns.try_get(6).map_err(&failed)?,
        schema: i64::from(columns.try_get::<i32, _>(7).map_err(&failed)?),
    })
}

/// Reads a part from the columns position, event, stream, version, name, class, key, bytes, salt.
pub(super) fn part_of(columns: &PgRow) -> Result<StoredPart, StoreError> {
    let failed = StoreError::during("read a part");
    let position = to_position(columns.try_get(0).map_err(&failed)?)?;
    let class: &str = columns.try_get(5).map_err(&failed)?;
    let salt: Option<&[u8]> = columns.try_get(8).map_err(&failed)?;
    Ok(StoredPart {
        position,
        event: EventId(columns.try_get(1).map_err(&failed)?),
        stream: StreamId(columns.try_get(2).map_err(&failed)?),
        version: to_position(columns.try_get(3).map_err(&failed)?)?,
        name: columns.try_get(4).map_err(&failed)?,
        class: Class::from_stored(class)
            .ok_or_else(|| StoreError::Corrupt { position, detail: "a part is of no known class".to_owned() })?,
        key: columns.try_get(6).map_err(&failed)?,
        bytes: columns.try_get(7).map_err(&failed)?,
        salt: salt.map(digest_from).transpose()?,
    })
}
