//! A database that somebody changed by hand, with every trigger out of the way: each kind of byte, each found and called by
//! its name.

use crate::auditing::{BOTH, as_organisation, fill, record_people, verified, verify, wrong};
use crate::binary::Place;
use crate::support::{Backend, backends};
use cairn::ledger::{Frontier, Leaf, leaf_hash};
use sqlx::{AssertSqlSafe, Connection, PgConnection, SqliteConnection};
use std::path::Path;

/// An event with facts in the clear and sealed words.
const AT: &str = "(SELECT MIN(position) FROM part WHERE name = 'words')";
/// An event of a person, with facts and a sealed identity.
const IDENTITY: &str = "(SELECT MIN(position) FROM part WHERE name = 'identity')";

fn copy(from: &Path, to: &Path) {
    for suffix in ["", "-wal", "-shm"] {
        let (from, to) = (format!("{}{suffix}", from.display()), format!("{}{suffix}", to.display()));
        let _ = std::fs::remove_file(&to);
        if Path::new(&from).exists() {
            std::fs::copy(from, to).unwrap();
        }
    }
}

/// A database of which copies are changed, without its triggers.
pub struct Original {
    pub place: Place,
}

impl Original {
    pub async fn new(people: usize) -> Self {
        let place = Place::new(Backend::Sqlite).await;
        fill(&place, people).await;
        // Signs everything that is recorded; the first one is an access to everybody, which the second one signs.
        for _ in 0..2 {
            place.run(&[&["export", "--quiet", "--out", "export"], &BOTH[..]].concat()).expect_status(0);
            std::fs::remove_dir_all(place.file("export")).unwrap();
        }
        let mut database = SqliteConnection::connect(place.database()).await.unwrap();
        let triggers: Vec<String> =
            sqlx::query_scalar("SELECT 'DROP TRIGGER ' || name FROM sqlite_master WHERE type = 'trigger'")
                .fetch_all(&mut database)
                .await
                .unwrap();
        for drop in triggers {
            sqlx::raw_sql(AssertSqlSafe(drop)).execute(&mut database).await.unwrap();
        }
        sqlx::raw_sql("PRAGMA wal_checkpoint(TRUNCATE)").execute(&mut database).await.unwrap();
        database.close().await.unwrap();
        copy(&place.file("cairn.db"), &place.file("original.db"));
        Self { place }
    }

    /// The database as it was, changed by a statement.
    pub async fn changed(&self, sql: &str) -> SqliteConnection {
        copy(&self.place.file("original.db"), &self.place.file("cairn.db"));
        let mut database = SqliteConnection::connect(self.place.database()).await.unwrap();
        let done = sqlx::raw_sql(AssertSqlSafe(sql.to_owned())).execute(&mut database).await.unwrap();
        assert!(sql.is_empty() || done.rows_affected() > 0, "{sql} changes nothing");
        database
    }

