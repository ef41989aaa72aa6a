//! The tree of the log of accesses, for the keeper that signs and proves it.

use crate::app::accesses::recorder::nobodys_stream;
use crate::app::log::{Entry, LogTree};
use crate::domain::access::Scope;
use crate::domain::ids::OrganisationCode;
use crate::ledger::{Hash, TreeHead};
use crate::store::{AccessQuery, Reach, Store, StoreError};
use async_trait::async_trait;
use std::sync::Arc;
use tokio::sync::watch;

/// The log of accesses.
pub struct AccessesTree(pub Arc<dyn Store>);

#[async_trait]
impl LogTree for AccessesTree {
    fn entries(&self) -> &'static str {
        "accesses"
    }
    fn entry(&self) -> &'static str {
        "access"
    }
    fn scope(&self) -> Scope {
        Scope::AccessesRead
    }
    fn follow(&self) -> watch::Receiver<u64> {
        self.0.follow_accesses()
    }
    async fn head(&self) -> Result<TreeHead, StoreError> {
        let head = self.0.access_head().await?;
        Ok(TreeHead { size: head.size, root: head.frontier.root() })
    }
    async fn hashes(&self, tile_level: u8, from: u64, limit: u32) -> Result<Vec<Hash>, StoreError> {
        self.0.access_hashes(tile_level, from, limit).await
    }
    async fn leaves(&self, from: u64, limit: u32) -> Result<Vec<Vec<u8>>, StoreError> {
        self.0.access_leaves(from, limit).await
    }
    async fn entry_at(&self, owner: &OrganisationCode, position: u64) -> Result<Option<Entry>, StoreError> {
        let query = AccessQuery {
            reach: Reach::Organisation(owner.clone()),
            stream: None,
            from: position,
            until: position.saturating_add(1),
            client: None,
            user: None,
            purpose: None,
            newest_first: false,
            limit: 1,
        };
        let found = self.0.accesses(&query).await?.pop();
        Ok(found.map(|access| Entry {
            person: Some(access.stream).filter(|stream| *stream != nobodys_stream(owner)).map(Into::into),
        }))
    }
}
