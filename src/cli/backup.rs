//! `cairn backup`: the events and the keys into two places, while services serve.

use crate::app::backup::{Backup, BackupError, Told, back_up};
use crate::app::{Clock, SystemClock};
use crate::cli::CommonArguments;
use crate::cli::failure::Failure;
use crate::cli::progress::Progress;
use crate::cli::service::{database_of, keys_of};
use crate::cli::signer::signed_logs;
use clap::Args;
use std::path::PathBuf;

/// The arguments of `cairn backup`.
#[derive(Debug, Args)]
#[command(after_help = "Example: cairn backup --events /backup-a/2026-11-24 --keys /backup-b/2026-11-24\n\
    Each folder is new or empty, and neither lies in the other: one alone reveals nothing. Every backup is whole; there are no\n\
    incremental ones. Not in it, and to be kept apart: the master key, without which the keys open nothing, the keys that sign\n\
    checkpoints (log_key_file, accesses_key_file) and the configuration. The files of the last signed checkpoints\n\
    (log_state_file, accesses_state_file) are never in a backup: they are what tells an old one from the newest.")]
pub struct BackupArguments {
    /// The folder for the events
    #[arg(long, value_name = "DIR")]
    pub events: PathBuf,
    /// The folder for the keys, in another place
    #[arg(long, value_name = "DIR2")]
    pub keys: PathBuf,
    /// Print the result as JSON
    #[arg(long)]
    pub json: bool,
    /// No progress
    #[arg(long)]
    pub quiet: bool,
}

/// Makes a backup.
///
/// # Errors
/// Status 1 where the store is damaged, 2 where a folder cannot be used, 3 where a store cannot be read.
pub async fn run(common: &CommonArguments, arguments: &BackupArguments) -> Result<(), Failure> {
    let settings = common.settings()?;
    let mut watched = Watched::new(arguments.quiet);
    let backup = Backup {
        database: database_of(&settings, false),
        keys: keys_of(&settings)?.url,
        logs: signed_logs(&settings)?,
        events_to: arguments.events.clone(),
        keys_to: arguments.keys.clone(),
        now: SystemClock.now(),
    };
    let made = back_up(backup, &mut |told| watched.tell(told)).await?;
    watched.finish();
    if arguments.json {
        let answer = serde_json::json!({"events": made.logs.outcomes.size, "root": made.logs.outcomes.root,
            "logs": made.logs, "keys": made.keys, "events_in": arguments.events, "keys_in": arguments.keys});
        println!("{answer}");
    } else {
        eprintln!(
            "cairn: backed up {} events (root {}) and {} accesses into {}, and {} keys into {}. The master key is not in it: back \
             it up apart",
            made.logs.outcomes.size,
            made.logs.outcomes.root,
            made.logs.accesses.size,
            arguments.events.display(),
            made.keys,
            arguments.keys.display()
        );
    }
    Ok(())
}

/// What was checked of what was copied, for people.
pub(super) fn say_what_was_checked(signatures: bool) {
    eprintln!(
        "cairn: verified as `cairn verify` does (events, parts opened with the keys, tree, head, checkpoints, rows), and of the log \
         of accesses: leaves, facts, counters, tree, head and checkpoints"
    );
    if !signatures {
        eprintln!(
            "cairn: the keys of the logs' signers are not both here: whether checkpoints were signed with them was not checked"
        );
    }
}

/// Shows one piece of work after the other.
pub(super) struct Watched {
    quiet: bool,
    shown: Option<Progress>,
}

impl Watched {
    pub(super) const fn new(quiet: bool) -> Self {
        Self { quiet, shown: None }
    }

    pub(super) fn tell(&mut self, told: Told) {
        match told {
            Told::Begins(what, total) => {
                self.finish();
                self.shown = Some(Progress::new(what, total, self.quiet));
            }
            Told::More(more) => {
                if let Some(progress) = &self.shown {
                    progress.advance(more);
                }
            }
        }
    }

    pub(super) fn finish(&mut self) {
        if let Some(progress) = self.shown.take() {
            progress.finish();
        }
    }
}

impl From<BackupError> for Failure {
    fn from(error: BackupError) -> Self {
        let text = error.to_string();
        let failure = match &error {
            BackupError::Folders(_) | BackupError::OtherLog { .. } => Self::configuration(text),
            error if error.is_no() => Self::no(text),
            _ => Self::unavailable(text),
        };
        failure.because_of(&error)
    }
}
