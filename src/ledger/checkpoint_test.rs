//! Checkpoints: the standard's example, every rule of the form, whom a reader trusts, and that no changed byte goes
//! unseen.

use super::checkpoint::{Checkpoint, CheckpointError, Origin, SignedCheckpoint, Trust};
use super::note::{NoteError, SignedNote};
use super::signed_examples::{LOG, cosigned, log, log_keys, origin, signed, signer, witness, witness_keys};
use super::tree::{Hash, MAXIMUM_TREE_SIZE, empty_root};
use proptest::prelude::*;

const ROOT: Hash = Hash::new([7; 32]);

/// The example of C2SP `tlog-cosignature`.
#[test]
fn the_example_of_the_standard_is_read_and_written_alike() {
    let text = "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n\n\
        — example.com/behind-the-sofa \
        Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=\n\
        — witness.example.com/w1 jWbPPwAAAABkGFDLEZMHwSRaJNiIDoe9DYn/zXcrtPHeolMI5OWXEhZCB9dlrDJsX3b2oyin1nPZ\
        qhf5nNo0xUe+mbIUBkBIfZ+qnA==\n";
    let read = SignedCheckpoint::parse(text.as_bytes()).unwrap();
    let Checkpoint { origin, size, root } = read.unverified();
    assert_eq!((origin.as_str(), *size), ("example.com/behind-the-sofa", 20_852_163));
    assert_eq!(root.to_string(), "CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=");
    assert_eq!(read.to_string(), text);
    let cosignature = &read.note().signatures()[1];
    assert_eq!(cosignature.signature()[..8], 1_679_315_147_u64.to_be_bytes());
}

#[test]
fn ours_have_three_lines_and_are_signed_by_a_key_that_is_named_like_the_log() {
    let checkpoint = Checkpoint { origin: origin(), size: 3, root: ROOT };
    assert_eq!(checkpoint.text(), format!("{LOG}\n3\n{ROOT}\n"));
    let note = checkpoint.sign(&log()).unwrap();
    assert_eq!(SignedCheckpoint::parse(note.to_string().as_bytes()), Ok(note));
    assert_eq!(checkpoint.sign(&signer("example.org/other", 1)), Err(CheckpointError::SignerName));
    let beyond = Checkpoint { size: MAXIMUM_TREE_SIZE + 1, ..checkpoint.clone() };
    assert_eq!(beyond.sign(&log()), Err(CheckpointError::Size));
    let empty = Checkpoint { size: 0, ..checkpoint };
    assert_eq!(empty.sign(&log()), Err(CheckpointError::Root));
    assert!(Checkpoint { root: empty_root(), ..empty }.sign(&log()).is_ok());
}

#[test]
fn a_text_of_another_form_is_no_checkpoint() {
    let fine = format!("{LOG}\n3\n{ROOT}\n");
    let long = format!("{}\n3\n{ROOT}\n", "o".repeat(256));
    for (text, expected) in [
        (String::new(), CheckpointError::Lines),
        (format!("{LOG}\n3\n"), CheckpointError::Lines),
        (format!("{LOG}\n3\n{ROOT}"), CheckpointError::Lines),
        (format!("{fine}\n"), CheckpointError::Lines),
        (format!("{fine}an extension\n\n"), CheckpointError::Lines),
        (format!("{fine}\nan extension\n"), CheckpointError::Lines),
        (format!("{fine}an extension"), CheckpointError::Lines),
        (format!("\n3\n{ROOT}\n"), CheckpointError::Origin),
        (long, CheckpointError::Origin),
        (format!("{LOG}\n03\n{ROOT}\n"), CheckpointError::Size),
        (format!("{LOG}\n+3\n{ROOT}\n"), CheckpointError::Size),
        (format!("{LOG}\n\n{ROOT}\n"), CheckpointError::Size),
        (format!("{LOG}\n9223372036854775808\n{ROOT}\n"), CheckpointError::Size),
        (format!("{LOG}\n0\n{ROOT}\n"), CheckpointError::Root),
        (format!("{LOG}\n3\n{ROOT} \n"), CheckpointError::Root),
        (format!("{LOG}\n3\nAAAA\n"), CheckpointError::Root),
    ] {
        assert_eq!(Checkpoint::parse(&text), Err(expected), "{text:?}");
    }
    assert!(Checkpoint::parse(&format!("{LOG}\n9223372036854775807\n{ROOT}\n")).is_ok());
    assert!("an origin with spaces, and a +".parse::<Origin>().is_ok(), "the standard only advises against them");
}

