//! Signed notes (C2SP `signed-note`): a text, a blank line, and lines of signatures, each by a named key.
//!
//! Knows keys and bytes, not what a text says (`checkpoint` does). A note that was read is a claim of whoever sent it:
//! its text may be used only after [`SignedNote::verify`] has found a known key's signature.

use super::ed25519::{SigningFailed, SigningKey, SigningSeed};
use super::note_key::{KeyId, KeyName, SignatureType, Verified, VerifierKey, is_key_name};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use std::fmt;

/// The longest note in bytes. The standard asks for room for 16 signatures and foresees post-quantum ones of 5 kB: here
/// [`MAXIMUM_SIGNATURES`] of that size fit.
pub const MAXIMUM_NOTE_BYTES: usize = 512 * 1024;
/// The most signature lines of a note.
pub const MAXIMUM_SIGNATURES: usize = 64;

/// What a signature line starts with: an em dash and a space.
const LINE_START: &str = "\u{2014} ";

/// Bytes that are not a note, or a note that is not to be believed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoteError {
    /// Longer than [`MAXIMUM_NOTE_BYTES`].
    #[error("a note has at most {MAXIMUM_NOTE_BYTES} bytes, not {0}")]
    TooLong(usize),
    /// Not UTF-8, or with a control character that is not a line end.
    #[error("a note is UTF-8 without control characters other than line ends")]
    NotText,
    /// No line end at the end of the text, or no blank line after it.
    #[error("a note is a text that ends with a line end, a blank line, and signatures")]
    Form,
    /// No signature line, or more than [`MAXIMUM_SIGNATURES`].
    #[error("a note has 1 to {MAXIMUM_SIGNATURES} signatures")]
    SignatureCount,
    /// A signature line is not an em dash, a name and base64 of more than four bytes.
    #[error("signature line {0} is malformed")]
    SignatureLine(usize),
    /// The signature of a known key does not hold. One wrong signature of a key that is trusted makes the
    /// whole note suspect, whatever others signed.
    #[error("the signature of the known key {name}+{id} is wrong")]
    WrongSignature {
        /// The key's name.
        name: String,
        /// The key's id.
        id: KeyId,
    },
    /// No known key signed it.
    #[error("no known key signed the note")]
    Unsigned,
}

/// One line of a note: who says to have signed, and the signature. `Display` writes it with its line end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignatureLine {
    name: String,
    id: KeyId,
    signature: Vec<u8>,
}

impl SignatureLine {
    /// The line of a signature that was just made.
    pub(super) fn new(key: &VerifierKey, signature: Vec<u8>) -> Self {
        Self { name: key.name().as_str().to_owned(), id: key.id(), signature }
    }
    /// The name of the key, as the line says.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }
    /// The id of the key, as the line says.
    #[must_use]
    pub const fn id(&self) -> KeyId {
        self.id
    }
    /// The signature without the id.
    #[must_use]
    pub fn signature(&self) -> &[u8] {
        &self.signature
    }
    /// Reads signature lines that stand alone, such as a witness's answer (C2SP `tlog-witness`).
    ///
    /// # Errors
    /// When the bytes are not 1 to [`MAXIMUM_SIGNATURES`] signature lines, each with its line end.
    pub fn parse_lines(bytes: &[u8]) -> Result<Vec<Self>, NoteError> {
        Self::read_lines(checked_text(bytes)?)
    }

    fn read_lines(text: &str) -> Result<Vec<Self>, NoteError> {
        let mut lines = Vec::new();
        for line in text.split_inclusive('\n') {
            if lines.len() == MAXIMUM_SIGNATURES {
                return Err(NoteError::SignatureCount);
            }
            lines.push(Self::read(line).ok_or(NoteError::SignatureLine(lines.len() + 1))?);
        }
        if lines.is_empty() { Err(NoteError::SignatureCount) } else { Ok(lines) }
    }

    fn read(line: &str) -> Option<Self> {
        let (name, base64) = line.strip_suffix('\n')?.strip_prefix(LINE_START)?.split_once(' ')?;
        let bytes = STANDARD.decode(base64).ok()?;
        let (id, signature) = bytes.split_first_chunk::<4>()?;
        let readable = is_key_name(name) && !signature.is_empty();
        readable.then(|| Self { name: name.to_owned(), id: KeyId::new(*id), signature: signature.to_vec() })
    }

    fn is_by(&self, key: &VerifierKey) -> bool {
        self.name == key.name().as_str() && self.id == key.id()
    }

    /// What a key of these says by this line over this text; `None` if it is by none of them.
    fn verify<'keys>(&self, text: &str, known: &'keys [VerifierKey]) -> Result<Option<Verified<'keys>>, NoteError> {
        let Some(key) = known.iter().find(|key| self.is_by(key)) else { return Ok(None) };
        let wrong = || NoteError::WrongSignature { name: self.name.clone(), id: self.id };
        key.verify(text, &self.signature).map(Some).ok_or_else(wrong)
    }
}

impl fmt::Display for SignatureLine {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bytes = [self.id.as_bytes(), self.signature.as_slice()].concat();
        writeln!(formatter, "{LINE_START}{} {}", self.name, STANDARD.encode(bytes))
    }
}

/// A text with at least one signature line, verified or not. `Display` writes the note.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedNote {
    text: String,
    signatures: Vec<SignatureLine>,
}

