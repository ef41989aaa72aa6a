//! What partners ask: lists with every filter, page by page while others record; a person's record; an outcome's history
//! in words; the feed, followed and waited for.

use crate::bad_input::Somebody;
use crate::support::{Client, TestService, backends};
use cairn::app::Clock;
use cairn::app::words::Scope;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::time::{Duration, Instant};

async fn ids(caller: &Client, path: &str) -> Vec<String> {
    let page = caller.get(path).await.expect(200);
    page.body["items"].as_array().unwrap().iter().map(|item| item["id"].as_str().unwrap().to_owned()).collect()
}

/// Follows `next` to the end.
async fn all_pages(caller: &Client, path: &str) -> Vec<Value> {
    let (mut items, mut path) = (Vec::new(), path.to_owned());
    loop {
        let page = caller.get(&path).await.expect(200);
        items.extend(page.body["items"].as_array().unwrap().clone());
        match page.body["next"].as_str() {
            Some(next) => path = next.to_owned(),
            None => return items,
        }
    }
}

#[tokio::test]
async fn lists_answer_every_filter() {
    for backend in backends() {
        let service = TestService::start(backend).await;
        let caller = service.caller("TEST-1");
        let (one, two) = (Somebody::new(&caller).await, Somebody::new(&caller).await);
        let late = caller
            .post(
                "/v1/outcomes",
                &json!({"occurred_at": "2025-07", "person": one.person, "identified_by": "carer",
            "outcome_type": "process", "direction": "maintain", "title": "Be heard",
            "framework_items": ["talking-points-people@1#feeling-safe"]}),
            )
            .await
            .expect(201);
        let closure = json!({"occurred_at": "2026-04-01", "closure_reason": "achieved"});
        caller.change(&format!("/v1/outcomes/{}/closure", two.outcome), 0, &closure).await.expect(201);
        let review = caller.review(&one.person, &late.id(), "carer", "fully_met").await.expect(201).id();
        let withdrawal = json!({"occurred_at": "2026-04-01", "reason": "r"});
        caller.change(&format!("/v1/reviews/{}/withdrawal", two.review), 0, &withdrawal).await.expect(201);
        let mut narrative = one.narrative();
        narrative["outcomes"] = json!([late.id()]);
        narrative["perspective"] = json!("carer");
        let speaking = caller.post("/v1/narratives", &narrative).await.expect(201).id();
        caller.change(&format!("/v1/narratives/{}/withdrawal", two.narrative), 0, &withdrawal).await.expect(201);
        let mut action = two.action();
        action["outcomes"] = json!([two.outcome]);
        let serving = caller.post("/v1/actions", &action).await.expect(201).id();
        let progress = json!({"occurred_at": "2026-04-01", "status": "done"});
        caller.change(&format!("/v1/actions/{serving}/progress"), 0, &progress).await.expect(201);
        let mut conversation = two.conversation();
        conversation["asked"] = json!("none_expressed");
        conversation["participation"] = json!("ssda903-participation@1#PN1");
        let quiet = caller.post("/v1/conversations", &conversation).await.expect(201).id();
        let mut contribution = one.contribution();
        contribution["outcomes"] = json!([one.outcome, late.id()]);
        let contribution = caller.post("/v1/contributions", &contribution).await.expect(201).id();
        let late = late.id();
        for (path, expected) in [
            (format!("people?changed_after={}", 11), vec![&one.person, &two.person]),
            ("outcomes".to_owned(), vec![&one.outcome, &late, &two.outcome]),
            (format!("outcomes?person={}", one.person), vec![&one.outcome, &late]),
            ("outcomes?status=open".to_owned(), vec![&one.outcome, &late]),
            ("outcomes?status=closed".to_owned(), vec![&two.outcome]),
            ("outcomes?perspective=carer".to_owned(), vec![&late]),
            (
                "outcomes?framework_item=talking-points-people@1%23seeing-people".to_owned(),
                vec![&one.outcome, &two.outcome],
            ),
            (
                "outcomes?framework_item=talking-points-people@1%23seeing-people&status=open".to_owned(),
                vec![&one.outcome],
            ),
            ("outcomes?framework_item=talking-points-people@1%23being-well".to_owned(), vec![]),
            (format!("outcomes?outcome={late}"), vec![&late]),
            ("outcomes?occurred_to=2025".to_owned(), vec![&late]),
            ("outcomes?occurred_from=2025-07-31&occurred_to=2025-08".to_owned(), vec![&late]),
            ("outcomes?occurred_from=2025-08".to_owned(), vec![&one.outcome, &two.outcome]),
            ("outcomes?occurred_from=2026-02-01&occurred_to=2026-02-01".to_owned(), vec![&one.outcome, &two.outcome]),
            ("outcomes?occurred_from=2026-02-01T23:59:59Z".to_owned(), vec![&one.outcome, &two.outcome]),
            ("outcomes?occurred_from=2026-02-02".to_owned(), vec![]),
            (format!("reviews?outcome={late}"), vec![&review]),
            ("reviews?status=withdrawn".to_owned(), vec![&two.review]),
            ("reviews?status=partly_met".to_owned(), vec![&one.review]),
            ("reviews?perspective=carer&status=fully_met".to_owned(), vec![&review]),
            (format!("narratives?outcome={late}"), vec![&speaking]),
            ("narratives?perspective=carer".to_owned(), vec![&speaking]),
            ("narratives?status=withdrawn".to_owned(), vec![&two.narrative]),
            (format!("narratives?status=recorded&person={}", one.person), vec![&one.narrative, &speaking]),
            (format!("actions?outcome={}", two.outcome), vec![&serving]),
            ("actions?status=done".to_owned(), vec![&serving]),
            ("actions?status=agreed".to_owned(), vec![&one.action, &two.action]),
            ("conversations?status=none_expressed".to_owned(), vec![&quiet]),
            ("conversations?framework_item=ssda903-participation@1%23PN1".to_owned(), vec![&quiet]),
            (format!("contributions?outcome={late}"), vec![&contribution]),
            (format!("contributions?outcome={}&perspective=person", one.outcome), vec![&contribution]),
            (format!("contributions?outcome={}", two.outcome), vec![]),
        ] {
            assert_eq!(ids(&caller, &format!("/v1/{path}")).await.iter().collect::<Vec<_>>(), expected, "{path}");
        }
    }
}

