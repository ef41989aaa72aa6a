//! Batches: each line on its own or all of them, names between lines, what a refused line takes with it, sending again
//! after a break, limits, and a whole synthetic population.

use crate::bad_input::Somebody;
use crate::raw;
use crate::support::{Client, TestService, backends};
use cairn::app::words::Scope;
use serde_json::{Value, json};

const MIB: usize = 1024 * 1024;

fn registering(key: &str) -> Value {
    json!({"key": key, "op": "register_person", "body": {"occurred_at": "2026-01-05"}})
}

fn named(key: &str, name: &str) -> Value {
    let mut line = registering(key);
    line["name"] = json!(name);
    line
}

fn identifying(key: &str, person: &str) -> Value {
    json!({"key": key, "op": "identify_outcome", "body": {"occurred_at": "2026-02-01", "person": person,
        "identified_by": "person", "outcome_type": "process", "direction": "change", "title": "Be heard"}})
}

fn statuses(answers: &[Value]) -> Vec<u64> {
    answers.iter().map(|answer| answer["status"].as_u64().unwrap()).collect()
}

fn problem(answer: &Value) -> (&str, &str) {
    let of = |pointer: &str| answer.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
    (of("/problem/type").trim_start_matches("/problems/"), of("/problem/errors/0/pointer"))
}

