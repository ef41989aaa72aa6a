//! Epochs of the master key in a SQLite key store.

use super::SqliteKeys;
use crate::vault::epoch::{EpochMark, EpochStore, KeyCounts, key_counts, mark, wrapped_keys};
use crate::vault::error::VaultError;
use crate::vault::key::KeyId;
use crate::vault::store::{DeploymentRecord, WrappedKey};
use async_trait::async_trait;
use std::time::Duration;

const MARK: &str = "SELECT current, probe, began_at_micros FROM key_epoch WHERE one = 1";
const MOVE_ON: &str = "UPDATE key_epoch SET current = ?1, probe = ?2, began_at_micros = ?3 \
    WHERE one = 1 AND (current < ?1 OR (probe IS NULL AND current <= ?1))";
const WRAPPED_BEFORE: &str = "SELECT key_id, subject, class, generation, epoch, wrapped FROM person_key \
    WHERE key_id > ?1 AND epoch < ?2 ORDER BY key_id LIMIT ?3";
const REPLACE: &str = "UPDATE person_key SET epoch = new.value ->> 1, wrapped = unhex(new.value ->> 2) \
    FROM json_each(?1) AS new WHERE person_key.key_id = unhex(new.value ->> 0) AND person_key.epoch < new.value ->> 1";
const REPLACE_DEPLOYMENT: &str = "UPDATE deployment_key SET epoch = ?2, wrapped = ?3 WHERE name = ?1 AND epoch < ?2";
const COUNTS: &str = "SELECT 0, epoch, COUNT(*) FROM person_key GROUP BY epoch \
    UNION ALL SELECT 1, epoch, COUNT(*) FROM deployment_key GROUP BY epoch";
const DESTROYED: &str = "SELECT COUNT(*) FROM destroyed_key";
/// How often, and how long apart, the write-ahead log is asked to be emptied while somebody reads.
const ATTEMPTS: u32 = 20;
const PAUSE: Duration = Duration::from_millis(100);

#[async_trait]
impl EpochStore for SqliteKeys {
    async fn epoch(&self) -> Result<EpochMark, VaultError> {
        let row = sqlx::query_as(MARK).fetch_one(&self.read).await;
        mark(row.map_err(|error| VaultError::store("say which epoch wraps", error))?)
    }

    async fn move_on(&self, epoch: u32, probe: &[u8; 32], now_micros: Option<i64>) -> Result<EpochMark, VaultError> {
        const OPERATION: &str = "move on to another epoch";
        let failed = |error| VaultError::store(OPERATION, error);
        // Nobody else writes meanwhile, so nobody is in the middle of inserting.
        let mut transaction = self.begin(OPERATION).await?;
        sqlx::query(MOVE_ON)
            .bind(i64::from(epoch))
            .bind(probe.as_slice())
            .bind(now_micros)
            .execute(&mut *transaction)
            .await
            .map_err(failed)?;
        let row = sqlx::query_as(MARK).fetch_one(&mut *transaction).await.map_err(failed)?;
        self.commit(transaction, OPERATION).await?;
        mark(row)
    }

    async fn wrapped_before(&self, epoch: u32, after: KeyId, limit: u32) -> Result<Vec<WrappedKey>, VaultError> {
        let rows = sqlx::query_as(WRAPPED_BEFORE)
            .bind(after.0)
            .bind(i64::from(epoch))
            .bind(i64::from(limit))
            .fetch_all(&self.read)
            .await
            .map_err(|error| VaultError::store("list keys of older epochs", error))?;
        wrapped_keys(rows)
    }

    async fn replace_wrapped(&self, keys: &[WrappedKey], deployment: &[DeploymentRecord]) -> Result<u64, VaultError> {
        const OPERATION: &str = "replace wrapped keys";
        let failed = |error| VaultError::store(OPERATION, error);
        let rows = keys.iter().map(|key| {
            let wrapped = hex::encode(&key.wrapped.bytes);
            serde_json::json!([key.name.id.0.simple().to_string(), key.wrapped.epoch, wrapped])
        });
        let list = serde_json::Value::from_iter(rows).to_string();
        let mut transaction = self.begin(OPERATION).await?;
        let replaced = sqlx::query(REPLACE).bind(list).execute(&mut *transaction).await.map_err(failed)?;
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
        self.commit(transaction, OPERATION).await?;
        Ok(count)
    }

    async fn counts(&self) -> Result<KeyCounts, VaultError> {
        let failed = |error| VaultError::store("count keys", error);
        let mut snapshot = self.read.begin().await.map_err(failed)?;
        let rows = sqlx::query_as(COUNTS).fetch_all(&mut *snapshot).await.map_err(failed)?;
        let destroyed = sqlx::query_scalar(DESTROYED).fetch_one(&mut *snapshot).await.map_err(failed)?;
        key_counts(rows, destroyed)
    }

    /// What was replaced in the database is overwritten there (`secure_delete`); the write-ahead log has it still, until it is
    /// copied and cut to nothing, which must wait for those who read.
    async fn settle(&self) -> Result<bool, VaultError> {
        let failed = |error| VaultError::store("empty its write-ahead log", error);
        for _ in 0..ATTEMPTS {
            let (busy, _, _): (i64, i64, i64) =
                sqlx::query_as("PRAGMA wal_checkpoint(TRUNCATE)").fetch_one(&self.write).await.map_err(failed)?;
            if busy == 0 {
                return Ok(true);
            }
            tokio::time::sleep(PAUSE).await;
        }
        Ok(false)
    }
}
