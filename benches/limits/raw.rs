//! The database's own limit: one connection writes the same rows and bytes as the service writes for such a recording,
//! in batches, without HTTP, planning or sealing. Same schema, indexes and triggers: the store's own migrations made it.
//!
//! The widths are read back from a recording that the service wrote; only what must differ (ids, digests, positions) does.

use crate::Fallible;
use crate::machine::{family_cpu_seconds, micros, own_cpu_seconds, quantile};
use crate::place::{Backend, Place};
use crate::raw_postgres::RawPostgres;
use crate::raw_sqlite::RawSqlite;
use sqlx::FromRow;
use std::time::{Duration, Instant};
use uuid::Uuid;

/// Parts of an event are numbered `position * 16 + ordinal`.
pub const PARTS_PER_EVENT: i64 = 16;
/// The position after every position.
pub const OPEN_END: i64 = i64::MAX;

/// A part as the service wrote it.
#[derive(Debug, Clone, FromRow)]
pub struct TemplatePart {
    pub name: String,
    pub class: String,
    pub subject: Option<Uuid>,
    pub key_id: Option<Uuid>,
    pub salt: Option<Vec<u8>>,
    pub bytes: Vec<u8>,
}

/// An event as the service wrote it.
#[derive(Debug, Clone, FromRow)]
pub struct TemplateEvent {
    pub position: i64,
    pub stream: Uuid,
    pub organisation: String,
    pub name: String,
    pub schema_version: i32,
    pub leaf: Vec<u8>,
}

/// A row as the service wrote it.
#[derive(Debug, Clone, FromRow)]
pub struct TemplateRow {
    pub generation: i32,
    pub kind: String,
    pub person: Option<Uuid>,
    pub status: Option<String>,
    pub perspective: Option<String>,
    pub occurred_from: i64,
    pub occurred_until: i64,
    pub changed_at: i64,
    pub body: String,
}

/// Everything that the service wrote for one recording.
#[derive(Debug, Clone)]
pub struct Template {
    pub event: TemplateEvent,
    pub parts: Vec<TemplatePart>,
    pub row: TemplateRow,
    pub frontier: Vec<u8>,
}

/// The statements that read a template back: event, parts, row and edge of the tree.
pub const TEMPLATE_EVENT: &str = "SELECT position, stream, organisation, name, schema_version, leaf FROM event \
    WHERE name = 'NarrativeRecorded' ORDER BY position DESC LIMIT 1";
pub const TEMPLATE_PARTS: &str =
    "SELECT name, class, subject, key_id, salt, bytes FROM part WHERE position = $1 ORDER BY part_id";
pub const TEMPLATE_ROW: &str = "SELECT generation, kind, person, status, perspective, occurred_from, occurred_until, changed_at, \
    body FROM row_version WHERE id = $1 ORDER BY from_position DESC LIMIT 1";
pub const TEMPLATE_FRONTIER: &str = "SELECT frontier FROM log_head";

impl Template {
    /// Bytes of one recording's own content: leaf, parts and row.
    pub fn bytes(&self) -> usize {
        self.event.leaf.len() + self.row.body.len() + self.parts.iter().map(|part| part.bytes.len()).sum::<usize>()
    }
}

/// What differs between two recordings.
#[derive(Debug, Clone)]
pub struct RawRow {
    pub event: Uuid,
    pub stream: Uuid,
    pub person: Uuid,
    pub digest: [u8; 32],
    pub fingerprint: [u8; 32],
    pub leaf_hash: [u8; 32],
}

fn rows(count: usize) -> Vec<RawRow> {
    // As many people as the service's pool has.
    let people: Vec<Uuid> = (0..crate::PEOPLE).map(|_| Uuid::new_v4()).collect();
    (0..count)
        .map(|number| RawRow {
            event: Uuid::now_v7(),
            stream: Uuid::new_v4(),
            person: people[number * 7919 % people.len()],
            digest: rand::random(),
            fingerprint: rand::random(),
            leaf_hash: rand::random(),
        })
        .collect()
}

/// A database for raw writing.
pub enum Raw {
    Sqlite(RawSqlite),
    Postgres(RawPostgres),
}

/// What a raw run measured.
#[derive(Debug, Clone, Default)]
pub struct RawRun {
    /// Rows a second.
    pub rate: f64,
    /// The median time of a transaction in microseconds.
    pub p50: f64,
    /// CPU microseconds a row of whoever writes.
    pub client_cpu: f64,
    /// CPU microseconds a row of PostgreSQL.
    pub database_cpu: f64,
}

impl Raw {
    /// Opens a fresh place for raw writing of recordings like the last narrative of another place.
    pub async fn open(place: &Place, template_of: &Place) -> Fallible<Self> {
        Ok(match place.backend {
            Backend::Sqlite => Self::Sqlite(RawSqlite::open(&place.database, &template_of.database).await?),
            Backend::Postgres => Self::Postgres(RawPostgres::open(&place.database, &template_of.database).await?),
        })
    }

    /// What is written.
    pub fn template(&self) -> &Template {
        match self {
            Self::Sqlite(raw) => &raw.template,
            Self::Postgres(raw) => &raw.template,
        }
    }

    /// Writes transactions of `batch` recordings for some time.
    pub async fn run(&mut self, batch: usize, time: Duration, postmaster: Option<u32>) -> Fallible<RawRun> {
        // Made before the clock runs, and more than any database here writes in the time.
        let rows = rows(usize::try_from(60 * time.as_millis())? + batch * 8);
        let mut chunks = rows.chunks_exact(batch);
        for chunk in chunks.by_ref().take(4) {
            self.write(chunk).await?;
        }
        let mut latencies = Vec::new();
        let before = (own_cpu_seconds(), postmaster.map_or(0.0, family_cpu_seconds));
        let started = Instant::now();
        for chunk in chunks {
            let began = Instant::now();
            self.write(chunk).await?;
            latencies.push(micros(began.elapsed()));
            if started.elapsed() >= time {
                break;
            }
        }
        let elapsed = started.elapsed().as_secs_f64();
        let after = (own_cpu_seconds(), postmaster.map_or(0.0, family_cpu_seconds));
        let count = (latencies.len() * batch) as f64;
        Ok(RawRun {
            rate: count / elapsed,
            p50: quantile(&mut latencies, 0.5),
            client_cpu: (after.0 - before.0) * 1e6 / count,
            database_cpu: (after.1 - before.1) * 1e6 / count,
        })
    }

    async fn write(&mut self, rows: &[RawRow]) -> Fallible<()> {
        match self {
            Self::Sqlite(raw) => raw.write(rows).await,
            Self::Postgres(raw) => raw.write(rows).await,
        }
    }
}
