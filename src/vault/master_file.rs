//! Changing the file of the master keys: another epoch is added, or those that have passed are taken out.
//!
//! The file is always replaced whole: written beside, synced, given to the same owner, renamed. After a crash there is the old
//! file or the new one. Knows no key store: what may be taken out, its caller has to know.

use super::error::MasterKeyError;
use super::master::{MasterKeys, master_key_line, parse_line, sync_folder};
use super::secret::KEY_LENGTH;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, fchown};
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

/// The file, while nobody else changes it.
#[derive(Debug)]
pub struct MasterKeyFile {
    path: PathBuf,
    /// Held open: its lock ends with it, also when the process is killed.
    _lock: File,
}

impl MasterKeyFile {
    /// Takes the file for a change. Of two rotations that each added a key of the same epoch, one would wrap people's keys
    /// under a key that the other throws away.
    ///
    /// # Errors
    /// [`MasterKeyError::Busy`] while another process changes it; as the system says.
    pub fn lock(path: &Path) -> Result<Self, MasterKeyError> {
        let failed = |verb| move |source| MasterKeyError::File { path: path.to_owned(), verb, source };
        // A link stays a link: what it leads to is replaced.
        let path = fs::canonicalize(path).map_err(failed("found"))?;
        let mut name = path.as_os_str().to_owned();
        name.push(".lock");
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(false).mode(0o600);
        let lock = options.open(PathBuf::from(name)).map_err(failed("locked"))?;
        match lock.try_lock() {
            Ok(()) => Ok(Self { path, _lock: lock }),
            Err(TryLockError::WouldBlock) => Err(MasterKeyError::Busy { path }),
            Err(TryLockError::Error(source)) => Err(MasterKeyError::File { path, verb: "locked", source }),
        }
    }

    /// The keys that it holds.
    ///
    /// # Errors
    /// As [`MasterKeys::load`].
    pub fn keys(&self) -> Result<MasterKeys, MasterKeyError> {
        MasterKeys::load(&self.path)
    }

    /// Adds the key of an epoch, durably, and leaves the rest as it is.
    ///
    /// # Errors
    /// [`MasterKeyError::DuplicateEpoch`] where there is one; as the system says.
    pub fn add(&self, epoch: u32, bytes: &[u8; KEY_LENGTH]) -> Result<(), MasterKeyError> {
        if self.keys()?.epochs().contains(&epoch) {
            return Err(MasterKeyError::DuplicateEpoch { epoch });
        }
        let mut text = self.read()?;
        if !text.is_empty() && !text.ends_with('\n') {
            text.push('\n');
        }
        text.push_str(&master_key_line(epoch, bytes));
        self.replace(&text).map(drop)
    }

    /// Takes out the keys of epochs that are not to be kept, and overwrites the file that held them. Answers whether it did
    /// take any out. Overwriting reaches the file's blocks on file systems that write in place; one that copies on write, a
    /// snapshot, a backup or the spare blocks of a flash disk may hold the old text still.
    ///
    /// # Errors
    /// [`MasterKeyError::Empty`] where nothing would be left; as the system says.
    pub fn retain(&self, keep: impl Fn(u32) -> bool) -> Result<bool, MasterKeyError> {
        let epochs = self.keys()?.epochs();
        if !epochs.iter().any(|epoch| keep(*epoch)) {
            return Err(MasterKeyError::Empty);
        }
        if epochs.iter().all(|epoch| keep(*epoch)) {
            return Ok(false);
        }
        let text = self.read()?;
        let mut kept = Zeroizing::new(String::with_capacity(text.len()));
        for line in text.split_inclusive('\n') {
            if parse_line(line.trim()).is_none_or(|key| keep(key.epoch)) {
                kept.push_str(line);
            }
        }
        // Opened before it loses its name; overwritten after the new one has it, so that a crash never leaves neither.
        let mut old = OpenOptions::new().write(true).open(&self.path).map_err(self.failed("opened"))?;
        let length = self.replace(&kept)?;
        let blank = vec![b'#'; usize::try_from(length).unwrap_or(0)];
        old.write_all(&blank).and_then(|()| old.sync_all()).map_err(self.failed("overwritten"))?;
        Ok(true)
    }

    fn failed(&self, verb: &'static str) -> impl Fn(io::Error) -> MasterKeyError {
        let path = self.path.clone();
        move |source| MasterKeyError::File { path: path.clone(), verb, source }
    }

    fn read(&self) -> Result<Zeroizing<String>, MasterKeyError> {
        let mut text = Zeroizing::new(String::new());
        let mut file = File::open(&self.path).map_err(self.failed("read"))?;
        // `keys` has read it before and found it short enough; room for another line, so that no copy is left behind.
        text.reserve(usize::try_from(file.metadata().map_err(self.failed("read"))?.len()).unwrap_or(0) + 256);
        file.read_to_string(&mut text).map_err(self.failed("read"))?;
        Ok(text)
    }

    /// Puts a text in the place of what there is; answers how long that was.
    fn replace(&self, text: &str) -> Result<u64, MasterKeyError> {
        let old = fs::metadata(&self.path).map_err(self.failed("read"))?;
        let beside = self.path.with_extension("next");
        // What a crash left behind; the lock says that nobody is writing it.
        match fs::remove_file(&beside) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(self.failed("replaced")(error)),
            _ => {}
        }
        let written = write_for(&old, &beside, text)
            .and_then(|()| fs::rename(&beside, &self.path))
            .and_then(|()| sync_folder(&self.path));
        if written.is_err() {
            // Best effort: the first failure is the one to report.
            let _ = fs::remove_file(&beside);
        }
        written.map(|()| old.len()).map_err(self.failed("replaced"))
    }
}

/// Writes a file for the owner of another: a rotation is often root's, the service is not.
fn write_for(old: &fs::Metadata, path: &Path, text: &str) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    let new = file.metadata()?;
    if (new.uid(), new.gid()) != (old.uid(), old.gid()) {
        fchown(&file, Some(old.uid()), Some(old.gid()))?;
    }
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

#[cfg(test)]
#[path = "master_file_test.rs"]
mod tests;
