//! The embedded issuer of a service that listens on loopback only: one key in the data directory, tokens that say
//! themselves which organisation and scopes they are for, no client to register. A verifier that was not built for
//! loopback never has it (`verify`).

use super::error::AuthError;
use super::issuer::scope_text;
use super::key_file::KeyFileError;
use super::keys::SigningKey;
use super::public_key::KeySet;
use crate::domain::access::Scope;
use crate::domain::ids::OrganisationCode;
use crate::domain::time::Timestamp;
use serde_json::json;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

/// The name of the key file in the data directory.
pub const FILE: &str = "development-issuer.pem";
/// The issuer and the audience of development tokens. The key binds them to one data directory, so they need not name
/// an address, which a command does not know.
pub const ISSUER: &str = "cairn-development";
/// The client of development tokens; no client can be registered under it.
pub const CLIENT: &str = "development";
/// The longest life of a development token, in seconds.
pub const LONGEST_LIFE_SECONDS: u32 = 24 * 3_600;

/// The embedded development issuer.
#[derive(Debug)]
pub struct DevelopmentIssuer {
    key: SigningKey,
}

/// A development token that cannot be minted.
#[derive(Debug, thiserror::Error)]
pub enum MintError {
    /// The organisation owns the reference lists; nobody acts for it.
    #[error("nobody acts for the organisation {}", OrganisationCode::REFERENCE)]
    Reserved,
    /// It would allow nothing.
    #[error("a token needs at least one scope")]
    NoScope,
    /// It would live too long.
    #[error("a development token lives 1 to {LONGEST_LIFE_SECONDS} seconds")]
    Life,
    /// It could not be signed.
    #[error("the token could not be signed")]
    Signing(#[source] AuthError),
}

impl DevelopmentIssuer {
    /// The path of the key file of a data directory.
    #[must_use]
    pub fn path(data_dir: &Path) -> PathBuf {
        data_dir.join(FILE)
    }
    /// Opens the issuer of a data directory; makes its key file (mode 0600) from `random` if there is none.
    ///
    /// # Errors
    /// [`KeyFileError`].
    pub fn open_or_create(data_dir: &Path, random: &[u8; 32]) -> Result<Self, KeyFileError> {
        SigningKey::open_or_create(&Self::path(data_dir), random).map(|key| Self { key })
    }
    /// Mints a token that acts for an organisation; `random` makes its `jti`.
    ///
    /// # Errors
    /// [`MintError`].
    pub fn mint(
        &self,
        organisation: &OrganisationCode,
        scopes: &BTreeSet<Scope>,
        life_seconds: u32,
        now: Timestamp,
        random: &[u8; 16],
    ) -> Result<Zeroizing<String>, MintError> {
        if organisation.as_str() == OrganisationCode::REFERENCE {
            return Err(MintError::Reserved);
        }
        if scopes.is_empty() {
            return Err(MintError::NoScope);
        }
        if !(1..=LONGEST_LIFE_SECONDS).contains(&life_seconds) {
            return Err(MintError::Life);
        }
        let seconds = now.micros().div_euclid(1_000_000);
        let claims = json!({
            "iss": ISSUER, "aud": ISSUER, "sub": CLIENT, "client_id": CLIENT, "organisation": organisation.as_str(),
            "scope": scope_text(scopes), "iat": seconds, "nbf": seconds, "exp": seconds + i64::from(life_seconds),
            "jti": hex::encode(random),
        });
        self.key.sign("at+jwt", &claims).map(Zeroizing::new).map_err(MintError::Signing)
    }
    /// The public key that verifies its tokens.
    pub(super) fn key_set(&self) -> KeySet {
        self.key.key_set()
    }
    /// Signs whatever it is asked to, for tests of the verifier.
    #[cfg(test)]
    pub(super) fn sign_anything(&self, claims: &serde_json::Value) -> String {
        self.key.sign("at+jwt", claims).unwrap()
    }
}
