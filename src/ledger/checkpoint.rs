//! Checkpoints (C2SP `tlog-checkpoint`): a log's statement of how many leaves its tree has and what its root is, in a
//! signed note that witnesses may cosign.
//!
//! Reads strictly and verifies against keys that the caller trusts. Which checkpoints a log may sign (never one that is
//! smaller than or inconsistent with an earlier one) is for the keeper of its last signed state: nothing here remembers.

use super::ed25519::SigningFailed;
use super::lines::{decimal, next_line};
use super::note::{NoteError, NoteSigner, SignatureLine, SignedNote};
use super::note_key::{Verified, VerifierKey};
use super::tree::{Hash, MAXIMUM_TREE_SIZE, empty_root};
use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

/// A checkpoint that cannot be signed, cannot be read, or is not to be believed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CheckpointError {
    /// The origin is empty, too long, or has a control character.
    #[error("an origin has 1 to 255 bytes without control characters")]
    Origin,
    /// The second line is not a number in its one spelling, or too great.
    #[error("the size is not a decimal number below 2^63")]
    Size,
    /// The third line is not the base64 of a hash, or the tree is empty and it is not the root of that.
    #[error("the root is not the base64 of a hash that a tree of this size can have")]
    Root,
    /// A line is missing, or an extension line is empty.
    #[error("a checkpoint has three lines, and any that follow are not empty")]
    Lines,
    /// Ours are signed by a key that is named like their origin.
    #[error("the signer is not named like the checkpoint's origin")]
    SignerName,
    /// The note around it is not one, or no trusted key of the log signed it, or a trusted key's signature is wrong.
    #[error(transparent)]
    Note(#[from] NoteError),
    /// It is another log's.
    #[error("the checkpoint is of another log: {0}")]
    OtherLog(Origin),
    /// Fewer trusted witnesses than asked for cosigned it.
    #[error("{found} of the {wanted} cosignatures that are asked for were found")]
    Quorum {
        /// How many distinct trusted witnesses cosigned.
        found: usize,
        /// How many were asked for.
        wanted: usize,
    },
    /// A key of the log signed it that does not sign trees of this size.
    #[error("the key that signed it does not sign trees of {size} leaves")]
    KeyOutOfTime {
        /// How many leaves the checkpoint has.
        size: u64,
    },
    /// The cryptography library failed.
    #[error(transparent)]
    Signing(#[from] SigningFailed),
}

/// What a log calls itself, for ever: the first line of its checkpoints. 1 to 255 bytes (what a signature of type 0x06
/// can bind) without control characters, checked once.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Origin(String);

impl Origin {
    /// The longest origin in bytes.
    pub const MAXIMUM_BYTES: usize = 255;

    /// The origin as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Origin {
    type Err = CheckpointError;

    fn from_str(text: &str) -> Result<Self, CheckpointError> {
        let fits = (1..=Self::MAXIMUM_BYTES).contains(&text.len()) && text.bytes().all(|byte| byte >= b' ');
        if fits { Ok(Self(text.to_owned())) } else { Err(CheckpointError::Origin) }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// The state of a log's tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    /// The log.
    pub origin: Origin,
    /// How many leaves the tree has; at most [`MAXIMUM_TREE_SIZE`].
    pub size: u64,
    /// Its root; that of the empty tree if it has no leaves.
    pub root: Hash,
}

impl Checkpoint {
    /// The text that is signed: origin, size and root, a line each, and no extension lines.
    #[must_use]
    pub fn text(&self) -> String {
        format!("{}\n{}\n{}\n", self.origin, self.size, self.root)
    }

    /// Reads the text of a note. Extension lines are opaque and say nothing here; they stay in the note, whose
    /// signatures cover them.
    ///
    /// # Errors
    /// When a line is missing or is not what stands in its place.
    pub fn parse(text: &str) -> Result<Self, CheckpointError> {
        let mut rest = text;
        let mut line = || next_line(&mut rest).ok_or(CheckpointError::Lines);
        let (origin, size, root) = (line()?, line()?, line()?);
        let checkpoint = Self {
            origin: origin.parse()?,
            size: decimal(size).ok_or(CheckpointError::Size)?,
            root: Hash::from_base64(root).ok_or(CheckpointError::Root)?,
        };
        while !rest.is_empty() {
            if next_line(&mut rest).is_none_or(str::is_empty) {
                return Err(CheckpointError::Lines);
            }
        }
        checkpoint.check()?;
        Ok(checkpoint)
    }

    fn check(&self) -> Result<(), CheckpointError> {
        if self.size > MAXIMUM_TREE_SIZE {
            return Err(CheckpointError::Size);
        }
        if self.size == 0 && self.root != empty_root() { Err(CheckpointError::Root) } else { Ok(()) }
    }

    /// Signs as the log itself. Before this is called, the log must have made sure and written down durably that this
    /// goes on from every checkpoint that it ever signed.
    ///
    /// # Errors
    /// When the signer is not named like the origin, the size is too great, the tree is empty and the root is not that of
    /// an empty tree, or the cryptography library fails.
    pub fn sign(&self, signer: &NoteSigner) -> Result<SignedCheckpoint, CheckpointError> {
        self.check()?;
        if signer.verifier_key().name().as_str() != self.origin.as_str() {
            return Err(CheckpointError::SignerName);
        }
        let text = self.text();
        let signature = signer.sign(&text)?;
        Ok(SignedCheckpoint { checkpoint: self.clone(), note: SignedNote::new(text, signature)? })
    }
}

/// Whom a reader trusts for one log. Keys of the log and of witnesses stand apart, because a witness's signature must
/// never pass for the log's.
#[derive(Debug, Clone, Copy)]
pub struct Trust<'keys> {
    /// The log that is meant.
    pub origin: &'keys Origin,
    /// The log's keys; one of them must have signed.
    pub log_keys: &'keys [VerifierKey],
    /// The witnesses' keys.
    pub witness_keys: &'keys [VerifierKey],
    /// How many distinct witnesses must have cosigned; 0 trusts the log not to show different people different trees.
    pub quorum: usize,
}

/// A checkpoint in its note, read but not verified. `Display` writes the note.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedCheckpoint {
    checkpoint: Checkpoint,
    note: SignedNote,
}

