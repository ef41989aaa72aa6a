//! The log of accesses as the stores keep it: what is handed to it, what is read from it, and the trait that both stores
//! implement. What an access says is canonical JSON here, looked into by no store but to filter a list. Knows no HTTP.

use crate::domain::ids::{EventId, OrganisationCode, StreamId};
use crate::domain::time::Timestamp;
use crate::ledger::{Commitment, Frontier, Hash};
use crate::store::{Reach, StoreError};
use async_trait::async_trait;
use tokio::sync::watch;

/// An access, ready to be stored but for its place and time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewAccess {
    /// Its id.
    pub id: EventId,
    /// The controller of the data.
    pub organisation: OrganisationCode,
    /// The person whose data it was, or the stream of answers about nobody.
    pub stream: StreamId,
    /// The schema version of its facts.
    pub schema: u32,
    /// Its facts as canonical JSON.
    pub facts: String,
    /// The salt of the commitment.
    pub salt: [u8; 32],
    /// The commitment that its leaf holds.
    pub commitment: Commitment,
}

/// An access as it stands in the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredAccess {
    /// Its place in the log, from 0, without gaps.
    pub position: u64,
    /// Its id.
    pub id: EventId,
    /// The person whose data it was, or the stream of answers about nobody.
    pub stream: StreamId,
    /// Its place in the stream, from 0, without gaps.
    pub version: u64,
    /// The controller of the data.
    pub organisation: OrganisationCode,
    /// Its place among the controller's accesses, from 0, without gaps.
    pub organisation_counter: u64,
    /// When it was recorded; never decreasing along positions.
    pub recorded_at: Timestamp,
    /// The schema version of its facts.
    pub schema: u32,
    /// Its facts as canonical JSON, verbatim.
    pub facts: String,
    /// The salt of its commitment.
    pub salt: [u8; 32],
}

/// The head of the log of accesses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccessHead {
    /// How many accesses there are; the next position.
    pub size: u64,
    /// When the last of them was recorded.
    pub recorded_at: Timestamp,
    /// The right edge of its tree.
    pub frontier: Frontier,
}

/// A page of accesses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccessQuery {
    /// To whose data.
    pub reach: Reach,
    /// To one person's only.
    pub stream: Option<StreamId>,
    /// From this position on.
    pub from: u64,
    /// Before this position.
    pub until: u64,
    /// Only by this client.
    pub client: Option<String>,
    /// Only on behalf of this user.
    pub user: Option<String>,
    /// Only for this purpose.
    pub purpose: Option<String>,
    /// From the end backwards.
    pub newest_first: bool,
    /// At most so many.
    pub limit: u32,
}

/// Who has recorded about somebody: a client, and the position of its first event about them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownRecorder {
    /// The person.
    pub person: StreamId,
    /// The client.
    pub client: String,
    /// When it first recorded anything about them.
    pub since: Timestamp,
}

/// A store of accesses: the same contract on both databases.
#[async_trait]
pub trait AccessStore: Send + Sync + 'static {
    /// Appends accesses in one transaction at contiguous positions, in their order, with leaves and tree. Answers the first
    /// position once they are durable; else nothing of them is there, unless the answer to a commit was lost.
    async fn append_accesses(&self, accesses: &[NewAccess], now: Timestamp) -> Result<u64, StoreError>;
    /// The head.
    async fn access_head(&self) -> Result<AccessHead, StoreError>;
    /// Follows the size as far as this process makes it grow.
    fn follow_accesses(&self) -> watch::Receiver<u64>;
    /// A page of accesses.
    async fn accesses(&self, query: &AccessQuery) -> Result<Vec<StoredAccess>, StoreError>;
    /// The position of the first access that was recorded at or after an instant; the size where there is none.
    async fn first_access_at(&self, instant: Timestamp) -> Result<u64, StoreError>;
    /// The exact leaf bytes of a range of positions.
    async fn access_leaves(&self, from: u64, limit: u32) -> Result<Vec<Vec<u8>>, StoreError>;
    /// Hashes of one level of the tree's tiles from an index on; fewer than `limit` where the level ends.
    async fn access_hashes(&self, tile_level: u8, from: u64, limit: u32) -> Result<Vec<Hash>, StoreError>;
    /// Which clients have recorded about these people of an organisation.
    async fn known_recorders(
        &self,
        organisation: &OrganisationCode,
        people: &[StreamId],
    ) -> Result<Vec<KnownRecorder>, StoreError>;
    /// Whether accesses could be appended now: appends one and takes it back before it is committed.
    async fn check_access_writing(&self) -> Result<(), StoreError>;
}
