//! The verbs: the only place that joins domain, store and vault. The edges (`api`, `cli`) call these and nothing below.
//!
//! A recording's way: [`App::record`] checks who may (`domain::access`), what it names (`known`), decides
//! (`domain::resource`), seals (`prepare`), and hands one event to the writer (`store::writer`), which answers when it
//! is durable and its row can be read.

pub mod accesses;
pub mod audit;
pub mod auth;
pub mod backup;
mod batch;
mod chronicle;
pub mod clock;
pub mod error;
mod feed;
mod framework;
mod history;
pub mod ids;
mod kept_file;
pub mod key_rotation;
mod known;
mod lawful;
pub mod log;
pub mod open;
mod prepare;
mod reading;
mod rebuild;
mod record;
mod refold;
mod rejected;
mod replay;
mod replay_to;
pub mod sample;
mod seen;
pub mod witness;

pub use crate::store::lawful::KeyDestruction;
pub use batch::{ALL_MAX_LINES, BatchAnswer, BatchLine, BatchMode, CHUNK_LINES, Names};
pub use chronicle::{
    Auditor, ChronicleEvent, ChroniclePart, DiffAsked, DiffPage, DiffRange, DiffSummary, Difference, HistoryAsked,
    HistoryPage, LATE_DAYS, LATE_DAYS_MAX, PartState, Point,
};
pub use clock::{Clock, FixedClock, SystemClock};
pub use error::{AppError, Stale};
pub use feed::{FeedEvent, FeedPage, FeedQuery};
pub use framework::MAXIMUM_FRAMEWORK_VERSIONS;
pub use history::{HistoryEntry, OutcomeHistory};
pub use ids::{IdSource, RandomIds, SeededIds, new_request_id, random_bytes};
pub use lawful::{ErasureShown, Received};
pub use reading::{Disagreement, Found, Listing, Page, PersonRecord, PerspectiveReview};
pub use rebuild::Rebuilt;
pub use record::{Receipt, Recording, Target};
pub use replay::{Drift, Replayed};
pub use replay_to::{ReplayProgress, ReplayedTo};
pub use seen::{Complete, Content, Seen};

pub use crate::domain::reference;
pub use crate::store::Store;
pub use crate::vault::Vault;

use crate::domain::time::Timestamp;
use crate::store::access_writer::AccessWriter;
use crate::store::reader::Reader;
use crate::store::writer::Writer;
use crate::store::{Head, StoreError};
use accesses::Recorder;
use known::Known;
use std::sync::Arc;
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// As of when a read answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AsOf {
    /// Complete to a position, which is included.
    Position(u64),
    /// Everything that was recorded at or before an instant.
    Instant(Timestamp),
}

/// The service without its edges; cheap to clone.
#[derive(Clone)]
pub struct App {
    store: Arc<dyn Store>,
    vault: Vault,
    writer: Writer,
    reader: Reader,
    recorder: Recorder,
    clock: Arc<dyn Clock>,
    ids: Arc<dyn IdSource>,
    known: Arc<Known>,
    /// Whether nobody may wait for events any more.
    stopping: Arc<watch::Sender<bool>>,
}

impl App {
    /// Joins the parts and starts the writers and the reader on the current runtime. The task ends when the last clone of the app is
    /// gone and everything accepted is answered. `batch_events` is the most events that are committed together.
    #[must_use]
    pub fn start(
        store: Arc<dyn Store>,
        vault: Vault,
        clock: Arc<dyn Clock>,
        ids: Arc<dyn IdSource>,
        batch_events: usize,
    ) -> (Self, JoinHandle<()>) {
        let batch_clock = Arc::clone(&clock);
        let (writer, task) = Writer::start(Arc::clone(&store), batch_events, move || batch_clock.now());
        let access_clock = Arc::clone(&clock);
        let (access_writer, access_task) = AccessWriter::start(Arc::clone(&store), move || access_clock.now());
        let recorder = Recorder::new(access_writer);
        let reader = Reader::start(&store);
        let (known, stopping) = (Arc::default(), Arc::new(watch::Sender::new(false)));
        let both = tokio::spawn(async move {
            let _ = tokio::join!(task, access_task);
        });
        (Self { store, vault, writer, reader, recorder, clock, ids, known, stopping }, both)
    }

    /// The store that the app runs on, for the edges' own registry and health.
    #[must_use]
    pub fn store(&self) -> &Arc<dyn Store> {
        &self.store
    }

    /// The vault that the app seals with.
    #[must_use]
    pub const fn vault(&self) -> &Vault {
        &self.vault
    }

    /// Fresh random bytes, for the edges' tokens.
    #[must_use]
    pub fn fresh_bytes(&self) -> [u8; 16] {
        let salt = self.vault.fresh_salt();
        std::array::from_fn(|at| salt.get(at).copied().unwrap_or_default())
    }

    /// Fresh random bytes, for a key file.
    #[must_use]
    pub fn fresh_key(&self) -> [u8; 32] {
        self.vault.fresh_salt()
    }

    /// A digest under the deployment's key, for what the edges must recognise again (cursors).
    #[must_use]
    pub fn vault_fingerprint(&self, pieces: &[&[u8]]) -> [u8; 32] {
        self.vault.fingerprint(pieces)
    }

