//! A client of Cairn's own API for the commands that go through it like any partner: `import` and its like.
//!
//! Knows addresses, tokens, retries and problems; knows nothing of what the recordings mean. A request may safely be
//! sent again because every line carries an idempotency key: what was recorded the first time answers as repeated.
//! Nothing that a request carries is ever in an error, because it is personal.

use reqwest::header::{CONTENT_TYPE, IF_MATCH, RETRY_AFTER};
use reqwest::{Method, StatusCode, Url};
use serde::Deserialize;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

mod client_grant;
mod credentials;
mod problem;

use client_grant::Bearer;
pub use client_grant::ClientGrant;
pub use credentials::{CredentialArguments, CredentialError};
pub use problem::{ClientError, FieldError, Problem};

/// How long a connection may take to open.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// How long one request may take, from the first byte sent to the last byte read.
pub const REQUEST_TIMEOUT: Duration = Duration::from_secs(120);

/// Where the bearer token of a request comes from.
#[derive(Clone)]
pub enum TokenSource {
    /// One token, given by the caller, for as long as it lasts.
    Fixed(String),
    /// The token endpoint, asked by a client that holds its key.
    ClientKey(Arc<ClientGrant>),
}

/// Never shows the token.
impl fmt::Debug for TokenSource {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fixed(_) => formatter.write_str("Fixed([secret])"),
            Self::ClientKey(grant) => grant.fmt(formatter),
        }
    }
}

/// How often, and after which waits, a request is sent again.
#[derive(Debug, Clone, Copy)]
pub struct RetryPolicy {
    /// How often a request is sent in all; at least once.
    pub attempts: u32,
    /// The wait before the second attempt; doubled for each after it.
    pub first_wait: Duration,
    /// The longest wait; a service that asks for a longer one is not asked again.
    pub longest_wait: Duration,
}

impl Default for RetryPolicy {
    /// Six attempts after 0.5, 1, 2, 4 and 8 seconds: a restart of the service passes unnoticed.
    fn default() -> Self {
        Self { attempts: 6, first_wait: Duration::from_millis(500), longest_wait: Duration::from_secs(60) }
    }
}

impl RetryPolicy {
    /// The wait after attempt number `attempt` (from 1) failed, or `None` where it is time to give up. What the service
    /// asks for in `Retry-After` is never undercut.
    #[must_use]
    pub fn wait_after(&self, attempt: u32, retry_after: Option<Duration>) -> Option<Duration> {
        if attempt >= self.attempts {
            return None;
        }
        let doubled = self.first_wait.saturating_mul(2_u32.saturating_pow(attempt.saturating_sub(1)));
        match retry_after {
            Some(asked) if asked > self.longest_wait => None,
            Some(asked) => Some(asked.max(doubled.min(self.longest_wait))),
            None => Some(doubled.min(self.longest_wait)),
        }
    }
}

/// The answer to one line of a batch.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct BatchAnswer {
    /// Which line, from 1.
    pub line: usize,
    /// As of an answer to a request of its own; 201 where it is recorded.
    pub status: u16,
    /// The recording's id.
    #[serde(default)]
    pub id: Option<String>,
    /// Its version after this line.
    #[serde(default)]
    pub version: Option<u64>,
    /// Its position in the log.
    #[serde(default)]
    pub position: Option<u64>,
    /// Whether it was recorded already by an earlier request with the same key.
    #[serde(default)]
    pub repeated: bool,
    /// Why it was not recorded.
    #[serde(default)]
    pub problem: Option<Problem>,
}

impl BatchAnswer {
    /// Whether the line is recorded, by this request or an earlier one.
    #[must_use]
    pub const fn is_recorded(&self) -> bool {
        self.status >= 200 && self.status < 300 && self.id.is_some()
    }

    /// Whether the same line may be accepted a moment later.
    #[must_use]
    pub fn may_pass_later(&self) -> bool {
        is_passing(self.status)
    }
}

/// A person that a search found.
#[derive(Clone, PartialEq, Eq, Deserialize)]
pub struct FoundPerson {
    /// Their id.
    pub id: String,
    /// Their date of birth, where it is known: personal.
    #[serde(default)]
    pub birth_date: Option<String>,
}

/// Shows the id alone.
impl fmt::Debug for FoundPerson {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("FoundPerson").field("id", &self.id).finish_non_exhaustive()
    }
}

#[derive(Deserialize)]
struct People {
    items: Vec<FoundPerson>,
}

