//! What is handed to the log and what it answers.

use crate::domain::event::{Class, Facts, Header, IndexEntry};
use crate::domain::ids::{EventId, OrganisationCode, PersonId, StreamId};
use crate::domain::person::Barred;
use crate::domain::time::Timestamp;
use crate::ledger::{Commitment, PartName};
use crate::projections::RowKey;
use uuid::Uuid;

/// What the stream must look like for an event to be appended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expected {
    /// The stream is new.
    New,
    /// The stream's last event has this version.
    Version(u64),
}

/// An idempotency key as the store keeps it: digests under the deployment's key, so that neither the key nor the body
/// can be guessed from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IdempotencyKey {
    /// Digest of client and key.
    pub digest: [u8; 32],
    /// Digest of the request that it came with.
    pub fingerprint: [u8; 32],
}

/// A part, ready to be stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewPart {
    /// Its name within the event.
    pub name: PartName,
    /// Its class.
    pub class: Class,
    /// Whose it is.
    pub subject: Option<PersonId>,
    /// The key that sealed it.
    pub key: Option<Uuid>,
    /// Canonical JSON in the clear, or the sealed bytes.
    pub bytes: Vec<u8>,
    /// The salt of its commitment; sealed parts keep it inside.
    pub salt: Option<[u8; 32]>,
    /// The commitment that its leaf holds.
    pub commitment: Commitment,
}

/// An event, ready to be stored but for its position and time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewEvent {
    /// Its id.
    pub id: EventId,
    /// When in life, by whom, for what.
    pub header: Header,
    /// What happened.
    pub facts: Facts,
    /// Digests by which its subject can be found.
    pub index: Vec<IndexEntry>,
    /// Its parts, sorted by name; the first is `facts`.
    pub parts: Vec<NewPart>,
}

/// The person that an event is recorded on, and how its words were sealed for them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct About {
    /// The person.
    pub person: PersonId,
    /// The generation of the key that sealed its words; `None` where it has none.
    pub sealed_with: Option<u32>,
}

/// One event to append, and under which conditions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewAppend {
    /// The controller.
    pub organisation: OrganisationCode,
    /// The stream.
    pub stream: StreamId,
    /// What the stream must look like.
    pub expected: Expected,
    /// The key under which a repeat gets the same answer.
    pub key: Option<IdempotencyKey>,
    /// Keys that no other current row of the organisation may have.
    pub must_be_free: Vec<RowKey>,
    /// New streams of the same group that this event refers to: it is appended only if they are.
    pub needs: Vec<StreamId>,
    /// The person that it is recorded on, who must admit it at that very moment; `None` for reference data.
    pub about: Option<About>,
    /// The event.
    pub event: NewEvent,
}

impl NewAppend {
    /// Whether it changes what is stored besides its own stream, so that nothing may be appended together with its group.
    #[must_use]
    pub const fn goes_alone(&self) -> bool {
        matches!(self.event.facts, Facts::ErasureExecuted(_))
    }
}

/// Events that are appended together in order; an atomic group is appended whole or not at all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// All or each.
    pub atomic: bool,
    /// The events.
    pub items: Vec<NewAppend>,
}

/// Where an event stands in the log now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Appended {
    /// Its position.
    pub position: u64,
    /// Its stream; a repeat answers with the stream of the first time.
    pub stream: StreamId,
    /// Its version in the stream.
    pub version: u64,
    /// When it was recorded.
    pub recorded_at: Timestamp,
    /// Whether this answers a repeat of an earlier request.
    pub repeated: bool,
}

/// Why one item was not appended; the others of its batch are not touched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rejection {
    /// The stream does not look as expected.
    VersionConflict {
        /// Its version now; `None` if it does not exist.
        current: Option<u64>,
    },
    /// The idempotency key was used with another request.
    KeyReused,
    /// A key that must be free is taken by another recording of the organisation.
    Taken {
        /// Who has it.
        holder: StreamId,
    },
    /// The fold refused the event, or its leaf cannot be written.
    CannotFollow {
        /// Why.
        detail: String,
    },
    /// A new stream that it refers to was rejected, or was recorded before under another id.
    NeedsRejected {
        /// Which.
        stream: StreamId,
    },
    /// The person that it is recorded on does not admit it.
    Barred(Barred),
    /// Another item of its atomic group was rejected.
    GroupRejected,
}
