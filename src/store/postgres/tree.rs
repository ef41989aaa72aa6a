//! What proofs are made of: the tree's stored hashes, and the checkpoints that were signed.

use crate::ledger::Hash;
use crate::store::postgres::PgStore;
use crate::store::postgres::read::again;
use crate::store::stored::{CheckpointColumns, checkpoint_from, digest_from, from_position};
use crate::store::{KeptCheckpoint, StoreError};

const LEAF_HASHES: &str = "SELECT leaf_hash FROM event WHERE position >= $1 ORDER BY position LIMIT $2";
const SUBTREE_HASHES: &str =
    "SELECT hash FROM log_subtree WHERE tile_level = $3 AND tree_index >= $1 ORDER BY tree_index LIMIT $2";
const PUT: &str = "INSERT INTO checkpoint (origin, size, signed_at, note) VALUES ($1, $2, $3, $4) \
    ON CONFLICT DO NOTHING";
const FROM: &str =
    "SELECT origin, size, signed_at, note FROM checkpoint WHERE origin = $1 AND size >= $2 ORDER BY size LIMIT $3";
const LAST: &str = "SELECT origin, size, signed_at, note FROM checkpoint WHERE origin = $1 ORDER BY size DESC LIMIT 1";

impl PgStore {
    pub(super) async fn read_tree_hashes(
        &self,
        tile_level: u8,
        from: u64,
        limit: u32,
    ) -> Result<Vec<Hash>, StoreError> {
        let doing = "read the tree's hashes";
        self.hashes_by([LEAF_HASHES, SUBTREE_HASHES], doing, tile_level, from, limit).await
    }

    /// Hashes of a tree by the statements for its leaves and for its complete subtrees.
    pub(super) async fn hashes_by(
        &self,
        [leaves, subtrees]: [&'static str; 2],
        doing: &'static str,
        tile_level: u8,
        from: u64,
        limit: u32,
    ) -> Result<Vec<Hash>, StoreError> {
        let sql = if tile_level == 0 { leaves } else { subtrees };
        let hashes: Vec<Vec<u8>> = again(&self.pool, async |pool| {
            let select = sqlx::query_scalar(sql).bind(from_position(from)).bind(i64::from(limit));
            let select = if tile_level == 0 { select } else { select.bind(i32::from(tile_level)) };
            select.fetch_all(&pool).await
        })
        .await
        .map_err(StoreError::during(doing))?;
        hashes.iter().map(|hash| digest_from(hash).map(Hash::new)).collect()
    }

    pub(super) async fn write_checkpoint(&self, checkpoint: &KeptCheckpoint) -> Result<(), StoreError> {
        again(&self.pool, async |pool| {
            sqlx::query(PUT)
                .bind(&checkpoint.origin)
                .bind(from_position(checkpoint.size))
                .bind(checkpoint.signed_at.micros())
                .bind(&checkpoint.note)
                .execute(&pool)
                .await
        })
        .await
        .map_err(StoreError::during("keep a checkpoint"))?;
        Ok(())
    }

    pub(super) async fn read_checkpoints(
        &self,
        origin: &str,
        from: u64,
        limit: u32,
    ) -> Result<Vec<KeptCheckpoint>, StoreError> {
        let rows: Vec<CheckpointColumns> = again(&self.pool, async |pool| {
            sqlx::query_as(FROM).bind(origin).bind(from_position(from)).bind(i64::from(limit)).fetch_all(&pool).await
        })
        .await
        .map_err(StoreError::during("read checkpoints"))?;
        rows.into_iter().map(checkpoint_from).collect()
    }

    pub(super) async fn read_last_checkpoint(&self, origin: &str) -> Result<Option<KeptCheckpoint>, StoreError> {
        let row: Option<CheckpointColumns> =
            again(&self.pool, async |pool| sqlx::query_as(LAST).bind(origin).fetch_optional(&pool).await)
                .await
                .map_err(StoreError::during("read a checkpoint"))?;
        row.map(checkpoint_from).transpose()
    }
}
