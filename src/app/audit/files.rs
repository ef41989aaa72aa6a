//! Reading the files of an export, each once: held against the list of files as it is read. Knows paths and digests, not what
//! is inside.

use crate::app::audit::offline::VerifyError;
use crate::ledger::archive::{Code, Findings, ListedFile, MANIFEST, Manifest, Place, UNFINISHED};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};

/// The files of an export.
pub(super) struct Files {
    root: PathBuf,
    listed: BTreeMap<String, ListedFile>,
    /// Files that were asked for.
    asked: BTreeSet<String>,
    count: u64,
    bytes: u64,
}

fn failed(path: &Path) -> impl FnOnce(std::io::Error) -> VerifyError {
    let path = path.to_owned();
    move |source| VerifyError::Read { path, source }
}

impl Files {
    /// Opens an export: its list, and the list against what lies in the folder. `None` where there is no list to go by.
    pub(super) fn open(root: &Path, findings: &mut Findings) -> Result<Option<(Self, Manifest)>, VerifyError> {
        if !root.is_dir() {
            return Err(VerifyError::NoFolder(root.to_owned()));
        }
        let unfinished = root.join(UNFINISHED).exists();
        if unfinished {
            findings.note(Code::Unfinished, Place::file(UNFINISHED), None, "the export was interrupted");
        }
        let path = root.join(MANIFEST);
        let bytes = match fs::read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == ErrorKind::NotFound && unfinished => return Ok(None),
            Err(error) if error.kind() == ErrorKind::NotFound => {
                findings.note(Code::FileMissing, Place::file(MANIFEST), None, "the list of files is not there");
                return Ok(None);
            }
            Err(error) => return Err(failed(&path)(error)),
        };
        let manifest = match Manifest::parse(&bytes) {
            Ok(manifest) => manifest,
            Err((error, manifest)) => {
                findings.note(Code::Manifest, Place::file(MANIFEST), None, error.to_string());
                let Some(manifest) = manifest else { return Ok(None) };
                *manifest
            }
        };
        let listed: BTreeMap<_, _> = manifest.files.iter().map(|file| (file.path.clone(), file.clone())).collect();
        let files = Self { root: root.to_owned(), listed, asked: BTreeSet::new(), count: 1, bytes: bytes.len() as u64 };
        files.look_around(root, "", findings)?;
        Ok(Some((files, manifest)))
    }

    /// Everything that lies in the folder must be listed.
    fn look_around(&self, folder: &Path, below: &str, findings: &mut Findings) -> Result<(), VerifyError> {
        let mut empty = true;
        let mut names: Vec<_> =
            fs::read_dir(folder).map_err(failed(folder))?.collect::<Result<_, _>>().map_err(failed(folder))?;
        names.sort_by_key(fs::DirEntry::file_name);
        for entry in names {
            empty = false;
            let name = format!("{below}{}", entry.file_name().to_string_lossy());
            let kind = entry.file_type().map_err(failed(&entry.path()))?;
            if kind.is_dir() {
                self.look_around(&entry.path(), &format!("{name}/"), findings)?;
            } else if !kind.is_file() {
                findings.note(Code::FileUnexpected, Place::file(&name), None, "it is neither a file nor a folder");
            } else if !self.listed.contains_key(&name) && name != MANIFEST && name != UNFINISHED {
                findings.note(Code::FileUnexpected, Place::file(&name), None, "it is not listed");
            }
        }
        if empty && !below.is_empty() {
            findings.note(Code::FileUnexpected, Place::file(below), None, "an empty folder");
        }
        Ok(())
    }

    /// Whether a file is listed.
    pub(super) fn is_listed(&self, path: &str) -> bool {
        self.listed.contains_key(path)
    }

    /// The bytes of a file that the export must have, whatever they are; `None`, and a finding, where it is not there.
    pub(super) fn read(&mut self, path: &str, findings: &mut Findings) -> Result<Option<Vec<u8>>, VerifyError> {
        self.asked.insert(path.to_owned());
        let place = Place::file(path);
        let Some(listed) = self.listed.get(path) else {
            findings.note(Code::Manifest, place, None, "the export must have this file, and it is not listed");
            return Ok(None);
        };
        let there = self.root.join(path);
        let is_file = fs::symlink_metadata(&there).map(|metadata| metadata.is_file());
        let mut bytes = Vec::new();
        match is_file {
            Ok(true) => {}
            Ok(false) => {
                findings.note(Code::FileMissing, place, None, "it is listed, and something else is in its place");
                return Ok(None);
            }
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
                findings.note(Code::FileMissing, place, None, "it is listed, and not there");
                return Ok(None);
            }
            Err(error) => return Err(failed(&there)(error)),
        }
        // One byte more than listed is enough to see that it has grown.
        let file = fs::File::open(&there).map_err(failed(&there))?;
        file.take(listed.size.saturating_add(1)).read_to_end(&mut bytes).map_err(failed(&there))?;
        self.count += 1;
        self.bytes += bytes.len() as u64;
        if bytes.len() as u64 != listed.size {
            let detail = format!("it has not the {} bytes that are listed", listed.size);
            findings.note(Code::FileDiffers, place, None, detail);
        } else if ListedFile::of(path, &bytes) != *listed {
            findings.note(Code::FileDiffers, place, None, "its bytes are not those that are listed");
        }
        Ok(Some(bytes))
    }

    /// Ends the reading: what is listed and was never asked for is no part of any export. Answers files and bytes.
    pub(super) fn finish(self, findings: &mut Findings) -> (u64, u64) {
        for path in self.listed.keys().filter(|path| !self.asked.contains(*path)) {
            findings.note(Code::Manifest, Place::file(path), None, "it is listed, and the export must not have it");
        }
        (self.count, self.bytes)
    }
}
