//! Making a backup of both halves while services serve.

use super::keys::write_keys;
use super::manifest::{ListedLog, Manifest, TABLES_FILE, make_apart};
use super::{BackupError, EachLog, SignedLog, Tell, Told, found, look_at};
use crate::app::open::{Database, place_of};
use crate::domain::time::Timestamp;
use crate::store::transfer::TABLES;
use crate::transfer::{FileHead, write_file};
use crate::vault::{KEY_TABLES, key_place};
use std::path::PathBuf;

/// What is backed up, and where to.
pub struct Backup {
    /// The events.
    pub database: Database,
    /// The key store's URL; its master key is not needed.
    pub keys: String,
    /// Each log's name and last signed checkpoint: what is behind that is not backed up. The checkpoint itself is not copied.
    pub logs: EachLog<SignedLog>,
    /// The folder for the events, new or empty.
    pub events_to: PathBuf,
    /// The folder for the keys, new or empty, apart from the other.
    pub keys_to: PathBuf,
    /// What the clock says.
    pub now: Timestamp,
}

/// A backup that was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BackedUp {
    /// The logs.
    pub logs: EachLog<ListedLog>,
    /// How many people's keys.
    pub keys: u64,
}

/// Makes it. Everything that was acknowledged before this is called is in it.
///
/// # Errors
/// Where a folder cannot be used, a store cannot be read, or the events do not belong together: a damaged store is told at once
/// and not when it is to be restored.
pub async fn back_up(backup: Backup, tell: Tell<'_>) -> Result<BackedUp, BackupError> {
    let (events_to, keys_to) = make_apart(&backup.events_to, &backup.keys_to)?;
    // Before the events are looked at, so that they cannot be fewer.
    let mut check = backup.logs.check()?;
    let events = place_of(&backup.database).read(&TABLES).await?;
    // Behind the events, so that every key that they need is in it.
    let keys = key_place(&backup.keys, false).await?.read(&KEY_TABLES).await?;
    let made_at = backup.now.to_string();

    tell(Told::Begins("rows of events", None));
    let mut wrong = None;
    let head = FileHead { holds: "events".to_owned(), made_at: made_at.clone() };
    let file = events_to.join(TABLES_FILE);
    let written = write_file(&file, head, &TABLES, events, |table, rows| {
        if wrong.is_none() {
            wrong = look_at(&mut check, table, rows).err();
        }
        tell(Told::More(rows.len() as u64));
    });
    let contents = written.await?;
    let whole = wrong.map_or_else(|| found(check), |wrong| Err(wrong.into()));
    let whole =
        whole.and_then(|found| backup.logs.beyond(&found).map_or(Ok(found), |beyond| Err(BackupError::Behind(beyond))));
    let whole = whole.inspect_err(|_| {
        // Best effort: it was not to become a backup, and is none without its list of digests.
        let _ = std::fs::remove_file(&file);
    })?;
    let mut manifest = Manifest::of(&contents);
    let logs = EachLog {
        outcomes: ListedLog::of(&backup.logs.outcomes, &whole.outcomes),
        accesses: ListedLog::of(&backup.logs.accesses, &whole.accesses),
    };
    manifest.logs = Some(logs.clone());
    manifest.write(&events_to)?;

    let contents = write_keys(&keys_to.join(TABLES_FILE), keys, made_at, tell).await?;
    let manifest = Manifest::of(&contents);
    manifest.write(&keys_to)?;
    let keys = contents.rows.get("person_key").copied().unwrap_or_default();
    Ok(BackedUp { logs, keys })
}
