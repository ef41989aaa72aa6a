//! What is known of each log's signer beside the database: its name, its key, and the last checkpoint that it signed. That one is
//! read and never written here: a backup does not hold it and a restoration does not bring it back, because it is what tells an
//! old backup from the newest.

use super::{BackupError, EachLog};
use crate::ledger::{SignedCheckpoint, VerifierKey};
use crate::store::transfer::{LogFound, TreeCheck};
use std::path::PathBuf;

/// A log as its signer knows it.
#[derive(Debug, Clone)]
pub struct SignedLog {
    /// Its name in its checkpoints.
    pub origin: String,
    /// The key that verifies its checkpoints, where the signer's own file is at hand.
    pub key: Option<VerifierKey>,
    /// The file of the last signed checkpoint, which may not be there.
    pub state_file: PathBuf,
}

/// A log that is shorter than what was signed of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Beyond {
    /// What its leaves are about.
    pub entries: &'static str,
    /// Leaves that were signed.
    pub signed: u64,
    /// Leaves that there are.
    pub found: u64,
    /// The file that says so.
    pub state_file: PathBuf,
}

impl SignedLog {
    /// The last checkpoint that was signed, and its bytes.
    pub(super) fn kept_apart(&self) -> Result<Option<(SignedCheckpoint, Vec<u8>)>, BackupError> {
        let bytes = match std::fs::read(&self.state_file) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(BackupError::file(self.state_file.clone(), "read")(error)),
        };
        match SignedCheckpoint::parse(&bytes) {
            Ok(signed) => Ok(Some((signed, bytes))),
            Err(_) => Err(BackupError::State(self.state_file.clone())),
        }
    }
}

impl EachLog<SignedLog> {
    /// A check of trees that holds them against what was signed.
    pub(super) fn check(&self) -> Result<TreeCheck, BackupError> {
        let origins = EachLog { outcomes: self.outcomes.origin.clone(), accesses: self.accesses.origin.clone() };
        let mut check = TreeCheck::new(origins);
        let (outcomes, accesses) = (self.outcomes.kept_apart()?, self.accesses.kept_apart()?);
        let apart =
            |kept: &Option<(SignedCheckpoint, Vec<u8>)>| kept.as_ref().map(|(signed, _)| signed.unverified().clone());
        let (outcomes, accesses) = (apart(&outcomes), apart(&accesses));
        let apart = EachLog { outcomes: outcomes.as_ref(), accesses: accesses.as_ref() };
        check.expect(apart).map_err(BackupError::Tree)?;
        Ok(check)
    }

    /// The first log that is shorter than what was signed of it.
    pub(super) fn beyond(&self, found: &EachLog<LogFound>) -> Option<Beyond> {
        let of = |entries, log: &SignedLog, found: &LogFound| {
            let state_file = log.state_file.clone();
            found.signed_beyond.map(|signed| Beyond { entries, signed, found: found.size, state_file })
        };
        of("events", &self.outcomes, &found.outcomes).or_else(|| of("accesses", &self.accesses, &found.accesses))
    }
}
