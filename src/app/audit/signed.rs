//! Whom an auditor trusts, and checkpoints held against that.

use crate::app::audit::report::{Cosigned, LogReport};
use crate::ledger::archive::{Code, Findings, Place, TreeAudit, Wanted};
use crate::ledger::{Checkpoint, CheckpointError, NoteError, Origin, SignedCheckpoint, Trust, VerifierKey};

/// A checkpoint that the auditor kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EarlierCheckpoint {
    /// What to call it: its file.
    pub name: String,
    /// Its bytes.
    pub note: Vec<u8>,
}

/// Whom an auditor trusts, and what they kept.
#[derive(Debug, Clone, Default)]
pub struct Auditor {
    /// The log's keys; empty to take the one that comes with the log, which proves less.
    pub keys: Vec<VerifierKey>,
    /// Checkpoints that they kept; the log must go on from each.
    pub earlier: Vec<EarlierCheckpoint>,
    /// The witnesses' keys.
    pub witnesses: Vec<VerifierKey>,
    /// How many of them must have cosigned the newest checkpoint.
    pub quorum: usize,
}

/// The keys and the origin that one log's checkpoints are held against.
pub(super) struct Trusted<'a> {
    pub(super) origin: Origin,
    pub(super) keys: Vec<VerifierKey>,
    pub(super) auditor: &'a Auditor,
}

impl<'a> Trusted<'a> {
    /// The auditor's own keys, or else the log's. The origin is what the key is named: a log signs with a key of its name.
    pub(super) fn of(auditor: &'a Auditor, logs_key: Option<VerifierKey>) -> Option<Self> {
        let keys = if auditor.keys.is_empty() { logs_key.into_iter().collect() } else { auditor.keys.clone() };
        let origin = keys.first()?.name().as_str().parse().ok()?;
        Some(Self { origin, keys, auditor })
    }

    /// What a note says, if the log signed it; else a finding.
    pub(super) fn open(&self, note: &[u8], place: Place<'_>, findings: &mut Findings) -> Option<Checkpoint> {
        let trust = Trust { origin: &self.origin, log_keys: &self.keys, witness_keys: &[], quorum: 0 };
        let opened = SignedCheckpoint::parse(note)
            .and_then(|signed| signed.open(&trust).map(|opened| opened.checkpoint.clone()));
        match opened {
            Ok(checkpoint) => Some(checkpoint),
            Err(error) => {
                findings.note(Code::Signature, place, None, error.to_string());
                None
            }
        }
    }

    /// Holds the newest checkpoint against the auditor's witnesses and tells who cosigned.
    pub(super) fn cosigned(&self, note: &[u8], place: Place<'_>, report: &mut LogReport, findings: &mut Findings) {
        let Ok(signed) = SignedCheckpoint::parse(note) else { return };
        let (witness_keys, quorum) = (&self.auditor.witnesses, self.auditor.quorum);
        let trust = Trust { origin: &self.origin, log_keys: &self.keys, witness_keys, quorum };
        match signed.open(&trust) {
            Ok(opened) => {
                let witness = opened.witnesses.iter();
                report.witnesses = witness
                    .map(|signed| Cosigned { witness: signed.key.name().to_string(), at: signed.cosigned_at })
                    .collect();
            }
            Err(error @ (CheckpointError::Quorum { .. } | CheckpointError::Note(NoteError::WrongSignature { .. }))) => {
                findings.note(Code::Quorum, place, None, error.to_string());
            }
            // The log's own signature was told before.
            Err(_) => {}
        }
    }

    /// Asks the tree for the root of each checkpoint that the auditor kept.
    pub(super) fn want_earlier(&self, tree: &mut TreeAudit, findings: &mut Findings) {
        for EarlierCheckpoint { name, note } in &self.auditor.earlier {
            let said_by = format!("your checkpoint {name}");
            if let Some(checkpoint) = self.open(note, Place::file(&said_by), findings) {
                let code = Code::RewrittenSinceCheckpoint;
                tree.want(checkpoint.size, Wanted { root: checkpoint.root, code, said_by }, findings);
            }
        }
    }
}
