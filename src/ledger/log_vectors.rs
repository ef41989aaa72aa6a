//! The fixed files of `tests/vectors/log/` against this folder: keys, checkpoint, proof, tiles and request of a log of three
//! leaves come out byte for byte, and are believed.

use super::Leaf;
use super::checkpoint::{Checkpoint, SignedCheckpoint, Trust};
use super::consistency::consistency_proof;
use super::cosignature::Cosigner;
use super::ed25519::SigningSeed;
use super::inclusion::inclusion_proof;
use super::note::NoteSigner;
use super::note_key::VerifierKey;
use super::tile_path::{entry_bundles, hash_tiles};
use super::tiles::{decode_entry_bundle, decode_hash_tile, encode_entry_bundle, encode_hash_tile};
use super::tlog_proof::TlogProof;
use super::tree::{Hash, NodeId, leaf_hash, subtree_root};
use super::witness::{AddCheckpoint, TreeHead, WitnessedLog};
use std::convert::Infallible;

const KEYS: &str = include_str!("../../tests/vectors/log/keys");
const CHECKPOINT: &str = include_str!("../../tests/vectors/log/checkpoint");
const PROOF: &str = include_str!("../../tests/vectors/log/leaf-1.tlog-proof");
const HASH_TILE: &[u8] = include_bytes!("../../tests/vectors/log/tile-0-000.p-3");
const ENTRIES: &[u8] = include_bytes!("../../tests/vectors/log/tile-entries-000.p-3");
const ADD_CHECKPOINT: &str = include_str!("../../tests/vectors/log/add-checkpoint");

/// When the witness cosigned.
const COSIGNED_AT: u64 = 1_763_800_000;

/// The keys of the log and of its witness.
fn keys() -> [VerifierKey; 2] {
    let keys: Vec<VerifierKey> = KEYS.lines().map(|line| line.parse().unwrap()).collect();
    keys.try_into().unwrap()
}

fn hashes() -> Vec<Hash> {
    decode_entry_bundle(ENTRIES, 3).unwrap().into_iter().map(leaf_hash).collect()
}

fn fetch(NodeId { height, index }: NodeId) -> Result<Hash, Infallible> {
    let start = (index as usize) << height;
    Ok(subtree_root(&hashes()[start..start + (1 << height)]))
}

#[test]
fn the_checkpoint_is_signed_and_cosigned_as_it_was_promised() {
    let [log_key, witness_key] = keys();
    let log = NoteSigner::new(log_key.name().clone(), &SigningSeed::new([1; 32])).unwrap();
    let witness = Cosigner::new(witness_key.name().clone(), &SigningSeed::new([2; 32])).unwrap();
    assert_eq!((log.verifier_key(), witness.verifier_key()), (&log_key, &witness_key));
    let origin = log_key.name().as_str().parse().unwrap();
    let checkpoint = Checkpoint { origin, size: 3, root: subtree_root(&hashes()) };
    let mut signed = checkpoint.sign(&log).unwrap();
    let cosignature = witness.cosign(&signed, COSIGNED_AT).unwrap();
    signed.adopt(vec![cosignature], std::slice::from_ref(&witness_key)).unwrap();
    assert_eq!(signed.to_string(), CHECKPOINT);
    assert_eq!(SignedCheckpoint::parse(CHECKPOINT.as_bytes()), Ok(signed));
}

#[test]
fn the_proof_is_built_and_believed() {
    let [log_key, witness_key] = keys();
    let checkpoint = SignedCheckpoint::parse(CHECKPOINT.as_bytes()).unwrap();
    let proof = TlogProof::new(1, inclusion_proof(1, 3, &mut fetch).unwrap(), checkpoint).unwrap();
    assert_eq!(proof.to_string(), PROOF);
    let origin = log_key.name().as_str().parse().unwrap();
    let trust = Trust { origin: &origin, log_keys: &[log_key], witness_keys: &[witness_key], quorum: 1 };
    let read = TlogProof::parse(PROOF.as_bytes()).unwrap();
    let leaves = decode_entry_bundle(ENTRIES, 3).unwrap();
    assert_eq!(read.verify(leaves[1], &trust).unwrap().witnesses[0].cosigned_at, Some(COSIGNED_AT));
    assert!(read.verify(leaves[0], &trust).is_err());
}

#[test]
fn the_tiles_are_those_of_the_leaves() {
    let leaves = decode_entry_bundle(ENTRIES, 3).unwrap();
    assert!(leaves.iter().all(|leaf| Leaf::parse(leaf).is_ok()));
    assert_eq!(encode_entry_bundle(&leaves).unwrap(), ENTRIES);
    assert_eq!(encode_hash_tile(&hashes()).unwrap(), HASH_TILE);
    assert_eq!(decode_hash_tile(HASH_TILE, 3).unwrap(), hashes());
    let paths: Vec<_> = hash_tiles(3).chain(entry_bundles(3)).map(|tile| tile.to_string()).collect();
    assert_eq!(paths, ["tile/0/000.p/3", "tile/entries/000.p/3"]);
}

#[test]
fn the_request_is_built_and_accepted() {
    let [log_key, _] = keys();
    let log = NoteSigner::new(log_key.name().clone(), &SigningSeed::new([1; 32])).unwrap();
    let origin = log_key.name().as_str().parse().unwrap();
    let head = TreeHead { size: 3, root: subtree_root(&hashes()) };
    let signed = Checkpoint { origin, size: head.size, root: head.root }.sign(&log).unwrap();
    let request = AddCheckpoint::new(2, consistency_proof(2, 3, &mut fetch).unwrap(), signed).unwrap();
    assert_eq!(request.to_string(), ADD_CHECKPOINT);
    let read = AddCheckpoint::parse(ADD_CHECKPOINT.as_bytes()).unwrap();
    let latest = Some(TreeHead { size: 2, root: subtree_root(&hashes()[..2]) });
    assert_eq!(read.judge(Some(&WitnessedLog { origin: read.origin(), keys: &[log_key], latest })), Ok(head));
}
