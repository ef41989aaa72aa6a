//! Client assertions: what is accepted, and every way that is known to forge or reuse one.

use super::assertion::AssertionVerifier;
use super::error::AuthError;
use super::fakes_test::{FakeFetch, FakeRegistry, Signer, at, client, date, inline, with};
use super::jwks::JwksSource;
use super::{ClientKey, LEEWAY_SECONDS, generate_client_key};
use crate::domain::time::Timestamp;
use crate::store::ClientKeys;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, EncodingKey};
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::Ordering;

const TOKEN_URL: &str = "https://cairn.example/oauth2/token";
const ISSUER: &str = "https://cairn.example";
const KEYS_URL: &str = "https://partner.example/jwks";

struct Scene {
    verifier: AssertionVerifier,
    registry: Arc<FakeRegistry>,
    fetch: Arc<FakeFetch>,
}

impl Scene {
    /// `care` with an elliptic and an RSA key here, `far` with its keys at an address, `alien` of an external issuer.
    fn new() -> Self {
        let (ec, rsa) = (Signer::ec(1, "a"), Signer::rsa("r"));
        let registry = Arc::new(FakeRegistry::of([
            client("care", inline(&[&ec.jwk, &rsa.jwk])),
            client("far", ClientKeys::Url(KEYS_URL.to_owned())),
            client("alien", ClientKeys::Issuer("https://issuer.example".to_owned())),
        ]));
        let fetch = Arc::new(FakeFetch::default());
        fetch.publish(KEYS_URL, &[&Signer::ec(1, "a").jwk]);
        let jwks = Arc::new(JwksSource::new(fetch.clone()));
        let verifier = AssertionVerifier::new(registry.clone(), jwks, TOKEN_URL.to_owned(), ISSUER.to_owned());
        Self { verifier, registry, fetch }
    }
    async fn accepts(&self, assertion: &str, now: Timestamp) {
        if let Err(error) = self.verifier.verify(assertion, now).await {
            panic!("{error}");
        }
    }
    /// What the sender hears and what the operator hears.
    async fn refuses(&self, assertion: &str, now: Timestamp) -> (String, String) {
        match self.verifier.verify(assertion, now).await {
            Err(error @ AuthError::InvalidClient { .. }) => (error.description(), error.to_string()),
            other => panic!("expected invalid_client, got {other:?}"),
        }
    }
}

fn claims(client: &str, jti: &str) -> Value {
    json!({"iss": client, "sub": client, "aud": TOKEN_URL, "jti": jti, "iat": date(0), "exp": date(240)})
}

fn signer() -> Signer {
    Signer::ec(1, "a")
}

#[tokio::test]
async fn a_client_that_holds_its_key_is_known() {
    let scene = Scene::new();
    scene.accepts(&signer().sign(&claims("care", "1")), at(0)).await;
    scene.accepts(&signer().sign(&with(claims("care", "2"), "aud", json!(ISSUER))), at(0)).await;
    scene.accepts(&signer().sign(&with(claims("care", "3"), "aud", json!([TOKEN_URL]))), at(0)).await;
    scene.accepts(&signer().sign(&claims("far", "1")), at(0)).await;
    for algorithm in [Algorithm::RS384, Algorithm::RS512, Algorithm::PS256, Algorithm::PS384] {
        let signed = Signer::rsa("r").using(algorithm).sign(&claims("care", &format!("{algorithm:?}")));
        scene.accepts(&signed, at(0)).await;
    }
    let jku = with(signer().header(), "jku", json!(KEYS_URL));
    scene.accepts(&signer().sign_under(&jku, &claims("far", "2")), at(0)).await;
    for typ in [Value::Null, json!("jwt"), json!("client-authentication+jwt")] {
        let signed =
            signer().sign_under(&with(signer().header(), "typ", typ.clone()), &claims("care", &typ.to_string()));
        scene.accepts(&signed, at(0)).await;
    }
}

