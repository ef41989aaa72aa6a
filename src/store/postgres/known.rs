//! What an append must know before it is planned, in one statement.

use crate::domain::ids::{OrganisationCode, StreamId};
use crate::domain::time::Timestamp;
use crate::projections::{Row, RowKey};
use crate::store::plan::{Known, Wanted};
use crate::store::postgres::append::generation_to;
use crate::store::stored::{digest_from, row_from, to_position};
use crate::store::{KeptAnswer, StoreError};
use sqlx::Postgres;
use sqlx::Row as _;
use sqlx::postgres::{PgArguments, PgConnection, PgRow};
use sqlx::query::Query;
use uuid::Uuid;

const KEPT_ANSWERS: &str =
    "SELECT digest, fingerprint, position, stream, version, recorded_at FROM idempotency WHERE digest = ANY($1)";
/// Where a kept answer's columns stand there: digest, fingerprint, position, stream, version, recorded_at.
const ANSWER_ALONE: [usize; 6] = [0, 1, 2, 3, 4, 5];

// Four questions with one answer each, told apart by the first column: current rows, answers under idempotency keys, the
// organisations' next counters, and who holds keys.
//
// `generation + 0`: nearly all rows have the same one, so an index must not be chosen for it. In an empty database every index
// looks as good as the next. The holders are looked for by the whole key one by one, in this order and no other:
// `OFFSET 0` keeps the planner from turning it round.
const READ: &str = "SELECT 1 AS what, id, organisation, from_position AS first, version AS second, body AS text, NULL::text AS kind, \
        NULL::bytea AS digest, NULL::bytea AS fingerprint, NULL::bigint AS instant \
    FROM row_version WHERE id = ANY($1::uuid[]) AND generation + 0 = $2 AND to_position = 9223372036854775807 \
    UNION ALL SELECT 2, stream, NULL, position, version, NULL, NULL, digest, fingerprint, recorded_at \
    FROM idempotency WHERE digest = ANY($3::bytea[]) \
    UNION ALL SELECT 3, NULL, wanted.code, last.organisation_counter + 1, NULL, NULL, NULL, NULL, NULL, NULL \
    FROM unnest($4::text[]) AS wanted (code) \
    CROSS JOIN LATERAL (SELECT organisation_counter FROM event WHERE organisation = wanted.code \
        ORDER BY organisation DESC, position DESC LIMIT 1) AS last \
    UNION ALL SELECT 4, held.id, held.organisation, NULL, NULL, held.value, held.kind, NULL, NULL, NULL \
    FROM unnest($5::text[], $6::text[], $7::text[]) AS wanted (organisation, kind, value) \
    CROSS JOIN LATERAL (SELECT k.organisation, k.kind, k.value, k.id FROM row_key AS k \
        WHERE k.organisation = wanted.organisation AND k.kind = wanted.kind AND k.value = wanted.value AND k.generation = $2 \
            AND (SELECT r.to_position FROM row_version AS r \
                WHERE r.id = k.id AND r.generation + 0 = k.generation AND r.from_position = k.from_position) = 9223372036854775807 \
        OFFSET 0) AS held";
const ROW: i32 = 1;
const ANSWER: i32 = 2;
const COUNTER: i32 = 3;
/// Where a kept answer's columns stand there.
const ANSWER_AMONG_OTHERS: [usize; 6] = [7, 8, 3, 1, 4, 9];

/// Reads what is wanted, after the head was locked.
pub(super) async fn read_known(
    connection: &mut PgConnection,
    wanted: &Wanted,
    generation: u32,
) -> Result<Known, StoreError> {
    let failed = StoreError::during("read for an append");
    let keys = &wanted.keys;
    let rows = sqlx::query(READ)
        .bind(wanted.streams.iter().map(|stream| stream.0).collect::<Vec<_>>())
        .bind(generation_to(generation))
        .bind(wanted.digests.iter().map(<[u8; 32]>::as_slice).collect::<Vec<_>>())
        .bind(wanted.organisations.iter().map(OrganisationCode::as_str).collect::<Vec<_>>())
        .bind(keys.iter().map(|(organisation, _)| organisation.as_str()).collect::<Vec<_>>())
        .bind(keys.iter().map(|(_, key)| key.kind.as_str()).collect::<Vec<_>>())
        .bind(keys.iter().map(|(_, key)| key.value.as_str()).collect::<Vec<_>>())
        .fetch_all(connection)
        .await
        .map_err(&failed)?;
    let mut known = Known::default();
    for columns in &rows {
        match columns.try_get(0).map_err(&failed)? {
            ROW => {
                let row = row_at(columns, 1)?;
                known.rows.insert(row.id, row);
            }
            ANSWER => {
                let (digest, kept) = kept_answer_at(columns, ANSWER_AMONG_OTHERS)?;
                known.answers.insert(digest, kept);
            }
            COUNTER => {
                let code: &str = columns.try_get(2).map_err(&failed)?;
                if let Some(organisation) = wanted.organisations.iter().find(|known| known.as_str() == code) {
                    known.counters.insert(organisation.clone(), to_position(columns.try_get(3).map_err(&failed)?)?);
                }
            }
            _ => {
                let (id, key) = holder_of(columns, keys)?;
                known.holders.extend(key.map(|key| (key, id)));
            }
        }
    }
    Ok(known)
}

/// Who holds a key, and which of those that were looked for.
fn holder_of(
    columns: &PgRow,
    keys: &[(OrganisationCode, RowKey)],
) -> Result<(StreamId, Option<(OrganisationCode, RowKey)>), StoreError> {
    let failed = StoreError::during("read keys");
    let id: Uuid = columns.try_get(1).map_err(&failed)?;
    let organisation: &str = columns.try_get(2).map_err(&failed)?;
    let value: &str = columns.try_get(5).map_err(&failed)?;
    let kind: &str = columns.try_get(6).map_err(&failed)?;
    let is_it = |(owner, key): &&(OrganisationCode, RowKey)| {
        owner.as_str() == organisation && key.kind.as_str() == kind && key.value == value
    };
    Ok((StreamId(id), keys.iter().find(is_it).cloned()))
}

/// The statement that asks for what was answered under keys.
pub(super) fn select_kept_answers(digests: &[[u8; 32]]) -> Query<'static, Postgres, PgArguments> {
    sqlx::query(KEPT_ANSWERS).bind(digests.iter().map(<[u8; 32]>::as_slice).collect::<Vec<_>>())
}

/// A kept answer with its digest.
pub(super) fn kept_answer_of(row: &PgRow) -> Result<([u8; 32], KeptAnswer), StoreError> {
    kept_answer_at(row, ANSWER_ALONE)
}

fn kept_answer_at(row: &PgRow, columns: [usize; 6]) -> Result<([u8; 32], KeptAnswer), StoreError> {
    let failed = StoreError::during("read idempotency keys");
    let [digest, fingerprint, position, stream, version, recorded_at] = columns;
    let kept = KeptAnswer {
        fingerprint: digest_from(row.try_get(fingerprint).map_err(&failed)?)?,
        position: to_position(row.try_get(position).map_err(&failed)?)?,
        stream: StreamId(row.try_get(stream).map_err(&failed)?),
        version: to_position(row.try_get(version).map_err(&failed)?)?,
        recorded_at: Timestamp::from_micros(row.try_get(recorded_at).map_err(&failed)?),
    };
    Ok((digest_from(row.try_get(digest).map_err(&failed)?)?, kept))
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
