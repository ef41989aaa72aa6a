//! Rebuilding rows: folded anew beside the live ones, equal to them, and current only when complete.

use super::audit::{all_events, audit, folded};
use super::ground_test::Ground;
use super::making::{Making, amended, appended, at};
use super::rows::history;
use crate::domain::ids::StreamId;
use crate::projections::Row;
use crate::store::{NewAppend, OPEN_END, Reach, Store};

on_both_stores! {
    rows_that_are_folded_anew_equal_the_live_ones
    a_generation_is_read_as_of_a_size
    a_rebuild_that_another_one_swept_away_does_not_become_current
    a_generation_with_nothing_in_it_does_not_become_current
    appends_go_on_while_rows_are_rebuilt
}

/// Writes the rows of some events as a rebuild does: a page at a time, the rows before it ended as it goes.
async fn write_pages(store: &dyn Store, generation: u32, rows: &[(Row, u64)], page: usize) {
    for rows in rows.chunks(page) {
        let first = rows[0].0.from_position;
        let last = rows[rows.len() - 1].0.from_position;
        let open = |end: u64| if end > last { OPEN_END } else { end };
        let written: Vec<(Row, u64)> = rows.iter().map(|(row, end)| (row.clone(), open(*end))).collect();
        let ended: Vec<(StreamId, u64)> = rows
            .iter()
            .filter(|(row, _)| row.version > 0)
            .map(|(row, _)| (row.id, row.from_position))
            .filter(|(id, _)| !ended_within(rows, *id, first))
            .collect();
        store.write_rebuilt(generation, &written, &unique(ended)).await.unwrap();
    }
}

/// Whether a stream's first row of a page is its first of all, so that no earlier page has one to end.
fn ended_within(rows: &[(Row, u64)], id: StreamId, first: u64) -> bool {
    rows.iter().find(|(row, _)| row.id == id).is_some_and(|(row, _)| row.version == 0 && row.from_position >= first)
}

/// The first end of each stream.
fn unique(ended: Vec<(StreamId, u64)>) -> Vec<(StreamId, u64)> {
    let mut first: Vec<(StreamId, u64)> = Vec::new();
    for end in ended {
        if !first.iter().any(|(id, _)| *id == end.0) {
            first.push(end);
        }
    }
    first
}

async fn a_history(store: &dyn Store, making: &Making) -> Vec<NewAppend> {
    let items: Vec<NewAppend> = (0..3).flat_map(|_| history(making)).collect();
    for batch in items.chunks(5) {
        appended(store, batch.to_vec(), at(0)).await;
    }
    items
}

pub(super) async fn rows_that_are_folded_anew_equal_the_live_ones(ground: &Ground) {
    let (making, store) = (Making::new(120), ground.open().await);
    a_history(store.as_ref(), &making).await;
    let before = audit(store.as_ref()).await;
    let old = store.head().await.unwrap().generation;
    for page in [1, 7, 100] {
        let generation = store.begin_rebuild().await.unwrap();
        assert!(generation > old);
        write_pages(store.as_ref(), generation, &folded(&before.events), page).await;
        assert_ne!(store.head().await.unwrap().generation, generation, "not before the switch");
        assert_eq!(audit(store.as_ref()).await, before, "the rows in use stay as they are");
        assert!(store.switch_generation(generation, 39).await.unwrap());
        assert_eq!(store.head().await.unwrap().generation, generation);
        assert_eq!(audit(store.as_ref()).await, before, "in pages of {page}");
        assert_eq!(ground.number("SELECT COUNT(*) FROM row_version").await, 39, "the old rows are gone");
        let keys = "SELECT COUNT(*) FROM row_key WHERE generation <> (SELECT generation FROM log_head)";
        assert_eq!(ground.number(keys).await, 0, "and their keys");
    }
    // What is appended afterwards joins the new generation.
    a_history(store.as_ref(), &making).await;
    assert_eq!(audit(store.as_ref()).await.rows.len(), 78);
}

