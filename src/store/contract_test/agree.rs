//! Two stores, one contract: whatever is appended, both answer the same, byte for byte, and it does not matter how it
//! was batched.

use super::audit::{Audited, audit};
use super::ground_test::Ground;
use super::making::{Making, amended, at, closed, key, organisation, prioritised, reopened};
use crate::store::{Appended, Expected, Group, NewAppend, Reach, Rejection, Store};
use proptest::prelude::{Just, Strategy, any, prop_oneof};
use proptest::test_runner::{Config, TestRunner};

/// One thing to append; numbers choose among what came before, whether it was accepted or not.
#[derive(Debug, Clone)]
enum Step {
    Person { digest: Option<u8>, asks: bool },
    Outcome { of: usize, needs: bool },
    Change { which: usize, expected: u64, change: u8, elsewhere: bool },
}

#[derive(Debug, Clone)]
struct Line {
    step: Step,
    key: Option<(u8, u8)>,
    home: bool,
}

/// Batches, each with what the clock says; groups, each all or nothing or not; lines.
type Script = Vec<(i64, Vec<(bool, Vec<Line>)>)>;
type Answers = Vec<Vec<Result<Appended, Rejection>>>;

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        (proptest::option::of(0..3_u8), proptest::bool::weighted(0.7))
            .prop_map(|(digest, asks)| Step::Person { digest, asks }),
        (any::<usize>(), proptest::bool::weighted(0.3)).prop_map(|(of, needs)| Step::Outcome { of, needs }),
        (any::<usize>(), 0..3_u64, 0..4_u8, proptest::bool::weighted(0.1))
            .prop_map(|(which, expected, change, elsewhere)| Step::Change { which, expected, change, elsewhere }),
    ]
}

fn script() -> impl Strategy<Value = Script> {
    let line = (step(), prop_oneof![3 => Just(None), 1 => (0..5_u8, 0..2_u8).prop_map(Some)], any::<bool>())
        .prop_map(|(step, key, home)| Line { step, key, home });
    let group = (proptest::bool::weighted(0.3), proptest::collection::vec(line, 1..5));
    let batch = (-3..6_i64, proptest::collection::vec(group, 1..6));
    proptest::collection::vec(batch, 3..9)
}

fn item(making: &Making, line: &Line, before: &[NewAppend]) -> NewAppend {
    let code = if line.home { "R1A" } else { "X9Z" };
    let chosen = |number: usize| &before[number % before.len()];
    let item = match &line.step {
        Step::Person { digest: Some(digest), asks } => {
            let person = making.person_known_as(code, &digest.to_string());
            if *asks { person } else { NewAppend { must_be_free: Vec::new(), ..person } }
        }
        Step::Outcome { of, needs } if !before.is_empty() => {
            let of = chosen(*of);
            NewAppend { needs: if *needs { vec![of.stream] } else { Vec::new() }, ..making.outcome(of) }
        }
        Step::Change { which, expected, change, elsewhere } if !before.is_empty() => {
            let facts = match change {
                0 => amended(),
                1 => prioritised(7),
                2 => closed(),
                _ => reopened(),
            };
            let next = making.after(chosen(*which), facts);
            let organisation = if *elsewhere { organisation(code) } else { next.organisation.clone() };
            NewAppend { organisation, expected: Expected::Version(*expected), ..next }
        }
        _ => making.person(code),
    };
    NewAppend { key: line.key.map(|(number, body)| key(number, body)), ..item }
}

/// The same batches for every store.
fn batches(script: &Script) -> Vec<(i64, Vec<Group>)> {
    let making = Making::new(200);
    let mut before: Vec<NewAppend> = Vec::new();
    let mut batches = Vec::new();
    for (clock, groups) in script {
        let mut batch = Vec::new();
        for (atomic, lines) in groups {
            let mut items = Vec::new();
            for line in lines {
                let item = item(&making, line, &before);
                before.push(item.clone());
                items.push(item);
            }
            batch.push(Group { atomic: *atomic, items });
        }
        batches.push((*clock, batch));
    }
    batches
}

async fn play(ground: &Ground, batches: &[(i64, Vec<Group>)]) -> (Answers, Audited) {
    let store = ground.open().await;
    let mut answers = Vec::new();
    for (clock, groups) in batches {
        answers.extend(store.append(groups, at(*clock)).await.unwrap());
    }
    let audited = audit(store.as_ref()).await;
    check_history(store.as_ref(), &audited).await;
    store.close().await;
    (answers, audited)
}

/// A row as of each size is the one that the folds made of the events before it.
async fn check_history(store: &dyn Store, audited: &Audited) {
    for size in 0..=audited.leaves.len() as u64 {
        for (stream, row) in audited.as_of(size) {
            let (_, seen) = store.row(&Reach::Operator, stream, Some(size)).await.unwrap();
            assert_eq!(seen.as_ref(), Some(&row), "as of {size}");
        }
    }
}

/// What does not depend on the time at which a batch is recorded.
fn timeless(answers: &Answers) -> Answers {
    let bare = |answer: &Result<Appended, Rejection>| {
        answer.clone().map(|appended| Appended { recorded_at: at(0), ..appended })
    };
    answers.iter().map(|group| group.iter().map(bare).collect()).collect()
}

/// An atomic group left nothing or everything.
fn check_atomic(batches: &[(i64, Vec<Group>)], answers: &Answers) {
    let groups = batches.iter().flat_map(|(_, groups)| groups);
    for (group, answers) in groups.zip(answers).filter(|(group, _)| group.atomic) {
        let accepted = answers.iter().filter(|answer| answer.is_ok()).count();
        assert!(accepted == 0 || accepted == group.items.len(), "{answers:?}");
    }
}

#[test]
fn both_stores_agree_whatever_is_appended_and_however_it_is_batched() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let accepted = std::cell::Cell::new(0);
    let mut runner = TestRunner::new(Config { cases: 16, max_shrink_iters: 60, ..Config::default() });
    let outcome = runner.run(&script(), |script| {
        runtime.block_on(async {
            let together = batches(&script);
            let first = play(&Ground::sqlite(), &together).await;
            check_atomic(&together, &first.0);
            accepted.set(accepted.get() + first.1.leaves.len());
            if let Some(postgres) = Ground::postgres().await {
                assert_eq!(first, play(&postgres, &together).await);
                postgres.remove().await;
            }
            let one_by_one = |(clock, groups): &(i64, Vec<Group>)| -> Vec<(i64, Vec<Group>)> {
                groups.iter().map(|group| (*clock, vec![group.clone()])).collect()
            };
            let apart: Vec<_> = together.iter().flat_map(one_by_one).collect();
            let other = play(&Ground::sqlite(), &apart).await;
            assert_eq!(timeless(&first.0), timeless(&other.0), "however it is batched");
        });
        Ok(())
    });
    outcome.unwrap();
    assert!(accepted.get() > 100, "only {} events were accepted: the scripts say too little", accepted.get());
}
