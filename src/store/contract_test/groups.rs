//! Groups: what is all or nothing, and that answers do not depend on how groups happen to be batched.

use super::ground_test::Ground;
use super::making::{Making, amended, append, appended, at, each, group, key, prioritised};
use crate::store::{Group, NewAppend, Rejection, Store};

on_both_stores! {
    a_key_twice_in_an_atomic_group_does_not_break_it_in_two
    a_repeated_item_does_not_break_an_atomic_group
    a_recording_does_not_stand_in_its_own_way
    one_key_is_given_once_within_an_atomic_group
    each_item_of_a_refused_group_says_why
    what_another_group_made_is_not_of_this_group
    a_key_is_taken_by_whoever_shows_it
    a_refused_group_leaves_no_trace
}

async fn size(store: &dyn Store) -> u64 {
    store.head().await.unwrap().size
}

pub(super) async fn a_key_twice_in_an_atomic_group_does_not_break_it_in_two(ground: &Ground) {
    let (making, store) = (Making::new(80), ground.open().await);
    let with_key = |body| NewAppend { key: Some(key(1, body)), ..making.person("R1A") };
    let answers = append(store.as_ref(), &group(true, [with_key(1), with_key(2)]), at(0)).await;
    assert_eq!(answers, [Err(Rejection::GroupRejected), Err(Rejection::KeyReused)]);
    assert_eq!(size(store.as_ref()).await, 0, "all or nothing");
}

pub(super) async fn a_repeated_item_does_not_break_an_atomic_group(ground: &Ground) {
    let (making, store) = (Making::new(81), ground.open().await);
    let keyed = NewAppend { key: Some(key(1, 1)), ..making.person("R1A") };
    // The very same item twice: the second is a repeat of the first, not a stream that is new no more.
    let answers = append(store.as_ref(), &group(true, [keyed.clone(), keyed.clone()]), at(0)).await;
    let repeated: Vec<bool> = answers.iter().map(|answer| answer.as_ref().unwrap().repeated).collect();
    assert_eq!(repeated, [false, true]);
    let answers = append(store.as_ref(), &group(true, [keyed, making.person("R1A")]), at(1)).await;
    let positions: Vec<u64> = answers.iter().map(|answer| answer.as_ref().unwrap().position).collect();
    assert_eq!(positions, [0, 1]);
    assert_eq!(size(store.as_ref()).await, 2);
}

pub(super) async fn a_recording_does_not_stand_in_its_own_way(ground: &Ground) {
    for (atomic, digest) in [(false, "a"), (true, "b")] {
        let (making, store) = (Making::new(82 + u64::from(atomic)), ground.open().await);
        let person = making.person_known_as("R1A", digest);
        let again = NewAppend { must_be_free: person.must_be_free.clone(), ..making.after(&person, amended()) };
        let answers = append(store.as_ref(), &group(atomic, [person, again]), at(0)).await;
        assert!(answers.iter().all(Result::is_ok), "atomic: {atomic}: {answers:?}");
    }
}

pub(super) async fn one_key_is_given_once_within_an_atomic_group(ground: &Ground) {
    let (making, store) = (Making::new(84), ground.open().await);
    let first = making.person_known_as("R1A", "a");
    let items = [first.clone(), making.person_known_as("R1A", "a")];
    let answers = append(store.as_ref(), &group(true, items), at(0)).await;
    assert_eq!(answers, [Err(Rejection::GroupRejected), Err(Rejection::Taken { holder: first.stream })]);
    assert_eq!(size(store.as_ref()).await, 0);
}

