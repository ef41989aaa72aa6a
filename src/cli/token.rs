//! `cairn token`: one development token on standard output and nothing else.

use crate::app::auth::DevelopmentIssuer;
use crate::app::words::{OrganisationCode, Scope};
use crate::app::{Clock, SystemClock};
use crate::cli::CommonArguments;
use crate::cli::failure::Failure;
use clap::Args;
use std::collections::BTreeSet;

/// The arguments of `cairn token`.
#[derive(Debug, Args)]
#[command(after_help = "Example: TOKEN=$(cairn token --scope \"outcomes:read outcomes:write\" --organisation DEMO)\n\
    The embedded issuer serves loopback only; register a client for anything else.")]
pub struct TokenArguments {
    /// Scopes, separated by spaces; `all` for every one
    #[arg(long, value_name = "SCOPES", default_value = "all")]
    pub scope: String,
    /// The organisation that the token acts for
    #[arg(long, value_name = "CODE", default_value = "DEMO")]
    pub organisation: OrganisationCode,
    /// How long it lives, in seconds; at most a day
    #[arg(long, value_name = "SECONDS", default_value_t = 3_600)]
    pub life: u32,
}

/// Prints a token.
///
/// # Errors
/// Where the development issuer is off or its key cannot be used.
pub fn run(common: &CommonArguments, arguments: &TokenArguments) -> Result<(), Failure> {
    let settings = common.settings()?;
    if !settings.development_issuer {
        return Err(Failure::configuration(
            "the embedded issuer is off: it serves loopback only; use `cairn client add` and /oauth2/token".to_owned(),
        ));
    }
    let scopes = scopes_of(&arguments.scope)?;
    std::fs::create_dir_all(&settings.data_dir)
        .map_err(|error| Failure::unavailable("the data directory cannot be made".to_owned()).because(error))?;
    let issuer =
        DevelopmentIssuer::open_or_create(&settings.data_dir, &crate::app::random_bytes()).map_err(|error| {
            Failure::configuration("the development issuer's key cannot be used".to_owned()).because(error)
        })?;
    let token = issuer
        .mint(&arguments.organisation, &scopes, arguments.life, SystemClock.now(), &crate::app::random_bytes())
        .map_err(|error| Failure::configuration(error.to_string()))?;
    println!("{}", token.as_str());
    Ok(())
}

/// Reads a list of scopes; `all` stands for every one.
///
/// # Errors
/// Names the first word that is no scope.
pub fn scopes_of(text: &str) -> Result<BTreeSet<Scope>, Failure> {
    if text.trim() == "all" {
        return Ok(Scope::ALL.iter().copied().collect());
    }
    Scope::parse_list(text).map_err(|error| {
        let known: Vec<&str> = Scope::ALL.iter().map(|scope| scope.as_str()).collect();
        Failure::configuration(format!("{error}; there are {}", known.join(" ")))
    })
}
