//! `cairn export`: the log as files that somebody takes away (`log`), or with `--url` a copy of the caller's own events through
//! the API (`feed`). Only says what is asked for; the two have nothing in common but the folder.

mod feed;
mod log;

use crate::app::audit::VerifierKey;
use crate::app::words::{OrganisationCode, PersonId};
use crate::cli::CommonArguments;
use crate::cli::failure::Failure;
use crate::cli::http_client::CredentialArguments;
use crate::cli::log::LogName;
use clap::Args;
use std::path::PathBuf;

/// The arguments of `cairn export`.
#[derive(Args)]
#[command(
    after_help = "Examples:\n  cairn export --out ./export --data-dir ./cairn-data\n  cairn export --out ./export --organisation RX1\n  \
    cairn export --out ./copy --url http://127.0.0.1:8080 --token \"$TOKEN\"\n\
    Run it again on the same folder to go on after an interruption, or up to what was recorded since. Verify with: cairn verify DIR"
)]
pub struct ExportArguments {
    /// The folder; it must be empty, or hold the same export up to an earlier point
    #[arg(long, value_name = "DIR")]
    pub out: PathBuf,
    /// Which log; give it twice for both [default: outcomes]
    #[arg(long, value_enum, value_name = "LOG")]
    pub log: Vec<LogName>,
    /// One organisation's events; hashes of the rest
    #[arg(long, value_name = "CODE", conflicts_with = "person")]
    pub organisation: Option<OrganisationCode>,
    /// The events of one person's record; hashes of the rest
    #[arg(long, value_name = "ID")]
    pub person: Option<PersonId>,
    /// Open sealed parts with the keys: names and people's own words stand in the files in the clear
    #[arg(long)]
    pub open: bool,
    /// Export from a database whose keys are not here: nobody whose data is taken away can be told of it
    #[arg(long, conflicts_with = "open")]
    pub unrecorded: bool,
    /// A log's key, where the signer's own file is not here
    #[arg(long, value_name = "VKEY")]
    pub key: Vec<VerifierKey>,
    /// Copy the caller's events through the service at this address instead
    #[arg(long, value_name = "URL", env = "CAIRN_URL")]
    pub url: Option<String>,
    /// Who calls.
    #[command(flatten)]
    pub credentials: CredentialArguments,
    /// With --url: open the personal parts that the token's scopes allow
    #[arg(long)]
    pub words: bool,
    /// Print the result as JSON
    #[arg(long)]
    pub json: bool,
    /// No progress
    #[arg(long)]
    pub quiet: bool,
}

impl std::fmt::Debug for ExportArguments {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("ExportArguments")
            .field("out", &self.out)
            .field("url", &self.url)
            .finish_non_exhaustive()
    }
}

/// Exports.
///
/// # Errors
/// Where the store or the service does not answer, the folder cannot be written, or there is nothing to export.
pub async fn run(common: &CommonArguments, arguments: ExportArguments) -> Result<(), Failure> {
    let of_the_log = arguments.organisation.is_some()
        || arguments.person.is_some()
        || arguments.open
        || arguments.unrecorded
        || !arguments.log.is_empty()
        || !arguments.key.is_empty();
    match &arguments.url {
        Some(_) if of_the_log => Err(Failure::configuration(
            "--log, --organisation, --person, --open, --unrecorded and --key export from the store; with --url the service answers what its \
             caller may see"
                .to_owned(),
        )),
        Some(url) => feed::run(&arguments, url).await,
        None if arguments.words => {
            Err(Failure::configuration("--words needs --url; from the store, --open opens sealed parts".to_owned()))
        }
        None => log::run(common, &arguments).await,
    }
}
