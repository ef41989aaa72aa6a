//! The database: the log, the rows and the one writer. Two native stores, [`sqlite`] and [`postgres`], each with its
//! own static SQL; what must be the same in both (who is rejected, which position, which leaf, which row) is decided
//! by the pure [`plan`] between a store's reads and its writes. Knows `domain`, `projections`, `ledger`; never HTTP.

pub mod access_plan;
pub mod access_writer;
pub mod accesses;
pub mod append;
pub mod archive;
pub mod attestation;
pub mod client;
#[cfg(test)]
mod contract_test;
pub mod error;
pub mod history;
pub mod lawful;
pub mod plan;
pub mod postgres;
pub mod query;
mod queue;
pub mod reader;
pub mod sqlite;
mod stored;
pub mod transfer;
pub mod writer;

pub use accesses::{AccessHead, AccessQuery, AccessStore, KnownRecorder, NewAccess, StoredAccess};
pub use append::{About, Appended, Expected, Group, IdempotencyKey, NewAppend, NewEvent, NewPart, Rejection};
pub use archive::{Archive, Extent, RawEvent, RawPart};
pub use attestation::{Attestations, KeptCosignature, KeptStatement};
pub use client::{Client, ClientKeys};
pub use error::StoreError;
pub use history::{HistoryPart, HistoryPath, HistoryQuery, HistoryRecord, HistoryStore};
pub use query::{EventQuery, Head, KeptAnswer, KeptCheckpoint, RowPath, RowQuery, RowWanted, StoredPart};

use crate::domain::event::Recorded;
use crate::domain::ids::{OrganisationCode, StreamId};
use crate::domain::time::Timestamp;
use crate::ledger::Hash;
use crate::projections::Row;
use async_trait::async_trait;
use tokio::sync::watch;

/// The position after every position there can be: the open end of a row that is still true.
pub const OPEN_END: u64 = i64::MAX as u64;
/// Parts of one event get numbers `position * PARTS_PER_EVENT + ordinal`, so that they lie in log order.
pub const PARTS_PER_EVENT: u64 = 16;

/// Tells followers of a size that was learnt. What was learnt earlier may be told later; the size never goes back.
fn raise(size: &watch::Sender<u64>, told: u64) {
    size.send_if_modified(|known| {
        let grown = told > *known;
        if grown {
            *known = told;
        }
        grown
    });
}

/// Who may see what a query answers: every read names it, and no statement reads rows without it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reach {
    /// One organisation's own data.
    Organisation(OrganisationCode),
    /// All of them: operators' commands only (replay, rebuild, doctor), never a request.
    Operator,
}

/// A row, if it is within reach, with the head that the answer is complete to.
pub type SingleRow = (Head, Option<Row>);

