//! The key store in a PostgreSQL database of its own.
//!
//! Native SQL, no clock, no key that is not wrapped. Every statement is READ COMMITTED; what must hold between two
//! writers holds by a unique key or, for the rare destruction, by a table lock.

mod epochs;

use super::error::VaultError;
use super::key::{KeyClass, KeyId};
use super::store::{DeploymentRecord, KeyRecord, KeyStore, NewKey, deployment_records, key_records};
use crate::domain::ids::PersonId;
use crate::patience::{CLOSING, prove_alive, within};
use async_trait::async_trait;
use sqlx::Connection as _;
use sqlx::migrate::Migrator;
use sqlx::postgres::{PgConnectOptions, PgPool, PgPoolOptions};
use std::future::Future;
use std::time::Duration;
use uuid::Uuid;

static MIGRATIONS: Migrator = sqlx::migrate!("migrations/keys-postgres");

const CONNECTIONS: u32 = 8;
/// How long a caller waits for a connection before the store counts as unavailable.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(5);
/// How long anything may take; PostgreSQL's own limits are no use against a server that is frozen.
const LIMIT: Duration = Duration::from_secs(10);
/// SQLSTATE `invalid_catalog_name`: there is no such database.
const NO_SUCH_DATABASE: &str = "3D000";

const FIND: &str = "\
    SELECT key_id, subject, class, generation, epoch, wrapped FROM person_key WHERE key_id = ANY($1) \
    UNION ALL \
    SELECT key_id, subject, class, generation, NULL, NULL FROM destroyed_key WHERE key_id = ANY($1)";
const FIND_OF_SUBJECTS: &str = "\
    SELECT key_id, subject, class, generation, epoch, wrapped FROM person_key WHERE subject = ANY($1) \
    UNION ALL \
    SELECT key_id, subject, class, generation, NULL, NULL FROM destroyed_key WHERE subject = ANY($1)";
// One order for all, so that two that insert the same people wait for each other and never in a circle.
const INSERT_MISSING: &str = "\
    INSERT INTO person_key (key_id, subject, class, generation, epoch, wrapped, created_at_micros) \
    SELECT new.key_id, new.subject, new.class, new.generation, new.epoch, new.wrapped, new.created_at_micros \
    FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::bigint[], $5::bigint[], $6::bytea[], $7::bigint[]) \
         AS new (key_id, subject, class, generation, epoch, wrapped, created_at_micros) \
    WHERE NOT EXISTS (SELECT 1 FROM person_key AS old WHERE old.subject = new.subject AND old.class = new.class) \
      AND NOT EXISTS (SELECT 1 FROM destroyed_key AS old WHERE old.subject = new.subject AND old.class = new.class) \
    ORDER BY new.subject, new.class \
    ON CONFLICT (subject, class, generation) DO NOTHING";
// Waits for those that are inserting, so that no key slips in behind a destruction that did not see it.
const LOCK_FOR_DESTRUCTION: &str = "LOCK TABLE person_key IN SHARE ROW EXCLUSIVE MODE";
const BURY: &str = "\
    INSERT INTO destroyed_key (key_id, subject, class, generation, destroyed_at_micros, reason) \
    SELECT key_id, subject, class, generation, $4, $5 FROM person_key WHERE subject = $1 AND class = $2 AND generation < $3";
const DELETE: &str = "DELETE FROM person_key WHERE subject = $1 AND class = $2 AND generation < $3";
const INSERT_GENERATION: &str = "\
    INSERT INTO person_key (key_id, subject, class, generation, epoch, wrapped, created_at_micros) \
    SELECT $1, $2, $3, $4, $5, $6, $7 \
    WHERE EXISTS (SELECT 1 FROM person_key WHERE subject = $2 AND class = $3) \
      AND NOT EXISTS (SELECT 1 FROM person_key WHERE subject = $2 AND class = $3 AND generation >= $4) \
      AND NOT EXISTS (SELECT 1 FROM destroyed_key WHERE subject = $2 AND class = $3 AND generation >= $4)";
const DEPLOYMENT_KEYS: &str = "SELECT name, epoch, wrapped FROM deployment_key ORDER BY name";
const INSERT_DEPLOYMENT_KEY: &str = "\
    INSERT INTO deployment_key (name, epoch, wrapped) SELECT $1, $2, $3 \
    WHERE NOT EXISTS (SELECT 1 FROM person_key) AND NOT EXISTS (SELECT 1 FROM destroyed_key) \
    ON CONFLICT (name) DO NOTHING";
