//! The log itself: positions, leaves, the tree over them, times and counters.

use super::ground_test::Ground;
use super::making::{Making, amended, append, appended, at, each, organisation, version_of};
use crate::ledger::{Hash, Leaf, PartName, empty_root, leaf_hash, subtree_root};
use crate::store::{NewAppend, Store};

on_both_stores! {
    a_new_log_is_empty
    positions_follow_each_other_from_zero
    leaves_say_what_was_appended
    the_root_is_the_root_over_the_leaves
    subtrees_are_kept_when_they_are_complete
    recorded_times_rise_even_when_the_clock_goes_back
    each_organisation_counts_without_gaps
    the_size_at_an_instant_is_what_was_recorded_by_then
    leaves_come_in_pages
    a_batch_of_nothing_changes_nothing
}

/// Every leaf there is.
async fn all_leaves(store: &dyn Store) -> Vec<Vec<u8>> {
    store.leaves(0, u32::MAX).await.unwrap()
}

fn people<'a>(making: &'a Making, code: &'a str, many: usize) -> impl Iterator<Item = NewAppend> + 'a {
    (0..many).map(move |_| making.person(code))
}

pub(super) async fn a_new_log_is_empty(ground: &Ground) {
    let store = ground.open().await;
    let head = store.head().await.unwrap();
    assert_eq!((head.size, head.recorded_at.micros()), (0, 0));
    assert_eq!(head.frontier.unwrap().root(), empty_root());
    assert_eq!(*store.follow().borrow(), 0);
    assert_eq!(store.size_at(at(0)).await.unwrap(), 0);
    assert_eq!(store.row_counts().await.unwrap(), (0, 0));
    assert!(all_leaves(store.as_ref()).await.is_empty());
    store.check().await.unwrap();
}

pub(super) async fn positions_follow_each_other_from_zero(ground: &Ground) {
    let (making, store) = (Making::new(1), ground.open().await);
    let mut expected = 0;
    for many in [1, 7, 300, 2] {
        for answer in appended(store.as_ref(), people(&making, "R1A", many), at(0)).await {
            assert_eq!(answer.position, expected);
            expected += 1;
        }
        assert_eq!(store.head().await.unwrap().size, expected);
        assert_eq!(*store.follow().borrow(), expected);
    }
    assert_eq!(ground.number("SELECT MAX(position) + 1 FROM event").await, 310);
    assert_eq!(ground.number("SELECT COUNT(*) FROM event").await, 310);
    store.check().await.unwrap();
}

pub(super) async fn leaves_say_what_was_appended(ground: &Ground) {
    let (making, store) = (Making::new(2), ground.open().await);
    let (one, other) = (making.person_known_as("R1A", "d"), making.person("X9Z"));
    let (later, last) = (making.after(&one, amended()), making.outcome(&other));
    let items = [one, other, later, last];
    appended(store.as_ref(), items[..2].to_vec(), at(1)).await;
    appended(store.as_ref(), items[2..].to_vec(), at(2)).await;
    let leaves = all_leaves(store.as_ref()).await;
    assert_eq!(leaves.len(), 4);
    for ((leaf, item), position) in leaves.iter().zip(&items).zip(0_u64..) {
        let commitments = |item: &NewAppend| -> Vec<(PartName, _)> {
            item.event.parts.iter().map(|part| (part.name.clone(), part.commitment)).collect()
        };
        let expected = Leaf {
            position,
            event: item.event.id,
            recorded_at_micros: at(if position < 2 { 1 } else { 2 }).micros(),
            organisation: item.organisation.clone(),
            organisation_counter: position / 2,
            stream: item.stream,
            version: version_of(item),
            event_type: item.event.facts.name().into(),
            schema: 1,
            parts: commitments(item),
        };
        let leaf = Leaf::parse(leaf).unwrap();
        assert_eq!(leaf, expected);
        assert!(leaf.parts.len() >= 2, "facts and a sealed part at the least");
    }
    let stored = ground.bytes("SELECT leaf_hash FROM event ORDER BY position").await;
    let hashes: Vec<Vec<u8>> = leaves.iter().map(|leaf| leaf_hash(leaf).as_bytes().to_vec()).collect();
    assert_eq!(stored, hashes);
}

fn root_over(leaves: &[Vec<u8>]) -> Hash {
    subtree_root(&leaves.iter().map(|leaf| leaf_hash(leaf)).collect::<Vec<_>>())
}

pub(super) async fn the_root_is_the_root_over_the_leaves(ground: &Ground) {
    let (making, store) = (Making::new(3), ground.open().await);
    let mut size = 0;
    for many in [1, 1, 7, 300, 64, 1] {
        appended(store.as_ref(), people(&making, "R1A", many), at(0)).await;
        size += many;
        let leaves = all_leaves(store.as_ref()).await;
        assert_eq!(leaves.len(), size);
        let frontier = store.head().await.unwrap().frontier.unwrap();
        assert_eq!(frontier.root(), root_over(&leaves), "at {size}");
    }
}

