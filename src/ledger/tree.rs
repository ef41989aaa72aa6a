//! The Merkle tree of RFC 6962 and RFC 9162 with SHA-256: how leaves and nodes are hashed, and how the
//! root over any run of leaves is put together from perfect subtrees.
//!
//! Knows hashes and numbers alone: not what a leaf says, and not where nodes are kept. Whoever keeps them
//! hands in a function that fetches one (see [`NodeId::stored_span`] for what is worth keeping).

use base64::Engine as _;
use base64::display::Base64Display;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest as _, Sha256};
use std::fmt;
use std::ops::Range;

/// The most leaves that a tree here may have: C2SP asks for fewer than 2⁶³, and databases count that far.
pub const MAXIMUM_TREE_SIZE: u64 = i64::MAX as u64;

/// The height of a tile of C2SP `tlog-tiles`: 2⁸ = 256 hashes.
pub const TILE_HEIGHT: u8 = 8;

/// A SHA-256 hash of a leaf, a node or a whole tree. `Display` is padded standard base64, as in a checkpoint.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Hash([u8; 32]);

impl Hash {
    /// The length in bytes.
    pub const BYTES: usize = 32;

    /// Takes a hash that was computed earlier.
    #[must_use]
    pub const fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }
    /// The 32 bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
    /// Reads the one padded base64 spelling that `Display` writes; `None` for every other.
    #[must_use]
    pub fn from_base64(text: &str) -> Option<Self> {
        let bytes = STANDARD.decode(text).ok()?;
        bytes.try_into().ok().map(Self)
    }
}

/// The error of bytes that are not 32 long.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a hash has 32 bytes, not {0}")]
pub struct InvalidHash(pub usize);

impl TryFrom<&[u8]> for Hash {
    type Error = InvalidHash;

    fn try_from(bytes: &[u8]) -> Result<Self, InvalidHash> {
        bytes.try_into().map(Self).map_err(|_| InvalidHash(bytes.len()))
    }
}

impl fmt::Display for Hash {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        Base64Display::new(&self.0, &STANDARD).fmt(formatter)
    }
}

impl fmt::Debug for Hash {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Hash({self})")
    }
}

/// The hash of a leaf's bytes: SHA-256(0x00 ‖ leaf). The first byte keeps leaves and nodes apart, so that
/// nobody can pass a node off as a leaf.
#[must_use]
pub fn leaf_hash(leaf: &[u8]) -> Hash {
    Hash(Sha256::new().chain_update([0]).chain_update(leaf).finalize().into())
}

/// The hash of a node over its two children: SHA-256(0x01 ‖ left ‖ right).
#[must_use]
pub fn node_hash(left: &Hash, right: &Hash) -> Hash {
    Hash(Sha256::new().chain_update([1]).chain_update(left.0).chain_update(right.0).finalize().into())
}

/// The root of the tree without leaves: SHA-256 of nothing.
#[must_use]
pub fn empty_root() -> Hash {
    Hash(Sha256::digest([]).into())
}

/// A perfect subtree: the one over the 2^height leaves from index × 2^height on. Height 0 is a leaf.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId {
    /// The height over the leaves, at most 62 in a tree of the greatest size.
    pub height: u8,
    /// The place among the subtrees of this height, from the left; 0-based.
    pub index: u64,
}

/// A run of hashes of one tile level, always inside one tile: what a store reads to answer for a node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredSpan {
    /// Level 0 holds leaf hashes; level k the roots of complete subtrees of 256^k leaves.
    pub tile_level: u8,
    /// The places in that level; 1 to 128 of them.
    pub entries: Range<u64>,
}

impl NodeId {
    /// The stored hashes whose [`subtree_root`] is this node, when a store keeps the hash of each leaf and of
    /// each [`CompletedSubtree`](super::frontier::CompletedSubtree) and nothing else.
    #[must_use]
    pub const fn stored_span(self) -> StoredSpan {
        let above_level = self.height % TILE_HEIGHT;
        let start = self.index << above_level;
        StoredSpan { tile_level: self.height / TILE_HEIGHT, entries: start..start + (1 << above_level) }
    }
}

