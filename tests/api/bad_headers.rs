//! What a request's address and headers may not say: versions, idempotency keys, cursors, parameters, paths.

use crate::bad_input::Somebody;
use crate::support::{Answer, Backend, Client, TestService, backends};
use reqwest::Method;
use serde_json::{Value, json};

async fn change(caller: &Client, path: &str, headers: &[(&str, &str)], body: &Value) -> Answer {
    let key = caller.fresh_key();
    let mut all = vec![("Idempotency-Key", key.as_str())];
    all.extend(headers);
    caller.send(Method::POST, path, &all, Some(body)).await
}

#[tokio::test]
async fn a_change_names_the_version_that_was_seen() {
    for backend in backends() {
        let service = TestService::start(backend).await;
        let somebody = Somebody::new(&service.caller("TEST-1")).await;
        let caller = &somebody.caller;
        let path = format!("/v1/outcomes/{}/priorities", somebody.outcome);
        let body = json!({"occurred_at": "2026-03-01", "perspective": "person", "rank": 2});
        change(caller, &path, &[("If-Match", "\"0\"")], &body).await.expect(201);
        let before = caller.head().await;
        change(caller, &path, &[], &body).await.expect_problem(428, "precondition-required");
        for stale in ["\"0\"", "\"2\"", "\"18446744073709551615\""] {
            let answer =
                change(caller, &path, &[("If-Match", stale)], &body).await.expect_problem(412, "version-conflict");
            assert_eq!(answer.body["current_version"], 1);
        }
        for malformed in [
            "1",
            "",
            "\"\"",
            "W/\"1\"",
            "*",
            "\"1\", \"2\"",
            "\"-1\"",
            "\"+1\"",
            "\"01\"",
            "\"1 \"",
            "\"18446744073709551616\"",
            "\"a\"",
        ] {
            change(caller, &path, &[("If-Match", malformed)], &body).await.expect_problem(400, "invalid-header");
        }
        let twice = [("If-Match", "\"1\""), ("If-Match", "\"1\"")];
        change(caller, &path, &twice, &body).await.expect_problem(400, "invalid-header");
        for purpose in ["treat", "T", "TREAT ME", &"T".repeat(33)] {
            let headers = [("If-Match", "\"1\""), ("Purpose-Of-Use", purpose)];
            change(caller, &path, &headers, &body).await.expect_problem(400, "invalid-header");
        }
        assert_eq!(caller.head().await, before);
        change(caller, &path, &[("If-Match", "\"1\""), ("Purpose-Of-Use", "TREAT")], &body).await.expect(201);
        let event = caller.get(&format!("/v1/events?after={before}")).await.expect(200);
        assert_eq!(event.body["items"][0]["purpose"], "TREAT");
    }
}

#[tokio::test]
async fn a_recording_needs_a_key_of_printable_characters() {
    for backend in backends() {
        let service = TestService::start(backend).await;
        let caller = service.caller("TEST-1");
        let body = json!({"occurred_at": "2026-01-05"});
        let before = caller.head().await;
        let post = async |headers: &[(&str, &str)]| caller.send(Method::POST, "/v1/people", headers, Some(&body)).await;
        post(&[]).await.expect_problem(400, "idempotency-key-missing");
        for key in ["", "a\tb", "clé", &"k".repeat(201)] {
            post(&[("Idempotency-Key", key)]).await.expect_problem(400, "invalid-header");
        }
        post(&[("Idempotency-Key", "a"), ("Idempotency-Key", "b")]).await.expect_problem(400, "invalid-header");
        assert_eq!(caller.head().await, before);
        post(&[("Idempotency-Key", &"k".repeat(200))]).await.expect(201);
    }
}