#[tokio::test]
async fn lists_know_when_things_were_recorded() {
    for backend in backends() {
        let service = TestService::start(backend).await;
        let caller = service.caller("TEST-1");
        let person = caller.person().await;
        let first = caller.outcome(&person).await;
        service.clock.set("2026-11-24T12:20:00Z".parse().unwrap());
        let second = caller.outcome(&person).await;
        service.clock.set("2026-11-24T12:40:00Z".parse().unwrap());
        let changed = json!({"occurred_at": "2026-11-01", "perspective": "person", "rank": 1});
        let changed =
            caller.change(&format!("/v1/outcomes/{first}/priorities"), 0, &changed).await.expect(201).position();
        let (first, second) = (&first, &second);
        for (query, expected) in [
            ("recorded_from=2026-11-24T12:30:00Z".to_owned(), vec![first]),
            ("recorded_until=2026-11-24T12:30:00Z".to_owned(), vec![second]),
            ("recorded_from=2026-11-24T12:20:00Z&recorded_until=2026-11-24T12:40:00Z".to_owned(), vec![second]),
            (format!("changed_after={}", changed - 1), vec![first]),
            (format!("changed_after={}", changed - 2), vec![second, first]),
            (format!("changed_after={changed}"), vec![]),
            ("as_of=2026-11-24T12:10:00Z".to_owned(), vec![first]),
            ("as_of=2026-11-24T12:30:00Z".to_owned(), vec![first, second]),
            ("as_of=2026-11-24T13:10:00%2B01:00".to_owned(), vec![first]),
            (format!("as_of={}&recorded_until=2026-11-24T12:30:00Z", changed - 1), vec![first, second]),
        ] {
            assert_eq!(
                ids(&caller, &format!("/v1/outcomes?{query}")).await.iter().collect::<Vec<_>>(),
                expected,
                "{query}"
            );
        }
        let now = caller.get("/v1/outcomes").await.expect(200);
        assert_eq!(now.body["complete_to"]["position"], json!(changed));
        assert!(now.body["complete_to"]["recorded_at"].as_str().unwrap().starts_with("2026-11-24T12:40:00"));
        let then = caller.get(&format!("/v1/outcomes?as_of={}", changed - 2)).await.expect(200);
        assert_eq!(then.body["complete_to"]["position"], json!(changed - 2));
        let at = then.body["complete_to"]["recorded_at"].as_str().unwrap();
        assert!(
            at.starts_with("2026-11-24T12:00:00"),
            "the position before the second outcome was recorded then: {at}"
        );
    }
}

