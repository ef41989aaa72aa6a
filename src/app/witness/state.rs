//! What a witness must never forget: of each log the last checkpoint that it cosigned, in a file that is replaced whole and
//! durably before the cosignature leaves. Beside it, what a log should not have signed. Decides nothing.

use crate::app::kept_file::{found, replace, waiting};
use crate::ledger::{AddCheckpoint, CheckpointError, Origin, SignedCheckpoint, TreeHead};
use sha2::{Digest as _, Sha256};
use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

/// A file of the witness that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum StateError {
    /// The file system refused.
    #[error("the witness's file {path} cannot be {done}")]
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
    #[error(
        "the witness's file {path} does not hold the last checkpoint of its log; without it nothing may be cosigned"
    )]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: CheckpointError,
    },
}

fn failed(path: &Path, done: &'static str) -> impl FnOnce(io::Error) -> StateError {
    let path = path.to_owned();
    move |source| StateError::Io { path, done, source }
}

/// Makes the folder and takes it for this process; `None` where another has it. The lock ends with the file.
pub(super) fn lock(folder: &Path) -> Result<Option<File>, StateError> {
    let path = folder.join("lock");
    std::fs::create_dir_all(folder).map_err(failed(folder, "written"))?;
    let file =
        OpenOptions::new().create(true).truncate(false).write(true).open(&path).map_err(failed(&path, "written"))?;
    match file.try_lock() {
        Ok(()) => Ok(Some(file)),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(error)) => Err(failed(&path, "written")(error)),
    }
}

/// What the witness called itself at its first start.
pub(super) fn kept_name(folder: &Path) -> Result<Option<String>, StateError> {
    let path = folder.join("name");
    let bytes = found(&path).map_err(failed(&path, "read"))?;
    Ok(bytes.map(|bytes| String::from_utf8_lossy(&bytes).trim_end().to_owned()))
}

/// Keeps that name.
pub(super) fn keep_name(folder: &Path, name: &str) -> Result<(), StateError> {
    let path = folder.join("name");
    replace(&path, format!("{name}\n").as_bytes()).map_err(failed(&path, "written"))
}

/// What is kept of a log that is caught or may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kept {
    /// Two roots of one size, signed both: proof by itself. The first stays.
    Fork,
    /// The last request whose proof did not hold: the log may be dishonest, or whoever sent it clumsy.
    Refused,
}

/// The state of one log.
pub(super) struct LogState {
    origin: Origin,
    path: PathBuf,
}

impl LogState {
    /// The state of a log in the witness's folder.
    ///
    /// # Errors
    /// Where it is there and cannot be read: a witness that has forgotten must not cosign.
    pub(super) fn open(folder: &Path, origin: Origin) -> Result<Self, StateError> {
        // An origin may have any character; its digest is a file's name everywhere.
        let name = hex::encode(Sha256::digest(origin.as_str().as_bytes()));
        let state = Self { origin, path: folder.join("logs").join(format!("{name}.checkpoint")) };
        let bytes = found(&state.path).map_err(failed(&state.path, "read"))?;
        state.head_of(bytes)?;
        Ok(state)
    }

    fn head_of(&self, bytes: Option<Vec<u8>>) -> Result<Option<TreeHead>, StateError> {
        let Some(bytes) = bytes else { return Ok(None) };
        let unreadable = |source| StateError::Unreadable { path: self.path.clone(), source };
        let signed = SignedCheckpoint::parse(&bytes).map_err(unreadable)?;
        let checkpoint = signed.unverified();
        if checkpoint.origin != self.origin {
            return Err(unreadable(CheckpointError::OtherLog(checkpoint.origin.clone())));
        }
        Ok(Some(TreeHead { size: checkpoint.size, root: checkpoint.root }))
    }

    /// What was cosigned last; `None` if nothing ever was.
    pub(super) async fn latest(&self) -> Result<Option<TreeHead>, StateError> {
        let path = self.path.clone();
        let bytes = waiting(move || found(&path)).await.map_err(failed(&self.path, "read"))?;
        self.head_of(bytes)
    }

    /// Writes down, durably, what is about to be cosigned.
    pub(super) async fn advance(&mut self, request: &AddCheckpoint) -> Result<(), StateError> {
        self.put(self.path.clone(), request.checkpoint().to_string()).await
    }

    /// Keeps what a log should not have signed: the request that showed it, and beside it (`…-of`) the checkpoint that it does not go
    /// on from, which the state itself will not hold for long.
    pub(super) async fn keep(&mut self, what: Kept, request: &AddCheckpoint) -> Result<(), StateError> {
        let extension = if what == Kept::Fork { "fork" } else { "refused" };
        let path = self.path.with_extension(extension);
        if what == Kept::Fork && path.exists() {
            return Ok(());
        }
        let cosigned = self.path.clone();
        let cosigned = waiting(move || found(&cosigned)).await.map_err(failed(&self.path, "read"))?;
        if let Some(cosigned) = cosigned {
            let text = String::from_utf8_lossy(&cosigned).into_owned();
            self.put(self.path.with_extension(format!("{extension}-of")), text).await?;
        }
        self.put(path, request.to_string()).await
    }

    async fn put(&self, path: PathBuf, text: String) -> Result<(), StateError> {
        let place = path.clone();
        waiting(move || replace(&place, text.as_bytes())).await.map_err(failed(&path, "written"))
    }
}