/// A checkpoint that trusted keys answer for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenedCheckpoint<'read> {
    /// What they answer for.
    pub checkpoint: &'read Checkpoint,
    /// The log's keys that signed; at least one.
    pub log: Vec<Verified<'read>>,
    /// The witnesses that cosigned, and when they say they did; at least as many as the quorum.
    pub witnesses: Vec<Verified<'read>>,
}

impl SignedCheckpoint {
    /// Reads a checkpoint without verifying anything.
    ///
    /// # Errors
    /// When the bytes are no signed note, or its text is no checkpoint.
    pub fn parse(bytes: &[u8]) -> Result<Self, CheckpointError> {
        let note = SignedNote::parse(bytes)?;
        Ok(Self { checkpoint: Checkpoint::parse(note.unverified_text())?, note })
    }

    /// What the note says, which nobody may act on before [`SignedCheckpoint::open`] has answered for it.
    #[must_use]
    pub const fn unverified(&self) -> &Checkpoint {
        &self.checkpoint
    }

    /// The note around it.
    #[must_use]
    pub const fn note(&self) -> &SignedNote {
        &self.note
    }

    /// Takes over cosignatures that witnesses answered with; see [`SignedNote::adopt`].
    ///
    /// # Errors
    /// When a known key's signature is wrong or there are too many; the note is unchanged then.
    pub fn adopt(&mut self, lines: Vec<SignatureLine>, known: &[VerifierKey]) -> Result<usize, NoteError> {
        self.note.adopt(lines, known)
    }

    /// Verifies that it is a checkpoint of the log that is meant, signed by it and cosigned by enough witnesses.
    ///
    /// # Errors
    /// When it is another log's, none of the log's keys signed it, any trusted key's signature is wrong, or fewer
    /// distinct witnesses than the quorum cosigned it.
    pub fn open<'read>(&'read self, trust: &Trust<'read>) -> Result<OpenedCheckpoint<'read>, CheckpointError> {
        if self.checkpoint.origin != *trust.origin {
            return Err(CheckpointError::OtherLog(self.checkpoint.origin.clone()));
        }
        let log = self.note.verify(trust.log_keys)?;
        let mut witnesses = match self.note.verify(trust.witness_keys) {
            Err(NoteError::Unsigned) => Vec::new(),
            verified => verified?,
        };
        // A plain signature does not say what a cosignature says, and one key under two names is one witness.
        let mut seen = BTreeSet::new();
        witnesses.retain(|signed| signed.cosigned_at.is_some() && seen.insert(signed.key.public_key()));
        if witnesses.len() < trust.quorum {
            return Err(CheckpointError::Quorum { found: witnesses.len(), wanted: trust.quorum });
        }
        Ok(OpenedCheckpoint { checkpoint: &self.checkpoint, log, witnesses })
    }
}

impl fmt::Display for SignedCheckpoint {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.note.fmt(formatter)
    }
}
