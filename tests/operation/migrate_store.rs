//! A store moves from SQLite to PostgreSQL and back, and is the same to the byte.

use crate::backup::register;
use crate::binary::{Place, Ran};
use crate::support::{Backend, backends, postgres};
use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, Connection, SqliteConnection};
use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Every row of every table but those that each database keeps for itself, as SQLite writes values.
async fn all_of(file: &Path) -> Vec<(String, Vec<String>)> {
    let mut database = SqliteConnection::connect(&format!("sqlite:{}", file.display())).await.unwrap();
    let tables: Vec<String> = sqlx::query_scalar(
        "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE '\\_sqlx%' ESCAPE '\\' ORDER BY name",
    )
    .fetch_all(&mut database)
    .await
    .unwrap();
    let mut all = Vec::new();
    for table in tables {
        let columns: Vec<String> =
            sqlx::query_scalar("SELECT name FROM pragma_table_info(?1) WHERE name <> 'generation'")
                .bind(&table)
                .fetch_all(&mut database)
                .await
                .unwrap();
        let quoted: Vec<String> = columns.iter().map(|column| format!("quote({column})")).collect();
        let sql = format!("SELECT {} FROM {table} ORDER BY 1", quoted.join(" || ',' || "));
        all.push((table, sqlx::query_scalar(AssertSqlSafe(sql)).fetch_all(&mut database).await.unwrap()));
    }
    all
}

fn rules_out_postgres() -> bool {
    let ruled_out = !backends().contains(&Backend::Postgres);
    if ruled_out {
        println!("NOT RUN: CAIRN_TEST_STORES rules out PostgreSQL");
    }
    ruled_out
}

/// A store with something of everything.
async fn lived_in() -> (Place, Vec<String>) {
    let place = Place::new(Backend::Sqlite).await;
    let key = ["client", "add", "care-system", "--name", "Care system", "--organisation", "RX1"];
    place.run(&[&key[..], &["--scope", "outcomes:read", "--new-key", "care.pem"]].concat()).expect_status(0);
    let served = place.serve_with(&[("CAIRN_CHECKPOINT_INTERVAL_MS", "10")]);
    let caller = place.caller(&served);
    // More than 256 leaves, so that there are stored subtrees.
    let people = register(&caller, 400).await;
    let outcome = caller.outcome(&people[0]).await;
    caller.review(&people[0], &outcome, "person", "achieved").await;
    let narrative = json!({"occurred_at": "2026-02-01", "person": people[0], "text": "A walk\u{e9}", "author": "person",
        "perspective": "person", "knowledge_form": "lived"});
    let kept = [("Idempotency-Key", "kept")];
    caller.send(reqwest::Method::POST, "/v1/narratives", &kept, Some(&narrative)).await.expect(201);
    // And of accesses.
    crate::restored::read_and_signed(&caller, &people[0], 260, 260).await;
    crate::rollback::all_signed(&caller).await;
    assert_eq!(served.terminate(), Some(0));
    // A statement, and both keys that signed.
    place.run(&["log", "rotate-key"]).expect_status(0);
    let mut database = SqliteConnection::connect(place.database()).await.unwrap();
    for used in [
        "INSERT INTO used_assertion VALUES ('care-system', randomblob(32), 4000000000000000)",
        "INSERT INTO cosignature VALUES ('cairn/outcomes', 12, 'a witness', 1700000000, 'a line')",
    ] {
        sqlx::query(used).execute(&mut database).await.unwrap();
    }
    (place, people)
}

