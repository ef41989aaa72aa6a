//! What authentication needs of the registry of clients, as a port, and a memory of it that is never older than two
//! seconds, so that a revocation bites at once on every process. Knows no token.

use super::bounded_cache::BoundedCache;
use super::error::AuthError;
use crate::domain::time::Timestamp;
use crate::store::{Client, Store, StoreError};
use async_trait::async_trait;
use std::sync::{Arc, Mutex, PoisonError};

/// The registry of clients, and the memory of used assertions: both shared by all processes of a deployment.
#[async_trait]
pub trait ClientRegistry: Send + Sync {
    /// One client, revoked or not.
    async fn client(&self, id: &str) -> Result<Option<Client>, StoreError>;
    /// Every client, by id.
    async fn clients(&self) -> Result<Vec<Client>, StoreError>;
    /// Adds a client; `false`, and nothing changed, where its id is taken.
    async fn add_client(&self, client: &Client) -> Result<bool, StoreError>;
    /// Adds or replaces a client.
    async fn put_client(&self, client: &Client) -> Result<(), StoreError>;
    /// Remembers a `jti` of a client until it expires; `false` if it was used before.
    async fn use_assertion(
        &self,
        client: &str,
        jti_digest: &[u8; 32],
        expires_at: Timestamp,
        now: Timestamp,
    ) -> Result<bool, StoreError>;
}

#[async_trait]
impl ClientRegistry for Arc<dyn Store> {
    async fn client(&self, id: &str) -> Result<Option<Client>, StoreError> {
        (**self).client(id).await
    }
    async fn clients(&self) -> Result<Vec<Client>, StoreError> {
        (**self).clients().await
    }
    async fn add_client(&self, client: &Client) -> Result<bool, StoreError> {
        (**self).add_client(client).await
    }
    async fn put_client(&self, client: &Client) -> Result<(), StoreError> {
        (**self).put_client(client).await
    }
    async fn use_assertion(
        &self,
        client: &str,
        jti_digest: &[u8; 32],
        expires_at: Timestamp,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        (**self).use_assertion(client, jti_digest, expires_at, now).await
    }
}

/// How long a client's entry is believed, in microseconds.
const BELIEVED_MICROS: i64 = 2_000_000;
/// The most clients that are remembered.
const MOST_CLIENTS: usize = 10_000;

/// The registry as it was at most two seconds ago.
pub(super) struct RecentClients {
    registry: Arc<dyn ClientRegistry>,
    /// Each client with the time *before* it was asked for: what is remembered is never younger than its mark.
    seen: Mutex<BoundedCache<String, (Arc<Client>, Timestamp)>>,
}

impl RecentClients {
    pub(super) fn new(registry: Arc<dyn ClientRegistry>) -> Self {
        Self { registry, seen: Mutex::new(BoundedCache::new(MOST_CLIENTS)) }
    }
    /// One client, revoked or not; clients that there are not are asked for each time.
    pub(super) async fn client(&self, id: &str, now: Timestamp) -> Result<Option<Arc<Client>>, AuthError> {
        if let Some(client) = self.remembered(id, now) {
            return Ok(Some(client));
        }
        let found = self
            .registry
            .client(id)
            .await
            .map_err(|source| AuthError::Unavailable { operation: "reading the registry of clients", source })?
            .map(Arc::new);
        // Only a plain value is behind the lock, whole at every moment, so a poisoned one is as good.
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        match &found {
            Some(client) => seen.insert(id.to_owned(), (client.clone(), now)),
            None => seen.remove(&id.to_owned()),
        }
        Ok(found)
    }
    fn remembered(&self, id: &str, now: Timestamp) -> Option<Arc<Client>> {
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let (client, at) = seen.get(&id.to_owned())?;
        (0..BELIEVED_MICROS).contains(&(now.micros() - at.micros())).then(|| client.clone())
    }
}
