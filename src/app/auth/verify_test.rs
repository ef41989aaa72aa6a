//! Access tokens: whose are accepted, for which client, and every way that is known to forge or outlive one.

use super::clients::ClientRegistry;
use super::error::AuthError;
use super::fakes_test::{FakeFetch, FakeRegistry, Signer, at, client, date, inline, with};
use super::jwks::JwksSource;
use super::verify::bearer_token;
use super::{
    ClientClaim, DevelopmentIssuer, ExternalIssuer, LEEWAY_SECONDS, SigningKey, TokenIssuer, TokenVerifier,
    VerifierSettings, development,
};
use crate::domain::access::{Caller, Scope};
use crate::domain::time::Timestamp;
use crate::store::ClientKeys;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, EncodingKey};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::Ordering;

pub(super) const OWN: &str = "https://cairn.example";
pub(super) const ALIEN: &str = "https://issuer.example/realms/care";
const ALIEN_KEYS: &str = "https://issuer.example/keys";
const AUDIENCE: &str = "cairn";

pub(super) struct Scene {
    verifier: TokenVerifier,
    issuer: TokenIssuer,
    key: Arc<SigningKey>,
    pub(super) development: DevelopmentIssuer,
    registry: Arc<FakeRegistry>,
    fetch: Arc<FakeFetch>,
    _folder: tempfile::TempDir,
}

/// An external issuer.
pub(super) fn external() -> ExternalIssuer {
    ExternalIssuer {
        issuer: ALIEN.to_owned(),
        jwks_url: ALIEN_KEYS.to_owned(),
        audience: AUDIENCE.to_owned(),
        algorithms: vec!["ES384".to_owned(), "RS256".to_owned()],
        client_claim: ClientClaim::Azp,
        requires_at_jwt: false,
    }
}

/// A service on a public address.
pub(super) fn settings(key: &SigningKey) -> VerifierSettings {
    VerifierSettings {
        issuer: OWN.to_owned(),
        audience: OWN.to_owned(),
        keys: key.key_set(),
        loopback: false,
        development: None,
        external: vec![external()],
    }
}

impl Scene {
    pub(super) fn new() -> Self {
        Self::with_settings(|_, _| {})
    }
    pub(super) fn with_settings(change: impl FnOnce(&mut VerifierSettings, DevelopmentIssuer)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let open = || DevelopmentIssuer::open_or_create(folder.path(), &[8; 32]).unwrap();
        let key = Arc::new(SigningKey::generate(&[7; 32]).unwrap());
        let signer = Signer::ec(1, "x");
        let registry = Arc::new(FakeRegistry::of([
            client("care", inline(&[&Signer::ec(9, "a").jwk])),
            client("alien", ClientKeys::Issuer(ALIEN.to_owned())),
        ]));
        let fetch = Arc::new(FakeFetch::default());
        fetch.publish(ALIEN_KEYS, &[&signer.jwk, &Signer::rsa("r").jwk]);
        let mut settings = settings(&key);
        change(&mut settings, open());
        let shared: Arc<dyn ClientRegistry> = registry.clone();
        let verifier = TokenVerifier::new(settings, shared, Arc::new(JwksSource::new(fetch.clone()))).unwrap();
        let issuer = TokenIssuer::new(OWN.to_owned(), OWN.to_owned(), 300, key.clone());
        Self { verifier, issuer, key, development: open(), registry, fetch, _folder: folder }
    }
    fn issue(&self, id: &str) -> String {
        let scopes = BTreeSet::from([Scope::OutcomesRead, Scope::OutcomesWrite]);
        self.issuer.issue(id, &scopes, at(0), &[1; 16]).unwrap().access_token.to_string()
    }
    pub(super) async fn accepts(&self, token: &str, now: Timestamp) -> Caller {
        self.verifier.verify(token, now).await.unwrap_or_else(|error| panic!("{error}"))
    }
    pub(super) async fn refuses(&self, token: &str, now: Timestamp) -> String {
        match self.verifier.verify(token, now).await {
            Err(error @ AuthError::InvalidToken { .. }) => error.description(),
            other => panic!("expected invalid_token, got {other:?}"),
        }
    }
}

