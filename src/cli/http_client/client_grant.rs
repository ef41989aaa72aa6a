//! Tokens for a client that holds its own key: the token endpoint is asked for one when the first is needed and again
//! before it expires (RFC 6749 section 4.4, RFC 7523). The service's metadata (RFC 8414) says where.
//!
//! Knows how to get a token and nothing of what it is used for. The metadata must name the very service that was
//! given: another one could have tokens of the right one sent to it.

use super::problem::ClientError;
use super::{Outcome, exchange, is_passing};
use crate::app::auth::ClientKey;
use crate::app::words::Timestamp;
use crate::app::{Clock, random_bytes};
use reqwest::Url;
use serde::Deserialize;
use std::fmt;
use std::sync::Arc;
use tokio::sync::Mutex;

const METADATA: &str = ".well-known/oauth-authorization-server";
const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
/// How long before its end a token is replaced, in seconds; half its life where that is shorter.
const BEFORE_END_SECONDS: u32 = 60;

/// A client with its key, and the token that it has.
pub struct ClientGrant {
    client: String,
    key: ClientKey,
    clock: Arc<dyn Clock>,
    /// Held while a token is fetched, so that requests side by side fetch one.
    held: Mutex<Held>,
}

#[derive(Default)]
struct Held {
    endpoint: Option<Endpoint>,
    /// A token and until when it is used.
    token: Option<(String, Timestamp)>,
}

#[derive(Clone)]
struct Endpoint {
    url: Url,
    /// As the service writes it, which is how the assertion must name it.
    name: String,
}

/// Never shows the key or a token.
impl fmt::Debug for ClientGrant {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("ClientGrant").field("client", &self.client).finish_non_exhaustive()
    }
}

/// A token, or what came instead of one that another attempt may overcome.
pub(super) enum Bearer {
    Token(String),
    NotYet(Outcome),
}

#[derive(Deserialize)]
struct Metadata {
    issuer: String,
    token_endpoint: String,
}

#[derive(Deserialize)]
struct Granted {
    access_token: String,
    expires_in: u32,
}

#[derive(Default, Deserialize)]
struct Refused {
    #[serde(default)]
    error: String,
    #[serde(default)]
    error_description: String,
}

impl ClientGrant {
    /// A registered client, by its id, with its private key. The clock must be right to half a minute, because the
    /// service compares it with its own.
    #[must_use]
    pub fn new(client: String, key: ClientKey, clock: Arc<dyn Clock>) -> Self {
        Self { client, key, clock, held: Mutex::default() }
    }

    /// The token to send now, fetched if there is none that lasts.
    pub(super) async fn bearer(&self, http: &reqwest::Client, base: &Url) -> Result<Bearer, ClientError> {
        let mut held = self.held.lock().await;
        let now = self.clock.now();
        if let Some((token, until)) = &held.token
            && now < *until
        {
            return Ok(Bearer::Token(token.clone()));
        }
        let endpoint = match &held.endpoint {
            Some(endpoint) => endpoint.clone(),
            None => {
                let url = base.join(METADATA).map_err(|_| ClientError::Address)?;
                let text = match answer_of(exchange(http.get(url)).await?) {
                    Ok(text) => text,
                    Err(Other::Passing(outcome)) => return Ok(Bearer::NotYet(outcome)),
                    Err(Other::Final { .. }) => return Err(ClientError::Unreadable),
                };
                let endpoint = endpoint_of(&text, base)?;
                held.endpoint.insert(endpoint).clone()
            }
        };
        let assertion = self
            .key
            .assertion(&self.client, &endpoint.name, now, &random_bytes())
            .map_err(|_| ClientError::Client { reason: "the private key cannot sign".to_owned() })?;
        let form = [
            ("grant_type", "client_credentials"),
            ("client_assertion_type", ASSERTION_TYPE),
            ("client_assertion", assertion.as_str()),
        ];
        let text = match answer_of(exchange(http.post(endpoint.url).form(&form)).await?) {
            Ok(text) => text,
            Err(Other::Passing(outcome)) => return Ok(Bearer::NotYet(outcome)),
            Err(Other::Final { text }) => return Err(ClientError::Client { reason: reason_of(&text) }),
        };
        let granted: Granted = serde_json::from_str(&text).map_err(|_| ClientError::Unreadable)?;
        let lasts = granted.expires_in - BEFORE_END_SECONDS.min(granted.expires_in / 2);
        held.token = Some((granted.access_token.clone(), now.plus_micros(i64::from(lasts) * 1_000_000)));
        Ok(Bearer::Token(granted.access_token))
    }
}

/// An answer that is not the one that was hoped for.
enum Other {
    Passing(Outcome),
    Final { text: String },
}

fn answer_of(outcome: Outcome) -> Result<String, Other> {
    match outcome {
        Ok(answered) if answered.status.is_success() => Ok(answered.text),
        Ok(answered) if !is_passing(answered.status.as_u16()) => Err(Other::Final { text: answered.text }),
        passing => Err(Other::Passing(passing)),
    }
}

/// Reads the token endpoint of the service at `base` out of its metadata.
fn endpoint_of(metadata: &str, base: &Url) -> Result<Endpoint, ClientError> {
    let metadata: Metadata = serde_json::from_str(metadata).map_err(|_| ClientError::Unreadable)?;
    let issuer = Url::parse(&metadata.issuer).map_err(|_| ClientError::Unreadable)?;
    if issuer.as_str().trim_end_matches('/') != base.as_str().trim_end_matches('/') {
        return Err(ClientError::OtherService { address: issuer.into() });
    }
    let url = Url::parse(&metadata.token_endpoint).map_err(|_| ClientError::Unreadable)?;
    if url.origin() != base.origin() {
        return Err(ClientError::OtherService { address: url.into() });
    }
    Ok(Endpoint { url, name: metadata.token_endpoint })
}

/// What the token endpoint says, in characters that harm no terminal.
fn reason_of(text: &str) -> String {
    let refused: Refused = serde_json::from_str(text).unwrap_or_default();
    let reason = match (refused.error.as_str(), refused.error_description.as_str()) {
        ("", _) => "refused without a reason".to_owned(),
        (error, "") => error.to_owned(),
        (error, description) => format!("{error}: {description}"),
    };
    reason.chars().filter(|character| !character.is_control()).take(500).collect()
}
