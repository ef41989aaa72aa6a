//! The format of a sealed part, and the key that seals it: pure bytes, no store.
//!
//! Format `cairn-part/v1`, cipher XChaCha20-Poly1305 (draft-irtf-cfrg-xchacha; its nonce is long enough to be random):
//! `0x01 ‖ nonce (24) ‖ ciphertext and tag of (salt (32) ‖ plaintext)`. Associated data:
//! `"cairn-part/v1" ‖ event id (16) ‖ stream (16) ‖ version (u64 be) ‖ text(part name) ‖ text(class) ‖ key id (16)`, where
//! `text(x)` is `length (u16 be) ‖ x`. So a part opens in its own place only. The position is left out: it is known
//! only inside the append, and the leaf binds it.
//!
//! The salt is that of the part's commitment in the leaf. This cipher does not commit to its key (one ciphertext can be
//! made that opens differently under two keys), so whoever must *prove* a text checks the commitment, too.

use super::error::{OpenError, SealError};
use super::key::{KeyClass, KeyId, KeyName};
use super::secret::SecretKey;
use crate::domain::ids::{EventId, PersonId, StreamId};
use crate::domain::personal::Personal;
use chacha20poly1305::aead::{AeadInOut, KeyInit};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use std::fmt;
use std::sync::Arc;
use zeroize::Zeroizing;

/// Length of the nonce, in bytes.
pub const NONCE_LENGTH: usize = 24;
/// Length of the salt of a part's commitment, in bytes.
pub const SALT_LENGTH: usize = 32;

const FORMAT: u8 = 0x01;
const LABEL: &[u8] = b"cairn-part/v1";
const TAG_LENGTH: usize = 16;

/// How much longer a sealed part is than its plaintext, in bytes.
pub const SEAL_OVERHEAD: usize = 1 + NONCE_LENGTH + SALT_LENGTH + TAG_LENGTH;

/// The place of a part in the log; a part opens nowhere else.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SealContext<'a> {
    /// The event that holds the part.
    pub event: EventId,
    /// The event's stream.
    pub stream: StreamId,
    /// The event's version in its stream.
    pub version: u64,
    /// The part's name; at most 65,535 bytes (the leaf allows far fewer).
    pub part: &'a str,
}

impl SealContext<'_> {
    fn associated_data(&self, class: KeyClass, key: KeyId) -> Result<Vec<u8>, SealError> {
        let mut data = LABEL.to_vec();
        data.extend(self.event.0.as_bytes());
        data.extend(self.stream.0.as_bytes());
        data.extend(self.version.to_be_bytes());
        for text in [self.part, class.code()] {
            data.extend(u16::try_from(text.len()).map_err(|_| SealError::NameTooLong)?.to_be_bytes());
            data.extend(text.as_bytes());
        }
        data.extend(key.0.as_bytes());
        Ok(data)
    }
}

/// A sealed part, as the log and the rows store it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sealed {
    /// The key that opens it.
    pub key_id: KeyId,
    /// That key's generation.
    pub generation: u32,
    /// The bytes in the format of this module.
    pub bytes: Vec<u8>,
}

/// A sealed part with its place, as read back from the log or a row.
#[derive(Debug, Clone, Copy)]
pub struct SealedPart<'a> {
    /// The key that the part names.
    pub key_id: KeyId,
    /// The class that the part claims.
    pub class: KeyClass,
    /// Where the part was found.
    pub context: SealContext<'a>,
    /// The stored bytes.
    pub bytes: &'a [u8],
}

/// A part that was opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Opened {
    /// The salt of the part's commitment. Personal: with it, a guess at the text can be tested against the leaf.
    pub salt: Personal<[u8; SALT_LENGTH]>,
    /// The part's exact bytes.
    pub plaintext: Personal<Vec<u8>>,
}

/// A person's key for one class, ready to seal and to open. Cheap to clone; the bytes are wiped with the last clone.
#[derive(Clone)]
pub struct DataKey(Arc<Material>);