fn migrate(place: &Place, from: &str, to: &str, more: &[&str]) -> Ran {
    place.run(&[&["migrate-store", from, to, "--json", "--quiet"], more].concat())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn there_and_back_again_is_the_same_to_the_byte() {
    if rules_out_postgres() {
        return;
    }
    let (place, people) = lived_in().await;
    let before = all_of(&place.file("cairn.db")).await;
    for table in [
        "event",
        "part",
        "log_subtree",
        "idempotency",
        "checkpoint",
        "client",
        "used_assertion",
        "row_version",
        "access",
        "access_subtree",
        "cosignature",
        "statement",
    ] {
        assert!(before.iter().any(|(name, rows)| name == table && !rows.is_empty()), "{table} is empty");
    }
    let (there, there_keys) = postgres::empty_on(&postgres::admin()).await;
    let keys = ["--keys", place.keys(), &there_keys];
    let moved: Value =
        serde_json::from_str(&migrate(&place, place.database(), &there, &keys).expect_status(0).out()).unwrap();
    assert_eq!(moved["signatures_checked"], json!(true));
    assert_eq!(moved["logs"]["accesses"]["size"], json!(260));
    // The signers' state stays where it was, and both logs go on from it.
    let states = ["signer/outcomes.checkpoint", "signer/accesses.checkpoint"];
    let kept = states.map(|state| std::fs::read(place.file(state)).unwrap());
    let checked = |arguments: &[&str]| {
        let mut command = place.command(arguments);
        command.env("CAIRN_DATABASE_URL", &there).env("CAIRN_KEYS_URL", &there_keys);
        Ran(command.output().unwrap())
    };
    checked(&["doctor"]).expect_status(0);
    checked(&["verify", "--quiet"]).expect_status(0);
    assert_eq!(states.map(|state| std::fs::read(place.file(state)).unwrap()), kept);
    let back = format!("sqlite:{}", place.file("back.db").display());
    let returned: Value = serde_json::from_str(&migrate(&place, &there, &back, &[]).expect_status(0).out()).unwrap();
    assert_eq!(returned["root"], moved["root"]);
    let after = all_of(&place.file("back.db")).await;
    for (one, other) in before.iter().zip(&after) {
        assert_eq!(one.0, other.0);
        assert!(one.1 == other.1, "{} differs", one.0);
    }
    assert_eq!(before.len(), after.len());
    // The source is as it was, and a store that is there is found to be the same.
    assert_eq!(all_of(&place.file("cairn.db")).await, before);
    migrate(&place, place.database(), &back, &[]).expect_status(0);
    // It serves there, with the keys that were moved, and answers as before.
    let on_postgres =
        [crate::rollback::SOON[0], ("CAIRN_DATABASE_URL", there.as_str()), ("CAIRN_KEYS_URL", there_keys.as_str())];
    let served = place.serve_with(&on_postgres);
    let caller = place.caller(&served);
    let narrative = json!({"occurred_at": "2026-02-01", "person": people[0], "text": "A walk\u{e9}", "author": "person",
        "perspective": "person", "knowledge_form": "lived"});
    let kept = [("Idempotency-Key", "kept")];
    let again = caller.send(reqwest::Method::POST, "/v1/narratives", &kept, Some(&narrative)).await.expect(201);
    assert_eq!(again.body["repeated"], json!(true), "{}", again.text);
    assert_eq!(caller.get(&format!("/v1/people/{}", people[7])).await.expect(200).body["name"], "Sample 7");
    crate::restored::read_and_signed(&caller, &people[7], 0, 261).await;
    assert_eq!(served.terminate(), Some(0));
    checked(&["replay", "--check", "--quiet"]).expect_status(0);
    checked(&["doctor"]).expect_status(0);
    // What was read there since, the old source lacks: it is not moved anywhere any more.
    let refused = migrate(&place, place.database(), "sqlite:again.db", &[]).expect_status(1);
    assert!(refused.err().contains("the database is behind"), "{}", refused.err());
    assert!(!place.file("again.db").exists());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_target_with_something_else_in_it_is_refused() {
    let (place, _) = lived_in().await;
    let other = Place::new(Backend::Sqlite).await;
    let before = all_of(&other.file("cairn.db")).await;
    let refused = migrate(&place, place.database(), other.database(), &[]).expect_status(1);
    assert!(refused.err().contains("the target is not empty"), "{}", refused.err());
    assert_eq!(all_of(&other.file("cairn.db")).await, before);
    migrate(&place, place.database(), place.database(), &[]).expect_status(2);
    migrate(&place, place.database(), "mysql://x/y", &[]).expect_status(2);
    let keys = ["--keys", place.keys(), place.database()];
    migrate(&place, place.database(), "sqlite:fresh.db", &keys).expect_status(2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_source_that_is_served_meanwhile_is_told() {
    let (place, _) = lived_in().await;
    let place = Arc::new(place);
    let served = place.serve();
    let caller = place.caller(&served);
    let stop = Arc::new(AtomicBool::new(false));
    let recording = tokio::spawn({
        let (caller, stop) = (caller.clone(), Arc::clone(&stop));
        async move {
            while !stop.load(Ordering::SeqCst) {
                caller.person().await;
            }
        }
    });
    caller.person().await;
    let moving = Arc::clone(&place);
    let moved = tokio::task::spawn_blocking(move || migrate(&moving, moving.database(), "sqlite:elsewhere.db", &[]));
    let told = moved.await.unwrap().expect_status(1);
    assert!(told.err().contains("the source was served meanwhile"), "{}", told.err());
    stop.store(true, Ordering::SeqCst);
    recording.await.unwrap();
    assert_eq!(served.terminate(), Some(0));
    // What was moved is not what the source is now: it is not gone on with.
    migrate(&place, place.database(), "sqlite:elsewhere.db", &[]).expect_status(1);
    migrate(&place, place.database(), "sqlite:anew.db", &[]).expect_status(0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_move_that_is_killed_anywhere_is_finished_by_running_it_again() {
    let (place, _) = lived_in().await;
    let started = std::time::Instant::now();
    migrate(&place, place.database(), "sqlite:measured.db", &[]).expect_status(0);
    let whole = started.elapsed();
    let mut killed = 0;
    for backend in backends() {
        for kill in 1..=6_u32 {
            let target = match backend {
                Backend::Sqlite => format!("sqlite:{}", place.file(&format!("moved-{kill}.db")).display()),
                Backend::Postgres => postgres::empty_on(&postgres::admin()).await.0,
            };
            let mut command = place.command(&["migrate-store", place.database(), &target, "--quiet"]);
            let mut child = command.stderr(Stdio::null()).spawn().unwrap();
            tokio::time::sleep(whole * kill / 7).await;
            killed += u32::from(child.try_wait().unwrap().is_none());
            child.kill().unwrap();
            child.wait().unwrap();
            migrate(&place, place.database(), &target, &[]).expect_status(0);
        }
    }
    assert!(killed > 0, "every move was over before it was killed");
}
