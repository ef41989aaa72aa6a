//! The log as auditors read it: every event at its full envelope, as known at one time and as true on another, followed
//! live, and compared between two points. It reads and never decides; the wording is that of `history`.
//!
//! Everything that this module answers passes [`release`], where it is checked to be within reach, and where it is recorded
//! who is shown whose data, durably, before anybody has it: a [`ChronicleEvent`] cannot be made elsewhere.

mod diff;
mod life;
mod read;
mod release;
mod words;

pub(super) use words::tell_other;

pub use diff::{DiffAsked, DiffPage, DiffRange, DiffSummary, Difference, LATE_DAYS, LATE_DAYS_MAX, Point};
pub use read::{HistoryAsked, HistoryPage};

use crate::app::accesses::Released;
use crate::app::{App, AppError};
use crate::domain::access::{Caller, Scope, allow};
use crate::domain::event::{Class, Kind, Recorded};
use crate::domain::ids::PersonId;
use crate::domain::personal::Personal;
use crate::domain::time::LifeTime;
use crate::ledger::Hash;
use crate::store::Reach;

/// How a part of an event stands for whoever reads it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PartState {
    /// In the clear.
    Clear,
    /// Sealed, and not opened for this auditor.
    Sealed,
    /// Opened for this auditor.
    Open(Personal<Vec<u8>>),
    /// Erased for good, on purpose.
    Erased,
}

impl PartState {
    /// The state in one word.
    #[must_use]
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Clear => "clear",
            Self::Sealed => "sealed",
            Self::Open(_) => "open",
            Self::Erased => "erased",
        }
    }
}

/// A part of an event as it is shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChroniclePart {
    /// Its name, which the leaf commits to.
    pub name: String,
    /// Its class.
    pub class: Class,
    /// How it stands.
    pub state: PartState,
}

/// An event at its full envelope.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChronicleEvent {
    /// The event.
    pub event: Recorded,
    /// Whose record it belongs to; `None` for reference data.
    pub person: Option<PersonId>,
    /// From when in life it holds; see [`life`].
    pub true_from: LifeTime,
    /// Its place among its organisation's events, from 0.
    pub organisation_counter: u64,
    /// The hash of its leaf.
    pub leaf_hash: Hash,
    /// Its parts, by name.
    pub parts: Vec<ChroniclePart>,
    /// Nobody can make one without it.
    released: Released,
}

impl ChronicleEvent {
    /// Whether its facts are there; where they were erased, only the envelope is left, and nobody whose it was.
    #[must_use]
    pub fn has_facts(&self) -> bool {
        self.parts.iter().all(|part| part.class != Class::Facts || part.state != PartState::Erased)
    }
}

/// Who reads: that decides whose events there are and which parts may be opened.
#[derive(Debug, Clone, Copy)]
pub enum Auditor<'caller> {
    /// A caller of the API: their own organisation's events; with words, the parts that their scopes open.
    Caller(&'caller Caller),
    /// An operator at the command line: every organisation's; with words, every part.
    Operator,
}

impl Auditor<'_> {
    fn reach(&self) -> Reach {
        match self {
            Self::Caller(caller) => Reach::Organisation(caller.organisation.clone()),
            Self::Operator => Reach::Operator,
        }
    }
    /// Refuses whoever may not read histories.
    fn check(&self) -> Result<(), AppError> {
        match self {
            Self::Caller(caller) => Ok(allow(caller, Scope::HistoryRead)?),
            Self::Operator => Ok(()),
        }
    }
    fn opens(&self, kind: Kind) -> bool {
        match self {
            Self::Caller(caller) => allow(caller, Scope::to_read(kind)).is_ok(),
            Self::Operator => true,
        }
    }
}

impl App {
    /// Whether nobody may wait for events any more, because the service stops.
    #[must_use]
    pub fn stops(&self) -> bool {
        *self.stopping.borrow()
    }
}
