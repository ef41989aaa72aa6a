//! The token endpoint's verb: what it grants, and what each mistake in a request is answered with.

use super::error::AuthError;
use super::fakes_test::{FakeFetch, FakeRegistry, Signer, at, client, date, inline};
use super::grant::ASSERTION_TYPE;
use super::jwks::JwksSource;
use super::{AssertionVerifier, IssuedToken, SigningKey, TokenEndpoint, TokenIssuer, TokenRequest};
use crate::domain::access::Scope;
use serde_json::json;
use std::collections::BTreeSet;
use std::sync::Arc;

const TOKEN_URL: &str = "https://cairn.example/oauth2/token";
const ISSUER: &str = "https://cairn.example";

fn endpoint(life: u32) -> TokenEndpoint {
    let registry = Arc::new(FakeRegistry::of([client("care", inline(&[&Signer::ec(1, "a").jwk]))]));
    let jwks = Arc::new(JwksSource::new(Arc::new(FakeFetch::default())));
    let key = Arc::new(SigningKey::generate(&[7; 32]).unwrap());
    TokenEndpoint::new(
        AssertionVerifier::new(registry, jwks, TOKEN_URL.to_owned(), ISSUER.to_owned()),
        TokenIssuer::new(ISSUER.to_owned(), ISSUER.to_owned(), life, key),
    )
}

fn assertion(jti: &str) -> String {
    let claims = json!({"iss": "care", "sub": "care", "aud": TOKEN_URL, "jti": jti, "exp": date(60)});
    Signer::ec(1, "a").sign(&claims)
}

fn request(assertion: &str) -> TokenRequest<'_> {
    TokenRequest {
        grant_type: Some("client_credentials"),
        client_assertion_type: Some(ASSERTION_TYPE),
        client_assertion: Some(assertion),
        ..TokenRequest::default()
    }
}

async fn ask(endpoint: &TokenEndpoint, request: TokenRequest<'_>) -> Result<IssuedToken, AuthError> {
    endpoint.grant(&request, at(0), &[1; 16]).await
}

#[tokio::test]
async fn a_client_gets_what_it_asks_for_within_what_is_registered() {
    let endpoint = endpoint(300);
    let all = ask(&endpoint, request(&assertion("1"))).await.unwrap();
    assert_eq!((all.expires_in, all.scope().as_str()), (300, "outcomes:read outcomes:write"));
    let (two, three) = (assertion("2"), assertion("3"));
    let some = TokenRequest { scope: Some("outcomes:read"), client_id: Some("care"), ..request(&two) };
    assert_eq!(ask(&endpoint, some).await.unwrap().scopes, BTreeSet::from([Scope::OutcomesRead]));
    let blank = TokenRequest { scope: Some(" "), ..request(&three) };
    assert_eq!(ask(&endpoint, blank).await.unwrap().scopes.len(), 2);
    assert!(!format!("{all:?}").contains(all.access_token.as_str()));
}

#[tokio::test]
async fn each_mistake_has_its_code() {
    let endpoint = endpoint(300);
    let (one, two) = (assertion("1"), assertion("2"));
    let good = request(&one);
    let long = format!("outcomes:read{}", " ".repeat(2_048));
    for (request, code, why) in [
        (TokenRequest { grant_type: None, ..good }, "invalid_request", "grant_type is missing"),
        (TokenRequest { grant_type: Some("password"), ..good }, "unsupported_grant_type", "received password"),
        (TokenRequest { client_assertion_type: None, ..good }, "invalid_request", "client_assertion_type is missing"),
        (TokenRequest { client_assertion_type: Some("saml"), ..good }, "invalid_request", "received saml"),
        (TokenRequest { client_assertion: None, ..good }, "invalid_request", "client_assertion is missing"),
        (TokenRequest { client_assertion: Some(""), ..good }, "invalid_request", "client_assertion is missing"),
        (TokenRequest { client_assertion: Some("x"), ..good }, "invalid_client", "not a signed JWT"),
        (TokenRequest { scope: Some("patients:*"), ..good }, "invalid_scope", "there is no scope patients:*"),
        (TokenRequest { scope: Some(&long), ..good }, "invalid_scope", "longer than 2048"),
        (TokenRequest { client_id: Some("other"), ..request(&two) }, "invalid_request", "client_id is another"),
    ] {
        let error = ask(&endpoint, request).await.unwrap_err();
        assert_eq!(error.code(), Some(code), "{error}");
        assert!(error.description().contains(why), "{error}");
    }
    ask(&endpoint, good).await.unwrap();
    let asked = assertion("3");
    let wide = TokenRequest { scope: Some("outcomes:read people:write"), ..request(&asked) };
    let error = ask(&endpoint, wide).await.unwrap_err();
    assert_eq!(error.code(), Some("invalid_scope"));
    assert!(error.description().contains("not registered for people:write"), "{error}");
    assert!(!error.description().contains("outcomes:read"), "{error}");
}

#[tokio::test]
async fn a_token_lives_five_minutes_at_most() {
    for (asked, given) in [(0, 1), (1, 1), (300, 300), (301, 300), (u32::MAX, 300)] {
        assert_eq!(ask(&endpoint(asked), request(&assertion("1"))).await.unwrap().expires_in, given);
    }
}

#[test]
fn the_metadata_names_what_is_there() {
    let metadata = endpoint(300).metadata("https://cairn.example/oauth2/jwks");
    assert_eq!(metadata["issuer"], ISSUER);
    assert_eq!(metadata["token_endpoint"], TOKEN_URL);
    assert_eq!(metadata["token_endpoint_auth_methods_supported"], json!(["private_key_jwt"]));
    let algorithms = metadata["token_endpoint_auth_signing_alg_values_supported"].as_array().unwrap();
    assert!(algorithms.contains(&json!("ES384")) && algorithms.contains(&json!("RS384")));
    assert!(!algorithms.iter().any(|one| one == "none" || one.as_str().unwrap().starts_with("HS")));
    assert_eq!(metadata["scopes_supported"].as_array().unwrap().len(), Scope::ALL.len());
}
