//! `cairn verify`: checks an export offline, or both logs where they live, and says for people or machines what came out.

mod tell;

use crate::app::audit::{
    Auditor, EarlierCheckpoint, LiveLog, LogName, Report, Step, Verdict, VerifierKey, verify_folder, verify_store,
};
use crate::app::log::LogError;
use crate::cli::CommonArguments;
use crate::cli::failure::Failure;
use crate::cli::progress::Progress;
use crate::cli::service::{open_keys, open_store};
use crate::cli::signer::{log_place, log_verifier_key, unsigned};
use crate::config::Settings;
use clap::Args;
use std::path::{Path, PathBuf};
use std::time::Instant;

/// The arguments of `cairn verify`.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  cairn verify ./export --key \"$(cat outcomes.vkey)\" --checkpoint november.checkpoint\n  \
    cairn verify --data-dir ./cairn-data\n\
    Exit status: 0 verified; 1 something is wrong; 2 usage; 3 something cannot be read, keys among it."
)]
pub struct VerifyArguments {
    /// The export; without it both logs of --data-dir or --database-url are verified where they live
    #[arg(value_name = "DIR")]
    pub folder: Option<PathBuf>,
    /// A key of the log as you keep it; what the log stated about its keys must lead from it to the others
    #[arg(long, value_name = "VKEY")]
    pub key: Vec<VerifierKey>,
    /// A checkpoint that you kept: the log must go on from it
    #[arg(long, value_name = "FILE")]
    pub checkpoint: Vec<PathBuf>,
    /// The key of a witness that you trust
    #[arg(long, value_name = "VKEY")]
    pub witness: Vec<VerifierKey>,
    /// How many of the witnesses must have cosigned [default: all that are given]
    #[arg(long, value_name = "K")]
    pub quorum: Option<usize>,
    /// On the store: leave sealed parts sealed
    #[arg(long)]
    pub no_keys: bool,
    /// Print the answer as one JSON document
    #[arg(long)]
    pub json: bool,
    /// No progress
    #[arg(long)]
    pub quiet: bool,
}

/// Verifies.
///
/// # Errors
/// Status 1 where something is wrong, 2 for usage, 3 where something cannot be read or keys could not be had.
pub async fn run(common: &CommonArguments, arguments: &VerifyArguments) -> Result<(), Failure> {
    let auditor = auditor(arguments)?;
    let started = Instant::now();
    let report = match &arguments.folder {
        Some(folder) => offline(folder, &auditor, arguments)?,
        None => live(common, &auditor, arguments).await?,
    };
    let seconds = started.elapsed().as_secs_f64();
    if arguments.json {
        println!("{}", tell::json(&report, arguments.folder.as_deref(), seconds));
    } else {
        eprint!("{}", tell::text(&report, arguments.folder.as_deref(), seconds));
    }
    match report.verdict() {
        Verdict::Verified => Ok(()),
        Verdict::Wrong => Err(Failure::no(String::new())),
        Verdict::Incomplete => Err(Failure::unavailable(String::new())),
    }
}

fn auditor(arguments: &VerifyArguments) -> Result<Auditor, Failure> {
    let quorum = arguments.quorum.unwrap_or(arguments.witness.len());
    if quorum > arguments.witness.len() {
        let text =
            format!("--quorum {quorum} asks for more witnesses than the {} that are given", arguments.witness.len());
        return Err(Failure::configuration(text));
    }
    let earlier = arguments.checkpoint.iter().map(|path| kept(path)).collect::<Result<_, _>>()?;
    Ok(Auditor { keys: arguments.key.clone(), earlier, witnesses: arguments.witness.clone(), quorum })
}

fn kept(path: &Path) -> Result<EarlierCheckpoint, Failure> {
    let note = std::fs::read(path).map_err(|error| {
        Failure::unavailable(format!("the checkpoint {} cannot be read", path.display())).because(error)
    })?;
    Ok(EarlierCheckpoint { name: path.display().to_string(), note })
}

fn offline(folder: &Path, auditor: &Auditor, arguments: &VerifyArguments) -> Result<Report, Failure> {
    let mut progress = None;
    let report = verify_folder(folder, auditor, &mut |step| match step {
        Step::Total(total) => progress = Some(Progress::new("verify: positions", Some(total), arguments.quiet)),
        Step::Done(done) => progress.as_ref().into_iter().for_each(|progress: &Progress| progress.advance(done)),
    });
    progress.into_iter().for_each(Progress::finish);
    report.map_err(|error| Failure::unavailable(error.to_string()).because_of(&error))
}

async fn live(common: &CommonArguments, auditor: &Auditor, arguments: &VerifyArguments) -> Result<Report, Failure> {
    let settings = common.settings()?;
    let store = open_store(&settings).await?;
    let vault = if arguments.no_keys { None } else { Some(open_keys(&settings).await.map_err(without_keys)?) };
    let logs = LogName::ALL.map(|log| live_log(&settings, log));
    let logs = logs.into_iter().collect::<Result<Vec<_>, _>>()?;
    let mut progress = None;
    let mut show = |done, total| {
        progress.get_or_insert_with(|| Progress::new("verify: positions", Some(total), arguments.quiet)).advance(done);
    };
    let report = verify_store(store.as_ref(), vault.as_ref(), &logs, auditor, &mut show).await;
    progress.into_iter().for_each(Progress::finish);
    store.close().await;
    report.map_err(|error| match error {
        LogError::App(error) => error.into(),
        error => unsigned(error),
    })
}

/// A log with what its signer has beside the store.
fn live_log(settings: &Settings, log: LogName) -> Result<LiveLog, Failure> {
    let (origin, files) = log_place(settings, log);
    Ok(LiveLog {
        log,
        origin: origin.to_owned(),
        key: log_verifier_key(settings, log)?,
        guard: if files.guard.exists() { Some(kept(&files.guard)?) } else { None },
        guard_file: files.guard,
    })
}

fn without_keys(failure: Failure) -> Failure {
    let text = failure.chain();
    Failure::unavailable(format!("{text}; --no-keys verifies everything but what is sealed"))
}
