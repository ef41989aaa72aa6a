//! From checked values to `Settings`: what depends on other settings gets its default here, and what does not go together
//! is refused here. Knows no files and no environment.

use super::layers::Layers;
use super::{
    ConfigError, DatabaseUrl, ExternalIssuer, LogFormat, MasterKeySource, MasterKeyText, Settings, Sources,
    WitnessSetting, issuer, witness,
};
use serde::Deserialize;
use std::collections::BTreeSet;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;
use url::Url;

const MAXIMUM_ADDRESSES: usize = 8;
/// PostgreSQL cuts longer names silently (NAMEDATALEN).
const MAXIMUM_ROLE_BYTES: usize = 63;

/// The values as they are written, by the names of `SETTINGS`; a test holds the two together.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Written {
    data_dir: PathBuf,
    database_url: Option<String>,
    keys_url: Option<String>,
    master_key_file: Option<PathBuf>,
    create: Option<bool>,
    database_connections: u32,
    append_batch_events: usize,
    service_role: Option<String>,
    key_cache_ms: u64,
    listen: String,
    public_url: Option<String>,
    workers: usize,
    max_connections: usize,
    body_limit_bytes: usize,
    batch_limit_bytes: usize,
    request_timeout_ms: u64,
    header_timeout_ms: u64,
    keep_alive_ms: u64,
    shutdown_timeout_ms: u64,
    long_poll_max_ms: u64,
    stream_heartbeat_ms: u64,
    streams_per_client: usize,
    log_origin: String,
    log_key_file: Option<PathBuf>,
    log_state_file: Option<PathBuf>,
    accesses_origin: String,
    accesses_key_file: Option<PathBuf>,
    accesses_state_file: Option<PathBuf>,
    checkpoint_interval_ms: u64,
    #[serde(default)]
    witnesses: Vec<WitnessSetting>,
    witness_quorum: u32,
    token_key_file: Option<PathBuf>,
    access_token_life_s: u64,
    development_issuer: bool,
    #[serde(default)]
    issuers: Vec<ExternalIssuer>,
    private_hosts: Option<String>,
    log_format: Option<LogFormat>,
    log_filter: String,
    metrics: bool,
    metrics_listen: Option<String>,
    otlp_endpoint: Option<String>,
}

pub(super) fn settings(layers: Layers, sources: &Sources) -> Result<Settings, ConfigError> {
    let written: Written = layers.figment.extract().map_err(|error| unreadable(&layers, &error))?;
    let folder = written.data_dir;
    let database = database(&layers, "database_url", written.database_url, || folder.join("cairn.db"))?;
    let keys = database_beside(&layers, written.keys_url, &folder, &database)?;
    let master_key = master_key(&layers, sources, written.master_key_file, &folder)?;
    let listen = addresses(&layers, &written.listen)?;
    let public_url = written.public_url.map(|url| public_url(&layers, &url)).transpose()?;
    check_reach(&listen, public_url.as_deref(), written.development_issuer)?;
    issuer::check(&written.issuers).map_err(|limit| layers.wrong("issuers", "a list", &limit))?;
    check_witnesses(&layers, &written.witnesses, written.witness_quorum)?;
    let private_hosts = written.private_hosts.map(|text| private_hosts(&layers, &text)).transpose()?;
    let service_role = written.service_role.map(|role| role_name(&layers, role)).transpose()?;
    let metrics_listen = written.metrics_listen.map(|text| metrics_address(&layers, &text)).transpose()?;
    if metrics_listen.is_some() && !written.metrics {
        return Err(ConfigError::Conflict("`metrics_listen` is set, but `metrics` is false".to_owned()));
    }
    if written.accesses_origin == written.log_origin {
        return Err(ConfigError::Conflict(
            "`accesses_origin` and `log_origin` are the same; each log has a name of its own".to_owned(),
        ));
    }
    let otlp_endpoint = written.otlp_endpoint.map(|text| otlp_endpoint(&layers, text)).transpose()?;
    let by_place = if sources.is_terminal { LogFormat::Text } else { LogFormat::Json };
    Ok(Settings {
        create: written.create.unwrap_or_else(|| database.is_sqlite()),
        log_origin: written.log_origin,
        log_key_file: written.log_key_file.unwrap_or_else(|| folder.join("signer/outcomes.pem")),
        log_state_file: written.log_state_file.unwrap_or_else(|| folder.join("signer/outcomes.checkpoint")),
        accesses_origin: written.accesses_origin,
        accesses_key_file: written.accesses_key_file.unwrap_or_else(|| folder.join("signer/accesses.pem")),
        accesses_state_file: written.accesses_state_file.unwrap_or_else(|| folder.join("signer/accesses.checkpoint")),
        checkpoint_interval: Duration::from_millis(written.checkpoint_interval_ms),
        witnesses: written.witnesses,
        witness_quorum: written.witness_quorum,
        token_key_file: written.token_key_file.unwrap_or_else(|| folder.join("token-signing.pem")),
        data_dir: folder,
        database,
        keys,
        master_key,
        database_connections: written.database_connections,
        append_batch_events: written.append_batch_events,
        service_role,
        key_cache: Duration::from_millis(written.key_cache_ms),
        listen,
        public_url,
        workers: written.workers,
        max_connections: written.max_connections,
        body_limit_bytes: written.body_limit_bytes,
        batch_limit_bytes: written.batch_limit_bytes,
        request_timeout: Duration::from_millis(written.request_timeout_ms),
        header_timeout: Duration::from_millis(written.header_timeout_ms),
        keep_alive: Duration::from_millis(written.keep_alive_ms),
        shutdown_timeout: Duration::from_millis(written.shutdown_timeout_ms),
        long_poll_max: Duration::from_millis(written.long_poll_max_ms),
        stream_heartbeat: Duration::from_millis(written.stream_heartbeat_ms),
        streams_per_client: written.streams_per_client,
        access_token_life: Duration::from_secs(written.access_token_life_s),
        development_issuer: written.development_issuer,
        issuers: written.issuers,
        private_hosts: private_hosts.unwrap_or_default(),
        log_format: written.log_format.unwrap_or(by_place),
        log_filter: written.log_filter,
        metrics: written.metrics,
        metrics_listen,
        otlp_endpoint,
        ignored_environment: layers.ignored_environment,
        origins: layers.origins,
    })
}

