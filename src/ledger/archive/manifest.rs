//! The list of an export's files with their sizes and digests, and what the export shows of which log. Canonical JSON with a
//! digest of itself, so that a flipped bit in it is found as one in any other file.

use crate::domain::ids::{OrganisationCode, PersonId};
use crate::ledger::{Hash, Origin};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

/// The format's name.
const FORMAT: &str = "cairn-export/v1";

/// What an export shows of the log; of everything else it has the hashes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase", deny_unknown_fields)]
pub enum View {
    /// Every event.
    Whole,
    /// One organisation's events.
    Organisation {
        /// Its code.
        organisation: OrganisationCode,
    },
    /// The events of one person's record.
    Person {
        /// Whose.
        person: PersonId,
    },
}

/// One log of an export.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ListedLog {
    /// How many checkpoints of the database it holds.
    pub checkpoints: u64,
    /// Its name here, which is its folder.
    pub name: String,
    /// What it calls itself in its checkpoints.
    pub origin: String,
    /// The root of its tree, base64.
    pub root: String,
    /// How many events the tree has.
    pub size: u64,
}

/// One file of an export.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ListedFile {
    /// Its path below the export's folder, with `/` between.
    pub path: String,
    /// The SHA-256 of its bytes, lower-case hexadecimal.
    pub sha256: String,
    /// Its length in bytes.
    pub size: u64,
}

/// The list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// Every file but this one, by path.
    pub files: Vec<ListedFile>,
    format: String,
    /// The logs.
    pub logs: Vec<ListedLog>,
    /// Whether sealed parts were opened: people's words and identities are in it in the clear.
    pub opened: bool,
    /// What it shows.
    pub view: View,
}

#[derive(Serialize, Deserialize)]
struct Sealed {
    manifest: Manifest,
    sha256: String,
}

/// Bytes that are no manifest.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ManifestError {
    /// Not the JSON of one.
    #[error("it is not a list of files of the format {FORMAT}")]
    Unreadable,
    /// Its own digest is another.
    #[error("it does not have the digest that it states of itself")]
    Digest,
    /// It is not written in the one way.
    #[error("it is not written in its one form")]
    Form,
}

impl Manifest {
    /// A list of files, which are sorted here.
    #[must_use]
    pub fn new(view: View, opened: bool, logs: Vec<ListedLog>, mut files: Vec<ListedFile>) -> Self {
        files.sort();
        Self { files, format: FORMAT.to_owned(), logs, opened, view }
    }

    /// The bytes of the file: canonical JSON (RFC 8785) and a line end.
    ///
    /// # Errors
    /// A number of more than 2⁵³ cannot be written.
    pub fn to_bytes(&self) -> Result<Vec<u8>, serde_json::Error> {
        let sha256 = self.digest()?;
        let mut bytes = serde_json_canonicalizer::to_vec(&Sealed { manifest: self.clone(), sha256 })?;
        bytes.push(b'\n');
        Ok(bytes)
    }

    fn digest(&self) -> Result<String, serde_json::Error> {
        Ok(sha256(&serde_json_canonicalizer::to_vec(self)?))
    }

    /// Reads what [`Manifest::to_bytes`] wrote. Where only its digest or form is wrong, what it says comes with the error, so
    /// that the rest can be looked at.
    ///
    /// # Errors
    /// For every other bytes.
    pub fn parse(bytes: &[u8]) -> Result<Self, (ManifestError, Option<Box<Self>>)> {
        let Ok(Sealed { manifest, sha256 }) = serde_json::from_slice::<Sealed>(bytes) else {
            return Err((ManifestError::Unreadable, None));
        };
        if manifest.format != FORMAT || !manifest.is_readable() {
            return Err((ManifestError::Unreadable, None));
        }
        if manifest.digest().ok() != Some(sha256) {
            return Err((ManifestError::Digest, Some(manifest.into())));
        }
        let sorted = manifest.files.is_sorted_by(|one, other| one.path < other.path);
        if !sorted || manifest.to_bytes().ok().as_deref() != Some(bytes) {
            return Err((ManifestError::Form, Some(manifest.into())));
        }
        Ok(manifest)
    }

    /// Names that are safe to be joined to a folder's path, and values that can be what they stand for.
    fn is_readable(&self) -> bool {
        let plain = |name: &str| !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_lowercase());
        let inside = |path: &str| path.split('/').all(|name| !matches!(name, "" | "." | "..") && !name.contains('\\'));
        self.logs.iter().all(|log| {
            plain(&log.name) && log.origin.parse::<Origin>().is_ok() && Hash::from_base64(&log.root).is_some()
        }) && self.files.iter().all(|file| inside(&file.path))
    }
}

/// The SHA-256 of bytes as a list of files has it.
pub(super) fn sha256(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}

impl ListedFile {
    /// The entry of a file with these bytes.
    #[must_use]
    pub fn of(path: &str, bytes: &[u8]) -> Self {
        Self { path: path.to_owned(), sha256: sha256(bytes), size: bytes.len() as u64 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::empty_root;

    fn example() -> Manifest {
        let log = ListedLog {
            checkpoints: 1,
            name: "outcomes".to_owned(),
            origin: "example.org/log".to_owned(),
            root: empty_root().to_string(),
            size: 0,
        };
        let view = View::Organisation { organisation: "RX1".parse().unwrap() };
        let files = vec![ListedFile::of("outcomes/key", b"k"), ListedFile::of("outcomes/checkpoint", b"c")];
        Manifest::new(view, false, vec![log], files)
    }

    #[test]
    fn a_flipped_bit_anywhere_is_refused() {
        let bytes = example().to_bytes().unwrap();
        assert_eq!(Manifest::parse(&bytes), Ok(example()));
        for place in 0..bytes.len() {
            for bit in 0..8 {
                let mut changed = bytes.clone();
                changed[place] ^= 1 << bit;
                assert!(Manifest::parse(&changed).is_err(), "bit {bit} of byte {place}");
            }
            assert!(Manifest::parse(&bytes[..place]).is_err());
        }
        assert!(Manifest::parse(&[bytes.as_slice(), b"\n"].concat()).is_err());
    }

    #[test]
    fn paths_that_lead_out_of_the_folder_are_refused() {
        for path in ["../x", "/etc/passwd", "a//b", "a/./b", "a/..", "", "a\\..\\b"] {
            let mut manifest = example();
            manifest.files = vec![ListedFile::of(path, b"")];
            assert_eq!(
                Manifest::parse(&manifest.to_bytes().unwrap()),
                Err((ManifestError::Unreadable, None)),
                "{path}"
            );
        }
    }

    #[test]
    fn files_out_of_order_or_twice_are_refused() {
        let mut manifest = example();
        manifest.files.reverse();
        let refused = |manifest: &Manifest| Manifest::parse(&manifest.to_bytes().unwrap()).unwrap_err().0;
        assert_eq!(refused(&manifest), ManifestError::Form);
        manifest.files = vec![ListedFile::of("a", b""), ListedFile::of("a", b"x")];
        assert_eq!(refused(&manifest), ManifestError::Form);
    }
}
