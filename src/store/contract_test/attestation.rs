//! What others attest of the log and what it states about itself: the first stays, for ever, and a quorum counts distinct keys.

use super::ground_test::Ground;
use super::making::at;
use crate::store::attestation::{KeptCosignature, KeptStatement};

on_both_stores! {
    a_cosignature_is_kept_as_it_first_came_and_counted_once
    statements_are_kept_in_their_order
    what_was_attested_is_never_changed
}

fn cosignature(size: u64, key: &str, line: &str) -> KeptCosignature {
    KeptCosignature {
        origin: "a".to_owned(),
        size,
        key: key.to_owned(),
        cosigned_at: 1_000 + size,
        line: line.to_owned(),
    }
}

pub(super) async fn a_cosignature_is_kept_as_it_first_came_and_counted_once(ground: &Ground) {
    let store = ground.open().await;
    let keys = ["v", "w", "x"].map(str::to_owned);
    assert_eq!(store.last_cosigned("a", &keys, 1).await.unwrap(), None);
    for (size, key, line) in
        [(3, "w", "first"), (3, "v", "other"), (3, "w", "second"), (7, "w", "later"), (9, "stranger", "unasked")]
    {
        store.put_cosignature(&cosignature(size, key, line)).await.unwrap();
    }
    let elsewhere = KeptCosignature { origin: "b".to_owned(), ..cosignature(50, "w", "elsewhere") };
    store.put_cosignature(&elsewhere).await.unwrap();
    let (v, w, later) = (cosignature(3, "v", "other"), cosignature(3, "w", "first"), cosignature(7, "w", "later"));
    assert_eq!(store.cosignatures("a", 0, 7).await.unwrap(), [v.clone(), w.clone(), later.clone()]);
    assert_eq!(store.cosignatures("a", 4, 7).await.unwrap(), [later]);
    assert_eq!(store.cosignatures("a", 3, 3).await.unwrap(), [v, w]);
    for (quorum, keys, expected) in [
        (0, keys.as_slice(), Some(7)),
        (1, &keys, Some(7)),
        (2, &keys, Some(3)),
        (3, &keys, None),
        (1, &keys[..1], Some(3)),
        (1, &keys[2..], None),
        (1, &[], None),
    ] {
        assert_eq!(store.last_cosigned("a", keys, quorum).await.unwrap(), expected, "{quorum} of {keys:?}");
    }
    assert_eq!(store.last_cosigned("b", &keys, 1).await.unwrap(), Some(50));
    store.check().await.unwrap();
}

pub(super) async fn statements_are_kept_in_their_order(ground: &Ground) {
    let store = ground.open().await;
    assert_eq!(store.statements().await.unwrap(), []);
    for (time, note) in [(1, "one"), (2, "two"), (3, "one"), (1, "three")] {
        store.put_statement(at(time), note).await.unwrap();
    }
    let statement = |number, time, note: &str| KeptStatement { number, stated_at: at(time), note: note.to_owned() };
    let expected = [statement(0, 1, "one"), statement(1, 2, "two"), statement(2, 1, "three")];
    assert_eq!(store.statements().await.unwrap(), expected);
    drop(store);
    assert_eq!(ground.open().await.statements().await.unwrap(), expected);
}

pub(super) async fn what_was_attested_is_never_changed(ground: &Ground) {
    let store = ground.open().await;
    store.put_cosignature(&cosignature(3, "w", "first")).await.unwrap();
    store.put_statement(at(1), "one").await.unwrap();
    for sql in [
        "UPDATE cosignature SET line = 'another'",
        "DELETE FROM cosignature",
        "UPDATE statement SET note = 'another'",
        "DELETE FROM statement",
        "INSERT INTO statement SELECT number, stated_at, 'another' FROM statement",
    ] {
        assert!(ground.run(sql).await.is_err(), "{sql}");
    }
    assert_eq!(store.cosignatures("a", 3, 3).await.unwrap()[0].line, "first");
    assert_eq!(store.statements().await.unwrap()[0].note, "one");
    store.check().await.unwrap();
}