#[test]
fn extension_lines_of_others_are_passed_over_and_covered_by_the_signature() {
    let text = format!("{LOG}\n3\n{ROOT}\nan extension\n— another\n");
    let note = SignedNote::new(text.clone(), log().sign(&text).unwrap()).unwrap();
    let mut read = SignedCheckpoint::parse(note.to_string().as_bytes()).unwrap();
    assert_eq!(read.unverified(), &Checkpoint { origin: origin(), size: 3, root: ROOT });
    let line = witness(0).cosign(&read, 5).unwrap();
    assert_eq!(read.adopt(vec![line], &witness_keys(1)), Ok(1));
    let (origin, log_keys, witness_keys) = (origin(), log_keys(), witness_keys(1));
    let trust = Trust { origin: &origin, log_keys: &log_keys, witness_keys: &witness_keys, quorum: 1 };
    assert!(read.open(&trust).is_ok());
    let changed = read.to_string().replace("an extension", "no extension");
    let changed = SignedCheckpoint::parse(changed.as_bytes()).unwrap();
    assert!(matches!(changed.open(&trust), Err(CheckpointError::Note(NoteError::WrongSignature { .. }))));
}

#[test]
fn a_reader_asks_for_the_log_and_a_quorum_of_distinct_witnesses() {
    let (origin, log_keys, three) = (origin(), log_keys(), witness_keys(3));
    let trust = |quorum| Trust { origin: &origin, log_keys: &log_keys, witness_keys: &three, quorum };
    let two = cosigned(3, ROOT, 2);
    let opened = two.open(&trust(2)).unwrap();
    assert_eq!((opened.checkpoint, opened.log.len()), (two.unverified(), 1));
    let times: Vec<_> = opened.witnesses.iter().map(|signed| signed.cosigned_at).collect();
    assert_eq!(times, [Some(1_000), Some(1_001)]);
    assert_eq!(two.open(&trust(3)), Err(CheckpointError::Quorum { found: 2, wanted: 3 }));
    assert!(signed(3, ROOT).open(&trust(0)).is_ok());
    assert_eq!(signed(3, ROOT).open(&trust(1)), Err(CheckpointError::Quorum { found: 0, wanted: 1 }));

    let other: Origin = "example.org/other".parse().unwrap();
    let elsewhere = Trust { origin: &other, ..trust(0) };
    assert_eq!(two.open(&elsewhere), Err(CheckpointError::OtherLog(origin.clone())));
    let nobody = Trust { log_keys: &[], ..trust(2) };
    assert_eq!(two.open(&nobody), Err(CheckpointError::Note(NoteError::Unsigned)), "witnesses are not the log");

    // A plain signature by a witness's key is none, and one key under two names is one witness.
    let plain = signer("plain.example.org", 50);
    let mut note = two.clone();
    let keys = [three.as_slice(), &[plain.verifier_key().clone()]].concat();
    assert_eq!(note.adopt(vec![plain.sign(note.note().unverified_text()).unwrap()], &keys), Ok(1));
    let wide = Trust { witness_keys: &keys, ..trust(3) };
    assert_eq!(note.open(&wide), Err(CheckpointError::Quorum { found: 2, wanted: 3 }));
}

#[test]
fn one_key_under_two_names_is_one_witness() {
    use super::cosignature::Cosigner;
    use super::ed25519::SigningSeed;
    let named = |name: &str| Cosigner::new(name.parse().unwrap(), &SigningSeed::new([9; 32])).unwrap();
    let twins = [named("a.example.org"), named("b.example.org")];
    let keys: Vec<_> = twins.iter().map(|twin| twin.verifier_key().clone()).collect();
    let mut note = signed(3, ROOT);
    let lines = twins.iter().map(|twin| twin.cosign(&note, 1).unwrap()).collect();
    assert_eq!(note.adopt(lines, &keys), Ok(2));
    let (origin, log_keys) = (origin(), log_keys());
    let trust = Trust { origin: &origin, log_keys: &log_keys, witness_keys: &keys, quorum: 2 };
    assert_eq!(note.open(&trust), Err(CheckpointError::Quorum { found: 1, wanted: 2 }));
}

proptest! {
    #[test]
    fn no_changed_byte_goes_unseen(
        size in 1..=MAXIMUM_TREE_SIZE, root: [u8; 32], place: prop::sample::Index, change in 1_u8..=255,
    ) {
        let (origin, log_keys, witness_keys) = (origin(), log_keys(), witness_keys(2));
        let trust = Trust { origin: &origin, log_keys: &log_keys, witness_keys: &witness_keys, quorum: 2 };
        let opens = |bytes: &[u8]| SignedCheckpoint::parse(bytes).is_ok_and(|read| read.open(&trust).is_ok());
        let mut bytes = cosigned(size, Hash::new(root), 2).to_string().into_bytes();
        prop_assert!(opens(&bytes));
        let place = place.index(bytes.len());
        bytes[place] ^= change;
        prop_assert!(!opens(&bytes));
        bytes.truncate(place);
        prop_assert!(!opens(&bytes));
    }
}
