//! `cairn sample`: a synthetic population as lines for `POST /v1/batches`; the same bytes for the same seed and day.

use crate::app::sample::population;
use crate::app::words::{LifeTime, Timestamp};
use crate::app::{Clock, SystemClock};
use crate::cli::failure::Failure;
use crate::cli::progress::Progress;
use clap::Args;
use std::io::{BufWriter, Write};
use std::path::PathBuf;

/// The arguments of `cairn sample`.
#[derive(Debug, Args)]
#[command(after_help = "Example: cairn sample --people 100 --seed 7 --today 2026-11-24 > sample.ndjson")]
pub struct SampleArguments {
    /// How many people
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u64).range(1..=10_000_000))]
    pub people: u64,
    /// The seed
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// The day on which everything has happened already [default: today in UTC]
    #[arg(long, value_name = "DATE")]
    pub today: Option<LifeTime>,
    /// Where to write [default: standard output]
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// No progress
    #[arg(long)]
    pub quiet: bool,
}

/// Today, as a sample takes it.
#[must_use]
pub fn day_of(now: Timestamp) -> LifeTime {
    now.to_string().get(..10).and_then(|day| day.parse().ok()).unwrap_or(LifeTime::Instant(now))
}

/// Writes the sample.
///
/// # Errors
/// Where it cannot be written.
pub fn run(arguments: &SampleArguments) -> Result<(), Failure> {
    let today = arguments.today.unwrap_or_else(|| day_of(SystemClock.now()));
    let failed = |error: std::io::Error| Failure::unavailable("the sample cannot be written".to_owned()).because(error);
    let out: Box<dyn Write> = match &arguments.out {
        Some(path) => Box::new(std::fs::File::create(path).map_err(failed)?),
        None => Box::new(std::io::stdout().lock()),
    };
    let mut out = BufWriter::new(out);
    let progress = Progress::new("people", Some(arguments.people), arguments.quiet);
    for person in population(arguments.people, arguments.seed, today) {
        for line in &person.lines {
            writeln!(out, "{}", line.to_line()).map_err(failed)?;
        }
        progress.advance(1);
    }
    progress.finish();
    out.flush().map_err(failed)
}
