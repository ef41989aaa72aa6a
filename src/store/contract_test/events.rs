//! Events as they are read back: whole, in order, in pages, of one stream, without what was erased.

use super::audit::{all_events, audit, said};
use super::ground_test::Ground;
use super::making::{Making, appended, at, organisation, version_of};
use super::rows::history;
use crate::domain::event::{Class, Recorded};
use crate::store::{EventQuery, NewAppend, OPEN_END, Reach, Store};

on_both_stores! {
    events_are_read_as_they_were_appended
    pages_of_events_cover_the_log_once
    events_of_a_stream_or_an_organisation_keep_their_order
    an_erased_part_is_told_by_its_event_alone
    an_answer_names_the_head_that_it_is_complete_to
}

fn everything() -> EventQuery {
    EventQuery { reach: Reach::Operator, stream: None, from: 0, until: OPEN_END, limit: 1_000 }
}

async fn positions(store: &dyn Store, query: EventQuery) -> Vec<u64> {
    store.events(&query).await.unwrap().1.iter().map(|event| event.position).collect()
}

/// Every kind of change, in batches of three, and a person with an index.
async fn recorded(store: &dyn Store, making: &Making) -> Vec<NewAppend> {
    let mut items = history(making);
    items.push(making.person_known_as("X9Z", "d"));
    for (batch, time) in items.chunks(3).zip(0..) {
        appended(store, batch.to_vec(), at(time)).await;
    }
    items
}

pub(super) async fn events_are_read_as_they_were_appended(ground: &Ground) {
    let (making, store) = (Making::new(100), ground.open().await);
    let items = recorded(store.as_ref(), &making).await;
    let events = audit(store.as_ref()).await.events;
    assert_eq!(events.len(), items.len());
    for (event, item) in events.iter().zip(&items) {
        assert_eq!(said(event), (item.event.id, item.event.header.clone(), item.event.facts.clone()));
        assert_eq!((event.stream, event.version), (item.stream, version_of(item)));
        assert_eq!((&event.organisation, &event.index), (&item.organisation, &item.event.index));
        let sealed = item.event.parts.iter().map(|part| part.class).filter(|class| class.is_sealed());
        assert_eq!(event.sealed, sealed.collect::<Vec<_>>());
    }
    assert_eq!(events[13].index.len(), 1);
}

pub(super) async fn pages_of_events_cover_the_log_once(ground: &Ground) {
    let (making, store) = (Making::new(101), ground.open().await);
    let many = recorded(store.as_ref(), &making).await.len() as u64;
    let all = all_events(store.as_ref(), 1_000).await;
    assert_eq!(all.iter().map(|event| event.position).collect::<Vec<_>>(), (0..many).collect::<Vec<_>>());
    for page in [1, 2, 5] {
        assert_eq!(all_events(store.as_ref(), page).await, all, "pages of {page}");
    }
    assert_eq!(positions(store.as_ref(), EventQuery { from: 3, until: 6, ..everything() }).await, [3, 4, 5]);
    assert_eq!(positions(store.as_ref(), EventQuery { from: 3, until: 6, limit: 2, ..everything() }).await, [3, 4]);
    for nothing in [(6, 6), (6, 3), (many, OPEN_END), (u64::MAX, u64::MAX)] {
        let query = EventQuery { from: nothing.0, until: nothing.1, ..everything() };
        assert!(positions(store.as_ref(), query).await.is_empty(), "{nothing:?}");
    }
    assert!(positions(store.as_ref(), EventQuery { limit: 0, ..everything() }).await.is_empty());
}

pub(super) async fn events_of_a_stream_or_an_organisation_keep_their_order(ground: &Ground) {
    let (making, store) = (Making::new(102), ground.open().await);
    let items = recorded(store.as_ref(), &making).await;
    let all = all_events(store.as_ref(), 1_000).await;
    let of = |wanted: &dyn Fn(&&Recorded) -> bool| all.iter().filter(wanted).cloned().collect::<Vec<_>>();
    let outcome = items[1].stream;
    let expected = of(&|event| event.stream == outcome);
    assert_eq!(expected.len(), 5);
    let stream = |reach| EventQuery { reach, stream: Some(outcome), ..everything() };
    assert_eq!(store.events(&stream(Reach::Operator)).await.unwrap().1, expected);
    let r1a = Reach::Organisation(organisation("R1A"));
    assert_eq!(store.events(&stream(r1a.clone())).await.unwrap().1, expected);
    let next = EventQuery { from: expected[2].position, limit: 2, ..stream(r1a.clone()) };
    assert_eq!(store.events(&next).await.unwrap().1, expected[2..4]);
    let theirs = of(&|event| event.organisation == organisation("R1A"));
    let query = EventQuery { reach: r1a, ..everything() };
    assert_eq!(store.events(&query).await.unwrap().1, theirs);
    assert_eq!(theirs.len(), all.len() - 1);
}

pub(super) async fn an_erased_part_is_told_by_its_event_alone(ground: &Ground) {
    let (making, store) = (Making::new(103), ground.open().await);
    let person = making.person_known_as("R1A", "d");
    let outcome = making.outcome(&person);
    let items = [person.clone(), outcome.clone(), making.outcome(&person)];
    appended(store.as_ref(), items, at(0)).await;
    let before = all_events(store.as_ref(), 10).await;
    appended(store.as_ref(), [making.erasure(&person, &[Class::Words], &[outcome.stream])], at(1)).await;
    let after = all_events(store.as_ref(), 10).await;
    assert_eq!((&before[1].sealed, &before[1].erased), (&vec![Class::Words], &Vec::new()));
    // It still tells which parts it had: what is folded from it does not change.
    assert_eq!(after[1], Recorded { erased: vec![Class::Words], ..before[1].clone() });
    assert_eq!((&after[0], &after[2]), (&before[0], &before[2]));
    let alone = EventQuery { from: 1, until: 2, ..everything() };
    assert_eq!(store.events(&alone).await.unwrap().1, after[1..2]);
}

pub(super) async fn an_answer_names_the_head_that_it_is_complete_to(ground: &Ground) {
    let (making, store) = (Making::new(104), ground.open().await);
    let (head, events) = store.events(&everything()).await.unwrap();
    assert_eq!((head.size, head.recorded_at.micros(), events.len()), (0, 0, 0));
    for time in [10, 20, 30] {
        appended(store.as_ref(), [making.person("R1A"), making.person("X9Z")], at(time)).await;
    }
    // Six events; the head is the log's, its time that of the last event before `until`.
    let before = store.events(&EventQuery { until: 0, ..everything() }).await.unwrap().0;
    assert_eq!((before.size, before.recorded_at.micros()), (6, 0), "before everything");
    for (until, time) in [(1, 10), (2, 10), (3, 20), (4, 20), (5, 30), (6, 30), (7, 30), (OPEN_END, 30)] {
        let query = EventQuery { until, limit: 1, ..everything() };
        let (head, events) = store.events(&query).await.unwrap();
        assert_eq!((head.size, head.recorded_at, events.len()), (6, at(time), 1), "until {until}");
    }
}
