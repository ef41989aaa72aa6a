use super::tests::{http, serve};
use super::{Client, ClientError, ClientGrant, RetryPolicy, TokenSource};
use crate::app::auth::{generate_client_key, install_crypto_provider};
use crate::app::words::Timestamp;
use crate::app::{Clock, FixedClock};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::mpsc::Receiver;
use std::time::Duration;

struct Scene {
    client: Client,
    clock: Arc<FixedClock>,
    asked: Receiver<String>,
    base: String,
}

/// A service that gives these answers, each made with its address, and a client of it.
fn scene(attempts: u32, answers: impl FnOnce(&str) -> Vec<String>) -> Scene {
    install_crypto_provider();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    let asked = serve(listener, answers(&base));
    let clock = Arc::new(FixedClock::at(Timestamp::from_micros(1_790_000_000_000_000)));
    let key = generate_client_key(&[1; 48]).unwrap();
    let source = TokenSource::ClientKey(Arc::new(ClientGrant::new("care".to_owned(), key, clock.clone())));
    let retry = RetryPolicy { attempts, first_wait: Duration::ZERO, longest_wait: Duration::from_secs(1) };
    Scene { client: Client::new(&base, source, retry).unwrap(), clock, asked, base }
}

fn metadata(issuer: &str, endpoint: &str) -> String {
    http("200 OK", "", &json!({"issuer": issuer, "token_endpoint": endpoint}).to_string())
}

fn right_metadata(base: &str) -> String {
    metadata(base, &format!("{base}/oauth2/token"))
}

fn token(name: &str, seconds: u32) -> String {
    let answer = json!({"access_token": name, "token_type": "Bearer", "expires_in": seconds, "scope": "people:read"});
    http("200 OK", "cache-control: no-store\r\n", &answer.to_string())
}

fn empty() -> String {
    http("200 OK", "", "{}")
}

/// The first line of each request, and the token that it bore.
fn told(requests: &[String]) -> Vec<String> {
    let bearer = |request: &str| {
        let line = request.lines().find_map(|line| line.strip_prefix("authorization: Bearer "));
        line.map(|token| format!(" {}", token.trim())).unwrap_or_default()
    };
    let path = |request: &str| request.split(" HTTP").next().unwrap_or_default().to_owned();
    requests.iter().map(|request| format!("{}{}", path(request), bearer(request))).collect()
}

#[tokio::test]
async fn a_token_is_fetched_when_it_is_needed_and_again_before_it_ends() {
    let answers = |base: &str| {
        vec![
            right_metadata(base),
            token("one", 300),
            empty(),
            empty(),
            token("two", 20),
            empty(),
            token("three", 300),
            empty(),
        ]
    };
    let Scene { client, clock, asked, base } = scene(1, answers);
    let start = clock.now();
    for millis in [0, 239_000, 240_001, 250_100] {
        clock.set(start.plus_micros(millis * 1_000));
        client.get_json("/v1/people").await.unwrap();
    }
    let requests: Vec<String> = asked.try_iter().collect();
    let expected = [
        "GET /.well-known/oauth-authorization-server",
        "POST /oauth2/token",
        "GET /v1/people one",
        "GET /v1/people one",
        "POST /oauth2/token",
        "GET /v1/people two",
        "POST /oauth2/token",
        "GET /v1/people three",
    ];
    assert_eq!(told(&requests), expected);
    let (_, form) = requests[1].rsplit_once('\n').unwrap();
    assert!(form.starts_with("grant_type=client_credentials&client_assertion_type=urn%3Aietf"), "{form}");
    let (_, assertion) = form.rsplit_once("client_assertion=").unwrap();
    let claims = URL_SAFE_NO_PAD.decode(assertion.split('.').nth(1).unwrap()).unwrap();
    let claims: Value = serde_json::from_slice(&claims).unwrap();
    assert_eq!(
        (claims["sub"].as_str(), claims["aud"].as_str()),
        (Some("care"), Some(format!("{base}/oauth2/token").as_str()))
    );
}

#[tokio::test]
async fn a_service_that_is_busy_or_away_is_asked_again_for_the_token_too() {
    let busy = || http("503 Service Unavailable", "", "");
    let answers = |base: &str| vec![busy(), right_metadata(base), String::new(), busy(), token("one", 300), empty()];
    let Scene { client, asked, .. } = scene(4, answers);
    client.get_json("/v1/people").await.unwrap();
    assert_eq!(asked.try_iter().count(), 6);
    let Scene { client, asked, .. } = scene(2, |_| vec![busy(), busy()]);
    let error = client.get_json("/v1/people").await.unwrap_err();
    assert!(matches!(error, ClientError::Busy { status: 503, attempts: 2, .. }), "{error}");
    assert_eq!(asked.try_iter().count(), 2);
}

#[tokio::test]
async fn a_client_that_is_refused_hears_why() {
    let refused = r#"{"error":"invalid_client","error_description":"the client \u001b[2J was revoked"}"#;
    let answers = |base: &str| vec![right_metadata(base), http("401 Unauthorized", "", refused)];
    let Scene { client, asked, .. } = scene(3, answers);
    let error = client.get_json("/v1/people").await.unwrap_err();
    assert!(error.is_usage(), "{error}");
    let text = error.to_string();
    assert!(text.contains("invalid_client: the client [2J was revoked") && text.contains("--client-key"), "{text}");
    assert_eq!(asked.try_iter().count(), 2, "it is not asked again");
}

#[tokio::test]
async fn a_service_that_speaks_for_another_gets_no_assertion() {
    for answers in [
        (|_| vec![metadata("https://right.example", "https://right.example/oauth2/token")]) as fn(&str) -> Vec<String>,
        |base| vec![metadata(base, "https://right.example/oauth2/token")],
        |base| vec![metadata("https://right.example", &format!("{base}/oauth2/token"))],
    ] {
        let Scene { client, asked, .. } = scene(3, answers);
        let error = client.get_json("/v1/people").await.unwrap_err();
        assert!(
            matches!(&error, ClientError::OtherService { address } if address.contains("right.example")),
            "{error}"
        );
        assert!(error.is_usage());
        assert_eq!(asked.try_iter().count(), 1);
    }
    for answer in [http("404 Not Found", "", ""), http("200 OK", "", "{}"), metadata("x", "y")] {
        let Scene { client, asked: _asked, .. } = scene(3, |_| vec![answer]);
        let error = client.get_json("/v1/people").await.unwrap_err();
        assert!(matches!(error, ClientError::Unreadable), "{error}");
    }
}

#[test]
fn neither_key_nor_token_is_ever_printed() {
    let Scene { client, .. } = scene(1, |_| Vec::new());
    let shown = format!("{client:?}");
    assert!(shown.contains("care"), "{shown}");
    assert!(!shown.contains("PRIVATE") && !shown.contains("kid"), "{shown}");
}