/// The claims of one of the service's own tokens.
fn own_claims() -> Value {
    json!({"iss": OWN, "aud": OWN, "sub": "care", "client_id": "care", "scope": "outcomes:read",
        "iat": date(0), "nbf": date(0), "exp": date(300), "jti": "1"})
}

/// The claims of one of the external issuer's tokens.
fn alien_claims() -> Value {
    json!({"iss": ALIEN, "aud": [AUDIENCE, "account"], "sub": "b7", "azp": "alien", "scope": "openid outcomes:read",
        "iat": date(0), "exp": date(300), "jti": "1"})
}

#[tokio::test]
async fn an_own_token_says_who_calls_and_the_registry_for_whom() {
    let scene = Scene::new();
    let caller = scene.accepts(&scene.issue("care"), at(0)).await;
    assert_eq!((caller.client.as_str(), caller.organisation.as_str()), ("care", "RX1"));
    assert_eq!(caller.scopes, BTreeSet::from([Scope::OutcomesRead, Scope::OutcomesWrite]));
    let claiming = with(own_claims(), "organisation", json!("OTHER"));
    let caller = scene.accepts(&scene.key.sign("at+jwt", &claiming).unwrap(), at(0)).await;
    assert_eq!(caller.organisation.as_str(), "RX1", "a token does not choose its organisation");
    let wide = with(own_claims(), "scope", json!("outcomes:read people:write"));
    let caller = scene.accepts(&scene.key.sign("at+jwt", &wide).unwrap(), at(0)).await;
    assert_eq!(caller.scopes, BTreeSet::from([Scope::OutcomesRead]), "nor more than is registered");
}

#[tokio::test]
async fn own_tokens_with_anything_wrong_are_refused() {
    let scene = Scene::new();
    for (name, value, why) in [
        ("iss", json!("https://other.example"), "iss: tokens of https://other.example are not accepted"),
        ("iss", Value::Null, "iss is missing"),
        ("iss", json!(development::ISSUER), "only by a service that listens on loopback"),
        ("iss", json!(ALIEN), "does not sign with EdDSA"),
        ("aud", json!("https://other.example"), "aud: expected https://cairn.example, received https://other.example"),
        ("aud", Value::Null, "aud is missing"),
        ("exp", Value::Null, "exp is missing"),
        ("exp", json!(date(300).to_string()), "exp must be a number"),
        ("exp", json!({"a": 1}), "exp must be a number"),
        ("nbf", json!(date(0).to_string()), "nbf must be a number"),
        ("nbf", json!(date(LEEWAY_SECONDS + 1)), "nbf is in the future"),
        ("iat", json!(date(LEEWAY_SECONDS + 1)), "iat is in the future"),
        ("client_id", Value::Null, "client_id is missing"),
        ("client_id", json!(["care"]), "client_id must be a string"),
        ("client_id", json!("nobody"), "not registered here"),
        ("client_id", json!("alien"), "not registered here"),
        ("sub", json!(1), "sub must be a string"),
        ("scope", Value::Null, "scope is missing"),
        ("scope", json!(["outcomes:read"]), "scope must be a string"),
    ] {
        let token = scene.key.sign("at+jwt", &with(own_claims(), name, value.clone())).unwrap();
        let heard = scene.refuses(&token, at(0)).await;
        assert!(heard.contains(why), "{name} {value}: {heard}");
    }
    let timeless = with(with(own_claims(), "iat", Value::Null), "nbf", Value::Null);
    assert!(scene.refuses(&scene.key.sign("at+jwt", &timeless).unwrap(), at(0)).await.contains("iat or nbf"));
    for typ in ["JWT", "dpop+jwt", "id+jwt"] {
        let heard = scene.refuses(&scene.key.sign(typ, &own_claims()).unwrap(), at(0)).await;
        assert!(heard.contains("no access token"), "{typ}: {heard}");
    }
    scene.accepts(&scene.key.sign("application/at+jwt", &own_claims()).unwrap(), at(0)).await;
    let edge = with(own_claims(), "nbf", json!(date(LEEWAY_SECONDS)));
    scene.accepts(&scene.key.sign("at+jwt", &edge).unwrap(), at(0)).await;
}

