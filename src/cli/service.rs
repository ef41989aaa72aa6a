//! The service put together from its settings: database, key store, app, doors, server. Production, the demo and the
//! tests all start here; only the clock, the ids and the randomness differ.

use crate::api::{self, ApiState, Limits, Running, ServerSettings};
use crate::app::auth::{
    AssertionVerifier, ClientClaim, ClientRegistry, DevelopmentIssuer, ExternalIssuer, FetchRules, HttpFetch,
    JwksSource, SigningKey, TokenEndpoint, TokenIssuer, TokenVerifier, VerifierSettings,
};
use crate::app::log::Logs;
use crate::app::open::{self, Opened};
use crate::app::{App, Clock, IdSource, RandomIds, Store, SystemClock, Vault};
use crate::cli::failure::Failure;
use crate::cli::signer::{keep_signing, lock_to_sign, open_logs, unsigned};
use crate::config::{DatabaseUrl, MasterKeySource, Settings};
use metrics_exporter_prometheus::PrometheusHandle;
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinHandle;

/// What differs between production and tests.
#[derive(Clone)]
pub struct Sources {
    /// The clock.
    pub clock: Arc<dyn Clock>,
    /// Identifiers.
    pub ids: Arc<dyn IdSource>,
}

impl Default for Sources {
    fn default() -> Self {
        Self { clock: Arc::new(SystemClock), ids: Arc::new(RandomIds) }
    }
}

/// A service that serves.
pub struct Service {
    /// The verbs, for whoever runs in the same process.
    pub app: App,
    /// Where it listens.
    pub addresses: Vec<SocketAddr>,
    /// Where it says it is.
    pub public_url: String,
    server: Running,
    writer: JoinHandle<()>,
    /// What signs, and what asks the witnesses.
    signing: Vec<JoinHandle<()>>,
    /// Held while this process signs, so that no command changes the signer meanwhile.
    _signs: Vec<std::fs::File>,
    /// What destroys the keys of erased data.
    destroying: JoinHandle<()>,
}

/// Opens database and key store as the settings say, and starts the app without a server: for operators' commands.
///
/// # Errors
/// [`Failure`] with what to do about it.
pub async fn open_app(settings: &Settings, sources: &Sources) -> Result<(App, JoinHandle<()>), Failure> {
    std::fs::create_dir_all(&settings.data_dir).map_err(|error| {
        Failure::unavailable(format!("the data directory {} cannot be made", settings.data_dir.display()))
            .because(error)
    })?;
    let opened = open::open(stores(settings)?).await?;
    let Opened { store, vault } = opened;
    Ok(App::start(store, vault, Arc::clone(&sources.clock), Arc::clone(&sources.ids), settings.append_batch_events))
}

/// Opens the database alone, which must be there: for commands that look at the log and need no keys.
///
/// # Errors
/// [`Failure`] with what to do about it.
pub async fn open_store(settings: &Settings) -> Result<Arc<dyn Store>, Failure> {
    Ok(open::database(&database_of(settings, false), settings.database_connections).await?)
}

/// Opens the key store alone, which must be there.
///
/// # Errors
/// [`Failure`] with what to do about it.
pub async fn open_keys(settings: &Settings) -> Result<Vault, Failure> {
    Ok(open::open_keys(keys_of(settings)?, false).await?)
}

/// What is to be opened, as the settings say.
fn stores(settings: &Settings) -> Result<open::Settings, Failure> {
    let open::Keys { url: keys, master, .. } = keys_of(settings)?;
    Ok(open::Settings {
        database: database_of(settings, settings.create),
        connections: settings.database_connections,
        keys,
        master,
        create: settings.create,
        key_cache: settings.key_cache,
    })
}

/// Where the events are; `create` says whether a file that is missing may be made.
#[must_use]
pub fn database_of(settings: &Settings, create: bool) -> open::Database {
    database(&settings.database, create)
}

/// The same for any URL.
pub(super) fn database(url: &DatabaseUrl, create: bool) -> open::Database {
    match url {
        DatabaseUrl::Sqlite { path } => open::Database::Sqlite { path: path.clone(), create },
        DatabaseUrl::Postgres { url } => open::Database::Postgres { url: url.clone() },
    }
}