// The whole database is searched for the event log, whatever its schema: one backup would hold both.
const TABLES: &str = "\
    SELECT to_regclass('deployment_key') IS NOT NULL, \
           EXISTS (SELECT 1 FROM pg_catalog.pg_class AS class \
                   JOIN pg_catalog.pg_namespace AS schema ON schema.oid = class.relnamespace \
                   WHERE class.relname = 'event' AND class.relkind IN ('r', 'p') \
                     AND schema.nspname NOT IN ('pg_catalog', 'information_schema'))";
const SETTINGS: &str = "SELECT current_setting('fsync'), current_setting('synchronous_commit')";

/// Keys in one PostgreSQL database.
pub(super) struct PostgresKeys {
    pool: PgPool,
}

impl PostgresKeys {
    /// Connects and brings the tables up to date (creates them when `create`; the database itself must exist).
    pub(super) async fn open(url: &str, create: bool) -> Result<Self, VaultError> {
        // The parser's error may quote the URL, which may hold a password: it is left out.
        let options: PgConnectOptions =
            url.parse().map_err(|_| VaultError::Configuration("the key store's URL is not a PostgreSQL URL"))?;
        let connected = PgPoolOptions::new()
            .max_connections(CONNECTIONS)
            .acquire_timeout(ACQUIRE_TIMEOUT)
            .after_release(|connection, _| Box::pin(prove_alive(connection.ping())))
            .connect_with(options);
        let pool = connected.await.map_err(|error| {
            match error.as_database_error().and_then(sqlx::error::DatabaseError::code) {
                Some(code) if code == NO_SUCH_DATABASE => VaultError::Missing,
                _ => VaultError::store("be opened", error),
            }
        })?;
        let (ours, events): (bool, bool) =
            sqlx::query_as(TABLES).fetch_one(&pool).await.map_err(|error| VaultError::store("be opened", error))?;
        if events {
            return Err(VaultError::SharedWithEvents);
        }
        if !ours && !create {
            return Err(VaultError::Missing);
        }
        MIGRATIONS.run(&pool).await.map_err(|error| VaultError::store("be brought up to date", error))?;
        Ok(Self { pool })
    }
}

/// Waits for an operation, but not for ever; one that was given up may have happened, and all of them may be repeated.
async fn answered<T>(
    operation: &'static str,
    work: impl Future<Output = Result<T, VaultError>>,
) -> Result<T, VaultError> {
    within(LIMIT, work).await.unwrap_or_else(|error| Err(VaultError::store(operation, error)))
}

#[async_trait]
impl KeyStore for PostgresKeys {
    async fn find(&self, keys: &[KeyId]) -> Result<Vec<KeyRecord>, VaultError> {
        answered("find keys", async {
            let ids: Vec<Uuid> = keys.iter().map(|key| key.0).collect();
            let rows = sqlx::query_as(FIND)
                .bind(ids)
                .fetch_all(&self.pool)
                .await
                .map_err(|error| VaultError::store("find keys", error))?;
            key_records(rows)
        })
        .await
    }

    async fn find_of_subjects(&self, subjects: &[PersonId]) -> Result<Vec<KeyRecord>, VaultError> {
        answered("find people's keys", async {
            let ids: Vec<Uuid> = subjects.iter().map(|subject| subject.0).collect();
            let rows = sqlx::query_as(FIND_OF_SUBJECTS)
                .bind(ids)
                .fetch_all(&self.pool)
                .await
                .map_err(|error| VaultError::store("find people's keys", error))?;
            key_records(rows)
        })
        .await
    }

    async fn insert_missing(&self, keys: &[NewKey]) -> Result<Vec<KeyRecord>, VaultError> {
        answered("keep new keys", async {
            let failed = |error| VaultError::store("keep new keys", error);
            let subjects: Vec<Uuid> = keys.iter().map(|new| new.key.name.subject.0).collect();
            let mut transaction = self.pool.begin().await.map_err(failed)?;
            sqlx::query(INSERT_MISSING)
                .bind(keys.iter().map(|new| new.key.name.id.0).collect::<Vec<_>>())
                .bind(&subjects)
                .bind(keys.iter().map(|new| new.key.name.class.code().to_owned()).collect::<Vec<_>>())
                .bind(keys.iter().map(|new| i64::from(new.key.name.generation)).collect::<Vec<_>>())
                .bind(keys.iter().map(|new| i64::from(new.key.wrapped.epoch)).collect::<Vec<_>>())
                .bind(keys.iter().map(|new| new.key.wrapped.bytes.clone()).collect::<Vec<_>>())
                .bind(keys.iter().map(|new| new.created_at_micros).collect::<Vec<_>>())
                .execute(&mut *transaction)
                .await
                .map_err(failed)?;
            let rows =
                sqlx::query_as(FIND_OF_SUBJECTS).bind(&subjects).fetch_all(&mut *transaction).await.map_err(failed)?;
            transaction.commit().await.map_err(failed)?;
            key_records(rows)
        })
        .await
    }

