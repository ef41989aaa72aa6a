//! The history as auditors read it: full envelopes, two times, pages, and what changed between two points.

use crate::erasures::Stage;
use crate::support::{Client, TestService, backends};
use cairn::app::words::Scope;
use cairn::app::{Auditor, HistoryAsked};
use serde_json::{Value, json};
use sqlx::{Connection, SqliteConnection};

const ORGANISATION: &str = "TEST-1";

/// The items of a list.
pub async fn items(caller: &Client, path: &str) -> Vec<Value> {
    caller.get(path).await.expect(200).body["items"].as_array().unwrap().clone()
}

/// The items of all pages.
async fn all_pages(caller: &Client, path: &str) -> Vec<Value> {
    let (mut all, mut next) = (Vec::new(), Some(path.to_owned()));
    while let Some(path) = next {
        let page = caller.get(&path).await.expect(200);
        all.extend(page.body["items"].as_array().unwrap().clone());
        next = page.body["next"].as_str().map(str::to_owned);
    }
    all
}

fn positions(items: &[Value]) -> Vec<u64> {
    items.iter().map(|item| item["position"].as_u64().unwrap()).collect()
}

#[tokio::test]
async fn an_event_is_shown_at_its_full_envelope() {
    for backend in backends() {
        let service = TestService::start_with(backend, "checkpoint_interval_ms = 10").await;
        let caller = service.caller(ORGANISATION);
        let person = caller.person().await;
        let outcome = caller.outcome(&person).await;
        service.caller("TEST-2").person().await;
        let review = caller.review(&person, &outcome, "person", "partly_met").await.expect(201);
        let seen = items(&caller, "/v1/history").await;
        let last = &seen[2];
        assert_eq!(seen.len(), 3, "the other organisation's and the shipped lists are not among them");
        for (field, expected) in [
            ("position", json!(review.position())),
            ("name", json!("OutcomeReviewed")),
            ("schema", json!(1)),
            ("kind", json!("review")),
            ("stream", json!(review.id())),
            ("version", json!(0)),
            ("organisation", json!(ORGANISATION)),
            ("organisation_counter", json!(2)),
            ("person", json!(person)),
            ("recorded_at", review.body["recorded_at"].clone()),
            ("occurred_at", json!("2026-05-10")),
            ("true_from", json!("2026-05-10")),
            ("client", json!("development")),
            ("purpose", Value::Null),
            ("source_system", Value::Null),
        ] {
            assert_eq!(last[field], expected, "{field} of {last:#}");
        }
        assert_eq!(last["facts"]["appraisal"]["status"], "review-status@1#partly_met");
        assert_eq!(
            last["parts"],
            json!([{"name": "facts", "class": "facts", "state": "clear"}, {"name": "words", "class": "words", "state": "sealed"}])
        );
        assert_eq!(seen[0]["person"], seen[0]["stream"], "a person belongs to their own record");
        let proof = format!("/v1/log/outcomes/events/{}/proof", review.position());
        let proved = loop {
            let answer = caller.get(&proof).await;
            if answer.status == 200 {
                break answer;
            }
        };
        assert_eq!(last["leaf_hash"], proved.body["leaf_hash"]);
    }
}

#[tokio::test]
async fn parts_open_as_far_as_scopes_go_and_an_erased_one_is_named() {
    for backend in backends() {
        let stage = Stage::new(backend).await;
        let caller = stage.asks.clone();
        let person = caller.person().await;
        caller.outcome(&person).await;
        let states = |items: &[Value], name: &str| -> Vec<Value> {
            let parts = items.iter().flat_map(|item| item["parts"].as_array().unwrap().clone());
            parts.filter(|part| part["name"] == name).map(|part| json!([part["state"], part["content"]])).collect()
        };
        let with = |scopes: &[Scope]| stage.service.caller_with("LAW", &[&[Scope::HistoryRead], scopes].concat());
        let all = items(&caller, "/v1/history?include=words").await;
        let name = json!({"birth_date": "1951-03-14", "name": "Morgan Sample"});
        let title = json!({"title": "Walk the dog with my friends again"});
        assert_eq!(states(&all, "identity"), [json!(["open", name])]);
        assert_eq!(states(&all, "words"), [json!(["open", title])]);
        let some = items(&with(&[Scope::OutcomesRead]), "/v1/history?include=words").await;
        assert_eq!(states(&some, "identity"), [json!(["sealed", null])]);
        assert_eq!(states(&some, "words"), [json!(["open", title])]);
        let none = items(&with(&[]), "/v1/history?include=words").await;
        assert_eq!(states(&none, "words"), [json!(["sealed", null])]);
        assert_eq!(none[1]["facts"], all[1]["facts"], "facts are always shown");
        let unasked = caller.get("/v1/history").await.expect(200);
        assert!(!unasked.text.contains("Morgan") && !unasked.text.contains("Walk"), "{}", unasked.text);
        stage.erase(&person, "words").await;
        for caller in [with(&[]), with(&[Scope::OutcomesRead])] {
            let seen = items(&caller, "/v1/history?include=words").await;
            assert_eq!(states(&seen, "words"), [json!(["erased", null])]);
            assert_eq!(states(&seen, "identity"), [json!(["sealed", null])]);
        }
        let told = items(&caller, "/v1/history/diff?include=words").await;
        assert_eq!(
            told[1]["what"],
            "Outcome identified: (words erased), filed under talking-points-people@1#seeing-people"
        );
    }
}

