//! The embedded issuer, and which settings a verifier refuses to start with.

use super::clients::ClientRegistry;
use super::fakes_test::{FakeFetch, FakeRegistry, at, date, with};
use super::jwks::JwksSource;
use super::verify::SettingsError;
use super::verify_test::{ALIEN, OWN, Scene, external, settings};
use super::{DevelopmentIssuer, SigningKey, TokenVerifier, VerifierSettings, development};
use crate::domain::access::Scope;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::sync::Arc;

#[tokio::test]
async fn a_development_token_names_its_organisation_on_loopback_only() {
    let on_loopback = |settings: &mut VerifierSettings, issuer| {
        settings.loopback = true;
        settings.development = Some(issuer);
    };
    let scene = Scene::with_settings(on_loopback);
    let scopes = BTreeSet::from([Scope::PeopleRead]);
    let mint = |scene: &Scene, life| scene.development.mint(&"DEMO".parse().unwrap(), &scopes, life, at(0), &[2; 16]);
    let token = mint(&scene, development::LONGEST_LIFE_SECONDS).unwrap();
    let caller = scene.accepts(&token, at(86_399)).await;
    assert_eq!((caller.client.as_str(), caller.organisation.as_str()), (development::CLIENT, "DEMO"));
    assert_eq!(caller.scopes, scopes);
    assert!(scene.refuses(&token, at(86_400)).await.contains("expired"));
    assert!(mint(&scene, development::LONGEST_LIFE_SECONDS + 1).is_err() && mint(&scene, 0).is_err());
    let elsewhere = Scene::new();
    assert!(elsewhere.refuses(&token, at(0)).await.contains("only by a service that listens on loopback"));
    let folder = tempfile::tempdir().unwrap();
    let stranger = DevelopmentIssuer::open_or_create(folder.path(), &[9; 32]).unwrap();
    let foreign = stranger.mint(&"DEMO".parse().unwrap(), &scopes, 60, at(0), &[2; 16]).unwrap();
    assert!(scene.refuses(&foreign, at(0)).await.contains("no key of the right kind"));
}

#[tokio::test]
async fn a_development_token_is_bounded_whoever_minted_it() {
    let scene = Scene::with_settings(|settings, issuer| {
        settings.loopback = true;
        settings.development = Some(issuer);
    });
    let claims = json!({"iss": development::ISSUER, "aud": development::ISSUER, "sub": "development",
        "client_id": "development", "organisation": "DEMO", "scope": "people:read", "iat": date(0), "exp": date(86_400)});
    let says = |name: &str, value: Value| scene.development.sign_anything(&with(claims.clone(), name, value));
    scene.accepts(&says("jti", json!("1")), at(0)).await;
    for (token, why) in [
        (says("exp", json!(date(86_401))), "at most 24 hours"),
        (says("iat", Value::Null), "iat or nbf"),
        (says("organisation", Value::Null), "organisation is missing"),
        (says("organisation", json!("")), "organisation is missing"),
        (says("organisation", json!("cairn-reference")), "nobody acts"),
        (says("organisation", json!("no such/code")), "no organisation code"),
        (says("aud", json!(OWN)), "aud: expected cairn-development"),
        (says("iss", json!(OWN)), "no key of the right kind"),
    ] {
        let heard = scene.refuses(&token, at(0)).await;
        assert!(heard.contains(why), "{why}: {heard}");
    }
}

#[test]
fn settings_that_must_not_be_served_with_are_refused_at_the_start() {
    let folder = tempfile::tempdir().unwrap();
    let key = SigningKey::generate(&[7; 32]).unwrap();
    let refused = |change: &dyn Fn(&mut VerifierSettings)| {
        let mut settings = settings(&key);
        change(&mut settings);
        let registry: Arc<dyn ClientRegistry> = Arc::new(FakeRegistry::default());
        TokenVerifier::new(settings, registry, Arc::new(JwksSource::new(Arc::new(FakeFetch::default())))).err()
    };
    let issuer = || Some(DevelopmentIssuer::open_or_create(folder.path(), &[8; 32]).unwrap());
    assert_eq!(refused(&|settings| settings.development = issuer()), Some(SettingsError::DevelopmentBeyondLoopback));
    let on_loopback = |settings: &mut VerifierSettings| {
        settings.loopback = true;
        settings.development = issuer();
    };
    assert_eq!(refused(&on_loopback), None);
    let twice = |name: &str| Some(SettingsError::IssuerTwice(name.to_owned()));
    assert_eq!(refused(&|settings| settings.external.push(external())), twice(ALIEN));
    assert_eq!(refused(&|settings| settings.external[0].issuer = OWN.to_owned()), twice(OWN));
    for algorithm in ["HS256", "none", "es384", ""] {
        let named = |settings: &mut VerifierSettings| settings.external[0].algorithms = vec![algorithm.to_owned()];
        assert!(matches!(refused(&named), Some(SettingsError::Algorithm { .. })), "{algorithm}");
    }
}
