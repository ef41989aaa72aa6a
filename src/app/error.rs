//! The one error that the edges match: what a caller may learn, and what an operator needs.

use crate::domain::access::NotAllowed;
use crate::domain::event::Kind;
use crate::domain::ids::StreamId;
use crate::domain::refusal::Refusal;
use crate::store::StoreError;
use crate::vault::VaultError;
use std::sync::Arc;

/// A precondition that did not hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stale {
    /// The version that the recording has now.
    pub current: u64,
}

/// Why a verb did not do what was asked.
#[derive(Debug, Clone, thiserror::Error)]
pub enum AppError {
    /// The token does not allow it.
    #[error(transparent)]
    NotAllowed(#[from] NotAllowed),
    /// Not there, or not within the caller's reach: the two are never told apart.
    #[error("there is no such {}", kind.as_str())]
    NotFound {
        /// What was looked for.
        kind: Kind,
    },
    /// The domain said no.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The version that the caller saw is not the current one.
    #[error("the recording has changed: its version is {}", .0.current)]
    Stale(Stale),
    /// The recording kept changing while the command was decided again and again.
    #[error("the recording is being changed by others; try again")]
    Contended,
    /// The idempotency key was used with another request.
    #[error("this idempotency key was used with another request")]
    KeyReused,
    /// Another recording of the organisation holds something that must be its only.
    #[error("it belongs to another recording already")]
    Taken {
        /// Which.
        holder: StreamId,
    },
    /// Another line of an all-or-nothing batch was refused.
    #[error("not recorded because another line of the batch was refused")]
    GroupRejected,
    /// A line names a line that was refused or is not there.
    #[error("{detail}")]
    UnknownName {
        /// JSON pointer into the line.
        pointer: String,
        /// What was looked for.
        detail: String,
    },
    /// A query parameter cannot be used.
    #[error("{parameter}: {detail}")]
    InvalidQuery {
        /// Which.
        parameter: &'static str,
        /// Why.
        detail: String,
    },
    /// Personal parts cannot be opened now: the key store is away. Nothing is known to be erased.
    #[error("the keys are not available")]
    KeysUnavailable(#[source] Arc<VaultError>),
    /// There is no space left for new keys; what is there can be opened.
    #[error("the key store has no space left")]
    KeysFull(#[source] Arc<VaultError>),
    /// The person's keys were destroyed by an erasure: nothing more can be recorded about them.
    #[error("this person's record was erased")]
    Erased,
    /// A personal part does not open although its key is there.
    #[error("a personal part at position {position} was altered")]
    Tampered {
        /// Where.
        position: u64,
    },
    /// An event could not be folded into its row: the log and this program do not fit.
    #[error("the log cannot be folded: {detail}")]
    CannotFollow {
        /// Why, for operators.
        detail: String,
    },
    /// What an answer would show cannot be recorded, so it is not shown.
    #[error("the read cannot be recorded, so nothing is shown")]
    AccessNotRecorded(#[source] Arc<StoreError>),
    /// The store failed.
    #[error(transparent)]
    Store(Arc<StoreError>),
}

impl From<VaultError> for AppError {
    fn from(error: VaultError) -> Self {
        match error {
            VaultError::Erased => Self::Erased,
            VaultError::Full { .. } => Self::KeysFull(Arc::new(error)),
            error => Self::KeysUnavailable(Arc::new(error)),
        }
    }
}
