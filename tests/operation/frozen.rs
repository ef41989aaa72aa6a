//! PostgreSQL that is there and says nothing: connections stay open, no answer comes. Only the service's own limits help.

use crate::binary::Place;
use crate::cluster::{Cluster, until};
use crate::outage::{narrative, place_on, settle, tell};
use crate::support::Client;
use serde_json::json;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// More than there are connections to read with.
const READERS: usize = 24;

async fn timed(caller: &Client, path: &str) -> (u16, String, Duration) {
    let started = Instant::now();
    let answer = caller.get(path).await;
    (answer.status, answer.body["type"].as_str().unwrap_or_default().to_owned(), started.elapsed())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_says_nothing_is_unavailable_and_not_waited_for() {
    let Some(cluster) = Cluster::start() else { return };
    let place = place_on(&cluster).await;
    let served = place.serve();
    let caller = place.caller(&served);
    let person = caller.person().await;
    let mut told = BTreeMap::new();
    let first = tell(&caller, &person, "before").await.expect(201);
    told.insert("before".to_owned(), (first.id(), first.position()));
    cluster.freeze();

    let one = format!("/v1/people/{person}");
    let paths = [one.as_str(), "/v1/narratives?limit=2", "/v1/events?limit=2"];
    let reads = futures::future::join_all((0..READERS).map(|number| timed(&caller, paths[number % paths.len()])));
    let readiness = async {
        for _ in 0..3 {
            let (status, _, took) = timed(&caller, "/health/ready").await;
            assert!(status == 503 && took < Duration::from_secs(5), "readiness: {status} after {took:?}");
        }
    };
    let recording = async {
        let started = Instant::now();
        let answer = tell(&caller, &person, "during").await;
        assert!(started.elapsed() < Duration::from_secs(22), "a recording took {:?}", started.elapsed());
        assert_eq!((answer.status, answer.header("retry-after")), (503, Some("1")), "{}", answer.text);
    };
    let ((), (), reads) = tokio::join!(readiness, recording, reads);
    for (status, problem, took) in reads {
        // Ten seconds of an own connection, or five without one; then once more to say that the client may call.
        assert!(took < Duration::from_secs(17), "a read took {took:?}");
        assert_eq!((status, problem.as_str()), (503, "/problems/unavailable"));
    }
    caller.get("/health/live").await.expect(200);

    cluster.thaw();
    until("the service to be ready", Duration::from_secs(20), async || {
        (caller.get("/health/ready").await.status == 200).then_some(())
    })
    .await;
    for path in paths {
        caller.get(path).await.expect(200);
    }
    // What was given up before its commit was never recorded: the repeat is the first.
    let again = tell(&caller, &person, "during").await.expect(201);
    assert_eq!(again.body["repeated"], false);
    told.insert("during".to_owned(), (again.id(), again.position()));
    settle(&caller, &person, &told).await;
    caller.post("/v1/narratives", &narrative(&person, "Afterwards")).await.expect(201);
    assert_eq!(served.terminate(), Some(0));
    place.run(&["replay", "--check", "--quiet"]).expect_status(0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keys_that_say_nothing_are_unavailable_and_not_erased() {
    let (Some(events), Some(keys)) = (Cluster::start(), Cluster::start()) else { return };
    let ((database, _), (_, kept)) = (events.databases().await, keys.databases().await);
    let place = Place::on(tempfile::tempdir().unwrap(), database, kept, Vec::new());
    let served = place.serve_with(&[("CAIRN_KEY_CACHE_MS", "0")]);
    let caller = place.caller(&served);
    let person = caller.person().await;
    let head = caller.head().await;
    keys.freeze();
    let body = json!({"occurred_at": "2026-01-05", "name": "Robin Sample"});
    let path = format!("/v1/people/{person}");
    let started = Instant::now();
    let (read, registered, told) =
        tokio::join!(caller.get(&path), caller.post("/v1/people", &body), tell(&caller, &person, "during"));
    for answer in [read, registered, told] {
        answer.expect_problem(503, "keys-unavailable");
    }
    assert!(started.elapsed() < Duration::from_secs(17), "it took {:?}", started.elapsed());
    // What needs no key is answered as ever.
    assert_eq!(caller.head().await, head);
    keys.thaw();
    until("the service to be ready", Duration::from_secs(20), async || {
        (caller.get("/health/ready").await.status == 200).then_some(())
    })
    .await;
    assert_eq!(caller.get(&path).await.expect(200).body["name"], "Morgan Sample");
    caller.post("/v1/people", &body).await.expect(201);
    tell(&caller, &person, "during").await.expect(201);
    assert_eq!(served.terminate(), Some(0));
}
