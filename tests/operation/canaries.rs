//! Words that stand nowhere else are given to the service in every way that it takes words, and then looked for in all that
//! it leaves behind: databases of events and keys with their logs, dumps, the service's own log, metrics.

use crate::binary::Place;
use crate::cluster::Cluster;
use crate::outage::narrative;
use crate::support::{Backend, Client, backends};
use reqwest::Method;
use serde_json::json;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

const WORD: &str = "Zanzibarkanarienvogel";
const NAME: &str = "Quirinalia Specimenova";
const NUMBER: &str = "9434765919";
const REFERENCE: &str = "hospital/Quastenflosser";
const IN_A_QUERY: &str = "Nachtigallenschwinge";
const AS_A_KEY: &str = "Kormoranfeder";
const CANARIES: [&str; 6] = [WORD, NAME, NUMBER, REFERENCE, IN_A_QUERY, AS_A_KEY];
/// What is in the clear on purpose: that it is found, shows that the search finds things.
const IN_THE_CLEAR: &str = "NarrativeRecorded";

/// How a text may lie in a file: as it is, in UTF-16 of either order (without the outer zero), or as a dump writes bytes.
fn forms(text: &str) -> [Vec<u8>; 3] {
    let mut wide: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
    wide.pop();
    [text.as_bytes().to_vec(), wide, hex::encode(text).into_bytes()]
}

/// Which of the texts the bytes hold in any form. One pass for all, because a cluster has a hundred megabytes.
fn held<'t>(bytes: &[u8], texts: &[&'t str]) -> BTreeSet<&'t str> {
    let mut by_first_byte = vec![Vec::new(); 256];
    for text in texts {
        for form in forms(text) {
            by_first_byte[usize::from(form[0])].push((form, *text));
        }
    }
    let mut held = BTreeSet::new();
    for (at, byte) in bytes.iter().enumerate() {
        let candidates = &by_first_byte[usize::from(*byte)];
        held.extend(candidates.iter().filter(|(form, _)| bytes[at..].starts_with(form)).map(|(_, text)| *text));
    }
    held
}

/// Expects none of the canaries; answers whether there is what is in the clear.
#[track_caller]
fn expect_no_canary(what: &str, bytes: &[u8]) -> bool {
    let mut found = held(bytes, &[&CANARIES[..], &[IN_THE_CLEAR]].concat());
    let is_clear = found.remove(IN_THE_CLEAR);
    assert!(found.is_empty(), "{found:?} in {what}");
    is_clear
}

fn files_below(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { files_below(&path) } else { vec![path] }).collect()
}

/// Looks through every file; answers whether any of them holds what is in the clear.
fn search(folder: &Path) -> bool {
    let mut is_found = false;
    for file in files_below(folder) {
        // A file of the server's may be gone again.
        let Ok(bytes) = std::fs::read(&file) else { continue };
        is_found |= expect_no_canary(&file.display().to_string(), &bytes);
    }
    is_found
}

/// Records the words, reads them, and has them refused, wherever a caller can put them.
async fn let_them_fly(caller: &Client) {
    let person = json!({"occurred_at": "2026-01-05", "name": NAME,
        "identifiers": [{"system": "nhs_number", "value": NUMBER}], "source": {"system": "ehr", "reference": REFERENCE}});
    let id = caller.post("/v1/people", &person).await.expect(201).id();
    caller.post("/v1/people", &person).await.expect_problem(409, "already-recorded");
    let body = narrative(&id, &format!("I saw a {WORD}"));
    let key = [("Idempotency-Key", AS_A_KEY)];
    let told = caller.send(Method::POST, "/v1/narratives", &key, Some(&body)).await.expect(201).id();
    caller.send(Method::POST, "/v1/narratives", &key, Some(&narrative(&id, WORD))).await.expect(422);
    let seen = caller.get(&format!("/v1/narratives/{told}")).await.expect(200);
    assert!(seen.text.contains(WORD), "what is looked for was never there");
    let search = json!({"system": "nhs_number", "value": NUMBER});
    assert!(caller.post("/v1/people/search", &search).await.expect(200).text.contains(NAME));
    caller.post("/v1/people/search", &json!({"system": WORD, "value": NUMBER})).await;
    let amended =
        json!({"occurred_at": "2026-02-02", "text": format!("{WORD} again"), "reason": WORD, "author_name": NAME});
    caller.change(&format!("/v1/narratives/{told}/amendments"), 0, &amended).await.expect(201);
    for wrong in [json!({"text": WORD}), json!({WORD: NAME}), json!([NAME])] {
        caller.post("/v1/narratives", &wrong).await.expect(422);
    }
    caller.post_bytes("/v1/narratives", &[("Idempotency-Key", "k")], format!("{{\"text\": \"{WORD}")).await;
    caller.get(&format!("/v1/people?{IN_A_QUERY}={IN_A_QUERY}")).await.expect(400);
    caller.get(&format!("/v1/people?person={IN_A_QUERY}")).await;
    caller.get(&format!("/v1/{IN_A_QUERY}")).await.expect(404);
    let line = json!({"key": AS_A_KEY, "op": WORD, "body": body});
    caller.batch("each", &[line]).await;
    let line = json!({"key": format!("{AS_A_KEY}-2"), "op": "record_narrative", "body": body});
    assert_eq!(caller.batch("each", &[line]).await[0]["status"], 201);
}

