//! No acknowledged recording is lost, none is there twice, whatever happens to the process. `CAIRN_TEST_KILLS` makes it longer.

use crate::binary::Place;
use crate::support::backends;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::Mutex;

/// Sends a recording; `None` unless it was acknowledged.
pub async fn send(
    http: &reqwest::Client,
    base: &str,
    token: &str,
    path: &str,
    key: &str,
    body: &Value,
) -> Option<Value> {
    let request = http.post(format!("{base}{path}")).bearer_auth(token).header("Idempotency-Key", key).json(body);
    let response = request.send().await.ok()?;
    if response.status().as_u16() != 201 {
        return None;
    }
    response.json().await.ok()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_acknowledged_recording_is_lost_when_the_process_is_killed() {
    let kills: u64 = std::env::var("CAIRN_TEST_KILLS").ok().and_then(|text| text.parse().ok()).unwrap_or(6);
    for backend in backends() {
        let place = Place::new(backend).await;
        let http = reqwest::Client::new();
        let acknowledged: Arc<Mutex<BTreeMap<String, String>>> = Arc::default();
        let token = place.token();
        let mut person = String::new();
        for round in 0..kills {
            let served = place.serve();
            if round == 0 {
                let body = json!({"occurred_at": "2026-01-05", "name": "Morgan Sample"});
                person = send(&http, &served.base, &token, "/v1/people", "p", &body).await.unwrap()["id"]
                    .as_str()
                    .unwrap()
                    .to_owned();
            }
            let sending = (0..8).map(|sender| {
                let (http, base, token, person) = (http.clone(), served.base.clone(), token.clone(), person.clone());
                let acknowledged = Arc::clone(&acknowledged);
                tokio::spawn(async move {
                    for number in 0.. {
                        let key = format!("{round}-{sender}-{number}");
                        let body = json!({"occurred_at": "2026-02-01", "person": person, "text": format!("Text {key}"),
                            "author": "person", "perspective": "person", "knowledge_form": "lived"});
                        let Some(receipt) = send(&http, &base, &token, "/v1/narratives", &key, &body).await else {
                            return;
                        };
                        acknowledged.lock().await.insert(key, receipt["id"].as_str().unwrap().to_owned());
                    }
                })
            });
            let sending: Vec<_> = sending.collect();
            // A different moment of the load each time: after so many acknowledged recordings, not after some time.
            let enough = acknowledged.lock().await.len() + 20 + usize::try_from(round * 7 % 31).unwrap();
            while acknowledged.lock().await.len() < enough {
                tokio::task::yield_now().await;
            }
            served.kill();
            for sent in sending {
                sent.await.unwrap();
            }
        }
        place.run(&["replay", "--check", "--quiet"]).expect_status(0);
        let served = place.serve();
        let acknowledged = acknowledged.lock().await;
        let mut ids = BTreeMap::new();
        for (key, id) in acknowledged.iter() {
            let body = json!({"occurred_at": "2026-02-01", "person": person, "text": format!("Text {key}"),
                "author": "person", "perspective": "person", "knowledge_form": "lived"});
            let again =
                send(&http, &served.base, &token, "/v1/narratives", key, &body).await.expect("the service answers");
            assert_eq!(
                (again["id"].as_str(), again["repeated"].as_bool()),
                (Some(id.as_str()), Some(true)),
                "{key} was lost"
            );
            assert!(ids.insert(id.clone(), key).is_none(), "twice");
        }
        assert!(acknowledged.len() as u64 >= kills * 20);
        assert_eq!(served.terminate(), Some(0));
    }
}

#[tokio::test]
async fn accepted_work_finishes_when_the_service_is_told_to_stop() {
    for backend in backends() {
        let place = Place::new(backend).await;
        let served = place.serve();
        let (http, token, base) = (reqwest::Client::new(), place.token(), served.base.clone());
        let lines: String = cairn::app::sample::population(30, 5, "2026-11-24".parse().unwrap())
            .flat_map(|person| person.lines)
            .map(|line| line.to_line() + "\n")
            .collect();
        let count = lines.lines().count();
        let request = http
            .post(format!("{base}/v1/batches"))
            .bearer_auth(&token)
            .header("Content-Type", "application/x-ndjson")
            .body(lines);
        let sending = tokio::spawn(async move { request.send().await.unwrap().text().await.unwrap() });
        let ready = http.clone();
        let base_again = base.clone();
        // Told to stop once the first recordings can be read.
        tokio::time::timeout(Duration::from_secs(30), async {
            loop {
                let people =
                    ready.get(format!("{base_again}/v1/people?limit=1")).bearer_auth(&token).send().await.unwrap();
                let people: Value = people.json().await.unwrap();
                if !people["items"].as_array().unwrap().is_empty() {
                    return;
                }
            }
        })
        .await
        .unwrap();
        let stopped = tokio::task::spawn_blocking(|| served.terminate()).await.unwrap();
        assert_eq!(stopped, Some(0));
        let answers = sending.await.unwrap();
        assert_eq!(answers.lines().count(), count, "every line was answered");
        assert!(answers.lines().all(|line| serde_json::from_str::<Value>(line).unwrap()["status"] == 201));
        place.run(&["replay", "--check", "--quiet"]).expect_status(0);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn those_who_wait_for_events_are_answered_when_the_service_stops() {
    for backend in backends() {
        let place = Place::new(backend).await;
        let served = place.serve();
        let caller = place.caller(&served);
        caller.person().await;
        let head = caller.head().await;
        let waiting: Vec<_> = (0..3)
            .map(|_| {
                let caller = caller.clone();
                tokio::spawn(async move { caller.get(&format!("/v1/events?after={head}&wait_ms=20000")).await })
            })
            .collect();
        // They wait once the service has accepted them; it does not say so, but a later request on its few threads is
        // answered after they were begun.
        for _ in 0..20 {
            caller.get("/v1/events?limit=1").await.expect(200);
        }
        assert!(waiting.iter().all(|poll| !poll.is_finished()));
        let started = Instant::now();
        let stopped = tokio::task::spawn_blocking(|| served.terminate()).await.unwrap();
        assert_eq!(stopped, Some(0));
        assert!(started.elapsed() < Duration::from_secs(4), "it took {:?}", started.elapsed());
        for poll in waiting {
            let page = poll.await.unwrap().expect(200);
            assert_eq!(page.body["items"].as_array().unwrap().len(), 0);
            assert_eq!(page.body["complete_to"]["position"].as_u64(), Some(head));
        }
    }
}

/// Every answer that anybody got has its access, whenever the process dies: the access is durable before the bytes leave.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_answer_that_was_given_has_its_access_although_the_process_is_killed() {
    let kills: u64 = std::env::var("CAIRN_TEST_KILLS").ok().and_then(|text| text.parse().ok()).unwrap_or(3);
    for backend in backends() {
        let place = Place::new(backend).await;
        let http = reqwest::Client::new();
        let answered: Arc<Mutex<std::collections::BTreeSet<String>>> = Arc::default();
        let mut people = Vec::new();
        for round in 0..kills {
            let served = place.serve();
            let caller = place.caller(&served);
            if round == 0 {
                people = vec![caller.person().await, caller.person().await];
            }
            let token = place.token();
            let reading = (0..8).map(|reader: usize| {
                let (http, token, answered) = (http.clone(), token.clone(), Arc::clone(&answered));
                // Some read one person, others both in a list.
                let path = if reader.is_multiple_of(2) {
                    format!("/v1/people/{}", people[0])
                } else {
                    "/v1/people".to_owned()
                };
                let address = format!("{}{path}", served.base);
                tokio::spawn(async move {
                    loop {
                        let Ok(response) = http.get(&address).bearer_auth(&token).send().await else { return };
                        let id = response.headers().get("x-request-id").unwrap().to_str().unwrap().to_owned();
                        let status = response.status().as_u16();
                        if status == 200 && response.bytes().await.is_ok() {
                            answered.lock().await.insert(id);
                        }
                    }
                })
            });
            let reading: Vec<_> = reading.collect();
            let enough = answered.lock().await.len() + 30 + usize::try_from(round * 11 % 37).unwrap();
            while answered.lock().await.len() < enough {
                tokio::task::yield_now().await;
            }
            served.kill();
            for read in reading {
                read.await.unwrap();
            }
        }
        let served = place.serve();
        let caller = place.caller(&served);
        let mut recorded = std::collections::BTreeSet::new();
        let mut next = Some(format!("/v1/people/{}/accesses?order=oldest&limit=500", people[0]));
        let mut number = 0;
        while let Some(path) = next {
            let page = caller.get(&path).await.expect(200);
            for access in page.body["items"].as_array().unwrap() {
                assert_eq!(access["number"].as_u64(), Some(number), "gapless");
                number += 1;
                recorded.insert(access["request_id"].as_str().unwrap().to_owned());
            }
            next = page.body["next"].as_str().map(str::to_owned);
        }
        let answered = answered.lock().await;
        let missing: Vec<&String> = answered.difference(&recorded).collect();
        assert!(missing.is_empty(), "{} of {} answers have no access", missing.len(), answered.len());
        assert!(answered.len() as u64 >= kills * 30);
        assert_eq!(served.terminate(), Some(0));
    }
}
