//! The frontier: all that a growing tree must remember to take its next leaf and to say its root.
//!
//! It is the roots of the perfect subtrees that the current size is made of (its "peaks"), one for each 1
//! in the size's binary form, so at most 63 hashes at any size. The store keeps its bytes in the head of the log and
//! writes them back in the transaction that appends; the frontier itself knows no store and no leaf's content.

use super::tree::{Hash, MAXIMUM_TREE_SIZE, TILE_HEIGHT, fold_peaks, node_hash};

/// The growing edge of a tree.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Frontier {
    size: u64,
    /// The roots of the perfect subtrees, greatest first; as many as `size` has 1 bits.
    peaks: Vec<Hash>,
}

/// A subtree of 256^k leaves that the last push completed: worth keeping, since its root never changes and
/// spares reading its leaves for every later proof. It is entry `index` of level `tile_level` of C2SP `tlog-tiles`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CompletedSubtree {
    /// k: 1 for 256 leaves, 2 for 65,536, …
    pub tile_level: u8,
    /// The place among the subtrees of this level, from the left; 0-based.
    pub index: u64,
    /// The root.
    pub hash: Hash,
}

/// The tree has [`MAXIMUM_TREE_SIZE`] leaves and takes no more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the tree is full: it has {MAXIMUM_TREE_SIZE} leaves")]
pub struct TreeFull;

/// Bytes that are not a frontier.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FrontierError {
    /// The eight bytes of the size are not all there.
    #[error("a frontier starts with a size of 8 bytes; there are {0} bytes")]
    NoSize(usize),
    /// The size is beyond what a tree may have.
    #[error("a frontier of size {0} is beyond what a tree may have")]
    TooLarge(u64),
    /// There are too few or too many bytes of peaks for the size.
    #[error("a frontier of size {size} has {expected} bytes, not {actual}")]
    Length {
        /// The size that the bytes state.
        size: u64,
        /// The bytes that a frontier of this size has.
        expected: usize,
        /// The bytes that there are.
        actual: usize,
    },
}

impl Frontier {
    const SIZE_BYTES: usize = 8;

    /// The frontier of the tree without leaves.
    #[must_use]
    pub const fn new() -> Self {
        Self { size: 0, peaks: Vec::new() }
    }

    /// How many leaves the tree has; the index of the next one.
    #[must_use]
    pub const fn size(&self) -> u64 {
        self.size
    }

    /// The roots of the perfect subtrees that the tree is made of, greatest first.
    #[must_use]
    pub fn peaks(&self) -> &[Hash] {
        &self.peaks
    }

    /// Takes the hash of the next leaf, and says which subtrees of 256^k leaves it completed, smallest first
    /// (none for most leaves, which costs no allocation).
    ///
    /// # Errors
    /// When the tree is full; it is unchanged then.
    pub fn push(&mut self, leaf: Hash) -> Result<Vec<CompletedSubtree>, TreeFull> {
        if self.size >= MAXIMUM_TREE_SIZE {
            return Err(TreeFull);
        }
        let mut completed = Vec::new();
        let mut node = leaf;
        let mut height = 0_u8;
        // Each trailing 1 of the size is a peak as high as the node that stands to its right: the two join.
        while self.size >> height & 1 == 1
            && let Some(left) = self.peaks.pop()
        {
            node = node_hash(&left, &node);
            height += 1;
            if height.is_multiple_of(TILE_HEIGHT) {
                let index = self.size >> height;
                completed.push(CompletedSubtree { tile_level: height / TILE_HEIGHT, index, hash: node });
            }
        }
        self.peaks.push(node);
        self.size += 1;
        Ok(completed)
    }

    /// The root of the tree as it is.
    #[must_use]
    pub fn root(&self) -> Hash {
        fold_peaks(&self.peaks)
    }

