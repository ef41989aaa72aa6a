//! `cairn import`: records of other systems, through the API like any partner's.
//!
//! Three steps, of which only the middle one talks to the service: a pure mapping ([`fhir`], [`ssda903`]) makes lines
//! and notes of what was read ([`intake`]); the lines are sent ([`send`]); what became of every input is reported, and
//! the report checks that it adds up ([`report`]). Every line has an idempotency key derived from the source's own
//! names, so a second run records nothing twice.

pub mod fhir;
pub mod intake;
pub mod report;
pub mod send;
pub mod ssda903;

use crate::cli::http_client::{Client, CredentialArguments, RetryPolicy};
use crate::cli::progress::Progress;
use clap::{Args, Subcommand};
use intake::Mapped;
use report::Report;
use send::{Fate, Sent};
use std::collections::HashMap;
use std::error::Error;
use std::fmt::Write as _;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

/// The arguments of `cairn import`.
#[derive(Debug, Args)]
pub struct ImportArguments {
    /// What kind of files they are
    #[command(subcommand)]
    pub source: ImportSource,
}

/// The formats that can be imported.
#[derive(Debug, Subcommand)]
pub enum ImportSource {
    /// FHIR R4: NDJSON files, bundles and single resources
    Fhir(FhirArguments),
    /// The SSDA903 return: a folder with header.csv and reviews.csv
    Ssda903(Ssda903Arguments),
}

/// The arguments of `cairn import fhir`.
#[derive(Debug, Args)]
pub struct FhirArguments {
    /// Files (*.ndjson, *.jsonl, *.json), or folders that hold some
    #[arg(required = true, value_name = "DIR|FILE")]
    pub paths: Vec<PathBuf>,
    /// A short name of the system that they come from: ids of different systems must not be mixed up
    #[arg(long, value_name = "NAME", default_value = "fhir", value_parser = source_system)]
    pub source_system: String,
    /// What all imports have.
    #[command(flatten)]
    pub service: ServiceArguments,
}

/// The arguments of `cairn import ssda903`.
#[derive(Debug, Args)]
pub struct Ssda903Arguments {
    /// The folder of the return
    #[arg(value_name = "DIR")]
    pub folder: PathBuf,
    /// What all imports have.
    #[command(flatten)]
    pub service: ServiceArguments,
}

/// Where an import goes and how it tells what it did.
#[derive(Args)]
pub struct ServiceArguments {
    /// The address of the service
    #[arg(long, value_name = "URL", env = "CAIRN_URL", default_value = "http://127.0.0.1:8080")]
    pub url: String,
    /// Who calls; a dry run calls nobody.
    #[command(flatten)]
    pub credentials: CredentialArguments,
    /// When people became known to the organisation, where the source does not say; else their date of birth
    #[arg(long, value_name = "DATE")]
    pub known_since: Option<String>,
    /// Read, map and report; send nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Report on standard output as JSON
    #[arg(long)]
    pub json: bool,
    /// Write what became of each input to this file, one JSON line each
    #[arg(long, value_name = "FILE")]
    pub report: Option<PathBuf>,
    /// No progress and no summary; problems are still said
    #[arg(long)]
    pub quiet: bool,
}

impl ServiceArguments {
    /// The service to send to; none in a dry run.
    fn client(&self) -> Result<Option<Client>, Failure> {
        if self.dry_run {
            return Ok(None);
        }
        let token = self.credentials.source().map_err(Failure::usage)?;
        Client::new(&self.url, token, RetryPolicy::default()).map(Some).map_err(Failure::usage)
    }
}

/// Shows where it goes and no more.
impl std::fmt::Debug for ServiceArguments {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("ServiceArguments")
            .field("url", &self.url)
            .field("dry_run", &self.dry_run)
            .finish_non_exhaustive()
    }
}

/// How the command ended; the number is the exit status.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// Every input found its place.
    Done = 0,
    /// Some inputs were refused or not placed.
    Incomplete = 1,
    /// It was called wrongly, or the token is not accepted.
    Usage = 2,
    /// The service, or a file, could not be reached.
    Unavailable = 3,
}

impl Ending {
    /// The exit status.
    #[must_use]
    pub const fn code(self) -> u8 {
        self as u8
    }
}

/// Why an import ended before its report.
#[derive(Debug)]
struct Failure {
    ending: Ending,
    error: Box<dyn Error>,
}

impl Failure {
    fn usage(error: impl Error + 'static) -> Self {
        Self { ending: Ending::Usage, error: Box::new(error) }
    }

    fn unavailable(error: impl Error + 'static) -> Self {
        Self { ending: Ending::Unavailable, error: Box::new(error) }
    }
}

/// Runs `cairn import` and says on standard error what went wrong, if anything.
pub async fn run(arguments: ImportArguments) -> Ending {
    let ended = match &arguments.source {
        ImportSource::Fhir(arguments) => import_fhir(arguments).await,
        ImportSource::Ssda903(arguments) => import_ssda903(arguments).await,
    };
    ended.unwrap_or_else(|failure| {
        say(&with_causes(failure.error.as_ref()));
        failure.ending
    })
}

