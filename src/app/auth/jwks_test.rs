//! Published key sets: how long they are believed, how often they are fetched, and what happens when they cannot be.

use super::fakes_test::{FakeFetch, at, ec_jwk, with};
use super::jwks::{JwksError, JwksSource};
use super::public_key::{KeyProblem, MOST_KEYS};
use serde_json::json;
use std::sync::Arc;

const URL: &str = "https://partner.example/jwks";

fn source() -> (Arc<FakeFetch>, JwksSource) {
    let fetch = Arc::new(FakeFetch::default());
    fetch.publish(URL, &[&ec_jwk(1, "a")]);
    (fetch.clone(), JwksSource::new(fetch))
}

#[tokio::test]
async fn a_set_is_believed_for_ten_minutes_and_no_longer() {
    let (fetch, source) = source();
    for second in [0, 1, 599] {
        assert!(source.keys(URL, "a", at(second)).await.unwrap().has("a"));
    }
    assert!(source.keys(URL, "a", at(600).plus_micros(-1)).await.is_ok());
    assert_eq!(fetch.count(), 1);
    fetch.publish(URL, &[&ec_jwk(2, "b")]);
    assert!(!source.keys(URL, "a", at(600)).await.unwrap().has("a"), "a key that was withdrawn ends with its set");
    assert_eq!(fetch.count(), 2);
}

#[tokio::test]
async fn an_unknown_key_is_looked_for_once_a_minute() {
    let (fetch, source) = source();
    source.keys(URL, "a", at(0)).await.unwrap();
    for second in [1, 30, 59] {
        assert!(!source.keys(URL, "b", at(second)).await.unwrap().has("b"));
    }
    assert_eq!(fetch.count(), 1, "the set was fetched within the last minute");
    for (second, fetches) in [(60, 2), (61, 2), (119, 2), (120, 3), (121, 3)] {
        for kid in ["b", "c", "d"] {
            source.keys(URL, kid, at(second)).await.unwrap();
        }
        assert_eq!(fetch.count(), fetches, "second {second}");
    }
    fetch.publish(URL, &[&ec_jwk(1, "a"), &ec_jwk(2, "b")]);
    assert!(source.keys(URL, "b", at(180)).await.unwrap().has("b"));
    assert_eq!(fetch.count(), 4);
}

#[tokio::test]
async fn many_who_ask_at_once_fetch_once() {
    let (fetch, source) = source();
    let all = futures::future::join_all((0..32).map(|_| source.keys(URL, "a", at(0)))).await;
    assert!(all.iter().all(Result::is_ok));
    assert_eq!(fetch.count(), 1);
    futures::future::join_all((0..32).map(|_| source.keys(URL, "b", at(60)))).await;
    assert_eq!(fetch.count(), 2);
}

#[tokio::test]
async fn a_known_set_serves_through_an_outage_until_its_time_is_up() {
    let (fetch, source) = source();
    source.keys(URL, "a", at(0)).await.unwrap();
    fetch.withdraw(URL);
    assert!(source.keys(URL, "b", at(60)).await.unwrap().has("a"));
    assert!(source.keys(URL, "a", at(599)).await.unwrap().has("a"));
    assert_eq!(fetch.count(), 2);
    assert!(matches!(source.keys(URL, "a", at(600)).await, Err(JwksError::Fetch(_))));
    assert!(matches!(source.keys(URL, "a", at(609)).await, Err(JwksError::Waiting)));
    assert_eq!(fetch.count(), 3);
    fetch.publish(URL, &[&ec_jwk(1, "a")]);
    assert!(source.keys(URL, "a", at(610)).await.unwrap().has("a"));
}

#[tokio::test]
async fn an_address_that_never_answered_is_asked_again_after_ten_seconds() {
    let (fetch, source) = source();
    fetch.withdraw(URL);
    let first = source.keys(URL, "a", at(0)).await.unwrap_err();
    assert!(first.with_reasons().contains("404"), "{}", first.with_reasons());
    assert!(matches!(source.keys(URL, "a", at(10).plus_micros(-1)).await, Err(JwksError::Waiting)));
    assert!(matches!(source.keys(URL, "a", at(10)).await, Err(JwksError::Fetch(_))));
    assert_eq!(fetch.count(), 2);
}

#[tokio::test]
async fn a_set_that_must_not_be_used_is_not() {
    let key = ec_jwk(1, "a");
    let most = json!({"keys": (0..MOST_KEYS).map(|number| with(key.clone(), "kid", json!(number.to_string()))).collect::<Vec<_>>()});
    let many = json!({"keys": vec![key.clone(); MOST_KEYS + 1]});
    let (fetch, source) = source();
    fetch.put(URL, most);
    assert!(source.keys(URL, "49", at(0)).await.unwrap().has("49"));
    let mut second = 0;
    for (document, problem) in [
        (many, KeyProblem::TooMany(MOST_KEYS + 1)),
        (json!({"keys": [key, with(key.clone(), "d", json!("AA"))]}), KeyProblem::Private),
        (json!({"error": "no"}), KeyProblem::NotASet),
        (json!({"keys": []}), KeyProblem::None("the set is empty".to_owned())),
    ] {
        second += 600;
        fetch.put(URL, document);
        match source.keys(URL, "a", at(second)).await {
            Err(JwksError::Keys(found)) => assert_eq!(found, problem),
            other => panic!("{problem}: {other:?}"),
        }
    }
}

#[tokio::test]
async fn a_broken_set_does_not_push_out_the_one_that_is_known() {
    let (fetch, source) = source();
    source.keys(URL, "a", at(0)).await.unwrap();
    fetch.put(URL, json!({"keys": []}));
    assert!(source.keys(URL, "b", at(60)).await.unwrap().has("a"));
    assert!(source.keys(URL, "a", at(600)).await.is_err());
}

#[tokio::test]
async fn a_clock_that_was_set_back_makes_nothing_last_longer() {
    let (fetch, source) = source();
    source.keys(URL, "a", at(0)).await.unwrap();
    source.keys(URL, "a", at(-60)).await.unwrap();
    assert_eq!(fetch.count(), 1);
    source.keys(URL, "a", at(-61)).await.unwrap();
    assert_eq!(fetch.count(), 2);
}

#[tokio::test]
async fn addresses_do_not_share_what_they_publish() {
    let (fetch, source) = source();
    fetch.publish("https://other.example/jwks", &[&ec_jwk(2, "b")]);
    assert!(source.keys(URL, "a", at(0)).await.unwrap().has("a"));
    let other = source.keys("https://other.example/jwks", "b", at(0)).await.unwrap();
    assert!(other.has("b") && !other.has("a"));
}
