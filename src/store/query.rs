//! What is asked of a store and the shape of its answers.

use crate::domain::event::{Class, Kind};
use crate::domain::ids::{OrganisationCode, OutcomeId, PersonId, StreamId};
use crate::domain::time::Timestamp;
use crate::ledger::Frontier;
use crate::projections::RowKey;
use crate::store::Reach;
use uuid::Uuid;

/// The log's head: how far it goes, and the state of its tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    /// How many events there are; the next position.
    pub size: u64,
    /// When the last of them was recorded; of a read as of an earlier size, when the last event before it was.
    pub recorded_at: Timestamp,
    /// The generation of rows that is current.
    pub generation: u32,
    /// The right edge of the tree; only [`crate::store::Store::head`] and the writer fill it.
    pub frontier: Option<Frontier>,
}

/// What was answered under an idempotency key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeptAnswer {
    /// Digest of the request.
    pub fingerprint: [u8; 32],
    /// The event's position.
    pub position: u64,
    /// Its stream.
    pub stream: StreamId,
    /// Its version.
    pub version: u64,
    /// When it was recorded.
    pub recorded_at: Timestamp,
}

/// A part as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredPart {
    /// Position of its event.
    pub position: u64,
    /// Its event, which its seal is bound to.
    pub event: crate::domain::ids::EventId,
    /// Its stream, likewise.
    pub stream: StreamId,
    /// Its version, likewise.
    pub version: u64,
    /// Its name.
    pub name: String,
    /// Its class.
    pub class: Class,
    /// The key that sealed it.
    pub key: Option<Uuid>,
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// The salt of a part in the clear.
    pub salt: Option<[u8; 32]>,
}

/// A checkpoint that was signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptCheckpoint {
    /// The name of the log.
    pub origin: String,
    /// The size of the tree.
    pub size: u64,
    /// When it was signed.
    pub signed_at: Timestamp,
    /// The signed note, verbatim.
    pub note: String,
}

/// A wish for one row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RowWanted {
    /// Whose rows may be answered.
    pub reach: Reach,
    /// Which.
    pub id: StreamId,
    /// As of this size of the log; `None` for now.
    pub as_of: Option<u64>,
}

/// Along which index a list goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RowPath {
    /// Everything of the organisation.
    All,
    /// One person's record.
    Person(PersonId),
    /// One outcome's reviews.
    Outcome(OutcomeId),
    /// What a key finds.
    Key(RowKey),
}

/// A page of rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RowQuery {
    /// Whose.
    pub organisation: OrganisationCode,
    /// Of which kind; `None` for every kind.
    pub kind: Option<Kind>,
    /// Along which index.
    pub path: RowPath,
    /// Only this status.
    pub status: Option<String>,
    /// Only this perspective.
    pub perspective: Option<String>,
    /// Only what may have happened at or after this instant in life.
    pub occurred_from: Option<Timestamp>,
    /// Only what may have happened before this instant in life.
    pub occurred_until: Option<Timestamp>,
    /// Only what was last recorded at or after this instant.
    pub recorded_from: Option<Timestamp>,
    /// Only what was last recorded before this instant.
    pub recorded_until: Option<Timestamp>,
    /// Only what changed at or after this position; also the cursor of a page.
    pub from_position: u64,
    /// As of this size of the log; `None` for now.
    pub as_of: Option<u64>,
    /// At most so many.
    pub limit: u32,
}

impl RowQuery {
    /// Everything of an organisation along a path, by the position of its last change; conditions are added by whoever asks.
    #[must_use]
    pub const fn along(organisation: OrganisationCode, path: RowPath, as_of: Option<u64>, limit: u32) -> Self {
        Self {
            organisation,
            kind: None,
            path,
            status: None,
            perspective: None,
            occurred_from: None,
            occurred_until: None,
            recorded_from: None,
            recorded_until: None,
            from_position: 0,
            as_of,
            limit,
        }
    }
}

/// A page of events.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventQuery {
    /// Whose.
    pub reach: Reach,
    /// One stream only.
    pub stream: Option<StreamId>,
    /// From this position on.
    pub from: u64,
    /// Before this position.
    pub until: u64,
    /// At most so many.
    pub limit: u32,
}
