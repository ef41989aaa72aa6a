//! PostgreSQL's own limit: one UNNEST statement for each table and batch, as the store writes them.

use crate::Fallible;
use crate::raw::{
    OPEN_END, PARTS_PER_EVENT, RawRow, TEMPLATE_EVENT, TEMPLATE_FRONTIER, TEMPLATE_PARTS, TEMPLATE_ROW, Template,
};
use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{ConnectOptions, Connection};
use std::str::FromStr;

const EVENTS: &str = "INSERT INTO event (position, event_id, stream, version, organisation, organisation_counter, recorded_at, \
        name, schema_version, leaf, leaf_hash) \
    SELECT position, event_id, stream, 0, organisation, position, $5, name, schema_version, leaf, leaf_hash \
    FROM unnest($1::bigint[], $2::uuid[], $3::uuid[], $4::text[], $6::text[], $7::integer[], $8::bytea[], $9::bytea[]) \
        AS new (position, event_id, stream, organisation, name, schema_version, leaf, leaf_hash)";
const PARTS: &str = "INSERT INTO part (part_id, position, name, class, subject, key_id, salt, bytes) \
    SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::text[], $4::text[], $5::uuid[], $6::uuid[], $7::bytea[], $8::bytea[])";
const ROWS: &str = "INSERT INTO row_version (generation, id, from_position, to_position, version, organisation, kind, person, \
        status, perspective, occurred_from, occurred_until, changed_at, body) \
    SELECT $1, id, from_position, $3, 0, organisation, kind, person, status, perspective, occurred_from, occurred_until, changed_at, body \
    FROM unnest($2::uuid[], $4::bigint[], $5::text[], $6::text[], $7::uuid[], $8::text[], $9::text[], $10::bigint[], \
        $11::bigint[], $12::bigint[], $13::text[]) \
        AS new (id, from_position, organisation, kind, person, status, perspective, occurred_from, occurred_until, changed_at, body)";
const ANSWERS: &str = "INSERT INTO idempotency (digest, fingerprint, position, stream, version, recorded_at) \
    SELECT digest, fingerprint, position, stream, 0, $5 \
    FROM unnest($1::bytea[], $2::bytea[], $3::bigint[], $4::uuid[]) AS new (digest, fingerprint, position, stream)";
const MOVE_HEAD: &str = "UPDATE log_head SET size = $1, recorded_at = $2, frontier = $3 WHERE one = 1";

/// A connection that writes.
pub struct RawPostgres {
    connection: PgConnection,
    position: i64,
    recorded_at: i64,
    /// What is written.
    pub template: Template,
}

impl RawPostgres {
    /// Opens a database, with the last narrative of another one to write like.
    pub async fn open(url: &str, template_of: &str) -> Fallible<Self> {
        let connect = |url: &str| PgConnectOptions::from_str(url).map(ConnectOptions::disable_statement_logging);
        let mut other = connect(template_of)?.connect().await?;
        let event: crate::raw::TemplateEvent = sqlx::query_as(TEMPLATE_EVENT).fetch_one(&mut other).await?;
        let parts = sqlx::query_as(TEMPLATE_PARTS).bind(event.position).fetch_all(&mut other).await?;
        let row = sqlx::query_as(TEMPLATE_ROW).bind(event.stream).fetch_one(&mut other).await?;
        let frontier = sqlx::query_scalar(TEMPLATE_FRONTIER).fetch_one(&mut other).await?;
        other.close().await?;
        let mut connection = connect(url)?.connect().await?;
        let (position, recorded_at) =
            sqlx::query_as("SELECT size, recorded_at FROM log_head").fetch_one(&mut connection).await?;
        Ok(Self { connection, position, recorded_at, template: Template { event, parts, row, frontier } })
    }

    /// Writes one transaction.
    pub async fn write(&mut self, rows: &[RawRow]) -> Fallible<()> {
        let Template { event, parts, row, frontier } = &self.template;
        let count = rows.len();
        let end = self.position + i64::try_from(count)?;
        let now = self.recorded_at + end;
        let positions: Vec<i64> = (self.position..end).collect();
        let mut transaction = self.connection.begin().await?;
        sqlx::query(EVENTS)
            .bind(&positions)
            .bind(rows.iter().map(|row| row.event).collect::<Vec<_>>())
            .bind(rows.iter().map(|row| row.stream).collect::<Vec<_>>())
            .bind(vec![event.organisation.as_str(); count])
            .bind(now)
            .bind(vec![event.name.as_str(); count])
            .bind(vec![event.schema_version; count])
            .bind(vec![event.leaf.as_slice(); count])
            .bind(rows.iter().map(|row| row.leaf_hash.as_slice()).collect::<Vec<_>>())
            .execute(&mut *transaction)
            .await?;
        let placed: Vec<_> = positions
            .iter()
            .zip(rows)
            .flat_map(|(position, row)| (0..).zip(parts).map(move |(ordinal, part)| (*position, ordinal, row, part)))
            .collect();
        sqlx::query(PARTS)
            .bind(placed.iter().map(|(position, ordinal, ..)| position * PARTS_PER_EVENT + ordinal).collect::<Vec<_>>())
            .bind(placed.iter().map(|(position, ..)| *position).collect::<Vec<_>>())
            .bind(placed.iter().map(|(.., part)| part.name.as_str()).collect::<Vec<_>>())
            .bind(placed.iter().map(|(.., part)| part.class.as_str()).collect::<Vec<_>>())
            .bind(placed.iter().map(|(.., row, part)| part.subject.map(|_| row.person)).collect::<Vec<_>>())
            .bind(placed.iter().map(|(.., part)| part.key_id).collect::<Vec<_>>())
            .bind(placed.iter().map(|(.., part)| part.salt.as_deref()).collect::<Vec<_>>())
            .bind(placed.iter().map(|(.., part)| part.bytes.as_slice()).collect::<Vec<_>>())
            .execute(&mut *transaction)
            .await?;
        sqlx::query(ROWS)
            .bind(row.generation)
            .bind(rows.iter().map(|row| row.stream).collect::<Vec<_>>())
            .bind(OPEN_END)
            .bind(&positions)
            .bind(vec![event.organisation.as_str(); count])
            .bind(vec![row.kind.as_str(); count])
            .bind(rows.iter().map(|raw| row.person.map(|_| raw.person)).collect::<Vec<_>>())
            .bind(vec![row.status.as_deref(); count])
            .bind(vec![row.perspective.as_deref(); count])
            .bind(vec![row.occurred_from; count])
            .bind(vec![row.occurred_until; count])
            .bind(vec![row.changed_at; count])
            .bind(vec![row.body.as_str(); count])
            .execute(&mut *transaction)
            .await?;
        sqlx::query(ANSWERS)
            .bind(rows.iter().map(|row| row.digest.as_slice()).collect::<Vec<_>>())
            .bind(rows.iter().map(|row| row.fingerprint.as_slice()).collect::<Vec<_>>())
            .bind(&positions)
            .bind(rows.iter().map(|row| row.stream).collect::<Vec<_>>())
            .bind(now)
            .execute(&mut *transaction)
            .await?;
        sqlx::query(MOVE_HEAD).bind(end).bind(now).bind(frontier).execute(&mut *transaction).await?;
        transaction.commit().await?;
        self.position = end;
        Ok(())
    }
}
