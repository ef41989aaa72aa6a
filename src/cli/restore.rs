//! `cairn restore`: a backup into an empty database and an empty key store, proved before it is called restored.

use crate::app::backup::{Restore, restore};
use crate::cli::CommonArguments;
use crate::cli::backup::{Watched, say_what_was_checked};
use crate::cli::failure::Failure;
use crate::cli::service::{Sources, database_of, keys_of};
use crate::cli::signer::signed_logs;
use clap::Args;
use std::path::PathBuf;

/// The arguments of `cairn restore`.
#[derive(Debug, Args)]
#[command(
    after_help = "Example: cairn restore --events /backup-a/2026-11-24 --keys /backup-b/2026-11-24 --data-dir ./fresh\n\
    The database and the key store must be empty or not there yet (do not run `cairn migrate` before: it fills them); the\n\
    master key must be there. On PostgreSQL, run it as the role that owns the database, with --service-role. Everything is\n\
    verified before anything is loaded, and again afterwards. Leave the files of the last signed checkpoints (log_state_file,\n\
    accesses_state_file) in their place, or put them there before, if they were kept: they tell whether the backup is the\n\
    newest, and one that is older is refused. They are never restored. Run it again after a crash."
)]
pub struct RestoreArguments {
    /// The folder of the events
    #[arg(long, value_name = "DIR")]
    pub events: PathBuf,
    /// The folder of the keys
    #[arg(long, value_name = "DIR2")]
    pub keys: PathBuf,
    /// The PostgreSQL role that the service runs as: it is granted what it needs and owns nothing
    #[arg(long, value_name = "ROLE")]
    pub service_role: Option<String>,
    /// Restore although more was signed than the backup has: what was recorded since is lost everywhere
    #[arg(long)]
    pub although_older: bool,
    /// Print the result as JSON
    #[arg(long)]
    pub json: bool,
    /// No progress
    #[arg(long)]
    pub quiet: bool,
}

/// Restores.
///
/// # Errors
/// Status 1 where the backup is damaged or older than what was signed, the target is not empty, or what was restored does not
/// verify; 2 where a folder cannot be used or the log has another name; 3 where something cannot be had, such as a master key.
pub async fn run(common: &CommonArguments, arguments: &RestoreArguments) -> Result<(), Failure> {
    let settings = common.settings()?;
    let Sources { clock, ids } = Sources::default();
    std::fs::create_dir_all(&settings.data_dir).map_err(|error| {
        Failure::unavailable(format!("the data directory {} cannot be made", settings.data_dir.display()))
            .because(error)
    })?;
    let mut watched = Watched::new(arguments.quiet);
    let restoring = Restore {
        events_from: arguments.events.clone(),
        keys_from: arguments.keys.clone(),
        database: database_of(&settings, true),
        service_role: arguments.service_role.clone().or_else(|| settings.service_role.clone()),
        keys: keys_of(&settings)?,
        connections: settings.database_connections,
        logs: signed_logs(&settings)?,
        although_older: arguments.although_older,
        clock,
        ids,
    };
    let restored = restore(restoring, &mut |told| watched.tell(told)).await?;
    watched.finish();
    let (outcomes, accesses) = (&restored.logs.outcomes, &restored.logs.accesses);
    if arguments.json {
        let beyond = restored.signed_beyond.as_ref();
        let beyond = beyond.map(|beyond| serde_json::json!({"log": beyond.entries, "signed": beyond.signed}));
        let answer = serde_json::json!({"made_at": restored.made_at, "events": outcomes.size, "root": outcomes.root,
            "logs": restored.logs, "keys": restored.keys.people, "buried": restored.keys.buried,
            "signatures_checked": restored.signatures, "signed_beyond": beyond});
        println!("{answer}");
    } else {
        eprintln!(
            "cairn: restored {} events (root {}), {} accesses and {} keys of the backup of {}",
            outcomes.size, outcomes.root, accesses.size, restored.keys.people, restored.made_at
        );
        say_what_was_checked(restored.signatures);
        if restored.keys.buried > 0 {
            eprintln!(
                "cairn: {} of the keys were erased since, as the log says: they stay destroyed",
                restored.keys.buried
            );
        }
    }
    if let Some(beyond) = restored.signed_beyond {
        eprintln!(
            "cairn: the backup is older than the last signed checkpoint in {}: {} {} were restored, and {} were signed. `cairn serve` \
             refuses it until `cairn log new-origin` has stated publicly what is lost",
            beyond.state_file.display(),
            beyond.found,
            beyond.entries,
            beyond.signed
        );
    }
    Ok(())
}