/// The root over a list of hashes as if they were leaf hashes (RFC 9162 section 2.1.1, MTH after the leaves
/// are hashed). Of a whole run of 2^k hashes of one level it is the perfect subtree k levels above.
#[must_use]
pub fn subtree_root(hashes: &[Hash]) -> Hash {
    match hashes {
        [] => empty_root(),
        [only] => *only,
        _ => {
            let (left, right) = hashes.split_at(1 << (hashes.len() - 1).ilog2());
            node_hash(&subtree_root(left), &subtree_root(right))
        }
    }
}

/// The root over the leaves of a range, from perfect subtrees that `fetch` finds, each asked for once, from
/// left to right.
///
/// The range must be one that a tree is split into: its start a multiple of the least power of two that is
/// not below its length. The whole tree (start 0) always is.
///
/// # Errors
/// Those of `fetch`.
pub fn range_root<E>(leaves: Range<u64>, fetch: &mut impl FnMut(NodeId) -> Result<Hash, E>) -> Result<Hash, E> {
    let mut peaks = Vec::new();
    let mut start = leaves.start;
    while start < leaves.end {
        let height = (leaves.end - start).ilog2() as u8; // at most 63
        peaks.push(fetch(NodeId { height, index: start >> height })?);
        start += 1 << height;
    }
    Ok(fold_peaks(&peaks))
}

/// The root over perfect subtrees of falling height: each joins what stands to its right.
pub(super) fn fold_peaks(peaks: &[Hash]) -> Hash {
    let mut from_the_right = peaks.iter().rev();
    let Some(&last) = from_the_right.next() else { return empty_root() };
    from_the_right.fold(last, |right, left| node_hash(left, &right))
}

/// Where a tree of `leaves` ≥ 2 leaves is split: the greatest power of two below.
pub(super) const fn split_point(leaves: u64) -> u64 {
    1 << (leaves - 1).ilog2()
}

#[cfg(test)]
mod tests {
    use super::super::tree_examples::{Naive, hashes};
    use super::*;
    use std::convert::Infallible;

    #[test]
    fn the_empty_root_is_the_hash_of_nothing() {
        assert_eq!(
            hex::encode(empty_root().as_bytes()),
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
        );
        assert_eq!(subtree_root(&[]), empty_root());
        assert_eq!(range_root(0..0, &mut |_| Err("nothing is to be fetched")), Ok(empty_root()));
    }

    /// SHA-256 of one zero byte.
    #[test]
    fn the_hash_of_the_empty_leaf_is_known() {
        assert_eq!(
            hex::encode(leaf_hash(b"").as_bytes()),
            "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"
        );
    }

    #[test]
    fn every_node_is_the_root_of_its_stored_span() {
        let leaves = hashes(1_024);
        let tiles: Vec<Hash> = leaves.chunks(256).map(subtree_root).collect();
        for height in 0..=10_u8 {
            for index in 0..1024_u64 >> height {
                let span = NodeId { height, index }.stored_span();
                let level = if span.tile_level == 0 { &leaves } else { &tiles };
                let stored = &level[span.entries.start as usize..span.entries.end as usize];
                assert!(stored.len() <= 128);
                let covered = (index as usize) << height..(index as usize + 1) << height;
                assert_eq!(subtree_root(stored), subtree_root(&leaves[covered]), "height {height}, index {index}");
            }
        }
        let high = NodeId { height: 62, index: 0 }.stored_span();
        assert_eq!(high, StoredSpan { tile_level: 7, entries: 0..64 });
    }

    #[test]
    fn the_root_of_a_range_is_that_of_its_leaves() {
        let naive = Naive::new(700);
        let mut fetch = |node| Ok::<_, Infallible>(naive.node(node));
        for size in 0..=700 {
            let Ok(root) = range_root(0..size, &mut fetch);
            assert_eq!(root, naive.root(size), "size {size}");
        }
        let Ok(right) = range_root(512..700, &mut fetch);
        assert_eq!(right, subtree_root(&naive.leaves[512..700]));
    }

    #[test]
    fn a_hash_has_32_bytes() {
        assert_eq!(Hash::try_from([3_u8; 32].as_slice()), Ok(Hash::new([3; 32])));
        assert_eq!(Hash::try_from([3_u8; 31].as_slice()), Err(InvalidHash(31)));
        assert_eq!(Hash::try_from([3_u8; 33].as_slice()), Err(InvalidHash(33)));
    }
}
