//! What every request carries: its id, its caller, its headers.

use crate::api::answer::entity_tag;
use crate::api::operation_names::operation_of;
use crate::api::problem::{Problem, Type};
use crate::api::state::ApiState;
use crate::app::AppError;
use crate::app::words::{Caller, InvalidId, NotAllowed, RequestMark, Scope};
use actix_web::dev::Payload;
use actix_web::http::header::{AUTHORIZATION, HeaderMap, HeaderName, IF_MATCH, IF_NONE_MATCH};
use actix_web::web::Data;
use actix_web::{FromRequest, HttpRequest};
use serde::de::DeserializeOwned;
use std::future::Future;
use std::pin::Pin;
use std::str::FromStr;

/// The most characters of an idempotency key.
pub const IDEMPOTENCY_KEY_MAX: usize = 200;
/// The most characters of a purpose of use.
const PURPOSE_MAX: usize = 32;

tokio::task_local! {
    static REQUEST_ID: String;
}

/// The id of the request that the current task answers.
#[must_use]
pub fn current_id() -> Option<String> {
    REQUEST_ID.try_with(Clone::clone).ok()
}

/// Runs a future as part of a request.
pub async fn with_id<F: Future>(id: String, future: F) -> F::Output {
    REQUEST_ID.scope(id, future).await
}

/// A verified call: who calls, on what, with which headers. Extracting it is the authentication; a handler without it is public.
pub struct Call {
    /// The service.
    pub state: Data<ApiState>,
    /// Who calls.
    pub caller: Caller,
    /// `If-Match`, read.
    if_match: Option<u64>,
    /// `If-None-Match`, as sent.
    if_none_match: Option<String>,
    /// `Idempotency-Key`, checked.
    idempotency_key: Option<String>,
}

impl Call {
    /// The idempotency key, which every POST that records must have.
    ///
    /// # Errors
    /// [`Type::IdempotencyKeyMissing`].
    pub fn idempotency_key(&self) -> Result<&str, Problem> {
        self.idempotency_key.as_deref().ok_or_else(|| Problem::new(Type::IdempotencyKeyMissing))
    }
    /// The version that a change must name.
    ///
    /// # Errors
    /// [`Type::PreconditionRequired`].
    pub fn if_match(&self) -> Result<u64, Problem> {
        self.if_match.ok_or_else(|| Problem::new(Type::PreconditionRequired))
    }
    /// The version that a change may name.
    #[must_use]
    pub const fn optional_if_match(&self) -> Option<u64> {
        self.if_match
    }
    /// Whether the caller has this entity tag already (RFC 9110, section 13.1.2).
    #[must_use]
    pub fn has(&self, entity_tag: &str) -> bool {
        self.if_none_match.as_deref().is_some_and(|tags| {
            tags.split(',').map(|tag| tag.trim().trim_start_matches("W/")).any(|tag| tag == "*" || tag == entity_tag)
        })
    }
}

impl FromRequest for Call {
    type Error = Problem;
    type Future = Pin<Box<dyn Future<Output = Result<Self, Problem>>>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let request = request.clone();
        Box::pin(async move {
            let state = request.app_data::<Data<ApiState>>().cloned().ok_or_else(|| Problem::new(Type::Internal))?;
            let token = bearer(request.headers())?;
            let mut caller = state.verify(&token).await?;
            caller.purpose = purpose(request.headers())?;
            // Who says on whose behalf is believed before what the token says: a gateway may call for many users with one.
            caller.user = code(request.headers(), "on-behalf-of")?.or(caller.user);
            caller.role = code(request.headers(), "on-behalf-of-role")?;
            caller.request = Some(mark(&request));
            Ok(Self {
                state,
                caller,
                if_match: if_match(request.headers())?,
                if_none_match: text(request.headers(), &IF_NONE_MATCH)?,
                idempotency_key: idempotency_key(request.headers())?,
            })
        })
    }
}

pub(super) fn text(headers: &HeaderMap, name: &HeaderName) -> Result<Option<String>, Problem> {
    let mut values = headers.get_all(name);
    let Some(value) = values.next() else { return Ok(None) };
    if values.next().is_some() {
        return Err(Problem::new(Type::InvalidHeader).detail(format!("{name} is given twice")));
    }
    let value = value.to_str().map_err(|_| Problem::new(Type::InvalidHeader).detail(format!("{name} is not ASCII")))?;
    Ok(Some(value.to_owned()))
}

/// The token of a request.
pub(super) fn bearer(headers: &HeaderMap) -> Result<String, Problem> {
    let missing = || Problem::new(Type::Unauthorised).detail("there is no bearer token").challenge("Bearer");
    let header = text(headers, &AUTHORIZATION)?.ok_or_else(missing)?;
    let (scheme, token) = header.split_once(' ').ok_or_else(missing)?;
    if !scheme.eq_ignore_ascii_case("bearer") || token.trim().is_empty() {
        return Err(missing());
    }
    Ok(token.trim().to_owned())
}

