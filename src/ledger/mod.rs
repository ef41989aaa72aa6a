//! The proof: that nothing recorded was changed, dropped, reordered or slipped in later. Pure bytes; knows
//! `domain` alone, and no clock, no randomness, no database and no network: whoever calls brings the salt and the
//! nodes, so that the same code runs under the writer's lock, in a verifier far away and in a test.
//!
//! The story, in the order in which an event goes through it:
//!
//! 1. Each part of an event (`part_name`) is committed to under a salt of its own (`commitment`). The salt lives
//!    sealed beside the part: who holds both can prove the part, and erasing both leaves nothing to guess from.
//! 2. The commitments and the event's public fields become one leaf, a few ASCII lines that are stored as they
//!    are (`leaf`, `leaf_time`; read back strictly by `leaf_parse`).
//! 3. The leaf's hash joins the tree of RFC 9162 (`tree`), of which the writer keeps only the growing edge
//!    (`frontier`). Each push also reports the subtrees of 256^k leaves that it completed, to be stored for proofs.
//! 4. Later anybody may ask for a proof that a leaf is in the tree (`inclusion`), or that a later tree goes on from an
//!    earlier one (`consistency`), and check it with numbers and hashes alone (`proof` names the possible answers).
//! 5. The log signs the tree's size and root (`checkpoint`) as a note (`note`) with a key (`note_key`, `ed25519`).
//!    Witnesses cosign it (`cosignature`) once they have seen that it goes on from what they knew (`witness`).
//!    When another key signs, or another log goes on where one ended, the log says so itself (`statement`), and whoever holds an
//!    early key follows it to the present one (`key_chain`).
//! 6. What was signed is published as files that never change (`tile_path`, `tiles`), and a leaf with its proof and
//!    checkpoint in one file (`tlog_proof`) convinces whoever trusts the keys, offline.
//!
//! 7. A log travels as files, and whoever holds them, or the database, audits all of it by one fold (`archive`).
//!
//! The formats are promises, held by fixed vectors in `tests/vectors/`.

pub mod archive;
mod checkpoint;
mod commitment;
mod consistency;
mod cosignature;
mod ed25519;
mod frontier;
mod inclusion;
mod key_chain;
mod leaf;
mod leaf_parse;
mod leaf_time;
mod lines;
mod note;
mod note_key;
mod part_name;
mod proof;
mod statement;
mod tile_path;
mod tiles;
mod tlog_proof;
mod tree;
mod witness;

#[cfg(test)]
mod checkpoint_test;
#[cfg(test)]
mod leaf_examples;
#[cfg(test)]
mod log_vectors;
#[cfg(test)]
mod note_test;
#[cfg(test)]
mod signed_examples;
#[cfg(test)]
mod statement_test;
#[cfg(test)]
mod tree_examples;
#[cfg(test)]
mod vectors;
#[cfg(test)]
mod witness_test;

pub use checkpoint::{Checkpoint, CheckpointError, OpenedCheckpoint, Origin, SignedCheckpoint, Trust};
pub use commitment::{Commitment, Salt, commit};
pub use consistency::{consistency_proof, verify_consistency};
pub use cosignature::{Cosigner, CosigningError, LATEST_COSIGNATURE};
pub use ed25519::{SigningFailed, SigningSeed};
pub use frontier::{CompletedSubtree, Frontier, FrontierError, TreeFull};
pub use inclusion::{inclusion_proof, verify_inclusion};
pub use key_chain::{KeyChain, LogKey};
pub use leaf::{Leaf, LeafError, MAXIMUM_EVENT_TYPE_BYTES, MAXIMUM_LEAF_BYTES, MAXIMUM_PARTS, MAXIMUM_SCHEMA};
pub use leaf_time::{EARLIEST_MICROS, LATEST_MICROS};
pub use lines::MAXIMUM_PROOF_HASHES;
pub use note::{MAXIMUM_NOTE_BYTES, MAXIMUM_SIGNATURES, NoteError, NoteSigner, SignatureLine, SignedNote};
pub use note_key::{KeyError, KeyId, KeyName, SignatureType, Verified, VerifierKey};
pub use part_name::PartName;
pub use proof::{ProofError, ProofRejected};
pub use statement::{
    KeyRotation, MAXIMUM_REASON_BYTES, NewOrigin, ReasonCode, SignedStatement, Statement, StatementError,
};
pub use tile_path::{InvalidTilePath, MAXIMUM_TILE_LEVEL, TILE_WIDTH, TileKind, TilePath, entry_bundles, hash_tiles};
pub use tiles::{
    MAXIMUM_ENTRY_BYTES, TileError, decode_entry_bundle, decode_hash_tile, encode_entry_bundle, encode_hash_tile,
};
pub use tlog_proof::{MAXIMUM_EXTRA_BYTES, MAXIMUM_TLOG_PROOF_BYTES, TlogProof, TlogProofError};
pub use tree::{
    Hash, InvalidHash, MAXIMUM_TREE_SIZE, NodeId, StoredSpan, TILE_HEIGHT, empty_root, leaf_hash, node_hash,
    range_root, subtree_root,
};
pub use witness::{
    AddCheckpoint, MAXIMUM_ADD_CHECKPOINT_BYTES, TREE_SIZE_CONTENT_TYPE, TreeHead, WitnessRefusal, WitnessedLog,
    read_tree_size,
};
