//! Statements: the fixed files of `tests/vectors/log/`, that nobody is missing among the signers, and what follows from several.

use super::checkpoint::{Checkpoint, CheckpointError, SignedCheckpoint};
use super::ed25519::SigningSeed;
use super::key_chain::KeyChain;
use super::note::{NoteError, NoteSigner, SignedNote};
use super::note_key::VerifierKey;
use super::statement::{KeyRotation, NewOrigin, ReasonCode, SignedStatement, Statement, StatementError};
use super::tree::{Hash, subtree_root};
use super::witness::TreeHead;
use proptest::prelude::*;

const ROTATION: &str = include_str!("../../tests/vectors/log/statement-key-rotation");
const NEW_ORIGIN: &str = include_str!("../../tests/vectors/log/statement-new-origin");
const OLD_KEY_LOST: &str = include_str!("../../tests/vectors/log/statement-new-origin-old-key-lost");
const CHECKPOINT: &str = include_str!("../../tests/vectors/log/checkpoint");
const HASH_TILE: &[u8] = include_bytes!("../../tests/vectors/log/tile-0-000.p-3");

const LOG: &str = "log.example.org/cairn";
const NEXT: &str = "log.example.org/cairn-2";
/// 2025-11-22T08:26:40Z
const STATED_AT: i64 = 1_763_800_000_000_000;

fn signer(name: &str, seed: u8) -> NoteSigner {
    NoteSigner::new(name.parse().unwrap(), &SigningSeed::new([seed; 32])).unwrap()
}

fn key(name: &str, seed: u8) -> VerifierKey {
    signer(name, seed).verifier_key().clone()
}

fn head(size: usize) -> TreeHead {
    let hashes = super::tiles::decode_hash_tile(HASH_TILE, 3).unwrap();
    TreeHead { size: size as u64, root: subtree_root(&hashes[..size]) }
}

fn rotation(old: u8, new: u8, size: u64) -> Statement {
    Statement::KeyRotation(KeyRotation {
        origin: LOG.parse().unwrap(),
        old_key: key(LOG, old),
        new_key: key(LOG, new),
        last: TreeHead { size, root: head(3).root },
        stated_at: STATED_AT,
    })
}

fn new_origin(old: Option<u8>) -> Statement {
    Statement::NewOrigin(NewOrigin {
        old_origin: LOG.parse().unwrap(),
        old_key: old.map(|seed| key(LOG, seed)),
        last_signed: head(3),
        new_origin: NEXT.parse().unwrap(),
        new_key: key(NEXT, 4),
        goes_on: head(2),
        stated_at: STATED_AT + 86_400_000_000,
        reason: "restored-old-backup".parse().unwrap(),
    })
}

fn rotated(old: u8, new: u8, size: u64) -> SignedStatement {
    rotation(old, new, size).sign(Some(&signer(LOG, old)), &signer(LOG, new)).unwrap()
}

fn checkpoint(size: u64, seed: u8) -> SignedCheckpoint {
    let root = Hash::new([7; 32]);
    Checkpoint { origin: LOG.parse().unwrap(), size, root }.sign(&signer(LOG, seed)).unwrap()
}

#[test]
fn statements_are_written_and_read_as_they_were_promised() {
    let (old, next) = (signer(LOG, 3), signer(NEXT, 4));
    for (vector, signed) in [
        (ROTATION, rotated(1, 3, 3)),
        (NEW_ORIGIN, new_origin(Some(3)).sign(Some(&old), &next).unwrap()),
        (OLD_KEY_LOST, new_origin(None).sign(None, &next).unwrap()),
    ] {
        assert_eq!(signed.to_string(), vector);
        assert_eq!(SignedStatement::parse(vector.as_bytes()), Ok(signed));
        assert!(SignedCheckpoint::parse(vector.as_bytes()).is_err(), "a statement is no checkpoint");
    }
    assert!(SignedStatement::parse(CHECKPOINT.as_bytes()).is_err(), "a checkpoint is no statement");
}

#[test]
fn a_statement_that_one_of_its_keys_has_not_signed_is_forged() {
    let lines: Vec<&str> = ROTATION.split_inclusive('\n').collect();
    let (text, signatures) = lines.split_at(lines.len() - 2);
    for (kept, missing) in [(signatures[0], key(LOG, 3)), (signatures[1], key(LOG, 1))] {
        let forged = text.concat() + kept;
        let error = SignedStatement::parse(forged.as_bytes()).unwrap_err();
        assert_eq!(error, StatementError::Unsigned(Box::new(missing)));
    }
    // Whoever stole nothing but the new key cannot speak for the old one by signing twice.
    let statement = rotation(1, 3, 3);
    assert!(statement.sign(Some(&signer(LOG, 5)), &signer(LOG, 3)).is_err());
    assert!(statement.sign(None, &signer(LOG, 3)).is_err());
    let text = statement.to_string();
    let mut note = SignedNote::new(text.clone(), signer(LOG, 5).sign(&text).unwrap()).unwrap();
    note.adopt(vec![signer(LOG, 3).sign(&text).unwrap()], &[key(LOG, 3)]).unwrap();
    let forged = SignedStatement::parse(note.to_string().as_bytes());
    assert_eq!(forged, Err(StatementError::Unsigned(Box::new(key(LOG, 1)))));
}

