//! The rules of the house, read from the source: who may know whom, where the outside world enters, and how big
//! things may grow. A broken rule fails with the file, the line and the reason.
//!
//! The reading is by text, not by a compiler, so it is meant to catch slips, not to withstand trickery. Code
//! under `#[cfg(test)]` and files named `tests.rs` or `*_test(s).rs` may reach further than the code that ships.

mod rules;
mod rules_test;
mod source;

use rules::{Complaint, check, check_name, check_twins};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::{fs, io};

#[test]
fn the_source_keeps_the_rules() -> io::Result<()> {
    let files = rust_files(&["src", "tests", "benches"])?;
    assert!(files.iter().any(|file| file == "src/lib.rs"), "the source was not found: nothing was checked");
    let mut complaints = Vec::new();
    for file in &files {
        complaints.extend(check(file, &fs::read_to_string(root().join(file))?));
        complaints.extend(check_name(file));
    }
    report(&complaints);
    Ok(())
}

#[test]
fn the_migrations_are_twins() -> io::Result<()> {
    let names = |store: &str| -> io::Result<BTreeSet<String>> {
        let folder = root().join("migrations").join(store);
        let files = if folder.is_dir() { files_below(&folder)? } else { Vec::new() };
        Ok(files
            .iter()
            .filter_map(|file| Some(file.strip_prefix(&folder).ok()?.to_string_lossy().into_owned()))
            .collect())
    };
    report(&check_twins(&names("sqlite")?, &names("postgres")?));
    Ok(())
}

fn report(complaints: &[Complaint]) {
    let lines: Vec<String> = complaints.iter().map(ToString::to_string).collect();
    assert!(lines.is_empty(), "{} broken rules:\n{}\n", lines.len(), lines.join("\n"));
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Paths from the root, with `/`; folders that do not exist are simply absent.
fn rust_files(folders: &[&str]) -> io::Result<Vec<String>> {
    let mut names = Vec::new();
    for folder in folders.iter().map(|folder| root().join(folder)).filter(|folder| folder.is_dir()) {
        for file in files_below(&folder)? {
            if file.extension().is_some_and(|extension| extension == "rs") {
                let name = file.strip_prefix(root()).unwrap_or(&file);
                names.push(name.to_string_lossy().replace('\\', "/"));
            }
        }
    }
    Ok(names)
}

fn files_below(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            files.extend(files_below(&path)?);
        } else {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}
