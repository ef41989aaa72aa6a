//! What is left of erased words in files, and what old backups can bring back once the keys are gone: nothing.

use crate::erasures::{Life, Stage, a_life};
use crate::support::{Backend, TestService, backends};
use cairn::config::DatabaseUrl;
use serde_json::{Value, json};
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{AssertSqlSafe, Connection as _};
use std::path::{Path, PathBuf};

async fn open(path: &Path) -> SqliteConnection {
    SqliteConnection::connect_with(&SqliteConnectOptions::new().filename(path)).await.unwrap()
}

fn files_below(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { files_below(&path) } else { vec![path] }).collect()
}

/// The files that hold some bytes.
fn holders(folder: &Path, wanted: &[u8]) -> Vec<PathBuf> {
    let holds = |path: &PathBuf| {
        let bytes = std::fs::read(path).unwrap();
        bytes.windows(wanted.len()).any(|window| window == wanted)
    };
    files_below(folder).into_iter().filter(holds).collect()
}

/// The sealed bytes of a person's parts, the wrapped bytes of their keys, and the digest that finds them.
struct Traces {
    sealed: Vec<Vec<u8>>,
    wrapped: Vec<Vec<u8>>,
    digests: Vec<Vec<u8>>,
}

impl Traces {
    async fn of(service: &TestService, person: &str) -> Self {
        let subject = person.replace('-', "");
        let mut events = open(&service.folder.path().join("cairn.db")).await;
        let mut keys = open(&service.folder.path().join("keys/keys.db")).await;
        let select = |sql: &str| AssertSqlSafe(format!("{sql} WHERE subject = X'{subject}'"));
        let sealed = select("SELECT bytes FROM part");
        let sealed: Vec<Vec<u8>> = sqlx::query_scalar(sealed).fetch_all(&mut events).await.unwrap();
        let (digests, sealed) = sealed.into_iter().partition(|bytes| bytes.starts_with(b"["));
        let wrapped = sqlx::query_scalar(select("SELECT wrapped FROM person_key")).fetch_all(&mut keys).await.unwrap();
        events.close().await.unwrap();
        keys.close().await.unwrap();
        let traces = Self { sealed, wrapped, digests };
        assert!(traces.sealed.len() >= 5 && traces.wrapped.len() == 2 && traces.digests.len() == 1);
        traces
    }
}

#[tokio::test]
async fn neither_ciphertext_nor_key_nor_digest_is_left_in_any_file() {
    let mut stage = Stage::new(Backend::Sqlite).await;
    let life = a_life(&stage.asks, Some("9434765919")).await;
    let traces = Traces::of(&stage.service, &life.person).await;
    let folder = stage.service.folder.path().to_owned();
    for bytes in traces.sealed.iter().chain(&traces.wrapped).chain(&traces.digests) {
        assert!(!holders(&folder, bytes).is_empty(), "what is looked for was never there");
    }
    stage.erase(&life.person, "identity_and_words").await;
    // While it serves, too: nothing reads, so that the write-ahead logs could be emptied.
    for bytes in traces.sealed.iter().chain(&traces.wrapped).chain(&traces.digests) {
        assert_eq!(holders(&folder, bytes), Vec::<PathBuf>::new());
    }
    stage.service.service.take().unwrap().stop().await;
    for bytes in traces.sealed.iter().chain(&traces.wrapped).chain(&traces.digests) {
        assert_eq!(holders(&folder, bytes), Vec::<PathBuf>::new());
    }
    let digest: Value = serde_json::from_slice(&traces.digests[0]).unwrap();
    let digest = digest[0]["digest"].as_str().unwrap();
    assert_eq!(holders(&folder, digest.as_bytes()), Vec::<PathBuf>::new(), "nor in any row or key of a row");
}

/// A time in life that stands nowhere else: in the facts of a recording and in its row.
const THAT_DAY: &str = "1987-03-11";

