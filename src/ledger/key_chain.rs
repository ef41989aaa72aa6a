//! The keys of a log, one after the other, as its statements tell: which key may have signed which sizes. Starts from a key that
//! the reader has held on to and believes nothing that does not follow from it. Knows no files and no database.

use super::checkpoint::{CheckpointError, Origin, SignedCheckpoint};
use super::note::NoteError;
use super::note_key::VerifierKey;
use super::statement::{NewOrigin, SignedStatement, Statement, StatementError};

/// A key with the sizes of the trees that it may have signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogKey {
    /// The key.
    pub key: VerifierKey,
    /// The smallest; for the first key 0.
    pub from: u64,
    /// The greatest; `None` while it signs.
    pub until: Option<u64>,
}

/// The keys of one log, and where it ended, if it did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyChain {
    origin: Origin,
    keys: Vec<LogKey>,
    ended: Option<NewOrigin>,
}

impl KeyChain {
    /// A log of which one key is known and trusted; the log is named like it.
    ///
    /// # Errors
    /// When the key's name cannot be an origin.
    pub fn beginning_with(key: VerifierKey) -> Result<Self, CheckpointError> {
        let origin = key.name().as_str().parse()?;
        Ok(Self { origin, keys: vec![LogKey { key, from: 0, until: None }], ended: None })
    }

    /// Takes one more statement; one about another log says nothing here and is passed over.
    ///
    /// # Errors
    /// When it does not follow: the log ended, its key is not the one that signs, or the sizes go back. Nothing changed then.
    pub fn follow(&mut self, signed: &SignedStatement) -> Result<(), StatementError> {
        let statement = signed.statement();
        if *statement.origin() != self.origin {
            return Ok(());
        }
        let no = |what| Err(StatementError::DoesNotFollow(what));
        if self.ended.is_some() {
            return no("the log has ended");
        }
        let Some(current) = self.keys.last() else { return no("no key is known") };
        match statement {
            Statement::KeyRotation(rotation) => {
                if rotation.old_key != current.key {
                    return no("another key signs the log");
                }
                if rotation.last.size < current.from {
                    return no("the log was greater before");
                }
                if self.keys.iter().any(|earlier| earlier.key == rotation.new_key) {
                    return no("a key that was given up does not come back");
                }
                self.give_up(rotation.last.size);
                let (key, from) = (rotation.new_key.clone(), rotation.last.size);
                self.keys.push(LogKey { key, from, until: None });
            }
            Statement::NewOrigin(new) => {
                if new.old_key.as_ref().is_some_and(|old| *old != current.key) {
                    return no("another key signs the log");
                }
                if new.last_signed.size < current.from {
                    return no("the log was greater before");
                }
                self.give_up(new.last_signed.size);
                self.ended = Some(new.clone());
            }
        }
        Ok(())
    }

    fn give_up(&mut self, size: u64) {
        if let Some(current) = self.keys.last_mut() {
            current.until = Some(size);
        }
    }

    /// The log.
    #[must_use]
    pub const fn origin(&self) -> &Origin {
        &self.origin
    }
    /// Its keys, the first one first.
    #[must_use]
    pub fn keys(&self) -> &[LogKey] {
        &self.keys
    }
    /// The key that signs now, or signed last.
    #[must_use]
    pub fn current(&self) -> Option<&VerifierKey> {
        self.keys.last().map(|last| &last.key)
    }
    /// How the log ended, if it did. Where the old key is named, it vouches for the new log's key; where it was lost, nobody does.
    #[must_use]
    pub const fn ended(&self) -> Option<&NewOrigin> {
        self.ended.as_ref()
    }

    /// The key that signed a checkpoint of this log, if it may have signed one of this size.
    ///
    /// # Errors
    /// When it is another log's, no key of this log signed it, or one that does not sign trees of this size.
    pub fn signer_of(&self, checkpoint: &SignedCheckpoint) -> Result<&LogKey, CheckpointError> {
        let (origin, size) = (&checkpoint.unverified().origin, checkpoint.unverified().size);
        if *origin != self.origin {
            return Err(CheckpointError::OtherLog(origin.clone()));
        }
        let mut unsigned = CheckpointError::Note(NoteError::Unsigned);
        for one in self.keys.iter().rev() {
            match checkpoint.note().verify(std::slice::from_ref(&one.key)) {
                Ok(_) if one.from <= size && one.until.is_none_or(|until| size <= until) => return Ok(one),
                Ok(_) => unsigned = CheckpointError::KeyOutOfTime { size },
                Err(NoteError::Unsigned) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(unsigned)
    }
}
