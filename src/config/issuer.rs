//! The external issuers whose tokens are trusted: what must be known of each to check a token, and nothing learnt from
//! the token itself. Knows no keys; they are fetched elsewhere.

use serde::Deserialize;
use std::collections::BTreeSet;
use url::{Host, Url};

/// Each is asked for keys over the network, so they stay countable.
pub const MAXIMUM_ISSUERS: usize = 16;
/// Each is an exception from a protection, so they stay countable, too.
pub(super) const MAXIMUM_HOSTS: usize = 16;

/// An issuer of access tokens outside this service (RFC 9068).
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExternalIssuer {
    /// What its tokens say in `iss`, letter by letter.
    pub issuer: String,
    /// Where its keys are (RFC 7517); https, or http on loopback.
    pub jwks_url: String,
    /// What its tokens must say in `aud`.
    pub audience: String,
    /// The algorithms that its keys may be used with; the token does not choose.
    pub algorithms: Vec<SignatureAlgorithm>,
    /// The claim that names the client: `client_id` unless told (RFC 9068), or `azp`.
    #[serde(default = "client_id")]
    pub client_claim: String,
    /// Whether its access tokens have the type `at+jwt` (RFC 9068), so that others of its tokens are refused.
    #[serde(default)]
    pub requires_at_jwt: bool,
}

fn client_id() -> String {
    "client_id".to_owned()
}

/// The algorithms that may be allowed (RFC 7518, RFC 8037): asymmetric only, so that whoever can check a token cannot
/// make one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[expect(missing_docs, reason = "the names are those of the JOSE registry")]
pub enum SignatureAlgorithm {
    RS256,
    RS384,
    RS512,
    PS256,
    PS384,
    PS512,
    ES256,
    ES384,
    EdDSA,
}

/// What is wrong with a list of issuers, in words that follow "it must be".
pub(super) fn check(issuers: &[ExternalIssuer]) -> Result<(), String> {
    for (position, issuer) in issuers.iter().enumerate() {
        let place = format!("issuers with sound fields, unlike number {}", position + 1);
        for (name, text) in [("issuer", &issuer.issuer), ("audience", &issuer.audience)] {
            if text.trim().is_empty() {
                return Err(format!("{place}: `{name}` is empty"));
            }
        }
        if !["client_id", "azp"].contains(&issuer.client_claim.as_str()) {
            return Err(format!("{place}: `client_claim` must be client_id or azp"));
        }
        if !is_safe_url(&issuer.jwks_url) {
            return Err(format!("{place}: `jwks_url` must be an https URL (http on loopback only)"));
        }
        if issuer.algorithms.is_empty() {
            return Err(format!("{place}: `algorithms` is empty"));
        }
        if issuers[..position].iter().any(|earlier| earlier.issuer == issuer.issuer) {
            return Err(format!("{place}: its `issuer` stands there twice"));
        }
    }
    Ok(())
}

/// Hosts separated by commas, as a URL would have them: in lower case, an IPv6 address in brackets. `None` where one of
/// them is no host.
pub(super) fn hosts(text: &str) -> Option<BTreeSet<String>> {
    let host = |part: &str| {
        let name = part.trim().trim_end_matches('.');
        // What the standard of URLs lets pass and no host is called: `*.example`, `a&b`.
        let is_plain = !name.is_empty() && name.chars().all(|c| c.is_alphanumeric() || "-.[]:".contains(c));
        Host::parse(name).ok().filter(|_| is_plain).map(|host| host.to_string())
    };
    let hosts: Option<BTreeSet<String>> = text.split(',').map(host).collect();
    hosts.filter(|hosts| hosts.len() <= MAXIMUM_HOSTS)
}

/// https anywhere, http on this machine only: keys that travel in the clear could be swapped.
pub(super) fn is_safe_url(text: &str) -> bool {
    Url::parse(text).is_ok_and(|url| match url.scheme() {
        "https" => url.has_host(),
        "http" => is_loopback(&url),
        _ => false,
    })
}

/// Whether the URL's host can only be this machine.
pub(super) fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(url::Host::Domain(name)) => name.eq_ignore_ascii_case("localhost"),
        Some(url::Host::Ipv4(address)) => address.is_loopback(),
        Some(url::Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}
