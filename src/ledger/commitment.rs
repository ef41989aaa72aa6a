//! Salted commitments: what a leaf says about a part without saying what is in it.
//!
//! Knows nothing about sealing, keys or storage. A commitment covers the plain bytes of a part and not their
//! ciphertext, so that re-encryption and key rotation leave every leaf valid, and a holder of bytes and salt
//! can prove them without our keys. The salt lives beside the bytes, sealed with them; once both are gone,
//! what remains cannot be tested against a guess.

use super::part_name::PartName;
use crate::domain::ids::EventId;
use base64::Engine as _;
use base64::display::Base64Display;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use std::fmt;

/// Separates these messages from every other use of HMAC, and names the version of their layout.
const DOMAIN: &[u8] = b"cairn-part/v1\n";

/// The block of SHA-256 in bytes, to which HMAC (RFC 2104) pads a shorter key with zeros.
const HASH_BLOCK_BYTES: usize = 64;

/// The secret of one commitment: 32 random bytes, drawn anew for each part of each event. Its `Debug` does
/// not show them: who has the salt can test guesses against the leaf for ever.
#[derive(Clone, PartialEq, Eq)]
pub struct Salt([u8; 32]);

impl Salt {
    /// Takes 32 bytes, which must come from a cryptographic random source.
    #[must_use]
    pub const fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }
    /// The bytes, to be sealed beside the part that they commit to.
    #[must_use]
    pub const fn expose(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Debug for Salt {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("[salt]")
    }
}

/// A commitment to one part of one event: 32 public bytes. `Display` is padded standard base64 (RFC 4648
/// section 4), as in the leaf.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Commitment([u8; 32]);

impl Commitment {
    /// Takes a commitment that was computed earlier.
    #[must_use]
    pub const fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }
    /// The 32 bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
    /// Whether this commits to exactly these bytes, as this part of this event, under this salt. Takes the
    /// same time wherever a difference lies.
    #[must_use]
    pub fn verify(&self, salt: &Salt, event: &EventId, part: &PartName, bytes: &[u8]) -> bool {
        keyed_message(salt, event, part, bytes).verify_slice(&self.0).is_ok()
    }
    /// Appends the base64 text to a leaf that is being written.
    pub(super) fn write_base64(&self, text: &mut String) {
        STANDARD.encode_string(self.0, text);
    }
    /// Reads the one padded base64 spelling that `Display` writes; `None` for every other.
    #[must_use]
    pub fn from_base64(text: &str) -> Option<Self> {
        let bytes = STANDARD.decode(text).ok()?;
        bytes.try_into().ok().map(Self)
    }
}

impl fmt::Display for Commitment {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        Base64Display::new(&self.0, &STANDARD).fmt(formatter)
    }
}

impl fmt::Debug for Commitment {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Commitment({self})")
    }
}

/// Commits to the exact bytes of one part of one event:
/// HMAC-SHA256(salt, "cairn-part/v1\n" ‖ event id, 16 bytes ‖ length of the name, 2 bytes big-endian ‖ name ‖
/// bytes). The event and the name are bound in, so a commitment cannot be moved to another place.
#[must_use]
pub fn commit(salt: &Salt, event: &EventId, part: &PartName, bytes: &[u8]) -> Commitment {
    Commitment(keyed_message(salt, event, part, bytes).finalize().into_bytes().into())
}

fn keyed_message(salt: &Salt, event: &EventId, part: &PartName, bytes: &[u8]) -> Hmac<Sha256> {
    // HMAC pads its key with zeros to a whole block; padding here gives the same function without a length to refuse.
    let mut key = [0_u8; HASH_BLOCK_BYTES];
    key[..salt.0.len()].copy_from_slice(&salt.0);
    let name = part.as_str().as_bytes();
    let mut message = Hmac::<Sha256>::new((&key).into());
    message.update(DOMAIN);
    message.update(event.0.as_bytes());
    message.update(&(name.len() as u16).to_be_bytes()); // exact: a name has at most 32 bytes
    message.update(name);
    message.update(bytes);
    message
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use uuid::Uuid;

    fn event(number: u128) -> EventId {
        EventId(Uuid::from_u128(number))
    }

    #[test]
    fn the_salt_never_shows_itself() {
        assert_eq!(format!("{:?}", Salt::new([0xAB; 32])), "[salt]");
    }

    #[test]
    fn base64_has_one_spelling() {
        let commitment = Commitment::new([0xFF; 32]);
        let text = commitment.to_string();
        assert_eq!(text, "//////////////////////////////////////////8=");
        assert_eq!(Commitment::from_base64(&text), Some(commitment));
        // Other last bits of the final letter, no padding, the URL-safe alphabet, another length.
        for other in [
            "//////////////////////////////////////////9=",
            "//////////////////////////////////////////8",
            "__________________________________________8=",
            "/////////////////////////////////////////w==",
            "",
        ] {
            assert_eq!(Commitment::from_base64(other), None, "{other:?} was accepted");
        }
    }

    proptest! {
        #[test]
        fn a_commitment_opens_with_its_own_salt_event_name_and_bytes_alone(
            salt: [u8; 32], id: u128, bytes in proptest::collection::vec(any::<u8>(), 0..200), bit in 0_usize..256,
        ) {
            let commitment = commit(&Salt::new(salt), &event(id), &PartName::WORDS, &bytes);
            prop_assert!(commitment.verify(&Salt::new(salt), &event(id), &PartName::WORDS, &bytes));

            let mut other_salt = salt;
            other_salt[bit / 8] ^= 1 << (bit % 8);
            prop_assert!(!commitment.verify(&Salt::new(other_salt), &event(id), &PartName::WORDS, &bytes));
            prop_assert!(!commitment.verify(&Salt::new(salt), &event(id ^ (1 << (bit / 2))), &PartName::WORDS, &bytes));
            prop_assert!(!commitment.verify(&Salt::new(salt), &event(id), &PartName::FACTS, &bytes));
            let mut longer = bytes.clone();
            longer.push(0);
            prop_assert!(!commitment.verify(&Salt::new(salt), &event(id), &PartName::WORDS, &longer));
            let mut other = *commitment.as_bytes();
            other[bit / 8] ^= 1 << (bit % 8);
            prop_assert!(!Commitment::new(other).verify(&Salt::new(salt), &event(id), &PartName::WORDS, &bytes));
        }
    }

    #[test]
    fn the_name_length_keeps_name_and_bytes_apart() {
        let salt = Salt::new([7; 32]);
        let short = commit(&salt, &event(1), &"ab".parse().unwrap(), b"c");
        let long = commit(&salt, &event(1), &"abc".parse().unwrap(), b"");
        assert_ne!(short, long);
    }
}
