//! Ed25519 signatures (RFC 8032): the one file of this folder that names the cryptography library. Knows neither
//! what is signed nor whose key it is, and draws no randomness: a key comes from a seed that the caller brings.

use aws_lc_rs::signature::{ED25519, Ed25519KeyPair, KeyPair as _, UnparsedPublicKey};
use std::fmt;
use zeroize::{Zeroize, ZeroizeOnDrop};

/// The length of a public key in bytes.
pub(super) const PUBLIC_KEY_BYTES: usize = 32;
/// The length of a signature in bytes.
pub(super) const SIGNATURE_BYTES: usize = 64;

/// The secret that a signing key is made from: 32 bytes, which must come from a cryptographic random source. Wiped
/// when dropped; `Debug` prints `[seed]`, and there is no `Display` and no comparison.
#[derive(Zeroize, ZeroizeOnDrop)]
pub struct SigningSeed([u8; 32]);

impl SigningSeed {
    /// Takes the bytes over. The caller's own copy is the caller's to wipe.
    #[must_use]
    pub const fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }
}

impl fmt::Debug for SigningSeed {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("[seed]")
    }
}

/// The cryptography library did not make the key or the signature. It gives no reason; nothing was signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the cryptography library did not make the key or the signature")]
pub struct SigningFailed;

/// A key that signs. The library keeps the secret in memory of its own and overwrites that when it is freed.
pub(super) struct SigningKey {
    pair: Ed25519KeyPair,
    public_key: [u8; PUBLIC_KEY_BYTES],
}

impl SigningKey {
    /// The key of a seed (RFC 8032 section 5.1.5).
    pub(super) fn from_seed(seed: &SigningSeed) -> Result<Self, SigningFailed> {
        let pair = Ed25519KeyPair::from_seed_unchecked(&seed.0).map_err(|_| SigningFailed)?;
        let public_key = pair.public_key().as_ref().try_into().map_err(|_| SigningFailed)?;
        Ok(Self { pair, public_key })
    }
    /// The public half.
    pub(super) const fn public_key(&self) -> [u8; PUBLIC_KEY_BYTES] {
        self.public_key
    }
    /// The signature of a message; the same for the same message.
    pub(super) fn sign(&self, message: &[u8]) -> Result<[u8; SIGNATURE_BYTES], SigningFailed> {
        let signature = self.pair.try_sign(message).map_err(|_| SigningFailed)?;
        signature.as_ref().try_into().map_err(|_| SigningFailed)
    }
}

/// Whether the signature is that of this key over this message. Anything that is not 64 bytes long is not.
pub(super) fn verifies(public_key: &[u8; PUBLIC_KEY_BYTES], message: &[u8], signature: &[u8]) -> bool {
    UnparsedPublicKey::new(&ED25519, public_key).verify(message, signature).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes<const LENGTH: usize>(text: &str) -> [u8; LENGTH] {
        hex::decode(text).unwrap().try_into().unwrap()
    }

    /// RFC 8032 section 7.1, test 1: the empty message.
    #[test]
    fn the_first_vector_of_the_standard_is_signed_and_verified() {
        let seed = SigningSeed::new(bytes("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60"));
        let public_key = bytes("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a");
        let signature: [u8; 64] = bytes(
            "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bb\
             e24655141438e7a100b",
        );
        let key = SigningKey::from_seed(&seed).unwrap();
        assert_eq!(key.public_key(), public_key);
        assert_eq!(key.sign(b"").unwrap(), signature);
        assert!(verifies(&public_key, b"", &signature));
        assert!(!verifies(&public_key, b" ", &signature));
        assert!(!verifies(&public_key, b"", &signature[..63]));
        assert!(!verifies(&public_key, b"", &[signature.as_slice(), &[0]].concat()));
    }

    #[test]
    fn the_seed_never_shows_itself() {
        assert_eq!(format!("{:?}", SigningSeed::new([0xAB; 32])), "[seed]");
    }
}
