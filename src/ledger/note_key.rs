//! The keys of signed notes (C2SP `signed-note`): what a key is called, how it is told from others, and the text in
//! which a verifier is given one (a "vkey"). Holds public halves alone; `note` and `cosignature` sign.
//!
//! Two types of signature are known: 0x01, Ed25519 over the text, and 0x04, a timestamped Ed25519 cosignature. The next is
//! 0x06, ML-DSA-44, for records that may outlive Ed25519. Its place is kept: a key's material is behind methods, every limit
//! of this folder leaves room for signatures of 2,428 bytes, names and origins keep the 255 bytes that it binds
//! them with, and until then its lines are those of unknown keys, which every reader passes over.

use super::cosignature;
use super::ed25519::{PUBLIC_KEY_BYTES, verifies};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest as _, Sha256};
use std::fmt;
use std::str::FromStr;

/// A text that is not a key's name or not a verifier key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// The name is empty, too long, or has a space, a plus or a control character.
    #[error("a key's name has 1 to 255 bytes without spaces, pluses or control characters")]
    Name,
    /// The text is not a name, an id of eight lower-case hexadecimal digits and base64, joined by pluses.
    #[error("a verifier key is name+id+base64, with eight lower-case hexadecimal digits as id")]
    Form,
    /// The type of signature is none that is known here.
    #[error("keys for signatures of type 0x{0:02x} are not known here")]
    SignatureType(u8),
    /// The key does not have the length that its type has.
    #[error("a key of this type does not have {0} bytes")]
    Length(usize),
    /// The id is not that of this name, type and key: the text was changed or cut together.
    #[error("the key's id does not belong to this name and key")]
    Id,
}

/// Whether a signature line may carry this name: not empty, no Unicode space, no plus, no control character.
pub(super) fn is_key_name(text: &str) -> bool {
    let forbidden = |letter: char| letter.is_whitespace() || letter == '+' || letter < ' ';
    !text.is_empty() && !text.contains(forbidden)
}

/// The name of a key, best a URL without scheme such as `example.org/log`; unique together with the [`KeyId`]. 1 to
/// 255 bytes, checked once.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct KeyName(String);

impl KeyName {
    /// The longest name in bytes. The standard has no limit for 0x01 and 0x04, and this one for 0x06.
    pub const MAXIMUM_BYTES: usize = 255;

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for KeyName {
    type Err = KeyError;

    fn from_str(text: &str) -> Result<Self, KeyError> {
        let fits = text.len() <= Self::MAXIMUM_BYTES && is_key_name(text);
        if fits { Ok(Self(text.to_owned())) } else { Err(KeyError::Name) }
    }
}

impl fmt::Display for KeyName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// What tells keys of one name apart: the first four bytes of SHA-256(name ‖ LF ‖ type ‖ public key). An identifier and
/// not a proof: anybody can make another key with the same one. `Display` is eight hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct KeyId([u8; 4]);

impl KeyId {
    /// Takes the bytes of a signature line.
    pub(super) const fn new(bytes: [u8; 4]) -> Self {
        Self(bytes)
    }
    /// The four bytes, as a signature line has them.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 4] {
        &self.0
    }
    fn of(name: &KeyName, signature_type: SignatureType, public_key: &[u8]) -> Self {
        let hash = Sha256::new().chain_update(&name.0).chain_update([b'\n', signature_type.byte()]);
        let hash: [u8; 32] = hash.chain_update(public_key).finalize().into();
        Self([hash[0], hash[1], hash[2], hash[3]])
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:08x}", u32::from_be_bytes(self.0))
    }
}

impl fmt::Debug for KeyId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "KeyId({self})")
    }
}

/// How a key signs; one byte in a verifier key and in a key's id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SignatureType {
    /// 0x01: Ed25519 over the text of the note (C2SP `signed-note`).
    Ed25519,
    /// 0x04: Ed25519 over a time and the text of a checkpoint (C2SP `tlog-cosignature`).
    Cosignature,
}

impl SignatureType {
    /// The byte that the standard assigns.
    #[must_use]
    pub const fn byte(self) -> u8 {
        match self {
            Self::Ed25519 => 0x01,
            Self::Cosignature => 0x04,
        }
    }
    const fn from_byte(byte: u8) -> Option<Self> {
        match byte {
            0x01 => Some(Self::Ed25519),
            0x04 => Some(Self::Cosignature),
            _ => None,
        }
    }
}

/// A key that somebody trusts to have signed: name, type and public half. `Display` and `FromStr` are the standard's
/// verifier key, `name+id+base64(type ‖ public key)`.
///
/// A key verifies signatures of its own type alone: one that signs both notes and cosignatures is two of these.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct VerifierKey {
    name: KeyName,
    id: KeyId,
    signature_type: SignatureType,
    public_key: [u8; PUBLIC_KEY_BYTES],
}

/// A known key whose signature holds, and what it says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Verified<'keys> {
    /// The key.
    pub key: &'keys VerifierKey,
    /// When a cosignature was made, in seconds since the Unix epoch; below 2⁶³. `None` for a plain signature. Nothing
    /// here has a clock: whoever minds a time in the future must look.
    pub cosigned_at: Option<u64>,
}

