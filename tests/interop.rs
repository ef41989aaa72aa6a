//! Verifiers that nobody here wrote accept what the ledger writes and refuse what was changed: the crates `signed_note`,
//! `tlog_tiles` and `ct-merkle`, and the `openssl` command, which must be there.
#![cfg(test)]

use cairn::ledger::{
    Checkpoint, Cosigner, Hash, KeyRotation, NodeId, NoteSigner, SignedCheckpoint, SignedStatement, SigningSeed,
    Statement, TILE_WIDTH, TileKind, TilePath, TreeHead, VerifierKey, consistency_proof, encode_hash_tile,
    entry_bundles, hash_tiles, inclusion_proof, leaf_hash, subtree_root,
};
use sha2::Sha256;
use signed_note::{Note, NoteError, StandardSigner, StandardVerifier, VerifierList};
use std::convert::Infallible;
use std::path::Path;
use std::process::Command;
use tlog_tiles::checkpoint::Checkpoint as OtherCheckpoint;
use tlog_tiles::tile::{Tile, TileHashReader, TileReader};
use tlog_tiles::tlog::{self, Hash as OtherHash};

const LOG: &str = "log.example.org/cairn";
/// More than one full tile, and a ragged edge.
const SIZE: u64 = 300;
/// When the witness cosigns.
const COSIGNED_AT: u64 = 1_763_800_000;

fn leaf(index: u64) -> Vec<u8> {
    format!("cairn-leaf/v1\npos {index}\n").into_bytes()
}

/// A log held in memory.
struct Log {
    hashes: Vec<Hash>,
}

impl Log {
    fn new(size: u64) -> Self {
        Self { hashes: (0..size).map(|index| leaf_hash(&leaf(index))).collect() }
    }
    fn root(&self, size: u64) -> Hash {
        subtree_root(&self.hashes[..size as usize])
    }
    fn node(&self, node: NodeId) -> Result<Hash, Infallible> {
        let start = (node.index as usize) << node.height;
        Ok(subtree_root(&self.hashes[start..start + (1 << node.height)]))
    }
    fn inclusion(&self, index: u64, size: u64) -> Vec<Hash> {
        inclusion_proof(index, size, &mut |node| self.node(node)).unwrap()
    }
    fn consistency(&self, first: u64, second: u64) -> Vec<Hash> {
        consistency_proof(first, second, &mut |node| self.node(node)).unwrap()
    }
    /// What stands at a path.
    fn tile(&self, tile: TilePath) -> Vec<u8> {
        let TileKind::Hashes { level } = tile.kind() else { panic!("a bundle of entries has no hashes") };
        let hashes: Vec<_> = tile
            .places()
            .map(|index| self.node(NodeId { height: 8 * level, index }).unwrap_or_else(|never| match never {}))
            .collect();
        encode_hash_tile(&hashes).unwrap()
    }
}

fn signer() -> NoteSigner {
    NoteSigner::new(LOG.parse().unwrap(), &SigningSeed::new([1; 32])).unwrap()
}

fn witness() -> Cosigner {
    Cosigner::new("witness.example.org".parse().unwrap(), &SigningSeed::new([2; 32])).unwrap()
}

fn signed(log: &Log) -> SignedCheckpoint {
    Checkpoint { origin: LOG.parse().unwrap(), size: SIZE, root: log.root(SIZE) }.sign(&signer()).unwrap()
}

fn base64(bytes: &[u8]) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(bytes)
}

fn other(hash: Hash) -> OtherHash {
    OtherHash(*hash.as_bytes())
}

fn others(hashes: &[Hash]) -> Vec<OtherHash> {
    hashes.iter().copied().map(other).collect()
}

#[test]
fn another_reader_opens_our_checkpoint_with_our_verifier_key() {
    let log = Log::new(SIZE);
    let cosignature = witness().cosign(&signed(&log), COSIGNED_AT).unwrap();
    let text = format!("{}{cosignature}", signed(&log));
    let known =
        || VerifierList::new(vec![Box::new(StandardVerifier::new(&signer().verifier_key().to_string()).unwrap())]);
    let note = Note::from_bytes(text.as_bytes()).unwrap();
    let (verified, unverified) = note.verify(&known()).unwrap();
    assert_eq!((verified.len(), unverified.len(), verified[0].name()), (1, 1, LOG));
    let checkpoint = OtherCheckpoint::from_bytes(note.text()).unwrap();
    assert_eq!((checkpoint.origin(), checkpoint.size()), (LOG, SIZE));
    assert_eq!((checkpoint.hash(), checkpoint.extension()), (&other(log.root(SIZE)), ""));

    let changed = text.replacen("\n300\n", "\n301\n", 1);
    let verdict = Note::from_bytes(changed.as_bytes()).unwrap().verify(&known());
    assert!(matches!(verdict, Err(NoteError::InvalidSignature { .. })));
}

