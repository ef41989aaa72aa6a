//! Verifies the access token of each call and says who calls (RFC 6750, RFC 9068). Issuers: the service itself, the
//! embedded development issuer (loopback only) and the external ones of the configuration. Whose data the caller may
//! touch comes from the registry, never from a token, and is asked again on each call; the signature is not.

use super::LEEWAY_SECONDS;
use super::bounded_cache::BoundedCache;
use super::clients::{ClientRegistry, RecentClients};
use super::development::{self, DevelopmentIssuer};
use super::error::{AuthError, Fault};
use super::jwks::JwksSource;
use super::jwt::{Jwt, algorithm_named, name_of, shown};
use super::public_key::KeySet;
use crate::domain::access::{Caller, Scope};
use crate::domain::ids::OrganisationCode;
use crate::domain::reading_access::UserCode;
use crate::domain::time::Timestamp;
use crate::store::{Client, ClientKeys};
use jsonwebtoken::Algorithm;
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

/// How long a verdict is remembered, in microseconds.
const VERDICT_MICROS: i64 = 60_000_000;
/// The most verdicts that are remembered.
const MOST_VERDICTS: usize = 10_000;
/// The type of access tokens (RFC 9068 section 2.1).
const ACCESS_TOKEN_TYPE: &str = "at+jwt";

/// The claim of an external issuer's tokens that names the client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClientClaim {
    /// `client_id` (RFC 9068).
    ClientId,
    /// `azp` (OpenID Connect; Keycloak).
    Azp,
}

/// An issuer that the operator trusts to say which client calls.
#[derive(Debug, Clone)]
pub struct ExternalIssuer {
    /// Its identifier, exactly as `iss` has it.
    pub issuer: String,
    /// The address of its key set.
    pub jwks_url: String,
    /// What `aud` must contain: this service, as the issuer names it.
    pub audience: String,
    /// The algorithms that it signs with; asymmetric ones by their JOSE names.
    pub algorithms: Vec<String>,
    /// Where the client's name stands.
    pub client_claim: ClientClaim,
    /// Whether its access tokens have the type `at+jwt`, and others (identity tokens, say) are refused.
    pub requires_at_jwt: bool,
}

/// Whose tokens are accepted.
#[derive(Debug)]
pub struct VerifierSettings {
    /// The service's own issuer identifier.
    pub issuer: String,
    /// The service's own resource identifier: the `aud` of its own tokens.
    pub audience: String,
    /// The service's own public keys.
    pub keys: KeySet,
    /// Whether the service listens on loopback only.
    pub loopback: bool,
    /// The embedded development issuer, if there is one.
    pub development: Option<DevelopmentIssuer>,
    /// The external issuers.
    pub external: Vec<ExternalIssuer>,
}

/// Settings that must not be served with.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SettingsError {
    /// The development issuer on an address that others reach.
    #[error("the embedded development issuer serves loopback only; register clients or configure an external issuer")]
    DevelopmentBeyondLoopback,
    /// One identifier for two issuers.
    #[error("the issuer {0} is configured twice")]
    IssuerTwice(String),
    /// An algorithm that cannot be accepted.
    #[error("the issuer {issuer} cannot use the algorithm {algorithm}: name asymmetric ones such as RS256 or ES256")]
    Algorithm {
        /// The issuer.
        issuer: String,
        /// What was named.
        algorithm: String,
    },
}

/// Whose token it is, and what must hold for it.
enum Trust {
    Own { keys: KeySet },
    Development { keys: KeySet },
    External { jwks_url: String, algorithms: Vec<Algorithm>, client_claim: ClientClaim, requires_at_jwt: bool },
}

struct Trusted {
    audience: String,
    trust: Trust,
}

/// What a verified token says; kept under the token's digest, so the token itself is kept nowhere.
#[derive(Clone)]
struct Verdict {
    issuer: Arc<str>,
    client: String,
    /// On whose behalf the token was issued; only an external issuer says so.
    user: Option<UserCode>,
    /// Only a development token's.
    organisation: Option<OrganisationCode>,
    scopes: BTreeSet<Scope>,
    /// From when on it is refused; leeway included.
    ends_at: Timestamp,
    reached_at: Timestamp,
}

