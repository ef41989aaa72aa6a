//! Every setting of the service: its name, default, limit and one line of doc (`setting`), where values come from
//! (`layers`), and what they become (`Settings`, made by `build`). The only place that reads the configuration file and the
//! `CAIRN_…` environment, so that everything behind it is told and never looks.
//!
//! Must not know what the settings are used for: no database, no HTTP, no keys are opened here. What needs the network
//! or the disk to be checked is checked by whoever uses it, and by `cairn doctor`.
//!
//! From lowest to highest: defaults, the TOML file (`--config`), the environment, flags. A key of the file that nobody
//! knows is an error, because a misspelt limit is no limit. An unknown `CAIRN_…` variable is only reported
//! (`Settings::ignored_environment`): container platforms put variables of their own beside ours.

mod build;
mod database_url;
mod error;
mod issuer;
mod layers;
mod redacted;
mod setting;
#[cfg(test)]
mod settings_test;
mod witness;

pub use database_url::{DatabaseUrl, DatabaseUrlError};
pub use error::{ConfigError, Origin};
pub use issuer::{ExternalIssuer, MAXIMUM_ISSUERS, SignatureAlgorithm};
pub use layers::{Flags, Sources};
pub use redacted::RedactedSetting;
pub use setting::{DefaultValue, Kind, MAXIMUM_TEXT_BYTES, SETTINGS, Setting};
pub use witness::{MAXIMUM_WITNESSES, WitnessSetting, WitnessedLog};

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;
use zeroize::Zeroizing;

/// The whole configuration, checked. The fields bear the names of `SETTINGS`, where their meaning, default and limit
/// stand; a unit at the end of a name has become a type.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The folder of the database, the keys and the signer's state.
    pub data_dir: PathBuf,
    /// The database of events and rows (`database_url`).
    pub database: DatabaseUrl,
    /// The key store (`keys_url`), never the database of the events.
    pub keys: DatabaseUrl,
    /// Where the master key comes from: `CAIRN_MASTER_KEY`, or else `master_key_file`.
    pub master_key: MasterKeySource,
    /// Make stores and keys that are missing (`create`).
    pub create: bool,
    /// Connections to the database of events (`database_connections`).
    pub database_connections: u32,
    /// The most events that the writer commits together (`append_batch_events`).
    pub append_batch_events: usize,
    /// The PostgreSQL role that the service runs as, for `cairn migrate` to grant to (`service_role`).
    pub service_role: Option<String>,
    /// How long an opened key may stay in memory (`key_cache_ms`).
    pub key_cache: Duration,
    /// Where HTTP is served (`listen`); at least one address.
    pub listen: Vec<SocketAddr>,
    /// The address that callers use, without a final slash, where it was set; see `Settings::public_url_at`.
    pub public_url: Option<String>,
    /// Threads that serve HTTP (`workers`); 0 means one for each core.
    pub workers: usize,
    /// Open connections of the whole process (`max_connections`).
    pub max_connections: usize,
    /// The largest request body (`body_limit_bytes`).
    pub body_limit_bytes: usize,
    /// The largest body of a bulk request (`batch_limit_bytes`).
    pub batch_limit_bytes: usize,
    /// How long one request may take (`request_timeout_ms`).
    pub request_timeout: Duration,
    /// How long a caller may take to send the head of a request (`header_timeout_ms`).
    pub header_timeout: Duration,
    /// How long an idle connection stays open (`keep_alive_ms`); zero closes after each answer.
    pub keep_alive: Duration,
    /// How long accepted work may take to finish at the end (`shutdown_timeout_ms`).
    pub shutdown_timeout: Duration,
    /// The longest wait of a feed's reader (`long_poll_max_ms`).
    pub long_poll_max: Duration,
    /// How long a stream of events may be silent (`stream_heartbeat_ms`).
    pub stream_heartbeat: Duration,
    /// How many streams of events one client may hold at once, of each process (`streams_per_client`).
    pub streams_per_client: usize,
    /// The log's name for ever (`log_origin`).
    pub log_origin: String,
    /// The key that signs the log's checkpoints (`log_key_file`).
    pub log_key_file: PathBuf,
    /// The last checkpoint that was signed, apart from the database (`log_state_file`).
    pub log_state_file: PathBuf,
    /// The name for ever of the log of accesses (`accesses_origin`).
    pub accesses_origin: String,
    /// The key that signs its checkpoints (`accesses_key_file`).
    pub accesses_key_file: PathBuf,
    /// Its last checkpoint that was signed, apart from the database (`accesses_state_file`).
    pub accesses_state_file: PathBuf,
    /// The least time between two checkpoints (`checkpoint_interval_ms`).
    pub checkpoint_interval: Duration,
    /// Who is asked to cosign checkpoints (`witnesses`).
    pub witnesses: Vec<WitnessSetting>,
    /// How many of them must have cosigned the checkpoint that is shown (`witness_quorum`); at most as many as there are, and of a
    /// log that fewer know, all of those.
    pub witness_quorum: u32,
    /// The key that signs the tokens of the embedded issuer (`token_key_file`).
    pub token_key_file: PathBuf,
    /// The life of a token of the embedded issuer (`access_token_life_s`).
    pub access_token_life: Duration,
    /// Whether the embedded issuer serves; only ever true on loopback (`development_issuer`).
    pub development_issuer: bool,
    /// Whose tokens are trusted besides (`issuers`).
    pub issuers: Vec<ExternalIssuer>,
    /// Hosts that key sets may be fetched from although their addresses are not public (`private_hosts`).
    pub private_hosts: BTreeSet<String>,
    /// Lines of text or of JSON (`log_format`).
    pub log_format: LogFormat,
    /// Which log lines are written (`log_filter`).
    pub log_filter: String,
    /// Whether metrics are kept and served (`metrics`).
    pub metrics: bool,
    /// An address for `/metrics` alone (`metrics_listen`); `None` serves it beside the API.
    pub metrics_listen: Option<SocketAddr>,
    /// Where OpenTelemetry traces go (`otlp_endpoint`).
    pub otlp_endpoint: Option<String>,
    /// Names of `CAIRN_…` variables that are no setting, for `cairn doctor` to mention.
    pub ignored_environment: Vec<String>,
    /// Where each value came from, by the setting's name; what is absent is a default.
    origins: BTreeMap<&'static str, Origin>,
}

