//! OAuth 2.0 client credentials with `private_key_jwt`: the token endpoint and what describes it.

use crate::api::state::ApiState;
use crate::app::auth::{AuthError, TokenRequest};
use actix_web::http::header::CACHE_CONTROL;
use actix_web::web::{Bytes, Data};
use actix_web::{HttpRequest, HttpResponse, get, post};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// The most bytes of a token request.
const FORM_MAX: usize = 32 * 1024;

/// A token request (RFC 6749 section 4.4, RFC 7523 section 2.2).
#[derive(Debug, Deserialize, ToSchema)]
#[schema(example = json!({
    "grant_type": "client_credentials", "scope": "outcomes:read outcomes:write",
    "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer", "client_assertion": "eyJ…"
}))]
pub struct TokenForm {
    /// `client_credentials`.
    pub grant_type: String,
    /// Scopes, separated by spaces; all registered ones if absent.
    #[serde(default)]
    pub scope: Option<String>,
    /// The client's id; may be left out, the assertion says it.
    #[serde(default)]
    pub client_id: Option<String>,
    /// `urn:ietf:params:oauth:client-assertion-type:jwt-bearer`.
    pub client_assertion_type: String,
    /// A JWT signed with the client's key: iss = sub = client id, aud = the token URL or the issuer, exp at most 5 minutes ahead, jti used once.
    pub client_assertion: String,
}

/// An access token (RFC 6749 section 5.1).
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct TokenAnswer {
    /// The token.
    pub access_token: String,
    /// `Bearer`.
    pub token_type: String,
    /// How long it lives, in seconds.
    pub expires_in: u32,
    /// What it allows.
    pub scope: String,
}

/// An error of the token endpoint (RFC 6749 section 5.2).
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct TokenError {
    /// The error code.
    pub error: String,
    /// What is wrong and what was expected.
    pub error_description: String,
}

/// Grants an access token to a registered client that proves it holds its key.
///
/// Who may call: registered clients, by their signed assertion.
#[utoipa::path(tag = "authentication", operation_id = "grant_token", request_body(content = TokenForm, content_type = "application/x-www-form-urlencoded"), responses((status = 200, body = TokenAnswer, description = "A token"), (status = 400, body = TokenError, description = "The request is not valid"), (status = 401, body = TokenError, description = "The client is not authenticated")), security(()))]
#[post("/oauth2/token")]
pub async fn grant_token(state: Data<ApiState>, request: HttpRequest, body: Bytes) -> HttpResponse {
    use actix_web::HttpMessage;
    let refused = |description: &str| refuse(&AuthError::InvalidRequest { description: description.to_owned() });
    if request.content_type() != "application/x-www-form-urlencoded" {
        return refused("send application/x-www-form-urlencoded");
    }
    if body.len() > FORM_MAX {
        return refused("the request is larger than 32 KiB");
    }
    let Ok(pairs) =
        actix_web::web::Query::<Vec<(String, String)>>::from_query(std::str::from_utf8(&body).unwrap_or("\u{fffd}="))
    else {
        return refused("the form cannot be read");
    };
    let mut form = BTreeMap::new();
    for (name, value) in pairs.into_inner() {
        if form.insert(name, value).is_some() {
            return refused("a parameter is given twice");
        }
    }
    let field = |name: &str| form.get(name).map(String::as_str);
    let asked = TokenRequest {
        grant_type: field("grant_type"),
        scope: field("scope"),
        client_id: field("client_id"),
        client_assertion_type: field("client_assertion_type"),
        client_assertion: field("client_assertion"),
    };
    match state.tokens.grant(&asked, state.app.now(), &state.app.fresh_bytes()).await {
        Ok(token) => HttpResponse::Ok().insert_header((CACHE_CONTROL, "no-store")).json(TokenAnswer {
            access_token: token.access_token.to_string(),
            token_type: "Bearer".to_owned(),
            expires_in: token.expires_in,
            scope: token.scope(),
        }),
        Err(error) => {
            tracing::info!(reason = %error, "a token was not granted");
            refuse(&error)
        }
    }
}

fn refuse(error: &AuthError) -> HttpResponse {
    let mut response = match error {
        AuthError::InvalidClient { .. } => HttpResponse::Unauthorized(),
        AuthError::Unavailable { .. } => HttpResponse::ServiceUnavailable(),
        AuthError::Signing(_) => HttpResponse::InternalServerError(),
        AuthError::NoToken
        | AuthError::InvalidToken { .. }
        | AuthError::InvalidRequest { .. }
        | AuthError::InvalidScope { .. }
        | AuthError::UnsupportedGrantType { .. } => HttpResponse::BadRequest(),
    };
    response.insert_header((CACHE_CONTROL, "no-store")).json(TokenError {
        error: error.code().unwrap_or("invalid_request").to_owned(),
        error_description: error.description(),
    })
}

/// Describes the authorisation server (RFC 8414).
#[utoipa::path(tag = "authentication", operation_id = "find_authorisation_server", responses((status = 200, body = Object, description = "The metadata")), security(()))]
#[get("/.well-known/oauth-authorization-server")]
pub async fn find_authorisation_server(state: Data<ApiState>) -> HttpResponse {
    HttpResponse::Ok().json(state.tokens.metadata(&format!("{}/oauth2/jwks", state.public_url)))
}

/// Shows the public keys of the service's own access tokens (RFC 7517).
#[utoipa::path(tag = "authentication", operation_id = "find_token_keys", responses((status = 200, body = Object, description = "A JWK set")), security(()))]
#[get("/oauth2/jwks")]
pub async fn find_token_keys(state: Data<ApiState>) -> HttpResponse {
    HttpResponse::Ok().insert_header((CACHE_CONTROL, "public, max-age=300")).json(&state.jwks)
}
