//! Writing: everything that one transaction adds, in one statement, and the rows of a generation that is being built.

use crate::domain::ids::StreamId;
use crate::ledger::Frontier;
use crate::projections::{Row, RowKey};
use crate::store::plan::Plan;
use crate::store::postgres::append::generation_to;
use crate::store::postgres::follow::CHANNEL;
use crate::store::stored::{body_of, from_position};
use crate::store::{OPEN_END, PARTS_PER_EVENT, StoreError};
use sqlx::Postgres;
use sqlx::postgres::{PgArguments, PgConnection};
use sqlx::query::Query;

/// Rows that end, rows that begin, and the keys that find them: parameters 1 to 22, bound by [`bind_rows`].
macro_rules! rows_sql {
    () => {
        "WITH ended AS (UPDATE row_version SET to_position = ($3::bigint[])[array_position($2::uuid[], id)] \
            WHERE id = ANY($2::uuid[]) AND generation + 0 = $1 AND to_position = 9223372036854775807), \
        new_row AS (INSERT INTO row_version (generation, id, from_position, to_position, version, organisation, kind, \
                person, outcome, status, perspective, occurred_from, occurred_until, changed_at, body) \
            SELECT $1, new.* FROM unnest($4::uuid[], $5::bigint[], $6::bigint[], $7::bigint[], $8::text[], $9::text[], \
                $10::uuid[], $11::uuid[], $12::text[], $13::text[], $14::bigint[], $15::bigint[], $16::bigint[], \
                $17::text[]) AS new), \
        new_key AS (INSERT INTO row_key (organisation, kind, value, generation, from_position, id) \
            SELECT organisation, kind, value, $1, from_position, id \
            FROM unnest($18::text[], $19::text[], $20::text[], $21::bigint[], $22::uuid[]) \
                AS new (organisation, kind, value, from_position, id))"
    };
}
const REBUILT: &str = concat!(rows_sql!(), " SELECT 1");
// All see the tables as they were before the statement, which is what the plan saw; only the head's own triggers look for
// the last event, so the head waits for the events to be there.
const WRITE: &str = concat!(
    rows_sql!(),
    ", new_event AS (INSERT INTO event (position, event_id, stream, version, organisation, organisation_counter, \
            recorded_at, name, schema_version, leaf, leaf_hash) \
        SELECT position, event_id, stream, version, organisation, counter, $23, name, schema_version, leaf, leaf_hash \
        FROM unnest($24::bigint[], $25::uuid[], $26::uuid[], $27::bigint[], $28::text[], $29::bigint[], $30::text[], \
            $31::integer[], $32::bytea[], $33::bytea[]) \
            AS new (position, event_id, stream, version, organisation, counter, name, schema_version, leaf, leaf_hash) \
        RETURNING position), \
    new_part AS (INSERT INTO part (part_id, position, name, class, subject, key_id, salt, bytes) \
        SELECT * FROM unnest($34::bigint[], $35::bigint[], $36::text[], $37::text[], $38::uuid[], $39::uuid[], $40::bytea[], \
            $41::bytea[])), \
    new_answer AS (INSERT INTO idempotency (digest, fingerprint, position, stream, version, recorded_at) \
        SELECT digest, fingerprint, position, stream, version, $23 \
        FROM unnest($42::bytea[], $43::bytea[], $44::bigint[], $45::uuid[], $46::bigint[]) \
            AS new (digest, fingerprint, position, stream, version)), \
    new_subtree AS (INSERT INTO log_subtree (tile_level, tree_index, hash) \
        SELECT * FROM unnest($47::integer[], $48::bigint[], $49::bytea[])), \
    there AS (SELECT count(*) AS events FROM new_event), \
    told AS (SELECT pg_notify($53, $54)) \
    UPDATE log_head SET size = $50, recorded_at = $51, frontier = $52 FROM there, told \
        WHERE one = 1 AND there.events = cardinality($24::bigint[])"
);

type Statement = Query<'static, Postgres, PgArguments>;

/// Writes a plan.
pub(super) async fn write(connection: &mut PgConnection, plan: &Plan<'_>) -> Result<(), StoreError> {
    let statement = bind_rows(sqlx::query(WRITE), plan.head.generation, &plan.rows, &plan.closed)?;
    let statement = bind_events(statement, plan);
    let statement = bind_answers(bind_parts(statement, plan), plan);
    let moved = statement
        .bind(plan.subtrees.iter().map(|subtree| i32::from(subtree.tile_level)).collect::<Vec<_>>())
        .bind(plan.subtrees.iter().map(|subtree| from_position(subtree.index)).collect::<Vec<_>>())
        .bind(plan.subtrees.iter().map(|subtree| subtree.hash.as_bytes().as_slice()).collect::<Vec<_>>())
        .bind(from_position(plan.head.size))
        .bind(plan.head.recorded_at.micros())
        .bind(plan.head.frontier.as_ref().map(Frontier::to_bytes).unwrap_or_default())
        .bind(CHANNEL)
        .bind(plan.head.size.to_string())
        .execute(connection)
        .await
        .map_err(StoreError::during("write events"))?;
    if moved.rows_affected() == 1 {
        return Ok(());
    }
    Err(StoreError::Corrupt { position: plan.head.size, detail: "the log has no head".to_owned() })
}

