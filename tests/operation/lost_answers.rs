//! Answers that get lost after a recording is durable: between service and caller, and between database and service.

use crate::binary::Place;
use crate::cluster::Cluster;
use crate::outage::{narrative, tell};
use crate::proxy::{Loss, Proxy};
use crate::support::{Client, backends};
use reqwest::Method;
use serde_json::json;
use std::time::{Duration, Instant};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_repeat_finds_what_the_lost_answer_was_about() {
    for backend in backends() {
        let place = Place::new(backend).await;
        let served = place.serve();
        let direct = place.caller(&served);
        let proxy = Proxy::before(served.base.strip_prefix("http://").unwrap(), b"POST ");
        let caller = Client { base: format!("http://{}", proxy.address), ..direct.clone() };
        let known = direct.person().await;
        let before = direct.head().await;
        let person = json!({"occurred_at": "2026-01-05", "name": "Robin Sample"});
        for (path, body) in [("/v1/people", person), ("/v1/narratives", narrative(&known, "I miss the dog."))] {
            proxy.lose_next_answer(Loss::Broken);
            let request =
                caller.http.post(format!("{}{path}", caller.base)).bearer_auth(caller.token.as_ref().unwrap());
            let answer = request.header("Idempotency-Key", path).json(&body).send().await;
            assert!(answer.is_err(), "the answer was not lost");
            let again = caller.send(Method::POST, path, &[("Idempotency-Key", path)], Some(&body)).await.expect(201);
            assert_eq!(again.body["repeated"], true);
            assert!(proxy.lost().contains(&again.id()), "another recording than the lost answer's: {}", proxy.lost());
        }
        assert_eq!(direct.head().await, before + 2, "each exactly once");
        assert_eq!(served.terminate(), Some(0));
        place.run(&["replay", "--check", "--quiet"]).expect_status(0);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_commit_without_an_answer_is_called_unknown_and_its_repeat_knows() {
    let Some(cluster) = Cluster::start() else { return };
    let (database, keys) = cluster.databases().await;
    // Only the log's database; a commit of the keys may get lost without harm.
    let proxy = Proxy::before(&cluster.address(), b"COMMIT\0");
    let database = database.replace(&cluster.address(), &proxy.address);
    let place = Place::on(tempfile::tempdir().unwrap(), database, keys, Vec::new());
    let served = place.serve();
    let caller = place.caller(&served);
    let person = caller.person().await;
    let before = caller.head().await;
    for loss in [Loss::Broken, Loss::Silence, Loss::Broken] {
        let key = caller.fresh_key();
        proxy.lose_next_answer(loss);
        let started = Instant::now();
        let answer = tell(&caller, &person, &key).await.expect_problem(503, "outcome-unknown");
        assert_eq!(answer.header("retry-after"), Some("1"));
        assert!(started.elapsed() < Duration::from_secs(17), "it took {:?}", started.elapsed());
        proxy.lost();
        // The writer's one connection is given up, too: whoever comes next is not made to wait for it.
        let started = Instant::now();
        let again = tell(&caller, &person, &key).await.expect(201);
        assert!(started.elapsed() < Duration::from_secs(5), "the repeat took {:?}", started.elapsed());
        assert_eq!(again.body["repeated"], true);
        caller.get(&format!("/v1/narratives/{}", again.id())).await.expect(200);
    }
    assert_eq!(caller.head().await, before + 3, "each exactly once");
    assert_eq!(served.terminate(), Some(0));
    place.run(&["replay", "--check", "--quiet"]).expect_status(0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_follows_is_told_although_notifications_never_come() {
    let Some(cluster) = Cluster::start() else { return };
    let (database, keys) = cluster.databases().await;
    let place = Place::on(tempfile::tempdir().unwrap(), database.clone(), keys, Vec::new());
    let served = place.serve();
    let elsewhere = place.caller(&served);
    let person = elsewhere.person().await;
    // The connection on which this process listens is dead from the beginning, and does not say so.
    let proxy = Proxy::before(&cluster.address(), b"LISTEN");
    proxy.lose_next_answer(Loss::Silence);
    let through = database.replace(&cluster.address(), &proxy.address);
    let deaf = place.serve_with(&[("CAIRN_DATABASE_URL", &through)]);
    let follower = place.caller(&deaf);
    for told in ["first", "second"] {
        let path = format!("/v1/events?after={}&wait_ms=20000", follower.head().await);
        let started = Instant::now();
        let telling = async {
            // The follower waits before there is anything to be told.
            follower.get("/v1/events?limit=1").await.expect(200);
            tell(&elsewhere, &person, told).await
        };
        let (page, told) = tokio::join!(follower.get(&path), telling);
        let position = told.expect(201).position();
        assert_eq!(page.expect(200).body["items"][0]["position"].as_u64(), Some(position));
        assert!(started.elapsed() < Duration::from_secs(15), "it took {:?}", started.elapsed());
    }
    proxy.lost();
    assert_eq!((served.terminate(), deaf.terminate()), (Some(0), Some(0)));
}
