//! The verbs of the registry: what is refused when somebody looks, and how keys overlap.

use super::clients::ClientRegistry;
use super::fakes_test::{FakeRegistry, Signer, at, date, ec_jwk, inline, with};
use super::fetch::FetchRules;
use super::public_key::{KeyProblem, MOST_KEYS};
use super::registry::{ClientDesk, LONGEST_OVERLAP_SECONDS, Registration, RegistryError};
use crate::domain::access::Scope;
use crate::store::ClientKeys;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::sync::atomic::Ordering;

const ISSUER: &str = "https://issuer.example";

struct Scene {
    registry: FakeRegistry,
    rules: FetchRules,
    issuers: Vec<String>,
}

impl Scene {
    fn new() -> Self {
        Self { registry: FakeRegistry::default(), rules: FetchRules::default(), issuers: vec![ISSUER.to_owned()] }
    }
    fn desk(&self) -> ClientDesk<'_> {
        ClientDesk { registry: &self.registry, rules: &self.rules, issuers: &self.issuers }
    }
    async fn refuses(&self, registration: Registration) -> RegistryError {
        self.desk().add(registration, at(0)).await.expect_err("it should be refused")
    }
    /// The kids that are registered and the end of each, if it has one.
    async fn ends(&self, id: &str) -> Vec<(String, Option<i64>)> {
        let ClientKeys::Inline(set) = self.registry.client(id).await.unwrap().unwrap().keys else { panic!("inline") };
        let keys = set["keys"].as_array().unwrap().clone();
        keys.iter().map(|key| (key["kid"].as_str().unwrap().to_owned(), key["exp"].as_i64())).collect()
    }
}

fn registration(id: &str) -> Registration {
    Registration {
        id: id.to_owned(),
        name: " Care system ".to_owned(),
        organisation: "RX1".parse().unwrap(),
        scopes: BTreeSet::from([Scope::OutcomesRead]),
        keys: inline(&[&ec_jwk(1, "a")]),
    }
}

fn keyed(keys: ClientKeys) -> Registration {
    Registration { keys, ..registration("care") }
}

#[tokio::test]
async fn a_client_is_added_once_and_its_id_never_again() {
    let scene = Scene::new();
    let client = scene.desk().add(registration("care"), at(0)).await.unwrap();
    assert_eq!((client.name.as_str(), client.created_at, client.revoked_at), ("Care system", at(0), None));
    assert!(matches!(scene.refuses(registration("care")).await, RegistryError::Exists(_)));
    scene.desk().revoke("care", at(1)).await.unwrap();
    assert!(matches!(scene.refuses(registration("care")).await, RegistryError::Exists(_)));
    assert_eq!(scene.desk().list().await.unwrap().len(), 1);
}

#[tokio::test]
async fn every_field_has_its_limits() {
    let scene = Scene::new();
    for id in ["", "a b", "a/b", "é", "development", "operator", &"x".repeat(65)] {
        assert!(matches!(scene.refuses(registration(id)).await, RegistryError::Invalid { field: "id", .. }), "{id}");
    }
    scene.desk().add(registration(&"x".repeat(64)), at(0)).await.unwrap();
    for name in ["", "  ", "a\nb", "a\u{1b}[2J", &"x".repeat(201)] {
        let named = Registration { name: name.to_owned(), ..registration("care") };
        assert!(matches!(scene.refuses(named).await, RegistryError::Invalid { field: "name", .. }), "{name:?}");
    }
    let reserved = Registration { organisation: "cairn-reference".parse().unwrap(), ..registration("care") };
    assert!(matches!(scene.refuses(reserved).await, RegistryError::Invalid { field: "organisation", .. }));
    let idle = Registration { scopes: BTreeSet::new(), ..registration("care") };
    assert!(matches!(scene.refuses(idle).await, RegistryError::Invalid { field: "scopes", .. }));
    let longest = Registration { name: "x".repeat(200), ..registration("care") };
    scene.desk().add(longest, at(0)).await.unwrap();
}

