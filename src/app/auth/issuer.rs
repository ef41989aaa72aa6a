//! Issues the service's own access tokens: `at+jwt` of RFC 9068, short, signed with the service's key. Whether a client
//! may have one is decided before (`grant`).

use super::error::AuthError;
use super::keys::SigningKey;
use crate::domain::access::Scope;
use crate::domain::time::Timestamp;
use serde_json::json;
use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;
use zeroize::Zeroizing;

/// The longest life of an access token, in seconds (SMART Backend Services: at most five minutes).
pub const LONGEST_LIFE_SECONDS: u32 = 300;

/// An issued access token: what the token endpoint answers.
pub struct IssuedToken {
    /// The token itself.
    pub access_token: Zeroizing<String>,
    /// How long it lives, in seconds.
    pub expires_in: u32,
    /// What it allows.
    pub scopes: BTreeSet<Scope>,
}

impl fmt::Debug for IssuedToken {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("IssuedToken").field("scopes", &self.scopes).finish_non_exhaustive()
    }
}

impl IssuedToken {
    /// The scopes as a token answer writes them: by name, between spaces.
    #[must_use]
    pub fn scope(&self) -> String {
        scope_text(&self.scopes)
    }
}

/// Scopes as one text (RFC 6749 section 3.3).
pub(super) fn scope_text(scopes: &BTreeSet<Scope>) -> String {
    scopes.iter().map(|scope| scope.as_str()).collect::<Vec<_>>().join(" ")
}

/// Issues access tokens for one resource.
#[derive(Debug, Clone)]
pub struct TokenIssuer {
    issuer: String,
    audience: String,
    life_seconds: u32,
    key: Arc<SigningKey>,
}

impl TokenIssuer {
    /// An issuer by its identifier, for the resource by its identifier. Tokens live `life_seconds`, at most
    /// [`LONGEST_LIFE_SECONDS`]: more is cut to that.
    #[must_use]
    pub fn new(issuer: String, audience: String, life_seconds: u32, key: Arc<SigningKey>) -> Self {
        Self { issuer, audience, life_seconds: life_seconds.clamp(1, LONGEST_LIFE_SECONDS), key }
    }
    /// Its identifier.
    #[must_use]
    pub fn issuer(&self) -> &str {
        &self.issuer
    }
    /// Issues a token to a client; `random` makes its `jti`.
    ///
    /// # Errors
    /// [`AuthError::Signing`].
    pub fn issue(
        &self,
        client: &str,
        scopes: &BTreeSet<Scope>,
        now: Timestamp,
        random: &[u8; 16],
    ) -> Result<IssuedToken, AuthError> {
        let seconds = now.micros().div_euclid(1_000_000);
        let claims = json!({
            "iss": self.issuer, "aud": self.audience, "sub": client, "client_id": client,
            "scope": scope_text(scopes), "iat": seconds, "nbf": seconds,
            "exp": seconds + i64::from(self.life_seconds), "jti": hex::encode(random),
        });
        let access_token = Zeroizing::new(self.key.sign("at+jwt", &claims)?);
        Ok(IssuedToken { access_token, expires_in: self.life_seconds, scopes: scopes.clone() })
    }
}