/// Writes rows of a generation that is being built.
pub(super) async fn write_rebuilt(
    connection: &mut PgConnection,
    generation: u32,
    rows: &[(Row, u64)],
    closed: &[(StreamId, u64)],
) -> Result<(), StoreError> {
    let statement = bind_rows(sqlx::query(REBUILT), generation, rows, closed)?;
    statement.execute(connection).await.map_err(StoreError::during("write rebuilt rows"))?;
    Ok(())
}

/// Parameters 1 to 22.
fn bind_rows(
    statement: Statement,
    generation: u32,
    rows: &[(Row, u64)],
    closed: &[(StreamId, u64)],
) -> Result<Statement, StoreError> {
    let bodies: Vec<String> = rows.iter().map(|(row, _)| body_of(row)).collect::<Result<_, _>>()?;
    let end = |end: u64| if end >= OPEN_END { i64::MAX } else { from_position(end) };
    let keys: Vec<(&Row, RowKey)> =
        rows.iter().flat_map(|(row, _)| row.keys().into_iter().map(move |key| (row, key))).collect();
    Ok(statement
        .bind(generation_to(generation))
        .bind(closed.iter().map(|(id, _)| id.0).collect::<Vec<_>>())
        .bind(closed.iter().map(|(_, end)| from_position(*end)).collect::<Vec<_>>())
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
        .bind(keys.iter().map(|(row, _)| row.organisation.as_str()).collect::<Vec<_>>())
        .bind(keys.iter().map(|(_, key)| key.kind.as_str()).collect::<Vec<_>>())
        .bind(keys.iter().map(|(_, key)| key.value.as_str()).collect::<Vec<_>>())
        .bind(keys.iter().map(|(row, _)| from_position(row.from_position)).collect::<Vec<_>>())
        .bind(keys.iter().map(|(row, _)| row.id.0).collect::<Vec<_>>()))
}

/// Parameters 23 to 33.
fn bind_events(statement: Statement, plan: &Plan<'_>) -> Statement {
    let events = &plan.events;
    let schema = |schema: u32| i32::try_from(schema).unwrap_or(i32::MAX);
    statement
        .bind(plan.recorded_at.micros())
        .bind(events.iter().map(|event| from_position(event.position)).collect::<Vec<_>>())
        .bind(events.iter().map(|event| event.item.event.id.0).collect::<Vec<_>>())
        .bind(events.iter().map(|event| event.item.stream.0).collect::<Vec<_>>())
        .bind(events.iter().map(|event| from_position(event.version)).collect::<Vec<_>>())
        .bind(events.iter().map(|event| event.item.organisation.as_str()).collect::<Vec<_>>())
        .bind(events.iter().map(|event| from_position(event.organisation_counter)).collect::<Vec<_>>())
        .bind(events.iter().map(|event| event.item.event.facts.name()).collect::<Vec<_>>())
        .bind(events.iter().map(|event| schema(event.item.event.facts.schema())).collect::<Vec<_>>())
        .bind(events.iter().map(|event| event.leaf.as_slice()).collect::<Vec<_>>())
        .bind(events.iter().map(|event| event.leaf_hash.as_bytes().as_slice()).collect::<Vec<_>>())
}

/// Parameters 34 to 41.
fn bind_parts(statement: Statement, plan: &Plan<'_>) -> Statement {
    let numbered = |event| {
        Plan::parts(event).map(move |(ordinal, part)| (event.position * PARTS_PER_EVENT + ordinal, event, part))
    };
    let parts: Vec<_> = plan.events.iter().flat_map(numbered).collect();
    statement
        .bind(parts.iter().map(|(id, ..)| from_position(*id)).collect::<Vec<_>>())
        .bind(parts.iter().map(|(_, event, _)| from_position(event.position)).collect::<Vec<_>>())
        .bind(parts.iter().map(|(.., part)| part.name.as_str()).collect::<Vec<_>>())
        .bind(parts.iter().map(|(.., part)| part.class.as_str()).collect::<Vec<_>>())
        .bind(parts.iter().map(|(.., part)| part.subject.map(|subject| subject.0)).collect::<Vec<_>>())
        .bind(parts.iter().map(|(.., part)| part.key).collect::<Vec<_>>())
        .bind(parts.iter().map(|(.., part)| part.salt.as_ref().map(<[u8; 32]>::as_slice)).collect::<Vec<_>>())
        .bind(parts.iter().map(|(.., part)| part.bytes.as_slice()).collect::<Vec<_>>())
}

/// Parameters 42 to 46.
fn bind_answers(statement: Statement, plan: &Plan<'_>) -> Statement {
    let answers: Vec<_> = plan.events.iter().filter_map(|event| event.item.key.map(|key| (key, event))).collect();
    statement
        .bind(answers.iter().map(|(key, _)| key.digest.as_slice()).collect::<Vec<_>>())
        .bind(answers.iter().map(|(key, _)| key.fingerprint.as_slice()).collect::<Vec<_>>())
        .bind(answers.iter().map(|(_, event)| from_position(event.position)).collect::<Vec<_>>())
        .bind(answers.iter().map(|(_, event)| event.item.stream.0).collect::<Vec<_>>())
        .bind(answers.iter().map(|(_, event)| from_position(event.version)).collect::<Vec<_>>())
}
