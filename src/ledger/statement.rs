//! Statements of a log about itself, for everybody and for ever: that another key signs it from a size on, and that another
//! log goes on where it ended. Each is a signed note (C2SP `signed-note`) whose text cannot be a checkpoint's: its second
//! line is no number. `key_chain` says what follows from several of them.
//!
//! Reads one spelling only and verifies that everybody whom the text names has signed. Whom to believe is for the reader, who
//! starts from a key that they have held on to. Knows no files, and no clock: the instant is an argument.

use super::checkpoint::Origin;
use super::ed25519::SigningFailed;
use super::leaf_time;
use super::lines::{decimal, next_line};
use super::note::{NoteError, NoteSigner, SignedNote};
use super::note_key::{SignatureType, VerifierKey};
use super::tree::{Hash, MAXIMUM_TREE_SIZE};
use super::witness::TreeHead;
use std::fmt;
use std::str::FromStr;

/// The longest code of a reason in bytes.
pub const MAXIMUM_REASON_BYTES: usize = 64;

const FORMAT: &str = "cairn-statement/v1";
const KEY_ROTATION: &str = "key rotation";
const NEW_ORIGIN: &str = "new origin";
/// Stands where the old key would, if nobody has it any more.
const LOST: &str = "lost";

/// A statement that cannot be made, read or believed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StatementError {
    /// What has to stand there does not.
    #[error("a statement does not have {0} where it has to stand")]
    Form(&'static str),
    /// The keys and origins do not go together.
    #[error("the statement contradicts itself: {0}")]
    Contradiction(&'static str),
    /// The note around it is not one, or a signature is missing or wrong.
    #[error(transparent)]
    Note(#[from] NoteError),
    /// A key that the text names has not signed it.
    #[error("the statement is not signed by {0}, which it names")]
    Unsigned(Box<VerifierKey>),
    /// It does not follow from what is known: it is about another key, another log or an earlier size.
    #[error("the statement does not follow from what was stated before: {0}")]
    DoesNotFollow(&'static str),
    /// The cryptography library failed.
    #[error(transparent)]
    Signing(#[from] SigningFailed),
}

/// Why a new origin began, as a code: 1 to 64 of a-z, 0-9 and `-`. A code, because a free text could name somebody.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReasonCode(String);

impl ReasonCode {
    /// The code as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for ReasonCode {
    type Err = StatementError;

    fn from_str(text: &str) -> Result<Self, StatementError> {
        let plain = text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
        if plain && (1..=MAXIMUM_REASON_BYTES).contains(&text.len()) {
            Ok(Self(text.to_owned()))
        } else {
            Err(StatementError::Form("a reason of 1 to 64 of a-z, 0-9 and -"))
        }
    }
}

impl fmt::Display for ReasonCode {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// That a log goes on with another key. Signed by both.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyRotation {
    /// The log; both keys are named like it.
    pub origin: Origin,
    /// The key that signed until now.
    pub old_key: VerifierKey,
    /// The key that signs from now on.
    pub new_key: VerifierKey,
    /// The last tree that the old key signed; the new one signs no smaller one.
    pub last: TreeHead,
    /// When, in microseconds since the Unix epoch.
    pub stated_at: i64,
}

/// That a log ended and another goes on with a database that does not contain everything that was signed. Signed by the new key,
/// and by the old one where it is still there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewOrigin {
    /// The log that ended.
    pub old_origin: Origin,
    /// The key that signed it last; `None` if it is lost.
    pub old_key: Option<VerifierKey>,
    /// The last tree that was signed for it.
    pub last_signed: TreeHead,
    /// The log that goes on.
    pub new_origin: Origin,
    /// Its key.
    pub new_key: VerifierKey,
    /// The tree of the database that goes on.
    pub goes_on: TreeHead,
    /// When, in microseconds since the Unix epoch.
    pub stated_at: i64,
    /// Why.
    pub reason: ReasonCode,
}

/// A statement. `Display` writes the text that is signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Statement {
    /// Another key.
    KeyRotation(KeyRotation),
    /// Another origin.
    NewOrigin(NewOrigin),
}

impl Statement {
    /// The log that it is about, or that ended by it.
    #[must_use]
    pub const fn origin(&self) -> &Origin {
        match self {
            Self::KeyRotation(rotation) => &rotation.origin,
            Self::NewOrigin(new) => &new.old_origin,
        }
    }
    /// The key that signs from now on.
    #[must_use]
    pub const fn new_key(&self) -> &VerifierKey {
        match self {
            Self::KeyRotation(rotation) => &rotation.new_key,
            Self::NewOrigin(new) => &new.new_key,
        }
    }
    /// The key that signed until now; `None` if it is lost.
    #[must_use]
    pub const fn old_key(&self) -> Option<&VerifierKey> {
        match self {
            Self::KeyRotation(rotation) => Some(&rotation.old_key),
            Self::NewOrigin(new) => new.old_key.as_ref(),
        }
    }
    /// When it was made, in microseconds since the Unix epoch.
    #[must_use]
    pub const fn stated_at(&self) -> i64 {
        match self {
            Self::KeyRotation(rotation) => rotation.stated_at,
            Self::NewOrigin(new) => new.stated_at,
        }
    }

    /// Reads the text of a statement.
    ///
    /// # Errors
    /// For anything but the text that `Display` writes for some statement that does not contradict itself.
    pub fn parse(text: &str) -> Result<Self, StatementError> {
        let mut rest = text;
        let mut line = |what| next_line(&mut rest).ok_or(StatementError::Form(what));
        if line("the format's name")? != FORMAT {
            return Err(StatementError::Form("the format's name"));
        }
        let statement = match line("what it states")? {
            KEY_ROTATION => Self::KeyRotation(KeyRotation {
                origin: origin(line("the origin")?)?,
                old_key: key(line("the old key")?)?,
                new_key: key(line("the new key")?)?,
                last: head(line("a size and a root")?)?,
                stated_at: instant(line("an instant")?)?,
            }),
            NEW_ORIGIN => Self::NewOrigin(NewOrigin {
                old_origin: origin(line("the old origin")?)?,
                old_key: Some(line("the old key")?).filter(|text| *text != LOST).map(key).transpose()?,
                last_signed: head(line("a size and a root")?)?,
                new_origin: origin(line("the new origin")?)?,
                new_key: key(line("the new key")?)?,
                goes_on: head(line("a size and a root")?)?,
                stated_at: instant(line("an instant")?)?,
                reason: line("a reason")?.parse()?,
            }),
            _ => return Err(StatementError::Form("a statement that is known here")),
        };
        if !rest.is_empty() {
            return Err(StatementError::Form("its end"));
        }
        statement.check()?;
        Ok(statement)
    }

    /// Whether it can be true: keys are named like the logs that they sign, and nothing is exchanged for itself.
    fn check(&self) -> Result<(), StatementError> {
        let no = |what| Err(StatementError::Contradiction(what));
        let names = |key: &VerifierKey, origin: &Origin| {
            key.name().as_str() == origin.as_str() && key.signature_type() == SignatureType::Ed25519
        };
        match self {
            Self::KeyRotation(rotation) => {
                if !names(&rotation.old_key, &rotation.origin) || !names(&rotation.new_key, &rotation.origin) {
                    return no("a key is not one of this log");
                }
                if rotation.old_key.public_key() == rotation.new_key.public_key() {
                    return no("the new key is the old one");
                }
            }
            Self::NewOrigin(new) => {
                let old_is_named = new.old_key.as_ref().is_none_or(|key| names(key, &new.old_origin));
                if !old_is_named || !names(&new.new_key, &new.new_origin) {
                    return no("a key is not one of its log");
                }
                if new.old_origin == new.new_origin {
                    return no("the new origin is the old one");
                }
                if new.old_key.as_ref().is_some_and(|old| old.public_key() == new.new_key.public_key()) {
                    return no("the new key is the old one");
                }
            }
        }
        if leaf_time::write(self.stated_at(), &mut String::new()).is_none() {
            return Err(StatementError::Form("an instant of the years 1 to 9999"));
        }
        Ok(())
    }

    /// Signs with the new key, and with the old one where the statement names it.
    ///
    /// # Errors
    /// When the statement contradicts itself, a signer is not the one that it names, or the cryptography library fails.
    pub fn sign(&self, old: Option<&NoteSigner>, new: &NoteSigner) -> Result<SignedStatement, StatementError> {
        self.check()?;
        if old.map(NoteSigner::verifier_key) != self.old_key() || new.verifier_key() != self.new_key() {
            return Err(StatementError::Contradiction("a signer is not the one that is named"));
        }
        let text = self.to_string();
        let mut note = match old {
            Some(old) => SignedNote::new(text.clone(), old.sign(&text)?)?,
            None => SignedNote::new(text.clone(), new.sign(&text)?)?,
        };
        note.adopt(vec![new.sign(&text)?], std::slice::from_ref(new.verifier_key()))?;
        Ok(SignedStatement { statement: self.clone(), note })
    }
}

impl fmt::Display for Statement {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut instant = String::new();
        leaf_time::write(self.stated_at(), &mut instant).ok_or(fmt::Error)?;
        match self {
            Self::KeyRotation(KeyRotation { origin, old_key, new_key, last, .. }) => write!(
                formatter,
                "{FORMAT}\n{KEY_ROTATION}\n{origin}\n{old_key}\n{new_key}\n{} {}\n{instant}\n",
                last.size, last.root
            ),
            Self::NewOrigin(NewOrigin {
                old_origin,
                old_key,
                last_signed,
                new_origin,
                new_key,
                goes_on,
                reason,
                ..
            }) => {
                let old_key = old_key.as_ref().map_or_else(|| LOST.to_owned(), ToString::to_string);
                write!(
                    formatter,
                    "{FORMAT}\n{NEW_ORIGIN}\n{old_origin}\n{old_key}\n{} {}\n{new_origin}\n{new_key}\n{} {}\n{instant}\n{reason}\n",
                    last_signed.size, last_signed.root, goes_on.size, goes_on.root
                )
            }
        }
    }
}

/// A statement in its note. It was read from one and every key that it names has signed it; whether to believe those keys is
/// for the reader. `Display` writes the note.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedStatement {
    statement: Statement,
    note: SignedNote,
}

