//! A log as files that somebody takes away, and the audit of a log wherever it lies. Pure: bytes in, findings out; knows the
//! ledger's formats and `domain`'s facts, and neither files nor databases. `app::audit` feeds it from both.
//!
//! The story: `layout` (which files there are) · `manifest` (all of them with their digests, itself included) · `line` (one event
//! in one line, in one spelling) · `observed` (an event as somebody found it, in a line or in a table) · `events` (every
//! event against its leaf, its order, its parts) · `erasures` (what may be missing) · `tree` (leaves against hashes, hashes
//! against what was signed) · `finding` (what is wrong, by code, and what it means).
//!
//! Every byte of an export is determined by others or covered by a digest: there is one way to write it, and the reader
//! writes it again and compares.

mod erasures;
mod events;
#[cfg(test)]
mod events_test;
#[cfg(test)]
mod examples_test;
mod finding;
mod layout;
mod line;
mod manifest;
mod observed;
mod tree;

pub use erasures::{ERASURE_EVENT, erasure_subject};
pub use events::{Counts, EventAudit};
pub use finding::{Code, FINDINGS_TOLD, FINDINGS_TOLD_OF_A_CODE, Finding, Findings, Place};
pub use layout::{
    CHECKPOINTS_PER_FILE, EVENTS_PER_FILE, LogName, MANIFEST, STATEMENTS, UNFINISHED, checkpoints_file, events_file,
    read_events_file,
};
pub use line::{EventLine, LineError, read_checkpoint_line, write_checkpoint_line};
pub use manifest::{ListedFile, ListedLog, Manifest, ManifestError, View};
pub use observed::{Columns, Observed, ObservedPart, PartState};
pub use tree::{TreeAudit, Wanted};