#[tokio::test]
async fn whoever_reads_a_history_is_in_the_log_of_accesses() {
    for backend in backends() {
        let service = TestService::start(backend).await;
        let caller = service.caller(ORGANISATION);
        let (one, other) = (caller.person().await, caller.person().await);
        let outcome = caller.outcome(&one).await;
        let both = json!({"outcome": 1, "person": 1});
        let mut expected = Vec::new();
        for (operation, path, through, parts, kinds) in [
            ("list_history", "/v1/history".to_owned(), "history", json!(["facts"]), both.clone()),
            (
                "list_history",
                format!("/v1/history?stream={outcome}&include=words"),
                "history",
                json!(["facts", "words"]),
                json!({"outcome": 1}),
            ),
            (
                "compare_history",
                format!("/v1/history/diff?person={one}&include=words"),
                "difference",
                json!(["facts", "identity", "words"]),
                both,
            ),
        ] {
            let headers = [("Purpose-Of-Use", "HOPERAT"), ("On-Behalf-Of", "u-17")];
            let answer = caller.send(reqwest::Method::GET, &path, &headers, None).await.expect(200);
            let (request, position) = (answer.header("x-request-id"), answer.header("cairn-position"));
            let position = position.unwrap().parse::<u64>().unwrap();
            expected.push(json!([operation, through, parts, kinds, "HOPERAT", "u-17", request, position, "shown"]));
        }
        // A history that is empty, or of somebody whom nobody knows, shows nobody.
        caller.get("/v1/history?event=FrameworkPublished").await.expect(200);
        caller.get(&format!("/v1/history?person={}", crate::operations::NOBODY)).await.expect(200);
        let fields = [
            "operation",
            "through",
            "parts",
            "kinds",
            "purpose",
            "user",
            "request_id",
            "outcomes_complete_to",
            "outcome",
        ];
        let accesses = async |person: &str| -> Vec<Value> {
            let found = items(&caller, &format!("/v1/people/{person}/accesses?order=oldest")).await;
            found.iter().map(|access| fields.iter().map(|field| access[*field].clone()).collect()).collect()
        };
        assert_eq!(accesses(&one).await, expected);
        let others = accesses(&other).await;
        assert_eq!(others.len(), 1, "the other person stands in the first answer alone: {others:#?}");
        assert_eq!(others[0][3], json!({"person": 1}));
        assert_eq!(others[0][6], expected[0][6], "one answer, one request");
    }
}

#[tokio::test]
async fn a_lost_key_is_no_erasure_and_who_asked_is_known() {
    let mut service = TestService::start(crate::support::Backend::Sqlite).await;
    let person = service.caller(ORGANISATION).person().await;
    service.service.take().unwrap().stop().await;
    let keys = format!("sqlite:{}", service.folder.path().join("keys/keys.db").display());
    let mut keys = SqliteConnection::connect(&keys).await.unwrap();
    assert!(sqlx::query("DELETE FROM person_key").execute(&mut keys).await.unwrap().rows_affected() > 0);
    keys.close().await.unwrap();
    service.restart().await;
    let caller = service.caller(ORGANISATION);
    for place in ["/v1/history", "/v1/history/diff", "/v1/history/stream"] {
        let refused = caller.get(&format!("{place}?include=words")).await;
        refused.expect_problem(503, "keys-unavailable");
    }
    let sealed = items(&caller, "/v1/history").await;
    assert_eq!(sealed[0]["parts"][1], json!({"name": "identity", "class": "identity", "state": "sealed"}));
    let accesses = items(&caller, &format!("/v1/people/{person}/accesses?order=oldest")).await;
    let said = |access: &Value| json!([access["operation"], access["outcome"], access["parts"]]);
    let told: Vec<Value> = accesses.iter().map(said).collect();
    let failed = |operation: &str| json!([operation, "unavailable", []]);
    let shown = json!(["list_history", "shown", ["facts"]]);
    assert_eq!(told, [failed("list_history"), failed("compare_history"), failed("follow_history"), shown]);
}

