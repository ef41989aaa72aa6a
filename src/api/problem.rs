//! Problems (RFC 9457): one registry of types, one exhaustive match from the app's error.
//!
//! What callers read and what operators read are different texts: a 5xx tells the caller its request id and nothing
//! else, and the whole chain of causes is logged once, here.

use crate::app::words::{Refusal, StoreError};
use crate::app::{AppError, Stale};
use actix_web::http::StatusCode;
use actix_web::http::header::{HeaderName, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE};
use actix_web::{HttpResponse, ResponseError};
use serde::{Deserialize, Serialize};
use std::error::Error;
use std::fmt;
use utoipa::ToSchema;

macro_rules! registry {
    ($($variant:ident = $slug:literal, $status:literal, $title:literal, $help:literal;)+) => {
        /// Every type of problem there is. The path of each is a page of the documentation.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Type { $(#[doc = $title] $variant),+ }

        impl Type {
            /// Every type.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];
            /// The last segment of its path.
            #[must_use]
            pub const fn slug(self) -> &'static str { match self { $(Self::$variant => $slug),+ } }
            /// The status code that it comes with.
            #[must_use]
            pub const fn status(self) -> u16 { match self { $(Self::$variant => $status),+ } }
            /// What it is called.
            #[must_use]
            pub const fn title(self) -> &'static str { match self { $(Self::$variant => $title),+ } }
            /// What to do about it.
            #[must_use]
            pub const fn help(self) -> &'static str { match self { $(Self::$variant => $help),+ } }
        }
    };
}

registry! {
    MalformedJson = "malformed-json", 400, "The body is not well-formed JSON",
        "Send UTF-8 JSON (RFC 8259) without lone surrogates, nested at most 128 levels deep.";
    InvalidQuery = "invalid-query", 400, "A query parameter cannot be used",
        "See the operation's parameters; `as_of` takes a position or an RFC 3339 instant that has passed.";
    InvalidCursor = "invalid-cursor", 400, "The cursor does not belong to this query",
        "Follow the `next` link as it was given, with the same parameters, or start again without a cursor.";
    InvalidHeader = "invalid-header", 400, "A header cannot be used",
        "See the operation's parameters for the form of each header.";
    IdempotencyKeyMissing = "idempotency-key-missing", 400, "The Idempotency-Key header is missing",
        "Send a key of 1 to 200 printable ASCII characters with every POST that records; a repeat with the same key and body is answered as the first time.";
    Unauthorised = "unauthorised", 401, "The access token is missing or cannot be accepted",
        "Get a token from /oauth2/token and send it as `Authorization: Bearer …`.";
    InsufficientScope = "insufficient-scope", 403, "The token does not allow this operation",
        "Ask for a token with the scope that the operation names; your client must be registered for it.";
    NotFound = "not-found", 404, "There is no such thing within your reach",
        "Recordings of other organisations are answered exactly like recordings that do not exist.";
    MethodNotAllowed = "method-not-allowed", 405, "The path does not have this method",
        "See the Allow header.";
    RequestTimeout = "request-timeout", 408, "The request took too long to arrive",
        "Send headers within 5 seconds and the body within 30.";
    NotInThisState = "not-in-this-state", 409, "The recording's state does not allow it",
        "Read the recording again; the detail says what stands in the way.";
    AlreadyRecorded = "already-recorded", 409, "Another recording holds what must be unique",
        "An identifier belongs to one person, a framework version is published once.";
    Contended = "contended", 409, "The recording is being changed by others",
        "Try again with the same idempotency key.";
    Erased = "erased", 410, "This person's record was erased",
        "Nothing more can be recorded about this person.";
    VersionConflict = "version-conflict", 412, "The recording has changed since you read it",
        "Read it again and send its ETag as If-Match.";
    BodyTooLarge = "body-too-large", 413, "The body is larger than allowed",
        "One recording may have 1 MiB, a batch 64 MiB; split what is larger.";
    UnsupportedMediaType = "unsupported-media-type", 415, "The content type is not accepted here",
        "Send application/json, or application/x-ndjson for batches, in UTF-8; gzip is the only content coding.";
    InvalidBody = "invalid-body", 422, "The body is not what the operation accepts",
        "`errors` points at each field.";
    UnknownReference = "unknown-reference", 422, "The body names something that is not there",
        "What a recording names must exist in your organisation and belong to the same person.";
    InTheFuture = "in-the-future", 422, "A recording cannot have happened in the future",
        "`occurred_at` is the time in life; check the clock and the year.";
    BeforeBirth = "before-birth", 422, "It lies before the person was born",
        "Check the time in life and the person's date of birth.";
    IdempotencyKeyReused = "idempotency-key-reused", 422, "This idempotency key was used with another request",
        "Use a fresh key for a new recording.";
    LineRefused = "line-refused", 422, "The line was not recorded because of another line",
        "Mend the line that was refused and send the batch again: what was recorded stays as it is.";
    PreconditionRequired = "precondition-required", 428, "The If-Match header is missing",
        "Read the recording and send its ETag as If-Match, so that no change of others is lost.";
    TooManyStreams = "too-many-streams", 429, "This client holds as many streams as it may",
        "End one before you begin another. A stream whose connection was lost counts until the service notices, at its next heartbeat.";
    Internal = "internal", 500, "Something failed on our side",
        "Tell the operator the request id.";
    Tampered = "tampered", 500, "Stored data was altered",
        "Tell the operator at once: a sealed part does not open although its key is there.";
    Unavailable = "unavailable", 503, "The service cannot do this now",
        "Nothing was recorded. Try again with the same idempotency key.";
    OutcomeUnknown = "outcome-unknown", 503, "The database's answer was lost",
        "It may or may not be recorded. Repeat the request with the same idempotency key: you will get the one answer.";
    KeysUnavailable = "keys-unavailable", 503, "The key store is not available",
        "Nothing is erased; personal parts cannot be opened or sealed for the moment.";
    AccessNotRecorded = "access-not-recorded", 503, "The read could not be recorded",
        "Who is shown whose data is written down before it is shown, and that is not possible now. Nothing was shown; try again.";
    Busy = "busy", 503, "Too much is waiting",
        "Try again after the time in Retry-After.";
    StorageFull = "storage-full", 507, "There is no space left to record",
        "Nothing was recorded. Reading goes on; tell the operator.";
}