#[tokio::test]
async fn a_full_erasure_leaves_no_fact_in_any_file() {
    let mut stage = Stage::new(Backend::Sqlite).await;
    let life = a_life(&stage.asks, Some("9434765919")).await;
    let told = json!({"occurred_at": THAT_DAY, "person": life.person, "outcomes": [life.outcome], "text": "By the weir",
        "author": "person", "perspective": "person", "knowledge_form": "lived"});
    let narrative = stage.asks.post("/v1/narratives", &told).await.expect(201).id();
    let folder = stage.service.folder.path().to_owned();
    let mut events = open(&folder.join("cairn.db")).await;
    let facts = "SELECT p.bytes, p.salt FROM part AS p JOIN event AS e USING (position) WHERE p.name = 'facts' AND e.stream = X";
    let facts = AssertSqlSafe(format!("{facts}'{}'", narrative.replace('-', "")));
    let (bytes, salt): (Vec<u8>, Vec<u8>) = sqlx::query_as(facts).fetch_one(&mut events).await.unwrap();
    events.close().await.unwrap();
    let canaries = [bytes, salt, THAT_DAY.as_bytes().to_vec()];
    for bytes in &canaries {
        assert!(!holders(&folder, bytes).is_empty(), "what is looked for was never there");
    }
    stage.erase(&life.person, "full").await;
    stage.service.service.take().unwrap().stop().await;
    for bytes in &canaries {
        assert_eq!(holders(&folder, bytes), Vec::<PathBuf>::new());
    }
}

/// A folder with a copy of every key of a service, and of nothing else.
fn folder_with_keys_of(service: &TestService) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for file in files_below(service.folder.path()) {
        let inside = file.strip_prefix(service.folder.path()).unwrap();
        let name = inside.file_name().unwrap().to_str().unwrap();
        if name.ends_with(".pem") || name.contains("key") {
            std::fs::create_dir_all(folder.path().join(inside).parent().unwrap()).unwrap();
            std::fs::copy(&file, folder.path().join(inside)).unwrap();
        }
    }
    folder
}

/// A service on a backup of the database of events, with the keys as they are now.
async fn restored(service: &mut TestService, backup: &Path) -> TestService {
    service.service.take().unwrap().stop().await;
    let folder = folder_with_keys_of(service);
    std::fs::copy(backup, folder.path().join("cairn.db")).unwrap();
    let database = format!("sqlite:{}/cairn.db", folder.path().display());
    let keys = format!("sqlite:{}/keys/keys.db", folder.path().display());
    TestService::start_on(folder, &database, &keys, "").await
}

async fn back_up(service: &TestService, to: &Path) {
    let mut events = open(&service.folder.path().join("cairn.db")).await;
    sqlx::query(AssertSqlSafe(format!("VACUUM INTO '{}'", to.display()))).execute(&mut events).await.unwrap();
}

#[tokio::test]
async fn an_old_backup_cannot_bring_erased_words_back() {
    let mut stage = Stage::new(Backend::Sqlite).await;
    let (life, other) = (a_life(&stage.asks, None).await, a_life(&stage.asks, None).await);
    let folder = tempfile::tempdir().unwrap();
    let backup = folder.path().join("backup.db");
    back_up(&stage.service, &backup).await;
    stage.erase(&life.person, "identity_and_words").await;
    let service = restored(&mut stage.service, &backup).await;
    let caller = service.caller("LAW");
    let told = caller.get(&format!("/v1/narratives/{}", life.narrative)).await.expect(200);
    assert_eq!((&told.body["text"], &told.body["erased"]), (&Value::Null, &json!(["words"])));
    assert_eq!(caller.get(&format!("/v1/people/{}", life.person)).await.body["name"], Value::Null);
    let told = caller.get(&format!("/v1/narratives/{}", other.narrative)).await.expect(200);
    assert!(told.body["text"].is_string(), "somebody else's open");
}

async fn erase_narrative(stage: &Stage, life: &Life, narrative: &str) {
    let body = json!({"occurred_at": "2026-06-01", "person": life.person, "scope": "narrative", "narrative": narrative,
        "legal_basis": "gdpr_17_1_d"});
    let erasure = stage.asks.post("/v1/erasures", &body).await.expect(201).id();
    stage.approve(&erasure).await.expect(201);
    let seen = stage.asks.get(&format!("/v1/erasures/{erasure}")).await.expect(200);
    assert_eq!(seen.body["keys"][0]["class"], "words");
    assert!(seen.body["keys"][0]["destroyed_at"].is_string(), "{}", seen.text);
}

fn told(life: &Life, text: &str) -> Value {
    json!({"occurred_at": "2026-02-02", "person": life.person, "text": text, "author": "person", "perspective": "person",
        "knowledge_form": "lived"})
}

