//! The manifest of a half of a backup: which files belong to it, and the SHA-256 of each; and `SHA256SUMS`, which has that of the
//! manifest, too, and which `sha256sum -c` reads. That one is written last, so that a folder without it is no backup.

use super::{BackupError, EachLog, SignedLog};
use crate::store::transfer::LogFound;
use crate::transfer::Contents;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

const FORMAT: &str = "cairn-backup/v1";
/// Its name in the folder.
const MANIFEST: &str = "manifest.json";
/// The list of digests in the folder.
const SUMS: &str = "SHA256SUMS";
/// The file of tables in the folder.
pub(super) const TABLES_FILE: &str = "tables";
/// The most that a small file may have, in bytes.
const SMALL: u64 = 1024 * 1024;

/// A file of a backup.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Listed {
    pub sha256: String,
    pub bytes: u64,
}

/// What a half of a backup says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Manifest {
    format: String,
    /// `events` or `keys`.
    pub holds: String,
    pub made_at: String,
    /// The version of cairn that made it.
    cairn: String,
    pub files: BTreeMap<String, Listed>,
    /// How many rows of each table.
    pub rows: BTreeMap<String, u64>,
    /// Of events: the logs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub logs: Option<EachLog<ListedLog>>,
}

/// A log of a backup.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ListedLog {
    /// Its name in its checkpoints.
    pub origin: String,
    /// How many leaves it has.
    pub size: u64,
    /// The root of its tree, in base64.
    pub root: String,
}

impl ListedLog {
    pub(super) fn of(log: &SignedLog, found: &LogFound) -> Self {
        Self { origin: log.origin.clone(), size: found.size, root: found.root.to_string() }
    }
}

impl Manifest {
    /// Of a file of tables.
    pub(super) fn of(contents: &Contents) -> Self {
        let listed = Listed { sha256: contents.sha256.clone(), bytes: contents.bytes };
        Self {
            format: FORMAT.to_owned(),
            holds: contents.head.holds.clone(),
            made_at: contents.head.made_at.clone(),
            cairn: env!("CARGO_PKG_VERSION").to_owned(),
            files: BTreeMap::from([(TABLES_FILE.to_owned(), listed)]),
            rows: contents.rows.clone(),
            logs: None,
        }
    }

    /// Writes it, which makes the folder a backup.
    pub(super) fn write(&self, folder: &Path) -> Result<(), BackupError> {
        let path = folder.join(MANIFEST);
        let mut text = serde_json::to_string_pretty(self).map_err(|error| BackupError::File {
            path: path.clone(),
            done: "written",
            source: error.into(),
        })?;
        text.push('\n');
        write_durably(&path, text.as_bytes())?;
        write_durably(&folder.join(SUMS), self.sums(text.as_bytes()).as_bytes())?;
        File::open(folder).and_then(|folder| folder.sync_all()).map_err(BackupError::file(path, "written"))
    }

    /// What `SHA256SUMS` says, where the manifest is written so.
    fn sums(&self, written: &[u8]) -> String {
        let own = hex::encode(Sha256::digest(written));
        let listed = self.files.iter().map(|(name, listed)| (listed.sha256.as_str(), name.as_str()));
        listed.chain([(own.as_str(), MANIFEST)]).map(|(sha256, name)| format!("{sha256}  {name}\n")).collect()
    }

    /// Reads the one of a folder.
    pub(super) fn read(folder: &Path, holds: &str) -> Result<Self, BackupError> {
        let path = folder.join(MANIFEST);
        let bytes = read_small(&path)?;
        let damaged = |detail: &str| BackupError::Damaged(format!("{} {detail}", path.display()));
        let manifest: Self = serde_json::from_slice(&bytes).map_err(|_| damaged("cannot be read"))?;
        if manifest.sums(&bytes).as_bytes() != read_small(&folder.join(SUMS))? {
            return Err(damaged("is not the one that SHA256SUMS names"));
        }
        if manifest.format != FORMAT {
            return Err(damaged("is of another version"));
        }
        if manifest.holds != holds {
            return Err(BackupError::Folders(format!(
                "{} is a backup of {}, where one of {holds} was expected",
                folder.display(),
                manifest.holds
            )));
        }
        Ok(manifest)
    }

    /// Whether the file of tables is the one that is listed.
    pub(super) fn hold_against(&self, contents: &Contents) -> Result<(), BackupError> {
        let listed = Listed { sha256: contents.sha256.clone(), bytes: contents.bytes };
        let same = self.files.get(TABLES_FILE) == Some(&listed)
            && self.rows == contents.rows
            && self.made_at == contents.head.made_at;
        if same { Ok(()) } else { Err(BackupError::Damaged("the tables are not those of the manifest".to_owned())) }
    }
}

fn read_small(path: &Path) -> Result<Vec<u8>, BackupError> {
    use std::io::Read;
    let mut content = Vec::new();
    let read = File::open(path).and_then(|file| file.take(SMALL).read_to_end(&mut content));
    read.map_err(BackupError::file(path.to_owned(), "read"))?;
    Ok(content)
}

fn write_durably(path: &Path, content: &[u8]) -> Result<(), BackupError> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true).mode(0o600);
    let written = options.open(path).and_then(|mut file| file.write_all(content).and_then(|()| file.sync_all()));
    written.map_err(BackupError::file(path.to_owned(), "written"))
}

/// Makes two folders that are empty and apart; answers their full paths. Keys and events in one place would be read together by
/// whoever gets hold of it.
pub(super) fn make_apart(events: &Path, keys: &Path) -> Result<(PathBuf, PathBuf), BackupError> {
    let full = |folder: &Path| {
        std::fs::create_dir_all(folder)
            .and_then(|()| folder.canonicalize())
            .map_err(BackupError::file(folder.to_owned(), "written"))
    };
    // Judged by their full paths once they are there; what was made for nothing is empty.
    let (events, keys) = (full(events)?, full(keys)?);
    hold_apart(&events, &keys)?;
    for folder in [&events, &keys] {
        let mut entries = std::fs::read_dir(folder).map_err(BackupError::file(folder.clone(), "read"))?;
        if entries.next().is_some() {
            let text = format!("the folder {} is not empty: give each backup folders of its own", folder.display());
            return Err(BackupError::Folders(text));
        }
    }
    Ok((events, keys))
}

fn hold_apart(events: &Path, keys: &Path) -> Result<(), BackupError> {
    if events.starts_with(keys) || keys.starts_with(events) {
        let text = "the events and the keys must go to two places, neither inside the other: whoever finds both reads everything";
        return Err(BackupError::Folders(text.to_owned()));
    }
    Ok(())
}
