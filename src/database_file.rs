//! The file of an embedded database, told apart from any other that takes its place.
//!
//! SQLite goes on writing into a file that was deleted, moved or replaced: everything succeeds, and all of it is lost with
//! the last handle. So whoever acknowledges asks first whether the file that was opened still stands where the next start
//! will look for it. Knows paths and nothing of what the file holds.

use std::ffi::OsString;
use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// What a disk that was full must take before it counts as having space again: the largest recording.
const ROOM: usize = 1024 * 1024;

/// A file, as it was when it was opened.
#[derive(Debug)]
pub(crate) struct DatabaseFile {
    path: PathBuf,
    /// Where SQLite keeps what it has not copied into the file yet.
    write_ahead_log: PathBuf,
    identity: (u64, u64),
}

impl DatabaseFile {
    /// Remembers which file stands at a path.
    pub(crate) fn at(path: &Path) -> std::io::Result<Self> {
        let mut write_ahead_log = OsString::from(path);
        write_ahead_log.push("-wal");
        let identity = identity(&std::fs::metadata(path)?);
        Ok(Self { path: path.to_owned(), write_ahead_log: write_ahead_log.into(), identity })
    }

    /// Whether the path still leads to the file.
    pub(crate) fn is_there(&self) -> bool {
        std::fs::metadata(&self.path).is_ok_and(|metadata| identity(&metadata) == self.identity)
    }

    /// The same with its write-ahead log, which is there as long as a transaction is open, and holds what was committed.
    pub(crate) fn is_there_in_transaction(&self) -> bool {
        self.is_there() && self.write_ahead_log.exists()
    }

    /// Whether there is room for more, found out by writing beside the file. For a disk that was found full: nothing else
    /// says when it no longer is, because a log file that a failed transaction made longer takes small ones still.
    pub(crate) async fn prove_room(&self) -> std::io::Result<()> {
        let mut beside = OsString::from(&self.path);
        beside.push("-room");
        let written = tokio::fs::write(&beside, vec![0; ROOM]).await;
        // Where it was not even made there is nothing to remove.
        let _ = tokio::fs::remove_file(&beside).await;
        written
    }
}

/// Device and number: no two files that exist at the same time share both, and a file in use keeps its own.
fn identity(metadata: &Metadata) -> (u64, u64) {
    (metadata.dev(), metadata.ino())
}

#[cfg(test)]
mod tests {
    use super::DatabaseFile;

    #[test]
    fn another_file_of_the_same_name_is_another_file() {
        let folder = tempfile::tempdir().unwrap();
        let (path, aside) = (folder.path().join("keys.db"), folder.path().join("aside"));
        assert!(DatabaseFile::at(&path).is_err());
        std::fs::write(&path, "keys").unwrap();
        let file = DatabaseFile::at(&path).unwrap();
        assert!(file.is_there() && !file.is_there_in_transaction());
        std::fs::write(folder.path().join("keys.db-wal"), "").unwrap();
        assert!(file.is_there_in_transaction());
        std::fs::rename(&path, &aside).unwrap();
        assert!(!file.is_there());
        std::fs::copy(&aside, &path).unwrap();
        assert!(!file.is_there() && !file.is_there_in_transaction());
        std::fs::rename(&aside, &path).unwrap();
        assert!(file.is_there());
    }
}
