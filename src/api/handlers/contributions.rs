//! Contributions.

use crate::api::answer::{find, list, record_new};
use crate::api::bodies::contributions::RecordContribution;
use crate::api::json::JsonBody;
use crate::api::problem::Problem;
use crate::api::query::{FindQuery, ListQuery};
use crate::api::request::{Call, Path, Query};
use crate::api::views::nouns::ContributionView;
use crate::api::views::{ListOf, ReceiptView};
use crate::app::words::{Kind, Scope};
use actix_web::{HttpRequest, HttpResponse, get, post};

/// Records what somebody did towards an outcome.
///
/// Who may call: clients with `contributions:write`.
#[utoipa::path(tag = "contributions", operation_id = "record_contribution", request_body = RecordContribution, responses((status = 201, body = ReceiptView, description = "Recorded, durable and readable")), security(("oauth2" = ["contributions:write"])))]
#[post("/contributions")]
pub async fn record_contribution(call: Call, body: JsonBody<RecordContribution>) -> Result<HttpResponse, Problem> {
    call.needs(Scope::to_write(Kind::Contribution))?;
    record_new(&call, body, "contributions").await
}

/// Shows one contribution, now or as it stood.
///
/// Who may call: clients with `contributions:read`. `If-None-Match` answers 304 where the version is the same.
#[utoipa::path(tag = "contributions", operation_id = "find_contribution", params(("id" = String, Path, description = "The recording's id"), FindQuery), responses((status = 200, body = ContributionView, description = "The contribution"), (status = 304, description = "The caller has this version")), security(("oauth2" = ["contributions:read"])))]
#[get("/contributions/{id}")]
pub async fn find_contribution(call: Call, id: Path<String>, query: Query<FindQuery>) -> Result<HttpResponse, Problem> {
    call.needs(Scope::to_read(Kind::Contribution))?;
    find::<ContributionView>(&call, Kind::Contribution, &id, &query).await
}

/// Lists contributions of the caller's organisation, by the position of their last change.
///
/// Who may call: clients with `contributions:read`.
#[utoipa::path(tag = "contributions", operation_id = "list_contributions", params(ListQuery), responses((status = 200, body = ListOf<ContributionView>, description = "A page")), security(("oauth2" = ["contributions:read"])))]
#[get("/contributions")]
pub async fn list_contributions(
    call: Call,
    request: HttpRequest,
    query: Query<ListQuery>,
) -> Result<HttpResponse, Problem> {
    call.needs(Scope::to_read(Kind::Contribution))?;
    list::<ContributionView>(&call, &request, Kind::Contribution, &query).await
}