#[tokio::test]
async fn the_assertion_that_the_commands_make_is_accepted_once() {
    let key: ClientKey = generate_client_key(&[9; 48]).unwrap();
    let scene = Scene::new();
    scene.registry.change("care", |client| client.keys = ClientKeys::Inline(key.jwks()));
    let assertion = key.assertion("care", TOKEN_URL, at(0), &[1; 16]).unwrap();
    scene.accepts(&assertion, at(0)).await;
    assert!(scene.refuses(&assertion, at(1)).await.0.contains("jti was used before"));
}

#[tokio::test]
async fn what_an_assertion_says_of_itself_is_answered_in_full() {
    let scene = Scene::new();
    let changed = |name: &str, value: Value| signer().sign(&with(claims("care", "1"), name, value));
    for (assertion, why) in [
        (changed("iss", json!("far")), "iss and sub must both"),
        (changed("sub", json!("far")), "iss and sub must both"),
        (changed("iss", Value::Null), "iss is missing"),
        (changed("sub", json!(7)), "sub must be a string"),
        (
            changed("aud", json!("https://other.example/token")),
            "expected https://cairn.example/oauth2/token or https://cairn.example, received https://other.example/token",
        ),
        (changed("aud", json!([TOKEN_URL, "https://other.example"])), "received https://cairn.example/oauth2/token, "),
        (changed("aud", json!([TOKEN_URL, ISSUER])), "aud: expected"),
        (changed("aud", json!([])), "aud: expected"),
        (changed("aud", json!(format!("{TOKEN_URL}/"))), "aud: expected"),
        (changed("aud", json!({"a": 1})), "aud must be"),
        (changed("aud", Value::Null), "aud is missing"),
        (changed("jti", Value::Null), "jti is missing"),
        (changed("jti", json!("")), "jti is missing"),
        (changed("jti", json!(1)), "jti must be a string"),
        (changed("jti", json!("x".repeat(201))), "jti must have"),
        (changed("exp", Value::Null), "exp is missing"),
        (changed("exp", json!(date(240).to_string())), "exp must be a number"),
        (changed("nbf", json!(date(0).to_string())), "nbf must be a number"),
        (changed("iat", json!("now")), "iat must be a number"),
        (changed("nbf", json!(date(241))), "nbf is in the future"),
    ] {
        let (heard, _) = scene.refuses(&assertion, at(0)).await;
        assert!(heard.starts_with("client_assertion: ") && heard.contains(why), "{why}: {heard}");
    }
    assert!(scene.registry.remembered().is_empty(), "nothing of it was used up");
    assert_eq!(scene.registry.asked.load(Ordering::SeqCst), 0);
    scene.accepts(&changed("jti", json!("x".repeat(200))), at(0)).await;
}

#[tokio::test]
async fn its_life_has_two_ends() {
    let scene = Scene::new();
    let mut number = 0;
    let mut until = |seconds: i64| {
        number += 1;
        signer().sign(&with(claims("care", &format!("t{number}")), "exp", json!(date(seconds))))
    };
    // Five minutes for a clock that is as far ahead as clocks may be.
    let most = 300 + LEEWAY_SECONDS;
    scene.accepts(&until(300), at(0)).await;
    scene.accepts(&until(most), at(0)).await;
    assert!(scene.refuses(&until(most + 1), at(0)).await.0.contains("at most 5 minutes ahead"));
    scene.accepts(&until(60), at(60).plus_micros(-1)).await;
    assert!(scene.refuses(&until(60), at(60)).await.0.contains("exp is past"));
    for name in ["nbf", "iat"] {
        let from = |seconds: i64| {
            signer().sign(&with(claims("care", &format!("{name}{seconds}")), name, json!(date(seconds))))
        };
        scene.accepts(&from(LEEWAY_SECONDS), at(0)).await;
        assert!(scene.refuses(&from(LEEWAY_SECONDS + 1), at(0)).await.0.contains("in the future"));
        let late = with(with(claims("care", &format!("{name}late")), "exp", json!(date(10))), name, json!(date(11)));
        assert!(scene.refuses(&signer().sign(&late), at(0)).await.0.contains("must not be after exp"));
    }
    let still = claims("care", "no-iat");
    scene.accepts(&signer().sign(&with(still, "iat", Value::Null)), at(0)).await;
}

