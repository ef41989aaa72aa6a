//! What travels: every table and every column of the migrated database, and from each database into each.

use super::accesses::access;
use super::ground_test::Ground;
use super::making::{Making, appended, at, key};
use crate::domain::ids::StreamId;
use crate::ledger::{Checkpoint, Hash, NoteSigner, SigningSeed};
use crate::store::attestation::KeptCosignature;
use crate::store::transfer::{EachLog, LogFound, ROW_TABLES, TABLES, TreeCheck, TreeWrong};
use crate::store::{KeptCheckpoint, NewAppend, Store};
use crate::transfer::{Item, Place, compare};
use std::collections::BTreeSet;

on_both_stores! {
    every_column_travels_or_is_made_anew
    a_store_travels_into_an_empty_one_of_its_kind
    what_travels_is_held_against_what_was_signed
}

const SQLITE_COLUMNS: &str = "SELECT CAST(m.name || '.' || c.name AS BLOB) FROM sqlite_schema AS m \
    JOIN pragma_table_info(m.name) AS c WHERE m.type = 'table' AND m.name <> '_sqlx_migrations'";
const POSTGRES_COLUMNS: &str = "SELECT convert_to(table_name || '.' || column_name, 'UTF8') FROM information_schema.columns \
    WHERE table_schema = 'public' AND table_name <> '_sqlx_migrations'";

pub(super) async fn every_column_travels_or_is_made_anew(ground: &Ground) {
    ground.open().await;
    let sql = if ground.is_postgres() { POSTGRES_COLUMNS } else { SQLITE_COLUMNS };
    let there: BTreeSet<String> =
        ground.bytes(sql).await.into_iter().map(|name| String::from_utf8(name).unwrap()).collect();
    let listed = TABLES.iter().chain(&ROW_TABLES).flat_map(|table| {
        let columns = table.columns.iter().map(|(name, _)| *name).chain(table.derived.iter().copied());
        columns.map(|column| format!("{}.{column}", table.name))
    });
    let listed: BTreeSet<String> = listed.collect();
    let forgotten: Vec<_> = there.difference(&listed).collect();
    assert!(
        forgotten.is_empty(),
        "put these into store::transfer::tables, or they are lost with a restoration: {forgotten:?}"
    );
    assert_eq!(listed.difference(&there).collect::<Vec<_>>(), Vec::<&String>::new(), "there are no such columns");
}

/// Something in every table; answers the last checkpoints of both logs.
async fn fill(store: &dyn Store) -> EachLog<Checkpoint> {
    let making = Making::new(900);
    let people: Vec<_> = (0..300).map(|_| making.person("R1A")).collect();
    let known = NewAppend { key: Some(key(1, 2)), ..making.person_known_as("X9Z", "digest") };
    appended(store, people.into_iter().chain([known]), at(0)).await;
    let stream = StreamId(making.uuid());
    let accesses: Vec<_> = (0..290).map(|_| access(&making, "R1A", stream, "a")).collect();
    store.append_accesses(&accesses, at(2)).await.unwrap();
    let (head, access_head) = (store.head().await.unwrap(), store.access_head().await.unwrap());
    let root = head.frontier.as_ref().unwrap().root();
    let last = EachLog {
        outcomes: signed(store, "this", head.size, root).await,
        accesses: signed(store, "that", access_head.size, access_head.frontier.root()).await,
    };
    signed(store, "other", 5, root).await;
    let (origin, key, line) = ("this".to_owned(), "w".to_owned(), "a line".to_owned());
    store.put_cosignature(&KeptCosignature { origin, size: 5, key, cosigned_at: 7, line }).await.unwrap();
    store.put_statement(at(4), "stated").await.unwrap();
    last
}

async fn signed(store: &dyn Store, origin: &str, size: u64, root: Hash) -> Checkpoint {
    let signer = NoteSigner::new(origin.parse().unwrap(), &SigningSeed::new([7; 32])).unwrap();
    let checkpoint = Checkpoint { origin: origin.parse().unwrap(), size, root };
    let note = checkpoint.sign(&signer).unwrap().to_string();
    store.put_checkpoint(&KeptCheckpoint { origin: origin.to_owned(), size, signed_at: at(1), note }).await.unwrap();
    checkpoint
}

fn check() -> TreeCheck {
    TreeCheck::new(EachLog { outcomes: "this".to_owned(), accesses: "that".to_owned() })
}

