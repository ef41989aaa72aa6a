//! When the database goes away: what was answered is there, what failed is not, and what comes next works.

use super::audit::audit;
use super::ground_test::Ground;
use super::making::{Making, amended, append, appended, at, each, key, organisation};
use crate::domain::event::{Class, PartRef};
use crate::projections::RowKey;
use crate::store::{Client, ClientKeys, NewAppend, Reach, RowPath, RowQuery, StoreError};
use std::collections::BTreeSet;
use std::future::Future;
use std::task::Poll;
use std::time::Duration;

on_both_stores! {
    a_batch_that_the_database_refuses_halfway_leaves_nothing
    a_batch_during_which_connections_end_leaves_all_or_nothing
    a_batch_that_is_broken_off_anywhere_leaves_all_or_nothing
    connections_that_died_are_not_noticed_by_the_next_call
    followers_learn_of_every_commit_here_and_elsewhere
    the_size_that_followers_see_is_the_heads
}

/// Ends every connection of the stores on this database. An embedded one has none to end.
async fn end_connections(ground: &Ground) {
    let end = "SELECT COUNT(pg_terminate_backend(pid, 5000)) FROM pg_stat_activity \
               WHERE datname = current_database() AND application_name = 'cairn'";
    if ground.is_postgres() {
        ground.number(end).await;
    }
}

/// What makes the database refuse every idempotency key, and what ends that. Keys come after events, parts and rows: most
/// of a batch is written when it is refused.
pub(super) const fn refusal_of_keys(ground: &Ground) -> (&'static str, &'static str) {
    if ground.is_postgres() {
        (
            "ALTER TABLE idempotency ADD CONSTRAINT refused CHECK (false) NOT VALID",
            "ALTER TABLE idempotency DROP CONSTRAINT refused",
        )
    } else {
        (
            "CREATE TRIGGER refused BEFORE INSERT ON idempotency BEGIN SELECT RAISE(ABORT, 'refused by the test'); END",
            "DROP TRIGGER refused",
        )
    }
}

/// A batch that changes what is there, makes what is new, and remembers a key.
fn batch(making: &Making, number: u8, there: &NewAppend) -> Vec<NewAppend> {
    let person = NewAppend { key: Some(key(number, 1)), ..making.person_known_as("R1A", &number.to_string()) };
    let outcome = making.outcome(&person);
    let again = making.after(&person, amended());
    vec![person, making.after(there, amended()), outcome, making.person("X9Z"), again]
}

/// Polls a future so many times and then drops it.
async fn break_off<F: Future>(future: F, polls: u32) -> Option<F::Output> {
    let mut future = Box::pin(future);
    let mut left = polls;
    std::future::poll_fn(move |context| {
        if left == 0 {
            return Poll::Ready(None);
        }
        left -= 1;
        future.as_mut().poll(context).map(Some)
    })
    .await
}

pub(super) async fn a_batch_that_is_broken_off_anywhere_leaves_all_or_nothing(ground: &Ground) {
    let making = Making::new(170);
    let mut store = ground.open().await;
    let mut last = making.person("R1A");
    appended(store.as_ref(), [last.clone()], at(0)).await;
    let mut size = 1;
    let (mut all, mut nothing) = (0, 0);
    for polls in 0..60_u8 {
        let items = batch(&making, polls, &last);
        let answer = break_off(store.append(&each(items.clone()), at(1)), u32::from(polls)).await;
        // Half of the times the handle is closed in order, half of the times it just goes.
        if polls % 2 == 0 {
            store.close().await;
        }
        drop(store);
        store = ground.open().await;
        // One more append waits for whatever the dropped one may still hold, so what is read next is settled.
        appended(store.as_ref(), [making.person("R1A")], at(2)).await;
        let audited = audit(store.as_ref()).await;
        let kept = store.kept_answers(&[[polls; 32]]).await.unwrap();
        let grown = audited.leaves.len() as u64 - size - 1;
        size = audited.leaves.len() as u64;
        assert!(grown == 0 || grown == 5, "{grown} of 5 events after {polls} polls");
        assert_eq!(kept.len() as u64 * 5, grown, "the key is remembered with its event");
        assert!(answer.is_none() || grown == 5, "what was answered is there");
        if grown == 5 {
            last = items[1].clone();
            all += 1;
        } else {
            nothing += 1;
        }
    }
    assert!(all > 0 && nothing > 0, "{all} times all, {nothing} times nothing: not every case was met");
}

pub(super) async fn a_batch_that_the_database_refuses_halfway_leaves_nothing(ground: &Ground) {
    let (making, store) = (Making::new(171), ground.open().await);
    let there = making.person("R1A");
    appended(store.as_ref(), [there.clone()], at(0)).await;
    let before = audit(store.as_ref()).await;
    let (refuse, allow) = refusal_of_keys(ground);
    ground.run(refuse).await.unwrap();
    let items = batch(&making, 1, &there);
    let error = store.append(&each(items.clone()), at(1)).await.unwrap_err();
    assert!(matches!(error, StoreError::Unavailable { outcome_unknown: false, .. }), "{error:?}");
    assert_eq!(audit(store.as_ref()).await, before, "nothing of it is there");
    ground.run(allow).await.unwrap();
    appended(store.as_ref(), items, at(2)).await;
    assert_eq!(audit(store.as_ref()).await.leaves.len(), 6);
}