#[tokio::test]
async fn forged_signatures_are_refused() {
    let scene = Scene::new();
    let token = scene.issue("care");
    let parts: Vec<&str> = token.split('.').collect();
    let encode = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let head = |alg: &str| encode(&json!({"typ": "at+jwt", "alg": alg, "kid": scene.key.kid()}));
    scene.accepts(&token, at(0)).await;
    let mut tampered = URL_SAFE_NO_PAD.decode(parts[2]).unwrap();
    tampered[3] ^= 1;
    for (forged, why) in [
        (format!("{}.{}.", head("none"), parts[1]), "algorithm none"),
        (format!("{}.{}.", parts[0], parts[1]), "signature"),
        (format!("{}.{}.{}", parts[0], parts[1], URL_SAFE_NO_PAD.encode(&tampered)), "signature"),
        (format!("{}.{}.{}=", parts[0], parts[1], parts[2]), "signature"),
        (format!("{}.{}.{}", parts[0], encode(&with(own_claims(), "exp", json!(date(900)))), parts[2]), "signature"),
        (format!("{}.{}.{}", head("ES384"), parts[1], parts[2]), "no key of the right kind"),
        (SigningKey::generate(&[6; 32]).unwrap().sign("at+jwt", &own_claims()).unwrap(), "no key of the right kind"),
    ] {
        let heard = scene.refuses(&forged, at(0)).await;
        assert!(heard.contains(why), "{why}: {heard}");
    }
    let signed = format!("{}.{}", head("HS256"), parts[1]);
    for secret in [scene.key.jwks()["keys"][0]["x"].as_str().unwrap().to_owned(), scene.key.jwks().to_string()] {
        let key = EncodingKey::from_secret(secret.as_bytes());
        let signature = jsonwebtoken::crypto::sign(signed.as_bytes(), &key, Algorithm::HS256).unwrap();
        assert!(scene.refuses(&format!("{signed}.{signature}"), at(0)).await.contains("HS256"));
    }
}

#[tokio::test]
async fn an_own_token_ends_on_the_second_also_when_it_is_remembered() {
    let scene = Scene::new();
    let token = scene.issue("care");
    for second in [0, 240, 299] {
        scene.accepts(&token, at(second)).await;
    }
    scene.accepts(&token, at(300).plus_micros(-1)).await;
    assert!(scene.refuses(&token, at(300)).await.contains("expired"));
    assert!(Scene::new().refuses(&token, at(300)).await.contains("expired"), "nor is it when first seen then");
}

#[tokio::test]
async fn a_revocation_bites_within_two_seconds_and_a_token_does_not_outlive_its_client() {
    let scene = Scene::new();
    let token = scene.issue("care");
    scene.accepts(&token, at(0)).await;
    scene.registry.change("care", |client| client.revoked_at = Some(at(0)));
    scene.accepts(&token, at(2).plus_micros(-1)).await;
    assert_eq!(scene.registry.asked.load(Ordering::SeqCst), 1, "it is not asked for each call");
    let heard = scene.refuses(&token, at(2)).await;
    assert!(heard.contains("was revoked"), "{heard}");
    scene.registry.change("care", |client| client.revoked_at = None);
    scene.accepts(&token, at(4)).await;
    scene.registry.change("care", |client| client.scopes = BTreeSet::from([Scope::OutcomesRead]));
    assert_eq!(scene.accepts(&token, at(6)).await.scopes, BTreeSet::from([Scope::OutcomesRead]));
    scene.registry.change("care", |client| client.keys = ClientKeys::Issuer(ALIEN.to_owned()));
    scene.refuses(&token, at(8)).await;
}

#[tokio::test]
async fn nobody_is_let_in_once_the_registry_cannot_be_asked() {
    let scene = Scene::new();
    let token = scene.issue("care");
    scene.accepts(&token, at(0)).await;
    scene.registry.is_down.store(true, Ordering::SeqCst);
    scene.accepts(&token, at(1)).await;
    let answer = scene.verifier.verify(&token, at(2)).await;
    assert!(matches!(answer, Err(AuthError::Unavailable { .. })), "{answer:?}");
}