impl SignedNote {
    /// A note of this text with a first signature.
    ///
    /// # Errors
    /// When the text does not end with a line end, has other control characters, or is too long.
    pub fn new(text: String, signature: SignatureLine) -> Result<Self, NoteError> {
        check_note_text(&text)?;
        let note = Self { text, signatures: vec![signature] };
        note.check_length()?;
        Ok(note)
    }

    /// Reads a note without verifying anything.
    ///
    /// # Errors
    /// When the bytes are no note within the limits of this file.
    pub fn parse(bytes: &[u8]) -> Result<Self, NoteError> {
        let note = checked_text(bytes)?;
        // A text may have blank lines; the signatures have none, so the last one parts them.
        let text_end = note.rfind("\n\n").ok_or(NoteError::Form)? + 1;
        let (text, signatures) = note.split_at(text_end);
        Ok(Self { text: text.to_owned(), signatures: SignatureLine::read_lines(&signatures[1..])? })
    }

    /// The text, which nobody may act on before [`SignedNote::verify`] has answered for it.
    #[must_use]
    pub fn unverified_text(&self) -> &str {
        &self.text
    }

    /// The signature lines in their order, of known and of unknown keys.
    #[must_use]
    pub fn signatures(&self) -> &[SignatureLine] {
        &self.signatures
    }

    /// The known keys that signed, each once and in the order of their first lines. Lines of unknown keys say nothing,
    /// even if they share name or id with a known one.
    ///
    /// # Errors
    /// When no known key signed, or any line of a known key does not hold.
    pub fn verify<'keys>(&self, known: &'keys [VerifierKey]) -> Result<Vec<Verified<'keys>>, NoteError> {
        let mut verified: Vec<Verified<'keys>> = Vec::new();
        for line in &self.signatures {
            if let Some(signed) = line.verify(&self.text, known)?
                && verified.iter().all(|earlier| earlier.key != signed.key)
            {
                verified.push(signed);
            }
        }
        if verified.is_empty() { Err(NoteError::Unsigned) } else { Ok(verified) }
    }

    /// Takes over signatures that others made over this text: those of known keys, each in the place of the same
    /// key's earlier line. Lines of unknown keys are dropped. Answers how many were taken.
    ///
    /// # Errors
    /// When a line of a known key does not hold, or the note would pass its limits; it is unchanged then.
    pub fn adopt(&mut self, lines: Vec<SignatureLine>, known: &[VerifierKey]) -> Result<usize, NoteError> {
        let mut extended = self.clone();
        let mut taken = 0;
        for line in lines {
            if line.verify(&self.text, known)?.is_none() {
                continue;
            }
            extended.signatures.retain(|earlier| (&earlier.name, earlier.id) != (&line.name, line.id));
            extended.signatures.push(line);
            taken += 1;
        }
        if extended.signatures.len() > MAXIMUM_SIGNATURES {
            return Err(NoteError::SignatureCount);
        }
        extended.check_length()?;
        *self = extended;
        Ok(taken)
    }

    fn check_length(&self) -> Result<(), NoteError> {
        let length = self.to_string().len();
        if length > MAXIMUM_NOTE_BYTES { Err(NoteError::TooLong(length)) } else { Ok(()) }
    }
}

impl fmt::Display for SignedNote {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(formatter, "{}", self.text)?;
        self.signatures.iter().try_for_each(|line| line.fmt(formatter))
    }
}

fn is_note_text(text: &str) -> bool {
    text.bytes().all(|byte| byte >= b' ' || byte == b'\n')
}

fn checked_text(bytes: &[u8]) -> Result<&str, NoteError> {
    if bytes.len() > MAXIMUM_NOTE_BYTES {
        return Err(NoteError::TooLong(bytes.len()));
    }
    std::str::from_utf8(bytes).ok().filter(|text| is_note_text(text)).ok_or(NoteError::NotText)
}

fn check_note_text(text: &str) -> Result<(), NoteError> {
    if !is_note_text(text) {
        return Err(NoteError::NotText);
    }
    if text.ends_with('\n') { Ok(()) } else { Err(NoteError::Form) }
}

/// A key that signs notes with Ed25519 (type 0x01). `Debug` shows the public half.
pub struct NoteSigner {
    key: VerifierKey,
    secret: SigningKey,
}

impl NoteSigner {
    /// The signer of this name and seed.
    ///
    /// # Errors
    /// When the cryptography library fails.
    pub fn new(name: KeyName, seed: &SigningSeed) -> Result<Self, SigningFailed> {
        let secret = SigningKey::from_seed(seed)?;
        Ok(Self { key: VerifierKey::new(name, SignatureType::Ed25519, secret.public_key()), secret })
    }
    /// What others verify its signatures with.
    #[must_use]
    pub const fn verifier_key(&self) -> &VerifierKey {
        &self.key
    }
    /// Signs the text of a note.
    ///
    /// # Errors
    /// When the cryptography library fails.
    pub fn sign(&self, text: &str) -> Result<SignatureLine, SigningFailed> {
        Ok(SignatureLine::new(&self.key, self.secret.sign(text.as_bytes())?.to_vec()))
    }
}

impl fmt::Debug for NoteSigner {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "NoteSigner({})", self.key)
    }
}
