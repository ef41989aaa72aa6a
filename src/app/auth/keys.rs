//! The service's own key, with which it signs access tokens: Ed25519 (RFC 8037) in a PKCS#8 file. Knows no claim.
//!
//! Several processes of one deployment share the file, so that each accepts what the others issued.

use super::error::AuthError;
use super::key_file::{self, KeyFileError};
use super::pem;
use super::public_key::{KeySet, PublicKey};
use aws_lc_rs::encoding::AsBigEndian as _;
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, EncodingKey};
use serde_json::{Value, json};
use std::fmt;
use std::path::Path;
use zeroize::Zeroizing;

const EXPECTED: &str = "an unencrypted Ed25519 private key in PKCS#8 PEM (BEGIN PRIVATE KEY)";

/// A private key that signs tokens with EdDSA.
pub struct SigningKey {
    encoding: EncodingKey,
    jwk: Value,
    public: PublicKey,
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("SigningKey").field("kid", &self.kid()).finish_non_exhaustive()
    }
}

impl SigningKey {
    /// Makes a key from 32 random octets.
    ///
    /// # Errors
    /// [`KeyFileError::NotMade`] if the cryptography library refuses.
    pub fn generate(random: &[u8; 32]) -> Result<Self, KeyFileError> {
        let pair = Ed25519KeyPair::from_seed_unchecked(random).map_err(|_| KeyFileError::NotMade)?;
        let der = pair.to_pkcs8v1().map_err(|_| KeyFileError::NotMade)?;
        Self::from_der(der.as_ref()).ok_or(KeyFileError::NotMade)
    }
    /// Reads a key from its PEM text; `None` if it is no Ed25519 key.
    #[must_use]
    pub fn from_pem(text: &str) -> Option<Self> {
        Self::from_der(&pem::decode(text)?)
    }
    fn from_der(der: &[u8]) -> Option<Self> {
        let pair = Ed25519KeyPair::from_pkcs8(der).ok()?;
        let x = URL_SAFE_NO_PAD.encode(pair.public_key().as_ref());
        let mut jwk = json!({"kty": "OKP", "crv": "Ed25519", "x": x, "use": "sig", "alg": "EdDSA"});
        let kid = PublicKey::from_jwk(&jwk).ok()?.thumbprint().to_owned();
        jwk["kid"] = Value::String(kid);
        let public = PublicKey::from_jwk(&jwk).ok()?;
        Some(Self { encoding: EncodingKey::from_ed_der(der), jwk, public })
    }
    /// The key as PKCS#8 PEM.
    #[must_use]
    pub fn to_pem(&self) -> Zeroizing<String> {
        pem::encode(self.encoding.as_bytes())
    }
    /// Reads the key from a file, and makes the file (mode 0600, durable) if there is none. Of several processes that
    /// do so at once, all end with the key of the first.
    ///
    /// # Errors
    /// [`KeyFileError`]: the file is readable by others, holds another thing, or the file system refuses.
    pub fn open_or_create(path: &Path, random: &[u8; 32]) -> Result<Self, KeyFileError> {
        if let Some(key) = Self::open(path)? {
            return Ok(key);
        }
        let key = Self::generate(random)?;
        if key_file::create(path, &key.to_pem())? {
            return Ok(key);
        }
        Self::open(path)?.ok_or_else(|| KeyFileError::NoKey { path: path.to_owned(), expected: EXPECTED })
    }
    /// Reads the key from a file; `Ok(None)` if there is none.
    ///
    /// # Errors
    /// [`KeyFileError`], as [`SigningKey::open_or_create`].
    pub fn open(path: &Path) -> Result<Option<Self>, KeyFileError> {
        let Some(text) = key_file::read(path)? else { return Ok(None) };
        Self::from_pem(&text).map(Some).ok_or_else(|| KeyFileError::NoKey { path: path.to_owned(), expected: EXPECTED })
    }
    /// The secret octets that it was made from (RFC 8032 section 5.1.5), for a signer of another form.
    ///
    /// # Errors
    /// [`KeyFileError::NotMade`] if the cryptography library refuses.
    pub fn seed(&self) -> Result<Zeroizing<[u8; 32]>, KeyFileError> {
        let pair = Ed25519KeyPair::from_pkcs8(self.encoding.as_bytes()).map_err(|_| KeyFileError::NotMade)?;
        let seed = pair.seed().map_err(|_| KeyFileError::NotMade)?;
        let bytes = seed.as_be_bytes().map_err(|_| KeyFileError::NotMade)?;
        bytes.as_ref().try_into().map(Zeroizing::new).map_err(|_| KeyFileError::NotMade)
    }
    /// Its id: the RFC 7638 thumbprint.
    #[must_use]
    pub fn kid(&self) -> &str {
        self.public.thumbprint()
    }
    /// The public part.
    #[must_use]
    pub const fn public_key(&self) -> &PublicKey {
        &self.public
    }
    /// The public part as a set, for verifying.
    #[must_use]
    pub fn key_set(&self) -> KeySet {
        KeySet::of(vec![self.public.clone()])
    }
    /// The public part as a JWK set (RFC 7517), to be published at `/oauth2/jwks`.
    #[must_use]
    pub fn jwks(&self) -> Value {
        json!({"keys": [self.jwk]})
    }
    /// Signs claims as a compact JWT of a type.
    pub(super) fn sign(&self, typ: &str, claims: &Value) -> Result<String, AuthError> {
        let header = json!({"typ": typ, "alg": "EdDSA", "kid": self.kid()});
        sign_compact(&header, claims, &self.encoding, Algorithm::EdDSA)
    }
}

/// Writes and signs a compact JWT; the header is the caller's, and must name the algorithm.
pub(super) fn sign_compact(
    header: &Value,
    claims: &Value,
    key: &EncodingKey,
    algorithm: Algorithm,
) -> Result<String, AuthError> {
    let mut text =
        format!("{}.{}", URL_SAFE_NO_PAD.encode(header.to_string()), URL_SAFE_NO_PAD.encode(claims.to_string()));
    let signature = jsonwebtoken::crypto::sign(text.as_bytes(), key, algorithm).map_err(AuthError::Signing)?;
    text.push('.');
    text.push_str(&signature);
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_made_once_and_found_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("token-signing.pem");
        assert!(SigningKey::open(&path).unwrap().is_none());
        let made = SigningKey::open_or_create(&path, &[1; 32]).unwrap();
        let found = SigningKey::open_or_create(&path, &[2; 32]).unwrap();
        assert_eq!(made.kid(), found.kid());
        assert_eq!(made.jwks()["keys"][0]["kid"], json!(made.kid()));
        assert_ne!(made.kid(), SigningKey::generate(&[2; 32]).unwrap().kid());
    }

    #[test]
    fn a_file_with_something_else_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key.pem");
        key_file::create(&path, "not a key").unwrap();
        assert!(matches!(SigningKey::open_or_create(&path, &[1; 32]), Err(KeyFileError::NoKey { .. })));
        let other = crate::app::auth::generate_client_key(&[1; 48]).unwrap();
        assert!(SigningKey::from_pem(&other.to_pem()).is_none(), "a key of another kind");
    }

    #[test]
    fn no_private_octet_is_published_or_printed() {
        let key = SigningKey::generate(&[7; 32]).unwrap();
        let seed = URL_SAFE_NO_PAD.encode([7_u8; 32]);
        assert!(!key.jwks().to_string().contains(&seed));
        assert!(key.jwks()["keys"][0].get("d").is_none());
        assert!(!format!("{key:?}").contains("[7"));
    }
}
