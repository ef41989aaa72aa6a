//! `cairn keys`: the master key and the key store: what there is, another master key, the keys alone into a file and back.

use crate::app::backup::{back_up_keys, restore_keys};
use crate::app::key_rotation::{Rotation, Stage, write_next_key};
use crate::app::open::{Database, Keys};
use crate::app::{Clock, SystemClock};
use crate::cli::CommonArguments;
use crate::cli::backup::Watched;
use crate::cli::failure::Failure;
use crate::cli::progress::Progress;
use crate::cli::service::{database_of, keys_of};
use clap::{Args, Subcommand};
use std::path::{Path, PathBuf};

/// The arguments of `cairn keys`.
#[derive(Debug, Args)]
pub struct KeysArguments {
    /// What to do
    #[command(subcommand)]
    pub action: KeysAction,
}

/// What can be done with keys.
#[derive(Debug, Subcommand)]
pub enum KeysAction {
    /// Say which master key wraps, and how many keys there are
    Status {
        /// Print as JSON
        #[arg(long)]
        json: bool,
    },
    /// Let another master key take over while services serve; run it again after a crash
    #[command(after_help = ROTATE_HELP)]
    Rotate(RotateArguments),
    /// Copy the keys into a file, while services serve; never the master key
    #[command(
        after_help = "The file holds wrapped keys and the marks of destroyed ones. Without the master key it opens nothing, \
        and after a rotation nothing at all: back up the master key apart, and make a new backup after each rotation."
    )]
    Backup {
        /// The file, which must not be there yet
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
        /// No progress
        #[arg(long)]
        quiet: bool,
    },
    /// Bring a backup of keys into an empty key store
    #[command(
        after_help = "The master key must be there. What the log says was erased since stays destroyed, so the events must be \
        there, too; --without-events restores without asking them."
    )]
    Restore {
        /// The file
        file: PathBuf,
        /// Do not ask the events what was erased since
        #[arg(long)]
        without_events: bool,
        /// No progress
        #[arg(long)]
        quiet: bool,
    },
    /// Destroy a master key that nothing is wrapped under any more
    DestroyEpoch {
        /// Its epoch
        epoch: u32,
    },
}

const ROTATE_HELP: &str = "Where several machines have copies of the master key file:\n  \
    cairn keys rotate --prepare      adds the new key to this machine's file; copy the file to the others\n  \
    cairn keys rotate                goes on from there; then copy the file again\n\
Where the master key is in CAIRN_MASTER_KEY:\n  \
    cairn keys rotate --next-key-file FILE   writes the new key; add its line to the variable of every process, restart them\n  \
    cairn keys rotate                        with both lines; then take the old line out and destroy it everywhere";

/// The arguments of `cairn keys rotate`.
#[derive(Debug, Args)]
pub struct RotateArguments {
    /// Stop once the new master key is in the file
    #[arg(long, conflicts_with_all = ["keep_old", "next_key_file"])]
    pub prepare: bool,
    /// Stop before the old master key is destroyed
    #[arg(long)]
    pub keep_old: bool,
    /// Only write the new master key, for one that is in the environment
    #[arg(long, value_name = "FILE", conflicts_with = "keep_old")]
    pub next_key_file: Option<PathBuf>,
    /// Print the result as JSON
    #[arg(long)]
    pub json: bool,
    /// No progress
    #[arg(long)]
    pub quiet: bool,
}

/// Runs what was asked for.
///
/// # Errors
/// Status 1 where the answer is no, 2 for what must be set otherwise, 3 where a store or key cannot be had.
pub async fn run(common: &CommonArguments, arguments: KeysArguments) -> Result<(), Failure> {
    let settings = common.settings()?;
    match arguments.action {
        KeysAction::Status { json } => status(Rotation::open(keys_of(&settings)?).await?, json).await,
        KeysAction::Rotate(arguments) => rotate(Rotation::open(keys_of(&settings)?).await?, &arguments).await,
        KeysAction::Backup { out, quiet } => back_up(&keys_of(&settings)?.url, &out, quiet).await,
        KeysAction::Restore { file, without_events, quiet } => {
            let events = (!without_events).then(|| database_of(&settings, false));
            bring_back(&file, &keys_of(&settings)?, events.as_ref(), quiet).await
        }
        KeysAction::DestroyEpoch { epoch } => destroy(Rotation::open(keys_of(&settings)?).await?, epoch).await,
    }
}

