//! The main job: what is recorded, revised, answered, ranked, closed and withdrawn, and how it reads afterwards, now
//! and as it stood.

use crate::bad_input::Somebody;
use crate::support::{Answer, Client, TestService, backends};
use reqwest::Method;
use serde_json::{Value, json};

async fn found(caller: &Client, place: &str, id: &str) -> Answer {
    caller.get(&format!("/v1/{place}/{id}")).await.expect(200)
}

async fn as_of(caller: &Client, place: &str, id: &str, position: u64) -> Value {
    caller.get(&format!("/v1/{place}/{id}?as_of={position}")).await.expect(200).body
}

#[tokio::test]
async fn a_narrative_is_superseded_answered_and_withdrawn_and_nothing_is_lost() {
    for backend in backends() {
        let service = TestService::start(backend).await;
        let somebody = Somebody::new(&service.caller("TEST-1")).await;
        let caller = &somebody.caller;
        let told = json!({"occurred_at": "2026-02-01", "person": somebody.person, "text": "She said: I miss Bess",
            "author": "practitioner", "author_name": "R. Specimen", "perspective": "person", "knowledge_form": "lived",
            "verbatim_spans": [{"start": 10, "end": 21}], "outcomes": [somebody.outcome],
            "conversation": somebody.conversation, "source": {"system": "case-system", "reference": "n-1"}});
        let recorded = caller.post("/v1/narratives", &told).await.expect(201);
        let id = recorded.id();
        assert_eq!(recorded.header("location"), Some(format!("/v1/narratives/{id}").as_str()));
        assert_eq!((recorded.header("etag"), recorded.header("cache-control")), (Some("\"0\""), Some("no-store")));
        let first = found(caller, "narratives", &id).await.body;
        for member in [
            "text",
            "author",
            "author_name",
            "perspective",
            "knowledge_form",
            "verbatim_spans",
            "outcomes",
            "conversation",
            "person",
            "occurred_at",
        ] {
            assert_eq!(first[member], told[member], "{member}");
        }
        assert_eq!((&first["status"], &first["verbatim"]), (&json!("recorded"), &json!(["I miss Bess"])));
        assert_eq!((&first["source_system"], &first["organisation"]), (&json!("case-system"), &json!("TEST-1")));
        assert_eq!(first["position"], json!(recorded.position()));

        let path = format!("/v1/narratives/{id}");
        let amendment = json!({"occurred_at": "2026-02-03", "text": "She said: I miss Bess, my dog", "reason": "She added it",
            "verbatim_spans": [{"start": 10, "end": 29}], "author_name": "A. Nother"});
        let amended = caller.change(&format!("{path}/amendments"), 0, &amendment).await.expect(201);
        assert_eq!((amended.header("etag"), amended.body["version"].as_u64()), (Some("\"1\""), Some(1)));
        let second = found(caller, "narratives", &id).await.body;
        assert_eq!(second["verbatim"], json!(["I miss Bess, my dog"]));
        assert_eq!((&second["amendments"], &second["amendment_reason"]), (&json!(1), &json!("She added it")));
        assert_eq!(
            (&second["author"], &second["author_name"], &second["amended_by_name"]),
            (&json!("practitioner"), &json!("R. Specimen"), &json!("A. Nother")),
            "whoever amends does not become the author"
        );
        assert_eq!((&first["amended_by_name"], &second["amended_by_name"]), (&json!(null), &json!("A. Nother")));
        assert_eq!(second["outcomes"], json!([somebody.outcome]), "absent outcomes are kept");
        assert_ne!(second["version_id"], first["version_id"]);
        assert_eq!((&second["occurred_at"], &second["recorded_at"]), (&json!("2026-02-01"), &first["recorded_at"]));
        assert_ne!(second["changed_at"], first["changed_at"]);

        for (stance, perspective, text) in [("agrees", "carer", None), ("disagrees", "service", Some("It was a cat"))] {
            let mut response = json!({"occurred_at": "2026-02-04", "stance": stance, "perspective": perspective,
                "author": perspective, "author_name": "A. Sample"});
            if let Some(text) = text {
                response["text"] = json!(text);
            }
            caller.post(&format!("{path}/responses"), &response).await.expect(201);
        }
        let silent = json!({"occurred_at": "2026-02-04", "stance": "adds", "perspective": "carer", "author": "carer"});
        caller.post(&format!("{path}/responses"), &silent).await.expect_problem(422, "invalid-body");
        let mut late = silent.clone();
        late["stance"] = json!("agrees");
        caller.change(&format!("{path}/responses"), 1, &late).await.expect_problem(412, "version-conflict");
        let answered = found(caller, "narratives", &id).await;
        assert_eq!(answered.header("etag"), Some("\"3\""));
        let responses = answered.body["responses"].as_array().unwrap().clone();
        let told: Vec<_> = responses
            .iter()
            .map(|one| (&one["stance"], &one["perspective"], &one["text"], &one["author_name"]))
            .collect();
        let name = json!("A. Sample");
        assert_eq!(told[0], (&json!("agrees"), &json!("carer"), &Value::Null, &name));
        assert_eq!(told[1], (&json!("disagrees"), &json!("service"), &json!("It was a cat"), &name));
        assert_eq!(answered.body["text"], "She said: I miss Bess, my dog", "a response overwrites nothing");

        let withdrawal = json!({"occurred_at": "2026-02-05", "reason": "About somebody else"});
        let withdrawn = caller.change(&format!("{path}/withdrawal"), 3, &withdrawal).await.expect(201);
        let last = found(caller, "narratives", &id).await.body;
        assert_eq!((&last["status"], &last["withdrawal_reason"]), (&json!("withdrawn"), &json!("About somebody else")));
        assert_eq!(last["text"], "She said: I miss Bess, my dog", "it stays in the record");
        for (rest, body) in [("amendments", &amendment), ("withdrawal", &withdrawal), ("responses", &late)] {
            caller.change(&format!("{path}/{rest}"), 4, body).await.expect_problem(409, "not-in-this-state");
        }
        assert_eq!(as_of(caller, "narratives", &id, recorded.position()).await, first);
        assert_eq!(as_of(caller, "narratives", &id, amended.position()).await, second);
        assert_eq!(as_of(caller, "narratives", &id, withdrawn.position() - 1).await, answered.body);
        let before = caller.get(&format!("{path}?as_of={}", recorded.position() - 1)).await;
        before.expect_problem(404, "not-found");
    }
}

