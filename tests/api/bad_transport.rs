//! Bodies that are too large, too deep, too slow, in another coding or no text at all; and what must never get out.

use crate::bad_input::Somebody;
use crate::raw;
use crate::support::{Backend, Client, TestService, backends};
use reqwest::Method;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::sync::Mutex;
use std::time::{Duration, Instant};

const MIB: usize = 1024 * 1024;
const JSON: (&str, &str) = ("Content-Type", "application/json");

/// Posts bytes as a body in JSON under a fresh key.
async fn post(
    caller: &Client,
    path: &str,
    more: &[(&str, &str)],
    body: impl Into<reqwest::Body>,
) -> crate::support::Answer {
    let key = caller.fresh_key();
    let mut headers = vec![("Idempotency-Key", key.as_str())];
    headers.extend(more);
    caller.post_bytes(path, &headers, body).await
}

#[tokio::test]
async fn a_body_is_json_in_utf_8() {
    for backend in backends() {
        let service = TestService::start(backend).await;
        let somebody = Somebody::new(&service.caller("TEST-1")).await;
        let caller = &somebody.caller;
        let before = caller.head().await;
        let whole = somebody.narrative().to_string();
        let telling = |text: &[u8]| {
            let (start, end) = whole.split_once("I miss walking").unwrap();
            [start.as_bytes(), text, end.as_bytes()].concat()
        };
        for (body, detail) in [
            (telling(br"Bird \ud800 Bird"), "a lone surrogate"),
            (telling(br"Bird \udc00"), "a lone surrogate"),
            (telling(br"Bird \ud800\ud800"), "a lone surrogate"),
            (telling(br"Bird \uZZZZ"), "not JSON"),
            (telling(b"Bird \xff"), "not UTF-8"),
            (telling(b"Bird \xed\xa0\x80"), "not UTF-8"),
            (telling(b"Bird \xc3"), "not UTF-8"),
            (telling(b"Bird \0"), "not JSON"),
            (telling(b"Bird \n"), "not JSON"),
            (whole.as_bytes()[..whole.len() - 1].to_vec(), "ends too early"),
            (format!("{whole} {whole}").into_bytes(), "not JSON"),
            (format!("{whole},").into_bytes(), "not JSON"),
            (format!("\u{feff}{whole}").into_bytes(), "not JSON"),
            (Vec::new(), "ends too early"),
            (b"{'a': 1}".to_vec(), "not JSON"),
        ] {
            let shown = String::from_utf8_lossy(&body).into_owned();
            let answer = post(caller, "/v1/narratives", &[JSON], body).await.expect_problem(400, "malformed-json");
            let said = answer.body["detail"].as_str().unwrap();
            assert!(said.starts_with(detail), "{shown}: {said}");
            assert!(!answer.text.contains("Bird"), "{}", answer.text);
        }
        assert_eq!(caller.head().await, before);
        let told = post(caller, "/v1/narratives", &[JSON], telling(br"\ud83d\ude00")).await.expect(201);
        let found = caller.get(&format!("/v1/narratives/{}", told.id())).await.expect(200);
        assert_eq!(found.body["text"], "😀");
    }
}

#[tokio::test]
async fn ten_thousand_levels_are_refused_without_a_stack() {
    let service = TestService::start(Backend::Sqlite).await;
    let caller = service.caller("TEST-1");
    let before = caller.head().await;
    for (open, close) in [("[", "]"), ("{\"a\":", "}")] {
        let deep = format!("{}1{}", open.repeat(10_000), close.repeat(10_000));
        post(&caller, "/v1/people", &[JSON], deep.clone()).await.expect_problem(422, "invalid-body");
        let inside = format!("{{\"occurred_at\":\"2026\",\"name\":{deep}}}");
        post(&caller, "/v1/people", &[JSON], inside).await.expect_problem(422, "invalid-body");
        let line = format!("{{\"key\":\"k\",\"op\":\"register_person\",\"body\":{deep}}}\n");
        let ndjson = [("Content-Type", "application/x-ndjson")];
        let answer = caller.post_bytes("/v1/batches", &ndjson, line).await.expect(200);
        assert_eq!(answer.body["problem"]["type"], "/problems/malformed-json", "{}", answer.text);
        assert!(answer.body["problem"]["detail"].as_str().unwrap().starts_with("nested too deep"), "{}", answer.text);
    }
    assert_eq!(caller.head().await, before);
}

fn padded(body: &Value, length: usize) -> Vec<u8> {
    let mut bytes = body.to_string().into_bytes();
    bytes.resize(length, b' ');
    bytes
}

