//! Actions.

use crate::api::answer::{find, list, record_change, record_new};
use crate::api::bodies::actions::{AgreeAction, ProgressAction};
use crate::api::json::JsonBody;
use crate::api::problem::Problem;
use crate::api::query::{FindQuery, ListQuery};
use crate::api::request::{Call, Path, Query};
use crate::api::views::nouns::ActionView;
use crate::api::views::{ListOf, ReceiptView};
use crate::app::words::{Kind, Scope};
use actix_web::{HttpRequest, HttpResponse, get, post};

/// Records a step that was agreed.
///
/// Who may call: clients with `actions:write`.
#[utoipa::path(tag = "actions", operation_id = "agree_action", request_body = AgreeAction, responses((status = 201, body = ReceiptView, description = "Recorded, durable and readable")), security(("oauth2" = ["actions:write"])))]
#[post("/actions")]
pub async fn agree_action(call: Call, body: JsonBody<AgreeAction>) -> Result<HttpResponse, Problem> {
    call.needs(Scope::to_write(Kind::Action))?;
    record_new(&call, body, "actions").await
}

/// Says how far an action has come.
///
/// Who may call: clients with `actions:write`. Needs `If-Match` with the version that the caller saw.
#[utoipa::path(tag = "actions", operation_id = "progress_action", request_body = ProgressAction, params(("id" = String, Path, description = "The recording's id")), responses((status = 201, body = ReceiptView, description = "Recorded, durable and readable")), security(("oauth2" = ["actions:write"])))]
#[post("/actions/{id}/progress")]
pub async fn progress_action(
    call: Call,
    id: Path<String>,
    body: JsonBody<ProgressAction>,
) -> Result<HttpResponse, Problem> {
    call.needs(Scope::to_write(Kind::Action))?;
    record_change(&call, body, Kind::Action, &id, "actions").await
}

/// Shows one action, now or as it stood.
///
/// Who may call: clients with `actions:read`. `If-None-Match` answers 304 where the version is the same.
#[utoipa::path(tag = "actions", operation_id = "find_action", params(("id" = String, Path, description = "The recording's id"), FindQuery), responses((status = 200, body = ActionView, description = "The action"), (status = 304, description = "The caller has this version")), security(("oauth2" = ["actions:read"])))]
#[get("/actions/{id}")]
pub async fn find_action(call: Call, id: Path<String>, query: Query<FindQuery>) -> Result<HttpResponse, Problem> {
    call.needs(Scope::to_read(Kind::Action))?;
    find::<ActionView>(&call, Kind::Action, &id, &query).await
}

/// Lists actions of the caller's organisation, by the position of their last change.
///
/// Who may call: clients with `actions:read`.
#[utoipa::path(tag = "actions", operation_id = "list_actions", params(ListQuery), responses((status = 200, body = ListOf<ActionView>, description = "A page")), security(("oauth2" = ["actions:read"])))]
#[get("/actions")]
pub async fn list_actions(call: Call, request: HttpRequest, query: Query<ListQuery>) -> Result<HttpResponse, Problem> {
    call.needs(Scope::to_read(Kind::Action))?;
    list::<ActionView>(&call, &request, Kind::Action, &query).await
}