    /// The bytes to store: the size as 8 bytes big-endian, then the peaks, greatest first, 32 bytes each.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(Self::SIZE_BYTES + self.peaks.len() * Hash::BYTES);
        bytes.extend_from_slice(&self.size.to_be_bytes());
        for peak in &self.peaks {
            bytes.extend_from_slice(peak.as_bytes());
        }
        bytes
    }

    /// Reads what [`Frontier::to_bytes`] wrote.
    ///
    /// # Errors
    /// When the size is missing or too large, or the peaks are not as many as the size asks for. Wrong peaks of the
    /// right number cannot be seen here: they give another root.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, FrontierError> {
        let (size, peaks) =
            bytes.split_first_chunk::<{ Self::SIZE_BYTES }>().ok_or(FrontierError::NoSize(bytes.len()))?;
        let size = u64::from_be_bytes(*size);
        if size > MAXIMUM_TREE_SIZE {
            return Err(FrontierError::TooLarge(size));
        }
        let (peaks, rest) = peaks.as_chunks::<{ Hash::BYTES }>();
        let expected = size.count_ones() as usize;
        if peaks.len() != expected || !rest.is_empty() {
            let expected = Self::SIZE_BYTES + expected * Hash::BYTES;
            return Err(FrontierError::Length { size, expected, actual: bytes.len() });
        }
        Ok(Self { size, peaks: peaks.iter().copied().map(Hash::new).collect() })
    }
}

#[cfg(test)]
mod tests {
    use super::super::tree::{NodeId, empty_root};
    use super::super::tree_examples::Naive;
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_root_is_that_of_the_definition_at_every_size_and_through_its_bytes() {
        let naive = Naive::new(1_100);
        let mut frontier = Frontier::new();
        assert_eq!(frontier.root(), empty_root());
        for (index, leaf) in naive.leaves.iter().enumerate() {
            assert_eq!(frontier.size(), index as u64);
            frontier.push(*leaf).unwrap();
            assert_eq!(frontier.root(), naive.root(index as u64 + 1), "size {}", index + 1);
            let read = Frontier::from_bytes(&frontier.to_bytes()).unwrap();
            assert_eq!(read, frontier);
        }
    }

    #[test]
    fn each_complete_tile_is_reported_once_with_its_root() {
        let naive = Naive::new(1_100);
        let mut frontier = Frontier::new();
        let mut reported = Vec::new();
        for (index, leaf) in naive.leaves.iter().enumerate() {
            let completed = frontier.push(*leaf).unwrap();
            assert_eq!(!completed.is_empty(), (index + 1).is_multiple_of(256), "leaf {index}");
            reported.extend(completed);
        }
        let expected: Vec<_> = (0..4)
            .map(|index| CompletedSubtree { tile_level: 1, index, hash: naive.node(NodeId { height: 8, index }) })
            .collect();
        assert_eq!(reported, expected);
    }

    #[test]
    fn the_last_leaf_of_65_536_completes_two_levels() {
        let peaks = vec![Hash::new([9; 32]); 16];
        let mut frontier = Frontier { size: 5 * 65_536 + 65_535, peaks: [vec![Hash::new([1; 32]); 2], peaks].concat() };
        let levels: Vec<_> = frontier
            .push(Hash::new([9; 32]))
            .unwrap()
            .iter()
            .map(|completed| (completed.tile_level, completed.index))
            .collect();
        assert_eq!(levels, [(1, 5 * 256 + 255), (2, 5)]);
        assert_eq!((frontier.size(), frontier.peaks().len()), (6 * 65_536, 2));
    }

    #[test]
    fn a_full_tree_takes_no_more() {
        let peaks = vec![Hash::new([9; 32]); 62];
        let mut frontier = Frontier { size: MAXIMUM_TREE_SIZE - 1, peaks };
        frontier.push(Hash::new([9; 32])).unwrap();
        let full = frontier.clone();
        assert_eq!(frontier.push(Hash::new([9; 32])), Err(TreeFull));
        assert_eq!(frontier, full);
        assert_eq!(Frontier::from_bytes(&full.to_bytes()), Ok(full));
    }

    #[test]
    fn bytes_of_a_wrong_length_or_size_are_refused() {
        assert_eq!(Frontier::from_bytes(&[0; 7]), Err(FrontierError::NoSize(7)));
        assert_eq!(Frontier::from_bytes(&[0; 8]), Ok(Frontier::new()));
        let beyond = (MAXIMUM_TREE_SIZE + 1).to_be_bytes();
        assert_eq!(Frontier::from_bytes(&beyond), Err(FrontierError::TooLarge(1 << 63)));
        for (size, length) in [(0_u64, 1), (0, 32), (3, 63), (3, 65), (3, 32), (3, 96)] {
            let bytes = [size.to_be_bytes().as_slice(), &vec![0; length]].concat();
            assert!(matches!(Frontier::from_bytes(&bytes), Err(FrontierError::Length { .. })), "{size}, {length}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_refused_or_come_back(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            if let Ok(frontier) = Frontier::from_bytes(&bytes) {
                prop_assert_eq!(frontier.to_bytes(), bytes);
            }
        }
    }
}
