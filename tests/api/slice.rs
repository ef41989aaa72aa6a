//! One slice through everything: a recording from HTTP to log to row to an answer as of an earlier position.

use crate::support::{TestService, backends};
use serde_json::json;

#[tokio::test]
async fn a_recording_is_read_now_and_as_it_stood() {
    for backend in backends() {
        let service = TestService::start(backend).await;
        let caller = service.caller("TEST-1");
        let person = caller.person().await;
        let outcome = caller.outcome(&person).await;
        let before = caller.get(&format!("/v1/outcomes/{outcome}")).await.expect(200);
        assert_eq!(before.header("etag"), Some("\"0\""));
        assert_eq!(before.body["title"], "Walk the dog with my friends again");
        let reworded = caller
            .change(
                &format!("/v1/outcomes/{outcome}/rewordings"),
                0,
                &json!({"occurred_at": "2026-03-01", "outcome_type": "quality_of_life", "direction": "change",
                    "title": "Walk the dog twice a week", "reason": "Once a week came back quickly"}),
            )
            .await
            .expect(201);
        let now = caller.get(&format!("/v1/outcomes/{outcome}")).await.expect(200);
        assert_eq!(
            (now.body["title"].as_str(), now.body["version"].as_u64()),
            (Some("Walk the dog twice a week"), Some(1))
        );
        let then = caller.get(&format!("/v1/outcomes/{outcome}?as_of={}", reworded.position() - 1)).await.expect(200);
        assert_eq!(then.body["title"], "Walk the dog with my friends again");
        assert_eq!(then.body["framework_items"], json!(["talking-points-people@1#seeing-people"]));
        let positions = caller.get("/v1/events").await.expect(200);
        let positions: Vec<u64> = positions.body["items"]
            .as_array()
            .unwrap()
            .iter()
            .map(|event| event["position"].as_u64().unwrap())
            .collect();
        assert_eq!(positions, [12, 13, 14], "twelve shipped lists come before");
        caller.review(&person, &outcome, "person", "fully_met").await.expect(201);
        caller.review(&person, &outcome, "practitioner", "not_met").await.expect(201);
        let sides = caller.get(&format!("/v1/outcomes/{outcome}/disagreement")).await.expect(200);
        assert_eq!(sides.body["disagree"], true);
        let history = caller.get(&format!("/v1/outcomes/{outcome}/history")).await.expect(200);
        let told: Vec<&str> =
            history.body["entries"].as_array().unwrap().iter().map(|entry| entry["what"].as_str().unwrap()).collect();
        assert_eq!(
            told[1],
            "Outcome reworded from “Walk the dog with my friends again” to “Walk the dog twice a week”, \
             no longer filed under talking-points-people@1#seeing-people"
        );
        assert_eq!(told.len(), 4);
        let record = caller.get(&format!("/v1/people/{person}/record")).await.expect(200);
        assert_eq!(record.body["person"]["name"], "Morgan Sample");
        assert_eq!(record.body["reviews"].as_array().unwrap().len(), 2);
    }
}

#[tokio::test]
async fn the_latest_reviews_are_set_side_by_side_however_many_came_before() {
    for backend in backends() {
        let service = TestService::start(backend).await;
        let caller = service.caller("TEST-1");
        let person = caller.person().await;
        let outcome = caller.outcome(&person).await;
        let lines: Vec<_> = (0..1_100)
            .map(|number| {
                json!({"key": format!("review-{number}"), "op": "record_review", "body": {
                    "occurred_at": "2026-05-10", "person": person, "outcome": outcome, "perspective": "carer",
                    "author": "carer", "status": "review-status@1#not_met"}})
            })
            .collect();
        assert!(caller.batch("each", &lines).await.iter().all(|answer| answer["status"] == 201));
        caller.review(&person, &outcome, "carer", "fully_met").await.expect(201);
        caller.review(&person, &outcome, "person", "not_met").await.expect(201);
        let seen = caller.get(&format!("/v1/outcomes/{outcome}/disagreement")).await.expect(200);
        assert_eq!(seen.body["perspectives"].as_array().map(Vec::len), Some(2), "{}", seen.text);
        assert_eq!(seen.body["disagree"], true, "{}", seen.text);
    }
}