#[tokio::test]
async fn keys_are_looked_at_when_they_are_handed_over() {
    let scene = Scene::new();
    let problem = |error| match error {
        RegistryError::Keys(problem) => problem,
        other => panic!("{other:?}"),
    };
    let private = with(ec_jwk(1, "a"), "d", json!("AA"));
    assert_eq!(problem(scene.refuses(keyed(inline(&[&private]))).await), KeyProblem::Private);
    assert_eq!(problem(scene.refuses(keyed(ClientKeys::Inline(private))).await), KeyProblem::Private);
    let weak = json!({"kty": "RSA", "e": "AQAB", "kid": "w", "n": "_".repeat(172)});
    assert!(
        matches!(problem(scene.refuses(keyed(inline(&[&weak]))).await), KeyProblem::None(why) if why.contains("2048"))
    );
    let twins = inline(&[&ec_jwk(1, "a"), &ec_jwk(2, "a")]);
    assert_eq!(problem(scene.refuses(keyed(twins)).await), KeyProblem::Ambiguous("a".to_owned()));
    let many: Vec<Value> =
        (0..=MOST_KEYS).map(|number| with(ec_jwk(1, "a"), "kid", json!(number.to_string()))).collect();
    let many: Vec<&Value> = many.iter().collect();
    assert_eq!(problem(scene.refuses(keyed(inline(&many))).await), KeyProblem::TooMany(MOST_KEYS + 1));
    scene.desk().add(keyed(inline(&many[1..])), at(0)).await.unwrap();
    let large = ClientKeys::Inline(json!({"keys": [with(ec_jwk(1, "a"), "x5c", json!(["x".repeat(65_536)]))]}));
    assert!(matches!(scene.refuses(keyed(large)).await, RegistryError::Invalid { field: "keys", .. }));
    let single = Registration { keys: ClientKeys::Inline(ec_jwk(1, "a")), ..registration("single") };
    let client = scene.desk().add(single, at(0)).await.unwrap();
    assert_eq!(client.keys, inline(&[&ec_jwk(1, "a")]), "a key alone is a set of one");
}

#[tokio::test]
async fn addresses_and_issuers_are_looked_at_too() {
    let scene = Scene::new();
    for url in [
        "http://partner.example/jwks",
        "https://127.0.0.1/jwks",
        "https://10.0.0.1/jwks",
        "no url",
        "file:///etc/passwd",
    ] {
        assert!(
            matches!(scene.refuses(keyed(ClientKeys::Url(url.to_owned()))).await, RegistryError::Address(_)),
            "{url}"
        );
    }
    scene.desk().add(keyed(ClientKeys::Url("https://partner.example/jwks".to_owned())), at(0)).await.unwrap();
    let alien = Registration { keys: ClientKeys::Issuer(ISSUER.to_owned()), ..registration("alien") };
    scene.desk().add(alien, at(0)).await.unwrap();
    let stray = Registration { keys: ClientKeys::Issuer("https://other.example".to_owned()), ..registration("stray") };
    assert!(scene.refuses(stray).await.to_string().contains(ISSUER), "it says which there are");
}

#[tokio::test]
async fn keys_are_replaced_at_once_unless_they_overlap() {
    let scene = Scene::new();
    scene.desk().add(registration("care"), at(0)).await.unwrap();
    let client = scene.desk().rotate("care", inline(&[&ec_jwk(2, "b")]), 0, at(1)).await.unwrap();
    assert_eq!(client.rotated_at, Some(at(1)));
    assert_eq!(scene.ends("care").await, [("b".to_owned(), None)]);
    scene.desk().rotate("care", inline(&[&ec_jwk(3, "c")]), 60, at(2)).await.unwrap();
    assert_eq!(scene.ends("care").await, [("c".to_owned(), None), ("b".to_owned(), Some(date(62)))]);
    // An earlier end stays, a later rotation never brings a key back to life, and a key that is over goes.
    scene.desk().rotate("care", inline(&[&ec_jwk(4, "d")]), 600, at(3)).await.unwrap();
    let expected = [("d".to_owned(), None), ("c".to_owned(), Some(date(603))), ("b".to_owned(), Some(date(62)))];
    assert_eq!(scene.ends("care").await, expected);
    scene.desk().rotate("care", inline(&[&ec_jwk(5, "e")]), 60, at(62)).await.unwrap();
    let expected = [("e".to_owned(), None), ("d".to_owned(), Some(date(122))), ("c".to_owned(), Some(date(122)))];
    assert_eq!(scene.ends("care").await, expected);
}