#[tokio::test]
async fn a_list_is_one_list_while_others_record() {
    for backend in backends() {
        let service = TestService::start(backend).await;
        let caller = service.caller("TEST-1");
        let person = caller.person().await;
        let mut all = Vec::new();
        for _ in 0..23 {
            all.push(caller.outcome(&person).await);
        }
        let path = format!("/v1/outcomes?person={person}&limit=5");
        let mut page = caller.get(&path).await.expect(200);
        let pinned = page.header("cairn-position").unwrap().to_owned();
        let (mut seen, mut pages) = (Vec::new(), 0);
        loop {
            pages += 1;
            for item in page.body["items"].as_array().unwrap() {
                assert_eq!(item["version"], 0, "as it stood when the first page was read");
                seen.push(item["id"].as_str().unwrap().to_owned());
            }
            assert_eq!(page.header("cairn-position"), Some(pinned.as_str()));
            let Some(next) = page.body["next"].as_str().map(str::to_owned) else { break };
            // Somebody adds one, and changes one that was shown and one that was not.
            caller.outcome(&person).await;
            for id in [&all[pages], &all[22 - pages]] {
                let ranked = json!({"occurred_at": "2026-03-01", "perspective": "person", "rank": 1});
                let version =
                    caller.get(&format!("/v1/outcomes/{id}")).await.expect(200).body["version"].as_u64().unwrap();
                caller.change(&format!("/v1/outcomes/{id}/priorities"), version, &ranked).await.expect(201);
            }
            page = caller.get(&next).await.expect(200);
        }
        assert_eq!((seen, pages), (all, 5));
        let exact = all_pages(&caller, &format!("/v1/outcomes?person={person}&limit=27")).await;
        assert_eq!(exact.len(), 27);
        let page = caller.get(&format!("/v1/outcomes?person={person}&limit=27")).await.expect(200);
        assert!(page.body.get("next").is_none() && page.header("link").is_none(), "a full last page has no next");
    }
}

#[tokio::test]
async fn a_record_shows_what_the_scopes_open_and_names_the_rest() {
    for backend in backends() {
        let service = TestService::start(backend).await;
        let somebody = Somebody::new(&service.caller("TEST-1")).await;
        let caller = &somebody.caller;
        caller.post("/v1/contributions", &somebody.contribution()).await.expect(201);
        let path = format!("/v1/people/{}/record", somebody.person);
        let kinds = ["conversations", "narratives", "outcomes", "reviews", "actions", "contributions"];
        let record = caller.get(&path).await.expect(200).body;
        for kind in kinds {
            assert_eq!(record[kind].as_array().unwrap().len(), 1, "{kind}");
            assert_eq!(
                record[kind][0],
                caller.get(&format!("/v1/{kind}")).await.expect(200).body["items"][0],
                "{kind}"
            );
        }
        assert_eq!((&record["not_shown"], &record["truncated"]), (&json!([]), &json!(false)));
        assert_eq!(record["complete_to"]["position"], json!(caller.head().await));
        let narrow = service.caller_with("TEST-1", &[Scope::PeopleRead, Scope::OutcomesRead, Scope::ActionsRead]);
        let record = narrow.get(&path).await.expect(200).body;
        let shown: Vec<&str> = kinds.into_iter().filter(|kind| !record[kind].as_array().unwrap().is_empty()).collect();
        assert_eq!(shown, ["outcomes", "actions"]);
        let not_shown: BTreeSet<&str> =
            record["not_shown"].as_array().unwrap().iter().map(|kind| kind.as_str().unwrap()).collect();
        assert_eq!(not_shown, BTreeSet::from(["conversation", "narrative", "review", "contribution"]));
        let first =
            caller.get(&format!("/v1/people/{}", somebody.person)).await.expect(200).body["position"].as_u64().unwrap();
        let then = caller.get(&format!("{path}?as_of={first}")).await.expect(200).body;
        assert!(kinds.iter().all(|kind| then[kind] == json!([])), "{then}");
        caller.get(&format!("{path}?as_of={}", first - 1)).await.expect_problem(404, "not-found");
    }
}