/// Verifies access tokens.
pub struct TokenVerifier {
    own_issuer: String,
    trusted: BTreeMap<Arc<str>, Trusted>,
    jwks: Arc<JwksSource>,
    clients: RecentClients,
    verdicts: Mutex<BoundedCache<[u8; 32], Verdict>>,
}

/// Takes the token out of an `Authorization` header (RFC 6750 section 2.1).
///
/// # Errors
/// [`AuthError::NoToken`] if there is no header or it is of another scheme; [`AuthError::InvalidToken`] if there is
/// nothing, or more than one word, after the scheme.
pub fn bearer_token(authorization: Option<&str>) -> Result<&str, AuthError> {
    let (scheme, token) = authorization.and_then(|header| header.split_once(' ')).ok_or(AuthError::NoToken)?;
    if !scheme.eq_ignore_ascii_case("bearer") {
        return Err(AuthError::NoToken);
    }
    let token = token.trim_matches(' ');
    if token.is_empty() || token.contains(|character: char| !character.is_ascii_graphic()) {
        return Err(Fault::new("expected one token after Bearer").of_token());
    }
    Ok(token)
}

impl TokenVerifier {
    /// A verifier of these issuers' tokens.
    ///
    /// # Errors
    /// [`SettingsError`].
    pub fn new(
        settings: VerifierSettings,
        registry: Arc<dyn ClientRegistry>,
        jwks: Arc<JwksSource>,
    ) -> Result<Self, SettingsError> {
        let mut trusted = BTreeMap::new();
        let own = Trusted { audience: settings.audience, trust: Trust::Own { keys: settings.keys } };
        let mut issuers = vec![(settings.issuer.clone(), own)];
        if let Some(development) = settings.development {
            if !settings.loopback {
                return Err(SettingsError::DevelopmentBeyondLoopback);
            }
            let trust = Trust::Development { keys: development.key_set() };
            issuers.push((development::ISSUER.to_owned(), Trusted { audience: development::ISSUER.to_owned(), trust }));
        }
        for external in settings.external {
            let named = |name: &String| {
                let unknown = || SettingsError::Algorithm { issuer: external.issuer.clone(), algorithm: name.clone() };
                algorithm_named(name).ok_or_else(unknown)
            };
            let algorithms = external.algorithms.iter().map(named).collect::<Result<_, _>>()?;
            let trust = Trust::External {
                jwks_url: external.jwks_url,
                algorithms,
                client_claim: external.client_claim,
                requires_at_jwt: external.requires_at_jwt,
            };
            issuers.push((external.issuer, Trusted { audience: external.audience, trust }));
        }
        for (issuer, entry) in issuers {
            if trusted.insert(Arc::from(issuer.as_str()), entry).is_some() {
                return Err(SettingsError::IssuerTwice(issuer));
            }
        }
        Ok(Self {
            own_issuer: settings.issuer,
            trusted,
            jwks,
            clients: RecentClients::new(registry),
            verdicts: Mutex::new(BoundedCache::new(MOST_VERDICTS)),
        })
    }

    /// Verifies a token and says who calls; the purpose of use is for the edge to fill in.
    ///
    /// # Errors
    /// [`AuthError::InvalidToken`], or [`AuthError::Unavailable`] if the registry cannot be read.
    pub async fn verify(&self, token: &str, now: Timestamp) -> Result<Caller, AuthError> {
        let digest: [u8; 32] = Sha256::digest(token).into();
        let verdict = match self.remembered(&digest, now) {
            Some(verdict) => verdict,
            None => {
                let verdict = self.judge(token, now).await.map_err(Fault::of_token)?;
                self.lock().insert(digest, verdict.clone());
                verdict
            }
        };
        if now >= verdict.ends_at {
            return Err(Fault::new("the token has expired").of_token());
        }
        if let Some(organisation) = verdict.organisation {
            return Ok(Caller::of(verdict.client, organisation, verdict.scopes));
        }
        let client = self.clients.client(&verdict.client, now).await?;
        let client = client
            .filter(|client| client.revoked_at.is_none() && self.has_tokens_of(client, &verdict.issuer))
            .ok_or_else(|| {
                let detail =
                    format!("{} of {} is not registered, or was revoked", shown(&verdict.client), verdict.issuer);
                Fault::veiled("the client of the token is not registered here for its issuer, or was revoked", detail)
                    .of_token()
            })?;
        let scopes = verdict.scopes.intersection(&client.scopes).copied().collect();
        let caller = Caller::of(client.id.clone(), client.organisation.clone(), scopes);
        Ok(Caller { user: verdict.user, ..caller })
    }