/// One field's error.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FieldError {
    /// JSON pointer (RFC 6901) into the body; empty for the whole body.
    #[schema(example = "/occurred_at")]
    pub pointer: String,
    /// What was expected; never repeats the value.
    pub detail: String,
}

/// A problem as it is sent (RFC 9457).
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({
    "type": "/problems/invalid-body", "title": "The body is not what the operation accepts", "status": 422,
    "detail": "a date that exists", "errors": [{"pointer": "/occurred_at", "detail": "a date that exists"}]
}))]
pub struct ProblemDocument {
    /// The path of a page that explains the type.
    pub r#type: String,
    /// The type's name.
    pub title: String,
    /// The status code.
    pub status: u16,
    /// What happened this time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// Each field's error.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<FieldError>,
    /// The version that the recording has now, with a version conflict.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub current_version: Option<u64>,
    /// The recording that holds what must be unique; always of the caller's own organisation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub existing: Option<String>,
    /// The request's id, which operators can look for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
}

/// A problem on its way to the caller.
#[derive(Debug, Clone)]
pub struct Problem(Box<Inner>);

#[derive(Debug, Clone)]
struct Inner {
    kind: Type,
    detail: Option<String>,
    errors: Vec<FieldError>,
    current_version: Option<u64>,
    existing: Option<String>,
    challenge: Option<String>,
    allow: Option<String>,
}

impl Problem {
    /// A problem of a type.
    #[must_use]
    pub fn new(kind: Type) -> Self {
        Self(Box::new(Inner {
            kind,
            detail: None,
            errors: Vec::new(),
            current_version: None,
            existing: None,
            challenge: None,
            allow: None,
        }))
    }
    /// Says what happened this time.
    #[must_use]
    pub fn detail(mut self, detail: impl Into<String>) -> Self {
        self.0.detail = Some(detail.into());
        self
    }
    /// A field that cannot be accepted.
    pub fn invalid(pointer: impl Into<String>, detail: impl Into<String>) -> Self {
        Self::new(Type::InvalidBody).field(pointer, detail)
    }
    /// Adds a field's error.
    #[must_use]
    pub fn field(mut self, pointer: impl Into<String>, detail: impl Into<String>) -> Self {
        let detail = detail.into();
        self.0.detail.get_or_insert_with(|| detail.clone());
        self.0.errors.push(FieldError { pointer: pointer.into(), detail });
        self
    }
    /// A challenge for the header WWW-Authenticate (RFC 6750).
    #[must_use]
    pub fn challenge(mut self, challenge: impl Into<String>) -> Self {
        self.0.challenge = Some(challenge.into());
        self
    }
    /// The methods that the path has.
    #[must_use]
    pub fn allow(mut self, methods: impl Into<String>) -> Self {
        self.0.allow = Some(methods.into());
        self
    }
    /// Its type.
    #[must_use]
    pub const fn kind(&self) -> Type {
        self.0.kind
    }
    /// Puts the field pointers below another: for lines of a batch.
    #[must_use]
    pub fn below(mut self, prefix: &str) -> Self {
        for error in &mut self.0.errors {
            error.pointer.insert_str(0, prefix);
        }
        self
    }
    /// The document that is sent.
    #[must_use]
    pub fn document(&self) -> ProblemDocument {
        let inner = &self.0;
        ProblemDocument {
            r#type: format!("/problems/{}", inner.kind.slug()),
            title: inner.kind.title().to_owned(),
            status: inner.kind.status(),
            detail: inner.detail.clone(),
            errors: inner.errors.clone(),
            current_version: inner.current_version,
            existing: inner.existing.clone(),
            request_id: None,
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.0.kind.title())
    }
}