impl SignedStatement {
    /// Reads a note and verifies the signatures of the keys that its text names.
    ///
    /// # Errors
    /// When the bytes are no note, the text is no statement, or a key that it names has not signed it.
    pub fn parse(bytes: &[u8]) -> Result<Self, StatementError> {
        let note = SignedNote::parse(bytes)?;
        let statement = Statement::parse(note.unverified_text())?;
        for key in [statement.old_key(), Some(statement.new_key())].into_iter().flatten() {
            note.verify(std::slice::from_ref(key)).map_err(|error| match error {
                NoteError::Unsigned => StatementError::Unsigned(Box::new(key.clone())),
                error => error.into(),
            })?;
        }
        Ok(Self { statement, note })
    }
    /// What it states.
    #[must_use]
    pub const fn statement(&self) -> &Statement {
        &self.statement
    }
    /// The note around it.
    #[must_use]
    pub const fn note(&self) -> &SignedNote {
        &self.note
    }
}

impl fmt::Display for SignedStatement {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.note.fmt(formatter)
    }
}

fn origin(line: &str) -> Result<Origin, StatementError> {
    line.parse().map_err(|_| StatementError::Form("an origin"))
}

fn key(line: &str) -> Result<VerifierKey, StatementError> {
    line.parse().map_err(|_| StatementError::Form("a verifier key"))
}

fn head(line: &str) -> Result<TreeHead, StatementError> {
    let read = || {
        let (size, root) = line.split_once(' ')?;
        let size = decimal(size).filter(|size| *size <= MAXIMUM_TREE_SIZE)?;
        Some(TreeHead { size, root: Hash::from_base64(root)? })
    };
    read().ok_or(StatementError::Form("a size and a root"))
}

fn instant(line: &str) -> Result<i64, StatementError> {
    leaf_time::read(line).ok_or(StatementError::Form("an instant"))
}
