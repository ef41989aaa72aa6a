//! Reading FHIR files: NDJSON line by line, JSON files whole, bundles entry by entry.
//!
//! Whatever cannot be read becomes an input that is not placed, with its file and line. Knows the outside of a
//! resource (type, id, full URL) and nothing of what is in it.

use crate::cli::import::intake::{Input, Mapped, NoteKind};
use serde_json::Value;
use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::{Path, PathBuf};

/// The longest id of a resource, in bytes; FHIR allows 64.
pub const ID_MAX_BYTES: usize = 200;

/// A resource as it was found.
#[derive(Debug)]
pub struct Resource {
    /// Its place among the inputs.
    pub input: usize,
    /// `Goal`
    pub kind: String,
    /// Its id, or the UUID of its full URL.
    pub id: String,
    /// The URL by which entries of a bundle refer to it.
    pub full_url: Option<String>,
    /// The whole of it.
    pub json: Value,
}

impl Resource {
    /// `Goal/123`
    #[must_use]
    pub fn reference(&self) -> String {
        format!("{}/{}", self.kind, self.id)
    }
}

/// Everything that was read.
#[derive(Debug, Default)]
pub struct Found {
    /// The inputs, with what is already said of those that cannot be read.
    pub mapped: Mapped,
    /// The resources, in the order of the inputs.
    pub resources: Vec<Resource>,
    /// How many things were read, counted apart from the inputs.
    pub counted: usize,
}

/// A file or folder that cannot be read at all.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The system refuses.
    #[error("{path} cannot be read")]
    Unreadable {
        /// Which.
        path: String,
        /// Why.
        source: io::Error,
    },
    /// There is nothing to import.
    #[error("no FHIR file found: name *.ndjson, *.jsonl or *.json files, or a folder that holds some")]
    Nothing,
}

/// Reads files and folders, the files of a folder in the order of their names. Folders in folders are not entered.
///
/// # Errors
/// [`ReadError`] where a path cannot be read; broken content is no error but an input that is not placed.
pub fn read_paths(paths: &[PathBuf]) -> Result<Found, ReadError> {
    let mut found = Found::default();
    let mut files = 0;
    for path in paths {
        let unreadable = |source| ReadError::Unreadable { path: path.display().to_string(), source };
        if path.is_dir() {
            let entries =
                std::fs::read_dir(path).and_then(Iterator::collect::<io::Result<Vec<_>>>).map_err(unreadable)?;
            let mut inside: Vec<PathBuf> = entries.into_iter().map(|entry| entry.path()).collect();
            inside.sort();
            for path in inside {
                if path.is_file() && format_of(&path).is_some() {
                    files += 1;
                    found.read_file(&path)?;
                } else {
                    found.mapped.general.push(format!("{} is not read: no FHIR file by its ending", path.display()));
                }
            }
        } else {
            files += 1;
            found.read_file(path)?;
        }
    }
    if files == 0 { Err(ReadError::Nothing) } else { Ok(found) }
}

enum Format {
    Lines,
    Whole,
}

fn format_of(path: &Path) -> Option<Format> {
    match path.extension()?.to_str()?.to_ascii_lowercase().as_str() {
        "ndjson" | "jsonl" => Some(Format::Lines),
        "json" => Some(Format::Whole),
        _ => None,
    }
}

impl Found {
    fn read_file(&mut self, path: &Path) -> Result<(), ReadError> {
        let name = path.display().to_string();
        let unreadable = |source| ReadError::Unreadable { path: path.display().to_string(), source };
        let file = BufReader::new(File::open(path).map_err(unreadable)?);
        match format_of(path) {
            // A file that was named for itself is taken to be what most exports are.
            Some(Format::Lines) | None => self.read_lines(&name, file).map_err(unreadable),
            Some(Format::Whole) => {
                let text = std::fs::read(path).map_err(unreadable)?;
                self.read_whole(&name, &text);
                Ok(())
            }
        }
    }

    /// Reads NDJSON; blank lines are passed over.
    ///
    /// # Errors
    /// Those of the reader.
    pub fn read_lines(&mut self, file: &str, mut reader: impl BufRead) -> io::Result<()> {
        let mut bytes = Vec::new();
        for line in 1.. {
            bytes.clear();
            if reader.read_until(b'\n', &mut bytes)? == 0 {
                break;
            }
            if !bytes.iter().all(u8::is_ascii_whitespace) {
                match serde_json::from_slice(&bytes) {
                    Ok(value) => self.take(file, line, value, None),
                    Err(error) => self.broken(file, line, &error),
                }
            }
        }
        Ok(())
    }

    /// Reads one JSON document.
    pub fn read_whole(&mut self, file: &str, text: &[u8]) {
        match serde_json::from_slice(text) {
            Ok(value) => self.take(file, 1, value, None),
            Err(error) => self.broken(file, u64::try_from(error.line()).unwrap_or(1), &error),
        }
    }

    /// The reader's own message is left out, since it may repeat what it found.
    fn broken(&mut self, file: &str, line: u64, error: &serde_json::Error) {
        self.not_placed(file, line, format!("it is not JSON (column {})", error.column()));
    }