#[tokio::test]
async fn an_end_that_a_key_has_of_its_own_stays_however_it_is_written() {
    let scene = Scene::new();
    let ending = with(ec_jwk(1, "a"), "exp", json!(date(30) as f64 + 0.5));
    scene.desk().add(keyed(inline(&[&ending])), at(0)).await.unwrap();
    scene.desk().rotate("care", inline(&[&ec_jwk(2, "b")]), 600, at(1)).await.unwrap();
    assert_eq!(scene.ends("care").await, [("b".to_owned(), None), ("a".to_owned(), Some(date(30)))]);
    let unreadable = with(ec_jwk(3, "c"), "exp", json!("never"));
    scene.desk().rotate("care", inline(&[&ec_jwk(4, "d"), &unreadable]), 0, at(2)).await.unwrap();
    scene.desk().rotate("care", inline(&[&ec_jwk(5, "e")]), 600, at(3)).await.unwrap();
    let left: Vec<String> = scene.ends("care").await.into_iter().map(|(kid, _)| kid).collect();
    assert_eq!(left, ["e", "d"], "a key that never served does not begin to");
}

#[tokio::test]
async fn a_key_that_stays_does_not_end() {
    let scene = Scene::new();
    scene.desk().add(registration("care"), at(0)).await.unwrap();
    scene.desk().rotate("care", inline(&[&ec_jwk(1, "a"), &ec_jwk(2, "b")]), 60, at(1)).await.unwrap();
    assert_eq!(scene.ends("care").await, [("a".to_owned(), None), ("b".to_owned(), None)]);
}

#[tokio::test]
async fn an_overlap_has_its_limits() {
    let scene = Scene::new();
    scene.desk().add(registration("care"), at(0)).await.unwrap();
    let refused =
        |outcome: Result<_, RegistryError>| outcome.map(|_: crate::store::Client| ()).unwrap_err().to_string();
    let desk = scene.desk();
    let long = desk.rotate("care", inline(&[&ec_jwk(2, "b")]), LONGEST_OVERLAP_SECONDS + 1, at(1)).await;
    assert!(refused(long).contains("overlap"));
    desk.rotate("care", inline(&[&ec_jwk(2, "b")]), LONGEST_OVERLAP_SECONDS, at(1)).await.unwrap();
    let same_kid = desk.rotate("care", inline(&[&ec_jwk(3, "b")]), 60, at(2)).await;
    assert!(refused(same_kid).contains("kid b"), "the old key could not be told from the new one");
    desk.rotate("care", inline(&[&ec_jwk(3, "b")]), 0, at(2)).await.unwrap();
    let address = || ClientKeys::Url("https://partner.example/jwks".to_owned());
    assert!(refused(desk.rotate("care", address(), 60, at(3)).await).contains("overlap"));
    desk.rotate("care", address(), 0, at(3)).await.unwrap();
    assert!(refused(desk.rotate("care", inline(&[&ec_jwk(4, "d")]), 60, at(4)).await).contains("overlap"));
}

#[tokio::test]
async fn to_revoke_is_final() {
    let scene = Scene::new();
    let desk = scene.desk();
    desk.add(registration("care"), at(0)).await.unwrap();
    assert_eq!(desk.revoke("care", at(5)).await.unwrap().revoked_at, Some(at(5)));
    assert_eq!(desk.revoke("care", at(9)).await.unwrap().revoked_at, Some(at(5)), "again changes nothing");
    let rotated = desk.rotate("care", inline(&[&Signer::ec(2, "b").jwk]), 0, at(6)).await;
    assert!(matches!(rotated, Err(RegistryError::Revoked(_))));
    assert!(matches!(desk.revoke("none", at(5)).await, Err(RegistryError::Absent(_))));
    assert!(matches!(desk.rotate("none", inline(&[]), 0, at(6)).await, Err(RegistryError::Absent(_))));
    scene.registry.is_down.store(true, Ordering::SeqCst);
    assert!(matches!(desk.revoke("care", at(5)).await, Err(RegistryError::Store { .. })));
}
