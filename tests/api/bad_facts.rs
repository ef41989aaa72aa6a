//! Facts that cannot be: dates, numbers, lists that are too long, references to what is not there or belongs to
//! somebody else, identifiers that are wrong or taken.

use crate::bad_input::Somebody;
use crate::bad_input::with;
use crate::operations::NOBODY;
use crate::support::{Answer, TestService, backends};
use serde_json::{Value, json};

/// Expects a refusal for one field that records nothing.
async fn refused(somebody: &Somebody, answer: Answer, before: u64, slug: &str, pointer: &str) -> Answer {
    let answer = answer.expect_problem(422, slug);
    assert_eq!(answer.body["errors"][0]["pointer"], pointer, "{}", answer.text);
    assert_eq!(somebody.caller.head().await, before, "something was recorded");
    answer
}

#[tokio::test]
async fn dates_exist_and_lie_between_birth_and_now() {
    for backend in backends() {
        let service = TestService::start(backend).await;
        let somebody = Somebody::new(&service.caller("TEST-1")).await;
        let before = somebody.caller.head().await;
        for (text, slug) in [
            ("2026-02-31", "invalid-body"),
            ("2025-02-29", "invalid-body"),
            ("10000-01-01", "invalid-body"),
            ("10000", "invalid-body"),
            ("0999-12-31", "invalid-body"),
            ("31/02/2026", "invalid-body"),
            ("2026-11-01T09:30:00", "invalid-body"),
            ("2026-11-01T24:30:00Z", "invalid-body"),
            ("2026-11-01T09:30:00+24:30", "invalid-body"),
            ("2026-11-01T09:30:00+14:60", "invalid-body"),
            ("9999-12-31T23:30:00-02:00", "invalid-body"),
            ("1000-01-01T00:30:00+01:00", "invalid-body"),
            ("yesterday", "invalid-body"),
            ("", "invalid-body"),
            ("2026-11-26", "in-the-future"),
            ("2026-12", "in-the-future"),
            ("2027", "in-the-future"),
            ("9999-12-01T00:00:00Z", "in-the-future"),
            ("9999-12-31T23:59:59Z", "in-the-future"),
            ("2026-11-24T13:00:00Z", "in-the-future"),
            ("1951-03-13", "before-birth"),
            ("1950", "before-birth"),
            ("1000", "before-birth"),
        ] {
            for (path, body) in [
                ("/v1/narratives", somebody.narrative()),
                ("/v1/outcomes", somebody.outcome()),
                ("/v1/reviews", somebody.review()),
                ("/v1/conversations", somebody.conversation()),
                ("/v1/actions", somebody.action()),
                ("/v1/contributions", somebody.contribution()),
            ] {
                let answer = somebody.caller.post(path, &with(body, "occurred_at", json!(text))).await;
                refused(&somebody, answer, before, slug, "/occurred_at").await;
            }
        }
        for text in [
            "2026-11-24T12:04:00Z",
            "2026-11-25",
            "2026",
            "1951-03-14",
            "1951",
            "2024-02-29",
            "2026-11-24T13:30:00+02:00",
        ] {
            let body = with(somebody.outcome(), "occurred_at", json!(text));
            somebody.caller.post("/v1/outcomes", &body).await.expect(201);
        }
    }
}

#[tokio::test]
async fn corrected_times_lie_between_birth_and_now_as_well() {
    for backend in backends() {
        let service = TestService::start(backend).await;
        let somebody = Somebody::new(&service.caller("TEST-1")).await;
        let before = somebody.caller.head().await;
        let review = format!("/v1/reviews/{}/revisions", somebody.review);
        let conversation = format!("/v1/conversations/{}/amendments", somebody.conversation);
        for (text, slug) in [("2026-02-31", "invalid-body"), ("2027", "in-the-future"), ("1951-03-13", "before-birth")]
        {
            let body = json!({"occurred_at": "2026-04-01", "reviewed_at": text, "status": "review-status@1#fully_met",
                "reason": "Wrong day"});
            let answer = somebody.caller.change(&review, 0, &body).await;
            refused(&somebody, answer, before, slug, "/reviewed_at").await;
            let body = json!({"occurred_at": "2026-04-01", "held_at": text, "person": somebody.person, "asked": "expressed",
                "mode": "video", "reason": "Wrong day"});
            let answer = somebody.caller.change(&conversation, 0, &body).await;
            refused(&somebody, answer, before, slug, "/held_at").await;
        }
        for (text, slug) in
            [("2026-02-31", "invalid-body"), ("2026-11-26", "in-the-future"), ("1951-03-14T10:00:00Z", "invalid-body")]
        {
            let body = json!({"occurred_at": "2026-04-01", "birth_date": text});
            refused(&somebody, somebody.caller.post("/v1/people", &body).await, before, slug, "/birth_date").await;
        }
        // An action's due date may lie ahead.
        somebody.caller.post("/v1/actions", &with(somebody.action(), "due", json!("2031"))).await.expect(201);
        let far = "9999-12-31T23:59:59.999999Z";
        let due = somebody.caller.post("/v1/actions", &with(somebody.action(), "due", json!(far))).await.expect(201);
        let action = somebody.caller.get(&format!("/v1/actions/{}", due.id())).await.expect(200);
        assert_eq!(action.body["due"], far, "the last instant of the calendar reads back");
        let before = somebody.caller.head().await;
        let answer = somebody.caller.post("/v1/actions", &with(somebody.action(), "due", json!("2026-02-31"))).await;
        refused(&somebody, answer, before, "invalid-body", "/due").await;
    }
}