fn purpose(headers: &HeaderMap) -> Result<Option<String>, Problem> {
    let Some(purpose) = text(headers, &HeaderName::from_static("purpose-of-use"))? else { return Ok(None) };
    let shaped = (2..=PURPOSE_MAX).contains(&purpose.len()) && purpose.bytes().all(|byte| byte.is_ascii_uppercase());
    if !shaped {
        return Err(
            Problem::new(Type::InvalidHeader).detail("Purpose-Of-Use takes an HL7 v3 PurposeOfUse code such as TREAT")
        );
    }
    Ok(Some(purpose))
}

/// A code of the log of accesses in a header.
fn code<C: FromStr<Err = InvalidId>>(headers: &HeaderMap, name: &'static str) -> Result<Option<C>, Problem> {
    let text = text(headers, &HeaderName::from_static(name))?;
    // What was sent may be somebody's name, so it is not repeated.
    let refused = |error: InvalidId| Problem::new(Type::InvalidHeader).detail(format!("{name}: {error}"));
    text.map(|text| text.parse().map_err(refused)).transpose()
}

fn mark(request: &HttpRequest) -> RequestMark {
    let pattern = request.match_pattern().unwrap_or_else(|| "unrouted".to_owned());
    let operation = operation_of(request.method().as_str(), &pattern);
    RequestMark { id: current_id().unwrap_or_default(), operation }
}

fn if_match(headers: &HeaderMap) -> Result<Option<u64>, Problem> {
    let Some(tag) = text(headers, &IF_MATCH)? else { return Ok(None) };
    let version: Option<u64> =
        tag.strip_prefix('"').and_then(|tag| tag.strip_suffix('"')).and_then(|tag| tag.parse().ok());
    // A tag is compared as a whole: "+0" and "00" are not "0".
    let version = version.filter(|version| entity_tag(*version) == tag);
    version.map(Some).ok_or_else(|| {
        Problem::new(Type::InvalidHeader).detail("If-Match takes one ETag as it was given, such as \"3\"")
    })
}

fn idempotency_key(headers: &HeaderMap) -> Result<Option<String>, Problem> {
    let Some(key) = text(headers, &HeaderName::from_static("idempotency-key"))? else { return Ok(None) };
    check_idempotency_key(&key)?;
    Ok(Some(key))
}

/// Checks the form of an idempotency key.
///
/// # Errors
/// [`Type::InvalidHeader`].
pub fn check_idempotency_key(key: &str) -> Result<(), Problem> {
    let shaped = (1..=IDEMPOTENCY_KEY_MAX).contains(&key.len()) && key.bytes().all(|byte| (0x20..0x7f).contains(&byte));
    if shaped {
        Ok(())
    } else {
        Err(Problem::new(Type::InvalidHeader).detail("an idempotency key has 1 to 200 printable ASCII characters"))
    }
}

impl Call {
    /// Checks that the token has a scope, before anything of the request is looked at.
    ///
    /// # Errors
    /// [`Type::InsufficientScope`].
    pub fn needs(&self, scope: Scope) -> Result<(), Problem> {
        if self.caller.scopes.contains(&scope) {
            return Ok(());
        }
        Err(AppError::from(NotAllowed { needed: scope }).into())
    }
}

/// Path segments, as text: what they mean is the handler's to say.
pub type Path<T> = actix_web::web::Path<T>;

/// Query parameters, strict: an unknown one is refused. They are looked at when the handler reads them, so that who
/// calls and whether they may is settled first.
pub struct Query<T>(Result<T, Problem>);

impl<T> Query<T> {
    /// What they say.
    ///
    /// # Errors
    /// [`Type::InvalidQuery`].
    pub fn read(&self) -> Result<&T, Problem> {
        self.0.as_ref().map_err(Clone::clone)
    }
}

impl<T: DeserializeOwned> FromRequest for Query<T> {
    type Error = Problem;
    type Future = std::future::Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let parsed = actix_web::web::Query::<T>::from_query(request.query_string());
        std::future::ready(Ok(Self(parsed.map(actix_web::web::Query::into_inner).map_err(|error| unreadable(&error)))))
    }
}

/// The message may repeat what was sent, so only a field's name is let through.
fn unreadable(error: &actix_web::error::QueryPayloadError) -> Problem {
    let text = error.to_string();
    let detail = match text.split('`').nth(1) {
        Some(name) if text.contains("unknown field") => format!("there is no parameter {name:?} here"),
        Some(name) if text.contains("duplicate field") => format!("{name} is given twice"),
        _ => "the parameters cannot be read".to_owned(),
    };
    Problem::new(Type::InvalidQuery).detail(detail)
}
