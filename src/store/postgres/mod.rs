//! The PostgreSQL store. Several service processes on one database are normal: the one row of `log_head` serialises
//! their appends, and a notification wakes those that follow the log.

mod accesses;
mod append;
mod archive;
mod attestation;
mod check;
mod clients;
mod follow;
mod history;
mod known;
mod lawful;
mod read;
mod rebuild;
#[cfg(test)]
mod service_test;
mod tree;
mod write;

use crate::domain::event::{PartRef, Recorded};
use crate::domain::ids::StreamId;
use crate::domain::time::Timestamp;
use crate::ledger::Hash;
use crate::patience::{CLOSING, prove_alive, within};
use crate::projections::Row;
use crate::store::{
    AccessStore as _, Appended, Client, EventQuery, Group, Head, KeptAnswer, KeptCheckpoint, Reach, Rejection,
    RowQuery, RowWanted, SingleRow, Store, StoreError, StoredPart, raise,
};
use async_trait::async_trait;
use sqlx::migrate::Migrator;
use sqlx::postgres::{PgConnectOptions, PgPool, PgPoolOptions};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection};
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::JoinHandle;

static MIGRATIONS: Migrator = sqlx::migrate!("migrations/postgres");

/// How long a caller waits for a connection before the database counts as unavailable.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a read may take. PostgreSQL's own limit on statements is no use against a server that is frozen.
const READ_LIMIT: Duration = Duration::from_secs(10);
/// How long an append may take before it commits, and then again its commit; waiting for the head's lock is within it.
const APPEND_LIMIT: Duration = Duration::from_secs(15);

/// Every statement of the service is made for an index, so its plan must not depend on statistics: those of a young
/// database say that its tables are small, and a plan made then reads all of them for each recording until the next
/// ANALYZE. Measured on such a database: 8.6 ms of PostgreSQL's CPU for a read that takes 0.1 ms by index. Generic plans
/// spare planning each time; compiling a statement takes longer than any of them runs.
const PLANNING: [(&str, &str); 6] = [
    ("plan_cache_mode", "force_generic_plan"),
    ("enable_seqscan", "off"),
    ("enable_bitmapscan", "off"),
    ("enable_hashjoin", "off"),
    ("enable_mergejoin", "off"),
    ("jit", "off"),
];

/// An append holds the lock on the head, and with it every process that appends. One that hangs or vanishes in the middle
/// must free it, and those that wait for it must be answered. Queues are no reason to wait long: a batch takes
/// milliseconds. What a lost network leaves open is found by the server's own probes.
const PATIENCE: [(&str, &str); 5] = [
    ("lock_timeout", "5s"),
    ("idle_in_transaction_session_timeout", "30s"),
    ("tcp_keepalives_idle", "30"),
    ("tcp_keepalives_interval", "10"),
    ("tcp_keepalives_count", "3"),
];

/// Reading under the head's lock needs a fresh look by each statement, whatever the database's default is.
const BEGIN: &str = "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE";

/// What the service's role may do; it owns nothing.
const GRANTS: &str = "\
    GRANT USAGE ON SCHEMA public TO {role}; \
    GRANT SELECT, INSERT ON event, log_subtree, idempotency, checkpoint, access, access_subtree, cosignature, \
    statement, erasure_cover, key_destruction TO {role}; \
    GRANT UPDATE (done_at) ON key_destruction TO {role}; \
    GRANT SELECT, INSERT, DELETE ON part TO {role}; \
    GRANT UPDATE (key_id, bytes) ON part TO {role}; \
    GRANT SELECT, UPDATE ON log_head, access_head TO {role}; \
    GRANT SELECT, INSERT, UPDATE, DELETE ON row_version, row_key, client, used_assertion TO {role}; \
    GRANT SELECT ON _sqlx_migrations TO {role}";

/// The PostgreSQL store.
pub struct PgStore {
    pool: PgPool,
    /// The writer's own connection, so that readers never make an append wait for one.
    writing: PgPool,
    /// The same for accesses.
    writing_accesses: PgPool,
    size: Arc<watch::Sender<u64>>,
    /// The size of the log of accesses.
    accesses: watch::Sender<u64>,
    listener: JoinHandle<()>,
}

