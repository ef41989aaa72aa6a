//! Small files that must survive a crash: read whole, replaced whole. Knows nothing of what is inside.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::Path;

/// The largest file that is read, in bytes.
const MOST_BYTES: u64 = 1024 * 1024;

/// Runs what waits for a disk where nobody else waits for it.
pub(super) async fn waiting<T: Send + 'static>(work: impl FnOnce() -> io::Result<T> + Send + 'static) -> io::Result<T> {
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|error| Err(io::Error::other(error)))
}

/// What a file holds; `None` if there is none.
pub(super) fn found(path: &Path) -> io::Result<Option<Vec<u8>>> {
    let file = match File::open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        file => file?,
    };
    let mut bytes = Vec::new();
    file.take(MOST_BYTES).read_to_end(&mut bytes)?;
    Ok(Some(bytes))
}

/// Puts a file in the place of what was there, durably and at once: after a crash there is the one or the other.
pub(super) fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let folder = folder_of(path);
    fs::create_dir_all(folder)?;
    let beside = path.with_extension("new");
    let mut file = File::create(&beside)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&beside, path)?;
    File::open(folder)?.sync_all()
}

/// Writes a file that must not be there yet, durably; one that holds the same already is as good.
pub(super) fn add(path: &Path, bytes: &[u8]) -> io::Result<()> {
    match found(path)? {
        None => replace(path, bytes),
        Some(there) if there == bytes => Ok(()),
        Some(_) => Err(io::ErrorKind::AlreadyExists.into()),
    }
}

/// Gives a file another name, durably; never overwrites what has that name, unless it is the same.
pub(super) fn put_aside(path: &Path, aside: &Path) -> io::Result<()> {
    match fs::hard_link(path, aside) {
        // A crash came between the two names.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists && fs::read(path)? == fs::read(aside)? => {}
        linked => linked?,
    }
    File::open(folder_of(aside))?.sync_all()?;
    fs::remove_file(path)?;
    File::open(folder_of(path))?.sync_all()
}

/// Moves a file to a name that is free, durably.
pub(super) fn rename(from: &Path, to: &Path) -> io::Result<()> {
    fs::rename(from, to)?;
    File::open(folder_of(to))?.sync_all()
}

fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}
