//! `cairn rebuild`: builds the rows anew beside the ones in use, and switches; the service may go on meanwhile.

use crate::cli::CommonArguments;
use crate::cli::failure::Failure;
use crate::cli::progress::Progress;
use crate::cli::service::{Sources, open_app};
use clap::Args;

/// The arguments of `cairn rebuild`.
#[derive(Debug, Args)]
pub struct RebuildArguments {
    /// Print the result as JSON
    #[arg(long)]
    pub json: bool,
    /// No progress
    #[arg(long)]
    pub quiet: bool,
}

/// Rebuilds.
///
/// # Errors
/// Where an event cannot be folded (the rows in use stay), or the store fails.
pub async fn run(common: &CommonArguments, arguments: &RebuildArguments) -> Result<(), Failure> {
    let (app, _writer) = open_app(&common.settings()?, &Sources::default()).await?;
    let size = app.store().head().await.map_err(crate::app::AppError::from)?.size;
    let progress = Progress::new("events", Some(size), arguments.quiet);
    let mut done = 0;
    let rebuilt = app
        .rebuild(|now, _| {
            progress.advance(now - done);
            done = now;
        })
        .await?;
    progress.finish();
    if arguments.json {
        println!("{}", serde_json::json!({"events": rebuilt.events, "generation": rebuilt.generation}));
    } else {
        eprintln!(
            "cairn: rebuilt the rows from {} events; generation {} is in use",
            rebuilt.events, rebuilt.generation
        );
    }
    Ok(())
}
