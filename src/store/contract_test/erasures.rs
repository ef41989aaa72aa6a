//! Erasures: what goes, what stays, and that nothing else can be removed.

use super::audit::all_events;
use super::ground_test::Ground;
use super::making::{Making, amended, append, appended, at, each, identified, told};
use super::rows::query;
use crate::domain::event::{Class, Facts, Kind, PartRef};
use crate::domain::ids::{OutcomeId, PersonId, StreamId};
use crate::domain::person::Barred;
use crate::domain::resource::Resource;
use crate::domain::words::Perspective;
use crate::ledger::{Leaf, PartName, Salt};
use crate::projections::{RowKey, fold};
use crate::store::{About, EventQuery, NewAppend, OPEN_END, Reach, Rejection, RowPath, Store};
use std::collections::HashMap;

on_both_stores! {
    an_erasure_takes_parts_digests_and_keys_and_nothing_else
    an_erasure_of_everything_leaves_envelopes_and_a_tombstone
    only_what_an_erasure_covers_can_be_removed
    what_was_prepared_before_an_erasure_is_not_appended_after_it
    an_erasure_covers_what_the_person_has_at_that_moment
    keys_to_destroy_are_noted_with_the_erasure_and_ended_once
}

const DEFAULT: [Class; 3] = [Class::Identity, Class::Index, Class::Words];
const FULL: [Class; 4] = [Class::Facts, Class::Identity, Class::Index, Class::Words];

/// A person known by an identifier, with an outcome and a narrative; somebody else with the same; the first one amended.
fn two_people(making: &Making) -> Vec<NewAppend> {
    let mut items = Vec::new();
    for digest in ["first", "second"] {
        let person = making.person_known_as("R1A", digest);
        let id = PersonId(person.stream.0);
        let outcome = making.new_stream("R1A", identified(id, &["talking-points-people@1#feeling-safe"]));
        let told = making.new_stream("R1A", told(id, &[OutcomeId(outcome.stream.0)], Perspective::Person));
        let again = making.after(&person, amended());
        items.extend([person, outcome, told, again]);
    }
    items
}

/// Every version of every row that the events make, by stream and start, as a rebuild folds them.
async fn refolded(store: &dyn Store) -> HashMap<(StreamId, u64), crate::projections::Row> {
    let mut rows: HashMap<StreamId, crate::projections::Row> = HashMap::new();
    let mut versions = HashMap::new();
    for event in all_events(store, 1_000).await {
        if matches!(event.facts, Facts::Erased(_)) {
            continue;
        }
        let row = fold(rows.remove(&event.stream), &event).unwrap();
        versions.insert((row.id, row.from_position), row.clone());
        rows.insert(row.id, row);
    }
    versions
}

/// That the live rows are those that the events make, all versions of them and no more.
async fn assert_folded(store: &dyn Store) {
    let folded = refolded(store).await;
    let places: Vec<(StreamId, u64)> = folded.keys().copied().collect();
    let live = store.row_versions(&places).await.unwrap();
    assert_eq!(live.len(), folded.len());
    for (row, _) in live {
        assert_eq!(Some(&row), folded.get(&(row.id, row.from_position)));
    }
    assert_eq!(store.row_counts().await.unwrap().0, folded.len() as u64);
}