#[tokio::test]
async fn every_perspective_keeps_its_own_review() {
    for backend in backends() {
        let service = TestService::start(backend).await;
        let somebody = Somebody::new(&service.caller("TEST-1")).await;
        let caller = &somebody.caller;
        let outcome = caller.outcome(&somebody.person).await;
        let sides = async || caller.get(&format!("/v1/outcomes/{outcome}/disagreement")).await.expect(200).body;
        assert_eq!((&sides().await["disagree"], &sides().await["perspectives"]), (&Value::Null, &json!([])));
        let reviewing = |perspective: &str, status: &str, at: &str, stage: &str| {
            json!({"occurred_at": at, "person": somebody.person, "outcome": outcome, "perspective": perspective,
                "author": "practitioner", "author_name": "R. Specimen", "status": format!("review-status@1#{status}"),
                "stage": stage, "rating": "goal-attainment-scale@1#LA34480-6", "note": "We talked",
                "narratives": [somebody.narrative], "conversation": somebody.conversation})
        };
        let post = async |body: Value| caller.post("/v1/reviews", &body).await.expect(201);
        post(reviewing("person", "not_met", "2026-03-01", "baseline")).await;
        assert_eq!(sides().await["perspectives"], json!([]), "a baseline is never compared");
        let person = post(reviewing("person", "fully_met", "2026-05-01", "follow_up")).await;
        assert_eq!(sides().await["disagree"], Value::Null, "one perspective disagrees with nobody");
        let practitioner = post(reviewing("practitioner", "not_met", "2026-05-02", "final")).await;
        assert_eq!(sides().await["disagree"], true);
        // An older appraisal that is recorded late does not become the latest.
        post(reviewing("person", "not_met", "2026-04-01", "follow_up")).await;
        let seen = sides().await;
        let shown: Vec<(&str, &str)> = seen["perspectives"]
            .as_array()
            .unwrap()
            .iter()
            .map(|side| (side["perspective"].as_str().unwrap(), side["review"]["status"].as_str().unwrap()))
            .collect();
        assert_eq!(shown, [("person", "review-status@1#fully_met"), ("practitioner", "review-status@1#not_met")]);
        assert_eq!(seen["outcome"]["id"], outcome.as_str());

        let revision = json!({"occurred_at": "2026-05-04", "reviewed_at": "2026-05-03", "status": "review-status@1#fully_met",
            "stage": "final", "note": "Looked again", "reason": "Wrong box"});
        let path = format!("/v1/reviews/{}", practitioner.id());
        let revised = caller.change(&format!("{path}/revisions"), 0, &revision).await.expect(201);
        assert_eq!(sides().await["disagree"], false);
        let review = found(caller, "reviews", &practitioner.id()).await.body;
        assert_eq!((&review["revisions"], &review["revision_reason"]), (&json!(1), &json!("Wrong box")));
        assert_eq!((&review["occurred_at"], &review["perspective"]), (&json!("2026-05-03"), &json!("practitioner")));
        assert_eq!(review["author_name"], "R. Specimen", "a revision that names nobody keeps the name");
        assert_eq!(
            as_of(caller, "reviews", &practitioner.id(), revised.position() - 1).await["status"],
            "review-status@1#not_met"
        );
        let then = caller
            .get(&format!("/v1/outcomes/{outcome}/disagreement?as_of={}", revised.position() - 1))
            .await
            .expect(200);
        assert_eq!(then.body["disagree"], true);

        let mut named = revision.clone();
        named["author_name"] = json!("Q. Specimen");
        caller.change(&format!("{path}/revisions"), 1, &named).await.expect(201);
        caller.change(&format!("{path}/revisions"), 2, &revision).await.expect(201);
        let review = found(caller, "reviews", &practitioner.id()).await.body;
        assert_eq!(review["author_name"], "Q. Specimen", "the name that was given last");
        assert_eq!(
            as_of(caller, "reviews", &practitioner.id(), revised.position()).await["author_name"],
            "R. Specimen"
        );

        let withdrawal = json!({"occurred_at": "2026-05-05", "reason": "Wrong outcome"});
        caller.change(&format!("{path}/withdrawal"), 3, &withdrawal).await.expect(201);
        let review = found(caller, "reviews", &practitioner.id()).await.body;
        assert_eq!((&review["withdrawn"], &review["withdrawal_reason"]), (&json!(true), &json!("Wrong outcome")));
        assert_eq!(review["note"], "Looked again");
        caller.change(&format!("{path}/revisions"), 4, &revision).await.expect_problem(409, "not-in-this-state");
        caller.change(&format!("{path}/withdrawal"), 4, &withdrawal).await.expect_problem(409, "not-in-this-state");
        assert_eq!(sides().await["disagree"], Value::Null);
        let review = found(caller, "reviews", &person.id()).await.body;
        let expected = reviewing("person", "fully_met", "2026-05-01", "follow_up");
        for member in
            ["author", "author_name", "status", "stage", "rating", "note", "narratives", "conversation", "outcome"]
        {
            assert_eq!(review[member], expected[member], "{member}");
        }
        let mut plain = reviewing("carer", "not_discussed", "2026-06-01", "");
        for member in ["stage", "rating", "note"] {
            plain.as_object_mut().unwrap().remove(member);
        }
        let plain = post(plain).await.id();
        assert_eq!(found(caller, "reviews", &plain).await.body["stage"], "follow_up");
    }
}

