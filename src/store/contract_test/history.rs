//! Histories: events at their full envelope, along each index, within reach, of one moment, with what was erased named.

use super::audit::audit;
use super::ground_test::Ground;
use super::making::{Making, amended, appended, at, organisation};
use super::rows::history;
use crate::domain::event::Class;
use crate::domain::ids::{PersonId, StreamId};
use crate::ledger::{Leaf, leaf_hash};
use crate::store::{HistoryPath, HistoryQuery, HistoryRecord, NewAppend, OPEN_END, Reach, Store};

on_both_stores! {
    a_history_tells_what_log_and_rows_say
    a_history_goes_along_its_path_within_reach
    a_history_is_of_one_moment_and_in_pages
    a_part_that_was_erased_is_named
    what_was_erased_whole_is_nobodys_and_keeps_its_place
}

fn everything() -> HistoryQuery {
    HistoryQuery {
        reach: Reach::Operator,
        path: HistoryPath::All,
        from: 0,
        before: OPEN_END,
        as_of: None,
        limit: 1_000,
    }
}

async fn read(store: &dyn Store, query: HistoryQuery) -> Vec<HistoryRecord> {
    store.history(&query).await.unwrap().1
}

async fn positions(store: &dyn Store, query: HistoryQuery) -> Vec<u64> {
    read(store, query).await.iter().map(|record| record.event.position).collect()
}

/// Every kind of change, in batches of three, and somebody of another organisation.
async fn recorded(store: &dyn Store, making: &Making) {
    let mut items = history(making);
    items.push(making.person_known_as("X9Z", "d"));
    for (batch, time) in items.chunks(3).zip(0..) {
        appended(store, batch.to_vec(), at(time)).await;
    }
}

pub(super) async fn a_history_tells_what_log_and_rows_say(ground: &Ground) {
    let (making, store) = (Making::new(110), ground.open().await);
    recorded(store.as_ref(), &making).await;
    let audited = audit(store.as_ref()).await;
    let records = read(store.as_ref(), everything()).await;
    assert!(records.len() > 10);
    assert_eq!(records.iter().map(|record| record.event.clone()).collect::<Vec<_>>(), audited.events);
    for ((record, leaf), (row, _)) in records.iter().zip(&audited.leaves).zip(&audited.rows) {
        let parsed = Leaf::parse(leaf).unwrap();
        assert_eq!(record.organisation_counter, parsed.organisation_counter);
        assert_eq!(record.leaf_hash, leaf_hash(leaf));
        let named: Vec<&str> = parsed.parts.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(record.parts.iter().map(|part| part.name.as_str()).collect::<Vec<_>>(), named);
        assert!(record.parts.iter().all(|part| part.is_there));
        assert_eq!((record.person, record.shown_at), (row.person(), row.occurred_at));
    }
}

pub(super) async fn a_history_goes_along_its_path_within_reach(ground: &Ground) {
    let (making, store) = (Making::new(111), ground.open().await);
    recorded(store.as_ref(), &making).await;
    let all = read(store.as_ref(), everything()).await;
    let of = |is_it: &dyn Fn(&HistoryRecord) -> bool| -> Vec<u64> {
        all.iter().filter(|record| is_it(record)).map(|record| record.event.position).collect()
    };
    let last = all.last().unwrap();
    let mut people: Vec<PersonId> = all.iter().filter_map(|record| record.person).collect();
    people.sort_unstable();
    people.dedup();
    let mut streams: Vec<StreamId> = all.iter().map(|record| record.event.stream).collect();
    streams.sort_unstable();
    streams.dedup();
    assert!(people.len() > 1 && streams.len() > people.len());
    for code in ["R1A", "X9Z", "NOBODY"] {
        let (reach, own) = (Reach::Organisation(organisation(code)), organisation(code));
        let query = HistoryQuery { reach: reach.clone(), ..everything() };
        assert_eq!(positions(store.as_ref(), query.clone()).await, of(&|record| record.event.organisation == own));
        for person in &people {
            let theirs = |record: &HistoryRecord| record.person == Some(*person);
            let path = HistoryPath::Person(*person);
            let wanted = of(&|record| theirs(record) && record.event.organisation == own);
            assert_eq!(positions(store.as_ref(), HistoryQuery { path, ..query.clone() }).await, wanted);
            assert_eq!(positions(store.as_ref(), HistoryQuery { path, ..everything() }).await, of(&theirs));
        }
        for stream in &streams {
            let its = |record: &HistoryRecord| record.event.stream == *stream;
            let path = HistoryPath::Stream(*stream);
            let wanted = of(&|record| its(record) && record.event.organisation == own);
            assert_eq!(positions(store.as_ref(), HistoryQuery { path, ..query.clone() }).await, wanted);
            assert_eq!(positions(store.as_ref(), HistoryQuery { path, ..everything() }).await, of(&its));
        }
    }
    let nobody = HistoryQuery { path: HistoryPath::Person(PersonId(making.uuid())), ..everything() };
    assert!(positions(store.as_ref(), nobody).await.is_empty());
    assert_eq!(last.event.organisation, organisation("X9Z"));
}

