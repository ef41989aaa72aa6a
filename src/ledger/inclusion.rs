//! Inclusion proofs (RFC 9162 sections 2.1.3.1 and 2.1.3.2): this leaf stands at this place of that tree.
//! Builds from perfect subtrees that the caller fetches, and verifies from numbers and hashes alone.

use super::proof::{ProofError, ProofRejected};
use super::tree::{Hash, NodeId, node_hash, range_root, split_point};

/// The hashes that lead from the leaf at `index` to the root of the tree of `size` leaves, from the leaf upwards.
///
/// # Errors
/// When the leaf is not in the tree, or `fetch` fails.
pub fn inclusion_proof<E>(
    index: u64,
    size: u64,
    fetch: &mut impl FnMut(NodeId) -> Result<Hash, E>,
) -> Result<Vec<Hash>, ProofError<E>> {
    if index >= size {
        return Err(ProofError::OutOfRange { part: index, size });
    }
    let mut around = 0..size;
    let mut siblings = Vec::new();
    while around.end - around.start > 1 {
        let middle = around.start + split_point(around.end - around.start);
        if index < middle {
            siblings.push(middle..around.end);
            around.end = middle;
        } else {
            siblings.push(around.start..middle);
            around.start = middle;
        }
    }
    siblings.into_iter().rev().map(|sibling| range_root(sibling, fetch).map_err(ProofError::Fetch)).collect()
}

/// Checks that the leaf with this hash stands at `index` of the tree of `size` leaves with this root.
///
/// # Errors
/// For every proof but the one that [`inclusion_proof`] builds.
pub fn verify_inclusion(leaf: &Hash, index: u64, size: u64, proof: &[Hash], root: &Hash) -> Result<(), ProofRejected> {
    if index >= size {
        return Err(ProofRejected::IndexOutsideTree);
    }
    // The paths of the leaf and of the last leaf, as far as they are still to be climbed.
    let (mut path, mut last_path) = (index, size - 1);
    let mut node = *leaf;
    for sibling in proof {
        if last_path == 0 {
            return Err(ProofRejected::Length);
        }
        if path & 1 == 1 || path == last_path {
            node = node_hash(sibling, &node);
            // At the ragged right edge a node may have no sibling for some levels: it climbs them unchanged.
            while path & 1 == 0 && path != 0 {
                path >>= 1;
                last_path >>= 1;
            }
        } else {
            node = node_hash(&node, sibling);
        }
        path >>= 1;
        last_path >>= 1;
    }
    if last_path != 0 {
        return Err(ProofRejected::Length);
    }
    if node == *root { Ok(()) } else { Err(ProofRejected::Root) }
}

#[cfg(test)]
mod tests {
    use super::super::tree_examples::{Naive, flipped};
    use super::*;
    use proptest::prelude::*;
    use std::convert::Infallible;

    fn build(naive: &Naive, index: u64, size: u64) -> Vec<Hash> {
        inclusion_proof(index, size, &mut |node| Ok::<_, Infallible>(naive.node(node))).unwrap()
    }

    #[test]
    fn every_leaf_of_every_small_tree_is_proven_and_at_no_other_place() {
        let naive = Naive::new(40);
        for size in 1..=40 {
            for index in 0..size {
                let proof = build(&naive, index, size);
                for other in 0..=size {
                    let leaf = &naive.leaves[index as usize];
                    let verdict = verify_inclusion(leaf, other, size, &proof, &naive.root(size));
                    assert_eq!(verdict.is_ok(), other == index, "{index} of {size} at {other}");
                }
            }
        }
    }

    #[test]
    fn a_leaf_outside_the_tree_and_a_failing_fetch_give_no_proof() {
        let mut never = |_| Err("gone");
        assert_eq!(inclusion_proof(5, 5, &mut never), Err(ProofError::OutOfRange { part: 5, size: 5 }));
        assert_eq!(inclusion_proof(0, 0, &mut never), Err(ProofError::OutOfRange { part: 0, size: 0 }));
        assert_eq!(inclusion_proof(4, 5, &mut never), Err(ProofError::Fetch("gone")));
        assert_eq!(inclusion_proof(0, 1, &mut never), Ok(vec![]));
    }

    #[test]
    fn the_greatest_numbers_are_answered() {
        let hash = Hash::new([1; 32]);
        let proof = [hash; 64];
        for (index, size) in [(0, u64::MAX), (u64::MAX - 1, u64::MAX), (u64::MAX, u64::MAX), (u64::MAX, 0)] {
            assert!(verify_inclusion(&hash, index, size, &proof, &hash).is_err());
        }
        let long = inclusion_proof(0, u64::MAX, &mut |_| Ok::<_, Infallible>(hash)).unwrap();
        assert_eq!(long.len(), 64);
    }

    proptest! {
        #[test]
        fn a_proof_holds_and_no_changed_one_does(
            size in 1_u64..1_100, place: prop::sample::Index, at: prop::sample::Index, bit in 0_usize..256,
        ) {
            let naive = Naive::new(size);
            let index = place.index(size as usize) as u64;
            let leaf = naive.leaves[index as usize];
            let root = naive.root(size);
            let proof = build(&naive, index, size);
            prop_assert_eq!(verify_inclusion(&leaf, index, size, &proof, &root), Ok(()));

            prop_assert!(verify_inclusion(&flipped(leaf, bit), index, size, &proof, &root).is_err());
            prop_assert!(verify_inclusion(&leaf, index, size, &proof, &flipped(root, bit)).is_err());
            let other = (index + 1 + bit as u64) % (size + 1);
            prop_assert!(other == index || verify_inclusion(&leaf, other, size, &proof, &root).is_err());
            let longer = [proof.as_slice(), &[root]].concat();
            prop_assert_eq!(verify_inclusion(&leaf, index, size, &longer, &root), Err(ProofRejected::Length));
            if !proof.is_empty() {
                let at = at.index(proof.len());
                let mut changed = proof.clone();
                changed[at] = flipped(changed[at], bit);
                prop_assert_eq!(verify_inclusion(&leaf, index, size, &changed, &root), Err(ProofRejected::Root));
                let mut shorter = proof.clone();
                shorter.remove(at);
                prop_assert!(verify_inclusion(&leaf, index, size, &shorter, &root).is_err());
            }
            if proof.len() > 1 {
                let mut swapped = proof.clone();
                swapped.swap(0, 1 + at.index(proof.len() - 1));
                prop_assert_eq!(verify_inclusion(&leaf, index, size, &swapped, &root), Err(ProofRejected::Root));
            }
        }
    }
}
