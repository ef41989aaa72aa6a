//! Cosignatures and statements.

use crate::domain::time::Timestamp;
use crate::store::StoreError;
use crate::store::attestation::{Attestations, KeptCosignature, KeptStatement};
use crate::store::postgres::PgStore;
use crate::store::postgres::read::again;
use crate::store::stored::{
    CosignatureColumns, StatementColumns, cosignature_from, from_position, statement_from, to_position,
};
use async_trait::async_trait;

const PUT_COSIGNATURE: &str = "INSERT INTO cosignature (origin, size, key, cosigned_at, line) VALUES ($1, $2, $3, $4, $5) \
    ON CONFLICT DO NOTHING";
const COSIGNATURES: &str = "SELECT origin, size, key, cosigned_at, line FROM cosignature \
    WHERE origin = $1 AND size >= $2 AND size <= $3 ORDER BY size, key";
const LAST_COSIGNED: &str = "SELECT size FROM cosignature WHERE origin = $1 AND key = ANY($2) \
    GROUP BY size HAVING COUNT(*) >= $3 ORDER BY size DESC LIMIT 1";
const PUT_STATEMENT: &str = "INSERT INTO statement (number, stated_at, note) \
    SELECT (SELECT COALESCE(MAX(number) + 1, 0) FROM statement), $1, $2 \
    WHERE NOT EXISTS (SELECT 1 FROM statement WHERE note = $2)";
const STATEMENTS: &str = "SELECT number, stated_at, note FROM statement ORDER BY number";

#[async_trait]
impl Attestations for PgStore {
    async fn put_cosignature(&self, cosignature: &KeptCosignature) -> Result<(), StoreError> {
        let KeptCosignature { origin, size, key, cosigned_at, line } = cosignature;
        let insert = || {
            sqlx::query(PUT_COSIGNATURE)
                .bind(origin)
                .bind(from_position(*size))
                .bind(key)
                .bind(from_position(*cosigned_at))
                .bind(line)
        };
        again(&self.pool, async |pool| insert().execute(&pool).await)
            .await
            .map_err(StoreError::during("keep a cosignature"))?;
        Ok(())
    }

    async fn cosignatures(&self, origin: &str, from: u64, to: u64) -> Result<Vec<KeptCosignature>, StoreError> {
        let select = || sqlx::query_as(COSIGNATURES).bind(origin).bind(from_position(from)).bind(from_position(to));
        let rows: Vec<CosignatureColumns> = again(&self.pool, async |pool| select().fetch_all(&pool).await)
            .await
            .map_err(StoreError::during("read cosignatures"))?;
        rows.into_iter().map(cosignature_from).collect()
    }

    async fn last_cosigned(&self, origin: &str, keys: &[String], quorum: u32) -> Result<Option<u64>, StoreError> {
        let select = || sqlx::query_scalar(LAST_COSIGNED).bind(origin).bind(keys).bind(i64::from(quorum.max(1)));
        let size: Option<i64> = again(&self.pool, async |pool| select().fetch_optional(&pool).await)
            .await
            .map_err(StoreError::during("read cosignatures"))?;
        size.map(to_position).transpose()
    }

    async fn put_statement(&self, stated_at: Timestamp, note: &str) -> Result<(), StoreError> {
        let insert = || sqlx::query(PUT_STATEMENT).bind(stated_at.micros()).bind(note);
        again(&self.pool, async |pool| insert().execute(&pool).await)
            .await
            .map_err(StoreError::during("keep a statement"))?;
        Ok(())
    }

    async fn statements(&self) -> Result<Vec<KeptStatement>, StoreError> {
        let rows: Vec<StatementColumns> =
            again(&self.pool, async |pool| sqlx::query_as(STATEMENTS).fetch_all(&pool).await)
                .await
                .map_err(StoreError::during("read statements"))?;
        rows.into_iter().map(statement_from).collect()
    }
}