async fn checked(mut check: TreeCheck, place: &Place) -> Result<EachLog<LogFound>, TreeWrong> {
    let (mut source, mut table) = (place.read(&TABLES).await.unwrap(), String::new());
    while let Some(item) = source.next().await {
        match item.unwrap() {
            Item::Table(name) => table = name,
            Item::Rows(rows) => check.take(&table, &rows)?,
        }
    }
    check.finish()
}

pub(super) async fn a_store_travels_into_an_empty_one_of_its_kind(ground: &Ground) {
    let store = ground.open().await;
    fill(store.as_ref()).await;
    let target = ground.another().await;
    let other = target.open().await;
    let (from, to) = (ground.place(), target.place());
    assert_eq!(from.first_filled(&TABLES).await.unwrap(), Some("checkpoint"));
    assert_eq!(to.first_filled(&TABLES).await.unwrap(), None);
    to.load(&TABLES, from.read(&TABLES).await.unwrap(), &mut |_, _| Ok(())).await.unwrap();
    let same = compare(from.read(&TABLES).await.unwrap(), to.read(&TABLES).await.unwrap(), |_| ()).await.unwrap();
    // A head, 301 events, three parts of one and two of each other, a subtree and an answer; a head, 290 accesses, a subtree; three
    // checkpoints, a cosignature and a statement.
    assert_eq!(same, Ok((1 + 301 + 603 + 1 + 1) + (1 + 290 + 1) + (3 + 1 + 1)));
    let rows = compare(from.read(&ROW_TABLES).await.unwrap(), to.read(&ROW_TABLES).await.unwrap(), |_| ()).await;
    assert!(rows.unwrap().is_err(), "rows are not copied, and that they are missing is noticed");
    let refused = other.check().await.unwrap_err().to_string();
    assert!(refused.contains("no rows of them"), "{refused}");
    assert_eq!(other.head().await.unwrap().frontier, store.head().await.unwrap().frontier);
    assert_eq!(other.access_head().await.unwrap(), store.access_head().await.unwrap());
    assert_eq!(other.statements().await.unwrap(), store.statements().await.unwrap());
    let again = to.load(&TABLES, from.read(&TABLES).await.unwrap(), &mut |_, _| Ok(())).await;
    assert!(again.is_err());
    target.remove().await;
}

pub(super) async fn what_travels_is_held_against_what_was_signed(ground: &Ground) {
    let store = ground.open().await;
    let last = fill(store.as_ref()).await;
    let expecting = |outcomes: Option<&Checkpoint>, accesses: Option<&Checkpoint>| {
        let mut check = check();
        check.expect(EachLog { outcomes, accesses }).map(|()| check)
    };
    let place = ground.place();
    let found = checked(expecting(Some(&last.outcomes), Some(&last.accesses)).unwrap(), &place).await.unwrap();
    for (log, size, root) in [(&found.outcomes, 301, last.outcomes.root), (&found.accesses, 290, last.accesses.root)] {
        assert_eq!((log.size, log.root, log.checkpoints, log.signed_beyond), (size, root, 1, None));
    }
    // More was signed elsewhere, of either log.
    let more = |of: &Checkpoint| Checkpoint { size: of.size + 1, ..of.clone() };
    let (outcomes, accesses) = (more(&last.outcomes), more(&last.accesses));
    let found = checked(expecting(Some(&outcomes), None).unwrap(), &place).await.unwrap();
    assert_eq!((found.outcomes.signed_beyond, found.accesses.signed_beyond), (Some(302), None));
    let found = checked(expecting(None, Some(&accesses)).unwrap(), &place).await.unwrap();
    assert_eq!((found.outcomes.signed_beyond, found.accesses.signed_beyond), (None, Some(291)));
    // Something else was signed of as many.
    for (size, is_outcomes) in [(17, true), (301, true), (17, false), (290, false), (0, true), (0, false)] {
        let origin = if is_outcomes { &last.outcomes } else { &last.accesses }.origin.clone();
        let other = Checkpoint { origin, size, root: Hash::new([9; 32]) };
        let expected = if is_outcomes { expecting(Some(&other), None) } else { expecting(None, Some(&other)) };
        let wrong = match expected {
            Ok(check) => checked(check, &place).await.unwrap_err(),
            Err(wrong) => wrong,
        };
        assert!(wrong.what.contains("another root"), "{wrong}");
        assert_eq!(wrong.log, if is_outcomes { "the log of events" } else { "the log of accesses" });
    }
    assert!(expecting(Some(&last.accesses), None).is_err(), "the file of another log");
    // What the table says was signed is not there.
    signed(store.as_ref(), "that", 291, last.accesses.root).await;
    let wrong = checked(check(), &place).await.unwrap_err();
    assert!(wrong.what.contains("more accesses than there are"), "{wrong}");
}
