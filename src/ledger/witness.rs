//! Witnessing (C2SP `tlog-witness`): the body of `add-checkpoint`, and the decision whether a witness may cosign.
//!
//! Pure: what the witness knows of a log comes as an argument and what it shall remember goes back. Whoever calls must look
//! up, judge and store as one step that no other request for that log can come between, must store durably before the
//! cosignature leaves, and only then cosigns ([`Cosigner::cosign`](super::cosignature::Cosigner::cosign)).

use super::checkpoint::{CheckpointError, Origin, SignedCheckpoint};
use super::consistency::verify_consistency;
use super::lines::{HashLinesError, MAXIMUM_PROOF_HASHES, decimal, hash_lines, next_line, write_hash_lines};
use super::note::{MAXIMUM_NOTE_BYTES, NoteError};
use super::note_key::VerifierKey;
use super::proof::ProofRejected;
use super::tree::Hash;
use std::fmt;

/// The longest request body in bytes: the old size, 63 hashes and the longest note.
pub const MAXIMUM_ADD_CHECKPOINT_BYTES: usize = MAXIMUM_NOTE_BYTES + 63 * 45 + 26;
/// The content type of the body of a 409.
pub const TREE_SIZE_CONTENT_TYPE: &str = "text/x.tlog.size";

/// Why a witness does not cosign, each with its HTTP status.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WitnessRefusal {
    /// 400: longer than [`MAXIMUM_ADD_CHECKPOINT_BYTES`].
    #[error("a request has at most {MAXIMUM_ADD_CHECKPOINT_BYTES} bytes, not {0}")]
    TooLong(usize),
    /// 400: what stands there is not what has to.
    #[error("the request does not have {0} where it has to stand")]
    Malformed(&'static str),
    /// 400: more hashes than any proof has.
    #[error("a request has at most {MAXIMUM_PROOF_HASHES} hashes")]
    TooManyHashes,
    /// 400: the checkpoint is none.
    #[error("the checkpoint cannot be read")]
    Checkpoint(#[source] CheckpointError),
    /// 404: the witness does not know the log.
    #[error("the log is not known here")]
    UnknownOrigin,
    /// 403: no key of the log signed it, or the signature of one is wrong.
    #[error("the log's signature is missing or wrong")]
    Signature(#[source] NoteError),
    /// 400: the request goes back to a tree that is greater than the checkpoint's.
    #[error("the old size is greater than the checkpoint's")]
    OldSizeTooGreat,
    /// 409: the request does not go on from what this witness last cosigned.
    #[error("the last cosigned tree has {latest} leaves")]
    Stale {
        /// The size that the next request must start from.
        latest: u64,
    },
    /// 422: the hashes do not lead from the last cosigned tree to this one. If a fitting proof cannot be had at all,
    /// the log broke its promise.
    #[error("the consistency proof does not hold")]
    Proof(#[source] ProofRejected),
    /// 409: the log signed another root for the very size that this witness cosigned. The request is proof that the log broke
    /// its promise and is worth keeping.
    #[error("the log signed two roots for {latest} leaves")]
    Fork {
        /// The size.
        latest: u64,
    },
}

impl WitnessRefusal {
    /// The HTTP status that the standard assigns.
    #[must_use]
    pub const fn status(&self) -> u16 {
        match self {
            Self::TooLong(_)
            | Self::Malformed(_)
            | Self::TooManyHashes
            | Self::Checkpoint(_)
            | Self::OldSizeTooGreat => 400,
            Self::Signature(_) => 403,
            Self::UnknownOrigin => 404,
            Self::Stale { .. } | Self::Fork { .. } => 409,
            Self::Proof(_) => 422,
        }
    }
    /// The body of a 409, of type [`TREE_SIZE_CONTENT_TYPE`]; `None` for every other.
    #[must_use]
    pub fn tree_size_body(&self) -> Option<String> {
        match self {
            Self::Stale { latest } | Self::Fork { latest } => Some(format!("{latest}\n")),
            _ => None,
        }
    }
}

/// The size in the body of a 409, from which a log tries again; `None` if it is none.
#[must_use]
pub fn read_tree_size(body: &[u8]) -> Option<u64> {
    decimal(std::str::from_utf8(body).ok()?.strip_suffix('\n')?)
}

/// The tree that a witness last cosigned for a log: all that it must remember.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TreeHead {
    /// How many leaves it has.
    pub size: u64,
    /// Its root.
    pub root: Hash,
}

/// A log as its witness knows it.
#[derive(Debug, Clone, Copy)]
pub struct WitnessedLog<'known> {
    /// The log.
    pub origin: &'known Origin,
    /// The keys that it may sign with.
    pub keys: &'known [VerifierKey],
    /// What was last cosigned; `None` if nothing ever was.
    pub latest: Option<TreeHead>,
}

/// The request to cosign a checkpoint, read but not judged. `Display` writes the body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AddCheckpoint {
    old_size: u64,
    hashes: Vec<Hash>,
    checkpoint: SignedCheckpoint,
}

