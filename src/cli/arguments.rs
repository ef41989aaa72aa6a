//! What each command takes. The doc comments are the help texts, so they are written for who runs the command.
//! Only the shape is checked here; what an organisation code or a scope is, `app` knows.

use crate::config::{ConfigError, Flags, Settings, Sources};
use clap::builder::FalseyValueParser;
use clap::{ArgAction, Args, Subcommand};
use std::path::PathBuf;

/// The demonstration is for looking at, so it stays small enough to read.
pub const MAXIMUM_DEMO_PEOPLE: u32 = 10_000;
/// The largest synthetic population.
pub const MAXIMUM_SAMPLE_PEOPLE: u32 = 10_000_000;

const SERVE_EXAMPLES: &str = "\
Examples:
  cairn serve
  cairn serve --config /etc/cairn/cairn.toml
  CAIRN_DATABASE_URL=postgres://cairn_service@db/cairn cairn serve";
const DEMO_EXAMPLES: &str = "\
Examples:
  cairn demo
  cairn demo --once --people 50";
const SAMPLE_EXAMPLES: &str = "\
Examples:
  cairn sample --people 1000 --seed 7 --out sample.ndjson
  cairn sample --people 10 --seed 7 | head";
const EXPORT_EXAMPLES: &str = "\
Example:
  cairn export --out cairn-export";
const REPLAY_EXAMPLES: &str = "\
Example:
  cairn replay --check && echo 'the rows are what the log says'";
const CLIENT_EXAMPLES: &str = "\
Examples:
  cairn client add --organisation north-care --name 'Case system' --scope 'people:read outcomes:read' --jwks keys.json
  cairn client list --organisation north-care
  cairn client rotate CLIENT --jwks-url https://cases.example.org/jwks
  cairn client revoke CLIENT";
const TOKEN_EXAMPLES: &str = "\
Example:
  curl -H \"Authorization: Bearer $(cairn token --scope 'people:read')\" http://127.0.0.1:8080/v1/people";
const OPENAPI_EXAMPLES: &str = "\
Example:
  cairn openapi --out openapi/openapi.json";
const MIGRATE_EXAMPLES: &str = "\
Example, as the owner of the tables, for a service that runs as another role:
  CAIRN_DATABASE_URL=postgres://cairn_owner@db/cairn CAIRN_SERVICE_ROLE=cairn_service cairn migrate";

/// What every command takes. Those that are settings too win over the environment, and that wins over the file.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Common options")]
pub struct CommonArguments {
    /// Read settings from this TOML file
    #[arg(long, global = true, value_name = "FILE", env = "CAIRN_CONFIG")]
    pub config: Option<PathBuf>,
    /// The folder of the database, the keys and the signer's state (also CAIRN_DATA_DIR; default ./cairn-data)
    #[arg(long, global = true, value_name = "DIR")]
    pub data_dir: Option<String>,
    /// The database: sqlite:PATH or postgres://…; a password belongs in CAIRN_DATABASE_URL, since others can see a
    /// command's arguments (default: SQLite inside the data folder)
    #[arg(long, global = true, value_name = "URL")]
    pub database_url: Option<String>,
    /// The address to serve on, IP:PORT (also CAIRN_LISTEN; default 127.0.0.1:8080)
    #[arg(long, global = true, value_name = "ADDR")]
    pub listen: Option<String>,
    /// Answer on standard output as JSON, for machines
    #[arg(long, global = true, env = "CAIRN_JSON", action = ArgAction::SetTrue, value_parser = FalseyValueParser::new())]
    pub json: bool,
    /// No progress and no summary; problems are still said
    #[arg(long, short, global = true, env = "CAIRN_QUIET", action = ArgAction::SetTrue, value_parser = FalseyValueParser::new())]
    pub quiet: bool,
}

impl CommonArguments {
    /// The settings, from these flags, the process's environment and the file.
    ///
    /// # Errors
    /// As [`Settings::load`].
    pub fn settings(&self) -> Result<Settings, ConfigError> {
        Settings::load(&Sources::of_process(self.config.clone(), self.flags())?)
    }

    /// The flags that are settings.
    #[must_use]
    pub fn flags(&self) -> Flags {
        Flags { data_dir: self.data_dir.clone(), database_url: self.database_url.clone(), listen: self.listen.clone() }
    }
}

/// Serve the API until told to stop; accepted work is finished first
#[derive(Debug, Clone, Default, Args)]
#[command(after_help = SERVE_EXAMPLES)]
pub struct ServeArguments {}

/// Show the main job on a fresh store: load a sample, walk through the API, then serve on
#[derive(Debug, Clone, Args)]
#[command(after_help = DEMO_EXAMPLES)]
pub struct DemoArguments {
    /// End after the walk: 0 if it went well, 1 if not
    #[arg(long)]
    pub once: bool,
    /// How many people the sample has
    #[arg(long, value_name = "N", default_value_t = 25, value_parser = clap::value_parser!(u32).range(1..=i64::from(MAXIMUM_DEMO_PEOPLE)))]
    pub people: u32,
    /// The same seed makes the same sample
    #[arg(long, value_name = "S", default_value_t = 1)]
    pub seed: u64,
}

