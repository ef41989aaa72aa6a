//! A log, its witnesses and their keys, for the tests of this folder.

use super::checkpoint::{Checkpoint, Origin, SignedCheckpoint};
use super::cosignature::Cosigner;
use super::ed25519::SigningSeed;
use super::note::NoteSigner;
use super::note_key::VerifierKey;
use super::tree::{Hash, empty_root};

/// The name of the log.
pub const LOG: &str = "example.org/log";

pub fn origin() -> Origin {
    LOG.parse().unwrap()
}

/// A signer of any name; the same seed number gives the same key.
pub fn signer(name: &str, seed: u8) -> NoteSigner {
    NoteSigner::new(name.parse().unwrap(), &SigningSeed::new([seed; 32])).unwrap()
}

pub fn log() -> NoteSigner {
    signer(LOG, 1)
}

/// The keys that readers of the log trust.
pub fn log_keys() -> Vec<VerifierKey> {
    vec![log().verifier_key().clone()]
}

/// The witness of a number from 0 on.
pub fn witness(number: u8) -> Cosigner {
    let name = format!("witness-{number}.example.org").parse().unwrap();
    Cosigner::new(name, &SigningSeed::new([100 + number; 32])).unwrap()
}

/// The keys of the first witnesses.
pub fn witness_keys(count: u8) -> Vec<VerifierKey> {
    (0..count).map(|number| witness(number).verifier_key().clone()).collect()
}

/// A checkpoint that the log signed.
pub fn signed(size: u64, root: Hash) -> SignedCheckpoint {
    let root = if size == 0 { empty_root() } else { root };
    Checkpoint { origin: origin(), size, root }.sign(&log()).unwrap()
}

/// The same with cosignatures of the first witnesses, at the seconds 1,000, 1,001, ….
pub fn cosigned(size: u64, root: Hash, witnesses: u8) -> SignedCheckpoint {
    let mut checkpoint = signed(size, root);
    let lines = (0..witnesses).map(|number| witness(number).cosign(&checkpoint, 1_000 + u64::from(number)).unwrap());
    let lines = lines.collect();
    checkpoint.adopt(lines, &witness_keys(witnesses)).unwrap();
    checkpoint
}
