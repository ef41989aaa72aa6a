//! Answers about the log: checkpoints and proofs.

use crate::app::log::{Inclusion, KeptCheckpoint};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A checkpoint that was signed.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct CheckpointView {
    /// How many events its tree has.
    pub size: u64,
    /// When it was signed.
    pub signed_at: String,
    /// The signed note, verbatim.
    pub note: String,
}

impl From<KeptCheckpoint> for CheckpointView {
    fn from(kept: KeptCheckpoint) -> Self {
        Self { size: kept.size, signed_at: kept.signed_at.to_string(), note: kept.note }
    }
}

/// Signed checkpoints, smallest first.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct CheckpointList {
    /// The checkpoints.
    pub items: Vec<CheckpointView>,
    /// Where the list goes on.
    pub next: Option<String>,
}

/// A proof that one tree goes on from another.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct ConsistencyView {
    /// Events of the earlier tree.
    pub from: u64,
    /// Events of the later tree.
    pub to: u64,
    /// The hashes of RFC 9162, section 2.1.4, each in base64.
    pub proof: Vec<String>,
}

impl ConsistencyView {
    /// The proof as it is shown.
    pub fn of(from: u64, to: u64, proof: &[impl ToString]) -> Self {
        Self { from, to, proof: proof.iter().map(ToString::to_string).collect() }
    }
}

/// A proof that an event is in the log.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct InclusionView {
    /// The event's position: the index of its leaf.
    pub position: u64,
    /// The leaf, verbatim.
    pub leaf: String,
    /// The leaf's hash in base64.
    pub leaf_hash: String,
    /// The hashes of RFC 9162, section 2.1.3, from the leaf upwards, each in base64.
    pub proof: Vec<String>,
    /// The checkpoint whose root they lead to.
    pub checkpoint: CheckpointView,
}

impl InclusionView {
    /// The proof as it is shown.
    #[must_use]
    pub fn of(found: &Inclusion) -> Self {
        Self {
            position: found.position,
            // A leaf is ASCII by its format.
            leaf: String::from_utf8_lossy(&found.leaf).into_owned(),
            leaf_hash: found.leaf_hash.to_string(),
            proof: found.proof.iter().map(ToString::to_string).collect(),
            checkpoint: found.checkpoint.clone().into(),
        }
    }
}