#[test]
fn a_text_of_another_form_is_no_statement() {
    for (vector, from, to) in [
        (rotation(1, 3, 3).to_string(), "v1", "v2"),
        (rotation(1, 3, 3).to_string(), "key rotation", "key"),
        (rotation(1, 3, 3).to_string(), "\n3 ", "\n03 "),
        (rotation(1, 3, 3).to_string(), "000000Z", "0000000Z"),
        (rotation(1, 3, 3).to_string(), "Z\n", "Z\n\n"),
        (rotation(1, 3, 3).to_string(), "\n3 ", "\n9223372036854775808 "),
        (rotation(1, 3, 3).to_string(), "rotation\nlog", "rotation\nother"),
        (rotation(1, 3, 3).to_string(), &key(LOG, 3).to_string(), &key(LOG, 1).to_string()),
        (rotation(1, 3, 3).to_string(), &key(LOG, 3).to_string(), &key(NEXT, 3).to_string()),
        (new_origin(Some(3)).to_string(), "restored-old-backup", "Morgan Sample"),
        (new_origin(Some(3)).to_string(), "restored-old-backup", ""),
        (new_origin(Some(3)).to_string(), "\nlog.example.org/cairn-2\n", "\nlog.example.org/cairn\n"),
        (new_origin(None).to_string(), "lost", "gone"),
    ] {
        let changed = vector.replacen(from, to, 1);
        assert_ne!(changed, vector);
        assert!(Statement::parse(&vector).is_ok());
        assert!(Statement::parse(&changed).is_err(), "{changed}");
    }
    let longest = "a".repeat(64);
    assert!(longest.parse::<ReasonCode>().is_ok());
    assert!(format!("{longest}a").parse::<ReasonCode>().is_err());
}

#[test]
fn whoever_holds_the_first_key_follows_the_log_to_its_last() {
    let mut chain = KeyChain::beginning_with(key(LOG, 1)).unwrap();
    for statement in [rotated(1, 3, 10), rotated(3, 5, 20)] {
        chain.follow(&statement).unwrap();
    }
    assert_eq!(chain.current(), Some(&key(LOG, 5)));
    let sizes: Vec<_> = chain.keys().iter().map(|one| (one.from, one.until)).collect();
    assert_eq!(sizes, [(0, Some(10)), (10, Some(20)), (20, None)]);
    for (size, seed, expected) in [
        (1, 1, Ok(1)),
        (10, 1, Ok(1)),
        (11, 1, Err(CheckpointError::KeyOutOfTime { size: 11 })),
        (9, 3, Err(CheckpointError::KeyOutOfTime { size: 9 })),
        (10, 3, Ok(3)),
        (20, 3, Ok(3)),
        (21, 3, Err(CheckpointError::KeyOutOfTime { size: 21 })),
        (900, 5, Ok(5)),
        (900, 9, Err(CheckpointError::Note(NoteError::Unsigned))),
    ] {
        let signed = checkpoint(size, seed);
        let found = chain.signer_of(&signed).map(|one| one.key.clone());
        assert_eq!(found, expected.map(|seed| key(LOG, seed)), "{size} by {seed}");
    }
}

#[test]
fn what_does_not_follow_changes_nothing() {
    let mut chain = KeyChain::beginning_with(key(LOG, 1)).unwrap();
    chain.follow(&rotated(1, 3, 10)).unwrap();
    let before = chain.clone();
    for statement in [rotated(1, 5, 20), rotated(5, 6, 20), rotated(3, 5, 9), rotated(3, 1, 20)] {
        assert!(matches!(chain.follow(&statement), Err(StatementError::DoesNotFollow(_))), "{statement}");
        assert_eq!(chain, before);
    }
    let mut elsewhere = KeyChain::beginning_with(key(NEXT, 4)).unwrap();
    elsewhere.follow(&rotated(1, 3, 10)).unwrap();
    assert_eq!(elsewhere, KeyChain::beginning_with(key(NEXT, 4)).unwrap(), "another log's");

    let mut chain = KeyChain::beginning_with(key(LOG, 1)).unwrap();
    for vector in [ROTATION, NEW_ORIGIN] {
        chain.follow(&SignedStatement::parse(vector.as_bytes()).unwrap()).unwrap();
    }
    assert_eq!(chain.ended().map(|ended| ended.new_key.clone()), Some(key(NEXT, 4)));
    assert!(chain.follow(&rotated(3, 5, 20)).is_err(), "nothing follows the end");
}

proptest! {
    #[test]
    fn no_changed_byte_of_a_statement_goes_unseen(place: prop::sample::Index, change in 1_u8..=255, which in 0_usize..3) {
        let mut bytes = [ROTATION, NEW_ORIGIN, OLD_KEY_LOST][which].as_bytes().to_vec();
        let place = place.index(bytes.len());
        bytes[place] ^= change;
        prop_assert!(SignedStatement::parse(&bytes).is_err());
        bytes.truncate(place);
        prop_assert!(SignedStatement::parse(&bytes).is_err());
    }
}
