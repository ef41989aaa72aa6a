//! The server: how requests come in, what surrounds every handler, how it stops.

use crate::api::docs::pages;
use crate::api::operation_names;
use crate::api::problem::{Problem, Type};
use crate::api::request::with_id;
use crate::api::routes::routes;
use crate::api::state::ApiState;
use actix_web::body::MessageBody;
use actix_web::dev::{ResourceDef, ServerHandle, ServiceRequest, ServiceResponse};
use actix_web::http::header::{HeaderName, HeaderValue, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS};
use actix_web::middleware::{Compress, Next, from_fn};
use actix_web::web::{self, Data};
use actix_web::{App, HttpRequest, HttpServer, ResponseError};
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::task::JoinHandle;
use tracing::Instrument;
use utoipa_actix_web::AppExt;

/// How the server listens.
#[derive(Debug, Clone)]
pub struct ServerSettings {
    /// Threads that serve; 0 for as many as there are cores.
    pub workers: usize,
    /// The most connections at once; more wait.
    pub max_connections: usize,
    /// How long a request's headers may take.
    pub header_timeout: Duration,
    /// How long an idle connection is kept.
    pub keep_alive: Duration,
    /// How long accepted requests may go on after the server was told to stop.
    pub shutdown_timeout: Duration,
}

impl Default for ServerSettings {
    fn default() -> Self {
        Self {
            workers: 0,
            max_connections: 10_000,
            header_timeout: Duration::from_secs(5),
            keep_alive: Duration::from_secs(75),
            shutdown_timeout: Duration::from_secs(30),
        }
    }
}

/// A server that serves, as whoever started it holds it.
pub struct Running {
    /// Where it listens.
    pub addresses: Vec<SocketAddr>,
    pub(super) handle: ServerHandle,
    pub(super) task: JoinHandle<std::io::Result<()>>,
}

/// Sets what every server of ours has, and runs it on listeners that are bound already. A macro, because the type of a server
/// cannot be written here.
macro_rules! started {
    ($server:expr, $listeners:expr, $settings:expr) => {{
        let settings: &$crate::api::server::ServerSettings = $settings;
        let mut server = $server
            .max_connections(settings.max_connections)
            .client_request_timeout(settings.header_timeout)
            .keep_alive(settings.keep_alive)
            .shutdown_timeout(settings.shutdown_timeout.as_secs())
            .disable_signals();
        if settings.workers > 0 {
            server = server.workers(settings.workers);
        }
        let mut addresses = Vec::with_capacity($listeners.len());
        for listener in $listeners {
            addresses.push(listener.local_addr()?);
            server = server.listen(listener)?;
        }
        let server = server.run();
        let (handle, task) = (server.handle(), tokio::spawn(server));
        Ok($crate::api::server::Running { addresses, handle, task })
    }};
}
pub(super) use started;

impl Running {
    /// Takes no new connections, lets accepted requests finish, and ends.
    pub async fn stop(self) {
        self.handle.stop(true).await;
        let _ = self.task.await;
    }

    /// Waits until it ends by itself, which it does only when it fails.
    ///
    /// # Errors
    /// Why it ended.
    pub async fn ended(&mut self) -> std::io::Result<()> {
        match (&mut self.task).await {
            Ok(result) => result,
            Err(error) => Err(std::io::Error::other(error)),
        }
    }
}

/// Serves on listeners that are bound already.
///
/// # Errors
/// Where a listener cannot be used.
pub fn serve(listeners: Vec<TcpListener>, settings: &ServerSettings, state: ApiState) -> std::io::Result<Running> {
    let state = Data::new(state);
    operation_names::prepare();
    let known = Arc::new(known_paths());
    let server = HttpServer::new(move || {
        let known = Arc::clone(&known);
        App::new()
            .wrap(Compress::default())
            .wrap(from_fn(around))
            .into_utoipa_app()
            .configure(routes)
            .into_app()
            .app_data(state.clone())
            .configure(pages)
            .default_service(web::to(move |request: HttpRequest| {
                let problem = unrouted(&request, &known);
                async move { problem.error_response() }
            }))
    });
    started!(server, listeners, settings)
}

/// A path of the OpenAPI document with its methods; compiled once, because anybody may ask for any path.
type KnownPath = (ResourceDef, Vec<String>);

fn known_paths() -> Vec<KnownPath> {
    let document = crate::api::document();
    let paths = document["paths"].as_object().cloned().unwrap_or_default();
    paths
        .into_iter()
        .map(|(path, item)| {
            let methods =
                item.as_object().into_iter().flatten().map(|(method, _)| method.to_ascii_uppercase()).collect();
            (ResourceDef::new(path), methods)
        })
        .collect()
}

/// What no route takes: 405 where the path is known with another method, else 404.
fn unrouted(request: &HttpRequest, known: &[KnownPath]) -> Problem {
    let found = known.iter().find(|(path, _)| path.is_match(request.path()));
    match found {
        Some((_, methods)) => Problem::new(Type::MethodNotAllowed).allow(methods.join(", ")),
        None => Problem::new(Type::NotFound).detail("there is no such path"),
    }
}

/// What surrounds every request: its id, security headers, a log line and metrics. Never the query or a body.
async fn around(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<impl MessageBody>, actix_web::Error> {
    let started = Instant::now();
    let id = crate::app::new_request_id();
    let method = request.method().clone();
    let traceparent = request.headers().get("traceparent").and_then(|value| value.to_str().ok()).map(str::to_owned);
    let span = tracing::debug_span!("request", request_id = id, %method, traceparent, path = tracing::field::Empty, status = tracing::field::Empty);
    let mut response = match with_id(id.clone(), next.call(request)).instrument(span.clone()).await {
        Ok(response) => response.map_into_boxed_body(),
        Err(error) => return Err(error),
    };
    let headers = response.headers_mut();
    if let Ok(value) = HeaderValue::from_str(&id) {
        headers.insert(HeaderName::from_static("x-request-id"), value);
    }
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    let pattern = response.request().match_pattern().unwrap_or_else(|| "unrouted".to_owned());
    let status = response.status().as_u16();
    span.record("path", pattern.as_str()).record("status", status);
    let elapsed = started.elapsed();
    metrics::counter!("cairn_http_requests_total", "method" => method.to_string(), "path" => pattern.clone(), "status" => status.to_string())
        .increment(1);
    metrics::histogram!("cairn_http_request_seconds", "path" => pattern.clone()).record(elapsed.as_secs_f64());
    let elapsed_us = u64::try_from(elapsed.as_micros()).unwrap_or(u64::MAX);
    if status >= 500 {
        tracing::warn!(request_id = id, %method, path = pattern, status, elapsed_us, traceparent, "answered with a failure of ours");
    } else {
        tracing::debug!(request_id = id, %method, path = pattern, status, elapsed_us, traceparent, "answered");
    }
    Ok(response)
}