impl AddCheckpoint {
    /// Puts a request together: the size that the witness last cosigned (0 if never or not known), the hashes that
    /// [`consistency_proof`](super::consistency::consistency_proof) built from there (none from 0), and the checkpoint.
    ///
    /// # Errors
    /// When there are more than 63 hashes.
    pub fn new(old_size: u64, hashes: Vec<Hash>, checkpoint: SignedCheckpoint) -> Result<Self, WitnessRefusal> {
        if hashes.len() > MAXIMUM_PROOF_HASHES {
            return Err(WitnessRefusal::TooManyHashes);
        }
        Ok(Self { old_size, hashes, checkpoint })
    }

    /// Reads a request body.
    ///
    /// # Errors
    /// When it is too long, is not of the form, or has too many hashes: 400 all of them.
    pub fn parse(body: &[u8]) -> Result<Self, WitnessRefusal> {
        if body.len() > MAXIMUM_ADD_CHECKPOINT_BYTES {
            return Err(WitnessRefusal::TooLong(body.len()));
        }
        let mut rest = std::str::from_utf8(body).map_err(|_| WitnessRefusal::Malformed("UTF-8"))?;
        let old_size = next_line(&mut rest).and_then(|line| line.strip_prefix("old ")).and_then(decimal);
        let old_size = old_size.ok_or(WitnessRefusal::Malformed("the old size"))?;
        let hashes = hash_lines(&mut rest).map_err(|error| match error {
            HashLinesError::TooMany => WitnessRefusal::TooManyHashes,
            HashLinesError::Malformed => WitnessRefusal::Malformed("hashes in base64 and an empty line"),
        })?;
        let checkpoint = SignedCheckpoint::parse(rest.as_bytes()).map_err(WitnessRefusal::Checkpoint)?;
        Self::new(old_size, hashes, checkpoint)
    }

    /// The log whose checkpoint it is, as the request says: what to look up.
    #[must_use]
    pub const fn origin(&self) -> &Origin {
        &self.checkpoint.unverified().origin
    }
    /// The checkpoint: what to cosign once it is accepted.
    #[must_use]
    pub const fn checkpoint(&self) -> &SignedCheckpoint {
        &self.checkpoint
    }

    /// Decides, in the order of the standard, and answers what to remember (for ever, and before the cosignature leaves).
    ///
    /// # Errors
    /// When the witness must not cosign; what it remembers stays as it is.
    pub fn judge(&self, log: Option<&WitnessedLog<'_>>) -> Result<TreeHead, WitnessRefusal> {
        let checkpoint = self.checkpoint.unverified();
        let log = log.filter(|log| *log.origin == checkpoint.origin).ok_or(WitnessRefusal::UnknownOrigin)?;
        self.checkpoint.note().verify(log.keys).map_err(WitnessRefusal::Signature)?;
        if self.old_size > checkpoint.size {
            return Err(WitnessRefusal::OldSizeTooGreat);
        }
        let latest = log.latest.map_or(0, |latest| latest.size);
        if self.old_size != latest {
            return Err(WitnessRefusal::Stale { latest });
        }
        match log.latest {
            // Every tree goes on from the empty one: there is nothing to prove, and nothing may pretend to.
            None | Some(TreeHead { size: 0, .. }) if self.hashes.is_empty() => {}
            None | Some(TreeHead { size: 0, .. }) => return Err(WitnessRefusal::Proof(ProofRejected::Length)),
            Some(TreeHead { size, root }) if size == checkpoint.size && self.hashes.is_empty() => {
                if root != checkpoint.root {
                    return Err(WitnessRefusal::Fork { latest });
                }
            }
            Some(TreeHead { size, root }) => {
                verify_consistency(size, checkpoint.size, &root, &checkpoint.root, &self.hashes)
                    .map_err(WitnessRefusal::Proof)?;
            }
        }
        Ok(TreeHead { size: checkpoint.size, root: checkpoint.root })
    }
}

impl fmt::Display for AddCheckpoint {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut hashes = String::new();
        write_hash_lines(&self.hashes, &mut hashes);
        write!(formatter, "old {}\n{hashes}{}", self.old_size, self.checkpoint)
    }
}
