//! PostgreSQL goes away in the middle of work and comes back: everything acknowledged is there, nothing is there twice,
//! and the service goes on by itself.

use crate::binary::Place;
use crate::cluster::{Cluster, until};
use crate::support::{Answer, Client};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use tokio::sync::Mutex;

/// How long a call may take while the database is away.
const PATIENCE: Duration = Duration::from_secs(15);
const SENDERS: usize = 8;

pub fn narrative(person: &str, text: &str) -> Value {
    json!({"occurred_at": "2026-02-01", "person": person, "text": text, "author": "person", "perspective": "person",
        "knowledge_form": "lived"})
}

/// A service on databases of a cluster of its own.
pub async fn place_on(cluster: &Cluster) -> Place {
    let (database, keys) = cluster.databases().await;
    Place::on(tempfile::tempdir().unwrap(), database, keys, Vec::new())
}

/// Tells a narrative under a key; the same key tells the same.
pub async fn tell(caller: &Client, person: &str, key: &str) -> Answer {
    let body = narrative(person, &format!("I miss the dog, {key}"));
    caller.send(reqwest::Method::POST, "/v1/narratives", &[("Idempotency-Key", key)], Some(&body)).await
}

type Told = Arc<Mutex<BTreeMap<String, (String, u64)>>>;

/// Tells one narrative after the other, each again and again until it is acknowledged, until told to stop.
async fn keep_telling(caller: Client, person: String, sender: usize, told: Told, stop: Arc<AtomicBool>) {
    for number in 0.. {
        let key = format!("{sender}-{number}");
        loop {
            let started = Instant::now();
            let answer = tell(&caller, &person, &key).await;
            assert!(started.elapsed() < PATIENCE, "{} after {:?}", answer.status, started.elapsed());
            if answer.status == 201 {
                told.lock().await.insert(key, (answer.id(), answer.position()));
                break;
            }
            let problem = answer.body["type"].as_str().unwrap_or_default().to_owned();
            let may_be = ["unavailable", "outcome-unknown", "keys-unavailable"];
            assert!(may_be.iter().any(|slug| problem == format!("/problems/{slug}")), "{}", answer.text);
            assert_eq!((answer.status, answer.header("retry-after")), (503, Some("1")));
        }
        if stop.load(Ordering::SeqCst) {
            return;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_acknowledged_is_lost_when_postgresql_crashes_under_load() {
    let Some(cluster) = Cluster::start() else { return };
    let cluster = Arc::new(cluster);
    let place = place_on(&cluster).await;
    let served = place.serve();
    let caller = place.caller(&served);
    let person = caller.person().await;
    let (told, stop) = (Told::default(), Arc::new(AtomicBool::new(false)));
    let senders: Vec<_> = (0..SENDERS)
        .map(|sender| {
            let (caller, person) = (caller.clone(), person.clone());
            tokio::spawn(keep_telling(caller, person, sender, Arc::clone(&told), Arc::clone(&stop)))
        })
        .collect();
    let grown = async |by: usize| {
        let goal = told.lock().await.len() + by;
        until("more acknowledged recordings", Duration::from_secs(60), async || {
            (told.lock().await.len() >= goal).then_some(())
        })
        .await;
    };
    grown(60).await;
    let stopping = Arc::clone(&cluster);
    tokio::task::spawn_blocking(move || stopping.stop_hard()).await.unwrap();

    // Meanwhile what cannot be known is said, in time.
    for path in [format!("/v1/people/{person}"), "/v1/narratives?limit=2".to_owned(), "/v1/events?limit=2".to_owned()] {
        let started = Instant::now();
        let answer = caller.get(&path).await;
        assert_eq!(answer.header("retry-after"), Some("1"));
        answer.expect_problem(503, "unavailable");
        assert!(started.elapsed() < PATIENCE, "{path} took {:?}", started.elapsed());
    }
    caller.get("/health/ready").await.expect(503);
    caller.get("/health/live").await.expect(200);

    let starting = Arc::clone(&cluster);
    tokio::task::spawn_blocking(move || starting.start_again()).await.unwrap();
    until("the service to be ready", Duration::from_secs(30), async || {
        (caller.get("/health/ready").await.status == 200).then_some(())
    })
    .await;
    grown(60).await;
    stop.store(true, Ordering::SeqCst);
    for sender in senders {
        sender.await.unwrap();
    }
    settle(&caller, &person, &*told.lock().await).await;

    // Whoever follows the log is told again, and does not just wait until the end.
    let (head, started) = (caller.head().await, Instant::now());
    let path = format!("/v1/events?after={head}&wait_ms=20000");
    let (followed, _) = tokio::join!(caller.get(&path), tell(&caller, &person, "after the outage"));
    assert_eq!(followed.expect(200).body["items"].as_array().unwrap().len(), 1);
    assert!(started.elapsed() < Duration::from_secs(10), "followers were not woken");
    assert_eq!(served.terminate(), Some(0));
    place.run(&["replay", "--check", "--quiet"]).expect_status(0);
}

/// Every acknowledged narrative is answered as the first time, and there is no other.
pub async fn settle(caller: &Client, person: &str, told: &BTreeMap<String, (String, u64)>) {
    for (key, (id, position)) in told {
        let again = tell(caller, person, key).await.expect(201);
        assert_eq!((&again.id(), again.position(), &again.body["repeated"]), (id, *position, &json!(true)), "{key}");
        caller.get(&format!("/v1/narratives/{id}")).await.expect(200);
    }
    let (mut positions, mut after) = (Vec::new(), String::new());
    loop {
        let page = caller.get(&format!("/v1/events?limit=500{after}")).await.expect(200);
        let items = page.body["items"].as_array().unwrap();
        let narratives = items.iter().filter(|event| event["type"].as_str().unwrap().starts_with("NarrativeRecorded"));
        positions.extend(narratives.map(|event| event["position"].as_u64().unwrap()));
        let Some(last) = items.last() else { break };
        after = format!("&after={}", last["position"]);
    }
    let mut expected: Vec<u64> = told.values().map(|(_, position)| *position).collect();
    expected.sort_unstable();
    assert_eq!(positions, expected, "each exactly once, and nothing that was not acknowledged in the end");
}