#[tokio::test]
async fn an_outcome_is_reworded_ranked_closed_and_reopened() {
    for backend in backends() {
        let service = TestService::start(backend).await;
        let somebody = Somebody::new(&service.caller("TEST-1")).await;
        let caller = &somebody.caller;
        let identified = json!({"occurred_at": "2026-02", "person": somebody.person, "identified_by": "carer",
            "outcome_type": "quality_of_life", "direction": "change", "title": "Walk", "why_it_matters": "Friends",
            "framework_items": ["talking-points-people@1#seeing-people"], "narratives": [somebody.narrative],
            "conversation": somebody.conversation});
        let id = caller.post("/v1/outcomes", &identified).await.expect(201).id();
        let path = format!("/v1/outcomes/{id}");
        let first = found(caller, "outcomes", &id).await.body;
        for (member, value) in identified.as_object().unwrap() {
            assert_eq!(&first[member], value, "{member}");
        }
        assert_eq!(
            (&first["status"], &first["priorities"], &first["closure_reason"]),
            (&json!("open"), &json!({}), &Value::Null)
        );
        let wording = json!({"occurred_at": "2026-03-01", "outcome_type": "process", "direction": "maintain", "title": "Be heard",
            "reason": "Plainer"});
        caller.change(&format!("{path}/rewordings"), 0, &wording).await.expect(201);
        let second = found(caller, "outcomes", &id).await.body;
        assert_eq!((&second["title"], &second["why_it_matters"]), (&json!("Be heard"), &Value::Null), "given whole");
        assert_eq!((&second["framework_items"], &second["direction"]), (&json!([]), &json!("maintain")));
        assert_eq!(
            (&second["identified_by"], &second["conversation"]),
            (&json!("carer"), &json!(somebody.conversation))
        );
        for (version, perspective, rank) in [(1, "person", 1), (2, "practitioner", 7), (3, "person", 2)] {
            let ranked =
                json!({"occurred_at": "2026-03-02", "perspective": perspective, "rank": rank, "reason": "It is so"});
            caller.change(&format!("{path}/priorities"), version, &ranked).await.expect(201);
        }
        assert_eq!(found(caller, "outcomes", &id).await.body["priorities"], json!({"person": 2, "practitioner": 7}));
        let reopening = json!({"occurred_at": "2026-04-02", "reason": "It matters again"});
        caller.change(&format!("{path}/reopening"), 4, &reopening).await.expect_problem(409, "not-in-this-state");
        let closure = json!({"occurred_at": "2026-04-01", "closure_reason": "moved_on"});
        let closed = caller.change(&format!("{path}/closure"), 4, &closure).await.expect(201);
        let shut = found(caller, "outcomes", &id).await.body;
        assert_eq!((&shut["status"], &shut["closure_reason"]), (&json!("closed"), &json!("moved_on")));
        let ranked = json!({"occurred_at": "2026-04-02", "perspective": "person", "rank": 1});
        for (rest, body) in [("closure", &closure), ("rewordings", &wording), ("priorities", &ranked)] {
            caller.change(&format!("{path}/{rest}"), 5, body).await.expect_problem(409, "not-in-this-state");
        }
        // Reviews are recorded late, so a closed outcome takes them.
        caller.review(&somebody.person, &id, "person", "fully_met").await.expect(201);
        caller.change(&format!("{path}/reopening"), 5, &reopening).await.expect(201);
        let open = found(caller, "outcomes", &id).await.body;
        assert_eq!(
            (&open["status"], &open["closure_reason"], &open["version"]),
            (&json!("open"), &Value::Null, &json!(6))
        );
        assert_eq!(as_of(caller, "outcomes", &id, closed.position()).await, shut);
        for (reason, words) in [
            ("achieved", None),
            ("no_longer_matters", None),
            ("person_died", None),
            ("entered_in_error", None),
            ("other", Some("Nobody knows")),
        ] {
            let outcome = caller.outcome(&somebody.person).await;
            let mut body = json!({"occurred_at": "2026-04-01", "closure_reason": reason});
            if let Some(words) = words {
                body["reason"] = json!(words);
            }
            caller.change(&format!("/v1/outcomes/{outcome}/closure"), 0, &body).await.expect(201);
            assert_eq!(found(caller, "outcomes", &outcome).await.body["closure_reason"], reason);
        }
    }
}

