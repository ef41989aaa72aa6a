//! Erasures: asked for by one client, executed or refused by another.

use crate::api::answer::{
    POSITION_HEADER, PRIVATE, created, entity_tag, id_in_path, list, position_of, record_change, record_new,
    request_key,
};
use crate::api::bodies::erasures::{
    ApproveErasure, RecordErasureNotice, RefuseErasure, RequestErasure, WithdrawErasure,
};
use crate::api::bodies::occurred_at;
use crate::api::json::JsonBody;
use crate::api::problem::{Problem, Type};
use crate::api::query::{FindQuery, ListQuery};
use crate::api::request::{Call, Path, Query};
use crate::api::views::erasures::{ErasureDetailView, ErasureView};
use crate::api::views::{ListOf, ReceiptView};
use crate::app::words::{Kind, Scope};
use actix_web::http::header::{CACHE_CONTROL, ETAG};
use actix_web::{HttpRequest, HttpResponse, get, post};

/// Asks for an erasure (GDPR Art 17). Nothing is erased until another client approves it.
///
/// Who may call: clients with `erasures:request`.
#[utoipa::path(tag = "erasures", operation_id = "request_erasure", request_body = RequestErasure, responses((status = 201, body = ReceiptView, description = "Recorded, durable and readable")), security(("oauth2" = ["erasures:request"])))]
#[post("/erasures")]
pub async fn request_erasure(call: Call, body: JsonBody<RequestErasure>) -> Result<HttpResponse, Problem> {
    call.needs(Scope::ErasuresRequest)?;
    record_new(&call, body, "erasures").await
}

/// Approves an erasure and executes it at once: the parts are removed in the same transaction, the keys destroyed after it.
///
/// Who may call: clients with `erasures:approve`, but never the one that asked (409). Needs `If-Match`.
#[utoipa::path(tag = "erasures", operation_id = "approve_erasure", request_body = ApproveErasure, params(("id" = String, Path, description = "The erasure's id")), responses((status = 201, body = ReceiptView, description = "Executed and durable")), security(("oauth2" = ["erasures:approve"])))]
#[post("/erasures/{id}/approval")]
pub async fn approve_erasure(
    call: Call,
    id: Path<String>,
    body: JsonBody<ApproveErasure>,
) -> Result<HttpResponse, Problem> {
    call.needs(Scope::ErasuresApprove)?;
    let if_match = call.if_match()?;
    let stream = id_in_path(&id, Kind::Erasure)?;
    let body = body.read(call.state.limits).await?;
    let key = request_key(&call, "approve_erasure", &stream.to_string(), Some(if_match), &body.bytes)?;
    let when = occurred_at(&body.value.occurred_at)?;
    let receipt = call.state.app.approve_erasure(&call.caller, stream, if_match, when, key).await?;
    Ok(created(receipt, &format!("/v1/erasures/{}", receipt.id)))
}

/// Refuses an erasure, by an exemption of GDPR Art 17(3) or because no ground applies.
///
/// Who may call: clients with `erasures:approve`. Needs `If-Match`.
#[utoipa::path(tag = "erasures", operation_id = "refuse_erasure", request_body = RefuseErasure, params(("id" = String, Path, description = "The erasure's id")), responses((status = 201, body = ReceiptView, description = "Recorded, durable and readable")), security(("oauth2" = ["erasures:approve"])))]
#[post("/erasures/{id}/refusal")]
pub async fn refuse_erasure(
    call: Call,
    id: Path<String>,
    body: JsonBody<RefuseErasure>,
) -> Result<HttpResponse, Problem> {
    call.needs(Scope::ErasuresApprove)?;
    record_change(&call, body, Kind::Erasure, &id, "erasures").await
}

/// Takes a request to erase back.
///
/// Who may call: clients with `erasures:request`. Needs `If-Match`.
#[utoipa::path(tag = "erasures", operation_id = "withdraw_erasure", request_body = WithdrawErasure, params(("id" = String, Path, description = "The erasure's id")), responses((status = 201, body = ReceiptView, description = "Recorded, durable and readable")), security(("oauth2" = ["erasures:request"])))]
#[post("/erasures/{id}/withdrawal")]
pub async fn withdraw_erasure(
    call: Call,
    id: Path<String>,
    body: JsonBody<WithdrawErasure>,
) -> Result<HttpResponse, Problem> {
    call.needs(Scope::ErasuresRequest)?;
    record_change(&call, body, Kind::Erasure, &id, "erasures").await
}

/// Records that somebody who had the data was told of its erasure (GDPR Art 19).
///
/// Who may call: clients with `erasures:request`. Needs `If-Match`.
#[utoipa::path(tag = "erasures", operation_id = "record_erasure_notice", request_body = RecordErasureNotice, params(("id" = String, Path, description = "The erasure's id")), responses((status = 201, body = ReceiptView, description = "Recorded, durable and readable")), security(("oauth2" = ["erasures:request"])))]
#[post("/erasures/{id}/notices")]
pub async fn record_erasure_notice(
    call: Call,
    id: Path<String>,
    body: JsonBody<RecordErasureNotice>,
) -> Result<HttpResponse, Problem> {
    call.needs(Scope::ErasuresRequest)?;
    record_change(&call, body, Kind::Erasure, &id, "erasures").await
}

/// Shows one erasure: what became of it, whether the keys are destroyed, who must be told.
///
/// Who may call: clients with `erasures:read`. `If-None-Match` answers 304 where the version is the same and no key is still to be destroyed.
#[utoipa::path(tag = "erasures", operation_id = "find_erasure", params(("id" = String, Path, description = "The erasure's id"), FindQuery), responses((status = 200, body = ErasureDetailView, description = "The erasure"), (status = 304, description = "The caller has this version")), security(("oauth2" = ["erasures:read"])))]
#[get("/erasures/{id}")]
pub async fn find_erasure(call: Call, id: Path<String>, query: Query<FindQuery>) -> Result<HttpResponse, Problem> {
    call.needs(Scope::ErasuresRead)?;
    let id = id_in_path(&id, Kind::Erasure)?;
    let has = |version: u64| call.has(&entity_tag(version));
    let found = call.state.app.erasure(&call.caller, id, query.read()?.as_of()?, has).await?;
    let Some(erasure) = found else {
        return Err(Problem::new(Type::NotFound).detail("there is no such erasure"));
    };
    let mut response = if erasure.seen.is_some() { HttpResponse::Ok() } else { HttpResponse::NotModified() };
    response
        .insert_header((ETAG, entity_tag(erasure.version)))
        .insert_header((POSITION_HEADER, position_of(erasure.complete_to)))
        .insert_header((CACHE_CONTROL, PRIVATE));
    match &erasure.seen {
        Some(seen) => Ok(response.json(ErasureDetailView::of(seen, &erasure.keys)?)),
        None => Ok(response.finish()),
    }
}

/// Lists requests to erase, by the position of their last change; `status` finds those that wait for a decision.
///
/// Who may call: clients with `erasures:read`.
#[utoipa::path(tag = "erasures", operation_id = "list_erasures", params(ListQuery), responses((status = 200, body = ListOf<ErasureView>, description = "A page")), security(("oauth2" = ["erasures:read"])))]
#[get("/erasures")]
pub async fn list_erasures(call: Call, request: HttpRequest, query: Query<ListQuery>) -> Result<HttpResponse, Problem> {
    call.needs(Scope::ErasuresRead)?;
    list::<ErasureView>(&call, &request, Kind::Erasure, &query).await
}
