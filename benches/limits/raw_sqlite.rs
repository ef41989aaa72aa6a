//! SQLite's own limit: multi-row VALUES, through the same driver with the same settings of the database.

use crate::Fallible;
use crate::raw::{
    OPEN_END, PARTS_PER_EVENT, RawRow, TEMPLATE_EVENT, TEMPLATE_FRONTIER, TEMPLATE_PARTS, TEMPLATE_ROW, Template,
};
use sqlx::sqlite::{SqliteArguments, SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqliteSynchronous};
use sqlx::{Arguments, AssertSqlSafe, ConnectOptions, Connection, Sqlite};
use std::str::FromStr;

/// Rows of one statement at most.
const CHUNK: usize = 64;

/// A connection that writes.
pub struct RawSqlite {
    connection: SqliteConnection,
    position: i64,
    recorded_at: i64,
    /// What is written.
    pub template: Template,
}

/// The settings of a connection that writes, as the store has them.
fn options(url: &str) -> Fallible<SqliteConnectOptions> {
    Ok(SqliteConnectOptions::from_str(url)?
        .foreign_keys(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .statement_cache_capacity(200)
        .pragma("secure_delete", "ON")
        .pragma("cell_size_check", "ON")
        .pragma("cache_size", "-49152")
        .pragma("wal_autocheckpoint", "8000")
        .disable_statement_logging())
}

impl RawSqlite {
    /// Opens a database, with the last narrative of another one to write like.
    pub async fn open(url: &str, template_of: &str) -> Fallible<Self> {
        let mut other = options(template_of)?.connect().await?;
        let event: crate::raw::TemplateEvent = sqlx::query_as(TEMPLATE_EVENT).fetch_one(&mut other).await?;
        let parts = sqlx::query_as(TEMPLATE_PARTS).bind(event.position).fetch_all(&mut other).await?;
        let row = sqlx::query_as(TEMPLATE_ROW).bind(event.stream).fetch_one(&mut other).await?;
        let frontier = sqlx::query_scalar(TEMPLATE_FRONTIER).fetch_one(&mut other).await?;
        other.close().await?;
        let mut connection = options(url)?.connect().await?;
        let (position, recorded_at) =
            sqlx::query_as("SELECT size, recorded_at FROM log_head").fetch_one(&mut connection).await?;
        Ok(Self { connection, position, recorded_at, template: Template { event, parts, row, frontier } })
    }

    /// Writes one transaction.
    pub async fn write(&mut self, rows: &[RawRow]) -> Fallible<()> {
        let Template { event, parts, row, frontier } = &self.template;
        let end = self.position + i64::try_from(rows.len())?;
        let now = self.recorded_at + end;
        let placed: Vec<(i64, &RawRow)> = (self.position..end).zip(rows).collect();
        let mut transaction = self.connection.begin_with("BEGIN IMMEDIATE").await?;
        insert(
            &mut transaction,
            "event (position, event_id, stream, version, organisation, organisation_counter, recorded_at, name, schema_version, leaf, leaf_hash)",
            11,
            &placed,
            |values, (position, raw)| {
                values.add(*position)?;
                values.add(raw.event)?;
                values.add(raw.stream)?;
                values.add(0i64)?;
                values.add(event.organisation.clone())?;
                values.add(*position)?;
                values.add(now)?;
                values.add(event.name.clone())?;
                values.add(event.schema_version)?;
                values.add(event.leaf.clone())?;
                values.add(raw.leaf_hash.to_vec())
            },
        )
        .await?;
        let all: Vec<_> = placed
            .iter()
            .flat_map(|(position, raw)| {
                (0i64..).zip(parts).map(move |(ordinal, part)| (*position, ordinal, *raw, part))
            })
            .collect();
        insert(
            &mut transaction,
            "part (part_id, position, name, class, subject, key_id, salt, bytes)",
            8,
            &all,
            |values, at| {
                let (position, ordinal, raw, part) = at;
                values.add(position * PARTS_PER_EVENT + ordinal)?;
                values.add(*position)?;
                values.add(part.name.clone())?;
                values.add(part.class.clone())?;
                values.add(part.subject.map(|_| raw.person))?;
                values.add(part.key_id)?;
                values.add(part.salt.clone())?;
                values.add(part.bytes.clone())
            },
        )
        .await?;
        insert(
            &mut transaction,
            "row_version (generation, id, from_position, to_position, version, organisation, kind, person, status, perspective, \
             occurred_from, occurred_until, changed_at, body)",
            14,
            &placed,
            |values, (position, raw)| {
                values.add(row.generation)?;
                values.add(raw.stream)?;
                values.add(*position)?;
                values.add(OPEN_END)?;
                values.add(0i64)?;
                values.add(event.organisation.clone())?;
                values.add(row.kind.clone())?;
                values.add(row.person.map(|_| raw.person))?;
                values.add(row.status.clone())?;
                values.add(row.perspective.clone())?;
                values.add(row.occurred_from)?;
                values.add(row.occurred_until)?;
                values.add(row.changed_at)?;
                values.add(row.body.clone())
            },
        )
        .await?;
        let table = "idempotency (digest, fingerprint, position, stream, version, recorded_at)";
        insert(&mut transaction, table, 6, &placed, |values, (position, raw)| {
            values.add(raw.digest.to_vec())?;
            values.add(raw.fingerprint.to_vec())?;
            values.add(*position)?;
            values.add(raw.stream)?;
            values.add(0i64)?;
            values.add(now)
        })
        .await?;
        sqlx::query("UPDATE log_head SET size = ?1, recorded_at = ?2, frontier = ?3 WHERE one = 1")
            .bind(end)
            .bind(now)
            .bind(frontier)
            .execute(&mut *transaction)
            .await?;
        transaction.commit().await?;
        self.position = end;
        Ok(())
    }
}

type Bound = Result<(), sqlx::error::BoxDynError>;

async fn insert<T>(
    connection: &mut SqliteConnection,
    table: &str,
    columns: usize,
    rows: &[T],
    bind: impl Fn(&mut SqliteArguments, &T) -> Bound,
) -> Fallible<()> {
    for chunk in rows.chunks(CHUNK) {
        let row = format!("({})", vec!["?"; columns].join(", "));
        let sql = format!("INSERT INTO {table} VALUES {}", vec![row.as_str(); chunk.len()].join(", "));
        let mut values = SqliteArguments::default();
        for row in chunk {
            bind(&mut values, row)?;
        }
        sqlx::query_with::<Sqlite, _>(AssertSqlSafe(sql), values).execute(&mut *connection).await?;
    }
    Ok(())
}
