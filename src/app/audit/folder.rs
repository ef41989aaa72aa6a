//! The folder that an export is written into. What a file's name promises never changes, so a file that is there is
//! complete and stays; each is written beside and moved into its place durably. The list of files is written last; until
//! then `unfinished.json` says what is being made.

use crate::app::AppError;
use crate::app::log::LogError;
use crate::ledger::archive::{LineError, ListedFile, ListedLog, MANIFEST, Manifest, UNFINISHED, View};
use std::collections::HashMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// Why nothing, or not everything, was exported.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// The file system refused.
    #[error("{path} cannot be written")]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The folder holds something else.
    #[error("{0} holds something else than the export that is asked for: {1}; give an empty folder")]
    Foreign(PathBuf, &'static str),
    /// The view shows nothing.
    #[error("the log holds no event of {0}")]
    Nothing(String),
    /// There is no checkpoint to export up to.
    #[error(
        "no checkpoint was signed yet, and an export goes up to one: start the service once, or export where the signer's key is"
    )]
    Unsigned,
    /// An event cannot be written.
    #[error("position {position} cannot be exported: {source}; run cairn verify on the store")]
    Event {
        /// Where.
        position: u64,
        /// Why.
        #[source]
        source: LineError,
    },
    /// The store's log is not whole.
    #[error("the store is not whole at position {0}; run cairn verify on it")]
    Store(u64),
    /// The store or the keys failed.
    #[error(transparent)]
    App(#[from] AppError),
    /// Nothing may be signed.
    #[error(transparent)]
    Log(#[from] LogError),
}

/// The folder, open for one export.
pub(super) struct Folder {
    root: PathBuf,
    /// Files of an earlier run with their digests.
    known: HashMap<String, ListedFile>,
    /// Files of this run.
    listed: Vec<ListedFile>,
}

fn failed(path: &Path) -> impl FnOnce(io::Error) -> ExportError {
    let path = path.to_owned();
    move |source| ExportError::Io { path, source }
}

/// What must be the same for an export to be gone on with.
fn same(one: &Manifest, other: &Manifest) -> bool {
    let names = |manifest: &Manifest| -> Vec<(String, String)> {
        manifest.logs.iter().map(|log: &ListedLog| (log.name.clone(), log.origin.clone())).collect()
    };
    one.view == other.view && one.opened == other.opened && names(one) == names(other)
}

impl Folder {
    /// Opens or makes the folder of an export of this view of these logs.
    pub(super) fn open(root: &Path, view: &View, opened: bool, logs: &[ListedLog]) -> Result<Self, ExportError> {
        let asked = Manifest::new(view.clone(), opened, logs.to_vec(), Vec::new());
        make_private(root).map_err(failed(root))?;
        let mut folder = Self { root: root.to_owned(), known: HashMap::new(), listed: Vec::new() };
        let (complete, begun) = (root.join(MANIFEST), root.join(UNFINISHED));
        if !complete.exists() && !begun.exists() {
            // What is left where a run was killed before it could say what it makes.
            let begun = format!("{UNFINISHED}.new");
            let foreign = |entry: io::Result<fs::DirEntry>| entry.map(|entry| entry.file_name() != *begun);
            let others: Vec<bool> = fs::read_dir(root)
                .map_err(failed(root))?
                .map(foreign)
                .collect::<Result<_, _>>()
                .map_err(failed(root))?;
            if others.contains(&true) {
                return Err(ExportError::Foreign(root.to_owned(), "there are other files in it"));
            }
            let bytes = asked.to_bytes().map_err(|error| failed(root)(error.into()))?;
            folder.replace(UNFINISHED, &bytes)?;
            return Ok(folder);
        }
        let there = if complete.exists() { &complete } else { &begun };
        let before = Manifest::parse(&fs::read(there).map_err(failed(there))?);
        let Ok(before) = before else {
            return Err(ExportError::Foreign(root.to_owned(), "its list of files cannot be read"));
        };
        if !same(&before, &asked) {
            return Err(ExportError::Foreign(root.to_owned(), "an export of another view, log or kind"));
        }
        if complete.exists() {
            fs::rename(&complete, &begun).map_err(failed(&begun))?;
        }
        folder.known = before.files.into_iter().map(|file| (file.path.clone(), file)).collect();
        Ok(folder)
    }

    /// Whether a file is there already; it is listed then.
    pub(super) fn keep(&mut self, path: &str) -> Result<bool, ExportError> {
        let there = self.root.join(path);
        let length = match fs::metadata(&there) {
            Ok(metadata) if metadata.is_file() => metadata.len(),
            _ => return Ok(false),
        };
        let listed = match self.known.get(path) {
            Some(known) if known.size == length => known.clone(),
            // Cut or grown since it was listed: it is written anew.
            Some(_) => return Ok(false),
            None => ListedFile::of(path, &fs::read(&there).map_err(failed(&there))?),
        };
        self.listed.push(listed);
        Ok(true)
    }

    /// Writes a file and lists it.
    pub(super) fn write(&mut self, path: &str, bytes: &[u8]) -> Result<(), ExportError> {
        self.replace(path, bytes)?;
        self.listed.push(ListedFile::of(path, bytes));
        Ok(())
    }

    fn replace(&self, path: &str, bytes: &[u8]) -> Result<(), ExportError> {
        let there = self.root.join(path);
        let beside = self.root.join(format!("{path}.new"));
        let write = || {
            if let Some(parent) = there.parent() {
                make_private(parent)?;
            }
            let mut options = OpenOptions::new();
            options.write(true).create(true).truncate(true);
            #[cfg(unix)]
            std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
            let mut file = options.open(&beside)?;
            file.write_all(bytes)?;
            file.sync_all()?;
            fs::rename(&beside, &there)
        };
        write().map_err(failed(&there))
    }

    /// Ends the export: what an earlier run left and this one does not list is removed, the list is written, and the mark of
    /// an unfinished export goes.
    pub(super) fn finish(mut self, view: View, opened: bool, logs: Vec<ListedLog>) -> Result<Manifest, ExportError> {
        let listed = std::mem::take(&mut self.listed);
        for log in &logs {
            let kept = listed.iter().map(|file| self.root.join(&file.path)).collect();
            sweep(&self.root.join(&log.name), &kept)?;
        }
        let manifest = Manifest::new(view, opened, logs, listed);
        let (complete, begun) = (self.root.join(MANIFEST), self.root.join(UNFINISHED));
        let bytes = manifest.to_bytes().map_err(|error| failed(&complete)(error.into()))?;
        self.replace(MANIFEST, &bytes)?;
        fs::remove_file(&begun).map_err(failed(&begun))?;
        for leftover in [MANIFEST, UNFINISHED].map(|name| self.root.join(format!("{name}.new"))) {
            let _ = fs::remove_file(leftover);
        }
        File::open(&self.root).and_then(|folder| folder.sync_all()).map_err(failed(&self.root))?;
        Ok(manifest)
    }
}

/// Removes files below a log's folder that are not kept, and folders that are empty then.
fn sweep(folder: &Path, kept: &std::collections::HashSet<PathBuf>) -> Result<(), ExportError> {
    for entry in fs::read_dir(folder).map_err(failed(folder))? {
        let entry = entry.map_err(failed(folder))?;
        let path = entry.path();
        if entry.file_type().map_err(failed(&path))?.is_dir() {
            sweep(&path, kept)?;
            if fs::read_dir(&path).map_err(failed(&path))?.next().is_none() {
                fs::remove_dir(&path).map_err(failed(&path))?;
            }
        } else if !kept.contains(&path) {
            fs::remove_file(&path).map_err(failed(&path))?;
        }
    }
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(failed(folder))
}

/// Makes a folder that its owner alone may read, and closes one that is there to others.
fn make_private(folder: &Path) -> io::Result<()> {
    if folder.is_dir() {
        return Ok(());
    }
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
}

/// Closes an existing folder to everybody but its owner: it is about to hold people's words.
#[cfg(unix)]
pub(super) fn close_to_others(folder: &Path) -> Result<(), ExportError> {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(folder, fs::Permissions::from_mode(0o700)).map_err(failed(folder))
}

#[cfg(not(unix))]
pub(super) fn close_to_others(_: &Path) -> Result<(), ExportError> {
    Ok(())
}