#[tokio::test]
async fn a_history_tells_what_who_when_and_why() {
    for backend in backends() {
        let service = TestService::start(backend).await;
        let somebody = Somebody::new(&service.caller("TEST-1")).await;
        let caller = &somebody.caller;
        let identified = json!({"occurred_at": "2026-11-20", "person": somebody.person, "identified_by": "person",
            "outcome_type": "process", "direction": "change", "title": "Walk",
            "framework_items": ["talking-points-people@1#seeing-people"]});
        let outcome = caller.post("/v1/outcomes", &identified).await.expect(201).id();
        let path = format!("/v1/outcomes/{outcome}");
        let at = "2026-11-21";
        for (version, rest, body) in [
            (
                0,
                "rewordings",
                json!({"occurred_at": at, "outcome_type": "process", "direction": "change", "title": "Walk Bess",
                "reason": "Her name"}),
            ),
            (1, "priorities", json!({"occurred_at": at, "perspective": "carer", "rank": 3, "reason": "Of many"})),
            (2, "closure", json!({"occurred_at": at, "closure_reason": "no_longer_matters", "reason": "Bess died"})),
            (3, "reopening", json!({"occurred_at": at, "reason": "A new dog"})),
        ] {
            caller.change(&format!("{path}/{rest}"), version, &body).await.expect(201);
        }
        let mut review = somebody.review();
        review["outcome"] = json!(outcome);
        review["note"] = json!("Twice a week");
        let review = caller.post("/v1/reviews", &review).await.expect(201).id();
        let mut narrative = somebody.narrative();
        narrative["outcomes"] = json!([outcome]);
        caller.post("/v1/narratives", &narrative).await.expect(201);
        let mut action = somebody.action();
        action["outcomes"] = json!([outcome]);
        caller.post("/v1/actions", &action).await.expect(201);
        let mut contribution = somebody.contribution();
        contribution["outcomes"] = json!([outcome]);
        let last = caller.post("/v1/contributions", &contribution).await.expect(201).position();
        let withdrawal = json!({"occurred_at": at, "reason": "Wrong one"});
        caller.change(&format!("/v1/reviews/{review}/withdrawal"), 0, &withdrawal).await.expect(201);
        let history = caller.get(&format!("{path}/history")).await.expect(200).body;
        let told: Vec<(&str, &str, bool, Option<&str>)> = history["entries"]
            .as_array()
            .unwrap()
            .iter()
            .map(|entry| {
                (
                    entry["what"].as_str().unwrap(),
                    entry["who"].as_str().unwrap(),
                    entry["late"].as_bool().unwrap(),
                    entry["why"].as_str(),
                )
            })
            .collect();
        let by = "recorded by development";
        let (person, carer) = ("person's view, recorded by development", "carer's view, recorded by development");
        assert_eq!(
            told,
            [
                ("Outcome identified: “Walk”, filed under talking-points-people@1#seeing-people", person, false, None),
                (
                    "Outcome reworded from “Walk” to “Walk Bess”, no longer filed under talking-points-people@1#seeing-people",
                    by,
                    false,
                    Some("Her name"),
                ),
                ("Ranked 3 by this perspective", carer, false, Some("Of many")),
                ("Outcome closed: no longer matters", by, false, Some("Bess died")),
                ("Outcome reopened", by, false, Some("A new dog")),
                ("Reviewed (follow up) as partly met: “Twice a week”", person, true, None),
                ("Narrative recorded: “I miss walking”", person, true, None),
                ("Action agreed, taken by the person: “Walk”", by, true, None),
                ("Contribution of the family: “Came along”", person, true, None),
                ("Review withdrawn: entered in error", by, false, Some("Wrong one")),
            ]
        );
        assert_eq!(history["truncated"], false);
        let entry = &history["entries"][5];
        assert_eq!(
            (&entry["when_in_life"], &entry["event"]["type"]),
            (&json!("2026-03-01"), &json!("OutcomeReviewed.v1"))
        );
        assert_eq!(entry["recorded_at"], entry["event"]["recorded_at"]);
        let then = caller.get(&format!("{path}/history?as_of={}", last - 3)).await.expect(200).body;
        assert_eq!(then["entries"].as_array().unwrap()[..], history["entries"].as_array().unwrap()[..6]);
        let narrow = service.caller_with("TEST-1", &[Scope::OutcomesRead]);
        let seen = narrow.get(&format!("{path}/history")).await.expect(200).body;
        assert_eq!(seen["entries"].as_array().unwrap()[..], history["entries"].as_array().unwrap()[..5]);
    }
}

