//! An export that was changed after it was made: any bit, any file. And one whose list of files was made anew after the change,
//! so that only what was signed speaks against it.

use crate::auditing::{BOTH, as_organisation, files, fill, record_people, verified, wrong};
use crate::binary::Place;
use crate::support::Backend;
use cairn::app::audit::{Auditor, Report, verify_folder};
use cairn::app::words::Personal;
use cairn::ledger::archive::{EventLine, ListedFile, Manifest, Observed, ObservedPart, PartState};
use cairn::ledger::{
    Checkpoint, Frontier, KeyName, Leaf, NoteSigner, PartName, Salt, SigningSeed, commit, encode_entry_bundle,
    encode_hash_tile, leaf_hash,
};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use serde_json::json;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use tempfile::TempDir;
use uuid::Uuid;

/// Files up to this size are changed at every byte, others at so many places.
const EACH_BYTE_OF: usize = 300;
const PLACES: usize = 100;
/// Where more is done for each, in every file.
const FEW_PLACES: usize = 40;

type Files = BTreeMap<String, Vec<u8>>;

async fn exported(more: usize) -> (Place, PathBuf) {
    let place = Place::new(Backend::Sqlite).await;
    fill(&place, more).await;
    place.run(&["export", "--quiet", "--out", "export"]).expect_status(0);
    let folder = place.file("export");
    (place, folder)
}

/// Both logs, of which that of accesses has some.
async fn both_exported(more: usize) -> (Place, PathBuf) {
    let (place, folder) = exported(more).await;
    std::fs::remove_dir_all(&folder).unwrap();
    place.run(&[&["export", "--quiet", "--out", "export"], &BOTH[..]].concat()).expect_status(0);
    (place, folder)
}

fn verify(folder: &Path) -> Report {
    verify_folder(folder, &Auditor::default(), &mut |_| {}).unwrap()
}

/// Whether the report tells something of this file.
fn names(report: &Report, path: &str) -> bool {
    report.findings.told().iter().any(|finding| finding.place.starts_with(path))
}

