//! Reading the log as it lies in its tables, for export and audit: nothing is interpreted, so that what cannot be right
//! is read and found instead of being an error. Only operators' commands read this way.

use crate::domain::ids::{PersonId, StreamId};
use crate::ledger::archive::LogName;
use crate::store::StoreError;
use async_trait::async_trait;

/// A row of `event` or `access`, as bytes and numbers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RawEvent {
    /// Column `position`.
    pub position: i64,
    /// Column `event_id`, 16 bytes where it is right.
    pub event_id: Vec<u8>,
    /// Column `stream`, 16 bytes where it is right.
    pub stream: Vec<u8>,
    /// Column `version`.
    pub version: i64,
    /// Column `organisation`, UTF-8 where it is right.
    pub organisation: Vec<u8>,
    /// Column `organisation_counter`.
    pub organisation_counter: i64,
    /// Column `recorded_at`, in microseconds since the epoch.
    pub recorded_at: i64,
    /// Column `name`, UTF-8 where it is right.
    pub name: Vec<u8>,
    /// Column `schema_version`.
    pub schema_version: i64,
    /// Column `leaf`.
    pub leaf: Vec<u8>,
    /// Column `leaf_hash`, 32 bytes where it is right.
    pub leaf_hash: Vec<u8>,
    /// Whether every column holds a value of its type, which SQLite does not enforce.
    pub typed: bool,
}

/// A row of `part`, or the facts of an access, as bytes and numbers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RawPart {
    /// Column `part_id`: sixteen times the position, and the place among the event's parts.
    pub part_id: i64,
    /// Column `position`.
    pub position: i64,
    /// Column `name`.
    pub name: Vec<u8>,
    /// Column `class`.
    pub class: Vec<u8>,
    /// Column `subject`.
    pub subject: Option<Vec<u8>>,
    /// Column `key_id`.
    pub key_id: Option<Vec<u8>>,
    /// Column `salt`.
    pub salt: Option<Vec<u8>>,
    /// Column `bytes`.
    pub bytes: Vec<u8>,
    /// Whether every column holds a value of its type.
    pub typed: bool,
}

/// How far the log and its tables go, all read at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Extent {
    /// The head's number of events.
    pub size: i64,
    /// The head's last recorded time.
    pub recorded_at: i64,
    /// The head's edge of the tree.
    pub frontier: Vec<u8>,
    /// The least and the greatest position of an event.
    pub events: Option<(i64, i64)>,
    /// The least and the greatest id of a part.
    pub parts: Option<(i64, i64)>,
    /// How many hashes of complete subtrees there are.
    pub subtrees: i64,
}

/// The tables of each log as they are. An access is read as an event of one part, its facts.
#[async_trait]
pub trait Archive {
    /// How far the log goes; `None` where its head is not there.
    async fn extent(&self, log: LogName) -> Result<Option<Extent>, StoreError>;
    /// Events of a range of positions, in order.
    async fn raw_events(&self, log: LogName, from: u64, until: u64) -> Result<Vec<RawEvent>, StoreError>;
    /// Parts whose ids are those of a range of positions, by id.
    async fn raw_parts(&self, log: LogName, from: u64, until: u64) -> Result<Vec<RawPart>, StoreError>;
    /// Hashes of complete subtrees of a level with their indexes, from an index on.
    async fn raw_subtrees(
        &self,
        log: LogName,
        tile_level: u8,
        from: u64,
        limit: u32,
    ) -> Result<Vec<(i64, Vec<u8>)>, StoreError>;
    /// The streams whose rows now belong to a person's record, the person's own among them.
    async fn streams_of_person(&self, person: PersonId) -> Result<Vec<StreamId>, StoreError>;
}