/// Sends a body without saying its length beforehand.
async fn in_chunks(caller: &Client, path: &str, body: &[u8]) -> String {
    let mut stream = raw::connect(&caller.base).await;
    raw::send(&mut stream, &raw::chunked(path, caller.token.as_deref().unwrap(), body, &[JSON])).await;
    raw::answer_until(&mut stream, "}").await
}

#[tokio::test]
async fn a_body_has_at_most_one_mebibyte_after_decompression() {
    for backend in backends() {
        let service = TestService::start(backend).await;
        let somebody = Somebody::new(&service.caller("TEST-1")).await;
        let caller = &somebody.caller;
        let body = somebody.narrative();
        let gzipped = [JSON, ("Content-Encoding", "gzip")];
        post(caller, "/v1/narratives", &[JSON], padded(&body, MIB)).await.expect(201);
        let answer = in_chunks(caller, "/v1/narratives", &padded(&body, MIB)).await;
        assert!(answer.starts_with("HTTP/1.1 201"), "{answer}");
        post(caller, "/v1/narratives", &gzipped, raw::gzip(&padded(&body, MIB))).await.expect(201);
        let before = caller.head().await;
        post(caller, "/v1/narratives", &[JSON], padded(&body, MIB + 1)).await.expect_problem(413, "body-too-large");
        let answer = in_chunks(caller, "/v1/narratives", &padded(&body, MIB + 1)).await;
        assert!(answer.starts_with("HTTP/1.1 413") && answer.contains("/problems/body-too-large"), "{answer}");
        let file = raw::gzip(&padded(&body, MIB + 1));
        post(caller, "/v1/narratives", &gzipped, file).await.expect_problem(413, "body-too-large");
        assert_eq!(caller.head().await, before);
    }
}

#[tokio::test]
async fn a_gzip_bomb_is_refused_at_once() {
    let service = TestService::start(Backend::Sqlite).await;
    let caller = service.caller("TEST-1");
    let token = caller.token.clone().unwrap();
    for (path, media) in [("/v1/people", "application/json"), ("/v1/batches", "application/x-ndjson")] {
        for size in [10 * MIB, 1024 * MIB] {
            let bomb = raw::zeros(size);
            assert!(bomb.len() < size / 100);
            let more = [("Content-Type", media), ("Content-Encoding", "gzip")];
            let started = Instant::now();
            let mut stream = raw::connect(&service.base).await;
            raw::send(&mut stream, raw::head(path, &token, bomb.len(), &more).as_bytes()).await;
            // No more than a first part is sent: the answer must not wait for the rest.
            raw::send(&mut stream, &bomb[..bomb.len().min(MIB)]).await;
            let answer = raw::answer_until(&mut stream, "body-too-large").await;
            let status = if path == "/v1/people" { "413" } else { "200" };
            assert!(answer.starts_with(&format!("HTTP/1.1 {status}")), "{answer}");
            assert!(started.elapsed() < Duration::from_secs(5), "{path} took {:?}", started.elapsed());
        }
    }
    caller.get("/v1/people").await.expect(200);
}

#[tokio::test]
async fn only_json_is_read_in_gzip_or_as_it_is() {
    for backend in backends() {
        let service = TestService::start(backend).await;
        let caller = service.caller("TEST-1");
        let body = json!({"occurred_at": "2026"}).to_string();
        let before = caller.head().await;
        for content_type in [
            "text/plain",
            "application/x-www-form-urlencoded",
            "application/xml",
            "application/jsonx",
            "multipart/form-data",
            "",
            "application/json; charset=latin1",
            "application/json;charset=utf-16",
            "application/x-ndjson",
            "é",
        ] {
            let answer = post(&caller, "/v1/people", &[("Content-Type", content_type)], body.clone()).await;
            answer.expect_problem(415, "unsupported-media-type");
        }
        post(&caller, "/v1/people", &[], body.clone()).await.expect_problem(415, "unsupported-media-type");
        for coding in ["br", "deflate", "zstd", "compress", "gzip, gzip", "gzip, br", "x-gzip", "nothing", ""] {
            let answer = post(&caller, "/v1/people", &[JSON, ("Content-Encoding", coding)], body.clone()).await;
            answer.expect_problem(415, "unsupported-media-type");
            let ndjson = [("Content-Type", "application/x-ndjson"), ("Content-Encoding", coding)];
            caller.post_bytes("/v1/batches", &ndjson, "").await.expect_problem(415, "unsupported-media-type");
        }
        for content_type in ["text/plain", "application/json", ""] {
            let answer = caller.post_bytes("/v1/batches", &[("Content-Type", content_type)], "").await;
            answer.expect_problem(415, "unsupported-media-type");
        }
        let gzipped = [JSON, ("Content-Encoding", "gzip")];
        let whole = raw::gzip(body.as_bytes());
        let mut altered = whole.clone();
        altered[16] ^= 1;
        for broken in [body.clone().into_bytes(), whole[..whole.len() / 2].to_vec(), altered, b"\x1f\x8b".to_vec()] {
            let answer = post(&caller, "/v1/people", &gzipped, broken).await;
            answer.expect_problem(400, "malformed-json");
        }
        assert_eq!(caller.head().await, before);
        for content_type in
            ["application/json; charset=utf-8", "APPLICATION/JSON;charset=\"UTF-8\"", "application/json;q=1"]
        {
            post(&caller, "/v1/people", &[("Content-Type", content_type)], body.clone()).await.expect(201);
        }
        for coding in ["gzip", "GZIP", "identity"] {
            let bytes = if coding == "identity" { body.clone().into_bytes() } else { whole.clone() };
            post(&caller, "/v1/people", &[JSON, ("Content-Encoding", coding)], bytes).await.expect(201);
        }
    }
}

