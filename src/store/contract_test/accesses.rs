//! The log of accesses: gapless whoever reads at once, provable, and never changed.

use super::ground_test::Ground;
use super::making::{Making, appended, at, organisation};
use crate::domain::ids::{EventId, StreamId};
use crate::ledger::{Commitment, Leaf, PartName, Salt, commit, leaf_hash, subtree_root};
use crate::store::access_writer::AccessWriter;
use crate::store::{AccessQuery, NewAccess, OPEN_END, Reach, Store, StoredAccess};
use std::collections::HashMap;
use std::sync::Arc;

on_both_stores! {
    accesses_are_read_as_they_were_appended
    accesses_are_found_by_whose_by_whom_and_when
    accesses_have_no_gaps_whoever_reads_at_once
    the_database_refuses_to_change_an_access
    who_recorded_about_somebody_is_known
}

pub(super) fn access(making: &Making, code: &str, stream: StreamId, client: &str) -> NewAccess {
    let id = EventId(making.uuid());
    let facts = format!("{{\"client\":\"{client}\",\"purpose\":\"TREAT\",\"user\":\"u-{client}\"}}");
    let mut salt = [0; 32];
    salt[..16].copy_from_slice(making.uuid().as_bytes());
    let commitment = commit(&Salt::new(salt), &id, &PartName::FACTS, facts.as_bytes());
    NewAccess { id, organisation: organisation(code), stream, schema: 1, facts, salt, commitment }
}

fn all() -> AccessQuery {
    AccessQuery {
        reach: Reach::Operator,
        stream: None,
        from: 0,
        until: OPEN_END,
        client: None,
        user: None,
        purpose: None,
        newest_first: false,
        limit: 10_000,
    }
}

/// Reads everything and holds it against leaves, tree and counters.
async fn audited(store: &dyn Store) -> Vec<StoredAccess> {
    let head = store.access_head().await.unwrap();
    let (all, leaves) = (store.accesses(&all()).await.unwrap(), store.access_leaves(0, u32::MAX).await.unwrap());
    assert_eq!((all.len() as u64, leaves.len() as u64), (head.size, head.size));
    let hashes: Vec<_> = leaves.iter().map(|leaf| leaf_hash(leaf)).collect();
    assert_eq!(head.frontier.root(), subtree_root(&hashes), "the root over the leaves");
    assert_eq!(store.access_hashes(0, 0, 100_000).await.unwrap(), hashes);
    let above: Vec<_> = hashes.chunks_exact(256).map(subtree_root).collect();
    assert_eq!(store.access_hashes(1, 0, 100_000).await.unwrap(), above);
    let (mut versions, mut counters, mut last) = (HashMap::new(), HashMap::new(), None);
    for ((access, leaf), position) in all.iter().zip(&leaves).zip(0_u64..) {
        let leaf = Leaf::parse(leaf).unwrap();
        let version = versions.entry(access.stream).or_insert(0_u64);
        let counter = counters.entry(access.organisation.clone()).or_insert(0_u64);
        assert_eq!((access.position, leaf.position), (position, position));
        assert_eq!((access.version, leaf.version), (*version, *version), "gapless in the stream");
        assert_eq!((access.organisation_counter, leaf.organisation_counter), (*counter, *counter));
        assert_eq!((access.id, access.stream), (leaf.event, leaf.stream));
        assert_eq!(access.recorded_at.micros(), leaf.recorded_at_micros);
        let committed: &[(PartName, Commitment)] = &leaf.parts;
        assert_eq!(committed.len(), 1);
        let salt = Salt::new(access.salt);
        assert!(committed[0].1.verify(&salt, &access.id, &PartName::FACTS, access.facts.as_bytes()));
        assert!(last <= Some(access.recorded_at), "recorded times never fall");
        last = Some(access.recorded_at);
        *version += 1;
        *counter += 1;
    }
    all
}

