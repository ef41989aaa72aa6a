//! What can go wrong with keys, each told apart: *erased*, *unavailable* and *tampered* are three answers.
//!
//! `Display` says what failed in words that hold nothing personal and no key; `source` says why. Errors are cheap to
//! clone, because one failed transaction answers everyone who waited for it.

use std::error::Error;
use std::path::PathBuf;
use std::sync::Arc;

/// Why something beneath the vault failed; shared by all who waited for it.
pub type Cause = Arc<dyn Error + Send + Sync>;

/// The vault could not do what it was asked.
#[derive(Debug, Clone, thiserror::Error)]
pub enum VaultError {
    /// A setting is wrong; the text says which and what is expected.
    #[error("{0}")]
    Configuration(&'static str),
    /// The master key could not be used.
    #[error("the master key cannot be used")]
    MasterKey(#[from] Arc<MasterKeyError>),
    /// There is no key store, or one without its deployment keys, where there must be one: nothing was created,
    /// because new keys would open nothing that was sealed before.
    #[error("the key store is missing or incomplete; restore it from its own backup")]
    Missing,
    /// The file of the key store is no longer where it was opened: whatever is written to it is lost at the next start. It is
    /// open in this process still, so what it holds can be read here, and copied from `/proc/<pid>/fd` while this runs.
    #[error(
        "the file of the key store, or its write-ahead log, was deleted, moved or replaced while it was in use; put the \
         same file back, or stop and restore it from its own backup"
    )]
    Moved,
    /// Keys and events share one database, so that one copy would reveal everything.
    #[error("the key store must not share a database with the event log; give it a database of its own")]
    SharedWithEvents,
    /// The key store did not do its work; try again later.
    #[error("the key store could not {operation}")]
    Store {
        /// What was being done.
        operation: &'static str,
        /// Why it failed.
        source: Cause,
    },
    /// There is no space left for the key store.
    #[error("the key store has no space left to {operation}")]
    Full {
        /// What was being done.
        operation: &'static str,
        /// Why it failed.
        source: Cause,
    },
    /// The key store holds something that cannot be there.
    #[error("the key store is damaged: {0}")]
    Damaged(&'static str),
    /// The master key of this epoch is not among those given.
    #[error("no master key of epoch {epoch} was given")]
    EpochMissing {
        /// The epoch that wrapped the key.
        epoch: u32,
    },
    /// The master key of this epoch does not open what that epoch wrapped: another key, or an altered row.
    #[error("the master key of epoch {epoch} does not open the stored key")]
    WrongMasterKey {
        /// The epoch that wrapped the key.
        epoch: u32,
    },
    /// The key store wraps under a later epoch by now: this process must read the master key again.
    #[error("the key store has moved on to a later master key than this process holds")]
    EpochPassed,
    /// The person's key was destroyed on purpose.
    #[error("the key was destroyed by an erasure")]
    Erased,
    /// There is neither a key nor the mark of a destroyed one.
    #[error("the key store knows no such key")]
    KeyMissing,
    /// The database could lose what it has acknowledged.
    #[error("the key store is not durable: {setting} is {found}, expected {expected}")]
    NotDurable {
        /// The setting's name, as the database calls it.
        setting: &'static str,
        /// Its value.
        found: String,
        /// What it must be.
        expected: &'static str,
    },
    /// The keeper of the keys has stopped: the vault is closing.
    #[error("the vault is closed")]
    Closed,
    /// The part could not be sealed.
    #[error("the part cannot be sealed")]
    Seal(#[from] SealError),
}

impl VaultError {
    /// Names the operation that a database error ended.
    pub(super) fn store(operation: &'static str, error: impl Error + Send + Sync + 'static) -> Self {
        let source: Cause = Arc::new(error);
        if is_passed(&*source) {
            return Self::EpochPassed;
        }
        if is_full(&*source) { Self::Full { operation, source } } else { Self::Store { operation, source } }
    }
}

fn database_error<'e>(error: &'e (dyn Error + Send + Sync + 'static)) -> Option<&'e dyn sqlx::error::DatabaseError> {
    error.downcast_ref::<sqlx::Error>().and_then(sqlx::Error::as_database_error)
}

/// Whether a database says that there is no space: SQLITE_FULL is 13, PostgreSQL's disk_full 53100.
fn is_full(error: &(dyn Error + Send + Sync + 'static)) -> bool {
    let code = database_error(error).and_then(sqlx::error::DatabaseError::code);
    matches!(code.as_deref(), Some("13" | "53100"))
}

/// Whether it is the trigger that refuses what is wrapped under an epoch that has passed. SQLite has one code for all
/// triggers, so its words tell them apart.
fn is_passed(error: &(dyn Error + Send + Sync + 'static)) -> bool {
    database_error(error).is_some_and(|error| match error.code().as_deref() {
        Some("CKE01") => true,
        Some("1811") => error.message().contains("epoch of the master key has passed"),
        _ => false,
    })
}

impl From<MasterKeyError> for VaultError {
    fn from(error: MasterKeyError) -> Self {
        Self::MasterKey(Arc::new(error))
    }
}

/// A sealed part could not be opened.
#[derive(Debug, Clone, thiserror::Error)]
pub enum OpenError {
    /// The key was destroyed by an erasure: the part is gone for good, on purpose.
    #[error("the part was erased")]
    Erased,
    /// The key cannot be had now: the store is away, has no such key, or its master key is not here. Not an erasure,
    /// and nothing is known about the part.
    #[error("the key of the part is unavailable")]
    KeyUnavailable(#[source] VaultError),
    /// The key is here and the part does not open: altered bytes, another place, or not a sealed part.
    #[error("the part was altered or does not belong here")]
    Tampered,
}

/// A part that cannot be sealed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    /// The part's name does not fit its length prefix of 16 bits.
    #[error("the part's name is longer than 65,535 bytes")]
    NameTooLong,
    /// The cipher's limit, about 256 GiB.
    #[error("the part is too large for the cipher")]
    TooLarge,
}

/// A master key that cannot be read or written. Never shows what the file holds.
#[derive(Debug, thiserror::Error)]
pub enum MasterKeyError {
    /// A line has another shape.
    #[error("line {line} of the master key is not \"cairn-master-key/v1 <epoch> <64 hexadecimal digits>\"")]
    Line {
        /// Counted from 1.
        line: usize,
    },
    /// There is no key in the text.
    #[error("there is no master key in the text")]
    Empty,
    /// Two keys claim one epoch.
    #[error("the master key of epoch {epoch} is given twice")]
    DuplicateEpoch {
        /// The epoch.
        epoch: u32,
    },
    /// Others may read the file.
    #[error("the master key file {path} is open to others (mode {mode:03o}); set it to 600")]
    Permissions {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// The file holds more than any set of keys could.
    #[error("the master key file {path} is not a regular file of at most 64 KiB")]
    NotAKeyFile {
        /// The file.
        path: PathBuf,
    },
    /// The file exists; a master key is never overwritten.
    #[error("the master key file {path} exists already and is never overwritten")]
    Exists {
        /// The file.
        path: PathBuf,
    },
    /// Another process is changing the file.
    #[error("the master key file {path} is being changed by another rotation; wait for it to end")]
    Busy {
        /// The file.
        path: PathBuf,
    },
    /// The system refused to read or write the file.
    #[error("the master key file {path} cannot be {verb}")]
    File {
        /// The file.
        path: PathBuf,
        /// What could not be done to it.
        verb: &'static str,
        /// Why.
        source: std::io::Error,
    },
}