#[tokio::test]
async fn late_is_more_than_seven_days_after_the_end_of_what_was_told() {
    for backend in backends() {
        let service = TestService::start(backend).await;
        let caller = service.caller("TEST-1");
        let person = caller.person().await;
        let now = service.clock.now();
        let ago = |seconds: i64| now.plus_micros(-seconds * 1_000_000).to_string();
        let week = 7 * 24 * 3_600;
        for (at, late) in [
            ("2026-11-17".to_owned(), false),
            ("2026-11-16".to_owned(), true),
            ("2026-11".to_owned(), false),
            ("2026-10".to_owned(), true),
            ("2026".to_owned(), false),
            (ago(week - 60), false),
            (ago(week + 60), true),
        ] {
            let body = json!({"occurred_at": at, "person": person, "identified_by": "person", "outcome_type": "process",
                "direction": "change", "title": "Walk"});
            let outcome = caller.post("/v1/outcomes", &body).await.expect(201).id();
            let history = caller.get(&format!("/v1/outcomes/{outcome}/history")).await.expect(200).body;
            assert_eq!(history["entries"][0]["late"], late, "{at}");
        }
    }
}

#[tokio::test]
async fn the_feed_misses_nothing_and_says_how_far_it_came() {
    for backend in backends() {
        let service = TestService::start(backend).await;
        let (caller, other) = (service.caller("TEST-1"), service.caller("TEST-2"));
        let somebody = Somebody::new(&caller).await;
        other.person().await;
        for _ in 0..7 {
            caller.outcome(&somebody.person).await;
            other.person().await;
        }
        let all = all_pages(&caller, "/v1/events?limit=500").await;
        assert_eq!(all.len(), 13);
        for limit in [1, 2, 12, 13] {
            assert_eq!(all_pages(&caller, &format!("/v1/events?limit={limit}")).await, all, "{limit}");
        }
        let page = caller.get("/v1/events?limit=3").await.expect(200);
        assert_eq!(page.body["complete_to"]["position"], all[2]["position"]);
        let after = all[5]["position"].as_u64().unwrap();
        assert_eq!(all_pages(&caller, &format!("/v1/events?after={after}")).await, all[6..]);
        assert_eq!(all_pages(&caller, &format!("/v1/events?as_of={after}&limit=2")).await, all[..6]);
        let rest = caller.get(&format!("/v1/events?after={}", all[12]["position"])).await.expect(200);
        assert_eq!((&rest.body["items"], rest.body.get("next")), (&json!([]), None));
        assert_eq!(rest.body["complete_to"]["position"], json!(caller.head().await), "others' events are passed, too");
        let stream = all_pages(&caller, &format!("/v1/streams/{}/events", somebody.outcome)).await;
        assert_eq!(stream, [all[1].clone()]);
        let event = &all[1];
        assert_eq!(
            (&event["type"], &event["kind"], &event["version"]),
            (&json!("OutcomeIdentified.v1"), &json!("outcome"), &json!(0))
        );
        assert_eq!((&event["client"], &event["organisation"]), (&json!("development"), &json!("TEST-1")));
        assert_eq!((&event["sealed"], event.get("words")), (&json!(["words"]), None));
        assert!(!json!(all).to_string().contains("Walk the dog"), "the feed holds no words");
    }
}

