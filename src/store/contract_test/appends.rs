//! What an append accepts and rejects, item by item.

use super::ground_test::Ground;
use super::making::{Making, amended, append, appended, at, each, group, key, organisation, prioritised};
use crate::ledger::PartName;
use crate::store::writer::Writer;
use crate::store::{Expected, Group, NewAppend, NewPart, Rejection};
use std::sync::Arc;

on_both_stores! {
    versions_are_as_expected_or_the_item_is_rejected
    two_events_of_one_stream_fit_in_one_batch
    a_key_is_answered_as_the_first_time_for_ever
    a_key_with_another_request_is_rejected
    many_at_once_with_one_key_record_once
    what_must_be_free_is_given_once
    what_is_needed_must_be_made_in_the_group
    an_atomic_group_is_appended_whole_or_not_at_all
    a_refused_fold_rejects_its_item_alone
    a_leaf_that_cannot_be_written_rejects_its_item_alone
}

pub(super) async fn versions_are_as_expected_or_the_item_is_rejected(ground: &Ground) {
    let (making, store) = (Making::new(20), ground.open().await);
    let first = making.person("R1A");
    appended(store.as_ref(), [first.clone()], at(0)).await;
    let expecting = |expected, code: &str| NewAppend {
        expected,
        organisation: organisation(code),
        ..making.after(&first, amended())
    };
    let unharmed = making.person("R1A");
    let items = vec![
        NewAppend { event: making.person("R1A").event, ..first.clone() },
        expecting(Expected::Version(1), "R1A"),
        expecting(Expected::Version(0), "X9Z"),
        unharmed,
        expecting(Expected::Version(0), "R1A"),
        expecting(Expected::Version(0), "R1A"),
        making.after(&making.person("R1A"), amended()),
    ];
    let answers = append(store.as_ref(), &each(items), at(1)).await;
    let conflict = |current| Err(Rejection::VersionConflict { current });
    assert_eq!(answers[0], conflict(Some(0)), "new, but it is there");
    assert_eq!(answers[1], conflict(Some(0)), "ahead");
    assert_eq!(answers[2], conflict(None), "another organisation's stream");
    assert_eq!(answers[3].as_ref().unwrap().position, 1, "the others are not touched");
    assert_eq!((answers[4].as_ref().unwrap().position, answers[4].as_ref().unwrap().version), (2, 1));
    assert_eq!(answers[5], conflict(Some(1)), "stale");
    assert_eq!(answers[6], conflict(None), "no such stream");
    assert_eq!(store.head().await.unwrap().size, 3);
}

pub(super) async fn two_events_of_one_stream_fit_in_one_batch(ground: &Ground) {
    let (making, store) = (Making::new(21), ground.open().await);
    let person = making.person("R1A");
    let outcome = making.outcome(&person);
    let (one, two) =
        (making.after(&outcome, prioritised(1)), making.after(&making.after(&outcome, prioritised(1)), prioritised(2)));
    appended(store.as_ref(), [person.clone(), outcome.clone(), one, two], at(0)).await;
    let versions = store.row_versions(&[(outcome.stream, 1), (outcome.stream, 2), (outcome.stream, 3)]).await.unwrap();
    let mut ends: Vec<(u64, u64)> = versions.iter().map(|(row, end)| (row.from_position, *end)).collect();
    ends.sort_unstable();
    assert_eq!(ends, [(1, 2), (2, 3), (3, crate::store::OPEN_END)]);
    assert_eq!(store.row_counts().await.unwrap(), (4, 2));
}

