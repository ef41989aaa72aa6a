//! Reviews.

use crate::api::answer::{find, list, record_change, record_new};
use crate::api::bodies::reviews::{RecordReview, ReviseReview, WithdrawReview};
use crate::api::json::JsonBody;
use crate::api::problem::Problem;
use crate::api::query::{FindQuery, ListQuery};
use crate::api::request::{Call, Path, Query};
use crate::api::views::nouns::ReviewView;
use crate::api::views::{ListOf, ReceiptView};
use crate::app::words::{Kind, Scope};
use actix_web::{HttpRequest, HttpResponse, get, post};

/// Records one perspective's dated appraisal of an outcome.
///
/// Who may call: clients with `reviews:write`. Reviews of other perspectives stand beside it.
#[utoipa::path(tag = "reviews", operation_id = "record_review", request_body = RecordReview, responses((status = 201, body = ReceiptView, description = "Recorded, durable and readable")), security(("oauth2" = ["reviews:write"])))]
#[post("/reviews")]
pub async fn record_review(call: Call, body: JsonBody<RecordReview>) -> Result<HttpResponse, Problem> {
    call.needs(Scope::to_write(Kind::Review))?;
    record_new(&call, body, "reviews").await
}

/// Revises a review; the version before stays in the history.
///
/// Who may call: clients with `reviews:write`. Needs `If-Match` with the version that the caller saw.
#[utoipa::path(tag = "reviews", operation_id = "revise_review", request_body = ReviseReview, params(("id" = String, Path, description = "The recording's id")), responses((status = 201, body = ReceiptView, description = "Recorded, durable and readable")), security(("oauth2" = ["reviews:write"])))]
#[post("/reviews/{id}/revisions")]
pub async fn revise_review(
    call: Call,
    id: Path<String>,
    body: JsonBody<ReviseReview>,
) -> Result<HttpResponse, Problem> {
    call.needs(Scope::to_write(Kind::Review))?;
    record_change(&call, body, Kind::Review, &id, "reviews").await
}

/// Says that a review was entered in error.
///
/// Who may call: clients with `reviews:write`. Needs `If-Match` with the version that the caller saw.
#[utoipa::path(tag = "reviews", operation_id = "withdraw_review", request_body = WithdrawReview, params(("id" = String, Path, description = "The recording's id")), responses((status = 201, body = ReceiptView, description = "Recorded, durable and readable")), security(("oauth2" = ["reviews:write"])))]
#[post("/reviews/{id}/withdrawal")]
pub async fn withdraw_review(
    call: Call,
    id: Path<String>,
    body: JsonBody<WithdrawReview>,
) -> Result<HttpResponse, Problem> {
    call.needs(Scope::to_write(Kind::Review))?;
    record_change(&call, body, Kind::Review, &id, "reviews").await
}

/// Shows one review, now or as it stood.
///
/// Who may call: clients with `reviews:read`. `If-None-Match` answers 304 where the version is the same.
#[utoipa::path(tag = "reviews", operation_id = "find_review", params(("id" = String, Path, description = "The recording's id"), FindQuery), responses((status = 200, body = ReviewView, description = "The review"), (status = 304, description = "The caller has this version")), security(("oauth2" = ["reviews:read"])))]
#[get("/reviews/{id}")]
pub async fn find_review(call: Call, id: Path<String>, query: Query<FindQuery>) -> Result<HttpResponse, Problem> {
    call.needs(Scope::to_read(Kind::Review))?;
    find::<ReviewView>(&call, Kind::Review, &id, &query).await
}

/// Lists reviews of the caller's organisation, by the position of their last change.
///
/// Who may call: clients with `reviews:read`.
#[utoipa::path(tag = "reviews", operation_id = "list_reviews", params(ListQuery), responses((status = 200, body = ListOf<ReviewView>, description = "A page")), security(("oauth2" = ["reviews:read"])))]
#[get("/reviews")]
pub async fn list_reviews(call: Call, request: HttpRequest, query: Query<ListQuery>) -> Result<HttpResponse, Problem> {
    call.needs(Scope::to_read(Kind::Review))?;
    list::<ReviewView>(&call, &request, Kind::Review, &query).await
}
