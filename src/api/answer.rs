//! What most handlers do: record a body, show one recording, show a page.

use crate::api::bodies::Body;
use crate::api::json::{JsonBody, ReadBody};
use crate::api::problem::{Problem, Type};
use crate::api::query::{FindQuery, ListQuery, cursor_for, link_to};
use crate::api::request::{Call, Query};
use crate::api::views::{ListOf, ReceiptView, View};
use crate::app::words::{IdempotencyKey, Kind, StreamId};
use crate::app::{Complete, Receipt, Target};
use actix_web::http::header::{CACHE_CONTROL, ETAG, LINK, LOCATION};
use actix_web::{HttpRequest, HttpResponse};
use serde::Serialize;

/// The header that says what an answer is complete to.
pub const POSITION_HEADER: &str = "Cairn-Position";
/// Answers about people may be kept by the caller alone, and only if asked about again each time.
pub const PRIVATE: &str = "private, no-cache";

/// Reads an id from a path: one that is no UUID names nothing.
///
/// # Errors
/// [`Type::NotFound`].
pub fn id_in_path(text: &str, kind: Kind) -> Result<StreamId, Problem> {
    let unknown = || Problem::new(Type::NotFound).detail(format!("there is no such {}", kind.as_str()));
    uuid::Uuid::parse_str(text).map(StreamId).map_err(|_| unknown())
}

/// Records something new.
///
/// # Errors
/// A [`Problem`].
pub async fn record_new<B: Body>(call: &Call, body: JsonBody<B>, place: &str) -> Result<HttpResponse, Problem> {
    let body = body.read(call.state.limits).await?;
    let receipt = record(call, body, Target::New, "", None).await?;
    Ok(created(receipt, &format!("/v1/{place}/{}", receipt.id)))
}

/// Changes a recording, which needs the version that the caller saw.
///
/// # Errors
/// A [`Problem`].
pub async fn record_change<B: Body>(
    call: &Call,
    body: JsonBody<B>,
    kind: Kind,
    id: &str,
    place: &str,
) -> Result<HttpResponse, Problem> {
    let if_match = if B::CHANGES { Some(call.if_match()?) } else { call.optional_if_match() };
    let stream = id_in_path(id, kind)?;
    let body = body.read(call.state.limits).await?;
    let receipt = record(call, body, Target::Existing { id: stream, if_match }, &stream.to_string(), if_match).await?;
    Ok(created(receipt, &format!("/v1/{place}/{}", receipt.id)))
}

/// Records a body on a target, under the call's idempotency key.
///
/// # Errors
/// A [`Problem`].
pub async fn record<B: Body>(
    call: &Call,
    body: ReadBody<B>,
    target: Target,
    id: &str,
    if_match: Option<u64>,
) -> Result<Receipt, Problem> {
    let key = request_key(call, B::OPERATION, id, if_match, &body.bytes)?;
    let recording = body.value.into_recording(target)?;
    Ok(call.state.app.record(&call.caller, recording, key).await?)
}

/// The idempotency key of a request with all that it asks.
///
/// # Errors
/// [`Type::IdempotencyKeyMissing`].
pub fn request_key(
    call: &Call,
    operation: &str,
    id: &str,
    if_match: Option<u64>,
    body: &[u8],
) -> Result<IdempotencyKey, Problem> {
    let key = call.idempotency_key()?;
    let canonical = serde_json::from_slice::<serde_json::Value>(body)
        .ok()
        .and_then(|value| serde_json_canonicalizer::to_vec(&value).ok())
        .unwrap_or_default();
    let if_match = if_match.map(|version| version.to_string()).unwrap_or_default();
    // The same pieces as a line of a batch, so a recording can be repeated either way.
    let request: [&[u8]; 4] = [operation.as_bytes(), id.as_bytes(), if_match.as_bytes(), &canonical];
    Ok(call.state.app.idempotency_key(&call.caller, key, &request))
}

/// The answer to a recording.
pub fn created(receipt: Receipt, location: &str) -> HttpResponse {
    HttpResponse::Created()
        .insert_header((LOCATION, location))
        .insert_header((ETAG, entity_tag(receipt.version)))
        .insert_header((POSITION_HEADER, receipt.position.to_string()))
        .insert_header((CACHE_CONTROL, "no-store"))
        .json(ReceiptView::from(receipt))
}

/// The ETag of a version.
#[must_use]
pub fn entity_tag(version: u64) -> String {
    format!("\"{version}\"")
}

/// Shows one recording, now or as it stood; answers 304 where the caller has it.
///
/// # Errors
/// A [`Problem`].
pub async fn find<V: View>(
    call: &Call,
    kind: Kind,
    id: &str,
    query: &Query<FindQuery>,
) -> Result<HttpResponse, Problem> {
    let id = id_in_path(id, kind)?;
    let as_of = query.read()?.as_of()?;
    let has = |version| call.has(&entity_tag(version));
    let Some(found) = call.state.app.find(&call.caller, kind, id, as_of, has).await? else {
        return Err(Problem::new(Type::NotFound).detail(format!("there is no such {}", kind.as_str())));
    };
    let mut response = if found.seen.is_some() { HttpResponse::Ok() } else { HttpResponse::NotModified() };
    response
        .insert_header((ETAG, entity_tag(found.version)))
        .insert_header((POSITION_HEADER, position_of(found.complete_to)))
        .insert_header((CACHE_CONTROL, PRIVATE));
    match &found.seen {
        Some(seen) => Ok(response.json(V::of(seen)?)),
        None => Ok(response.finish()),
    }
}

/// The position of an answer, as the header says it; empty while the log is.
#[must_use]
pub fn position_of(complete: Complete) -> String {
    complete.position.map(|position| position.to_string()).unwrap_or_default()
}

/// Shows a page of one kind.
///
/// # Errors
/// A [`Problem`].
pub async fn list<V: View>(
    call: &Call,
    request: &HttpRequest,
    kind: Kind,
    query: &Query<ListQuery>,
) -> Result<HttpResponse, Problem> {
    let listing = query.read()?.listing(call, request)?;
    let page = call.state.app.list(&call.caller, kind, &listing).await?;
    let next = match (page.next, page.complete_to.position) {
        (Some(after), Some(as_of)) => Some(link_to(request, &cursor_for(call, request, after, as_of))),
        _ => None,
    };
    Ok(listed(page.complete_to, next.clone(), ListOf::<V>::of(&page, next)?))
}

/// An answer that is a list.
pub fn listed(complete: Complete, next: Option<String>, body: impl Serialize) -> HttpResponse {
    let mut response = HttpResponse::Ok();
    response.insert_header((POSITION_HEADER, position_of(complete))).insert_header((CACHE_CONTROL, PRIVATE));
    if let Some(next) = next {
        response.insert_header((LINK, format!("<{next}>; rel=\"next\"")));
    }
    response.json(body)
}

/// Shows one answer that is no list.
pub fn shown(complete: Complete, body: impl Serialize) -> HttpResponse {
    HttpResponse::Ok()
        .insert_header((POSITION_HEADER, position_of(complete)))
        .insert_header((CACHE_CONTROL, PRIVATE))
        .json(body)
}