impl PgStore {
    /// Opens a database that `cairn migrate` has prepared.
    ///
    /// # Errors
    /// [`StoreError::NotReady`] where the tables are missing or of another version, else as the database says.
    pub async fn open(url: &str, connections: u32) -> Result<Self, StoreError> {
        let options = options(url)?.options(PATIENCE);
        let pool = |connections| {
            PgPoolOptions::new()
                .max_connections(connections)
                .acquire_timeout(ACQUIRE_TIMEOUT)
                // A connection that died is found by its next statement; asking each time costs a quarter of all reads.
                .test_before_acquire(false)
                .after_release(|connection, _| Box::pin(prove_alive(connection.ping())))
        };
        let reading =
            pool(connections.max(2)).connect_with(options.clone()).await.map_err(StoreError::during("connect"))?;
        check_migrations(&reading).await?;
        let writing = pool(1).connect_with(options.clone()).await.map_err(StoreError::during("connect"))?;
        let writing_accesses = pool(1).connect_with(options).await.map_err(StoreError::during("connect"))?;
        let size = Arc::new(watch::Sender::new(0));
        let listener = follow::listen(reading.clone(), Arc::clone(&size));
        let accesses = watch::Sender::new(0);
        let store = Self { pool: reading, writing, writing_accesses, size, accesses, listener };
        match store.read_head().await {
            // The listener may know of a later one already.
            Ok(head) => raise(&store.size, head.size),
            // For whoever needs it to refuse; an audit must be able to look.
            Err(error) if error.is_about_the_head() => {}
            Err(error) => return Err(error),
        }
        match store.access_head().await {
            Err(error) if !error.is_about_the_head() => return Err(error),
            _ => {}
        }
        Ok(store)
    }
}

impl Drop for PgStore {
    fn drop(&mut self) {
        self.listener.abort();
    }
}

fn options(url: &str) -> Result<PgConnectOptions, StoreError> {
    let options = PgConnectOptions::from_str(url).map_err(|_| StoreError::NotReady {
        problem: "the database URL cannot be read".to_owned(),
        remedy: "write it as postgres://role:password@host:5432/database".to_owned(),
    })?;
    let options = options.options(PLANNING);
    Ok(options.application_name("cairn").statement_cache_capacity(200).disable_statement_logging())
}

/// Brings the tables up to date as their owner, and grants the service's role what it needs.
///
/// # Errors
/// As the database says; a role's name that is no plain identifier is refused.
pub async fn migrate(url: &str, service_role: Option<&str>) -> Result<(), StoreError> {
    let failed = StoreError::during("migrate");
    let mut connection = options(url)?.connect().await.map_err(&failed)?;
    MIGRATIONS.run(&mut connection).await.map_err(|error| StoreError::NotReady {
        problem: format!("the tables cannot be brought up to date: {error}"),
        remedy: "run cairn migrate as the role that owns the database".to_owned(),
    })?;
    if let Some(role) = service_role {
        let plain = (1..=63).contains(&role.len())
            && role.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_');
        if !plain {
            return Err(StoreError::NotReady {
                problem: "the service role's name is not a plain lower-case identifier".to_owned(),
                remedy: "create a role such as cairn_service and name it".to_owned(),
            });
        }
        // The name was checked to be an identifier: nothing of it can end the statement.
        for grant in GRANTS.replace("{role}", role).split(';') {
            sqlx::query(AssertSqlSafe(grant.to_owned())).execute(&mut connection).await.map_err(&failed)?;
        }
    }
    connection.close().await.map_err(&failed)
}

async fn check_migrations(pool: &PgPool) -> Result<(), StoreError> {
    let remedy = || "run `cairn migrate --database-url …` as the role that owns the database".to_owned();
    let there: bool = sqlx::query_scalar("SELECT to_regclass('_sqlx_migrations') IS NOT NULL")
        .fetch_one(pool)
        .await
        .map_err(StoreError::during("check migrations"))?;
    let applied: Vec<i64> = if there {
        sqlx::query_scalar("SELECT version FROM _sqlx_migrations WHERE success ORDER BY version")
            .fetch_all(pool)
            .await
            .map_err(StoreError::during("check migrations"))?
    } else {
        Vec::new()
    };
    let expected: Vec<i64> = MIGRATIONS.iter().map(|migration| migration.version).collect();
    if applied == expected {
        return Ok(());
    }
    if applied.len() > expected.len() {
        return Err(StoreError::NotReady {
            problem: "the tables are newer than this program".to_owned(),
            remedy: "use the version of cairn that migrated this database, or a newer one".to_owned(),
        });
    }
    Err(StoreError::NotReady { problem: "the tables are missing or out of date".to_owned(), remedy: remedy() })
}

