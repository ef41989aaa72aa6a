//! Bodies in JSON: read once, bounded, strict, and with errors that point at the field without repeating what it held.

use crate::api::problem::{Problem, Type};
use crate::api::state::Limits;
use crate::api::strict::Strict;
use actix_web::dev::Payload;
use actix_web::http::header::CONTENT_TYPE;
use actix_web::web::{Bytes, BytesMut};
use actix_web::{FromRequest, HttpMessage, HttpRequest};
use futures::StreamExt;
use serde::de::DeserializeOwned;
use std::marker::PhantomData;

/// A body in JSON that was not read yet: who calls and whether they may is settled first.
pub struct JsonBody<T> {
    request: HttpRequest,
    payload: Payload,
    read_as: PhantomData<T>,
}

/// A body in JSON with its bytes as they came (after decompression).
pub struct ReadBody<T> {
    /// What it says.
    pub value: T,
    /// Its bytes.
    pub bytes: Bytes,
}

impl<T> FromRequest for JsonBody<T> {
    type Error = Problem;
    type Future = std::future::Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        std::future::ready(Ok(Self { request: request.clone(), payload: payload.take(), read_as: PhantomData }))
    }
}

impl<T: DeserializeOwned> JsonBody<T> {
    /// Reads it, within the limits of size and time.
    ///
    /// # Errors
    /// [`Type::UnsupportedMediaType`], [`Type::BodyTooLarge`], [`Type::RequestTimeout`], or as [`parse`].
    pub async fn read(mut self, limits: Limits) -> Result<ReadBody<T>, Problem> {
        if !is_json(&self.request) {
            return Err(Problem::new(Type::UnsupportedMediaType).detail("send application/json"));
        }
        let payload = decoded(&self.request, &mut self.payload)?;
        let read = tokio::time::timeout(limits.body_timeout, collect(payload, limits.body_bytes)).await;
        let late = || Problem::new(Type::RequestTimeout).detail("the body took too long to arrive");
        let bytes = read.map_err(|_| late())??;
        let value = parse(&bytes)?;
        Ok(ReadBody { value, bytes })
    }
}

fn is_json(request: &HttpRequest) -> bool {
    let Some(content_type) = request.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok()) else {
        return false;
    };
    let mut parts = content_type.split(';').map(str::trim);
    let json = parts.next().is_some_and(|essence| essence.eq_ignore_ascii_case("application/json"));
    json && parts.all(|parameter| {
        parameter.split_once('=').is_none_or(|(name, value)| {
            !name.trim().eq_ignore_ascii_case("charset") || value.trim().trim_matches('"').eq_ignore_ascii_case("utf-8")
        })
    })
}

/// A payload behind its content coding; only gzip is accepted, and limits count what comes out of it.
pub(super) fn decoded(
    request: &HttpRequest,
    payload: &mut Payload,
) -> Result<actix_web::dev::Decompress<Payload>, Problem> {
    let coding = request
        .headers()
        .get("content-encoding")
        .map(|value| value.to_str().unwrap_or("?").trim().to_ascii_lowercase());
    match coding.as_deref() {
        None | Some("identity" | "gzip") => {
            Ok(actix_web::dev::Decompress::from_headers(payload.take(), request.headers()))
        }
        Some(_) => {
            Err(Problem::new(Type::UnsupportedMediaType).detail("gzip is the only content coding that is accepted"))
        }
    }
}

