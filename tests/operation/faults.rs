//! Stores that go away and come back, and several processes on one database.

use crate::support::{Backend, TestService, backends};
use cairn::app::SeededIds;
use cairn::cli::service::{Service, Sources};
use cairn::config::DatabaseUrl;
use serde_json::json;
use sqlx::{AssertSqlSafe, Connection, PgConnection};
use std::sync::Arc;
use std::time::Duration;

fn narrative(person: &str, text: &str) -> serde_json::Value {
    json!({"occurred_at": "2026-02-01", "person": person, "text": text, "author": "person", "perspective": "person", "knowledge_form": "lived"})
}

/// Another process on the same database and keys.
async fn beside(one: &TestService) -> TestService {
    let folder = tempfile::tempdir().unwrap();
    // Tokens are minted from the folder that both use.
    let key = "development-issuer.pem";
    std::fs::copy(one.folder.path().join(key), folder.path().join(key)).unwrap();
    // And one key signs the log of one database.
    std::fs::create_dir(folder.path().join("signer")).unwrap();
    let key = "signer/outcomes.pem";
    std::fs::copy(one.folder.path().join(key), folder.path().join(key)).unwrap();
    let mut settings = one.settings.clone();
    settings.create = false;
    let sources = Sources { clock: one.clock.clone(), ids: Arc::new(SeededIds::new(u64::MAX / 3)) };
    let service =
        Service::start(&settings, &sources, None).await.unwrap_or_else(|failure| panic!("{}", failure.chain()));
    let base = service.public_url.clone();
    TestService {
        service: Some(service),
        folder,
        clock: one.clock.clone(),
        settings,
        base,
        http: reqwest::Client::new(),
    }
}

#[tokio::test]
async fn two_processes_share_one_database() {
    if !backends().contains(&Backend::Postgres) {
        println!("not run: PostgreSQL was ruled out");
        return;
    }
    let one = TestService::start(Backend::Postgres).await;
    let other = beside(&one).await;
    let (here, there) = (one.caller("SHARED"), other.caller("SHARED"));
    let person = here.person().await;
    let outcome = there.outcome(&person).await;
    // What one records, the other reads at once.
    here.get(&format!("/v1/outcomes/{outcome}")).await.expect(200);
    let position = there.get("/v1/events").await.body["complete_to"]["position"].as_u64().unwrap();
    let waiting = {
        let there = there.clone();
        tokio::spawn(async move { there.get(&format!("/v1/events?after={position}&wait_ms=20000")).await })
    };
    tokio::task::yield_now().await;
    let change = json!({"occurred_at": "2026-03-01", "perspective": "person", "rank": 1});
    let path = format!("/v1/outcomes/{outcome}/priorities");
    let (mine, theirs) = tokio::join!(here.change(&path, 0, &change), there.change(&path, 0, &change));
    let mut statuses = [mine.status, theirs.status];
    statuses.sort_unstable();
    assert_eq!(statuses, [201, 412], "one of them is told that it is stale");
    let told = tokio::time::timeout(Duration::from_secs(15), waiting)
        .await
        .expect("a commit elsewhere wakes a follower")
        .unwrap();
    assert_eq!(told.body["items"][0]["type"], "OutcomePrioritised.v1");
    // Responses need no version: both stand, decided again where they met.
    let told = here.post("/v1/narratives", &narrative(&person, "Text")).await.expect(201).id();
    let response = json!({"occurred_at": "2026-03-01", "stance": "agrees", "perspective": "carer", "author": "carer"});
    let path = format!("/v1/narratives/{told}/responses");
    let answers = futures::future::join_all(
        (0..8).map(|number| if number % 2 == 0 { here.post(&path, &response) } else { there.post(&path, &response) }),
    )
    .await;
    let recorded = answers.iter().filter(|answer| answer.status == 201).count();
    assert!(answers.iter().all(|answer| matches!(answer.status, 201 | 409)), "{answers:?}");
    let narrative = there.get(&format!("/v1/narratives/{told}")).await;
    assert_eq!(narrative.body["responses"].as_array().unwrap().len(), recorded);
    assert_eq!(one.service.as_ref().unwrap().app.replay(true, |_, _| {}).await.unwrap().drift_count, 0);
}