pub(super) async fn an_erasure_takes_parts_digests_and_keys_and_nothing_else(ground: &Ground) {
    let (making, store) = (Making::new(301), ground.open().await);
    let items = two_people(&making);
    appended(store.as_ref(), items.clone(), at(0)).await;
    let parts = ground.number("SELECT COUNT(*) FROM part").await;
    let leaves = store.leaves(0, 100).await.unwrap();
    let erasure =
        NewAppend { expected: making.after(&items[3], amended()).expected, ..making.erasure(&items[0], &DEFAULT, &[]) };
    let position = appended(store.as_ref(), [erasure], at(1)).await[0].position;
    assert_eq!(position, 8);
    // Identity of two events, the index of one, words of two; the erasure's own facts come.
    assert_eq!(ground.number("SELECT COUNT(*) FROM part").await, parts - 5 + 1);
    let left = "SELECT COUNT(*) FROM part WHERE position < 4 AND class <> 'facts'";
    assert_eq!(ground.number(left).await, 0);
    assert_eq!(ground.number("SELECT COUNT(*) FROM part WHERE position BETWEEN 4 AND 7").await, 4 + 5);
    let find = async |digest: &str, as_of| {
        let path = RowPath::Key(RowKey::identifier("nhs-number", digest));
        let query = crate::store::RowQuery { as_of, ..query(Some(Kind::Person), path) };
        store.rows(&query).await.unwrap().1.len()
    };
    // Nobody is found any more, nor was anybody ever.
    assert_eq!((find("first", None).await, find("first", Some(2)).await), (0, 0));
    assert_eq!((find("second", None).await, find("second", Some(6)).await), (1, 1));
    assert_eq!(ground.number("SELECT COUNT(*) FROM row_version WHERE body LIKE '%\"first\"%'").await, 0);
    // What may be counted is what it was.
    let person = RowPath::Person(PersonId(items[0].stream.0));
    let then = crate::store::RowQuery { as_of: Some(3), ..query(None, person.clone()) };
    assert_eq!(store.rows(&then).await.unwrap().1.len(), 3);
    assert_eq!(store.rows(&query(None, person)).await.unwrap().1.len(), 3);
    assert_eq!(store.leaves(0, 8).await.unwrap(), leaves, "no leaf changes");
    assert_folded(store.as_ref()).await;
    let (_, row) = store.row(&Reach::Operator, items[0].stream, None).await.unwrap();
    let Resource::Person(state) = row.unwrap().resource else { panic!("a person stays a person") };
    assert_eq!(state.erased, DEFAULT);
    assert!(store.parts(&[PartRef { position: 2, class: Class::Words }]).await.unwrap().is_empty());
    assert_eq!(store.last_lawful_change().await.unwrap(), Some(8));
    store.check().await.unwrap();
}

pub(super) async fn an_erasure_of_everything_leaves_envelopes_and_a_tombstone(ground: &Ground) {
    let (making, store) = (Making::new(302), ground.open().await);
    let items = two_people(&making);
    appended(store.as_ref(), items.clone(), at(0)).await;
    let erasure =
        NewAppend { expected: making.after(&items[3], amended()).expected, ..making.erasure(&items[0], &FULL, &[]) };
    appended(store.as_ref(), [erasure], at(1)).await;
    assert_eq!(ground.number("SELECT COUNT(*) FROM part WHERE position < 4").await, 0);
    let events = all_events(store.as_ref(), 100).await;
    assert_eq!(events.len(), 9, "no event is gone");
    for event in &events[..4] {
        assert!(matches!(event.facts, Facts::Erased(_)), "{event:?}");
        assert!(event.erased.contains(&Class::Facts));
        assert_eq!(event.header.client, "");
    }
    assert_eq!((events[1].facts.name(), events[1].facts.kind()), ("OutcomeIdentified", Kind::Outcome));
    let theirs = [items[1].stream, items[2].stream];
    for stream in theirs {
        for as_of in [None, Some(4)] {
            assert_eq!(store.row(&Reach::Operator, stream, as_of).await.unwrap().1, None);
        }
    }
    assert_eq!(store.row(&Reach::Operator, items[0].stream, Some(4)).await.unwrap().1, None);
    let tombstone = store.row(&Reach::Operator, items[0].stream, None).await.unwrap().1.unwrap();
    let Resource::Person(state) = &tombstone.resource else { panic!("a person stays a person") };
    assert_eq!((state.erased.as_slice(), state.identity, tombstone.version), (FULL.as_slice(), None, 2));
    let of_outcome = RowPath::Key(RowKey::new(crate::projections::KeyKind::Outcome, items[1].stream.to_string()));
    assert!(store.rows(&query(None, of_outcome)).await.unwrap().1.is_empty());
    assert_eq!(ground.number("SELECT COUNT(*) FROM row_key").await, 4, "the other person's: two of an identifier");
    assert_folded(store.as_ref()).await;
    // A rebuild writes the same.
    let generation = store.begin_rebuild().await.unwrap();
    let rows: Vec<_> = refolded(store.as_ref()).await.into_values().collect();
    let places: Vec<_> = rows.iter().map(|row| (row.id, row.from_position)).collect();
    let rows = store.row_versions(&places).await.unwrap();
    store.write_rebuilt(generation, &rows, &[]).await.unwrap();
    assert!(store.switch_generation(generation, 9).await.unwrap());
    assert_folded(store.as_ref()).await;
    store.check().await.unwrap();
}

