//! The witness over its folder: what it remembers, what it keeps of a log that is caught, and that nothing leaves it before it
//! is written down.

use super::*;
use crate::app::FixedClock;
use crate::ledger::{
    Checkpoint, Hash, NodeId, NoteSigner, SignatureLine, SignedCheckpoint, consistency_proof, leaf_hash, subtree_root,
};
use std::convert::Infallible;

const LOG: &str = "log.example.org/cairn";

fn hashes(size: usize, salt: u8) -> Vec<Hash> {
    (0..size).map(|index| leaf_hash(&[salt, u8::try_from(index).unwrap()])).collect()
}

fn signer(seed: u8) -> NoteSigner {
    NoteSigner::new(LOG.parse().unwrap(), &SigningSeed::new([seed; 32])).unwrap()
}

fn signed(hashes: &[Hash], seed: u8) -> SignedCheckpoint {
    let checkpoint = Checkpoint { origin: LOG.parse().unwrap(), size: hashes.len() as u64, root: subtree_root(hashes) };
    checkpoint.sign(&signer(seed)).unwrap()
}

fn request(old: usize, hashes: &[Hash]) -> Vec<u8> {
    let mut fetch = |NodeId { height, index }| {
        let start = (index as usize) << height;
        Ok::<_, Infallible>(subtree_root(&hashes[start..start + (1 << height)]))
    };
    let proof =
        if old == 0 { Vec::new() } else { consistency_proof(old as u64, hashes.len() as u64, &mut fetch).unwrap() };
    AddCheckpoint::new(old as u64, proof, signed(hashes, 1)).unwrap().to_string().into_bytes()
}

fn open(folder: &Path, logs: &[String]) -> Result<Witness, WitnessError> {
    let logs = logs.iter().map(|text| text.parse().unwrap()).collect();
    let settings = WitnessSettings { folder: folder.to_owned(), name: None, logs, fresh_key: [9; 32] };
    Witness::open(settings, Arc::new(FixedClock::at("2026-11-24T12:00:00Z".parse().unwrap())))
}

fn vkey(seed: u8) -> String {
    signer(seed).verifier_key().to_string()
}

#[tokio::test]
async fn it_cosigns_what_goes_on_and_remembers_it_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let witness = open(folder.path(), &[vkey(1)]).unwrap();
    let key = witness.verifier_key().clone();
    let answer = witness.add_checkpoint(&request(0, &hashes(3, 0))).await.unwrap();
    let mut note = signed(&hashes(3, 0), 1);
    let lines = SignatureLine::parse_lines(answer.as_bytes()).unwrap();
    assert_eq!(note.adopt(lines, std::slice::from_ref(&key)), Ok(1), "the cosignature is over this checkpoint");
    drop(witness);

    let witness = open(folder.path(), &[vkey(1)]).unwrap();
    assert_eq!(*witness.verifier_key(), key);
    assert_eq!(verifier_key(folder.path()).unwrap(), Some(key));
    let stale = witness.add_checkpoint(&request(0, &hashes(5, 0))).await.unwrap_err();
    assert!(matches!(stale, Declined::Refused(WitnessRefusal::Stale { latest: 3 })), "{stale:?}");
    witness.add_checkpoint(&request(3, &hashes(5, 0))).await.unwrap();
    witness.add_checkpoint(&request(5, &hashes(5, 0))).await.unwrap();
}

#[tokio::test]
async fn a_log_that_is_caught_is_kept() {
    let folder = tempfile::tempdir().unwrap();
    let witness = open(folder.path(), &[vkey(1)]).unwrap();
    witness.add_checkpoint(&request(0, &hashes(3, 0))).await.unwrap();
    let evidence = |extension: &str| {
        let logs = std::fs::read_dir(folder.path().join("logs")).unwrap();
        let path = logs.map(|entry| entry.unwrap().path()).find(|path| path.extension().unwrap() == extension)?;
        Some(std::fs::read(path).unwrap())
    };
    // One size, another root.
    let fork = request(3, &hashes(3, 7));
    let refused = witness.add_checkpoint(&fork).await.unwrap_err();
    assert!(matches!(refused, Declined::Refused(WitnessRefusal::Fork { latest: 3 })), "{refused:?}");
    assert_eq!(evidence("fork").unwrap(), fork);
    assert_eq!(evidence("fork-of").unwrap(), signed(&hashes(3, 0), 1).to_string().into_bytes());
    witness.add_checkpoint(&request(3, &hashes(3, 8))).await.unwrap_err();
    assert_eq!(evidence("fork").unwrap(), fork, "the first proof stays");
    // A greater tree of another history.
    let other = request(3, &hashes(6, 7));
    let refused = witness.add_checkpoint(&other).await.unwrap_err();
    assert!(matches!(refused, Declined::Refused(WitnessRefusal::Proof(_))), "{refused:?}");
    assert_eq!(evidence("refused").unwrap(), other);
    assert_eq!(evidence("refused-of").unwrap(), evidence("checkpoint").unwrap());
    witness.add_checkpoint(&request(3, &hashes(4, 0))).await.unwrap();
}