    pub async fn found(&self, sql: &str, code: &str) {
        self.changed(sql).await.close().await.unwrap();
        let answer = wrong(&self.place, &[], code);
        assert!(answer["finding_count"].as_u64() < Some(30), "{sql} is told as too much: {answer:#}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_column_of_an_event_is_held_against_its_leaf() {
    let original = Original::new(0).await;
    original.changed("").await.close().await.unwrap();
    verified(&original.place, &[]);
    for (column, value) in [
        ("event_id", "randomblob(16)"),
        ("event_id", "randomblob(3)"),
        ("event_id", "'text'"),
        ("stream", "randomblob(16)"),
        ("version", "version + 40"),
        ("version", "-1"),
        ("organisation", "'RX9'"),
        ("organisation", "CAST(organisation AS BLOB)"),
        ("organisation_counter", "organisation_counter + 1"),
        ("recorded_at", "recorded_at - 1"),
        ("name", "'OutcomeClosed'"),
        ("schema_version", "2"),
        ("leaf", "CAST(leaf AS TEXT)"),
    ] {
        let sql = format!("UPDATE event SET {column} = {value} WHERE position = {AT}");
        original.found(&sql, "row_differs_from_leaf").await;
    }
    let swap = format!(
        "UPDATE event SET position = 999 WHERE position = {AT}; UPDATE event SET position = position - 1 WHERE position = \
         {AT} + 1; UPDATE event SET position = {AT} + 1 WHERE position = 999"
    );
    original.found(&swap, "row_differs_from_leaf").await;
    for (sql, code) in [
        (format!("UPDATE event SET leaf = CAST(replace(CAST(leaf AS TEXT), 'ver 0', 'ver 1') AS BLOB) WHERE position = {AT}"), "leaf"),
        (format!("UPDATE event SET leaf = X'00' WHERE position = {AT}"), "leaf"),
        (format!("UPDATE event SET leaf_hash = zeroblob(32) WHERE position = {AT}"), "leaf_hash"),
        (format!("UPDATE event SET leaf_hash = zeroblob(31) WHERE position = {AT}"), "leaf_hash"),
        (format!("DELETE FROM event WHERE position = {AT}"), "position_gap"),
        (
            "INSERT INTO event SELECT position + 1, randomblob(16), randomblob(16), 0, organisation, organisation_counter + 1, \
             recorded_at, name, schema_version, leaf, leaf_hash FROM event ORDER BY position DESC LIMIT 1"
                .to_owned(),
            "event_beyond_head",
        ),
    ] {
        original.found(&sql, code).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_column_of_a_part_is_held_against_the_leaf_and_the_keys() {
    let original = Original::new(0).await;
    let words = format!("position = {AT} AND name = 'words'");
    let facts = format!("position = {AT} AND name = 'facts'");
    let last_bit = "bytes = CAST(substr(bytes, 1, length(bytes) - 1) || X'00' AS BLOB)";
    for (change, code) in [
        (format!("UPDATE part SET {last_bit} WHERE {words}"), "part_tampered"),
        (format!("UPDATE part SET bytes = X'' WHERE {words}"), "part_tampered"),
        (format!("UPDATE part SET {last_bit} WHERE {facts}"), "commitment"),
        (format!("UPDATE part SET salt = randomblob(32) WHERE {facts}"), "commitment"),
        (format!("UPDATE part SET salt = NULL WHERE {facts}"), "commitment"),
        (format!("UPDATE part SET salt = randomblob(32) WHERE {words}"), "row_differs_from_leaf"),
        (format!("UPDATE part SET name = 'more' WHERE {words}"), "part_unknown"),
        (format!("UPDATE part SET name = 'more' WHERE {words}"), "part_missing"),
        (format!("UPDATE part SET class = 'identity' WHERE {words}"), "part_class"),
        (format!("UPDATE part SET class = 'nothing' WHERE {facts}"), "part_class"),
        (format!("UPDATE part SET subject = randomblob(16) WHERE {words}"), "part_subject"),
        (format!("UPDATE part SET subject = NULL WHERE {words}"), "part_subject"),
        (format!("UPDATE part SET key_id = randomblob(16) WHERE {words}"), "part_missing"),
        (format!("UPDATE part SET key_id = randomblob(5) WHERE {words}"), "row_differs_from_leaf"),
        (
            format!(
                "UPDATE part SET key_id = (SELECT key_id FROM part WHERE position = {IDENTITY} AND name = 'identity') WHERE {words}"
            ),
            "part_tampered",
        ),
        (format!("UPDATE part SET key_id = NULL WHERE {words}"), "commitment"),
        (format!("UPDATE part SET position = position + 1 WHERE {words}"), "part_unknown"),
        (format!("UPDATE part SET part_id = part_id + 5 WHERE {words}"), "part_unknown"),
        (format!("DELETE FROM part WHERE {words}"), "part_missing"),
        (format!("DELETE FROM part WHERE {facts}"), "part_missing"),
        (
            format!(
                "INSERT INTO part SELECT part_id + 9, position, 'extra', class, subject, key_id, salt, bytes FROM part WHERE {facts}"
            ),
            "part_unknown",
        ),
        (
            format!(
                "INSERT INTO part SELECT part_id + 9, position, name, class, subject, key_id, salt, bytes FROM part WHERE {facts}"
            ),
            "part_unknown",
        ),
        (
            format!(
                "INSERT INTO part SELECT part_id + 16000, position + 1000, name, class, subject, key_id, salt, bytes FROM part WHERE {facts}"
            ),
            "part_unknown",
        ),
        (
            format!(
                "INSERT INTO part SELECT -5, -1, name, class, subject, key_id, salt, bytes FROM part WHERE {facts}"
            ),
            "part_unknown",
        ),
    ] {
        original.found(&change, code).await;
    }
    // Without the keys the same rows are looked at, and what is sealed is left alone.
    original.changed(&format!("UPDATE part SET {last_bit} WHERE {words}")).await.close().await.unwrap();
    let answer = verified(&original.place, &["--no-keys"]);
    assert_eq!(
        (answer["logs"][0]["opened_parts"].as_u64(), answer["logs"][0]["sealed_parts"].as_u64()),
        (Some(0), Some(9))
    );
    assert!(answer["limits"].to_string().contains("--no-keys"));
    original.changed(&format!("UPDATE part SET {last_bit} WHERE {facts}")).await.close().await.unwrap();
    wrong(&original.place, &["--no-keys"], "commitment");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_tree_the_head_and_what_was_signed_are_held_against_the_events() {
    let original = Original::new(250).await;
    original.changed("").await.close().await.unwrap();
    verified(&original.place, &[]);
    for (sql, code) in [
        ("UPDATE log_subtree SET hash = zeroblob(32)", "tile"),
        ("UPDATE log_subtree SET tree_index = 1", "tile"),
        ("DELETE FROM log_subtree", "tile"),
        ("INSERT INTO log_subtree VALUES (1, 1, zeroblob(32))", "tile"),
        ("UPDATE log_head SET size = size + 4", "head"),
        ("UPDATE log_head SET size = size - 1", "event_beyond_head"),
        ("UPDATE log_head SET size = -3", "head"),
        ("UPDATE log_head SET recorded_at = recorded_at + 1", "head"),
        ("UPDATE log_head SET frontier = zeroblob(length(frontier))", "head"),
        ("UPDATE log_head SET frontier = X'00'", "head"),
        ("DELETE FROM log_head", "head"),
        ("UPDATE checkpoint SET note = replace(note, 'cairn/outcomes', 'cairn/incomes')", "signature"),
        ("UPDATE checkpoint SET note = 'x'", "signature"),
        ("UPDATE checkpoint SET size = size - 1 WHERE size = (SELECT MAX(size) FROM checkpoint)", "signature"),
    ] {
        original.found(sql, code).await;
    }
}

/// The leaves of a database, to be changed and written back with everything that follows from them.
async fn rewrite(database: &mut SqliteConnection, change: impl Fn(&mut Vec<Leaf>)) {
    let leaves: Vec<Vec<u8>> =
        sqlx::query_scalar("SELECT leaf FROM event ORDER BY position").fetch_all(&mut *database).await.unwrap();
    let mut leaves: Vec<Leaf> = leaves.iter().map(|leaf| Leaf::parse(leaf).unwrap()).collect();
    change(&mut leaves);
    let mut edge = Frontier::new();
    for leaf in &leaves {
        let bytes = leaf.encode().unwrap();
        let hash = leaf_hash(&bytes);
        sqlx::query("UPDATE event SET leaf = ?2, leaf_hash = ?3, recorded_at = ?4 WHERE position = ?1")
            .bind(i64::try_from(leaf.position).unwrap())
            .bind(&bytes)
            .bind(hash.as_bytes().as_slice())
            .bind(leaf.recorded_at_micros)
            .execute(&mut *database)
            .await
            .unwrap();
        edge.push(hash).unwrap();
    }
    let size = i64::try_from(leaves.len()).unwrap();
    for sql in ["DELETE FROM event WHERE position >= ?1", "DELETE FROM part WHERE position >= ?1"] {
        sqlx::query(sql).bind(size).execute(&mut *database).await.unwrap();
    }
    sqlx::query("UPDATE log_head SET size = ?1, frontier = ?2, recorded_at = ?3")
        .bind(size)
        .bind(edge.to_bytes())
        .bind(leaves.last().unwrap().recorded_at_micros)
        .execute(database)
        .await
        .unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_history_that_was_rewritten_with_care_is_caught_by_what_was_signed() {
    let original = Original::new(0).await;
    let place = &original.place;
    let mut database = original.changed("").await;
    rewrite(&mut database, |_| {}).await;
    database.close().await.unwrap();
    verified(place, &[]);

    let mut database = original.changed("").await;
    rewrite(&mut database, |leaves| leaves[20].recorded_at_micros += 1).await;
    database.close().await.unwrap();
    let answer = wrong(place, &[], "rewritten_since_checkpoint");
    assert!(answer["findings"].to_string().contains("table checkpoint"), "{answer:#}");

    let mut database = original.changed("").await;
    rewrite(&mut database, |leaves| leaves[20].recorded_at_micros = 5).await;
    database.close().await.unwrap();
    wrong(place, &[], "time_went_back");

    // The last event removed and everything moved back behind it.
    let mut database = original.changed("").await;
    rewrite(&mut database, |leaves| drop(leaves.pop())).await;
    database.close().await.unwrap();
    wrong(place, &[], "truncated");

    // Even where the database keeps no checkpoint: the signer's own state stands apart from it.
    for (change, code) in [("pop", "truncated"), ("later", "rewritten_since_checkpoint")] {
        let mut database = original.changed("DELETE FROM checkpoint").await;
        let change = |leaves: &mut Vec<Leaf>| match change {
            "pop" => drop(leaves.pop()),
            _ => leaves[20].recorded_at_micros += 1,
        };
        rewrite(&mut database, change).await;
        database.close().await.unwrap();
        let answer = wrong(place, &[], code);
        assert!(answer["findings"].to_string().contains("the signer's state"), "{answer:#}");
    }
    // And where that is gone, too, the auditor's own.
    let november = place.file("november.checkpoint");
    std::fs::rename(place.file("signer/outcomes.checkpoint"), &november).unwrap();
    assert_eq!(verify(place, &[]).0, 0);
    wrong(place, &["--checkpoint", november.to_str().unwrap()], "rewritten_since_checkpoint");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_is_verified_while_it_is_written() {
    for backend in backends() {
        let place = Place::new(backend).await;
        let served = place.serve_with(&[("CAIRN_CHECKPOINT_INTERVAL_MS", "10")]);
        let caller = as_organisation(&place, &served.base, "RX1");
        let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
        let writing = tokio::spawn(async move {
            let mut stopped = stopped;
            while stopped.try_recv().is_err() {
                record_people(&caller, 20).await;
            }
        });
        let mut last = 0;
        for _ in 0..5 {
            let (status, answer) = tokio::task::block_in_place(|| verify(&place, &[]));
            assert_eq!(status, 0, "{answer:#}");
            let size = answer["logs"][0]["size"].as_u64().unwrap();
            assert!(size >= last);
            last = size;
        }
        stop.send(()).unwrap();
        writing.await.unwrap();
        assert!(last > 12, "nothing was written meanwhile");
        assert_eq!(served.terminate(), Some(0));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn postgresql_tells_the_same() {
    if !backends().contains(&Backend::Postgres) {
        return;
    }
    let place = Place::new(Backend::Postgres).await;
    fill(&place, 250).await;
    verified(&place, &[]);
    let mut database = PgConnection::connect(place.database()).await.unwrap();
    let tables = ["event", "part", "log_subtree", "log_head", "checkpoint"];
    for table in tables {
        let sql =
            format!("ALTER TABLE {table} DISABLE TRIGGER ALL; CREATE TABLE {table}_kept AS SELECT * FROM {table}");
        sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut database).await.unwrap();
    }
    let facts = format!("position = {AT} AND name = 'facts'");
    for (sql, code) in [
        (format!("UPDATE event SET stream = gen_random_uuid() WHERE position = {AT}"), "row_differs_from_leaf"),
        (format!("UPDATE event SET leaf_hash = decode(repeat('00', 32), 'hex') WHERE position = {AT}"), "leaf_hash"),
        (format!("UPDATE event SET leaf = leaf || 'x' WHERE position = {AT}"), "leaf"),
        (format!("UPDATE part SET bytes = bytes || 'x' WHERE {facts}"), "commitment"),
        (format!("UPDATE part SET bytes = bytes || 'x' WHERE position = {AT} AND name = 'words'"), "part_tampered"),
        (format!("DELETE FROM part WHERE {facts}"), "part_missing"),
        (
            format!(
                "INSERT INTO part SELECT part_id + 16000, position + 1000, name, class, subject, key_id, salt, bytes FROM part WHERE {facts}"
            ),
            "part_unknown",
        ),
        ("UPDATE log_subtree SET hash = decode(repeat('00', 32), 'hex')".to_owned(), "tile"),
        ("UPDATE log_head SET frontier = '\\x00'".to_owned(), "head"),
        ("DELETE FROM log_head".to_owned(), "head"),
        ("UPDATE checkpoint SET note = 'x'".to_owned(), "signature"),
    ] {
        sqlx::raw_sql(AssertSqlSafe(sql.clone())).execute(&mut database).await.unwrap();
        wrong(&place, &[], code);
        for table in tables {
            let sql = format!("DELETE FROM {table}; INSERT INTO {table} SELECT * FROM {table}_kept");
            sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut database).await.unwrap();
        }
    }
    verified(&place, &[]);
}