#[tokio::test]
async fn lists_and_numbers_have_limits() {
    for backend in backends() {
        let service = TestService::start(backend).await;
        let somebody = Somebody::new(&service.caller("TEST-1")).await;
        let caller = &somebody.caller;
        let items: Vec<Value> = (0..501).map(|at| json!({"code": format!("c{at}"), "label": "l"})).collect();
        let list = |items: &[Value]| {
            json!({"occurred_at": "2026-03-01", "id": "ours", "version": 1, "title": "t", "kind": "framework",
                "source": "s", "licence": "l", "items": items})
        };
        caller.post("/v1/frameworks", &list(&items)).await.expect_problem(422, "invalid-body");
        caller.post("/v1/frameworks", &list(&[])).await.expect_problem(422, "invalid-body");
        caller.post("/v1/frameworks", &list(&items[..500])).await.expect(201);
        let codes: Vec<String> = (0..101).map(|at| format!("ours@1#c{at}")).collect();
        let same = |id: &str, count: usize| json!(vec![id; count]);
        let identifiers: Vec<Value> = (0..51).map(|at| json!({"system": "case", "value": format!("v{at}")})).collect();
        let participants = |count| json!(vec![json!({"kind": "carer"}); count]);
        for (path, body, member, most, over) in [
            ("/v1/outcomes", somebody.outcome(), "framework_items", json!(codes[..100]), json!(codes)),
            (
                "/v1/outcomes",
                somebody.outcome(),
                "narratives",
                same(&somebody.narrative, 100),
                same(&somebody.narrative, 101),
            ),
            (
                "/v1/narratives",
                somebody.narrative(),
                "outcomes",
                same(&somebody.outcome, 100),
                same(&somebody.outcome, 101),
            ),
            (
                "/v1/reviews",
                somebody.review(),
                "narratives",
                same(&somebody.narrative, 100),
                same(&somebody.narrative, 101),
            ),
            ("/v1/actions", somebody.action(), "outcomes", same(&somebody.outcome, 100), same(&somebody.outcome, 101)),
            (
                "/v1/contributions",
                somebody.contribution(),
                "outcomes",
                same(&somebody.outcome, 100),
                same(&somebody.outcome, 101),
            ),
            ("/v1/conversations", somebody.conversation(), "participants", participants(50), participants(51)),
            ("/v1/people", json!({"occurred_at": "2026"}), "identifiers", json!(identifiers[..50]), json!(identifiers)),
        ] {
            let before = caller.head().await;
            let answer = caller.post(path, &with(body.clone(), member, over)).await;
            refused(&somebody, answer, before, "invalid-body", &format!("/{member}")).await;
            caller.post(path, &with(body, member, most)).await.expect(201);
        }
        let twice = json!(["ours@1#c1", "ours@1#c2", "ours@1#c1"]);
        let before = caller.head().await;
        let answer = caller.post("/v1/outcomes", &with(somebody.outcome(), "framework_items", twice)).await;
        refused(&somebody, answer, before, "invalid-body", "/framework_items/2").await;
        let path = format!("/v1/outcomes/{}/priorities", somebody.outcome);
        for (version, rank) in [(0, 1), (1, 1_000)] {
            let ranked = |rank| json!({"occurred_at": "2026-03-01", "perspective": "carer", "rank": rank});
            let before = caller.head().await;
            for wrong in [0, 1_001] {
                refused(
                    &somebody,
                    caller.change(&path, version, &ranked(wrong)).await,
                    before,
                    "invalid-body",
                    "/rank",
                )
                .await;
            }
            caller.change(&path, version, &ranked(rank)).await.expect(201);
        }
        for (system, accepted) in [("s".repeat(128), true), ("s".repeat(129), false), ("Bird Watch".to_owned(), false)]
        {
            let body = with(somebody.action(), "source", json!({"system": system, "reference": "r"}));
            let answer = caller.post("/v1/actions", &body).await;
            assert_eq!(answer.status == 201, accepted, "{}", answer.text);
        }
    }
}