#[tokio::test]
async fn a_slow_sender_is_let_go() {
    // Only what each part is about is short, so that a busy machine does not make the others late.
    let quick_to_hear = TestService::start_with(Backend::Sqlite, "header_timeout_ms = 300").await;
    let service = TestService::start_with(Backend::Sqlite, "request_timeout_ms = 500").await;
    let caller = service.caller("TEST-1");
    let token = caller.token.clone().unwrap();
    let before = caller.head().await;
    let within = async |stream: &mut tokio::net::TcpStream| {
        tokio::time::timeout(Duration::from_secs(10), raw::answer(stream)).await.expect("the service lets go")
    };
    let mut stream = raw::connect(&quick_to_hear.base).await;
    raw::send(&mut stream, b"POST /v1/people HTTP/1.1\r\nHost: cairn\r\nAuthor").await;
    let answer = within(&mut stream).await;
    assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 408"), "{answer}");

    let body = json!({"occurred_at": "2026", "name": "Morgan"}).to_string();
    let mut stream = raw::connect(&service.base).await;
    raw::send(&mut stream, raw::head("/v1/people", &token, body.len(), &[JSON]).as_bytes()).await;
    raw::send(&mut stream, &body.as_bytes()[..body.len() - 1]).await;
    let answer = within(&mut stream).await;
    assert!(answer.starts_with("HTTP/1.1 408") && answer.contains("/problems/request-timeout"), "{answer}");
    assert_eq!(caller.head().await, before);

    let line = json!({"key": "slow-1", "op": "register_person", "body": {"occurred_at": "2026"}}).to_string();
    let mut stream = raw::connect(&service.base).await;
    let more = [("Content-Type", "application/x-ndjson")];
    raw::send(&mut stream, raw::head("/v1/batches", &token, 10_000, &more).as_bytes()).await;
    raw::send(&mut stream, format!("{line}\n{{\"key\":").as_bytes()).await;
    let answer = within(&mut stream).await;
    assert!(answer.contains("\"line\":1,\"status\":201"), "what arrived whole is recorded: {answer}");
    assert!(answer.contains("\"line\":2,\"status\":408"), "{answer}");
    assert_eq!(caller.head().await, before + 1);
}

#[tokio::test]
async fn a_body_that_breaks_off_records_nothing() {
    for backend in backends() {
        let service = TestService::start(backend).await;
        let caller = service.caller("TEST-1");
        let token = caller.token.clone().unwrap();
        let before = caller.head().await;
        let body = json!({"occurred_at": "2026", "name": "Morgan"}).to_string();
        for sent in [0, 1, body.len() - 1] {
            let mut stream = raw::connect(&service.base).await;
            raw::send(&mut stream, raw::head("/v1/people", &token, body.len(), &[JSON]).as_bytes()).await;
            raw::send(&mut stream, &body.as_bytes()[..sent]).await;
            drop(stream);
        }
        // Whatever was begun before has ended once others are answered.
        caller.person().await;
        assert_eq!(caller.head().await, before + 1);
    }
}