    async fn insert_generation(&self, new: &NewKey) -> Result<Vec<KeyRecord>, VaultError> {
        answered("keep a key of a new generation", async {
            let failed = |error| VaultError::store("keep a key of a new generation", error);
            let NewKey { key, created_at_micros } = new;
            let mut transaction = self.pool.begin().await.map_err(failed)?;
            // So that it neither slips in behind a destruction nor comes twice.
            sqlx::query(LOCK_FOR_DESTRUCTION).execute(&mut *transaction).await.map_err(failed)?;
            sqlx::query(INSERT_GENERATION)
                .bind(key.name.id.0)
                .bind(key.name.subject.0)
                .bind(key.name.class.code())
                .bind(i64::from(key.name.generation))
                .bind(i64::from(key.wrapped.epoch))
                .bind(&key.wrapped.bytes)
                .bind(created_at_micros)
                .execute(&mut *transaction)
                .await
                .map_err(failed)?;
            let rows = sqlx::query_as(FIND_OF_SUBJECTS)
                .bind(vec![key.name.subject.0])
                .fetch_all(&mut *transaction)
                .await
                .map_err(failed)?;
            transaction.commit().await.map_err(failed)?;
            key_records(rows)
        })
        .await
    }

    async fn destroy(
        &self,
        subject: PersonId,
        class: KeyClass,
        below: u64,
        reason: &str,
        now_micros: i64,
    ) -> Result<u64, VaultError> {
        answered("destroy a key", async {
            let failed = |error| VaultError::store("destroy a key", error);
            let mut transaction = self.pool.begin().await.map_err(failed)?;
            sqlx::query(LOCK_FOR_DESTRUCTION).execute(&mut *transaction).await.map_err(failed)?;
            let buried = sqlx::query(BURY)
                .bind(subject.0)
                .bind(class.code())
                .bind(below.cast_signed())
                .bind(now_micros)
                .bind(reason)
                .execute(&mut *transaction)
                .await
                .map_err(failed)?;
            sqlx::query(DELETE)
                .bind(subject.0)
                .bind(class.code())
                .bind(below.cast_signed())
                .execute(&mut *transaction)
                .await
                .map_err(failed)?;
            transaction.commit().await.map_err(failed)?;
            Ok(buried.rows_affected())
        })
        .await
    }

    async fn deployment_keys(&self) -> Result<Vec<DeploymentRecord>, VaultError> {
        answered("find the deployment's keys", async {
            let rows = sqlx::query_as(DEPLOYMENT_KEYS)
                .fetch_all(&self.pool)
                .await
                .map_err(|error| VaultError::store("find the deployment's keys", error))?;
            deployment_records(rows)
        })
        .await
    }

    async fn insert_deployment_keys(&self, keys: &[DeploymentRecord]) -> Result<Vec<DeploymentRecord>, VaultError> {
        answered("keep the deployment's keys", async {
            let failed = |error| VaultError::store("keep the deployment's keys", error);
            let mut transaction = self.pool.begin().await.map_err(failed)?;
            for key in keys {
                sqlx::query(INSERT_DEPLOYMENT_KEY)
                    .bind(&key.name)
                    .bind(i64::from(key.wrapped.epoch))
                    .bind(&key.wrapped.bytes)
                    .execute(&mut *transaction)
                    .await
                    .map_err(failed)?;
            }
            let rows = sqlx::query_as(DEPLOYMENT_KEYS).fetch_all(&mut *transaction).await.map_err(failed)?;
            transaction.commit().await.map_err(failed)?;
            deployment_records(rows)
        })
        .await
    }

    async fn check(&self) -> Result<(), VaultError> {
        answered("answer for its settings", async {
            let failed = |error| VaultError::store("answer for its settings", error);
            let (_, events): (bool, bool) = sqlx::query_as(TABLES).fetch_one(&self.pool).await.map_err(failed)?;
            if events {
                return Err(VaultError::SharedWithEvents);
            }
            let (fsync, commit): (String, String) =
                sqlx::query_as(SETTINGS).fetch_one(&self.pool).await.map_err(failed)?;
            if fsync != "on" {
                return Err(VaultError::NotDurable { setting: "fsync", found: fsync, expected: "on" });
            }
            if commit == "off" {
                let expected = "on, local, remote_write or remote_apply";
                return Err(VaultError::NotDurable { setting: "synchronous_commit", found: commit, expected });
            }
            Ok(())
        })
        .await
    }

    async fn close(&self) {
        // A connection that nobody answers on is not waited for.
        let _ = within(CLOSING, self.pool.close()).await;
    }
}
