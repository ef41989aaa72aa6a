//! `cairn witness`: a witness of other people's logs, for regulators and auditors. Opens no database and needs no token.

use crate::api::{ServerSettings, serve_witness};
use crate::app::witness::{MAXIMUM_LOGS, WatchedLog, Witness, WitnessError, WitnessSettings, verifier_key};
use crate::app::{SystemClock, random_bytes};
use crate::cli::CommonArguments;
use crate::cli::failure::Failure;
use crate::cli::serve::StopSignals;
use crate::config::{Flags, Settings, Sources};
use crate::telemetry::Telemetry;
use clap::Args;
use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::sync::Arc;

/// Where a witness listens unless told; the service itself is at 8080.
const LISTEN: &str = "127.0.0.1:8090";

/// The arguments of `cairn witness`.
#[derive(Debug, Args)]
#[command(
    after_help = "Example: cairn witness --data-dir ./witness --log \"$(curl -s https://cairn.example.org/v1/log/outcomes/key)\"\n\n\
    Its key is made at the first start; give the line of --show-key to the logs (their setting `witnesses`). A service \
    asks for both of its logs: name the key at /v1/log/accesses/key with a second --log. It speaks plain HTTP: \
    put a proxy with TLS in front. Its folder must never be restored from a backup while a log goes on: a witness that has \
    forgotten cosigns a second history. After a loss, begin anew in an empty folder, with a new key."
)]
pub struct WitnessArguments {
    /// A log to witness, by its verifier key, and =ORIGIN where the key is not named like the log. Once for each key: a log that
    /// changes its key is told with both. In CAIRN_WITNESS_LOGS, separated by spaces
    #[arg(long = "log", value_name = "VKEY[=ORIGIN]", env = "CAIRN_WITNESS_LOGS", value_delimiter = ' ')]
    pub logs: Vec<String>,
    /// What the witness is called, for ever: a name such as witness.example.org/w1. Made from its key unless told
    #[arg(long, value_name = "NAME", env = "CAIRN_WITNESS_NAME")]
    pub name: Option<String>,
    /// Print the verifier key of its cosignatures and end; makes nothing
    #[arg(long)]
    pub show_key: bool,
}

/// Witnesses until it is told to stop.
///
/// # Errors
/// [`Failure`] where it cannot start, or the server fails.
pub async fn run(common: &CommonArguments, arguments: &WitnessArguments) -> Result<(), Failure> {
    let (settings, listen) = settings(common)?;
    let folder = settings.data_dir.join("witness");
    if arguments.show_key {
        let key = verifier_key(&folder).map_err(failed)?;
        let key = key.ok_or_else(|| Failure::no("this witness has no key yet: its first start makes it".to_owned()))?;
        println!("{key}");
        return Ok(());
    }
    let logs = watched(&arguments.logs)?;
    let mut stop = StopSignals::listen()?;
    let telemetry = Telemetry::start(&settings)
        .map_err(|error| Failure::configuration("logs cannot be started".to_owned()).because(error))?;
    let witness = open(folder, arguments, logs)?;
    let listener = TcpListener::bind(listen)
        .map_err(|error| Failure::unavailable(format!("cannot listen on {listen}")).because(error))?;
    let server_settings = ServerSettings {
        workers: settings.workers,
        header_timeout: settings.header_timeout,
        keep_alive: settings.keep_alive,
        shutdown_timeout: settings.shutdown_timeout,
        ..ServerSettings::default()
    };
    let mut server = serve_witness(vec![listener], &server_settings, settings.request_timeout, Arc::clone(&witness))
        .map_err(|error| Failure::unavailable("the server cannot start".to_owned()).because(error))?;
    eprintln!("cairn: the witness is {}", witness.verifier_key());
    for origin in witness.origins() {
        eprintln!("cairn: it watches {origin}");
    }
    for address in &server.addresses {
        eprintln!("cairn: witnessing on http://{address}");
    }
    let ended = tokio::select! {
        ended = server.ended() => ended.map_err(|error| Failure::unavailable("the server failed".to_owned()).because(error)),
        () = stop.told() => {
            server.stop().await;
            Ok(())
        }
    };
    telemetry.finish();
    ended
}

fn open(folder: PathBuf, arguments: &WitnessArguments, logs: Vec<WatchedLog>) -> Result<Arc<Witness>, Failure> {
    let settings = WitnessSettings { folder, name: arguments.name.clone(), logs, fresh_key: random_bytes() };
    Witness::open(settings, Arc::new(SystemClock)).map(Arc::new).map_err(failed)
}

fn watched(texts: &[String]) -> Result<Vec<WatchedLog>, Failure> {
    let texts = texts.iter().map(|text| text.trim()).filter(|text| !text.is_empty());
    let logs: Vec<WatchedLog> = texts.map(str::parse).collect::<Result<_, _>>().map_err(failed)?;
    if logs.is_empty() {
        let text = "a witness needs a log to watch: --log VKEY, which a log serves at /v1/log/outcomes/key".to_owned();
        return Err(Failure::configuration(text));
    }
    if logs.len() > MAXIMUM_LOGS {
        return Err(failed(WitnessError::TooMany));
    }
    Ok(logs)
}

fn failed(error: WitnessError) -> Failure {
    match error {
        WitnessError::Log(_) | WitnessError::TooMany | WitnessError::Name(_) | WitnessError::Renamed { .. } => {
            Failure::configuration(error.to_string())
        }
        error => Failure::unavailable(error.to_string()).because_of(&error),
    }
}

/// The settings that a witness shares with a service, and where it listens. A service's own address is none of its business, nor
/// are the rules for it: a witness has no tokens that loopback must protect.
fn settings(common: &CommonArguments) -> Result<(Settings, SocketAddr), Failure> {
    let flags = Flags { data_dir: common.data_dir.clone(), database_url: None, listen: Some("127.0.0.1:0".to_owned()) };
    let sources =
        Sources::of_process(common.config.clone(), flags).map_err(|error| Failure::configuration(error.to_string()))?;
    let variable = sources.environment.iter().find(|(name, _)| name == "CAIRN_LISTEN").map(|(_, value)| value.clone());
    let listen = common.listen.clone().or(variable).filter(|text| !text.is_empty());
    let listen = listen.unwrap_or_else(|| LISTEN.to_owned());
    let address = listen.parse().map_err(|error| {
        Failure::configuration(format!("a witness listens on one address IP:PORT, not {listen}")).because(error)
    });
    let settings = Settings::load(&sources).map_err(|error| Failure::configuration(error.to_string()))?;
    Ok((settings, address?))
}