#[tokio::test]
async fn items_are_of_published_lists_that_are_in_use() {
    for backend in backends() {
        let service = TestService::start(backend).await;
        let somebody = Somebody::new(&service.caller("TEST-1")).await;
        let caller = &somebody.caller;
        let list = json!({"occurred_at": "2026-03-01", "id": "ours", "version": 1, "title": "t", "kind": "framework",
            "source": "s", "licence": "l", "items": [{"code": "garden", "label": "l"}]});
        caller.post("/v1/frameworks", &list).await.expect(201);
        let with_item = |item: &str| with(somebody.outcome(), "framework_items", json!([item]));
        let before = caller.head().await;
        for item in ["ours@1#Bird", "ours@2#garden", "theirs@1#garden", "talking-points-people@9#feeling-safe"] {
            let answer = caller.post("/v1/outcomes", &with_item(item)).await;
            let answer = refused(&somebody, answer, before, "unknown-reference", "/framework_items/0").await;
            assert!(!answer.text.contains("Bird"), "{}", answer.text);
        }
        for item in [
            "ours",
            "ours@1",
            "ours#garden",
            "ours@0#garden",
            "ours@01#garden",
            "ours@1#",
            "Ours@1#garden",
            "ours@1#a b",
        ] {
            let answer = caller.post("/v1/outcomes", &with_item(item)).await;
            refused(&somebody, answer, before, "invalid-body", "/framework_items/0").await;
        }
        for (member, item, slug) in [
            ("status", "review-status@1#Bird", "unknown-reference"),
            ("status", "talking-points-people@1#feeling-safe", "invalid-body"),
            ("rating", "goal-attainment-scale@1#Bird", "unknown-reference"),
        ] {
            let answer = caller.post("/v1/reviews", &with(somebody.review(), member, json!(item))).await;
            refused(&somebody, answer, before, slug, &format!("/{member}")).await;
        }
        caller.post("/v1/outcomes", &with_item("ours@1#garden")).await.expect(201);
        let retirement = json!({"occurred_at": "2026-03-02", "reason": "Replaced"});
        caller.change("/v1/frameworks/ours/versions/1/retirement", 0, &retirement).await.expect(201);
        let before = caller.head().await;
        let answer = caller.post("/v1/outcomes", &with_item("ours@1#garden")).await;
        let answer = refused(&somebody, answer, before, "unknown-reference", "/framework_items/0").await;
        assert!(answer.body["detail"].as_str().unwrap().contains("retired"), "{}", answer.text);
        caller
            .change("/v1/frameworks/ours/versions/1/retirement", 1, &retirement)
            .await
            .expect_problem(409, "not-in-this-state");
        caller.post("/v1/frameworks", &list).await.expect_problem(409, "already-recorded");
        let shipped = with(list.clone(), "id", json!("talking-points-people"));
        caller.post("/v1/frameworks", &shipped).await.expect_problem(422, "invalid-body");
        let gap = with(list, "version", json!(3));
        caller.post("/v1/frameworks", &gap).await.expect_problem(422, "invalid-body");
    }
}