pub(super) async fn subtrees_are_kept_when_they_are_complete(ground: &Ground) {
    let (making, store) = (Making::new(4), ground.open().await);
    let hashes = "SELECT hash FROM log_subtree WHERE tile_level = 1 ORDER BY tree_index";
    for (many, complete) in [(255, 0), (1, 1), (255, 1), (300, 3)] {
        appended(store.as_ref(), people(&making, "R1A", many), at(0)).await;
        let leaves = all_leaves(store.as_ref()).await;
        let expected: Vec<Vec<u8>> = leaves.chunks_exact(256).map(|tile| root_over(tile).as_bytes().to_vec()).collect();
        assert_eq!(ground.bytes(hashes).await, expected);
        assert_eq!(expected.len(), complete);
    }
    assert_eq!(ground.number("SELECT COUNT(*) FROM log_subtree").await, 3);
    assert_eq!(ground.number("SELECT MAX(tree_index) FROM log_subtree").await, 2);
}

pub(super) async fn recorded_times_rise_even_when_the_clock_goes_back(ground: &Ground) {
    let (making, store) = (Making::new(5), ground.open().await);
    let mut last = at(-1);
    for (clock, recorded) in [(at(0), at(0)), (at(0), at(1)), (at(-500), at(2)), (at(10), at(10)), (at(3), at(11))] {
        let answers = appended(store.as_ref(), people(&making, "R1A", 2), clock).await;
        assert!(answers.iter().all(|answer| answer.recorded_at == recorded), "{answers:?}");
        assert!(recorded > last);
        last = recorded;
        assert_eq!(store.head().await.unwrap().recorded_at, recorded);
    }
}

pub(super) async fn each_organisation_counts_without_gaps(ground: &Ground) {
    let (making, store) = (Making::new(6), ground.open().await);
    let codes = ["R1A", "r1a", "X9Z"];
    let mut before = None;
    for round in 0..12_usize {
        let mut items: Vec<_> = (0..=round).map(|at| making.person(codes[(round * 5 + at * at) % 3])).collect();
        // A rejected one must not take a number.
        items.extend(before.take());
        before = Some(items[0].clone());
        append(store.as_ref(), &each(items), at(0)).await;
    }
    let leaves = all_leaves(store.as_ref()).await;
    assert_eq!(leaves.len(), 78);
    for code in codes.map(organisation) {
        let counters: Vec<u64> = leaves
            .iter()
            .map(|leaf| Leaf::parse(leaf).unwrap())
            .filter(|leaf| leaf.organisation == code)
            .map(|leaf| leaf.organisation_counter)
            .collect();
        assert!(counters.len() > 5);
        assert_eq!(counters, (0..counters.len() as u64).collect::<Vec<_>>());
    }
}

pub(super) async fn the_size_at_an_instant_is_what_was_recorded_by_then(ground: &Ground) {
    let (making, store) = (Making::new(7), ground.open().await);
    for (many, time) in [(2, 10), (3, 20), (1, 30)] {
        appended(store.as_ref(), people(&making, "R1A", many), at(time)).await;
    }
    for (instant, size) in [(9, 0), (10, 2), (11, 2), (19, 2), (20, 5), (25, 5), (30, 6), (31, 6), (1_000_000, 6)] {
        assert_eq!(store.size_at(at(instant)).await.unwrap(), size, "at {instant}");
    }
    assert_eq!(store.size_at(at(i64::MIN / 4)).await.unwrap(), 0);
}

pub(super) async fn leaves_come_in_pages(ground: &Ground) {
    let (making, store) = (Making::new(8), ground.open().await);
    appended(store.as_ref(), people(&making, "R1A", 10), at(0)).await;
    let all = all_leaves(store.as_ref()).await;
    assert_eq!(store.leaves(0, 4).await.unwrap(), all[..4]);
    assert_eq!(store.leaves(4, 4).await.unwrap(), all[4..8]);
    assert_eq!(store.leaves(8, 4).await.unwrap(), all[8..]);
    assert!(store.leaves(10, 4).await.unwrap().is_empty());
    assert!(store.leaves(0, 0).await.unwrap().is_empty());
    assert!(store.leaves(u64::MAX, 4).await.unwrap().is_empty());
}

pub(super) async fn a_batch_of_nothing_changes_nothing(ground: &Ground) {
    let (making, store) = (Making::new(9), ground.open().await);
    let known = making.person("R1A");
    appended(store.as_ref(), [known.clone()], at(5)).await;
    let before = store.head().await.unwrap();
    assert!(store.append(&[], at(6)).await.unwrap().is_empty());
    assert!(append(store.as_ref(), &each([known]), at(6)).await[0].is_err());
    assert_eq!(store.head().await.unwrap(), before);
    let next = appended(store.as_ref(), people(&making, "R1A", 1), at(6)).await;
    assert_eq!((next[0].position, next[0].recorded_at), (1, at(6)), "a batch of nothing takes no time");
}