#[tokio::test]
async fn a_key_stands_for_one_request_also_after_a_restart() {
    for backend in backends() {
        let mut service = TestService::start(backend).await;
        let somebody = Somebody::new(&service.caller("TEST-1")).await;
        let narrative = somebody.narrative();
        let change = format!("/v1/outcomes/{}/priorities", somebody.outcome);
        let rank = json!({"occurred_at": "2026-03-01", "perspective": "person", "rank": 2});
        let requests: Vec<(&str, &str, &str, &Value)> =
            vec![("one", "/v1/narratives", "\"0\"", &narrative), ("two", &change, "\"0\"", &rank)];
        let mut first = Vec::new();
        for (key, path, version, body) in &requests {
            let headers = [("Idempotency-Key", *key), ("If-Match", *version)];
            first.push(somebody.caller.send(Method::POST, path, &headers, Some(body)).await.expect(201));
        }
        let person = json!({"occurred_at": "2026", "identifiers": [{"system": "case", "value": "1"}]});
        let registered =
            somebody.caller.send(Method::POST, "/v1/people", &[("Idempotency-Key", "three")], Some(&person)).await;
        let registered = registered.expect(201);
        let before = somebody.caller.head().await;
        for restarted in [false, true] {
            if restarted {
                service.restart().await;
            }
            let caller = service.caller("TEST-1");
            for ((key, path, version, body), first) in requests.iter().zip(&first) {
                let headers = [("Idempotency-Key", *key), ("If-Match", *version)];
                // Written in another way, it is the same request.
                let written: String = format!("  {body:#}\n");
                let mut again = vec![("Content-Type", "application/json")];
                again.extend(headers);
                let again = caller.post_bytes(path, &again, written).await.expect(201);
                assert_repeats(&again, first);
                let mut other = (*body).clone();
                other["occurred_at"] = json!("2026-03-02");
                let answer = caller.send(Method::POST, path, &headers, Some(&other)).await;
                answer.expect_problem(422, "idempotency-key-reused");
            }
            let again = caller.send(Method::POST, "/v1/people", &[("Idempotency-Key", "three")], Some(&person)).await;
            assert_repeats(&again.expect(201), &registered);
            let answer = caller
                .send(Method::POST, "/v1/outcomes", &[("Idempotency-Key", "one")], Some(&somebody.outcome()))
                .await;
            answer.expect_problem(422, "idempotency-key-reused");
            let headers = [("Idempotency-Key", "two"), ("If-Match", "\"1\"")];
            caller
                .send(Method::POST, &change, &headers, Some(&rank))
                .await
                .expect_problem(422, "idempotency-key-reused");
            assert_eq!(caller.head().await, before, "a repeat records nothing");
        }
    }
}

fn assert_repeats(again: &Answer, first: &Answer) {
    let mut expected = first.body.clone();
    expected["repeated"] = json!(true);
    assert_eq!(again.body, expected);
    for header in ["location", "etag", "cairn-position"] {
        assert_eq!(again.header(header), first.header(header), "{header}");
    }
}

#[tokio::test]
async fn sixty_four_at_once_with_one_key_record_once() {
    for backend in backends() {
        let service = TestService::start(backend).await;
        let somebody = Somebody::new(&service.caller("TEST-1")).await;
        let change = format!("/v1/narratives/{}/responses", somebody.narrative);
        let response =
            json!({"occurred_at": "2026-03-01", "stance": "agrees", "perspective": "carer", "author": "carer"});
        let person = json!({"occurred_at": "2026", "identifiers": [{"system": "case", "value": "1"}]});
        for (key, path, body) in [
            ("one", "/v1/narratives", somebody.narrative()),
            ("two", "/v1/people", person),
            ("three", &change, response),
        ] {
            let before = somebody.caller.head().await;
            let calls = (0..64).map(|_| {
                let (caller, path, body) = (somebody.caller.clone(), path.to_owned(), body.clone());
                tokio::spawn(async move {
                    caller.send(Method::POST, &path, &[("Idempotency-Key", key)], Some(&body)).await.expect(201)
                })
            });
            let answers: Vec<Answer> = futures::future::join_all(calls).await.into_iter().map(Result::unwrap).collect();
            let first: Vec<&Answer> = answers.iter().filter(|answer| answer.body["repeated"] == false).collect();
            assert_eq!(first.len(), 1, "{path}");
            for answer in answers.iter().filter(|answer| answer.body["repeated"] == true) {
                assert_repeats(answer, first[0]);
            }
            assert_eq!(somebody.caller.head().await, before + 1, "{path}");
        }
    }
}