pub(super) async fn a_key_is_answered_as_the_first_time_for_ever(ground: &Ground) {
    let making = Making::new(22);
    let with_key = |number, body| NewAppend { key: Some(key(number, body)), ..making.person("R1A") };
    let store = ground.open().await;
    let answers = append(store.as_ref(), &each([with_key(1, 1), with_key(1, 1), with_key(2, 1)]), at(0)).await;
    let first = *answers[0].as_ref().unwrap();
    let again = *answers[1].as_ref().unwrap();
    assert_eq!((again.stream, again.position, again.repeated), (first.stream, 0, true), "within one batch");
    assert_eq!(answers[2].as_ref().unwrap().position, 1);
    store.close().await;
    let store = ground.open().await;
    let later = *append(store.as_ref(), &each([with_key(1, 1)]), at(9)).await[0].as_ref().unwrap();
    assert_eq!(
        (later.stream, later.recorded_at, later.repeated),
        (first.stream, first.recorded_at, true),
        "after reopening"
    );
    assert_eq!(store.head().await.unwrap().size, 2);
    let kept = store.kept_answers(&[[1; 32], [9; 32], [2; 32]]).await.unwrap();
    assert_eq!(kept.len(), 2);
}

pub(super) async fn a_key_with_another_request_is_rejected(ground: &Ground) {
    let (making, store) = (Making::new(23), ground.open().await);
    let with_key = |body| NewAppend { key: Some(key(1, body)), ..making.person("R1A") };
    let answers = append(store.as_ref(), &each([with_key(1), with_key(2)]), at(0)).await;
    assert_eq!(answers[1], Err(Rejection::KeyReused));
    assert_eq!(append(store.as_ref(), &each([with_key(3)]), at(1)).await, [Err(Rejection::KeyReused)]);
    assert_eq!(store.head().await.unwrap().size, 1);
}

pub(super) async fn many_at_once_with_one_key_record_once(ground: &Ground) {
    let (making, store) = (Arc::new(Making::new(24)), ground.open().await);
    let (writer, task) = Writer::start(Arc::clone(&store), 512, || at(0));
    let sending = (0..64).map(|_| {
        let item = NewAppend { key: Some(key(1, 1)), ..making.person("R1A") };
        let writer = writer.clone();
        tokio::spawn(async move {
            writer.append(Group { atomic: false, items: vec![item] }).await.unwrap().remove(0).unwrap()
        })
    });
    let answers = futures::future::join_all(sending.collect::<Vec<_>>()).await;
    let streams: std::collections::BTreeSet<_> = answers.iter().map(|answer| answer.as_ref().unwrap().stream).collect();
    assert_eq!(streams.len(), 1);
    assert_eq!(answers.iter().filter(|answer| !answer.as_ref().unwrap().repeated).count(), 1);
    assert_eq!(store.head().await.unwrap().size, 1);
    drop(writer);
    task.await.unwrap();
}

pub(super) async fn what_must_be_free_is_given_once(ground: &Ground) {
    let (making, store) = (Making::new(25), ground.open().await);
    let first = making.person_known_as("R1A", "a");
    let items = [
        first.clone(),
        making.person_known_as("R1A", "a"),
        making.person_known_as("X9Z", "a"),
        making.person_known_as("R1A", "b"),
    ];
    let answers = append(store.as_ref(), &each(items), at(0)).await;
    let taken = Err(Rejection::Taken { holder: first.stream });
    assert!(answers[0].is_ok());
    assert_eq!(answers[1], taken, "within a batch");
    assert!(answers[2].is_ok(), "another organisation has its own");
    assert!(answers[3].is_ok());
    assert_eq!(
        append(store.as_ref(), &each([making.person_known_as("R1A", "a")]), at(1)).await,
        [taken],
        "in a later batch"
    );
    appended(store.as_ref(), [making.after(&first, amended())], at(2)).await;
    assert!(
        append(store.as_ref(), &each([making.person_known_as("R1A", "a")]), at(3)).await[0].is_err(),
        "an amended person keeps it"
    );
}