#[tokio::test]
async fn conversations_tell_three_facts_apart() {
    for backend in backends() {
        let service = TestService::start(backend).await;
        let somebody = Somebody::new(&service.caller("TEST-1")).await;
        let caller = &somebody.caller;
        let held = |asked: &str| {
            json!({"occurred_at": "2026-02-01T10:00:00Z", "person": somebody.person, "asked": asked, "mode": "telephone",
                "participants": [{"kind": "practitioner", "name": "R. Specimen"}, {"kind": "carer"}],
                "participation": "ssda903-participation@1#PN1", "note": "Over tea"})
        };
        for (asked, reason, accepted) in [
            ("expressed", None, true),
            ("none_expressed", None, true),
            ("not_asked", Some("She was asleep"), true),
            ("expressed", Some("because"), false),
            ("none_expressed", Some("because"), false),
            ("not_asked", None, false),
        ] {
            let mut body = held(asked);
            if let Some(reason) = reason {
                body["not_asked_reason"] = json!(reason);
            }
            let answer = caller.post("/v1/conversations", &body).await;
            if !accepted {
                let answer = answer.expect_problem(422, "invalid-body");
                assert_eq!(answer.body["errors"][0]["pointer"], "/not_asked_reason");
                continue;
            }
            let seen = found(caller, "conversations", &answer.expect(201).id()).await.body;
            assert_eq!((&seen["asked"], seen["not_asked_reason"].as_str()), (&json!(asked), reason));
            assert_eq!(
                seen["participants"],
                json!([{"kind": "practitioner", "name": "R. Specimen"}, {"kind": "carer", "name": null}])
            );
            assert_eq!(
                (&seen["participation"], &seen["note"]),
                (&json!("ssda903-participation@1#PN1"), &json!("Over tea"))
            );
            assert_eq!(seen["occurred_at"], "2026-02-01T10:00:00.000000Z");
        }
        let id = caller.post("/v1/conversations", &held("expressed")).await.expect(201);
        let amendment = json!({"occurred_at": "2026-02-05", "held_at": "2026-01-31", "person": somebody.person,
            "asked": "not_asked", "not_asked_reason": "No time", "mode": "written", "reason": "It was a letter"});
        caller.change(&format!("/v1/conversations/{}/amendments", id.id()), 0, &amendment).await.expect(201);
        let seen = found(caller, "conversations", &id.id()).await.body;
        assert_eq!(
            (&seen["occurred_at"], &seen["mode"], &seen["asked"]),
            (&json!("2026-01-31"), &json!("written"), &json!("not_asked"))
        );
        assert_eq!((&seen["participants"], &seen["note"]), (&json!([]), &Value::Null), "given whole");
        assert_eq!(as_of(caller, "conversations", &id.id(), id.position()).await["note"], "Over tea");
    }
}