#[tokio::test]
async fn one_narrative_goes_and_everything_else_is_sealed_anew() {
    for backend in backends() {
        let stage = Stage::new(backend).await;
        let life = a_life(&stage.asks, Some("9434765919")).await;
        let stays = stage.asks.post("/v1/narratives", &told(&life, "The kettle sings")).await.expect(201).id();
        let before = stage.asks.get(&format!("/v1/outcomes/{}", life.outcome)).await.expect(200);
        for (narrative, second) in [(&life.narrative, false), (&stays, true)] {
            erase_narrative(&stage, &life, narrative).await;
            let gone = stage.asks.get(&format!("/v1/narratives/{narrative}")).await.expect(200);
            assert_eq!((&gone.body["text"], &gone.body["erased"]), (&Value::Null, &json!(["words"])));
            let kept = stage.asks.get(&format!("/v1/narratives/{stays}")).await.expect(200);
            assert_eq!(kept.body["text"].is_string(), !second);
            let outcome = stage.asks.get(&format!("/v1/outcomes/{}", life.outcome)).await.expect(200);
            assert_eq!(outcome.body, before.body, "nothing else changes");
            assert_eq!(stage.asks.get(&format!("/v1/people/{}", life.person)).await.body["name"], "Quillon Canary");
            // Recording goes on, under the new key.
            let new = stage.asks.post("/v1/narratives", &told(&life, "And again")).await.expect(201).id();
            assert_eq!(stage.asks.get(&format!("/v1/narratives/{new}")).await.body["text"], "And again");
        }
        stage.holds_together().await;
        let app = stage.service.service.as_ref().unwrap().app.clone();
        assert_eq!(app.destroy_erased_keys().await.unwrap(), 0, "nothing is left to destroy");
    }
}

#[tokio::test]
async fn an_old_backup_cannot_bring_one_erased_narrative_back() {
    let mut stage = Stage::new(Backend::Sqlite).await;
    let life = a_life(&stage.asks, None).await;
    let folder = tempfile::tempdir().unwrap();
    let (before, after) = (folder.path().join("before.db"), folder.path().join("after.db"));
    back_up(&stage.service, &before).await;
    erase_narrative(&stage, &life, &life.narrative).await;
    back_up(&stage.service, &after).await;
    let mut service = restored(&mut stage.service, &before).await;
    let caller = service.caller("LAW");
    let told = caller.get(&format!("/v1/narratives/{}", life.narrative)).await.expect(200);
    assert_eq!((&told.body["text"], &told.body["erased"]), (&Value::Null, &json!(["words"])));
    // The price: of an older backup no words of this person open any more. One that was made afterwards has them.
    let outcome = caller.get(&format!("/v1/outcomes/{}", life.outcome)).await.expect(200);
    assert_eq!(outcome.body["title"], Value::Null);
    let service = restored(&mut service, &after).await;
    let outcome = service.caller("LAW").get(&format!("/v1/outcomes/{}", life.outcome)).await.expect(200);
    assert!(outcome.body["title"].is_string());
}

/// Another process on the same database and keys.
async fn beside(service: &TestService) -> TestService {
    let text = |url: &DatabaseUrl| match url {
        DatabaseUrl::Sqlite { path } => format!("sqlite:{}", path.display()),
        DatabaseUrl::Postgres { url } => url.clone(),
    };
    let folder = folder_with_keys_of(service);
    let (database, keys) = (text(&service.settings.database), text(&service.settings.keys));
    let mut other = TestService::start_on(folder, &database, &keys, "").await;
    // Ids are drawn from a seed that is the time of the start: another one, or both would give the same.
    other.restart().await;
    other
}

#[tokio::test]
async fn whoever_remembers_a_key_that_is_destroyed_seals_anew() {
    for backend in backends() {
        let stage = Stage::new(backend).await;
        let life = a_life(&stage.asks, None).await;
        let other = beside(&stage.service).await;
        let caller = other.caller("LAW");
        // The other process remembers the key that is about to be destroyed.
        caller.post("/v1/narratives", &told(&life, "From elsewhere")).await.expect(201);
        erase_narrative(&stage, &life, &life.narrative).await;
        let late = caller.post("/v1/narratives", &told(&life, "From elsewhere")).await.expect(201).id();
        assert_eq!(stage.asks.get(&format!("/v1/narratives/{late}")).await.body["text"], "From elsewhere");
        erase_narrative(&stage, &life, &late).await;
        let line = json!({"key": "late-line", "op": "record_narrative", "body": told(&life, "In a batch")});
        let refused = caller.batch("each", std::slice::from_ref(&line)).await;
        assert_eq!(refused[0]["problem"]["type"], "/problems/contended", "{refused:?}");
        let recorded = caller.batch("each", &[line]).await;
        assert_eq!(recorded[0]["status"], 201, "{recorded:?}");
        let id = recorded[0]["id"].as_str().unwrap();
        assert_eq!(stage.asks.get(&format!("/v1/narratives/{id}")).await.body["text"], "In a batch");
    }
}