impl Layers {
    fn wrong(&self, setting: &'static str, value: &str, limit: &str) -> ConfigError {
        let (value, limit) = (value.to_owned(), limit.to_owned());
        ConfigError::OutOfLimits { setting, value, limit, origin: self.origin(setting) }
    }
}

/// Everything but the inside of the lists has been checked, so the error is about an item of one of them.
fn unreadable(layers: &Layers, error: &figment::Error) -> ConfigError {
    let place = error.path.join(".");
    let list = if place.starts_with("witnesses") { "witnesses" } else { "issuers" };
    layers.wrong(list, &format!("not right at `{place}`"), &format!("sound: {}", error.kind))
}

/// A quorum that cannot be reached would show nothing for ever.
fn check_witnesses(layers: &Layers, witnesses: &[WitnessSetting], quorum: u32) -> Result<(), ConfigError> {
    witness::check(witnesses).map_err(|limit| layers.wrong("witnesses", "a list", &limit))?;
    if quorum as usize > witnesses.len() {
        return Err(ConfigError::Conflict(format!(
            "`witness_quorum` is {quorum}, but `witnesses` names {}: that many can never cosign",
            witnesses.len()
        )));
    }
    Ok(())
}

fn database(
    layers: &Layers,
    setting: &'static str,
    written: Option<String>,
    default: impl FnOnce() -> PathBuf,
) -> Result<DatabaseUrl, ConfigError> {
    match written {
        None => Ok(DatabaseUrl::Sqlite { path: default() }),
        Some(text) => DatabaseUrl::parse(&text).map_err(|source| ConfigError::DatabaseUrl {
            setting,
            origin: layers.origin(setting),
            source,
        }),
    }
}

fn database_beside(
    layers: &Layers,
    written: Option<String>,
    folder: &Path,
    database: &DatabaseUrl,
) -> Result<DatabaseUrl, ConfigError> {
    let keys = self::database(layers, "keys_url", written, || folder.join("keys").join("keys.db"))?;
    if keys.is_same_database(database) {
        return Err(ConfigError::Conflict(format!(
            "`keys_url` and `database_url` both name {database}; keys must live apart from events, or a copy of the \
             database would reveal what erasure should have destroyed"
        )));
    }
    Ok(keys)
}