pub(super) async fn a_history_is_of_one_moment_and_in_pages(ground: &Ground) {
    let (making, store) = (Making::new(112), ground.open().await);
    recorded(store.as_ref(), &making).await;
    let many = positions(store.as_ref(), everything()).await.len() as u64;
    let page = |from, before, as_of, limit| HistoryQuery { from, before, as_of, limit, ..everything() };
    for (query, expected) in [
        (page(3, 6, None, 100), 3..6),
        (page(3, 6, None, 2), 3..5),
        (page(0, OPEN_END, Some(4), 100), 0..4),
        (page(2, 9, Some(4), 100), 2..4),
        (page(many, OPEN_END, None, 100), many..many),
        (page(0, 0, None, 100), 0..0),
        (page(0, OPEN_END, Some(0), 100), 0..0),
        (page(0, OPEN_END, None, 0), 0..0),
        (page(u64::MAX, u64::MAX, Some(u64::MAX), 100), 0..0),
        (page(0, u64::MAX, Some(u64::MAX), 1_000), 0..many),
    ] {
        assert_eq!(positions(store.as_ref(), query.clone()).await, expected.collect::<Vec<_>>(), "{query:?}");
    }
    let heads = async |as_of| store.history(&page(0, 1, as_of, 1)).await.unwrap().0;
    assert_eq!(heads(None).await.size, many);
    let then = heads(Some(4)).await;
    assert_eq!((then.size, then.recorded_at), (many, at(1)), "the head is the log's, its time that of the moment");
}

type Parts = Vec<(String, Class, bool)>;

fn parts_of(record: &HistoryRecord) -> Parts {
    record.parts.iter().map(|part| (part.name.clone(), part.class, part.is_there)).collect()
}

fn parts(facts: bool, others: &[(&str, Class, bool)]) -> Parts {
    let all = [&[("facts", Class::Facts, facts)], others].concat();
    all.into_iter().map(|(name, class, is_there)| (name.to_owned(), class, is_there)).collect()
}

pub(super) async fn a_part_that_was_erased_is_named(ground: &Ground) {
    let (making, store) = (Making::new(113), ground.open().await);
    let person = making.person_known_as("R1A", "d");
    let other = making.person_known_as("R1A", "e");
    let amended = making.after(&person, amended());
    appended(store.as_ref(), [person.clone(), amended.clone(), other], at(0)).await;
    let before = read(store.as_ref(), everything()).await;
    let erasure = making.erasure(&person, &[Class::Identity, Class::Index, Class::Words], &[]);
    let erasure = NewAppend { expected: making.after(&amended, erasure.event.facts.clone()).expected, ..erasure };
    appended(store.as_ref(), [erasure], at(1)).await;
    let records = read(store.as_ref(), everything()).await;
    let known = |is_there| parts(true, &[("identity", Class::Identity, is_there), ("index", Class::Index, is_there)]);
    assert_eq!(parts_of(&records[0]), known(false));
    assert_eq!(parts_of(&records[1]), parts(true, &[("identity", Class::Identity, false)]));
    assert_eq!(parts_of(&records[2]), known(true), "somebody else's stay");
    assert_eq!(parts_of(&records[3]), parts(true, &[]), "the erasure itself");
    for (then, now) in before.iter().zip(&records) {
        assert_eq!((then.leaf_hash, &then.event.facts), (now.leaf_hash, &now.event.facts));
        assert_eq!((then.person, then.shown_at), (now.person, now.shown_at));
    }
}

pub(super) async fn what_was_erased_whole_is_nobodys_and_keeps_its_place(ground: &Ground) {
    let (making, store) = (Making::new(114), ground.open().await);
    let person = making.person("R1A");
    let outcome = making.outcome(&person);
    appended(store.as_ref(), [person.clone(), outcome.clone()], at(0)).await;
    let before = read(store.as_ref(), everything()).await;
    let full = [Class::Facts, Class::Identity, Class::Index, Class::Words];
    appended(store.as_ref(), [making.erasure(&person, &full, &[])], at(1)).await;
    let records = read(store.as_ref(), everything()).await;
    assert_eq!(records.len(), 3, "no event is gone");
    for (then, now) in before.iter().zip(&records) {
        assert!(then.has_facts() && !now.has_facts());
        assert_eq!((then.leaf_hash, then.organisation_counter), (now.leaf_hash, now.organisation_counter));
        assert!(now.parts.iter().all(|part| !part.is_there));
        let names = |record: &HistoryRecord| parts_of(record).into_iter().map(|(name, ..)| name).collect::<Vec<_>>();
        assert_eq!(names(then), names(now));
        assert_eq!((then.event.facts.name(), now.person), (now.event.facts.name(), None));
    }
    let id = PersonId(person.stream.0);
    assert_eq!((records[2].person, records[2].has_facts()), (Some(id), true));
    let along = async |path| positions(store.as_ref(), HistoryQuery { path, ..everything() }).await;
    assert_eq!(along(HistoryPath::Person(id)).await, [2]);
    assert_eq!(along(HistoryPath::Stream(outcome.stream)).await, [1]);
    assert_eq!(along(HistoryPath::Stream(person.stream)).await, [0, 2]);
}