/// The client. Cloning it shares its connections.
#[derive(Debug, Clone)]
pub struct Client {
    base: Url,
    http: reqwest::Client,
    token: TokenSource,
    retry: RetryPolicy,
}

/// What is sent: every kind may be sent again.
#[derive(Clone, Copy)]
enum Sending<'a> {
    Get,
    Post { content_type: &'a str, body: &'a str },
    Record { key: &'a str, if_match: Option<&'a str>, body: &'a str },
}

struct Answered {
    status: StatusCode,
    retry_after: Option<Duration>,
    text: String,
}

/// What came of one attempt; the error is one that another attempt may overcome.
type Outcome = Result<Answered, reqwest::Error>;

impl Client {
    /// A client of the service at `base_url`, such as `http://127.0.0.1:8080`; a path in it is a prefix of every path.
    ///
    /// # Errors
    /// [`ClientError::Address`] where it is no http or https URL; [`ClientError::Setup`] where TLS cannot start.
    pub fn new(base_url: &str, token: TokenSource, retry: RetryPolicy) -> Result<Self, ClientError> {
        let mut base = Url::parse(base_url).map_err(|_| ClientError::Address)?;
        if !matches!(base.scheme(), "http" | "https") || base.host().is_none() {
            return Err(ClientError::Address);
        }
        base.set_query(None);
        base.set_fragment(None);
        if !base.path().ends_with('/') {
            let path = format!("{}/", base.path());
            base.set_path(&path);
        }
        let http = reqwest::Client::builder()
            .connect_timeout(CONNECT_TIMEOUT)
            .timeout(REQUEST_TIMEOUT)
            // A redirect could carry people's words to a place that nobody named.
            .redirect(reqwest::redirect::Policy::none())
            .user_agent(concat!("cairn/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|source| ClientError::Setup { source })?;
        Ok(Self { base, http, token, retry })
    }

    /// Sends lines to `POST /v1/batches?mode=each` and reads one answer a line, in order. Where the service says of
    /// single lines that they may pass later, the request is sent again as a whole: what it recorded already answers
    /// as repeated, and the first answer is the one that counts.
    ///
    /// # Errors
    /// [`ClientError`]; some of the lines may be recorded then, which a repetition with the same keys finds out.
    pub async fn post_batch(&self, lines: &[String]) -> Result<Vec<BatchAnswer>, ClientError> {
        let mut body = String::with_capacity(lines.iter().map(|line| line.len() + 1).sum());
        for line in lines {
            body.push_str(line);
            body.push('\n');
        }
        let mut settled: Option<Vec<BatchAnswer>> = None;
        let mut attempt = 1;
        loop {
            let text = self.send("v1/batches?mode=each", "application/x-ndjson", &body).await?;
            let fresh = read_answers(&text, lines.len())?;
            let answers = match settled.take() {
                None => fresh,
                Some(before) => {
                    before.into_iter().zip(fresh).map(|(old, new)| if old.is_recorded() { old } else { new }).collect()
                }
            };
            if !answers.iter().any(BatchAnswer::may_pass_later) {
                return Ok(answers);
            }
            let Some(wait) = self.retry.wait_after(attempt, None) else { return Ok(answers) };
            tokio::time::sleep(wait).await;
            attempt += 1;
            settled = Some(answers);
        }
    }

    /// Finds people by one identifier, which travels in the body and never in a URL.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn search_person(&self, system: &str, value: &str) -> Result<Vec<FoundPerson>, ClientError> {
        let body = serde_json::json!({ "system": system, "value": value }).to_string();
        let text = self.send("v1/people/search", "application/json", &body).await?;
        let people: People = serde_json::from_str(&text).map_err(|_| ClientError::Unreadable)?;
        Ok(people.items)
    }

    /// Reads a path with its query as JSON; `If-Match` and other headers have no place here.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn get_json(&self, path: &str) -> Result<serde_json::Value, ClientError> {
        let text = self.send_request(path.trim_start_matches('/'), Sending::Get).await?;
        serde_json::from_str(&text).map_err(|_| ClientError::Unreadable)
    }

    /// Records one body under an idempotency key, with the version that was seen where it changes something.
    ///
    /// # Errors
    /// [`ClientError`]; a repetition with the same key finds out whether it is recorded.
    pub async fn record(
        &self,
        path: &str,
        key: &str,
        if_match: Option<u64>,
        body: &serde_json::Value,
    ) -> Result<serde_json::Value, ClientError> {
        let (body, if_match) = (body.to_string(), if_match.map(|version| format!("\"{version}\"")));
        let sending = Sending::Record { key, if_match: if_match.as_deref(), body: &body };
        let text = self.send_request(path.trim_start_matches('/'), sending).await?;
        serde_json::from_str(&text).map_err(|_| ClientError::Unreadable)
    }