/// Serves with the most talkative log that can be had, and answers what it and the metrics said.
async fn serve_and_listen(place: &Place) -> (String, String) {
    let served = place.serve_with(&[("CAIRN_LOG_FORMAT", "json"), ("CAIRN_LOG_FILTER", "trace")]);
    let caller = place.caller(&served);
    let_them_fly(&caller).await;
    let metrics = caller.get("/metrics").await.expect(200).text;
    let log = served.log();
    served.kill();
    assert!(metrics.contains("cairn_http_requests_total"), "{metrics}");
    let log = log.lock().unwrap().clone();
    assert!(log.contains("\"answered\""), "the log says nothing: {log}");
    (log, metrics)
}

#[test]
fn the_search_finds_a_canary_in_every_form() {
    let wide = |to_bytes: fn(u16) -> [u8; 2]| NAME.encode_utf16().flat_map(to_bytes).collect::<Vec<u8>>();
    for form in [NAME.as_bytes().to_vec(), wide(u16::to_le_bytes), wide(u16::to_be_bytes), hex::encode(NAME).into()] {
        let bytes = [b"QQ", form.as_slice(), b"\0"].concat();
        assert_eq!(held(&bytes, &CANARIES), BTreeSet::from([NAME]));
    }
}

#[tokio::test]
async fn an_embedded_store_leaves_no_word_and_no_identity_in_the_clear() {
    let place = Place::new(Backend::Sqlite).await;
    let (log, metrics) = serve_and_listen(&place).await;
    expect_no_canary("the log", log.as_bytes());
    expect_no_canary("the metrics", metrics.as_bytes());
    // Once as a crash left it, with all of it in the write-ahead log, and once copied into the database.
    assert!(place.file("cairn.db-wal").exists());
    assert!(search(place.folder.path()));
    assert_eq!(place.serve().terminate(), Some(0));
    assert!(!place.file("cairn.db-wal").exists());
    assert!(search(place.folder.path()));
}

#[tokio::test]
async fn postgresql_is_left_no_word_and_no_identity_in_the_clear() {
    if !backends().contains(&Backend::Postgres) {
        println!("NOT RUN: CAIRN_TEST_STORES rules out PostgreSQL");
        return;
    }
    let Some(cluster) = Cluster::start() else { return };
    let (database, keys) = cluster.databases().await;
    let place = Place::on(tempfile::tempdir().unwrap(), database.clone(), keys.clone(), Vec::new());
    let (log, metrics) = serve_and_listen(&place).await;
    expect_no_canary("the log", log.as_bytes());
    expect_no_canary("the metrics", metrics.as_bytes());
    for (url, has_events) in [(&database, true), (&keys, false)] {
        let dumped = Command::new(cluster.program("pg_dump")).arg(url).output().unwrap();
        assert!(dumped.status.success(), "{}", String::from_utf8_lossy(&dumped.stderr));
        assert_eq!(expect_no_canary("a dump", &dumped.stdout), has_events);
    }
    let psql = |sql: &str| Command::new(cluster.program("psql")).args([&cluster.url, "-c", sql]).output().unwrap();
    assert!(psql("CHECKPOINT").status.success());
    // Both databases, the log of changes and the server's own log lie here.
    assert!(search(&cluster.data()));
    search(place.folder.path());
}

#[tokio::test]
async fn a_backup_of_events_reveals_nothing_and_one_of_keys_opens_nothing() {
    for backend in backends() {
        let place = Place::new(backend).await;
        serve_and_listen(&place).await;
        place.run(&["backup", "--events", "one", "--keys", "other", "--quiet"]).expect_status(0);
        assert!(search(&place.file("one")), "the events are in it");
        assert!(!search(&place.file("other")), "there are no events beside the keys");
        let master = std::fs::read_to_string(place.file("keys/master.key")).unwrap();
        let digits = master.split_whitespace().next_back().unwrap();
        let master = [digits.as_bytes().to_vec(), hex::decode(digits).unwrap()];
        let mut wrapped: Vec<Vec<u8>> = Vec::new();
        if backend == Backend::Sqlite {
            let url = format!("sqlite:{}", place.file("keys/keys.db").display());
            let database = sqlx::SqlitePool::connect(&url).await.unwrap();
            wrapped = sqlx::query_scalar("SELECT wrapped FROM person_key").fetch_all(&database).await.unwrap();
            database.close().await;
            assert!(!wrapped.is_empty());
        }
        for folder in ["one", "other"] {
            for file in files_below(&place.file(folder)) {
                let bytes = std::fs::read(&file).unwrap();
                let holds = |part: &Vec<u8>| bytes.windows(part.len()).any(|window| window == part.as_slice());
                assert!(!master.iter().any(holds), "the master key is in {}", file.display());
                let has_keys = folder == "other" && file.ends_with("tables");
                assert!(wrapped.iter().all(|key| holds(key) == has_keys), "{}", file.display());
            }
        }
    }
}