async fn status(rotation: Rotation, json: bool) -> Result<(), Failure> {
    let status = rotation.status().await?;
    let counts = &status.counts;
    let next = match Rotation::stage(&status) {
        Stage::Begin(_) => "no rotation is under way",
        Stage::MoveOn(_) => "a newer master key is there and not in use yet: run `cairn keys rotate`",
        Stage::Finish(_) if counts.older_than(status.current) > 0 => {
            "a rotation is not finished: run `cairn keys rotate`"
        }
        Stage::Finish(_) => "an older master key is left: run `cairn keys rotate` or `cairn keys destroy-epoch`",
    };
    let began = status.began_at_micros.map(|micros| crate::app::words::Timestamp::from_micros(micros).to_string());
    rotation.close().await;
    if json {
        let answer = serde_json::json!({"epoch": status.current, "rotated_at": began, "master_keys": status.held,
            "people": counts.people, "deployment": counts.deployment, "destroyed": counts.destroyed, "next": next});
        println!("{answer}");
        return Ok(());
    }
    println!("epoch that wraps: {}, since {}", status.current, began.as_deref().unwrap_or("the beginning"));
    println!("master keys at hand: {}", list(&status.held));
    for (epoch, count) in &counts.people {
        println!("keys of people under epoch {epoch}: {count}");
    }
    for (epoch, count) in &counts.deployment {
        println!("keys of the deployment under epoch {epoch}: {count}");
    }
    println!("destroyed keys: {}", counts.destroyed);
    println!("{next}");
    Ok(())
}

async fn rotate(rotation: Rotation, arguments: &RotateArguments) -> Result<(), Failure> {
    let status = rotation.status().await?;
    let stage = Rotation::stage(&status);
    if let (Some(path), Stage::Begin(epoch)) = (&arguments.next_key_file, stage) {
        write_next_key(path, epoch)?;
        eprintln!(
            "cairn: {} holds the master key of epoch {epoch}. Add its line to CAIRN_MASTER_KEY of every process, beside the \
             old one, restart them, and run `cairn keys rotate` with both lines. Keep a copy apart from the key store's backup",
            path.display()
        );
        return Ok(());
    }
    if arguments.next_key_file.is_some() {
        return Err(Failure::no("a rotation is under way: run `cairn keys rotate` to finish it first".to_owned()));
    }
    let epoch = match stage {
        Stage::Begin(_) if !rotation.has_file() => {
            let text = "the master key comes from CAIRN_MASTER_KEY, which this command cannot change: run `cairn keys rotate \
                        --next-key-file FILE` and follow what it says";
            return Err(Failure::configuration(text.to_owned()));
        }
        Stage::Begin(epoch) => {
            rotation.add_key(epoch)?;
            epoch
        }
        Stage::MoveOn(epoch) | Stage::Finish(epoch) => epoch,
    };
    if arguments.prepare {
        eprintln!(
            "cairn: the master key file holds epoch {epoch} beside the older one. Back it up, copy it to every machine that \
             serves, and run `cairn keys rotate` again"
        );
        return Ok(());
    }
    rotation.move_on(epoch, SystemClock.now()).await?;
    wrap_anew(&rotation, arguments, epoch).await?;
    if arguments.keep_old {
        eprintln!(
            "cairn: epoch {epoch} wraps everything; the older master key is kept until `cairn keys destroy-epoch`"
        );
        return Ok(());
    }
    finish(&rotation, None, arguments.json).await
}

