//! Private keys in files: written so that only their owner reads them, refused when others could. Knows nothing of
//! what is inside.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

/// The largest key file that is read, in bytes.
const MOST_BYTES: u64 = 16 * 1024;
/// How many names beside a key file are tried.
const MOST_NAMES: u32 = 100;

/// A key file that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum KeyFileError {
    /// The file system refused.
    #[error("the key file {path} cannot be {done}")]
    Io {
        /// The file.
        path: PathBuf,
        /// `read` or `written`.
        done: &'static str,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// Others than its owner may read it.
    #[error("the key file {path} can be read by others (mode {mode:o}); run: chmod 600 {path}")]
    Exposed {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// It holds no key that can be used here.
    #[error("the key file {path} holds no usable key: expected {expected}")]
    NoKey {
        /// The file.
        path: PathBuf,
        /// What was expected.
        expected: &'static str,
    },
    /// A key could not be made.
    #[error("a new key could not be made")]
    NotMade,
}

/// Reads a key file; `Ok(None)` if there is none.
///
/// # Errors
/// [`KeyFileError::Exposed`] if its group or others may use it, [`KeyFileError::Io`] if it cannot be read.
pub(super) fn read(path: &Path) -> Result<Option<Zeroizing<String>>, KeyFileError> {
    let failed = |source| KeyFileError::Io { path: path.to_owned(), done: "read", source };
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed(error)),
    };
    // Asked of the open file, so that it is the one that is read.
    check_mode(&file, path)?;
    let mut text = Zeroizing::new(String::new());
    file.take(MOST_BYTES).read_to_string(&mut text).map_err(failed)?;
    Ok(Some(text))
}

#[cfg(unix)]
fn check_mode(file: &File, path: &Path) -> Result<(), KeyFileError> {
    use std::os::unix::fs::PermissionsExt;
    let failed = |source| KeyFileError::Io { path: path.to_owned(), done: "read", source };
    let mode = file.metadata().map_err(failed)?.permissions().mode() & 0o777;
    if mode & 0o077 == 0 { Ok(()) } else { Err(KeyFileError::Exposed { path: path.to_owned(), mode }) }
}

#[cfg(not(unix))]
fn check_mode(_: &File, _: &Path) -> Result<(), KeyFileError> {
    Ok(())
}

/// Writes a new key file, durable, mode 0600; `false` if there is one already (another process was first), which stays
/// as it is. A reader never sees half a file: it is written beside and linked to its name when complete.
///
/// # Errors
/// [`KeyFileError::Io`].
pub(super) fn create(path: &Path, text: &str) -> Result<bool, KeyFileError> {
    let failed = |source| KeyFileError::Io { path: path.to_owned(), done: "written", source };
    let (beside, file) = open_beside(path).map_err(failed)?;
    let outcome = write_and_link(file, &beside, path, text);
    // Whatever happened, the name beside goes; a failure to remove it harms nobody.
    let _ = fs::remove_file(&beside);
    outcome.map_err(failed)
}

/// A new file beside a path. The first free of some names: one may be left over from a crash (in a container, process
/// ids repeat), another may be that of a thread that does the same, whose file must not be taken away from it.
fn open_beside(path: &Path) -> io::Result<(PathBuf, File)> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        options.mode(0o600);
    }
    let mut taken = io::Error::from(io::ErrorKind::AlreadyExists);
    for number in 0..MOST_NAMES {
        let beside = path.with_extension(format!("{}-{number}.new", std::process::id()));
        match options.open(&beside) {
            Ok(file) => return Ok((beside, file)),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => taken = error,
            Err(error) => return Err(error),
        }
    }
    Err(taken)
}

fn write_and_link(mut file: File, beside: &Path, path: &Path, text: &str) -> io::Result<bool> {
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    match fs::hard_link(beside, path) {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => return Ok(false),
        Err(error) => return Err(error),
    }
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        File::open(folder)?.sync_all()?;
    }
    Ok(true)
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn a_key_file_is_its_owners_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key.pem");
        assert!(read(&path).unwrap().is_none());
        assert!(create(&path, "first").unwrap());
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert!(!create(&path, "second").unwrap(), "an existing key stays");
        assert_eq!(read(&path).unwrap().unwrap().as_str(), "first");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "nothing is left beside it");
        for mode in [0o640, 0o604, 0o610, 0o644] {
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            assert!(matches!(read(&path), Err(KeyFileError::Exposed { .. })), "{mode:o}");
        }
        fs::set_permissions(&path, fs::Permissions::from_mode(0o400)).unwrap();
        assert!(read(&path).is_ok());
    }
    #[test]
    fn what_a_crash_left_behind_and_others_at_work_are_no_hindrance() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key.pem");
        let left = path.with_extension(format!("{}-0.new", std::process::id()));
        fs::write(&left, "half").unwrap();
        let firsts: Vec<bool> = std::thread::scope(|scope| {
            let all: Vec<_> = (0..16)
                .map(|number| {
                    scope.spawn({
                        let path = &path;
                        move || create(path, &format!("key {number}")).unwrap()
                    })
                })
                .collect();
            all.into_iter().map(|one| one.join().unwrap()).collect()
        });
        assert_eq!(firsts.iter().filter(|first| **first).count(), 1);
        let kept = read(&path).unwrap().unwrap();
        let first = firsts.iter().position(|first| *first).unwrap();
        assert_eq!(kept.as_str(), format!("key {first}"));
        assert_eq!(fs::read_to_string(&left).unwrap(), "half", "it is not ours to remove");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2);
    }
}
