//! Verifies that a client holds its key: `client_assertion` of RFC 7523 (`private_key_jwt`) as SMART Backend Services
//! profiles it. Knows no scope and issues nothing.
//!
//! What the assertion says about itself is checked first and answered in full, because it tells the sender nothing that
//! it did not know. From the registry on, one answer covers "no such client", "revoked", "no such key" and "not signed
//! by it": the sender learns no more, the operator's text says which. Last of all the `jti` is used up, so a stranger
//! cannot use up a client's.

use super::LEEWAY_SECONDS;
use super::clients::ClientRegistry;
use super::error::{AuthError, Fault};
use super::jwks::JwksSource;
use super::jwt::{Jwt, name_of, shown};
use super::public_key::KeySet;
use crate::domain::time::Timestamp;
use crate::store::{Client, ClientKeys};
use jsonwebtoken::Algorithm;
use sha2::{Digest, Sha256};
use std::sync::Arc;

/// The algorithms of client assertions. SMART: RS384, ES384; NHS: RS512; FAPI 2.0: PS256, ES256, EdDSA. A key's own
/// kind, curve and `alg` narrow them further.
pub const ASSERTION_ALGORITHMS: &[Algorithm] = &[
    Algorithm::RS384,
    Algorithm::RS512,
    Algorithm::PS256,
    Algorithm::PS384,
    Algorithm::ES256,
    Algorithm::ES384,
    Algorithm::EdDSA,
];
/// The types of client assertions, in lower case: SMART writes JWT, newer profiles the explicit one. Whatever else a
/// client signs with its key (a DPoP proof, a token of its own) is no proof to us (RFC 8725 section 3.11).
const ASSERTION_TYPES: &[&str] = &["jwt", "client-authentication+jwt"];
/// The longest life of an assertion, in seconds; for a client whose clock is ahead, [`LEEWAY_SECONDS`] more.
const LONGEST_LIFE_SECONDS: i64 = 300;
/// The longest `jti`, in characters.
const MOST_JTI: usize = 200;
/// What a sender hears from the registry on.
const NOT_AUTHENTICATED: &str = "the client is not registered here, was revoked, or none of its registered keys with this kid and algorithm signed this";

/// Verifies client assertions.
#[derive(Clone)]
pub struct AssertionVerifier {
    registry: Arc<dyn ClientRegistry>,
    jwks: Arc<JwksSource>,
    token_url: String,
    issuer: String,
}

impl AssertionVerifier {
    /// A verifier for one token endpoint: `token_url` is its address as clients know it, `issuer` the service's issuer
    /// identifier. Both are audiences (SMART names the first, FAPI 2.0 the second), and nothing else is.
    #[must_use]
    pub fn new(registry: Arc<dyn ClientRegistry>, jwks: Arc<JwksSource>, token_url: String, issuer: String) -> Self {
        Self { registry, jwks, token_url, issuer }
    }
    /// The token endpoint's address.
    #[must_use]
    pub fn token_url(&self) -> &str {
        &self.token_url
    }
    /// Verifies an assertion and uses up its `jti`: the client that it is from.
    ///
    /// # Errors
    /// [`AuthError::InvalidClient`] if it proves nothing; [`AuthError::Unavailable`] if the registry cannot be read.
    pub async fn verify(&self, assertion: &str, now: Timestamp) -> Result<Client, AuthError> {
        let jwt = Jwt::parse(assertion).map_err(about)?;
        let said = self.check_what_it_says(&jwt, now).map_err(about)?;
        let unavailable = |source| AuthError::Unavailable { operation: "reading the registry of clients", source };
        let client = self.registry.client(said.client).await.map_err(unavailable)?;
        let client = match client {
            None => return Err(veiled(format!("there is no client {}", shown(said.client)))),
            Some(client) if client.revoked_at.is_some() => {
                return Err(veiled(format!("the client {} was revoked", client.id)));
            }
            Some(client) => client,
        };
        let keys = self.keys_of(&client, &jwt, now).await?;
        let key = keys
            .select(&jwt.header.kid, jwt.header.algorithm, now)
            .map_err(|fault| veiled(format!("{}: {}", client.id, fault.description)))?;
        if !jwt.is_signed_by(key) {
            return Err(veiled(format!("the signature of {} does not verify", client.id)));
        }
        let digest: [u8; 32] = Sha256::digest(said.jti).into();
        let keep_until = said.expires_at.plus_micros(LEEWAY_SECONDS * 1_000_000);
        let operation = "remembering a used assertion";
        let first = self
            .registry
            .use_assertion(&client.id, &digest, keep_until, now)
            .await
            .map_err(|source| AuthError::Unavailable { operation, source })?;
        if first {
            Ok(client)
        } else {
            Err(about(Fault::new("its jti was used before: each assertion is for one use")))
        }
    }

