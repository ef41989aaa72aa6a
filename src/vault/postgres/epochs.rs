//! Epochs of the master key in a PostgreSQL key store.

use super::{PostgresKeys, answered};
use crate::vault::epoch::{EpochMark, EpochStore, KeyCounts, key_counts, mark, wrapped_keys};
use crate::vault::error::VaultError;
use crate::vault::key::KeyId;
use crate::vault::store::{DeploymentRecord, WrappedKey};
use async_trait::async_trait;
use uuid::Uuid;

const MARK: &str = "SELECT current, probe, began_at_micros FROM key_epoch WHERE one = 1";
// Waits for those that are inserting and keeps others out until the epoch has moved on; readers go on.
const LOCK_FOR_MOVING_ON: &str = "LOCK TABLE person_key, deployment_key IN SHARE ROW EXCLUSIVE MODE";
const MOVE_ON: &str = "UPDATE key_epoch SET current = $1, probe = $2, began_at_micros = $3 \
    WHERE one = 1 AND (current < $1 OR (probe IS NULL AND current <= $1))";
const WRAPPED_BEFORE: &str = "SELECT key_id, subject, class, generation, epoch, wrapped FROM person_key \
    WHERE key_id > $1 AND epoch < $2 ORDER BY key_id LIMIT $3";
// Before any row is locked: a destruction locks the table first and rows afterwards, and the two must not wait for each other.
const LOCK_FOR_REPLACING: &str = "LOCK TABLE person_key IN ROW EXCLUSIVE MODE";
// In the order of their ids, so that two that replace the same keys wait for each other and never in a circle.
const LOCK_KEYS: &str = "SELECT key_id FROM person_key WHERE key_id = ANY($1) ORDER BY key_id FOR UPDATE";
const REPLACE: &str = "UPDATE person_key AS old SET epoch = new.epoch, wrapped = new.wrapped \
    FROM unnest($1::uuid[], $2::bigint[], $3::bytea[]) AS new (key_id, epoch, wrapped) \
    WHERE old.key_id = new.key_id AND old.epoch < new.epoch";
const REPLACE_DEPLOYMENT: &str = "UPDATE deployment_key SET epoch = $2, wrapped = $3 WHERE name = $1 AND epoch < $2";
const COUNTS: &str = "SELECT 0::bigint, epoch, COUNT(*) FROM person_key GROUP BY epoch \
    UNION ALL SELECT 1::bigint, epoch, COUNT(*) FROM deployment_key GROUP BY epoch";
const DESTROYED: &str = "SELECT COUNT(*) FROM destroyed_key";

#[async_trait]
impl EpochStore for PostgresKeys {
    async fn epoch(&self) -> Result<EpochMark, VaultError> {
        const OPERATION: &str = "say which epoch wraps";
        answered(OPERATION, async {
            let row = sqlx::query_as(MARK).fetch_one(&self.pool).await;
            mark(row.map_err(|error| VaultError::store(OPERATION, error))?)
        })
        .await
    }

    async fn move_on(&self, epoch: u32, probe: &[u8; 32], now_micros: Option<i64>) -> Result<EpochMark, VaultError> {
        const OPERATION: &str = "move on to another epoch";
        answered(OPERATION, async {
            let failed = |error| VaultError::store(OPERATION, error);
            let mut transaction = self.pool.begin().await.map_err(failed)?;
            sqlx::query(LOCK_FOR_MOVING_ON).execute(&mut *transaction).await.map_err(failed)?;
            sqlx::query(MOVE_ON)
                .bind(i64::from(epoch))
                .bind(probe.as_slice())
                .bind(now_micros)
                .execute(&mut *transaction)
                .await
                .map_err(failed)?;
            let row = sqlx::query_as(MARK).fetch_one(&mut *transaction).await.map_err(failed)?;
            transaction.commit().await.map_err(failed)?;
            mark(row)
        })
        .await
    }

    async fn wrapped_before(&self, epoch: u32, after: KeyId, limit: u32) -> Result<Vec<WrappedKey>, VaultError> {
        const OPERATION: &str = "list keys of older epochs";
        answered(OPERATION, async {
            let rows = sqlx::query_as(WRAPPED_BEFORE)
                .bind(after.0)
                .bind(i64::from(epoch))
                .bind(i64::from(limit))
                .fetch_all(&self.pool)
                .await
                .map_err(|error| VaultError::store(OPERATION, error))?;
            wrapped_keys(rows)
        })
        .await
    }

    async fn replace_wrapped(&self, keys: &[WrappedKey], deployment: &[DeploymentRecord]) -> Result<u64, VaultError> {
        const OPERATION: &str = "replace wrapped keys";
        answered(OPERATION, async {
            let failed = |error| VaultError::store(OPERATION, error);
            let ids: Vec<Uuid> = keys.iter().map(|key| key.name.id.0).collect();
            let mut transaction = self.pool.begin().await.map_err(failed)?;
            sqlx::query(LOCK_FOR_REPLACING).execute(&mut *transaction).await.map_err(failed)?;
            sqlx::query(LOCK_KEYS).bind(&ids).execute(&mut *transaction).await.map_err(failed)?;
            let replaced = sqlx::query(REPLACE)
                .bind(&ids)
                .bind(keys.iter().map(|key| i64::from(key.wrapped.epoch)).collect::<Vec<_>>())
                .bind(keys.iter().map(|key| key.wrapped.bytes.clone()).collect::<Vec<_>>())
                .execute(&mut *transaction)
                .await
                .map_err(failed)?;
            let mut count = replaced.rows_affected();
            for key in deployment {
                let replaced = sqlx::query(REPLACE_DEPLOYMENT)
                    .bind(&key.name)
                    .bind(i64::from(key.wrapped.epoch))
                    .bind(&key.wrapped.bytes)
                    .execute(&mut *transaction)
                    .await
                    .map_err(failed)?;
                count += replaced.rows_affected();
            }
            transaction.commit().await.map_err(failed)?;
            Ok(count)
        })
        .await
    }

    async fn counts(&self) -> Result<KeyCounts, VaultError> {
        const OPERATION: &str = "count keys";
        // Counting reads the whole table, which takes its time: no limit of ours.
        let failed = |error| VaultError::store(OPERATION, error);
        let rows = sqlx::query_as(COUNTS).fetch_all(&self.pool).await.map_err(failed)?;
        let destroyed = sqlx::query_scalar(DESTROYED).fetch_one(&self.pool).await.map_err(failed)?;
        key_counts(rows, destroyed)
    }

    /// The heap, the log of changes, its archives, standbys and base backups keep replaced rows for as long as they like, and
    /// nothing can be done about it from here: they are wrapped under a master key that is about to be destroyed.
    async fn settle(&self) -> Result<bool, VaultError> {
        Ok(false)
    }
}
