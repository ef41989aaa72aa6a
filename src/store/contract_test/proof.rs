//! What proofs are made of: the tree's hashes by level, and checkpoints that are kept for ever.

use super::ground_test::Ground;
use super::making::{Making, appended, at};
use crate::ledger::{leaf_hash, subtree_root};
use crate::store::KeptCheckpoint;

on_both_stores! {
    the_trees_hashes_are_read_by_level
    a_checkpoint_is_kept_as_it_was_first_signed
}

pub(super) async fn the_trees_hashes_are_read_by_level(ground: &Ground) {
    let (making, store) = (Making::new(200), ground.open().await);
    for many in [200, 200, 150] {
        appended(store.as_ref(), (0..many).map(|_| making.person("R1A")), at(0)).await;
    }
    let leaves = store.leaves(0, 1_000).await.unwrap();
    let hashes: Vec<_> = leaves.iter().map(|leaf| leaf_hash(leaf)).collect();
    assert_eq!(hashes.len(), 550);
    assert_eq!(store.tree_hashes(0, 0, 1_000).await.unwrap(), hashes);
    assert_eq!(store.tree_hashes(0, 256, 256).await.unwrap(), hashes[256..512]);
    assert_eq!(store.tree_hashes(0, 512, 256).await.unwrap(), hashes[512..], "the last tile is partial");
    let above = [subtree_root(&hashes[..256]), subtree_root(&hashes[256..512])];
    assert_eq!(store.tree_hashes(1, 0, 256).await.unwrap(), above);
    assert_eq!(store.tree_hashes(1, 1, 1).await.unwrap(), above[1..]);
    for (level, from) in [(0, 550), (1, 2), (2, 0), (63, 0)] {
        assert!(store.tree_hashes(level, from, 256).await.unwrap().is_empty(), "level {level} from {from}");
    }
}

pub(super) async fn a_checkpoint_is_kept_as_it_was_first_signed(ground: &Ground) {
    let store = ground.open().await;
    let checkpoint = |origin: &str, size, note: &str| KeptCheckpoint {
        origin: origin.to_owned(),
        size,
        signed_at: at(i64::try_from(size).unwrap()),
        note: note.to_owned(),
    };
    assert_eq!(store.last_checkpoint("a").await.unwrap(), None);
    for (origin, size, note) in [("a", 3, "three"), ("a", 7, "seven"), ("b", 5, "five"), ("a", 7, "another seven")] {
        store.put_checkpoint(&checkpoint(origin, size, note)).await.unwrap();
    }
    assert_eq!(store.last_checkpoint("a").await.unwrap(), Some(checkpoint("a", 7, "seven")), "the first one stays");
    assert_eq!(store.checkpoints("a", 0, 9).await.unwrap(), [checkpoint("a", 3, "three"), checkpoint("a", 7, "seven")]);
    assert_eq!(store.checkpoints("a", 4, 9).await.unwrap(), [checkpoint("a", 7, "seven")]);
    assert_eq!(store.checkpoints("a", 0, 1).await.unwrap(), [checkpoint("a", 3, "three")]);
    store.check().await.unwrap();
}