pub(super) async fn only_what_an_erasure_covers_can_be_removed(ground: &Ground) {
    let (making, store) = (Making::new(303), ground.open().await);
    let items = two_people(&making);
    appended(store.as_ref(), items.clone(), at(0)).await;
    let other = making.person("X9Z");
    appended(store.as_ref(), [other.clone()], at(0)).await;
    let parts = ground.number("SELECT COUNT(*) FROM part").await;
    assert!(ground.run("DELETE FROM part WHERE position = 2 AND class = 'words'").await.is_err());
    // A cover comes with its erasure: not before, not after, not of another organisation's stream.
    let hex = |stream: StreamId| {
        let hex = hex::encode(stream.0.as_bytes());
        if ground.is_postgres() { format!("'{hex}'") } else { format!("X'{hex}'") }
    };
    let cover = |position: u64, stream| {
        format!(
            "INSERT INTO erasure_cover (position, stream, class, through_version) VALUES ({position}, {}, 'words', 0)",
            hex(stream)
        )
    };
    for position in [3, 8, 9, 99] {
        assert!(ground.run(&cover(position, items[2].stream)).await.is_err(), "at {position}");
    }
    appended(store.as_ref(), [making.erasure(&items[4], &[Class::Words], &[items[6].stream])], at(1)).await;
    assert_eq!(ground.number("SELECT COUNT(*) FROM part").await, parts - 1 + 1);
    assert!(ground.run(&cover(9, items[2].stream)).await.is_err(), "its erasure is recorded already");
    assert!(ground.run("UPDATE erasure_cover SET through_version = 9").await.is_err());
    assert!(ground.run("DELETE FROM erasure_cover").await.is_err());
    assert!(ground.run("DELETE FROM part WHERE position = 6 AND class = 'facts'").await.is_err(), "not of that class");
    assert!(ground.run("DELETE FROM part WHERE position = 5 AND class = 'words'").await.is_err(), "not of that stream");
    assert_eq!(ground.number("SELECT COUNT(*) FROM part").await, parts);
    // A stream of somebody else cannot be covered: it is none of what the person has.
    let theirs = making.erasure(&items[4], &[Class::Words], &[other.stream]);
    let expected = crate::store::Expected::Version(2);
    appended(store.as_ref(), [NewAppend { expected, ..theirs }], at(2)).await;
    assert_eq!(ground.number("SELECT COUNT(*) FROM part WHERE position = 8").await, 2);
}

pub(super) async fn what_was_prepared_before_an_erasure_is_not_appended_after_it(ground: &Ground) {
    let (making, store) = (Making::new(304), ground.open().await);
    let person = making.person("R1A");
    let about = Some(About { person: PersonId(person.stream.0), sealed_with: Some(0) });
    appended(store.as_ref(), [person.clone()], at(0)).await;
    let late = |append: NewAppend| NewAppend { about, ..append };
    let before = late(making.outcome(&person));
    appended(store.as_ref(), [before.clone()], at(0)).await;
    appended(store.as_ref(), [making.erasure(&person, &DEFAULT, &[])], at(1)).await;
    let barred = Err(Rejection::Barred(Barred::Erased));
    let new = late(making.outcome(&person));
    let change = late(making.after(&before, super::making::closed()));
    let own = NewAppend { expected: crate::store::Expected::Version(1), ..late(making.after(&person, amended())) };
    assert_eq!(
        append(store.as_ref(), &each([new, change, own]), at(2)).await,
        [barred.clone(), barred.clone(), barred.clone()]
    );
    // Nor as part of an atomic group.
    let group = [making.person("R1A"), late(making.outcome(&person))];
    let answers = append(store.as_ref(), &super::making::group(true, group), at(3)).await;
    assert_eq!(answers, [Err(Rejection::GroupRejected), barred]);
    assert_eq!(store.head().await.unwrap().size, 3);
}