    /// One POST that may be repeated.
    async fn send(&self, path: &str, content_type: &str, body: &str) -> Result<String, ClientError> {
        self.send_request(path, Sending::Post { content_type, body }).await
    }

    /// One request that may be repeated, sent until it is answered for good or the policy gives up.
    async fn send_request(&self, path: &str, sending: Sending<'_>) -> Result<String, ClientError> {
        let url = self.base.join(path).map_err(|_| ClientError::Address)?;
        let mut attempt = 1;
        loop {
            let (retry_after, failure) = match self.send_once(&url, sending).await? {
                Ok(answered) if answered.status.is_success() => return Ok(answered.text),
                Ok(answered) if is_passing(answered.status.as_u16()) => {
                    let status = answered.status.as_u16();
                    (
                        answered.retry_after,
                        ClientError::Busy { status, attempts: attempt, retry_after: answered.retry_after },
                    )
                }
                Ok(answered) => return Err(ClientError::refused(answered.status.as_u16(), &answered.text)),
                Err(source) => {
                    (None, ClientError::Unreachable { address: self.base.to_string(), attempts: attempt, source })
                }
            };
            let Some(wait) = self.retry.wait_after(attempt, retry_after) else { return Err(failure) };
            tokio::time::sleep(wait).await;
            attempt += 1;
        }
    }

    /// One attempt. A token that cannot be had for the moment is like an answer that cannot.
    async fn send_once(&self, url: &Url, sending: Sending<'_>) -> Result<Outcome, ClientError> {
        let token = match &self.token {
            TokenSource::Fixed(token) => token.clone(),
            TokenSource::ClientKey(grant) => match grant.bearer(&self.http, &self.base).await? {
                Bearer::Token(token) => token,
                Bearer::NotYet(outcome) => return Ok(outcome),
            },
        };
        let request = match sending {
            Sending::Get => self.http.request(Method::GET, url.clone()),
            Sending::Post { content_type, body } => {
                self.http.request(Method::POST, url.clone()).header(CONTENT_TYPE, content_type).body(body.to_owned())
            }
            Sending::Record { key, if_match, body } => {
                let request = self
                    .http
                    .request(Method::POST, url.clone())
                    .header(CONTENT_TYPE, "application/json")
                    .header("Idempotency-Key", key)
                    .body(body.to_owned());
                match if_match {
                    Some(tag) => request.header(IF_MATCH, tag),
                    None => request,
                }
            }
        };
        exchange(request.bearer_auth(token)).await
    }
}

/// Sends a request and reads its answer.
async fn exchange(request: reqwest::RequestBuilder) -> Result<Outcome, ClientError> {
    let response = match request.send().await {
        Ok(response) => response,
        Err(error) if error.is_builder() => return Err(ClientError::Setup { source: error.without_url() }),
        Err(error) => return Ok(Err(error.without_url())),
    };
    let status = response.status();
    let retry_after = response
        .headers()
        .get(RETRY_AFTER)
        .and_then(|value| value.to_str().ok()?.trim().parse().ok())
        .map(Duration::from_secs);
    Ok(match response.text().await {
        Ok(text) => Ok(Answered { status, retry_after, text }),
        Err(error) => Err(error.without_url()),
    })
}

/// Too many requests, or a service (or a proxy before it) that cannot answer now.
const fn is_passing(status: u16) -> bool {
    matches!(status, 429 | 502 | 503 | 504)
}

/// One answer for each line, in order; anything else is no answer that could be relied on.
fn read_answers(text: &str, lines: usize) -> Result<Vec<BatchAnswer>, ClientError> {
    let answers = text
        .lines()
        .filter(|line| !line.trim().is_empty())
        .map(serde_json::from_str)
        .collect::<Result<Vec<BatchAnswer>, _>>()
        .map_err(|_| ClientError::Unreadable)?;
    let in_order = answers.iter().enumerate().all(|(at, answer)| answer.line == at + 1);
    if answers.len() == lines && in_order { Ok(answers) } else { Err(ClientError::Unreadable) }
}

#[cfg(test)]
mod client_grant_test;
#[cfg(test)]
mod tests;
