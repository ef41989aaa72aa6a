//! A client's own key, so that a newcomer needs no other tool: made here, used by the commands that call the API. The
//! service itself never sees the private part.

use super::error::AuthError;
use super::key_file::{self, KeyFileError};
use super::keys::sign_compact;
use super::pem;
use super::public_key::PublicKey;
use crate::domain::time::Timestamp;
use aws_lc_rs::signature::{ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, EncodingKey};
use serde_json::{Value, json};
use std::fmt;
use std::path::Path;
use zeroize::Zeroizing;

/// How long an assertion that is made here lives, in seconds.
const ASSERTION_SECONDS: i64 = 240;

/// An ES384 key pair of a client; its id is its RFC 7638 thumbprint.
pub struct ClientKey {
    encoding: EncodingKey,
    jwk: Value,
    kid: String,
}

impl fmt::Debug for ClientKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("ClientKey").field("kid", &self.kid).finish_non_exhaustive()
    }
}

/// Makes a P-384 key from 48 random octets.
///
/// # Errors
/// [`KeyFileError::NotMade`] if the octets are no valid private key: never by chance.
pub fn generate_client_key(random: &[u8; 48]) -> Result<ClientKey, KeyFileError> {
    // ECPrivateKey of RFC 5915: version 1, the scalar, the curve secp384r1; the public point is computed from them.
    let mut der = Zeroizing::new(Vec::with_capacity(64));
    der.extend_from_slice(&[0x30, 0x3e, 0x02, 0x01, 0x01, 0x04, 0x30]);
    der.extend_from_slice(random);
    der.extend_from_slice(&[0xa0, 0x07, 0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x22]);
    let pair = EcdsaKeyPair::from_private_key_der(&ECDSA_P384_SHA384_FIXED_SIGNING, &der)
        .map_err(|_| KeyFileError::NotMade)?;
    let pkcs8 = pair.to_pkcs8v1().map_err(|_| KeyFileError::NotMade)?;
    ClientKey::from_der(pkcs8.as_ref()).ok_or(KeyFileError::NotMade)
}

impl ClientKey {
    /// Reads a key from its PEM text; `None` if it is no P-384 private key in PKCS#8.
    #[must_use]
    pub fn from_pem(text: &str) -> Option<Self> {
        Self::from_der(&pem::decode(text)?)
    }
    fn from_der(der: &[u8]) -> Option<Self> {
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P384_SHA384_FIXED_SIGNING, der).ok()?;
        // SEC 1 section 2.3.3: 0x04, x, y.
        let (x, y) = pair.public_key().as_ref().get(1..)?.split_at_checked(48)?;
        let (x, y) = (URL_SAFE_NO_PAD.encode(x), URL_SAFE_NO_PAD.encode(y));
        let mut jwk = json!({"kty": "EC", "crv": "P-384", "x": x, "y": y, "use": "sig", "alg": "ES384"});
        let kid = PublicKey::from_jwk(&jwk).ok()?.thumbprint().to_owned();
        jwk["kid"] = Value::String(kid.clone());
        Some(Self { encoding: EncodingKey::from_ec_der(der), jwk, kid })
    }
    /// Reads a key file that others cannot read.
    ///
    /// # Errors
    /// [`KeyFileError`].
    pub fn open(path: &Path) -> Result<Self, KeyFileError> {
        let no_key = || KeyFileError::NoKey {
            path: path.to_owned(),
            expected: "an unencrypted P-384 private key in PKCS#8 PEM (BEGIN PRIVATE KEY)",
        };
        Self::from_pem(&key_file::read(path)?.ok_or_else(no_key)?).ok_or_else(no_key)
    }
    /// Writes the private key to a new file, mode 0600; `false` if there is a file of that name, which stays.
    ///
    /// # Errors
    /// [`KeyFileError::Io`].
    pub fn save(&self, path: &Path) -> Result<bool, KeyFileError> {
        key_file::create(path, &self.to_pem())
    }
    /// The private key as PKCS#8 PEM.
    #[must_use]
    pub fn to_pem(&self) -> Zeroizing<String> {
        pem::encode(self.encoding.as_bytes())
    }
    /// The key's id.
    #[must_use]
    pub fn kid(&self) -> &str {
        &self.kid
    }
    /// The public part as a JWK.
    #[must_use]
    pub const fn public_jwk(&self) -> &Value {
        &self.jwk
    }
    /// The public part as a JWK set, to be registered.
    #[must_use]
    pub fn jwks(&self) -> Value {
        json!({"keys": [self.jwk]})
    }
    /// Makes a client assertion (RFC 7523) for a token URL, good for four minutes and for one use; `random` makes its
    /// `jti`.
    ///
    /// # Errors
    /// [`AuthError::Signing`].
    pub fn assertion(
        &self,
        client: &str,
        audience: &str,
        now: Timestamp,
        random: &[u8; 16],
    ) -> Result<Zeroizing<String>, AuthError> {
        let seconds = now.micros().div_euclid(1_000_000);
        let claims = json!({
            "iss": client, "sub": client, "aud": audience, "jti": hex::encode(random),
            "iat": seconds, "exp": seconds + ASSERTION_SECONDS,
        });
        let header = json!({"typ": "JWT", "alg": "ES384", "kid": self.kid});
        sign_compact(&header, &claims, &self.encoding, Algorithm::ES384).map(Zeroizing::new)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_survives_its_file_and_publishes_no_secret() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("client.pem");
        let key = generate_client_key(&[3; 48]).unwrap();
        assert!(key.save(&path).unwrap());
        assert!(!key.save(&path).unwrap());
        assert_eq!(ClientKey::open(&path).unwrap().public_jwk(), key.public_jwk());
        assert!(key.public_jwk().get("d").is_none());
        assert!(!key.jwks().to_string().contains(&URL_SAFE_NO_PAD.encode([3_u8; 48])));
        assert!(matches!(ClientKey::open(&folder.path().join("none.pem")), Err(KeyFileError::NoKey { .. })));
    }

    #[test]
    fn octets_that_are_no_key_are_refused() {
        assert!(generate_client_key(&[0; 48]).is_err());
        assert!(generate_client_key(&[0xff; 48]).is_err());
    }
}