pub(super) async fn an_erasure_covers_what_the_person_has_at_that_moment(ground: &Ground) {
    let (making, store) = (Making::new(305), ground.open().await);
    let items = two_people(&making);
    appended(store.as_ref(), items.clone(), at(0)).await;
    // Whoever prepared it knew of less: the store says what it covers and which version it has.
    let item = making.erasure(&items[0], &DEFAULT, &[]);
    appended(store.as_ref(), [item.clone()], at(1)).await;
    let query = EventQuery { reach: Reach::Operator, stream: None, from: 8, until: OPEN_END, limit: 1 };
    let event = store.events(&query).await.unwrap().1.remove(0);
    let Facts::ErasureExecuted(executed) = &event.facts else { panic!("{event:?}") };
    let mut expected = vec![(items[0].stream, 1), (items[1].stream, 0), (items[2].stream, 0)];
    expected.sort_unstable();
    let covers: Vec<_> = executed.covers.iter().map(|cover| (cover.stream, cover.through_version)).collect();
    assert_eq!((covers, event.version), (expected, 2));
    // Its leaf commits to what it says in the end.
    let leaf = Leaf::parse(&store.leaves(8, 1).await.unwrap()[0]).unwrap();
    let part = store.parts(&[PartRef { position: 8, class: Class::Facts }]).await.unwrap().remove(0);
    let salt = Salt::new(part.salt.unwrap());
    assert!(leaf.parts[0].1.verify(&salt, &event.event, &PartName::FACTS, &part.bytes));
    assert_eq!(part.bytes, event.facts.to_part(&event.header).unwrap());
}

pub(super) async fn keys_to_destroy_are_noted_with_the_erasure_and_ended_once(ground: &Ground) {
    let (making, store) = (Making::new(306), ground.open().await);
    let items = two_people(&making);
    appended(store.as_ref(), items.clone(), at(0)).await;
    appended(store.as_ref(), [making.erasure(&items[0], &DEFAULT, &[])], at(1)).await;
    let only = NewAppend {
        expected: crate::store::Expected::Version(1),
        ..making.erasure(&items[4], &[Class::Words], &[items[6].stream])
    };
    appended(store.as_ref(), [only], at(2)).await;
    let pending = store.pending_destructions(10).await.unwrap();
    let noted: Vec<_> = pending.iter().map(|key| (key.position, key.class, key.subject, key.below)).collect();
    let subject = PersonId(items[0].stream.0);
    let other = PersonId(items[4].stream.0);
    let expected =
        [(8, Class::Identity, subject, None), (8, Class::Words, subject, None), (9, Class::Words, other, Some(1))];
    assert_eq!(noted, expected);
    assert_eq!(store.pending_destructions(1).await.unwrap().len(), 1);
    store.destruction_done(&pending[0], at(5)).await.unwrap();
    store.destruction_done(&pending[0], at(6)).await.unwrap();
    assert_eq!(store.pending_destructions(10).await.unwrap(), pending[1..]);
    assert_eq!(store.destructions_of(8).await.unwrap()[0].done_at, Some(at(5)), "what is done stays as it is");
    assert!(store.destructions_of(7).await.unwrap().is_empty());
    assert!(ground.run("DELETE FROM key_destruction").await.is_err());
    assert!(ground.run("UPDATE key_destruction SET done_at = NULL").await.is_err());
}