/// Places in a file to be changed.
fn places(bytes: &[u8], each_byte_of: usize, many: usize, random: &mut StdRng) -> Vec<usize> {
    if bytes.len() <= each_byte_of {
        (0..bytes.len()).collect()
    } else {
        (0..many).map(|_| random.random_range(0..bytes.len())).collect()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_flipped_bit_anywhere_is_found_and_named() {
    let (place, folder) = both_exported(0).await;
    let mut random = StdRng::seed_from_u64(11);
    let mut flips = 0;
    for (path, bytes) in files(&folder) {
        for at in places(&bytes, EACH_BYTE_OF, PLACES, &mut random) {
            let mut changed = bytes.clone();
            changed[at] ^= 1 << random.random_range(0..8);
            std::fs::write(folder.join(&path), &changed).unwrap();
            let report = verify(&folder);
            assert!(names(&report, &path), "byte {at} of {path}: {:?}", report.findings);
            flips += 1;
        }
        wrong(&place, &["export"], if path == "manifest.json" { "manifest" } else { "file_differs" });
        std::fs::write(folder.join(&path), bytes).unwrap();
    }
    assert!(flips > 500, "only {flips} bits were flipped");
    verified(&place, &["export"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_that_is_removed_added_cut_lengthened_or_exchanged_is_named() {
    let (place, folder) = exported(1_010).await;
    let all = files(&folder);
    assert!(all.len() > 14, "several tiles, bundles and files of events");
    let paths: Vec<&String> = all.keys().filter(|path| *path != "manifest.json").collect();
    for path in &paths {
        let bytes = &all[*path];
        let whole = folder.join(path);
        std::fs::remove_file(&whole).unwrap();
        assert!(names(&verify(&folder), path), "{path} removed");
        std::fs::create_dir(&whole).unwrap();
        assert!(names(&verify(&folder), path), "{path} is a folder");
        std::fs::remove_dir(&whole).unwrap();
        for other in [&bytes[..bytes.len() - 1], &[bytes.as_slice(), b"\n"].concat()] {
            std::fs::write(&whole, other).unwrap();
            assert!(names(&verify(&folder), path), "{path} of {} bytes", other.len());
        }
        std::fs::write(&whole, bytes).unwrap();
    }
    for pair in paths.windows(2) {
        std::fs::write(folder.join(pair[0]), &all[pair[1]]).unwrap();
        std::fs::write(folder.join(pair[1]), &all[pair[0]]).unwrap();
        let report = verify(&folder);
        assert!(names(&report, pair[0]) && names(&report, pair[1]), "{pair:?}");
        for path in pair {
            std::fs::write(folder.join(path), &all[*path]).unwrap();
        }
    }
    for extra in ["letter.txt", "outcomes/tile/0/999", "outcomes/events/.hidden"] {
        std::fs::write(folder.join(extra), "x").unwrap();
        assert!(names(&verify(&folder), extra), "{extra}");
        std::fs::remove_file(folder.join(extra)).unwrap();
    }
    std::fs::create_dir(folder.join("empty")).unwrap();
    assert!(names(&verify(&folder), "empty"));
    std::fs::remove_dir(folder.join("empty")).unwrap();
    std::os::unix::fs::symlink("/etc/hostname", folder.join("link")).unwrap();
    assert!(names(&verify(&folder), "link"));
    std::fs::remove_file(folder.join("link")).unwrap();
    std::fs::remove_file(folder.join("manifest.json")).unwrap();
    wrong(&place, &["export"], "file_missing");
    place.run(&["verify", "nowhere"]).expect_status(3);
}

/// The list of files, made anew for what they are now.
fn relisted(files: &Files) -> Vec<u8> {
    let manifest = Manifest::parse(&files["manifest.json"]).unwrap();
    let others = files.iter().filter(|(path, _)| *path != "manifest.json");
    let listed = others.map(|(path, bytes)| ListedFile::of(path, bytes)).collect();
    Manifest::new(manifest.view, manifest.opened, manifest.logs, listed).to_bytes().unwrap()
}

/// The places of a line of an event that nothing signed speaks about: what is sealed, and whose and by which key.
fn unsigned(line: &[u8]) -> Vec<std::ops::Range<usize>> {
    let text = String::from_utf8_lossy(line);
    let mut places = Vec::new();
    for field in ["\"bytes\":\"", "\"subject\":\"", "\"key_id\":\""] {
        for (at, _) in text.match_indices(field) {
            let start = at + field.len();
            places.push(start..start + text[start..].find('"').unwrap());
        }
    }
    places
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_change_is_found_even_where_the_list_of_files_was_made_anew() {
    let (_place, folder) = both_exported(240).await;
    let all = files(&folder);
    let mut random = StdRng::seed_from_u64(12);
    for (path, bytes) in all.iter().filter(|(path, _)| *path != "manifest.json") {
        for at in places(bytes, FEW_PLACES, FEW_PLACES, &mut random) {
            let start = bytes[..at].iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
            let line = bytes[start..].split_inclusive(|byte| *byte == b'\n').next().unwrap();
            if path.contains("/events/") && unsigned(line).iter().any(|range| range.contains(&(at - start))) {
                continue;
            }
            let mut changed = all.clone();
            changed.get_mut(path).unwrap()[at] ^= 1 << random.random_range(0..8);
            std::fs::write(folder.join(path), &changed[path]).unwrap();
            std::fs::write(folder.join("manifest.json"), relisted(&changed)).unwrap();
            let report = verify(&folder);
            assert!(report.findings.total() > 0, "byte {at} of {path}");
            let checkpoint = path.strip_suffix("/key").map(|log| format!("{log}/checkpoint"));
            let named = names(&report, path) || checkpoint.is_some_and(|checkpoint| names(&report, &checkpoint));
            assert!(named, "byte {at} of {path}: {:?}", report.findings);
        }
        std::fs::write(folder.join(path), bytes).unwrap();
    }
    std::fs::write(folder.join("manifest.json"), &all["manifest.json"]).unwrap();
    assert_eq!(verify(&folder).findings.total(), 0);
}

/// Rewrites the history of a small whole export and signs it again: what somebody does who has the signer's key.
fn rewrite(folder: &Path, pem: &Path, change: impl Fn(&mut Vec<(Leaf, Observed)>)) {
    let mut all = files(folder);
    let events = all.keys().find(|path| path.contains("/events/")).unwrap().clone();
    let mut log: Vec<_> = all[&events]
        .split_inclusive(|byte| *byte == b'\n')
        .map(|line| EventLine::read(line).unwrap())
        .map(|observed| (Leaf::parse(&observed.leaf).unwrap(), observed))
        .collect();
    change(&mut log);
    let (mut edge, mut lines, mut leaves) = (Frontier::new(), Vec::new(), Vec::new());
    for (leaf, mut observed) in log {
        observed.leaf = leaf.encode().unwrap();
        observed.columns.recorded_at = cairn::app::words::Timestamp::from_micros(leaf.recorded_at_micros);
        lines.extend(EventLine::write(&observed).unwrap());
        drop(edge.push(leaf_hash(&observed.leaf)).unwrap());
        leaves.push(observed.leaf);
    }
    let manifest = Manifest::parse(&all["manifest.json"]).unwrap();
    let mut log = manifest.logs[0].clone();
    let name: KeyName = log.origin.parse().unwrap();
    let seed = cairn::app::auth::SigningKey::open(pem).unwrap().unwrap().seed().unwrap();
    let signer = NoteSigner::new(name, &SigningSeed::new(*seed)).unwrap();
    let checkpoint = Checkpoint { origin: log.origin.parse().unwrap(), size: edge.size(), root: edge.root() };
    let size = edge.size();
    all.retain(|path, _| !["/tile/", "/events/", "/checkpoints/"].iter().any(|part| path.contains(part)));
    let hashes: Vec<_> = leaves.iter().map(|leaf| leaf_hash(leaf)).collect();
    all.insert(format!("outcomes/tile/0/000.p/{size}"), encode_hash_tile(&hashes).unwrap());
    all.insert(format!("outcomes/tile/entries/000.p/{size}"), encode_entry_bundle(&leaves).unwrap());
    all.insert(format!("outcomes/events/000000000000.p/{size}.ndjson"), lines);
    all.insert("outcomes/checkpoint".to_owned(), checkpoint.sign(&signer).unwrap().to_string().into_bytes());
    (log.size, log.root, log.checkpoints) = (size, edge.root().to_string(), 0);
    let rewritten = Manifest::new(manifest.view.clone(), manifest.opened, vec![log], Vec::new());
    all.insert("manifest.json".to_owned(), rewritten.to_bytes().unwrap());
    let manifest = relisted(&all);
    all.insert("manifest.json".to_owned(), manifest);
    std::fs::remove_dir_all(folder).unwrap();
    for (path, bytes) in all {
        std::fs::create_dir_all(folder.join(&path).parent().unwrap()).unwrap();
        std::fs::write(folder.join(&path), bytes).unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_history_that_was_rewritten_and_signed_again_is_caught_by_an_earlier_checkpoint() {
    let (place, folder) = exported(0).await;
    let november = place.file("november.checkpoint");
    std::fs::copy(folder.join("outcomes/checkpoint"), &november).unwrap();
    let november = november.display().to_string();
    let pem = place.file("signer/outcomes.pem");
    let against = ["export", "--checkpoint", &november];
    verified(&place, &against);

    // A moment later: nothing but the earlier checkpoint can know.
    rewrite(&folder, &pem, |log| log[20].0.recorded_at_micros += 1);
    verified(&place, &["export"]);
    let answer = wrong(&place, &against, "rewritten_since_checkpoint");
    assert!(answer["findings"][0]["place"].as_str().unwrap().contains("november.checkpoint"), "{answer:#}");

    // The last event dropped.
    rewrite(&folder, &pem, |log| drop(log.pop()));
    verified(&place, &["export"]);
    wrong(&place, &against, "truncated");

    // Dated back, exchanged, left out, counted anew: the log contradicts itself.
    rewrite(&folder, &pem, |log| log[15].0.recorded_at_micros -= 3_600_000_000);
    wrong(&place, &["export"], "time_went_back");
    rewrite(&folder, &pem, |log| log[14].0.organisation_counter += 1);
    wrong(&place, &["export"], "organisation_counter");
    rewrite(&folder, &pem, |log| log[14].0.version += 1);
    wrong(&place, &["export"], "stream_version");
    rewrite(&folder, &pem, |log| log.swap(13, 14));
    wrong(&place, &["export"], "position_gap");
    rewrite(&folder, &pem, |log| drop(log.remove(13)));
    wrong(&place, &["export"], "position_gap");
}

/// The first event with words, and its words gone.
fn without_words(log: &mut [(Leaf, Observed)]) -> (Leaf, Observed) {
    let is_words = |part: &&mut ObservedPart| part.name == "words";
    let (leaf, observed) =
        log.iter_mut().find(|(_, observed)| observed.parts.iter().any(|part| part.name == "words")).unwrap();
    observed.parts.iter_mut().find(is_words).unwrap().state = PartState::Missing;
    (leaf.clone(), observed.clone())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn words_may_be_gone_only_where_a_later_erasure_covers_them() {
    let (place, folder) = exported(0).await;
    let pem = place.file("signer/outcomes.pem");
    rewrite(&folder, &pem, |log| drop(without_words(log)));
    wrong(&place, &["export"], "part_missing");
    let erased = |log: &mut Vec<(Leaf, Observed)>| {
        let (gone, _) = without_words(log);
        let (mut leaf, mut observed) =
            log.iter().rfind(|(leaf, _)| leaf.organisation == gone.organisation).unwrap().clone();
        let facts = json!({"body": {"classes": ["identity", "words"], "covers": [{"stream": gone.stream.0,
            "through_version": gone.version}], "legal_basis": "consent-withdrawn", "request": Uuid::nil(),
            "subject": Uuid::nil()}, "header": {"client": "care-system", "occurred_at": "2026-11-24"}});
        let facts = serde_json_canonicalizer::to_vec(&facts).unwrap();
        let salt = Salt::new([5; 32]);
        let last = &log.last().unwrap().0;
        (leaf.position, leaf.recorded_at_micros) = (last.position + 1, last.recorded_at_micros + 1);
        (leaf.organisation_counter, leaf.version) = (leaf.organisation_counter + 1, 0);
        leaf.event.0 = Uuid::from_u128(1);
        leaf.stream.0 = Uuid::from_u128(2);
        leaf.event_type = "ErasureExecuted".into();
        leaf.parts = vec![(PartName::FACTS, commit(&salt, &leaf.event, &PartName::FACTS, &facts))];
        let columns = &mut observed.columns;
        (columns.position, columns.event, columns.stream) = (leaf.position, leaf.event.0, leaf.stream.0);
        (columns.organisation_counter, columns.version) = (leaf.organisation_counter, leaf.version);
        columns.name = "ErasureExecuted".to_owned();
        observed.parts.retain(|part| part.name == "facts");
        observed.parts[0].state = PartState::Clear { bytes: Personal::new(facts), salt };
        log.push((leaf, observed));
    };
    rewrite(&folder, &pem, erased);
    assert_eq!(verified(&place, &["export"])["logs"][0]["erased_parts"], 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keys_and_witnesses_are_the_auditors() {
    let (place, folder) = exported(0).await;
    let key = |name: &str, seed: u8| {
        NoteSigner::new(name.parse().unwrap(), &SigningSeed::new([seed; 32])).unwrap().verifier_key().to_string()
    };
    let (other, elsewhere) = (key("cairn/outcomes", 9), key("other/log", 9));
    for code in ["key", "signature"] {
        wrong(&place, &["export", "--key", &other], code);
    }
    wrong(&place, &["export", "--key", &elsewhere], "key");
    wrong(&place, &["export", "--witness", &key("witness.example", 1)], "quorum");
    verified(&place, &["export", "--witness", &key("witness.example", 1), "--quorum", "0"]);
    place.run(&["verify", "export", "--quorum", "1"]).expect_status(2);
    place.run(&["verify", "export", "--key", "nonsense"]).expect_status(2);
    place.run(&["verify", "export", "--checkpoint", "nowhere"]).expect_status(3);
    let garbled = folder.parent().unwrap().join("garbled");
    std::fs::write(&garbled, "not a checkpoint").unwrap();
    wrong(&place, &["export", "--checkpoint", garbled.to_str().unwrap()], "signature");
    // A checkpoint that the log signed after the export was made.
    let served = place.serve();
    record_people(&as_organisation(&place, &served.base, "RX1"), 2).await;
    assert_eq!(served.terminate(), Some(0));
    let later = TempDir::new().unwrap();
    place.run(&["export", "--quiet", "--out", later.path().to_str().unwrap()]).expect_status(0);
    let checkpoint = later.path().join("outcomes/checkpoint");
    wrong(&place, &["export", "--checkpoint", checkpoint.to_str().unwrap()], "truncated");
}