#[async_trait]
impl Store for PgStore {
    async fn append(
        &self,
        groups: &[Group],
        now: Timestamp,
    ) -> Result<Vec<Vec<Result<Appended, Rejection>>>, StoreError> {
        self.append_groups(groups, now).await
    }
    async fn head(&self) -> Result<Head, StoreError> {
        self.read_head().await
    }
    fn follow(&self) -> watch::Receiver<u64> {
        self.size.subscribe()
    }
    async fn size_at(&self, instant: Timestamp) -> Result<u64, StoreError> {
        self.read_size_at(instant).await
    }
    async fn single_rows(&self, wanted: &[RowWanted]) -> Result<Vec<Result<SingleRow, StoreError>>, StoreError> {
        self.read_single_rows(wanted).await
    }
    async fn rows_by_id(&self, reach: &Reach, ids: &[StreamId]) -> Result<Vec<Row>, StoreError> {
        self.read_rows_by_id(reach, ids).await
    }
    async fn rows(&self, query: &RowQuery) -> Result<(Head, Vec<Row>), StoreError> {
        self.read_rows(query).await
    }
    async fn parts(&self, places: &[PartRef]) -> Result<Vec<StoredPart>, StoreError> {
        self.read_parts(places).await
    }
    async fn events(&self, query: &EventQuery) -> Result<(Head, Vec<Recorded>), StoreError> {
        self.read_events(query).await
    }
    async fn leaves(&self, from: u64, limit: u32) -> Result<Vec<Vec<u8>>, StoreError> {
        self.read_leaves(from, limit).await
    }
    async fn kept_answers(&self, digests: &[[u8; 32]]) -> Result<Vec<([u8; 32], KeptAnswer)>, StoreError> {
        self.fetch_kept_answers(digests).await
    }
    async fn begin_rebuild(&self) -> Result<u32, StoreError> {
        self.new_generation().await
    }
    async fn write_rebuilt(
        &self,
        generation: u32,
        rows: &[(Row, u64)],
        closed: &[(StreamId, u64)],
    ) -> Result<(), StoreError> {
        self.write_generation(generation, rows, closed).await
    }
    async fn rebuilt_rows(&self, generation: u32, ids: &[StreamId], as_of: u64) -> Result<Vec<Row>, StoreError> {
        self.read_generation(generation, ids, as_of).await
    }
    async fn switch_generation(&self, generation: u32, size: u64) -> Result<bool, StoreError> {
        self.make_current(generation, size).await
    }
    async fn row_versions(&self, places: &[(StreamId, u64)]) -> Result<Vec<(Row, u64)>, StoreError> {
        self.read_row_versions(places).await
    }
    async fn row_counts(&self) -> Result<(u64, u64), StoreError> {
        self.count_rows().await
    }
    async fn add_client(&self, client: &Client) -> Result<bool, StoreError> {
        self.insert_client(client).await
    }
    async fn put_client(&self, client: &Client) -> Result<(), StoreError> {
        self.write_client(client).await
    }
    async fn client(&self, id: &str) -> Result<Option<Client>, StoreError> {
        self.read_client(id).await
    }
    async fn clients(&self) -> Result<Vec<Client>, StoreError> {
        self.read_clients().await
    }
    async fn use_assertion(
        &self,
        client: &str,
        jti_digest: &[u8; 32],
        expires_at: Timestamp,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        self.write_assertion(client, jti_digest, expires_at, now).await
    }
    async fn tree_hashes(&self, tile_level: u8, from: u64, limit: u32) -> Result<Vec<Hash>, StoreError> {
        self.read_tree_hashes(tile_level, from, limit).await
    }
    async fn put_checkpoint(&self, checkpoint: &KeptCheckpoint) -> Result<(), StoreError> {
        self.write_checkpoint(checkpoint).await
    }
    async fn checkpoints(&self, origin: &str, from: u64, limit: u32) -> Result<Vec<KeptCheckpoint>, StoreError> {
        self.read_checkpoints(origin, from, limit).await
    }
    async fn last_checkpoint(&self, origin: &str) -> Result<Option<KeptCheckpoint>, StoreError> {
        self.read_last_checkpoint(origin).await
    }
    async fn check(&self) -> Result<(), StoreError> {
        self.check_settings().await
    }
    async fn close(&self) {
        self.listener.abort();
        // A connection that nobody answers on is not waited for.
        let _ = within(CLOSING, async {
            tokio::join!(self.writing.close(), self.writing_accesses.close(), self.pool.close())
        })
        .await;
    }
}