impl Settings {
    /// Reads and joins everything in `sources`. Opens the configuration file and nothing else.
    ///
    /// # Errors
    /// The first thing wrong, with the setting's name, its limit and where the value came from.
    pub fn load(sources: &Sources) -> Result<Self, ConfigError> {
        let layers = layers::join(sources)?;
        build::settings(layers, sources)
    }

    /// Where the value of a setting came from.
    #[must_use]
    pub fn origin(&self, setting: &str) -> Origin {
        self.origins.get(setting).cloned().unwrap_or(Origin::Default)
    }

    /// The address that callers use: the issuer's identifier and the base of the token URL, without a final slash.
    /// `bound` is the first address that is really listened on, which `listen` does not tell when its port is 0.
    #[must_use]
    pub fn public_url_at(&self, bound: SocketAddr) -> String {
        self.public_url.clone().unwrap_or_else(|| format!("http://{bound}"))
    }
}

/// Where the master key comes from. The key itself is never a flag or a key of the file: both are read by others.
#[derive(Debug, Clone)]
pub enum MasterKeySource {
    /// A file that only the service may read.
    File(PathBuf),
    /// The value of `CAIRN_MASTER_KEY`.
    Given(MasterKeyText),
}

/// The master key as it was written in the environment. Prints nothing of itself and is wiped when dropped.
#[derive(Clone)]
pub struct MasterKeyText(Zeroizing<String>);

impl MasterKeyText {
    fn new(text: String) -> Self {
        Self(Zeroizing::new(text))
    }

    /// The text, for whoever parses the key.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for MasterKeyText {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("[master key]")
    }
}

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line, for machines.
    Json,
}
