//! An erasure while others record on the same person: each recording is covered or refused, and the log holds together.

use crate::erasures::{Stage, a_life};
use crate::support::backends;
use cairn::app::words::{Facts, Scope};
use cairn::store::{EventQuery, Reach};
use serde_json::json;
use std::collections::HashMap;

const WRITERS: usize = 6;

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn each_recording_is_covered_or_refused() {
    for backend in backends() {
        let stage = Stage::new(backend).await;
        let life = a_life(&stage.asks, None).await;
        let erasure = stage.ask(&life.person, "identity_and_words").await;
        let (started, mut seen) = tokio::sync::mpsc::unbounded_channel();
        let writers: Vec<_> = (0..WRITERS)
            .map(|_| {
                let (caller, person, started) = (stage.asks.clone(), life.person.clone(), started.clone());
                tokio::spawn(async move {
                    let mut recorded = 0;
                    loop {
                        let told = json!({"occurred_at": "2026-02-01", "person": person, "text": "Again and again",
                            "author": "person", "perspective": "person", "knowledge_form": "lived"});
                        let answer = caller.post("/v1/narratives", &told).await;
                        if answer.status != 201 {
                            return (recorded, answer);
                        }
                        recorded += 1;
                        let _ = started.send(());
                    }
                })
            })
            .collect();
        // All of them are at it.
        for _ in 0..5 * WRITERS {
            seen.recv().await.unwrap();
        }
        stage.approve(&erasure).await.expect(201);
        let mut recorded = 0;
        for writer in writers {
            let (written, last) = writer.await.unwrap();
            last.expect_problem(410, "erased");
            recorded += written;
        }
        let app = stage.service.service.as_ref().unwrap().app.clone();
        let size = app.store().head().await.unwrap().size;
        let query = EventQuery { reach: Reach::Operator, stream: None, from: 0, until: size, limit: 100_000 };
        let (_, events) = app.store().events(&query).await.unwrap();
        let executed = events.iter().find_map(|event| match &event.facts {
            Facts::ErasureExecuted(executed) => Some((event.position, executed)),
            _ => None,
        });
        let (position, executed) = executed.unwrap();
        let covers: HashMap<_, _> = executed.covers.iter().map(|cover| (cover.stream, cover.through_version)).collect();
        let told: Vec<_> = events.iter().filter(|event| event.facts.name() == "NarrativeRecorded").collect();
        assert_eq!(told.len(), recorded + 1, "what was answered is what is there");
        for event in told {
            assert!(event.position < position, "nothing is recorded after it");
            assert!(covers.get(&event.stream).is_some_and(|through| *through >= event.version), "{event:?}");
            assert_eq!(event.erased, event.sealed);
        }
        stage.holds_together().await;
        stage.service.caller_with("LAW", &[Scope::PeopleRead]).get("/health/ready").await.expect(200);
    }
}