#[tokio::test]
async fn the_feed_opens_words_as_far_as_the_scopes_do() {
    for backend in backends() {
        let service = TestService::start(backend).await;
        let caller = service.caller("TEST-1");
        let body = json!({"occurred_at": "2026", "name": "Morgan Sample", "source": {"system": "s", "reference": "r-1"},
            "identifiers": [{"system": "case", "value": "C-1"}]});
        let person = caller.post("/v1/people", &body).await.expect(201).id();
        caller.outcome(&person).await;
        let words = |events: &[Value]| -> Vec<Value> { events.iter().map(|event| event["words"].clone()).collect() };
        let all = all_pages(&caller, "/v1/events?include=words").await;
        let identity = json!({"name": "Morgan Sample", "identifiers": [{"system": "case", "value": "C-1"}]});
        let source = json!({"system": "s", "reference": "r-1"});
        let title = json!({"words": {"title": "Walk the dog with my friends again"}});
        assert_eq!(words(&all), [json!({"identity": identity, "source": source}), title.clone()]);
        let narrow = service.caller_with("TEST-1", &[Scope::EventsRead, Scope::OutcomesRead]);
        let seen = all_pages(&narrow, "/v1/events?include=words").await;
        assert_eq!(words(&seen), [Value::Null, title]);
        assert_eq!(seen.len(), all.len(), "that it happened is no secret");
    }
}

#[tokio::test]
async fn a_long_poll_is_woken_by_a_recording_and_ends_by_itself() {
    for backend in backends() {
        let service = TestService::start_with(backend, "long_poll_max_ms = 20000").await;
        let caller = service.caller("TEST-1");
        let head = caller.head().await;
        let started = Instant::now();
        let ended = caller.get(&format!("/v1/events?after={head}&wait_ms=300")).await.expect(200);
        assert_eq!(ended.body["items"], json!([]));
        assert!(started.elapsed() >= Duration::from_millis(300));
        caller.get("/v1/events?wait_ms=20001").await.expect_problem(400, "invalid-query");
        for at_once in
            [format!("/v1/events?after={head}&as_of={head}&wait_ms=20000"), "/v1/events?wait_ms=0".to_owned()]
        {
            caller.get(&at_once).await.expect(200);
        }
        let started = Instant::now();
        let waiting = tokio::spawn({
            let caller = caller.clone();
            async move { caller.get(&format!("/v1/events?after={head}&wait_ms=20000")).await.expect(200) }
        });
        // What others record wakes nobody else.
        service.caller("TEST-2").person().await;
        let person = caller.person().await;
        let woken = waiting.await.unwrap();
        assert_eq!(woken.body["items"][0]["stream"], person.as_str(), "{}", woken.text);
        assert!(started.elapsed() < Duration::from_secs(15), "it was not woken");
    }
}

#[tokio::test]
async fn a_follower_sees_every_event_of_many_writers_once_in_order() {
    for backend in backends() {
        let service = TestService::start(backend).await;
        let caller = service.caller("TEST-1");
        let person = caller.person().await;
        let head = caller.head().await;
        let writers = (0..8).map(|_| {
            let (caller, person) = (caller.clone(), person.clone());
            tokio::spawn(async move {
                let mut made = Vec::new();
                for _ in 0..10 {
                    made.push(caller.outcome(&person).await);
                }
                made
            })
        });
        let writers = futures::future::join_all(writers);
        let follower = async {
            let (mut seen, mut after) = (Vec::new(), head);
            while seen.len() < 80 {
                let page = caller.get(&format!("/v1/events?after={after}&limit=7&wait_ms=10000")).await.expect(200);
                after = page.body["complete_to"]["position"].as_u64().unwrap();
                seen.extend(page.body["items"].as_array().unwrap().clone());
            }
            seen
        };
        let (made, seen) = tokio::join!(writers, follower);
        let made: BTreeSet<String> = made.into_iter().flat_map(Result::unwrap).collect();
        let streams: BTreeSet<String> = seen.iter().map(|event| event["stream"].as_str().unwrap().to_owned()).collect();
        assert_eq!((streams, seen.len()), (made, 80));
        let positions: Vec<u64> = seen.iter().map(|event| event["position"].as_u64().unwrap()).collect();
        assert!(positions.is_sorted_by(|one, other| one < other), "{positions:?}");
    }
}