pub(super) async fn a_batch_during_which_connections_end_leaves_all_or_nothing(ground: &Ground) {
    let (making, store) = (Making::new(175), ground.open().await);
    let mut last = making.person("R1A");
    appended(store.as_ref(), [last.clone()], at(0)).await;
    let mut size = 1;
    for round in 0..20_u8 {
        let items = batch(&making, round, &last);
        let groups = each(items.clone());
        let (answer, ()) = tokio::join!(store.append(&groups, at(3)), async {
            for _ in 0..round {
                tokio::task::yield_now().await;
            }
            end_connections(ground).await;
        });
        let answers = append(store.as_ref(), &each([making.person("R1A")]), at(4)).await;
        assert!(answers[0].is_ok(), "the next append works");
        let audited = audit(store.as_ref()).await;
        let grown = audited.leaves.len() as u64 - size - 1;
        size = audited.leaves.len() as u64;
        match answer {
            Ok(answers) => {
                assert!(answers.iter().flatten().all(Result::is_ok), "{answers:?}");
                assert_eq!(grown, 5, "what was answered is there");
            }
            Err(StoreError::Unavailable { outcome_unknown: false, .. }) => assert_eq!(grown, 0, "nothing half-written"),
            Err(StoreError::Unavailable { outcome_unknown: true, .. }) => assert!(grown == 0 || grown == 5),
            Err(other) => panic!("{other:?}"),
        }
        if grown == 5 {
            last = items[1].clone();
        }
    }
}

/// After a restart of the database each pooled connection is dead, and every call meets one first.
pub(super) async fn connections_that_died_are_not_noticed_by_the_next_call(ground: &Ground) {
    let (making, store) = (Making::new(172), ground.open().await);
    let person = NewAppend { key: Some(key(1, 1)), ..making.person_known_as("R1A", "a") };
    appended(store.as_ref(), [person.clone()], at(0)).await;
    let client = Client {
        id: "care-system".to_owned(),
        name: "Care system".to_owned(),
        organisation: organisation("R1A"),
        scopes: BTreeSet::new(),
        keys: ClientKeys::Issuer("https://example.org".to_owned()),
        created_at: at(0),
        rotated_at: None,
        revoked_at: None,
    };
    store.put_client(&client).await.unwrap();
    macro_rules! after_an_outage {
        ($($call:expr),+ $(,)?) => {$(
            // Several at once, so that the pool holds as many connections as it may.
            futures::future::join_all((0..8).map(|_| store.head())).await;
            end_connections(ground).await;
            let answer = $call.await;
            assert!(answer.is_ok(), "{}: {answer:?}", stringify!($call));
        )+};
    }
    let (operator, stream) = (Reach::Operator, person.stream);
    let by_key = super::rows::query(None, RowPath::Key(RowKey::identifier("nhs-number", "a")));
    let by_key = RowQuery { limit: 10, ..by_key };
    let places = [PartRef { position: 0, class: Class::Facts }];
    after_an_outage! {
        store.head(),
        store.size_at(at(0)),
        store.row(&operator, stream, None),
        store.rows_by_id(&operator, &[stream]),
        store.rows(&by_key),
        store.parts(&places),
        store.leaves(0, 10),
        store.kept_answers(&[[1; 32]]),
        store.row_versions(&[(stream, 0)]),
        store.row_counts(),
        store.client("care-system"),
        store.clients(),
        store.put_client(&client),
        store.use_assertion("care-system", &[1; 32], at(9), at(1)),
        store.check(),
        store.begin_rebuild(),
        store.append(&each([making.person("R1A")]), at(1)),
    }
    audit(store.as_ref()).await;
}

pub(super) async fn followers_learn_of_every_commit_here_and_elsewhere(ground: &Ground) {
    let (making, here, elsewhere) = (Making::new(173), ground.open().await, ground.open().await);
    let mut follow = here.follow();
    for size in 1..=6_u64 {
        let store = if size % 2 == 0 { &here } else { &elsewhere };
        appended(store.as_ref(), [making.person("R1A")], at(0)).await;
        if size == 5 {
            // The follower's own connection goes too; it is made again.
            end_connections(ground).await;
        }
        // Reading is learning, too, where nobody wakes us.
        assert_eq!(here.head().await.unwrap().size, size);
        let told = tokio::time::timeout(Duration::from_secs(20), follow.wait_for(|told| *told >= size)).await;
        assert_eq!(told.map(|told| *told.unwrap()).ok(), Some(size));
    }
}

pub(super) async fn the_size_that_followers_see_is_the_heads(ground: &Ground) {
    let (making, store) = (Making::new(174), ground.open().await);
    let follow = store.follow();
    for _ in 0..20 {
        let groups: Vec<_> = (0..8).map(|_| each([making.person("R1A")])).collect();
        let appends = groups.iter().map(|groups| store.append(groups, at(0)));
        assert!(futures::future::join_all(appends).await.iter().all(Result::is_ok));
        // Not looked at while awaiting: whoever tells of a new size waits for those who look.
        let told = *follow.borrow();
        assert_eq!(told, store.head().await.unwrap().size, "never an earlier one");
    }
}