/// Wraps everything anew, and is content only when nothing is left.
async fn wrap_anew(rotation: &Rotation, arguments: &RotateArguments, epoch: u32) -> Result<(), Failure> {
    let old = rotation.status().await?.counts.older_than(epoch);
    let progress = Progress::new("keys", Some(old), arguments.quiet);
    let rewrapped = rotation.wrap_anew(|more| progress.advance(more)).await?;
    progress.finish();
    let left = rotation.status().await?.counts.older_than(epoch);
    if left == 0 {
        return Ok(());
    }
    let names: Vec<String> = rewrapped.unopened.iter().take(10).map(ToString::to_string).collect();
    Err(Failure::no(format!(
        "{left} keys are left under older master keys, so these are kept: {} do not open, because their rows were altered \
         (the first: {}). Restore those rows from a backup of the keys, then rotate again",
        rewrapped.unopened.len(),
        names.join(", ")
    )))
}

async fn destroy(rotation: Rotation, epoch: u32) -> Result<(), Failure> {
    let status = rotation.status().await?;
    let used = status.counts.people.contains_key(&epoch) || status.counts.deployment.contains_key(&epoch);
    if epoch >= status.current || used {
        return Err(Failure::no(format!("something is wrapped under epoch {epoch}, or will be: rotate first")));
    }
    if !status.held.contains(&epoch) {
        eprintln!("cairn: there is no master key of epoch {epoch} here");
        return Ok(());
    }
    finish(&rotation, Some(epoch), false).await
}

async fn back_up(url: &str, out: &Path, quiet: bool) -> Result<(), Failure> {
    let mut watched = Watched::new(quiet);
    let made = back_up_keys(url, out, SystemClock.now(), &mut |told| watched.tell(told)).await?;
    watched.finish();
    eprintln!(
        "cairn: {} keys and {} marks of destroyed ones are in {} (SHA-256 {}). The master key is not: back it up apart",
        made.people,
        made.destroyed,
        out.display(),
        made.sha256
    );
    Ok(())
}

async fn bring_back(file: &Path, keys: &Keys, events: Option<&Database>, quiet: bool) -> Result<(), Failure> {
    let mut watched = Watched::new(quiet);
    let restored = restore_keys(file, keys, events, &mut |told| watched.tell(told)).await?;
    watched.finish();
    let already = if restored.there_already { "there already" } else { "restored" };
    eprintln!(
        "cairn: {} keys are {already}, {} of them destroyed again because they were erased since",
        restored.people, restored.buried
    );
    if events.is_none() {
        eprintln!("cairn: the events were not asked what was erased since: erased keys may be back");
    }
    Ok(())
}

async fn finish(rotation: &Rotation, only: Option<u32>, json: bool) -> Result<(), Failure> {
    let (held, settled) = rotation.destroy(only).await?;
    let current = rotation.status().await?.current;
    if json {
        println!("{}", serde_json::json!({"epoch": current, "master_keys": held, "settled": settled}));
    } else if rotation.has_file() {
        eprintln!("cairn: epoch {current} wraps everything; master keys that are left: {}", list(&held));
    } else {
        eprintln!(
            "cairn: epoch {current} wraps everything. Take the lines of older epochs out of CAIRN_MASTER_KEY of every \
             process, restart them, and destroy every copy of those lines: only then do old copies of the key store open nothing"
        );
    }
    if !settled {
        eprintln!(
            "cairn: the database may keep replaced rows for a while (write-ahead logs, archives, standbys, backups); they open \
             with the destroyed master key only"
        );
    }
    eprintln!(
        "cairn: older backups of the keys open nothing any more: make one now (`cairn keys backup`), and one of the master key"
    );
    Ok(())
}

fn list(epochs: &[u32]) -> String {
    epochs.iter().map(|epoch| format!("epoch {epoch}")).collect::<Vec<_>>().join(", ")
}
