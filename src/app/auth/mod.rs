//! Who calls, and may they: client authentication, access tokens and the registry of clients.
//!
//! The story in the order of the files: a client is registered (`registry`, with a key of its own from `client_key`);
//! it proves that it holds its key (`assertion`) and is granted a short access token (`grant`, `issuer`, `keys`); each
//! call's token is verified (`verify`) into a [`crate::domain::access::Caller`]. Keys that clients and external issuers
//! publish come through `jwks`, and through `fetch` from the network. `development` replaces the first half of the
//! story on a service that listens on loopback only.
//!
//! Standards: RFC 6749 and 6750 (OAuth 2.0), RFC 7515, 7517, 7519 and 7638 (JOSE), RFC 7523 (client assertions),
//! RFC 8725 (JWT best practice), RFC 9068 (`at+jwt`), SMART Backend Services.
//!
//! Must not know HTTP's shapes (the `api` renders an [`AuthError`]) nor SQL (the port [`ClientRegistry`]). It has no
//! clock and no randomness of its own: both are arguments. No token, assertion or private key reaches an error, a log
//! line or a `Debug` output.

pub mod assertion;
#[cfg(test)]
mod assertion_test;
mod bounded_cache;
pub mod client_key;
pub mod clients;
pub mod development;
#[cfg(test)]
mod development_test;
mod error;
#[cfg(test)]
mod fakes_test;
pub mod fetch;
#[cfg(test)]
mod fetch_test;
pub mod grant;
#[cfg(test)]
mod grant_test;
pub mod issuer;
pub mod jwks;
#[cfg(test)]
mod jwks_test;
mod jwt;
mod key_file;
pub mod keys;
mod pem;
pub mod public_address;
pub mod public_key;
pub mod registry;
#[cfg(test)]
mod registry_test;
pub mod verify;
#[cfg(test)]
mod verify_test;

pub use assertion::AssertionVerifier;
pub use client_key::{ClientKey, generate_client_key};
pub use clients::ClientRegistry;
pub use development::DevelopmentIssuer;
pub use error::AuthError;
pub use fetch::{FetchError, FetchJwks, FetchRules, HttpFetch};
pub use grant::{TokenEndpoint, TokenRequest};
pub use issuer::{IssuedToken, TokenIssuer};
pub use jwks::JwksSource;
pub use key_file::KeyFileError;
pub use keys::SigningKey;
pub use verify::{ClientClaim, ExternalIssuer, TokenVerifier, VerifierSettings, bearer_token};

/// How far clocks may differ, in seconds: tolerated on `iat` and `nbf`, on how far ahead an assertion's `exp` is, and on
/// the `exp` of other issuers.
pub const LEEWAY_SECONDS: i64 = 30;

/// Installs the one cryptography provider for tokens; safe to call more than once. First thing in `main`.
pub fn install_crypto_provider() {
    // The error only says that a provider is there already.
    let _ = jsonwebtoken::crypto::aws_lc::DEFAULT_PROVIDER.install_default();
}