#[tokio::test]
async fn actions_progress_and_contributions_stand() {
    for backend in backends() {
        let service = TestService::start(backend).await;
        let somebody = Somebody::new(&service.caller("TEST-1")).await;
        let caller = &somebody.caller;
        let agreed = json!({"occurred_at": "2026-02-01", "person": somebody.person, "outcomes": [somebody.outcome],
            "description": "Walk to the corner", "taken_by": "family", "taken_by_name": "A. Sample", "due": "2027-01",
            "conversation": somebody.conversation});
        let action = caller.post("/v1/actions", &agreed).await.expect(201);
        let first = found(caller, "actions", &action.id()).await.body;
        for (member, value) in agreed.as_object().unwrap() {
            assert_eq!(&first[member], value, "{member}");
        }
        assert_eq!((&first["status"], &first["progress_note"]), (&json!("agreed"), &Value::Null));
        for (version, status) in [(0, "started"), (1, "done"), (2, "started"), (3, "stopped"), (4, "agreed")] {
            let path = format!("/v1/actions/{}/progress", action.id());
            let body = json!({"occurred_at": "2026-03-01", "status": status, "note": format!("now {status}")});
            caller.change(&path, version, &body).await.expect(201);
            let seen = found(caller, "actions", &action.id()).await.body;
            assert_eq!((&seen["status"], &seen["progress_note"]), (&json!(status), &json!(format!("now {status}"))));
            assert_eq!(seen["description"], "Walk to the corner");
        }
        assert_eq!(as_of(caller, "actions", &action.id(), action.position()).await, first);
        let body = json!({"occurred_at": "2026-02-01", "person": somebody.person, "outcomes": [somebody.outcome],
            "contributor": "community", "contributor_name": "The neighbours", "perspective": "person",
            "description": "Came along", "conversation": somebody.conversation});
        let contribution = caller.post("/v1/contributions", &body).await.expect(201).id();
        let seen = found(caller, "contributions", &contribution).await.body;
        for (member, value) in body.as_object().unwrap() {
            assert_eq!(&seen[member], value, "{member}");
        }
    }
}

