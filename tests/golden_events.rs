//! Events are promises: every name and schema version that was ever written is still read, and what is written today is
//! what the golden files say.
#![cfg(test)]

use cairn::app::words::Facts;
use std::collections::BTreeSet;
use std::path::Path;

fn golden() -> Vec<(String, u32, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/events");
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        let Some(stem) = name.strip_suffix(".json") else { continue };
        let (event, schema) = stem.rsplit_once(".v").unwrap();
        let bytes = std::fs::read(&path).unwrap();
        let bytes = bytes.strip_suffix(b"\n").expect("a golden file ends with a line end").to_vec();
        files.push((event.to_owned(), schema.parse().unwrap(), bytes));
    }
    files
}

#[test]
fn every_golden_event_is_read_and_those_of_today_are_written_alike() {
    for (name, schema, bytes) in golden() {
        let (header, facts) =
            Facts::read(&name, schema, &bytes).unwrap_or_else(|error| panic!("{name}.v{schema}: {error}"));
        assert_eq!(facts.name(), name);
        if facts.schema() == schema {
            let written = facts.to_part(&header).unwrap();
            assert_eq!(String::from_utf8(written).unwrap(), String::from_utf8(bytes).unwrap(), "{name}.v{schema}");
        }
    }
}

#[test]
fn every_event_of_today_has_its_golden_file() {
    let files: BTreeSet<(String, u32)> = golden().into_iter().map(|(name, schema, _)| (name, schema)).collect();
    for (name, schema, _) in Facts::CATALOGUE {
        assert!(files.contains(&((*name).to_owned(), *schema)), "tests/events/{name}.v{schema}.json is missing");
    }
}

#[test]
fn what_is_not_known_is_said() {
    let bytes = br#"{"body":{},"header":{"client":"c","occurred_at":"2026"}}"#;
    assert!(Facts::read("OutcomeForgotten", 1, bytes).is_err());
    assert!(Facts::read("OutcomeReopened", 2, bytes).is_err());
    assert!(Facts::read("OutcomeReopened", 1, b"{}").is_err());
}
