//! The master keys: one to wrap with, and older ones that can still open what they wrapped.
//!
//! Each has an epoch. A rotation wraps everything anew under the next epoch and then forgets the old key: every old copy of
//! the key store, backups included, dies with it. Deleting a row does not do that. Which epoch wraps, the key store says
//! (`epoch`); which ones can be opened, the keys that are here.
//!
//! Knows no store and no environment: it is given text or the path of a file.

use super::error::{MasterKeyError, VaultError};
use super::keyed_hash::hmac_sha256;
use super::secret::{KEY_LENGTH, SecretKey};
use std::collections::BTreeMap;
use std::fmt;
use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

const FORMAT: &str = "cairn-master-key/v1";
const PROBE_LABEL: &[u8] = b"cairn-epoch-probe/v1";
const WRAPPING_LABEL: &[u8] = b"cairn-wrapping-key/v1";
/// Largest file that is read, in bytes.
const FILE_LIMIT: u64 = 64 * 1024;

/// The secret from which an epoch's wrapping key is derived.
pub struct MasterKey {
    /// Counts rotations.
    pub epoch: u32,
    /// The key; drawn at random, never derived from a passphrase.
    pub bytes: Zeroizing<[u8; KEY_LENGTH]>,
}

impl fmt::Debug for MasterKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("MasterKey").field("epoch", &self.epoch).field("bytes", &"[key]").finish()
    }
}

/// The master keys of this deployment, by epoch.
pub struct MasterKeys {
    newest: u32,
    wrapping: BTreeMap<u32, SecretKey>,
}

impl MasterKeys {
    /// The keys, each of an epoch of its own.
    ///
    /// # Errors
    /// When there is none, or two have the same epoch.
    pub fn new(keys: impl IntoIterator<Item = MasterKey>) -> Result<Self, MasterKeyError> {
        let mut wrapping = BTreeMap::new();
        for MasterKey { epoch, bytes } in keys {
            // The expand step of HKDF-SHA256 (RFC 5869), whose first block has the number 1; the master key is uniform
            // already, so there is nothing to extract.
            let derived = hmac_sha256(bytes.as_slice(), &[WRAPPING_LABEL, &epoch.to_be_bytes(), &[1]]);
            if wrapping.insert(epoch, SecretKey::new(derived)).is_some() {
                return Err(MasterKeyError::DuplicateEpoch { epoch });
            }
        }
        let newest = *wrapping.keys().next_back().ok_or(MasterKeyError::Empty)?;
        Ok(Self { newest, wrapping })
    }

    /// Reads lines of `cairn-master-key/v1 <epoch> <64 hexadecimal digits>`; empty lines and lines that start with `#` are skipped.
    ///
    /// # Errors
    /// When a line has another shape, an epoch comes twice, or there is no key. The text is never shown.
    pub fn parse(text: &str) -> Result<Self, MasterKeyError> {
        let mut keys = Vec::new();
        for (index, line) in text.lines().enumerate() {
            let line = line.trim();
            if !line.is_empty() && !line.starts_with('#') {
                keys.push(parse_line(line).ok_or(MasterKeyError::Line { line: index + 1 })?);
            }
        }
        Self::new(keys)
    }

    /// Reads a file of such lines, at most 64 KiB, that only its owner may read.
    ///
    /// # Errors
    /// When the file cannot be read, is open to group or others, or does not parse.
    pub fn load(path: &Path) -> Result<Self, MasterKeyError> {
        let failed = |source| MasterKeyError::File { path: path.to_owned(), verb: "read", source };
        // Asked of the open file, not of the path, which could be another file by the time it is opened.
        let file = File::open(path).map_err(failed)?;
        let metadata = file.metadata().map_err(failed)?;
        let mode = metadata.permissions().mode() & 0o777;
        if mode & 0o077 != 0 {
            return Err(MasterKeyError::Permissions { path: path.to_owned(), mode });
        }
        if !metadata.is_file() || metadata.len() > FILE_LIMIT {
            return Err(MasterKeyError::NotAKeyFile { path: path.to_owned() });
        }
        let mut text = Zeroizing::new(String::with_capacity(usize::try_from(metadata.len()).unwrap_or(0) + 1));
        file.take(FILE_LIMIT).read_to_string(&mut text).map_err(failed)?;
        Self::parse(&text)
    }

