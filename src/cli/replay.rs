//! `cairn replay`: folds the whole log again; with `--check` it compares every row version with the live one, with `--to` it
//! writes the rows as they stood at a point into a file.

use crate::app::{App, AppError, AsOf, ReplayProgress};
use crate::cli::CommonArguments;
use crate::cli::failure::Failure;
use crate::cli::point::read_as_of;
use crate::cli::progress::Progress;
use crate::cli::serve::StopSignals;
use crate::cli::service::{Sources, open_app};
use clap::Args;
use std::path::{Path, PathBuf};
use std::time::Instant;

/// The arguments of `cairn replay`.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples: cairn replay --check\n          cairn replay --to 2026-03-01T00:00:00Z --out march.db && sqlite3 march.db 'SELECT * FROM about'\n\
    Exit status 1 says that replayed and live rows differ.\n\
    The file of --to has a table for each kind of recording (people, conversations, narratives, outcomes, reviews, actions,\n\
    contributions, frameworks), `about`, which says what it is, and `columns`, which says what each column means."
)]
pub struct ReplayArguments {
    /// Compare every row version with the live one
    #[arg(long, conflicts_with = "to")]
    pub check: bool,
    /// Write the rows as they stood at this position (included) or RFC 3339 instant into a file
    #[arg(long, value_name = "POINT", value_parser = read_as_of, requires = "out")]
    pub to: Option<AsOf>,
    /// The file of --to, a SQLite database; it must not exist yet
    #[arg(long, value_name = "FILE", requires = "to")]
    pub out: Option<PathBuf>,
    /// Open people's words with their keys, and write them into the file
    #[arg(long, requires = "to")]
    pub open: bool,
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
    let settings = common.settings()?;
    let (app, _writer) = open_app(&settings, &Sources::default()).await?;
    match (arguments.to, &arguments.out) {
        (Some(to), Some(out)) => write(&app, arguments, to, out, &settings.log_origin).await,
        _ => fold(&app, arguments).await,
    }
}

/// Writes the rows as they stood.
async fn write(app: &App, arguments: &ReplayArguments, to: AsOf, out: &Path, origin: &str) -> Result<(), Failure> {
    if arguments.open {
        eprintln!(
            "cairn: WARNING: {} will hold people's names and words in the clear, for whoever can read it; keep it as you \
             keep the records themselves, and delete it when it has served. An erasure does not reach it.",
            out.display()
        );
    }
    let (mut folding, mut writing) = (None, None);
    let (mut folded, mut written) = (0, 0);
    let quiet = arguments.quiet;
    // Whoever stops it halfway must not find half of the records lying about.
    let mut stop = StopSignals::listen()?;
    let replaying = app.replay_to(to, out, arguments.open, origin, |progress| match progress {
        ReplayProgress::Folded(now, size) => {
            // An erasure came in between: it begins again.
            if now <= folded {
                (folded, written) = (0, 0);
                [folding.take(), writing.take()].into_iter().flatten().for_each(Progress::finish);
            }
            folding.get_or_insert_with(|| Progress::new("events folded", Some(size), quiet)).advance(now - folded);
            folded = now;
        }
        ReplayProgress::Written(now) => {
            if let Some(folding) = folding.take() {
                Progress::finish(folding);
            }
            writing.get_or_insert_with(|| Progress::new("rows written", None, quiet)).advance(now - written);
            written = now;
        }
    });
    let replayed = tokio::select! {
        replayed = replaying => replayed.map_err(told)?,
        () = stop.told() => return Err(Failure::unavailable("stopped; nothing was written".to_owned())),
    };
    if let Some(writing) = writing {
        Progress::finish(writing);
    }
    if arguments.json {
        let answer = serde_json::json!({
            "file": out, "events": replayed.events, "rows": replayed.rows, "position": replayed.position,
            "instant": replayed.recorded_at, "root": replayed.root, "checkpoint_size": replayed.checkpoint_size,
            "words": if arguments.open { "open" } else { "sealed" }
        });
        println!("{answer}");
        return Ok(());
    }
    let point = match (replayed.position, &replayed.recorded_at) {
        (Some(position), Some(recorded_at)) => format!("position {position}, recorded {recorded_at}"),
        _ => "the empty log: nothing was recorded by then".to_owned(),
    };
    eprintln!("cairn: wrote {} recordings as of {point} into {}", replayed.rows, out.display());
    Ok(())
}

/// What is wrong with what was asked is a mistake of usage; anything else may pass.
fn told(error: AppError) -> Failure {
    match &error {
        AppError::InvalidQuery { detail, .. } => Failure::configuration(format!("--to: {detail}")),
        AppError::Store(store) if matches!(**store, crate::app::words::StoreError::NotReady { .. }) => {
            Failure::configuration(format!("--out: {store}"))
        }
        _ => error.into(),
    }
}

/// Folds the log, and compares if that is asked.
async fn fold(app: &App, arguments: &ReplayArguments) -> Result<(), Failure> {
    let size = app.store().head().await.map_err(AppError::from)?.size;
    let progress = Progress::new("events", Some(size), arguments.quiet);
    let started = Instant::now();
    let mut done = 0;
    let replayed = app
        .replay(arguments.check, |now, _| {
            // An erasure that comes in between makes it begin again.
            progress.advance(now.saturating_sub(done));
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
