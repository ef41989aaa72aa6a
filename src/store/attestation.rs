//! What others attest of the log and what it states about itself: witnesses' cosignatures and signed statements. Kept for ever;
//! whether to believe them is not the store's business.

use crate::domain::time::Timestamp;
use crate::store::StoreError;
use async_trait::async_trait;

/// A witness's cosignature under a checkpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptCosignature {
    /// The name of the log.
    pub origin: String,
    /// The size of the checkpoint's tree.
    pub size: u64,
    /// The witness's verifier key.
    pub key: String,
    /// When it cosigned, as it says, in seconds since the Unix epoch; below 2⁶³.
    pub cosigned_at: u64,
    /// The signature line, verbatim.
    pub line: String,
}

/// A statement of the log about itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptStatement {
    /// Its number; from 0 on, without gaps.
    pub number: u64,
    /// When it was made, as it says.
    pub stated_at: Timestamp,
    /// The signed note, verbatim.
    pub note: String,
}

/// Cosignatures and statements.
#[async_trait]
pub trait Attestations: Send + Sync {
    /// Keeps a cosignature, unless there is one of its witness under its checkpoint already.
    async fn put_cosignature(&self, cosignature: &KeptCosignature) -> Result<(), StoreError>;
    /// Cosignatures under the checkpoints of an origin from one size to another, both included, by size and key.
    async fn cosignatures(&self, origin: &str, from: u64, to: u64) -> Result<Vec<KeptCosignature>, StoreError>;
    /// The size of the greatest checkpoint of an origin that at least `quorum` of these keys cosigned; `None` if there is none.
    /// A quorum of 0 counts as 1: nothing is cosigned by nobody.
    async fn last_cosigned(&self, origin: &str, keys: &[String], quorum: u32) -> Result<Option<u64>, StoreError>;

    /// Keeps a statement as the next one, unless the very same note is kept already.
    async fn put_statement(&self, stated_at: Timestamp, note: &str) -> Result<(), StoreError>;
    /// Every statement, in order.
    async fn statements(&self) -> Result<Vec<KeptStatement>, StoreError>;
}
