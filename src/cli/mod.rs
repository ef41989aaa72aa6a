//! The command line: one file a command. Knows `app`, `api`, `config` and `telemetry`.
//!
//! Exit statuses are the same everywhere: 0 done or yes; 1 the answer is no; 2 usage or configuration; 3 something needed
//! is unavailable. People's text and progress go to standard error, answers to standard output.

pub mod accesses;
pub mod backup;
pub mod client;
pub mod demo;
pub mod diff;
pub mod doctor;
pub mod export;
pub mod failure;
pub mod http_client;
pub mod import;
pub mod keys;
pub mod log;
pub mod migrate;
pub mod migrate_store;
pub mod openapi;
pub mod point;
pub mod progress;
pub mod rebuild;
pub mod replay;
pub mod restore;
pub mod sample;
pub mod serve;
pub mod service;
pub mod signer;
pub mod token;
pub mod verify;
pub mod witness;

use crate::config::{Flags, Settings, Sources};
use clap::{Args, Parser, Subcommand};
use failure::{Failure, Status};
use std::path::PathBuf;
use std::process::ExitCode;

/// Cairn: personal outcomes, kept in an append-only, provable log.
#[derive(Debug, Parser)]
#[command(name = "cairn", version, about, propagate_version = true)]
#[command(
    after_help = "Exit status: 0 done or yes; 1 the answer is no; 2 usage or configuration; 3 something needed is unavailable.\n\
    Every setting of the file is also CAIRN_… in the environment; see deploy/cairn.example.toml."
)]
pub struct Cli {
    /// Where the configuration comes from.
    #[command(flatten)]
    pub common: CommonArguments,
    /// What to do
    #[command(subcommand)]
    pub command: Command,
}

/// Flags that every command has.
#[derive(Debug, Args)]
pub struct CommonArguments {
    /// The configuration file (TOML)
    #[arg(long, global = true, value_name = "FILE", env = "CAIRN_CONFIG")]
    pub config: Option<PathBuf>,
    /// Database, keys and signer state [default: ./cairn-data]
    #[arg(long, global = true, value_name = "DIR")]
    pub data_dir: Option<String>,
    /// sqlite:PATH or postgres://… [default: SQLite inside the data directory]
    #[arg(long, global = true, value_name = "URL")]
    pub database_url: Option<String>,
    /// Where to serve [default: 127.0.0.1:8080]
    #[arg(long, global = true, value_name = "ADDR")]
    pub listen: Option<String>,
}

impl CommonArguments {
    /// The settings of this process.
    ///
    /// # Errors
    /// What is wrong and where it came from.
    pub fn settings(&self) -> Result<Settings, Failure> {
        let flags = Flags {
            data_dir: self.data_dir.clone(),
            database_url: self.database_url.clone(),
            listen: self.listen.clone(),
        };
        let sources = Sources::of_process(self.config.clone(), flags)
            .map_err(|error| Failure::configuration(error.to_string()))?;
        Settings::load(&sources).map_err(|error| Failure::configuration(error.to_string()))
    }
}

/// What can be done.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Serve the API
    Serve(serve::ServeArguments),
    /// Load a sample into a fresh folder, walk the main job through HTTP, and serve on
    Demo(demo::DemoArguments),
    /// Write a synthetic population as lines for POST /v1/batches
    Sample(sample::SampleArguments),
    /// Import records of other systems through the API
    Import(import::ImportArguments),
    /// Write the log as files that an auditor takes away, or with --url copy your events through the API; resumable
    Export(Box<export::ExportArguments>),
    /// Verify an export offline, or without a folder the log where it lives
    Verify(verify::VerifyArguments),
    /// Who was shown whose data, and what looks unusual
    Accesses(accesses::AccessesArguments),
    /// Fold the whole log again; with --check, compare with the live rows; with --to, write them as they stood into a file
    Replay(replay::ReplayArguments),
    /// Say what changed between two points of the log, in words
    Diff(diff::DiffArguments),
    /// Build the rows anew beside the ones in use, and switch
    Rebuild(rebuild::RebuildArguments),
    /// The registry of clients: add, list, rotate, revoke
    Client(client::ClientArguments),
    /// The master key and the keys: status, rotate, backup, restore
    Keys(keys::KeysArguments),
    /// Print one development token (embedded issuer, loopback only)
    Token(token::TokenArguments),
    /// Print the OpenAPI document
    Openapi(openapi::OpenapiArguments),
    /// Prepare or upgrade the databases
    Migrate(migrate::MigrateArguments),
    /// Copy the events and the keys into two places, while services serve
    Backup(backup::BackupArguments),
    /// Bring a backup into an empty database and key store, and prove it
    Restore(restore::RestoreArguments),
    /// Move a whole store from SQLite to PostgreSQL or back
    MigrateStore(migrate_store::MigrateStoreArguments),
    /// Check configuration, durability, keys, migrations and clock, and say what to do
    Doctor(doctor::DoctorArguments),
    /// Change the log's signer: another key, or another origin after a true loss; both are stated publicly
    Log(log::LogArguments),
    /// Witness other people's logs: cosign what goes on from what was cosigned before
    Witness(witness::WitnessArguments),
}

/// Runs a parsed command and turns its end into an exit code.
pub async fn run(cli: Cli) -> ExitCode {
    let common = &cli.common;
    let result = match cli.command {
        Command::Serve(arguments) => serve::run(common, &arguments).await,
        Command::Demo(arguments) => demo::run(&arguments).await,
        Command::Sample(arguments) => sample::run(&arguments),
        Command::Import(arguments) => return ExitCode::from(import::run(arguments).await.code()),
        Command::Export(arguments) => export::run(common, *arguments).await,
        Command::Verify(arguments) => verify::run(common, &arguments).await,
        Command::Accesses(arguments) => accesses::run(&arguments).await,
        Command::Replay(arguments) => replay::run(common, &arguments).await,
        Command::Diff(arguments) => diff::run(common, &arguments).await,
        Command::Rebuild(arguments) => rebuild::run(common, &arguments).await,
        Command::Client(arguments) => client::run(common, &arguments).await,
        Command::Keys(arguments) => keys::run(common, arguments).await,
        Command::Token(arguments) => token::run(common, &arguments),
        Command::Openapi(arguments) => openapi::run(&arguments),
        Command::Migrate(arguments) => migrate::run(common, &arguments).await,
        Command::Backup(arguments) => backup::run(common, &arguments).await,
        Command::Restore(arguments) => restore::run(common, &arguments).await,
        Command::MigrateStore(arguments) => migrate_store::run(common, &arguments).await,
        Command::Doctor(arguments) => doctor::run(common, &arguments).await,
        Command::Log(arguments) => log::run(common, &arguments).await,
        Command::Witness(arguments) => witness::run(common, &arguments).await,
    };
    match result {
        Ok(()) => ExitCode::from(Status::Done as u8),
        Err(failure) => {
            let text = failure.chain();
            if !text.is_empty() {
                eprintln!("cairn: {text}");
            }
            ExitCode::from(failure.status as u8)
        }
    }
}