#[tokio::test]
async fn people_are_corrected_and_found_by_what_others_call_them() {
    for backend in backends() {
        let service = TestService::start(backend).await;
        let caller = service.caller("TEST-1");
        let registered = json!({"occurred_at": "2026-01-05", "name": "Morgan Sample", "birth_date": "1951-03",
            "identifiers": [{"system": "nhs_number", "value": "943 476 5919"}, {"system": "case-number", "value": " C-1 "}]});
        let person = caller.post("/v1/people", &registered).await.expect(201);
        let id = person.id();
        let first = found(&caller, "people", &id).await.body;
        assert_eq!((&first["name"], &first["birth_date"]), (&json!("Morgan Sample"), &json!("1951-03")));
        let identifiers =
            json!([{"system": "nhs_number", "value": "9434765919"}, {"system": "case-number", "value": "C-1"}]);
        assert_eq!(first["identifiers"], identifiers);
        let amendment = json!({"occurred_at": "2026-02-01", "birth_date": "1951-03-14", "reason": "Name withheld"});
        caller.change(&format!("/v1/people/{id}/amendments"), 0, &amendment).await.expect(201);
        let added = json!({"occurred_at": "2026-02-02", "system": "https://id.example/swift", "value": "S 9"});
        let added = caller.change(&format!("/v1/people/{id}/identifiers"), 1, &added).await.expect(201);
        let last = found(&caller, "people", &id).await.body;
        assert_eq!((&last["name"], &last["birth_date"]), (&Value::Null, &json!("1951-03-14")), "given whole");
        assert_eq!(last["identifiers"][2], json!({"system": "https://id.example/swift", "value": "S 9"}));
        assert_eq!(last["identifiers"][0]["value"], "9434765919");
        assert_eq!(as_of(&caller, "people", &id, person.position()).await, first);
        let search = async |system: &str, value: &str, rest: &str| {
            let body = json!({"system": system, "value": value});
            let answer =
                caller.send(Method::POST, &format!("/v1/people/search{rest}"), &[], Some(&body)).await.expect(200);
            assert!(answer.header("cairn-position").is_some());
            answer.body["items"].as_array().unwrap().clone()
        };
        for (system, value) in [
            ("nhs_number", "9434765919"),
            ("NHS_Number", "943-476-5919"),
            ("https://fhir.nhs.uk/Id/nhs-number", "9434765919"),
            ("case-number", "C-1"),
            ("https://id.example/swift", "S 9"),
        ] {
            assert_eq!(search(system, value, "").await, std::slice::from_ref(&last), "{system} {value}");
        }
        for (system, value) in [("case-number", "c-1"), ("other-number", "C-1"), ("nhs_number", "4010232137")] {
            assert!(search(system, value, "").await.is_empty(), "{system} {value}");
        }
        let before = format!("?as_of={}", added.position() - 1);
        assert!(search("https://id.example/swift", "S 9", &before).await.is_empty());
        assert_eq!(search("case-number", "C-1", &before).await[0]["version"], 1);
    }
}

#[tokio::test]
async fn a_read_is_repeated_cheaply() {
    for backend in backends() {
        let service = TestService::start(backend).await;
        let somebody = Somebody::new(&service.caller("TEST-1")).await;
        let caller = &somebody.caller;
        for (place, id) in [
            ("people", &somebody.person),
            ("outcomes", &somebody.outcome),
            ("narratives", &somebody.narrative),
            ("reviews", &somebody.review),
            ("conversations", &somebody.conversation),
            ("actions", &somebody.action),
        ] {
            let path = format!("/v1/{place}/{id}");
            let first = caller.get(&path).await.expect(200);
            assert_eq!(first.header("cache-control"), Some("private, no-cache"));
            let tag = first.header("etag").unwrap();
            for same in [tag, "*", &format!("\"9\", {tag}"), &format!("W/{tag}")] {
                let again = caller.send(Method::GET, &path, &[("If-None-Match", same)], None).await.expect(304);
                assert_eq!((again.text.as_str(), again.header("etag")), ("", Some(tag)));
                assert!(again.header("cairn-position").is_some());
            }
            let other = caller.send(Method::GET, &path, &[("If-None-Match", "\"9\"")], None).await.expect(200);
            assert_eq!(other.body, first.body);
        }
    }
}