#[tokio::test]
async fn sixty_four_at_once_with_one_version_change_it_once() {
    for backend in backends() {
        let service = TestService::start(backend).await;
        let somebody = Somebody::new(&service.caller("TEST-1")).await;
        let path = format!("/v1/outcomes/{}/priorities", somebody.outcome);
        let calls = (1..=64).map(|rank| {
            let (caller, path) = (somebody.caller.clone(), path.clone());
            let body = json!({"occurred_at": "2026-03-01", "perspective": "person", "rank": rank});
            tokio::spawn(async move { caller.change(&path, 0, &body).await })
        });
        let answers: Vec<Answer> = futures::future::join_all(calls).await.into_iter().map(Result::unwrap).collect();
        let recorded: Vec<&Answer> = answers.iter().filter(|answer| answer.status == 201).collect();
        assert_eq!(recorded.len(), 1);
        for answer in answers.iter().filter(|answer| answer.status != 201) {
            assert_eq!((answer.status, answer.body["current_version"].as_u64()), (412, Some(1)), "{}", answer.text);
        }
    }
}

#[tokio::test]
async fn a_cursor_belongs_to_its_query() {
    for backend in backends() {
        let service = TestService::start(backend).await;
        let somebody = Somebody::new(&service.caller("TEST-1")).await;
        let (caller, other) = (&somebody.caller, service.caller("TEST-2"));
        for _ in 0..3 {
            caller.outcome(&somebody.person).await;
        }
        let query = format!("/v1/outcomes?person={}&status=open", somebody.person);
        let page = caller.get(&format!("{query}&limit=1")).await.expect(200);
        let next = page.body["next"].as_str().unwrap();
        assert_eq!(page.header("link"), Some(format!("<{next}>; rel=\"next\"").as_str()));
        let cursor = next.split_once("cursor=").unwrap().1;
        caller.get(&format!("{query}&limit=2&cursor={cursor}")).await.expect(200);
        let swapped = if cursor.starts_with('A') { "B" } else { "A" };
        let altered = format!("{swapped}{}", &cursor[1..]);
        for path in [
            format!("/v1/outcomes?cursor={cursor}"),
            format!("/v1/outcomes?person={}&cursor={cursor}", somebody.person),
            format!("/v1/outcomes?person={}&status=closed&cursor={cursor}", somebody.person),
            format!("{query}&perspective=person&cursor={cursor}"),
            format!("{query}&as_of={}&cursor={cursor}", caller.head().await),
            format!("/v1/reviews?person={}&status=open&cursor={cursor}", somebody.person),
            format!("{query}&cursor={altered}"),
            format!("{query}&cursor={}", &cursor[..cursor.len() - 4]),
            format!("{query}&cursor={cursor}AAAA"),
            format!("{query}&cursor="),
            format!("{query}&cursor=garbage"),
            format!("{query}&cursor=%00"),
        ] {
            caller.get(&path).await.expect_problem(400, "invalid-cursor");
        }
        other.get(&format!("{query}&cursor={cursor}")).await.expect_problem(400, "invalid-cursor");
    }
}

