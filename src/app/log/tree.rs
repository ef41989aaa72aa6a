//! Which log: the tree that is signed and proved. A keeper signs one tree and knows nothing of what its leaves are about.

use crate::domain::access::Scope;
use crate::domain::ids::{OrganisationCode, PersonId};
use crate::ledger::{Hash, TreeHead};
use crate::store::{EventQuery, Reach, Store, StoreError};
use async_trait::async_trait;
use std::sync::Arc;
use tokio::sync::watch;

/// One log's tree as the database keeps it.
#[async_trait]
pub trait LogTree: Send + Sync + 'static {
    /// What its leaves are about, in the plural, for operators.
    fn entries(&self) -> &'static str;
    /// The same of one of them, as the kinds of an access say it.
    fn entry(&self) -> &'static str;
    /// The scope that proving one of them to its organisation needs.
    fn scope(&self) -> Scope;
    /// Follows its size, from what is known now.
    fn follow(&self) -> watch::Receiver<u64>;
    /// Its size and root now.
    async fn head(&self) -> Result<TreeHead, StoreError>;
    /// Hashes of one level of its tiles from an index on; fewer than `limit` where the level ends.
    async fn hashes(&self, tile_level: u8, from: u64, limit: u32) -> Result<Vec<Hash>, StoreError>;
    /// The exact bytes of its leaves from a position on; fewer than `limit` where the log ends.
    async fn leaves(&self, from: u64, limit: u32) -> Result<Vec<Vec<u8>>, StoreError>;
    /// What the leaf at a position is about, if it is an organisation's.
    async fn entry_at(&self, owner: &OrganisationCode, position: u64) -> Result<Option<Entry>, StoreError>;
}

/// What a leaf is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry {
    /// Whose data; `None` where it is nobody's.
    pub person: Option<PersonId>,
}

/// The log of events.
pub struct OutcomesTree(pub Arc<dyn Store>);

#[async_trait]
impl LogTree for OutcomesTree {
    fn entries(&self) -> &'static str {
        "events"
    }
    fn entry(&self) -> &'static str {
        "event"
    }
    fn scope(&self) -> Scope {
        Scope::EventsRead
    }
    fn follow(&self) -> watch::Receiver<u64> {
        self.0.follow()
    }
    async fn head(&self) -> Result<TreeHead, StoreError> {
        let head = self.0.head().await?;
        Ok(TreeHead { size: head.size, root: head.frontier.unwrap_or_default().root() })
    }
    async fn hashes(&self, tile_level: u8, from: u64, limit: u32) -> Result<Vec<Hash>, StoreError> {
        self.0.tree_hashes(tile_level, from, limit).await
    }
    async fn leaves(&self, from: u64, limit: u32) -> Result<Vec<Vec<u8>>, StoreError> {
        self.0.leaves(from, limit).await
    }
    async fn entry_at(&self, owner: &OrganisationCode, position: u64) -> Result<Option<Entry>, StoreError> {
        let reach = Reach::Organisation(owner.clone());
        let query = EventQuery {
            reach: reach.clone(),
            stream: None,
            from: position,
            until: position.saturating_add(1),
            limit: 1,
        };
        let Some(event) = self.0.events(&query).await?.1.pop() else { return Ok(None) };
        let (_, row) = self.0.row(&reach, event.stream, None).await?;
        Ok(Some(Entry { person: row.and_then(|row| row.person()) }))
    }
}
