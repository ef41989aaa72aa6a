//! Laws that hold for every history: replayed rows are the live rows; a read as of a position is the fold of the events
//! up to it; a rebuild changes nothing; a repeat of everything changes nothing; the tree is that of the leaves.
#![cfg(test)]

#[expect(dead_code, reason = "the laws need a part of it")]
mod support;

use cairn::app::sample::population;
use cairn::domain::ids::StreamId;
use cairn::ledger::{Frontier, leaf_hash};
use cairn::projections::{Row, fold};
use cairn::store::{EventQuery, Reach};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use serde_json::Value;
use std::collections::HashMap;
use support::{Backend, TestService, backends};

async fn check(backend: Backend, seed: u64, people: u64, cut: usize, asked: &[u32]) {
    let service = TestService::start(backend).await;
    let caller = service.caller("LAWS");
    let today = "2026-11-24".parse().unwrap();
    let mut requests: Vec<Vec<Value>> = vec![Vec::new()];
    for person in population(people, seed, today) {
        if requests.last().is_some_and(|lines| lines.len() > cut) {
            requests.push(Vec::new());
        }
        let lines = person.lines.iter().map(|line| serde_json::from_str(&line.to_line()).unwrap());
        requests.last_mut().unwrap().extend(lines);
    }
    for lines in &requests {
        let answers = caller.batch("each", lines).await;
        assert!(answers.iter().all(|answer| answer["status"] == 201), "a line of the sample was refused: {answers:?}");
    }
    let app = service.service.as_ref().unwrap().app.clone();
    let store = app.store().clone();
    let size = store.head().await.unwrap().size;

    // A repeat of everything changes nothing.
    for lines in &requests {
        let answers = caller.batch("each", lines).await;
        assert!(answers.iter().all(|answer| answer["repeated"] == true));
    }
    assert_eq!(store.head().await.unwrap().size, size);

    // Replayed rows are the live rows, before and after a rebuild.
    assert_eq!(app.replay(true, |_, _| {}).await.unwrap().drifts, []);
    app.rebuild(|_, _| {}).await.unwrap();
    assert_eq!(app.replay(true, |_, _| {}).await.unwrap().drifts, []);

    // A read as of a position is the fold of the events up to it.
    let query = EventQuery { reach: Reach::Operator, stream: None, from: 0, until: size, limit: 100_000 };
    let (_, events) = store.events(&query).await.unwrap();
    assert_eq!(events.len() as u64, size);
    for asked in asked {
        let prefix = u64::from(*asked) % (size + 1);
        let mut rows: HashMap<StreamId, Row> = HashMap::new();
        for event in events.iter().take(usize::try_from(prefix).unwrap()) {
            let row = fold(rows.remove(&event.stream), event).unwrap();
            rows.insert(event.stream, row);
        }
        for event in &events {
            let (_, seen) = store.row(&Reach::Operator, event.stream, Some(prefix)).await.unwrap();
            assert_eq!(seen.as_ref(), rows.get(&event.stream), "as of {prefix}");
        }
    }

    // The tree is that of the leaves.
    let mut frontier = Frontier::new();
    for leaf in store.leaves(0, u32::try_from(size).unwrap()).await.unwrap() {
        frontier.push(leaf_hash(&leaf)).unwrap();
    }
    assert_eq!(Some(frontier), store.head().await.unwrap().frontier);
}

#[test]
fn laws_hold_for_any_history() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    for backend in backends() {
        let mut runner =
            TestRunner::new(Config { cases: 4, failure_persistence: None, max_shrink_iters: 8, ..Config::default() });
        let history = (any::<u64>(), 1u64..6, 1usize..120, proptest::collection::vec(any::<u32>(), 3));
        runner
            .run(&history, |(seed, people, cut, asked)| {
                runtime.block_on(check(backend, seed, people, cut, &asked));
                Ok(())
            })
            .unwrap();
    }
}