#[tokio::test]
async fn an_assertion_is_remembered_for_longer_than_it_lives() {
    let scene = Scene::new();
    let assertion = signer().sign(&claims("care", "1"));
    scene.accepts(&assertion, at(0)).await;
    assert_eq!(scene.registry.remembered(), [at(240 + LEEWAY_SECONDS)]);
    assert!(scene.refuses(&assertion, at(240).plus_micros(-1)).await.0.contains("used before"));
    assert!(scene.refuses(&assertion, at(240)).await.0.contains("past"));
    scene.accepts(&signer().sign(&claims("far", "1")), at(0)).await;
}

#[tokio::test]
async fn forged_headers_are_refused() {
    let scene = Scene::new();
    let header = |name: &str, value: Value| with(signer().header(), name, value);
    let under = |header: &Value| signer().sign_under(header, &claims("care", "1"));
    for (head, why) in [
        (header("alg", json!("none")), "algorithm none"),
        (header("alg", json!("HS256")), "algorithm HS256"),
        (header("alg", json!("RS256")), "expected one of the algorithms"),
        (header("kid", Value::Null), "kid is missing"),
        (header("jwk", Signer::ec(2, "a").jwk), "with jwk"),
        (header("x5u", json!("https://evil.example/cert")), "with x5u"),
        (header("x5c", json!([])), "with x5c"),
        (header("crit", json!(["exp"])), "with crit"),
        (header("typ", json!("at+jwt")), "typ"),
        (header("typ", json!("dpop+jwt")), "typ"),
        (header("typ", json!(1)), "typ must be a string"),
    ] {
        let (heard, _) = scene.refuses(&under(&head), at(0)).await;
        assert!(heard.contains(why), "{head}: {heard}");
    }
    let signed = signer().sign(&claims("care", "1"));
    let (unsigned, _) = signed.rsplit_once('.').unwrap();
    scene.refuses(&format!("{unsigned}."), at(0)).await;
    let none = URL_SAFE_NO_PAD.encode(json!({"alg": "none", "kid": "a"}).to_string());
    scene.refuses(&format!("{none}.{}.", unsigned.split_once('.').unwrap().1), at(0)).await;
}

#[tokio::test]
async fn a_public_key_is_no_shared_secret() {
    let scene = Scene::new();
    let header = URL_SAFE_NO_PAD.encode(json!({"alg": "HS256", "kid": "r"}).to_string());
    let signed = format!("{header}.{}", URL_SAFE_NO_PAD.encode(claims("care", "1").to_string()));
    let jwk = Signer::rsa("r").jwk;
    let modulus = URL_SAFE_NO_PAD.decode(jwk["n"].as_str().unwrap()).unwrap();
    for secret in [jwk.to_string().into_bytes(), modulus] {
        let key = EncodingKey::from_secret(&secret);
        let signature = jsonwebtoken::crypto::sign(signed.as_bytes(), &key, Algorithm::HS256).unwrap();
        assert!(scene.refuses(&format!("{signed}.{signature}"), at(0)).await.0.contains("HS256"));
    }
}

