//! The registry of clients and the assertions they have used.

use crate::domain::time::Timestamp;
use crate::store::postgres::PgStore;
use crate::store::postgres::read::again;
use crate::store::{Client, StoreError};

const ADD: &str = "INSERT INTO client (id, body) VALUES ($1, $2) ON CONFLICT DO NOTHING";
// A revocation is final: a rotation that ran at the same time must not undo it.
const PUT: &str = "INSERT INTO client (id, body) VALUES ($1, $2) ON CONFLICT (id) DO UPDATE \
    SET body = excluded.body WHERE client.body::json ->> 'revoked_at' IS NULL";
const GET: &str = "SELECT body FROM client WHERE id = $1";
const ALL: &str = "SELECT body FROM client ORDER BY id";
const FORGET: &str = "DELETE FROM used_assertion WHERE expires_at < $1";
const USE: &str =
    "INSERT INTO used_assertion (client, jti_digest, expires_at) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING";

fn read(body: &str) -> Result<Client, StoreError> {
    serde_json::from_str(body).map_err(|error| StoreError::Corrupt {
        position: 0,
        detail: format!("a registered client cannot be read: {error}"),
    })
}

fn written(client: &Client) -> Result<String, StoreError> {
    serde_json::to_string(client)
        .map_err(|error| StoreError::Corrupt { position: 0, detail: format!("a client cannot be written: {error}") })
}

impl PgStore {
    /// Never tried again by itself: should the answer be lost after the client was added, a second try would say that
    /// somebody else has the id.
    pub(super) async fn insert_client(&self, client: &Client) -> Result<bool, StoreError> {
        let added = sqlx::query(ADD)
            .bind(&client.id)
            .bind(written(client)?)
            .execute(&self.pool)
            .await
            .map_err(StoreError::during("add a client"))?;
        Ok(added.rows_affected() == 1)
    }

    pub(super) async fn write_client(&self, client: &Client) -> Result<(), StoreError> {
        let body = written(client)?;
        again(&self.pool, async |pool| sqlx::query(PUT).bind(&client.id).bind(&body).execute(&pool).await)
            .await
            .map_err(StoreError::during("write a client"))?;
        Ok(())
    }

    pub(super) async fn read_client(&self, id: &str) -> Result<Option<Client>, StoreError> {
        let body: Option<String> =
            again(&self.pool, async |pool| sqlx::query_scalar(GET).bind(id).fetch_optional(&pool).await)
                .await
                .map_err(StoreError::during("read a client"))?;
        body.map(|body| read(&body)).transpose()
    }

    pub(super) async fn read_clients(&self) -> Result<Vec<Client>, StoreError> {
        let bodies: Vec<String> = again(&self.pool, async |pool| sqlx::query_scalar(ALL).fetch_all(&pool).await)
            .await
            .map_err(StoreError::during("read clients"))?;
        bodies.iter().map(|body| read(body)).collect()
    }

    /// Should the answer be lost and the insert be repeated, an assertion counts as used that was not: a token request
    /// fails that could have passed, never the other way round.
    pub(super) async fn write_assertion(
        &self,
        client: &str,
        jti_digest: &[u8; 32],
        expires_at: Timestamp,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let failed = StoreError::during("remember an assertion");
        again(&self.pool, async |pool| sqlx::query(FORGET).bind(now.micros()).execute(&pool).await)
            .await
            .map_err(&failed)?;
        let used = again(&self.pool, async |pool| {
            sqlx::query(USE).bind(client).bind(jti_digest.as_slice()).bind(expires_at.micros()).execute(&pool).await
        })
        .await
        .map_err(&failed)?;
        Ok(used.rows_affected() == 1)
    }
}