    async fn keys_of(&self, client: &Client, jwt: &Jwt<'_>, now: Timestamp) -> Result<Arc<KeySet>, AuthError> {
        let registered_url = match &client.keys {
            ClientKeys::Url(url) => Some(url.as_str()),
            ClientKeys::Inline(_) | ClientKeys::Issuer(_) => None,
        };
        if jwt.header.jku.is_some() && jwt.header.jku.as_deref() != registered_url {
            return Err(veiled(format!("{}: jku is not the registered address of its keys", client.id)));
        }
        match &client.keys {
            ClientKeys::Inline(set) => {
                let keys = KeySet::parse(set).map_err(|problem| veiled(format!("{}: {problem}", client.id)))?;
                Ok(Arc::new(keys))
            }
            ClientKeys::Url(url) => self
                .jwks
                .keys(url, &jwt.header.kid, now)
                .await
                .map_err(|problem| veiled(format!("{}: {}", client.id, problem.with_reasons()))),
            ClientKeys::Issuer(issuer) => {
                Err(veiled(format!("{} has its tokens from {} and none from here", client.id, shown(issuer))))
            }
        }
    }

    fn check_what_it_says<'a>(&self, jwt: &'a Jwt<'_>, now: Timestamp) -> Result<Said<'a>, Fault> {
        let algorithm = jwt.header.algorithm;
        if !ASSERTION_ALGORITHMS.contains(&algorithm) {
            let names: Vec<_> = ASSERTION_ALGORITHMS.iter().map(|known| name_of(*known)).collect();
            return Err(Fault::new(format!(
                "expected one of the algorithms {}, received {}",
                names.join(" "),
                name_of(algorithm)
            )));
        }
        if jwt.header.typ.as_deref().is_some_and(|typ| !ASSERTION_TYPES.contains(&typ)) {
            return Err(Fault::new(format!("typ: expected {}, or none", ASSERTION_TYPES.join(" or "))));
        }
        let (issuer, subject) = (jwt.claims.required_text("iss")?, jwt.claims.required_text("sub")?);
        if issuer != subject {
            return Err(Fault::new("iss and sub must both be the client's id"));
        }
        let audiences = jwt.claims.audiences()?;
        // One audience: an assertion that is good elsewhere too could be replayed by whoever is there.
        if audiences.len() != 1 || !audiences.iter().all(|one| *one == self.token_url || *one == self.issuer) {
            let received: Vec<_> = audiences.iter().take(3).map(|one| shown(one)).collect();
            let (expected, received) = (format!("{} or {}", self.token_url, self.issuer), received.join(", "));
            return Err(Fault::new(format!("aud: expected {expected}, received {received}")));
        }
        let expires_at = self.check_times(jwt, now)?;
        let jti = jwt.claims.required_text("jti")?;
        if jti.chars().count() > MOST_JTI {
            return Err(Fault::new(format!("jti must have 1 to {MOST_JTI} characters")));
        }
        Ok(Said { client: issuer, jti, expires_at })
    }

    fn check_times(&self, jwt: &Jwt<'_>, now: Timestamp) -> Result<Timestamp, Fault> {
        let leeway = LEEWAY_SECONDS * 1_000_000;
        let expires_at = jwt.claims.required_instant("exp")?;
        if expires_at <= now {
            return Err(Fault::new(format!("exp is past: it was {expires_at}, and now it is {now}")));
        }
        if expires_at > now.plus_micros(LONGEST_LIFE_SECONDS * 1_000_000 + leeway) {
            return Err(Fault::new(format!(
                "exp must be at most 5 minutes ahead: it is {expires_at}, and now it is {now}"
            )));
        }
        for name in ["iat", "nbf"] {
            let Some(instant) = jwt.claims.instant(name)? else { continue };
            if instant > now.plus_micros(leeway) {
                return Err(Fault::new(format!("{name} is in the future: it is {instant}, and now it is {now}")));
            }
            if instant > expires_at {
                return Err(Fault::new(format!("{name} must not be after exp")));
            }
        }
        Ok(expires_at)
    }
}

/// What an assertion says, checked against itself.
struct Said<'a> {
    client: &'a str,
    jti: &'a str,
    expires_at: Timestamp,
}

fn about(fault: Fault) -> AuthError {
    Fault { description: format!("client_assertion: {}", fault.description), detail: fault.detail }.of_client()
}

fn veiled(detail: String) -> AuthError {
    Fault::veiled(NOT_AUTHENTICATED, detail).of_client()
}