#[tokio::test]
async fn bytes_that_are_no_http_do_not_stop_the_service() {
    let service = TestService::start(Backend::Sqlite).await;
    let caller = service.caller("TEST-1");
    let long = format!("GET /{} HTTP/1.1\r\nHost: cairn\r\n\r\n", "x".repeat(200_000));
    let many: String = (0..500).map(|at| format!("X-{at}: y\r\n")).collect();
    let many = format!("GET /v1/people HTTP/1.1\r\nHost: cairn\r\n{many}\r\n");
    let both =
        "POST /v1/people HTTP/1.1\r\nHost: cairn\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n";
    let twice = "POST /v1/people HTTP/1.1\r\nHost: cairn\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nabcdef";
    for bytes in ["\0\0\0\0\r\n\r\n", "GET\r\n\r\n", "GET / HTTP/9.9\r\n\r\n", &long, &many, both, twice] {
        let mut stream = raw::connect(&service.base).await;
        raw::send(&mut stream, bytes.as_bytes()).await;
        let answer = tokio::time::timeout(Duration::from_secs(10), raw::answer(&mut stream)).await;
        let answer = answer.unwrap_or_default();
        assert!(!answer.starts_with("HTTP/1.1 2") && !answer.starts_with("HTTP/1.1 5"), "{bytes:.60}: {answer:.200}");
    }
    caller.get("/v1/people").await.expect(200);
    caller.send(Method::HEAD, "/v1/people", &[], None).await.expect(405);
}

/// What the log lines of the whole process hold of these, if anything.
static SECRETS: [&str; 5] = ["9434765919", "943 476 5919", "Quietly-Named", "whispered words", "Case-Secret-4711"];
static LEAKS: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());

struct Listener;

impl std::io::Write for Listener {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let line = String::from_utf8_lossy(bytes);
        if let Some(secret) = SECRETS.iter().find(|secret| line.contains(**secret)) {
            LEAKS.lock().unwrap().insert(format!("{secret}: {line}"));
        }
        Ok(bytes.len())
    }
    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn what_is_personal_stands_in_no_address_and_no_log_line() {
    use tracing_subscriber::fmt;
    fmt().with_max_level(tracing::Level::DEBUG).with_ansi(false).with_writer(|| Listener).init();
    for backend in backends() {
        let service = TestService::start(backend).await;
        let caller = service.caller("TEST-1");
        let body = json!({"occurred_at": "2026-01-05", "name": "Quietly-Named", "identifiers": [
            {"system": "nhs_number", "value": "943 476 5919"}, {"system": "case", "value": "Case-Secret-4711"}],
            "source": {"system": "case-system", "reference": "Case-Secret-4711"}});
        let registered = caller.post("/v1/people", &body).await.expect(201);
        let person = registered.id();
        let mut answers = vec![registered];
        // Refused ones, too: as they are, as the wrong type, as a parameter that there is not.
        answers.push(caller.post("/v1/people", &body).await.expect(409));
        answers.push(caller.post("/v1/people", &json!({"occurred_at": "943 476 5919"})).await.expect(422));
        answers.push(caller.post("/v1/people", &json!({"occurred_at": 9_434_765_919_u64})).await.expect(422));
        let narrative = json!({"occurred_at": "2026-02-01", "person": person, "text": "whispered words", "author": "person",
            "perspective": "whispered words", "knowledge_form": "lived"});
        answers.push(caller.post("/v1/narratives", &narrative).await.expect(422));
        let narrative = json!({"occurred_at": "2026-02-01", "person": person, "text": "whispered words", "author": "person",
            "perspective": "person", "knowledge_form": "lived"});
        answers.push(caller.post("/v1/narratives", &narrative).await.expect(201));
        answers.push(caller.get("/v1/people?status=943%20476%205919").await.expect(400));
        answers.push(caller.get("/v1/people/9434765919").await.expect(404));
        let search = json!({"system": "nhs_number", "value": "9434765919"});
        let found = caller.send(Method::POST, "/v1/people/search?as_of=12", &[], Some(&search)).await.expect(200);
        assert_eq!(found.body["items"][0]["id"], person.as_str(), "{}", found.text);
        let said = format!("{:?}", found.headers);
        assert!(!SECRETS.iter().any(|secret| said.contains(secret)), "{said}");
        for answer in answers {
            let said = format!("{:?} {}", answer.headers, answer.text);
            assert!(!SECRETS.iter().any(|secret| said.contains(secret)), "{said}");
        }
        caller.get(&format!("/v1/people/{person}/record")).await.expect(200);
        caller.get("/v1/events?include=words").await.expect(200);
        caller.get("/metrics").await.expect(200);
    }
    // The listener hears: this is what a leak would look like.
    tracing::debug!("Quietly-Named");
    let leaks = LEAKS.lock().unwrap();
    assert_eq!(leaks.len(), 1, "{leaks:#?}");
    let document = cairn::api::document().to_string();
    assert!(!document.contains("{identifier}") && !document.contains("\"name\":\"nhs_number\",\"in\""));
}