pub(super) async fn what_is_needed_must_be_made_in_the_group(ground: &Ground) {
    let (making, store) = (Making::new(26), ground.open().await);
    appended(store.as_ref(), [making.person_known_as("R1A", "a")], at(0)).await;
    let (taken, fine) = (making.person_known_as("R1A", "a"), making.person("R1A"));
    let orphan = NewAppend { needs: vec![taken.stream], ..making.outcome(&taken) };
    let child = NewAppend { needs: vec![fine.stream], ..making.outcome(&fine) };
    let answers = append(store.as_ref(), &group(false, [taken.clone(), orphan, fine, child]), at(1)).await;
    assert!(answers[0].is_err());
    assert_eq!(answers[1], Err(Rejection::NeedsRejected { stream: taken.stream }));
    assert!(answers[2].is_ok() && answers[3].is_ok());
}

pub(super) async fn an_atomic_group_is_appended_whole_or_not_at_all(ground: &Ground) {
    let (making, store) = (Making::new(27), ground.open().await);
    let person = making.person("R1A");
    let outcome = making.outcome(&person);
    let stale = making.after(&making.after(&person, amended()), amended());
    let answers = append(store.as_ref(), &group(true, [person.clone(), outcome.clone(), stale]), at(0)).await;
    assert_eq!(answers[0], Err(Rejection::GroupRejected));
    assert_eq!(answers[1], Err(Rejection::GroupRejected));
    assert_eq!(answers[2], Err(Rejection::VersionConflict { current: Some(0) }));
    assert_eq!(store.head().await.unwrap().size, 0);
    let next = making.after(&person, amended());
    let answers = append(store.as_ref(), &group(true, [person, outcome, next]), at(0)).await;
    assert!(answers.iter().all(Result::is_ok));
    assert_eq!(store.head().await.unwrap().size, 3);
}

pub(super) async fn a_refused_fold_rejects_its_item_alone(ground: &Ground) {
    let (making, store) = (Making::new(28), ground.open().await);
    let person = making.person("R1A");
    // An event of an outcome cannot follow a person's.
    let odd = making.after(&person, prioritised(1));
    let answers = append(store.as_ref(), &each([person, odd, making.person("R1A")]), at(0)).await;
    assert!(matches!(answers[1], Err(Rejection::CannotFollow { .. })), "{:?}", answers[1]);
    assert!(answers[0].is_ok() && answers[2].is_ok());
    assert_eq!(store.head().await.unwrap().size, 2);
}

pub(super) async fn a_leaf_that_cannot_be_written_rejects_its_item_alone(ground: &Ground) {
    let (making, store) = (Making::new(31), ground.open().await);
    // Seventeen parts are more than a leaf can hold.
    let mut unwritable = making.person("R1A");
    let part = unwritable.event.parts[0].clone();
    let name = |number: usize| format!("zz-{number:02}").parse::<PartName>().unwrap();
    unwritable.event.parts.extend((0..15).map(|number| NewPart { name: name(number), ..part.clone() }));
    let items = [making.person("R1A"), unwritable.clone(), making.person("R1A")];
    let answers = append(store.as_ref(), &each(items), at(0)).await;
    let positions: Vec<_> =
        answers.iter().map(|answer| answer.as_ref().ok().map(|appended| appended.position)).collect();
    assert_eq!(positions, [Some(0), None, Some(1)]);
    assert!(matches!(&answers[1], Err(Rejection::CannotFollow { detail }) if detail.contains("leaf")), "{answers:?}");
    let answers = append(store.as_ref(), &group(true, [making.person("R1A"), unwritable]), at(1)).await;
    assert_eq!(answers[0], Err(Rejection::GroupRejected));
    assert!(matches!(answers[1], Err(Rejection::CannotFollow { .. })), "{answers:?}");
    assert_eq!(store.head().await.unwrap().size, 2);
    let counters = "SELECT COUNT(DISTINCT organisation_counter) FROM event WHERE organisation_counter < 2";
    assert_eq!(ground.number(counters).await, 2, "a rejected one takes no number");
}
