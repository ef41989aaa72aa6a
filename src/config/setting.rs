//! The table of all settings. It is the one place of names, defaults and limits: the layers are checked against it, the
//! documented example in `deploy/` is tested against it, and `cairn doctor` prints from it. Knows no values.

/// The longest text or path, in bytes; longer is a mistake.
pub const MAXIMUM_TEXT_BYTES: usize = 4096;

const KIB: u64 = 1024;
const MIB: u64 = 1024 * KIB;
const GIB: u64 = 1024 * MIB;
const MINUTE_MS: u64 = 60_000;

/// One setting.
#[derive(Debug, Clone, Copy)]
pub struct Setting {
    /// The key in the file; `CAIRN_` and capitals in the environment.
    pub name: &'static str,
    /// What may be written, with its limits.
    pub kind: Kind,
    /// What holds when nothing is written.
    pub default: DefaultValue,
    /// One line for people.
    pub about: &'static str,
}

/// What may be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Text or a path: not empty, at most `MAXIMUM_TEXT_BYTES`, no control characters.
    Text,
    /// `true` or `false`.
    Switch,
    /// A whole number, both ends included.
    Whole {
        /// The smallest that is taken.
        minimum: u64,
        /// The largest that is taken.
        maximum: u64,
    },
    /// One of these words.
    OneOf(&'static [&'static str]),
    /// A list of external issuers; in the environment a JSON array.
    Issuers,
    /// A list of witnesses; in the environment a JSON array.
    Witnesses,
}

/// What holds when nothing is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DefaultValue {
    /// This value, written as in the environment.
    Given(&'static str),
    /// Something that depends on other settings or on the place, in words.
    Derived(&'static str),
}

impl Setting {
    /// The variable of this setting.
    #[must_use]
    pub fn variable(&self) -> String {
        format!("CAIRN_{}", self.name.to_ascii_uppercase())
    }
}

use DefaultValue::{Derived, Given};

const fn setting(name: &'static str, kind: Kind, default: DefaultValue, about: &'static str) -> Setting {
    Setting { name, kind, default, about }
}

const fn whole(minimum: u64, maximum: u64) -> Kind {
    Kind::Whole { minimum, maximum }
}

/// Every setting, in the order of the documented example.
pub const SETTINGS: &[Setting] = &[
    // Where things are kept
    setting("data_dir", Kind::Text, Given("./cairn-data"), "folder of the database, the keys and the signer's state"),
    setting("database_url", Kind::Text, Derived("sqlite:<data_dir>/cairn.db"), "database of events and rows"),
    setting("keys_url", Kind::Text, Derived("sqlite:<data_dir>/keys/keys.db"), "key store; never the events' database"),
    setting("master_key_file", Kind::Text, Derived("<data_dir>/keys/master.key"), "file of the master key"),
    setting("create", Kind::Switch, Derived("true on SQLite"), "make stores and keys that are missing"),
    setting("database_connections", whole(2, 200), Given("16"), "connections to the database of events"),
    setting("append_batch_events", whole(1, 512), Given("512"), "most events of one transaction; 1 only to measure"),
    setting("service_role", Kind::Text, Derived("none"), "PostgreSQL role that `cairn migrate` grants to"),
    setting("key_cache_ms", whole(0, MINUTE_MS), Given("60000"), "how long an opened key may stay in memory"),
    // HTTP
    setting("listen", Kind::Text, Given("127.0.0.1:8080"), "addresses to serve on, IP:PORT, separated by commas"),
    setting("public_url", Kind::Text, Derived("http://<listen>"), "address that callers use; the issuer's identifier"),
    setting("workers", whole(0, 1024), Given("0"), "threads that serve HTTP; 0 means one for each core"),
    setting("max_connections", whole(1, 100_000), Given("10000"), "open connections of the whole process"),
    setting("body_limit_bytes", whole(KIB, 16 * MIB), Given("1048576"), "largest request body"),
    setting("batch_limit_bytes", whole(KIB, GIB), Given("67108864"), "largest body of a bulk request"),
    setting("request_timeout_ms", whole(100, 10 * MINUTE_MS), Given("30000"), "how long one request may take"),
    setting("header_timeout_ms", whole(100, MINUTE_MS), Given("5000"), "how long the head of a request may take"),
    setting("keep_alive_ms", whole(0, 10 * MINUTE_MS), Given("75000"), "how long an idle connection stays open"),
    setting("shutdown_timeout_ms", whole(0, 10 * MINUTE_MS), Given("30000"), "time for accepted work to finish"),
    setting("long_poll_max_ms", whole(0, 5 * MINUTE_MS), Given("30000"), "longest wait of a feed's reader"),
    setting("stream_heartbeat_ms", whole(50, MINUTE_MS), Given("15000"), "longest silence of a stream of events"),
    setting("streams_per_client", whole(1, 10_000), Given("16"), "streams of events that one client may hold"),
    // The proof
    setting("log_origin", Kind::Text, Given("cairn/outcomes"), "the log's name in its checkpoints, for ever"),
    setting("log_key_file", Kind::Text, Derived("<data_dir>/signer/outcomes.pem"), "key that signs the checkpoints"),
    setting("log_state_file", Kind::Text, Derived("<data_dir>/signer/outcomes.checkpoint"), "what was signed last"),
    setting("accesses_origin", Kind::Text, Given("cairn/accesses"), "the same of the log of accesses"),
    setting(
        "accesses_key_file",
        Kind::Text,
        Derived("<data_dir>/signer/accesses.pem"),
        "key that signs its checkpoints",
    ),
    setting(
        "accesses_state_file",
        Kind::Text,
        Derived("<data_dir>/signer/accesses.checkpoint"),
        "what was signed last",
    ),
    setting("checkpoint_interval_ms", whole(10, MINUTE_MS), Given("10000"), "least time between two checkpoints"),
    setting("witnesses", Kind::Witnesses, Derived("none"), "who is asked to cosign checkpoints"),
    setting("witness_quorum", whole(0, 16), Given("0"), "how many of them must have cosigned what is shown"),
    // Who may call
    setting("token_key_file", Kind::Text, Derived("<data_dir>/token-signing.pem"), "key of the embedded issuer"),
    setting("access_token_life_s", whole(30, 300), Given("300"), "life of a token of the embedded issuer"),
    setting("development_issuer", Kind::Switch, Given("true"), "serve the embedded issuer; only on loopback"),
    setting("issuers", Kind::Issuers, Derived("none"), "whose tokens are trusted besides"),
    setting("private_hosts", Kind::Text, Derived("none"), "hosts of key sets on the operator's own network"),
    // Operation
    setting("log_format", Kind::OneOf(&["text", "json"]), Derived("text on a terminal, json elsewhere"), "log lines"),
    setting("log_filter", Kind::Text, Given("info"), "which log lines are written, as `level` or `target=level,…`"),
    setting("metrics", Kind::Switch, Given("true"), "keep metrics and serve /metrics"),
    setting("metrics_listen", Kind::Text, Derived("beside the API"), "an address, IP:PORT, for /metrics alone"),
    setting("otlp_endpoint", Kind::Text, Derived("none"), "where OpenTelemetry traces go, over HTTP"),
];