    /// The highest epoch: the one that a new key store wraps under, and that a rotation goes to.
    #[must_use]
    pub fn newest_epoch(&self) -> u32 {
        self.newest
    }

    /// Every epoch whose key is here, lowest first.
    #[must_use]
    pub fn epochs(&self) -> Vec<u32> {
        self.wrapping.keys().copied().collect()
    }

    /// A digest that is the same for the same key of an epoch, so that keys are compared without being shown.
    pub(super) fn probe(&self, epoch: u32) -> Result<[u8; 32], VaultError> {
        Ok(hmac_sha256(self.wrapping_key(epoch)?.expose(), &[PROBE_LABEL, &epoch.to_be_bytes()]))
    }

    /// The key that wraps under `epoch`.
    pub(super) fn wrapping_key(&self, epoch: u32) -> Result<&SecretKey, VaultError> {
        self.wrapping.get(&epoch).ok_or(VaultError::EpochMissing { epoch })
    }
}

impl fmt::Debug for MasterKeys {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("MasterKeys").field("epochs", &self.wrapping.keys().collect::<Vec<_>>()).finish()
    }
}

pub(super) fn parse_line(line: &str) -> Option<MasterKey> {
    let mut words = line.split_ascii_whitespace();
    let (format, epoch, digits) = (words.next()?, words.next()?, words.next()?);
    // `u32::from_str` would take a sign.
    let plain = epoch.bytes().all(|byte| byte.is_ascii_digit());
    if format != FORMAT || !plain || words.next().is_some() {
        return None;
    }
    let mut bytes = Zeroizing::new([0; KEY_LENGTH]);
    hex::decode_to_slice(digits, bytes.as_mut_slice()).ok()?;
    Some(MasterKey { epoch: epoch.parse().ok()?, bytes })
}

/// A line of a master key file, with its end.
pub(super) fn master_key_line(epoch: u32, bytes: &[u8; KEY_LENGTH]) -> Zeroizing<String> {
    let digits = Zeroizing::new(hex::encode(bytes));
    Zeroizing::new(format!("{FORMAT} {epoch} {}\n", digits.as_str()))
}

/// Writes a new master key file that only its owner may read (mode 0600), durably: the file and its folder are synced
/// before this returns. `bytes` must be random.
///
/// # Errors
/// When the file exists (it is never overwritten, nor followed through a link) or cannot be written; a file that could not be
/// written whole is removed.
pub fn generate_master_key_file(path: &Path, epoch: u32, bytes: &[u8; KEY_LENGTH]) -> Result<(), MasterKeyError> {
    let failed = |source: std::io::Error| match source.kind() {
        std::io::ErrorKind::AlreadyExists => MasterKeyError::Exists { path: path.to_owned() },
        _ => MasterKeyError::File { path: path.to_owned(), verb: "written", source },
    };
    let line = master_key_line(epoch, bytes);
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path).map_err(failed)?;
    let written = file.write_all(line.as_bytes()).and_then(|()| file.sync_all()).and_then(|()| sync_folder(path));
    written.map_err(|source| {
        // Best effort: the first failure is the one to report.
        let _ = std::fs::remove_file(path);
        failed(source)
    })
}

/// Makes the file's name durable, not just its content.
pub(super) fn sync_folder(path: &Path) -> std::io::Result<()> {
    let folder = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
        _ => PathBuf::from("."),
    };
    File::open(folder)?.sync_all()
}

#[cfg(test)]
#[path = "master_test.rs"]
mod tests;
