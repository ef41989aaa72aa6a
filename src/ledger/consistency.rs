//! Consistency proofs (RFC 9162 sections 2.1.4.1 and 2.1.4.2): the later tree begins with the earlier one,
//! so nothing was changed, dropped or put in between. Builds from perfect subtrees that the caller fetches,
//! and verifies from numbers and hashes alone.

use super::proof::{ProofError, ProofRejected};
use super::tree::{Hash, NodeId, node_hash, range_root, split_point};

/// The hashes that lead from the tree of `first` leaves to that of `second`; none when they are the same.
///
/// # Errors
/// When `first` is 0 or greater than `second`, or `fetch` fails.
pub fn consistency_proof<E>(
    first: u64,
    second: u64,
    fetch: &mut impl FnMut(NodeId) -> Result<Hash, E>,
) -> Result<Vec<Hash>, ProofError<E>> {
    if first == 0 || first > second {
        return Err(ProofError::OutOfRange { part: first, size: second });
    }
    let mut around = 0..second;
    let mut ranges = Vec::new();
    while first != around.end {
        let middle = around.start + split_point(around.end - around.start);
        if first <= middle {
            ranges.push(middle..around.end);
            around.end = middle;
        } else {
            ranges.push(around.start..middle);
            around.start = middle;
        }
    }
    // Where the walk ends stands a subtree of both trees. The verifier knows it only if it is all of the first.
    if around.start != 0 {
        ranges.push(around);
    }
    ranges.into_iter().rev().map(|range| range_root(range, fetch).map_err(ProofError::Fetch)).collect()
}

/// Checks that the tree of `second` leaves begins with the tree of `first` leaves.
///
/// # Errors
/// For every proof but the one that [`consistency_proof`] builds. An empty first tree is refused: whoever
/// holds one has nothing to compare, and must decide so knowingly.
pub fn verify_consistency(
    first: u64,
    second: u64,
    first_root: &Hash,
    second_root: &Hash,
    proof: &[Hash],
) -> Result<(), ProofRejected> {
    if first == 0 {
        return Err(ProofRejected::EmptyTree);
    }
    if first > second {
        return Err(ProofRejected::SizesFall);
    }
    if first == second {
        return match proof {
            [] if first_root == second_root => Ok(()),
            [] => Err(ProofRejected::Root),
            _ => Err(ProofRejected::Length),
        };
    }
    // Paths of the last leaf of each tree, from the root of the greatest subtree that ends the first tree.
    let whole = (first - 1).trailing_ones();
    let (mut path, mut last_path) = ((first - 1) >> whole, (second - 1) >> whole);
    // If that subtree is the whole first tree, the proof leaves it out: it is the first root itself.
    let (start, climb) =
        if path == 0 { (first_root, proof) } else { proof.split_first().ok_or(ProofRejected::Length)? };
    let (mut first_node, mut second_node) = (*start, *start);
    for hash in climb {
        if last_path == 0 {
            return Err(ProofRejected::Length);
        }
        if path & 1 == 1 || path == last_path {
            first_node = node_hash(hash, &first_node);
            second_node = node_hash(hash, &second_node);
            while path & 1 == 0 && path != 0 {
                path >>= 1;
                last_path >>= 1;
            }
        } else {
            second_node = node_hash(&second_node, hash);
        }
        path >>= 1;
        last_path >>= 1;
    }
    if last_path != 0 {
        return Err(ProofRejected::Length);
    }
    if first_node == *first_root && second_node == *second_root { Ok(()) } else { Err(ProofRejected::Root) }
}

#[cfg(test)]
mod tests {
    use super::super::tree_examples::{Naive, flipped};
    use super::*;
    use proptest::prelude::*;
    use std::convert::Infallible;

    fn build(naive: &Naive, first: u64, second: u64) -> Vec<Hash> {
        consistency_proof(first, second, &mut |node| Ok::<_, Infallible>(naive.node(node))).unwrap()
    }

    #[test]
    fn every_two_small_trees_are_proven_and_no_other_two() {
        let naive = Naive::new(40);
        for second in 1..=40 {
            for first in 1..=second {
                let proof = build(&naive, first, second);
                for other in 0..=41 {
                    let root = naive.root(other.min(40));
                    let verdict = verify_consistency(other, second, &root, &naive.root(second), &proof);
                    assert_eq!(verdict.is_ok(), other == first, "{first} to {second} as {other}");
                }
            }
        }
    }

    #[test]
    fn an_empty_or_a_greater_first_tree_and_a_failing_fetch_give_no_proof() {
        let mut never = |_| Err("gone");
        for (first, second) in [(0, 0), (0, 5), (6, 5)] {
            let expected = Err(ProofError::OutOfRange { part: first, size: second });
            assert_eq!(consistency_proof(first, second, &mut never), expected);
        }
        assert_eq!(consistency_proof(4, 5, &mut never), Err(ProofError::Fetch("gone")));
        assert_eq!(consistency_proof(5, 5, &mut never), Ok(vec![]));
        let root = Hash::new([1; 32]);
        assert_eq!(verify_consistency(0, 5, &root, &root, &[]), Err(ProofRejected::EmptyTree));
        assert_eq!(verify_consistency(6, 5, &root, &root, &[]), Err(ProofRejected::SizesFall));
        assert_eq!(verify_consistency(3, 5, &root, &root, &[]), Err(ProofRejected::Length));
        assert_eq!(verify_consistency(4, 5, &root, &root, &[]), Err(ProofRejected::Length));
    }

    #[test]
    fn the_greatest_numbers_are_answered() {
        let hash = Hash::new([1; 32]);
        for first in [1, 1 << 63, u64::MAX - 1, u64::MAX] {
            for length in [0, 1, 2, 63, 64, 65] {
                let verdict = verify_consistency(first, u64::MAX, &hash, &hash, &vec![hash; length]);
                assert_eq!(verdict.is_ok(), first == u64::MAX && length == 0);
            }
        }
    }

    proptest! {
        #[test]
        fn a_proof_holds_and_no_changed_one_does(
            second in 1_u64..1_100, part: prop::sample::Index, at: prop::sample::Index, bit in 0_usize..256,
        ) {
            let naive = Naive::new(second);
            let first = 1 + part.index(second as usize) as u64;
            let (first_root, second_root) = (naive.root(first), naive.root(second));
            let proof = build(&naive, first, second);
            let verdict = |proof: &[Hash]| verify_consistency(first, second, &first_root, &second_root, proof);
            prop_assert_eq!(verdict(&proof), Ok(()));

            let wrong = verify_consistency(first, second, &flipped(first_root, bit), &second_root, &proof);
            prop_assert_eq!(wrong, Err(ProofRejected::Root));
            let wrong = verify_consistency(first, second, &first_root, &flipped(second_root, bit), &proof);
            prop_assert_eq!(wrong, Err(ProofRejected::Root));
            prop_assert_eq!(verdict(&[proof.as_slice(), &[second_root]].concat()), Err(ProofRejected::Length));
            if !proof.is_empty() {
                let at = at.index(proof.len());
                let mut changed = proof.clone();
                changed[at] = flipped(changed[at], bit);
                prop_assert_eq!(verdict(&changed), Err(ProofRejected::Root));
                let mut shorter = proof.clone();
                shorter.remove(at);
                prop_assert!(verdict(&shorter).is_err());
            }
            if proof.len() > 1 {
                let mut swapped = proof.clone();
                swapped.swap(0, 1 + at.index(proof.len() - 1));
                prop_assert_eq!(verdict(&swapped), Err(ProofRejected::Root));
            }
        }
    }
}
