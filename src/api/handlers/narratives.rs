//! Narratives.

use crate::api::answer::{find, list, record_change, record_new};
use crate::api::bodies::narratives::{AmendNarrative, RecordNarrative, RespondToNarrative, WithdrawNarrative};
use crate::api::json::JsonBody;
use crate::api::problem::Problem;
use crate::api::query::{FindQuery, ListQuery};
use crate::api::request::{Call, Path, Query};
use crate::api::views::nouns::NarrativeView;
use crate::api::views::{ListOf, ReceiptView};
use crate::app::words::{Kind, Scope};
use actix_web::{HttpRequest, HttpResponse, get, post};

/// Records somebody's account, word for word.
///
/// Who may call: clients with `narratives:write`.
#[utoipa::path(tag = "narratives", operation_id = "record_narrative", request_body = RecordNarrative, responses((status = 201, body = ReceiptView, description = "Recorded, durable and readable")), security(("oauth2" = ["narratives:write"])))]
#[post("/narratives")]
pub async fn record_narrative(call: Call, body: JsonBody<RecordNarrative>) -> Result<HttpResponse, Problem> {
    call.needs(Scope::to_write(Kind::Narrative))?;
    record_new(&call, body, "narratives").await
}

/// Supersedes the text of a narrative; every version before stays.
///
/// Who may call: clients with `narratives:write`. Needs `If-Match` with the version that the caller saw.
#[utoipa::path(tag = "narratives", operation_id = "amend_narrative", request_body = AmendNarrative, params(("id" = String, Path, description = "The recording's id")), responses((status = 201, body = ReceiptView, description = "Recorded, durable and readable")), security(("oauth2" = ["narratives:write"])))]
#[post("/narratives/{id}/amendments")]
pub async fn amend_narrative(
    call: Call,
    id: Path<String>,
    body: JsonBody<AmendNarrative>,
) -> Result<HttpResponse, Problem> {
    call.needs(Scope::to_write(Kind::Narrative))?;
    record_change(&call, body, Kind::Narrative, &id, "narratives").await
}

/// Says that a narrative was entered in error.
///
/// Who may call: clients with `narratives:write`. Needs `If-Match` with the version that the caller saw.
#[utoipa::path(tag = "narratives", operation_id = "withdraw_narrative", request_body = WithdrawNarrative, params(("id" = String, Path, description = "The recording's id")), responses((status = 201, body = ReceiptView, description = "Recorded, durable and readable")), security(("oauth2" = ["narratives:write"])))]
#[post("/narratives/{id}/withdrawal")]
pub async fn withdraw_narrative(
    call: Call,
    id: Path<String>,
    body: JsonBody<WithdrawNarrative>,
) -> Result<HttpResponse, Problem> {
    call.needs(Scope::to_write(Kind::Narrative))?;
    record_change(&call, body, Kind::Narrative, &id, "narratives").await
}

/// Stands a response beside a narrative: somebody agrees, disagrees or adds.
///
/// Who may call: clients with `narratives:write`. `If-Match` may be left out: a response overwrites nothing.
#[utoipa::path(tag = "narratives", operation_id = "respond_to_narrative", request_body = RespondToNarrative, params(("id" = String, Path, description = "The recording's id")), responses((status = 201, body = ReceiptView, description = "Recorded, durable and readable")), security(("oauth2" = ["narratives:write"])))]
#[post("/narratives/{id}/responses")]
pub async fn respond_to_narrative(
    call: Call,
    id: Path<String>,
    body: JsonBody<RespondToNarrative>,
) -> Result<HttpResponse, Problem> {
    call.needs(Scope::to_write(Kind::Narrative))?;
    record_change(&call, body, Kind::Narrative, &id, "narratives").await
}

/// Shows one narrative, now or as it stood.
///
/// Who may call: clients with `narratives:read`. `If-None-Match` answers 304 where the version is the same.
#[utoipa::path(tag = "narratives", operation_id = "find_narrative", params(("id" = String, Path, description = "The recording's id"), FindQuery), responses((status = 200, body = NarrativeView, description = "The narrative"), (status = 304, description = "The caller has this version")), security(("oauth2" = ["narratives:read"])))]
#[get("/narratives/{id}")]
pub async fn find_narrative(call: Call, id: Path<String>, query: Query<FindQuery>) -> Result<HttpResponse, Problem> {
    call.needs(Scope::to_read(Kind::Narrative))?;
    find::<NarrativeView>(&call, Kind::Narrative, &id, &query).await
}

/// Lists narratives of the caller's organisation, by the position of their last change.
///
/// Who may call: clients with `narratives:read`.
#[utoipa::path(tag = "narratives", operation_id = "list_narratives", params(ListQuery), responses((status = 200, body = ListOf<NarrativeView>, description = "A page")), security(("oauth2" = ["narratives:read"])))]
#[get("/narratives")]
pub async fn list_narratives(
    call: Call,
    request: HttpRequest,
    query: Query<ListQuery>,
) -> Result<HttpResponse, Problem> {
    call.needs(Scope::to_read(Kind::Narrative))?;
    list::<NarrativeView>(&call, &request, Kind::Narrative, &query).await
}
