//! The last checkpoint that was signed, in a file apart from the database: what keeps a log from ever contradicting
//! itself, whatever becomes of the database. A restored old backup or a lagging replica is smaller than what was signed.

use crate::app::kept_file::{found, replace, waiting};
use crate::ledger::{CheckpointError, SignedCheckpoint};
use std::io;
use std::path::PathBuf;

/// Why the file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum GuardError {
    /// The file system refused.
    #[error("the file of the last signed checkpoint, {path}, cannot be {done}")]
    Io {
        /// The file.
        path: PathBuf,
        /// `read` or `written`.
        done: &'static str,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// It holds something else.
    #[error("the file {path} does not hold a signed checkpoint")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: CheckpointError,
    },
}

/// The file.
#[derive(Debug)]
pub(super) struct Guard {
    path: PathBuf,
}

impl Guard {
    /// The file at a path, which may not be there yet.
    pub(super) const fn at(path: PathBuf) -> Self {
        Self { path }
    }

    fn failed(&self, done: &'static str) -> impl FnOnce(io::Error) -> GuardError {
        let path = self.path.clone();
        move |source| GuardError::Io { path, done, source }
    }

    /// What it holds; `None` if there is none.
    pub(super) async fn read(&self) -> Result<Option<SignedCheckpoint>, GuardError> {
        let path = self.path.clone();
        let Some(bytes) = waiting(move || found(&path)).await.map_err(self.failed("read"))? else { return Ok(None) };
        SignedCheckpoint::parse(&bytes)
            .map(Some)
            .map_err(|source| GuardError::Unreadable { path: self.path.clone(), source })
    }

    /// Puts another in its place, durably and at once: after a crash there is the one or the other.
    pub(super) async fn write(&self, checkpoint: &SignedCheckpoint) -> Result<(), GuardError> {
        let (path, text) = (self.path.clone(), checkpoint.to_string());
        waiting(move || replace(&path, text.as_bytes())).await.map_err(self.failed("written"))
    }
}
