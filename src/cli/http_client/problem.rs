//! What can go wrong between a command and the service, in plain words with what to do about it.
//!
//! Knows the shape of a problem (RFC 9457) and nothing of how requests are sent. A problem of the service names
//! fields and rules, never people's words, so it may be shown.

use serde::Deserialize;
use std::fmt;
use std::time::Duration;

/// A problem as the service tells it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
pub struct Problem {
    /// Its path in the registry of problems, such as `/problems/version-conflict`.
    #[serde(default, rename = "type")]
    pub kind: String,
    /// What is wrong, always the same for a type.
    #[serde(default)]
    pub title: String,
    /// What is wrong here.
    #[serde(default)]
    pub detail: Option<String>,
    /// Which fields are wrong.
    #[serde(default)]
    pub errors: Vec<FieldError>,
}

/// What is wrong with one field.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct FieldError {
    /// A JSON pointer into the body.
    pub pointer: String,
    /// The rule.
    pub detail: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let title = if self.title.is_empty() { "refused without a reason" } else { &self.title };
        formatter.write_str(title)?;
        if let Some(detail) = self.detail.as_deref().filter(|detail| *detail != title) {
            write!(formatter, ": {detail}")?;
        }
        for (at, error) in self.errors.iter().enumerate() {
            write!(formatter, "{} {} {}", if at == 0 { " —" } else { ";" }, error.pointer, error.detail)?;
        }
        Ok(())
    }
}

/// Why the service gave no answer that a command could go on with.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The address cannot be one of the service.
    #[error("the address of the service is no http or https URL: give one such as --url http://127.0.0.1:8080")]
    Address,
    /// The HTTP client cannot be set up.
    #[error("the HTTP client cannot be set up: check the token for line breaks and the system's TLS certificates")]
    Setup {
        /// Why.
        source: reqwest::Error,
    },
    /// No answer came.
    #[error(
        "the service at {address} does not answer ({attempts} attempts): check that it runs and that --url is right"
    )]
    Unreachable {
        /// Where.
        address: String,
        /// How often it was tried.
        attempts: u32,
        /// The last failure.
        source: reqwest::Error,
    },
    /// It answers that it cannot answer now.
    #[error(
        "the service is busy or not ready (HTTP {status} after {attempts} attempts{}): run the same command again later; nothing is recorded twice",
        asked_wait(*.retry_after)
    )]
    Busy {
        /// 429, 502, 503 or 504.
        status: u16,
        /// How often it was tried.
        attempts: u32,
        /// The wait that it asked for last.
        retry_after: Option<Duration>,
    },
    /// The token is not accepted.
    #[error(
        "the service does not accept the token ({problem}): it may have expired; get a new one and give it with --token"
    )]
    Token {
        /// What the service says.
        problem: Problem,
    },
    /// The token endpoint gives the client no token.
    #[error("the service gives the client no token ({reason}): check --client-id, --client-key and this clock")]
    Client {
        /// What the service says.
        reason: String,
    },
    /// The service at the address speaks for another.
    #[error("the service at --url speaks for {address}: give its own address, so that no token goes astray")]
    OtherService {
        /// The other.
        address: String,
    },
    /// The token is accepted and does not allow this.
    #[error(
        "the token does not allow this ({problem}): it needs batches:write, people:write and the scope of each kind of recording"
    )]
    Scope {
        /// What the service says.
        problem: Problem,
    },
    /// Any other refusal of the request as a whole.
    #[error("the service refused the request (HTTP {status}): {problem}")]
    Refused {
        /// The HTTP status.
        status: u16,
        /// What the service says.
        problem: Problem,
    },
    /// An answer that does not have the form of the API.
    #[error(
        "the answer is not one of Cairn's API: check that --url names the service itself and that both have the same version"
    )]
    Unreadable,
}

impl ClientError {
    /// The error of a refused request; a body that is no problem tells nothing and is left out.
    pub(super) fn refused(status: u16, body: &str) -> Self {
        let problem: Problem = serde_json::from_str(body).unwrap_or_default();
        match status {
            401 => Self::Token { problem },
            403 => Self::Scope { problem },
            _ => Self::Refused { status, problem },
        }
    }

    /// Whether the command was called wrongly, rather than something being out of order elsewhere.
    #[must_use]
    pub const fn is_usage(&self) -> bool {
        matches!(
            self,
            Self::Address | Self::Token { .. } | Self::Client { .. } | Self::OtherService { .. } | Self::Scope { .. }
        )
    }
}

fn asked_wait(retry_after: Option<Duration>) -> String {
    retry_after.map_or_else(String::new, |wait| format!("; it asks to wait {} s", wait.as_secs()))
}
