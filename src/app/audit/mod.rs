//! Taking a log away and verifying it, offline and where it lives. Joins the pure audit (`ledger::archive`) with files, with
//! the store's tables and with the keys. Only operators' and auditors' commands come here, never a request.
//!
//! `folder` (writing an export so that it can be gone on with) · `export` (from the store into a folder) · `disclosure` (recorded
//! as accesses before it is written) · `observing` (rows
//! as events, sealed parts opened) · `files` (reading an export) · `offline` and `live` (the two sources of one audit) ·
//! `signed` (checkpoints and keys that the auditor trusts) · `report` (what came out).

mod disclosure;
mod export;
mod files;
mod folder;
mod live;
mod observing;
mod offline;
mod report;
mod signed;

pub use crate::ledger::archive::{Code, Finding, LogName, View};
pub use crate::ledger::{KeyError, VerifierKey};
pub use export::{ExportRequest, Exported, LogToExport, export};
pub use folder::ExportError;
pub use live::{LiveLog, verify_store};
pub use offline::{Step, VerifyError, verify_folder};
pub use report::{Cosigned, LogReport, Report, Verdict};
pub use signed::{Auditor, EarlierCheckpoint};