pub(super) async fn accesses_are_read_as_they_were_appended(ground: &Ground) {
    let (making, store) = (Making::new(700), ground.open().await);
    assert_eq!(store.access_head().await.unwrap().size, 0);
    let (one, other) = (StreamId(making.uuid()), StreamId(making.uuid()));
    let first =
        [access(&making, "R1A", one, "a"), access(&making, "R1A", other, "a"), access(&making, "X9Z", one, "b")];
    assert_eq!(store.append_accesses(&first, at(5)).await.unwrap(), 0);
    // A batch that completes a subtree, at a time that went back.
    let many: Vec<_> = (0..300).map(|_| access(&making, "R1A", one, "c")).collect();
    assert_eq!(store.append_accesses(&many, at(0)).await.unwrap(), 3);
    let all = audited(store.as_ref()).await;
    assert_eq!(all.len(), 303);
    for (stored, new) in all.iter().zip(first.iter().chain(&many)) {
        assert_eq!((stored.id, stored.stream, &stored.facts), (new.id, new.stream, &new.facts));
    }
    assert_eq!(all[302].recorded_at, at(6), "strictly after the batch before");
    assert_eq!(*store.follow_accesses().borrow(), 303);
    store.check().await.unwrap();
    for _ in 0..2 {
        store.check_access_writing().await.unwrap();
    }
    assert_eq!(audited(store.as_ref()).await.len(), 303, "trying leaves nothing behind");
    assert_eq!(store.head().await.unwrap().size, 0, "nothing of it is in the log of events");
    let again = ground.open().await;
    assert_eq!(*again.follow_accesses().borrow(), 303, "known from the start");
}

pub(super) async fn accesses_are_found_by_whose_by_whom_and_when(ground: &Ground) {
    let (making, store) = (Making::new(710), ground.open().await);
    let (one, other) = (StreamId(making.uuid()), StreamId(making.uuid()));
    for (micros, code, stream, client) in
        [(10, "R1A", one, "a"), (20, "R1A", other, "b"), (30, "X9Z", one, "a"), (40, "R1A", one, "b")]
    {
        store.append_accesses(&[access(&making, code, stream, client)], at(micros)).await.unwrap();
    }
    let positions = async |query: AccessQuery| -> Vec<u64> {
        store.accesses(&query).await.unwrap().iter().map(|access| access.position).collect()
    };
    let ours = || AccessQuery { reach: Reach::Organisation(organisation("R1A")), ..all() };
    let some = |text: &str| Some(text.to_owned());
    assert_eq!(positions(all()).await, [0, 1, 2, 3]);
    assert_eq!(positions(AccessQuery { newest_first: true, limit: 3, ..all() }).await, [3, 2, 1]);
    assert_eq!(positions(ours()).await, [0, 1, 3]);
    assert_eq!(positions(AccessQuery { newest_first: true, ..ours() }).await, [3, 1, 0]);
    assert_eq!(positions(AccessQuery { stream: Some(one), ..ours() }).await, [0, 3], "never another's");
    assert_eq!(positions(AccessQuery { stream: Some(one), newest_first: true, limit: 1, ..ours() }).await, [3]);
    assert_eq!(positions(AccessQuery { stream: Some(one), ..all() }).await, [0, 2, 3]);
    assert_eq!(positions(AccessQuery { client: some("b"), ..ours() }).await, [1, 3]);
    assert_eq!(positions(AccessQuery { user: some("u-a"), ..all() }).await, [0, 2]);
    assert_eq!(positions(AccessQuery { purpose: some("TREAT"), from: 1, until: 3, ..all() }).await, [1, 2]);
    assert_eq!(positions(AccessQuery { purpose: some("BTG"), ..all() }).await, [0_u64; 0]);
    for (micros, position) in [(0, 0), (10, 0), (11, 1), (30, 2), (40, 3), (41, 4)] {
        assert_eq!(store.first_access_at(at(micros)).await.unwrap(), position, "at {micros}");
    }
}

pub(super) async fn accesses_have_no_gaps_whoever_reads_at_once(ground: &Ground) {
    const READERS: u64 = 12;
    const EACH: u64 = 20;
    // Two handles on one database stand for two processes.
    let stores = [ground.open().await, ground.open().await];
    let writers: Vec<_> = stores.iter().map(|store| AccessWriter::start(Arc::clone(store), || at(0))).collect();
    let shared: Arc<Vec<StreamId>> =
        Arc::new((0..5).map(|number| StreamId(Making::new(720 + number).uuid())).collect());
    let reading = (0..READERS).map(|number| {
        let (writer, shared) = (writers[usize::try_from(number % 2).unwrap()].0.clone(), Arc::clone(&shared));
        tokio::spawn(async move {
            let making = Making::new(2_000 + number);
            for turn in 0..EACH {
                // One answer about one to three people.
                let about: Vec<_> = (0..=turn % 3)
                    .map(|at| access(&making, "R1A", shared[usize::try_from((number + turn + at) % 5).unwrap()], "a"))
                    .collect();
                // SQLite lets one process write at a time and says so after a while: then it is sent again.
                while let Err(error) = writer.append(about.clone()).await {
                    assert!(matches!(*error, crate::store::StoreError::Unavailable { .. }), "{error}");
                }
            }
        })
    });
    for read in futures::future::join_all(reading.collect::<Vec<_>>()).await {
        read.unwrap();
    }
    let sent: u64 = READERS * (0..EACH).map(|turn| turn % 3 + 1).sum::<u64>();
    assert_eq!(audited(stores[0].as_ref()).await.len() as u64, sent);
}

