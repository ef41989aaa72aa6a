//! Where fetches may go, and what comes back from a neighbour that means no good.

use super::fetch::{FetchError, FetchJwks, FetchRules, HttpFetch, MOST_BYTES};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

fn public() -> FetchRules {
    FetchRules::default()
}

fn loopback() -> FetchRules {
    FetchRules { loopback: true, ..FetchRules::default() }
}

fn fetcher(rules: FetchRules) -> HttpFetch {
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    HttpFetch::new(rules).unwrap()
}

/// Answers every connection with one text and counts them.
async fn neighbour(answer: String) -> (u16, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let seen = Arc::new(AtomicUsize::new(0));
    let counter = seen.clone();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            counter.fetch_add(1, Ordering::SeqCst);
            let mut head = Vec::new();
            let mut piece = [0; 1024];
            while !head.windows(4).any(|four| four == b"\r\n\r\n") {
                match stream.read(&mut piece).await {
                    Ok(0) | Err(_) => break,
                    Ok(read) => head.extend_from_slice(&piece[..read]),
                }
            }
            // A reader that has enough hangs up.
            let _ = stream.write_all(answer.as_bytes()).await;
        }
    });
    (port, seen)
}

fn http(status: &str, headers: &str, body: &str) -> String {
    format!("HTTP/1.1 {status}\r\n{headers}connection: close\r\ncontent-length: {}\r\n\r\n{body}", body.len())
}

#[test]
fn only_public_https_addresses_may_be_called() {
    for url in [
        "https://partner.example/jwks",
        "https://partner.example:8443/jwks?v=1",
        "https://8.8.8.8/jwks",
        "https://[2606:4700::1111]/jwks",
        "HTTPS://Partner.Example/jwks",
    ] {
        assert!(public().check(url).is_ok(), "{url}");
    }
    for url in [
        "http://partner.example/jwks",
        "ftp://partner.example/jwks",
        "file:///etc/passwd",
        "data:application/json,{}",
        "partner.example/jwks",
        "",
        "https://",
        "https://user@partner.example/jwks",
        "https://user:word@partner.example/jwks",
        "https://partner.example/jwks#keys",
        "https://127.0.0.1/jwks",
        "https://127.0.0.1./jwks",
        "https://127.1/jwks",
        "https://2130706433/jwks",
        "https://0x7f000001/jwks",
        "https://0177.0.0.1/jwks",
        "https://0/jwks",
        "https://10.0.0.1/jwks",
        "https://172.16.0.1/jwks",
        "https://192.168.0.1/jwks",
        "https://169.254.169.254/latest/meta-data",
        "https://100.64.0.1/jwks",
        "https://[::1]/jwks",
        "https://[::]/jwks",
        "https://[::ffff:127.0.0.1]/jwks",
        "https://[::ffff:169.254.169.254]/jwks",
        "https://[64:ff9b::a00:1]/jwks",
        "https://[fe80::1]/jwks",
        "https://[fd00::1]/jwks",
        "http://localhost/jwks",
        "http://127.0.0.1/jwks",
    ] {
        assert!(matches!(public().check(url), Err(FetchError::NotAllowed(_))), "{url}");
    }
    let long = |length: usize| format!("https://partner.example/{}", "x".repeat(length - 24));
    assert!(public().check(&long(2_048)).is_ok());
    assert!(public().check(&long(2_049)).is_err());
}

#[test]
fn plain_http_goes_to_loopback_only_and_only_from_there() {
    for url in ["http://127.0.0.1:9000/jwks", "http://localhost/jwks", "http://[::1]/jwks", "https://10.0.0.1/jwks"] {
        assert!(loopback().check(url).is_ok(), "{url}");
    }
    for url in ["http://10.0.0.1/jwks", "http://partner.example/jwks", "http://localhost.example/jwks"] {
        assert!(loopback().check(url).is_err(), "{url}");
    }
}

#[test]
fn a_host_that_the_operator_named_may_be_private_and_no_other() {
    let rules = FetchRules { private_hosts: BTreeSet::from(["10.0.0.1".to_owned()]), ..public() };
    assert!(rules.check("https://10.0.0.1/jwks").is_ok());
    assert!(rules.check("https://10.0.0.2/jwks").is_err());
    assert!(rules.check("http://10.0.0.1/jwks").is_err(), "https all the same");
}

