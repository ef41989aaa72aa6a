//! What an audit found, for people and machines to be told.

use crate::ledger::archive::{Counts, Findings, View};

/// How an audit ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Everything that was looked at is as it was signed.
    Verified,
    /// Something is wrong.
    Wrong,
    /// Nothing is wrong with what could be looked at, and something could not: keys were not to be had.
    Incomplete,
}

/// A witness that cosigned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cosigned {
    /// The witness's key by name.
    pub witness: String,
    /// When it says it did, in seconds since the epoch.
    pub at: Option<u64>,
}

/// What was looked at of one log.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LogReport {
    /// Its name.
    pub name: String,
    /// What it calls itself.
    pub origin: String,
    /// How many events it has.
    pub size: u64,
    /// The root of its tree, as computed.
    pub root: Option<String>,
    /// The size of the newest checkpoint that it was held against.
    pub checkpoint: Option<u64>,
    /// The keys that signatures were checked with.
    pub keys: Vec<String>,
    /// The witnesses, of those that the auditor trusts, that cosigned the newest checkpoint.
    pub witnesses: Vec<Cosigned>,
    /// Events and parts.
    pub counts: Counts,
    /// Signed roots that the tree was held against.
    pub roots: u64,
}

/// What an audit found.
#[derive(Debug, Clone, Default)]
pub struct Report {
    /// What an export shows; `None` for a live store.
    pub view: Option<View>,
    /// Whether the key was given by the auditor and not by what was audited.
    pub key_given: bool,
    /// Files that were read, and their bytes.
    pub files: (u64, u64),
    /// The logs.
    pub logs: Vec<LogReport>,
    /// Everything that is wrong.
    pub findings: Findings,
    /// What an auditor must know about how far the answer goes.
    pub limits: Vec<String>,
}

impl Report {
    /// The verdict.
    #[must_use]
    pub fn verdict(&self) -> Verdict {
        if self.findings.total() > 0 {
            Verdict::Wrong
        } else if self.logs.iter().any(|log| log.counts.unavailable_parts > 0) {
            Verdict::Incomplete
        } else {
            Verdict::Verified
        }
    }
}