#[tokio::test]
async fn each_question_has_its_own_events() {
    for backend in backends() {
        let service = TestService::start(backend).await;
        let caller = service.caller(ORGANISATION);
        let (one, other) = (caller.person().await, caller.person().await);
        let outcome = caller.outcome(&one).await;
        let path = format!("/v1/outcomes/{outcome}/closure");
        let closed = json!({"occurred_at": "2026-04-01", "closure_reason": "achieved"});
        let closed = caller.change(&path, 0, &closed).await.expect(201);
        caller.outcome(&other).await;
        let later = "2026-11-25T00:00:00Z";
        service.clock.set(later.parse().unwrap());
        let caller = service.caller(ORGANISATION);
        caller.review(&one, &outcome, "carer", "fully_met").await.expect(201);
        let all = items(&caller, "/v1/history").await;
        let named = async |query: &str| -> Vec<(String, String)> {
            let seen = items(&caller, &format!("/v1/history?{query}")).await;
            assert!(seen.iter().all(|event| all.contains(event)), "{query}: {seen:#?}");
            let text = |event: &Value, field: &str| event[field].as_str().unwrap().to_owned();
            seen.iter().map(|event| (text(event, "name"), text(event, "person"))).collect()
        };
        let of = |events: &[(&str, &String)]| -> Vec<(String, String)> {
            events.iter().map(|(name, person)| ((*name).to_owned(), (*person).clone())).collect()
        };
        let first = of(&[
            ("PersonRegistered", &one),
            ("PersonRegistered", &other),
            ("OutcomeIdentified", &one),
            ("OutcomeClosed", &one),
            ("OutcomeIdentified", &other),
        ]);
        let reviewed = of(&[("OutcomeReviewed", &one)]);
        let ones = of(&[("PersonRegistered", &one), ("OutcomeIdentified", &one), ("OutcomeClosed", &one)]);
        assert_eq!(named("").await, [first.clone(), reviewed.clone()].concat());
        assert_eq!(named(&format!("person={one}")).await, [ones, reviewed.clone()].concat());
        assert_eq!(
            named(&format!("stream={outcome}")).await,
            of(&[("OutcomeIdentified", &one), ("OutcomeClosed", &one)])
        );
        assert_eq!(named("client=development").await.len(), 6);
        assert_eq!(named("client=nobody").await, []);
        assert_eq!(named("event=OutcomeClosed,OutcomeReviewed").await.len(), 2);
        assert_eq!(
            named(&format!("event=OutcomeIdentified&person={other}")).await,
            of(&[("OutcomeIdentified", &other)])
        );
        assert_eq!(named(&format!("recorded_from={later}")).await, reviewed);
        assert_eq!(named(&format!("recorded_until={later}")).await, first);
        assert_eq!(named("occurred_from=2026-04-01&occurred_to=2026-04-01").await, of(&[("OutcomeClosed", &one)]));
        assert_eq!(named("occurred_from=2026-04-02").await, reviewed);
        // A period of recording begins with its first instant and ends before its last.
        let at = closed.body["recorded_at"].as_str().unwrap().parse::<cairn::app::words::Timestamp>().unwrap();
        let after = at.plus_micros(1);
        assert_eq!(named(&format!("recorded_from={at}&recorded_until={after}")).await, of(&[("OutcomeClosed", &one)]));
        assert_eq!(named(&format!("recorded_from={after}&recorded_until={after}")).await, []);
        for refused in [
            format!("stream={outcome}&person={one}"),
            "event=OutcomeClose".to_owned(),
            "event=".to_owned(),
            "client=a%20b".to_owned(),
            "include=everything".to_owned(),
            "true_on=tomorrow".to_owned(),
            "limit=501".to_owned(),
            "as_of=9000".to_owned(),
            "recorded_to=2026-11-25T00:00:00Z".to_owned(),
        ] {
            caller.get(&format!("/v1/history?{refused}")).await.expect_problem(400, "invalid-query");
        }
        caller.get("/v1/history?cursor=AAAA").await.expect_problem(400, "invalid-cursor");
    }
}

