//! Backups and moves: a whole store into files and back, or into the other kind of database; the keys apart.
//!
//! Joins what travels (`transfer`) with what it must come to: the tree of the events, the master keys, what the log says was
//! erased, the rows that the fold makes. Nothing of a backup is loaded before every byte of it was found whole.

mod keys;
mod making;
mod manifest;
mod moving;
mod proving;
mod restoring;
mod signed;

pub use keys::{KeysBackedUp, KeysRestored, back_up_keys, restore_keys};
pub use making::{BackedUp, Backup, back_up};
pub use manifest::ListedLog;
pub use moving::{Move, Moved, move_keys, move_store};
pub use restoring::{Restore, Restored, restore};
pub use signed::{Beyond, SignedLog};

pub use crate::store::transfer::EachLog;

use crate::app::AppError;
use crate::app::log::LogError;
use crate::store::transfer::{ErasureUnreadable, LogFound, TreeCheck, TreeWrong};
use crate::transfer::{Difference, Row, TransferError};
use crate::vault::VaultError;
use std::path::PathBuf;

/// What whoever watches is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Told {
    /// Something begins, of so many pieces where that is known.
    Begins(&'static str, Option<u64>),
    /// So many more pieces of it are done.
    More(u64),
}

/// Whoever watches.
pub type Tell<'t> = &'t mut (dyn FnMut(Told) + Send);

/// Why a backup was not made, restored or moved.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// A folder cannot be used as it was given.
    #[error("{0}")]
    Folders(String),
    /// Files or databases.
    #[error(transparent)]
    Transfer(#[from] TransferError),
    /// A file beside the tables.
    #[error("the file {path} cannot be {done}")]
    File {
        /// The file.
        path: PathBuf,
        /// `read` or `written`.
        done: &'static str,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// A file is not the one that the manifest names.
    #[error("the backup is damaged: {0}")]
    Damaged(String),
    /// The events or accesses do not belong together.
    #[error("the log is not whole")]
    Tree(#[source] TreeWrong),
    /// The backup is of another log than the one that is set up here.
    #[error(
        "the backup is of the log {found}, and {setting} says {expected}: set it to the log's own name, which it keeps for ever"
    )]
    OtherLog {
        /// The log of the backup.
        found: String,
        /// What the settings say.
        expected: String,
        /// The setting.
        setting: &'static str,
    },
    /// The backup is not the newest.
    #[error(
        "the backup is older than the last signed checkpoint in {}: it has {} {}, and {} were signed. Nothing was changed. Restore \
         the newest backup. If what was recorded since is lost everywhere, restore this one with --although-older, and run `cairn \
         log new-origin` before serving: the log goes on under another name, publicly",
        .0.state_file.display(), .0.found, .0.entries, .0.signed
    )]
    Older(Beyond),
    /// What is to be copied is not the newest.
    #[error(
        "the database is behind: a checkpoint of {} {} was signed ({}), and it has {}; it is an old backup, a lagging replica or \
         another database. It is not copied",
        .0.signed, .0.entries, .0.state_file.display(), .0.found
    )]
    Behind(Beyond),
    /// The file of the last signed checkpoint holds something else.
    #[error("the file {} does not hold a signed checkpoint", .0.display())]
    State(PathBuf),
    /// The audit at the end found something.
    #[error("everything was copied, and it does NOT VERIFY: {0}. See `cairn verify`; do not serve it")]
    Unverified(String),
    /// The audit at the end could not open everything.
    #[error(
        "everything was copied, and nothing was found wrong, but the keys of {count} sealed parts cannot be had. Run `cairn verify` \
         when the key store is whole"
    )]
    Unavailable {
        /// How many parts.
        count: u64,
    },
    /// What is there already is something else.
    #[error("{what} is not empty, and holds something else (from row {row} of {table} on); nothing was changed")]
    NotEmpty {
        /// Which database.
        what: &'static str,
        /// The table that differs.
        table: String,
        /// Which of its rows.
        row: u64,
    },
    /// What was loaded, or the source that it came from, is not the same any more.
    #[error("{0}")]
    Differs(String),
    /// An erasure.
    #[error(transparent)]
    Erasure(#[from] ErasureUnreadable),
    /// Parts whose keys are neither there nor destroyed.
    #[error(
        "{count} keys that sealed parts of the events are neither in the key store nor destroyed: the keys are older than the \
         events. Restore newer keys"
    )]
    KeysMissing {
        /// How many keys.
        count: u64,
    },
    /// What the logs stated about themselves.
    #[error(transparent)]
    Log(#[from] LogError),
    /// The keys.
    #[error(transparent)]
    Vault(#[from] VaultError),
    /// The rest.
    #[error(transparent)]
    App(#[from] AppError),
}

impl BackupError {
    fn file(path: PathBuf, done: &'static str) -> impl FnOnce(std::io::Error) -> Self {
        move |source| Self::File { path, done, source }
    }

    fn differs(what: &'static str) -> impl FnOnce(Difference) -> Self {
        move |Difference { table, row }| Self::NotEmpty { what, table, row }
    }

    /// Whether the answer is no, rather than that something cannot be had.
    #[must_use]
    pub const fn is_no(&self) -> bool {
        matches!(
            self,
            Self::Transfer(
                TransferError::Damaged { .. }
                    | TransferError::Other { .. }
                    | TransferError::Unfit(_)
                    | TransferError::NotEmpty { .. }
                    | TransferError::Refused(_)
            ) | Self::Damaged(_)
                | Self::Tree(_)
                | Self::Older(_)
                | Self::Behind(_)
                | Self::Unverified(_)
                | Self::NotEmpty { .. }
                | Self::Differs(_)
                | Self::Erasure(ErasureUnreadable::Facts(_))
                | Self::KeysMissing { .. }
        )
    }
}

/// A check of the tree as somebody who is asked about rows.
fn look_at(check: &mut TreeCheck, table: &str, rows: &[Row]) -> Result<(), TransferError> {
    check.take(table, rows).map_err(|wrong| TransferError::Refused(Box::new(wrong)))
}

/// Ends a check of the trees.
fn found(check: TreeCheck) -> Result<EachLog<LogFound>, BackupError> {
    check.finish().map_err(BackupError::Tree)
}
