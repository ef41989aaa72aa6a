//! The keys alone: into a file and from it into an empty key store. The master key stays where it is.

use super::{BackupError, Tell, Told};
use crate::app::open::{Database, Keys, load_master, place_of};
use crate::domain::time::Timestamp;
use crate::store::transfer::erasures;
use crate::transfer::{Contents, FileHead, Source, TransferError, compare, open_file, verify_file, write_file};
use crate::vault::{Erased, KEY_TABLES, KeyCheck, VaultError, bury, key_place};
use std::path::Path;

const HOLDS: &str = "keys";

/// Keys that were written into a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeysBackedUp {
    /// People's keys.
    pub people: u64,
    /// Tombstones.
    pub destroyed: u64,
    /// The file's SHA-256.
    pub sha256: String,
}

/// Keys that were restored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeysRestored {
    /// People's keys in the backup.
    pub people: u64,
    /// How many of them the log says were erased since: they came in as tombstones.
    pub buried: u64,
    /// Whether they were there already, from a restoration that was broken off later.
    pub there_already: bool,
}

/// Writes the keys of a store into a new file, while services serve. Needs no master key.
///
/// # Errors
/// Where the store cannot be read, or the file exists or cannot be written.
pub async fn back_up_keys(url: &str, out: &Path, now: Timestamp, tell: Tell<'_>) -> Result<KeysBackedUp, BackupError> {
    let source = key_place(url, false).await?.read(&KEY_TABLES).await?;
    let contents = write_keys(out, source, now.to_string(), tell).await?;
    let rows = |table: &str| contents.rows.get(table).copied().unwrap_or_default();
    Ok(KeysBackedUp { people: rows("person_key"), destroyed: rows("destroyed_key"), sha256: contents.sha256.clone() })
}

pub(super) async fn write_keys(
    out: &Path,
    source: Source,
    made_at: String,
    tell: Tell<'_>,
) -> Result<Contents, BackupError> {
    tell(Told::Begins("keys", None));
    let head = FileHead { holds: HOLDS.to_owned(), made_at };
    let seen = |_: &str, rows: &[crate::transfer::Row]| tell(Told::More(rows.len() as u64));
    Ok(write_file(out, head, &KEY_TABLES, source, seen).await?)
}

/// Holds a file of keys against its digest and against the master keys at hand.
///
/// # Errors
/// [`TransferError::Damaged`]; [`VaultError::EpochMissing`] names the master key that is missing.
pub(super) fn check_keys(file: &Path, keys: &Keys) -> Result<Contents, BackupError> {
    let mut check = KeyCheck::new(load_master(&keys.master)?);
    // The first row that does not open; the reading goes on, because a damaged file is to be told first.
    let mut closed: Option<VaultError> = None;
    let contents = verify_file(file, HOLDS, &KEY_TABLES, |table, rows| {
        if closed.is_none() {
            closed = check.check(table, &rows).err();
        }
        Ok(())
    })?;
    match closed {
        Some(error) => Err(error.into()),
        None => {
            check.finish()?;
            Ok(contents)
        }
    }
}

/// Puts the keys of a file into an empty key store: nothing, or all of them but those that `events` say were erased.
///
/// # Errors
/// As [`check_keys`]; [`BackupError::NotEmpty`]; where the events cannot be read.
pub async fn restore_keys(
    file: &Path,
    keys: &Keys,
    events: Option<&Database>,
    tell: Tell<'_>,
) -> Result<KeysRestored, BackupError> {
    let contents = check_keys(file, keys)?;
    let erased = match events {
        Some(events) => erasures(&place_of(events)).await?,
        None => Erased::new(),
    };
    let place = key_place(&keys.url, true).await?;
    let people = contents.rows.get("person_key").copied().unwrap_or_default();
    let source = || Ok::<_, TransferError>(bury(open_file(file, HOLDS, &KEY_TABLES)?, erased.clone()));
    let there_already = place.first_filled(&KEY_TABLES).await?.is_some();
    let mut living = 0;
    if there_already {
        let same = compare(source()?, place.read(&KEY_TABLES).await?, |_| ()).await?;
        same.map_err(BackupError::differs("the key store"))?;
    } else {
        tell(Told::Begins("keys restored", contents.rows.values().sum::<u64>().into()));
        let mut told = |table: &'static crate::transfer::Table, rows: &[crate::transfer::Row]| {
            if table.name == "person_key" {
                living += rows.len() as u64;
            }
            tell(Told::More(rows.len() as u64));
            Ok(())
        };
        place.load(&KEY_TABLES, source()?, &mut told).await?;
    }
    let buried = if there_already { 0 } else { people - living };
    Ok(KeysRestored { people, buried, there_already })
}
