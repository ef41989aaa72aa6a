//! Why somebody is not let in, in two texts: one for the caller, one for the operator. Knows no HTTP status.

use crate::store::StoreError;

/// The longest description that a caller gets, in characters.
const MOST_DESCRIPTION: usize = 400;

/// A failure of authentication. `Display` is for the operator; [`AuthError::description`] is for the caller. Neither
/// repeats a token.
#[derive(Debug, thiserror::Error)]
pub enum AuthError {
    /// A call without a bearer token: 401 and a challenge without an error code (RFC 6750 section 3.1).
    #[error("there is no bearer token")]
    NoToken,
    /// The access token is not accepted: 401 (RFC 6750).
    #[error("the access token is not accepted: {detail}")]
    InvalidToken {
        /// What the caller may know.
        description: String,
        /// What the operator should know.
        detail: String,
    },
    /// The client did not prove who it is: 401 at the token endpoint (RFC 6749 section 5.2).
    #[error("the client is not authenticated: {detail}")]
    InvalidClient {
        /// What the caller may know.
        description: String,
        /// What the operator should know.
        detail: String,
    },
    /// The token request lacks or repeats something: 400.
    #[error("the token request is not valid: {description}")]
    InvalidRequest {
        /// What is wrong.
        description: String,
    },
    /// A scope that there is not, or that the client is not registered for: 400.
    #[error("the scope is not granted: {description}")]
    InvalidScope {
        /// What is wrong.
        description: String,
    },
    /// Another grant than client credentials: 400.
    #[error("the grant type is not supported: {description}")]
    UnsupportedGrantType {
        /// What is supported.
        description: String,
    },
    /// The registry cannot be read: nobody is let in meanwhile. 503.
    #[error("{operation} failed")]
    Unavailable {
        /// What was being done.
        operation: &'static str,
        /// Why.
        #[source]
        source: StoreError,
    },
    /// A token could not be signed: the service's own fault. 500.
    #[error("signing a token failed")]
    Signing(#[source] jsonwebtoken::errors::Error),
}

impl AuthError {
    /// The error code of RFC 6749 section 5.2 and RFC 6750 section 3.1; `None` where they have none.
    #[must_use]
    pub const fn code(&self) -> Option<&'static str> {
        match self {
            Self::NoToken => None,
            Self::InvalidToken { .. } => Some("invalid_token"),
            Self::InvalidClient { .. } => Some("invalid_client"),
            Self::InvalidRequest { .. } => Some("invalid_request"),
            Self::InvalidScope { .. } => Some("invalid_scope"),
            Self::UnsupportedGrantType { .. } => Some("unsupported_grant_type"),
            Self::Unavailable { .. } => Some("temporarily_unavailable"),
            Self::Signing(_) => Some("server_error"),
        }
    }
    /// What the caller may be told: at most 400 characters of those that `error_description` may hold (RFC 6750
    /// section 3: printable ASCII without `"` and `\`), so it fits between quotes as it is.
    #[must_use]
    pub fn description(&self) -> String {
        let text = match self {
            Self::NoToken => "this needs an access token in the Authorization header: Bearer and the token",
            Self::InvalidToken { description, .. }
            | Self::InvalidClient { description, .. }
            | Self::InvalidRequest { description }
            | Self::InvalidScope { description }
            | Self::UnsupportedGrantType { description } => description,
            Self::Unavailable { .. } => "the registry of clients is not available for the moment",
            Self::Signing(_) => "the token could not be issued",
        };
        let allowed = |character: &char| (' '..='~').contains(character) && !matches!(character, '"' | '\\');
        text.chars().map(|c| if allowed(&c) { c } else { '?' }).take(MOST_DESCRIPTION).collect()
    }
}

/// Why a JWT is not accepted, before it is known whether that fails a token or a client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Fault {
    /// What its sender may know.
    pub(super) description: String,
    /// What only the operator should know, if that is more.
    pub(super) detail: Option<String>,
}

impl Fault {
    /// A fault that its sender may know in full: it speaks of nothing but what was sent and what is public.
    pub(super) fn new(description: impl Into<String>) -> Self {
        Self { description: description.into(), detail: None }
    }
    /// A fault whose reason only the operator should know.
    pub(super) fn veiled(description: impl Into<String>, detail: impl Into<String>) -> Self {
        Self { description: description.into(), detail: Some(detail.into()) }
    }
    /// The fault of an access token.
    pub(super) fn of_token(self) -> AuthError {
        let detail = self.detail.unwrap_or_else(|| self.description.clone());
        AuthError::InvalidToken { description: self.description, detail }
    }
    /// The fault of a client assertion.
    pub(super) fn of_client(self) -> AuthError {
        let detail = self.detail.unwrap_or_else(|| self.description.clone());
        AuthError::InvalidClient { description: self.description, detail }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_description_fits_between_quotes() {
        let error = AuthError::InvalidRequest { description: "a \"b\" \\ c\r\nSet-Cookie: é".to_owned() };
        assert_eq!(error.description(), "a ?b? ? c??Set-Cookie: ?");
        let long = AuthError::InvalidRequest { description: "x".repeat(401) };
        assert_eq!(long.description().len(), 400);
    }

    #[test]
    fn the_operator_knows_more_than_the_caller() {
        let error = Fault::veiled("not accepted", "the client was revoked").of_client();
        assert_eq!(error.description(), "not accepted");
        assert!(error.to_string().contains("revoked"));
        assert_eq!(error.code(), Some("invalid_client"));
    }
}