#[tokio::test]
async fn an_external_token_is_accepted_for_the_client_that_is_registered_for_its_issuer() {
    let scene = Scene::new();
    for signer in [Signer::ec(1, "x"), Signer::rsa("r").using(Algorithm::RS256)] {
        let caller = scene.accepts(&signer.sign(&alien_claims()), at(0)).await;
        assert_eq!((caller.client.as_str(), caller.organisation.as_str()), ("alien", "RX1"));
        assert_eq!(caller.scopes, BTreeSet::from([Scope::OutcomesRead]), "unknown scopes mean nothing here");
    }
    let signer = Signer::ec(1, "x");
    let jku = with(signer.header(), "jku", json!(ALIEN_KEYS));
    scene.accepts(&signer.sign_under(&jku, &alien_claims()), at(0)).await;
    assert_eq!(scene.fetch.count(), 1);
}

#[tokio::test]
async fn an_external_token_says_on_whose_behalf_it_was_issued() {
    let scene = Scene::new();
    let signer = Signer::ec(1, "x");
    for (subject, user) in [("b7", Some("b7")), ("alien", None), ("Ünal", None), (&*"u".repeat(129), None)] {
        let token = signer.sign(&with(alien_claims(), "sub", json!(subject)));
        let caller = scene.accepts(&token, at(0)).await;
        assert_eq!(caller.user.as_ref().map(crate::domain::reading_access::UserCode::as_str), user, "{subject}");
    }
    let own = scene.key.sign("at+jwt", &with(own_claims(), "sub", json!("b7"))).unwrap();
    assert_eq!(scene.accepts(&own, at(0)).await.user, None, "ours are about clients alone");
}

#[tokio::test]
async fn an_external_token_with_anything_wrong_is_refused() {
    let scene = Scene::new();
    let signer = Signer::ec(1, "x");
    let says = |name: &str, value: Value| signer.sign(&with(alien_claims(), name, value));
    let heads = |name: &str, value: Value| signer.sign_under(&with(signer.header(), name, value), &alien_claims());
    for (token, why) in [
        (says("iss", json!(format!("{ALIEN}/"))), "are not accepted here"),
        (says("iss", json!(OWN)), "no key of the right kind"),
        (says("aud", json!("account")), "aud: expected cairn, received account"),
        (says("aud", json!([AUDIENCE, 1])), "aud must be"),
        (says("azp", Value::Null), "azp is missing"),
        (says("azp", json!("care")), "not registered here"),
        (says("azp", json!("nobody")), "not registered here"),
        (says("exp", json!("soon")), "exp must be a number"),
        (says("iat", Value::Null), "iat or nbf"),
        (says("scope", Value::Null), "scope is missing"),
        (heads("jku", json!("https://evil.example/jwks")), "jku is not the configured"),
        (heads("jwk", signer.jwk.clone()), "with jwk"),
        (heads("x5u", json!("https://evil.example")), "with x5u"),
        (heads("kid", json!("r")), "no key of the right kind"),
        (heads("kid", json!("unknown")), "no key of the right kind"),
        (Signer::ec(2, "x").sign(&alien_claims()), "signature does not verify"),
        (Signer::rsa("r").sign(&alien_claims()), "does not sign with RS384"),
        (scene.key.sign("at+jwt", &alien_claims()).unwrap(), "does not sign with EdDSA"),
    ] {
        let heard = scene.refuses(&token, at(0)).await;
        assert!(heard.contains(why), "{why}: {heard}");
    }
    let own_with_jku = Signer::ec(1, "x");
    let head = with(own_with_jku.header(), "jku", json!(ALIEN_KEYS));
    let heard = scene.refuses(&own_with_jku.sign_under(&head, &with(own_claims(), "iss", json!(OWN))), at(0)).await;
    assert!(heard.contains("jku is not accepted"), "{heard}");
    assert_eq!(scene.fetch.count(), 1, "no address from a token was called");
}