#[tokio::test]
async fn connections_that_die_are_made_again() {
    if !backends().contains(&Backend::Postgres) {
        println!("not run: PostgreSQL was ruled out");
        return;
    }
    let service = TestService::start(Backend::Postgres).await;
    let caller = service.caller("FAULTS");
    let person = caller.person().await;
    let mut admin = PgConnection::connect(&std::env::var("CAIRN_TEST_POSTGRES_URL").unwrap()).await.unwrap();
    for round in 0..5 {
        let sql = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE application_name = 'cairn' AND datname = $1";
        let DatabaseUrl::Postgres { url } = &service.settings.database else { panic!("not on PostgreSQL") };
        let database = url.rsplit('/').next().unwrap();
        sqlx::query(AssertSqlSafe(sql)).bind(database).execute(&mut admin).await.unwrap();
        let key = format!("round-{round}");
        let body = narrative(&person, &format!("Round {round}"));
        let answer = tokio::time::timeout(Duration::from_secs(20), async {
            loop {
                let answer = caller
                    .send(reqwest::Method::POST, "/v1/narratives", &[("Idempotency-Key", &key)], Some(&body))
                    .await;
                if answer.status != 503 {
                    return answer;
                }
                assert!(answer.header("retry-after").is_some());
            }
        })
        .await
        .expect("it recovers by itself");
        answer.expect(201);
        caller.get(&format!("/v1/people/{person}")).await.expect(200);
    }
    let list = caller.get("/v1/narratives").await.expect(200);
    assert_eq!(list.body["items"].as_array().unwrap().len(), 5, "each exactly once");
}

#[tokio::test]
async fn keys_that_are_away_look_like_neither_erasure_nor_emptiness() {
    let mut service = TestService::start_with(Backend::Sqlite, "key_cache_ms = 0").await;
    let caller = service.caller("KEYS");
    let person = caller.person().await;
    let keys = service.folder.path().join("keys/keys.db");
    let pool = sqlx::SqlitePool::connect(&format!("sqlite:{}", keys.display())).await.unwrap();
    sqlx::query("ALTER TABLE person_key RENAME TO person_key_away").execute(&pool).await.unwrap();
    caller.get(&format!("/v1/people/{person}")).await.expect_problem(503, "keys-unavailable");
    let refused = caller.post("/v1/narratives", &narrative(&person, "Text")).await;
    refused.expect_problem(503, "keys-unavailable");
    sqlx::query("ALTER TABLE person_key_away RENAME TO person_key").execute(&pool).await.unwrap();
    pool.close().await;
    service.restart().await;
    let caller = service.caller("KEYS");
    let seen = caller.get(&format!("/v1/people/{person}")).await.expect(200);
    assert_eq!(seen.body["name"], "Morgan Sample");
}

#[tokio::test]
async fn nothing_is_acknowledged_once_the_keys_file_or_the_databases_is_gone() {
    for (name, problem) in [("keys/keys.db", "keys-unavailable"), ("cairn.db", "unavailable")] {
        let mut service = TestService::start(Backend::Sqlite).await;
        let caller = service.caller("GONE");
        let person = caller.person().await;
        let before = caller.head().await;
        let (file, aside) = (service.folder.path().join(name), service.folder.path().join("aside"));
        std::fs::rename(&file, &aside).unwrap();
        for replaced in [false, true] {
            if replaced {
                std::fs::copy(&aside, &file).unwrap();
            }
            let body = json!({"occurred_at": "2026-01-05", "name": "Robin Sample"});
            caller.post("/v1/people", &body).await.expect_problem(503, problem);
            // This person's keys are remembered; what they sealed now would be lost with them all the same.
            caller.post("/v1/narratives", &narrative(&person, "Text")).await.expect_problem(503, problem);
            let ready = caller.get("/health/ready").await.expect(503);
            assert!(
                ready.text.contains("deleted, moved or replaced") || problem == "keys-unavailable",
                "{}",
                ready.text
            );
            // Who reads is recorded in the database of events, or not shown.
            let read = caller.get(&format!("/v1/people/{person}")).await;
            match name {
                "cairn.db" => read.expect_problem(503, "access-not-recorded"),
                _ => read.expect(200),
            };
            assert_eq!(caller.head().await, before, "nothing was recorded");
        }
        std::fs::rename(&aside, &file).unwrap();
        caller.get("/health/ready").await.expect(200);
        let told = caller.post("/v1/narratives", &narrative(&person, "Text")).await.expect(201).id();
        let later = caller.person().await;
        service.restart().await;
        let caller = service.caller("GONE");
        assert_eq!(caller.get(&format!("/v1/narratives/{told}")).await.expect(200).body["text"], "Text");
        assert_eq!(caller.get(&format!("/v1/people/{later}")).await.expect(200).body["name"], "Morgan Sample");
    }
}