#[test]
fn another_signer_s_note_is_opened_by_ours() {
    // The other crate's form of a secret key: the seed behind its type.
    let public = signer().verifier_key().clone();
    let secret = base64(&[&[1_u8], [1_u8; 32].as_slice()].concat());
    let theirs = StandardSigner::new(&format!("PRIVATE+KEY+{LOG}+{}+{secret}", public.id())).unwrap();
    let text = signed(&Log::new(SIZE)).unverified().text();
    let mut note = Note::new(text.as_bytes(), &[]).unwrap();
    note.add_sigs(&[&theirs]).unwrap();
    let read = SignedCheckpoint::parse(&note.to_bytes()).unwrap();
    assert_eq!(read.note().verify(&[public]).unwrap().len(), 1);
    assert_eq!(read, signed(&Log::new(SIZE)), "Ed25519 signs one text in one way");
}

#[test]
fn another_log_library_verifies_every_proof_and_no_changed_one() {
    let log = Log::new(SIZE);
    for size in [1, 2, 3, 255, 256, 257, SIZE] {
        let root = other(log.root(size));
        for index in 0..size {
            let mut proof = others(&log.inclusion(index, size));
            let hash = tlog::record_hash(&leaf(index));
            tlog::check_record(&proof, size, root, index, hash).unwrap();
            assert!(tlog::check_record(&proof, size, root, index, tlog::record_hash(b"another leaf")).is_err());
            if let Some(first) = proof.first_mut() {
                first.0[0] ^= 1;
                assert!(tlog::check_record(&proof, size, root, index, hash).is_err());
            }
        }
        for first in 1..=size {
            let mut proof = others(&log.consistency(first, size));
            let first_root = other(log.root(first));
            tlog::check_tree(&proof, size, root, first, first_root).unwrap();
            if let Some(last) = proof.last_mut() {
                last.0[31] ^= 1;
                assert!(tlog::check_tree(&proof, size, root, first, first_root).is_err());
            }
        }
    }
}

#[test]
fn a_second_log_library_agrees_on_every_root_and_proof() {
    use ct_merkle::mem_backed_tree::MemoryBackedTree;
    use ct_merkle::{ConsistencyProof, InclusionProof, RootHash};
    let log = Log::new(SIZE);
    let bytes = |hashes: &[Hash]| hashes.iter().flat_map(|hash| *hash.as_bytes()).collect::<Vec<u8>>();
    let ours = |size: u64| RootHash::<Sha256>::new((*log.root(size).as_bytes()).into(), size);
    let mut theirs = MemoryBackedTree::<Sha256, Vec<u8>>::new();
    for size in 1..=SIZE {
        theirs.push(leaf(size - 1));
        assert_eq!(theirs.root(), ours(size), "size {size}");
    }
    for index in 0..SIZE {
        let proof = InclusionProof::try_from_bytes(bytes(&log.inclusion(index, SIZE))).unwrap();
        ours(SIZE).verify_inclusion(&leaf(index), index, &proof).unwrap();
        assert!(ours(SIZE).verify_inclusion(&leaf(index + 1), index, &proof).is_err());
    }
    for first in 1..SIZE {
        let proof = ConsistencyProof::try_from_bytes(bytes(&log.consistency(first, SIZE))).unwrap();
        ours(SIZE).verify_consistency(&ours(first), &proof).unwrap();
    }
}

/// Our tiles as another library's reader asks for them. Its paths name the height, which C2SP leaves out.
impl TileReader for Log {
    fn height(&self) -> u8 {
        8
    }
    fn read_tiles(&self, tiles: &[Tile]) -> Result<Vec<Vec<u8>>, tlog::Error> {
        let ours = |tile: &Tile| tile.path().replacen("tile/8/", "tile/", 1).parse().unwrap();
        Ok(tiles.iter().map(|tile| self.tile(ours(tile))).collect())
    }
    fn save_tiles(&self, _: &[Tile], _: &[Vec<u8>]) {}
}

#[test]
fn another_log_library_finds_our_tiles_and_proves_from_them() {
    let log = Log::new(SIZE);
    let root = other(log.root(SIZE));
    let reader = TileHashReader::new(SIZE, root, &log);
    assert_eq!(tlog::tree_hash(SIZE, &reader).unwrap(), root);
    for index in [0, 1, 127, 255, 256, 299] {
        assert_eq!(tlog::prove_record(SIZE, index, &reader).unwrap(), others(&log.inclusion(index, SIZE)));
    }
    for first in [1, 128, 255, 256, 257, 299] {
        assert_eq!(tlog::prove_tree(SIZE, first, &reader).unwrap(), others(&log.consistency(first, SIZE)));
    }
    let unlike = OtherHash([7; 32]);
    assert!(tlog::tree_hash(SIZE, &TileHashReader::new(SIZE, unlike, &log)).is_err());
}

