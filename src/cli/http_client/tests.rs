use super::*;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::sync::mpsc::{Receiver, channel};

/// Answers one connection after the other with what was prepared and hands over what was asked; an empty answer hangs up.
fn service(answers: Vec<String>) -> (String, Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}/", listener.local_addr().unwrap());
    (address, serve(listener, answers))
}

/// The same, where the answers must know the address.
pub(super) fn serve(listener: TcpListener, answers: Vec<String>) -> Receiver<String> {
    let (asked, receiver) = channel();
    std::thread::spawn(move || {
        for answer in answers {
            let (mut stream, _) = listener.accept().unwrap();
            let mut reader = BufReader::new(stream.try_clone().unwrap());
            let (mut head, mut length) = (String::new(), 0);
            loop {
                let mut line = String::new();
                reader.read_line(&mut line).unwrap();
                if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                    length = value.trim().parse().unwrap();
                }
                if line.trim().is_empty() {
                    break;
                }
                head.push_str(&line);
            }
            let mut body = vec![0; length];
            reader.read_exact(&mut body).unwrap();
            asked.send(format!("{head}\n{}", String::from_utf8(body).unwrap())).unwrap();
            stream.write_all(answer.as_bytes()).unwrap();
        }
    });
    receiver
}

pub(super) fn http(status: &str, headers: &str, body: &str) -> String {
    format!("HTTP/1.1 {status}\r\n{headers}connection: close\r\ncontent-length: {}\r\n\r\n{body}", body.len())
}

fn client(address: &str, attempts: u32) -> Client {
    let retry = RetryPolicy { attempts, first_wait: Duration::ZERO, longest_wait: Duration::from_secs(1) };
    Client::new(address, TokenSource::Fixed("secret-token".to_owned()), retry).unwrap()
}

const RECORDED: &str = r#"{"line":1,"status":201,"id":"a","version":0,"position":7,"recorded_at":"2026-01-01T00:00:00Z","repeated":false}"#;

#[test]
fn waits_grow_and_never_undercut_what_the_service_asks_for() {
    let policy = RetryPolicy { attempts: 4, first_wait: Duration::from_secs(1), longest_wait: Duration::from_secs(3) };
    let wait = |attempt, asked: Option<u64>| {
        policy.wait_after(attempt, asked.map(Duration::from_secs)).map(|wait| wait.as_secs())
    };
    assert_eq!([wait(1, None), wait(2, None), wait(3, None), wait(4, None)], [Some(1), Some(2), Some(3), None]);
    assert_eq!(wait(1, Some(0)), Some(1));
    assert_eq!(wait(1, Some(3)), Some(3));
    assert_eq!(wait(1, Some(4)), None, "longer than we are ready to wait");
}

#[tokio::test]
async fn a_busy_or_vanishing_service_is_asked_again_with_the_same_lines() {
    let (address, asked) = service(vec![
        http("503 Service Unavailable", "retry-after: 0\r\n", ""),
        String::new(),
        http("429 Too Many Requests", "", ""),
        http("200 OK", "", &format!("{RECORDED}\n")),
    ]);
    let answers = client(&address, 4).post_batch(&["{\"key\":\"k\"}".to_owned()]).await.unwrap();
    assert_eq!(answers.len(), 1);
    assert!(answers[0].is_recorded() && answers[0].position == Some(7));
    let requests: Vec<String> = asked.try_iter().collect();
    assert_eq!(requests.len(), 4);
    for request in requests {
        assert!(request.starts_with("POST /v1/batches?mode=each "), "{request}");
        assert!(
            request.contains("authorization: Bearer secret-token") && request.ends_with("\n{\"key\":\"k\"}\n"),
            "{request}"
        );
    }
}

#[tokio::test]
async fn the_last_attempt_is_the_last() {
    let busy = || http("503 Service Unavailable", "", "");
    let (address, asked) = service(vec![busy(), busy()]);
    let error = client(&address, 2).post_batch(&["{}".to_owned()]).await.unwrap_err();
    assert!(matches!(error, ClientError::Busy { status: 503, attempts: 2, .. }), "{error}");
    assert_eq!(asked.try_iter().count(), 2);
}