/// Where the key store and its master key are.
///
/// # Errors
/// [`Failure`] where a folder for them cannot be made.
pub fn keys_of(settings: &Settings) -> Result<open::Keys, Failure> {
    let url = match &settings.keys {
        DatabaseUrl::Sqlite { path } => {
            make_parent(path)?;
            format!("sqlite:{}", path.display())
        }
        DatabaseUrl::Postgres { url } => url.clone(),
    };
    let master = match &settings.master_key {
        MasterKeySource::File(path) => {
            make_parent(path)?;
            open::MasterKey::File(path.clone())
        }
        MasterKeySource::Given(text) => open::MasterKey::Text(text.reveal().to_owned()),
    };
    Ok(open::Keys { url, master, cache: settings.key_cache })
}

pub(super) fn make_parent(path: &Path) -> Result<(), Failure> {
    let Some(parent) = path.parent().filter(|parent| !parent.as_os_str().is_empty()) else { return Ok(()) };
    std::fs::create_dir_all(parent)
        .map_err(|error| Failure::unavailable(format!("the folder {} cannot be made", parent.display())).because(error))
}

impl Service {
    /// Starts serving.
    ///
    /// # Errors
    /// [`Failure`] with what to do about it; nothing is served then.
    pub async fn start(
        settings: &Settings,
        sources: &Sources,
        metrics: Option<PrometheusHandle>,
    ) -> Result<Self, Failure> {
        let (app, writer) = open_app(settings, sources).await?;
        app.check().await?;
        // Before anything is written: a database that is refused must stay as it is.
        let signs = lock_to_sign(settings, &app)?;
        let logs = open_logs(settings, &app, true).await?;
        for (_, keeper) in logs.all() {
            keeper.settle_statements().await.map_err(unsigned)?;
        }
        let loaded = app.load_reference_lists().await?;
        if loaded > 0 {
            tracing::info!(loaded, "loaded the shipped reference lists");
        }
        let mut listeners = Vec::with_capacity(settings.listen.len());
        for address in &settings.listen {
            let listener = TcpListener::bind(address)
                .map_err(|error| Failure::unavailable(format!("cannot listen on {address}")).because(error))?;
            listeners.push(listener);
        }
        let bound = listeners.first().and_then(|listener| listener.local_addr().ok());
        let bound = bound.ok_or_else(|| Failure::configuration("there is no address to listen on".to_owned()))?;
        let public_url = settings.public_url_at(bound);
        let state = state(settings, &app, logs.clone(), &public_url, metrics)?;
        let server_settings = ServerSettings {
            workers: settings.workers,
            max_connections: per_worker(settings.max_connections, settings.workers),
            header_timeout: settings.header_timeout,
            keep_alive: settings.keep_alive,
            shutdown_timeout: settings.shutdown_timeout,
        };
        let server = api::serve(listeners, &server_settings, state)
            .map_err(|error| Failure::unavailable("the server cannot start".to_owned()).because(error))?;
        let signing = keep_signing(&logs, settings)?;
        let destroying = app.keep_destroying_erased_keys();
        let addresses = server.addresses.clone();
        tracing::info!(?addresses, public_url, "serving");
        Ok(Self { app, addresses, public_url, server, writer, signing, _signs: signs, destroying })
    }

    /// Stops: no new connections, nobody waits for events any more, accepted work finishes, then the stores are closed.
    pub async fn stop(self) {
        let Self { app, writer, server, signing, _signs: signs, destroying, .. } = self;
        app.end_waits();
        server.stop().await;
        // What was accepted meanwhile is signed after the next start.
        signing.iter().for_each(JoinHandle::abort);
        drop(signs);
        // What is not destroyed yet is found after the next start.
        destroying.abort();
        let (store, vault) = (Arc::clone(app.store()), app.vault().clone());
        drop(app);
        // The writer ends when the last handle is gone; a request that outlived the timeout may still hold one.
        let _ = tokio::time::timeout(Duration::from_secs(5), writer).await;
        store.close().await;
        vault.close().await;
    }

    /// Waits until the server ends by itself, which it does only when it fails.
    pub async fn ended(&mut self) -> Result<(), Failure> {
        self.server.ended().await.map_err(|error| Failure::unavailable("the server failed".to_owned()).because(error))
    }
}

/// The setting is for the whole process; the server counts for each of its threads.
fn per_worker(connections: usize, workers: usize) -> usize {
    let cores = || std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let workers = if workers > 0 { workers } else { cores() };
    connections.div_ceil(workers).max(1)
}

/// Where key sets may be fetched from.
pub(super) fn fetch_rules(settings: &Settings) -> FetchRules {
    let loopback = settings.listen.iter().all(|address| address.ip().is_loopback());
    FetchRules { loopback, private_hosts: settings.private_hosts.clone() }
}