struct Material {
    name: KeyName,
    secret: SecretKey,
}

impl DataKey {
    pub(super) fn new(name: KeyName, secret: SecretKey) -> Self {
        Self(Arc::new(Material { name, secret }))
    }
    /// The key's name, which the sealed part carries.
    #[must_use]
    pub fn id(&self) -> KeyId {
        self.0.name.id
    }
    /// Whose parts it seals.
    #[must_use]
    pub fn subject(&self) -> PersonId {
        self.0.name.subject
    }
    /// Which of the person's parts it seals.
    #[must_use]
    pub fn class(&self) -> KeyClass {
        self.0.name.class
    }

    /// Which of the keys that the person has had for this class, from 0.
    #[must_use]
    pub fn generation(&self) -> u32 {
        self.0.name.generation
    }

    fn cipher(&self) -> XChaCha20Poly1305 {
        XChaCha20Poly1305::new(self.0.secret.expose().into())
    }

    /// Seals `plaintext` in its place. The nonce must be random and new for each call ([`super::Vault::fresh_nonce`]).
    ///
    /// # Errors
    /// When the part's name is longer than 65,535 bytes or the plaintext is beyond the cipher's limit.
    pub fn seal(
        &self,
        context: &SealContext<'_>,
        nonce: [u8; NONCE_LENGTH],
        salt: &[u8; SALT_LENGTH],
        plaintext: &[u8],
    ) -> Result<Sealed, SealError> {
        let associated = context.associated_data(self.class(), self.id())?;
        // Room for the tag from the start: a buffer that grows would leave a copy of the plaintext behind.
        let mut body = Zeroizing::new(Vec::with_capacity(SALT_LENGTH + plaintext.len() + TAG_LENGTH));
        body.extend_from_slice(salt);
        body.extend_from_slice(plaintext);
        self.cipher()
            .encrypt_in_place(&XNonce::from(nonce), &associated, &mut *body)
            .map_err(|_| SealError::TooLarge)?;
        let mut bytes = Vec::with_capacity(1 + NONCE_LENGTH + body.len());
        bytes.push(FORMAT);
        bytes.extend_from_slice(&nonce);
        bytes.extend_from_slice(&body);
        Ok(Sealed { key_id: self.id(), generation: self.generation(), bytes })
    }

    /// Opens a part that this key sealed.
    ///
    /// # Errors
    /// [`OpenError::Tampered`] when the bytes, the place, the class or the key differ from those that were sealed.
    pub fn unseal(&self, part: &SealedPart<'_>) -> Result<Opened, OpenError> {
        if part.key_id != self.id() || part.class != self.class() {
            return Err(OpenError::Tampered);
        }
        let (format, rest) = part.bytes.split_first().ok_or(OpenError::Tampered)?;
        let (nonce, ciphertext) = rest.split_first_chunk::<NONCE_LENGTH>().ok_or(OpenError::Tampered)?;
        if *format != FORMAT || ciphertext.len() < SALT_LENGTH + TAG_LENGTH {
            return Err(OpenError::Tampered);
        }
        let associated = part.context.associated_data(part.class, part.key_id).map_err(|_| OpenError::Tampered)?;
        let mut body = Zeroizing::new(ciphertext.to_vec());
        self.cipher()
            .decrypt_in_place(&XNonce::from(*nonce), &associated, &mut *body)
            .map_err(|_| OpenError::Tampered)?;
        let (salt, plaintext) = body.split_first_chunk::<SALT_LENGTH>().ok_or(OpenError::Tampered)?;
        Ok(Opened { salt: Personal::new(*salt), plaintext: Personal::new(plaintext.to_vec()) })
    }
}

impl fmt::Debug for DataKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_tuple("DataKey").field(&self.id()).finish()
    }
}

#[cfg(test)]
#[path = "seal_test.rs"]
mod tests;