#[tokio::test]
async fn known_at_and_true_on_are_two_questions_and_both_together_a_third() {
    for backend in backends() {
        let service = TestService::start(backend).await;
        let at = |day: &str| {
            service.clock.set(format!("{day}T12:00:00Z").parse().unwrap());
            service.caller(ORGANISATION)
        };
        let registered = json!({"occurred_at": "2025-01-05", "name": "Morgan Sample"});
        let person = at("2027-01-10").post("/v1/people", &registered).await.expect(201).id();
        let told = async |day: &str, occurred_at: &str| -> u64 {
            let body = json!({"occurred_at": occurred_at, "person": person, "text": "I miss walking the dog",
                "author": "person", "perspective": "person", "knowledge_form": "lived"});
            at(day).post("/v1/narratives", &body).await.expect(201).position()
        };
        let early_known_early = told("2027-01-10", "2026-12-20").await;
        let later_known_early = told("2027-02-10", "2027-02-01").await;
        let early_known_late = told("2027-03-10", "2026-12-24").await;
        let later_known_late = told("2027-03-11", "2027-03-05").await;
        let caller = at("2027-04-01");
        let seen = async |query: &str| {
            let items = items(&caller, &format!("/v1/history?event=NarrativeRecorded{query}")).await;
            positions(&items)
        };
        let (known, held) = ("&as_of=2027-03-01T00:00:00Z", "&true_on=2027-01-01");
        assert_eq!(seen("").await, [early_known_early, later_known_early, early_known_late, later_known_late]);
        assert_eq!(seen(known).await, [early_known_early, later_known_early]);
        assert_eq!(seen(held).await, [early_known_early, early_known_late]);
        assert_eq!(seen(&format!("{known}{held}")).await, [early_known_early]);
        // Both as positions and to the month.
        assert_eq!(seen(&format!("&as_of={early_known_late}&true_on=2027-02")).await.len(), 3);
        assert_eq!(seen("&true_on=2026-12-20").await, [early_known_early], "a day holds to its end");
        assert_eq!(seen("&true_on=2026-12-19").await, [] as [u64; 0]);
    }
}

#[tokio::test]
async fn a_correction_holds_from_what_it_corrects() {
    for backend in backends() {
        let service = TestService::start(backend).await;
        let caller = service.caller(ORGANISATION);
        let person = caller.person().await;
        let outcome = caller.outcome(&person).await;
        let review = caller.review(&person, &outcome, "person", "partly_met").await.expect(201).id();
        let revised = json!({"occurred_at": "2026-07-01", "reviewed_at": "2026-05-02", "reason": "Wrong day",
            "status": "review-status@1#fully_met"});
        caller.change(&format!("/v1/reviews/{review}/revisions"), 0, &revised).await.expect(201);
        let withdrawn = json!({"occurred_at": "2026-08-01", "reason": "Wrong person"});
        caller.change(&format!("/v1/reviews/{review}/withdrawal"), 1, &withdrawn).await.expect(201);
        let closed = json!({"occurred_at": "2026-09-01", "closure_reason": "achieved"});
        caller.change(&format!("/v1/outcomes/{outcome}/closure"), 0, &closed).await.expect(201);
        let seen = items(&caller, "/v1/history").await;
        let times = |event: &Value| json!([event["name"], event["occurred_at"], event["true_from"]]);
        let told: Vec<Value> = seen[2..].iter().map(times).collect();
        assert_eq!(
            told,
            [
                json!(["OutcomeReviewed", "2026-05-10", "2026-05-10"]),
                json!(["ReviewRevised", "2026-07-01", "2026-05-02"]),
                json!(["ReviewWithdrawn", "2026-08-01", "2026-05-02"]),
                json!(["OutcomeClosed", "2026-09-01", "2026-09-01"]),
            ]
        );
        // Whoever asks how things stood in May is told that the review was a mistake; that the outcome was closed since is
        // no part of it.
        let names = |items: &[Value]| -> Vec<String> {
            items.iter().map(|item| item["name"].as_str().unwrap().to_owned()).collect()
        };
        let may = items(&caller, &format!("/v1/history?stream={review}&true_on=2026-05-09")).await;
        assert_eq!(names(&may), ["ReviewRevised", "ReviewWithdrawn"]);
        assert_eq!(items(&caller, &format!("/v1/history?stream={outcome}&true_on=2026-05-31")).await.len(), 1);
    }
}