#[tokio::test]
async fn parameters_are_the_documented_ones_within_their_limits() {
    for backend in backends() {
        let service = TestService::start(backend).await;
        let somebody = Somebody::new(&service.caller("TEST-1")).await;
        let caller = &somebody.caller;
        for place in ["people", "conversations", "narratives", "outcomes", "reviews", "actions", "contributions"] {
            for query in [
                "limit=0",
                "limit=501",
                "limit=-1",
                "limit=",
                "limit=ten",
                "limit=4294967297",
                "limit=1&limit=2",
                "colour=red",
                "person=Bird",
                "outcome=Bird",
                "framework_item=Bird",
                "status=Bird%20Watch",
                "status=",
                "perspective=%00",
                "occurred_from=2026-02-31",
                "occurred_to=10000",
                "recorded_from=2026-11-01",
                "recorded_until=now",
                "changed_after=-1",
                "changed_after=9223372036854775807",
                "changed_after=x",
                "%FF=1",
                "limit=%FF",
            ] {
                let answer = caller.get(&format!("/v1/{place}?{query}")).await.expect_problem(400, "invalid-query");
                assert!(!answer.text.contains("Bird"), "{query}: {}", answer.text);
            }
            for query in
                ["limit=1", "limit=500", "changed_after=9223372036854775806", "status=nothing", "perspective=nobody"]
            {
                caller.get(&format!("/v1/{place}?{query}")).await.expect(200);
            }
            let two = format!("/v1/{place}?person={}&outcome={}", somebody.person, somebody.outcome);
            caller.get(&two).await.expect_problem(400, "invalid-query");
        }
        for place in ["/v1/events".to_owned(), format!("/v1/streams/{}/events", somebody.outcome)] {
            for query in [
                "limit=0",
                "limit=501",
                "after=-1",
                "after=9223372036854775807",
                "wait_ms=30001",
                "wait_ms=-1",
                "include=all",
                "include=",
                "person=x",
                "as_of=x",
            ] {
                caller.get(&format!("{place}?{query}")).await.expect_problem(400, "invalid-query");
            }
            caller.get(&format!("{place}?limit=500&after=9223372036854775806&include=words")).await.expect(200);
        }
        for query in ["mode=some", "mode=", "colour=red"] {
            let answer = caller
                .post_bytes(&format!("/v1/batches?{query}"), &[("Content-Type", "application/x-ndjson")], "")
                .await;
            answer.expect_problem(400, "invalid-query");
        }
    }
}

#[tokio::test]
async fn as_of_is_a_position_or_an_instant_that_has_been() {
    for backend in backends() {
        let service = TestService::start(backend).await;
        let somebody = Somebody::new(&service.caller("TEST-1")).await;
        let caller = &somebody.caller;
        let head = caller.head().await;
        let mut paths: Vec<String> = [
            format!("people/{}", somebody.person),
            format!("people/{}/record", somebody.person),
            format!("conversations/{}", somebody.conversation),
            format!("narratives/{}", somebody.narrative),
            format!("outcomes/{}", somebody.outcome),
            format!("outcomes/{}/history", somebody.outcome),
            format!("outcomes/{}/disagreement", somebody.outcome),
            format!("reviews/{}", somebody.review),
            format!("actions/{}", somebody.action),
            format!("streams/{}/events", somebody.outcome),
            "frameworks/talking-points-people/versions".to_owned(),
            "frameworks/talking-points-people/versions/1".to_owned(),
            "frameworks/talking-points-people/comparison?from=1&to=1".to_owned(),
        ]
        .into();
        let lists = [
            "people",
            "conversations",
            "narratives",
            "outcomes",
            "reviews",
            "actions",
            "contributions",
            "frameworks",
            "events",
        ];
        paths.extend(lists.map(str::to_owned));
        let search = json!({"system": "case", "value": "1"});
        let ask = async |path: &str, as_of: &str| match path {
            "people/search" => {
                caller.send(Method::POST, &format!("/v1/{path}?as_of={as_of}"), &[], Some(&search)).await
            }
            _ => {
                let separator = if path.contains('?') { '&' } else { '?' };
                caller.get(&format!("/v1/{path}{separator}as_of={as_of}")).await
            }
        };
        paths.push("people/search".to_owned());
        for path in &paths {
            for as_of in [
                (head + 1).to_string().as_str(),
                "9223372036854775807",
                "18446744073709551616",
                "-1",
                "",
                "now",
                "2026-11-24",
                "2026-11-24T12:00:00",
                "2027-01-01T00:00:00Z",
                "2026-02-31T00:00:00Z",
            ] {
                ask(path, as_of).await.expect_problem(400, "invalid-query");
            }
            let answer = ask(path, &head.to_string()).await.expect(200);
            assert_eq!(answer.header("cairn-position"), Some(head.to_string().as_str()), "{path}");
            let now = service.clock_text();
            let answer = ask(path, &now).await.expect(200);
            assert_eq!(answer.header("cairn-position"), Some(head.to_string().as_str()), "{path} as of {now}");
        }
    }
}