#[tokio::test]
async fn frameworks_are_published_retired_and_kept_apart() {
    for backend in backends() {
        let service = TestService::start(backend).await;
        let somebody = Somebody::new(&service.caller("TEST-1")).await;
        let (caller, other) = (&somebody.caller, service.caller("TEST-2"));
        let shipped = caller.get("/v1/frameworks").await.expect(200).body["items"].as_array().unwrap().len();
        assert_eq!(shipped, 12);
        let list = |version: u32, label: &str| {
            json!({"occurred_at": "2026-01-01", "id": "ours", "version": version, "title": "What matters here", "kind": "ladder",
                "source": "Conversations", "licence": "Ours to share", "unverified": true, "caveat": "Young",
                "items": [{"code": "a", "label": label, "order": 1, "group": "g", "description": "d",
                    "maps_to": {"list": "talking-points-people", "code": "feeling-safe", "note": "nearly"}},
                    {"code": "b", "label": "B", "order": 2}]})
        };
        let published = caller.post("/v1/frameworks", &list(1, "A")).await.expect(201);
        assert_eq!(published.header("location"), Some("/v1/frameworks/ours/versions/1"));
        let next = caller.post("/v1/frameworks", &list(2, "A!")).await.expect(201);
        let compared =
            async |as_of: u64| caller.get(&format!("/v1/frameworks/ours/comparison?from=1&to=2&as_of={as_of}")).await;
        compared(published.position()).await.expect_problem(404, "not-found");
        let compared = compared(next.position()).await.expect(200);
        assert_eq!(compared.header("cairn-position"), Some(next.position().to_string().as_str()));
        assert_eq!(compared.body["changed"][0]["after"]["label"], "A!");
        other.post("/v1/frameworks", &list(1, "Theirs")).await.expect(201);
        let seen = caller.get("/v1/frameworks/ours/versions/1").await.expect(200);
        let expected = list(1, "A");
        for member in ["title", "kind", "source", "licence", "unverified", "caveat", "items"] {
            assert_eq!(seen.body[member], expected[member], "{member}");
        }
        let about = (&seen.body["framework"], &seen.body["framework_version"], &seen.body["status"]);
        assert_eq!(about, (&json!("ours"), &json!(1), &json!("published")));
        let versions = caller.get("/v1/frameworks/ours/versions").await.expect(200);
        assert_eq!(versions.body["items"].as_array().unwrap().len(), 2);
        assert_eq!(other.get("/v1/frameworks/ours/versions/1").await.expect(200).body["items"][0]["label"], "Theirs");
        other.get("/v1/frameworks/ours/versions/2").await.expect_problem(404, "not-found");
        let items = json!(["ours@1#a"]);
        let mut outcome = somebody.outcome();
        outcome["framework_items"] = items.clone();
        let used = caller.post("/v1/outcomes", &outcome).await.expect(201);
        let retirement = json!({"occurred_at": "2026-03-01", "reason": "Version 2 replaces it"});
        let path = "/v1/frameworks/ours/versions/1/retirement";
        let retired = caller.change(path, 0, &retirement).await.expect(201);
        let seen = caller.get("/v1/frameworks/ours/versions/1").await.expect(200);
        assert_eq!(
            (&seen.body["status"], &seen.body["retirement_reason"]),
            (&json!("retired"), &json!("Version 2 replaces it"))
        );
        assert_eq!(seen.header("etag"), Some("\"1\""));
        assert_eq!(
            found(caller, "outcomes", &used.id()).await.body["framework_items"],
            items,
            "old recordings keep it"
        );
        let then =
            caller.get(&format!("/v1/frameworks/ours/versions/1?as_of={}", retired.position() - 1)).await.expect(200);
        assert_eq!(then.body["status"], "published");
        let before = caller.get(&format!("/v1/frameworks?as_of={}", published.position() - 1)).await.expect(200);
        assert_eq!(before.body["items"].as_array().unwrap().len(), shipped);
        other
            .change("/v1/frameworks/talking-points-people/versions/1/retirement", 0, &retirement)
            .await
            .expect_problem(404, "not-found");
    }
}
