//! What was acknowledged before a backup began is in it, it comes back whole or not at all, and it brings nothing back that was
//! erased since.

use crate::binary::{Place, Ran};
use crate::support::{Backend, Client, backends};
use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, Connection, PgConnection, SqliteConnection};
use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

const SOON: [(&str, &str); 1] = [("CAIRN_CHECKPOINT_INTERVAL_MS", "10")];

/// What an operator keeps apart: the master key and the keys that sign.
pub fn keep_apart(from: &Place, to: &Place) {
    for file in ["keys/master.key", "signer/outcomes.pem", "signer/accesses.pem"] {
        std::fs::copy(from.file(file), to.file(file)).unwrap();
    }
}

pub async fn register(caller: &Client, people: usize) -> Vec<String> {
    let lines: Vec<Value> = (0..people)
        .map(|number| {
            json!({"op": "register_person", "key": caller.fresh_key(),
                "body": {"occurred_at": "2026-01-05", "name": format!("Sample {number}")}})
        })
        .collect();
    let mut ids = Vec::new();
    for chunk in lines.chunks(500) {
        let answers = caller.batch("each", chunk).await;
        ids.extend(answers.iter().map(|answer| answer["id"].as_str().unwrap_or_else(|| panic!("{answer}")).to_owned()));
    }
    ids
}

pub fn back_up(place: &Place, name: &str) -> Ran {
    let (events, keys) = (format!("{name}-events"), format!("{name}-keys"));
    place.run(&["backup", "--events", &events, "--keys", &keys, "--json", "--quiet"])
}

pub fn restore(from: &Place, name: &str, to: &Place) -> Ran {
    to.run(&restoring(from, name).each_ref().map(String::as_str))
}

pub fn restoring(from: &Place, name: &str) -> [String; 7] {
    let folder = |half: &str| from.file(&format!("{name}-{half}")).display().to_string();
    let [json, quiet] = ["--json", "--quiet"].map(str::to_owned);
    ["restore".to_owned(), "--events".to_owned(), folder("events"), "--keys".to_owned(), folder("keys"), json, quiet]
}

pub fn answer(ran: &Ran) -> Value {
    serde_json::from_str(&ran.out()).unwrap_or_else(|_| panic!("{}\n{}", ran.out(), ran.err()))
}

/// Runs a statement in the database of events of a place, or in another.
pub async fn run_in(url: &str, sql: &str) -> u64 {
    let sql = AssertSqlSafe(sql.to_owned());
    if url.starts_with("sqlite:") {
        let mut database = SqliteConnection::connect(url).await.unwrap();
        sqlx::raw_sql(sql).execute(&mut database).await.unwrap().rows_affected()
    } else {
        let mut database = PgConnection::connect(url).await.unwrap();
        sqlx::raw_sql(sql).execute(&mut database).await.unwrap().rows_affected()
    }
}

pub async fn count_in(url: &str, sql: &str) -> i64 {
    let sql = AssertSqlSafe(sql.to_owned());
    if url.starts_with("sqlite:") {
        sqlx::query_scalar(sql).fetch_one(&mut SqliteConnection::connect(url).await.unwrap()).await.unwrap()
    } else {
        sqlx::query_scalar(sql).fetch_one(&mut PgConnection::connect(url).await.unwrap()).await.unwrap()
    }
}

