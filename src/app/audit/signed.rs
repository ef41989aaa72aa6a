//! Whom an auditor trusts, and checkpoints held against that.

use crate::app::audit::report::{Cosigned, LogReport};
use crate::app::log::chain_of;
use crate::ledger::archive::{Code, Findings, Place, TreeAudit, Wanted};
use crate::ledger::{
    Checkpoint, CheckpointError, KeyChain, NoteError, Origin, SignedCheckpoint, SignedStatement, Trust, VerifierKey,
};

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

fn yours(name: &str) -> String {
    format!("your checkpoint {name}")
}

/// Notes what the auditor gave that is about none of these logs. Answers whether they gave a key of each.
pub(super) fn check_given(auditor: &Auditor, origins: &[&str], findings: &mut Findings) -> bool {
    for key in auditor.keys.iter().filter(|key| !origins.contains(&key.name().as_str())) {
        let detail = format!("it is a key of {}, and that log is not here", key.name());
        findings.note(Code::Key, Place::file("the key that you gave"), None, detail);
    }
    for EarlierCheckpoint { name, note } in &auditor.earlier {
        let detail = match SignedCheckpoint::parse(note) {
            Ok(signed) if origins.contains(&signed.unverified().origin.as_str()) => continue,
            Ok(signed) => format!("it is one of {}, and that log is not here", signed.unverified().origin),
            Err(error) => error.to_string(),
        };
        findings.note(Code::Signature, Place::file(&yours(name)), None, detail);
    }
    !origins.is_empty() && origins.iter().all(|origin| auditor.keys.iter().any(|key| key.name().as_str() == *origin))
}

/// The keys and the origin that one log's checkpoints are held against.
pub(super) struct Trusted<'a> {
    origin: Origin,
    /// What each trusted key leads to; one that no statement names stands alone.
    chains: Vec<KeyChain>,
    /// All keys of these.
    pub(super) keys: Vec<VerifierKey>,
    auditor: &'a Auditor,
}

fn has(chain: &KeyChain, key: &VerifierKey) -> bool {
    chain.keys().iter().any(|known| known.key == *key)
}

impl<'a> Trusted<'a> {
    /// The auditor's own keys of a log, or else the one that comes with it, and what the log's statements lead to from there.
    /// A log signs with a key of its name. Statements that cannot be believed are a finding at `place`.
    pub(super) fn of(
        auditor: &'a Auditor,
        origin: &str,
        logs_key: Option<VerifierKey>,
        statements: &[SignedStatement],
        place: Place<'_>,
        findings: &mut Findings,
    ) -> Option<Self> {
        let mut own: Vec<_> = auditor.keys.iter().filter(|key| key.name().as_str() == origin).cloned().collect();
        if own.is_empty() {
            own.extend(logs_key.filter(|key| key.name().as_str() == origin));
        }
        let origin: Origin = own.first()?.name().as_str().parse().ok()?;
        let mut chains = Vec::new();
        match chain_of(&origin, None, statements) {
            // Each statement is signed by the keys that it names, so one of them that is trusted vouches for the others.
            Ok(Some(chain)) if own.iter().any(|key| has(&chain, key)) => chains.push(chain),
            Ok(Some(_)) => {
                let detail = "what the log stated about its keys does not lead to the key that is trusted";
                findings.note(Code::Signature, place, None, detail);
            }
            Ok(None) => {}
            Err(error) => findings.note(Code::Signature, place, None, error.to_string()),
        }
        for key in own {
            if !chains.iter().any(|chain| has(chain, &key)) {
                chains.push(KeyChain::beginning_with(key).ok()?);
            }
        }
        let keys = chains.iter().flat_map(KeyChain::keys).map(|known| known.key.clone()).collect();
        Some(Self { origin, chains, keys, auditor })
    }

    /// What a note says, if the log signed it with a key that signs trees of its size; else a finding.
    pub(super) fn open(&self, note: &[u8], place: Place<'_>, findings: &mut Findings) -> Option<Checkpoint> {
        match SignedCheckpoint::parse(note).and_then(|signed| self.signed(&signed)) {
            Ok(checkpoint) => Some(checkpoint),
            Err(error) => {
                findings.note(Code::Signature, place, None, error.to_string());
                None
            }
        }
    }

    fn signed(&self, signed: &SignedCheckpoint) -> Result<Checkpoint, CheckpointError> {
        let mut why = CheckpointError::Note(NoteError::Unsigned);
        for chain in &self.chains {
            match chain.signer_of(signed) {
                Ok(_) => return Ok(signed.unverified().clone()),
                Err(CheckpointError::Note(NoteError::Unsigned)) => {}
                Err(error) => why = error,
            }
        }
        Err(why)
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
            // One of another log, or none at all, was told before.
            let ours = SignedCheckpoint::parse(note).is_ok_and(|signed| signed.unverified().origin == self.origin);
            if !ours {
                continue;
            }
            let said_by = yours(name);
            if let Some(checkpoint) = self.open(note, Place::file(&said_by), findings) {
                let code = Code::RewrittenSinceCheckpoint;
                tree.want(checkpoint.size, Wanted { root: checkpoint.root, code, said_by }, findings);
            }
        }
    }
}
