//! Reading the tables as they are: everything that was appended is there, and so is what was put there by hand.

use super::ground_test::Ground;
use super::making::{Making, appended, at};
use crate::domain::ids::{PersonId, StreamId};
use crate::ledger::archive::LogName;
use crate::ledger::{Leaf, leaf_hash};
use crate::store::{Extent, RawEvent, RawPart};
use std::collections::BTreeSet;

on_both_stores! {
    the_tables_are_read_as_they_were_written
    a_range_is_read_and_nothing_beside_it
    how_far_everything_goes_is_read_at_one_moment
    what_was_put_in_by_hand_is_read_too
    a_persons_streams_are_those_of_their_record
}

pub(super) async fn the_tables_are_read_as_they_were_written(ground: &Ground) {
    let (making, store) = (Making::new(300), ground.open().await);
    let items = [making.person_known_as("R1A", "digest"), making.person("X9Z")];
    appended(store.as_ref(), items.to_vec(), at(7)).await;
    let events = store.raw_events(LogName::Outcomes, 0, 10).await.unwrap();
    assert_eq!(events.len(), 2);
    for (number, (event, item)) in (0_i64..).zip(events.iter().zip(&items)) {
        let leaf = Leaf::parse(&event.leaf).unwrap();
        let expected = RawEvent {
            position: number,
            event_id: item.event.id.0.as_bytes().to_vec(),
            stream: item.stream.0.as_bytes().to_vec(),
            version: 0,
            organisation: item.organisation.as_str().as_bytes().to_vec(),
            organisation_counter: 0,
            recorded_at: at(7).micros(),
            name: b"PersonRegistered".to_vec(),
            schema_version: 1,
            leaf: leaf.encode().unwrap(),
            leaf_hash: leaf_hash(&event.leaf).as_bytes().to_vec(),
            typed: true,
        };
        assert_eq!(*event, expected);
    }
    let parts = store.raw_parts(LogName::Outcomes, 0, 10).await.unwrap();
    let expected: Vec<RawPart> = (0_i64..)
        .zip(&items)
        .flat_map(|(position, item)| {
            (0_i64..).zip(&item.event.parts).map(move |(ordinal, part)| RawPart {
                part_id: position * 16 + ordinal,
                position,
                name: part.name.as_str().as_bytes().to_vec(),
                class: part.class.as_str().as_bytes().to_vec(),
                subject: part.subject.map(|subject| subject.0.as_bytes().to_vec()),
                key_id: part.key.map(|key| key.as_bytes().to_vec()),
                salt: part.salt.map(|salt| salt.to_vec()),
                bytes: part.bytes.clone(),
                typed: true,
            })
        })
        .collect();
    assert_eq!(parts, expected);
    assert_eq!(parts.len(), 5, "facts and identity of both, and an index");
}

pub(super) async fn a_range_is_read_and_nothing_beside_it(ground: &Ground) {
    let (making, store) = (Making::new(301), ground.open().await);
    appended(store.as_ref(), (0..600).map(|_| making.person("R1A")), at(0)).await;
    let positions = async |from, until| {
        let events = store.raw_events(LogName::Outcomes, from, until).await.unwrap();
        let parts = store.raw_parts(LogName::Outcomes, from, until).await.unwrap();
        let of_parts: BTreeSet<i64> = parts.iter().map(|part| part.position).collect();
        let of_events: Vec<i64> = events.iter().map(|event| event.position).collect();
        assert!(of_parts.iter().eq(&of_events), "each has parts");
        of_events
    };
    assert_eq!(positions(0, 0).await, Vec::<i64>::new());
    assert_eq!(positions(5, 8).await, [5, 6, 7]);
    assert_eq!(positions(598, 900).await, [598, 599]);
    assert_eq!(positions(600, u64::MAX).await, Vec::<i64>::new());
    let hashes = store.raw_subtrees(LogName::Outcomes, 1, 0, 10).await.unwrap();
    let kept = store.tree_hashes(1, 0, 10).await.unwrap();
    let expected: Vec<_> = (0_i64..).zip(kept.iter().map(|hash| hash.as_bytes().to_vec())).collect();
    assert_eq!((hashes.len(), &hashes), (2, &expected));
    assert_eq!(store.raw_subtrees(LogName::Outcomes, 1, 1, 10).await.unwrap(), expected[1..]);
    assert_eq!(store.raw_subtrees(LogName::Outcomes, 1, 0, 1).await.unwrap(), expected[..1]);
    assert!(store.raw_subtrees(LogName::Outcomes, 2, 0, 10).await.unwrap().is_empty());
}

pub(super) async fn how_far_everything_goes_is_read_at_one_moment(ground: &Ground) {
    let (making, store) = (Making::new(302), ground.open().await);
    let empty = Extent { size: 0, recorded_at: 0, frontier: vec![0; 8], events: None, parts: None, subtrees: 0 };
    assert_eq!(store.extent(LogName::Outcomes).await.unwrap(), Some(empty));
    appended(store.as_ref(), (0..300).map(|_| making.person("R1A")), at(3)).await;
    let head = store.head().await.unwrap();
    let expected = Extent {
        size: 300,
        recorded_at: at(3).micros(),
        frontier: head.frontier.unwrap().to_bytes(),
        events: Some((0, 299)),
        parts: Some((0, 299 * 16 + 1)),
        subtrees: 1,
    };
    assert_eq!(store.extent(LogName::Outcomes).await.unwrap(), Some(expected));
}

pub(super) async fn what_was_put_in_by_hand_is_read_too(ground: &Ground) {
    let (making, store) = (Making::new(303), ground.open().await);
    appended(store.as_ref(), (0..2).map(|_| making.person("R1A")), at(3)).await;
    // The role of the service may insert parts: nothing in the database can say which belong to an event.
    let columns = "name, class, subject, key_id, salt, bytes FROM part WHERE part_id = 0";
    for (id, position) in [(9, 0), (16 * 400, 400), (20, 0), (-4, -1)] {
        ground.run(&format!("INSERT INTO part SELECT {id}, {position}, {columns}")).await.unwrap();
    }
    let ids = |parts: Vec<RawPart>| parts.iter().map(|part| (part.part_id, part.position)).collect::<Vec<_>>();
    assert_eq!(ids(store.raw_parts(LogName::Outcomes, 0, 1).await.unwrap()), [(0, 0), (1, 0), (9, 0)]);
    assert_eq!(ids(store.raw_parts(LogName::Outcomes, 1, 2).await.unwrap()), [(16, 1), (17, 1), (20, 0)]);
    assert_eq!(store.extent(LogName::Outcomes).await.unwrap().unwrap().parts, Some((-4, 6_400)));
}

pub(super) async fn a_persons_streams_are_those_of_their_record(ground: &Ground) {
    let (making, store) = (Making::new(304), ground.open().await);
    let (one, other) = (making.person("R1A"), making.person("R1A"));
    let (outcome, another) = (making.outcome(&one), making.outcome(&other));
    appended(store.as_ref(), [one.clone(), other, outcome.clone(), another], at(3)).await;
    let streams: BTreeSet<StreamId> =
        store.streams_of_person(PersonId(one.stream.0)).await.unwrap().into_iter().collect();
    assert_eq!(streams, BTreeSet::from([one.stream, outcome.stream]));
    assert!(store.streams_of_person(PersonId(making.uuid())).await.unwrap().is_empty());
}