#[tokio::test]
async fn a_wait_longer_than_the_policy_is_not_shortened() {
    let (address, asked) = service(vec![http("429 Too Many Requests", "retry-after: 600\r\n", "")]);
    let error = client(&address, 5).post_batch(&["{}".to_owned()]).await.unwrap_err();
    assert!(error.to_string().contains("600 s"), "{error}");
    assert_eq!(asked.try_iter().count(), 1);
}

#[tokio::test]
async fn lines_that_may_pass_later_are_sent_again_and_the_first_answer_counts() {
    let later = r#"{"line":2,"status":503,"problem":{"type":"/problems/unavailable","title":"Unavailable"}}"#;
    let repeated = RECORDED.replace("\"repeated\":false", "\"repeated\":true");
    let second = RECORDED.replace("\"line\":1", "\"line\":2").replace("\"id\":\"a\"", "\"id\":\"b\"");
    let (address, _asked) = service(vec![
        http("200 OK", "", &format!("{RECORDED}\n{later}\n")),
        http("200 OK", "", &format!("{repeated}\n{second}\n")),
    ]);
    let answers = client(&address, 3).post_batch(&["{}".to_owned(), "{}".to_owned()]).await.unwrap();
    assert!(!answers[0].repeated, "it was this command that recorded it");
    assert_eq!(answers[1].id.as_deref(), Some("b"));
}

#[tokio::test]
async fn answers_that_do_not_match_the_lines_are_not_believed() {
    for body in
        [String::new(), format!("{RECORDED}\n{RECORDED}\n"), "<html>".to_owned(), RECORDED.replace(":1,", ":2,")]
    {
        let (address, _asked) = service(vec![http("200 OK", "", &body)]);
        let error = client(&address, 1).post_batch(&["{}".to_owned()]).await.unwrap_err();
        assert!(matches!(error, ClientError::Unreadable), "{error}");
    }
}

#[tokio::test]
async fn refusals_of_the_token_say_what_to_do_and_are_not_repeated() {
    let problem = r#"{"type":"/problems/token","title":"Token expired","status":401}"#;
    let (address, asked) = service(vec![http("401 Unauthorized", "", problem)]);
    let error = client(&address, 5).search_person("chi", "1").await.unwrap_err();
    assert!(
        error.is_usage() && error.to_string().contains("Token expired") && error.to_string().contains("--token"),
        "{error}"
    );
    let requests: Vec<String> = asked.try_iter().collect();
    assert_eq!(requests.len(), 1);
    assert!(
        requests[0].starts_with("POST /v1/people/search ") && requests[0].ends_with(r#"{"system":"chi","value":"1"}"#)
    );
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let (address, asked) = service(vec![http("307 Temporary Redirect", "location: /elsewhere\r\n", "")]);
    let error = client(&address, 2).post_batch(&["{}".to_owned()]).await.unwrap_err();
    assert!(matches!(error, ClientError::Refused { status: 307, .. }), "{error}");
    assert_eq!(asked.try_iter().count(), 1);
}

#[tokio::test]
async fn nobody_at_the_address_is_said_in_words() {
    let free = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", free.local_addr().unwrap());
    drop(free);
    let error = client(&address, 2).post_batch(&["{}".to_owned()]).await.unwrap_err();
    assert!(error.to_string().contains("does not answer (2 attempts)"), "{error}");
}

#[test]
fn addresses_are_checked_and_tokens_never_shown() {
    for wrong in ["", "localhost:8080", "ftp://a/", "file:///etc"] {
        assert!(Client::new(wrong, TokenSource::Fixed(String::new()), RetryPolicy::default()).is_err(), "{wrong}");
    }
    let client =
        Client::new("https://a.example/cairn", TokenSource::Fixed("hidden".to_owned()), RetryPolicy::default())
            .unwrap();
    assert_eq!(client.base.join("v1/batches").unwrap().as_str(), "https://a.example/cairn/v1/batches");
    assert!(!format!("{client:?}").contains("hidden"));
}

#[test]
fn a_problem_reads_as_a_sentence() {
    let problem: Problem = serde_json::from_str(
        r#"{"type":"/problems/invalid","title":"Invalid","status":422,"detail":"2 fields","errors":[{"pointer":"/a","detail":"is empty"},{"pointer":"/b","detail":"is long"}]}"#,
    )
    .unwrap();
    assert_eq!(problem.to_string(), "Invalid: 2 fields — /a is empty; /b is long");
}