/// A store: the same contract on both databases (`contract_test` is its definition).
#[async_trait]
pub trait Store:
    AccessStore + Archive + Attestations + HistoryStore + lawful::LawfulStore + Send + Sync + 'static
{
    /// Appends groups of events in one transaction, each item answered on its own: contiguous positions, leaves, parts,
    /// rows, the head. Either everything that is answered `Ok` is durable, or the call fails and nothing is.
    async fn append(
        &self,
        groups: &[Group],
        now: Timestamp,
    ) -> Result<Vec<Vec<Result<Appended, Rejection>>>, StoreError>;

    /// The log's head.
    async fn head(&self) -> Result<Head, StoreError>;
    /// Follows the head's size: changes whenever this store learns of a commit, here or in another process.
    fn follow(&self) -> watch::Receiver<u64>;
    /// The size that the log had at an instant: how many events were recorded at or before it.
    async fn size_at(&self, instant: Timestamp) -> Result<u64, StoreError>;

    /// One row for each wish, in their order, with the head that the answer is complete to; all by one statement. A row
    /// that cannot be read fails its own wish alone.
    async fn single_rows(&self, wanted: &[RowWanted]) -> Result<Vec<Result<SingleRow, StoreError>>, StoreError>;
    /// One row, as of a size of the log (`None`: now), with the head that the answer is complete to.
    async fn row(&self, reach: &Reach, id: StreamId, as_of: Option<u64>) -> Result<SingleRow, StoreError> {
        let wanted = RowWanted { reach: reach.clone(), id, as_of };
        let unanswered = || StoreError::Corrupt { position: 0, detail: "a read was not answered".to_owned() };
        self.single_rows(&[wanted]).await?.pop().ok_or_else(unanswered)?
    }
    /// Several current rows by id, in no order; ids out of reach are absent.
    async fn rows_by_id(&self, reach: &Reach, ids: &[StreamId]) -> Result<Vec<Row>, StoreError>;
    /// A page of rows in the order of the positions that made them.
    async fn rows(&self, query: &RowQuery) -> Result<(Head, Vec<Row>), StoreError>;
    /// The parts of a class-wise list of places; erased ones are absent.
    async fn parts(&self, places: &[crate::domain::event::PartRef]) -> Result<Vec<StoredPart>, StoreError>;
    /// A page of events in order, with the head that the answer is complete to.
    async fn events(&self, query: &EventQuery) -> Result<(Head, Vec<Recorded>), StoreError>;
    /// The exact leaf bytes of a range of positions.
    async fn leaves(&self, from: u64, limit: u32) -> Result<Vec<Vec<u8>>, StoreError>;
    /// What was answered under idempotency keys before; keys never used are absent.
    async fn kept_answers(&self, digests: &[[u8; 32]]) -> Result<Vec<([u8; 32], KeptAnswer)>, StoreError>;

    /// Begins a rebuild: the number of a new, empty generation of rows.
    async fn begin_rebuild(&self) -> Result<u32, StoreError>;
    /// Writes rows of a generation that is being built; `true_until` is the position at which each ends.
    async fn write_rebuilt(
        &self,
        generation: u32,
        rows: &[(Row, u64)],
        closed: &[(StreamId, u64)],
    ) -> Result<(), StoreError>;
    /// Rows of a generation as of a size, by id: what a rebuild folds on.
    async fn rebuilt_rows(&self, generation: u32, ids: &[StreamId], as_of: u64) -> Result<Vec<Row>, StoreError>;
    /// Makes a generation the current one if it is complete to `size`; `false` if the log has grown beyond it.
    async fn switch_generation(&self, generation: u32, size: u64) -> Result<bool, StoreError>;
    /// Row versions of the current generation by stream and start, each with its end ([`OPEN_END`] while it is true).
    async fn row_versions(&self, places: &[(StreamId, u64)]) -> Result<Vec<(Row, u64)>, StoreError>;
    /// How many row versions the current generation has, and how many of them are still true.
    async fn row_counts(&self) -> Result<(u64, u64), StoreError>;

    /// Adds a client to the registry; `false`, and nothing changed, where its id is taken.
    async fn add_client(&self, client: &Client) -> Result<bool, StoreError>;
    /// Adds or replaces a client of the registry.
    async fn put_client(&self, client: &Client) -> Result<(), StoreError>;
    /// One client.
    async fn client(&self, id: &str) -> Result<Option<Client>, StoreError>;
    /// Every client, by id.
    async fn clients(&self) -> Result<Vec<Client>, StoreError>;
    /// Remembers a token request's `jti` until it expires; `false` if it was used before.
    async fn use_assertion(
        &self,
        client: &str,
        jti_digest: &[u8; 32],
        expires_at: Timestamp,
        now: Timestamp,
    ) -> Result<bool, StoreError>;

    /// Hashes of one level of the tree's tiles from an index on: of leaves (level 0), or the roots of complete subtrees of
    /// 256^level leaves; fewer than `limit` where the level ends.
    async fn tree_hashes(&self, tile_level: u8, from: u64, limit: u32) -> Result<Vec<Hash>, StoreError>;
    /// Keeps a signed checkpoint, unless there is one of its origin and size already.
    async fn put_checkpoint(&self, checkpoint: &KeptCheckpoint) -> Result<(), StoreError>;
    /// Checkpoints of an origin from a size on, smallest first.
    async fn checkpoints(&self, origin: &str, from: u64, limit: u32) -> Result<Vec<KeptCheckpoint>, StoreError>;
    /// The checkpoint of the greatest size.
    async fn last_checkpoint(&self, origin: &str) -> Result<Option<KeptCheckpoint>, StoreError>;

    /// Checks what must hold before serving: migrations, durability settings, append-only triggers, privileges.
    async fn check(&self) -> Result<(), StoreError>;
    /// Waits for work under way and closes the connections.
    async fn close(&self);
}
