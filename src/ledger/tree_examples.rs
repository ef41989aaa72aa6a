//! Trees for the tests of this folder, computed straight from the recursive definition of RFC 9162 section 2.1.1
//! and remembered, so that a test over a thousand sizes stays quick.

use super::tree::{Hash, NodeId};
use sha2::{Digest, Sha256};
use std::cell::RefCell;
use std::collections::HashMap;

/// Leaf hashes that are all different: SHA-256(0x00 ‖ index in decimal).
pub fn hashes(count: u64) -> Vec<Hash> {
    (0..count).map(|index| Hash::new(Sha256::digest(format!("\0{index}")).into())).collect()
}

/// The definition, word by word, independent of the code that it checks.
pub struct Naive {
    pub leaves: Vec<Hash>,
    known: RefCell<HashMap<(u64, u64), Hash>>,
}

impl Naive {
    pub fn new(count: u64) -> Self {
        Self { leaves: hashes(count), known: RefCell::default() }
    }

    /// MTH of the first `size` leaves.
    pub fn root(&self, size: u64) -> Hash {
        self.range(0, size)
    }

    /// MTH of the leaves of a perfect subtree.
    pub fn node(&self, node: NodeId) -> Hash {
        self.range(node.index << node.height, (node.index + 1) << node.height)
    }

    fn range(&self, start: u64, end: u64) -> Hash {
        if end == start {
            return Hash::new(Sha256::digest(b"").into());
        }
        if end - start == 1 {
            return self.leaves[start as usize];
        }
        if let Some(known) = self.known.borrow().get(&(start, end)) {
            return *known;
        }
        let mut split = 1;
        while split * 2 < end - start {
            split *= 2;
        }
        let (left, right) = (self.range(start, start + split), self.range(start + split, end));
        let mut bytes = vec![1];
        bytes.extend_from_slice(left.as_bytes());
        bytes.extend_from_slice(right.as_bytes());
        let root = Hash::new(Sha256::digest(bytes).into());
        self.known.borrow_mut().insert((start, end), root);
        root
    }
}

/// A hash with one bit changed.
pub fn flipped(hash: Hash, bit: usize) -> Hash {
    let mut bytes = *hash.as_bytes();
    bytes[bit / 8] ^= 1 << (bit % 8);
    Hash::new(bytes)
}
