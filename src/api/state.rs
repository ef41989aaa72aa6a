//! What every handler can reach: the app, the doors that callers come through, and the limits.

use crate::api::event_stream::StreamsHeld;
use crate::api::problem::{Problem, Type};
use crate::app::App;
use crate::app::auth::{AuthError, TokenEndpoint, TokenVerifier};
use crate::app::log::Logs;
use crate::app::words::Caller;
use actix_web::web::Bytes;
use metrics_exporter_prometheus::PrometheusHandle;
use std::time::Duration;

/// Limits of the edge. Every one is tested at the limit and one past it.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// The most bytes of one recording's body, after decompression.
    pub body_bytes: usize,
    /// The most bytes of a batch, after decompression.
    pub batch_bytes: usize,
    /// The most lines of a batch.
    pub batch_lines: usize,
    /// How long a body may take to arrive; for a batch, how long until its next bytes.
    pub body_timeout: Duration,
    /// The longest wait of a long poll.
    pub long_poll_max: Duration,
    /// How long a stream of events may be silent before it says that it is still there.
    pub stream_heartbeat: Duration,
    /// How many streams of events one client may hold at once, of each process.
    pub streams_per_client: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            body_bytes: 1024 * 1024,
            batch_bytes: 64 * 1024 * 1024,
            batch_lines: 10_000,
            body_timeout: Duration::from_secs(30),
            long_poll_max: Duration::from_secs(30),
            stream_heartbeat: Duration::from_secs(15),
            streams_per_client: 16,
        }
    }
}

/// The service as handlers see it.
pub struct ApiState {
    /// The verbs.
    pub app: App,
    /// The logs' checkpoints, tiles and proofs.
    pub logs: Logs,
    /// Verifies access tokens.
    pub verifier: TokenVerifier,
    /// Grants access tokens.
    pub tokens: TokenEndpoint,
    /// The public keys of the service's own tokens.
    pub jwks: serde_json::Value,
    /// Where the service says it is.
    pub public_url: String,
    /// Limits.
    pub limits: Limits,
    /// Who holds how many streams of events.
    pub streams: StreamsHeld,
    /// Renders the metrics, if they are on.
    pub metrics: Option<PrometheusHandle>,
    /// The OpenAPI document as it is served.
    pub openapi: Bytes,
}

impl ApiState {
    /// Verifies an access token.
    ///
    /// # Errors
    /// [`Type::Unauthorised`] with a challenge, or [`Type::Unavailable`] where the registry cannot be read.
    pub async fn verify(&self, token: &str) -> Result<Caller, Problem> {
        self.verifier.verify(token, self.app.now()).await.map_err(|error| match error {
            AuthError::Unavailable { .. } | AuthError::Signing(_) => {
                tracing::error!(error = %error, "the registry of clients cannot be read");
                Problem::new(Type::Unavailable)
            }
            error => {
                tracing::info!(reason = %error, "a token was not accepted");
                let description = error.description();
                let challenge = format!("Bearer error=\"invalid_token\", error_description=\"{description}\"");
                Problem::new(Type::Unauthorised).detail(description).challenge(challenge)
            }
        })
    }
}
