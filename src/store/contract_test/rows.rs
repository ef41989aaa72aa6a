//! Rows: now, as they stood, in lists, within reach.

use super::ground_test::Ground;
use super::making::{
    Making, amended, appended, at, closed, contributed, identified, organisation, prioritised, reopened, reviewed,
    reworded, told, withdrawn,
};
use crate::domain::event::{Class, Kind, PartRef};
use crate::domain::ids::{OutcomeId, PersonId};
use crate::domain::time::Timestamp;
use crate::domain::words::Perspective;
use crate::projections::{KeyKind, Row, RowKey};
use crate::store::{EventQuery, NewAppend, OPEN_END, Reach, RowPath, RowQuery, RowWanted};
use std::collections::HashMap;

on_both_stores! {
    a_row_as_of_a_size_is_what_was_current_then
    wishes_that_are_read_together_are_answered_as_if_alone
    lists_go_along_every_path_and_filter
    pages_cover_a_list_once_while_others_append
    nothing_beyond_reach_is_seen
    parts_are_read_by_place_and_erased_ones_are_absent
    a_generation_is_built_beside_and_switched_to
    clients_and_assertions_are_kept
}

pub(super) fn query(kind: Option<Kind>, path: RowPath) -> RowQuery {
    RowQuery { kind, ..RowQuery::along(organisation("R1A"), path, None, 100) }
}

fn ids(rows: &[Row]) -> Vec<u64> {
    rows.iter().map(|row| row.from_position).collect()
}

/// A person with outcomes that are reviewed, reworded, closed: every kind of change.
pub(super) fn history(making: &Making) -> Vec<NewAppend> {
    let person = making.person("R1A");
    let id = PersonId(person.stream.0);
    let one = making.new_stream("R1A", identified(id, &["talking-points-people@1#feeling-safe"]));
    let two = making.in_life(making.new_stream("R1A", identified(id, &["icecap-a@1#stability"])), "2025-12-31");
    let outcome = OutcomeId(one.stream.0);
    let review = making.new_stream("R1A", reviewed(id, outcome, "fully_met"));
    let other_review = making.new_stream("R1A", reviewed(id, outcome, "not_met"));
    let narrative = making.new_stream("R1A", told(id, &[outcome], Perspective::Carer));
    let contribution = making.new_stream("R1A", contributed(id, &[outcome, OutcomeId(two.stream.0)]));
    let ranked = making.after(&one, prioritised(3));
    let shut = making.after(&ranked, closed());
    let open = making.after(&shut, reopened());
    let renamed = making.after(&open, reworded(&["icecap-a@1#stability"]));
    vec![
        person.clone(),
        one,
        two,
        review.clone(),
        other_review,
        narrative,
        contribution,
        ranked,
        shut,
        making.after(&person, amended()),
        open,
        making.after(&review, withdrawn()),
        renamed,
    ]
}

pub(super) async fn a_row_as_of_a_size_is_what_was_current_then(ground: &Ground) {
    let (making, store) = (Making::new(40), ground.open().await);
    let items = history(&making);
    let mut then: Vec<HashMap<_, _>> = Vec::new();
    let mut lists: Vec<Vec<Row>> = Vec::new();
    for (size, item) in items.iter().enumerate() {
        appended(store.as_ref(), [item.clone()], at(i64::try_from(size).unwrap() * 10)).await;
        let mut rows = HashMap::new();
        for stream in items.iter().map(|item| item.stream) {
            let (head, row) = store.row(&Reach::Operator, stream, None).await.unwrap();
            assert_eq!(head.size, size as u64 + 1);
            rows.insert(stream, row);
        }
        then.push(rows);
        lists.push(store.rows(&query(Some(Kind::Outcome), RowPath::All)).await.unwrap().1);
    }
    for (size, (rows, list)) in (1_u64..).zip(then.iter().zip(&lists)) {
        for (stream, row) in rows {
            let (head, seen) = store.row(&Reach::Operator, *stream, Some(size)).await.unwrap();
            assert_eq!(&seen, row, "as of {size}");
            assert_eq!(head.recorded_at, at((i64::try_from(size).unwrap() - 1) * 10), "when that was");
        }
        let as_of = RowQuery { as_of: Some(size), ..query(Some(Kind::Outcome), RowPath::All) };
        assert_eq!(&store.rows(&as_of).await.unwrap().1, list, "as of {size}");
    }
    assert_eq!(store.row(&Reach::Operator, items[0].stream, Some(0)).await.unwrap().1, None);
}