#[tokio::test]
async fn pages_are_of_one_moment_and_lose_nothing() {
    for backend in backends() {
        let service = TestService::start(backend).await;
        let caller = service.caller(ORGANISATION);
        let person = caller.person().await;
        for _ in 0..4 {
            caller.outcome(&person).await;
        }
        let whole = items(&caller, "/v1/history").await;
        for path in ["/v1/history?limit=2", "/v1/history?limit=2&event=PersonRegistered,OutcomeIdentified"] {
            let first = caller.get(path).await.expect(200);
            let next = first.body["next"].as_str().unwrap().to_owned();
            assert!(first.header("link").unwrap().contains(&next));
            caller.outcome(&person).await;
            let mut seen = first.body["items"].as_array().unwrap().clone();
            seen.extend(all_pages(&caller, &next).await);
            assert_eq!(seen[..5], whole[..5], "{path}");
            let complete = first.body["complete_to"]["position"].as_u64().unwrap();
            assert_eq!(positions(&seen).last(), Some(&complete), "nothing after the first page's moment");
            let elsewhere = next.replace("limit=2", "limit=2&as_of=13");
            caller.get(&elsewhere).await.expect_problem(400, "invalid-cursor");
            service.caller("TEST-2").get(&next).await.expect_problem(400, "invalid-cursor");
        }
        let exact = caller.get("/v1/history?limit=7").await.expect(200);
        assert_eq!((exact.body["items"].as_array().unwrap().len(), exact.body.get("next")), (7, None));
        let one_short = caller.get("/v1/history?limit=6").await.expect(200);
        assert!(one_short.body["next"].is_string());
    }
}

#[tokio::test]
async fn one_request_looks_at_so_many_events_and_says_where_it_stopped() {
    for backend in backends() {
        let service = TestService::start(backend).await;
        let caller = service.caller(ORGANISATION);
        let mut made = Vec::new();
        for _ in 0..6 {
            made.push(caller.post("/v1/people", &json!({"occurred_at": "2026-01-05"})).await.expect(201).position());
        }
        let app = &service.service.as_ref().unwrap().app;
        let look = async |asked: HistoryAsked| {
            let page = app.history(Auditor::Operator, &asked).await.unwrap();
            (page.events.iter().map(|event| event.event.position).collect::<Vec<_>>(), page.next)
        };
        let first = made[0] - 1;
        let nobody =
            HistoryAsked { client: Some("nobody".to_owned()), limit: 5, after: Some(first), ..HistoryAsked::default() };
        // All six are looked at; at the limit it is not known yet that there are no more.
        let asked = |look_at_most, after| HistoryAsked { look_at_most, after: Some(after), ..nobody.clone() };
        assert_eq!(look(asked(7, first)).await, (vec![], None));
        assert_eq!(look(asked(6, first)).await, (vec![], Some(made[5])));
        assert_eq!(look(asked(6, made[5])).await, (vec![], None));
        assert_eq!(look(asked(2, first)).await, (vec![], Some(made[1])));
        // What is found before the limit is answered.
        let some = HistoryAsked { client: Some("development".to_owned()), ..asked(4, first) };
        assert_eq!(look(some.clone()).await, (made[..4].to_vec(), Some(made[3])));
        assert_eq!(look(HistoryAsked { limit: 2, ..some }).await, (made[..2].to_vec(), Some(made[1])));
    }
}