fn master_key(
    layers: &Layers,
    sources: &Sources,
    file: Option<PathBuf>,
    folder: &Path,
) -> Result<MasterKeySource, ConfigError> {
    match (sources.master_key(), file) {
        (Some(_), Some(_)) => Err(ConfigError::Conflict(format!(
            "there are two master keys: CAIRN_MASTER_KEY and `master_key_file` from {}; keep one",
            layers.origin("master_key_file")
        ))),
        (Some(text), None) => Ok(MasterKeySource::Given(MasterKeyText::new(text.to_owned()))),
        (None, Some(file)) => Ok(MasterKeySource::File(file)),
        (None, None) => Ok(MasterKeySource::File(folder.join("keys").join("master.key"))),
    }
}

/// `IP:PORT`, or `localhost:PORT` for 127.0.0.1. Other names are not looked up: a listener goes where it was told.
fn address(text: &str) -> Option<SocketAddr> {
    match text.strip_prefix("localhost:") {
        Some(port) => Some(SocketAddr::from((Ipv4Addr::LOCALHOST, port.parse().ok()?))),
        None => text.parse().ok(),
    }
}

fn addresses(layers: &Layers, text: &str) -> Result<Vec<SocketAddr>, ConfigError> {
    let listen: Option<Vec<SocketAddr>> = text.split(',').map(|part| address(part.trim())).collect();
    listen.filter(|listen| listen.len() <= MAXIMUM_ADDRESSES).ok_or_else(|| {
        let limit = format!("1 to {MAXIMUM_ADDRESSES} addresses IP:PORT, separated by commas");
        layers.wrong("listen", "something else", &limit)
    })
}

fn metrics_address(layers: &Layers, text: &str) -> Result<SocketAddr, ConfigError> {
    address(text).ok_or_else(|| layers.wrong("metrics_listen", "something else", "one address IP:PORT"))
}

fn private_hosts(layers: &Layers, text: &str) -> Result<BTreeSet<String>, ConfigError> {
    issuer::hosts(text).ok_or_else(|| {
        let limit =
            format!("1 to {} names or addresses of hosts, without ports, separated by commas", issuer::MAXIMUM_HOSTS);
        layers.wrong("private_hosts", "something else", &limit)
    })
}

/// A base that paths are appended to and that tokens repeat letter by letter: nothing may follow the path.
fn public_url(layers: &Layers, text: &str) -> Result<String, ConfigError> {
    let is_base = Url::parse(text).is_ok_and(|url| {
        let is_bare = url.query().is_none() && url.fragment().is_none();
        is_bare && url.username().is_empty() && url.password().is_none()
    });
    if is_base && issuer::is_safe_url(text) {
        Ok(text.trim_end_matches('/').to_owned())
    } else {
        let limit = "an https URL (http on loopback only) without user, query and fragment";
        Err(layers.wrong("public_url", "something else", limit))
    }
}

/// The embedded issuer hands tokens to whoever has the data folder, so it must not be reachable from elsewhere, also not
/// through a proxy on this machine.
fn check_reach(listen: &[SocketAddr], public_url: Option<&str>, issuer: bool) -> Result<(), ConfigError> {
    let outside = listen.iter().find(|address| !address.ip().is_loopback());
    let is_public = public_url.is_some_and(|url| Url::parse(url).map_or(true, |url| !issuer::is_loopback(&url)));
    if issuer && (outside.is_some() || is_public) {
        let place = outside.map_or_else(|| "`public_url` is".to_owned(), |address| format!("`listen` has {address},"));
        return Err(ConfigError::Conflict(format!(
            "{place} not on loopback, where alone the embedded issuer serves; set `development_issuer` to false and \
             name the issuers to trust"
        )));
    }
    if let (Some(address), None) = (outside, public_url) {
        return Err(ConfigError::Conflict(format!(
            "`listen` has {address}, not on loopback; set `public_url` to the address that callers use"
        )));
    }
    Ok(())
}

/// A name that needs no quoting in SQL, so that no quoting can go wrong.
fn role_name(layers: &Layers, role: String) -> Result<String, ConfigError> {
    let starts_well = role.starts_with(|first: char| first.is_ascii_lowercase() || first == '_');
    let goes_on_well = role.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_');
    if starts_well && goes_on_well && role.len() <= MAXIMUM_ROLE_BYTES {
        Ok(role)
    } else {
        let limit = format!("1 to {MAXIMUM_ROLE_BYTES} of a-z, 0-9 and _, not starting with a digit");
        Err(layers.wrong("service_role", "something else", &limit))
    }
}

fn otlp_endpoint(layers: &Layers, text: String) -> Result<String, ConfigError> {
    let is_http = Url::parse(&text).is_ok_and(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
    if is_http { Ok(text) } else { Err(layers.wrong("otlp_endpoint", "something else", "an http or https URL")) }
}
