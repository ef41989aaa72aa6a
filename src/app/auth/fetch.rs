//! Fetches key sets from the network, and from nowhere else than their owners' public addresses: https only, no
//! redirect, no proxy, 64 KiB, five seconds, and no neighbour of the service (names are resolved here, and the
//! connection goes to the addresses that were checked). Knows no key.

use super::public_address::{is_loopback, is_public};
use async_trait::async_trait;
use reqwest::Url;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::sync::Arc;
use std::time::Duration;

/// The largest document, in bytes.
pub const MOST_BYTES: usize = 64 * 1024;
/// How long a fetch may take, all in all.
const LONGEST: Duration = Duration::from_secs(5);
/// The longest address, in bytes.
const MOST_URL: usize = 2_048;

/// A port for fetching a JSON document.
#[async_trait]
pub trait FetchJwks: Send + Sync {
    /// The document at an address.
    async fn fetch(&self, url: &str) -> Result<serde_json::Value, FetchError>;
}

/// A document that cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// The address may not be called.
    #[error("the address may not be called: {0}")]
    NotAllowed(&'static str),
    /// The call failed.
    #[error("the call failed")]
    Failed(#[source] reqwest::Error),
    /// The answer was another than 200; redirects are not followed.
    #[error("the answer had the status {0}, expected 200")]
    Status(u16),
    /// The document is too large.
    #[error("the document is larger than {MOST_BYTES} bytes")]
    TooLarge,
    /// The document is no JSON.
    #[error("the document is not JSON")]
    NotJson(#[source] serde_json::Error),
}

/// Where fetches may go.
#[derive(Debug, Clone, Default)]
pub struct FetchRules {
    /// The service itself listens on loopback only: addresses that are not public are allowed, and plain http to
    /// loopback is.
    pub loopback: bool,
    /// Names of hosts that may have an address that is not public although the service is: an issuer on the
    /// operator's own network. Named by the operator, never by a client. In lower case.
    pub private_hosts: BTreeSet<String>,
}

impl FetchRules {
    /// Reads an address of a key set and refuses what can be refused without asking the network.
    ///
    /// # Errors
    /// [`FetchError::NotAllowed`] says what is wrong with it.
    pub fn check(&self, url: &str) -> Result<Url, FetchError> {
        let no = FetchError::NotAllowed;
        if url.len() > MOST_URL {
            return Err(no("it is longer than 2048 bytes"));
        }
        let url = Url::parse(url).map_err(|_| no("it is no URL"))?;
        if !url.username().is_empty() || url.password().is_some() {
            return Err(no("it holds a user name or password"));
        }
        if url.fragment().is_some() {
            return Err(no("it has a fragment"));
        }
        let host = url.host_str().ok_or_else(|| no("it names no host"))?;
        // A URL's host is normalised: other ways to write an IPv4 address (octal, one number) are four octets here.
        let literal: Option<IpAddr> = host.trim_start_matches('[').trim_end_matches(']').parse().ok();
        match url.scheme() {
            "https" => {}
            "http" if self.loopback && (host == "localhost" || literal.is_some_and(is_loopback)) => {}
            "http" if self.loopback => return Err(no("http goes to loopback only")),
            _ => return Err(no("https is needed")),
        }
        if literal.is_some_and(|address| !self.allows(host, address)) {
            return Err(no("it is not an address of the public internet"));
        }
        Ok(url)
    }
    fn allows(&self, host: &str, address: IpAddr) -> bool {
        self.loopback || is_public(address) || self.private_hosts.contains(host.trim_end_matches('.'))
    }
}

/// Resolves names and gives only addresses that the rules allow; one forbidden address refuses the name, because a name
/// that points both outside and inside means no good.
struct CheckedNames {
    rules: FetchRules,
}

/// A name that points where the service may not call.
#[derive(Debug, thiserror::Error)]
#[error("the host's name does not point to the public internet")]
struct NotPublic;

impl Resolve for CheckedNames {
    fn resolve(&self, name: Name) -> Resolving {
        let rules = self.rules.clone();
        Box::pin(async move {
            let host = name.as_str().to_ascii_lowercase();
            let asked = host.clone();
            let found: Vec<SocketAddr> =
                tokio::task::spawn_blocking(move || (asked.as_str(), 0).to_socket_addrs().map(Iterator::collect))
                    .await??;
            if found.is_empty() || !found.iter().all(|address| rules.allows(&host, address.ip())) {
                return Err(NotPublic.into());
            }
            Ok(Box::new(found.into_iter()) as Addrs)
        })
    }
}

/// Fetches over HTTP.
#[derive(Debug, Clone)]
pub struct HttpFetch {
    client: reqwest::Client,
    rules: FetchRules,
}

impl HttpFetch {
    /// A fetcher that keeps to the rules.
    ///
    /// # Errors
    /// [`FetchError::Failed`] if TLS cannot be set up.
    pub fn new(rules: FetchRules) -> Result<Self, FetchError> {
        let client = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            // A proxy would resolve the name again, unchecked.
            .no_proxy()
            .timeout(LONGEST)
            .user_agent(concat!("cairn/", env!("CARGO_PKG_VERSION")))
            .dns_resolver(Arc::new(CheckedNames { rules: rules.clone() }))
            .build()
            .map_err(FetchError::Failed)?;
        Ok(Self { client, rules })
    }
}

#[async_trait]
impl FetchJwks for HttpFetch {
    async fn fetch(&self, url: &str) -> Result<serde_json::Value, FetchError> {
        let url = self.rules.check(url)?;
        let request = self.client.get(url).header("accept", "application/jwk-set+json, application/json");
        let mut answer = request.send().await.map_err(FetchError::Failed)?;
        if answer.status() != reqwest::StatusCode::OK {
            return Err(FetchError::Status(answer.status().as_u16()));
        }
        let mut document = Vec::new();
        while let Some(chunk) = answer.chunk().await.map_err(FetchError::Failed)? {
            if document.len() + chunk.len() > MOST_BYTES {
                return Err(FetchError::TooLarge);
            }
            document.extend_from_slice(&chunk);
        }
        serde_json::from_slice(&document).map_err(FetchError::NotJson)
    }
}
