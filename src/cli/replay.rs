//! `cairn replay`: folds the whole log again; with `--check` it compares every row version with the live one.

use crate::cli::CommonArguments;
use crate::cli::failure::Failure;
use crate::cli::progress::Progress;
use crate::cli::service::{Sources, open_app};
use clap::Args;
use std::time::Instant;

/// The arguments of `cairn replay`.
#[derive(Debug, Args)]
#[command(after_help = "Example: cairn replay --check\nExit status 1 says that replayed and live rows differ.")]
pub struct ReplayArguments {
    /// Compare every row version with the live one
    #[arg(long)]
    pub check: bool,
    /// Print the result as JSON
    #[arg(long)]
    pub json: bool,
    /// No progress
    #[arg(long)]
    pub quiet: bool,
}

/// Replays.
///
/// # Errors
/// Status 1 where rows differ; else where an event cannot be folded or the store fails.
pub async fn run(common: &CommonArguments, arguments: &ReplayArguments) -> Result<(), Failure> {
    let (app, _writer) = open_app(&common.settings()?, &Sources::default()).await?;
    let size = app.store().head().await.map_err(crate::app::AppError::from)?.size;
    let progress = Progress::new("events", Some(size), arguments.quiet);
    let started = Instant::now();
    let mut done = 0;
    let replayed = app
        .replay(arguments.check, |now, _| {
            progress.advance(now - done);
            done = now;
        })
        .await?;
    progress.finish();
    let seconds = started.elapsed().as_secs_f64();
    let drifts: Vec<_> = replayed
        .drifts
        .iter()
        .map(|drift| serde_json::json!({"position": drift.position, "stream": drift.stream.map(|id| id.to_string()), "what": drift.what}))
        .collect();
    if arguments.json {
        let answer = serde_json::json!({
            "events": replayed.events, "streams": replayed.streams, "checked": arguments.check,
            "drift_count": replayed.drift_count, "drifts": drifts, "seconds": seconds
        });
        println!("{answer}");
    } else {
        eprintln!("cairn: folded {} events of {} recordings in {seconds:.1} s", replayed.events, replayed.streams);
        for drift in &replayed.drifts {
            eprintln!("cairn: position {}: {}", drift.position, drift.what);
        }
    }
    if replayed.drift_count > 0 {
        return Err(Failure::no(format!(
            "{} differences between replayed and live rows; run `cairn rebuild`, and find out how they came about",
            replayed.drift_count
        )));
    }
    if arguments.check && !arguments.json {
        eprintln!("cairn: replayed and live rows are the same");
    }
    Ok(())
}