    /// The app's clock.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Ends every wait for events, here and in all clones: those who wait are answered with what there is. For a service that
    /// stops, which would wait for them else.
    pub fn end_waits(&self) {
        self.stopping.send_replace(true);
    }

    /// How many appends wait for the writer.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.writer.waiting()
    }

    /// Whether the store and the key store answer as they must, and accesses can be written.
    ///
    /// # Errors
    /// What is wrong, for operators.
    pub async fn check(&self) -> Result<(), AppError> {
        self.store.check().await?;
        self.vault.check().await?;
        self.check_accesses().await
    }

    /// The size that a read is as of, and `None` for now, for whoever holds it against the head that comes with the answer
    /// ([`Self::within`]): asking for the head first would be half of a single read.
    async fn size_asked_for(&self, as_of: Option<AsOf>) -> Result<Option<u64>, AppError> {
        match as_of {
            // Beyond every position that there can be is beyond the head, too.
            Some(AsOf::Position(position)) => Ok(Some(position.saturating_add(1))),
            other => self.size_as_of(other).await,
        }
    }

    /// Refuses an answer as of a size that the log does not have yet.
    fn within(size: Option<u64>, head: &Head) -> Result<(), AppError> {
        match size {
            Some(size) if size > head.size => Err(not_there_yet(head.size)),
            _ => Ok(()),
        }
    }

    /// The size that a read is as of; `None` for now.
    async fn size_as_of(&self, as_of: Option<AsOf>) -> Result<Option<u64>, AppError> {
        match as_of {
            None => Ok(None),
            Some(AsOf::Position(position)) => {
                let head = self.store.head().await?;
                if position >= head.size {
                    return Err(not_there_yet(head.size));
                }
                Ok(Some(position + 1))
            }
            Some(AsOf::Instant(instant)) => {
                if instant > self.clock.now() {
                    return Err(AppError::InvalidQuery {
                        parameter: "as_of",
                        detail: "that instant lies in the future".to_owned(),
                    });
                }
                Ok(Some(self.store.size_at(instant).await?))
            }
        }
    }
}

fn not_there_yet(size: u64) -> AppError {
    let detail = format!("the log is complete to {}; that position is not in it yet", describe_end(size));
    AppError::InvalidQuery { parameter: "as_of", detail }
}

fn describe_end(size: u64) -> String {
    size.checked_sub(1).map_or_else(|| "nothing: it is empty".to_owned(), |last| format!("position {last}"))
}

impl From<Arc<StoreError>> for AppError {
    fn from(error: Arc<StoreError>) -> Self {
        Self::Store(error)
    }
}

impl From<StoreError> for AppError {
    fn from(error: StoreError) -> Self {
        Self::Store(Arc::new(error))
    }
}

/// The domain's types that the edges speak in; the edges reach the domain through here only.
pub mod words {
    pub use crate::domain::access::{Caller, NotAllowed, RequestMark, Scope, UnknownScope};
    pub use crate::domain::action::{ActionAgreed, ActionCommand, ActionWords};
    pub use crate::domain::contribution::{ContributionCommand, ContributionRecorded, ContributionWords};
    pub use crate::domain::conversation::{
        Asked, ConversationCommand, ConversationContent, ConversationWords, Participant,
    };
    pub use crate::domain::erasure::{ErasureCommand, ErasureRequested, ErasureWords};
    pub use crate::domain::event::{Class, Facts, Header, Kind, PartRef, Recorded, SourceReference};
    pub use crate::domain::framework::{Comparison, FrameworkCommand, FrameworkRef, ItemRef, compare, is_slug};
    pub use crate::domain::identifier::{IdentifierSystem, PersonIdentifier};
    pub use crate::domain::ids::{
        ActionId, ContributionId, ConversationId, EventId, InvalidId, NarrativeId, OrganisationCode, OutcomeId,
        PersonId, ReviewId, StreamId,
    };
    pub use crate::domain::narrative::{
        NarrativeCommand, NarrativeRecorded, NarrativeWords, RecordResponseAdded, Response,
    };
    pub use crate::domain::outcome::{
        OutcomeCommand, OutcomeContent, OutcomeIdentified, OutcomePrioritised, OutcomeWords,
    };
    pub use crate::domain::person::{PersonCommand, PersonIdentity};
    pub use crate::domain::personal::{Personal, Words};
    pub use crate::domain::reading_access::{
        AccessOutcome, OPERATOR, ReadingAccess, RoleCode, ShownPart, Through, UserCode,
    };
    pub use crate::domain::reference::{FrameworkContent, FrameworkItem, FrameworkKind, ItemMapping};
    pub use crate::domain::refusal::Refusal;
    pub use crate::domain::resource::{Command, Resource};
    pub use crate::domain::review::{Appraisal, OutcomeReviewed, ReviewCommand, ReviewWords};
    pub use crate::domain::text::{Span, span_of};
    pub use crate::domain::time::{LifeTime, Timestamp};
    pub use crate::domain::words::{
        ActionStatus, ClosureReason, ConversationMode, Direction, ErasureBasis, ErasureExemption, ErasureScope,
        ErasureStatus, KnowledgeForm, OutcomeType, PartyKind, Perspective, ReviewStage, Stance,
    };
    pub use crate::projections::Row;
    pub use crate::store::client::{Client, ClientKeys};
    pub use crate::store::{IdempotencyKey, StoreError};
}