pub(super) async fn wishes_that_are_read_together_are_answered_as_if_alone(ground: &Ground) {
    let (making, store) = (Making::new(44), ground.open().await);
    let items = history(&making);
    for (size, item) in items.iter().enumerate() {
        appended(store.as_ref(), [item.clone()], at(i64::try_from(size).unwrap())).await;
    }
    let reaches = [Reach::Operator, Reach::Organisation(organisation("R1A")), Reach::Organisation(organisation("X9Z"))];
    let nobodys = making.person("R1A").stream;
    let mut wanted = Vec::new();
    for (reach, as_of) in
        reaches.iter().flat_map(|reach| [None, Some(0), Some(3), Some(99)].map(|as_of| (reach, as_of)))
    {
        for id in items.iter().map(|item| item.stream).chain([nobodys]) {
            wanted.push(RowWanted { reach: reach.clone(), id, as_of });
        }
    }
    let together = store.single_rows(&wanted).await.unwrap();
    assert_eq!(together.len(), wanted.len());
    let mut found = 0;
    for (wish, answer) in wanted.iter().zip(together) {
        let alone = store.row(&wish.reach, wish.id, wish.as_of).await.unwrap();
        found += usize::from(alone.1.is_some());
        assert_eq!(answer.unwrap(), alone, "{wish:?}");
    }
    assert!(found > items.len() && found < wanted.len() / 2, "some are found and some are not: {found}");
    assert!(store.single_rows(&[]).await.unwrap().is_empty());
}

pub(super) async fn lists_go_along_every_path_and_filter(ground: &Ground) {
    let (making, store) = (Making::new(41), ground.open().await);
    let items = history(&making);
    appended(store.as_ref(), items.clone(), at(100)).await;
    appended(store.as_ref(), [making.person("R1A")], at(200)).await;
    let list = async |query: RowQuery| ids(&store.rows(&query).await.unwrap().1);
    let (person, outcome) = (PersonId(items[0].stream.0), OutcomeId(items[1].stream.0));
    let key = |kind, value: &str| RowPath::Key(RowKey::new(kind, value));
    assert_eq!(list(query(Some(Kind::Outcome), RowPath::All)).await, [2, 12]);
    assert_eq!(list(query(None, RowPath::All)).await, [2, 4, 5, 6, 9, 11, 12, 13]);
    assert_eq!(list(query(None, RowPath::Person(person))).await, [2, 4, 5, 6, 9, 11, 12]);
    assert_eq!(list(query(Some(Kind::Review), RowPath::Outcome(outcome))).await, [4, 11]);
    let of_outcome = key(KeyKind::Outcome, &outcome.to_string());
    assert_eq!(list(query(Some(Kind::Contribution), of_outcome)).await, [6]);
    assert_eq!(list(query(None, key(KeyKind::FrameworkItem, "icecap-a@1#stability"))).await, [2, 12]);
    assert_eq!(
        list(query(None, key(KeyKind::FrameworkItem, "talking-points-people@1#feeling-safe"))).await,
        [0_u64; 0],
        "not any more"
    );
    let reviews = || query(Some(Kind::Review), RowPath::All);
    assert_eq!(list(RowQuery { status: Some("withdrawn".to_owned()), ..reviews() }).await, [11]);
    assert_eq!(list(RowQuery { status: Some("not_met".to_owned()), ..reviews() }).await, [4]);
    let narratives = || query(Some(Kind::Narrative), RowPath::All);
    assert_eq!(list(RowQuery { perspective: Some("carer".to_owned()), ..narratives() }).await, [5]);
    assert_eq!(list(RowQuery { perspective: Some("person".to_owned()), ..narratives() }).await, [0_u64; 0]);
    let instant = |text: &str| Some(text.parse::<Timestamp>().unwrap());
    let outcomes = || query(Some(Kind::Outcome), RowPath::All);
    assert_eq!(list(RowQuery { occurred_from: instant("2026-01-01T00:00:00Z"), ..outcomes() }).await, [12]);
    assert_eq!(list(RowQuery { occurred_until: instant("2026-01-01T00:00:00Z"), ..outcomes() }).await, [2]);
    assert_eq!(
        list(RowQuery { occurred_from: instant("2026-03-31T23:59:59Z"), ..outcomes() }).await,
        [12],
        "a month reaches to its end"
    );
    assert_eq!(list(RowQuery { recorded_from: Some(at(200)), ..query(None, RowPath::All) }).await, [13]);
    assert_eq!(list(RowQuery { recorded_until: Some(at(100)), ..query(None, RowPath::All) }).await, [0_u64; 0]);
    assert_eq!(list(RowQuery { from_position: 11, ..query(None, RowPath::All) }).await, [11, 12, 13]);
    assert_eq!(list(RowQuery { limit: 2, ..query(None, RowPath::All) }).await, [2, 4]);
}