pub async fn texts_in(url: &str, sql: &str) -> Vec<String> {
    let sql = AssertSqlSafe(sql.to_owned());
    sqlx::query_scalar(sql).fetch_all(&mut SqliteConnection::connect(url).await.unwrap()).await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_acknowledged_before_a_backup_began_comes_back() {
    // Also from the one kind of database into the other.
    for (backend, target) in backends().into_iter().flat_map(|one| backends().into_iter().map(move |two| (one, two))) {
        let place = Arc::new(Place::new(backend).await);
        let served = place.serve_with(&SOON);
        let caller = place.caller(&served);
        let known = register(&caller, 700).await;
        let outcome = caller.outcome(&known[0]).await;
        let stop = Arc::new(AtomicBool::new(false));
        let recording: Vec<_> = (0..3)
            .map(|_| {
                let (caller, stop) = (caller.clone(), Arc::clone(&stop));
                tokio::spawn(async move {
                    let mut count = 0;
                    while !stop.load(Ordering::SeqCst) {
                        let person = caller.person().await;
                        caller.outcome(&person).await;
                        count += 2;
                    }
                    count
                })
            })
            .collect();
        let last_before = caller.person().await;
        let before = caller.get(&format!("/v1/people/{last_before}")).await.expect(200).body;
        let backing_up = Arc::clone(&place);
        let made = tokio::task::spawn_blocking(move || back_up(&backing_up, "first")).await.unwrap().expect_status(0);
        stop.store(true, Ordering::SeqCst);
        let mut recorded = 0;
        for one in recording {
            recorded += one.await.unwrap();
        }
        assert!(recorded > 0, "nothing was recorded meanwhile");

        let fresh = Place::bare(target).await;
        keep_apart(&place, &fresh);
        let restored = restore(&place, "first", &fresh).expect_status(0);
        let (made, restored) = (answer(&made), answer(&restored));
        assert_eq!((&made["events"], &made["root"]), (&restored["events"], &restored["root"]));
        fresh.run(&["replay", "--check", "--quiet"]).expect_status(0);
        fresh.run(&["doctor"]).expect_status(0);
        let again = fresh.serve_with(&SOON);
        let reader = fresh.caller(&again);
        assert_eq!(reader.get(&format!("/v1/people/{last_before}")).await.expect(200).body, before);
        for id in known.iter().step_by(70) {
            let person = reader.get(&format!("/v1/people/{id}")).await.expect(200);
            assert!(person.body["name"].as_str().unwrap().starts_with("Sample "), "{}", person.text);
        }
        reader.get(&format!("/v1/outcomes/{outcome}")).await.expect(200);
        // It goes on from there, and signs on.
        reader.person().await;
        assert_eq!(again.terminate(), Some(0));
        fresh.run(&["doctor"]).expect_status(0);
        assert_eq!(served.terminate(), Some(0));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_damaged_byte_is_found_before_anything_is_loaded() {
    let place = Place::new(Backend::Sqlite).await;
    let served = place.serve_with(&SOON);
    let caller = place.caller(&served);
    register(&caller, 5).await;
    crate::rollback::all_signed(&caller).await;
    assert_eq!(served.terminate(), Some(0));
    back_up(&place, "b").expect_status(0);
    let fresh = Place::bare(Backend::Sqlite).await;
    keep_apart(&place, &fresh);
    let files = ["b-events/tables", "b-events/manifest.json", "b-events/SHA256SUMS"];
    for file in files.into_iter().chain(["b-keys/tables", "b-keys/manifest.json", "b-keys/SHA256SUMS"]) {
        let path = place.file(file);
        let whole = std::fs::read(&path).unwrap();
        let step = whole.len() / 12 + 1;
        for at in (0..whole.len()).step_by(step).chain([whole.len() - 1]) {
            let mut damaged = whole.clone();
            damaged[at] ^= 1;
            std::fs::write(&path, &damaged).unwrap();
            let refused = restore(&place, "b", &fresh);
            let status = refused.0.status.code();
            assert_eq!(status, Some(1), "byte {at} of {file}: {}", refused.err());
        }
        std::fs::remove_file(&path).unwrap();
        assert_ne!(restore(&place, "b", &fresh).0.status.code(), Some(0), "{file} is missing");
        std::fs::write(&path, &whole).unwrap();
        assert!(!fresh.file("cairn.db").exists() && !fresh.file("keys/keys.db").exists(), "something was made");
    }
    let mut sums = std::process::Command::new("sha256sum");
    let checked = sums.args(["-c", "--status", "SHA256SUMS"]).current_dir(place.file("b-events")).status().unwrap();
    assert!(checked.success());
    restore(&place, "b", &fresh).expect_status(0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn events_and_keys_go_to_two_places() {
    let place = Place::new(Backend::Sqlite).await;
    std::fs::create_dir_all(place.file("b/inside")).unwrap();
    std::os::unix::fs::symlink(place.file("b"), place.file("link")).unwrap();
    std::fs::create_dir(place.file("full")).unwrap();
    std::fs::write(place.file("full/something"), "").unwrap();
    for (events, keys) in [
        ("b", "b"),
        ("b", "b/inside"),
        ("b/inside", "b"),
        ("b", "link"),
        ("link/inside", "b"),
        ("b", "full"),
        ("full", "b"),
    ] {
        let ran = place.run(&["backup", "--events", events, "--keys", keys]).expect_status(2);
        assert!(ran.err().contains("two places") || ran.err().contains("not empty"), "{}", ran.err());
    }
    back_up(&place, "b").expect_status(0);
    back_up(&place, "b").expect_status(2);
    // The halves are told apart when they come back.
    let fresh = Place::bare(Backend::Sqlite).await;
    keep_apart_without_signer(&place, &fresh);
    let (events, keys) = (place.file("b-events").display().to_string(), place.file("b-keys").display().to_string());
    fresh.run(&["restore", "--events", &keys, "--keys", &events]).expect_status(2);
}

fn keep_apart_without_signer(from: &Place, to: &Place) {
    std::fs::copy(from.file("keys/master.key"), to.file("keys/master.key")).unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_an_empty_place_with_the_right_master_key_is_restored_into() {
    for backend in backends() {
        let place = Place::new(backend).await;
        let served = place.serve();
        register(&place.caller(&served), 3).await;
        assert_eq!(served.terminate(), Some(0));
        back_up(&place, "b").expect_status(0);

        let used = Place::new(backend).await;
        std::fs::copy(place.file("keys/master.key"), used.file("keys/master.key")).unwrap();
        let refused = restore(&place, "b", &used).expect_status(1);
        assert!(refused.err().contains("the database is not empty"), "{}", refused.err());
        assert_eq!(count_in(used.database(), "SELECT COUNT(*) FROM event WHERE position > 11").await, 0);

        let fresh = Place::bare(backend).await;
        let missing = restore(&place, "b", &fresh).expect_status(3);
        assert!(
            missing.err().contains("master key file") && !fresh.file("keys/master.key").exists(),
            "{}",
            missing.err()
        );
        std::fs::copy(used.file("keys/master.key"), fresh.file("keys/master.key")).unwrap();
        place.run(&["keys", "rotate"]).expect_status(0);
        std::fs::copy(place.file("keys/master.key"), fresh.file("keys/master.key")).unwrap();
        let passed = restore(&place, "b", &fresh).expect_status(3);
        assert!(passed.err().contains("no master key of epoch 1 was given"), "{}", passed.err());
        back_up(&place, "c").expect_status(0);
        restore(&place, "c", &fresh).expect_status(0);
        // What is there already is found to be the same.
        restore(&place, "c", &fresh).expect_status(0);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restoration_that_is_killed_anywhere_is_finished_by_running_it_again() {
    for backend in backends() {
        let place = Place::new(backend).await;
        let served = place.serve();
        let known = register(&place.caller(&served), 1_500).await;
        assert_eq!(served.terminate(), Some(0));
        back_up(&place, "b").expect_status(0);
        let whole = {
            let fresh = Place::bare(backend).await;
            keep_apart(&place, &fresh);
            let started = std::time::Instant::now();
            restore(&place, "b", &fresh).expect_status(0);
            started.elapsed()
        };
        let mut killed = 0;
        for kill in 1..=6_u32 {
            let fresh = Place::bare(backend).await;
            keep_apart(&place, &fresh);
            let arguments = restoring(&place, "b");
            let mut command = fresh.command(&arguments.each_ref().map(String::as_str));
            let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
            tokio::time::sleep(whole * kill / 7).await;
            killed += u32::from(child.try_wait().unwrap().is_none());
            child.kill().unwrap();
            child.wait().unwrap();
            restore(&place, "b", &fresh).expect_status(0);
            let served = fresh.serve();
            let person = fresh.caller(&served).get(&format!("/v1/people/{}", known[kill as usize])).await.expect(200);
            assert!(person.body["name"].is_string(), "{}", person.text);
            assert_eq!(served.terminate(), Some(0));
        }
        assert!(killed > 0, "every restoration was over before it was killed");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rows_that_were_not_made_are_not_served() {
    let place = Place::new(Backend::Sqlite).await;
    run_in(place.database(), "DELETE FROM row_version").await;
    let refused = place.run(&["serve"]).expect_status(3);
    assert!(refused.err().contains("cairn rebuild"), "{}", refused.err());
    place.run(&["rebuild", "--quiet"]).expect_status(0);
    assert_eq!(place.serve().terminate(), Some(0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_older_backup_of_keys_does_not_undo_an_erasure() {
    for backend in backends() {
        let place = Place::new(backend).await;
        let served = place.serve();
        let people = register(&place.caller(&served), 3).await;
        assert_eq!(served.terminate(), Some(0));
        place.run(&["keys", "backup", "--out", "keys.backup"]).expect_status(0);
        place.run(&["keys", "backup", "--out", "keys.backup"]).expect_status(3);
        // As an erasure will stand in the log: an event of that name, and these facts.
        let erase = |position: u32, facts: &Value| {
            let (bytes, id) = match backend {
                Backend::Sqlite => (format!("CAST('{facts}' AS BLOB)"), "randomblob(16)"),
                Backend::Postgres => (format!("convert_to('{facts}', 'UTF8')"), "gen_random_uuid()"),
            };
            format!(
                "INSERT INTO event SELECT {position}, event_id, {id}, 0, organisation, 1000, recorded_at + {position}, \
                     'ErasureExecuted', 1, leaf, leaf_hash FROM event WHERE position = 1; \
                 INSERT INTO part VALUES ({}, {position}, 'facts', 'facts', NULL, NULL, NULL, {bytes})",
                position * 16
            )
        };
        let facts = |subject: &str, stream: &str| {
            json!({"body": {"subject": subject, "classes": ["identity", "index"], "covers": [{"stream": stream, "through_version": 0}],
                "legal_basis": "x"}, "header": {}})
        };
        run_in(place.database(), &erase(15, &facts(&people[1], &people[1]))).await;
        // One recording of somebody: what is left of that class needs its key.
        run_in(place.database(), &erase(16, &facts(&people[2], &people[0]))).await;
        let fresh = Place::bare(backend).await;
        let bring_back = |arguments: &[&str]| {
            let mut command = place.command(&[&["keys", "restore", "keys.backup"], arguments].concat());
            Ran(command.env("CAIRN_KEYS_URL", fresh.keys()).output().unwrap())
        };
        let told = bring_back(&[]).expect_status(0).err();
        assert!(told.contains("6 keys are restored, 1 of them destroyed again"), "{told}");
        let subject = match backend {
            Backend::Sqlite => format!("x'{}'", people[1].replace('-', "")),
            Backend::Postgres => format!("'{}'", people[1]),
        };
        for (sql, count) in [
            ("SELECT COUNT(*) FROM person_key".to_owned(), 5),
            (format!("SELECT COUNT(*) FROM person_key WHERE subject = {subject} AND class = 'words'"), 1),
            (format!("SELECT COUNT(*) FROM destroyed_key WHERE subject = {subject} AND class = 'identity'"), 1),
            ("SELECT COUNT(*) FROM destroyed_key WHERE reason = 'erased-before-restore'".to_owned(), 1),
        ] {
            assert_eq!(count_in(fresh.keys(), &sql).await, count, "{sql}");
        }
        assert!(bring_back(&[]).expect_status(0).err().contains("there already"), "the same again changes nothing");
        // Without asking, it is not the same: a store that is not empty is never written over.
        let refused = bring_back(&["--without-events"]).expect_status(1).err();
        assert!(refused.contains("the key store is not empty"), "{refused}");
        run_in(place.database(), &erase(17, &json!({"body": {"subject": 5}}))).await;
        let unreadable = Place::bare(backend).await;
        let mut command = place.command(&["keys", "restore", "keys.backup"]);
        let refused = Ran(command.env("CAIRN_KEYS_URL", unreadable.keys()).output().unwrap()).expect_status(1).err();
        assert!(refused.contains("the erasure at position 17"), "{refused}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keys_older_than_the_events_are_told() {
    let place = Place::new(Backend::Sqlite).await;
    back_up(&place, "before").expect_status(0);
    let served = place.serve();
    register(&place.caller(&served), 3).await;
    assert_eq!(served.terminate(), Some(0));
    back_up(&place, "after").expect_status(0);
    let fresh = Place::bare(Backend::Sqlite).await;
    keep_apart(&place, &fresh);
    let half = |name: &str| place.file(name).display().to_string();
    let ran =
        fresh.run(&["restore", "--events", &half("after-events"), "--keys", &half("before-keys")]).expect_status(1);
    assert!(ran.err().contains("3 keys that sealed parts"), "{}", ran.err());
    assert!(Path::new(&half("after-events")).exists());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_damaged_store_is_told_when_it_is_backed_up() {
    let place = Place::new(Backend::Sqlite).await;
    let served = place.serve_with(&SOON);
    let caller = place.caller(&served);
    let people = register(&caller, 300).await;
    crate::restored::read_and_signed(&caller, &people[0], 3, 3).await;
    crate::rollback::all_signed(&caller).await;
    assert_eq!(served.terminate(), Some(0));
    let whole = std::fs::read(place.file("cairn.db")).unwrap();
    for (number, (damage, said)) in [
        ("UPDATE event SET organisation = 'X9Z' WHERE position = 20", "not the one that its leaf names"),
        ("UPDATE event SET recorded_at = recorded_at + 1 WHERE position = 20", "not the one that its leaf names"),
        ("UPDATE event SET leaf_hash = zeroblob(32) WHERE position = 20", "another hash"),
        ("UPDATE event SET leaf = CAST(replace(CAST(leaf AS TEXT), 'ver 0', 'ver 1') AS BLOB), version = 1 WHERE position = 20",
            "another hash"),
        ("DELETE FROM event WHERE position = 20", "gap"),
        ("DELETE FROM event WHERE position = (SELECT MAX(position) FROM event)", "the head is not that of these events"),
        ("DELETE FROM log_subtree", "a stored subtree is missing"),
        ("UPDATE log_subtree SET hash = zeroblob(32)", "a stored subtree is not one of these events"),
        ("UPDATE access SET facts = facts || ' ' WHERE position = 1", "something else than its leaf commits to"),
        ("UPDATE access SET organisation = 'X9Z' WHERE position = 1", "an access is not the one that its leaf names"),
        ("DELETE FROM access WHERE position = 1", "an access is not the one that its leaf names"),
        ("DELETE FROM access WHERE position = (SELECT MAX(position) FROM access)", "the head of the accesses is not theirs"),
        ("UPDATE access_head SET recorded_at = recorded_at + 1", "another time than the last one"),
        ("UPDATE checkpoint SET size = size, note = replace(note, char(10) || size || char(10), char(10) || '5' || char(10)) \
            WHERE size > 12", "filed under another log or size"),
        ("UPDATE checkpoint SET note = replace(note, substr(note, instr(note, char(10) || size || char(10)) + length(size) + 2, 4), \
            'AAAA') WHERE size > 12", "another root"),
    ]
    .into_iter()
    .enumerate()
    {
        std::fs::write(place.file("cairn.db"), &whole).unwrap();
        let mut database = SqliteConnection::connect(place.database()).await.unwrap();
        let triggers: Vec<String> = sqlx::query_scalar("SELECT name FROM sqlite_schema WHERE type = 'trigger'")
            .fetch_all(&mut database)
            .await
            .unwrap();
        for trigger in triggers {
            sqlx::query(AssertSqlSafe(format!("DROP TRIGGER {trigger}"))).execute(&mut database).await.unwrap();
        }
        assert!(sqlx::query(damage).execute(&mut database).await.unwrap().rows_affected() > 0, "{damage}");
        database.close().await.unwrap();
        let name = format!("damaged-{number}");
        let told = back_up(&place, &name).expect_status(1).err();
        assert!(told.contains(said), "{damage}: {told}");
        assert!(!place.file(&format!("{name}-events/tables")).exists(), "what is no backup is not left there");
    }
}