impl VerifierKey {
    /// The key of an Ed25519 public key (RFC 8032) for this type of signature.
    #[must_use]
    pub fn new(name: KeyName, signature_type: SignatureType, public_key: [u8; 32]) -> Self {
        let id = KeyId::of(&name, signature_type, &public_key);
        Self { name, id, signature_type, public_key }
    }
    /// The name.
    #[must_use]
    pub const fn name(&self) -> &KeyName {
        &self.name
    }
    /// What tells it from other keys of that name.
    #[must_use]
    pub const fn id(&self) -> KeyId {
        self.id
    }
    /// How it signs.
    #[must_use]
    pub const fn signature_type(&self) -> SignatureType {
        self.signature_type
    }
    /// The public half, as its type encodes it.
    #[must_use]
    pub const fn public_key(&self) -> &[u8] {
        &self.public_key
    }
    /// What this key says by a signature over a note's text; `None` if it is not its signature.
    pub(super) fn verify(&self, text: &str, signature: &[u8]) -> Option<Verified<'_>> {
        let cosigned_at = match self.signature_type {
            SignatureType::Ed25519 => verifies(&self.public_key, text.as_bytes(), signature).then_some(None)?,
            SignatureType::Cosignature => Some(cosignature::verify(&self.public_key, text, signature)?),
        };
        Some(Verified { key: self, cosigned_at })
    }
}

impl fmt::Display for VerifierKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let material = [&[self.signature_type.byte()], self.public_key.as_slice()].concat();
        write!(formatter, "{}+{}+{}", self.name, self.id, STANDARD.encode(material))
    }
}

impl FromStr for VerifierKey {
    type Err = KeyError;

    /// Reads the one spelling that `Display` writes.
    fn from_str(text: &str) -> Result<Self, KeyError> {
        let mut parts = text.splitn(3, '+'); // base64 has pluses of its own
        let (name, id, material) = (parts.next(), parts.next(), parts.next());
        let (Some(name), Some(id), Some(material)) = (name, id, material) else { return Err(KeyError::Form) };
        if id.len() != 8 || !id.bytes().all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f')) {
            return Err(KeyError::Form);
        }
        let name: KeyName = name.parse()?;
        let material = STANDARD.decode(material).map_err(|_| KeyError::Form)?;
        let (&signature_type, public_key) = material.split_first().ok_or(KeyError::Form)?;
        let signature_type = SignatureType::from_byte(signature_type).ok_or(KeyError::SignatureType(signature_type))?;
        let public_key = public_key.try_into().map_err(|_| KeyError::Length(public_key.len()))?;
        let key = Self::new(name, signature_type, public_key);
        if id == key.id.to_string() { Ok(key) } else { Err(KeyError::Id) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of C2SP `signed-note`, and the key of a log that everybody knows.
    const KNOWN: [&str; 2] = [
        "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k",
        "sum.golang.org+033de0ae+Ac4zctda0e5eza+HJyk9SxEdh+s3Ux18htTTAD8OuAn8",
    ];

    #[test]
    fn known_keys_read_back_as_themselves() {
        for text in KNOWN {
            let key: VerifierKey = text.parse().unwrap();
            assert_eq!(key.to_string(), text);
            assert_eq!(key.signature_type(), SignatureType::Ed25519);
            let name = text.split('+').next().unwrap();
            assert_eq!((key.name().as_str(), key.public_key().len()), (name, 32));
        }
    }

    #[test]
    fn one_public_key_has_another_id_for_each_type_and_name() {
        let name: KeyName = "example.com/foo".parse().unwrap();
        let note = VerifierKey::new(name.clone(), SignatureType::Ed25519, [7; 32]);
        let cosignature = VerifierKey::new(name, SignatureType::Cosignature, [7; 32]);
        let other = VerifierKey::new("example.com/fo".parse().unwrap(), SignatureType::Ed25519, [7; 32]);
        assert!(note.id() != cosignature.id() && note.id() != other.id());
        assert_eq!(cosignature.to_string().parse(), Ok(cosignature));
    }

    #[test]
    fn every_changed_character_of_a_key_is_refused() {
        for text in KNOWN {
            for (place, old) in text.char_indices() {
                for new in ['A', 'a', '0', '+', '/', '=', ' ', '\n', '.', 'é'] {
                    if new != old {
                        let changed = format!("{}{new}{}", &text[..place], &text[place + 1..]);
                        assert!(changed.parse::<VerifierKey>().is_err(), "{changed:?} was accepted");
                    }
                }
            }
            for place in 0..text.len() {
                assert!(text[..place].parse::<VerifierKey>().is_err());
            }
        }
    }

    #[test]
    fn keys_of_other_types_lengths_or_spellings_are_refused() {
        let encode = |bytes: &[u8]| STANDARD.encode(bytes);
        let read = |text: &str| text.parse::<VerifierKey>().unwrap_err();
        assert_eq!(read(&format!("a+00000000+{}", encode(&[6; 1_313]))), KeyError::SignatureType(6));
        assert_eq!(read(&format!("a+00000000+{}", encode(&[1; 32]))), KeyError::Length(31));
        assert_eq!(read(&format!("a+00000000+{}", encode(&[1; 33]))), KeyError::Id);
        assert_eq!(read(&format!("a+0000000+{}", encode(&[1; 33]))), KeyError::Form);
        assert_eq!(read(&KNOWN[0].replace("530d903a", "530D903A")), KeyError::Form);
        assert_eq!(read("a+00000000+"), KeyError::Form);
    }

    #[test]
    fn a_name_has_no_space_plus_or_control_character() {
        let longest = "a".repeat(255);
        for valid in ["a", "example.com/log", "è", longest.as_str()] {
            assert_eq!(valid.parse::<KeyName>().unwrap().as_str(), valid);
        }
        let too_long = "a".repeat(256);
        for invalid in ["", "a b", "a+b", "a\n", "a\u{1f}", "a\u{a0}b", "a\u{2003}b", "a\u{85}", too_long.as_str()] {
            assert_eq!(invalid.parse::<KeyName>(), Err(KeyError::Name), "{invalid:?}");
        }
    }
}