async fn import_fhir(arguments: &FhirArguments) -> Result<Ending, Failure> {
    let mut settings = fhir::Settings {
        source_system: arguments.source_system.clone(),
        known_since: arguments.service.known_since.clone(),
        known_patients: HashMap::new(),
    };
    let scale = fhir::AttainmentScale::shipped().map_err(Failure::unavailable)?;
    let found = fhir::read_paths(&arguments.paths).map_err(Failure::usage)?;
    let counted = found.counted;
    let client = arguments.service.client()?;
    if let Some(client) = &client {
        let system = fhir::patient_id_system(&settings.source_system);
        let known = send::find_known(client, &system, fhir::patients_elsewhere(&found)).await;
        settings.known_patients = known
            .map_err(|error| if error.is_usage() { Failure::usage(error) } else { Failure::unavailable(error) })?;
    }
    send_and_report(fhir::map(found, &settings, &scale), counted, client.as_ref(), &arguments.service).await
}

async fn import_ssda903(arguments: &Ssda903Arguments) -> Result<Ending, Failure> {
    let returned = ssda903::read_folder(&arguments.folder).map_err(Failure::usage)?;
    let counted = returned.counted;
    let mapped = ssda903::map(returned, arguments.service.known_since.as_deref());
    let client = arguments.service.client()?;
    send_and_report(mapped, counted, client.as_ref(), &arguments.service).await
}

/// Sends to a client, or to nobody in a dry run, and tells what became of it.
async fn send_and_report(
    mapped: Mapped,
    counted: usize,
    client: Option<&Client>,
    service: &ServiceArguments,
) -> Result<Ending, Failure> {
    // Opened before anything is recorded: a report that cannot be written is found out while nothing is done yet.
    let report_file = service.report.as_deref().map(create).transpose()?;
    let sent = match client {
        None => Sent { fates: vec![Fate::DryRun; mapped.lines.len()], stopped: None },
        Some(client) => {
            let total = u64::try_from(mapped.lines.len()).ok();
            let progress = Progress::new("import: recordings", total, service.quiet);
            let sent = send::send(client, &mapped.lines, |settled| progress.advance(settled)).await;
            progress.finish();
            sent
        }
    };
    let report = Report::new(mapped, sent.fates, counted).map_err(Failure::unavailable)?;
    if let Some(mut file) = report_file {
        let written = report.lines().try_for_each(|line| writeln!(file, "{line}")).and_then(|()| file.flush());
        written.map_err(Failure::unavailable)?;
    }
    if service.json {
        let _ = writeln!(std::io::stdout(), "{:#}", report.to_json());
    }
    if !service.quiet {
        say(report.in_words().trim_end());
    }
    Ok(match sent.stopped {
        Some(error) => {
            say(&with_causes(&error));
            say("The import ended early. Run the same command again: what is recorded already is not recorded twice.");
            if error.is_usage() { Ending::Usage } else { Ending::Unavailable }
        }
        None if report.is_complete() => Ending::Done,
        None => {
            say("Not everything found its place: exit status 1.");
            Ending::Incomplete
        }
    })
}

fn create(path: &Path) -> Result<BufWriter<std::fs::File>, Failure> {
    let unwritable = |source| Failure::usage(UnwritableReport { path: path.display().to_string(), source });
    std::fs::File::create(path).map(BufWriter::new).map_err(unwritable)
}

/// The file for the report cannot be written.
#[derive(Debug, thiserror::Error)]
#[error("the report cannot be written to {path}")]
struct UnwritableReport {
    path: String,
    source: std::io::Error,
}

/// A name that can be part of an identifier system.
fn source_system(text: &str) -> Result<String, String> {
    let is_allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-_.".contains(&byte);
    let begins_well = text.bytes().next().is_some_and(|byte| byte.is_ascii_alphanumeric());
    if begins_well && text.len() <= SOURCE_SYSTEM_MAX && text.bytes().all(is_allowed) {
        Ok(text.to_owned())
    } else {
        Err(format!("1 to {SOURCE_SYSTEM_MAX} lower-case letters, digits, hyphens, dots and underscores"))
    }
}

/// Leaves room for what is added to it in the name of an identifier system.
const SOURCE_SYSTEM_MAX: usize = 100;

fn with_causes(error: &dyn Error) -> String {
    let mut text = format!("cairn import: {error}");
    let mut cause = error.source();
    while let Some(source) = cause {
        // Writing to a String cannot fail.
        let _ = write!(text, ": {source}");
        cause = source.source();
    }
    text
}

/// A standard error that is closed is no reason to stop the work.
fn say(text: &str) {
    let _ = writeln!(std::io::stderr(), "{text}");
}

#[cfg(test)]
mod tests;