pub(super) async fn pages_cover_a_list_once_while_others_append(ground: &Ground) {
    let (making, store) = (Making::new(42), ground.open().await);
    let people: Vec<NewAppend> = (0..50).map(|_| making.person("R1A")).collect();
    appended(store.as_ref(), people.clone(), at(0)).await;
    let mut seen = Vec::new();
    let mut from_position = 0;
    loop {
        let page = RowQuery { from_position, as_of: Some(50), limit: 7, ..query(Some(Kind::Person), RowPath::All) };
        let (_, rows) = store.rows(&page).await.unwrap();
        let Some(last) = rows.last() else { break };
        from_position = last.from_position + 1;
        seen.extend(rows.iter().map(|row| row.id));
        // Amending one that was seen and one that was not must move neither.
        let (first, later) = (&people[seen.len() - 1], &people[49]);
        let version = |item: &NewAppend| store.row(&Reach::Operator, item.stream, None);
        for item in [first, later] {
            let current = version(item).await.unwrap().1.unwrap().version;
            let expected = crate::store::Expected::Version(current);
            appended(store.as_ref(), [NewAppend { expected, ..making.after(item, amended()) }], at(1)).await;
        }
    }
    assert_eq!(seen, people.iter().map(|item| item.stream).collect::<Vec<_>>());
}

pub(super) async fn nothing_beyond_reach_is_seen(ground: &Ground) {
    let (making, store) = (Making::new(43), ground.open().await);
    let (ours, theirs) = (making.person("R1A"), making.person("X9Z"));
    appended(store.as_ref(), [ours.clone(), theirs.clone()], at(0)).await;
    let reach = Reach::Organisation(organisation("R1A"));
    assert!(store.row(&reach, ours.stream, None).await.unwrap().1.is_some());
    assert!(store.row(&reach, theirs.stream, None).await.unwrap().1.is_none());
    let rows = store.rows_by_id(&reach, &[ours.stream, theirs.stream]).await.unwrap();
    assert_eq!(rows.iter().map(|row| row.id).collect::<Vec<_>>(), [ours.stream]);
    assert_eq!(store.rows_by_id(&Reach::Operator, &[ours.stream, theirs.stream]).await.unwrap().len(), 2);
    assert_eq!(ids(&store.rows(&query(Some(Kind::Person), RowPath::All)).await.unwrap().1), [0]);
    let events = async |reach: &Reach, stream| {
        let query = EventQuery { reach: reach.clone(), stream, from: 0, until: OPEN_END, limit: 10 };
        store.events(&query).await.unwrap().1.len()
    };
    assert_eq!(events(&reach, None).await, 1);
    assert_eq!(events(&reach, Some(theirs.stream)).await, 0);
    assert_eq!(events(&Reach::Operator, None).await, 2);
}

pub(super) async fn parts_are_read_by_place_and_erased_ones_are_absent(ground: &Ground) {
    let (making, store) = (Making::new(44), ground.open().await);
    let person = making.person("R1A");
    appended(store.as_ref(), [person.clone(), making.outcome(&person)], at(0)).await;
    let place = |position, class| PartRef { position, class };
    let places = [
        place(0, Class::Identity),
        place(1, Class::Words),
        place(1, Class::Facts),
        place(1, Class::Identity),
        place(7, Class::Words),
    ];
    let mut parts = store.parts(&places).await.unwrap();
    parts.sort_by_key(|part| (part.position, part.class));
    assert_eq!(
        parts.iter().map(|part| (part.position, part.class)).collect::<Vec<_>>(),
        [(0, Class::Identity), (1, Class::Facts), (1, Class::Words)]
    );
    let identity = &parts[0];
    assert_eq!((identity.event, identity.stream, identity.version), (person.event.id, person.stream, 0));
    let erasure = making.erasure(&person, &[Class::Words], &[]);
    appended(store.as_ref(), [erasure], at(1)).await;
    assert!(store.parts(&[place(1, Class::Words)]).await.unwrap().is_empty());
}