#[tokio::test]
async fn a_name_of_a_neighbour_is_never_connected_to() {
    let (port, seen) = neighbour(http("200 OK", "", "{}")).await;
    let error = fetcher(public()).fetch(&format!("https://localhost:{port}/jwks")).await.unwrap_err();
    let mut reasons = format!("{error:?}");
    let mut source = std::error::Error::source(&error);
    while let Some(reason) = source {
        reasons = format!("{reasons} {reason}");
        source = reason.source();
    }
    assert!(reasons.contains("does not point to the public internet"), "{reasons}");
    for address in ["127.0.0.1", "[::ffff:127.0.0.1]", "2130706433"] {
        let refused = fetcher(public()).fetch(&format!("https://{address}:{port}/jwks")).await;
        assert!(matches!(refused, Err(FetchError::NotAllowed(_))), "{address}");
    }
    assert_eq!(seen.load(Ordering::SeqCst), 0);
    let named = FetchRules { private_hosts: BTreeSet::from(["localhost".to_owned()]), ..public() };
    let reached = fetcher(named).fetch(&format!("https://localhost:{port}/jwks")).await;
    assert!(matches!(reached, Err(FetchError::Failed(_))), "it speaks no TLS");
    assert_ne!(seen.load(Ordering::SeqCst), 0, "the listener would have seen a connection");
}

#[tokio::test]
async fn a_document_is_read_up_to_its_limit() {
    let fill = |length: usize| format!("\"{}\"", "x".repeat(length - 2));
    let fetch = fetcher(loopback());
    for (length, fits) in [(2, true), (MOST_BYTES, true), (MOST_BYTES + 1, false), (MOST_BYTES * 20, false)] {
        let (port, _) = neighbour(http("200 OK", "", &fill(length))).await;
        let answer = fetch.fetch(&format!("http://127.0.0.1:{port}/jwks")).await;
        assert_eq!(answer.is_ok(), fits, "{length}");
        assert!(fits || matches!(answer, Err(FetchError::TooLarge)), "{length}");
    }
    let endless = format!(
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n{}",
        format!("4000\r\n{}\r\n", "x".repeat(0x4000)).repeat(5)
    );
    let (port, _) = neighbour(endless).await;
    let answer = fetch.fetch(&format!("http://127.0.0.1:{port}/jwks")).await;
    assert!(matches!(answer, Err(FetchError::TooLarge)), "a length that is not announced has the same limit");
}

#[tokio::test]
async fn a_redirect_is_not_followed_and_other_answers_are_none() {
    let (target, seen) = neighbour(http("200 OK", "", "{}")).await;
    let fetch = fetcher(loopback());
    for status in [301, 302, 303, 307, 308] {
        let location = format!("location: http://127.0.0.1:{target}/jwks\r\n");
        let (port, _) = neighbour(http(&format!("{status} Moved"), &location, "")).await;
        let answer = fetch.fetch(&format!("http://localhost:{port}/jwks")).await;
        assert!(matches!(answer, Err(FetchError::Status(code)) if code == status));
    }
    assert_eq!(seen.load(Ordering::SeqCst), 0);
    for (answer, status) in [("204 No Content", 204), ("404 Not Found", 404), ("500 Oh", 500)] {
        let (port, _) = neighbour(http(answer, "", "")).await;
        let answer = fetch.fetch(&format!("http://127.0.0.1:{port}/jwks")).await;
        assert!(matches!(answer, Err(FetchError::Status(code)) if code == status));
    }
    let (port, _) = neighbour(http("200 OK", "", "<html>")).await;
    assert!(matches!(fetch.fetch(&format!("http://127.0.0.1:{port}/jwks")).await, Err(FetchError::NotJson(_))));
    let (port, _) = neighbour(String::new()).await;
    assert!(matches!(fetch.fetch(&format!("http://127.0.0.1:{port}/jwks")).await, Err(FetchError::Failed(_))));
}