pub(super) async fn the_database_refuses_to_change_an_access(ground: &Ground) {
    let (making, store) = (Making::new(730), ground.open().await);
    let stream = StreamId(making.uuid());
    let many: Vec<_> = (0..260).map(|_| access(&making, "R1A", stream, "a")).collect();
    store.append_accesses(&many, at(0)).await.unwrap();
    let mut refused = vec![
        "UPDATE access SET facts = '{}' WHERE position = 3",
        "UPDATE access SET salt = leaf_hash WHERE position = 3",
        "DELETE FROM access WHERE position = 259",
        "UPDATE access_subtree SET tree_index = 7",
        "DELETE FROM access_subtree",
        "UPDATE access_head SET size = 259",
        "UPDATE access_head SET size = 261",
        "UPDATE access_head SET recorded_at = 0",
        "UPDATE access_head SET recorded_at = recorded_at + 1",
        "UPDATE access_head SET frontier = (SELECT leaf_hash FROM access WHERE position = 0)",
        "DELETE FROM access_head",
        "INSERT INTO access SELECT position + 7, access_id, stream, version + 1, organisation, organisation_counter, recorded_at, \
         schema_version, salt, facts, leaf, leaf_hash FROM access WHERE position = 259",
    ];
    if ground.is_postgres() {
        refused.extend(["TRUNCATE access", "TRUNCATE access_subtree", "TRUNCATE access_head"]);
    } else {
        refused.extend([
            "INSERT OR REPLACE INTO access SELECT 260, access_id, stream, version, organisation, organisation_counter, recorded_at, \
             schema_version, salt, facts, leaf, leaf_hash FROM access WHERE position = 5",
            "INSERT OR REPLACE INTO access_subtree SELECT tile_level, tree_index, X'00' FROM access_subtree",
            "INSERT OR REPLACE INTO access_head SELECT one, 0, 0, X'0000000000000000' FROM access_head",
        ]);
    }
    for sql in refused {
        assert!(ground.run(sql).await.is_err(), "accepted: {sql}");
    }
    store.check().await.unwrap();
    assert_eq!(audited(store.as_ref()).await.len(), 260);
    let refusing = if ground.is_postgres() {
        "CREATE TRIGGER refuse BEFORE INSERT ON access FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
    } else {
        "CREATE TRIGGER refuse BEFORE INSERT ON access BEGIN SELECT RAISE(ABORT, 'refused'); END"
    };
    ground.run(refusing).await.unwrap();
    assert!(store.check_access_writing().await.is_err(), "trying finds out");
    assert!(store.append_accesses(&many[..1], at(1)).await.is_err());
    assert_eq!(audited(store.as_ref()).await.len(), 260);
}

pub(super) async fn who_recorded_about_somebody_is_known(ground: &Ground) {
    let (making, store) = (Making::new(740), ground.open().await);
    let (person, other) = (making.person("R1A"), making.person("R1A"));
    let (one, two) = (person.stream, other.stream);
    let mut outcome = making.outcome(&person);
    outcome.event.header.client = "another".to_owned();
    let changed = making.after(&person, super::making::amended());
    for (micros, item) in [(10, person), (20, other), (30, outcome), (40, changed)] {
        appended(store.as_ref(), [item], at(micros)).await;
    }
    let known = async |code: &str, people: &[StreamId]| {
        let found = store.known_recorders(&organisation(code), people).await.unwrap();
        let mut known: Vec<_> = found.into_iter().map(|one| (one.person, one.client, one.since)).collect();
        known.sort();
        known
    };
    let mut expected = vec![(one, "another".to_owned(), at(30)), (one, "contract".to_owned(), at(10))];
    assert_eq!(known("R1A", &[one]).await, expected);
    expected.push((two, "contract".to_owned(), at(20)));
    expected.sort();
    assert_eq!(known("R1A", &[one, two]).await, expected);
    assert!(known("X9Z", &[one, two]).await.is_empty());
    assert!(known("R1A", &[]).await.is_empty());
}