    /// Whether a client's tokens come from an issuer.
    fn has_tokens_of(&self, client: &Client, issuer: &str) -> bool {
        match &client.keys {
            ClientKeys::Inline(_) | ClientKeys::Url(_) => issuer == self.own_issuer,
            ClientKeys::Issuer(registered) => registered == issuer && issuer != self.own_issuer,
        }
    }

    fn remembered(&self, digest: &[u8; 32], now: Timestamp) -> Option<Verdict> {
        let verdicts = self.lock();
        let verdict = verdicts.get(digest)?;
        (0..VERDICT_MICROS).contains(&(now.micros() - verdict.reached_at.micros())).then(|| verdict.clone())
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BoundedCache<[u8; 32], Verdict>> {
        // What is behind the lock is never left half-written that it would matter: a lost verdict is reached again.
        self.verdicts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Verifies the token itself.
    async fn judge(&self, token: &str, now: Timestamp) -> Result<Verdict, Fault> {
        let jwt = Jwt::parse(token)?;
        let issuer = jwt.claims.required_text("iss")?;
        let Some((issuer, trusted)) = self.trusted.get_key_value(issuer) else {
            return Err(unknown_issuer(issuer));
        };
        self.check_signature(&jwt, issuer, trusted, now).await?;
        // From here on the issuer is known to have said it.
        let (client_claim, needs_type, leeway) = match trusted.trust {
            Trust::Own { .. } | Trust::Development { .. } => (ClientClaim::ClientId, true, 0),
            Trust::External { client_claim, requires_at_jwt, .. } => (client_claim, requires_at_jwt, LEEWAY_SECONDS),
        };
        if needs_type && jwt.header.typ.as_deref() != Some(ACCESS_TOKEN_TYPE) {
            return Err(Fault::new(format!("typ: expected {ACCESS_TOKEN_TYPE}; this is no access token")));
        }
        let audiences = jwt.claims.audiences()?;
        if !audiences.contains(&trusted.audience.as_str()) {
            let received: Vec<_> = audiences.iter().take(3).map(|one| shown(one)).collect();
            return Err(Fault::new(format!("aud: expected {}, received {}", trusted.audience, received.join(", "))));
        }
        let ends_at = check_times(&jwt, leeway, now)?;
        let client = client_of(&jwt, client_claim)?;
        let scope = jwt.claims.text("scope")?.ok_or_else(|| Fault::new("scope is missing"))?;
        // An external issuer's token may name scopes that mean nothing here.
        let scopes = scope.split_ascii_whitespace().filter_map(|word| word.parse().ok()).collect();
        let organisation = match trusted.trust {
            Trust::Development { .. } => Some(development_organisation(&jwt, ends_at)?),
            Trust::Own { .. } | Trust::External { .. } => None,
        };
        let user = match trusted.trust {
            Trust::External { .. } => user_of(&jwt, &client)?,
            Trust::Own { .. } | Trust::Development { .. } => None,
        };
        Ok(Verdict { issuer: issuer.clone(), client, user, organisation, scopes, ends_at, reached_at: now })
    }

    async fn check_signature(
        &self,
        jwt: &Jwt<'_>,
        issuer: &str,
        trusted: &Trusted,
        now: Timestamp,
    ) -> Result<(), Fault> {
        let fetched;
        let keys = match &trusted.trust {
            Trust::Own { keys } | Trust::Development { keys } => keys,
            Trust::External { jwks_url, algorithms, .. } => {
                if !algorithms.contains(&jwt.header.algorithm) {
                    return Err(Fault::new(format!("the issuer does not sign with {}", name_of(jwt.header.algorithm))));
                }
                if jwt.header.jku.as_ref().is_some_and(|jku| jku != jwks_url) {
                    return Err(Fault::new("jku is not the configured address of the issuer's keys"));
                }
                fetched = self.jwks.keys(jwks_url, &jwt.header.kid, now).await.map_err(|problem| {
                    Fault::veiled(
                        "the issuer's keys cannot be had for the moment",
                        format!("{issuer}: {}", problem.with_reasons()),
                    )
                })?;
                &fetched
            }
        };
        if jwt.header.jku.is_some() && !matches!(trusted.trust, Trust::External { .. }) {
            return Err(Fault::new("a header with jku is not accepted"));
        }
        let key = keys.select(&jwt.header.kid, jwt.header.algorithm, now)?;
        if jwt.is_signed_by(key) { Ok(()) } else { Err(Fault::new("its signature does not verify")) }
    }
}

fn unknown_issuer(issuer: &str) -> Fault {
    if issuer == development::ISSUER {
        return Fault::new("development tokens are accepted only by a service that listens on loopback");
    }
    Fault::new(format!("iss: tokens of {} are not accepted here", shown(issuer)))
}

/// Checks the times of a token: from when on it is refused, leeway included.
fn check_times(jwt: &Jwt<'_>, leeway_seconds: i64, now: Timestamp) -> Result<Timestamp, Fault> {
    let expires_at = jwt.claims.required_instant("exp")?;
    let ends_at = expires_at.plus_micros(leeway_seconds * 1_000_000);
    if now >= ends_at {
        return Err(Fault::new("the token has expired"));
    }
    let (issued_at, not_before) = (jwt.claims.instant("iat")?, jwt.claims.instant("nbf")?);
    if issued_at.is_none() && not_before.is_none() {
        return Err(Fault::new("iat or nbf is missing"));
    }
    let latest = now.plus_micros(LEEWAY_SECONDS * 1_000_000);
    for (name, instant) in [("iat", issued_at), ("nbf", not_before)] {
        if instant.is_some_and(|instant| instant > latest) {
            return Err(Fault::new(format!("{name} is in the future")));
        }
    }
    Ok(ends_at)
}

fn client_of(jwt: &Jwt<'_>, claim: ClientClaim) -> Result<String, Fault> {
    let name = match claim {
        ClientClaim::ClientId => "client_id",
        ClientClaim::Azp => "azp",
    };
    // A subject that is there must be a text, whoever issued it.
    jwt.claims.text("sub")?;
    jwt.claims.required_text(name).map(str::to_owned)
}

/// The user whom a token is about, where it is not about the client itself. One that is no code is left out: it is said to the
/// log of accesses, and decides nothing.
fn user_of(jwt: &Jwt<'_>, client: &str) -> Result<Option<UserCode>, Fault> {
    let subject = jwt.claims.text("sub")?.filter(|subject| *subject != client);
    Ok(subject.and_then(|subject| subject.parse().ok()))
}

/// The organisation of a development token, whose life is bounded here too: whoever minted it.
fn development_organisation(jwt: &Jwt<'_>, ends_at: Timestamp) -> Result<OrganisationCode, Fault> {
    let issued_at = jwt.claims.required_instant("iat")?;
    if ends_at > issued_at.plus_micros(i64::from(development::LONGEST_LIFE_SECONDS) * 1_000_000) {
        return Err(Fault::new("a development token lives at most 24 hours"));
    }
    let code = jwt.claims.required_text("organisation")?;
    let organisation: OrganisationCode =
        code.parse().map_err(|_| Fault::new("organisation is no organisation code"))?;
    if organisation.as_str() == OrganisationCode::REFERENCE {
        return Err(Fault::new("nobody acts for the organisation of the reference lists"));
    }
    Ok(organisation)
}