#[tokio::test]
async fn what_is_named_belongs_to_the_same_person_and_is_of_the_right_kind() {
    for backend in backends() {
        let service = TestService::start(backend).await;
        let caller = service.caller("TEST-1");
        let (ours, theirs) = (Somebody::new(&caller).await, Somebody::new(&caller).await);
        let before = caller.head().await;
        let cases = |outcome: &str, narrative: &str, conversation: &str| {
            vec![
                ("/v1/narratives", with(ours.narrative(), "outcomes", json!([ours.outcome, outcome])), "/outcomes/1"),
                ("/v1/narratives", with(ours.narrative(), "conversation", json!(conversation)), "/conversation"),
                ("/v1/outcomes", with(ours.outcome(), "narratives", json!([narrative])), "/narratives/0"),
                ("/v1/outcomes", with(ours.outcome(), "conversation", json!(conversation)), "/conversation"),
                ("/v1/reviews", with(ours.review(), "outcome", json!(outcome)), "/outcome"),
                ("/v1/reviews", with(ours.review(), "narratives", json!([narrative])), "/narratives/0"),
                ("/v1/reviews", with(ours.review(), "conversation", json!(conversation)), "/conversation"),
                ("/v1/actions", with(ours.action(), "outcomes", json!([outcome])), "/outcomes/0"),
                ("/v1/actions", with(ours.action(), "conversation", json!(conversation)), "/conversation"),
                ("/v1/contributions", with(ours.contribution(), "outcomes", json!([outcome])), "/outcomes/0"),
                ("/v1/contributions", with(ours.contribution(), "conversation", json!(conversation)), "/conversation"),
            ]
        };
        let mut all = cases(&theirs.outcome, &theirs.narrative, &theirs.conversation);
        all.extend(cases(NOBODY, NOBODY, NOBODY));
        // Of the right person, but of another kind.
        all.extend(cases(&ours.narrative, &ours.conversation, &ours.outcome));
        for (path, body, pointer) in all {
            refused(&ours, caller.post(path, &body).await, before, "unknown-reference", pointer).await;
        }
        for person in [NOBODY, ours.outcome.as_str()] {
            let answer = caller.post("/v1/actions", &with(ours.action(), "person", json!(person))).await;
            refused(&ours, answer, before, "unknown-reference", "/person").await;
        }
        let at = "2026-04-01";
        let changes = [
            (
                format!("/v1/narratives/{}/amendments", ours.narrative),
                json!({"occurred_at": at, "text": "t", "reason": "r", "outcomes": [theirs.outcome]}),
                "/outcomes/0",
            ),
            (
                format!("/v1/outcomes/{}/rewordings", ours.outcome),
                json!({"occurred_at": at, "outcome_type": "process", "direction": "change", "title": "t", "reason": "r",
                    "narratives": [theirs.narrative]}),
                "/narratives/0",
            ),
            (
                format!("/v1/reviews/{}/revisions", ours.review),
                json!({"occurred_at": at, "reviewed_at": at, "status": "review-status@1#fully_met", "reason": "r",
                    "narratives": [theirs.narrative]}),
                "/narratives/0",
            ),
        ];
        for (path, body, pointer) in changes {
            refused(&ours, caller.change(&path, 0, &body).await, before, "unknown-reference", pointer).await;
        }
        let moved = json!({"occurred_at": at, "held_at": at, "person": theirs.person, "asked": "expressed", "mode": "video",
            "reason": "r"});
        let path = format!("/v1/conversations/{}/amendments", ours.conversation);
        let answer = caller.change(&path, 0, &moved).await;
        assert_eq!(answer.status, 422, "{}", answer.text);
        assert_eq!(caller.head().await, before);
    }
}

#[tokio::test]
async fn identifiers_are_checked_and_each_belongs_to_one_person() {
    for backend in backends() {
        let service = TestService::start(backend).await;
        let somebody = Somebody::new(&service.caller("TEST-1")).await;
        let caller = &somebody.caller;
        let before = caller.head().await;
        let registering = |system: &str, value: &str| json!({"occurred_at": "2026", "identifiers": [{"system": "case", "value": "1"}, {"system": system, "value": value}]});
        for (system, value) in [
            ("nhs_number", "9434765918"),
            ("nhs_number", "943476591"),
            ("nhs_number", "94347659190"),
            ("nhs_number", "0000000000"),
            ("nhs_number", "９４３４７６５９１９"),
            ("chi", "3102261234"),
            ("case", ""),
            ("case", "a\0b"),
            ("case", "a\u{200b}b"),
            ("case", &"x".repeat(129)),
        ] {
            let answer = caller.post("/v1/people", &registering(system, value)).await;
            let answer = refused(&somebody, answer, before, "invalid-body", "/identifiers/1/value").await;
            assert!(value.len() < 5 || !answer.text.contains(value), "{}", answer.text);
            let answer = caller.post("/v1/people/search", &json!({"system": system, "value": value})).await;
            refused(&somebody, answer, before, "invalid-body", "/value").await;
        }
        let answer = caller.post("/v1/people", &registering("Bird Watch", "x")).await;
        refused(&somebody, answer, before, "invalid-body", "/identifiers/1/system").await;
        let answer = caller.post("/v1/people", &registering("case", "1")).await;
        refused(&somebody, answer, before, "invalid-body", "/identifiers/1").await;

        let first = caller.post("/v1/people", &registering("nhs_number", "9434765919")).await.expect(201).id();
        let before = caller.head().await;
        for (system, value) in [("nhs_number", "943 476 5919"), ("NHS_NUMBER", "943-476-5919"), ("case", " 1 ")] {
            let body = json!({"occurred_at": "2026", "identifiers": [{"system": system, "value": value}]});
            let answer = caller.post("/v1/people", &body).await.expect_problem(409, "already-recorded");
            assert_eq!(answer.body["existing"], first.as_str(), "{}", answer.text);
            let body = json!({"occurred_at": "2026-03-01", "system": system, "value": value});
            let path = format!("/v1/people/{}/identifiers", somebody.person);
            let answer = caller.change(&path, 0, &body).await.expect_problem(409, "already-recorded");
            assert_eq!(answer.body["existing"], first.as_str());
        }
        assert_eq!(caller.head().await, before);
        // What another organisation holds is nobody's business here.
        service.caller("TEST-2").post("/v1/people", &registering("nhs_number", "9434765919")).await.expect(201);
    }
}