#[test]
fn another_log_library_names_the_same_tiles() {
    for size in [1, 255, 256, 257, 70_000, 1_234_567] {
        let mut ours: Vec<String> = hash_tiles(size).map(|tile| tile.to_string()).collect();
        let theirs = Tile::new_tiles(8, 0, size);
        let mut theirs: Vec<String> = theirs.iter().map(|tile| tile.path().replacen("tile/8/", "tile/", 1)).collect();
        ours.sort();
        theirs.sort();
        assert_eq!(ours, theirs, "size {size}");
    }
    for tile in entry_bundles(1_234_567).step_by(97) {
        let theirs = Tile::new(8, 0, tile.index(), tile.width() as u32, true);
        assert_eq!(tile.to_string(), theirs.path().replacen("tile/8/data/", "tile/entries/", 1));
    }
    assert_eq!(TILE_WIDTH, 256);
}

/// Whether OpenSSL accepts an Ed25519 signature; fails if the command is missing.
fn openssl_verifies(folder: &Path, key: &VerifierKey, message: &[u8], signature: &[u8]) -> bool {
    /// SubjectPublicKeyInfo of Ed25519 (RFC 8410) up to the 32 bytes of the key.
    const BEFORE_THE_KEY: &[u8] = &[0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];
    let write = |name: &str, bytes: &[u8]| {
        let path = folder.join(name);
        std::fs::write(&path, bytes).unwrap();
        path
    };
    let output = Command::new("openssl")
        .args(["pkeyutl", "-verify", "-rawin", "-pubin", "-keyform", "DER", "-inkey"])
        .arg(write("key", &[BEFORE_THE_KEY, key.public_key()].concat()))
        .arg("-in")
        .arg(write("message", message))
        .arg("-sigfile")
        .arg(write("signature", signature))
        .output()
        .expect("the openssl command is needed: install the package openssl");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(said.contains("Signature Verif"), "openssl did not verify: {output:?}");
    output.status.success()
}

#[test]
fn openssl_verifies_the_log_s_signature_and_the_witness_s() {
    let folder = tempfile::tempdir().unwrap();
    let checkpoint = signed(&Log::new(SIZE));
    let text = checkpoint.note().unverified_text();
    let log = signer();
    let signature = checkpoint.note().signatures()[0].signature();
    assert!(openssl_verifies(folder.path(), log.verifier_key(), text.as_bytes(), signature));
    assert!(!openssl_verifies(folder.path(), log.verifier_key(), format!("{text}x\n").as_bytes(), signature));

    let witness = witness();
    let line = witness.cosign(&checkpoint, COSIGNED_AT).unwrap();
    let (time, signature) = line.signature().split_at(8);
    assert_eq!(time, COSIGNED_AT.to_be_bytes());
    let message = |time: u64| format!("cosignature/v1\ntime {time}\n{text}").into_bytes();
    assert!(openssl_verifies(folder.path(), witness.verifier_key(), &message(COSIGNED_AT), signature));
    assert!(!openssl_verifies(folder.path(), witness.verifier_key(), &message(COSIGNED_AT + 1), signature));
}

/// The log goes on with another key.
fn rotation(log: &Log) -> (SignedStatement, [NoteSigner; 2]) {
    let (old, new) = (signer(), NoteSigner::new(LOG.parse().unwrap(), &SigningSeed::new([3; 32])).unwrap());
    let statement = Statement::KeyRotation(KeyRotation {
        origin: LOG.parse().unwrap(),
        old_key: old.verifier_key().clone(),
        new_key: new.verifier_key().clone(),
        last: TreeHead { size: SIZE, root: log.root(SIZE) },
        stated_at: 1_763_800_000_000_000,
    });
    (statement.sign(Some(&old), &new).unwrap(), [old, new])
}

#[test]
fn others_open_our_statements_by_the_old_key_and_by_the_new_one() {
    let (stated, signers) = rotation(&Log::new(SIZE));
    let known = |signer: &NoteSigner| {
        VerifierList::new(vec![Box::new(StandardVerifier::new(&signer.verifier_key().to_string()).unwrap())])
    };
    let changed = stated.to_string().replacen("\n300 ", "\n301 ", 1);
    let folder = tempfile::tempdir().unwrap();
    for (place, signer) in signers.iter().enumerate() {
        let note = Note::from_bytes(stated.to_string().as_bytes()).unwrap();
        let (verified, unverified) = note.verify(&known(signer)).unwrap();
        assert_eq!((verified.len(), unverified.len()), (1, 1), "each of the two keys has signed");
        assert!(OtherCheckpoint::from_bytes(note.text()).is_err(), "and nobody takes it for a checkpoint");
        let verdict = Note::from_bytes(changed.as_bytes()).unwrap().verify(&known(signer));
        assert!(matches!(verdict, Err(NoteError::InvalidSignature { .. })));

        let (text, key) = (stated.note().unverified_text(), signer.verifier_key());
        let signature = stated.note().signatures()[place].signature();
        assert!(openssl_verifies(folder.path(), key, text.as_bytes(), signature));
        assert!(!openssl_verifies(folder.path(), key, text.replacen("300", "301", 1).as_bytes(), signature));
    }
}