pub(super) async fn a_generation_is_built_beside_and_switched_to(ground: &Ground) {
    let (making, store) = (Making::new(45), ground.open().await);
    let items = history(&making);
    appended(store.as_ref(), items.clone(), at(0)).await;
    let places: Vec<_> = items.iter().zip(0_u64..).map(|(item, position)| (item.stream, position)).collect();
    let live = store.row_versions(&places).await.unwrap();
    assert_eq!(live.len(), items.len());
    let abandoned = store.begin_rebuild().await.unwrap();
    store.write_rebuilt(abandoned, &live, &[]).await.unwrap();
    let generation = store.begin_rebuild().await.unwrap();
    assert!(generation >= abandoned);
    assert!(
        store.rebuilt_rows(generation, &[items[0].stream], 13).await.unwrap().is_empty(),
        "what was abandoned is gone"
    );
    let (first, rest): (Vec<_>, Vec<_>) = live.into_iter().partition(|(row, _)| row.from_position == 0);
    let open: Vec<_> = first.into_iter().map(|(row, _)| (row, OPEN_END)).collect();
    store.write_rebuilt(generation, &open, &[]).await.unwrap();
    store.write_rebuilt(generation, &rest, &[(items[0].stream, 9)]).await.unwrap();
    assert!(!store.switch_generation(generation, 12).await.unwrap(), "not complete");
    appended(store.as_ref(), [making.person("R1A")], at(1)).await;
    assert!(!store.switch_generation(generation, 13).await.unwrap(), "the log has grown");
    let fresh = store
        .row_versions(&[(store.rows(&query(Some(Kind::Person), RowPath::All)).await.unwrap().1[1].id, 13)])
        .await
        .unwrap();
    store.write_rebuilt(generation, &fresh, &[]).await.unwrap();
    assert!(store.switch_generation(generation, 14).await.unwrap());
    assert_eq!(store.head().await.unwrap().generation, generation);
    assert_eq!(store.row_counts().await.unwrap(), (14, 8));
    assert_eq!(ground.number("SELECT COUNT(*) FROM row_version").await, 14, "the old generation is gone");
}

pub(super) async fn clients_and_assertions_are_kept(ground: &Ground) {
    let store = ground.open().await;
    let client = crate::store::Client {
        id: "care-system".to_owned(),
        name: "Care system".to_owned(),
        organisation: organisation("R1A"),
        scopes: crate::domain::access::Scope::ALL.iter().copied().collect(),
        keys: crate::store::ClientKeys::Url("https://example.org/jwks".to_owned()),
        created_at: at(0),
        rotated_at: None,
        revoked_at: None,
    };
    assert!(store.add_client(&client).await.unwrap());
    let second = crate::store::Client { name: "Another".to_owned(), ..client.clone() };
    assert!(!store.add_client(&second).await.unwrap(), "an id is given once");
    assert_eq!(store.client("care-system").await.unwrap(), Some(client.clone()));
    let replaced = crate::store::Client { rotated_at: Some(at(1)), ..client };
    store.put_client(&replaced).await.unwrap();
    let client = replaced;
    assert_eq!(store.client("care-system").await.unwrap(), Some(client.clone()));
    let revoked = crate::store::Client { revoked_at: Some(at(5)), ..client };
    store.put_client(&revoked).await.unwrap();
    store.put_client(&crate::store::Client { revoked_at: None, ..revoked.clone() }).await.unwrap();
    assert!(!store.add_client(&second).await.unwrap(), "nor after a revocation");
    assert_eq!(store.clients().await.unwrap(), [revoked]);
    let other = ground.open().await;
    for round in 0..10 {
        let client = crate::store::Client { id: format!("race-{round}"), ..second.clone() };
        let (one, another) = tokio::join!(store.add_client(&client), other.add_client(&client));
        assert_ne!(one.unwrap(), another.unwrap(), "one of two");
    }
    assert_eq!(store.client("another").await.unwrap(), None);
    assert!(store.use_assertion("care-system", &[1; 32], at(100), at(0)).await.unwrap());
    assert!(!store.use_assertion("care-system", &[1; 32], at(100), at(1)).await.unwrap());
    assert!(store.use_assertion("other-system", &[1; 32], at(100), at(1)).await.unwrap(), "each client has its own");
    assert!(store.use_assertion("care-system", &[2; 32], at(300), at(200)).await.unwrap());
    assert_eq!(ground.number("SELECT COUNT(*) FROM used_assertion").await, 1, "what has expired is forgotten");
}