    fn not_placed(&mut self, file: &str, line: u64, reason: impl Into<String>) {
        self.counted += 1;
        let input = self.mapped.add_input(Input { file: file.to_owned(), line, resource: None });
        self.mapped.note(input, NoteKind::NotPlaced, reason);
    }

    fn take(&mut self, file: &str, line: u64, value: Value, full_url: Option<String>) {
        let kind = value.get("resourceType").and_then(Value::as_str).unwrap_or_default().to_owned();
        if kind.is_empty() || kind.len() > 64 || !kind.bytes().all(|byte| byte.is_ascii_alphabetic()) {
            return self.not_placed(file, line, "it is no FHIR resource: it has no resourceType");
        }
        if kind == "Bundle" {
            return self.take_bundle(file, value);
        }
        let of_url = full_url.as_deref().and_then(|url| url.strip_prefix("urn:uuid:"));
        let id = value.get("id").and_then(Value::as_str).or(of_url).unwrap_or_default().to_owned();
        if id.is_empty() || id.len() > ID_MAX_BYTES {
            let reason = format!("the {kind} has no id, so a second import could not recognise it");
            return self.not_placed(file, line, reason);
        }
        self.counted += 1;
        let resource = Some(format!("{kind}/{id}"));
        let input = self.mapped.add_input(Input { file: file.to_owned(), line, resource });
        self.resources.push(Resource { input, kind, id, full_url, json: value });
    }

    fn take_bundle(&mut self, file: &str, mut bundle: Value) {
        let entries = match bundle.get_mut("entry").map(Value::take) {
            Some(Value::Array(entries)) if !entries.is_empty() => entries,
            _ => return self.not_placed(file, 1, "the bundle has no entries"),
        };
        for (place, mut entry) in (1..).zip(entries) {
            let full_url = entry.get("fullUrl").and_then(Value::as_str).map(str::to_owned);
            match entry.get_mut("resource").map(Value::take) {
                Some(resource) => self.take(file, place, resource, full_url),
                None => self.not_placed(file, place, "the entry of the bundle has no resource"),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reasons(found: &Found) -> Vec<(u64, &str)> {
        found.mapped.notes.iter().map(|note| (found.mapped.inputs[note.input].line, note.text.as_str())).collect()
    }

    #[test]
    fn every_line_is_an_input_and_broken_ones_say_where() {
        let text = b"{\"resourceType\":\"Goal\",\"id\":\"1\"}\n\n{\"resourceType\":\n[1]\n{\"resourceType\":\"Goal\"}\n\xff\n{\"resourceType\":\"Goal\",\"id\":\"2\"}";
        let mut found = Found::default();
        found.read_lines("f.ndjson", &text[..]).unwrap();
        assert_eq!((found.counted, found.mapped.inputs.len(), found.resources.len()), (6, 6, 2));
        let reasons = reasons(&found);
        assert_eq!(reasons.iter().map(|(line, _)| *line).collect::<Vec<_>>(), [3, 4, 5, 6]);
        assert!(
            reasons[0].1.contains("not JSON")
                && reasons[1].1.contains("no resourceType")
                && reasons[2].1.contains("no id")
        );
        assert_eq!(found.mapped.inputs[5].place(), "f.ndjson:7 Goal/2");
    }

    #[test]
    fn bundles_are_read_entry_by_entry() {
        let bundle = br#"{"resourceType":"Bundle","entry":[
            {"fullUrl":"urn:uuid:7","resource":{"resourceType":"Patient"}},
            {"request":{"method":"DELETE"}},
            {"fullUrl":"http://a/Goal/3","resource":{"resourceType":"Goal","id":"3"}}]}"#;
        let mut found = Found::default();
        found.read_whole("b.json", bundle);
        let references: Vec<String> = found.resources.iter().map(Resource::reference).collect();
        assert_eq!(references, ["Patient/7", "Goal/3"]);
        assert_eq!(reasons(&found), [(2, "the entry of the bundle has no resource")]);
        found.read_whole("e.json", br#"{"resourceType":"Bundle","entry":[]}"#);
        assert_eq!((found.counted, found.mapped.inputs.len()), (4, 4));
    }

    #[test]
    fn an_id_may_be_long_and_no_longer() {
        let mut found = Found::default();
        for length in [ID_MAX_BYTES, ID_MAX_BYTES + 1] {
            found
                .read_whole("g.json", format!(r#"{{"resourceType":"Goal","id":"{}"}}"#, "x".repeat(length)).as_bytes());
        }
        assert_eq!((found.resources.len(), found.mapped.notes.len()), (1, 1));
    }

    #[test]
    fn a_folder_says_which_files_it_does_not_read() {
        let folder = tempfile::tempdir().unwrap();
        assert!(matches!(read_paths(&[folder.path().to_owned()]), Err(ReadError::Nothing)));
        std::fs::write(folder.path().join("README.md"), "words").unwrap();
        std::fs::write(folder.path().join("Goal.ndjson"), "{\"resourceType\":\"Goal\",\"id\":\"1\"}\n").unwrap();
        let found = read_paths(&[folder.path().to_owned()]).unwrap();
        assert_eq!(found.resources.len(), 1);
        assert!(found.mapped.general[0].contains("README.md is not read"));
        assert!(read_paths(&[folder.path().join("absent.json")]).is_err());
    }
}