pub(super) async fn a_generation_is_read_as_of_a_size(ground: &Ground) {
    let (making, store) = (Making::new(121), ground.open().await);
    let items = a_history(store.as_ref(), &making).await;
    let before = audit(store.as_ref()).await;
    let generation = store.begin_rebuild().await.unwrap();
    write_pages(store.as_ref(), generation, &before.rows, 10).await;
    let mut ids: Vec<StreamId> = items.iter().map(|item| item.stream).collect();
    ids.sort_unstable();
    ids.dedup();
    for size in [0, 1, 8, 13, 20, 39] {
        let mut rows = store.rebuilt_rows(generation, &ids, size).await.unwrap();
        rows.sort_by_key(|row| row.id);
        assert_eq!(rows, before.as_of(size).into_values().collect::<Vec<_>>(), "as of {size}");
    }
    assert!(store.rebuilt_rows(generation + 1, &ids, 39).await.unwrap().is_empty());
}

pub(super) async fn a_rebuild_that_another_one_swept_away_does_not_become_current(ground: &Ground) {
    let (making, store, elsewhere) = (Making::new(122), ground.open().await, ground.open().await);
    a_history(store.as_ref(), &making).await;
    let before = audit(store.as_ref()).await;
    let first = store.begin_rebuild().await.unwrap();
    write_pages(store.as_ref(), first, &before.rows[..20], 20).await;
    // Somebody else starts over, which removes what there is so far; the first goes on and does not know.
    let second = elsewhere.begin_rebuild().await.unwrap();
    assert_ne!(first, second);
    write_pages(store.as_ref(), first, &before.rows[20..], 20).await;
    assert!(!matches!(store.switch_generation(first, 39).await, Ok(true)), "half of its rows are gone");
    assert_eq!(audit(store.as_ref()).await, before, "the rows in use stay as they are");
    write_pages(elsewhere.as_ref(), second, &before.rows, 20).await;
    assert!(elsewhere.switch_generation(second, 39).await.unwrap());
    assert_eq!(audit(store.as_ref()).await, before);
    assert!(!matches!(store.switch_generation(first, 39).await, Ok(true)), "nor later");
    assert_eq!(audit(store.as_ref()).await, before);
}

pub(super) async fn a_generation_with_nothing_in_it_does_not_become_current(ground: &Ground) {
    let (making, store) = (Making::new(123), ground.open().await);
    let empty = store.begin_rebuild().await.unwrap();
    assert!(store.switch_generation(empty, 0).await.unwrap(), "of an empty log it is complete");
    a_history(store.as_ref(), &making).await;
    let before = audit(store.as_ref()).await;
    let generation = store.begin_rebuild().await.unwrap();
    assert!(!matches!(store.switch_generation(generation, 39).await, Ok(true)));
    assert!(!matches!(store.switch_generation(generation + 40, 39).await, Ok(true)), "nor one that was never begun");
    assert_eq!(audit(store.as_ref()).await, before);
}

pub(super) async fn appends_go_on_while_rows_are_rebuilt(ground: &Ground) {
    let (making, store) = (Making::new(124), ground.open().await);
    let items = a_history(store.as_ref(), &making).await;
    let generation = store.begin_rebuild().await.unwrap();
    write_pages(store.as_ref(), generation, &folded(&all_events(store.as_ref(), 50).await), 13).await;
    let amend = making.after(&making.after(&items[0], amended()), amended());
    appended(store.as_ref(), [amend.clone(), making.person("R1A")], at(9)).await;
    assert!(!store.switch_generation(generation, 39).await.unwrap(), "the log has grown");
    // The live row shows the amendment at once, the generation only once it has caught up.
    let (_, row) = store.row(&Reach::Operator, amend.stream, None).await.unwrap();
    assert_eq!(row.map(|row| row.version), Some(2));
    let rows = folded(&all_events(store.as_ref(), 50).await);
    write_pages(store.as_ref(), generation, &rows[39..], 1).await;
    assert!(store.switch_generation(generation, 41).await.unwrap());
    assert_eq!(audit(store.as_ref()).await.rows, rows);
}