impl ResponseError for Problem {
    fn status_code(&self) -> StatusCode {
        StatusCode::from_u16(self.0.kind.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }
    fn error_response(&self) -> HttpResponse {
        let mut document = self.document();
        document.request_id = crate::api::request::current_id();
        let mut response = HttpResponse::build(self.status_code());
        if let Some(challenge) = self.0.challenge.as_deref().and_then(|text| HeaderValue::from_str(text).ok()) {
            response.insert_header((WWW_AUTHENTICATE, challenge));
        }
        if let Some(allow) = self.0.allow.as_deref().and_then(|text| HeaderValue::from_str(text).ok()) {
            response.insert_header((HeaderName::from_static("allow"), allow));
        }
        if matches!(self.0.kind.status(), 503 | 507) {
            response.insert_header((RETRY_AFTER, "1"));
        }
        response.content_type("application/problem+json").json(document)
    }
}

impl From<AppError> for Problem {
    fn from(error: AppError) -> Self {
        match &error {
            AppError::NotAllowed(missing) => Self::new(Type::InsufficientScope)
                .detail(error.to_string())
                .challenge(format!("Bearer error=\"insufficient_scope\", scope=\"{}\"", missing.needed.as_str())),
            AppError::NotFound { .. } => Self::new(Type::NotFound).detail(error.to_string()),
            AppError::Refused(refusal) => from_refusal(refusal),
            AppError::Stale(Stale { current }) => {
                let mut problem = Self::new(Type::VersionConflict).detail(error.to_string());
                problem.0.current_version = Some(*current);
                problem
            }
            AppError::Contended => Self::new(Type::Contended).detail(error.to_string()),
            AppError::KeyReused => Self::new(Type::IdempotencyKeyReused).detail(error.to_string()),
            AppError::Taken { holder } => {
                let mut problem = Self::new(Type::AlreadyRecorded).detail(error.to_string());
                problem.0.existing = Some(holder.to_string());
                problem
            }
            AppError::GroupRejected => Self::new(Type::LineRefused).detail(error.to_string()),
            AppError::UnknownName { pointer, detail } => {
                Self::new(Type::LineRefused).field(pointer.clone(), detail.clone())
            }
            AppError::InvalidQuery { parameter, detail } => {
                Self::new(Type::InvalidQuery).detail(format!("{parameter}: {detail}"))
            }
            AppError::Erased => Self::new(Type::Erased),
            AppError::KeysUnavailable(_) => logged(&error, Type::KeysUnavailable),
            AppError::KeysFull(_) => logged(&error, Type::StorageFull),
            AppError::Tampered { .. } => logged(&error, Type::Tampered),
            AppError::CannotFollow { .. } => logged(&error, Type::Internal),
            AppError::AccessNotRecorded(_) => logged(&error, Type::AccessNotRecorded),
            AppError::Store(store) => match store.as_ref() {
                StoreError::Unavailable { outcome_unknown: true, .. } => logged(&error, Type::OutcomeUnknown),
                StoreError::Unavailable { .. } | StoreError::Stopped | StoreError::NotReady { .. } => {
                    logged(&error, Type::Unavailable)
                }
                StoreError::Full { .. } => logged(&error, Type::StorageFull),
                StoreError::Busy => Self::new(Type::Busy),
                StoreError::Corrupt { .. } => logged(&error, Type::Internal),
            },
        }
    }
}

fn from_refusal(refusal: &Refusal) -> Problem {
    let kind = match refusal {
        Refusal::Invalid { .. } => Type::InvalidBody,
        Refusal::UnknownReference { .. } => Type::UnknownReference,
        Refusal::InTheFuture { .. } => Type::InTheFuture,
        Refusal::BeforeBirth { .. } => Type::BeforeBirth,
        Refusal::NotInThisState { .. } => Type::NotInThisState,
    };
    let problem = Problem::new(kind).detail(refusal.to_string());
    match refusal.pointer() {
        Some(pointer) => problem.field(pointer, refusal.to_string()),
        None => problem,
    }
}

/// Logs the whole chain of causes once and keeps it from the caller.
fn logged(error: &AppError, kind: Type) -> Problem {
    tracing::error!(problem = kind.slug(), causes = causes(error), "{error}");
    Problem::new(kind)
}

/// What an error came from, outermost first: for the log, never for callers.
pub(super) fn causes(error: &AppError) -> String {
    let mut causes = Vec::new();
    let mut cause: Option<&dyn Error> = error.source();
    while let Some(error) = cause {
        causes.push(error.to_string());
        cause = error.source();
    }
    causes.join(": ")
}