/// Make a believable synthetic population, as lines for a batch
#[derive(Debug, Clone, Args)]
#[command(after_help = SAMPLE_EXAMPLES)]
pub struct SampleArguments {
    /// How many people
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=i64::from(MAXIMUM_SAMPLE_PEOPLE)))]
    pub people: u32,
    /// The same seed makes the same population
    #[arg(long, value_name = "S")]
    pub seed: u64,
    /// Write to this file; without it to standard output
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
}

/// Write the whole log to a folder, in open formats
#[derive(Debug, Clone, Args)]
#[command(after_help = EXPORT_EXAMPLES)]
pub struct ExportArguments {
    /// The folder to write to; it must not exist, or be empty
    #[arg(long, value_name = "DIR")]
    pub out: PathBuf,
}

/// Fold the whole log again, beside the live rows
#[derive(Debug, Clone, Args)]
#[command(after_help = REPLAY_EXAMPLES)]
pub struct ReplayArguments {
    /// Compare with the live rows: 0 if they are equal, 1 if not
    #[arg(long)]
    pub check: bool,
}

/// Build the rows anew from the log and switch to them
#[derive(Debug, Clone, Default, Args)]
pub struct RebuildArguments {}

/// Register the systems that may call, and their keys
#[derive(Debug, Clone, Args)]
#[command(after_help = CLIENT_EXAMPLES)]
pub struct ClientArguments {
    /// What to do with clients
    #[command(subcommand)]
    pub command: ClientCommand,
}

/// What can be done with clients.
#[derive(Debug, Clone, Subcommand)]
pub enum ClientCommand {
    /// Register a client of an organisation; prints its id
    Add(ClientAddArguments),
    /// List clients, revoked ones too
    List(ClientListArguments),
    /// Give a client other keys; the old ones end now
    Rotate(ClientRotateArguments),
    /// Refuse a client from now on
    Revoke(ClientIdArguments),
}

/// The arguments of `cairn client add`.
#[derive(Debug, Clone, Args)]
pub struct ClientAddArguments {
    /// The organisation that the client acts for
    #[arg(long, value_name = "CODE")]
    pub organisation: String,
    /// What people call it
    #[arg(long)]
    pub name: String,
    /// What it may ask for, separated by spaces
    #[arg(long, value_name = "SCOPES")]
    pub scope: String,
    /// Where its public keys are.
    #[command(flatten)]
    pub keys: ClientKeyArguments,
}

/// Where a client's public keys are: exactly one of these.
#[derive(Debug, Clone, Args)]
#[group(required = true, multiple = false)]
pub struct ClientKeyArguments {
    /// A file with its public keys, a JWK set (RFC 7517)
    #[arg(long, value_name = "FILE")]
    pub jwks: Option<PathBuf>,
    /// The address of a JWK set that the client keeps
    #[arg(long, value_name = "URL")]
    pub jwks_url: Option<String>,
    /// None here: its tokens come from this external issuer
    #[arg(long, value_name = "ISSUER")]
    pub issuer: Option<String>,
}

/// The arguments of `cairn client list`.
#[derive(Debug, Clone, Args)]
pub struct ClientListArguments {
    /// Only those of this organisation
    #[arg(long, value_name = "CODE")]
    pub organisation: Option<String>,
}

/// The arguments of `cairn client rotate`.
#[derive(Debug, Clone, Args)]
pub struct ClientRotateArguments {
    /// The client's id
    pub client: String,
    /// Where its new public keys are.
    #[command(flatten)]
    pub keys: ClientKeyArguments,
}

/// The arguments of `cairn client revoke`.
#[derive(Debug, Clone, Args)]
pub struct ClientIdArguments {
    /// The client's id
    pub client: String,
}

/// Print one token of the embedded issuer and nothing else; development on loopback only
#[derive(Debug, Clone, Args)]
#[command(after_help = TOKEN_EXAMPLES)]
pub struct TokenArguments {
    /// What the token permits, separated by spaces
    #[arg(long, value_name = "SCOPES")]
    pub scope: String,
    /// The organisation that it acts for; may be left out where there is only one
    #[arg(long, value_name = "CODE")]
    pub organisation: Option<String>,
}

/// Print the description of the API (OpenAPI 3.1)
#[derive(Debug, Clone, Args)]
#[command(after_help = OPENAPI_EXAMPLES)]
pub struct OpenapiArguments {
    /// Write to this file; without it to standard output
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
}

/// Bring the database's tables up to date
#[derive(Debug, Clone, Default, Args)]
#[command(after_help = MIGRATE_EXAMPLES)]
pub struct MigrateArguments {}

/// Check settings, durability, keys, migrations and clock, and say what to do
#[derive(Debug, Clone, Default, Args)]
pub struct DoctorArguments {}