#[tokio::test]
async fn paths_name_recordings_or_nothing() {
    for backend in backends() {
        let service = TestService::start(backend).await;
        let somebody = Somebody::new(&service.caller("TEST-1")).await;
        let caller = &somebody.caller;
        let before = caller.head().await;
        let long = "x".repeat(4_000);
        for id in [
            "Bird",
            "%00",
            "%FF",
            "%F0%9F%98%80",
            "..%2F..%2Fetc",
            "00000000-0000-0000-0000-000000000000",
            long.as_str(),
        ] {
            for place in ["people", "conversations", "narratives", "outcomes", "reviews", "actions", "contributions"] {
                let answer = caller.get(&format!("/v1/{place}/{id}")).await.expect_problem(404, "not-found");
                assert!(!answer.text.contains("Bird"), "{}", answer.text);
            }
            for path in [
                format!("/v1/people/{id}/record"),
                format!("/v1/outcomes/{id}/history"),
                format!("/v1/outcomes/{id}/disagreement"),
                format!("/v1/streams/{id}/events"),
                format!("/v1/frameworks/{id}/versions"),
                format!("/v1/frameworks/{id}/versions/1"),
                format!("/v1/frameworks/talking-points-people/versions/{id}"),
                format!("/v1/frameworks/{id}/comparison?from=1&to=2"),
            ] {
                caller.get(&path).await.expect_problem(404, "not-found");
            }
            let withdrawal = json!({"occurred_at": "2026-03-01", "reason": "r"});
            for place in ["narratives", "reviews"] {
                let path = format!("/v1/{place}/{id}/withdrawal");
                caller.change(&path, 0, &withdrawal).await.expect_problem(404, "not-found");
            }
            let path = format!("/v1/frameworks/{id}/versions/1/retirement");
            caller.change(&path, 0, &withdrawal).await.expect_problem(404, "not-found");
        }
        // An id of another kind is no id.
        for place in ["people", "narratives", "reviews", "actions"] {
            caller.get(&format!("/v1/{place}/{}", somebody.outcome)).await.expect_problem(404, "not-found");
        }
        assert_eq!(caller.head().await, before);
    }
}

#[tokio::test]
async fn an_authorisation_header_is_one_bearer_token() {
    let service = TestService::start(Backend::Sqlite).await;
    let token = service.token("TEST-1", cairn::app::words::Scope::ALL);
    let nobody = service.caller_as(None);
    let ask = async |value: &str| nobody.send(Method::GET, "/v1/people", &[("Authorization", value)], None).await;
    ask(&format!("bearer {token}")).await.expect(200);
    for value in
        ["", "Bearer", "Bearer ", &format!("Basic {token}"), &token, &format!("Bearer {token} {token}"), "Bearer a.b.c"]
    {
        let answer = ask(value).await.expect_problem(401, "unauthorised");
        assert!(answer.header("www-authenticate").unwrap().starts_with("Bearer"), "{value}");
        assert!(!answer.text.contains(&token), "{}", answer.text);
    }
    for long in [10_000, 100_000] {
        let answer = ask(&format!("Bearer {}", "a".repeat(long))).await;
        assert!([400, 401, 431].contains(&answer.status), "{}", answer.status);
    }
    let twice = [("Authorization", "Bearer a"), ("Authorization", "Bearer b")];
    nobody.send(Method::GET, "/v1/people", &twice, None).await.expect_problem(400, "invalid-header");
}
