//! A disk without space left: recording is refused, and so is reading of people, which is recorded too; nothing that was
//! acknowledged is lost, and all of it goes on once there is space. On the embedded store, on a file system that really is full; what a disk does that fails
//! to make durable (there is none behind this one), and PostgreSQL's own disk, are not covered.

use crate::binary::Place;
use crate::small_disk::SmallDisk;
use crate::support::Client;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// A place with its database or its keys on a small disk.
fn place_on_small_disk(megabytes: u32, file: &str) -> Option<(SmallDisk, Place)> {
    let folder = tempfile::tempdir().unwrap();
    let (root, path) = (folder.path().display().to_string(), folder.path().join("disk"));
    std::fs::create_dir(&path).unwrap();
    let disk = SmallDisk::on(&path, megabytes)?;
    let at = |name: &str| format!("sqlite:{root}/{}{name}", if name == file { "disk/" } else { "" });
    let place = Place::on(folder, at("cairn.db"), at("keys.db"), disk.entrance());
    Some((disk, place))
}

fn narrative(person: &str, number: usize) -> Value {
    // Some ten pages of the database: small enough to be recorded often, large enough to be refused while others fit.
    let text = format!("I miss the dog {number}. ").repeat(2_000);
    json!({"occurred_at": "2026-02-01", "person": person, "text": text, "author": "person", "perspective": "person",
        "knowledge_form": "lived"})
}

async fn tell(caller: &Client, person: &str, number: usize) -> crate::support::Answer {
    let key = format!("told-{number}");
    let body = narrative(person, number);
    caller.send(reqwest::Method::POST, "/v1/narratives", &[("Idempotency-Key", &key)], Some(&body)).await
}

/// What was acknowledged by number, and the numbers that were refused, until the disk is full.
async fn fill(caller: &Client, person: &str) -> (BTreeMap<usize, String>, Vec<usize>) {
    let (mut told, mut refused) = (BTreeMap::new(), Vec::new());
    for number in 0.. {
        let answer = tell(caller, person, number).await;
        if answer.status == 201 {
            told.insert(number, answer.id());
            continue;
        }
        assert!(answer.header("retry-after").is_some());
        answer.expect_problem(507, "storage-full");
        refused.push(number);
        if refused.len() == 4 {
            break;
        }
    }
    (told, refused)
}

/// An access is small: some may be recorded where no recording can, until even that is not possible.
async fn read_until_refused(caller: &Client, person: &str) {
    for _ in 0..1_000 {
        let answer = caller.get(&format!("/v1/people/{person}")).await;
        if answer.status != 200 {
            answer.expect_problem(503, "access-not-recorded");
            return;
        }
    }
    panic!("a full disk took a thousand accesses");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_refuses_and_loses_nothing() {
    let Some((disk, place)) = place_on_small_disk(12, "cairn.db") else { return };
    let served = place.serve();
    let caller = place.caller(&served);
    let person = caller.person().await;
    disk.take(4 * 1024);
    let (mut told, refused) = fill(&caller, &person).await;
    assert!(told.len() > 20, "there was space for {} only", told.len());
    let head = caller.head().await;
    let lines: Vec<Value> = (0..6)
        .map(|number| json!({"key": format!("line-{number}"), "op": "record_narrative", "body": narrative(&person, number)}))
        .collect();
    for answer in caller.batch("all", &lines).await {
        assert_eq!(
            (answer["status"].as_u64(), answer["problem"]["type"].as_str()),
            (Some(507), Some("/problems/storage-full"))
        );
    }
    let ready = caller.get("/health/ready").await.expect(503);
    assert!(ready.text.contains("no space left"), "{}", ready.text);
    caller.get("/health/live").await.expect(200);
    // Nothing of what was refused is there. Who reads about people cannot be recorded any more, so nobody does.
    assert_eq!(caller.head().await, head);
    caller.get("/v1/frameworks").await.expect(200);
    read_until_refused(&caller, &person).await;

    disk.give_back();
    caller.get("/health/ready").await.expect(200);
    caller.get(&format!("/v1/people/{person}")).await.expect(200);
    caller.get("/v1/narratives?limit=5").await.expect(200);
    for id in told.values() {
        caller.get(&format!("/v1/narratives/{id}")).await.expect(200);
    }
    for number in refused {
        let answer = tell(&caller, &person, number).await.expect(201);
        assert_eq!(answer.body["repeated"], false, "a refused recording was recorded");
        told.insert(number, answer.id());
    }
    for answer in caller.batch("all", &lines).await {
        assert_eq!(answer["status"], 201);
    }
    assert_eq!(served.terminate(), Some(0));
    place.run(&["replay", "--check", "--quiet"]).expect_status(0);
    let served = place.serve();
    let caller = place.caller(&served);
    for (number, id) in told {
        let answer = tell(&caller, &person, number).await.expect(201);
        assert_eq!((answer.id(), &answer.body["repeated"]), (id, &json!(true)), "{number} was lost");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_process_that_is_killed_on_a_full_disk_starts_again_and_has_lost_nothing() {
    let Some((disk, place)) = place_on_small_disk(12, "cairn.db") else { return };
    let served = place.serve();
    let caller = place.caller(&served);
    let person = caller.person().await;
    disk.take(4 * 1024);
    let (told, refused) = fill(&caller, &person).await;
    served.kill();
    // It starts on the full disk, and shows what there is once it can say to whom.
    let served = place.serve();
    let caller = place.caller(&served);
    read_until_refused(&caller, &person).await;
    disk.give_back();
    for id in told.values() {
        caller.get(&format!("/v1/narratives/{id}")).await.expect(200);
    }
    assert_eq!(tell(&caller, &person, refused[0]).await.expect(201).body["repeated"], false);
    assert_eq!(served.terminate(), Some(0));
    place.run(&["replay", "--check", "--quiet"]).expect_status(0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_of_keys_refuses_new_people_only() {
    let Some((disk, place)) = place_on_small_disk(2, "keys.db") else { return };
    let served = place.serve();
    let caller = place.caller(&served);
    let person = caller.person().await;
    disk.take(1024 + 512);
    let body = json!({"occurred_at": "2026-01-05", "name": "Robin Sample"});
    let mut registered = Vec::new();
    let refused = loop {
        let answer = caller.post("/v1/people", &body).await;
        if answer.status != 201 {
            break answer;
        }
        registered.push(answer.id());
    };
    refused.expect_problem(507, "storage-full");
    tell(&caller, &person, 0).await.expect(201);
    disk.give_back();
    registered.push(caller.post("/v1/people", &body).await.expect(201).id());
    assert_eq!(served.terminate(), Some(0));
    let served = place.serve();
    let caller = place.caller(&served);
    for id in &registered {
        assert_eq!(caller.get(&format!("/v1/people/{id}")).await.expect(200).body["name"], "Robin Sample");
    }
}