async fn collect(mut payload: actix_web::dev::Decompress<Payload>, limit: usize) -> Result<Bytes, Problem> {
    let mut body = BytesMut::new();
    while let Some(chunk) = payload.next().await {
        let chunk = chunk.map_err(|error| broken(&error))?;
        if body.len() + chunk.len() > limit {
            return Err(Problem::new(Type::BodyTooLarge).detail(format!("one recording may have {limit} bytes")));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body.freeze())
}

/// What a payload that breaks off means.
pub(super) fn broken(error: &actix_web::error::PayloadError) -> Problem {
    match error {
        actix_web::error::PayloadError::Overflow => Problem::new(Type::BodyTooLarge),
        _ => Problem::new(Type::MalformedJson).detail("the body broke off or its coding cannot be undone"),
    }
}

/// Parses JSON strictly into a type.
///
/// # Errors
/// [`Type::MalformedJson`] where it is no JSON, [`Type::InvalidBody`] with the field's pointer where it does not fit.
pub fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    let mut deserializer = serde_json::Deserializer::from_slice(bytes);
    let value = serde_path_to_error::deserialize(Strict(&mut deserializer)).map_err(|error| {
        let pointer = pointer_of(error.path());
        explain(error.inner(), pointer)
    })?;
    deserializer.end().map_err(|error| explain(&error, String::new()))?;
    Ok(value)
}

/// Parses a JSON value into a type.
///
/// # Errors
/// As [`parse`].
pub fn parse_value<T: DeserializeOwned>(value: serde_json::Value) -> Result<T, Problem> {
    serde_path_to_error::deserialize(Strict(value)).map_err(|error| {
        let pointer = pointer_of(error.path());
        explain(error.inner(), pointer)
    })
}

fn pointer_of(path: &serde_path_to_error::Path) -> String {
    use serde_path_to_error::Segment;
    let mut pointer = String::new();
    for segment in path {
        match segment {
            Segment::Seq { index } => pointer.push_str(&format!("/{index}")),
            Segment::Map { key } => {
                pointer.push('/');
                pointer.push_str(&key.replace('~', "~0").replace('/', "~1"));
            }
            Segment::Enum { .. } | Segment::Unknown => {}
        }
    }
    pointer
}

fn explain(error: &serde_json::Error, pointer: String) -> Problem {
    use serde_json::error::Category;
    match error.classify() {
        Category::Data => {
            let message = error.to_string();
            let place = format!(" at line {} column {}", error.line(), error.column());
            Problem::invalid(pointer, without_values(message.strip_suffix(&place).unwrap_or(&message)))
        }
        Category::Syntax | Category::Eof | Category::Io => Problem::new(Type::MalformedJson).detail(format!(
            "{} at line {}, column {}",
            syntax_of(error),
            error.line(),
            error.column()
        )),
    }
}

/// serde's messages repeat what they found; what was expected is all that a caller needs and may be told.
fn without_values(message: &str) -> String {
    if message.starts_with("missing field") || message.starts_with("duplicate field") {
        return message.replace('`', "\"");
    }
    if let Some(rest) = message.strip_prefix("unknown field ") {
        let name = rest.split('`').nth(1).unwrap_or_default();
        let shown: String = name.chars().filter(|character| !character.is_control()).take(64).collect();
        return format!("there is no field \"{shown}\" here");
    }
    // What was found comes first and may hold the same word.
    match message.rsplit_once("expected ") {
        // The name of a Rust type says nothing to a caller.
        Some((_, expected)) if expected.starts_with("struct ") => "must be an object".to_owned(),
        Some((_, expected)) => format!("must be {}", expected.replace('`', "\"")),
        None => "does not have the expected form".to_owned(),
    }
}

fn syntax_of(error: &serde_json::Error) -> &'static str {
    let text = error.to_string();
    if text.starts_with("recursion limit") {
        "nested too deep"
    } else if text.contains("surrogate") || text.contains("hex escape") {
        "a lone surrogate"
    } else if text.contains("unicode") || text.contains("UTF-8") {
        "not UTF-8"
    } else if error.is_eof() {
        "ends too early"
    } else {
        "not JSON"
    }
}

/// The media type that a batch is sent in.
pub(super) fn is_ndjson(request: &HttpRequest) -> bool {
    matches!(request.content_type(), "application/x-ndjson" | "application/ndjson" | "application/jsonl")
}