/// The answers to lines as they are, in whatever form.
async fn sent(caller: &Client, query: &str, text: impl Into<reqwest::Body>) -> Vec<Value> {
    let headers = [("Content-Type", "application/x-ndjson")];
    let answer = caller.post_bytes(&format!("/v1/batches{query}"), &headers, text).await.expect(200);
    assert_eq!(answer.header("content-type"), Some("application/x-ndjson"));
    answer.text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[tokio::test]
async fn each_line_is_answered_on_its_own_and_in_order() {
    for backend in backends() {
        let service = TestService::start(backend).await;
        let somebody = Somebody::new(&service.caller("TEST-1")).await;
        let caller = &somebody.caller;
        let before = caller.head().await;
        let lines = [
            registering("a"),
            identifying("b", &somebody.person),
            json!({"key": "c", "op": "nothing", "body": {}}),
            json!({"key": "d", "op": "identify_outcome", "body": {"occurred_at": "2026-02-31"}}),
            json!({"key": "e", "op": "register_person", "body": {"occurred_at": "2026-02-31"}}),
            json!({"key": "f", "op": "register_person", "body": {"occurred_at": "2027"}}),
            json!({"key": "g", "op": "prioritise_outcome", "id": somebody.outcome, "if_match": 0,
                "body": {"occurred_at": "2026-03-01", "perspective": "person", "rank": 1}}),
            json!({"key": "h", "op": "prioritise_outcome", "id": somebody.outcome, "if_match": 0,
                "body": {"occurred_at": "2026-03-01", "perspective": "person", "rank": 2}}),
            json!({"key": "i", "op": "prioritise_outcome", "id": somebody.outcome, "if_match": 1,
                "body": {"occurred_at": "2026-03-01", "perspective": "person", "rank": 3}}),
            json!({"key": "j", "op": "prioritise_outcome", "id": somebody.outcome,
                "body": {"occurred_at": "2026-03-01", "perspective": "person", "rank": 3}}),
            json!({"key": "k", "op": "close_outcome", "body": {"occurred_at": "2026-03-01", "closure_reason": "achieved"}}),
            json!({"key": "l", "op": "register_person", "id": somebody.person, "body": {"occurred_at": "2026"}}),
            json!({"key": "m", "op": "close_outcome", "id": "Bird", "if_match": 2, "body": {}}),
            json!({"key": "", "op": "register_person", "body": {"occurred_at": "2026"}}),
            json!({"key": "k".repeat(201), "op": "register_person", "body": {"occurred_at": "2026"}}),
            json!({"key": "n", "op": "register_person", "name": "@n", "body": {"occurred_at": "2026"}}),
            json!({"key": "o", "op": "register_person", "body": {"occurred_at": "2026"}, "colour": "red"}),
            json!({"key": "p", "op": "register_person"}),
            json!({"key": "q", "op": "register_person", "body": ["2026"]}),
            json!(["r", "register_person", null, null, null, {"occurred_at": "2026"}]),
            json!({"key": "s", "op": "respond_to_narrative", "id": somebody.narrative,
                "body": {"occurred_at": "2026-03-01", "stance": "agrees", "perspective": "carer", "author": "carer"}}),
        ];
        let answers = caller.batch("each", &lines).await;
        assert_eq!(
            statuses(&answers),
            [201, 201, 422, 422, 422, 422, 201, 412, 201, 428, 422, 422, 422, 422, 422, 422, 422, 422, 422, 422, 201]
        );
        let numbers: Vec<u64> = answers.iter().map(|answer| answer["line"].as_u64().unwrap()).collect();
        assert_eq!(numbers, (1..=21).collect::<Vec<_>>());
        let problems: Vec<(&str, &str)> = answers.iter().map(problem).collect();
        assert_eq!(problems[2], ("invalid-body", "/op"));
        assert_eq!(problems[3], ("invalid-body", "/body"));
        assert_eq!(problems[4], ("invalid-body", "/body/occurred_at"));
        assert_eq!(problems[5], ("in-the-future", "/body/occurred_at"));
        assert_eq!((problems[7].0, answers[7]["problem"]["current_version"].as_u64()), ("version-conflict", Some(1)));
        assert_eq!(problems[9], ("precondition-required", "/if_match"));
        assert_eq!([problems[10].1, problems[11].1, problems[12].1], ["/id", "/id", "/id"]);
        assert_eq!([problems[13].1, problems[14].1, problems[15].1], ["/key", "/key", "/name"]);
        assert!(!json!(answers).to_string().contains("Bird"), "{answers:?}");
        let positions: Vec<u64> = answers.iter().filter_map(|answer| answer["position"].as_u64()).collect();
        assert_eq!(positions, (before + 1..=before + 5).collect::<Vec<_>>());
        assert_eq!(caller.head().await, before + 5);
        let outcome = caller.get(&format!("/v1/outcomes/{}", somebody.outcome)).await.expect(200).body;
        assert_eq!((&outcome["priorities"], &outcome["version"]), (&json!({"person": 3}), &json!(2)));
    }
}

#[tokio::test]
async fn a_line_says_nothing_twice() {
    for backend in backends() {
        let service = TestService::start(backend).await;
        let somebody = Somebody::new(&service.caller("TEST-1")).await;
        let before = somebody.caller.head().await;
        let line =
            |key: &str, body: &str| format!("{{\"key\":\"{key}\",\"op\":\"identify_outcome\",\"body\":{body}}}\n");
        let body = somebody.outcome();
        let mut sourced = body.clone();
        sourced["source"] = json!({"system": "case-system", "reference": "r"});
        let text = [
            line("a", &body.to_string().replacen('{', "{\"title\":\"Bird\",", 1)),
            line("b", &sourced.to_string().replacen("\"system\"", "\"system\":\"bird-watch\",\"system\"", 1)),
            line("c", &body.to_string()).replacen("{\"key\"", "{\"op\":\"register_person\",\"key\"", 1),
            line("d", &body.to_string()),
        ];
        let answers = sent(&somebody.caller, "", text.concat()).await;
        assert_eq!(statuses(&answers), [422, 422, 422, 201], "{answers:?}");
        let problems: Vec<(&str, &str)> = answers.iter().map(problem).collect();
        assert_eq!(problems[..3], [("invalid-body", "/body"), ("invalid-body", "/body/source"), ("invalid-body", "")]);
        assert_eq!(answers[0]["problem"]["detail"], "duplicate field \"title\"");
        assert_eq!(somebody.caller.head().await, before + 1);
    }
}

#[tokio::test]
async fn lines_build_on_each_other_by_name() {
    for backend in backends() {
        for mode in ["each", "all"] {
            let service = TestService::start(backend).await;
            let caller = service.caller("TEST-1");
            let at = "2026-03-01";
            let narrative = json!({"key": "n", "op": "record_narrative", "name": "n", "body": {"occurred_at": at, "person": "@p",
                "text": "I miss Bess", "author": "person", "perspective": "person", "knowledge_form": "lived",
                "conversation": "@c"}});
            let mut outcome = identifying("o", "@p");
            outcome["name"] = json!("o");
            outcome["body"]["narratives"] = json!(["@n"]);
            outcome["body"]["conversation"] = json!("@c");
            let lines = [
                json!({"key": "p", "op": "register_person", "name": "p", "body": {"occurred_at": "2026", "birth_date": "1951-03-14"}}),
                json!({"key": "c", "op": "record_conversation", "name": "c",
                    "body": {"occurred_at": at, "person": "@p", "asked": "expressed", "mode": "video"}}),
                narrative,
                outcome,
                json!({"key": "o1", "op": "reword_outcome", "id": "@o", "if_match": 0, "body": {"occurred_at": at,
                    "outcome_type": "process", "direction": "change", "title": "Be heard", "reason": "r", "narratives": ["@n"]}}),
                json!({"key": "o2", "op": "close_outcome", "id": "@o", "if_match": 1,
                    "body": {"occurred_at": at, "closure_reason": "achieved"}}),
                json!({"key": "r", "op": "record_review", "name": "r", "body": {"occurred_at": at, "person": "@p",
                    "outcome": "@o", "perspective": "person", "author": "person", "status": "review-status@1#fully_met"}}),
                json!({"key": "a", "op": "agree_action", "body": {"occurred_at": at, "person": "@p", "outcomes": ["@o"],
                    "description": "Walk", "taken_by": "person"}}),
                json!({"key": "n1", "op": "respond_to_narrative", "id": "@n",
                    "body": {"occurred_at": at, "stance": "agrees", "perspective": "carer", "author": "carer"}}),
            ];
            let answers = caller.batch(mode, &lines).await;
            assert_eq!(statuses(&answers), [201; 9], "{answers:?}");
            let person = answers[0]["id"].as_str().unwrap();
            let record = caller.get(&format!("/v1/people/{person}/record")).await.expect(200).body;
            assert_eq!(record["outcomes"][0]["narratives"], json!([answers[2]["id"]]));
            assert_eq!(record["outcomes"][0]["conversation"], answers[1]["id"]);
            assert_eq!(
                (&record["outcomes"][0]["status"], &record["outcomes"][0]["version"]),
                (&json!("closed"), &json!(2))
            );
            assert_eq!(record["reviews"][0]["outcome"], answers[3]["id"]);
            assert_eq!(record["narratives"][0]["responses"].as_array().unwrap().len(), 1);
            // Names end with the request, and what one line could know is checked by the next.
            let answers = caller.batch("each", &[identifying("x", "@p")]).await;
            assert_eq!(problem(&answers[0]), ("unknown-reference", "/body/person"));
            let mut early = identifying("y2", "@q");
            early["body"]["occurred_at"] = json!("1950");
            let person = json!({"key": "y1", "op": "register_person", "name": "q",
                "body": {"occurred_at": "2026", "birth_date": "1951-03-14"}});
            let answers = caller.batch("each", &[person, early]).await;
            assert_eq!((statuses(&answers)[0], problem(&answers[1]).0), (201, "before-birth"));
        }
    }
}

#[tokio::test]
async fn a_refused_line_takes_with_it_what_builds_on_it() {
    for backend in backends() {
        let service = TestService::start(backend).await;
        let caller = service.caller("TEST-1");
        let taken = json!({"occurred_at": "2026", "identifiers": [{"system": "case", "value": "1"}]});
        let holder = caller.post("/v1/people", &taken).await.expect(201).id();
        let before = caller.head().await;
        // Refused by the log itself, when the lines that build on it are already prepared.
        let mut second = json!({"key": "a", "op": "register_person", "name": "p", "body": taken});
        let mut outcome = identifying("b", "@p");
        outcome["name"] = json!("o");
        let review = json!({"key": "c", "op": "record_review", "body": {"occurred_at": "2026-03-01", "person": "@p",
            "outcome": "@o", "perspective": "person", "author": "person", "status": "review-status@1#fully_met"}});
        let close = json!({"key": "d", "op": "close_outcome", "id": "@o", "if_match": 0,
            "body": {"occurred_at": "2026-03-01", "closure_reason": "achieved"}});
        let lines = [second.clone(), outcome, review, close, registering("e"), identifying("f", "@nobody")];
        let answers = caller.batch("each", &lines).await;
        assert_eq!(statuses(&answers)[4..], [201, 422], "{answers:?}");
        assert_eq!(problem(&answers[0]).0, "already-recorded");
        assert_eq!(answers[0]["problem"]["existing"], holder.as_str());
        for answer in &answers[1..3] {
            assert_eq!(problem(answer).0, "line-refused", "{answer}");
        }
        assert!(["line-refused", "not-found"].contains(&problem(&answers[3]).0), "{}", answers[3]);
        assert_eq!(problem(&answers[5]), ("unknown-reference", "/body/person"));
        assert_eq!(caller.head().await, before + 1);
        // Mended and sent again, what was recorded stays and the rest follows.
        second["body"]["identifiers"][0]["value"] = json!("2");
        let mut again = lines.to_vec();
        again[0] = second;
        let answers = caller.batch("each", &again[..5]).await;
        assert_eq!(statuses(&answers), [201; 5], "{answers:?}");
        let repeated: Vec<bool> = answers.iter().map(|answer| answer["repeated"].as_bool().unwrap()).collect();
        assert_eq!(repeated, [false, false, false, false, true]);
    }
}

#[tokio::test]
async fn all_or_nothing_is_all_or_nothing() {
    for backend in backends() {
        let service = TestService::start(backend).await;
        let caller = service.caller("TEST-1");
        let taken = json!({"occurred_at": "2026", "identifiers": [{"system": "case", "value": "1"}]});
        caller.post("/v1/people", &taken).await.expect(201);
        let before = caller.head().await;
        let broken = [
            json!({"key": "x", "op": "register_person", "body": {"occurred_at": "2027"}}),
            json!({"key": "x", "op": "register_person", "body": taken}),
            json!({"key": "x", "op": "nothing", "body": {}}),
            json!("no line"),
            identifying("x", "@nobody"),
        ];
        for (at, wrong) in broken.iter().enumerate() {
            let lines = [registering("a"), registering("b"), wrong.clone(), registering("c")];
            let answers = caller.batch("all", &lines).await;
            assert_ne!(problem(&answers[2]).0, "line-refused", "{at}: its own problem: {answers:?}");
            for other in [0, 1, 3] {
                assert_eq!(problem(&answers[other]).0, "line-refused", "{at}: {answers:?}");
            }
            assert_eq!(caller.head().await, before, "{at}");
        }
        let lines: Vec<Value> = (0..500).map(|at| registering(&format!("many-{at}"))).collect();
        let answers = caller.batch("all", &[&lines[..], &[registering("one-more")]].concat()).await;
        assert!(answers.len() == 501 && answers.iter().all(|answer| problem(answer).0 == "line-refused"));
        assert_eq!(caller.head().await, before);
        let answers = caller.batch("all", &lines).await;
        assert_eq!(statuses(&answers), [201; 500]);
        assert_eq!(caller.head().await, before + 500);
        // One append: one moment.
        assert!(answers.iter().all(|answer| answer["recorded_at"] == answers[0]["recorded_at"]));
        let again = caller.batch("all", &lines).await;
        assert!(again.iter().all(|answer| answer["repeated"] == true));
        assert_eq!(caller.head().await, before + 500);
    }
}

#[tokio::test]
async fn the_same_lines_again_record_nothing_and_answer_the_same() {
    for backend in backends() {
        let mut service = TestService::start(backend).await;
        let caller = service.caller("TEST-1");
        let lines: Vec<Value> = cairn::app::sample::population(6, 3, "2026-11-24".parse().unwrap())
            .flat_map(|person| person.lines)
            .map(|line| serde_json::from_str(&line.to_line()).unwrap())
            .collect();
        let cut = lines.len() / 2;
        let part = caller.batch("each", &lines[..cut]).await;
        assert_eq!(statuses(&part), vec![201; cut]);
        let whole = caller.batch("each", &lines).await;
        assert_eq!(
            statuses(&whole),
            vec![201; lines.len()],
            "{:?}",
            whole.iter().find(|answer| answer["status"] != 201)
        );
        let before = caller.head().await;
        service.restart().await;
        let caller = service.caller("TEST-1");
        let again = caller.batch("each", &lines).await;
        assert_eq!(caller.head().await, before);
        for (at, answer) in again.iter().enumerate() {
            let first = if at < cut { &part[at] } else { &whole[at] };
            let mut expected = first.clone();
            expected["repeated"] = json!(true);
            assert_eq!(answer, &expected);
        }
        let mut other = lines[0].clone();
        other["body"]["occurred_at"] = json!("1999");
        let answers = caller.batch("each", &[other, lines[0].clone()]).await;
        assert_eq!((problem(&answers[0]).0, answers[1]["repeated"].as_bool()), ("idempotency-key-reused", Some(true)));
        // A line and a request of its own share one key: either repeats the other.
        let headers = [("Idempotency-Key", "apart")];
        let body = json!({"occurred_at": "2026-01-05"});
        let alone = caller.send(reqwest::Method::POST, "/v1/people", &headers, Some(&body)).await.expect(201);
        let line = &caller.batch("each", &[registering("apart")]).await[0];
        assert_eq!((&line["id"], &line["repeated"]), (&alone.body["id"], &json!(true)));
    }
}

#[tokio::test]
async fn one_key_twice_in_one_request_records_once() {
    for backend in backends() {
        for mode in ["each", "all"] {
            let service = TestService::start(backend).await;
            let caller = service.caller("TEST-1");
            let before = caller.head().await;
            let mut lines = vec![named("a", "p"), named("a", "q"), identifying("b", "@q")];
            lines[2]["name"] = json!("o");
            let close = json!({"key": "c", "op": "close_outcome", "id": "@o", "if_match": 0,
                "body": {"occurred_at": "2026-03-01", "closure_reason": "achieved"}});
            lines.extend([close.clone(), close]);
            let answers = caller.batch(mode, &lines).await;
            assert_eq!(statuses(&answers), [201; 5], "{mode}: {answers:?}");
            for (first, again) in [(0, 1), (3, 4)] {
                let mut expected = answers[first].clone();
                expected["repeated"] = json!(true);
                expected["line"] = json!(again + 1);
                assert_eq!(answers[again], expected, "{mode}");
            }
            assert_eq!(caller.head().await, before + 3);
            let mut other = registering("d");
            other["body"]["occurred_at"] = json!("1999");
            let answers = caller.batch("each", &[registering("d"), other]).await;
            assert_eq!((statuses(&answers)[0], problem(&answers[1]).0), (201, "idempotency-key-reused"));
            let answers = caller.batch(mode, &lines).await;
            let outcome = caller.get(&format!("/v1/outcomes/{}", answers[2]["id"].as_str().unwrap())).await.expect(200);
            assert_eq!(outcome.body["person"], answers[0]["id"]);
        }
    }
}

#[tokio::test]
async fn lines_are_counted_measured_and_told_apart() {
    for backend in backends() {
        let service = TestService::start(backend).await;
        let caller = service.caller("TEST-1");
        let text = |lines: &[Value]| -> String { lines.iter().map(|line| format!("{line}\n")).collect() };
        assert!(sent(&caller, "", "").await.is_empty());
        assert!(sent(&caller, "", "\n \r\n\n").await.is_empty());
        // Blank lines count, carriage returns are white space, the last line needs no end.
        let windows = format!("\n{}\r\n\r\n{}", registering("w1"), registering("w2"));
        let answers = sent(&caller, "", windows).await;
        assert_eq!(answers.iter().map(|answer| answer["line"].as_u64().unwrap()).collect::<Vec<_>>(), [2, 4]);
        assert_eq!(statuses(&answers), [201, 201]);
        // A broken line among good ones is refused alone.
        let broken =
            format!("{}\n{{\"key\": \n{}\n\u{7}\n{}\n", registering("b1"), registering("b2"), registering("b3"));
        let answers = sent(&caller, "?mode=each", broken).await;
        assert_eq!(statuses(&answers), [201, 400, 201, 400, 201]);
        let not_text = [
            text(&[registering("u1")]).into_bytes(),
            b"{\"key\": \"\xff\"}\n".to_vec(),
            text(&[registering("u2")]).into_bytes(),
        ];
        assert_eq!(statuses(&sent(&caller, "", not_text.concat()).await), [201, 400, 201]);
        // A line has at most 1 MiB; where one is longer, what came before it counts and the rest is not read.
        let padded = |key: &str, length: usize| {
            let line = registering(key).to_string();
            format!("{line}{}\n", " ".repeat(length - line.len()))
        };
        let exact = format!("{}{}", padded("m1", MIB), text(&[registering("m2")]));
        assert_eq!(statuses(&sent(&caller, "", exact).await), [201, 201]);
        let before = caller.head().await;
        let over = format!("{}{}{}", text(&[registering("m3")]), padded("m4", MIB + 1), text(&[registering("m5")]));
        let answers = sent(&caller, "", over.clone()).await;
        assert_eq!((statuses(&answers), problem(&answers[1]).0), (vec![201, 413], "body-too-large"));
        assert_eq!(caller.head().await, before + 1);
        let answers = sent(&caller, "?mode=all", over.replace("m3", "m6")).await;
        assert_eq!((statuses(&answers), problem(&answers[0]).0), (vec![422, 413], "line-refused"));
        assert_eq!(caller.head().await, before + 1);
    }
}

#[tokio::test]
async fn ten_thousand_lines_are_taken_and_one_more_is_not() {
    for backend in backends() {
        let service = TestService::start(backend).await;
        let caller = service.caller("TEST-1");
        let person = caller.person().await;
        let before = caller.head().await;
        // Nearly all are one recording sent again and again, so that the limit is what is measured.
        let mut lines: Vec<Value> = vec![identifying("same", &person); 9_999];
        lines.push(identifying("last", &person));
        let answers = caller.batch("each", &lines).await;
        assert!(answers.len() == 10_000 && answers.iter().all(|answer| answer["status"] == 201));
        assert_eq!(caller.head().await, before + 2);
        lines.push(identifying("one-more", &person));
        let answers = caller.batch("each", &lines).await;
        assert_eq!(answers.len(), 10_001);
        assert_eq!((answers[9_999]["status"].as_u64(), problem(&answers[10_000]).0), (Some(201), "body-too-large"));
        assert_eq!(caller.head().await, before + 2);
    }
}

#[tokio::test]
async fn a_batch_is_measured_after_decompression() {
    for backend in backends() {
        let service = TestService::start_with(backend, "batch_limit_bytes = 4096").await;
        let caller = service.caller("TEST-1");
        let lines = |filler: usize| format!("{}\n{}\n{}\n", registering("a"), registering("b"), " ".repeat(filler));
        let frame = lines(0).len();
        let gzipped = [("Content-Type", "application/x-ndjson"), ("Content-Encoding", "gzip")];
        for (filler, statuses) in [(4_096 - frame, vec!["201", "201"]), (4_097 - frame, vec!["413"])] {
            for answer in [
                caller.post_bytes("/v1/batches", &gzipped, raw::gzip(lines(filler).as_bytes())).await.expect(200),
                caller.post_bytes("/v1/batches", &gzipped[..1], lines(filler)).await.expect(200),
            ] {
                let seen: Vec<String> = answer
                    .text
                    .lines()
                    .map(|line| serde_json::from_str::<Value>(line).unwrap()["status"].to_string())
                    .collect();
                // Of a batch that is too large, what arrived before that was known may be recorded; it says so at the end.
                assert!(
                    seen == statuses || (statuses == ["413"] && seen.last().unwrap() == "413"),
                    "{filler}: {seen:?}"
                );
            }
        }
    }
}

#[tokio::test]
async fn what_is_answered_before_a_break_is_recorded() {
    for backend in backends() {
        let service = TestService::start(backend).await;
        let caller = service.caller("TEST-1");
        let token = caller.token.clone().unwrap();
        let before = caller.head().await;
        // Enough for one append and a little more; then the sender is gone in the middle of a line.
        let lines: Vec<Value> = (0..300).map(|at| registering(&format!("cut-{at}"))).collect();
        let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
        let mut stream = raw::connect(&service.base).await;
        let more = [("Content-Type", "application/x-ndjson")];
        raw::send(&mut stream, raw::head("/v1/batches", &token, text.len() + 1_000, &more).as_bytes()).await;
        raw::send(&mut stream, &text.as_bytes()[..text.len() - 5]).await;
        let answered = raw::answer_until(&mut stream, "\"line\":256,").await;
        drop(stream);
        assert!(answered.contains("\"line\":1,\"status\":201"), "{answered}");
        let recorded = caller.head().await - before;
        assert!((256..300).contains(&recorded), "{recorded}");
        // Sent again, every line is answered; those that were recorded as the first time.
        let answers = caller.batch("each", &lines).await;
        assert_eq!(statuses(&answers), [201; 300]);
        let repeated = answers.iter().filter(|answer| answer["repeated"] == true).count();
        assert!((256..300).contains(&repeated), "{repeated}");
        assert_eq!(caller.head().await, before + 300);
        let first: Value =
            serde_json::from_str(answered.lines().find(|line| line.starts_with("{\"line\":1,")).unwrap()).unwrap();
        assert_eq!(answers[0]["id"], first["id"]);
    }
}

#[tokio::test]
async fn each_line_needs_the_scope_of_its_operation() {
    for backend in backends() {
        let service = TestService::start(backend).await;
        let caller = service.caller_with("TEST-1", &[Scope::BatchesWrite, Scope::PeopleWrite, Scope::EventsRead]);
        for (mode, expected) in [("each", [201, 403]), ("all", [422, 403])] {
            let answers =
                caller.batch(mode, &[named(&format!("{mode}-a"), "p"), identifying(&format!("{mode}-b"), "@p")]).await;
            assert_eq!(statuses(&answers), expected, "{mode}: {answers:?}");
            assert_eq!(problem(&answers[1]).0, "insufficient-scope");
            assert!(answers[1]["problem"]["detail"].as_str().unwrap().contains("outcomes:write"));
        }
    }
}

#[tokio::test]
async fn a_synthetic_population_is_accepted_whole() {
    for backend in backends() {
        let service = TestService::start(backend).await;
        let caller = service.caller("TEST-1");
        let people: Vec<_> = cairn::app::sample::population(150, 1, "2026-11-24".parse().unwrap()).collect();
        let mut recorded = 0;
        for some in people.chunks(40) {
            let lines: Vec<Value> = some
                .iter()
                .flat_map(|person| &person.lines)
                .map(|line| serde_json::from_str(&line.to_line()).unwrap())
                .collect();
            let answers = caller.batch("each", &lines).await;
            assert_eq!(answers.len(), lines.len());
            for (line, answer) in lines.iter().zip(&answers) {
                assert_eq!(
                    (answer["status"].as_u64(), answer["repeated"].as_bool()),
                    (Some(201), Some(false)),
                    "{line}\n{answer}"
                );
            }
            recorded += lines.len() as u64;
        }
        assert_eq!(caller.head().await, 11 + recorded, "twelve shipped lists come before");
        let listed = caller.get("/v1/people?limit=500").await.expect(200);
        assert_eq!(listed.body["items"].as_array().unwrap().len(), 150);
    }
}