#[tokio::test]
async fn what_changed_between_two_points_adds_up() {
    for backend in backends() {
        let service = TestService::start(backend).await;
        let caller = service.caller(ORGANISATION);
        let start = caller.head().await;
        let person = caller.person().await;
        let outcome = caller.outcome(&person).await;
        let middle = caller.head().await;
        service.caller("TEST-2").person().await;
        let reworded = json!({"occurred_at": "2026-11-20", "outcome_type": "process", "direction": "change",
            "title": "Be heard", "reason": "Plainer"});
        caller.change(&format!("/v1/outcomes/{outcome}/rewordings"), 0, &reworded).await.expect(201);
        caller.review(&person, &outcome, "carer", "fully_met").await.expect(201);
        let end = caller.head().await;
        let diff = async |query: &str| caller.get(&format!("/v1/history/diff?{query}")).await.expect(200).body;
        for same in [start, middle, end] {
            let nothing = diff(&format!("from={same}&to={same}")).await;
            assert_eq!((&nothing["items"], &nothing["summary"]["events"]), (&json!([]), &json!(0)), "{same}");
        }
        let (whole, first) = (diff("").await, diff(&format!("from={start}&to={middle}")).await);
        let second = diff(&format!("from={middle}&to={end}")).await;
        let told = |diff: &Value| diff["items"].as_array().unwrap().clone();
        assert_eq!(told(&whole), [told(&first), told(&second)].concat());
        let count = |diff: &Value, at: &str| diff["summary"].pointer(at).and_then(Value::as_u64).unwrap_or(0);
        for at in ["/events", "/begun", "/late", "/by_kind/outcome", "/by_event/OutcomeReviewed", "/by_who/0/events"] {
            assert_eq!(count(&whole, at), count(&first, at) + count(&second, at), "{at}");
        }
        assert_eq!((count(&whole, "/events"), count(&whole, "/begun"), count(&whole, "/by_kind/outcome")), (4, 3, 2));
        assert_eq!(whole["summary"]["by_who"][0]["organisation"], ORGANISATION);
        let words: Vec<&str> = told(&whole).leak().iter().map(|item| item["what"].as_str().unwrap()).collect();
        assert_eq!(
            words,
            [
                "Person registered",
                "Outcome identified: (words sealed), filed under talking-points-people@1#seeing-people",
                "Outcome reworded from (words sealed) to (words sealed), no longer filed under \
                 talking-points-people@1#seeing-people, now of the type process",
                "Reviewed (follow up) as fully met",
            ]
        );
        assert!(told(&whole).iter().all(|item| item["why"].is_null()), "a reason is somebody's words");
        // The outcome was identified before the second range begins, and still what it was called is known.
        let opened = diff(&format!("from={middle}&include=words")).await;
        assert!(
            told(&opened)[0]["what"]
                .as_str()
                .unwrap()
                .starts_with("Outcome reworded from “Walk the dog with my friends again” to “Be heard”"),
            "{opened:#}"
        );
        assert_eq!(told(&opened)[0]["why"], "Plainer");
        assert_eq!(all_pages(&caller, "/v1/history/diff?limit=1").await, told(&whole));
        let of_person = diff(&format!("person={person}")).await;
        assert_eq!(told(&of_person), told(&whole));
        let reversed = caller.get(&format!("/v1/history/diff?from={end}&to={start}")).await;
        reversed.expect_problem(400, "invalid-query");
        let beyond = caller.get("/v1/history/diff?from=900").await.expect_problem(400, "invalid-query");
        assert!(beyond.body["detail"].as_str().unwrap().starts_with("from: "), "{}", beyond.text);
    }
}

#[tokio::test]
async fn late_is_more_than_so_many_days_after_the_end_of_when_it_happened() {
    for backend in backends() {
        let service = TestService::start(backend).await;
        let at = |instant: &str| {
            service.clock.set(instant.parse().unwrap());
            service.caller(ORGANISATION)
        };
        let register = async |instant: &str, occurred_at: &str| {
            at(instant).post("/v1/people", &json!({"occurred_at": occurred_at})).await.expect(201).position()
        };
        // The clock moves by a millisecond with each look, so the limit is met from below.
        let in_time = register("2027-03-08T23:59:59.9Z", "2027-03-01").await;
        let late = register("2027-03-09T00:00:00Z", "2027-03-01").await;
        let of_a_month = register("2027-04-07T23:59:59.9Z", "2027-03").await;
        let late_of_a_month = register("2027-04-08T00:00:00Z", "2027-03").await;
        let caller = at("2027-05-01T00:00:00Z");
        let told = async |query: &str| -> Vec<(u64, Value)> {
            let all = items(&caller, &format!("/v1/history/diff?{query}")).await;
            let late = all.iter().filter(|item| item["late"] == true);
            late.map(|item| (item["event"]["position"].as_u64().unwrap(), item["days_late"].clone())).collect()
        };
        assert_eq!(told("").await, [(late, json!(7)), (late_of_a_month, json!(7))]);
        assert_eq!(told("late_days=6").await.len(), 4);
        assert_eq!(told("late_days=8").await, []);
        assert!(in_time < late && of_a_month < late_of_a_month);
        caller.get("/v1/history/diff?late_days=36525").await.expect(200);
        caller.get("/v1/history/diff?late_days=36526").await.expect_problem(400, "invalid-query");
    }
}