pub(super) async fn each_item_of_a_refused_group_says_why(ground: &Ground) {
    let (making, store) = (Making::new(85), ground.open().await);
    let there = making.person_known_as("R1A", "a");
    appended(store.as_ref(), [there.clone()], at(0)).await;
    let (fine, taken) = (making.person("R1A"), making.person_known_as("R1A", "a"));
    let orphan = NewAppend { needs: vec![taken.stream], ..making.outcome(&taken) };
    let child = NewAppend { needs: vec![fine.stream], ..making.outcome(&fine) };
    let unfit = making.after(&there, prioritised(1));
    let stale = making.after(&making.after(&there, amended()), amended());
    let items = [fine, taken.clone(), orphan, child, unfit, stale];
    let answers = append(store.as_ref(), &group(true, items), at(1)).await;
    assert_eq!(answers[0], Err(Rejection::GroupRejected));
    assert_eq!(answers[1], Err(Rejection::Taken { holder: there.stream }));
    assert_eq!(answers[2], Err(Rejection::NeedsRejected { stream: taken.stream }));
    assert_eq!(answers[3], Err(Rejection::GroupRejected));
    assert!(matches!(answers[4], Err(Rejection::CannotFollow { .. })), "{:?}", answers[4]);
    assert_eq!(answers[5], Err(Rejection::VersionConflict { current: Some(0) }));
    assert_eq!(size(store.as_ref()).await, 1);
}

/// Two groups in one batch, and the same two in two batches on the way.
async fn batched_and_apart(ground: &Ground, groups: [Group; 2]) -> [Vec<Vec<Result<(), Rejection>>>; 2] {
    let bare = |answers: Vec<Vec<Result<_, _>>>| -> Vec<Vec<Result<(), Rejection>>> {
        answers.into_iter().map(|group| group.into_iter().map(|answer| answer.map(drop)).collect()).collect()
    };
    let store = ground.open().await;
    let together = bare(store.append(&groups, at(0)).await.unwrap());
    let elsewhere = ground.another().await;
    let store = elsewhere.open().await;
    let mut apart = Vec::new();
    for group in groups {
        apart.extend(bare(store.append(&[group], at(0)).await.unwrap()));
    }
    store.close().await;
    elsewhere.remove().await;
    [together, apart]
}

pub(super) async fn what_another_group_made_is_not_of_this_group(ground: &Ground) {
    let making = Making::new(86);
    let person = making.person("R1A");
    let outcome = NewAppend { needs: vec![person.stream], ..making.outcome(&person) };
    let one = |item| Group { atomic: false, items: vec![item] };
    let [together, apart] = batched_and_apart(ground, [one(person.clone()), one(outcome)]).await;
    assert_eq!(apart[1], [Err(Rejection::NeedsRejected { stream: person.stream })]);
    assert_eq!(together, apart, "whether groups happen to be batched must not matter");
}

pub(super) async fn a_key_is_taken_by_whoever_shows_it(ground: &Ground) {
    let making = Making::new(87);
    // The first did not ask whether its key is free; it has it all the same.
    let first = NewAppend { must_be_free: Vec::new(), ..making.person_known_as("R1A", "a") };
    let second = making.person_known_as("R1A", "a");
    let one = |item| Group { atomic: false, items: vec![item] };
    let [together, apart] = batched_and_apart(ground, [one(first.clone()), one(second)]).await;
    assert_eq!(apart[1], [Err(Rejection::Taken { holder: first.stream })]);
    assert_eq!(together, apart, "whether groups happen to be batched must not matter");
}

pub(super) async fn a_refused_group_leaves_no_trace(ground: &Ground) {
    let (making, store) = (Making::new(88), ground.open().await);
    let person = NewAppend { key: Some(key(1, 1)), ..making.person_known_as("R1A", "a") };
    let stale = making.after(&making.after(&person, amended()), amended());
    let refused = Group { atomic: true, items: vec![person.clone(), stale] };
    let mut groups = vec![refused];
    // The same stream, key and identifier in the same batch, where nothing stands in the way any more.
    groups.extend(each([person.clone()]));
    let answers = append(store.as_ref(), &groups, at(0)).await;
    assert!(answers[0].is_err() && answers[1].is_err());
    let answer = answers[2].as_ref().unwrap();
    assert_eq!((answer.position, answer.stream, answer.repeated), (0, person.stream, false));
    assert_eq!(size(store.as_ref()).await, 1);
}