fn external_issuer(issuer: &crate::config::ExternalIssuer) -> ExternalIssuer {
    ExternalIssuer {
        issuer: issuer.issuer.clone(),
        jwks_url: issuer.jwks_url.clone(),
        audience: issuer.audience.clone(),
        algorithms: issuer.algorithms.iter().map(|algorithm| format!("{algorithm:?}")).collect(),
        client_claim: if issuer.client_claim == "azp" { ClientClaim::Azp } else { ClientClaim::ClientId },
        requires_at_jwt: issuer.requires_at_jwt,
    }
}

fn state(
    settings: &Settings,
    app: &App,
    logs: Logs,
    public_url: &str,
    metrics: Option<PrometheusHandle>,
) -> Result<ApiState, Failure> {
    let rules = fetch_rules(settings);
    let loopback = rules.loopback;
    let registry: Arc<dyn ClientRegistry> = Arc::new(Arc::clone(app.store()));
    let fetch = HttpFetch::new(rules)
        .map_err(|error| Failure::unavailable("the client for key sets cannot be made".to_owned()).because(error))?;
    let jwks = Arc::new(JwksSource::new(Arc::new(fetch)));
    let key = SigningKey::open_or_create(&settings.token_key_file, &app.fresh_key())
        .map_err(|error| Failure::configuration("the token signing key cannot be used".to_owned()).because(error))?;
    let key = Arc::new(key);
    let development = settings
        .development_issuer
        .then(|| DevelopmentIssuer::open_or_create(&settings.data_dir, &app.fresh_key()))
        .transpose()
        .map_err(|error| {
            Failure::configuration("the development issuer's key cannot be used".to_owned()).because(error)
        })?;
    let external = settings.issuers.iter().map(external_issuer).collect();
    let verifier = TokenVerifier::new(
        VerifierSettings {
            issuer: public_url.to_owned(),
            audience: public_url.to_owned(),
            keys: key.key_set(),
            loopback,
            development,
            external,
        },
        Arc::clone(&registry),
        Arc::clone(&jwks),
    )
    .map_err(|error| Failure::configuration(error.to_string()))?;
    let assertions =
        AssertionVerifier::new(registry, jwks, format!("{public_url}/oauth2/token"), public_url.to_owned());
    let life = u32::try_from(settings.access_token_life.as_secs()).unwrap_or(300);
    let issuer = TokenIssuer::new(public_url.to_owned(), public_url.to_owned(), life, Arc::clone(&key));
    Ok(ApiState {
        app: app.clone(),
        logs,
        verifier,
        tokens: TokenEndpoint::new(assertions, issuer),
        jwks: key.jwks(),
        public_url: public_url.to_owned(),
        limits: Limits {
            body_bytes: settings.body_limit_bytes,
            batch_bytes: settings.batch_limit_bytes,
            body_timeout: settings.request_timeout,
            long_poll_max: settings.long_poll_max,
            stream_heartbeat: settings.stream_heartbeat,
            streams_per_client: settings.streams_per_client,
            ..Limits::default()
        },
        streams: api::event_stream::StreamsHeld::default(),
        metrics,
        openapi: api::document_text().into(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Sources as ConfigSources;

    #[test]
    fn what_is_set_about_issuers_and_their_keys_is_obeyed() {
        let issuer = r#"[{"issuer":"https://a.example","jwks_url":"https://a.example/k","audience":"cairn",
            "algorithms":["ES384"],"client_claim":"azp","requires_at_jwt":true}]"#;
        let variables = [
            ("CAIRN_ISSUERS", issuer),
            ("CAIRN_PRIVATE_HOSTS", "10.0.0.7"),
            ("CAIRN_LISTEN", "0.0.0.0:8080"),
            ("CAIRN_PUBLIC_URL", "https://cairn.example"),
            ("CAIRN_DEVELOPMENT_ISSUER", "false"),
        ];
        let environment = variables.map(|(name, text)| (name.to_owned(), text.to_owned())).into();
        let settings = Settings::load(&ConfigSources { environment, ..ConfigSources::default() }).unwrap();
        let external = external_issuer(&settings.issuers[0]);
        assert!(external.requires_at_jwt && external.client_claim == ClientClaim::Azp);
        let rules = fetch_rules(&settings);
        assert!(rules.check("https://10.0.0.7/keys").is_ok());
        assert!(rules.check("https://10.0.0.8/keys").is_err());
    }
}
