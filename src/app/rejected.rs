//! What a rejection by the log means for whoever asked. Knows the store's answers and no database.

use crate::app::{AppError, Stale};
use crate::domain::event::Kind;
use crate::domain::person::Barred;
use crate::store::Rejection;

/// What a rejection by the log means for the caller.
pub(super) fn refused_by_log(rejection: Rejection, kind: Kind) -> AppError {
    match rejection {
        Rejection::VersionConflict { current: Some(current) } => AppError::Stale(Stale { current }),
        Rejection::VersionConflict { current: None } => AppError::NotFound { kind },
        Rejection::KeyReused => AppError::KeyReused,
        Rejection::Taken { holder } => AppError::Taken { holder },
        Rejection::CannotFollow { detail } => AppError::CannotFollow { detail },
        Rejection::GroupRejected => AppError::GroupRejected,
        Rejection::Barred(Barred::Erased) => AppError::Erased,
        Rejection::Barred(Barred::SealedAnew { .. }) => AppError::Contended,
        Rejection::NeedsRejected { .. } => AppError::UnknownName {
            pointer: String::new(),
            detail: "another line that this one refers to was not recorded".to_owned(),
        },
    }
}
