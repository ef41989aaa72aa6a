//! `cairn openapi`: the OpenAPI document as it is served.

use crate::api;
use crate::cli::failure::Failure;
use clap::Args;
use std::path::PathBuf;

/// The arguments of `cairn openapi`.
#[derive(Debug, Args)]
#[command(after_help = "Example: cairn openapi --out openapi/openapi.json")]
pub struct OpenapiArguments {
    /// Where to write [default: standard output]
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
}

/// Prints the document.
///
/// # Errors
/// Where it cannot be written.
pub fn run(arguments: &OpenapiArguments) -> Result<(), Failure> {
    let text = api::document_text();
    match &arguments.out {
        Some(path) => std::fs::write(path, text)
            .map_err(|error| Failure::unavailable(format!("{} cannot be written", path.display())).because(error)),
        None => {
            print!("{text}");
            Ok(())
        }
    }
}
