//! The token endpoint's verb: a client credentials grant (RFC 6749 section 4.4) for a client that proved who it is.
//! Joins `assertion` and `issuer`. Knows no form encoding.

use super::assertion::{ASSERTION_ALGORITHMS, AssertionVerifier};
use super::error::AuthError;
use super::issuer::{IssuedToken, TokenIssuer};
use super::jwt::{name_of, shown};
use crate::domain::access::Scope;
use crate::domain::time::Timestamp;
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// The one kind of assertion (RFC 7523 section 2.2).
pub const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
const GRANT_TYPE: &str = "client_credentials";
/// The longest scope parameter, in bytes.
const MOST_SCOPE: usize = 2_048;

/// The parameters of a token request, each as it came (`None`: absent). A parameter that came twice is an
/// `invalid_request` of the edge's own making (RFC 6749 section 3.2). No `Debug`: it holds a credential.
#[derive(Clone, Copy, Default)]
pub struct TokenRequest<'a> {
    /// `grant_type`.
    pub grant_type: Option<&'a str>,
    /// `scope`.
    pub scope: Option<&'a str>,
    /// `client_id`, which may be left out.
    pub client_id: Option<&'a str>,
    /// `client_assertion_type`.
    pub client_assertion_type: Option<&'a str>,
    /// `client_assertion`.
    pub client_assertion: Option<&'a str>,
}

/// Grants access tokens.
#[derive(Clone)]
pub struct TokenEndpoint {
    assertions: AssertionVerifier,
    issuer: TokenIssuer,
}

impl TokenEndpoint {
    /// An endpoint that issues to those whose assertions verify.
    #[must_use]
    pub const fn new(assertions: AssertionVerifier, issuer: TokenIssuer) -> Self {
        Self { assertions, issuer }
    }
    /// Grants a token; `random` makes its `jti`. Without `scope` it allows all that the client is registered for.
    ///
    /// # Errors
    /// [`AuthError`], with the error codes of RFC 6749 section 5.2.
    pub async fn grant(
        &self,
        request: &TokenRequest<'_>,
        now: Timestamp,
        random: &[u8; 16],
    ) -> Result<IssuedToken, AuthError> {
        let invalid = |description: String| AuthError::InvalidRequest { description };
        match request.grant_type {
            Some(GRANT_TYPE) => {}
            None => return Err(invalid(format!("grant_type is missing: expected {GRANT_TYPE}"))),
            Some(other) => {
                let description = format!("grant_type: expected {GRANT_TYPE}, received {}", shown(other));
                return Err(AuthError::UnsupportedGrantType { description });
            }
        }
        match request.client_assertion_type {
            Some(ASSERTION_TYPE) => {}
            None => return Err(invalid(format!("client_assertion_type is missing: expected {ASSERTION_TYPE}"))),
            Some(other) => {
                return Err(invalid(format!(
                    "client_assertion_type: expected {ASSERTION_TYPE}, received {}",
                    shown(other)
                )));
            }
        }
        let assertion = request.client_assertion.filter(|text| !text.is_empty()).ok_or_else(|| {
            invalid("client_assertion is missing: expected a JWT that the client's key signed".to_owned())
        })?;
        // Read before the assertion is used up, so that a slip of the pen does not cost one.
        let asked = asked_scopes(request.scope)?;
        let client = self.assertions.verify(assertion, now).await?;
        if request.client_id.is_some_and(|id| id != client.id) {
            return Err(invalid("client_id is another than the one in client_assertion".to_owned()));
        }
        let scopes = match asked {
            None => client.scopes.clone(),
            Some(asked) => {
                let lacking: Vec<_> = asked.difference(&client.scopes).map(|scope| scope.as_str()).collect();
                if !lacking.is_empty() {
                    let description = format!("the client is not registered for {}", lacking.join(" "));
                    return Err(AuthError::InvalidScope { description });
                }
                asked
            }
        };
        self.issuer.issue(&client.id, &scopes, now, random)
    }
    /// The authorization server's metadata (RFC 8414), for `/.well-known/oauth-authorization-server`; `jwks_uri` is the
    /// address of the service's own public keys.
    #[must_use]
    pub fn metadata(&self, jwks_uri: &str) -> Value {
        let algorithms: Vec<_> = ASSERTION_ALGORITHMS.iter().map(|algorithm| name_of(*algorithm)).collect();
        let scopes: Vec<_> = Scope::ALL.iter().map(|scope| scope.as_str()).collect();
        json!({
            "issuer": self.issuer.issuer(),
            "token_endpoint": self.assertions.token_url(),
            "jwks_uri": jwks_uri,
            "grant_types_supported": [GRANT_TYPE],
            "response_types_supported": [],
            "token_endpoint_auth_methods_supported": ["private_key_jwt"],
            "token_endpoint_auth_signing_alg_values_supported": algorithms,
            "scopes_supported": scopes,
        })
    }
}

fn asked_scopes(scope: Option<&str>) -> Result<Option<BTreeSet<Scope>>, AuthError> {
    let Some(text) = scope.filter(|text| !text.trim().is_empty()) else { return Ok(None) };
    let invalid = |description: String| AuthError::InvalidScope { description };
    if text.len() > MOST_SCOPE {
        return Err(invalid(format!("scope is longer than {MOST_SCOPE} bytes")));
    }
    Scope::parse_list(text).map(Some).map_err(|unknown| invalid(format!("there is no scope {}", shown(&unknown.0))))
}