#[tokio::test]
async fn the_clock_of_an_external_issuer_may_differ_a_little() {
    let scene = Scene::new();
    let token = Signer::ec(1, "x").sign(&with(alien_claims(), "exp", json!(date(100))));
    let end = 100 + LEEWAY_SECONDS;
    scene.accepts(&token, at(end).plus_micros(-1)).await;
    assert!(scene.refuses(&token, at(end)).await.contains("expired"));
    assert!(Scene::new().refuses(&token, at(end)).await.contains("expired"));
}

#[tokio::test]
async fn an_issuer_that_types_its_access_tokens_is_held_to_it() {
    let scene = Scene::with_settings(|settings, _| settings.external[0].requires_at_jwt = true);
    let signer = Signer::ec(1, "x");
    assert!(scene.refuses(&signer.sign(&alien_claims()), at(0)).await.contains("no access token"));
    let typed = with(signer.header(), "typ", json!("at+jwt"));
    scene.accepts(&signer.sign_under(&typed, &alien_claims()), at(0)).await;
    let scene = Scene::with_settings(|settings, _| settings.external[0].client_claim = ClientClaim::ClientId);
    assert!(scene.refuses(&signer.sign(&alien_claims()), at(0)).await.contains("client_id is missing"));
    scene.accepts(&signer.sign(&with(alien_claims(), "client_id", json!("alien"))), at(0)).await;
}

#[tokio::test]
async fn an_external_issuer_rotates_its_keys_and_one_that_cannot_be_reached_lets_nobody_in() {
    let scene = Scene::new();
    let (old, new) = (Signer::ec(1, "x"), Signer::ec(2, "y"));
    scene.accepts(&old.sign(&alien_claims()), at(0)).await;
    scene.fetch.publish(ALIEN_KEYS, &[&new.jwk]);
    let later = |jti: &str| with(with(alien_claims(), "jti", json!(jti)), "exp", json!(date(3_000)));
    scene.refuses(&new.sign(&later("2")), at(59)).await;
    scene.accepts(&new.sign(&later("2")), at(60)).await;
    let heard = scene.refuses(&old.sign(&later("3")), at(61)).await;
    assert!(heard.contains("no key of the right kind"), "{heard}");
    scene.fetch.withdraw(ALIEN_KEYS);
    scene.accepts(&new.sign(&later("4")), at(659)).await;
    let heard = scene.refuses(&new.sign(&later("5")), at(660)).await;
    assert!(heard.contains("cannot be had"), "{heard}");
}

#[tokio::test]
async fn a_verdict_is_believed_for_a_minute_after_the_key_is_gone() {
    let scene = Scene::new();
    let token = Signer::ec(1, "x").sign(&with(alien_claims(), "exp", json!(date(3_000))));
    scene.accepts(&token, at(599)).await;
    scene.fetch.publish(ALIEN_KEYS, &[&Signer::ec(2, "y").jwk]);
    scene.accepts(&token, at(659).plus_micros(-1)).await;
    scene.fetch.publish(ALIEN_KEYS, &[&Signer::ec(2, "y").jwk]);
    let other = Signer::ec(2, "y").sign(&with(alien_claims(), "exp", json!(date(3_000))));
    scene.accepts(&other, at(659)).await;
    scene.refuses(&token, at(659)).await;
}

#[test]
fn a_header_holds_one_bearer_token() {
    assert_eq!(bearer_token(Some("Bearer abc")).unwrap(), "abc");
    assert_eq!(bearer_token(Some("bearer  abc ")).unwrap(), "abc");
    for none in [None, Some(""), Some("abc"), Some("Basic abc"), Some("Bearerabc")] {
        assert!(matches!(bearer_token(none), Err(AuthError::NoToken)), "{none:?}");
    }
    for wrong in ["Bearer ", "Bearer a b", "Bearer a\tb", "Bearer \u{e9}", "Bearer a, Bearer b"] {
        assert!(matches!(bearer_token(Some(wrong)), Err(AuthError::InvalidToken { .. })), "{wrong}");
    }
}
