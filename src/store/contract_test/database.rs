//! What the database itself refuses, and what a follower sees.

use super::ground_test::Ground;
use super::making::{Making, appended, at};
use crate::store::writer::Writer;
use crate::store::{EventQuery, Group, KeptCheckpoint, OPEN_END, Reach};
use std::sync::Arc;

on_both_stores! {
    the_database_refuses_to_change_the_log
    a_follower_misses_nothing_while_many_append
}

pub(super) async fn the_database_refuses_to_change_the_log(ground: &Ground) {
    let (making, store) = (Making::new(60), ground.open().await);
    let people: Vec<_> = (0..260).map(|_| making.person("R1A")).collect();
    appended(store.as_ref(), people, at(0)).await;
    let signed = KeptCheckpoint { origin: "a".to_owned(), size: 260, signed_at: at(1), note: "signed".to_owned() };
    store.put_checkpoint(&signed).await.unwrap();
    let mut refused = vec![
        "UPDATE checkpoint SET note = 'another'",
        "DELETE FROM checkpoint",
        "UPDATE event SET organisation = 'X9Z' WHERE position = 3",
        "DELETE FROM event WHERE position = 259",
        "UPDATE log_subtree SET tree_index = 7",
        "DELETE FROM log_subtree",
        "UPDATE log_head SET size = 259",
        "UPDATE log_head SET recorded_at = 0",
        "DELETE FROM log_head",
        "UPDATE part SET class = 'words' WHERE part_id = 16",
        "UPDATE part SET position = 9 WHERE part_id = 16",
        "UPDATE part SET name = 'other' WHERE part_id = 17",
        "UPDATE part SET part_id = 99999 WHERE part_id = 17",
        "UPDATE part SET class = 'words' WHERE part_id = 17",
        "UPDATE part SET subject = NULL WHERE part_id = 17",
        "UPDATE part SET key_id = NULL WHERE part_id = 17",
        "UPDATE part SET salt = bytes WHERE part_id = 17",
        "UPDATE part SET salt = NULL WHERE part_id = 16",
        "UPDATE part SET key_id = subject, bytes = salt WHERE part_id = 16",
        "UPDATE part SET key_id = (SELECT event_id FROM event WHERE position = 1) WHERE part_id = 16",
        "UPDATE log_head SET size = 261",
        "UPDATE log_head SET size = 1000000, recorded_at = recorded_at + 1",
        "UPDATE log_head SET recorded_at = recorded_at + 1",
        "UPDATE log_head SET frontier = (SELECT leaf_hash FROM event WHERE position = 0)",
        "INSERT INTO event SELECT position + 7, event_id, stream, version + 1, organisation, organisation_counter, recorded_at, name, \
         schema_version, leaf, leaf_hash FROM event WHERE position = 259",
    ];
    let facts = if ground.is_postgres() {
        "UPDATE part SET bytes = '\\x00' WHERE part_id = 16"
    } else {
        "UPDATE part SET bytes = X'00' WHERE part_id = 16"
    };
    refused.push(facts);
    if !ground.is_postgres() {
        refused.extend([
            "INSERT OR REPLACE INTO event SELECT 260, event_id, stream, version, organisation, organisation_counter, recorded_at, \
             name, schema_version, leaf, leaf_hash FROM event WHERE position = 5",
            "INSERT OR REPLACE INTO part SELECT part_id, position, name, class, subject, key_id, salt, X'00' FROM part WHERE part_id = 16",
            "INSERT OR REPLACE INTO log_subtree SELECT tile_level, tree_index, X'00' FROM log_subtree",
            "INSERT OR REPLACE INTO checkpoint SELECT origin, size, signed_at, 'another' FROM checkpoint",
            "INSERT OR REPLACE INTO log_head SELECT one, 0, 0, X'0000000000000000', 1 FROM log_head",
        ]);
    }
    if ground.is_postgres() {
        refused.extend([
            "TRUNCATE event",
            "TRUNCATE log_subtree",
            "TRUNCATE log_head",
            "TRUNCATE part",
            "TRUNCATE checkpoint",
        ]);
    }
    for sql in refused {
        assert!(ground.run(sql).await.is_err(), "accepted: {sql}");
    }
    let sealed = "UPDATE part SET bytes = leaf, key_id = event_id FROM event WHERE part_id = 17 AND event.position = 1";
    assert_eq!(ground.run(sealed).await.unwrap(), 1, "a sealed part may be sealed again under another key");
    store.check().await.unwrap();
    assert_eq!(store.head().await.unwrap().size, 260);
}

pub(super) async fn a_follower_misses_nothing_while_many_append(ground: &Ground) {
    const WRITERS: u64 = 16;
    const EACH: u64 = 25;
    // Two handles on one database stand for two processes.
    let stores = [ground.open().await, ground.open().await];
    let writers: Vec<_> = stores.iter().map(|store| Writer::start(Arc::clone(store), 512, || at(0))).collect();
    let follower = ground.open().await;
    let following = tokio::spawn(async move {
        let mut follow = follower.follow();
        let mut positions = Vec::new();
        while (positions.len() as u64) < WRITERS * EACH {
            follow.mark_unchanged();
            let from = positions.last().map_or(0, |last: &u64| last + 1);
            let query = EventQuery { reach: Reach::Operator, stream: None, from, until: OPEN_END, limit: 17 };
            let (_, events) = follower.events(&query).await.unwrap();
            if events.is_empty() {
                // Another process's commit may come without a wake-up here: look again after a moment.
                let _ = tokio::time::timeout(std::time::Duration::from_millis(20), follow.changed()).await;
            }
            positions.extend(events.iter().map(|event| event.position));
        }
        positions
    });
    let sending = (0..WRITERS).map(|number| {
        let writer = writers[usize::try_from(number % 2).unwrap()].0.clone();
        tokio::spawn(async move {
            let making = Making::new(1_000 + number);
            for _ in 0..EACH {
                let group = Group { atomic: false, items: vec![making.person("R1A")] };
                loop {
                    // SQLite lets one process write at a time and says so after a while: then it is sent again.
                    match writer.append(group.clone()).await {
                        Ok(answers) => break assert!(answers[0].is_ok()),
                        Err(error) => {
                            assert!(matches!(*error, crate::store::StoreError::Unavailable { .. }), "{error}");
                        }
                    }
                }
            }
        })
    });
    for sent in futures::future::join_all(sending.collect::<Vec<_>>()).await {
        sent.unwrap();
    }
    let positions = following.await.unwrap();
    assert_eq!(positions, (0..WRITERS * EACH).collect::<Vec<_>>());
}
