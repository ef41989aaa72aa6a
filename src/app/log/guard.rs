//! The last checkpoint that was signed, in a file apart from the database: what keeps a log from ever contradicting
//! itself, whatever becomes of the database. A restored old backup or a lagging replica is smaller than what was signed.

use crate::ledger::{CheckpointError, SignedCheckpoint};
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

/// The largest file that is read, in bytes.
const MOST_BYTES: u64 = 1024 * 1024;

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

/// Runs what waits for a disk where nobody else waits for it.
async fn waiting<T: Send + 'static>(work: impl FnOnce() -> io::Result<T> + Send + 'static) -> io::Result<T> {
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|error| Err(io::Error::other(error)))
}

fn found(path: &Path) -> io::Result<Option<Vec<u8>>> {
    let file = match File::open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        file => file?,
    };
    let mut bytes = Vec::new();
    file.take(MOST_BYTES).read_to_end(&mut bytes)?;
    Ok(Some(bytes))
}

fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    fs::create_dir_all(folder)?;
    let beside = path.with_extension("new");
    let mut file = File::create(&beside)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&beside, path)?;
    File::open(folder)?.sync_all()
}