#[tokio::test]
async fn from_the_registry_on_the_sender_hears_one_answer_and_the_operator_the_reason() {
    let scene = Scene::new();
    scene.registry.change("far", |client| client.revoked_at = Some(at(-1)));
    let jku = with(signer().header(), "jku", json!(KEYS_URL));
    let mut heard_all = Vec::new();
    for (assertion, why) in [
        (signer().sign(&claims("nobody", "1")), "there is no client nobody"),
        (signer().sign(&claims("far", "1")), "far was revoked"),
        (signer().sign(&claims("alien", "1")), "has its tokens from https://issuer.example"),
        (Signer::ec(2, "a").sign(&claims("care", "1")), "signature of care does not verify"),
        (Signer::ec(1, "b").sign(&claims("care", "1")), "no key of the right kind has the kid b"),
        (Signer::ec(1, "r").sign(&claims("care", "1")), "no key of the right kind has the kid r"),
        (Signer::rsa("a").sign(&claims("care", "1")), "no key of the right kind has the kid a"),
        (signer().sign_under(&jku, &claims("care", "1")), "jku is not the registered address"),
    ] {
        let (heard, told) = scene.refuses(&assertion, at(0)).await;
        assert!(told.contains(why), "{why}: {told}");
        heard_all.push(heard);
    }
    heard_all.dedup();
    assert_eq!(heard_all.len(), 1, "{heard_all:?}");
    assert!(scene.registry.remembered().is_empty(), "a stranger uses up nothing of a client's");
}

#[tokio::test]
async fn a_kid_that_two_keys_share_selects_neither() {
    let scene = Scene::new();
    scene.registry.change("care", |client| client.keys = inline(&[&Signer::ec(1, "a").jwk, &Signer::ec(2, "a").jwk]));
    for number in [1, 2] {
        let (_, told) = scene.refuses(&Signer::ec(number, "a").sign(&claims("care", "1")), at(0)).await;
        assert!(told.contains("more than one key"), "{told}");
    }
}

#[tokio::test]
async fn a_jku_other_than_the_registered_one_is_never_fetched() {
    let scene = Scene::new();
    scene.fetch.publish("https://evil.example/jwks", &[&Signer::ec(2, "a").jwk]);
    let evil = Signer::ec(2, "a");
    let jku = with(evil.header(), "jku", json!("https://evil.example/jwks"));
    for id in ["care", "far"] {
        let (_, told) = scene.refuses(&evil.sign_under(&jku, &claims(id, "1")), at(0)).await;
        assert!(told.contains("jku"), "{told}");
    }
    assert_eq!(scene.fetch.count(), 0);
}

#[tokio::test]
async fn keys_at_an_address_are_rotated_by_their_owner() {
    let scene = Scene::new();
    scene.accepts(&Signer::ec(1, "a").sign(&claims("far", "1")), at(0)).await;
    scene.fetch.publish(KEYS_URL, &[&Signer::ec(1, "a").jwk, &Signer::ec(2, "b").jwk]);
    scene.accepts(&Signer::ec(2, "b").sign(&claims("far", "2")), at(60)).await;
    scene.accepts(&Signer::ec(1, "a").sign(&claims("far", "3")), at(61)).await;
    scene.fetch.publish(KEYS_URL, &[&Signer::ec(3, "c").jwk]);
    scene.accepts(&Signer::ec(3, "c").sign(&claims("far", "4")), at(121)).await;
    let (_, told) = scene.refuses(&Signer::ec(2, "b").sign(&claims("far", "5")), at(122)).await;
    assert!(told.contains("kid b"), "{told}");
    assert_eq!(scene.fetch.count(), 3);
}

#[tokio::test]
async fn nobody_is_let_in_while_the_registry_is_down() {
    let scene = Scene::new();
    scene.registry.is_down.store(true, Ordering::SeqCst);
    let answer = scene.verifier.verify(&signer().sign(&claims("care", "1")), at(0)).await;
    assert!(matches!(answer, Err(AuthError::Unavailable { .. })), "{answer:?}");
}

#[tokio::test]
async fn no_answer_repeats_an_assertion() {
    let scene = Scene::new();
    let signed = Signer::ec(2, "a").sign(&claims("care", "1"));
    let error = scene.verifier.verify(&signed, at(0)).await.unwrap_err();
    let (_, signature) = signed.rsplit_once('.').unwrap();
    assert!(!format!("{error} {error:?} {}", error.description()).contains(signature));
}
