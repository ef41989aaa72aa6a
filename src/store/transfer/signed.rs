//! The roots that were signed of one log, until its leaves come to them: those in the table of checkpoints, and those that were kept
//! apart from the database. Checks no signatures: that needs keys, which rows do not have.

use crate::ledger::{Checkpoint, Frontier, Hash, SignedCheckpoint};
use std::collections::BTreeMap;

/// What was signed of one log.
pub(super) struct SignedRoots {
    /// The log's name in its checkpoints; those of other names are of other logs.
    origin: String,
    /// Of the table, by size.
    kept: BTreeMap<u64, Hash>,
    count: u64,
    /// Kept apart.
    apart: Vec<(u64, Hash)>,
}

impl SignedRoots {
    pub(super) const fn of(origin: String) -> Self {
        Self { origin, kept: BTreeMap::new(), count: 0, apart: Vec::new() }
    }

    /// Takes a checkpoint that was kept apart from the database.
    pub(super) fn expect(&mut self, checkpoint: &Checkpoint) -> Result<(), &'static str> {
        if checkpoint.origin.as_str() != self.origin {
            return Err("the last signed checkpoint that was kept apart is one of another log");
        }
        self.apart.push((checkpoint.size, checkpoint.root));
        self.holds_nothing_wrong_of_nothing(checkpoint)
    }

    /// Takes a row of the table.
    pub(super) fn take(&mut self, origin: &str, size: i64, note: &str) -> Result<(), &'static str> {
        if origin != self.origin {
            return Ok(());
        }
        let signed = SignedCheckpoint::parse(note.as_bytes()).map_err(|_| "a checkpoint cannot be read")?;
        let checkpoint = signed.unverified();
        if checkpoint.origin.as_str() != origin || i64::try_from(checkpoint.size) != Ok(size) {
            return Err("a checkpoint is filed under another log or size than it is of");
        }
        self.count += 1;
        if checkpoint.size > 0 {
            self.kept.insert(checkpoint.size, checkpoint.root);
        }
        self.holds_nothing_wrong_of_nothing(checkpoint)
    }

    /// No leaf comes that would be held against a checkpoint of none.
    fn holds_nothing_wrong_of_nothing(&self, checkpoint: &Checkpoint) -> Result<(), &'static str> {
        if checkpoint.size > 0 || checkpoint.root == Frontier::new().root() {
            Ok(())
        } else {
            Err("a checkpoint has another root")
        }
    }

    /// Holds the tree against what was signed of it when it had so many leaves.
    pub(super) fn reached(&mut self, size: u64, root: impl Fn() -> Hash) -> Result<(), &'static str> {
        if self.kept.remove(&size).is_some_and(|signed| signed != root()) {
            return Err("a checkpoint has another root");
        }
        if self.apart.iter().any(|(at, signed)| *at == size && *signed != root()) {
            return Err("a checkpoint that was kept apart has another root: the history was rewritten");
        }
        Ok(())
    }

    /// Ends it; answers how many of the table there were, and the greatest size kept apart that the leaves did not come to.
    pub(super) fn finish(self, size: u64) -> Result<(u64, Option<u64>), &'static str> {
        if !self.kept.is_empty() {
            return Err("a checkpoint was signed of more leaves than there are");
        }
        Ok((self.count, self.apart.into_iter().map(|(signed, _)| signed).filter(|signed| *signed > size).max()))
    }
}
