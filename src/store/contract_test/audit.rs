//! An auditor who trusts nothing that the store has counted: everything is worked out again from leaves and events.

use crate::domain::event::{Facts, Recorded};
use crate::domain::ids::StreamId;
use crate::domain::time::Timestamp;
use crate::ledger::{Hash, Leaf, leaf_hash, subtree_root};
use crate::projections::{Row, fold};
use crate::store::{EventQuery, OPEN_END, Reach, Store};
use std::collections::{BTreeMap, HashMap};

/// A whole log, as an auditor reads it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Audited {
    pub(super) leaves: Vec<Vec<u8>>,
    pub(super) root: Hash,
    pub(super) events: Vec<Recorded>,
    /// Row versions in the order of their positions, each with its end.
    pub(super) rows: Vec<(Row, u64)>,
}

impl Audited {
    /// The rows that were true at a size, by stream.
    pub(super) fn as_of(&self, size: u64) -> BTreeMap<StreamId, Row> {
        let was_true = |(row, end): &&(Row, u64)| row.from_position < size && size <= *end;
        self.rows.iter().filter(was_true).map(|(row, _)| (row.id, row.clone())).collect()
    }
}

/// Every event, read in pages.
pub(super) async fn all_events(store: &dyn Store, page: u32) -> Vec<Recorded> {
    let mut all: Vec<Recorded> = Vec::new();
    loop {
        let from = all.last().map_or(0, |last| last.position + 1);
        let query = EventQuery { reach: Reach::Operator, stream: None, from, until: OPEN_END, limit: page };
        let (head, events) = store.events(&query).await.unwrap();
        assert!(events.iter().all(|event| event.position < head.size), "beyond the head that the answer names");
        if events.is_empty() {
            return all;
        }
        all.extend(events);
    }
}

/// Rows by hand: the folds over events, each version with the position at which it ends.
pub(super) fn folded(events: &[Recorded]) -> Vec<(Row, u64)> {
    let mut rows: Vec<(Row, u64)> = Vec::with_capacity(events.len());
    let mut current: HashMap<StreamId, usize> = HashMap::new();
    for event in events {
        let before = current.insert(event.stream, rows.len());
        let row = before.map(|at| rows[at].0.clone());
        if let Some(at) = before {
            rows[at].1 = event.position;
        }
        rows.push((fold(row, event).unwrap(), OPEN_END));
    }
    rows
}

/// Reads everything and holds it against itself.
pub(super) async fn audit(store: &dyn Store) -> Audited {
    let head = store.head().await.unwrap();
    let leaves = store.leaves(0, u32::MAX).await.unwrap();
    assert_eq!(leaves.len() as u64, head.size, "as many leaves as the head says");
    let hashes: Vec<Hash> = leaves.iter().map(|leaf| leaf_hash(leaf)).collect();
    let root = subtree_root(&hashes);
    assert_eq!(head.frontier.map(|frontier| frontier.root()), Some(root), "the root over the leaves");
    let events = all_events(store, 97).await;
    assert_eq!(events.len(), leaves.len(), "as many events as leaves");
    let mut counters = HashMap::new();
    let mut last = None;
    for ((event, leaf), position) in events.iter().zip(&leaves).zip(0_u64..) {
        let leaf = Leaf::parse(leaf).unwrap();
        let counter = counters.entry(event.organisation.clone()).or_insert(0_u64);
        assert_eq!((event.position, leaf.position), (position, position));
        assert_eq!((event.event, event.stream, event.version), (leaf.event, leaf.stream, leaf.version));
        assert_eq!((&event.organisation, leaf.organisation_counter), (&leaf.organisation, *counter));
        assert_eq!(event.recorded_at.micros(), leaf.recorded_at_micros);
        assert_eq!((event.facts.name(), event.facts.schema()), (leaf.event_type.as_ref(), leaf.schema));
        assert!(last <= Some(event.recorded_at), "recorded times never fall");
        *counter += 1;
        last = Some(event.recorded_at);
    }
    assert_eq!(head.recorded_at.micros(), last.map_or(0, Timestamp::micros));
    let expected = folded(&events);
    let places: Vec<(StreamId, u64)> = events.iter().map(|event| (event.stream, event.position)).collect();
    let mut rows = Vec::with_capacity(places.len());
    for places in places.chunks(500) {
        rows.extend(store.row_versions(places).await.unwrap());
    }
    rows.sort_by_key(|(row, _)| row.from_position);
    assert_eq!(rows, expected, "the rows that the folds make");
    let open = expected.iter().filter(|(_, end)| *end == OPEN_END).count() as u64;
    assert_eq!(store.row_counts().await.unwrap(), (head.size, open), "and no others");
    Audited { leaves, root, events, rows }
}

/// What an event was appended as, to be compared with what is read back.
pub(super) fn said(event: &Recorded) -> (crate::domain::ids::EventId, crate::domain::event::Header, Facts) {
    (event.event, event.header.clone(), event.facts.clone())
}