#[tokio::test]
async fn nothing_is_cosigned_that_cannot_be_written_down() {
    let folder = tempfile::tempdir().unwrap();
    let witness = open(folder.path(), &[vkey(1)]).unwrap();
    witness.add_checkpoint(&request(0, &hashes(3, 0))).await.unwrap();
    let (logs, aside) = (folder.path().join("logs"), folder.path().join("aside"));
    std::fs::rename(&logs, &aside).unwrap();
    std::fs::write(&logs, "in the way").unwrap();
    let declined = witness.add_checkpoint(&request(3, &hashes(4, 0))).await.unwrap_err();
    assert!(matches!(declined, Declined::State(_)), "{declined:?}");
    std::fs::remove_file(&logs).unwrap();
    std::fs::rename(&aside, &logs).unwrap();
    witness.add_checkpoint(&request(3, &hashes(4, 0))).await.unwrap();
}

#[tokio::test]
async fn of_many_at_once_only_those_that_go_on_from_each_other_are_cosigned() {
    let folder = tempfile::tempdir().unwrap();
    let witness = Arc::new(open(folder.path(), &[vkey(1)]).unwrap());
    witness.add_checkpoint(&request(0, &hashes(3, 0))).await.unwrap();
    // Eight histories that all go on from the same three leaves: one of them may win.
    let tasks: Vec<_> = (0..8_u8)
        .map(|salt| {
            let (witness, mut all) = (Arc::clone(&witness), hashes(3, 0));
            all.push(leaf_hash(&[100 + salt]));
            tokio::spawn(async move { witness.add_checkpoint(&request(3, &all)).await.is_ok() })
        })
        .collect();
    let won = futures::future::join_all(tasks).await.into_iter().filter(|one| *one.as_ref().unwrap()).count();
    assert_eq!(won, 1);
}

#[test]
fn one_folder_has_one_witness_with_one_name() {
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(verifier_key(folder.path()).unwrap(), None);
    let witness = open(folder.path(), &[vkey(1), vkey(2)]).unwrap();
    assert_eq!(witness.origins().collect::<Vec<_>>(), [LOG], "two keys of one log");
    assert!(matches!(open(folder.path(), &[]), Err(WitnessError::Busy(_))));
    drop(witness);
    let named = |name: &str| {
        let settings = WitnessSettings {
            folder: folder.path().to_owned(),
            name: Some(name.to_owned()),
            logs: Vec::new(),
            fresh_key: [8; 32],
        };
        Witness::open(settings, Arc::new(FixedClock::at("2026-11-24T12:00:00Z".parse().unwrap())))
    };
    assert!(matches!(named("witness.example.org"), Err(WitnessError::Renamed { .. })));
    std::fs::remove_file(folder.path().join("witness.pem")).unwrap();
    assert!(matches!(open(folder.path(), &[]), Err(WitnessError::Key(KeyFileError::NoKey { .. }))), "a lost key");
}

#[test]
fn a_state_that_cannot_be_read_is_never_begun_anew() {
    let folder = tempfile::tempdir().unwrap();
    drop(open(folder.path(), &[vkey(1)]).unwrap());
    let name = hex::encode(<sha2::Sha256 as sha2::Digest>::digest(LOG.as_bytes()));
    let path = folder.path().join("logs").join(format!("{name}.checkpoint"));
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    for text in ["", "half a checkpoi", "example.org/other\n1\nAAAA\n"] {
        std::fs::write(&path, text).unwrap();
        assert!(matches!(open(folder.path(), &[vkey(1)]), Err(WitnessError::State(StateError::Unreadable { .. }))));
    }
    std::fs::remove_file(&path).unwrap();
    assert!(open(folder.path(), &[vkey(1)]).is_ok());
}

#[test]
fn a_log_is_told_by_its_key_and_maybe_its_origin() {
    let read = |text: &str| text.parse::<WatchedLog>().map(|log| log.origin.as_str().to_owned()).ok();
    assert_eq!(read(&vkey(1)), Some(LOG.to_owned()));
    assert_eq!(read(&format!("{}=another log = with signs", vkey(1))), Some("another log = with signs".to_owned()));
    let strange = NoteSigner::new("a=b/c".parse().unwrap(), &SigningSeed::new([1; 32])).unwrap();
    assert_eq!(read(&strange.verifier_key().to_string()), Some("a=b/c".to_owned()));
    let cosigner = Cosigner::new("w".parse().unwrap(), &SigningSeed::new([1; 32])).unwrap();
    for wrong in ["", LOG, &format!("{}=", vkey(1)), &cosigner.verifier_key().to_string()] {
        assert_eq!(read(wrong), None, "{wrong}");
    }
}
