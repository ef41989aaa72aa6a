//! Answers about the log: checkpoints and proofs.

use crate::app::log::{Inclusion, KeptCheckpoint, KnownKey, SignedStatement, Statement};
use crate::app::words::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A checkpoint that was signed.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct CheckpointView {
    /// How many events its tree has.
    pub size: u64,
    /// When it was signed.
    pub signed_at: String,
    /// The signed note, verbatim, with the cosignatures of witnesses.
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

/// What the log states about itself.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct StatementView {
    /// `key_rotation` or `new_origin`.
    #[schema(example = "key_rotation")]
    pub kind: String,
    /// When it was stated.
    pub stated_at: String,
    /// The signed note, verbatim.
    pub note: String,
}

impl StatementView {
    /// The statement as it is shown.
    #[must_use]
    pub fn of(signed: &SignedStatement) -> Self {
        let kind = match signed.statement() {
            Statement::KeyRotation(_) => "key_rotation",
            Statement::NewOrigin(_) => "new_origin",
        };
        let stated_at = Timestamp::from_micros(signed.statement().stated_at()).to_string();
        Self { kind: kind.to_owned(), stated_at, note: signed.to_string() }
    }
}

/// Statements of the log about itself, in order.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct StatementList {
    /// The statements.
    pub items: Vec<StatementView>,
}

/// A key of a log.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct LogKeyView {
    /// The log that it signs.
    pub origin: String,
    /// The verifier key (C2SP `signed-note`).
    pub key: String,
    /// The smallest tree that it signs.
    pub from_size: u64,
    /// The greatest that it signed; absent while it signs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until_size: Option<u64>,
}

impl From<KnownKey> for LogKeyView {
    fn from(known: KnownKey) -> Self {
        let KnownKey { origin, key } = known;
        Self { origin: origin.to_string(), key: key.key.to_string(), from_size: key.from, until_size: key.until }
    }
}

/// The keys of the log and of those that it continues, the oldest first.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct LogKeyList {
    /// The keys.
    pub items: Vec<LogKeyView>,
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
